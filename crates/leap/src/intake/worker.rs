//! The worker: one thread that reads bodies in the order in which they come, and one that syncs what it wrote.
//!
//! Order is the point: names get their numbers, records their times and traces their spans one after the other, so that
//! a restart, which reads the records again, makes the same of them.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use leap_observe::traces::prometheus::unsnapped;
use leap_observe::traces::{Kind, ScanLimits, decompress};
use leap_web::otlp::{Body, Compression, Encoding, Refused, Signal, Taken};
use tokio::sync::oneshot;

use super::spool::{Record, Spool};
use super::stream::{Part, Stream};
use super::{Shared, wait};
use crate::clock::{self, Running};
use crate::failure::Failure;
use crate::home::StreamSettings;
use crate::traces::Chosen;

const SECOND: u64 = 1_000_000_000;
/// How often complete traces are looked for.
const TICK: u64 = SECOND / 4;
/// A segment is ended after so long, so that what a restart has to read again stays little where little comes.
const SEGMENT_AGE: u64 = 60 * SECOND;
/// As many times what makes a part may wait for the lake before senders are told to wait.
const PARTS_IN_MEMORY: usize = 4;
/// A sender is told to wait so long where the lake is behind.
const BEHIND: Duration = Duration::from_secs(5);

type Answer = oneshot::Sender<Result<Taken, Refused>>;

pub(super) enum Job {
    Body(Body, Answer),
    Stop,
}

/// A record that was written, and who waits for its sync.
pub(super) struct Written {
    file: Arc<File>,
    taken: Taken,
    answer: Answer,
}

pub(super) struct Worker {
    stream: Stream,
    spool: Spool,
    jobs: Receiver<Job>,
    written: Sender<Written>,
    parts: Sender<Part>,
    shared: Arc<Shared>,
    clock: Running,
    now: u64,
    ticked: u64,
    flushed: u64,
    flush_ns: u64,
    flush_requests: usize,
}

impl Worker {
    pub(super) fn new(
        settings: &StreamSettings,
        stream: Stream,
        spool: Spool,
        (jobs, written, parts): (Receiver<Job>, Sender<Written>, Sender<Part>),
        shared: Arc<Shared>,
    ) -> Worker {
        let flush_ns = settings.flush_seconds.saturating_mul(SECOND);
        let flush_requests = settings.flush_requests.max(1);
        let clock = clock::Running::start();
        let (now, ticked, flushed) = (0, 0, 0);
        Worker { stream, spool, jobs, written, parts, shared, clock, now, ticked, flushed, flush_ns, flush_requests }
    }

    /// Reads the spool again, says so, and works until it is told to stop.
    pub(super) fn run(mut self, begun: oneshot::Sender<Result<(), Failure>>) {
        if let Err(failure) = self.replay() {
            // Nobody waits any more where the start was given up.
            let _ = begun.send(Err(failure));
            return;
        }
        let _ = begun.send(Ok(()));
        loop {
            let wait_for = Duration::from_nanos((self.ticked + TICK).saturating_sub(self.time()));
            match self.jobs.recv_timeout(wait_for) {
                Ok(Job::Body(body, answer)) => self.body(&body, answer),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.time() >= self.ticked + TICK {
                self.tick();
            }
        }
        // Bodies behind the stop are told by the drop of their answers to come again.
        self.tick();
        self.part(true);
        self.shared.counted(self.stream.counts());
    }

    /// The time, which never goes back and is never the same twice.
    fn time(&mut self) -> u64 {
        self.now = self.clock.ns().max(self.now + 1);
        self.now
    }

    fn replay(&mut self) -> Result<(), Failure> {
        let Worker { stream, spool, parts, shared, now, ticked, flush_requests, .. } = self;
        let replayed = spool.replay(&mut |record| {
            *now = record.time_ns.max(*now + 1);
            if *now >= *ticked + TICK {
                *ticked = *now;
                stream.tick(*now);
            }
            again(stream, record, *now)?;
            if stream.waiting() >= *flush_requests {
                shared.part_begins();
                // The flusher lives as long as its parts come.
                let _ = parts.send(stream.part(*now, false));
            }
            Ok(())
        })?;
        for damaged in &replayed.damaged {
            tracing::error!("{damaged}");
        }
        if replayed.torn > 0 {
            tracing::info!("cut {} bytes off the spool that were written, but not acknowledged", replayed.torn);
        }
        self.clock.not_before(self.now);
        let others = [("replayed_bodies", replayed.records), ("damaged_records", replayed.damaged.len() as u64)];
        self.stream.others.extend(others.into_iter().filter(|(_, count)| *count > 0));
        let now = self.time();
        (self.ticked, self.flushed) = (now, now);
        Ok(())
    }

    fn body(&mut self, body: &Body, answer: Answer) {
        let now = self.time();
        match self.write(body, now) {
            // Who waits no longer has gone away: what was kept stays kept.
            Err(refused) => drop(answer.send(Err(refused))),
            Ok((taken, None)) => drop(answer.send(Ok(taken))),
            Ok((taken, Some(file))) => {
                self.stream.push(now);
                // Without a syncer the answer is dropped, which says that leap stops.
                let _ = self.written.send(Written { file, taken, answer });
            }
        }
    }

    /// Reads a body and writes it to the spool, if it holds spans.
    fn write(&mut self, body: &Body, now: u64) -> Result<(Taken, Option<Arc<File>>), Refused> {
        if let Some(why) = self.shared.why_broken() {
            return Err(Refused::Down(why));
        }
        if self.stream.waiting() >= self.flush_requests.saturating_mul(PARTS_IN_MEMORY) {
            *self.stream.others.entry("bodies_sent_away").or_default() += 1;
            let message = "requests wait to be stored; leap is behind".to_owned();
            return Err(Refused::Busy { retry_after: BEHIND, message });
        }
        let (spans, taken) = match body.signal {
            Signal::Traces => {
                let scanned = self.stream.scan(kind_of(body.encoding), &body.plain);
                let (spans, rejected) = scanned.map_err(|error| Refused::Invalid(error.to_string()))?;
                (spans, Taken { rejected: rejected.total(), message: rejected.to_string() })
            }
            signal @ (Signal::Metrics | Signal::RemoteWrite) => {
                let chosen = self
                    .stream
                    .measure(&body.plain, signal == Signal::RemoteWrite)
                    .map_err(|error| Refused::Invalid(error.to_string()))?;
                (0, told(chosen))
            }
        };
        if spans == 0 && !self.stream.has_measured() {
            return Ok((taken, None));
        }
        if let Err(full) = self.stream.room(spans, now) {
            *self.stream.others.entry("bodies_sent_away").or_default() += 1;
            let message = "memory for traces that are not complete yet is used up; they are closed soon".to_owned();
            return Err(Refused::Busy { retry_after: wait(full.retry_after), message });
        }
        let written = self.spool.append(number_of(body), now, &body.received);
        let file = written.map_err(|error| Refused::Down(format!("could not write to the spool: {error}")))?;
        Ok((taken, Some(file)))
    }

    fn tick(&mut self) {
        let now = self.time();
        self.ticked = now;
        self.stream.tick(now);
        let due = now >= self.flushed.saturating_add(self.flush_ns) || self.stream.waiting() >= self.flush_requests;
        if due && self.shared.parts() == 0 {
            self.part(false);
        }
    }

    /// Hands over what was made since the part before.
    fn part(&mut self, last: bool) {
        let now = self.time();
        self.flushed = now;
        let age = self.spool.current_since().map_or(0, |since| now.saturating_sub(since));
        if age >= SEGMENT_AGE || (last && self.stream.traces() == 0) {
            self.spool.seal();
        }
        let part = self.stream.part(now, last);
        self.shared.counted(self.stream.counts());
        self.shared.part_begins();
        // Without a flusher nothing is stored: it has said so.
        let _ = self.parts.send(part);
    }
}

/// Takes a record of an earlier process in.
fn again(stream: &mut Stream, record: Record<'_>, now: u64) -> Result<(), Failure> {
    let kind = if record.kind >> 8 & 0xff == 1 { Kind::OtlpJson } else { Kind::OtlpProto };
    let signal = record.kind >> 16 & 0xff;
    let plain = match record.kind & 0xff {
        0 => Ok(record.bytes.into()),
        3 => unsnapped(record.bytes, ScanLimits::BODY.bytes).map(std::borrow::Cow::Owned),
        _ => decompress(record.bytes, ScanLimits::BODY.bytes),
    };
    // It was read before it was written, by this program or an older one.
    let read = plain.and_then(|plain| match signal {
        0 => stream.scan(kind, &plain).map(|_| ()),
        _ => stream.measure(&plain, signal == 2).map(|_| ()),
    });
    match read {
        Ok(()) => stream.push(now),
        Err(error) => tracing::error!("a body in the spool that was acknowledged can no longer be read: {error}"),
    }
    Ok(())
}

fn kind_of(encoding: Encoding) -> Kind {
    match encoding {
        Encoding::Protobuf => Kind::OtlpProto,
        Encoding::Json => Kind::OtlpJson,
    }
}

/// What a sender of metrics is told: other metrics than ours are no fault of theirs.
fn told(chosen: &Chosen) -> Taken {
    let message = match (&chosen.why, chosen.points.is_empty(), chosen.passed) {
        (Some(why), _, _) => why.clone(),
        (None, true, passed @ 1..) => format!(
            "none of {passed} metrics is an exponential histogram of requests, by a name in latency.metrics of leap.toml; they \
             were passed over"
        ),
        (None, _, _) => String::new(),
    };
    Taken { rejected: chosen.refused, message }
}

/// What a body's bytes are, for the spool: encoding, compression and signal, a byte each.
fn number_of(body: &Body) -> u32 {
    let encoding = match body.encoding {
        Encoding::Protobuf => 0,
        Encoding::Json => 1,
    };
    let compression = match body.compression {
        Compression::None => 0,
        Compression::Gzip => 1,
        Compression::Zstd => 2,
        Compression::Snappy => 3,
    };
    let signal = match body.signal {
        Signal::Traces => 0,
        Signal::Metrics => 1,
        Signal::RemoteWrite => 2,
    };
    signal << 16 | encoding << 8 | compression
}

/// Syncs what was written, all that waits at once, then answers.
pub(super) struct Syncer {
    pub(super) written: Receiver<Written>,
    pub(super) shared: Arc<Shared>,
}

impl Syncer {
    pub(super) fn run(self) {
        while let Ok(first) = self.written.recv() {
            let mut waiting = vec![first];
            waiting.extend(self.written.try_iter());
            let mut files: Vec<&Arc<File>> = Vec::new();
            for one in &waiting {
                if !files.iter().any(|file| Arc::ptr_eq(file, &one.file)) {
                    files.push(&one.file);
                }
            }
            if let Err(error) = files.iter().try_for_each(|file| file.sync_data()) {
                // After a failed sync nobody knows what the disk has: only a restart, which reads it, can tell.
                self.shared.broken(&format!("could not sync the spool: {error}; check the disk and restart"));
            }
            let broken = self.shared.why_broken();
            for Written { taken, answer, .. } in waiting {
                let result = broken.as_ref().map_or(Ok(taken), |why| Err(Refused::Down(why.clone())));
                // Who waits no longer has gone away.
                let _ = answer.send(result);
            }
        }
    }
}
