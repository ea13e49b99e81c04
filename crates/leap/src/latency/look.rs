//! What the page Latency shows: one quantile with all that it is made of, others beside it, and quantiles day by day; the
//! requests or packed days are read once for all of it.

use std::collections::{BTreeMap, BTreeSet};

use leap_orient::org::Reader;
use leap_orient::tail::composition::Excess;
use leap_orient::tail::{Band, Quantile};
use leap_terms::{Day, Period};

use super::answer::{Found, Read, Sampled, Source, of_requests, read};
use super::contract::{Judged, Objective};
use super::packed::{self, DayQuantiles};
use super::question::{Api, By, Loaded, load_any, span_of};
use super::report::{Divided, broken, ranked};
use super::whatif;
use crate::failure::Failure;
use crate::home::Home;
use crate::traces::{self, Measured};
use crate::view::View;

/// Days that are shown where no period was asked for.
const DAYS: i32 = 90;
/// Days that are shown of a longer period: its last.
const MOST_DAYS: i32 = 366;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// As typed; all requests without it.
    pub(crate) api: Option<&'a str>,
    /// When they began.
    pub(crate) period: Option<Period>,
    /// What slices are added up by.
    pub(crate) by: &'a str,
    /// The quantile in question.
    pub(crate) quantile: Quantile,
    /// Those that stand beside it and are shown day by day.
    pub(crate) beside: &'a [Quantile],
    /// From packed days, however few requests there are.
    pub(crate) packed: bool,
    /// Also what could be saved; every request is read.
    pub(crate) what_if: bool,
    /// What is judged, where something is promised.
    pub(crate) objective: Option<Objective>,
}

/// A value of the dimension, ns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Portion {
    /// The team, service …
    pub(crate) value: String,
    /// At the quantile; all together the quantile.
    pub(crate) ns: u64,
    /// At the median.
    pub(crate) usual_ns: u64,
    /// More than at the median; all together what the quantile exceeds it by.
    pub(crate) excess_ns: i128,
    /// What could be saved, were it alone to take what it usually takes; `None` where that was not asked.
    pub(crate) recoverable_ns: Option<i128>,
}

/// What is found.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// What requests are meant, in words.
    pub(crate) api: String,
    /// The quantile.
    pub(crate) latency_ns: u64,
    /// Requests that it is of.
    pub(crate) requests: u64,
    /// The median.
    pub(crate) median_ns: u64,
    /// What both are made of, most of the quantile first.
    pub(crate) portions: Vec<Portion>,
    /// Between which the quantile lies with 95 %, where that is known.
    pub(crate) interval: Option<(u64, u64)>,
    /// Where the quantile comes from, and what is to be known of that.
    pub(crate) said: Vec<String>,
    /// True where a request has the quantile, and requests of the period are listed.
    pub(crate) is_listed: bool,
    /// True where packed days answered.
    pub(crate) is_packed: bool,
    /// The quantiles beside it.
    pub(crate) beside: Vec<u64>,
    /// Quantiles by day, requests of each.
    pub(crate) days: Vec<DayQuantiles>,
    /// What could be saved together, ns, and whether that is exact; `None` where that was not asked.
    pub(crate) together: Option<(i128, bool)>,
    /// What the contract says; `None` where nothing is promised, and where packed days answered: then [`judge`]
    /// reads every request for it.
    ///
    /// [`judge`]: super::contract::judge
    pub(crate) judged: Option<Judged>,
}

/// Reads requests or packed days and looks at them. `None` where no request began in the period.
pub(crate) async fn look(home: &Home, view: &View, asked: &Asked<'_>) -> Result<Option<Look>, Failure> {
    let by = By::read(asked.by, view)?;
    let readers = view.readers();
    let reader = &readers[0];
    let found = if asked.what_if {
        load_any(home, view, asked.api, asked.period, true).await?.map(|loaded| Read::Requests(Box::new(loaded), None))
    } else {
        let at_least = asked.packed.then_some(0);
        read(home, view, (asked.api, asked.period, None), at_least).await?
    };
    match found {
        None => Ok(None),
        Some(Read::Requests(loaded, metric)) => {
            of_loaded(home, view, asked, (&loaded, metric.as_ref()), (&by, reader)).await.map(Some)
        }
        Some(Read::Days(days, metric)) => {
            let answer = |p| days.answer(&by, reader, (p, Band::Default), metric.as_ref());
            let found = answer(asked.quantile)?;
            let beside = asked.beside.iter().map(|p| Ok(answer(*p)?.excess.tail.latency_ns));
            let beside = beside.collect::<Result<Vec<u64>, Failure>>()?;
            let last = days.last().unwrap_or(Day::EARLIEST);
            let span = shown_days(asked.period, last);
            let metrics = by_day(home, view, span, &days.sampled_days()).await?;
            let days = days.by_day(span, asked.beside, &metrics, reader)?;
            Ok(Some(Look { is_packed: true, is_listed: false, ..Look::new(asked, &found, beside, days) }))
        }
    }
}

/// True where so many requests are of a period that they are not read one by one for a page.
pub(crate) async fn is_large(home: &Home, view: &View, period: Option<Period>) -> Result<bool, Failure> {
    packed::is_large(home, view, period).await
}

async fn of_loaded(
    home: &Home,
    view: &View,
    asked: &Asked<'_>,
    (loaded, metric): (&Loaded, Option<&Measured>),
    (by, reader): (&By, &Reader<'_>),
) -> Result<Look, Failure> {
    let mut labels = loaded.labels(by, reader);
    let divided = Divided::of(loaded, |part, day| labels.of(part, day));
    let rows = loaded.rows();
    let found = of_requests(&rows, divided.clone(), (asked.quantile, Band::Default), metric)?;
    let mut beside = Vec::with_capacity(asked.beside.len());
    for p in asked.beside {
        beside.push(match metric {
            None => ranked(&rows, &divided.coarse)?.quantile(*p).unwrap_or(0),
            Some(_) => of_requests(&rows, divided.clone(), (*p, Band::Default), metric)?.excess.tail.latency_ns,
        });
    }
    let last = rows.iter().map(|row| row.day()).max().unwrap_or(Day::EARLIEST);
    let span = shown_days(asked.period, last);
    let sampled = if asked.what_if { BTreeSet::new() } else { loaded.sampled_days() };
    let metrics = by_day(home, view, span, &sampled).await?;
    let days = days_of(loaded, &divided, (span, asked.beside), &metrics)?;
    let mut look = Look::new(asked, &found, beside, days);
    look.judged = asked.objective.map(|objective| Judged::of(&loaded.requests, objective));
    if asked.what_if {
        look.said.extend(Sampled::of(home, view, asked.period, loaded).await?.map(|sampled| sampled.in_words()));
        let ids: BTreeSet<&str> = (0..loaded.requests.rows().len())
            .filter_map(|at| loaded.requests.ids(at))
            .map(|(trace, _)| trace)
            .collect();
        let kept = traces::examples_of(home, span_of(asked.period), view.known(), |id| ids.contains(id)).await?;
        let savings = whatif::savings(loaded, &divided, &found.excess, asked.quantile, kept, &mut labels)?;
        let alone = savings.alone();
        let place: BTreeMap<&str, u32> = found.values.iter().map(String::as_str).zip(0..).collect();
        for portion in &mut look.portions {
            portion.recoverable_ns = place.get(&*portion.value).and_then(|at| alone.get(at)).copied();
        }
        look.together = Some(savings.together());
    }
    Ok(look)
}

/// The days that are shown: those of the period, or the last ones before which requests began.
fn shown_days(period: Option<Period>, last: Day) -> (Day, Day) {
    match period {
        Some(period) => (period.from().max(period.until().plus(-MOST_DAYS)), period.until()),
        None => (last.plus(1 - DAYS), last.plus(1)),
    }
}

/// What metrics counted on days whose traces are a sample.
async fn by_day(
    home: &Home,
    view: &View,
    (from, until): (Day, Day),
    sampled: &BTreeSet<(Day, String, String)>,
) -> Result<BTreeMap<Day, Measured>, Failure> {
    if sampled.is_empty() {
        return Ok(BTreeMap::new());
    }
    let span = (leap_orient::latency::start_of(from), leap_orient::latency::start_of(until));
    let day = |service: &str, operation: &str, start_ns: u64| {
        let day = leap_orient::latency::day_of(start_ns);
        sampled.contains(&(day, service.to_owned(), operation.to_owned())).then_some(day)
    };
    traces::measured_by(home, span, view.known(), &day).await
}

/// Quantiles of the requests of each day, as they are of that day alone.
fn days_of(
    loaded: &Loaded,
    divided: &Divided,
    ((from, until), asked): ((Day, Day), &[Quantile]),
    metrics: &BTreeMap<Day, Measured>,
) -> Result<Vec<DayQuantiles>, Failure> {
    let mut days = BTreeMap::<Day, Vec<usize>>::new();
    for (at, row) in loaded.requests.rows().iter().enumerate() {
        let day = row.day();
        if day >= from && day < until {
            days.entry(day).or_default().push(at);
        }
    }
    let mut all = Vec::with_capacity(days.len());
    for (day, places) in days {
        let metric = metrics.get(&day);
        let mut quantiles = Vec::with_capacity(asked.len());
        if metric.is_some() {
            let own: Vec<_> = places.iter().map(|at| &loaded.requests.rows()[*at]).collect();
            let parts = divided.of_places(&places);
            for p in asked {
                let found = of_requests(&own, parts.clone(), (*p, Band::Default), metric)?;
                quantiles.push(found.excess.tail.latency_ns);
            }
        } else {
            let rows = loaded.requests.rows();
            let mut latencies: Vec<_> = places.iter().map(|at| (rows[*at].latency_ns, rows[*at].weight)).collect();
            latencies.sort_unstable();
            let none = || broken(leap_orient::tail::TailError::TooLarge);
            for p in asked {
                quantiles.push(leap_orient::tail::quantile::nearest_rank(&latencies, *p).ok_or_else(none)?);
            }
        }
        all.push((day, places.len() as u64, quantiles));
    }
    Ok(all)
}

impl Look {
    fn new(asked: &Asked<'_>, found: &Found, beside: Vec<u64>, days: Vec<DayQuantiles>) -> Look {
        let Excess { tail, median, excess } = &found.excess;
        let mut portions: Vec<Portion> = excess
            .iter()
            .map(|(value, more)| Portion {
                value: found.values[*value as usize].clone(),
                ns: tail.part(value),
                usual_ns: median.part(value),
                excess_ns: *more,
                recoverable_ns: None,
            })
            .filter(|portion| portion.ns > 0 || portion.usual_ns > 0)
            .collect();
        portions.sort_by(|a, b| b.ns.cmp(&a.ns).then_with(|| a.value.cmp(&b.value)));
        let mut said = vec![found.divided_as()];
        said.extend(found.source.in_words());
        if found.unknown > 0 && matches!(found.source, Source::Requests | Source::PackedDays) {
            said.push(format!(
                "{} requests do not say how they were sampled: the quantile is that of what was sent",
                found.unknown
            ));
        }
        Look {
            api: Api::of(asked.api).in_words(),
            latency_ns: tail.latency_ns,
            requests: tail.requests,
            median_ns: median.latency_ns,
            portions,
            interval: found.interval.and_then(|interval| Some((interval.low_ns?, interval.high_ns?))),
            said,
            is_listed: matches!(found.source, Source::Requests | Source::Unmatched(_)),
            is_packed: false,
            beside,
            days,
            together: None,
            judged: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_period_or_the_last_ones() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let period = |text: &str| Some(text.parse::<Period>().unwrap());
        let last = day("2026-09-30");
        assert_eq!(shown_days(None, last), (day("2026-07-03"), day("2026-10-01")));
        assert_eq!(shown_days(period("2026-08"), last), (day("2026-08-01"), day("2026-09-01")));
        assert_eq!(shown_days(period("2024-01-01..2026-01-01"), last).0, day("2024-12-31"));
    }
}
