//! `leap ingest`: deliveries in, one snapshot each.
//!
//! ```text
//! discover → digest (known? skip) → take in → same rows? unchanged → counted elsewhere? refuse → turn
//! ```
//! A refused delivery changes nothing and is recorded with its reason; the next one is still taken.
//!
//! Reading order: this file, `replaced` (what a delivery took the place of), `print`.

mod print;
mod replaced;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use leap_book::{Attempt, DeliveryState, PublishedDelivery};
use leap_observe::decode::ReadOptions;
use leap_observe::discover::{Candidate, CandidatePart, DiscoverOptions, discover};
use leap_observe::error::IntakeError;
use leap_observe::take_in::{Context, KnownSource, Prepared, Progress, Taken, digest_parts, family, prepare, take_in};
use leap_orient::attribute::Engine;
use leap_terms::{Delivery, DeliveryId, Digest, Format, Month, RowsDigest, ScopeKey, SourceId, limits};

use crate::cli::{IngestArgs, Nominal, OutputFormat};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home, failed};
use crate::output::emit;
use crate::ownership::extra_key_columns;
use crate::progress::Bar;
use crate::publish::{self, Change};
use crate::sink::StagedSink;
use crate::traces::{self, TracesTaken, found_below};
use crate::volume::{self, VolumeTaken};
use crate::world::World;
use print::show;
use replaced::{Replaced, closed};

/// What became of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Accepted,
    Unchanged,
    Refused,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Accepted => "accepted",
            Status::Unchanged => "unchanged",
            Status::Refused => "refused",
        }
    }
}

/// One line of the answer.
pub(crate) struct Report {
    path: String,
    pub(crate) status: Status,
    delivery: Option<Delivery>,
    source: Option<SourceId>,
    format: Option<Format>,
    reason: Option<String>,
    /// What it is where it holds traces and no bill.
    traces: Option<Box<TracesTaken>>,
    /// What it is where it holds business volume and no bill.
    volume: Option<Box<VolumeTaken>>,
    /// What it took, or would take, the place of.
    replaced: Vec<Replaced>,
    /// Closed billing periods that it has charges of, or took charges from.
    closed: Vec<Month>,
}

/// How to take in.
pub(crate) struct Options {
    pub(crate) source: Option<SourceId>,
    pub(crate) again: bool,
    pub(crate) dry_run: bool,
    /// The month that the bills are for, when the person says it.
    pub(crate) period: Option<Nominal>,
    /// The delivery that is read once more: its rows are not "in already".
    pub(crate) replay_of: Option<DeliveryId>,
}

/// `leap ingest`.
pub(crate) async fn run(root: &Path, args: &IngestArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let cancelled = stop_on_ctrl_c();
    let mut paths = Vec::new();
    for path in &args.paths {
        paths.push(if path.as_os_str() == "-" { spool(&home)? } else { path.clone() });
    }
    let options = Options {
        source: args.source.clone(),
        again: args.again,
        dry_run: args.dry_run,
        period: args.period,
        replay_of: None,
    };
    let bar = Bar::new();
    let reports = take_paths(&home, &paths, &options, &bar, &cancelled).await?;
    show(args.format.format, args.explain, &reports)?;
    let refused = reports.iter().filter(|report| report.status == Status::Refused).count();
    if refused == 0 {
        Ok(())
    } else {
        Err(Failure::quality(format!("{refused} of {} deliveries refused; nothing of them was taken", reports.len())))
    }
}

/// Takes in everything below some paths.
pub(crate) async fn take_paths(
    home: &Home,
    paths: &[PathBuf],
    options: &Options,
    progress: &dyn Progress,
    cancelled: &Arc<AtomicBool>,
) -> Result<Vec<Report>, Failure> {
    let mut reports = Vec::new();
    for path in paths {
        let traces = found_below(path);
        for file in &traces {
            if cancelled.load(Ordering::Relaxed) {
                return Err(Failure::interrupted());
            }
            reports.push(take_traces(home, file, options).await?);
        }
        let volumes = volume::found_below(path);
        for file in &volumes {
            reports.push(take_volume(home, file, options).await?);
        }
        if traces.first().or(volumes.first()) == Some(path) {
            continue;
        }
        let found = match discover(std::slice::from_ref(path), &DiscoverOptions::default()) {
            Ok(found) => found,
            Err(error) => {
                let report = refusal(path.display().to_string(), error.to_string());
                record(home, &report, &[], options).await?;
                reports.push(report);
                continue;
            }
        };
        for (path, reason) in &found.ignored {
            tracing::info!("passed over {}: {reason}", path.display());
        }
        for candidate in &found.candidates {
            let no_bill = |part: &CandidatePart| traces.contains(&part.path) || volumes.contains(&part.path);
            if !(traces.is_empty() && volumes.is_empty()) && candidate.parts.iter().all(no_bill) {
                continue;
            }
            if cancelled.load(Ordering::Relaxed) {
                return Err(Failure::interrupted());
            }
            reports.push(take(home, candidate, options, progress, cancelled).await?);
        }
    }
    Ok(reports)
}

fn refusal(path: String, reason: String) -> Report {
    Report {
        replaced: Vec::new(),
        closed: Vec::new(),
        path,
        status: Status::Refused,
        delivery: None,
        source: None,
        format: None,
        reason: Some(reason),
        traces: None,
        volume: None,
    }
}

/// Takes a file of business volume.
async fn take_volume(home: &Home, file: &Path, options: &Options) -> Result<Report, Failure> {
    let path = file.display().to_string();
    let report = match volume::take_file(home, file, options.dry_run).await {
        Err(Err(failure)) => return Err(failure),
        Err(Ok(reason)) => refusal(path, reason),
        Ok(taken) => {
            let (status, reason) = match (taken.unchanged, options.dry_run) {
                (true, _) => (Status::Unchanged, Some("all its values are in already".to_owned())),
                (false, true) => (Status::Accepted, Some("dry run: nothing was changed".to_owned())),
                (false, false) => (Status::Accepted, None),
            };
            Report { status, reason, volume: Some(Box::new(taken)), ..refusal(path, String::new()) }
        }
    };
    if report.status != Status::Accepted {
        record(home, &report, &[], options).await?;
    }
    Ok(report)
}

/// Takes a file of traces.
async fn take_traces(home: &Home, file: &Path, options: &Options) -> Result<Report, Failure> {
    let path = file.display().to_string();
    let taken = match traces::take_file(home, file, options.dry_run).await {
        Ok(taken) => taken,
        Err(Ok(reason)) => {
            let report = refusal(path, reason);
            record(home, &report, &[], options).await?;
            return Ok(report);
        }
        Err(Err(failure)) => return Err(failure),
    };
    let status = if taken.unchanged { Status::Unchanged } else { Status::Accepted };
    let reason = taken.unchanged.then(|| format!("the same bytes are in already, as delivery {}", taken.delivery));
    let traces = Some(Box::new(taken));
    Ok(Report {
        path,
        status,
        delivery: None,
        source: None,
        format: None,
        reason,
        traces,
        volume: None,
        replaced: Vec::new(),
        closed: Vec::new(),
    })
}

/// Records an attempt that made no snapshot.
async fn record(home: &Home, report: &Report, parts: &[Digest], options: &Options) -> Result<(), Failure> {
    if options.dry_run {
        return Ok(());
    }
    let reason = report.reason.clone().unwrap_or_default();
    let mut attempt = Attempt::refused(report.path.clone(), reason, publish::actor(), clock::now());
    if report.status == Status::Unchanged {
        attempt.outcome = leap_book::AttemptOutcome::Unchanged;
    }
    attempt.source = report.source.clone();
    attempt.format = report.format;
    attempt.parts = parts.to_vec();
    attempt.id = report.delivery.as_ref().map(|delivery| delivery.id.clone());
    home.book.record_attempt(&attempt).await.map_err(|error| Failure::from_error(&error))
}

/// Takes one delivery.
async fn take(
    home: &Home,
    candidate: &Candidate,
    options: &Options,
    progress: &dyn Progress,
    cancelled: &Arc<AtomicBool>,
) -> Result<Report, Failure> {
    let outcome = take_one(home, candidate, options, progress, cancelled).await;
    match outcome {
        Ok((report, parts)) => {
            if report.status != Status::Accepted {
                record(home, &report, &parts, options).await?;
            }
            Ok(report)
        }
        Err(Stop::Refuse(reason)) => {
            let report = refusal(candidate.path.clone(), reason);
            record(home, &report, &[], options).await?;
            Ok(report)
        }
        Err(Stop::Fail(failure)) => Err(failure),
    }
}

/// Why a delivery was not taken: its own fault, or ours.
enum Stop {
    Refuse(String),
    Fail(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Fail(failure)
    }
}

impl From<IntakeError> for Stop {
    fn from(error: IntakeError) -> Stop {
        match &error {
            IntakeError::Stopped => Stop::Fail(Failure::interrupted()),
            // The lake or the disk failed: not the delivery's fault.
            IntakeError::Sink(_) | IntakeError::Fold(_) => Stop::Fail(Failure::from_error(&error)),
            _ => Stop::Refuse(error.to_string()),
        }
    }
}

async fn take_one(
    home: &Home,
    candidate: &Candidate,
    options: &Options,
    progress: &dyn Progress,
    cancelled: &Arc<AtomicBool>,
) -> Result<(Report, Vec<Digest>), Stop> {
    if let Some(reason) = &candidate.refusal {
        return Err(Stop::Refuse(reason.clone()));
    }
    let problem = |error: leap_book::BookError| Stop::Fail(Failure::from_error(&error));
    // Known files are not even looked into.
    let digests: Vec<Digest> = digest_parts(candidate)?.into_iter().map(|(_, digest)| digest).collect();
    let world = World::load(home, None).await?;
    // An export that overwrites its file and goes back to an earlier content means it: the same place, other bytes now.
    let same_place = candidate.parts.iter().any(|part| {
        let path = std::path::absolute(&part.path).unwrap_or_else(|_| part.path.clone()).display().to_string();
        world.scopes.iter().any(|current| current.parts.iter().any(|known| known.path == path))
    });
    if !options.again
        && let Some(known) = home.book.find_by_parts(&digests).await.map_err(problem)?
        && let Some(id) = known.id.clone()
        && !(same_place && known.state == DeliveryState::Superseded)
    {
        let reason = match known.state {
            DeliveryState::Superseded => {
                format!("delivery {id} with the same files was superseded; --again makes it current")
            }
            DeliveryState::Current | DeliveryState::Refused | DeliveryState::Unchanged => {
                format!("the same files are in already, as delivery {id}")
            }
        };
        let delivery = home.book.delivery(&id).await.map_err(problem)?.and_then(|detail| detail.delivery);
        let report = Report {
            replaced: Vec::new(),
            closed: Vec::new(),
            traces: None,
            volume: None,
            path: candidate.path.clone(),
            status: Status::Unchanged,
            source: known.source,
            format: known.format,
            delivery,
            reason: Some(reason),
        };
        return Ok((report, digests));
    }
    let known: Vec<KnownSource> = home
        .book
        .known_sources()
        .await
        .map_err(problem)?
        .into_iter()
        .map(|known| KnownSource {
            source: known.source,
            format: known.format,
            accounts: known.accounts.iter().map(|pair| pair.split('/').next().unwrap_or_default().to_owned()).collect(),
        })
        .collect();
    let extra = extra_key_columns(&world.rules);
    let spill = home.folder("spill")?.join(format!("{}-{}", std::process::id(), clock::now().micros()));
    std::fs::create_dir_all(&spill).map_err(|error| failed("make", &spill, &error))?;
    let threads = match home.settings.intake.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let mut context = Context {
        source: options.source.clone(),
        known: &known,
        extra_key_columns: &extra,
        quarantine_bps: home.settings.intake.quarantine_bps,
        spill: &spill,
        memory: home.settings.intake.memory_mib << 20,
        threads,
        read: time_limit(),
        progress,
        cancelled,
    };
    let outcome = read(home, &world, candidate, options, &mut context).await;
    let _ = std::fs::remove_dir_all(&spill);
    outcome.map(|report| (report, digests))
}

/// A part may take so long, counted from when its delivery begins.
fn time_limit() -> ReadOptions {
    let started = clock::now().micros();
    let limit = i64::try_from(limits::PART_SECONDS).unwrap_or(i64::MAX / 2_000_000) * 1_000_000;
    ReadOptions { out_of_time: Arc::new(move || clock::now().micros() - started > limit) }
}

async fn read(
    home: &Home,
    world: &World,
    candidate: &Candidate,
    options: &Options,
    context: &mut Context<'_>,
) -> Result<Report, Stop> {
    let mut named = candidate.clone();
    match options.period {
        Some(Nominal::Month(month)) => named.billing_period_hint = Some(month),
        Some(Nominal::All) => named.billing_period_hint = None,
        None => {}
    }
    let mut prepared = prepare(&named, context)?;
    if let Some(with_twin) = with_twin(world, &prepared)? {
        prepared = prepare(&with_twin, context)?;
    }
    let (mut staging, mut delivery) = stage(home, world, &prepared, context, options.replay_of.as_ref())?;
    // Account ids may be respelt between deliveries of one export; the rows' own ids tell.
    if options.source.is_none()
        && let Some(same) = same_export(world, &delivery)
    {
        drop(staging);
        tracing::warn!(
            "{} has the rows of {same}: taken as that source although its account is spelt otherwise",
            candidate.path
        );
        context.source = Some(same);
        prepared = prepare(&prepared.candidate, context)?;
        (staging, delivery) = stage(home, world, &prepared, context, options.replay_of.as_ref())?;
        delivery.assumptions.push(leap_terms::delivery::Assumption {
            what: format!("most rows' own ids are those of {}: taken as the same export although its account id is spelt otherwise", delivery.source),
            column: Some("BillingAccountId".to_owned()),
            rows: 1,
            example: None,
        });
    }
    let report = |status, delivery: Delivery, reason| Report {
        replaced: Vec::new(),
        closed: Vec::new(),
        traces: None,
        volume: None,
        path: candidate.path.clone(),
        status,
        source: Some(delivery.source.clone()),
        format: Some(delivery.format),
        delivery: Some(delivery),
        reason,
    };
    let mut replaced = replaced_by(world, &delivery);
    if let Some(again) = &options.replay_of {
        let own = world.scopes.iter().filter(|current| current.delivery == *again);
        let own = own.map(|current| (current.scope.clone(), current.delivery.clone()));
        replaced.extend(own.filter(|slice| !replaced.contains(slice)).collect::<Vec<_>>());
    }
    if delivery.rows == 0 && delivery.skipped > 0 && delivery.format.appends() {
        let reason = format!("all {} rows came with earlier deliveries", delivery.skipped);
        return Ok(report(Status::Unchanged, delivery, Some(reason)));
    }
    if !options.again
        && !delivery.format.appends()
        && holds_the_same(world, &delivery, &replaced)
        && delivery.quarantined == 0
    {
        let reason = "the same charges are in already, in other files".to_owned();
        return Ok(report(Status::Unchanged, delivery, Some(reason)));
    }
    if let Some(reason) = would_lose(world, &delivery, &replaced, options) {
        return Err(Stop::Refuse(reason));
    }
    if let Some(reason) = counted_elsewhere(world, &delivery, &replaced) {
        return Err(Stop::Refuse(reason));
    }
    let closed = closed(home, &delivery, &replaced).await?;
    let compared = Replaced::by(world, &delivery, &replaced);
    let report = |delivery, reason| Report { replaced: compared, closed, ..report(Status::Accepted, delivery, reason) };
    if options.dry_run {
        return Ok(report(delivery, Some("dry run: nothing was changed".to_owned())));
    }
    let engine = Engine::new(&world.rules, &world.org);
    let fresh = publish::fresh(&delivery, &staging);
    let change = Change {
        cause: format!("ingest {}", candidate.path),
        deliveries: vec![PublishedDelivery { delivery: delivery.clone(), supersedes: replaced }],
        ..Change::default()
    };
    publish::turn(home, world, &engine, staging, fresh, change, clock::now()).await?;
    Ok(report(delivery, None))
}

/// Reads a prepared delivery into staging.
fn stage(
    home: &Home,
    world: &World,
    prepared: &Prepared,
    context: &Context,
    replay_of: Option<&DeliveryId>,
) -> Result<(leap_lake::Staging, Delivery), Stop> {
    let staging = home
        .lake
        .stage(&format!("ingest-{}-{}", prepared.id, std::process::id()))
        .map_err(|error| Failure::from_error(&error))?;
    let mut taken = Taken::new();
    let counts = |current: &&leap_book::CurrentScope| {
        current.scope.source == prepared.source && current.format.appends() && replay_of != Some(&current.delivery)
    };
    for current in world.scopes.iter().filter(counts) {
        taken.entry(current.scope.billing_period).or_default().extend(current.facts.batches.iter().cloned());
    }
    let mut sink = StagedSink::new(&staging, prepared.source.clone(), prepared.id.clone());
    let delivery = take_in(prepared, &taken, context, &mut sink)?;
    sink.finish().map_err(|error| Failure::from_error(&error))?;
    Ok((staging, delivery))
}

/// Azure's actual and amortised exports of one month are one delivery: the other one's current files join.
fn with_twin(world: &World, prepared: &Prepared) -> Result<Option<Candidate>, Stop> {
    let mine = prepared.format();
    let other = match mine {
        Format::AzureActual => Format::AzureAmortized,
        Format::AzureAmortized => Format::AzureActual,
        Format::Focus | Format::AwsCurLegacy | Format::AwsCur2 | Format::GcpDetailed | Format::OciCost => {
            return Ok(None);
        }
    };
    if prepared.parts.iter().any(|part| part.detected.format == other) {
        return Ok(None);
    }
    let twin = world.scopes.iter().find(|current| {
        current.scope.source == prepared.source
            && prepared.first_months.contains(&current.scope.billing_period)
            && current.parts.iter().any(|part| part.format == other)
    });
    let Some(twin) = twin else { return Ok(None) };
    let mut candidate = prepared.candidate.clone();
    for (part, looked) in candidate.parts.iter_mut().zip(&prepared.parts) {
        part.format_hint = Some(looked.detected.format);
    }
    for part in twin.parts.iter().filter(|part| part.format == other) {
        let path = PathBuf::from(&part.path);
        let same =
            std::fs::File::open(&path).ok().and_then(|mut file| leap_observe::take_in::digest_of(&mut file).ok())
                == Some(part.digest);
        if !same {
            return Err(Stop::Refuse(format!(
                "{} is the twin of {}, which is gone or has changed; both are read together, so take in both: leap ingest ACTUAL AMORTIZED in one folder",
                candidate.path, part.path
            )));
        }
        candidate.parts.push(CandidatePart { path, format_hint: Some(other) });
    }
    // Both orders of arrival must read the same delivery.
    candidate.parts.sort_by_key(|part| (part.format_hint, part.path.clone()));
    Ok(Some(candidate))
}

/// Another source whose rows' own ids these mostly are.
fn same_export(world: &World, delivery: &Delivery) -> Option<SourceId> {
    delivery.scopes.iter().find_map(|facts| {
        let ids: BTreeSet<u64> = facts.row_ids.iter().copied().collect();
        world
            .scopes
            .iter()
            .filter(|current| {
                current.scope.source != delivery.source
                    && current.scope.billing_period == facts.scope.billing_period
                    && family(current.format) == family(delivery.format)
            })
            .find(|current| {
                let common = current.facts.row_ids.iter().filter(|id| ids.contains(id)).count();
                let all = current.facts.row_ids.len().max(ids.len());
                all > 0 && common * 4 >= all * 3
            })
            .map(|current| current.scope.source.clone())
    })
}

/// What a delivery replaces: the current ones of the same source and nominal period, whole.
fn replaced_by(world: &World, delivery: &Delivery) -> Vec<(ScopeKey, DeliveryId)> {
    if delivery.format.appends() {
        return Vec::new();
    }
    let months: BTreeSet<Month> = delivery.billing_periods().into_iter().collect();
    let mut replaced = Vec::new();
    for current in world.scopes.iter().filter(|current| current.scope.source == delivery.source) {
        let same = match (delivery.nominal, current.nominal) {
            (Some(mine), Some(other)) => mine == other,
            // A delivery of several whole months replaces month by month.
            (None, Some(other)) => months.contains(&other) && other == current.scope.billing_period,
            (Some(mine), None) => mine == current.scope.billing_period,
            (None, None) => months.contains(&current.scope.billing_period),
        };
        if same {
            replaced.push((current.scope.clone(), current.delivery.clone()));
        }
    }
    // A delivery that is for one month goes whole, its strays of other months included.
    let gone: BTreeSet<&DeliveryId> = world
        .scopes
        .iter()
        .filter(|current| current.nominal == Some(current.scope.billing_period))
        .filter(|current| replaced.iter().any(|(scope, id)| (scope, id) == (&current.scope, &current.delivery)))
        .map(|current| &current.delivery)
        .collect();
    let strays: Vec<(ScopeKey, DeliveryId)> = world
        .scopes
        .iter()
        .filter(|current| gone.contains(&current.delivery))
        .map(|current| (current.scope.clone(), current.delivery.clone()))
        .filter(|stray| !replaced.contains(stray))
        .collect();
    replaced.extend(strays);
    replaced
}

/// Why replacing would lose charges that the delivery does not bring again; each needs a word from the person.
fn would_lose(
    world: &World,
    delivery: &Delivery,
    replaced: &[(ScopeKey, DeliveryId)],
    options: &Options,
) -> Option<String> {
    let current = |scope: &ScopeKey, id: &DeliveryId| {
        world.scopes.iter().find(|current| (&current.scope, &current.delivery) == (scope, id))
    };
    // A few rows of another month are strays or that month's own; replacing the month by them must not be a guess.
    if let Some(main) = delivery.scopes.iter().max_by_key(|facts| facts.rows)
        && delivery.nominal.is_none()
        && options.period != Some(Nominal::All)
    {
        for facts in delivery.scopes.iter().filter(|facts| facts.rows * 2 < main.rows) {
            let other = replaced.iter().find(|(scope, id)| {
                *scope == facts.scope
                    && !replaced.iter().any(|(main_scope, main_id)| *main_scope == main.scope && main_id == id)
            });
            let Some(standing) = other.and_then(|(scope, id)| current(scope, id)) else { continue };
            return Some(format!(
                "{}: has {} rows of {} beside {} of {}, and {} rows of {} are in from delivery {}: say --period {} if they are strays that belong with it, or --period all if the bill holds both months whole",
                delivery.path,
                facts.rows,
                facts.scope.billing_period,
                main.rows,
                main.scope.billing_period,
                standing.facts.rows,
                facts.scope.billing_period,
                standing.delivery,
                main.scope.billing_period
            ));
        }
    }
    if options.source.is_some() {
        return None;
    }
    let payer = |pair: &String| pair.split('/').next().unwrap_or_default().to_owned();
    let mine: BTreeSet<String> = delivery.scopes.iter().flat_map(|facts| facts.accounts.iter().map(payer)).collect();
    // An account id that was respelt is told by the rows' own ids, and is not lost.
    let respelt = |facts: &leap_terms::ScopeFacts| {
        let ids: BTreeSet<u64> = delivery.scopes.iter().flat_map(|facts| facts.row_ids.iter().copied()).collect();
        !facts.row_ids.is_empty()
            && facts.row_ids.iter().filter(|id| ids.contains(id)).count() * 4 >= facts.row_ids.len() * 3
    };
    replaced.iter().filter_map(|(scope, id)| current(scope, id)).filter(|standing| !respelt(&standing.facts)).find_map(|standing| {
        let lost = standing.facts.accounts.iter().map(payer).find(|account| !mine.contains(account))?;
        Some(format!(
            "{}: would replace {} of source {} and lose billing account {lost}, which it does not have; if it is another export, name it with --source NEW; if the account is gone, confirm with --source {}",
            delivery.path, scope_month(standing), delivery.source, delivery.source
        ))
    })
}

fn scope_month(current: &leap_book::CurrentScope) -> Month {
    current.scope.billing_period
}

/// True when the replaced slices hold exactly the delivery's rows.
fn holds_the_same(world: &World, delivery: &Delivery, replaced: &[(ScopeKey, DeliveryId)]) -> bool {
    let mut before = BTreeMap::<&ScopeKey, (u64, RowsDigest)>::new();
    for current in &world.scopes {
        if replaced.iter().any(|(scope, id)| (scope, id) == (&current.scope, &current.delivery)) {
            let entry = before.entry(&current.scope).or_default();
            entry.0 += current.facts.rows;
            entry.1 += current.facts.digest;
        }
    }
    let after: BTreeMap<&ScopeKey, (u64, RowsDigest)> =
        delivery.scopes.iter().map(|facts| (&facts.scope, (facts.rows, facts.digest))).collect();
    !before.is_empty() && before == after
}

/// Why the delivery would count something twice: another source brings the same account and month.
fn counted_elsewhere(world: &World, delivery: &Delivery, replaced: &[(ScopeKey, DeliveryId)]) -> Option<String> {
    for facts in &delivery.scopes {
        let mine: BTreeSet<&String> = facts.accounts.iter().collect();
        for current in &world.scopes {
            let gone = replaced.iter().any(|(scope, id)| (scope, id) == (&current.scope, &current.delivery));
            if gone
                || current.scope.source == delivery.source
                || current.scope.billing_period != facts.scope.billing_period
            {
                continue;
            }
            if let Some(pair) = current.facts.accounts.iter().find(|pair| mine.contains(pair)) {
                return Some(format!(
                    "{}: account {pair} of {} is already in from {}; taking it from {} too would count it twice (name the old source with --source {} if this is its next delivery)",
                    delivery.path,
                    facts.scope.billing_period,
                    current.scope.source,
                    delivery.source,
                    current.scope.source
                ));
            }
        }
    }
    None
}

/// Ctrl-C asks for an orderly end; a second one ends at once.
fn stop_on_ctrl_c() -> Arc<AtomicBool> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = cancelled.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            eprintln!("leap: stopping; the state stays as before (Ctrl-C again to end at once)");
        }
    });
    cancelled
}

/// Standard input, kept under the digest of its bytes so that it can be verified later.
fn spool(home: &Home) -> Result<PathBuf, Failure> {
    let folder = home.folder("spool")?;
    let partial = folder.join(format!("{}.partial", std::process::id()));
    let mut file = std::fs::File::create(&partial).map_err(|error| failed("create", &partial, &error))?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(|error| failed("write", &partial, &error))?;
    file.sync_all().map_err(|error| failed("sync", &partial, &error))?;
    let mut file = std::fs::File::open(&partial).map_err(|error| failed("open", &partial, &error))?;
    let digest = leap_observe::take_in::digest_of(&mut file).map_err(|error| failed("read", &partial, &error))?;
    let path = folder.join(format!("stdin-{}", digest.short()));
    std::fs::rename(&partial, &path).map_err(|error| failed("rename", &partial, &error))?;
    Ok(path)
}

/// `leap quarantine replay`: deliveries with quarantined rows are read again from their files.
pub(crate) async fn replay(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let waiting = home
        .book
        .quarantine(&leap_book::QuarantineFilter::default())
        .await
        .map_err(|error| Failure::from_error(&error))?;
    let current: BTreeSet<DeliveryId> = world.scopes.iter().map(|scope| scope.delivery.clone()).collect();
    let ids: BTreeSet<DeliveryId> =
        waiting.into_iter().filter_map(|row| row.delivery).filter(|id| current.contains(id)).collect();
    let cancelled = stop_on_ctrl_c();
    let bar = Bar::new();
    let mut reports = Vec::new();
    for id in ids {
        let detail = home.book.delivery(&id).await.map_err(|error| Failure::from_error(&error))?;
        let Some(delivery) = detail.and_then(|detail| detail.delivery) else { continue };
        let parts = delivery
            .parts
            .iter()
            .map(|part| CandidatePart { path: PathBuf::from(&part.path), format_hint: Some(part.format) })
            .collect();
        let candidate = Candidate {
            path: delivery.path.clone(),
            parts,
            refusal: None,
            billing_period_hint: delivery.nominal,
            source_hint: None,
            execution: delivery.execution.clone(),
            expected_rows: None,
            order: (delivery.nominal, String::new(), delivery.path.clone()),
        };
        let options = Options {
            source: Some(delivery.source.clone()),
            again: true,
            dry_run: false,
            period: None,
            replay_of: Some(id.clone()),
        };
        reports.push(take(&home, &candidate, &options, &bar, &cancelled).await?);
    }
    if reports.is_empty() && format == OutputFormat::Table {
        return emit("no quarantined rows wait\n");
    }
    show(format, false, &reports)?;
    if reports.iter().any(|report| report.status == Status::Refused) {
        return Err(Failure { message: "some deliveries were refused".to_owned(), exit: Exit::DataQuality });
    }
    Ok(())
}
