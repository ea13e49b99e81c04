//! Addresses, headers and rights: what every answer has, whatever the page.
//!
//! | address | answer |
//! |---|---|
//! | a page | HTML; with `format=json`, `format=csv` or `format=parquet` its tables |
//! | `/api/v1` + a page's address | the same tables, JSON by default |
//! | `/api/v1/search` | what the palette asks |
//! | `/assets/DIGEST/…` | files of the pages, for ever |
//! | `/login` and below, `/logout`, `/setup`, `POST /preferences` | who reads, and how |
//! | `/healthz`, `/readyz`, `/metrics` | for machines |
//! | `POST /slack/actions/{channel}` | buttons of Slack, by their signature ([`super::hook`]) |
//!
//! Every request passes the same gate: the name that it asks under ([`super::door`]), whether another site sent it, the route
//! ([`super::route`]), the person, what the route needs. Only then the site is asked, which cuts the answer to what the
//! person sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::{self, Next};
use tokio::sync::Semaphore;

use super::door::{Names, Peer};
use super::hook;
use super::html::{Display, bare, document};
use super::login;
use super::model::{Link, Page};
use super::person::{Person, Proof};
use super::respond::{Form, allowed, bytes, html, json, plain, problem, see_other, status, takes_gzip};
use super::route::{FORM, OWN, Route};
use super::{Answer, Ask, Done, Problem, Site, assets, decoded, encoded, export, openapi};

/// Pages that are made at once: more would only wait for each other.
const AT_ONCE: usize = 4;
/// Logins at once that wait for the provider: they keep no turn from readers of pages.
const ELSEWHERE: usize = 16;
/// How long a reader waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Parameters of one address.
const PARAMETERS: usize = 64;
/// Fields of one form: a list of things to claim has one for each.
const FIELDS: usize = 2048;
/// Documents that are received at once: nobody has said yet who they are.
const DOCUMENTS: usize = 4;
/// How long a form may be under way.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Scripts, styles and pictures of this site only; nothing inline, nothing elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

struct Desk<S> {
    site: Arc<S>,
    names: Names,
    turns: Arc<Semaphore>,
    documents: Arc<Semaphore>,
    elsewhere: Arc<Semaphore>,
    asked: AtomicU64,
}

/// All addresses.
pub(super) fn routes<S: Site>(site: Arc<S>, names: Names) -> Router {
    let desk = Arc::new(Desk {
        site,
        names,
        turns: Arc::new(Semaphore::new(AT_ONCE)),
        documents: Arc::new(Semaphore::new(DOCUMENTS)),
        elsewhere: Arc::new(Semaphore::new(ELSEWHERE)),
        asked: AtomicU64::new(0),
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
    let mut response = match refused(&request, &desk.names) {
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
    if desk.names.is_secure {
        put(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if let Ok(value) = HeaderValue::from_str(&number) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        put(headers, header::CACHE_CONTROL, "no-cache, private");
    }
    response
}

/// Why a request is not answered at all.
fn refused(request: &Request, names: &Names) -> Option<(StatusCode, &'static str)> {
    let headers = request.headers();
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz");
    if !is_probe && !names.are_asked(request.uri(), headers) {
        let said = "This site answers to its own name only: 127.0.0.1 or localhost, or what serve.public_url says.\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, said));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        // Another site may link here; it may not load pages as pictures or read them, and make this machine work.
        let from = text(&HeaderName::from_static("sec-fetch-site"));
        let foreign = from.is_some_and(|from| matches!(from, "cross-site" | "same-site"));
        let followed = text(&HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
            && text(&HeaderName::from_static("sec-fetch-dest")) == Some("document");
        return (foreign && !followed).then_some((StatusCode::FORBIDDEN, "Another site may link here, and no more.\n"));
    }
    // Signed by a program elsewhere, and taken for nothing where it is not.
    if hook::channel(request.method(), request.uri().path()).is_some() {
        return None;
    }
    // Who changes something says from where: browsers do it by themselves, other programs name this site as Origin.
    let is_same = match text(&HeaderName::from_static("sec-fetch-site")) {
        Some(from) => matches!(from, "same-origin" | "none"),
        None => text(&header::ORIGIN).is_some_and(|origin| names.is_own(origin, headers)),
    };
    let said = "Another site sent this request, or it does not say which (Origin); nothing was changed.\n";
    (!is_same).then_some((StatusCode::FORBIDDEN, said))
}

/// One request, taken apart.
struct Asked {
    ask: Ask,
    method: Method,
    headers: HeaderMap,
    /// Path and query, as they came.
    address: String,
    is_api: bool,
    form: Form,
    display: Display,
    number: String,
    peer: std::net::IpAddr,
}

impl Asked {
    fn problem(&self, fault: &Problem) -> Response<Body> {
        if *fault == Problem::LogIn && self.form == Form::Html && matches!(self.method, Method::GET | Method::HEAD) {
            return see_other(&format!("/login?to={}", encoded(&self.address)));
        }
        if let Problem::ProveAgain(to) = fault
            && self.form == Form::Html
        {
            return see_other(&login::again(to));
        }
        problem(fault, self.form, &self.number, self.display)
    }
}

async fn answer<S: Site>(State(desk): State<Arc<Desk<S>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let number = parts.extensions.get::<Number>().map(|number| number.0.clone()).unwrap_or_default();
    let peer = parts.extensions.get::<Peer>().map_or(std::net::Ipv4Addr::LOCALHOST.into(), |peer| peer.0);
    let display = display(&parts.headers);
    let path = parts.uri.path();
    if path.starts_with("/assets/") {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        return if reads { asset(&parts.headers, path) } else { allowed("GET, HEAD") };
    }
    if let Some(channel) = hook::channel(&parts.method, path) {
        return hook::answer(desk.site.clone(), desk.elsewhere.clone(), channel, (parts.headers, body)).await;
    }
    let is_api = path == "/api/v1" || path.starts_with("/api/v1/");
    let form = if is_api { Form::Json } else { Form::Html };
    let inner = if is_api && path != "/api/v1/openapi.json" { &path["/api/v1".len()..] } else { path };
    let Some(ask) = ask(inner, parts.uri.query()) else {
        let said = "The address is not written as addresses are: a % stands before no two hexadecimal digits, or they are \
                    no UTF-8.";
        return problem(&Problem::NotFound(said.into()), form, &number, display);
    };
    let address = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let mut asked =
        Asked { ask, method: parts.method, headers: parts.headers, address, is_api, form, display, number, peer };
    if asked.ask.parameters.len() > PARAMETERS {
        let message = format!("more than {PARAMETERS} parameters; choose with where=… IN (…)");
        return asked.problem(&Problem::Parameter { name: "where".into(), message, without: None });
    }
    asked.form = match asked.ask.get("format") {
        Some("json") => Form::Json,
        Some("csv") => Form::Csv,
        Some("parquet") => Form::Parquet,
        None if is_api => Form::Json,
        None => Form::Html,
        Some(other) => {
            let message = format!("format={other} is none of json, csv, parquet");
            return asked.problem(&Problem::Parameter { name: "format".into(), message, without: None });
        }
    };
    asked.ask.is_of_program = asked.form != Form::Html;
    if asked.method == Method::POST {
        let largest = largest(&*desk.site, &asked.ask);
        // A large body is waited for only where somebody may send it.
        if largest > FORM
            && let Err(fault) = admitted(&desk, &asked).await
        {
            return asked.problem(&fault);
        }
        let room = match largest > FORM {
            true => tokio::time::timeout(PATIENCE, desk.documents.clone().acquire_owned()).await.ok(),
            false => None,
        };
        if largest > FORM && room.is_none() {
            return busy();
        }
        let received = tokio::time::timeout(UNDER_WAY, fields(&asked.headers, body, largest)).await;
        let late = || {
            let message = format!("took longer than {} s to arrive; send it again", UNDER_WAY.as_secs());
            Problem::Parameter { name: "form".into(), message, without: None }
        };
        drop(room);
        match received.unwrap_or_else(|_| Err(late())) {
            Ok(fields) => asked.ask.parameters.extend(fields),
            Err(fault) => return asked.problem(&fault),
        }
    }
    let is_light = matches!(asked.ask.path.first().map(String::as_str), Some("healthz" | "readyz" | "metrics"));
    let asks_provider = asked.ask.path.starts_with(&["login".to_owned(), "oidc".to_owned()]);
    let turns = if asks_provider { &desk.elsewhere } else { &desk.turns };
    let turn = match tokio::time::timeout(PATIENCE, turns.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Some(turn),
        Ok(Err(_)) | Err(_) if is_light => None,
        Ok(Err(_)) | Err(_) => {
            return busy();
        }
    };
    let (form, number) = (asked.form, asked.number.clone());
    let made = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also where the reader has gone away meanwhile.
        let _turn = turn;
        routed(&*desk.site, &desk.names, &asked)
    });
    made.await.unwrap_or_else(|panic| {
        tracing::error!(request = %number, "a page was not made: {panic}");
        problem(&Problem::Failed("Something broke. Nothing was changed.".into()), form, &number, display)
    })
}

/// Refuses who may not send a form to an address, from the head of what they send.
async fn admitted<S: Site>(desk: &Arc<Desk<S>>, asked: &Asked) -> Result<(), Problem> {
    let (desk, headers, path) = (desk.clone(), asked.headers.clone(), asked.ask.path.clone());
    let judged = tokio::task::spawn_blocking(move || {
        let person = desk.site.entrance().person(login::credential(&headers, desk.names.cookie()))?;
        let route = desk.site.routes().iter().find(|route| route.method == "POST" && route.is(&path));
        match route {
            Some(route) if !route.needs.admits(person.as_ref()) => Err(shut(route, person.as_ref())),
            Some(_) | None => Ok(()),
        }
    });
    judged.await.unwrap_or_else(|_| Err(Problem::Failed("Something broke. Nothing was changed.".into())))
}

fn busy() -> Response<Body> {
    let mut busy = plain(StatusCode::SERVICE_UNAVAILABLE, "Busy: try again in 2 s.\n");
    busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    busy
}

/// Bytes of the largest form that an address takes.
fn largest<S: Site>(site: &S, ask: &Ask) -> usize {
    let here = site.routes().iter().filter(|route| route.method == "POST" && route.is(&ask.path));
    here.map(|route| route.largest).max().unwrap_or(FORM)
}

/// The route of a request and the person who asks; then the answer. On a thread that may block.
fn routed<S: Site>(site: &S, names: &Names, asked: &Asked) -> Response<Body> {
    let method = if asked.method == Method::HEAD { "GET" } else { asked.method.as_str() };
    let own: &[Route] = if asked.is_api { &OWN[OWN.len() - 1..] } else { &OWN[..OWN.len() - 1] };
    let here = || own.iter().chain(site.routes()).filter(|route| route.is(&asked.ask.path));
    let route = here().find(|route| route.method == method);
    let credential = login::credential(&asked.headers, names.cookie());
    let person = match site.entrance().person(credential) {
        Ok(person) => person,
        Err(fault) => return asked.problem(&fault),
    };
    let Some(route) = route else {
        let mut methods: Vec<&str> =
            here().flat_map(|route| if route.method == "GET" { vec!["GET", "HEAD"] } else { vec!["POST"] }).collect();
        methods.dedup();
        let nothing = Problem::NotFound("There is no page with this address, or it is not yours to see.".into());
        return match (&person, methods.is_empty()) {
            (None, _) => asked.problem(&Problem::LogIn),
            (Some(_), true) => asked.problem(&nothing),
            (Some(_), false) => allowed(&methods.join(", ")),
        };
    };
    if !route.needs.admits(person.as_ref()) {
        return asked.problem(&shut(route, person.as_ref()));
    }
    if !route.is_page {
        return by_itself(site, names, asked, person.as_ref(), route);
    }
    let Some(person) = person else { return asked.problem(&Problem::LogIn) };
    if route.method == "POST" {
        return act(site, asked, &person);
    }
    page(site, asked, &person)
}

fn shut(route: &Route, person: Option<&Person>) -> Problem {
    use super::route::Needs;
    let Some(person) = person else { return Problem::LogIn };
    let (what, role) = match route.needs {
        Needs::LogIn => {
            let said = "A token reads figures, and nothing else. Log in to see or change this.".to_owned();
            return Problem::Forbidden(said, None);
        }
        Needs::Everything => ("read the whole company".to_owned(), "viewer".to_owned()),
        Needs::Deed(deed) => (deed.words().to_owned(), deed.role().to_string()),
        Needs::DeedEverywhere(deed) => (format!("{} for the whole company", deed.words()), deed.role().to_string()),
        Needs::Nothing | Needs::Person => ("read this".to_owned(), "viewer".to_owned()),
    };
    let text = format!("{} may not {what}. An administrator can give the role {role}.", person.shown);
    Problem::Forbidden(text, Some(Link::new("Charter", "/")))
}

/// What the server answers without the site's pages.
fn by_itself<S: Site>(
    site: &S,
    names: &Names,
    asked: &Asked,
    person: Option<&Person>,
    route: &Route,
) -> Response<Body> {
    let headers = &asked.headers;
    match (route.method, route.path) {
        (_, "/healthz") => plain(StatusCode::OK, "ok\n"),
        (_, "/readyz") => match site.snapshot() {
            Ok(_) => plain(StatusCode::OK, "ready\n"),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        },
        (_, "/metrics") => match site.metrics() {
            Ok(text) => bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into(), headers),
            Err(fault) => problem(&fault, Form::Json, &asked.number, asked.display),
        },
        (_, "/api/v1/openapi.json") => json(StatusCode::OK, &openapi::document(site.routes()), Some(headers)),
        (_, "/licences") => licences(asked.display),
        (_, "/preferences") => preferences(headers, &asked.ask),
        (method, path) => {
            let (ask, peer, display) = (&asked.ask, asked.peer, asked.display);
            let visit = login::Visit { ask, headers, names, peer, display };
            visit.answer(site.entrance(), person, (method, path)).unwrap_or_else(|fault| asked.problem(&fault))
        }
    }
}

fn page<S: Site>(site: &S, asked: &Asked, person: &Person) -> Response<Body> {
    if asked.is_api && asked.ask.path.first().is_some_and(|first| first == "search") {
        return match site.search(person, &asked.ask) {
            Ok(value) => json(StatusCode::OK, &value, Some(&asked.headers)),
            Err(fault) => asked.problem(&fault),
        };
    }
    match site.answer(person, &asked.ask) {
        Ok(answer) => shown(site, &answer, asked, person),
        Err(fault) => asked.problem(&fault),
    }
}

fn shown<S: Site>(site: &S, answer: &Answer, asked: &Asked, person: &Person) -> Response<Body> {
    let snapshot = answer.frame.snapshot.0.as_str();
    match asked.form {
        Form::Html => {
            html(StatusCode::OK, document(&answer.page, &answer.frame, person, asked.display), &asked.headers)
        }
        Form::Json => json(StatusCode::OK, &export::json(&answer.page, snapshot), Some(&asked.headers)),
        Form::Csv => match export::of(&answer.page, asked.ask.get("table")) {
            Ok(table) => {
                let text = table.map(export::csv).unwrap_or_default();
                bytes(StatusCode::OK, "text/csv; charset=utf-8", text.into(), &asked.headers)
            }
            Err(export::NoTable) => asked.problem(&no_table(&answer.page)),
        },
        Form::Parquet => match export::of(&answer.page, asked.ask.get("table")) {
            Ok(None) => asked.problem(&Problem::NotFound("This page has no table.".into())),
            Ok(Some(table)) => {
                let facts = [("snapshot", snapshot), ("caption", &table.caption), ("unit", &table.unit)];
                match site.parquet(table, &facts) {
                    Ok(file) => bytes(StatusCode::OK, "application/vnd.apache.parquet", file.into(), &asked.headers),
                    Err(fault) => asked.problem(&fault),
                }
            }
            Err(export::NoTable) => asked.problem(&no_table(&answer.page)),
        },
    }
}

fn act<S: Site>(site: &S, asked: &Asked, person: &Person) -> Response<Body> {
    if person.proof == Proof::Token {
        let said = "A token reads, and does nothing else. Log in to change something.".to_owned();
        return asked.problem(&Problem::Forbidden(said, None));
    }
    match site.act(person, &asked.ask) {
        Ok(Done::Preview(answer)) => shown(site, &answer, asked, person),
        Ok(Done::Once { answer, said, secret }) => {
            let mut response = if asked.form == Form::Html {
                shown(site, &answer, asked, person)
            } else {
                json(StatusCode::OK, &serde_json::json!({ "done": said, "secret": secret }), Some(&HeaderMap::new()))
            };
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Ok(Done::Again(answer, fault)) if asked.form == Form::Html => {
            let page = document(&answer.page, &answer.frame, person, asked.display);
            html(status(&fault), page, &HeaderMap::new())
        }
        Ok(Done::Again(_, fault)) => asked.problem(&fault),
        Ok(Done::Gone { to, .. }) if asked.form == Form::Html => see_other(&to),
        Ok(Done::Gone { to, said }) => {
            json(StatusCode::OK, &serde_json::json!({ "done": said, "href": to }), Some(&HeaderMap::new()))
        }
        Err(fault) => asked.problem(&fault),
    }
}

/// The fields of a form: as browsers send them, or a JSON object of texts.
async fn fields(headers: &HeaderMap, body: Body, largest: usize) -> Result<Vec<(String, String)>, Problem> {
    let wrong = |message: String| Problem::Parameter { name: "form".into(), message, without: None };
    let Ok(body) = axum::body::to_bytes(body, largest).await else {
        return Err(wrong(format!("is larger than {} MiB", largest >> 20)));
    };
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fields = match media.split(';').next().unwrap_or_default().trim() {
        "application/json" => {
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&body).map_err(|error| wrong(format!("is no JSON object: {error}")))?;
            let texts = object.into_iter().map(|(name, value)| match value {
                serde_json::Value::String(text) => Ok((name, text)),
                _ => Err(wrong(format!("has a field {name} that is no text; amounts and days are texts too"))),
            });
            texts.collect::<Result<Vec<_>, _>>()?
        }
        _ if body.is_empty() => Vec::new(),
        "" | "application/x-www-form-urlencoded" => {
            let asked = ask("", std::str::from_utf8(&body).ok()).filter(|_| std::str::from_utf8(&body).is_ok());
            asked.ok_or_else(|| wrong("is not written as forms are".to_owned()))?.parameters
        }
        other => {
            return Err(wrong(format!(
                "is of the type '{}'; send application/x-www-form-urlencoded or application/json",
                other.escape_debug()
            )));
        }
    };
    if fields.len() > FIELDS {
        return Err(wrong(format!("has more than {FIELDS} fields")));
    }
    Ok(fields)
}

/// There is no table with that id on the page.
fn no_table(page: &Page) -> Problem {
    let known: Vec<&str> = page.tables().iter().map(|table| table.id.trim_start_matches("t-")).collect();
    let message = format!("is none of the tables of this page: {}", known.join(", "));
    Problem::Parameter { name: "table".into(), message, without: None }
}

fn ask(path: &str, query: Option<&str>) -> Option<Ask> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let path = segments.map(|segment| decoded(segment, false)).collect::<Option<Vec<_>>>()?;
    let mut parameters = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.push((decoded(name, true)?, decoded(value, true)?));
    }
    Some(Ask { path, parameters, is_of_program: false })
}

fn display(headers: &HeaderMap) -> Display {
    let mut display = Display::default();
    for cookie in login::cookies(headers) {
        match cookie {
            ("leap_theme", "light") => display.theme = "light",
            ("leap_theme", "dark") => display.theme = "dark",
            ("leap_patterns", "on") => display.patterns = true,
            _ => {}
        }
    }
    display
}

fn preferences(headers: &HeaderMap, ask: &Ask) -> Response<Body> {
    let chosen = |name: &str| ask.get(name).map(str::to_owned);
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
    let mut response = see_other(&back);
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
    super::respond::html(StatusCode::OK, html, &HeaderMap::new())
}
