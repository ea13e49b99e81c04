//! The process is killed at every write, sync, rename and unlink of an ingest; the state is the one before or the one
//! after, never between, and a second try completes.
//!
//! `strace` injects the signal without privileges: a first run counts the calls of each kind, then one run per call.

use std::process::{Command, Stdio};

use crate::bill::{ORG, RULES, bill};
use crate::harness::Home;

const CALLS: [&str; 12] = [
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "rename",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "ftruncate",
    "mkdir",
];
/// At most this many points of one kind of call, spread evenly over the run.
const POINTS_PER_CALL: usize = 200;

fn strace(home: &Home, extra: &[String], args: &[&str]) -> Command {
    let plain = home.command(args);
    let mut command = Command::new("strace");
    command
        .args(["-qq", "-f", "-o", "/dev/null"])
        .args(extra)
        .arg("--")
        .arg(plain.get_program())
        .args(plain.get_args());
    command.current_dir(plain.get_current_dir().expect("the harness sets the folder")).env_remove("LEAP_HOME");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How often each call happens in a run that nobody disturbs.
fn counted(home: &Home, args: &[&str]) -> Vec<(&'static str, usize)> {
    let trace = home.path("trace");
    let plain = home.command(args);
    let status = Command::new("strace")
        .args(["-qq", "-f", "-e", &format!("trace={}", CALLS.join(",")), "-o"])
        .arg(&trace)
        .arg("--")
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(plain.get_current_dir().expect("the harness sets the folder"))
        .stdout(Stdio::null())
        .status()
        .expect("strace starts");
    assert!(status.success());
    let text = std::fs::read_to_string(&trace).expect("the trace");
    let calls = |call: &str| {
        text.lines()
            .filter(|line| line.split_whitespace().nth(1).is_some_and(|word| word.starts_with(&format!("{call}("))))
            .count()
    };
    CALLS.iter().map(|call| (*call, calls(call))).filter(|(_, count)| *count > 0).collect()
}

/// What a person can see of a home: the snapshot's digest and the spend of every team.
fn seen(home: &Home) -> (String, Vec<(String, String)>) {
    (home.digest(), home.spend("team", &["--period", "2026", "--cost", "billed"]))
}

#[test]
fn killed_at_any_call_the_state_is_before_or_after() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: no strace");
        return;
    }
    let before = Home::new();
    before.write("org.yaml", ORG);
    before.write("rules.yaml", RULES);
    before.ok(&["org", "apply", "org.yaml"]);
    before.ok(&["rules", "apply", "rules.yaml"]);
    before.ingest(&before.write("old.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "1.00")])));
    before
        .write("new.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "1.50"), ("2026-09-11", "i-2", "b", "2.25")]));
    let args = ["ingest", "new.csv"];
    let old = seen(&before);

    let after = before.copy();
    let counts = counted(&after, &args);
    let new = seen(&after);
    assert_ne!(old, new);

    let points: Vec<(&str, usize)> = counts
        .iter()
        .flat_map(|(call, count)| {
            let step = count.div_ceil(POINTS_PER_CALL).max(1);
            (1..=*count).step_by(step).map(move |at| (*call, at))
        })
        .collect();
    let violations = std::sync::Mutex::new(Vec::new());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let (survived, undone) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some((call, when)) = points.get(at) else { break };
                    let home = before.copy();
                    let inject = format!("inject={call}:signal=SIGKILL:when={when}");
                    let status =
                        strace(&home, &["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), inject], &args)
                            .status()
                            .expect("strace starts");
                    let state = seen(&home);
                    if state == new {
                        survived.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    } else if state == old && !status.success() {
                        undone.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    } else {
                        violations.lock().unwrap().push(format!("{call} {when}: {state:?}"));
                        continue;
                    }
                    // The next one to come must find a home that works.
                    let again = home.run(&args);
                    if again.code != 0 || seen(&home) != new {
                        violations.lock().unwrap().push(format!(
                            "{call} {when}: a second try gave {}\n{}",
                            seen(&home).0,
                            again.err
                        ));
                    }
                }
            });
        }
    });
    let violations = violations.into_inner().unwrap();
    println!("calls {counts:?}");
    println!("state before {}, state after {}", undone.into_inner(), survived.into_inner());
    println!("points tested {}, violations {}", points.len(), violations.len());
    assert!(points.len() >= 200, "only {} points", points.len());
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}
