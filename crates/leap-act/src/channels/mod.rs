//! How each service wants a message, and sends it there.
//!
//! | channel | what the dedup key is there | what is said twice after a kill |
//! |---|---|---|
//! | [`pagerduty`] | `dedup_key`, of the incident | nothing: it is the same alert |
//! | [`alertmanager`] | the label set | nothing: it is the same alert |
//! | [`webhook`] | `webhook-id`, and the CloudEvent's `id` | nothing, where the receiver keeps ids |
//! | [`file`] | `key` of a line, looked up before it is written again | nothing |
//! | [`smtp`] | `Message-ID` | one mail, where the mail system does not drop the second |
//! | [`slack`] | in the message's context line; incoming webhooks know none | one message |
//!
//! Each channel has a pure part, tested as exact bytes, and a part that sends: one attempt, one [`Outcome`].

pub mod alertmanager;
pub mod file;
pub mod pagerduty;
pub mod slack;
pub mod smtp;
pub mod webhook;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use leap_terms::Instant;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::message::Message;
use crate::policy::Outcome;

/// An attempt under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Somewhere messages go.
pub trait Channel: Send + Sync {
    /// Sends a message once. `attempt` counts from 1: after the first one it may be there already.
    fn send<'a>(&'a self, message: &'a Message, attempt: u32, now: Instant) -> Sending<'a>;

    /// The least time between two messages.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }
}

/// The header of a JSON body.
fn json_type() -> (HeaderName, HeaderValue) {
    (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))
}
