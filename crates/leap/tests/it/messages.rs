//! Messages from outside: they leave through channels that fail in every way, arrive once by their key, go nowhere they
//! must not, and stop when somebody says so.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use leap_act::message::{Content, Message, Severity, Urgency};
use leap_book::{Act, Book, MessageUrgency, NewMessage, NewPlan};
use leap_terms::{MessageKind, TeamId};

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, Ran, ran, text};
use crate::rights::{add, as_person, cookie, fields, hidden, send};
use crate::site::Site;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MORNING: &str = "2024-11-28T08:00:00Z";

/// What a receiver does with a request.
#[derive(Clone)]
enum Reply {
    /// Answers with a status and a header.
    Say(u16, &'static str),
    /// Says nothing for so long.
    Waits(Duration),
    /// Ends the connection without a word.
    Cuts,
}

/// A request as it came.
#[derive(Clone)]
struct Heard {
    head: String,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> String {
        let line = self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        line.unwrap_or_default()
    }
}

/// A receiver on this machine: does with the first requests what it is told, and takes all others.
struct Receiver {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Receiver {
    fn start(replies: Vec<Reply>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let own = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), own, replies) = (stream, own.clone(), replies.clone()) else { return };
                std::thread::spawn(move || {
                    let Some(request) = read(&mut stream) else { return };
                    let at = {
                        let mut heard = own.lock().unwrap();
                        heard.push(request);
                        heard.len() - 1
                    };
                    match replies.get(at).cloned().unwrap_or(Reply::Say(204, "x-nothing: 1")) {
                        Reply::Say(status, header) => {
                            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{header}\r\n");
                            let _ = write!(stream, "{head}content-length: 0\r\n\r\n");
                        }
                        Reply::Waits(long) => std::thread::sleep(long),
                        Reply::Cuts => {}
                    }
                });
            }
        });
        Receiver { port, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn read(stream: &mut impl Read) -> Option<Heard> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).ok()?;
    let mut heard = Heard { head, body: String::new() };
    let mut body = vec![0; heard.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    heard.body = String::from_utf8(body).ok()?;
    Some(heard)
}

/// Settings of a webhook at a port and a file in the home.
fn settings(port: u16) -> String {
    format!(
        "[[channels]]\nname = \"events\"\ntype = \"webhook\"\naddress = \"http://127.0.0.1:{port}/hook\"\n\
         secret_file = \"signing\"\n\
         [[channels]]\nname = \"log\"\ntype = \"file\"\npath = \"messages.jsonl\"\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\nunencrypted = [\"127.0.0.1\"]\nrequest_seconds = 1\n"
    )
}

fn home(port: u16) -> Home {
    let home = Home::new();
    home.write("home/leap.toml", &settings(port));
    home.write("home/signing", &format!("{SECRET}\n"));
    home
}

fn at(home: &Home, now: &str, args: &[&str]) -> Ran {
    ran(home.command(args).env("LEAP_NOW", now).output().unwrap())
}

fn json_at(home: &Home, now: &str, args: &[&str]) -> serde_json::Value {
    let mut args = args.to_vec();
    args.extend(["--format", "json"]);
    let ran = at(home, now, &args);
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{args:?}: {}{}", ran.out, ran.err))
}

fn message(unit: &str, subject: &str, title: &str) -> Message {
    let content = Content {
        kind: MessageKind::BudgetBreached,
        unit: TeamId::new(unit).unwrap(),
        subject: subject.to_owned(),
        period: "2026-09".to_owned(),
        occurred: MORNING.parse().unwrap(),
        severity: Severity::Error,
        urgency: Urgency::Alert,
        title: title.to_owned(),
        sentences: vec!["It was exceeded on 2026-09-16.".to_owned()],
        fields: Vec::new(),
        links: Vec::new(),
        answers: Vec::new(),
        snapshot: None,
        incident: None,
    };
    Message::new(content).unwrap()
}

/// Puts messages into the outbox, as whoever decides does.
fn put(home: &Home, messages: &[(&str, Message)], not_before: Option<&str>) {
    let url = format!("sqlite:{}", home.path("home/book.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let book = Book::open(&url).await.unwrap();
        let snapshot = book.head().await.unwrap().map(|head| head.id);
        let now = leap_terms::Instant::from_micros(micros());
        let content = serde_json::json!({ "plan": messages.iter().map(|(_, one)| one.key()).collect::<Vec<_>>() });
        let plan = NewPlan { snapshot, made_at: now, made_by: "leap".to_owned(), content: content.to_string() };
        let mut act = Act::new(plan, "a test", "leap", now);
        act.messages.extend(messages.iter().map(|(channel, message)| NewMessage {
            dedup_key: message.key().to_string(),
            channel: (*channel).to_owned(),
            message: serde_json::to_string(message).unwrap(),
            thread: message.thread().to_string(),
            unit: message.content().unit.clone(),
            urgency: MessageUrgency::Alert,
            not_before: not_before.map(|text| text.parse().unwrap()),
        }));
        book.act(&act).await.unwrap();
        book.close().await;
    });
}

/// The present, as microseconds since the epoch.
#[allow(clippy::disallowed_methods, reason = "what a server does now is what it is asked about")]
fn micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

#[track_caller]
fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn channels_are_checked_listed_and_tested_and_no_secret_is_printed() {
    let receiver = Receiver::start(Vec::new());
    let home = home(receiver.port);
    let mut said = String::new();
    let mut tell = |ran: Ran, code: i32| {
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        said += &format!("{}{}", ran.out, ran.err);
        format!("{}{}", ran.out, ran.err)
    };
    assert_eq!(tell(home.run(&["channel", "check"]), 0), "2 channels can be sent to: events, log\n");
    let listed = tell(home.run(&["-vv", "channel", "list"]), 0);
    assert!(listed.contains("webhook") && listed.contains("events"), "{listed}");
    let tested = tell(home.run(&["-vv", "channel", "test", "log"]), 0);
    assert!(tested.contains("message 1 to log: sent: written and synced"), "{tested}");
    let tested = tell(home.run(&["-vv", "channel", "test", "events"]), 0);
    assert!(tested.contains("message 2 to events: sent: the webhook's receiver answered 204"), "{tested}");
    // A file in the home, wherever the program was started; one line, with the key that the book knows.
    let line = std::fs::read_to_string(home.path("home/messages.jsonl")).unwrap();
    let listed = home.json(&["message", "list"]);
    assert_eq!(listed["rows"].as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(line.lines().count(), 1);
    assert!(line.starts_with(&format!("{{\"key\":\"{}\"", text(&listed["rows"][1]["key"]))), "{line}");
    let heard = receiver.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].header("webhook-id"), text(&listed["rows"][0]["key"]));
    assert!(heard[0].header("webhook-signature").starts_with("v1,"), "{}", heard[0].head);
    assert!(heard[0].body.contains("dev.leap.channel.tested.v1"), "{}", heard[0].body);
    for command in [&["message", "list"][..], &["message", "show", "2"], &["message", "show", "2", "--format", "json"]]
    {
        tell(home.run(command), 0);
    }
    assert!(tell(home.run(&["channel", "test", "evnts"]), 2).contains("did you mean events?"));
    // What is wrong has its line; what may be a secret is not shown.
    for (from, to, words) in [
        ("secret_file = \"signing\"", "secret_file = \"none\"", "channels.events: could not read the file none"),
        ("secret_file = \"signing\"", "secret = \"whsec_s3cret\"", "line 5, column 1: channels: unknown field"),
        ("secret_file = \"signing\"", "secret_variable = \"whsec_s3cret\"", "secret_variable names no variable"),
        ("unencrypted = [\"127.0.0.1\"]", "", "the way to 127.0.0.1 is not encrypted"),
        ("allow = [\"127.0.0.0/8\"]", "", "127.0.0.1 is this machine itself"),
        ("type = \"file\"", "type = \"file\"\nport = 25", "port is no setting of a channel of type file"),
        ("[egress]", "[egress]\nca_file = \"signing\"", "ca_file"),
    ] {
        home.write("home/leap.toml", &settings(receiver.port).replace(from, to));
        let told = tell(home.run(&["channel", "check"]), 2);
        assert!(told.contains(words), "{words}: {told}");
        let free = "127.0.0.1:0";
        let serve = ["serve", "--listen", free, "--otlp-http", free, "--otlp-grpc", free];
        assert!(tell(home.run(&serve), 2).contains(words), "a server does not start with it");
    }
    assert!(!said.contains(SECRET) && !said.contains("MfKQ9r8") && !said.contains("s3cret"), "{said}");
}

#[test]
fn a_receiver_that_fails_is_tried_again_with_the_same_key_until_it_takes_it() {
    let replies = vec![
        Reply::Say(429, "retry-after: 120"),
        Reply::Cuts,
        Reply::Waits(Duration::from_secs(3)),
        Reply::Say(500, "a: b"),
    ];
    let receiver = Receiver::start(replies);
    let home = home(receiver.port);
    let first = at(&home, MORNING, &["channel", "test", "events", "--format", "json"]);
    assert_eq!(first.code, 1, "{}", first.err);
    let told: serde_json::Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!((text(&told["outcome"]), text(&told["next"])), ("again".into(), "2024-11-28T08:02:00Z".into()));
    assert!(text(&told["answer"]).contains("answered 429"), "{told}");
    // Not before the receiver wants it.
    assert!(at(&home, "2024-11-28T08:01:59Z", &["message", "send"]).out.contains("Nothing is due"));
    assert_eq!(receiver.heard().len(), 1);
    for (now, answer) in [("08:02:00", "did not answer"), ("08:10:00", "did not answer"), ("08:20:00", "answered 500")]
    {
        let sent = json_at(&home, &format!("2024-11-28T{now}Z"), &["message", "send"]);
        let row = &sent["rows"][0];
        assert_eq!(text(&row["outcome"]), "again", "{sent}");
        assert!(text(&row["answer"]).contains(answer), "{answer}: {sent}");
    }
    let sent = json_at(&home, "2024-11-28T09:00:00Z", &["message", "send"]);
    assert_eq!((text(&sent["rows"][0]["outcome"]), text(&sent["rows"][0]["attempt"])), ("sent".into(), "5".into()));
    let heard = receiver.heard();
    assert_eq!(heard.len(), 5);
    for one in &heard {
        assert_eq!((one.header("webhook-id"), &one.body), (heard[0].header("webhook-id"), &heard[0].body));
    }
    let shown = home.json(&["message", "show", "1"]);
    let ends: Vec<String> = shown["tried"].as_array().unwrap().iter().map(|one| text(&one["outcome"])).collect();
    assert_eq!(ends, ["again", "again", "again", "again", "sent"]);
    // One that is gone: nothing was sent there, and it is tried again.
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    home.write("home/leap.toml", &settings(gone));
    let ran = at(&home, "2024-11-28T09:00:01Z", &["channel", "test", "events"]);
    assert!(ran.code == 1 && ran.out.contains("again"), "{}{}", ran.out, ran.err);
    home.ok(&["doctor"]);
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_redirect_to_where_nothing_may_go_is_a_dead_letter_until_somebody_has_it_tried_again() {
    for to in
        ["location: https://169.254.169.254/latest", "location: https://169.254.7.7/x", "location: https://10.0.0.1/"]
    {
        let receiver = Receiver::start(vec![Reply::Say(307, to)]);
        let home = home(receiver.port);
        let tested = home.run(&["channel", "test", "events"]);
        assert!(tested.code == 1 && tested.out.contains("message 1 to events: dead: "), "{}{}", tested.out, tested.err);
        assert_eq!(receiver.heard().len(), 1, "{to}");
        home.ok(&["channel", "test", "log"]);
        let listed = home.json(&["message", "list"]);
        let states: Vec<String> = listed["rows"].as_array().unwrap().iter().map(|row| text(&row["state"])).collect();
        assert_eq!(states, ["dead", "sent"], "dead letters first");
        assert_eq!(home.json(&["message", "list", "--state", "dead"])["rows"].as_array().map(Vec::len), Some(1));
        assert!(home.json(&["message", "list", "--channel", "log"])["rows"][0]["number"] == 2);
        // Nobody tries it, until somebody says so; then with the same key.
        assert_eq!(home.json(&["message", "send"])["rows"].as_array().map(Vec::len), Some(0));
        assert_eq!(home.run(&["message", "cancel", "1", "--reason", "x"]).code, 1);
        assert!(home.ok(&["message", "retry", "1"]).contains("waits to be sent to events"));
        assert_eq!(home.run(&["message", "retry", "1"]).code, 1);
        assert_eq!(text(&home.json(&["message", "send"])["rows"][0]["outcome"]), "sent");
        let heard = receiver.heard();
        assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
        assert!(home.ok(&["audit", "list"]).contains("message retried"));
        home.ok(&["doctor"]);
    }
}

#[test]
fn the_kill_switch_holds_all_messages_until_it_is_released() {
    let receiver = Receiver::start(vec![Reply::Say(429, "retry-after: 1")]);
    let home = home(receiver.port);
    assert_eq!(at(&home, MORNING, &["channel", "test", "events"]).code, 1);
    assert!(home.ok(&["kill-switch", "show"]).contains("nobody ever stopped it"));
    assert_eq!(home.run(&["kill-switch", "off", "--reason", "x"]).code, 1);
    assert_eq!(home.run(&["kill-switch", "on", "--reason", " "]).code, 1);
    assert_eq!(home.run(&["kill-switch", "on"]).code, 2);
    // Also while another process takes in a bill, which holds the lock of the home.
    let lock = std::fs::File::create(home.path("home/lock")).unwrap();
    lock.try_lock().unwrap();
    assert!(home.ok(&["kill-switch", "on", "--reason", "wrong team"]).contains("stopped all acting"));
    for args in [&["message", "send"][..], &["channel", "test", "log"]] {
        let refused = home.run(args);
        assert!(refused.code == 5 && refused.err.contains("wrong team"), "{args:?}: {}", refused.err);
    }
    drop(lock);
    // Also a server sends nothing.
    let site = Site::start(&home);
    assert!(site.page("/messages").contains("wrong team"));
    assert!(site.get("/metrics").body.contains("leap_acting_stopped 1\n"));
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(receiver.heard().len(), 1);
    assert!(!home.path("home/messages.jsonl").exists());
    let shown = home.json(&["kill-switch", "show"]);
    assert_eq!((&shown["stopped"], text(&shown["reason"])), (&true.into(), "wrong team".to_owned()));
    home.ok(&["kill-switch", "off", "--reason", "corrected"]);
    wait_for("it is sent once it is released", || receiver.heard().len() == 2);
    wait_for("and recorded", || text(&home.json(&["message", "show", "1"])["state"]) == "sent");
    assert!(site.get("/metrics").body.contains("leap_acting_stopped 0\n"));
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
}

#[test]
fn a_server_sends_what_is_due_and_shows_what_was_given_up() {
    let receiver = Receiver::start(vec![Reply::Say(404, "a: b")]);
    let home = Home::with(ORG, RULES);
    home.ingest(&home.write("2026-09.csv", &bill("2026-09", &[("2026-09-10", "i-a", "a", "80.25")])));
    home.write("home/leap.toml", &settings(receiver.port));
    home.write("home/signing", SECRET);
    for (name, roles) in
        [("eve", &["administrator"][..]), ("stu-a", &["steward@a"]), ("val-a", &["viewer@a"]), ("val-b", &["viewer@b"])]
    {
        assert_eq!(add(&home, name, roles).code, 0);
    }
    let site = Site::start(&home);
    put(
        &home,
        &[
            ("events", message("a", "budget-1", "Team A is <b>over</b>")),
            ("log", message("b", "budget-2", "Team B is over")),
        ],
        None,
    );
    wait_for("the file has its message", || home.path("home/messages.jsonl").exists());
    wait_for("the other one is given up", || text(&home.json(&["message", "show", "1"])["state"]) == "dead");
    let [eve, stu, val, other] = ["eve", "stu-a", "val-a", "val-b"].map(|name| cookie(&site, name));
    // Who sees a unit sees its messages, and no others.
    let page = |who: &str| as_person(&site, "GET", "/messages", who).body;
    assert!(page(&eve).contains("Team A is &lt;b&gt;over") && page(&eve).contains("Team B is over"));
    assert!(page(&eve).find("Dead letters").unwrap() < page(&eve).find("Messages, the newest first").unwrap());
    assert!(page(&val).contains("Team A is") && !page(&val).contains("Team B is"));
    assert!(page(&other).contains("Team B is") && !page(&other).contains("Team A is"));
    assert_eq!(as_person(&site, "GET", "/messages/1", &other).status, 404);
    let json = as_person(&site, "GET", "/api/v1/messages", &eve).json();
    let ids: Vec<String> = json["tables"].as_array().unwrap().iter().map(|table| text(&table["id"])).collect();
    assert_eq!(ids, ["dead", "messages"], "{json:#}");
    assert!(as_person(&site, "GET", "/messages?state=dead&format=csv", &eve).body.contains("answered 404"));
    assert_eq!(as_person(&site, "GET", "/messages?state=gone", &eve).status, 422);
    let metrics = as_person(&site, "GET", "/metrics", &eve).body;
    for line in [
        "leap_outbox_messages{state=\"dead\"} 1\n",
        "leap_outbox_messages{state=\"sent\"} 1\n",
        "leap_outbox_dead_letters{channel=\"events\"} 1\n",
        "leap_outbox_oldest_waiting_seconds 0\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    // Who may has it tried again, as it is shown; others do not.
    let shown = as_person(&site, "GET", "/messages/1", &stu).body;
    assert!(shown.contains("It was exceeded on 2026-09-16.") && shown.contains("answered 404"), "{shown}");
    assert!(!as_person(&site, "GET", "/messages/1", &val).body.contains("Try it again"));
    let expect = hidden(&shown, "expect");
    let retry = |who: &str, expect: &str| send(&site, who, "/messages/1/retry", &fields(&[("expect", expect)])).status;
    assert_eq!(retry(&val, &expect), 403);
    assert_eq!(retry(&other, &expect), 404);
    assert_eq!(retry(&stu, ""), 409);
    assert_eq!(retry(&stu, &"0".repeat(64)), 409);
    assert_eq!(retry(&stu, &expect), 303);
    wait_for("it arrives", || receiver.heard().len() == 2);
    wait_for("and is sent", || text(&home.json(&["message", "show", "1"])["state"]) == "sent");
    assert_eq!(retry(&stu, &expect), 409, "it stands otherwise now");
    // One that waits is taken back, with a reason.
    put(&home, &[("log", message("a", "budget-3", "later"))], Some("2099-01-01T00:00:00Z"));
    let expect = hidden(&as_person(&site, "GET", "/messages/3", &eve).body, "expect");
    let cancel = |reason: &str| {
        send(&site, &eve, "/messages/3/cancel", &fields(&[("expect", &expect), ("reason", reason)])).status
    };
    assert_eq!((cancel(""), cancel("a mistake")), (422, 303));
    let told = home.json(&["message", "show", "3"]);
    assert_eq!(text(&told["state"]), "cancelled");
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    assert!(trail.contains("message cancelled") && trail.contains("\"stu-a\""), "{trail}");
    home.ok(&["doctor"]);
}

/// A press of a button, signed as Slack does.
fn press(site: &Site, secret: &str, button: &str, key: &str, trigger: &str) -> u16 {
    let now = micros() / 1_000_000;
    let payload = serde_json::json!({
        "type": "block_actions", "user": {"id": "U1"}, "team": {"id": "T1"}, "trigger_id": trigger,
        "actions": [{"action_id": button, "action_ts": format!("{now}.000001"), "value": key}],
    });
    let body = fields(&[("payload", &payload.to_string())]);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), format!("v0:{now}:{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let (stamp, signature) = (now.to_string(), format!("v0={hex}"));
    let headers = [
        ("X-Slack-Request-Timestamp", stamp.as_str()),
        ("X-Slack-Signature", signature.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    site.ask("POST", "/slack/actions/finops", &headers, &body).status
}

#[test]
fn buttons_of_slack_are_recorded_where_they_are_signed_and_approve_nothing() {
    let home = Home::new();
    home.write(
        "home/leap.toml",
        "[[channels]]\nname = \"finops\"\ntype = \"slack\"\naddress_file = \"address\"\n\
         signing_secret_file = \"signing\"\n",
    );
    home.write("home/address", "https://hooks.slack.com/services/T1/B1/s3cret\n");
    home.write("home/signing", "8f742231b10e8888abcd99yyyzzz85a5");
    home.ok(&["channel", "check"]);
    let message = message("payments", "budget-1", "over");
    put(&home, &[("finops", message.clone())], Some("2099-01-01T00:00:00Z"));
    let site = Site::start(&home);
    let key = message.key().as_str();
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    assert_eq!(press(&site, secret, "leap.not_mine", key, "t1"), 200);
    assert_eq!(press(&site, secret, "leap.snooze_7d", key, "t2"), 200);
    assert_eq!(press(&site, "another", "leap.wrong", key, "t3"), 403);
    assert_eq!(press(&site, secret, "leap.approve", key, "t4"), 403);
    assert_eq!(press(&site, secret, "leap.link.0", key, "t5"), 200, "a link that was followed");
    assert_eq!(press(&site, secret, "leap.wrong", "leap:of:nobody", "t6"), 200, "about nothing: nothing is recorded");
    assert_eq!(site.ask("POST", "/slack/actions/other", &[], "payload=%7B%7D").status, 403);
    assert_eq!(site.ask("POST", "/slack/actions/finops", &[], &"x".repeat(300 << 10)).status, 413);
    let trail = home.json(&["audit", "list"]);
    let answers: Vec<_> = trail["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"] == "message answered")
        .map(|event| (text(&event["actor"]), text(&event["subject"])))
        .collect();
    assert_eq!(answers, vec![("slack:T1/U1".to_owned(), "message 1".to_owned()); 2], "{trail:#}");
    assert_eq!(text(&home.json(&["message", "show", "1"])["state"]), "waiting");
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
}
