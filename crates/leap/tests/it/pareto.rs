//! One list over money and latency: its columns are those of `leap spend` and `leap latency`, and it adds up.

use std::collections::BTreeMap;

use leap_terms::Money;
use serde_json::{Value, json};

use crate::bill::{bill, bill_in};
use crate::harness::{Home, text};
use crate::latency::{Fixture, MONDAY, otlp};

const ORG: &str = "\
units:
  - {id: acme, kind: company}
  - {id: money, kind: division, parent: acme}
  - {id: payments, kind: team, parent: money}
  - {id: books, kind: team, parent: money}
  - {id: risk, kind: team, parent: acme}
";
const RULES: &str = "\
rules:
  - {id: api, when: \"Tags['service.name'] = 'charge-api'\", owner: payments}
  - {id: ledger, when: \"Tags['service.name'] = 'ledger'\", owner: books}
  - id: tagged
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
";
const AUGUST: &str = "2026-08";

/// A request of 100 ms: 50 of the API itself, 20 of the ledger, 30 of a service that nobody has.
const SPANS: [Fixture<'static>; 3] = [
    ("00000000000000a1", "", "charge-api", 2, 0, 100),
    ("00000000000000b1", "00000000000000a1", "ledger", 2, 20, 40),
    ("00000000000000c1", "00000000000000a1", "fraud", 2, 60, 90),
];

fn home() -> Home {
    Home::with(ORG, RULES)
}

fn traces(home: &Home) {
    home.write("traces.json", &otlp(&format!("{:032x}", 7), MONDAY, &SPANS, &[]));
    home.ok(&["ingest", "traces.json"]);
}

fn bills(home: &Home) {
    let lines = [
        ("2026-08-03", "i-1", "payments", "20"),
        ("2026-08-03", "i-2", "risk", "90.5"),
        ("2026-08-04", "i-3", "", "10"),
    ];
    home.ingest(&home.write("bill.csv", &bill(AUGUST, &lines)));
    home.ingest(&home.write("credit.csv", &bill("2026-07", &[("2026-07-04", "i-2", "risk", "-0.5")])));
}

fn listed(answer: &Value, by: &str) -> Vec<(String, String, u64, i64, i64)> {
    let row = |row: &Value| {
        let (cost, ns) = (text(&row["cost"]), row["latency_ns"].as_u64().unwrap());
        (text(&row[by]), cost, ns, row["weight_ppm"].as_i64().unwrap(), row["running_ppm"].as_i64().unwrap())
    };
    answer["rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn teams_stand_on_one_list_for_dollars_and_milliseconds() {
    let home = home();
    bills(&home);
    traces(&home);
    let answer = home.json(&["pareto", "--period", AUGUST]);
    let row = |name: &str, cost: &str, ms: u64, weight, running| {
        (name.to_owned(), cost.to_owned(), ms * 1_000_000, weight, running)
    };
    // Of 120.5 $ and 100 ms: risk 75.10 % of one, payments 16.60 % and 50 %, nobody 8.30 % and 30 %, books 20 % of the other.
    assert_eq!(
        listed(&answer, "team"),
        [
            row("risk", "90.5", 0, 375_519, 375_519),
            row("payments", "20", 50, 332_987, 708_506),
            row("residual:no-rule", "10", 30, 191_494, 900_000),
            row("books", "0", 20, 100_000, 1_000_000),
        ],
        "{answer:#}"
    );
    assert_eq!((&answer["cost"], &answer["latency_ns"]), (&json!("120.5"), &json!(100_000_000)));
    // The same as the two commands say.
    let spent: BTreeMap<String, String> = home.spend("team", &["--period", AUGUST]).into_iter().collect();
    let total: Money = spent.values().map(|amount| amount.parse::<Money>().unwrap()).sum();
    assert_eq!(total.to_string(), text(&answer["cost"]));
    for (team, cost, ..) in listed(&answer, "team").iter().filter(|row| row.1 != "0") {
        assert_eq!(&spent[team], cost);
    }
    let mut tail = BTreeMap::new();
    for row in home.json(&["latency", "--period", AUGUST])["rows"].as_array().unwrap() {
        *tail.entry(text(&row["team"])).or_insert(0) += row["ns"].as_u64().unwrap();
    }
    let mine: BTreeMap<String, u64> =
        listed(&answer, "team").into_iter().filter(|row| row.2 > 0).map(|row| (row.0, row.2)).collect();
    assert_eq!(mine, tail);

    // By division: a team without one has a row of its own.
    let answer = home.json(&["pareto", "--period", AUGUST, "--by", "division"]);
    assert_eq!(
        listed(&answer, "division"),
        [
            row("money", "20", 70, 432_987, 432_987),
            row("(no division)", "90.5", 0, 375_519, 808_506),
            row("residual:no-rule", "10", 30, 191_494, 1_000_000),
        ]
    );
    let shown = home.ok(&["pareto", "--period", AUGUST, "--top", "1"]);
    for words in ["p99.9 of all requests, 100.00 ms over 1 requests", "37.55 %", "(rest)", "62.45 %", "100.00 %"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn one_of_the_two_is_enough_and_what_cannot_be_ranked_is_refused() {
    let home = home();
    let refused = home.run(&["pareto"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("there are neither charges nor requests yet"), "{}", refused.err);
    traces(&home);
    let alone = home.json(&["pareto"]);
    assert_eq!((&alone["currency"], &alone["rows"][0]["team"]), (&Value::Null, &json!("payments")), "{alone:#}");
    assert_eq!(alone["rows"][0]["weight_ppm"], json!(500_000));
    bills(&home);
    // July has a credit alone, and no request: there is no whole that shares could be of.
    let july = home.json(&["pareto", "--period", "2026-07"]);
    assert_eq!((&july["api"], &july["rows"][0]["cost_ppm"]), (&Value::Null, &Value::Null), "{july:#}");
    let euro = bill_in("EUR", AUGUST, &[("2026-08-05", "i-9", "books", "3")]);
    let both = bill(AUGUST, &[("2026-08-03", "i-1", "payments", "20")]) + euro.split_once('\n').unwrap().1;
    home.ingest(&home.write("both.csv", &both));
    let refused = home.run(&["pareto", "--period", AUGUST]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("are in EUR, USD; say --currency EUR"), "{}", refused.err);
    let refused = home.run(&["pareto", "--by", "service"]);
    assert!(refused.code == 2 && refused.err.contains("only owners have both"), "{}", refused.err);
}
