//! The bytes of bodies in memory: a number that requests take from and give back.
//!
//! ```ignore
//! let budget = Budget::new(100);
//! let mut held = budget.hold();
//! assert!(held.grow_to(60) && !budget.hold().grow_to(41));
//! drop(held); // all 100 are free again
//! ```
//!
//! Nobody waits for bytes: a request that waits with half a body in memory could wait for another one that does the
//! same. Who gets none is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is left of the bytes.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    free: Arc<AtomicUsize>,
}

/// Bytes that one request holds; they are free again when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Budget {
        Budget { free: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// Bytes that nobody holds, at this moment.
    pub(super) fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    /// Holds nothing yet.
    pub(super) fn hold(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Holds `bytes` in all from now on, or no more than before when there are not enough.
    #[must_use]
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let taken = self.budget.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(more));
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_free_until_it_is_dropped() {
        let budget = Budget::new(100);
        let mut one = budget.hold();
        let mut two = budget.hold();
        assert!(one.grow_to(60));
        assert!(!two.grow_to(41), "only 40 are left");
        assert!(two.grow_to(40));
        assert!(!one.grow_to(61));
        assert!(one.grow_to(10), "never less than before");
        assert_eq!(budget.free(), 0);
        drop(one);
        assert_eq!(budget.free(), 60);
        drop(two);
        assert_eq!(budget.free(), 100);
    }
}
