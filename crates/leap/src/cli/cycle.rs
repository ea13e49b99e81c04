//! What may be typed of the loop's turns, and of incidents.

use clap::{Args, Subcommand};

use super::FormatArg;

#[derive(Subcommand, Debug)]
pub(crate) enum CycleCommand {
    /// Take one turn: what follows from what is known, as a plan with the findings of its check. Nothing is done without --act.
    Run(CycleRunArgs),
    /// Take turns until SIGINT or SIGTERM: after each change, and at the times of [cycle] schedule.
    Watch(CycleWatchArgs),
    /// Plans that were performed, the newest first.
    List(CycleListArgs),
    /// One of them: its steps, and what came of each.
    Show(CycleShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CycleRunArgs {
    /// Perform the plan, if its check finds no error, and send its messages.
    #[arg(long)]
    pub(crate) act: bool,
    /// Leave the messages to `leap serve` or `leap message send`.
    #[arg(long, requires = "act")]
    pub(crate) no_send: bool,
    /// What a plan that is held wants, as it was shown: it is performed where it still wants exactly that.
    #[arg(long, value_name = "DIGEST", requires = "act", requires = "approved_by")]
    pub(crate) expect: Option<String>,
    /// Who has approved a plan that is held: somebody else than who performs it.
    #[arg(long, value_name = "NAME", requires = "expect")]
    pub(crate) approved_by: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct CycleWatchArgs {
    /// Perform plans whose check finds no error, and send their messages.
    #[arg(long)]
    pub(crate) act: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CycleListArgs {
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct CycleShowArgs {
    /// The plan's number.
    pub(crate) number: i64,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum IncidentCommand {
    /// Incidents that are not resolved, or all of them; the newest first.
    List(IncidentListArgs),
    /// One of them, with all that happened to it.
    Show(IncidentShowArgs),
    /// Say that you see to it.
    Acknowledge(IncidentNoteArgs),
    /// Add what you know.
    Annotate(IncidentNoteArgs),
}

#[derive(Args, Debug)]
pub(crate) struct IncidentListArgs {
    /// Resolved ones, too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Those of one unit and all below it, by id, name or alias.
    #[arg(long, value_name = "UNIT")]
    pub(crate) under: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct IncidentShowArgs {
    /// The incident's number.
    pub(crate) number: i64,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct IncidentNoteArgs {
    /// The incident's number.
    pub(crate) number: i64,
    /// What there is to say.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
