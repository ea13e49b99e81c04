//! Whole traces that are kept as examples: rows of the table `spans`, and traces again.
//!
//! ```text
//! spans  2026-08-17  7f3a…  01b2…  (no parent)  charge-api  POST /v1/charges  server  1755…000 – 1755…612 ns
//! ```
//! Only the slowest of each API and hour are kept, so that the tail can be looked at and replayed without keeping all.

use arrow::array::{Array, AsArray, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};
use hashbrown::HashMap;
use leap_terms::{NameId, Names, Span, SpanId, SpanKind, Trace, TraceId, tables};
use std::sync::Arc;

use super::rows::{RowsError, day_of};

/// Spans to be kept.
#[derive(Clone, Default)]
pub struct SpanRows {
    rows: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    trace: Arc<str>,
    id: Box<str>,
    parent: Option<Box<str>>,
    texts: [Arc<str>; 4],
    kind: SpanKind,
    flags: u8,
    start: u64,
    end: u64,
}

impl SpanRows {
    /// Adds the spans of a trace; `text` shows a span's id as it was written.
    pub fn add<'t>(
        &mut self,
        trace: &Trace,
        id: &str,
        names: &Names,
        text: impl Fn(SpanId) -> std::borrow::Cow<'t, str>,
    ) {
        let shared: Arc<str> = id.into();
        let mut known = HashMap::<NameId, Arc<str>>::new();
        let mut name = |id: NameId| known.entry(id).or_insert_with(|| names.text(id).into()).clone();
        for span in &trace.spans {
            self.rows.push(Row {
                trace: shared.clone(),
                id: text(span.id).into(),
                parent: (!span.parent.is_none()).then(|| text(span.parent).into()),
                texts: [name(span.service), name(span.host), name(span.operation), name(span.peer)],
                kind: span.kind,
                flags: span.flags,
                start: span.start,
                end: span.end,
            });
        }
    }

    /// The same without the spans of some traces.
    pub fn without(mut self, traces: &std::collections::BTreeSet<String>) -> SpanRows {
        self.rows.retain(|row| !traces.contains(&*row.trace));
        self
    }

    /// How many spans.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, sorted by trace, start and id. `None` where a time is beyond the year 2262.
    pub fn batch(mut self) -> Option<RecordBatch> {
        self.rows.sort_by(|a, b| (&a.trace, a.start, &a.id).cmp(&(&b.trace, b.start, &b.id)));
        let rows = &self.rows;
        if rows.iter().any(|row| i64::try_from(row.end.max(row.start)).is_err()) {
            return None;
        }
        let text = |get: &dyn Fn(&Row) -> &str| Arc::new(StringArray::from_iter_values(rows.iter().map(get)));
        let maybe = |get: &dyn Fn(&Row) -> Option<&str>| Arc::new(rows.iter().map(get).collect::<StringArray>());
        let long = |get: &dyn Fn(&Row) -> u64| {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| get(r).cast_signed())))
        };
        let batch = RecordBatch::try_new(
            tables::spans(),
            vec![
                Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| day_of(row.start).days()))),
                text(&|row| &row.trace),
                text(&|row| &row.id),
                maybe(&|row| row.parent.as_deref()),
                text(&|row| &row.texts[0]),
                text(&|row| &row.texts[1]),
                text(&|row| &row.texts[2]),
                text(&|row| row.kind.word()),
                maybe(&|row| Some(&*row.texts[3]).filter(|peer| !peer.is_empty())),
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| i32::from(row.flags)))),
                long(&|row| row.start),
                long(&|row| row.end),
            ],
        );
        Some(batch.expect("columns are those of the schema"))
    }
}

/// A trace that was kept.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its id as it was written.
    pub id: String,
    /// Its spans; ids are the values of hexadecimal digits, or ranks in order of text.
    pub trace: Trace,
    /// Ids of the spans as they were written, in the order of the trace's.
    pub span_ids: Vec<String>,
}

impl Example {
    /// The span of an id as it was written.
    pub fn span(&self, id: &str) -> Option<&Span> {
        self.span_ids.iter().position(|other| other == id).map(|at| &self.trace.spans[at])
    }
}

/// Traces being read back, batch by batch; a trace's rows must follow each other.
#[derive(Default)]
pub struct Examples {
    /// Names of the spans.
    pub names: Names,
    read: Vec<(Example, Vec<String>)>,
}

impl Examples {
    /// None yet.
    pub fn new() -> Examples {
        Examples { names: Names::new(), read: Vec::new() }
    }

    /// Adds the traces of a batch of `spans` for which `wanted` holds.
    ///
    /// # Errors
    /// [`RowsError`]: the rows are damaged.
    pub fn read(&mut self, batch: &RecordBatch, wanted: impl Fn(&str) -> bool) -> Result<(), RowsError> {
        let text = |name: &'static str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            column.ok_or(RowsError::Column(name))
        };
        let long = |name: &'static str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
            column.ok_or(RowsError::Column(name))
        };
        let (trace, id, parent) = (text("trace_id")?, text("span_id")?, text("parent_span_id")?);
        let (service, host, operation) = (text("service")?, text("host")?, text("operation")?);
        let (kind, peer, start, end) = (text("kind")?, text("peer")?, long("start_ns")?, long("end_ns")?);
        let flags = batch.column_by_name("flags").and_then(|column| column.as_primitive_opt::<Int32Type>());
        let flags = flags.ok_or(RowsError::Column("flags"))?;
        let names = &mut self.names;
        let mut name = |column: &StringArray, row: usize| {
            if column.is_null(row) { NameId::NONE } else { names.number(column.value(row)) }
        };
        for row in (0..batch.num_rows()).filter(|row| wanted(trace.value(*row))) {
            if self.read.last().is_none_or(|(last, _)| last.id != trace.value(row)) {
                let trace_id = TraceId(self.read.len() as u128 + 1);
                let id = trace.value(row).to_owned();
                let empty = Trace { id: trace_id, ..Trace::default() };
                self.read.push((Example { id, trace: empty, span_ids: Vec::new() }, Vec::new()));
            }
            let number = |column: &Int64Array, name: &'static str| {
                u64::try_from(column.value(row)).map_err(|_| RowsError::Value {
                    column: name,
                    value: column.value(row).to_string(),
                    what: "time after 1970",
                })
            };
            let word = kind.value(row);
            let span = Span {
                id: SpanId::NONE,
                parent: SpanId::NONE,
                start: number(start, "start_ns")?,
                end: number(end, "end_ns")?,
                service: name(service, row),
                host: name(host, row),
                operation: name(operation, row),
                peer: name(peer, row),
                kind: (0..6).map(SpanKind::from_number).find(|kind| kind.word() == word).unwrap_or_default(),
                flags: u8::try_from(flags.value(row)).unwrap_or_default(),
            };
            let (example, parents) = self.read.last_mut().expect("one was pushed");
            example.span_ids.push(id.value(row).to_owned());
            example.trace.spans.push(span);
            parents.push(if parent.is_null(row) { String::new() } else { parent.value(row).to_owned() });
        }
        Ok(())
    }

    /// The traces, with their spans linked, and the names that they refer to.
    pub fn finish(self) -> (Vec<Example>, Names) {
        let link = |(mut example, parents): (Example, Vec<String>)| {
            let known = Known::of(example.span_ids.iter().chain(&parents).map(String::as_str));
            for (at, span) in example.trace.spans.iter_mut().enumerate() {
                (span.id, span.parent) = (known.id(&example.span_ids[at]), known.id(&parents[at]));
            }
            example
        };
        (self.read.into_iter().map(link).collect(), self.names)
    }
}

/// Ids of one trace: values of hexadecimal digits where all have the same number of them, else ranks in order of text, as
/// intake has them; `/s2` behind one tells the server halves of a shared span apart.
enum Known {
    Values,
    Ranks(HashMap<String, u64>),
}

fn halves(text: &str) -> (&str, u16) {
    match text.rsplit_once("/s").map(|(id, half)| (id, half.parse())) {
        Some((id, Ok(half))) => (id, half),
        Some((_, Err(_))) | None => (text, 0),
    }
}

impl Known {
    fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Known {
        let mut ids: Vec<&str> = texts.map(|text| halves(text).0).filter(|id| !id.is_empty()).collect();
        ids.sort_unstable();
        ids.dedup();
        let length = ids.first().map_or(0, |id| id.len());
        let plain = |id: &&str| {
            id.len() == length && length <= 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if ids.iter().all(plain) {
            return Known::Values;
        }
        Known::Ranks(ids.into_iter().map(str::to_owned).zip(1..).collect())
    }

    fn id(&self, text: &str) -> SpanId {
        let (id, half) = halves(text);
        let bits = match self {
            Known::Values => u64::from_str_radix(id, 16).unwrap_or_default(),
            Known::Ranks(ranks) => ranks.get(id).copied().unwrap_or_default(),
        };
        SpanId { bits, half }
    }
}
