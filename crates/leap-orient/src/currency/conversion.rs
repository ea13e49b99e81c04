//! A report in one currency: rows rounded one by one, and the line that makes them add up to the total.
//!
//! ```text
//! payments               0.333333333333333333 EUR
//! search                 0.333333333333333333 EUR
//! conversion difference  0.000000000000000000666… EUR
//! total                  = the exact sums of each month, times the month's rate, to the last digit
//! ```
//! Only lines that are shown beside each other add up this way: a parent in a tree is converted from its own exact sum,
//! with a [`Conversion`] of its own for each level.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use leap_terms::{Currency, Exact, Month};

use super::{ConvertError, Rates, Wide};

/// Converts the rows of one report, for one kind of cost.
#[derive(Debug)]
pub struct Conversion<'a> {
    rates: &'a Rates,
    to: Currency,
    sums: BTreeMap<(Month, Currency), Wide>,
    rows: Wide,
}

/// What the rows of a report come to: `rows + difference = total`, exactly.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct ConvertedTotal {
    /// The currency of all three.
    pub currency: Currency,
    /// The sum of the rows as shown.
    pub rows: Wide,
    /// The line `conversion difference`: what rounding the rows took away (or, below zero, added).
    pub difference: Wide,
    /// Each month's exact sum times the month's rate, added up.
    pub total: Wide,
    /// The rates that were applied, by month and currency; none where nothing had to be converted.
    pub rates: Vec<(Month, Currency, Exact)>,
}

impl<'a> Conversion<'a> {
    /// An empty report in currency `to`.
    pub fn new(rates: &'a Rates, to: Currency) -> Conversion<'a> {
        Conversion { rates, to, sums: BTreeMap::new(), rows: Wide::default() }
    }

    /// Takes in a row, given as its amounts per month and currency, and returns it as it is to be shown: rounded once,
    /// half to even, to 18 decimals. An amount already in the report's currency keeps all its decimals, so a
    /// row without foreign amounts is shown as it is.
    ///
    /// # Errors
    /// [`ConvertError`]; the report is then as it was before.
    pub fn add<'b>(
        &mut self,
        amounts: impl IntoIterator<Item = (Month, &'b Currency, Exact)>,
    ) -> Result<Exact, ConvertError> {
        let amounts: Vec<(Month, &Currency, Exact)> = amounts.into_iter().collect();
        let mut own = Some(Exact::ZERO);
        let mut foreign = Wide::default();
        let mut last = None;
        for (month, from, amount) in &amounts {
            if **from == self.to {
                own = own.and_then(|sum| sum.checked_add(*amount));
            } else {
                foreign += &self.rates.convert(*amount, *month, from, &self.to)?.exact;
            }
            last = Some((*month, (*from).clone()));
        }
        let shown = own.and_then(|own| foreign.rounded()?.checked_add(own));
        let Some(shown) = shown else {
            let (month, from) = last.expect("an empty row is zero");
            let rate = self.rates.rate(month, &from, &self.to)?;
            return Err(ConvertError::TooLarge { month, from, to: self.to.clone(), rate });
        };
        for (month, from, amount) in amounts {
            *self.sums.entry((month, from.clone())).or_default() += &Wide::from(amount);
        }
        self.rows += &Wide::from(shown);
        Ok(shown)
    }

    /// Total and difference.
    ///
    /// # Errors
    /// [`ConvertError`] where the table of rates lacks a rate, which [`Conversion::add`] has then refused before.
    pub fn finish(self) -> Result<ConvertedTotal, ConvertError> {
        let mut total = Wide::default();
        let mut rates = Vec::new();
        for ((month, from), sum) in self.sums {
            let rate = self.rates.rate(month, &from, &self.to)?;
            total += &sum.times(rate);
            if from != self.to {
                rates.push((month, from, rate));
            }
        }
        let difference = total.clone() - self.rows.clone();
        Ok(ConvertedTotal { currency: self.to, rows: self.rows, difference, total, rates })
    }
}

/// Amounts in several currencies were to be added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MixedCurrencies {
    /// The currencies, sorted.
    pub currencies: Vec<Currency>,
}

impl fmt::Display for MixedCurrencies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<&str> = self.currencies.iter().map(Currency::as_str).collect();
        write!(
            out,
            "amounts in {} cannot be added; choose one currency with --currency {} and a table of rates, or show them \
             apart",
            codes.join(" and "),
            codes.first().copied().unwrap_or("USD")
        )
    }
}

impl std::error::Error for MixedCurrencies {}

/// The one currency that a sum is in: the one asked for, else the only one there is; `None` without amounts.
///
/// # Errors
/// [`MixedCurrencies`] where there are several and none was asked for.
pub fn sole_currency<'a>(
    currencies: impl IntoIterator<Item = &'a Currency>,
    wanted: Option<&Currency>,
) -> Result<Option<Currency>, MixedCurrencies> {
    if let Some(wanted) = wanted {
        return Ok(Some(wanted.clone()));
    }
    let currencies: BTreeSet<&Currency> = currencies.into_iter().collect();
    if currencies.len() > 1 {
        return Err(MixedCurrencies { currencies: currencies.into_iter().cloned().collect() });
    }
    Ok(currencies.first().map(|currency| (*currency).clone()))
}
