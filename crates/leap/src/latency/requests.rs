//! `leap latency per-request`: one line per request, in order of start, trace and root; and the slowest, page by page.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use leap_orient::latency::SliceKind;
use leap_orient::tail::Quantile;
use leap_orient::tail::quantile::nearest_rank;
use leap_terms::{NameId, Period};
use serde_json::{Map, Value, json};

use super::question::{By, Labels, Loaded, load, load_any, open, own_service};
use super::{packed, shown};
use crate::cli::{LatencyRequestArgs, RequestFormat};
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{Answer, Cell, emit};
use crate::view::View;

/// A request with whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its trace, as written.
    pub(crate) trace: String,
    /// The span at which it begins.
    pub(crate) root: String,
    /// The name of the API inside other requests that it is of; empty for requests that begin their trace.
    pub(crate) api: String,
    /// Service and operation at which it begins.
    pub(crate) name: String,
    /// Start, ns since the epoch.
    pub(crate) start_ns: u64,
    /// How long it took, ns.
    pub(crate) latency_ns: u64,
    /// What it is made of; together the latency.
    pub(crate) shares: Vec<Share>,
}

/// Slices of a request with one owner, kind and caller.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// The service that owns the time.
    pub(crate) owner: String,
    /// The value of the dimension in question: the team, if no other was asked for.
    pub(crate) value: String,
    /// Why it is the owner's.
    pub(crate) kind: SliceKind,
    /// The service that waited; empty where none did.
    pub(crate) caller: String,
    /// The service whose span it was.
    own: String,
    /// How long, ns.
    pub(crate) ns: u64,
}

/// The request at a place.
pub(super) fn line_of(loaded: &Loaded, labels: &mut Labels<'_>, at: usize) -> Line {
    let requests = &loaded.requests;
    let row = &requests.rows()[at];
    let (trace, root) = requests.ids(at).unwrap_or_default();
    let text = |name: NameId| if name == NameId::NONE { String::new() } else { requests.text(name).to_owned() };
    Line {
        trace: trace.to_owned(),
        root: root.to_owned(),
        api: text(row.api),
        name: format!("{} {}", requests.text(row.service), requests.text(row.operation)),
        start_ns: row.start_ns,
        latency_ns: row.latency_ns,
        shares: requests
            .parts(row)
            .iter()
            .map(|part| Share {
                owner: text(part.owner),
                value: labels.of(part, row.day()),
                kind: part.kind,
                caller: text(part.caller),
                own: text(own_service(part)),
                ns: part.ns,
            })
            .collect(),
    }
}

impl Line {
    /// What it is made of, by anything of its slices.
    fn by<'l>(&'l self, key: impl Fn(&'l Share) -> &'l str) -> BTreeMap<&'l str, u64> {
        let mut sums = BTreeMap::<&str, u64>::new();
        for share in &self.shares {
            *sums.entry(key(share)).or_default() += share.ns;
        }
        sums
    }

    /// By the value of the dimension in question.
    pub(crate) fn by_value(&self) -> BTreeMap<&str, u64> {
        self.by(|share| &share.value)
    }
}

/// Some of the slowest requests.
#[derive(Debug)]
pub(crate) struct Listed {
    /// They, slowest first.
    pub(crate) lines: Vec<Line>,
    /// Slower ones before them.
    pub(crate) skipped: usize,
    /// How many there are in all.
    pub(crate) of: usize,
    /// The place among `lines` of the request that has the quantile.
    pub(crate) marked: Option<usize>,
}

/// What is asked of the slowest requests.
pub(crate) struct Slowest<'a> {
    /// As typed.
    pub(crate) api: Option<&'a str>,
    /// When they began.
    pub(crate) period: Option<Period>,
    /// What their slices are added up by.
    pub(crate) by: &'a str,
    /// The quantile whose request is marked.
    pub(crate) quantile: Quantile,
    /// So many slower ones are left out; without it, whole pages before the one with the marked request.
    pub(crate) skip: Option<usize>,
    /// Requests of a page.
    pub(crate) page: usize,
}

/// What is found of the slowest requests.
#[derive(Debug)]
pub(crate) enum Listing {
    /// No request began in the period.
    Nothing,
    /// There are too many to be read one by one.
    TooMany,
    /// A page of them.
    Page(Listed),
}

/// The slowest requests, a page of them.
pub(crate) async fn slowest(home: &Home, view: &View, asked: &Slowest<'_>) -> Result<Listing, Failure> {
    if packed::is_large(home, view, asked.period).await? {
        return Ok(Listing::TooMany);
    }
    let by = By::read(asked.by, view)?;
    let Some(loaded) = load_any(home, view, asked.api, asked.period, true).await? else {
        return Ok(Listing::Nothing);
    };
    let rows = loaded.requests.rows();
    let mut places: Vec<usize> = (0..rows.len()).collect();
    let key = |at: &usize| (Reverse(rows[*at].latency_ns), rows[*at].start_ns, loaded.requests.ids(*at));
    places.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    let weighted: Vec<_> = places.iter().rev().map(|at| (rows[*at].latency_ns, rows[*at].weight)).collect();
    let quantile = nearest_rank(&weighted, asked.quantile);
    let marked = quantile.and_then(|ns| places.iter().position(|at| rows[*at].latency_ns == ns));
    let page = asked.page.max(1);
    let skipped = asked.skip.unwrap_or_else(|| marked.unwrap_or(0) / page * page).min(places.len());
    let readers = view.readers();
    let mut labels = loaded.labels(&by, &readers[0]);
    let lines: Vec<Line> =
        places.iter().skip(skipped).take(page).map(|at| line_of(&loaded, &mut labels, *at)).collect();
    Ok(Listing::Page(Listed {
        marked: marked.and_then(|at| at.checked_sub(skipped)).filter(|at| *at < lines.len()),
        lines,
        skipped,
        of: places.len(),
    }))
}

pub(super) async fn run(root: &Path, args: &LatencyRequestArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let loaded = load(&home, &view, args.api.as_deref(), args.period, true).await?;
    let requests = &loaded.requests;
    let readers = view.readers();
    let by = By::Team;
    let mut labels = loaded.labels(&by, &readers[0]);
    let mut places: Vec<usize> = (0..requests.rows().len()).collect();
    places.sort_by_key(|at| (requests.rows()[*at].start_ns, requests.ids(*at)));
    let mut table = Answer::new("", &["start", "trace", "api", "latency", "most of it"]);
    for at in places {
        let row = &requests.rows()[at];
        let line = line_of(&loaded, &mut labels, at);
        let owned = line.by(|share| &share.owner);
        if args.format == RequestFormat::Table {
            let most = owned.iter().max_by_key(|(name, ns)| (**ns, Reverse(**name)));
            table.rows.push(vec![
                Cell::text(instant(row.start_ns)),
                Cell::text(&*line.trace),
                Cell::text(&*line.name),
                Cell::text(shown(i128::from(row.latency_ns))),
                most.map_or(Cell::Empty, |(name, ns)| Cell::text(format!("{name} {}", shown(i128::from(*ns))))),
            ]);
            continue;
        }
        let mut flags: Map<String, Value> = serde_json::from_str(&row.counters).unwrap_or_default();
        if row.error {
            flags.insert("error".into(), json!(true));
        }
        if row.incomplete {
            flags.insert("incomplete".into(), json!(true));
        }
        if !row.weight_known {
            flags.insert("weight_unknown".into(), json!(true));
        }
        let line = json!({
            "trace_id": line.trace,
            "root_span_id": line.root,
            "api": line.name,
            "start_ns": row.start_ns,
            "spans": row.spans,
            "latency_ns": row.latency_ns,
            "by_service_ns": line.by(|share| &share.own),
            "by_owner_ns": owned,
            "by_team_ns": line.by_value(),
            "flags": flags,
        });
        emit(&format!("{line}\n"))?;
    }
    if args.format == RequestFormat::Table { table.print(crate::cli::OutputFormat::Table) } else { Ok(()) }
}

/// An instant to the millisecond, UTC.
pub(crate) fn instant(ns: u64) -> String {
    let micros = i64::try_from(ns / 1_000_000 * 1_000).unwrap_or(i64::MAX);
    let text = leap_terms::Instant::from_micros(micros).to_string();
    match text.split_once('.') {
        Some((seconds, rest)) => format!("{seconds}.{}Z", rest.get(..3).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_shown_to_the_millisecond() {
        assert_eq!(instant(1_500_000_000_123_456_789), "2017-07-14T02:40:00.123Z");
        assert_eq!(instant(1_500_000_000_000_456_789), "2017-07-14T02:40:00Z");
    }
}
