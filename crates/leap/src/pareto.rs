//! `leap pareto`: the few who make most of it, in money and in milliseconds of the tail, on one list.
//!
//! ```text
//! team      cost       of all    latency   of all    both      running
//! ledger    4,012.10   20.00 %   3.612 s   78.40 %   49.20 %   49.20 %
//! ```
//! Money is that of `leap spend`, latency the composition of `leap latency`, through the same org and dates: the columns add
//! up to what those say. Where a home has only one of the two, the list is of that one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_orient::pareto::{Row, ranked};
use leap_orient::reading::dimension::{self, Named};
use leap_terms::{Currency, Exact, Period};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, ParetoArgs};
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::latency::{self, Tail};
use crate::output::{Answer, Cell, print_json};
use crate::spend;
use crate::view::View;

/// Answers and prints.
pub(crate) async fn run(root: &Path, args: &ParetoArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.reading).await?;
    let levels = view.levels();
    let by = dimension::parse(&args.by, &[], &levels, &[]).map_err(Failure::usage)?;
    let [by] = &by[..] else { return Err(Failure::usage("name one dimension: team, or a level of the org")) };
    let whole = by.name.eq_ignore_ascii_case("team") || levels.iter().any(|level| level.eq_ignore_ascii_case(&by.name));
    if !whole {
        let levels: Vec<String> = levels.iter().map(|level| format!(", {level}")).collect();
        return Err(Failure::usage(format!(
            "--by '{}' is none of team{}: only owners have both",
            by.name,
            levels.concat()
        )));
    }
    let has_bills = !view.head().scopes.is_empty();
    let period = match args.period {
        Some(period) => Some(period),
        None if has_bills => Some(view.head().last_period(basis(args.basis))?),
        None => None,
    };
    let cost = match period.filter(|_| has_bills) {
        Some(period) => Some(cost_of(&home, &view, args, by, period).await?),
        None => None,
    };
    let tail = tail_of(&home, &view, args, by, period).await?;
    let mut measures = Vec::new();
    measures.extend(cost.as_ref().map(|(amounts, _)| amounts.clone()));
    measures.extend(tail.as_ref().map(|tail| tail.parts.clone()));
    if measures.is_empty() {
        let what = "there are neither charges nor requests yet; take bills or traces in first: leap ingest FILE";
        return Err(Failure::failed(what));
    }
    let rows = ranked(&measures);
    let list = List { args, by, period, cost: cost.map(|(_, currency)| currency), tail: tail.as_ref(), rows };
    list.print()
}

/// What each owner costs, in one currency.
async fn cost_of(
    home: &Home,
    view: &View,
    args: &ParetoArgs,
    by: &Named,
    period: Period,
) -> Result<(BTreeMap<String, Exact>, Currency), Failure> {
    let question =
        spend::ByOwner { by, period, cost: args.cost, basis: basis(args.basis), currency: args.currency.as_ref() };
    let rows = spend::by_owner(home, view, question).await?;
    let currencies: BTreeSet<&Currency> = rows.iter().map(|row| &row.currency).collect();
    if currencies.len() > 1 {
        let names: Vec<&str> = currencies.iter().map(|currency| currency.as_str()).collect();
        return Err(Failure::usage(format!(
            "charges of {period} are in {}; say --currency {} to convert them by the month's rates",
            names.join(", "),
            names[0]
        )));
    }
    let currency = currencies.into_iter().next().cloned();
    let currency = currency.ok_or_else(|| Failure::failed(format!("there are no charges in {period}")))?;
    let mut amounts = BTreeMap::<String, Exact>::new();
    for row in &rows {
        // As latency names a team without a unit of the level.
        let owner = row.values[0].clone().unwrap_or_else(|| format!("(no {})", by.name));
        *amounts.entry(owner).or_default() += row.amount;
    }
    Ok((amounts, currency))
}

/// The tail, divided; `None` where no request began in the period.
async fn tail_of(
    home: &Home,
    view: &View,
    args: &ParetoArgs,
    by: &Named,
    period: Option<Period>,
) -> Result<Option<Tail>, Failure> {
    latency::tail(home, view, (args.api.as_deref(), period), args.quantile, &by.name).await
}

struct List<'a> {
    args: &'a ParetoArgs,
    by: &'a Named,
    period: Option<Period>,
    cost: Option<Currency>,
    tail: Option<&'a Tail>,
    rows: Vec<Row>,
}

/// `12.34 %` of millionths.
fn percent(millionths: i64) -> String {
    let hundredths = (millionths.abs() + 50) / 100;
    let sign = if millionths < 0 && hundredths > 0 { "-" } else { "" };
    format!("{sign}{}.{:02} %", hundredths / 100, hundredths % 100)
}

impl List<'_> {
    fn print(&self) -> Result<(), Failure> {
        if self.args.format.format == OutputFormat::Json {
            return print_json(&self.json());
        }
        let mut columns = vec![self.by.name.as_str()];
        if self.cost.is_some() {
            columns.extend(["cost", "of all cost"]);
        }
        if self.tail.is_some() {
            columns.extend(["latency", "of all latency"]);
        }
        if self.cost.is_some() && self.tail.is_some() {
            columns.push("both");
        }
        columns.push("running");
        let mut answer = Answer::new(self.title(), &columns);
        let shown = self.args.top.unwrap_or(self.rows.len());
        for row in self.rows.iter().take(shown) {
            answer.rows.push(self.cells(&row.owner, &row.amounts, &row.shares, row.weight, Some(row.running)));
        }
        if let Some(rest) = self.rows.get(shown..).filter(|rest| !rest.is_empty()) {
            answer.rows.push(self.summed("(rest)", rest, self.rows.last().map(|row| row.running)));
        }
        answer.totals.push(self.summed("total", &self.rows, None));
        answer.print(self.args.format.format)
    }

    fn summed(&self, name: &str, rows: &[Row], running: Option<i64>) -> Vec<Cell> {
        let measures = usize::from(self.cost.is_some()) + usize::from(self.tail.is_some());
        let amounts: Vec<Exact> = (0..measures).map(|at| rows.iter().map(|row| row.amounts[at]).sum()).collect();
        let shares: Vec<Option<i64>> = (0..measures).map(|at| rows.iter().map(|row| row.shares[at]).sum()).collect();
        self.cells(name, &amounts, &shares, rows.iter().map(|row| row.weight).sum(), running)
    }

    fn cells(
        &self,
        name: &str,
        amounts: &[Exact],
        shares: &[Option<i64>],
        weight: i64,
        running: Option<i64>,
    ) -> Vec<Cell> {
        let share = |at: usize| shares[at].map_or(Cell::Empty, |share| Cell::text(percent(share)));
        let mut cells = vec![Cell::text(name)];
        if self.cost.is_some() {
            cells.extend([Cell::Amount(amounts[0]), share(0)]);
        }
        if self.tail.is_some() {
            let at = amounts.len() - 1;
            cells.extend([Cell::text(latency::shown(ns(amounts[at]))), share(at)]);
        }
        if self.cost.is_some() && self.tail.is_some() {
            cells.push(Cell::text(percent(weight)));
        }
        cells.push(running.map_or(Cell::Empty, |running| Cell::text(percent(running))));
        cells
    }

    fn title(&self) -> String {
        let period = self.period.map_or_else(String::new, |period| format!(" in {period}"));
        let mut measures = Vec::new();
        if let Some(currency) = &self.cost {
            measures.push(format!("{} cost in {currency}", self.args.cost));
        }
        if let Some(tail) = self.tail {
            let of = format!("{} of {}", latency::percent(self.args.quantile), tail.api);
            measures.push(format!("{of}, {} over {} requests", latency::shown(tail.latency_ns.into()), tail.requests));
        }
        format!("Who makes most of it{period}: {}", measures.join("; and "))
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let mut value = json!({ self.by.name.as_str(): row.owner });
                if self.cost.is_some() {
                    value["cost"] = json!(row.amounts[0].to_string());
                    value["cost_ppm"] = json!(row.shares[0]);
                }
                if self.tail.is_some() {
                    let at = row.amounts.len() - 1;
                    value["latency_ns"] = json!(i64::try_from(ns(row.amounts[at])).unwrap_or(i64::MAX));
                    value["latency_ppm"] = json!(row.shares[at]);
                }
                value["weight_ppm"] = json!(row.weight);
                value["running_ppm"] = json!(row.running);
                value
            })
            .collect();
        let total: Option<Exact> = self.cost.as_ref().map(|_| self.rows.iter().map(|row| row.amounts[0]).sum());
        json!({
            "period": self.period.map(|period| period.to_string()),
            "by": self.by.name,
            "currency": self.cost.as_ref().map(|currency| currency.as_str()),
            "cost": total.map(|total| total.to_string()),
            "api": self.tail.map(|tail| tail.api.clone()),
            "latency_ns": self.tail.map(|tail| tail.latency_ns),
            "requests": self.tail.map(|tail| tail.requests),
            "rows": rows,
        })
    }
}

/// Whole nanoseconds.
fn ns(amount: Exact) -> i128 {
    amount.coarse() / leap_terms::exact::COARSE_PER_WHOLE
}
