//! Pages over a year of charges: how long the server takes, what they weigh, and when a browser paints them.
//!
//! ```text
//! page           first ms   other p50   other p95   again p50   again p95      KiB   aim 100 ms
//! charter             210          14          61           3           5     13.2   met
//! ```
//! `first` is the first question of its kind after the start; `other` are addresses that nobody has asked for (other periods and
//! units), so that no answer lies ready; `again` the same addresses a second time. Then 50 readers at once while a bill is
//! taken in, page weights as a browser gets them, and the first paint in Chromium. Twelve months are made and taken in one by
//! one, so that only one month's bill lies on the disk; `--keep DIR` keeps the lake for the next run.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::site::{Server, install, missing, node};
use crate::{bench, root, run};

const AIM_MS: u128 = 100;
const AIM_PAINT_MS: u64 = 1000;
const AIM_FIRST_KIB: usize = 450;
const AIM_LATER_KIB: usize = 60;
const READERS: usize = 50;
/// Addresses of a kind of page that nobody has asked for before.
const OTHERS: usize = 24;
const TEAMS: usize = 800;

/// What is asked for.
struct Options {
    charges: u64,
    keep: Option<PathBuf>,
    dev: bool,
}

fn options(mut rest: &[&str]) -> Result<Options, String> {
    let mut options = Options { charges: 100_000_000, keep: None, dev: false };
    loop {
        rest = match rest {
            [] => return Ok(options),
            ["--charges", text, more @ ..] => {
                options.charges = bench::count(text)?;
                more
            }
            ["--keep", folder, more @ ..] => {
                options.keep = Some(PathBuf::from(folder));
                more
            }
            ["--dev", more @ ..] => {
                options.dev = true;
                more
            }
            _ => return Err("usage: cargo xtask bench site [--charges 100m] [--keep DIR] [--dev]".to_owned()),
        };
    }
}

/// `cargo xtask bench site`.
pub(crate) fn site(rest: &[&str]) -> Result<(), String> {
    let options = options(rest)?;
    let (leap, profile) = bench::leap(options.dev)?;
    let folder = options.keep.clone().unwrap_or_else(|| root().join("target/bench/site"));
    if options.keep.is_none() && folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("could not clear {}: {error}", folder.display()))?;
    }
    make(&leap, &folder, options.charges)?;
    println!("{}, {profile} build, {} charges in 12 months, {TEAMS} teams, 3 pools", machine(), options.charges);
    measure(&leap, &folder)
}

/// Cores, memory and processor of this machine.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo");
    let model =
        model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
    let memory = read("/proc/meminfo");
    let memory =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().split(' ').next()?.parse::<u64>().ok());
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    format!("{cores} cores of {model}, {} GiB, load {load}", memory.unwrap_or_default() >> 20)
}

fn leap_in(leap: &Path, home: &Path, words: &[&str]) -> Result<(), String> {
    run(Command::new(leap).arg("--home").arg(home).args(words).stdout(Stdio::null()))
}

/// Makes the lake, unless it lies there already.
fn make(leap: &Path, folder: &Path, charges: u64) -> Result<(), String> {
    let mark = folder.join("complete");
    if fs::read_to_string(&mark).is_ok_and(|made| made.trim() == charges.to_string()) {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| format!("could not make {}: {error}", folder.display()))?;
    let home = folder.join("home");
    if home.exists() {
        return Err(format!("{} holds another lake; name another folder", folder.display()));
    }
    let mut org = String::from("units:\n- {id: halden, name: Halden, kind: company}\n");
    for division in 0..20 {
        org +=
            &format!("- {{id: division-{division:02}, name: Division {division}, kind: division, parent: halden}}\n");
    }
    for team in 0..TEAMS {
        org += &format!("- {{id: team-{team:03}, name: Team {team}, kind: team, parent: division-{:02}}}\n", team % 20);
    }
    let rules = "rules:\n\
        - {id: monitoring, when: \"ServiceName = 'AmazonCloudWatch'\", pool: monitoring}\n\
        - {id: balancing, when: \"ServiceName = 'Elastic Load Balancing'\", pool: balancing}\n\
        - {id: clusters, when: \"ServiceName LIKE '%Kubernetes%'\", pool: clusters}\n\
        - {id: tag, owner: {from: \"lower(trim(coalesce(Tags['team'], Tags['Team'], Tags['owner'])))\"}}\n\
        - {id: account, when: \"SubAccountName LIKE '%-prod'\", owner: {from: \"left(SubAccountName, 8)\"}}\n\
        residual: {steward: finance}\n";
    let pools = "pools:\n\
        - {name: monitoring, steward: team-001, driver: {direct: {cost: effective}}}\n\
        - {name: balancing, steward: team-002, driver: {direct: {cost: billed}}}\n\
        - {name: clusters, steward: team-003, driver: {direct: {cost: effective}}}\n";
    for (name, text) in [("org.yaml", org.as_str()), ("rules.yaml", rules), ("pools.yaml", pools)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("could not write {}: {error}", path.display()))?;
        let kind = name.trim_end_matches(".yaml").trim_end_matches('s');
        let kind = if kind == "rule" { "rules" } else { kind };
        leap_in(leap, &home, &[kind, "apply", &path.display().to_string()])?;
    }
    for month in 0..12_u64 {
        // October 2025 to September 2026; what does not divide comes last.
        let rows = charges / 12 + if month == 11 { charges % 12 } else { 0 };
        bill(leap, folder, &home, month, rows)?;
    }
    fs::write(&mark, charges.to_string()).map_err(|error| format!("could not write {}: {error}", mark.display()))
}

/// Makes the bill of a month, takes it in and removes it.
fn bill(leap: &Path, folder: &Path, home: &Path, month: u64, rows: u64) -> Result<(), String> {
    let name = format!("{}-{:02}", 2025 + (month + 9) / 12, (month + 9) % 12 + 1);
    let bill = folder.join(format!("bill-{name}"));
    let words = [bill.display().to_string(), rows.to_string(), name];
    let mut make = Command::new(leap);
    make.args(["sample", &words[0], "--rows", &words[1], "--month", &words[2]]).stdout(Stdio::null());
    run(&mut make)?;
    let truth = bill.join("truth.json");
    fs::remove_file(&truth).map_err(|error| format!("could not remove {}: {error}", truth.display()))?;
    let begun = Instant::now();
    leap_in(leap, home, &["ingest", &words[0], "--source", "bench"])?;
    eprintln!("xtask: {} charges of {} taken in, in {} s", words[1], words[2], begun.elapsed().as_secs());
    fs::remove_dir_all(&bill).map_err(|error| format!("could not remove {}: {error}", bill.display()))
}

/// An answer: status, whole bytes of the body as sent, and the time.
struct Asked {
    status: u16,
    body: Vec<u8>,
    took: Duration,
}

fn ask(address: &str, path: &str, zipped: bool) -> Result<Asked, String> {
    let begun = Instant::now();
    let problem = |error: std::io::Error| format!("{path}: {error}");
    let host = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).map_err(problem)?;
    let accept = if zipped { "Accept-Encoding: gzip\r\n" } else { "" };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{accept}Connection: close\r\n\r\n").map_err(problem)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(problem)?;
    let took = begun.elapsed();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| format!("{path}: no head"))?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| format!("{path}: no status"))?;
    Ok(Asked { status, body: answer.split_off(end + 4), took })
}

fn page(address: &str, path: &str) -> Result<Duration, String> {
    let asked = ask(address, path, true)?;
    if asked.status == 200 { Ok(asked.took) } else { Err(format!("{path} answers {}", asked.status)) }
}

/// A kind of page: its name, the address that is asked first, and other addresses of the same kind.
struct Kind {
    name: &'static str,
    first: String,
    others: Vec<String>,
}

/// All kinds of pages, as people come to them: mostly of the newest months, of one unit, and now and then of everything.
fn kinds(resources: &[String]) -> Vec<Kind> {
    let month = |at: usize| {
        let back = at % 12;
        if back < 9 { format!("2026-{:02}", 9 - back) } else { format!("2025-{:02}", 21 - back) }
    };
    let team = |at: usize| format!("team-{:03}", at * 37 % TEAMS);
    let service =
        |at: usize| ["AWS%20Lambda", "Amazon%20DynamoDB", "Amazon%20Elastic%20Block%20Store"][at % 3].to_owned();
    let make = |name, first: &str, other: &dyn Fn(usize) -> String| Kind {
        name,
        first: first.to_owned(),
        others: (1..=OTHERS).map(other).collect(),
    };
    let unit = |at: usize| format!("division-{:02}", at % 20);
    let mut kinds = vec![
        make("charter", "/", &|at| format!("/?period={}&under={}", month(at), unit(at))),
        make("team", "/team/team-001", &|at| format!("/team/{}?period={}", team(at), month(at / 4))),
        make("division", "/team/division-00", &|at| format!("/team/{}?period={}", unit(at), month(at / 4))),
        make("explore", "/explore", &|at| {
            format!("/explore?by=service,day&period={}&under={}", month(at / 3), unit(at))
        }),
        make("explore all", "/explore?by=team,service", &|at| {
            let by = ["account,service", "region,service", "team,day", "category,region", "service,region"][at % 5];
            format!("/explore?by={by}&period={}", month(at / 5))
        }),
        make("explore one", "/explore?by=team,day&service=AWS%20Lambda", &|at| {
            format!("/explore?by=account,day&service={}&team={}&period={}", service(at), team(at), month(at / 6))
        }),
        make("explore year", "/explore?by=service,month&period=2025-10..2026-09", &|at| {
            format!("/explore?by=service,month&period=2025-10..2026-09&under={}", team(at))
        }),
        make("charges", "/explore?rows=charges&team=team-001", &|at| {
            format!("/explore?rows=charges&team={}&service={}&period={}", team(at), service(at), month(at / 6))
        }),
        make("coverage", "/coverage", &|at| format!("/coverage?period={}", month(at))),
        make("residual", "/coverage/residual", &|at| format!("/coverage/residual?period={}", month(at))),
        make("pools", "/pools", &|at| format!("/pools?period={}", month(at))),
        make("org", "/org", &|at| format!("/org?period={}", month(at))),
        make("periods", "/periods", &|at| format!("/periods?cost={}", ["billed", "list", "contracted"][at % 3])),
        make("data", "/data", &|at| {
            format!("/data?tab={}", ["deliveries", "proofs", "snapshots", "quarantine"][at % 4])
        }),
        make("audit", "/data/audit", &|at| format!("/data/audit?what=apply&who={at}")),
        make("search", "/search?q=team-12", &|at| format!("/search?q={}", &team(at)[..7])),
        make("palette", "/api/v1/search?q=lam", &|at| format!("/api/v1/search?q=team-{}", at * 3)),
    ];
    if let Some((first, others)) = resources.split_first() {
        let address = |id: &String| format!("/resource?id={id}");
        kinds.push(Kind {
            name: "resource",
            first: address(first),
            others: others.iter().take(OTHERS).map(address).collect(),
        });
    }
    kinds
}

/// Ids of resources, as the addresses on a page have them.
fn resources(address: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for team in ["team-001", "team-002"] {
        let text = ask(address, &format!("/explore?by=resource&under={team}"), false)?;
        let text = String::from_utf8_lossy(&text.body).into_owned();
        all.extend(text.split("/resource?id=").skip(1).filter_map(|rest| {
            let end = rest.find(['"', '&', '\''])?;
            Some(rest[..end].to_owned())
        }));
    }
    all.sort();
    all.dedup();
    Ok(all)
}

fn percentile(times: &[Duration], percent: usize) -> u128 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * percent / 100).min(sorted.len().max(1) - 1)).map_or(0, Duration::as_millis)
}

fn measure(leap: &Path, folder: &Path) -> Result<(), String> {
    let home = folder.join("home");
    let begun = Instant::now();
    let mut server = Server::start(leap, &home, folder.join("serve.log"))?;
    let address = server.address.clone();
    page(&address, "/")?;
    println!("first page after the start: {} ms", begun.elapsed().as_millis());
    // Further pages are made ready behind the first; they are there when the last of them is.
    page(&address, "/pools")?;
    let resources = resources(&address)?;
    println!("first pages ready:          {} ms", begun.elapsed().as_millis());

    let show = |name: &str, words: [String; 6], aim: &str| {
        let [a, b, c, d, e, f] = words;
        println!("{name:<14} {a:>10} {b:>11} {c:>11} {d:>11} {e:>11} {f:>8}   {aim}");
    };
    let head = ["first ms", "other p50", "other p95", "again p50", "again p95", "KiB"].map(str::to_owned);
    show("page", head, "aim 100 ms");
    let kinds = kinds(&resources);
    let (mut missed, mut heaviest) = (0, 0);
    for kind in &kinds {
        let first = page(&address, &kind.first)?;
        let others = kind.others.iter().map(|path| page(&address, path)).collect::<Result<Vec<_>, _>>()?;
        let again = kind.others.iter().map(|path| page(&address, path)).collect::<Result<Vec<_>, _>>()?;
        let bytes = ask(&address, &kind.first, true)?.body.len();
        heaviest = heaviest.max(bytes);
        let met = percentile(&others, 95) <= AIM_MS;
        missed += usize::from(!met);
        show(
            kind.name,
            [
                first.as_millis().to_string(),
                percentile(&others, 50).to_string(),
                percentile(&others, 95).to_string(),
                percentile(&again, 50).to_string(),
                percentile(&again, 95).to_string(),
                format!("{}.{}", bytes >> 10, ((bytes & 1023) * 10) >> 10),
            ],
            if met { "met" } else { "NOT met" },
        );
    }
    let first = weigh(&address)?;
    let shown = |met: bool| if met { "met" } else { "NOT met" };
    println!(
        "weight, first visit  {:>6} KiB   aim {AIM_FIRST_KIB}   {}",
        first >> 10,
        shown(first >> 10 <= AIM_FIRST_KIB)
    );
    println!(
        "weight, later visit  {:>6} KiB   aim {AIM_LATER_KIB}    {}",
        heaviest >> 10,
        shown(heaviest >> 10 <= AIM_LATER_KIB)
    );
    match missing() {
        Some(missing) => println!("first paint: not measured, it needs {missing}"),
        None => paint(&address)?,
    }
    crowd(leap, folder, &home, &address, &kinds)?;
    println!("memory of the server at most {} MiB", peak_mib(server.child.id()));
    server.stop()?;
    println!("{missed} of {} kinds of pages miss the aim", kinds.len());
    Ok(())
}

/// Most memory that a process had at once.
fn peak_mib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse::<u64>().ok());
    peak.unwrap_or_default() >> 10
}

/// Bytes of the first page with all files that it names.
fn weigh(address: &str) -> Result<usize, String> {
    let plain = ask(address, "/", false)?;
    let text = String::from_utf8_lossy(&plain.body).into_owned();
    let mut files: Vec<String> = text
        .split('"')
        .filter(|word| word.starts_with("/assets/"))
        .map(|word| word.split('#').next().unwrap_or(word).to_owned())
        .collect();
    files.sort();
    files.dedup();
    let mut sum = ask(address, "/", true)?.body.len();
    // What draws charts is asked for by a script, not by the page.
    let digest =
        files.first().and_then(|file| file.trim_start_matches("/assets/").split('/').next()).map(str::to_owned);
    for script in ["charts.js", "chart-axes.js", "chart-bars.js", "chart-look.js", "chart-read.js", "chart-trees.js"]
        .into_iter()
        .chain(["vendor/echarts.esm.min.mjs"])
    {
        let file = format!("/assets/{}/{script}", digest.as_deref().unwrap_or_default());
        if !files.contains(&file) {
            files.push(file);
        }
    }
    for file in &files {
        let asked = ask(address, file, true)?;
        if asked.status == 200 {
            sum += asked.body.len();
        } else {
            println!("{file} answers {}, and has no weight here", asked.status);
        }
    }
    Ok(sum)
}

fn paint(address: &str) -> Result<(), String> {
    let scripts = root().join("crates/leap-web/tests/site");
    install(&scripts)?;
    let paths = ["/", "/team/team-005", "/explore", "/coverage", "/pools", "/org"];
    let mut words = vec![address];
    words.extend(paths);
    let said = node(&scripts, "paint.mjs", &words)?;
    let slowest = said.rsplit(' ').nth(1).and_then(|number| number.parse::<u64>().ok());
    let met = slowest.is_some_and(|slowest| slowest <= AIM_PAINT_MS);
    println!("{said}   aim {AIM_PAINT_MS}   {}", if met { "met" } else { "NOT met" });
    Ok(())
}

/// Many readers at once, while a bill is taken in.
fn crowd(leap: &Path, folder: &Path, home: &Path, address: &str, kinds: &[Kind]) -> Result<(), String> {
    let (done, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (times, errors) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let paths: Vec<&String> = kinds.iter().flat_map(|kind| std::iter::once(&kind.first).chain(&kind.others)).collect();
    let mut taken = Ok(());
    std::thread::scope(|threads| {
        for _ in 0..READERS {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let at = next.fetch_add(7, Ordering::Relaxed);
                    match page(address, paths[at % paths.len()]) {
                        Ok(took) => times.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(took),
                        Err(_) => {
                            errors.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    // A person looks at a page before asking for the next.
                    std::thread::sleep(Duration::from_millis(500));
                }
            });
        }
        // The month after the last: what is there stays, and grows by a month.
        taken = bill(leap, folder, home, 12, 200_000);
        done.store(true, Ordering::Relaxed);
    });
    taken?;
    let times = times.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!(
        "{READERS} readers while a bill of 200,000 charges is made and taken in: {} pages, p50 {} ms, p95 {} ms, {} errors",
        times.len(),
        percentile(&times, 50),
        percentile(&times, 95),
        errors.into_inner()
    );
    Ok(())
}
