//! Who may approve how much: the line of management of a unit on a day, and people with a role.
//!
//! ```text
//! levels    team up to 1,000 · division up to 50,000 · company without limit      (USD)
//! payments below shop below acme, asked for 5,000
//!           cy leads payments: up to 1,000, too little
//!           bo leads shop: up to 50,000            ← asked first
//!           ann leads acme: without limit          ← asked when bo does not answer
//! ```
//! The line follows the org of the day on which something is approved, so a reorg changes who may. Programs are in no
//! line.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use leap_terms::{Currency, Day, Money, TeamId};

use crate::org::Org;

/// What leads of units of a kind may approve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Level {
    /// The kind of unit: `team`, `division` …; letters of either case.
    pub kind: String,
    /// Up to which amount; none: without limit.
    pub up_to: Option<Money>,
}

/// A person with the role of approver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoleHolder {
    /// Who.
    pub person: String,
    /// For this unit and those below; none: for the whole company.
    pub unit: Option<TeamId>,
    /// Up to which amount; none: without limit.
    pub up_to: Option<Money>,
}

/// Who may approve, as the settings say it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// The currency of all levels. What is asked for in another one needs somebody without limit.
    pub currency: Currency,
    /// What leads may approve, by kind of unit; those of other kinds approve nothing.
    pub levels: Vec<Level>,
    /// People with the role.
    pub roles: Vec<RoleHolder>,
    /// Names that are programs, whatever the org says.
    pub automation: BTreeSet<String>,
}

/// A person who may approve something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approver {
    /// Who.
    pub person: String,
    /// Which unit they lead, or have the role for; none: the role in the whole company.
    pub unit: Option<TeamId>,
    /// Up to which amount; none: without limit.
    pub up_to: Option<Money>,
}

impl Approver {
    /// True when the person may approve such an amount.
    pub fn covers(&self, amount: Money) -> bool {
        self.up_to.is_none_or(|most| amount <= most)
    }

    /// Lower levels before higher ones; without limit is the highest.
    pub fn by_level(&self, other: &Approver) -> Ordering {
        match (self.up_to, other.up_to) {
            (Some(one), Some(two)) => one.cmp(&two),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

impl Authority {
    /// Who may approve for a unit on a day, in the order in which they are asked: lower levels first, at one level
    /// who leads the nearest unit first, people with a role after leads, by name.
    pub fn approvers(&self, org: &dyn Org, unit: &TeamId, currency: &Currency, day: Day) -> Vec<Approver> {
        let level = |kind: &str| self.levels.iter().find(|level| level.kind.eq_ignore_ascii_case(kind));
        let mut path = org.path(unit, day);
        if path.is_empty() {
            // A unit that ended is spoken for by who inherits it.
            path = org.heirs(unit, day).first().map_or_else(Vec::new, |(heir, _)| org.path(heir, day));
        }
        let leads = path.iter().rev().filter_map(|node| {
            let up_to = level(&node.kind)?.up_to;
            Some(Approver { person: node.lead.clone()?, unit: Some(node.unit.clone()), up_to })
        });
        let above =
            |holder: &&RoleHolder| holder.unit.as_ref().is_none_or(|unit| path.iter().any(|node| node.unit == *unit));
        let mut roles: Vec<&RoleHolder> = self.roles.iter().filter(above).collect();
        roles.sort_by(|a, b| a.person.cmp(&b.person));
        let roles = roles.into_iter().map(|holder| {
            let RoleHolder { person, unit, up_to } = holder.clone();
            Approver { person, unit, up_to }
        });
        let mut approvers: Vec<Approver> =
            leads.chain(roles).filter(|approver| !self.automation.contains(&approver.person)).collect();
        if *currency != self.currency {
            approvers.retain(|approver| approver.up_to.is_none());
        }
        approvers.sort_by(Approver::by_level);
        approvers
    }
}
