//! How many nudges a team gets from one destination, so that none is one too many.

use leap_terms::Instant;

use super::later;

/// At most so many nudges in so many days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cap {
    /// How many; at least one.
    pub nudges: u32,
    /// In how many days.
    pub days: u32,
}

impl Cap {
    /// From when on nudges count that were delivered.
    pub fn since(self, now: Instant) -> Instant {
        later(now, -86_400 * i64::from(self.days))
    }

    /// How many more the team gets now; where none, when it gets the next one.
    ///
    /// # Errors
    /// The instant of the next one.
    pub fn left(self, delivered: &[Instant], now: Instant) -> Result<u32, Instant> {
        let mut counted: Vec<Instant> = delivered.iter().copied().filter(|at| *at > self.since(now)).collect();
        counted.sort_unstable();
        let most = self.nudges.max(1) as usize;
        match counted.len().checked_sub(most) {
            // The oldest that has to leave the days before there is room.
            Some(over) => Err(later(counted[over], 86_400 * i64::from(self.days))),
            None => Ok(u32::try_from(most - counted.len()).unwrap_or(u32::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::at;
    use super::*;

    #[test]
    fn a_team_gets_as_many_nudges_as_agreed() {
        let cap = Cap { nudges: 2, days: 7 };
        let now = at("2026-09-17T08:00:00Z");
        let left = |days: &[&str]| cap.left(&days.iter().map(|day| at(day)).collect::<Vec<_>>(), now);
        assert_eq!(left(&[]), Ok(2));
        assert_eq!(left(&["2026-09-16T08:00:00Z"]), Ok(1));
        assert_eq!(left(&["2026-09-16T08:00:00Z", "2026-09-10T08:00:00Z"]), Ok(1));
        assert_eq!(left(&["2026-09-16T08:00:00Z", "2026-09-10T08:00:01Z"]), Err(at("2026-09-17T08:00:01Z")));
        // More than agreed, after the agreement changed.
        let three = ["2026-09-16T00:00:00Z", "2026-09-11T00:00:00Z", "2026-09-12T00:00:00Z"];
        assert_eq!(left(&three), Err(at("2026-09-19T00:00:00Z")));
        // The bound is kept at the instant that is named.
        let then = at("2026-09-19T00:00:00Z");
        assert_eq!(cap.left(&three.map(at), then), Ok(1));
    }
}
