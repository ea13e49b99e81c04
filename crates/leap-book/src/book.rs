//! Opening a book, and the two kinds of transaction on it.

use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Transaction};

use crate::error::BookError;
use crate::place::Place;
use crate::schema;

/// Connections kept: readers beside the one writer.
const CONNECTIONS: u32 = 8;

/// An open book. Cheap to clone; all clones share their connections.
#[derive(Clone, Debug)]
pub struct Book {
    pool: AnyPool,
    pub(crate) place: Place,
}

impl Book {
    /// Opens the book at `sqlite:/path/book.db` or `postgres://user@host/database`; makes it when there is none, and
    /// brings it to this program's schema.
    ///
    /// # Errors
    /// [`BookError`]: the address, the connection, a damaged, foreign or newer database.
    pub async fn open(url: &str) -> Result<Book, BookError> {
        sqlx::any::install_default_drivers();
        let place = Place::parse(url)?;
        let mut connection = place.connect().await?;
        schema::bring_up_to_date(&mut connection, &place).await?;
        connection.close().await.map_err(|error| BookError::of(error, "close a connection", &place))?;
        let prepared = place.clone();
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            // A server may have closed a connection that waits; a file does not.
            .test_before_acquire(!place.is_file())
            .after_connect(move |connection, _| {
                let place = prepared.clone();
                Box::pin(async move { place.prepare(connection).await })
            })
            .connect_lazy_with(place.options()?);
        Ok(Book { pool, place })
    }

    /// The path or the URL, without password, for people.
    pub fn place(&self) -> &str {
        self.place.shown()
    }

    /// Closes all connections and waits for them; what was acknowledged is safe without it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn connection(&self) -> Result<PoolConnection<Any>, BookError> {
        self.pool.acquire().await.map_err(|error| BookError::of(error, "connect", &self.place))
    }

    /// A transaction that alone may write until it ends. Dropped without a commit it leaves no trace.
    pub(crate) async fn writing(&self, doing: &'static str) -> Result<Transaction<'static, Any>, BookError> {
        let failed = |error| BookError::of(error, doing, &self.place);
        if self.place.is_file() {
            return self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed);
        }
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        // Readers go on; a second writer waits here and then sees what the first one did.
        sqlx::raw_sql("LOCK TABLE audit IN EXCLUSIVE MODE").execute(&mut *transaction).await.map_err(failed)?;
        Ok(transaction)
    }

    /// A transaction that sees one state of the database, whatever others write meanwhile.
    pub(crate) async fn reading(&self, doing: &'static str) -> Result<Transaction<'static, Any>, BookError> {
        let begin =
            if self.place.is_file() { "BEGIN DEFERRED" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
        self.pool.begin_with(begin).await.map_err(|error| BookError::of(error, doing, &self.place))
    }

    pub(crate) async fn commit(
        &self,
        transaction: Transaction<'static, Any>,
        doing: &'static str,
    ) -> Result<(), BookError> {
        transaction.commit().await.map_err(|error| BookError::of_commit(error, doing, &self.place))
    }

    /// For `map_err`: names the operation and the book.
    pub(crate) fn failed(&self, doing: &'static str) -> impl Fn(sqlx::Error) -> BookError + '_ {
        move |error| BookError::of(error, doing, &self.place)
    }
}

/// Begins a writing transaction on a connection that has no tables of ours yet.
pub(crate) async fn begin_writing<'a>(
    connection: &'a mut AnyConnection,
    place: &Place,
) -> Result<Transaction<'a, Any>, sqlx::Error> {
    if place.is_file() { connection.begin_with("BEGIN IMMEDIATE").await } else { connection.begin().await }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::Publish;

    #[tokio::test]
    async fn every_connection_syncs_each_commit() {
        use sqlx::Row;
        let folder = tempfile::tempdir().unwrap();
        let book = Book::open(&format!("sqlite:{}", folder.path().join("book.db").display())).await.unwrap();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = book.connection().await.unwrap();
            let row = sqlx::query("SELECT synchronous, foreign_keys FROM pragma_synchronous, pragma_foreign_keys")
                .fetch_one(&mut *connection)
                .await
                .unwrap();
            let (full, on) = (2_i64, 1_i64);
            assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (full, on));
            let mode = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await.unwrap();
            assert_eq!(mode.get::<String, _>(0), "wal");
            connections.push(connection);
        }
    }

    /// Futures of the book run on any thread of a server.
    #[expect(dead_code, reason = "it only has to compile")]
    fn futures_can_be_sent(
        book: &'static Book,
        publish: &'static Publish,
        act: &'static crate::Act,
        claim: &'static crate::SendClaim,
    ) {
        fn sent<T: Send>(_: T) {}
        sent(book.publish(publish));
        sent(book.record_attempts(&[]));
        sent(book.act(act));
        sent(book.claim_due(claim));
        sent(book.verify_audit());
        sent(book.check());
        sent(Book::open(""));
    }
}
