//! The schema's history. A book is brought to the newest schema when it is opened, in one transaction; a book of a
//! newer leap is refused.
//!
//! To change the schema add a file to `migrations/` and a line to [`MIGRATIONS`]; never edit one that was released
//! (its digest is kept in each book). The files are plain SQL that SQLite and PostgreSQL read alike.

use leap_terms::Digest;
use sqlx::{AnyConnection, Row};

use crate::book::begin_writing;
use crate::error::BookError;
use crate::place::Place;

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 13] = [
    Migration { version: 1, name: "book", sql: include_str!("../migrations/0001_book.sql") },
    Migration { version: 2, name: "history", sql: include_str!("../migrations/0002_history.sql") },
    Migration { version: 3, name: "one total", sql: include_str!("../migrations/0003_one_total.sql") },
    Migration { version: 4, name: "traces", sql: include_str!("../migrations/0004_traces.sql") },
    Migration { version: 5, name: "accounts", sql: include_str!("../migrations/0005_accounts.sql") },
    Migration { version: 6, name: "volume", sql: include_str!("../migrations/0006_volume.sql") },
    Migration { version: 7, name: "logs of traces", sql: include_str!("../migrations/0007_trace_logs.sql") },
    Migration { version: 8, name: "metric series", sql: include_str!("../migrations/0008_metric_series.sql") },
    Migration { version: 9, name: "approvals", sql: include_str!("../migrations/0009_approvals.sql") },
    Migration { version: 10, name: "acting", sql: include_str!("../migrations/0010_acting.sql") },
    Migration { version: 11, name: "messages", sql: include_str!("../migrations/0011_messages.sql") },
    Migration {
        version: 12,
        name: "who is asked for a waiver",
        sql: include_str!("../migrations/0012_waiver_asked.sql"),
    },
    Migration { version: 13, name: "held plans", sql: include_str!("../migrations/0013_held_plans.sql") },
];

/// The newest schema that this leap knows.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

// A number of our own, so that two programs that open a new PostgreSQL book at once do not both make its tables.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7161392054)";

/// Brings the database to [`SCHEMA_VERSION`].
pub(crate) async fn bring_up_to_date(connection: &mut AnyConnection, place: &Place) -> Result<(), BookError> {
    // A reader of a current book takes no lock.
    if applied(connection, place).await? == SCHEMA_VERSION {
        return Ok(());
    }
    let failed = |error| BookError::of(error, "bring the schema up to date", place);
    let mut transaction = begin_writing(connection, place).await.map_err(failed)?;
    if !place.is_file() {
        sqlx::raw_sql(POSTGRES_LOCK).execute(&mut *transaction).await.map_err(failed)?;
    }
    let from = applied(&mut transaction, place).await?;
    if from == 0 {
        sqlx::raw_sql(
            "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL)",
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > from) {
        sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::query("INSERT INTO schema_version (version, name, digest) VALUES ($1, $2, $3)")
            .bind(migration.version)
            .bind(migration.name)
            .bind(Digest::of(migration.sql.as_bytes()).to_string())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    transaction.commit().await.map_err(|error| BookError::of_commit(error, "bring the schema up to date", place))
}

/// The schema of the database: 0 for an empty one.
async fn applied(connection: &mut AnyConnection, place: &Place) -> Result<i64, BookError> {
    let failed = |error| BookError::of(error, "read the schema's version", place);
    let tables: &str = if place.is_file() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    } else {
        "SELECT CAST(tablename AS TEXT) AS name FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
    };
    let mut ours = false;
    let mut others = false;
    for row in sqlx::query(tables).persistent(false).fetch_all(&mut *connection).await.map_err(failed)? {
        let name: String = row.try_get("name").map_err(failed)?;
        ours |= name == "schema_version";
        others |= name != "schema_version";
    }
    if !ours {
        return if others { Err(BookError::NotABook { place: place.shown().to_owned() }) } else { Ok(0) };
    }
    let rows = sqlx::query("SELECT version, digest FROM schema_version ORDER BY version")
        .fetch_all(connection)
        .await
        .map_err(|_| BookError::NotABook { place: place.shown().to_owned() })?;
    let mut newest = 0;
    let mut other_edition = None;
    for row in rows {
        newest = row.try_get("version").map_err(failed)?;
        let digest: String = row.try_get("digest").map_err(failed)?;
        let known = MIGRATIONS.iter().find(|migration| migration.version == newest);
        if known.is_some_and(|known| Digest::of(known.sql.as_bytes()).to_string() != digest) {
            other_edition = other_edition.or(Some(newest));
        }
    }
    if newest > SCHEMA_VERSION {
        return Err(BookError::Newer { place: place.shown().to_owned(), found: newest, known: SCHEMA_VERSION });
    }
    match other_edition {
        Some(version) => Err(BookError::OtherEdition { place: place.shown().to_owned(), version }),
        None => Ok(newest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, at as i64 + 1);
            assert!(!migration.sql.contains("BLOB") && !migration.sql.contains("BYTEA"), "neither is known to both");
        }
    }
}
