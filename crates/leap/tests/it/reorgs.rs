//! Reorgs, from outside: what users of other products lost when their company changed, and a real company's history.

use std::collections::BTreeMap;

use leap_terms::Money;

use crate::bill::{RULES, bill};
use crate::harness::{Home, shared, text};

const TREE: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: east, name: East, kind: division, parent: acme}
  - {id: west, name: West, kind: division, parent: acme}
  - {id: north, name: North, kind: division, parent: acme}
  - {id: a, name: Team A, kind: team, parent: east, aliases: [alpha]}
  - {id: b, name: Team B, kind: team, parent: east}
  - {id: c, name: Team C, kind: team, parent: west}
";

/// Three months in which a, b and c spend 1, 10 and 100 a day on the 5th, 15th and 25th.
fn home(org: &str) -> Home {
    let home = Home::new();
    home.write("org.yaml", org);
    home.write("rules.yaml", RULES);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    for month in ["2026-07", "2026-08", "2026-09"] {
        let days: Vec<String> = ["05", "15", "25"].iter().map(|day| format!("{month}-{day}")).collect();
        let mut lines = Vec::new();
        for day in &days {
            lines.extend([
                (day.as_str(), "i-1", "a", "1"),
                (day.as_str(), "i-2", "b", "10"),
                (day.as_str(), "i-3", "c", "100"),
            ]);
        }
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &lines)));
    }
    home
}

const ALL: [&str; 2] = ["--period", "2026-07..2026-09"];

fn spend(home: &Home, by: &str, more: &[&str]) -> BTreeMap<String, String> {
    let mut args = ALL.to_vec();
    args.extend(more);
    home.spend(by, &args).into_iter().collect()
}

fn sum(amounts: &BTreeMap<String, String>) -> Money {
    amounts.values().map(|amount| amount.parse::<Money>().unwrap()).sum()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, amount)| ((*name).to_owned(), (*amount).to_owned())).collect()
}

fn moved(unit: &str, to: &str) -> String {
    let line = TREE.lines().find(|line| line.contains(&format!("{{id: {unit},"))).expect("the unit");
    let from = line.split("parent: ").nth(1).and_then(|rest| rest.split([',', '}']).next()).expect("its parent");
    TREE.replace(line, &line.replace(&format!("parent: {from}"), &format!("parent: {to}")))
}

/// project-koku/koku#2049: an account moves between three OUs on three dates.
#[test]
fn a_unit_that_moves_on_three_dates_stands_where_it_stood_on_each_day() {
    let home = home(TREE);
    for (to, day) in [("west", "2026-07-15"), ("north", "2026-08-10"), ("east", "2026-09-20")] {
        home.write("next.yaml", &moved("a", to));
        home.ok(&["org", "apply", "next.yaml", "--effective", day]);
    }
    // a: one day in the east, then three in the west (15 and 25 July, 5 August), four in the north, one in the east.
    assert_eq!(spend(&home, "division", &[]), map(&[("east", "92"), ("north", "4"), ("west", "903")]));
    assert_eq!(spend(&home, "division", &["--org", "as-is"]), map(&[("east", "99"), ("west", "900")]));
    assert_eq!(spend(&home, "division", &["--org", "2026-07-20"]), map(&[("east", "90"), ("west", "909")]));
    for reading in ["as-was", "as-is", "2026-07-01", "2026-08-15"] {
        assert_eq!(sum(&spend(&home, "division", &["--org", reading])).to_string(), "999", "{reading}");
        assert_eq!(spend(&home, "team", &["--org", reading]), map(&[("a", "9"), ("b", "90"), ("c", "900")]));
    }
    let log = home.json(&["org", "log"]);
    assert_eq!(log["rows"].as_array().unwrap().len(), 3);
    home.verified();
}

/// project-koku/koku#2264: a renamed OU is counted twice.
#[test]
fn a_renamed_unit_is_counted_once() {
    let home = home(TREE);
    // The source gives it another id and another name; tags go on saying a, and alpha.
    home.write(
        "next.yaml",
        &TREE.replace("{id: a, name: Team A,", "{id: core, name: Core,").replace("[alpha]", "[alpha, a]"),
    );
    let plan = home.json(&["org", "plan", "next.yaml", "--effective", "2026-08-01"]);
    let found = &plan["steps"][0]["findings"][0];
    assert_eq!(found["what"], "renamed", "{plan:#}");
    home.ok(&["org", "apply", &text(&plan["id"])]);
    for reading in ["as-was", "as-is", "2026-07-01"] {
        let teams = spend(&home, "team", &["--org", reading]);
        assert_eq!(teams, map(&[("a", "9"), ("b", "90"), ("c", "900")]), "{reading}");
    }
    let more = bill("2026-10", &[("2026-10-05", "i-1", "core", "7"), ("2026-10-05", "i-1", "alpha", "5")]);
    home.ingest(&home.write("2026-10.csv", &more));
    let october: BTreeMap<_, _> = home.spend("team", &["--period", "2026-10"]).into_iter().collect();
    assert_eq!(october, map(&[("a", "12")]));
    home.verified();
}

/// project-koku/koku#2478: a moved OU: the total grouped by is not the total filtered for, and old data shows under the new parent.
#[test]
fn of_a_moved_unit_group_by_and_filter_agree() {
    let home = home(TREE);
    home.write("next.yaml", &moved("b", "north"));
    home.ok(&["org", "apply", "next.yaml", "--effective", "2026-08-01"]);
    for reading in ["as-was", "as-is", "2026-07-15", "2026-08-15"] {
        let groups = spend(&home, "division", &["--org", reading]);
        assert_eq!(sum(&groups).to_string(), "999");
        for division in ["east", "west", "north"] {
            let filter = format!("division = '{division}'");
            let filtered = spend(&home, "team", &["--org", reading, "--where", &filter]);
            let under = spend(&home, "team", &["--org", reading, "--under", division]);
            let group = groups.get(division).map_or(Money::default(), |amount| amount.parse().unwrap());
            assert_eq!(sum(&filtered), group, "{reading} {division}");
            assert_eq!(sum(&under), group, "{reading} {division}");
        }
    }
    assert_eq!(spend(&home, "division", &[]), map(&[("east", "39"), ("north", "60"), ("west", "900")]));
}

#[test]
fn a_reorg_is_planned_applied_and_taken_back_to_the_byte() {
    let home = home(TREE);
    let reports = |home: &Home| {
        ["team", "division", "path", "team,division,month"]
            .map(|by| home.ok(&["spend", "--by", by, "--period", "2026-07..2026-09", "--format", "json"]))
    };
    let (digest, before) = (home.digest(), reports(&home));
    // b is merged into c, a moves, and a new team starts.
    let next = moved("a", "west").replace("  - {id: b, name: Team B, kind: team, parent: east}\n", "")
        + "  - {id: d, name: Team D, kind: team, parent: north}\n";
    home.write("next.yaml", &next);
    let plan = home.json(&["org", "plan", "next.yaml", "--effective", "2026-08-10", "--successor", "b=c"]);
    let whats: Vec<String> =
        plan["steps"][0]["findings"].as_array().unwrap().iter().map(|found| text(&found["what"])).collect();
    assert_eq!(whats, ["created", "moved", "merged"], "{plan:#}");
    assert_eq!(home.digest(), digest, "a plan changes nothing");
    let moves: Money =
        plan["moves"].as_array().unwrap().iter().map(|one| text(&one["amount"]).parse::<Money>().unwrap()).sum();
    // a: 5 days of 1; b: 5 days of 10 (15 and 25 August, three in September).
    assert_eq!(moves.to_string(), "55");
    let id = text(&plan["id"]);
    home.ok(&["org", "apply", &id]);
    assert_eq!(spend(&home, "team", &[]), map(&[("a", "9"), ("b", "40"), ("c", "950")]));
    assert_eq!(spend(&home, "team", &["--org", "as-is"]), map(&[("a", "9"), ("c", "990")]));
    assert_eq!(spend(&home, "team", &["--org", "2026-07-01"]), map(&[("a", "9"), ("b", "40"), ("c", "950")]));
    home.verified();
    let stale = home.run(&["org", "apply", &id]);
    assert_eq!(stale.code, 75, "{}", stale.err);
    assert!(stale.err.contains("the plan is stale: since it was made there came 'org apply"), "{}", stale.err);
    home.ok(&["org", "revert", "1"]);
    assert_eq!(home.digest(), digest);
    assert_eq!(reports(&home), before);
    home.verified();
}

#[test]
fn reorgs_are_taken_back_in_any_order() {
    let both = moved("a", "west").replace("name: Team B", "name: Team Bee");
    for order in [["1", "2"], ["2", "1"]] {
        let home = home(TREE);
        let digest = home.digest();
        home.write("next.yaml", &moved("a", "west"));
        home.ok(&["org", "apply", "next.yaml", "--effective", "2026-08-01"]);
        let one = home.digest();
        home.write("next.yaml", &both);
        home.ok(&["org", "apply", "next.yaml", "--effective", "2026-09-01"]);
        home.ok(&["org", "revert", order[0]]);
        assert_ne!(home.digest(), digest);
        assert_eq!(home.digest() == one, order[0] == "2");
        home.ok(&["org", "revert", order[1]]);
        assert_eq!(home.digest(), digest, "taken back in the order {order:?}");
        assert_eq!(home.run(&["org", "revert", "1"]).code, 1, "a reorg is taken back once");
    }
}

/// A new name speaks of earlier days too: the plan must say so.
#[test]
fn a_plan_shows_the_money_of_days_before_it() {
    let home = home(TREE);
    home.ingest(&home.write("core.csv", &bill("2026-06", &[("2026-06-05", "i-9", "core", "7")])));
    home.ok(&["period", "close", "2026-06"]);
    home.write("next.yaml", &TREE.replace("name: Team A", "name: Core"));
    let plan = home.json(&["org", "plan", "next.yaml", "--effective", "2026-08-01"]);
    assert_eq!(plan["moves"].as_array().unwrap().len(), 1, "{plan:#}");
    assert_eq!(plan["moves"][0]["from"], "residual:unknown-team");
    assert_eq!(plan["moves"][0]["amount"], "7");
    assert_eq!(plan["restates"][0], "2026-06");
}

#[test]
fn what_cannot_be_is_refused_with_unit_and_date() {
    let home = home(TREE);
    let digest = home.digest();
    let refused = |next: &str, more: &[&str]| {
        home.write("next.yaml", next);
        let mut args = vec!["org", "plan", "next.yaml", "--effective", "2026-08-01"];
        args.extend(more);
        let ran = home.run(&args);
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
        ran.err
    };
    let cycle = refused(
        &TREE.replace("{id: acme, name: Acme, kind: company}", "{id: acme, name: Acme, kind: company, parent: a}"),
        &[],
    );
    assert!(cycle.contains("cycle"), "{cycle}");
    let parent = refused(&moved("a", "south"), &[]);
    assert!(parent.contains("unit 'a' has the unknown parent 'south'"), "{parent}");
    let heir = refused(
        &TREE.replace("  - {id: b, name: Team B, kind: team, parent: east}\n", ""),
        &["--successor", "b=nobody"],
    );
    assert!(heir.contains("nobody"), "{heir}");
    let overwritten = {
        home.write("next.yaml", &moved("a", "west"));
        home.ok(&["org", "apply", "next.yaml", "--effective", "2026-08-01"]);
        home.run(&["org", "apply", "next.yaml"])
    };
    assert_eq!(overwritten.code, 2);
    assert!(overwritten.err.contains("say from which day it holds: --effective DATE"), "{}", overwritten.err);
    // A back-dated end below a later move is refused; the later one must go first.
    let gone = TREE.replace("  - {id: a, name: Team A, kind: team, parent: east, aliases: [alpha]}\n", "");
    home.write("gone.yaml", &gone);
    let refused = home.run(&["org", "plan", "gone.yaml", "--effective", "2026-07-10"]);
    assert_eq!(refused.code, 2, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("'a'") && refused.err.contains("2026-08-01"), "{}", refused.err);
    home.ok(&["org", "revert", "1"]);
    assert_eq!(home.digest(), digest);
}

#[test]
fn what_was_known_on_a_day_can_be_asked_for_ever() {
    let home = home(TREE);
    home.write("next.yaml", &moved("a", "west"));
    let at = |now: &str, args: &[&str]| {
        let output = home.command(args).env("LEAP_NOW", now).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    at("2099-01-10T00:00:00Z", &["org", "apply", "next.yaml", "--effective", "2026-08-01"]);
    let now = |more: &[&str]| spend(&home, "division", more);
    assert_eq!(now(&[]), map(&[("east", "93"), ("west", "906")]));
    assert_eq!(now(&["--as-known-on", "2099-01-09"]), map(&[("east", "99"), ("west", "900")]));
    assert_eq!(now(&["--as-known-on", "2099-01-10"]), map(&[("east", "93"), ("west", "906")]));
    let shown = home.json(&["org", "show", "--as-of", "2026-09-01", "--as-known-on", "2099-01-09"]);
    let a = shown["rows"].as_array().unwrap().iter().find(|row| row["id"] == "a").unwrap().clone();
    assert_eq!(a["parent"], "east");
    let diff = home.ok(&["org", "diff", "2026-07-01", "2026-09-01"]);
    assert!(diff.contains("a is below west, before east"), "{diff}");
}

/// The history of Kubernetes' own organisation, as its community files had it on four dates.
#[test]
fn the_kubernetes_community_loads_as_a_history_of_reorgs() {
    let Some(folder) = shared("org/kubernetes-sigs") else { return };
    let home = Home::new();
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 4);
    let mut merged = Vec::new();
    let mut sub_projects: Vec<String> = Vec::new();
    for file in &files {
        let path = file.to_str().unwrap();
        let plan = home.json(&["org", "plan", path]);
        for found in plan["steps"][0]["findings"].as_array().unwrap() {
            if found["what"] == "merged" {
                merged.push(text(&found["words"]));
            }
        }
        home.ok(&["org", "apply", &text(&plan["id"])]);
        let day = text(&plan["steps"][0]["reorg"]["effective"]);
        let shown = home.json(&["org", "show", "--as-of", &day]);
        for row in shown["rows"].as_array().unwrap().iter().filter(|row| row["kind"] == "subproject") {
            sub_projects.push(text(&row["id"]));
        }
    }
    sub_projects.sort();
    sub_projects.dedup();
    assert!(merged.iter().any(|words| words.starts_with("sig-aws was merged into sig-cloud-provider")), "{merged:#?}");
    assert!(merged.iter().any(|words| words.starts_with("sig-pm was merged into sig-architecture")), "{merged:#?}");
    // A bill of one charge per sub-project and date, named by id, from before the first file to after the last.
    home.write("rules.yaml", RULES);
    home.ok(&["rules", "apply", "rules.yaml"]);
    let mut expected = Money::default();
    for month in ["2019-06", "2020-06", "2021-06", "2023-06"] {
        let mut lines = Vec::new();
        let day = format!("{month}-15");
        for (at, unit) in sub_projects.iter().enumerate() {
            let amount = format!("{}.000000000000000000000000000001", at + 1);
            lines.push((day.clone(), format!("r-{at}"), unit.clone(), amount.clone()));
            expected += amount.parse::<Money>().unwrap();
        }
        let lines: Vec<_> = lines
            .iter()
            .map(|(day, id, unit, amount)| (day.as_str(), id.as_str(), unit.as_str(), amount.as_str()))
            .collect();
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &lines)));
    }
    let mut figures = 0;
    for reading in
        ["as-was", "as-is", "2019-01-01", "2019-12-31", "2020-01-01", "2021-01-01", "2022-06-01", "2023-01-01"]
    {
        for by in ["team", "sig", "path"] {
            let rows: BTreeMap<_, _> =
                home.spend(by, &["--period", "2019..2023", "--org", reading]).into_iter().collect();
            assert_eq!(sum(&rows), expected, "{reading} by {by}");
            figures += rows.len();
        }
    }
    assert!(figures > 2000, "only {figures} figures were compared");
    home.verified();
}

/// A name that was passed on means whom it meant on the day of the reading.
#[test]
fn a_unit_is_named_as_on_the_day_of_the_reading() {
    let home = home(&TREE.replace("name: East", "name: Sunny"));
    home.write("next.yaml", &TREE.replace("name: West", "name: Sunny"));
    home.ok(&["org", "apply", "next.yaml", "--effective", "2026-08-01"]);
    let under = |org: &str| sum(&spend(&home, "team", &["--under", "Sunny", "--org", org])).to_string();
    assert_eq!(under("2026-07-15"), "99", "Sunny was the division of a and b");
    assert_eq!(under("2026-08-15"), "900", "Sunny is now the name of the division of c");
    let ran = home.run(&["spend", "--by", "team", "--under", "Nowhere", "--period", "2026-08"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

const STAFF: &str = "employee,manager,cost_centre,team,effective_date
e-1,,100,Shop,2026-01-01
e-2,e-1,110,Payments,2026-01-01
e-3,e-2,110,Payments,2026-01-01
e-4,e-2,110,Payments,2026-01-01
e-7,e-2,110,Payments,2026-01-01
e-5,e-1,120,Search,2026-01-01
e-3,e-5,120,Search,2026-07-01
e-4,e-5,120,Search,2026-07-01
e-6,e-5,120,Search,2026-07-01
e-7,e-2,110,,2026-07-01
";

#[test]
fn transfers_are_counted_per_team_and_people_named_only_where_asked_for() {
    let home = Home::new();
    home.write("people.csv", STAFF);
    let plan = home.json(&["org", "plan", "people.csv"]);
    home.ok(&["org", "apply", &text(&plan["id"])]);
    let days = ["org", "diff", "2026-06-30", "2026-07-01"];
    let rows = |value: &serde_json::Value, columns: [&str; 3]| -> Vec<String> {
        let row = |row: &serde_json::Value| columns.map(|column| text(&row[column])).join(" ");
        value.as_array().expect("rows").iter().map(row).collect()
    };

    let counted = home.json(&days);
    assert_eq!(rows(&counted["teams"], ["team", "joined", "left"]), ["Payments 0 3", "Search 3 0"]);
    assert_eq!(
        rows(&counted["transfers"], ["from", "to", "people"]),
        [" Search 1", "Payments  1", "Payments Search 2"],
        "{counted:#}"
    );
    assert!(counted.get("people").is_none());
    let table = home.ok(&days);
    for words in
        ["Search: head_count '4', before '1'", "People who joined or left teams (4 people; --people names them)"]
    {
        assert!(table.contains(words), "no '{words}' in\n{table}");
    }
    let csv = home.ok(&[&days[..], &["--format", "csv"]].concat());
    assert!(
        csv.ends_with("1 person joined Search\n1 person left Payments\n2 people went from Payments to Search\n"),
        "{csv}"
    );
    let markdown = home.ok(&[&days[..], &["--format", "markdown"]].concat());
    assert!(markdown.contains("| Payments | Search | 2 |"), "{markdown}");
    for (format, out) in [("table", table), ("csv", csv), ("markdown", markdown), ("json", counted.to_string())] {
        for person in ["e-3", "e-4", "e-6", "e-7"] {
            assert!(!out.contains(person), "{person} is named in {format}:\n{out}");
        }
    }

    let asked = [&days[..], &["--people"]].concat();
    assert_eq!(
        rows(&home.json(&asked)["people"], ["person", "from", "to"]),
        ["e-3 Payments Search", "e-4 Payments Search", "e-6  Search", "e-7 Payments "]
    );
    assert!(home.ok(&[&asked[..], &["--format", "csv"]].concat()).contains("\ne-3 went from Payments to Search\n"));
    assert!(home.ok(&asked).contains("Who they are"));
}

#[test]
fn the_org_of_a_day_shows_how_many_people_each_unit_has_where_it_is_known() {
    let home = Home::new();
    home.write("people.csv", STAFF);
    let plan = home.json(&["org", "plan", "people.csv"]);
    home.ok(&["org", "apply", &text(&plan["id"])]);
    let heads = |home: &Home, day: &str| -> Vec<String> {
        let shown = home.json(&["org", "show", "--as-of", day]);
        let row = |row: &serde_json::Value| format!("{} {}", text(&row["id"]), text(&row["head_count"]));
        shown["rows"].as_array().expect("rows").iter().map(row).collect()
    };
    assert_eq!(heads(&home, "2026-06-30"), ["Shop 1", "Payments 4", "Search 1"]);
    assert_eq!(heads(&home, "2026-07-01"), ["Shop 1", "Payments 1", "Search 4"]);

    // Said by nobody, but its people are known; of c nothing is known.
    let home = Home::new();
    let org = "units: [{id: a}, {id: b, head_count: 9}, {id: c}]
people:
  - {person: e-1, spans: [{until: 2026-07-01, unit: a}, {from: 2026-07-01, unit: b}]}
  - {person: e-2, spans: [{unit: a}]}
";
    home.write("org.yaml", org);
    home.ok(&["org", "apply", "org.yaml"]);
    assert_eq!(heads(&home, "2026-06-30"), ["a 2", "b 9", "c "]);
    assert_eq!(heads(&home, "2026-07-01"), ["a 1", "b 9", "c "]);
}

#[test]
fn wrong_rows_of_an_hr_file_are_a_line_each_and_nothing_is_applied() {
    let home = Home::new();
    home.write("people.csv", STAFF);
    let plan = home.json(&["org", "plan", "people.csv"]);
    home.ok(&["org", "apply", &text(&plan["id"])]);
    let rows: String = (1..=14).map(|number| format!("n-{number},e-1,100,Shop,{number}/10/2026\n")).collect();
    home.write("people.csv", &format!("{STAFF}{rows}"));
    let before = home.digest();
    for args in [&["org", "plan", "people.csv"][..], &["org", "apply", "people.csv", "--effective", "2026-10-01"]] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.err.lines().count()), (2, 11), "{}", ran.err);
        let first = "people.csv:12: row 12, column effective_date: '1/10/2026' is no day such as 2026-09-16; help: write year-month-day";
        assert!(ran.err.contains(first), "{}", ran.err);
        assert!(ran.err.ends_with("… and 4 more\n"), "{}", ran.err);
    }
    assert_eq!(home.digest(), before);
}
