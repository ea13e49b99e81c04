//! The server is killed at dozens of moments while senders push bodies, each until it is answered; then every span that was
//! answered is there exactly once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::server::{Server, home_with, lines, send_gzip, wait_until};
use crate::harness::text;
use crate::latency::{MONDAY, otlp};

/// How often the server is killed.
const KILLS: u64 = 36;
const SENDERS: u64 = 3;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Bodies of some traces, each trace's spans spread over them; and for each trace its latency in ms and its spans.
fn bodies(first: u64, dice: &mut Dice) -> (Vec<String>, Vec<(u64, u64, u64)>) {
    let mut parts = vec![Vec::new(); 2 + dice.below(2) as usize];
    let mut truth = Vec::new();
    for number in first..first + 1 + dice.below(4) {
        let (length, children) = (50 + dice.below(500), 1 + dice.below(30));
        let id = format!("{number:032x}");
        let whole: Vec<(String, &str, &str, u64, u64)> =
            std::iter::once(("00000000000000a1".to_owned(), "", "api", 0, length))
                .chain((0..children).map(|child| {
                    let from = dice.below(length - 10);
                    (format!("{:016x}", 0xb000 + child), "00000000000000a1", "ledger", from, from + 1 + dice.below(9))
                }))
                .collect();
        for (id_of_span, parent, service, from, until) in &whole {
            let part = dice.below(parts.len() as u64) as usize;
            let one = otlp(&id, MONDAY + number, &[(id_of_span, parent, service, 2, *from, *until)], &[]);
            let one: serde_json::Value = serde_json::from_str(&one).expect("JSON");
            parts[part].extend(one["resourceSpans"].as_array().expect("resources").clone());
        }
        truth.push((number, length, whole.len() as u64));
    }
    let bodies = parts.into_iter().filter(|spans| !spans.is_empty());
    (bodies.map(|spans| serde_json::json!({ "resourceSpans": spans }).to_string()).collect(), truth)
}

#[test]
fn killed_at_any_moment_the_server_loses_nothing_that_it_answered_and_counts_nothing_twice() {
    let home = home_with("quiet_seconds = 1\nhold_seconds = 8\nflush_seconds = 0\nflush_requests = 50\n");
    let first = Server::start(&home);
    let address = first.http.clone();
    let (stop, tries, answered) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let truth = Mutex::new(BTreeMap::new());
    std::thread::scope(|threads| {
        for sender in 0..SENDERS {
            let (stop, truth, address, tries, answered) = (&stop, &truth, &address, &tries, &answered);
            threads.spawn(move || {
                let (mut dice, mut next) = (Dice(sender + 1), 1_000_000 * (sender + 1));
                while !stop.load(Ordering::Relaxed) {
                    let (bodies, traces) = bodies(next, &mut dice);
                    for body in bodies {
                        loop {
                            tries.fetch_add(1, Ordering::Relaxed);
                            match send_gzip(address, &body) {
                                Ok(told) if told.code == 200 => break,
                                Ok(told) => assert!(matches!(told.code, 429 | 503), "{} {}", told.code, told.body),
                                Err(_) => std::thread::sleep(Duration::from_millis(10)),
                            }
                        }
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    next += traces.len() as u64;
                    let known = traces.into_iter().map(|(number, length, spans)| (number, (length, spans)));
                    truth.lock().unwrap().extend(known);
                    std::thread::sleep(Duration::from_millis(dice.below(10)));
                }
            });
        }
        let (mut server, mut dice) = (first, Dice(99));
        for _ in 0..KILLS {
            // From the middle of the first bodies to after the first parts were stored.
            let moment = [5, 30, 100, 400, 900][dice.below(5) as usize];
            std::thread::sleep(Duration::from_millis(dice.below(moment)));
            server.kill();
            server = Server::start_at(&home, &address);
        }
        stop.store(true, Ordering::Relaxed);
        let truth = &truth;
        let all = wait_until(&home, |lines| {
            let truth = truth.lock().unwrap();
            let spans: u64 = lines.iter().filter_map(|line| line["spans"].as_u64()).sum();
            lines.len() == truth.len() && spans == truth.values().map(|(_, spans)| spans).sum::<u64>()
        });
        let truth = truth.lock().unwrap();
        let mut found = BTreeMap::new();
        for line in &all {
            let number = u64::from_str_radix(&text(&line["trace_id"]), 16).expect("a number");
            let (ns, spans) = (line["latency_ns"].as_u64().unwrap(), line["spans"].as_u64().unwrap());
            let twice = found.insert(number, (ns / 1_000_000, spans));
            assert_eq!(twice, None, "trace {number} counts twice");
        }
        assert_eq!(found, *truth);
        let (tries, answered) = (tries.load(Ordering::Relaxed), answered.load(Ordering::Relaxed));
        println!("{KILLS} kills, {answered} bodies answered in {tries} tries, {} traces", truth.len());
        assert!(tries > answered && truth.len() > 100, "{answered} of {tries} tries, {} traces", truth.len());
        let said = server.stop();
        assert!(said.contains("requests stored"), "{said}");
        // Once more from what is left of the spool: nothing changes.
        Server::start(&home).stop();
        assert_eq!(lines(&home), all);
    });
    assert_eq!(home.run(&["doctor"]).code, 0);
}
