//! Windows of clauses about latency: requests counted against every threshold, in one pass over the requests of the
//! lake.

use std::collections::HashMap;
use std::sync::Arc;

use leap_decide::contract::Measure;
use leap_decide::seconds::Seconds;
use leap_orient::latency::start_of;
use leap_orient::tail::windows::Windows;
use leap_terms::tables::Table;
use leap_terms::{Day, Instant, NameId};

use super::{Asked, Measured};
use crate::failure::Failure;
use crate::home::Home;
use crate::latency::question::Api;
use crate::latency::windows;
use crate::traces::{self, STREAM};
use crate::view::View;

/// Which counters a request counts in.
type Places = Arc<[usize]>;

/// Reads the windows of clauses about latency. Requests are those that are known in the view.
///
/// The time of events is the start of the newest request of any API: that one API is silent is seen by the others. What
/// comes over the network comes as it happens: where the newest requests did, silence counts up to now.
pub(super) async fn read(
    home: &Home,
    view: &View,
    asked: &[Asked<'_>],
    now: Instant,
) -> Result<Vec<(usize, Measured)>, Failure> {
    let mut counters = Counters::default();
    let mut places = Vec::new();
    for one in asked {
        if let Measure::Latency(latency) = &one.clause.measure {
            let place = counters.of(&latency.api, one.clause.timing.window);
            counters.list[place].1.against(latency.at_most_ns);
            places.push((one, place, latency.at_most_ns));
        }
    }
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let event_time = event_time(home, view, now).await?;
    let from = asked.iter().map(|one| one.term().from()).min().unwrap_or(Day::EARLIEST);
    let until = asked.iter().map(|one| one.term().until()).max().unwrap_or(Day::NEVER);
    traces::count_files(home, (start_of(from), start_of(until)), view.known(), |requests, rows| {
        // Names have numbers of their own in each file.
        let mut known = HashMap::<[NameId; 3], Places>::new();
        for row in rows {
            let names = [row.api, row.service, row.operation];
            let places = known.entry(names).or_insert_with(|| counters.places(names.map(|name| requests.text(name))));
            for place in &**places {
                windows::add(&mut counters.list[*place].1, row);
            }
        }
    })
    .await?;
    let measured = |(one, place, threshold_ns): (&Asked<'_>, usize, u64)| {
        let readings = windows::readings(&counters.list[place].1, threshold_ns);
        let why = readings.is_empty().then(|| match event_time {
            None => "there are no requests yet: leap ingest TRACES, or send them to leap serve".to_owned(),
            Some(_) => match &counters.list[place].0 {
                Api::All => "no request was found in its term".to_owned(),
                Api::Of(api) => format!("no request of '{api}' was found in its term"),
            },
        });
        (one.place, Measured { readings, event_time, why, broken: None })
    };
    Ok(places.into_iter().map(measured).collect())
}

/// How far the time of events has come; none where there is no request.
async fn event_time(home: &Home, view: &View, now: Instant) -> Result<Option<Instant>, Failure> {
    let files = home.book.trace_files_of(Table::Requests, 0, u64::MAX, view.known()).await;
    let files = files.map_err(|error| Failure::from_error(&error))?;
    let newest = files.iter().max_by_key(|file| file.last_ns);
    Ok(newest.map(|file| {
        if file.record.scope.source.as_str() == STREAM {
            return now;
        }
        // A request of tomorrow has a wrong clock, and closes no window that is not over.
        Instant::from_micros(i64::try_from(file.last_ns / 1_000).unwrap_or(i64::MAX)).min(now)
    }))
}

/// Counters for each API and length of windows that clauses have.
#[derive(Default)]
struct Counters {
    list: Vec<(Api, Windows)>,
    keys: HashMap<(String, Seconds), usize>,
    /// By API, service and operation of a request.
    known: HashMap<[String; 3], Places>,
}

impl Counters {
    fn of(&mut self, api: &str, window: Seconds) -> usize {
        let list = &mut self.list;
        *self.keys.entry((api.to_owned(), window)).or_insert_with(|| {
            list.push((Api::of(Some(api)), windows::of(window)));
            list.len() - 1
        })
    }

    /// The counters that a request of such names counts in.
    fn places(&mut self, [name, service, operation]: [&str; 3]) -> Places {
        let key = [name, service, operation].map(str::to_owned);
        let list = &self.list;
        let found = self.known.entry(key).or_insert_with(|| {
            list.iter().enumerate().filter(|(_, (api, _))| api.is(name, service, operation)).map(|(at, _)| at).collect()
        });
        found.clone()
    }
}
