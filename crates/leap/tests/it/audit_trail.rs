//! Nobody changes the audit trail unseen: not row by row, and not all of it, where a checkpoint lies elsewhere.

use crate::bill::{ORG, bill};
use crate::damage::tamper;
use crate::harness::{Home, text};

const RULES: &str = "rules: []\nresidual: {steward: cloud-efficiency}\n";

/// A home to which some things happened.
fn home() -> Home {
    let home = Home::with(ORG, RULES);
    for (month, amount) in [("2026-07", "1"), ("2026-08", "2"), ("2026-09", "3")] {
        let day = format!("{month}-10");
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &[(day.as_str(), "i-a", "a", amount)])));
    }
    home.ok(&["audit", "verify"]);
    home
}

#[test]
fn every_way_of_bending_a_row_is_told_with_its_number() {
    let whole = home();
    let columns = "recorded_at, actor, action, subject, snapshot, detail, previous, digest";
    for (sql, words) in [
        ("UPDATE audit SET actor = 'nobody' WHERE sequence = 3".to_owned(), "event 3 was edited"),
        ("UPDATE audit SET digest = 'ff' || substr(digest, 3) WHERE sequence = 3".to_owned(), "event 3 was edited"),
        ("DELETE FROM audit WHERE sequence = 3".to_owned(), "event 3 was deleted"),
        ("DELETE FROM audit WHERE sequence = (SELECT MAX(sequence) FROM audit)".to_owned(), "was deleted"),
        (
            format!(
                "INSERT INTO audit (sequence, {columns}) SELECT (SELECT MAX(sequence) + 1 FROM audit), {columns} FROM audit WHERE sequence = 2"
            ),
            "was inserted",
        ),
        (
            "UPDATE audit SET sequence = -sequence WHERE sequence IN (2, 3); \
             UPDATE audit SET sequence = CASE sequence WHEN -2 THEN 3 ELSE 2 END WHERE sequence < 0"
                .to_owned(),
            "stands at number",
        ),
    ] {
        let home = whole.copy();
        for one in sql.split("; ") {
            assert!(tamper(&home, one) > 0, "{one}");
        }
        let ran = home.run(&["audit", "verify"]);
        assert_eq!(ran.code, 4, "{sql}: {}", ran.err);
        assert!(ran.err.contains(words), "{sql}: {}", ran.err);
        let ran = home.run(&["audit", "checkpoint"]);
        assert_eq!(ran.code, 4, "a broken trail gets no checkpoint: {}", ran.err);
    }
}

#[test]
fn a_trail_that_was_written_anew_is_found_by_a_checkpoint() {
    let home = home();
    home.ok(&["audit", "key", "audit.pem"]);
    assert_eq!(home.run(&["audit", "key", "audit.pem"]).code, 2, "no key is replaced");
    home.ok(&["audit", "key", "other.pem"]);
    // Another history of the same beginning: what a person makes who writes the whole trail anew.
    let other = home.copy();
    let more = |home: &Home, amount: &str| {
        home.ingest(&home.write("more.csv", &bill("2026-10", &[("2026-10-01", "i-a", "a", amount)])));
    };
    more(&home, "4");
    more(&other, "5");
    home.ok(&["audit", "checkpoint", "--key", "audit.pem", "--output", "now.checkpoint"]);
    let checkpoint = std::fs::read_to_string(home.path("now.checkpoint")).unwrap();
    assert_eq!(checkpoint.lines().count(), 2, "{checkpoint}");
    let signed = ["audit", "verify", "--checkpoint", "now.checkpoint", "--key", "audit.pem.pub"];
    assert!(home.ok(&signed).contains("agrees with the signed checkpoint"));
    more(&home, "6");
    assert!(home.ok(&signed).contains("agrees"), "later events change nothing before them");

    other.write("now.checkpoint", &checkpoint);
    assert!(other.ok(&["audit", "verify"]).contains("the audit trail holds"), "by itself it does");
    let ran = other.run(&signed);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("the trail was written anew"), "{}", ran.err);

    // A checkpoint that was changed, that of another key, and one that is none.
    let number = checkpoint.split("\"number\":").nth(1).and_then(|rest| rest.split('}').next()).expect("a number");
    let moved = checkpoint.replace(&format!("\"number\":{number}"), "\"number\":2");
    for (text, key, code, words) in [
        (moved.as_str(), "audit.pem.pub", 4, "changed after it was signed"),
        (checkpoint.as_str(), "other.pem.pub", 2, "none of those given"),
        ("{}\n", "audit.pem.pub", 2, "line 1 is no checkpoint"),
        (checkpoint.lines().next().expect("a line"), "audit.pem.pub", 2, "not signed"),
    ] {
        home.write("bent.checkpoint", text);
        let ran = home.run(&["audit", "verify", "--checkpoint", "bent.checkpoint", "--key", key]);
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains("bent.checkpoint") && ran.err.contains(words), "{words}: {}", ran.err);
    }
    // Several keys may stand in one file.
    let both =
        ["other.pem.pub", "audit.pem.pub"].map(|file| std::fs::read_to_string(home.path(file)).unwrap()).concat();
    home.write("both.pub", &both);
    home.ok(&["audit", "verify", "--checkpoint", "now.checkpoint", "--key", "both.pub"]);
    assert_eq!(home.run(&["audit", "verify", "--checkpoint", "now.checkpoint", "--key", "audit.pem"]).code, 2);
    tamper(&home, "UPDATE audit SET actor = 'nobody' WHERE sequence = 3");
    let (code, told) = home.json_any(&["audit", "verify"]);
    assert_eq!((code, text(&told["event"])), (4, "3".to_owned()), "{told}");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&home.path("audit.pem").metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "only its owner reads the key");
    }
}
