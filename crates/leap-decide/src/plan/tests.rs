//! Plans are immutable, and their check tells everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Currency, Digest, Instant, TeamId};
use proptest::prelude::*;

use super::check::Subject;
use super::*;

fn team(name: &str) -> TeamId {
    TeamId::new(name).unwrap()
}

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

const NOW: &str = "2026-10-20T09:00:00Z";

fn amount(text: &str, currency: &str) -> Option<Amount> {
    Some(Amount { money: text.parse().unwrap(), currency: Currency::new(currency).unwrap() })
}

fn send(unit: &str, subject: &str) -> Step {
    let kind = MessageKind::BudgetBreached;
    Step {
        deed: Deed::Send {
            kind,
            to: None,
            sentence: "over".into(),
            fields: vec![("actual".into(), "1.10".into())],
            alert: true,
            incident: None,
        },
        unit: team(unit),
        subject: subject.into(),
        period: "2026-10".into(),
        amount: amount("2400.01", "USD"),
        key: key(kind.word(), &team(unit), subject, "2026-10"),
        reason: "the budget is breached".into(),
    }
}

fn step(deed: Deed) -> Step {
    let key = key(deed.word(), &team("payments"), "c.a@1", "1");
    Step {
        deed,
        unit: team("payments"),
        subject: "c.a@1".into(),
        period: "1".into(),
        amount: None,
        key,
        reason: "why".into(),
    }
}

fn happens(happens: Happens, id: &str) -> Deed {
    let after = Incident { id: id.to_owned(), stretches: Vec::new(), unconfirmed: None, sayings: 1, beyond: None };
    Deed::Incident { happens, after, at: instant(NOW), words: "why".into() }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan { snapshot: "42".into(), made: instant(NOW), steps }
}

/// The world with everything in order; changed by the tests.
struct Owned {
    snapshot: &'static str,
    now: &'static str,
    kill_switch: bool,
    units: BTreeMap<TeamId, bool>,
    done: BTreeSet<String>,
    incidents: BTreeMap<String, bool>,
    approved: BTreeSet<Digest>,
}

impl Owned {
    fn new() -> Owned {
        let units = ["payments", "search", "shop"].map(|unit| (team(unit), true));
        Owned {
            snapshot: "42",
            now: NOW,
            kill_switch: false,
            units: units.into_iter().chain([(team("nobody"), false)]).collect(),
            done: BTreeSet::new(),
            incidents: BTreeMap::from([("open".to_owned(), true), ("resolved".to_owned(), false)]),
            approved: BTreeSet::new(),
        }
    }

    fn check(&self, plan: &Plan, caps: &Caps) -> Vec<(Subject, Rule)> {
        let world = World {
            snapshot: self.snapshot,
            now: instant(self.now),
            kill_switch: self.kill_switch,
            units: &self.units,
            done: &self.done,
            incidents: &self.incidents,
            approved: &self.approved,
        };
        plan_check(plan, caps, &world).into_iter().map(|finding| (finding.subject, finding.rule)).collect()
    }
}

fn caps() -> Caps {
    Caps { money: BTreeMap::from([(Currency::new("USD").unwrap(), "10000".parse().unwrap())]), ..Caps::default() }
}

#[test]
fn a_plan_in_order_has_no_finding() {
    let incident = "new".to_owned();
    let good = plan(vec![
        send("payments", "payments"),
        send("search", "search"),
        step(happens(Happens::Opened, &incident)),
        step(happens(Happens::Annotated, &incident)),
        step(happens(Happens::Resolved, &incident)),
        step(Deed::AskWaiver { waiver: "w1".into(), of: "bo".into() }),
    ]);
    assert_eq!(Owned::new().check(&good, &caps()), []);
    assert_eq!(Owned::new().check(&plan(vec![]), &caps()), [(Subject::Plan, Rule::Empty)]);
}

#[test]
fn every_rule_finds_what_it_is_for() {
    let one = || plan(vec![send("payments", "payments")]);
    let with = |change: &dyn Fn(&mut Step)| {
        let mut plan = one();
        change(&mut plan.steps[0]);
        plan
    };
    let deed = |deed: Deed| plan(vec![step(deed)]);
    let changed = |change: &dyn Fn(&mut Owned)| {
        let mut world = Owned::new();
        change(&mut world);
        world
    };
    let fine = Owned::new();
    let incident = |name: &str| name.to_owned();
    let first = Subject::Step(0);
    let done = one().steps[0].key.clone();
    let many = plan((0..9).map(|at| send("payments", &at.to_string())).collect());
    let wants = Caps { approval: BTreeSet::from(["budget_breached".to_owned()]), ..caps() };
    let few = Caps { few_units: 1, units_bps: 5_000, ..caps() };
    let three = plan(["payments", "search", "shop"].map(|unit| send(unit, unit)).to_vec());
    let cases: Vec<(Plan, Caps, Owned, Subject, Rule)> = vec![
        (one(), caps(), changed(&|world| world.kill_switch = true), Subject::Plan, Rule::KillSwitch),
        (one(), caps(), changed(&|world| world.snapshot = "43"), Subject::Plan, Rule::Stale),
        (one(), caps(), changed(&|world| world.now = "2026-10-20T10:00:01Z"), Subject::Plan, Rule::Expired),
        (one(), caps(), changed(&|world| world.now = "2026-10-20T08:59:59Z"), Subject::Plan, Rule::Expired),
        (
            many,
            Caps {
                steps: 8,
                money: BTreeMap::from([(Currency::new("USD").unwrap(), "99999".parse().unwrap())]),
                ..caps()
            },
            Owned::new(),
            Subject::Plan,
            Rule::TooManySteps,
        ),
        (three, few, Owned::new(), Subject::Plan, Rule::TooLargeAShare),
        (
            with(&|step| step.amount = amount("-10000.01", "USD")),
            caps(),
            Owned::new(),
            Subject::Plan,
            Rule::TooMuchMoney,
        ),
        (with(&|step| step.amount = amount("1", "EUR")), caps(), Owned::new(), Subject::Plan, Rule::UnknownCurrency),
        (with(&|step| step.amount = None), caps(), Owned::new(), first.clone(), Rule::UnansweredFigures),
        (with(&|step| step.key = "x".repeat(300)), caps(), Owned::new(), first.clone(), Rule::MalformedKey),
        (
            one(),
            caps(),
            changed(&|world| world.done = BTreeSet::from([done.clone()])),
            first.clone(),
            Rule::AlreadyDone,
        ),
        (with(&|step| step.unit = team("gone")), caps(), Owned::new(), first.clone(), Rule::UnknownUnit),
        (with(&|step| step.unit = team("nobody")), caps(), Owned::new(), first.clone(), Rule::NoOwner),
        (with(&|step| step.reason = " ".into()), caps(), Owned::new(), first.clone(), Rule::NoReason),
        (one(), wants.clone(), Owned::new(), first.clone(), Rule::ApprovalMissing),
        (deed(happens(Happens::Opened, &incident("open"))), caps(), Owned::new(), first.clone(), Rule::Contradiction),
        (deed(happens(Happens::Reopened, &incident("open"))), caps(), Owned::new(), first.clone(), Rule::Contradiction),
        (
            deed(happens(Happens::Resolved, &incident("resolved"))),
            caps(),
            Owned::new(),
            first.clone(),
            Rule::Contradiction,
        ),
        (deed(happens(Happens::Resolved, &incident("new"))), caps(), Owned::new(), first.clone(), Rule::Contradiction),
        (deed(happens(Happens::Annotated, &incident("new"))), caps(), Owned::new(), first.clone(), Rule::Contradiction),
    ];
    let mut found: BTreeSet<Rule> = BTreeSet::from([Rule::Empty, Rule::DuplicateKey]);
    for (plan, caps, world, subject, rule) in cases {
        let findings = world.check(&plan, &caps);
        // A unit that nobody knows has nobody who answers either.
        let other =
            |finding: &(Subject, Rule)| finding.1 != rule && !(rule == Rule::UnknownUnit && finding.1 == Rule::NoOwner);
        assert!(findings.contains(&(subject, rule)), "{rule:?} in {findings:?}");
        assert!(!findings.iter().any(other), "{rule:?} alone in {findings:?}");
        found.insert(rule);
    }
    assert_eq!(found, BTreeSet::from(Rule::ALL));
    let mut approved = Owned::new();
    approved.approved.insert(one().wanted());
    assert_eq!(approved.check(&one(), &wants), []);
    let mut later = one();
    later.made = later.made.plus_seconds(-60);
    assert_eq!(approved.check(&later, &wants), [], "the same a minute later is the same");
    assert_eq!(approved.check(&one(), &Caps { steps: 0, ..wants.clone() }), [], "an approval lifts the caps");
    let mut elsewhere = one();
    if let Deed::Send { to, .. } = &mut elsewhere.steps[0].deed {
        *to = Some("zed".to_owned());
    }
    assert_eq!(approved.check(&elsewhere, &wants), [(first.clone(), Rule::ApprovalMissing)], "nobody else is told");
    let mut other = one();
    other.steps[0].amount = Some(Amount { money: Money::from_whole(1), currency: Currency::new("USD").unwrap() });
    assert_eq!(approved.check(&other, &wants), [(first, Rule::ApprovalMissing)], "an approval is of exactly one plan");
    let named = with(&|step| {
        step.unit = team("nobody");
        if let Deed::Send { to, .. } = &mut step.deed {
            *to = Some("ann".into());
        }
    });
    assert_eq!(fine.check(&named, &caps()), [], "a person is an owner");
}

#[test]
fn all_findings_are_told_the_worst_first() {
    let mut bad = plan(vec![send("payments", "a"), send("payments", "a"), send("gone", "b")]);
    bad.steps[0].reason.clear();
    bad.steps[1].amount = None;
    let ask = |of: &str| step(Deed::AskWaiver { waiver: "w1".into(), of: of.into() });
    bad.steps.extend([ask("bo"), Step { key: "leap:other".into(), ..ask("ann") }]);
    let world = Owned { kill_switch: true, snapshot: "43", ..Owned::new() };
    let expected = [
        (Subject::Plan, Rule::KillSwitch),
        (Subject::Plan, Rule::Stale),
        (Subject::Step(0), Rule::NoReason),
        (Subject::Step(1), Rule::DuplicateKey),
        (Subject::Step(4), Rule::Contradiction),
        (Subject::Step(1), Rule::UnansweredFigures),
        (Subject::Step(2), Rule::UnknownUnit),
        (Subject::Step(2), Rule::NoOwner),
    ];
    assert_eq!(world.check(&bad, &caps()), expected);
    let finding = Finding {
        severity: Severity::Error,
        subject: Subject::Step(4),
        rule: Rule::Contradiction,
        message: "x".into(),
    };
    assert_eq!(
        finding.to_string(),
        "step 5: x\n  help: plan again from the incidents and waivers as they are recorded"
    );
    assert!(Rule::ALL.iter().all(|rule| !rule.remedy().is_empty()));
}

#[test]
fn one_amount_that_several_steps_are_about_counts_once() {
    let twice = plan(vec![
        Step { amount: amount("9000", "USD"), ..send("payments", "payments") },
        Step { amount: amount("9000", "USD"), key: "leap:x".into(), ..send("payments", "payments") },
    ]);
    assert_eq!(Owned::new().check(&twice, &caps()), []);
}

#[test]
fn a_plan_is_its_bytes_and_is_kept_as_json() {
    let plan =
        plan(vec![send("payments", "payments"), step(Deed::EndWaiver { waiver: "w".into(), why: "expired".into() })]);
    let kept: Plan = serde_json::from_slice(&serde_json::to_vec(&plan).unwrap()).unwrap();
    assert_eq!((kept.bytes(), kept.digest()), (plan.bytes(), plan.digest()));
    let text = String::from_utf8(plan.bytes()).unwrap();
    let begins =
        r#"{"snapshot":"42","made":"2026-10-20T09:00:00Z","steps":[{"deed":{"send":{"kind":"budget_breached","#;
    assert!(text.starts_with(begins), "{text}");
    for change in [
        Plan { snapshot: "43".into(), ..plan.clone() },
        Plan { made: plan.made.plus_seconds(1), ..plan.clone() },
        Plan { steps: plan.steps.iter().rev().cloned().collect(), ..plan.clone() },
    ] {
        assert_ne!(change.digest(), plan.digest());
    }
}

proptest! {
    #[test]
    fn different_parts_never_make_one_key(
        one in ("[a:%~]{1,12}", "[a:%é]{0,300}", "[0:%]{0,9}"),
        other in ("[a:%~]{1,12}", "[a:%é]{0,300}", "[0:%]{0,9}"),
    ) {
        let of = |parts: &(String, String, String)| key("drift", &team(&parts.0), &parts.1, &parts.2);
        prop_assert!(of(&one).len() <= leap_terms::dedup::KEY_BYTES && of(&one).starts_with("leap:drift:"));
        prop_assert_eq!(of(&one) == of(&other), one == other);
    }
}
