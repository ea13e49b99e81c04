//! Each channel against a server of its own that records, delays, fails, cuts and redirects.
//!
//! Nothing here leaves this machine: names mean what a test says, and the guard allows what a test allows.

mod certificates;
mod delivery;
mod egress;
mod mail;
mod server;
mod services;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leap_act::egress::guard::Resolving;
use leap_act::egress::{Allowed, Client, ClientSettings, Guard, Names};
use leap_act::message::{Content, Field, Link, Message, Severity, Urgency};
use leap_terms::{Instant, MessageKind, TeamId};

/// Names that mean one address after the other, the last one for ever.
pub(crate) struct Fixed {
    names: Vec<(&'static str, Vec<Vec<&'static str>>)>,
    pub(crate) asked: AtomicUsize,
}

impl Names for Fixed {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self
            .names
            .iter()
            .find(|(name, _)| *name == host)
            .map(|(_, answers)| answers[at.min(answers.len() - 1)].clone());
        Box::pin(async move {
            let found = found.ok_or_else(|| io::Error::other("no such name"))?;
            Ok(found.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect())
        })
    }
}

/// `hooks.test`, `other.test` and `mail.test` are this machine and may be reached, without encryption too; `inner.test`
/// is this machine and may not; `mixed.test` is a public address and this machine.
pub(crate) fn guard() -> Guard {
    let here = vec![vec!["127.0.0.1"]];
    let names = Fixed {
        names: vec![
            ("hooks.test", here.clone()),
            ("other.test", here.clone()),
            ("mail.test", here.clone()),
            ("inner.test", here),
            ("mixed.test", vec![vec!["93.184.216.34", "127.0.0.1"]]),
        ],
        asked: AtomicUsize::new(0),
    };
    let allowed = ["hooks.test", "other.test", "mail.test"].map(|host| Allowed::Host(host.to_owned()));
    let plain = ["hooks.test", "other.test", "mail.test", "inner.test", "mixed.test", "127.0.0.1"];
    Guard::new(allowed, plain.map(str::to_owned), Arc::new(names))
}

pub(crate) fn rebinding(answers: Vec<Vec<&'static str>>, network: &str) -> (Guard, Arc<Fixed>) {
    let names = Arc::new(Fixed { names: vec![("hooks.test", answers)], asked: AtomicUsize::new(0) });
    let allowed = Allowed::Network(network.parse().unwrap());
    (Guard::new([allowed], ["hooks.test".to_owned()], names.clone()), names)
}

pub(crate) fn settings() -> ClientSettings {
    ClientSettings { connect: Duration::from_secs(20), whole: Duration::from_secs(20), ..ClientSettings::default() }
}

pub(crate) fn client() -> Client {
    Client::new(Arc::new(guard()), &settings()).unwrap()
}

pub(crate) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

pub(crate) const NOW: &str = "2026-09-17T08:00:05Z";

pub(crate) fn message(change: impl FnOnce(&mut Content)) -> Message {
    let mut content = Content {
        kind: MessageKind::BudgetBreached,
        unit: TeamId::new("payments").unwrap(),
        subject: "budget-7".to_owned(),
        period: "2026-09".to_owned(),
        occurred: at("2026-09-17T08:00:00Z"),
        severity: Severity::Error,
        urgency: Urgency::Alert,
        title: "payments is 2.31 % over its budget of 2026-09".to_owned(),
        sentences: vec!["The budget was exceeded on 2026-09-16.".to_owned()],
        fields: vec![Field { label: "Budget".to_owned(), value: "120,000.00 USD".to_owned() }],
        links: vec![Link { label: "Explain".to_owned(), address: "https://leap.example.com/team/payments".to_owned() }],
        answers: vec![],
        snapshot: Some("12".to_owned()),
        incident: None,
    };
    change(&mut content);
    Message::new(content).unwrap()
}
