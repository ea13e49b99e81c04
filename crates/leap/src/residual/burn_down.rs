//! How the residual goes down: its share of all cost known, at the end of each ISO week.
//!
//! ```text
//! week      until       currency  residual  share  change   in pools
//! 2026-W37  2026-09-14  USD       1,200.50  12.0%              40.00
//! 2026-W38  2026-09-21  USD         310.25   3.1%   -8.9%      40.00
//! ```
//! A week shows what was recorded by its end: all that was known then, whatever period it was for. Cost that a pool
//! collects waits for its split, not for an owner, so it stands apart. The week that is running shows what is known now.

use std::collections::BTreeMap;

use leap_book::Snapshot;
use leap_terms::{CostKind, Currency, Day, Instant, Money, Owner, ResidualReason};

use crate::failure::Failure;
use crate::home::Home;
use crate::output::{Answer, Cell};

use super::share;

/// How many weeks are shown at most: a year and the one that is running.
const WEEKS: i32 = 53;

/// The Monday of a day's week.
fn monday(day: Day) -> Day {
    // 1970-01-01 was a Thursday.
    day.plus(-(day.days() + 3).rem_euclid(7))
}

/// The name of a week by ISO 8601: a week belongs to the year of its Thursday.
fn week(monday: Day) -> String {
    let thursday = monday.plus(3);
    let (year, _, _) = thursday.ymd();
    let first = Day::from_ymd(year, 1, 1).expect("each year has a first of January");
    format!("{year:04}-W{:02}", (thursday.days() - first.days()) / 7 + 1)
}

/// What was known at a snapshot, per currency: without an owner, in pools, all.
type Known = BTreeMap<Currency, (Money, Money, Money)>;

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// All cost at a snapshot, from its proofs; then what of it had no owner.
async fn known(home: &Home, snapshot: i64, residuals: &[(Owner, Currency, Money)]) -> Result<Known, Failure> {
    let mut known = Known::new();
    for proof in home.book.proofs(snapshot).await.map_err(problem)? {
        if proof.cost == CostKind::Effective {
            known.entry(proof.currency).or_default().2 += proof.attributed;
        }
    }
    for (owner, currency, amount) in residuals {
        let entry = known.entry(currency.clone()).or_default();
        match owner {
            Owner::Residual(ResidualReason::Pool(_)) => entry.1 += *amount,
            Owner::Residual(ResidualReason::NoRule | ResidualReason::UnknownTeam | ResidualReason::Ambiguous) => {
                entry.0 += *amount;
            }
            Owner::Team(_) => {}
        }
    }
    Ok(known)
}

/// The weeks from the first snapshot until today, oldest first.
pub(super) async fn answer(home: &Home, today: Day) -> Result<Answer, Failure> {
    let columns = ["week", "until", "currency", "residual", "known", "share", "change", "in_pools"];
    let mut answer = Answer::new("Share of all cost known that had no owner, at each week's end", &columns);
    let mut snapshots: Vec<Snapshot> = home.book.snapshots().await.map_err(problem)?;
    snapshots.sort_by_key(|snapshot| snapshot.id);
    let mut residuals = BTreeMap::<i64, Vec<(Owner, Currency, Money)>>::new();
    for point in home.book.residual_history().await.map_err(problem)? {
        residuals.entry(point.snapshot).or_default().push((point.owner, point.currency, point.costs.effective));
    }
    let Some(first) = snapshots.first() else { return Ok(answer) };
    let mut at = monday(first.recorded_at.day()).max(monday(today).plus(-7 * (WEEKS - 1)));
    let mut read: Option<(i64, Known)> = None;
    let mut before = BTreeMap::<Currency, i64>::new();
    while at <= today {
        let until = at.plus(7);
        let end = Instant::start_of(until);
        let last = snapshots.partition_point(|snapshot| snapshot.recorded_at < end);
        if let Some(snapshot) = last.checked_sub(1).map(|last| snapshots[last].id) {
            if read.as_ref().is_none_or(|(read, _)| *read != snapshot) {
                let own = residuals.get(&snapshot).map_or(&[][..], Vec::as_slice);
                read = Some((snapshot, known(home, snapshot, own).await?));
            }
            let weekly = read.iter().flat_map(|(_, known)| known);
            for (currency, (residual, pools, all)) in weekly {
                let share = share(*residual, *all);
                let change = share.zip(before.get(currency)).map(|(now, before)| now - before);
                let bps = |bps: Option<i64>| bps.map_or(Cell::Empty, |bps| Cell::Bps(Some(bps)));
                answer.rows.push(vec![
                    Cell::text(week(at)),
                    Cell::text(until.to_string()),
                    Cell::text(currency.as_str()),
                    Cell::Amount(*residual),
                    Cell::Amount(*all),
                    bps(share),
                    bps(change),
                    Cell::Amount(*pools),
                ]);
                if let Some(share) = share {
                    before.insert(currency.clone(), share);
                }
            }
        }
        at = until;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_those_of_iso_8601() {
        for (day, first, name) in [
            ("2026-09-16", "2026-09-14", "2026-W38"),
            ("2026-01-01", "2025-12-29", "2026-W01"),
            ("2027-01-03", "2026-12-28", "2026-W53"),
            ("2024-12-31", "2024-12-30", "2025-W01"),
            ("1969-12-31", "1969-12-29", "1970-W01"),
        ] {
            let start = monday(day.parse().unwrap());
            assert_eq!((start.to_string().as_str(), week(start).as_str()), (first, name), "{day}");
        }
    }
}
