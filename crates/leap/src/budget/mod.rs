//! `leap budget …`: what units may spend, and how they do against it. The verdicts are `leap_decide::budget`'s.
//!
//! ```text
//! $ leap budget list
//! unit      period      budget      spent  variance      bps  expected end  days   state
//! payments  2026-10  120,000.00  61,200.10            −4,900    123,410.00  15/31  projected
//! ```
//! A budget counts what the unit and all below it have, by the org of each day as it is known now, with pools shared. Only whole
//! days count: those up to the last that every source has. Budgets are settings like rules: a version in the book, part of a
//! snapshot, so that an earlier state is there for `--as-known-on`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::{ConfigFiles, ConfigKind, Snapshot, WaiverFilter, WaiverStep};
use leap_decide::budget::{self, Allowance, Budgets, Limit, Missing, State, Verdict};
use leap_orient::org::{Org, Resolved};
use leap_orient::reading::spend::Basis;
use leap_terms::{CostKind, Currency, Day, Instant, Period, TeamId, fault};
use serde_json::{Value, json};

use crate::cli::{BudgetApplyArgs, BudgetCommand, BudgetListArgs, OutputFormat, ReadingArgs};
use crate::clock;
use crate::config;
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::ownership::publish_unchanged;
use crate::publish::Change;
use crate::spend::{Words, by_words};
use crate::view::View;
use crate::world::World;

mod judged;
mod request;
mod tree;

pub(crate) use judged::{Judged, daily, history_from, judge, series};
pub(crate) use tree::spans;

/// What a `leap budget` command does.
pub(crate) async fn run(root: &Path, command: &BudgetCommand) -> Result<(), Failure> {
    match command {
        BudgetCommand::Apply(args) => apply(root, args).await,
        BudgetCommand::Show => show(root).await,
        BudgetCommand::EndAll => end_all(root).await,
        BudgetCommand::List(args) => list(root, args, false).await,
        BudgetCommand::Check(args) => list(root, args, true).await,
        BudgetCommand::Request(args) => request::run(root, args).await,
    }
}

/// Who is meant by a unit's name on a day. An id is that unit, also where it does not exist on the day: what becomes of its
/// budget is for decisions to say, and a reorg must not make two budgets out of one.
pub(crate) fn named(org: &Org, name: &str, day: Day) -> Result<TeamId, String> {
    if let Some(unit) = TeamId::new(name).ok().and_then(|id| org.unit(&id)) {
        return Ok(unit.id.clone());
    }
    match org.resolve(name, day) {
        Resolved::Team(id) => Ok(id),
        Resolved::Ambiguous(ids) => {
            let ids: Vec<&str> = ids.iter().map(TeamId::as_str).collect();
            Err(format!("'{name}' is the name of several units on {day}: {}", ids.join(", ")))
        }
        Resolved::Unknown => {
            let near = org.nearest(name).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            Err(format!("no unit is called '{name}' on {day}{near}"))
        }
    }
}

/// Reads a document: YAML, or CSV where it is named so or begins like one.
fn parse(file: &str, bytes: &[u8], org: &Org) -> Result<Budgets, Failure> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Failure::usage(format!("{file} is no UTF-8 text: save it as UTF-8")))?;
    let names = |name: &str, day: Day| named(org, name, day);
    let is_csv = file.ends_with(".csv") || text.lines().next().is_some_and(|line| line.starts_with("unit,"));
    let read = if is_csv { Budgets::read_csv(file, text, &names) } else { Budgets::read_yaml(file, text, &names) };
    read.map_err(|faults| Failure::usage(fault::list(&faults)))
}

/// The budgets in force in a world.
pub(crate) fn in_force(world: &World) -> Result<Budgets, Failure> {
    match world.config_files(ConfigKind::Budgets).first() {
        None => Ok(Budgets::default()),
        Some((name, bytes)) => parse(name, bytes, &world.org).map_err(|failure| Failure {
            message: format!("the budgets in force do not fit the org any more: {}", failure.message),
            ..failure
        }),
    }
}

/// What an application of budgets did.
pub(crate) struct Applied {
    /// The snapshot; none where they were in force already.
    snapshot: Option<Snapshot>,
    budgets: usize,
    /// New or changed.
    new: usize,
    /// Of before, and not there any more.
    gone: usize,
}

/// Puts a document in force.
pub(crate) async fn put(home: &Home, file: &str, bytes: Vec<u8>) -> Result<Applied, Failure> {
    let world = World::load(home, None).await?;
    let budgets = parse(file, &bytes, &world.org)?;
    let name = if file.ends_with(".csv") { "budgets.csv" } else { "budgets.yaml" };
    if budgets.list.is_empty() {
        return Err(Failure::usage(format!(
            "{file} has no budget in it, and the file is the whole list: to end all budgets, say leap budget end-all; nothing was \
             changed"
        )));
    }
    let files = ConfigFiles { files: vec![(name.to_owned(), bytes)] };
    if world.config_digest(ConfigKind::Budgets) == Some(files.digest()) {
        return Ok(Applied { snapshot: None, budgets: budgets.list.len(), new: 0, gone: 0 });
    }
    let view = View::open(home, &ReadingArgs::now()).await?;
    let excess = judged::excess(home, &view, &budgets)?;
    if !excess.is_empty() {
        let all: Vec<String> = excess.iter().map(|excess| format!("{file}: {excess}")).collect();
        return Err(Failure {
            message: format!(
                "{}\n  help: lower the budgets below, raise the one above, or allow it there with children: may-exceed\nnothing \
                 was changed",
                all.join("\n")
            ),
            exit: Exit::PolicyBroken,
        });
    }
    warn(home, &view, &budgets).await?;
    let before = in_force(&world).unwrap_or_default();
    let same = |one: &budget::Budget, other: &budget::Budget| {
        (&one.unit, one.period, &one.limit, &one.currency, one.cost, one.tolerance_bps)
            == (&other.unit, other.period, &other.limit, &other.currency, other.cost, other.tolerance_bps)
    };
    let missing = |from: &Budgets, other: &Budgets| {
        from.list.iter().filter(|one| !other.list.iter().any(|other| same(one, other))).count()
    };
    let (new, gone) = (missing(&budgets, &before), missing(&before, &budgets));
    let change = Change {
        cause: format!("budget apply {file}"),
        configs: BTreeMap::from([(ConfigKind::Budgets, files)]),
        ..Change::default()
    };
    let snapshot = publish_unchanged(home, &world, change).await?;
    Ok(Applied { snapshot: Some(snapshot), budgets: budgets.list.len(), new, gone })
}

/// `leap budget apply`.
async fn apply(root: &Path, args: &BudgetApplyArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let bytes = config::read_limited(&args.file)?;
    let applied = put(&home, &args.file.display().to_string(), bytes).await?;
    let Applied { budgets, new, gone, .. } = applied;
    let Some(snapshot) = applied.snapshot else {
        return emit("these budgets are in force already; nothing was changed\n");
    };
    if args.format.format == OutputFormat::Json {
        let digest = snapshot.digest.to_string();
        return print_json(
            &json!({ "snapshot": digest, "id": snapshot.id, "budgets": budgets, "new": new, "gone": gone }),
        );
    }
    emit(&format!(
        "snapshot {} published; budgets in force: {budgets}; new or changed: {new}; gone: {gone}\n",
        snapshot.digest.short()
    ))
}

/// Says what of a document can never be judged.
async fn warn(home: &Home, view: &View, budgets: &Budgets) -> Result<(), Failure> {
    let period = view.head().scopes.iter().map(|scope| scope.scope.billing_period).max();
    let Some(period) = period.map(|month| month.period()) else { return Ok(()) };
    let words =
        Words { by: "source", filter: None, under: None, period, cost: CostKind::Effective, basis: Basis::Incurred };
    let (_, billed) = by_words(home, view, &words).await?;
    let volume = crate::volume::in_force(view.head())?;
    let mut said = BTreeSet::new();
    for budget in &budgets.list {
        if !billed.is_empty() && !billed.contains_key(&budget.currency) {
            said.insert(format!(
                "nothing was billed in {} lately; currencies are never added or converted",
                budget.currency
            ));
        }
        if let Limit::Bps { metric: Some(name), .. } = &budget.limit
            && volume.metric(name).is_none()
        {
            said.insert(format!(
                "there is no business volume of {name}; its budgets are not judged before: leap ingest volume.csv"
            ));
        }
    }
    for words in said {
        eprintln!("warning: {words}");
    }
    Ok(())
}

/// `leap budget end-all`.
async fn end_all(root: &Path) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    if world.config(ConfigKind::Budgets).is_none() {
        return emit("no budgets are in force\n");
    }
    let change = Change {
        cause: "budget end-all".to_owned(),
        configs: BTreeMap::from([(ConfigKind::Budgets, ConfigFiles { files: Vec::new() })]),
        ..Change::default()
    };
    let snapshot = publish_unchanged(&home, &world, change).await?;
    emit(&format!("snapshot {} published; no budgets are in force any more\n", snapshot.digest.short()))
}

/// `leap budget show`.
async fn show(root: &Path) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    match world.config_files(ConfigKind::Budgets).first() {
        None => emit("# no budgets are in force: leap budget apply budgets.yaml\n"),
        Some((_, bytes)) => emit(&String::from_utf8_lossy(bytes)),
    }
}

/// What granted waivers permit, by unit, period and currency.
pub(crate) type Allowances = BTreeMap<(TeamId, Period, Currency), Vec<Allowance>>;

/// What waivers of the book permit, or did.
pub(crate) async fn allowances(home: &Home) -> Result<Allowances, Failure> {
    let waivers = home.book.waivers(&WaiverFilter::default()).await.map_err(|error| Failure::from_error(&error))?;
    let mut all = Allowances::new();
    for waiver in waivers {
        let granted = waiver.events.iter().find(|event| matches!(event.step, WaiverStep::Granted { .. }));
        let Some(granted) = granted else { continue };
        let taken_back = waiver.events.iter().find(|event| event.step == WaiverStep::Withdrawn).map(|event| event.at);
        let over = Instant::start_of(waiver.asked.expires_on);
        let allowance = Allowance {
            waiver: waiver.number.to_string(),
            amount: waiver.asked.amount,
            from: granted.at,
            until: taken_back.map_or(over, |at| over.min(at)),
        };
        all.entry((waiver.asked.unit.clone(), waiver.asked.period, waiver.asked.currency.clone()))
            .or_default()
            .push(allowance);
    }
    Ok(all)
}

/// Which budgets are asked for.
pub(crate) struct Asked<'a> {
    /// Those of a period that shares a day with this one; none: those that hold on the last whole day.
    pub(crate) period: Option<Period>,
    /// Those of this unit alone.
    pub(crate) unit: Option<&'a TeamId>,
    /// Those of this unit and all below it, on the last day of their period.
    pub(crate) under: Option<&'a TeamId>,
}

/// `leap budget list`, and `leap budget check`, which lists what is not as it should be and ends with 3 where a budget is
/// breached.
async fn list(root: &Path, args: &BudgetListArgs, is_check: bool) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let budgets = in_force(view.head())?;
    if budgets.list.is_empty() && (is_check || args.format.format == OutputFormat::Table) {
        let words = "no budgets are in force: leap budget apply budgets.yaml";
        // Who checks wants to know that there is nothing to check.
        return if is_check { Err(Failure::usage(words)) } else { emit(&format!("{words}\n")) };
    }
    let unit = |name: &Option<String>| name.as_deref().map(|name| crate::spend::unit_named(&view, name)).transpose();
    let (unit, under) = (unit(&args.unit)?, unit(&args.under)?);
    let asked = Asked { period: args.period, unit: unit.as_ref(), under: under.as_ref() };
    let allowances = allowances(&home).await?;
    let judged = judge(&home, &view, &budgets, &asked, &allowances, clock::now()).await?;
    if judged.verdicts.is_empty() && judged.missing.is_empty() && args.period.is_none() && !is_check {
        let last = judged.known_until.plus(-1);
        let periods: BTreeSet<String> = budgets.list.iter().map(|budget| budget.period.to_string()).collect();
        let periods: Vec<&str> = periods.iter().map(String::as_str).take(12).collect();
        eprintln!(
            "no budget that is asked for holds on {last}, the last whole day; --period one of {}",
            periods.join(", ")
        );
    }
    for (unit, period, missing) in &judged.missing {
        eprintln!("{unit} {period}: {missing}; it is not judged{}", remedy(missing));
    }
    for excess in &judged.excess {
        eprintln!("warning: {excess}");
    }
    let breached = judged.verdicts.iter().filter(|verdict| verdict.state == State::Breached).count();
    let shown: Vec<&Verdict> =
        judged.verdicts.iter().filter(|verdict| !is_check || verdict.state != State::Within).collect();
    if args.format.format == OutputFormat::Json {
        print_json(&json!({
            "snapshot": view.head().digest_text(),
            "known_until": judged.known_until.to_string(),
            "budgets": judged.verdicts.len(),
            "breached": breached,
            "not_judged": judged.missing.iter().map(|(unit, period, why)| json!({
                "unit": unit.as_str(), "period": period.to_string(), "why": why.to_string(),
            })).collect::<Vec<_>>(),
            "excess": judged.excess.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "rows": shown.iter().map(|verdict| row(verdict)).collect::<Vec<_>>(),
        }))?;
    } else {
        table(&judged, &shown, args.format.format).print(args.format.format)?;
    }
    let all = judged.verdicts.len() + judged.missing.len();
    if is_check && all == 0 {
        let when = args.period.map_or_else(|| judged.known_until.plus(-1).to_string(), |period| period.to_string());
        let periods: BTreeSet<String> = budgets.list.iter().map(|budget| budget.period.to_string()).collect();
        let periods: Vec<&str> = periods.iter().map(String::as_str).take(12).collect();
        return Err(Failure::usage(format!(
            "no budget that is asked for holds in {when}, so there is nothing to check; there are budgets for {}",
            periods.join(", ")
        )));
    }
    if is_check && args.format.format == OutputFormat::Table {
        for verdict in &shown {
            emit(&format!("{}\n", verdict.sentence()))?;
        }
        let whole = judged.verdicts.len() - shown.len();
        let unjudged = match judged.missing.len() {
            0 => String::new(),
            count => format!(", {count} cannot be judged"),
        };
        emit(&format!("{whole} of {all} budgets are within{unjudged}\n"))?;
    }
    if is_check && breached > 0 {
        return Err(Failure {
            message: format!("{breached} of {all} budgets are breached without a waiver"),
            exit: Exit::PolicyBroken,
        });
    }
    if is_check && !judged.missing.is_empty() {
        return Err(Failure::quality(format!("{} budgets cannot be judged", judged.missing.len())));
    }
    Ok(())
}

/// What helps where a budget cannot be judged.
fn remedy(missing: &Missing) -> &'static str {
    match missing {
        Missing::Volume => ": leap ingest volume.csv",
        Missing::HeadCount => ": give its teams a head_count in org.yaml",
        Missing::TooLarge | Missing::Currency(_) => "",
    }
}

/// A verdict for programs.
fn row(verdict: &Verdict) -> Value {
    let mut row = json!({
        "unit": verdict.line.unit.as_str(),
        "period": verdict.line.period.to_string(),
        "cost": verdict.line.cost.word(),
        "state": verdict.state.word(),
    });
    for (name, value) in verdict.fields() {
        row[name] = Value::String(value);
    }
    // Exact, where fields are for people.
    row["variance"] = Value::String((verdict.actual - verdict.line.amount).to_string());
    row["sentence"] = Value::String(verdict.sentence());
    row
}

fn table(judged: &Judged, shown: &[&Verdict], format: OutputFormat) -> Answer {
    let title = format!("Budgets and what was spent of them before {}", judged.known_until);
    // People get the kind of cost where it is not the same everywhere.
    let every = format != OutputFormat::Table;
    let kinds = every || shown.iter().any(|verdict| verdict.line.cost != CostKind::Effective);
    let mut columns = vec!["unit", "period", "currency"];
    columns.extend(kinds.then_some("cost"));
    columns.extend(["budget", "spent", "variance", "variance_bps", "expected_end"]);
    columns.extend(every.then_some(["p10", "p90", "tolerance_bps"]).into_iter().flatten());
    columns.extend(["days", "state"]);
    let mut answer = Answer::new(title, &columns);
    for verdict in shown {
        let line = &verdict.line;
        let end = |of: fn(&leap_decide::forecast::Range) -> leap_terms::Exact| {
            verdict.end.as_ref().map_or(Cell::Empty, |end| Cell::Amount(of(end)))
        };
        let bps = verdict.variance.bps.as_ref().and_then(|bps| bps.rounded(2));
        let mut row = vec![
            Cell::text(line.unit.as_str()),
            Cell::text(line.period.to_string()),
            Cell::text(line.currency.as_str()),
        ];
        row.extend(kinds.then(|| Cell::text(line.cost.word())));
        row.extend([
            Cell::Amount(line.amount),
            Cell::Amount(verdict.actual),
            Cell::Amount(verdict.actual - line.amount),
            bps.map_or(Cell::Empty, Cell::Amount),
            end(|end| end.middle),
        ]);
        if every {
            row.extend([end(|end| end.low), end(|end| end.high), Cell::Count(line.tolerance_bps.into())]);
        }
        row.extend([
            Cell::text(format!("{}/{}", verdict.covered_days, verdict.days)),
            Cell::text(verdict.state.word()),
        ]);
        answer.rows.push(row);
    }
    answer
}
