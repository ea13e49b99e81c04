//! Head counts as the org has them: what a unit says of itself, else the people who are its members.

use leap_terms::{Day, TeamId};

use super::HeadCounts;
use crate::org::Org;

impl HeadCounts for Org {
    fn head_count(&self, unit: &TeamId, day: Day) -> Option<u32> {
        let said = self.unit(unit)?.on(day)?.head_count;
        said.or_else(|| {
            let members = self.people().values().filter(|spans| {
                spans.iter().any(|membership| membership.period.contains(day) && membership.unit == *unit)
            });
            u32::try_from(members.count()).ok().filter(|count| *count > 0)
        })
    }

    fn units_on(&self, day: Day) -> Vec<TeamId> {
        self.units().iter().filter(|unit| unit.on(day).is_some()).map(|unit| unit.id.clone()).collect()
    }

    fn kind(&self, unit: &TeamId, day: Day) -> Option<String> {
        Some(self.unit(unit)?.on(day)?.kind.clone())
    }

    fn parent(&self, unit: &TeamId, day: Day) -> Option<TeamId> {
        self.unit(unit)?.on(day)?.parent.clone()
    }
}
