//! Budgets from outside: documents with their faults, verdicts to the cent, reorgs, and what readers see of them.

use serde_json::Value;

use crate::bill::{ORG, bill};
use crate::harness::{Home, text};
use crate::rights::{add, as_person, cookie};
use crate::site::Site;

const RULES: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

/// A home whose team a spends an amount on the 10th of September 2026, b 40 and nobody 7; other days cost nothing.
fn home(amount: &str) -> Home {
    let home = Home::with(ORG, RULES);
    september(&home, amount);
    home
}

fn september(home: &Home, amount: &str) {
    let lines = [
        ("2026-09-10", "i-a", "a", amount),
        ("2026-09-11", "i-b", "b", "40"),
        ("2026-09-12", "lost", "", "7"),
        ("2026-09-30", "i-b", "b", "0"),
    ];
    home.ingest(&home.write("september.csv", &bill("2026-09", &lines)));
}

fn apply(home: &Home, list: &str) {
    home.write("budgets.yaml", &format!("currency: USD\nbudgets:\n{list}"));
    home.ok(&["budget", "apply", "budgets.yaml"]);
}

/// Unit, spent, state.
fn verdicts(answer: &Value) -> Vec<(String, String, String)> {
    let rows = answer["rows"].as_array().expect("rows");
    rows.iter().map(|row| (text(&row["unit"]), text(&row["actual"]), text(&row["state"]))).collect()
}

#[test]
fn two_percent_are_tolerated_and_not_a_digit_more() {
    for (spent, state, code) in [
        ("101990.00", "within", 0),
        ("102000.00", "within", 0),
        ("102000.000000000000000000000001", "breached", 3),
        ("102010.00", "breached", 3),
        ("99.5", "within", 0),
    ] {
        let home = home(spent);
        apply(&home, "- {unit: alpha, period: 2026-09, amount: 100000}\n");
        let (exit, answer) = home.json_any(&["budget", "check"]);
        assert_eq!(exit, code, "{spent}");
        assert_eq!(text(&answer["breached"]), u8::from(code == 3).to_string(), "{spent}");
        let listed = home.json(&["budget", "list", "--unit", "a"]);
        assert_eq!(verdicts(&listed), [("a".to_owned(), spent.trim_end_matches(".00").to_owned(), state.to_owned())]);
    }
    let home = home("102010");
    apply(&home, "- {unit: a, period: 2026-09, amount: 100000, tolerance_bps: 201}\n");
    assert_eq!(home.run(&["budget", "check"]).code, 0, "a tolerance of its own");
    let told = home.run(&["budget", "check", "--period", "2027"]);
    assert_eq!(told.code, 2, "who checks is told that there is nothing to check");
    assert!(told.err.contains("no budget that is asked for holds in 2027"), "{}", told.err);
}

#[test]
fn what_is_wrong_with_a_document_is_named_and_nothing_is_applied() {
    let home = home("10");
    apply(&home, "- {unit: a, period: 2026-09, amount: 10}\n");
    let before = home.digest();
    for (list, code, words) in [
        ("- {unit: nobody, period: 2026-09, amount: 1}\n", 2, "budgets.yaml:3"),
        ("- {unit: a, period: 2026-09, amount: -1}\n", 2, "amount"),
        ("- {unit: a, period: 2026-13, amount: 1}\n", 2, "period"),
        ("- {unit: a, period: 2026-09, amount: 1, bps: 2}\n", 2, "amount and bps"),
        ("- {unit: a, period: 2026-09, amonut: 1}\n", 2, "did you mean amount"),
        ("- {unit: a, period: 2026-09, amount: 1}\n- {unit: alpha, period: 2026-Q3, amount: 1}\n", 2, "already"),
        (
            "- {unit: acme, period: 2026-09, amount: 15}\n- {unit: a, period: 2026-09, amount: 10}\n- {unit: b, period: 2026-09, amount: 5.01}\n",
            3,
            "0.01 more than its own of 15.00",
        ),
    ] {
        home.write("budgets.yaml", &format!("currency: USD\nbudgets:\n{list}"));
        let ran = home.run(&["budget", "apply", "budgets.yaml"]);
        assert_eq!(ran.code, code, "{list}: {}", ran.err);
        assert!(ran.err.contains(words) && ran.err.contains("help: "), "{list}: {}", ran.err);
    }
    home.write("budgets.csv", "unit,period,currency,amount\na,2026-09,USD,1x\nb,2026-09,,5\n");
    let ran = home.run(&["budget", "apply", "budgets.csv"]);
    assert!(ran.code == 2 && ran.err.contains("budgets.csv:2") && ran.err.contains("budgets.csv:3"), "{}", ran.err);
    assert_eq!(home.digest(), before);
    assert!(home.ok(&["budget", "show"]).contains("amount: 10}"));
    // What is below may exceed what is above, where that is said; the same twice changes nothing.
    apply(
        &home,
        "- {unit: acme, period: 2026-09, amount: 15, children: may-exceed}\n- {unit: a, period: 2026-09, amount: 16}\n",
    );
    assert!(home.ok(&["budget", "apply", "budgets.yaml"]).contains("in force already"));
    home.write("budgets.csv", "unit,period,currency,amount,tolerance_bps\na,2026-09,USD,10,0\n");
    home.ok(&["budget", "apply", "budgets.csv"]);
    assert_eq!(verdicts(&home.json(&["budget", "list"])), [("a".to_owned(), "10".to_owned(), "within".to_owned())]);
}

#[test]
fn budgets_follow_reorgs_and_restated_bills_and_are_kept_as_known() {
    let home = home("103");
    apply(&home, "- {unit: acme, period: 2026-09, amount: 200}\n- {unit: a, period: 2026-09, amount: 100}\n");
    let spent = |home: &Home, more: &[&str]| verdicts(&home.json(&[&["budget", "list"], more].concat()));
    let own = |unit: &str, spent: &str, state: &str| (unit.to_owned(), spent.to_owned(), state.to_owned());
    assert_eq!(spent(&home, &[]), [own("a", "103", "breached"), own("acme", "143", "within")]);
    let known = home.json(&["snapshots"])["rows"].as_array().map(|rows| text(&rows[0]["id"])).expect("snapshots");
    // The provider restates: what was breached is within, and what was known stays known.
    september(&home, "101.5");
    assert_eq!(spent(&home, &[]), [own("a", "101.5", "within"), own("acme", "141.5", "within")]);
    assert_eq!(spent(&home, &["--snapshot", &known])[0], own("a", "103", "breached"));
    // A unit merges into another one in the middle of the period: what was its budget from then on is the other one's.
    home.write("next.yaml", "units:\n  - {id: acme, name: Acme, kind: company}\n  - {id: b, name: Team B, kind: team, parent: acme}\n  - {id: c, name: Team C, kind: team, parent: acme}\n");
    let plan = ["org", "plan", "next.yaml", "--effective", "2026-09-16", "--successor", "a=b", "--output", "plan.json"];
    home.ok(&plan);
    home.ok(&["org", "apply", "plan.json"]);
    let after = home.json(&["budget", "list"]);
    let budgets: Vec<(String, String)> =
        after["rows"].as_array().unwrap().iter().map(|row| (text(&row["unit"]), text(&row["budget"]))).collect();
    let of = |unit: &str| budgets.iter().find(|(own, _)| own == unit).map(|(_, budget)| budget.as_str());
    let parts: leap_terms::Money =
        [of("a"), of("b")].into_iter().flatten().map(|part| part.parse::<leap_terms::Money>().unwrap()).sum();
    assert_eq!(parts.to_string(), "100", "{budgets:?}");
    assert_eq!(of("acme"), Some("200"), "{budgets:?}");
    assert_eq!(of("b"), Some("50"), "fifteen of thirty days: {budgets:?}");
    // The next month has a budget of each, written before one became the other: together they are the heir's.
    apply(&home, "- {unit: a, period: 2026-10, amount: 60}\n- {unit: b, period: 2026-10, amount: 40}\n");
    let next = home.json(&["budget", "list", "--period", "2026-10"]);
    let heirs: Vec<(String, String)> =
        next["rows"].as_array().unwrap().iter().map(|row| (text(&row["unit"]), text(&row["budget"]))).collect();
    assert_eq!(heirs, [("b".to_owned(), "100".to_owned())], "{next}");
}

#[test]
fn what_cannot_be_judged_passes_no_check() {
    let home = home("10");
    assert_eq!(home.run(&["budget", "check"]).code, 2, "there is nothing to check");
    assert_eq!(home.json(&["budget", "list"])["rows"].as_array().map(Vec::len), Some(0));
    apply(&home, "- {unit: a, period: 2026-09, per_engineer: 5}\n");
    let (code, told) = home.json_any(&["budget", "check"]);
    assert_eq!((code, text(&told["not_judged"][0]["unit"])), (4, "a".to_owned()), "{told}");
    home.write("budgets.yaml", "currency: EUR\nbudgets:\n- {unit: a, period: 2026-09, bps: 5, metric: orders}\n");
    let ran = home.run(&["budget", "apply", "budgets.yaml"]);
    assert!(ran.code == 0 && ran.err.contains("nothing was billed in EUR"), "{}", ran.err);
    assert!(ran.err.contains("no business volume of orders"), "{}", ran.err);
    // A count is no money, whatever the currency of the metric that counts.
    home.write("volume.csv", "date,metric,value,currency\n2026-09-01,payments,1000,USD\n2026-09-01,orders,7,\n");
    home.ok(&["ingest", "volume.csv"]);
    apply(&home, "- {unit: a, period: 2026-09-01..2026-09-02, bps: 5, metric: orders}\n");
    let told = home.json(&["budget", "list", "--period", "2026-09"]);
    assert!(text(&told["not_judged"][0]["why"]).contains("volume"), "{told}");
    home.write("budgets.yaml", "currency: USD\nbudgets: []\n");
    let ran = home.run(&["budget", "apply", "budgets.yaml"]);
    assert!(ran.code == 2 && ran.err.contains("budget end-all"), "{}", ran.err);
    home.ok(&["budget", "end-all"]);
    assert!(home.ok(&["budget", "show"]).contains("no budgets"));
    home.verified();
    // What is below may come to exceed what is above by a reorg: it is said.
    apply(&home, "- {unit: acme, period: 2026-09, amount: 15}\n- {unit: a, period: 2026-09, amount: 10}\n");
    let csv = home.ok(&["budget", "list", "--format", "csv"]);
    assert!(csv.contains("a,2026-09,USD,effective,10,10,0,0,10,10,10,200,30/30,within"), "{csv}");
    let below = home.json(&["budget", "list", "--under", "acme"]);
    assert_eq!(below["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!(home.json(&["budget", "list", "--unit", "acme"])["rows"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_page_says_what_the_command_says_and_shows_each_their_own() {
    let home = home("103");
    apply(
        &home,
        "- {unit: acme, period: 2026-09, amount: 200}\n- {unit: a, period: 2026-09, amount: 100}\n- {unit: b, period: 2026-09, amount: 100}\n",
    );
    for (name, role) in [("eve", "administrator"), ("val", "viewer"), ("bob", "viewer@b")] {
        let added = add(&home, name, &[role]);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    let site = Site::start(&home);
    let [val, bob] = ["val", "bob"].map(|name| cookie(&site, name));
    let page = as_person(&site, "GET", "/budgets", &val).body;
    let csv = as_person(&site, "GET", "/budgets?format=csv", &val).body;
    for row in home.json(&["budget", "list"])["rows"].as_array().unwrap() {
        assert!(csv.contains(&text(&row["sentence"])), "{row}: {csv}");
    }
    assert!(page.contains("data-v=\"103\"") && page.contains("breached"), "{page}");
    assert!(csv.contains("300.00 bps"), "{csv}");
    let own = as_person(&site, "GET", "/budgets", &bob).body;
    assert!(own.contains("Team B") && own.contains("data-v=\"40\""), "{own}");
    for foreign in ["Team A", "103", "143"] {
        assert!(!own.contains(foreign), "{foreign}: {own}");
    }
    let none = as_person(&site, "GET", "/budgets?period=2025-01", &val).body;
    assert!(none.contains("No budget that you see holds in 2025-01"), "{none}");
}

#[test]
fn what_somebody_wants_to_spend_is_compared_with_room_and_hurdle() {
    let home = home("95000");
    apply(&home, "- {unit: a, period: 2026-09, amount: 100000}\n");
    home.write("home/leap.toml", "[charter]\nengineer_month = \"25000\"\n");
    let asked = |more: &[&str]| {
        let mut words = vec!["budget", "request", "alpha", "--for", "a second cluster", "--period", "2026-09"];
        words.extend(more);
        let (code, answer) = home.json_any(&words);
        (code, text(&answer["answer"]), answer)
    };
    let (code, answer, fits) = asked(&["--cost", "5000"]);
    assert_eq!((code, answer.as_str(), text(&fits["room"])), (0, "fits", "5000".to_owned()));
    let (code, answer, more) = asked(&["--cost", "5000.01"]);
    assert_eq!((code, answer.as_str(), text(&more["beyond"])), (3, "needs_approval", "0.01".to_owned()));
    let (code, answer, _) = asked(&["--cost", "10", "--saving-per-month", "19999.99", "--dev-weeks", "2"]);
    assert_eq!((code, answer.as_str()), (3, "below_hurdle"));
    let (code, answer, worth) = asked(&["--cost", "10", "--saving-per-month", "20000", "--dev-weeks", "2"]);
    assert_eq!((code, answer.as_str(), text(&worth["worth_per_dev_week"])), (0, "fits", "10000".to_owned()));
    let (code, answer, times) = asked(&["--cost", "10", "--saving-per-month", "125000", "--engineers", "1"]);
    assert_eq!((code, answer.as_str(), text(&times["leverage"])), (0, "fits", "5".to_owned()));
    let (code, _, waiver) = asked(&["--cost", "6000", "--ask", "--until", "2099-01-01"]);
    assert_eq!((code, &waiver["waiver"]), (0, &serde_json::json!(1)));
    let shown = home.json(&["waiver", "show", "1"]);
    assert_eq!(
        (text(&shown["amount"]), text(&shown["reason"])),
        ("1000".to_owned(), "a second cluster: costs 6,000.00 USD".to_owned())
    );
    let wrong = home.run(&["budget", "request", "a", "--for", "x", "--period", "2026-09", "--cost", "0"]);
    assert!(wrong.code == 2 && wrong.err.contains("--cost is an amount above zero"), "{}", wrong.err);
}
