//! Addresses, headers and rights: what every answer has, whatever the page.
//!
//! | address | answer |
//! |---|---|
//! | a page | HTML; with `format=json` or `format=csv` its tables |
//! | `/api/v1` + a page's address | the same tables, JSON by default |
//! | `/api/v1/search` | what the palette asks |
//! | `/assets/DIGEST/…` | files of the pages, for ever |
//! | `POST /preferences` | theme and patterns, as cookies |
//! | `/healthz`, `/readyz`, `/metrics` | for machines |
//!
//! One person on one machine reads without a login, so the site listens on loopback only, answers only to loopback names
//! (another name means that a page elsewhere was pointed here), and refuses requests that other sites send.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::{self, Next};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::html::{Display, bare, document};
use super::model::Link;
use super::{Ask, Problem, Site, assets, decoded, export};

/// Pages that are made at once: more would only wait for each other.
const AT_ONCE: usize = 4;
/// How long a reader waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Parameters of one address.
const PARAMETERS: usize = 64;
/// Largest form.
const FORM: usize = 4096;

/// Scripts, styles and pictures of this site only; nothing inline, nothing elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Why nothing is served.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// Not loopback.
    #[error(
        "the site would listen on {0}, where others could read it without a login; name an address of this machine \
         with --listen, such as 127.0.0.1:7171"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for the site: {cause}; name another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// A socket that is listened on, and not answered yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens; with port 0 the system chooses one.
    ///
    /// # Errors
    /// An address beyond loopback, or one that is in use.
    pub async fn bind(address: SocketAddr) -> Result<Listener, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let bound = TcpListener::bind(address).await.and_then(|socket| Ok((socket.local_addr()?, socket)));
        match bound {
            Ok((address, socket)) => Ok(Listener { socket, address }),
            Err(cause) => Err(Error::Listen { address, cause }),
        }
    }

    /// Where the site is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`; then ends when requests in flight have been answered.
    pub async fn run<S: Site>(self, site: Arc<S>, stop: impl Future<Output = ()> + Send + 'static) {
        let served = axum::serve(self.socket, routes(site)).with_graceful_shutdown(stop).await;
        if let Err(error) = served {
            tracing::error!("the site ended: {error}");
        }
    }
}

struct Desk<S> {
    site: Arc<S>,
    turns: Arc<Semaphore>,
    asked: AtomicU64,
    pages: AtomicU64,
    problems: AtomicU64,
}

/// All addresses.
pub(super) fn routes<S: Site>(site: Arc<S>) -> Router {
    let desk = Arc::new(Desk {
        site,
        turns: Arc::new(Semaphore::new(AT_ONCE)),
        asked: AtomicU64::new(0),
        pages: AtomicU64::new(0),
        problems: AtomicU64::new(0),
    });
    Router::new().fallback(answer::<S>).layer(middleware::from_fn_with_state(desk.clone(), guard::<S>)).with_state(desk)
}

/// The number of a request, for logs and for people who report one.
#[derive(Clone)]
struct Number(String);

/// What every request is asked first, and every answer has.
async fn guard<S: Site>(State(desk): State<Arc<Desk<S>>>, mut request: Request, next: Next) -> Response<Body> {
    let number = format!("{:x}-{:x}", std::process::id(), desk.asked.fetch_add(1, Ordering::Relaxed));
    request.extensions_mut().insert(Number(number.clone()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = std::time::Instant::now();
    let mut response = match refused(&request) {
        Some((status, text)) => plain(status, text),
        None => next.run(request).await,
    };
    let status = response.status().as_u16();
    let micros = started.elapsed().as_micros();
    tracing::info!(request = %number, %method, path, status, micros, "answered");
    let headers = response.headers_mut();
    let put = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    put(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    put(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(headers, header::REFERRER_POLICY, "same-origin");
    put(headers, header::X_FRAME_OPTIONS, "DENY");
    put(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if let Ok(value) = HeaderValue::from_str(&number) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        put(headers, header::CACHE_CONTROL, "no-cache, private");
    }
    response
}

/// Why a request is not answered at all.
fn refused(request: &Request) -> Option<(StatusCode, &'static str)> {
    let text = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = request.uri().host().or_else(|| text(&header::HOST)).unwrap_or_default();
    if !is_loopback(host) {
        return Some((StatusCode::MISDIRECTED_REQUEST, "This site answers to 127.0.0.1 and localhost only.\n"));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        // Another site may link here; it may not load pages as pictures or read them, and make this machine work.
        let from = text(&HeaderName::from_static("sec-fetch-site"));
        let foreign = from.is_some_and(|from| matches!(from, "cross-site" | "same-site"));
        let followed = text(&HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
            && text(&HeaderName::from_static("sec-fetch-dest")) == Some("document");
        return (foreign && !followed).then_some((StatusCode::FORBIDDEN, "Another site may link here, and no more.\n"));
    }
    let same = match text(&HeaderName::from_static("sec-fetch-site")) {
        Some(from) => matches!(from, "same-origin" | "none"),
        // Browsers of before 2023 and tools: an Origin, where there is one, has to be this site.
        None => text(&header::ORIGIN)
            .is_none_or(|origin| origin.split_once("://").is_some_and(|(_, from)| Some(from) == text(&header::HOST))),
    };
    (!same).then_some((StatusCode::FORBIDDEN, "Another site sent this request; nothing was changed.\n"))
}

/// True for `localhost`, `127.0.0.1:7171`, `[::1]:7171`.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// In which form a page is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Csv,
}

async fn answer<S: Site>(State(desk): State<Arc<Desk<S>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let number = parts.extensions.get::<Number>().map(|number| number.0.clone()).unwrap_or_default();
    let display = display(&parts.headers);
    let path = parts.uri.path();
    if path == "/preferences" {
        return if parts.method == Method::POST { preferences(&parts.headers, body).await } else { allowed("POST") };
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return allowed("GET, HEAD");
    }
    if path.starts_with("/assets/") {
        return asset(&parts.headers, path);
    }
    match path {
        "/healthz" => return plain(StatusCode::OK, "ok\n"),
        "/api/v1/openapi.json" => return json(StatusCode::OK, &openapi(), None),
        "/licences" => return licences(display),
        _ => {}
    }
    let is_api = path == "/api/v1" || path.starts_with("/api/v1/");
    let Some(ask) = ask(if is_api { &path["/api/v1".len()..] } else { path }, parts.uri.query()) else {
        return problem(
            &Problem::NotFound("The address is not written as addresses are: a % stands before no two hexadecimal digits, or they are no UTF-8.".into()),
            if is_api { Form::Json } else { Form::Html },
            &number,
            display,
        );
    };
    if ask.parameters.len() > PARAMETERS {
        let message = format!("more than {PARAMETERS} parameters; choose with where=… IN (…)");
        let fault = Problem::Parameter { name: "where".into(), message, without: None };
        return problem(&fault, if is_api { Form::Json } else { Form::Html }, &number, display);
    }
    let form = match ask.get("format") {
        Some("json") => Form::Json,
        Some("csv") => Form::Csv,
        None if is_api => Form::Json,
        None => Form::Html,
        Some(other) => {
            let message = format!("format={other} is none of json, csv");
            let fault = Problem::Parameter { name: "format".into(), message, without: None };
            return problem(&fault, if is_api { Form::Json } else { Form::Html }, &number, display);
        }
    };
    let is_light = matches!(path, "/readyz" | "/metrics");
    let turn = match tokio::time::timeout(PATIENCE, desk.turns.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Some(turn),
        Ok(Err(_)) | Err(_) if is_light => None,
        Ok(Err(_)) | Err(_) => {
            let mut busy = plain(StatusCode::SERVICE_UNAVAILABLE, "Busy: try again in 2 s.\n");
            busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            return busy;
        }
    };
    let site = desk.site.clone();
    let headers = parts.headers.clone();
    let inner = number.clone();
    let made = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also where the reader has gone away meanwhile.
        let _turn = turn;
        make(&*site, &ask, form, is_api, &headers, &inner, display)
    });
    let made = made.await;
    let response = made.unwrap_or_else(|panic| {
        tracing::error!(request = %number, "a page was not made: {panic}");
        problem(&Problem::Failed("Something broke. Nothing was changed.".into()), form, &number, display)
    });
    let counter = if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        &desk.pages
    } else {
        &desk.problems
    };
    counter.fetch_add(1, Ordering::Relaxed);
    response
}

/// Makes one answer, on a thread that may block.
fn make<S: Site>(
    site: &S,
    ask: &Ask,
    form: Form,
    is_api: bool,
    headers: &HeaderMap,
    number: &str,
    display: Display,
) -> Response<Body> {
    let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["readyz"] => {
            return match site.snapshot() {
                Ok(_) => plain(StatusCode::OK, "ready\n"),
                Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            };
        }
        ["metrics"] => {
            return match site.metrics() {
                Ok(text) => bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into(), headers),
                Err(fault) => problem(&fault, Form::Json, number, display),
            };
        }
        ["search"] if is_api => {
            return match site.search(ask) {
                Ok(value) => json(StatusCode::OK, &value, Some(headers)),
                Err(fault) => problem(&fault, Form::Json, number, display),
            };
        }
        _ => {}
    }
    let answer = match site.answer(ask) {
        Ok(answer) => answer,
        Err(fault) => return problem(&fault, form, number, display),
    };
    match form {
        Form::Html => {
            let text = document(&answer.page, &answer.frame, display);
            bytes(StatusCode::OK, "text/html; charset=utf-8", text.into(), headers)
        }
        Form::Json => json(StatusCode::OK, &export::json(&answer.page, &answer.frame.snapshot.0), Some(headers)),
        Form::Csv => bytes(StatusCode::OK, "text/csv; charset=utf-8", export::csv(&answer.page).into(), headers),
    }
}

fn ask(path: &str, query: Option<&str>) -> Option<Ask> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let path = segments.map(|segment| decoded(segment, false)).collect::<Option<Vec<_>>>()?;
    let mut parameters = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.push((decoded(name, true)?, decoded(value, true)?));
    }
    Some(Ask { path, parameters })
}

fn display(headers: &HeaderMap) -> Display {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut display = Display::default();
    for cookie in cookies.flat_map(|line| line.split(';')) {
        match cookie.trim() {
            "leap_theme=light" => display.theme = "light",
            "leap_theme=dark" => display.theme = "dark",
            "leap_patterns=on" => display.patterns = true,
            _ => {}
        }
    }
    display
}

async fn preferences(headers: &HeaderMap, body: Body) -> Response<Body> {
    let Ok(form) = axum::body::to_bytes(body, FORM).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "The form is too large.\n");
    };
    let asked = ask("", std::str::from_utf8(&form).ok());
    let chosen = |name: &str| asked.as_ref().and_then(|ask| ask.get(name)).map(str::to_owned);
    let back = headers
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once("://"))
        .and_then(|(_, rest)| {
            let (from, to) = rest.split_at(rest.find('/')?);
            (Some(from) == headers.get(header::HOST).and_then(|host| host.to_str().ok())).then(|| to.to_owned())
        })
        .filter(|path| !path.starts_with("//") && !path.contains('\\'))
        .unwrap_or_else(|| "/".to_owned());
    let mut response = plain(StatusCode::SEE_OTHER, "");
    if let Ok(to) = HeaderValue::from_str(&back) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    for (name, values) in [("theme", ["auto", "light", "dark"].as_slice()), ("patterns", &["on", "off"])] {
        if let Some(value) = chosen(name).filter(|value| values.contains(&value.as_str()))
            && let Ok(cookie) =
                HeaderValue::from_str(&format!("leap_{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax"))
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

fn asset(headers: &HeaderMap, path: &str) -> Response<Body> {
    let Some(asset) = assets::get(path) else { return plain(StatusCode::NOT_FOUND, "There is no such file.\n") };
    let mut response = if takes_gzip(headers) {
        let mut response = Response::new(Body::from(asset.gzip.clone()));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        Response::new(Body::from(asset.plain.clone()))
    };
    let own = response.headers_mut();
    own.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media));
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

fn licences(display: Display) -> Response<Body> {
    let mut text = String::from("What this program shows pages with, and its licences.\n");
    for (name, licence) in assets::licences() {
        text.push_str(&format!("\n=== {name} ===\n\n{licence}\n"));
    }
    let html = bare("Licences", &text, None, "", display);
    bytes(StatusCode::OK, "text/html; charset=utf-8", html.into(), &HeaderMap::new())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
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
fn bytes(status: StatusCode, media: &'static str, plain: Bytes, headers: &HeaderMap) -> Response<Body> {
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
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Cookie"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn allowed(methods: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "This address does not take that method.\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

fn json(status: StatusCode, value: &serde_json::Value, headers: Option<&HeaderMap>) -> Response<Body> {
    let none = HeaderMap::new();
    let mut text = value.to_string();
    text.push('\n');
    bytes(status, "application/json", text.into(), headers.unwrap_or(&none))
}

/// A fault, in the form that was asked for; machines get RFC 9457.
fn problem(fault: &Problem, form: Form, number: &str, display: Display) -> Response<Body> {
    let (status, title, text, remedy) = match fault {
        Problem::NotFound(text) => (StatusCode::NOT_FOUND, "Nothing that you may see is here", text.clone(), None),
        Problem::Parameter { name, message, without } => {
            let text = format!("Parameter {name}: {message}");
            (StatusCode::UNPROCESSABLE_ENTITY, "The address is not understood", text, without.clone())
        }
        Problem::Nothing(text) => {
            (StatusCode::OK, "Nothing yet", text.clone(), Some(Link::new("First steps", "/start")))
        }
        Problem::Failed(text) => (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made", text.clone(), None),
    };
    if form == Form::Html {
        let html = bare(title, &text, remedy.as_ref(), number, display);
        return bytes(status, "text/html; charset=utf-8", html.into(), &HeaderMap::new());
    }
    let value = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": text, "instance": number,
    });
    let mut response = json(status, &value, None);
    let media = if status.is_success() { "application/json" } else { "application/problem+json" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// The machine-readable description of the addresses.
fn openapi() -> serde_json::Value {
    let pages = [
        ("/", "Charter: spend, its largest owners, what changed"),
        ("/team/{unit}", "A unit: cost by service and month"),
        ("/explore", "Cost by any dimensions, or the charges"),
        ("/coverage", "The ledger: bill = teams + residual"),
        ("/coverage/residual", "What no team owns, by reason"),
        ("/resource", "Why a resource belongs to whom"),
        ("/pools", "Shared platforms"),
        ("/org", "Units with their cost"),
        ("/periods", "Billing periods and their statements"),
        ("/data", "Sources, deliveries, snapshots"),
        ("/data/audit", "Who changed what"),
        ("/search", "Names"),
    ];
    let text = |name: &str, about: &str| serde_json::json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } });
    let mut paths = serde_json::Map::new();
    for (path, about) in pages {
        let mut parameters = vec![
            text("period", "2026-09, 2026-07..2026-09, 2026, or days; default: the last complete billing period"),
            text("measure", "a currency; default: that of most of the bill"),
            text("under", "a unit's id: it and what is below it"),
            text("by", "dimensions by comma"),
            text("where", "a SQL predicate over FOCUS columns"),
            text("format", "json or csv"),
        ];
        if path.contains("{unit}") {
            parameters.push(serde_json::json!({
                "name": "unit", "in": "path", "required": true, "schema": { "type": "string" }
            }));
        }
        let schema = serde_json::json!({ "$ref": "#/components/schemas/Tables" });
        let fault = serde_json::json!({ "$ref": "#/components/schemas/Problem" });
        let media = |kind: &str, schema: &serde_json::Value| serde_json::json!({ kind: { "schema": schema } });
        paths.insert(
            path.to_owned(),
            serde_json::json!({ "get": {
                "summary": about,
                "parameters": parameters,
                "responses": {
                    "200": { "description": "The tables of the page", "content": media("application/json", &schema) },
                    "404": { "description": "Nothing is there", "content": media("application/problem+json", &fault) },
                    "422": { "description": "A parameter is not understood",
                             "content": media("application/problem+json", &fault) },
                }
            }}),
        );
    }
    serde_json::json!({
        "openapi": "3.1.0",
        "info": { "title": "leap", "version": env!("CARGO_PKG_VERSION"),
                  "description": "Every page as tables. Amounts are exact decimals as strings." },
        "servers": [{ "url": "/api/v1" }],
        "paths": paths,
        "components": { "schemas": {
            "Tables": { "type": "object", "required": ["snapshot", "title", "tables"], "properties": {
                "snapshot": { "type": "string" }, "title": { "type": "string" }, "about": { "type": "string" },
                "tables": { "type": "array", "items": { "type": "object", "required": ["id", "rows"], "properties": {
                    "id": { "type": "string" }, "caption": { "type": "string" }, "unit": { "type": "string" },
                    "sum": { "type": ["string", "null"], "description": "over all pages" },
                    "rows": { "type": "array", "items": { "type": "object",
                        "additionalProperties": { "type": ["string", "null"] } } },
                    "next": { "type": ["string", "null"], "description": "the next page" } } } } } },
            "Problem": { "type": "object", "description": "RFC 9457", "properties": {
                "title": { "type": "string" }, "status": { "type": "integer" }, "detail": { "type": "string" },
                "instance": { "type": "string" } } }
        }}
    })
}
