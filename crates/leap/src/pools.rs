//! `leap pool …`: shared platforms, how their cost is split, and why a team has the part it has.
//!
//! A policy in force is `pools.yaml` with the driver files that it names, kept in the book as they were applied. Splits are
//! made when somebody reads: they are a function of what the snapshot holds, so they can never be stale.

use std::collections::BTreeMap;
use std::path::Path;

use leap_book::{ConfigFiles, ConfigKind};
use leap_orient::pool::{self, DriverFile, Explanation, LineKind, Policies, Pool, Pools};
use leap_orient::reading::spend::Basis;
use leap_terms::{CostKind, Costs, Currency, Day, Month, Owner, Period, ResidualReason, fault};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::cli::{OutputFormat, PoolApplyArgs, PoolCheckArgs, PoolExplainArgs, PoolListArgs};
use crate::config;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, amount_shown, emit};
use crate::ownership::publish_unchanged;
use crate::versions::{self, Since};
use crate::view::{Layer, View, say_closed};
use crate::world::{Slice, World, published};

mod draft;

pub(crate) use draft::PoolsDraft;

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// A driver's file as the policy reads it: CSV as it is, Parquet decoded. The content decides.
pub(crate) fn driver_file(name: &str, bytes: &[u8]) -> Result<DriverFile, String> {
    if !bytes.starts_with(b"PAR1") {
        return Ok(DriverFile::Csv(bytes.to_vec()));
    }
    let damaged = |error: String| format!("{name} is no whole Parquet file: {error}");
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::copy_from_slice(bytes))
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| damaged(error.to_string()))?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| damaged(error.to_string()))?;
    Ok(DriverFile::Batches(batches))
}

/// Reads a policy from disk, with the files that it names.
fn load(path: &Path, world: &World) -> Result<(Pools, ConfigFiles), Failure> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let read = |named: &str| config::read_beside(&folder, named);
    draft::parse(&path.display().to_string(), (config::file_name(path), config::read_limited(path)?), &read, world)
}

/// `leap pool apply`.
pub(crate) async fn apply(root: &Path, args: &PoolApplyArgs, say: bool) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let (pools, files) = load(&args.file, &world)?;
    if say {
        warn(&pools, &world);
    }
    let since = Since { day: args.effective, later: args.later };
    let dated = draft::Dated::of(&world, files, since)?;
    if dated.is_in_force(&world) {
        return emit("this policy is in force already; nothing was changed\n");
    }
    let change = dated.change(&args.file.display().to_string());
    let snapshot = publish_unchanged(&home, &world, change).await?;
    if !say {
        return Ok(());
    }
    say_closed(&home).await?;
    if args.format.format == OutputFormat::Json {
        return crate::output::print_json(
            &serde_json::json!({ "snapshot": snapshot.digest.to_string(), "id": snapshot.id }),
        );
    }
    let shared = match pools.all().len() {
        1 => "1 pool is shared".to_owned(),
        count => format!("{count} pools are shared"),
    };
    emit(&format!("snapshot {} published; {shared}{}\n", snapshot.digest.short(), dated.from()))
}

/// Pools that rules fill and the policy does not name, and the other way round; said on the terminal.
fn warn(pools: &Pools, world: &World) {
    for warning in draft::warnings(pools, world) {
        eprintln!("warning: {warning}");
    }
}

/// What each pool collected, and where it went.
#[derive(Default)]
struct Flow {
    collected: Costs,
    used: Costs,
    idle: Costs,
    kept: Costs,
    users: std::collections::BTreeSet<Owner>,
}

/// Of slices, each with the layer that it is read by.
fn flows(
    slices: &[(&Layer, Slice)],
    home: &Home,
    period: Period,
) -> Result<BTreeMap<(String, Currency), Flow>, Failure> {
    let open = published(home);
    let mut flows = BTreeMap::<(String, Currency), Flow>::new();
    let mut months = BTreeMap::<Month, (&Layer, Period)>::new();
    for (layer, slice) in slices {
        if !Basis::Incurred.may_cover(period, &slice.scope, slice.first_day, slice.last_day) {
            continue;
        }
        let own = Period::new(slice.first_day, slice.last_day.plus(1)).and_then(|own| own.intersection(period));
        if let Some(own) = own {
            let (_, days) = months.entry(slice.scope.billing_period).or_insert((layer, own));
            *days = Period::new(days.from().min(own.from()), days.until().max(own.until())).unwrap_or(own);
        }
        for (key, folded) in layer.daily(slice, &open)?.rows().filter(|(key, _)| period.contains(key.day)) {
            if let Owner::Residual(ResidualReason::Pool(name)) = &key.owner {
                let flow = flows.entry((name.clone(), key.currency.clone())).or_default();
                flow.collected += folded.costs;
            }
        }
    }
    for (billing, (layer, days)) in months {
        for line in layer.journal(billing, days, &open)?.lines {
            // An averaged benefit changes what a pool has to share.
            if let (LineKind::Benefit, Owner::Residual(ResidualReason::Pool(name))) = (line.line, &line.owner) {
                flows.entry((name.clone(), line.currency.clone())).or_default().collected += line.costs;
            }
            if line.line == LineKind::Benefit {
                continue;
            }
            let flow = flows.entry((line.pool.clone(), line.currency.clone())).or_default();
            match (line.line, &line.owner) {
                (LineKind::Use, Owner::Team(_)) => {
                    flow.used += line.costs;
                    flow.users.insert(line.owner);
                }
                (LineKind::Use, Owner::Residual(_)) => flow.kept += line.costs,
                (LineKind::Idle, _) => flow.idle += line.costs,
                (LineKind::Pool | LineKind::Benefit, _) => {}
            }
        }
    }
    for flow in flows.values_mut() {
        // Where no line was written the cost never left the pool.
        let gone = flow.used + flow.idle + flow.kept;
        flow.kept += flow.collected - gone;
    }
    Ok(flows)
}

/// A pool as the policies of a period have it, each with its days.
fn held<'p>(policies: Option<&'p Policies>, name: &str, period: Period) -> Vec<(Period, Option<&'p Pool>)> {
    policies
        .into_iter()
        .flat_map(|policies| policies.within(period))
        .map(|(days, pools)| (days, pools.get(name)))
        .collect()
}

/// By which drivers a pool is split in a period, in words: `measured`, `none: kept, then head_count`.
pub(crate) fn drivers(policies: Option<&Policies>, name: &str, period: Period) -> String {
    let held = held(policies, name, period);
    let word = |pool: Option<&Pool>| pool.map_or("none: kept", |pool| pool.driver.word());
    let before = held.first().is_none_or(|(days, _)| days.from() > period.from());
    let before = before.then_some("none: kept");
    let mut drivers: Vec<&str> = before.into_iter().chain(held.iter().map(|(_, pool)| word(*pool))).collect();
    drivers.dedup();
    drivers.join(", then ")
}

fn print_flows(
    flows: &BTreeMap<(String, Currency), Flow>,
    policies: Option<&Policies>,
    world: &World,
    period: Period,
    format: OutputFormat,
) -> Result<(), Failure> {
    let mut answer = Answer::new(
        format!("Pools in {period}, effective cost"),
        &["pool", "driver", "steward", "currency", "collected", "to teams", "idle", "kept", "teams"],
    );
    let mut sorted: Vec<_> = flows.iter().collect();
    sorted.sort_by(|a, b| b.1.collected.effective.abs().cmp(&a.1.collected.effective.abs()).then_with(|| a.0.cmp(b.0)));
    for ((name, currency), flow) in sorted {
        let pool = held(policies, name, period).into_iter().rev().find_map(|(_, pool)| pool);
        let own = pool.map(|pool| pool.steward.clone()).filter(|steward| !steward.is_empty());
        let steward = own.unwrap_or_else(|| world.rules.steward(&ResidualReason::Pool(name.clone())).to_owned());
        answer.rows.push(vec![
            Cell::text(name.as_str()),
            Cell::text(drivers(policies, name, period)),
            Cell::text(steward),
            Cell::text(currency.as_str()),
            Cell::Amount(flow.collected.effective),
            Cell::Amount(flow.used.effective),
            Cell::Amount(flow.idle.effective),
            Cell::Amount(flow.kept.effective),
            Cell::Count(flow.users.len() as u64),
        ]);
    }
    answer.print(format)
}

/// `leap pool list`.
pub(crate) async fn list(root: &Path, args: &PoolListArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let period = args.period.map_or_else(|| view.head().last_period(Basis::Incurred), Ok)?;
    view.warn_pending(period, Basis::Incurred, &published(&home))?;
    let slices: Vec<(&Layer, Slice)> =
        view.slices().into_iter().map(|(layer, slice)| (view.layer(layer), slice)).collect();
    let flows = flows(&slices, &home, period)?;
    print_flows(&flows, view.layer(0).pools.as_ref(), view.head(), period, args.format.format)
}

/// `leap pool check`.
pub(crate) async fn check(root: &Path, args: &PoolCheckArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let mut layer = Layer::new(World::load(&home, None).await?)?;
    let (pools, _) = load(&args.file, &layer.world)?;
    warn(&pools, &layer.world);
    layer.pools = Some(Policies::from(pools));
    let period = args.period.map_or_else(|| layer.world.last_period(Basis::Incurred), Ok)?;
    let slices: Vec<(&Layer, Slice)> = layer.world.slices().into_iter().map(|slice| (&layer, slice)).collect();
    let flows = flows(&slices, &home, period)?;
    print_flows(&flows, layer.pools.as_ref(), &layer.world, period, args.format.format)
}

/// `leap pool explain`: of a closed billing period, as its statement has it.
pub(crate) async fn explain(root: &Path, args: &PoolExplainArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let policies: Vec<&Pools> =
        view.layers().filter_map(|layer| layer.pools.as_ref()).flat_map(Policies::all).collect();
    if policies.is_empty() {
        return Err(Failure::failed(
            "no policy is in force; write pools.yaml and apply it: leap pool apply pools.yaml",
        ));
    }
    if policies.iter().all(|pools| pools.get(&args.pool).is_none()) {
        let near = fault::nearest(&args.pool, policies.iter().flat_map(|pools| pools.names()));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        return Err(Failure::usage(format!("no pool is called '{}'{hint}", args.pool)));
    }
    let day = Period::new(args.day, args.day.plus(1)).ok_or_else(|| Failure::usage("no such day"))?;
    view.warn_pending(day, Basis::Incurred, &published(&home))?;
    let mut answer = Answer::new(
        format!("Split of pool {} on {}", args.pool, args.day),
        &["billing_period", "currency", "who", "written", "weight", "of", "billed", "effective", "remainder units"],
    );
    let mut talk = String::new();
    for (billing, explanation) in explained(&view, &home, &args.pool, args.day)? {
        for part in &explanation.parts {
            let commitment = part.commitment.as_ref().map_or_else(String::new, |id| format!(", commitment {id}"));
            talk += &format!(
                "{} of {} in billing period {billing}{commitment}\n",
                amount_shown(part.costs.effective),
                part.currency
            );
            for reading in &part.readings {
                let file = reading.file.as_ref().map_or_else(String::new, |file| format!(" {file}"));
                talk += &format!("  {}: driver {}{file}: {}\n", reading.pool, reading.driver, reading.reason);
            }
            if !part.pools.is_empty() {
                talk += "  what pools are given goes on to who uses them: written is what this pool's driver says, weight what each pays in the end\n";
            }
            for share in &part.shares {
                let extra: Vec<&str> = share.extra.iter().map(|kind: &CostKind| kind.word()).collect();
                answer.rows.push(vec![
                    Cell::text(billing.to_string()),
                    Cell::text(part.currency.as_str()),
                    Cell::text(target(&share.target)),
                    share.written.as_ref().map_or(Cell::Empty, Cell::text),
                    Cell::text(share.weight.to_string()),
                    Cell::text(part.total.to_string()),
                    Cell::Amount(share.costs.billed),
                    Cell::Amount(share.costs.effective),
                    Cell::text(extra.join(" ")),
                ]);
            }
            for (pool, written) in &part.pools {
                let mut row = vec![Cell::Empty; answer.columns.len()];
                let said = [billing.to_string(), part.currency.to_string(), format!("pool:{pool}"), written.clone()];
                row.iter_mut().zip(said).for_each(|(cell, text)| *cell = Cell::text(text));
                answer.rows.push(row);
            }
        }
    }
    if args.format.format == OutputFormat::Table {
        emit(&talk)?;
        if answer.rows.is_empty() {
            return emit(&kept(&view, &home, &args.pool, day)?);
        }
    }
    answer.print(args.format.format)
}

/// How a pool was split on a day: each billing period with charges of that day, by its statement where it is closed.
pub(crate) fn explained(view: &View, home: &Home, pool: &str, day: Day) -> Result<Vec<(Month, Explanation)>, Failure> {
    let open = published(home);
    let days = Period::new(day, day.plus(1)).ok_or_else(|| Failure::usage("no such day"))?;
    let months: BTreeMap<Month, usize> = view
        .slices()
        .into_iter()
        .filter(|(_, slice)| slice.first_day <= day && day <= slice.last_day)
        .map(|(layer, slice)| (slice.scope.billing_period, layer))
        .collect();
    let mut all = Vec::new();
    for (billing, layer) in months {
        let layer = view.layer(layer);
        // A statement, or the policy of that day, may be older than the pool.
        let held = layer.pools.as_ref().and_then(|policies| policies.on(day));
        let Some(pools) = held.filter(|pools| pools.get(pool).is_some()) else { continue };
        let facts = layer.facts(billing, days, &open)?;
        let org = &layer.world.org;
        all.push((billing, pool::explain(pools, org, org, &facts, pool, day).map_err(problem)?));
    }
    Ok(all)
}

/// What a pool cost on a day on which no policy shared it.
pub(crate) fn kept(view: &View, home: &Home, pool: &str, day: Period) -> Result<String, Failure> {
    let slices: Vec<(&Layer, Slice)> =
        view.slices().into_iter().map(|(layer, slice)| (view.layer(layer), slice)).collect();
    let cost: Vec<String> = flows(&slices, home, day)?
        .into_iter()
        .filter(|((name, _), flow)| name == pool && flow.collected != Costs::default())
        .map(|((_, currency), flow)| format!("{} {currency}", amount_shown(flow.collected.effective)))
        .collect();
    let on = day.from();
    if cost.is_empty() {
        return Ok(format!("pool {pool} cost nothing on {on}\n"));
    }
    let steward = view.steward(&ResidualReason::Pool(pool.to_owned()));
    let steward = if steward.is_empty() { "its steward".to_owned() } else { steward };
    Ok(format!(
        "pool {pool} cost {} on {on}, and no policy of that day shares it: it stays with {steward}\n",
        cost.join(", ")
    ))
}

/// `leap pool show`.
pub(crate) async fn show(root: &Path) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    match world.config(ConfigKind::Pools) {
        Some(version) => emit(&versions::shown(version)?),
        None => {
            Err(Failure::failed("no policy is in force; write pools.yaml and apply it: leap pool apply pools.yaml"))
        }
    }
}

/// A target in words.
fn target(target: &pool::solve::Target) -> String {
    match target {
        pool::solve::Target::Team(team) => team.to_string(),
        pool::solve::Target::Keep => "(kept)".to_owned(),
        pool::solve::Target::Idle => "(idle)".to_owned(),
    }
}
