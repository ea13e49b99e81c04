//! How much the running server takes in: OTLP/HTTP with gzip for a minute, from this process, on the same cores.
//!
//! ```text
//! 60 s, 4 connections, 24.1 million spans in 6,020 bodies of 402 B a span (gzip 7.1 times smaller)
//! taken in                         401,000 spans/s     aim 350,000   met
//! answered, 99 of 100 within           121 ms          aim 250       met
//! ```
//! Bodies are made before; between two sends only trace ids and times are changed in the compressed stream (`gzip`), so
//! that the sender takes little of the two cores. A trace comes in two bodies. In the end all requests are counted in
//! the lake: as many as traces were acknowledged.

mod bodies;
mod gzip;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::bodies::{Dice, Pair};
use crate::{cargo, root, run};

/// Connections at once.
const CONNECTIONS: u64 = 4;
/// Pairs of bodies of each connection.
const PAIRS: u64 = 4;
const AIM_SPANS: u64 = 350_000;
const AIM_MS: u64 = 250;

/// What one connection did.
#[derive(Default)]
struct Sent {
    spans: u64,
    traces: u64,
    bodies: u64,
    plain: u64,
    packed: u64,
    sent_away: u64,
    waits: Vec<Duration>,
}

/// `cargo xtask bench server [SECONDS [SPANS_A_SECOND]] [--release]`: as fast as it goes, or at a pace. The development
/// build optimises what is hot, and is there already.
pub(crate) fn server(rest: &[&str]) -> Result<(), String> {
    let release = rest.contains(&"--release");
    let rest: Vec<&str> = rest.iter().copied().filter(|word| *word != "--release").collect();
    let number = |place: usize, default: u64| match rest.get(place) {
        None => Ok(default),
        Some(text) => text.parse::<u64>().map_err(|_| format!("'{text}' is no number")),
    };
    let (seconds, pace) = (number(0, 60)?, number(1, 0)?);
    let build = ["build", "--locked", "--package", "leap", "--release"];
    run(&mut cargo(&build[..if release { 5 } else { 4 }]))?;
    let profile = if release { "release" } else { "debug" };
    println!("{} build", if release { "release" } else { "development" });
    let leap = root().join("target").join(profile).join("leap");
    let home = root().join("target/bench/server");
    if home.exists() {
        std::fs::remove_dir_all(&home).map_err(|error| format!("could not clear {}: {error}", home.display()))?;
    }
    measure(&leap, &home, Duration::from_secs(seconds.max(1)), pace)
}

fn measure(leap: &Path, home: &Path, time: Duration, pace: u64) -> Result<(), String> {
    let mut server = Server::start(leap, home)?;
    let all = Mutex::new(Sent::default());
    let (begun, used) = (Instant::now(), server.cpu_seconds());
    std::thread::scope(|threads| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let (address, all) = (&server.address, &all);
                threads.spawn(move || -> Result<(), String> {
                    let sent = send(address, number, time, pace / CONNECTIONS)?;
                    let mut all = all.lock().map_err(|_| "another sender broke off")?;
                    all.spans += sent.spans;
                    all.traces += sent.traces;
                    all.bodies += sent.bodies;
                    all.plain += sent.plain;
                    all.packed += sent.packed;
                    all.sent_away += sent.sent_away;
                    all.waits.extend(sent.waits);
                    Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().unwrap_or(Err("a sender broke off".to_owned())))
    })?;
    let took = begun.elapsed();
    let used = server.cpu_seconds() - used;
    let mut sent = all.into_inner().map_err(|_| "a sender broke off")?;
    // The last traces are complete ten seconds after their last span.
    std::thread::sleep(Duration::from_secs(13));
    let peak = server.peak_mib();
    let said = server.stop()?;
    let stored = stored(leap, home)?;

    sent.waits.sort_unstable();
    let within = |percent: usize| sent.waits.get((sent.waits.len() * percent / 100).min(sent.waits.len().max(1) - 1));
    let ms = |wait: Option<&Duration>| wait.map_or(0, |wait| wait.as_millis() as u64);
    let rate = (sent.spans as u128 * 1_000 / took.as_millis().max(1)) as u64;
    println!(
        "{} s, {CONNECTIONS} connections, {} spans in {} bodies of {} B a span, gzip {}.{} times smaller; {} sent away",
        took.as_secs(),
        sent.spans,
        sent.bodies,
        sent.plain / sent.spans.max(1),
        sent.plain / sent.packed.max(1),
        sent.plain * 10 / sent.packed.max(1) % 10,
        sent.sent_away
    );
    let shown = |met: bool| if met { "met" } else { "NOT met" };
    println!("taken in                       {rate:>10} spans/s    aim {AIM_SPANS}    {}", shown(rate >= AIM_SPANS));
    let p99 = ms(within(99));
    println!("answered, 99 of 100 within     {p99:>10} ms         aim {AIM_MS}       {}", shown(p99 < AIM_MS));
    println!("answered, half within          {:>10} ms, all within {} ms", ms(within(50)), ms(sent.waits.last()));
    println!("memory at most                 {peak:>10} MiB;  {used} s of processor time in {} s", took.as_secs());
    println!("traces acknowledged            {:>10}", sent.traces);
    println!("requests stored                {stored:>10}            {}", shown(stored == sent.traces));
    println!("{}", said.trim());
    if stored == sent.traces {
        Ok(())
    } else {
        Err(format!("{} traces were acknowledged, {stored} are there", sent.traces))
    }
}

struct Server {
    child: Child,
    err: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Server {
    fn start(leap: &Path, home: &Path) -> Result<Server, String> {
        let mut command = Command::new(leap);
        command.arg("--home").arg(home).args(["serve", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"]);
        let mut child =
            command.stderr(Stdio::piped()).spawn().map_err(|error| format!("{}: {error}", leap.display()))?;
        let mut err = BufReader::new(child.stderr.take().ok_or("no pipe")?);
        let mut line = String::new();
        loop {
            line.clear();
            if err.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
                return Err("leap serve ended before it listened".to_owned());
            }
            if let Some(address) = line.strip_prefix("OTLP/HTTP  http://") {
                let address = address.trim().to_owned();
                return Ok(Server { child, err, address });
            }
        }
    }

    fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1_024
    }

    /// Processor time of the server, of hundredths of a second that the kernel counts.
    fn cpu_seconds(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after = stat.rsplit(") ").next().unwrap_or_default();
        let ticks = |place: usize| after.split(' ').nth(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        (ticks(11) + ticks(12)) / 100
    }

    fn stop(&mut self) -> Result<String, String> {
        run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let mut said = String::new();
        self.err.read_to_string(&mut said).map_err(|error| error.to_string())?;
        match self.child.wait() {
            Ok(status) if status.success() => Ok(said),
            Ok(status) => Err(format!("leap serve ended with {status}: {said}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends over one connection until the time is over, each pair of bodies to its end.
fn send(address: &str, number: u64, time: Duration, pace: u64) -> Result<Sent, String> {
    let mut dice = Dice(number);
    let mut pairs: Vec<Pair> = (0..PAIRS).map(|_| Pair::new(&mut dice)).collect();
    let mut ids = Dice(number << 32 ^ now_ns());
    let broken = |error: std::io::Error| format!("the server broke off: {error}");
    let stream = TcpStream::connect(address).map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    let mut answers = BufReader::new(stream.try_clone().map_err(broken)?);
    let (mut stream, mut sent, begun) = (stream, Sent::default(), Instant::now());
    for round in 0.. {
        if begun.elapsed() >= time {
            break;
        }
        let pair = &mut pairs[(round % PAIRS) as usize];
        pair.renew(&mut ids, now_ns());
        for (body, spans) in pair.bodies.iter().zip(pair.spans) {
            if let Some(due) = (sent.spans * 1_000).checked_div(pace) {
                let due = Duration::from_millis(due);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
            }
            loop {
                let asked = Instant::now();
                let head = format!(
                    "POST /v1/traces HTTP/1.1\r\nHost: leap\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                    body.stream.len()
                );
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body.stream)).map_err(broken)?;
                let (code, wait, text) = answer(&mut answers).map_err(broken)?;
                sent.waits.push(asked.elapsed());
                match code {
                    200 => break,
                    429 | 503 => {
                        sent.sent_away += 1;
                        std::thread::sleep(Duration::from_secs(wait));
                    }
                    _ => return Err(format!("the server answered {code}: {text}")),
                }
            }
            sent.spans += spans;
            sent.bodies += 1;
            sent.packed += body.stream.len() as u64;
        }
        sent.plain += pair.plain as u64;
        sent.traces += pair.traces;
    }
    Ok(sent)
}

/// Code, seconds to wait, and text of an answer.
fn answer(stream: &mut impl BufRead) -> std::io::Result<(u16, u64, String)> {
    let (mut code, mut length, mut wait) = (0, 0, 1);
    for number in 0.. {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if number == 0 {
            code = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        } else if let Some(value) = line.strip_prefix("retry-after:") {
            wait = value.trim().parse().unwrap_or(1);
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((code, wait, String::from_utf8_lossy(&body).into_owned()))
}

#[allow(clippy::disallowed_methods, reason = "a bench stamps its spans with the time")]
fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Requests in the lake, as a reader counts them.
fn stored(leap: &Path, home: &Path) -> Result<u64, String> {
    let mut command = Command::new(leap);
    command.arg("--home").arg(home).args(["latency", "--by", "service", "--format", "json"]);
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let count = text.split("\"requests\":").nth(1).map(str::trim_start).unwrap_or_default();
    let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| format!("leap latency said {text}{}", String::from_utf8_lossy(&output.stderr)))
}
