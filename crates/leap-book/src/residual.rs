//! How much cost had no team at each snapshot: the figures of a burn-down.
//!
//! ```text
//! snapshot 40  2026-09-01T08:00:00Z  residual:no-rule  USD  effective 1,200.50
//! snapshot 41  2026-09-08T08:00:00Z  residual:no-rule  USD  effective   310.25
//! ```
//! All figures stem from the totals per owner that each publish brought. Does not group by week, age or steward: that
//! is the caller's work.

use std::collections::BTreeMap;

use leap_terms::{Costs, Currency, Instant, Owner};

use crate::book::Book;
use crate::error::BookError;
use crate::proof;
use crate::rows::Record;
use crate::snapshot;

/// What one residual held at one snapshot, in one currency, over all sources and billing periods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResidualPoint {
    /// The snapshot.
    pub snapshot: i64,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// `residual:no-rule`, `residual:pool:kafka` …
    pub owner: Owner,
    /// The currency.
    pub currency: Currency,
    /// The four costs.
    pub costs: Costs,
    /// Charges.
    pub rows: u64,
}

/// What a snapshot begins or ends for one residual.
struct Change {
    begins: bool,
    owner: Owner,
    currency: Currency,
    costs: Costs,
    rows: u64,
}

impl Book {
    /// What each residual held at each snapshot, by snapshot, owner and currency. A residual that holds no charges at
    /// a snapshot has no line there.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn residual_history(&self) -> Result<Vec<ResidualPoint>, BookError> {
        let mut transaction = self.reading("read the residuals").await?;
        let rows = sqlx::query("SELECT * FROM owner_total WHERE owner LIKE 'residual:%'")
            .fetch_all(&mut *transaction)
            .await
            .map_err(self.failed("read the residuals"))?;
        let mut changes = BTreeMap::<i64, Vec<Change>>::new();
        for row in &rows {
            let record = Record { row, of: "owner_total", place: &self.place };
            let until = record.maybe_int("until_snapshot")?.map(|until| (until, false));
            for (snapshot, begins) in [(record.int("from_snapshot")?, true)].into_iter().chain(until) {
                changes.entry(snapshot).or_default().push(Change {
                    begins,
                    owner: record.read("owner", str::parse)?,
                    currency: record.read("currency", Currency::new)?,
                    costs: proof::costs_of(&record)?,
                    rows: record.count("rows")?,
                });
            }
        }
        // Running sums, exact as all amounts are: the first number counts the totals in force.
        let mut held = BTreeMap::<(Owner, Currency), (u64, Costs, u64)>::new();
        let mut points = Vec::new();
        for snapshot in snapshot::all(&mut transaction, &self.place).await? {
            for change in changes.remove(&snapshot.id).unwrap_or_default() {
                let sum = held.entry((change.owner, change.currency)).or_default();
                // What ends may stand before what begins, and its sum then passes through less than nothing.
                *sum = if change.begins {
                    (sum.0.wrapping_add(1), sum.1 + change.costs, sum.2.wrapping_add(change.rows))
                } else {
                    (sum.0.wrapping_sub(1), sum.1 - change.costs, sum.2.wrapping_sub(change.rows))
                };
            }
            held.retain(|_, (totals, _, _)| *totals != 0);
            points.extend(held.iter().map(|((owner, currency), (_, costs, rows))| ResidualPoint {
                snapshot: snapshot.id,
                recorded_at: snapshot.recorded_at,
                owner: owner.clone(),
                currency: currency.clone(),
                costs: *costs,
                rows: *rows,
            }));
        }
        Ok(points)
    }
}
