//! `cargo xtask test site`: the running site with the sample company, followed and looked at.
//!
//! ```text
//! crawl: a right site passes, and 34 wrong ones are told
//! palette: all promises hold
//! pages 212, files 31; figures followed and re-added 1500 (402 targets), mismatches 0; faults 0
//! pages 24 × 2 themes × 2 widths, and bare: 120 looks; axe violations 0; …
//! journeys 9 of 9, steps 55, screenshots 55; bent pages noticed 4 of 4; faults 0
//! routes × roles with unexpected answers 0: 32 routes, 25 people and strangers, 6997 answers; …
//! hostile texts 47: 3858 answers read, 53 pages opened in Chromium, nothing ran; …
//! ```
//! The scripts are in `crates/leap-web/tests/site`; what they need comes from npm, from its lock file only. Companies, homes,
//! logs of the servers and screenshots stay in `target/site-test`. Words behind `site` are handed to the crawl:
//! `cargo xtask test site --figures 20000`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::{assets, cargo, packages, root, run};

/// The sample company: large enough for lists of many pages, for comparison with the year before, and for charges in the month
/// of its traces.
const COMPANY: [&str; 4] = ["--teams", "60", "--months", "18"];
/// What is promised of an API of its traces.
const PROMISE: &str = "[[latency.apis]]\nname = \"charge-api POST /v1/charges\"\nobjective = \"3s\"\n";
/// A smaller one, whose every address is asked as everybody.
const SMALL: [&str; 4] = ["--teams", "20", "--months", "2"];
/// Figures that are followed where no other number is asked for.
const FIGURES: &str = "1500";
/// Pages that are looked at, of different kinds; a look takes about a second, and there are five of each.
const LOOKS: &str = "38";
/// Pages that must say no.
const REFUSED: [&str; 2] = ["404:/nowhere", "422:/explore?period=never"];
/// How long the server may take to answer, and to stop.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a script may take: some take four minutes on two slow cores.
const SCRIPT: Duration = Duration::from_secs(15 * 60);
/// What the server prints, with its address behind it, when it answers.
const ANSWERS: &str = "leap site  http://";

/// `cargo xtask test site`: builds first, and fails where a program is missing.
pub(crate) fn site(rest: &[&str]) -> Result<(), String> {
    if let Some(missing) = missing() {
        return Err(format!("the tests of the site need {missing}"));
    }
    run(&mut cargo(&["build", "--locked", "--package", "leap"]))?;
    test(rest)
}

/// The same with what `cargo test` has just built; says what is skipped where a program is missing.
pub(crate) fn site_if_possible() -> Result<(), String> {
    match missing() {
        Some(missing) if std::env::var_os("CI").is_some() => Err(format!("the tests of the site need {missing}")),
        Some(missing) => {
            eprintln!("xtask: the site's tests are skipped: they need {missing}");
            Ok(())
        }
        None => test(&[]),
    }
}

pub(crate) fn missing() -> Option<&'static str> {
    let needs = [
        (packages::has_node(), "Node.js 20"),
        (packages::has_npm(), "npm"),
        (packages::has_chromium(), "Chromium (CHROMIUM names another browser)"),
    ];
    needs.into_iter().find(|(there, _)| !there).map(|(_, name)| name)
}

fn test(rest: &[&str]) -> Result<(), String> {
    let scripts = root().join("crates/leap-web/tests/site");
    install(&scripts)?;
    let mut told = vec![node(&scripts, "crawl.mjs", &["--self-test"])?, node(&scripts, "palette.mjs", &[])?];

    let folder = root().join("target/site-test");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("could not clear {}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("could not make {}: {error}", folder.display()))?;
    let leap = root().join("target/debug").join(format!("leap{}", std::env::consts::EXE_SUFFIX));
    make(&leap, &folder.join("company"), &COMPANY)?;
    let home = folder.join("company/home");
    with_requests(&leap, &home, &folder.join("story"))?;

    let mut server = Server::start(&leap, &home, folder.join("serve.log"))?;
    let list = folder.join("pages.txt");
    let (shown, output) = (list.display().to_string(), folder.join("looks").display().to_string());
    let mut words = vec![server.address.as_str(), "--list", &shown, "--looks", LOOKS];
    words.extend(if rest.is_empty() { &["--figures", FIGURES] } else { rest });
    // Both are run, so that one run tells all there is to repair.
    let crawled = node(&scripts, "crawl.mjs", &words);
    let pages = fs::read_to_string(&list).unwrap_or_else(|_| "/\n".to_owned());
    let mut words = vec![server.address.as_str(), &output];
    words.extend(pages.lines().chain(REFUSED));
    let looked = node(&scripts, "look.mjs", &words);
    let stopped = server.stop();
    let logins = with_logins(&scripts, &leap, &folder);

    let mut problems = Vec::new();
    for done in [crawled, looked].into_iter().chain(logins) {
        match done {
            Ok(line) => told.push(line),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(stopped.err());
    for line in told {
        println!("{line}");
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\nxtask: ")) }
}

/// A sample company.
fn make(leap: &Path, folder: &Path, size: &[&str]) -> Result<(), String> {
    run(Command::new(leap).args(["demo", "--dir"]).arg(folder).args(size).stdout(Stdio::null()))
}

/// Takes in the requests of the story of latency, so that these pages have figures too.
fn with_requests(leap: &Path, home: &Path, story: &Path) -> Result<(), String> {
    run(Command::new(leap).args(["demo", "--story", "latency", "--dir"]).arg(story).stdout(Stdio::null()))?;
    run(Command::new(leap).arg("--home").arg(home).arg("ingest").arg(story.join("traces")).stdout(Stdio::null()))?;
    let settings = home.join("leap.toml");
    let problem = |error: std::io::Error| format!("{}: {error}", settings.display());
    let written = fs::read_to_string(&settings).map_err(problem)?;
    fs::write(&settings, written + PROMISE).map_err(problem)
}

/// What is tried by people who log in: they are added to homes that nobody reads without a login from then on, so this
/// comes last. Each script serves its own home.
fn with_logins(scripts: &Path, leap: &Path, folder: &Path) -> Vec<Result<String, String>> {
    let text = |path: &Path| path.display().to_string();
    let run_with = |script: &str, home: Option<PathBuf>, output: &str| {
        let mut words = vec![text(leap)];
        words.extend(home.as_deref().map(text));
        words.push(text(&folder.join(output)));
        node(scripts, script, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let small = folder.join("small");
    vec![
        run_with("journeys.mjs", Some(folder.join("company/home")), "journeys"),
        make(leap, &small, &SMALL).and_then(|()| run_with("roles.mjs", Some(small.join("home")), "roles")),
        run_with("hostile.mjs", None, "hostile"),
    ]
}

/// Installs what the scripts need beside them, once for each lock file.
pub(crate) fn install(scripts: &Path) -> Result<(), String> {
    let lock = fs::read(scripts.join("package-lock.json")).map_err(|error| format!("package-lock.json: {error}"))?;
    let stamp = scripts.join("node_modules/.leap-stamp");
    if fs::read(&stamp).is_ok_and(|made_of| made_of == lock) {
        return Ok(());
    }
    assets::npm_ci(scripts)?;
    fs::write(&stamp, lock).map_err(|error| format!("could not write {}: {error}", stamp.display()))
}

/// Runs a script; its last line says what it found, and stands in the problem too where it fails. A browser can hang for
/// ever: what is not done within [`SCRIPT`] is ended, and has failed.
pub(crate) fn node(scripts: &Path, script: &str, words: &[&str]) -> Result<String, String> {
    eprintln!("xtask: node {script}");
    let mut command = Command::new("node");
    command.arg(script).args(words).current_dir(scripts).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("node could not be started: {error}"))?;
    let (send, said) = mpsc::channel();
    if let Some(mut out) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            // What could be read until then is all there is to show.
            let _ = out.read_to_end(&mut said);
            let _ = send.send(String::from_utf8_lossy(&said).into_owned());
        });
    }
    let status = ended(&mut child, SCRIPT)?;
    // A browser that outlives its script may hold the pipe.
    let said = said.recv_timeout(Duration::from_secs(10)).unwrap_or_default();
    let last = said.trim_end().lines().last().unwrap_or_default().to_owned();
    match status {
        Some(status) if status.success() && last.is_empty() => Err(format!("{script} said nothing")),
        Some(status) if status.success() => Ok(last),
        Some(status) => Err(format!("{script} failed ({status}): {last}")),
        None => Err(format!("{script} was ended: it was not done in {} s", SCRIPT.as_secs())),
    }
}

/// How a process ended by itself; `None` where it did not in time and was asked to, then made to.
fn ended(child: &mut Child, patience: Duration) -> Result<Option<ExitStatus>, String> {
    let wait = |patience: Duration, child: &mut Child| {
        let begun = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(Some(status)),
                Ok(None) if begun.elapsed() >= patience => return Ok(None),
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    if let Some(status) = wait(patience, child)? {
        return Ok(Some(status));
    }
    // Asked, so that it ends its browser and its server too.
    run(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
    if wait(Duration::from_secs(20), child)?.is_none() {
        child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
    }
    Ok(None)
}

/// `leap serve` with any free ports.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    log: PathBuf,
}

impl Server {
    pub(crate) fn start(leap: &Path, home: &Path, log: PathBuf) -> Result<Server, String> {
        let file = File::create(&log).map_err(|error| format!("could not make {}: {error}", log.display()))?;
        let mut command = Command::new(leap);
        command.arg("--home").arg(home).arg("serve");
        for port in ["--listen", "--otlp-http", "--otlp-grpc"] {
            command.args([port, "127.0.0.1:0"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let child = command.spawn().map_err(|error| format!("{} could not be started: {error}", leap.display()))?;
        let mut server = Server { child, address: String::new(), log };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(address) = address(&server.said()) {
                server.address = address;
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("leap serve ended with {status} before it answered: {}", server.said().trim()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("leap serve did not print '{ANSWERS}…' within {} s", PATIENCE.as_secs()))
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Stops it as a service manager would; it must end well.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        match ended(&mut self.child, PATIENCE)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("leap serve ended with {status}: {}", self.said().trim())),
            None => Err(format!("leap serve did not stop within {} s of SIGTERM", PATIENCE.as_secs())),
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

/// The site's address in what the server has said so far: of a whole line only.
fn address(said: &str) -> Option<String> {
    let (whole, _) = said.rsplit_once('\n')?;
    let rest = whole.lines().find_map(|line| line.strip_prefix(ANSWERS))?;
    Some(format!("http://{}", rest.split_whitespace().next()?.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{PATIENCE, address, ended};

    #[test]
    fn what_does_not_end_is_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep starts");
        assert_eq!(ended(&mut child, Duration::from_millis(1)), Ok(None));
        let mut child = Command::new("true").spawn().expect("true starts");
        assert!(ended(&mut child, PATIENCE).is_ok_and(|status| status.is_some_and(|status| status.success())));
    }

    #[test]
    fn the_address_is_read_of_a_whole_line_only() {
        assert_eq!(address("leap site  http://127.0.0.1:71"), None);
        assert_eq!(address("OTLP/HTTP  http://127.0.0.1:4318\n"), None);
        let said = "OTLP/HTTP  http://127.0.0.1:4318\nleap site  http://127.0.0.1:7171/\nOTL";
        assert_eq!(address(said).as_deref(), Some("http://127.0.0.1:7171"));
    }
}
