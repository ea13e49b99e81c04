//! Ownership that people settle: claims, disputes, answers, escalation; and the residual as it goes down.

use serde_json::Value;

use crate::bill::{RULES, bill};
use crate::harness::{Home, Ran, pairs, ran, text};

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: shop, name: Shop, kind: division, parent: acme}
  - {id: payments, name: Payments, kind: team, parent: shop, aliases: [pay]}
  - {id: search, name: Search, kind: team, parent: shop}
  - {id: infra, name: Infrastructure, kind: division, parent: acme}
  - {id: platform, name: Platform, kind: team, parent: infra}
";

const START: &str = "2026-09-16T08:00:00Z";

/// Runs `leap` at some time.
fn at(home: &Home, now: &str, args: &[&str]) -> Ran {
    ran(home.command(args).env("LEAP_NOW", now).output().expect("leap starts"))
}

#[track_caller]
fn ok(home: &Home, now: &str, args: &[&str]) -> String {
    let ran = at(home, now, args);
    assert_eq!(ran.code, 0, "leap {args:?} failed:\n{}{}", ran.out, ran.err);
    ran.out
}

#[track_caller]
fn json(home: &Home, now: &str, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.extend(["--format", "json"]);
    serde_json::from_str(&ok(home, now, &args)).expect("the answer is JSON")
}

#[track_caller]
fn refused(home: &Home, now: &str, args: &[&str], words: &[&str]) {
    let before = home.digest();
    let ran = at(home, now, args);
    assert_ne!(ran.code, 0, "leap {args:?} was not refused:\n{}", ran.out);
    for word in words {
        assert!(ran.err.contains(word), "no '{word}' in\n{}", ran.err);
    }
    assert_eq!(home.digest(), before, "a refusal changes nothing");
}

/// Two resources of payments and two of nobody, on days of September.
fn company() -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.write(
        "bill.csv",
        &bill(
            "2026-09",
            &[
                ("2026-09-01", "i-1", "payments", "1"),
                ("2026-09-10", "i-1", "payments", "2"),
                ("2026-09-12", "i-1", "payments", "4"),
                ("2026-09-10", "i-2", "pay", "8"),
                ("2026-09-02", "i-3", "", "16"),
                ("2026-09-11", "i-3", "", "32"),
                ("2026-09-11", "i-4", "stranger", "64"),
            ],
        ),
    );
    ok(&home, START, &["ingest", "bill.csv"]);
    ok(&home, START, &["org", "apply", "org.yaml"]);
    ok(&home, START, &["rules", "apply", "rules.yaml"]);
    home
}

fn owned(home: &Home) -> Vec<(String, String)> {
    home.spend("team", &["--period", "2026-09"])
}

fn untouched() -> Vec<(String, String)> {
    pairs(&[("payments", "15"), ("residual:no-rule", "48"), ("residual:unknown-team", "64")])
}

fn listed(home: &Home, number: usize) -> Value {
    let list = json(home, START, &["claims", "list"]);
    let rows = list["rows"].as_array().expect("rows").clone();
    rows.into_iter().find(|row| text(&row["claim"]) == number.to_string()).expect("the claim is listed")
}

#[test]
fn what_nobody_owns_is_a_teams_as_soon_as_it_says_so() {
    let home = company();
    let args = ["claim", "i-3", "--by", "Search", "--reason", "our index", "--evidence", "OPS-1412"];
    let claimed = json(&home, START, &args);
    assert_eq!(text(&claimed["state"]), "accepted", "{claimed:#}");
    assert_eq!(text(&claimed["moves"][0]["amount"]), "48");
    assert_eq!(owned(&home), pairs(&[("payments", "15"), ("residual:unknown-team", "64"), ("search", "48")]));
    let row = listed(&home, 1);
    assert_eq!(
        ["state", "from", "to", "reason", "evidence", "effective"].map(|column| text(&row[column])),
        ["accepted", "residual:no-rule", "search", "our index", "OPS-1412", "2026-09-01"]
    );
    let explained = home.ok(&["explain", "i-3", "--period", "2026-09"]);
    assert!(
        explained.contains("claim-1: from residual:no-rule to search since 2026-09-01: our index (OPS-1412)"),
        "{explained}"
    );
    home.verified();
}

#[test]
fn what_a_team_owns_moves_only_when_it_agrees_and_only_from_the_day_on() {
    let home = company();
    let before = home.digest();
    let args = [
        "claim",
        "i-1",
        "--by",
        "search",
        "--reason",
        "moved to us",
        "--effective",
        "2026-09-10",
        "--expires",
        "2026-09-12",
    ];
    let claimed = json(&home, START, &args);
    assert_eq!((text(&claimed["state"]), text(&claimed["answer_by"])), ("open".into(), "2026-09-30T08:00:00Z".into()));
    assert_eq!(
        (text(&claimed["moves"][0]["from"]), text(&claimed["moves"][0]["amount"])),
        ("payments".into(), "2".into()),
        "{claimed:#}"
    );
    assert_eq!((home.digest(), owned(&home)), (before, untouched()), "an open claim moves nothing");
    let accepted = ok(&home, "2026-09-17T08:00:00Z", &["claims", "accept", "1", "--note", "agreed with ana"]);
    assert!(accepted.contains("claim 1 accepted") && accepted.contains("until 2026-09-12"), "{accepted}");
    let by_day = home.spend("day", &["--period", "2026-09", "--where", "team = 'search'"]);
    assert_eq!(by_day, pairs(&[("2026-09-10", "2")]), "not before the 10th and not on the 12th");
    assert_eq!(text(&listed(&home, 1)["note"]), "agreed with ana");
    assert_eq!(text(&listed(&home, 1)["state"]), "expired", "its last day has passed; its days keep their owner");
    refused(&home, "2026-09-18T08:00:00Z", &["claims", "decline", "1"], &["claim 1", "accepted"]);
    refused(&home, "2026-09-18T08:00:00Z", &["claims", "accept", "2"], &["2"]);
    home.verified();
}

#[test]
fn a_declined_claim_leaves_every_byte() {
    let home = company();
    let (before, snapshots) = (home.digest(), home.json(&["snapshots"]));
    ok(&home, START, &["claim", "i-1", "--by", "search", "--reason", "ours"]);
    let declined = json(&home, START, &["claims", "decline", "1", "--note", "no"]);
    assert_eq!(text(&declined["state"]), "declined");
    assert_eq!((home.digest(), home.json(&["snapshots"])), (before, snapshots));
    assert_eq!(owned(&home), untouched());
    refused(&home, START, &["claims", "accept", "1"], &["declined"]);
    ok(&home, START, &["audit", "verify"]);
    assert!(home.ok(&["audit", "list"]).contains("claim declined"));
}

#[test]
fn a_withdrawn_claim_gives_back_the_digest_of_before() {
    let home = company();
    let before = home.digest();
    ok(&home, START, &["claim", "i-3", "--by", "search", "--reason", "ours"]);
    let with_one = home.digest();
    assert_ne!(with_one, before);
    // A later settlement of the same charges wins, and leaves the earlier one behind when it goes.
    ok(&home, START, &["dispute", "i-3", "--to", "platform", "--reason", "they run it"]);
    ok(&home, START, &["claims", "accept", "2"]);
    assert!(owned(&home).contains(&("platform".to_owned(), "48".to_owned())), "{:?}", owned(&home));
    home.verified();
    ok(&home, START, &["claims", "withdraw", "2", "--note", "a mistake"]);
    assert_eq!(home.digest(), with_one);
    let withdrawn = ok(&home, START, &["claims", "withdraw", "1"]);
    assert!(withdrawn.contains("claim 1 withdrawn"), "{withdrawn}");
    assert_eq!((home.digest(), owned(&home)), (before, untouched()));
    refused(&home, START, &["claims", "withdraw", "1"], &["withdrawn"]);
    home.verified();
}

#[test]
fn who_does_not_answer_is_passed_over_up_to_the_steward() {
    let home = company();
    home.write("home/leap.toml", "[claims]\nanswer_days = 7\n");
    ok(&home, START, &["dispute", "i-1", "--to", "platform", "--reason", "their cluster"]);
    let escalated = |now: &str| -> Vec<(String, String)> {
        let rows = json(&home, now, &["claims", "escalate"]);
        let rows = rows["rows"].as_array().expect("rows").clone();
        rows.iter().map(|row| (text(&row["outcome"]), text(&row["to"]))).collect()
    };
    let due = "2026-09-23T08:00:00Z";
    assert_eq!(ok(&home, "2026-09-23T07:59:59Z", &["claims", "escalate"]), "nothing is due\n");
    assert_eq!(escalated(due), pairs(&[("escalated", "infra")]));
    assert_eq!(escalated(due), pairs(&[]), "once is enough");
    assert_eq!(text(&listed(&home, 1)["escalated_to"]), "infra");
    assert_eq!(text(&listed(&home, 1)["answer_by"]), "2026-09-30T08:00:00Z");
    assert_eq!(escalated("2026-10-01T00:00:00Z"), pairs(&[("escalated", "acme")]));
    assert_eq!(escalated("2026-10-09T00:00:00Z"), pairs(&[("escalated", "cloud-efficiency")]));
    assert_eq!(escalated("2026-10-17T00:00:00Z"), pairs(&[("nobody stands above", "")]));
    assert_eq!(owned(&home), untouched(), "nobody answers for anybody");
    ok(&home, "2026-10-18T00:00:00Z", &["claims", "accept", "1"]);
    assert!(owned(&home).contains(&("platform".to_owned(), "7".to_owned())), "{:?}", owned(&home));
}

#[test]
fn several_owners_who_do_not_answer_have_one_unit_above_them() {
    let home = company();
    ok(&home, START, &["residual", "assign", "i-3", "--to", "search", "--reason", "its index"]);
    let claimed = ok(
        &home,
        START,
        &["claim", "--where", "ServiceName = 'Amazon EC2'", "--by", "platform", "--reason", "we run all machines"],
    );
    assert!(claimed.contains("payments, search must answer"), "{claimed}");
    assert_eq!(text(&listed(&home, 2)["from"]), "(several)");
    let rows = json(&home, "2026-10-01T00:00:00Z", &["claims", "escalate"]);
    assert_eq!(text(&rows["rows"][0]["to"]), "shop", "{rows:#}");
    assert_eq!(text(&rows["rows"][0]["asked"]), "payments, search", "{rows:#}");
}

#[test]
fn a_claim_that_ends_before_anybody_answered_is_over() {
    let home = company();
    ok(&home, START, &["claim", "i-1", "--by", "search", "--reason", "for now", "--expires", "2026-09-20"]);
    let rows = json(&home, "2026-09-20T00:00:00Z", &["claims", "escalate"]);
    assert_eq!(text(&rows["rows"][0]["outcome"]), "expired", "{rows:#}");
    assert_eq!(text(&listed(&home, 1)["state"]), "expired");
    refused(&home, "2026-09-21T00:00:00Z", &["claims", "accept", "1"], &["expired"]);
    assert_eq!(owned(&home), untouched());
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let home = company();
    let claim =
        |condition: &'static str, team: &'static str| ["claim", "--where", condition, "--by", team, "--reason", "ours"];
    refused(
        &home,
        START,
        &claim("ServicName = 'x'", "search"),
        &["--where:1:1", "ServicName", "^^^^^^^^^^", "ServiceName"],
    );
    refused(&home, START, &claim("BilledCost > 1", "search"), &["--where:1:1", "BilledCost", "^"]);
    refused(&home, START, &claim("ResourceId = 'i-1'", "serach"), &["serach", "did you mean search"]);
    refused(&home, START, &["claim", "i-99", "--by", "search", "--reason", "ours"], &["i-99", "names no charge"]);
    refused(&home, START, &["claim", "i-1", "--by", "search", "--reason", " "], &["reason"]);
    refused(
        &home,
        START,
        &["claim", "i-1", "--by", "search", "--reason", "x", "--effective", "2026-09-10", "--expires", "2026-09-10"],
        &["2026-09-10"],
    );
    refused(&home, START, &["dispute", "i-1", "--to", "payments", "--reason", "x"], &["of payments already"]);
    refused(
        &home,
        START,
        &["residual", "assign", "--where", "ServiceName = 'Amazon EC2'", "--to", "search", "--reason", "x"],
        &["payments", "only cost without an owner"],
    );
    assert!(json(&home, START, &["claims", "list"])["rows"].as_array().unwrap().is_empty());
}

#[test]
fn a_claim_may_name_what_no_rule_named_before() {
    let home = company();
    let args = ["claim", "--where", "ChargeDescription = 'a charge' AND Tags['team'] IS NULL", "--by", "search"];
    let claimed = json(&home, START, &[&args[..], &["--reason", "ours"]].concat());
    assert_eq!((text(&claimed["state"]), text(&claimed["moves"][0]["amount"])), ("accepted".into(), "48".into()));
    assert_eq!(owned(&home), pairs(&[("payments", "15"), ("residual:unknown-team", "64"), ("search", "48")]));
    home.verified();
}

#[test]
fn a_settled_claim_stands_above_rules_and_bills_to_come() {
    let home = company();
    ok(&home, START, &["claim", "i-3", "--by", "search", "--reason", "o'brien's \"index\"", "--evidence", "wiki: é"]);
    home.write("october.csv", &bill("2026-10", &[("2026-10-02", "i-3", "payments", "128")]));
    ok(&home, "2026-10-03T00:00:00Z", &["ingest", "october.csv"]);
    let all = "rules:\n  - {id: all, when: \"ServiceName = 'Amazon EC2'\", owner: platform}\nresidual: {steward: x}\n";
    home.write("all.yaml", all);
    ok(&home, "2026-10-03T00:00:00Z", &["rules", "apply", "all.yaml"]);
    assert_eq!(home.spend("team", &["--period", "2026-10"]), pairs(&[("search", "128")]));
    assert_eq!(owned(&home), pairs(&[("platform", "79"), ("search", "48")]));
    home.verified();
}

#[test]
fn the_residuals_listed_are_those_of_a_spend_report() {
    let home = company();
    let list = json(&home, START, &["residual", "list", "--period", "2026-09"]);
    let rows = list["rows"].as_array().expect("rows");
    let mut amounts: Vec<(String, String)> =
        rows.iter().map(|row| (text(&row["residual"]), text(&row["amount"]))).collect();
    amounts.sort();
    let spent: Vec<_> = owned(&home).into_iter().filter(|(owner, _)| owner.starts_with("residual:")).collect();
    assert_eq!(amounts, spent);
    let row = rows.iter().find(|row| text(&row["residual"]) == "residual:no-rule").expect("a residual without rule");
    assert_eq!(
        ["steward", "charges", "share", "since", "oldest_days", "mean_age_days"].map(|column| text(&row[column])),
        // 48 of 127; 16 dollars of 14 days and 32 of 5.
        ["cloud-efficiency", "2", "3780", "2026-09-02", "14", "8"],
        "{list:#}"
    );
    let table = ok(&home, START, &["residual", "list"]);
    assert!(table.contains("37.8%") && table.contains("2026-W38"), "{table}");
    assert!(ok(&home, START, &["residual", "suggest"]).starts_with("Rules that would own"), "suggest is there too");
}

#[test]
fn what_a_pool_could_not_share_is_a_residual_of_its_own() {
    let home = company();
    let rules = RULES.replace("rules:\n", "rules:\n  - {id: shared, when: \"ResourceId = 'i-3'\", pool: disks}\n");
    home.write("rules.yaml", &(rules + "pools: [{id: disks, steward: platform}]\n"));
    ok(&home, START, &["rules", "apply", "rules.yaml"]);
    home.write("pools.yaml", "pools:\n  - name: disks\n    steward: infra\n    driver: {fixed: [{from: 2026-09-05, weights: {payments: 1}}]}\n    missing: keep\n");
    ok(&home, START, &["pool", "apply", "pools.yaml"]);
    let list = json(&home, START, &["residual", "list", "--period", "2026-09"]);
    let mut amounts: Vec<(String, String)> = list["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (text(&row["residual"]), text(&row["amount"])))
        .collect();
    amounts.sort();
    assert_eq!(amounts, pairs(&[("residual:pool:disks", "16"), ("residual:unknown-team", "64")]));
    let spent: Vec<_> = owned(&home).into_iter().filter(|(owner, _)| owner.starts_with("residual:")).collect();
    assert_eq!(amounts, spent);
    let row = &list["rows"][1];
    assert_eq!((text(&row["steward"]), text(&row["charges"])), ("infra".into(), "2".into()), "{list:#}");
    let week = &list["weeks"][0];
    assert_eq!((text(&week["residual"]), text(&week["in_pools"])), ("64".into(), "48".into()), "{list:#}");
}

#[test]
fn the_residual_goes_down_week_by_week() {
    let home = company();
    let (second, third) = ("2026-09-23T08:00:00Z", "2026-10-08T08:00:00Z");
    let assigned = ok(
        &home,
        second,
        &["residual", "assign", "i-3", "--to", "search", "--reason", "its index", "--effective", "2026-09-01"],
    );
    assert!(assigned.contains("claim 1 accepted"), "{assigned}");
    assert!(text(&listed(&home, 1)["note"]).contains("cloud-efficiency"));
    ok(&home, third, &["claim", "i-4", "--by", "platform", "--reason", "ours", "--effective", "2026-09-01"]);
    let list = json(&home, third, &["residual", "list", "--period", "2026-09"]);
    let weeks: Vec<[String; 4]> = list["weeks"]
        .as_array()
        .expect("weeks")
        .iter()
        .map(|row| ["week", "residual", "share", "change"].map(|column| text(&row[column])))
        .collect();
    // Of 127 dollars.
    let expected = [
        ["2026-W38", "112", "8819", ""],
        ["2026-W39", "64", "5039", "-3780"],
        ["2026-W40", "64", "5039", "0"],
        ["2026-W41", "0", "0", "-5039"],
    ];
    assert_eq!(weeks, expected.map(|row| row.map(str::to_owned)), "{list:#}");
}

/// What was answered later is not told to who asks what was known before.
#[test]
fn an_explanation_tells_of_a_claim_what_was_known_then() {
    let home = company();
    let claim = ["claim", "i-3", "--by", "search", "--reason", "our index", "--effective", "2026-09-01"];
    ok(&home, "2026-10-05T00:00:00Z", &claim);
    ok(&home, "2026-10-20T00:00:00Z", &["claims", "withdraw", "1"]);
    let explain = |more: &[&str]| home.ok(&[&["explain", "i-3", "--period", "2026-09"][..], more].concat());
    let then = explain(&["--as-known-on", "2026-10-10"]);
    assert!(then.contains("claim-1:") && then.contains("claim accepted"), "{then}");
    assert!(!then.contains("withdrawn"), "{then}");
    assert!(!explain(&[]).contains("claim-1:"), "its rule is no more");
    let id = home.json(&["snapshots"])["rows"].as_array().unwrap()[1]["id"].clone();
    let pinned = explain(&["--snapshot", &text(&id)]);
    assert!(pinned.contains("claim accepted"), "{pinned}");
}

#[test]
fn what_is_asked_already_is_not_asked_again() {
    let home = company();
    let claim =
        |more: &[&'static str]| [&["claim", "--by", "search", "--reason", "we run it since July"][..], more].concat();
    assert_eq!(text(&json(&home, START, &claim(&["i-1"]))["state"]), "open");
    let told = ["claim 1 for search", "ResourceId = 'i-1'", "is open already", "leap claims withdraw 1"];
    refused(&home, START, &claim(&["i-1"]), &told);
    refused(&home, START, &claim(&["--where", "resourceid='i-1'", "--effective", "2026-09-02"]), &told[..1]);
    refused(&home, START, &claim(&["--where", "ResourceId='i-1'", "--effective", "2026-09-02"]), &told);
    // Another resource, another team, and other days are other claims.
    assert_eq!(text(&json(&home, START, &claim(&["i-2"]))["claim"]), "2");
    ok(&home, START, &["claim", "i-1", "--by", "platform", "--reason", "x"]);
    ok(&home, START, &["claims", "withdraw", "1"]);
    assert_eq!(text(&json(&home, START, &claim(&["i-1", "--expires", "2026-09-11"]))["claim"]), "4");
    assert_eq!(text(&json(&home, START, &claim(&["i-1", "--effective", "2026-09-11"]))["claim"]), "5");
    home.verified();
}

#[test]
fn the_list_fits_a_screen_and_is_whole_in_files() {
    let home = company();
    let long = "ResourceId IN ('i-1', 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/checkout/50dc6c495c0c9188')";
    let reason = "the load balancer and its instances moved to search with the reorg of July, see the ticket";
    ok(&home, START, &["claim", "--where", long, "--by", "search", "--reason", reason, "--expires", "2026-12-01"]);
    ok(&home, START, &["claim", "i-4", "--by", "platform", "--reason", "ours"]);
    ok(&home, START, &["dispute", "i-2", "--to", "search", "--reason", "theirs"]);
    let table = ok(&home, START, &["claims", "list"]);
    for line in table.lines() {
        assert!(line.chars().count() <= 120, "{} columns: {line}", line.chars().count());
    }
    assert!(
        table.contains("Resourc") && table.contains("…") && table.contains("188')") && table.contains(" i-4 "),
        "{table}"
    );
    assert!(table.contains("2026-12-01"), "{table}");
    // With every column filled, too.
    ok(&home, "2026-11-16T08:00:00Z", &["claims", "escalate"]);
    let table = ok(&home, "2026-11-16T08:00:00Z", &["claims", "list"]);
    assert!(table.contains("asked") && table.lines().all(|line| line.chars().count() <= 120), "{table}");
    for format in ["json", "csv"] {
        let whole = ok(&home, START, &["claims", "list", "--format", format]);
        assert!(whole.contains("50dc6c495c0c9188") && whole.contains(reason) && !whole.contains('…'), "{whole}");
    }
}

#[test]
fn an_org_without_the_team_of_a_settled_claim_is_refused_with_the_claim_and_the_ways_out() {
    let home = company();
    ok(&home, START, &["claim", "i-4", "--by", "search", "--effective", "2026-09-01", "--reason", "ours"]);
    let without =
        ORG.lines().filter(|line| !line.contains("id: search")).map(|line| format!("{line}\n")).collect::<String>();
    home.write("next.yaml", &without);
    let words = [
        "next.yaml cannot be in force: settled claims name units that it lacks; nothing was changed",
        "claim 1 gives ResourceId = 'i-4' to search from 2026-09-01: no unit has that id, name or alias",
        "add search to next.yaml, as a unit or as an alias of the one unit that goes on for it",
        "leap org apply next.yaml --effective DATE",
        "leap claims withdraw 1",
    ];
    refused(&home, START, &["org", "apply", "next.yaml"], &words);
    assert!(!at(&home, START, &["org", "apply", "next.yaml"]).err.contains("claims.yaml"), "that file is not to blame");
    home.write(
        "twice.yaml",
        &without.replace(
            "{id: platform,",
            "{id: find, aliases: [search]}\n  - {id: seek, aliases: [search]}\n  - {id: platform,",
        ),
    );
    refused(&home, START, &["org", "apply", "twice.yaml"], &["several units have that name or alias: find, seek"]);

    // Each way out leads out.
    let alias = home.copy();
    alias.write("next.yaml", &without.replace("{id: platform,", "{id: find, aliases: [search]}\n  - {id: platform,"));
    ok(&alias, START, &["org", "apply", "next.yaml"]);
    assert!(owned(&alias).contains(&("find".to_owned(), "64".to_owned())), "{:?}", owned(&alias));
    let dated = home.copy();
    ok(&dated, START, &["org", "apply", "next.yaml", "--effective", "2026-09-10"]);
    dated.verified();
    ok(&home, START, &["claims", "withdraw", "1"]);
    ok(&home, START, &["org", "apply", "next.yaml"]);
}

#[test]
fn a_reorg_is_not_taken_back_under_a_claim_of_a_team_that_it_made() {
    let home = company();
    home.write("next.yaml", &format!("{ORG}  - {{id: find, name: Find, kind: team, parent: shop}}\n"));
    ok(&home, START, &["org", "apply", "next.yaml", "--effective", "2026-09-01"]);
    ok(&home, START, &["claim", "i-4", "--by", "find", "--effective", "2026-09-01", "--reason", "ours"]);
    let words = [
        "the org without reorg 1 cannot be in force",
        "claim 1 gives ResourceId = 'i-4' to find",
        "leap claims withdraw 1",
    ];
    refused(&home, START, &["org", "revert", "1"], &words);
    ok(&home, START, &["claims", "withdraw", "1"]);
    ok(&home, START, &["org", "revert", "1"]);
}

#[test]
fn an_answer_counts_for_who_was_asked_and_while_the_claim_lasts() {
    let home = company();
    ok(&home, START, &["claim", "i-1", "--by", "search", "--reason", "our index"]);
    ok(&home, START, &["dispute", "i-1", "--to", "platform", "--reason", "yours"]);
    ok(&home, START, &["claims", "accept", "2"]);
    // Payments was asked; the charges are platform's now, which was not.
    let words = ["claim 1 was asked of payments, and takes from platform now", "withdraw it and claim again"];
    refused(&home, START, &["claims", "accept", "1"], &words);
    assert_eq!(text(&listed(&home, 1)["state"]), "open");

    let expiring = ["claim", "i-2", "--by", "search", "--reason", "for a while", "--expires", "2026-10-10"];
    ok(&home, START, &expiring);
    refused(
        &home,
        "2027-01-05T08:00:00Z",
        &["claims", "accept", "3"],
        &["was to hold until 2026-10-10, which is over"],
    );
}

#[test]
fn a_claim_of_several_owners_takes_only_from_those_who_were_asked() {
    let home = company();
    let (noon, evening) = ("2026-09-16T12:00:00Z", "2026-09-16T18:00:00Z");
    ok(&home, START, &["claim", "--where", "ResourceId LIKE 'i-%'", "--by", "search", "--reason", "all ours"]);
    assert_eq!(text(&listed(&home, 1)["state"]), "open", "payments is asked; the rest is nobody's");
    ok(&home, noon, &["dispute", "i-1", "--to", "platform", "--reason", "yours"]);
    ok(&home, noon, &["claims", "accept", "2"]);
    let words = ["claim 1 was asked of payments, and takes from platform now"];
    refused(&home, evening, &["claims", "accept", "1"], &words);
    // Asked anew, of both, it may be accepted.
    ok(&home, evening, &["claims", "withdraw", "1"]);
    ok(&home, evening, &["claim", "--where", "ResourceId LIKE 'i-%'", "--by", "search", "--reason", "all ours"]);
    ok(&home, evening, &["claims", "accept", "3"]);
    assert_eq!(owned(&home), pairs(&[("search", "127")]));
}
