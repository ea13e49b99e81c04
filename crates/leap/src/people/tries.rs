//! How often a wrong password or token may be tried.
//!
//! Five wrong ones for a name, or from an address beyond this machine, make the next try wait, longer each time; a name waits
//! a minute at most, so that nobody can be locked out by somebody else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use leap_terms::Instant;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// Wrong ones before one has to wait.
const FREE: u32 = 5;
/// After so long without a wrong one all is forgotten.
const FORGOTTEN: i64 = 900 * SECOND;
/// Names and addresses that are remembered.
const REMEMBERED: usize = 10_000;

/// Somebody, or some address, that got it wrong.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Who {
    /// A name, with a password.
    Name(String),
    /// Whoever tries the token of the first start.
    First,
    Address(IpAddr),
}

impl Who {
    /// Who and, where that tells anything, from where. From this machine comes a proxy, too, and behind it everybody: one who
    /// guesses must not keep out the others.
    pub(super) fn at(self, from: IpAddr) -> Vec<Who> {
        let mut keys = vec![self];
        if !from.is_loopback() {
            keys.push(Who::Address(from));
        }
        keys
    }
}

/// Wrong ones so far.
#[derive(Default)]
pub(super) struct Tries(Mutex<HashMap<Who, (u32, Instant)>>);

impl Tries {
    /// Seconds to wait before the next try.
    pub(super) fn wait(&self, keys: &[Who], now: Instant) -> u64 {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| wait(&tries, key, now)).max().unwrap_or(0)
    }

    /// Notes a wrong one.
    pub(super) fn wrong(&self, keys: Vec<Who>, now: Instant) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if tries.len() >= REMEMBERED {
                tries.retain(|_, (_, last)| now.micros() - last.micros() < FORGOTTEN);
                if tries.len() >= REMEMBERED {
                    tries.clear();
                }
            }
            let entry = tries.entry(key).or_insert((0, now));
            let is_old = now.micros() - entry.1.micros() >= FORGOTTEN;
            *entry = (if is_old { 1 } else { entry.0 + 1 }, now);
        }
    }

    /// Forgets those of somebody who got it right.
    pub(super) fn right(&self, key: &Who) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn wait(tries: &HashMap<Who, (u32, Instant)>, who: &Who, now: Instant) -> u64 {
    let Some((wrong, last)) = tries.get(who) else { return 0 };
    let Some(over) = wrong.checked_sub(FREE) else { return 0 };
    let most = match who {
        Who::Name(_) | Who::First => 60,
        Who::Address(_) => 900,
    };
    let seconds = (1_i64 << over.min(20)).min(most);
    let left = last.micros() + seconds * SECOND - now.micros();
    u64::try_from((left + SECOND - 1) / SECOND).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_micros(seconds * SECOND)
    }

    #[test]
    fn wrong_passwords_make_the_next_try_wait_longer_and_are_forgotten() {
        let tries = Tries::default();
        let wrong = |name: &Who, seconds: i64| tries.wrong(vec![name.clone()], at(seconds));
        let wait = |name: &Who, seconds: i64| tries.wait(std::slice::from_ref(name), at(seconds));
        let name = Who::Name("ana".to_owned());
        for _ in 0..FREE - 1 {
            wrong(&name, 0);
        }
        assert_eq!(wait(&name, 0), 0, "people mistype");
        wrong(&name, 0);
        assert_eq!((wait(&name, 0), wait(&name, 1)), (1, 0));
        for _ in 0..9 {
            wrong(&name, 10);
        }
        assert_eq!(wait(&name, 10), 60, "nobody is locked out for long by somebody else");
        wrong(&name, 2000);
        assert_eq!(wait(&name, 2000), 0);
        let address = Who::Address("192.0.2.1".parse().unwrap());
        for _ in 0..40 {
            wrong(&address, 0);
        }
        assert_eq!(wait(&address, 0), 900);
        assert_eq!(wait(&Who::Name("bo".to_owned()), 0), 0);
        for _ in 0..20 {
            wrong(&name, 3000);
        }
        tries.right(&name);
        assert_eq!(wait(&name, 3000), 0);
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let tries = Tries::default();
        for number in 0..3 * REMEMBERED {
            tries.wrong(vec![Who::Name(number.to_string())], at(0));
        }
        assert!(tries.0.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn behind_a_proxy_on_this_machine_an_address_tells_nothing() {
        assert_eq!(Who::First.at("127.0.0.1".parse().unwrap()), [Who::First]);
        assert_eq!(Who::First.at("192.0.2.1".parse().unwrap()).len(), 2);
    }
}
