//! The spans of a trace in the order in which they are linked and swept: as they came, or, of large traces whose spans
//! lie about in no order, by their starts, so that parents and children lie beside each other.
//!
//! ```text
//! a chain of a million spans, each somewhere: every step waits for memory    900 ms
//! the same in order of starts: every step is to the neighbour                 60 to 95 ms, order and all
//! ```
//! Nothing of the result depends on the order of spans; only the time does. What such a trace costs is memory that is
//! touched for the first time, and memory that is read here and there. So spans are not moved: their starts are sorted,
//! each span is read once in that order, and what the sweep wants of it stays behind in the sixteen bytes that the sort
//! has taken.
//!
//! ```text
//! key    start after the first one | where the span came           8 bytes, sorted
//! sight  duration | which service, host, peer, kind and flags      8 bytes, in place of the keys as they were before
//! ```

use leap_terms::{NameId, Span, SpanId, SpanKind};

/// Smaller traces lie in the processor's cache.
pub(super) const LARGE: usize = 50_000;
/// So many spans of a trace are looked at.
const LOOKED_AT: usize = 1_000;
/// Bits of starts that keys are sorted by first, all at once: the highest.
const HIGH: u32 = 11;
/// Bits that the parts are sorted by then, turn by turn.
const LOW: u32 = 9;
/// Shorter parts are sorted by comparing.
const SHORT: usize = 64;
/// So many scattered spans are read at once: the processor waits for many of them at once.
pub(super) const AT_ONCE: usize = 128;
/// Bits of a sight that say whose the span is.
const WHOSE: u32 = 16;
/// The sight of a span that is longer than its bits say, or one too many of its kind: the span itself is looked at.
const FAR: u64 = u64::MAX;
/// Bits of what a span is in [`Order::memo`].
const MEMO: u32 = 10;

/// What the sweep wants to know of a span.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) start: u64,
    /// Not before `start`.
    pub(super) end: u64,
    pub(super) whose: Whose,
}

/// The same besides its times: many spans have it in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) service: NameId,
    pub(super) host: NameId,
    pub(super) peer: NameId,
    pub(super) kind: SpanKind,
    flags: u8,
}

impl Seen {
    #[inline]
    fn of(span: &Span) -> Seen {
        Seen { start: span.start, end: span.end.max(span.start), whose: Whose::of(span) }
    }
}

impl Whose {
    #[inline]
    fn of(span: &Span) -> Whose {
        let Span { service, host, peer, kind, flags, .. } = *span;
        Whose { service, host, peer, kind, flags }
    }

    /// True when a flag of [`Span`] is set.
    #[inline]
    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn mixed(&self) -> usize {
        let names = u64::from(self.service.0) ^ u64::from(self.host.0) << 16 ^ u64::from(self.peer.0) << 32;
        let rest = u64::from(self.flags) << 56 | (self.kind as u64) << 52;
        ((names ^ rest).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - MEMO)) as usize
    }
}

/// What a span is linked by.
#[derive(Clone, Copy, Default)]
pub(super) struct Link {
    pub(super) id: SpanId,
    pub(super) parent: SpanId,
    /// It ended before it started ([`Span::NEGATIVE`]).
    pub(super) negative: bool,
}

impl Link {
    #[inline]
    fn of(span: &Span) -> Link {
        Link { id: span.id, parent: span.parent, negative: span.is(Span::NEGATIVE) }
    }
}

/// Spans of a trace, each at a place of its own.
pub(super) trait Spans {
    /// How many.
    fn count(&self) -> usize;

    /// The whole span at a place. In memory that may be far away.
    fn whole(&self, place: u32) -> &Span;

    /// What the span at a place is linked by: asked once for each place, one after the other. Only then is it
    /// [`Spans::seen`].
    fn link(&mut self, place: u32) -> Link;

    /// Parents of the spans from a place that was just linked, the first of [`AT_ONCE`], to the last of them.
    fn parents(&self, place: u32) -> impl Iterator<Item = SpanId>;

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
    fn link(&mut self, place: u32) -> Link {
        Link::of(self.whole(place))
    }

    #[inline]
    fn parents(&self, place: u32) -> impl Iterator<Item = SpanId> {
        self[place as usize..].iter().take(AT_ONCE).map(|span| span.parent)
    }

    #[inline]
    fn came_at(&self, place: u32) -> u32 {
        place
    }

    #[inline]
    fn seen(&self, place: u32) -> Seen {
        Seen::of(self.whole(place))
    }
}

/// Spans in order of their starts.
pub(super) struct ByStart<'t> {
    spans: &'t [Span],
    keys: &'t [u64],
    sights: &'t mut [u64],
    kinds: &'t mut Kinds,
    /// So many have been read.
    read: usize,
    /// Of those read last, a multiple of so many.
    links: [Link; AT_ONCE],
    /// The first start.
    least: u64,
    /// Bits of a key that say where the span came.
    places: u32,
    /// Keys say starts to the nanosecond.
    exact: bool,
}

/// Memory of [`ByStart`] that is used again.
#[derive(Default)]
pub(super) struct Order {
    keys: Vec<u64>,
    sights: Vec<u64>,
    kinds: Kinds,
}

/// What many spans have in common, numbered.
#[derive(Default)]
struct Kinds {
    /// Some may be there more than once.
    seen: Vec<Whose>,
    /// Numbers of those seen lately.
    memo: Vec<u16>,
}

impl Kinds {
    fn clear(&mut self) {
        self.seen.clear();
        self.memo.clear();
        self.memo.resize(1 << MEMO, 0);
    }

    /// The number; `None` where there are too many.
    #[inline]
    fn number(&mut self, whose: Whose) -> Option<u16> {
        let known = &mut self.memo[whose.mixed()];
        if self.seen.get(*known as usize) == Some(&whose) {
            return Some(*known);
        }
        let number = u16::try_from(self.seen.len()).ok().filter(|number| *number < u16::MAX)?;
        self.seen.push(whose);
        *known = number;
        Some(number)
    }
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
        let Order { keys, sights, kinds } = self;
        let (mut least, mut most) = (u64::MAX, 0);
        keys.clear();
        keys.extend(spans.iter().map(|span| {
            least = least.min(span.start);
            most = most.max(span.start);
            span.start
        }));
        let used = u64::BITS - most.saturating_sub(least).leading_zeros();
        let places = usize::BITS - spans.len().leading_zeros();
        // Of a span that starts years from the others: what the keys have no room for is not sorted by.
        let cut = (used + places).saturating_sub(u64::BITS);
        for (key, at) in keys.iter_mut().zip(0_u64..) {
            *key = ((*key - least) >> cut) << places | at;
        }
        sights.resize(spans.len(), 0);
        sort(keys, sights, places, used - cut);
        kinds.clear();
        ByStart {
            spans,
            keys,
            sights,
            kinds,
            read: 0,
            links: [Link::default(); AT_ONCE],
            least,
            places,
            exact: cut == 0,
        }
    }
}

impl ByStart<'_> {
    /// Reads some spans more: the only time that most of them are looked at.
    fn read_next(&mut self) {
        let next = self.spans.len().min(self.read + AT_ONCE);
        let (keys, sights) = (&self.keys[self.read..next], &mut self.sights[self.read..next]);
        let mask = (1 << self.places) - 1;
        // First and last of what is wanted, so that all of these spans come from memory side by side.
        let touched = keys.iter().fold(0, |all, key| {
            let span = &self.spans[(key & mask) as usize];
            all ^ span.id.bits ^ u64::from(span.flags)
        });
        std::hint::black_box(touched);
        for ((key, sight), link) in keys.iter().zip(sights).zip(&mut self.links) {
            let span = &self.spans[(key & mask) as usize];
            *link = Link::of(span);
            let takes = span.end.saturating_sub(span.start);
            let near = self.exact && takes < FAR >> WHOSE;
            let number = if near { self.kinds.number(Whose::of(span)) } else { None };
            *sight = number.map_or(FAR, |number| takes << WHOSE | u64::from(number));
        }
        self.read = next;
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
    fn link(&mut self, place: u32) -> Link {
        if place as usize == self.read {
            self.read_next();
        }
        self.links[place as usize % AT_ONCE]
    }

    #[inline]
    fn parents(&self, place: u32) -> impl Iterator<Item = SpanId> {
        self.links[..self.read - place as usize].iter().map(|link| link.parent)
    }

    #[inline]
    fn came_at(&self, place: u32) -> u32 {
        (self.keys[place as usize] & ((1 << self.places) - 1)) as u32
    }

    #[inline]
    fn seen(&self, place: u32) -> Seen {
        let sight = self.sights[place as usize];
        if sight == FAR {
            return Seen::of(self.whole(place));
        }
        let start = self.least + (self.keys[place as usize] >> self.places);
        Seen { start, end: start + (sight >> WHOSE), whose: self.kinds.seen[(sight & 0xffff) as usize] }
    }
}

/// Sorts keys by so many bits from `shift` on: dealt out by the highest of them to where they belong in `other`, then
/// each such part, which the cache holds, by the lower ones.
///
/// Were keys sorted by the lowest bits first, as radix sort often does, then the last pass would deal out evenly spaced
/// starts to places that are whole powers of two apart, all of which share a few lines of the cache.
fn sort(keys: &mut [u64], other: &mut [u64], shift: u32, bits: u32) {
    let low = bits.saturating_sub(HIGH);
    let mut ends = [0_u32; 1 << HIGH];
    deal(keys, other, shift + low, &mut ends);
    let mut from = 0;
    for end in ends.map(|end| end as usize) {
        let (keys, other) = (&mut keys[from..end], &mut other[from..end]);
        from = end;
        if keys.len() <= SHORT {
            keys.copy_from_slice(other);
            keys.sort_unstable();
            continue;
        }
        let (mut source, mut target, mut turns) = (other, keys, 0);
        while turns * LOW < low {
            deal(source, target, shift + turns * LOW, &mut [0_u32; 1 << LOW]);
            (source, target) = (target, source);
            turns += 1;
        }
        // Of an odd number of turns the last one was into `keys`.
        if turns.is_multiple_of(2) {
            target.copy_from_slice(source);
        }
    }
}

/// Deals out keys by the bits from `shift` on; those with the same bits keep their order. Leaves where each pile ends.
#[inline]
fn deal<const PILES: usize>(keys: &[u64], into: &mut [u64], shift: u32, ends: &mut [u32; PILES]) {
    let pile = |key: u64| (key >> shift) as usize & (PILES - 1);
    for key in keys {
        ends[pile(*key)] += 1;
    }
    let mut before = 0;
    for end in ends.iter_mut() {
        before += std::mem::replace(end, before);
    }
    for key in keys {
        let end = &mut ends[pile(*key)];
        into[*end as usize] = *key;
        *end += 1;
    }
}

#[cfg(test)]
mod tests {
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
            assert_eq!(ordered.link(place).id, expected[place as usize]);
            assert_eq!(ids(&ordered), expected);
        }
        for place in 0..7 {
            let (span, seen) = (ordered.whole(place), ordered.seen(place));
            assert_eq!((seen.start, seen.end, seen.whose.flags), (span.start, span.end, span.flags));
        }
        assert_eq!([0, 3, 6].map(|place| ordered.came_at(place)), [1, 2, 4]);
        assert_eq!(order.by_start(&spans[..1]).count(), 1);
    }
}
