//! What a reorg does to cost as it is after pools were shared: what each place gains and loses, per month.
//!
//! ```text
//! 2026-08   acme/shop/payments   USD   direct −50.00   with shared cost −64.10
//! ```
//! Shares are computed twice, in the world as it is and as the reorg would make it, and compared place by place. Both columns
//! add up to zero in each month. Only where a policy is in force, and only billing periods in which a share can differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leap_book::ConfigKind;
use leap_orient::attribute::Daily;
use leap_orient::org::Org;
use leap_orient::pool::policy::Driver;
use leap_orient::pool::{Facts, Policies};
use leap_orient::reading::moves::{Move, path};
use leap_terms::{Currency, Day, Money, Month, Period};
use serde::{Deserialize, Serialize};

use super::problem;
use crate::failure::Failure;
use crate::publish::Fresh;
use crate::view::{add_facts, charges_in, read_pools, weighing};
use crate::world::{Open, Slice, World, daily};

/// What one place gains or loses in a month.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedChange {
    pub(super) month: Month,
    /// Path of the place, or a residual.
    pub(super) place: String,
    pub(super) currency: String,
    /// Change of direct cost.
    pub(super) direct: Money,
    /// Change of cost after pools were shared.
    pub(super) shared: Money,
}

type Places = BTreeMap<(Month, String, Currency), (Money, Money)>;

/// A slice with its cost per owner, as it is and as it would be.
struct Compared {
    slice: Slice,
    before: Arc<Daily>,
    after: Arc<Daily>,
}

/// What each place gains and loses; empty where no pools are shared.
pub(super) fn shared(
    world: &World,
    org: &Org,
    effective: Day,
    moves: &[Move],
    fresh: &[Fresh],
    open: Open,
) -> Result<Vec<PlannedChange>, Failure> {
    let files = world.config_files(ConfigKind::Pools);
    let Some((before, after)) = read_pools(&files, &world.org)?.zip(read_pools(&files, org)?) else {
        return Ok(Vec::new());
    };
    let first = first_day(&before, &world.org, org, effective, moves);
    let slices: Vec<Slice> = world.slices();
    let span = slices.iter().map(|slice| slice.last_day.plus(1)).max().and_then(|until| Period::new(first, until));
    let Some(span) = span else { return Ok(Vec::new()) };
    let billings: Vec<Month> = slices
        .iter()
        .filter(|slice| slice.last_day >= first)
        .map(|slice| slice.scope.billing_period)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut compared = Vec::new();
    for slice in slices.iter().filter(|slice| charges_in(slice, span)) {
        let before = Arc::new(daily(slice, open)?);
        let again = fresh
            .iter()
            .find(|fresh| fresh.slice.scope == slice.scope && fresh.slice.delivery == slice.delivery)
            .and_then(|fresh| fresh.again.as_ref());
        let after = again.map_or_else(
            || before.clone(),
            |done| {
                let mut after = leap_orient::attribute::Daily::clone(&before);
                after.add_all(&done.change);
                Arc::new(after)
            },
        );
        compared.push(Compared { slice: slice.clone(), before, after });
    }
    let run = |billings: &[Month]| -> Result<Places, Failure> {
        let mut places = Places::new();
        for billing in billings {
            let Some(months) = weighing(&slices, *billing, span) else { continue };
            let (mut then, mut now) = (Facts::default(), Facts::default());
            for one in compared.iter().filter(|one| charges_in(&one.slice, months)) {
                add_facts(&mut then, &one.slice, &one.before, *billing, months);
                add_facts(&mut now, &one.slice, &one.after, *billing, months);
            }
            for line in before.share(&world.org, &world.org, &then, span).map_err(problem)?.lines {
                let place = path(&world.org, &line.owner, line.day);
                places.entry((line.day.month(), place, line.currency)).or_default().1 -= line.costs.effective;
            }
            for line in after.share(org, org, &now, span).map_err(problem)?.lines {
                let place = path(org, &line.owner, line.day);
                places.entry((line.day.month(), place, line.currency)).or_default().1 += line.costs.effective;
            }
        }
        Ok(places)
    };
    let halves = billings.split_at(billings.len() / 2);
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(halves.1));
        (run(halves.0), other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let mut places = one?;
    for (key, (_, shared)) in other? {
        places.entry(key).or_default().1 += shared;
    }
    for one in moves {
        for (place, amount) in [(&one.from, -one.amount), (&one.to, one.amount)] {
            let sums = places.entry((one.month, place.clone(), one.currency.clone())).or_default();
            sums.0 += amount;
            sums.1 += amount;
        }
    }
    places.retain(|_, (direct, shared)| !direct.is_zero() || !shared.is_zero());
    check(&places)?;
    let changes = places.into_iter().map(|((month, place, currency), (direct, shared))| PlannedChange {
        month,
        place,
        currency: currency.as_str().to_owned(),
        direct,
        shared,
    });
    Ok(changes.collect())
}

/// Nothing is gained that nobody loses.
fn check(places: &Places) -> Result<(), Failure> {
    let mut sums = BTreeMap::<(Month, &Currency), (Money, Money)>::new();
    for ((month, _, currency), (direct, shared)) in places {
        let sum = sums.entry((*month, currency)).or_default();
        sum.0 += *direct;
        sum.1 += *shared;
    }
    match sums.into_iter().find(|(_, (direct, shared))| !direct.is_zero() || !shared.is_zero()) {
        None => Ok(()),
        Some(((month, currency), (direct, shared))) => Err(Failure::quality(format!(
            "what places gain and lose in {month} adds up to {direct} {currency} direct and {shared} with shared cost, \
             not to zero; this is a fault of leap"
        ))),
    }
}

/// The first day whose shares can differ: of its month's, for weights of whole months.
fn first_day(policies: &Policies, before: &Org, after: &Org, effective: Day, moves: &[Move]) -> Day {
    let mut first = effective;
    first = moves.iter().map(|one| one.month.first_day()).fold(first, Day::min);
    for pool in policies.all().flat_map(|pools| pools.all()) {
        let names: Vec<&str> = match &pool.driver {
            Driver::Measured(measured) => measured.names().iter().map(String::as_str).collect(),
            Driver::Fixed(spans) => {
                spans.iter().flat_map(|span| &span.weights).map(|(name, _)| name.as_str()).collect()
            }
            Driver::HeadCount { under, .. } => under.iter().map(String::as_str).collect(),
            Driver::Keep | Driver::Direct(_) | Driver::Pool(_) | Driver::Commitment => Vec::new(),
        };
        first = names.iter().filter_map(|name| first_other(name, before, after)).fold(first, Day::min);
    }
    first.month().first_day()
}

/// The first day on which a name means somebody else.
fn first_other(name: &str, before: &Org, after: &Org) -> Option<Day> {
    let (before, after) = (before.resolve_always(name), after.resolve_always(name));
    let at = |periods: &[(Period, leap_orient::org::Resolved)], day: Day| {
        periods.iter().find(|(period, _)| period.contains(day)).map(|(_, who)| who.clone())
    };
    let days: BTreeSet<Day> = before.iter().chain(&after).map(|(period, _)| period.from()).collect();
    days.into_iter().find(|day| at(&before, *day) != at(&after, *day))
}
