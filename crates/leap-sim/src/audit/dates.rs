//! The dates of bills, as providers write them, read as UTC.
//!
//! ```text
//! 2024-09-18 23:00:00         2023-11-13T10:00Z          09/21/2023
//! 2020-11-10 05:49:32+00:00   20240131T235959.999Z       202011 (a month)
//! ```
//! A time without a zone is UTC; a date of `NN/NN/YYYY` is month first; `DD.MM.YYYY` is day first.

use leap_terms::{Day, Instant, Month};

/// Reads a point in time.
pub fn instant(text: &str) -> Option<Instant> {
    let text = text.trim();
    let (day, rest) = date(text)?;
    let micros = if rest.is_empty() { 0 } else { time(rest)? };
    let instant = Instant::from_micros(Instant::start_of(day).micros() + micros);
    (Day::EARLIEST <= instant.day() && instant.day() < Day::NEVER).then_some(instant)
}

/// Reads a day; a time of day with a zone may move it.
pub fn day(text: &str) -> Option<Day> {
    instant(text).map(Instant::day)
}

/// Reads a month: `202011`, `2020-11`, or any date in it.
pub fn month(text: &str) -> Option<Month> {
    let text = text.trim();
    let (year, month) = match text.len() {
        6 => (text.get(..4)?, text.get(4..)?),
        7 if text.as_bytes()[4] == b'-' => (text.get(..4)?, text.get(5..)?),
        _ => return day(text).map(Day::month),
    };
    let month = Month::new(number(year)? as i32, number(month)?)?;
    (Day::EARLIEST.month() <= month && month < Day::NEVER.month()).then_some(month)
}

/// The date at the start of a text, and what follows it.
fn date(text: &str) -> Option<(Day, &str)> {
    let end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, rest) = (&text[..end], &text[end..]);
    let parts = |separator| date.split(separator).collect::<Vec<_>>();
    let (year, month, day) = match (parts('-')[..].as_ref(), parts('/')[..].as_ref(), parts('.')[..].as_ref()) {
        ([year, month, day], _, _) if year.len() == 4 => (*year, *month, *day),
        (_, [year, month, day], _) if year.len() == 4 => (*year, *month, *day),
        (_, [month, day, year], _) if year.len() == 4 => (*year, *month, *day),
        (_, _, [day, month, year]) if year.len() == 4 => (*year, *month, *day),
        _ if date.len() == 8 => (date.get(..4)?, date.get(4..6)?, date.get(6..)?),
        _ => return None,
    };
    Some((Day::from_ymd(number(year)? as i32, number(month)?, number(day)?)?, rest))
}

/// Microseconds since midnight UTC; may be negative or beyond a day when the zone moves it.
fn time(rest: &str) -> Option<i64> {
    let rest = rest.get(1..)?.trim();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(rest.len());
    let (clock, zone) = (&rest[..end], rest[end..].trim());
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let compact = clock.len() == 6 && !clock.contains(':');
    let parts: Vec<&str> =
        if compact { vec![&clock[..2], &clock[2..4], &clock[4..]] } else { clock.split(':').collect() };
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] if fraction.is_empty() => (number(hours)?, number(minutes)?, 0),
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, number(seconds)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 || seconds > 60 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let clock = i64::from(hours * 3600 + minutes * 60 + seconds) * 1_000_000 + micros;
    Some(clock - offset(zone)? * 60_000_000)
}

/// Minutes that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.strip_suffix("UTC").unwrap_or(zone).trim();
    let (sign, digits) = match zone.chars().next() {
        None | Some('Z' | 'z') if zone.len() <= 1 => return Some(0),
        Some('+') => (1, &zone[1..]),
        Some('-') => (-1, &zone[1..]),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    (hours <= 18 && minutes <= 59).then_some(sign * i64::from(hours * 60 + minutes))
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_staged_bills_is_read() {
        for (text, expected) in [
            ("2024-09-18 23:00:00", "2024-09-18T23:00:00Z"),
            ("2023-11-13T10:00Z", "2023-11-13T10:00:00Z"),
            ("2023-11-01T00:00:00.000Z", "2023-11-01T00:00:00Z"),
            ("09/21/2023", "2023-09-21T00:00:00Z"),
            ("9/1/2023", "2023-09-01T00:00:00Z"),
            ("2021-02-02", "2021-02-02T00:00:00Z"),
            ("31.01.2023", "2023-01-31T00:00:00Z"),
            ("20240131T235959.999Z", "2024-01-31T23:59:59.999000Z"),
            ("2020-11-10 05:49:32.199000+00:00", "2020-11-10T05:49:32.199000Z"),
            ("2020-11-10 00:30:00+02:00", "2020-11-09T22:30:00Z"),
            ("2019-02-01 00:00:00 +0000 UTC", "2019-02-01T00:00:00Z"),
            ("2020-11-10 05:49:32 UTC", "2020-11-10T05:49:32Z"),
        ] {
            assert_eq!(instant(text).map(|instant| instant.to_string()).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(month("202011").unwrap().to_string(), "2020-11");
        assert_eq!(month("2020-11").unwrap().to_string(), "2020-11");
        assert_eq!(month("2020-11-30").unwrap().to_string(), "2020-11");
    }

    #[test]
    fn what_is_no_date_is_not_guessed() {
        for text in ["", "2024", "2024-02-30", "13/31/2023", "2024-01-01T25:00:00Z", "yesterday", "2024-01-01 Paris"] {
            assert_eq!(instant(text), None, "{text}");
        }
        assert_eq!(instant("1899-12-31"), None);
        assert_eq!(month("202013"), None);
        assert_eq!(month(""), None);
    }
}
