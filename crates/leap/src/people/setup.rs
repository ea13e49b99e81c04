//! The first start beyond this machine: a token on the terminal makes the first administrator.
//!
//! ```text
//! $ leap serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem
//! leap: nobody has a login yet. Open https://leap.example.com/setup within 15 minutes with this token, shown this once:
//! leap_setup_6f0c…
//! ```
//! Only its digest is kept, in memory. It makes one administrator, and only while the book has nobody: whoever is added by
//! `leap user add` meanwhile ends it, too.

use leap_book::{Account, Book, BookError};
use leap_terms::{Digest, Grant, Instant, Role};
use leap_web::site::First;

use super::{later, secret};
use crate::failure::Failure;

/// Before the token, so that scanners of leaked secrets find it.
const PREFIX: &str = "leap_setup_";
/// Seconds for which it is good.
const LIFE: i64 = 15 * 60;
/// Who made the first administrator, for the audit trail.
const ACTOR: &str = "setup";

/// The token, as it is kept.
pub(crate) struct Setup {
    digest: Digest,
    until: Instant,
}

impl Setup {
    /// A new token, and what to keep of it.
    pub(crate) fn new(now: Instant) -> Result<(Setup, String), Failure> {
        let token = format!("{PREFIX}{}", secret::new()?);
        Ok((Setup { digest: secret::digest(&token), until: later(now, LIFE) }, token))
    }

    /// True for the token, in its time.
    pub(super) fn is(&self, token: &str, now: Instant) -> bool {
        now < self.until && secret::digest(token) == self.digest
    }
}

/// Makes the first administrator; false where there is somebody already. A name or password that cannot be taken is a
/// refusal in words.
pub(super) async fn make(book: &Book, first: &First<'_>, now: Instant) -> Result<Result<bool, String>, Failure> {
    if first.password != first.again {
        return Ok(Err("The two passwords differ.".to_owned()));
    }
    if let Err(refusal) = secret::check(first.password, first.name) {
        return Ok(Err(format!("Nobody was added: {}.", refusal.message)));
    }
    let account = Account {
        name: first.name.to_owned(),
        shown: if first.shown.trim().is_empty() { first.name } else { first.shown.trim() }.to_owned(),
        password: Some(secret::hashed(first.password)?),
        identity: None,
        created_at: now,
        disabled_at: None,
        grants: vec![Grant { role: Role::Administrator, unit: None }],
    };
    match book.add_first_account(&account, ACTOR).await {
        Ok(made) => Ok(Ok(made)),
        Err(error @ BookError::AccountName(_)) => Ok(Err(format!("Nobody was added: {error}."))),
        Err(error) => Err(Failure::from_error(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_a_while_and_is_not_kept() {
        let now = Instant::from_micros(0);
        let (setup, token) = Setup::new(now).unwrap();
        assert!(token.starts_with(PREFIX) && token.len() == PREFIX.len() + 64);
        assert!(setup.is(&token, now) && !setup.is("", now) && !setup.is(&token[..token.len() - 1], now));
        assert!(setup.is(&token, later(now, LIFE - 1)) && !setup.is(&token, later(now, LIFE)));
        assert!(!Setup::new(now).unwrap().0.is(&token, now), "each start has its own");
    }
}
