//! What people come in with once they are known: sessions of browsers, tokens of programs.
//!
//! ```text
//! session  ana  of 2026-11-27T08:00:00Z, proved 08:00, last seen 09:12
//! token 3  ana  "grafana"  payments  until 2027-02-25  last used 2026-11-27
//! ```
//! The book has digests of what the person holds, never a secret.
//!
//! Does not know for how long a session is good, looks at no clock.

use leap_terms::{Digest, Instant, TeamId};
use serde_json::json;
use sqlx::Row;

use crate::account::{Account, entry, one, read, unit_of, unit_text};
use crate::audit;
use crate::book::Book;
use crate::error::BookError;
use crate::rows::{self, Cell, Record};

const SESSION_COLUMNS: [&str; 5] = ["digest", "account", "opened_at", "authenticated_at", "seen_at"];
const TOKEN_COLUMNS: [&str; 9] =
    ["digest", "number", "account", "label", "unit", "created_at", "expires_at", "used_at", "revoked_at"];

/// A session, by the digest of its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Digest of what the browser holds.
    pub digest: Digest,
    /// Whose.
    pub account: String,
    /// When it began.
    pub opened_at: Instant,
    /// When the person last proved who they are.
    pub authenticated_at: Instant,
    /// When it was last used, to the minute.
    pub seen_at: Instant,
}

/// A token for programs, by the digest of its secret. It reads, and does nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Digest of what the program holds.
    pub digest: Digest,
    /// Number, from 1.
    pub number: i64,
    /// Whose rights it has.
    pub account: String,
    /// What it is for.
    pub label: String,
    /// Only this unit; `None`: all that the person reads.
    pub unit: Option<TeamId>,
    /// When it was made.
    pub created_at: Instant,
    /// When it ends by itself.
    pub expires_at: Instant,
    /// When it was last used, to the minute.
    pub used_at: Option<Instant>,
    /// When somebody ended it.
    pub revoked_at: Option<Instant>,
}

impl Book {
    /// Begins a session of who logged in by `password` or `openid`.
    ///
    /// # Errors
    /// [`BookError::NoAccount`]; others when the book cannot be written.
    pub async fn open_session(&self, session: &Session, by: &str) -> Result<(), BookError> {
        let doing = "begin a session";
        let name = &session.account;
        let mut transaction = self.writing(doing).await?;
        one(&mut transaction, &self.place, name).await?;
        let row = vec![
            Cell::text(session.digest),
            Cell::text(name),
            Cell::at(session.opened_at),
            Cell::at(session.authenticated_at),
            Cell::at(session.seen_at),
        ];
        rows::insert(&mut transaction, "session", &SESSION_COLUMNS, row).await.map_err(self.failed(doing))?;
        let logged_in = entry(session.opened_at, name, "logged in", name, json!({ "by": by }));
        audit::append(&mut transaction, &self.place, &logged_in, None).await?;
        self.commit(transaction, doing).await
    }

    /// The session of a secret, with its person, however old.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn session(&self, digest: Digest) -> Result<Option<(Session, Account)>, BookError> {
        let doing = "read a session";
        let mut transaction = self.reading(doing).await?;
        let row = sqlx::query("SELECT * FROM session WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        let Some(row) = row else { return Ok(None) };
        let session = session(&Record { row: &row, of: "session", place: &self.place })?;
        let account = read(&mut transaction, &self.place, Some(&session.account)).await?.pop();
        Ok(account.map(|account| (session, account)))
    }

    /// A person's sessions, however old; the newest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn sessions(&self, name: &str) -> Result<Vec<Session>, BookError> {
        let doing = "read the sessions";
        let rows = sqlx::query("SELECT * FROM session WHERE account = $1 ORDER BY opened_at DESC, digest")
            .bind(name.to_owned())
            .fetch_all(&mut *self.connection().await?)
            .await
            .map_err(self.failed(doing))?;
        rows.iter().map(|row| session(&Record { row, of: "session", place: &self.place })).collect()
    }

    /// Ends these sessions of a person, and no one else's; returns how many there were.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written.
    pub async fn end_sessions_of(&self, name: &str, ended: &[Digest], at: Instant) -> Result<u64, BookError> {
        let doing = "end sessions";
        let mut transaction = self.writing(doing).await?;
        let mut count = 0;
        for digest in ended {
            count += sqlx::query("DELETE FROM session WHERE account = $1 AND digest = $2")
                .bind(name.to_owned())
                .bind(digest.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(self.failed(doing))?
                .rows_affected();
        }
        if count > 0 {
            let done = entry(at, name, "sessions ended", name, json!({ "count": count }));
            audit::append(&mut transaction, &self.place, &done, None).await?;
        }
        self.commit(transaction, doing).await?;
        Ok(count)
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written.
    pub async fn touch_session(&self, digest: Digest, at: Instant) -> Result<(), BookError> {
        self.touch("UPDATE session SET seen_at = $2 WHERE digest = $1 AND seen_at < $2", digest, at).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written.
    pub async fn end_session(&self, digest: Digest) -> Result<(), BookError> {
        let doing = "end a session";
        let mut transaction = self.writing(doing).await?;
        sqlx::query("DELETE FROM session WHERE digest = $1")
            .bind(digest.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        self.commit(transaction, doing).await
    }

    /// Makes a token; returns its number.
    ///
    /// # Errors
    /// [`BookError::NoAccount`]; others when the book cannot be written.
    pub async fn add_token(&self, token: &Token, actor: &str) -> Result<i64, BookError> {
        let doing = "make a token";
        let mut transaction = self.writing(doing).await?;
        one(&mut transaction, &self.place, &token.account).await?;
        let newest: i64 = sqlx::query("SELECT COALESCE(MAX(number), 0) AS newest FROM token")
            .fetch_one(&mut *transaction)
            .await
            .and_then(|row| row.try_get("newest"))
            .map_err(self.failed(doing))?;
        let row = vec![
            Cell::text(token.digest),
            Cell::Int(newest + 1),
            Cell::text(&token.account),
            Cell::text(rows::storable(&token.label)),
            Cell::text(unit_text(token.unit.as_ref())),
            Cell::at(token.created_at),
            Cell::at(token.expires_at),
            Cell::NoInt,
            Cell::NoInt,
        ];
        rows::insert(&mut transaction, "token", &TOKEN_COLUMNS, row).await.map_err(self.failed(doing))?;
        let detail = json!({
            "expires_at": token.expires_at.micros(),
            "label": token.label,
            "number": newest + 1,
            "unit": token.unit.as_ref().map(TeamId::as_str),
        });
        let made = entry(token.created_at, actor, "token made", &token.account, detail);
        audit::append(&mut transaction, &self.place, &made, None).await?;
        self.commit(transaction, doing).await?;
        Ok(newest + 1)
    }

    /// All tokens, by number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn tokens(&self) -> Result<Vec<Token>, BookError> {
        let doing = "read the tokens";
        let rows = sqlx::query("SELECT * FROM token ORDER BY number")
            .fetch_all(&mut *self.connection().await?)
            .await
            .map_err(self.failed(doing))?;
        rows.iter().map(|row| token(&Record { row, of: "token", place: &self.place })).collect()
    }

    /// The token of a secret, with its person, however old and whether or not it was ended.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn token(&self, digest: Digest) -> Result<Option<(Token, Account)>, BookError> {
        let doing = "read a token";
        let mut transaction = self.reading(doing).await?;
        let row = sqlx::query("SELECT * FROM token WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        let Some(row) = row else { return Ok(None) };
        let token = token(&Record { row: &row, of: "token", place: &self.place })?;
        let account = read(&mut transaction, &self.place, Some(&token.account)).await?.pop();
        Ok(account.map(|account| (token, account)))
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written.
    pub async fn touch_token(&self, digest: Digest, at: Instant) -> Result<(), BookError> {
        let sql = "UPDATE token SET used_at = $2 WHERE digest = $1 AND (used_at IS NULL OR used_at < $2)";
        self.touch(sql, digest, at).await
    }

    /// Ends a token; false where it had ended already.
    ///
    /// # Errors
    /// [`BookError::NoToken`]; others when the book cannot be written.
    pub async fn revoke_token(&self, number: i64, actor: &str, at: Instant) -> Result<bool, BookError> {
        let doing = "end a token";
        let mut transaction = self.writing(doing).await?;
        let row = sqlx::query("SELECT * FROM token WHERE number = $1")
            .bind(number)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        let Some(row) = row else { return Err(BookError::NoToken(number)) };
        let found = token(&Record { row: &row, of: "token", place: &self.place })?;
        if found.revoked_at.is_some() {
            return Ok(false);
        }
        sqlx::query("UPDATE token SET revoked_at = $2 WHERE number = $1")
            .bind(number)
            .bind(at.micros())
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        let ended = entry(at, actor, "token revoked", &found.account, json!({ "number": number }));
        audit::append(&mut transaction, &self.place, &ended, None).await?;
        self.commit(transaction, doing).await?;
        Ok(true)
    }

    async fn touch(&self, sql: &'static str, digest: Digest, at: Instant) -> Result<(), BookError> {
        let doing = "note a use";
        let mut transaction = self.writing(doing).await?;
        sqlx::query(sql)
            .bind(digest.to_string())
            .bind(at.micros())
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        self.commit(transaction, doing).await
    }
}

fn session(record: &Record<'_>) -> Result<Session, BookError> {
    Ok(Session {
        digest: record.read("digest", str::parse)?,
        account: record.text("account")?,
        opened_at: record.at("opened_at")?,
        authenticated_at: record.at("authenticated_at")?,
        seen_at: record.at("seen_at")?,
    })
}

fn token(record: &Record<'_>) -> Result<Token, BookError> {
    Ok(Token {
        digest: record.read("digest", str::parse)?,
        number: record.int("number")?,
        account: record.text("account")?,
        label: record.text("label")?,
        unit: record.read("unit", unit_of)?,
        created_at: record.at("created_at")?,
        expires_at: record.at("expires_at")?,
        used_at: record.maybe_int("used_at")?.map(Instant::from_micros),
        revoked_at: record.maybe_int("revoked_at")?.map(Instant::from_micros),
    })
}
