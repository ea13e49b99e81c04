//! Rules and pools that follow each other in time, from outside: what a new version does to those that begin after it.

use crate::bill::{ORG, bill};
use crate::harness::{Home, text};

const MONTHS: [&str; 3] = ["2026-07", "2026-08", "2026-09"];

/// Three months, each with the same charges.
fn home() -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.ok(&["org", "apply", "org.yaml"]);
    for month in MONTHS {
        let day = format!("{month}-10");
        let lines = [(day.as_str(), "i-1", "", "100"), (day.as_str(), "kafka-1", "", "30")];
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &lines)));
    }
    for team in ["a", "b", "c"] {
        let rules = format!(
            "rules:\n  - {{id: kafka, when: \"ResourceId = 'kafka-1'\", pool: kafka}}\n  - {{id: all, when: \"ResourceId LIKE \
             'i-%'\", owner: {team}}}\nresidual: {{steward: a}}\n"
        );
        home.write(&format!("rules-{team}.yaml"), &rules);
        let pools = format!("pools:\n  - {{name: kafka, steward: b, driver: {{fixed: {{{team}: 1}}}}}}\n");
        home.write(&format!("pools-{team}.yaml"), &pools);
    }
    home
}

/// Who has that amount in each month.
#[track_caller]
fn owners(home: &Home, amount: &str) -> String {
    home.verified();
    let of = |month: &&str| {
        let rows = home.spend("team", &["--period", month]);
        rows.into_iter().filter(|(_, cost)| cost == amount).map(|(owner, _)| owner).collect::<Vec<_>>().join("+")
    };
    MONTHS.iter().map(of).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn refused(home: &Home, args: &[&str], words: &[&str]) {
    let digest = home.digest();
    let ran = home.run(args);
    assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.out, ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{args:?} does not say '{word}': {}", ran.err);
    }
    assert_eq!(home.digest(), digest, "a refusal changes nothing");
}

#[test]
fn rules_that_begin_later_are_kept_or_replaced_as_said_and_never_silently() {
    let home = home();
    home.ok(&["rules", "apply", "rules-a.yaml"]);
    home.ok(&["rules", "apply", "rules-b.yaml", "--effective", "2026-08-01"]);
    home.ok(&["rules", "apply", "rules-c.yaml", "--effective", "2026-09-01"]);
    assert_eq!(owners(&home, "100"), "a b c");

    // Without a word about them, later rules are a reason to refuse.
    let early = ["rules", "apply", "rules-c.yaml", "--effective", "2026-07-05"];
    let words = ["from 2026-08-01, and from 2026-09-01 on", "--later keep", "--later replace", "nothing was changed"];
    refused(&home, &early, &words);
    refused(&home, &["rules", "apply", "rules-c.yaml"], &words);
    refused(&home, &["rules", "diff", "rules-c.yaml"], &words);

    // Kept: July alone changes, in the preview as in fact.
    let moved = home.json(&["rules", "diff", "rules-c.yaml", "--effective", "2026-07-05", "--later", "keep"]);
    let rows = moved["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{moved:#}");
    assert_eq!([&rows[0]["from"], &rows[0]["to"], &rows[0]["amount"]].map(text), ["a", "c", "100"]);
    home.ok(&[&early[..], &["--later", "keep"]].concat());
    assert_eq!(owners(&home, "100"), "c b c");

    // The newest needs no word, and one that began the same day is replaced.
    home.ok(&["rules", "apply", "rules-a.yaml", "--effective", "2026-09-01"]);
    assert_eq!(owners(&home, "100"), "c b a");
    home.ok(&["rules", "apply", "rules-a.yaml", "--effective", "2026-08-01", "--later", "replace"]);
    assert_eq!(owners(&home, "100"), "c a a");
    home.ok(&["rules", "apply", "rules-b.yaml", "--later", "keep"]);
    assert_eq!(owners(&home, "100"), "c a a", "before July 5 nothing was charged");
    home.ok(&["rules", "apply", "rules-b.yaml", "--later", "replace"]);
    assert_eq!(owners(&home, "100"), "b b b");
}

#[test]
fn rules_in_force_are_asked_again_without_a_file() {
    let home = home();
    assert!(home.run(&["rules", "apply", "--full"]).err.contains("no rules are in force"));
    home.ok(&["rules", "apply", "rules-a.yaml"]);
    home.ok(&["rules", "apply", "rules-b.yaml", "--effective", "2026-08-01"]);
    let again = home.json(&["rules", "apply", "--full"]);
    assert_eq!((text(&again["keys_changed"]), text(&again["slices"])), ("0".to_owned(), "3".to_owned()), "{again:#}");
    assert_eq!(owners(&home, "100"), "a b b");
    refused(&home, &["rules", "apply"], &["FILE"]);
    refused(&home, &["rules", "apply", "--full", "--effective", "2026-08-01"], &["FILE"]);
}

#[test]
fn pools_may_be_dated_and_earlier_months_keep_theirs() {
    let home = home();
    home.ok(&["rules", "apply", "rules-c.yaml"]);
    home.ok(&["pool", "apply", "pools-a.yaml"]);
    home.ok(&["pool", "apply", "pools-b.yaml", "--effective", "2026-08-01"]);
    assert_eq!(owners(&home, "30"), "a b b");
    let shared = home.json(&["pool", "list", "--period", "2026-07..2026-09"]);
    assert_eq!(text(&shared["rows"][0]["to teams"]), "90", "{shared:#}");
    for (day, team) in [("2026-07-10", "a"), ("2026-08-10", "b")] {
        let explained = home.json(&["pool", "explain", "kafka", day]);
        assert_eq!(text(&explained["rows"][0]["who"]), team, "{explained:#}");
    }

    refused(
        &home,
        &["pool", "apply", "pools-c.yaml", "--effective", "2026-07-15"],
        &["2026-07-15 is inside one", "--effective 2026-07-01 or --effective 2026-08-01"],
    );
    refused(
        &home,
        &["pool", "apply", "pools-c.yaml", "--effective", "2026-07-01"],
        &["from 2026-08-01", "--later keep"],
    );
    home.ok(&["pool", "apply", "pools-c.yaml", "--effective", "2026-07-01", "--later", "keep"]);
    let july = home.spend("team", &["--period", "2026-07"]);
    assert_eq!(july[0], ("c".to_owned(), "130".to_owned()), "c has its own cost and the pool's");
    assert_eq!(owners(&home, "30"), " b b");
}

/// A policy that begins after a closed period leaves its statement as it is; one dated back into it waits for an approval.
#[test]
fn a_pool_dated_back_into_a_closed_period_is_a_restatement_by_its_cause() {
    let home = home();
    home.ok(&["rules", "apply", "rules-c.yaml"]);
    home.ok(&["pool", "apply", "pools-a.yaml"]);
    home.ok(&["period", "close", "2026-07"]);
    home.ok(&["pool", "apply", "pools-b.yaml", "--effective", "2026-08-01"]);
    let lines = |home: &Home| home.json(&["period", "diff", "2026-07"])["lines"].as_array().unwrap().len();
    assert_eq!(lines(&home), 0);
    assert_eq!(home.run(&["spend", "--period", "2026-07"]).err, "");
    home.ok(&["pool", "apply", "pools-b.yaml", "--effective", "2026-07-01", "--later", "replace"]);
    assert_eq!(lines(&home), 2, "a loses, b gets");
    assert_eq!(text(&home.json(&["period", "diff", "2026-07"])["causes"][0]["cause"]), "pool driver");
    assert_eq!(owners(&home, "30"), "a b b", "the statement holds");
}

#[test]
fn a_file_may_have_any_name_and_what_is_in_force_is_printed_with_its_days() {
    let home = home();
    home.write(
        "versions.json",
        "{\"rules\": [{\"id\": \"all\", \"when\": \"ResourceId LIKE 'i-%'\", \"owner\": \"a\"}]}",
    );
    home.ok(&["rules", "apply", "versions.json"]);
    assert_eq!(owners(&home, "100"), "a a a");
    home.ok(&["rules", "apply", "rules-b.yaml", "--effective", "2026-08-01"]);
    assert_eq!(owners(&home, "100"), "a b b");
    let shown = home.ok(&["rules", "show"]);
    for words in ["# versions.json, since ever", "# rules-b.yaml, from 2026-08-01 on", "owner: b"] {
        assert!(shown.contains(words), "no '{words}' in {shown}");
    }
    let rules = home.json(&["rules", "show"]);
    let days: Vec<[String; 3]> = rules["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ["rule", "from", "until"].map(|column| text(&row[column])))
        .collect();
    assert!(days.contains(&["all", "", "2026-08-01"].map(str::to_owned)), "{days:?}");
    home.ok(&["pool", "apply", "pools-a.yaml", "--effective", "2026-09-01"]);
    assert!(home.ok(&["pool", "show"]).contains("# pools-a.yaml, from 2026-09-01 on"));
    for day in ["1899-12-01", "1900-01-01", "2200-01-01"] {
        refused(&home, &["rules", "apply", "rules-c.yaml", "--effective", day], &["is no day of a bill"]);
        refused(&home, &["pool", "apply", "pools-c.yaml", "--effective", day], &["is no day of a bill"]);
    }
}

#[test]
fn checking_dated_rules_counts_no_money_twice_and_blames_no_other_file() {
    let home = home();
    let dead = "  - {id: dead, when: \"ResourceId = 'never'\", owner: b}\nresidual:";
    home.write("old.yaml", &std::fs::read_to_string(home.path("rules-a.yaml")).unwrap().replace("residual:", dead));
    assert!(home.run(&["rules", "check", "old.yaml"]).err.contains("rule 'dead' never matches"));
    home.ok(&["rules", "apply", "old.yaml"]);
    let checked = home.run(&["rules", "check", "rules-b.yaml", "--effective", "2026-08-01", "--format", "json"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let checked: serde_json::Value = serde_json::from_str(&checked.out).unwrap();
    let sum: leap_terms::Money = checked["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| !row["amount"].is_null())
        .map(|row| text(&row["amount"]).parse::<leap_terms::Money>().unwrap())
        .sum();
    assert_eq!(sum.to_string(), "390", "{checked:#}");
}

#[test]
fn a_day_without_a_policy_and_a_closed_period_are_told() {
    let home = home();
    home.ok(&["rules", "apply", "rules-c.yaml"]);
    home.ok(&["pool", "apply", "pools-a.yaml", "--effective", "2026-08-01"]);
    let kept = home.ok(&["pool", "explain", "kafka", "2026-07-10"]);
    assert!(kept.contains("pool kafka cost 30.00 USD on 2026-07-10, and no policy of that day shares it"), "{kept}");
    assert!(home.ok(&["pool", "explain", "kafka", "2026-07-11"]).contains("cost nothing on 2026-07-11"));
    let listed = home.json(&["pool", "list", "--period", "2026-07..2026-08"]);
    assert_eq!(text(&listed["rows"][0]["driver"]), "none: kept, then fixed", "{listed:#}");
    home.ok(&["period", "close", "2026-07"]);
    let words = "2026-07 is closed and keeps its statement; what differs now: leap period diff 2026-07";
    for args in [
        &["pool", "apply", "pools-b.yaml", "--effective", "2026-07-01", "--later", "replace"][..],
        &["rules", "apply", "rules-a.yaml"],
    ] {
        let ran = home.run(args);
        assert!(ran.code == 0 && ran.err.contains(words), "{args:?}: {}{}", ran.out, ran.err);
    }
}
