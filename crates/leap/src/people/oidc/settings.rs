//! `[login.oidc]` of `leap.toml`: which provider, and what its groups mean here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leap_terms::Grant;
use reqwest::Url;
use serde::Deserialize;

use crate::failure::Failure;

/// `[login]`.
#[derive(Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LoginSettings {
    /// An OpenID provider.
    pub(crate) oidc: Option<OidcSettings>,
}

/// `[login.oidc]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcSettings {
    /// The provider's issuer, to the letter.
    pub(crate) issuer: String,
    /// As what leap is known there.
    pub(crate) client_id: String,
    /// The environment variable that holds the client's secret.
    #[serde(default = "secret_variable")]
    pub(crate) secret_variable: String,
    /// A file that holds it; the variable counts before it.
    pub(crate) secret_file: Option<PathBuf>,
    /// What people read on the button.
    #[serde(default = "label")]
    pub(crate) label: String,
    /// What is asked for besides `openid`.
    #[serde(default = "scopes")]
    pub(crate) scopes: Vec<String>,
    /// The claim that a new person's name is made from.
    #[serde(default = "name_claim")]
    pub(crate) name_claim: String,
    /// The claim that holds a person's groups; dots lead into objects (`realm_access.roles`).
    #[serde(default = "groups_claim")]
    pub(crate) groups_claim: String,
    /// True where somebody without a login gets one by logging in at the provider.
    #[serde(default)]
    pub(crate) add_people: bool,
    /// Seconds that one request to the provider may take.
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    /// `[login.oidc.groups]`: the roles of who is in a group.
    #[serde(default)]
    pub(crate) groups: BTreeMap<String, Vec<String>>,
}

fn secret_variable() -> String {
    "LEAP_OIDC_SECRET".to_owned()
}

fn label() -> String {
    "single sign-on".to_owned()
}

fn scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

fn name_claim() -> String {
    "preferred_username".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

fn timeout_seconds() -> u64 {
    10
}

/// A refusal of a setting.
fn wrong(setting: &str, message: &str) -> Failure {
    Failure::usage(format!("leap.toml: login.oidc.{setting}: {message}"))
}

/// An address of the provider, encrypted or on this machine.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("'{}' is no address: {error}", text.escape_debug()))?;
    let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !(here && url.scheme() == "http") {
        return Err(format!("'{}' is not encrypted; write https://", text.escape_debug()));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(format!("'{}' holds a user, a password or a fragment", text.escape_debug()));
    }
    Ok(url)
}

impl OidcSettings {
    /// The issuer as an address.
    pub(super) fn issuer_url(&self) -> Result<Url, Failure> {
        let url = address(&self.issuer).map_err(|message| wrong("issuer", &message))?;
        if url.query().is_some() {
            return Err(wrong("issuer", "it has a query; write it as the provider's own documentation does"));
        }
        if self.client_id.is_empty() {
            return Err(wrong("client_id", "it is empty; the provider shows it where leap was registered"));
        }
        Ok(url)
    }

    /// What groups mean.
    pub(super) fn grants(&self) -> Result<BTreeMap<String, Vec<Grant>>, Failure> {
        let grant = |text: &String| text.parse::<Grant>();
        let all = self.groups.iter().map(|(group, roles)| {
            let roles = roles.iter().map(grant).collect::<Result<Vec<_>, _>>();
            roles.map(|roles| (group.clone(), roles)).map_err(|error| wrong(&format!("groups.\"{group}\""), &error))
        });
        all.collect()
    }

    /// The client's secret; `None` for a client without one, which PKCE alone protects.
    pub(super) fn secret(&self) -> Result<Option<String>, Failure> {
        let of_variable = match std::env::var(&self.secret_variable) {
            Ok(text) => Some(text),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(wrong("secret_variable", &format!("what is in {} is not UTF-8", self.secret_variable)));
            }
        };
        let text = match (of_variable.filter(|text| !text.trim().is_empty()), &self.secret_file) {
            (Some(text), _) => text,
            (None, None) => return Ok(None),
            (None, Some(file)) => std::fs::read_to_string(file)
                .map_err(|error| wrong("secret_file", &format!("could not read {}: {error}", file.display())))?,
        };
        match text.trim() {
            "" => Err(wrong("secret_file", "it is empty; write the client's secret into it")),
            secret => Ok(Some(secret.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str) -> OidcSettings {
        toml::from_str(&format!("issuer = \"https://login.example.com\"\nclient_id = \"leap\"\n{more}")).unwrap()
    }

    #[test]
    fn settings_are_read_and_wrong_ones_are_named() {
        let settings_of = settings("[groups]\n\"pay leads\" = [\"team-lead@payments\", \"viewer\"]\n");
        let grants = settings_of.grants().unwrap();
        assert_eq!(
            grants["pay leads"].iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["team-lead@payments", "viewer"]
        );
        assert_eq!(settings_of.issuer_url().unwrap().as_str(), "https://login.example.com/");
        let error = settings("[groups]\nx = [\"king\"]\n").grants().unwrap_err();
        assert!(error.message.contains("login.oidc.groups.\"x\": 'king' is no role"), "{}", error.message);
        for (issuer, word) in [
            ("http://login.example.com", "not encrypted"),
            ("https://u:p@login.example.com", "a password"),
            ("https://login.example.com?x=1", "a query"),
            ("login", "no address"),
        ] {
            let error = OidcSettings { issuer: issuer.to_owned(), ..settings("") }.issuer_url().unwrap_err();
            assert!(error.message.contains(word), "{issuer}: {}", error.message);
        }
        assert!(address("http://127.0.0.1:8080/realms/a").is_ok());
        assert!(
            toml::from_str::<LoginSettings>("[oidc]\nissuer = \"x\"\nclient_id = \"y\"\nsecret = \"z\"\n").is_err()
        );
    }
}
