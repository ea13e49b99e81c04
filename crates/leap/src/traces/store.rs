//! Requests into the lake and the book: files first, then one row, so that a crash leaves nothing or everything.
//!
//! A trace counts once, however often it comes: its id and the id of its root are what it is. When it comes again with more
//! spans, the earlier one's rows are taken out (its file is written anew without them); with as many or fewer, the earlier
//! one stays. Ids that are no plain 16 or 32 hexadecimal digits mean something in their own file alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leap_book::{NewTraces, TraceDelivery, TraceFile};
use leap_lake::{LakeError, PublishInfo, Staging};
use leap_orient::latency::{Requests, SpanRows, day_of};
use leap_terms::tables::Table;
use leap_terms::{DeliveryId, FileRecord, Instant, Month, ScopeKey, SourceId};

use super::load::{pairs, read_pair};
use crate::failure::Failure;
use crate::home::Home;

/// The source under which the lake keeps requests.
const SOURCE: &str = "traces";

/// A delivery to be stored.
pub(crate) struct Delivered {
    /// What the book keeps of it.
    pub(crate) delivery: TraceDelivery,
    /// Its requests.
    pub(crate) requests: Requests,
    /// Traces kept whole, by month of their request.
    pub(crate) examples: BTreeMap<Month, SpanRows>,
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
}

fn problem(error: LakeError) -> Failure {
    Failure::from_error(&error)
}

/// True for ids that mean the same trace in every file.
fn universal(trace: &str) -> bool {
    matches!(trace.len(), 16 | 32) && trace.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A request's name: trace, root, and the API inside another request.
type Name = (String, String, String);

fn name_of(requests: &Requests, at: usize) -> Option<Name> {
    let (trace, root) = requests.ids(at)?;
    let api = requests.text(requests.rows()[at].api);
    universal(trace).then(|| (trace.to_owned(), root.to_owned(), api.to_owned()))
}

/// Stores a delivery. With `dry` nothing is written; the counts are the same.
pub(crate) async fn store(
    home: &Home,
    mut delivered: Delivered,
    cause: &str,
    now: Instant,
    dry: bool,
) -> Result<Stored, Failure> {
    let book = |error: leap_book::BookError| Failure::from_error(&error);
    let (parent, live) = home.book.trace_files(0, u64::MAX, None).await.map_err(book)?;
    let mut stored = Stored::default();
    let (staging, mut add, mut remove) =
        (home.lake.stage(&format!("traces-{}", parent + 1)).map_err(problem)?, vec![], vec![]);

    // What came before: the wholer version of a request stays.
    let mut ours = HashMap::<Name, usize>::new();
    let (mut dropped, mut first, mut last) = (BTreeSet::new(), u64::MAX, 0);
    for (at, row) in delivered.requests.rows().iter().enumerate() {
        (first, last) = (first.min(row.start_ns), last.max(row.start_ns));
        if let Some(name) = name_of(&delivered.requests, at)
            && let Some(earlier) = ours.insert(name, at)
        {
            // Within one delivery, as within one trace: the first wins.
            ours.insert(name_of(&delivered.requests, earlier).expect("it has a name"), earlier);
            dropped.insert(at);
        }
    }
    let open = |file: &FileRecord, columns: Option<&[&str]>| home.lake.scan(file, columns);
    for (requests, slices) in pairs(&live)? {
        if requests.last_ns < first || requests.first_ns > last || ours.is_empty() {
            continue;
        }
        let mut earlier = Requests::new();
        read_pair(&mut earlier, (&requests.record, &slices.record), true, &open)?;
        let mut replaced = BTreeSet::new();
        for at in 0..earlier.rows().len() {
            let Some(mine) = name_of(&earlier, at).and_then(|name| ours.get(&name).copied()) else { continue };
            if delivered.requests.rows()[mine].spans > earlier.rows()[at].spans {
                replaced.insert(at);
            } else {
                dropped.insert(mine);
            }
        }
        if replaced.is_empty() {
            continue;
        }
        stored.replaced += replaced.len() as u64;
        let gone: BTreeSet<String> =
            replaced.iter().filter_map(|at| earlier.ids(*at)).map(|(trace, _)| trace.to_owned()).collect();
        earlier.retain(|at, _| !replaced.contains(&at));
        let record = &requests.record;
        let mut others = live.iter().filter(|file| {
            file.record.table == Table::Spans
                && (&file.record.delivery, &file.record.scope) == (&record.delivery, &record.scope)
        });
        remove.extend([record.path.clone(), slices.record.path.clone()]);
        write_requests(&staging, &earlier, &record.delivery, &mut add)?;
        if let Some(spans) = others.next() {
            remove.push(spans.record.path.clone());
            add.extend(without(home, &staging, spans, &gone)?);
        }
    }
    let repeated = dropped.len() as u64;
    let traces: BTreeSet<String> =
        dropped.iter().filter_map(|at| delivered.requests.ids(*at)).map(|(trace, _)| trace.to_owned()).collect();
    delivered.requests.retain(|at, _| !dropped.contains(&at));
    stored.known = repeated;
    stored.new = delivered.requests.rows().len() as u64 - stored.replaced;

    write_requests(&staging, &delivered.requests, &delivered.delivery.id, &mut add)?;
    for (month, spans) in delivered.examples {
        let spans = spans.without(&traces);
        if spans.is_empty() {
            continue;
        }
        let batch = spans.batch().ok_or_else(|| Failure::quality("a span ends after the year 2262"))?;
        add.push(write(&staging, Table::Spans, month, &delivered.delivery.id, &batch, (first, last))?);
    }
    if dry {
        staging.discard().map_err(problem)?;
        return Ok(stored);
    }

    // Files into place, then one row in the book.
    let mut all: Vec<FileRecord> =
        live.iter().map(|file| file.record.clone()).filter(|file| !remove.contains(&file.path)).collect();
    all.extend(add.iter().map(|file| file.record.clone()));
    let info =
        PublishInfo { snapshot: None, operation: "traces".to_owned(), at: now, before: leap_lake::Before::default() };
    home.lake.publish(staging, &Table::LATENCY, &all, &info).await.map_err(problem)?;
    let new = NewTraces {
        at: now,
        actor: crate::cycle::actor(),
        cause: cause.to_owned(),
        parent,
        deliveries: vec![delivered.delivery],
        add,
        remove,
    };
    home.book.publish_traces(&new).await.map_err(book)?;
    Ok(stored)
}

/// Writes requests and slices, a pair of files per month, and reads them back: what lies there must be what was meant.
fn write_requests(
    staging: &Staging,
    requests: &Requests,
    delivery: &DeliveryId,
    add: &mut Vec<TraceFile>,
) -> Result<(), Failure> {
    for (month, places) in requests.by_month() {
        let rows = || places.iter().map(|at| &requests.rows()[*at as usize]);
        let span = (rows().map(|row| row.start_ns).min(), rows().map(|row| row.start_ns).max());
        let span = span.0.zip(span.1).unwrap_or_default();
        let (first, second) = requests.batches(&places);
        let first = write(staging, Table::Requests, month, delivery, &first, span)?;
        let second = write(staging, Table::Slices, month, delivery, &second, span)?;
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
    table: Table,
    month: Month,
    delivery: &DeliveryId,
    batch: &arrow::array::RecordBatch,
    (first_ns, last_ns): (u64, u64),
) -> Result<TraceFile, Failure> {
    let source = SourceId::new(SOURCE).expect("a plain word");
    let scope = ScopeKey { source, billing_period: month };
    let mut writer = staging.writer(table, &scope, delivery, &[]).map_err(problem)?;
    writer.write(batch).map_err(problem)?;
    Ok(TraceFile { record: writer.finish().map_err(problem)?, first_ns, last_ns })
}

/// A file of spans without those of some traces; none where no span is left.
fn without(
    home: &Home,
    staging: &Staging,
    spans: &TraceFile,
    gone: &BTreeSet<String>,
) -> Result<Option<TraceFile>, Failure> {
    let record = &spans.record;
    let mut writer = staging.writer(Table::Spans, &record.scope, &record.delivery, &[]).map_err(problem)?;
    let mut left = 0;
    for batch in home.lake.scan(record, None).map_err(problem)? {
        let batch = batch.map_err(problem)?;
        let ids = batch
            .column_by_name("trace_id")
            .and_then(|column| column.as_any().downcast_ref::<arrow::array::StringArray>())
            .ok_or_else(|| Failure::quality(format!("{} has no column trace_id", record.path)))?;
        let keep: arrow::array::BooleanArray =
            ids.iter().map(|id| Some(id.is_some_and(|id| !gone.contains(id)))).collect();
        let kept = arrow::compute::filter_record_batch(&batch, &keep)
            .map_err(|error| Failure::failed(format!("{}: {error}", record.path)))?;
        left += kept.num_rows();
        writer.write(&kept).map_err(problem)?;
    }
    if left == 0 {
        return Ok(None);
    }
    let record = writer.finish().map_err(problem)?;
    Ok(Some(TraceFile { record, ..spans.clone() }))
}

/// The days of some requests, for people.
pub(crate) fn days_of(requests: &Requests) -> Option<String> {
    let first = requests.rows().iter().map(|row| row.start_ns).min()?;
    let last = requests.rows().iter().map(|row| row.start_ns).max()?;
    let (first, last) = (day_of(first), day_of(last));
    Some(if first == last { first.to_string() } else { format!("{first} to {last}") })
}
