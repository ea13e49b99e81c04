//! Requests back from the lake.

use std::collections::HashMap;

use leap_book::TraceFile;
use leap_lake::LakeError;
use leap_orient::latency::{Example, RequestRow, Requests, RowsError};
use leap_terms::tables::Table;
use leap_terms::{FileRecord, Instant, Names};

use crate::failure::Failure;
use crate::home::Home;

/// Traces kept whole, and the names that their spans refer to.
pub(crate) struct Examples {
    /// The traces.
    pub(crate) traces: Vec<Example>,
    /// The names.
    pub(crate) names: Names,
}

fn problem(error: LakeError) -> Failure {
    Failure::from_error(&error)
}

fn damaged(file: &FileRecord) -> impl Fn(RowsError) -> Failure + '_ {
    |error| {
        Failure::quality(format!(
            "{error}, in {}: the file is damaged; leap doctor says more, and a backup has it whole",
            file.path
        ))
    }
}

/// Opens files of the lake, staged or published.
pub(crate) type Open<'a> = &'a dyn Fn(&FileRecord, Option<&[&str]>) -> Result<leap_lake::Batches, LakeError>;

/// Adds the requests of a pair of files.
pub(crate) fn read_pair(
    requests: &mut Requests,
    (first, second): (&FileRecord, &FileRecord),
    with_ids: bool,
    open: Open<'_>,
) -> Result<(), Failure> {
    let from = requests.rows().len();
    let columns = Requests::request_columns(with_ids);
    for batch in open(first, Some(&columns)).map_err(problem)? {
        requests.read_requests(&batch.map_err(problem)?).map_err(damaged(first))?;
    }
    for batch in open(second, Some(&Requests::slice_columns())).map_err(problem)? {
        requests.read_slices(&batch.map_err(problem)?).map_err(damaged(second))?;
    }
    requests.check(from).map_err(damaged(second))
}

/// The pairs of files that belong together: same delivery and month, `requests` and `slices`.
pub(crate) fn pairs(files: &[TraceFile]) -> Result<Vec<(&TraceFile, &TraceFile)>, Failure> {
    let of = |table: Table| files.iter().filter(move |file| file.record.table == table);
    let named = |file: &'_ TraceFile| (file.record.delivery.clone(), file.record.scope.clone());
    let slices: HashMap<_, &TraceFile> = of(Table::Slices).map(|file| (named(file), file)).collect();
    let mut pairs = Vec::new();
    for request in of(Table::Requests) {
        let slices = slices.get(&named(request)).copied().ok_or_else(|| {
            Failure::quality(format!("{} has no slices beside it; restore a backup", request.record.path))
        })?;
        pairs.push((request, slices));
    }
    Ok(pairs)
}

/// Requests that began in `[from_ns, until_ns)` and for which `keep` holds, as they were known on an instant.
pub(crate) async fn load(
    home: &Home,
    (from_ns, until_ns): (u64, u64),
    known_on: Option<Instant>,
    with_ids: bool,
) -> Result<Requests, Failure> {
    let (_, files) =
        home.book.trace_files(from_ns, until_ns, known_on).await.map_err(|error| Failure::from_error(&error))?;
    let open = |file: &FileRecord, columns: Option<&[&str]>| home.lake.scan(file, columns);
    let mut all = Requests::new();
    for (requests, slices) in pairs(&files)? {
        read_pair(&mut all, (&requests.record, &slices.record), with_ids, &open)?;
    }
    if all.rows().iter().any(|row| row.start_ns < from_ns || row.start_ns >= until_ns) {
        all.retain(|_, row| row.start_ns >= from_ns && row.start_ns < until_ns);
    }
    Ok(all)
}

/// As [`load`], without what the requests are made of: what can be counted of them.
pub(crate) async fn load_counted(
    home: &Home,
    (from_ns, until_ns): (u64, u64),
    known_on: Option<Instant>,
) -> Result<Requests, Failure> {
    let files = home.book.trace_files_of(Table::Requests, from_ns, until_ns, known_on).await;
    let mut all = Requests::new();
    for file in files.map_err(|error| Failure::from_error(&error))? {
        read_counted(&mut all, home, &file.record)?;
    }
    if all.rows().iter().any(|row| row.start_ns < from_ns || row.start_ns >= until_ns) {
        all.retain(|_, row| row.start_ns >= from_ns && row.start_ns < until_ns);
    }
    Ok(all)
}

fn read_counted(requests: &mut Requests, home: &Home, file: &FileRecord) -> Result<(), Failure> {
    for batch in home.lake.scan(file, Some(&Requests::request_columns(false))).map_err(problem)? {
        requests.read_requests(&batch.map_err(problem)?).map_err(damaged(file))?;
    }
    requests.forget_parts();
    Ok(())
}

/// Gives the requests that [`load_counted`] reads to who counts them, a file at a time: many more than memory holds.
pub(crate) async fn count_each(
    home: &Home,
    span: (u64, u64),
    known_on: Option<Instant>,
    mut count: impl FnMut(&Requests, &RequestRow),
) -> Result<(), Failure> {
    count_files(home, span, known_on, |requests, rows| rows.for_each(|row| count(requests, row))).await
}

/// As [`count_each`], all requests of a file together: names have the same numbers in it.
pub(crate) async fn count_files(
    home: &Home,
    (from_ns, until_ns): (u64, u64),
    known_on: Option<Instant>,
    mut count: impl FnMut(&Requests, &mut dyn Iterator<Item = &RequestRow>),
) -> Result<(), Failure> {
    let files = home.book.trace_files_of(Table::Requests, from_ns, until_ns, known_on).await;
    for file in files.map_err(|error| Failure::from_error(&error))? {
        let mut requests = Requests::new();
        read_counted(&mut requests, home, &file.record)?;
        let within = |row: &&RequestRow| row.start_ns >= from_ns && row.start_ns < until_ns;
        count(&requests, &mut requests.rows().iter().filter(within));
    }
    Ok(())
}

/// Traces that are kept whole, those whose ids `wanted` chooses.
pub(crate) async fn examples_of(
    home: &Home,
    (from_ns, until_ns): (u64, u64),
    known_on: Option<Instant>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Examples, Failure> {
    let (_, files) =
        home.book.trace_files(from_ns, until_ns, known_on).await.map_err(|error| Failure::from_error(&error))?;
    let files: Vec<&TraceFile> = files.iter().filter(|file| file.record.table == Table::Spans).collect();
    read_examples(home, &files, wanted)
}

/// The traces of files of spans, those whose ids `wanted` chooses.
pub(crate) fn read_examples(
    home: &Home,
    files: &[&TraceFile],
    wanted: impl Fn(&str) -> bool,
) -> Result<Examples, Failure> {
    let mut found = leap_orient::latency::Examples::new();
    for file in files {
        for batch in home.lake.scan(&file.record, None).map_err(problem)? {
            found.read(&batch.map_err(problem)?, &wanted).map_err(damaged(&file.record))?;
        }
    }
    let (traces, names) = found.finish();
    Ok(Examples { traces, names })
}
