//! What SQL must not do, and what it must survive.

use crate::bill::{ORG, RULES, bill};
use crate::harness::Home;

fn home() -> Home {
    let home = Home::new();
    home.ingest(
        &home.write(
            "bill.csv",
            &bill("2026-09", &[("2026-09-10", "i-1", "a", "0.10"), ("2026-09-11", "i-2", "", "0.20")]),
        ),
    );
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home
}

#[test]
fn nothing_but_a_query_passes_the_gateway() {
    let home = home();
    let out = home.path("stolen.csv");
    let before = home.digest();
    for sql in [
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "DROP TABLE charges".to_owned(),
        "INSERT INTO charges SELECT * FROM charges".to_owned(),
        "UPDATE charges SET \"BilledCost\" = 0".to_owned(),
        "DELETE FROM charges".to_owned(),
        format!("COPY charges TO '{}'", out.display()),
        format!("COPY (SELECT 1) TO '{}' STORED AS CSV", out.display()),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{}' STORED AS CSV", out.display()),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "SELECT 1; DROP TABLE charges".to_owned(),
        "SELECT * FROM '/etc/passwd'".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "BEGIN".to_owned(),
    ] {
        let ran = home.run(&["sql", &sql]);
        assert!(ran.code == 1 || ran.code == 2, "{sql}: exit {}\n{}{}", ran.code, ran.out, ran.err);
        assert!(!ran.err.trim().is_empty() && !ran.err.contains("panicked"), "{sql}: {}", ran.err);
        assert!(!out.exists(), "{sql} wrote a file");
    }
    assert_eq!(home.digest(), before);
}

#[test]
fn twenty_thousand_ors_are_an_error_and_no_crash() {
    let home = home();
    let terms = vec!["\"SubAccountId\" = 'x'"; 20_000].join(" OR ");
    // Beyond what one argument of a process may hold, the text comes through standard input, as a person's script would send it.
    let mut command = home.command(&["sql", "-"]);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = format!("SELECT count(*) FROM charges WHERE {terms}");
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let _ = std::io::Write::write_all(&mut input, text.as_bytes());
    });
    let ran = crate::harness::ran(child.wait_with_output().unwrap());
    writer.join().unwrap();
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("limit"), "the limit is named: {}", ran.err);

    let short = vec!["\"SubAccountId\" = 'x'"; 600].join(" OR ");
    let ran = home.run(&["sql", &format!("SELECT count(*) FROM charges WHERE {short}")]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let ran = home.run(&["spend", "--where", &vec!["ServiceName = 'x'"; 5_000].join(" OR ")]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn a_query_sees_owners_tags_and_exact_sums() {
    let home = home();
    let answer = home.json(&[
        "sql",
        "SELECT \"x_LeapOwner\" AS owner, SUM(\"BilledCost\") AS billed FROM charges GROUP BY 1 ORDER BY 1",
    ]);
    assert_eq!(
        answer["rows"],
        serde_json::json!([{"owner": "a", "billed": "0.1"}, {"owner": "residual:no-rule", "billed": "0.2"}])
    );
    let answer = home.json(&["sql", "SELECT count(*) AS n FROM charges WHERE \"Tags\"['team'] = 'a'"]);
    assert_eq!(answer["rows"][0]["n"].to_string().trim_matches('"'), "1");
}
