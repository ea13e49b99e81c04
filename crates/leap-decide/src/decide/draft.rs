//! The steps that follow from one verdict, clause, waiver or alert: what is done, what is said, and the key of both.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Instant, MessageKind, Money, TeamId};

use super::{Acknowledged, Drifted, Frozen, Judged, Pending, SETTLED, Unread, Watched, breach};
use crate::budget::{self, Verdict};
use crate::contract::incident::{apply, reconcile};
use crate::contract::{Act, Clause, Incident, Saying, State, Stretch, Why};
use crate::plan::{Amount, Deed, Happens, Plan, Step, key};
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
    incident: Option<Incident>,
}

/// The key under which it is told that a breach is expected.
pub(super) fn projected(verdict: &Verdict) -> String {
    let series = format!("{} {}", series(verdict), budget::State::Projected.word());
    key(MessageKind::BudgetWarned.word(), &verdict.line.unit, &series, &verdict.line.period.to_string())
}

/// What messages of a budget are about.
fn series(verdict: &Verdict) -> String {
    format!("{} {} {}", verdict.line.unit, verdict.line.cost, verdict.line.currency)
}

/// How much more was spent than the budget has.
fn beyond(verdict: &Verdict) -> Money {
    verdict.actual - verdict.line.amount
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
            period: about.period.clone(),
            amount: about.amount.clone(),
            key,
            reason: about.reason.clone(),
        });
    }

    fn send(&mut self, about: &About<'_>, note: Note) {
        let Note { kind, to, sentence, fields, alert, incident } = note;
        let fields = fields.into_iter().map(|(label, text)| (label.to_owned(), text)).collect();
        self.step(about, Deed::Send { kind, to, sentence, fields, alert, incident });
    }

    pub(super) fn budget(&mut self, judged: &Judged<'_>, now: Instant) {
        let Judged { verdict, said } = judged;
        let line = &verdict.line;
        let settled = now.seconds_since(Instant::start_of(line.period.until())) >= SETTLED.count();
        match (verdict.state, said) {
            (budget::State::Breached, None) if !settled => self.breached(verdict, None, now),
            (budget::State::Breached, Some(incident)) if !settled && !incident.is_open() => {
                self.breached(verdict, Some(incident), now);
            }
            (budget::State::Breached, Some(incident)) if settled && incident.is_open() => {
                self.unbreached(verdict, incident, Why::TermEnded, now);
            }
            (budget::State::Breached, Some(incident)) if !settled => self.grown(verdict, incident, now),
            (budget::State::Breached, _) => {}
            (_, Some(incident)) if incident.is_open() => self.unbreached(verdict, incident, Why::Recovered, now),
            _ => {}
        }
        if !matches!(verdict.state, budget::State::Warned | budget::State::Projected) {
            return;
        }
        // Who was told that a breach is expected is not told that it is possible.
        if verdict.state == budget::State::Warned && self.done.contains(&projected(verdict)) {
            return;
        }
        let state = verdict.state.word();
        let expected = verdict.projected.as_ref().and_then(|projected| projected.money.rounded(2));
        let about = About {
            unit: &line.unit,
            subject: &format!("{} {state}", series(verdict)),
            period: line.period.to_string(),
            amount: expected.map(|money| Amount { money, currency: line.currency.clone() }),
            reason: format!("the budget is {state}"),
        };
        let (sentence, fields) = (verdict.sentence(), verdict.fields());
        let kind = MessageKind::BudgetWarned;
        self.send(&about, Note { kind, to: None, sentence, fields, alert: false, incident: None });
    }

    /// More was spent than allowed: an incident is opened, or opened again.
    fn breached(&mut self, verdict: &Verdict, said: Option<&Incident>, now: Instant) {
        let stretch = Stretch { since: now, opened: now, resolved: None };
        let (happens, after) = match said {
            None => {
                let id = breach(verdict);
                let opened = Incident {
                    id,
                    stretches: vec![stretch],
                    unconfirmed: None,
                    sayings: 1,
                    beyond: Some(beyond(verdict)),
                };
                (Happens::Opened, opened)
            }
            Some(said) => {
                let mut after = said.clone();
                after.stretches.push(stretch);
                after.sayings = after.sayings.saturating_add(1);
                after.beyond = Some(beyond(verdict));
                (Happens::Reopened, after)
            }
        };
        let kind = MessageKind::BudgetBreached;
        self.of_budget(verdict, (kind, verdict.sentence()), (happens, after), now);
    }

    /// It is known to be breached: that is told again where at least twice as much is beyond the budget as when it was told
    /// last.
    fn grown(&mut self, verdict: &Verdict, said: &Incident, now: Instant) {
        let is_twice = |told: Money| beyond(verdict) >= told + told;
        if said.beyond.is_some_and(is_twice) {
            let mut after = said.clone();
            after.sayings = after.sayings.saturating_add(1);
            after.beyond = Some(beyond(verdict));
            let words = format!("the breach has grown: {}", verdict.sentence());
            self.of_budget(verdict, (MessageKind::BudgetBreached, words), (Happens::Annotated, after), now);
        }
    }

    /// It is not so any more.
    fn unbreached(&mut self, verdict: &Verdict, said: &Incident, why: Why, now: Instant) {
        let after = over(said, now);
        let sentence = match why {
            Why::TermEnded => format!("the period is over and its bills are final: {}", verdict.sentence()),
            Why::Recovered | Why::NotConfirmed => {
                format!("the budget is not breached any more: {}", verdict.sentence())
            }
        };
        self.of_budget(verdict, (MessageKind::IncidentResolved, sentence), (Happens::Resolved, after), now);
    }

    fn of_budget(
        &mut self,
        verdict: &Verdict,
        (kind, sentence): (MessageKind, String),
        (happens, after): (Happens, Incident),
        now: Instant,
    ) {
        let line = &verdict.line;
        let money = verdict.variance.money.rounded(2);
        let about = About {
            unit: &line.unit,
            subject: &series(verdict),
            period: format!("{} {}", line.period, after.sayings),
            amount: money.map(|money| Amount { money, currency: line.currency.clone() }),
            reason: format!("the budget is {}", verdict.state.word()),
        };
        let incident = Some(after.clone());
        self.step(&about, Deed::Incident { happens, after, at: now, words: sentence.clone() });
        self.send(&about, Note { kind, to: None, sentence, fields: verdict.fields(), alert: true, incident });
    }

    /// An incident of something that is not watched any more.
    pub(super) fn gone(&mut self, unit: &TeamId, said: &Incident, now: Instant) {
        let after = over(said, now);
        let words = format!("{} is over: what it is about is not watched any more", said.id);
        let reason = "it is not watched any more".to_owned();
        let about = About { unit, subject: &said.id, period: after.sayings.to_string(), amount: None, reason };
        let (kind, incident) = (MessageKind::IncidentResolved, Some(after.clone()));
        self.step(&about, Deed::Incident { happens: Happens::Resolved, after, at: now, words: words.clone() });
        self.send(&about, Note { kind, to: None, sentence: words, fields: Vec::new(), alert: true, incident });
    }

    /// Somebody sees to an incident: those who were called know.
    pub(super) fn acknowledged(&mut self, told: &Acknowledged<'_>) {
        let Acknowledged { unit, incident, by, words, ordinal } = told;
        let reason = "somebody sees to it".to_owned();
        let about = About { unit, subject: &incident.id, period: format!("seen {ordinal}"), amount: None, reason };
        let note = Note {
            kind: MessageKind::IncidentAcknowledged,
            to: None,
            sentence: format!("{by} sees to {}: {words}", incident.id),
            fields: Vec::new(),
            alert: true,
            incident: Some((*incident).clone()),
        };
        self.send(&about, note);
    }

    /// Something could not be looked at: told once a day, until it is repaired.
    pub(super) fn unread(&mut self, unread: &Unread<'_>, company: Option<&TeamId>, now: Instant) {
        let Some(unit) = company else { return };
        let Unread { what, problem } = unread;
        let reason = "nothing is decided from what cannot be read".to_owned();
        let about = About { unit, subject: what, period: now.day().to_string(), amount: None, reason };
        let sentence = format!("turns of the loop go on without {what}, which cannot be read: {problem}");
        let kind = MessageKind::LoopHindered;
        self.send(&about, Note { kind, to: None, sentence, fields: Vec::new(), alert: true, incident: None });
    }

    /// A plan is held until somebody approves it.
    pub(super) fn ask(&mut self, held: &Plan, over: &[String], company: &TeamId) {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        held.felt().for_each(|step| *kinds.entry(step.deed.word()).or_default() += 1);
        let about = About {
            unit: company,
            subject: "plan",
            period: held.made.day().to_string(),
            amount: None,
            reason: "nobody is told so much without somebody having looked at it".to_owned(),
        };
        let note = Note {
            kind: MessageKind::ApprovalAsked,
            to: None,
            sentence: format!("a plan of {} steps waits for an approval: {}", held.felt().count(), over.join("; ")),
            fields: kinds.into_iter().map(|(word, count)| (word, count.to_string())).collect(),
            alert: true,
            incident: None,
        };
        self.send(&about, note);
        // What nobody outside of the loop feels is done all the same.
        let own = held.steps.iter().filter(|step| !step.is_felt()).filter(|step| !self.done.contains(&step.key));
        self.steps.extend(own.cloned().collect::<Vec<_>>());
    }

    pub(super) fn clause(&mut self, watched: &Watched<'_>, now: Instant) {
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
            let kind = MessageKind::ContractMissing;
            let note = Note { kind, to: None, sentence, fields, alert: false, incident: None };
            let reason = "the clause does not hold".to_owned();
            self.send(&About { unit, subject: &name, period: since.to_string(), amount: None, reason }, note);
        }
        let mut incidents = said.to_vec();
        let term_end = Instant::start_of(contract.term.until());
        let sayings = reconcile(&name, history, said, &clause.timing, Some(term_end));
        let history = history_of(&sayings, said, now);
        for saying in sayings.iter().filter(|saying| !history.contains(saying.incident.as_str())) {
            self.saying(watched, &mut incidents, saying);
        }
    }

    /// What is to be done of an incident, whose records are as they stand before it; afterwards, as after it.
    fn saying(&mut self, watched: &Watched<'_>, incidents: &mut Vec<Incident>, saying: &Saying) {
        let clause = watched.clause;
        let id = &saying.incident;
        apply(incidents, saying);
        let Some(after) = known(incidents, id).cloned() else { return };
        match &saying.act {
            Act::Open(stretch) => {
                // One that is over already is told as two: it was open, and it is over.
                let mut opened = after.clone();
                if let Some(last) = opened.stretches.last_mut() {
                    last.resolved = None;
                }
                let words = told(clause, id, "is open", stretch);
                let reason = "the clause was missed for longer than its grace";
                self.happens(watched, (Happens::Opened, opened, stretch.opened), words, reason);
                self.ended(watched, incidents, after, stretch);
            }
            Act::Reopen(stretch) => {
                let mut open = after.clone();
                if let Some(last) = open.stretches.last_mut() {
                    last.resolved = None;
                }
                let words = told(clause, id, "is open again", stretch);
                self.happens(watched, (Happens::Reopened, open, stretch.opened), words, "the clause is missed again");
                self.ended(watched, incidents, after, stretch);
            }
            Act::Resolve(at, why) => {
                let reason = match why {
                    Why::Recovered => format!("the clause has held for {}", clause.timing.recovery),
                    Why::NotConfirmed => "by data that came late it was no breach".to_owned(),
                    Why::TermEnded => "the contract ended".to_owned(),
                };
                let words = format!("{id} is resolved at {at}: {reason}");
                self.happens(watched, (Happens::Resolved, after, *at), words, &reason);
            }
            Act::Annotate(what, _) => {
                let words = format!("{id}: {what}");
                let at = saying.known_until;
                self.happens(watched, (Happens::Annotated, after, at), words, "data came late or were restated");
            }
        }
    }

    /// A stretch that is over already when it is told.
    fn ended(&mut self, watched: &Watched<'_>, incidents: &mut [Incident], mut after: Incident, stretch: &Stretch) {
        let Some(at) = stretch.resolved else { return };
        after.sayings = after.sayings.saturating_add(1);
        if let Some(known) = incidents.iter_mut().find(|known| known.id == after.id) {
            known.sayings = after.sayings;
        }
        let words = format!("{} was over at {at}, before it was known", after.id);
        self.happens(watched, (Happens::Resolved, after, at), words, "it was over before it was known");
    }

    /// The record of an incident's event, and its message.
    fn happens(
        &mut self,
        watched: &Watched<'_>,
        (happens, after, at): (Happens, Incident, Instant),
        words: String,
        reason: &str,
    ) {
        let clause = watched.clause;
        let kind = match happens {
            Happens::Opened => MessageKind::IncidentOpened,
            Happens::Annotated => MessageKind::IncidentAnnotated,
            Happens::Resolved => MessageKind::IncidentResolved,
            Happens::Reopened => MessageKind::IncidentReopened,
        };
        let mut fields = vec![("clause", clause.key(watched.contract)), ("measure", clause.measure.to_string())];
        if !clause.consequence.is_empty() {
            fields.push(("consequence", clause.consequence.clone()));
        }
        // Instants can come again when data are restated to and fro; how often something was said cannot.
        let (id, period) = (after.id.clone(), after.sayings.to_string());
        let reason = reason.to_owned();
        let about = About { unit: &clause.owner, subject: &id, period, amount: None, reason };
        let incident = Some(after.clone());
        self.step(&about, Deed::Incident { happens, after, at, words: words.clone() });
        self.send(&about, Note { kind, to: None, sentence: words, fields, alert: true, incident });
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
            alert: false,
            incident: None,
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
                let sentence = format!(
                    "{asked}; nobody else may approve so much: an account with the role approver, or a level of whoever leads a unit above, is missing"
                );
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
            let reason = format!("it is {why}");
            // It ends once; that it is taken back is recorded already.
            if status != Status::Withdrawn {
                let end = Deed::EndWaiver { waiver: request.id.clone(), why: why.to_owned() };
                self.step(&about("end".to_owned(), &reason), end);
            }
            let about = about(why.to_owned(), &reason);
            let sentence = format!("waiver {subject} of {unit} for {} is {why}", request.period);
            self.send(&about, note(MessageKind::WaiverEnded, None, sentence));
        }
    }

    pub(super) fn drift(&mut self, drifted: &Drifted<'_>) {
        let Drifted { unit, series, alert, currency, drivers } = drifted;
        let (kind, cost) = (alert.kind.word(), alert.cost_per_month);
        let plus = |part: &Money| if *part > Money::ZERO { "+" } else { "" };
        let moved = drivers.iter().filter(|(_, part)| !part.is_zero());
        let moved: Vec<String> =
            moved.map(|(what, part)| format!("{what} {}{}", plus(part), part.to_grouped(2))).collect();
        let moved = if moved.is_empty() { String::new() } else { format!("; moved: {}", moved.join(", ")) };
        let sentence = format!(
            "{series} has a {kind} since {}: {} {currency} a month if it stays{moved}",
            alert.since,
            cost.to_grouped(2)
        );
        let mut fields =
            vec![("kind", kind.to_owned()), ("cost_per_month", cost.to_string()), ("day", alert.day.to_string())];
        fields.extend(drivers.iter().map(|(what, part)| ("moved", format!("{what}: {part}"))));
        let note = Note { kind: MessageKind::DriftFound, to: None, sentence, fields, alert: true, incident: None };
        let amount = Some(Amount { money: cost, currency: (*currency).clone() });
        let reason = "cost departs from its expected path".to_owned();
        self.send(
            &About { unit, subject: series, period: format!("{} {kind} {currency}", alert.since), amount, reason },
            note,
        );
    }

    pub(super) fn forecast(&mut self, frozen: &Frozen<'_>) {
        let Frozen { unit, series, origin } = frozen;
        let reason = "a period begins".to_owned();
        let about = About { unit, subject: series, period: origin.to_string(), amount: None, reason };
        self.step(&about, Deed::FreezeForecast { origin: *origin });
    }
}

/// Incidents that nobody told of while they lasted, and that were over long ago: they are history, as for budgets.
fn history_of<'s>(sayings: &'s [Saying], said: &[Incident], now: Instant) -> BTreeSet<&'s str> {
    let mut ends = BTreeMap::new();
    for saying in sayings.iter().filter(|saying| known(said, &saying.incident).is_none()) {
        if let Act::Open(stretch) | Act::Reopen(stretch) = &saying.act {
            ends.insert(saying.incident.as_str(), stretch.resolved);
        }
    }
    let is_history = |end: Option<Instant>| end.is_some_and(|end| now.seconds_since(end) > SETTLED.count());
    ends.into_iter().filter(|(_, end)| is_history(*end)).map(|(id, _)| id).collect()
}

/// The incident of that id.
fn known<'i>(incidents: &'i [Incident], id: &str) -> Option<&'i Incident> {
    incidents.iter().find(|incident| incident.id == id)
}

/// An incident after it was resolved.
fn over(said: &Incident, now: Instant) -> Incident {
    let mut after = said.clone();
    if let Some(last) = after.stretches.last_mut() {
        last.resolved = Some(now);
    }
    after.sayings = after.sayings.saturating_add(1);
    after
}

/// `charge-api.p999@… is open: p99.9 of charge-api at most 250ms, missed since …, longer than 48h`
fn told(clause: &Clause, incident: &str, state: &str, stretch: &Stretch) -> String {
    format!(
        "{incident} {state}: {}, missed since {}, longer than {}",
        clause.measure, stretch.since, clause.timing.grace
    )
}
