//! Quiet hours: when nudges wait. Alerts do not.
//!
//! ```text
//! 20:00 to 08:00 at +02:00, weekends too     a nudge of Friday 21:00 goes out on Monday 08:00
//! ```

use leap_terms::Instant;

use super::later;
use super::zone::Zone;

/// Hours of each day in which nobody is nudged; over midnight where `until` is not after `from`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuietHours {
    /// Minute of the local day at which they begin.
    pub from: u32,
    /// Minute at which they end; the same as `from` where only weekends are quiet.
    pub until: u32,
    /// Whether Saturday and Sunday are quiet as a whole.
    pub weekends: bool,
    /// Whose local day.
    pub zone: Zone,
}

/// Minutes that are looked ahead: a weekend between two nights, and a turn of the clock.
const AHEAD_MINUTES: i64 = 5 * 24 * 60;

impl QuietHours {
    /// Whether it is quiet.
    pub fn holds(&self, at: Instant) -> bool {
        let (_, weekday, minute) = self.zone.local(at);
        if self.weekends && matches!(weekday, 0 | 6) {
            return true;
        }
        if self.from <= self.until {
            self.from <= minute && minute < self.until
        } else {
            minute >= self.from || minute < self.until
        }
    }

    /// The first instant from now on at which it is not quiet, where it is quiet now.
    pub fn ends(&self, now: Instant) -> Option<Instant> {
        if !self.holds(now) {
            return None;
        }
        // Whole minutes of UTC are whole minutes everywhere.
        let start = now.micros() - now.micros().rem_euclid(60_000_000);
        let minute = |count: i64| later(Instant::from_micros(start), count * 60);
        (1..=AHEAD_MINUTES).map(minute).find(|at| !self.holds(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::super::at;
    use super::*;

    #[test]
    fn nudges_wait_for_the_end_of_quiet_hours() {
        let hours = |from: u32, until: u32, weekends: bool, zone: &str| QuietHours {
            from: from * 60,
            until: until * 60,
            weekends,
            zone: zone.parse().unwrap(),
        };
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        let cases = [
            // 2026-09-17 is a Thursday.
            (hours(20, 8, false, "UTC"), "2026-09-17T12:00:00Z", None),
            (hours(20, 8, false, "UTC"), "2026-09-17T20:00:00Z", Some("2026-09-18T08:00:00Z")),
            (hours(20, 8, false, "UTC"), "2026-09-17T07:59:59Z", Some("2026-09-17T08:00:00Z")),
            (hours(20, 8, false, "UTC"), "2026-09-17T08:00:00Z", None),
            (hours(20, 8, true, "UTC"), "2026-09-18T21:00:00Z", Some("2026-09-21T08:00:00Z")),
            (hours(20, 8, true, "UTC"), "2026-09-19T12:00:00Z", Some("2026-09-21T08:00:00Z")),
            (hours(0, 0, true, "UTC"), "2026-09-19T12:00:00Z", Some("2026-09-21T00:00:00Z")),
            (hours(0, 0, true, "UTC"), "2026-09-18T23:00:00Z", None),
            (hours(12, 14, false, "UTC"), "2026-09-17T13:00:00Z", Some("2026-09-17T14:00:00Z")),
            (hours(20, 8, false, "+02:00"), "2026-09-17T18:00:00Z", Some("2026-09-18T06:00:00Z")),
            // The night in which summer time ends is an hour longer, that in which it begins an hour shorter.
            (hours(20, 8, false, berlin), "2026-10-24T18:00:00Z", Some("2026-10-25T07:00:00Z")),
            (hours(20, 8, false, berlin), "2026-03-28T19:00:00Z", Some("2026-03-29T06:00:00Z")),
        ];
        for (quiet, now, wanted) in cases {
            assert_eq!(quiet.ends(at(now)), wanted.map(at), "{quiet:?} {now}");
        }
    }
}
