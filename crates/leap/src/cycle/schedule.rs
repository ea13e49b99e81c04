//! When a turn is due besides after changes: a cron expression, in UTC.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use leap_terms::Instant;

use crate::failure::Failure;

/// A cron expression of five fields.
pub(super) struct Times {
    cron: Cron,
    text: String,
}

fn utc(at: Instant) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(at.micros())
}

impl Times {
    /// Reads `[cycle] schedule`.
    pub(super) fn read(text: &str) -> Result<Times, Failure> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| {
            let error = error.to_string();
            let error = error.trim_end_matches('.');
            Failure::usage(format!(
                "leap.toml: cycle.schedule = '{}' is no cron expression: {error}; write minute hour day month weekday, such as \
                 */15 * * * *",
                text.escape_debug()
            ))
        })?;
        Ok(Times { cron, text: text.to_owned() })
    }

    /// The first time after an instant; none where there is none any more.
    pub(super) fn after(&self, at: Instant) -> Option<Instant> {
        let next = self.cron.find_next_occurrence(&utc(at)?, false).ok()?;
        Some(Instant::from_micros(next.timestamp_micros()))
    }

    /// The last time up to now, if it is after an instant: what was missed meanwhile is done once.
    pub(super) fn due(&self, after: Instant, now: Instant) -> Option<Instant> {
        let last = self.cron.find_previous_occurrence(&utc(now)?, true).ok()?;
        Some(Instant::from_micros(last.timestamp_micros())).filter(|last| *last > after)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_due_once() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        let times = Times::read("30 6 * * mon-fri").unwrap();
        // 2026-10-20 is a Tuesday.
        assert_eq!(times.after(at("2026-10-20T06:30:00Z")), Some(at("2026-10-21T06:30:00Z")));
        let due = |after: &str, now: &str| times.due(at(after), at(now));
        assert_eq!(due("2026-10-20T06:30:00Z", "2026-10-20T23:00:00Z"), None);
        assert_eq!(due("2026-10-20T06:30:00Z", "2026-10-21T06:30:00Z"), Some(at("2026-10-21T06:30:00Z")));
        // A week of sleep: one turn, for the newest time.
        assert_eq!(due("2026-10-13T06:30:00Z", "2026-10-20T07:00:00Z"), Some(at("2026-10-20T06:30:00Z")));
        assert_eq!(due("2026-10-17T00:00:00Z", "2026-10-18T12:00:00Z"), None, "a weekend");
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_a_remedy() {
        for text in ["", "hourly", "* * * *", "0 0 0 * * *", "61 * * * *"] {
            let Err(failure) = Times::read(text) else { panic!("{text} is none") };
            assert!(failure.message.starts_with("leap.toml: cycle.schedule = "), "{}", failure.message);
            assert!(failure.message.ends_with("*/15 * * * *"), "{}", failure.message);
        }
    }
}
