//! Reading one snapshot: every way to ask gives the same sums.

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, text};

fn home() -> Home {
    let home = Home::with(ORG, RULES);
    home.ingest(
        &home.write(
            "august.csv",
            &bill("2026-08", &[("2026-08-10", "i-1", "a", "3.5"), ("2026-08-11", "i-2", "b", "1")]),
        ),
    );
    home.ingest(&home.write(
        "september.csv",
        &bill(
            "2026-09",
            &[("2026-09-10", "i-1", "a", "7"), ("2026-08-31", "i-1", "a", "0.25"), ("2026-09-11", "i-3", "", "-0.5")],
        ),
    ));
    home
}

#[test]
fn a_period_is_read_as_incurred_or_as_invoiced() {
    let home = home();
    let total = |period: &str, basis: &str| {
        text(&home.json(&["spend", "--period", period, "--basis", basis])["totals"][0]["amount"])
    };
    assert_eq!(total("2026-08", "incurred"), "4.75");
    assert_eq!(total("2026-08", "invoiced"), "4.5");
    assert_eq!(total("2026-09", "incurred"), "6.5");
    assert_eq!(total("2026-09", "invoiced"), "6.75");
    assert_eq!(total("2026-08..2026-09", "incurred"), total("2026-08..2026-09", "invoiced"));
}

#[test]
fn every_dimension_gives_the_same_total() {
    let home = home();
    let levels = home.json(&["spend", "--by", "company", "--period", "2026"]);
    assert_eq!(text(&levels["rows"][0]["company"]), "acme", "{levels:#}");
    for by in [
        "team",
        "service",
        "rule",
        "source",
        "month",
        "day",
        "company",
        "account",
        "region",
        "Tags['team']",
        "resource",
        "ChargeCategory",
        "SkuId",
        "ChargeDescription",
        "team,service,month",
    ] {
        let answer = home.json(&["spend", "--by", by, "--period", "2026"]);
        let sum: leap_terms::Money = answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| text(&row["amount"]).parse::<leap_terms::Money>().unwrap())
            .sum();
        assert_eq!(sum.to_string(), "11.25", "{by}");
        assert_eq!(text(&answer["totals"][0]["amount"]), "11.25", "{by}");
    }
}

#[test]
fn grouped_and_filtered_figures_agree() {
    let home = home();
    for (team, amount) in home.spend("team", &["--period", "2026"]) {
        let filter = format!("team = '{team}'");
        let answer = home.json(&["spend", "--by", "service", "--period", "2026", "--where", &filter]);
        assert_eq!(text(&answer["totals"][0]["amount"]), amount, "{team}");
        let sql = format!("SELECT SUM(\"EffectiveCost\") AS s FROM charges WHERE \"x_LeapOwner\" = '{team}'");
        assert_eq!(text(&home.json(&["sql", &sql])["rows"][0]["s"]), amount, "{team}");
        let explained = home.json(&["explain", &team, "--period", "2026"]);
        assert_eq!(text(&explained["totals"][0]["amount"]), amount, "{explained:#}");
        let rows: leap_terms::Money = explained["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| text(&row["amount"]).parse::<leap_terms::Money>().unwrap())
            .sum();
        assert_eq!(rows.to_string(), amount, "the source rows of {team} add up to it");
    }
}

#[test]
fn the_largest_rows_and_the_rest_add_up() {
    let home = home();
    let answer = home.json(&["spend", "--by", "day", "--period", "2026", "--top", "1"]);
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!((rows.len(), text(&rows[0]["amount"]), text(&rows[1]["amount"])), (2, "7".into(), "4.25".into()));
    assert_eq!(text(&rows[1]["day"]), "(rest)");
}

#[test]
fn a_charge_is_explained_down_to_its_source_row() {
    let home = home();
    let resource = home.ok(&["explain", "i-1", "--period", "2026-09"]);
    assert!(
        resource.contains("team-tag") && resource.contains("Tags['team']") && resource.contains("september.csv"),
        "{resource}"
    );
    let json = home.json(&["explain", "a", "--period", "2026-09"]);
    let charge = text(&json["rows"][0]["charge"]);
    let one = home.json(&["explain", &charge]);
    assert_eq!(text(&one["totals"][0]["amount"]), "7", "{one:#}");
    assert_eq!(text(&one["rows"][0]["owner"]), "a");
    let ran = home.run(&["explain", "nobody-knows", "--period", "2026-09"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("nobody-knows"), "{}", ran.err);
}

#[test]
fn an_export_says_who_owns_each_charge_and_adds_up() {
    let home = home();
    home.ok(&["export", "focus", "--format", "csv", "--output", "out.csv"]);
    let text = std::fs::read_to_string(home.path("out.csv")).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| {
        header.iter().position(|column| *column == name).unwrap_or_else(|| panic!("no {name} in {header:?}"))
    };
    assert_eq!(lines.clone().count(), 5);
    let snapshot = home.digest();
    for line in lines {
        assert!(line.contains(&snapshot[..16]), "{line}");
    }
    assert!(at("x_LeapOwner") < header.len() && at("x_LeapRule") < header.len() && at("BilledCost") < header.len());
    home.ok(&["export", "focus", "--format", "parquet", "--output", "out.parquet"]);
    // What leap exports, leap takes in: same totals.
    let other = Home::new();
    std::fs::copy(home.path("out.parquet"), other.path("out.parquet")).unwrap();
    other.ingest(&other.path("out.parquet"));
    assert_eq!(
        other.json(&["spend", "--by", "service", "--period", "2026"])["totals"],
        home.json(&["spend", "--by", "service", "--period", "2026"])["totals"]
    );
}

#[test]
fn an_older_snapshot_stays_readable() {
    let home = home();
    let id = text(&home.json(&["snapshots"])["rows"][0]["id"]);
    home.ingest(&home.write("restated.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "100")])));
    let total =
        |more: &[&str]| text(&home.json(&[&["spend", "--period", "2026-09"], more].concat())["totals"][0]["amount"]);
    assert_eq!(total(&[]), "100");
    assert_eq!(total(&["--snapshot", &id]), "6.5");
}

#[test]
fn every_format_says_the_same() {
    let home = home();
    assert_eq!(
        home.ok(&["spend", "--period", "2026-09", "--format", "csv"]),
        "team,currency,amount\na,USD,7\nresidual:no-rule,USD,-0.5\n"
    );
    let markdown = home.ok(&["spend", "--period", "2026-09", "--format", "markdown"]);
    assert!(markdown.starts_with("| team |"), "{markdown}");
    let table = home.ok(&["spend", "--period", "2026-09"]);
    assert!(table.contains("7.00") && table.contains("-0.50") && table.contains("USD"), "{table}");
    let ran = home.run(&["spend", "--by", "servce"]);
    assert_eq!((ran.code, ran.err.contains("did you mean service")), (2, true), "{}", ran.err);
}

#[test]
fn a_backup_is_a_home_of_its_own() {
    let home = home();
    home.ok(&["backup", "copy"]);
    let args = ["spend", "--period", "2026", "--format", "json"];
    let copy = std::process::Command::new(env!("CARGO_BIN_EXE_leap"))
        .arg("--home")
        .arg(home.path("copy"))
        .args(args)
        .output()
        .unwrap();
    assert!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stderr));
    assert_eq!(String::from_utf8_lossy(&copy.stdout), home.ok(&args));
    let again = home.run(&["backup", "copy"]);
    assert_eq!(again.code, 2, "a backup never overwrites: {}", again.err);
}

#[test]
fn a_flipped_bit_in_the_lake_is_noticed_before_a_figure_is_shown() {
    let home = home();
    // What a question reads: days by owner, or the cube.
    for (table, by) in [("cube", "service"), ("daily", "team")] {
        let found = std::process::Command::new("find")
            .arg(home.path(&format!("home/lake/{table}")))
            .args(["-name", "*.parquet"])
            .output()
            .unwrap();
        let path = String::from_utf8(found.stdout).unwrap().lines().next().unwrap().to_owned();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let ran = home.run(&["spend", "--by", by, "--period", "2026"]);
        assert_eq!(ran.code, 1, "{}", ran.out);
        assert!(ran.err.contains(&format!("{table}/")), "{}", ran.err);
    }
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
}

#[test]
fn the_audit_trail_holds() {
    let home = home();
    assert!(home.ok(&["audit", "verify"]).contains("events"));
    assert!(home.json(&["audit", "list"])["rows"].as_array().unwrap().len() >= 4);
}
