//! What the product says of a random world: from the bytes of its bill to the nodes of every reading.
//!
//! ```text
//! bill.csv → map → fold per billing period → attribution → daily → facts → journal → spend by path, in each reading
//! ```
//! Every step is the code of the product; only what the book and the lake keep between two commands stays in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use leap_observe::decode::{PartReader, ReadOptions, detect};
use leap_observe::fold::{Fold, key_digests, resource_digests};
use leap_observe::map::{MapOptions, PartPlan, map_chunk};
use leap_orient::attribute::{Answers, Daily, Engine};
use leap_orient::org::{Org, OrgReading, Reader};
use leap_orient::pool::{DriverFile, FactRow, Facts, Line, LineKind, Policies, Pools};
use leap_orient::reading::dimension::{Dimension, Named};
use leap_orient::reading::filter::Filter;
use leap_orient::reading::spend::{Basis, RowFilter, Spend, SpendQuery};
use leap_orient::rules::{RuleSet, RulesVersion};
use leap_sim::company::RandomWorld;
use leap_terms::tables::{Table, base_key_columns};
use leap_terms::{
    CostKind, Costs, Currency, Day, Exact, Fault, Instant, Month, Period, Reach, ScopeKey, SourceId, TeamId, fault,
};

/// Bytes that the fold may hold.
const MEMORY: usize = 64 << 20;

/// Costs per owner and currency.
pub(super) type OwnerCosts = BTreeMap<(String, String), Costs>;
/// Costs per place, the units from the root down, and currency.
pub(super) type PlaceCosts = BTreeMap<(Vec<String>, String), Costs>;
/// Day, pool, owner, whether it is about idle, currency.
pub(super) type LineKey = (Day, String, String, bool, String);

/// What one reading says.
pub(super) struct Read {
    /// Direct cost per place, without sharing.
    pub(super) stored: PlaceCosts,
    /// The same with sharing.
    pub(super) shared: PlaceCosts,
    /// `spend --under UNIT`, with sharing: in one kind of cost, per unit and currency.
    pub(super) under: BTreeMap<(String, String), Exact>,
    /// The kind of cost of `under` and `levels`.
    pub(super) kind: CostKind,
    /// Per kind of unit: grouped by it, and the total of a filter by each value of it.
    pub(super) levels: Vec<Level>,
}

/// One value of a level in one currency.
pub(super) struct Level {
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) currency: String,
    pub(super) grouped: Exact,
    pub(super) filtered: Exact,
}

/// What the product says of a world.
pub(super) struct Said {
    /// The owner of each row.
    pub(super) owners: Vec<String>,
    /// Costs per owner without sharing.
    pub(super) totals: OwnerCosts,
    /// Costs per owner with sharing.
    pub(super) shared: OwnerCosts,
    /// The lines of sharing.
    pub(super) journal: BTreeMap<LineKey, Costs>,
    /// As-was, as-is, and the world's dates.
    pub(super) readings: Vec<Read>,
}

/// One billing period.
struct Scope {
    key: ScopeKey,
    keys: Vec<RecordBatch>,
    resources: Vec<RecordBatch>,
    cube: Vec<RecordBatch>,
    answers: Answers,
    daily: Daily,
    lines: Vec<Line>,
}

/// Where each row of the bill is.
struct RowPlace {
    month: Month,
    key: [u8; 16],
    resource: Option<[u8; 16]>,
    day: Day,
}

fn listed(faults: Vec<Fault>) -> String {
    fault::list(&faults)
}

/// Runs the product over a world; `folder` is for the bill.
pub(super) fn run(world: &RandomWorld, folder: &Path, seed: u64) -> Result<Said, String> {
    let org = Org::from_yaml("org.yaml", &world.org).map_err(listed)?;
    let rules = rules(world, &org)?;
    let (mut scopes, places) = facts(world, folder, &rules)?;
    let engine = Engine::new(&rules, &org);
    for scope in &mut scopes {
        let mut run = engine.scope();
        let failed = |error| format!("attribute: {error}");
        scope.keys.iter().try_for_each(|batch| run.keys(batch)).map_err(failed)?;
        scope.resources.iter().try_for_each(|batch| run.resources(batch)).map_err(failed)?;
        scope.cube.iter().try_for_each(|batch| run.cube(batch)).map_err(failed)?;
        let done = run.finish();
        done.batches.iter().try_for_each(|batch| scope.answers.add(batch)).map_err(failed)?;
        // As the lake gives it back.
        scope.daily.read(&done.daily.batch()).map_err(failed)?;
        if scope.daily.totals() != done.totals {
            return Err("days and totals of a scope differ".to_owned());
        }
    }
    let first = world.pools.as_ref().map(|text| (Day::EARLIEST, text));
    let later = world.later_pools.as_ref().map(|later| (later.from, &later.yaml));
    let mut policies = Vec::new();
    for (from, text) in first.into_iter().chain(later) {
        let read = |name: &str| world.file(name).map(DriverFile::Csv).ok_or_else(|| "absent".to_owned());
        policies.push((from, Pools::parse("pools.yaml", text, &read, &org).map_err(listed)?));
    }
    if !policies.is_empty() {
        let policies = Policies::new(policies);
        for at in 0..scopes.len() {
            scopes[at].lines = journal(&scopes, at, &policies, &org)?;
        }
    }
    let mut said = Said {
        owners: places.iter().map(|place| owner(&scopes, place)).collect::<Result<_, _>>()?,
        totals: OwnerCosts::new(),
        shared: OwnerCosts::new(),
        journal: BTreeMap::new(),
        readings: Vec::new(),
    };
    for scope in &scopes {
        for (key, folded) in scope.daily.rows() {
            let owner = (key.owner.to_string(), key.currency.as_str().to_owned());
            *said.totals.entry(owner.clone()).or_default() += folded.costs;
            *said.shared.entry(owner).or_default() += folded.costs;
        }
        for line in &scope.lines {
            let (owner, currency) = (line.owner.to_string(), line.currency.as_str().to_owned());
            *said.shared.entry((owner.clone(), currency.clone())).or_default() += line.costs;
            let idle = line.line == LineKind::Idle;
            *said.journal.entry((line.day, line.pool.clone(), owner, idle, currency)).or_default() += line.costs;
        }
    }
    let readings = [OrgReading::AsWas, OrgReading::At(world.today)].into_iter().chain(world.dates.map(OrgReading::At));
    for (at, reading) in (0_u64..).zip(readings) {
        let reader = Reader::new(&org, reading);
        // Levels and filters are tried in one reading and one kind of cost of each world, in turns.
        let thorough = at == seed % 5;
        let kind = CostKind::ALL[usize::try_from(seed / 5 % 4).unwrap()];
        said.readings.push(read(&scopes, &org, &reader, thorough, kind)?);
    }
    Ok(said)
}

fn rules(world: &RandomWorld, org: &Org) -> Result<RuleSet, String> {
    let read = |name: &str| world.file(name).ok_or_else(|| "absent".to_owned());
    let versions: Vec<RulesVersion<'_>> = world
        .rules
        .iter()
        .map(|text| RulesVersion { from: text.from, file: "rules.yaml", text: &text.yaml, read_file: &read })
        .collect();
    let mut rules = RuleSet::history(&versions, org).map_err(listed)?;
    if let Some(text) = &world.claims {
        let above = rules.parse_above("claims.yaml", text, &read, org).map_err(listed)?;
        rules = rules.below(above);
    }
    Ok(rules)
}

/// Reads the bill as a delivery of one part.
fn facts(world: &RandomWorld, folder: &Path, rules: &RuleSet) -> Result<(Vec<Scope>, Vec<RowPlace>), String> {
    let path = folder.join("bill.csv");
    std::fs::write(&path, world.to_csv()).map_err(|error| error.to_string())?;
    let mut columns = base_key_columns();
    columns.extend(rules.extra_columns());
    let (mut folds, mut places) = (BTreeMap::<Month, Fold>::new(), Vec::new());
    let detected = detect(&path).map_err(|error| error.to_string())?;
    let plan = PartPlan::new(0, "bill.csv".to_owned(), detected.clone(), MapOptions::default());
    let plan = plan.map_err(|error| error.to_string())?;
    let mut reader = PartReader::open(&path, &detected, &ReadOptions::default()).map_err(|error| error.to_string())?;
    while let Some(chunk) = reader.next_chunk().map_err(|error| error.to_string())? {
        let mapped = map_chunk(&plan, chunk).map_err(|failure| format!("{failure:?}"))?;
        let batch = &mapped.batch;
        if mapped.dropped > 0 || mapped.rows_read != batch.num_rows() as u64 {
            return Err("rows of the bill were refused".to_owned());
        }
        let starts = batch.column_by_name("ChargePeriodStart").ok_or("no ChargePeriodStart")?;
        let starts = starts.as_primitive::<TimestampMicrosecondType>();
        let (keys, resources) = (key_digests(batch, &columns), resource_digests(batch));
        for (row, month) in mapped.billing_periods.iter().enumerate() {
            let day = Instant::from_micros(starts.value(row)).day();
            places.push(RowPlace { month: *month, key: keys[row], resource: resources[row], day });
        }
        for month in mapped.billing_periods.iter().collect::<BTreeSet<_>>() {
            let of_month: BooleanArray = mapped.billing_periods.iter().map(|of| Some(of == month)).collect();
            let part = arrow::compute::filter_record_batch(batch, &of_month).map_err(|error| error.to_string())?;
            if !folds.contains_key(month) {
                let fold = Fold::new(columns.clone(), folder, MEMORY).map_err(|error| error.to_string())?;
                folds.insert(*month, fold);
            }
            folds.get_mut(month).expect("it is there").add(&part).map_err(|error| error.to_string())?;
        }
    }
    let source = SourceId::new("focus:aws:100")?;
    let mut scopes = Vec::new();
    for (month, fold) in folds {
        let mut scope = Scope {
            key: ScopeKey { source: source.clone(), billing_period: month },
            keys: Vec::new(),
            resources: Vec::new(),
            cube: Vec::new(),
            answers: Answers::new(),
            daily: Daily::new(),
            lines: Vec::new(),
        };
        let mut out = |table: Table, batch: RecordBatch| {
            match table {
                Table::Keys => scope.keys.push(batch),
                Table::Resources => scope.resources.push(batch),
                Table::Cube => scope.cube.push(batch),
                _ => return Err("no such output".into()),
            }
            Ok(())
        };
        fold.finish(&mut out).map_err(|error| error.to_string())?;
        scopes.push(scope);
    }
    Ok((scopes, places))
}

fn owner(scopes: &[Scope], place: &RowPlace) -> Result<String, String> {
    let scope = scopes.iter().find(|scope| scope.key.billing_period == place.month).ok_or("a row without a scope")?;
    let resource = place.resource.as_ref().map(<[u8; 16]>::as_slice);
    let answer = scope.answers.find(&place.key, resource, place.day).ok_or("a row without an owner")?;
    Ok(answer.owner.to_string())
}

/// The lines that share the pools' cost of one billing period, from facts as the program gives them: pool cost of the
/// period; what weighs, of whole calendar months.
fn journal(scopes: &[Scope], at: usize, pools: &Policies, org: &Org) -> Result<Vec<Line>, String> {
    let days: BTreeSet<Day> = scopes[at].daily.rows().map(|(key, _)| key.day).collect();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
    let period = Period::new(*first, last.plus(1)).expect("days ascend");
    let span = Period::new(first.month().first_day(), last.month().period().until()).expect("months ascend");
    let mut facts = Facts::default();
    for (number, scope) in scopes.iter().enumerate() {
        for (key, folded) in scope.daily.rows().filter(|(key, _)| span.contains(key.day)) {
            let row = FactRow {
                day: key.day,
                owner: key.owner.clone(),
                commitment: key.commitment.as_deref(),
                commitment_status: key.status.as_deref(),
                currency: key.currency.clone(),
                costs: folded.costs,
            };
            if number == at {
                facts.add(row);
            } else {
                facts.weigh(row);
            }
        }
    }
    pools.share(org, org, &facts, period).map(|journal| journal.lines).map_err(|error| error.to_string())
}

/// One question about spend, over all scopes.
struct Question<'q> {
    by: &'q [Named],
    cost: CostKind,
    filter: Option<&'q dyn RowFilter>,
    under: Option<&'q TeamId>,
    shared: bool,
}

type Answered = (Vec<(Option<String>, String, Exact)>, BTreeMap<Currency, Exact>);

/// The answer, by the first dimension.
fn ask(scopes: &[Scope], reader: &Reader<'_>, question: &Question<'_>) -> Answered {
    let Question { by, cost, filter, under, shared } = *question;
    let mut spend = Spend::new(SpendQuery {
        by,
        period: Period::ALWAYS,
        basis: Basis::Incurred,
        cost,
        filter,
        under,
        reach: &Reach::Everything,
    });
    for scope in scopes {
        let mut state = spend.scope(&scope.key);
        scope.keys.iter().for_each(|batch| spend.keys(&mut state, batch));
        if spend.needs_resources() {
            scope.resources.iter().for_each(|batch| spend.resources(&mut state, batch));
        }
        scope.cube.iter().for_each(|batch| spend.cube(&state, &scope.answers, reader, batch));
        if shared {
            spend.journal(scope.key.billing_period, &scope.lines, reader);
        }
    }
    let (rows, totals) = spend.finish();
    let rows = rows.into_iter().map(|mut row| {
        let first = if row.values.is_empty() { None } else { row.values.swap_remove(0) };
        (first, row.currency.as_str().to_owned(), row.amount)
    });
    (rows.collect(), totals)
}

fn read(scopes: &[Scope], org: &Org, reader: &Reader<'_>, thorough: bool, kind: CostKind) -> Result<Read, String> {
    let by_path = [Named { name: "path".to_owned(), dimension: Dimension::Path }];
    let direct = |shared: bool| {
        let mut places = PlaceCosts::new();
        for cost in CostKind::ALL {
            let question = Question { by: &by_path, cost, filter: None, under: None, shared };
            for (path, currency, amount) in ask(scopes, reader, &question).0 {
                let path = path.ok_or("a cost without a place")?;
                let place = path.split('/').map(str::to_owned).collect();
                places.entry((place, currency)).or_default()[cost] += amount;
            }
        }
        Ok::<PlaceCosts, String>(places)
    };
    let (stored, shared) = (direct(false)?, direct(true)?);
    let mut read = Read { stored, shared, under: BTreeMap::new(), kind, levels: Vec::new() };
    if !thorough {
        return Ok(read);
    }
    for unit in org.units() {
        let question = Question { by: &[], cost: kind, filter: None, under: Some(&unit.id), shared: true };
        for (currency, amount) in ask(scopes, reader, &question).1 {
            read.under.insert((unit.id.as_str().to_owned(), currency.as_str().to_owned()), amount);
        }
    }
    let levels: Vec<String> = org.kinds().into_iter().map(str::to_owned).collect();
    for level in &levels {
        let by = [Named { name: level.clone(), dimension: Dimension::Level(level.clone()) }];
        let grouped = Question { by: &by, cost: kind, filter: None, under: None, shared: true };
        for (value, currency, grouped) in ask(scopes, reader, &grouped).0 {
            let text = match &value {
                Some(value) => format!("{level} = '{value}'"),
                None => format!("{level} IS NULL"),
            };
            let filter = Filter::parse(&text, &levels).map_err(|fault| fault.to_string())?;
            let filtered = Question { by: &[], cost: kind, filter: Some(&filter), under: None, shared: true };
            let (_, totals) = ask(scopes, reader, &filtered);
            let filtered = totals.iter().find(|(of, _)| of.as_str() == currency).map(|(_, total)| *total);
            read.levels.push(Level {
                kind: level.clone(),
                value: value.unwrap_or_default(),
                currency,
                grouped,
                filtered: filtered.unwrap_or_default(),
            });
        }
    }
    Ok(read)
}
