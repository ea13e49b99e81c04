//! Waivers from outside: asked for by one, granted by another who may, for exactly what was shown, and over when they are.

use crate::bill::bill;
use crate::harness::{Home, text};
use crate::rights::{add, as_person, cookie, fields, hidden, send};
use crate::site::Site;

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company, lead: ann}
  - {id: shop, name: Shop, kind: division, parent: acme, lead: bo}
  - {id: a, name: Team A, kind: team, parent: shop, lead: cy}
  - {id: b, name: Team B, kind: team, parent: acme}
";
const RULES: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

/// Team a has spent 110 of 100; its lead may grant 5, the division's 20, the company's anything.
fn home() -> Home {
    let home = Home::with(ORG, RULES);
    let lines = [("2026-09-10", "i-a", "a", "110"), ("2026-09-30", "i-b", "b", "1")];
    home.ingest(&home.write("september.csv", &bill("2026-09", &lines)));
    home.write("budgets.yaml", "currency: USD\nbudgets:\n- {unit: a, period: 2026-09, amount: 100}\n");
    home.ok(&["budget", "apply", "budgets.yaml"]);
    let levels = "[waivers]\nlevels = [{ kind = \"team\", up_to = \"5\" }, { kind = \"division\", up_to = \"20\" }, { kind = \"company\" }]\n";
    home.write("home/leap.toml", levels);
    for (name, roles) in [
        ("eve", &["administrator"][..]),
        ("ann", &["viewer"]),
        ("bo", &["team-lead@shop"]),
        ("cy", &["team-lead@a"]),
        ("pat", &["approver@b"]),
        ("bob", &["viewer@b"]),
        ("dan", &["team-lead@a"]),
    ] {
        let added = add(&home, name, roles);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    home
}

fn asked(home: &Home, site: &Site, who: &str, amount: &str) -> String {
    let asking =
        [("unit", "a"), ("period", "2026-09"), ("amount", amount), ("until", "2099-01-01"), ("reason", "launch")];
    let form = fields(&asking);
    let preview = send(site, who, "/waivers/new", &form);
    assert_eq!(preview.status, 200, "{}", preview.body);
    assert!(
        preview.body.contains("Nothing was changed yet") && preview.body.contains("a spent 110.00 USD"),
        "{}",
        preview.body
    );
    let count = |home: &Home| home.json(&["waiver", "list"])["rows"].as_array().map_or(0, Vec::len);
    let before = count(home);
    let expect = hidden(&preview.body, "expect");
    let done = send(site, who, "/waivers/new", &format!("{form}&expect={expect}"));
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(count(home), before + 1);
    done.header("location").to_owned()
}

fn state(home: &Home) -> String {
    text(&home.json(&["budget", "list", "--unit", "a"])["rows"][0]["state"])
}

#[test]
fn somebody_else_grants_exactly_what_was_shown_and_no_more_than_they_may() {
    let home = home();
    assert_eq!(state(&home), "breached");
    let site = Site::start(&home);
    let [ann, bo, cy, pat, bob, dan] = ["ann", "bo", "cy", "pat", "bob", "dan"].map(|name| cookie(&site, name));
    let waiver = asked(&home, &site, &dan, "12");
    assert_eq!(state(&home), "breached", "what is asked for permits nothing");
    let page = |who: &str| as_person(&site, "GET", &waiver, who);
    let expect = hidden(&page(&bo).body, "expect");
    let grant = |who: &str, expect: &str| send(&site, who, &format!("{waiver}/grant"), &format!("expect={expect}"));
    // Who does not see the unit is told of no waiver.
    assert_eq!(page(&bob).status, 404);
    assert_eq!(grant(&bob, &expect).status, 404);
    assert_eq!(grant(&pat, &expect).status, 404);
    for (who, words) in [(&dan, "somebody else has to"), (&cy, "may approve up to 5.00")] {
        let refused = grant(who, &expect);
        assert_eq!(refused.status, 422, "{words}: {}", refused.body);
        assert!(refused.body.contains(words), "{words}: {}", refused.body);
        assert!(!page(who).body.contains("Grant it"), "{words}");
    }
    let other = "0".repeat(64);
    let stale = grant(&bo, &other);
    assert!(stale.status == 422 && stale.body.contains("not what was shown"), "{}", stale.body);
    assert_eq!(send(&site, &bo, &format!("{waiver}/grant"), "").status, 409, "unseen");
    assert_eq!(state(&home), "breached");
    assert!(page(&bo).body.contains("Grant it") && page(&ann).body.contains("Grant it"));
    let done = grant(&bo, &expect);
    assert_eq!((done.status, done.header("location")), (303, waiver.as_str()), "{}", done.body);
    assert_eq!(state(&home), "waived");
    assert_eq!(home.run(&["budget", "check"]).code, 0);
    let twice = grant(&ann, &expect);
    assert!(twice.status == 422 && twice.body.contains("the waiver is granted"), "{}", twice.body);
    let shown = home.json(&["waiver", "show", "1"]);
    assert_eq!(text(&shown["events"][0]["what"]), "granted");
    assert_eq!(text(&shown["digest"]), expect);
    // More is spent than it permits: the breach is open again.
    home.ingest(&home.write(
        "september.csv",
        &bill("2026-09", &[("2026-09-10", "i-a", "a", "112.01"), ("2026-09-30", "i-b", "b", "1")]),
    ));
    assert_eq!(state(&home), "breached");
    let (code, check) = home.json_any(&["budget", "check"]);
    assert_eq!(code, 3);
    assert!(text(&check["rows"][0]["sentence"]).contains("waiver 1 permits 12.00"), "{check}");
    home.ok(&["audit", "verify"]);
    assert!(home.ok(&["audit", "list"]).contains("waiver granted"));
    home.ok(&["doctor"]);
}

#[test]
fn a_waiver_is_refused_with_a_reason_taken_back_and_void_when_its_budget_changes() {
    let home = home();
    let site = Site::start(&home);
    let [ann, bo, dan] = ["ann", "bo", "dan"].map(|name| cookie(&site, name));
    let first = asked(&home, &site, &dan, "12");
    let expect = hidden(&as_person(&site, "GET", &first, &bo).body, "expect");
    let refuse =
        |note: &str| send(&site, &bo, &format!("{first}/refuse"), &fields(&[("expect", &expect), ("note", note)]));
    assert!(refuse("").body.contains("a refusal says why"));
    assert_eq!(refuse("wait for the quarter").status, 303);
    assert!(as_person(&site, "GET", &first, &dan).body.contains("wait for the quarter"));
    let second = asked(&home, &site, &dan, "13");
    let back = send(&site, &bo, &format!("{second}/withdraw"), "");
    assert!(back.status == 422 && back.body.contains("dan asked for waiver 2"), "{}", back.body);
    assert_eq!(send(&site, &dan, &format!("{second}/withdraw"), "").status, 303);
    let third = asked(&home, &site, &dan, "14");
    let expect = hidden(&as_person(&site, "GET", &third, &ann).body, "expect");
    home.write("budgets.yaml", "currency: USD\nbudgets:\n- {unit: a, period: 2026-09, amount: 50}\n");
    home.ok(&["budget", "apply", "budgets.yaml"]);
    let void = send(&site, &ann, &format!("{third}/grant"), &format!("expect={expect}"));
    assert!(void.status == 422 && void.body.contains("the budget was changed"), "{}", void.body);
    assert_eq!(state(&home), "breached");
    // What is wrong stands at its field, and nothing is asked for.
    let before = home.json(&["waiver", "list"]);
    for (field, value, words) in [
        ("unit", "b", "does not speak for a unit"),
        ("unit", "nobody", "does not speak for a unit"),
        ("period", "2026-10", "no budget of exactly 2026-10"),
        ("amount", "-1", "above zero"),
        ("amount", "x", "no amount"),
        ("until", "2020-01-01", "not after today"),
        ("reason", "", "give a reason"),
    ] {
        let mut asking =
            [("unit", "a"), ("period", "2026-09"), ("amount", "1"), ("until", "2099-01-01"), ("reason", "launch")];
        for one in &mut asking {
            if one.0 == field {
                one.1 = value;
            }
        }
        let told = send(&site, &dan, "/waivers/new", &fields(&asking));
        assert!(told.status == 422 && told.body.contains(words), "{field}={value}: {} {}", told.status, told.body);
    }
    assert_eq!(home.json(&["waiver", "list"]), before);
}

#[test]
fn a_waiver_asked_for_at_the_command_line_names_who_may_grant_it() {
    let home = home();
    let ask =
        ["waiver", "ask", "a", "--period", "2026-09", "--amount", "12", "--until", "2099-01-01", "--reason", "launch"];
    let told = home.ok(&ask);
    assert!(told.contains("waiver 1 is asked for: a may spend 12.00 USD over 100.00 in 2026-09"), "{told}");
    assert!(told.contains("by one of: bo (up to 20.00), ann"), "{told}");
    for (at, wrong, words) in
        [(6, "0", "above zero"), (8, "2020-01-01", "later day"), (2, "nobody", "nobody"), (4, "2026-10", "no budget")]
    {
        let mut ask = ask;
        ask[at] = wrong;
        let ran = home.run(&ask);
        assert!(ran.code == 2 && ran.err.contains(words), "{wrong}: {} {}", ran.code, ran.err);
    }
    home.ok(&["waiver", "withdraw", "1"]);
    assert_eq!(text(&home.json(&["waiver", "list"])["rows"][0]["state"]), "withdrawn");
    assert_eq!(home.run(&["waiver", "withdraw", "1"]).code, 1);
    // When its time is over, it is.
    home.ok(&ask);
    let mut later = home.command(&["waiver", "show", "2", "--format", "json"]);
    later.env("LEAP_NOW", "2099-01-01T00:00:00Z");
    let later = crate::harness::ran(later.output().unwrap());
    assert!(
        later.out.contains("\"state\": \"expired\"") || later.out.contains("\"state\":\"expired\""),
        "{}",
        later.out
    );
}
