//! The quantile from packed days: a month of any API without reading a request.
//!
//! ```text
//! index of the month's files → the API's days → buckets added → the band's parts → owners as of each day
//! ```
//! The quantile is within [`MAX_ERROR_PPM`] of the exact one, and the band takes whole buckets; what it is divided into
//! is the exact composition of the requests of those. Who asks for less than [`LatencySettings::exact_requests`], for
//! what-if or for blame gets the requests themselves.
//!
//! [`LatencySettings::exact_requests`]: crate::home::LatencySettings

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use leap_orient::latency::{DayTail, PartName};
use leap_orient::org::Reader;
use leap_orient::tail::composition::stored::{answer, answer_at_metric, excess, excess_at_metric};
use leap_orient::tail::evidence::ranks::{of_sketch, outside_95};
use leap_orient::tail::pack::{Packed, Unreadable};
use leap_orient::tail::sketch::{MAX_ERROR_PPM, Tally};
use leap_orient::tail::{Band, Quantile, TailError};
use leap_terms::{Day, Period};

use super::answer::{Found, Source};
use super::question::{Api, By, Owners, span_of};
use super::report::{Fine, broken};
use crate::failure::Failure;
use crate::home::Home;
use crate::traces::{self, Measured};
use crate::view::View;

/// Packed days with the owners of their services.
pub(super) struct Days {
    rows: Vec<DayTail>,
    owners: Arc<Owners>,
}

/// How far off the quantile may be, in millionths.
pub(super) const ERROR_PPM: u64 = MAX_ERROR_PPM;

/// True where so many requests are of a period that they are not read one by one.
pub(super) async fn is_large(home: &Home, view: &View, period: Option<Period>) -> Result<bool, Failure> {
    let at_least = home.settings.latency.exact_requests.saturating_add(1);
    Ok(traces::load_tails(home, span_of(period), view.known(), at_least, |_| false).await?.is_some())
}

/// The days of an API; `None` where fewer than `at_least` requests are of the period (without it: where reading them is
/// as fast), where there are no packed days, and where nothing was found: then the requests say why.
pub(super) async fn load(
    home: &Home,
    view: &View,
    api: &Api,
    period: Option<Period>,
    at_least: Option<u64>,
) -> Result<Option<Days>, Failure> {
    let at_least = at_least.unwrap_or_else(|| home.settings.latency.exact_requests.saturating_add(1));
    let wanted = |key: &leap_orient::latency::ApiDay| api.is(&key.api, &key.service, &key.operation);
    let packs = traces::load_tails(home, span_of(period), view.known(), at_least, wanted).await?;
    let Some(rows) = packs.filter(|rows| !rows.is_empty()) else { return Ok(None) };
    let names: BTreeSet<&str> =
        rows.iter().flat_map(|row| &row.owners).flat_map(|name| [&*name.owner, &*name.caller]).collect();
    let owners = Owners::of(home, view, names.into_iter().filter(|name| !name.is_empty())).await?;
    Ok(Some(Days { rows, owners: Arc::new(owners) }))
}

/// A day's requests, and a quantile of them for each that was asked for.
pub(super) type DayQuantiles = (Day, u64, Vec<u64>);

impl Days {
    /// Whether the traces are a sample, or may be one, and of which services and operations they are.
    pub(super) fn sampled(&self) -> (bool, BTreeSet<(String, String)>) {
        let sampled = self.rows.iter().any(|row| row.listed.unknown > 0 || row.listed.weighted > 0);
        let apis = self.rows.iter().map(|row| &row.listed.key);
        (sampled, apis.map(|key| (key.service.clone(), key.operation.clone())).collect())
    }

    /// Days whose traces are a sample, or may be one, with their services and operations.
    pub(super) fn sampled_days(&self) -> BTreeSet<(Day, String, String)> {
        let sampled = |row: &&DayTail| row.listed.unknown > 0 || row.listed.weighted > 0;
        let days: BTreeSet<Day> = self.rows.iter().filter(sampled).map(|row| row.listed.key.day).collect();
        let keys = self.rows.iter().map(|row| &row.listed.key).filter(|key| days.contains(&key.day));
        keys.map(|key| (key.day, key.service.clone(), key.operation.clone())).collect()
    }

    /// The last day of which there are any.
    pub(super) fn last(&self) -> Option<Day> {
        self.rows.iter().map(|row| row.listed.key.day).max()
    }

    /// Quantiles day by day, from a day until another, as [`Days::answer`] says them of the day alone; `metric` by day.
    pub(super) fn by_day(
        &self,
        (from, until): (Day, Day),
        asked: &[Quantile],
        metric: &BTreeMap<Day, Measured>,
        reader: &Reader<'_>,
    ) -> Result<Vec<DayQuantiles>, Failure> {
        let mut days = BTreeMap::<Day, Vec<&DayTail>>::new();
        for row in self.rows.iter().filter(|row| row.listed.key.day >= from && row.listed.key.day < until) {
            days.entry(row.listed.key.day).or_default().push(row);
        }
        let mut all = Vec::with_capacity(days.len());
        for (day, rows) in days {
            let requests = rows.iter().map(|row| row.listed.requests).sum();
            let mut quantiles = Vec::with_capacity(asked.len());
            let own = Days { rows: rows.iter().map(|row| (*row).clone()).collect(), owners: self.owners.clone() };
            let measured = metric.get(&day);
            let mut tally = Tally::default();
            for row in rows {
                tally.absorb(&row.packed().map_err(broken)?.sketch());
            }
            let sketch = tally.sketch();
            for p in asked {
                quantiles.push(match (measured, sketch.quantile(*p)) {
                    (None, Some(estimate)) => estimate.ns,
                    _ => own.answer(&By::Kind, reader, (*p, Band::Default), measured)?.excess.tail.latency_ns,
                });
            }
            all.push((day, requests, quantiles));
        }
        Ok(all)
    }

    /// Divides the quantile by a dimension; where traces are a sample, that of a metric that counted every request.
    pub(super) fn answer(
        &self,
        by: &By,
        reader: &Reader<'_>,
        (p, band): (Quantile, Band),
        metric: Option<&Measured>,
    ) -> Result<Found, Failure> {
        let packed = self.rows.iter().map(DayTail::packed).collect::<Result<Vec<Packed<'_>>, TailError>>();
        let packed = packed.map_err(broken)?;
        let pieces: Vec<&Packed<'_>> = packed.iter().collect();
        let (values, labels) = self.labels(by, reader);
        let owner = |piece: usize, key: &u32| labels[piece][*key as usize];
        let of = |count: fn(&leap_orient::latency::Listed) -> u64| self.rows.iter().map(|row| count(&row.listed)).sum();
        let (weighted, unknown): (u64, u64) = (of(|listed| listed.weighted), of(|listed| listed.unknown));
        let mut source = Source::PackedDays;
        if let Some(measured) = metric {
            let first = |piece, key: &u32| owner(piece, key).0;
            let found = excess_at_metric(&pieces, measured.counts(), (p, band), first).map_err(broken)?;
            if let Some(excess) = found {
                let same = Band::Within(excess.tail.band.h);
                let kinds = answer_at_metric(&pieces, measured.counts(), (p, same), owner).map_err(broken)?;
                if let Some(kinds) = kinds {
                    let (interval, source) = (measured.interval(p), measured.source());
                    return Ok(Found { values, excess, kinds, interval, unknown, source });
                }
            }
            source = Source::Unmatched(measured.metric.clone());
        }
        let excess = excess(&pieces, p, band, |piece, key| owner(piece, key).0).map_err(broken)?;
        let nothing = || broken(TailError::Unreadable(Unreadable));
        let excess = excess.ok_or_else(nothing)?;
        let same = Band::Within(excess.tail.band.h);
        let kinds = answer(&pieces, p, same, owner).map_err(broken)?.ok_or_else(nothing)?;
        let mut tally = Tally::default();
        for piece in &packed {
            tally.absorb(&piece.sketch());
        }
        let interval = match weighted {
            0 => of_sketch(&tally.sketch(), excess.tail.requests, p, outside_95()),
            _ => None,
        };
        Ok(Found { values, excess, kinds, interval, unknown, source })
    }

    /// The values of a dimension, and for each row and number of its owners the value's place and the kind.
    fn labels(&self, by: &By, reader: &Reader<'_>) -> (Vec<String>, Vec<Vec<Fine>>) {
        let mut known = HashMap::<(&str, Day), String>::new();
        let mut texts = Vec::<Vec<String>>::with_capacity(self.rows.len());
        for row in &self.rows {
            let day = row.listed.key.day;
            let label = |name: &PartName| match by {
                By::Service => name.owner.clone(),
                By::Kind => name.kind.word().to_owned(),
                By::Caller if name.caller.is_empty() => name.owner.clone(),
                By::Caller => name.caller.clone(),
                By::Team | By::Level(_) => self.owners.team(by, reader, &name.owner, day),
            };
            let mut of_row = Vec::with_capacity(row.owners.len());
            for name in &row.owners {
                of_row.push(match by {
                    By::Team | By::Level(_) => known.entry((&name.owner, day)).or_insert_with(|| label(name)).clone(),
                    By::Service | By::Kind | By::Caller => label(name),
                });
            }
            texts.push(of_row);
        }
        let mut places: BTreeMap<&str, u32> = texts.iter().flatten().map(|text| (&**text, 0)).collect();
        for (place, number) in places.values_mut().zip(0..) {
            *place = number;
        }
        let numbered = self.rows.iter().zip(&texts).map(|(row, texts)| {
            row.owners.iter().zip(texts).map(|(name, text)| (places[&**text], name.kind as u8)).collect()
        });
        let numbered = numbered.collect();
        (places.into_keys().map(str::to_owned).collect(), numbered)
    }
}
