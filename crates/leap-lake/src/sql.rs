//! The SQL gateway: read-only queries over one snapshot.
//!
//! ```text
//! SELECT Tags['team'] AS team, SUM(EffectiveCost) FROM charges WHERE x_LeapBillingPeriod = '2026-09' GROUP BY 1
//! ```
//! Tables: `charges`, `keys`, `resources`, `cube`, `attribution`, and what the caller adds. Column names are as FOCUS
//! writes them; case counts. Amounts are exact decimals with head-room for any sum. Each file's digest is checked
//! before its first use.
//!
//! What is refused, in this order: too long or too deep a text (before parsing), more than one statement, any plan with
//! a node that is not part of a query (decided on the plan, not on the text), unknown tables (there are no tables made
//! of paths and no table functions), too much memory, time or answer.

mod annotate;
mod answer;
mod engine;
mod exact;
mod guard;
mod provider;
mod tags;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use leap_terms::FileRecord;
use leap_terms::limits::SQL_SECONDS;

pub use annotate::Annotator;
pub use answer::{SqlAnswer, cell_text};

use crate::{Lake, LakeError};

/// Stack of the thread that plans: DataFusion's planner recurses.
const PLANNER_STACK_BYTES: usize = 64 << 20;
/// How much longer than the query's own limit the caller waits for a planner that does not yield.
const GRACE_SECONDS: u64 = 10;

/// What a query sees.
#[derive(Clone, Default)]
pub struct SqlWorld {
    /// All live files of one snapshot.
    pub files: Vec<FileRecord>,
    /// Adds columns to `charges`: owner, rule, snapshot.
    pub annotate: Option<Arc<dyn Annotator>>,
    /// Small tables in memory, by name: teams, units.
    pub tables: Vec<(String, RecordBatch)>,
    /// Seconds that the query may take; `None` for `SQL_SECONDS`.
    pub seconds: Option<u64>,
}

impl Lake {
    /// Runs one query. Dropping the future cancels it.
    ///
    /// # Errors
    /// [`LakeError::Sql`] for a wrong text, [`LakeError::SqlRefused`] for anything but a query,
    /// [`LakeError::SqlLimit`] when a limit is passed, [`LakeError::Damaged`] when a file is not as recorded.
    pub async fn sql(&self, world: &SqlWorld, text: &str) -> Result<SqlAnswer, LakeError> {
        let limit = Duration::from_secs(world.seconds.unwrap_or(SQL_SECONDS));
        let (lake, world, text) = (self.clone(), world.clone(), text.to_owned());
        let (answer, mut answered) = tokio::sync::mpsc::channel::<Result<SqlAnswer, LakeError>>(2);
        let overdue = answer.clone();
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let plan_and_run = move || {
            let _ended = ended;
            let outcome = engine::run(lake, world, &text, limit, answer.clone());
            // Nobody listens any more when the caller has given up.
            let _ = answer.blocking_send(outcome);
        };
        std::thread::Builder::new()
            .name("leap-sql".to_owned())
            .stack_size(PLANNER_STACK_BYTES)
            .spawn(plan_and_run)
            .map_err(|source| LakeError::io("start a thread for", self.root(), source))?;
        // A planner that does not yield cannot be stopped, but nobody has to wait for it.
        std::thread::Builder::new()
            .name("leap-sql-watch".to_owned())
            .spawn(move || {
                let patience = limit + Duration::from_secs(GRACE_SECONDS);
                if end.recv_timeout(patience) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    let _ = overdue.blocking_send(Err(engine::too_slow(limit)));
                }
            })
            .map_err(|source| LakeError::io("start a thread for", self.root(), source))?;
        answered
            .recv()
            .await
            .unwrap_or_else(|| Err(LakeError::Sql { message: "the query's thread broke off".to_owned() }))
    }
}
