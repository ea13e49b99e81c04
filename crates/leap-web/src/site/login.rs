//! Logging in and out: the sheets, the cookies, and the way back to where somebody wanted to go.
//!
//! ```text
//! /login            name and password, or on to the provider
//! /login/oidc       to the provider; what belongs to this login goes along in a cookie
//! /login/oidc/callback   back from it
//! /login/again      who is logged in proves once more who they are
//! /setup            the first person of all, with the token that the terminal printed
//! ```

use std::net::IpAddr;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};

use super::door::Names;
use super::entrance::{Entrance, First};
use super::html::Display;
use super::person::{Credential, Entry, Person, Proof};
use super::respond::{html, see_other};
use super::sheets::{Sheet, login_sheet, setup_sheet};
use super::{Ask, Problem, encoded};

/// Longest address that a login leads back to.
const BACK: usize = 2000;

/// The cookies of a request, name and value.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// What a request proves who sends it with. A token that is sent is meant: then no cookie counts.
pub(super) fn credential<'h>(headers: &'h HeaderMap, cookie: &str) -> Credential<'h> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let secret = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return Credential::Token(secret.map_or("", |(_, secret)| secret.trim()));
    }
    let session = cookies(headers).find(|(name, _)| *name == cookie);
    session.map_or(Credential::None, |(_, secret)| Credential::Session(secret))
}

/// An address of this site, and no other: where a login leads back to.
fn back(to: Option<&str>) -> String {
    let is_own = |to: &&str| {
        to.starts_with('/')
            && !to.starts_with("//")
            && !to.contains('\\')
            && to.len() <= BACK
            && to.chars().all(|letter| !letter.is_control() && letter != ' ' && letter.is_ascii())
            && !["login", "logout", "setup"].iter().any(|own| to.split(['?', '/']).nth(1) == Some(own))
    };
    to.filter(is_own).unwrap_or("/").to_owned()
}

/// Where somebody proves once more who they are, and then goes on at an address.
pub(super) fn again(to: &str) -> String {
    format!("/login/again?to={}", encoded(&back(Some(to))))
}

/// One request about logging in.
pub(super) struct Visit<'v> {
    pub(super) ask: &'v Ask,
    pub(super) headers: &'v HeaderMap,
    pub(super) names: &'v Names,
    pub(super) peer: IpAddr,
    pub(super) display: Display,
}

impl Visit<'_> {
    /// The answer, where the address is one of these.
    pub(super) fn answer(
        &self,
        entrance: &dyn Entrance,
        person: Option<&Person>,
        address: (&str, &str),
    ) -> Result<Response<Body>, Problem> {
        let is_machine = person.is_some_and(|person| person.proof == Proof::Machine);
        match address {
            ("GET", "/login" | "/login/again") if is_machine => Ok(see_other("/")),
            ("GET", "/login") if entrance.awaits_first()? => Ok(see_other("/setup")),
            ("GET", "/login") => Ok(self.sheet(entrance, None, StatusCode::OK)),
            (_, "/login") => {
                let entry = entrance.log_in(self.field("name"), self.field("password"), self.peer)?;
                Ok(self.tried(entrance, &entry, None))
            }
            ("GET", "/login/again") => self.prove(entrance, person, None, StatusCode::OK),
            (_, "/login/again") => {
                let Some(person) = person else { return Err(Problem::LogIn) };
                let entry = entrance.log_in_again(person, self.field("password"), self.peer)?;
                match entry {
                    Entry::Opened(..) => Ok(self.tried(entrance, &entry, None)),
                    Entry::Refused => {
                        self.prove(entrance, Some(person), Some("The password is wrong."), StatusCode::UNAUTHORIZED)
                    }
                    Entry::Said(said) => self.prove(entrance, Some(person), Some(&said), StatusCode::UNAUTHORIZED),
                    Entry::Wait(seconds) => {
                        let said = too_many(seconds);
                        let answer = self.prove(entrance, Some(person), Some(&said), StatusCode::TOO_MANY_REQUESTS)?;
                        Ok(wait(answer, seconds))
                    }
                }
            }
            (_, "/login/oidc") => self.to_provider(entrance, person),
            (_, "/login/oidc/callback") => self.back_from_provider(entrance, person),
            (_, "/logout") => {
                if let Credential::Session(secret) = credential(self.headers, self.names.cookie()) {
                    entrance.log_out(secret)?;
                }
                let mut response = see_other("/login");
                self.forget(&mut response, self.names.cookie());
                Ok(response)
            }
            (method, "/setup") => self.first(entrance, method),
            _ => Err(Problem::NotFound("There is no page with this address.".into())),
        }
    }

    fn field(&self, name: &str) -> &str {
        self.ask.get(name).unwrap_or_default()
    }

    /// The sheet of somebody who is not logged in.
    fn sheet(&self, entrance: &dyn Entrance, said: Option<&str>, status: StatusCode) -> Response<Body> {
        let (to, provider) = (back(self.ask.get("to")), entrance.provider());
        let sheet = Sheet {
            name: self.field("name"),
            to: &to,
            said,
            provider: provider.as_deref(),
            password: true,
            again: false,
        };
        html(status, login_sheet(&sheet, self.display), &HeaderMap::new())
    }

    /// The sheet of somebody who is logged in and has to prove once more who they are.
    fn prove(
        &self,
        entrance: &dyn Entrance,
        person: Option<&Person>,
        said: Option<&str>,
        status: StatusCode,
    ) -> Result<Response<Body>, Problem> {
        let Some(person) = person else { return Err(Problem::LogIn) };
        let (to, ways) = (back(self.ask.get("to")), entrance.ways(person)?);
        let provider = entrance.provider().filter(|_| ways.provider);
        let sheet = Sheet {
            name: &person.name,
            to: &to,
            said,
            provider: provider.as_deref(),
            password: ways.password,
            again: true,
        };
        Ok(html(status, login_sheet(&sheet, self.display), &HeaderMap::new()))
    }

    /// What came of trying: in, to where somebody wanted to go, or the sheet again.
    fn tried(&self, entrance: &dyn Entrance, entry: &Entry, to: Option<&str>) -> Response<Body> {
        match entry {
            Entry::Opened(secret, seconds) => {
                let mut response = see_other(&back(to.or(self.ask.get("to"))));
                self.keep(&mut response, self.names.cookie(), secret, *seconds);
                response
            }
            Entry::Refused => self.sheet(entrance, Some("Name or password is wrong."), StatusCode::UNAUTHORIZED),
            Entry::Said(said) => self.sheet(entrance, Some(said), StatusCode::UNAUTHORIZED),
            Entry::Wait(seconds) => {
                let said = too_many(*seconds);
                wait(self.sheet(entrance, Some(&said), StatusCode::TOO_MANY_REQUESTS), *seconds)
            }
        }
    }

    fn to_provider(&self, entrance: &dyn Entrance, person: Option<&Person>) -> Result<Response<Body>, Problem> {
        let again = match (self.ask.get("again"), person) {
            (None, _) => None,
            (Some(_), Some(person)) => Some(person),
            (Some(_), None) => return Err(Problem::LogIn),
        };
        let begun = entrance.begin(&back(self.ask.get("to")), again)?;
        let begun = begun.ok_or_else(no_provider)?;
        let mut response = see_other(&begun.location);
        self.keep(&mut response, self.names.pending(), &begun.pending, begun.seconds);
        Ok(response)
    }

    fn back_from_provider(&self, entrance: &dyn Entrance, person: Option<&Person>) -> Result<Response<Body>, Problem> {
        let pending = cookies(self.headers).find(|(name, _)| *name == self.names.pending());
        let returned = entrance.finish(self.ask, pending.map_or("", |(_, value)| value), person)?;
        let returned = returned.ok_or_else(no_provider)?;
        let mut response = self.tried(entrance, &returned.entry, Some(&returned.to));
        self.forget(&mut response, self.names.pending());
        Ok(response)
    }

    fn first(&self, entrance: &dyn Entrance, method: &str) -> Result<Response<Body>, Problem> {
        let gone = || Problem::NotFound("There is no page with this address.".into());
        if !entrance.awaits_first()? {
            return Err(gone());
        }
        let sheet = |said: Option<&str>, status| {
            let text = setup_sheet(self.field("name"), self.field("shown"), said, self.display);
            html(status, text, &HeaderMap::new())
        };
        if method == "GET" {
            return Ok(sheet(None, StatusCode::OK));
        }
        let first = First {
            token: self.field("token").trim(),
            name: self.field("name"),
            shown: self.field("shown"),
            password: self.field("password"),
            again: self.field("again"),
        };
        Ok(match entrance.set_up(&first, self.peer)?.ok_or_else(gone)? {
            entry @ Entry::Opened(..) => self.tried(entrance, &entry, Some("/start")),
            Entry::Refused => sheet(
                Some(
                    "This is not the token that the terminal printed, or it is too old. A new start of leap serve prints \
                     another.",
                ),
                StatusCode::UNAUTHORIZED,
            ),
            Entry::Said(said) => sheet(Some(&said), StatusCode::UNPROCESSABLE_ENTITY),
            Entry::Wait(seconds) => {
                let said = format!("Too many wrong tokens. Try again in {seconds} s.");
                wait(sheet(Some(&said), StatusCode::TOO_MANY_REQUESTS), seconds)
            }
        })
    }

    fn keep(&self, response: &mut Response<Body>, cookie: &str, value: &str, seconds: i64) {
        let secure = if self.names.is_secure { "; Secure" } else { "" };
        let text = format!("{cookie}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(text) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::SET_COOKIE, text);
        }
    }

    fn forget(&self, response: &mut Response<Body>, cookie: &str) {
        self.keep(response, cookie, "", 0);
    }
}

fn no_provider() -> Problem {
    Problem::NotFound("There is no page with this address: no OpenID provider is set (login.oidc in leap.toml).".into())
}

fn too_many(seconds: u64) -> String {
    format!("Too many wrong passwords. Try again in {seconds} s.")
}

fn wait(mut response: Response<Body>, seconds: u64) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_back_into_this_site_only() {
        assert_eq!(back(Some("/team/payments?period=2026-09")), "/team/payments?period=2026-09");
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb", ""] {
            assert_eq!(back(Some(elsewhere)), "/", "{elsewhere:?}");
        }
        assert_eq!(back(Some("/login?to=/login")), "/");
        assert_eq!(back(Some("/login/oidc?to=/")), "/");
        assert_eq!((back(Some("/logout")), back(Some("/setup"))), ("/".to_owned(), "/".to_owned()));
        assert_eq!(back(Some(&format!("/{}", "a".repeat(BACK)))), "/");
        assert_eq!(back(None), "/");
        assert_eq!(again("//evil.example"), "/login/again?to=%2F");
    }

    #[test]
    fn a_token_that_is_sent_counts_before_a_cookie() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; leap_session=s3cret; c=d"));
        assert!(credential(&headers, "leap_session") == Credential::Session("s3cret"));
        assert!(
            credential(&headers, "__Host-leap_session") == Credential::None,
            "a cookie of plain HTTP is no session"
        );
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer leap_pat_x"));
        assert!(credential(&headers, "leap_session") == Credential::Token("leap_pat_x"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert!(credential(&headers, "leap_session") == Credential::Token(""));
    }
}
