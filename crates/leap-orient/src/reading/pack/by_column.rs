//! A pack by owner, one column of its keys and day: what series of cost are made from.
//!
//! ```text
//! payments · Amazon EC2 · 2026-09-01 · USD   120.40
//! ```

use hashbrown::HashMap;
use leap_terms::{Currency, Day, Exact, Owner};

use super::Pack;

/// The cost of an owner, a value and a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ColumnDay<'p> {
    /// The owner.
    pub owner: &'p Owner,
    /// The column's value; none where the charges have none.
    pub value: Option<&'p str>,
    /// The currency.
    pub currency: &'p Currency,
    /// The day.
    pub day: Day,
    /// The cost, of the pack's kind.
    pub amount: Exact,
}

impl Pack {
    /// Calls `act` for each owner, value of a key column, currency and day, the days of one value one after the other;
    /// an owner of several rules comes once for each. A column that the keys have not has no values. Nothing sensible of
    /// a folded pack: it has no days. Charges with one value of another column are left out.
    pub fn by_column(&self, column: &str, left_out: Option<(&str, &str)>, mut act: impl FnMut(ColumnDay<'_>)) {
        let left_out = left_out.and_then(|(column, value)| {
            let coded = self.keys.columns.iter().find(|(name, _)| name == column).map(|(_, coded)| coded)?;
            Some((coded, coded.texts.iter().position(|text| text.as_deref() == Some(value))?))
        });
        let coded = self.keys.columns.iter().find(|(name, _)| name == column).map(|(_, coded)| coded);
        let mut places = HashMap::<(u32, u32), usize>::new();
        let mut order: Vec<(u32, u32)> = Vec::new();
        // By place, then by day.
        let mut sums: Vec<Exact> = Vec::new();
        let mut touched: Vec<bool> = Vec::new();
        let (mut start, mut fine) = (0, 0);
        for who in &self.whos {
            for at in start..who.end {
                let mut digits = 0;
                if let Some((cell, found)) = self.fine.get(fine)
                    && *cell as usize == at
                {
                    digits = *found;
                    fine += 1;
                }
                if left_out.is_some_and(|(coded, code)| coded.codes.get(self.key[at] as usize) as usize == code) {
                    continue;
                }
                let code = coded.map_or(0, |coded| coded.codes.get(self.key[at] as usize));
                let place = *places.entry((code, self.currency.get(at))).or_insert_with_key(|key| {
                    order.push(*key);
                    sums.resize(order.len() * self.span, Exact::ZERO);
                    touched.resize(order.len() * self.span, false);
                    order.len() - 1
                });
                let sum = place * self.span + self.day.get(at) as usize;
                sums[sum] += Exact::from_parts(self.coarse[at], i128::from(digits));
                touched[sum] = true;
            }
            start = who.end;
            for (place, (code, currency)) in order.iter().enumerate() {
                let value = coded.and_then(|coded| coded.texts[*code as usize].as_deref());
                for day in (0..self.span).filter(|day| touched[place * self.span + day]) {
                    act(ColumnDay {
                        owner: &who.owner,
                        value,
                        currency: &self.currencies[*currency as usize],
                        day: self.first_day.plus(day as i32),
                        amount: sums[place * self.span + day],
                    });
                }
            }
            places.clear();
            order.clear();
            sums.clear();
            touched.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use leap_terms::CostKind;

    use super::super::{Cell, NO_RESOURCE, Packer};

    #[test]
    fn cells_of_one_value_and_day_are_one_and_nothing_is_lost() {
        let mut packer = Packer::new(CostKind::Effective, &["ServiceName".to_owned()]);
        for service in [Some("EC2"), None, Some("EC2")] {
            packer.keys.insert(packer.keys.len() as u128, packer.keys.len() as u32);
            packer.columns[0].push(service);
        }
        packer.who = vec![("b".parse().unwrap(), None), ("a".parse().unwrap(), None)];
        packer.currencies.push(leap_terms::Currency::new("USD").unwrap());
        packer.evidence.number(None);
        // Owner, key, day, amount, and its last digits.
        for (who, key, day, coarse, fine) in
            [(0, 0, 5, 10, 0), (0, 2, 5, 20, 7), (0, 1, 5, 1, 0), (0, 0, 6, 2, 0), (1, 0, 5, 4, 0)]
        {
            let (resource, currency, evidence, rows) = (NO_RESOURCE, 0, 0, 1);
            packer.cells.push(Cell { who, resource, key, day, currency, evidence, rows, fine, coarse });
        }
        let pack = packer.finish();
        let shown = |column: &str, left_out: Option<(&str, &str)>| {
            let mut all = Vec::new();
            pack.by_column(column, left_out, |one| {
                let value = one.value.unwrap_or("-");
                let amount = (one.amount.coarse(), one.amount.fine());
                all.push(format!("{} {value} {} {amount:?}", one.owner, one.day.days()));
            });
            all
        };
        let by_service = shown("ServiceName", None);
        assert_eq!(by_service, ["a EC2 5 (4, 0)", "b EC2 5 (30, 7)", "b EC2 6 (2, 0)", "b - 5 (1, 0)"]);
        let without = shown("ServiceName", Some(("ServiceName", "EC2")));
        assert_eq!(without, ["b - 5 (1, 0)"]);
        assert_eq!(shown("ServiceName", Some(("ServiceName", "S3"))), by_service);
        assert_eq!(shown("RegionId", None), ["a - 5 (4, 0)", "b - 5 (31, 7)", "b - 6 (2, 0)"]);
    }
}
