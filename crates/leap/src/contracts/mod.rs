//! `leap contract …`: what was agreed with teams, and where each clause stands. What a window is and when a miss
//! becomes a breach is `leap_decide::contract`'s.
//!
//! ```text
//! $ leap contract list
//! clause           owner     what                               state    clock       last window
//! charge-api.p999  payments  p99.9 of charge-api at most 250ms  missing  31h of 48h  101 of 100,000 over
//! ```
//! Contracts are settings like budgets: a version in the book, part of a snapshot. Nothing of where a clause stands is
//! kept: it is read each time from all that is known, so that late and restated data count from the beginning.
//!
//! Reading order: here (documents), [`measure`] (the windows of every clause), [`state`] (where a clause stands),
//! [`list`] (commands), [`words`] (readings as people read them).

mod list;
mod measure;
mod state;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leap_book::{ConfigFiles, ConfigKind, Snapshot};
use leap_decide::contract::{Contract, Contracts, Measure, What, openslo};
use leap_orient::org::Org;
use leap_terms::{Day, Fault, fault};
use serde_json::json;

use crate::budget::named;
use crate::cli::{ContractApplyArgs, ContractCommand, ContractExportArgs, OutputFormat, ReadingArgs};
use crate::clock;
use crate::config::{self, Files};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{emit, print_json};
use crate::ownership::publish_unchanged;
use crate::publish::Change;
use crate::view::View;
use crate::world::World;

pub(crate) use list::{stretches, term_words};
pub(crate) use measure::watched;
pub(crate) use state::{ClauseState, Counts, Status, class_word, ended, worst_first};

/// What a `leap contract` command does.
pub(crate) async fn run(root: &Path, command: &ContractCommand) -> Result<(), Failure> {
    match command {
        ContractCommand::Apply(args) => apply(root, args).await,
        ContractCommand::EndAll => end_all(root).await,
        ContractCommand::Export(args) => export(root, args).await,
        ContractCommand::List(args) => list::list(root, args, false).await,
        ContractCommand::Check(args) => list::list(root, args, true).await,
        ContractCommand::Show(args) => match &args.clause {
            Some(clause) => list::show(root, clause, args).await,
            None => documents(root, args).await,
        },
    }
}

/// True for OpenSLO documents.
fn is_openslo(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("apiVersion:") && line.contains("openslo"))
}

/// Reads one document: OpenSLO, or `contracts.yaml`.
fn parse_one(file: &str, bytes: &[u8], org: &Org, today: Day) -> Result<Contracts, Vec<Fault>> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(vec![Fault::in_file(file, "the file is no UTF-8 text").help("save it as UTF-8")]);
    };
    let names = |name: &str, day: Day| named(org, name, day);
    if is_openslo(text) {
        openslo::import(file, text, &names, today)
    } else {
        Contracts::read_yaml(file, text, &names, today)
    }
}

/// Reads documents together: a contract may have clauses in several of them, where team and term are the same. Names
/// mean whom they mean on `today` where a term has no beginning.
fn parse(files: &Files, org: &Org, today: Day) -> Result<Contracts, Failure> {
    let mut faults = Vec::new();
    let mut all = Contracts::default();
    // In which file the contracts of `all` stand first.
    let mut places: Vec<&str> = Vec::new();
    for (file, bytes) in files {
        match parse_one(file, bytes, org, today) {
            Err(own) => faults.extend(own),
            Ok(read) => {
                for contract in read.list {
                    let known = all.list.iter().position(|one| one.id == contract.id);
                    match known {
                        None => {
                            all.list.push(contract);
                            places.push(file);
                        }
                        Some(at) => faults.extend(join(&mut all.list[at], places[at], contract, file)),
                    }
                }
            }
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(Failure::usage(fault::list(&faults))) }
}

/// Adds the clauses that a contract has in another file.
fn join(held: &mut Contract, place: &str, other: Contract, file: &str) -> Vec<Fault> {
    let fault = |message: String, help: &str| {
        let fault = Fault::in_file(file, message).help(help);
        Fault { line: other.line, ..fault }
    };
    if (&held.team, held.term) != (&other.team, other.term) {
        let message = format!("contract {} has another team or term in {place}", held.id);
        return vec![fault(message, "give it the same team and term in both, or one of them another id")];
    }
    let mut faults = Vec::new();
    for clause in &other.clauses {
        if held.clauses.iter().any(|own| own.id == clause.id) {
            let message = format!("contract {} has a clause {} in {place}, too", held.id, clause.id);
            faults.push(fault(message, "give one of them another id"));
        }
    }
    if faults.is_empty() {
        held.clauses.extend(other.clauses);
    }
    faults
}

/// The contracts in force in a world.
pub(crate) fn in_force(world: &World) -> Result<Contracts, Failure> {
    let files = world.config_files(ConfigKind::Contracts);
    // Names mean whom they meant when they were applied: a team that has another name by now is the same team.
    let applied = world.configs.get(&ConfigKind::Contracts).map(|version| version.recorded_at);
    let today = applied.unwrap_or_else(clock::now).day();
    parse(&files, &world.org, today).map_err(|failure| Failure {
        message: format!("the contracts in force do not fit the org any more: {}", failure.message),
        ..failure
    })
}

/// What an application of contracts did.
pub(crate) struct Applied {
    /// The snapshot; none where they were in force already.
    snapshot: Option<Snapshot>,
    contracts: usize,
    clauses: usize,
}

/// Clauses of all contracts.
fn clauses(contracts: &Contracts) -> usize {
    contracts.list.iter().map(|contract| contract.clauses.len()).sum()
}

/// Puts documents in force; together they are the whole list.
pub(crate) async fn put(home: &Home, files: Files) -> Result<Applied, Failure> {
    let world = World::load(home, None).await?;
    let contracts = parse(&files, &world.org, clock::now().day())?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(" ");
    if clauses(&contracts) == 0 {
        return Err(Failure::usage(format!(
            "{names} has no contract in it, and what is applied is the whole list: to end all contracts, say \
             leap contract end-all; nothing was changed"
        )));
    }
    let applied = |snapshot: Option<Snapshot>| Applied {
        snapshot,
        contracts: contracts.list.len(),
        clauses: clauses(&contracts),
    };
    let files = ConfigFiles { files };
    if world.config_digest(ConfigKind::Contracts) == Some(files.digest()) {
        return Ok(applied(None));
    }
    let view = View::open(home, &ReadingArgs::now()).await?;
    for words in warnings(&view, &contracts)? {
        eprintln!("warning: {words}");
    }
    let change = Change {
        cause: format!("contract apply {names}"),
        configs: BTreeMap::from([(ConfigKind::Contracts, files)]),
        ..Change::default()
    };
    let snapshot = publish_unchanged(home, &world, change).await?;
    Ok(applied(Some(snapshot)))
}

/// What of documents cannot be judged by what is known now.
fn warnings(view: &View, contracts: &Contracts) -> Result<std::collections::BTreeSet<String>, Failure> {
    let volume = crate::volume::in_force(view.head())?;
    let mut said = std::collections::BTreeSet::new();
    for clause in contracts.list.iter().flat_map(|contract| &contract.clauses) {
        match &clause.measure {
            Measure::Amount { what: What::UnitCost { metric, .. }, .. } if volume.metric(metric).is_none() => {
                said.insert(format!(
                    "there is no business volume of {metric}; its clauses are not judged before: leap ingest volume.csv"
                ));
            }
            Measure::Amount { what: What::Charter, .. } if volume.metrics().next().is_none() => {
                said.insert(
                    "there is no business volume; basis points are not judged before: leap ingest volume.csv"
                        .to_owned(),
                );
            }
            Measure::Latency(_) | Measure::Amount { .. } => {}
        }
    }
    Ok(said)
}

/// The name under which a file is kept: that of the file, without its folder.
fn kept_as(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Reads files of a person, each with a name of its own.
pub(crate) fn read_files(paths: &[PathBuf]) -> Result<Files, Failure> {
    let mut files = Files::new();
    for path in paths {
        let name = kept_as(path);
        if files.iter().any(|(own, _)| *own == name) {
            return Err(Failure::usage(format!(
                "{}: another file is called {name} too, and contracts are kept by the names of their files: rename one",
                path.display()
            )));
        }
        files.push((name, config::read_limited(path)?));
    }
    Ok(files)
}

/// `leap contract apply`.
async fn apply(root: &Path, args: &ContractApplyArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let applied = put(&home, read_files(&args.files)?).await?;
    let Applied { contracts, clauses, .. } = applied;
    let Some(snapshot) = applied.snapshot else {
        return emit("these contracts are in force already; nothing was changed\n");
    };
    if args.format.format == OutputFormat::Json {
        let digest = snapshot.digest.to_string();
        return print_json(
            &json!({ "snapshot": digest, "id": snapshot.id, "contracts": contracts, "clauses": clauses }),
        );
    }
    emit(&format!(
        "snapshot {} published; {contracts} contracts with {clauses} clauses in force\n",
        snapshot.digest.short()
    ))
}

/// `leap contract end-all`.
async fn end_all(root: &Path) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    if world.config(ConfigKind::Contracts).is_none() {
        return emit("no contracts are in force\n");
    }
    let change = Change {
        cause: "contract end-all".to_owned(),
        configs: BTreeMap::from([(ConfigKind::Contracts, ConfigFiles { files: Vec::new() })]),
        ..Change::default()
    };
    let snapshot = publish_unchanged(&home, &world, change).await?;
    emit(&format!("snapshot {} published; no contracts are in force any more\n", snapshot.digest.short()))
}

/// `leap contract show` of the documents themselves.
async fn documents(root: &Path, args: &crate::cli::ContractShowArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let files = view.head().config_files(ConfigKind::Contracts);
    if args.format.format == OutputFormat::Json {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let files: Vec<_> = files.iter().map(|(name, bytes)| json!({ "file": name, "text": text(bytes) })).collect();
        return print_json(&json!({ "snapshot": view.head().digest_text(), "files": files }));
    }
    if files.is_empty() {
        return emit("# no contracts are in force: leap contract apply contracts.yaml\n");
    }
    for (name, bytes) in &files {
        if files.len() > 1 {
            emit(&format!("# {name}\n"))?;
        }
        emit(&String::from_utf8_lossy(bytes))?;
    }
    Ok(())
}

/// `leap contract export`: clauses about latency as OpenSLO.
async fn export(root: &Path, args: &ContractExportArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let contracts = in_force(view.head())?;
    let is_latency = |measure: &Measure| matches!(measure, Measure::Latency(_));
    let all = contracts.list.iter().flat_map(|contract| &contract.clauses);
    let (latency, others): (Vec<_>, Vec<_>) = all.partition(|clause| is_latency(&clause.measure));
    if !others.is_empty() {
        eprintln!("{} clauses that are not about latency have no form in OpenSLO and are left out", others.len());
    }
    if latency.is_empty() {
        return Err(Failure::failed("no clause about latency is in force: there is nothing to export"));
    }
    emit(&openslo::export(&contracts))
}
