//! The figures of a billing period at a snapshot, as a statement has them: direct cost, and what pools move.
//!
//! ```text
//! acme/consumer/payments  payments             –      USD 410.00   direct
//! residual:pool:kafka     residual:pool:kafka  kafka  USD −70.00   what left the pool
//! acme/consumer/payments  payments             kafka  USD  28.67   what came from it
//! ```
//! Reads the `daily` tables alone. Which inputs are put together is the caller's choice: a world as it was recorded, or one
//! that never was, between two of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use leap_book::ConfigKind;
use leap_orient::attribute::Daily;
use leap_orient::org::Org;
use leap_orient::period::{Figures, Place, Statement};
use leap_orient::pool::{Facts, Policies};
use leap_orient::reading::moves;
use leap_terms::tables::Table;
use leap_terms::{Costs, Currency, Day, Digest, Month, Owner, Period};

use crate::failure::Failure;
use crate::home::Home;
use crate::view::{Layer, add_facts, charges_in, weighing};
use crate::world::{Open, Slice};

/// A slice, with what each owner has of it day by day.
#[derive(Clone)]
pub(crate) struct Held {
    /// The slice.
    pub(crate) slice: Slice,
    /// Owners and days.
    pub(crate) daily: Arc<Daily>,
}

/// First to last day of the charges of a billing period.
fn days_of(slices: &[Slice], billing: Month) -> Option<Period> {
    let own = || slices.iter().filter(|slice| slice.scope.billing_period == billing);
    let first = own().map(|slice| slice.first_day).min()?;
    let last = own().map(|slice| slice.last_day).max()?;
    Period::new(first, last.plus(1))
}

/// The days whose costs decide what teams have of a billing period, beside its own charges: calendar months, for pools.
pub(crate) fn span(slices: &[Slice], billing: Month) -> Option<Period> {
    weighing(slices, billing, days_of(slices, billing)?)
}

/// True where a slice takes part in the figures of a billing period.
pub(crate) fn takes_part(slice: &Slice, billing: Month, weighs: Option<Period>) -> bool {
    slice.scope.billing_period == billing || weighs.is_some_and(|span| charges_in(slice, span))
}

/// The figures of a billing period.
pub(crate) fn figures(held: &[Held], billing: Month, pools: Option<&Policies>, org: &Org) -> Result<Figures, Failure> {
    let mut figures = Figures::new();
    let mut paths = HashMap::<(Owner, usize), String>::new();
    let mut add = |owner: &Owner, day: Day, pool: &str, currency: &Currency, costs: Costs| {
        // A tree stays as it is from one step of the org to the next.
        let step = org.steps().partition_point(|start| *start <= day);
        let path = paths.entry((owner.clone(), step)).or_insert_with(|| moves::path(org, owner, day)).clone();
        figures.add(Place { path, owner: owner.clone(), pool: pool.to_owned(), currency: currency.clone() }, costs);
    };
    for held in held.iter().filter(|held| held.slice.scope.billing_period == billing) {
        for (key, folded) in held.daily.rows() {
            add(&key.owner, key.day, "", &key.currency, folded.costs);
        }
    }
    let slices: Vec<Slice> = held.iter().map(|held| held.slice.clone()).collect();
    if let Some(pools) = pools
        && let Some((days, span)) = days_of(&slices, billing).zip(span(&slices, billing))
    {
        let mut facts = Facts::default();
        for held in held.iter().filter(|held| charges_in(&held.slice, span)) {
            add_facts(&mut facts, &held.slice, &held.daily, billing, span);
        }
        let journal = pools.share(org, org, &facts, days).map_err(|error| Failure::from_error(&error))?;
        for line in journal.lines {
            add(&line.owner, line.day, &line.pool, &line.currency, line.costs);
        }
    }
    Ok(figures)
}

/// The slices of a layer that take part in a billing period's figures, with what was recorded of them.
pub(crate) fn held(layer: &Layer, billing: Month, weighs: Option<Period>, open: Open) -> Result<Vec<Held>, Failure> {
    let slices = layer.world.slices().into_iter().filter(|slice| takes_part(slice, billing, weighs));
    slices.map(|slice| Ok(Held { daily: layer.daily(&slice, open)?, slice })).collect()
}

/// The days that weigh in a layer; none where it has no pools.
fn weighs(layer: &Layer, billing: Month) -> Option<Period> {
    layer.pools.as_ref().and_then(|_| span(&layer.world.slices(), billing))
}

/// The figures of a billing period as a layer has them.
pub(crate) fn recorded(layer: &Layer, billing: Month, open: Open) -> Result<Figures, Failure> {
    let held = held(layer, billing, weighs(layer, billing), open)?;
    figures(&held, billing, layer.pools.as_ref(), &layer.world.org)
}

/// The statement that a layer makes of a billing period.
pub(crate) fn statement(layer: &Layer, billing: Month, open: Open) -> Result<Statement, Failure> {
    let rates = crate::rates::in_force(&layer.world)?.frozen(billing);
    let own = layer.world.scopes.iter().filter(|current| current.scope.billing_period == billing);
    Ok(Statement {
        period: billing,
        snapshot: layer.world.snapshot.as_ref().map_or(Digest::of(b""), |snapshot| snapshot.digest),
        figures: recorded(layer, billing, open)?,
        rows: own.map(|current| current.facts.rows).sum(),
        rates: rates.iter().map(|(_, from, to, rate)| (format!("{from}>{to}"), rate.to_string())).collect(),
    })
}

/// Compares a statement with the proofs that the book has of its snapshot: per currency, all that was accepted and no more.
pub(crate) async fn prove(home: &Home, snapshot: i64, statement: &Statement) -> Result<(), Failure> {
    let mut accepted = BTreeMap::<Currency, Costs>::new();
    let proofs = home.book.proofs(snapshot).await.map_err(|error| Failure::from_error(&error))?;
    for proof in proofs.iter().filter(|proof| proof.scope.billing_period == statement.period) {
        accepted.entry(proof.currency.clone()).or_default()[proof.cost] += proof.accepted;
    }
    let mut totals = statement.figures.totals();
    for (currency, costs) in accepted {
        let found = totals.remove(&currency).unwrap_or_default();
        if found != costs {
            return Err(Failure::quality(format!(
                "the statement of {} has {currency} {} effective ({} billed), its proofs have {} ({}); nothing was changed",
                statement.period, found.effective, found.billed, costs.effective, costs.billed
            )));
        }
    }
    match totals.iter().find(|(_, costs)| **costs != Costs::default()) {
        None => Ok(()),
        Some((currency, _)) => Err(Failure::quality(format!(
            "the statement of {} has amounts in {currency}, its proofs have none; nothing was changed",
            statement.period
        ))),
    }
}

/// True when two layers have other figures of a billing period. Figures are made only where what they are made from differs.
pub(crate) fn differ(one: &Layer, other: &Layer, billing: Month, open: Open) -> Result<bool, Failure> {
    let inputs = |layer: &Layer| {
        let weighs = weighs(layer, billing);
        let mut files: Vec<String> = Vec::new();
        for slice in layer.world.slices().iter().filter(|slice| takes_part(slice, billing, weighs)) {
            files.push(format!("{} {}", slice.scope, slice.delivery));
            files.extend(slice.of(Table::Daily).iter().map(|file| file.path.clone()));
        }
        (files, layer.world.config_digest(ConfigKind::Org), layer.world.config_digest(ConfigKind::Pools))
    };
    if inputs(one) == inputs(other) {
        return Ok(false);
    }
    let (one, other) = (recorded(one, billing, open)?, recorded(other, billing, open)?);
    Ok(one.minus(&other).iter().next().is_some())
}
