//! Traces over the network that no file holds: what was answered is there exactly once, whatever happens to the server.
//!
//! - `server`: `leap serve` as a child process, and bodies to send it
//! - `sdk`: OpenTelemetry's own exporter, over gRPC and HTTP
//! - `metrics`: histograms that count what traces are a sample of
//! - `remote_write`: the same from Prometheus
//! - `kills`: the server killed at dozens of moments while senders push
//! - here: late spans, memory that is used up, a spool that is torn or damaged, two servers

mod kills;
pub(crate) mod metrics;
mod remote_write;
mod sdk;
mod server;

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Home, text};
use crate::latency::{MONDAY, otlp};
use server::{Server, home_with, lines, wait_until};

/// Complete after a second, and in the lake a moment later.
const SOON: &str = "quiet_seconds = 1\nflush_seconds = 0\n";

/// A trace of a root of 100 ms, and a ledger within it from 20 to 60.
fn trace(number: u64) -> String {
    let spans = [
        ("00000000000000a1", "", "charge-api", 2, 0, 100),
        ("00000000000000b1", "00000000000000a1", "ledger", 2, 20, 60),
    ];
    otlp(&format!("{number:032x}"), MONDAY + number * 1_000, &spans, &[])
}

/// Spans of services that the lines of requests hold, in nanoseconds by owner.
fn owned(line: &Value, service: &str) -> u64 {
    line["by_owner_ns"][service].as_u64().unwrap_or(0)
}

#[test]
fn late_spans_replace_what_was_made_of_their_trace_and_never_add_to_it() {
    let home = home_with(&format!("{SOON}hold_seconds = 6\n"));
    let server = Server::start(&home);
    assert_eq!(server.send(&trace(1)).code, 200);
    let first = wait_until(&home, |lines| lines.len() == 1);
    assert_eq!((owned(&first[0], "ledger"), owned(&first[0], "fraud")), (40_000_000, 0));

    let late = [("00000000000000c1", "00000000000000a1", "fraud", 2, 60, 90)];
    assert_eq!(server.send(&otlp(&format!("{:032x}", 1), MONDAY + 1_000, &late, &[])).code, 200);
    let again = wait_until(&home, |lines| lines.len() == 1 && lines[0]["spans"] == 3);
    assert_eq!((owned(&again[0], "ledger"), owned(&again[0], "fraud")), (40_000_000, 30_000_000));
    assert_eq!(again[0]["latency_ns"], 100_000_000);

    // Sent once more, all of it: nothing is new. And a restart, which reads the spool again, changes nothing either.
    assert_eq!(server.send(&trace(1)).code, 200);
    server.kill();
    let server = Server::start(&home);
    // When the trace is held no more, late spans are counted, and are no request of their own.
    std::thread::sleep(Duration::from_secs(9));
    let root = [("00000000000000d1", "", "other-api", 2, 0, 5_000)];
    assert_eq!(server.send(&otlp(&format!("{:032x}", 1), MONDAY + 1_000, &root, &[])).code, 200);
    assert_eq!(server.send(&trace(2)).code, 200);
    let both = wait_until(&home, |lines| lines.len() == 2);
    assert_eq!(both[0], again[0]);
    let said = server.stop();
    assert!(said.contains("requests stored"), "{said}");
    let counts = server::counts(&home);
    // Before the restart, what was counted may not have been told yet.
    assert!(counts["late_spans"] >= 2 && counts["traces_late"] == 1, "{counts:?}");
}

#[test]
fn memory_that_is_used_up_makes_senders_wait_and_closes_the_oldest_flagged() {
    let home = home_with(&format!("{SOON}memory_mib = 1\nage_seconds = 60\nafter_root_seconds = 60\n"));
    let server = Server::start(&home);
    // Traces without a root are open for a minute; each body holds a thousand of them.
    let mut next = 1_000_000;
    let mut flood = || {
        let mut spans = Vec::new();
        for number in next..next + 1_000 {
            let one =
                otlp(&format!("{number:032x}"), MONDAY, &[("00000000000000b1", "00000000000000a1", "x", 2, 0, 1)], &[]);
            let one: Value = serde_json::from_str(&one).expect("JSON");
            spans.extend(one["resourceSpans"].as_array().expect("resources").clone());
        }
        next += 1_000;
        serde_json::json!({ "resourceSpans": spans }).to_string()
    };
    assert_eq!(server.send(&trace(1)).code, 200);
    let (mut sent_away, mut taken, mut end) = (0, 0, 100);
    for round in 0..30_u64 {
        let body = flood();
        loop {
            // The first trace is never quiet, so that it is open and the oldest of all.
            let (id, spans) = (format!("{:016x}", 0xc000 + end), format!("{:032x}", 1));
            let more = [(id.as_str(), "00000000000000a1", "fraud", 2, 60, 60 + end % 30)];
            end += 1;
            let kept = server.send(&otlp(&spans, MONDAY + 1_000, &more, &[])).code;
            assert!(matches!(kept, 200 | 429), "round {round}: {kept}");
            let answer = server.send(&body);
            if answer.code == 200 {
                taken += 1;
                break;
            }
            assert_eq!(answer.code, 429, "round {round}: {}", answer.body);
            let seconds: u64 = answer.retry_after.expect("a sender is told when to come again");
            assert!((1..=2).contains(&seconds), "{seconds}");
            sent_away += 1;
            assert!(sent_away < 500, "a sender that waits gets through");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    assert!(sent_away > 0, "30,000 traces fit into a MiB");
    assert_eq!(taken, 30);
    let found = wait_until(&home, |lines| lines.len() == 1);
    assert_eq!(found[0]["flags"]["incomplete"], true, "{}", found[0]);
    server.stop();
    let counts = server::counts(&home);
    assert!(counts["traces_evicted"] >= 1 && counts["bodies_sent_away"] >= 1, "{counts:?}");
    assert!(counts["traces_incomplete"] >= counts["traces_evicted"], "{counts:?}");
}

/// A home whose killed server left three bodies in one file of the spool; the file.
fn spooled() -> (Home, std::path::PathBuf) {
    let home = home_with("quiet_seconds = 60\n");
    let server = Server::start(&home);
    for number in 1..=3 {
        assert_eq!(server.send(&trace(number)).code, 200);
    }
    server.kill();
    assert_eq!(lines(&home).len(), 0, "nothing is complete yet");
    home.write("home/leap.toml", "[latency.stream]\nquiet_seconds = 1\nflush_seconds = 0\n");
    let path = home.path("home/spool/traces/000001.log");
    (home, path)
}

fn traces_of(found: &[Value]) -> Vec<u64> {
    let number = |line: &Value| u64::from_str_radix(&text(&line["trace_id"]), 16).expect("a number");
    found.iter().map(number).collect()
}

#[test]
fn a_torn_end_of_the_spool_costs_nothing_that_was_answered() {
    let (home, path) = spooled();
    let mut bytes = std::fs::read(&path).expect("the spool");
    let whole = bytes.len();
    bytes.extend_from_within(whole / 3 * 2..whole - 9);
    std::fs::write(&path, &bytes).expect("written");
    let server = Server::start(&home);
    let found = wait_until(&home, |lines| lines.len() == 3);
    assert_eq!(traces_of(&found), [1, 2, 3]);
    assert_eq!(std::fs::metadata(&path).map(|file| file.len()).ok(), Some(whole as u64), "cut off");
    server.stop();
}

#[test]
fn a_damaged_record_of_the_spool_is_named_and_costs_no_other() {
    let (home, path) = spooled();
    let mut bytes = std::fs::read(&path).expect("the spool");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    let server = Server::start(&home);
    let found = wait_until(&home, |lines| lines.len() == 2);
    assert_eq!(traces_of(&found), [1, 3]);
    let doctor = home.run(&["doctor"]);
    assert!(doctor.out.contains("damaged-"), "{}{}", doctor.out, doctor.err);
    let said = server.stop();
    let third = bytes.len() / 3;
    let place = format!("000001.log: the record at byte {third} is damaged");
    assert!(said.contains(&place) && said.contains("set aside in"), "{said}");
    assert_eq!(server::counts(&home)["damaged_records"], 1);
}

#[test]
fn a_second_server_of_one_home_is_refused_and_other_commands_are_not() {
    let home = home_with(SOON);
    let server = Server::start(&home);
    let second =
        home.run(&["serve", "--listen", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"]);
    assert_eq!(second.code, 75, "{}", second.err);
    assert!(second.err.contains("another leap serve takes traces in for this home"), "{}", second.err);
    assert_eq!(server.send(&trace(1)).code, 200);
    home.ingest(&home.write("two.json", &trace(2)));
    assert_eq!(traces_of(&wait_until(&home, |lines| lines.len() == 2)), [1, 2]);
    // The same trace from a file and over the network is one request.
    home.ingest(&home.write("one.json", &trace(1)));
    assert_eq!(server.send(&trace(2)).code, 200);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(traces_of(&lines(&home)), [1, 2]);
    server.stop();
    assert_eq!(home.run(&["doctor"]).code, 0);
}

#[test]
fn damaged_bodies_are_not_kept() {
    let home = home_with(SOON);
    let server = Server::start(&home);
    let half = &trace(1).into_bytes()[..200];
    assert_eq!(server.post("/v1/traces", "application/json", half).code, 400);
    assert_eq!(server.post("/v1/traces", "application/x-protobuf", &[0x0a, 0x7f, 0x01]).code, 400);
    let no_ids = trace(1).replace("00000000000000b1", "xyz");
    let answer = server.send(&no_ids);
    let said: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!((answer.code, text(&said["partialSuccess"]["rejectedSpans"])), (200, "1".to_owned()), "{said}");
    let found = wait_until(&home, |lines| lines.len() == 1);
    assert_eq!((&found[0]["spans"], owned(&found[0], "ledger")), (&Value::from(1), 0));
    server.stop();
    let counts = server::counts(&home);
    assert_eq!((counts["bodies"], counts["spans"], counts["rejected_span_id"]), (1, 1, 1), "{counts:?}");
}
