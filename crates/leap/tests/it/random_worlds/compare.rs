//! Figure by figure: what the product says beside what the auditor says.
//!
//! ```text
//! journal 2026-08-03 kafka payments use USD effective: product 6.25, auditor 6.5
//! ```
//! A figure that one side does not have is zero there. Keys of the product are never taken for granted: a place that only
//! the auditor knows is a difference as soon as its figure is not zero.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use leap_sim::audit::Amount;
use leap_sim::audit::pools::Line;
use leap_sim::audit::readings::{NodeTotals, Shown};
use leap_sim::company::{Audited, AuditedReading};
use leap_terms::exact::FINE_PER_COARSE;
use leap_terms::{CostKind, Costs, Exact};
use num_bigint::BigInt;

use super::product::{PlaceCosts, Read, Said};

/// Differences of a world that are kept.
const KEPT: usize = 8;

/// Counts figures and keeps the first differences.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) figures: u64,
    pub(super) found: Vec<String>,
}

/// A sum in units of 10⁻³⁰, by the product's digits.
fn units(amount: Exact) -> BigInt {
    BigInt::from(amount.coarse()) * FINE_PER_COARSE + amount.fine()
}

impl Differences {
    fn say(&mut self, difference: impl FnOnce() -> String) {
        if self.found.len() < KEPT {
            self.found.push(difference());
        }
    }

    fn figure(&mut self, product: Exact, auditor: Option<&Amount>, what: impl FnOnce() -> String) {
        self.figures += 1;
        let same = match auditor {
            Some(auditor) => units(product) == *auditor.units(),
            None => product.is_zero(),
        };
        if !same {
            self.say(|| {
                let auditor = auditor.map_or_else(|| "0".to_owned(), ToString::to_string);
                format!("{}: product {product}, auditor {auditor}", what())
            });
        }
    }

    fn costs<K: Ord + Debug>(&mut self, what: &str, product: &BTreeMap<K, Costs>, auditor: &BTreeMap<K, [Amount; 4]>) {
        let none = Costs::default();
        for (key, costs) in product {
            let other = auditor.get(key);
            for (at, kind) in CostKind::ALL.into_iter().enumerate() {
                self.figure(costs[kind], other.map(|other| &other[at]), || format!("{what} {key:?} {kind}"));
            }
        }
        for (key, other) in auditor.iter().filter(|(key, _)| !product.contains_key(key)) {
            for (at, kind) in CostKind::ALL.into_iter().enumerate() {
                self.figure(none[kind], Some(&other[at]), || format!("{what} {key:?} {kind}"));
            }
        }
    }

    /// Compares everything.
    pub(super) fn all(&mut self, said: &Said, audited: &Audited) {
        if said.owners.len() != audited.owners.len() {
            self.say(|| format!("rows: product {}, auditor {}", said.owners.len(), audited.owners.len()));
        }
        for (row, (product, auditor)) in said.owners.iter().zip(&audited.owners).enumerate() {
            self.figures += 1;
            if product != auditor {
                self.say(|| format!("owner of row {}: product {product}, auditor {auditor}", row + 1));
            }
        }
        self.costs("stored", &said.totals, &audited.totals);
        let mut journal = BTreeMap::new();
        for ((day, pool, owner, line, currency), costs) in &audited.journal {
            let idle = *line == Line::Idle;
            journal.insert((*day, pool.clone(), owner.clone(), idle, currency.clone()), costs.clone());
        }
        // Before what follows from it.
        self.costs("journal", &said.journal, &journal);
        self.costs("shared", &said.shared, &audited.shared);
        if said.readings.len() != audited.readings.len() {
            self.say(|| "readings are missing".to_owned());
        }
        for (read, audited) in said.readings.iter().zip(&audited.readings) {
            self.reading(read, audited);
        }
    }

    fn reading(&mut self, read: &Read, audited: &AuditedReading) {
        let reading = audited.reading;
        self.shown(&format!("{reading:?} stored"), &read.stored, &audited.stored);
        self.shown(&format!("{reading:?} shared"), &read.shared, &audited.shared);
        let at = CostKind::ALL.iter().position(|kind| *kind == read.kind).expect("one of four");
        for ((unit, currency), amount) in &read.under {
            // A unit is shown below itself alone, so its total is one figure wherever it stood.
            let node = audited.shared.nodes.get(&(unit.clone(), currency.clone()));
            self.figure(*amount, node.map(|node| &node.total[at]), || {
                format!("{reading:?} under {unit} {currency} {}", read.kind)
            });
        }
        for level in &read.levels {
            self.figures += 1;
            if level.grouped != level.filtered {
                self.say(|| {
                    format!(
                        "{reading:?} {} = {:?} {} {}: grouped {}, filtered {}",
                        level.kind, level.value, level.currency, read.kind, level.grouped, level.filtered
                    )
                });
            }
        }
    }

    /// Nodes by place and by unit: direct, and the total of all below.
    fn shown(&mut self, what: &str, direct: &PlaceCosts, audited: &Shown) {
        let mut places: BTreeMap<(&[String], &str), (Costs, Costs)> = BTreeMap::new();
        for ((place, currency), costs) in direct {
            for depth in 1..=place.len() {
                let node = places.entry((&place[..depth], currency)).or_default();
                node.0 += *costs;
                if depth == place.len() {
                    node.1 += *costs;
                }
            }
        }
        let mut nodes: BTreeMap<(&str, &str), (Costs, Costs)> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for ((place, currency), (total, own)) in &places {
            let unit = place.last().expect("a place has a unit");
            let node = nodes.entry((unit, currency)).or_default();
            node.0 += *total;
            node.1 += *own;
            let key = (place.to_vec(), (*currency).to_owned());
            self.node(audited.places.get(&key), *total, *own, || format!("{what} {place:?} {currency}"));
            known.insert(key);
        }
        let zero = Costs::default();
        for (key, totals) in audited.places.iter().filter(|(key, _)| !known.contains(*key)) {
            self.node(Some(totals), zero, zero, || format!("{what} {key:?}"));
        }
        for ((unit, currency), (total, own)) in &nodes {
            let key = ((*unit).to_owned(), (*currency).to_owned());
            self.node(audited.nodes.get(&key), *total, *own, || format!("{what} {unit} {currency}"));
        }
        for ((unit, currency), totals) in &audited.nodes {
            if !nodes.contains_key(&(unit.as_str(), currency.as_str())) {
                self.node(Some(totals), zero, zero, || format!("{what} {unit} {currency}"));
            }
        }
    }

    fn node(&mut self, audited: Option<&NodeTotals>, total: Costs, direct: Costs, what: impl Fn() -> String) {
        for (at, kind) in CostKind::ALL.into_iter().enumerate() {
            self.figure(total[kind], audited.map(|node| &node.total[at]), || format!("{} total {kind}", what()));
            self.figure(direct[kind], audited.map(|node| &node.direct[at]), || format!("{} direct {kind}", what()));
        }
    }
}
