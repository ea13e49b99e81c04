//! Who may do what, and whose cost they see: roles on parts of the org.
//!
//! ```text
//! ana   viewer, payments            sees what stands at payments or below it
//! bo    team-lead, payments         … and answers claims and disputes for those teams
//! cai   steward, the whole company  sees all; changes rules, org, pools; assigns what no team owns; closes periods
//! dee   approver, the whole company sees all; approves what somebody else asked for
//! eve   administrator               sees all; adds people and gives roles
//! ```
//! No role contains the rights of all others: who asks and who approves are different people, and who administers people
//! does not change figures unless somebody can see in the audit trail that the role was taken.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::owner::TeamId;

/// What a person is for a part of the org.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and speaks for its teams.
    TeamLead,
    /// Reads, speaks for its teams, and changes who owns what.
    Steward,
    /// Reads, and approves what another person asked for.
    Approver,
    /// Reads, and manages people and their roles; of the whole company only.
    Administrator,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] = [Role::Viewer, Role::TeamLead, Role::Steward, Role::Approver, Role::Administrator];

    /// The word on the command line, in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::TeamLead => "team-lead",
            Role::Steward => "steward",
            Role::Approver => "approver",
            Role::Administrator => "administrator",
        }
    }

    /// True when who has the role may do that in its part of the org.
    pub fn allows(self, deed: Deed) -> bool {
        match deed {
            Deed::Read => true,
            Deed::Answer => matches!(self, Role::TeamLead | Role::Steward),
            Deed::Change => self == Role::Steward,
            Deed::Approve => self == Role::Approver,
            Deed::Administer => self == Role::Administrator,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        Role::ALL.into_iter().find(|role| role.word() == text).ok_or_else(|| {
            let all: Vec<&str> = Role::ALL.into_iter().map(Role::word).collect();
            format!("'{}' is no role; use {}", text.escape_debug(), all.join(", "))
        })
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Deed {
    /// See figures.
    Read,
    /// Make, accept or decline a claim or dispute for a team.
    Answer,
    /// Change rules, org or pools; assign residual; close a period.
    Change,
    /// Approve what another person asked for.
    Approve,
    /// Add people, give and take roles.
    Administer,
}

impl Deed {
    /// All of them.
    pub const ALL: [Deed; 5] = [Deed::Read, Deed::Answer, Deed::Change, Deed::Approve, Deed::Administer];

    /// What people read: "may not …".
    pub fn words(self) -> &'static str {
        match self {
            Deed::Read => "read this",
            Deed::Answer => "speak for this team",
            Deed::Change => "change who owns what",
            Deed::Approve => "approve",
            Deed::Administer => "manage people",
        }
    }

    /// The role that may.
    pub fn role(self) -> Role {
        match self {
            Deed::Read => Role::Viewer,
            Deed::Answer => Role::TeamLead,
            Deed::Change => Role::Steward,
            Deed::Approve => Role::Approver,
            Deed::Administer => Role::Administrator,
        }
    }
}

/// A role in a part of the org: `team-lead@payments`, or `steward` in the whole company.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Grant {
    /// What the person is.
    pub role: Role,
    /// For this unit and those below it; `None`: for the whole company.
    pub unit: Option<TeamId>,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            None => write!(f, "{}", self.role),
            Some(unit) => write!(f, "{}@{unit}", self.role),
        }
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Grant, String> {
        let (role, unit) = match text.split_once('@') {
            None => (text, None),
            Some((role, unit)) => (role, Some(TeamId::new(unit)?)),
        };
        let role: Role = role.parse()?;
        if role == Role::Administrator && unit.is_some() {
            return Err("administrator is a role in the whole company: write it without @".to_owned());
        }
        Ok(Grant { role, unit })
    }
}

/// Whose cost a person sees.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reach {
    /// Everybody's, and what no team owns.
    Everything,
    /// What stands at one of these units or below; of nothing when there are none.
    Under(BTreeSet<TeamId>),
}

impl Reach {
    /// True when what stands at the end of a path (from the root down) is seen.
    pub fn holds(&self, path: &[TeamId]) -> bool {
        match self {
            Reach::Everything => true,
            Reach::Under(units) => path.iter().any(|unit| units.contains(unit)),
        }
    }

    /// True when all is seen, also what no team owns.
    pub fn is_everything(&self) -> bool {
        *self == Reach::Everything
    }
}

/// All roles of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rights {
    /// One person on one machine, who has the files anyhow: everything, but for being two people.
    Local,
    /// What was granted.
    Granted(Vec<Grant>),
}

impl Rights {
    /// Whose cost is seen.
    pub fn reach(&self) -> Reach {
        match self {
            Rights::Local => Reach::Everything,
            Rights::Granted(grants) if grants.iter().any(|grant| grant.unit.is_none()) => Reach::Everything,
            Rights::Granted(grants) => Reach::Under(grants.iter().filter_map(|grant| grant.unit.clone()).collect()),
        }
    }

    /// True when something may be done for what stands at the end of a path (from the root down); with an empty path, for the
    /// whole company.
    pub fn may(&self, deed: Deed, path: &[TeamId]) -> bool {
        match self {
            Rights::Local => true,
            Rights::Granted(grants) => grants
                .iter()
                .any(|grant| grant.role.allows(deed) && grant.unit.as_ref().is_none_or(|unit| path.contains(unit))),
        }
    }

    /// True when something may be done for some part of the company.
    pub fn may_somewhere(&self, deed: Deed) -> bool {
        match self {
            Rights::Local => true,
            Rights::Granted(grants) => grants.iter().any(|grant| grant.role.allows(deed)),
        }
    }

    /// The same rights to read, inside of one unit where one is named, and no right to do anything else: what a token has.
    pub fn reading(&self, unit: Option<&TeamId>) -> Rights {
        let read = |unit: Option<&TeamId>| Grant { role: Role::Viewer, unit: unit.cloned() };
        match (self, unit) {
            (Rights::Local, unit) => Rights::Granted(vec![read(unit)]),
            (Rights::Granted(grants), None) => {
                Rights::Granted(grants.iter().map(|grant| read(grant.unit.as_ref())).collect())
            }
            (Rights::Granted(grants), Some(unit)) if grants.iter().any(|grant| grant.unit.is_none()) => {
                Rights::Granted(vec![read(Some(unit))])
            }
            // Whether the unit lies inside of a granted one depends on the day; the same unit is inside on any.
            (Rights::Granted(grants), Some(unit)) => Rights::Granted(
                grants
                    .iter()
                    .any(|grant| grant.unit.as_ref() == Some(unit))
                    .then(|| read(Some(unit)))
                    .into_iter()
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str) -> TeamId {
        TeamId::new(name).unwrap()
    }

    fn rights(grants: &[&str]) -> Rights {
        Rights::Granted(grants.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn a_grant_is_written_as_it_is_read() {
        for text in ["viewer", "team-lead@payments", "administrator"] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        assert!("king".parse::<Grant>().unwrap_err().contains("use viewer, team-lead"));
        assert!("administrator@payments".parse::<Grant>().is_err());
        assert!("viewer@".parse::<Grant>().is_err());
    }

    #[test]
    fn no_two_roles_may_do_the_same_beyond_reading_and_answering() {
        for deed in [Deed::Change, Deed::Approve, Deed::Administer] {
            let may: Vec<Role> = Role::ALL.into_iter().filter(|role| role.allows(deed)).collect();
            assert_eq!(may, [deed.role()]);
        }
        assert!(Role::ALL.into_iter().all(|role| role.allows(Deed::Read)));
    }

    #[test]
    fn rights_hold_at_a_unit_and_below_it_only() {
        let lead = rights(&["team-lead@consumer"]);
        let below = [team("acme"), team("consumer"), team("payments")];
        let beside = [team("acme"), team("platform")];
        assert!(lead.may(Deed::Answer, &below));
        assert!(!lead.may(Deed::Answer, &beside));
        assert!(!lead.may(Deed::Change, &below));
        assert!(!lead.may(Deed::Answer, &[]), "not for the whole company");
        assert!(lead.reach().holds(&below) && !lead.reach().holds(&beside) && !lead.reach().holds(&[]));
        assert!(rights(&["viewer"]).reach().is_everything());
        assert!(!rights(&[]).reach().holds(&below), "who has no role sees nothing");
    }

    #[test]
    fn a_token_reads_no_more_than_who_made_it_and_does_nothing() {
        let person = rights(&["steward@payments", "viewer@search"]);
        assert_eq!(person.reading(None), rights(&["viewer@payments", "viewer@search"]));
        assert_eq!(person.reading(Some(&team("payments"))), rights(&["viewer@payments"]));
        assert_eq!(person.reading(Some(&team("platform"))), rights(&[]), "not what the person does not see");
        assert_eq!(rights(&["steward"]).reading(Some(&team("platform"))), rights(&["viewer@platform"]));
        assert!(!rights(&["steward"]).reading(None).may_somewhere(Deed::Change));
    }
}
