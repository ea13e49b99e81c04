//! A place for empty books: a folder for SQLite, a server for PostgreSQL.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::postgres::Server;

pub(crate) enum Database<'a> {
    Sqlite(TempDir, AtomicU32),
    Postgres(&'a Server, AtomicU32),
}

impl Database<'_> {
    pub(crate) fn sqlite() -> Database<'static> {
        Database::Sqlite(tempfile::tempdir().unwrap(), AtomicU32::new(0))
    }

    pub(crate) fn postgres(server: &Server) -> Database<'_> {
        Database::Postgres(server, AtomicU32::new(0))
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Database::Sqlite(..))
    }

    /// The address of a book that does not exist yet.
    pub(crate) async fn url(&self) -> String {
        match self {
            Database::Sqlite(folder, count) => {
                let number = count.fetch_add(1, Ordering::Relaxed);
                format!("sqlite:{}", folder.path().join(format!("my book {number}?.db")).display())
            }
            Database::Postgres(server, count) => {
                let name = format!("book_{}", count.fetch_add(1, Ordering::Relaxed));
                let mut connection = connect(&server.url("postgres")).await;
                run(&mut connection, &format!("CREATE DATABASE {name}")).await;
                connection.close().await.unwrap();
                server.url(&name)
            }
        }
    }

    /// The folder of SQLite's books.
    pub(crate) fn folder(&self) -> PathBuf {
        match self {
            Database::Sqlite(folder, _) => folder.path().to_owned(),
            Database::Postgres(..) => panic!("PostgreSQL's books have no folder"),
        }
    }
}

/// A connection past the book, for those who tamper.
pub(crate) async fn connect(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let url = match url.strip_prefix("sqlite:") {
        Some(path) => format!("sqlite:{}?mode=rwc", path.replace(' ', "%20").replace('?', "%3F")),
        None => url.to_owned(),
    };
    AnyConnection::connect(&url).await.unwrap()
}

/// Runs SQL that the book would never run.
pub(crate) async fn run(connection: &mut AnyConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

/// Keeps what stands in tables, so that one book is tampered with many times.
pub(crate) async fn keep(url: &str, tables: &[&str]) {
    for table in tables {
        tamper(url, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
}

/// Puts back what was kept.
pub(crate) async fn put_back(url: &str, tables: &[&str]) {
    let back =
        tables.iter().map(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"));
    tamper(url, &back.collect::<Vec<_>>().join("; ")).await;
}

/// The same as [`run`], on a connection of its own and without foreign keys.
pub(crate) async fn tamper(url: &str, sql: &str) {
    let mut connection = connect(url).await;
    if url.starts_with("sqlite:") {
        run(&mut connection, "PRAGMA foreign_keys = OFF").await;
    } else {
        run(&mut connection, "SET session_replication_role = replica").await;
    }
    run(&mut connection, sql).await;
    connection.close().await.unwrap();
}
