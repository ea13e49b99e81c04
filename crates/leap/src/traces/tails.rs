//! Packed days beside the requests: rows that add up, so that writing them needs nothing of what is there.
//!
//! ```text
//! flush    + its requests by API and day    − what they replace
//! ```
//! Merges of requests change no sum, so they leave these files alone. A home that had requests before it had packed
//! days gets them all with its next delivery.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::TraceFile;
use leap_lake::Staging;
use leap_orient::latency::tails::{self, added_up, day_tails};
use leap_orient::latency::{ApiDay, DayTail, Listed, Requests, start_of};
use leap_orient::tail::TailError;
use leap_terms::tables::Table;
use leap_terms::{DeliveryId, FileRecord, Instant, Month, ScopeKey, SourceId};

use super::levels::{day_span, wider};
use super::load::{pairs, read_pair};
use super::store::problem;
use crate::failure::Failure;
use crate::home::Home;

pub(super) fn too_large(error: TailError) -> Failure {
    Failure::quality(format!("{error}; leap doctor says which file is damaged"))
}

/// Rows of a delivery, signed, by month.
#[derive(Default)]
pub(super) struct Ledger(BTreeMap<Month, Vec<DayTail>>);

impl Ledger {
    /// Adds requests, or takes them back.
    pub(super) fn add(
        &mut self,
        requests: &Requests,
        places: impl IntoIterator<Item = u32>,
        taken_back: bool,
    ) -> Result<(), Failure> {
        for mut row in day_tails(requests, places).map_err(too_large)? {
            row.listed.taken_back = taken_back;
            self.0.entry(row.listed.key.day.month()).or_default().push(row);
        }
        Ok(())
    }

    /// Adds what a home has that has no packed days yet.
    pub(super) fn add_all(&mut self, home: &Home, live: &[TraceFile]) -> Result<(), Failure> {
        let open = |file: &FileRecord, columns: Option<&[&str]>| home.lake.scan(file, columns);
        for (first, second) in pairs(live)? {
            let mut requests = Requests::new();
            read_pair(&mut requests, (&first.record, &second.record), false, &open)?;
            self.add(&requests, 0..requests.rows().len() as u32, false)?;
        }
        Ok(())
    }

    /// Writes a file for each month.
    pub(super) fn write(
        self,
        staging: &Staging,
        (source, delivery): (&SourceId, &DeliveryId),
        add: &mut Vec<TraceFile>,
    ) -> Result<(), Failure> {
        for (month, rows) in self.0 {
            let mut keys = BTreeMap::<ApiDay, Vec<DayTail>>::new();
            rows.into_iter().for_each(|row| keys.entry(row.listed.key.clone()).or_default().push(row));
            let mut span = None;
            let scope = ScopeKey { source: source.clone(), billing_period: month };
            let mut writer = staging.writer(Table::Tails, &scope, delivery, &[]).map_err(problem)?;
            for rows in keys.values() {
                let rows = added_up(rows).map_err(too_large)?;
                span = rows.iter().fold(span, |all, row| wider(all, day_span(row.listed.key.day)));
                writer.write(&tails::batch(&rows)).map_err(problem)?;
            }
            // What was added and taken back at once leaves nothing to be kept: the file goes with the staging.
            if let Some((first_ns, last_ns)) = span {
                add.push(TraceFile { record: writer.finish().map_err(problem)?, first_ns, last_ns });
            }
        }
        Ok(())
    }
}

pub(super) fn damaged(file: &FileRecord, error: &leap_orient::latency::RowsError) -> Failure {
    Failure::quality(format!(
        "{error}, in {}: the file is damaged; leap doctor says more, and a backup has it whole",
        file.path
    ))
}

/// Packed days from `from_ns` until `until_ns` for which `wanted` holds, as they were known on an instant; `None` where
/// a home has none, and where fewer than `at_least` requests are of the period: then reading those is as fast, and
/// exact.
pub(crate) async fn load_tails(
    home: &Home,
    (from_ns, until_ns): (u64, u64),
    known_on: Option<Instant>,
    at_least: u64,
    wanted: impl Fn(&ApiDay) -> bool,
) -> Result<Option<Vec<DayTail>>, Failure> {
    let found = home.book.trace_files_of(Table::Tails, from_ns, until_ns, known_on).await;
    let files = found.map_err(|error| Failure::from_error(&error))?;
    let within = |key: &ApiDay| start_of(key.day) >= from_ns && start_of(key.day) < until_ns;
    let (mut opened, mut all) = (Vec::new(), 0_i128);
    for file in &files {
        let indexed = home.lake.indexed(&file.record).map_err(problem)?;
        let (mut rows, mut at) = (Vec::new(), 0);
        for batch in indexed.index() {
            for Listed { key, taken_back, requests, .. } in
                tails::listed(batch).map_err(|error| damaged(&file.record, &error))?
            {
                if within(&key) {
                    all += if taken_back { -i128::from(requests) } else { i128::from(requests) };
                    if wanted(&key) {
                        rows.push(at);
                    }
                }
                at += 1;
            }
        }
        opened.push((&file.record, indexed, rows));
    }
    let all = u64::try_from(all).map_err(|_| Failure::quality("more packed requests are taken back than there are"))?;
    if files.is_empty() || all < at_least {
        return Ok(None);
    }
    let mut keys = BTreeMap::<ApiDay, Vec<DayTail>>::new();
    for (file, indexed, rows) in opened.into_iter().filter(|(_, _, rows)| !rows.is_empty()) {
        for batch in indexed.rows(&rows).map_err(problem)? {
            for row in tails::read(&batch.map_err(problem)?).map_err(|error| damaged(file, &error))? {
                keys.entry(row.listed.key.clone()).or_default().push(row);
            }
        }
    }
    let mut rows = Vec::new();
    for of_key in keys.into_values() {
        // Sums of several files can be asked as they are; only what is taken back has to be subtracted first.
        let signed = of_key.iter().any(|row| row.listed.taken_back);
        rows.extend(if signed { added_up(&of_key).map_err(too_large)? } else { of_key });
    }
    if let Some(row) = rows.iter().find(|row| row.listed.taken_back) {
        let ApiDay { service, operation, day, .. } = &row.listed.key;
        return Err(Failure::quality(format!(
            "packed requests of {service} {operation} of {day} are taken back that were never added"
        )));
    }
    Ok(Some(rows))
}

/// What differs between the packed days and those made of the requests; empty where nothing does, or where there are
/// none.
pub(crate) fn differences(home: &Home, live: &[TraceFile], requests: &Requests) -> Result<Vec<String>, Failure> {
    let files: Vec<&TraceFile> = live.iter().filter(|file| file.record.table == Table::Tails).collect();
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys = BTreeMap::<ApiDay, Vec<DayTail>>::new();
    for file in files {
        for batch in home.lake.scan(&file.record, None).map_err(problem)? {
            for row in tails::read(&batch.map_err(problem)?).map_err(|error| damaged(&file.record, &error))? {
                keys.entry(row.listed.key.clone()).or_default().push(row);
            }
        }
    }
    let mut kept = BTreeMap::new();
    for (key, rows) in keys {
        let rows = added_up(&rows).map_err(too_large)?;
        if !rows.is_empty() {
            kept.insert(key, rows);
        }
    }
    let places = 0..requests.rows().len() as u32;
    let made: BTreeMap<ApiDay, Vec<DayTail>> = day_tails(requests, places)
        .map_err(too_large)?
        .into_iter()
        .map(|row| (row.listed.key.clone(), vec![row]))
        .collect();
    let all: BTreeSet<&ApiDay> = kept.keys().chain(made.keys()).collect();
    let differing = all.into_iter().filter(|key| kept.get(key) != made.get(key));
    Ok(differing
        .map(|ApiDay { service, operation, api, day }| {
            format!("packed requests of {service} {operation} {api} of {day} are not those of the table requests")
        })
        .collect())
}
