//! What was made and may be wanted again, within a bound of bytes: what is used least goes first.
//!
//! ```text
//! days 3f9a…            what each owner has of a slice, by the digests of its files
//! shared 11c0… 2026-09  lines of pools of a billing period, by the digests of all that decides them
//! ```
//! A key names everything that the value is made from, so that a value is right for as long as it is kept, whatever snapshot
//! asks for it. Who asks for a value that is just being made waits for it; nobody waits for another key.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::Failure;

/// What is kept of one key, and who makes it.
type Slot = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

struct Entry {
    slot: Slot,
    /// 0 while it is being made.
    bytes: usize,
    used: u64,
}

#[derive(Default)]
struct Entries {
    all: HashMap<String, Entry>,
    bytes: usize,
    clock: u64,
}

/// Values by key.
pub(crate) struct Kept {
    limit: usize,
    entries: Mutex<Entries>,
    /// What is done in the background at the moment.
    begun: Mutex<HashSet<String>>,
}

/// A lock that a panic elsewhere has left: what is kept is whole values only.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    /// Keeps so many bytes.
    pub(crate) fn new(limit: usize) -> Kept {
        Kept { limit, entries: Mutex::default(), begun: Mutex::default() }
    }

    /// The value of a key; made where it is not kept, and kept where it is not larger than all. `make` also tells its size.
    pub(crate) fn get<T: Any + Send + Sync, E>(
        &self,
        key: &str,
        make: impl FnOnce() -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        let slot = {
            let mut entries = locked(&self.entries);
            entries.clock += 1;
            let clock = entries.clock;
            let new = || Entry { slot: Slot::default(), bytes: 0, used: 0 };
            let entry = entries.all.entry(key.to_owned()).or_insert_with(new);
            entry.used = clock;
            entry.slot.clone()
        };
        let mut value = locked(&slot);
        if let Some(known) = &*value
            && let Ok(known) = known.clone().downcast::<T>()
        {
            return Ok(known);
        }
        match make() {
            Ok((made, bytes)) => {
                let made = Arc::new(made);
                *value = Some(made.clone());
                drop(value);
                self.note(key, &slot, bytes);
                Ok(made)
            }
            Err(error) => {
                drop(value);
                // Who asks again tries again.
                let mut entries = locked(&self.entries);
                if entries.all.get(key).is_some_and(|entry| Arc::ptr_eq(&entry.slot, &slot) && entry.bytes == 0) {
                    entries.all.remove(key);
                }
                Err(error)
            }
        }
    }

    /// The value of a key where it is kept; never waits.
    pub(crate) fn known<T: Any + Send + Sync>(&self, key: &str) -> Option<Arc<T>> {
        let slot = {
            let mut entries = locked(&self.entries);
            entries.clock += 1;
            let clock = entries.clock;
            let entry = entries.all.get_mut(key)?;
            entry.used = clock;
            entry.slot.clone()
        };
        let value = slot.try_lock().ok()?;
        value.as_ref()?.clone().downcast::<T>().ok()
    }

    /// Counts what was made, and lets go of what was used longest ago.
    fn note(&self, key: &str, slot: &Slot, bytes: usize) {
        let mut entries = locked(&self.entries);
        let bytes = bytes.max(1) + key.len();
        let Some(entry) = entries.all.get_mut(key).filter(|entry| Arc::ptr_eq(&entry.slot, slot)) else { return };
        let before = std::mem::replace(&mut entry.bytes, bytes);
        entries.bytes = entries.bytes - before + bytes;
        if entries.bytes <= self.limit {
            return;
        }
        let mut oldest: Vec<(u64, String)> = entries
            .all
            .iter()
            .filter(|(_, entry)| entry.bytes > 0)
            .map(|(key, entry)| (entry.used, key.clone()))
            .collect();
        oldest.sort_unstable();
        // A little room, so that not every value that is made sorts all of them.
        let aim = self.limit / 10 * 9;
        for (_, key) in oldest {
            if entries.bytes <= aim {
                break;
            }
            if let Some(gone) = entries.all.remove(&key) {
                entries.bytes -= gone.bytes;
            }
        }
    }

    /// Does something in the background, unless it is being done already.
    pub(crate) fn begin(self: &Arc<Kept>, key: String, job: impl FnOnce() + Send + 'static) {
        /// Ends also where the job panics.
        struct Begun(Arc<Kept>, String);
        impl Drop for Begun {
            fn drop(&mut self) {
                locked(&self.0.begun).remove(&self.1);
            }
        }
        if locked(&self.begun).insert(key.clone()) {
            let begun = Begun(self.clone(), key);
            std::thread::spawn(move || {
                job();
                drop(begun);
            });
        }
    }

    /// Bytes that are kept.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        locked(&self.entries).bytes
    }
}

/// What [`Kept::get`] returns where making cannot fail otherwise.
pub(crate) type Made<T> = Result<Arc<T>, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kept: &Kept, key: &str, value: u64, bytes: usize) -> u64 {
        *kept.get(key, || Ok::<_, ()>((value, bytes))).unwrap()
    }

    #[test]
    fn a_value_is_made_once_and_a_failure_is_tried_again() {
        let kept = Kept::new(1000);
        assert_eq!(kept.get("a", || Err::<(u64, usize), _>("no")).unwrap_err(), "no");
        assert_eq!(kept.known::<u64>("a"), None);
        assert_eq!(made(&kept, "a", 1, 100), 1);
        assert_eq!(made(&kept, "a", 2, 100), 1);
        assert_eq!(kept.known::<u64>("a").as_deref(), Some(&1));
        assert_eq!(kept.known::<String>("a"), None, "another type is another value");
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_the_bound_holds() {
        let kept = Kept::new(1000);
        for (at, key) in ["a", "b", "c"].iter().enumerate() {
            made(&kept, key, at as u64, 300);
        }
        assert_eq!(made(&kept, "a", 9, 300), 0);
        made(&kept, "d", 3, 300);
        assert!(kept.bytes() <= 1000, "{}", kept.bytes());
        assert_eq!(kept.known::<u64>("b"), None);
        assert_eq!(kept.known::<u64>("a").as_deref(), Some(&0));
        assert_eq!(kept.known::<u64>("d").as_deref(), Some(&3));
        // Larger than everything: answered, and not kept.
        assert_eq!(made(&kept, "e", 4, 5000), 4);
        assert!(kept.bytes() <= 1000);
    }

    #[test]
    fn many_who_want_the_same_wait_for_one() {
        let (kept, times) = (Kept::new(1000), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    let value = kept.get("a", || {
                        times.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        Ok::<_, ()>((7_u64, 8))
                    });
                    assert_eq!(*value.unwrap(), 7);
                });
            }
        });
        assert_eq!(times.into_inner(), 1);
    }
}
