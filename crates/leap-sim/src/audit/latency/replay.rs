//! Replay: the max-plus recurrence over a normalised request, with a factor on own time.
//!
//! ```text
//! A [0, 100), B [10, 60) beside C [10, 90):   C takes nothing → 70,   B takes nothing → 100,   both → 20
//! ```
//! How own time is scaled is an argument: by exact multiples it gives the one-sided derivatives ([`slopes`]) without any
//! rounding; with [`rounded`] it gives the nanoseconds that leap states.

use leap_terms::NameId;

use super::tree::Tree;

/// The latency of a request whose own times are `scale`d, gap by gap.
///
/// A child starts after all siblings that had ended by its start, and its parent's own time between the latest of them
/// (or the parent's start) and the child; a span ends after its last child and its own time after that; a leaf lasts as
/// long as its own time.
pub fn replay(tree: &Tree, scale: &dyn Fn(NameId, i128) -> i128) -> i128 {
    let mut takes = vec![0_i128; tree.nodes.len()];
    // Children stand behind their parents.
    for at in (0..tree.nodes.len()).rev() {
        let node = &tree.nodes[at];
        let own = |ns: i128| scale(node.span.service, ns);
        let mut order: Vec<usize> = node.children.clone();
        order.sort_by_key(|child| tree.nodes[*child].from);
        let mut new_ends = vec![0_i128; order.len()];
        for (number, child) in order.iter().enumerate() {
            let start = tree.nodes[*child].from;
            let (mut old, mut new) = (node.from, 0);
            for (other, sibling) in order[..number].iter().enumerate() {
                if tree.nodes[*sibling].until <= start {
                    old = old.max(tree.nodes[*sibling].until);
                    new = new.max(new_ends[other]);
                }
            }
            new_ends[number] = new + own(start - old) + takes[*child];
        }
        let last_old = order.iter().map(|child| tree.nodes[*child].until).max().unwrap_or(node.from);
        let last_new = new_ends.iter().copied().max().unwrap_or(0);
        takes[at] = last_new + own(node.until - last_old);
    }
    takes[0]
}

/// Time times over / under, in whole nanoseconds, half up.
pub fn rounded(ns: i128, over: u64, under: u64) -> i128 {
    (2 * ns * i128::from(over) + i128::from(under)).div_euclid(2 * i128::from(under))
}

/// The left and right derivative of the latency by the factor on one service's own time, at factor 1: whole nanoseconds.
///
/// The latency is piecewise linear in the factor; its slopes are sums of gaps and two pieces differ by at least one
/// nanosecond where they are apart, so no piece ends within one part in the total time of all spans. The step taken here
/// is smaller.
pub fn slopes(tree: &Tree, service: NameId) -> (i128, i128) {
    let total: i128 = tree.nodes.iter().map(|node| node.until - node.from).sum();
    let parts = 4 * (total + 1);
    let at = |factor: i128| replay(tree, &|of, ns| ns * if of == service { factor } else { parts });
    let here = at(parts);
    (here - at(parts - 1), at(parts + 1) - here)
}
