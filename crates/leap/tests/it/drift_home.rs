//! Drift and forecasts of a home from outside: one alert for one jump, with what moved; none for what was announced, is
//! late, or was told before; forecasts that are frozen and scored.

use std::fmt::Write;

use leap_book::{Act, Book, NewForecast, NewPlan};
use leap_terms::{Day, Instant};
use serde_json::Value;

use crate::bill::{ORG, RULES};
use crate::harness::{Home, Ran, ran, text};
use crate::rights::{add, as_person, cookie};
use crate::site::Site;

const HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,ResourceId,ServiceCategory,ServiceName,SubAccountId,Tags";

/// Teams a and b, two services in two regions each; `share` is how much of a day is billed for whom.
const SLOTS: [(&str, &str, &str, f64); 6] = [
    ("a", "Amazon EC2", "eu-west-1", 300.0),
    ("a", "Amazon EC2", "us-east-1", 200.0),
    ("a", "Amazon S3", "eu-west-1", 80.0),
    ("b", "Amazon EC2", "eu-west-1", 150.0),
    ("b", "Amazon EC2", "us-east-1", 90.0),
    ("b", "Amazon S3", "us-east-1", 40.0),
];

/// How much of its usual cost a slot has on a day: team, service, region, day.
type Factor<'f> = &'f dyn Fn(&str, &str, &str, Day) -> f64;

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

/// A month of bills up to a day, that day included.
fn bill(month: &str, last: &str, factor: Factor) -> String {
    let first = day(&format!("{month}-01"));
    let period = first.month();
    let mut out = format!("{HEADER}\n");
    for day in (first.days()..period.period().until().days().min(day(last).days() + 1)).map(Day::from_days) {
        for (at, (team, service, region, usual)) in SLOTS.iter().enumerate() {
            let noise = 1.0 + f64::from((day.days() * 37 + at as i32 * 11) % 23 - 11) / 400.0;
            let amount = format!("{:.2}", usual * noise * factor(team, service, region, day));
            writeln!(
                out,
                "{amount},acc,Acme,USD,{}T00:00:00Z,{first}T00:00:00Z,Usage,,a charge,{day}T01:00:00Z,{day}T00:00:00Z,{amount},{amount},AWS,{amount},1,Hours,AWS,AWS,{region},{team}-{at},Compute,{service},sub-{team},\"{{\"\"team\"\": \"\"{team}\"\"}}\"",
                period.period().until()
            )
            .expect("writing to a string");
        }
    }
    out
}

/// Runs a command at a time.
fn at(home: &Home, now: &str, args: &[&str]) -> Ran {
    ran(home.command(args).env("LEAP_NOW", now).output().expect("leap starts"))
}

#[track_caller]
fn json_at(home: &Home, now: &str, args: &[&str]) -> Value {
    let ran = at(home, now, &[args, &["--format", "json"]].concat());
    assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).expect("the answer is JSON")
}

#[track_caller]
fn deliver(home: &Home, now: &str, month: &str, last: &str, factor: Factor) {
    let path = home.write(&format!("{month}.csv"), &bill(month, last, factor));
    let ran = at(home, now, &["ingest", path.to_str().expect("a UTF-8 path")]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

const MONTHS: [&str; 4] = ["2026-05", "2026-06", "2026-07", "2026-08"];

/// An empty home, made before any bill.
fn empty() -> Home {
    let home = Home::new();
    for (file, kind, content) in [("org.yaml", "org", ORG), ("rules.yaml", "rules", RULES)] {
        home.write(file, content);
        let applied = at(&home, "2026-09-01T08:00:00Z", &[kind, "apply", file]);
        assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    }
    home
}

/// Four months of bills, and September up to a day, delivered the day after it.
fn home(last: &str, factor: Factor) -> Home {
    let home = empty();
    for month in MONTHS {
        deliver(&home, "2026-09-02T08:00:00Z", month, "2026-12-31", factor);
    }
    let now = format!("{}T08:00:00Z", day(last).plus(1));
    deliver(&home, &now, "2026-09", last, factor);
    home
}

/// The EC2 of team a doubles in one region, from the 27th of September on.
fn jump(team: &str, service: &str, region: &str, on: Day) -> f64 {
    if (team, service, region) == ("a", "Amazon EC2", "us-east-1") && on >= day("2026-09-27") { 3.0 } else { 1.0 }
}

fn usual(_: &str, _: &str, _: &str, _: Day) -> f64 {
    1.0
}

const NOW: &str = "2026-09-29T09:00:00Z";

#[track_caller]
fn rows(answer: &Value) -> Vec<Value> {
    answer["rows"].as_array().expect("rows").clone()
}

#[test]
fn one_jump_is_one_alert_with_what_moved_and_is_told_the_same_again() {
    let home = home("2026-09-28", &jump);
    let first = json_at(&home, NOW, &["drift", "list"]);
    let [alert] = &rows(&first)[..] else { panic!("{first:#}") };
    assert_eq!((text(&alert["series"]), text(&alert["unit"])), ("a/Amazon EC2".into(), "a".into()), "{alert:#}");
    assert_eq!((text(&alert["since"]), text(&alert["currency"])), ("2026-09-27".into(), "USD".into()), "{alert:#}");
    let drivers = alert["drivers"].as_array().expect("drivers");
    assert_eq!(text(&drivers[0]["what"]), "region us-east-1", "{alert:#}");
    assert_eq!(text(&drivers[1]["what"]), "rest", "{alert:#}");
    let sum: leap_terms::Money =
        drivers.iter().map(|driver| text(&driver["amount"]).parse::<leap_terms::Money>().expect("an amount")).sum();
    assert_eq!(sum.to_string(), text(&alert["moved"]));
    // 400 a day more.
    let month: f64 = text(&alert["cost_per_month"]).parse().expect("an amount");
    assert!((10_000.0..14_000.0).contains(&month), "{alert:#}");
    // Again; from what was kept; from a damaged state; from nothing.
    assert_eq!(json_at(&home, NOW, &["drift", "list"]), first);
    let cache = home.path("home/cache");
    std::fs::remove_file(cache.join("drift.json")).expect("an index");
    assert_eq!(json_at(&home, NOW, &["drift", "list"]), first);
    for entry in std::fs::read_dir(&cache).expect("the folder").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "state") {
            std::fs::write(entry.path(), b"damaged").expect("write");
        }
    }
    std::fs::remove_file(cache.join("drift.json")).expect("an index");
    assert_eq!(json_at(&home, NOW, &["drift", "list"]), first);
    std::fs::remove_dir_all(&cache).expect("remove the folder");
    assert_eq!(json_at(&home, NOW, &["drift", "list"]), first);
    // The next day costs as much: it was told, and nothing is told of the day.
    deliver(&home, "2026-09-30T08:00:00Z", "2026-09", "2026-09-29", &jump);
    let next = json_at(&home, "2026-09-30T09:00:00Z", &["drift", "list"]);
    assert_eq!(rows(&next)[0]["day"], alert["day"], "{next:#}");
    assert_eq!(rows(&next).len(), 1, "{next:#}");
    let of_b = json_at(&home, NOW, &["drift", "list", "--under", "b"]);
    assert!(rows(&of_b).is_empty(), "{of_b:#}");
    // The series: its days, and where they were expected.
    let shown = json_at(&home, NOW, &["drift", "show", "a/Amazon EC2"]);
    let days = shown["series"][0]["days"].as_array().expect("days");
    let last = days.iter().find(|one| one["day"] == "2026-09-28").expect("the day");
    let number = |name: &str| text(&last[name]).parse::<f64>().expect("a number");
    assert!(number("cost") > number("high") && (450.0..550.0).contains(&number("expected")), "{last:#}");
    let unknown = at(&home, NOW, &["drift", "show", "a/Nothing"]);
    assert!(unknown.code == 2 && unknown.err.contains("TEAM/SERVICE"), "{}", unknown.err);
    assert!(at(&home, NOW, &["drift", "list"]).out.contains("region us-east-1 +"));
}

#[test]
fn what_was_announced_is_not_told_and_a_file_with_a_fault_is_named() {
    let home = home("2026-09-28", &jump);
    home.write("home/leap.toml", "[drift]\nannounced = \"known.csv\"\n");
    home.write("home/known.csv", "series,day\na/Amazon EC2,2026-09-27\n");
    assert!(rows(&json_at(&home, NOW, &["drift", "list"])).is_empty());
    home.write("home/known.csv", "series,day,kind\na/Amazon S3,2026-09-27,change\n");
    assert_eq!(rows(&json_at(&home, NOW, &["drift", "list"])).len(), 1, "another series was announced");
    home.write("home/known.csv", "series,day,kind\n*,2026-09-27,rumour\n");
    let told = at(&home, NOW, &["drift", "list"]);
    assert!(told.code == 2 && told.err.contains("known.csv:2") && told.err.contains("rumour"), "{}", told.err);
    home.write("home/leap.toml", "[drift]\nannounced = \"gone.csv\"\n");
    let told = at(&home, NOW, &["drift", "list"]);
    assert!(told.code != 0 && told.err.contains("gone.csv"), "{}", told.err);
    home.write("home/leap.toml", "[drift]\nleast_per_month = \"20000\"\n");
    assert!(rows(&json_at(&home, NOW, &["drift", "list"])).is_empty(), "it costs 12,000 a month");
}

#[test]
fn a_day_that_is_not_whole_yet_is_no_drift_and_one_that_stays_so_is() {
    let late = |_: &str, _: &str, _: &str, on: Day| if on == day("2026-09-28") { 0.1 } else { 1.0 };
    let home = home("2026-09-28", &late);
    assert!(rows(&json_at(&home, NOW, &["drift", "list"])).is_empty());
    // What was missing comes.
    deliver(&home, "2026-09-30T08:00:00Z", "2026-09", "2026-09-29", &usual);
    assert!(rows(&json_at(&home, "2026-09-30T09:00:00Z", &["drift", "list"])).is_empty());
    // A day whose cost does not come is a drop once it is old enough.
    deliver(&home, "2026-09-30T10:00:00Z", "2026-09", "2026-09-29", &late);
    deliver(&home, "2026-10-07T08:00:00Z", "2026-09", "2026-09-30", &late);
    deliver(&home, "2026-10-07T08:00:00Z", "2026-10", "2026-10-06", &usual);
    let told = rows(&json_at(&home, "2026-10-07T09:00:00Z", &["drift", "list"]));
    assert!(
        !told.is_empty() && told.iter().all(|one| one["kind"] == "drop" && one["day"] == "2026-09-28"),
        "{told:#?}"
    );
}

#[test]
fn lateness_is_learned_and_hides_nothing() {
    let home = empty();
    // Every day is half known the day after.
    let half = |newest: Day, more: f64| {
        move |team: &str, service: &str, _: &str, on: Day| {
            let known = if on == newest { 0.5 } else { 1.0 };
            if on == newest && (team, service) == ("a", "Amazon EC2") { known * more } else { known }
        }
    };
    for month in MONTHS {
        deliver(&home, "2026-09-02T08:00:00Z", month, "2026-12-31", &usual);
    }
    for ahead in 0..17 {
        let newest = day("2026-09-04").plus(ahead);
        let now = format!("{}T08:00:00Z", newest.plus(1));
        deliver(&home, &now, "2026-09", &newest.to_string(), &half(newest, 1.0));
    }
    let quiet = json_at(&home, "2026-09-21T09:00:00Z", &["drift", "list"]);
    assert!(rows(&quiet).is_empty(), "{quiet:#}");
    // A day that is twice as much is as much as usual, half known.
    let newest = day("2026-09-21");
    deliver(&home, "2026-09-22T08:00:00Z", "2026-09", "2026-09-21", &half(newest, 2.2));
    let told = rows(&json_at(&home, "2026-09-22T09:00:00Z", &["drift", "list"]));
    let [alert] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((text(&alert["series"]), text(&alert["day"])), ("a/Amazon EC2".into(), "2026-09-21".into()));
}

#[test]
fn a_reorg_that_moves_cost_is_a_known_change() {
    // Half of what team a has is team c's from the 27th on, and doubles for it.
    let home = home("2026-09-28", &jump);
    assert_eq!(rows(&json_at(&home, NOW, &["drift", "list"])).len(), 1);
    home.write(
        "next.yaml",
        &ORG.replace("  - {id: c,", "  - {id: d, name: Team D, kind: team, parent: acme}\n  - {id: c,"),
    );
    let plan = ["org", "plan", "next.yaml", "--effective", "2026-09-27", "--split", "a=d", "--output", "plan.json"];
    let planned = at(&home, NOW, &plan);
    assert_eq!(planned.code, 0, "{}{}", planned.out, planned.err);
    let applied = at(&home, NOW, &["org", "apply", "plan.json"]);
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    let told = json_at(&home, NOW, &["drift", "list"]);
    assert!(rows(&told).is_empty(), "{told:#}");
}

/// Freezes what is due, as the cycle does.
fn freeze(home: &Home, now: &str) -> usize {
    let due = rows(&json_at(home, now, &["forecast", "due"]));
    let at: Instant = now.parse().expect("an instant");
    let forecasts = due
        .iter()
        .map(|row| NewForecast {
            series: text(&row["series"]),
            currency: leap_terms::Currency::new(&text(&row["currency"])).expect("a currency"),
            origin: day(&text(&row["origin"])),
            horizon_days: row["horizon_days"].as_u64().expect("days") as u32,
            made_at: at,
            made_of: text(&row["made_of"]).parse().expect("a digest"),
            content: text(&row["content"]),
        })
        .collect::<Vec<_>>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let path = home.path("home/book.db");
        let book = Book::open(&format!("sqlite:{}", path.display())).await.expect("the book");
        let head = book.head().await.expect("the head").map(|head| head.id);
        let plan = NewPlan { snapshot: head, made_at: at, made_by: "test".to_owned(), content: "{}".to_owned() };
        let mut act = Act::new(plan, "test", "test", at);
        act.forecasts = forecasts;
        let acted = book.act(&act).await.expect("the plan is performed");
        acted.forecasts.iter().filter(|frozen| frozen.new).count()
    })
}

#[test]
fn forecasts_are_frozen_once_and_scored_when_their_days_have_come() {
    let home = home("2026-09-02", &usual);
    home.write(
        "budgets.yaml",
        "currency: USD\nbudgets:\n- {unit: a, period: 2026-09, amount: 20000}\n- {unit: acme, period: 2026, amount: 900000}\n",
    );
    let now = "2026-09-03T09:00:00Z";
    let applied = at(&home, now, &["budget", "apply", "budgets.yaml"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let due = rows(&json_at(&home, now, &["forecast", "due"]));
    let named = |row: &Value| (text(&row["series"]), text(&row["origin"]), text(&row["horizon_days"]));
    let expected = [("a", "30"), ("acme", "30"), ("acme", "122")];
    let expected = expected.map(|(unit, days)| (unit.to_owned(), "2026-09-01".to_owned(), days.to_owned()));
    assert_eq!(due.iter().map(named).collect::<Vec<_>>(), expected);
    assert_eq!(freeze(&home, now), 3);
    assert!(rows(&json_at(&home, now, &["forecast", "due"])).is_empty(), "they are frozen");
    assert!(at(&home, now, &["forecast", "score"]).out.contains("no frozen forecast"));
    // September is over; on its 20th day team a costs twice as much.
    let came = |team: &str, _: &str, _: &str, on: Day| if team == "a" && on == day("2026-09-20") { 2.0 } else { 1.0 };
    deliver(&home, "2026-10-08T08:00:00Z", "2026-09", "2026-09-30", &came);
    let now = "2026-10-08T09:00:00Z";
    let scored = json_at(&home, now, &["forecast", "score"]);
    assert_eq!(scored["scored"].as_array().map(Vec::len), Some(2), "{scored:#}");
    let of_a = rows(&scored).into_iter().find(|row| row["unit"] == "a").expect("that of team a");
    let off: f64 = text(&of_a["score"]["off"]).parse().expect("a share");
    // One day of thirty more.
    assert!((0.01..0.06).contains(&off), "{of_a:#}");
    assert_eq!(of_a["score"]["days"], 30);
    let spent = home.spend("team", &["--period", "2026-09", "--where", "team = 'a'"]);
    assert_eq!(spent, [("a".to_owned(), text(&of_a["score"]["cost_of_days"]))]);
    assert_eq!(of_a["score"]["ahead"].as_array().map(Vec::len), Some(4));
    assert!(at(&home, now, &["forecast", "score"]).out.contains("no frozen forecast"), "they have their score");
    let again = json_at(&home, now, &["forecast", "score", "--again"]);
    assert_eq!(again["scored"].as_array().map(Vec::len), Some(2));
    let listed = json_at(&home, now, &["forecast", "list"]);
    assert_eq!((rows(&listed).len(), &listed["quality"]["scored"]), (3, &2.into()), "{listed:#}");
    assert_eq!(rows(&json_at(&home, now, &["forecast", "list", "--unit", "a"])).len(), 1);
    home.verified();
}

#[test]
fn pages_say_what_the_commands_say_and_show_each_their_own() {
    let home = home("2026-09-28", &jump);
    for (name, role) in [("eve", "administrator"), ("val", "viewer"), ("bob", "viewer@b")] {
        let added = add(&home, name, &[role]);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    let site = Site::start(&home);
    let [val, bob] = ["val", "bob"].map(|name| cookie(&site, name));
    let page = as_person(&site, "GET", "/alerts", &val).body;
    assert!(page.contains("a/Amazon EC2") && page.contains("region us-east-1"), "{page}");
    let csv = as_person(&site, "GET", "/alerts?format=csv", &val).body;
    let alert = &rows(&home.json(&["drift", "list"]))[0];
    assert!(csv.contains(&text(&alert["cost_per_month"])), "{csv}");
    let series = "/alerts?series=a%2FAmazon%20EC2";
    let one = as_person(&site, "GET", series, &val).body;
    assert!(one.contains("data-chart=\"fan\"") && one.contains("rows=charges"), "{one}");
    for path in ["/alerts", series, "/forecast"] {
        let own = as_person(&site, "GET", path, &bob);
        assert_eq!(own.status, 200, "{path}: {}", own.body);
        for foreign in ["region us-east-1", "Team A", "t-days-0"] {
            assert!(!own.body.contains(foreign), "{path}: {foreign}: {}", own.body);
        }
    }
    let forecast = as_person(&site, "GET", "/forecast", &val).body;
    assert!(forecast.contains("data-chart=\"fan\"") && forecast.contains("expected in 2026-10"), "{forecast}");
    let of_b = as_person(&site, "GET", "/forecast?under=b", &bob).body;
    assert!(of_b.contains("Team B") && of_b.contains("expected in"), "{of_b}");
}
