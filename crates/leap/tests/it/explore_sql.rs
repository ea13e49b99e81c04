//! What Explore offers as SQL says what the page says; and what does not prove is not shown.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bill::{ORG, bill, bill_in};
use crate::damage::tamper;
use crate::harness::{Home, text};
use crate::site::Site;

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
    driver: {fixed: {a: 1, b: 2}}
";

fn home() -> Home {
    let home = Home::with(ORG, RULES);
    home.write("pools.yaml", POOLS);
    home.ok(&["pool", "apply", "pools.yaml"]);
    for month in ["2026-07", "2026-08"] {
        let day = format!("{month}-10");
        let lines = [(day.as_str(), "i-a", "a", "10.000000000000000000000007"), (&day, "i-it's", "b", "5.5")];
        let more = [(day.as_str(), "kafka-1", "", "7"), (&day, "lost", "", "-0.25")];
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &[lines, more].concat())));
        let euros = [(day.as_str(), "e-1", "a", "3")];
        home.ingest(
            &home.write(&format!("{month}-eur.csv"), &bill_in("EUR", month, &euros).replace(",acc,", ",acc-eu,")),
        );
    }
    home
}

/// The text of an attribute of a page, or none.
fn attribute(page: &str, before: &str, after: &str) -> Option<String> {
    let end = page.find(after)?;
    let start = page[..end].rfind(before)? + before.len();
    let text = &page[start..end];
    Some(text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// Rows by all but the last of their values.
fn by_names(rows: &Value, names: &[&str], amount: &str) -> BTreeMap<Vec<String>, String> {
    let rows = rows.as_array().expect("rows");
    let of = |row: &Value, name: &str| if row[name].is_null() { String::new() } else { text(&row[name]) };
    rows.iter()
        .map(|row| (names.iter().map(|name| of(row, name)).collect(), of(row, amount)))
        .filter(|(_, amount): &(Vec<String>, String)| amount != "0")
        .collect()
}

#[test]
fn the_sql_of_a_page_and_its_command_have_the_same_rows() {
    let home = home();
    let site = Site::start(&home);
    let mut asked = 0;
    for (by, more, command) in [
        ("team", "", vec![]),
        ("team,service", "&period=2026", vec!["--period", "2026"]),
        ("rule,source", "&basis=invoiced", vec!["--basis", "invoiced"]),
        ("pool,day", "&measure=EUR", vec![]),
        (
            "month,category",
            "&period=2026-07..2026-08&cost=list",
            vec!["--period", "2026-07..2026-08", "--cost", "list"],
        ),
        ("resource", "&pools=kept&team=a&team=b", vec!["--pools", "kept", "--where", "team IN ('a', 'b')"]),
        ("team", "&tag.team=a", vec!["--where", "Tags['team'] = 'a'"]),
        ("team", "&resource=i-it%27s", vec!["--where", "ResourceId = 'i-it''s'"]),
        ("billing_period", "&rule=(none)", vec!["--where", "rule IS NULL"]),
    ] {
        let august = if more.contains("period=") { "" } else { "&period=2026-08" };
        let page = site.page(&format!("/explore?by={by}{more}{august}"));
        let Some(sql) = attribute(&page, "data-copy=\"", "\">As SQL<") else {
            panic!("no SQL for {by}{more}: {page}");
        };
        let names: Vec<&str> = by.split(',').collect();
        let amount = if more.contains("cost=list") { "list" } else { "effective" };
        let told = by_names(&home.json(&["sql", &sql])["rows"], &names, amount);
        let days: &[&str] = if august.is_empty() { &[] } else { &["--period", "2026-08"] };
        let mut rows = home.json(&[&["spend", "--by", by], command.as_slice(), days].concat())["rows"].clone();
        let currency = if more.contains("EUR") { "EUR" } else { "USD" };
        rows.as_array_mut().unwrap().retain(|row| text(&row["currency"]) == currency);
        let own = by_names(&rows, &names, "amount");
        assert!(!own.is_empty(), "{by}{more}");
        assert_eq!(told, own, "{by}{more}: {sql}");
        asked += 1;
    }
    assert_eq!(asked, 9);
    for (more, why) in [
        ("by=company", "a level of the org is no column"),
        ("by=team&org=as-is", "as it was on each day"),
        ("by=service&under=a", "all below it"),
        ("by=service&where=team%3D%27a%27", "words of its own"),
    ] {
        let page = site.page(&format!("/explore?{more}"));
        assert!(page.contains("No SQL: ") && page.contains(why), "{more}: {page}");
    }
}

#[test]
fn figures_are_withheld_where_the_proof_does_not_hold() {
    let home = home();
    let whole = Site::start(&home);
    assert!(whole.page("/").contains("data-v"));
    assert!(whole.get("/metrics").body.contains("leap_attributed_cost_dollars{team=\"a\",provider=\"AWS\"}"));
    drop(whole);
    let bent = tamper(&home, "UPDATE proof SET attributed = '1' WHERE until_snapshot IS NULL AND currency = 'USD'");
    assert!(bent > 0);
    let site = Site::start(&home);
    for page in
        ["/", "/team/a", "/explore?by=team", "/explore?rows=charges", "/resource?id=i-a", "/pools", "/org", "/periods"]
    {
        let answer = site.page(page);
        assert!(answer.contains("The proof does not hold"), "{page}: {answer}");
        assert!(!answer.contains("data-v"), "{page}: {answer}");
        let join = if page.contains('?') { '&' } else { '?' };
        let csv = site.get(&format!("{page}{join}format=csv")).body;
        assert!(!csv.contains("10.00"), "{page}: {csv}");
    }
    let api = site.get("/api/v1/explore?by=team").body;
    assert!(api.contains("withheld") && !api.contains("10.000"), "{api}");
    // What says where it does not hold says so in figures.
    assert!(site.page("/coverage").contains("data-v"));
    assert!(site.page("/data?tab=proofs").contains("The proof does not hold"));
    let figures = site.get("/metrics").body;
    assert!(figures.contains("leap_reconciliation_difference_dollars"), "{figures}");
    assert!(!figures.contains("leap_attributed_cost_dollars"), "{figures}");
}
