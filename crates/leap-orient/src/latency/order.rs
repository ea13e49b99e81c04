//! The spans of a trace in the order in which they are linked and swept: as they came, or, of large traces whose spans
//! lie about in no order, by their starts, so that parents and children lie beside each other.
//!
//! ```text
//! a chain of a million spans, each somewhere: every step waits for memory    900 ms
//! the same in order of starts: every step is to the neighbour                 60 ms
//! ```
//! Nothing of the result depends on the order of spans; only the time does. What such a trace costs is memory that is
//! touched for the first time, and lines of memory that are far apart: so spans are not moved. Their starts are sorted,
//! each span is read once in that order, and what the sweep wants of it stays behind in 36 bytes, of which 16 take the
//! place of the sorted keys.

use leap_terms::{NameId, Span, SpanKind};

/// Smaller traces lie in the processor's cache.
const LARGE: usize = 50_000;
/// So many spans of a trace are looked at.
const LOOKED_AT: usize = 1_000;
/// Bits of a start that one pass sorts by.
const BITS: u32 = 11;
/// Bits of a start that are sorted by at all: of traces of more than four seconds the lowest are left as they came.
const SORTED: u32 = 32;
/// Passes over all of these bits.
const PASSES: usize = SORTED.div_ceil(BITS) as usize;

/// So many scattered spans are read at once: they stay in the cache until they are linked.
const AT_ONCE: usize = 128;

/// What the sweep wants to know of a span.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) service: NameId,
    pub(super) host: NameId,
    pub(super) peer: NameId,
    pub(super) kind: SpanKind,
    flags: u8,
}

impl Seen {
    /// True when a flag of [`Span`] is set.
    #[inline]
    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Spans of a trace, each at a place of its own.
pub(super) trait Spans {
    /// How many.
    fn count(&self) -> usize;

    /// The whole span at a place. In memory that may be far away.
    fn whole(&self, place: u32) -> &Span;

    /// The same, when it is linked: once for each place, one after the other. Only then is it [`Spans::seen`].
    fn linked(&mut self, place: u32) -> &Span;

    /// Where the span at a place lay when it came.
    fn came_at(&self, place: u32) -> u32;

    /// What the sweep wants of the span at a place.
    fn seen(&self, place: u32) -> Seen;
}

/// As they came.
impl Spans for &[Span] {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn whole(&self, place: u32) -> &Span {
        &self[place as usize]
    }

    #[inline]
    fn linked(&mut self, place: u32) -> &Span {
        self.whole(place)
    }

    #[inline]
    fn came_at(&self, place: u32) -> u32 {
        place
    }

    #[inline]
    fn seen(&self, place: u32) -> Seen {
        let Span { start, end, service, host, peer, kind, flags, .. } = self[place as usize];
        Seen { start, end, service, host, peer, kind, flags }
    }
}

/// Spans in order of their starts.
pub(super) struct ByStart<'t> {
    spans: &'t [Span],
    order: &'t mut Order,
}

/// Memory of [`ByStart`] that is used again.
#[derive(Default)]
pub(super) struct Order {
    /// Of spans that are linked, their starts; before that the keys: the start after the first one in the upper half,
    /// where the span came in the lower.
    starts: Vec<u64>,
    /// Ends of spans that are linked; before that the keys as the pass before had them.
    ends: Vec<u64>,
    /// The rest, of spans that are linked.
    rest: Vec<Rest>,
}

/// What the sweep wants of a span besides its times.
struct Rest {
    came_at: u32,
    service: NameId,
    host: NameId,
    peer: NameId,
    kind: SpanKind,
    flags: u8,
}

/// True for large traces in which hardly any span lies beside its parent, its child or a sibling.
pub(super) fn is_scattered(spans: &[Span]) -> bool {
    if spans.len() < LARGE {
        return false;
    }
    let related =
        |one: &Span, other: &Span| one.parent == other.id || other.parent == one.id || one.parent == other.parent;
    let step = spans.len() / LOOKED_AT;
    let beside = (1..LOOKED_AT).filter(|at| related(&spans[at * step - 1], &spans[at * step])).count();
    beside < LOOKED_AT / 2
}

impl Order {
    /// Spans in order of their starts; those that start at once keep their order.
    pub(super) fn by_start<'t>(&'t mut self, spans: &'t [Span]) -> ByStart<'t> {
        let (mut least, mut most) = (u64::MAX, 0);
        self.rest.clear();
        self.rest.reserve(spans.len());
        self.starts.clear();
        self.starts.extend(spans.iter().map(|span| {
            least = least.min(span.start);
            most = most.max(span.start);
            span.start
        }));
        let used = u64::BITS - most.saturating_sub(least).leading_zeros();
        let cut = used.saturating_sub(SORTED);
        let digit = |key: u64, pass: usize| (key >> (SORTED + pass as u32 * BITS)) as usize & ((1 << BITS) - 1);
        let passes = (used - cut).div_ceil(BITS) as usize;
        let mut places = [[0_u32; 1 << BITS]; PASSES];
        for (start, at) in self.starts.iter_mut().zip(0_u64..) {
            *start = ((*start - least) >> cut) << SORTED | at;
            for (pass, places) in places.iter_mut().enumerate().take(passes) {
                places[digit(*start, pass)] += 1;
            }
        }
        self.ends.resize(spans.len(), 0);
        for (pass, places) in places.iter_mut().enumerate().take(passes) {
            let mut before = 0;
            for place in places.iter_mut() {
                before += std::mem::replace(place, before);
            }
            for key in &self.starts {
                let place = &mut places[digit(*key, pass)];
                self.ends[*place as usize] = *key;
                *place += 1;
            }
            std::mem::swap(&mut self.starts, &mut self.ends);
        }
        ByStart { spans, order: self }
    }

    /// Reads some spans more: close together, so that the processor waits for many of them at once.
    fn read_next(&mut self, spans: &[Span]) {
        let first = self.rest.len();
        let last = spans.len().min(first + AT_ONCE);
        let (starts, ends) = (&mut self.starts[first..last], &mut self.ends[first..last]);
        self.rest.extend(starts.iter_mut().zip(ends).map(|(start, end)| {
            let came_at = *start as u32;
            let span = &spans[came_at as usize];
            (*start, *end) = (span.start, span.end);
            let Span { service, host, peer, kind, flags, .. } = *span;
            Rest { came_at, service, host, peer, kind, flags }
        }));
    }
}

impl Spans for ByStart<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.spans.len()
    }

    #[inline]
    fn whole(&self, place: u32) -> &Span {
        &self.spans[self.came_at(place) as usize]
    }

    #[inline]
    fn linked(&mut self, place: u32) -> &Span {
        if place as usize == self.order.rest.len() {
            self.order.read_next(self.spans);
        }
        self.whole(place)
    }

    #[inline]
    fn came_at(&self, place: u32) -> u32 {
        let place = place as usize;
        // The lower half of a key.
        self.order.rest.get(place).map_or(self.order.starts[place] as u32, |rest| rest.came_at)
    }

    #[inline]
    fn seen(&self, place: u32) -> Seen {
        let (place, order) = (place as usize, &*self.order);
        let Rest { service, host, peer, kind, flags, .. } = order.rest[place];
        Seen { start: order.starts[place], end: order.ends[place], service, host, peer, kind, flags }
    }
}

#[cfg(test)]
mod tests {
    use leap_terms::SpanId;

    use super::*;

    #[test]
    fn spans_are_sorted_by_their_starts_whatever_these_are() {
        let starts = [7_u64 << 50, 3, 9 << 31, 3, u64::MAX >> 1, 1 << 40, 3];
        let spans: Vec<Span> = (1..)
            .zip(starts)
            .map(|(id, start)| Span { id: SpanId::new(id), start, end: start + id, flags: id as u8, ..Span::default() })
            .collect();
        let mut order = Order::default();
        let mut ordered = order.by_start(&spans);
        let expected = [2, 4, 7, 3, 6, 1, 5].map(SpanId::new);
        let ids = |ordered: &ByStart<'_>| (0..7).map(|place| ordered.whole(place).id).collect::<Vec<_>>();
        assert_eq!(ids(&ordered), expected);
        // What is linked is seen as it is, and stays where it is.
        for place in 0..7 {
            assert_eq!(ordered.linked(place).id, expected[place as usize]);
            assert_eq!(ids(&ordered), expected);
        }
        for place in 0..7 {
            let (span, seen) = (ordered.whole(place), ordered.seen(place));
            assert_eq!((seen.start, seen.end, seen.flags), (span.start, span.end, span.flags));
        }
        assert_eq!([0, 3, 6].map(|place| ordered.came_at(place)), [1, 2, 4]);
        assert_eq!(order.by_start(&spans[..1]).count(), 1);
    }
}
