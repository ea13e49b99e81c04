//! Rules that are changed through the site: shown in money first, applied exactly so, and never by who may not.

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, text};
use crate::rights::{add, as_person, cookie, fields, hidden, send};
use crate::site::{Site, rows};

const HERE: &str = "/coverage/rules";

/// Also gives team c what nobody owned.
const MORE: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
  - id: lost
    when: \"ResourceId = 'i-none'\"
    owner: c
residual: {steward: cloud-efficiency}
";

/// Teams a and b with a resource each, and one that nobody owns.
fn home() -> Home {
    let home = Home::with(ORG, RULES);
    let july = [("2026-07-10", "i-a", "a", "80.25"), ("2026-07-31", "i-none", "", "1.5")];
    home.ingest(&home.write("2026-07.csv", &bill("2026-07", &july)));
    let august = [
        ("2026-08-10", "i-a", "a", "100.5"),
        ("2026-08-11", "i-b", "b", "20.125"),
        ("2026-08-12", "i-none", "", "3.375"),
    ];
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &august)));
    home
}

fn with_people() -> Home {
    let home = home();
    for (name, role) in [("eve", "administrator"), ("stu", "steward"), ("val", "viewer"), ("stu-a", "steward@a")] {
        let added = add(&home, name, &[role]);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    home
}

#[test]
fn what_the_form_applies_is_what_the_command_would_have_applied() {
    let home = with_people();
    let site = Site::start(&home);
    let [stu, val, part] = ["stu", "val", "stu-a"].map(|name| cookie(&site, name));
    let page = as_person(&site, "GET", HERE, &stu).body;
    assert!(page.contains("<textarea") && page.contains("team-tag") && page.contains("live"), "{page}");
    let reader = as_person(&site, "GET", HERE, &val);
    assert!(reader.status == 200 && reader.body.contains("team-tag"), "{}", reader.body);
    assert!(!reader.body.contains("<textarea"), "who may not change them reads them only");
    assert_eq!(as_person(&site, "GET", HERE, &part).status, 403);

    let copy = home.copy();
    copy.write("rules.yaml", MORE);
    copy.ok(&["rules", "apply", "rules.yaml", "--effective", "2026-08-01"]);
    let before = home.digest();
    // As browsers send it.
    let sent = MORE.replace('\n', "\r\n");
    let change = fields(&[("text", &sent), ("effective", "2026-08-01")]);
    assert_eq!(send(&site, &val, HERE, &change).status, 403);
    assert_eq!(send(&site, &part, HERE, &change).status, 403, "rules are of the whole company");
    let preview = send(&site, &stu, HERE, &change);
    assert_eq!(preview.status, 200, "{}", preview.body);
    for words in ["Nothing was changed yet", "3.38 USD gets an owner in the billing period 2026-08", "1 of 3 keys"] {
        assert!(preview.body.contains(words), "no '{words}' in {}", preview.body);
    }
    assert!(preview.body.contains("data-sum=\"3.375\""), "the moves add up: {}", preview.body);
    assert!(preview.body.contains("data-sum=\"0\""), "and net to nothing: {}", preview.body);
    assert!(preview.body.contains("<ins>  - id: lost</ins>"), "and how the texts differ: {}", preview.body);
    assert_eq!(home.digest(), before, "a preview changes nothing");
    let forged = send(&site, &stu, HERE, &format!("{change}&expect={}", "0".repeat(64)));
    assert_eq!(forged.status, 409, "{}", forged.body);
    assert!(forged.body.contains("as it is now") && forged.body.contains("3.38 USD"), "{}", forged.body);
    assert_eq!(home.digest(), before);
    let expect = hidden(&preview.body, "expect");
    assert_eq!(send(&site, &val, HERE, &format!("{change}&expect={expect}")).status, 403);
    let done = send(&site, &stu, HERE, &format!("{change}&expect={expect}"));
    assert_eq!((done.status, done.header("location")), (303, HERE), "{}", done.body);
    assert_eq!(home.digest(), copy.digest(), "to the byte");
    assert_eq!(home.spend("team", &["--period", "2026-08"]), copy.spend("team", &["--period", "2026-08"]));
    let trail = home.json(&["audit", "list"]);
    let newest = &trail["rows"][0];
    assert_eq!(text(&newest["actor"]), "stu", "{newest:#}");
    home.verified();

    // Said once more, and with the ends of lines of browsers, they are in force already.
    let again = send(&site, &stu, HERE, &change);
    assert!(again.status == 422 && again.body.contains("in force already"), "{}", again.body);
    // On all days: what begins in August would be in the way.
    let all_days = send(&site, &stu, HERE, &fields(&[("text", RULES)]));
    assert!(all_days.status == 422 && all_days.body.contains("say what becomes of them"), "{}", all_days.body);
    let keep = send(&site, &stu, HERE, &fields(&[("text", MORE), ("later", "keep")]));
    assert!(keep.status == 200 && keep.body.contains("1.50 USD gets an owner"), "{}", keep.body);
}

#[test]
fn what_came_in_between_is_shown_and_nothing_is_applied() {
    let home = with_people();
    let site = Site::start(&home);
    let stu = cookie(&site, "stu");
    let change = fields(&[("text", MORE)]);
    let preview = send(&site, &stu, HERE, &change);
    assert!(
        preview.body.contains("4.88 USD gets an owner in 2 billing periods, 2026-07 to 2026-08"),
        "{}",
        preview.body
    );
    home.ingest(&home.write("2026-09.csv", &bill("2026-09", &[("2026-09-01", "i-none", "", "7")])));
    let before = home.digest();
    let expect = hidden(&preview.body, "expect");
    let stale = send(&site, &stu, HERE, &format!("{change}&expect={expect}"));
    assert_eq!(stale.status, 409, "{}", stale.body);
    assert!(stale.body.contains("11.88 USD gets an owner"), "the new difference: {}", stale.body);
    assert_eq!(home.digest(), before);
    let expect = hidden(&stale.body, "expect");
    assert_eq!(send(&site, &stu, HERE, &format!("{change}&expect={expect}")).status, 303);
    assert_ne!(home.digest(), before);
    // Programs get the fault alone.
    let json = send(&site, &stu, "/api/v1/coverage/rules", &format!("{}&expect=0", fields(&[("text", RULES)])));
    assert_eq!((json.status, json.json()["status"].as_u64()), (409, Some(409)), "{}", json.body);
}

#[test]
fn what_is_wrong_stands_below_the_text_with_line_and_remedy() {
    let home = with_people();
    let site = Site::start(&home);
    let stu = cookie(&site, "stu");
    let before = home.digest();
    let hostile = "rules:\n  - id: \"<script>alert(1)</script>\"\n    owner: \"</textarea><b>nobody</b>\"\n";
    let wrong = send(&site, &stu, HERE, &fields(&[("text", hostile)]));
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert!(wrong.body.contains("rules.yaml:"), "the line: {}", wrong.body);
    assert!(wrong.body.contains("aria-invalid=\"true\"") && wrong.body.contains("role=\"alert\""), "{}", wrong.body);
    assert!(wrong.body.contains("&lt;/textarea&gt;&lt;b&gt;nobody"), "the text stays: {}", wrong.body);
    for raw in ["<script>alert", "</textarea><b>"] {
        assert!(!wrong.body.contains(raw), "{raw} is markup in {}", wrong.body);
    }
    let unknown = send(&site, &stu, HERE, &fields(&[("text", &MORE.replace("owner: c", "owner: tema-c"))]));
    assert!(unknown.status == 422 && unknown.body.contains("rules.yaml:7"), "{}", unknown.body);
    let no_file = send(&site, &stu, HERE, &fields(&[("text", "rules:\n  - id: x\n    mapping: owners.csv\n")]));
    assert!(no_file.status == 422 && no_file.body.contains("leap rules apply"), "{}", no_file.body);
    let no_day = send(&site, &stu, HERE, &fields(&[("text", MORE), ("effective", "<i>soon")]));
    assert!(no_day.status == 422 && no_day.body.contains("&lt;i&gt;soon"), "{}", no_day.body);
    assert_eq!(send(&site, &stu, HERE, "effective=2026-08-01").status, 422, "without a text");
    let json = send(&site, &stu, "/api/v1/coverage/rules", &fields(&[("text", hostile)]));
    assert!(json.status == 422 && text(&json.json()["detail"]).contains("rules.yaml:"), "{}", json.body);
    assert_eq!(home.digest(), before);
}

#[test]
fn dead_and_shadowed_rules_and_closed_periods_are_named_first() {
    let home = with_people();
    home.ok(&["period", "close", "2026-07"]);
    let site = Site::start(&home);
    let stu = cookie(&site, "stu");
    let twice = format!(
        "{}  - id: late\n    when: \"ResourceId = 'i-a'\"\n    owner: b\n  - id: never\n    when: \"ResourceId = 'nowhere'\"\n    owner: b\n",
        MORE.replace("residual: {steward: cloud-efficiency}\n", "")
    );
    let preview = send(&site, &stu, HERE, &fields(&[("text", &twice)]));
    assert_eq!(preview.status, 200, "{}", preview.body);
    for words in ["comes too late", "never matches", "keeping their statements: 2026-07"] {
        assert!(preview.body.contains(words), "no '{words}' in {}", preview.body);
    }
    let expect = hidden(&preview.body, "expect");
    let done = send(&site, &stu, HERE, &format!("{}&expect={expect}", fields(&[("text", &twice)])));
    assert_eq!(done.status, 303, "{}", done.body);
    let page = as_person(&site, "GET", HERE, &stu).body;
    assert!(page.contains(">dead<") && page.contains(">shadowed<") && page.contains(">live<"), "{page}");
}

#[test]
fn rules_and_what_no_rule_owns_are_the_whole_bill() {
    let home = home();
    let site = Site::start(&home);
    let owned = rows(&site, "/coverage/rules?period=2026-08", "rules", "Rule", "Cost");
    assert_eq!(owned, [("team-tag", "120.625"), ("no rule", "3.375")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    // A form is as large as a document may be, and no larger.
    let origin = format!("http://{}", site.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let long = format!("{MORE}# {}\n", "x".repeat(3 << 20));
    let preview = site.ask("POST", HERE, &headers, &fields(&[("text", &long)]));
    assert_eq!(preview.status, 200, "{}", &preview.body[..preview.body.len().min(2000)]);
    let small = site.ask("POST", "/claims/new", &headers, &format!("reason={}", "x".repeat(2 << 20)));
    assert!(small.status == 422 && small.body.contains("larger than 1 MiB"), "{}", small.body);
}

#[test]
fn a_suggestion_joins_the_rules_in_force_after_it_was_shown_what_it_moves() {
    let home =
        Home::with(ORG, "rules:\n  - {id: none, when: \"ResourceId = 'i-0'\", owner: c}\nresidual: {steward: c}\n");
    let august =
        [("2026-08-10", "i-a", "a", "100.5"), ("2026-08-11", "i-b", "b", "20.125"), ("2026-08-12", "i-x", "", "3")];
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &august)));
    for (name, role) in [("eve", "administrator"), ("stu", "steward"), ("val", "viewer")] {
        let added = add(&home, name, &[role]);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    let site = Site::start(&home);
    let [stu, val] = ["stu", "val"].map(|name| cookie(&site, name));
    let told = home.json(&["rules", "suggest"])["rows"][0].clone();
    assert_eq!(text(&told["amount"]), "120.625", "{told:#}");
    let page = as_person(&site, "GET", "/coverage/rules?suggest=1", &stu).body;
    assert!(page.contains("120.63 USD in 2 charges") && page.contains("Tags['team']"), "{page}");
    let reader = as_person(&site, "GET", "/coverage/rules?suggest=1", &val).body;
    assert!(reader.contains("120.63 USD") && !reader.contains("name=\"take\""), "who may not change them reads them");
    let take = fields(&[("take", &text(&told["rule"]))]);
    assert_eq!(send(&site, &val, HERE, &take).status, 403);
    let preview = send(&site, &stu, HERE, &take);
    assert!(preview.status == 200 && preview.body.contains("120.63 USD gets an owner"), "{}", preview.body);
    let change =
        fields(&[("text", &unescaped(&hidden(&preview.body, "text"))), ("expect", &hidden(&preview.body, "expect"))]);
    let done = send(&site, &stu, HERE, &change);
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(home.spend("team", &["--period", "2026-08"])[0], ("a".to_owned(), "100.5".to_owned()));
    let broken = send(&site, &stu, HERE, &fields(&[("take", "]")]));
    assert_eq!(broken.status, 422, "{}", broken.body);
    // Both texts are kept, with who applied them, and how they differ.
    let versions = as_person(&site, "GET", "/coverage/rules?versions=1", &val).body;
    assert!(versions.contains(">stu<") && versions.contains("versions=1..2"), "{versions}");
    let compared = as_person(&site, "GET", "/coverage/rules?versions=1..2", &val).body;
    assert!(compared.contains("<ins>") && compared.contains("<span>rules:</span>"), "{compared}");
    for (asked, words) in
        [("3..1", "there is no version 3"), ("x", "neither 1 nor two versions"), ("1&suggest=1", "one of them")]
    {
        let wrong = as_person(&site, "GET", &format!("/coverage/rules?versions={asked}"), &val);
        assert!(wrong.status == 422 && wrong.body.contains(words), "{asked}: {}", wrong.body);
    }
}

/// The text of an attribute.
fn unescaped(text: &str) -> String {
    [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
