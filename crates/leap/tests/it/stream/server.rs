//! `leap serve` as a child process, and what can be sent to it and read back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Home;

/// A home with these settings of `[latency.stream]`.
pub(super) fn home_with(stream: &str) -> Home {
    let home = Home::new();
    home.write("home/leap.toml", &format!("[latency.stream]\n{stream}"));
    home
}

/// A running `leap serve`; killed when dropped.
pub(super) struct Server {
    child: Child,
    err: BufReader<ChildStderr>,
    said: String,
    pub(super) http: String,
    pub(super) grpc: String,
}

/// What a sender was told.
pub(super) struct Told {
    pub(super) code: u16,
    pub(super) retry_after: Option<u64>,
    pub(super) body: String,
}

impl Server {
    pub(super) fn start(home: &Home) -> Server {
        Server::start_at(home, "127.0.0.1:0")
    }

    pub(super) fn start_at(home: &Home, http: &str) -> Server {
        let mut command =
            home.command(&["serve", "--listen", "127.0.0.1:0", "--otlp-http", http, "--otlp-grpc", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("leap starts");
        let err = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut server = Server { child, err, said: String::new(), http: String::new(), grpc: String::new() };
        while server.grpc.is_empty() {
            let from = server.said.len();
            let read = server.err.read_line(&mut server.said).expect("it speaks UTF-8");
            assert!(read > 0, "leap serve ended:\n{}", server.said);
            let line = server.said[from..].trim();
            if let Some(address) = line.strip_prefix("OTLP/HTTP  http://") {
                server.http = address.to_owned();
            } else if let Some(address) = line.strip_prefix("OTLP/gRPC  http://") {
                server.grpc = address.to_owned();
            }
        }
        server
    }

    /// Sends a body of traces in JSON.
    pub(super) fn send(&self, body: &str) -> Told {
        self.post("/v1/traces", "application/json", body.as_bytes())
    }

    pub(super) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Told {
        post(&self.http, path, kind, body).expect("an answer")
    }

    /// Kills it where it is.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Ends it in order; what it said.
    pub(super) fn stop(mut self) -> String {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let mut rest = String::new();
        self.err.read_to_string(&mut rest).expect("it speaks UTF-8");
        let said = std::mem::take(&mut self.said) + &rest;
        assert!(self.child.wait().expect("it ends").success(), "{said}");
        said
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a body; an error where no whole answer came.
pub(super) fn post(address: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Told> {
    request(address, &format!("POST {path} HTTP/1.1\r\nContent-Type: {kind}"), body)
}

/// Sends a body of traces in JSON, compressed.
pub(super) fn send_gzip(address: &str, body: &str) -> std::io::Result<Told> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(body.as_bytes())?;
    let head = "POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip";
    request(address, head, &packed.finish()?)
}

fn request(address: &str, head: &str, body: &[u8]) -> std::io::Result<Told> {
    let broken = || std::io::Error::other("no whole answer");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = body.len();
    stream.write_all(
        format!("{head}\r\nHost: leap\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(broken)?;
    let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(broken)?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.parse::<u64>().ok()).flatten()
        })
    };
    if header("content-length").is_some_and(|length| length != body.len() as u64) {
        return Err(broken());
    }
    Ok(Told { code, retry_after: header("retry-after"), body: String::from_utf8_lossy(body).into_owned() })
}

/// The requests that a reader sees, each as `leap latency per-request` writes it.
pub(super) fn lines(home: &Home) -> Vec<Value> {
    let ran = home.run(&["latency", "per-request", "--format", "jsonl"]);
    if ran.code != 0 {
        return Vec::new();
    }
    ran.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The requests, as soon as they are as wanted.
#[track_caller]
pub(super) fn wait_until(home: &Home, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let found = lines(home);
        if wanted(&found) {
            return found;
        }
        let last = found.last().map(ToString::to_string);
        assert!(begun.elapsed() < Duration::from_secs(60), "{} requests, the last {last:?}", found.len());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the book was told of all that came over the network, by name.
pub(super) fn counts(home: &Home) -> BTreeMap<String, u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rows: Vec<String> = runtime.block_on(async {
        let place = home.path("home/book.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place).read_only(true);
        let mut book = sqlx::ConnectOptions::connect(&options).await.expect("the book");
        let wanted = sqlx::query_scalar("SELECT counts FROM trace_delivery WHERE format = 'OTLP stream'");
        wanted.fetch_all(&mut book).await.expect("the deliveries")
    });
    let mut sums = BTreeMap::new();
    for row in rows {
        let row: BTreeMap<String, u64> = serde_json::from_str(&row).expect("counts");
        for (name, count) in row {
            *sums.entry(name).or_insert(0) += count;
        }
    }
    sums
}
