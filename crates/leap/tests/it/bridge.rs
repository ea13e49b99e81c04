//! Why cost changed between two periods, from outside: each part by hand, and all of them together.

use crate::bill::{ORG, bill};
use crate::harness::{Home, pairs, text};

/// A month's charges: resource, team tag, cost, quantity.
fn month(home: &Home, month: &str, charges: &[(&str, &str, &str, &str)]) {
    let day = format!("{month}-10");
    let mut rows = String::new();
    for (number, (resource, team, cost, quantity)) in charges.iter().enumerate() {
        let one = bill(month, &[(day.as_str(), resource, team, cost)]);
        let one = one.replace(",1,Hours,", &format!(",{quantity},Hours,"));
        rows.extend(one.split_inclusive('\n').skip(usize::from(number > 0)));
    }
    home.ingest(&home.write(&format!("{month}.csv"), &rows));
}

fn rules(owner: &str) -> String {
    format!(
        "rules:\n  - {{id: kafka, when: \"ResourceId = 'kafka-1'\", pool: kafka}}\n  - {{id: two, when: \"ResourceId = \
         'i-2'\", owner: {owner}}}\n  - {{id: tag, when: \"Tags['team'] IS NOT NULL\", owner: {{from: \"Tags['team']\"}}}}\n\
         residual: {{steward: a}}\n"
    )
}

fn home() -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", &rules("b"));
    home.write("later.yaml", &rules("a"));
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    month(&home, "2026-07", &[("i-1", "a", "100", "100"), ("i-2", "", "50", "50"), ("kafka-1", "", "10", "1")]);
    month(&home, "2026-08", &[("i-1", "a", "240", "120"), ("i-2", "", "50", "50"), ("kafka-1", "", "16", "1")]);
    home
}

/// Before, after, and the causes that are not zero, of the only currency.
fn told(home: &Home, more: &[&str]) -> (String, String, Vec<(String, String)>) {
    let answer = home.json(&[&["bridge", "--period", "2026-08"], more].concat());
    let one = &answer["currencies"][0];
    let causes = one["causes"].as_object().expect("causes");
    let causes = causes.iter().map(|(word, amount)| (word.clone(), text(amount))).filter(|(_, amount)| amount != "0");
    (text(&one["before"]), text(&one["after"]), causes.collect())
}

#[test]
fn price_usage_ownership_and_pools_are_told_apart_and_add_up() {
    let home = home();
    // A unit was 1.00 and is 2.00; 20 units more at 1.00.
    let alone = pairs(&[("price", "120"), ("usage", "20")]);
    assert_eq!(told(&home, &["--under", "a"]), ("100".to_owned(), "240".to_owned(), alone));

    home.ok(&["rules", "apply", "later.yaml", "--effective", "2026-08-01"]);
    home.write("pools.yaml", "pools:\n  - {name: kafka, steward: b, driver: {fixed: {a: 1, c: 1}}}\n");
    home.ok(&["pool", "apply", "pools.yaml"]);
    let all = pairs(&[("ownership", "50"), ("price", "120"), ("shared platforms", "3"), ("usage", "20")]);
    assert_eq!(told(&home, &["--under", "a"]), ("105".to_owned(), "298".to_owned(), all));
    // What a got b lost; the company as a whole moved nothing.
    let lost = pairs(&[("ownership", "-50")]);
    assert_eq!(told(&home, &["--under", "b"]), ("50".to_owned(), "0".to_owned(), lost));
    let (before, after, causes) = told(&home, &[]);
    assert_eq!((before.as_str(), after.as_str()), ("160", "306"));
    assert!(causes.iter().all(|(word, _)| word != "ownership" && word != "shared platforms"), "{causes:?}");
    // The same totals as those of spend.
    for (period, total) in [("2026-07", "160"), ("2026-08", "306")] {
        assert_eq!(text(&home.json(&["spend", "--period", period])["totals"][0]["amount"]), total);
    }

    let said = home.ok(&["bridge", "--period", "2026-08", "--under", "a"]);
    let words =
        "a: effective cost rose by 193.00 USD from 2026-07 to 2026-08: price +120.00, ownership +50.00, usage +20.00";
    assert!(said.contains(words) && said.contains("Amazon EC2 +120.00"), "{said}");
}

#[test]
fn what_is_compared_is_named_and_stands_apart() {
    let home = home();
    let year = home.json(&["bridge", "--period", "2026-08", "--against", "year"]);
    assert_eq!((text(&year["before"]), text(&year["currencies"][0]["before"])), ("2025-08".into(), "0".into()));
    assert_eq!(text(&home.json(&["bridge", "--period", "2026-08", "--against", "2026-07"])["before"]), "2026-07");
    for (args, words) in [
        (["--against", "2026-07..2026-08"], "have days in common"),
        (["--against", "yesterday"], "or write previous, or year"),
        (["--under", "nobody"], "no unit of the org is called 'nobody'"),
    ] {
        let ran = home.run(&[&["bridge", "--period", "2026-08"][..], &args].concat());
        assert!(ran.code == 2 && ran.err.contains(words), "{args:?}: {}{}", ran.out, ran.err);
    }
    let none = home.run(&["bridge", "--period", "2020-01"]);
    assert!(none.code == 1 && none.err.contains("no such cost in 2019-12, nor in 2020-01"), "{}", none.err);
}
