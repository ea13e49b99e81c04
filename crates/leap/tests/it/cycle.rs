//! Turns of the loop from outside: what follows is shown, done once, and recorded.

mod kills;

use serde_json::Value;

use crate::bill::bill;
use crate::harness::{Home, text};
use crate::rights::send;
use crate::site::{Site, hidden};

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company, lead: ann}
  - {id: a, name: Team A, kind: team, parent: acme, lead: cy}
  - {id: b, name: Team B, kind: team, parent: acme}
";
const RULES: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";
const CHANNEL: &str = "[[channels]]\nname = \"log\"\ntype = \"file\"\npath = \"messages.jsonl\"\n";

const BEFORE: &str = "2026-10-01T08:00:00Z";
const NOW: &str = "2026-10-05T08:00:00Z";

/// `leap ARGS` at an instant: exit code and answer.
fn at(home: &Home, now: &str, args: &[&str]) -> (i32, Value) {
    let mut args = args.to_vec();
    args.extend(["--format", "json"]);
    let ran = home.command(&args).env("LEAP_NOW", now).output().expect("leap starts");
    let out = String::from_utf8_lossy(&ran.stdout);
    let value = serde_json::from_str(&out)
        .unwrap_or_else(|_| panic!("no JSON from {args:?}:\n{out}{}", String::from_utf8_lossy(&ran.stderr)));
    (ran.status.code().unwrap_or(-1), value)
}

/// The same, which must succeed.
#[track_caller]
fn ok(home: &Home, now: &str, args: &[&str]) -> Value {
    let (code, value) = at(home, now, args);
    assert_eq!(code, 0, "leap {args:?}: {value}");
    value
}

fn bill_of(home: &Home, now: &str, amount: &str) {
    let lines = [("2026-09-10", "i-a", "a", amount), ("2026-09-30", "i-b", "b", "1")];
    home.write("september.csv", &bill("2026-09", &lines));
    ok(home, now, &["ingest", "september.csv"]);
}

/// Team a has spent 103 of 100 in September.
fn made(settings: &str) -> Home {
    let home = Home::new();
    home.write("home/leap.toml", settings);
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    ok(&home, BEFORE, &["org", "apply", "org.yaml"]);
    ok(&home, BEFORE, &["rules", "apply", "rules.yaml"]);
    bill_of(&home, BEFORE, "103");
    home.write("budgets.yaml", "currency: USD\nbudgets:\n- {unit: a, period: 2026-09, amount: 100}\n");
    ok(&home, BEFORE, &["budget", "apply", "budgets.yaml"]);
    home
}

/// Gives people logins.
fn people(home: &Home, all: &[(&str, &str)]) {
    for (name, role) in all {
        let mut command = home.command(&["user", "add", name, "--role", role, "--password-stdin"]);
        command.env("LEAP_NOW", BEFORE).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().expect("leap starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, b"correct horse battery staple\n").expect("leap reads");
        drop(stdin);
        assert!(child.wait().expect("leap ends").success());
    }
}

/// Messages in the channel's file, in their order.
fn messages(home: &Home) -> Vec<Value> {
    let log = std::fs::read_to_string(home.path("home/messages.jsonl")).unwrap_or_default();
    log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON")).collect()
}

/// Keys in the channel's file, in their order.
fn said(home: &Home) -> Vec<String> {
    let log = std::fs::read_to_string(home.path("home/messages.jsonl")).unwrap_or_default();
    log.lines().map(|line| text(&serde_json::from_str::<Value>(line).expect("a line of JSON")["key"])).collect()
}

/// The words of the steps of a plan, and whether it was performed.
fn steps(answer: &Value) -> Vec<String> {
    let steps = answer["plan"]["steps"].as_array().expect("a plan has steps");
    steps
        .iter()
        .map(|step| {
            let deed = step["deed"].as_object().expect("a deed");
            let (word, of) = deed.iter().next().expect("a deed has a word");
            match word.as_str() {
                "send" => format!("send {}", text(&of["kind"])),
                "incident" => format!("incident {}", text(&of["happens"])),
                word => word.to_owned(),
            }
        })
        .filter(|word| word != "freeze_forecast")
        .collect()
}

#[test]
fn a_plan_is_shown_then_done_once() {
    let home = made(CHANNEL);
    let dry = ok(&home, NOW, &["cycle", "run"]);
    assert_eq!(steps(&dry), ["incident opened", "send budget_breached"]);
    assert!(dry["performed"].is_null() && said(&home).is_empty());
    assert_eq!(ok(&home, NOW, &["cycle", "list"])["rows"], serde_json::json!([]), "nothing was done");
    let done = ok(&home, NOW, &["cycle", "run", "--act"]);
    assert_eq!((steps(&done), &done["performed"]), (steps(&dry), &serde_json::json!(1)));
    let key = "leap:budget_breached:a:a%20effective%20USD:2026-09%201";
    assert_eq!(said(&home), [key]);
    let again = ok(&home, NOW, &["cycle", "run", "--act"]);
    assert!(steps(&again).is_empty() && again["performed"].is_null(), "{again}");
    let incidents = ok(&home, NOW, &["incident", "list"]);
    assert_eq!(text(&incidents["rows"][0]["about"]), "budget a 2026-09 effective USD");
    let answer = ["incident", "acknowledge", "1", "--note", "it is the backfill"];
    assert_eq!(text(&ok(&home, NOW, &answer)["state"]), "acknowledged");
    // Those who were called know; the cost comes down; the incident is over, and opens again with the next bill.
    ok(&home, "2026-10-05T09:00:00Z", &["cycle", "run", "--act"]);
    bill_of(&home, "2026-10-06T08:00:00Z", "102");
    let over = ok(&home, "2026-10-06T08:00:00Z", &["cycle", "run", "--act"]);
    assert_eq!(steps(&over), ["incident resolved", "send incident_resolved"]);
    bill_of(&home, "2026-10-07T08:00:00Z", "102.000000000000000001");
    let open = ok(&home, "2026-10-07T08:00:00Z", &["cycle", "run", "--act"]);
    assert_eq!(steps(&open), ["incident reopened", "send budget_breached"]);
    // A fortnight after its month its bills are final.
    let end = ok(&home, "2026-10-15T00:00:00Z", &["cycle", "run", "--act"]);
    assert_eq!(steps(&end), ["incident resolved", "send incident_resolved"]);
    let kinds: Vec<String> = said(&home).iter().filter_map(|key| key.split(':').nth(1).map(str::to_owned)).collect();
    assert_eq!(
        kinds,
        ["budget_breached", "incident_acknowledged", "incident_resolved", "budget_breached", "incident_resolved"]
    );
    let shown = ok(&home, "2026-10-16T00:00:00Z", &["incident", "show", "1"]);
    let events: Vec<String> =
        shown["events"].as_array().expect("events").iter().map(|event| text(&event["what"])).collect();
    assert_eq!(events, ["opened", "acknowledged", "resolved", "reopened", "resolved"]);
    home.ok(&["doctor"]);
    home.ok(&["audit", "verify"]);
}

#[test]
fn who_may_grant_a_waiver_is_asked_and_then_who_stands_above() {
    let home = made(&format!("[waivers]\nlevels = [{{ kind = \"company\" }}]\n{CHANNEL}"));
    people(&home, &[("eve", "administrator"), ("ann", "viewer"), ("zoe", "approver")]);
    let ask =
        ["waiver", "ask", "a", "--period", "2026-09", "--amount", "5", "--until", "2026-12-01", "--reason", "launch"];
    ok(&home, BEFORE, &ask);
    let asked = ok(&home, NOW, &["cycle", "run", "--act"]);
    let all = steps(&asked);
    assert!(all.contains(&"ask_waiver".to_owned()) && all.contains(&"send waiver_asked".to_owned()), "{all:?}");
    let first = text(&ok(&home, NOW, &["waiver", "show", "1"])["events"][0]["note"]);
    assert!(steps(&ok(&home, "2026-10-06T07:59:59Z", &["cycle", "run", "--act"])).is_empty(), "they have a day");
    let next = ok(&home, "2026-10-06T08:00:00Z", &["cycle", "run", "--act"]);
    assert_eq!(steps(&next), ["escalate_waiver", "send waiver_asked"]);
    let events = ok(&home, NOW, &["waiver", "show", "1"])["events"].clone();
    assert_eq!((text(&events[0]["what"]), text(&events[1]["what"])), ("asked".to_owned(), "escalated".to_owned()));
    assert_ne!(text(&events[1]["note"]), first, "somebody else");
    // Nobody answers until its end.
    let end = ok(&home, "2026-12-01T00:00:00Z", &["cycle", "run", "--act"]);
    assert!(steps(&end).contains(&"end_waiver".to_owned()), "{end}");
}

#[test]
fn a_plan_over_its_caps_is_performed_when_somebody_else_has_looked_at_it() {
    let home = made(&format!("[cycle]\nsteps = 1\n{CHANNEL}"));
    let (code, refused) = at(&home, NOW, &["cycle", "run", "--act"]);
    assert_eq!(code, 3);
    assert!(refused["performed"].is_null() && refused["held"] == true, "{refused}");
    assert!(text(&refused["findings"][0]["finding"]).contains("has 2 steps, the cap is 1"), "{refused}");
    assert_eq!(ok(&home, NOW, &["cycle", "list"])["rows"], serde_json::json!([]));
    assert!(said(&home).is_empty());
    let wanted = text(&refused["wanted"]);
    let let_go = |expect: &str, by: &str| {
        let args = ["cycle", "run", "--act", "--expect", expect, "--approved-by", by];
        let ran = home.command(&args).env("LEAP_NOW", NOW).output().expect("leap starts");
        ran.status.code()
    };
    assert_eq!(let_go(&wanted.replace(&wanted[..4], "beef"), "ann"), Some(75), "another plan than was looked at");
    assert_eq!(let_go(&wanted, " "), Some(5));
    // Where people have logins, a name is that of somebody who may approve for the whole company.
    people(&home, &[("eve", "administrator"), ("zoe", "viewer"), ("ann", "approver"), ("bob", "approver@a")]);
    for nobody in ["mickey", "eve", "zoe", "bob"] {
        assert_eq!(let_go(&wanted, nobody), Some(5), "{nobody}");
    }
    assert!(said(&home).is_empty());
    assert_eq!(let_go(&wanted, "Ann"), Some(0));
    assert_eq!(said(&home), ["leap:budget_breached:a:a%20effective%20USD:2026-09%201"]);
    let plans = ok(&home, NOW, &["cycle", "list"]);
    assert_eq!(text(&plans["rows"][0]["cause"]), "cycle run, held, approved by ann");
}

/// Waits until the channel has so many messages of a kind.
#[track_caller]
fn wait_for(home: &Home, kind: &str, count: usize) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let seen = || said(home).iter().filter(|key| key.contains(kind)).count();
    while seen() < count && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(seen(), count, "messages of {kind}: {:?}", said(home));
}

#[test]
fn a_plan_that_is_held_asks_once_and_is_performed_as_it_was_shown() {
    let home = made(&format!("[cycle]\nact = true\nsteps = 1\n{CHANNEL}"));
    let site = Site::start_at(&home, NOW);
    wait_for(&home, "approval_asked", 1);
    let page = site.page("/plans");
    assert!(page.contains("/plans/approvals/1") && page.contains("has 2 steps, the cap is 1"), "{page}");
    // More came meanwhile: what was asked for is something else, and who approves it is told so.
    let shown = hidden(&site.page("/plans/approvals/1"), "expect");
    bill_of(&home, "2026-10-05T07:00:00Z", "104");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !site.page("/plans").contains("/plans/approvals/2") && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let old = send(&site, "", "/plans/approvals/1/approve", &format!("expect={shown}"));
    assert!(old.status == 422 && old.body.contains("withdrawn"), "{} {}", old.status, old.body);
    assert_eq!(send(&site, "", "/plans/approvals/2/approve", &format!("expect={shown}")).status, 409);
    assert_eq!(said(&home).len(), 1, "asked once a day, and nothing else is said");
    let shown = hidden(&site.page("/plans/approvals/2"), "expect");
    let done = send(&site, "", "/plans/approvals/2/approve", &format!("expect={shown}&note=right"));
    assert_eq!(done.status, 303, "{}", done.body);
    wait_for(&home, "budget_breached", 1);
    let incidents = ok(&home, NOW, &["incident", "list"]);
    assert_eq!(text(&incidents["rows"][0]["about"]), "budget a 2026-09 effective USD");
    drop(site);
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
}

#[test]
fn a_plan_that_waits_is_told_of_each_day_and_what_is_declined_is_not_done() {
    let home = made(&format!("[cycle]\nact = true\nsteps = 1\n\n[drift]\nannounced = \"gone.csv\"\n\n{CHANNEL}"));
    let site = Site::start_at(&home, NOW);
    wait_for(&home, "approval_asked", 1);
    wait_for(&home, "loop_hindered", 1);
    drop(site);
    let next = "2026-10-06T08:00:00Z";
    let site = Site::start_at(&home, next);
    wait_for(&home, "approval_asked", 2);
    assert!(!site.page("/plans").contains("/plans/approvals/2"), "it is the same plan");
    let done = send(&site, "", "/plans/approvals/1/decline", "note=a+bad+bill");
    assert_eq!(done.status, 303, "{}", done.body);
    let about = |now: &str| {
        let left = at(&home, now, &["cycle", "run"]).1;
        steps(&left).iter().filter(|step| step.contains("budget") || step.contains("incident")).count()
    };
    assert_eq!(about(next), 0);
    assert!(!said(&home).iter().any(|key| key.contains("budget_breached")));
    // A week later it is asked for again, and another amount is another matter at once.
    assert_eq!(about("2026-10-13T08:00:01Z"), 2);
    drop(site);
    bill_of(&home, next, "90");
    assert_eq!(about(next), 0);
    bill_of(&home, next, "100000");
    assert_eq!(about(next), 2);
}

#[test]
fn what_cannot_be_read_is_told_and_keeps_nothing_else_from_being_done() {
    let home = made(&format!("[drift]\nannounced = \"gone.csv\"\n\n{CHANNEL}"));
    let (code, done) = at(&home, NOW, &["cycle", "run", "--act"]);
    assert_eq!(code, 1, "{done}");
    assert_eq!(text(&done["unread"][0]["what"]), "drift");
    assert!(text(&done["unread"][0]["problem"]).contains("gone.csv"), "{done}");
    assert_eq!(steps(&done), ["incident opened", "send budget_breached", "send loop_hindered"]);
    assert_eq!(said(&home)[1], "leap:loop_hindered:acme:drift:2026-10-05");
    assert!(steps(&at(&home, NOW, &["cycle", "run", "--act"]).1).is_empty(), "told once a day");
    // With the file all is as before.
    home.write("home/leap.toml", &format!("[drift]\nannounced = \"more.csv\"\n\n{CHANNEL}"));
    home.write("home/more.csv", "series,day,kind\n");
    assert!(steps(&ok(&home, NOW, &["cycle", "run", "--act"])).is_empty());
}

#[test]
fn a_breach_that_grows_is_told_again_when_it_has_doubled() {
    let home = made(CHANNEL);
    ok(&home, NOW, &["cycle", "run", "--act"]);
    for (at, amount, wanted) in [
        ("2026-10-06T08:00:00Z", "103.99", &[][..]),
        ("2026-10-07T08:00:00Z", "133", &["incident annotated", "send budget_breached"]),
        ("2026-10-08T08:00:00Z", "120", &[]),
        ("2026-10-09T08:00:00Z", "134", &[]),
    ] {
        bill_of(&home, at, amount);
        assert_eq!(steps(&ok(&home, at, &["cycle", "run", "--act"])), wanted, "{amount}");
    }
    let listed = ok(&home, NOW, &["incident", "list"]);
    assert!(text(&listed["rows"][0]["words"]).contains("the breach has grown: a spent 133.00"), "{listed}");
    home.ok(&["doctor"]);
}

#[test]
fn what_a_message_leads_to_is_there() {
    let home = made(CHANNEL);
    let contracts =
        "contracts:\n- id: deal\n  team: a\n  clauses:\n  - {id: cost, measure: spend, at_most: 50, currency: USD}\n";
    home.write("contracts.yaml", contracts);
    ok(&home, BEFORE, &["contract", "apply", "contracts.yaml"]);
    let lines = [("2026-09-29", "i-a", "a", "1"), ("2026-09-30", "i-a", "a", "120")];
    home.write("september.csv", &bill("2026-09", &lines));
    ok(&home, "2026-10-01T09:00:00Z", &["ingest", "september.csv"]);
    ok(&home, "2026-10-01T10:00:00Z", &["cycle", "run", "--act"]);
    let site = Site::start_at(&home, "2026-10-01T11:00:00Z");
    let mut kinds = Vec::new();
    for message in messages(&home) {
        kinds.push(text(&message["kind"]));
        for link in message["links"].as_array().expect("links") {
            let address = text(&link["address"]);
            let path = address.splitn(4, '/').nth(3).expect("a path").to_owned();
            assert_eq!(site.get(&format!("/{path}")).status, 200, "{address}");
        }
    }
    kinds.sort();
    assert_eq!(kinds, ["budget_breached", "contract_missing"]);
}

#[test]
fn a_contract_goes_on_when_its_team_gets_another_name() {
    let home = made(CHANNEL);
    let contracts = "contracts:\n- id: deal\n  team: Team A\n  clauses:\n  - {id: cost, measure: spend, at_most: 500, currency: USD}\n";
    home.write("contracts.yaml", contracts);
    ok(&home, BEFORE, &["contract", "apply", "contracts.yaml"]);
    home.write("org.yaml", &ORG.replace("Team A", "Payments"));
    ok(&home, "2026-10-02T08:00:00Z", &["org", "apply", "org.yaml", "--effective", "2026-10-01"]);
    let turn = ok(&home, NOW, &["cycle", "run"]);
    assert_eq!(turn["unread"], serde_json::json!([]));
    let clauses = ok(&home, NOW, &["contract", "list"]);
    assert_eq!(text(&clauses["rows"][0]["clause"]), "deal.cost", "{clauses}");
}

#[test]
fn what_serves_takes_turns_by_itself_and_of_two_processes_one_speaks() {
    let home = made(&format!("[cycle]\nact = true\n{CHANNEL}"));
    bill_of(&home, BEFORE, "101");
    let site = Site::start_at(&home, NOW);
    let mut watch = home.command(&["cycle", "watch", "--act"]);
    let watch = watch.env("LEAP_NOW", NOW).stderr(std::process::Stdio::null()).spawn();
    let mut watch = watch.expect("leap starts");
    bill_of(&home, "2026-10-04T08:00:00Z", "103");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while said(&home).is_empty() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // Whoever looks next finds it done.
    bill_of(&home, "2026-10-04T09:00:00Z", "103.9");
    let incidents = ok(&home, NOW, &["incident", "list"]);
    assert_eq!(incidents["rows"].as_array().map(Vec::len), Some(1), "{incidents}");
    drop(site);
    watch.kill().and_then(|()| watch.wait()).expect("it ends");
    assert!(steps(&ok(&home, NOW, &["cycle", "run", "--act"])).is_empty(), "nothing is left to be done");
    let events = ok(&home, NOW, &["incident", "show", "1"])["events"].clone();
    assert_eq!(events.as_array().map(Vec::len), Some(1), "opened once, though two processes looked: {events}");
    let breached: Vec<String> = said(&home).into_iter().filter(|key| key.contains("budget_breached")).collect();
    assert_eq!(breached.len(), 1, "{breached:?}");
}

#[test]
fn the_story_of_a_contract_shows_each_message_once() {
    let home = Home::new();
    let folder = home.path("story");
    let told = home.ok(&["demo", "--story", "contract", "--dir", folder.to_str().expect("a path")]);
    for words in [
        "cy on the site, /waivers/1, Grant it: refused: who asked for a waiver does not answer it",
        "bo on the site, /waivers/1, Grant it: refused: may approve up to 2,000.00",
        "ann on the site, /waivers/1, Grant it: granted",
        "waiver 1 of payments for 2026-10 is exceeded",
        "messages, each shown once",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}
