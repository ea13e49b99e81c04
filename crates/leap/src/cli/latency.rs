//! What may be typed after `leap latency`.

use clap::{Args, Subcommand, ValueEnum};
use leap_terms::Period;

use super::{FormatArg, ReadingArgs};

/// Whose the tail of latency is. Without a command: a quantile divided among its owners.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LatencyArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LatencyCommand>,
    #[command(flatten)]
    pub(crate) report: LatencyReportArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum LatencyCommand {
    /// One line per request: its latency, and whose it is.
    PerRequest(LatencyRequestArgs),
    /// The critical path of one request.
    Explain(LatencyExplainArgs),
    /// Before and after a change: is it really faster, by how much, and who made it so?
    Diff(LatencyDiffArgs),
    /// An objective hour by hour: misses, the clock of 48 hours, and what it would open.
    Contract(LatencyContractArgs),
}

#[derive(Args, Debug)]
pub(crate) struct LatencyReportArgs {
    /// A service, 'SERVICE OPERATION', an operation, or an API of leap.toml. Default: all requests together.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) api: Option<String>,
    /// 0.999, p99.9, 50% …
    #[arg(long, value_parser = crate::latency::quantile, default_value = "0.999")]
    pub(crate) quantile: leap_orient::tail::Quantile,
    /// team, service, kind, caller, or a level of the org.
    #[arg(long, default_value = "team", value_name = "DIMENSION")]
    pub(crate) by: String,
    /// When the requests began. Default: all of them.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Only requests that began in these hours of their days, UTC, such as 8..12; every request is read then.
    #[arg(long, value_parser = crate::latency::hours, value_name = "FROM..UNTIL")]
    pub(crate) hours: Option<crate::latency::Hours>,
    /// Divide as requests whose rank is within this much of the quantile, such as 0.0005. Default: half of what lies
    /// beyond the quantile, widened until it holds 50 requests.
    #[arg(long, value_parser = crate::latency::fraction, value_name = "HALF-WIDTH")]
    pub(crate) band: Option<leap_orient::tail::Fraction>,
    /// Read every request, however many there are: exact to the nanosecond. What-if and blame always do.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Also: what if the slices of the largest owners took what they usually take?
    #[arg(long)]
    pub(crate) what_if: bool,
    /// Also: whose are the misses of this objective, such as 3s?
    #[arg(long, value_parser = crate::latency::duration, value_name = "TIME")]
    pub(crate) objective: Option<u64>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct LatencyRequestArgs {
    /// As for the report.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) api: Option<String>,
    /// When the requests began. Default: all of them.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// A table, or one JSON object per line.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: RequestFormat,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}

/// How requests are listed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RequestFormat {
    Table,
    Jsonl,
}

#[derive(Args, Debug)]
pub(crate) struct LatencyExplainArgs {
    /// The trace's id, or how it begins.
    pub(crate) trace: String,
    /// When its request began. Default: at any time; all requests are looked through then.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct LatencyContractArgs {
    /// As for the report.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) api: Option<String>,
    /// What the quantile must not exceed, such as 3s. Default: what leap.toml says in [[latency.apis]].
    #[arg(long, value_parser = crate::latency::duration, value_name = "TIME")]
    pub(crate) objective: Option<u64>,
    /// 0.999, p99.9, 50% … Default: that of leap.toml, else p99.9.
    #[arg(long)]
    pub(crate) quantile: Option<leap_decide::contract::Quantile>,
    /// When the requests began. Default: all of them.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// An incident opens after more hours of misses than this. Default: that of leap.toml, else 48.
    #[arg(long)]
    pub(crate) grace_hours: Option<u32>,
    /// Fewer requests than this are no ground for a judgement.
    #[arg(long, default_value_t = 4_000)]
    pub(crate) at_least: u64,
    /// Leave hours of fewer requests unjudged, instead of counting them together until there are enough.
    #[arg(long)]
    pub(crate) keep_thin: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct LatencyDiffArgs {
    /// The period before the change, such as 2026-08-01..2026-08-15 (the last day is not in it).
    pub(crate) before: Period,
    /// The period after it.
    pub(crate) after: Period,
    /// As for the report.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) api: Option<String>,
    /// 0.999, p99.9, 50% …
    #[arg(long, value_parser = crate::latency::quantile, default_value = "0.999")]
    pub(crate) quantile: leap_orient::tail::Quantile,
    /// The team that made the change: its part must have fallen.
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// An API without the change, measured in the same time: what it gained is taken off.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) control: Option<String>,
    /// Where metric, API, periods and direction were written down before the change: without it nothing is verified.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) registered: Option<String>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
