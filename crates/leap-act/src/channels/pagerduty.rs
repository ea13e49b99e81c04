//! PagerDuty, Events API v2: an incident there opens, is acknowledged and closes with ours, by one `dedup_key`.
//!
//! ```text
//! incident_opened, incident_reopened, other alerts → trigger
//! incident_acknowledged                            → acknowledge
//! incident_resolved                                → resolve
//! incident_annotated, nudges                       → skipped: a trigger would page somebody again
//! ```
//! Limits, from PagerDuty's reference: `summary` 1,024 characters, `dedup_key` 255, the whole below 512 KB.

use leap_terms::{Instant, MessageKind};
use reqwest::Url;
use serde_json::{Map, Value, json};

use super::{Channel, Sending, json_type};
use crate::egress::{Client, Request};
use crate::message::{Message, Urgency};
use crate::policy::{Outcome, Service};
use crate::secret::Secret;
use crate::text::{fitted, plain};

/// Where events go, in the United States; `https://events.eu.pagerduty.com/v2/enqueue` in Europe.
pub const ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";
/// Characters of a summary.
const SUMMARY: usize = 1_024;
/// Bytes of a body; PagerDuty takes 512 KB.
const BODY: usize = 500_000;

/// A service of PagerDuty.
#[derive(Clone, Debug)]
pub struct PagerDuty {
    /// What sends.
    pub client: Client,
    /// Where events go.
    pub address: Url,
    /// The integration's key.
    pub routing_key: Secret,
}

/// What PagerDuty is to do.
fn action(message: &Message) -> Result<&'static str, &'static str> {
    let content = message.content();
    match content.kind {
        MessageKind::IncidentOpened | MessageKind::IncidentReopened => Ok("trigger"),
        MessageKind::IncidentAcknowledged => Ok("acknowledge"),
        MessageKind::IncidentResolved => Ok("resolve"),
        MessageKind::IncidentAnnotated => Err("PagerDuty would page somebody again; what was learned is on the site"),
        _ if content.urgency == Urgency::Alert => Ok("trigger"),
        _ => Err("PagerDuty gets alerts, and this is none"),
    }
}

impl PagerDuty {
    /// The request, or why there is none.
    ///
    /// # Errors
    /// In words.
    pub fn request(&self, message: &Message) -> Result<Request, &'static str> {
        let action = action(message)?;
        let content = message.content();
        let mut event = json!({
            "routing_key": self.routing_key.reveal(),
            "event_action": action,
            "dedup_key": message.incident_key().as_str(),
        });
        if action == "trigger" {
            let mut details = Map::new();
            details.insert("what".to_owned(), content.sentences.join(" ").into());
            for field in &content.fields {
                // Two fields of one label: both are shown.
                let mut label = field.label.clone();
                while details.contains_key(&label) {
                    label.push('\'');
                }
                details.insert(label, field.value.clone().into());
            }
            details.insert("snapshot".to_owned(), content.snapshot.clone().map_or(Value::Null, Value::from));
            details.insert("message".to_owned(), message.key().as_str().into());
            let links = content.links.iter();
            event["payload"] = json!({
                "summary": fitted(&content.title, SUMMARY, plain),
                "source": "leap",
                "severity": content.severity.word(),
                "timestamp": content.occurred.to_string(),
                "component": content.subject,
                "group": content.unit.as_str(),
                "class": content.kind.word(),
                "custom_details": details,
            });
            event["links"] = links.map(|link| json!({ "href": link.address, "text": link.label })).collect();
            event["client"] = "leap".into();
            if let Some(link) = content.links.first() {
                event["client_url"] = link.address.clone().into();
            }
        }
        let mut body = event.to_string();
        if body.len() > BODY {
            event["payload"]["custom_details"] = json!({ "message": message.key().as_str() });
            body = event.to_string();
        }
        Ok(Request {
            url: self.address.clone(),
            headers: vec![json_type()],
            body: body.into_bytes(),
            carries_secret: true,
        })
    }
}

impl Channel for PagerDuty {
    fn send<'a>(&'a self, message: &'a Message, _attempt: u32, now: Instant) -> Sending<'a> {
        Box::pin(async move {
            let request = match self.request(message) {
                Ok(request) => request,
                Err(why) => return Outcome::Skipped(why.to_owned()),
            };
            match self.client.send(&request).await {
                Ok(answer) => answer.outcome_in_words(Service::PagerDuty, &self.routing_key, now),
                Err(outcome) => outcome,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::{ClientSettings, Guard, SystemNames};
    use crate::message::tests::message;
    use crate::message::{Content, Incident, Severity};
    use std::sync::Arc;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn pagerduty() -> PagerDuty {
        let guard = Arc::new(Guard::new([], [], Arc::new(SystemNames)));
        PagerDuty {
            client: Client::new(guard, &ClientSettings::default()).unwrap(),
            address: ADDRESS.parse().unwrap(),
            routing_key: Secret::new(KEY).unwrap(),
        }
    }

    fn incident(kind: MessageKind, change: impl FnOnce(&mut Content)) -> Message {
        message(|content| {
            content.kind = kind;
            content.incident = Some(Incident { id: "i-7".to_owned(), opened: content.occurred });
            change(content);
        })
    }

    fn body(message: &Message) -> String {
        String::from_utf8(pagerduty().request(message).unwrap().body).unwrap()
    }

    #[test]
    fn an_incident_is_one_from_trigger_to_resolve() {
        let opened = incident(MessageKind::IncidentOpened, |content| {
            content.title = "checkout \"p99.9\" misses <3s>".to_owned();
            content.severity = Severity::Critical;
            content.fields.truncate(1);
        });
        assert_eq!(
            body(&opened),
            concat!(
                r#"{"routing_key":"0123456789abcdef0123456789abcdef","event_action":"trigger","#,
                r#""dedup_key":"leap:incident:i-7","#,
                r#""payload":{"summary":"checkout \"p99.9\" misses <3s>","source":"leap","severity":"critical","#,
                r#""timestamp":"2026-09-17T08:00:00Z","component":"budget-7","group":"payments","#,
                r#""class":"incident_opened","#,
                r#""custom_details":{"what":"The budget was exceeded on 2026-09-16.","Budget":"120,000.00 USD","#,
                r#""snapshot":"12","#,
                r#""message":"leap:incident_opened:payments:budget-7:2026-09"}},"#,
                r#""links":[{"href":"https://leap.example.com/team/payments?period=2026-09","text":"Explain"}],"#,
                r#""client":"leap","client_url":"https://leap.example.com/team/payments?period=2026-09"}"#
            )
        );
        for (kind, action) in
            [(MessageKind::IncidentAcknowledged, "acknowledge"), (MessageKind::IncidentResolved, "resolve")]
        {
            let wanted =
                format!(r#"{{"routing_key":"{KEY}","event_action":"{action}","dedup_key":"leap:incident:i-7"}}"#);
            assert_eq!(body(&incident(kind, |_| {})), wanted);
        }
        let again = body(&incident(MessageKind::IncidentReopened, |_| {}));
        assert!(again.contains(r#""event_action":"trigger","dedup_key":"leap:incident:i-7""#), "{again}");
    }

    #[test]
    fn nobody_is_paged_for_less() {
        let annotated = incident(MessageKind::IncidentAnnotated, |_| {});
        assert!(pagerduty().request(&annotated).unwrap_err().starts_with("PagerDuty would page somebody again"));
        let nudge = message(|content| content.urgency = Urgency::Nudge);
        assert_eq!(pagerduty().request(&nudge).unwrap_err(), "PagerDuty gets alerts, and this is none");
        let alert = body(&message(|_| {}));
        assert!(alert.contains(r#""dedup_key":"leap:payments:budget-7:2026-09""#), "{alert}");
    }

    #[test]
    fn what_is_long_is_cut_to_what_pagerduty_takes() {
        let long = incident(MessageKind::IncidentOpened, |content| {
            content.subject = "é".repeat(400);
            content.title = "t".repeat(5_000);
            content.sentences = vec!["s".repeat(3_000); 20];
            let field = crate::message::Field { label: "same".to_owned(), value: "\u{1F600}".repeat(2_000) };
            content.fields = vec![field; 50];
        });
        let request = pagerduty().request(&long).unwrap();
        assert!(request.body.len() < BODY, "{}", request.body.len());
        let value: Value = serde_json::from_slice(&request.body).unwrap();
        assert!(value["payload"]["summary"].as_str().unwrap().chars().count() <= SUMMARY);
        assert_eq!(format!("{request:?}"), format!("POST to \"events.pagerduty.com\", {} bytes", request.body.len()));
    }
}
