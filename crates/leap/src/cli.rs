//! What may be typed. Nothing here does anything; `main.rs` says what each command means.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use leap_terms::{CostKind, Period, SourceId, TeamId};

/// Every dollar has an owner, with a proof.
#[derive(Parser, Debug)]
#[command(name = "leap", version, about, long_about = None, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Folder that holds leap.toml, the lake and the book.
    #[arg(long, global = true, env = "LEAP_HOME", default_value = ".leap", value_name = "DIR")]
    pub(crate) home: PathBuf,

    /// More talk on stderr; twice for every step.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 failure, 2 usage, 3 policy broken, 4 data quality (a proof differs, a delivery is refused), 5 not allowed, 75 try again.";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Make a sample company, take in its bills, attribute them and show the proof.
    Demo(DemoArgs),
    /// Make a home: leap.toml with every setting and its meaning.
    Init,
    /// Take in bills: files, folders, bucket layouts, or - for standard input. Formats are told from the content.
    Ingest(IngestArgs),
    /// Spend by team, service, account, any FOCUS column or level of the org.
    Spend(SpendArgs),
    /// Why a team, a resource or a charge costs what it costs: down to rule, evidence and source rows.
    Explain(ExplainArgs),
    /// Recompute every total from the raw files by a second, independent path and compare.
    Verify(VerifyArgs),
    /// The rules that give each charge its owner.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// The org: teams, their names and aliases.
    #[command(subcommand)]
    Org(OrgCommand),
    /// Deliveries of each source, and their states.
    Deliveries(ListArgs),
    /// Rows that could not be read.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// A read-only SQL query over one snapshot.
    Sql(SqlArgs),
    /// Write data for other tools.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Snapshots, newest first.
    Snapshots(ListArgs),
    /// The audit trail.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Copy the home, consistent at one snapshot.
    Backup(BackupArgs),
    /// Check the home, explain what is wrong, and collect what a crash left behind.
    Doctor(DoctorArgs),
    /// Make test data for benchmarks.
    #[command(hide = true)]
    Sample(SampleArgs),
}

/// How an answer is written to stdout.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON document; amounts are exact decimal strings.
    Json,
    /// CSV with exact amounts.
    Csv,
    /// A Markdown table.
    Markdown,
}

#[derive(Args, Debug)]
pub(crate) struct FormatArg {
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: OutputFormat,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Folder for the sample company and its home; must not exist or be empty. Default: a new folder leap-demo.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Number of teams.
    #[arg(long, default_value_t = 800)]
    pub(crate) teams: usize,
    /// Number of months.
    #[arg(long, default_value_t = 18)]
    pub(crate) months: usize,
    /// The same seed makes the same company.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Args, Debug)]
pub(crate) struct IngestArgs {
    /// Files, folders or bucket layouts; - reads standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Name the source instead of telling it from the content.
    #[arg(long, value_parser = |text: &str| SourceId::new(text))]
    pub(crate) source: Option<SourceId>,
    /// The month that the bills are for, where neither manifest nor folder says it: rows of other months are strays that
    /// stay with it. `all` says that the bills hold every month in them whole.
    #[arg(long, value_name = "MONTH|all", value_parser = nominal)]
    pub(crate) period: Option<Nominal>,
    /// Say what was assumed about the bytes, and how each raw cost became a FOCUS cost, to the last digit.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Take in again what was taken in before (a superseded delivery becomes current again).
    #[arg(long)]
    pub(crate) again: bool,
    /// Read, map and prove, but change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// What a person says of the month that a delivery is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Nominal {
    /// This month.
    Month(leap_terms::Month),
    /// Every month in it, whole.
    All,
}

fn nominal(text: &str) -> Result<Nominal, String> {
    if text == "all" {
        Ok(Nominal::All)
    } else {
        text.parse().map(Nominal::Month).map_err(|error| format!("{error}, nor 'all'"))
    }
}

/// By which clock of the bill a period is read.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum BasisArg {
    /// By charge period: when it was used.
    #[default]
    Incurred,
    /// By billing period: when it was invoiced.
    Invoiced,
}

#[derive(Args, Debug)]
pub(crate) struct SpendArgs {
    /// Dimensions, by comma: team, rule, source, month, day, a level of the org (division), any FOCUS column or its
    /// short name (service, account, region, category), or Tags['key'].
    #[arg(long, value_name = "DIMENSIONS", default_value = "team")]
    pub(crate) by: String,
    /// 2026-09, 2026-07..2026-09, 2026, 2026-09-16, 2026-09-01..2026-09-16. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Which of the four costs.
    #[arg(long, default_value = "effective", value_name = "KIND")]
    pub(crate) cost: CostKind,
    /// Read the period by charge period or by billing period.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) basis: BasisArg,
    /// Only charges for which this SQL predicate over FOCUS columns, Tags['key'] and team holds.
    #[arg(long = "where", value_name = "SQL")]
    pub(crate) filter: Option<String>,
    /// Only the N largest rows; the rest is summed in one row.
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Read an older snapshot by its number.
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<i64>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// A team, a residual (residual:no-rule), a ResourceId, or a charge as DELIVERY:PART:ROW.
    pub(crate) subject: String,
    /// As for spend. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Which of the four costs.
    #[arg(long, default_value = "effective", value_name = "KIND")]
    pub(crate) cost: CostKind,
    /// Read the period by charge period or by billing period.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) basis: BasisArg,
    /// How many source rows to show; all of them are always added up.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) rows: usize,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Insist on the raw files: one that is gone or changed fails the check.
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

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

#[derive(Args, Debug)]
pub(crate) struct RulesFileArgs {
    /// rules.yaml; paths inside are relative to it.
    pub(crate) file: PathBuf,
    /// Check against this org file instead of the org in force.
    #[arg(long, value_name = "FILE")]
    pub(crate) org: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct RulesApplyArgs {
    /// rules.yaml; paths inside are relative to it.
    pub(crate) file: PathBuf,
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
    /// Make an org file (org.yaml, or a Backstage catalog) the one in force and attribute everything anew.
    Apply(OrgApplyArgs),
    /// Print the org tree in force.
    Show(ListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct OrgApplyArgs {
    /// org.yaml, a Backstage catalog file, or a folder of catalog files.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum QuarantineCommand {
    /// Rows with file, row, column, value and reason.
    List(ListArgs),
    /// Read the files again that have quarantined rows (after a repair here or there), replacing their scopes.
    Replay(ListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct SqlArgs {
    /// One query over charges, cube, keys, resources, attribution, teams; - reads it from standard input.
    pub(crate) query: String,
    /// Read an older snapshot by its number.
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<i64>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ExportCommand {
    /// All charges as FOCUS 1.4 with x_LeapOwner, x_LeapRule, x_LeapEvidence and x_LeapSnapshot.
    Focus(ExportFocusArgs),
}

/// File format of an export.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExportFormat {
    /// CSV with exact amounts.
    Csv,
    /// Parquet with exact decimals.
    Parquet,
}

#[derive(Args, Debug)]
pub(crate) struct ExportFocusArgs {
    /// File format.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: ExportFormat,
    /// Target file. Default: standard output (CSV only).
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Only charges of this period. Default: all.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Read the period by charge period or by billing period.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) basis: BasisArg,
    /// Only charges of this team.
    #[arg(long, value_parser = |text: &str| TeamId::new(text))]
    pub(crate) team: Option<TeamId>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum AuditCommand {
    /// Print the trail.
    List(ListArgs),
    /// Check that no event was changed, removed, added or moved.
    Verify,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// New folder for the copy.
    pub(crate) to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Remove files that no snapshot names and that are older than the grace period.
    #[arg(long)]
    pub(crate) collect: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct SampleArgs {
    /// Folder to write to.
    pub(crate) dir: PathBuf,
    /// Rows of a benchmark bill; without it, a sample company.
    #[arg(long)]
    pub(crate) rows: Option<usize>,
    /// csv-gz, csv, csv-zst or parquet.
    #[arg(long, default_value = "parquet")]
    pub(crate) container: String,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}
