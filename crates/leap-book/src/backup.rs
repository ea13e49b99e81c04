//! A copy of the book in one file, taken while others read and write.
//!
//! The copy is written beside its name, synced, checked and only then renamed, so a file of that name is a whole one.
//! Does not copy the lake: its files never change, so any copy tool will do once the book's copy is taken.

use std::path::{Path, PathBuf};

use sqlx::{Connection, Row};

use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;

impl Book {
    /// Copies an SQLite book into a new file, which is a book itself.
    ///
    /// # Errors
    /// [`BookError::BackupByServer`] for PostgreSQL, [`BookError::BackupExists`], [`BookError::Backup`];
    /// [`BookError::Damaged`] when the copy does not hold.
    pub async fn backup(&self, to: &Path) -> Result<(), BookError> {
        if !self.place.is_file() {
            return Err(BookError::BackupByServer { place: self.place().to_owned() });
        }
        let failed = |source| BookError::Backup { path: to.to_owned(), source };
        if tokio::fs::try_exists(to).await.map_err(failed)? {
            return Err(BookError::BackupExists(to.to_owned()));
        }
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = to.with_file_name(name);
        remove_if_there(&partial).await.map_err(failed)?;
        let copied = self.copy_into(&partial, to).await;
        if copied.is_err() {
            // The first error is the one to tell; a leftover is overwritten by the next backup.
            let _ = remove_if_there(&partial).await;
        }
        copied
    }

    async fn copy_into(&self, partial: &Path, to: &Path) -> Result<(), BookError> {
        let failed = |source| BookError::Backup { path: to.to_owned(), source };
        sqlx::query("VACUUM INTO $1")
            .bind(partial.to_string_lossy().into_owned())
            .execute(&mut *self.connection().await?)
            .await
            .map_err(self.failed("copy"))?;
        check_copy(partial).await?;
        let (partial, target) = (partial.to_owned(), to.to_owned());
        let renamed = tokio::task::spawn_blocking(move || sync_and_rename(&partial, &target)).await;
        renamed.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)
    }
}

async fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn check_copy(path: &Path) -> Result<(), BookError> {
    let place = Place::file(path);
    let failed = |error| BookError::of(error, "check the copy", &place);
    // A connection that leaves the copy's journal mode alone, so that no second file appears beside it.
    let mut connection = sqlx::AnyConnection::connect_with(&place.options()?).await.map_err(failed)?;
    let verdict: String = sqlx::query("PRAGMA integrity_check(1)")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    if verdict == "ok" { Ok(()) } else { Err(BookError::Damaged { place: place.shown().to_owned(), fault: verdict }) }
}

fn sync_and_rename(partial: &Path, to: &PathBuf) -> std::io::Result<()> {
    std::fs::File::open(partial)?.sync_all()?;
    std::fs::rename(partial, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}
