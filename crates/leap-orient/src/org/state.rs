//! An organisation on one day, without history: what a source (a catalog, an HR export, a directory) can say, and what a
//! history says about a day. Comparing the two makes a reorg.
//!
//! ```json
//! {"units": {"payments": {"name": "Payments", "kind": "team", "parent": "acme", "evidence": ["services/pay"]}},
//!  "people": {"e-17": "payments"}}
//! ```
//! What is absent: any judgement. A state may contradict itself (an unknown parent, a cycle); the reorg made from it is
//! checked when it is applied.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::TeamId;
use serde::{Deserialize, Serialize};

/// An organisation on one day.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrgState {
    /// The units that exist, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<TeamId, UnitState>,
    /// The unit that each person belongs to, by the source's id of the person. Empty where the source names nobody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub people: BTreeMap<String, TeamId>,
}

/// What one unit is on one day.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitState {
    /// What people call it.
    pub name: String,
    /// `company`, `division`, `team` … free text; a dimension of reports.
    pub kind: String,
    /// The unit above, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TeamId>,
    /// Other names under which it appears in tags and mappings.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// Who leads it, by the source's id of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<String>,
    /// How many people work in it, those of units below not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_count: Option<u32>,
    /// The cost center of the ledger that it is booked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_center: Option<String>,
    /// What it owns, by which it is recognized under another id: paths of a CODEOWNERS file, entities of a catalog.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub evidence: BTreeSet<String>,
    /// Declared by the source, never by a history: the unit ends, and this one inherits its names and cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<TeamId>,
    /// Declared by the source, never by a history: the units that it came from when it was created.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub split_from: BTreeSet<TeamId>,
}
