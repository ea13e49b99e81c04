//! What a message says: the sentence and figures of its step, how bad it is, and where on the site to go on.

use leap_act::limits::ADDRESS;
use leap_act::message::{Answer, Content, Field, Incident, Link, Message, Severity, Urgency};
use leap_decide::plan::{Deed, Plan, Step};
use leap_terms::MessageKind;

use crate::failure::Failure;
use crate::home::Home;
use leap_web::site::encoded;

/// How bad what it says is.
fn severity(kind: MessageKind) -> Severity {
    match kind {
        MessageKind::IncidentOpened | MessageKind::IncidentReopened => Severity::Critical,
        MessageKind::BudgetBreached => Severity::Error,
        MessageKind::BudgetWarned
        | MessageKind::WaiverEnded
        | MessageKind::ContractMissing
        | MessageKind::LoopHindered
        | MessageKind::ApprovalAsked
        | MessageKind::DriftFound => Severity::Warning,
        MessageKind::WaiverAsked
        | MessageKind::WaiverGranted
        | MessageKind::WaiverRefused
        | MessageKind::IncidentAcknowledged
        | MessageKind::IncidentAnnotated
        | MessageKind::IncidentResolved
        | MessageKind::ClaimAsked
        | MessageKind::OpportunityFound
        | MessageKind::SavingVerified
        | MessageKind::DigestMade
        | MessageKind::ChannelTested => Severity::Info,
    }
}

/// A label as people read it: `variance_bps` is `Variance bps`.
fn label(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    first + &letters.as_str().replace('_', " ")
}

/// The address of the site, without a slash at its end.
pub(super) fn site(home: &Home) -> String {
    let settings = &home.settings.serve;
    let address = settings.public_url.clone().unwrap_or_else(|| format!("http://{}", settings.site));
    let scheme = if address.contains("://") { "" } else { "https://" };
    format!("{scheme}{}", address.trim_end_matches('/'))
}

/// Where to go on: the page of what it is about, then of its incident.
fn links(site: &str, step: &Step, kind: MessageKind, incident: Option<&str>) -> Vec<Link> {
    let (unit, subject) = (encoded(step.unit.as_str()), encoded(&step.subject));
    let page = match kind {
        MessageKind::BudgetWarned | MessageKind::BudgetBreached => {
            let period = step.period.split(' ').next().unwrap_or_default();
            Some(("Budgets", format!("budgets?under={unit}&period={}", encoded(period))))
        }
        MessageKind::WaiverAsked
        | MessageKind::WaiverGranted
        | MessageKind::WaiverRefused
        | MessageKind::WaiverEnded => Some(("Waiver", format!("waivers/{subject}"))),
        MessageKind::ContractMissing => {
            // `contract.clause`; neither id has a dot.
            let (contract, clause) = step.subject.split_once('.').unwrap_or((&step.subject, ""));
            Some(("Clause", format!("contracts/{}/{}", encoded(contract), encoded(clause))))
        }
        MessageKind::DriftFound => Some(("Alerts", format!("alerts?series={subject}"))),
        MessageKind::ApprovalAsked => Some(("What waits", "plans".to_owned())),
        MessageKind::IncidentOpened
        | MessageKind::IncidentAcknowledged
        | MessageKind::IncidentAnnotated
        | MessageKind::IncidentResolved
        | MessageKind::IncidentReopened
        | MessageKind::LoopHindered
        | MessageKind::ClaimAsked
        | MessageKind::OpportunityFound
        | MessageKind::SavingVerified
        | MessageKind::DigestMade
        | MessageKind::ChannelTested => None,
    };
    let incident = incident.map(|id| ("Incident", format!("incidents?about={}", encoded(id))));
    let link = |(label, path): (&str, String)| Link { label: label.to_owned(), address: format!("{site}/{path}") };
    // A name that is too long for an address is found on the site without it.
    page.into_iter().chain(incident).map(link).filter(|link| link.address.len() <= ADDRESS).collect()
}

/// The message of a step that sends one.
pub(super) fn of(home: &Home, step: &Step, plan: &Plan) -> Result<Message, Failure> {
    let Deed::Send { kind, to, sentence, fields, alert, incident } = &step.deed else {
        return Err(Failure::failed(format!("the step {} sends no message", step.key)));
    };
    let field = |(name, value): &(String, String)| Field { label: label(name), value: value.clone() };
    let mut all: Vec<Field> = fields.iter().map(field).collect();
    if let Some(person) = to {
        all.insert(0, Field { label: "For".to_owned(), value: person.clone() });
    }
    let content = Content {
        kind: *kind,
        unit: step.unit.clone(),
        subject: step.subject.clone(),
        period: step.period.clone(),
        occurred: plan.made,
        severity: severity(*kind),
        urgency: if *alert { Urgency::Alert } else { Urgency::Nudge },
        title: sentence.clone(),
        sentences: vec![format!("Because {}.", step.reason)],
        fields: all,
        links: links(&site(home), step, *kind, incident.as_ref().map(|incident| incident.id.as_str())),
        answers: if *kind == MessageKind::DriftFound { Answer::ALL.to_vec() } else { Vec::new() },
        snapshot: Some(plan.snapshot.clone()),
        incident: incident.as_ref().and_then(|incident| {
            let opened = incident.stretches.first()?.opened;
            Some(Incident { id: incident.id.clone(), opened })
        }),
    };
    let key = step.key.parse().map_err(Failure::failed)?;
    Message::with_key(key, content).map_err(Failure::failed)
}
