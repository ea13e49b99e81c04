//! Spend against the business, from outside: volume in, restated, as it was known; basis points and engineers by hand, on the
//! command line and on pages.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, pairs, text};
use crate::site::{Site, rows};

/// 120 in July and 132 in August, with charges on the first and last day of both.
fn home() -> Home {
    let home = Home::with(ORG, RULES);
    let july = [("2026-07-01", "i-1", "a", "100"), ("2026-07-31", "i-2", "b", "20")];
    home.ingest(&home.write("2026-07.csv", &bill("2026-07", &july)));
    let august = [("2026-08-01", "i-1", "a", "110"), ("2026-08-31", "i-2", "b", "22")];
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &august)));
    home
}

/// The same value on each day of a month, from a day to another.
fn days(out: &mut String, month: &str, days: std::ops::RangeInclusive<u32>, value: &str, currency: &str) {
    for day in days {
        writeln!(out, "{month}-{day:02},payment_volume,{value},{currency}").unwrap();
    }
}

/// 31,000 in July, and of August 1,240 a day.
fn volume(august: std::ops::RangeInclusive<u32>, currency: &str) -> String {
    let mut out = "date,metric,value,currency\n".to_owned();
    days(&mut out, "2026-07", 1..=31, "1000", currency);
    days(&mut out, "2026-08", august, "1240.00", currency);
    out
}

fn settings(home: &Home, text: &str) {
    home.write("home/leap.toml", text);
}

/// One measure of `leap charter`: amount, previous, change.
fn measured(answer: &Value, measure: &str) -> [String; 3] {
    let row = answer["rows"].as_array().unwrap().iter().find(|row| row["measure"] == measure);
    let row = row.unwrap_or_else(|| panic!("no {measure} in {answer:#}"));
    ["amount", "previous", "change"].map(|name| text(&row[name]))
}

fn three(texts: [&str; 3]) -> [String; 3] {
    texts.map(str::to_owned)
}

fn notes(answer: &Value) -> String {
    let notes = answer["notes"].as_array().unwrap();
    notes.iter().map(text).collect::<Vec<_>>().join("\n")
}

const BPS: &str = "spend per business volume";

#[test]
fn volume_is_taken_in_restated_and_known_as_it_was() {
    let home = home();
    let none = home.run(&["volume", "show", "--metric", "orders"]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("there is no business volume yet: leap ingest volume.csv"), "{}", none.err);

    let file = home.write("volume.csv", &volume(1..=31, "USD"));
    let dry = home.json(&["ingest", "volume.csv", "--dry-run"]);
    assert_eq!(text(&dry["deliveries"][0]["volume"]["new"]), "62", "{dry:#}");
    assert_eq!(home.json(&["volume", "list"])["rows"], Value::Array(vec![]));
    let taken = home.ingest(&file).remove(0);
    assert_eq!((text(&taken["format"]), text(&taken["status"])), ("business volume".into(), "accepted".into()));
    let first = home.json(&["snapshots"])["rows"][0].clone();
    assert!(text(&first["cause"]).ends_with("volume.csv (business volume)"), "{first:#}");

    // The same file, and the same values spelt otherwise, are no change.
    assert_eq!(home.ingest(&file)[0]["status"], "unchanged");
    let digest = home.digest();
    let other = home.write("again.csv", "value,metric,date\n1.24e3,payment_volume,2026-08-01\n");
    assert_eq!(home.ingest(&other)[0]["status"], "unchanged");
    assert_eq!(home.digest(), digest);

    // A later file replaces its days, and no others; the earlier value stays readable.
    let later = "date,metric,value\n2026-08-01,payment_volume,1240.000000000000000001\n2026-08-01,orders,7\n";
    let taken = home.ingest(&home.write("later.csv", later)).remove(0);
    assert_eq!(
        (text(&taken["volume"]["new"]), text(&taken["volume"]["changed"][0]["before"])),
        ("1".into(), "1240".into())
    );
    let shown = |more: &[&str]| {
        let answer =
            home.json(&[&["volume", "show", "--period", "2026-08-01", "--metric", "payment_volume"], more].concat());
        text(&answer["rows"][0]["value"])
    };
    assert_eq!(shown(&[]), "1240.000000000000000001");
    assert_eq!(shown(&["--as-known-on", &text(&first["recorded"])]), "1240");
    assert_eq!(shown(&["--snapshot", &text(&first["id"])]), "1240");
    let list = home.json(&["volume", "list"]);
    let told: Vec<_> = ["metric", "currency", "first day", "last day", "days", "total"]
        .map(|name| text(&list["rows"][1][name]))
        .into();
    assert_eq!(told.join(" "), "payment_volume USD 2026-07-01 2026-08-31 62 69440.000000000000000001");
    let csv = home.ok(&["volume", "show", "--metric", "orders", "--format", "csv"]);
    assert_eq!(csv, "date,metric,value,currency\n2026-08-01,orders,7,\n");
    assert!(home.ok(&["volume", "list", "--format", "markdown"]).contains("| payment_volume | USD |"));

    // Who brought it and when is in the audit trail, whose chain holds.
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    assert!(trail.contains("publish"), "{trail}");
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
    home.verified();
}

#[test]
fn a_file_with_a_wrong_row_is_refused_whole_and_says_what_to_do() {
    let home = home();
    home.ingest(&home.write("volume.csv", &volume(1..=31, "USD")));
    let digest = home.digest();
    let wrong = "date,metric,value,currency\n2026-09-01,payment_volume,5,USD\n2026-09-02,payment_volume,\"1,5\",USD\n\
                 2026-09-31,payment_volume,5,USD\n2026-09-03,pay ment,5,USD\n2026-09-01,payment_volume,6,USD\n";
    home.write("wrong.csv", wrong);
    let ran = home.run(&["ingest", "wrong.csv"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    for told in [
        "refused   wrong.csv",
        "wrong.csv:3: row 2, column value: '1,5' ",
        "help: write a decimal with a dot, such as 33120455.20; 0 where there was none",
        "wrong.csv:4: row 3, column date: '2026-09-31' is no day",
        "wrong.csv:5: row 4, column metric: 'pay ment' is no name of a metric",
        "wrong.csv:6: row 5: a second value of payment_volume for 2026-09-01; the first is in row 1",
    ] {
        assert!(ran.out.contains(told), "'{told}' is not in:\n{}", ran.out);
    }
    home.write("euros.csv", "date,metric,value,currency\n2026-09-01,payment_volume,5,EUR\n");
    let ran = home.run(&["ingest", "euros.csv"]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.out.contains("payment_volume is in USD until now, on 2026-07-01 too, and in EUR in this file"),
        "{}",
        ran.out
    );
    assert_eq!(home.digest(), digest, "nothing was taken");
    // In a folder with bills each file is what it is.
    home.write("folder/2026-09.csv", &bill("2026-09", &[("2026-09-01", "i-1", "a", "1")]));
    home.write("folder/volume.csv", "date,metric,value\n2026-09-01,payment_volume,3\n");
    let formats: Vec<String> = home.ingest(&home.path("folder")).iter().map(|one| text(&one["format"])).collect();
    assert_eq!(formats, ["business volume", "focus"]);
}

#[test]
fn basis_points_and_engineers_are_what_a_hand_computes() {
    let home = home();
    home.ingest(&home.write("volume.csv", &volume(1..=31, "USD")));
    let none = home.json(&["charter", "--period", "2026-08"]);
    assert!(notes(&none).contains("[charter] engineer_month"), "{none:#}");
    settings(&home, "[charter]\nengineer_month = \"100\"\n");
    let august = home.json(&["charter", "--period", "2026-08"]);
    assert_eq!(measured(&august, "business volume"), three(["38440", "31000", "7440"]));
    assert_eq!(measured(&august, "spend"), three(["132", "120", "12"]));
    // 132 · 10,000 ÷ 38,440 = 34.339…, 120 · 10,000 ÷ 31,000 = 38.709…
    assert_eq!(measured(&august, BPS), three(["34.34", "38.71", "-4.37"]));
    assert_eq!(measured(&august, "engineers"), three(["1.3", "1.2", "0.1"]));
    let change = &august["bps_changes"][0];
    // 12 · 10,000 ÷ 31,000 = 3.870…; volume did the rest.
    let told = ["since", "cost", "volume", "total"].map(|name| text(&change[name]));
    assert_eq!(told, ["2026-07", "3.87", "-8.24", "-4.37"]);
    let said = home.ok(&["charter", "--period", "2026-08"]);
    assert!(said.contains("USD: -4.37 bps since 2026-07: cost +3.87, business volume -8.24."), "{said}");
    let of_a = home.json(&["charter", "--period", "2026-08", "--under", "a"]);
    assert_eq!(measured(&of_a, BPS), three(["28.62", "32.26", "-3.64"]));
    let csv = home.ok(&["charter", "--period", "2026-08", "--format", "csv"]);
    assert!(csv.contains("\nspend per business volume,bps (USD),34.34,38.71,-4.37,,\n"), "{csv}");
    // Half a month of engineers.
    let half = home.json(&["charter", "--period", "2026-08-01..2026-08-17"]);
    assert_eq!(measured(&half, "engineers")[0], "2.1", "110 ÷ (100 · 16 ÷ 31) = 2.131…");

    // Pages say the same, and lead to both sides of each quotient.
    let site = Site::start(&home);
    let page = rows(&site, "/?period=2026-08", "measures", "Measure", "2026-08");
    let expected = [("Spend", "132"), ("Business volume", "38440"), ("Spend per business volume", "34.34")];
    assert_eq!(page[..3], pairs(&expected));
    assert_eq!(page[3].1, "1.3");
    let changes = rows(&site, "/?period=2026-08", "measures", "Measure", "Change");
    assert_eq!(changes[2..].iter().map(|(_, change)| change.as_str()).collect::<Vec<_>>(), ["-4.37", "0.1"]);
    let of_a = rows(&site, "/team/a?period=2026-08", "measures", "Measure", "2026-08");
    assert_eq!(of_a[2].1, "28.62");
    let charter = site.page("/?period=2026-08");
    let said = "\u{2212}4.37 bps since 2026-07: cost +3.87 (price +3.87), business volume \u{2212}8.24.";
    assert!(charter.contains(said), "{charter}");
    let headline = site.page("/?period=2026-08&measure=bps");
    assert!(headline.contains("data-v=\"34.34\" data-u=\"bps\" data-k=\"ratio\">34.34</a>"), "{headline}");
    assert!(site.page("/team/a?period=2026-08&measure=engineers").contains("data-v=\"1.1\" data-u=\"engineers\""));
    let bps = rows(&site, "/?period=2026-08&measure=bps", "pareto", "Team", "bps");
    assert_eq!(bps, pairs(&[("Team A", "28.62"), ("Team B", "5.72"), ("Residual", "0.00")]));
    let trend = rows(&site, "/?period=2026-08&measure=bps", "trend", "Month", "bps");
    assert_eq!(trend, pairs(&[("2026-07", "38.71"), ("2026-08", "34.34")]));
    let sides = |path: &str| {
        let answer = site.get(path).json();
        let ratio = &answer["tables"][0]["ratio"];
        (text(&answer["tables"][0]["sum"]), text(&ratio["over"]), text(&ratio["under"]))
    };
    let texts = |texts: [&str; 3]| (texts[0].to_owned(), texts[1].to_owned(), texts[2].to_owned());
    assert_eq!(sides("/api/v1/volume?period=2026-08&under=a"), texts(["38440", "110", "38440"]));
    assert_eq!(sides("/api/v1/engineers?period=2026-08"), texts(["132", "132", "100"]));
    let csv = site.get("/?period=2026-08&format=csv&table=measures").body;
    assert!(csv.starts_with("Measure,Unit,2026-08,2026-07,Change,") && csv.contains("bps,34.34,38.71,-4.37,"), "{csv}");
    assert_eq!(site.get("/?period=2026-08&format=csv&table=other").status, 422);
    assert_eq!(rows(&site, "/volume?period=2026-08-31", "volume", "Day", "Value"), pairs(&[("2026-08-31", "1240")]));
}

#[test]
fn days_that_one_side_lacks_are_said_and_compared_with_nothing() {
    let home = home();
    let early = volume(1..=20, "USD");
    home.ingest(&home.write("volume.csv", &early));
    let august = home.json(&["charter", "--period", "2026-08"]);
    // 110 were spent on the days of which volume is known: 110 · 10,000 ÷ 24,800 = 44.354…
    assert_eq!(measured(&august, BPS), three(["44.35", "38.71", ""]));
    assert_eq!(measured(&august, "business volume"), three(["24800", "31000", ""]));
    let said = "bps of 2026-08 are of 2026-08-01..2026-08-21 only: business volume is known to 2026-08-20";
    assert!(notes(&august).contains(said), "{august:#}");
    assert_eq!(august["bps_changes"], Value::Array(vec![]));
    let invoiced = home.json(&["charter", "--period", "2026-08", "--basis", "invoiced"]);
    assert_eq!(measured(&invoiced, BPS)[0], "");
    assert!(notes(&invoiced).contains("cannot be cut"), "{invoiced:#}");
    let site = Site::start(&home);
    let page = site.page("/?period=2026-08");
    assert!(page.contains("Bps of 2026-08 are of 2026-08-01..2026-08-21 only"), "{page}");
    let leads = site.get("/api/v1/volume?period=2026-08").json();
    assert_eq!(leads["tables"][0]["ratio"]["over"], "110", "{leads:#}");

    // A day without a value is not a day of 0.
    home.ingest(&home.write("gap.csv", "date,metric,value\n2026-08-22,payment_volume,5\n"));
    let august = home.json(&["charter", "--period", "2026-08"]);
    assert_eq!(measured(&august, BPS), three(["", "38.71", ""]));
    assert!(notes(&august).contains("payment_volume has no value of 2026-08-21"), "{august:#}");
    let shown = home.json(&["volume", "show", "--period", "2026-08"]);
    assert!(notes(&shown).contains("payment_volume has no value of 2026-08-21"), "{shown:#}");

    // The month that goes on is told of the days that both have, and a year back there is nothing.
    let september = home.json(&["charter", "--period", "2026-09"]);
    assert!(notes(&september).contains("payment_volume has no value in 2026-09"), "{september:#}");
    let none = home.run(&["charter", "--period", "2020-01"]);
    assert!(none.code == 1 && none.err.contains("there is no such cost in 2020-01"), "{}", none.err);
}

#[test]
fn other_currencies_are_converted_by_the_rates_of_each_month_or_not_compared() {
    let home = home();
    home.ingest(&home.write("volume.csv", &volume(1..=31, "EUR")));
    let august = home.json(&["charter", "--period", "2026-08"]);
    assert_eq!(measured(&august, BPS), three(["", "", ""]));
    assert!(notes(&august).contains("no rate from USD to EUR for 2026-08"), "{august:#}");
    home.write("rates.csv", "month,from,to,rate\n2026-07,USD,EUR,0.5\n2026-08,USD,EUR,0.25\n");
    home.ok(&["rates", "apply", "rates.csv"]);
    let august = home.json(&["charter", "--period", "2026-08"]);
    // 33 · 10,000 ÷ 38,440 = 8.584…, 60 · 10,000 ÷ 31,000 = 19.354…
    assert_eq!(measured(&august, BPS), three(["8.58", "19.35", "-10.77"]));
    assert_eq!(measured(&august, "spend"), three(["132", "120", "12"]), "money stays in its own currency");
    let euros = home.json(&["charter", "--period", "2026-08", "--currency", "EUR"]);
    assert_eq!(measured(&euros, "spend"), three(["33", "60", "-27"]));
    assert_eq!(measured(&euros, BPS)[0], "8.58");
    let site = Site::start(&home);
    let page = rows(&site, "/?period=2026-08", "measures", "Measure", "2026-08");
    assert_eq!(page[2].1, "8.58");
    let leads = site.get("/api/v1/volume?period=2026-08").json();
    assert_eq!(
        (&leads["tables"][0]["ratio"]["over"], &leads["tables"][0]["ratio"]["under"]),
        (&"33".into(), &"38440".into())
    );
    let trend = rows(&site, "/?period=2026-08&measure=bps", "trend", "Month", "bps");
    assert_eq!(trend, pairs(&[("2026-07", "19.35"), ("2026-08", "8.58")]));
}

#[test]
fn settings_say_which_metric_counts_and_what_an_engineer_costs() {
    let home = home();
    let counts = "date,metric,value\n2026-08-01,orders,5\n2026-08-01,visits,9\n";
    home.ingest(&home.write("counts.csv", counts));
    let told = |text: &str| {
        settings(&home, text);
        notes(&home.json(&["charter", "--period", "2026-08"]))
    };
    assert!(told("").contains("several metrics of business volume (orders, visits): say which counts in leap.toml"));
    assert!(told("[charter]\nvolume = \"orders\"\n").contains("orders has no currency"));
    assert!(told("[charter]\nvolume = \"sales\"\n").contains("leap.toml names the metric sales in [charter] volume"));
    let priced = "[charter]\nvolume = \"orders\"\nvolume_currency = \"USD\"\n";
    assert!(told(priced).contains("bps of 2026-08 are of 2026-08-01..2026-08-02 only"));
    // Of several, the only one that is money counts without being named.
    home.ingest(&home.write("volume.csv", &volume(1..=31, "USD")));
    settings(&home, "");
    assert_eq!(measured(&home.json(&["charter", "--period", "2026-08"]), BPS)[0], "34.34");
    settings(&home, "[charter]\nengineer_month = \"0\"\n");
    let zero = home.run(&["charter", "--period", "2026-08"]);
    assert!(zero.code == 2 && zero.err.contains("above zero"), "{}", zero.err);
    settings(&home, "[charter]\nengineer_month = 25000\n");
    assert_eq!(home.run(&["charter"]).code, 2, "amounts are written as text");
}
