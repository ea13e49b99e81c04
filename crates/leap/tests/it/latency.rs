//! Traces from their files to teams: every nanosecond owned, through the org of any day, counted once.

use std::collections::{BTreeMap, BTreeSet};

use leap_observe::traces::{ScanLimits, decompress};
use serde_json::{Value, json};

use crate::damage::tamper;
use crate::harness::{Home, shared, text};

/// One span of a fixture: id, parent, service, kind (OTLP's number), start and end in ms after the trace's start.
pub(crate) type Fixture<'a> = (&'a str, &'a str, &'a str, u8, u64, u64);

/// OTLP/JSON of one trace.
pub(crate) fn otlp(trace: &str, start_ms: u64, spans: &[Fixture<'_>], team: &[(&str, &str)]) -> String {
    let mut resources = Vec::new();
    for service in spans.iter().map(|span| span.2).collect::<BTreeSet<_>>() {
        let mut attributes = vec![json!({"key": "service.name", "value": {"stringValue": service}})];
        if let Some((_, team)) = team.iter().find(|(name, _)| *name == service) {
            attributes.push(json!({"key": "team", "value": {"stringValue": team}}));
        }
        let own: Vec<Value> = spans
            .iter()
            .filter(|span| span.2 == service)
            .map(|(id, parent, _, kind, from, until)| {
                let at = |ms: &u64| ((start_ms + ms) * 1_000_000).to_string();
                json!({
                    "traceId": trace, "spanId": id, "parentSpanId": parent, "name": format!("{service} work"),
                    "kind": kind, "startTimeUnixNano": at(from), "endTimeUnixNano": at(until),
                    "traceState": "ot=th:0",
                })
            })
            .collect();
        resources.push(json!({"resource": {"attributes": attributes}, "scopeSpans": [{"spans": own}]}));
    }
    json!({ "resourceSpans": resources }).to_string()
}

/// 2026-08-17T00:00:00Z in ms.
pub(crate) const MONDAY: u64 = 1_786_924_800_000;
const DAY: u64 = 86_400_000;

/// A request of 100 ms: 30 of the API itself, 40 of the ledger (a client span of the API around it), 30 of fraud.
fn request(number: u64, start_ms: u64) -> String {
    let spans = [
        ("00000000000000a1", "", "charge-api", 2, 0, 100),
        ("00000000000000a2", "00000000000000a1", "charge-api", 3, 10, 50),
        ("00000000000000b1", "00000000000000a2", "ledger", 2, 20, 40),
        ("00000000000000c1", "00000000000000a1", "fraud", 2, 60, 90),
    ];
    otlp(&format!("{number:032x}"), start_ms, &spans, &[("fraud", "risk")])
}

pub(crate) const ORG: &str = "\
units:
  - {id: acme, kind: company}
  - {id: money, kind: division, parent: acme}
  - {id: safety, kind: division, parent: acme}
  - {id: payments, kind: team, parent: money}
  - {id: books, kind: team, parent: money}
  - {id: risk, kind: team, parent: safety}
";
pub(crate) const RULES: &str = "\
rules:
  - {id: api, when: \"Tags['service.name'] = 'charge-api'\", owner: payments}
  - {id: ledger, when: \"Tags['service.name'] LIKE 'led%'\", owner: books}
";

fn home() -> Home {
    Home::with(ORG, RULES)
}

fn rows(answer: &Value, by: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for row in answer["rows"].as_array().expect("rows") {
        *sums.entry(text(&row[by])).or_insert(0) += row["ns"].as_u64().expect("whole nanoseconds");
    }
    assert_eq!(answer["sum_ns"], answer["latency_ns"], "the rows add up");
    assert_eq!(sums.values().sum::<u64>(), answer["latency_ns"].as_u64().unwrap());
    sums
}

fn of(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(name, ms)| ((*name).to_owned(), ms * 1_000_000)).collect()
}

#[test]
fn slices_go_to_teams_by_the_rules_of_money_and_the_resources_word_through_the_org_of_the_day() {
    let home = home();
    home.ingest(&home.write("one.json", &request(1, MONDAY)));
    home.ingest(&home.write("two.json", &request(2, MONDAY + DAY)));
    let teams = home.json(&["latency"]);
    assert_eq!(rows(&teams, "team"), of(&[("payments", 30), ("books", 40), ("risk", 30)]));
    assert_eq!((&teams["requests"], &teams["requests_of_unknown_sampling"]), (&json!(2), &json!(0)));
    assert_eq!(rows(&home.json(&["latency", "--by", "division"]), "division"), of(&[("money", 70), ("safety", 30)]));
    let kinds = home.json(&["latency", "--by", "kind"]);
    assert_eq!(rows(&kinds, "kind"), of(&[("self", 80), ("edge", 20)]));

    // From Tuesday the ledger's team belongs to safety; no trace is read again.
    let moved = ORG.replace("id: books, kind: team, parent: money", "id: books, kind: team, parent: safety");
    home.write("moved.yaml", &moved);
    home.ok(&["org", "plan", "moved.yaml", "--effective", "2026-08-18", "--output", "move.json"]);
    home.ok(&["org", "apply", "move.json"]);
    let division = |more: &[&str]| {
        let mut args = vec!["latency", "--by", "division"];
        args.extend(more);
        rows(&home.json(&args), "division")
    };
    assert_eq!(division(&["--period", "2026-08-17"]), of(&[("money", 70), ("safety", 30)]));
    assert_eq!(division(&["--period", "2026-08-18"]), of(&[("money", 30), ("safety", 70)]));
    assert_eq!(division(&["--period", "2026-08-17", "--org", "2026-08-18"]), of(&[("money", 30), ("safety", 70)]));
    let all = division(&[]);
    assert_eq!(all, of(&[("money", 50), ("safety", 50)]));

    // A service that nobody owns is a residual, and no figure is lost.
    let spans =
        [("00000000000000a1", "", "charge-api", 2, 0, 10), ("00000000000000d1", "00000000000000a1", "dust", 2, 2, 6)];
    home.ingest(&home.write("three.json", &otlp(&format!("{:032x}", 3), MONDAY + 2 * DAY, &spans, &[])));
    let residual = home.json(&["latency", "--period", "2026-08-19"]);
    assert_eq!(rows(&residual, "team"), of(&[("payments", 6), ("residual:no-rule", 4)]));
    let refused = home.run(&["latency", "--api", "nothing"]);
    assert!(refused.code == 2 && refused.err.contains("charge-api charge-api work"), "{}", refused.err);
    let empty = home.run(&["latency", "--period", "2025-01"]);
    assert!(empty.code == 1 && empty.err.contains("2026-08-17 to 2026-08-19"), "{}", empty.err);
    let healthy = home.ok(&["doctor"]);
    assert!(healthy.starts_with("healthy"), "{healthy}");
    let sql = home.json(&["sql", "select service, sum(ns) as ns from slices group by service order by service"]);
    assert_eq!(sql["rows"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_trace_counts_once_and_a_wholer_one_replaces_it() {
    let home = home();
    // Cut short at first: only the root came.
    let short = [("00000000000000a1", "", "charge-api", 2, 0, 100)];
    home.ingest(&home.write("short.json", &otlp(&format!("{:032x}", 1), MONDAY, &short, &[])));
    home.ingest(&home.write("other.json", &request(2, MONDAY + 5)));
    assert_eq!(rows(&home.json(&["latency", "--by", "service"]), "service").len(), 3);
    let whole = home.ingest(&home.write("whole.json", &request(1, MONDAY)));
    assert_eq!(whole[0]["traces"]["requests_replaced"], 1);
    let answer = home.json(&["latency", "--quantile", "0.5"]);
    assert_eq!(answer["requests"], 2);
    assert_eq!(rows(&answer, "team"), of(&[("payments", 30), ("books", 40), ("risk", 30)]));
    // The same trace again, in another file: known. The same file again: unchanged.
    let again = home.ingest(&home.write("again.json", &format!("{}\n", request(1, MONDAY))));
    assert_eq!((&again[0]["traces"]["requests_known"], &again[0]["traces"]["requests_new"]), (&json!(1), &json!(0)));
    let same = home.json(&["ingest", "again.json"]);
    assert_eq!(same["deliveries"][0]["status"], "unchanged");
    // What was known before it came whole can still be read.
    assert_eq!(home.json(&["latency"])["requests"], 2);
    let spans = home.json(&["sql", "select count(*) as n from spans"]);
    assert_eq!(
        spans["rows"][0]["n"].as_str().map_or_else(|| spans["rows"][0]["n"].as_i64(), |n| n.parse().ok()),
        Some(8)
    );
    let path = home.json(&["latency", "explain", &format!("{:032x}", 1)]);
    let request = &path["requests"][0];
    assert_eq!((&request["sum_ns"], &request["latency_ns"]), (&json!(100_000_000), &json!(100_000_000)));
    let kinds: Vec<String> = request["slices"].as_array().unwrap().iter().map(|slice| text(&slice["kind"])).collect();
    assert_eq!(kinds, ["self", "edge", "self", "edge", "self", "self", "self"]);
    assert!(home.ok(&["doctor"]).starts_with("healthy"));
}

/// A request whose times vary with its number; every 50th waits long for the ledger.
pub(crate) fn varied(number: u64, start_ms: u64) -> String {
    let ledger = if number.is_multiple_of(50) { 3_000 + number } else { 20 + number * 7 % 41 };
    let fraud = number * 13 % 29 + 1;
    let end = 30 + ledger + fraud;
    let spans = [
        ("00000000000000a1", "", "charge-api", 2, 0, end),
        ("00000000000000a2", "00000000000000a1", "charge-api", 3, 10, 20 + ledger),
        ("00000000000000b1", "00000000000000a2", "ledger", 2, 12, 15 + ledger),
        ("00000000000000c1", "00000000000000a1", "fraud", 2, 20 + ledger, 20 + ledger + fraud),
    ];
    otlp(&format!("{number:032x}"), start_ms, &spans, &[("fraud", "risk")])
}

#[test]
fn packed_days_answer_as_requests_do_within_the_error_that_they_state() {
    let home = home();
    let days: Vec<String> = (0..3)
        .map(|day| (1..=120).map(|n| varied(day * 120 + n, MONDAY + day * DAY + n * 60_000) + "\n").collect())
        .collect();
    for (day, lines) in days.iter().enumerate() {
        home.ingest(&home.write(&format!("{day}.json"), lines));
    }
    // One comes again, whole, and replaces what was there.
    let short = [("00000000000000a1", "", "charge-api", 2, 0, 9_000)];
    home.ingest(&home.write("short.json", &otlp(&format!("{:032x}", 999), MONDAY, &short, &[])));
    home.ingest(&home.write("whole.json", &varied(999, MONDAY)));
    home.write("home/leap.toml", "[latency]\nexact_requests = 0\n");

    let moved = ORG.replace("id: books, kind: team, parent: money", "id: books, kind: team, parent: safety");
    home.write("moved.yaml", &moved);
    home.ok(&["org", "plan", "moved.yaml", "--effective", "2026-08-18", "--output", "move.json"]);
    home.ok(&["org", "apply", "move.json"]);
    for (by, quantile, more) in [
        ("team", "p99", &[][..]),
        ("team", "p99.9", &["--api", "charge-api", "--period", "2026-08-17"]),
        ("division", "p90", &[]),
        ("division", "p90", &["--period", "2026-08-18"]),
        ("division", "p90", &["--period", "2026-08-18", "--org", "2026-08-17"]),
        ("service", "p50", &["--period", "2026-08"]),
        ("kind", "p95", &[]),
        ("caller", "p95", &[]),
    ] {
        let mut args = vec!["latency", "--by", by, "--quantile", quantile];
        args.extend(more);
        let packed = home.json(&args);
        args.push("--exact");
        let exact = home.json(&args);
        let case = format!("{args:?}\n{packed:#}\n{exact:#}");
        assert_eq!((&packed["exact"], &exact["exact"]), (&json!(false), &json!(true)), "{case}");
        assert_eq!(packed["requests"], exact["requests"], "{case}");
        assert_eq!(packed["requests_of_unknown_sampling"], exact["requests_of_unknown_sampling"], "{case}");
        let (found, meant) = (packed["latency_ns"].as_u64().unwrap(), exact["latency_ns"].as_u64().unwrap());
        assert!(found.abs_diff(meant) * 1_000_000 <= meant * packed["error_ppm"].as_u64().unwrap(), "{case}");
        let (parts, truth) = (rows(&packed, by), rows(&exact, by));
        assert_eq!(parts.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>(), "{case}");
        // The band takes whole buckets, so a few other requests speak as well.
        for (name, ns) in &truth {
            assert!(parts[name].abs_diff(*ns) <= meant / 20, "{name}: {case}");
        }
    }
    let table = home.ok(&["latency"]);
    assert!(table.contains("from packed days: the quantile is within 0.4 %"), "{table}");
    // Who asks for what needs the requests gets them.
    assert_eq!(home.json(&["latency", "--objective", "2s"])["exact"], true);
    assert_eq!(home.json(&["latency", "--period", "2026-08-17"])["requests"], 121);
    assert_eq!(home.json(&["verify"])["ok"], true);
    assert!(home.ok(&["doctor"]).starts_with("healthy"));

    // Rows are compared with their digests, and those with the book, though no file is read as a whole: a damaged byte
    // is told, or is none of those that the answer is made from. In the file's foot it is always told.
    let truth = home.json(&["latency"]);
    let mut found = 0;
    for place in
        std::fs::read_dir(home.path("home/lake/tails/x_LeapSource=traces/x_LeapBillingPeriod=2026-08")).unwrap()
    {
        let place = place.unwrap().path();
        let whole = std::fs::read(&place).unwrap();
        let eighths = (1..7).map(|eighth| (whole.len() * eighth / 8, false));
        for (eighth, in_foot) in eighths.chain([9, 30, 100].map(|last| (whole.len() - last, true))) {
            let mut broken = whole.clone();
            broken[eighth] ^= 1;
            std::fs::write(&place, broken).unwrap();
            let ran = home.run(&["latency", "--format", "json"]);
            if ran.code == 0 {
                assert!(!in_foot, "a damaged foot was believed");
                assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), truth, "eighth {eighth}");
            } else {
                assert!(
                    matches!(ran.code, 1 | 4) && ran.err.contains("tails/"),
                    "eighth {eighth}: {} {}",
                    ran.code,
                    ran.err
                );
                found += 1;
            }
        }
        std::fs::write(&place, whole).unwrap();
    }
    assert!(found >= 5, "{found}");
    assert_eq!(home.json(&["latency"])["requests"], 361);
}

#[test]
fn broken_files_of_traces_are_refused_and_change_nothing() {
    let home = home();
    home.ingest(&home.write("one.json", &request(1, MONDAY)));
    let broken = request(2, MONDAY);
    home.write("broken.json", &broken[..broken.len() - 20]);
    let (code, answer) = home.json_any(&["ingest", "broken.json"]);
    assert_eq!((code, &answer["deliveries"][0]["status"]), (4, &json!("refused")), "{answer:#}");
    assert!(text(&answer["deliveries"][0]["reason"]).contains("broken.json"), "{answer:#}");
    assert_eq!(home.json(&["latency"])["requests"], 1);
}

fn expected() -> Option<Vec<Value>> {
    let folder = shared("traces")?;
    let packed = std::fs::read(folder.join("expected_lcp1.jsonl.gz")).unwrap();
    let plain = decompress(&packed, ScanLimits::FILE.bytes).unwrap().into_owned();
    Some(String::from_utf8(plain).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn staged_traces_read_back_as_the_definition_says() {
    let Some(expected) = expected() else { return };
    let folder = shared("traces").unwrap();
    // Ids of the files of `crisp` mean something in their own file alone; the others are taken one by one, because two
    // of them hold the same traces in different formats, of which only one would count.
    let mut sources = BTreeMap::<String, Vec<&Value>>::new();
    for line in expected.iter().filter(|line| line["error"].is_null()) {
        let file = line["file"].as_str().unwrap();
        let source = if file.starts_with("crisp/") { "crisp" } else { file };
        sources.entry(source.to_owned()).or_default().push(line);
    }
    let line = |trace: &str, root: &str, latency: &Value, own: &Value, owned: &Value| {
        json!([trace, root, latency, own, owned]).to_string()
    };
    let mut compared = 0;
    for (source, wanted) in &sources {
        let home = Home::new();
        home.ok(&["ingest", folder.join(source).to_str().unwrap()]);
        let mut found: Vec<String> = home
            .ok(&["latency", "per-request", "--format", "jsonl"])
            .lines()
            .map(|text| {
                let found: Value = serde_json::from_str(text).unwrap();
                let id = |name: &str| found[name].as_str().unwrap().to_owned();
                let (own, owned) = (&found["by_service_ns"], &found["by_owner_ns"]);
                line(&id("trace_id"), &id("root_span_id"), &found["latency_ns"], own, owned)
            })
            .collect();
        let mut wanted: Vec<String> = wanted
            .iter()
            .map(|wanted| {
                let id = |name: &str| wanted[name].as_str().unwrap().to_owned();
                let (own, owned) = (&wanted["by_service_ns"], &wanted["by_owner_ns"]);
                line(&id("trace"), &id("root"), &wanted["latency_ns"], own, owned)
            })
            .collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{source}");
        compared += wanted.len();
    }
    println!("requests compared {compared}");
    assert_eq!(compared, 1735);
}

/// The composition of section 3.2, worked out here with plain loops.
fn composed(lines: &[&Value], p: (u64, u64), h: (u64, u64)) -> (u64, BTreeMap<String, u64>) {
    let mut sorted: Vec<&&Value> = lines.iter().collect();
    sorted.sort_by_key(|line| line["latency_ns"].as_u64());
    let n = sorted.len() as u64;
    let rank = |over: u64, under: u64| (over * n).div_ceil(under);
    let quantile = sorted[rank(p.0, p.1) as usize - 1]["latency_ns"].as_u64().unwrap();
    let under = p.1 * h.1;
    let (low, high) = (rank(p.0 * h.1 - h.0 * p.1, under), rank(p.0 * h.1 + h.0 * p.1, under).min(n));
    let mut sums = BTreeMap::<String, u128>::new();
    for line in &sorted[low as usize - 1..high as usize] {
        for (name, ns) in line["by_owner_ns"].as_object().unwrap() {
            *sums.entry(name.clone()).or_default() += u128::from(ns.as_u64().unwrap());
        }
    }
    let all: u128 = sums.values().sum();
    let mut parts: Vec<(String, u64, u128)> = sums
        .into_iter()
        .map(|(name, sum)| {
            let scaled = u128::from(quantile) * sum;
            (name, (scaled / all) as u64, scaled % all)
        })
        .collect();
    let left = quantile - parts.iter().map(|part| part.1).sum::<u64>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(parts[*at].2), *at));
    for at in order.into_iter().take(left as usize) {
        parts[at].1 += 1;
    }
    (quantile, parts.into_iter().filter(|part| part.1 > 0).map(|(name, ns, _)| (name, ns)).collect())
}

#[test]
fn quantiles_of_staged_traces_are_divided_as_the_definition_says() {
    let Some(expected) = expected() else { return };
    let folder = shared("traces").unwrap();
    let mut compared = 0;
    for file in [
        "onlineboutique/baseline.otlp.json.gz",
        "onlineboutique/fault_network_delay_cartservice.otlp.json.gz",
        "trainticket/baseline.jaeger.json.gz",
        "trainticket/fault_network_delay_ts-contacts-service.otlp.json.gz",
    ] {
        let home = Home::new();
        home.ingest(&folder.join(file));
        let lines: Vec<&Value> = expected.iter().filter(|line| line["file"] == file).collect();
        for (text, p, half, h) in [
            ("0.5", (1, 2), "0.1", (1, 10)),
            ("0.9", (9, 10), "0.05", (1, 20)),
            ("0.99", (99, 100), "0.005", (5, 1000)),
        ] {
            let answer = home.json(&["latency", "--by", "service", "--quantile", text, "--band", half]);
            let (quantile, parts) = composed(&lines, p, h);
            assert_eq!(answer["latency_ns"], quantile, "{file} {text}");
            assert_eq!(rows(&answer, "service"), parts, "{file} {text}");
            compared += parts.len();
        }
    }
    println!("parts compared {compared}");
    assert!(compared > 60);
}

#[test]
fn the_service_with_the_injected_delay_has_the_largest_excess() {
    let Some(folder) = shared("traces") else { return };
    for (system, fault, guilty) in [
        ("onlineboutique", "fault_network_delay_cartservice.otlp.json.gz", "cartservice"),
        ("trainticket", "fault_network_delay_ts-contacts-service.otlp.json.gz", "ts-contacts-service"),
    ] {
        // The slowest tenth of requests, in the fault's minute and in the baseline's.
        let tail = |file: &str| {
            let home = Home::new();
            home.ingest(&folder.join(system).join(file));
            rows(&home.json(&["latency", "--by", "service", "--quantile", "0.95", "--band", "0.05"]), "service")
        };
        let (usual, faulty) = (tail("baseline.otlp.json.gz"), tail(fault));
        let names: BTreeSet<&String> = usual.keys().chain(faulty.keys()).collect();
        let more = |name: &str| {
            let of = |side: &BTreeMap<String, u64>| i128::from(side.get(name).copied().unwrap_or(0));
            of(&faulty) - of(&usual)
        };
        let mut ranking: Vec<(i128, &str)> = names.into_iter().map(|name| (more(name), name.as_str())).collect();
        ranking.sort_by(|a, b| b.cmp(a));
        println!("{system}: {:?}", &ranking[..3]);
        assert_eq!(ranking[0].1, guilty, "{ranking:?}");
    }
}

#[test]
fn the_story_of_latency_ends_with_a_proof() {
    let home = Home::new();
    let told = home.ok(&["demo", "--story", "latency", "--dir", "story"]);
    for wanted in [
        "p99.9 of charge-api POST /v1/charges: verified",
        "at least 1.6",
        "── p99.9 fell from 4.5",
        "the same nanoseconds that the requests were made with",
    ] {
        assert!(told.contains(wanted), "'{wanted}' is not in\n{told}");
    }
}

/// `latency` of `leap verify --raw`, and whether all is well.
fn verified(home: &Home) -> (bool, Value) {
    let (code, answer) = home.json_any(&["verify"]);
    assert_eq!(answer["ok"] == json!(true), code == 0, "{answer:#}");
    (code == 0, answer["latency"].clone())
}

#[test]
fn verify_divides_every_request_again_and_tells_what_differs() {
    let home = home();
    home.write("one.json", &(1..=3).map(|number| request(number, MONDAY + number)).collect::<Vec<_>>().join("\n"));
    home.write("two.json", &request(4, MONDAY + 400));
    home.ok(&["ingest", "one.json"]);
    home.ok(&["ingest", "two.json"]);
    let (ok, latency) = verified(&home);
    // Twice each: from the raw files and from the traces kept whole; the latency and three slices of three services,
    // one of them an edge.
    assert_eq!((ok, &latency["requests"], &latency["requests_equal"]), (true, &json!(4), &json!(4)), "{latency:#}");
    assert_eq!((&latency["deliveries_reread"], &latency["compared"]), (&json!(2), &json!(4 * 2 * 5)), "{latency:#}");

    // A file that is gone is told; the traces kept whole are divided again all the same.
    std::fs::rename(home.path("two.json"), home.path("away.json")).unwrap();
    let (ok, latency) = verified(&home);
    assert_eq!(
        (ok, &latency["deliveries_reread"], &latency["requests_equal"]),
        (true, &json!(1), &json!(4)),
        "{latency:#}"
    );
    assert!(latency["raw_absent"][0].as_str().unwrap().contains("two.json"), "{latency:#}");
    assert_eq!(home.run(&["verify", "--raw"]).code, 4);

    // Had the file said 20 ns more of the ledger, what is stored would be wrong.
    let at = |ms: u64| ((MONDAY + 400 + ms) * 1_000_000).to_string();
    let other = request(4, MONDAY + 400).replace(&at(40), &(at(40).parse::<u64>().unwrap() + 20).to_string());
    home.write("two.json", &other);
    let digest = leap_terms::Digest::of(other.as_bytes());
    assert_eq!(tamper(&home, &format!("UPDATE trace_delivery SET digest = '{digest}' WHERE path LIKE '%two.json'")), 1);
    let (ok, latency) = verified(&home);
    // The trace kept whole still agrees with what is stored: two witnesses, one of whom differs.
    assert_eq!((ok, &latency["requests_equal"]), (false, &json!(3)), "{latency:#}");
    let said = latency["differences"][0].as_str().unwrap();
    assert!(said.contains("00000000000000a1 of trace 00000000000000000000000000000004"), "{said}");
    assert!(said.contains("stored 20000000 ns, audited"), "{said}");
    let shown = home.run(&["verify"]);
    assert!(shown.out.contains(&format!("differs: {said}")), "{}", shown.out);
    assert!(shown.out.contains("3 of 4 requests divided again, 40 figures, 1 DIFFER"), "{}", shown.out);

    // A delivery whose requests are not there any more.
    home.write("two.json", &request(4, MONDAY + 400));
    let digest = leap_terms::Digest::of(request(4, MONDAY + 400).as_bytes());
    assert_eq!(tamper(&home, &format!("UPDATE trace_delivery SET digest = '{digest}' WHERE path LIKE '%two.json'")), 1);
    assert!(verified(&home).0);
    let lost = "DELETE FROM trace_file WHERE added_in = (SELECT max(id) FROM trace_change)";
    assert_eq!(tamper(&home, lost), 4);
    let (ok, latency) = verified(&home);
    assert_eq!((ok, &latency["requests"]), (false, &json!(3)), "{latency:#}");
    assert!(latency["differences"][0].as_str().unwrap().contains("came in, and is not stored"), "{latency:#}");
}
