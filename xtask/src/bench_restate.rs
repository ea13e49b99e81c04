//! What a change of the past costs, beside attributing everything: ratios within one run, on the sample company.
//!
//! ```text
//! change                                     median ms  of all keys   of charges   keys and scopes
//! full attribution, all rules over all keys     1500.0     100.00 %      30.00 %
//! full attribution, from the charges            5000.0     333.33 %     100.00 %
//! plan: 200 teams move, back-dated 6 months       30.1       2.01 %       0.60 %
//! ```
//! A full attribution is given twice: all rules over the keys that intake has folded the charges to, which is what a change
//! costs here at most; and from the charges themselves, which is what it costs where nothing is folded.
//! Times are the command's own, from the loaded world to the durable snapshot: starting up is not in them. Each change is
//! made and taken back, and the digest of the snapshot must be what it was.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, root, run};

const ROUNDS: usize = 3;
/// First day of a change dated back six months; the company's last month is 2026-09.
const BACK: &str = "2026-04-01";

/// One measured change.
struct Line {
    name: &'static str,
    micros: Vec<u64>,
    counts: String,
}

struct Bench {
    leap: PathBuf,
    home: PathBuf,
    lines: Vec<Line>,
}

impl Bench {
    fn leap(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.leap)
            .arg("--home")
            .arg(&self.home)
            .args(words)
            .output()
            .map_err(|error| format!("leap could not be started: {error}"))?;
        if !output.status.success() {
            return Err(format!("leap {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn measure(&mut self, name: &'static str, words: &[&str]) -> Result<String, String> {
        let mut words = words.to_vec();
        words.extend(["--format", "json"]);
        let answer = self.leap(&words)?;
        let micros = number(&answer, "took_micros").ok_or_else(|| format!("leap {} says no time", words.join(" ")))?;
        let counts = match (number(&answer, "keys_examined"), number(&answer, "keys_changed")) {
            (Some(examined), Some(changed)) => format!(
                "{examined} examined, {changed} changed, {} of {} scopes rewritten",
                number(&answer, "slices_rewritten").unwrap_or_default(),
                number(&answer, "slices").unwrap_or_default()
            ),
            _ => String::new(),
        };
        match self.lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.micros.push(micros),
            None => self.lines.push(Line { name, micros: vec![micros], counts }),
        }
        Ok(answer)
    }

    fn digest(&self) -> Result<String, String> {
        text(&self.leap(&["snapshots", "--format", "json"])?, "digest").ok_or_else(|| "no snapshot".to_owned())
    }
}

/// The first `"name": 123` of a JSON text.
fn number(json: &str, name: &str) -> Option<u64> {
    let rest = json.split_once(&format!("\"{name}\": "))?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The last `"name": "text"` of an object of a JSON text that is not inside a list of it.
fn text(json: &str, name: &str) -> Option<String> {
    let rest = json.split_once(&format!("\"{name}\": \""))?.1;
    rest.split('"').next().map(str::to_owned)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("could not read {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("could not write {}: {error}", path.display()))
}

/// The org with every fourth team below the unit of another team.
fn with_moves(org: &str) -> (String, usize) {
    let parent = |line: &str| line.split("parent: ").nth(1)?.split([',', '}']).next().map(str::to_owned);
    let teams: Vec<&str> = org.lines().filter(|line| line.contains("kind: team")).collect();
    let (mut text, mut at, mut moved) = (String::new(), 0, 0);
    for line in org.lines() {
        let mut line = line.to_owned();
        if line.contains("kind: team") {
            if at % 4 == 0
                && let (Some(from), Some(to)) = (
                    parent(&line),
                    (1..teams.len())
                        .map(|step| teams[(at + step * 37) % teams.len()])
                        .find_map(|other| parent(other).filter(|other| parent(&line).as_ref() != Some(other))),
                )
            {
                line = line.replace(&format!("parent: {from}"), &format!("parent: {to}"));
                moved += 1;
            }
            at += 1;
        }
        text.push_str(&line);
        text.push('\n');
    }
    (text, moved)
}

/// The account whose share of all cost is nearest to one hundredth, with its share in basis points.
fn one_percent(csv: &str) -> Option<(String, i64)> {
    let rows: Vec<(String, f64)> = csv
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut cells = line.split(',');
            Some((cells.next()?.to_owned(), cells.nth(1)?.parse().ok()?))
        })
        .collect();
    let total: f64 = rows.iter().map(|(_, amount)| amount).sum();
    let nearest = rows.iter().filter(|(account, _)| !account.is_empty()).min_by(|a, b| {
        let far = |amount: f64| (amount / total - 0.01).abs();
        far(a.1).total_cmp(&far(b.1))
    })?;
    Some((nearest.0.clone(), (nearest.1 / total * 10_000.0).round() as i64))
}

/// `cargo xtask bench restate`.
pub(crate) fn restate() -> Result<(), String> {
    run(&mut cargo(&["build", "--locked", "--package", "leap"]))?;
    let data = root().join("target/bench/restate");
    let company = data.join("company");
    if company.exists() {
        fs::remove_dir_all(&company).map_err(|error| format!("could not remove {}: {error}", company.display()))?;
    }
    fs::create_dir_all(&data).map_err(|error| format!("could not make {}: {error}", data.display()))?;
    let leap = root().join("target/debug/leap");
    run(Command::new(&leap).arg("demo").arg("--dir").arg(&company).stdout(std::process::Stdio::null()))?;
    let mut bench = Bench { leap, home: company.join("home"), lines: Vec::new() };

    let (org, rules) = (read(&company.join("org.yaml"))?, company.join("rules.yaml"));
    let (moved, count) = with_moves(&org);
    let moved_path = data.join("moved.yaml");
    write(&moved_path, &moved)?;
    let accounts = bench.leap(&[
        "spend",
        "--by",
        "account",
        "--period",
        "2025-04..2026-09",
        "--pools",
        "kept",
        "--format",
        "csv",
    ])?;
    let (account, bps) = one_percent(&accounts).ok_or("no account has about a hundredth of the cost")?;
    let owner = org
        .lines()
        .find(|line| line.contains("kind: team"))
        .and_then(|line| line.split("id: ").nth(1))
        .and_then(|rest| rest.split(',').next())
        .ok_or("the org has no team")?;
    let one_rule = read(&rules)?.replacen(
        "rules:\n",
        &format!("rules:\n  - {{id: bench-account, when: \"SubAccountId = '{account}'\", owner: {owner}}}\n"),
        1,
    );
    let one_path = company.join("rules-bench.yaml");
    write(&one_path, &one_rule)?;
    let path = |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| format!("{} is not UTF-8", path.display()));
    let (moved, one, rules) = (path(&moved_path)?, path(&one_path)?, path(&rules)?);
    let next = path(&company.join("org-next.yaml"))?;
    println!("{count} of 800 teams move; account {account} has {bps} bps of the cost of 18 months");

    let digest = bench.digest()?;
    let same = |bench: &Bench, after: &str| -> Result<(), String> {
        if bench.digest()? == digest { Ok(()) } else { Err(format!("{after}: the digest is not what it was")) }
    };
    let mut reorgs = 0;
    for round in 1..=ROUNDS {
        eprintln!("xtask: round {round} of {ROUNDS}");
        bench.measure("full attribution, all rules over all keys", &["rules", "apply", &rules, "--full"])?;
        same(&bench, "full attribution")?;
        bench.measure("full attribution, from the charges", &["rules", "apply", &rules, "--full", "--from-charges"])?;
        same(&bench, "full attribution from the charges")?;
        for (plan, apply, revert, file) in [
            ("plan: 200 teams move, back-dated 6 months", "apply: 200 teams move", "revert: 200 teams move", &moved),
            ("plan: 200 move, 6 merge, 8 renamed", "apply: 200 move, 6 merge, 8 renamed", "revert: the merger", &next),
        ] {
            let answer = bench.measure(plan, &["org", "plan", file, "--effective", BACK])?;
            let id = answer
                .lines()
                .find_map(|line| line.strip_prefix("  \"id\": \"")?.split('"').next().map(str::to_owned))
                .ok_or("the plan has no number")?;
            bench.measure(apply, &["org", "apply", &id])?;
            reorgs += 1;
            bench.measure(revert, &["org", "revert", &reorgs.to_string()])?;
            same(&bench, apply)?;
        }
        bench.measure("rule of 1 % of cost, back-dated 6 months", &["rules", "apply", &one, "--effective", BACK])?;
        bench.measure("back to the rules before: 6 months", &["rules", "apply", &rules, "--later", "replace"])?;
        same(&bench, "rule dated back")?;
        bench.measure("rule of 1 % of cost, all 18 months", &["rules", "apply", &one])?;
        bench.measure("back to the rules before: 18 months", &["rules", "apply", &rules])?;
        same(&bench, "rule of all time")?;
    }
    let median = |micros: &[u64]| {
        let mut sorted = micros.to_vec();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    };
    let full = median(&bench.lines[0].micros);
    let charges = median(&bench.lines[1].micros);
    let mut table = format!(
        "{:<44} {:>10} {:>12} {:>12}   {}\n",
        "change", "median ms", "of all keys", "of charges", "keys and scopes"
    );
    for line in &bench.lines {
        let micros = median(&line.micros);
        let share = micros as f64 * 100.0 / full as f64;
        let of_charges = micros as f64 * 100.0 / charges as f64;
        writeln!(
            table,
            "{:<44} {:>10.1} {:>10.2} % {:>10.2} %   {}",
            line.name,
            micros as f64 / 1000.0,
            share,
            of_charges,
            line.counts
        )
        .expect("a string takes all text");
    }
    println!("{table}after every change was taken back the snapshot's digest was {}", &digest[..16.min(digest.len())]);
    Ok(())
}
