//! What `leap.toml` says of messages: `[[channels]]`, and `[egress]` for where they may go.
//!
//! ```toml
//! [[channels]]
//! name = "finops"
//! type = "slack"
//! address_variable = "LEAP_SLACK_FINOPS"       # secrets stand in the environment or in files, never here
//! kinds = ["budget_breached", "drift_found"]   # all without it
//! units = ["payments"]                         # these and what is below them; all without it
//! quiet = "20:00-08:00"                        # nudges wait
//! quiet_weekends = true
//! zone = "CET-1CEST,M3.5.0,M10.5.0/3"
//! cap = 2                                      # nudges of a team in cap_days
//! digest = "monday 09:00"
//!
//! [egress]
//! allow = ["alertmanager.inner", "10.20.0.0/16"]
//! unencrypted = ["alertmanager.inner"]
//! ```
//! Reading order: [`channel`] (the keys of a channel), [`check`] (what they mean, each fault with its place; `service`
//! for each type), [`build`] (what sends, once secrets are known), [`routes`] (which channels a message goes to).

pub mod build;
pub mod channel;
pub mod check;
pub mod routes;
mod service;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

pub use build::{Built, build};
pub use channel::ChannelSettings;
pub use check::{Checked, CheckedEgress, SecretSource, check, check_egress};
pub use routes::{Route, Routes};

/// `[egress]`: where messages may go besides public addresses by `https://`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct EgressSettings {
    /// Hosts and networks in private, link-local and loopback addresses that may be reached.
    pub allow: Vec<Spanned<String>>,
    /// Hosts that may be reached without encryption.
    pub unencrypted: Vec<Spanned<String>>,
    /// A proxy for HTTP and HTTPS; none is used that does not stand here.
    pub proxy: Option<Spanned<String>>,
    /// A file with certificates (PEM) that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Seconds until a connection stands.
    pub connect_seconds: u64,
    /// Seconds for one request, answer included.
    pub request_seconds: u64,
}

impl Default for EgressSettings {
    fn default() -> EgressSettings {
        EgressSettings {
            allow: Vec::new(),
            unencrypted: Vec::new(),
            proxy: None,
            ca_file: None,
            connect_seconds: 5,
            request_seconds: 15,
        }
    }
}
