//! A message: what is to be said, before any service's notation.
//!
//! ```text
//! budget_breached  payments  budget-7  2026-09        → key leap:budget_breached:payments:budget-7:2026-09
//!   error, alert   "payments is 2.31 % over its budget of September"
//!   "The forecast was exceeded on 2026-09-17." …
//!   Budget: 120,000.00 USD · Actual: 122,772.00 USD
//!   Explain → https://leap.example.com/explain?…
//! ```
//! Texts may come from strangers: they are cleaned when the message is made, and escaped by each channel. Amounts are
//! texts that whoever wrote the message had exactly. As JSON it is what the book keeps; its key is kept with it, so
//! that a later version of leap does not say an old thing again.

mod kind;

use leap_terms::{DedupKey, Instant, MessageKind, TeamId};
use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use kind::{Answer, Severity, Urgency};

use crate::limits;
use crate::text::{clean, fitted, plain};

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    /// What it is about.
    pub kind: MessageKind,
    /// The team or other unit that it is for.
    pub unit: TeamId,
    /// The one thing it is about: a budget, an API, a waiver. Part of the key.
    pub subject: String,
    /// Of which period, day or version; said again for another one. Part of the key.
    pub period: String,
    /// When it happened.
    #[serde(serialize_with = "instant_to_text", deserialize_with = "instant_of_text")]
    pub occurred: Instant,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it may wait.
    pub urgency: Urgency,
    /// One line.
    pub title: String,
    /// What changed, by how much, since when; one line each.
    #[serde(default)]
    pub sentences: Vec<String>,
    /// Labels and exact values.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Where to go on.
    #[serde(default)]
    pub links: Vec<Link>,
    /// What may be answered at once.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// The snapshot whose figures these are.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// The incident that it belongs to.
    #[serde(default)]
    pub incident: Option<Incident>,
}

/// A label and its value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field {
    /// One word or two.
    pub label: String,
    /// The value, exact, as text.
    pub value: String,
}

/// An address of the site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// What it does, in a word or two.
    pub label: String,
    /// `https://leap.example.com/…`.
    pub address: String,
}

/// An incident: one thing at all services, from its opening to its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// Its id, which stays, also where its unit is renamed or moved.
    pub id: String,
    /// When it opened.
    #[serde(serialize_with = "instant_to_text", deserialize_with = "instant_of_text")]
    pub opened: Instant,
}

/// A checked message with its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Message {
    key: DedupKey,
    content: Content,
}

/// As the book keeps it.
#[derive(Serialize, Deserialize)]
struct Stored {
    key: DedupKey,
    #[serde(flatten)]
    content: Content,
}

impl Message {
    /// Cleans and checks what is to be said. Texts that are too long are cut, as their length may be a stranger's
    /// doing.
    ///
    /// # Errors
    /// In words, where it has no subject, period or title, has too many parts, or a link that leads nowhere.
    pub fn new(content: Content) -> Result<Message, String> {
        let key = DedupKey::new(content.kind, &content.unit, &content.subject, &content.period);
        Message::with_key(key, content)
    }

    /// The same, under a key that is known: that of the step of a plan which says it.
    ///
    /// # Errors
    /// As [`Message::new`].
    pub fn with_key(key: DedupKey, mut content: Content) -> Result<Message, String> {
        let line = |text: &str, most: usize| fitted(&clean(text), most, plain);
        content.title = line(&content.title, limits::TITLE);
        content.sentences =
            content.sentences.iter().map(|text| line(text, limits::SENTENCE)).filter(|text| !text.is_empty()).collect();
        for field in &mut content.fields {
            field.label = line(&field.label, limits::LABEL);
            field.value = line(&field.value, limits::VALUE);
        }
        for (name, text) in [("subject", &content.subject), ("period", &content.period), ("title", &content.title)] {
            if text.is_empty() {
                return Err(format!("the message {key} has no {name}"));
            }
        }
        let counts = [
            ("sentences", content.sentences.len(), limits::SENTENCES),
            ("fields", content.fields.len(), limits::FIELDS),
            ("links", content.links.len(), limits::LINKS),
        ];
        if let Some((name, count, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
            return Err(format!("the message {key} has {count} {name}; it may have {most}"));
        }
        for link in &mut content.links {
            link.label = line(&link.label, limits::LABEL);
            link.address = site_address(&link.address).map_err(|why| format!("the message {key}: {why}"))?;
        }
        Ok(Message { key, content })
    }

    /// What receivers know it by.
    pub fn key(&self) -> &DedupKey {
        &self.key
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Messages of one thread arrive in their order: those of one incident; any other message is alone.
    pub fn thread(&self) -> DedupKey {
        match &self.content.incident {
            Some(incident) => DedupKey::of(&["incident", &incident.id]),
            None => self.key.clone(),
        }
    }

    /// What a service opens and closes that has incidents of its own: the same for all that is said of one thing.
    pub fn incident_key(&self) -> DedupKey {
        match &self.content.incident {
            Some(_) => self.thread(),
            None => DedupKey::of(&[self.content.unit.as_str(), &self.content.subject, &self.content.period]),
        }
    }
}

impl TryFrom<Stored> for Message {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Message, String> {
        Message::with_key(stored.key, stored.content)
    }
}

impl From<Message> for Stored {
    fn from(message: Message) -> Stored {
        Stored { key: message.key, content: message.content }
    }
}

/// An absolute address that people may be sent to, in its own spelling.
fn site_address(text: &str) -> Result<String, String> {
    let shown = text.chars().take(80).collect::<String>();
    let refuse = |why: &str| Err(format!("'{}' is no address of the site: {why}", shown.escape_debug()));
    if text.len() > limits::ADDRESS || text.chars().any(char::is_control) {
        return refuse("it is too long, or has control characters");
    }
    let Ok(url) = text.parse::<Url>() else {
        return refuse("it is not absolute, such as https://leap.example.com/…");
    };
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return refuse("it is neither https:// nor http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it has a user in it");
    }
    Ok(url.into())
}

pub(crate) fn instant_to_text<S: Serializer>(instant: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(instant)
}

pub(crate) fn instant_of_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A breach of payments' budget, changed as a test wants it.
    pub(crate) fn message(change: impl FnOnce(&mut Content)) -> Message {
        let mut content = Content {
            kind: MessageKind::BudgetBreached,
            unit: TeamId::new("payments").unwrap(),
            subject: "budget-7".to_owned(),
            period: "2026-09".to_owned(),
            occurred: "2026-09-17T08:00:00Z".parse().unwrap(),
            severity: Severity::Error,
            urgency: Urgency::Alert,
            title: "payments is 2.31 % over its budget of 2026-09".to_owned(),
            sentences: vec!["The budget was exceeded on 2026-09-16.".to_owned()],
            fields: vec![
                Field { label: "Budget".to_owned(), value: "120,000.00 USD".to_owned() },
                Field { label: "Actual".to_owned(), value: "122,772.00 USD".to_owned() },
            ],
            links: vec![Link {
                label: "Explain".to_owned(),
                address: "https://leap.example.com/team/payments?period=2026-09".to_owned(),
            }],
            answers: vec![],
            snapshot: Some("12".to_owned()),
            incident: None,
        };
        change(&mut content);
        Message::new(content).unwrap()
    }

    #[test]
    fn what_the_book_keeps_comes_back() {
        let said = message(|content| {
            content.answers = vec![Answer::NotMine];
            content.incident = Some(Incident { id: "i-1".to_owned(), opened: content.occurred });
        });
        let text = serde_json::to_string(&said).unwrap();
        assert!(
            text.starts_with(r#"{"key":"leap:budget_breached:payments:budget-7:2026-09","kind":"budget_breached","#)
        );
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), said);
        // A key that was kept stays, whatever would be made today.
        let older = text.replace("leap:budget_breached:payments:budget-7:2026-09", "leap:budget:payments");
        assert_eq!(serde_json::from_str::<Message>(&older).unwrap().key().as_str(), "leap:budget:payments");
        let wrong = text.replace("https://leap.example.com/team", "javascript:alert(1)//");
        assert!(
            serde_json::from_str::<Message>(&wrong).unwrap_err().to_string().contains("neither https:// nor http://")
        );
    }

    #[test]
    fn texts_of_strangers_are_cleaned_and_cut() {
        let said = message(|content| {
            content.title = "a\r\nBcc: b\u{202e}".to_owned();
            content.sentences = vec!["x".repeat(4_000), " ".to_owned()];
            content.fields[0].value = "1\n2".to_owned();
        });
        assert_eq!(said.content().title, "a  Bcc: b");
        assert_eq!(said.content().sentences.len(), 1);
        assert_eq!(said.content().sentences[0].chars().count(), limits::SENTENCE);
        assert_eq!(said.content().fields[0].value, "1 2");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let refused = |change: &dyn Fn(&mut Content)| {
            let mut content = message(|_| {}).content().clone();
            change(&mut content);
            Message::new(content).unwrap_err()
        };
        let key = "the message leap:budget_breached:payments:budget-7:2026-09";
        assert_eq!(refused(&|content| content.title = "\u{200b}".to_owned()), format!("{key} has no title"));
        let field = Field { label: "a".to_owned(), value: "b".to_owned() };
        assert_eq!(
            refused(&|content| content.fields = vec![field.clone(); 51]),
            format!("{key} has 51 fields; it may have 50")
        );
        for (address, why) in [
            ("/team/payments", "it is not absolute, such as https://leap.example.com/…"),
            ("javascript:alert(1)", "it is neither https:// nor http://"),
            ("https://ana:pw@leap.example.com/", "it has a user in it"),
            ("https://leap.example.com/\r\n", "it is too long, or has control characters"),
        ] {
            let said = refused(&|content| content.links[0].address = address.to_owned());
            assert_eq!(said, format!("{key}: '{}' is no address of the site: {why}", address.escape_debug()));
        }
    }

    #[test]
    fn all_of_an_incident_is_one_thread() {
        let of = |kind: MessageKind, unit: &str| {
            message(|content| {
                content.kind = kind;
                content.unit = TeamId::new(unit).unwrap();
                content.incident = Some(Incident { id: "contract-3:1".to_owned(), opened: content.occurred });
            })
        };
        let (opened, resolved) =
            (of(MessageKind::IncidentOpened, "payments"), of(MessageKind::IncidentResolved, "payments-2"));
        assert_eq!(opened.thread().as_str(), "leap:incident:contract-3%3A1");
        assert_eq!((opened.thread(), opened.incident_key()), (resolved.thread(), resolved.incident_key()));
        assert_ne!(opened.key(), resolved.key());
        let (warned, breached) = (message(|content| content.kind = MessageKind::BudgetWarned), message(|_| {}));
        assert_eq!(warned.incident_key(), breached.incident_key());
        assert_ne!(warned.thread(), breached.thread());
    }
}
