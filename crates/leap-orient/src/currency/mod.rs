//! Currency: amounts of each month at that month's own rate, with the rounding stated as a line of its own.
//!
//! ```csv
//! month,from,to,rate
//! 2026-08,USD,EUR,0.9123
//! 2026-09,USD,EUR,0.9087
//! ```
//! One unit of `from` is `rate` units of `to` in that month. A rate is never guessed: no other month's rate, no rate
//! turned round (USD → EUR says nothing about EUR → USD: buying and selling differ), no way through a third
//! currency. What a table lacks is an error that names the line to add.
//!
//! What it does not do: fetch rates, know which currencies exist (a new table has codes of three capital letters, as ISO 4217
//! writes them), or decide which month a charge belongs to
//! (its billing period).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use leap_terms::{Currency, Digest, Exact, Fault, Month};

mod conversion;
mod wide;

pub use conversion::{Conversion, ConvertedTotal, MixedCurrencies, sole_currency};
pub use wide::Wide;
pub(crate) use wide::units;

use crate::table::{Place, Table};

/// Digits before the point of a rate.
const WHOLE_DIGITS: u32 = 12;

/// A table of rates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    rates: BTreeMap<(Month, Currency, Currency), Exact>,
}

/// A rate that is added, changed or removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RateChange {
    /// Month of the rate.
    pub month: Month,
    /// Currency of the amounts.
    pub from: Currency,
    /// Currency they become.
    pub to: Currency,
    /// The rate until now; none where it is added.
    pub before: Option<Exact>,
    /// The rate from now on; none where it is removed.
    pub after: Option<Exact>,
}

impl RateChange {
    /// `added`, `changed` or `removed`.
    pub fn word(&self) -> &'static str {
        match (self.before, self.after) {
            (None, _) => "added",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        }
    }
}

/// An amount in another currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Converted {
    /// Rounded half to even to 18 decimals.
    pub amount: Exact,
    /// Amount times rate, in full.
    pub exact: Wide,
}

/// A rate that the table lacks, and what it has instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissingRate {
    /// Month of the amount.
    pub month: Month,
    /// Currency of the amount.
    pub from: Currency,
    /// Currency asked for.
    pub to: Currency,
    /// True where the month has the opposite rate.
    pub has_opposite: bool,
    /// The latest earlier month with this rate, else the first later one.
    pub other_month: Option<Month>,
}

impl fmt::Display for MissingRate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MissingRate { month, from, to, .. } = self;
        write!(out, "no rate from {from} to {to} for {month}")?;
        if self.has_opposite {
            write!(out, "; the rate from {to} to {from} is not turned round")?;
        }
        if let Some(other) = self.other_month {
            write!(out, "; the rate of {other} is not used for another month")?;
        }
        write!(out, "; add the line {month},{from},{to},RATE to the table of rates")
    }
}

impl std::error::Error for MissingRate {}

/// Why an amount cannot be converted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConvertError {
    /// The table has no such rate.
    #[error(transparent)]
    MissingRate(#[from] MissingRate),
    /// The result leaves the range of amounts.
    #[error("converting {from} to {to} in {month}: the result is 10^20 or more; check the rate {rate}")]
    TooLarge {
        /// Month of the amount.
        month: Month,
        /// Currency of the amount.
        from: Currency,
        /// Currency asked for.
        to: Currency,
        /// The rate.
        rate: Exact,
    },
}

impl Rates {
    /// Reads a table of rates: CSV with the columns month, from, to, rate.
    ///
    /// # Errors
    /// Every fault with file, row and column: no month, no currency, a rate that is no number, not above zero or has
    /// more than 18 decimals, a pair twice in a month.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Rates, Vec<Fault>> {
        Rates::read(file, bytes, Codes::Any)
    }

    /// Reads a table that is to be put in force.
    ///
    /// # Errors
    /// Those of [`Rates::parse`], and codes that are not three capital letters: `EURO` or `eur` is a slip of the pen.
    pub fn parse_new(file: &str, bytes: &[u8]) -> Result<Rates, Vec<Fault>> {
        Rates::read(file, bytes, Codes::Iso)
    }

    fn read(file: &str, bytes: &[u8], codes: Codes) -> Result<Rates, Vec<Fault>> {
        let mut table = Table::open(file, bytes)?;
        let mut faults = Vec::new();
        let mut at = |name: &str| {
            table.column(name).unwrap_or_else(|| {
                let fault = Fault { line: Some(1), ..Fault::in_file(file, format!("the table has no column {name}")) };
                faults.push(fault.help("the header is month,from,to,rate"));
                0
            })
        };
        let columns = [at("month"), at("from"), at("to"), at("rate")];
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut rates: BTreeMap<(Month, Currency, Currency), (Exact, usize)> = BTreeMap::new();
        while let Some(place) = table.advance(&mut faults) {
            let (key, rate) = match row(&table, &place, columns, codes) {
                Ok(row) => row,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            if let Some((_, row)) = rates.get(&key) {
                let message =
                    format!("a second rate from {} to {} for {}; the first is in row {row}", key.1, key.2, key.0);
                faults.push(place.fault(message).help("keep one: a month has one rate per pair"));
                continue;
            }
            rates.insert(key, (rate, place.row));
        }
        let rates = rates.into_iter().map(|(key, (rate, _))| (key, rate)).collect();
        if faults.is_empty() { Ok(Rates { rates }) } else { Err(faults) }
    }

    /// What another table adds, changes and removes, by month, from and to.
    pub fn changes(&self, next: &Rates) -> Vec<RateChange> {
        let keys: BTreeSet<&Key> = self.rates.keys().chain(next.rates.keys()).collect();
        let changes = keys.into_iter().map(|key| RateChange {
            month: key.0,
            from: key.1.clone(),
            to: key.2.clone(),
            before: self.rates.get(key).copied(),
            after: next.rates.get(key).copied(),
        });
        changes.filter(|change| change.before != change.after).collect()
    }

    /// The rate of a month; 1 from a currency to itself.
    ///
    /// # Errors
    /// [`MissingRate`]; nothing stands in for a rate that is not in the table.
    pub fn rate(&self, month: Month, from: &Currency, to: &Currency) -> Result<Exact, MissingRate> {
        if from == to {
            return Ok(Exact::from_whole(1));
        }
        let find = |month: Month, from: &Currency, to: &Currency| self.rates.get(&(month, from.clone(), to.clone()));
        if let Some(rate) = find(month, from, to) {
            return Ok(*rate);
        }
        let months: BTreeSet<Month> =
            self.rates.keys().filter(|(_, a, b)| a == from && b == to).map(|(month, _, _)| *month).collect();
        let other_month = months.range(..month).next_back().or_else(|| months.range(month..).next()).copied();
        let has_opposite = find(month, to, from).is_some();
        Err(MissingRate { month, from: from.clone(), to: to.clone(), has_opposite, other_month })
    }

    /// Converts an amount of a month.
    ///
    /// # Errors
    /// [`ConvertError`]: no rate, or a result out of range.
    pub fn convert(
        &self,
        amount: Exact,
        month: Month,
        from: &Currency,
        to: &Currency,
    ) -> Result<Converted, ConvertError> {
        let rate = self.rate(month, from, to)?;
        if from == to {
            return Ok(Converted { amount, exact: Wide::from(amount) });
        }
        let exact = Wide::product(amount, rate);
        let too_large = || ConvertError::TooLarge { month, from: from.clone(), to: to.clone(), rate };
        let amount = exact.rounded().ok_or_else(too_large)?;
        Ok(Converted { amount, exact })
    }

    /// The rates of one month, as a statement of a closed period keeps them.
    pub fn frozen(&self, month: Month) -> Rates {
        let rates = self.rates.iter().filter(|(key, _)| key.0 == month);
        Rates { rates: rates.map(|(key, rate)| (key.clone(), *rate)).collect() }
    }

    /// All rates, by month, from and to.
    pub fn iter(&self) -> impl Iterator<Item = (Month, &Currency, &Currency, Exact)> {
        self.rates.iter().map(|((month, from, to), rate)| (*month, from, to, *rate))
    }

    /// True without any rate.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }

    /// The table in its one canonical spelling: sorted rows, no zeros at the end of a rate.
    pub fn to_csv(&self) -> String {
        self.iter().fold("month,from,to,rate\n".to_owned(), |text, (month, from, to, rate)| {
            text + &format!("{month},{from},{to},{rate}\n")
        })
    }

    /// The digest of [`Rates::to_csv`]: equal rates have equal digests, however their file was written.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_csv().as_bytes())
    }
}

type Key = (Month, Currency, Currency);

/// Which codes of currencies a table may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Codes {
    /// Those of bills, and of tables that are in force.
    Any,
    /// Three capital letters.
    Iso,
}

fn row(
    table: &Table<'_>,
    place: &Place<'_>,
    [month, from, to, rate]: [usize; 4],
    codes: Codes,
) -> Result<(Key, Exact), Fault> {
    let month: Month = table.cell(month).parse().map_err(|error: String| place.cell_fault("month", error))?;
    let currency = |at: usize, column: &str| {
        let text = table.cell(at).trim();
        let iso = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        if codes == Codes::Iso && !iso {
            let message = format!("'{}' is no currency code of ISO 4217", text.escape_debug());
            return Err(place.cell_fault(column, message).help("write three capital letters, such as EUR"));
        }
        Currency::new(text).map_err(|error| place.cell_fault(column, error))
    };
    let (from, to) = (currency(from, "from")?, currency(to, "to")?);
    if from == to {
        return Err(place
            .cell_fault("to", format!("{from} to itself needs no rate"))
            .help("take the row out: an amount in its own currency stays as it is"));
    }
    let text = table.cell(rate);
    let refuse = |message: String| {
        place.cell_fault("rate", message).help(format!("write how many {to} one {from} is, such as 0.9123"))
    };
    let rate = Exact::parse(text.as_bytes(), WHOLE_DIGITS)
        .map_err(|error| refuse(format!("'{}' {error}", text.escape_debug())))?;
    if rate <= Exact::ZERO {
        return Err(refuse(format!("'{text}' is not above zero")));
    }
    if rate.fine() != 0 {
        return Err(refuse(format!("'{text}' has more than 18 decimals")));
    }
    Ok(((month, from, to), rate))
}

#[cfg(test)]
mod tests;
