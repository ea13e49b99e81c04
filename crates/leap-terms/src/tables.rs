//! The tables of the lake, as Arrow schemas. Each page below is one table.
//!
//! Every table is partitioned by `x_LeapSource` and `x_LeapBillingPeriod` (text, `2026-09`); partition columns stand
//! in the path, not in the files. Keys and resources are named by 16-byte digests of their content, so the same fact
//! has the same name in every home and in any order of arrival.
//!
//! | table | one row is | why |
//! |---|---|---|
//! | `charges` | one charge, as delivered, normalised to FOCUS 1.4 names | drill-down, SQL, export, re-keying |
//! | `keys` | one attribution key: what an owner may depend on, but the resource | rules run over keys, not charges |
//! | `resources` | one resource: id and name | conditions on resources run once per resource |
//! | `cube` | one day × key × resource × currency, with exact sums | reports and re-attribution read this alone |
//! | `attribution` | one owner of a key (or of one resource under a key) over a period of days | the answer of the rules |
//! | `daily` | one day × owner × rule × commitment × currency, with exact sums | reorgs, pools and reports by team read this alone |
//! | `requests` | one request, as a trace shows it | quantiles of any API and time |
//! | `slices` | one service's time in one request, by kind and caller | whose the latency is, under the org of any day |
//! | `spans` | one span of a request that is kept as an example | critical paths of the tail, what-if |
//! | `tails` | one API's day of requests, packed | quantiles with their composition over months |
//! | `histograms` | one API's hour of latencies as its service measured them, all of them | quantiles where traces are a sample |
//!
//! The last five are latency: times are whole nanoseconds, the source is `traces` or `otlp`, and the month is that in
//! which the request began. They are published on their own (`Table::LATENCY`), the others together (`Table::MONEY`).
//!
//! Decimals take two columns: `C` counts 10⁻¹⁸ (Decimal128(38, 18); costs of single charges (30, 18)) and
//! `x_LeapFineC` the digits 19 to 30 (Decimal128(38, 30), in [0, 10⁻¹⁸), null when zero). The exact value is their sum.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::cost::CostKind;
use crate::focus::{COLUMNS, ColumnRole, ColumnType, with_role};

/// Partition column: the source's name.
pub const SOURCE: &str = "x_LeapSource";
/// Partition column: the billing period, `2026-09`.
pub const BILLING_PERIOD: &str = "x_LeapBillingPeriod";
/// Lineage: the delivery that brought the charge.
pub const DELIVERY: &str = "x_LeapDelivery";
/// Lineage: number of the part in its delivery, from 0.
pub const PART: &str = "x_LeapPart";
/// Lineage: number of the data row in its part, from 1 (the header is not counted).
pub const ROW: &str = "x_LeapRow";
/// Digest of an attribution key.
pub const KEY: &str = "key";
/// Digest of a resource; null for charges without one.
pub const RESOURCE: &str = "resource";
/// UTC day on which the charge period starts.
pub const DAY: &str = "day";
/// The commitment that covers a charge.
pub const COMMITMENT: &str = "CommitmentDiscountId";
/// `Used` or `Unused`.
pub const COMMITMENT_STATUS: &str = "CommitmentDiscountStatus";
/// Number of charges folded.
pub const ROWS: &str = "rows";

/// A table of the lake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Table {
    /// Charges.
    Charges,
    /// Attribution keys.
    Keys,
    /// Resources.
    Resources,
    /// The day cube.
    Cube,
    /// The rules' answers.
    Attribution,
    /// What each owner has, day by day.
    Daily,
    /// Requests.
    Requests,
    /// Time of services in requests.
    Slices,
    /// Spans of requests that are kept as examples.
    Spans,
    /// Requests of an API and day, packed.
    Tails,
    /// Latencies of an API and hour as its service measured them.
    Histograms,
}

impl Table {
    /// The tables of money, in the order in which a publish writes them.
    pub const MONEY: [Table; 6] =
        [Table::Charges, Table::Keys, Table::Resources, Table::Cube, Table::Attribution, Table::Daily];
    /// The tables of latency, in the order in which a publish writes them.
    pub const LATENCY: [Table; 5] = [Table::Requests, Table::Slices, Table::Spans, Table::Tails, Table::Histograms];
    /// All tables.
    pub const ALL: [Table; 11] = [
        Table::Charges,
        Table::Keys,
        Table::Resources,
        Table::Cube,
        Table::Attribution,
        Table::Daily,
        Table::Requests,
        Table::Slices,
        Table::Spans,
        Table::Tails,
        Table::Histograms,
    ];

    /// The folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Table::Charges => "charges",
            Table::Keys => "keys",
            Table::Resources => "resources",
            Table::Cube => "cube",
            Table::Attribution => "attribution",
            Table::Daily => "daily",
            Table::Requests => "requests",
            Table::Slices => "slices",
            Table::Spans => "spans",
            Table::Tails => "tails",
            Table::Histograms => "histograms",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }
}

/// The column that holds the digits 19 to 30 of a decimal column.
pub fn fine_column(column: &str) -> String {
    format!("x_LeapFine{column}")
}

/// The type of `C`.
pub const COARSE: DataType = DataType::Decimal128(38, 18);
/// The type of `C` where it is a single charge's cost.
pub const COARSE_COST: DataType = DataType::Decimal128(30, 18);
/// The type of `x_LeapFineC`.
pub const FINE: DataType = DataType::Decimal128(38, 30);

/// The type of instants.
pub fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The names of the key columns of every home, by name; a home adds the columns that its rules name.
pub fn base_key_columns() -> Vec<String> {
    with_role(ColumnRole::Key).map(str::to_owned).collect()
}

/// Names of the decimal columns whose sums the cube keeps: the four costs and the two quantities.
pub fn summed_columns() -> [&'static str; 6] {
    let [billed, effective, list, contracted] = CostKind::ALL.map(CostKind::column);
    [billed, effective, list, contracted, "PricingQuantity", "ConsumedQuantity"]
}

/// `charges`: all FOCUS columns by name, each decimal's fine column, lineage, then `extra` (the `x_…` columns of the
/// bill, as text).
pub fn charges(extra: &[String]) -> SchemaRef {
    let mut fields = Vec::new();
    for column in &COLUMNS {
        let data_type = match column.column_type {
            ColumnType::Text | ColumnType::Json => DataType::Utf8,
            ColumnType::Instant => instant_type(),
            ColumnType::Decimal if CostKind::ALL.iter().any(|kind| kind.column() == column.name) => COARSE_COST,
            ColumnType::Decimal => COARSE,
        };
        fields.push(Field::new(column.name, data_type, true));
    }
    for column in COLUMNS.iter().filter(|column| column.column_type == ColumnType::Decimal) {
        fields.push(Field::new(fine_column(column.name), FINE, true));
    }
    fields.push(Field::new(DELIVERY, DataType::Utf8, false));
    fields.push(Field::new(PART, DataType::Int32, false));
    fields.push(Field::new(ROW, DataType::Int64, false));
    fields.extend(extra.iter().map(|name| Field::new(name, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
}

/// `keys`: the digest, then `key_columns` in their order, as text.
pub fn keys(key_columns: &[String]) -> SchemaRef {
    let mut fields = vec![Field::new(KEY, DataType::Binary, false)];
    fields.extend(key_columns.iter().map(|name| Field::new(name, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
}

/// `resources`: the digest, `ResourceId`, `ResourceName`.
pub fn resources() -> SchemaRef {
    let mut fields = vec![Field::new(RESOURCE, DataType::Binary, false)];
    fields.extend(with_role(ColumnRole::Resource).map(|name| Field::new(name, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
}

/// `cube`: day, key, resource, currency, then coarse and fine sums of [`summed_columns`], then the number of charges. A
/// quantity's sum is null where it leaves the range of an exact number (byte-seconds can).
pub fn cube() -> SchemaRef {
    let mut fields = vec![
        Field::new(DAY, DataType::Date32, false),
        Field::new(KEY, DataType::Binary, false),
        Field::new(RESOURCE, DataType::Binary, true),
        Field::new("BillingCurrency", DataType::Utf8, false),
    ];
    for column in summed_columns() {
        let is_cost = CostKind::ALL.iter().any(|kind| kind.column() == column);
        fields.push(Field::new(column, COARSE, !is_cost));
        fields.push(Field::new(fine_column(column), FINE, true));
    }
    fields.push(Field::new(ROWS, DataType::Int64, false));
    Arc::new(Schema::new(fields))
}

/// `attribution`: the owner of a key over `[from, until)`; `resource` is null for the key as a whole, and set where one
/// resource under the key has another answer. `owner` is a team id or `residual:<reason>`; `rule` is null where no
/// rule matched; `evidence` says what made the rule's answer (the tag's value, the mapping's row).
pub fn attribution() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(KEY, DataType::Binary, false),
        Field::new(RESOURCE, DataType::Binary, true),
        Field::new("from", DataType::Date32, false),
        Field::new("until", DataType::Date32, false),
        Field::new("owner", DataType::Utf8, false),
        Field::new("rule", DataType::Utf8, true),
        Field::new("evidence", DataType::Utf8, true),
    ]))
}

/// `daily`: the cube folded to what pools, reorgs and reports by owner need: day, owner, rule, the commitment and
/// whether it was used (null where the charge is covered by none), currency, coarse and fine sums of the four costs,
/// number of charges. Sorted by all of these, so that the same content has the same bytes.
pub fn daily() -> SchemaRef {
    let mut fields = vec![
        Field::new(DAY, DataType::Date32, false),
        Field::new("owner", DataType::Utf8, false),
        Field::new("rule", DataType::Utf8, true),
        Field::new(COMMITMENT, DataType::Utf8, true),
        Field::new(COMMITMENT_STATUS, DataType::Utf8, true),
        Field::new("BillingCurrency", DataType::Utf8, false),
    ];
    for kind in CostKind::ALL {
        fields.push(Field::new(kind.column(), COARSE, false));
        fields.push(Field::new(fine_column(kind.column()), FINE, true));
    }
    fields.push(Field::new(ROWS, DataType::Int64, false));
    Arc::new(Schema::new(fields))
}

/// `requests`: one request, sorted by start, trace and root.
///
/// | column | meaning |
/// |---|---|
/// | `day` | UTC day of its start |
/// | `trace_id`, `root_span_id` | as they were written, mostly 32 and 16 hexadecimal digits |
/// | `service`, `operation` | of the span at which it begins |
/// | `api` | the API of `apis.yaml` whose span inside of another request this is; null for requests that begin their trace |
/// | `start_ns` | nanoseconds since 1970-01-01T00:00:00Z |
/// | `latency_ns` | how long it took: the sum of its slices |
/// | `weight` | requests that it stands for, counted in 2⁻²⁰ |
/// | `weight_known` | false where the trace does not say how it was sampled |
/// | `error`, `incomplete` | the root ended with an error; the trace was closed before it was whole |
/// | `spans`, `slices` | spans of the trace; rows of it in `slices` |
/// | `counters` | what attribution met on the way, as a JSON object; null where nothing |
pub fn requests() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(DAY, DataType::Date32, false),
        Field::new("trace_id", DataType::Utf8, false),
        Field::new("root_span_id", DataType::Utf8, false),
        Field::new("service", DataType::Utf8, false),
        Field::new("operation", DataType::Utf8, false),
        Field::new("api", DataType::Utf8, true),
        Field::new("start_ns", DataType::Int64, false),
        Field::new("latency_ns", DataType::Int64, false),
        Field::new("weight", DataType::Int64, false),
        Field::new("weight_known", DataType::Boolean, false),
        Field::new("error", DataType::Boolean, false),
        Field::new("incomplete", DataType::Boolean, false),
        Field::new("spans", DataType::Int64, false),
        Field::new("slices", DataType::Int64, false),
        Field::new("counters", DataType::Utf8, true),
    ]))
}

/// `slices`: the time of one service in one request, in the order of `requests`. `service` owns the time (LCP-1E: the
/// callee of an edge, the peer of an external call); `caller` is the service whose span it was where that is another
/// one; `kind` is `self`, `edge`, `external` or `retry`; `ns` is above 0.
pub fn slices() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(DAY, DataType::Date32, false),
        Field::new("trace_id", DataType::Utf8, false),
        Field::new("root_span_id", DataType::Utf8, false),
        Field::new("service", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("caller", DataType::Utf8, true),
        Field::new("ns", DataType::Int64, false),
    ]))
}

/// `spans`: whole traces of requests that are kept as examples. `flags` are those of [`crate::Span`].
pub fn spans() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(DAY, DataType::Date32, false),
        Field::new("trace_id", DataType::Utf8, false),
        Field::new("span_id", DataType::Utf8, false),
        Field::new("parent_span_id", DataType::Utf8, true),
        Field::new("service", DataType::Utf8, false),
        Field::new("host", DataType::Utf8, false),
        Field::new("operation", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("peer", DataType::Utf8, true),
        Field::new("flags", DataType::Int32, false),
        Field::new("start_ns", DataType::Int64, false),
        Field::new("end_ns", DataType::Int64, false),
    ]))
}

/// Columns of `tails` that say which rows are wanted; the digest of all their values is part of the file's record, so
/// that few rows of a large file can be read and still be checked.
pub const TAILS_INDEX: [&str; 9] =
    ["service", "operation", "api", DAY, "taken_back", "requests", "unknown", "weighted", "digest"];

/// Columns of `histograms` that say which rows are wanted, as [`TAILS_INDEX`].
pub const HISTOGRAMS_INDEX: [&str; 8] =
    ["service", "operation", "metric", DAY, "start_ns", "requests", "error_ppm", "digest"];

/// The columns of a table's index; none where its rows are not read one by one.
pub fn index_of(table: Table) -> &'static [&'static str] {
    match table {
        Table::Tails => &TAILS_INDEX,
        Table::Histograms => &HISTOGRAMS_INDEX,
        _ => &[],
    }
}

/// `tails`: requests of one API that began on one day, sorted by service, operation, API and day. Rows of several files
/// add up; what another delivery replaced is there once more with `taken_back`.
///
/// | column | meaning |
/// |---|---|
/// | `service`, `operation`, `api` | as in `requests` |
/// | `day` | UTC day of their starts |
/// | `taken_back` | true where the row is to be subtracted |
/// | `requests` | how many, each counted once |
/// | `unknown` | of these, how many do not say how they were sampled |
/// | `weighted` | of these, how many stand for more than themselves |
/// | `digest` | of `owners` and `composition`, 16 bytes |
/// | `owners` | what the numbers in `composition` are: a JSON list of [service, kind, caller] |
/// | `composition` | per bucket of latency the number of requests, their weight and their time by owner (`tail::pack`) |
pub fn tails() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("service", DataType::Utf8, false),
        Field::new("operation", DataType::Utf8, false),
        Field::new("api", DataType::Utf8, true),
        Field::new(DAY, DataType::Date32, false),
        Field::new("taken_back", DataType::Boolean, false),
        Field::new("requests", DataType::Int64, false),
        Field::new("unknown", DataType::Int64, false),
        Field::new("weighted", DataType::Int64, false),
        Field::new("digest", DataType::Binary, false),
        Field::new("owners", DataType::Utf8, false),
        Field::new("composition", DataType::Binary, false),
    ]))
}

/// `histograms`: what services measured of one operation in one hour, sorted by service, operation, metric and hour.
/// Rows of several files add up.
///
/// | column | meaning |
/// |---|---|
/// | `service`, `operation` | as in `requests`: the operation as its spans are named |
/// | `metric` | the metric's name: two metrics of one operation count the same requests |
/// | `day` | UTC day of the hour |
/// | `start_ns` | when the hour begins in which the sender told the measurements |
/// | `requests` | how many measurements |
/// | `error_ppm` | the largest relative error of a quantile, in millionths |
/// | `digest` | of `sketch`, 16 bytes |
/// | `sketch` | measurements by bucket of latency (`tail::pack`) |
pub fn histograms() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("service", DataType::Utf8, false),
        Field::new("operation", DataType::Utf8, false),
        Field::new("metric", DataType::Utf8, false),
        Field::new(DAY, DataType::Date32, false),
        Field::new("start_ns", DataType::Int64, false),
        Field::new("requests", DataType::Int64, false),
        Field::new("error_ppm", DataType::Int64, false),
        Field::new("digest", DataType::Binary, false),
        Field::new("sketch", DataType::Binary, false),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_own_name_and_no_column_twice() {
        for schema in [
            charges(&["x_Discounts".to_owned()]),
            keys(&base_key_columns()),
            resources(),
            cube(),
            attribution(),
            daily(),
            requests(),
            slices(),
            spans(),
            tails(),
            histograms(),
        ] {
            let mut names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count);
        }
        for table in Table::ALL {
            assert_eq!(Table::from_name(table.name()), Some(table));
        }
    }
}
