//! The one place that reads the clock. Everything else is told the time.

use std::sync::atomic::{AtomicI64, Ordering};

use leap_terms::Instant;

/// What a story says that it is, in µs; nothing is played while it is `REAL`.
static PLAYED: AtomicI64 = AtomicI64::new(REAL);
const REAL: i64 = i64::MIN;

/// From now on it is this instant: a story lives through a month in a minute.
pub(crate) fn play(at: Instant) {
    PLAYED.store(at.micros(), Ordering::Relaxed);
}

/// Now, in UTC; or what `LEAP_NOW` says, so that tests and stories can live through a year.
#[allow(clippy::disallowed_methods, reason = "this is the edge of the program: the one place that may read the clock")]
pub(crate) fn now() -> Instant {
    let played = PLAYED.load(Ordering::Relaxed);
    if played != REAL {
        return Instant::from_micros(played);
    }
    if let Some(set) = std::env::var("LEAP_NOW").ok().and_then(|text| text.parse().ok()) {
        return set;
    }
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A clock that runs on from what [`now`] said when it was started, and never goes back.
pub(crate) struct Running {
    start_ns: u64,
    since: std::time::Instant,
}

impl Running {
    /// Starts.
    pub(crate) fn start() -> Running {
        let start_ns = u64::try_from(now().micros()).unwrap_or(0).saturating_mul(1_000);
        Running { start_ns, since: std::time::Instant::now() }
    }

    /// From now on it says no time before this one.
    pub(crate) fn not_before(&mut self, ns: u64) {
        let behind = ns.saturating_sub(self.ns());
        self.start_ns = self.start_ns.saturating_add(behind);
    }

    /// The time, in ns since the epoch.
    pub(crate) fn ns(&self) -> u64 {
        self.start_ns.saturating_add(u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Measures how long a command works once its world is loaded: what a change costs, beside starting up.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts.
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    /// Microseconds since the start.
    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// For people: `12.3 ms`.
    pub(crate) fn shown(&self) -> String {
        let micros = self.micros();
        format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
    }
}
