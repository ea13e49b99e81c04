//! Reorgs through the site: planned by one person, approved by another, performed exactly, and taken back to the byte.

use crate::bill::{ORG, RULES, bill};
use crate::harness::Home;
use crate::rights::{add, as_person, cookie, fields, hidden, send};
use crate::site::Site;

/// b ends and a inherits.
const NEXT: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: a, name: Team A, kind: team, parent: acme, aliases: [alpha]}
  - {id: c, name: Team C, kind: team, parent: acme}
";

fn home() -> Home {
    let home = Home::with(ORG, RULES);
    let august =
        [("2026-08-05", "i-b", "b", "4"), ("2026-08-20", "i-a", "a", "100.5"), ("2026-08-21", "i-b", "b", "20.125")];
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &august)));
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

fn change() -> String {
    fields(&[("text", NEXT), ("effective", "2026-08-10"), ("successor", "b=a")])
}

/// Plans and asks; returns where the plan waits.
#[track_caller]
fn asked(site: &Site, person: &str) -> String {
    let preview = send(site, person, "/org/plan", &change());
    assert_eq!(preview.status, 200, "{}", preview.body);
    let expect = hidden(&preview.body, "expect");
    let done = send(site, person, "/org/plan", &format!("{}&reason=merged&expect={expect}", change()));
    assert_eq!(done.status, 303, "{}", done.body);
    done.header("location").to_owned()
}

/// Approves what is shown.
fn approve(site: &Site, person: &str, place: &str) -> crate::site::Answer {
    let page = as_person(site, "GET", place, person).body;
    send(site, person, &format!("{place}/approve"), &format!("note=fair&expect={}", hidden(&page, "expect")))
}

#[test]
fn what_is_approved_is_what_the_command_would_have_performed_and_it_comes_back_to_the_byte() {
    let home = home();
    let site = Site::start(&home);
    let [stu, app, val] = ["stu", "app", "val"].map(|name| cookie(&site, name));
    let copy = home.copy();
    copy.write("next.yaml", NEXT);
    let plan = copy.json(&["org", "plan", "next.yaml", "--effective", "2026-08-10", "--successor", "b=a"]);
    copy.ok(&["org", "apply", plan["id"].as_str().expect("a number")]);

    let before = home.digest();
    let preview = send(&site, &stu, "/org/plan", &change());
    for words in [
        "20.13 USD of direct effective cost changes its place",
        "the total stays",
        "acme/b",
        "b was merged into a, as declared",
        "Before 2026-08-10",
        "From 2026-08-10 on",
        "Team A takes its names and cost",
    ] {
        assert!(preview.body.contains(words), "no '{words}' in {}", preview.body);
    }
    assert!(preview.body.contains("data-sum=\"20.125\""), "{}", preview.body);
    let trees = preview.body.split("id=\"t-before-0\"").nth(1).and_then(|rest| rest.split("</table>").next());
    let trees = trees.expect("the org as it was");
    assert!(trees.contains("Acme") && trees.contains("2 other units") && !trees.contains("Team C"), "{trees}");
    assert_eq!(home.digest(), before);
    assert_eq!(send(&site, &val, "/org/plan", &change()).status, 403);
    assert_eq!(send(&site, &app, "/org/plan", &change()).status, 403, "who approves does not plan");
    let forged = send(&site, &stu, "/org/plan", &format!("{}&reason=x&expect={}", change(), "0".repeat(64)));
    assert_eq!(forged.status, 409, "{}", forged.body);
    let expect = hidden(&preview.body, "expect");
    let blank = send(&site, &stu, "/org/plan", &format!("{}&expect={expect}", change()));
    assert!(blank.status == 422 && blank.body.contains("a reason"), "{}", blank.body);

    let place = asked(&site, &stu);
    assert_eq!(place, "/org/plans/1");
    assert_eq!(home.digest(), before, "nothing moves before somebody approves it");
    let listed = as_person(&site, "GET", "/org/plans", &val).body;
    assert!(listed.contains("1 wait for an approval") && listed.contains("merged"), "{listed}");
    let own = as_person(&site, "GET", &place, &stu).body;
    assert!(own.contains("Somebody else approves it") && !own.contains("Approve and perform"), "{own}");
    assert_eq!(send(&site, &stu, &format!("{place}/approve"), "expect=0").status, 403, "a steward approves nothing");
    assert_eq!(send(&site, &app, &format!("{place}/approve"), "").status, 422, "what was shown is missing");
    assert_eq!(send(&site, &app, &format!("{place}/approve"), "expect=0").status, 409);
    assert_eq!(home.digest(), before);
    let done = approve(&site, &app, &place);
    assert_eq!((done.status, done.header("location")), (303, place.as_str()), "{}", done.body);
    assert_eq!(home.digest(), copy.digest(), "to the byte");
    assert_eq!(home.spend("path", &[]), copy.spend("path", &[]));
    let again = send(&site, &app, &format!("{place}/approve"), "expect=0");
    assert!(again.status == 422 && again.body.contains("was given by app"), "{}", again.body);
    let log = as_person(&site, "GET", "/org/log", &val).body;
    assert!(log.contains("in force") && !log.contains("Take back reorg"), "{log}");
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    for word in ["approval asked", "approval given", "reorg applied", "\"stu\"", "\"app\""] {
        assert!(trail.contains(word), "no {word} in {trail}");
    }

    // Taken back, again by two people.
    let preview = send(&site, &stu, "/org/log/1/revert", "");
    assert!(preview.status == 200 && preview.body.contains("20.13 USD"), "{}", preview.body);
    let expect = hidden(&preview.body, "expect");
    let done = send(&site, &stu, "/org/log/1/revert", &format!("reason=too+early&expect={expect}"));
    assert_eq!((done.status, done.header("location")), (303, "/org/plans/2"), "{}", done.body);
    assert_eq!(send(&site, &stu, "/org/plans/2/approve", "expect=0").status, 403);
    let done = approve(&site, &app, "/org/plans/2");
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(home.digest(), before, "what was, to the byte");
    assert_eq!(send(&site, &stu, "/org/log/1/revert", "").status, 422, "once");
    assert_eq!(send(&site, &stu, "/org/log/9/revert", "").status, 404);
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
    home.verified();
}

#[test]
fn nobody_approves_what_they_asked_for_or_what_is_no_longer_so() {
    let home = home();
    let site = Site::start(&home);
    let [stu, app, bo] = ["stu", "app", "bo"].map(|name| cookie(&site, name));
    let own = asked(&site, &bo);
    let refused = send(&site, &bo, &format!("{own}/approve"), "expect=0");
    assert!(refused.status == 403 && refused.body.contains("somebody else has to approve"), "{}", refused.body);
    assert_eq!(send(&site, &app, &format!("{own}/decline"), "note=not+now").status, 303);
    let page = as_person(&site, "GET", &own, &bo).body;
    assert!(page.contains("Declined by app") && page.contains("not now"), "{page}");

    let taken_back = asked(&site, &stu);
    assert_eq!(send(&site, &stu, &format!("{taken_back}/withdraw"), "").status, 303);
    assert_eq!(send(&site, &app, &format!("{taken_back}/approve"), "expect=0").status, 422);

    let late = asked(&site, &stu);
    let expect = hidden(&as_person(&site, "GET", &late, &app).body, "expect");
    home.ingest(&home.write("2026-09.csv", &bill("2026-09", &[("2026-09-01", "i-b", "b", "7")])));
    let before = home.digest();
    let page = as_person(&site, "GET", &late, &app).body;
    assert!(page.contains("the plan is stale"), "{page}");
    let stale = send(&site, &app, &format!("{late}/approve"), &format!("expect={expect}"));
    assert!(stale.status == 409 && stale.body.contains("plan again"), "{}", stale.body);
    assert_eq!(home.digest(), before);
}

#[test]
fn an_approval_needs_a_login_that_is_not_old() {
    let home = home();
    let (place, app) = {
        let site = Site::start_at(&home, "2027-01-10T08:00:00Z");
        let stu = cookie(&site, "stu");
        (asked(&site, &stu), cookie(&site, "app"))
    };
    let before = home.digest();
    let site = Site::start_at(&home, "2027-01-10T08:06:00Z");
    let old = approve(&site, &app, &place);
    assert!(
        old.status == 403 && old.body.contains("log in again") && old.body.contains("/login/again?to="),
        "{}",
        old.body
    );
    assert_eq!(home.digest(), before);
    let again = cookie(&site, "app");
    assert_eq!(approve(&site, &again, &place).status, 303);
}

#[test]
fn what_is_wrong_stands_below_the_text() {
    let home = home();
    let site = Site::start(&home);
    let stu = cookie(&site, "stu");
    let before = home.digest();
    let hostile = "units:\n  - {id: acme, name: \"</textarea><script>x</script>\", parent: nobody}\n";
    let wrong = send(&site, &stu, "/org/plan", &fields(&[("text", hostile), ("effective", "2026-08-10")]));
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert!(wrong.body.contains("org.yaml:") && wrong.body.contains("&lt;/textarea&gt;"), "{}", wrong.body);
    assert!(!wrong.body.contains("<script>x") && !wrong.body.contains("</textarea><script>"), "{}", wrong.body);
    // A name that is allowed is shown as it is, and no markup.
    let renamed = ORG.replace("Team B", "<b>Team</b>");
    let shown = send(&site, &stu, "/org/plan", &fields(&[("text", &renamed), ("effective", "2026-08-10")]));
    assert!(shown.status == 200 && shown.body.contains("&lt;b&gt;Team"), "{}", shown.body);
    assert!(!shown.body.contains("<b>Team"), "{}", shown.body);
    let no_day = send(&site, &stu, "/org/plan", &fields(&[("text", NEXT)]));
    assert!(no_day.status == 422 && no_day.body.contains("from which day on"), "{}", no_day.body);
    let same = send(&site, &stu, "/org/plan", &fields(&[("text", ORG), ("effective", "2026-08-10")]));
    assert!(same.status == 422 && same.body.contains("the org is already so"), "{}", same.body);
    assert_eq!(home.digest(), before);
}

#[test]
fn who_is_alone_approves_what_they_planned() {
    let home = Home::with(ORG, RULES);
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &[("2026-08-21", "i-b", "b", "20.125")])));
    let site = Site::start(&home);
    let place = asked(&site, "");
    let done = approve(&site, "", &place);
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(home.spend("team", &[]), [("a".to_owned(), "20.125".to_owned())]);
}

#[test]
fn people_are_counted_and_not_named() {
    let home = home();
    let site = Site::start(&home);
    let stu = cookie(&site, "stu");
    let staff = "employee,manager,cost_centre,team,effective_date
e-1,,100,Shop,2026-01-01
e-2,e-1,110,Payments,2026-01-01
e-3,e-2,110,Payments,2026-01-01
e-4,e-1,120,Search,2026-01-01
e-3,e-4,120,Search,2026-07-01
";
    let preview = send(&site, &stu, "/org/plan", &fields(&[("text", staff)]));
    assert_eq!(preview.status, 200, "{}", preview.body);
    assert!(preview.body.contains("2 people join or leave it"), "{}", preview.body);
    assert!(preview.body.contains("1 person joins or leaves it"), "{}", preview.body);
    for name in ["e-3 went", "e-3 joined", "e-1 joined"] {
        assert!(!preview.body.contains(name), "{name} in {}", preview.body);
    }
}
