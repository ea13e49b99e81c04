//! Answers as bytes: HTML, JSON, CSV, Parquet, plain text; faults as pages or RFC 9457.

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};
use bytes::Bytes;

use super::html::{Display, bare};
use super::model::Link;
use super::{Problem, assets};

/// In which form a page is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
    Csv,
    Parquet,
}

pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|accepted| {
        accepted.split(',').any(|one| {
            let mut words = one.split(';').map(str::trim);
            let refused =
                |quality: &str| quality.trim_start_matches("q=").chars().all(|digit| matches!(digit, '0' | '.'));
            words.next() == Some("gzip") && !words.next().is_some_and(refused)
        })
    })
}

/// Bytes with an `ETag`; `304` where the reader has them.
pub(super) fn bytes(status: StatusCode, media: &'static str, plain: Bytes, headers: &HeaderMap) -> Response<Body> {
    let tag = format!("W/\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(&plain));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let zipped = takes_gzip(headers);
        let mut response = Response::new(Body::from(if zipped { assets::gzip(&plain) } else { plain }));
        *response.status_mut() = status;
        if zipped {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        response
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Cookie, Authorization"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(super) fn html(status: StatusCode, text: String, headers: &HeaderMap) -> Response<Body> {
    bytes(status, "text/html; charset=utf-8", text.into(), headers)
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// To another address of this site, with GET.
pub(super) fn see_other(to: &str) -> Response<Body> {
    let mut response = plain(StatusCode::SEE_OTHER, "");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/")));
    response
}

pub(super) fn allowed(methods: &str) -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "This address does not take that method.\n");
    if let Ok(methods) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value, headers: Option<&HeaderMap>) -> Response<Body> {
    let none = HeaderMap::new();
    let mut text = value.to_string();
    text.push('\n');
    bytes(status, "application/json", text.into(), headers.unwrap_or(&none))
}

/// The status of a fault.
pub(super) fn status(fault: &Problem) -> StatusCode {
    match fault {
        Problem::NotFound(_) => StatusCode::NOT_FOUND,
        Problem::Parameter { .. } | Problem::Refused(..) => StatusCode::UNPROCESSABLE_ENTITY,
        Problem::Nothing(_) => StatusCode::OK,
        Problem::LogIn => StatusCode::UNAUTHORIZED,
        Problem::Forbidden(..) | Problem::ProveAgain(_) => StatusCode::FORBIDDEN,
        Problem::Stale(..) => StatusCode::CONFLICT,
        Problem::TryAgain(_) => StatusCode::SERVICE_UNAVAILABLE,
        Problem::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A fault, in the form that was asked for; machines get RFC 9457.
pub(super) fn problem(fault: &Problem, form: Form, number: &str, display: Display) -> Response<Body> {
    let status = status(fault);
    let (title, text, remedy) = match fault {
        Problem::NotFound(text) => ("Nothing that you may see is here", text.clone(), None),
        Problem::Parameter { name, message, without } => {
            ("The address is not understood", format!("Parameter {name}: {message}"), without.clone())
        }
        Problem::Nothing(text) => ("Nothing yet", text.clone(), Some(Link::new("First steps", "/start"))),
        Problem::LogIn => (
            "Log in first",
            "Nobody is logged in, or the session or token is over.".to_owned(),
            Some(Link::new("Log in", "/login")),
        ),
        Problem::Forbidden(text, remedy) => ("Not with your roles", text.clone(), remedy.clone()),
        Problem::Refused(text, back) | Problem::Stale(text, back) => {
            ("Nothing was changed", text.clone(), back.clone())
        }
        Problem::ProveAgain(to) => (
            "Prove that it is you",
            "Nothing was changed: this wants a login of the last minutes.".to_owned(),
            Some(Link::new("Log in again", super::login::again(to))),
        ),
        Problem::TryAgain(text) => ("Try again", text.clone(), None),
        Problem::Failed(text) => ("This page could not be made", text.clone(), None),
    };
    let mut response = if form == Form::Html {
        html(status, bare(title, &text, remedy.as_ref(), number, display), &HeaderMap::new())
    } else {
        let value = serde_json::json!({
            "type": "about:blank", "title": title, "status": status.as_u16(), "detail": text, "instance": number,
        });
        let mut response = json(status, &value, None);
        let media = if status.is_success() { "application/json" } else { "application/problem+json" };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        response
    };
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"leap\""));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
