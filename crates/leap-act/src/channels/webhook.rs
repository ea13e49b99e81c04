//! Webhooks: a CloudEvent (1.0, structured JSON), signed as Standard Webhooks has it.
//!
//! ```text
//! webhook-id: leap:budget_breached:payments:budget-7:2026-09        the idempotency key
//! webhook-timestamp: 1789632000                                     of this attempt
//! webhook-signature: v1,BASE64(HMAC-SHA256(secret, "id.timestamp.body")) v1,…of the other secret
//! content-type: application/cloudevents+json; charset=utf-8
//! ```
//! Two secrets may be active, so that a receiver can change from one to the other without losing a message. The body is
//! the same at each attempt.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leap_terms::{Instant, MessageKind};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::json;

use super::{Channel, Sending};
use crate::egress::{Client, Request};
use crate::message::Message;
use crate::policy::Service;
use crate::secret::Secret;

/// The type of a kind of message as a CloudEvent: `dev.leap.budget.breached.v1`.
fn event_type(kind: MessageKind) -> String {
    format!("dev.leap.{}.v1", kind.word().replace('_', "."))
}

/// A receiver of signed events.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What sends.
    pub client: Client,
    /// Where events go.
    pub address: Url,
    /// `source` of the events: the address of this site, or `/leap`.
    pub source: String,
    /// The key that signs.
    pub key: SigningKey,
    /// A second active one.
    pub second_key: Option<SigningKey>,
}

/// A key of Standard Webhooks: `whsec_` and 24 to 64 bytes in Base64.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// Reads a secret.
    ///
    /// # Errors
    /// In words, without the secret.
    pub fn new(secret: &Secret) -> Result<SigningKey, &'static str> {
        let text = secret.reveal();
        let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text));
        let bytes = bytes.map_err(|_| "it is no secret such as whsec_ and Base64")?;
        if !(24..=64).contains(&bytes.len()) {
            return Err("a secret of webhooks has 24 to 64 bytes in Base64");
        }
        Ok(SigningKey(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// `v1,BASE64`.
    fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }
}

impl Webhook {
    /// The body: the same for a message, whenever it is sent.
    pub fn body(&self, message: &Message) -> String {
        let content = message.content();
        let fields = content.fields.iter().map(|field| json!({ "label": field.label, "value": field.value }));
        let links = content.links.iter().map(|link| json!({ "label": link.label, "address": link.address }));
        let incident = content.incident.as_ref();
        let incident = incident.map(|incident| json!({ "id": incident.id, "opened": incident.opened.to_string() }));
        json!({
            "specversion": "1.0",
            "id": message.key().as_str(),
            "source": self.source,
            "type": event_type(content.kind),
            "subject": format!("{}/{}", content.unit, content.subject),
            "time": content.occurred.to_string(),
            "datacontenttype": "application/json",
            "data": {
                "unit": content.unit.as_str(),
                "subject": content.subject,
                "period": content.period,
                "severity": content.severity.word(),
                "title": content.title,
                "sentences": content.sentences,
                "fields": fields.collect::<Vec<_>>(),
                "links": links.collect::<Vec<_>>(),
                "snapshot": content.snapshot,
                "incident": incident,
            },
        })
        .to_string()
    }

    /// The request of an attempt.
    pub fn request(&self, message: &Message, now: Instant) -> Request {
        let body = self.body(message);
        let (id, timestamp) = (message.key().as_str(), now.micros().div_euclid(1_000_000));
        let keys = std::iter::once(&self.key).chain(&self.second_key);
        let signatures: Vec<String> = keys.map(|key| key.signature(id, timestamp, &body)).collect();
        let named = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json; charset=utf-8"))];
        // Keys and signatures are ASCII without control characters, so each is a value.
        headers.extend(
            named
                .into_iter()
                .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))),
        );
        // A signature is good for this message alone: whoever the receiver redirects to may have it.
        Request { url: self.address.clone(), headers, body: body.into_bytes(), carries_secret: false }
    }
}

impl Channel for Webhook {
    fn send<'a>(&'a self, message: &'a Message, _attempt: u32, now: Instant) -> Sending<'a> {
        Box::pin(async move {
            match self.client.send(&self.request(message, now)).await {
                Ok(answer) => answer.outcome(Service::Webhook, now),
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
    use crate::policy::at;
    use std::sync::Arc;

    fn key(text: &str) -> Result<SigningKey, &'static str> {
        SigningKey::new(&Secret::new(text).unwrap())
    }

    fn webhook(second: bool) -> Webhook {
        let guard = Arc::new(Guard::new([], [], Arc::new(SystemNames)));
        Webhook {
            client: Client::new(guard, &ClientSettings::default()).unwrap(),
            address: "https://hooks.example.com/leap?x=1".parse().unwrap(),
            source: "https://leap.example.com".to_owned(),
            key: key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(),
            second_key: second.then(|| key("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap()),
        }
    }

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // The example that the libraries of Standard Webhooks test with.
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
        for wrong in ["whsec_", "whsec_AAAA", "hunter2hunter2!", &format!("whsec_{}", "A".repeat(88))] {
            assert!(super::SigningKey::new(&Secret::new(wrong).unwrap()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_signed_with_both_keys() {
        let said = message(|content| content.fields.truncate(1));
        let request = webhook(true).request(&said, at("2026-09-17T08:00:05.900000Z"));
        assert_eq!(
            String::from_utf8(request.body.clone()).unwrap(),
            concat!(
                r#"{"specversion":"1.0","id":"leap:budget_breached:payments:budget-7:2026-09","#,
                r#""source":"https://leap.example.com","#,
                r#""type":"dev.leap.budget.breached.v1","subject":"payments/budget-7","time":"2026-09-17T08:00:00Z","#,
                r#""datacontenttype":"application/json","data":{"unit":"payments","subject":"budget-7","#,
                r#""period":"2026-09","#,
                r#""severity":"error","title":"payments is 2.31 % over its budget of 2026-09","#,
                r#""sentences":["The budget was exceeded on 2026-09-16."],"fields":[{"label":"Budget","#,
                r#""value":"120,000.00 USD"}],"#,
                r#""links":[{"label":"Explain","address":"https://leap.example.com/team/payments?period=2026-09"}],"#,
                r#""snapshot":"12","incident":null}}"#
            )
        );
        let header = |name: &str| {
            let found = request.headers.iter().find(|(known, _)| known == name);
            found.unwrap().1.to_str().unwrap().to_owned()
        };
        assert_eq!(header("content-type"), "application/cloudevents+json; charset=utf-8");
        assert_eq!(header("webhook-id"), "leap:budget_breached:payments:budget-7:2026-09");
        assert_eq!(header("webhook-timestamp"), "1789632005");
        let signatures = header("webhook-signature");
        let both: Vec<&str> = signatures.split(' ').collect();
        assert_eq!(both.len(), 2);
        assert_ne!(both[0], both[1]);
        let alone = webhook(false).request(&said, at("2026-09-17T08:00:05Z"));
        assert_eq!(alone.headers[3].1.to_str().unwrap(), both[0]);
        // A later attempt says the same, signed anew.
        let later = webhook(false).request(&said, at("2026-09-17T08:00:15Z"));
        assert_eq!(later.body, request.body);
        assert_ne!(later.headers[3], alone.headers[3]);
    }
}
