//! Histograms count every request: the quantile is theirs where traces are a sample, and traces say whose it is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::SOON;
use super::server::{Server, home_with, wait_until};
use crate::harness::{Home, text};
use crate::latency::{MONDAY, otlp};

const METRIC: &str = "http.server.request.duration";
/// Of scale 5 in seconds: (10.15, 10.37] ms and (98.7, 100.9] ms.
const FAST: i64 = -212;
const SLOW: i64 = -107;

/// A trace of 100 ms that does not say how it was sampled: a sampler kept the slow ones.
pub(crate) fn slow_trace(number: u64) -> String {
    let spans = [
        ("00000000000000a1", "", "charge-api", 2, 0, 100),
        ("00000000000000b1", "00000000000000a1", "ledger", 2, 20, 60),
    ];
    otlp(&format!("{number:032x}"), MONDAY + number * 1_000, &spans, &[]).replace(r#","traceState":"ot=th:0""#, "")
}

/// A body with one histogram of `charge-api work` by one sender: so many fast and so many slow requests.
pub(crate) fn body(
    sender: &str,
    cumulative: bool,
    (start_ms, time_ms): (u64, u64),
    (fast, slow): (u64, u64),
) -> String {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let mut counts = vec![0; usize::try_from(SLOW - FAST).unwrap() + 1];
    (counts[0], *counts.last_mut().unwrap()) = (fast, slow);
    let ns = |ms: u64| (ms * 1_000_000).to_string();
    let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
    let point = json!({
        "attributes": [attribute("http.route", "work"), attribute("http.request.method", "charge-api")],
        "startTimeUnixNano": ns(start_ms), "timeUnixNano": ns(time_ms), "count": (fast + slow).to_string(), "scale": 5,
        "positive": {"offset": FAST, "bucketCounts": counts},
    });
    let histogram = json!({"aggregationTemporality": if cumulative { 2 } else { 1 }, "dataPoints": [point]});
    let metrics = json!([
        {"name": METRIC, "unit": "s", "exponentialHistogram": histogram},
        {"name": "process.cpu.time", "sum": {"dataPoints": [{"asDouble": 1.5}]}},
    ]);
    let resource = json!({"attributes": [attribute("service.name", "charge-api"), attribute("host.name", sender)]});
    json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}).to_string()
}

fn send(server: &Server, body: &str) {
    let told = server.post("/v1/metrics", "application/json", body.as_bytes());
    assert_eq!((told.code, told.body.as_str()), (200, "{}"), "a full success");
}

/// The report, as soon as the metric counted so many.
#[track_caller]
pub(super) fn measured(home: &Home, requests: u64) -> Value {
    let begun = Instant::now();
    loop {
        let ran = home.run(&["latency", "--by", "service", "--format", "json"]);
        if ran.code == 0 {
            let answer: Value = serde_json::from_str(&ran.out).unwrap();
            if answer["measured"]["requests"] == requests {
                return answer;
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "never {requests}: {}{}", ran.out, ran.err);
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_quantile_is_the_metrics_and_traces_say_whose_it_is() {
    let home = home_with(&format!("{SOON}hold_seconds = 1\n"));
    let server = Server::start(&home);
    for number in 1..=10 {
        assert_eq!(server.send(&slow_trace(number)).code, 200);
    }
    wait_until(&home, |lines| lines.len() == 10);
    let traced = home.json(&["latency", "--by", "service"]);
    assert_eq!((&traced["latency_ns"], &traced["measured"]), (&json!(100_000_000), &Value::Null));
    assert_eq!(traced["requests_of_unknown_sampling"], 10);

    // 9,980 fast and 20 slow: p99.9 is slow, the median fast.
    let first = body("a", false, (MONDAY, MONDAY + 60_000), (9_980, 20));
    send(&server, &first);
    let answer = measured(&home, 10_000);
    let latency = answer["latency_ns"].as_u64().unwrap();
    assert!((98_700_000..=100_900_000).contains(&latency), "{answer:#}");
    assert_eq!((&answer["sum_ns"], &answer["requests"]), (&answer["latency_ns"], &json!(10)), "{answer:#}");
    assert_eq!(answer["measured"]["metric"], METRIC);
    assert!((10_000..16_000).contains(&answer["measured"]["error_ppm"].as_u64().unwrap()), "{answer:#}");
    assert_eq!((&answer["exact"], &answer["error_ppm"]), (&json!(false), &answer["measured"]["error_ppm"]));
    assert!((10_100_000..=10_400_000).contains(&answer["median_ns"].as_u64().unwrap()), "{answer:#}");
    // Divided as the traces are: 40 of 100 are the ledger's.
    let ledger: u64 = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["service"] == "ledger")
        .map(|row| row["ns"].as_u64().unwrap())
        .sum();
    assert!(ledger.abs_diff(latency * 2 / 5) <= 1, "{answer:#}");
    let table = home.ok(&["latency"]);
    assert!(
        table.contains("the quantile is that of 10000 requests counted by http.server.request.duration"),
        "{table}"
    );
    assert!(table.contains("10000 requests, 10 of them traced"), "{table}");
    assert_eq!(home.json(&["latency", "--exact"])["latency_ns"], 100_000_000, "of the traces, when asked for");
    assert_eq!(home.json(&["latency", "--period", "2026-08-17"])["measured"]["requests"], 10_000);
    let other_day = slow_trace(100).replace("17869249", "17870113");
    assert_eq!(server.send(&other_day).code, 200);
    wait_until(&home, |lines| lines.len() == 11);
    assert_eq!(home.json(&["latency", "--period", "2026-08-18"])["measured"], Value::Null, "nothing was measured then");

    // Sent again it counts nothing; another sender's does, and so does a cumulative one, once.
    send(&server, &first);
    send(&server, &body("b", false, (MONDAY, MONDAY + 60_000), (900, 100)));
    measured(&home, 11_000);
    send(&server, &body("c", true, (MONDAY, MONDAY + 60_000), (100, 0)));
    send(&server, &body("c", true, (MONDAY, MONDAY + 120_000), (150, 50)));
    measured(&home, 11_200);
    // Killed with a body in the spool, the server takes it again, and what it counted it does not count again.
    send(&server, &body("c", true, (MONDAY, MONDAY + 180_000), (150, 150)));
    server.kill();
    let server = Server::start(&home);
    send(&server, &first);
    send(&server, &body("c", true, (MONDAY, MONDAY + 120_000), (150, 50)));
    let slow = measured(&home, 11_300);
    assert!(slow["median_ns"].as_u64().unwrap() < 10_400_000, "{slow:#}");
    let said = server.stop();
    assert!(said.contains("requests stored"), "{said}");
    assert_eq!(measured(&home, 11_300), slow);
    assert_eq!(home.run(&["doctor"]).code, 0);
    assert_eq!(home.json(&["verify"])["ok"], true);
    let rows = home.json(&["sql", "select metric, sum(requests) as n from histograms group by metric"]);
    assert_eq!(rows["rows"][0]["n"].to_string().trim_matches('"'), "11300", "{rows:#}");
}

#[test]
fn senders_of_other_metrics_are_told_so_and_damage_is_refused() {
    let home = home_with(SOON);
    let server = Server::start(&home);
    let post = |body: &str| server.post("/v1/metrics", "application/json", body.as_bytes());
    let whole = body("a", false, (MONDAY, MONDAY + 60_000), (1, 1));
    let other = post(&whole.replace(METRIC, "queue.duration"));
    let said: Value = serde_json::from_str(&other.body).unwrap();
    assert_eq!(other.code, 200, "{said}");
    assert!(
        said["partialSuccess"]["rejectedDataPoints"].is_null() || said["partialSuccess"]["rejectedDataPoints"] == "0"
    );
    assert!(
        text(&said["partialSuccess"]["errorMessage"]).contains("none of 2 metrics is an exponential histogram"),
        "{said}"
    );
    for (from, to, why) in [
        (r#""unit":"s""#, r#""unit":"By""#, "'By' is no unit of time"),
        (r#""scale":5"#, r#""scale":-1"#, "scale -1 is not between 0 and 20"),
        ("service.name", "service.nickname", "without service.name"),
        (r#""aggregationTemporality":1"#, r#""aggregationTemporality":0"#, "temporality is not said"),
        (r#""count":"2""#, r#""count":"3""#, "counts that do not add up"),
    ] {
        assert!(whole.contains(from), "{from}");
        let said: Value = serde_json::from_str(&post(&whole.replace(from, to)).body).unwrap();
        assert_eq!(text(&said["partialSuccess"]["rejectedDataPoints"]), "1", "{said}");
        assert!(text(&said["partialSuccess"]["errorMessage"]).contains(why), "{said}");
    }
    assert_eq!(post(&whole[..whole.len() / 2]).code, 400);
    server.stop();
    assert!(home.run(&["latency"]).err.contains("there are no requests yet"));
}

#[test]
fn files_of_metrics_are_taken_in_and_count_once() {
    let home = Home::new();
    home.ingest(&home.write("traces.json", &slow_trace(1)));
    let metrics = home.write("metrics.json", &body("a", false, (MONDAY, MONDAY + 60_000), (990, 10)));
    let told = home.ok(&["ingest", "metrics.json"]);
    assert!(told.contains("OTLP metrics JSON, 1 histograms of requests"), "{told}");
    assert!(told.contains("1 other metrics were passed over"), "{told}");
    home.ingest(&metrics);
    // The same, said in other bytes.
    home.ingest(
        &home.write("again.json", &body("a", false, (MONDAY, MONDAY + 60_000), (990, 10)).replace(":[", ": [")),
    );
    let answer = measured(&home, 1_000);
    assert!((98_700_000..=100_900_000).contains(&answer["latency_ns"].as_u64().unwrap()), "{answer:#}");
    assert_eq!(home.json(&["verify"])["ok"], true);
    assert!(home.ok(&["doctor"]).starts_with("healthy"));
}
