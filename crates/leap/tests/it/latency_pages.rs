//! The pages of latency say what the commands say, to the nanosecond: quantile and days, what could be saved, requests,
//! one request, before and after, and where an objective stands.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Home, text};
use crate::latency::{MONDAY, ORG, RULES, otlp, varied};
use crate::site::Site;
use crate::stream::metrics;

const DAY: u64 = 86_400_000;
const API: &str = "charge-api%20charge-api%20work";

/// Three days of 120 requests.
fn home() -> Home {
    let home = Home::with(ORG, RULES);
    for day in 0..3 {
        let lines: String = (1..=120).map(|n| varied(day * 120 + n, MONDAY + day * DAY + n * 60_000) + "\n").collect();
        home.ingest(&home.write(&format!("{day}.json"), &lines));
    }
    home
}

/// A table of a page as JSON.
#[track_caller]
fn table(site: &Site, path: &str, id: &str) -> Value {
    let answer = site.get(&format!("/api/v1{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let json = answer.json();
    let found = json["tables"].as_array().expect("tables").iter().find(|table| table["id"] == id).cloned();
    found.unwrap_or_else(|| panic!("no table {id} in {json:#}"))
}

fn lines(table: &Value) -> &Vec<Value> {
    table["rows"].as_array().expect("rows")
}

fn ns(value: &Value) -> i128 {
    text(value).parse().unwrap_or_else(|_| panic!("'{value}' are no nanoseconds"))
}

/// A column by the first one.
fn column(table: &Value, name: &str, value: &str) -> BTreeMap<String, i128> {
    lines(table).iter().map(|row| (text(&row[name]), ns(&row[value]))).filter(|(_, ns)| *ns != 0).collect()
}

/// The rows of a command, added up by a name.
fn by(rows: &Value, name: &str, value: &str) -> BTreeMap<String, i128> {
    let mut sums = BTreeMap::new();
    for row in rows.as_array().expect("rows") {
        *sums.entry(text(&row[name])).or_insert(0) += ns(&row[value]);
    }
    sums.retain(|_, ns| *ns != 0);
    sums
}

/// The address that a figure of a page leads to, by how it is shown before.
fn hrefs(page: &str, part: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.contains(part)).map(|link| link.replace("&amp;", "&")).collect()
}

#[test]
fn the_quantile_its_parts_its_days_and_what_could_be_saved_are_those_of_the_command() {
    let home = home();
    let site = Site::start(&home);
    for (quantile, dimension, more) in
        [("p99.9", "team", ""), ("p90", "service", "&period=2026-08-18"), ("p50", "kind", "&period=2026-08")]
    {
        let mut args = vec!["latency", "--api", "charge-api", "--quantile", quantile, "--by", dimension];
        let period = more.strip_prefix("&period=");
        args.extend(period.iter().flat_map(|period| ["--period", *period]));
        let told = home.json(&args);
        let path = format!("/latency?api=charge-api&quantile={quantile}&by={dimension}{more}");
        let tail = table(&site, &path, "tail");
        assert_eq!(ns(&tail["sum"]), ns(&told["latency_ns"]), "{path}");
        let parts = column(&tail, dimension, "Nanoseconds");
        assert_eq!(parts.values().sum::<i128>(), ns(&told["latency_ns"]), "{path}");
        assert_eq!(parts, by(&told["rows"], dimension, "ns"), "{path}");
        assert_eq!(column(&tail, dimension, "More than at the median"), by(&told["excess"], dimension, "ns"), "{path}");
        assert_eq!(column(&tail, dimension, "At the median"), by(&told["excess"], dimension, "usual_ns"), "{path}");
        // The same with what could be saved.
        args.push("--what-if");
        let told = home.json(&args);
        let tail = table(&site, &format!("{path}&what_if=1"), "tail");
        let saved: BTreeMap<String, i128> = lines(&tail)
            .iter()
            .filter(|row| !row["Could be saved alone"].is_null())
            .map(|row| (text(&row[dimension]), ns(&row["Could be saved alone"])))
            .collect();
        let rows = told["what_if"]["rows"].as_array().expect("rows");
        let meant = rows.iter().map(|row| (text(&row[dimension]), ns(&row["recoverable_ns"]))).collect();
        assert_eq!(saved, meant, "{path}");
    }
    let page = site.page("/latency?api=charge-api&what_if=1");
    assert!(page.contains("Had all of them taken what they usually take"), "{page}");
    assert!(!page.contains("data-v=\"\""), "{page}");

    // Days, read one by one and from packed days: each is what its own page and command say.
    for packed in ["", "&packed=1"] {
        let days = table(&site, &format!("/latency?api=charge-api{packed}"), "days");
        assert_eq!(lines(&days).len(), 3);
        for day in lines(&days) {
            let name = text(&day["Day"]);
            for quantile in ["p50", "p99", "p99.9"] {
                let path = format!("/latency?api=charge-api&period={name}&quantile={quantile}{packed}");
                assert_eq!(text(&table(&site, &path, "tail")["sum"]), text(&day[quantile]), "{path}");
                if packed.is_empty() {
                    let args = ["latency", "--api", "charge-api", "--period", &name, "--quantile", quantile];
                    assert_eq!(ns(&home.json(&args)["latency_ns"]), ns(&day[quantile]), "{name} {quantile}");
                }
            }
        }
    }
    let page = site.page("/latency?api=charge-api&packed=1&objective=2s");
    assert!(page.contains("from packed days") && page.contains("packed=1#t-tail"), "{page}");
    assert!(page.contains("data-target=\"2000000000\""), "the objective is a line: {page}");
    // A period that other pages mean without being asked is a period here.
    let page = site.page("/latency?period=2026-08");
    assert!(hrefs(&page, "/latency?").iter().all(|link| link.contains("period=2026-08")), "{page}");
    for (path, named) in [
        ("/latency?api=nothing", "Parameter api"),
        ("/latency?quantile=p101", "Parameter quantile"),
        ("/latency?by=colour", "Parameter by"),
        ("/latency?objective=3", "Parameter objective"),
        ("/latency?what_if=yes", "Parameter what_if"),
        ("/latency/requests?after=x", "Parameter after"),
        ("/latency/requests?objective=3s", "Parameter objective"),
        ("/latency/diff?before=x&after=2026-08-18", "Parameter before"),
        ("/latency/diff?before=2026-08-18&after=2026-08-17", "Parameter after"),
        ("/latency/diff?before=2026-08-17&after=2026-08-18&team=nobody", "Parameter team"),
    ] {
        let answer = site.get(path);
        assert_eq!(answer.status, 422, "{path}: {}", answer.body);
        assert!(answer.body.contains(named), "{path}: {}", answer.body);
    }
    let page = site.page("/latency?period=2025-01");
    assert!(page.contains("No request of that kind began in 2025-01"), "{page}");
}

#[test]
fn requests_stand_in_order_of_duration_and_each_leads_to_its_frames() {
    let home = home();
    let site = Site::start(&home);
    let told = home.ok(&["latency", "per-request", "--format", "jsonl"]);
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut meant: Vec<i128> = told.iter().map(|line| ns(&line["latency_ns"])).collect();
    meant.sort_unstable_by(|a, b| b.cmp(a));
    let (mut path, mut found) = ("/latency/requests?after=0".to_owned(), Vec::new());
    loop {
        let requests = table(&site, &path, "requests");
        for row in lines(&requests) {
            let whole = ns(&row["Latency"]);
            assert_eq!(ns(&row["Rank"]), found.len() as i128 + 1);
            let id = row["Trace"].as_str().expect("an id");
            assert!(told.iter().any(|line| line["trace_id"] == id), "{id} is no whole id");
            found.push(whole);
            let parts: i128 = ["payments", "books", "risk"].iter().map(|team| ns(&row[*team])).sum();
            assert_eq!(parts, whole, "{row:#}");
        }
        match &requests["next"] {
            Value::String(next) => path.clone_from(next),
            _ => break,
        }
    }
    assert_eq!(found, meant);

    // The quantile leads to the page with its request, which is marked, and no other.
    for quantile in ["p50", "p99.9"] {
        let page = site.page(&format!("/latency?quantile={quantile}"));
        let latency = ns(&home.json(&["latency", "--quantile", quantile])["latency_ns"]);
        let figure = page.split("class=\"fig\"").find(|rest| rest.contains(&format!("data-v=\"{latency}\"")));
        let figure = figure.expect("the quantile is a figure");
        assert!(figure.contains("data-k=\"quantile\""), "{figure}");
        let link = hrefs(figure, "/latency/requests")[0].replace("#marked", "");
        let page = site.page(&link);
        let marked: Vec<&str> = page.split("<tr id=\"marked\" aria-current=\"true\"").skip(1).collect();
        assert_eq!(marked.len(), 1, "{link}");
        let row = marked[0].split("</tr>").next().expect("a row");
        assert!(row.contains(&format!("data-v=\"{latency}\"")), "{row}");
    }

    // Every request has frames that add up to it; where its spans are not kept, sums.
    let (mut kept, mut summed) = (0, 0);
    for line in told.iter().step_by(23).chain(told.iter().filter(|line| ns(&line["latency_ns"]) > 3_000_000_000)) {
        let (trace, root) = (text(&line["trace_id"]), text(&line["root_span_id"]));
        let path = format!("/latency/explain?trace={trace}&root={root}");
        let frames = table(&site, &path, "frames");
        assert_eq!(ns(&frames["sum"]), ns(&line["latency_ns"]), "{path}");
        let own: i128 = lines(&frames).iter().map(|row| ns(&row["Own time, ns"])).sum();
        assert_eq!(own, ns(&line["latency_ns"]), "{path}");
        if home.run(&["latency", "explain", &trace]).code != 0 {
            assert!(site.page(&path).contains("Its spans are not kept"), "{path}");
            summed += 1;
            continue;
        }
        kept += 1;
        let told = home.json(&["latency", "explain", &trace]);
        let mut slices = BTreeMap::<String, i128>::new();
        for slice in told["requests"][0]["slices"].as_array().unwrap() {
            let name = format!("{} {}", text(&slice["service"]), text(&slice["operation"]));
            *slices.entry(name).or_default() += ns(&slice["ns"]);
        }
        let mut shown = BTreeMap::<String, i128>::new();
        for row in lines(&frames) {
            *shown.entry(text(&row["Frame"])).or_default() += ns(&row["Own time, ns"]);
            assert!(ns(&row["Start"]) + ns(&row["Length"]) <= ns(&line["latency_ns"]), "{row:#}");
        }
        assert_eq!(shown, slices, "{path}");
        let owners = column(&table(&site, &path, "owners"), "Owner", "Time");
        assert_eq!(owners, by(&told["requests"][0]["slices"], "team", "ns"), "{path}");
        assert!(site.page(&path).contains("data-chart=\"icicle\""), "{path}");
    }
    assert!(kept > 5 && summed > 3, "{kept} kept, {summed} summed");
    assert_eq!(site.get("/latency/explain?trace=abcdef").status, 404);
    assert_eq!(site.get(&format!("/latency/explain?trace={:032x}&root=0000000000000001", 1)).status, 404);
    let several = site.page("/latency/explain?trace=000000");
    assert!(several.contains("Several traces begin with"), "{several}");
    assert!(site.page("/latency/explain").contains("name=\"trace\""));
}

#[test]
fn before_and_after_is_judged_as_the_command_judges_it_with_every_reason() {
    let home = home();
    let site = Site::start(&home);
    let args = ["latency", "diff", "2026-08-17", "2026-08-19", "--quantile", "p90", "--team", "books"];
    let (code, told) = home.json_any(&args);
    assert_eq!((code, &told["of_sampled_traces"]), (3, &Value::Null));
    let path = "/latency/diff?before=2026-08-17&after=2026-08-19&quantile=p90&team=books";
    let moved = table(&site, path, "moved");
    for (name, column_name) in [("before_ns", "Before"), ("after_ns", "After")] {
        assert_eq!(column(&moved, "Owner", column_name), by(&told["rows"], "team", name));
    }
    let change = ns(&told["after"]["latency_ns"]) - ns(&told["before"]["latency_ns"]);
    assert_eq!(ns(&moved["sum"]), change);
    assert_eq!(lines(&moved).iter().map(|row| ns(&row["Change"])).sum::<i128>(), change);
    let page = site.page(path);
    let refusals = told["refusals"].as_array().unwrap();
    assert!(refusals.len() > 2, "{told:#}");
    for refusal in refusals {
        // It begins with a capital there.
        let words = &text(refusal)[1..].replace('"', "&quot;");
        assert!(page.contains(words.as_str()), "'{words}' is not in {page}");
    }
    assert!(page.contains("leap latency diff 2026-08-17 2026-08-19 --quantile p90 --team books"), "{page}");
    // One request of each side on one axis, each as long as its own page says.
    assert!(page.contains("data-chart=\"icicle\""), "{page}");
    let paths = table(&site, path, "paths");
    let sides: Vec<&Value> = lines(&paths).iter().filter(|row| row["Own time, ns"].is_null()).collect();
    assert_eq!(sides.len(), 2, "{paths:#}");
    let links = hrefs(&page, "/latency/explain?");
    assert_eq!(links.len(), 2, "{links:?}");
    for (side, link) in sides.into_iter().zip(links) {
        let frames = table(&site, link.split('#').next().unwrap(), "frames");
        assert_eq!(text(&frames["sum"]), text(&side["Length"]), "{link}");
    }
    let none = site.page("/latency/diff?before=2025-08-17&after=2026-08-19");
    assert!(none.contains("No request of that kind began in 2025-08-17"), "{none}");
}

#[test]
fn pages_of_many_requests_read_none_of_them() {
    let home = home();
    home.write("home/leap.toml", "[latency]\nexact_requests = 200\n");
    let site = Site::start(&home);
    // All days together are too many, one of them is not.
    let told = home.json(&["latency", "--api", "charge-api", "--quantile", "p99"]);
    assert_eq!(told["exact"], false);
    let tail = table(&site, "/latency?api=charge-api&quantile=p99", "tail");
    assert_eq!(ns(&tail["sum"]), ns(&told["latency_ns"]));
    let page = site.page("/latency?api=charge-api&quantile=p99");
    assert!(!page.contains("data-k=\"quantile\"") && page.contains("#t-tail"), "no request has it: {page}");
    let days = table(&site, "/latency?api=charge-api", "days");
    for day in lines(&days) {
        let own = format!("/latency?api=charge-api&quantile=p99&packed=1&period={}", text(&day["Day"]));
        assert_eq!(text(&table(&site, &own, "tail")["sum"]), text(&day["p99"]), "{own}");
        let link = format!("period={}&amp;quantile=p99&amp;packed=1#t-tail", text(&day["Day"]));
        assert!(page.contains(&link), "{link}: {page}");
    }
    for path in
        ["/latency/requests", "/latency?what_if=1", "/latency/diff?before=2026-08-17..2026-08-19&after=2026-08-19"]
    {
        let page = site.page(path);
        assert!(page.contains("choose a shorter period, or ask the command"), "{path}: {page}");
    }
    assert!(site.page("/latency/requests?period=2026-08-18").contains("id=\"marked\""));
    assert!(!lines(&table(&site, "/latency?what_if=1&period=2026-08-18", "tail")).is_empty());
}

/// Hours of requests of one span each: so many fast, so many slow.
fn hours(home: &Home, hours: &[(u64, u64)]) {
    let mut number = 10_000;
    let mut all = String::new();
    for (hour, (fast, slow)) in hours.iter().enumerate() {
        for at in 0..fast + slow {
            number += 1;
            let end = if at < *fast { 20 } else { 3_500 };
            let spans = [("00000000000000a1", "", "charge-api", 2, 0, end)];
            let start = MONDAY + hour as u64 * 3_600_000 + at * 500;
            all += &(otlp(&format!("{number:032x}"), start, &spans, &[]) + "\n");
        }
    }
    home.ingest(&home.write("hours.json", &all));
}

#[test]
fn an_objective_of_the_settings_is_judged_by_command_and_page_alike() {
    let home = Home::with(ORG, RULES);
    // The first hour meets it, the two after it miss it.
    hours(&home, &[(4_100, 0), (4_000, 50), (4_000, 50)]);
    let none = home.run(&["latency", "contract"]);
    assert!(
        none.code == 2 && none.err.contains("--objective 3s") && none.err.contains("[[latency.apis]]"),
        "{}",
        none.err
    );
    let settings = |grace: &str| {
        let own = format!("[[latency.apis]]\nname = \"charge-api charge-api work\"\nobjective = \"3s\"\n{grace}");
        home.write("home/leap.toml", &own);
    };
    settings("");
    let api = ["--api", "charge-api charge-api work"];
    let args = ["latency", "contract", api[0], api[1]];
    let told = home.json(&args);
    let judged = (&told["state"], &told["clock_hours"], &told["grace_hours"], &told["objective_ns"]);
    assert_eq!(judged, (&json!("missing"), &json!(2), &json!(48), &json!(3_000_000_000_u64)), "{told:#}");
    assert_eq!(told["since"], "2026-08-17T01:00:00Z");
    // The 49th hour from the first that missed ends then.
    assert_eq!(told["incident_at"], "2026-08-19T02:00:00Z");
    assert_eq!(
        (&told["over"], &told["windows"]["met"], &told["windows"]["missed"]),
        (&json!(100), &json!(1), &json!(2))
    );
    let said = home.ok(&args);
    assert!(said.contains("2 of 48 hours of grace, since 2026-08-17T01:00:00Z"), "{said}");
    // What is typed comes before what is written down.
    assert_eq!(home.json(&["latency", "contract", api[0], api[1], "--objective", "4s"])["state"], "ok");

    let site = Site::start(&home);
    let page = site.page(&format!("/latency?api={API}"));
    for words in [
        "2 of 48 hours of grace, missed since 2026-08-17T01:00:00Z",
        "the incident would open at 2026-08-19T02:00:00Z",
        "100 of 12,200 requests took longer",
        "class=\"clock\"",
        "data-target=\"3000000000\" data-target-name=\"objective 3.000 s\"",
        "p99.9, missing",
    ] {
        assert!(page.contains(words), "'{words}' is not in {page}");
    }
    let happened = table(&site, &format!("/latency?api={API}"), "clock");
    assert_eq!(lines(&happened).len(), told["events"].as_array().unwrap().len());
    assert_eq!(lines(&happened)[0]["At"], told["events"][0]["at"]);
    let page = site.page(&format!("/latency?api={API}&objective=4s"));
    assert!(page.contains("The objective is kept: p99.9 within 4.000 s"), "{page}");
    assert!(!site.page("/latency").contains("class=\"clock\""), "nothing is promised of all requests");
    // From packed days the requests are read for it in the background.
    let packed = format!("/latency?api={API}&packed=1");
    let begun = std::time::Instant::now();
    let mut page = site.page(&packed);
    while page.contains("being read to judge") && begun.elapsed().as_secs() < 60 {
        std::thread::yield_now();
        page = site.page(&packed);
    }
    assert!(page.contains("2 of 48 hours of grace, missed since 2026-08-17T01:00:00Z"), "{page}");
    drop(site);

    settings("grace_hours = 1\n");
    let (code, told) = home.json_any(&args);
    assert_eq!((code, &told["state"], &told["incident_at"]), (3, &json!("breached"), &json!("2026-08-17T03:00:00Z")));
    let site = Site::start(&home);
    let page = site.page(&format!("/latency?api={API}"));
    assert!(page.contains("the incident opened at 2026-08-17T03:00:00Z"), "{page}");
    // An API that is only promised something makes no requests of its own.
    hours_again(&home);
    assert_eq!(home.json(&["latency"])["requests"], home.json(&["latency", api[0], api[1]])["requests"]);
}

/// One more request, taken in under the settings.
fn hours_again(home: &Home) {
    let spans = [("00000000000000a1", "", "charge-api", 2, 0, 20)];
    let taken = home.ingest(&home.write("more.json", &otlp(&format!("{:032x}", 9), MONDAY, &spans, &[])));
    assert_eq!(taken[0]["traces"]["requests_new"], 1);
}

#[test]
fn what_reads_traces_alone_says_so_where_they_are_a_sample() {
    let home = Home::with(ORG, RULES);
    let all: String = (1..=10).map(|number| metrics::slow_trace(number) + "\n").collect();
    home.ingest(&home.write("one.json", &all));
    let later = all.replace("17869248", "17870112").replace("17869249", "17870113");
    let later = later.replace("\"traceId\":\"0000", "\"traceId\":\"1000");
    home.ingest(&home.write("two.json", &later));
    let sampled = |metric: Value| json!({ "metric": metric });
    let diff = ["latency", "diff", "2026-08-17", "2026-08-18"];
    let (_, told) = home.json_any(&diff);
    assert_eq!(told["of_sampled_traces"], sampled(Value::Null), "{told:#}");
    // A metric counted every request of the first day.
    home.ingest(&home.write("metric.json", &metrics::body("a", false, (MONDAY, MONDAY + 60_000), (9_980, 20))));
    let name = json!("http.server.request.duration");
    let (_, told) = home.json_any(&diff);
    assert_eq!(told["of_sampled_traces"], sampled(name.clone()), "{told:#}");
    let said = home.run(&diff).out;
    assert!(said.contains("traces alone, though http.server.request.duration counted every request"), "{said}");
    let what_if = ["latency", "--period", "2026-08-17", "--what-if"];
    assert_eq!(home.json(&what_if)["of_sampled_traces"], sampled(name));
    assert_eq!(home.json(&["latency", "--period", "2026-08-17"])["of_sampled_traces"], Value::Null);
    assert!(home.ok(&what_if).contains("though http.server.request.duration counted every request"));

    let site = Site::start(&home);
    for path in ["/latency/diff?before=2026-08-17&after=2026-08-18", "/latency?period=2026-08-17&what_if=1"] {
        let page = site.page(path);
        assert!(page.contains("though http.server.request.duration counted every request"), "{path}: {page}");
    }
    // Day by day the quantile is that of what counted it: of the first day the metric, of the second its traces.
    for more in ["", "&packed=1"] {
        let days = table(&site, &format!("/latency?api=charge-api{more}"), "days");
        for day in lines(&days) {
            for quantile in ["p50", "p99", "p99.9"] {
                let path = format!("/latency?api=charge-api&period={}&quantile={quantile}{more}", text(&day["Day"]));
                assert_eq!(text(&table(&site, &path, "tail")["sum"]), text(&day[quantile]), "{path}");
            }
        }
        let first = &lines(&days)[0];
        let args = ["latency", "--api", "charge-api", "--period", "2026-08-17", "--quantile", "p50"];
        assert_eq!(ns(&first["p50"]), ns(&home.json(&args)["latency_ns"]), "{days:#}");
        assert!(ns(&first["p50"]) < 11_000_000, "{days:#}");
    }
}
