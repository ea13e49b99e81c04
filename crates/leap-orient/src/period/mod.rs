//! Closed periods: the statement that a close publishes, and why a later one differs from it.
//!
//! ```text
//! leap period close 2026-08      → statement 1 of 2026-08: who has what, at which snapshot, proved
//! leap period diff 2026-08       → provider restatement −27.80, rule correction 0 …: together the whole difference
//! ```
//! A statement is data, and its text is the same to the byte whenever it is made from the same snapshot. Nothing here
//! attributes: figures are arguments. Reading order: [`Figures`], [`statement`], [`restatement`].

pub mod restatement;
pub mod statement;

use std::collections::BTreeMap;

use leap_terms::{Costs, Currency, Owner};

pub use restatement::{Cause, CauseLine, Restatement};
pub use statement::{Statement, StatementFault};

/// Where an amount stands in a statement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// Units from the root down to the owner on the days of the charges, as it was: `acme/consumer/payments`; a residual
    /// stands alone. A team that moved within the period has two places.
    pub path: String,
    /// Who owns it.
    pub owner: Owner,
    /// The pool whose split brought it; empty for direct cost (and for what stays at a pool).
    pub pool: String,
    /// Currency.
    pub currency: Currency,
}

/// Amounts by place. Places whose four costs are all zero are left out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    places: BTreeMap<Place, Costs>,
}

impl Figures {
    /// Nothing.
    pub fn new() -> Figures {
        Figures::default()
    }

    /// Adds an amount.
    pub fn add(&mut self, place: Place, costs: Costs) {
        let sum = self.places.entry(place).or_default();
        *sum += costs;
    }

    /// Amounts by place, zeros left out.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &Costs)> {
        self.places.iter().filter(|(_, costs)| **costs != Costs::default())
    }

    /// Total per currency.
    pub fn totals(&self) -> BTreeMap<Currency, Costs> {
        let mut totals = BTreeMap::<Currency, Costs>::new();
        for (place, costs) in &self.places {
            *totals.entry(place.currency.clone()).or_default() += *costs;
        }
        totals
    }

    /// Total per owner and currency, over all places.
    pub fn per_owner(&self) -> BTreeMap<(Owner, Currency), Costs> {
        let mut owners = BTreeMap::<(Owner, Currency), Costs>::new();
        for (place, costs) in self.iter() {
            *owners.entry((place.owner.clone(), place.currency.clone())).or_default() += *costs;
        }
        owners
    }

    /// These less others.
    pub fn minus(&self, others: &Figures) -> Figures {
        let mut difference = self.clone();
        for (place, costs) in &others.places {
            difference.add(place.clone(), -*costs);
        }
        difference
    }
}
