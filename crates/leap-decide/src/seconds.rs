//! Lengths of time as documents write them: `48h`, `90m`, `47h59m`, `7d`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A length of time in whole seconds, at least zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seconds(i64);

/// Units of time: the letter and its seconds, longest first.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// Longer than any term: 200 years.
const MOST: i64 = 200 * 366 * 86_400;

impl Seconds {
    /// So many seconds; none where that is less than zero or more than 200 years.
    pub const fn new(seconds: i64) -> Option<Seconds> {
        if seconds >= 0 && seconds <= MOST { Some(Seconds(seconds)) } else { None }
    }

    /// So many hours, at most 65,535.
    pub const fn hours(hours: u16) -> Seconds {
        Seconds(hours as i64 * 3_600)
    }

    /// So many minutes, at most 65,535.
    pub const fn minutes(minutes: u16) -> Seconds {
        Seconds(minutes as i64 * 60)
    }

    /// The seconds.
    pub const fn count(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Seconds {
    /// In days from three days on where they are whole, else in hours, minutes and seconds.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = 86_400;
        if self.0 >= 3 * day && self.0 % day == 0 {
            return write!(out, "{}d", self.0 / day);
        }
        if self.0 == 0 {
            return out.write_str("0s");
        }
        let mut rest = self.0;
        for (letter, seconds) in &UNITS[2..] {
            if rest >= *seconds {
                write!(out, "{}{letter}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seconds, String> {
        let refuse = || format!("'{}' is no length of time such as 48h, 90m, 30s, 7d or 47h59m", text.escape_debug());
        let (mut total, mut digits, mut last) = (0_i64, String::new(), UNITS.len() + 1);
        for letter in text.trim().chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            let at = UNITS.iter().position(|(known, _)| *known == letter).ok_or_else(refuse)?;
            // Units go from long to short, each once: 59m47h is a slip.
            if last <= UNITS.len() && at <= last {
                return Err(refuse());
            }
            let count: i64 = digits.parse().map_err(|_| refuse())?;
            total = count.checked_mul(UNITS[at].1).and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
            digits.clear();
            last = at;
        }
        if !digits.is_empty() || last > UNITS.len() {
            return Err(refuse());
        }
        Seconds::new(total).ok_or_else(refuse)
    }
}

impl TryFrom<String> for Seconds {
    type Error = String;

    fn try_from(text: String) -> Result<Seconds, String> {
        text.parse()
    }
}

impl From<Seconds> for String {
    fn from(seconds: Seconds) -> String {
        seconds.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_texts_are_one() {
        for (text, seconds) in
            [("48h", 172_800), ("47h59m", 172_740), ("5m", 300), ("7d", 604_800), ("0s", 0), ("1h1s", 3_601)]
        {
            assert_eq!(text.parse::<Seconds>().map(Seconds::count), Ok(seconds), "{text}");
            assert_eq!(Seconds::new(seconds).unwrap().to_string(), text);
        }
        assert_eq!("2w".parse::<Seconds>(), Ok(Seconds::hours(336)));
        assert_eq!("1d".parse::<Seconds>().unwrap().to_string(), "24h");
        for wrong in ["", "48", "h", "1.5h", "-1h", "48 hours", "59m47h", "1h1h", "99999999999w"] {
            assert!(wrong.parse::<Seconds>().unwrap_err().contains("such as 48h"), "{wrong}");
        }
    }
}
