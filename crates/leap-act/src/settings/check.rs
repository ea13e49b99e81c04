//! What settings mean, each fault with its place. Secrets are not read yet.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use leap_terms::{Fault, MessageKind, TeamId, fault};
use lettre::message::Mailbox;
use reqwest::Url;
use toml::Spanned;

use super::channel::{ChannelSettings, ChannelType, Text};
use super::routes::Route;
use super::{EgressSettings, service};
use crate::channels::smtp::Encryption;
use crate::egress::guard::host_name;
use crate::egress::{Allowed, Network};
use crate::message::Urgency;
use crate::policy::{Cap, DigestTimes, Manners, QuietHours, Zone};

/// The file that people know.
const FILE: &str = "leap.toml";

/// Where a secret comes from; whoever starts the program reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretSource {
    /// A variable of the environment.
    Variable(String),
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretSource::Variable(name) => write!(out, "the variable {name}"),
            SecretSource::File(path) => write!(out, "the file {}", path.display()),
        }
    }
}

/// A channel that can be built once its secrets are known.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Which messages go there.
    pub route: Route,
    /// How nudges are held.
    pub manners: Manners,
    /// What it is.
    pub service: CheckedService,
    /// Where its name stands, for faults that come up later.
    pub(super) place: Range<usize>,
}

/// What a channel is, with where its secrets come from.
#[derive(Clone, Debug)]
pub enum CheckedService {
    /// Slack.
    Slack {
        /// The webhook's address.
        address: SecretSource,
        /// What signs presses of buttons.
        signing_secret: Option<SecretSource>,
    },
    /// PagerDuty.
    PagerDuty {
        /// Where events go.
        address: Url,
        /// The key.
        routing_key: SecretSource,
    },
    /// Alertmanager.
    Alertmanager {
        /// Where alerts go.
        address: Url,
        /// A token.
        token: Option<SecretSource>,
        /// Hours that an alert fires.
        firing_hours: u32,
    },
    /// Signed webhooks.
    Webhook {
        /// Where events go.
        address: Url,
        /// What signs.
        secret: SecretSource,
        /// A second active secret.
        second_secret: Option<SecretSource>,
    },
    /// Mail.
    Smtp(Box<CheckedMail>),
    /// A file.
    File {
        /// Where it is.
        path: PathBuf,
    },
}

/// Settings of mail.
#[derive(Clone, Debug)]
pub struct CheckedMail {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is encrypted.
    pub encryption: Encryption,
    /// User, and where the password comes from.
    pub login: Option<(String, SecretSource)>,
    /// From whom.
    pub from: Mailbox,
    /// To whom.
    pub to: Vec<Mailbox>,
    /// Where a recipient can end it.
    pub unsubscribe: Option<String>,
}

/// Where messages may go.
#[derive(Clone, Debug)]
pub struct CheckedEgress {
    /// Private hosts and networks.
    pub allowed: Vec<Allowed>,
    /// Hosts without encryption.
    pub unencrypted: Vec<String>,
    /// A proxy.
    pub proxy: Option<Url>,
    /// Seconds until a connection stands.
    pub connect_seconds: u64,
    /// Seconds for a request.
    pub request_seconds: u64,
}

/// Collects faults of one file.
pub(super) struct Faults<'t> {
    text: &'t str,
    /// `channels.finops`.
    owner: String,
    pub(super) all: Vec<Fault>,
}

impl Faults<'_> {
    pub(super) fn push(&mut self, span: Range<usize>, message: String, help: &str) {
        if self.text.get(span.clone()).is_some_and(|text| text.contains("://")) {
            // A line that may hold a password, or an address that is one, is not shown.
            self.push_unseen(&span, message, help);
            return;
        }
        let shown = self.text.get(span.clone()).map_or(1, |text| text.lines().next().unwrap_or("").chars().count());
        let fault = Fault::in_file(FILE, format!("{}: {message}", self.owner)).at(self.text, span.start, shown.max(1));
        self.all.push(if help.is_empty() { fault } else { fault.help(help) });
    }

    /// A fault that names its line and does not show it.
    pub(super) fn push_unseen(&mut self, span: &Range<usize>, message: String, help: &str) {
        let line = self.text.get(..span.start).map(|before| before.matches('\n').count() + 1);
        let fault = Fault { line, ..Fault::in_file(FILE, format!("{}: {message}", self.owner)) };
        self.all.push(if help.is_empty() { fault } else { fault.help(help) });
    }

    /// What a text means; a fault where it means nothing.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        text: &Spanned<String>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match read(text.get_ref()) {
            Ok(value) => Some(value),
            Err(why) => {
                self.push(text.span(), format!("{key}: {why}"), "");
                None
            }
        }
    }

    /// The same of a key that may be left out: `None` in a fault, `Some(None)` where it is not there.
    pub(super) fn read_option<T>(
        &mut self,
        key: &str,
        text: &Text,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match text {
            None => Some(None),
            Some(text) => self.read(key, text, read).map(Some),
        }
    }
}

/// Checks `[egress]`; `text` is the whole file.
///
/// # Errors
/// All faults.
pub fn check_egress(settings: &EgressSettings, text: &str) -> Result<CheckedEgress, Vec<Fault>> {
    let mut faults = Faults { text, owner: "egress".to_owned(), all: Vec::new() };
    let allowed = |text: &str| match host_name(text) {
        Some(host) if host.parse::<std::net::IpAddr>().is_err() => Ok(Allowed::Host(host)),
        _ => text.parse::<Network>().map(Allowed::Network),
    };
    let host = |text: &str| host_name(text).ok_or_else(|| format!("'{}' is no host", text.escape_debug()));
    let proxy = |text: &str| {
        let url = text.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url =
            url.ok_or_else(|| format!("'{}' is no address such as http://proxy.inner:3128", text.escape_debug()))?;
        match url.username().is_empty() && url.password().is_none() {
            true => Ok(url),
            false => Err("a proxy that wants a password is not supported, and none belongs into this file".to_owned()),
        }
    };
    let allow = settings.allow.iter().filter_map(|text| faults.read("allow", text, allowed)).collect();
    let unencrypted = settings.unencrypted.iter().filter_map(|text| faults.read("unencrypted", text, host)).collect();
    let proxy = faults.read_option("proxy", &settings.proxy, proxy).flatten();
    for (key, seconds) in [("connect_seconds", settings.connect_seconds), ("request_seconds", settings.request_seconds)]
    {
        if !(1..=20).contains(&seconds) {
            faults.all.push(
                Fault::in_file(FILE, format!("egress: {key} is {seconds}"))
                    .help("1 to 20: a message is tried again, and others wait behind it"),
            );
        }
    }
    if !faults.all.is_empty() {
        return Err(faults.all);
    }
    Ok(CheckedEgress {
        allowed: allow,
        unencrypted,
        proxy,
        connect_seconds: settings.connect_seconds,
        request_seconds: settings.request_seconds,
    })
}

/// Checks `[[channels]]`; `text` is the whole file.
///
/// # Errors
/// All faults of all channels.
pub fn check(channels: &[ChannelSettings], text: &str) -> Result<Vec<Checked>, Vec<Fault>> {
    let mut faults = Faults { text, owner: "channels".to_owned(), all: Vec::new() };
    let mut names: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    let mut checked = Vec::new();
    for settings in channels {
        let name = settings.name.get_ref().as_str();
        faults.owner = format!("channels.{}", name.escape_debug());
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if !(1..=40).contains(&name.len()) || !name.bytes().all(good) {
            faults.push(settings.name.span(), "it is no name".to_owned(), "1 to 40 of a-z, 0-9, - and _");
        }
        if names.insert(name, settings.name.span()).is_some() {
            faults.push(settings.name.span(), "another channel has this name".to_owned(), "name each one differently");
        }
        checked.extend(one(settings, &mut faults));
    }
    if faults.all.is_empty() { Ok(checked) } else { Err(faults.all) }
}

fn one(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<Checked> {
    let kind = *settings.kind.get_ref();
    for (key, span) in settings.set() {
        if !kind.keys().contains(&key) {
            let help = format!("it has {}", kind.keys().join(", "));
            faults.push(span, format!("{key} is no setting of a channel of type {}", kind.word()), &help);
        }
    }
    let route = route(settings, faults);
    let manners = manners(settings, faults);
    let service = match kind {
        ChannelType::Slack => service::slack(settings, faults),
        ChannelType::PagerDuty => service::pager_duty(settings, faults),
        ChannelType::Alertmanager => service::alertmanager(settings, faults),
        ChannelType::Webhook => service::webhook(settings, faults),
        ChannelType::Smtp => service::mail(settings, faults),
        ChannelType::File => service::file(settings, faults),
    };
    Some(Checked {
        name: settings.name.get_ref().clone(),
        route: route?,
        manners: manners?,
        service: service?,
        place: settings.name.span(),
    })
}

fn route(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<Route> {
    let before = faults.all.len();
    let kind = |text: &str| {
        text.parse::<MessageKind>().map_err(|why| match fault::nearest(text, MessageKind::ALL.map(MessageKind::word)) {
            Some(near) => format!("{why}; did you mean {near}?"),
            None => format!("{why}; there are {}", MessageKind::ALL.map(MessageKind::word).join(", ")),
        })
    };
    let kinds = settings.kinds.as_ref();
    let kinds =
        kinds.map(|all| all.iter().filter_map(|text| faults.read("kinds", text, kind)).collect::<BTreeSet<_>>());
    let units = settings.units.as_ref();
    let units =
        units.map(|all| all.iter().filter_map(|text| faults.read("units", text, TeamId::new)).collect::<BTreeSet<_>>());
    let alerts_only = matches!(settings.kind.get_ref(), ChannelType::PagerDuty | ChannelType::Alertmanager);
    let urgencies = if alerts_only { vec![Urgency::Alert] } else { vec![Urgency::Alert, Urgency::Nudge] };
    (faults.all.len() == before).then_some(Route { kinds, units, urgencies })
}

/// `09:30` as a minute of the day.
fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str, most: u32| {
        let count: u32 =
            Some(text).filter(|text| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        (count < most).then_some(count)
    };
    Some(two(hours, 24)? * 60 + two(minutes, 60)?)
}

fn manners(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<Manners> {
    let zone = faults.read_option("zone", &settings.zone, |text| text.parse::<Zone>());
    let hours = faults.read_option("quiet", &settings.quiet, |text| {
        let hours = text.split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
        hours
            .filter(|(from, until)| from != until)
            .ok_or_else(|| format!("'{}' are no hours such as 20:00-08:00", text.escape_debug()))
    });
    let digest = faults.read_option("digest", &settings.digest, |text| {
        let refuse = || format!("'{}' is no time of digests such as daily 09:00, or monday 09:00", text.escape_debug());
        let (day, time) = text.split_once(' ').ok_or_else(refuse)?;
        let days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        let weekday = match (day, days.iter().position(|known| *known == day)) {
            ("daily", _) => None,
            (_, Some(at)) => u32::try_from(at).ok(),
            (_, None) => return Err(refuse()),
        };
        Ok((weekday, minute(time).ok_or_else(refuse)?))
    });
    let cap_days = settings.cap_days.as_ref().map_or(7, |days| *days.get_ref());
    match (&settings.cap, &settings.cap_days) {
        (None, Some(days)) => {
            faults.push(
                days.span(),
                "cap_days without cap".to_owned(),
                "cap = 2 says how many nudges a team gets in them",
            );
        }
        (Some(cap), _) if *cap.get_ref() == 0 => {
            faults.push(cap.span(), "cap is 0".to_owned(), "to send no nudges, name the kinds that the channel gets");
        }
        (Some(cap), days) if !(1..=366).contains(&cap_days) => {
            let span = days.as_ref().map_or(cap.span(), Spanned::span);
            faults.push(span, format!("cap_days is {cap_days}"), "1 to 366");
        }
        _ => {}
    }
    let zone = zone?.unwrap_or(Zone::UTC);
    let weekends = settings.quiet_weekends.as_ref().is_some_and(|weekends| *weekends.get_ref());
    let quiet = match hours? {
        Some((from, until)) => Some(QuietHours { from, until, weekends, zone }),
        None => weekends.then_some(QuietHours { from: 0, until: 0, weekends, zone }),
    };
    Some(Manners {
        quiet,
        cap: settings.cap.as_ref().map(|cap| Cap { nudges: *cap.get_ref(), days: cap_days }),
        digest: digest?.map(|(weekday, minute)| DigestTimes { minute, weekday, zone }),
    })
}
