//! Spend by any dimensions, from the cube: one pass over keys and cells, no charge is touched.
//!
//! ```text
//! leap spend --by team,service --period 2026-09 --cost effective
//! ```
//! The sum over the rows of an answer is the sum over the charges that it covers, exactly, whatever the dimensions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};
use leap_terms::tables::{self, fine_column};
use leap_terms::{CostKind, Currency, Day, Exact, Money, Month, Owner, Period, Reach, ScopeKey, TeamId};

use super::dimension::{Dimension, Named};
use super::tags::tag;
use crate::attribute::Answers;
use crate::org::{Place, Reader};
use crate::pool::Line;

mod by_day;
mod by_pack;

pub use by_day::DaysOf;

/// By which clock of the bill a period is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// By the day on which the charge period starts.
    Incurred,
    /// By the billing period's month.
    Invoiced,
}

impl Basis {
    /// True when a cell of this day and billing period lies in the period.
    pub fn covers(self, period: Period, day: Day, scope: &ScopeKey) -> bool {
        match self {
            Basis::Incurred => period.contains(day),
            Basis::Invoiced => period.contains(scope.billing_period.first_day()),
        }
    }

    /// True when a scope with charges from `first` to `last` can have a cell in the period.
    pub fn may_cover(self, period: Period, scope: &ScopeKey, first: Day, last: Day) -> bool {
        match self {
            Basis::Incurred => first < period.until() && period.from() <= last,
            Basis::Invoiced => period.contains(scope.billing_period.first_day()),
        }
    }
}

/// Decides whether a charge is in the answer, from named columns: FOCUS columns of key and resource, `x_…` key
/// columns, `Tags`, `AllocatedTags`, and `team`, `rule`, `source`, `pool`, `level:<kind>`.
pub trait RowFilter {
    /// The columns that it reads.
    fn columns(&self) -> Vec<String>;
    /// What must be so of every charge that is in: each column has one of these values. Others may be out nevertheless.
    fn needs(&self) -> Vec<(String, Vec<String>)> {
        Vec::new()
    }
    /// True when the charge is in; `get` gives a column's value, `None` for null.
    fn matches(&self, get: &dyn Fn(&str) -> Option<String>) -> bool;
}

/// A question about spend.
pub struct SpendQuery<'q> {
    /// Dimensions, in order.
    pub by: &'q [Named],
    /// The period.
    pub period: Period,
    /// How the period is read.
    pub basis: Basis,
    /// Which cost.
    pub cost: CostKind,
    /// Which charges.
    pub filter: Option<&'q dyn RowFilter>,
    /// Only what stands at this unit or below it.
    pub under: Option<&'q TeamId>,
    /// Only what the person who asks sees.
    pub reach: &'q Reach,
}

impl SpendQuery<'_> {
    /// True when what stands there is asked for, and seen.
    fn holds(&self, shown: &Shown<'_>) -> bool {
        self.under.is_none_or(|unit| shown.is_under(unit)) && shown.is_seen(self.reach)
    }
}

/// One row of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpendRow {
    /// One value per dimension; `None` where the charge has none.
    pub values: Vec<Option<String>>,
    /// Currency.
    pub currency: Currency,
    /// The cost.
    pub amount: Money,
    /// Charges.
    pub rows: u64,
}

/// Texts by number.
#[derive(Default)]
struct Texts {
    numbers: HashMap<Option<String>, u32>,
    texts: Vec<Option<String>>,
}

impl Texts {
    fn number(&mut self, text: Option<&str>) -> u32 {
        // The map owns its keys; a repeated text is looked up without a copy only when it is absent or null.
        let key = text.map(str::to_owned);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).expect("fewer than 4 billion distinct texts fit memory");
        self.texts.push(key.clone());
        self.numbers.insert(key, number);
        number
    }
}

/// Adds up cells of many scopes.
pub struct Spend<'q> {
    query: SpendQuery<'q>,
    texts: Texts,
    sums: HashMap<Box<[u32]>, (Exact, u64)>,
}

/// What one scope's keys and resources say, while its cube is read.
pub struct SpendScope {
    scope: ScopeKey,
    keys: HashMap<Vec<u8>, usize>,
    /// Per key: one number per dimension (0 where the dimension is not the key's).
    values: Vec<Vec<u32>>,
    key_columns: Vec<(String, Vec<Option<String>>)>,
    resources: HashMap<Vec<u8>, (Option<String>, Option<String>)>,
}

impl<'q> Spend<'q> {
    /// Starts with nothing.
    pub fn new(query: SpendQuery<'q>) -> Spend<'q> {
        Spend { query, texts: Texts::default(), sums: HashMap::new() }
    }

    /// The key columns that the answer needs: scan `keys` with these (and `key`).
    pub fn key_columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for named in self.query.by {
            match &named.dimension {
                Dimension::Key(column) => columns.push(column.clone()),
                Dimension::Tag(_) => columns.extend(["AllocatedTags".to_owned(), "Tags".to_owned()]),
                Dimension::Owner
                | Dimension::Rule
                | Dimension::Source
                | Dimension::Month
                | Dimension::Day
                | Dimension::BillingPeriod
                | Dimension::Level(_)
                | Dimension::Path
                | Dimension::Pool
                | Dimension::Resource(_)
                | Dimension::Charge(_) => {}
            }
        }
        if let Some(filter) = self.query.filter {
            columns.extend(filter.columns().into_iter().filter(|column| !not_key(column)));
        }
        columns.sort();
        columns.dedup();
        columns
    }

    /// True when owners and days decide the answer, so that [`Spend::days`] can give it.
    pub fn is_of_owners(&self) -> bool {
        let by_owner = |named: &Named| match &named.dimension {
            Dimension::Owner
            | Dimension::Rule
            | Dimension::Source
            | Dimension::Month
            | Dimension::Day
            | Dimension::BillingPeriod
            | Dimension::Level(_)
            | Dimension::Path
            | Dimension::Pool => true,
            Dimension::Key(_) | Dimension::Tag(_) | Dimension::Resource(_) | Dimension::Charge(_) => false,
        };
        let filtered =
            |filter: &dyn RowFilter| filter.columns().iter().all(|column| not_key(column) && !is_resource(column));
        self.query.by.iter().all(by_owner) && self.query.filter.is_none_or(filtered)
    }

    /// True when the answer needs the `resources` table.
    pub fn needs_resources(&self) -> bool {
        let filtered =
            self.query.filter.is_some_and(|filter| filter.columns().iter().any(|column| is_resource(column)));
        filtered || self.query.by.iter().any(|named| matches!(named.dimension, Dimension::Resource(_)))
    }

    /// The cube's columns that the answer needs.
    pub fn cube_columns(&self) -> Vec<String> {
        let cost = self.query.cost.column();
        [tables::DAY, tables::KEY, tables::RESOURCE, "BillingCurrency", cost, &fine_column(cost), tables::ROWS]
            .map(str::to_owned)
            .to_vec()
    }

    /// Starts one scope.
    pub fn scope(&self, scope: &ScopeKey) -> SpendScope {
        SpendScope {
            scope: scope.clone(),
            keys: HashMap::new(),
            values: Vec::new(),
            key_columns: if self.query.filter.is_some() {
                self.key_columns().into_iter().map(|column| (column, Vec::new())).collect()
            } else {
                Vec::new()
            },
            resources: HashMap::new(),
        }
    }

    /// Reads keys.
    pub fn keys(&mut self, scope: &mut SpendScope, batch: &RecordBatch) {
        let digests = binary(batch, tables::KEY);
        let column = |name: &str| batch.column_by_name(name).map(ArrayRef::as_ref).and_then(as_text);
        let columns: Vec<_> = self
            .query
            .by
            .iter()
            .map(|named| match &named.dimension {
                Dimension::Key(name) => (column(name), None),
                Dimension::Tag(_) => (column("AllocatedTags"), column("Tags")),
                _ => (None, None),
            })
            .collect();
        let null = self.texts.number(None);
        for row in 0..batch.num_rows() {
            let values = self
                .query
                .by
                .iter()
                .zip(&columns)
                .map(|(named, (first, second))| match &named.dimension {
                    Dimension::Key(_) => self.texts.number(first.and_then(|array| value(array, row))),
                    Dimension::Tag(key) => {
                        let found = first.and_then(|array| tag(value(array, row), key));
                        let found = found.or_else(|| second.and_then(|array| tag(value(array, row), key)));
                        self.texts.number(found.as_deref())
                    }
                    _ => null,
                })
                .collect();
            scope.keys.insert(digests.value(row).to_vec(), scope.values.len());
            scope.values.push(values);
            for (name, kept) in &mut scope.key_columns {
                kept.push(column(name).and_then(|array| value(array, row)).map(str::to_owned));
            }
        }
    }

    /// Reads resources, where [`Spend::needs_resources`].
    pub fn resources(&mut self, scope: &mut SpendScope, batch: &RecordBatch) {
        let digests = binary(batch, tables::RESOURCE);
        let column = |name: &str| batch.column_by_name(name).map(ArrayRef::as_ref).and_then(as_text);
        let (ids, names) = (column("ResourceId"), column("ResourceName"));
        for row in 0..batch.num_rows() {
            let text = |array: Option<&StringArray>| array.and_then(|array| value(array, row)).map(str::to_owned);
            scope.resources.insert(digests.value(row).to_vec(), (text(ids), text(names)));
        }
    }

    /// Adds cells.
    ///
    /// # Panics
    /// If a cell has a key without an owner, which the proof at publish excludes.
    pub fn cube(&mut self, scope: &SpendScope, answers: &Answers, reader: &Reader<'_>, batch: &RecordBatch) {
        let days = batch.column_by_name(tables::DAY).expect("the cube has days").as_primitive::<Date32Type>();
        let keys = binary(batch, tables::KEY);
        let resources = binary(batch, tables::RESOURCE);
        let currencies =
            batch.column_by_name("BillingCurrency").and_then(|array| as_text(array)).expect("the cube has currencies");
        let cost = self.query.cost.column();
        let coarse = batch.column_by_name(cost).expect("the cube has costs").as_primitive::<Decimal128Type>();
        let fine = batch.column_by_name(&fine_column(cost)).map(|array| array.as_primitive::<Decimal128Type>());
        let rows = batch.column_by_name(tables::ROWS).expect("the cube has row counts").as_primitive::<Int64Type>();
        let mut group: Vec<u32> = Vec::new();
        for row in 0..batch.num_rows() {
            let day = Day::from_days(days.value(row));
            if !self.query.basis.covers(self.query.period, day, &scope.scope) {
                continue;
            }
            let resource = resources.is_valid(row).then(|| resources.value(row));
            let key = *scope.keys.get(keys.value(row)).expect("every cell's key is in the keys table");
            let answer = answers.find(keys.value(row), resource, day).expect("every cell has an owner");
            let shown = Shown::new(reader, answer.owner, day);
            if !self.query.holds(&shown) {
                continue;
            }
            if let Some(filter) = self.query.filter {
                let get = |name: &str| match shown.column(name) {
                    Some(value) => value,
                    None => scope.column(name, key, resource, answer.rule.map(|rule| rule.as_str())),
                };
                if !filter.matches(&get) {
                    continue;
                }
            }
            group.clear();
            for (at, named) in self.query.by.iter().enumerate() {
                let number = match &named.dimension {
                    Dimension::Key(_) | Dimension::Tag(_) => scope.values[key][at],
                    Dimension::Owner => self.texts.number(Some(&shown.owner())),
                    Dimension::Path => self.texts.number(Some(&shown.path())),
                    Dimension::Pool => self.texts.number(None),
                    Dimension::Rule => self.texts.number(answer.rule.map(|rule| rule.as_str())),
                    Dimension::Source => self.texts.number(Some(scope.scope.source.as_str())),
                    Dimension::Month => {
                        let month = match self.query.basis {
                            Basis::Incurred => day.month(),
                            Basis::Invoiced => scope.scope.billing_period,
                        };
                        self.texts.number(Some(&month.to_string()))
                    }
                    Dimension::Day => self.texts.number(Some(&day.to_string())),
                    Dimension::BillingPeriod => self.texts.number(Some(&scope.scope.billing_period.to_string())),
                    Dimension::Level(kind) => self.texts.number(shown.level(kind).as_deref()),
                    Dimension::Resource(name) => {
                        let found = resource.and_then(|resource| scope.resources.get(resource));
                        let text = found.and_then(
                            |(id, label)| if name == "ResourceId" { id.as_deref() } else { label.as_deref() },
                        );
                        self.texts.number(text)
                    }
                    Dimension::Charge(name) => unreachable!("{name} is not in the cube; the caller reads the charges"),
                };
                group.push(number);
            }
            group.push(self.texts.number(Some(currencies.value(row))));
            let amount = Exact::from_parts(
                coarse.value(row),
                fine.filter(|array| array.is_valid(row)).map_or(0, |array| array.value(row)),
            );
            let count = u64::try_from(rows.value(row)).expect("row counts are positive");
            self.put(&group, amount, count);
        }
    }

    fn put(&mut self, group: &[u32], amount: Exact, count: u64) {
        match self.sums.get_mut(group) {
            Some((sum, counted)) => {
                *sum += amount;
                *counted += count;
            }
            None => {
                self.sums.insert(group.to_vec().into_boxed_slice(), (amount, count));
            }
        }
    }

    /// Adds one charge, for dimensions that the cube does not keep. `get` gives a column's text, `None` for null.
    #[allow(clippy::too_many_arguments, reason = "a charge has that many sides; a struct would only rename them")]
    pub fn charge(
        &mut self,
        scope: &ScopeKey,
        day: Day,
        owner: &Owner,
        rule: Option<&str>,
        currency: &str,
        amount: Money,
        reader: &Reader<'_>,
        get: &dyn Fn(&str) -> Option<String>,
    ) {
        if !self.query.basis.covers(self.query.period, day, scope) {
            return;
        }
        let shown = Shown::new(reader, owner, day);
        if !self.query.holds(&shown) {
            return;
        }
        let column = |name: &str| match shown.column(name) {
            Some(value) => value,
            None => match name {
                "rule" => rule.map(str::to_owned),
                "source" => Some(scope.source.as_str().to_owned()),
                _ => get(name),
            },
        };
        if self.query.filter.is_some_and(|filter| !filter.matches(&column)) {
            return;
        }
        let mut group: Vec<u32> = Vec::with_capacity(self.query.by.len() + 1);
        for named in self.query.by {
            let text = match &named.dimension {
                Dimension::Owner => Some(shown.owner()),
                Dimension::Path => Some(shown.path()),
                Dimension::Pool => None,
                Dimension::Level(kind) => shown.level(kind),
                Dimension::Rule => rule.map(str::to_owned),
                Dimension::Source => Some(scope.source.as_str().to_owned()),
                Dimension::Month => Some(match self.query.basis {
                    Basis::Incurred => day.month().to_string(),
                    Basis::Invoiced => scope.billing_period.to_string(),
                }),
                Dimension::Day => Some(day.to_string()),
                Dimension::BillingPeriod => Some(scope.billing_period.to_string()),
                Dimension::Key(name) | Dimension::Resource(name) | Dimension::Charge(name) => get(name),
                Dimension::Tag(key) => {
                    tag(get("AllocatedTags").as_deref(), key).or_else(|| tag(get("Tags").as_deref(), key))
                }
            };
            group.push(self.texts.number(text.as_deref()));
        }
        group.push(self.texts.number(Some(currency)));
        self.put(&group, amount, 1);
    }

    /// The columns of `charges` that [`Spend::charge`] asks for.
    pub fn charge_columns(&self) -> Vec<String> {
        let mut columns = self.key_columns();
        columns.extend(self.query.by.iter().filter_map(|named| match &named.dimension {
            Dimension::Resource(name) | Dimension::Charge(name) => Some(name.clone()),
            _ => None,
        }));
        if let Some(filter) = self.query.filter {
            columns.extend(filter.columns().into_iter().filter(|column| is_resource(column)));
        }
        columns.sort();
        columns.dedup();
        columns
    }

    /// Adds lines of splits: a negative one at the pool, positive ones at who used it. Dimensions of charges are null for
    /// them. `billing` is the billing period of the cost that was split.
    pub fn journal<'j>(&mut self, billing: Month, lines: impl IntoIterator<Item = &'j Line>, reader: &Reader<'_>) {
        let mut group: Vec<u32> = Vec::new();
        let period = self.query.period;
        for line in lines {
            let covered = match self.query.basis {
                Basis::Incurred => period.contains(line.day),
                Basis::Invoiced => period.contains(billing.first_day()),
            };
            let shown = Shown::new(reader, &line.owner, line.day);
            if !covered || !self.query.holds(&shown) {
                continue;
            }
            if let Some(filter) = self.query.filter {
                let get = |name: &str| match name {
                    "pool" => Some(line.pool.clone()),
                    name => shown.column(name).flatten(),
                };
                if !filter.matches(&get) {
                    continue;
                }
            }
            group.clear();
            for named in self.query.by {
                let text = match &named.dimension {
                    Dimension::Owner => Some(shown.owner()),
                    Dimension::Path => Some(shown.path()),
                    Dimension::Pool => Some(line.pool.clone()),
                    Dimension::Level(kind) => shown.level(kind),
                    Dimension::Month => Some(match self.query.basis {
                        Basis::Incurred => line.day.month().to_string(),
                        Basis::Invoiced => billing.to_string(),
                    }),
                    Dimension::Day => Some(line.day.to_string()),
                    Dimension::BillingPeriod => Some(billing.to_string()),
                    Dimension::Rule
                    | Dimension::Source
                    | Dimension::Key(_)
                    | Dimension::Tag(_)
                    | Dimension::Resource(_)
                    | Dimension::Charge(_) => None,
                };
                group.push(self.texts.number(text.as_deref()));
            }
            group.push(self.texts.number(Some(line.currency.as_str())));
            self.put(&group, line.costs[self.query.cost], 0);
        }
    }

    /// The rows, largest amount first, then by values; and the total per currency.
    pub fn finish(self) -> (Vec<SpendRow>, BTreeMap<Currency, Money>) {
        let mut totals = BTreeMap::<Currency, Money>::new();
        let mut rows: Vec<SpendRow> = self
            .sums
            .into_iter()
            .map(|(group, (amount, rows))| {
                let mut values: Vec<_> =
                    group.iter().map(|number| self.texts.texts[*number as usize].clone()).collect();
                let currency = values.pop().flatten().expect("the last value of a group is its currency");
                let currency = Currency::new(&currency).expect("the cube holds checked currencies");
                *totals.entry(currency.clone()).or_default() += amount;
                SpendRow { values, currency, amount, rows }
            })
            .collect();
        rows.sort_by(|a, b| {
            b.amount.cmp(&a.amount).then_with(|| a.values.cmp(&b.values)).then_with(|| a.currency.cmp(&b.currency))
        });
        (rows, totals)
    }
}

impl SpendScope {
    fn column(&self, name: &str, key: usize, resource: Option<&[u8]>, rule: Option<&str>) -> Option<String> {
        match name {
            "rule" => rule.map(str::to_owned),
            "source" => Some(self.scope.source.as_str().to_owned()),
            "ResourceId" => self.resources.get(resource?)?.0.clone(),
            "ResourceName" => self.resources.get(resource?)?.1.clone(),
            _ => self.key_columns.iter().find(|(column, _)| column == name).and_then(|(_, values)| values[key].clone()),
        }
    }
}

/// Where an owner stands in a reading.
pub(crate) struct Shown<'o> {
    owner: &'o Owner,
    place: Option<Arc<Place>>,
}

impl<'o> Shown<'o> {
    pub(crate) fn new(reader: &Reader<'_>, owner: &'o Owner, day: Day) -> Shown<'o> {
        let place = match owner {
            Owner::Team(team) => Some(reader.place(team, day)),
            Owner::Residual(_) => None,
        };
        Shown { owner, place }
    }

    pub(crate) fn owner(&self) -> String {
        self.place.as_ref().map_or_else(|| self.owner.to_string(), |place| place.unit.to_string())
    }

    /// `acme/consumer/payments`.
    pub(crate) fn path(&self) -> String {
        match &self.place {
            None => self.owner.to_string(),
            Some(place) => place.path.iter().map(TeamId::as_str).collect::<Vec<_>>().join("/"),
        }
    }

    /// The unit of a kind at or above it; a residual stands for itself.
    pub(crate) fn level(&self, kind: &str) -> Option<String> {
        match &self.place {
            None => Some(self.owner.to_string()),
            Some(place) => place.level(kind).map(ToString::to_string),
        }
    }

    pub(crate) fn is_under(&self, unit: &TeamId) -> bool {
        self.place.as_ref().is_some_and(|place| place.path.contains(unit))
    }

    /// True when a person sees it; what no team owns is seen by who sees everything.
    pub(crate) fn is_seen(&self, reach: &Reach) -> bool {
        reach.is_everything() || self.place.as_ref().is_some_and(|place| reach.holds(&place.path))
    }

    /// A column of the answer, where the name is one: `team`, or a level of the org. `Some(None)` is null.
    fn column(&self, name: &str) -> Option<Option<String>> {
        match name {
            "team" => Some(Some(self.owner())),
            _ => {
                let kind = name.strip_prefix(LEVEL)?;
                Some(self.level(kind))
            }
        }
    }
}

/// Before the kind of a level in the name of a filter's column.
pub(crate) const LEVEL: &str = "level:";

fn is_resource(column: &str) -> bool {
    matches!(column, "ResourceId" | "ResourceName")
}

fn not_key(column: &str) -> bool {
    is_resource(column) || matches!(column, "team" | "rule" | "source" | "pool") || column.starts_with(LEVEL)
}

fn as_text(array: &dyn Array) -> Option<&StringArray> {
    array.as_any().downcast_ref::<StringArray>()
}

fn binary<'b>(batch: &'b RecordBatch, name: &str) -> &'b BinaryArray {
    batch.column_by_name(name).unwrap_or_else(|| panic!("the table has the column {name}")).as_binary::<i32>()
}

fn value(array: &StringArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

#[cfg(test)]
mod tests;
