//! Questions by owner and time, from days by owner: neither keys nor cells are read.

use leap_terms::{Currency, Day, Exact, ScopeKey};

use super::{Basis, Dimension, Shown, Spend};
use crate::org::Reader;
use crate::reading::days::{OwnerDays, Who};

/// Where days come from.
#[derive(Clone, Copy)]
pub enum DaysOf<'s> {
    /// Charges of a scope.
    Charges(&'s ScopeKey),
    /// Lines of the splits of a billing period's cost.
    Lines(leap_terms::Month),
}

/// A sum that is not put yet: days of one owner that go into one group stand together.
struct Pending {
    group: Vec<u32>,
    amount: Exact,
    rows: u64,
}

impl Spend<'_> {
    /// Adds days by owner. Only where [`Spend::is_of_owners`]; lines of pools always, whose dimensions of charges are null.
    pub fn days(&mut self, of: DaysOf<'_>, days: &OwnerDays, reader: &Reader<'_>) {
        let (period, basis, cost) = (self.query.period, self.query.basis, self.query.cost);
        let billing = match of {
            DaysOf::Charges(scope) => scope.billing_period,
            DaysOf::Lines(billing) => billing,
        };
        let (source, billing_text) = match of {
            DaysOf::Charges(scope) => (Some(scope.source.as_str()), billing.to_string()),
            DaysOf::Lines(_) => (None, billing.to_string()),
        };
        if basis == Basis::Invoiced && !period.contains(billing.first_day()) {
            return;
        }
        let source_number = self.texts.number(source);
        let billing_number = self.texts.number(Some(&billing_text));
        // Days and currencies are few: their numbers are looked up once.
        let mut times: Vec<(Day, u32, u32)> = Vec::new();
        let mut currencies: Vec<(Currency, u32)> = Vec::new();
        let mut pending = Pending { group: Vec::new(), amount: Exact::ZERO, rows: 0 };
        let mut group: Vec<u32> = Vec::new();
        let by_day = self.query.by.iter().any(|named| named.dimension == Dimension::Day);
        let epoch = |day: Day| reader.org().epoch(reader.day_of_tree(day));
        for (who, rows, months) in days.by_month() {
            // The tree in which the owner is shown, and what of the group follows from it; none where it is not asked for.
            let mut shown: Option<(usize, Option<Vec<u32>>)> = None;
            let rows = months.iter().flat_map(|month| {
                let whole = basis == Basis::Invoiced || (period.contains(month.first) && period.contains(month.last));
                match whole && !by_day && epoch(month.first) == epoch(month.last) {
                    true => month.sums.as_slice(),
                    false => &rows[month.days.clone()],
                }
            });
            for row in rows {
                if basis == Basis::Incurred && !period.contains(row.day) {
                    continue;
                }
                let epoch = epoch(row.day);
                if shown.as_ref().is_none_or(|(known, _)| *known != epoch) {
                    shown = Some((epoch, self.owner_part(who, source, row.day, reader)));
                }
                let Some((_, Some(part))) = &shown else { continue };
                let at = match times.binary_search_by_key(&row.day, |(day, _, _)| *day) {
                    Ok(at) => at,
                    Err(at) => {
                        let month = match basis {
                            Basis::Incurred => row.day.month(),
                            Basis::Invoiced => billing,
                        };
                        let day = self.texts.number(Some(&row.day.to_string()));
                        let month = self.texts.number(Some(&month.to_string()));
                        times.insert(at, (row.day, day, month));
                        at
                    }
                };
                let (_, day, month) = times[at];
                group.clear();
                for (named, number) in self.query.by.iter().zip(part) {
                    group.push(match named.dimension {
                        Dimension::Day => day,
                        Dimension::Month => month,
                        Dimension::BillingPeriod => billing_number,
                        Dimension::Source => source_number,
                        _ => *number,
                    });
                }
                let currency = days.currency(row);
                let number = currencies.iter().find(|(known, _)| known == currency).map(|(_, number)| *number);
                group.push(match number {
                    Some(number) => number,
                    None => {
                        let number = self.texts.number(Some(currency.as_str()));
                        currencies.push((currency.clone(), number));
                        number
                    }
                });
                if pending.group != group {
                    if !pending.group.is_empty() {
                        self.put(&pending.group, pending.amount, pending.rows);
                    }
                    pending.group.clone_from(&group);
                    (pending.amount, pending.rows) = (Exact::ZERO, 0);
                }
                pending.amount += row.costs[cost];
                pending.rows += row.rows;
            }
        }
        if !pending.group.is_empty() {
            self.put(&pending.group, pending.amount, pending.rows);
        }
    }

    /// What of a group follows from the owner, in the tree of a day; none where the question is not about it.
    fn owner_part(&mut self, who: &Who, source: Option<&str>, day: Day, reader: &Reader<'_>) -> Option<Vec<u32>> {
        let shown = Shown::new(reader, &who.owner, day);
        if !self.query.holds(&shown) {
            return None;
        }
        let rule = who.rule.as_ref().map(|rule| rule.as_str());
        if let Some(filter) = self.query.filter {
            let get = |name: &str| match name {
                "pool" => who.pool.clone(),
                "rule" => rule.map(str::to_owned),
                "source" => source.map(str::to_owned),
                name => shown.column(name).flatten(),
            };
            if !filter.matches(&get) {
                return None;
            }
        }
        let texts = &mut self.texts;
        let part = self.query.by.iter().map(|named| match &named.dimension {
            Dimension::Owner => texts.number(Some(&shown.owner())),
            Dimension::Path => texts.number(Some(&shown.path())),
            Dimension::Level(kind) => texts.number(shown.level(kind).as_deref()),
            Dimension::Pool => texts.number(who.pool.as_deref()),
            Dimension::Rule => texts.number(rule),
            // Of the day and of the scope; dimensions of charges are null for lines of pools.
            _ => texts.number(None),
        });
        Some(part.collect())
    }
}
