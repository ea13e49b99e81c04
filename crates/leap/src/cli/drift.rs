//! What may be typed of drift and forecasts: `leap drift`, `leap forecast`.
//!
//! ```text
//! leap drift list --under shop
//! leap drift show 'payments/Amazon EC2'
//! leap drift detect --series costs.csv --known announced.csv --format jsonl
//! leap forecast run --series costs.csv --horizon 28 --origin 2026-10-01 --format jsonl
//! ```

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use leap_terms::Currency;

use super::FormatArg;

#[derive(Subcommand, Debug)]
pub(crate) enum DriftCommand {
    /// Days on which cost series depart from their expected path, by what was known then.
    Detect(DetectArgs),
    /// Drift of this home on its newest days: what moved, since when, what it costs in a month if it stays, whose it is.
    List(DriftListArgs),
    /// One series of this home: its days, where they were expected, and its alerts.
    Show(DriftShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct DriftListArgs {
    /// Only what stands at a unit or below it, by id, name or alias.
    #[arg(long, value_name = "UNIT")]
    pub(crate) under: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct DriftShowArgs {
    /// TEAM/SERVICE, as `leap drift list` names it.
    pub(crate) series: String,
    /// Only in this currency.
    #[arg(long, value_name = "CURRENCY", value_parser = |text: &str| Currency::new(text))]
    pub(crate) currency: Option<Currency>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
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
    /// Frozen forecasts of this home, of each unit with a budget and of the company, with their scores.
    List(ForecastListArgs),
    /// What is to be frozen now: the cycle does, and nobody makes a forecast after the fact.
    Due(ForecastDueArgs),
    /// Compare the frozen forecasts whose days have come with what they cost, and record it.
    Score(ForecastScoreArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ForecastListArgs {
    /// Only of this unit, by id, name or alias.
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct ForecastDueArgs {
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct ForecastScoreArgs {
    /// Score again what has a score, by the figures of now.
    #[arg(long)]
    pub(crate) again: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
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
