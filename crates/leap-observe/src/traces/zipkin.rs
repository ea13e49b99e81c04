//! Zipkin v2 JSON: a list of spans, or a list of such lists as its query service returns them.
//!
//! ```text
//! CLIENT a [10, 60), SERVER a shared [20, 50), child b of a in the server's service
//!     →  a, a/s1 under a, b under a/s1
//! ```
//! Client and server report under one id. The k-th server half of an id becomes `id/s<k>` under the client half; a child hangs
//! below the server half of its own service, else below the client half of its own service, else below the first half there
//! is. Reports without timestamp or duration are no spans; where an id has no others, its children go to its parent.
//! A document is one world: halves of one id that come in different documents are not brought together.

use hashbrown::HashMap;
use leap_terms::{Span, SpanId, Weight};
use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess};

use super::ids::{SpanIds, trace_id};
use super::json::{Each, Members, One, Picked, Stop, Text, Whole, documents, few, or_default, stop_with};
use super::otlp_json::kind_of;
use super::vocabulary::{Resource, Slot};
use super::{Arrival, Batch, LONGEST_LIST, Rejection, ScanLimits, TraceError, Vocabulary, cleaned, not_too_long, room};

const FORMAT: &str = "Zipkin JSON";
/// So many incomplete ids in a row pass parentage on.
const INCOMPLETE_CHAIN: usize = 64;
/// So many server halves of one id are compared with a child or a repeated half: a flood of them stays linear.
const COMPARED_HALVES: usize = 64;

#[derive(Deserialize, Default)]
struct Endpoint<'a> {
    #[serde(borrow, default, rename = "serviceName")]
    service: Text<'a>,
}

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow, default, rename = "traceId")]
    trace_id: Text<'a>,
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default, rename = "parentId")]
    parent: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(default)]
    timestamp: Whole,
    #[serde(default)]
    duration: Whole,
    #[serde(default)]
    shared: Option<bool>,
    #[serde(borrow, default, rename = "localEndpoint", deserialize_with = "or_default")]
    local: Endpoint<'a>,
    #[serde(borrow, default, rename = "remoteEndpoint", deserialize_with = "or_default")]
    remote: Endpoint<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    tags: Tags<'a>,
}

impl Report<'_> {
    /// Start and end in nanoseconds; Zipkin's zero is "not there". `Err` when they are there and too large.
    fn times(&self) -> Option<Result<(u64, u64), ()>> {
        let (Some(start @ 1..), Some(duration @ 1..)) = (self.timestamp.0, self.duration.0) else { return None };
        let nanos = |micros: u64| micros.checked_mul(1000);
        let times = nanos(start).zip(start.checked_add(duration).and_then(nanos));
        Some(times.ok_or(()))
    }

    fn service(&self) -> &str {
        self.local.service.as_str()
    }
}

/// The tags that matter.
#[derive(Default)]
struct Tags<'a> {
    error: bool,
    picked: Picked<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut tags = Tags::default();
        One(&mut tags).deserialize(from)?;
        Ok(tags)
    }
}

impl<'de: 'a, 'a> Members<'de> for Tags<'a> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        self.error |= key == "error";
        let wanted = Picked::wants(key);
        if wanted {
            self.picked.take(key, map.next_value::<Text<'de>>()?);
        }
        Ok(wanted)
    }
}

/// Adds the spans of every document in a body to a batch.
///
/// # Errors
/// [`TraceError::Json`] with line and column, [`TraceError::TooMuch`]; the batch is then as before.
pub fn parse(
    bytes: &[u8],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    let mark = batch.mark();
    let mut firsts = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    let nested = (firsts.next(), firsts.next()) == (Some(&b'['), Some(&b'['));
    let result = documents(FORMAT, bytes, |document, stop| {
        let mut take_list = |reports: Reports<'_>, stop: &mut Stop| {
            stop_with(
                stop,
                not_too_long(reports.list.len()).and_then(|()| take(&reports.list, limits, vocabulary, batch)),
            )
        };
        if nested {
            return Each::new(&mut |reports| take_list(reports, stop)).deserialize(document);
        }
        let reports = Reports::deserialize(document)?;
        take_list(reports, stop).map_err(serde::de::Error::custom)
    });
    if result.is_err() {
        batch.back_to(mark);
    }
    result
}

/// A list of reports; they are held until it ends. One more than [`LONGEST_LIST`] is enough to refuse it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Reports<'a> {
    #[serde(borrow, deserialize_with = "few::<{ LONGEST_LIST + 1 }, _, _>")]
    list: Vec<Report<'a>>,
}

/// The complete reports under one id, and the parent that any report of it names.
#[derive(Default)]
struct Node<'a> {
    client: Option<usize>,
    halves: Vec<usize>,
    parent: &'a str,
}

fn take(
    reports: &[Report<'_>],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    let mut order: Vec<&str> = Vec::new();
    let mut traces: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, report) in reports.iter().enumerate() {
        let group = traces.entry(report.trace_id.as_str()).or_insert_with(|| {
            order.push(report.trace_id.as_str());
            Vec::new()
        });
        group.push(place);
    }
    for trace in order {
        one_trace(trace, reports, &traces[trace], limits, vocabulary, batch)?;
    }
    Ok(())
}

/// Which half of its id a report is: 0 for the client's or the only one.
fn halves<'a>(reports: &'a [Report<'_>], places: &[usize]) -> (HashMap<&'a str, Node<'a>>, HashMap<usize, u16>) {
    let mut nodes: HashMap<&str, Node<'_>> = HashMap::new();
    for &place in places {
        let report = &reports[place];
        let node = nodes.entry(report.id.as_str()).or_default();
        if node.parent.is_empty() {
            node.parent = report.parent.as_str();
        }
        if report.times().is_some() && report.shared != Some(true) {
            let is_client = report.kind.as_str().eq_ignore_ascii_case("CLIENT");
            let taken_by_server = node
                .client
                .is_some_and(|taken| is_client && reports[taken].kind.as_str().eq_ignore_ascii_case("SERVER"));
            if node.client.is_none() || taken_by_server {
                node.client = Some(place);
            }
        }
    }
    let mut numbers = HashMap::new();
    for &place in places {
        let report = &reports[place];
        if report.times().is_none() {
            continue;
        }
        let node = nodes.entry(report.id.as_str()).or_default();
        let unshared_server = report.shared != Some(true)
            && report.kind.as_str().eq_ignore_ascii_case("SERVER")
            && node
                .client
                .is_some_and(|client| client != place && reports[client].kind.as_str().eq_ignore_ascii_case("CLIENT"));
        if report.shared != Some(true) && !unshared_server {
            continue;
        }
        // A half that says the same as an earlier one was sent twice.
        let same = |earlier: &&usize| {
            let earlier = &reports[**earlier];
            (earlier.service(), earlier.timestamp, earlier.duration, earlier.name.as_str())
                == (report.service(), report.timestamp, report.duration, report.name.as_str())
        };
        let number = match node.halves.iter().take(COMPARED_HALVES).find(same) {
            Some(earlier) => numbers[earlier],
            None => {
                node.halves.push(place);
                u16::try_from(node.halves.len()).unwrap_or(u16::MAX)
            }
        };
        numbers.insert(place, number);
    }
    (nodes, numbers)
}

struct World<'a, 'b> {
    reports: &'a [Report<'b>],
    nodes: HashMap<&'a str, Node<'a>>,
    numbers: HashMap<usize, u16>,
    ids: SpanIds<'a>,
}

impl World<'_, '_> {
    /// The span below which a child of `parent` hangs that belongs to `service`.
    fn parent(&self, parent: &str, service: &str) -> SpanId {
        let mut parent = parent;
        // Deeper chains of incomplete ids, or cycles of them, end as an orphan.
        for _step in 0..INCOMPLETE_CHAIN {
            let Some(node) = self.nodes.get(parent) else { break };
            let of_service = |place: &&usize| self.reports[**place].service() == service;
            let half = node.halves.iter().take(COMPARED_HALVES).find(of_service);
            let own = half.or_else(|| node.client.as_ref().filter(of_service));
            match own.or_else(|| node.halves.first()).or(node.client.as_ref()) {
                Some(place) => {
                    let half = self.numbers.get(place).copied().unwrap_or_default();
                    return SpanId { half, ..self.ids.id(parent) };
                }
                None => parent = node.parent,
            }
        }
        self.ids.id(parent)
    }
}

fn one_trace(
    trace_text: &str,
    reports: &[Report<'_>],
    places: &[usize],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    let Some(trace) = trace_id(trace_text) else {
        for _ in places {
            batch.rejected.count(Rejection::TraceId);
        }
        return Ok(());
    };
    batch.texts.note_trace(trace, trace_text);
    let (nodes, numbers) = halves(reports, places);
    let mentioned = places.iter().flat_map(|place| [reports[*place].id.as_str(), reports[*place].parent.as_str()]);
    let world = World { reports, nodes, numbers, ids: SpanIds::of(mentioned) };
    for place in places {
        let report = &reports[*place];
        room(batch, limits)?;
        let id = world.ids.id(report.id.as_str());
        if id.is_none() {
            batch.rejected.count(Rejection::SpanId);
            continue;
        }
        let (start, end) = match report.times() {
            Some(Ok(times)) => times,
            Some(Err(())) => {
                batch.rejected.count(Rejection::Times);
                continue;
            }
            None => {
                batch.rejected.partial += 1;
                continue;
            }
        };
        let half = world.numbers.get(place).copied().unwrap_or_default();
        let client = world.nodes.get(report.id.as_str()).and_then(|node| node.client);
        let parent = match client {
            Some(_) if half > 0 => id,
            // Its own parent: left as it is, attribution counts it.
            _ if report.parent.as_str() == report.id.as_str() => SpanId { half, ..id },
            _ => world.parent(report.parent.as_str(), report.service()),
        };
        batch.texts.note_span(trace, id, report.id.as_str());
        let mut resource = Resource::default();
        resource.put(Slot::Service, report.local.service.0.clone());
        let mut resolved = vocabulary.resolve(&resource);
        let (mut peer, mut flags) = report.tags.picked.name(vocabulary);
        if !report.remote.service.is_empty() {
            peer = vocabulary.name(report.remote.service.as_str());
            flags |= Span::PEER_SERVICE;
        }
        flags |= if report.tags.error { Span::ERROR } else { 0 };
        let span = cleaned(Span {
            id: SpanId { half, ..id },
            parent,
            start,
            end,
            service: resolved.service,
            host: resolved.host,
            operation: vocabulary.name(report.name.as_str()),
            peer,
            kind: kind_of(report.kind.as_str()),
            flags,
        });
        resolved.count(span.start, span.end);
        vocabulary.saw(&resolved);
        batch.spans.push(Arrival { trace, weight: Weight::Unknown, span });
    }
    Ok(())
}
