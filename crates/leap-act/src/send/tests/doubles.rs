//! An outbox in memory, a receiver that honors dedup keys, and what kills a process between two steps.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use leap_terms::{DedupKey, Instant, TeamId};
use tokio::sync::Notify;

use crate::channels::{Channel, Sending};
use crate::message::{Message, Urgency};
use crate::policy::{Cause, Jitter, Next, Outcome};
use crate::send::{Given, Outbox, Receipt, Row};

/// What stops a process: so many steps, and then no more.
#[derive(Clone)]
pub(super) struct Fuse(pub(super) Arc<(Mutex<u32>, Notify)>);

impl Fuse {
    pub(super) fn new(steps: u32) -> Fuse {
        Fuse(Arc::new((Mutex::new(steps), Notify::new())))
    }

    pub(super) async fn step(&self) {
        {
            let mut left = self.0.0.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return;
            }
        }
        self.0.1.notify_one();
        std::future::pending::<()>().await;
    }
}

/// A row and its state.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) destination: String,
    pub(super) message: Message,
    pub(super) attempt: u32,
    pub(super) written: Instant,
    pub(super) since: Instant,
    pub(super) next_at: Instant,
    pub(super) lease: i64,
    pub(super) lease_ends: Option<Instant>,
    /// `done`, `dead: why`, `folded`.
    pub(super) ended: Option<String>,
    pub(super) ended_at: Option<Instant>,
}

/// An outbox in memory: each method is one transaction between two steps of the fuse.
pub(super) struct Memory {
    pub(super) rows: Mutex<Vec<Kept>>,
    pub(super) fuse: Mutex<Fuse>,
}

impl Memory {
    pub(super) fn new(messages: Vec<(&str, Message)>, now: Instant) -> Memory {
        let rows = messages.into_iter().map(|(destination, message)| Memory::row(destination, message, now));
        Memory { rows: Mutex::new(rows.collect()), fuse: Mutex::new(Fuse::new(u32::MAX)) }
    }

    pub(super) fn row(destination: &str, message: Message, now: Instant) -> Kept {
        Kept {
            destination: destination.to_owned(),
            message,
            attempt: 0,
            written: now,
            since: now,
            next_at: now,
            lease: 0,
            lease_ends: None,
            ended: None,
            ended_at: None,
        }
    }

    async fn step(&self) {
        let fuse = self.fuse.lock().unwrap().clone();
        fuse.step().await;
    }

    fn holds(kept: &[Kept], row: &Row) -> bool {
        let kept = &kept[usize::try_from(row.id).unwrap()];
        kept.ended.is_none() && kept.lease_ends.is_some() && kept.lease == row.lease
    }

    pub(super) fn states(&self) -> Vec<String> {
        self.rows.lock().unwrap().iter().map(|row| row.ended.clone().unwrap_or_else(|| "waits".to_owned())).collect()
    }
}

impl Outbox for Memory {
    type Error = String;

    async fn claim(&self, now: Instant, until: Instant, most: usize) -> Result<Vec<Row>, String> {
        self.step().await;
        let mut claimed = Vec::new();
        {
            let mut rows = self.rows.lock().unwrap();
            let mut blocked = BTreeSet::new();
            for (id, kept) in rows.iter_mut().enumerate() {
                if kept.ended.is_some() {
                    continue;
                }
                let thread = (kept.destination.clone(), kept.message.thread());
                let is_lent = kept.lease_ends.is_some_and(|ends| ends > now);
                if is_lent || kept.next_at > now || blocked.contains(&thread) || claimed.len() >= most {
                    blocked.insert(thread);
                    continue;
                }
                kept.attempt += 1;
                kept.lease += 1;
                kept.lease_ends = Some(until);
                claimed.push(Row {
                    id: i64::try_from(id).unwrap(),
                    lease: kept.lease,
                    destination: kept.destination.clone(),
                    message: kept.message.clone(),
                    attempt: kept.attempt,
                    may_be_seen: kept.attempt > 1,
                    written: kept.written,
                    since: kept.since,
                });
            }
        }
        self.step().await;
        Ok(claimed)
    }

    async fn settle(&self, row: &Row, receipt: &Receipt) -> Result<bool, String> {
        self.step().await;
        let held = {
            let mut rows = self.rows.lock().unwrap();
            let held = Memory::holds(&rows, row);
            if held {
                let kept = &mut rows[usize::try_from(row.id).unwrap()];
                kept.lease_ends = None;
                match &receipt.next {
                    Next::Done => {
                        kept.ended = Some("done".to_owned());
                        kept.ended_at = Some(receipt.at);
                    }
                    Next::Dead(why) => kept.ended = Some(format!("dead: {why}")),
                    Next::Again(at) => kept.next_at = *at,
                    Next::Held(until, hold) => {
                        kept.next_at = *until;
                        kept.attempt -= 1;
                        if hold.begins_anew() {
                            kept.since = *until;
                        }
                    }
                }
            }
            held
        };
        self.step().await;
        Ok(held)
    }

    async fn fold(&self, rows: &[&Row], digest: &Message, now: Instant) -> Result<bool, String> {
        self.step().await;
        let held = {
            let mut kept = self.rows.lock().unwrap();
            let held = rows.iter().all(|row| Memory::holds(&kept, row));
            if held {
                for row in rows {
                    kept[usize::try_from(row.id).unwrap()].ended = Some(format!("folded into {}", digest.key()));
                }
                kept.push(Memory::row(&rows[0].destination, digest.clone(), now));
            }
            held
        };
        self.step().await;
        Ok(held)
    }

    async fn delivered(&self, destination: &str, unit: &TeamId, after: Instant) -> Result<Vec<Instant>, String> {
        self.step().await;
        let rows = self.rows.lock().unwrap();
        let of = rows.iter().filter(|row| {
            row.destination == destination
                && row.message.content().unit == *unit
                && row.message.content().urgency == Urgency::Nudge
                && row.ended.as_deref() == Some("done")
        });
        Ok(of.filter_map(|row| row.ended_at).filter(|at| *at > after).collect())
    }
}

/// What a receiver does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mood {
    Takes,
    /// It has it, and the connection ends before it says so.
    TakesAndCuts,
    Busy,
    Broken,
    Gone,
    Refuses,
}

/// A receiver that shows a key once.
pub(super) struct Receiver {
    pub(super) fuse: Mutex<Fuse>,
    pub(super) moods: Mutex<Vec<Mood>>,
    /// All that came, in order.
    pub(super) came: Mutex<Vec<(DedupKey, Message)>>,
    pub(super) seen: Mutex<Vec<Message>>,
}

pub(super) struct ToReceiver(pub(super) Arc<Receiver>);

impl Channel for ToReceiver {
    fn send<'a>(&'a self, message: &'a Message, _attempt: u32, _now: Instant) -> Sending<'a> {
        Box::pin(async move {
            let receiver = &self.0;
            let fuse = receiver.fuse.lock().unwrap().clone();
            fuse.step().await;
            let mood = receiver.moods.lock().unwrap().pop().unwrap_or(Mood::Takes);
            let outcome = match mood {
                Mood::Takes | Mood::TakesAndCuts => {
                    let mut came = receiver.came.lock().unwrap();
                    if !came.iter().any(|(key, _)| key == message.key()) {
                        receiver.seen.lock().unwrap().push(message.clone());
                    }
                    came.push((message.key().clone(), message.clone()));
                    match mood {
                        Mood::Takes => Outcome::Delivered("ok".to_owned()),
                        _ => Outcome::failed(Cause::Uncertain, "cut"),
                    }
                }
                Mood::Busy => Outcome::failed(Cause::Busy, "busy"),
                Mood::Broken => Outcome::failed(Cause::Broken, "broken"),
                Mood::Gone => Outcome::failed(Cause::Unreachable, "gone"),
                Mood::Refuses => Outcome::failed(Cause::Refused, "refused"),
            };
            fuse.step().await;
            outcome
        })
    }
}

pub(super) struct Present(pub(super) Instant);

impl Given for Present {
    fn now(&self) -> Instant {
        self.0
    }

    fn jitter(&self) -> Jitter {
        Jitter(0)
    }
}
