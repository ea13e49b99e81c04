//! The provider over the network: where its addresses are, its keys, and an ID token for a code.
//!
//! Asked are only addresses that the issuer's own document names, encrypted or on this machine; redirects are not followed;
//! an answer may have 1 MiB. Codes, tokens and the client's secret are in no message and no log.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use leap_terms::Instant;
use leap_web::site::encoded;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::super::later;
use super::settings::{OidcSettings, address};
use super::token::Key;
use crate::failure::Failure;

/// Largest answer.
const BYTES: usize = 1 << 20;
/// Seconds for which the provider's document is good.
const GOOD: i64 = 3600;

/// The issuer's own document (OpenID Connect Discovery, 3).
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is known of a provider.
pub(super) struct Known {
    authorize: Url,
    token: Url,
    keys: Url,
    /// The secret goes into a header, not among the fields.
    is_basic: bool,
    /// Who comes back says from which issuer.
    pub(super) says_issuer: bool,
    at: Instant,
}

/// A code that came back, and what it is exchanged with.
pub(super) struct Exchange<'e> {
    pub(super) code: &'e str,
    pub(super) verifier: &'e str,
    pub(super) redirect: &'e str,
}

/// The provider.
pub(super) struct Provider {
    client: Client,
    issuer: Url,
    /// The issuer as the settings have it, to the letter.
    name: String,
    id: String,
    secret: Option<String>,
    known: Mutex<Option<Arc<Known>>>,
    keys: Mutex<Arc<Vec<Key>>>,
}

/// What PKCE sends of a verifier (RFC 7636, S256).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// A part of the credentials in a header: as a form writes it.
fn form_text(text: &str) -> String {
    encoded(text).replace(',', "%2C").replace(':', "%3A")
}

impl Provider {
    pub(super) fn new(settings: &OidcSettings) -> Result<Provider, Failure> {
        let client = Client::builder()
            .user_agent(concat!("leap/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_secs(settings.timeout_seconds.max(1)))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::from_error(&error))?;
        Ok(Provider {
            client,
            issuer: settings.issuer_url()?,
            name: settings.issuer.clone(),
            id: settings.client_id.clone(),
            secret: settings.secret()?,
            known: Mutex::default(),
            keys: Mutex::default(),
        })
    }

    fn wrong(&self, message: &str) -> Failure {
        Failure::failed(format!("the provider at {} {message}", self.name))
    }

    /// What the provider says of itself, asked at most once an hour.
    pub(super) async fn known(&self, now: Instant) -> Result<Arc<Known>, Failure> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| now < later(known.at, GOOD)) {
            return Ok(known.clone());
        }
        let mut url = self.issuer.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
        let document: Document = serde_json::from_value(self.answer(self.client.get(url)).await?.1)
            .map_err(|error| self.wrong(&format!("does not describe itself as OpenID providers do: {error}")))?;
        if document.issuer != self.name {
            let other = document.issuer.escape_debug();
            return Err(
                self.wrong(&format!("calls itself '{other}'; write login.oidc.issuer just so, if it is the one"))
            );
        }
        let own = |text: &str| address(text).map_err(|error| self.wrong(&format!("names an address: {error}")));
        let methods = document.token_endpoint_auth_methods_supported;
        let made = Arc::new(Known {
            authorize: own(&document.authorization_endpoint)?,
            token: own(&document.token_endpoint)?,
            keys: own(&document.jwks_uri)?,
            is_basic: methods.is_none_or(|methods| {
                let has = |method: &str| methods.iter().any(|one| one == method);
                has("client_secret_basic") || !has("client_secret_post")
            }),
            says_issuer: document.authorization_response_iss_parameter_supported,
            at: now,
        });
        *known = Some(made.clone());
        Ok(made)
    }

    /// The address at which a person logs in.
    pub(super) fn login_address(&self, known: &Known, parameters: &[(&str, &str)]) -> String {
        let mut url = known.authorize.clone();
        url.query_pairs_mut().append_pair("client_id", &self.id).extend_pairs(parameters);
        url.to_string()
    }

    /// The provider's keys; those that are known already, unless they do not suffice.
    pub(super) async fn keys(&self, known: &Known, anew: bool) -> Result<Arc<Vec<Key>>, Failure> {
        let mut keys = self.keys.lock().await;
        if !anew && !keys.is_empty() {
            return Ok(keys.clone());
        }
        let (_, set) = self.answer(self.client.get(known.keys.clone())).await?;
        let list = set.get("keys").and_then(Value::as_array).ok_or_else(|| self.wrong("has no set of keys"))?;
        // Keys of kinds that are not known here are for others.
        let made = list.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect::<Vec<Key>>();
        *keys = Arc::new(made);
        Ok(keys.clone())
    }

    /// The ID token for a code.
    pub(super) async fn exchange(&self, known: &Known, exchange: &Exchange<'_>) -> Result<String, Failure> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.redirect),
            ("code_verifier", exchange.verifier),
        ];
        let mut request = self.client.post(known.token.clone());
        match &self.secret {
            Some(secret) if known.is_basic => {
                request = request.basic_auth(form_text(&self.id), Some(form_text(secret)))
            }
            Some(secret) => fields.extend([("client_id", self.id.as_str()), ("client_secret", secret.as_str())]),
            None => fields.push(("client_id", self.id.as_str())),
        }
        let fields: Vec<(String, String)> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let request =
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(leap_web::site::query(&fields));
        let (is_well, answer) = self.answer_of(request).await?;
        if !is_well {
            let said = answer.get("error").and_then(Value::as_str).unwrap_or("no reason");
            let said: String = said.chars().take(100).collect();
            return Err(self.wrong(&format!("did not take the code of this login back ({})", said.escape_debug())));
        }
        let token = answer.get("id_token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| self.wrong("sent no ID token; is leap registered there for OpenID?"))
    }

    /// An answer that must be well.
    async fn answer(&self, request: RequestBuilder) -> Result<(bool, Value), Failure> {
        match self.answer_of(request).await? {
            (true, answer) => Ok((true, answer)),
            (false, _) => Err(self.wrong("answered with an error where it should describe itself or its keys")),
        }
    }

    /// Whether an answer is well, and what it says.
    async fn answer_of(&self, request: RequestBuilder) -> Result<(bool, Value), Failure> {
        let unreachable = |error: reqwest::Error| {
            let failure = Failure::from_error(&error.without_url());
            self.wrong(&format!("cannot be reached: {}", failure.message))
        };
        let mut response = request.header(ACCEPT, "application/json").send().await.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > BYTES {
                return Err(self.wrong("sent more than 1 MiB"));
            }
        }
        let answer = serde_json::from_slice(&bytes);
        match answer {
            Ok(answer) => Ok((status.is_success(), answer)),
            Err(_) => Err(self.wrong(&format!("answered {status} with something that is no JSON"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_that_of_the_standard() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn credentials_in_a_header_end_where_they_end() {
        assert_eq!(form_text("a:b,c d"), "a%3Ab%2Cc%20d");
    }
}
