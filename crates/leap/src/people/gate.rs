//! Who is let in: sessions, tokens, and how often a wrong password may be tried.
//!
//! A session ends 12 hours after it was last used and 7 days after it began; a changed password, a role that was taken and a
//! person who was shut out end it at once, as every request asks the book. Five wrong passwords for a name, or from an
//! address beyond this machine, make the next try wait, longer each time; a name waits a minute at most, so that nobody can be locked out by
//! somebody else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use leap_book::Account;
use leap_terms::{Instant, Rights};
use leap_web::site::{Credential, Entry, Person, Proof};
use tokio::runtime::Handle;

use super::secret;
use crate::clock;
use crate::cycle::actor;
use crate::failure::Failure;
use crate::home::Home;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// A session that is not used ends after 12 hours.
const IDLE: i64 = 12 * 3600 * SECOND;
/// Any session ends after 7 days.
pub(crate) const LIFE_SECONDS: i64 = 7 * 86_400;
/// Uses are noted once a minute.
const NOTED: i64 = 60 * SECOND;
/// Wrong passwords before one has to wait.
const FREE: u32 = 5;
/// After so long without a wrong one all is forgotten.
const FORGOTTEN: i64 = 900 * SECOND;
/// Names and addresses that are remembered.
const REMEMBERED: usize = 10_000;

/// Somebody, or some address, that got it wrong.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Who {
    Name(String),
    Address(IpAddr),
}

/// Wrong passwords so far.
#[derive(Default)]
struct Tries(HashMap<Who, (u32, Instant)>);

impl Tries {
    /// Seconds to wait before the next try.
    fn wait(&self, who: &Who, now: Instant) -> u64 {
        let Some((wrong, last)) = self.0.get(who) else { return 0 };
        let Some(over) = wrong.checked_sub(FREE) else { return 0 };
        let most = match who {
            Who::Name(_) => 60,
            Who::Address(_) => 900,
        };
        let seconds = (1_i64 << over.min(20)).min(most);
        let left = last.micros() + seconds * SECOND - now.micros();
        u64::try_from((left + SECOND - 1) / SECOND).unwrap_or(0)
    }

    fn wrong(&mut self, who: Who, now: Instant) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (_, last)| now.micros() - last.micros() < FORGOTTEN);
            if self.0.len() >= REMEMBERED {
                self.0.clear();
            }
        }
        let tries = self.0.entry(who).or_insert((0, now));
        let is_old = now.micros() - tries.1.micros() >= FORGOTTEN;
        *tries = (if is_old { 1 } else { tries.0 + 1 }, now);
    }
}

/// Lets people in.
pub(crate) struct Gate {
    home: Arc<Home>,
    runtime: Handle,
    tries: Mutex<Tries>,
}

impl Gate {
    pub(crate) fn new(home: Arc<Home>, runtime: Handle) -> Gate {
        Gate { home, runtime, tries: Mutex::default() }
    }

    /// Who sends a request; `None` where somebody has to log in.
    pub(crate) fn person(&self, credential: Credential<'_>) -> Result<Option<Person>, Failure> {
        let now = clock::now();
        match credential {
            Credential::None => {
                let has = self.runtime.block_on(self.home.book.has_accounts());
                Ok((!has.map_err(|error| Failure::from_error(&error))?).then(local))
            }
            Credential::Session(secret) => self.of_session(secret, now),
            Credential::Token(secret) => self.of_token(secret, now),
        }
    }

    fn of_session(&self, secret: &str, now: Instant) -> Result<Option<Person>, Failure> {
        let digest = secret::digest(secret);
        let found = self.runtime.block_on(self.home.book.session(digest));
        let Some((session, account)) = found.map_err(|error| Failure::from_error(&error))? else {
            // A cookie of before the first login was made, or of a session that is over.
            return self.person(Credential::None);
        };
        let age = |since: Instant| now.micros() - since.micros();
        let is_over = age(session.seen_at) > IDLE || age(session.opened_at) > LIFE_SECONDS * SECOND;
        if is_over || account.disabled_at.is_some() {
            return Ok(None);
        }
        if age(session.seen_at) > NOTED {
            let home = self.home.clone();
            // No reader waits for this, and a use that is not noted ends a session a minute early.
            self.runtime.spawn(async move {
                if let Err(error) = home.book.touch_session(digest, now).await {
                    tracing::debug!(%error, "a use was not noted");
                }
            });
        }
        Ok(Some(person(account, Proof::LogIn(session.authenticated_at), None)))
    }

    fn of_token(&self, secret: &str, now: Instant) -> Result<Option<Person>, Failure> {
        let digest = secret::digest(secret);
        let found = self.runtime.block_on(self.home.book.token(digest));
        let Some((token, account)) = found.map_err(|error| Failure::from_error(&error))? else { return Ok(None) };
        if token.revoked_at.is_some() || token.expires_at <= now || account.disabled_at.is_some() {
            return Ok(None);
        }
        if token.used_at.is_none_or(|used| now.micros() - used.micros() > NOTED) {
            let home = self.home.clone();
            self.runtime.spawn(async move {
                if let Err(error) = home.book.touch_token(digest, now).await {
                    tracing::debug!(%error, "a use was not noted");
                }
            });
        }
        let rights = Rights::Granted(account.grants.clone()).reading(token.unit.as_ref());
        Ok(Some(person(account, Proof::Token, Some(rights))))
    }

    /// Begins a session, where name and password are right.
    pub(crate) fn log_in(&self, name: &str, password: &str, from: IpAddr) -> Result<Entry, Failure> {
        let now = clock::now();
        let mut keys = vec![Who::Name(name.to_lowercase())];
        // From this machine comes a proxy, too, and behind it everybody: one who guesses must not keep out the others.
        if !from.is_loopback() {
            keys.push(Who::Address(from));
        }
        let wait = {
            let tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
            keys.iter().map(|key| tries.wait(key, now)).max().unwrap_or(0)
        };
        if wait > 0 {
            return Ok(Entry::Wait(wait));
        }
        let account = self.runtime.block_on(self.home.book.account(name));
        let account = account.map_err(|error| Failure::from_error(&error))?;
        let hash = account.as_ref().and_then(|account| account.password.as_deref());
        let is_right = secret::is_right(password, hash);
        let account = account.filter(|account| is_right && account.disabled_at.is_none());
        let Some(account) = account else {
            tracing::warn!(name = %name.escape_debug(), %from, "a login was refused");
            let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
            for key in keys {
                tries.wrong(key, now);
            }
            return Ok(Entry::Refused);
        };
        {
            let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
            tries.0.remove(&keys[0]);
        }
        self.open(&account.name, now)
    }

    /// Begins a session of a person who has proved who they are.
    fn open(&self, name: &str, now: Instant) -> Result<Entry, Failure> {
        let secret = secret::new()?;
        let opened = self.runtime.block_on(self.home.book.open_session(secret::digest(&secret), name, now));
        opened.map_err(|error| Failure::from_error(&error))?;
        Ok(Entry::Opened(secret, LIFE_SECONDS))
    }

    /// Ends a session.
    pub(crate) fn log_out(&self, secret: &str) -> Result<(), Failure> {
        let ended = self.runtime.block_on(self.home.book.end_session(secret::digest(secret)));
        ended.map_err(|error| Failure::from_error(&error))
    }
}

/// The one person of a machine on which nobody was given a login.
pub(crate) fn local() -> Person {
    let name = actor();
    Person { shown: name.clone(), name, rights: Rights::Local, proof: Proof::Machine }
}

fn person(account: Account, proof: Proof, rights: Option<Rights>) -> Person {
    Person {
        name: account.name,
        shown: account.shown,
        rights: rights.unwrap_or(Rights::Granted(account.grants)),
        proof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_micros(seconds * SECOND)
    }

    #[test]
    fn wrong_passwords_make_the_next_try_wait_longer_and_are_forgotten() {
        let mut tries = Tries::default();
        let name = Who::Name("ana".to_owned());
        for _ in 0..FREE - 1 {
            tries.wrong(name.clone(), at(0));
        }
        assert_eq!(tries.wait(&name, at(0)), 0, "people mistype");
        tries.wrong(name.clone(), at(0));
        assert_eq!((tries.wait(&name, at(0)), tries.wait(&name, at(1))), (1, 0));
        for _ in 0..9 {
            tries.wrong(name.clone(), at(10));
        }
        assert_eq!(tries.wait(&name, at(10)), 60, "nobody is locked out for long by somebody else");
        tries.wrong(name.clone(), at(2000));
        assert_eq!(tries.wait(&name, at(2000)), 0);
        let address = Who::Address("192.0.2.1".parse().unwrap());
        for _ in 0..40 {
            tries.wrong(address.clone(), at(0));
        }
        assert_eq!(tries.wait(&address, at(0)), 900);
        assert_eq!(tries.wait(&Who::Name("bo".to_owned()), at(0)), 0);
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let mut tries = Tries::default();
        for at_number in 0..3 * REMEMBERED {
            tries.wrong(Who::Name(at_number.to_string()), at(0));
        }
        assert!(tries.0.len() <= REMEMBERED);
    }
}
