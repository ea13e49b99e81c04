//! What each owner has of some charges, day by day: the table `daily` without its commitments, and lines of pools in the
//! same form. Questions by owner and time are answered from this alone.
//!
//! ```text
//! payments · team-tag · –      2026-09-01 USD 12.40 in 31 charges · 2026-09-02 USD 12.90 in 33 charges …
//! payments · –        · kafka  2026-09-01 USD 28.67 …
//! ```

use arrow::array::RecordBatch;
use hashbrown::HashMap;
use leap_terms::{Costs, Currency, Day, Owner, RuleId};

use crate::attribute::daily::each;
use crate::attribute::{AttributeError, Daily};
use crate::pool::{Line, LineKind};
use crate::proof::Folded;

/// Whose days stand together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Who {
    /// The owner.
    pub owner: Owner,
    /// The rule that said so; none for lines of pools.
    pub rule: Option<RuleId>,
    /// The pool whose line it is; none for charges.
    pub pool: Option<String>,
    /// What the line says.
    pub line: Option<LineKind>,
}

/// One day of one owner in one currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DayRow {
    /// The day.
    pub day: Day,
    currency: u16,
    /// Costs.
    pub costs: Costs,
    /// Charges; 0 for lines of pools.
    pub rows: u64,
}

/// The days of one owner in one calendar month, added up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MonthRows {
    /// The first of them.
    pub(crate) first: Day,
    /// The last of them.
    pub(crate) last: Day,
    /// Where they stand among the owner's days.
    pub(crate) days: std::ops::Range<usize>,
    /// One row per currency, as of the first day.
    pub(crate) sums: Vec<DayRow>,
}

/// Days by owner.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnerDays {
    currencies: Vec<Currency>,
    all: Vec<(Who, Vec<DayRow>)>,
    /// Per owner: its months.
    months: Vec<Vec<MonthRows>>,
}

/// The months of days that ascend.
fn months(rows: &[DayRow]) -> Vec<MonthRows> {
    let mut months: Vec<MonthRows> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        match months.last_mut() {
            Some(month) if month.first.month() == row.day.month() => {
                (month.last, month.days.end) = (row.day, at + 1);
                match month.sums.iter_mut().find(|sum| sum.currency == row.currency) {
                    Some(sum) => {
                        sum.costs += row.costs;
                        sum.rows += row.rows;
                    }
                    None => month.sums.push(DayRow { day: month.first, ..*row }),
                }
            }
            _ => months.push(MonthRows { first: row.day, last: row.day, days: at..at + 1, sums: vec![*row] }),
        }
    }
    months
}

/// Adds up [`OwnerDays`].
#[derive(Default)]
pub struct DaysBuilder {
    whos: HashMap<Who, u32>,
    currencies: Vec<Currency>,
    sums: HashMap<(u32, Day, u16), Folded>,
    /// The rows of one owner and rule come together.
    last: Option<(Who, u32)>,
}

impl DaysBuilder {
    /// Nothing yet.
    pub fn new() -> DaysBuilder {
        DaysBuilder::default()
    }

    fn who(&mut self, owner: &Owner, rule: Option<&str>) -> Result<u32, AttributeError> {
        if let Some((who, number)) = &self.last
            && who.owner == *owner
            && who.rule.as_ref().map(RuleId::as_str) == rule
        {
            return Ok(*number);
        }
        let rule = rule.map(|rule| RuleId::new(rule).map_err(AttributeError::BadValue)).transpose()?;
        let who = Who { owner: owner.clone(), rule, pool: None, line: None };
        let number = self.number(who.clone());
        self.last = Some((who, number));
        Ok(number)
    }

    fn number(&mut self, who: Who) -> u32 {
        let next = u32::try_from(self.whos.len()).expect("fewer than 4 billion owners fit memory");
        *self.whos.entry(who).or_insert(next)
    }

    fn currency(&mut self, currency: &Currency) -> u16 {
        let at = self.currencies.iter().position(|known| known == currency).unwrap_or_else(|| {
            self.currencies.push(currency.clone());
            self.currencies.len() - 1
        });
        u16::try_from(at).expect("the world has fewer than 65,536 currencies")
    }

    /// Reads rows of the table `daily`, also such as take something away.
    ///
    /// # Errors
    /// A column that is missing or of the wrong type, an owner or rule that is none.
    pub fn read(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        each(batch, |row| {
            let (who, currency) = (self.who(row.owner, row.rule)?, self.currency(row.currency));
            *self.sums.entry((who, row.day, currency)).or_default() += row.folded;
            Ok(())
        })
    }

    /// Adds a daily table that was made without files.
    pub fn add(&mut self, daily: &Daily) {
        for (key, folded) in daily.rows() {
            let who = Who { owner: key.owner.clone(), rule: key.rule.clone(), pool: None, line: None };
            let (who, currency) = (self.number(who), self.currency(&key.currency));
            *self.sums.entry((who, key.day, currency)).or_default() += *folded;
        }
    }

    /// Adds lines of pools.
    pub fn lines(&mut self, lines: &[Line]) {
        for line in lines {
            let who =
                Who { owner: line.owner.clone(), rule: None, pool: Some(line.pool.clone()), line: Some(line.line) };
            let (who, currency) = (self.number(who), self.currency(&line.currency));
            *self.sums.entry((who, line.day, currency)).or_default() += Folded { costs: line.costs, rows: 0 };
        }
    }

    /// The days of so many charges.
    ///
    /// # Errors
    /// Days that no charges can have made, or other than so many: a file is missing, or one too many.
    pub fn whole(self, charges: u64) -> Result<OwnerDays, AttributeError> {
        let days = self.finish();
        let mut found = 0;
        for (who, rows) in &days.all {
            // A number below zero stands above half of the range.
            if let Some(row) = rows.iter().find(|row| row.rows == 0 || row.rows > u64::MAX / 2) {
                let what = format!("the daily table gives {} {} charges on {}", who.owner, row.rows as i64, row.day);
                return Err(AttributeError::BadValue(what));
            }
            found += rows.iter().map(|row| row.rows).sum::<u64>();
        }
        if found == charges {
            return Ok(days);
        }
        Err(AttributeError::BadValue(format!("the daily table has {found} of {charges} charges")))
    }

    /// What was added. Days of charges that add up to nothing vanish, so that what was taken back leaves no trace.
    pub fn finish(self) -> OwnerDays {
        let mut all: Vec<(Who, Vec<DayRow>)> = Vec::with_capacity(self.whos.len());
        let mut order: Vec<(Who, u32)> = self.whos.into_iter().collect();
        order.sort();
        let mut places = vec![0; order.len()];
        for (at, (who, number)) in order.into_iter().enumerate() {
            places[number as usize] = at;
            all.push((who, Vec::new()));
        }
        for ((who, day, currency), folded) in self.sums {
            let place = places[who as usize];
            if folded != Folded::default() || all[place].0.pool.is_some() {
                let row = DayRow { day, currency, costs: folded.costs, rows: folded.rows as u64 };
                all[place].1.push(row);
            }
        }
        all.retain(|(_, rows)| !rows.is_empty());
        for (_, rows) in &mut all {
            rows.sort_unstable_by_key(|row| (row.day, row.currency));
            rows.shrink_to_fit();
        }
        let months = all.iter().map(|(_, rows)| months(rows)).collect();
        OwnerDays { currencies: self.currencies, all, months }
    }
}

impl OwnerDays {
    /// Owners in order, each with its days, ascending.
    pub fn all(&self) -> impl Iterator<Item = (&Who, &[DayRow])> {
        self.all.iter().map(|(who, rows)| (who, rows.as_slice()))
    }

    /// Owners in order, each with its days and their months.
    pub(crate) fn by_month(&self) -> impl Iterator<Item = (&Who, &[DayRow], &[MonthRows])> {
        self.all.iter().zip(&self.months).map(|((who, rows), months)| (who, rows.as_slice(), months.as_slice()))
    }

    /// The currency of a row.
    pub fn currency(&self, row: &DayRow) -> &Currency {
        &self.currencies[usize::from(row.currency)]
    }

    /// Memory that it takes, in bytes, about.
    pub fn bytes(&self) -> usize {
        let rows: usize = self.all.iter().map(|(_, rows)| rows.capacity()).sum();
        let months: usize = self.months.iter().map(Vec::len).sum();
        rows * size_of::<DayRow>()
            + months * size_of::<(MonthRows, DayRow)>()
            + self.all.len() * (size_of::<(Who, Vec<DayRow>)>() + 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::daily::DailyKey;

    fn key(day: &str, owner: &str, commitment: &str) -> DailyKey {
        DailyKey {
            day: day.parse().unwrap(),
            owner: owner.parse().unwrap(),
            rule: None,
            commitment: Some(commitment.to_owned()),
            status: None,
            currency: Currency::new("USD").unwrap(),
        }
    }

    fn folded(amount: &str) -> Folded {
        Folded { costs: Costs { effective: amount.parse().unwrap(), ..Costs::default() }, rows: 1 }
    }

    #[test]
    fn commitments_of_a_day_are_one_row_and_nothing_is_lost() {
        let mut daily = Daily::new();
        daily.add(key("2026-09-02", "a", "sp-1"), folded("1.5"));
        daily.add(key("2026-09-02", "a", "sp-2"), folded("-0.000000000000000000000000000001"));
        daily.add(key("2026-09-01", "residual:no-rule", "sp-1"), folded("3"));
        let (mut read, mut added) = (DaysBuilder::new(), DaysBuilder::new());
        read.read(&daily.batch()).unwrap();
        added.add(&daily);
        let days = read.whole(3).unwrap();
        assert_eq!(days, added.finish());
        let shown: Vec<(String, usize)> = days.all().map(|(who, rows)| (who.owner.to_string(), rows.len())).collect();
        assert_eq!(shown, [("a".to_owned(), 1), ("residual:no-rule".to_owned(), 1)]);
        let row = days.all().next().unwrap().1[0];
        assert_eq!((row.costs.effective.to_string().as_str(), row.rows), ("1.499999999999999999999999999999", 2));
        assert_eq!(days.currency(&row).as_str(), "USD");
    }

    #[test]
    fn a_change_without_its_base_is_refused_and_so_is_a_missing_file() {
        let mut change = Daily::new();
        change.add(key("2026-09-01", "a", "x"), -folded("3"));
        change.add(key("2026-09-01", "b", "x"), folded("3"));
        let mut read = DaysBuilder::new();
        read.read(&change.batch()).unwrap();
        let refused = read.whole(0).unwrap_err().to_string();
        assert!(refused.contains("gives a -1 charges on 2026-09-01"), "{refused}");
        let refused = DaysBuilder::new().whole(1).unwrap_err().to_string();
        assert!(refused.contains("has 0 of 1 charges"), "{refused}");
    }
}
