//! Publishing: staged files move into place, and the Delta logs follow.
//!
//! Order, so that a crash at any point loses nothing that was acknowledged and leaves no half-made table:
//! 1. sync the files' bytes, but for large files, which `FileWriter::finish` synced;
//! 2. rename each to its final name, which holds its digest; sync the folders;
//! 3. one Delta commit per table whose list of live files changed.
//!
//! Within a step many files are synced at a time: the disk's commit serves all that wait for it.
//!
//! Then the caller lets the book commit, which is the only commit point. A crash before that leaves files that no
//! snapshot names (`Lake::collect` removes them) and a Delta log ahead of the book (the next publish, or `Lake::heal`,
//! brings it back).

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use leap_terms::FileRecord;
use leap_terms::tables::Table;

use crate::log::{self, PublishInfo, Unread};
use crate::stage::Staged;
use crate::{Lake, LakeError, Staging, durable, layout};

/// The Delta version of each table that exists.
pub type TableVersions = BTreeMap<Table, i64>;

impl Lake {
    /// Moves the staged files into place and brings the Delta logs of `tables` to `live`: all their files in the state
    /// about to be committed, new ones included. Staged files that are not live are removed. `tables` are those of
    /// money or those of latency: the two are committed apart.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] when a live file is missing or has another size; else the disk's fault. After any error
    /// the caller must not commit the snapshot.
    pub async fn publish<F: Borrow<FileRecord>>(
        &self,
        staging: Staging,
        tables: &[Table],
        live: &[F],
        info: &PublishInfo<'_>,
    ) -> Result<TableVersions, LakeError> {
        let live: Vec<&FileRecord> = live.iter().map(Borrow::borrow).collect();
        let listed: BTreeSet<&str> = live.iter().map(|file| file.path.as_str()).collect();
        let mut moved = staging.take();
        moved.retain(|staged| listed.contains(staged.record.path.as_str()));
        let new: BTreeSet<&str> = moved.iter().map(|staged| staged.record.path.as_str()).collect();
        let rest = live.iter().copied().filter(|file| !new.contains(file.path.as_str()));
        // While the disk syncs, what lies there already is looked at.
        std::thread::scope(|scope| {
            let moving = scope.spawn(|| self.move_into_place(&moved));
            let looked = self.lie_there(rest);
            moving.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(looked)
        })?;
        staging.remove()?;
        self.lie_there(live.iter().copied().filter(|file| new.contains(file.path.as_str())))?;
        self.bring_logs_to(tables, &live, info).await
    }

    /// True where a publish to these tables need only know what changes ([`crate::Before::part`]): their logs end where
    /// the book says, and what they hold is in memory.
    ///
    /// # Errors
    /// [`LakeError::Io`] when a log cannot be looked at.
    pub async fn in_step(&self, tables: &[Table], versions: &TableVersions) -> Result<bool, LakeError> {
        let logs = self.logs.lock().await;
        for table in tables {
            if !logs.in_step(self.root(), *table, versions.get(table).copied())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How often a log was read to publish since the lake was opened: it does not grow with the number of publishes.
    pub async fn log_reads(&self) -> u64 {
        self.logs.lock().await.reads
    }

    /// Lets a file go that nobody reads any more, as the book says.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] for a path that leads elsewhere, [`LakeError::Io`].
    pub fn let_go(&self, file: &FileRecord) -> Result<(), LakeError> {
        let place = layout::locate(self.root(), file)?;
        match std::fs::remove_file(&place) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(LakeError::io("remove", &place, source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Brings the Delta logs of all tables to `live` without new files: after a crash between the logs and the book.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn heal(&self, live: &[FileRecord], info: &PublishInfo<'_>) -> Result<TableVersions, LakeError> {
        let live: Vec<&FileRecord> = live.iter().collect();
        self.lie_there(live.iter().copied())?;
        self.bring_logs_to(&Table::ALL, &live, info).await
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

    fn move_into_place(&self, files: &[Staged]) -> Result<(), LakeError> {
        let waiting: Vec<&Staged> = files.iter().filter(|staged| !staged.synced).collect();
        durable::each_at_once(&waiting, |staged| durable::sync_file(&staged.place))?;
        let mut folders = BTreeSet::<PathBuf>::new();
        for staged in files {
            let place = layout::locate(self.root(), &staged.record)?;
            let folder = place.parent().unwrap_or(self.root()).to_owned();
            durable::make_dirs(self.root(), &folder)?;
            std::fs::rename(&staged.place, &place)
                .map_err(|source| LakeError::io("move into place", &place, source))?;
            folders.insert(folder);
        }
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        durable::each_at_once(&folders, |folder| durable::sync_dir(folder))
    }

    /// Refuses live files that are missing or have another size.
    fn lie_there<'f>(&self, files: impl Iterator<Item = &'f FileRecord>) -> Result<(), LakeError> {
        for file in files {
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
        Ok(())
    }

    async fn bring_logs_to(
        &self,
        tables: &[Table],
        live: &[&FileRecord],
        info: &PublishInfo<'_>,
    ) -> Result<TableVersions, LakeError> {
        let mut listed = BTreeSet::new();
        if let Some(twice) = live.iter().find(|file| !listed.insert(&file.path)) {
            return Err(LakeError::misuse(twice.table, format!("live file {} is listed twice", twice.path)));
        }
        let mut versions = TableVersions::new();
        let mut logs = self.logs.lock().await;
        let files =
            |table: Table| live.iter().copied().filter(|file| file.table == table).collect::<Vec<&FileRecord>>();
        // Most logs end where the book says. They are added to side by side; the others are read first.
        let known: &log::Logs = &logs;
        let unread = |table: Table| log::add_unread(self.root(), table, &files(table), info, known);
        let added: Vec<Unread> = std::thread::scope(|scope| {
            let adding: Vec<_> = tables.iter().map(|table| scope.spawn(move || unread(*table))).collect();
            let joined =
                adding.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.collect::<Result<_, LakeError>>()
        })?;
        for (table, added) in tables.iter().copied().zip(added) {
            match added {
                Unread::MustBeRead => {}
                Unread::Stays(version) => {
                    versions.insert(table, version);
                    continue;
                }
                Unread::Added(version) => {
                    logs.turn(self.root(), table, version, &files(table), info).await;
                    versions.insert(table, version);
                    continue;
                }
            }
            let version = log::bring_to(self.root(), table, &files(table), info, &mut logs).await?;
            versions.extend(version.map(|version| (table, version)));
        }
        Ok(versions)
    }
}
