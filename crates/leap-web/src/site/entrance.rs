//! How people come in, as the server asks for it: by password, at an OpenID provider, or as the first of all.

use std::net::IpAddr;

use super::person::{Credential, Entry, Person};
use super::{Ask, Problem};

/// How a person can prove who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ways {
    /// With a password.
    pub password: bool,
    /// At the provider.
    pub provider: bool,
}

/// A login that began and goes on at the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// The provider's address, where the browser goes.
    pub location: String,
    /// What the browser brings back in its cookie; sealed.
    pub pending: String,
    /// Seconds in which it has to come back.
    pub seconds: i64,
}

/// A login that came back from the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Returned {
    /// What came of it.
    pub entry: Entry,
    /// Where the person wanted to go, on this site.
    pub to: String,
}

/// What the first person of all fills in.
#[derive(Clone, Copy)]
pub struct First<'f> {
    /// What the terminal printed.
    pub token: &'f str,
    /// The name to log in with.
    pub name: &'f str,
    /// What others read; the name where it is empty.
    pub shown: &'f str,
    /// The password.
    pub password: &'f str,
    /// The same once more.
    pub again: &'f str,
}

/// Lets people in. Called on a thread that may block.
pub trait Entrance: Send + Sync {
    /// Who sends a request; `None` where somebody has to log in first.
    ///
    /// # Errors
    /// Why it is not known.
    fn person(&self, credential: Credential<'_>) -> Result<Option<Person>, Problem>;

    /// Begins a session, where name and password are right.
    ///
    /// # Errors
    /// Why that cannot be known.
    fn log_in(&self, name: &str, password: &str, from: IpAddr) -> Result<Entry, Problem>;

    /// Begins a new session of a person who proves once more who they are; the one before ends.
    ///
    /// # Errors
    /// Why that cannot be known.
    fn log_in_again(&self, person: &Person, password: &str, from: IpAddr) -> Result<Entry, Problem>;

    /// Ends a session.
    ///
    /// # Errors
    /// Why it was not ended.
    fn log_out(&self, secret: &str) -> Result<(), Problem>;

    /// What the provider is called; `None` where people log in with passwords only.
    fn provider(&self) -> Option<String>;

    /// How this person can prove who they are.
    ///
    /// # Errors
    /// Why it is not known.
    fn ways(&self, person: &Person) -> Result<Ways, Problem>;

    /// Begins a login at the provider that ends at the address `to` of this site; of a person who is logged in where they
    /// have to prove once more who they are. `None` where there is no provider.
    ///
    /// # Errors
    /// Why the provider cannot be asked.
    fn begin(&self, to: &str, again: Option<&Person>) -> Result<Option<Begun>, Problem>;

    /// Ends such a login, with what the browser brought back. `None` where there is no provider.
    ///
    /// # Errors
    /// Why that cannot be known.
    fn finish(&self, ask: &Ask, pending: &str, person: Option<&Person>) -> Result<Option<Returned>, Problem>;

    /// True while the first person is waited for, with the token that the terminal printed.
    ///
    /// # Errors
    /// Why it is not known.
    fn awaits_first(&self) -> Result<bool, Problem>;

    /// Lets the first person in, as an administrator. `None` where there is somebody already.
    ///
    /// # Errors
    /// Why nobody was added.
    fn set_up(&self, first: &First<'_>, from: IpAddr) -> Result<Option<Entry>, Problem>;
}
