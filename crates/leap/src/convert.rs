//! `--currency EUR`: a report's rows converted month by month, and what rounding them leaves.
//!
//! ```text
//! Σ rows + conversion difference = total        exactly
//! ```
//! Each month converts at its own rate: that of its statement where its billing period is closed, else the one in force.

use std::collections::{BTreeMap, BTreeSet};

use leap_orient::currency::{Conversion, ConvertError, ConvertedTotal, Rates};
use leap_orient::reading::spend::SpendRow;
use leap_terms::{Currency, Exact, Month, fault};

use crate::failure::Failure;
use crate::view::View;

/// A report in one currency.
pub(crate) struct Converted {
    /// Its rows, largest first.
    pub(crate) rows: Vec<SpendRow>,
    /// Their sum, the difference and the exact total.
    pub(crate) total: ConvertedTotal,
}

/// The rates by which a view converts.
pub(crate) struct Table {
    rates: Rates,
    /// Months whose rates are those of their statement.
    closed: BTreeSet<Month>,
}

impl Table {
    /// What is said of a conversion that fails.
    fn failure(&self, error: &ConvertError) -> Failure {
        match error {
            ConvertError::MissingRate(missing) if self.closed.contains(&missing.month) => Failure::usage(format!(
                "{} is closed, and its statement has no rate from {} to {}; apply the rate and publish a new statement: leap period restate {0}",
                missing.month, missing.from, missing.to
            )),
            error => Failure::usage(error.to_string()),
        }
    }
}

/// Collects them.
pub(crate) fn rates(view: &View) -> Result<Table, Failure> {
    let newest = crate::rates::in_force(view.head())?;
    let mut text = String::from("month,from,to,rate\n");
    let mut closed = BTreeMap::<Month, Rates>::new();
    for (month, layer) in view.closed() {
        closed.insert(month, crate::rates::in_force(&view.layer(layer).world)?.frozen(month));
    }
    let lines = newest.iter().filter(|(month, ..)| !closed.contains_key(month));
    let lines = lines.chain(closed.values().flat_map(Rates::iter));
    for (month, from, to, rate) in lines {
        text.push_str(&format!("{month},{from},{to},{rate}\n"));
    }
    let rates = Rates::parse("rates", text.as_bytes()).map_err(|faults| Failure::failed(fault::list(&faults)))?;
    Ok(Table { rates, closed: closed.into_keys().collect() })
}

/// Converts rows whose last value is their month.
pub(crate) fn converted(table: &Table, rows: Vec<SpendRow>, to: &Currency) -> Result<Converted, Failure> {
    let mut groups = BTreeMap::<Vec<Option<String>>, (Vec<(Month, Currency, Exact)>, u64)>::new();
    for mut row in rows {
        let month = row.values.pop().flatten().and_then(|text| text.parse::<Month>().ok());
        let month = month.ok_or_else(|| Failure::failed("a row of the report has no month"))?;
        let (amounts, count) = groups.entry(row.values).or_default();
        amounts.push((month, row.currency, row.amount));
        *count += row.rows;
    }
    let mut conversion = Conversion::new(&table.rates, to.clone());
    let mut rows = Vec::new();
    for (values, (amounts, count)) in groups {
        let amount = conversion
            .add(amounts.iter().map(|(month, currency, amount)| (*month, currency, *amount)))
            .map_err(|error| table.failure(&error))?;
        rows.push(SpendRow { values, currency: to.clone(), amount, rows: count });
    }
    rows.sort_by(|a, b| b.amount.cmp(&a.amount).then_with(|| a.values.cmp(&b.values)));
    let total = conversion.finish().map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Converted { rows, total })
}
