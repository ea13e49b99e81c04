//! `leap latency explain TRACE`: the critical path of a request that is kept whole, as a flame of text.
//!
//! ```text
//! charge-api POST /v1/charges                    4.612 s  ████████████████████████████████████████
//!   ledger lock account              edge        3.100 s      ██████████████████████████
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use leap_orient::latency::lcp::Slice;
use leap_orient::latency::{Example, NoCatalog, Selector, Workspace};
use leap_terms::{Names, SpanId};
use serde_json::{Value, json};

use super::question::{By, Loaded, open, span_of};
use super::shown;
use crate::cli::{LatencyExplainArgs, OutputFormat};
use crate::failure::Failure;
use crate::output::{emit, print_json, printable};
use crate::traces;

/// Columns of a flame.
const WIDTH: u64 = 60;

pub(super) async fn run(root: &Path, args: &LatencyExplainArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let loaded = super::question::load(&home, &view, None, None, true).await?;
    let wanted = |id: &str| id == args.trace || (args.trace.len() >= 6 && id.starts_with(&args.trace));
    let mut ids: Vec<&str> = (0..loaded.requests.rows().len())
        .filter_map(|at| loaded.requests.ids(at))
        .map(|(trace, _)| trace)
        .filter(|id| wanted(id))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let id = match ids.as_slice() {
        [] => return Err(Failure::failed(format!("no request has the trace '{}'", args.trace))),
        [one] => (*one).to_owned(),
        many => {
            let many = many[..many.len().min(10)].join("\n  ");
            return Err(Failure::usage(format!("several traces begin with '{}':\n  {many}", args.trace)));
        }
    };
    let kept = traces::examples_of(&home, span_of(None), view.known(), |other| other == id).await?;
    let example = kept.traces.first().ok_or_else(|| {
        Failure::failed(format!(
            "the spans of trace {id} are not kept, only its sums (leap latency per-request has them): the slowest {} of \
             each API and hour are kept whole",
            traces::EXAMPLES
        ))
    })?;
    let readers = view.readers();
    let by = By::Team;
    let paths = paths(example, &kept.names);
    if args.format.format == OutputFormat::Json {
        let requests: Vec<Value> =
            paths.iter().map(|path| path.json(example, &kept.names, &loaded, &by, &readers[0])).collect();
        return print_json(&json!({ "trace_id": example.id, "requests": requests }));
    }
    for path in &paths {
        emit(&path.flame(example, &kept.names, &loaded, &by, &readers[0]))?;
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

fn paths(example: &Example, names: &Names) -> Vec<CriticalPath> {
    let mut workspace = Workspace::new();
    let mut found = Vec::new();
    workspace.attribute(&example.trace, &Selector::default(), names, &NoCatalog, |request| {
        found.push((request.root, request.start, request.latency_ns));
    });
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

/// A span of the path.
struct Line {
    /// Its place in the trace.
    at: usize,
    /// How many spans of the path it is below.
    depth: usize,
    /// When it had the floor.
    slices: Vec<Slice>,
}

impl CriticalPath {
    /// Spans on the path with their slices, parents before children, each with its depth.
    fn spans(&self, example: &Example) -> Vec<Line> {
        let mut own = BTreeMap::<usize, Vec<Slice>>::new();
        for slice in &self.slices {
            own.entry(slice.span as usize).or_default().push(*slice);
        }
        let spans = &example.trace.spans;
        let place: BTreeMap<SpanId, usize> = spans.iter().enumerate().map(|(at, span)| (span.id, at)).collect();
        // Spans between two of the path are on it as well, without time of their own.
        let mut lines = BTreeMap::<Vec<(u64, usize)>, Line>::new();
        for at in own.keys().copied().collect::<Vec<_>>() {
            let (mut chain, mut next) = (vec![at], at);
            while spans[next].id != self.root
                && let Some(parent) = place.get(&spans[next].parent)
                && !chain.contains(parent)
            {
                chain.push(*parent);
                next = *parent;
            }
            chain.reverse();
            for depth in 1..=chain.len() {
                let key: Vec<(u64, usize)> = chain[..depth].iter().map(|at| (spans[*at].start, *at)).collect();
                let at = chain[depth - 1];
                let slices = || own.get(&at).cloned().unwrap_or_default();
                lines.entry(key).or_insert_with(|| Line { at, depth: depth - 1, slices: slices() });
            }
        }
        lines.into_values().collect()
    }

    fn flame(
        &self,
        example: &Example,
        names: &Names,
        loaded: &Loaded,
        by: &By,
        reader: &leap_orient::org::Reader<'_>,
    ) -> String {
        let owners = Owners::new(loaded, by, reader, self.start);
        let mut text = format!(
            "trace {}: {} on its critical path, {} spans\n\n",
            printable(&example.id),
            shown(i128::from(self.latency_ns)),
            example.trace.spans.len()
        );
        let mut lines = Vec::new();
        for Line { at, depth, slices } in self.spans(example) {
            let span = &example.trace.spans[at];
            let own: u64 = slices.iter().map(|slice| slice.until - slice.from).sum();
            let name = format!("{}{} {}", "  ".repeat(depth), names.text(span.service), names.text(span.operation));
            let owner = slices.first().map_or_else(String::new, |slice| {
                let service = names.text(slice.owner);
                let whose = if slice.owner == span.service { String::new() } else { format!(" of {service}") };
                format!("{}{whose}, {}", slice.kind.word(), owners.of(service))
            });
            lines.push((printable(&name), own, owner, self.bar(&slices)));
        }
        let width = lines.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).min(60);
        for (name, own, owner, bar) in lines {
            let name: String = name.chars().take(width).collect();
            let time = if own == 0 { String::new() } else { shown(i128::from(own)) };
            text += &format!("{name:width$} {time:>10} {bar} {owner}\n");
        }
        let mut sums = BTreeMap::<String, u64>::new();
        for slice in &self.slices {
            *sums.entry(owners.of(names.text(slice.owner))).or_default() += slice.until - slice.from;
        }
        let mut sums: Vec<(String, u64)> = sums.into_iter().collect();
        sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let sums: Vec<String> = sums.iter().map(|(owner, ns)| format!("{owner} {}", shown(i128::from(*ns)))).collect();
        text + &format!("\n{} = {}\n", shown(i128::from(self.latency_ns)), sums.join(" + "))
    }

    /// When a span had the floor.
    fn bar(&self, slices: &[Slice]) -> String {
        let column =
            |ns: u64| (u128::from(ns - self.start) * u128::from(WIDTH) / u128::from(self.latency_ns.max(1))) as u64;
        (0..WIDTH)
            .map(|at| {
                let here =
                    |slice: &Slice| column(slice.from) <= at && at < column(slice.until).max(column(slice.from) + 1);
                if slices.iter().any(here) { '█' } else { '·' }
            })
            .collect()
    }

    fn json(
        &self,
        example: &Example,
        names: &Names,
        loaded: &Loaded,
        by: &By,
        reader: &leap_orient::org::Reader<'_>,
    ) -> Value {
        let owners = Owners::new(loaded, by, reader, self.start);
        let slices: Vec<Value> = self
            .slices
            .iter()
            .map(|slice| {
                let span = &example.trace.spans[slice.span as usize];
                json!({
                    "span_id": example.span_ids[slice.span as usize],
                    "service": names.text(span.service),
                    "operation": names.text(span.operation),
                    "owner_service": names.text(slice.owner),
                    "team": owners.of(names.text(slice.owner)),
                    "kind": slice.kind.word(),
                    "from_ns": slice.from - self.start,
                    "until_ns": slice.until - self.start,
                    "ns": slice.until - slice.from,
                })
            })
            .collect();
        let at = example.trace.spans.iter().position(|span| span.id == self.root);
        json!({
            "root_span_id": at.map(|at| example.span_ids[at].as_str()),
            "start_ns": self.start,
            "latency_ns": self.latency_ns,
            "slices": slices,
            "sum_ns": self.slices.iter().map(|slice| slice.until - slice.from).sum::<u64>(),
        })
    }
}

/// Teams of services on the day of the request.
struct Owners {
    teams: BTreeMap<String, String>,
}

impl Owners {
    fn new(loaded: &Loaded, by: &By, reader: &leap_orient::org::Reader<'_>, start: u64) -> Owners {
        let day = leap_orient::latency::day_of(start);
        let mut labels = loaded.labels(by, reader);
        let parts = loaded.requests.rows().iter().flat_map(|row| loaded.requests.parts(row));
        let mut teams = BTreeMap::new();
        for part in parts {
            let service = loaded.requests.text(part.owner);
            if !teams.contains_key(service) {
                teams.insert(service.to_owned(), labels.team(part.owner, day));
            }
        }
        Owners { teams }
    }

    fn of(&self, service: &str) -> String {
        self.teams.get(service).cloned().unwrap_or_else(|| service.to_owned())
    }
}
