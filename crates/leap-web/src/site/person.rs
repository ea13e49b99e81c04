//! Who asks, and how they prove it.

use leap_terms::{Deed, Digest, Instant, Rights};

/// What comes with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'c> {
    /// Nothing.
    None,
    /// The secret of a session, from its cookie.
    Session(&'c str),
    /// The secret of a token, from `Authorization: Bearer`.
    Token(&'c str),
}

/// How a person proved who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// By having the machine: nobody was given a login.
    Machine,
    /// With a password or at an OpenID provider, at that time.
    LogIn(Instant),
    /// A program with a token: it reads, and does nothing else.
    Token,
}

/// Somebody who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// What the audit trail calls them.
    pub name: String,
    /// What others read.
    pub shown: String,
    /// What they may do, and whose cost they see.
    pub rights: Rights,
    /// How they proved who they are.
    pub proof: Proof,
    /// The digest of the session's secret, where it is a session.
    pub session: Option<Digest>,
}

impl Person {
    /// True when this person may do something for what stands at the end of a path of units (from the root down).
    pub fn may(&self, deed: Deed, path: &[leap_terms::TeamId]) -> bool {
        (self.proof != Proof::Token || deed == Deed::Read) && self.rights.may(deed, path)
    }

    /// True when their login is at most so many seconds old, as an approval wants it; on one's own machine it always is.
    pub fn is_fresh(&self, now: Instant, seconds: i64) -> bool {
        match self.proof {
            Proof::Machine => true,
            Proof::LogIn(at) => at <= now && now.micros().saturating_sub(at.micros()) <= seconds * 1_000_000,
            Proof::Token => false,
        }
    }
}

/// What came of trying to log in.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
    /// A session: its secret, and the seconds after which it ends in any case.
    Opened(String, i64),
    /// Name or password is wrong, or the account is shut; which of them is not said.
    Refused,
    /// Too many wrong ones: seconds to wait.
    Wait(u64),
    /// Not let in for a reason that may be said.
    Said(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_nothing_and_a_login_grows_old() {
        let rights = Rights::Granted(vec!["approver".parse().unwrap()]);
        let person =
            |proof| Person { name: "ana".into(), shown: "Ana".into(), rights: rights.clone(), proof, session: None };
        let at = |seconds: i64| Instant::from_micros(seconds * 1_000_000);
        assert!(person(Proof::LogIn(at(0))).may(Deed::Approve, &[]));
        assert!(!person(Proof::Token).may(Deed::Approve, &[]) && person(Proof::Token).may(Deed::Read, &[]));
        assert!(person(Proof::LogIn(at(100))).is_fresh(at(400), 300));
        assert!(!person(Proof::LogIn(at(100))).is_fresh(at(401), 300));
        assert!(person(Proof::Machine).is_fresh(at(9_999_999), 300) && !person(Proof::Token).is_fresh(at(0), 300));
    }
}
