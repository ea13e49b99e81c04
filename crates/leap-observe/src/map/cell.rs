//! One cell read as an instant or as a number, with what had to be assumed about its spelling.
//!
//! ```text
//! 2024-09-18 23:00:00            → 2024-09-18T23:00:00Z, "date without zone read as UTC"
//! 09/21/2023                     → 2023-09-21T00:00:00Z, "date written MM/DD/YYYY"
//! 2019-02-01 00:00:00 +0000 UTC  → 2019-02-01T00:00:00Z
//! ```
//! `DD/MM/YYYY` is not read: with a day up to 12 it would be a guess.

use leap_terms::{Day, Exact, ExactError, Instant, Month};

/// Something assumed about the spelling of a cell or a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Quirk {
    /// `NULL`.
    NullWord,
    /// A cost that is null.
    NullCost,
    /// No zone.
    NoZone,
    /// No time of day.
    DateOnly,
    /// `MM/DD/YYYY`.
    MonthFirst,
    /// `DD.MM.YYYY`.
    DayFirst,
    /// `2023-11-13T10:00Z`.
    NoSeconds,
    /// `+00:00`, `+0000 UTC`, or another offset.
    Offset,
    /// `1.5E-7`.
    Exponent,
    /// Fewer fields than the header.
    ShortRow,
    /// More fields than the header, all empty.
    LongRow,
    /// `"a": "b"` without braces.
    TagsWithoutBraces,
    /// `[{'key': …}]`, or a list of keys and values.
    TagsAsList,
    /// One key twice.
    TagTwice,
    /// Tags that cannot be read.
    TagsUnreadable,
    /// No billing period in the row.
    NoBillingPeriod,
    /// No start or end to a charge's period.
    NoChargePeriodEnd,
    /// An Azure placeholder such as `Unassigned`.
    Placeholder,
    /// A cost column is a float.
    FloatCost,
    /// A product of price and quantity beyond 30 decimals.
    RoundedProduct,
    /// No charge type.
    NoChargeType,
    /// Covered usage without its effective cost.
    NoEffectiveCost,
}

impl Quirk {
    /// All quirks, in the order of their numbers.
    pub const COUNT: usize = Quirk::NoEffectiveCost as usize + 1;

    /// What is assumed, as the report says it.
    pub fn what(self) -> &'static str {
        match self {
            Quirk::NullWord => "the word NULL read as null",
            Quirk::NullCost => "a null cost read as 0",
            Quirk::NoZone => "date without zone read as UTC",
            Quirk::DateOnly => "date without time read as midnight UTC",
            Quirk::MonthFirst => "date with slashes read as MM/DD/YYYY",
            Quirk::DayFirst => "date with points read as DD.MM.YYYY",
            Quirk::NoSeconds => "time without seconds read as the full minute",
            Quirk::Offset => "date with a zone offset turned into UTC",
            Quirk::Exponent => "number in E notation read exactly",
            Quirk::ShortRow => "row shorter than the header: the missing last fields read as null",
            Quirk::LongRow => "row longer than the header: its empty last fields dropped",
            Quirk::TagsWithoutBraces => "tags without braces read as an object",
            Quirk::TagsAsList => "tags written as a list of keys and values read as an object",
            Quirk::TagTwice => "one key twice in the tags: the last one kept",
            Quirk::TagsUnreadable => "unreadable tags kept as text in x_UnreadableTags",
            Quirk::NoBillingPeriod => {
                "row without billing period put into the manifest's period, else the month of the charge"
            }
            Quirk::NoChargePeriodEnd => "charge period without end taken to end where it starts",
            Quirk::Placeholder => "the placeholder Unassigned read as null",
            Quirk::FloatCost => "cost column is a float in the Parquet file",
            Quirk::RoundedProduct => "price times quantity has more than 30 decimals: rounded half away from zero",
            Quirk::NoChargeType => "row without charge type read as usage",
            Quirk::NoEffectiveCost => "covered usage without its effective cost: the unblended cost taken",
        }
    }
}

/// A day of a bill lies in 1900 to 2199.
fn day(year: u32, month: u32, day: u32) -> Result<Day, &'static str> {
    match Day::from_ymd(year as i32, month, day) {
        Some(day) if day >= Day::EARLIEST && day < Day::NEVER => Ok(day),
        Some(_) => Err("is a date outside 1900 to 2199"),
        None => Err("is no date that exists"),
    }
}

const NO_DATE: &str = "is no date such as 2026-09-16T00:00:00Z";

fn digits(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 6 {
        return None;
    }
    text.iter().try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// Reads an instant; the quirk says what was assumed, `None` for FOCUS's own spelling (milliseconds included).
///
/// # Errors
/// The rule that the text breaks.
pub fn instant(text: &str) -> Result<(i64, Option<Quirk>), &'static str> {
    let bytes = text.trim().as_bytes();
    if bytes.len() < 8 {
        return Err(NO_DATE);
    }
    let (date, rest, mut quirk) = date_part(bytes)?;
    let midnight = Instant::start_of(date).micros();
    let Some((separator, time)) = rest.split_first() else {
        return Ok((midnight, Some(quirk.unwrap_or(Quirk::DateOnly))));
    };
    if !matches!(separator, b'T' | b't' | b' ') {
        return Err(NO_DATE);
    }
    let (micros, zone, no_seconds) = time_part(time)?;
    if no_seconds {
        quirk = quirk.or(Some(Quirk::NoSeconds));
    }
    let (offset, zone_quirk) = offset_minutes(zone)?;
    Ok((midnight + micros - offset * 60_000_000, quirk.or(zone_quirk)))
}

fn date_part(bytes: &[u8]) -> Result<(Day, &[u8], Option<Quirk>), &'static str> {
    let three = |separator: u8| -> Option<([u32; 3], usize)> {
        let first = memchr::memchr(separator, bytes).filter(|at| *at <= 4)?;
        let second = first + 1 + memchr::memchr(separator, &bytes[first + 1..]).filter(|at| *at <= 2)?;
        let last = bytes[second + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = second + 1 + last;
        Some(([digits(&bytes[..first])?, digits(&bytes[first + 1..second])?, digits(&bytes[second + 1..end])?], end))
    };
    if bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' {
        let [Some(y), Some(m), Some(d)] = [digits(&bytes[..4]), digits(&bytes[5..7]), digits(&bytes[8..10])] else {
            return Err(NO_DATE);
        };
        return Ok((day(y, m, d)?, &bytes[10..], None));
    }
    if let Some(([m, d, y], end)) = three(b'/') {
        return match y {
            1000.. => Ok((day(y, m, d)?, &bytes[end..], Some(Quirk::MonthFirst))),
            _ => Err("is a date with slashes whose year is not last"),
        };
    }
    if let Some(([d, m, y], end)) = three(b'.') {
        return Ok((day(y, m, d)?, &bytes[end..], Some(Quirk::DayFirst)));
    }
    if bytes.len() == 8 && digits(&bytes[..4]).is_some() {
        let [Some(y), Some(m), Some(d)] = [digits(&bytes[..4]), digits(&bytes[4..6]), digits(&bytes[6..8])] else {
            return Err(NO_DATE);
        };
        return Ok((day(y, m, d)?, &bytes[8..], Some(Quirk::DateOnly)));
    }
    Err(NO_DATE)
}

/// Microseconds of the day, what follows them, and whether the seconds were missing.
fn time_part(time: &[u8]) -> Result<(i64, &[u8], bool), &'static str> {
    let two = |at: usize| time.get(at..at + 2).and_then(digits);
    let (Some(hour), Some(b':'), Some(minute)) = (two(0), time.get(2), two(3)) else { return Err(NO_DATE) };
    let mut at = 5;
    let mut second = 0;
    let mut micros = 0_i64;
    let no_seconds = time.get(5) != Some(&b':');
    if !no_seconds {
        second = two(6).ok_or(NO_DATE)?;
        at = 8;
        if time.get(8) == Some(&b'.') {
            at = 9;
            let mut unit = 100_000_i64;
            while let Some(digit) = time.get(at).filter(|byte| byte.is_ascii_digit()) {
                micros += i64::from(digit - b'0') * unit;
                unit /= 10;
                at += 1;
            }
        }
    }
    if hour > 24 || minute > 59 || second > 60 || hour == 24 && (minute, second) != (0, 0) {
        return Err("is a time of day that does not exist");
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Ok((seconds * 1_000_000 + micros, &time[at..], no_seconds))
}

fn offset_minutes(zone: &[u8]) -> Result<(i64, Option<Quirk>), &'static str> {
    let zone = zone.trim_ascii();
    let zone = zone.strip_suffix(b" UTC").unwrap_or(zone);
    match zone {
        b"" => Ok((0, Some(Quirk::NoZone))),
        b"Z" | b"z" => Ok((0, None)),
        b"UTC" | b"GMT" => Ok((0, Some(Quirk::Offset))),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, minutes) = match rest {
                [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (digits(&[*h1, *h2]), digits(&[*m1, *m2])),
                [h1, h2] => (digits(&[*h1, *h2]), Some(0)),
                _ => return Err("has a zone offset that is none, such as +00:00"),
            };
            let (Some(hours @ 0..=14), Some(minutes @ 0..=59)) = (hours, minutes) else {
                return Err("has a zone offset that is none, such as +00:00");
            };
            let offset = i64::from(hours * 60 + minutes);
            Ok((if *sign == b'-' { -offset } else { offset }, Some(Quirk::Offset)))
        }
        _ => Err("has a zone that is neither Z nor an offset such as +00:00"),
    }
}

/// Reads a month written `202011` or `2020-11`.
pub fn month(text: &str) -> Option<Month> {
    match text.len() {
        6 => Month::new(text.get(..4)?.parse().ok()?, text.get(4..)?.parse().ok()?),
        7 => text.parse().ok(),
        _ => None,
    }
}

/// Reads a number; the flag tells E notation.
///
/// # Errors
/// The rule that the text breaks.
pub fn number(text: &str, whole_digits: u32) -> Result<(Exact, bool), ExactError> {
    let exact = Exact::parse(text.as_bytes(), whole_digits)?;
    Ok((exact, memchr::memchr2(b'e', b'E', text.as_bytes()).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_real_bills_is_read() {
        let z = "2023-11-13T10:00:00Z";
        for (text, expected, quirk) in [
            ("2023-11-13T10:00:00Z", z, None),
            ("2023-11-13T10:00:00.000Z", z, None),
            ("2023-11-13 10:00:00", z, Some(Quirk::NoZone)),
            ("2023-11-13T10:00Z", z, Some(Quirk::NoSeconds)),
            ("2023-11-13 10:00:00+00:00", z, Some(Quirk::Offset)),
            ("2023-11-13 10:00:00 UTC", z, Some(Quirk::Offset)),
            ("2023-11-13 10:00:00 +0000 UTC", z, Some(Quirk::Offset)),
            ("2023-11-13T12:30:00+02:30", z, Some(Quirk::Offset)),
            ("2023-11-13T05:00:00-05", z, Some(Quirk::Offset)),
            ("2020-11-10 05:49:32.199000+00:00", "2020-11-10T05:49:32.199000Z", Some(Quirk::Offset)),
            ("2023-09-21", "2023-09-21T00:00:00Z", Some(Quirk::DateOnly)),
            ("20230921", "2023-09-21T00:00:00Z", Some(Quirk::DateOnly)),
            ("09/21/2023", "2023-09-21T00:00:00Z", Some(Quirk::MonthFirst)),
            ("9/4/2023", "2023-09-04T00:00:00Z", Some(Quirk::MonthFirst)),
            ("21.09.2023", "2023-09-21T00:00:00Z", Some(Quirk::DayFirst)),
            ("2023-09-21T24:00:00Z", "2023-09-22T00:00:00Z", None),
        ] {
            let (micros, found) = instant(text).unwrap_or_else(|rule| panic!("{text} {rule}"));
            assert_eq!(Instant::from_micros(micros).to_string(), expected, "{text}");
            assert_eq!(found, quirk, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_names_its_rule() {
        for (text, rule) in [
            ("yesterday", NO_DATE),
            ("2023-02-29T00:00:00Z", "is no date that exists"),
            ("21/09/2023", "is no date that exists"),
            ("1899-12-31", "is a date outside 1900 to 2199"),
            ("2200-01-01", "is a date outside 1900 to 2199"),
            ("2023-09-21T25:00:00Z", "is a time of day that does not exist"),
            ("2023-09-21T10:00:00 CET", "has a zone that is neither Z nor an offset such as +00:00"),
            ("2023-09-21T10:00:00+1", "has a zone offset that is none, such as +00:00"),
            ("é023-09-21", NO_DATE),
        ] {
            assert_eq!(instant(text), Err(rule), "{text}");
        }
        assert_eq!(month("202011").map(|month| month.to_string()).as_deref(), Some("2020-11"));
        assert_eq!(month("2020é"), None);
    }
}
