//! Benchmarks: figures as ratios within one run, on data that `leap-sim` makes from a seed.

use std::path::PathBuf;
use std::process::Command;

use crate::{cargo, root, run};

fn rows_argument(rest: &[&str]) -> Result<u64, String> {
    match rest {
        [] => Ok(10_000_000),
        ["--rows", text] => count(text),
        _ => Err("usage: cargo xtask bench intake [--rows 10m]".to_owned()),
    }
}

/// `10m`, `500k`, `1000`.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.strip_suffix(['m', 'M']) {
        Some(digits) => (digits, 1_000_000),
        None => match text.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1_000),
            None => (text, 1),
        },
    };
    let count = digits.parse::<u64>().map(|count| count * factor);
    count.map_err(|_| format!("'{text}' is no number of rows such as 10m"))
}

/// Python with DuckDB, in an environment of its own below `target/`.
fn python_with_duckdb() -> Result<PathBuf, String> {
    let folder = root().join("target/bench/python");
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let present = Command::new(&python).args(["-c", "import duckdb"]).output().is_ok_and(|out| out.status.success());
    if !present {
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "duckdb"]))?;
    }
    Ok(python)
}

/// Takes in the same bill as Parquet and as CSV.gz with leap and with DuckDB, in alternation.
pub(crate) fn intake(rest: &[&str]) -> Result<(), String> {
    let rows = rows_argument(rest)?;
    run(&mut cargo(&["build", "--locked", "--package", "leap"]))?;
    let python = python_with_duckdb()?;
    let leap = root().join("target/debug/leap");
    let data = root().join(format!("target/bench/intake-{rows}"));
    for container in ["parquet", "csv-gz"] {
        let folder = data.join(container);
        if !folder.join("complete").exists() {
            let mut make = Command::new(&leap);
            make.arg("sample").arg(&folder).args(["--rows", &rows.to_string(), "--container", container]);
            run(&mut make)?;
            std::fs::write(folder.join("complete"), "")
                .map_err(|error| format!("could not mark {}: {error}", folder.display()))?;
        }
    }
    run(Command::new(python).arg(root().join("xtask/bench/intake.py")).arg(leap).arg(data))
}

/// Compares the candidates for money in the lake.
pub(crate) fn money() -> Result<(), String> {
    run(&mut cargo(&["run", "--locked", "--package", "leap-lake", "--example", "bench_money"]))
}

/// Builds the program, as users run it or as tests do; where it is, and the name of the profile.
pub(crate) fn leap(dev: bool) -> Result<(PathBuf, &'static str), String> {
    let (profile, words) = match dev {
        true => ("debug", vec!["build", "--locked", "--package", "leap"]),
        false => ("release", vec!["build", "--locked", "--release", "--package", "leap"]),
    };
    run(&mut cargo(&words))?;
    let leap = root().join("target").join(profile).join(format!("leap{}", std::env::consts::EXE_SUFFIX));
    Ok((leap, profile))
}
