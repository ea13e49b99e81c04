//! Making writes survive a power cut: a file is safe when its bytes and the entry in its folder are both synced.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::LakeError;

/// How many syncs run at a time. The disk's own commit serves all that wait for it, so many at a time cost about as much as
/// one; one after the other each costs a commit.
const SYNCS_AT_A_TIME: usize = 8;

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

/// Does the same to each of some paths, several at a time, as syncs should be; the first failure of them where there is one.
pub(crate) fn each_at_once<T: Sync>(
    paths: &[T],
    act: impl Fn(&T) -> Result<(), LakeError> + Sync,
) -> Result<(), LakeError> {
    let workers = paths.len().min(SYNCS_AT_A_TIME);
    if workers <= 1 {
        return paths.iter().try_for_each(act);
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            act(path)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let own = work();
        let done = others.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.fold(own, Result::and)
    })
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
