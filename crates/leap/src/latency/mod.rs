//! `leap latency`: whose the tail is, to the nanosecond.
//!
//! ```text
//! requests of a period → an owner for each slice, by the org of its day → ranks → the quantile, divided
//! ```
//! Reading order: [`question`] (requests and owners), [`report`] (the quantile divided), [`answer`] (from where),
//! [`packed`] (from packed days), [`whatif`] (what could be saved), [`requests`] (one line per request), [`explain`]
//! (one critical path), [`diff`] (before and after), [`windows`] (requests counted by windows), [`contract`] (an objective
//! hour by hour), [`look`] (all that the page shows). Commands print what these return; pages show the same values.

mod answer;
pub(crate) mod contract;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod look;
mod packed;
pub(crate) mod question;
mod report;
pub(crate) mod requests;
mod whatif;
pub(crate) mod windows;

use std::path::Path;

pub(crate) use report::{Tail, percent, tail};

use crate::cli::{LatencyArgs, LatencyCommand};
use crate::failure::Failure;

/// Runs it.
pub(crate) async fn run(root: &Path, args: &LatencyArgs) -> Result<(), Failure> {
    match &args.command {
        None => report::run(root, &args.report).await,
        Some(LatencyCommand::PerRequest(args)) => requests::run(root, args).await,
        Some(LatencyCommand::Explain(args)) => explain::run(root, args).await,
        Some(LatencyCommand::Diff(args)) => diff::run(root, args).await,
        Some(LatencyCommand::Contract(args)) => contract::run(root, args).await,
    }
}

/// Nanoseconds for people: `4.612 s`, `823.40 ms`, `15 ns`. Whole numbers are in JSON.
pub(crate) fn shown(ns: i128) -> String {
    let (sign, size) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
    let (unit, per, digits) = match size {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => ("µs", 1_000, 2),
        1_000_000..1_000_000_000 => ("ms", 1_000_000, 2),
        _ => ("s", 1_000_000_000, 3),
    };
    let scale = 10_u128.pow(digits);
    let rounded = (size * scale + per / 2) / per;
    format!("{sign}{}.{:0width$} {unit}", rounded / scale, rounded % scale, width = digits as usize)
}

/// A quantile as people write it: `0.999`, `99.9%`, `p99.9`. Exact.
pub(crate) fn quantile(text: &str) -> Result<leap_orient::tail::Quantile, String> {
    let refuse = || format!("'{text}' is no quantile between 0 and 1, such as 0.999, p99.9 or 99.9%");
    let percent = text.strip_prefix('p').or_else(|| text.strip_suffix('%'));
    let digits = percent.unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + part.len() > 15 || !(whole.to_owned() + part).bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    let over: u64 = (whole.to_owned() + part).parse().map_err(|_| refuse())?;
    let under = 10_u64.pow(part.len() as u32) * if percent.is_some() { 100 } else { 1 };
    leap_orient::tail::Quantile::new(over, under).ok_or_else(refuse)
}

/// A fraction between 0 and 1, exact.
pub(crate) fn fraction(text: &str) -> Result<leap_orient::tail::Fraction, String> {
    quantile(text).map(leap_orient::tail::Quantile::level)
}

/// Hours of a day, UTC: from the first until before the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hours {
    from: u64,
    until: u64,
}

impl Hours {
    /// True for an instant in one of them, ns since the epoch.
    pub(crate) fn hold(self, ns: u64) -> bool {
        let hour = ns / 3_600_000_000_000 % 24;
        hour >= self.from && hour < self.until
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}..{}", self.from, self.until)
    }
}

/// Hours as people write them: `8..12`.
pub(crate) fn hours(text: &str) -> Result<Hours, String> {
    let read = text.split_once("..").and_then(|(from, until)| Some((from.parse().ok()?, until.parse().ok()?)));
    match read {
        Some((from, until)) if from < until && until <= 24 => Ok(Hours { from, until }),
        _ => Err(format!("'{text}' are no hours of a day such as 8..12 (until before 12)")),
    }
}

/// A time as people write it: `3s`, `250ms`, `1.5 s`, in ns.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let refuse = || format!("'{text}' is no time such as 3s, 250ms, 1.5s or 800us");
    let units = [("ns", 1_u64), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let text = text.trim();
    let found = units.into_iter().find_map(|(unit, per)| text.strip_suffix(unit).map(|number| (number.trim(), per)));
    let (number, per) = found.ok_or_else(refuse)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 9 {
        return Err(refuse());
    }
    let scaled: u64 = (whole.to_owned() + part).parse().map_err(|_| refuse())?;
    let product = u128::from(scaled) * u128::from(per);
    let divisor = 10_u128.pow(part.len() as u32);
    u64::try_from(product / divisor).ok().filter(|ns| *ns > 0 && product % divisor == 0).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_times_are_exact() {
        for text in ["0.999", "p99.9", "99.9%"] {
            assert_eq!(quantile(text).unwrap().rank(1000), 999, "{text}");
        }
        assert_eq!(quantile("p50").unwrap().rank(11), 6);
        for wrong in ["", "p", "2", "p101", "-0.5", "0.9e1", "1/2"] {
            assert!(quantile(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            ["3s", "1.5 s", "250ms", "7ns", "0.25us"].map(|text| duration(text).unwrap()),
            [3_000_000_000, 1_500_000_000, 250_000_000, 7, 250]
        );
        let morning = hours("8..12").unwrap();
        let at = |hour: u64| morning.hold((40 * 24 + hour) * 3_600_000_000_000 + 1);
        assert_eq!([7, 8, 11, 12].map(at), [false, true, true, false]);
        for wrong in ["8", "12..8", "8..25", "a..b", "8..8"] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
        for wrong in ["3", "s", "1.2.3s", "-1s", "0s", "0.1ns"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            [0, 999, 1_500, 823_404_000, 4_612_345_678, -2_000_000].map(shown),
            ["0 ns", "999 ns", "1.50 µs", "823.40 ms", "4.612 s", "-2.00 ms"]
        );
    }
}
