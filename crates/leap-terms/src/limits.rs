//! A named limit for everything that grows, with its reason. Each error that refuses something names its limit.

/// Bytes in one field of a CSV or JSON bill. Real tag maps stay below 64 KiB; a 300 MB field took 1.3 GB of memory in
/// an unbounded reader.
pub const FIELD_BYTES: usize = 4 << 20;
/// Bytes in one row of a CSV or JSON bill.
pub const ROW_BYTES: usize = 16 << 20;
/// Columns in a bill. CUR 2.0 has some 300.
pub const COLUMNS_PER_PART: usize = 2_000;
/// Rows in one part: keeps row numbers and every sum far from the integers' ends.
pub const ROWS_PER_PART: u64 = 4_000_000_000;
/// Decompressed bytes per compressed byte, once `RATIO_FLOOR_BYTES` are out. Bills compress 10 to 100 times; a bomb a
/// thousand times.
pub const DECOMPRESSION_RATIO: u64 = 400;
/// Below this many decompressed bytes the ratio is not judged: a tiny file of zeros is no attack.
pub const RATIO_FLOOR_BYTES: u64 = 64 << 20;
/// Seconds that one part may take to read.
pub const PART_SECONDS: u64 = 4 * 3600;
/// Parts in one delivery.
pub const PARTS_PER_DELIVERY: usize = 100_000;
/// Bytes of a manifest.
pub const MANIFEST_BYTES: u64 = 64 << 20;
/// Folders deep that a bucket layout is searched.
pub const FOLDER_DEPTH: usize = 32;
/// Share of rows that may be quarantined before the delivery is refused, in basis points (100 = 1 %). Configurable.
pub const QUARANTINED_BPS: u64 = 100;
/// Quarantined rows kept whole for replay per delivery; beyond it they are counted by reason.
pub const QUARANTINE_ROWS_KEPT: usize = 100_000;
/// Rules in one rule set.
pub const RULES: usize = 100_000;
/// Bytes of one predicate.
pub const PREDICATE_BYTES: usize = 64 << 10;
/// Nesting of one predicate: the parser and the evaluator recurse.
pub const PREDICATE_DEPTH: usize = 64;
/// Rows of one mapping file.
pub const MAPPING_ROWS: usize = 5_000_000;
/// Bytes of a rules, org or catalog file.
pub const CONFIG_BYTES: u64 = 64 << 20;
/// Pages of a catalog that is asked over its API, 500 entities each.
pub const CATALOG_PAGES: usize = 10_000;
/// Org units in one org.
pub const ORG_UNITS: usize = 100_000;
/// Levels of an org tree.
pub const ORG_DEPTH: usize = 32;
/// Bytes of a SQL text at the gateway. DataFusion 55 overflows its stack on a chain of about 2,000 operators.
pub const SQL_BYTES: usize = 64 << 10;
/// Tokens of a SQL text.
pub const SQL_TOKENS: usize = 10_000;
/// Binary operators of a SQL text.
pub const SQL_BINARY_OPERATORS: usize = 500;
/// Nesting of parentheses and subqueries in a SQL text.
pub const SQL_DEPTH: usize = 64;
/// Memory of one SQL query.
pub const SQL_MEMORY_BYTES: usize = 512 << 20;
/// Seconds of one SQL query.
pub const SQL_SECONDS: u64 = 300;
/// Rows that a SQL query may return.
pub const SQL_ROWS: usize = 10_000_000;
/// The sum of absolute costs in one snapshot, in whole units of currency (10¹⁸): a SUM over any subset of rows then
/// stays below 10³⁶ units of 10⁻¹⁸, which fits 128 bits.
pub const SNAPSHOT_ABSOLUTE_WHOLE: i128 = 1_000_000_000_000_000_000;
