//! The process is killed at every call between deciding and acting: no message is lost, none is seen twice by a receiver that
//! honours dedup keys, and no incident is opened twice.
//!
//! As `crash` does it for ingests: `strace` injects the signal at the nth call of a kind, for every kind and n that there is.
//! After each kill the next turn comes as it would, some time later.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{BEFORE, NOW, bill_of, made, ok};
use crate::crash::killed_with;
use crate::harness::{Home, text};

/// What touches the disk, the database or the network.
const CALLS: [&str; 9] =
    ["pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink", "connect", "sendto", "exit_group"];
/// A turn makes far fewer calls of one kind.
const MOST: usize = 400;
/// After the lease of whoever was killed.
const LATER: &str = "2026-10-05T10:00:00Z";

/// A receiver of webhooks: what it was sent, by channel path, key by key.
#[derive(Clone)]
struct Receiver {
    port: u16,
    told: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl Receiver {
    fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let receiver = Receiver { port: listener.local_addr().expect("an address").port(), told: Arc::default() };
        let own = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.take(stream));
            }
        });
        receiver
    }

    /// Takes requests until the sender closes or dies.
    fn take(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut stream = stream;
        loop {
            let (mut line, mut path, mut key, mut length) = (String::new(), String::new(), String::new(), 0);
            loop {
                line.clear();
                match reader.read_line(&mut line) {
                    Ok(count) if count > 0 => {}
                    _ => return,
                }
                let head = line.trim_end();
                if head.is_empty() {
                    break;
                }
                if path.is_empty() {
                    path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                } else if let Some((name, value)) = head.split_once(':') {
                    match name.to_ascii_lowercase().as_str() {
                        "webhook-id" => key = value.trim().to_owned(),
                        "content-length" => length = value.trim().parse().unwrap_or(0),
                        _ => {}
                    }
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            self.told.lock().expect("the list").entry(path).or_default().push(key);
            if stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    }

    fn keys(&self, path: &str) -> Vec<String> {
        self.told.lock().expect("the list").get(path).cloned().unwrap_or_default()
    }
}

/// Settings with one webhook, whose path tells one home from another.
fn settings(port: u16, path: &str) -> String {
    format!(
        "[egress]\nallow = [\"127.0.0.1\"]\nunencrypted = [\"127.0.0.1\"]\n\n[[channels]]\nname = \"events\"\ntype = \"webhook\"\n\
         address = \"http://127.0.0.1:{port}{path}\"\nsecret_file = \"secret\"\n"
    )
}

/// One turn that has several things to do and to say.
struct Story {
    name: &'static str,
    before: Home,
}

fn stories(port: u16) -> Vec<Story> {
    let of = || {
        let home = made(&settings(port, "/none"));
        home.write("home/secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        home
    };
    let breach = of();
    // A second budget and a waiver that nobody may grant: more is said in one turn.
    let budgets = "currency: USD\nbudgets:\n- {unit: a, period: 2026-09, amount: 100}\n- {unit: b, period: 2026-09, amount: 0.5}\n";
    breach.write("budgets.yaml", budgets);
    ok(&breach, BEFORE, &["budget", "apply", "budgets.yaml"]);
    let ask =
        ["waiver", "ask", "a", "--period", "2026-09", "--amount", "5", "--until", "2026-12-01", "--reason", "launch"];
    ok(&breach, BEFORE, &ask);
    let over = of();
    ok(&over, NOW, &["cycle", "run", "--act"]);
    bill_of(&over, "2026-10-05T08:30:00Z", "101");
    let again = over.copy();
    ok(&again, "2026-10-05T08:30:00Z", &["cycle", "run", "--act"]);
    bill_of(&again, "2026-10-05T08:45:00Z", "109");
    vec![
        Story { name: "breaches and a waiver", before: breach },
        Story { name: "a breach is over", before: over },
        Story { name: "it is open again", before: again },
    ]
}

/// Incidents with their states and how many things happened to each.
fn incidents(home: &Home, now: &str) -> Vec<(String, String)> {
    let all = ok(home, now, &["incident", "list", "--all"]);
    let row = |row: &serde_json::Value| (text(&row["about"]), text(&row["state"]));
    all["rows"].as_array().expect("rows").iter().map(row).collect()
}

/// What a turn that nothing stops leaves.
struct Whole {
    keys: BTreeSet<String>,
    incidents: Vec<(String, String)>,
}

fn copy(story: &Story, receiver: &Receiver, path: &str) -> Home {
    let home = story.before.copy();
    home.write("home/leap.toml", &settings(receiver.port, path));
    home
}

#[test]
fn killed_between_any_two_steps_no_message_is_lost_and_none_is_seen_twice() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: no strace");
        return;
    }
    let receiver = Receiver::start();
    let violations = Mutex::new(Vec::new());
    let (kills, again, number) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let turn = ["cycle", "run", "--act", "--format", "json"];
    let now = "2026-10-05T09:00:00Z";
    for story in stories(receiver.port) {
        let home = copy(&story, &receiver, "/whole");
        ok(&home, now, &turn[..3]);
        let whole = Whole { keys: receiver.keys("/whole").into_iter().collect(), incidents: incidents(&home, now) };
        receiver.told.lock().expect("the list").clear();
        assert!(!whole.keys.is_empty() && !whole.incidents.is_empty(), "{}", story.name);
        let (next_call, story, whole, receiver) = (AtomicUsize::new(0), &story, &whole, &receiver);
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    while let Some(call) = CALLS.get(next_call.fetch_add(1, Ordering::Relaxed)) {
                        for ordinal in 1..MOST {
                            let path = format!("/{}", number.fetch_add(1, Ordering::Relaxed));
                            let home = copy(story, receiver, &path);
                            if !killed_with(&home, call, ordinal, &turn, &[("LEAP_NOW", now)]) {
                                break;
                            }
                            kills.fetch_add(1, Ordering::Relaxed);
                            // Whoever comes next decides anew, and sends what is still to be sent.
                            ok(&home, LATER, &turn[..3]);
                            ok(&home, LATER, &["message", "send"]);
                            let keys = receiver.keys(&path);
                            let seen: BTreeSet<String> = keys.iter().cloned().collect();
                            again.fetch_add(keys.len() - seen.len(), Ordering::Relaxed);
                            let found = incidents(&home, LATER);
                            let faults = home.run(&["doctor"]);
                            if seen != whole.keys || found != whole.incidents || faults.code != 0 {
                                let text = format!(
                                    "{}, {call} {ordinal}: {seen:?} for {:?}; {found:?}; {}",
                                    story.name, whole.keys, faults.out
                                );
                                violations.lock().expect("the list").push(text);
                            }
                        }
                    }
                });
            }
        });
    }
    let violations = violations.into_inner().expect("the list");
    let (kills, again) = (kills.into_inner(), again.into_inner());
    println!("killed {kills} times; sent again with the same key {again} times; violations {}", violations.len());
    assert!(kills >= 200, "only {kills} kills");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}
