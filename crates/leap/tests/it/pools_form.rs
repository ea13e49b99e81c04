//! The policy of pools that is changed through the site: who pays more or less is shown first, and applied exactly so.

use crate::bill::{ORG, bill};
use crate::harness::{Home, pairs, text};
use crate::rights::{add, as_person, cookie, fields, hidden, send};
use crate::site::{Site, rows};

const RULES: &str = "rules:
  - id: shared
    when: \"ResourceId = 'kafka-1'\"
    pool: kafka
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

const POOLS: &str = "pools:
  - name: kafka
    steward: c
    driver: {fixed: {a: 1, b: 3}}
";

fn home() -> Home {
    let home = Home::with(ORG, RULES);
    for month in ["2026-07", "2026-08"] {
        let day = format!("{month}-10");
        let lines = [(day.as_str(), "i-a", "a", "10"), (&day, "kafka-1", "", "8")];
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &lines)));
    }
    for (name, role) in [("eve", "administrator"), ("stu", "steward"), ("val", "viewer")] {
        let added = add(&home, name, &[role]);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    home
}

#[test]
fn what_the_form_applies_is_what_the_command_would_have_applied() {
    let home = home();
    let site = Site::start(&home);
    let [stu, val] = ["stu", "val"].map(|name| cookie(&site, name));
    let copy = home.copy();
    copy.write("pools.yaml", POOLS);
    copy.ok(&["pool", "apply", "pools.yaml", "--effective", "2026-08-01"]);
    home.ok(&["period", "close", "2026-08"]);
    let before = home.digest();
    let change = fields(&[("text", POOLS), ("effective", "2026-08-01")]);
    assert_eq!(send(&site, &val, "/pools", &change).status, 403);
    let preview = send(&site, &stu, "/pools", &change);
    assert_eq!(preview.status, 200, "{}", preview.body);
    for words in ["8.00 USD of effective cost is paid by others", "+6.00", "keeping their statements: 2026-08"] {
        assert!(preview.body.contains(words), "no '{words}' in {}", preview.body);
    }
    assert!(preview.body.contains("data-sum=\"0\""), "{}", preview.body);
    assert_eq!(home.digest(), before);
    assert_eq!(send(&site, &stu, "/pools", &format!("{change}&expect=0")).status, 409);
    let expect = hidden(&preview.body, "expect");
    let done = send(&site, &stu, "/pools", &format!("{change}&expect={expect}"));
    assert_eq!((done.status, done.header("location")), (303, "/pools"), "{}", done.body);
    assert_eq!(home.digest(), copy.digest(), "to the byte");
    let page = as_person(&site, "GET", "/pools", &stu).body;
    assert!(page.contains("In force from 2026-08-01") && page.contains("fixed: {a: 1, b: 3}"), "{page}");
    assert!(!as_person(&site, "GET", "/pools", &val).body.contains("<textarea"));
    let again = send(&site, &stu, "/pools", &change);
    assert!(again.status == 422 && again.body.contains("in force already"), "{}", again.body);
}

#[test]
fn what_is_wrong_stands_below_the_text() {
    let home = home();
    let site = Site::start(&home);
    let stu = cookie(&site, "stu");
    let before = home.digest();
    let hostile =
        POOLS.replace("steward: c", "steward: \"</textarea><script>x</script>\"").replace("b: 3", "nobody: 3");
    let wrong = send(&site, &stu, "/pools", &fields(&[("text", &hostile)]));
    assert!(wrong.status == 422 && wrong.body.contains("pools.yaml:"), "{}", wrong.body);
    assert!(wrong.body.contains("&lt;/textarea&gt;") && !wrong.body.contains("<script>x"), "{}", wrong.body);
    let inside = send(&site, &stu, "/pools", &fields(&[("text", POOLS), ("effective", "2026-08-10")]));
    assert!(inside.status == 422 && inside.body.contains("calendar months"), "{}", inside.body);
    let file = POOLS.replace("{fixed: {a: 1, b: 3}}", "{measured: drivers.csv}");
    let missing = send(&site, &stu, "/pools", &fields(&[("text", &file)]));
    assert!(missing.status == 422 && missing.body.contains("leap pool apply"), "{}", missing.body);
    assert_eq!(send(&site, &stu, "/pools", "").status, 422);
    assert_eq!(home.digest(), before);
}

#[test]
fn a_pool_has_a_page_and_so_has_each_of_its_days() {
    let home = Home::with(ORG, RULES);
    for (month, cost) in [("2026-07", "8"), ("2026-08", "0.000000000000000001")] {
        let days = [format!("{month}-10"), format!("{month}-11")];
        let lines = [(days[0].as_str(), "kafka-1", "", cost), (&days[1], "kafka-1", "", "4")];
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &lines)));
    }
    home.write("pools.yaml", POOLS);
    home.ok(&["pool", "apply", "pools.yaml"]);
    let site = Site::start(&home);
    let users = |period: &str| rows(&site, &format!("/pools/kafka?period={period}"), "pool-kafka", "Team", "Cost");
    assert_eq!(users("2026-07"), pairs(&[("Team B", "9"), ("Team A", "3")]));
    assert_eq!(users("2026-08"), pairs(&[("Team B", "3.000000000000000001"), ("Team A", "1")]));
    let page = site.page("/pools/kafka?period=2026-08");
    for words in ["split by fixed", "data-sum=\"4.000000000000000001\"", "against 2026-07", "2 teams pay 4.00 of it"] {
        assert!(page.contains(words), "no '{words}' in {page}");
    }
    let days = rows(&site, "/pools/kafka?period=2026-08", "days", "Day", "Cost");
    assert_eq!(days, pairs(&[("2026-08-10", "0.000000000000000001"), ("2026-08-11", "4")]));
    // In a flow, what comes into a pool goes out of it to teams.
    let bands = rows(&site, "/explore?by=service,pool,team&chart=flow&period=2026-07", "flow", "From", "Amount");
    let all = [("Amazon EC2", "12"), ("kafka", "9"), ("kafka", "3")];
    assert_eq!(bands, pairs(&all));
    let boxes = rows(&site, "/explore?by=pool,team&chart=treemap&period=2026-07", "paths", "Pool › Team", "2026-07");
    assert_eq!(boxes, pairs(&[("kafka", "12"), ("Team B", "9"), ("Team A", "3")]));
    // A day says what the command says: exact fractions, and who got the unit that cannot be divided.
    let path = "/pools/kafka/2026-08-10";
    let told = home.json(&["pool", "explain", "kafka", "2026-08-10"]);
    let effective = |row: &serde_json::Value| text(&row["effective"]);
    let by_command: Vec<String> = told["rows"].as_array().expect("rows").iter().map(effective).collect();
    let by_page = rows(&site, path, "split-0", "Who", "Effective");
    assert_eq!(by_page.iter().map(|(_, cost)| cost.clone()).collect::<Vec<_>>(), by_command);
    assert_eq!(by_page, pairs(&[("Team A", "0"), ("Team B", "0.000000000000000001")]));
    let shares = rows(&site, path, "split-0", "Share", "Got a last unit of");
    assert_eq!((shares[0].0.as_str(), shares[1].0.as_str()), ("1/4", "3/4"));
    assert!(shares[1].1.contains("effective"), "{shares:?}");
    assert!(site.page(&format!("{path}?team=b")).contains("aria-current=\"true\""));
    assert!(site.page("/pools/kafka/2026-08-12").contains("cost nothing on 2026-08-12"));
    assert!(site.page("/pools").contains("href=\"/pools/kafka\""));
    for (path, words) in [
        ("/pools/kafa", "Did you mean kafka?"),
        ("/pools/kafka/2026-13-01", "is no day"),
        ("/pools/nothing/2026-08-10", "There is no pool nothing"),
    ] {
        let wrong = site.get(path);
        assert!(wrong.status == 404 && wrong.body.contains(words), "{path}: {}", wrong.body);
    }
}
