//! Takes one delivery in: bytes to facts, in a pipeline with bounded memory.
//!
//! ```text
//! reader thread → chunks → mapping threads → in order → charges to the sink, fold per billing period
//! ```
//! Chunks are numbered and taken in order whatever thread is first, so the same delivery gives the same output on any
//! machine. Nothing is stored here: the caller's [`FactSink`] stages what it is given and throws it away when the
//! delivery is refused.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use crossbeam_channel::{Receiver, Sender, bounded};
use leap_terms::delivery::{Batch, Part};
use leap_terms::tables::Table;
use leap_terms::{Delivery, DeliveryId, Digest, Format, Month, RowsDigest, ScopeFacts, ScopeKey, SourceId};

use crate::decode::{Detected, PartReader, RawChunk, ReadOptions, detect_as};
use crate::discover::Candidate;
use crate::error::IntakeError;
use crate::fold::{Fold, FoldError, Hashed, hash};
use crate::map::{MapFailure, MapOptions, Mapped, Notes, PartPlan, map_chunk};

/// Smallest hashes of row ids that a scope keeps.
const ROW_IDS: usize = 64;

/// A sink's failure.
#[derive(Debug, thiserror::Error)]
#[error("could not store facts")]
pub struct SinkError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl SinkError {
    /// Wraps the cause.
    pub fn new(cause: impl std::error::Error + Send + Sync + 'static) -> SinkError {
        SinkError(Box::new(cause))
    }
}

/// Where facts go.
pub trait FactSink {
    /// Takes a batch of a table for a billing period: charges in the order of the delivery, the rest sorted.
    ///
    /// # Errors
    /// [`SinkError`] ends the delivery.
    fn write(&mut self, table: Table, month: Month, batch: &RecordBatch) -> Result<(), SinkError>;

    /// Forgets everything written so far: the delivery is read anew.
    ///
    /// # Errors
    /// [`SinkError`] ends the delivery.
    fn reset(&mut self) -> Result<(), SinkError>;
}

/// Who is told how far it is.
pub trait Progress: Sync {
    /// A step of so many bytes begins.
    fn start(&self, what: &str, total_bytes: u64);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
    /// The step is over.
    fn done(&self);
}

/// No progress is shown.
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn done(&self) {}
}

/// A source that the home knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownSource {
    /// Its name.
    pub source: SourceId,
    /// Its format.
    pub format: Format,
    /// Its billing accounts.
    pub accounts: BTreeSet<String>,
}

/// Batches of an appending source that are in already, by billing period.
pub type Taken = BTreeMap<Month, Vec<Batch>>;

/// What taking in needs to know.
pub struct Context<'c> {
    /// The person's name for the source.
    pub source: Option<SourceId>,
    /// Sources of the home.
    pub known: &'c [KnownSource],
    /// Key columns beyond the base ones.
    pub extra_key_columns: &'c [String],
    /// Share of unreadable rows beyond which the delivery is refused, in basis points.
    pub quarantine_bps: u64,
    /// An existing folder for runs that do not fit the memory.
    pub spill: &'c Path,
    /// Bytes that the fold may hold.
    pub memory: usize,
    /// Mapping threads.
    pub threads: usize,
    /// Says when a part has taken too long.
    pub read: ReadOptions,
    /// Who is told how far it is.
    pub progress: &'c dyn Progress,
    /// Set to stop: taking in then ends with [`IntakeError::Stopped`].
    pub cancelled: &'c AtomicBool,
}

/// A part that was looked at.
#[derive(Clone, Debug)]
pub struct LookedAt {
    /// Its place.
    pub path: PathBuf,
    /// Bytes as stored.
    pub bytes: u64,
    /// Their digest.
    pub digest: Digest,
    /// What it is.
    pub detected: Detected,
}

/// A delivery whose parts were looked at: enough to know whether it was taken in before.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// As discovered.
    pub candidate: Candidate,
    /// The parts.
    pub parts: Vec<LookedAt>,
    /// The source.
    pub source: SourceId,
    /// Made from the source and the parts.
    pub id: DeliveryId,
    /// Billing periods seen in the first rows: to find an Azure twin.
    pub first_months: BTreeSet<Month>,
}

impl Prepared {
    /// Digests of the parts.
    pub fn digests(&self) -> Vec<Digest> {
        self.parts.iter().map(|part| part.digest).collect()
    }

    /// The first part's format.
    pub fn format(&self) -> Format {
        self.parts[0].detected.format
    }

    fn options(&self) -> MapOptions {
        let has = |format: Format| self.parts.iter().any(|part| part.detected.format == format);
        MapOptions {
            twin_present: has(Format::AzureActual) && has(Format::AzureAmortized),
            list_given: true,
            fallback_billing_period: self.candidate.billing_period_hint,
        }
    }
}

/// The digest of a stream's bytes.
///
/// # Errors
/// The stream's.
pub fn digest_of(input: &mut dyn Read) -> std::io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(*hasher.finalize().as_bytes())),
            count => {
                hasher.update(&buffer[..count]);
            }
        }
    }
}

/// The family of a format: formats that carry the same bill.
pub fn family(format: Format) -> &'static str {
    match format {
        Format::Focus => "focus",
        Format::AwsCurLegacy | Format::AwsCur2 => "aws-cur",
        Format::AzureActual | Format::AzureAmortized => "azure",
        Format::GcpDetailed => "gcp",
        Format::OciCost => "oci",
    }
}

/// Digests the parts without looking inside.
///
/// # Errors
/// [`IntakeError`] that names the part.
pub fn digest_parts(candidate: &Candidate) -> Result<Vec<(u64, Digest)>, IntakeError> {
    candidate
        .parts
        .iter()
        .map(|part| {
            let failed = |source| IntakeError::io(&part.path, source);
            let mut file = std::fs::File::open(&part.path).map_err(failed)?;
            let bytes = file.metadata().map_err(failed)?.len();
            Ok((bytes, digest_of(&mut file).map_err(failed)?))
        })
        .collect()
}

/// Looks at each part (format, digest) and decides the source.
///
/// # Errors
/// [`IntakeError`] that names the part, or that two known sources fit.
pub fn prepare(candidate: &Candidate, context: &Context) -> Result<Prepared, IntakeError> {
    if let Some(refusal) = &candidate.refusal {
        return Err(IntakeError::Delivery { message: refusal.clone() });
    }
    let digests = digest_parts(candidate)?;
    let mut parts = Vec::new();
    for (part, (bytes, digest)) in candidate.parts.iter().zip(digests) {
        let detected = detect_as(&part.path, part.format_hint)?;
        parts.push(LookedAt { path: part.path.clone(), bytes, digest, detected });
    }
    let Some(first) = parts.first() else {
        return Err(IntakeError::Delivery { message: format!("{} has no bills", candidate.path) });
    };
    let first_family = family(first.detected.format);
    if let Some(other) = parts.iter().find(|part| family(part.detected.format) != first_family) {
        return Err(IntakeError::Delivery {
            message: format!(
                "{} is {}, but {} of the same delivery is {}; take them in one by one",
                other.path.display(),
                other.detected.format,
                first.path.display(),
                first.detected.format
            ),
        });
    }
    let (accounts, provider, first_months) = first_rows(candidate, &parts, context)?;
    let source = decide_source(candidate, first.detected.format, &accounts, &provider, context)?;
    let mut text = format!("{source}\n");
    let mut sorted: Vec<String> = parts.iter().map(|part| part.digest.to_string()).collect();
    sorted.sort();
    text += &sorted.join("\n");
    let id = DeliveryId::new(&Digest::of(text.as_bytes()).short()).expect("sixteen hexadecimal digits");
    Ok(Prepared { candidate: candidate.clone(), parts, source, id, first_months })
}

/// Billing accounts, provider and billing periods of the first rows that are charges.
fn first_rows(
    candidate: &Candidate,
    parts: &[LookedAt],
    context: &Context,
) -> Result<(BTreeSet<String>, String, BTreeSet<Month>), IntakeError> {
    let (mut accounts, mut provider, mut months) = (BTreeSet::new(), String::new(), BTreeSet::new());
    for part in parts {
        let mut reader = PartReader::open(&part.path, &part.detected, &context.read)?;
        let mut options =
            MapOptions { fallback_billing_period: candidate.billing_period_hint, ..MapOptions::default() };
        let Some(mut chunk) = reader.next_chunk()? else { continue };
        loop {
            let plan = PartPlan::new(0, part.path.display().to_string(), part.detected.clone(), options.clone())?;
            match map_chunk(&plan, chunk) {
                Ok(mapped) => {
                    let text = |name: &str, row: usize| {
                        let array = mapped.batch.column_by_name(name)?.as_string_opt::<i32>()?;
                        array.is_valid(row).then(|| array.value(row).to_owned())
                    };
                    for row in 0..mapped.batch.num_rows() {
                        accounts.extend(text("BillingAccountId", row));
                        if provider.is_empty() {
                            provider = text("ProviderName", row).unwrap_or_default();
                        }
                    }
                    months.extend(mapped.billing_periods);
                    break;
                }
                Err(MapFailure::Refuse(error)) => return Err(error),
                Err(MapFailure::Again(better)) => {
                    options = better;
                    let mut again = PartReader::open(&part.path, &part.detected, &context.read)?;
                    match again.next_chunk()? {
                        Some(first) => chunk = first,
                        None => break,
                    }
                }
            }
        }
        if !accounts.is_empty() {
            break;
        }
    }
    Ok((accounts, provider, months))
}

fn decide_source(
    candidate: &Candidate,
    format: Format,
    accounts: &BTreeSet<String>,
    provider: &str,
    context: &Context,
) -> Result<SourceId, IntakeError> {
    if let Some(source) = &context.source {
        return Ok(source.clone());
    }
    let family_name = family(format);
    let clean = |text: &str| -> String {
        text.chars().map(|c| if c.is_alphanumeric() || "-_./@+".contains(c) { c } else { '-' }).take(120).collect()
    };
    let named = |name: String| SourceId::new(&name).map_err(|message| IntakeError::Delivery { message });
    if let Some(hint) = &candidate.source_hint {
        return named(format!("{family_name}:{}", clean(hint)));
    }
    let fitting: Vec<&KnownSource> = context
        .known
        .iter()
        .filter(|known| {
            family(known.format) == family_name && known.accounts.iter().any(|account| accounts.contains(account))
        })
        .collect();
    match fitting.as_slice() {
        [] => {}
        [one] => return Ok(one.source.clone()),
        [one, two, ..] => {
            return Err(IntakeError::Delivery {
                message: format!(
                    "{} fits two known sources, {} and {}; say which with --source",
                    candidate.path, one.source, two.source
                ),
            });
        }
    }
    let account = accounts.iter().next().map_or_else(|| "unknown".to_owned(), |account| clean(account));
    if family_name == "focus" && !provider.is_empty() {
        named(format!("focus:{}:{account}", clean(&provider.to_lowercase())))
    } else {
        named(format!("{family_name}:{account}"))
    }
}

enum Work {
    Chunk { number: u64, part: usize, chunk: RawChunk },
}

struct Done {
    number: u64,
    part: usize,
    outcome: Result<(Mapped, Hashed), MapFailure>,
}

/// Chunks under way at once, per mapping thread: enough that no thread waits while an earlier chunk is slow, few enough
/// that what waits for it stays small.
const CHUNKS_PER_THREAD: usize = 4;

/// Takes the delivery in. `taken` lists the batches of an appending source that are in already.
///
/// # Errors
/// [`IntakeError`]: nothing of the delivery may then be kept.
pub fn take_in(
    prepared: &Prepared,
    taken: &Taken,
    context: &Context,
    sink: &mut dyn FactSink,
) -> Result<Delivery, IntakeError> {
    let mut options = prepared.options();
    loop {
        if prepared.format() == Format::GcpDetailed
            && !taken.is_empty()
            && prepared
                .parts
                .iter()
                .any(|part| !part.detected.header.names.iter().any(|name| name.eq_ignore_ascii_case("export_time")))
        {
            return Err(IntakeError::Delivery {
                message: format!(
                    "{} has no column export_time, which tells new rows from those of earlier exports of {}; export it with that column",
                    prepared.candidate.path, prepared.source
                ),
            });
        }
        let skip = if prepared.format().appends() && !taken.is_empty() {
            match pass(prepared, &options, context, None) {
                Ok(counted) => known_batches(prepared, &counted.batches, taken)?,
                Err(MapFailure::Again(better)) => {
                    options = better;
                    continue;
                }
                Err(MapFailure::Refuse(error)) => return Err(error),
            }
        } else {
            BTreeSet::new()
        };
        match pass(prepared, &options, context, Some((sink, &skip))) {
            Ok(read) => return finish(prepared, read, context, sink),
            Err(MapFailure::Refuse(error)) => return Err(error),
            Err(MapFailure::Again(better)) => {
                sink.reset().map_err(IntakeError::Sink)?;
                options = better;
            }
        }
    }
}

/// The batches of this delivery that are in already; one that is in with other rows refuses the delivery.
fn known_batches(
    prepared: &Prepared,
    counted: &BTreeMap<(Month, String), (u64, RowsDigest)>,
    taken: &Taken,
) -> Result<BTreeSet<(Month, String)>, IntakeError> {
    let mut skip = BTreeSet::new();
    for ((month, name), (rows, digest)) in counted {
        let before = taken.get(month).map_or(&[][..], Vec::as_slice);
        // The same rows under another name (a file renamed or compressed anew) are the same batch.
        if before.iter().any(|batch| (batch.rows, batch.digest) == (*rows, *digest)) {
            skip.insert((*month, name.clone()));
            continue;
        }
        let Some(known) = before.iter().find(|batch| batch.name == *name) else {
            continue;
        };
        return Err(IntakeError::Delivery {
            message: format!(
                "{}: batch '{name}' of {month} came before with {} rows and now has {rows} other rows, and {} only ever adds batches; deliver all files of one export together, in one folder, and let a file be complete before it is taken in",
                prepared.candidate.path, known.rows, prepared.source
            ),
        });
    }
    Ok(skip)
}

/// What one pass over the parts found.
struct Pass {
    notes: Notes,
    parts: Vec<u64>,
    skipped: u64,
    accepted: u64,
    folds: BTreeMap<Month, Fold>,
    extra_columns: BTreeMap<Month, BTreeSet<String>>,
    batches: BTreeMap<(Month, String), (u64, RowsDigest)>,
    row_ids: BTreeMap<Month, BTreeSet<u64>>,
}

type Sink<'s> = (&'s mut dyn FactSink, &'s BTreeSet<(Month, String)>);

/// Reads, maps and folds all parts; without a sink it only counts batches.
fn pass(
    prepared: &Prepared,
    options: &MapOptions,
    context: &Context,
    mut sink: Option<Sink>,
) -> Result<Pass, MapFailure> {
    let mut key_columns = leap_terms::tables::base_key_columns();
    key_columns.extend(
        context.extra_key_columns.iter().filter(|column| !key_columns.contains(column)).cloned().collect::<Vec<_>>(),
    );
    let plans: Vec<PartPlan> = prepared
        .parts
        .iter()
        .enumerate()
        .map(|(at, part)| {
            let number = u32::try_from(at).expect("a delivery has fewer than 4 billion parts");
            PartPlan::new(number, part.path.display().to_string(), part.detected.clone(), options.clone())
        })
        .collect::<Result<_, _>>()?;
    let total: u64 = prepared.parts.iter().map(|part| part.bytes).sum();
    context.progress.start(&prepared.candidate.path, total);
    let stop = AtomicBool::new(false);
    let mut pass = Pass {
        notes: Notes::default(),
        parts: vec![0; plans.len()],
        skipped: 0,
        accepted: 0,
        folds: BTreeMap::new(),
        extra_columns: BTreeMap::new(),
        batches: BTreeMap::new(),
        row_ids: BTreeMap::new(),
    };
    let threads = context.threads.max(1);
    let outcome = std::thread::scope(|scope| {
        let under_way = threads * CHUNKS_PER_THREAD;
        let (work_in, work) = bounded::<Work>(under_way);
        let (done_in, done) = bounded::<Done>(under_way);
        // The reader puts a permit in before each chunk; the collector takes it out when the chunk's turn is over.
        let (permit_in, permits) = bounded::<()>(under_way);
        let reader = {
            let stop = &stop;
            scope.spawn(move || read_parts(prepared, context, &permit_in, &work_in, stop))
        };
        for _ in 0..threads {
            let (work, done_in, plans, key_columns, stop) =
                (work.clone(), done_in.clone(), &plans, &key_columns, &stop);
            scope.spawn(move || map_chunks(&work, &done_in, plans, key_columns, stop));
        }
        drop((work, done_in));
        let collected = collect(&done, &permits, prepared, context, &key_columns, &mut pass, &mut sink);
        stop.store(true, Ordering::Relaxed);
        // Whoever still waits to hand something over finds nobody, and ends.
        drop((done, permits));
        let read =
            reader.join().unwrap_or_else(|_| Err(IntakeError::Delivery { message: "the reader broke off".to_owned() }));
        collected?;
        read.map_err(MapFailure::Refuse)
    });
    context.progress.done();
    outcome?;
    if context.cancelled.load(Ordering::Relaxed) {
        return Err(MapFailure::Refuse(IntakeError::Stopped));
    }
    Ok(pass)
}

fn read_parts(
    prepared: &Prepared,
    context: &Context,
    permits: &Sender<()>,
    work: &Sender<Work>,
    stop: &AtomicBool,
) -> Result<(), IntakeError> {
    let mut number = 0;
    for (at, part) in prepared.parts.iter().enumerate() {
        let mut reader = PartReader::open(&part.path, &part.detected, &context.read)?;
        let mut told = 0;
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if context.cancelled.load(Ordering::Relaxed) {
                return Err(IntakeError::Stopped);
            }
            let Some(chunk) = reader.next_chunk()? else { break };
            let read = reader.stored_bytes_read();
            context.progress.advance(read.saturating_sub(told));
            told = read;
            if permits.send(()).is_err() || work.send(Work::Chunk { number, part: at, chunk }).is_err() {
                return Ok(());
            }
            number += 1;
        }
        let end = reader.finish()?;
        if end.digest != part.digest {
            return Err(IntakeError::Delivery {
                message: format!(
                    "{} changed while it was read; take it in again when its upload is over",
                    part.path.display()
                ),
            });
        }
    }
    Ok(())
}

fn map_chunks(
    work: &Receiver<Work>,
    done: &Sender<Done>,
    plans: &[PartPlan],
    key_columns: &[String],
    stop: &AtomicBool,
) {
    while let Ok(Work::Chunk { number, part, chunk }) = work.recv() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A defect in a mapping costs this delivery, never the program.
        let mapping = std::panic::AssertUnwindSafe(|| {
            map_chunk(&plans[part], chunk).map(|mapped| {
                let hashed = hash(&mapped.batch, key_columns);
                (mapped, hashed)
            })
        });
        let outcome = std::panic::catch_unwind(mapping).unwrap_or_else(|_| {
            let message = format!(
                "{}: a defect of leap stopped the reading of chunk {number}; please report it with the message above",
                plans[part].file
            );
            Err(MapFailure::Refuse(IntakeError::Delivery { message }))
        });
        if done.send(Done { number, part, outcome }).is_err() {
            return;
        }
    }
}

fn collect(
    done: &Receiver<Done>,
    permits: &Receiver<()>,
    prepared: &Prepared,
    context: &Context,
    key_columns: &[String],
    pass: &mut Pass,
    sink: &mut Option<Sink>,
) -> Result<(), MapFailure> {
    let mut waiting = BTreeMap::<u64, Done>::new();
    let mut next = 0;
    while let Ok(one) = done.recv() {
        waiting.insert(one.number, one);
        while let Some(one) = waiting.remove(&next) {
            next += 1;
            // Never empty: each chunk's permit was put in before the chunk.
            let _permit = permits.try_recv();
            let (mapped, hashed) = one.outcome?;
            pass.parts[one.part] += mapped.rows_read;
            pass.take(mapped, &hashed, prepared, context, key_columns, sink).map_err(MapFailure::Refuse)?;
        }
    }
    Ok(())
}

impl Pass {
    fn take(
        &mut self,
        mapped: Mapped,
        hashed: &Hashed,
        prepared: &Prepared,
        context: &Context,
        key_columns: &[String],
        sink: &mut Option<Sink>,
    ) -> Result<(), IntakeError> {
        self.skipped += mapped.dropped;
        let Some((sink, skip)) = sink else {
            if let Some(names) = &mapped.batch_names {
                for (row, name) in names.iter().enumerate() {
                    let entry = self.batches.entry((mapped.billing_periods[row], name.to_string())).or_default();
                    entry.0 += 1;
                    entry.1 += RowsDigest::from_bits(hashed.rows[row]);
                }
            }
            return Ok(());
        };
        self.notes.merge(mapped.notes);
        let months: BTreeSet<Month> = mapped.billing_periods.iter().copied().collect();
        for month in months {
            let keep: Vec<bool> = mapped
                .billing_periods
                .iter()
                .enumerate()
                .map(|(row, other)| {
                    let known = || {
                        mapped.batch_names.as_ref().is_some_and(|names| skip.contains(&(month, names[row].to_string())))
                    };
                    *other == month && (skip.is_empty() || !known())
                })
                .collect();
            let in_month = mapped.billing_periods.iter().filter(|other| **other == month).count();
            let kept = keep.iter().filter(|keep| **keep).count();
            self.skipped += (in_month - kept) as u64;
            if kept == 0 {
                continue;
            }
            for row in (0..keep.len()).filter(|row| keep[*row]) {
                if let Some(names) = &mapped.batch_names {
                    let entry = self.batches.entry((month, names[row].to_string())).or_default();
                    entry.0 += 1;
                    entry.1 += RowsDigest::from_bits(hashed.rows[row]);
                }
                if let Some(ids) = &mapped.row_ids {
                    let smallest = self.row_ids.entry(month).or_default();
                    if smallest.len() < ROW_IDS || smallest.last().is_some_and(|last| ids[row] < *last) {
                        smallest.insert(ids[row]);
                        if smallest.len() > ROW_IDS {
                            smallest.pop_last();
                        }
                    }
                }
            }
            let (batch, hashed) = if kept == keep.len() {
                (mapped.batch.clone(), hashed.clone())
            } else {
                let batch = filter_record_batch(&mapped.batch, &BooleanArray::from(keep.clone()))
                    .map_err(|error| IntakeError::Delivery { message: error.to_string() })?;
                (batch, filtered(hashed, &keep))
            };
            self.accepted += kept as u64;
            let fixed = leap_terms::tables::charges(&[]);
            let extra = self.extra_columns.entry(month).or_default();
            for field in batch.schema().fields() {
                if fixed.field_with_name(field.name()).is_err() && !extra.contains(field.name()) {
                    extra.insert(field.name().clone());
                }
            }
            sink.write(Table::Charges, month, &batch).map_err(IntakeError::Sink)?;
            let fold = match self.folds.entry(month) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let spill = context.spill.join(format!("{}-{month}", prepared.id));
                    place.insert(Fold::new(key_columns.to_vec(), &spill, context.memory).map_err(IntakeError::Fold)?)
                }
            };
            fold.add_hashed(&batch, &hashed).map_err(IntakeError::Fold)?;
            self.share_memory(context.memory).map_err(IntakeError::Fold)?;
        }
        Ok(())
    }

    /// All months of a delivery share one memory: while they hold more, the one that holds most spills.
    fn share_memory(&mut self, memory: usize) -> Result<(), FoldError> {
        while self.folds.values().map(Fold::held).sum::<usize>() > memory {
            match self.folds.values_mut().max_by_key(|fold| fold.held()) {
                Some(fold) if fold.held() > 0 => fold.spill()?,
                Some(_) | None => break,
            }
        }
        Ok(())
    }
}

fn filtered(hashed: &Hashed, keep: &[bool]) -> Hashed {
    fn pick<T: Copy>(values: &[T], keep: &[bool]) -> Vec<T> {
        values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect()
    }
    Hashed { rows: pick(&hashed.rows, keep), keys: pick(&hashed.keys, keep), resources: pick(&hashed.resources, keep) }
}

fn finish(
    prepared: &Prepared,
    pass: Pass,
    context: &Context,
    sink: &mut dyn FactSink,
) -> Result<Delivery, IntakeError> {
    let derived: Vec<_> = pass.notes.derived().into_iter().collect();
    let (assumptions, mappings, quarantine, quarantined) = pass.notes.into_parts();
    let read: u64 = pass.parts.iter().sum();
    if pass.accepted + pass.skipped + quarantined != read {
        return Err(IntakeError::Delivery {
            message: format!(
                "invariant {} does not hold for {}: {read} rows read, {} accepted, {} skipped, {quarantined} quarantined",
                leap_terms::Invariant::NoRowDropped,
                prepared.candidate.path,
                pass.accepted,
                pass.skipped
            ),
        });
    }
    for mapping in &mappings {
        let moved: leap_terms::Money = mapping.adjustments.iter().map(|adjustment| adjustment.amount).sum();
        if mapping.raw_total + moved != mapping.mapped_total {
            return Err(IntakeError::Delivery {
                message: format!(
                    "invariant {} does not hold for {}: {} {} and adjustments of {moved} are not the {} cost {}",
                    leap_terms::Invariant::DifferenceExplained,
                    prepared.candidate.path,
                    mapping.raw_column,
                    mapping.raw_total,
                    mapping.cost,
                    mapping.mapped_total
                ),
            });
        }
    }
    if u128::from(quarantined) * 10_000 > u128::from(read) * u128::from(context.quarantine_bps) {
        let first: Vec<String> = quarantine
            .iter()
            .take(3)
            .map(|row| {
                let column = row.column.as_deref().unwrap_or("(row)");
                format!("{}, row {}, column {column}: '{}' {}", row.file, row.row, row.value.escape_debug(), row.reason)
            })
            .collect();
        return Err(IntakeError::Delivery {
            message: format!(
                "{}: {quarantined} of {read} rows cannot be read, more than the limit quarantine_bps = {} allows; first: {}",
                prepared.candidate.path,
                context.quarantine_bps,
                first.join("; ")
            ),
        });
    }
    if pass.accepted == 0 && pass.skipped == 0 {
        return Err(IntakeError::Delivery {
            message: format!(
                "{} has no charges; an empty month must still have a row, such as a charge of 0",
                prepared.candidate.path
            ),
        });
    }
    complete(prepared, &pass.parts, read)?;
    let mut scopes = Vec::new();
    for (month, fold) in pass.folds {
        let key_columns = fold.key_columns().to_vec();
        let totals = fold
            .finish(&mut |table, batch| {
                sink.write(table, month, &batch)
                    .map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)
            })
            .map_err(IntakeError::Fold)?;
        let batches = pass
            .batches
            .iter()
            .filter(|((other, _), _)| *other == month)
            .map(|((_, name), (rows, digest))| Batch { name: name.clone(), rows: *rows, digest: *digest })
            .collect();
        scopes.push(ScopeFacts {
            scope: ScopeKey { source: prepared.source.clone(), billing_period: month },
            rows: totals.rows,
            digest: totals.digest,
            totals: totals.totals,
            first_day: totals.first_day,
            last_day: totals.last_day,
            accounts: totals.accounts,
            key_columns,
            extra_columns: pass
                .extra_columns
                .get(&month)
                .map(|columns| columns.iter().cloned().collect())
                .unwrap_or_default(),
            derived: derived.clone(),
            batches,
            row_ids: pass.row_ids.get(&month).map(|ids| ids.iter().copied().collect()).unwrap_or_default(),
        });
    }
    let parts = prepared
        .parts
        .iter()
        .zip(&pass.parts)
        .map(|(part, rows)| Part {
            path: std::path::absolute(&part.path).unwrap_or_else(|_| part.path.clone()).display().to_string(),
            bytes: part.bytes,
            digest: part.digest,
            rows: *rows,
            format: part.detected.format,
        })
        .collect();
    Ok(Delivery {
        id: prepared.id.clone(),
        source: prepared.source.clone(),
        format: prepared.format(),
        version: prepared.parts[0].detected.focus_version.map(|version| version.number().to_owned()),
        execution: prepared.candidate.execution.clone(),
        nominal: nominal(prepared.candidate.billing_period_hint, &scopes),
        path: prepared.candidate.path.clone(),
        parts,
        rows: pass.accepted,
        skipped: pass.skipped,
        quarantined,
        quarantine,
        scopes,
        assumptions,
        mappings,
    })
}

/// Refuses what a manifest promised otherwise, and a part that came twice.
fn complete(prepared: &Prepared, rows: &[u64], read: u64) -> Result<(), IntakeError> {
    if let Some((parts, expected)) = prepared.candidate.expected_rows
        && parts == prepared.parts.len()
        && expected != read
    {
        return Err(IntakeError::Delivery {
            message: format!(
                "{} has {read} data rows instead of the {expected} that its manifest promises; the upload is unfinished, or the manifest is of another run",
                prepared.candidate.path
            ),
        });
    }
    // Azure's actual and amortised export of a month without commitments may be the same bytes.
    let mut seen = BTreeMap::<(Format, Digest), &LookedAt>::new();
    for (part, _) in prepared.parts.iter().zip(rows).filter(|(_, rows)| **rows > 0) {
        if let Some(first) = seen.insert((part.detected.format, part.digest), part) {
            return Err(IntakeError::Delivery {
                message: format!(
                    "{} and {} are the same bytes, and their charges would count twice; remove the copy",
                    first.path.display(),
                    part.path.display()
                ),
            });
        }
    }
    Ok(())
}

/// The month that a delivery is for: the one it is named after, else its only one. A delivery of several months that
/// nothing names holds each of them by itself.
fn nominal(hint: Option<Month>, scopes: &[ScopeFacts]) -> Option<Month> {
    hint.or_else(|| scopes.first().filter(|_| scopes.len() == 1).map(|facts| facts.scope.billing_period))
}

#[cfg(test)]
mod tests;
