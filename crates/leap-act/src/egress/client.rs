//! One request: to a judged address, within its time, redirects followed by us and judged one by one, its answer
//! bounded.
//!
//! A redirect repeats the same request (301, 302, 307, 308) or is refused: a message that became a GET would be lost.
//! It may not lead from `https` to `http`, to what the guard refuses, or, where the request carries a secret, to
//! another host. No cookies, no proxy that is not declared, no second try: what is tried again is decided in
//! [`crate::policy`].

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use leap_terms::Instant;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, Url};

use super::guard::{Guard, NoAddress, Refusal, host_name};
use crate::limits;
use crate::policy::{Cause, Outcome, Service};
use crate::secret::Secret;
use crate::text::{clean, fitted, plain};

/// How the client behaves.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Until a connection stands.
    pub connect: Duration,
    /// For all of one request, redirects aside.
    pub whole: Duration,
    /// A proxy, where one is declared.
    pub proxy: Option<Url>,
    /// Certificates that are trusted besides the system's (DER): a company's own.
    pub roots: Vec<Vec<u8>>,
}

impl Default for ClientSettings {
    fn default() -> ClientSettings {
        ClientSettings {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(15),
            proxy: None,
            roots: Vec::new(),
        }
    }
}

/// A POST, as exact bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// Besides what HTTP itself needs.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether address, headers or body hold a secret of this destination.
    pub carries_secret: bool,
}

impl std::fmt::Debug for Request {
    /// Without its path, headers and body.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "POST to {:?}, {} bytes", self.url.host_str().unwrap_or_default(), self.body.len())
    }
}

/// Sends requests through the guard.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    guard: Arc<Guard>,
}

/// The guard as the resolver of the client: what it gives is connected to, and nothing else.
struct Judged {
    guard: Arc<Guard>,
    /// The proxy itself was declared, wherever it is.
    proxy: Option<String>,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        let is_proxy = self.proxy.is_some() && self.proxy == host_name(name.as_str());
        Box::pin(async move {
            if is_proxy {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect::<Vec<SocketAddr>>();
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            // Port 0 stands for that of the address.
            let found = guard.addresses(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What a redirect comes to.
#[derive(PartialEq, Eq, Debug)]
enum Hop {
    /// It is none.
    Answer,
    Follow(Box<Url>),
    Refused(String),
}

fn hop(from: &Url, status: u16, location: Option<&str>, carries_secret: bool) -> Hop {
    if !matches!(status, 301 | 302 | 307 | 308) {
        return Hop::Answer;
    }
    let Some(to) = location.and_then(|location| from.join(location).ok()) else {
        return Hop::Refused("it redirects to no address".to_owned());
    };
    let shown = fitted(&clean(to.host_str().unwrap_or_default()), 100, plain);
    if from.scheme() == "https" && to.scheme() != "https" {
        return Hop::Refused(format!("it redirects from https to {} at {shown}", fitted(to.scheme(), 20, plain)));
    }
    let upgraded = from.scheme() == "http" && to.scheme() == "https" && from.port().is_none() && to.port().is_none();
    let same = from.host_str() == to.host_str()
        && (upgraded || from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default());
    if carries_secret && !same {
        return Hop::Refused(format!("it redirects to {shown}, and a secret would go with the request"));
    }
    Hop::Follow(Box::new(to))
}

/// What a service answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The text of `Retry-After`.
    pub retry_after: Option<String>,
    /// The first bytes of its body, as many as came.
    pub body: Vec<u8>,
}

impl Answer {
    /// What it means. Of the body nothing is kept: whoever can choose the address would read what is there.
    pub fn outcome(&self, service: Service, now: Instant) -> Outcome {
        Outcome::of_status(service, self.status, self.retry_after.as_deref(), now)
    }

    /// The same, with the words of a service whose address is its own, but for a secret that it may repeat.
    pub fn outcome_in_words(&self, service: Service, secret: &Secret, now: Instant) -> Outcome {
        let mut outcome = self.outcome(service, now);
        let words = String::from_utf8_lossy(&self.body).replace(secret.reveal(), "…");
        let words = fitted(&clean(&words), limits::SAID, plain);
        if let (Outcome::Failed(failure), false) = (&mut outcome, words.is_empty()) {
            failure.said = format!("{}: {words}", failure.said);
        }
        outcome
    }
}

impl Client {
    /// A client behind a guard.
    ///
    /// # Errors
    /// In words, where TLS or the proxy cannot be set up.
    pub fn new(guard: Arc<Guard>, settings: &ClientSettings) -> Result<Client, String> {
        let proxy = settings.proxy.as_ref();
        let judged = Judged { guard: guard.clone(), proxy: proxy.and_then(Url::host_str).and_then(host_name) };
        let roots = settings.roots.iter().map(|bytes| reqwest::Certificate::from_der(bytes));
        let roots = roots.collect::<Result<Vec<_>, _>>().map_err(|_| "a certificate is none in DER".to_owned())?;
        let mut builder = reqwest::Client::builder()
            .tls_certs_merge(roots)
            .user_agent(concat!("leap/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .dns_resolver(Arc::new(judged))
            .connect_timeout(settings.connect)
            .timeout(settings.whole);
        if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(proxy.clone()).map_err(|_| "the proxy's address is none".to_owned())?;
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(|error| format!("TLS could not be set up: {}", deepest(&error)))?;
        Ok(Client { http, guard })
    }

    /// Its guard.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Sends a request, once.
    ///
    /// # Errors
    /// What came of it where no answer did.
    pub async fn send(&self, request: &Request) -> Result<Answer, Outcome> {
        let mut url = request.url.clone();
        for _ in 0..=limits::REDIRECTS {
            self.guard.check(&url).map_err(|refusal| blocked(&refusal.0))?;
            let response = self.once(&url, request).await?;
            let location = response.headers().get(LOCATION).map(|value| value.to_str().unwrap_or("\u{0}"));
            match hop(&url, response.status().as_u16(), location, request.carries_secret) {
                Hop::Answer => return Ok(answer(response).await),
                Hop::Follow(to) => url = *to,
                Hop::Refused(why) => return Err(blocked(&why)),
            }
        }
        Err(blocked(&format!("it redirects more than {} times", limits::REDIRECTS)))
    }

    async fn once(&self, url: &Url, request: &Request) -> Result<Response, Outcome> {
        let headers: HeaderMap = request.headers.iter().cloned().collect();
        let sent = self.http.post(url.clone()).headers(headers).body(request.body.clone()).send().await;
        sent.map_err(|error| failed(url, &error.without_url()))
    }
}

/// The body is read as far as it comes and is kept short: the status alone says what became of the message.
async fn answer(mut response: Response) -> Answer {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limits::ANSWER_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == limits::ANSWER_BYTES {
            break;
        }
    }
    Answer { status, retry_after, body }
}

fn blocked(why: &str) -> Outcome {
    Outcome::failed(Cause::Blocked, why)
}

/// Why there is no answer, without the path, which may be secret.
fn failed(url: &Url, error: &reqwest::Error) -> Outcome {
    let host = url.host_str().unwrap_or_default();
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(why) = inner.downcast_ref::<NoAddress>() {
            return match why {
                NoAddress::Refused(Refusal(why)) => blocked(why),
                NoAddress::Unknown(_) => Outcome::failed(Cause::Unreachable, why.to_string()),
            };
        }
        source = inner.source();
    }
    if error.is_connect() {
        let why = if error.is_timeout() { "no connection in time".to_owned() } else { deepest(error) };
        return Outcome::failed(Cause::Unreachable, format!("{host} cannot be reached: {why}"));
    }
    if error.is_builder() {
        return Outcome::failed(Cause::Refused, format!("the request to {host} is none"));
    }
    let why = if error.is_timeout() { "in time".to_owned() } else { format!("({})", deepest(error)) };
    Outcome::failed(Cause::Uncertain, format!("{host} did not answer {why}"))
}

/// The innermost reason: outer ones repeat the address.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let said = match inner.downcast_ref::<io::Error>() {
        Some(error) => error.kind().to_string(),
        None => inner.to_string(),
    };
    fitted(&clean(&said), limits::SAID, plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_keep_the_request_and_its_secrets() {
        let follow = |to: &str| Hop::Follow(Box::new(to.parse().unwrap()));
        let refused = |why: &str| Hop::Refused(why.to_owned());
        let here = "https://a.example/x";
        let cases = [
            (here, 200, Some("https://b.example/"), true, Hop::Answer),
            (here, 303, Some("/y"), false, Hop::Answer),
            (here, 304, Some("/y"), false, Hop::Answer),
            (here, 307, Some("/y"), true, follow("https://a.example/y")),
            (here, 301, Some("https://a.example:443/y"), true, follow("https://a.example/y")),
            (here, 308, Some("https://b.example/y"), false, follow("https://b.example/y")),
            (
                here,
                308,
                Some("https://b.example/y"),
                true,
                refused("it redirects to b.example, and a secret would go with the request"),
            ),
            (
                here,
                308,
                Some("https://a.example:8443/y"),
                true,
                refused("it redirects to a.example, and a secret would go with the request"),
            ),
            (here, 302, Some("http://a.example/x"), false, refused("it redirects from https to http at a.example")),
            (here, 302, Some("file:///etc/passwd"), false, refused("it redirects from https to file at ")),
            (here, 302, None, false, refused("it redirects to no address")),
            (here, 302, Some("https://["), false, refused("it redirects to no address")),
            ("http://a.example/x", 301, Some("https://a.example/x"), true, follow("https://a.example/x")),
            (
                "http://a.example/x",
                301,
                Some("http://b.example/"),
                true,
                refused("it redirects to b.example, and a secret would go with the request"),
            ),
            (
                "http://a.example:80/x",
                301,
                Some("//a.example:81/"),
                true,
                refused("it redirects to a.example, and a secret would go with the request"),
            ),
        ];
        for (from, status, location, secret, wanted) in cases {
            assert_eq!(hop(&from.parse().unwrap(), status, location, secret), wanted, "{from} {status} {location:?}");
        }
    }
}
