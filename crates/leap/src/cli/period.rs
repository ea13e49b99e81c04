//! What may be typed of closed periods.

use clap::{Args, Subcommand};
use leap_terms::{Currency, Month};

use super::{FormatArg, ListArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum PeriodCommand {
    /// Publish a billing period's statement; later changes are restatements.
    Close(PeriodCloseArgs),
    /// Take a close back, with a reason.
    Reopen(PeriodReopenArgs),
    /// Why a closed period differs from its statement, by cause; the causes add up.
    Diff(PeriodDiffArgs),
    /// Publish a new statement of a closed period, with an approval.
    Restate(PeriodRestateArgs),
    /// Statements.
    List(ListArgs),
    /// A statement's text, and whether it can still be made from its snapshot to the byte.
    Show(PeriodShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct PeriodCloseArgs {
    /// Billing period: 2026-08.
    pub(crate) period: Month,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct PeriodReopenArgs {
    /// Billing period.
    pub(crate) period: Month,
    /// Why.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Args, Debug)]
pub(crate) struct PeriodDiffArgs {
    /// Billing period.
    pub(crate) period: Month,
    /// Also convert both into this currency, with the rates of the close and those of today.
    #[arg(long, value_parser = |text: &str| Currency::new(text))]
    pub(crate) currency: Option<Currency>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct PeriodRestateArgs {
    /// Billing period.
    pub(crate) period: Month,
    /// Who approved it; not the person who asks.
    #[arg(long, value_name = "PERSON")]
    pub(crate) approved_by: Option<String>,
    /// The digest of the difference that was approved, as `leap period diff` prints it.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect: Option<String>,
    /// Why.
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct PeriodShowArgs {
    /// Billing period.
    pub(crate) period: Month,
    /// Which statement of it. Default: the newest.
    #[arg(long)]
    pub(crate) version: Option<i64>,
}
