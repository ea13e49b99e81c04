//! Where a change of rules or org gives other answers: the slices that must be looked at, and of these only the rows that a new
//! answer can come from.
//!
//! ```text
//! 54 slices · 18 with charges on the days of the change · of their 28,822 keys a new rule matches 7
//!   → the answers of 6 slices, in full; of their keys, cubes and resources the rows of these 7 keys
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::RecordBatch;
use leap_lake::{Batches, Lake, LakeError, Opened, Staging};
use leap_observe::fold::Fold;
use leap_orient::attribute::{Again, AgainRun, AttributeError, Engine};
use leap_orient::org::Org;
use leap_orient::rules::RuleSet;
use leap_terms::tables::{self, Table};
use leap_terms::{FileRecord, Period};

use crate::failure::Failure;
use crate::home::Home;
use crate::publish::{self, Fresh};
use crate::world::{Open, Slice, World, each_batch, published};

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// What a change of rules or org did.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Touched {
    /// Keys looked at.
    pub(crate) examined: usize,
    /// Keys whose answer changed.
    pub(crate) changed: usize,
    /// Slices whose answers were written anew.
    pub(crate) rewritten: usize,
    /// All slices.
    pub(crate) slices: usize,
}

/// What a change leads to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The rules.
    pub(crate) rules: &'a RuleSet,
    /// The org.
    pub(crate) org: &'a Org,
    /// Every rule is asked for every key, whatever changed.
    pub(crate) full: bool,
    /// Keys and cube are made from the charges again, too.
    pub(crate) from_charges: bool,
}

/// Finds the slices in which the new rules and org give other answers, with these answers.
pub(crate) fn changed_slices(
    home: &Home,
    world: &World,
    target: Target<'_>,
    staging: &Staging,
) -> Result<(Vec<Fresh>, Touched), Failure> {
    let Target { rules, org, full, from_charges } = target;
    let open = published(home);
    let mut touched = Touched::default();
    let slices = world.slices();
    touched.slices = slices.len();
    let names = if full { Vec::new() } else { world.org.names_changed(org) };
    if !full && names.is_empty() && world.rules.change_to(rules).is_empty() {
        return Ok((Vec::new(), touched));
    }
    let engine = (!full).then(|| Engine::new(rules, org));
    let again = engine.as_ref().map(|engine| Again::new((&world.rules, &world.org), engine, &names));
    let extra = rules.extra_columns();
    let (mut fresh, mut looked) = (Vec::new(), Vec::new());
    for slice in slices {
        let current =
            world.scopes.iter().find(|current| current.scope == slice.scope && current.delivery == slice.delivery);
        let Some(current) = current else { continue };
        let whole = full || slice.of(Table::Daily).is_empty() || slice.of(Table::Attribution).is_empty();
        let keyed = match from_charges && !slice.of(Table::Charges).is_empty() {
            true => Some(folded_again(home, &slice, slice.key_columns(), staging, &open)?),
            false => keyed_for(home, &extra, &slice, staging, &open)?,
        };
        let Some(again) = again.as_ref().filter(|_| !whole && keyed.is_none()) else {
            touched.rewritten += 1;
            fresh.push(Fresh { slice: keyed.unwrap_or(slice), facts: current.facts.clone(), again: None });
            continue;
        };
        let charged = Period::new(slice.first_day, slice.last_day.plus(1));
        if again.days().zip(charged).is_some_and(|(days, charged)| days.intersection(charged).is_some()) {
            looked.push((slice, &current.facts));
        }
    }
    let answers = match &again {
        Some(again) => publish::side_by_side(&looked, |(slice, _)| look_again(again, slice, &home.lake))?,
        None => Vec::new(),
    };
    for ((slice, facts), (done, examined)) in looked.into_iter().zip(answers) {
        touched.examined += examined;
        if let Some(done) = done {
            touched.changed += done.changed;
            touched.rewritten += 1;
            fresh.push(Fresh { slice, facts: facts.clone(), again: Some(done) });
        }
    }
    fresh.sort_by(|a, b| (&a.slice.scope, &a.slice.delivery).cmp(&(&b.slice.scope, &b.slice.delivery)));
    Ok((fresh, touched))
}

/// Numbers of rows of one file, as ranges.
type RowNumbers = Vec<Range<usize>>;

/// Looks at one slice: its new answers where some differ, and how many keys were examined.
fn look_again(
    again: &Again<'_, '_>,
    slice: &Slice,
    lake: &Lake,
) -> Result<(Option<leap_orient::attribute::AgainDone>, usize), Failure> {
    let mut run = again.scope(slice.first_day, slice.last_day);
    let read = |file: &FileRecord, columns: Option<&[&str]>| lake.scan(file, columns).map_err(problem);
    // Where rules are only new, stored answers matter once one of them matches something.
    let read_answers = |run: &mut AgainRun<'_, '_>| {
        each_batch(slice.of(Table::Attribution), None, &read, |batch| run.answers(batch).map_err(problem))
    };
    let first = again.reads_answers();
    if first {
        read_answers(&mut run)?;
    }
    // The keys' files with the rows that are asked in full, where they are known already.
    let mut keys: Vec<(Opened, Option<RowNumbers>)> = Vec::new();
    let probe_columns = again.probe_columns();
    if again.probes() {
        let mut columns: Vec<&str> = probe_columns.iter().map(String::as_str).collect();
        if !again.probes_keys_alone() {
            columns.insert(0, tables::KEY);
        }
        for file in slice.of(Table::Keys) {
            let opened = lake.opened(file).map_err(problem)?;
            if again.probes_keys_alone() {
                let rows =
                    numbered(opened.scan_coded(&columns), |batch, first, rows| run.matching(batch, first, rows))?;
                keys.push((opened, Some(rows)));
                continue;
            }
            for batch in opened.scan(Some(&columns)).map_err(problem)? {
                run.keys(&batch.map_err(problem)?).map_err(problem)?;
            }
            keys.push((opened, None));
        }
    }
    if again.probes_resources() {
        each_batch(slice.of(Table::Resources), None, &read, |batch| run.resources(batch).map_err(problem))?;
        let columns = [tables::KEY, tables::RESOURCE];
        each_batch(slice.of(Table::Cube), Some(&columns), &read, |batch| run.pairs(batch).map_err(problem))?;
    }
    if keys.iter().any(|(_, rows)| rows.as_ref().is_some_and(|rows| !rows.is_empty())) || run.has_candidates() {
        if !first {
            read_answers(&mut run)?;
        }
        if keys.is_empty() {
            for file in slice.of(Table::Keys) {
                keys.push((lake.opened(file).map_err(problem)?, None));
            }
        }
        ask_in_full(again, &mut run, slice, lake, keys)?;
    }
    let examined = run.examined();
    Ok((run.finish().map_err(problem)?, examined))
}

/// Gives a run all that asking its candidates in full needs, and no other rows.
fn ask_in_full(
    again: &Again<'_, '_>,
    run: &mut AgainRun<'_, '_>,
    slice: &Slice,
    lake: &Lake,
    keys: Vec<(Opened, Option<RowNumbers>)>,
) -> Result<(), Failure> {
    let columns = again.full_columns();
    let mut columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    columns.insert(0, tables::KEY);
    for (opened, known) in keys {
        let chosen = known.is_some();
        let rows = match known {
            Some(rows) => rows,
            None => {
                numbered(opened.scan(Some(&[tables::KEY])), |batch, first, rows| run.rows_of_keys(batch, first, rows))?
            }
        };
        each_row(&opened, &columns, &rows, |batch| {
            if chosen {
                run.choose(batch)?;
            }
            run.full_keys(batch)
        })?;
    }
    let columns = Again::cube_columns();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    for file in slice.of(Table::Cube) {
        let opened = lake.opened(file).map_err(problem)?;
        let of_keys = opened.scan(Some(&[tables::KEY]));
        let rows = numbered(of_keys, |batch, first, rows| run.rows_of_keys(batch, first, rows))?;
        each_row(&opened, &columns, &rows, |batch| run.cube(batch))?;
    }
    for file in slice.of(Table::Resources) {
        let opened = lake.opened(file).map_err(problem)?;
        let digests = opened.scan(Some(&[tables::RESOURCE]));
        let rows = numbered(digests, |batch, first, rows| run.rows_of_resources(batch, first, rows))?;
        each_row(&opened, &[tables::RESOURCE, "ResourceId", "ResourceName"], &rows, |batch| run.full_resources(batch))?;
    }
    Ok(())
}

/// Collects numbers of rows: `act` gets each batch, the number of its first row, and the numbers so far.
fn numbered(
    batches: Result<Batches, LakeError>,
    mut act: impl FnMut(&RecordBatch, usize, &mut RowNumbers) -> Result<(), AttributeError>,
) -> Result<RowNumbers, Failure> {
    let (mut rows, mut first) = (RowNumbers::new(), 0);
    for batch in batches.map_err(problem)? {
        let batch = batch.map_err(problem)?;
        act(&batch, first, &mut rows).map_err(problem)?;
        first += batch.num_rows();
    }
    Ok(rows)
}

/// Calls `act` with batches of these rows.
fn each_row(
    opened: &Opened,
    columns: &[&str],
    rows: &RowNumbers,
    mut act: impl FnMut(&RecordBatch) -> Result<(), AttributeError>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    for batch in opened.scan_rows(Some(columns), rows).map_err(problem)? {
        act(&batch.map_err(problem)?).map_err(problem)?;
    }
    Ok(())
}

/// The slice keyed anew from its charges, where its keys lack one of the columns that rules name beside those of every home
/// ([`RuleSet::extra_columns`]); `None` where they hold all of them.
pub(crate) fn keyed_for(
    home: &Home,
    extra: &[String],
    slice: &Slice,
    staging: &Staging,
    open: Open,
) -> Result<Option<Slice>, Failure> {
    let mut columns = slice.key_columns();
    let missing: Vec<String> = extra.iter().filter(|column| !columns.contains(column)).cloned().collect();
    if missing.is_empty() || slice.of(Table::Charges).is_empty() {
        return Ok(None);
    }
    columns.extend(missing);
    folded_again(home, slice, columns, staging, open).map(Some)
}

/// The slice with keys, resources and cube made from its charges.
fn folded_again(
    home: &Home,
    slice: &Slice,
    columns: Vec<String>,
    staging: &Staging,
    open: Open,
) -> Result<Slice, Failure> {
    let memory = home.settings.intake.memory_mib << 20;
    let mut fold = Fold::new(columns.clone(), &home.folder("spill")?, memory).map_err(problem)?;
    each_batch(slice.of(Table::Charges), None, open, |batch| fold.add(batch).map_err(problem))?;
    let mut writers = BTreeMap::new();
    for table in [Table::Keys, Table::Resources, Table::Cube] {
        let own: &[String] = if table == Table::Keys { &columns } else { &[] };
        writers.insert(table, staging.writer(table, &slice.scope, &slice.delivery, own).map_err(problem)?);
    }
    fold.finish(&mut |table, batch| match writers.get_mut(&table) {
        Some(writer) => {
            writer.write(&batch).map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)
        }
        None => Ok(()),
    })
    .map_err(problem)?;
    let mut keyed = slice.clone();
    for (table, writer) in writers {
        let file: FileRecord = writer.finish().map_err(problem)?;
        keyed.files.insert(table, vec![file]);
    }
    Ok(keyed)
}
