//! The org of a world as decisions need it.

use std::collections::BTreeMap;

use leap_decide::org::{Node, Span, Spans};
use leap_orient::org::Org;
use leap_terms::{Day, TeamId};

/// Spans of all units. A unit that ends in favour of another is inherited by it; one that was split, by the units that came
/// from it, each the same part.
pub(crate) fn spans(org: &Org) -> Spans {
    // Who came from a unit, and when.
    let mut came = BTreeMap::<(&TeamId, Day), Vec<(TeamId, u64)>>::new();
    for unit in org.units() {
        for span in &unit.spans {
            for from in &span.split_from {
                came.entry((from, span.period.from())).or_default().push((unit.id.clone(), 1));
            }
        }
    }
    let spans = org.units().iter().flat_map(|unit| {
        let came = &came;
        unit.spans.iter().map(move |span| {
            let split = || came.get(&(&unit.id, span.period.until())).cloned().unwrap_or_default();
            Span {
                node: Node { unit: unit.id.clone(), kind: span.kind.clone(), lead: span.lead.clone() },
                period: span.period,
                parent: span.parent.clone(),
                successors: span.successor.iter().map(|heir| vec![(heir.clone(), 1)]).next().unwrap_or_else(split),
            }
        })
    });
    Spans(spans.collect())
}
