//! What may be typed of shared platforms.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use leap_terms::{Day, Period};

use super::{FormatArg, KnownArgs, Later};

#[derive(Subcommand, Debug)]
pub(crate) enum PoolCommand {
    /// Make pools.yaml, with the drivers that it names, the policy in force.
    Apply(PoolApplyArgs),
    /// Check a policy and show what it would move, before it is applied.
    Check(PoolCheckArgs),
    /// Pools of a period: cost, what is split, what stays, who answers for it.
    List(PoolListArgs),
    /// How one pool was split on a day: readings, shares, remainder units.
    Explain(PoolExplainArgs),
    /// Print the policies in force, each with its first day.
    Show,
}

#[derive(Args, Debug)]
pub(crate) struct PoolApplyArgs {
    /// pools.yaml; paths inside are relative to it.
    pub(crate) file: PathBuf,
    /// First day on which this policy holds, the first of a month; earlier months keep the policy they have. Default: all days.
    #[arg(long, value_name = "DATE")]
    pub(crate) effective: Option<Day>,
    /// What becomes of policies in force that begin after that day. Must be said where there are such.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) later: Option<Later>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct PoolCheckArgs {
    /// pools.yaml; paths inside are relative to it.
    pub(crate) file: PathBuf,
    /// The period whose cost is shared. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct PoolListArgs {
    /// As for spend. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct PoolExplainArgs {
    /// The pool.
    pub(crate) pool: String,
    /// The day.
    pub(crate) day: Day,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
