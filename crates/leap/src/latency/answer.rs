//! A quantile with what it is made of, from wherever both are known best.
//!
//! ```text
//! traces that say that they are all         requests, or packed days where they are many
//! traces that are a sample, or may be one   the quantile from a metric that counted every request; traces say whose it is
//! ```

use std::collections::BTreeSet;

use leap_orient::latency::RequestRow;
use leap_orient::org::Reader;
use leap_orient::tail::composition::{Composition, Excess};
use leap_orient::tail::evidence::ranks::{Interval, of_sketch, of_sorted, outside_95};
use leap_orient::tail::{Band, Quantile, Units};
use leap_terms::Period;

use super::question::{Api, By, Loaded, span_of};
use super::report::{Divided, Fine, broken, ranked};
use super::{Hours, packed, shown};
use crate::failure::Failure;
use crate::home::Home;
use crate::traces::{self, Measured};
use crate::view::View;

/// Where a quantile comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// Every request that was traced: exact.
    Requests,
    /// Packed days: within [`packed::ERROR_PPM`].
    PackedDays,
    /// A metric that counted every request; traces are a sample.
    Metric {
        /// Its name.
        metric: String,
        /// What it counted.
        requests: u128,
        /// The largest relative error, in millionths.
        error_ppm: u64,
    },
    /// Traces alone, though they are a sample: there is such a metric, but no trace lies where it says.
    Unmatched(String),
}

impl Source {
    /// The largest relative error of the quantile, in millionths.
    pub(crate) fn error_ppm(&self) -> u64 {
        match self {
            Source::Requests | Source::Unmatched(_) => 0,
            Source::PackedDays => packed::ERROR_PPM,
            Source::Metric { error_ppm, .. } => *error_ppm,
        }
    }

    /// What is to be said of it; nothing of every request.
    pub(crate) fn in_words(&self) -> Option<String> {
        match self {
            Source::Requests => None,
            Source::PackedDays => Some(
                "from packed days: the quantile is within 0.4 %, and the band takes whole buckets; --exact reads every request"
                    .to_owned(),
            ),
            Source::Metric { metric, requests, error_ppm } => Some(format!(
                "traces are a sample, or do not say how they were sampled: the quantile is that of {requests} requests \
                 counted by {metric}, within {}.{} %; traces say whose it is",
                error_ppm / 10_000,
                error_ppm % 10_000 / 1_000
            )),
            Source::Unmatched(metric) => Some(format!(
                "traces are a sample, and none lies where {metric} has the quantile: it is that of what was traced"
            )),
        }
    }
}

impl Found {
    /// Which requests say whose the quantile is.
    pub(super) fn divided_as(&self) -> String {
        let band = &self.excess.tail.band;
        format!(
            "divided as the {} requests between {} and {}{}",
            band.requests,
            shown(i128::from(band.at_least_ns)),
            shown(i128::from(band.at_most_ns)),
            if band.widened { ", a band widened to hold enough of them" } else { "" }
        )
    }
}

/// What packed days or requests answer.
pub(super) struct Found {
    /// Values of the dimension, sorted.
    pub(super) values: Vec<String>,
    /// The quantile, the median and the difference.
    pub(super) excess: Excess<u32>,
    /// The quantile by value and kind.
    pub(super) kinds: Composition<Fine>,
    /// Between which the quantile lies; `None` where it is not known.
    pub(super) interval: Option<Interval>,
    /// Requests that do not say how they were sampled.
    pub(super) unknown: u64,
    /// Where the quantile comes from.
    pub(super) source: Source,
}

impl Measured {
    /// What it counted, and how far off that may be, in millionths.
    pub(super) fn counts(&self) -> (&leap_orient::tail::Sketch, u64) {
        (&self.sketch, self.error_ppm)
    }

    /// The source that it is.
    pub(super) fn source(&self) -> Source {
        let (metric, requests, error_ppm) = (self.metric.clone(), self.sketch.total(), self.error_ppm);
        Source::Metric { metric, requests, error_ppm }
    }

    /// Between which its quantile lies.
    pub(super) fn interval(&self, p: Quantile) -> Option<Interval> {
        of_sketch(&self.sketch, u64::try_from(self.sketch.total()).ok()?, p, outside_95())
    }
}

/// What services measured of some APIs, by service and operation, where their traces are a sample.
pub(super) async fn metric(
    home: &Home,
    view: &View,
    (period, hours): (Option<Period>, Option<Hours>),
    (sampled, apis): (bool, BTreeSet<(String, String)>),
) -> Result<Option<Measured>, Failure> {
    if !sampled {
        return Ok(None);
    }
    let wanted = |service: &str, operation: &str| apis.contains(&(service.to_owned(), operation.to_owned()));
    let of_hour = |start_ns: u64| hours.is_none_or(|hours| hours.hold(start_ns));
    traces::measured(home, span_of(period), view.known(), (&wanted, &of_hour)).await
}

/// The answer of requests at hand; `metric` counted all of them, where they are a sample.
pub(super) fn of_requests(
    rows: &[&RequestRow],
    divided: Divided,
    (p, band): (Quantile, Band),
    metric: Option<&Measured>,
) -> Result<Found, Failure> {
    let coarse = ranked(rows, &divided.coarse)?;
    let fine = ranked(rows, &divided.fine)?;
    let unknown = rows.iter().filter(|row| !row.weight_known).count() as u64;
    let mut source = Source::Requests;
    if let Some(measured) = metric {
        let excess = coarse.excess_at_metric(measured.counts(), p, band).map_err(broken)?;
        if let Some(excess) = excess {
            let same = Band::Within(excess.tail.band.h);
            let kinds =
                fine.at_measured(measured.counts(), p, same).map_err(broken)?.and_then(|found| found.composition);
            if let Some(kinds) = kinds {
                let (interval, source) = (measured.interval(p), measured.source());
                return Ok(Found { values: divided.values, excess, kinds, interval, unknown, source });
            }
        }
        source = Source::Unmatched(measured.metric.clone());
    }
    let excess = coarse.excess(p, band).map_err(broken)?.expect("there are requests");
    let same = Band::Within(excess.tail.band.h);
    let kinds = fine.compose(p, same).map_err(broken)?.expect("there are requests");
    let weighted = rows.iter().any(|row| row.weight != Units::ONE);
    let sorted: Vec<u64> = coarse.requests().iter().map(|request| request.latency_ns).collect();
    let interval = if weighted { None } else { of_sorted(&sorted, p, outside_95()) };
    Ok(Found { values: divided.values, excess, kinds, interval, unknown, source })
}

/// What answers a question, read once: it can be asked for several quantiles, and day by day.
pub(super) enum Read {
    /// The requests, and what counted all of them where they are a sample.
    Requests(Box<Loaded>, Option<Measured>),
    /// Packed days, and the same.
    Days(packed::Days, Option<Measured>),
}

/// Packed days where there are many requests (`at_least` so many: without it as the settings say), else the requests.
/// `None` where no request began in the period.
pub(super) async fn read(
    home: &Home,
    view: &View,
    (api, period, hours): (Option<&str>, Option<Period>, Option<Hours>),
    at_least: Option<u64>,
) -> Result<Option<Read>, Failure> {
    let days = match hours {
        None => packed::load(home, view, &Api::of(api), period, at_least).await?,
        Some(_) => None,
    };
    if let Some(days) = days {
        let metric = metric(home, view, (period, None), days.sampled()).await?;
        return Ok(Some(Read::Days(days, metric)));
    }
    let loaded = super::question::load_any(home, view, api, period, false).await?;
    let Some(loaded) = loaded.and_then(|loaded| loaded.only(hours)) else { return Ok(None) };
    let metric = metric(home, view, (period, hours), loaded.sampled()).await?;
    Ok(Some(Read::Requests(Box::new(loaded), metric)))
}

/// The answer for who needs no more than it. `None` where no request began in the period.
pub(super) async fn best(
    home: &Home,
    view: &View,
    of: (Option<&str>, Option<Period>, Option<Hours>),
    (by, reader): (&By, &Reader<'_>),
    (p, band): (Quantile, Band),
) -> Result<Option<Found>, Failure> {
    match read(home, view, of, None).await? {
        None => Ok(None),
        Some(Read::Days(days, metric)) => days.answer(by, reader, (p, band), metric.as_ref()).map(Some),
        Some(Read::Requests(loaded, metric)) => {
            let mut labels = loaded.labels(by, reader);
            let divided = Divided::of(&loaded, |part, day| labels.of(part, day));
            of_requests(&loaded.rows(), divided, (p, band), metric.as_ref()).map(Some)
        }
    }
}

/// That what was read is of traces alone, and these are a sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sampled {
    /// A metric that counted every request, if there is one.
    pub(crate) metric: Option<String>,
}

impl Sampled {
    /// Of requests that were read; `None` where they are all that there were.
    pub(super) async fn of(
        home: &Home,
        view: &View,
        period: Option<Period>,
        loaded: &Loaded,
    ) -> Result<Option<Sampled>, Failure> {
        let (sampled, apis) = loaded.sampled();
        let metric = metric(home, view, (period, None), (sampled, apis)).await?;
        Ok(sampled.then(|| Sampled { metric: metric.map(|measured| measured.metric) }))
    }

    /// What is to be said of it.
    pub(crate) fn in_words(&self) -> String {
        let read = "traces are a sample, or do not say how they were sampled: this is of the traces alone";
        match &self.metric {
            Some(metric) => format!("{read}, though {metric} counted every request"),
            None => read.to_owned(),
        }
    }

    /// The same in JSON: `null` where every request was read.
    pub(super) fn json(sampled: Option<&Sampled>) -> serde_json::Value {
        sampled.map_or(serde_json::Value::Null, |sampled| serde_json::json!({ "metric": sampled.metric }))
    }
}
