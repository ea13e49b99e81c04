//! Requests of an API and day, packed: rows of the table `tails`, which answer for months without reading requests.
//!
//! ```text
//! charge-api  POST /v1/charges  2026-08-17   48,120 requests   owners [ledger edge charge-api] [payments self]   1,204 buckets
//! ```
//! A row holds what [`crate::tail::pack`] keeps: per bucket of latency the number of requests and the time of each owner.
//! Rows add up, in whatever order and however often they are put together; what a later delivery replaced is a row that is
//! [`DayTail::taken_back`]. Owners are services as the traces named them, so a reorg changes no row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::Date32Type;
use leap_terms::{Day, tables};

use super::lcp::{Part, SliceKind};
use super::rows::{Requests, RowsError, flags, long, maybe, text, unsigned, wrong};
use crate::tail::composition::stored::{Cell, Gathered, Stored};
use crate::tail::pack::{Packed, Unreadable, composition_bytes};
use crate::tail::sketch::bucket_of;
use crate::tail::{TailError, Units};

/// Requests of what, and when.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiDay {
    /// Service at which they begin.
    pub service: String,
    /// Operation at which they begin.
    pub operation: String,
    /// The API inside other requests that they are of; empty for requests that begin their trace.
    pub api: String,
    /// UTC day of their starts.
    pub day: Day,
}

/// Whose time, as the traces named it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartName {
    /// The service that owns it.
    pub owner: String,
    /// Why.
    pub kind: SliceKind,
    /// The service that waited; empty where there is none.
    pub caller: String,
}

/// One row of `tails` without what is packed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// What it is of.
    pub key: ApiDay,
    /// True where it is to be subtracted.
    pub taken_back: bool,
    /// Requests, each counted once.
    pub requests: u64,
    /// Of these, those that do not say how they were sampled.
    pub unknown: u64,
    /// Of these, those that stand for more than themselves.
    pub weighted: u64,
}

/// One row of `tails`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayTail {
    /// What it is of, and how many requests.
    pub listed: Listed,
    /// What the numbers in the composition are, in order.
    pub owners: Vec<PartName>,
    /// See [`crate::tail::pack`].
    pub composition: Vec<u8>,
}

impl DayTail {
    /// The composition, its counts read.
    ///
    /// # Errors
    /// When the bytes are broken.
    pub fn packed(&self) -> Result<Packed<'_>, TailError> {
        let packed = Packed::read(&self.composition).map_err(TailError::Unreadable)?;
        let known = packed.keys().last().is_none_or(|last| (*last as usize) < self.owners.len());
        if known { Ok(packed) } else { Err(TailError::Unreadable(Unreadable)) }
    }
}

/// Packs requests by API and day: one row each, in order.
///
/// # Errors
/// [`TailError::TooLarge`]: a sum exceeds 128 bits.
pub fn day_tails(requests: &Requests, places: impl IntoIterator<Item = u32>) -> Result<Vec<DayTail>, TailError> {
    let (mut groups, mut order) = (HashMap::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for at in places {
        let row = &requests.rows()[at as usize];
        let next = groups.len();
        let group = *groups.entry((row.service, row.operation, row.api, row.day())).or_insert(next);
        order.push((group, bucket_of(row.latency_ns), at));
        seen.extend(requests.parts(row).iter().map(|part| (part.owner, part.kind, part.caller)));
    }
    order.sort_unstable();
    let name = |(owner, kind, caller): (_, SliceKind, _)| PartName {
        owner: requests.text(owner).to_owned(),
        kind,
        caller: requests.text(caller).to_owned(),
    };
    let names: BTreeMap<PartName, _> = seen.into_iter().map(|part| (name(part), part)).collect();
    let ranks: HashMap<_, u32> = names.values().copied().zip(0..).collect();
    let names: Vec<PartName> = names.into_keys().collect();
    let mut sums = Sums { ranks, sums: vec![0; names.len()], touched: Vec::new() };
    let mut tails = Vec::with_capacity(groups.len());
    for group in order.chunk_by(|a, b| a.0 == b.0) {
        let first = &requests.rows()[group[0].2 as usize];
        let key = ApiDay {
            service: requests.text(first.service).to_owned(),
            operation: requests.text(first.operation).to_owned(),
            api: requests.text(first.api).to_owned(),
            day: first.day(),
        };
        let rows = group.iter().map(|(_, _, at)| &requests.rows()[*at as usize]);
        let count = |of: &dyn Fn(&super::RequestRow) -> bool| rows.clone().filter(|row| of(row)).count() as u64;
        let listed = Listed {
            key,
            taken_back: false,
            requests: group.len() as u64,
            unknown: count(&|row| !row.weight_known),
            weighted: count(&|row| row.weight != Units::ONE),
        };
        let mut cells = Vec::new();
        for bucket in group.chunk_by(|a, b| a.1 == b.1) {
            cells.push((bucket[0].1, sums.cell(requests, bucket.iter().map(|(_, _, at)| *at))?));
        }
        let stored = Stored::from_rows(0, cells).expect("buckets ascend and hold requests, whose weights are above 0");
        tails.push(row(listed, &stored, &names));
    }
    tails.sort_by(|a, b| a.listed.key.cmp(&b.listed.key));
    Ok(tails)
}

/// Sums per owner, for one bucket after the other.
struct Sums {
    ranks: HashMap<(leap_terms::NameId, SliceKind, leap_terms::NameId), u32>,
    sums: Vec<u128>,
    touched: Vec<u32>,
}

impl Sums {
    fn cell(&mut self, requests: &Requests, places: impl Iterator<Item = u32>) -> Result<Cell<u32>, TailError> {
        let mut cell = Cell { requests: 0, weight: 0, parts: Vec::new() };
        for at in places {
            let row = &requests.rows()[at as usize];
            let weight = u128::from(row.weight.count());
            cell.requests += 1;
            cell.weight += weight;
            for Part { owner, kind, caller, ns } in requests.parts(row) {
                let rank = self.ranks[&(*owner, *kind, *caller)];
                let sum = &mut self.sums[rank as usize];
                if *sum == 0 {
                    self.touched.push(rank);
                }
                *sum = sum.checked_add(weight * u128::from(*ns)).ok_or(TailError::TooLarge)?;
            }
        }
        self.touched.sort_unstable();
        self.touched.dedup();
        let parts = self.touched.drain(..).map(|rank| (rank, std::mem::take(&mut self.sums[rank as usize])));
        cell.parts = parts.filter(|(_, sum)| *sum > 0).collect();
        Ok(cell)
    }
}

/// A row of sums whose keys are places among `names`; only those that occur are kept.
fn row(listed: Listed, stored: &Stored<u32>, names: &[PartName]) -> DayTail {
    let used: BTreeSet<u32> = stored.rows().flat_map(|(_, _, _, parts)| parts.iter().map(|(key, _)| *key)).collect();
    let places: HashMap<u32, u32> = used.iter().copied().zip(0..).collect();
    let local = keyed(stored, |key| places[&key]);
    let owners = used.iter().map(|key| names[*key as usize].clone()).collect();
    DayTail { listed, owners, composition: composition_bytes(&local) }
}

/// The same with other keys, in the same order.
fn keyed(stored: &Stored<u32>, key: impl Fn(u32) -> u32) -> Stored<u32> {
    let rows = stored.rows().map(|(bucket, requests, weight, parts)| {
        let parts = parts.iter().map(|(old, sum)| (key(*old), *sum)).collect();
        (bucket, Cell { requests, weight, parts })
    });
    Stored::from_rows(stored.coarser(), rows).expect("keys keep their order")
}

/// Rows of one API and day as one: what is added less what is taken back. Where some of the latter was added elsewhere, one
/// row of each.
///
/// # Errors
/// When bytes are broken, or a sum exceeds 128 bits.
///
/// # Panics
/// Where the rows are of several APIs or days.
pub fn added_up(rows: &[DayTail]) -> Result<Vec<DayTail>, TailError> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    assert!(rows.iter().all(|row| row.listed.key == first.listed.key), "rows of one API and day");
    let names: BTreeSet<&PartName> = rows.iter().flat_map(|row| &row.owners).collect();
    let names: Vec<PartName> = names.into_iter().cloned().collect();
    let none = |taken_back| Listed { taken_back, requests: 0, unknown: 0, weighted: 0, ..first.listed.clone() };
    let mut sides = [false, true].map(|taken_back| (none(taken_back), Gathered::<u32>::default()));
    for row in rows {
        let (listed, gathered) = &mut sides[usize::from(row.listed.taken_back)];
        listed.requests = listed.requests.saturating_add(row.listed.requests);
        listed.unknown = listed.unknown.saturating_add(row.listed.unknown);
        listed.weighted = listed.weighted.saturating_add(row.listed.weighted);
        let stored = row.packed()?.stored().map_err(TailError::Unreadable)?;
        let place = |key: u32| names.partition_point(|name| *name < row.owners[key as usize]) as u32;
        gathered.absorb(&keyed(&stored, place))?;
    }
    let [(added, plus), (back, minus)] = sides;
    let minus = minus.stored();
    let less = |a: u64, b: u64| a.checked_sub(b);
    let counts = less(added.requests, back.requests)
        .zip(less(added.unknown, back.unknown))
        .zip(less(added.weighted, back.weighted));
    let mut left = plus.clone();
    let listed = match counts {
        Some(((requests, unknown), weighted)) if left.take_back(&minus) => {
            vec![(Listed { requests, unknown, weighted, ..added }, left.stored())]
        }
        Some(_) | None => vec![(added, plus.stored()), (back, minus)],
    };
    let there = listed.into_iter().filter(|(_, stored)| !stored.is_empty());
    Ok(there.map(|(listed, stored)| row(listed, &stored, &names)).collect())
}

/// Rows of `tails`.
pub fn batch(rows: &[DayTail]) -> RecordBatch {
    let text = |of: &dyn Fn(&ApiDay) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| of(&row.listed.key))))
    };
    let number = |of: &dyn Fn(&Listed) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| of(&row.listed).cast_signed())))
    };
    let days = Date32Array::from_iter_values(rows.iter().map(|row| row.listed.key.day.days()));
    let owners: Vec<String> = rows.iter().map(|row| owners_text(&row.owners)).collect();
    let digests = rows.iter().zip(&owners).map(|(row, owners)| digest(owners, &row.composition));
    RecordBatch::try_new(
        tables::tails(),
        vec![
            text(&|key| &key.service),
            text(&|key| &key.operation),
            maybe(rows.iter().map(|row| &*row.listed.key.api)),
            Arc::new(days),
            Arc::new(rows.iter().map(|row| Some(row.listed.taken_back)).collect::<BooleanArray>()),
            number(&|listed| listed.requests),
            number(&|listed| listed.unknown),
            number(&|listed| listed.weighted),
            Arc::new(BinaryArray::from_iter_values(digests)),
            Arc::new(StringArray::from_iter_values(&owners)),
            Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.composition))),
        ],
    )
    .expect("columns are those of the schema")
}

fn owners_text(owners: &[PartName]) -> String {
    let listed: Vec<[&str; 3]> = owners.iter().map(|name| [&*name.owner, name.kind.word(), &*name.caller]).collect();
    serde_json::to_string(&listed).expect("texts are JSON")
}

fn owners_of(written: &str) -> Option<Vec<PartName>> {
    let listed: Vec<[String; 3]> = serde_json::from_str(written).ok()?;
    let read = |[owner, kind, caller]: [String; 3]| {
        let kind = SliceKind::ALL.into_iter().find(|known| known.word() == kind)?;
        Some(PartName { owner, kind, caller })
    };
    let owners: Vec<PartName> = listed.into_iter().map(read).collect::<Option<_>>()?;
    owners.is_sorted_by(|a, b| a < b).then_some(owners)
}

fn digest(owners: &str, composition: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(owners.len() as u64).to_le_bytes()).update(owners.as_bytes()).update(composition);
    let [first, _] = *hasher.finalize().as_bytes().as_chunks::<16>().0 else { unreachable!("32 bytes") };
    first
}

/// What rows are of, from the columns of the index.
///
/// # Errors
/// [`RowsError`]: the rows are damaged.
pub fn listed(batch: &RecordBatch) -> Result<Vec<Listed>, RowsError> {
    let (service, operation, api) = (text(batch, "service")?, text(batch, "operation")?, text(batch, "api")?);
    let days = batch.column_by_name(tables::DAY).and_then(|column| column.as_primitive_opt::<Date32Type>());
    let days = days.ok_or(RowsError::Column(tables::DAY))?;
    let back = flags(batch, "taken_back")?;
    let (requests, unknown, weighted) = (long(batch, "requests")?, long(batch, "unknown")?, long(batch, "weighted")?);
    let read = |at: usize| {
        Ok(Listed {
            key: ApiDay {
                service: service.value(at).to_owned(),
                operation: operation.value(at).to_owned(),
                api: if api.is_null(at) { String::new() } else { api.value(at).to_owned() },
                day: Day::from_days(days.value(at)),
            },
            taken_back: back.value(at),
            requests: unsigned("requests", requests.value(at))?,
            unknown: unsigned("unknown", unknown.value(at))?,
            weighted: unsigned("weighted", weighted.value(at))?,
        })
    };
    (0..batch.num_rows()).map(read).collect()
}

/// Rows, each compared with its digest.
///
/// # Errors
/// [`RowsError`]: the rows are damaged.
pub fn read(batch: &RecordBatch) -> Result<Vec<DayTail>, RowsError> {
    let owners = text(batch, "owners")?;
    let bytes = |name: &'static str| {
        batch.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>()).ok_or(RowsError::Column(name))
    };
    let (digests, compositions) = (bytes("digest")?, bytes("composition")?);
    let mut rows = Vec::with_capacity(batch.num_rows());
    for (at, listed) in listed(batch)?.into_iter().enumerate() {
        let (written, composition) = (owners.value(at), compositions.value(at));
        if digest(written, composition) != digests.value(at) {
            return Err(wrong("composition", "other bytes", "composition that its digest is of"));
        }
        let owners = owners_of(written).ok_or_else(|| wrong("owners", written, "list of owners"))?;
        rows.push(DayTail { listed, owners, composition: composition.to_vec() });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
