//! The rule sets, orgs, pools, rates, claims, business volumes, budgets and contracts that were ever applied, with
//! their files.
//!
//! ```text
//! snapshot 12   rules 3   org 1   pools 2   rates 1   claims none
//! pools 2       pools.yaml (09c1…), kafka.csv (4bf0…)
//! ```
//! A content is kept once, however many versions hold it: a rule set whose 60 MB mapping did not change costs its
//! `rules.yaml`. Does not read the files: what they mean, and from which day each line of them holds, is the business
//! of the stages.

use std::collections::BTreeSet;

use leap_terms::{Digest, Instant};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Insert, Record};
use crate::snapshot;

/// What is versioned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ConfigKind {
    /// The rule set: `rules.yaml` and its mappings.
    Rules,
    /// The org: `org.yaml`, catalogs, CODEOWNERS.
    Org,
    /// Shared platforms: `pools.yaml` and its drivers.
    Pools,
    /// Exchange rates per month.
    Rates,
    /// Accepted claims, as rules above all rules.
    Claims,
    /// Business volume per metric and day.
    Volume,
    /// Budgets: `budgets.yaml` and its tables.
    Budgets,
    /// Contracts: `contracts.yaml` and the OpenSLO documents that it names.
    Contracts,
}

impl ConfigKind {
    /// All kinds.
    pub const ALL: [ConfigKind; 8] = [
        ConfigKind::Rules,
        ConfigKind::Org,
        ConfigKind::Pools,
        ConfigKind::Rates,
        ConfigKind::Claims,
        ConfigKind::Volume,
        ConfigKind::Budgets,
        ConfigKind::Contracts,
    ];

    /// The word in the database and in messages.
    pub fn word(self) -> &'static str {
        match self {
            ConfigKind::Rules => "rules",
            ConfigKind::Org => "org",
            ConfigKind::Pools => "pools",
            ConfigKind::Rates => "rates",
            ConfigKind::Claims => "claims",
            ConfigKind::Volume => "volume",
            ConfigKind::Budgets => "budgets",
            ConfigKind::Contracts => "contracts",
        }
    }

    /// The column of a snapshot's row that names the version in force.
    pub(crate) const fn column(self) -> &'static str {
        match self {
            ConfigKind::Rules => "rules_version",
            ConfigKind::Org => "org_version",
            ConfigKind::Pools => "pools_version",
            ConfigKind::Rates => "rates_version",
            ConfigKind::Claims => "claims_version",
            ConfigKind::Volume => "volume_version",
            ConfigKind::Budgets => "budgets_version",
            ConfigKind::Contracts => "contracts_version",
        }
    }
}

/// The files of one kind, as they were applied. Without any file it stands for "none": applying that takes the kind
/// out of force.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConfigFiles {
    /// Name (relative to the main file) and content; the main file first.
    pub files: Vec<(String, Vec<u8>)>,
}

impl ConfigFiles {
    /// The digest of names and contents, in order of names.
    pub fn digest(&self) -> Digest {
        let mut files: Vec<_> = self.files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        files.sort_unstable();
        let mut text = String::new();
        for (name, content) in files {
            // Lengths stand before names, so that no name can look like the next line.
            text.push_str(&format!("{} {name} {}\n", name.len(), Digest::of(content)));
        }
        Digest::of(text.as_bytes())
    }
}

/// A version with its files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigVersion {
    /// Number, from 1, per kind.
    pub id: i64,
    /// [`ConfigFiles::digest`].
    pub digest: Digest,
    /// When it was applied.
    pub recorded_at: Instant,
    /// Who applied it.
    pub actor: String,
    /// Name and content, the main file first.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A version without its contents, for lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigSummary {
    /// Number, from 1, per kind.
    pub id: i64,
    /// [`ConfigFiles::digest`].
    pub digest: Digest,
    /// When it was applied.
    pub recorded_at: Instant,
    /// Who applied it.
    pub actor: String,
    /// Its files, the main file first.
    pub files: Vec<ConfigFile>,
}

/// One file of a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigFile {
    /// The name.
    pub name: String,
    /// Digest of the content.
    pub digest: Digest,
}

/// Text stays readable in the database; what is no text (or has a NUL) is stored in hexadecimal digits.
fn encode(content: &[u8]) -> (&'static str, String) {
    match std::str::from_utf8(content) {
        Ok(text) if !text.contains('\0') => ("utf-8", text.to_owned()),
        Ok(_) | Err(_) => ("hex", content.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}

fn decode(encoding: &str, content: String) -> Result<Vec<u8>, String> {
    match encoding {
        "utf-8" => Ok(content.into_bytes()),
        "hex" => content
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| "is not hexadecimal".to_owned()),
        other => Err(format!("unknown encoding '{other}'")),
    }
}

/// Those of the digests whose contents are there already: most files of a new version were in the one before.
async fn known_contents(connection: &mut AnyConnection, digests: &[String]) -> Result<BTreeSet<String>, sqlx::Error> {
    let mut known = BTreeSet::new();
    for chunk in digests.chunks(rows::rows_at_a_time(1)) {
        let placeholders = rows::placeholders(1, chunk.len());
        let sql = format!("SELECT digest FROM config_content WHERE digest IN ({placeholders})");
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for digest in chunk {
            query = query.bind(digest.as_str());
        }
        for row in query.fetch_all(&mut *connection).await? {
            known.insert(row.try_get("digest")?);
        }
    }
    Ok(known)
}

/// Records a new version and returns its number.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    place: &Place,
    kind: ConfigKind,
    files: &ConfigFiles,
    at: Instant,
    actor: &str,
) -> Result<i64, BookError> {
    let failed = |error| BookError::of(error, "record a version of the configuration", place);
    let mut names: Vec<&str> = files.files.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(BookError::ConfigTwice { kind: kind.word(), name: pair[0].to_owned() });
    }
    let newest: i64 = sqlx::query("SELECT COALESCE(MAX(version), 0) AS newest FROM config_version WHERE kind = $1")
        .bind(kind.word())
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get("newest"))
        .map_err(failed)?;
    let version = newest + 1;
    let row =
        vec![Cell::text(kind.word()), Cell::Int(version), Cell::text(files.digest()), Cell::at(at), Cell::text(actor)];
    rows::insert(connection, "config_version", &["kind", "version", "digest", "recorded_at", "actor"], row)
        .await
        .map_err(failed)?;
    let digests: Vec<String> = files.files.iter().map(|(_, content)| Digest::of(content).to_string()).collect();
    let mut known = known_contents(connection, &digests).await.map_err(failed)?;
    let mut contents = Insert::into("config_content", &["digest", "encoding", "content"]);
    let mut named = Insert::into("config_file", &["kind", "version", "ordinal", "name", "digest"]);
    for ((_, content), digest) in files.files.iter().zip(&digests) {
        if known.insert(digest.clone()) {
            let (encoding, text) = encode(content);
            let row = vec![Cell::text(digest), Cell::text(encoding), Cell::Text(text)];
            contents.row(connection, row).await.map_err(failed)?;
        }
    }
    contents.end(connection).await.map_err(failed)?;
    for (ordinal, ((name, _), digest)) in files.files.iter().zip(digests).enumerate() {
        let row = vec![
            Cell::text(kind.word()),
            Cell::Int(version),
            Cell::Int(ordinal as i64),
            Cell::text(name),
            Cell::Text(digest),
        ];
        named.row(connection, row).await.map_err(failed)?;
    }
    named.end(connection).await.map_err(failed)?;
    Ok(version)
}

pub(crate) async fn summaries(
    connection: &mut AnyConnection,
    place: &Place,
    kind: ConfigKind,
) -> Result<Vec<ConfigSummary>, BookError> {
    let failed = |error| BookError::of(error, "read the versions of the configuration", place);
    let versions = sqlx::query("SELECT * FROM config_version WHERE kind = $1 ORDER BY version")
        .bind(kind.word())
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let mut summaries = Vec::new();
    for row in &versions {
        let record = Record { row, of: "config_version", place };
        summaries.push(ConfigSummary {
            id: record.int("version")?,
            digest: record.read("digest", str::parse)?,
            recorded_at: record.at("recorded_at")?,
            actor: record.text("actor")?,
            files: Vec::new(),
        });
    }
    let files = sqlx::query("SELECT version, name, digest FROM config_file WHERE kind = $1 ORDER BY version, ordinal")
        .bind(kind.word())
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    for row in &files {
        let record = Record { row, of: "config_file", place };
        let version = record.int("version")?;
        if let Some(summary) = summaries.iter_mut().find(|summary| summary.id == version) {
            summary.files.push(ConfigFile { name: record.text("name")?, digest: record.read("digest", str::parse)? });
        }
    }
    Ok(summaries)
}

impl Book {
    /// The version of that number, of any kind.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or a digest differs.
    pub async fn config_version(&self, kind: ConfigKind, id: i64) -> Result<Option<ConfigVersion>, BookError> {
        let failed = self.failed("read a version of the configuration");
        let mut connection = self.connection().await?;
        let version = sqlx::query("SELECT * FROM config_version WHERE kind = $1 AND version = $2")
            .bind(kind.word())
            .bind(id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(&failed)?;
        let Some(version) = version else { return Ok(None) };
        let rows = sqlx::query(
            "SELECT config_file.name AS name, config_file.digest AS digest, encoding, content FROM config_file
             JOIN config_content ON config_content.digest = config_file.digest
             WHERE kind = $1 AND version = $2 ORDER BY ordinal",
        )
        .bind(kind.word())
        .bind(id)
        .fetch_all(&mut *connection)
        .await
        .map_err(&failed)?;
        let damaged = |fault: String| BookError::Damaged { place: self.place().to_owned(), fault };
        let mut files = Vec::new();
        for row in &rows {
            let record = Record { row, of: "config_content", place: &self.place };
            let name = record.text("name")?;
            let content = decode(&record.text("encoding")?, record.text("content")?)
                .map_err(|fault| damaged(format!("the content of {name} {fault}")))?;
            if Digest::of(&content) != record.read("digest", str::parse)? {
                return Err(damaged(format!("the content of {name} in {} {id} has another digest", kind.word())));
            }
            files.push((name, content));
        }
        let record = Record { row: &version, of: "config_version", place: &self.place };
        let version = ConfigVersion {
            id,
            digest: record.read("digest", str::parse)?,
            recorded_at: record.at("recorded_at")?,
            actor: record.text("actor")?,
            files,
        };
        let found = ConfigFiles { files: version.files.clone() }.digest();
        if found != version.digest {
            return Err(damaged(format!("the files of {} {id} have another digest", kind.word())));
        }
        Ok(Some(version))
    }

    /// The version of a kind that is in force at a snapshot, its digests checked; `None` where there is none.
    ///
    /// # Errors
    /// [`BookError::NoSnapshot`]; others when the book cannot be read.
    pub async fn config(&self, kind: ConfigKind, snapshot: i64) -> Result<Option<ConfigVersion>, BookError> {
        let snapshot = self.snapshot(snapshot).await?;
        let Some(id) = snapshot.config_version(kind) else { return Ok(None) };
        match self.config_version(kind, id).await? {
            Some(version) => Ok(Some(version)),
            None => Err(BookError::Damaged {
                place: self.place().to_owned(),
                fault: format!("snapshot {} names {} {id}, which is missing", snapshot.id, kind.word()),
            }),
        }
    }

    /// The rule set in force at a snapshot; its digests are checked.
    ///
    /// # Errors
    /// [`BookError`] when there is no such snapshot or the book cannot be read.
    pub async fn rules(&self, snapshot: i64) -> Result<Option<ConfigVersion>, BookError> {
        self.config(ConfigKind::Rules, snapshot).await
    }

    /// The org in force at a snapshot; its digests are checked.
    ///
    /// # Errors
    /// [`BookError`] when there is no such snapshot or the book cannot be read.
    pub async fn org(&self, snapshot: i64) -> Result<Option<ConfigVersion>, BookError> {
        self.config(ConfigKind::Org, snapshot).await
    }

    /// The rule set of that number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn rules_version(&self, id: i64) -> Result<Option<ConfigVersion>, BookError> {
        self.config_version(ConfigKind::Rules, id).await
    }

    /// The org of that number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn org_version(&self, id: i64) -> Result<Option<ConfigVersion>, BookError> {
        self.config_version(ConfigKind::Org, id).await
    }

    /// All rule sets ever applied, oldest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn rules_versions(&self) -> Result<Vec<ConfigSummary>, BookError> {
        summaries(&mut *self.connection().await?, &self.place, ConfigKind::Rules).await
    }

    /// All orgs ever applied, oldest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn org_versions(&self) -> Result<Vec<ConfigSummary>, BookError> {
        summaries(&mut *self.connection().await?, &self.place, ConfigKind::Org).await
    }

    /// All versions of a kind ever applied, oldest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn config_versions(&self, kind: ConfigKind) -> Result<Vec<ConfigSummary>, BookError> {
        summaries(&mut *self.connection().await?, &self.place, kind).await
    }

    /// The rule set and the org of the newest snapshot, read as of one moment.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn current_config(&self) -> Result<(Option<ConfigVersion>, Option<ConfigVersion>), BookError> {
        match snapshot::head(&mut *self.connection().await?, &self.place).await? {
            Some(head) => Ok((self.rules(head.id).await?, self.org(head.id).await?)),
            None => Ok((None, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back() {
        for content in [&b"rules: []\n"[..], b"", b"\xff\x00\x80", "\u{fc}\0".as_bytes()] {
            let (encoding, text) = encode(content);
            assert!(!text.contains('\0'));
            assert_eq!(decode(encoding, text).unwrap(), content);
        }
        assert!(decode("hex", "zz".to_owned()).is_err());
    }

    #[test]
    fn the_digest_knows_names_and_contents_but_no_order() {
        let file = |name: &str, content: &str| (name.to_owned(), content.as_bytes().to_vec());
        let digest = |files: Vec<(String, Vec<u8>)>| ConfigFiles { files }.digest();
        let one = digest(vec![file("a", "1"), file("b", "2")]);
        assert_eq!(one, digest(vec![file("b", "2"), file("a", "1")]));
        assert_ne!(one, digest(vec![file("a", "2"), file("b", "1")]));
        assert_ne!(one, digest(vec![file("a", "1")]));
    }
}
