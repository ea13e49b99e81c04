//! A change of rules or org that is worked out and not published: which slices answer otherwise, and what changes hands.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::Snapshot;
use leap_lake::Staging;
use leap_orient::attribute::{DiffRun, Engine};
use leap_orient::org::Org;
use leap_orient::proof::{Folded, OwnerTotals};
use leap_orient::rules::RuleSet;
use leap_terms::tables::Table;
use leap_terms::{Currency, FileRecord, Instant, Month, Owner};

use super::{Target, Touched, changed_slices, may_publish, problem};
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{Answer, Cell};
use crate::publish::{self, Change, Fresh};
use crate::world::{World, add_totals, each_batch};

/// Cost that changes hands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Moves(pub(super) BTreeMap<(Owner, Owner, Currency), Folded>);

impl Moves {
    /// Owner before, owner after, currency and what changes hands; the largest first.
    pub(crate) fn rows(&self) -> Vec<(&(Owner, Owner, Currency), &Folded)> {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by(|a, b| {
            let size = |folded: &Folded| folded.costs.effective.abs();
            size(b.1).cmp(&size(a.1)).then_with(|| a.0.cmp(b.0))
        });
        rows
    }

    /// True when everything stays where it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everybody who gives something away, residuals too.
    pub(crate) fn sources(&self) -> BTreeSet<&Owner> {
        self.0.keys().map(|(from, _, _)| from).collect()
    }

    /// The largest amounts first.
    pub(crate) fn answer(&self, title: &str) -> Answer {
        let mut answer = Answer::new(title, &["from", "to", "charges", "currency", "amount"]);
        for ((from, to, currency), folded) in self.rows() {
            answer.rows.push(vec![
                Cell::text(from.to_string()),
                Cell::text(to.to_string()),
                Cell::Count(folded.charges()),
                Cell::text(currency.as_str()),
                Cell::Amount(folded.costs.effective),
            ]);
        }
        answer
    }
}

/// What a change does to figures.
#[derive(Default)]
pub(crate) struct Weighed {
    /// What changes hands.
    pub(crate) moves: Moves,
    /// What the answers that change give to whom by which rule.
    pub(crate) totals: OwnerTotals,
    /// Billing periods in which something changes hands.
    pub(crate) periods: BTreeSet<Month>,
}

/// A change, worked out: the answers that it changes lie in a staging.
pub(crate) struct Prospect {
    fresh: Vec<Fresh>,
    touched: Touched,
    staging: Staging,
}

impl Prospect {
    /// Works out in which slices a change gives other answers. Changes nothing.
    pub(crate) fn of(home: &Home, world: &World, target: Target<'_>) -> Result<Prospect, Failure> {
        let staging = home.stage("prospect")?;
        match changed_slices(home, world, target, &staging) {
            Ok((fresh, touched)) => Ok(Prospect { fresh, touched, staging }),
            Err(failure) => {
                staging.discard().map_err(problem)?;
                Err(failure)
            }
        }
    }

    /// How much was looked at, and how much changes.
    pub(crate) fn touched(&self) -> Touched {
        self.touched
    }

    /// What changes hands where these rules, and the org in force, answer.
    pub(crate) fn weighed(&self, home: &Home, world: &World, rules: &RuleSet) -> Result<Weighed, Failure> {
        let mut weighed = Weighed::default();
        let (before, after) = (Engine::new(&world.rules, &world.org), Engine::new(rules, &world.org));
        let staged: BTreeSet<String> = self.staging.files().into_iter().map(|file| file.path).collect();
        let open = |file: &FileRecord, columns: Option<&[&str]>| {
            if staged.contains(&file.path) { self.staging.scan(file, columns) } else { home.lake.scan(file, columns) }
                .map_err(problem)
        };
        for fresh in &self.fresh {
            let mut moved = BTreeMap::<(Owner, Owner, Currency), Folded>::new();
            let totals = match &fresh.again {
                Some(done) => {
                    for ((_, from, to, currency), folded) in &done.moved {
                        *moved.entry((from.clone(), to.clone(), currency.clone())).or_default() += *folded;
                    }
                    done.change.totals()
                }
                // Its keys had to be made anew for a column that no rule named so far.
                None => {
                    let (slice, mut run) = (&fresh.slice, after.scope());
                    let mut diff = DiffRun::new(&before, &after);
                    each_batch(slice.of(Table::Keys), None, &open, |batch| {
                        run.keys(batch).and_then(|()| diff.keys(batch)).map_err(problem)
                    })?;
                    each_batch(slice.of(Table::Resources), None, &open, |batch| {
                        run.resources(batch).and_then(|()| diff.resources(batch)).map_err(problem)
                    })?;
                    each_batch(slice.of(Table::Cube), None, &open, |batch| {
                        run.cube(batch).and_then(|()| diff.cube(batch)).map_err(problem)
                    })?;
                    for one in diff.moved() {
                        *moved.entry((one.from, one.to, one.currency)).or_default() += one.folded;
                    }
                    run.finish().totals
                }
            };
            add_totals(&mut weighed.totals, &totals);
            moved.retain(|(from, to, _), _| from != to);
            if !moved.is_empty() {
                weighed.periods.insert(fresh.slice.scope.billing_period);
            }
            for (key, folded) in moved {
                *weighed.moves.0.entry(key).or_default() += folded;
            }
        }
        Ok(weighed)
    }

    /// Publishes it.
    pub(crate) async fn publish(
        self,
        home: &Home,
        world: &World,
        target: (&RuleSet, &Org),
        change: Change,
    ) -> Result<(Snapshot, Touched), Failure> {
        let now = may_publish(world, target.1, &change)?;
        self.publish_at(home, world, target, change, now).await
    }

    /// The same where it was asked already whether it may be.
    pub(super) async fn publish_at(
        self,
        home: &Home,
        world: &World,
        target: (&RuleSet, &Org),
        change: Change,
        now: Instant,
    ) -> Result<(Snapshot, Touched), Failure> {
        let snapshot = publish::turn_by(home, world, target, self.staging, self.fresh, change, now).await?;
        Ok((snapshot, self.touched))
    }

    /// Leaves it: what was staged goes.
    pub(crate) fn discard(self) -> Result<(), Failure> {
        self.staging.discard().map_err(problem)
    }
}
