//! What may be typed of budgets.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use leap_terms::Period;

use super::{FormatArg, KnownArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum BudgetCommand {
    /// Make budgets.yaml (or a CSV) the budgets in force; all of them, as the file is the whole list.
    Apply(BudgetApplyArgs),
    /// Print the budgets in force.
    Show,
    /// Take all budgets out of force.
    EndAll,
    /// How units do against their budgets: spent, variance, expected end, state.
    List(BudgetListArgs),
    /// The same for those that are not within; ends with 3 where one is breached without a waiver, else with 4 where one cannot be
    /// judged.
    Check(BudgetListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BudgetApplyArgs {
    /// budgets.yaml, or a CSV: unit,period,currency and one of amount, bps and per_engineer.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct BudgetListArgs {
    /// Budgets whose period shares a day with this one. Default: those that hold on the last whole day.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Those of one unit alone, by id, name or alias.
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    /// Those of a unit and all below it.
    #[arg(long, value_name = "UNIT", conflicts_with = "unit")]
    pub(crate) under: Option<String>,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
