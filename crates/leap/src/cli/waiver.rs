//! What may be typed of waivers.

use clap::{Args, Subcommand};
use leap_terms::{Day, Money, Period};

use super::FormatArg;

#[derive(Subcommand, Debug)]
pub(crate) enum WaiverCommand {
    /// Ask that a unit may spend more than its budget; somebody else grants it, on the site.
    Ask(WaiverAskArgs),
    /// All of them, the newest first.
    List(WaiverListArgs),
    /// One of them: what was shown, how the budget does now, who may grant it.
    Show(WaiverShowArgs),
    /// Take one's own back, before or after it was granted.
    Withdraw(WaiverWithdrawArgs),
}

#[derive(Args, Debug)]
pub(crate) struct WaiverAskArgs {
    /// The unit, by id, name or alias.
    pub(crate) unit: String,
    /// The period of its budget.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Period,
    /// How much more than the budget may be spent, in its currency.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) amount: Money,
    /// The first day on which it does not hold any more.
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Day,
    /// Why, for who decides and for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct WaiverListArgs {
    /// Those of budgets whose period shares a day with this one.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct WaiverShowArgs {
    /// Its number.
    pub(crate) number: i64,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct WaiverWithdrawArgs {
    /// Its number.
    pub(crate) number: i64,
    /// For the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}
