//! Pools and readings: leap's journal of sharing and the figures of its units, beside the auditor's.
//!
//! ```text
//! 2026-09-01 kafka payments use USD effective    leap 28.67   audited 28.67
//! as-is acme total USD effective                 leap 410.00  audited 410.00
//! ```
//! The auditor starts from its own charges, of raw files alone; leap from its daily tables. Lines of several billing
//! periods on one day are added up, because the auditor's journal does not tell them apart.

use std::collections::{BTreeMap, HashMap};

use leap_orient::org::{OrgReading, Reader};
use leap_orient::pool::{Line, LineKind};
use leap_sim::audit::AuditError;
use leap_sim::audit::history::History;
use leap_sim::audit::pools::{self, Journal, PoolCharge};
use leap_sim::audit::readings::{self, NodeTotals, Owned, condensed, of_journal, shown};
use leap_terms::{CostKind, Costs, Currency, Day, Money, Month, Owner, Period};

use super::Compared;
use super::auditor::{Inputs, amounts, beside};
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use crate::view::Layer;
use crate::world::{Open, World, published};

/// Figures by whose they are and currency.
type Figures = BTreeMap<(String, String), [Money; 4]>;

fn refused(error: &AuditError) -> Failure {
    Failure::quality(format!("the auditor could not read what is in force: {error}"))
}

/// Compares the journal of sharing, then the readings; both of the snapshot that the world pins.
pub(super) async fn compare(
    home: &Home,
    world: &World,
    inputs: &Inputs,
    charges: &[PoolCharge],
) -> Result<(Compared, Compared), Failure> {
    let layer = Layer::new(World::at(home, world.snapshot.clone()).await?)?;
    let open = published(home);
    let history = History::read(&inputs.org).map_err(|error| refused(&error))?;
    let (audited, why_not) = match audited(inputs, &history, charges) {
        Ok(journal) => (journal, None),
        Err(error @ AuditError::NotAudited(_)) => (Journal::new(), Some(error.to_string())),
        Err(error) => return Err(refused(&error)),
    };
    let mut lines = Vec::new();
    if why_not.is_none() {
        for (billing, days) in billing_periods(&layer) {
            lines.extend(layer.journal(billing, days, &open)?.lines);
        }
    }
    let pools = match &why_not {
        Some(why) => Compared::not(why.clone()),
        None => journals(&lines, &audited)?,
    };
    // Where pools are not audited both sides leave their cost with them.
    let mut amounts: Vec<Owned> = charges.iter().map(Owned::from).collect();
    amounts.extend(of_journal(&audited));
    let amounts = condensed(&history, amounts);
    let today = clock::now().day();
    let mut compared = Compared::default();
    for (name, reading, theirs) in [
        ("as-was", OrgReading::AsWas, readings::OrgReading::AsWas),
        ("as-is", OrgReading::At(today), readings::OrgReading::At(today)),
    ] {
        let audited = audited_units(name, &shown(&history, &amounts, theirs))?;
        compared.add(&units(name, &layer, &lines, reading, &open)?, &audited);
    }
    Ok((pools, compared))
}

/// The auditor's journal of its own charges: each policy's, on the days on which it holds.
fn audited(inputs: &Inputs, history: &History, charges: &[PoolCharge]) -> Result<Journal, AuditError> {
    let mut journal = Journal::new();
    for (number, version) in inputs.pools.iter().enumerate() {
        let Some((_, policy)) = version.files.first() else { continue };
        let until = inputs.pools.get(number + 1).map(|next| next.from);
        let policy = pools::Pools::read(&String::from_utf8_lossy(policy), &beside(&version.files))?;
        let lines = policy.journal(history, charges).into_iter();
        journal.extend(lines.filter(|((day, ..), _)| *day >= version.from && until.is_none_or(|until| *day < until)));
    }
    Ok(journal)
}

/// The billing periods with the days of their charges.
fn billing_periods(layer: &Layer) -> BTreeMap<Month, Period> {
    let mut periods = BTreeMap::<Month, Period>::new();
    for slice in layer.world.slices() {
        let Some(own) = Period::new(slice.first_day, slice.last_day.plus(1)) else { continue };
        let days = periods.entry(slice.scope.billing_period).or_insert(own);
        *days = Period::new(days.from().min(own.from()), days.until().max(own.until())).unwrap_or(own);
    }
    periods
}

fn add(figures: &mut Figures, of: String, currency: &str, costs: [Money; 4]) {
    for (sum, cost) in figures.entry((of, currency.to_owned())).or_default().iter_mut().zip(costs) {
        *sum += cost;
    }
}

fn four(costs: &Costs) -> [Money; 4] {
    CostKind::ALL.map(|kind| costs[kind])
}

/// Compares two journals line by line, then by what each owner gets.
fn journals(lines: &[Line], audited: &Journal) -> Result<Compared, Failure> {
    let (mut leap, mut other) = (Figures::new(), Figures::new());
    let (mut owners, mut other_owners) = (Figures::new(), Figures::new());
    for line in lines {
        // What leaves a pool is the use of it by others: the auditor has one word for both.
        let word = match line.line {
            LineKind::Pool | LineKind::Use => "use",
            LineKind::Idle => "idle",
            LineKind::Benefit => "benefit",
        };
        let of = format!("{} {} {} {word}", line.day, line.pool, line.owner);
        add(&mut leap, of, line.currency.as_str(), four(&line.costs));
        add(&mut owners, line.owner.to_string(), line.currency.as_str(), four(&line.costs));
    }
    for ((day, pool, owner, line, currency), costs) in audited {
        let word = match line {
            pools::Line::Use => "use",
            pools::Line::Idle => "idle",
            pools::Line::Benefit => "benefit",
        };
        let costs = amounts(costs)?;
        add(&mut other, format!("{day} {pool} {owner} {word}"), currency, costs);
        add(&mut other_owners, owner.clone(), currency, costs);
    }
    let mut compared = Compared::default();
    compared.add(&leap, &other);
    compared.add(&owners, &other_owners);
    Ok(compared)
}

fn audited_units(name: &str, shown: &readings::Shown) -> Result<Figures, Failure> {
    let mut figures = Figures::new();
    for ((unit, currency), NodeTotals { total, direct }) in &shown.nodes {
        add(&mut figures, format!("{name} {unit} total"), currency, amounts(total)?);
        add(&mut figures, format!("{name} {unit} direct"), currency, amounts(direct)?);
    }
    Ok(figures)
}

/// What each unit shows: leap's reader over its daily tables, and the lines of sharing.
fn units(name: &str, layer: &Layer, lines: &[Line], reading: OrgReading, open: Open) -> Result<Figures, Failure> {
    let org = &layer.world.org;
    // Between two steps of the org each day has the same tree.
    let epoch = |day: Day| match reading {
        OrgReading::AsWas => org.steps().partition_point(|step| *step <= day),
        OrgReading::At(_) => 0,
    };
    let mut sums = HashMap::<(Owner, usize, Currency), (Day, Costs)>::new();
    let mut put = |owner: &Owner, day: Day, currency: &Currency, costs: Costs| {
        let sum = sums.entry((owner.clone(), epoch(day), currency.clone())).or_insert((day, Costs::default()));
        sum.1 += costs;
    };
    for slice in layer.world.slices() {
        for (key, folded) in layer.daily(&slice, open)?.rows() {
            put(&key.owner, key.day, &key.currency, folded.costs);
        }
    }
    for line in lines {
        put(&line.owner, line.day, &line.currency, line.costs);
    }
    let reader = Reader::new(org, reading);
    let mut figures = Figures::new();
    for ((owner, _, currency), (day, costs)) in sums {
        let path: Vec<String> = match &owner {
            Owner::Team(team) => reader.path(team, day).iter().map(ToString::to_string).collect(),
            Owner::Residual(_) => vec![owner.to_string()],
        };
        for (depth, unit) in path.iter().enumerate() {
            add(&mut figures, format!("{name} {unit} total"), currency.as_str(), four(&costs));
            let direct = if depth + 1 == path.len() { costs } else { Costs::default() };
            add(&mut figures, format!("{name} {unit} direct"), currency.as_str(), four(&direct));
        }
    }
    Ok(figures)
}

#[cfg(test)]
mod tests;
