//! Requests as they are kept: rows of the tables `requests` and `slices`, made from attributed requests and read back.
//!
//! ```text
//! requests  2026-08-17  7f3a…  01b2…  charge-api  POST /v1/charges  4,612,000,000 ns  weight 2²⁰  3 slices
//! slices    ledger  edge  caller charge-api   3,100,000,000 ns
//!           payments  self                    1,400,000,000 ns
//!           charge-api  self                    112,000,000 ns      together the latency, to the nanosecond
//! ```
//! Kept is what was known when the trace came; teams are not. So a reorg reads no trace again. Slices of a request are
//! sorted by service, kind and caller, as names; requests by start, trace and root: the same requests give the same
//! bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use leap_terms::{Day, Month, NameId, Names, Weight, tables};

use super::lcp::{Attributed, Part, SliceKind, Stats};
use crate::tail::Units;

const NS_PER_DAY: u64 = 86_400_000_000_000;

/// Rows that are not what [`Requests::batches`] gave.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RowsError {
    /// A column is missing or of another type.
    #[error("read requests: column {0} is missing or of another type")]
    Column(&'static str),
    /// A value is out of range.
    #[error("read requests: {column} holds {value}, which is no {what}")]
    Value {
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
        /// What it should be.
        what: &'static str,
    },
    /// Slices and requests do not belong together.
    #[error("read requests: request {trace} of {latency_ns} ns has slices of {slices_ns} ns")]
    NotItsSum {
        /// The trace, where ids were read.
        trace: String,
        /// The latency.
        latency_ns: u64,
        /// What its slices add up to.
        slices_ns: u128,
    },
    /// One file has more rows than the other says.
    #[error("read requests: they have {wanted} slices, but {found} were found")]
    Slices {
        /// What the requests say.
        wanted: usize,
        /// What there is.
        found: usize,
    },
}

/// One request, without its ids and slices.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestRow {
    /// Service at which it begins.
    pub service: NameId,
    /// Operation at which it begins.
    pub operation: NameId,
    /// The API whose span inside another request it is; [`NameId::NONE`] for requests that begin their trace.
    pub api: NameId,
    /// Start, ns since the epoch.
    pub start_ns: u64,
    /// Duration, ns.
    pub latency_ns: u64,
    /// Requests that it stands for.
    pub weight: Units,
    /// False where the trace does not say how it was sampled.
    pub weight_known: bool,
    /// The root ended with an error.
    pub error: bool,
    /// The trace was closed before it was whole.
    pub incomplete: bool,
    /// Spans of its trace.
    pub spans: u64,
    /// What attribution met, as a JSON object; empty where nothing.
    pub counters: Box<str>,
    first: u32,
    count: u32,
}

impl RequestRow {
    /// UTC day of its start.
    pub fn day(&self) -> Day {
        day_of(self.start_ns)
    }
}

/// UTC day of an instant in ns since the epoch.
pub fn day_of(ns: u64) -> Day {
    Day::from_days(i32::try_from(ns / NS_PER_DAY).unwrap_or(i32::MAX))
}

/// Start of a UTC day, ns since the epoch; days before 1970 begin at 0.
pub fn start_of(day: Day) -> u64 {
    u64::try_from(day.days()).unwrap_or(0) * NS_PER_DAY
}

/// Requests with their slices.
#[derive(Clone, Default, Debug)]
pub struct Requests {
    names: Names,
    rows: Vec<RequestRow>,
    parts: Vec<Part>,
    /// Trace and root as they were written; empty where they were not read.
    ids: Vec<(Box<str>, Box<str>)>,
}

impl Requests {
    /// None yet.
    pub fn new() -> Requests {
        Requests { names: Names::new(), ..Requests::default() }
    }

    /// The names that rows and slices refer to.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A name's text.
    pub fn text(&self, name: NameId) -> &str {
        self.names.text(name)
    }

    /// The requests.
    pub fn rows(&self) -> &[RequestRow] {
        &self.rows
    }

    /// The slices of a request, sorted by the texts of service, kind and caller.
    pub fn parts(&self, row: &RequestRow) -> &[Part] {
        &self.parts[row.first as usize..(row.first + row.count) as usize]
    }

    /// Ids of trace and root of the request at this place; `None` where they were not read.
    pub fn ids(&self, at: usize) -> Option<(&str, &str)> {
        self.ids.get(at).map(|(trace, root)| (&**trace, &**root))
    }

    /// Adds an attributed request; `names` are those that it refers to, `api` the API of a request inside another.
    /// False where it began after the year 2262 or took longer than 292 years, which no column holds: then it is not
    /// added.
    pub fn add(
        &mut self,
        request: &Attributed<'_>,
        spans: usize,
        names: &Names,
        (trace, root): (&str, &str),
        api: Option<&str>,
    ) -> bool {
        if i64::try_from(request.start).is_err() || i64::try_from(request.latency_ns).is_err() {
            return false;
        }
        let mut known = |name: NameId| if name == NameId::NONE { name } else { self.names.number(names.text(name)) };
        let first = self.parts.len() as u32;
        for part in request.parts {
            self.parts.push(Part { owner: known(part.owner), caller: known(part.caller), ..*part });
        }
        let (service, operation) = (known(request.service), known(request.operation));
        let api = api.map_or(NameId::NONE, |api| self.names.number(api));
        let names = &self.names;
        let order = |part: &Part| (names.text(part.owner), part.kind, names.text(part.caller));
        self.parts[first as usize..].sort_by(|a, b| order(a).cmp(&order(b)));
        self.rows.push(RequestRow {
            service,
            operation,
            api,
            start_ns: request.start,
            latency_ns: request.latency_ns,
            weight: request.weight.into(),
            weight_known: request.weight != Weight::Unknown,
            error: request.error,
            incomplete: request.incomplete,
            spans: spans as u64,
            counters: counters(&request.stats),
            first,
            count: self.parts.len() as u32 - first,
        });
        self.ids.push((trace.into(), root.into()));
        true
    }

    /// Keeps the rows for which `keep` holds, given their places, and their slices.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &RequestRow) -> bool) {
        let (rows, parts) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.parts));
        let mut ids = std::mem::take(&mut self.ids).into_iter();
        for (at, mut row) in rows.into_iter().enumerate() {
            let ids = ids.next();
            if !keep(at, &row) {
                continue;
            }
            let first = self.parts.len() as u32;
            self.parts.extend_from_slice(&parts[row.first as usize..(row.first + row.count) as usize]);
            row.first = first;
            self.rows.push(row);
            self.ids.extend(ids);
        }
    }

    /// Forgets what requests are made of: for who counts them, and read no slices.
    pub fn forget_parts(&mut self) {
        self.parts.clear();
        for row in &mut self.rows {
            (row.first, row.count) = (0, 0);
        }
    }

    /// Places of the rows by month of their start, each month's sorted by start, trace and root.
    pub fn by_month(&self) -> BTreeMap<Month, Vec<u32>> {
        let mut months = BTreeMap::<Month, Vec<u32>>::new();
        for (at, row) in self.rows.iter().enumerate() {
            months.entry(row.day().month()).or_default().push(at as u32);
        }
        for places in months.values_mut() {
            let key = |at: &u32| (self.rows[*at as usize].start_ns, self.ids.get(*at as usize));
            places.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        months
    }

    /// Rows of `requests` and of `slices`, in this order.
    pub fn batches(&self, places: &[u32]) -> (RecordBatch, RecordBatch) {
        let rows: Vec<&RequestRow> = places.iter().map(|at| &self.rows[*at as usize]).collect();
        let text = |name: &dyn Fn(&RequestRow) -> NameId| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| self.text(name(row)))))
        };
        let number = |value: &dyn Fn(&RequestRow) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| value(row).cast_signed())))
        };
        let flag = |value: &dyn Fn(&RequestRow) -> bool| -> ArrayRef {
            Arc::new(rows.iter().map(|row| Some(value(row))).collect::<BooleanArray>())
        };
        let ids = || places.iter().map(|at| &self.ids[*at as usize]);
        let trace_ids = StringArray::from_iter_values(ids().map(|(trace, _)| &**trace));
        let root_ids = StringArray::from_iter_values(ids().map(|(_, root)| &**root));
        let days: ArrayRef = Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.day().days())));
        let requests = RecordBatch::try_new(
            tables::requests(),
            vec![
                days,
                Arc::new(trace_ids),
                Arc::new(root_ids),
                text(&|row| row.service),
                text(&|row| row.operation),
                maybe(rows.iter().map(|row| self.text(row.api))),
                number(&|row| row.start_ns),
                number(&|row| row.latency_ns),
                number(&|row| row.weight.count()),
                flag(&|row| row.weight_known),
                flag(&|row| row.error),
                flag(&|row| row.incomplete),
                number(&|row| row.spans),
                number(&|row| u64::from(row.count)),
                maybe(rows.iter().map(|row| &*row.counters)),
            ],
        )
        .expect("columns are those of the schema");
        let mut all: Vec<(usize, Day, &Part)> = Vec::new();
        for at in places {
            let row = &self.rows[*at as usize];
            all.extend(self.parts(row).iter().map(|part| (*at as usize, row.day(), part)));
        }
        let all = all.iter();
        let slices = RecordBatch::try_new(
            tables::slices(),
            vec![
                Arc::new(Date32Array::from_iter_values(all.clone().map(|(_, day, _)| day.days()))),
                Arc::new(StringArray::from_iter_values(all.clone().map(|(at, _, _)| &*self.ids[*at].0))),
                Arc::new(StringArray::from_iter_values(all.clone().map(|(at, _, _)| &*self.ids[*at].1))),
                Arc::new(StringArray::from_iter_values(all.clone().map(|(_, _, part)| self.text(part.owner)))),
                Arc::new(StringArray::from_iter_values(all.clone().map(|(_, _, part)| part.kind.word()))),
                maybe(all.clone().map(|(_, _, part)| self.text(part.caller))),
                Arc::new(Int64Array::from_iter_values(all.map(|(_, _, part)| part.ns.cast_signed()))),
            ],
        )
        .expect("columns are those of the schema");
        (requests, slices)
    }

    /// The columns of `requests` that [`Requests::read_requests`] needs, with ids or without.
    pub fn request_columns(with_ids: bool) -> Vec<&'static str> {
        let mut columns = vec![
            "service",
            "operation",
            "api",
            "start_ns",
            "latency_ns",
            "weight",
            "weight_known",
            "error",
            "incomplete",
            "spans",
            "slices",
            "counters",
        ];
        if with_ids {
            columns.extend(["trace_id", "root_span_id"]);
        }
        columns
    }

    /// The columns of `slices` that [`Requests::read_slices`] needs.
    pub fn slice_columns() -> [&'static str; 4] {
        ["service", "kind", "caller", "ns"]
    }

    /// Adds rows of `requests`; those of `slices` come after all of one file.
    ///
    /// # Errors
    /// [`RowsError`]: the rows are damaged.
    pub fn read_requests(&mut self, batch: &RecordBatch) -> Result<(), RowsError> {
        let (service, operation, api) = (text(batch, "service")?, text(batch, "operation")?, text(batch, "api")?);
        let counters = text(batch, "counters")?;
        let (start, latency) = (long(batch, "start_ns")?, long(batch, "latency_ns")?);
        let (weight, spans, slices) = (long(batch, "weight")?, long(batch, "spans")?, long(batch, "slices")?);
        let (known, error, incomplete) =
            (flags(batch, "weight_known")?, flags(batch, "error")?, flags(batch, "incomplete")?);
        let ids = match (batch.column_by_name("trace_id"), batch.column_by_name("root_span_id")) {
            (Some(_), Some(_)) => Some((text(batch, "trace_id")?, text(batch, "root_span_id")?)),
            _ => None,
        };
        let mut next = self.rows.last().map_or(0, |row| row.first + row.count);
        for at in 0..batch.num_rows() {
            let count = unsigned("slices", slices.value(at))?;
            let count = u32::try_from(count).ok().filter(|count| next.checked_add(*count).is_some());
            let count = count.ok_or_else(|| wrong("slices", slices.value(at), "number of slices"))?;
            let units = Units::from_count(unsigned("weight", weight.value(at))?)
                .ok_or_else(|| wrong("weight", weight.value(at), "weight"))?;
            let api = if api.is_null(at) { NameId::NONE } else { self.names.number(api.value(at)) };
            self.rows.push(RequestRow {
                service: self.names.number(service.value(at)),
                operation: self.names.number(operation.value(at)),
                api,
                start_ns: unsigned("start_ns", start.value(at))?,
                latency_ns: unsigned("latency_ns", latency.value(at))?,
                weight: units,
                weight_known: known.value(at),
                error: error.value(at),
                incomplete: incomplete.value(at),
                spans: unsigned("spans", spans.value(at))?,
                counters: if counters.is_null(at) { "".into() } else { counters.value(at).into() },
                first: next,
                count,
            });
            next += count;
            if let Some((trace, root)) = &ids {
                self.ids.push((trace.value(at).into(), root.value(at).into()));
            }
        }
        Ok(())
    }

    /// Adds rows of `slices`, in the order of the requests read.
    ///
    /// # Errors
    /// [`RowsError`]: the rows are damaged.
    pub fn read_slices(&mut self, batch: &RecordBatch) -> Result<(), RowsError> {
        let (service, kind, caller) = (text(batch, "service")?, text(batch, "kind")?, text(batch, "caller")?);
        let ns = long(batch, "ns")?;
        for at in 0..batch.num_rows() {
            let word = kind.value(at);
            let kind = SliceKind::ALL.into_iter().find(|kind| kind.word() == word);
            let caller = if caller.is_null(at) { NameId::NONE } else { self.names.number(caller.value(at)) };
            self.parts.push(Part {
                owner: self.names.number(service.value(at)),
                kind: kind.ok_or_else(|| wrong("kind", word, "kind of slice"))?,
                caller,
                ns: unsigned("ns", ns.value(at))?,
            });
        }
        Ok(())
    }

    /// Checks that requests and slices belong together: as many as said, each request's adding up to its latency. To be
    /// called after each file, from the number of rows that there were before it.
    ///
    /// # Errors
    /// [`RowsError::Slices`], [`RowsError::NotItsSum`].
    pub fn check(&self, from: usize) -> Result<(), RowsError> {
        let wanted = self.rows.last().map_or(0, |row| (row.first + row.count) as usize);
        if wanted != self.parts.len() {
            return Err(RowsError::Slices { wanted, found: self.parts.len() });
        }
        for (at, row) in self.rows.iter().enumerate().skip(from) {
            let slices_ns = self.parts(row).iter().map(|part| u128::from(part.ns)).sum();
            if slices_ns != u128::from(row.latency_ns) {
                let trace = self.ids(at).map_or_else(String::new, |(trace, _)| trace.to_owned());
                return Err(RowsError::NotItsSum { trace, latency_ns: row.latency_ns, slices_ns });
            }
        }
        Ok(())
    }
}

/// Counters that are not 0, as a JSON object with sorted keys; empty where all are.
fn counters(stats: &Stats) -> Box<str> {
    let found: Vec<String> = stats
        .counted()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("\"{name}\":{count}"))
        .collect();
    if found.is_empty() { "".into() } else { format!("{{{}}}", found.join(",")).into() }
}

/// Texts, null where they are empty.
pub(super) fn maybe<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(|text| Some(text).filter(|text| !text.is_empty())).collect::<StringArray>())
}

pub(super) fn text<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, RowsError> {
    batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).ok_or(RowsError::Column(name))
}

pub(super) fn long<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a Int64Array, RowsError> {
    batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>()).ok_or(RowsError::Column(name))
}

pub(super) fn flags<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a BooleanArray, RowsError> {
    batch.column_by_name(name).and_then(|column| column.as_boolean_opt()).ok_or(RowsError::Column(name))
}

pub(super) fn unsigned(column: &'static str, value: i64) -> Result<u64, RowsError> {
    u64::try_from(value).map_err(|_| wrong(column, value, "count, which is never negative"))
}

pub(super) fn wrong(column: &'static str, value: impl ToString, what: &'static str) -> RowsError {
    RowsError::Value { column, value: value.to_string(), what }
}
