//! The one place that reads the clock. Everything else is told the time.

use leap_terms::Instant;

/// Now, in UTC; or what `LEAP_NOW` says, so that tests and stories can live through a year.
#[allow(clippy::disallowed_methods, reason = "this is the edge of the program: the one place that may read the clock")]
pub(crate) fn now() -> Instant {
    if let Some(set) = std::env::var("LEAP_NOW").ok().and_then(|text| text.parse().ok()) {
        return set;
    }
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
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
