//! Homes that were damaged: what is wrong is told, nothing is stated or planned over it, and it can be mended.

use std::path::PathBuf;

use crate::bill::bill;
use crate::harness::Home;

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: a, name: Team A, kind: team, parent: acme}
  - {id: b, name: Team B, kind: team, parent: acme}
";

fn rules(owner_of_one: &str) -> String {
    format!(
        "rules:\n  - {{id: one, when: \"ResourceId = 'i-1'\", owner: {owner_of_one}}}\n  - {{id: rest, when: \"ServiceName IS NOT NULL\", owner: a}}\nresidual: {{steward: acme}}\n"
    )
}

/// A home in which a small change has given one resource from team a to team b.
fn changed_home() -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("before.yaml", &rules("a"));
    home.write("after.yaml", &rules("b"));
    let charges: Vec<(String, &str)> = (1..=30).map(|day| (format!("2026-09-{day:02}"), "1")).collect();
    let rows: Vec<(&str, &str, &str, &str)> = charges
        .iter()
        .enumerate()
        .map(|(at, (day, cost))| (day.as_str(), if at == 3 { "i-1" } else { "i-2" }, "", *cost))
        .collect();
    home.write("bill.csv", &bill("2026-09", &rows));
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "before.yaml"]);
    home.ok(&["ingest", "bill.csv"]);
    home.ok(&["rules", "apply", "after.yaml"]);
    home.verified();
    home
}

/// Changes the book behind the back of the product.
pub(crate) fn tamper(home: &Home, sql: &str) -> u64 {
    let url = format!("sqlite://{}", home.path("home/book.db").display());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        use sqlx::Connection;
        sqlx::any::install_default_drivers();
        let mut book = sqlx::AnyConnection::connect(&url).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut book).await.unwrap().rows_affected()
    })
}

/// The files of the table `daily`, those of changes or the others.
fn daily_files(home: &Home, changes: bool) -> Vec<PathBuf> {
    fn walk(folder: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(home.path("home/lake/daily"), &mut found);
    found.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.ends_with(".parquet") && name.starts_with("part-") && name.contains("-c1") == changes
    });
    found
}

fn refused(home: &Home, args: &[&str], code: i32, words: &str) {
    let before = home.digest();
    let ran = home.run(args);
    assert_eq!(ran.code, code, "{args:?}: {} {}", ran.out, ran.err);
    assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
    assert_eq!(home.digest(), before, "nothing was changed");
}

#[test]
fn a_lost_file_of_changes_is_told_and_no_period_is_closed_over_it() {
    let home = changed_home();
    assert_eq!(daily_files(&home, true).len(), 1, "the change is one file beside the table");
    assert_eq!(tamper(&home, "DELETE FROM file WHERE path LIKE 'daily/%-c1.parquet'"), 1);
    refused(&home, &["period", "close", "2026-09"], 4, "the daily table gives");
    let (code, answer) = home.json_any(&["verify"]);
    assert_eq!((code, &answer["ok"]), (4, &serde_json::json!(false)));
    assert!(answer["disagreements"][0].as_str().unwrap().contains("the daily table gives"), "{answer:#}");
    home.ok(&["rules", "apply", "after.yaml", "--full"]);
    home.verified();
    home.ok(&["period", "close", "2026-09"]);
}

#[test]
fn a_lost_daily_table_is_neither_planned_nor_reported_over() {
    let home = changed_home();
    assert_eq!(tamper(&home, "DELETE FROM file WHERE path LIKE 'daily/%' AND path NOT LIKE '%-c1.parquet'"), 1);
    home.write("next.yaml", &ORG.replace("parent: acme}\n  - {id: b", "parent: b}\n  - {id: b"));
    refused(&home, &["org", "plan", "next.yaml", "--effective", "2026-09-02"], 4, "the daily table");
    refused(&home, &["residual", "list"], 4, "the daily table");
    refused(&home, &["period", "close", "2026-09"], 4, "the daily table");
    assert_eq!(home.json_any(&["verify"]).0, 4);
}

#[test]
fn a_digest_of_owners_that_is_not_theirs_is_told_and_made_anew() {
    let home = changed_home();
    let digest = home.digest();
    assert!(tamper(&home, "UPDATE proof SET owners = '00' || substr(owners, 3) WHERE until_snapshot IS NULL") > 0);
    let (code, answer) = home.json_any(&["verify"]);
    assert_eq!(code, 4);
    assert!(answer["disagreements"][0].as_str().unwrap().contains("digest of what owners have"), "{answer:#}");
    home.ok(&["rules", "apply", "after.yaml", "--full"]);
    home.verified();
    assert_eq!(home.digest(), digest);
}

#[test]
fn a_damaged_file_is_replaced_by_attributing_in_full_and_no_change_is_put_beside_it() {
    let home = changed_home();
    let file = daily_files(&home, false).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    refused(&home, &["rules", "apply", "before.yaml"], 1, "is damaged");
    assert_eq!(home.json_any(&["verify"]).0, 4);
    home.ok(&["rules", "apply", "after.yaml", "--full"]);
    home.verified();
}
