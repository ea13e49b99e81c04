//! `leap serve` as OpenTelemetry sees it: traces sent over the network become requests, and nothing answered is lost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::Home;
use crate::latency::{MONDAY, otlp};

/// A home whose traces are complete after a second of quiet.
fn hasty() -> Home {
    let home = Home::new();
    home.write("home/leap.toml", "[latency.stream]\nquiet_seconds = 1\nhold_seconds = 1\nflush_seconds = 1\n");
    home
}

/// `leap serve` on free ports; killed when dropped.
struct Serving {
    child: Child,
    err: BufReader<ChildStderr>,
    http: String,
    grpc: String,
}

impl Serving {
    fn start(home: &Home) -> Serving {
        let mut command = home.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--otlp-grpc",
            "127.0.0.1:0",
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("leap starts");
        let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut address = |what: &str| {
            let mut line = String::new();
            err.read_line(&mut line).unwrap();
            let address = line.strip_prefix(what).and_then(|rest| rest.trim().strip_prefix("http://"));
            address.unwrap_or_else(|| panic!("no address of {what} but: {line}")).to_owned()
        };
        assert!(address("leap site").starts_with("127.0.0.1:"));
        let (http, grpc) = (address("OTLP/HTTP"), address("OTLP/gRPC"));
        Serving { child, err, http, grpc }
    }

    /// Sends one body; the status line's code and the answer's body.
    fn post(&self, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: leap\r\nConnection: close\r\nContent-Type: application/json");
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let code = head.split(' ').nth(1).expect("a code").parse().unwrap();
        (code, body.to_owned())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end: the exit code (`None` after a kill) and what was said since the addresses.
    fn wait(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.err.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

/// A request of 100 ms: 60 of the API itself, 40 of the ledger.
fn request(number: u64) -> String {
    let spans = [
        ("00000000000000a1", "", "charge-api", 2, 0, 100),
        ("00000000000000b1", "00000000000000a1", "ledger", 2, 20, 60),
    ];
    otlp(&format!("{number:032x}"), MONDAY + number * 1_000, &spans, &[])
}

/// Waits until so many requests can be read, and no more.
#[track_caller]
fn wait_for_requests(home: &Home, count: usize) {
    let begun = Instant::now();
    loop {
        let ran = home.run(&["latency", "per-request", "--format", "jsonl"]);
        let found = if ran.code == 0 { ran.out.lines().count() } else { 0 };
        assert!(found <= count, "{found} of {count}:\n{}", ran.out);
        if found == count {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{found} of {count}\n{}{}", ran.out, ran.err);
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn traces_sent_over_http_are_requests_soon_and_an_orderly_end_says_how_many() {
    let home = hasty();
    let serving = Serving::start(&home);
    for number in 1..=5 {
        assert_eq!(serving.post("/v1/traces", &request(number)), (200, "{}".to_owned()));
    }
    assert_eq!(serving.post("/v1/traces", &request(3)), (200, "{}".to_owned()), "a sender tries again");
    wait_for_requests(&home, 5);
    serving.signal("-TERM");
    let (code, said) = serving.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("leap: 5 requests stored, 0 replaced"), "{said}");
    wait_for_requests(&home, 5);
}

#[test]
fn what_was_answered_is_there_after_a_kill_and_counts_once() {
    let home = hasty();
    let serving = Serving::start(&home);
    for number in 1..=3 {
        assert_eq!(serving.post("/v1/traces", &request(number)).0, 200);
    }
    serving.signal("-KILL");
    assert_eq!(serving.wait().0, None);

    let serving = Serving::start(&home);
    assert_eq!(serving.post("/v1/traces", &request(4)).0, 200);
    wait_for_requests(&home, 4);
    serving.signal("-INT");
    assert_eq!(serving.wait().0, Some(0));
}

#[test]
fn what_is_no_trace_is_told_so() {
    let home = Home::new();
    let serving = Serving::start(&home);
    let (code, answer) = serving.post("/v1/traces", "{\"resourceSpans\": 7}");
    assert_eq!(code, 400, "{answer}");
    let (code, answer) = serving.post("/v1/logs", "{}");
    assert_eq!(code, 404);
    assert!(answer.contains("leap takes no logs"), "{answer}");

    let second =
        home.run(&["serve", "--listen", "127.0.0.1:0", "--otlp-http", &serving.http, "--otlp-grpc", "127.0.0.1:0"]);
    assert_eq!(second.code, 2);
    let said = format!("leap: cannot listen on {} for OTLP/HTTP: ", serving.http);
    assert!(second.err.starts_with(&said) && second.err.contains("--otlp-http"), "{}", second.err);
    assert_ne!(serving.http, serving.grpc);
    serving.signal("-INT");
    let (code, said) = serving.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("leap: 0 requests stored"), "{said}");
}
