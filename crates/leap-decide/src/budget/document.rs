//! Reads `budgets.yaml`.
//!
//! ```yaml
//! currency: USD                # of amounts, unless a budget says otherwise
//! cost: effective              # billed, effective, list or contracted
//! tolerance_bps: 200
//! budgets:
//!   - {unit: payments, period: 2026-10, amount: 120000.00}
//!   - {unit: search, period: 2026-10..2026-12, every: month, bps: 12.5, metric: orders_volume}
//!   - {unit: platform, period: 2026-Q4, per_engineer: 900, children: may-exceed}
//! ```
//! `every: month` is one budget for each month of the period. Each budget has exactly one of `amount`, `bps` (basis
//! points of a metric of business volume) and `per_engineer` (money per engineer and month).

use std::cell::RefCell;
use std::str::FromStr;

use leap_terms::yaml::Places;
use leap_terms::{CostKind, Currency, Exact, Fault, Month, Period};

use super::{Budget, Budgets, Limit, Names, PER_WHOLE, TOLERANCE_BPS};
use crate::document::{Document, Faults, Item};

const TOP: [&str; 4] = ["currency", "cost", "tolerance_bps", "budgets"];
pub(super) const FIELDS: [&str; 11] = [
    "unit",
    "period",
    "every",
    "amount",
    "bps",
    "per_engineer",
    "metric",
    "currency",
    "cost",
    "tolerance_bps",
    "children",
];
const FORM: &str =
    "a budgets file has currency:, cost:, tolerance_bps: and budgets: [{unit: payments, period: 2026-10, amount: 1}]";
pub(super) const PERIOD_HELP: &str =
    "write a month (2026-10), months (2026-10..2026-12), a quarter (2026-Q4) or a year";
pub(super) const AMOUNT_HELP: &str = "write an amount of at least zero, such as 120000.00";
pub(super) const LIMIT_HELP: &str = "give each budget one of amount, bps and per_engineer";
/// Budgets of one file, months counted one by one.
const MOST: usize = 200_000;

impl Budgets {
    /// Reads a YAML document. `file` is its name, for faults; `names` says who is meant by a unit's name on the first
    /// day of the period.
    ///
    /// # Errors
    /// Every fault with line, field, rule and remedy: an unknown field, a unit that nobody has, an amount that is none,
    /// two limits or none, two budgets of one unit whose periods overlap.
    pub fn read_yaml(file: &str, text: &str, names: Names<'_>) -> Result<Budgets, Vec<Fault>> {
        let faults = Faults::default();
        let document = Document::open(file, text, &TOP, FORM, &faults)?;
        let currency: Option<CurrencyText> = document.parsed("currency", "write a currency code such as USD", &faults);
        let cost = document.parsed("cost", "write billed, effective, list or contracted", &faults);
        let tolerance: Option<Tolerance> = document.parsed("tolerance_bps", TOLERANCE_HELP, &faults);
        let defaults = Defaults {
            currency: currency.map(|currency| currency.0),
            cost: cost.unwrap_or(CostKind::Effective),
            tolerance_bps: tolerance.map_or(TOLERANCE_BPS, |tolerance| tolerance.0),
        };
        let list = document.list("budgets", FORM, &faults);
        let places = Places::new(file, text, "budgets", list.len());
        let mut budgets = Budgets::default();
        for (at, value) in list.iter().enumerate() {
            let Some(item) = Item::open(&places, at, value, ("a budget", &FIELDS), &faults) else { continue };
            for budget in one(&item, &defaults, names).into_iter().flatten() {
                if let Some(message) = budgets.overlap(&budget) {
                    item.wrong("period", message, "keep one budget for each unit, currency, cost and day");
                    break;
                }
                budgets.list.push(budget);
            }
            if budgets.list.len() > MOST {
                item.lacks(format!("more than {MOST} budgets"), "write fewer and longer periods");
                break;
            }
        }
        let faults = RefCell::into_inner(faults);
        if faults.is_empty() { Ok(budgets) } else { Err(faults) }
    }

    /// Says which earlier budget of the same unit, currency and cost has a day in common.
    pub(super) fn overlap(&self, budget: &Budget) -> Option<String> {
        let same = |other: &&Budget| {
            (&other.unit, &other.currency, other.cost) == (&budget.unit, &budget.currency, budget.cost)
                && other.period.intersection(budget.period).is_some()
        };
        let other = self.list.iter().find(same)?;
        let line = other.line.map_or_else(String::new, |line| format!(" on line {line}"));
        Some(format!("{} has a budget for {} already{line}", other.unit, other.period))
    }
}

/// What holds where a budget does not say otherwise.
struct Defaults {
    currency: Option<Currency>,
    cost: CostKind,
    tolerance_bps: u32,
}

/// A currency as a document's field.
pub(super) struct CurrencyText(pub Currency);

impl FromStr for CurrencyText {
    type Err = String;

    fn from_str(text: &str) -> Result<CurrencyText, String> {
        Currency::new(text).map(CurrencyText)
    }
}

/// A tolerance as a document's field.
pub(super) struct Tolerance(pub u32);

pub(super) const TOLERANCE_HELP: &str = "write basis points from 0 to 10000; 200 are 2 %";

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Tolerance, String> {
        let refuse = || format!("'{}' is no tolerance in whole basis points", text.escape_debug());
        text.parse().ok().filter(|bps| *bps <= PER_WHOLE).map(Tolerance).ok_or_else(refuse)
    }
}

/// A budget's period: as any, or a quarter `2026-Q4`.
pub(super) struct Span(pub Period);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let quarter = text.split_once("-Q").and_then(|(year, quarter)| {
            let quarter: u32 = quarter.parse().ok().filter(|quarter| (1..=4).contains(quarter))?;
            let first = Month::new(year.parse().ok().filter(|_| year.len() == 4)?, quarter * 3 - 2)?;
            Period::new(first.first_day(), first.plus(3).first_day())
        });
        quarter.map_or_else(|| text.parse(), Ok).map(Span)
    }
}

fn one(item: &Item<'_>, defaults: &Defaults, names: Names<'_>) -> Option<Vec<Budget>> {
    let before = item.faults();
    let unit: Option<String> = item.needed("unit", "name the unit as org.yaml does");
    let span = item.needed::<Span>("period", PERIOD_HELP);
    let unit = unit.zip(span.as_ref()).and_then(|(unit, span)| {
        let meant = names(&unit, span.0.from());
        meant.map_err(|message| item.wrong("unit", message, "name a unit of that day, by its id or an alias")).ok()
    });
    let monthly = item.word("every", &[("month", true)], false);
    let limits: Vec<&str> =
        ["amount", "bps", "per_engineer"].into_iter().filter(|key| item.get(key).is_some()).collect();
    let limit = match limits.as_slice() {
        ["amount"] => item.amount("amount", AMOUNT_HELP).map(Limit::Money),
        ["bps"] => {
            let metric = item.text("metric").map(str::to_owned);
            item.amount("bps", "write basis points of business volume, such as 12.5")
                .map(|bps| Limit::Bps { bps, metric })
        }
        ["per_engineer"] => item.amount("per_engineer", AMOUNT_HELP).map(Limit::PerEngineer),
        [] => {
            item.lacks("the budget has no amount", LIMIT_HELP);
            None
        }
        several => {
            item.wrong(several[1], format!("the budget has {}", several.join(" and ")), LIMIT_HELP);
            None
        }
    };
    if item.get("metric").is_some() && !limits.contains(&"bps") {
        item.wrong_key("metric", "metric says nothing without bps", "leave it out");
    }
    let currency = match item.get("currency") {
        Some(_) => item.parsed::<CurrencyText>("currency", "write a currency code such as USD").map(|text| text.0),
        None => defaults.currency.clone(),
    };
    if currency.is_none() && item.get("currency").is_none() {
        item.lacks("the budget has no currency", "write currency: USD at the top of the file, or in the budget");
    }
    let cost = item.parsed("cost", "write billed, effective, list or contracted").unwrap_or(defaults.cost);
    let tolerance = item.parsed::<Tolerance>("tolerance_bps", TOLERANCE_HELP);
    let tolerance_bps = tolerance.map_or(defaults.tolerance_bps, |tolerance| tolerance.0);
    let children_may_exceed = item.word("children", &[("may-exceed", true), ("within", false)], false);
    if item.faults() > before {
        return None;
    }
    let (unit, Span(period), limit, currency, line) = (unit?, span?, limit?, currency?, item.line());
    let budget = Budget { unit, period, limit, currency, cost, tolerance_bps, children_may_exceed, line };
    if !monthly {
        return Some(vec![budget]);
    }
    let months = period.months().filter_map(|month| month.period().intersection(period));
    Some(months.map(|period| Budget { period, ..budget.clone() }).collect())
}

/// An amount of a CSV cell.
pub(super) fn cell_amount(text: &str) -> Result<Exact, String> {
    let amount = leap_terms::cost::parse_cost(text.as_bytes()).map_err(|error| format!("'{text}' {error}"))?;
    if amount < Exact::ZERO { Err(format!("{amount} is negative")) } else { Ok(amount) }
}
