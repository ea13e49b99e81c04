//! Who is let in: by password, at the provider, as the first of all; sessions and tokens after that.
//!
//! A session ends 12 hours after it was last used and 7 days after it began; a changed password, a role that was taken and a
//! person who was shut out end it at once, as every request asks the book. Beyond this machine nobody is let in without a
//! login, also while there is nobody who has one.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use leap_book::{Account, Session};
use leap_terms::{Digest, Instant, Rights};
use leap_web::site::{Ask, Begun, Credential, Entrance, Entry, First, Person, Problem, Proof, Returned, Ways};
use tokio::runtime::Handle;

use super::oidc::SignOn;
use super::secret;
use super::setup::{self, Setup};
use super::tries::{Tries, Who};
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use crate::publish::actor;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// A session that is not used ends after 12 hours.
const IDLE: i64 = 12 * 3600 * SECOND;
/// Any session ends after 7 days.
const LIFE_SECONDS: i64 = 7 * 86_400;
/// Uses are noted once a minute.
const NOTED: i64 = 60 * SECOND;

/// How people come in, beside passwords.
#[derive(Default)]
pub(crate) struct Doors {
    /// Others than this machine reach the site.
    pub(crate) is_beyond: bool,
    /// The first person is waited for.
    pub(crate) setup: Option<Setup>,
    /// The provider.
    pub(crate) sign_on: Option<SignOn>,
}

/// Lets people in.
pub(crate) struct Gate {
    home: Arc<Home>,
    runtime: Handle,
    tries: Tries,
    is_beyond: bool,
    setup: Mutex<Option<Setup>>,
    sign_on: Option<SignOn>,
}

/// True where a session is over at that time.
pub(crate) fn is_over(session: &Session, now: Instant) -> bool {
    let age = |since: Instant| now.micros() - since.micros();
    age(session.seen_at) > IDLE || age(session.opened_at) > LIFE_SECONDS * SECOND
}

impl Gate {
    pub(crate) fn new(home: Arc<Home>, runtime: Handle, doors: Doors) -> Gate {
        Gate {
            home,
            runtime,
            tries: Tries::default(),
            is_beyond: doors.is_beyond,
            setup: Mutex::new(doors.setup),
            sign_on: doors.sign_on,
        }
    }

    /// Who comes without anything: the one person of this machine, or nobody.
    fn of_nothing(&self) -> Result<Option<Person>, Failure> {
        if self.is_beyond {
            return Ok(None);
        }
        let has = self.runtime.block_on(self.home.book.has_accounts());
        Ok((!has.map_err(|error| Failure::from_error(&error))?).then(local))
    }

    fn of_session(&self, secret: &str, now: Instant) -> Result<Option<Person>, Failure> {
        let digest = secret::digest(secret);
        let found = self.runtime.block_on(self.home.book.session(digest));
        let Some((session, account)) = found.map_err(|error| Failure::from_error(&error))? else {
            // A cookie of before the first login was made, or of a session that is over.
            return self.of_nothing();
        };
        if is_over(&session, now) || account.disabled_at.is_some() {
            return Ok(None);
        }
        if now.micros() - session.seen_at.micros() > NOTED {
            let home = self.home.clone();
            // No reader waits for this, and a use that is not noted ends a session a minute early.
            self.runtime.spawn(async move {
                if let Err(error) = home.book.touch_session(digest, now).await {
                    tracing::debug!(%error, "a use was not noted");
                }
            });
        }
        Ok(Some(Person { session: Some(digest), ..person(account, Proof::LogIn(session.authenticated_at), None) }))
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

    /// The account of that name, where the password is right.
    fn proved(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
        now: Instant,
    ) -> Result<Result<Account, Entry>, Failure> {
        let who = Who::Name(name.to_lowercase());
        let keys = who.clone().at(from);
        let wait = self.tries.wait(&keys, now);
        if wait > 0 {
            return Ok(Err(Entry::Wait(wait)));
        }
        let account = self.runtime.block_on(self.home.book.account(name));
        let account = account.map_err(|error| Failure::from_error(&error))?;
        let hash = account.as_ref().and_then(|account| account.password.as_deref());
        let is_right = secret::is_right(password, hash);
        match account.filter(|account| is_right && account.disabled_at.is_none()) {
            Some(account) => {
                self.tries.right(&who);
                Ok(Ok(account))
            }
            None => {
                tracing::warn!(name = %name.escape_debug(), %from, "a login was refused");
                self.tries.wrong(keys, now);
                Ok(Err(Entry::Refused))
            }
        }
    }

    /// Begins a session of a person who has proved who they are, and ends the one before it.
    fn open(&self, proved: &Proved<'_>, before: Option<Digest>) -> Result<Entry, Failure> {
        let secret = secret::new()?;
        let session = Session {
            digest: secret::digest(&secret),
            account: proved.name.to_owned(),
            opened_at: proved.now,
            authenticated_at: proved.at,
            seen_at: proved.now,
        };
        let opened = self.runtime.block_on(self.home.book.open_session(&session, proved.by));
        opened.map_err(|error| Failure::from_error(&error))?;
        if let Some(before) = before {
            let ended = self.runtime.block_on(self.home.book.end_session(before));
            ended.map_err(|error| Failure::from_error(&error))?;
        }
        Ok(Entry::Opened(secret, LIFE_SECONDS))
    }

    fn by_password(&self, name: &str, password: &str, from: IpAddr, before: Option<Digest>) -> Result<Entry, Failure> {
        let now = clock::now();
        match self.proved(name, password, from, now)? {
            Ok(account) => self.open(&Proved { name: &account.name, at: now, now, by: "password" }, before),
            Err(entry) => Ok(entry),
        }
    }

    fn by_provider(
        &self,
        sign_on: &SignOn,
        ask: &Ask,
        pending: &str,
        person: Option<&Person>,
    ) -> Result<Returned, Failure> {
        let now = clock::now();
        let outcome = self.runtime.block_on(sign_on.finish(&self.home.book, ask, pending, now))?;
        let said = |said: &str| Entry::Said(said.to_owned());
        let entry = match outcome.arrived {
            Err(refusal) => Entry::Said(refusal),
            Ok(arrived) => {
                let name = &arrived.account.name;
                let proved = Proved { name, at: arrived.authenticated_at, now, by: "openid" };
                match (&arrived.again, person) {
                    (None, _) => self.open(&proved, None)?,
                    (Some(wanted), Some(person)) if wanted == name && person.name == *name => {
                        self.open(&proved, person.session)?
                    }
                    (Some(_), _) => said("You logged in at the provider as somebody else than here. Log out first."),
                }
            }
        };
        Ok(Returned { entry, to: outcome.to })
    }

    fn has_people(&self) -> Result<bool, Failure> {
        self.runtime.block_on(self.home.book.has_accounts()).map_err(|error| Failure::from_error(&error))
    }

    /// Makes the first administrator; `None` where there is somebody already.
    fn make_first(&self, first: &First<'_>, from: IpAddr) -> Result<Option<Entry>, Failure> {
        let now = clock::now();
        // Held to the end: a token is for one person.
        let mut setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        if setup.is_none() || self.has_people()? {
            *setup = None;
            return Ok(None);
        }
        let keys = Who::First.at(from);
        // Nobody guesses a token of 256 bits: who has it need not wait for those who try.
        if !setup.as_ref().is_some_and(|setup| setup.is(first.token, now)) {
            let wait = self.tries.wait(&keys, now);
            if wait > 0 {
                return Ok(Some(Entry::Wait(wait)));
            }
            tracing::warn!(%from, "a token of the first start was refused");
            self.tries.wrong(keys, now);
            return Ok(Some(Entry::Refused));
        }
        let made = match self.runtime.block_on(setup::make(&self.home.book, first, now))? {
            Err(said) => return Ok(Some(Entry::Said(said))),
            Ok(made) => made,
        };
        *setup = None;
        if !made {
            return Ok(None);
        }
        self.open(&Proved { name: first.name, at: now, now, by: "password" }, None).map(Some)
    }
}

/// Who proved when, and by what, who they are.
struct Proved<'p> {
    name: &'p str,
    at: Instant,
    now: Instant,
    by: &'p str,
}

/// A failure, as who wants to come in is told.
fn failed(failure: Failure) -> Problem {
    tracing::error!("{}", failure.message);
    // Who is told may be anybody: addresses and paths of the inside are not for them.
    Problem::Failed("Nobody can be let in just now; the log of the server says why.\nNothing was changed.".to_owned())
}

impl Entrance for Gate {
    fn person(&self, credential: Credential<'_>) -> Result<Option<Person>, Problem> {
        let now = clock::now();
        let person = match credential {
            Credential::None => self.of_nothing(),
            Credential::Session(secret) => self.of_session(secret, now),
            Credential::Token(secret) => self.of_token(secret, now),
        };
        person.map_err(failed)
    }

    fn log_in(&self, name: &str, password: &str, from: IpAddr) -> Result<Entry, Problem> {
        self.by_password(name, password, from, None).map_err(failed)
    }

    fn log_in_again(&self, person: &Person, password: &str, from: IpAddr) -> Result<Entry, Problem> {
        self.by_password(&person.name, password, from, person.session).map_err(failed)
    }

    fn log_out(&self, secret: &str) -> Result<(), Problem> {
        let ended = self.runtime.block_on(self.home.book.end_session(secret::digest(secret)));
        ended.map_err(|error| failed(Failure::from_error(&error)))
    }

    fn provider(&self) -> Option<String> {
        self.sign_on.as_ref().map(SignOn::label)
    }

    fn ways(&self, person: &Person) -> Result<Ways, Problem> {
        let account = self.runtime.block_on(self.home.book.account(&person.name));
        let account = account.map_err(|error| failed(Failure::from_error(&error)))?;
        Ok(account.map_or_else(Ways::default, |account| Ways {
            password: account.password.is_some(),
            provider: self.sign_on.is_some() && account.identity.is_some(),
        }))
    }

    fn begin(&self, to: &str, again: Option<&Person>) -> Result<Option<Begun>, Problem> {
        let Some(sign_on) = &self.sign_on else { return Ok(None) };
        let again = again.map(|person| person.name.as_str());
        let begun = self.runtime.block_on(sign_on.begin(to, again, clock::now()));
        begun.map(Some).map_err(failed)
    }

    fn finish(&self, ask: &Ask, pending: &str, person: Option<&Person>) -> Result<Option<Returned>, Problem> {
        let Some(sign_on) = &self.sign_on else { return Ok(None) };
        self.by_provider(sign_on, ask, pending, person).map(Some).map_err(failed)
    }

    fn awaits_first(&self) -> Result<bool, Problem> {
        let is_set = self.setup.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        Ok(is_set && !self.has_people().map_err(failed)?)
    }

    fn set_up(&self, first: &First<'_>, from: IpAddr) -> Result<Option<Entry>, Problem> {
        self.make_first(first, from).map_err(failed)
    }
}

/// The one person of a machine on which nobody was given a login.
pub(crate) fn local() -> Person {
    let name = actor();
    Person { shown: name.clone(), name, rights: Rights::Local, proof: Proof::Machine, session: None }
}

fn person(account: Account, proof: Proof, rights: Option<Rights>) -> Person {
    Person {
        name: account.name,
        shown: account.shown,
        rights: rights.unwrap_or(Rights::Granted(account.grants)),
        proof,
        session: None,
    }
}
