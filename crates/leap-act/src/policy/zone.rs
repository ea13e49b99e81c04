//! A time zone without a database: a fixed offset, or the rule for summer time written out, as POSIX does (IEEE 1003.1,
//! 8.3, `TZ`).
//!
//! ```text
//! UTC    +02:00    -08:00
//! CET-1CEST,M3.5.0,M10.5.0/3       the last line of a file of zoneinfo (Europe/Berlin)
//! EST5EDT,M3.2.0,M11.1.0           America/New_York
//! ```
//! Names such as Europe/Berlin are no zones here: what they mean changes with the law, and a table of them inside a
//! program ages unseen. A rule that is written out says what it does. Hours of POSIX count westward: `CET-1` is +01:00.

use std::fmt;
use std::str::FromStr;

use leap_terms::{Day, Instant};

/// A time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone {
    standard: i32,
    summer: Option<Summer>,
}

/// Summer time: its offset, and when it begins (in standard time) and ends (in summer time).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Summer {
    offset: i32,
    begins: Turn,
    ends: Turn,
}

/// The `week`-th `weekday` (0 is Sunday) of a month, week 5 the last one, at so many seconds after local midnight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Turn {
    month: u32,
    week: u32,
    weekday: u32,
    seconds: i32,
}

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone { standard: 0, summer: None };

    /// Seconds east of UTC at an instant.
    pub fn offset(self, at: Instant) -> i32 {
        let Some(summer) = self.summer else { return self.standard };
        let local = super::later(at, i64::from(self.standard));
        let (year, ..) = local.day().ymd();
        let begins = super::later(summer.begins.in_year(year), -i64::from(self.standard));
        let ends = super::later(summer.ends.in_year(year), -i64::from(summer.offset));
        let is_summer = if begins < ends { begins <= at && at < ends } else { at >= begins || at < ends };
        if is_summer { summer.offset } else { self.standard }
    }

    /// Local day, its weekday (0 is Sunday), and the minute of the day.
    pub fn local(self, at: Instant) -> (Day, u32, u32) {
        let local = super::later(at, i64::from(self.offset(at)));
        let day = local.day();
        let minute = (local.micros() - Instant::start_of(day).micros()) / 60_000_000;
        (day, weekday(day), u32::try_from(minute).unwrap_or(0))
    }
}

/// 0 is Sunday; 1970-01-01 was a Thursday.
fn weekday(day: Day) -> u32 {
    (day.days() + 4).rem_euclid(7).unsigned_abs()
}

impl Turn {
    /// As if local time were UTC.
    fn in_year(self, year: i32) -> Instant {
        let first = Day::from_ymd(year, self.month, 1).unwrap_or(Day::EARLIEST);
        let ahead = (self.weekday + 7 - weekday(first)) % 7;
        let mut day = first.plus((ahead + 7 * (self.week - 1)).cast_signed());
        if day.month() != first.month() {
            day = day.plus(-7);
        }
        super::later(Instant::start_of(day), i64::from(self.seconds))
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Zone, String> {
        let refuse = || {
            format!(
                "'{}' is no time zone such as +02:00, or CET-1CEST,M3.5.0,M10.5.0/3 (the last line of a file below \
                 /usr/share/zoneinfo)",
                text.escape_debug()
            )
        };
        if matches!(text, "UTC" | "Z") {
            return Ok(Zone::UTC);
        }
        if let Some(east) =
            text.strip_prefix('+').map(|rest| (rest, 1)).or(text.strip_prefix('-').map(|rest| (rest, -1)))
        {
            let seconds = Some(east.0)
                .filter(|rest| rest.len() == 5 && rest.as_bytes()[2] == b':' && !rest.starts_with(['+', '-']))
                .and_then(clock);
            let seconds = seconds.filter(|seconds| *seconds <= 14 * 3600).ok_or_else(refuse)?;
            return Ok(Zone { standard: east.1 * seconds, summer: None });
        }
        posix(text).ok_or_else(refuse)
    }
}

/// `[+-]hh[:mm[:ss]]` as seconds, at most a week.
fn clock(text: &str) -> Option<i32> {
    let (text, sign) = match text.strip_prefix('-') {
        Some(rest) => (rest, -1),
        None => (text.strip_prefix('+').unwrap_or(text), 1),
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for part in text.split(':') {
        if unit == 0 || part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let count: i32 = part.parse().ok()?;
        if unit < 3600 && count >= 60 || unit == 3600 && count > 167 {
            return None;
        }
        seconds += count * unit;
        unit /= 60;
    }
    Some(sign * seconds)
}

fn posix(text: &str) -> Option<Zone> {
    let mut parts = text.split(',');
    let (standard, rest) = named_offset(parts.next()?)?;
    let standard = -standard?;
    if rest.is_empty() {
        return parts.next().is_none().then_some(Zone { standard, summer: None });
    }
    let (offset, rest) = named_offset(rest)?;
    let offset = offset.map_or(standard + 3600, |offset| -offset);
    let (begins, ends) = (turn(parts.next()?)?, turn(parts.next()?)?);
    let whole = rest.is_empty() && parts.next().is_none();
    whole.then_some(Zone { standard, summer: Some(Summer { offset, begins, ends }) })
}

/// `CET-1CEST` gives what `-1` is and `CEST`; at most a day.
fn named_offset(text: &str) -> Option<(Option<i32>, &str)> {
    let after_name = match text.strip_prefix('<') {
        Some(quoted) => &quoted[quoted.find('>')? + 1..],
        None => text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()),
    };
    if text.len() - after_name.len() < 3 {
        return None;
    }
    let end = after_name.find(|letter: char| !(letter.is_ascii_digit() || "+-:".contains(letter)));
    let (offset, rest) = after_name.split_at(end.unwrap_or(after_name.len()));
    if offset.is_empty() {
        return Some((None, rest));
    }
    let seconds = clock(offset).filter(|seconds| seconds.abs() <= 24 * 3600)?;
    Some((Some(seconds), rest))
}

/// `M3.5.0/2`.
fn turn(text: &str) -> Option<Turn> {
    let (date, time) = text.strip_prefix('M')?.split_once('/').unwrap_or((text.strip_prefix('M')?, "2"));
    let numbers: Vec<u32> = date
        .split('.')
        .filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|part| part.parse().ok())
        .collect();
    let ([month @ 1..=12, week @ 1..=5, weekday @ 0..=6], 2) = (numbers.as_slice(), date.matches('.').count()) else {
        return None;
    };
    Some(Turn { month: *month, week: *week, weekday: *weekday, seconds: clock(time)? })
}

impl fmt::Display for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.standard < 0 { '-' } else { '+' };
        let minutes = self.standard.abs() / 60;
        write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)?;
        if self.summer.is_some() { out.write_str(" with summer time") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::at;
    use super::*;

    #[test]
    fn offsets_turn_when_the_law_says() {
        let cases = [
            ("UTC", "2026-07-01T00:00:00Z", 0),
            ("+05:30", "2026-07-01T00:00:00Z", 330),
            ("-08:00", "2026-07-01T00:00:00Z", -480),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 60),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 120),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 120),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 60),
            ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -300),
            ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -240),
            ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01T05:59:59Z", -240),
            ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01T06:00:00Z", -300),
            // The south: summer goes over the new year (Australia/Sydney).
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-12-31T20:00:00Z", 660),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-04-04T15:59:59Z", 660),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-04-04T16:00:00Z", 600),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-10-03T16:00:00Z", 660),
            ("<+0530>-5:30", "2026-07-01T00:00:00Z", 330),
        ];
        for (zone, when, minutes) in cases {
            assert_eq!(zone.parse::<Zone>().unwrap().offset(at(when)), minutes * 60, "{zone} {when}");
        }
        let berlin: Zone = "CET-1CEST,M3.5.0,M10.5.0/3".parse().unwrap();
        assert_eq!(berlin.local(at("2026-09-17T22:30:00Z")), ("2026-09-18".parse().unwrap(), 5, 30));
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for wrong in [
            "",
            "Europe/Berlin",
            "CET",
            "+2",
            "+25:00",
            "+2:000",
            "02:00",
            "CET-1CEST",
            "CET-1CEST,M3.5.0",
            "C-1",
            "CET-1CEST,M3.5.0,M10.5.0/3,x",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.6.0,M10.5.0",
            "CET-99",
            "+-1:00",
            "CET-1CEST,60,300",
            "<CET-1",
            "CET-1CEST,M3..0,M10.5.0",
        ] {
            assert!(wrong.parse::<Zone>().is_err(), "{wrong}");
        }
    }
}
