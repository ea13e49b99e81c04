//! Asks a Backstage for its groups and users, where an org is named by an address instead of a file.
//!
//! ```text
//! LEAP_BACKSTAGE_TOKEN=… leap org plan https://backstage.example/api/catalog --effective 2026-07-01
//! ```
//! What comes back becomes catalog files (`leap_orient::org::sources::backstage_api`), which are read like any other. An org
//! that came in part would end units that still exist, so anything short of all pages is a refusal. The token comes from the
//! environment, goes only to the host that was named, and is in no message. Redirects are not followed.

use std::path::Path;
use std::time::Duration;

use leap_orient::org::sources::backstage_api::{CatalogKind, CatalogPage};
use leap_terms::limits;
use reqwest::header::{AUTHORIZATION, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::clock;
use crate::config::Files;
use crate::failure::Failure;
use crate::home::BackstageSettings;

/// Entities that are asked for at once.
const PAGE: usize = 500;
/// How often a request is sent until the catalog is called overloaded.
const TRIES: u32 = 4;
/// The longest wait that a catalog may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);

/// The address that a person wrote where a file could stand.
pub(crate) fn address(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.starts_with("https://") || text.starts_with("http://"))
}

/// The groups and users of the catalog at an address, as files.
pub(crate) async fn read(address: &str, settings: &BackstageSettings) -> Result<Files, Failure> {
    let mut catalog = Catalog::at(address, settings)?;
    let mut files = Files::new();
    for mut kind in [CatalogKind::groups(), CatalogKind::users()] {
        let older = match catalog.by_query(&mut kind).await? {
            Found::All => false,
            Found::NoSuchPage => true,
        };
        if older {
            catalog.by_offset(&mut kind).await?;
        }
        if !kind.is_empty() {
            files.push((format!("{}s.yaml", kind.kind()), kind.file().into_bytes()));
        } else if kind.kind() == "group" {
            return Err(Failure::usage(format!("the catalog at {address} has no groups; may this token read them?")));
        }
    }
    Ok(files)
}

/// Whether an installation knows a way of asking.
enum Found {
    All,
    NoSuchPage,
}

struct Catalog<'s> {
    client: Client,
    base: Url,
    token: Option<HeaderValue>,
    settings: &'s BackstageSettings,
    bytes: u64,
}

impl<'s> Catalog<'s> {
    fn at(address: &str, settings: &'s BackstageSettings) -> Result<Catalog<'s>, Failure> {
        let base: Url =
            address.parse().map_err(|error| Failure::usage(format!("'{address}' is no address: {error}")))?;
        // The address is shown and kept; whatever is secret does not belong there.
        if !base.username().is_empty() || base.password().is_some() {
            return Err(Failure::usage(format!(
                "the address holds a user or password; put a token into {} instead",
                settings.token_variable
            )));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(Failure::usage(format!(
                "'{address}' has a query; name the catalog alone: https://backstage.example/api/catalog"
            )));
        }
        let token = match std::env::var(&settings.token_variable) {
            Ok(text) if text.trim().is_empty() => None,
            Err(std::env::VarError::NotPresent) => None,
            Ok(text) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim())).map_err(|_| {
                    Failure::usage(format!("the token in {} has characters that none has", settings.token_variable))
                })?;
                value.set_sensitive(true);
                Some(value)
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Failure::usage(format!("the token in {} is not UTF-8", settings.token_variable)));
            }
        };
        let here = base.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if token.is_some() && base.scheme() != "https" && !here {
            return Err(Failure::usage(format!(
                "{address} is not encrypted: everybody on the way could read the token; use https://"
            )));
        }
        let client = Client::builder()
            .user_agent(concat!("leap/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(Duration::from_secs(settings.timeout_seconds))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::from_error(&error))?;
        Ok(Catalog { client, base, token, settings, bytes: 0 })
    }

    /// All entities of a kind, page after page.
    async fn by_query(&mut self, kind: &mut CatalogKind) -> Result<Found, Failure> {
        let url = self.url(&["entities", "by-query"]);
        let filter = format!("kind={}", kind.kind());
        let (fields, limit) = (kind.fields(), PAGE.to_string());
        let mut cursor: Option<String> = None;
        for _ in 0..limits::CATALOG_PAGES {
            // A cursor holds the filter of the query that it comes from.
            let start = match &cursor {
                Some(cursor) => ("cursor", cursor.as_str()),
                None => ("filter", filter.as_str()),
            };
            let asked = [start, ("fields", fields.as_str()), ("limit", limit.as_str())];
            let Some(page) = self.page(&url, &asked).await? else {
                return if cursor.is_none() { Ok(Found::NoSuchPage) } else { Err(self.wrong("a page of it is gone")) };
            };
            kind.take(page.items).map_err(|message| self.wrong(&message))?;
            match page.next {
                Some(next) if cursor.as_ref() == Some(&next) => {
                    return Err(self.wrong("a page names itself as the next one"));
                }
                Some(next) => cursor = Some(next),
                None => {
                    let came = kind.len() as u64;
                    return match page.total.filter(|total| *total != came) {
                        None => Ok(Found::All),
                        Some(total) => Err(Failure::try_again(format!(
                            "{} has {total} entities of kind {}, and {came} came; it may have changed meanwhile: try again",
                            self.base,
                            kind.kind()
                        ))),
                    };
                }
            }
        }
        Err(self.too_many_pages())
    }

    /// The same from an installation that does not know `by-query`. It does not say how many there are: pages are read until
    /// one brings nothing new.
    async fn by_offset(&mut self, kind: &mut CatalogKind) -> Result<(), Failure> {
        let url = self.url(&["entities"]);
        let filter = format!("kind={}", kind.kind());
        let (fields, limit) = (kind.fields(), PAGE.to_string());
        let mut offset = 0;
        for _ in 0..limits::CATALOG_PAGES {
            let from = offset.to_string();
            let asked =
                [("filter", filter.as_str()), ("fields", &fields), ("offset", from.as_str()), ("limit", &limit)];
            let Some(page) = self.page(&url, &asked).await? else {
                return Err(Failure::usage(format!(
                    "there is no catalog at {}; its address usually ends in /api/catalog",
                    self.base
                )));
            };
            offset += page.items.len();
            if kind.take(page.items).map_err(|message| self.wrong(&message))? == 0 {
                return Ok(());
            }
        }
        Err(self.too_many_pages())
    }

    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// One page; `None` where there is no such page.
    async fn page(&mut self, url: &Url, asked: &[(&str, &str)]) -> Result<Option<CatalogPage>, Failure> {
        let mut tries = 0;
        let response = loop {
            let mut request = self.client.get(url.clone()).query(asked).header("accept", "application/json");
            if let Some(token) = &self.token {
                request = request.header(AUTHORIZATION, token.clone());
            }
            let response = request.send().await.map_err(|error| self.unreachable(error))?;
            let status = response.status();
            if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                break response;
            }
            tries += 1;
            let wait = asked_wait(&response).unwrap_or(Duration::from_secs(1 << tries.min(5)));
            if tries == TRIES || wait > LONGEST_WAIT {
                return Err(Failure::try_again(format!(
                    "{} answered {status} {tries} times{}; try again later",
                    self.base,
                    if wait > LONGEST_WAIT {
                        format!(" and asks for {} s of patience", wait.as_secs())
                    } else {
                        String::new()
                    }
                )));
            }
            tracing::info!("{} answered {status}; asking again in {} s", self.base, wait.as_secs());
            tokio::time::sleep(wait).await;
        };
        self.status(&response)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let bytes = self.body(response).await?;
        let page = CatalogPage::read(&bytes).map_err(|message| {
            Failure::usage(format!(
                "{} does not answer like a Backstage catalog: {message}\n  help: the address usually ends in /api/catalog; \
                 a page of HTML comes from another part of Backstage, or from a login in front of it",
                self.base
            ))
        })?;
        Ok(Some(page))
    }

    fn status(&self, response: &Response) -> Result<(), Failure> {
        let (status, base, variable) = (response.status(), &self.base, &self.settings.token_variable);
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            return Err(Failure::usage(match (&self.token, status) {
                (None, _) => format!("{base} answered {status}: it wants a token; put one into {variable}"),
                (Some(_), StatusCode::FORBIDDEN) => {
                    format!("{base} answered {status}: the token in {variable} may not read groups and users")
                }
                (Some(_), _) => format!("{base} answered {status}: the token in {variable} is wrong or has expired"),
            }));
        }
        if status.is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("another place");
            return Err(Failure::usage(format!(
                "{base} sends on to {}; redirects are not followed: name the catalog's own address",
                to.split(['?', '#']).next().unwrap_or(to).escape_debug()
            )));
        }
        if !status.is_success() && status != StatusCode::NOT_FOUND {
            return Err(self.wrong(&format!("it answered {status}")));
        }
        Ok(())
    }

    /// The body, as long as all bodies together stay within the limit of an org's files.
    async fn body(&mut self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            self.bytes += chunk.len() as u64;
            if self.bytes > limits::CONFIG_BYTES {
                return Err(self.wrong(&format!("it is larger than the limit CONFIG_BYTES, {}", limits::CONFIG_BYTES)));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let timeout = error.is_timeout();
        let failure = Failure::from_error(&error.without_url());
        let late = if timeout {
            format!(" (backstage.timeout_seconds is {})", self.settings.timeout_seconds)
        } else {
            String::new()
        };
        Failure {
            message: format!("could not read the catalog at {}: {}{late}", self.base, failure.message),
            ..failure
        }
    }

    fn wrong(&self, message: &str) -> Failure {
        Failure::failed(format!("could not read the catalog at {}: {message}; nothing was changed", self.base))
    }

    fn too_many_pages(&self) -> Failure {
        self.wrong(&format!("it has more pages than the limit CATALOG_PAGES, {}", limits::CATALOG_PAGES))
    }
}

/// How long a catalog asks to be left alone: seconds, or an instant.
fn asked_wait(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = OffsetDateTime::parse(text, &Rfc2822).ok()?.unix_timestamp();
    let now = clock::now().micros().div_euclid(1_000_000);
    Some(Duration::from_secs(u64::try_from(until - now).unwrap_or(0)))
}
