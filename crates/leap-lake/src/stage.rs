//! Staging: files that are being made. Nothing here is visible to anyone; a crash leaves at most rubbish that
//! `Lake::collect` removes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use leap_terms::tables::Table;
use leap_terms::{DeliveryId, FileRecord, ScopeKey};

use crate::layout::STAGING;
use crate::read::{Batches, Opened};
use crate::{FileWriter, Lake, LakeError};

/// One finished file and where it waits.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) record: FileRecord,
    pub(crate) place: PathBuf,
    /// False where the publish has to sync it.
    pub(crate) synced: bool,
}

/// The finished files of a staging, shared with its writers.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    staged: Mutex<Vec<Staged>>,
    numbers: AtomicU32,
}

impl Shelf {
    pub(crate) fn put(&self, one: Staged) -> Result<(), LakeError> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        if staged.iter().any(|other| other.record.path == one.record.path) {
            return Err(LakeError::misuse(one.record.table, format!("{} was written twice", one.record.path)));
        }
        staged.push(one);
        Ok(())
    }
}

/// The files of one transaction, before they are published. Dropping it removes them.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    shelf: Arc<Shelf>,
}

impl Lake {
    /// Opens `staging/<transaction>/`, which is made with its first file. What an earlier, broken run of the same transaction
    /// left there is removed.
    ///
    /// # Errors
    /// [`LakeError::Io`]; a transaction's name that is no plain word is [`LakeError::Misuse`].
    pub fn stage(&self, transaction: &str) -> Result<Staging, LakeError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if transaction.is_empty() || transaction.len() > 128 || !transaction.bytes().all(plain) {
            let fault = format!("'{}' is no name of a transaction", transaction.escape_debug());
            return Err(LakeError::misuse(Table::Charges, fault));
        }
        let folder = self.root().join(STAGING).join(transaction);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|source| LakeError::io("clear", &folder, source))?;
        }
        Ok(Staging { folder, shelf: Arc::default() })
    }
}

impl Staging {
    /// Begins a file. Several may be written at the same time, each by its own thread. `columns` are the key columns
    /// (`keys`) or the `x_…` columns (`charges`); other tables take none.
    ///
    /// # Errors
    /// [`LakeError::Io`] when the file cannot be made.
    pub fn writer(
        &self,
        table: Table,
        scope: &ScopeKey,
        delivery: &DeliveryId,
        columns: &[String],
    ) -> Result<FileWriter, LakeError> {
        self.begin(table, scope, delivery, columns, 0)
    }

    /// Begins a file of changes, whose few rows are added to those of the slice's other files. `number` is from 1: the same
    /// change made twice is two files.
    ///
    /// # Errors
    /// [`LakeError::Io`] when the file cannot be made.
    pub fn writer_of_change(
        &self,
        table: Table,
        scope: &ScopeKey,
        delivery: &DeliveryId,
        number: u32,
    ) -> Result<FileWriter, LakeError> {
        self.begin(table, scope, delivery, &[], number)
    }

    fn begin(
        &self,
        table: Table,
        scope: &ScopeKey,
        delivery: &DeliveryId,
        columns: &[String],
        change: u32,
    ) -> Result<FileWriter, LakeError> {
        match table {
            Table::Charges | Table::Keys => {}
            _ if columns.is_empty() => {}
            _ => return Err(LakeError::misuse(table, "takes no columns of its own")),
        }
        // Nobody misses the folder after a power cut, so it need not be synced.
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| LakeError::io("make the folder", &self.folder, source))?;
        let number = self.shelf.numbers.fetch_add(1, Ordering::Relaxed);
        let place = self.folder.join(format!("{}-{number:05}.parquet", table.name()));
        FileWriter::new(table, scope, delivery, columns, change, place, self.shelf.clone())
    }

    /// The files finished so far, by path.
    pub fn files(&self) -> Vec<FileRecord> {
        let staged = self.shelf.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files: Vec<_> = staged.iter().map(|staged| staged.record.clone()).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files
    }

    /// Reads a finished file before it is published; as [`Lake::scan`].
    ///
    /// # Errors
    /// As [`Lake::scan`]; [`LakeError::Misuse`] for a file that was not staged here.
    pub fn scan(&self, file: &FileRecord, columns: Option<&[&str]>) -> Result<Batches, LakeError> {
        let place = {
            let staged = self.shelf.staged.lock().unwrap_or_else(PoisonError::into_inner);
            staged.iter().find(|staged| staged.record.path == file.path).map(|staged| staged.place.clone())
        };
        let place = place.ok_or_else(|| LakeError::misuse(file.table, format!("{} is not staged", file.path)))?;
        Opened::staged(place, file)?.scan(columns)
    }

    /// Forgets and removes the files finished so far, to begin anew. Writers that are not finished go with their drop.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn forget(&self) -> Result<(), LakeError> {
        for staged in self.take() {
            std::fs::remove_file(&staged.place).map_err(|source| LakeError::io("remove", &staged.place, source))?;
        }
        Ok(())
    }

    /// Removes everything.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn discard(self) -> Result<(), LakeError> {
        self.remove()
    }

    /// Removes the folder with what is left in it, where one was made.
    pub(crate) fn remove(&self) -> Result<(), LakeError> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(LakeError::io("remove", &self.folder, source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(crate) fn take(&self) -> Vec<Staged> {
        std::mem::take(&mut *self.shelf.staged.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Best effort: what stays is removed by `Lake::collect`.
        if self.folder.exists() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
