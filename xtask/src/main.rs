//! `cargo xtask …`: what is repeatable, repeated.
//!
//! ```text
//! cargo xtask demo            prepare, build, make the sample company, attribute it, prove it, serve its site
//! cargo xtask demo --no-serve the same, and end
//! cargo xtask test            install what the tests need, then format, lints, tidy, all tests
//! cargo xtask test NAME       only the tests whose names contain NAME
//! cargo xtask test site       the running site: every link, figures added up again, looked at in a browser
//! cargo xtask assets          the third-party files of the site, with npm
//! cargo xtask tidy            the house rules
//! cargo xtask bench intake    take in 10 million charges, beside DuckDB
//! cargo xtask bench money     the lake's candidates for money
//! cargo xtask bench latency   spans a second, bytes, milliseconds of latency, each beside its aim
//! cargo xtask bench server    traces into the running server for a minute, beside its aims
//! cargo xtask bench site      pages over a year of 100 million charges: time, weight, first paint
//! cargo xtask bench drift      alerts on cost series against the truth, beside others and the aims
//! cargo xtask bench watch      a new day for 48,000 series whose detectors were kept
//! cargo xtask bench forecast   forecasts of 28 days against what came, beside others and the aims
//! cargo xtask bench restate   what a reorg or a rule dated back costs, beside attributing everything
//! cargo xtask fuzz TARGET     fuzz one parser (needs cargo-fuzz and a nightly toolchain)
//! ```
//! It builds nothing that users run and holds no business rule.

mod assets;
mod bench;
mod bench_cycle;
mod bench_drift;
mod bench_latency;
mod bench_restate;
mod bench_server;
mod bench_site;
mod packages;
mod site;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo", rest @ ..] => demo(rest),
        ["test", rest @ ..] => test(rest),
        ["assets"] => assets::assets(),
        ["tidy"] => tidy_all(),
        ["bench", "intake", rest @ ..] => bench::intake(rest),
        ["bench", "money"] => bench::money(),
        ["bench", "latency", rest @ ..] => bench_latency::latency(rest),
        ["bench", "server", rest @ ..] => bench_server::server(rest),
        ["bench", "cycle", rest @ ..] => bench_cycle::cycle(rest),
        ["bench", "site", rest @ ..] => bench_site::site(rest),
        ["bench", part @ ("drift" | "forecast" | "watch"), rest @ ..] => bench_drift::run_part(part, rest),
        ["bench", "restate"] => bench_restate::restate(),
        ["fuzz", target, rest @ ..] => fuzz(target, rest),
        _ => {
            eprintln!(
                "usage: cargo xtask demo | test [NAME | site] | assets | tidy | bench intake [--rows 10m] | bench money | bench latency [PART] | bench server [SECONDS [SPANS_A_SECOND]] | bench restate | bench drift|forecast [SHARED_DATA] | bench watch | bench site [--charges 100m] [--keep DIR] [--dev] | bench cycle [--teams 800] [--services 60] [--dev] | fuzz TARGET"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// Runs a command in the workspace and fails when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = [program].into_iter().chain(command.get_args()).map(|word| word.to_string_lossy());
    let shown = words.collect::<Vec<_>>().join(" ");
    eprintln!("xtask: {shown}");
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown} ended with {status}")),
        Err(error) => Err(format!("{shown} could not be started: {error}")),
    }
}

/// Cargo as a person would call it: what cargo told this program about itself is not handed on, or build scripts that ask for
/// it run again, and all that depends on them is built twice.
fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if name.to_str().is_some_and(|name| told.iter().any(|start| name.starts_with(start))) {
            command.env_remove(name);
        }
    }
    command.args(words);
    command
}

fn demo(rest: &[&str]) -> Result<(), String> {
    assets::assets_if_possible();
    let mut words = vec!["run", "--locked", "--package", "leap", "--", "demo"];
    words.extend(rest);
    if !rest.iter().any(|word| matches!(*word, "--story" | "--serve" | "--no-serve" | "--help")) {
        words.push("--serve");
    }
    words.retain(|word| *word != "--no-serve");
    run(&mut cargo(&words))
}

fn test(rest: &[&str]) -> Result<(), String> {
    packages::install_for_tests()?;
    assets::assets_for_tests()?;
    if let ["site", rest @ ..] = rest {
        return site::site(rest);
    }
    if rest.is_empty() {
        run(&mut cargo(&["fmt", "--all", "--check"]))?;
        tidy_all()?;
        run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    }
    let mut words = vec!["test", "--workspace", "--locked"];
    if !rest.is_empty() {
        words.push("--");
        words.extend(rest);
    }
    run(&mut cargo(&words))?;
    if rest.is_empty() { site::site_if_possible() } else { Ok(()) }
}

fn tidy_all() -> Result<(), String> {
    let findings = tidy::findings(&root());
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("{} house rules broken", findings.len())) }
}

fn fuzz(target: &str, rest: &[&str]) -> Result<(), String> {
    let mut command = cargo(&["+nightly", "fuzz", "run", target]);
    command.args(rest);
    run(&mut command)
}
