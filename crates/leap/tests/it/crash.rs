//! The process is killed at every write, sync, rename, link and unlink of an ingest; the state is the one before or the
//! one after, never between, and a second try completes.
//!
//! `strace` injects the signal without privileges. It counts calls per thread, so for each kind of call the ordinal grows
//! until no thread gets that far; only runs that did die of the signal are counted as points.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bill::{ORG, RULES, bill};
use crate::harness::Home;
use crate::latency::{Fixture, MONDAY, otlp};

const CALLS: [&str; 11] = [
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "rename",
    "linkat",
    "unlink",
    "ftruncate",
    "mkdir",
    "exit_group",
];
const SIGKILL: i32 = 9;
/// A thread of these small ingests makes far fewer calls of one kind.
const MOST: usize = 2000;

fn killed(home: &Home, call: &str, ordinal: usize, args: &[&str]) -> bool {
    killed_with(home, call, ordinal, args, &[])
}

/// Runs `leap ARGS` with variables and kills it at the `ordinal`-th call of a kind; true when it died of that.
pub(crate) fn killed_with(home: &Home, call: &str, ordinal: usize, args: &[&str], variables: &[(&str, &str)]) -> bool {
    let plain = home.command(args);
    let filter = format!("trace={call}");
    let inject = format!("inject={call}:signal=SIGKILL:when={ordinal}");
    let status = Command::new("strace")
        .args(["-qq", "-f", "-o", "/dev/null", "-e", &filter, "-e", &inject, "--"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(plain.get_current_dir().expect("the harness sets the folder"))
        .env_remove("LEAP_HOME")
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("strace starts");
    // strace ends as its child did.
    status.signal() == Some(SIGKILL) || status.code() == Some(128 + SIGKILL)
}

/// What a person can see of a home: the snapshot's digest, the spend of every team, and whose the latency is.
fn seen(home: &Home) -> (String, Vec<(String, String)>, String) {
    let spend = home.spend("team", &["--period", "2026", "--cost", "billed"]);
    (home.digest(), spend, home.run(&["latency", "--by", "service", "--format", "json"]).out)
}

/// One story: a home before, a command, and how often each kind of call was survived or not.
struct Story {
    name: &'static str,
    before: Home,
    args: Vec<&'static str>,
}

fn trace(spans: &[Fixture<'_>]) -> String {
    otlp(&"7".repeat(32), MONDAY, spans, &[])
}

fn stories() -> Vec<Story> {
    let owned = || {
        let home = Home::new();
        home.write("org.yaml", ORG);
        home.write("rules.yaml", RULES);
        home.ok(&["org", "apply", "org.yaml"]);
        home.ok(&["rules", "apply", "rules.yaml"]);
        home.ingest(&home.write("old.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "1.00")])));
        home
    };
    let replace = owned();
    replace
        .write("new.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "1.50"), ("2026-09-11", "i-2", "b", "2.25")]));
    let parts = owned();
    for part in 1..=3 {
        let lines = [("2026-10-01", "i-1", "a", ["1", "2", "4"][part - 1]), ("2026-10-02", "i-9", "", "0.125")];
        parts.write(&format!("october/export-0000{part}.csv"), &bill("2026-10", &lines));
    }
    let rules = owned();
    rules.write("rules2.yaml", &RULES.replace("owner: {from: \"Tags['team']\"}", "owner: c"));
    let traces = owned();
    traces.write("short.json", &trace(&[("00000000000000a1", "", "charge-api", 2, 0, 100)]));
    traces.ok(&["ingest", "short.json"]);
    let whole = [
        ("00000000000000a1", "", "charge-api", 2, 0, 100),
        ("00000000000000b1", "00000000000000a1", "ledger", 2, 20, 40),
    ];
    traces.write("whole.json", &trace(&whole));
    vec![
        Story { name: "a trace is replaced by a wholer one", before: traces, args: vec!["ingest", "whole.json"] },
        Story { name: "a month is replaced", before: replace, args: vec!["ingest", "new.csv"] },
        Story { name: "a month of three files comes in", before: parts, args: vec!["ingest", "october"] },
        Story { name: "rules are applied", before: rules, args: vec!["rules", "apply", "rules2.yaml"] },
    ]
}

#[test]
fn killed_at_any_call_the_state_is_before_or_after() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: no strace");
        return;
    }
    let violations = Mutex::new(Vec::new());
    let (points, undone, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    for story in stories() {
        let old = seen(&story.before);
        let after = story.before.copy();
        after.ok(&story.args);
        let new = seen(&after);
        assert_ne!(old, new, "{}", story.name);
        let (next_call, story, old, new) = (AtomicUsize::new(0), &story, &old, &new);
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    while let Some(call) = CALLS.get(next_call.fetch_add(1, Ordering::Relaxed)) {
                        for ordinal in 1..MOST {
                            let home = story.before.copy();
                            if !killed(&home, call, ordinal, &story.args) {
                                break;
                            }
                            points.fetch_add(1, Ordering::Relaxed);
                            let state = seen(&home);
                            if state == *new {
                                done.fetch_add(1, Ordering::Relaxed);
                            } else if state == *old {
                                undone.fetch_add(1, Ordering::Relaxed);
                            } else {
                                violations.lock().unwrap().push(format!("{}, {call} {ordinal}: {state:?}", story.name));
                                continue;
                            }
                            // The next one to come must find a home that works.
                            let again = home.run(&story.args);
                            if again.code != 0 || seen(&home) != *new {
                                let text = format!("{}, {call} {ordinal}: a second try gave {}", story.name, again.err);
                                violations.lock().unwrap().push(text);
                            }
                        }
                    }
                });
            }
        });
    }
    let violations = violations.into_inner().unwrap();
    let (points, undone, done) = (points.into_inner(), undone.into_inner(), done.into_inner());
    println!("killed before the commit {undone}, after it {done}");
    println!("points tested {points}, violations {}", violations.len());
    assert!(points >= 200, "only {points} points");
    assert!(undone > 0 && done > 0, "both sides of the commit must be met: {undone} before, {done} after");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}
