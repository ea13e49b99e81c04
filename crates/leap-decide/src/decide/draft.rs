//! The steps that follow from one verdict, clause, waiver or alert: what is done, what is said, and the key of both.

use std::collections::BTreeSet;

use leap_terms::{Instant, MessageKind, Ratio, TeamId};

use super::{Drifted, Frozen, Pending, Told, Watched};
use crate::budget::{self, Verdict};
use crate::contract::incident::{apply, reconcile};
use crate::contract::{Act, Clause, Incident, Saying, State, Stretch, Why};
use crate::plan::{Amount, Deed, Step, key};
use crate::seconds::Seconds;
use crate::waiver::{Due, Status, What};

/// A plan in the making.
pub(super) struct Draft<'i> {
    done: &'i BTreeSet<String>,
    steps: Vec<Step>,
}

/// What a step is about.
#[derive(Clone)]
struct About<'a> {
    unit: &'a TeamId,
    subject: &'a str,
    /// The last part of its key: which time it is.
    period: String,
    amount: Option<Amount>,
    reason: String,
}

/// A message, but for what it is about.
struct Note {
    kind: MessageKind,
    to: Option<String>,
    sentence: String,
    fields: Vec<(&'static str, String)>,
    alert: bool,
}

impl<'i> Draft<'i> {
    /// Nothing yet; steps whose keys are done are left out.
    pub(super) fn new(done: &'i BTreeSet<String>) -> Draft<'i> {
        Draft { done, steps: Vec::new() }
    }

    /// The steps, in the order in which they were put in.
    pub(super) fn steps(self) -> Vec<Step> {
        self.steps
    }

    fn step(&mut self, about: &About<'_>, deed: Deed) {
        let key = key(deed.word(), about.unit, about.subject, &about.period);
        if self.done.contains(&key) || self.steps.iter().any(|step| step.key == key) {
            return;
        }
        self.steps.push(Step {
            deed,
            unit: about.unit.clone(),
            subject: about.subject.to_owned(),
            amount: about.amount.clone(),
            key,
            reason: about.reason.clone(),
        });
    }

    fn send(&mut self, about: &About<'_>, note: Note) {
        let Note { kind, to, sentence, fields, alert } = note;
        let fields = fields.into_iter().map(|(label, text)| (label.to_owned(), text)).collect();
        self.step(about, Deed::Send { kind, to, sentence, fields, alert });
    }

    pub(super) fn budget(&mut self, verdict: &Verdict, told: Told) {
        let Verdict { line, variance, projected, .. } = verdict;
        let money = |ratio: &Ratio| Some(Amount { money: ratio.rounded(2)?, currency: line.currency.clone() });
        let state = verdict.state.word();
        let series = format!("{} {} {}", line.unit, line.cost, line.currency);
        let (kind, subject, amount) = match verdict.state {
            budget::State::Within | budget::State::Waived => return,
            budget::State::Warned | budget::State::Projected => {
                let amount = projected.as_ref().and_then(|projected| money(&projected.money));
                (MessageKind::BudgetWarned, format!("{series} {state}"), amount)
            }
            budget::State::Breached => {
                let over = told.then(verdict.state).over;
                let again = if over > 0 { format!(" again {over}") } else { String::new() };
                (MessageKind::BudgetBreached, format!("{series}{again}"), money(&variance.money))
            }
        };
        let period = line.period.to_string();
        // Who was told that a breach is expected is not told that it is possible.
        let projected = key(kind.word(), &line.unit, &format!("{series} {}", budget::State::Projected.word()), &period);
        if verdict.state == budget::State::Warned && self.done.contains(&projected) {
            return;
        }
        let reason = format!("the budget is {state}");
        let alert = kind == MessageKind::BudgetBreached;
        let note = Note { kind, to: None, sentence: verdict.sentence(), fields: verdict.fields(), alert };
        self.send(&About { unit: &line.unit, subject: &subject, period, amount, reason }, note);
    }

    pub(super) fn clause(&mut self, watched: &Watched<'_>) {
        let Watched { contract, clause, history, said } = watched;
        let name = clause.key(contract);
        let unit = &clause.owner;
        if let (State::Missing, Some(since)) = (history.state, history.since) {
            let sentence = format!(
                "{name} does not hold since {since}: {}; {} of {} of grace are over",
                clause.measure, history.clock, clause.timing.grace
            );
            let fields = vec![
                ("since", since.to_string()),
                ("clock", history.clock.to_string()),
                ("grace", clause.timing.grace.to_string()),
            ];
            let note = Note { kind: MessageKind::ContractMissing, to: None, sentence, fields, alert: true };
            let reason = "the clause does not hold".to_owned();
            self.send(&About { unit, subject: &name, period: since.to_string(), amount: None, reason }, note);
        }
        let mut incidents = said.to_vec();
        let term_end = Instant::start_of(contract.term.until());
        for saying in reconcile(&name, history, said, &clause.timing, Some(term_end)) {
            self.saying(watched, &incidents, &saying);
            apply(&mut incidents, &saying);
        }
    }

    /// What is to be done of an incident, whose records are as they stand before it.
    fn saying(&mut self, watched: &Watched<'_>, incidents: &[Incident], saying: &Saying) {
        let clause = watched.clause;
        let (unit, subject, incident) = (&clause.owner, &saying.incident, saying.incident.clone());
        // Instants can come again when data are restated to and fro; how often something was said cannot.
        let before = incidents.iter().find(|known| known.id == saying.incident);
        let number = before.map_or(0, |known| known.sayings).saturating_add(1);
        let about =
            |reason: &str| About { unit, subject, period: number.to_string(), amount: None, reason: reason.to_owned() };
        let note = |kind: MessageKind, sentence: String| {
            let mut fields = vec![("clause", clause.key(watched.contract)), ("measure", clause.measure.to_string())];
            if !clause.consequence.is_empty() {
                fields.push(("consequence", clause.consequence.clone()));
            }
            Note { kind, to: None, sentence, fields, alert: true }
        };
        match &saying.act {
            Act::Open(stretch) => {
                let about = about("the clause was missed for longer than its grace");
                self.step(&about, Deed::OpenIncident { incident: incident.clone() });
                self.send(&about, note(MessageKind::IncidentOpened, opened(clause, &incident, "is open", stretch)));
                self.ended(&about, &note, stretch);
            }
            Act::Reopen(stretch) => {
                let about = about("the clause is missed again");
                self.step(&about, Deed::ReopenIncident { incident: incident.clone() });
                let sentence = opened(clause, &incident, "is open again", stretch);
                self.send(&about, note(MessageKind::IncidentReopened, sentence));
                self.ended(&about, &note, stretch);
            }
            Act::Resolve(at, why) => {
                let reason = match why {
                    Why::Recovered => format!("the clause has held for {}", clause.timing.recovery),
                    Why::NotConfirmed => "by data that came late it was no breach".to_owned(),
                    Why::TermEnded => "the contract ended".to_owned(),
                };
                let about = about(&reason);
                self.step(&about, Deed::ResolveIncident { incident: incident.clone(), at: *at });
                let sentence = format!("{incident} is resolved at {at}: {reason}");
                self.send(&about, note(MessageKind::IncidentResolved, sentence));
            }
            Act::Annotate(what, _) => {
                let about = about("data came late or were restated");
                self.step(&about, Deed::AnnotateIncident { incident: incident.clone(), note: what.to_string() });
                self.send(&about, note(MessageKind::IncidentAnnotated, format!("{incident}: {what}")));
            }
        }
    }

    /// A stretch that is over already when it is told.
    fn ended(&mut self, about: &About<'_>, note: &dyn Fn(MessageKind, String) -> Note, stretch: &Stretch) {
        let Some(at) = stretch.resolved else { return };
        let about = About { reason: "it was over before it was known".into(), ..about.clone() };
        let incident = about.subject.to_owned();
        let sentence = format!("{incident} was over at {at}, before it was known");
        self.step(&about, Deed::ResolveIncident { incident, at });
        self.send(&about, note(MessageKind::IncidentResolved, sentence));
    }

    pub(super) fn waiver(&mut self, pending: &Pending<'_>, answer_within: Seconds, now: Instant) {
        let Pending { waiver, over, approvers } = pending;
        let request = waiver.request();
        let (unit, subject) = (&request.unit, request.id.as_str());
        let amount = Some(Amount { money: request.amount, currency: request.currency.clone() });
        let about = |period: String, reason: &str| About {
            unit,
            subject,
            period,
            amount: amount.clone(),
            reason: reason.to_owned(),
        };
        let asked = format!(
            "{} asks for {} {} over the budget of {unit} for {} until {}: {}",
            request.by,
            request.amount.to_grouped(2),
            request.currency,
            request.period,
            request.until,
            request.reason
        );
        let note = |kind, to: Option<&String>, sentence| Note {
            kind,
            to: to.cloned(),
            sentence,
            fields: Vec::new(),
            alert: true,
        };
        let status = waiver.status(*over, now);
        let turn = waiver.events().len().to_string();
        match waiver.due(approvers, answer_within, now) {
            Some(Due::Ask(of)) => {
                let about = about(turn, "an answer is needed");
                self.step(&about, Deed::AskWaiver { waiver: request.id.clone(), of: of.clone() });
                self.send(&about, note(MessageKind::WaiverAsked, Some(&of), asked.clone()));
            }
            Some(Due::Escalate(to)) => {
                let about = about(turn, "nobody answered in time");
                self.step(&about, Deed::EscalateWaiver { waiver: request.id.clone(), to: to.clone() });
                self.send(&about, note(MessageKind::WaiverAsked, Some(&to), asked.clone()));
            }
            Some(Due::NobodyMayApprove) => {
                let about = about("nobody".to_owned(), "nobody may approve so much");
                let sentence = format!("{asked}; nobody else in the org may approve so much");
                self.send(&about, note(MessageKind::WaiverAsked, None, sentence));
            }
            None => {}
        }
        match waiver.events().last().map(|event| &event.what) {
            Some(What::Granted { by, .. }) => {
                let sentence = format!("{by} granted waiver {subject}: {asked}");
                let note = note(MessageKind::WaiverGranted, Some(&request.by), sentence);
                self.send(&about("granted".to_owned(), "it was granted"), note);
            }
            Some(What::Refused { by, reason, .. }) => {
                let sentence = format!("{by} refused waiver {subject}: {reason}");
                let note = note(MessageKind::WaiverRefused, Some(&request.by), sentence);
                self.send(&about("refused".to_owned(), "it was refused"), note);
            }
            Some(What::Asked { .. } | What::Escalated { .. } | What::Withdrawn { .. }) | None => {}
        }
        if matches!(status, Status::Expired | Status::Exceeded | Status::Withdrawn) {
            let why = status.word();
            let about = about(why.to_owned(), &format!("it is {why}"));
            self.step(&about, Deed::EndWaiver { waiver: request.id.clone(), why: why.to_owned() });
            let sentence = format!("waiver {subject} of {unit} for {} is {why}", request.period);
            self.send(&about, note(MessageKind::WaiverEnded, None, sentence));
        }
    }

    pub(super) fn drift(&mut self, drifted: &Drifted<'_>) {
        let Drifted { unit, series, alert, currency } = drifted;
        let (kind, cost) = (alert.kind.word(), alert.cost_per_month);
        let sentence =
            format!("{series} has a {kind} since {}: {} {currency} a month", alert.since, cost.to_grouped(2));
        let fields =
            vec![("kind", kind.to_owned()), ("cost_per_month", cost.to_string()), ("day", alert.day.to_string())];
        let note = Note { kind: MessageKind::DriftFound, to: None, sentence, fields, alert: true };
        let amount = Some(Amount { money: cost, currency: (*currency).clone() });
        let reason = "cost departs from its expected path".to_owned();
        self.send(&About { unit, subject: series, period: format!("{} {kind}", alert.since), amount, reason }, note);
    }

    pub(super) fn forecast(&mut self, frozen: &Frozen<'_>) {
        let Frozen { unit, series, origin } = frozen;
        let reason = "a period begins".to_owned();
        let about = About { unit, subject: series, period: origin.to_string(), amount: None, reason };
        self.step(&about, Deed::FreezeForecast { origin: *origin });
    }
}

/// `charge-api.p999@… is open: p99.9 of charge-api at most 250ms, missed since …, longer than 48h`
fn opened(clause: &Clause, incident: &str, state: &str, stretch: &Stretch) -> String {
    format!(
        "{incident} {state}: {}, missed since {}, longer than {}",
        clause.measure, stretch.since, clause.timing.grace
    )
}
