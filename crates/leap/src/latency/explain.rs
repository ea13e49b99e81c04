//! `leap latency explain TRACE`: the critical path of a request that is kept whole, as a flame of text.
//!
//! ```text
//! charge-api POST /v1/charges                    4.612 s  ████████████████████████████████████████
//!   ledger lock account              edge        3.100 s      ██████████████████████████
//! ```

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use leap_orient::latency::lcp::Slice;
use leap_orient::latency::{Example, NoCatalog, Selector, Workspace};
use leap_terms::{Names, Period, SpanId};
use serde_json::{Value, json};

use super::question::{By, Labels, Loaded, load_traces, open, span_of};
use super::requests::{Line, line_of};
use super::shown;
use crate::cli::{LatencyExplainArgs, OutputFormat};
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{emit, print_json, printable};
use crate::traces;
use crate::view::View;

/// Columns of a flame.
const WIDTH: u64 = 60;
/// Traces that are named where several begin alike.
const NAMED: usize = 10;

/// What a person may mean by the beginning of an id.
pub(crate) enum Meant {
    /// No request has such a trace.
    Nothing,
    /// Several do: these, and perhaps more.
    Several(Vec<String>),
    /// This one.
    One(Box<Found>),
}

/// A trace with its requests.
pub(crate) struct Found {
    /// Its id.
    pub(crate) trace: String,
    period: Option<Period>,
    loaded: Loaded,
}

/// A request taken apart.
pub(crate) struct Explained {
    /// Its trace.
    pub(crate) trace: String,
    /// The span at which it begins, as written.
    pub(crate) root: String,
    /// Spans of the trace.
    pub(crate) spans: usize,
    /// When it began, ns since the epoch.
    pub(crate) start_ns: u64,
    /// How long it took.
    pub(crate) latency_ns: u64,
    /// Spans on its critical path, parents before children.
    pub(crate) frames: Vec<Frame>,
    /// Its critical path in order of time; together the latency.
    slices: Vec<Piece>,
}

/// A span of a critical path.
pub(crate) struct Frame {
    /// How many spans of the path it is below.
    pub(crate) depth: usize,
    /// The place of the one above it.
    pub(crate) parent: Option<usize>,
    /// Its service.
    pub(crate) service: String,
    /// Its operation.
    pub(crate) operation: String,
    /// Whose its own time is: service, team and kind; `None` where it has none.
    pub(crate) whose: Option<(String, String, &'static str)>,
    /// From when it or what is below it had the floor, ns after the request's start.
    pub(crate) from_ns: u64,
    /// Until when.
    pub(crate) until_ns: u64,
    /// Its own time on the path.
    pub(crate) own_ns: u64,
    /// When it had the floor itself.
    own: Vec<(u64, u64)>,
}

/// A slice, with names.
struct Piece {
    span: String,
    service: String,
    operation: String,
    owner: String,
    team: String,
    kind: &'static str,
    from_ns: u64,
    until_ns: u64,
}

/// Finds the trace that is meant by an id or its beginning, among requests of a period.
pub(crate) async fn find(home: &Home, view: &View, trace: &str, period: Option<Period>) -> Result<Meant, Failure> {
    let wanted = |id: &str| id == trace || (trace.len() >= 6 && id.starts_with(trace));
    let Some(loaded) = load_traces(home, view, period, wanted).await? else { return Ok(Meant::Nothing) };
    let ids = (0..loaded.requests.rows().len()).filter_map(|at| loaded.requests.ids(at)).map(|(trace, _)| trace);
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    // A whole id is meant itself, whatever begins with it.
    if ids.contains(&trace) {
        ids = vec![trace];
    }
    match ids.as_slice() {
        [] => Ok(Meant::Nothing),
        [one] => {
            let trace = (*one).to_owned();
            Ok(Meant::One(Box::new(Found { loaded: loaded.only_trace(&trace), trace, period })))
        }
        many => Ok(Meant::Several(many.iter().take(NAMED).map(|id| (*id).to_owned()).collect())),
    }
}

impl Found {
    /// Its requests with the sums of their slices.
    pub(crate) fn requests(&self, view: &View) -> Vec<Line> {
        let (readers, by) = (view.readers(), By::Team);
        let mut labels = self.loaded.labels(&by, &readers[0]);
        (0..self.loaded.requests.rows().len()).map(|at| line_of(&self.loaded, &mut labels, at)).collect()
    }

    /// Its requests taken apart: those that begin it, or the one that begins with the span `root`. None where its spans
    /// are not kept.
    pub(crate) async fn explained(
        &self,
        home: &Home,
        view: &View,
        root: Option<&str>,
    ) -> Result<Vec<Explained>, Failure> {
        let kept = traces::examples_of(home, span_of(self.period), view.known(), |other| other == self.trace).await?;
        let Some(example) = kept.traces.first() else { return Ok(Vec::new()) };
        let (readers, by) = (view.readers(), By::Team);
        let mut labels = self.loaded.labels(&by, &readers[0]);
        let paths = paths(example, &kept.names, root);
        Ok(paths.iter().map(|path| path.explained(example, &kept.names, &mut labels)).collect())
    }
}

pub(super) async fn run(root: &Path, args: &LatencyExplainArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let found = match find(&home, &view, &args.trace, args.period).await? {
        Meant::One(found) => found,
        Meant::Nothing => {
            let when = args.period.map_or_else(String::new, |period| format!(" of {period}"));
            return Err(Failure::failed(format!("no request{when} has the trace '{}'", args.trace)));
        }
        Meant::Several(many) => {
            let many = many.join("\n  ");
            return Err(Failure::usage(format!("several traces begin with '{}':\n  {many}", args.trace)));
        }
    };
    let explained = found.explained(&home, &view, None).await?;
    if explained.is_empty() {
        return Err(Failure::failed(format!(
            "the spans of trace {} are not kept, only its sums (leap latency per-request has them): the slowest {} of \
             each API and hour are kept whole",
            found.trace,
            traces::EXAMPLES
        )));
    }
    if args.format.format == OutputFormat::Json {
        let requests: Vec<Value> = explained.iter().map(Explained::json).collect();
        return print_json(&json!({ "trace_id": found.trace, "requests": requests }));
    }
    for one in &explained {
        emit(&one.flame())?;
    }
    Ok(())
}

/// One request's critical path.
struct CriticalPath {
    root: SpanId,
    start: u64,
    latency_ns: u64,
    slices: Vec<Slice>,
}

fn paths(example: &Example, names: &Names, root: Option<&str>) -> Vec<CriticalPath> {
    let mut workspace = Workspace::new();
    let mut found = Vec::new();
    workspace.attribute(&example.trace, &Selector::default(), names, &NoCatalog, |request| {
        found.push((request.root, request.start, request.latency_ns));
    });
    // A request inside another begins at any span.
    if let Some(span) = root.and_then(|root| example.span(root)) {
        found = vec![(span.id, span.start, span.end.saturating_sub(span.start))];
    }
    found
        .into_iter()
        .map(|(root, start, latency_ns)| CriticalPath {
            root,
            start,
            latency_ns,
            slices: workspace.slices(&example.trace, root, &NoCatalog),
        })
        .collect()
}

impl CriticalPath {
    /// Places of spans on the path with their slices, parents before children, each with its depth.
    fn spans(&self, example: &Example) -> Vec<(usize, usize, Vec<Slice>)> {
        let mut own = BTreeMap::<usize, Vec<Slice>>::new();
        for slice in &self.slices {
            own.entry(slice.span as usize).or_default().push(*slice);
        }
        let spans = &example.trace.spans;
        let place: BTreeMap<SpanId, usize> = spans.iter().enumerate().map(|(at, span)| (span.id, at)).collect();
        // Spans between two of the path are on it as well, without time of their own.
        let mut lines = BTreeMap::<Vec<(u64, usize)>, (usize, usize, Vec<Slice>)>::new();
        for at in own.keys().copied().collect::<Vec<_>>() {
            let (mut chain, mut seen, mut next) = (vec![at], HashSet::from([at]), at);
            while spans[next].id != self.root
                && let Some(parent) = place.get(&spans[next].parent)
                && seen.insert(*parent)
            {
                chain.push(*parent);
                next = *parent;
            }
            chain.reverse();
            for depth in 1..=chain.len() {
                let key: Vec<(u64, usize)> = chain[..depth].iter().map(|at| (spans[*at].start, *at)).collect();
                let at = chain[depth - 1];
                let slices = || own.get(&at).cloned().unwrap_or_default();
                lines.entry(key).or_insert_with(|| (at, depth - 1, slices()));
            }
        }
        lines.into_values().collect()
    }

    fn explained(&self, example: &Example, names: &Names, labels: &mut Labels<'_>) -> Explained {
        let day = leap_orient::latency::day_of(self.start);
        let mut team = |service: &str| labels.team_named(service, day);
        let text = |id| names.text(id).to_owned();
        let mut frames: Vec<Frame> = Vec::new();
        let mut above: Vec<usize> = Vec::new();
        for (at, depth, slices) in self.spans(example) {
            let span = &example.trace.spans[at];
            let own: Vec<(u64, u64)> =
                slices.iter().map(|slice| (slice.from - self.start, slice.until - self.start)).collect();
            above.truncate(depth);
            let parent = above.last().copied();
            above.push(frames.len());
            frames.push(Frame {
                depth,
                parent,
                service: text(span.service),
                operation: text(span.operation),
                whose: slices.first().map(|slice| {
                    let service = text(slice.owner);
                    let team = team(&service);
                    (service, team, slice.kind.word())
                }),
                from_ns: own.iter().map(|(from, _)| *from).min().unwrap_or(u64::MAX),
                until_ns: own.iter().map(|(_, until)| *until).max().unwrap_or(0),
                own_ns: own.iter().map(|(from, until)| until - from).sum(),
                own,
            });
        }
        // What has the floor below a frame is within it.
        for at in (0..frames.len()).rev() {
            if let Some(parent) = frames[at].parent {
                let (from, until) = (frames[at].from_ns, frames[at].until_ns);
                let parent = &mut frames[parent];
                (parent.from_ns, parent.until_ns) = (parent.from_ns.min(from), parent.until_ns.max(until));
            }
        }
        let slices = self
            .slices
            .iter()
            .map(|slice| {
                let span = &example.trace.spans[slice.span as usize];
                Piece {
                    span: example.span_ids[slice.span as usize].clone(),
                    service: text(span.service),
                    operation: text(span.operation),
                    owner: text(slice.owner),
                    team: team(names.text(slice.owner)),
                    kind: slice.kind.word(),
                    from_ns: slice.from - self.start,
                    until_ns: slice.until - self.start,
                }
            })
            .collect();
        let root = example.trace.spans.iter().position(|span| span.id == self.root);
        Explained {
            trace: example.id.clone(),
            root: root.map(|at| example.span_ids[at].clone()).unwrap_or_default(),
            spans: example.trace.spans.len(),
            start_ns: self.start,
            latency_ns: self.latency_ns,
            frames,
            slices,
        }
    }
}

impl Explained {
    /// What each team has of it, most first; together the latency.
    pub(crate) fn by_team(&self) -> Vec<(String, u64)> {
        let mut sums = BTreeMap::<&str, u64>::new();
        for slice in &self.slices {
            *sums.entry(&slice.team).or_default() += slice.until_ns - slice.from_ns;
        }
        let mut sums: Vec<(String, u64)> = sums.into_iter().map(|(team, ns)| (team.to_owned(), ns)).collect();
        sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        sums
    }

    fn flame(&self) -> String {
        let mut text = format!(
            "trace {}: {} on its critical path, {} spans\n\n",
            printable(&self.trace),
            shown(i128::from(self.latency_ns)),
            self.spans
        );
        let mut lines = Vec::new();
        for frame in &self.frames {
            let name = format!("{}{} {}", "  ".repeat(frame.depth), frame.service, frame.operation);
            let owner = frame.whose.as_ref().map_or_else(String::new, |(service, team, kind)| {
                let whose = if *service == frame.service { String::new() } else { format!(" of {service}") };
                format!("{kind}{whose}, {team}")
            });
            lines.push((printable(&name), frame.own_ns, owner, self.bar(&frame.own)));
        }
        let width = lines.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).min(60);
        for (name, own, owner, bar) in lines {
            let name: String = name.chars().take(width).collect();
            let time = if own == 0 { String::new() } else { shown(i128::from(own)) };
            text += &format!("{name:width$} {time:>10} {bar} {owner}\n");
        }
        let sums = self.by_team();
        let sums: Vec<String> = sums.iter().map(|(owner, ns)| format!("{owner} {}", shown(i128::from(*ns)))).collect();
        text + &format!("\n{} = {}\n", shown(i128::from(self.latency_ns)), sums.join(" + "))
    }

    /// When a span had the floor.
    fn bar(&self, own: &[(u64, u64)]) -> String {
        let column = |ns: u64| (u128::from(ns) * u128::from(WIDTH) / u128::from(self.latency_ns.max(1))) as u64;
        (0..WIDTH)
            .map(|at| {
                let here =
                    |(from, until): &(u64, u64)| column(*from) <= at && at < column(*until).max(column(*from) + 1);
                if own.iter().any(here) { '█' } else { '·' }
            })
            .collect()
    }

    fn json(&self) -> Value {
        let slices: Vec<Value> = self
            .slices
            .iter()
            .map(|slice| {
                json!({
                    "span_id": slice.span,
                    "service": slice.service,
                    "operation": slice.operation,
                    "owner_service": slice.owner,
                    "team": slice.team,
                    "kind": slice.kind,
                    "from_ns": slice.from_ns,
                    "until_ns": slice.until_ns,
                    "ns": slice.until_ns - slice.from_ns,
                })
            })
            .collect();
        json!({
            "root_span_id": self.root,
            "start_ns": self.start_ns,
            "latency_ns": self.latency_ns,
            "slices": slices,
            "sum_ns": self.slices.iter().map(|slice| slice.until_ns - slice.from_ns).sum::<u64>(),
        })
    }
}
