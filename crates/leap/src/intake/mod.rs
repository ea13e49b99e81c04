//! Traces and histograms over the network: durable first, then answered, then requests in lake and book.
//!
//! ```text
//! body ─ worker: scan, room?, spool, assemble ─ syncer: one fdatasync for all that wait ─ answer
//!                       │ complete traces, attributed
//!                       └ every half minute: flusher: store, merge small files, let segments of the spool go
//! ```
//! A body that was answered survives the process and a power cut: it lies in the [`spool`] until everything made of it
//! is in the lake. A restart reads the spool again; what was stored before is known by its trace and number of spans,
//! so nothing counts twice. Memory is bounded by [`StreamSettings::memory_mib`]: when it fills up, senders are told to
//! wait, and if that does not help the oldest traces are closed as incomplete.
//!
//! Reading order: [`spool`], [`stream`] (pure), [`worker`], [`flush`].

mod flush;
mod spool;
mod stream;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;
use leap_observe::traces::AssemblyLimits;
use leap_web::otlp::{Body, Intake, Refused, Taken};
use tokio::sync::{Semaphore, oneshot};

pub(crate) use spool::{Waiting, waiting};
pub(crate) use stream::Counts;

use crate::failure::Failure;
use crate::home::{Home, StreamSettings};
use crate::traces::Stored;
use flush::Flusher;
use worker::{Job, Syncer, Worker};

/// Bodies that may wait for the worker at once; the others wait before it.
const BODIES: usize = 64;

/// The folder of a home's spool of traces.
pub(crate) fn spool_folder(root: &Path) -> PathBuf {
    root.join("spool").join("traces")
}

/// Takes traces in for one home. Only one process does at a time.
pub(crate) struct Traces {
    jobs: Sender<Job>,
    places: Semaphore,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads tell each other.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    stopping: AtomicBool,
    parts: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// Why nothing can be taken any more.
    broken: Option<String>,
    /// Why nothing could be stored the last time.
    unstored: Option<String>,
    counts: Counts,
    stored: Stored,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self, why: &str) {
        tracing::error!("{why}");
        self.lock().broken = Some(why.to_owned());
    }

    fn why_broken(&self) -> Option<String> {
        self.lock().broken.clone()
    }

    fn unstored(&self, why: String) {
        self.lock().unstored = Some(why);
    }

    fn stored_again(&self) {
        self.lock().unstored = None;
    }

    fn stored(&self, stored: Stored) {
        let all = &mut self.lock().stored;
        all.new += stored.new;
        all.replaced += stored.replaced;
        all.known += stored.known;
        all.compared += stored.compared;
        all.histograms += stored.histograms;
        all.histograms_known += stored.histograms_known;
    }

    fn counted(&self, counts: Counts) {
        self.lock().counts = counts;
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn part_begins(&self) {
        self.parts.fetch_add(1, Ordering::Relaxed);
    }

    fn part_done(&self) {
        self.parts.fetch_sub(1, Ordering::Relaxed);
    }

    fn parts(&self) -> usize {
        self.parts.load(Ordering::Relaxed)
    }
}

impl Traces {
    /// Opens the spool of a home (made where there is none), reads again what an earlier process left in it, and takes
    /// bodies from then on.
    ///
    /// # Errors
    /// Another process has the spool open; settings or spool cannot be read.
    pub(crate) async fn start(root: &Path, settings: &StreamSettings) -> Result<Traces, Failure> {
        std::fs::create_dir_all(root).map_err(|error| crate::home::failed("make", root, &error))?;
        let home = Home::settings(root)?;
        let apis = crate::traces::apis(&home);
        let spool = spool::Spool::open(&spool_folder(root), settings.segment_mib.max(1) << 20)?;
        let shared = Arc::new(Shared::default());
        let (jobs, todo) = crossbeam_channel::unbounded();
        let (written, to_sync) = crossbeam_channel::unbounded();
        let (parts, to_store) = crossbeam_channel::unbounded();
        let segments = spool.segments();
        let stream = stream::Stream::new(limits(settings), apis).measuring(home.latency.metrics);
        let flusher = Flusher { root: root.to_owned(), parts: to_store, segments, shared: shared.clone() };
        let syncer = Syncer { written: to_sync, shared: shared.clone() };
        let worker = Worker::new(settings, stream, spool, (todo, written, parts), shared.clone());
        let (begun, begins) = oneshot::channel();
        let threads = vec![
            named("traces-store", move || flusher.run())?,
            named("traces-sync", move || syncer.run())?,
            named("traces", move || worker.run(begun))?,
        ];
        let traces = Traces { jobs, places: Semaphore::new(BODIES), shared, threads: Mutex::new(threads) };
        begins.await.map_err(|_| Failure::failed("the thread that takes traces in ended"))??;
        Ok(traces)
    }

    /// Takes nothing any more; stores what is complete, leaves the rest in the spool, and says what was counted.
    ///
    /// # Errors
    /// What is complete could not be stored; it lies in the spool.
    pub(crate) async fn stop(&self) -> Result<(Counts, Stored), Failure> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // The worker may have ended already.
        let _ = self.jobs.send(Job::Stop);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok()));
        let ended = ended.await.unwrap_or(false);
        let state = self.shared.lock();
        match (&state.broken, &state.unstored) {
            (Some(why), _) | (None, Some(why)) => Err(Failure::failed(format!(
                "{why}; what was not stored lies in the spool, and the next start takes it"
            ))),
            (None, None) if !ended => Err(Failure::failed("a thread that takes traces in broke off; this is a bug")),
            (None, None) => Ok((state.counts.clone(), state.stored)),
        }
    }
}

impl Intake for Traces {
    async fn take(&self, body: Body) -> Result<Taken, Refused> {
        let stopped = || {
            let broke =
                "the thread that takes traces in broke off; restart leap serve, which takes in what was acknowledged";
            Refused::Down(if self.shared.is_stopping() { "leap is stopping" } else { broke }.to_owned())
        };
        if self.shared.is_stopping() {
            return Err(stopped());
        }
        let _place = self.places.acquire().await.map_err(|_| stopped())?;
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Body(body, answer)).map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn ready(&self) -> Result<(), String> {
        let ended = |thread: &JoinHandle<()>| thread.is_finished();
        if self.threads.lock().unwrap_or_else(PoisonError::into_inner).iter().any(ended) {
            return Err("a thread that takes traces in ended; restart leap serve".to_owned());
        }
        let state = self.shared.lock();
        state.broken.as_ref().or(state.unstored.as_ref()).map_or(Ok(()), |why| Err(why.clone()))
    }
}

fn limits(settings: &StreamSettings) -> AssemblyLimits {
    let ns = |seconds: u64| seconds.saturating_mul(1_000_000_000);
    AssemblyLimits {
        bytes: settings.memory_mib.max(1).saturating_mul(1 << 20),
        quiet: ns(settings.quiet_seconds),
        after_root: ns(settings.after_root_seconds),
        age: ns(settings.age_seconds),
        hold: ns(settings.hold_seconds),
        ..AssemblyLimits::default()
    }
}

fn named(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| Failure::failed(format!("could not start a thread: {error}")))
}

fn wait(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds.max(1_000_000))
}
