//! An org asked of a Backstage over its API, against a server that pages, is overloaded now and then, and checks the token.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Home, Ran, ran, text};

const TOKEN: &str = "s3cret-of-the-catalog";

/// How the installation is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Newer,
    /// Without `by-query`.
    Older,
    /// Answers one group less than it says.
    Short,
    /// A login page in front of everything.
    Login,
    /// Never gets better.
    Overloaded,
}

/// A Backstage with three groups and two users that answers two entities at a time.
struct Server {
    address: String,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(kind: Kind) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}/api/catalog", listener.local_addr().expect("an address"));
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, seen) = (stop.clone(), asked.clone());
        std::thread::spawn(move || {
            let count = AtomicUsize::new(0);
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream, kind, count.fetch_add(1, Ordering::SeqCst), &seen);
            }
        });
        Server { address, stop, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panics with it").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let host = self.address.trim_start_matches("http://").trim_end_matches("/api/catalog");
        drop(TcpStream::connect(host));
    }
}

fn entities(kind: &str) -> Vec<Value> {
    let group = |name: &str, parent: Option<&str>| {
        json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": name, "namespace": "default"},
               "spec": {"type": "team", "parent": parent, "children": [], "profile": {"displayName": name.to_uppercase()}}})
    };
    let user = |name: &str, team: &str| {
        json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": {"name": name},
               "spec": {"memberOf": [team], "profile": {"displayName": "Ada Lovelace", "email": "ada@acme.example"}}})
    };
    match kind {
        "group" => vec![group("shop", Some("acme")), group("acme", None), group("pay", Some("acme"))],
        _ => vec![user("e-1", "shop"), user("e-2", "pay")],
    }
}

fn answer(mut stream: TcpStream, kind: Kind, number: usize, asked: &Mutex<Vec<String>>) {
    // Who speaks TLS here never ends a request.
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&buffer[..length]),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().expect("no test panics with it").push(target.clone());
    let token = request.lines().find_map(|line| line.strip_prefix("authorization: "));
    let (status, extra, body) = if kind == Kind::Login {
        ("200 OK", "Content-Type: text/html\r\n", "<html>sign in</html>".to_owned())
    } else if token != Some(&format!("Bearer {TOKEN}")) {
        ("401 Unauthorized", "", "{}".to_owned())
    } else if kind == Kind::Overloaded {
        ("429 Too Many Requests", "Retry-After: 3600\r\n", String::new())
    } else if number == 1 {
        ("503 Service Unavailable", "Retry-After: 0\r\n", String::new())
    } else {
        paged(kind, &target)
    };
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{extra}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
}

fn paged(kind: Kind, target: &str) -> (&'static str, &'static str, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let what = if query.contains("kind%3Dgroup") || value("cursor").is_some_and(|cursor| cursor.starts_with("group")) {
        "group"
    } else {
        "user"
    };
    let mut all = entities(what);
    let total = all.len();
    match (path, kind) {
        ("/api/catalog/entities/by-query", Kind::Newer | Kind::Short) => {
            if kind == Kind::Short {
                all.pop();
            }
            let start: usize = value("cursor").and_then(|cursor| cursor.rsplit('-').next()?.parse().ok()).unwrap_or(0);
            let items: Vec<Value> = all.iter().skip(start).take(2).cloned().collect();
            let mut info = json!({});
            if start + 2 < all.len() {
                info["nextCursor"] = format!("{what}-{}", start + 2).into();
            }
            ("200 OK", "", json!({"items": items, "totalItems": total, "pageInfo": info}).to_string())
        }
        ("/api/catalog/entities", Kind::Older) => {
            let start: usize = value("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
            let items: Vec<Value> = all.into_iter().skip(start).take(2).collect();
            ("200 OK", "", Value::Array(items).to_string())
        }
        _ => ("404 Not Found", "", "{}".to_owned()),
    }
}

fn run(home: &Home, token: Option<(&str, &str)>, args: &[&str]) -> Ran {
    let mut command = home.command(args);
    for name in
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "LEAP_BACKSTAGE_TOKEN"]
    {
        command.env_remove(name);
    }
    if let Some((name, value)) = token {
        command.env(name, value);
    }
    ran(command.output().expect("leap starts"))
}

const NAMED: (&str, &str) = ("LEAP_BACKSTAGE_TOKEN", TOKEN);

#[test]
fn an_org_comes_from_a_backstage_that_pages_and_is_overloaded_once() {
    for kind in [Kind::Newer, Kind::Older] {
        let (home, server) = (Home::new(), Server::start(kind));
        let args = ["org", "plan", &server.address, "--effective", "2026-07-01", "--format", "json"];
        let planned = run(&home, Some(NAMED), &args);
        assert_eq!(planned.code, 0, "{}", planned.err);
        let plan: Value = serde_json::from_str(&planned.out).expect("a plan");
        assert_eq!(plan["title"], format!("{} (Backstage)", server.address));
        assert!(!planned.out.contains("Ada") && !planned.out.contains(TOKEN), "{}", planned.out);
        home.ok(&["org", "apply", &text(&plan["id"])]);
        let tree = home.json(&["org", "show", "--as-of", "2026-07-01"]);
        let rows: Vec<(String, String, String, String)> = tree["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| (text(&row["id"]), text(&row["name"]), text(&row["parent"]), text(&row["head_count"])))
            .collect();
        let row = |id: &str, parent: &str, heads: &str| {
            (id.to_owned(), id.to_uppercase(), parent.to_owned(), heads.to_owned())
        };
        assert_eq!(rows, [row("acme", "", "0"), row("pay", "acme", "1"), row("shop", "acme", "1")]);
        // The same catalog again changes nothing, whatever the order of its pages.
        let again = run(&home, Some(NAMED), &["org", "plan", &server.address, "--effective", "2026-07-01"]);
        assert!(again.out.contains("the org is already so"), "{}{}", again.out, again.err);
        assert!(server.asked().iter().any(|target| target.contains("fields=") && !target.contains("email")));
    }
}

#[test]
fn a_backstage_is_taken_wherever_a_folder_of_it_is() {
    let (home, server) = (Home::new(), Server::start(Kind::Newer));
    home.write("home/leap.toml", "[backstage]\ntoken_variable = \"OUR_TOKEN\"\n");
    let ours = Some(("OUR_TOKEN", TOKEN));
    let applied = run(&home, ours, &["org", "apply", &server.address]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    home.write("rules.yaml", "rules:\n  - {id: all, owner: shop}\n");
    let checked = run(&home, ours, &["rules", "check", "rules.yaml", "--org", &format!("{}/", server.address)]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert_eq!(home.json(&["org", "show"])["rows"].as_array().expect("rows").len(), 3);
}

#[test]
fn a_catalog_that_cannot_be_read_whole_changes_nothing_and_says_why() {
    let home = Home::new();
    let fails = |kind: Kind, token: Option<(&str, &str)>, code: i32, words: &str| {
        let server = Server::start(kind);
        let ran = run(&home, token, &["org", "apply", &server.address, "--effective", "2026-07-01"]);
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
        assert!(!ran.err.contains(TOKEN), "{}", ran.err);
    };
    fails(Kind::Newer, None, 2, "answered 401 Unauthorized: it wants a token; put one into LEAP_BACKSTAGE_TOKEN");
    let wrong = Some(("LEAP_BACKSTAGE_TOKEN", "old"));
    fails(Kind::Newer, wrong, 2, "the token in LEAP_BACKSTAGE_TOKEN is wrong or has expired");
    fails(Kind::Login, Some(NAMED), 2, "the answer is not JSON");
    fails(Kind::Short, Some(NAMED), 75, "has 3 entities of kind group, and 2 came");
    fails(Kind::Overloaded, Some(NAMED), 75, "asks for 3600 s of patience");
    let at = |address: &str| run(&home, Some(NAMED), &["org", "plan", address, "--effective", "2026-07-01"]);
    let server = Server::start(Kind::Newer);
    assert!(at(&server.address.replace("/api/catalog", "")).err.contains("usually ends in /api/catalog"));
    let tls = at(&server.address.replace("http://", "https://"));
    assert!(tls.code == 1 && tls.err.contains("could not read the catalog"), "{}", tls.err);
    let plain = at("http://backstage.example/api/catalog");
    assert!(plain.code == 2 && plain.err.contains("is not encrypted"), "{}", plain.err);
    let user = at("https://ada:pw@backstage.example/api/catalog");
    assert!(
        user.code == 2 && user.err.contains("holds a user or password") && !user.err.contains("pw@"),
        "{}",
        user.err
    );
    assert!(!home.path("home").exists(), "not even a home was made");
}
