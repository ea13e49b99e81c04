//! Views that are kept ready, and how those of a new snapshot take the place of the ones before.
//!
//! ```text
//! small home   a new snapshot is opened by the first who asks; others who read the same way wait for it
//! large home   its first pages are made in the background; until then, for a minute at most, readers see the snapshot before
//! ```
//! Each page says which snapshot it shows. A view is opened once for all who read the same way; nobody waits for another way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use leap_terms::Reach;

use super::ground::Cached;

/// Ways to read that are kept ready.
const VIEWS: usize = 8;
/// Views of people who see a part.
const PARTS: usize = 64;
/// How long readers see the snapshot before while a new one is made ready.
const STALE: Duration = Duration::from_secs(60);

/// The newest snapshot, and how often a period was closed or opened.
pub(super) type State = (i64, usize);

/// How it is read, and whose cost is seen.
pub(super) type Way = (String, Reach);

/// A view, once it is open.
type Slot = Arc<Mutex<Option<Arc<Cached>>>>;

/// The views of one state.
pub(super) struct Generation {
    pub(super) state: State,
    begun: Instant,
    /// Charges of its snapshot; 0 while no view is open.
    charges: AtomicU64,
    /// By how it is read, and whose cost is seen: no answer can be another person's.
    views: Mutex<HashMap<Way, Slot>>,
}

/// The views of the state that readers see, and of the one that is being made ready.
#[derive(Default)]
pub(super) struct Views(Mutex<Generations>);

type Generations = (Option<Arc<Generation>>, Option<Arc<Generation>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Generation {
    fn new(state: State) -> Arc<Generation> {
        let (charges, views) = (AtomicU64::new(0), Mutex::default());
        Arc::new(Generation { state, begun: Instant::now(), charges, views })
    }

    /// The view of a way to read; opened where it is not yet.
    pub(super) fn view<E>(&self, key: &Way, open: impl FnOnce() -> Result<Cached, E>) -> Result<Arc<Cached>, E> {
        let slot = {
            let mut views = locked(&self.views);
            // Views of a part share their worlds with that of everything: more of them fit.
            let alike = |other: &Way| other.1.is_everything() == key.1.is_everything();
            let most = if key.1.is_everything() { VIEWS } else { PARTS };
            if !views.contains_key(key) && views.keys().filter(|other| alike(other)).count() >= most {
                views.retain(|other, _| !alike(other));
            }
            views.entry(key.clone()).or_default().clone()
        };
        let mut view = locked(&slot);
        if let Some(view) = &*view {
            return Ok(view.clone());
        }
        let opened = Arc::new(open()?);
        let charges = opened.view.head().scopes.iter().map(|scope| scope.facts.rows).sum();
        self.charges.fetch_max(charges, Ordering::Relaxed);
        *view = Some(opened.clone());
        Ok(opened)
    }
}

impl Views {
    /// The views that a reader is to see. Where those of a new state are to be made ready first, `ready` is called with them,
    /// once; it must call [`Views::show`] when it is done.
    pub(super) fn of(&self, state: State, large: u64, ready: impl FnOnce(Arc<Generation>)) -> Arc<Generation> {
        let mut both = locked(&self.0);
        let (now, next) = &mut *both;
        match now {
            Some(known) if known.state == state => known.clone(),
            Some(known) if known.charges.load(Ordering::Relaxed) > large => match next {
                Some(coming) if coming.begun.elapsed() < STALE => known.clone(),
                Some(coming) => {
                    let coming = coming.clone();
                    (*now, *next) = (Some(coming.clone()), None);
                    coming
                }
                None => {
                    let coming = Generation::new(state);
                    *next = Some(coming.clone());
                    let shown = known.clone();
                    drop(both);
                    ready(coming);
                    shown
                }
            },
            _ => {
                let fresh = Generation::new(state);
                (*now, *next) = (Some(fresh.clone()), None);
                fresh
            }
        }
    }

    /// Readers see these from now on.
    pub(super) fn show(&self, ready: &Arc<Generation>) {
        let mut both = locked(&self.0);
        let (now, next) = &mut *both;
        if next.as_ref().is_some_and(|next| Arc::ptr_eq(next, ready)) {
            (*now, *next) = (next.take(), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_snapshot_is_shown_when_it_is_ready_and_a_small_one_at_once() {
        let views = Views::default();
        let never = |_| panic!("nothing is to be made ready");
        let first = views.of((1, 0), 10, never);
        assert_eq!(first.state, (1, 0));
        assert!(Arc::ptr_eq(&first, &views.of((1, 0), 10, never)));
        // Small: at once.
        assert_eq!(views.of((2, 0), 10, never).state, (2, 0));
        let shown = views.of((2, 0), 10, never);
        shown.charges.store(11, Ordering::Relaxed);
        // Large: the one before, until the new one is ready; it is begun once.
        let mut begun = Vec::new();
        assert_eq!(views.of((3, 0), 10, |ready| begun.push(ready)).state, (2, 0));
        assert_eq!(views.of((3, 0), 10, never).state, (2, 0));
        views.show(&first);
        assert_eq!(views.of((3, 0), 10, never).state, (2, 0), "another one is ready, not this");
        views.show(&begun[0]);
        assert_eq!(views.of((3, 0), 10, never).state, (3, 0));
    }
}
