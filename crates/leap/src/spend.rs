//! `leap spend`: who spends what, by any dimensions, from the cube; by columns that the cube does not keep, from the
//! charges. Both ways give the same sums.

use std::collections::BTreeMap;
use std::path::Path;

use leap_orient::reading::dimension::{self, Dimension, Named};
use leap_orient::reading::spend::{Basis, RowFilter, Spend, SpendQuery, SpendRow};
use leap_terms::tables::{self, Table};
use leap_terms::{CostKind, Currency, Day, Exact, Money, Period, TeamId};
use serde_json::{Value, json};

use crate::cli::{BasisArg, OutputFormat, SpendArgs};
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, print_json};
use crate::query;
use crate::world::{World, answers, each_batch, published};

type Rows = (Vec<SpendRow>, BTreeMap<Currency, Money>);

/// What is asked, beyond the period.
struct Question<'q> {
    by: &'q [Named],
    cost: CostKind,
    basis: Basis,
    filter: Option<&'q dyn RowFilter>,
    /// The filter as typed, for the way through the charges.
    filter_text: Option<&'q str>,
}

/// Answers and prints.
pub(crate) async fn run(root: &Path, args: &SpendArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, args.reading.snapshot).await?;
    let key_columns = common_key_columns(&world);
    let extra: Vec<String> = extra_columns(&world);
    let by = dimension::parse(
        &args.by,
        &key_columns,
        &world.org.kinds().iter().map(ToString::to_string).collect::<Vec<_>>(),
        &extra,
    )
    .map_err(Failure::usage)?;
    if by.is_empty() {
        return Err(Failure::usage("name at least one dimension, such as --by team"));
    }
    let question_basis = basis(args.basis);
    let period = match args.period {
        Some(period) => period,
        None if world.scopes.is_empty() && args.format.format == OutputFormat::Json => {
            return print_json(&json!({ "snapshot": world.digest_text(), "rows": [], "totals": [] }));
        }
        None => world.last_period(question_basis)?,
    };
    let filter = match &args.filter {
        Some(text) => {
            Some(leap_orient::reading::filter::Filter::parse(text).map_err(|fault| Failure::usage(fault.to_string()))?)
        }
        None => None,
    };
    let question = Question {
        by: &by,
        cost: args.cost,
        basis: basis(args.basis),
        filter: filter.as_ref().map(|filter| filter as &dyn RowFilter),
        filter_text: args.filter.as_deref(),
    };
    let (rows, totals) = ask(&home, &world, &question, period).await?;
    // A report by month or day has its earlier periods as rows.
    let timed =
        by.iter().any(|named| matches!(named.dimension, Dimension::Month | Dimension::Day | Dimension::BillingPeriod));
    let before = match args.format.format {
        OutputFormat::Table | OutputFormat::Markdown if !timed => {
            Some(ask(&home, &world, &question, previous(period)).await?)
        }
        OutputFormat::Table | OutputFormat::Markdown | OutputFormat::Json | OutputFormat::Csv => None,
    };
    let mut rows = rows;
    if let Some((before, _)) = &before {
        // Who had something before and has nothing now is a row too, or the earlier column would not add up.
        let gone: Vec<SpendRow> = before
            .iter()
            .filter(|other| !rows.iter().any(|row| row.values == other.values && row.currency == other.currency))
            .map(|other| SpendRow { amount: Exact::ZERO, rows: 0, ..other.clone() })
            .collect();
        rows.extend(gone);
        rows.sort_by(|a, b| b.amount.cmp(&a.amount).then_with(|| a.values.cmp(&b.values)));
    }
    let (rows, rest) = top(rows, args.top);
    let mut columns: Vec<&str> = by.iter().map(|named| named.name.as_str()).collect();
    columns.extend(["currency", "amount"]);
    if before.is_some() {
        columns.extend(["previous", "change"]);
    }
    let mut answer = Answer::new(title(args, &world, period), &columns);
    for row in rows.iter().chain(&rest) {
        let mut cells: Vec<Cell> =
            row.values.iter().map(|value| value.as_ref().map_or(Cell::Empty, Cell::text)).collect();
        cells.extend([Cell::text(row.currency.as_str()), Cell::Amount(row.amount)]);
        if let Some((before, _)) = &before {
            let known: Money = if rest.contains(row) {
                let shown = |other: &SpendRow| {
                    rows.iter().any(|row| row.values == other.values && row.currency == other.currency)
                };
                before
                    .iter()
                    .filter(|other| other.currency == row.currency && !shown(other))
                    .map(|other| other.amount)
                    .sum()
            } else {
                before
                    .iter()
                    .filter(|other| other.values == row.values && other.currency == row.currency)
                    .map(|other| other.amount)
                    .sum()
            };
            cells.extend([Cell::Amount(known), change(known, row.amount)]);
        }
        answer.rows.push(cells);
    }
    if answer.rows.is_empty() && args.format.format == OutputFormat::Table {
        let days = world.scopes.iter().map(|scope| (scope.facts.first_day, scope.facts.last_day));
        let (first, last) = days.fold((Day::NEVER, Day::EARLIEST), |(a, b), (c, d)| (a.min(c), b.max(d)));
        return crate::output::emit(&format!(
            "no such charges in {period}; there are charges from {first} to {last}\n"
        ));
    }
    if args.format.format == OutputFormat::Json {
        let totals: Vec<Value> = totals
            .iter()
            .map(|(currency, amount)| json!({ "currency": currency.as_str(), "amount": amount.to_string() }))
            .collect();
        return print_json(&json!({ "snapshot": world.digest_text(), "rows": answer.json_rows(), "totals": totals }));
    }
    for (currency, amount) in &totals {
        let mut cells = vec![Cell::text("total")];
        cells.extend(std::iter::repeat_n(Cell::Empty, by.len() - 1));
        cells.extend([Cell::text(currency.as_str()), Cell::Amount(*amount)]);
        if let Some((_, before)) = &before {
            let known = before.get(currency).copied().unwrap_or_default();
            cells.extend([Cell::Amount(known), change(known, *amount)]);
        }
        answer.totals.push(cells);
    }
    answer.print(args.format.format)
}

fn title(args: &SpendArgs, world: &World, period: Period) -> String {
    let basis = match args.basis {
        BasisArg::Incurred => "incurred",
        BasisArg::Invoiced => "invoiced",
    };
    let digest = world.digest_text();
    format!(
        "{} cost {basis} in {period} by {} (snapshot {}; rounded, exact with --format json)",
        args.cost,
        args.by,
        &digest[..digest.len().min(16)]
    )
}

/// The `x_…` columns that any bill of the snapshot has.
pub(crate) fn extra_columns(world: &World) -> Vec<String> {
    let columns: std::collections::BTreeSet<String> = world
        .files
        .iter()
        .filter(|file| file.table == Table::Charges)
        .flat_map(|file| file.columns.iter().cloned())
        .collect();
    columns.into_iter().collect()
}

/// The key columns that every slice's cube has: what a rule named later is in the newer ones only.
fn common_key_columns(world: &World) -> Vec<String> {
    let mut columns: Option<Vec<String>> = None;
    for slice in world.slices() {
        let own = slice.key_columns();
        match &mut columns {
            None => columns = Some(own),
            Some(columns) => columns.retain(|column| own.contains(column)),
        }
    }
    columns.unwrap_or_else(tables::base_key_columns)
}

/// The filter as SQL over charges: a tag is looked up in `AllocatedTags` first, as everywhere.
fn with_allocated_tags(filter: &str) -> String {
    let mut out = String::new();
    let (mut rest, mut quoted) = (filter, false);
    while let Some(c) = rest.chars().next() {
        let plain =
            !quoted && !out.ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '"');
        let named = ["Tags['", "\"Tags\"['"].iter().find_map(|start| rest.strip_prefix(start)).filter(|_| plain);
        if let Some(after) = named
            && let Some(end) = after.find("']")
        {
            let key = &after[..end];
            out += &format!("coalesce(\"AllocatedTags\"['{key}'], \"Tags\"['{key}'])");
            rest = &after[end + 2..];
            continue;
        }
        if c == '\'' {
            quoted = !quoted;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// The period of the same length before: for whole months, as many months.
fn previous(period: Period) -> Period {
    let months = period.months().count();
    let (first, last) = (period.from().month(), period.until().plus(-1).month());
    if first.first_day() == period.from() && last.period().until() == period.until() {
        let months = i32::try_from(months).unwrap_or(1);
        return Period::new(first.plus(-months).first_day(), first.first_day()).expect("a month lasts at least a day");
    }
    let days = period.until().days() - period.from().days();
    Period::new(period.from().plus(-days), period.from()).expect("a period lasts at least a day")
}

/// Change in basis points of the earlier amount; `None` where there was nothing before.
fn change(before: Money, now: Money) -> Cell {
    if before.is_zero() {
        return if now.is_zero() { Cell::Empty } else { Cell::Bps(None) };
    }
    let (difference, base) = ((now - before).coarse(), before.abs().coarse());
    match difference.checked_mul(10_000).zip(Some(base)).filter(|(_, base)| *base != 0) {
        Some((scaled, base)) => Cell::Bps(i64::try_from(scaled / base).ok()),
        None => Cell::Empty,
    }
}

/// The first `count` rows, and one row per currency for the rest.
fn top(mut rows: Vec<SpendRow>, count: Option<usize>) -> (Vec<SpendRow>, Vec<SpendRow>) {
    let Some(count) = count.filter(|count| *count < rows.len()) else { return (rows, Vec::new()) };
    let mut rest = BTreeMap::<Currency, SpendRow>::new();
    for row in rows.split_off(count) {
        let values = row.values.iter().map(|_| Some("(rest)".to_owned())).collect();
        let sum = rest.entry(row.currency.clone()).or_insert_with(|| SpendRow {
            values,
            currency: row.currency.clone(),
            amount: Exact::ZERO,
            rows: 0,
        });
        sum.amount += row.amount;
        sum.rows += row.rows;
    }
    (rows, rest.into_values().collect())
}

async fn ask(home: &Home, world: &World, question: &Question<'_>, period: Period) -> Result<Rows, Failure> {
    let by_charge = question.by.iter().any(|named| matches!(named.dimension, Dimension::Charge(_)));
    let key_columns = common_key_columns(world);
    let outside = |column: &String| {
        !key_columns.contains(column)
            && !matches!(column.as_str(), "ResourceId" | "ResourceName" | "team" | "rule" | "source")
    };
    if by_charge || question.filter.is_some_and(|filter| filter.columns().iter().any(outside)) {
        return from_charges(home, world, question, period).await;
    }
    from_cube(home, world, question, period)
}

fn from_cube(home: &Home, world: &World, question: &Question, period: Period) -> Result<Rows, Failure> {
    let open = published(home);
    let level = |team: &TeamId, kind: &str, _day: Day| world.org.level(team, kind).map(|unit| unit.id.to_string());
    let query = SpendQuery {
        by: question.by,
        period,
        basis: question.basis,
        cost: question.cost,
        filter: question.filter,
        level: &level,
    };
    let mut spend = Spend::new(query);
    for slice in world.slices() {
        if !question.basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day) {
            continue;
        }
        let mut scope = spend.scope(&slice.scope);
        let answers = answers(&slice, &open)?;
        let mut columns = spend.key_columns();
        columns.insert(0, tables::KEY.to_owned());
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        each_batch(slice.of(Table::Keys), Some(&columns), &open, |batch| {
            spend.keys(&mut scope, batch);
            Ok(())
        })?;
        if spend.needs_resources() {
            each_batch(slice.of(Table::Resources), None, &open, |batch| {
                spend.resources(&mut scope, batch);
                Ok(())
            })?;
        }
        let columns = spend.cube_columns();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        each_batch(slice.of(Table::Cube), Some(&columns), &open, |batch| {
            spend.cube(&scope, &answers, batch);
            Ok(())
        })?;
    }
    Ok(spend.finish())
}

/// Through the SQL gateway, over charges.
async fn from_charges(home: &Home, world: &World, question: &Question<'_>, period: Period) -> Result<Rows, Failure> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut columns = Vec::new();
    for named in question.by {
        columns.push(match &named.dimension {
            Dimension::Owner => quoted("x_LeapOwner"),
            Dimension::Rule => quoted("x_LeapRule"),
            Dimension::Source => quoted(tables::SOURCE),
            Dimension::BillingPeriod => quoted(tables::BILLING_PERIOD),
            Dimension::Month => match question.basis {
                Basis::Incurred => "substr(CAST(CAST(\"ChargePeriodStart\" AS DATE) AS VARCHAR), 1, 7)".to_owned(),
                Basis::Invoiced => quoted(tables::BILLING_PERIOD),
            },
            Dimension::Day => "CAST(CAST(\"ChargePeriodStart\" AS DATE) AS VARCHAR)".to_owned(),
            Dimension::Level(_) => quoted("x_LeapOwner"),
            Dimension::Key(name) | Dimension::Resource(name) | Dimension::Charge(name) => quoted(name),
            Dimension::Tag(key) => {
                let key = literal(key);
                format!("coalesce(\"AllocatedTags\"[{key}], \"Tags\"[{key}])")
            }
        });
    }
    columns.push("\"BillingCurrency\"".to_owned());
    let groups: Vec<String> = (1..=columns.len()).map(|at| at.to_string()).collect();
    let inside = match question.basis {
        Basis::Incurred => format!(
            "\"ChargePeriodStart\" >= TIMESTAMP '{}T00:00:00Z' AND \"ChargePeriodStart\" < TIMESTAMP '{}T00:00:00Z'",
            period.from(),
            period.until()
        ),
        Basis::Invoiced => {
            let months: Vec<String> = period
                .months()
                .filter(|month| period.contains(month.first_day()))
                .map(|month| format!("'{month}'"))
                .collect();
            if months.is_empty() {
                "false".to_owned()
            } else {
                format!("{} IN ({})", quoted(tables::BILLING_PERIOD), months.join(", "))
            }
        }
    };
    let filter = question.filter_text.map_or_else(String::new, |text| format!(" AND ({})", with_allocated_tags(text)));
    let sql = format!(
        "SELECT {}, SUM(\"{}\"), COUNT(*) FROM (SELECT *, \"x_LeapOwner\" AS team, \"x_LeapRule\" AS rule, \"{}\" AS source FROM charges) AS charges WHERE {inside}{filter} GROUP BY {}",
        columns.join(", "),
        question.cost.column(),
        tables::SOURCE,
        groups.join(", ")
    );
    let answer = home.lake.sql(&query::view(home, world)?, &sql).await.map_err(query::refusal)?;
    let mut sums = BTreeMap::<(Vec<Option<String>>, Currency), (Money, u64)>::new();
    let mut totals = BTreeMap::<Currency, Money>::new();
    for mut row in answer.texts() {
        let count: u64 = row.pop().flatten().and_then(|text| text.parse().ok()).unwrap_or_default();
        let amount: Money = row
            .pop()
            .flatten()
            .unwrap_or_else(|| "0".to_owned())
            .parse()
            .map_err(|error| Failure::failed(format!("a sum {error}")))?;
        let currency = Currency::new(&row.pop().flatten().unwrap_or_default()).map_err(Failure::failed)?;
        for (value, named) in row.iter_mut().zip(question.by) {
            if let Dimension::Level(kind) = &named.dimension {
                *value = value.take().and_then(|owner| level_of(world, &owner, kind));
            }
        }
        *totals.entry(currency.clone()).or_default() += amount;
        let sum = sums.entry((row, currency)).or_default();
        sum.0 += amount;
        sum.1 += count;
    }
    let mut rows: Vec<SpendRow> = sums
        .into_iter()
        .map(|((values, currency), (amount, rows))| SpendRow { values, currency, amount, rows })
        .collect();
    rows.sort_by(|a, b| {
        b.amount.cmp(&a.amount).then_with(|| a.values.cmp(&b.values)).then_with(|| a.currency.cmp(&b.currency))
    });
    Ok((rows, totals))
}

fn level_of(world: &World, owner: &str, kind: &str) -> Option<String> {
    match TeamId::new(owner) {
        Ok(team) => world.org.level(&team, kind).map(|unit| unit.id.to_string()),
        Err(_) => Some(owner.to_owned()),
    }
}
