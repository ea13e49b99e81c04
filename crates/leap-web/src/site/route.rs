//! The addresses: one table, by which the server answers, the description for machines is made, and the tests ask every
//! address as everybody.

use leap_terms::{Deed, Rights};

use super::person::{Person, Proof};

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Everybody, also without a login: nothing of the company is in it.
    Nothing,
    /// A person; the answer holds only what the person sees.
    Person,
    /// A person who logged in; a token does not do.
    LogIn,
    /// A person who sees the whole company: the answer cannot be cut.
    Everything,
    /// A person who may do that, for some part of the company at least; the answer says for which.
    Deed(Deed),
    /// A person who may do that for the whole company.
    DeedEverywhere(Deed),
}

impl Needs {
    /// The word in the description of the addresses: `nothing`, `person`, `login`, `everything`, `team-lead`, `steward everywhere` …
    pub fn words(self) -> String {
        match self {
            Needs::Nothing => "nothing".to_owned(),
            Needs::Person => "person".to_owned(),
            Needs::LogIn => "login".to_owned(),
            Needs::Everything => "everything".to_owned(),
            Needs::Deed(deed) => deed.role().to_string(),
            Needs::DeedEverywhere(deed) => format!("{} everywhere", deed.role()),
        }
    }

    /// True when somebody with these rights may ask; `None` for nobody.
    pub fn are_met(self, rights: Option<&Rights>) -> bool {
        let Some(rights) = rights else { return self == Needs::Nothing };
        match self {
            Needs::Nothing | Needs::Person | Needs::LogIn => true,
            Needs::Everything => rights.reach().is_everything(),
            Needs::Deed(deed) => rights.may_somewhere(deed),
            Needs::DeedEverywhere(deed) => rights.may(deed, &[]),
        }
    }

    /// True when this person may ask, by rights and by how they proved who they are.
    pub(super) fn admits(self, person: Option<&Person>) -> bool {
        let is_token = person.is_some_and(|person| person.proof == Proof::Token);
        self.are_met(person.map(|person| &person.rights)) && !(self == Needs::LogIn && is_token)
    }
}

/// An address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// `GET` (and with it `HEAD`) or `POST`.
    pub method: &'static str,
    /// Its path; `{name}` stands for any one segment.
    pub path: &'static str,
    /// What is there.
    pub about: &'static str,
    /// Parameters that all pages know.
    pub every: &'static [&'static str],
    /// Parameters or fields of its own.
    pub own: &'static [&'static str],
    /// Who may ask.
    pub needs: Needs,
    /// True where it is also an address below `/api/v1`.
    pub is_page: bool,
    /// Bytes of the largest form that it takes.
    pub largest: usize,
}

/// Bytes of a form: a list of things to claim is the longest of them.
pub const FORM: usize = 1 << 20;
/// Bytes of a form that takes a document, such as rules or an org, which are sent whole.
pub const DOCUMENT: usize = 16 << 20;

impl Route {
    /// An address of the server itself.
    pub(super) const fn own(method: &'static str, path: &'static str, about: &'static str, needs: Needs) -> Route {
        Route { method, path, about, every: &[], own: &[], needs, is_page: false, largest: FORM }
    }

    /// True where a path, segment by segment, is this one.
    pub fn is(&self, path: &[String]) -> bool {
        let mut own = self.path.split('/').filter(|part| !part.is_empty());
        let mut given = path.iter();
        loop {
            match (own.next(), given.next()) {
                (None, None) => return true,
                (Some(own), Some(given)) if own == given || own.starts_with('{') => {}
                _ => return false,
            }
        }
    }
}

/// What the server answers by itself.
pub(super) const OWN: [Route; 17] = [
    Route::own("GET", "/healthz", "Alive", Needs::Nothing),
    Route::own("GET", "/readyz", "Ready to answer", Needs::Nothing),
    Route::own("GET", "/assets/{digest}/{file}", "Files of the pages", Needs::Nothing),
    Route::own("GET", "/licences", "What the pages are made with", Needs::Nothing),
    Route::own("POST", "/preferences", "Theme and patterns, as cookies", Needs::Nothing),
    Route::own("GET", "/login", "The form to log in", Needs::Nothing),
    Route::own("POST", "/login", "Log in", Needs::Nothing),
    Route::own("GET", "/login/oidc", "On to the OpenID provider", Needs::Nothing),
    Route::own("GET", "/login/oidc/callback", "Back from the OpenID provider", Needs::Nothing),
    Route::own("GET", "/login/again", "The form to prove once more who one is", Needs::LogIn),
    Route::own("POST", "/login/again", "Prove it once more", Needs::LogIn),
    Route::own("GET", "/setup", "The form of the first person; gone once there is one", Needs::Nothing),
    Route::own("POST", "/setup", "Make the first administrator", Needs::Nothing),
    Route::own("POST", "/logout", "End the session", Needs::Nothing),
    Route::own("POST", "/slack/actions/{channel}", "Buttons of Slack, verified by their signature", Needs::Nothing),
    Route::own("GET", "/metrics", "Figures for Prometheus", Needs::Everything),
    Route::own("GET", "/api/v1/openapi.json", "This description", Needs::Person),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_segment() {
        let route = Route::own("GET", "/team/{unit}", "", Needs::Person);
        let is = |path: &str| {
            route.is(&path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>())
        };
        assert!(is("/team/payments") && !is("/team") && !is("/team/a/b") && !is("/unit/payments"));
        assert!(Route::own("GET", "/", "", Needs::Person).is(&[]));
    }

    #[test]
    fn who_is_nobody_gets_only_what_needs_nothing() {
        let some = Rights::Granted(vec!["team-lead@payments".parse().unwrap()]);
        let whole = Rights::Granted(vec!["viewer".parse().unwrap()]);
        assert!(Needs::Nothing.are_met(None) && !Needs::Person.are_met(None));
        assert!(Needs::Person.are_met(Some(&some)) && !Needs::Everything.are_met(Some(&some)));
        assert!(Needs::Everything.are_met(Some(&whole)));
        assert!(Needs::Deed(Deed::Answer).are_met(Some(&some)) && !Needs::Deed(Deed::Answer).are_met(Some(&whole)));
        assert!(!Needs::DeedEverywhere(Deed::Answer).are_met(Some(&some)));
        let person = |proof| Person { name: "a".into(), shown: "A".into(), rights: some.clone(), proof, session: None };
        assert!(Needs::Person.admits(Some(&person(Proof::Token))) && !Needs::LogIn.admits(Some(&person(Proof::Token))));
        assert!(Needs::LogIn.admits(Some(&person(Proof::Machine))) && !Needs::LogIn.admits(None));
    }
}
