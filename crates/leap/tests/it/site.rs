//! The site from outside: pages say what the command line says, whatever a provider wrote into its bill, and nobody else
//! can read or change anything through a browser. What pages look like is tested in Chromium (`cargo xtask test site`).

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, pairs, text};

/// `leap serve` on free ports; killed when dropped.
pub(crate) struct Site {
    child: Child,
    err: BufReader<ChildStderr>,
    pub(crate) address: String,
}

/// An answer: status, head in lower case, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }
}

/// The value of a hidden field of a page.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let at = page.find(&mark).unwrap_or_else(|| panic!("no {name} in {page}"));
    page[at + mark.len()..].split('"').next().expect("a value").to_owned()
}

/// `leap serve` on free ports.
fn serve(home: &Home) -> Command {
    let free = "127.0.0.1:0";
    home.command(&["serve", "--listen", free, "--otlp-http", free, "--otlp-grpc", free])
}

impl Site {
    pub(crate) fn start(home: &Home) -> Site {
        Site::start_with(home, &[])
    }

    pub(crate) fn start_with(home: &Home, more: &[&str]) -> Site {
        let mut command = serve(home);
        command.args(more);
        Site::run(command)
    }

    /// At a time that stands still.
    pub(crate) fn start_at(home: &Home, now: &str) -> Site {
        let mut command = serve(home);
        command.env("LEAP_NOW", now);
        Site::run(command)
    }

    /// As `https://leap.example` behind a proxy; with the token of the first person, where one is printed.
    pub(crate) fn start_beyond(home: &Home) -> (Site, Option<String>) {
        let mut site = Site::start_with(home, &["--public-url", "https://leap.example"]);
        let mut line = String::new();
        site.err.read_line(&mut line).unwrap();
        if !line.contains("https://leap.example/setup within 15 minutes") {
            return (site, None);
        }
        line.clear();
        site.err.read_line(&mut line).unwrap();
        (site, Some(line.trim().to_owned()))
    }

    fn run(mut command: Command) -> Site {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("leap starts");
        let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let address = line.strip_prefix("leap site  http://");
        let address = address.or_else(|| Some(line.split_once(", listening on ")?.1));
        let address = address.unwrap_or_else(|| panic!("no address but: {line}"));
        Site { address: address.trim().to_owned(), child, err }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            write!(head, "Host: {}\r\n", self.address).unwrap();
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(stream, "{head}\r\n{body}").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.split(' ').nth(1).expect("a code").parse().unwrap();
        let (line, rest) = head.split_once("\r\n").unwrap_or((head, ""));
        let lower = |line: &str| match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
            None => line.to_owned(),
        };
        let head = std::iter::once(line).chain(rest.lines()).map(lower).collect::<Vec<_>>().join("\n");
        // axum sends bodies of a known length: nothing is chunked.
        Answer { status, head, body: body.to_owned() }
    }

    /// Head and body of a file.
    fn bytes(&self, path: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("head and body");
        (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end + 4..].to_vec())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// A page, which must be there.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.header("content-type").starts_with("text/html"), "{path}: {}", answer.head);
        answer.body
    }

    /// Says everything that it would ever say of its own.
    pub(crate) fn start_talking(home: &Home) -> Site {
        let mut command = serve(home);
        command.env("RUST_LOG", "leap=trace,leap_web=trace,leap_book=trace,reqwest=debug,hyper_util=debug");
        Site::run(command)
    }

    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut said = String::new();
        self.err.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three teams, and a charge that nobody owns.
fn home() -> Home {
    let home = Home::with(ORG, RULES);
    let july = [("2026-07-10", "i-1", "a", "80.25"), ("2026-07-31", "i-2", "b", "10")];
    home.ingest(&home.write("2026-07.csv", &bill("2026-07", &july)));
    let august = [
        ("2026-08-10", "i-1", "a", "100.000000001"),
        ("2026-08-11", "i-2", "b", "20"),
        ("2026-08-12", "i-3", "", "3.5"),
        ("2026-08-31", "i-1", "alpha", "0.25"),
    ];
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &august)));
    home
}

const PAGES: [&str; 34] = [
    "/",
    "/team/acme",
    "/team/a",
    "/explore",
    "/explore?by=team",
    "/explore?by=team,service&compare=previous&chart=bars",
    "/explore?chart=treemap",
    "/explore?by=service,team,resource&chart=flow",
    "/coverage/rules?suggest=1",
    "/coverage/rules?versions=1",
    "/explore?rows=charges",
    "/explore?where=ResourceId%20%3D%20%27i-1%27",
    "/resource?id=i-1",
    "/coverage",
    "/coverage/residual",
    "/coverage/rules",
    "/org/plans",
    "/org/log",
    "/periods/2026-08",
    "/pools",
    "/contracts",
    "/org",
    "/periods",
    "/data",
    "/data?tab=proofs",
    "/data/audit",
    "/search?q=team",
    "/start",
    "/latency",
    "/latency/requests",
    "/latency/explain",
    "/latency/diff",
    "/volume",
    "/engineers",
];

/// The rows of a page's table by its first column, as the API gives them.
pub(crate) fn rows(site: &Site, path: &str, table: &str, name: &str, value: &str) -> Vec<(String, String)> {
    let answer = site.get(&format!("/api/v1{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let json = answer.json();
    assert_eq!(text(&json["snapshot"]).len(), 64, "the snapshot is named: {json:#}");
    let tables = json["tables"].as_array().expect("tables");
    let table = tables.iter().find(|one| one["id"] == table).unwrap_or_else(|| panic!("no {table} in {json:#}"));
    let rows = table["rows"].as_array().expect("rows");
    rows.iter().map(|row| (text(&row[name]), text(&row[value]))).collect()
}

#[test]
fn pages_say_what_the_command_line_says_to_the_last_digit() {
    let home = home();
    let site = Site::start(&home);
    for path in PAGES {
        let page = site.page(path);
        assert_eq!(page.matches("<h1>").count(), 1, "{path} has one heading");
        assert!(page.contains("<title>"), "{path} has a title");
    }
    let by_team = rows(&site, "/explore?by=team", "by", "Team", "2026-08");
    assert_eq!(by_team, pairs(&[("Team A", "100.250000001"), ("Team B", "20"), ("Residual: no rule", "3.5")]));
    let spent = home.spend("team", &["--period", "2026-08"]);
    let amounts = |rows: &[(String, String)]| {
        let mut amounts: Vec<String> = rows.iter().map(|(_, amount)| amount.clone()).collect();
        amounts.sort();
        amounts
    };
    assert_eq!(amounts(&by_team), amounts(&spent));
    // The charges behind one figure.
    let charges = rows(&site, "/explore?rows=charges&team=a&period=2026-08", "rows", "Day", "USD");
    assert_eq!(charges, pairs(&[("2026-08-10", "100.000000001"), ("2026-08-31", "0.25")]));
    let none = rows(&site, "/explore?rows=charges&rule=(none)&period=2026-08", "rows", "Resource", "USD");
    assert_eq!(none, pairs(&[("i-3", "3.5")]));
    let either = rows(&site, "/explore?rows=charges&team=b&team=residual:no-rule", "rows", "Resource", "USD");
    assert_eq!(either, pairs(&[("i-2", "20"), ("i-3", "3.5")]));
    assert_eq!(
        rows(&site, "/coverage/residual", "residual", "Steward", "Amount"),
        pairs(&[("cloud-efficiency", "3.5")])
    );
    // Against the month before: what went and what came.
    let page = site.page("/explore?by=team&compare=previous");
    assert!(page.contains("data-v=\"20.000000001\""), "Team A's change is exact");
    let why = site.page("/resource?id=i-1");
    assert!(why.contains("Rule team-tag matched") && why.contains("It belongs to Team A."), "{why}");
    let (code, said) = site.stop();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn paths_add_up_level_by_level() {
    let home = home();
    let site = Site::start(&home);
    // Days are no part of a path: the next dimension that people ask for joins.
    let boxes = rows(&site, "/explore?by=team,day&chart=treemap", "paths", "Team › Service", "2026-08");
    let a = ("Team A", "100.250000001");
    let (of_a, of_b) = (("Amazon EC2", "100.250000001"), ("Amazon EC2", "20"));
    let none = [("Residual: no rule", "3.5"), ("Amazon EC2", "3.5")];
    assert_eq!(boxes, pairs(&[a, of_a, ("Team B", "20"), of_b, none[0], none[1]]));
    let bands = rows(&site, "/explore?by=service,team,resource&chart=flow", "flow", "From", "Amount");
    let first = [("Amazon EC2", "100.250000001"), ("Amazon EC2", "20"), ("Amazon EC2", "3.5")];
    let second = [("Team A", "100.250000001"), ("Team B", "20"), ("Residual: no rule", "3.5")];
    assert_eq!(bands, pairs(&[first, second].concat()));
    let page = site.page("/explore?by=service,team&chart=flow");
    assert!(page.contains("data-chart=\"sankey\"") && page.contains("From service to team"), "{page}");
    let wrong = site.get("/explore?chart=pie");
    assert!(wrong.status == 422 && wrong.body.contains("treemap, flow"), "{}", wrong.body);
}

#[test]
fn a_table_as_parquet_has_the_figures_of_the_page() {
    use arrow::array::AsArray;
    use arrow::datatypes::Decimal128Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let home = home();
    let site = Site::start(&home);
    for path in ["/explore?by=team&period=2026-08", "/api/v1/explore?by=team&period=2026-08"] {
        let (head, file) = site.bytes(&format!("{path}&format=parquet&table=by"));
        assert!(head.contains("content-type: application/vnd.apache.parquet"), "{head}");
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).expect("a Parquet file");
        let facts = builder.metadata().file_metadata().key_value_metadata().expect("facts").clone();
        let fact = |name: &str| facts.iter().find(|fact| fact.key == name).and_then(|fact| fact.value.clone());
        assert_eq!((fact("leap.unit"), fact("leap.snapshot")), (Some("USD".to_owned()), Some(home.digest())));
        let batch = builder.build().expect("rows").next().expect("a batch").expect("rows");
        let teams = batch.column_by_name("Team").expect("teams").as_string::<i32>().clone();
        let costs = batch.column_by_name("2026-08").expect("costs").as_primitive::<Decimal128Type>().clone();
        let read: Vec<(String, i128)> =
            (0..batch.num_rows()).map(|row| (teams.value(row).to_owned(), costs.value(row))).collect();
        let unit = 10_i128.pow(18);
        let right = [
            ("Team A", 100 * unit + unit / 4 + unit / 1_000_000_000),
            ("Team B", 20 * unit),
            ("Residual: no rule", 3 * unit + unit / 2),
        ];
        assert_eq!(read, right.map(|(name, amount)| (name.to_owned(), amount)), "to the last digit");
    }
    assert_eq!(site.get("/explore?by=team&format=parquet&table=nothing").status, 422);
    assert_eq!(site.get("/start?format=parquet").status, 404);
}

#[test]
fn what_is_published_meanwhile_is_seen_at_once() {
    let home = home();
    let site = Site::start(&home);
    assert!(site.page("/").contains("123.75"));
    let before = text(&site.get("/api/v1/org").json()["snapshot"]);
    home.ingest(&home.write("more.csv", &bill("2026-09", &[("2026-09-30", "i-9", "c", "7")])));
    assert_ne!(text(&site.get("/api/v1/org").json()["snapshot"]), before);
    assert_eq!(rows(&site, "/explore?by=team", "by", "Team", "2026-09"), pairs(&[("Team C", "7")]));
}

#[test]
fn a_home_without_bills_says_what_to_do_first() {
    let home = Home::new();
    let site = Site::start(&home);
    assert!(site.page("/").contains("leap ingest PATH"));
    assert!(site.page("/start").contains("First steps"));
    assert!(site.page("/data").contains("Nothing is here"));
    assert_eq!(site.get("/readyz").status, 200);
}

#[test]
fn what_is_not_understood_is_named_with_what_it_may_be() {
    let home = home();
    let site = Site::start(&home);
    for (path, named) in [
        ("/explore?period=2026-13", "Parameter period"),
        ("/explore?by=tema", "unknown dimension"),
        ("/explore?org=never", "as-was"),
        ("/explore?cost=net", "effective"),
        ("/explore?measure=EUR", "USD"),
        ("/explore?where=ResourceId%20%3D", "Parameter where"),
        ("/explore?nothing=x", "Parameter nothing"),
        ("/explore?rows=all", "Parameter rows"),
        ("/explore?chart=pie", "Parameter chart"),
        ("/explore?top=many", "Parameter top"),
        ("/explore?under=nobody", "Parameter under"),
        ("/data?tab=all", "Parameter tab"),
        ("/explore?format=xml", "Parameter format"),
        // What would end a bracket and widen the choice is no predicate of its own.
        ("/explore?service=x&where=team%20%3D%20%27a%27)%20OR%20(team%20IS%20NOT%20NULL", "Parameter where"),
        ("/explore?by=day&compare=previous", "Parameter compare"),
        ("/?service=x", "Parameter service"),
        ("/coverage?under=a", "Parameter under"),
        ("/org?date=2026-08-01", "Parameter date"),
        ("/?as_known_on=2020-01-01", "Parameter as_known_on"),
        ("/?period=0001-01", "Parameter period"),
        ("/?period=9999-12-31", "Parameter period"),
        ("/resource", "Parameter id"),
        ("/?measure=bps", "Parameter measure: there is no business volume yet"),
        ("/team/a?measure=engineers", "Parameter measure: leap.toml does not say"),
        ("/volume?metric=orders", "Parameter metric"),
    ] {
        let answer = site.get(path);
        assert_eq!(answer.status, 422, "{path}: {}", answer.body);
        assert!(answer.body.contains(named), "{path} does not say {named}: {}", answer.body);
        let api = site.get(&format!("/api/v1{path}"));
        assert_eq!(api.status, 422, "{path}");
        assert_eq!(api.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(api.json()["status"], 422, "{path}");
    }
    let many = format!("/explore?{}", "rule=a&".repeat(65));
    assert_eq!(site.get(&many).status, 422);
    for period in ["1980-01", "2199-11", "2026", "2026-08-31", "2020-01..2026-08", "2026-08-30..2026-09-02"] {
        for path in ["/", "/team/a", "/explore?by=month,day", "/coverage", "/pools", "/org", "/periods", "/search?q=a"]
        {
            let join = if path.contains('?') { '&' } else { '?' };
            let answer = site.get(&format!("{path}{join}period={period}"));
            assert_eq!(answer.status, 200, "{path} in {period}: {}", answer.body);
        }
    }
    assert_eq!(site.get("/explore?top=18446744073709551615").status, 200);
    for path in ["/nowhere", "/team/nobody", "/resource?id=i-99", "/assets/0/leap.css", "/%zz", "/team/%ff"] {
        let answer = site.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
}

#[test]
fn only_this_machines_own_pages_are_answered() {
    let home = home();
    let site = Site::start(&home);
    // Another name for this machine is how a page elsewhere would read it (DNS rebinding).
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:7171", "", "localhost.evil"] {
        assert_eq!(site.ask("GET", "/", &[("Host", host)], "").status, 421, "host '{host}'");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:7171"] {
        assert_eq!(site.ask("GET", "/", &[("Host", host)], "").status, 200, "host '{host}'");
    }
    // Others may link here, and no more.
    let from = |mode, dest| {
        let headers = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)];
        site.ask("GET", "/", &headers, "").status
    };
    assert_eq!(from("navigate", "document"), 200);
    assert_eq!(from("no-cors", "image"), 403);
    assert_eq!(from("navigate", "iframe"), 403);
    let post = |headers: &[(&str, &str)]| site.ask("POST", "/preferences", headers, "theme=dark");
    assert_eq!(post(&[("Sec-Fetch-Site", "cross-site")]).status, 403);
    assert_eq!(post(&[("Sec-Fetch-Site", "same-site")]).status, 403);
    assert_eq!(post(&[("Origin", "https://evil.example")]).status, 403);
    assert_eq!(post(&[("Origin", "null")]).status, 403);
    let own = format!("http://{}", site.address);
    let set = post(&[("Origin", own.as_str()), ("Referer", &format!("{own}/org?period=2026-08"))]);
    assert_eq!(set.status, 303);
    assert_eq!(set.header("location"), "/org?period=2026-08");
    assert!(set.header("set-cookie").starts_with("leap_theme=dark; Path=/;"), "{}", set.head);
    for away in ["https://evil.example//evil.example/x", "http://x/\\evil", "no address"] {
        let back = post(&[("Origin", own.as_str()), ("Referer", away)]).header("location").to_owned();
        assert!(back.starts_with('/') && !back.starts_with("//") && !back.contains('\\'), "{away} → {back}");
    }
    let dark = site.ask("GET", "/", &[("Cookie", "a=b; leap_theme=dark")], "");
    assert!(dark.body.contains("data-theme=\"dark\""));
    for (method, path) in [("POST", "/"), ("DELETE", "/team/a"), ("GET", "/preferences"), ("PUT", "/api/v1/explore")] {
        assert_eq!(site.ask(method, path, &[("Origin", own.as_str())], "").status, 405, "{method} {path}");
        // A program says for which site its request is meant; what a browser sends always does.
        let unsaid = if method == "GET" { 405 } else { 403 };
        assert_eq!(site.ask(method, path, &[], "").status, unsaid, "{method} {path}");
    }
    for path in ["/", "/nowhere", "/healthz", "/api/v1/search?q=a", "/explore?period=x"] {
        let answer = site.get(path);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
    let beyond = home.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(beyond.code, 2, "{}", beyond.err);
    assert!(beyond.err.contains("without TLS") && beyond.err.contains("127.0.0.1"), "{}", beyond.err);
}

#[test]
fn readers_who_have_a_page_are_not_sent_it_again() {
    let home = home();
    let site = Site::start(&home);
    let first = site.get("/org");
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{}", first.head);
    let again = site.ask("GET", "/org", &[("If-None-Match", &tag)], "");
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let page = site.page("/");
    let at = page.find("/assets/").expect("a style sheet");
    let sheet = page[at..].split('"').next().expect("an address");
    let sheet = site.get(sheet);
    assert_eq!(sheet.status, 200);
    assert_eq!(sheet.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(site.get("/api/v1/openapi.json").json()["openapi"], "3.1.0");
    let figures = site.get("/metrics").body;
    for name in ["leap_source_charges{source=", "leap_data_age_seconds{source=", "leap_build_info{version=\""] {
        assert!(figures.contains(name), "{name}: {figures}");
    }
    assert_eq!(site.get("/healthz").body, "ok\n");
}

/// Every figure of a page that leads to charges, with its exact value: address and value.
fn figures(page: &str) -> Vec<(String, String)> {
    let cells = page.split("<td class=\"n\" data-v=\"").skip(1);
    let one = |cell: &str| {
        let (value, rest) = cell.split_once('"')?;
        let link = rest.split("</td>").next()?.split_once("href=\"")?.1.split('"').next()?;
        Some((link.replace("&amp;", "&"), value.to_owned()))
    };
    cells.filter_map(one).filter(|(link, _)| link.contains("rows=charges")).collect()
}

#[test]
fn figures_lead_to_their_charges_however_they_are_read() {
    let home = home();
    // A charge of August that September's invoice has, one in another currency, and a pool.
    home.ingest(&home.write(
        "late.csv",
        &bill(
            "2026-09",
            &[("2026-08-20", "i-1", "a", "5"), ("2026-09-29", "i-2", "b", "2"), ("2026-09-30", "i-2", "b", "1")],
        ),
    ));
    let euro = crate::bill::bill_in("EUR", "2026-09", &[("2026-09-02", "e-1", "a", "9")]);
    let euro = euro.replace(",acc,Acme,", ",acc-eu,Acme EU,");
    home.ingest(&home.write("euro.csv", &euro));
    let site = Site::start(&home);
    let mut followed = 0;
    for path in [
        "/explore?by=month,day&period=2026",
        "/explore?by=day,month&period=2026-07-10..2026-08-12",
        "/explore?by=team,month&period=2026",
        "/explore?by=team,service&compare=previous&period=2026-08",
        "/explore?by=team,month&basis=invoiced&period=2026",
        "/explore?by=team,day&basis=invoiced&period=2026-09",
        "/team/a?basis=invoiced&period=2026-09",
        "/?basis=invoiced&period=2026-09",
        "/resource?id=i-1&basis=invoiced&period=2026-09",
        "/explore?by=team,source&measure=EUR&period=2026-09",
        "/explore?by=rule,resource&period=2026-08",
    ] {
        for (link, value) in figures(&site.page(path)) {
            let json = site.get(&format!("/api/v1{link}")).json();
            assert_eq!(text(&json["tables"][0]["sum"]), value, "{path}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 40, "{followed} figures were followed");
    let elsewhere = site.page("/resource?id=e-1&period=2026-09");
    assert!(elsewhere.contains("not billed in USD") && elsewhere.contains("measure=EUR"), "{elsewhere}");
    assert!(site.page("/search?q=e-1&period=2026-09").contains("id=e-1"));
    assert!(site.page("/?period=2026-09").contains("Billed in EUR"));
    // What is not whole is not compared.
    assert!(site.page("/?period=2026-10").contains("No such charges in 2026-10"));
    assert!(site.page("/?period=2026").contains("not compared: there are charges from 2026-07-10"));
}

#[test]
fn long_tables_have_pages_and_files_have_all_rows() {
    let home = home();
    let lines: Vec<(String, String)> = (0..250).map(|at| (format!("r-{at:03}"), format!("{}.5", at + 1))).collect();
    let lines: Vec<_> = lines.iter().map(|(id, amount)| ("2026-09-30", id.as_str(), "a", amount.as_str())).collect();
    home.ingest(&home.write("many.csv", &bill("2026-09", &lines)));
    let site = Site::start(&home);
    let mut path = "/explore?rows=charges&team=a".to_owned();
    let (mut found, mut pages) = (0, 0);
    loop {
        let page = site.page(&path);
        found += page.matches("<th scope=\"row\">2026-09-30").count();
        pages += 1;
        let Some(at) = page.find("rel=\"next\" href=\"") else { break };
        path = page[at + 17..].split('"').next().expect("an address").replace("&amp;", "&");
    }
    assert_eq!((found, pages), (250, 3));
    let csv = site.get("/explore?rows=charges&team=a&format=csv");
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.body.lines().count(), 251);
    let named = site.page("/explore?by=resource");
    assert!(named.contains("225 others") && named.contains("data-sum=\"31500\""), "the rest is one row, and adds up");
}

#[test]
fn no_text_of_a_bill_is_ever_markup_or_a_formula() {
    let hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "x' OR '1'='1",
        "a&b=c#d?e/../..",
        "=cmd|' /C calc'!A0",
        "javascript:alert(1)",
        "%3Cscript%3E",
        "\u{202e}evil\u{2066}",
    ];
    let home = Home::with(&ORG.replace("name: Team C", "name: '<b onclick=alert(1)>C</b>'"), RULES);
    let lines: Vec<_> = hostile.iter().map(|text| ("2026-08-31", *text, "c", "1")).collect();
    let lines: Vec<_> = lines.into_iter().chain([("2026-08-31", "i-0", "<i>no team</i>", "2")]).collect();
    home.ingest(&home.write("bill.csv", &bill("2026-08", &lines)));
    let site = Site::start(&home);
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let mut looked = 0;
    let mut harmless = |path: &str| {
        let page = site.page(path);
        for raw in ["<script>alert", "<img src=x", "<b onclick", "<i>no team", "href=\"javascript:"] {
            assert!(!page.contains(raw), "{path} has {raw}");
        }
        looked += 1;
        page
    };
    for path in PAGES.iter().filter(|path| !path.contains("i-1") && !path.contains("/a")) {
        harmless(path);
    }
    for text in hostile {
        let page = harmless(&format!("/resource?id={}", encode(text)));
        assert!(page.contains("It belongs to &lt;b onclick"), "{text}: {page}");
        let charges =
            rows(&site, &format!("/explore?rows=charges&resource={}", encode(text)), "rows", "Resource", "USD");
        assert_eq!(charges, pairs(&[(text, "1")]), "a value chooses itself only");
        harmless(&format!("/search?q={}", encode(text)));
        assert!(site.get(&format!("/team/{}", encode(text))).body.find("<script>alert").is_none());
    }
    harmless("/explore?by=resource,team");
    harmless("/explore?rows=charges");
    assert!(looked > 25, "{looked} pages were looked at");
    let csv = site.get("/explore?rows=charges&format=csv").body;
    assert!(csv.contains("'=cmd|"), "{csv}");
    assert!(!csv.lines().flat_map(|line| line.split(',')).any(|cell| cell.starts_with('=')), "{csv}");
}

/// What a page says while the split of a change is worked out.
const COMING: &str = "being worked out from the charges";

/// Asks until the page says what is waited for.
fn awaited(site: &Site, path: &str, said: impl Fn(&str) -> bool) -> String {
    let begun = std::time::Instant::now();
    while begun.elapsed().as_secs() < 120 {
        let page = site.page(path);
        if said(&page) {
            return page;
        }
        std::thread::yield_now();
    }
    panic!("{path} does not say it within two minutes")
}

#[test]
fn a_large_snapshot_takes_the_place_of_the_one_before_and_pages_say_the_same_as_small_ones() {
    let whole_months = || {
        let home = home();
        let june = [("2026-06-01", "i-1", "a", "70.25"), ("2026-06-30", "i-2", "b", "10")];
        home.ingest(&home.write("2026-06.csv", &bill("2026-06", &june)));
        home
    };
    let large = whole_months();
    large.write("home/leap.toml", "[serve]\nready_rows = 0\n");
    let site = Site::start(&large);
    let small = whole_months();
    let plain = Site::start(&small);
    // Here everything is large: the split comes later, and then says what a small home says at once.
    let page = awaited(&site, "/?period=2026-08", |page| !page.contains(COMING));
    let at_once = plain.page("/?period=2026-08");
    assert!(at_once.contains(" since 2026-07: ") && !at_once.contains(COMING), "{at_once}");
    let sentence = |page: &str| {
        let start = page.find(" since 2026-07: ").expect("the sentence");
        page[start..].split('<').next().unwrap_or_default().to_owned()
    };
    assert_eq!(sentence(&page), sentence(&at_once));
    assert!(!awaited(&site, "/team/a?period=2026-08", |page| !page.contains(COMING)).contains(COMING));

    // A new snapshot: readers see one or the other, whole, and soon the new one.
    let before = site.page("/explore?by=team&period=2026-08");
    assert!(!before.contains("Team C"), "{before}");
    large.ingest(&large.write("2026-08b.csv", &bill("2026-09", &[("2026-09-10", "i-9", "b", "7.125")])));
    let after = awaited(&site, "/explore?by=team&period=2026-09", |page| page.contains("7.1"));
    assert!(after.contains("Team B"), "{after}");
    let august = rows(&site, "/explore?by=team&period=2026-08", "by", "Team", "2026-08");
    assert_eq!(august, rows(&plain, "/explore?by=team&period=2026-08", "by", "Team", "2026-08"));
    assert_eq!(site.stop().0, Some(0));
}
