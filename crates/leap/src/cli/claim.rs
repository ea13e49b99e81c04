//! What may be typed of claims, disputes and cost without an owner.

use clap::{Args, Subcommand};
use leap_terms::{Day, Period};

use super::{FormatArg, ListArgs, RulesSuggestArgs};

#[derive(Args, Debug)]
pub(crate) struct ClaimSubject {
    /// A ResourceId.
    #[arg(required_unless_present = "filter")]
    pub(crate) resource: Option<String>,
    /// Instead: what this SQL condition over FOCUS columns and Tags['key'] names.
    #[arg(long = "where", value_name = "SQL", conflicts_with = "resource")]
    pub(crate) filter: Option<String>,
    /// Why, for the other team and for the record.
    #[arg(long)]
    pub(crate) reason: String,
    /// A link or file that shows it.
    #[arg(long)]
    pub(crate) evidence: Option<String>,
    /// First day on which it holds. Default: the first day of this month.
    #[arg(long, value_name = "DATE")]
    pub(crate) effective: Option<Day>,
    /// Day on which it ends. Default: never.
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<Day>,
}

#[derive(Args, Debug)]
pub(crate) struct ClaimArgs {
    #[command(flatten)]
    pub(crate) subject: ClaimSubject,
    /// The team that claims it.
    #[arg(long, value_name = "TEAM")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct DisputeArgs {
    #[command(flatten)]
    pub(crate) subject: ClaimSubject,
    /// The team that it belongs to.
    #[arg(long, value_name = "TEAM")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ClaimsCommand {
    /// Open and settled claims.
    List(ListArgs),
    /// Accept: a dated ownership record above the rules. Who answers is recorded; rights to answer come with logins.
    Accept(ClaimAnswerArgs),
    /// Decline: the owner stays.
    Decline(ClaimAnswerArgs),
    /// Take a claim back.
    Withdraw(ClaimAnswerArgs),
    /// Hand claims that nobody answered in time (leap.toml: claims.answer_days) to the unit above.
    Escalate(ListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ClaimAnswerArgs {
    /// Number of the claim.
    pub(crate) number: i64,
    /// For the record.
    #[arg(long)]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ResidualCommand {
    /// Cost without an owner by reason, with age and steward, and its burn-down per week.
    List(ResidualListArgs),
    /// The rules that would own most of it.
    Suggest(RulesSuggestArgs),
    /// Give part of it to a team, at once and dated: a claim that its steward accepts.
    Assign(DisputeArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ResidualListArgs {
    /// As for spend. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
