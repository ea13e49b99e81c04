//! What may be typed of rules and of the org.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use leap_terms::{Day, Instant};

use super::{FormatArg, ListArgs, known_on};

#[derive(Subcommand, Debug)]
pub(crate) enum RulesCommand {
    /// Check a rules file: errors with line and caret; shadowed and dead rules; money per rule.
    Check(RulesFileArgs),
    /// Show the money that a rules file would move, team by team, before it is applied.
    Diff(RulesFileArgs),
    /// Make a rules file the one in force and attribute everything anew.
    Apply(RulesApplyArgs),
    /// Propose the rules that would own most residual money.
    Suggest(RulesSuggestArgs),
    /// Print the rules in force.
    Show(ListArgs),
}

/// What becomes of versions that begin after a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Later {
    /// They stay: what is new holds until the next of them begins.
    Keep,
    /// They go: what is new holds from its day on.
    Replace,
}

#[derive(Args, Debug)]
pub(crate) struct RulesFileArgs {
    /// rules.yaml; paths inside are relative to it.
    pub(crate) file: PathBuf,
    /// Check against this org file (or Backstage address) instead of the org in force.
    #[arg(long, value_name = "FILE")]
    pub(crate) org: Option<PathBuf>,
    /// First day on which these rules would hold. Default: all days.
    #[arg(long, value_name = "DATE")]
    pub(crate) effective: Option<Day>,
    /// What becomes of rules in force that begin after that day.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) later: Option<Later>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct RulesApplyArgs {
    /// rules.yaml; paths inside are relative to it. With --full it may be left out: the rules in force.
    #[arg(required_unless_present = "full")]
    pub(crate) file: Option<PathBuf>,
    /// First day on which these rules hold; earlier days keep the rules they have. Default: all days.
    #[arg(long, value_name = "DATE", requires = "file")]
    pub(crate) effective: Option<Day>,
    /// What becomes of rules in force that begin after that day. Must be said where there are such.
    #[arg(long, value_enum, value_name = "WHAT", requires = "file")]
    pub(crate) later: Option<Later>,
    /// Also name shadowed and dead rules, as rules check does, which asks every rule for every key.
    #[arg(long)]
    pub(crate) check: bool,
    /// Ask all rules for every key, whatever changed.
    #[arg(long)]
    pub(crate) full: bool,

    /// With --full: make keys and cube from the charges again, too, as where the folded tables are doubted.
    #[arg(long, requires = "full")]
    pub(crate) from_charges: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct RulesSuggestArgs {
    /// How many proposals.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum OrgCommand {
    /// Compare a new state of the org with the present one: what is created, moved, renamed, merged, split and dissolved, the
    /// money that moves, and what would be orphaned. Nothing changes.
    Plan(OrgPlanArgs),
    /// Perform a plan exactly; or make an org file the one in force, when the home has none or one without history.
    Apply(OrgApplyArgs),
    /// Take a reorg back: reports are again what they were, to the byte.
    Revert(OrgRevertArgs),
    /// Reorgs, newest first.
    Log(ListArgs),
    /// Print the org tree of a day, as known today or earlier.
    Show(OrgShowArgs),
    /// What differs between the orgs of two days.
    Diff(OrgDiffArgs),
}

#[derive(Args, Debug)]
pub(crate) struct OrgPlanArgs {
    /// The new state: org.yaml, an HR export (CSV), a Backstage catalog (file, folder, or
    /// the address of its API: https://backstage.example/api/catalog), or a Kubernetes sigs.yaml.
    pub(crate) file: PathBuf,
    /// First day on which it holds. Default: what the file says.
    #[arg(long, value_name = "DATE")]
    pub(crate) effective: Option<Day>,
    /// When it was learned, for histories that are loaded later: not before the last change, not in the future.
    #[arg(long, value_name = "INSTANT", value_parser = known_on)]
    pub(crate) recorded: Option<Instant>,
    /// Who inherits names and cost of a unit that ends: OLD=NEW. May be repeated.
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) successor: Vec<String>,
    /// A unit that goes on under another id: OLD=NEW. May be repeated.
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) rename: Vec<String>,
    /// A new unit that was part of another: OLD=NEW. May be repeated.
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) split: Vec<String>,
    /// Also show what each place gains and loses after pools were split; takes about as long as a report with pools, twice.
    #[arg(long)]
    pub(crate) shared: bool,
    /// Where the plan is written. Default: the home's folder plans.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct OrgApplyArgs {
    /// A plan (file or its number), or an org file (or Backstage address).
    pub(crate) file: PathBuf,
    /// With an org file: plan and apply it from this day on.
    #[arg(long, value_name = "DATE")]
    pub(crate) effective: Option<Day>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct OrgRevertArgs {
    /// Number of the reorg, from leap org log.
    pub(crate) id: i64,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct OrgShowArgs {
    /// The day. Default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Day>,
    /// As known on this day or instant. Default: now.
    #[arg(long, value_name = "DATE", value_parser = known_on)]
    pub(crate) as_known_on: Option<Instant>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct OrgDiffArgs {
    /// The earlier day.
    pub(crate) from: Day,
    /// The later day.
    pub(crate) to: Day,
    /// Also name who joined, left or changed teams, by the source's id of the person; else people are only counted.
    #[arg(long)]
    pub(crate) people: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
