//! Budgets as documents, in the org, and judged.

use leap_terms::{CostKind, Currency, Day, Exact, Instant, Period, Ratio, TeamId};
use proptest::prelude::*;

use super::judge::{Reopened, at_end};
use super::request::{Answer, Hurdle, Request};
use super::*;
use crate::forecast::Range;
use crate::org::{Spans, spans};

fn money(text: &str) -> Exact {
    text.parse().unwrap()
}

fn team(text: &str) -> TeamId {
    TeamId::new(text).unwrap()
}

fn october() -> Period {
    "2026-10".parse().unwrap()
}

fn usd() -> Currency {
    Currency::new("USD").unwrap()
}

fn line(unit: &str, period: &str, amount: &str) -> Line {
    Line {
        unit: team(unit),
        period: period.parse().unwrap(),
        currency: usd(),
        cost: CostKind::Effective,
        amount: money(amount),
        tolerance_bps: TOLERANCE_BPS,
        expected: false,
    }
}

fn seen(actual: &str, until: &str, end: Option<[&str; 3]>) -> Seen {
    let end = end.map(|[low, middle, high]| Range { low: money(low), middle: money(middle), high: money(high) });
    let known_until = until.parse().unwrap();
    Seen { currency: usd(), actual: money(actual), known_until, end, pace: Pace::even(october()) }
}

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

const NOW: &str = "2026-11-01T00:00:00Z";

fn judged(actual: &str, allowances: &[Allowance]) -> Verdict {
    let seen = seen(actual, "2026-11-01", None);
    judge(&line("payments", "2026-10", "120000"), &seen, allowances, instant(NOW)).unwrap()
}

#[test]
fn two_percent_is_tolerated_and_not_a_cent_more() {
    for (actual, state, bps) in [
        ("122388.00", State::Within, "199"),
        ("122400.00", State::Within, "200"),
        ("122400.000000000000000000000000000001", State::Breached, "200"),
        ("122400.01", State::Breached, "200"),
        ("122412.00", State::Breached, "201"),
        ("120000", State::Within, "0"),
        ("-60000", State::Within, "-15000"),
    ] {
        let verdict = judged(actual, &[]);
        let shown = verdict.variance.bps.as_ref().and_then(|bps| bps.rounded(2)).unwrap();
        assert_eq!((verdict.state, shown), (state, money(bps)), "{actual}");
        assert_eq!(verdict.variance.money, Ratio::whole(money(actual) - money("120000")));
    }
    let strict = Line { tolerance_bps: 0, ..line("payments", "2026-10", "120000") };
    let state = |actual: &str| judge(&strict, &seen(actual, "2026-11-01", None), &[], instant(NOW)).unwrap().state;
    assert_eq!((state("120000"), state("120000.01")), (State::Within, State::Breached));
    let nothing = line("payments", "2026-10", "0");
    let verdict = judge(&nothing, &seen("0.01", "2026-11-01", None), &[], instant(NOW)).unwrap();
    assert_eq!((verdict.state, verdict.variance.bps), (State::Breached, None));
}

#[test]
fn what_is_expected_is_told_before_what_was_spent() {
    let line = line("payments", "2026-10", "100000");
    for (end, state, outlook) in [
        (["90000", "95000", "102000"], State::Within, Outlook::Unlikely),
        (["90000", "95000", "102000.01"], State::Warned, Outlook::Possible),
        (["90000", "102000", "110000"], State::Warned, Outlook::Possible),
        (["90000", "102000.01", "110000"], State::Projected, Outlook::Likely),
        (["102000.01", "105000", "110000"], State::Projected, Outlook::NearlyCertain),
    ] {
        let verdict = judge(&line, &seen("50000", "2026-10-16", Some(end)), &[], instant(NOW)).unwrap();
        assert_eq!((verdict.state, verdict.outlook), (state, Some(outlook)), "{end:?}");
        assert_eq!((verdict.covered_days, verdict.days), (15, 31));
    }
    let breached = judge(&line, &seen("102000.01", "2026-10-16", Some(["1", "2", "3"])), &[], instant(NOW)).unwrap();
    assert_eq!(breached.state, State::Breached, "what was spent weighs more than any forecast");
    let rest = Range { low: money("1"), middle: money("2"), high: money("3") };
    assert_eq!(at_end(money("10"), rest).middle, money("12"));
}

#[test]
fn variance_to_date_follows_the_forecasts_profile() {
    let first = october().from();
    // All of the month's cost is expected on its first ten days.
    let pace = Pace::new(october(), (0..31).map(|at| (first.plus(at), Exact::from_whole(i64::from(at < 10)))));
    let seen = Seen { pace, ..seen("60000", "2026-10-06", None) };
    let verdict = judge(&line("payments", "2026-10", "100000"), &seen, &[], instant(NOW)).unwrap();
    assert_eq!(verdict.to_date.money, Ratio::whole(money("10000")), "half of the budget belongs to five such days");
    assert_eq!(verdict.to_date.bps, Some(Ratio::whole(money("2000"))));
}

#[test]
fn a_waiver_permits_its_amount_until_its_end() {
    let waiver = |amount: &str, until: &str| Allowance {
        waiver: format!("w-{amount}"),
        amount: money(amount),
        from: instant("2026-10-20T00:00:00Z"),
        until: instant(until),
    };
    let long = "2026-11-30T00:00:00Z";
    assert_eq!(judged("125000", &[waiver("5000", long)]).state, State::Waived);
    let exceeded = judged("125000.01", &[waiver("5000", long)]);
    let reopened = Reopened::Exceeded { waiver: "w-5000".into(), permitted: money("5000") };
    assert_eq!((exceeded.state, exceeded.reopened), (State::Breached, Some(reopened)));
    let expired = judged("125000", &[waiver("5000", NOW)]);
    let reopened = Reopened::Expired { waiver: "w-5000".into(), at: instant(NOW) };
    assert_eq!((expired.state, expired.reopened), (State::Breached, Some(reopened)), "at its end it is over");
    assert_eq!(judged("125000", &[waiver("5000", "2026-11-01T00:00:01Z")]).state, State::Waived);
    assert_eq!(judged("125000", &[waiver("2000", long), waiver("4999.99", long)]).state, State::Breached, "no sum");
    assert_eq!(judged("122400", &[waiver("1", long)]).state, State::Within, "a waiver takes no tolerance away");
    let early = Allowance { from: instant("2026-11-02T00:00:00Z"), ..waiver("5000", long) };
    assert_eq!(judged("125000", &[early]).state, State::Breached, "not before it is granted");
}

#[test]
fn sentences_name_figures_and_reason() {
    let text = judged("122400.01", &[]).sentence();
    assert_eq!(
        text,
        "payments spent 122,400.01 USD of 120,000.00 in 2026-10 (31 of 31 days known): 2,400.01 over, 200.00 bps; 200 \
         bps are tolerated"
    );
    let end = Some(["90000", "125000", "130000"]);
    let line = line("payments", "2026-10", "120000");
    let projected = judge(&line, &seen("50000", "2026-10-16", end), &[], instant(NOW)).unwrap();
    assert_eq!(
        projected.sentence(),
        "payments spent 50,000.00 USD of 120,000.00 in 2026-10 (15 of 31 days known) and is expected to end at \
         125,000.00: 5,000.00 over, 416.67 bps"
    );
    let fields = projected.fields();
    assert!(fields.contains(&("end_p90", "130000".to_owned())) && fields.contains(&("variance", "-70000".to_owned())));
}

#[test]
fn currencies_are_not_compared() {
    let euros = Seen { currency: Currency::new("EUR").unwrap(), ..seen("1", "2026-11-01", None) };
    let error = judge(&line("payments", "2026-10", "120000"), &euros, &[], instant(NOW)).unwrap_err();
    assert_eq!(error.to_string(), "what was spent is in EUR");
}

/// Names are ids of the units a, payments, search, platform; `pay` is payments.
fn names(name: &str, _: Day) -> Result<TeamId, String> {
    match name {
        "pay" => Ok(team("payments")),
        "payments" | "search" | "platform" | "a" => Ok(team(name)),
        other => Err(format!("'{other}' is no unit")),
    }
}

fn yaml(text: &str) -> Result<Budgets, Vec<String>> {
    let faults = |faults: Vec<leap_terms::Fault>| faults.iter().map(ToString::to_string).collect();
    Budgets::read_yaml("budgets.yaml", text, &names).map_err(faults)
}

#[test]
fn documents_have_money_basis_points_and_engineers() {
    let text = "currency: USD\ntolerance_bps: 150\nbudgets:\n\
        - {unit: pay, period: 2026-10, amount: 120000.10}\n\
        - {unit: search, period: 2026-Q4, every: month, bps: 12.5, metric: orders, tolerance_bps: 200}\n\
        - unit: platform\n  period: 2026\n  per_engineer: \"900\"\n  currency: EUR\n  cost: billed\n  \
        children: may-exceed\n";
    let budgets = yaml(text).unwrap();
    let shown: Vec<String> = budgets
        .list
        .iter()
        .map(|budget| {
            format!(
                "{} {} {} {} {}",
                budget.subject(),
                budget.currency,
                budget.cost,
                budget.tolerance_bps,
                budget.line.unwrap()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "payments 2026-10 USD effective 150 4",
            "search 2026-10 USD effective 200 5",
            "search 2026-11 USD effective 200 5",
            "search 2026-12 USD effective 200 5",
            "platform 2026-01-01..2027-01-01 EUR billed 150 6",
        ]
    );
    assert!(budgets.list[4].children_may_exceed);
    let base =
        Base { volume: Some(money("1000004")), engineer_months: Some(Ratio::whole(money("12.5"))), ..Base::default() };
    let amounts: Vec<String> = budgets.list.iter().map(|budget| budget.amount(&base).unwrap().to_string()).collect();
    assert_eq!(amounts, ["120000.1", "1250", "1250", "1250", "11250"], "1250.005 goes to the even cent");
    assert_eq!(budgets.list[1].amount(&Base::default()), Err(Missing::Volume));
    assert_eq!(budgets.list[4].amount(&Base::default()), Err(Missing::HeadCount));
    let csv = "unit,period,bps,amount,currency,metric,tolerance_bps\n\
        pay,2026-10,,120000.10,usd,,150\nsearch,2026-11,12.5,,USD,orders,\n";
    let read = Budgets::read_csv("b.csv", csv, &names).unwrap();
    let first = Budget { line: Some(2), ..budgets.list[0].clone() };
    let second = Budget { line: Some(3), ..budgets.list[2].clone() };
    assert_eq!(read.list, [first, second]);
}

#[test]
fn every_fault_names_line_field_rule_and_remedy() {
    for (text, expected) in [
        (
            "currency: USD\nbudgets:\n  - {unit: nobody, period: 2026-10, amount: 1}\n",
            "budgets.yaml:3:12: 'nobody' is no unit",
        ),
        (
            "currency: USD\nbudgets:\n  - {unit: a, period: soon, amount: 1}\n",
            "budgets.yaml:3:23: period: 'soon' is no period",
        ),
        ("currency: USD\nbudgets:\n  - {unit: a, period: 2026-10, amount: -1}\n", "amount: -1 is negative"),
        (
            "currency: USD\nbudgets:\n  - {unit: a, period: 2026-10, amount: 1, bps: 3}\n",
            "the budget has amount and bps",
        ),
        ("currency: USD\nbudgets:\n  - {unit: a, period: 2026-10}\n", "the budget has no amount"),
        ("currency: USD\nbudgets:\n  - {unit: a, perod: 2026-10, amount: 1}\n", "did you mean period?"),
        ("budgets:\n  - {unit: a, period: 2026-10, amount: 1}\n", "the budget has no currency"),
        ("currency: U$\nbudgets: []\n", "budgets.yaml:1:1: currency: 'U$' is no currency code"),
        ("currency: USD\ntolerance_bps: 2%\nbudgets: []\n", "write basis points from 0 to 10000"),
        ("currency: USD\nbudget: []\n", "did you mean budgets?"),
        (
            "currency: USD\nbudgets:\n  - {unit: a, period: 2026-10, amount: 1, metric: orders}\n",
            "metric says nothing without bps",
        ),
        (
            "currency: USD\nbudgets:\n  - {unit: payments, period: 2026, amount: 1}\n  \
                - {unit: pay, period: 2026-10, amount: 1}\n",
            "budgets.yaml:4:25: payments has a budget for 2026-01-01..2027-01-01 already on line 3",
        ),
        ("[]\n", "a budgets file has currency:"),
    ] {
        let faults = yaml(text).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{text}\n{}", faults.join("\n"));
        assert!(faults.iter().all(|fault| fault.contains("help: ")), "{}", faults.join("\n"));
    }
    let two =
        "currency: USD\nbudgets:\n  - {unit: x, period: 2026-10, amount: 1}\n  - {unit: a, period: y, amount: z}\n";
    assert_eq!(yaml(two).unwrap_err().len(), 3, "all faults at once");
    for (text, expected) in [
        ("unit,period,currency,amount\nx,2026-10,USD,1\n", "b.csv:2:1: unit: 'x' is no unit"),
        ("unit,period,currency,amount\na,2026-10,,1\n", "b.csv:2:11: currency: is empty"),
        ("unit,period,currency,amount,bps\na,2026-10,USD,1,2\n", "b.csv:2:17: bps: the row has amount and bps"),
        ("unit,period,currency,amont\na,2026-10,USD,1\n", "did you mean amount?"),
        ("unit,period,currency,amount\na,2026-10,USD,1\na,2026-10-05,USD,1\n", "already on line 2"),
    ] {
        let faults = Budgets::read_csv("b.csv", text, &names).unwrap_err();
        let shown = leap_terms::fault::list(&faults);
        assert!(shown.contains(expected) && shown.contains("help: "), "{shown}");
    }
}

fn company() -> Spans {
    spans(&["acme company", "shop<acme division", "infra<acme division", "payments<shop", "search<shop", "kafka<infra"])
}

#[test]
fn children_stay_within_their_parents() {
    let lines = [
        line("acme", "2026", "1000"),
        line("shop", "2026-10", "60"),
        line("payments", "2026-10", "40"),
        line("search", "2026-10", "30"),
        line("kafka", "2026-10", "900"),
        line("kafka", "2026-11", "40"),
    ];
    let found = hierarchy::check(&lines, |_| false, &company());
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "budgets below shop add up to 70.00 in 2026-10, 10.00 more than its own of 60.00",
        "acme has 60 + 900 + 40, and not what counts in shop once more"
    );
    assert_eq!(found[0].children[0], (team("payments"), october(), money("40")));
    assert!(hierarchy::check(&lines, |at| at == 1, &company()).is_empty());
    let text = |more: &str| {
        format!(
            "currency: USD\nbudgets:\n  - {{unit: payments, period: 2026-10, amount: 40}}\n  \
            - {{unit: search, period: 2026-10, bps: 1}}\n  - {{unit: a, period: 2026-10, amount: 60{more}}}\n"
        )
    };
    let org = spans(&["a", "payments<a", "search<a"]);
    let base = |_: &Budget| Base { volume: Some(money("300000")), ..Base::default() };
    let faults = |more: &str| hierarchy::faults("budgets.yaml", &yaml(&text(more)).unwrap(), base, &org);
    assert_eq!(
        leap_terms::fault::list(&faults("")),
        "budgets.yaml:5: budgets below a add up to 70.00 in 2026-10, 10.00 more than its own of 60.00, the largest of \
         them payments with 40.00\n  help: raise this budget, lower those below, or write children: may-exceed"
    );
    assert!(faults(", children: may-exceed").is_empty());
    let euro = Line { currency: Currency::new("EUR").unwrap(), ..line("search", "2026-10", "3000") };
    assert!(hierarchy::check(&[line("shop", "2026-10", "60"), euro], |_| false, &company()).is_empty());
}

fn followed(lines: &[Line], org: &Spans) -> Vec<String> {
    let moved = reorg::follow(lines, org, |_| Pace::even(october()));
    moved.iter().map(|unit| format!("{} {}", unit.unit, unit.amount)).collect()
}

#[test]
fn budgets_move_with_reorgs_by_the_days() {
    let still = [line("acme", "2026-10", "100"), line("shop", "2026-10", "62"), line("payments", "2026-10", "31")];
    assert_eq!(followed(&still, &company()), ["acme 100", "payments 31", "shop 62"], "nothing moves, nothing changes");
    // Payments moves to infra for the last ten days.
    let moved = spans(&[
        "acme company",
        "shop<acme",
        "infra<acme",
        "payments<shop ..2026-10-22",
        "payments<infra 2026-10-22..",
    ]);
    let lines = [
        line("acme", "2026-10", "100"),
        line("shop", "2026-10", "62"),
        line("infra", "2026-10", "30"),
        line("payments", "2026-10", "31"),
    ];
    assert_eq!(followed(&lines, &moved), ["acme 100", "infra 40", "payments 31", "shop 52"]);
    // Shop itself moves below infra too: infra gets all of shop's, payments' part of then only once.
    let both = spans(&[
        "acme company",
        "infra<acme",
        "shop<acme ..2026-10-22",
        "shop<infra 2026-10-22..",
        "payments<shop ..2026-10-22",
        "payments<infra 2026-10-22..",
    ]);
    assert_eq!(followed(&lines, &both), ["acme 100", "infra 50", "payments 31", "shop 52"]);
}

#[test]
fn budgets_of_units_that_end_go_to_who_inherits() {
    let lines = [line("shop", "2026-10", "62"), line("payments", "2026-10", "31")];
    let merged = spans(&["shop", "search<shop", "payments<shop ..2026-10-22 >search"]);
    assert_eq!(followed(&lines, &merged), ["payments 21", "search 10", "shop 62"]);
    let split = spans(&[
        "shop",
        "cards<shop 2026-10-22..",
        "wallet<shop 2026-10-22..",
        "payments<shop ..2026-10-22 >cards*3 >wallet",
    ]);
    assert_eq!(followed(&lines, &split), ["cards 7.5", "payments 21", "shop 62", "wallet 2.5"]);
    let ended = spans(&["shop", "payments<shop ..2026-10-22"]);
    assert_eq!(followed(&lines, &ended), ["payments 21", "shop 62"], "its parent keeps what it had");
    let started = spans(&["shop", "payments<shop 2026-10-22.."]);
    assert_eq!(followed(&lines, &started), ["payments 31", "shop 62"], "all of it is for the days that it has");
    let parts = reorg::follow(&lines, &merged, |_| Pace::even(october())).swap_remove(1).parts;
    assert_eq!((parts[0].from.as_str(), parts[0].days.from().to_string()), ("payments", "2026-10-22".to_owned()));
}

#[test]
fn budgets_in_force_are_in_money_and_where_their_units_are() {
    let text = "currency: USD\nbudgets:\n  - {unit: platform, period: 2026-10, amount: 310, tolerance_bps: 100}\n  \
        - {unit: payments, period: 2026-10, per_engineer: 10}\n  - {unit: search, period: 2026-10, bps: 1}\n";
    let org = spans(&["acme", "payments<acme", "search<acme", "kafka<acme", "platform<acme ..2026-10-22 >kafka"]);
    let base = |budget: &Budget| match budget.limit {
        Limit::PerEngineer(_) => Base { engineer_months: Some(Ratio::whole(money("3"))), ..Base::default() },
        _ => Base::default(),
    };
    let force = in_force(&yaml(text).unwrap(), base, &org, |_, period| Pace::even(period));
    let shown: Vec<String> =
        force.lines.iter().map(|line| format!("{} {} {}", line.unit, line.amount, line.tolerance_bps)).collect();
    assert_eq!(shown, ["kafka 100 100", "payments 30 200", "platform 210 100"]);
    assert_eq!(force.missing, [(team("search"), october(), Missing::Volume)]);
}

#[test]
fn engineers_are_counted_by_the_day() {
    let heads = |day: Day| if day < "2026-10-16".parse().unwrap() { 10 } else { 12 };
    let months = engineer_months("2026-10".parse().unwrap(), heads);
    assert_eq!(months, Ratio::of(money("342"), money("31")).unwrap());
    assert_eq!(engineer_months("2026-10..2026-11".parse().unwrap(), |_| 3), Ratio::whole(money("6")));
}

#[test]
fn requests_are_compared_with_room_and_hurdle() {
    let request = |cost: &str, saving: Option<&str>, weeks: &str, engineers: &str| Request {
        unit: team("kafka"),
        title: "a second cluster".into(),
        period: october(),
        currency: usd(),
        cost: money(cost),
        saving_per_month: saving.map(money),
        dev_weeks: money(weeks),
        engineers: money(engineers),
    };
    let hurdle = Hurdle::of(money("260000"));
    let answer = |request: &Request| request::judge(request, money("5000"), &hurdle).answer;
    assert_eq!(answer(&request("5000", None, "3", "0")), Answer::Fits);
    assert_eq!(answer(&request("5000.01", None, "3", "0")), Answer::NeedsApproval);
    assert_eq!(answer(&request("100", Some("20000"), "2", "0")), Answer::Fits, "exactly 10,000 a week");
    assert_eq!(answer(&request("100", Some("19999.99"), "2", "0")), Answer::BelowHurdle);
    // 5 · 260,000 a year is 108,333.33… a month.
    assert_eq!(answer(&request("100", Some("108333.33"), "0", "1")), Answer::BelowHurdle);
    assert_eq!(answer(&request("100", Some("108333.34"), "0", "1")), Answer::Fits);
    let verdict = request::judge(&request("8000", Some("30000"), "2", "0"), money("5000"), &hurdle);
    assert_eq!(verdict.to_string(), "3,000.00 more than the room of 5,000.00: needs an approval");
    assert_eq!(verdict.worth, Some(Ratio::whole(money("15000"))));
    assert_eq!(request::judge(&request("8000", None, "0", "0"), money("-1"), &hurdle).beyond, money("8000"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_reorg_makes_no_budget(
        changes in prop::collection::vec((0_usize..3, 2_u32..31, any::<bool>()), 3),
        cents in prop::collection::vec(0_i128..1_000_000, 6),
        profile in prop::collection::vec(0_i64..100, 31),
    ) {
        // Three teams stay; three others move below one of them or end into one, each on some day.
        let mut written: Vec<String> = ["root", "t0<root", "t1<root", "t2<root"].map(str::to_owned).to_vec();
        for (at, (to, day, ends)) in changes.iter().enumerate() {
            let team = at + 3;
            let heir = if *ends { format!(" >t{to}") } else { String::new() };
            written.push(format!("t{team}<root ..2026-10-{day:02}{heir}"));
            if !ends {
                written.push(format!("t{team}<t{to} 2026-10-{day:02}.."));
            }
        }
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        let amount = |cents: i128| Exact::from_parts(cents * 10_i128.pow(16), 0);
        let mut lines = vec![line("root", "2026-10", "100000000")];
        lines.extend(cents.iter().enumerate().map(|(at, cents)| {
            Line { amount: amount(*cents), ..line(&format!("t{at}"), "2026-10", "0") }
        }));
        let first = october().from();
        let days = profile.iter().enumerate().map(|(at, cost)| (first.plus(at as i32), Exact::from_whole(*cost)));
        let pace = Pace::new(october(), days);
        let moved = reorg::follow(&lines, &spans(&written), |_| pace.clone());
        let root = moved.iter().find(|unit| unit.unit.as_str() == "root").map(|unit| unit.amount);
        prop_assert_eq!(root, Some(lines[0].amount));
        for unit in &moved {
            prop_assert_eq!(unit.parts.iter().map(|part| part.amount).sum::<Exact>(), unit.amount);
        }
    }
}
