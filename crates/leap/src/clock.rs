//! The one place that reads the clock. Everything else is told the time.

use leap_terms::Instant;

/// Now, in UTC.
#[allow(clippy::disallowed_methods, reason = "this is the edge of the program: the one place that may read the clock")]
pub(crate) fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
