//! Days, months, instants and half-open periods, all in UTC.
//!
//! ```text
//! 2026-09          a month; as a period [2026-09-01, 2026-10-01)
//! 2026-09-16       a day
//! 2026-07..2026-09 a period of months, both named ones inside
//! ```
//! No clock here: the present is an argument, passed in from the edge of the program.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A calendar day in UTC: days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The earliest day that leap accepts in a bill: 1900-01-01.
    pub const EARLIEST: Day = Day(-25567);
    /// The day after the latest that leap accepts: 2200-01-01. Also the end of what has no end.
    pub const NEVER: Day = Day(84006);

    /// From days since 1970-01-01.
    pub fn from_days(days: i32) -> Day {
        Day(days)
    }

    /// From year, month 1..=12 and day 1..=31; `None` for a day that does not exist.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Day> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        Some(Day(days_from_civil(year, month, day)))
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i32 {
        self.0
    }

    /// Year, month, day of month.
    pub fn ymd(self) -> (i32, u32, u32) {
        civil_from_days(self.0)
    }

    /// The month that the day lies in.
    pub fn month(self) -> Month {
        let (year, month, _) = self.ymd();
        Month::new(year, month).expect("a day lies in a month")
    }

    /// The day `count` days later (earlier if negative).
    pub fn plus(self, count: i32) -> Day {
        Day(self.0 + count)
    }
}

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": days_from_civil and civil_from_days.
fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = month as i32;
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day as i32 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i32) -> (i32, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    (year, month, day)
}

/// Days in a month of the Gregorian calendar.
fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        out.pad(&format!("{year:04}-{month:02}-{day:02}"))
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Day, String> {
        let bytes = text.as_bytes();
        let shape = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
        let number = |from: usize, to: usize| {
            text.get(from..to)
                .filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|part| part.parse().ok())
        };
        shape
            .then(|| Day::from_ymd(number(0, 4)? as i32, number(5, 7)?, number(8, 10)?))
            .flatten()
            .ok_or_else(|| format!("'{}' is no day such as 2026-09-16", text.escape_debug()))
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A calendar month; a billing period starts with one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    /// From year and month 1..=12.
    pub fn new(year: i32, month: u32) -> Option<Month> {
        ((1..=9999).contains(&year) && (1..=12).contains(&month)).then(|| Month(year * 12 + month as i32 - 1))
    }

    /// Year and month.
    pub fn ym(self) -> (i32, u32) {
        (self.0.div_euclid(12), self.0.rem_euclid(12) as u32 + 1)
    }

    /// The month's first day.
    pub fn first_day(self) -> Day {
        let (year, month) = self.ym();
        Day(days_from_civil(year, month, 1))
    }

    /// The month `count` months later (earlier if negative).
    pub fn plus(self, count: i32) -> Month {
        Month(self.0 + count)
    }

    /// From the first day of the month to the first day of the next.
    pub fn period(self) -> Period {
        Period { from: self.first_day(), until: self.plus(1).first_day() }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = self.ym();
        out.pad(&format!("{year:04}-{month:02}"))
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Month, String> {
        let parts = text.split_once('-').filter(|(year, month)| {
            year.len() == 4 && month.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        });
        parts
            .and_then(|(year, month)| Month::new(year.parse().ok()?, month.parse().ok()?))
            .ok_or_else(|| format!("'{}' is no month such as 2026-09", text.escape_debug()))
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Month, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A half-open span of days `[from, until)`, never empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Period {
    from: Day,
    until: Day,
}

impl Period {
    /// All time.
    pub const ALWAYS: Period = Period { from: Day::EARLIEST, until: Day::NEVER };

    /// `None` unless `from` is before `until`.
    pub fn new(from: Day, until: Day) -> Option<Period> {
        (from < until).then_some(Period { from, until })
    }

    /// The first day inside.
    pub fn from(self) -> Day {
        self.from
    }

    /// The first day outside.
    pub fn until(self) -> Day {
        self.until
    }

    /// True when the day lies inside.
    pub fn contains(self, day: Day) -> bool {
        self.from <= day && day < self.until
    }

    /// The days in both, if any.
    pub fn intersection(self, other: Period) -> Option<Period> {
        Period::new(self.from.max(other.from), self.until.min(other.until))
    }

    /// The months that overlap it, in order.
    pub fn months(self) -> impl Iterator<Item = Month> {
        let first = self.from.month();
        let last = self.until.plus(-1).month();
        (first.0..=last.0).map(Month)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = self.from.month();
        if month.period() == *self { month.fmt(out) } else { write!(out, "{}..{}", self.from, self.until) }
    }
}

impl FromStr for Period {
    type Err = String;

    /// `2026-09` (a month), `2026-07..2026-09` (months, both inside), `2026` (a year), `2026-09-16` (a day),
    /// `2026-09-01..2026-09-16` (days, the second outside).
    fn from_str(text: &str) -> Result<Period, String> {
        let refuse = || {
            format!(
                "'{}' is no period such as 2026-09, 2026-07..2026-09, 2026, or 2026-09-01..2026-09-16 (the last day outside)",
                text.escape_debug()
            )
        };
        let one = |text: &str| -> Option<(Day, Day)> {
            if let Ok(month) = text.parse::<Month>() {
                return Some((month.period().from, month.period().until));
            }
            if text.len() == 4 {
                let year = text.parse::<i32>().ok()?;
                return Some((Day::from_ymd(year, 1, 1)?, Day::from_ymd(year + 1, 1, 1)?));
            }
            let day = text.parse::<Day>().ok()?;
            Some((day, day.plus(1)))
        };
        let period = match text.split_once("..") {
            None => one(text).and_then(|(from, until)| Period::new(from, until)),
            Some((from, until)) => match (from.parse::<Day>(), until.parse::<Day>()) {
                (Ok(from), Ok(until)) => Period::new(from, until),
                _ => one(from).zip(one(until)).and_then(|((from, _), (_, until))| Period::new(from, until)),
            },
        };
        period.ok_or_else(refuse)
    }
}

/// A point in time in UTC: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

const MICROS_PER_DAY: i64 = 86_400_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Instant {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub fn from_micros(micros: i64) -> Instant {
        Instant(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The UTC day.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(MICROS_PER_DAY) as i32)
    }

    /// So many seconds later (earlier if negative); at the end of what 64 bits hold where that is beyond it.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Instant {
        Instant(self.0.saturating_add(seconds.saturating_mul(MICROS_PER_SECOND)))
    }

    /// Whole seconds since another instant, rounded down; negative where the other is later.
    pub fn seconds_since(self, other: Instant) -> i64 {
        self.0.saturating_sub(other.0).div_euclid(MICROS_PER_SECOND)
    }

    /// Midnight at the start of a day.
    pub fn start_of(day: Day) -> Instant {
        Instant(i64::from(day.0) * MICROS_PER_DAY)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.rem_euclid(MICROS_PER_DAY);
        let seconds = micros / 1_000_000;
        write!(out, "{}T{:02}:{:02}:{:02}", self.day(), seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros % 1_000_000 != 0 {
            write!(out, ".{:06}", micros % 1_000_000)?;
        }
        out.write_str("Z")
    }
}

impl FromStr for Instant {
    type Err = String;

    /// Reads what [`Instant`] prints: `2026-09-30T12:00:00Z`, with up to six decimals of a second.
    fn from_str(text: &str) -> Result<Instant, String> {
        let refuse = || format!("'{text}' is no instant such as 2026-09-30T12:00:00Z");
        let (day, time) = text.strip_suffix('Z').and_then(|text| text.split_once('T')).ok_or_else(refuse)?;
        let day: Day = day.parse().map_err(|_| refuse())?;
        let (whole, decimals) = time.split_once('.').unwrap_or((time, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<i64> = whole
            .split(':')
            .filter(|part| part.len() == 2 && digits(part))
            .filter_map(|part| part.parse().ok())
            .collect();
        let ([hours @ 0..24, minutes @ 0..60, seconds @ 0..60], 8, 1..=6, true) =
            (parts.as_slice(), whole.len(), decimals.len(), digits(decimals))
        else {
            return Err(refuse());
        };
        let micros: i64 = format!("{decimals:0<6}").parse().map_err(|_| refuse())?;
        Ok(Instant(Instant::start_of(day).0 + ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_texts_are_one() {
        for days in (Day::EARLIEST.days()..Day::NEVER.days()).step_by(13) {
            let day = Day::from_days(days);
            assert_eq!(day.to_string().parse(), Ok(day));
            assert!(day.month().period().contains(day));
        }
        assert_eq!("1900-01-01".parse(), Ok(Day::EARLIEST));
        assert_eq!("2200-01-01".parse(), Ok(Day::NEVER));
        for wrong in ["2026-02-29", "2026-13-01", "2026-9-1", "26-09-01", "2026-09-1x", "+026-09-01"] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn periods_are_half_open() {
        let read = |text: &str| text.parse::<Period>().map(|period| format!("{}..{}", period.from(), period.until()));
        assert_eq!(read("2026-09").unwrap(), "2026-09-01..2026-10-01");
        assert_eq!(read("2026-07..2026-09").unwrap(), "2026-07-01..2026-10-01");
        assert_eq!(read("2026").unwrap(), "2026-01-01..2027-01-01");
        assert_eq!(read("2026-09-16").unwrap(), "2026-09-16..2026-09-17");
        assert_eq!(read("2026-09-01..2026-09-16").unwrap(), "2026-09-01..2026-09-16");
        assert!(read("2026-09..2026-07").is_err());
        assert!(read("2026-09-16..2026-09-16").is_err());
        assert!(read("last month").is_err());
        let months: Vec<_> =
            "2025-11..2026-02".parse::<Period>().unwrap().months().map(|month| month.to_string()).collect();
        assert_eq!(months, ["2025-11", "2025-12", "2026-01", "2026-02"]);
        assert_eq!("2026-09".parse::<Period>().unwrap().to_string(), "2026-09");
    }

    #[test]
    fn instants_print_as_focus_writes_them() {
        let instant = Instant::from_micros(1_789_516_800_000_000);
        assert_eq!(instant.to_string(), "2026-09-16T00:00:00Z");
        assert_eq!(Instant::start_of(instant.day()), instant);
        assert_eq!(instant.plus_seconds(-1).to_string(), "2026-09-15T23:59:59Z");
        assert_eq!(instant.seconds_since(Instant::from_micros(instant.micros() - 1_999_999)), 1);
        assert_eq!(Instant::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        for micros in [-1, 0, 1_789_516_800_000_000, 1_789_516_812_345_600] {
            let instant = Instant::from_micros(micros);
            assert_eq!(instant.to_string().parse(), Ok(instant));
        }
        for wrong in [
            "2026-09-16",
            "2026-09-16T00:00:00",
            "2026-09-16T24:00:00Z",
            "2026-09-16T0:00:00Z",
            "2026-09-16T00:00:00.1234567Z",
        ] {
            assert!(wrong.parse::<Instant>().is_err(), "{wrong}");
        }
    }
}
