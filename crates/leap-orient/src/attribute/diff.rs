//! What another rule set or organisation would move: from whom to whom, how much. Computed per cell of the cube, so a charge
//! that moves from one owner to another is seen as that, and all moves add up to zero.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use leap_terms::{Currency, Owner};

use super::columns::{AttributeError, CubeRows, Currencies};
use super::engine::Engine;
use super::scope::ScopeRun;
use crate::proof::Folded;

/// Cost that changes hands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Who has it before.
    pub from: Owner,
    /// Who has it after.
    pub to: Owner,
    /// The currency.
    pub currency: Currency,
    /// How much, and how many charges.
    pub folded: Folded,
}

/// Two engines over the same facts. Run it over scope after scope; moves add up.
pub struct DiffRun<'e, 'r> {
    before: &'e Engine<'r>,
    after: &'e Engine<'r>,
    runs: (ScopeRun<'e, 'r>, ScopeRun<'e, 'r>),
    currencies: Currencies,
    moved: BTreeMap<(Owner, Owner, Currency), Folded>,
    total: BTreeMap<Currency, Folded>,
}

impl<'e, 'r> DiffRun<'e, 'r> {
    /// Starts with two engines.
    pub fn new(before: &'e Engine<'r>, after: &'e Engine<'r>) -> DiffRun<'e, 'r> {
        DiffRun {
            before,
            after,
            runs: (before.scope(), after.scope()),
            currencies: Currencies::default(),
            moved: BTreeMap::new(),
            total: BTreeMap::new(),
        }
    }

    /// Forgets keys and resources before the next scope; moves are kept.
    pub fn next_scope(&mut self) {
        self.runs = (self.before.scope(), self.after.scope());
    }

    /// Adds keys.
    ///
    /// # Errors
    /// As [`ScopeRun::keys`].
    pub fn keys(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        self.runs.0.keys(batch)?;
        self.runs.1.keys(batch)
    }

    /// Adds resources.
    ///
    /// # Errors
    /// As [`ScopeRun::resources`].
    pub fn resources(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        self.runs.0.resources(batch)?;
        self.runs.1.resources(batch)
    }

    /// Compares the owners of cells.
    ///
    /// # Errors
    /// As [`ScopeRun::cube`].
    pub fn cube(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let rows = CubeRows::new(batch)?;
        for at in 0..rows.len() {
            let cell = rows.cell(at, &mut self.currencies)?;
            let (before, _) = self.runs.0.settle(&cell)?;
            let (after, _) = self.runs.1.settle(&cell)?;
            let (from, to) = (self.runs.0.owner(before), self.runs.1.owner(after));
            let currency = &self.currencies.all[cell.currency];
            *self.total.entry(currency.clone()).or_default() += cell.folded;
            if from != to {
                *self.moved.entry((from.clone(), to.clone(), currency.clone())).or_default() += cell.folded;
            }
        }
        Ok(())
    }

    /// All moves, by owner before, owner after and currency.
    pub fn moved(&self) -> Vec<Moved> {
        let moves = self.moved.iter().map(|((from, to, currency), folded)| Moved {
            from: from.clone(),
            to: to.clone(),
            currency: currency.clone(),
            folded: *folded,
        });
        moves.collect()
    }

    /// Net change per owner and currency: what it gains minus what it gives. The sum over owners is zero.
    pub fn net(&self) -> BTreeMap<(Owner, Currency), leap_terms::Costs> {
        let mut net: BTreeMap<(Owner, Currency), leap_terms::Costs> = BTreeMap::new();
        for ((from, to, currency), folded) in &self.moved {
            *net.entry((to.clone(), currency.clone())).or_default() += folded.costs;
            *net.entry((from.clone(), currency.clone())).or_default() += -folded.costs;
        }
        net
    }

    /// All cost compared, per currency.
    pub fn total(&self) -> &BTreeMap<Currency, Folded> {
        &self.total
    }
}
