//! Files that no snapshot names: left by a crash, or by a publish that the book then refused.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use leap_terms::Instant;
use leap_terms::tables::Table;

use crate::layout::{DELTA_LOG, STAGING};
use crate::{Lake, LakeError};

/// A file or staging folder that nothing refers to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Orphan {
    /// Path relative to the lake's root, with `/`.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
}

/// What [`Lake::collect`] removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Collected {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Lake {
    /// Data files for which `keep` (given the path as in [`leap_terms::FileRecord`]) is false and which were last
    /// changed before `older_than`, by path; and stale files of staging. `keep` must hold for the files of every snapshot
    /// that anyone may still read, not only of the last one. Of a Delta log only what a broken write left is an orphan.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn orphans(&self, keep: &dyn Fn(&str) -> bool, older_than: Instant) -> Result<Vec<Orphan>, LakeError> {
        let mut found = Vec::new();
        for table in Table::ALL {
            walk(&self.root().join(table.name()), &mut |path, metadata| {
                let name = relative(self.root(), path);
                if name.ends_with(".parquet") && before(metadata, older_than) && !keep(&name) {
                    found.push(Orphan { path: name, bytes: metadata.len() });
                }
            })?;
            walk(&self.root().join(table.name()).join(DELTA_LOG), &mut |path, metadata| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let unfinished = name.starts_with("_leap-") && name.ends_with(".tmp") || name.contains('#');
                if unfinished && before(metadata, older_than) {
                    found.push(Orphan { path: relative(self.root(), path), bytes: metadata.len() });
                }
            })?;
        }
        walk(&self.root().join(STAGING), &mut |path, metadata| {
            if before(metadata, older_than) {
                found.push(Orphan { path: relative(self.root(), path), bytes: metadata.len() });
            }
        })?;
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    /// Removes the [`Lake::orphans`], and staging folders that are empty and old. Heal the Delta logs first
    /// ([`Lake::heal`]), so that other engines are not left with a log that names a removed file.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn collect(&self, keep: &dyn Fn(&str) -> bool, older_than: Instant) -> Result<Collected, LakeError> {
        let mut collected = Collected::default();
        for orphan in self.orphans(keep, older_than)? {
            let path = self.root().join(&orphan.path);
            match std::fs::remove_file(&path) {
                Ok(()) => {
                    collected.files += 1;
                    collected.bytes += orphan.bytes;
                }
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(LakeError::io("remove", &path, source)),
            }
        }
        let staging = self.root().join(STAGING);
        for entry in entries(&staging)? {
            let metadata = entry.metadata().map_err(|source| LakeError::io("look at", &entry.path(), source))?;
            if metadata.is_dir() && before(&metadata, older_than) {
                // Refused by the system when it is not empty, which is what we want.
                let _ = std::fs::remove_dir(entry.path());
            }
        }
        Ok(collected)
    }
}

fn before(metadata: &std::fs::Metadata, instant: Instant) -> bool {
    let limit = u64::try_from(instant.micros())
        .map_or(SystemTime::UNIX_EPOCH, |micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
    metadata.modified().is_ok_and(|modified| modified < limit)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

fn entries(folder: &Path) -> Result<Vec<std::fs::DirEntry>, LakeError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    std::fs::read_dir(folder).and_then(Iterator::collect).map_err(|source| LakeError::io("list", folder, source))
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&PathBuf, &std::fs::Metadata)) -> Result<(), LakeError> {
    for entry in entries(folder)? {
        let path = entry.path();
        // Not followed: a link out of the lake is none of our files.
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(LakeError::io("look at", &path, source)),
        };
        if metadata.is_dir() && entry.file_name() != DELTA_LOG {
            walk(&path, visit)?;
        } else if metadata.is_file() {
            visit(&path, &metadata);
        }
    }
    Ok(())
}
