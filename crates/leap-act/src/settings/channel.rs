//! The keys of one of `[[channels]]`, as they are written. Which of them belong to which type is checked afterwards, so
//! that a fault can say so.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

/// A text and where it stands.
pub type Text = Option<Spanned<String>>;
/// A number and where it stands.
pub type Number = Option<Spanned<u32>>;

/// What a channel is.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub enum ChannelType {
    /// An incoming webhook of Slack.
    Slack,
    /// PagerDuty, Events v2.
    PagerDuty,
    /// An Alertmanager.
    Alertmanager,
    /// Signed CloudEvents.
    Webhook,
    /// Mail.
    Smtp,
    /// A file of JSON lines.
    File,
}

impl ChannelType {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            ChannelType::Slack => "slack",
            ChannelType::PagerDuty => "pagerduty",
            ChannelType::Alertmanager => "alertmanager",
            ChannelType::Webhook => "webhook",
            ChannelType::Smtp => "smtp",
            ChannelType::File => "file",
        }
    }

    /// The keys that it has besides those of all channels.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            ChannelType::Slack => {
                &["address_variable", "address_file", "signing_secret_variable", "signing_secret_file"]
            }
            ChannelType::PagerDuty => &["routing_key_variable", "routing_key_file", "address"],
            ChannelType::Alertmanager => &["address", "token_variable", "token_file", "firing_hours"],
            ChannelType::Webhook => {
                &["address", "secret_variable", "secret_file", "second_secret_variable", "second_secret_file"]
            }
            ChannelType::Smtp => &[
                "host",
                "port",
                "encryption",
                "user",
                "password_variable",
                "password_file",
                "from",
                "to",
                "unsubscribe",
            ],
            ChannelType::File => &["path"],
        }
    }
}

/// One of `[[channels]]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// What outbox, receipts and people call it.
    pub name: Spanned<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Spanned<ChannelType>,
    /// Kinds of messages that it gets.
    pub kinds: Option<Vec<Spanned<String>>>,
    /// Units whose messages it gets, with all below them.
    pub units: Option<Vec<Spanned<String>>>,
    /// Hours without nudges: `20:00-08:00`.
    pub quiet: Text,
    /// Whether Saturday and Sunday are quiet.
    pub quiet_weekends: Option<Spanned<bool>>,
    /// Time zone of quiet hours and digests; UTC without it.
    pub zone: Text,
    /// Nudges that a team gets in `cap_days`.
    pub cap: Number,
    /// Days of the cap; 7 without it.
    pub cap_days: Number,
    /// When nudges come, all of a team in one: `daily 09:00`, `monday 09:00`.
    pub digest: Text,
    /// Where requests go.
    pub address: Text,
    /// The variable of the environment with an address that is secret.
    pub address_variable: Text,
    /// A file with it.
    pub address_file: Text,
    /// The variable with the secret that signs what comes back from Slack.
    pub signing_secret_variable: Text,
    /// A file with it.
    pub signing_secret_file: Text,
    /// The variable with PagerDuty's key.
    pub routing_key_variable: Text,
    /// A file with it.
    pub routing_key_file: Text,
    /// The variable with a token for Alertmanager.
    pub token_variable: Text,
    /// A file with it.
    pub token_file: Text,
    /// Hours that an alert fires without being said again; 48 without it.
    pub firing_hours: Number,
    /// The variable with the secret that signs webhooks.
    pub secret_variable: Text,
    /// A file with it.
    pub secret_file: Text,
    /// The variable with a second active one.
    pub second_secret_variable: Text,
    /// A file with it.
    pub second_secret_file: Text,
    /// A mail server.
    pub host: Text,
    /// Its port.
    pub port: Option<Spanned<u16>>,
    /// `tls`, `starttls` (without it) or `none`.
    pub encryption: Text,
    /// Who logs in there.
    pub user: Text,
    /// The variable with the password.
    pub password_variable: Text,
    /// A file with it.
    pub password_file: Text,
    /// From whom mail comes.
    pub from: Text,
    /// To whom it goes.
    pub to: Option<Vec<Spanned<String>>>,
    /// Where a recipient can end these mails.
    pub unsubscribe: Text,
    /// A file for JSON lines.
    pub path: Text,
}

impl ChannelSettings {
    /// The keys that are set and belong to some types only, and where their values stand.
    pub(super) fn set(&self) -> Vec<(&'static str, Range<usize>)> {
        let texts = [
            ("address", &self.address),
            ("address_variable", &self.address_variable),
            ("address_file", &self.address_file),
            ("signing_secret_variable", &self.signing_secret_variable),
            ("signing_secret_file", &self.signing_secret_file),
            ("routing_key_variable", &self.routing_key_variable),
            ("routing_key_file", &self.routing_key_file),
            ("token_variable", &self.token_variable),
            ("token_file", &self.token_file),
            ("secret_variable", &self.secret_variable),
            ("secret_file", &self.secret_file),
            ("second_secret_variable", &self.second_secret_variable),
            ("second_secret_file", &self.second_secret_file),
            ("host", &self.host),
            ("encryption", &self.encryption),
            ("user", &self.user),
            ("password_variable", &self.password_variable),
            ("password_file", &self.password_file),
            ("from", &self.from),
            ("unsubscribe", &self.unsubscribe),
            ("path", &self.path),
        ];
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?.span())));
        let others = [
            ("firing_hours", self.firing_hours.as_ref().map(Spanned::span)),
            ("port", self.port.as_ref().map(Spanned::span)),
            ("to", self.to.as_ref().map(|to| to.first().map_or(self.kind.span(), Spanned::span))),
        ];
        texts.chain(others.into_iter().filter_map(|(key, span)| Some((key, span?)))).collect()
    }
}
