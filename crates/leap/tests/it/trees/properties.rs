//! The properties of the definition on a random tree. P1 and P2 are in `compare`.

use std::collections::BTreeMap;

use leap_orient::latency::{Factor, Replay, Workspace};
use leap_sim::audit::latency::AuditedRequest;
use leap_sim::audit::latency::replay::{replay, rounded, slopes};
use leap_sim::company::{Random, RandomTrace};
use leap_terms::{NameId, Names, Span, SpanId, SpanKind, Trace};

use super::compare::{Compared, Key, parts};
use super::{Catalogue, selector};

/// What a request is made of, whatever was counted on the way: latency, parts, services.
type Sums = BTreeMap<SpanId, (u64, BTreeMap<Key, u64>, Vec<(NameId, u64)>)>;

fn sums(trace: &Trace, made: &RandomTrace, names: &Names, workspace: &mut Workspace) -> Sums {
    let mut found = Sums::new();
    workspace.attribute(trace, &selector(made), names, &Catalogue(&made.peers), |request| {
        found.insert(request.root, (request.latency_ns, parts(request.parts), request.services.to_vec()));
    });
    found
}

pub(super) fn all(
    random: &mut Random,
    trace: &Trace,
    made: &RandomTrace,
    workspace: &mut Workspace,
    audited: &[AuditedRequest],
    compared: &mut Compared,
) {
    for request in audited {
        replays(random, trace, request, workspace, compared);
    }
    let before = sums(trace, made, &made.names, workspace);
    shuffled(random, trace, made, workspace, &before, compared);
    outside(random, trace, made, workspace, &before, compared);
    for request in audited {
        halves(random, trace, made, workspace, request, &before, compared);
        skewed(random, trace, made, workspace, request, compared);
    }
}

/// P3, P4, P5, and replay with any factors as the auditor replays.
fn replays(
    random: &mut Random,
    trace: &Trace,
    request: &AuditedRequest,
    workspace: &mut Workspace,
    compared: &mut Compared,
) {
    let Some(mut said) = Replay::new(workspace, trace, request.root) else {
        compared.holds("P3", false, || format!("{} cannot be replayed", request.root));
        return;
    };
    let unchanged = said.latency(|_| Factor::ONE);
    compared.holds("P3", unchanged == request.latency_ns, || format!("factor 1 gives {unchanged}"));
    compared.figure("P3 of the auditor", &replay(&request.tree, &|_, ns| ns), &i128::from(request.latency_ns));
    let mut services: Vec<NameId> = request.tree.nodes.iter().map(|node| node.span.service).collect();
    services.sort_unstable();
    services.dedup();
    let latency = i128::from(request.latency_ns);
    for service in &services {
        let attributed = request.services.get(service).map_or(0, |ns| *ns as i128);
        let (left, right) = slopes(&request.tree, *service);
        compared.holds("P4", left <= attributed && attributed <= right, || {
            format!("{left} to {right} does not hold {attributed} of service {}", service.0)
        });
        let with = |factor: Factor, said: &mut Replay| {
            i128::from(said.latency(|of| if of == *service { factor } else { Factor::ONE }))
        };
        let saving = latency - with(Factor::ZERO, &mut said);
        compared.holds("P5", saving <= attributed && saving >= 0, || {
            format!("{saving} is saved of {attributed} of service {}", service.0)
        });
        // The same on the other side, as the latency is convex: twice as slow costs at least the attribution.
        let cost = with(Factor::new(2, 1).expect("a factor"), &mut said) - latency;
        compared.holds("P5", cost >= attributed, || format!("twice {attributed} costs {cost}"));
    }
    for _ in 0..2 {
        let factors: BTreeMap<NameId, (u64, u64)> =
            services.iter().map(|service| (*service, (random.below(7), 1 + random.below(6)))).collect();
        let of = |service: NameId| factors.get(&service).copied().unwrap_or((1, 1));
        let leap = said.latency(|service| Factor::new(of(service).0, of(service).1).expect("a factor"));
        let auditor = replay(&request.tree, &|service, ns| rounded(ns, of(service).0, of(service).1));
        compared.figure("replay", &i128::from(leap), &auditor);
    }
}

/// P7: the order of the spans does not matter.
fn shuffled(
    random: &mut Random,
    trace: &Trace,
    made: &RandomTrace,
    workspace: &mut Workspace,
    before: &Sums,
    compared: &mut Compared,
) {
    let mut other = trace.clone();
    for last in (1..other.spans.len()).rev() {
        other.spans.swap(last, random.index(last + 1));
    }
    let after = sums(&other, made, &made.names, workspace);
    compared.holds("P7", after == *before, || format!("{after:?} once shuffled, {before:?} before"));
}

/// P8: a span wholly outside of its parent changes nothing.
fn outside(
    random: &mut Random,
    trace: &Trace,
    made: &RandomTrace,
    workspace: &mut Workspace,
    before: &Sums,
    compared: &mut Compared,
) {
    let parent = *random.pick(&trace.spans);
    let (gap, long) = (random.below(3), 1 + random.below(parent.end - parent.start + 2));
    let (start, end) = match random.chance(5_000) {
        true => (parent.end + gap, parent.end + gap + long),
        false => (parent.start.saturating_sub(gap + long), parent.start.saturating_sub(gap)),
    };
    let mut names = made.names.clone();
    let added = Span {
        id: SpanId::new(1 << 50),
        parent: parent.id,
        service: names.number("outside"),
        host: parent.host,
        operation: names.number("outside"),
        start,
        end,
        ..Span::default()
    };
    let mut other = trace.clone();
    other.spans.insert(random.index(other.spans.len() + 1), added);
    let after = sums(&other, made, &names, workspace);
    compared.holds("P8", after == *before, || format!("{after:?} with {added:?}, {before:?} without"));
}

/// P9: a leaf on the critical path and its two halves back to back. Where siblings begin or end at the seam, or end with the
/// leaf, halves are other competitors than the whole and may lose, and of a leaf that was not critical one half may
/// become so; there nothing is promised. Below a client, two children are no edge: there only services stay.
fn halves(
    random: &mut Random,
    trace: &Trace,
    made: &RandomTrace,
    workspace: &mut Workspace,
    request: &AuditedRequest,
    before: &Sums,
    compared: &mut Compared,
) {
    let nodes = &request.tree.nodes;
    let parents: BTreeMap<usize, usize> =
        (0..nodes.len()).flat_map(|at| nodes[at].children.iter().map(move |child| (*child, at))).collect();
    let leaves: Vec<usize> = (1..nodes.len())
        .filter(|at| request.slices.iter().any(|slice| slice.node == *at))
        .filter(|at| trace.spans.iter().all(|span| span.parent != nodes[*at].span.id))
        .filter(|at| nodes[*at].span.end - nodes[*at].span.start >= 2)
        .filter(|at| nodes[*at].span.host == nodes[parents[at]].span.host)
        .collect();
    if leaves.is_empty() || request.counters["snapped"] > 0 {
        return;
    }
    let leaf = *random.pick(&leaves);
    let (node, parent) = (&nodes[leaf], &nodes[parents[&leaf]]);
    let seam = node.span.start + 1 + random.below(node.span.end - node.span.start - 1);
    let at = i128::from(seam) + node.offset;
    let tolerance = ((parent.until - parent.from) / 100).min(1_000_000);
    let near = |time: i128| (time - at).abs() <= tolerance + 1;
    let disputed = parent.children.iter().filter(|child| **child != leaf).map(|child| &nodes[*child]).any(|sibling| {
        near(sibling.from) || near(sibling.until) || sibling.until == node.until || sibling.from == node.from
    });
    if disputed {
        return;
    }
    let mut other = trace.clone();
    let place = other.spans.iter().position(|span| span.id == node.span.id).expect("the leaf is a span");
    other.spans[place].end = seam;
    other.spans.push(Span { id: SpanId::new(1 << 50), start: seam, ..trace.spans[place] });
    let after = sums(&other, made, &made.names, workspace);
    let (now, was) = (&after[&request.root], &before[&request.root]);
    let whole = now.2 == was.2 && (parent.span.kind == SpanKind::Client || now.1 == was.1);
    compared.holds("P9", whole, || format!("{now:?} once {} is cut at {seam}, {was:?} before", node.span.id));
}

/// P6: below a client span, one child on another host that fits: by however much its clock is behind, the sums stay.
fn skewed(
    random: &mut Random,
    trace: &Trace,
    made: &RandomTrace,
    workspace: &mut Workspace,
    request: &AuditedRequest,
    compared: &mut Compared,
) {
    let node = random.pick(&request.tree.nodes);
    let length = u64::try_from(node.until - node.from).expect("intervals are not negative");
    if length < 2 || (made.chosen.is_some_and(|chosen| chosen.service.is_none()) && request.tree.nodes.len() < 2) {
        return;
    }
    let mut names = made.names.clone();
    let away = names.number("away");
    let from = u64::try_from(node.from - node.offset).expect("times are not negative");
    let start = from + random.below(length - 1);
    let long = 1 + random.below(from + length - start);
    let client = Span {
        id: SpanId::new(1 << 50),
        parent: node.span.id,
        kind: SpanKind::Client,
        start,
        end: start + long,
        flags: 0,
        operation: away,
        ..node.span
    };
    // The server and two spans in its process, of which one may end after it.
    let fits = 1 + random.below(long);
    let mut far = vec![(1 << 51, 1 << 50, 0, fits)];
    for child in 0..random.below(3) {
        let from = random.below(fits);
        far.push(((1 << 52) + child, 1 << 51, from, from + 1 + random.below(fits)));
    }
    let at = |behind: u64| {
        let mut other = trace.clone();
        other.spans.push(client);
        for (id, parent, from, until) in &far {
            let begins = start - behind;
            other.spans.push(Span {
                id: SpanId::new(*id),
                parent: SpanId::new(*parent),
                service: away,
                host: away,
                operation: away,
                start: begins + from,
                end: begins + until,
                ..Span::default()
            });
        }
        other
    };
    let exact = sums(&at(0), made, &names, workspace);
    for reach in [2, long + 2, 1 << 36] {
        let behind = 1 + random.below(reach).min(start - 1);
        let skewed = sums(&at(behind), made, &names, workspace);
        compared.holds("P6", skewed == exact, || format!("{skewed:?} when {behind} ns behind, {exact:?} otherwise"));
    }
}
