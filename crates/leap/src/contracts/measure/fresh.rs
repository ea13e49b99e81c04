//! Windows of clauses about freshness: how old the newest whole day of cost was when each window ended.
//!
//! ```text
//! bills up to the 24th were published on the 25th at 09:00
//! window 25th 08:00 to 09:00   before the publication: what was known went up to the 23rd
//! window 25th 09:00 to 10:00   the newest whole day ended on the 25th at 00:00: 10 h old
//! ```
//! What was known when is in the book, so that bills of the past which are taken in today make nothing fresh in the
//! past.

use leap_book::ScopeDays;
use leap_decide::contract::Reading;
use leap_terms::{Exact, Instant, Ratio};

use super::{Asked, Measured};
use crate::failure::Failure;
use crate::home::Home;
use crate::view::through;

/// Reads the windows of clauses about freshness, up to `now`.
pub(super) async fn read(home: &Home, asked: &[Asked<'_>], now: Instant) -> Result<Vec<(usize, Measured)>, Failure> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let scopes = home.book.scope_days().await.map_err(|error| Failure::from_error(&error))?;
    let steps = steps(&scopes);
    let Some((first, _)) = steps.first().copied().filter(|(first, _)| *first <= now) else {
        let why = "no bill has been taken in yet: leap ingest PATH";
        return Ok(asked.iter().map(|one| (one.place, Measured::nothing(why))).collect());
    };
    let measured = |one: &Asked<'_>| {
        let timing = &one.clause.timing;
        let begins = first.max(Instant::start_of(one.term().from()));
        let ends = timing.closed(now).min(timing.window_of(Instant::start_of(one.term().until())));
        let mut readings = Vec::new();
        let mut start = timing.window_of(begins);
        let mut step = 0;
        while start < ends {
            let end = start.plus_seconds(timing.window.count().max(1));
            while steps.get(step + 1).is_some_and(|(at, _)| *at <= end) {
                step += 1;
            }
            let age = end.seconds_since(steps[step].1).max(0);
            readings.push((start, Reading::Amount(Ratio::whole(Exact::from_whole(age)))));
            start = end;
        }
        (one.place, Measured { readings, event_time: Some(now), ..Measured::default() })
    };
    Ok(asked.iter().map(measured).collect())
}

/// When what was known changed, and when the newest whole day ended from then on, in order.
fn steps(scopes: &[ScopeDays]) -> Vec<(Instant, Instant)> {
    let mut times: Vec<Instant> = scopes.iter().flat_map(|scope| [Some(scope.from), scope.until]).flatten().collect();
    times.sort_unstable();
    times.dedup();
    let mut steps: Vec<(Instant, Instant)> = Vec::new();
    for at in times {
        let there = scopes.iter().filter(|scope| scope.from <= at && scope.until.is_none_or(|until| at < until));
        let day = through(there.map(|scope| (scope.source.as_str(), scope.last_day)));
        if let Some(day) = day {
            let end = Instant::start_of(day.plus(1));
            if steps.last().is_none_or(|(_, known)| *known != end) {
                steps.push((at, end));
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(source: &str, last: &str, from: &str, until: Option<&str>) -> ScopeDays {
        ScopeDays {
            source: leap_terms::SourceId::new(source).unwrap(),
            last_day: last.parse().unwrap(),
            from: from.parse().unwrap(),
            until: until.map(|until| until.parse().unwrap()),
        }
    }

    #[test]
    fn what_was_known_changes_when_it_was_published() {
        let scopes = [
            scope("aws", "2026-09-23", "2026-09-24T09:00:00Z", Some("2026-09-25T09:00:00Z")),
            scope("aws", "2026-09-24", "2026-09-25T09:00:00Z", None),
            // The slowest source says how far all of them go.
            scope("gcp", "2026-09-23", "2026-09-25T10:00:00Z", None),
        ];
        let shown: Vec<(String, String)> =
            steps(&scopes).into_iter().map(|(at, end)| (at.to_string(), end.to_string())).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            shown,
            [
                pair("2026-09-24T09:00:00Z", "2026-09-24T00:00:00Z"),
                pair("2026-09-25T09:00:00Z", "2026-09-25T00:00:00Z"),
                pair("2026-09-25T10:00:00Z", "2026-09-24T00:00:00Z"),
            ]
        );
        assert!(steps(&[]).is_empty());
    }
}
