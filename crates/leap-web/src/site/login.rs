//! Logging in and out: the form, the cookie, and the way back to where somebody wanted to go.

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};

use super::Ask;
use super::html::{Display, login_form};
use super::person::{Credential, Entry};
use super::respond::{html, see_other};

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
pub(super) fn back(to: Option<&str>) -> String {
    let is_own = |to: &&str| {
        to.starts_with('/')
            && !to.starts_with("//")
            && !to.contains('\\')
            && to.chars().all(|letter| !letter.is_control() && letter != ' ' && letter.is_ascii())
            && !["/login", "/logout"].iter().any(|own| to.split(['?', '/']).nth(1) == Some(&own[1..]))
    };
    to.filter(is_own).unwrap_or("/").to_owned()
}

/// The form.
pub(super) fn form(ask: &Ask, said: Option<&str>, status: StatusCode, display: Display) -> Response<Body> {
    let name = ask.get("name").unwrap_or_default();
    html(status, login_form(name, &back(ask.get("to")), said, display), &HeaderMap::new())
}

/// What came of trying.
pub(super) fn tried(
    entry: &Entry,
    ask: &Ask,
    cookie: &'static str,
    is_secure: bool,
    display: Display,
) -> Response<Body> {
    match entry {
        Entry::Opened(secret, seconds) => {
            let mut response = see_other(&back(ask.get("to")));
            put(&mut response, &set(cookie, secret, *seconds, is_secure));
            response
        }
        Entry::Refused => form(ask, Some("Name or password is wrong."), StatusCode::UNAUTHORIZED, display),
        Entry::Wait(seconds) => {
            let said = format!("Too many wrong passwords. Try again in {seconds} s.");
            let mut response = form(ask, Some(&said), StatusCode::TOO_MANY_REQUESTS, display);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
    }
}

/// Out: the cookie goes.
pub(super) fn out(cookie: &'static str, is_secure: bool) -> Response<Body> {
    let mut response = see_other("/login");
    put(&mut response, &set(cookie, "", 0, is_secure));
    response
}

fn set(cookie: &str, secret: &str, seconds: i64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{cookie}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn put(response: &mut Response<Body>, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
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
        assert_eq!(back(Some("/logout")), "/");
        assert_eq!(back(None), "/");
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
