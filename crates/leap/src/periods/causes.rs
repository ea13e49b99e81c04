//! Why a period's figures differ between two snapshots: worlds that never were, one input of today after the other.
//!
//! ```text
//! facts then, rules then, org then, pools then      the statement
//! facts now · · ·                                   what bills changed: its own, then others that weigh in its pools
//! facts now, rules now · ·                          what rules and settled claims changed
//! facts now, rules now, org now ·                   what reorgs changed
//! facts now, rules now, org now, pools now          today's figures
//! ```
//! Inputs that are the same are not exchanged. Where today's rules name units that the org of then lacks, the org goes first. What such a world gives is attributed in memory; nothing is published.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use leap_book::ConfigKind;
use leap_lake::Staging;
use leap_orient::attribute::Engine;
use leap_orient::org::Org;
use leap_orient::period::{Cause, Figures, Restatement};
use leap_orient::pool::Policies;
use leap_orient::rules::RuleSet;
use leap_terms::tables::{self, Table};
use leap_terms::{DeliveryId, FileRecord, Month, Period, ScopeKey};

use super::figures::{Held, figures, held, recorded, span};
use crate::config;
use crate::failure::Failure;
use crate::home::Home;
use crate::ownership::keyed_for;
use crate::view::Layer;
use crate::world::{Open, Slice, World, each_batch, published};

/// The FOCUS column that tells corrections from other charges, and its word for them.
const CLASS: &str = "ChargeClass";
const CORRECTION: &str = "Correction";

/// A difference with its causes.
pub(crate) struct Explained {
    /// The causes.
    pub(crate) restatement: Restatement,
    /// Figures then and now.
    pub(crate) before: Figures,
    /// See `before`.
    pub(crate) after: Figures,
    /// What a reader has to know about the order of exchange; empty mostly.
    pub(crate) notes: Vec<String>,
}

/// Which charges of a slice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Corrections,
    Others,
}

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

fn name(slice: &Slice) -> (ScopeKey, DeliveryId) {
    (slice.scope.clone(), slice.delivery.clone())
}

fn names(slices: &[Slice]) -> BTreeSet<(ScopeKey, DeliveryId)> {
    slices.iter().map(name).collect()
}

/// Runs rules over slices, in a staging that is thrown away.
struct Rerun<'w> {
    home: &'w Home,
    rules: &'w RuleSet,
    engine: Engine<'w>,
}

impl<'w> Rerun<'w> {
    fn new(home: &'w Home, rules: &'w RuleSet, org: &'w Org) -> Rerun<'w> {
        Rerun { home, rules, engine: Engine::new(rules, org) }
    }

    fn held(&self, slice: &Slice, part: Part) -> Result<Held, Failure> {
        let staging = self.home.stage("period")?;
        let outcome = self.staged(slice, part, &staging);
        staging.discard().map_err(problem)?;
        outcome
    }

    fn staged(&self, slice: &Slice, part: Part, staging: &Staging) -> Result<Held, Failure> {
        let lake = published(self.home);
        let keyed = keyed_for(self.home, &self.rules.extra_columns(), slice, staging, &lake)?;
        let keyed = keyed.unwrap_or_else(|| slice.clone());
        let staged: BTreeSet<String> = staging.files().into_iter().map(|file| file.path).collect();
        let open = |file: &FileRecord, columns: Option<&[&str]>| {
            if staged.contains(&file.path) { staging.scan(file, columns).map_err(problem) } else { lake(file, columns) }
        };
        let corrections = if part == Part::All { BTreeSet::new() } else { corrections(&keyed, &open)? };
        let mut run = self.engine.scope();
        each_batch(keyed.of(Table::Keys), None, &open, |batch| run.keys(batch).map_err(problem))?;
        if self.rules.reads_resources() {
            each_batch(keyed.of(Table::Resources), None, &open, |batch| run.resources(batch).map_err(problem))?;
        }
        each_batch(keyed.of(Table::Cube), None, &open, |batch| match part {
            Part::All => run.cube(batch).map_err(problem),
            Part::Corrections => run.cube(&only(batch, &corrections, true)?).map_err(problem),
            Part::Others => run.cube(&only(batch, &corrections, false)?).map_err(problem),
        })?;
        Ok(Held { slice: slice.clone(), daily: Arc::new(run.finish().daily) })
    }
}

/// The keys of a slice that are corrections.
fn corrections(slice: &Slice, open: Open) -> Result<BTreeSet<Vec<u8>>, Failure> {
    let mut found = BTreeSet::new();
    let columns = [tables::KEY, CLASS];
    each_batch(slice.of(Table::Keys), Some(&columns), open, |batch| {
        let keys = column(batch, tables::KEY, &DataType::Binary)?;
        let classes = column(batch, CLASS, &DataType::Utf8)?;
        let (keys, classes) = (keys.as_binary::<i32>(), classes.as_string::<i32>());
        let is = |row: &usize| classes.is_valid(*row) && classes.value(*row) == CORRECTION;
        found.extend((0..batch.num_rows()).filter(is).map(|row| keys.value(row).to_vec()));
        Ok(())
    })?;
    Ok(found)
}

/// The cells of a batch whose key is among these, or is not.
fn only(batch: &RecordBatch, keys: &BTreeSet<Vec<u8>>, among: bool) -> Result<RecordBatch, Failure> {
    let of = column(batch, tables::KEY, &DataType::Binary)?;
    let of = of.as_binary::<i32>();
    let wanted: BooleanArray = (0..batch.num_rows()).map(|row| Some(keys.contains(of.value(row)) == among)).collect();
    filter_record_batch(batch, &wanted).map_err(problem)
}

fn column(batch: &RecordBatch, name: &str, kind: &DataType) -> Result<arrow::array::ArrayRef, Failure> {
    let array =
        batch.column_by_name(name).ok_or_else(|| Failure::failed(format!("a table of the lake lacks {name}")))?;
    cast(array, kind).map_err(problem)
}

/// Explains the difference of a billing period between two layers.
pub(crate) fn explain(home: &Home, then: &Layer, now: &Layer, billing: Month) -> Result<Explained, Failure> {
    Between { home, then, now, billing }.explain()
}

/// The way from one layer to another.
struct Between<'w> {
    home: &'w Home,
    then: &'w Layer,
    now: &'w Layer,
    billing: Month,
}

impl<'w> Between<'w> {
    fn explain(&self) -> Result<Explained, Failure> {
        let open = published(self.home);
        let (then, now) = (&self.then.world, &self.now.world);
        let before = recorded(self.then, self.billing, &open)?;
        let after = recorded(self.now, self.billing, &open)?;
        let differs = |kind: ConfigKind| then.config_digest(kind) != now.config_digest(kind);
        let rules_differ = differs(ConfigKind::Rules) || differs(ConfigKind::Claims);
        let weighs = self.weighs();
        let held_then = held(self.then, self.billing, weighs, &open)?;
        let held_now = held(self.now, self.billing, weighs, &open)?;
        let pools_then = self.then.pools.as_ref();
        let mut steps = Vec::new();
        let mut notes = Vec::new();

        if names(&slices(&held_then)) != names(&slices(&held_now)) {
            self.bills(&held_then, &held_now, pools_then, &open, &mut steps)?;
        }
        match (rules_differ, differs(ConfigKind::Org)) {
            (true, true) => self.rules_and_org(&held_now, pools_then, &mut steps, &mut notes)?,
            (true, false) => {
                steps.push((Cause::RuleCorrection, figures(&held_now, self.billing, pools_then, &now.org)?));
            }
            (false, true) => steps.push((Cause::Recast, figures(&held_now, self.billing, pools_then, &now.org)?)),
            (false, false) => {}
        }
        if differs(ConfigKind::Pools) {
            steps.push((Cause::PoolDriver, after.clone()));
        }
        let last = steps.last().map_or(&before, |(_, figures)| figures);
        if let Some((place, costs)) = after.minus(last).iter().next() {
            return Err(Failure::quality(format!(
                "the causes do not lead to the figures of {}: {} of {} is left over",
                self.billing, costs.effective, place.owner
            )));
        }
        let restatement = Restatement::explain(&before, &steps);
        Ok(Explained { restatement, before, after, notes })
    }

    /// The days that weigh then or now.
    fn weighs(&self) -> Option<Period> {
        if self.then.pools.is_none() && self.now.pools.is_none() {
            return None;
        }
        let both: Vec<Slice> = self.then.world.slices().into_iter().chain(self.now.world.slices()).collect();
        span(&both, self.billing)
    }

    /// What bills changed: first corrections of the period's own, then the rest of it, then what others weigh in its pools.
    fn bills(
        &self,
        held_then: &[Held],
        held_now: &[Held],
        pools: Option<&Policies>,
        open: Open,
        steps: &mut Vec<(Cause, Figures)>,
    ) -> Result<(), Failure> {
        let world = &self.then.world;
        let rerun = Rerun::new(self.home, &world.rules, &world.org);
        let own = |held: &&Held| held.slice.scope.billing_period == self.billing;
        let (names_then, names_now) = (names(&slices(held_then)), names(&slices(held_now)));
        let gone: Vec<&Held> = held_then.iter().filter(|held| !names_now.contains(&name(&held.slice))).collect();
        let come: Vec<&Held> = held_now.iter().filter(|held| !names_then.contains(&name(&held.slice))).collect();
        let mut all: Vec<Held> =
            held_then.iter().filter(|held| names_now.contains(&name(&held.slice))).cloned().collect();
        // What does not belong to the period stays as it was until its turn comes.
        let others_then: Vec<Held> = gone.iter().filter(|held| !own(held)).map(|held| (*held).clone()).collect();
        let own_gone: Vec<&Held> = gone.into_iter().filter(own).collect();
        let (own_come, others_come): (Vec<&Held>, Vec<&Held>) = come.into_iter().partition(own);
        let with_others = |all: &[Held]| [all, &others_then].concat();
        let mut corrected = false;
        for held in own_gone.iter().chain(&own_come) {
            corrected |= !corrections(&held.slice, open)?.is_empty();
        }
        if corrected {
            let mut mixed = with_others(&all);
            for held in &own_gone {
                mixed.push(rerun.held(&held.slice, Part::Others)?);
            }
            for held in &own_come {
                mixed.push(rerun.held(&held.slice, Part::Corrections)?);
            }
            steps.push((Cause::BillCorrection, figures(&mixed, self.billing, pools, &world.org)?));
        }
        if !own_gone.is_empty() || !own_come.is_empty() {
            for held in &own_come {
                all.push(rerun.held(&held.slice, Part::All)?);
            }
            let figures = figures(&with_others(&all), self.billing, pools, &world.org)?;
            steps.push((Cause::ProviderRestatement, figures));
        }
        if !others_then.is_empty() || !others_come.is_empty() {
            for held in &others_come {
                all.push(rerun.held(&held.slice, Part::All)?);
            }
            steps.push((Cause::PoolDriver, figures(&all, self.billing, pools, &world.org)?));
        }
        Ok(())
    }

    /// What rules and the org changed, with today's bills: rules first; where they do not fit the org of then, the org first;
    /// where neither fits the other's, both at once.
    fn rules_and_org(
        &self,
        held_now: &[Held],
        pools: Option<&Policies>,
        steps: &mut Vec<(Cause, Figures)>,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let (then, now) = (&self.then.world, &self.now.world);
        let today = figures(held_now, self.billing, pools, &now.org)?;
        let mixed = |rules: &World, org: &Org| -> Result<Option<Figures>, Failure> {
            let Some(rules) = read_against(rules, org) else { return Ok(None) };
            let rerun = Rerun::new(self.home, &rules, org);
            let held: Vec<Held> =
                held_now.iter().map(|held| rerun.held(&held.slice, Part::All)).collect::<Result<_, _>>()?;
            figures(&held, self.billing, pools, org).map(Some)
        };
        if let Some(ruled) = mixed(now, &then.org)? {
            steps.extend([(Cause::RuleCorrection, ruled), (Cause::Recast, today)]);
        } else if let Some(recast) = mixed(then, &now.org)? {
            notes.push(
                "today's rules name units that the org of the statement does not have, so the org was exchanged before \
                 the rules"
                    .to_owned(),
            );
            steps.extend([(Cause::Recast, recast), (Cause::RuleCorrection, today)]);
        } else {
            notes.push(
                "today's rules do not fit the org of the statement, nor its rules today's org: both were exchanged \
                 together, and what they change counts as recast by reorg"
                    .to_owned(),
            );
            steps.push((Cause::Recast, today));
        }
        Ok(())
    }
}

fn slices(held: &[Held]) -> Vec<Slice> {
    held.iter().map(|held| held.slice.clone()).collect()
}

/// The rules of a world, read against another org.
fn read_against(world: &World, org: &Org) -> Option<RuleSet> {
    let claims = world.config(ConfigKind::Claims).map(|version| &version.files);
    if world.config(ConfigKind::Rules).is_none() && claims.is_none() {
        return Some(RuleSet::default());
    }
    config::read_rules(&world.config_files(ConfigKind::Rules), claims, org).ok()
}
