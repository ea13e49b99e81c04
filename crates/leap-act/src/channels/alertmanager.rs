//! Prometheus' Alertmanager, API v2: an alert is its label set, fires until `endsAt`, and is told again while it fires.
//!
//! ```text
//! [{"labels":{"alertname":"LeapBudgetBreached","severity":"error","subject":"budget-7","team":"payments"},
//!   "annotations":{…},"startsAt":"…","endsAt":"…","generatorURL":"…"}]
//! ```
//! Labels are of what the alert is about, not of what is said of it: opening, annotating and resolving one incident
//! have the same ones. `endsAt` of a firing alert lies `firing_hours` ahead, so that an alert does not end because
//! nobody said it again; what lasts longer has to be said again. Resolving says that it ended.

use leap_terms::{Instant, MessageKind};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Map, json};

use super::{Channel, Sending, json_type};
use crate::egress::{Client, Request};
use crate::message::{Message, Urgency};
use crate::policy::{Outcome, Service, later};
use crate::secret::Secret;

/// An Alertmanager.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    /// What sends.
    pub client: Client,
    /// `https://alertmanager.example.com/api/v2/alerts`.
    pub address: Url,
    /// A token for `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// Hours that a firing alert lasts without being said again.
    pub firing_hours: u32,
}

/// `incident_opened` as `LeapIncident`, `budget_breached` as `LeapBudgetBreached`: what stays the same while it fires.
fn alert_name(kind: MessageKind) -> String {
    let word = match kind {
        MessageKind::IncidentOpened
        | MessageKind::IncidentAcknowledged
        | MessageKind::IncidentAnnotated
        | MessageKind::IncidentResolved
        | MessageKind::IncidentReopened => "incident",
        other => other.word(),
    };
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    format!("Leap{}", word.split('_').map(capital).collect::<String>())
}

impl Alertmanager {
    /// The request, or why there is none.
    ///
    /// # Errors
    /// In words.
    pub fn request(&self, message: &Message, now: Instant) -> Result<Request, &'static str> {
        let content = message.content();
        if content.urgency != Urgency::Alert {
            return Err("Alertmanager gets alerts, and this is none");
        }
        let name = alert_name(content.kind);
        let mut labels = Map::new();
        labels.insert("alertname".to_owned(), name.into());
        match &content.incident {
            // Unit and severity may change while it lasts, its id does not.
            Some(incident) => labels.insert("incident".to_owned(), incident.id.clone().into()),
            None => {
                labels.insert("period".to_owned(), content.period.clone().into());
                labels.insert("severity".to_owned(), content.severity.word().into());
                labels.insert("subject".to_owned(), content.subject.clone().into());
                labels.insert("team".to_owned(), content.unit.as_str().into())
            }
        };
        let mut annotations = Map::new();
        annotations.insert("summary".to_owned(), content.title.clone().into());
        if !content.sentences.is_empty() {
            annotations.insert("description".to_owned(), content.sentences.join(" ").into());
        }
        for field in &content.fields {
            annotations.insert(annotation_name(&field.label), field.value.clone().into());
        }
        if content.incident.is_some() {
            annotations.insert("team".to_owned(), content.unit.as_str().into());
            annotations.insert("severity".to_owned(), content.severity.word().into());
        }
        annotations.insert("message".to_owned(), message.key().as_str().into());
        if let Some(snapshot) = &content.snapshot {
            annotations.insert("snapshot".to_owned(), snapshot.clone().into());
        }
        let starts = content.incident.as_ref().map_or(content.occurred, |incident| incident.opened);
        let ends = match content.kind {
            MessageKind::IncidentResolved => content.occurred.max(starts),
            _ => later(now.max(starts), 3_600 * i64::from(self.firing_hours)),
        };
        let mut alert = json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": starts.to_string(),
            "endsAt": ends.to_string(),
        });
        if let Some(link) = content.links.first() {
            alert["generatorURL"] = link.address.clone().into();
        }
        let mut headers = vec![json_type()];
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
            let mut value = value.map_err(|_| "the token of Alertmanager has characters that none has")?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        Ok(Request {
            url: self.address.clone(),
            headers,
            body: json!([alert]).to_string().into_bytes(),
            carries_secret: self.token.is_some(),
        })
    }
}

/// A label as the name of an annotation: `[a-zA-Z_][a-zA-Z0-9_]*`, behind `leap_` so that it replaces none of ours.
fn annotation_name(label: &str) -> String {
    let letters =
        label.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    format!("leap_{}", letters.collect::<String>())
}

impl Channel for Alertmanager {
    fn send<'a>(&'a self, message: &'a Message, _attempt: u32, now: Instant) -> Sending<'a> {
        Box::pin(async move {
            let request = match self.request(message, now) {
                Ok(request) => request,
                Err(why) => return Outcome::Skipped(why.to_owned()),
            };
            match self.client.send(&request).await {
                Ok(answer) => answer.outcome(Service::Alertmanager, now),
                Err(outcome) => outcome,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::{ClientSettings, Guard, SystemNames};
    use crate::message::Incident;
    use crate::message::tests::message;
    use crate::policy::at;
    use std::sync::Arc;

    fn alertmanager(token: Option<&str>) -> Alertmanager {
        let guard = Arc::new(Guard::new([], [], Arc::new(SystemNames)));
        Alertmanager {
            client: Client::new(guard, &ClientSettings::default()).unwrap(),
            address: "https://alertmanager.example.com/api/v2/alerts".parse().unwrap(),
            token: token.map(|token| Secret::new(token).unwrap()),
            firing_hours: 24,
        }
    }

    fn body(message: &Message, now: &str) -> String {
        String::from_utf8(alertmanager(None).request(message, at(now)).unwrap().body).unwrap()
    }

    #[test]
    fn an_alert_is_its_labels() {
        assert_eq!(
            body(&message(|_| {}), "2026-09-17T08:00:05Z"),
            concat!(
                r#"[{"labels":{"alertname":"LeapBudgetBreached","period":"2026-09","severity":"error","#,
                r#""subject":"budget-7","#,
                r#""team":"payments"},"annotations":{"summary":"payments is 2.31 % over its budget of 2026-09","#,
                r#""description":"The budget was exceeded on 2026-09-16.","leap_budget":"120,000.00 USD","#,
                r#""leap_actual":"122,772.00 USD","message":"leap:budget_breached:payments:budget-7:2026-09","#,
                r#""snapshot":"12"},"#,
                r#""startsAt":"2026-09-17T08:00:00Z","endsAt":"2026-09-18T08:00:05Z","#,
                r#""generatorURL":"https://leap.example.com/team/payments?period=2026-09"}]"#
            )
        );
    }

    #[test]
    fn an_incident_keeps_its_labels_from_opening_to_end() {
        let of = |kind: MessageKind, occurred: &str, unit: &str| {
            let said = message(|content| {
                content.kind = kind;
                content.unit = leap_terms::TeamId::new(unit).unwrap();
                content.occurred = at(occurred);
                content.incident = Some(Incident { id: "i-7".to_owned(), opened: at("2026-09-17T08:00:00Z") });
            });
            let value: serde_json::Value = serde_json::from_str(&body(&said, "2026-09-17T09:00:00Z")).unwrap();
            let alert = &value[0];
            (alert["labels"].to_string(), alert["startsAt"].clone(), alert["endsAt"].clone())
        };
        let labels = r#"{"alertname":"LeapIncident","incident":"i-7"}"#;
        let opened = of(MessageKind::IncidentOpened, "2026-09-17T08:00:00Z", "payments");
        assert_eq!(opened, (labels.to_owned(), "2026-09-17T08:00:00Z".into(), "2026-09-18T09:00:00Z".into()));
        let resolved = of(MessageKind::IncidentResolved, "2026-09-17T08:30:00Z", "payments-2");
        assert_eq!(resolved, (labels.to_owned(), "2026-09-17T08:00:00Z".into(), "2026-09-17T08:30:00Z".into()));
    }

    #[test]
    fn a_token_goes_in_a_header_that_is_not_shown() {
        let request = alertmanager(Some("t0k")).request(&message(|_| {}), at("2026-09-17T08:00:05Z")).unwrap();
        assert!(request.carries_secret && request.headers[1].1 == "Bearer t0k");
        assert!(!format!("{request:?} {:?}", request.headers).contains("t0k"));
        let nudge = message(|content| content.urgency = Urgency::Nudge);
        assert!(alertmanager(None).request(&nudge, at("2026-09-17T08:00:05Z")).is_err());
        assert_eq!(annotation_name("Überschuss in %"), "leap__berschuss_in__");
    }
}
