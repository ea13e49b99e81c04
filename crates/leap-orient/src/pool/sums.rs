//! Adding up what a driver says over some days, by name, before anybody asks who is meant.
//!
//! ```text
//! measured 2026-09-01..2026-10-01   bytes: payments 12 300, pool:network 40, old-team 60; idle 900
//! fixed    2026-09-01..2026-10-01   the weights of each list, times the days on which it holds
//! ```
//! Of several measures the bottleneck decides, by the sums of the span. Idle is added up day by day: use beyond one day's
//! capacity does not eat what another day left idle. Cost below zero weighs nothing.

use std::collections::BTreeMap;

use leap_terms::exact::FINE_PER_COARSE;
use leap_terms::{Currency, Day, Exact, Owner, Period, ResidualReason, TeamId};
use num_bigint::BigUint;

use super::driver::{MeasureUse, Part, Source};
use super::measured::Measured;
use super::policy::{Driver, Fixed};
use crate::org::Resolved;

/// A name whose weight is summed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Name {
    Written(String),
    Team(TeamId),
    Pool(String),
    Nobody(String),
}

/// Sums over a span, before anybody asks who is meant.
#[derive(Default)]
pub(super) struct Sums {
    pub weights: BTreeMap<Name, (BigUint, Vec<u32>)>,
    pub measures: Vec<MeasureUse>,
    pub idle: BigUint,
}

impl Source<'_> {
    /// Adds up what the driver says over a span.
    pub(super) fn sums(&self, pool: usize, span: Period, currency: &Currency, part: &Part) -> Sums {
        let policy = &self.pools.pools[pool];
        let mut sums = Sums::default();
        match &policy.driver {
            Driver::Keep => {}
            Driver::Measured(measured) => return measured_sums(measured, span),
            Driver::Fixed(spans) => fixed_sums(spans, span, &mut sums),
            Driver::HeadCount { under, kind } => {
                for day in days(span) {
                    self.add_heads(day, under.as_deref(), kind.as_deref(), &mut sums);
                }
            }
            Driver::Direct(kind) => {
                let mut totals: BTreeMap<&TeamId, Exact> = BTreeMap::new();
                for (team, costs) in self.facts.direct(span, currency) {
                    *totals.entry(team).or_default() += costs[*kind];
                }
                for (team, total) in totals {
                    sums.add(Name::Team(team.clone()), units(total));
                }
            }
            Driver::Pool(other) => {
                sums.add(Name::Pool(self.pools.pools[*other].name.clone()), BigUint::from(1_u8));
            }
            Driver::Commitment => {
                let wanted = |id: &str| match part {
                    Part::Whole => true,
                    Part::Commitment(of) => of.as_deref() == Some(id),
                };
                let mut totals: BTreeMap<&Owner, Exact> = BTreeMap::new();
                for (_, owner, costs) in self.facts.used(span, currency).filter(|(id, ..)| wanted(id)) {
                    *totals.entry(owner).or_default() += costs.effective;
                }
                for (owner, total) in totals {
                    let name = match owner {
                        Owner::Team(team) => Name::Team(team.clone()),
                        Owner::Residual(ResidualReason::Pool(pool)) => Name::Pool(pool.clone()),
                        Owner::Residual(_) => Name::Nobody(owner.to_string()),
                    };
                    sums.add(name, units(total));
                }
            }
        }
        sums
    }

    fn add_heads(&self, day: Day, under: Option<&str>, kind: Option<&str>, sums: &mut Sums) {
        let top = match under.map(|name| self.org.resolve(name, day)) {
            None => None,
            Some(Resolved::Team(top)) => Some(top),
            Some(Resolved::Unknown | Resolved::Ambiguous(_)) => return,
        };
        for unit in self.heads.units_on(day) {
            let of_kind = kind
                .is_none_or(|kind| self.heads.kind(&unit, day).is_some_and(|found| found.eq_ignore_ascii_case(kind)));
            let above = |unit: &TeamId| self.heads.parent(unit, day);
            let below = top.as_ref().is_none_or(|top| {
                let path = std::iter::successors(Some(unit.clone()), above).take(leap_terms::limits::ORG_DEPTH + 1);
                path.into_iter().any(|met| met == *top)
            });
            if let Some(count) = self.heads.head_count(&unit, day).filter(|_| of_kind && below) {
                sums.add(Name::Team(unit), BigUint::from(count));
            }
        }
    }
}

impl Sums {
    fn add(&mut self, name: Name, weight: BigUint) {
        self.weights.entry(name).or_default().0 += weight;
    }
}

fn days(span: Period) -> impl Iterator<Item = Day> {
    (span.from().days()..span.until().days()).map(Day::from_days)
}

/// Units of 10⁻³⁰; what is negative counts as nothing.
pub(super) fn units(amount: Exact) -> BigUint {
    let coarse = u128::try_from(amount.coarse()).ok();
    coarse.map_or(BigUint::ZERO, |coarse| {
        BigUint::from(coarse) * FINE_PER_COARSE.unsigned_abs() + amount.fine().unsigned_abs()
    })
}

fn fixed_sums(spans: &[Fixed], span: Period, sums: &mut Sums) {
    for (fixed, common) in spans.iter().filter_map(|fixed| Some((fixed, fixed.period.intersection(span)?))) {
        let days = BigUint::from((common.until().days() - common.from().days()).unsigned_abs());
        for (name, weight) in &fixed.weights {
            sums.add(written(name), BigUint::from(weight.coarse().unsigned_abs()) * &days);
        }
    }
}

fn written(name: &str) -> Name {
    match name.strip_prefix("pool:") {
        Some(pool) => Name::Pool(pool.to_owned()),
        None if name.is_empty() => Name::Nobody(String::new()),
        None => Name::Written(name.to_owned()),
    }
}

/// Sums per name in the deciding measure: the one with the highest part of its capacity used, ties to the lower name.
fn measured_sums(measured: &Measured, span: Period) -> Sums {
    #[derive(Default)]
    struct Measure {
        weights: BTreeMap<u32, (u128, Vec<u32>)>,
        used: u128,
        capacity: Option<u128>,
        idle: u128,
    }
    let mut measures: BTreeMap<&str, Measure> = BTreeMap::new();
    for (_, rows) in measured.rows(span.from(), span.until()) {
        for of_measure in rows.entries.chunk_by(|a, b| a.measure == b.measure) {
            let measure = measures.entry(measured.measure(of_measure[0].measure)).or_default();
            let mut used = 0;
            for entry in of_measure {
                used += entry.weight;
                let (sum, rows) = measure.weights.entry(entry.name).or_default();
                *sum += entry.weight;
                rows.extend((entry.row > 0).then_some(entry.row));
            }
            measure.used += used;
            if let Some((capacity, _)) = rows.capacity.get(&of_measure[0].measure) {
                *measure.capacity.get_or_insert(0) += capacity;
                // Day by day: use beyond one day's capacity does not eat what another day left idle.
                measure.idle += capacity.saturating_sub(used);
            }
        }
    }
    let mut found: Vec<(&str, Measure)> = measures.into_iter().collect();
    // used / capacity > used' / capacity', without dividing; a capacity of zero is used by nothing.
    let part = |measure: &Measure| (BigUint::from(measure.used), BigUint::from(measure.capacity.unwrap_or(0).max(1)));
    found.sort_by(|(one_name, one), (other_name, other)| {
        let ((used, capacity), (other_used, other_capacity)) = (part(one), part(other));
        (other_used * capacity).cmp(&(used * other_capacity)).then(one_name.cmp(other_name))
    });
    let shown = |(name, measure): &(&str, Measure)| MeasureUse {
        measure: (*name).to_owned(),
        used: measure.used.into(),
        capacity: measure.capacity.map(BigUint::from),
    };
    let mut sums = Sums { measures: found.iter().map(shown).collect(), ..Sums::default() };
    if let Some((_, deciding)) = found.into_iter().next() {
        sums.idle = deciding.idle.into();
        for (name, (weight, rows)) in deciding.weights {
            sums.weights.insert(written(&measured.names()[name as usize]), (weight.into(), rows));
        }
    }
    sums
}
