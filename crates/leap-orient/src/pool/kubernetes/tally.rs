//! Rows of usage added up per day, node and namespace; what must not be counted twice is found here.
//!
//! * The same pod, node and interval again, with the same figures: counted once (overlapping reports are common).
//! * The same again with other figures: refused, since one of the two is wrong.
//! * A node's capacity stands in every row of its pods: it counts once per interval, the largest figure where rows of
//!   one interval differ (a node that was enlarged). Intervals of one node that overlap without being equal are refused.
//! * A row without node (a pod that was never placed) uses no node and is left out, with a note.
//! * A row without namespace and pod states only the node's capacity: that is how a node nobody used is reported.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use leap_terms::{Day, Exact, Fault};

use super::names::{Wanted, label};
use super::report::{Row, day_of};
use crate::table::Place;

/// One node on one day.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// By start: end and capacity.
    intervals: BTreeMap<i64, (i64, [Exact; 2])>,
    /// By namespace and label.
    pub parts: BTreeMap<(String, Option<String>), [Exact; 2]>,
}

impl Sums {
    /// Seconds of the day that reports speak of.
    pub fn seconds(&self) -> u32 {
        let seconds = self.intervals.iter().map(|(start, (end, _))| end - start).sum::<i64>();
        u32::try_from(seconds).expect("intervals inside one day do not overlap")
    }

    /// Capacity in these seconds, per measure; `None` where the sum leaves the range of exact numbers.
    pub fn capacity(&self) -> Option<[Exact; 2]> {
        self.intervals.values().try_fold([Exact::ZERO; 2], |sum, (_, capacity)| add(sum, *capacity))
    }
}

/// Node and resource id on a day.
pub(super) type NodeKey = (Day, String, String);

/// All rows of one kind.
#[derive(Default)]
pub(super) struct Tally {
    pub nodes: BTreeMap<NodeKey, Sums>,
    seen: HashMap<[u8; 16], Seen>,
    /// Rows left out because they name no node.
    pub without_node: usize,
    /// Rows that were there before.
    pub repeated: usize,
}

struct Seen {
    figures: [u8; 16],
    file: u32,
    row: usize,
}

impl Tally {
    /// Takes in a row; `file` is the number of its file in `files`.
    pub fn add(
        &mut self,
        place: &Place<'_>,
        row: &Row<'_>,
        wanted: &[Wanted],
        file: usize,
        files: &[(String, Vec<u8>)],
    ) -> Result<(), Fault> {
        if row.node.is_empty() {
            self.without_node += 1;
            return Ok(());
        }
        let spare = row.namespace.is_empty() && row.pod.0.is_empty() && row.used == [Exact::ZERO; 2];
        if row.namespace.is_empty() && !spare {
            return Err(place
                .cell_fault("namespace", "is empty, but the row uses the node")
                .help("a row without namespace and pod may only state a node's capacity, with zero or empty use"));
        }
        let end = row.end.to_le_bytes();
        let values = [row.used[0], row.used[1], row.capacity[0], row.capacity[1]].map(bits);
        let [a, b, c, d] = values.each_ref().map(|bits| &bits[..]);
        let figures = short(&[a, b, c, d, &end, row.labels.as_bytes(), row.more_labels.as_bytes()]);
        let texts = [row.node, row.resource_id, row.namespace, row.pod.0, row.pod.1].map(str::as_bytes);
        let [node, resource_id, namespace, pod, more] = texts;
        let key = short(&[node, resource_id, namespace, pod, more, &row.start.to_le_bytes()]);
        if let Some(seen) = self.seen.get(&key) {
            if seen.figures == figures {
                self.repeated += 1;
                return Ok(());
            }
            let other = &files[seen.file as usize].0;
            let message = format!(
                "'{}' of namespace '{}' on '{}' has other figures for the same interval in row {} of {other}",
                row.pod.0, row.namespace, row.node, seen.row
            );
            return Err(place.fault(message).help("take one of the two rows out; equal rows would be counted once"));
        }
        let sums = self.nodes.entry((day_of(row.start), row.node.to_owned(), row.resource_id.to_owned())).or_default();
        interval(sums, place, row)?;
        if !spare {
            let team = label(row.labels, wanted).or_else(|| label(row.more_labels, wanted));
            let part = sums.parts.entry((row.namespace.to_owned(), team.map(str::to_owned))).or_default();
            *part = add(*part, row.used).ok_or_else(|| {
                place.fault("the sum of the day is 10^20 or more").help("check the unit: core-seconds and byte-seconds")
            })?;
        }
        let file = u32::try_from(file).expect("fewer than 2^32 files");
        self.seen.insert(key, Seen { figures, file, row: place.row });
        Ok(())
    }

    /// Forgets what is only needed while reading.
    pub fn close(&mut self) {
        self.seen = HashMap::new();
    }
}

fn interval(sums: &mut Sums, place: &Place<'_>, row: &Row<'_>) -> Result<(), Fault> {
    let before = sums.intervals.range(..row.start).next_back().is_some_and(|(_, (end, _))| *end > row.start);
    let inside = sums.intervals.range(row.start + 1..row.end).next().is_some();
    let other_end = sums.intervals.get(&row.start).is_some_and(|(end, _)| *end != row.end);
    if before || inside || other_end {
        return Err(place
            .cell_fault("interval_start", format!("the interval overlaps another one of node '{}'", row.node))
            .help("all rows of a node must have the same intervals, or its capacity would be counted twice"));
    }
    let (_, capacity) = sums.intervals.entry(row.start).or_insert((row.end, [Exact::ZERO; 2]));
    for (known, new) in capacity.iter_mut().zip(row.capacity) {
        *known = (*known).max(new);
    }
    Ok(())
}

fn add(a: [Exact; 2], b: [Exact; 2]) -> Option<[Exact; 2]> {
    Some([a[0].checked_add(b[0])?, a[1].checked_add(b[1])?])
}

/// Equal numbers have equal bits, however they were spelled.
fn bits(value: Exact) -> [u8; 24] {
    let mut out = [0; 24];
    out[..16].copy_from_slice(&value.coarse().to_le_bytes());
    out[16..].copy_from_slice(&value.fine().to_le_bytes());
    out
}

fn short(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    out
}
