//! Small files of a stream become larger ones, so that a day of deliveries every half minute leaves a few files.
//!
//! ```text
//! 300 300 280 310 | 1,200 1,190 | 4,900          requests a file, by time, newest first
//! └── neighbours of one size ──┘                 four of them become one of the next size
//! ```
//! As in a log-structured merge tree: files are only merged with neighbours of their size, so that a request is written
//! anew about as often as its file grows fourfold. Files that the last delivery may have touched stay as they are: the
//! next one is compared with them. Nothing is known otherwise after a merge than before; it is a publish like any
//! other, and the files that it replaces stay for whoever reads as it was known then, for as many days as
//! `latency.replaced_days` says ([`forget_replaced`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leap_book::{TraceFile, TraceHead};
use leap_orient::latency::Requests;
use leap_terms::{FileRecord, Instant, SourceId};

use super::gather::{EXAMPLES, HOUR_NS};
use super::load::{pairs, read_pair};
use super::store::{Change, STREAM, Times, copy_spans, problem, publish, spans_beside, write_requests};
use crate::failure::Failure;
use crate::home::Home;

/// So many neighbours of one size are merged.
const NEIGHBOURS: usize = 4;
/// Files of up to so many requests are of the smallest size; each next size is [`NEIGHBOURS`] times as large.
const SMALLEST: u64 = 16;
/// A merged file has at most so many requests: they are in memory while it is made.
const LARGEST: u64 = 400_000;

/// At most so many replaced files go at a time.
const FORGOTTEN: u32 = 500;
/// Files of so long before the last delivery are looked at, to be merged.
const RECENT_NS: u64 = 40 * 24 * HOUR_NS;

/// The size of a file: 0 for the smallest.
fn size_of(requests: u64) -> u32 {
    let (mut size, mut bound) = (0, SMALLEST);
    while requests > bound {
        (size, bound) = (size + 1, bound * NEIGHBOURS as u64);
    }
    size
}

/// The first run of neighbours that are to be merged, given the rows of files in order of time; `None` where there is
/// none.
fn run_of(rows: &[u64]) -> Option<std::ops::Range<usize>> {
    let mut from = 0;
    while from < rows.len() {
        // Smaller files between larger ones go along.
        let size = size_of(rows[from]);
        let (mut until, mut alike, mut sum) = (from, 0, 0);
        while until < rows.len() && size_of(rows[until]) <= size && sum + rows[until] <= LARGEST {
            sum += rows[until];
            alike += usize::from(size_of(rows[until]) == size);
            until += 1;
            if alike == NEIGHBOURS {
                return Some(from..until);
            }
        }
        from += 1;
    }
    None
}

/// Merges one run of small files of a stream, if there is one; those that `hot` touches stay. Returns how many files of
/// requests went into one.
pub(crate) async fn merge(home: &Home, hot: &Times, now: Instant) -> Result<usize, Failure> {
    let book = |error: leap_book::BookError| Failure::from_error(&error);
    let head = home.book.trace_head().await.map_err(book)?;
    // Older files have become as large as they will.
    let from = hot.reach().map_or(0, |(first, _)| first.saturating_sub(RECENT_NS));
    let (_, live) = home.book.trace_files(from, u64::MAX, None).await.map_err(book)?;
    let mut months = BTreeMap::<_, Vec<(&TraceFile, &TraceFile)>>::new();
    for pair in pairs(&live)? {
        let scope = &pair.0.record.scope;
        if scope.source.as_str() == STREAM && !hot.touch(pair.0.first_ns, pair.0.last_ns) {
            months.entry(scope).or_default().push(pair);
        }
    }
    for of_month in months.values_mut() {
        of_month.sort_by_key(|(file, _)| (file.last_ns, file.first_ns));
        let rows: Vec<u64> = of_month.iter().map(|(file, _)| file.record.rows).collect();
        if let Some(run) = run_of(&rows) {
            let run = &of_month[run];
            merge_run(home, (&head, &live), run, now).await?;
            return Ok(run.len());
        }
    }
    Ok(0)
}

async fn merge_run(
    home: &Home,
    (head, live): (&TraceHead, &[TraceFile]),
    run: &[(&TraceFile, &TraceFile)],
    now: Instant,
) -> Result<(), Failure> {
    let staging = home.lake.stage(&format!("traces-{}", head.change + 1)).map_err(problem)?;
    let open = |file: &FileRecord, columns: Option<&[&str]>| home.lake.scan(file, columns);
    let (mut all, mut add, mut remove, mut spans) = (Requests::new(), vec![], vec![], vec![]);
    for (requests, slices) in run {
        read_pair(&mut all, (&requests.record, &slices.record), true, &open)?;
        remove.extend([requests.record.path.clone(), slices.record.path.clone()]);
        if let Some(beside) = spans_beside(live, &requests.record) {
            remove.push(beside.record.path.clone());
            spans.push(beside);
        }
    }
    // The first one's delivery names what is made of them: nothing else of it is left.
    let first = &run.first().ok_or_else(|| Failure::failed("nothing to merge"))?.0.record;
    write_requests(&staging, &all, (&first.scope.source, &first.delivery), &mut add)?;
    let slowest = slowest(&all);
    add.extend(copy_spans(home, &staging, &spans, &first.delivery, &|id| slowest.contains(id))?);
    let change = Change { add, remove, ..Change::of(head, live) };
    publish(home, staging, change, &format!("merge of {} files", run.len()), now).await
}

/// Lets files of the stream go that were replaced so long ago that nobody may ask for them any more, some at a time.
/// Returns how many. The book says so first: a crash in between leaves files that it does not name, which `leap doctor
/// --collect` removes.
pub(crate) async fn forget_replaced(home: &Home, now: Instant) -> Result<usize, Failure> {
    let days = i64::try_from(home.settings.latency.replaced_days).unwrap_or(i64::MAX);
    let before = Instant::from_micros(now.micros().saturating_sub(days.saturating_mul(86_400_000_000)));
    let source = SourceId::new(STREAM).expect("a plain word");
    let gone = home.book.forget_trace_files(&source, (before, now), &crate::publish::actor(), FORGOTTEN).await;
    let gone = gone.map_err(|error| Failure::from_error(&error))?;
    for file in &gone {
        home.lake.let_go(file).map_err(problem)?;
    }
    Ok(gone.len())
}

/// Ids of the slowest traces of each API and hour.
fn slowest(requests: &Requests) -> BTreeSet<String> {
    let mut buckets = HashMap::<_, Vec<(u64, std::cmp::Reverse<&str>)>>::new();
    for (at, row) in requests.rows().iter().enumerate() {
        if let Some((trace, _)) = requests.ids(at).filter(|_| requests.text(row.api).is_empty()) {
            let bucket = (row.service, row.operation, row.start_ns / HOUR_NS);
            buckets.entry(bucket).or_default().push((row.latency_ns, std::cmp::Reverse(trace)));
        }
    }
    let mut ids = BTreeSet::new();
    for mut bucket in buckets.into_values() {
        bucket.sort_unstable_by(|a, b| b.cmp(a));
        ids.extend(bucket.iter().take(EXAMPLES).map(|(_, id)| id.0.to_owned()));
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of files that are left when every delivery has so many requests.
    fn left_after(deliveries: usize, requests: u64) -> (Vec<u64>, u64) {
        let (mut files, mut written) = (Vec::new(), 0);
        for _ in 0..deliveries {
            files.push(requests);
            if let Some(run) = run_of(&files) {
                let sum = files[run.clone()].iter().sum();
                written += sum;
                files.splice(run, [sum]);
            }
        }
        (files, written)
    }

    #[test]
    fn a_day_of_deliveries_leaves_few_files_and_writes_each_request_a_few_times() {
        for (requests, most, times) in [(1, 30, 7), (300, 30, 6), (9_000, 200, 3), (270_000, 2_880, 1)] {
            let (files, written) = left_after(2_880, requests);
            assert_eq!(files.iter().sum::<u64>(), 2_880 * requests);
            assert!(files.len() <= most, "{requests} a delivery: {} files", files.len());
            assert!(written <= times * 2_880 * requests, "{requests} a delivery: {written} written");
        }
    }

    #[test]
    fn only_neighbours_of_one_size_are_merged() {
        assert_eq!(run_of(&[300, 300, 300]), None);
        assert_eq!(run_of(&[300, 300, 300, 300]), Some(0..4));
        assert_eq!(run_of(&[4_000, 300, 300, 300, 4_000]), None);
        // A small one among large ones goes along with them.
        assert_eq!(run_of(&[4_000, 3_900, 10, 4_000, 4_000, 300]), Some(0..5));
        assert_eq!(run_of(&[LARGEST, LARGEST, LARGEST, LARGEST]), None);
    }
}
