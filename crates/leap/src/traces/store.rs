//! Requests into the lake and the book: files first, then one row, so that a crash leaves nothing or everything.
//!
//! A trace counts once, however often it comes: its id and the id of its root are what it is. When it comes again with
//! more spans, the earlier one's rows are taken out (its file is written anew without them); with as many or fewer, the
//! earlier one stays. Ids that are no plain 16 or 32 hexadecimal digits mean something in their own file alone. Only
//! files whose requests began when ours did are looked into, and of those only ids, before any is written anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::Int64Type;
use leap_book::{NewTraces, SeriesState, TraceDelivery, TraceFile, TraceHead};
use leap_lake::{LakeError, PublishInfo, Staging};
use leap_orient::latency::{Requests, SpanRows, day_of};
use leap_terms::tables::Table;
use leap_terms::{DeliveryId, FileRecord, Instant, Month, ScopeKey, SourceId};

use super::load::{pairs, read_pair};
use super::measure::{Point, fold, write_hours};
use super::tails::Ledger;
use crate::failure::Failure;
use crate::home::Home;

/// The source under which the lake keeps requests of files.
const FILES: &str = "traces";
/// The source of requests that came over the network: their files are small, and merged as they pile up.
pub(crate) const STREAM: &str = "otlp";
/// Other formats of the same trace may have cut its times to milliseconds.
const CUT_NS: u64 = 1_000_000;

/// Where requests come from, and what makes two of them the same.
pub(crate) enum Origin {
    /// A file, which may hold parts of traces: trace and root are what a request is.
    File,
    /// The network, with traces put together: the trace is what it is, whatever its root was when less of it was known.
    Stream {
        /// Of traces that were given before: first start and last end of their spans. Between them the request of an
        /// earlier version began, which need not be the one of this version.
        reach: Vec<(u64, u64)>,
    },
}

/// A delivery to be stored.
pub(crate) struct Delivered {
    /// The name that its files bear.
    pub(crate) id: DeliveryId,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// What the book keeps of it, if anything.
    pub(crate) delivery: Option<TraceDelivery>,
    /// Its requests.
    pub(crate) requests: Requests,
    /// Traces kept whole, by month of their request.
    pub(crate) examples: BTreeMap<Month, SpanRows>,
    /// Histograms of latencies, as their senders told them.
    pub(crate) points: Vec<Point>,
}

/// What became of a delivery's requests.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Stored {
    /// Requests that are new.
    pub(crate) new: u64,
    /// Requests that were known with fewer spans, and are replaced.
    pub(crate) replaced: u64,
    /// Requests that were known already, as whole or more so.
    pub(crate) known: u64,
    /// Pairs of files that had to be looked into.
    pub(crate) compared: u64,
    /// Histograms that counted something.
    pub(crate) histograms: u64,
    /// Histograms that were known already, or say nothing of when they were measured.
    pub(crate) histograms_known: u64,
}

pub(super) fn problem(error: LakeError) -> Failure {
    Failure::from_error(&error)
}

/// True for ids that mean the same trace in every file.
pub(crate) fn universal(trace: &str) -> bool {
    matches!(trace.len(), 16 | 32) && trace.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A request's name: trace, root, and the API inside another request; of a stream the trace alone.
type Name<'a> = (&'a str, &'a str, &'a str);

fn name<'a>(trace: &'a str, root: &'a str, api: &'a str, by_trace: bool) -> Option<Name<'a>> {
    universal(trace).then_some(if by_trace { (trace, "", "") } else { (trace, root, api) })
}

/// Intervals of time, made disjoint.
pub(crate) struct Times(Vec<(u64, u64)>);

impl Times {
    pub(super) fn new(mut all: Vec<(u64, u64)>) -> Times {
        all.sort_unstable();
        let mut disjoint = Vec::<(u64, u64)>::new();
        for (from, until) in all {
            match disjoint.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => disjoint.push((from, until)),
            }
        }
        Times(disjoint)
    }

    /// From the first to the last; `None` where there are none.
    pub(super) fn reach(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// True where one of them touches `[first, last]`.
    pub(super) fn touch(&self, first: u64, last: u64) -> bool {
        let at = self.0.partition_point(|(_, until)| *until < first);
        self.0.get(at).is_some_and(|(from, _)| *from <= last)
    }
}

impl Delivered {
    /// When earlier versions of these requests may have begun.
    pub(crate) fn times(&self) -> Times {
        let starts = self.requests.rows().iter().map(|row| row.start_ns);
        let mut all: Vec<_> =
            starts.map(|start| (start.saturating_sub(CUT_NS), start.saturating_add(CUT_NS))).collect();
        if let Origin::Stream { reach } = &self.origin {
            all.extend(reach);
        }
        Times::new(all)
    }

    fn source(&self) -> &'static str {
        match self.origin {
            Origin::File => FILES,
            Origin::Stream { .. } => STREAM,
        }
    }
}

/// What is to be done about requests that were there before.
#[derive(Default)]
struct Compared {
    /// Places of ours that are known already.
    dropped: BTreeSet<usize>,
    /// How many of ours replace others.
    replacing: u64,
    /// By place of the pair: rows of it that ours replace.
    replaced: BTreeMap<usize, BTreeSet<usize>>,
    /// Pairs that were looked into.
    looked: u64,
}

/// Compares requests with those of files that may hold them: the version with more spans stays.
fn compare(home: &Home, delivered: &Delivered, pairs: &[(&TraceFile, &TraceFile)]) -> Result<Compared, Failure> {
    let by_trace = matches!(delivered.origin, Origin::Stream { .. });
    let requests = &delivered.requests;
    let mut result = Compared::default();
    // A name's number, and the number of each row's name.
    let mut numbers = HashMap::<Name<'_>, u32>::with_capacity(requests.rows().len());
    let (mut spans, mut of_row) = (Vec::<u64>::new(), Vec::with_capacity(requests.rows().len()));
    for (at, row) in requests.rows().iter().enumerate() {
        let named = requests.ids(at).and_then(|(trace, root)| name(trace, root, requests.text(row.api), by_trace));
        let Some(named) = named else {
            of_row.push(None);
            continue;
        };
        let next = spans.len() as u32;
        let number = *numbers.entry(named).or_insert(next);
        if number == next {
            spans.push(row.spans);
        } else if !by_trace {
            // Within one delivery, as within one trace: the first wins.
            result.dropped.insert(at);
        }
        of_row.push(Some(number));
    }
    let times = delivered.times();
    // Which of ours are there, in which version: (pair, row of it, our number, its spans).
    let mut found = Vec::<(usize, usize, u32, u64)>::new();
    for (place, (file, _)) in pairs.iter().enumerate() {
        if numbers.is_empty() || !times.touch(file.first_ns, file.last_ns) {
            continue;
        }
        result.looked += 1;
        let mut from = 0;
        let columns = ["trace_id", "root_span_id", "api", "spans"];
        for batch in home.lake.scan(&file.record, Some(&columns)).map_err(problem)? {
            let batch = batch.map_err(problem)?;
            let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            let counts = batch.column_by_name("spans").and_then(|column| column.as_primitive_opt::<Int64Type>());
            let (Some(traces), Some(roots), Some(apis), Some(counts)) =
                (text("trace_id"), text("root_span_id"), text("api"), counts)
            else {
                return Err(Failure::quality(format!("{} lacks a column; restore a backup", file.record.path)));
            };
            for row in 0..batch.num_rows() {
                let api = if apis.is_null(row) { "" } else { apis.value(row) };
                let named = name(traces.value(row), roots.value(row), api, by_trace);
                if let Some(number) = named.and_then(|named| numbers.get(&named)) {
                    found.push((place, from + row, *number, counts.value(row).cast_unsigned()));
                }
            }
            from += batch.num_rows();
        }
    }
    let mut there = BTreeMap::<u32, u64>::new();
    for (_, _, number, count) in &found {
        let most = there.entry(*number).or_default();
        *most = (*most).max(*count);
    }
    let wholer = |number: u32| there.get(&number).is_none_or(|most| spans[number as usize] > *most);
    for (at, number) in of_row.iter().enumerate() {
        let Some(number) = number.filter(|number| there.contains_key(number)) else { continue };
        if !wholer(number) {
            result.dropped.insert(at);
        } else if !result.dropped.contains(&at) {
            result.replacing += 1;
        }
    }
    for (place, row, number, _) in found {
        if wholer(number) {
            result.replaced.entry(place).or_default().insert(row);
        }
    }
    Ok(result)
}

/// Stores a delivery. With `dry` nothing is written; the counts are the same.
pub(crate) async fn store(
    home: &Home,
    delivered: &Delivered,
    cause: &str,
    now: Instant,
    dry: bool,
) -> Result<Stored, Failure> {
    let Known { head, live, whole } = Known::around(home, &delivered.times()).await?;
    let (staging, mut add, mut remove) =
        (home.lake.stage(&format!("traces-{}", head.change + 1)).map_err(problem)?, vec![], vec![]);

    // What came before: the wholer version of a request stays.
    let pairs = pairs(&live)?;
    let packed = pairs.is_empty() || live.iter().any(|file| file.record.table == Table::Tails);
    let folded = fold(home, &delivered.points).await?;
    let mut ledger = Ledger::default();
    let compared = compare(home, delivered, &pairs)?;
    let open = |file: &FileRecord, columns: Option<&[&str]>| home.lake.scan(file, columns);
    for (place, replaced) in &compared.replaced {
        let (requests, slices) = pairs[*place];
        let mut earlier = Requests::new();
        read_pair(&mut earlier, (&requests.record, &slices.record), true, &open)?;
        let gone: BTreeSet<String> =
            replaced.iter().filter_map(|at| earlier.ids(*at)).map(|(trace, _)| trace.to_owned()).collect();
        if packed {
            ledger.add(&earlier, replaced.iter().map(|at| *at as u32), true)?;
        }
        earlier.retain(|at, _| !replaced.contains(&at));
        let record = &requests.record;
        remove.extend([record.path.clone(), slices.record.path.clone()]);
        write_requests(&staging, &earlier, (&record.scope.source, &record.delivery), &mut add)?;
        if let Some(spans) = spans_beside(&live, record) {
            remove.push(spans.record.path.clone());
            add.extend(copy_spans(home, &staging, &[spans], &record.delivery, &|id| !gone.contains(id))?);
        }
    }
    let traces: BTreeSet<String> = compared
        .dropped
        .iter()
        .filter_map(|at| delivered.requests.ids(*at))
        .map(|(trace, _)| trace.to_owned())
        .collect();
    let mut requests = std::borrow::Cow::Borrowed(&delivered.requests);
    if !compared.dropped.is_empty() {
        requests.to_mut().retain(|at, _| !compared.dropped.contains(&at));
    }
    let stored = Stored {
        new: requests.rows().len() as u64 - compared.replacing,
        replaced: compared.replacing,
        known: compared.dropped.len() as u64,
        compared: compared.looked,
        histograms: folded.counted.0,
        histograms_known: folded.counted.1,
    };

    let source = SourceId::new(delivered.source()).expect("a plain word");
    write_requests(&staging, &requests, (&source, &delivered.id), &mut add)?;
    if !packed && !dry {
        // What is replaced is in it and taken back at once.
        ledger.add_all(home, &live)?;
        for (place, replaced) in &compared.replaced {
            let (first, second) = pairs[*place];
            let mut earlier = Requests::new();
            read_pair(&mut earlier, (&first.record, &second.record), false, &open)?;
            ledger.add(&earlier, replaced.iter().map(|at| *at as u32), true)?;
        }
    }
    ledger.add(&requests, 0..requests.rows().len() as u32, false)?;
    ledger.write(&staging, (&source, &delivered.id), &mut add)?;
    write_hours(&staging, folded.rows, (&source, &delivered.id), &mut add)?;
    let starts = || requests.rows().iter().map(|row| row.start_ns);
    let span = (starts().min().unwrap_or(0), starts().max().unwrap_or(0));
    for (month, spans) in &delivered.examples {
        let spans = spans.clone().without(&traces);
        if spans.is_empty() {
            continue;
        }
        let batch = spans.batch().ok_or_else(|| Failure::quality("a span ends after the year 2262"))?;
        add.push(write(&staging, (Table::Spans, &source, *month), &delivered.id, &batch, span)?);
    }
    if dry {
        staging.discard().map_err(problem)?;
        return Ok(stored);
    }
    let deliveries = delivered.delivery.iter().cloned().collect();
    let change = Change { whole, add, remove, deliveries, series: folded.series, ..Change::of(&head, &live) };
    if change.is_nothing() {
        staging.discard().map_err(problem)?;
        return Ok(stored);
    }
    publish(home, staging, change, cause, now).await?;
    Ok(stored)
}

/// What is there already.
struct Known {
    head: TraceHead,
    live: Vec<TraceFile>,
    /// False where `live` are only the files of requests that began around some times.
    whole: bool,
}

impl Known {
    /// The live files around some times; all of them where a home may have requests, but no packed days yet.
    async fn around(home: &Home, times: &Times) -> Result<Known, Failure> {
        let book = |error: leap_book::BookError| Failure::from_error(&error);
        let head = home.book.trace_head().await.map_err(book)?;
        let Some((first, last)) = times.reach() else {
            // Without requests nothing that is there matters.
            return Ok(Known { head, live: Vec::new(), whole: false });
        };
        let (_, live) = home.book.trace_files(first, last.saturating_add(1), None).await.map_err(book)?;
        if live.iter().any(|file| file.record.table == Table::Tails) {
            return Ok(Known { head, live, whole: false });
        }
        let (_, live) = home.book.trace_files(0, u64::MAX, None).await.map_err(book)?;
        Ok(Known { head, live, whole: true })
    }
}

/// What a publish changes.
pub(super) struct Change<'a> {
    /// The change that it was worked out from.
    pub(super) head: &'a TraceHead,
    /// Files live then.
    pub(super) live: &'a [TraceFile],
    /// False where `live` are only those among which something changes.
    pub(super) whole: bool,
    /// Files that become live.
    pub(super) add: Vec<TraceFile>,
    /// Paths that cease to be.
    pub(super) remove: Vec<String>,
    /// Deliveries to be recorded.
    pub(super) deliveries: Vec<TraceDelivery>,
    /// What was counted of histograms.
    pub(super) series: Vec<SeriesState>,
}

impl<'a> Change<'a> {
    /// One that changes nothing, worked out from some of the live files.
    pub(super) fn of(head: &'a TraceHead, live: &'a [TraceFile]) -> Change<'a> {
        let (add, remove, deliveries, series) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Change { head, live, whole: false, add, remove, deliveries, series }
    }

    fn is_nothing(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty() && self.deliveries.is_empty() && self.series.is_empty()
    }
}

/// Files into place, then one row in the book.
pub(super) async fn publish(
    home: &Home,
    staging: Staging,
    change: Change<'_>,
    cause: &str,
    now: Instant,
) -> Result<(), Failure> {
    let book = |error: leap_book::BookError| Failure::from_error(&error);
    let Change { head, live, whole, add, remove, deliveries, series } = change;
    let mut all = None;
    let part = !whole && home.lake.in_step(&Table::LATENCY, &head.table_versions).await.map_err(problem)?;
    if !whole && !part {
        // The first publish of a process reads the logs, and needs to know all that they should hold.
        all = Some(home.book.trace_files(0, u64::MAX, None).await.map_err(book)?.1);
    }
    let before: Vec<FileRecord> = all.as_deref().unwrap_or(live).iter().map(|file| file.record.clone()).collect();
    let removed: BTreeSet<&str> = remove.iter().map(String::as_str).collect();
    let kept = before.iter().filter(|file| !removed.contains(file.path.as_str()));
    let after: Vec<&FileRecord> = kept.chain(add.iter().map(|file| &file.record)).collect();
    let info = PublishInfo {
        snapshot: None,
        operation: "traces".to_owned(),
        at: now,
        before: leap_lake::Before { files: &before, versions: head.table_versions.clone(), part },
    };
    let table_versions = home.lake.publish(staging, &Table::LATENCY, &after, &info).await.map_err(problem)?;
    let new = NewTraces {
        at: now,
        actor: crate::publish::actor(),
        cause: cause.to_owned(),
        parent: head.change,
        deliveries,
        add,
        remove,
        table_versions,
        series,
    };
    home.book.publish_traces(&new).await.map_err(book)?;
    Ok(())
}

/// The file of spans that belongs to a file of requests.
pub(super) fn spans_beside<'a>(live: &'a [TraceFile], requests: &FileRecord) -> Option<&'a TraceFile> {
    live.iter().find(|file| {
        file.record.table == Table::Spans
            && (&file.record.delivery, &file.record.scope) == (&requests.delivery, &requests.scope)
    })
}

/// Writes requests and slices, a pair of files per month, and reads them back: what lies there must be what was meant.
pub(super) fn write_requests(
    staging: &Staging,
    requests: &Requests,
    (source, delivery): (&SourceId, &DeliveryId),
    add: &mut Vec<TraceFile>,
) -> Result<(), Failure> {
    for (month, places) in requests.by_month() {
        let rows = || places.iter().map(|at| &requests.rows()[*at as usize]);
        let span = (rows().map(|row| row.start_ns).min(), rows().map(|row| row.start_ns).max());
        let span = span.0.zip(span.1).unwrap_or_default();
        let (first, second) = requests.batches(&places);
        let first = write(staging, (Table::Requests, source, month), delivery, &first, span)?;
        let second = write(staging, (Table::Slices, source, month), delivery, &second, span)?;
        let mut stored = Requests::new();
        let open = |file: &FileRecord, columns: Option<&[&str]>| staging.scan(file, columns);
        read_pair(&mut stored, (&first.record, &second.record), true, &open)?;
        let total = |latencies: &mut dyn Iterator<Item = u64>| latencies.map(u128::from).sum::<u128>();
        let meant = total(&mut rows().map(|row| row.latency_ns));
        let found = total(&mut stored.rows().iter().map(|row| row.latency_ns));
        if stored.rows().len() != places.len() || meant != found {
            return Err(Failure::quality(format!(
                "stored requests of {month} take {found} ns where {meant} ns were attributed; nothing was recorded"
            )));
        }
        add.extend([first, second]);
    }
    Ok(())
}

fn write(
    staging: &Staging,
    (table, source, month): (Table, &SourceId, Month),
    delivery: &DeliveryId,
    batch: &arrow::array::RecordBatch,
    (first_ns, last_ns): (u64, u64),
) -> Result<TraceFile, Failure> {
    let scope = ScopeKey { source: source.clone(), billing_period: month };
    let mut writer = staging.writer(table, &scope, delivery, &[]).map_err(problem)?;
    writer.write(batch).map_err(problem)?;
    Ok(TraceFile { record: writer.finish().map_err(problem)?, first_ns, last_ns })
}

/// Files of spans as one, of the traces for which `keep` holds; none where no span is left.
pub(super) fn copy_spans(
    home: &Home,
    staging: &Staging,
    files: &[&TraceFile],
    delivery: &DeliveryId,
    keep: &dyn Fn(&str) -> bool,
) -> Result<Option<TraceFile>, Failure> {
    let Some(first) = files.first() else { return Ok(None) };
    let mut writer = staging.writer(Table::Spans, &first.record.scope, delivery, &[]).map_err(problem)?;
    let mut left = 0;
    for file in files {
        for batch in home.lake.scan(&file.record, None).map_err(problem)? {
            let batch = batch.map_err(problem)?;
            let ids = batch
                .column_by_name("trace_id")
                .and_then(|column| column.as_string_opt::<i32>())
                .ok_or_else(|| Failure::quality(format!("{} has no column trace_id", file.record.path)))?;
            let kept: BooleanArray = ids.iter().map(|id| Some(id.is_some_and(keep))).collect();
            let kept = arrow::compute::filter_record_batch(&batch, &kept)
                .map_err(|error| Failure::failed(format!("{}: {error}", file.record.path)))?;
            left += kept.num_rows();
            writer.write(&kept).map_err(problem)?;
        }
    }
    if left == 0 {
        return Ok(None);
    }
    let first_ns = files.iter().map(|file| file.first_ns).min().unwrap_or(0);
    let last_ns = files.iter().map(|file| file.last_ns).max().unwrap_or(0);
    Ok(Some(TraceFile { record: writer.finish().map_err(problem)?, first_ns, last_ns }))
}

/// The days of some requests, for people.
pub(crate) fn days_of(requests: &Requests) -> Option<String> {
    let first = requests.rows().iter().map(|row| row.start_ns).min()?;
    let last = requests.rows().iter().map(|row| row.start_ns).max()?;
    let (first, last) = (day_of(first), day_of(last));
    Some(if first == last { first.to_string() } else { format!("{first} to {last}") })
}
