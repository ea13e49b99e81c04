//! Whether an ID token is what the provider says about a person who logs in here, now, in this browser.
//!
//! Checked are the signature by a key of the provider, and of the claims: `iss`, `aud`, `azp`, `exp`, `nbf`, `iat`,
//! `nonce`, `sub`, and `auth_time` where a login has to be a new one (OpenID Connect Core, 3.1.3.7). The algorithm comes
//! from the key as much as from the token: RS256 of an RSA key of 2048 to 8192 bits, ES256 of a P-256 key; `none` and those
//! of shared secrets are no algorithms here. `email` and `email_verified` say nothing about who somebody is.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use leap_terms::Instant;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Seconds by which the provider's clock may differ from ours.
pub(super) const SKEW: i64 = 60;
/// Longest subject (OpenID Connect Core, section 2).
const SUBJECT: usize = 255;

/// What the provider says about a person.
pub(super) type Claims = Map<String, Value>;

/// A key of the provider, as its key set has it.
#[derive(Deserialize, Clone, Debug, Default)]
pub(super) struct Key {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// What a token has to be.
pub(super) struct Expected<'e> {
    pub(super) issuer: &'e str,
    pub(super) client: &'e str,
    pub(super) nonce: &'e str,
    pub(super) now: Instant,
    /// The person has to have logged in since then.
    pub(super) since: Option<Instant>,
}

/// Why a token is none.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It is signed by a key that is not in the set; the set may be too old.
    UnknownKey,
    /// In words that may be shown.
    Wrong(String),
}

fn wrong<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Wrong(message.into()))
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What a token says, once it is known to be right.
pub(super) fn read(token: &str, keys: &[Key], expected: &Expected<'_>) -> Result<Claims, Fault> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = parts.as_slice() else { return wrong("the ID token has no three parts") };
    let header: Option<Header> = bytes(head).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(header) = header else { return wrong("the head of the ID token is not readable") };
    if !matches!(header.alg.as_str(), "RS256" | "ES256") {
        return wrong(format!(
            "the ID token is signed with '{}'; RS256 and ES256 are accepted",
            header.alg.chars().take(20).collect::<String>()
        ));
    }
    if header.crit.is_some() {
        return wrong("the ID token wants extensions (crit) that are not known");
    }
    let Some(signature) = bytes(signature) else { return wrong("the signature of the ID token is not readable") };
    let signed = &token[..head.len() + 1 + body.len()];
    let key = key_of(keys, &header)?;
    if !is_signed(key, &header.alg, signed.as_bytes(), &signature) {
        return wrong("the signature of the ID token is wrong");
    }
    let claims: Option<Claims> = bytes(body).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(claims) = claims else { return wrong("the claims of the ID token are not readable") };
    check(&claims, expected)?;
    Ok(claims)
}

/// The key that a token names. Without a name only one key can be meant.
fn key_of<'k>(keys: &'k [Key], header: &Header) -> Result<&'k Key, Fault> {
    let fits = |key: &&Key| {
        let kind = match header.alg.as_str() {
            "RS256" => key.kty == "RSA",
            _ => key.kty == "EC" && key.crv.as_deref() == Some("P-256"),
        };
        kind && key.alg.as_ref().is_none_or(|alg| *alg == header.alg)
            && key.purpose.as_ref().is_none_or(|purpose| purpose == "sig")
            && (header.kid.is_none() || key.kid == header.kid)
    };
    let mut fitting = keys.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (None, _) => Err(Fault::UnknownKey),
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => wrong("the ID token does not say which of the provider's keys signed it"),
    }
}

fn is_signed(key: &Key, alg: &str, signed: &[u8], signature: &[u8]) -> bool {
    let part = |text: &Option<String>| text.as_deref().and_then(bytes);
    if alg == "RS256" {
        let (Some(n), Some(e)) = (part(&key.n), part(&key.e)) else { return false };
        // Some providers write a leading zero, which is no digit of the number.
        let digits = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
        let key = RsaPublicKeyComponents { n: digits(&n), e: digits(&e) };
        return key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok();
    }
    let (Some(x), Some(y)) = (part(&key.x), part(&key.y)) else { return false };
    if x.len() != 32 || y.len() != 32 {
        return false;
    }
    let point = [[4].as_slice(), &x, &y].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
}

/// A time of a claim: whole seconds, whatever follows the dot.
fn time(claims: &Claims, name: &str) -> Result<Option<i64>, Fault> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let text = number.to_string();
            let whole = text.split('.').next().unwrap_or_default().parse();
            whole.map(Some).or_else(|_| wrong(format!("the claim {name} of the ID token is no time")))
        }
        Some(_) => wrong(format!("the claim {name} of the ID token is no time")),
    }
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), Fault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return wrong("the ID token comes from another issuer");
    }
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audience.contains(&expected.client) {
        return wrong("the ID token is meant for another client");
    }
    match claims.get("azp").filter(|party| !party.is_null()) {
        None if audience.len() > 1 => {
            return wrong("the ID token is meant for several clients and does not say for whom");
        }
        None => {}
        Some(party) if party.as_str() == Some(expected.client) => {}
        Some(_) => return wrong("the ID token was made for another client"),
    }
    let now = expected.now.micros().div_euclid(1_000_000);
    match time(claims, "exp")? {
        Some(until) if now < until.saturating_add(SKEW) => {}
        Some(_) => return wrong("the ID token has expired; is the clock of one of the machines wrong?"),
        None => return wrong("the ID token does not say until when it is good"),
    }
    let begins = time(claims, "nbf")?.into_iter().chain(Some(time(claims, "iat")?.unwrap_or(i64::MAX)));
    if begins.into_iter().any(|from| from > now.saturating_add(SKEW)) {
        return wrong("the ID token is not good yet; is the clock of one of the machines wrong?");
    }
    let nonce = text("nonce").unwrap_or_default();
    if verify_slices_are_equal(nonce.as_bytes(), expected.nonce.as_bytes()).is_err() {
        return wrong("the ID token belongs to another login");
    }
    if !text("sub").is_some_and(|subject| !subject.is_empty() && subject.len() <= SUBJECT) {
        return wrong("the ID token names no person");
    }
    if let Some(since) = expected.since {
        let proved = authenticated(claims)?;
        if proved.is_none_or(|proved| proved < since.micros().div_euclid(1_000_000) - SKEW) {
            return wrong("the provider does not say that you logged in just now");
        }
    }
    Ok(())
}

/// When the person last proved at the provider who they are, in seconds; `None` where it does not say.
pub(super) fn authenticated(claims: &Claims) -> Result<Option<i64>, Fault> {
    time(claims, "auth_time")
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
