//! The money that a change of org or rules moves, before it is applied: from which place in the tree to which, per month.
//!
//! ```text
//! 2026-07   acme/consumer/payments → acme/platform/payments   USD 12,400.00 in 310 charges
//! ```
//! A charge stands at the path of its owner on its day. Each move takes from one path and gives to another, so all moves
//! of a month add up to zero. Reads the `daily` table alone.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Int32Type, Int64Type};
use hashbrown::HashMap;
use leap_terms::tables::{self, fine_column};
use leap_terms::{CostKind, Currency, Day, Exact, Money, Month, Owner};

use crate::attribute::AttributeError;
use crate::org::Org;
use crate::proof::Folded;

/// One move.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// Month of the charges' days.
    pub month: Month,
    /// Path before.
    pub from: String,
    /// Path after.
    pub to: String,
    /// Currency.
    pub currency: Currency,
    /// Effective cost.
    pub amount: Money,
    /// Charges.
    pub rows: u64,
}

/// Adds up what moves between two orgs.
pub struct Moves<'o> {
    old: &'o Org,
    new: &'o Org,
    from: Day,
    /// First days of the spans of time in which both trees stay as they are.
    steps: Vec<Day>,
    owners: HashMap<String, u32>,
    /// Per owner, per span of time: the pair of paths, once known.
    pairs: Vec<Vec<Option<u32>>>,
    names: Vec<Owner>,
    paths: Vec<(String, String)>,
    path_numbers: HashMap<(String, String), u32>,
    currencies: Vec<Currency>,
    sums: HashMap<(Month, u32, usize), (Exact, i64)>,
    all: HashMap<(Month, usize), Exact>,
}

/// A column of texts: each text has a code, and where it is a dictionary equal texts have equal codes.
enum Texts<'b> {
    Plain(&'b StringArray),
    Coded(&'b Int32Array, &'b StringArray),
}

impl<'b> Texts<'b> {
    fn of(array: &'b ArrayRef) -> Option<Texts<'b>> {
        match array.as_dictionary_opt::<Int32Type>() {
            Some(coded) => Some(Texts::Coded(coded.keys(), coded.values().as_string_opt()?)),
            None => array.as_string_opt().map(Texts::Plain),
        }
    }

    fn distinct(&self) -> usize {
        match self {
            Texts::Plain(texts) | Texts::Coded(_, texts) => texts.len(),
        }
    }

    /// The code of a row's text; `None` where the row has none.
    fn code(&self, row: usize) -> Option<usize> {
        match self {
            Texts::Plain(texts) => texts.is_valid(row).then_some(row),
            Texts::Coded(codes, texts) => {
                let code = codes.is_valid(row).then(|| usize::try_from(codes.value(row)).ok()).flatten()?;
                (code < texts.len()).then_some(code)
            }
        }
    }

    fn text(&self, code: usize) -> &'b str {
        match self {
            Texts::Plain(texts) | Texts::Coded(_, texts) => texts.value(code),
        }
    }
}

/// The path of an owner on a day, as it was: `acme/consumer/payments`; a residual stands alone.
pub fn path(org: &Org, owner: &Owner, day: Day) -> String {
    match owner {
        Owner::Residual(_) => owner.to_string(),
        Owner::Team(team) => {
            let place = org.place(team, day);
            let units: Vec<&str> = place.path.iter().map(leap_terms::TeamId::as_str).collect();
            units.join("/")
        }
    }
}

impl<'o> Moves<'o> {
    /// Starts with two orgs that are the same before a day.
    pub fn new(old: &'o Org, new: &'o Org, from: Day) -> Moves<'o> {
        let mut steps: Vec<Day> = old.steps().iter().chain(new.steps()).copied().filter(|day| *day > from).collect();
        steps.push(from);
        steps.sort_unstable();
        steps.dedup();
        Moves {
            old,
            new,
            from,
            steps,
            owners: HashMap::new(),
            pairs: Vec::new(),
            names: Vec::new(),
            paths: Vec::new(),
            path_numbers: HashMap::new(),
            currencies: Vec::new(),
            sums: HashMap::new(),
            all: HashMap::new(),
        }
    }

    /// The columns of `daily` that it reads.
    pub fn columns() -> Vec<String> {
        let cost = CostKind::Effective.column();
        [tables::DAY, "owner", "BillingCurrency", cost, &fine_column(cost), tables::ROWS].map(str::to_owned).to_vec()
    }

    fn owner(&mut self, text: &str) -> Result<u32, AttributeError> {
        if let Some(number) = self.owners.get(text) {
            return Ok(*number);
        }
        let number = u32::try_from(self.names.len()).expect("fewer than 2^32 owners");
        self.names.push(text.parse().map_err(AttributeError::BadValue)?);
        self.pairs.push(vec![None; self.steps.len()]);
        self.owners.insert(text.to_owned(), number);
        Ok(number)
    }

    fn currency(&mut self, text: &str) -> Result<usize, AttributeError> {
        if let Some(number) = self.currencies.iter().position(|known| known.as_str() == text) {
            return Ok(number);
        }
        self.currencies.push(Currency::new(text).map_err(AttributeError::BadValue)?);
        Ok(self.currencies.len() - 1)
    }

    fn named(&mut self, from: String, to: String) -> u32 {
        let next = u32::try_from(self.paths.len()).expect("fewer than 2^32 pairs of paths");
        let pair = (from, to);
        if let Some(number) = self.path_numbers.get(&pair) {
            return *number;
        }
        self.paths.push(pair.clone());
        self.path_numbers.insert(pair, next);
        next
    }

    /// The number of the pair of paths of an owner whom both orgs and rules agree on.
    fn pair(&mut self, owner: u32, day: Day) -> u32 {
        let step = self.steps.partition_point(|start| *start <= day) - 1;
        if let Some(pair) = self.pairs[owner as usize][step] {
            return pair;
        }
        let name = self.names[owner as usize].clone();
        let pair = self.named(path(self.old, &name, day), path(self.new, &name, day));
        self.pairs[owner as usize][step] = Some(pair);
        pair
    }

    /// Adds rows of `daily`, of days on or after the first that matters; texts may be dictionaries of texts. Returns how many
    /// charges all rows of the batch speak of, for the reader to compare with those that the table should have.
    ///
    /// # Errors
    /// A column that is missing or of the wrong type.
    pub fn daily(&mut self, batch: &RecordBatch) -> Result<i64, AttributeError> {
        let missing = |name: &str| AttributeError::MissingColumn(name.to_owned());
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
        let cost = CostKind::Effective.column();
        let days = column(tables::DAY)?.as_primitive_opt::<Date32Type>().ok_or_else(|| missing(tables::DAY))?;
        let owners = Texts::of(column("owner")?).ok_or_else(|| missing("owner"))?;
        let currencies = Texts::of(column("BillingCurrency")?).ok_or_else(|| missing("BillingCurrency"))?;
        let coarse = column(cost)?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| missing(cost))?;
        let fine = column(&fine_column(cost))?.as_primitive_opt::<Decimal128Type>();
        let fine = fine.filter(|fine| fine.null_count() < fine.len());
        let counts = column(tables::ROWS)?.as_primitive_opt::<Int64Type>().ok_or_else(|| missing(tables::ROWS))?;
        // The numbers of each text, once it was met.
        let mut owner_numbers: Vec<Option<u32>> = vec![None; owners.distinct()];
        let mut currency_numbers: Vec<Option<usize>> = vec![None; currencies.distinct()];
        let mut month: Option<(Day, Month)> = None;
        let mut running: Option<((Month, usize), Exact)> = None;
        for row in 0..batch.num_rows() {
            let day = Day::from_days(days.value(row));
            if day < self.from {
                continue;
            }
            let month = match month {
                Some((known, month)) if known == day => month,
                _ => month.insert((day, day.month())).1,
            };
            let known = currencies.code(row).ok_or_else(|| missing("BillingCurrency"))?;
            let currency = match currency_numbers[known] {
                Some(number) => number,
                None => *currency_numbers[known].insert(self.currency(currencies.text(known))?),
            };
            let known = owners.code(row).ok_or_else(|| missing("owner"))?;
            let owner = match owner_numbers[known] {
                Some(number) => number,
                None => *owner_numbers[known].insert(self.owner(owners.text(known))?),
            };
            let pair = self.pair(owner, day);
            let digits = fine.filter(|fine| fine.is_valid(row)).map_or(0, |fine| fine.value(row));
            let amount = Exact::from_parts(coarse.value(row), digits);
            // Rows are sorted by day, so sums of a month come in runs.
            match &mut running {
                Some((known, sum)) if *known == (month, currency) => *sum += amount,
                _ => {
                    if let Some((known, sum)) = running.replace(((month, currency), amount)) {
                        *self.all.entry(known).or_default() += sum;
                    }
                }
            }
            let (from, to) = &self.paths[pair as usize];
            if from != to {
                let sum = self.sums.entry((month, pair, currency)).or_default();
                sum.0 += amount;
                sum.1 += counts.value(row);
            }
        }
        if let Some((known, sum)) = running {
            *self.all.entry(known).or_default() += sum;
        }
        Ok(counts.iter().flatten().sum())
    }

    /// Adds what another one has added up, between the same orgs.
    ///
    /// # Errors
    /// None that a checked currency could cause.
    pub fn merge(&mut self, other: Moves<'_>) -> Result<(), AttributeError> {
        for ((month, pair, currency), (amount, rows)) in &other.sums {
            let (from, to) = other.paths[*pair as usize].clone();
            let currency = self.currency(other.currencies[*currency].as_str())?;
            let pair = self.named(from, to);
            let sum = self.sums.entry((*month, pair, currency)).or_default();
            sum.0 += *amount;
            sum.1 += rows;
        }
        for ((month, currency), amount) in &other.all {
            let currency = self.currency(other.currencies[*currency].as_str())?;
            *self.all.entry((*month, currency)).or_default() += *amount;
        }
        Ok(())
    }

    /// Corrects what [`Moves::daily`] took for unchanged: cost whose answer itself changes, from one owner to another.
    ///
    /// # Errors
    /// None that a checked currency could cause.
    pub fn changed(
        &mut self,
        day: Day,
        before: &Owner,
        after: &Owner,
        currency: &Currency,
        folded: Folded,
    ) -> Result<(), AttributeError> {
        // Before the first day that matters both trees are one, but a new name can speak of these days too.
        let (currency, month) = (self.currency(currency.as_str())?, day.month());
        let stayed = match day < self.from {
            true => self.named(String::new(), String::new()),
            false => self.named(path(self.old, before, day), path(self.new, before, day)),
        };
        let moved = self.named(path(self.old, before, day), path(self.new, after, day));
        let amount = folded.costs.effective;
        if self.paths[stayed as usize].0 != self.paths[stayed as usize].1 {
            let sum = self.sums.entry((month, stayed, currency)).or_default();
            sum.0 += -amount;
            sum.1 -= folded.rows;
        }
        if self.paths[moved as usize].0 != self.paths[moved as usize].1 {
            let sum = self.sums.entry((month, moved, currency)).or_default();
            sum.0 += amount;
            sum.1 += folded.rows;
        }
        Ok(())
    }

    /// The moves, by month, then largest first.
    pub fn finish(&self) -> Vec<Move> {
        let mut moves: Vec<Move> = self
            .sums
            .iter()
            .filter(|(_, (amount, rows))| !amount.is_zero() || *rows > 0)
            .map(|((month, pair, currency), (amount, rows))| {
                let (from, to) = self.paths[*pair as usize].clone();
                let currency = self.currencies[*currency].clone();
                Move { month: *month, from, to, currency, amount: *amount, rows: rows.unsigned_abs() }
            })
            .collect();
        moves.sort_by(|a, b| {
            (a.month, b.amount.abs(), &a.from, &a.to, &a.currency).cmp(&(
                b.month,
                a.amount.abs(),
                &b.from,
                &b.to,
                &b.currency,
            ))
        });
        moves
    }

    /// All cost on or after the first day that matters, per currency.
    pub fn total(&self) -> BTreeMap<Currency, Money> {
        let mut total = BTreeMap::new();
        for ((_, currency), amount) in &self.all {
            *total.entry(self.currencies[*currency].clone()).or_default() += *amount;
        }
        total
    }
}

/// What each path gains (or loses) over all months. The sum over all paths is zero per currency.
pub fn net(moves: &[Move]) -> BTreeMap<(String, Currency), Money> {
    let mut net = BTreeMap::<(String, Currency), Money>::new();
    for one in moves {
        *net.entry((one.from.clone(), one.currency.clone())).or_default() -= one.amount;
        *net.entry((one.to.clone(), one.currency.clone())).or_default() += one.amount;
    }
    net.retain(|_, amount| !amount.is_zero());
    net
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::*;
    use crate::attribute::Daily;
    use crate::attribute::daily::DailyKey;
    use leap_terms::Costs;

    #[test]
    fn a_moved_team_takes_its_cost_from_the_day_on_and_all_moves_add_up_to_zero() {
        let old = Org::from_yaml(
            "o",
            "units: [{id: acme}, {id: x, parent: acme}, {id: y, parent: acme}, {id: t, parent: x}, {id: u, parent: x}]",
        )
        .unwrap();
        let reorg: crate::org::Reorg =
            serde_json::from_str(r#"{"effective": "2026-07-10", "operations": [{"move": {"unit": "t", "to": "y"}}]}"#)
                .unwrap();
        let new = old.with(&reorg).unwrap();
        let usd = Currency::new("USD").unwrap();
        let mut daily = Daily::new();
        for (day, owner, amount) in
            [("2026-07-09", "t", "1"), ("2026-07-10", "t", "2"), ("2026-08-01", "t", "4"), ("2026-08-01", "u", "8")]
        {
            let key = DailyKey {
                day: day.parse().unwrap(),
                owner: owner.parse().unwrap(),
                rule: None,
                commitment: None,
                status: None,
                currency: usd.clone(),
            };
            let costs = Costs { effective: amount.parse().unwrap(), ..Costs::default() };
            daily.add(key, Folded { costs, rows: 1 });
        }
        let mut moves = Moves::new(&old, &new, reorg.effective);
        moves.daily(&daily.batch()).unwrap();
        // The same with texts as dictionaries, as the lake hands them out.
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let columns = Moves::columns().into_iter().map(|name| {
            let array = daily.batch().column_by_name(&name).unwrap().clone();
            let text = array.data_type() == &DataType::Utf8;
            let array = if text { arrow::compute::cast(&array, &coded).unwrap() } else { array };
            (name, array, true)
        });
        let columns = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut of_codes = Moves::new(&old, &new, reorg.effective);
        assert_eq!(of_codes.daily(&columns).unwrap(), 4);
        assert_eq!((of_codes.finish(), of_codes.total()), (moves.finish(), moves.total()));
        let folded = Folded { costs: Costs { effective: "1.5".parse().unwrap(), ..Costs::default() }, rows: 0 };
        let day = "2026-08-01".parse().unwrap();
        moves.changed(day, &"u".parse().unwrap(), &"t".parse().unwrap(), &usd, folded).unwrap();
        let list = moves.finish();
        let shown: Vec<String> =
            list.iter().map(|one| format!("{} {} > {} {}", one.month, one.from, one.to, one.amount)).collect();
        assert_eq!(
            shown,
            ["2026-07 acme/x/t > acme/y/t 2", "2026-08 acme/x/t > acme/y/t 4", "2026-08 acme/x/u > acme/y/t 1.5"]
        );
        let net = net(&list);
        assert_eq!(net[&("acme/y/t".to_owned(), usd.clone())], "7.5".parse().unwrap());
        assert!(net.values().copied().sum::<Money>().is_zero());
        assert_eq!(moves.total()[&usd], "14".parse().unwrap());
    }
}
