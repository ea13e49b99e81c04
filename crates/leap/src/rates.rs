//! `leap rates …`: currency rates per pair and month.

use std::collections::BTreeMap;
use std::path::Path;

use leap_book::{ConfigFiles, ConfigKind};
use leap_orient::currency::Rates;
use leap_terms::fault;

use crate::cli::{OutputFormat, RatesApplyArgs};
use crate::cycle::Change;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit};
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
    let rates = Rates::parse(&args.file.display().to_string(), &bytes)
        .map_err(|faults| Failure::usage(fault::list(&faults)))?;
    let files = ConfigFiles { files: vec![("rates.csv".to_owned(), rates.to_csv().into_bytes())] };
    if world.config_digest(ConfigKind::Rates) == Some(files.digest()) {
        return emit("these rates are in force already; nothing was changed\n");
    }
    let change = Change {
        cause: format!("rates apply {}", args.file.display()),
        configs: BTreeMap::from([(ConfigKind::Rates, files)]),
        ..Change::default()
    };
    let snapshot = crate::ownership::publish_unchanged(&home, &world, change).await?;
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
