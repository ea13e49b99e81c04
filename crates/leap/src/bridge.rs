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
//! Reads charges, because a price is known per SKU alone; what was used of a slice is kept by owner and product, so that the
//! change of every unit is split from one reading. The method is `leap_orient::reading::bridge`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use leap_book::ConfigKind;
use leap_lake::Staging;
use leap_orient::attribute::{Answers, Engine};
use leap_orient::org::Reader;
use leap_orient::reading::bridge::{Bridge, Cause, Compared, Part};
use leap_orient::reading::spend::Basis;
use leap_terms::tables::Table;
use leap_terms::{CostKind, Currency, Day, FileRecord, Money, Owner, Period, Reach, TeamId};
use serde_json::json;

use crate::annotate::Owners;
use crate::cli::{BridgeArgs, OutputFormat};
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, amount_shown, emit, print_json};
use crate::ownership::keyed_for;
use crate::spend::{previous, unit_named};
use crate::view::View;
use crate::world::{Open, Slice, World, answers, each_batch, published};

mod usage;

use usage::{Usage, UsageReading};

/// Services that are named beside a cause.
const NAMED: usize = 3;

/// Whose cost, which cost, and between what.
pub(crate) struct Question {
    /// Before and after.
    pub(crate) periods: [Period; 2],
    pub(crate) basis: Basis,
    pub(crate) cost: CostKind,
    /// This unit and those below it; none: everybody.
    pub(crate) under: Option<TeamId>,
    /// Only what the person who asks sees.
    pub(crate) reach: Reach,
}

impl Question {
    fn is_mine(&self, reader: &Reader<'_>, owner: &Owner, day: Day) -> bool {
        if self.under.is_none() && self.reach.is_everything() {
            return true;
        }
        let Owner::Team(team) = owner else { return false };
        let place = reader.place(team, day);
        self.under.as_ref().is_none_or(|unit| place.path.contains(unit)) && self.reach.holds(&place.path)
    }

    /// The days of a slice that are in a period: 0 before, 1 after.
    fn days(&self, side: usize, slice: &Slice) -> Option<Period> {
        let own = Period::new(slice.first_day, slice.last_day.plus(1))?;
        match self.basis {
            Basis::Incurred => own.intersection(self.periods[side]),
            Basis::Invoiced => self.periods[side].contains(slice.scope.billing_period.first_day()).then_some(own),
        }
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
    let bridges = compare(&home, &view, &question)?;
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

/// Why the cost of a unit (of all, without one) changed between two periods, by currency.
pub(crate) fn compare(home: &Home, view: &View, question: &Question) -> Result<BTreeMap<Currency, Bridge>, Failure> {
    let open: Open = &published(home);
    let readers = view.readers();
    let mut compared = BTreeMap::<Currency, Compared>::new();
    for (layer, slice) in view.sliced() {
        let reader = &readers[*layer];
        for side in 0..2 {
            let Some(range) = question.days(side, slice) else { continue };
            if side == 0 {
                let days = view.layer(*layer).days(slice, open)?;
                for (who, rows) in days.all() {
                    for row in rows.iter().filter(|row| range.contains(row.day)) {
                        if question.is_mine(reader, &who.owner, row.day) {
                            let sums = compared.entry(days.currency(row).clone()).or_default();
                            sums.owned_before += row.costs[question.cost];
                        }
                    }
                }
            }
            let used = used(home, view, *layer, slice, question, side, open)?;
            let mine = |owner: &Owner, tree: Day| match side {
                0 => question.is_mine(&readers[0], owner, question.last()),
                _ => question.is_mine(reader, owner, tree),
            };
            used.add(mine, |currency, product, used| {
                let sums = compared.entry(currency.clone()).or_default();
                let products = if side == 0 { &mut sums.before } else { &mut sums.after };
                products.entry(product.clone()).or_default().add(used.cost, used.quantity);
            });
        }
    }
    for (side, period) in question.periods.into_iter().enumerate() {
        for shared in view.shared_days(period, question.basis, open)? {
            let covers = |day: Day| match question.basis {
                Basis::Incurred => period.contains(day),
                Basis::Invoiced => period.contains(shared.billing.first_day()),
            };
            for (who, rows) in shared.days.all() {
                for row in rows.iter().filter(|row| covers(row.day)) {
                    if question.is_mine(&readers[shared.layer], &who.owner, row.day) {
                        let sums = compared.entry(shared.days.currency(row).clone()).or_default();
                        sums.shared[side] += row.costs[question.cost];
                    }
                }
            }
        }
    }
    Ok(compared.into_iter().map(|(currency, compared)| (currency, Bridge::of(&compared))).collect())
}

/// Charges that a split of a change reads.
pub(crate) fn charges(view: &View, question: &Question) -> u64 {
    let asked = |slice: &Slice| (0..2).any(|side| question.days(side, slice).is_some());
    view.sliced().iter().filter(|(_, slice)| asked(slice)).map(|(_, slice)| slice.rows).sum()
}

/// True where no charge has to be read, as others asked before.
pub(crate) fn is_ready(home: &Home, view: &View, question: &Question) -> bool {
    view.sliced().iter().all(|(layer, slice)| {
        (0..2).all(|side| match question.days(side, slice) {
            None => true,
            Some(range) => home.kept.known::<Usage>(&name(view, *layer, slice, question, side, range)).is_some(),
        })
    })
}

/// The days in a period from which on another tree counts.
fn trees(view: &View, layer: usize, range: Period) -> Vec<Day> {
    view.org(layer).steps().iter().copied().filter(|step| range.from() < *step && *step < range.until()).collect()
}

/// All that decides what was used.
fn name(view: &View, layer: usize, slice: &Slice, question: &Question, side: usize, range: Period) -> String {
    let cost = question.cost;
    let mut name = format!("used {} {} {range} {cost}", slice.charges_print(), slice.print());
    match side {
        0 => {
            name += &format!(" later {}", question.last());
            for kind in [ConfigKind::Rules, ConfigKind::Claims, ConfigKind::Org] {
                let digest = view.head().config_digest(kind);
                name += &digest.map_or_else(|| " none".to_owned(), |digest| format!(" {digest}"));
            }
        }
        _ => trees(view, layer, range).iter().for_each(|step| name += &format!(" {step}")),
    }
    name
}

/// What was used of a slice in a period, by owner: of before by the owners of the last day of after.
fn used(
    home: &Home,
    view: &View,
    layer: usize,
    slice: &Slice,
    question: &Question,
    side: usize,
    open: Open,
) -> Result<Arc<Usage>, Failure> {
    let Some(range) = question.days(side, slice) else { return Ok(Arc::default()) };
    home.kept.get(&name(view, layer, slice, question, side, range), || {
        let mut owners = Owners::none();
        let mut reading = UsageReading::new(range, trees(view, layer, range));
        if side == 0 {
            let world = view.head();
            let engine = Engine::new(&world.rules, &world.org);
            let staging =
                home.lake.stage(&format!("bridge-{}-{}", std::process::id(), slice.print())).map_err(problem)?;
            let asked = asked_again(home, world, &engine, slice, &staging, open);
            staging.discard().map_err(problem)?;
            let (key_columns, answers) = asked?;
            owners.put(slice, key_columns, answers, world.digest_text().into());
            reading = UsageReading::new(range, Vec::new());
        } else {
            owners.put(slice, slice.key_columns(), answers(slice, open)?, "".into());
        }
        let mut columns: Vec<String> = owners.columns().map(str::to_owned).collect();
        columns.extend(usage::columns(question.cost));
        columns.sort();
        columns.dedup();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let other = (side == 0).then(|| question.last());
        each_batch(slice.of(Table::Charges), Some(&columns), open, |batch| {
            reading.read(batch, question.cost, &owners, other).map_err(Failure::failed)
        })?;
        let usage = reading.finish();
        let bytes = usage.bytes();
        Ok((usage, bytes))
    })
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
