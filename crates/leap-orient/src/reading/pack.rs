//! A slice's cube with its owners, packed so that a question by any dimension runs over it at the speed of memory.
//!
//! ```text
//! owner and rule       cells, by resource, key and day
//! payments, team-tag   i-0a17 · key 0 · 2026-09-01 · USD · 1.20 in 3 charges …
//! key 0                ServiceName = Amazon EC2, RegionId = eu-west-1, Tags = {"team": "pay"} …   as codes of texts
//! ```
//! It holds one kind of cost. What stands together is near in memory: cells of one owner, of them those of one resource; keys
//! are numbered in the order in which cells have them. [`Pack::folded`] is the same without days and resources,
//! for questions that ask for neither. A pack is made from keys, resources, cube and answers, and from nothing else.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};
use hashbrown::HashMap;
use leap_terms::tables::{self, fine_column};
use leap_terms::{CostKind, Currency, Day, Exact, Owner, RuleId};

use crate::attribute::{Answers, AttributeError};

mod by_column;
mod bytes;

pub use by_column::ColumnDay;
pub use bytes::PackError;

/// A charge without a resource.
pub(crate) const NO_RESOURCE: u32 = u32::MAX;

/// Numbers, each as narrow as the largest of them allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Codes {
    /// All are 0; so many.
    Same(usize),
    Narrow(Vec<u8>),
    Middle(Vec<u16>),
    Wide(Vec<u32>),
}

impl Codes {
    fn of(codes: impl ExactSizeIterator<Item = u32>, count: usize) -> Codes {
        match count {
            0 | 1 => Codes::Same(codes.len()),
            2..=0x100 => Codes::Narrow(codes.map(|code| code as u8).collect()),
            0x101..=0x1_0000 => Codes::Middle(codes.map(|code| code as u16).collect()),
            _ => Codes::Wide(codes.collect()),
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> u32 {
        match self {
            Codes::Same(_) => 0,
            Codes::Narrow(codes) => u32::from(codes[at]),
            Codes::Middle(codes) => u32::from(codes[at]),
            Codes::Wide(codes) => codes[at],
        }
    }

    fn len(&self) -> usize {
        match self {
            Codes::Same(count) => *count,
            Codes::Narrow(codes) => codes.len(),
            Codes::Middle(codes) => codes.len(),
            Codes::Wide(codes) => codes.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Codes::Same(_) => 0,
            Codes::Narrow(codes) => codes.len(),
            Codes::Middle(codes) => codes.len() * 2,
            Codes::Wide(codes) => codes.len() * 4,
        }
    }
}

/// Texts that repeat, and the code of each row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Coded {
    pub(crate) texts: Vec<Option<Box<str>>>,
    pub(crate) codes: Codes,
}

/// Gives texts their codes.
#[derive(Default)]
struct Coder {
    numbers: HashMap<Option<Box<str>>, u32>,
    texts: Vec<Option<Box<str>>>,
    codes: Vec<u32>,
    last: Option<u32>,
}

impl Coder {
    fn number(&mut self, text: Option<&str>) -> u32 {
        // Neighbours are often the same.
        if let Some(last) = self.last
            && self.texts[last as usize].as_deref() == text
        {
            return last;
        }
        let key: Option<Box<str>> = text.map(Box::from);
        let next = self.texts.len() as u32;
        let number = match self.numbers.get(&key) {
            Some(number) => *number,
            None => {
                self.texts.push(key.clone());
                self.numbers.insert(key, next);
                next
            }
        };
        self.last = Some(number);
        number
    }

    fn push(&mut self, text: Option<&str>) {
        let number = self.number(text);
        self.codes.push(number);
    }

    /// The codes of some rows, in this order.
    fn finish(self, order: &[u32]) -> Coded {
        let codes = Codes::of(order.iter().map(|row| self.codes[*row as usize]), self.texts.len());
        Coded { texts: self.texts, codes }
    }
}

/// Texts that do not repeat, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flat {
    text: String,
    ends: Vec<u32>,
    nulls: Vec<bool>,
}

impl Flat {
    fn push(&mut self, text: Option<&str>) {
        self.text.push_str(text.unwrap_or_default());
        self.ends
            .push(u32::try_from(self.text.len()).expect("a pack of at most 24 million cells has fewer bytes of names"));
        self.nulls.push(text.is_none());
    }

    pub(crate) fn get(&self, at: usize) -> Option<&str> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        (!self.nulls[at]).then(|| &self.text[start..self.ends[at] as usize])
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * 5
    }
}

/// Attribution keys: the codes of their columns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) count: usize,
    pub(crate) columns: Vec<(String, Coded)>,
}

/// Resources: their ids and names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Resources {
    pub(crate) ids: Flat,
    pub(crate) names: Flat,
}

/// Whose cells stand together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PackWho {
    pub(crate) owner: Owner,
    pub(crate) rule: Option<RuleId>,
    /// The cell after the last.
    pub(crate) end: usize,
}

/// A packed slice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pack {
    pub(crate) keys: Arc<Keys>,
    pub(crate) resources: Arc<Resources>,
    pub(crate) first_day: Day,
    /// Days from the first to the last.
    pub(crate) span: usize,
    pub(crate) currencies: Vec<Currency>,
    pub(crate) whos: Vec<PackWho>,
    /// Per cell: its resource; empty where resources and days are folded.
    pub(crate) resource: Vec<u32>,
    pub(crate) key: Vec<u32>,
    /// Per cell: days after the first.
    pub(crate) day: Codes,
    pub(crate) currency: Codes,
    pub(crate) evidence: Coded,
    pub(crate) coarse: Vec<i128>,
    /// Digits 19 to 30 of the few cells that have some, by cell.
    pub(crate) fine: Vec<(u32, i64)>,
    pub(crate) rows: Vec<u32>,
}

/// One cell of a pack: the charges of a day, key, resource and currency.
#[derive(Clone, Copy, Debug)]
pub struct PackCell<'p> {
    /// The owner.
    pub owner: &'p Owner,
    /// The rule that said so.
    pub rule: Option<&'p RuleId>,
    /// What made the rule's answer.
    pub evidence: Option<&'p str>,
    /// The resource's name.
    pub name: Option<&'p str>,
    /// The day.
    pub day: Day,
    /// The currency.
    pub currency: &'p Currency,
    /// The cost.
    pub amount: Exact,
    /// Charges.
    pub rows: u64,
    key: u32,
}

/// One cell while a pack is made.
struct Cell {
    who: u32,
    resource: u32,
    key: u32,
    day: i32,
    currency: u32,
    evidence: u32,
    rows: u32,
    fine: i64,
    coarse: i128,
}

/// Makes a [`Pack`].
pub struct Packer {
    cost: CostKind,
    names: Vec<String>,
    columns: Vec<Coder>,
    keys: HashMap<u128, u32>,
    ids: HashMap<u128, u32>,
    resources: Resources,
    whos: HashMap<(u32, u32), u32>,
    who: Vec<(Owner, Option<RuleId>)>,
    evidence: Coder,
    evidences: HashMap<u32, u32>,
    currencies: Vec<Currency>,
    cells: Vec<Cell>,
}

impl Packer {
    /// Of one kind of cost and these columns of keys.
    pub fn new(cost: CostKind, columns: &[String]) -> Packer {
        Packer {
            cost,
            names: columns.to_vec(),
            columns: columns.iter().map(|_| Coder::default()).collect(),
            keys: HashMap::new(),
            ids: HashMap::new(),
            resources: Resources::default(),
            whos: HashMap::new(),
            who: Vec::new(),
            evidence: Coder::default(),
            evidences: HashMap::new(),
            currencies: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Reads keys.
    ///
    /// # Errors
    /// A column of the wrong type.
    pub fn keys(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let digests = digests(batch, tables::KEY)?;
        for row in 0..batch.num_rows() {
            let next = self.keys.len() as u32;
            self.keys.insert(number(digests.value(row), tables::KEY)?, next);
        }
        for (name, coder) in self.names.iter().zip(&mut self.columns) {
            let column = text_column(batch, name);
            (0..batch.num_rows()).for_each(|row| coder.push(column.and_then(|column| value(column, row))));
        }
        Ok(())
    }

    /// Reads resources.
    ///
    /// # Errors
    /// A column of the wrong type.
    pub fn resources(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let digests = digests(batch, tables::RESOURCE)?;
        let (ids, names) = (text_column(batch, "ResourceId"), text_column(batch, "ResourceName"));
        for row in 0..batch.num_rows() {
            let next = self.resources.ids.len() as u32;
            self.ids.insert(number(digests.value(row), tables::RESOURCE)?, next);
            self.resources.ids.push(ids.and_then(|ids| value(ids, row)));
            self.resources.names.push(names.and_then(|names| value(names, row)));
        }
        Ok(())
    }

    /// The cube's columns that [`Packer::cube`] reads.
    pub fn cube_columns(&self) -> Vec<String> {
        let cost = self.cost.column();
        [tables::DAY, tables::KEY, tables::RESOURCE, "BillingCurrency", cost, &fine_column(cost), tables::ROWS]
            .map(str::to_owned)
            .to_vec()
    }

    /// Adds cells, after keys and resources.
    ///
    /// # Errors
    /// A cell without a key, resource or owner: our bug or a damaged lake; a column that is missing or of the wrong type.
    pub fn cube(&mut self, answers: &Answers, batch: &RecordBatch) -> Result<(), AttributeError> {
        let missing = |name: &str| AttributeError::MissingColumn(name.to_owned());
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
        let days = column(tables::DAY)?.as_primitive_opt::<Date32Type>().ok_or_else(|| missing(tables::DAY))?;
        let (keys, resources) = (digests(batch, tables::KEY)?, digests(batch, tables::RESOURCE)?);
        let currencies = text_column(batch, "BillingCurrency").ok_or_else(|| missing("BillingCurrency"))?;
        let cost = self.cost.column();
        let coarse = column(cost)?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| missing(cost))?;
        let fine =
            batch.column_by_name(&fine_column(cost)).and_then(|array| array.as_primitive_opt::<Decimal128Type>());
        let rows = column(tables::ROWS)?.as_primitive_opt::<Int64Type>().ok_or_else(|| missing(tables::ROWS))?;
        self.cells.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            let day = Day::from_days(days.value(row));
            let key = number(keys.value(row), tables::KEY)?;
            let of_key = *self.keys.get(&key).ok_or(AttributeError::UnknownKey(key))?;
            let resource =
                resources.is_valid(row).then(|| number(resources.value(row), tables::RESOURCE)).transpose()?;
            let of_resource = match resource {
                None => NO_RESOURCE,
                Some(digest) => *self.ids.get(&digest).ok_or(AttributeError::UnknownKey(digest))?,
            };
            let answer = answers.numbers(key, resource, day).ok_or(AttributeError::UnknownKey(key))?;
            let who = match self.whos.get(&(answer.owner, answer.rule)) {
                Some(who) => *who,
                None => {
                    let next = self.who.len() as u32;
                    self.who.push((answers.owner_of(answer.owner).clone(), answers.rule_of(answer.rule).cloned()));
                    self.whos.insert((answer.owner, answer.rule), next);
                    next
                }
            };
            let evidence = match self.evidences.get(&answer.evidence) {
                Some(evidence) => *evidence,
                None => {
                    let number = self.evidence.number(answers.evidence_of(answer.evidence));
                    self.evidences.insert(answer.evidence, number);
                    number
                }
            };
            let currency = currencies.value(row);
            let currency = match self.currencies.iter().position(|known| known.as_str() == currency) {
                Some(at) => at,
                None => {
                    self.currencies.push(Currency::new(currency).map_err(AttributeError::BadValue)?);
                    self.currencies.len() - 1
                }
            };
            let count = rows.value(row);
            let count = u32::try_from(count)
                .map_err(|_| AttributeError::BadValue(format!("a cell of the cube has {count} charges")))?;
            let fine = fine.filter(|fine| fine.is_valid(row)).map_or(0, |fine| fine.value(row));
            let amount = Exact::from_parts(coarse.value(row), fine);
            self.cells.push(Cell {
                who,
                resource: of_resource,
                key: of_key,
                day: day.days(),
                currency: currency as u32,
                evidence,
                rows: count,
                fine: amount.fine(),
                coarse: amount.coarse(),
            });
        }
        Ok(())
    }

    /// The pack.
    pub fn finish(mut self) -> Pack {
        // Owners in their order, so that the same cells make the same pack in whatever order they come.
        let mut order: Vec<u32> = (0..self.who.len() as u32).collect();
        order.sort_by(|a, b| self.who[*a as usize].cmp(&self.who[*b as usize]));
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, who)| place[*who as usize] = at as u32);
        self.cells.iter_mut().for_each(|cell| cell.who = place[cell.who as usize]);
        self.cells.sort_unstable_by_key(|cell| (cell.who, cell.resource, cell.key, cell.day, cell.currency));

        let first = self.cells.iter().map(|cell| cell.day).min().unwrap_or_default();
        let last = self.cells.iter().map(|cell| cell.day).max().unwrap_or_default();
        let mut keys = Renumber::new(self.keys.len());
        let mut whos: Vec<PackWho> = Vec::new();
        let count = self.cells.len();
        let (mut resource, mut key) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut coarse, mut rows, mut fine) = (Vec::with_capacity(count), Vec::with_capacity(count), Vec::new());
        for (at, cell) in self.cells.iter().enumerate() {
            let (owner, rule) = &self.who[order[cell.who as usize] as usize];
            match whos.last_mut() {
                Some(last) if last.owner == *owner && last.rule == *rule => last.end = at + 1,
                _ => whos.push(PackWho { owner: owner.clone(), rule: rule.clone(), end: at + 1 }),
            }
            resource.push(cell.resource);
            key.push(keys.number(cell.key));
            coarse.push(cell.coarse);
            rows.push(cell.rows);
            if cell.fine != 0 {
                fine.push((at as u32, cell.fine));
            }
        }
        let columns = self.names.into_iter().zip(self.columns);
        let columns = columns.map(|(name, coder)| (name, coder.finish(&keys.order))).collect();
        let span = usize::try_from(last - first + 1).unwrap_or(1);
        let evidences = self.evidence.texts;
        Pack {
            keys: Arc::new(Keys { count: keys.order.len(), columns }),
            resources: Arc::new(self.resources),
            first_day: Day::from_days(first),
            span,
            whos,
            resource,
            key,
            day: Codes::of(self.cells.iter().map(|cell| (cell.day - first) as u32), span),
            currency: Codes::of(self.cells.iter().map(|cell| cell.currency), self.currencies.len()),
            evidence: Coded {
                codes: Codes::of(self.cells.iter().map(|cell| cell.evidence), evidences.len()),
                texts: evidences,
            },
            currencies: self.currencies,
            coarse,
            fine,
            rows,
        }
    }
}

/// Numbers in the order in which they are first met.
struct Renumber {
    numbers: Vec<u32>,
    order: Vec<u32>,
}

impl Renumber {
    fn new(count: usize) -> Renumber {
        Renumber { numbers: vec![u32::MAX; count], order: Vec::new() }
    }

    fn number(&mut self, old: u32) -> u32 {
        let new = &mut self.numbers[old as usize];
        if *new == u32::MAX {
            *new = self.order.len() as u32;
            self.order.push(old);
        }
        *new
    }
}

impl Pack {
    /// The same with one cell per owner, key and currency: without days, resources and evidence.
    pub fn folded(&self) -> Pack {
        let mut out = Pack {
            keys: self.keys.clone(),
            resources: Arc::default(),
            first_day: self.first_day,
            span: 1,
            currencies: self.currencies.clone(),
            whos: Vec::with_capacity(self.whos.len()),
            resource: Vec::new(),
            key: Vec::new(),
            day: Codes::Same(0),
            currency: Codes::Same(0),
            evidence: Coded { texts: vec![None], codes: Codes::Same(0) },
            coarse: Vec::new(),
            fine: Vec::new(),
            rows: Vec::new(),
        };
        let mut currencies: Vec<u32> = Vec::new();
        let (mut start, mut fine) = (0, 0);
        let mut sums: HashMap<(u32, u32), (Exact, u32)> = HashMap::new();
        let mut order: Vec<((u32, u32), (Exact, u32))> = Vec::new();
        for who in &self.whos {
            for at in start..who.end {
                let mut amount = Exact::from_parts(self.coarse[at], 0);
                if let Some((cell, digits)) = self.fine.get(fine)
                    && *cell as usize == at
                {
                    amount = Exact::from_parts(self.coarse[at], i128::from(*digits));
                    fine += 1;
                }
                let sum = sums.entry((self.key[at], self.currency.get(at))).or_insert((Exact::ZERO, 0));
                sum.0 += amount;
                sum.1 = sum.1.saturating_add(self.rows[at]);
            }
            start = who.end;
            order.clear();
            order.extend(sums.drain());
            order.sort_unstable_by_key(|(place, _)| *place);
            for ((key, currency), (amount, rows)) in &order {
                if amount.fine() != 0 {
                    out.fine.push((out.key.len() as u32, amount.fine()));
                }
                out.key.push(*key);
                currencies.push(*currency);
                out.coarse.push(amount.coarse());
                out.rows.push(*rows);
            }
            out.whos.push(PackWho { end: out.key.len(), ..who.clone() });
        }
        let count = out.key.len();
        out.day = Codes::Same(count);
        out.evidence.codes = Codes::Same(count);
        out.currency = Codes::of(currencies.into_iter(), self.currencies.len());
        out
    }

    /// Calls `act` for each cell of a resource, by its id. Nothing of a folded pack.
    pub fn of_resource(&self, id: &str, mut act: impl FnMut(PackCell<'_>)) {
        let is_it = |at: &u32| self.resources.ids.get(*at as usize) == Some(id);
        for resource in (0..self.resources.ids.len() as u32).filter(is_it) {
            let mut start = 0;
            for who in &self.whos {
                let own = self.resource.get(start..who.end).unwrap_or_default();
                let from = start + own.partition_point(|known| *known < resource);
                let until = start + own.partition_point(|known| *known <= resource);
                for at in from..until {
                    let fine = self.fine.binary_search_by_key(&(at as u32), |(cell, _)| *cell);
                    let fine = fine.map_or(0, |found| i128::from(self.fine[found].1));
                    act(PackCell {
                        owner: &who.owner,
                        rule: who.rule.as_ref(),
                        evidence: self.evidence.texts[self.evidence.codes.get(at) as usize].as_deref(),
                        name: self.resources.names.get(resource as usize),
                        day: self.first_day.plus(self.day.get(at) as i32),
                        currency: &self.currencies[self.currency.get(at) as usize],
                        amount: Exact::from_parts(self.coarse[at], fine),
                        rows: u64::from(self.rows[at]),
                        key: self.key[at],
                    });
                }
                start = who.end;
            }
        }
    }

    /// The value of a column of a cell's key.
    pub fn key_text(&self, cell: &PackCell<'_>, column: &str) -> Option<&str> {
        let (_, coded) = self.keys.columns.iter().find(|(name, _)| name == column)?;
        coded.texts[coded.codes.get(cell.key as usize) as usize].as_deref()
    }

    /// The ids of resources.
    pub fn resource_ids(&self) -> impl Iterator<Item = &str> {
        (0..self.resources.ids.len()).filter_map(|at| self.resources.ids.get(at))
    }

    /// Cells.
    pub fn cells(&self) -> usize {
        self.key.len()
    }

    /// Memory that it takes, in bytes, about.
    pub fn bytes(&self) -> usize {
        let columns: usize = self
            .keys
            .columns
            .iter()
            .map(|(_, column)| {
                column.codes.bytes() + column.texts.iter().flatten().map(|text| text.len() + 32).sum::<usize>()
            })
            .sum();
        let cells = self.key.len() * (4 + 16 + 4) + self.resource.len() * 4 + self.fine.len() * 16;
        let codes = self.day.bytes() + self.currency.bytes() + self.evidence.codes.bytes();
        columns + self.resources.ids.bytes() + self.resources.names.bytes() + cells + codes + self.whos.len() * 128
    }
}

fn digests<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b arrow::array::BinaryArray, AttributeError> {
    let array = batch.column_by_name(name).and_then(|array| array.as_binary_opt::<i32>());
    array.ok_or_else(|| AttributeError::MissingColumn(name.to_owned()))
}

fn number(digest: &[u8], name: &str) -> Result<u128, AttributeError> {
    let bytes =
        digest.try_into().map_err(|_| AttributeError::BadValue(format!("a {name} has {} bytes", digest.len())))?;
    Ok(u128::from_be_bytes(bytes))
}

fn text_column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

fn value(array: &StringArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}
