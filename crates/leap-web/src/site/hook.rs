//! What programs elsewhere send without a login: it is signed, and whoever answers it checks the signature first.
//!
//! ```text
//! POST /slack/actions/finops      X-Slack-Signature, X-Slack-Request-Timestamp, and a body that stays as it came
//! ```
//! Nobody is logged in here, so no cookie counts, and what another site makes a browser send is worth no more than what
//! anybody sends: nothing, without the signature.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tokio::sync::Semaphore;

use super::respond::plain;
use super::{Site, decoded};

/// Bytes of a body: a whole message comes back with its button.
const LARGEST: usize = 256 << 10;
/// How long a body may be under way, and how long it waits for a turn: Slack waits three seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// A signed request, as it came.
#[derive(Clone, Debug)]
pub struct Hook<'h> {
    /// The channel that it is about.
    pub channel: &'h str,
    /// All values of `X-Slack-Signature`.
    pub signatures: Vec<&'h [u8]>,
    /// All values of `X-Slack-Request-Timestamp`.
    pub timestamps: Vec<&'h [u8]>,
    /// The body.
    pub body: &'h [u8],
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hooked {
    /// It was taken.
    Taken,
    /// It is none that this site takes: there is no such channel, or it is not signed as it should be.
    Refused,
    /// Too many came.
    Busy,
    /// Something broke.
    Failed,
}

/// The channel of a request that is to be answered here.
pub(super) fn channel(method: &Method, path: &str) -> Option<String> {
    let name = path.strip_prefix("/slack/actions/").filter(|_| *method == Method::POST)?;
    decoded(name, false).filter(|name| !name.is_empty() && !name.contains('/'))
}

/// The answer.
pub(super) async fn answer<S: Site>(
    site: Arc<S>,
    turns: Arc<Semaphore>,
    channel: String,
    (headers, body): (HeaderMap, Body),
) -> Response<Body> {
    let busy = || {
        let mut busy = plain(StatusCode::SERVICE_UNAVAILABLE, "Busy: try again in 2 s.\n");
        busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        busy
    };
    let body = match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, LARGEST)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 256 KiB.\n"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.\n"),
    };
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turns.acquire_owned()).await else { return busy() };
    let taken = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let all = |name: &str| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        let (signatures, timestamps) = (all("x-slack-signature"), all("x-slack-request-timestamp"));
        site.hook(&Hook { channel: &channel, signatures, timestamps, body: &body })
    });
    match taken.await.unwrap_or(Hooked::Failed) {
        Hooked::Taken => plain(StatusCode::OK, ""),
        Hooked::Refused => plain(StatusCode::FORBIDDEN, "This is not signed as it should be; nothing was done.\n"),
        Hooked::Busy => busy(),
        Hooked::Failed => plain(StatusCode::INTERNAL_SERVER_ERROR, "Something broke; nothing was done.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_posted_to_a_channel_is_answered_here() {
        let of = |method: Method, path: &str| channel(&method, path);
        assert_eq!(of(Method::POST, "/slack/actions/finops").as_deref(), Some("finops"));
        for path in ["/slack/actions/", "/slack/actions", "/slack/actions/a/b", "/slack/actions/a%2Fb", "/slack/x"] {
            assert_eq!(of(Method::POST, path), None, "{path}");
        }
        assert_eq!(of(Method::GET, "/slack/actions/finops"), None);
    }
}
