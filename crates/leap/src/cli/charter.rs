//! What may be typed of spend against the business: `leap charter`, `leap volume`.
//!
//! ```text
//! leap charter --period 2026-09 --under payments --format json
//! leap volume show --metric payment_volume --period 2026-09
//! ```

use clap::{Args, Subcommand};
use leap_terms::{CostKind, Currency, Instant, Period};

use super::{BasisArg, FormatArg, ReadingArgs, known_on};

#[derive(Args, Debug)]
pub(crate) struct CharterArgs {
    /// As for spend. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Only the cost of this unit and the units below it; volume is always that of the whole business.
    #[arg(long, value_name = "UNIT")]
    pub(crate) under: Option<String>,
    /// Which of the four costs.
    #[arg(long, default_value = "effective", value_name = "KIND")]
    pub(crate) cost: CostKind,
    /// Read the period by charge period or by billing period.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) basis: BasisArg,
    /// Convert all cost into this currency with the rates of each month; without it each currency stands by itself.
    #[arg(long, value_parser = |text: &str| Currency::new(text))]
    pub(crate) currency: Option<Currency>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum VolumeCommand {
    /// The metrics: currency, days, total, and who brought the newest values when.
    List(VolumeArgs),
    /// The values, day by day.
    Show(VolumeArgs),
}

#[derive(Args, Debug)]
pub(crate) struct VolumeArgs {
    /// Only this metric.
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Option<String>,
    /// As for spend. Default: all days.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Values as they were known on a day or instant.
    #[arg(long, value_name = "DATE", value_parser = known_on, conflicts_with = "snapshot")]
    pub(crate) as_known_on: Option<Instant>,
    /// Read an older snapshot by its number.
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<i64>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
