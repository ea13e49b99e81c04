//! Where a book is kept.
//!
//! ```text
//! sqlite:/srv/ana/.leap/book.db       a file; spaces and ? are part of its name
//! postgres://leap@db.acme.com/leap     a database; `?options=-csearch_path=leap` names a schema in it
//! ```

use std::path::{Path, PathBuf};

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection, Row};

use crate::error::BookError;

/// How long a statement waits for another process's transaction.
const BUSY_MILLISECONDS: u32 = 10_000;

/// The address of a book.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    kind: Kind,
    shown: String,
}

#[derive(Clone, Debug)]
enum Kind {
    File(PathBuf),
    Server(String),
}

impl Place {
    pub(crate) fn parse(url: &str) -> Result<Place, BookError> {
        let refuse = |fault: &str| BookError::Url { url: without_password(url), fault: fault.to_owned() };
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('\0') {
                return Err(refuse("it names no file"));
            }
            return Ok(Place::file(Path::new(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Place { kind: Kind::Server(url.to_owned()), shown: without_password(url) });
        }
        Err(refuse("it starts with neither sqlite: nor postgres://"))
    }

    pub(crate) fn file(path: &Path) -> Place {
        Place { kind: Kind::File(path.to_owned()), shown: path.display().to_string() }
    }

    /// For people: the path, or the URL without password and parameters.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The file, when it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::File(path) => Some(path),
            Kind::Server(_) => None,
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        self.path().is_some()
    }

    pub(crate) fn options(&self) -> Result<AnyConnectOptions, BookError> {
        let url = match &self.kind {
            Kind::File(path) => format!("sqlite:{}?mode=rwc", percent_encoded(&path.to_string_lossy())),
            Kind::Server(url) => url.clone(),
        };
        url.parse().map_err(|error: sqlx::Error| BookError::Url { url: self.shown.clone(), fault: error.to_string() })
    }

    /// Connects once, without a pool, so that a server that is down is told at once.
    pub(crate) async fn connect(&self) -> Result<AnyConnection, BookError> {
        let mut connection = AnyConnection::connect_with(&self.options()?)
            .await
            .map_err(|error| BookError::of(error, "connect", self))?;
        self.prepare(&mut connection).await.map_err(|error| BookError::of(error, "prepare a connection", self))?;
        Ok(connection)
    }

    /// Makes a fresh connection as safe as the book needs it.
    pub(crate) async fn prepare(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        match &self.kind {
            Kind::File(_) => {
                let settings = format!(
                    "PRAGMA busy_timeout = {BUSY_MILLISECONDS}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                     PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA cell_size_check = ON;
                     PRAGMA trusted_schema = OFF"
                );
                sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(&mut *connection).await?;
                write_ahead(connection).await
            }
            // A server told to acknowledge before its disk has the commit would break our promise of durability.
            Kind::Server(_) => sqlx::raw_sql(
                "SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') = 'off'",
            )
            .execute(connection)
            .await
            .map(|_| ()),
        }
    }
}

/// Switches a new file to write-ahead logging. The switch needs the file alone and does not wait for it by itself.
async fn write_ahead(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let mode: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await?.try_get(0)?;
    if mode == "wal" {
        return Ok(());
    }
    let mut attempts = 0;
    loop {
        match sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) if attempts == BUSY_MILLISECONDS / 100 => return Err(error),
            Err(_) => attempts += 1,
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn percent_encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}@{host}", user.split_once(':').map_or(user, |(name, _)| name)),
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_any_name() {
        let place = Place::parse("sqlite:/srv/ana/my bills?/book%1.db").unwrap();
        assert_eq!(place.path(), Some(Path::new("/srv/ana/my bills?/book%1.db")));
        assert!(place.options().unwrap().database_url.as_str().contains("my%20bills%3F/book%251.db"));
        assert_eq!(Place::parse("sqlite:///srv/book.db").unwrap().path(), Some(Path::new("/srv/book.db")));
    }

    #[test]
    fn a_password_is_never_shown() {
        let place = Place::parse("postgres://leap:s3cret@db.acme.com:5432/leap?password=s3cret").unwrap();
        assert_eq!(place.shown(), "postgres://leap@db.acme.com:5432/leap");
        let error = Place::parse("mysql://leap:s3cret@db/leap").unwrap_err().to_string();
        assert!(error.contains("neither sqlite: nor postgres://") && !error.contains("s3cret"), "{error}");
        assert!(Place::parse("sqlite:").is_err());
    }
}
