//! `leap rates …`: currency rates per pair and month.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::{ConfigFiles, ConfigKind};
use leap_orient::currency::{RateChange, Rates};
use leap_terms::{Exact, Month, fault};

use crate::cli::{OutputFormat, RatesApplyArgs};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::publish::Change;
use crate::view::binding;
use crate::world::World;

/// The rates in force.
pub(crate) fn in_force(world: &World) -> Result<Rates, Failure> {
    match world.config_files(ConfigKind::Rates).first() {
        None => Ok(Rates::default()),
        Some((name, bytes)) => Rates::parse(name, bytes).map_err(|faults| Failure::usage(fault::list(&faults))),
    }
}

/// `leap rates apply`.
pub(crate) async fn apply(root: &Path, args: &RatesApplyArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let bytes = crate::config::read_limited(&args.file)?;
    let file = args.file.display().to_string();
    let rates = Rates::parse_new(&file, &bytes).map_err(|faults| Failure::usage(fault::list(&faults)))?;
    let changes = in_force(&world)?.changes(&rates);
    let files = ConfigFiles { files: vec![("rates.csv".to_owned(), rates.to_csv().into_bytes())] };
    if world.config_digest(ConfigKind::Rates) == Some(files.digest()) {
        return emit("these rates are in force already; nothing was changed\n");
    }
    let removed: Vec<&RateChange> = changes.iter().filter(|change| change.after.is_none()).collect();
    if let (Some(first), false) = (removed.first(), args.replace) {
        return Err(Failure::usage(format!(
            "{file} lacks {} of the rates in force, such as {} to {} of {}; the file is the whole table: add them (leap rates \
             show --format csv), or say --replace to remove them; nothing was changed",
            removed.len(),
            first.from,
            first.to,
            first.month
        )));
    }
    let change = Change {
        cause: format!("rates apply {file}"),
        configs: BTreeMap::from([(ConfigKind::Rates, files)]),
        ..Change::default()
    };
    let snapshot = crate::ownership::publish_unchanged(&home, &world, change).await?;
    let closed = binding(&home, None).await?;
    let touched: BTreeSet<Month> =
        changes.iter().map(|change| change.month).filter(|month| closed.contains_key(month)).collect();
    for month in &touched {
        eprintln!(
            "warning: {month} is closed: its statement keeps the rates it has; what the new ones make of it: leap period diff \
             {month}"
        );
    }
    let mut answer = Answer::new("What changes", &["what", "month", "from", "to", "before", "after"]);
    for change in &changes {
        let rate = |rate: Option<Exact>| rate.map_or(Cell::Empty, |rate| Cell::text(rate.to_string()));
        answer.rows.push(vec![
            Cell::text(change.word()),
            Cell::text(change.month.to_string()),
            Cell::text(change.from.as_str()),
            Cell::text(change.to.as_str()),
            rate(change.before),
            rate(change.after),
        ]);
    }
    if args.format.format == OutputFormat::Json {
        return print_json(&serde_json::json!({
            "snapshot": snapshot.digest.to_string(),
            "id": snapshot.id,
            "rates": rates.iter().count(),
            "changes": answer.json_rows(),
            "closed": touched.iter().map(Month::to_string).collect::<Vec<_>>(),
        }));
    }
    answer.print(args.format.format)?;
    if args.format.format != OutputFormat::Table {
        return Ok(());
    }
    emit(&format!("snapshot {} published; {} rates in force\n", snapshot.digest.short(), rates.iter().count()))
}

/// `leap rates show`.
pub(crate) async fn show(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let mut answer = Answer::new("Currency rates in force", &["month", "from", "to", "rate"]);
    for (month, from, to, rate) in in_force(&world)?.iter() {
        answer.rows.push(vec![
            Cell::text(month.to_string()),
            Cell::text(from.as_str()),
            Cell::text(to.as_str()),
            Cell::text(rate.to_string()),
        ]);
    }
    answer.print(format)
}
