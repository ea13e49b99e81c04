//! Making writes survive a power cut: a file is safe when its bytes and the entry in its folder are both synced.

use std::fs::File;
use std::path::Path;

use crate::LakeError;

/// Syncs a folder, so that names made or moved in it survive.
pub(crate) fn sync_dir(path: &Path) -> Result<(), LakeError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| LakeError::io("sync the folder", path, source))
}

/// Syncs a file that someone else wrote.
pub(crate) fn sync_file(path: &Path) -> Result<(), LakeError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|source| LakeError::io("sync", path, source))
}

/// Makes a folder below `root` with all folders between, and syncs each parent whose entry is new.
pub(crate) fn make_dirs(root: &Path, path: &Path) -> Result<(), LakeError> {
    if path.is_dir() || path == root {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_dirs(root, parent)?;
    }
    match std::fs::create_dir(path) {
        Ok(()) => {}
        Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(LakeError::io("make the folder", path, source)),
    }
    path.parent().map_or(Ok(()), sync_dir)
}
