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
