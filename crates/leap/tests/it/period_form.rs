//! Closing, restating and opening billing periods through the site: what is shown is what is stated, and nobody restates
//! alone.

use serde_json::Value;

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, text};
use crate::rights::{add, as_person, cookie, fields, hidden, send};
use crate::site::Site;

/// What nobody owned is c's.
const MORE: &str = "rules:
  - id: lost
    when: \"ResourceId = 'i-none'\"
    owner: c
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

fn home() -> Home {
    let home = Home::with(ORG, RULES);
    let july = [("2026-07-10", "i-a", "a", "80.25"), ("2026-07-31", "i-none", "", "1.5")];
    home.ingest(&home.write("2026-07.csv", &bill("2026-07", &july)));
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &[("2026-08-10", "i-a", "a", "100.5")])));
    home
}

fn with_people() -> Home {
    let home = home();
    let people: [(&str, &[&str]); 5] = [
        ("eve", &["administrator"]),
        ("stu", &["steward"]),
        ("app", &["approver"]),
        ("bo", &["steward", "approver"]),
        ("val", &["viewer"]),
    ];
    for (name, roles) in people {
        let added = add(&home, name, roles);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    home
}

fn statements(home: &Home) -> Vec<Value> {
    home.json(&["period", "list"])["rows"].as_array().expect("rows").clone()
}

/// Other rules, by the command line.
fn other_rules(home: &Home, rules: &str) {
    home.write("rules.yaml", rules);
    home.ok(&["rules", "apply", "rules.yaml"]);
}

#[test]
fn what_is_closed_is_what_was_shown_and_what_the_command_would_have_closed() {
    let home = with_people();
    let site = Site::start(&home);
    let [stu, app, val] = ["stu", "app", "val"].map(|name| cookie(&site, name));
    let copy = home.copy();
    copy.ok(&["period", "close", "2026-07"]);
    let page = as_person(&site, "GET", "/periods/2026-07", &stu).body;
    assert!(page.contains("It was never closed") && page.contains("Close it: show its statement"), "{page}");
    assert!(!as_person(&site, "GET", "/periods/2026-07", &val).body.contains("Close it"));
    let close = |person: &str, form: &str| send(&site, person, "/periods/2026-07/close", form);
    assert_eq!((close(&val, "").status, close(&app, "").status), (403, 403));
    let preview = close(&stu, "");
    assert_eq!(preview.status, 200, "{}", preview.body);
    for words in ["Nothing was changed yet", "data-sum=\"81.75\"", "Residual: no rule", "2026-07-31"] {
        assert!(preview.body.contains(words), "no '{words}' in {}", preview.body);
    }
    assert!(statements(&home).is_empty(), "a preview closes nothing");
    let expect = hidden(&preview.body, "expect");
    // Other figures than those that were shown are not stated.
    other_rules(&home, MORE);
    let stale = close(&stu, &format!("expect={expect}"));
    assert!(stale.status == 409 && stale.body.contains("the statement now"), "{}", stale.body);
    assert!(statements(&home).is_empty());
    other_rules(&home, RULES);
    let done = close(&stu, &format!("expect={expect}"));
    assert_eq!((done.status, done.header("location")), (303, "/periods/2026-07"), "{}", done.body);
    let own = statements(&home);
    assert_eq!((own.len(), text(&own[0]["by"])), (1, "stu".to_owned()), "{own:#?}");
    assert_eq!(home.ok(&["period", "show", "2026-07"]), copy.ok(&["period", "show", "2026-07"]), "to the byte");
    let again = close(&stu, "");
    assert!(again.status == 422 && again.body.contains("2026-07 is closed"), "{}", again.body);
    assert_eq!(as_person(&site, "GET", "/periods/2026-01", &stu).status, 404);
    assert_eq!(as_person(&site, "GET", "/periods/%3Cb%3E", &stu).status, 404);
    assert_eq!(send(&site, &stu, "/periods/2026-01/close", "").status, 422, "no charges");
}

#[test]
fn a_restatement_is_asked_for_by_one_and_approved_by_another() {
    let home = with_people();
    home.ok(&["period", "close", "2026-07"]);
    other_rules(&home, MORE);
    let site = Site::start(&home);
    let [stu, app, bo, val] = ["stu", "app", "bo", "val"].map(|name| cookie(&site, name));
    let here = "/periods/2026-07";
    let page = as_person(&site, "GET", here, &val).body;
    assert!(page.contains("Rule correction") && page.contains("residual:no-rule"), "{page}");
    assert!(!page.contains("Ask for the approval"), "a viewer reads");
    let page = as_person(&site, "GET", here, &stu).body;
    let expect = hidden(&page, "expect");
    let restate = |person: &str, form: &str| send(&site, person, &format!("{here}/restate"), form);
    let asked = fields(&[("reason", "the <b>rule</b> was missing"), ("expect", &expect)]);
    assert_eq!((restate(&val, &asked).status, restate(&app, &asked).status), (403, 403));
    assert_eq!(restate(&stu, "reason=x").status, 422, "what was shown is missing");
    assert_eq!(restate(&stu, &format!("expect={expect}")).status, 422, "a reason is missing");
    assert_eq!(restate(&stu, "reason=x&expect=0").status, 409);
    // Who asks and approves is two people, whatever roles one has.
    assert_eq!(restate(&bo, &asked).status, 303);
    let give =
        |person: &str, number: u8, form: &str| send(&site, person, &format!("{here}/approvals/{number}/approve"), form);
    let own = give(&bo, 1, &format!("expect={expect}"));
    assert!(own.status == 403 && own.body.contains("somebody else"), "{}", own.body);
    assert_eq!(give(&stu, 1, &format!("expect={expect}")).status, 403);
    assert_eq!(give(&app, 7, &format!("expect={expect}")).status, 404);
    assert_eq!(send(&site, &app, "/periods/2026-08/approvals/1/approve", &format!("expect={expect}")).status, 404);
    assert_eq!(statements(&home).len(), 1, "nothing was published");
    let page = as_person(&site, "GET", here, &app).body;
    assert!(page.contains("Asked for by bo") && page.contains("&lt;b&gt;rule") && !page.contains("<b>rule"), "{page}");
    // Another difference is another question.
    other_rules(&home, &MORE.replace("owner: c", "owner: b"));
    let void = as_person(&site, "GET", here, &app).body;
    assert!(void.contains("another one by now"), "{void}");
    let now = hidden(&void, "expect");
    assert_eq!(give(&app, 1, &format!("expect={expect}")).status, 409);
    let other = give(&app, 1, &format!("expect={now}"));
    assert!(other.status == 409 && other.body.contains("void"), "{}", other.body);
    other_rules(&home, MORE);
    assert_eq!(hidden(&as_person(&site, "GET", here, &app).body, "expect"), expect, "the same difference again");
    let done = give(&app, 1, &format!("note=seen&expect={expect}"));
    assert_eq!(done.status, 303, "{}", done.body);
    let listed = statements(&home);
    let newest = listed.iter().find(|one| one["version"] == 2).expect("a second statement");
    assert_eq!((text(&newest["by"]), text(&newest["approved_by"])), ("bo".to_owned(), "app".to_owned()));
    assert_eq!(text(&newest["reason"]), "the <b>rule</b> was missing");
    let page = as_person(&site, "GET", here, &stu).body;
    assert!(page.contains("No figure differs from the statement") && page.contains("replaced"), "{page}");
    assert_eq!(give(&app, 1, &format!("expect={expect}")).status, 422, "it is given once");
    assert_eq!(restate(&stu, "reason=x&expect=0").status, 422, "there is nothing to restate");
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
}

#[test]
fn what_is_opened_again_says_why() {
    let home = with_people();
    home.ok(&["period", "close", "2026-07"]);
    let site = Site::start(&home);
    let [stu, app] = ["stu", "app"].map(|name| cookie(&site, name));
    let open = |person: &str, form: &str| send(&site, person, "/periods/2026-07/reopen", form);
    assert_eq!((open(&app, "reason=x").status, open(&stu, "").status), (403, 422));
    assert_eq!(open(&stu, "reason=the+bill+was+not+whole").status, 303);
    let listed = statements(&home);
    assert!(text(&listed[0]["state"]).contains("reopened by stu"), "{listed:#?}");
    assert_eq!(open(&stu, "reason=again").status, 422);
    let page = as_person(&site, "GET", "/periods/2026-07", &stu).body;
    assert!(page.contains("opened again by stu") && page.contains("the bill was not whole"), "{page}");
    // Closed again it is with an approval.
    let closed = send(&site, &stu, "/periods/2026-07/close", "");
    assert!(closed.status == 422 && closed.body.contains("with an approval"), "{}", closed.body);
    let expect = hidden(&page, "expect");
    let asked = send(&site, &stu, "/periods/2026-07/restate", &format!("reason=whole+now&expect={expect}"));
    assert_eq!(asked.status, 303, "{}", asked.body);
    let done = send(&site, &app, "/periods/2026-07/approvals/1/approve", &format!("expect={expect}"));
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(statements(&home).len(), 2);
}

#[test]
fn who_is_alone_names_who_approved() {
    let home = home();
    home.ok(&["period", "close", "2026-07"]);
    other_rules(&home, MORE);
    let site = Site::start(&home);
    let expect = hidden(&site.page("/periods/2026-07"), "expect");
    let restate =
        |more: &str| send(&site, "", "/periods/2026-07/restate", &format!("reason=late&expect={expect}{more}"));
    let alone = restate("");
    assert!(alone.status == 422 && alone.body.contains("approval of somebody other"), "{}", alone.body);
    assert_eq!(restate("&approved_by=dora").status, 303);
    assert_eq!(text(&statements(&home)[1]["approved_by"]), "dora");
}
