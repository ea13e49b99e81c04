//! A login that is at the provider: what belongs to it lies in the browser, sealed, and is good once.
//!
//! ```text
//! cookie    SECRET|MICROS|ANA or nothing|%2Fteam%2Fpayments
//! state     HMAC(key, "state"    cookie)      the provider hands it back: only this browser has the cookie
//! nonce     HMAC(key, "nonce"    cookie)      stands in the ID token
//! verifier  HMAC(key, "verifier" cookie)      PKCE: whoever steals the code lacks it
//! ```
//! The key is made at each start and never leaves the process: who has the cookie alone knows neither nonce nor verifier, and
//! one changed letter of it is another state. Nothing is kept for a login that begins, so that nobody fills memory by beginning
//! many; of those that came back the state is kept until it would be too old anyway.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use leap_terms::Instant;
use leap_web::site::{decoded, encoded};

use super::super::{later, secret};
use crate::failure::Failure;

/// Seconds in which a login has to come back.
pub(super) const LIFE: i64 = 600;
/// States that are remembered.
const REMEMBERED: usize = 10_000;

/// Why a login that comes back is none.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It did not begin in this browser since this start, or too long ago.
    Unknown,
    /// It has come back already.
    Used,
}

/// A login that is at the provider.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Pending {
    /// What lies in the browser.
    pub(super) cookie: String,
    /// When it began.
    pub(super) at: Instant,
    /// The account that has to prove once more who it is.
    pub(super) again: Option<String>,
    /// Where it leads, on this site.
    pub(super) to: String,
}

/// Seals logins and opens them again.
pub(super) struct Seal {
    key: hmac::Key,
    used: Mutex<HashMap<String, Instant>>,
}

impl Seal {
    pub(super) fn new() -> Result<Seal, Failure> {
        Ok(Seal { key: hmac::Key::new(hmac::HMAC_SHA256, secret::new()?.as_bytes()), used: Mutex::default() })
    }

    /// A login that begins.
    pub(super) fn begin(&self, to: &str, again: Option<&str>, now: Instant) -> Result<Pending, Failure> {
        let again = again.map(str::to_owned);
        let cookie = format!(
            "{}|{}|{}|{}",
            secret::new()?,
            now.micros(),
            again.as_deref().unwrap_or_default(),
            // A comma is no letter of a cookie.
            encoded(to).replace(',', "%2C")
        );
        Ok(Pending { cookie, at: now, again, to: to.to_owned() })
    }

    /// One of the three secrets of a login: 64 hexadecimal digits.
    pub(super) fn of(&self, what: &str, pending: &Pending) -> String {
        self.tag(what, &pending.cookie)
    }

    fn tag(&self, what: &str, cookie: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{what}\n{cookie}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The login that came back with this state, the first time.
    pub(super) fn open(&self, cookie: &str, state: &str, now: Instant) -> Result<Pending, Fault> {
        if verify_slices_are_equal(self.tag("state", cookie).as_bytes(), state.as_bytes()).is_err() {
            return Err(Fault::Unknown);
        }
        let parts: Vec<&str> = cookie.splitn(4, '|').collect();
        let [_, at, again, to] = parts.as_slice() else { return Err(Fault::Unknown) };
        let (Ok(micros), Some(to)) = (at.parse(), decoded(to, false)) else { return Err(Fault::Unknown) };
        let at = Instant::from_micros(micros);
        if now >= later(at, LIFE) {
            return Err(Fault::Unknown);
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= REMEMBERED {
            used.retain(|_, until| now < *until);
        }
        // As many in ten minutes are no people; the provider takes each code once, too.
        if used.len() >= REMEMBERED || used.insert(state.to_owned(), later(at, LIFE)).is_some() {
            return Err(Fault::Used);
        }
        let again = (!again.is_empty()).then(|| (*again).to_owned());
        Ok(Pending { cookie: cookie.to_owned(), at, again, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_comes_back_once_in_its_browser_and_in_its_time() {
        let (seal, now) = (Seal::new().unwrap(), Instant::from_micros(5_000_000));
        let begun = seal.begin("/team/a?where=x,y|z", Some("a.b@c"), now).unwrap();
        let state = seal.of("state", &begun);
        assert!(begun.cookie.chars().all(|letter| letter.is_ascii_graphic() && !",;\"\\".contains(letter)));
        let others = [seal.of("nonce", &begun), seal.of("verifier", &begun)];
        assert!(others.iter().all(|other| *other != state && !begun.cookie.contains(other.as_str())));
        assert_eq!(seal.open(&begun.cookie, "", now), Err(Fault::Unknown));
        assert_eq!(seal.open("", &state, now), Err(Fault::Unknown));
        let moved = begun.cookie.replace("%2Fteam", "%2F%2Fteam");
        assert_eq!(seal.open(&moved, &state, now), Err(Fault::Unknown));
        assert_eq!(Seal::new().unwrap().open(&begun.cookie, &state, now), Err(Fault::Unknown), "of another start");
        assert_eq!(seal.open(&begun.cookie, &state, later(now, LIFE)), Err(Fault::Unknown));
        assert_eq!(seal.open(&begun.cookie, &state, later(now, LIFE - 1)).unwrap(), begun);
        assert_eq!(seal.open(&begun.cookie, &state, now), Err(Fault::Used));
    }

    #[test]
    fn states_are_forgotten_when_they_are_too_old_and_not_before() {
        let (seal, now) = (Seal::new().unwrap(), Instant::from_micros(0));
        let back = |now| {
            let begun = seal.begin("/", None, now).unwrap();
            seal.open(&begun.cookie, &seal.of("state", &begun), now)
        };
        for _ in 0..REMEMBERED {
            assert!(back(now).is_ok());
        }
        assert_eq!(back(now), Err(Fault::Used));
        assert!(back(later(now, LIFE)).is_ok());
    }
}
