//! Logging in at an OpenID provider: authorization code with PKCE (OpenID Connect Core 3.1, RFC 7636).
//!
//! ```text
//! GET /login/oidc            → provider?response_type=code&state=…&nonce=…&code_challenge=…   cookie: what belongs to it
//! GET /login/oidc/callback   state fits the cookie → code for ID token → signature and claims → account → session
//! ```
//! Reading order: `settings`, `pending` (what belongs to a login), `provider` (over the network), `token` (what is checked),
//! `arrival` (which account it is). Decision 0017 says why this is no library.

mod arrival;
mod pending;
mod provider;
mod settings;
mod token;

use std::collections::BTreeMap;

use leap_book::{Account, Book};
use leap_terms::{Grant, Instant};
use leap_web::site::{Ask, Begun};

use crate::failure::Failure;
use pending::{Pending, Seal};
use provider::{Exchange, Provider, challenge};
pub(crate) use settings::{LoginSettings, OidcSettings};

/// Longest reason of a provider that is shown.
const REASON: usize = 300;

/// Logging in at one provider.
pub(crate) struct SignOn {
    settings: OidcSettings,
    grants: BTreeMap<String, Vec<Grant>>,
    provider: Provider,
    redirect: String,
    seal: Seal,
}

/// Somebody who came back from the provider.
pub(super) struct Arrived {
    pub(super) account: Account,
    /// When they last proved there who they are.
    pub(super) authenticated_at: Instant,
    /// The account that was to prove it once more.
    pub(super) again: Option<String>,
}

/// What came of it.
pub(super) struct Outcome {
    /// Somebody, or in words why nobody.
    pub(super) arrived: Result<Arrived, String>,
    /// Where it leads, on this site.
    pub(super) to: String,
}

impl SignOn {
    /// By the settings, for a site at this address.
    pub(crate) fn new(settings: &OidcSettings, site: &str) -> Result<SignOn, Failure> {
        Ok(SignOn {
            settings: settings.clone(),
            grants: settings.grants()?,
            provider: Provider::new(settings)?,
            redirect: format!("{site}/login/oidc/callback"),
            seal: Seal::new()?,
        })
    }

    /// What people read on the button.
    pub(super) fn label(&self) -> String {
        self.settings.label.clone()
    }

    /// Begins a login that leads to an address of this site; a new proof of an account where one is named.
    pub(super) async fn begin(&self, to: &str, again: Option<&str>, now: Instant) -> Result<Begun, Failure> {
        let known = self.provider.known(now).await?;
        let pending = self.seal.begin(to, again, now)?;
        let [state, nonce, verifier] = ["state", "nonce", "verifier"].map(|what| self.seal.of(what, &pending));
        let mut scopes = vec!["openid"];
        scopes.extend(self.settings.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
        let (scope, challenge) = (scopes.join(" "), challenge(&verifier));
        let mut parameters = vec![
            ("response_type", "code"),
            ("redirect_uri", self.redirect.as_str()),
            ("scope", scope.as_str()),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if again.is_some() {
            parameters.extend([("prompt", "login"), ("max_age", "0")]);
        }
        let location = self.provider.login_address(&known, &parameters);
        Ok(Begun { location, pending: pending.cookie, seconds: pending::LIFE })
    }

    /// Ends a login with what the browser brought back.
    pub(super) async fn finish(&self, book: &Book, ask: &Ask, cookie: &str, now: Instant) -> Result<Outcome, Failure> {
        let state = ask.get("state").unwrap_or_default();
        let pending = match self.seal.open(cookie, state, now) {
            Ok(pending) => pending,
            Err(fault) => {
                let said = match fault {
                    pending::Fault::Unknown => {
                        "This login did not begin in this browser, or more than 10 minutes ago, or before leap was started \
                         again. Begin anew."
                    }
                    pending::Fault::Used => "This login has come back already. Begin anew.",
                };
                return Ok(Outcome { arrived: Err(said.to_owned()), to: "/".to_owned() });
            }
        };
        let arrived = match self.claims(ask, &pending, now).await {
            Err(failure) => {
                tracing::warn!("a login at the provider was refused: {}", failure.message);
                Err(format!("You were not let in: {}.", failure.message))
            }
            Ok(claims) => {
                let found = arrival::account(book, &self.settings, &self.grants, &claims, now).await;
                let proved = token::authenticated(&claims).ok().flatten();
                found.map_err(|error| Failure::from_error(&error))?.map(|account| Arrived {
                    account,
                    // Who does not say when counts as long ago: an approval asks once more.
                    authenticated_at: Instant::from_micros(
                        proved.unwrap_or(0).saturating_mul(1_000_000).min(now.micros()),
                    ),
                    again: pending.again.clone(),
                })
            }
        };
        Ok(Outcome { arrived, to: pending.to })
    }

    /// What the provider says about who came back.
    async fn claims(&self, ask: &Ask, pending: &Pending, now: Instant) -> Result<token::Claims, Failure> {
        let known = self.provider.known(now).await?;
        match ask.get("iss") {
            Some(issuer) if issuer == self.settings.issuer => {}
            None if !known.says_issuer => {}
            _ => return Err(Failure::failed("the answer comes from another issuer")),
        }
        if let Some(error) = ask.get("error") {
            let mut said = format!("{} refused it ({error})", self.settings.label);
            if let Some(reason) = ask.get("error_description") {
                said = format!("{said}: {reason}");
            }
            let said = said.chars().filter(|letter| !letter.is_control()).take(REASON).collect::<String>();
            return Err(Failure::failed(said.trim_end_matches('.')));
        }
        let Some(code) = ask.get("code") else { return Err(Failure::failed("the provider sent no code")) };
        let [nonce, verifier] = ["nonce", "verifier"].map(|what| self.seal.of(what, pending));
        let exchange = Exchange { code, verifier: &verifier, redirect: &self.redirect };
        let token = self.provider.exchange(&known, &exchange).await?;
        let expected = token::Expected {
            issuer: &self.settings.issuer,
            client: &self.settings.client_id,
            nonce: &nonce,
            now,
            since: pending.again.as_ref().map(|_| pending.at),
        };
        let mut read = token::read(&token, &self.provider.keys(&known, false).await?, &expected);
        if read == Err(token::Fault::UnknownKey) {
            // Providers change their keys.
            read = token::read(&token, &self.provider.keys(&known, true).await?, &expected);
        }
        read.map_err(|fault| match fault {
            token::Fault::UnknownKey => {
                Failure::failed("the ID token is signed with a key that the provider does not have")
            }
            token::Fault::Wrong(said) => Failure::failed(said),
        })
    }
}
