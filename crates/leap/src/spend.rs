//! `leap spend`: who spends what, by any dimensions. From days by owner where these decide the answer; else from the cube, for
//! pages from packs of it; by columns that the cube does not keep, from the charges. All ways give the same sums.

use std::collections::BTreeMap;
use std::path::Path;

use leap_lake::cell_text;
use leap_orient::currency::ConvertedTotal;
use leap_orient::org::{Reader, Resolved};
use leap_orient::reading::dimension::{self, Dimension, Named};
use leap_orient::reading::spend::Basis;
use leap_orient::reading::spend::{DaysOf, RowFilter, Spend, SpendQuery, SpendRow};
use leap_terms::tables::{self, Table};
use leap_terms::{CostKind, Currency, Day, Exact, Money, Period, TeamId};
use serde_json::{Value, json};

use crate::annotate::Owners;
use crate::cli::{BasisArg, OrgArg, OutputFormat, SpendArgs};
use crate::convert;
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, print_json};
use crate::packs;
use crate::rows;
use crate::view::View;
use crate::world::{Open, Slice, World, answers, each_batch, published};

pub(crate) type Rows = (Vec<SpendRow>, BTreeMap<Currency, Money>);

/// What is asked, beyond the period.
struct Question<'q> {
    by: &'q [Named],
    cost: CostKind,
    basis: Basis,
    filter: Option<&'q dyn RowFilter>,
    /// Only what stands at this unit or below it.
    under: Option<&'q TeamId>,
    /// True for who will ask more of the same slices: they are packed first.
    packed: bool,
}

/// Answers and prints.
pub(crate) async fn run(root: &Path, args: &SpendArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.reading).await?;
    let world = view.head();
    let levels = view.levels();
    let key_columns = common_key_columns(&view);
    let extra: Vec<String> = extra_columns(world);
    let by = dimension::parse(&args.by, &key_columns, &levels, &extra).map_err(Failure::usage)?;
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
        Some(text) => Some(
            leap_orient::reading::filter::Filter::parse(text, &levels)
                .map_err(|fault| Failure::usage(fault.to_string()))?,
        ),
        None => None,
    };
    let under = args.under.as_deref().map(|name| unit_named(&view, name)).transpose()?;
    let question = Question {
        under: under.as_ref(),
        packed: false,
        by: &by,
        cost: args.cost,
        basis: basis(args.basis),
        filter: filter.as_ref().map(|filter| filter as &dyn RowFilter),
    };
    view.warn_pending(period, question_basis, &published(&home))?;
    let converting = args.currency.as_ref().map(|to| Ok::<_, Failure>((convert::rates(&view)?, to))).transpose()?;
    let dated = with_month(&by);
    let question = Question { by: if converting.is_some() { &dated } else { &by }, ..question };
    let (rows, totals) = ask(&home, &view, &question, period).await?;
    let mut exact: Option<ConvertedTotal> = None;
    let (rows, totals) = match &converting {
        None => (rows, totals),
        Some((rates, to)) => {
            let converted = convert::converted(rates, rows, to)?;
            let rounded = converted.total.total.rounded().ok_or_else(|| Failure::failed("the total is too large"))?;
            exact = Some(converted.total);
            (converted.rows, BTreeMap::from([((*to).clone(), rounded)]))
        }
    };
    // A report by month or day has its earlier periods as rows.
    let timed = by.iter().any(|named| is_time(&named.dimension));
    let before = match args.format.format {
        OutputFormat::Table | OutputFormat::Markdown if !timed => {
            let (rows, totals) = ask(&home, &view, &question, previous(period)).await?;
            match &converting {
                None => Some((rows, totals)),
                // Where an earlier month has no rate the comparison is left out, not the report.
                Some((rates, to)) => convert::converted(rates, rows, to).ok().and_then(|converted| {
                    let rounded = converted.total.total.rounded()?;
                    Some((converted.rows, BTreeMap::from([((*to).clone(), rounded)])))
                }),
            }
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
    if matches!(args.format.format, OutputFormat::Table | OutputFormat::Markdown) {
        // A pool that was split whole has nothing left to show.
        let earlier = |row: &SpendRow| {
            before.as_ref().is_some_and(|(before, _)| {
                before.iter().any(|other| {
                    other.values == row.values && other.currency == row.currency && !other.amount.is_zero()
                })
            })
        };
        rows.retain(|row| !row.amount.is_zero() || earlier(row));
    }
    let (mut rows, rest) = top(rows, args.top);
    if timed {
        // Time is read in its order; within a day or month the largest comes first.
        let when = |row: &SpendRow| -> Vec<Option<String>> {
            let timed = by.iter().zip(&row.values).filter(|(named, _)| is_time(&named.dimension));
            timed.map(|(_, value)| value.clone()).collect()
        };
        rows.sort_by_cached_key(when);
    }
    let mut columns: Vec<&str> = by.iter().map(|named| named.name.as_str()).collect();
    columns.extend(["currency", "amount"]);
    if before.is_some() {
        columns.extend(["previous", "change"]);
    }
    let mut answer = Answer::new(title(args, &view, period), &columns);
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
        if world.scopes.is_empty() {
            return crate::output::emit("there were no charges yet\n");
        }
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
        let mut value = json!({ "snapshot": world.digest_text(), "rows": answer.json_rows(), "totals": totals });
        if let Some(exact) = &exact {
            value["conversion"] = json!({
                "currency": exact.currency.as_str(),
                "rows": exact.rows.to_string(),
                "difference": exact.difference.to_string(),
                "total": exact.total.to_string(),
                "rates": exact.rates.iter().map(|(month, from, rate)| json!({
                    "month": month.to_string(), "from": from.as_str(), "rate": rate.to_string()
                })).collect::<Vec<_>>(),
            });
        }
        return print_json(&value);
    }
    if let Some(exact) = &exact {
        let mut cells = vec![Cell::text("conversion difference")];
        cells.extend(std::iter::repeat_n(Cell::Empty, by.len() - 1));
        cells.extend([Cell::text(exact.currency.as_str()), Cell::text(exact.difference.to_string())]);
        if before.is_some() {
            cells.extend([Cell::Empty, Cell::Empty]);
        }
        answer.totals.push(cells);
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

/// A question in words, as a page asks it.
pub(crate) struct Words<'w> {
    /// Dimensions, by comma.
    pub(crate) by: &'w str,
    /// A predicate over dimensions, as in `--where`.
    pub(crate) filter: Option<&'w str>,
    /// Only what stands at this unit or below it.
    pub(crate) under: Option<&'w TeamId>,
    pub(crate) period: Period,
    pub(crate) cost: CostKind,
    pub(crate) basis: Basis,
}

/// The dimensions that some words name in a view.
pub(crate) fn dimensions(view: &View, by: &str) -> Result<Vec<Named>, Failure> {
    dimension::parse(by, &common_key_columns(view), &view.levels(), &extra_columns(view.head())).map_err(Failure::usage)
}

/// Rows of `leap spend`, and the totals that they add up to.
pub(crate) async fn by_words(home: &Home, view: &View, words: &Words<'_>) -> Result<Rows, Failure> {
    let by = dimensions(view, words.by)?;
    let levels = view.levels();
    let filter = match words.filter {
        Some(text) => Some(
            leap_orient::reading::filter::Filter::parse(text, &levels)
                .map_err(|fault| Failure::usage(fault.to_string()))?,
        ),
        None => None,
    };
    let question = Question {
        by: &by,
        cost: words.cost,
        basis: words.basis,
        filter: filter.as_ref().map(|filter| filter as &dyn RowFilter),
        under: words.under,
        packed: true,
    };
    ask(home, view, &question, words.period).await
}

/// A question of who spends what, and nothing else.
pub(crate) struct ByOwner<'q> {
    /// Team, or a level of the org.
    pub(crate) by: &'q Named,
    pub(crate) period: Period,
    pub(crate) cost: CostKind,
    pub(crate) basis: Basis,
    /// Convert into this one.
    pub(crate) currency: Option<&'q Currency>,
}

/// Rows of `leap spend` by one dimension of owners, as `run` prints them.
pub(crate) async fn by_owner(home: &Home, view: &View, asked: ByOwner<'_>) -> Result<Vec<SpendRow>, Failure> {
    let by = std::slice::from_ref(asked.by);
    let dated = with_month(by);
    let by = if asked.currency.is_some() { &dated } else { by };
    let question = Question { by, cost: asked.cost, basis: asked.basis, filter: None, under: None, packed: false };
    view.warn_pending(asked.period, asked.basis, &published(home))?;
    let (rows, _) = ask(home, view, &question, asked.period).await?;
    match asked.currency {
        None => Ok(rows),
        Some(to) => Ok(convert::converted(&convert::rates(view)?, rows, to)?.rows),
    }
}

/// The dimensions, and behind them the month whose rate converts a row: that of its billing period, whatever the basis, so that a
/// closed period has its frozen rates and a total is one.
fn with_month(by: &[Named]) -> Vec<Named> {
    let mut dated = by.to_vec();
    dated.push(Named { name: "(month)".to_owned(), dimension: Dimension::BillingPeriod });
    dated
}

fn title(args: &SpendArgs, view: &View, period: Period) -> String {
    let basis = match args.basis {
        BasisArg::Incurred => "incurred",
        BasisArg::Invoiced => "invoiced",
    };
    let digest = view.head().digest_text();
    let org = match args.reading.org {
        OrgArg::AsWas => String::new(),
        OrgArg::AsIs => ", org as it is".to_owned(),
        OrgArg::On(day) => format!(", org of {day}"),
    };
    format!(
        "{} cost {basis} in {period} by {}{org} (snapshot {}; rounded, exact with --format json)",
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
fn common_key_columns(view: &View) -> Vec<String> {
    let mut columns: Option<Vec<String>> = None;
    for (_, slice) in view.sliced() {
        let own = slice.key_columns();
        match &mut columns {
            None => columns = Some(own),
            Some(columns) => columns.retain(|column| own.contains(column)),
        }
    }
    columns.unwrap_or_else(tables::base_key_columns)
}

/// The period of the same length before: for whole months, as many months.
pub(crate) fn previous(period: Period) -> Period {
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
        Some((scaled, base)) => {
            let half = base / 2 * scaled.signum();
            Cell::Bps(i64::try_from((scaled + half) / base).ok())
        }
        None => Cell::Empty,
    }
}

fn is_time(dimension: &Dimension) -> bool {
    matches!(dimension, Dimension::Month | Dimension::Day | Dimension::BillingPeriod)
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

/// The unit that a person names, as of any day.
pub(crate) fn unit_named(view: &View, name: &str) -> Result<TeamId, Failure> {
    let org = &view.head().org;
    if let Some(unit) = org.units().iter().find(|unit| unit.id.as_str() == name) {
        return Ok(unit.id.clone());
    }
    match org.resolve(name, view.day()) {
        Resolved::Team(team) => Ok(team),
        Resolved::Ambiguous(teams) => {
            let teams: Vec<&str> = teams.iter().map(TeamId::as_str).collect();
            Err(Failure::usage(format!("'{name}' means several units: {}; name one by its id", teams.join(", "))))
        }
        Resolved::Unknown => {
            let hint = org.nearest(name).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            Err(Failure::usage(format!("no unit of the org is called '{name}'{hint}")))
        }
    }
}

async fn ask(home: &Home, view: &View, question: &Question<'_>, period: Period) -> Result<Rows, Failure> {
    if let Some(rows) = from_days(home, view, question, period)? {
        return Ok(rows);
    }
    let by_charge = question.by.iter().any(|named| matches!(named.dimension, Dimension::Charge(_)));
    let key_columns = common_key_columns(view);
    let outside = |column: &String| {
        !key_columns.contains(column)
            && !matches!(column.as_str(), "ResourceId" | "ResourceName" | "team" | "rule" | "source" | "pool")
            && !column.starts_with("level:")
    };
    if by_charge || question.filter.is_some_and(|filter| filter.columns().iter().any(outside)) {
        return from_charges(home, view, question, period).await;
    }
    if question.packed {
        return from_packs(home, view, question, period);
    }
    from_cube(home, view, question, period)
}

fn query<'q>(view: &'q View, question: &Question<'q>, period: Period) -> SpendQuery<'q> {
    SpendQuery {
        by: question.by,
        period,
        basis: question.basis,
        cost: question.cost,
        filter: question.filter,
        under: question.under,
        reach: view.reach(),
    }
}

/// From days by owner, where these decide the answer.
fn from_days(home: &Home, view: &View, question: &Question, period: Period) -> Result<Option<Rows>, Failure> {
    let mut spend = Spend::new(query(view, question, period));
    if !spend.is_of_owners() {
        return Ok(None);
    }
    let open = published(home);
    let readers = view.readers();
    for (layer, slice) in view.sliced() {
        if question.basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day) {
            let days = view.layer(*layer).days(slice, &open)?;
            spend.days(DaysOf::Charges(&slice.scope), &days, &readers[*layer]);
        }
    }
    for shared in view.shared_days(period, question.basis, &open)? {
        spend.days(DaysOf::Lines(shared.billing), &shared.days, &readers[shared.layer]);
    }
    Ok(Some(spend.finish()))
}

fn from_cube(home: &Home, view: &View, question: &Question, period: Period) -> Result<Rows, Failure> {
    let open = published(home);
    let readers = view.readers();
    let mut spend = Spend::new(query(view, question, period));
    for (layer, slice) in view.sliced() {
        if question.basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day) {
            add_cube(&mut spend, slice, &readers[*layer], &open)?;
        }
    }
    for shared in view.journal(period, question.basis, &open)? {
        spend.journal(shared.billing, &shared.lines, &readers[shared.layer]);
    }
    Ok(spend.finish())
}

/// Adds a slice from its keys, answers and cube.
fn add_cube(spend: &mut Spend<'_>, slice: &Slice, reader: &Reader<'_>, open: Open) -> Result<(), Failure> {
    let mut scope = spend.scope(&slice.scope);
    let answers = answers(slice, open)?;
    let mut columns = spend.key_columns();
    columns.insert(0, tables::KEY.to_owned());
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    each_batch(slice.of(Table::Keys), Some(&columns), open, |batch| {
        spend.keys(&mut scope, batch);
        Ok(())
    })?;
    if spend.needs_resources() {
        each_batch(slice.of(Table::Resources), None, open, |batch| {
            spend.resources(&mut scope, batch);
            Ok(())
        })?;
    }
    let columns = spend.cube_columns();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    each_batch(slice.of(Table::Cube), Some(&columns), open, |batch| {
        spend.cube(&scope, &answers, reader, batch);
        Ok(())
    })
}

/// From packs, which are kept: for who asks many questions of the same slices.
fn from_packs(home: &Home, view: &View, question: &Question, period: Period) -> Result<Rows, Failure> {
    let open = published(home);
    let readers = view.readers();
    let mut spend = Spend::new(query(view, question, period));
    for (layer, slice) in view.sliced() {
        if !question.basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day) {
            continue;
        }
        let reader = &readers[*layer];
        let pack = match spend.is_whole(slice.first_day, slice.last_day, reader) {
            true => packs::folded(home, slice, question.cost, &open)?,
            false => packs::pack(home, slice, question.cost, &open)?,
        };
        let done = pack.is_some_and(|pack| spend.pack(&slice.scope, &pack, reader));
        if !done {
            add_cube(&mut spend, slice, reader, &open)?;
        }
    }
    for shared in view.shared_days(period, question.basis, &open)? {
        spend.days(DaysOf::Lines(shared.billing), &shared.days, &readers[shared.layer]);
    }
    Ok(spend.finish())
}

/// Charge by charge, for columns that the cube does not keep.
async fn from_charges(home: &Home, view: &View, question: &Question<'_>, period: Period) -> Result<Rows, Failure> {
    let open = published(home);
    let readers = view.readers();
    let slices: Vec<(usize, Slice)> = view.slices();
    let alone: Vec<Slice> = slices.iter().map(|(_, slice)| slice.clone()).collect();
    let owners = Owners::load(&alone, view.head().digest_text(), &open)?;
    let mut spend = Spend::new(query(view, question, period));
    let mut more = spend.charge_columns();
    more.extend(rows::cost_columns(question.cost));
    more.push("BillingCurrency".to_owned());
    for (layer, slice) in &slices {
        let (scope, one) = (slice.scope.clone(), std::slice::from_ref(slice));
        rows::each_charge_batch(one, &owners, Some(period), question.basis, &more, &open, |batch, owned, inside| {
            for row in (0..batch.num_rows()).filter(|row| inside[*row]) {
                let get = |name: &str| cell_text(batch.column_by_name(name)?.as_ref(), row);
                spend.charge(
                    &scope,
                    rows::day(batch, row),
                    &owned[row].owner,
                    owned[row].rule.as_deref(),
                    rows::text(batch, "BillingCurrency", row).unwrap_or_default(),
                    rows::cost(batch, question.cost, row),
                    &readers[*layer],
                    &get,
                );
            }
            Ok(())
        })?;
    }
    for shared in view.journal(period, question.basis, &open)? {
        spend.journal(shared.billing, &shared.lines, &readers[shared.layer]);
    }
    Ok(spend.finish())
}
