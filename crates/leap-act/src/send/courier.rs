//! Carries rows to their destinations: several destinations at once, the rows of each one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use leap_terms::{DedupKey, Instant};

use super::outbox::{Given, Outbox, Receipt, Row};
use crate::channels::Channel;
use crate::limits::{AT_ONCE, CLAIM_ROWS, LEASE_SECONDS};
use crate::message::Urgency;
use crate::policy::breaker::Pass;
use crate::policy::{Breaker, Cause, Due, Hold, Manners, Next, Outcome, Step, arrange, later, retry};

/// The longest that one attempt may take, whatever a channel does.
const ATTEMPT: Duration = Duration::from_secs(90);
/// Seconds that a lease must last on for another attempt to begin.
const MARGIN_SECONDS: i64 = 120;

/// A channel and its manners.
pub struct Destination {
    /// How messages go there.
    pub channel: Box<dyn Channel>,
    /// How nudges are held.
    pub manners: Manners,
}

/// Carries messages. What it remembers, which destinations fail, only spares them.
pub struct Courier {
    destinations: BTreeMap<String, Destination>,
    breakers: Mutex<BTreeMap<String, Breaker>>,
}

/// The rows of one destination in one claim.
struct Round<'a, O: Outbox> {
    name: String,
    rows: Vec<Row>,
    outbox: &'a O,
    given: &'a dyn Given,
    lease_ends: Instant,
}

impl Courier {
    /// A courier for these destinations, by name.
    pub fn new(destinations: BTreeMap<String, Destination>) -> Courier {
        Courier { destinations, breakers: Mutex::default() }
    }

    /// One claim: each row that is due is tried once, held, or put into a digest. Receipts in no order; none where
    /// nothing is due. Rows that were held may be due again at once, so whoever calls this again should wait a moment.
    ///
    /// # Errors
    /// That of the outbox. Rows that were not settled come back when their lease ends.
    pub async fn deliver<O: Outbox>(&self, outbox: &O, given: &dyn Given) -> Result<Vec<Receipt>, O::Error> {
        let now = given.now();
        let lease_ends = later(now, LEASE_SECONDS);
        let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in outbox.claim(now, lease_ends, CLAIM_ROWS).await? {
            groups.entry(row.destination.clone()).or_default().push(row);
        }
        // Not by a closure: a future made in one that borrows cannot move between threads.
        let mut rounds = Vec::new();
        for (name, mut rows) in groups {
            rows.sort_by_key(|row| row.id);
            rounds.push(self.round(Round { name, rows, outbox, given, lease_ends }));
        }
        let results: Vec<_> = futures::stream::iter(rounds).buffer_unordered(AT_ONCE).collect().await;
        // A destination whose rows cannot be settled does not stop the others.
        let mut receipts = Vec::new();
        for result in results {
            receipts.extend(result?);
        }
        Ok(receipts)
    }

    async fn round<O: Outbox>(&self, round: Round<'_, O>) -> Result<Vec<Receipt>, O::Error> {
        let mut receipts = Vec::new();
        let Some(destination) = self.destinations.get(&round.name) else {
            for row in &round.rows {
                let why = format!("leap.toml has no channel {}", round.name);
                receipts.extend(round.settle(row, None, Next::Dead(why)).await?);
            }
            return Ok(receipts);
        };
        let steps = round.steps(&destination.manners).await?;
        let mut waiting: BTreeMap<DedupKey, Instant> = BTreeMap::new();
        let mut sent_before = false;
        for step in steps {
            let (row, held) = match step {
                Step::Fold(rows, digest) => {
                    let rows: Vec<&Row> = rows.into_iter().map(|at| &round.rows[at]).collect();
                    round.outbox.fold(&rows, &digest, round.given.now()).await?;
                    continue;
                }
                Step::Hold(at, until, hold) => (&round.rows[at], Some((until, hold))),
                Step::Send(at) => (&round.rows[at], None),
            };
            let thread = row.message.thread();
            let now = round.given.now();
            let is_late = now >= later(round.lease_ends, -MARGIN_SECONDS);
            let held = held
                .or_else(|| waiting.get(&thread).map(|until| (*until, Hold::Order)))
                .or_else(|| (is_late || round.given.is_over()).then_some((now, Hold::Lease)));
            if let Some((until, hold)) = held {
                waiting.insert(thread, until);
                receipts.extend(round.settle(row, None, Next::Held(until, hold)).await?);
                continue;
            }
            if let Pass::NoneUntil(until) = self.breaker(&round.name).pass(now) {
                let next = match retry::deadline(row.since) {
                    end if end <= now => Next::Dead(format!("{} could not be reached for 24 hours", round.name)),
                    end => Next::Held(until.min(end), Hold::Breaker),
                };
                if let Next::Held(until, _) = next {
                    waiting.insert(thread, until);
                }
                receipts.extend(round.settle(row, None, next).await?);
                continue;
            }
            if sent_before && !destination.channel.pace().is_zero() {
                tokio::time::sleep(destination.channel.pace()).await;
            }
            if !round.outbox.may_send().await? {
                waiting.insert(thread, now);
                receipts.extend(round.settle(row, None, Next::Held(now, Hold::Stopped)).await?);
                continue;
            }
            sent_before = true;
            let (outcome, next) = self.attempt(destination, row, &round).await;
            if let Next::Again(at) = next {
                waiting.insert(thread, at);
            }
            receipts.extend(round.settle(row, Some(outcome), next).await?);
        }
        Ok(receipts)
    }

    async fn attempt<O: Outbox>(&self, destination: &Destination, row: &Row, round: &Round<'_, O>) -> (Outcome, Next) {
        // What a channel asks is whether it may be there already.
        let attempt = if row.may_be_seen { row.attempt.max(2) } else { 1 };
        let sending = destination.channel.send(&row.message, attempt, round.given.now());
        let outcome = tokio::time::timeout(ATTEMPT, sending).await;
        let outcome = outcome.unwrap_or_else(|_| Outcome::failed(Cause::Uncertain, "no answer in time"));
        let now = round.given.now();
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.entry(round.name.clone()).or_default().note(&outcome, now);
        let next = retry::after(row.attempt, row.since, &outcome, now, round.given.jitter());
        (outcome, next)
    }

    fn breaker(&self, name: &str) -> Breaker {
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.get(name).copied().unwrap_or_default()
    }
}

impl<O: Outbox> Round<'_, O> {
    /// What becomes of the rows: in their order, digests last.
    async fn steps(&self, manners: &Manners) -> Result<Vec<Step>, O::Error> {
        let now = self.given.now();
        let mut delivered = BTreeMap::new();
        if let Some(cap) = manners.cap {
            let nudges =
                self.rows.iter().map(|row| row.message.content()).filter(|said| said.urgency == Urgency::Nudge);
            let units: BTreeSet<_> = nudges.map(|said| &said.unit).collect();
            for unit in units {
                delivered.insert(unit.clone(), self.outbox.delivered(&self.name, unit, cap.since(now)).await?);
            }
        }
        let due: Vec<Due<'_>> = self
            .rows
            .iter()
            .map(|row| Due { message: &row.message, written: row.written, tried: row.may_be_seen })
            .collect();
        let mut steps = arrange(&due, manners, &delivered, now);
        steps.sort_by_key(|step| match step {
            Step::Send(at) | Step::Hold(at, ..) => *at,
            Step::Fold(..) => usize::MAX,
        });
        Ok(steps)
    }

    /// Records what became of a row; no receipt where its lease was lost: then it is another's.
    async fn settle(&self, row: &Row, outcome: Option<Outcome>, next: Next) -> Result<Option<Receipt>, O::Error> {
        let receipt = Receipt {
            row: row.id,
            destination: row.destination.clone(),
            key: row.message.key().clone(),
            attempt: row.attempt,
            at: self.given.now(),
            outcome,
            next,
        };
        if self.outbox.settle(row, &receipt).await? {
            return Ok(Some(receipt));
        }
        tracing::warn!(
            "the message {} to {} was claimed by another process meanwhile",
            receipt.key,
            receipt.destination
        );
        Ok(None)
    }
}
