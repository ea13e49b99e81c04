//! Reads budgets as finance keeps them: one row for each unit and period.
//!
//! ```csv
//! unit,period,amount,bps,per_engineer,currency,metric,cost,tolerance_bps,children
//! payments,2026-10,120000.00,,,USD,,,,
//! search,2026-10,,12.5,,USD,orders_volume,,150,
//! ```
//! `unit`, `period` and `currency` are needed, and one of `amount`, `bps` and `per_engineer` in every row; columns may
//! stand in any order, and others are refused, because somebody meant something by them.

use leap_terms::{CostKind, Fault, fault::nearest};

use super::document::cell_amount;
use super::document::{AMOUNT_HELP, CurrencyText, FIELDS, LIMIT_HELP, PERIOD_HELP, Span, TOLERANCE_HELP, Tolerance};
use super::{Budget, Budgets, Limit, Names, TOLERANCE_BPS};
use crate::table::Table;

impl Budgets {
    /// Reads a CSV file; as [`Budgets::read_yaml`].
    ///
    /// # Errors
    /// Every fault with line, column, rule and remedy; of a file with many, the first.
    pub fn read_csv(file: &str, text: &str, names: Names<'_>) -> Result<Budgets, Vec<Fault>> {
        let mut table = Table::open(file, text, &["unit", "period", "currency"])?;
        let known = || FIELDS.into_iter().filter(|field| *field != "every");
        let unknown: Vec<&String> =
            table.columns().keys().filter(|name| !known().any(|field| field == **name)).collect();
        if let Some(name) = unknown.into_iter().min() {
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("a budget has {}", known().collect::<Vec<_>>().join(", ")),
            };
            let fault = Fault::in_file(file, format!("unknown column '{name}'")).help(help);
            return Err(vec![Fault { line: Some(1), ..fault }]);
        }
        let mut budgets = Budgets::default();
        for row in 0..table.len() {
            let Some(budget) = one(&mut table, row, names) else { continue };
            match budgets.overlap(&budget) {
                Some(message) => {
                    table.wrong((row, "period"), message, "keep one budget for each unit, currency, cost and day");
                }
                None => budgets.list.push(budget),
            }
        }
        if table.faults.is_empty() { Ok(budgets) } else { Err(table.faults) }
    }
}

/// A cell that is read as something; nothing where it is empty or wrong.
fn cell<T>(
    table: &mut Table<'_>,
    (row, column): (usize, &str),
    parse: impl Fn(&str) -> Result<T, String>,
    help: &str,
) -> Option<T> {
    let text = table.field(row, column).to_owned();
    if text.is_empty() {
        return None;
    }
    parse(&text).map_err(|message| table.wrong((row, column), message, help)).ok()
}

fn one(table: &mut Table<'_>, row: usize, names: Names<'_>) -> Option<Budget> {
    let before = table.faults.len();
    for column in ["unit", "period", "currency"] {
        if table.field(row, column).is_empty() {
            table.wrong((row, column), "is empty".to_owned(), "fill it in every row");
        }
    }
    let span = cell(table, (row, "period"), |text| text.parse::<Span>(), PERIOD_HELP);
    let day = span.as_ref().map(|span| span.0.from());
    let meant = |text: &str| day.map(|day| names(text, day)).transpose();
    let unit = cell(table, (row, "unit"), meant, "name a unit of that day, by its id or an alias").flatten();
    let currency = cell(table, (row, "currency"), |text| text.parse::<CurrencyText>(), "write a code such as USD");
    let metric = Some(table.field(row, "metric").to_owned()).filter(|metric| !metric.is_empty());
    let given: Vec<&str> =
        ["amount", "bps", "per_engineer"].into_iter().filter(|column| !table.field(row, column).is_empty()).collect();
    if given.len() != 1 {
        let message = if given.is_empty() {
            "the row has no amount".to_owned()
        } else {
            format!("the row has {}", given.join(" and "))
        };
        table.wrong((row, given.get(1).unwrap_or(&"unit")), message, LIMIT_HELP);
    }
    let amount = given.first().and_then(|column| cell(table, (row, column), cell_amount, AMOUNT_HELP));
    if metric.is_some() && given != ["bps"] {
        table.wrong((row, "metric"), "says nothing without bps".to_owned(), "leave it empty");
    }
    let cost =
        cell(table, (row, "cost"), |text| text.parse::<CostKind>(), "write billed, effective, list or contracted");
    let tolerance = cell(table, (row, "tolerance_bps"), |text| text.parse::<Tolerance>(), TOLERANCE_HELP);
    let children = |text: &str| match text {
        "may-exceed" => Ok(true),
        "within" => Ok(false),
        other => Err(format!("'{other}' is no way to treat budgets below")),
    };
    let children = cell(table, (row, "children"), children, "write may-exceed or within");
    if table.faults.len() > before {
        return None;
    }
    let amount = amount?;
    let limit = match given.first() {
        Some(&"bps") => Limit::Bps { bps: amount, metric },
        Some(&"per_engineer") => Limit::PerEngineer(amount),
        _ => Limit::Money(amount),
    };
    Some(Budget {
        unit: unit?,
        period: span?.0,
        limit,
        currency: currency?.0,
        cost: cost.unwrap_or(CostKind::Effective),
        tolerance_bps: tolerance.map_or(TOLERANCE_BPS, |tolerance| tolerance.0),
        children_may_exceed: children.unwrap_or(false),
        line: Some(table.line(row)),
    })
}
