//! `leap bridge`: why cost changed between two periods, adding up exactly.
//!
//! ```text
//! $ leap bridge --period 2026-09 --under payments
//! payments: effective cost rose by 12,310.09 USD from 2026-08 to 2026-09: usage +14,002.11, mix −1,692.02
//!   part                  currency      amount   most at
//!   2026-08               USD       405,894.02
//!   usage                 USD        14,002.11   Amazon EC2 +9,120.00, Amazon S3 +2,400.10
//!   mix                   USD        −1,692.02   Amazon RDS −1,400.00
//!   2026-09               USD       418,204.11
//! ```
//! Reads charges, because a price is known per SKU alone. The method is `leap_orient::reading::bridge`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_lake::Staging;
use leap_orient::attribute::{Answers, Engine};
use leap_orient::org::Reader;
use leap_orient::reading::bridge::{Bridge, Cause, Compared, Part, Product};
use leap_orient::reading::spend::Basis;
use leap_terms::tables::Table;
use leap_terms::{CostKind, Currency, Day, FileRecord, Money, Month, Owner, Period, Reach, TeamId};
use serde_json::json;

use crate::annotate::Owners;
use crate::cli::{BridgeArgs, OutputFormat};
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, amount_shown, emit, print_json};
use crate::ownership::keyed_for;
use crate::rows::{self, text};
use crate::spend::{previous, unit_named};
use crate::view::View;
use crate::world::{Open, Slice, World, each_batch, published};

/// Services that are named beside a cause.
const NAMED: usize = 3;

/// Whose cost, which cost, and between what.
struct Question {
    /// Before and after.
    periods: [Period; 2],
    basis: Basis,
    cost: CostKind,
    /// This unit and those below it; none: everybody.
    under: Option<TeamId>,
    /// Only what the person who asks sees.
    reach: Reach,
}

impl Question {
    /// 0 before, 1 after, none for neither.
    fn side(&self, covers: impl Fn(Period) -> bool) -> Option<usize> {
        self.periods.iter().position(|period| covers(*period))
    }

    fn is_mine(&self, reader: &Reader<'_>, owner: &Owner, day: Day) -> bool {
        if self.under.is_none() && self.reach.is_everything() {
            return true;
        }
        let Owner::Team(team) = owner else { return false };
        let path = reader.path(team, day);
        self.under.as_ref().is_none_or(|unit| path.contains(unit)) && self.reach.holds(&path)
    }

    fn may_cover(&self, period: Period, slice: &Slice) -> bool {
        self.basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day)
    }

    /// The last day of after: its owners are those that before is compared by.
    fn last(&self) -> Day {
        self.periods[1].until().plus(-1)
    }
}

/// `leap bridge`.
pub(crate) async fn run(root: &Path, args: &BridgeArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.reading).await?;
    let basis = basis(args.basis);
    let after = args.period.map_or_else(|| view.head().last_period(basis), Ok)?;
    let before = against(args.against.as_deref(), after)?;
    let under = args.under.as_deref().map(|name| unit_named(&view, name)).transpose()?;
    let question = Question { periods: [before, after], basis, cost: args.cost, under, reach: Reach::Everything };
    let open = published(&home);
    for period in question.periods {
        view.warn_pending(period, basis, &open)?;
    }
    let bridges = compare(&home, &view, &question, &open)?;
    if bridges.is_empty() {
        return Err(Failure::failed(format!("there is no such cost in {before}, nor in {after}")));
    }
    let who = question.under.as_ref().map_or("all", TeamId::as_str);
    match args.format.format {
        OutputFormat::Json => print_json(&as_json(&view, &question, who, &bridges)),
        OutputFormat::Table => {
            for (currency, bridge) in &bridges {
                emit(&sentence(&question, who, currency, bridge))?;
            }
            table(&question, &bridges).print(OutputFormat::Table)
        }
        format @ (OutputFormat::Csv | OutputFormat::Markdown) => table(&question, &bridges).print(format),
    }
}

/// Why the cost of a unit (of all, without one) changed between two periods, by currency.
pub(crate) fn between(
    home: &Home,
    view: &View,
    periods: [Period; 2],
    (cost, basis): (CostKind, Basis),
    under: Option<TeamId>,
) -> Result<BTreeMap<Currency, Bridge>, Failure> {
    compare(home, view, &Question { periods, basis, cost, under, reach: view.reach().clone() }, &published(home))
}

/// The period that is compared with: `previous`, `year`, or one that is named.
pub(crate) fn against(text: Option<&str>, after: Period) -> Result<Period, Failure> {
    let before = match text {
        None | Some("previous") => previous(after),
        Some("year") => {
            // A day that the year before lacks (February 29) is that month's end.
            let back = |day: Day| {
                let month = day.month().plus(-12);
                month.first_day().plus(day.days() - day.month().first_day().days()).min(month.period().until())
            };
            Period::new(back(after.from()), back(after.until()))
                .ok_or_else(|| Failure::usage(format!("{after} has no days a year before: name another --against")))?
        }
        Some(text) => text
            .parse()
            .map_err(|error| Failure::usage(format!("--against '{text}': {error}; or write previous, or year")))?,
    };
    if before.intersection(after).is_some() {
        return Err(Failure::usage(format!(
            "{before} and {after} have days in common; what is compared must stand apart: name another --against"
        )));
    }
    Ok(before)
}

/// Reads both periods.
fn compare(home: &Home, view: &View, question: &Question, open: Open) -> Result<BTreeMap<Currency, Bridge>, Failure> {
    let readers = view.readers();
    let owners = Owners::of_view(view, open)?;
    let later = as_owned_later(home, view, question, open)?;
    let mut compared = BTreeMap::<Currency, Compared>::new();
    let mut columns: Vec<String> = owners.columns().chain(later.columns()).map(str::to_owned).collect();
    for more in ["ServiceName", "PricingUnit", "SkuPriceId", "SkuId", "ChargeDescription", "BillingCurrency"] {
        columns.push(more.to_owned());
    }
    columns.extend(rows::cost_columns(question.cost));
    columns.extend(rows::quantity_columns());
    columns.sort();
    columns.dedup();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    for (layer, slice) in view.slices() {
        if !question.periods.iter().any(|period| question.may_cover(*period, &slice)) {
            continue;
        }
        each_batch(slice.of(Table::Charges), Some(&columns), open, |batch| {
            let then = owners.of(batch).map_err(Failure::failed)?;
            let now = match question.may_cover(question.periods[0], &slice) {
                true => later.on(batch, Some(question.last())).map_err(Failure::failed)?,
                false => Vec::new(),
            };
            for row in 0..batch.num_rows() {
                let day = rows::day(batch, row);
                let side = question.side(|period| question.basis.covers(period, day, &slice.scope));
                let Some(side) = side else { continue };
                let owned = question.is_mine(&readers[layer], &then[row].owner, day);
                let compares = match side {
                    0 => question.is_mine(&readers[0], &now[row].owner, question.last()),
                    _ => owned,
                };
                if !owned && !compares {
                    continue;
                }
                let currency = text(batch, "BillingCurrency", row).unwrap_or_default();
                let currency = Currency::new(currency).map_err(|error| Failure::failed(error.to_string()))?;
                let sums = compared.entry(currency).or_default();
                let cost = rows::cost(batch, question.cost, row);
                if side == 0 && owned {
                    sums.owned_before += cost;
                }
                if compares {
                    let products = if side == 0 { &mut sums.before } else { &mut sums.after };
                    let quantity = rows::quantity(batch, row);
                    products.entry(product(batch, row)).or_default().add(cost, quantity);
                }
            }
            Ok(())
        })?;
    }
    for (side, period) in question.periods.into_iter().enumerate() {
        for shared in view.journal(period, question.basis, open)? {
            let covers = |day: Day, billing: Month| match question.basis {
                Basis::Incurred => period.contains(day),
                Basis::Invoiced => period.contains(billing.first_day()),
            };
            for line in shared.lines.iter().filter(|line| covers(line.day, shared.billing)) {
                if question.is_mine(&readers[shared.layer], &line.owner, line.day) {
                    let sums = compared.entry(line.currency.clone()).or_default();
                    sums.shared[side] += line.costs[question.cost];
                }
            }
        }
    }
    Ok(compared.into_iter().map(|(currency, compared)| (currency, Bridge::of(&compared))).collect())
}

/// Who would own the charges of before on the last day of after, by the rules and claims of the newest world of the view.
fn as_owned_later(home: &Home, view: &View, question: &Question, open: Open) -> Result<Owners, Failure> {
    let world = view.head();
    let engine = Engine::new(&world.rules, &world.org);
    let mut owners = Owners::none();
    for (_, slice) in view.slices().into_iter().filter(|(_, slice)| question.may_cover(question.periods[0], slice)) {
        let staging = home.lake.stage(&format!("bridge-{}", std::process::id())).map_err(problem)?;
        let asked = asked_again(home, world, &engine, &slice, &staging, open);
        staging.discard().map_err(problem)?;
        let (key_columns, answers) = asked?;
        owners.put(&slice, key_columns, answers, world.digest_text().into());
    }
    Ok(owners)
}

/// Asks all rules for the keys of a slice again, for all days.
fn asked_again(
    home: &Home,
    world: &World,
    engine: &Engine<'_>,
    slice: &Slice,
    staging: &Staging,
    open: Open,
) -> Result<(Vec<String>, Answers), Failure> {
    let keyed = keyed_for(home, &world.rules.extra_columns(), slice, staging, open)?;
    let keyed = keyed.unwrap_or_else(|| slice.clone());
    let staged: BTreeSet<String> = staging.files().into_iter().map(|file| file.path).collect();
    let open = |file: &FileRecord, columns: Option<&[&str]>| {
        if staged.contains(&file.path) { staging.scan(file, columns).map_err(problem) } else { open(file, columns) }
    };
    let mut run = engine.scope();
    each_batch(keyed.of(Table::Keys), None, &open, |batch| run.keys(batch).map_err(problem))?;
    each_batch(keyed.of(Table::Resources), None, &open, |batch| run.resources(batch).map_err(problem))?;
    each_batch(keyed.of(Table::Cube), None, &open, |batch| run.cube(batch).map_err(problem))?;
    let mut answers = Answers::new();
    for batch in &run.finish().batches {
        answers.add(batch).map_err(problem)?;
    }
    Ok((keyed.key_columns(), answers))
}

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

fn product(batch: &arrow::array::RecordBatch, row: usize) -> Product {
    let first = |names: &[&str]| names.iter().find_map(|name| text(batch, name, row)).unwrap_or_default().to_owned();
    Product {
        service: first(&["ServiceName"]),
        unit: first(&["PricingUnit"]),
        sku: first(&["SkuPriceId", "SkuId", "ChargeDescription"]),
    }
}

/// With its sign, also above zero.
fn signed(amount: Money) -> String {
    let sign = if amount > Money::ZERO { "+" } else { "" };
    format!("{sign}{}", amount_shown(amount))
}

fn sentence(question: &Question, who: &str, currency: &Currency, bridge: &Bridge) -> String {
    let [before, after] = question.periods;
    let change = bridge.change();
    let verb = match change.cmp(&Money::ZERO) {
        std::cmp::Ordering::Greater => format!("rose by {} {currency}", amount_shown(change)),
        std::cmp::Ordering::Less => format!("fell by {} {currency}", amount_shown(-change)),
        std::cmp::Ordering::Equal => format!("did not change, in {currency}"),
    };
    let mut causes: Vec<(Cause, Money)> =
        Cause::ALL.into_iter().map(|cause| (cause, bridge.total(cause))).filter(|(_, sum)| !sum.is_zero()).collect();
    causes.sort_by_key(|(cause, sum)| (std::cmp::Reverse(sum.abs()), *cause));
    let causes: Vec<String> = causes.iter().map(|(cause, sum)| format!("{} {}", cause.word(), signed(*sum))).collect();
    let causes = if causes.is_empty() { String::new() } else { format!(": {}", causes.join(", ")) };
    format!("{who}: {} cost {verb} from {before} to {after}{causes}\n", question.cost)
}

fn table(question: &Question, bridges: &BTreeMap<Currency, Bridge>) -> Answer {
    let mut answer = Answer::new("", &["part", "currency", "amount", "most at"]);
    for (currency, bridge) in bridges {
        let mut row = |part: String, amount, most: Cell| {
            answer.rows.push(vec![Cell::text(part), Cell::text(currency.as_str()), Cell::Amount(amount), most]);
        };
        row(question.periods[0].to_string(), bridge.before, Cell::Empty);
        for (cause, total, most) in causes(bridge, signed) {
            row(cause.word().to_owned(), total, Cell::text(most));
        }
        row(question.periods[1].to_string(), bridge.after, Cell::Empty);
    }
    answer
}

/// The causes that have a part in a change: each with its sum, and the services at which most of it is.
pub(crate) fn causes(bridge: &Bridge, shown: impl Fn(Money) -> String) -> Vec<(Cause, Money, String)> {
    let told = Cause::ALL.into_iter().map(|cause| (cause, bridge.total(cause), bridge.largest(cause)));
    told.filter(|(_, total, largest)| !total.is_zero() || !largest.is_empty())
        .map(|(cause, total, largest)| {
            let part = |part: &&Part| format!("{} {}", service(part.service.as_deref()), shown(part.amount));
            (cause, total, largest.iter().take(NAMED).map(part).collect::<Vec<_>>().join(", "))
        })
        .collect()
}

fn service(name: Option<&str>) -> &str {
    name.filter(|name| !name.is_empty()).unwrap_or("(no service)")
}

fn as_json(view: &View, question: &Question, who: &str, bridges: &BTreeMap<Currency, Bridge>) -> serde_json::Value {
    let rows: Vec<_> = bridges
        .iter()
        .map(|(currency, bridge)| {
            let causes: BTreeMap<&str, String> =
                Cause::ALL.into_iter().map(|cause| (cause.word(), bridge.total(cause).to_string())).collect();
            let parts: Vec<_> = bridge
                .parts
                .iter()
                .map(|part| {
                    json!({ "cause": part.cause.word(), "service": part.service, "amount": part.amount.to_string() })
                })
                .collect();
            json!({
                "currency": currency.as_str(),
                "before": bridge.before.to_string(),
                "after": bridge.after.to_string(),
                "change": bridge.change().to_string(),
                "causes": causes,
                "parts": parts,
            })
        })
        .collect();
    json!({
        "snapshot": view.head().digest_text(),
        "under": question.under.as_ref().map(|_| who),
        "cost": question.cost.word(),
        "before": question.periods[0].to_string(),
        "after": question.periods[1].to_string(),
        "currencies": rows,
    })
}
