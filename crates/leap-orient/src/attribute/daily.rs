//! The `daily` table: what each owner has, day by day; the cube folded to what pools, reorgs and reports by owner need.
//!
//! ```text
//! 2026-09-01 · payments · team-tag · – · USD → billed 12.40, effective 11.02, list 12.40, contracted 12.40 in 31 charges
//! ```
//! Made while a scope is attributed, read back by everything that asks by owner and day. It knows no key and no resource.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Builder, Int64Array, RecordBatch, StringArray, StringBuilder,
};
use arrow::datatypes::{Decimal128Type, Int64Type};
use hashbrown::HashMap;
use leap_terms::tables::{self, fine_column};
use leap_terms::{CostKind, Costs, Currency, Day, Exact, Owner, RuleId};

use super::Answers;
use super::columns::{AttributeError, CubeRows, Currencies, binary, days, digest, text};
use crate::proof::{Folded, OwnerTotals};

/// What a row of the table is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DailyKey {
    /// The charges' day.
    pub day: Day,
    /// Who owns them.
    pub owner: Owner,
    /// The rule that said so.
    pub rule: Option<RuleId>,
    /// `CommitmentDiscountId` of the charges.
    pub commitment: Option<String>,
    /// `CommitmentDiscountStatus` of the charges: `Used`, `Unused`.
    pub status: Option<String>,
    /// Their currency.
    pub currency: Currency,
}

/// The rows of one slice, or of several added up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Daily {
    rows: BTreeMap<DailyKey, Folded>,
}

impl Daily {
    /// Nothing.
    pub fn new() -> Daily {
        Daily::default()
    }

    /// Adds charges, or takes some away where they are negative. A row without charges vanishes, so that the charges alone
    /// decide the bytes, not the way that led to them.
    pub fn add(&mut self, key: DailyKey, folded: Folded) {
        match self.rows.entry(key) {
            Entry::Vacant(place) => {
                if folded != Folded::default() {
                    place.insert(folded);
                }
            }
            Entry::Occupied(mut place) => {
                *place.get_mut() += folded;
                if *place.get() == Folded::default() {
                    place.remove();
                }
            }
        }
    }

    /// Adds all rows of another.
    pub fn add_all(&mut self, other: &Daily) {
        for (key, folded) in &other.rows {
            self.add(key.clone(), *folded);
        }
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Refuses a table that is not that of so many charges, or has rows that no charges can have made: a file is missing, or one
    /// too many. (That a file of changes is missing, which adds up to nothing, only a comparison with the totals can tell.)
    ///
    /// # Errors
    /// What is wrong.
    pub fn whole(&self, charges: u64) -> Result<(), AttributeError> {
        if let Some((key, folded)) = self.rows.iter().find(|(_, folded)| folded.rows <= 0) {
            let what = format!("the daily table gives {} {} charges on {}", key.owner, folded.rows, key.day);
            return Err(AttributeError::BadValue(what));
        }
        let found: u64 = self.rows.values().map(|folded| folded.charges()).sum();
        if found == charges {
            return Ok(());
        }
        Err(AttributeError::BadValue(format!("the daily table has {found} of {charges} charges")))
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = (&DailyKey, &Folded)> {
        self.rows.iter()
    }

    /// Reads rows of the table.
    ///
    /// # Errors
    /// A column that is missing or of the wrong type, an owner or rule that is none.
    pub fn read(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        each(batch, |row| {
            let key = DailyKey {
                day: row.day,
                owner: row.owner.clone(),
                rule: row.rule.map(|rule| RuleId::new(rule).map_err(AttributeError::BadValue)).transpose()?,
                commitment: row.commitment.map(str::to_owned),
                status: row.status.map(str::to_owned),
                currency: row.currency.clone(),
            };
            self.add(key, row.folded);
            Ok(())
        })
    }

    /// Totals per owner, rule and currency.
    pub fn totals(&self) -> OwnerTotals {
        let mut totals = OwnerTotals::new();
        for (key, folded) in &self.rows {
            *totals.entry((key.owner.clone(), key.rule.clone(), key.currency.clone())).or_default() += *folded;
        }
        totals
    }

    /// The table's batch.
    pub fn batch(&self) -> RecordBatch {
        let mut owners = StringBuilder::new();
        let (mut rules, mut commitments, mut statuses) =
            (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let mut currencies = StringBuilder::new();
        let mut last: Option<(&Owner, String)> = None;
        for key in self.rows.keys() {
            match &last {
                Some((owner, shown)) if *owner == &key.owner => owners.append_value(shown),
                _ => {
                    let shown = key.owner.to_string();
                    owners.append_value(&shown);
                    last = Some((&key.owner, shown));
                }
            }
            rules.append_option(key.rule.as_ref().map(RuleId::as_str));
            commitments.append_option(key.commitment.as_deref());
            statuses.append_option(key.status.as_deref());
            currencies.append_value(key.currency.as_str());
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Date32Array::from_iter_values(self.rows.keys().map(|key| key.day.days()))),
            Arc::new(owners.finish()),
            Arc::new(rules.finish()),
            Arc::new(commitments.finish()),
            Arc::new(statuses.finish()),
            Arc::new(currencies.finish()),
        ];
        for kind in CostKind::ALL {
            let mut coarse = Decimal128Builder::new().with_data_type(tables::COARSE);
            let mut fine = Decimal128Builder::new().with_data_type(tables::FINE);
            for folded in self.rows.values() {
                let amount = folded.costs[kind];
                coarse.append_value(amount.coarse());
                fine.append_option((amount.fine() != 0).then(|| i128::from(amount.fine())));
            }
            columns.push(Arc::new(coarse.finish()));
            columns.push(Arc::new(fine.finish()));
        }
        columns.push(Arc::new(Int64Array::from_iter_values(self.rows.values().map(|folded| folded.rows))));
        RecordBatch::try_new(tables::daily(), columns).expect("the columns are those of the table")
    }
}

/// One row as it lies in a batch.
pub struct DailyRow<'b> {
    /// The charges' day.
    pub day: Day,
    /// Who owns them.
    pub owner: &'b Owner,
    /// The rule that said so.
    pub rule: Option<&'b str>,
    /// `CommitmentDiscountId`.
    pub commitment: Option<&'b str>,
    /// `CommitmentDiscountStatus`.
    pub status: Option<&'b str>,
    /// Currency.
    pub currency: &'b Currency,
    /// Costs and number of charges.
    pub folded: Folded,
}

/// Calls `act` for each row of a batch; costs whose columns were not read are zero.
///
/// # Errors
/// As [`Daily::read`], and what `act` returns.
pub fn each(
    batch: &RecordBatch,
    mut act: impl FnMut(DailyRow<'_>) -> Result<(), AttributeError>,
) -> Result<(), AttributeError> {
    let day = days(batch, tables::DAY)?;
    let (owners, currencies) = (text(batch, "owner")?, text(batch, "BillingCurrency")?);
    let optional = |name: &str| batch.column_by_name(name).map(|_| text(batch, name)).transpose();
    let rules = optional("rule")?;
    let (commitments, statuses) = (optional(tables::COMMITMENT)?, optional(tables::COMMITMENT_STATUS)?);
    let decimal =
        |name: &str| batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Decimal128Type>()).cloned();
    let costs = CostKind::ALL.map(|kind| {
        let fine = decimal(&fine_column(kind.column())).filter(|fine| fine.null_count() < fine.len());
        (kind, decimal(kind.column()), fine)
    });
    let missing = || AttributeError::MissingColumn(tables::ROWS.to_owned());
    let counts = batch.column_by_name(tables::ROWS).ok_or_else(missing)?;
    let counts = counts.as_primitive_opt::<Int64Type>().ok_or_else(missing)?;
    fn get(array: &Option<StringArray>, row: usize) -> Option<&str> {
        array.as_ref().filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }
    let mut owner: Option<(usize, Owner)> = None;
    let mut currency: Option<(usize, Currency)> = None;
    for row in 0..batch.num_rows() {
        // Rows are sorted: owners and currencies come in runs.
        if owner.as_ref().is_none_or(|(at, _)| owners.value(*at) != owners.value(row)) {
            owner = Some((row, owners.value(row).parse().map_err(AttributeError::BadValue)?));
        }
        if currency.as_ref().is_none_or(|(at, _)| currencies.value(*at) != currencies.value(row)) {
            currency = Some((row, Currency::new(currencies.value(row)).map_err(AttributeError::BadValue)?));
        }
        let (Some((_, owner)), Some((_, currency))) = (&owner, &currency) else { continue };
        let mut folded = Folded { costs: Costs::default(), rows: counts.value(row) };
        for (kind, coarse, fine) in &costs {
            if let Some(coarse) = coarse {
                let digits = fine.as_ref().filter(|fine| fine.is_valid(row)).map_or(0, |fine| fine.value(row));
                folded.costs[*kind] = Exact::from_parts(coarse.value(row), digits);
            }
        }
        act(DailyRow {
            day: Day::from_days(day.value(row)),
            owner,
            rule: get(&rules, row),
            commitment: get(&commitments, row),
            status: get(&statuses, row),
            currency,
            folded,
        })?;
    }
    Ok(())
}

/// Which commitment covers each key: what the daily table needs beside cube and answers.
#[derive(Default)]
pub struct Covered {
    keys: HashMap<u128, (Option<String>, Option<String>)>,
    currencies: Currencies,
}

impl Covered {
    /// Nothing yet.
    pub fn new() -> Covered {
        Covered::default()
    }

    /// Reads keys.
    ///
    /// # Errors
    /// A column of the wrong type.
    pub fn keys(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let keys = binary(batch, tables::KEY)?;
        let optional = |name: &str| batch.column_by_name(name).map(|_| text(batch, name)).transpose();
        let (commitments, statuses) = (optional(tables::COMMITMENT)?, optional(tables::COMMITMENT_STATUS)?);
        let get = |array: &Option<StringArray>, row: usize| {
            let array = array.as_ref().filter(|array| array.is_valid(row))?;
            Some(array.value(row)).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        for row in 0..batch.num_rows() {
            let covered = (get(&commitments, row), get(&statuses, row));
            if covered != (None, None) {
                self.keys.insert(digest(keys.value(row), tables::KEY)?, covered);
            }
        }
        Ok(())
    }

    /// Adds cells of the cube to their owners' days.
    ///
    /// # Errors
    /// A cell without an owner, a column of the wrong type: our bug or a damaged lake.
    pub fn cube(&mut self, answers: &Answers, batch: &RecordBatch, daily: &mut Daily) -> Result<(), AttributeError> {
        let rows = CubeRows::new(batch)?;
        for at in 0..rows.len() {
            let cell = rows.cell(at, &mut self.currencies)?;
            let resource = cell.resource.map(u128::to_be_bytes);
            let answer = answers
                .find(&cell.key.to_be_bytes(), resource.as_ref().map(<[u8; 16]>::as_slice), cell.day)
                .ok_or(AttributeError::UnknownKey(cell.key))?;
            let (commitment, status) = self.keys.get(&cell.key).cloned().unwrap_or_default();
            let key = DailyKey {
                day: cell.day,
                owner: answer.owner.clone(),
                rule: answer.rule.cloned(),
                commitment,
                status,
                currency: self.currencies.all[cell.currency].clone(),
            };
            daily.add(key, cell.folded);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(day: &str, owner: &str) -> DailyKey {
        DailyKey {
            day: day.parse().unwrap(),
            owner: owner.parse().unwrap(),
            rule: None,
            commitment: Some("sp-1".to_owned()),
            status: None,
            currency: Currency::new("USD").unwrap(),
        }
    }

    fn folded(amount: &str) -> Folded {
        Folded { costs: Costs { effective: amount.parse().unwrap(), ..Costs::default() }, rows: 1 }
    }

    #[test]
    fn what_is_written_is_read_back_to_the_last_digit() {
        let mut daily = Daily::new();
        daily.add(key("2026-09-02", "b"), folded("-0.000000000000000000000000000001"));
        daily.add(key("2026-09-01", "residual:no-rule"), folded("12.5"));
        daily.add(key("2026-09-01", "a"), folded("3"));
        let mut again = Daily::new();
        again.read(&daily.batch()).unwrap();
        assert_eq!(again, daily);
        assert_eq!(again.batch(), daily.batch());
        assert_eq!(again.totals().len(), 3);
    }

    #[test]
    fn what_goes_and_comes_back_leaves_no_trace() {
        let mut daily = Daily::new();
        daily.add(key("2026-09-01", "a"), folded("3"));
        let before = daily.clone();
        daily.add(key("2026-09-01", "a"), folded("0.5"));
        daily.add(key("2026-09-01", "a"), -folded("0.5"));
        assert_eq!(daily, before);
        daily.whole(1).unwrap();
        daily.add(key("2026-09-01", "a"), -folded("3"));
        assert_eq!(daily, Daily::new());
    }

    #[test]
    fn a_change_is_read_after_or_before_what_it_changes_but_not_alone() {
        let (mut base, mut change) = (Daily::new(), Daily::new());
        base.add(key("2026-09-01", "a"), folded("3"));
        change.add(key("2026-09-01", "a"), -folded("3"));
        change.add(key("2026-09-01", "b"), folded("3"));
        let mut expected = Daily::new();
        expected.add(key("2026-09-01", "b"), folded("3"));
        for order in [[&base, &change], [&change, &base]] {
            let mut read = Daily::new();
            order.iter().for_each(|part| read.read(&part.batch()).unwrap());
            assert_eq!(read, expected);
            read.whole(1).unwrap();
        }
        let refused = change.whole(0).unwrap_err().to_string();
        assert!(refused.contains("gives a -1 charges on 2026-09-01"), "{refused}");
        let refused = Daily::new().whole(1).unwrap_err().to_string();
        assert!(refused.contains("has 0 of 1 charges"), "{refused}");
    }
}
