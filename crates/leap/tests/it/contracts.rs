//! Contracts from outside: documents with their faults, the clock to the minute, late and restated data, what was known
//! when, every measure by hand, OpenSLO in and out, and what readers see.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bill::{ORG, bill};
use crate::harness::{Home, pairs, text};
use crate::latency::{self, MONDAY, otlp};
use crate::rights::{add, as_person, cookie};
use crate::site::Site;

const RULES: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

/// A bill of September 2026: what team a costs on each of its days; b costs 5 and nobody 1 on every day.
fn september(home: &Home, a: impl Fn(u32) -> &'static str) {
    let days: Vec<String> = (1..=30).map(|day| format!("2026-09-{day:02}")).collect();
    let mut lines = Vec::new();
    for (day, name) in (1..).zip(&days) {
        lines.push((name.as_str(), "i-a", "a", a(day)));
        lines.push((name.as_str(), "i-b", "b", "5"));
        lines.push((name.as_str(), "lost", "", "1"));
    }
    home.ingest(&home.write("september.csv", &bill("2026-09", &lines)));
}

/// A home whose team a costs 10 a day, and 11 on the last so many days of September.
fn home(over: u32) -> Home {
    let home = Home::with(ORG, RULES);
    september(&home, move |day| if day > 30 - over { "11" } else { "10" });
    home
}

fn apply(home: &Home, clauses: &[&str]) {
    home.write("contracts.yaml", &document("a", clauses));
    home.ok(&["contract", "apply", "contracts.yaml"]);
}

fn document(team: &str, clauses: &[&str]) -> String {
    let mut text = format!("contracts:\n  - id: deal\n    team: {team}\n    clauses:\n");
    for clause in clauses {
        writeln!(text, "      - {{{clause}}}").unwrap();
    }
    text
}

const COST: &str = "id: cost, measure: spend, at_most: 10, currency: USD";

/// Clause and state.
fn states(answer: &Value) -> Vec<(String, String)> {
    let rows = answer["rows"].as_array().expect("rows");
    rows.iter().map(|row| (text(&row["clause"]), text(&row["state"]))).collect()
}

/// The only clause of a home.
fn only(home: &Home, more: &[&str]) -> Value {
    home.json(&[&["contract", "list"], more].concat())["rows"][0].clone()
}

#[test]
fn a_day_too_dear_is_borne_for_48_hours_and_the_third_is_a_breach() {
    for (over, state, clock, code) in [
        (0, "ok", "", 0),
        (1, "missing", "24h of 48h", 0),
        (2, "missing", "48h of 48h", 0),
        (3, "breached", "3d of 48h", 3),
    ] {
        let home = home(over);
        apply(&home, &[COST]);
        let row = only(&home, &[]);
        assert_eq!((text(&row["state"]), text(&row["clock"])), (state.to_owned(), clock.to_owned()), "{over}: {row:#}");
        let (exit, told) = home.json_any(&["contract", "check"]);
        assert_eq!(exit, code, "{over}: {told:#}");
        assert_eq!(told["rows"].as_array().map(Vec::len), Some(usize::from(over > 0)), "what holds is not named");
        assert_eq!(row["windows"]["met"], 30 - over, "{row:#}");
        assert_eq!(text(&row["last"]["reading"]["amount"]), if over > 0 { "11" } else { "10" });
        if over == 3 {
            assert_eq!(text(&row["since"]), "2026-09-28T00:00:00Z");
            assert_eq!(text(&row["breach_at"]), "2026-10-01T00:00:00Z");
        }
    }
}

#[test]
fn where_nothing_comes_in_any_more_a_check_says_up_to_when_it_knows() {
    let home = home(0);
    apply(&home, &[COST]);
    for (now, is_told) in [("2026-10-06T23:59:59Z", false), ("2026-10-07T00:00:00Z", true)] {
        let ran = home.command(&["contract", "check"]).env("LEAP_NOW", now).output().expect("leap starts");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let words = "1 clause is judged as of 2026-10-01T00:00:00Z or before";
        assert_eq!((ran.status.code(), said.contains(words)), (Some(0), is_told), "{now}: {said}");
    }
}

#[test]
fn one_day_too_dear_is_over_with_the_next() {
    let home = Home::with(ORG, RULES);
    september(&home, |day| if day == 10 { "11" } else { "10" });
    apply(&home, &[COST]);
    let shown = home.json(&["contract", "show", "deal.cost"]);
    assert_eq!(text(&shown["state"]), "ok", "{shown:#}");
    assert!(shown["stretches"][0]["opened"].is_null(), "{shown:#}");
    assert_eq!(text(&shown["stretches"][0]["over"]), "2026-09-12T00:00:00Z");
}

#[test]
fn a_restated_bill_takes_a_breach_back_and_what_was_known_stays_known() {
    let home = home(4);
    apply(&home, &[COST]);
    assert_eq!(text(&only(&home, &[])["state"]), "breached");
    let known = home.json(&["snapshots"])["rows"].as_array().map(|rows| text(&rows[0]["id"])).expect("snapshots");
    let then = text(&home.json(&["contract", "list"])["now"]);
    // The provider restates the 27th to the 29th: only the 30th was too dear.
    september(&home, |day| if day == 30 { "11" } else { "9.999999999999999999999999999999" });
    let now = only(&home, &[]);
    assert_eq!(
        (text(&now["state"]), text(&now["since"])),
        ("missing".into(), "2026-09-30T00:00:00Z".into()),
        "{now:#}"
    );
    for known in [["--snapshot", &known], ["--as-known-on", &then]] {
        assert_eq!(text(&only(&home, &known)["state"]), "breached", "{known:?}");
    }
    let shown = home.json(&["contract", "show", "deal.cost", "--snapshot", &known]);
    assert_eq!(text(&shown["stretches"][0]["opened"]), "2026-09-30T00:00:00Z", "{shown:#}");
    assert!(shown["stretches"][0]["over"].is_null());
    let events: Vec<String> = shown["events"].as_array().unwrap().iter().map(|event| text(&event["event"])).collect();
    assert_eq!(events, ["miss_started", "incident_opened"]);
    let shown = home.json(&["contract", "show", "deal.cost", "--windows", "3"]);
    let windows = shown["last_windows"].as_array().unwrap();
    assert_eq!(windows.len(), 3);
    assert_eq!(text(&windows[0]["reading"]["amount"]), "9.999999999999999999999999999999", "to the last digit");
}

#[test]
fn what_is_wrong_with_documents_is_named_and_nothing_is_applied() {
    let home = home(0);
    apply(&home, &[COST]);
    let before = home.digest();
    for (clause, words) in [
        ("id: x, measure: spend, at_most: 10", "currency is missing"),
        ("id: x, measure: speed, at_most: 10", "'speed' is no measure"),
        ("id: x, measure: charter, at_most: 10, window: 1h", "known by whole days"),
        ("id: x, measure: latency, api: y, at_most: 250", "no latency such as 250ms"),
        ("id: x, measure: coverage, at_least: 99, owner: nobody", "no unit is called 'nobody'"),
        ("id: x, measure: coverage, at_leats: 99", "did you mean at_least"),
    ] {
        home.write("contracts.yaml", &document("a", &[clause]));
        let ran = home.run(&["contract", "apply", "contracts.yaml"]);
        assert_eq!(ran.code, 2, "{clause}: {}", ran.err);
        let all = ran.err.contains(words) && ran.err.contains("contracts.yaml:") && ran.err.contains("help: ");
        assert!(all, "{clause}: {}", ran.err);
    }
    // One contract in two files: the same team, and each clause once.
    home.write("one.yaml", &document("a", &[COST]));
    for (team, clause, words) in [
        ("a", COST, "has a clause cost in one.yaml, too"),
        ("b", "id: y, measure: coverage, at_least: 9", "another team or term in one.yaml"),
    ] {
        home.write("two.yaml", &document(team, &[clause]));
        let ran = home.run(&["contract", "apply", "one.yaml", "two.yaml"]);
        assert!(ran.code == 2 && ran.err.contains(words) && ran.err.contains("two.yaml"), "{}", ran.err);
    }
    home.write("none.yaml", "contracts: []\n");
    let ran = home.run(&["contract", "apply", "none.yaml"]);
    assert!(ran.code == 2 && ran.err.contains("contract end-all"), "{}", ran.err);
    assert_eq!(home.digest(), before);
    assert!(home.ok(&["contract", "show"]).contains("measure: spend"));
    // Together they are the whole list, and the same twice changes nothing.
    home.write("two.yaml", &document("a", &["id: owned, measure: coverage, at_least: 9"]));
    home.ok(&["contract", "apply", "one.yaml", "two.yaml"]);
    assert!(home.ok(&["contract", "apply", "one.yaml", "two.yaml"]).contains("in force already"));
    assert_eq!(states(&home.json(&["contract", "list"])), pairs(&[("deal.cost", "ok"), ("deal.owned", "ok")]));
    let ran = home.run(&["contract", "show", "deal.nothing"]);
    assert!(ran.code == 2 && ran.err.contains("deal.cost, deal.owned"), "{}", ran.err);
    home.ok(&["contract", "end-all"]);
    assert_eq!(home.run(&["contract", "check"]).code, 2, "there is nothing to check");
    assert_eq!(home.json(&["contract", "list"])["rows"].as_array().map(Vec::len), Some(0));
    home.verified();
}

#[test]
fn every_measure_is_what_its_own_command_says() {
    let home = home(0);
    let mut volume = "date,metric,value,currency\n".to_owned();
    for day in 1..=30 {
        writeln!(volume, "2026-09-{day:02},payment_volume,30000,USD\n2026-09-{day:02},orders,7,").unwrap();
    }
    home.write("volume.csv", &volume);
    home.write("home/leap.toml", "[charter]\nvolume = \"payment_volume\"\n");
    apply(
        &home,
        &[
            "id: bps, measure: charter, at_most: 3.34",
            "id: each, measure: unit_cost, metric: orders, at_most: 1.42, currency: USD",
            "id: owned, measure: coverage, at_least: 93.76",
            "id: euro, measure: spend, at_most: 1, currency: EUR",
        ],
    );
    let told = home.run(&["contract", "check"]);
    assert!(told.err.contains("no business volume") && told.err.contains("nothing was billed in EUR"), "{}", told.err);
    // Nobody's dollar of sixteen: 93.75 % are owned, on every day, which is too little.
    assert_eq!(told.code, 3, "{}", told.err);
    home.ingest(&home.path("volume.csv"));
    let answer = home.json(&["contract", "list"]);
    let of = |clause: &str| {
        let rows = answer["rows"].as_array().unwrap();
        rows.iter().find(|row| row["clause"] == clause).cloned().unwrap_or_else(|| panic!("{clause} in {answer:#}"))
    };
    let measured = |clause: &str| {
        let row = of(clause);
        (text(&row["state"]), text(&row["last"]["shown"]), text(&row["last"]["reading"]["is_exact"]))
    };
    let told = |state: &str, shown: &str, exact: &str| (state.to_owned(), shown.to_owned(), exact.to_owned());
    assert_eq!(measured("deal.bps"), told("ok", "3.33 bps", "false"));
    let charter = home.json(&["charter", "--under", "a", "--period", "2026-09"]);
    let bps = charter["rows"].as_array().unwrap().iter().find(|row| row["measure"] == "spend per business volume");
    assert_eq!(bps.map(|row| text(&row["amount"])).as_deref(), Some("3.33"), "{charter:#}");
    assert_eq!(measured("deal.each"), told("breached", "1.428571 USD", "false"));
    assert_eq!(measured("deal.owned"), told("breached", "93.75 %", "true"));
    assert!(text(&of("deal.euro")["unjudged"]).contains("nothing was billed in EUR"));
    // Volume that ends earlier holds quotients back, as long as the clause waits for data.
    let short: String =
        volume.lines().filter(|line| !line.starts_with("2026-09-30")).map(|line| format!("{line}\n")).collect();
    let other = self::home(0);
    other.write("home/leap.toml", "[charter]\nvolume = \"payment_volume\"\n");
    other.ingest(&other.write("volume.csv", &short));
    apply(&other, &["id: bps, measure: charter, at_most: 4"]);
    let row = only(&other, &[]);
    assert_eq!(
        (text(&row["state"]), text(&row["judged_until"])),
        ("ok".into(), "2026-09-30T00:00:00Z".into()),
        "{row:#}"
    );
}

#[test]
fn what_cannot_be_judged_passes_no_check() {
    let home = Home::with(ORG, RULES);
    apply(&home, &[COST, "id: fresh, measure: freshness, at_most: 26h, window: 7d"]);
    let (code, told) = home.json_any(&["contract", "check"]);
    assert_eq!(code, 4, "{told:#}");
    assert!(told["rows"].as_array().unwrap().iter().all(|row| text(&row["unjudged"]).contains("no bill")), "{told:#}");
    // What is taken in today makes nothing fresh in the past: no week has ended since.
    september(&home, |_| "10");
    apply(&home, &["id: fresh, measure: freshness, at_most: 26h, window: 7d"]);
    let row = only(&home, &[]);
    assert_eq!((text(&row["state"]), text(&row["unjudged"])), ("unjudged".into(), "no window is closed yet".into()));
    assert_eq!(home.run(&["contract", "check"]).code, 4);
    // Terms that are over or to come need nobody.
    let of = |term: &str| document("a", &[COST]).replace("team: a", &format!("team: a\n    term: {term}"));
    for (term, state) in [("2026-08-01..2026-09-15", "ended"), ("2100", "ahead"), ("2026-09-29..2027-01-01", "ok")] {
        home.write("contracts.yaml", &of(term));
        home.ok(&["contract", "apply", "contracts.yaml"]);
        assert_eq!(text(&only(&home, &[])["state"]), state, "{term}");
        assert_eq!(home.run(&["contract", "check"]).code, 0, "{term}");
    }
}

/// One request of an API a minute, from a minute to another, of so many ms; numbers begin at `first`.
fn minutes(service: &str, minutes: std::ops::Range<u64>, ms: u64, first: u64) -> String {
    let mut all = String::new();
    for minute in minutes {
        let spans = [("00000000000000a1", "", service, 2, 0, ms)];
        let start = MONDAY + minute * 60_000 + 1_000;
        all += &(otlp(&format!("{:032x}", first + minute), start, &spans, &[]) + "\n");
    }
    all
}

const P50: &str =
    "id: half, measure: latency, api: charge-api, quantile: p50, at_most: 250ms, window: 1m, n_min: 1, late: 0s";

#[test]
fn a_quantile_over_its_threshold_is_borne_for_48_hours_to_the_minute() {
    let home = Home::with(latency::ORG, latency::RULES);
    home.write("contracts.yaml", &document("payments", &[P50]));
    home.ok(&["contract", "apply", "contracts.yaml"]);
    let (code, told) = home.json_any(&["contract", "check"]);
    assert!(code == 4 && text(&told["rows"][0]["unjudged"]).contains("no requests yet"), "{told:#}");
    // Each request of another API says that the minutes before it are over.
    let mut from = 0;
    for (until, state, clock, code) in [
        (2_879, "missing", "47h59m of 48h", 0),
        (2_880, "missing", "48h of 48h", 0),
        (2_881, "breached", "48h1m of 48h", 3),
    ] {
        let slow = minutes("charge-api", from..until, 300, 10_000);
        let mark = minutes("other-api", until..until + 1, 20, 90_000);
        home.ingest(&home.write(&format!("{until}.json"), &(slow + &mark)));
        from = until;
        let row = only(&home, &[]);
        assert_eq!((text(&row["state"]), text(&row["clock"])), (state.to_owned(), clock.to_owned()), "{row:#}");
        assert_eq!(home.run(&["contract", "check"]).code, code, "{until}");
        assert_eq!(row["windows"]["missed"], until, "{row:#}");
    }
    let then = text(&home.json(&["contract", "list"])["now"]);
    // Fast requests of three minutes of the first hour come late: the miss began after them.
    home.ingest(&home.write("late.json", &minutes("charge-api", 10..13, 20, 50_000)));
    let row = only(&home, &[]);
    assert_eq!(
        (text(&row["state"]), text(&row["since"])),
        ("missing".into(), "2026-08-17T00:13:00Z".into()),
        "{row:#}"
    );
    let before = only(&home, &["--as-known-on", &then]);
    assert_eq!(text(&before["state"]), "breached", "{before:#}");
    // The strip of the page and the table of the command are of the same windows.
    let shown = home.ok(&["contract", "show", "deal.half"]);
    assert!(
        shown.contains("2878 missed") && shown.contains("miss_cleared") && shown.contains("1 of 1 over"),
        "{shown}"
    );
    let site = Site::start(&home);
    let page = site.page("/contracts/deal/half");
    assert!(
        page.contains("2878 missed") && page.contains("class=\"missed\"") && page.contains("windows of 1m"),
        "{page}"
    );
    assert!(
        page.contains("/latency?api=charge-api&amp;period=2026-08-19&amp;objective=250ms&amp;quantile=p50"),
        "{page}"
    );
    assert!(page.contains("47h48m of 48h"), "{page}");
}

#[test]
fn openslo_comes_in_and_goes_out() {
    let home = Home::with(latency::ORG, latency::RULES);
    home.ingest(&home.write("slow.json", &minutes("charge-api", 0..5, 300, 10_000)));
    home.write("contracts.yaml", &document("payments", &[P50, "id: owned, measure: coverage, at_least: 9"]));
    home.ok(&["contract", "apply", "contracts.yaml"]);
    let of = |home: &Home| {
        let rows = home.json(&["contract", "list"])["rows"].as_array().cloned().unwrap();
        rows.into_iter().filter(|row| row["measure"] == "latency").collect::<Vec<_>>()
    };
    let before = of(&home);
    assert_eq!((before.len(), text(&before[0]["state"])), (1, "missing".to_owned()), "{before:#?}");
    let ran = home.run(&["contract", "export"]);
    assert!(ran.code == 0 && ran.err.contains("1 clauses that are not about latency"), "{}", ran.err);
    home.write("slo.yaml", &ran.out);
    home.ok(&["contract", "apply", "slo.yaml"]);
    assert_eq!(of(&home), before, "what goes out comes in the same");
    // The rest of the contract in a file of ours beside it.
    home.write("rest.yaml", &document("payments", &["id: owned, measure: coverage, at_least: 9"]));
    home.ok(&["contract", "apply", "slo.yaml", "rest.yaml"]);
    assert_eq!(home.json(&["contract", "list"])["clauses"], 2);
    home.write(
        "slo.yaml",
        &ran.out.replace("alertAfter: 1m", "alertAfter: soon").replace("alertAfter: 48h", "alertAfter: soon"),
    );
    let wrong = home.run(&["contract", "apply", "slo.yaml"]);
    assert!(wrong.code == 2 && wrong.err.contains("slo.yaml:2") && wrong.err.contains("'soon'"), "{}", wrong.err);
}

#[test]
fn a_page_says_what_the_command_says_and_shows_each_their_own() {
    let home = home(3);
    let text_of_b = document(
        "b",
        &["id: cost, measure: spend, at_most: 5, currency: USD", "id: owned, measure: coverage, at_least: 9"],
    );
    home.write("one.yaml", &document("a", &[COST]).replace("id: deal", "id: ledgers"));
    home.write("two.yaml", &text_of_b.replace("id: deal", "id: second"));
    home.ok(&["contract", "apply", "one.yaml", "two.yaml"]);
    for (name, role) in [("eve", "administrator"), ("val", "viewer"), ("bob", "viewer@b")] {
        let added = add(&home, name, &[role]);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    let site = Site::start(&home);
    let [val, bob] = ["val", "bob"].map(|name| cookie(&site, name));
    let csv = as_person(&site, "GET", "/contracts?format=csv", &val).body;
    for row in home.json(&["contract", "list"])["rows"].as_array().unwrap() {
        for part in ["clause", "state", "what", "clock"] {
            assert!(csv.contains(&text(&row[part])), "{part} of {row}: {csv}");
        }
    }
    let own = as_person(&site, "GET", "/contracts", &bob).body;
    assert!(own.contains("second.cost") && own.contains("Team B"), "{own}");
    for foreign in ["ledgers", "Team A", "second.owned"] {
        assert!(!own.contains(foreign), "{foreign}: {own}");
    }
    let clause = as_person(&site, "GET", "/contracts/ledgers/cost", &val).body;
    // Each day that was too dear leads to its charges.
    for words in ["3d of 48h", "data-v=\"11\"", "period=2026-09-30", "27 met, 3 missed, 0 thin, 0 no data"] {
        assert!(clause.contains(words), "{words}: {clause}");
    }
    let json: Value =
        serde_json::from_str(&as_person(&site, "GET", "/api/v1/contracts/ledgers/cost", &val).body).unwrap();
    let windows = json["tables"].as_array().unwrap().iter().find(|table| table["id"] == "windows").unwrap();
    assert_eq!(windows["rows"].as_array().map(Vec::len), Some(30), "{windows:#}");
    for (person, path, status) in [
        (&bob, "/contracts/ledgers/cost", 404),
        (&bob, "/contracts/second/owned", 404),
        (&bob, "/contracts/second/cost", 200),
        (&val, "/contracts/second/nothing", 404),
        (&val, "/contracts?nonsense=1", 422),
    ] {
        assert_eq!(as_person(&site, "GET", path, person).status, status, "{path}");
    }
}
