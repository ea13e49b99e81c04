//! `[cycle]` of `leap.toml`: whether plans are performed by themselves, when, and how much one may do.

use std::collections::{BTreeMap, BTreeSet};

use leap_decide::plan::{Caps, Deed};
use leap_terms::{Currency, Exact};
use serde::Deserialize;

use super::schedule::Times;
use crate::failure::Failure;

/// `[cycle]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CycleSettings {
    /// True where `leap serve` performs plans whose check finds no error; without it only `leap cycle run --act` does.
    pub(crate) act: bool,
    /// When `leap serve` takes a turn besides after each change: a cron expression, in UTC.
    pub(crate) schedule: String,
    /// Steps that a plan may have.
    pub(crate) steps: usize,
    /// Units that a plan may be about, in basis points of all units.
    pub(crate) units_bps: u32,
    /// So many units are always allowed.
    pub(crate) few_units: usize,
    /// Money that a plan may be about, by currency; without it there is no limit.
    pub(crate) money: BTreeMap<Currency, Exact>,
    /// Deeds that want an approval each time, by their words: `budget_breached`, `open_incident`.
    pub(crate) approval: BTreeSet<String>,
}

impl Default for CycleSettings {
    fn default() -> CycleSettings {
        let Caps { steps, units_bps, few_units, .. } = Caps::default();
        let schedule = "*/15 * * * *".to_owned();
        CycleSettings {
            act: false,
            schedule,
            steps,
            units_bps,
            few_units,
            money: BTreeMap::new(),
            approval: BTreeSet::new(),
        }
    }
}

impl CycleSettings {
    /// Refuses a schedule or a deed that is none, before anything is begun.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        Times::read(&self.schedule)?;
        match self.approval.iter().find(|word| !Deed::is_word(word)) {
            None => Ok(()),
            Some(word) => Err(Failure::usage(format!(
                "leap.toml: [cycle] approval: '{word}' is no deed of a plan; there are {}",
                Deed::words().collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// How much a plan may do.
    pub(crate) fn caps(&self) -> Caps {
        Caps {
            steps: self.steps,
            units_bps: self.units_bps,
            few_units: self.few_units,
            money: self.money.clone(),
            approval: self.approval.clone(),
            ..Caps::default()
        }
    }
}
