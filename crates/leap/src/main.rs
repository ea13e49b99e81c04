//! `leap`: every dollar has an owner, with a proof.
//!
//! One match says what each command means; the modules below say how. Reading order: `cli` (what may be typed), `publish`
//! (one turn of the loop), `ingest`, `ownership` (rules and org), `spend`, `explain`, `verify`; then the rest.

mod agreement;
mod annotate;
mod bridge;
mod budget;
mod catalog;
mod charter;
mod claims;
mod cli;
mod clock;
mod config;
mod contracts;
mod convert;
mod cycle;
mod demo;
mod drift;
mod explain;
mod export;
mod failure;
mod forecasts;
mod home;
mod incidents;
mod ingest;
mod intake;
mod kept;
mod latency;
mod messages;
mod output;
mod ownership;
mod packs;
mod pareto;
mod people;
mod periods;
mod pools;
mod progress;
mod publish;
mod query;
mod rates;
mod reorg;
mod residual;
mod rows;
mod serve;
mod sink;
mod site;
mod spend;
mod splits;
mod story;
mod traces;
mod trail;
mod verify;
mod versions;
mod view;
mod volume;
mod waivers;
mod world;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{
    AuditCommand, Cli, Command, DriftCommand, ExportCommand, ForecastCommand, OrgCommand, PoolCommand,
    QuarantineCommand, RatesCommand, RulesCommand, VolumeCommand,
};
use crate::failure::{Exit, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let colors = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let level = match cli.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colors)
        .with_target(false)
        .without_time()
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("leap: could not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(&cli));
    // Pages that are still being made are not waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("leap: {}", failure.message);
            ExitCode::from(match failure.exit {
                Exit::Failed => 1,
                Exit::Usage => 2,
                Exit::PolicyBroken => 3,
                Exit::DataQuality => 4,
                Exit::NotAllowed => 5,
                Exit::TryAgain => 75,
                Exit::Interrupted => 130,
            })
        }
    }
}

/// Does what was typed.
pub(crate) async fn run(cli: &Cli) -> Result<(), Failure> {
    let home = cli.home.as_path();
    match &cli.command {
        Command::Demo(args) => demo::run(args).await,
        Command::Init => {
            let path = home::Home::init(home)?;
            output::emit(&format!("wrote {}; next: leap ingest PATH\n", path.display()))
        }
        Command::Ingest(args) => ingest::run(home, args).await,
        Command::Spend(args) => spend::run(home, args).await,
        Command::Latency(args) => latency::run(home, args).await,
        Command::Serve(args) => serve::run(home, args).await,
        Command::Pareto(args) => pareto::run(home, args).await,
        Command::Bridge(args) => bridge::run(home, args).await,
        Command::Charter(args) => charter::run(home, args).await,
        Command::Drift(DriftCommand::Detect(args)) => drift::detect(args),
        Command::Drift(DriftCommand::List(args)) => drift::list(home, args).await,
        Command::Drift(DriftCommand::Show(args)) => drift::one(home, args).await,
        Command::Forecast(ForecastCommand::Run(args)) => drift::forecast(args),
        Command::Forecast(ForecastCommand::List(args)) => forecasts::list(home, args).await,
        Command::Forecast(ForecastCommand::Due(args)) => forecasts::to_freeze(home, args).await,
        Command::Forecast(ForecastCommand::Score(args)) => forecasts::score(home, args).await,
        Command::Explain(args) => explain::run(home, args).await,
        Command::Verify(args) => verify::run(home, args).await,
        Command::Rules(RulesCommand::Check(args)) => ownership::check_rules(home, args).await,
        Command::Rules(RulesCommand::Diff(args)) => ownership::diff_rules(home, args).await,
        Command::Rules(RulesCommand::Apply(args)) => ownership::apply_rules(home, args, true).await,
        Command::Rules(RulesCommand::Suggest(args)) => ownership::suggest(home, args).await,
        Command::Rules(RulesCommand::Show(args)) => ownership::show_rules(home, args.format.format).await,
        Command::Org(OrgCommand::Plan(args)) => reorg::plan(home, args).await,
        Command::Org(OrgCommand::Apply(args)) => reorg::apply(home, args, true).await,
        Command::Org(OrgCommand::Revert(args)) => reorg::revert(home, args).await,
        Command::Org(OrgCommand::Log(args)) => reorg::log(home, args.format.format).await,
        Command::Org(OrgCommand::Show(args)) => reorg::show(home, args).await,
        Command::Org(OrgCommand::Diff(args)) => reorg::diff(home, args).await,
        Command::Rates(RatesCommand::Apply(args)) => rates::apply(home, args).await,
        Command::Rates(RatesCommand::Show(args)) => rates::show(home, args.format.format).await,
        Command::Volume(VolumeCommand::List(args)) => volume::list(home, args).await,
        Command::Volume(VolumeCommand::Show(args)) => volume::show(home, args).await,
        Command::Pool(PoolCommand::Apply(args)) => pools::apply(home, args, true).await,
        Command::Pool(PoolCommand::Check(args)) => pools::check(home, args).await,
        Command::Pool(PoolCommand::List(args)) => pools::list(home, args).await,
        Command::Pool(PoolCommand::Explain(args)) => pools::explain(home, args).await,
        Command::Pool(PoolCommand::Show) => pools::show(home).await,
        Command::Budget(command) => budget::run(home, command).await,
        Command::Contract(command) => contracts::run(home, command).await,
        Command::Waiver(command) => waivers::run(home, command).await,
        Command::Cycle(command) => cycle::run(home, command).await,
        Command::Incident(command) => incidents::run(home, command).await,
        Command::Message(command) => messages::message(home, command).await,
        Command::Channel(command) => messages::channel(home, command).await,
        Command::KillSwitch(command) => messages::kill_switch(home, command).await,
        Command::Period(command) => periods::run(home, command).await,
        Command::Claim(args) => claims::claim(home, args).await,
        Command::Dispute(args) => claims::dispute(home, args).await,
        Command::Claims(command) => claims::answer(home, command).await,
        Command::Residual(command) => residual::run(home, command).await,
        Command::Deliveries(args) => trail::deliveries(home, args.format.format).await,
        Command::Quarantine(QuarantineCommand::List(args)) => trail::quarantine(home, args.format.format).await,
        Command::Quarantine(QuarantineCommand::Replay(args)) => ingest::replay(home, args.format.format).await,
        Command::Sql(args) => query::run(home, args).await,
        Command::Export(ExportCommand::Focus(args)) => export::focus(home, args).await,
        Command::Export(ExportCommand::Splits(args)) => splits::export(home, args).await,
        Command::Snapshots(args) => trail::snapshots(home, args.format.format).await,
        Command::Audit(AuditCommand::List(args)) => trail::audit(home, args.format.format).await,
        Command::Audit(AuditCommand::Verify(args)) => trail::audit_verify(home, args).await,
        Command::Audit(AuditCommand::Checkpoint(args)) => trail::audit_checkpoint(home, args).await,
        Command::Audit(AuditCommand::Key(args)) => trail::audit_key(args),
        Command::User(command) => people::user(home, command).await,
        Command::Token(command) => people::token(home, command).await,
        Command::Backup(args) => trail::backup(home, &args.to).await,
        Command::Doctor(args) => trail::doctor(home, args.collect, args.format.format).await,
        Command::Sample(args) => demo::sample(args),
    }
}
