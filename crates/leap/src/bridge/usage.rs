//! What was used of a slice, by owner and product: one reading of its charges, from which every unit's change is split.
//!
//! ```text
//! payments · tree of 2026-09-01 · USD · Amazon EC2, Hrs, 8Q2…JRT → 4,120.50 for 51,000.25
//! ```

use std::collections::HashMap;

use arrow::array::{Array, AsArray, Decimal128Array, RecordBatch, StringArray};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use leap_orient::reading::bridge::{Product, Used};
use leap_terms::tables::fine_column;
use leap_terms::{CostKind, Currency, Day, Exact, Instant, Owner, Period};

use crate::annotate::Owners;
use crate::rows;

const SKUS: [&str; 3] = ["SkuPriceId", "SkuId", "ChargeDescription"];
const STARTS: &str = "ChargePeriodStart";

/// The columns of charges that are read, beside those that name an owner.
pub(super) fn columns(cost: CostKind) -> Vec<String> {
    let texts = ["ServiceName", "PricingUnit", "BillingCurrency", STARTS].into_iter().chain(SKUS);
    texts.map(str::to_owned).chain(rows::cost_columns(cost)).chain(rows::quantity_columns()).collect()
}

/// One owner's use of one product, in one tree and currency.
struct Row {
    /// Number of the owner.
    owner: u32,
    /// A day of the tree in which the owner stood.
    tree: Day,
    currency: u16,
    product: u32,
    used: Used,
}

/// What was used of a slice.
#[derive(Default)]
pub(super) struct Usage {
    owners: Vec<Owner>,
    currencies: Vec<Currency>,
    products: Vec<Product>,
    /// By owner and tree.
    rows: Vec<Row>,
}

impl Usage {
    /// Adds the use of some owners: `mine` tells of an owner and a day of its tree whether it counts.
    pub(super) fn add(&self, mine: impl Fn(&Owner, Day) -> bool, mut put: impl FnMut(&Currency, &Product, Used)) {
        // By product first, so that each product is looked for once.
        let mut sums: Vec<Vec<Option<Used>>> = vec![vec![None; self.products.len()]; self.currencies.len()];
        let mut last: Option<(u32, Day, bool)> = None;
        for row in &self.rows {
            let is_mine = match last {
                Some((owner, tree, is_mine)) if (owner, tree) == (row.owner, row.tree) => is_mine,
                _ => mine(&self.owners[row.owner as usize], row.tree),
            };
            last = Some((row.owner, row.tree, is_mine));
            if is_mine {
                let sum = sums[usize::from(row.currency)][row.product as usize].get_or_insert_default();
                sum.add(row.used.cost, row.used.quantity);
            }
        }
        for (currency, sums) in self.currencies.iter().zip(sums) {
            for (product, used) in self.products.iter().zip(sums) {
                if let Some(used) = used {
                    put(currency, product, used);
                }
            }
        }
    }

    /// Memory that it takes, in bytes, about.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Row>() + self.products.len() * 250 + self.owners.len() * 100
    }
}

/// Adds charges up.
pub(super) struct UsageReading {
    range: Period,
    /// Days from which on another tree counts, ascending.
    trees: Vec<Day>,
    owners: HashMap<Owner, u32>,
    currencies: Vec<Currency>,
    products: HashMap<String, u32>,
    named: Vec<Product>,
    sums: HashMap<(u32, Day, u16, u32), Used>,
}

impl UsageReading {
    /// Of charges on these days.
    pub(super) fn new(range: Period, trees: Vec<Day>) -> UsageReading {
        UsageReading {
            range,
            trees,
            owners: HashMap::new(),
            currencies: Vec::new(),
            products: HashMap::new(),
            named: Vec::new(),
            sums: HashMap::new(),
        }
    }

    /// Reads charges; `other` is the day of whose owners they are taken to be, where that is not their own.
    pub(super) fn read(
        &mut self,
        batch: &RecordBatch,
        cost: CostKind,
        owners: &Owners,
        other: Option<Day>,
    ) -> Result<(), String> {
        let texts = |name: &str| batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>());
        let decimals =
            |name: &str| batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Decimal128Type>());
        let starts = batch.column_by_name(STARTS).ok_or("a batch of charges lacks ChargePeriodStart")?;
        let starts = starts.as_primitive::<TimestampMicrosecondType>();
        let currencies = texts("BillingCurrency").ok_or("a batch of charges lacks BillingCurrency")?;
        let (services, units, skus) = (texts("ServiceName"), texts("PricingUnit"), SKUS.map(texts));
        let amount = (decimals(cost.column()), decimals(&fine_column(cost.column())));
        let [quantity, fine] = rows::quantity_columns();
        let quantity = (decimals(&quantity), decimals(&fine));
        // Numbers of owners by the place of the answer: answers are few beside charges.
        let mut row = 0;
        let mut problem = None;
        let mut product = String::new();
        owners.each(batch, other, |answer, _| {
            let at = row;
            row += 1;
            let day = Instant::from_micros(starts.value(at)).day();
            if problem.is_some() || !self.range.contains(day) {
                return;
            }
            let tree = match self.trees.partition_point(|step| *step <= day) {
                0 => self.range.from(),
                step => self.trees[step - 1],
            };
            let owner = match self.owners.get(answer.owner) {
                Some(owner) => *owner,
                None => {
                    let next = self.owners.len() as u32;
                    self.owners.insert(answer.owner.clone(), next);
                    next
                }
            };
            let currency = currencies.value(at);
            let currency = match self.currencies.iter().position(|known| known.as_str() == currency) {
                Some(currency) => currency,
                None => match Currency::new(currency) {
                    Ok(currency) => {
                        self.currencies.push(currency);
                        self.currencies.len() - 1
                    }
                    Err(error) => {
                        problem = Some(error.to_string());
                        return;
                    }
                },
            };
            let parts = [
                text(services, at).unwrap_or_default(),
                text(units, at).unwrap_or_default(),
                skus.iter().find_map(|skus| text(*skus, at)).unwrap_or_default(),
            ];
            product.clear();
            for part in parts {
                product.push_str(part);
                product.push('\0');
            }
            let product = match self.products.get(&product) {
                Some(product) => *product,
                None => {
                    let next = self.named.len() as u32;
                    let [service, unit, sku] = parts.map(str::to_owned);
                    self.named.push(Product { service, unit, sku });
                    self.products.insert(product.clone(), next);
                    next
                }
            };
            let used = self.sums.entry((owner, tree, currency as u16, product)).or_default();
            used.add(exact(amount, at).unwrap_or_default(), exact(quantity, at));
        })?;
        problem.map_or(Ok(()), Err)
    }

    /// What was used.
    pub(super) fn finish(self) -> Usage {
        let mut owners: Vec<(Owner, u32)> = self.owners.into_iter().collect();
        owners.sort_by_key(|(_, number)| *number);
        let rows = self.sums.into_iter();
        let mut rows: Vec<Row> =
            rows.map(|((owner, tree, currency, product), used)| Row { owner, tree, currency, product, used }).collect();
        rows.sort_unstable_by_key(|row| (row.owner, row.tree, row.currency, row.product));
        Usage {
            owners: owners.into_iter().map(|(owner, _)| owner).collect(),
            currencies: self.currencies,
            products: self.named,
            rows,
        }
    }
}

fn text(array: Option<&StringArray>, row: usize) -> Option<&str> {
    array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
}

fn exact((coarse, fine): (Option<&Decimal128Array>, Option<&Decimal128Array>), row: usize) -> Option<Exact> {
    let part =
        |array: Option<&Decimal128Array>| array.filter(|array| array.is_valid(row)).map(|array| array.value(row));
    Some(Exact::from_parts(part(coarse)?, part(fine).unwrap_or(0)))
}
