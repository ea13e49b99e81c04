//! Publishing: staged files move into place, and the Delta logs follow.
//!
//! Order, so that a crash at any point loses nothing that was acknowledged and leaves no half-made table:
//! 1. the files' bytes are on disk (`FileWriter::finish` synced them);
//! 2. rename each to its final name, which holds its digest; sync the folders;
//! 3. one Delta commit per table whose list of live files changed.
//!
//! Then the caller lets the book commit, which is the only commit point. A crash before that leaves files that no
//! snapshot names (`Lake::collect` removes them) and a Delta log ahead of the book (the next publish, or `Lake::heal`,
//! brings it back).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use leap_terms::FileRecord;
use leap_terms::tables::Table;

use crate::log::{self, PublishInfo};
use crate::{Lake, LakeError, Staging, durable, layout};

/// The Delta version of each table that exists.
pub type TableVersions = BTreeMap<Table, i64>;

impl Lake {
    /// Moves the staged files into place and brings the Delta logs to `live`: all files of the snapshot about to be
    /// committed, new ones included. Staged files that are not live are removed.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] when a live file is missing or has another size; else the disk's fault. After any error
    /// the caller must not commit the snapshot.
    pub async fn publish(
        &self,
        staging: Staging,
        live: &[FileRecord],
        info: &PublishInfo,
    ) -> Result<TableVersions, LakeError> {
        let lake = self.clone();
        let listed: BTreeSet<String> = live.iter().map(|file| file.path.clone()).collect();
        let moving = tokio::task::spawn_blocking(move || lake.move_into_place(&staging, &listed));
        moving.await.map_err(|fault| LakeError::misuse(Table::Charges, format!("publishing stopped: {fault}")))??;
        self.bring_logs_to(live, info).await
    }

    /// Brings the Delta logs to `live` without new files: after a crash between the logs and the book.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn heal(&self, live: &[FileRecord], info: &PublishInfo) -> Result<TableVersions, LakeError> {
        self.bring_logs_to(live, info).await
    }

    /// Differences between the Delta logs and `live`, in words; empty when they agree.
    ///
    /// # Errors
    /// [`LakeError::Delta`] when a log cannot be read.
    pub async fn log_differences(&self, live: &[FileRecord]) -> Result<Vec<String>, LakeError> {
        let mut differences = Vec::new();
        for table in Table::ALL {
            let active = log::active(self.root(), table).await?;
            let wanted: BTreeSet<String> = live
                .iter()
                .filter(|file| file.table == table)
                .map(|file| layout::path_in_table(file).to_owned())
                .collect();
            let name = table.name();
            differences
                .extend(wanted.difference(&active).map(|path| format!("{name}: {path} is not in the Delta log")));
            differences
                .extend(active.difference(&wanted).map(|path| format!("{name}: {path} is only in the Delta log")));
        }
        Ok(differences)
    }

    fn move_into_place(&self, staging: &Staging, listed: &BTreeSet<String>) -> Result<(), LakeError> {
        let mut folders = BTreeSet::<PathBuf>::new();
        for staged in staging.take() {
            if !listed.contains(&staged.record.path) {
                continue;
            }
            let place = layout::locate(self.root(), &staged.record)?;
            let folder = place.parent().unwrap_or(self.root()).to_owned();
            durable::make_dirs(self.root(), &folder)?;
            std::fs::rename(&staged.place, &place)
                .map_err(|source| LakeError::io("move into place", &place, source))?;
            folders.insert(folder);
        }
        for folder in folders {
            durable::sync_dir(&folder)?;
        }
        std::fs::remove_dir_all(staging.folder()).map_err(|source| LakeError::io("remove", staging.folder(), source))
    }

    async fn bring_logs_to(&self, live: &[FileRecord], info: &PublishInfo) -> Result<TableVersions, LakeError> {
        let mut listed = BTreeSet::new();
        if let Some(twice) = live.iter().find(|file| !listed.insert(&file.path)) {
            return Err(LakeError::misuse(twice.table, format!("live file {} is listed twice", twice.path)));
        }
        for file in live {
            let place = layout::locate(self.root(), file)?;
            let found = std::fs::metadata(&place).map(|metadata| metadata.len());
            match found {
                Ok(bytes) if bytes == file.bytes => {}
                Ok(bytes) => {
                    let fault = format!("it has {bytes} bytes, the book says {}", file.bytes);
                    return Err(LakeError::damaged(&file.path, fault));
                }
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                    return Err(LakeError::damaged(&file.path, "it is missing"));
                }
                Err(source) => return Err(LakeError::io("look at", &place, source)),
            }
        }
        let mut versions = TableVersions::new();
        let mut logs = self.logs.lock().await;
        for table in Table::ALL {
            let files: Vec<&FileRecord> = live.iter().filter(|file| file.table == table).collect();
            let mut known = logs.remove(&table);
            let version = log::bring_to(self.root(), table, &files, info, &mut known).await?;
            if let Some(known) = known {
                logs.insert(table, known);
            }
            versions.extend(version.map(|version| (table, version)));
        }
        Ok(versions)
    }
}
