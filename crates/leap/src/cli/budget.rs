//! What may be typed of budgets.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use leap_terms::{Day, Exact, Money, Period};

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
    /// Compare what somebody wants to spend with the room in a budget and with the hurdle of investments; ends with 3 where it does
    /// not fit, or is not worth it.
    Request(BudgetRequestArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BudgetRequestArgs {
    /// The unit, by id, name or alias.
    pub(crate) unit: String,
    /// What it is for.
    #[arg(long = "for", value_name = "TEXT")]
    pub(crate) title: String,
    /// The period of its budget.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Period,
    /// What it costs in the period, in the budget's currency.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) cost: Money,
    /// What it saves in a month once it works.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) saving_per_month: Option<Money>,
    /// How many weeks of a developer it takes: a saving has to be worth 10,000 a month for each.
    #[arg(long, value_name = "WEEKS", default_value = "0")]
    pub(crate) dev_weeks: Exact,
    /// How many engineers it keeps busy for good: a saving has to be worth five times what they cost.
    #[arg(long, value_name = "COUNT", default_value = "0")]
    pub(crate) engineers: Exact,
    /// Ask for what does not fit, as a waiver.
    #[arg(long, requires = "until")]
    pub(crate) ask: bool,
    /// The first day on which the waiver does not hold any more.
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<Day>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
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
