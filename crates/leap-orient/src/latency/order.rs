//! Large traces whose spans lie about in no order are brought into order of their starts, so that parents and children
//! lie beside each other.
//!
//! ```text
//! a chain of a million spans, each somewhere: every step waits for memory    900 ms
//! the same in order of starts: every step is to the neighbour
//! ```
//! Nothing of the result depends on the order of spans; only the time does.

use leap_terms::Span;

/// Smaller traces lie in the processor's cache.
const LARGE: usize = 50_000;
/// So many spans of a trace are looked at.
const LOOKED_AT: usize = 1_000;
/// Bits of a start that one pass sorts by.
const BITS: u32 = 11;
/// Bits of a start that are sorted by at all: of traces of more than four seconds the lowest are left as they came.
const SORTED: u32 = 32;

/// Spans in order of their starts; memory that is used again.
#[derive(Default)]
pub(super) struct Order {
    /// Start after the first one in the upper half, place in the lower.
    keys: Vec<u64>,
    other: Vec<u64>,
    spans: Vec<Span>,
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
    /// Takes spans, and brings them into order of their starts; those that start at once keep their order.
    pub(super) fn take(&mut self, spans: &[Span]) {
        let (mut least, mut most) = (u64::MAX, 0);
        for span in spans {
            least = least.min(span.start);
            most = most.max(span.start);
        }
        let used = u64::BITS - most.saturating_sub(least).leading_zeros();
        let cut = used.saturating_sub(SORTED);
        self.keys.clear();
        self.keys.extend(spans.iter().zip(0_u64..).map(|(span, at)| ((span.start - least) >> cut) << SORTED | at));
        self.other.resize(self.keys.len(), 0);
        let mut shift = SORTED;
        while shift < SORTED + used - cut {
            let digit = |key: u64| (key >> shift) as usize & ((1 << BITS) - 1);
            let mut places = [0_u32; 1 << BITS];
            self.keys.iter().for_each(|key| places[digit(*key)] += 1);
            let mut before = 0;
            for place in &mut places {
                before += std::mem::replace(place, before);
            }
            for key in &self.keys {
                let place = &mut places[digit(*key)];
                self.other[*place as usize] = *key;
                *place += 1;
            }
            std::mem::swap(&mut self.keys, &mut self.other);
            shift += BITS;
        }
        self.spans.clear();
        self.spans.extend(self.keys.iter().map(|key| spans[place(*key)]));
    }

    /// The spans in order.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Where a span of the ordered ones lay before.
    pub(super) fn came_at(&self, place: u32) -> u32 {
        self::place(self.keys[place as usize]) as u32
    }
}

/// The place in a key.
fn place(key: u64) -> usize {
    (key & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use leap_terms::SpanId;

    use super::*;

    #[test]
    fn spans_are_sorted_by_their_starts_whatever_these_are() {
        let starts = [7_u64 << 50, 3, 9 << 31, 3, u64::MAX >> 1, 1 << 40, 3];
        let spans: Vec<Span> =
            (1..).zip(starts).map(|(id, start)| Span { id: SpanId::new(id), start, ..Span::default() }).collect();
        let mut order = Order::default();
        order.take(&spans);
        let ids: Vec<SpanId> = order.spans().iter().map(|span| span.id).collect();
        assert_eq!(ids, [2, 4, 7, 3, 6, 1, 5].map(SpanId::new));
        assert_eq!([0, 3, 6].map(|place| order.came_at(place)), [1, 2, 4]);
        order.take(&spans[..1]);
        assert_eq!(order.spans().len(), 1);
    }
}
