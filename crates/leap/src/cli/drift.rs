//! What may be typed of drift and forecasts: `leap drift`, `leap forecast`.
//!
//! ```text
//! leap drift detect --series costs.csv --known announced.csv --format jsonl
//! leap forecast run --series costs.csv --horizon 28 --origin 2026-10-01 --format jsonl
//! ```

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Subcommand, Debug)]
pub(crate) enum DriftCommand {
    /// Days on which cost series depart from their expected path, by what was known then.
    Detect(DetectArgs),
}

#[derive(Args, Debug)]
pub(crate) struct DetectArgs {
    /// The series: series,day,cost, with date where a day is a number.
    #[arg(long, value_name = "FILE")]
    pub(crate) series: PathBuf,
    /// What was known of each day how soon: series,day,cost_known_d1,…,cost_final. Each day is judged by what was
    /// known the day after it.
    #[arg(long, value_name = "FILE")]
    pub(crate) vintages: Option<PathBuf>,
    /// What was announced: series,day, with kind (change or holiday). '*' is every series.
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Option<PathBuf>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: LinesFormat,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ForecastCommand {
    /// What the days from an origin on will cost, from the days before it alone.
    Run(ForecastArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ForecastArgs {
    /// The series: series,day,cost, with date where a day is a number.
    #[arg(long, value_name = "FILE")]
    pub(crate) series: PathBuf,
    /// How many days.
    #[arg(long, default_value_t = 28, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3660))]
    pub(crate) horizon: u16,
    /// The first day that is forecast, as the file writes days; no later day is read. Default: the day after the last.
    #[arg(long, value_name = "DAY")]
    pub(crate) origin: Option<String>,
    /// What was announced, as for drift.
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Option<PathBuf>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: LinesFormat,
}

/// How lines are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum LinesFormat {
    /// One JSON object a line; amounts are exact decimal strings.
    #[default]
    Jsonl,
}
