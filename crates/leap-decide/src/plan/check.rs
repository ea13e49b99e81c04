//! Lints a plan before it is performed. Every finding is told, not the first.
//!
//! | rule | severity | what it is |
//! |---|---|---|
//! | kill-switch | error | the switch is on: nothing acts |
//! | stale | error | a newer snapshot is there, or it is not of this world at all |
//! | expired | error | made longer ago than plans last, or in the future |
//! | too-many-steps, too-large-a-share, too-much-money | error | more than the caps, forecasts that are kept not counted; not told of a plan that is approved |
//! | duplicate-key | error | two steps with one key |
//! | malformed-key | error | a key that is none of ours: too long, control characters, another beginning |
//! | already-done | error | a receipt of that key is there |
//! | unknown-unit | warning | the org of the day has no such unit |
//! | no-owner | warning | a message to nobody: no person named, and nobody answers for the unit |
//! | no-reason | error | a step that does not say why |
//! | contradiction | error | one incident or waiver is brought into two states, or into one that does not follow |
//! | approval-missing | error | a deed that wants an approval has none of exactly this plan |
//! | unknown-currency | warning | money of a currency that the caps do not name, where they name one; it is not counted |
//! | empty | note | nothing to be done |
//! | unanswered-figures | warning | an alert about money without an amount |
//!
//! A plan with an error is not performed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use leap_terms::{Currency, DedupKey, Digest, Instant, MessageKind, Money, TeamId};

use super::{Deed, Happens, Plan, Step};
use crate::seconds::Seconds;

/// How bad a finding is; later ones are worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// To know.
    Note,
    /// To look at.
    Warning,
    /// The plan is not performed.
    Error,
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rule {
    /// The kill switch is on.
    KillSwitch,
    /// A newer snapshot is there.
    Stale,
    /// Too old, or of the future.
    Expired,
    /// More steps than the cap.
    TooManySteps,
    /// Steps about more units than the cap's share.
    TooLargeAShare,
    /// More money than the cap.
    TooMuchMoney,
    /// Money of a currency without a cap.
    UnknownCurrency,
    /// Two steps with one key.
    DuplicateKey,
    /// A key that is none of ours.
    MalformedKey,
    /// A receipt is there.
    AlreadyDone,
    /// No such unit.
    UnknownUnit,
    /// A message to nobody.
    NoOwner,
    /// A step that does not say why.
    NoReason,
    /// One thing brought into two states.
    Contradiction,
    /// An approval is wanted, and none of this plan is there.
    ApprovalMissing,
    /// An alert about money without an amount.
    UnansweredFigures,
    /// Nothing to be done.
    Empty,
}

impl Rule {
    /// All of them.
    pub const ALL: [Rule; 17] = [
        Rule::KillSwitch,
        Rule::Stale,
        Rule::Expired,
        Rule::TooManySteps,
        Rule::TooLargeAShare,
        Rule::TooMuchMoney,
        Rule::UnknownCurrency,
        Rule::DuplicateKey,
        Rule::MalformedKey,
        Rule::AlreadyDone,
        Rule::UnknownUnit,
        Rule::NoOwner,
        Rule::NoReason,
        Rule::Contradiction,
        Rule::ApprovalMissing,
        Rule::UnansweredFigures,
        Rule::Empty,
    ];

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Rule::Empty => Severity::Note,
            Rule::UnknownUnit | Rule::NoOwner | Rule::UnansweredFigures | Rule::UnknownCurrency => Severity::Warning,
            Rule::KillSwitch
            | Rule::Stale
            | Rule::Expired
            | Rule::TooManySteps
            | Rule::TooLargeAShare
            | Rule::TooMuchMoney
            | Rule::DuplicateKey
            | Rule::MalformedKey
            | Rule::AlreadyDone
            | Rule::NoReason
            | Rule::Contradiction
            | Rule::ApprovalMissing => Severity::Error,
        }
    }

    /// True where an approval is all that is missing.
    pub fn is_lifted_by_approval(self) -> bool {
        matches!(self, Rule::TooManySteps | Rule::TooLargeAShare | Rule::TooMuchMoney | Rule::ApprovalMissing)
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Rule::KillSwitch => "switch it off when acting is wanted again; what is due is planned anew then",
            Rule::Stale => "plan again on the newest snapshot",
            Rule::Expired => "plan again",
            Rule::TooManySteps | Rule::TooLargeAShare | Rule::TooMuchMoney => {
                "look at why it is so much; somebody approves exactly this plan (page What was done, or leap cycle run \
                 --act --expect), or the cap is raised in the settings"
            }
            Rule::UnknownCurrency => "give the currency a cap in the settings",
            Rule::DuplicateKey => "plan again; two steps of one key are a defect of leap",
            Rule::MalformedKey => "plan again; keys are made by leap alone",
            Rule::AlreadyDone => "plan again: what was done is known then",
            Rule::UnknownUnit => "plan again with the org of the day, or correct the unit in its document",
            Rule::NoOwner => "give the unit a lead, or a channel that gets its messages",
            Rule::NoReason => "plan again; a step without a reason is a defect of leap",
            Rule::Contradiction => "plan again from the incidents and waivers as they are recorded",
            Rule::ApprovalMissing => "have exactly this plan approved by somebody who did not ask for it",
            Rule::UnansweredFigures => "look at the message before it is sent",
            Rule::Empty => "nothing",
        }
    }
}

/// What a finding is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// The plan as a whole.
    Plan,
    /// A step, from 0.
    Step(usize),
}

/// One finding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// About what.
    pub subject: Subject,
    /// Which rule.
    pub rule: Rule,
    /// What exactly.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Plan => write!(out, "plan: {}", self.message)?,
            Subject::Step(at) => write!(out, "step {}: {}", at + 1, self.message)?,
        }
        write!(out, "\n  help: {}", self.rule.remedy())
    }
}

/// How much a plan may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caps {
    /// Steps in all.
    pub steps: usize,
    /// Units that steps are about, in basis points of all units; never less than `few_units`.
    pub units_bps: u32,
    /// So many units are always allowed.
    pub few_units: usize,
    /// Money that all steps together are about, by currency; one without a cap is not counted, and told.
    pub money: BTreeMap<Currency, Money>,
    /// How long a plan may be performed after it was made.
    pub lasts: Seconds,
    /// Deeds that want an approval, by their words.
    pub approval: BTreeSet<String>,
}

impl Default for Caps {
    /// 1,000 steps, a quarter of all units but at least ten, no cap of money, an hour, no deed with an approval.
    fn default() -> Caps {
        Caps {
            steps: 1_000,
            units_bps: 2_500,
            few_units: 10,
            money: BTreeMap::new(),
            lasts: Seconds::hours(1),
            approval: BTreeSet::new(),
        }
    }
}

/// The world in which a plan would be performed.
pub struct World<'w> {
    /// The newest snapshot.
    pub snapshot: &'w str,
    /// The present.
    pub now: Instant,
    /// True when nothing may act.
    pub kill_switch: bool,
    /// The units of the day, and whether anybody answers for each.
    pub units: &'w BTreeMap<TeamId, bool>,
    /// Keys of receipts: what was done.
    pub done: &'w BTreeSet<String>,
    /// Incidents as they are recorded, and whether each is open.
    pub incidents: &'w BTreeMap<String, bool>,
    /// What was approved ([`Plan::wanted`]).
    pub approved: &'w BTreeSet<Digest>,
}

/// All findings, worst first, those of the plan before those of its steps. A plan with an error is not performed.
pub fn plan_check(plan: &Plan, caps: &Caps, world: &World<'_>) -> Vec<Finding> {
    let mut found = Found(Vec::new());
    whole(plan, caps, world, &mut found);
    let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        one(at, step, world, &mut found);
        match keys.get(step.key.as_str()) {
            Some(first) => {
                found.step(at, Rule::DuplicateKey, format!("has the key of step {}: {}", first + 1, step.key))
            }
            None => {
                keys.insert(&step.key, at);
            }
        }
        if step.is_felt() && caps.approval.contains(step.deed.word()) && !world.approved.contains(&plan.wanted()) {
            found.step(at, Rule::ApprovalMissing, format!("{} wants an approval of this plan", step.deed.word()));
        }
    }
    contradictions(plan, world, &mut found);
    found.0.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| (&a.subject, a.rule).cmp(&(&b.subject, b.rule))));
    found.0
}

struct Found(Vec<Finding>);

impl Found {
    fn plan(&mut self, rule: Rule, message: String) {
        self.0.push(Finding { severity: rule.severity(), subject: Subject::Plan, rule, message });
    }

    fn step(&mut self, at: usize, rule: Rule, message: String) {
        self.0.push(Finding { severity: rule.severity(), subject: Subject::Step(at), rule, message });
    }
}

fn whole(plan: &Plan, caps: &Caps, world: &World<'_>, found: &mut Found) {
    if plan.steps.is_empty() {
        found.plan(Rule::Empty, "has no step".to_owned());
    }
    if world.kill_switch {
        found.plan(Rule::KillSwitch, "the kill switch is on".to_owned());
    }
    if plan.snapshot != world.snapshot {
        found.plan(Rule::Stale, format!("rests on snapshot {}, the newest is {}", plan.snapshot, world.snapshot));
    }
    let age = world.now.seconds_since(plan.made);
    if age < 0 || age > caps.lasts.count() {
        found.plan(Rule::Expired, format!("was made {age} seconds ago, and plans last {}", caps.lasts));
    }
    if !world.approved.contains(&plan.wanted()) {
        too_much(plan, caps, world, found);
    }
}

/// What is more than the caps.
fn too_much(plan: &Plan, caps: &Caps, world: &World<'_>, found: &mut Found) {
    let felt: Vec<&Step> = plan.felt().collect();
    if felt.len() > caps.steps {
        found.plan(Rule::TooManySteps, format!("has {} steps, the cap is {}", felt.len(), caps.steps));
    }
    let units: BTreeSet<&TeamId> = felt.iter().map(|step| &step.unit).collect();
    let share = units.len() as u128 * 10_000 > world.units.len() as u128 * u128::from(caps.units_bps);
    if units.len() > caps.few_units && share {
        let message =
            format!("is about {} of {} units, the cap is {} bps", units.len(), world.units.len(), caps.units_bps);
        found.plan(Rule::TooLargeAShare, message);
    }
    // Several steps may be about the same money (a deed and its message): per subject it counts once, the largest.
    let mut money: BTreeMap<(&Currency, &TeamId, &str), Money> = BTreeMap::new();
    for (step, amount) in plan.steps.iter().filter_map(|step| Some((step, step.amount.as_ref()?))) {
        let held = money.entry((&amount.currency, &step.unit, step.subject.as_str())).or_default();
        *held = (*held).max(amount.money.abs());
    }
    let mut sums: BTreeMap<&Currency, Option<Money>> = BTreeMap::new();
    for ((currency, ..), amount) in money {
        let sum = sums.entry(currency).or_insert(Some(Money::ZERO));
        *sum = sum.and_then(|sum| sum.checked_add(amount));
    }
    for (currency, sum) in sums {
        match (caps.money.get(currency), sum) {
            (None, _) if caps.money.is_empty() => {}
            (None, _) => found.plan(Rule::UnknownCurrency, format!("is about money in {currency}, which has no cap")),
            (Some(cap), Some(sum)) if sum <= *cap => {}
            (Some(cap), sum) => {
                let sum = sum.map_or_else(|| "more than can be counted".to_owned(), |sum| sum.to_grouped(2));
                let message = format!("is about {sum} {currency}, the cap is {}", cap.to_grouped(2));
                found.plan(Rule::TooMuchMoney, message);
            }
        }
    }
}

fn one(at: usize, step: &Step, world: &World<'_>, found: &mut Found) {
    let key = &step.key;
    if key.parse::<DedupKey>().is_err() {
        found.step(at, Rule::MalformedKey, format!("'{}' is no key of leap's", key.escape_debug()));
    }
    if world.done.contains(key) {
        found.step(at, Rule::AlreadyDone, format!("was done: {key}"));
    }
    let answers = world.units.get(&step.unit);
    if answers.is_none() {
        found.step(at, Rule::UnknownUnit, format!("{} is no unit of the day", step.unit));
    }
    if step.reason.trim().is_empty() {
        found.step(at, Rule::NoReason, format!("{} says no reason", step.deed.word()));
    }
    if let Deed::Send { kind, to, alert, .. } = &step.deed {
        if to.as_deref().is_none_or(|to| to.trim().is_empty()) && answers != Some(&true) {
            found.step(at, Rule::NoOwner, format!("nobody answers for {}", step.unit));
        }
        let about_money = matches!(kind, MessageKind::BudgetBreached);
        if about_money && *alert && step.amount.is_none() {
            found.step(at, Rule::UnansweredFigures, format!("{} has no amount", kind.word()));
        }
    }
}

/// Steps that bring an incident into a state that does not follow from the one before, or a waiver into two.
fn contradictions(plan: &Plan, world: &World<'_>, found: &mut Found) {
    let mut open: BTreeMap<&str, bool> =
        world.incidents.iter().map(|(incident, open)| (incident.as_str(), *open)).collect();
    let mut waivers: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        if let Deed::Incident { happens, after, .. } = &step.deed {
            let incident = after.id.as_str();
            let state = open.get(incident).copied();
            let follows = match happens {
                Happens::Opened => state.is_none(),
                Happens::Reopened => state == Some(false),
                Happens::Resolved => state == Some(true),
                Happens::Annotated => state.is_some(),
            };
            if !follows {
                let state = match state {
                    None => "is not there",
                    Some(true) => "is open",
                    Some(false) => "is resolved",
                };
                let message = format!("{} of {incident}, which {state}", step.deed.word());
                found.step(at, Rule::Contradiction, message);
            }
            match happens {
                Happens::Opened | Happens::Reopened => drop(open.insert(incident, true)),
                Happens::Resolved => drop(open.insert(incident, false)),
                Happens::Annotated => {}
            }
        }
        if let Some(waiver) = step.deed.waiver() {
            match waivers.get(waiver) {
                Some(first) => {
                    let message = format!("{} of {waiver}, of which step {} is already", step.deed.word(), first + 1);
                    found.step(at, Rule::Contradiction, message);
                }
                None => {
                    waivers.insert(waiver, at);
                }
            }
        }
    }
}
