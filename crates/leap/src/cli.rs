//! What may be typed. Nothing here does anything; `main.rs` says what each command means.

mod budget;
mod charter;
mod claim;
mod contract;
mod cycle;
mod drift;
mod latency;
mod message;
mod people;
mod period;
mod pool;
mod rules;
mod trail;
mod waiver;

use std::path::PathBuf;

pub(crate) use budget::*;
pub(crate) use charter::*;
pub(crate) use claim::*;
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use contract::*;
pub(crate) use cycle::*;
pub(crate) use drift::*;
pub(crate) use latency::*;
use leap_terms::{CostKind, Currency, Day, Instant, Period, SourceId, TeamId};
pub(crate) use message::*;
pub(crate) use people::*;
pub(crate) use period::*;
pub(crate) use pool::*;
pub(crate) use rules::*;
pub(crate) use trail::*;
pub(crate) use waiver::*;

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

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 failure, 2 usage, 3 policy broken, 4 data quality (a proof differs, a delivery is refused, a plan was edited), 5 not allowed (an approval is missing, or is that of who asks), 75 try again (another process writes, or what was planned or approved has changed since).";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Make a sample company, take in its bills, attribute them and show the proof.
    Demo(DemoArgs),
    /// Make a home: leap.toml with every setting and its meaning.
    Init,
    /// Take in bills, traces and business volume: files, folders, bucket layouts, or - for standard input. Formats are
    /// told from the content.
    Ingest(IngestArgs),
    /// Spend by team, service, account, any FOCUS column or level of the org.
    Spend(SpendArgs),
    /// Whose the slow requests are: a quantile of latency divided among teams, to the nanosecond.
    Latency(Box<LatencyArgs>),
    /// The few who make most of it: teams ranked by cost and by their part of the slow requests, on one list.
    Pareto(Box<ParetoArgs>),
    /// Say why cost changed between two periods: ownership, price, usage, mix and shared platforms, adding up exactly.
    Bridge(BridgeArgs),
    /// Spend in money, in basis points of business volume and in engineers, against the period before and last year.
    Charter(Box<CharterArgs>),
    /// Days on which a cost series departs from its expected path: spike, ramp, shift, drop.
    #[command(subcommand)]
    Drift(DriftCommand),
    /// What a cost series will cost, with intervals.
    #[command(subcommand)]
    Forecast(ForecastCommand),
    /// Take in traces that OpenTelemetry sends, over HTTP and gRPC, until SIGINT or SIGTERM.
    Serve(ServeArgs),
    /// Why a team, a resource or a charge costs what it costs: down to rule, evidence and source rows.
    Explain(ExplainArgs),
    /// Recompute every total from the raw files by a second, independent path and compare.
    Verify(VerifyArgs),
    /// The rules that give each charge its owner.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// The org and its history: reorgs planned, applied, taken back.
    #[command(subcommand)]
    Org(OrgCommand),
    /// Shared platforms: which cost they collect and how it is split.
    #[command(subcommand)]
    Pool(PoolCommand),
    /// What units may spend, and how they do against it.
    #[command(subcommand)]
    Budget(BudgetCommand),
    /// Permission to spend more than a budget: asked for by one, granted by another.
    #[command(subcommand)]
    Waiver(WaiverCommand),
    /// One turn of the loop: what follows from what is known, as a plan that is checked before it is done.
    #[command(subcommand)]
    Cycle(CycleCommand),
    /// What is wrong since when, whose it is, and how it ended.
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Messages to people and programs elsewhere: what waits, what was sent, what was given up.
    #[command(subcommand)]
    Message(MessageCommand),
    /// Where messages go: the channels of leap.toml.
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// Stops all acting at once, and lets it go on.
    #[command(subcommand)]
    KillSwitch(KillSwitchCommand),
    /// Outcomes agreed with teams: latency, spend, unit cost, coverage, freshness; and the clock of each breach.
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Closed periods: statements, and why a period differs from its own.
    #[command(subcommand)]
    Period(PeriodCommand),
    /// Say that a resource (or what a condition names) is a team's.
    Claim(ClaimArgs),
    /// Say that what a team has belongs to another one, which then accepts or declines.
    Dispute(DisputeArgs),
    /// Claims and disputes: list them, answer them.
    #[command(subcommand)]
    Claims(ClaimsCommand),
    /// Cost without an owner: reasons, age, steward, and how it goes down.
    #[command(subcommand)]
    Residual(ResidualCommand),
    /// Currency rates per month.
    #[command(subcommand)]
    Rates(RatesCommand),
    /// Business volume per metric and day, as `leap ingest` took it in.
    #[command(subcommand)]
    Volume(VolumeCommand),
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
    /// People who log in to the site, and their roles.
    #[command(subcommand)]
    User(UserCommand),
    /// Tokens with which programs read the site's API.
    #[command(subcommand)]
    Token(TokenCommand),
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
    /// Number of teams, at least 20.
    #[arg(long, default_value_t = 800, value_parser = ranged(20, 100_000))]
    pub(crate) teams: usize,
    /// Number of months, the first of which is April 2025.
    #[arg(long, default_value_t = 18, value_parser = ranged(1, 120))]
    pub(crate) months: usize,
    /// The same seed makes the same company.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Then serve the site of the sample company, until it is stopped.
    #[arg(long, conflicts_with = "story")]
    pub(crate) serve: bool,
    /// Open the site in a browser.
    #[arg(long, requires = "serve")]
    pub(crate) open: bool,
    /// Play a story on a smaller company instead.
    #[arg(long, value_enum)]
    pub(crate) story: Option<StoryArg>,
}

/// A story that the demo plays.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StoryArg {
    /// A reorg dated back over a closed period: planned, applied, read both ways, restated, reverted.
    Reorg,
    /// A team that drifts, is warned, exceeds its budget, gets a waiver, exceeds it, and comes back.
    Contract,
    /// An API that misses its objective: whose the tail is, what could be saved, and the proof of the repair.
    Latency,
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

/// Which tree shows a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OrgArg {
    /// The org of each charge's day.
    AsWas,
    /// Today's org over all history.
    AsIs,
    /// The org of a day over all history.
    On(Day),
}

fn org_reading(text: &str) -> Result<OrgArg, String> {
    match text {
        "as-was" => Ok(OrgArg::AsWas),
        "as-is" => Ok(OrgArg::AsIs),
        day => day
            .parse()
            .map(OrgArg::On)
            .map_err(|_| format!("'{day}' is neither as-was, as-is nor a day such as 2026-03-01")),
    }
}

/// A recorded date: a day means its end, so that everything recorded on it is known.
pub(crate) fn known_on(text: &str) -> Result<Instant, String> {
    if let Ok(day) = text.parse::<Day>() {
        return Ok(Instant::from_micros(Instant::start_of(day.plus(1)).micros() - 1));
    }
    text.parse::<Instant>()
        .map_err(|_| format!("'{text}' is neither a day (2026-09-30) nor an instant (2026-09-30T12:00:00Z)"))
}

/// How figures are read: by which clock, through which org, with pools shared or not.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReadingArgs {
    /// as-was: the org of each charge's day; as-is: today's org over all history (recast); or the org of a day.
    #[arg(long, value_name = "as-was|as-is|DATE", value_parser = org_reading, default_value = "as-was")]
    pub(crate) org: OrgArg,
    /// Bills, rules, org and pools as they were known on a day or instant.
    #[arg(long, value_name = "DATE", value_parser = known_on, conflicts_with = "snapshot")]
    pub(crate) as_known_on: Option<Instant>,
    /// Read an older snapshot by its number.
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<i64>,
    /// Split pools among their users, or leave their cost with the pool. The total is the same.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) pools: PoolsArg,
    /// Show closed periods as they would be if what is pending were approved, instead of as their statements have them.
    #[arg(long)]
    pub(crate) pending: bool,
}

impl ReadingArgs {
    /// As the home is now, each charge in the org of its day, with pools shared.
    pub(crate) fn now() -> ReadingArgs {
        ReadingArgs { org: OrgArg::AsWas, as_known_on: None, snapshot: None, pools: PoolsArg::Shared, pending: false }
    }
}

/// What was known, for data that other tools read: charges keep the org of their day.
#[derive(Args, Clone, Debug)]
pub(crate) struct KnownArgs {
    /// Bills, rules, org and pools as they were known on a day or instant.
    #[arg(long, value_name = "DATE", value_parser = known_on, conflicts_with = "snapshot")]
    pub(crate) as_known_on: Option<Instant>,
    /// Read an older snapshot by its number.
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<i64>,
    /// Closed periods as they would be if what is pending were approved, instead of as their statements have them.
    #[arg(long)]
    pub(crate) pending: bool,
}

impl KnownArgs {
    /// As a way to read, each charge in the org of its day, with pools shared.
    pub(crate) fn reading(&self) -> ReadingArgs {
        ReadingArgs {
            org: OrgArg::AsWas,
            as_known_on: self.as_known_on,
            snapshot: self.snapshot,
            pools: PoolsArg::Shared,
            pending: self.pending,
        }
    }
}

/// A number between two.
fn ranged(least: u64, most: u64) -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(least..=most)
}

/// What is done with pools in a report.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum PoolsArg {
    /// Split among their users, as pools.yaml says.
    #[default]
    Shared,
    /// Left with the pool.
    Kept,
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
    /// Only this unit and the units below it.
    #[arg(long, value_name = "UNIT")]
    pub(crate) under: Option<String>,
    /// Convert into this currency with the rates of each month; what rounding leaves is shown.
    #[arg(long, value_parser = |text: &str| Currency::new(text))]
    pub(crate) currency: Option<Currency>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct ParetoArgs {
    /// team, or a level of the org such as division.
    #[arg(long, value_name = "DIMENSION", default_value = "team")]
    pub(crate) by: String,
    /// As for spend, of charges and of requests. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Which of the four costs.
    #[arg(long, default_value = "effective", value_name = "KIND")]
    pub(crate) cost: CostKind,
    /// Read the period by charge period or by billing period.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) basis: BasisArg,
    /// Convert the cost into this currency with the rates of each month.
    #[arg(long, value_parser = |text: &str| Currency::new(text))]
    pub(crate) currency: Option<Currency>,
    /// Whose latency: as for latency. Default: all requests together.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) api: Option<String>,
    /// Which of its quantiles: 0.999, p99.9, 50% …
    #[arg(long, value_parser = crate::latency::quantile, default_value = "0.999")]
    pub(crate) quantile: leap_orient::tail::Quantile,
    /// Only the first N; the rest is summed in one row.
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct BridgeArgs {
    /// The later period, as for spend. Default: the last billing period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// The earlier one: previous (as long, just before), year (a year before), or any period.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) against: Option<String>,
    /// Only the cost of this unit and the units below it.
    #[arg(long, value_name = "UNIT")]
    pub(crate) under: Option<String>,
    /// Which of the four costs.
    #[arg(long, default_value = "effective", value_name = "KIND")]
    pub(crate) cost: CostKind,
    /// Read the periods by charge period or by billing period.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) basis: BasisArg,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
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
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Insist on the raw files: one that is gone fails the check. One that has changed fails it anyway.
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RatesCommand {
    /// Make a CSV of month,from,to,rate the rates in force.
    Apply(RatesApplyArgs),
    /// Print the rates in force.
    Show(ListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RatesApplyArgs {
    /// CSV: month,from,to,rate.
    pub(crate) file: PathBuf,
    /// The file is the whole table: rates that it lacks are removed.
    #[arg(long)]
    pub(crate) replace: bool,
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
    /// One query over charges, cube, keys, resources, attribution, daily (what each owner has, day by day), splits (lines
    /// that share pools) and teams; - reads it from standard input.
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ExportCommand {
    /// All charges as FOCUS 1.4 with x_LeapOwner, x_LeapUnitPath, x_LeapRule, x_LeapEvidence and x_LeapSnapshot.
    Focus(ExportFocusArgs),
    /// The lines that share the cost of pools, as CSV with exact amounts; they add up to zero.
    Splits(ExportSplitsArgs),
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
    #[command(flatten)]
    pub(crate) known: KnownArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ExportSplitsArgs {
    /// Target file. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Only lines of this period. Default: all.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<Period>,
    /// Read the period by the day of the cost or by billing period.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) basis: BasisArg,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SampleArgs {
    /// Folder to write to.
    pub(crate) dir: PathBuf,
    /// Rows of a benchmark bill; without it, a sample company.
    #[arg(long)]
    pub(crate) rows: Option<usize>,
    /// The month of a benchmark bill. Default: 2026-09.
    #[arg(long, requires = "rows")]
    pub(crate) month: Option<leap_terms::Month>,
    /// csv-gz, csv, csv-zst or parquet.
    #[arg(long, default_value = "parquet")]
    pub(crate) container: String,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Where to listen; port 0 is any free one. Addresses are printed to stderr.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where the site listens. Beyond this machine it needs logins and TLS. Default: serve.site in leap.toml, else
    /// 127.0.0.1:7171.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// What people type, where a proxy before the site does TLS or the site has a name: https://leap.example.com.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The certificate chain, in a PEM file. Default: serve.tls_cert in leap.toml.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key, in a PEM file. Default: serve.tls_key in leap.toml.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Open the site in a browser.
    #[arg(long)]
    pub(crate) open: bool,
    /// OTLP over HTTP. Default: serve.otlp_http in leap.toml, else 127.0.0.1:4318.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) otlp_http: Option<std::net::SocketAddr>,
    /// OTLP over gRPC. Default: serve.otlp_grpc in leap.toml, else 127.0.0.1:4317.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) otlp_grpc: Option<std::net::SocketAddr>,
}
