//! What came of one attempt, and what a status means at each service.
//!
//! | status | Slack | PagerDuty | Alertmanager | webhook |
//! |---|---|---|---|---|
//! | 2xx | delivered (200 only) | delivered | delivered | delivered |
//! | 3xx that was not followed | refused | refused | refused | refused |
//! | 400, 401, 403, 404, 410 and other 4xx | refused | refused | refused | refused |
//! | 408, 425, 429 | busy | busy | busy | busy |
//! | 5xx | broken; refused: 501 | the same | the same | the same |
//!
//! Refused is never tried again: the same request would be refused again. A dead letter waits for who mends it.

use leap_terms::Instant;
use serde::{Deserialize, Serialize};

use super::later;
use crate::message::{instant_of_text, instant_to_text};

/// What came of one attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The service has it; how it said so.
    Delivered(String),
    /// The service has no use for it, and why.
    Skipped(String),
    /// It does not have it, or did not say that it has.
    Failed(Failure),
}

/// A failed attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// Of which kind.
    pub cause: Cause,
    /// In words, without secrets.
    pub said: String,
    /// Before that the service wants no other attempt (`Retry-After`).
    #[serde(default, with = "instant_or_none")]
    pub not_before: Option<Instant>,
}

/// Why an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The service refuses this very request.
    Refused,
    /// The guard lets nothing go there.
    Blocked,
    /// The service asks to come back later.
    Busy,
    /// The service has a fault of its own.
    Broken,
    /// Nobody answers there: no name, no connection, no TLS. Nothing was sent.
    Unreachable,
    /// It may have arrived: no answer in time, or the connection ended before it.
    Uncertain,
    /// A file could not be written.
    Disk,
}

impl Cause {
    /// Whether another attempt could succeed.
    pub fn may_pass(self) -> bool {
        match self {
            Cause::Refused | Cause::Blocked => false,
            Cause::Busy | Cause::Broken | Cause::Unreachable | Cause::Uncertain | Cause::Disk => true,
        }
    }
}

impl Outcome {
    /// A failure in words.
    pub fn failed(cause: Cause, said: impl Into<String>) -> Outcome {
        Outcome::Failed(Failure { cause, said: said.into(), not_before: None })
    }

    /// What a service means by its status, with the text of `Retry-After`.
    pub fn of_status(service: Service, status: u16, retry_after: Option<&str>, now: Instant) -> Outcome {
        let name = service.name();
        let said = format!("{name} answered {status}");
        let cause = match status {
            200 => return Outcome::Delivered(said),
            201..=299 if service != Service::Slack => return Outcome::Delivered(said),
            408 | 425 | 429 => Cause::Busy,
            501 => Cause::Refused,
            500..=599 => Cause::Broken,
            _ => Cause::Refused,
        };
        let not_before = retry_after.filter(|_| cause.may_pass()).and_then(|text| retry_time(text, now));
        Outcome::Failed(Failure { cause, said, not_before })
    }
}

/// A service that answers with statuses of HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// Slack, incoming webhook.
    Slack,
    /// PagerDuty, Events v2.
    PagerDuty,
    /// Prometheus' Alertmanager, API v2.
    Alertmanager,
    /// Whoever takes signed webhooks.
    Webhook,
}

impl Service {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Slack => "Slack",
            Service::PagerDuty => "PagerDuty",
            Service::Alertmanager => "Alertmanager",
            Service::Webhook => "the webhook's receiver",
        }
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date of HTTP. `None` where it is neither, or lies in the past.
pub fn retry_time(text: &str, now: Instant) -> Option<Instant> {
    let text = text.trim();
    let at = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number of seconds has: a very long time.
        later(now, text.parse::<u32>().map_or(i64::from(u32::MAX), i64::from))
    } else {
        let since = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Instant::from_micros(i64::try_from(since.as_micros()).ok()?)
    };
    (at > now).then_some(at)
}

mod instant_or_none {
    use super::{Instant, instant_of_text, instant_to_text};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct At(#[serde(serialize_with = "instant_to_text", deserialize_with = "instant_of_text")] Instant);

    pub(super) fn serialize<S: Serializer>(instant: &Option<Instant>, serializer: S) -> Result<S::Ok, S::Error> {
        instant.map(At).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instant>, D::Error> {
        Ok(Option::<At>::deserialize(deserializer)?.map(|at| at.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::at;
    use super::*;

    #[test]
    fn what_each_status_means_at_each_service() {
        let services = [Service::Slack, Service::PagerDuty, Service::Alertmanager, Service::Webhook];
        let now = at("2026-09-17T08:00:00Z");
        let cause = |service, status| match Outcome::of_status(service, status, None, now) {
            Outcome::Failed(failure) => Some(failure.cause),
            Outcome::Delivered(_) => None,
            Outcome::Skipped(why) => panic!("{why}"),
        };
        for status in [301, 302, 303, 304, 400, 401, 403, 404, 405, 409, 410, 413, 422, 451, 501, 600, 100] {
            assert_eq!(services.map(|service| cause(service, status)), [Some(Cause::Refused); 4], "{status}");
        }
        for status in [408, 425, 429] {
            assert_eq!(services.map(|service| cause(service, status)), [Some(Cause::Busy); 4], "{status}");
        }
        for status in [500, 502, 503, 504, 599] {
            assert_eq!(services.map(|service| cause(service, status)), [Some(Cause::Broken); 4], "{status}");
        }
        assert_eq!(services.map(|service| cause(service, 200)), [None; 4]);
        for status in [201, 202, 204] {
            let wanted = [Some(Cause::Refused), None, None, None];
            assert_eq!(services.map(|service| cause(service, status)), wanted, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = at("2026-09-17T08:00:00Z");
        let cases = [
            ("120", Some("2026-09-17T08:02:00Z")),
            (" 1 ", Some("2026-09-17T08:00:01Z")),
            ("Thu, 17 Sep 2026 09:00:00 GMT", Some("2026-09-17T09:00:00Z")),
            ("Thursday, 17-Sep-26 09:00:00 GMT", Some("2026-09-17T09:00:00Z")),
            ("Thu Sep 17 09:00:00 2026", Some("2026-09-17T09:00:00Z")),
            ("Thu, 17 Sep 2026 07:00:00 GMT", None),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999", Some("2162-10-24T14:28:15Z")),
        ];
        for (text, wanted) in cases {
            assert_eq!(retry_time(text, now), wanted.map(at), "{text}");
        }
        let Outcome::Failed(failure) = Outcome::of_status(Service::Slack, 429, Some("120"), now) else { panic!() };
        assert_eq!(failure.not_before, Some(at("2026-09-17T08:02:00Z")));
        assert_eq!(failure.said, "Slack answered 429");
        let text = serde_json::to_string(&Outcome::Failed(failure.clone())).unwrap();
        assert_eq!(
            text,
            r#"{"failed":{"cause":"busy","said":"Slack answered 429","not_before":"2026-09-17T08:02:00Z"}}"#
        );
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), Outcome::Failed(failure));
    }
}
