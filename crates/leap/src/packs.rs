//! Packs of slices: made when somebody first asks, kept in memory and, of large bills, in the folder `cache` of the home.
//!
//! ```text
//! cache/cells-effective-3f9a….pack    a pack, and behind it the digest of its bytes
//! cache/folded-effective-3f9a….pack   the same without days and resources
//! ```
//! The name has a digest of the files that the pack is made from, so that no snapshot can find another's. A file that is
//! damaged, or of another version, is made again; the folder may be removed at any time.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use leap_orient::reading::pack::{Pack, Packer};
use leap_terms::tables::Table;
use leap_terms::{CostKind, Digest};

use crate::failure::Failure;
use crate::home::Home;
use crate::world::{Open, Slice, answers, each_batch};

/// Cells of a slice that is packed at most: its numbers have 32 bits, and its names 4 GiB.
const CELLS: u64 = 24_000_000;
/// Cells of a pack that is worth a file.
const FILED: usize = 100_000;
/// Bytes of a digest.
const DIGEST: usize = 32;

/// The cells of a slice; none where there are too many.
pub(crate) fn pack(home: &Home, slice: &Slice, cost: CostKind, open: Open) -> Result<Option<Arc<Pack>>, Failure> {
    if cells(slice) > CELLS {
        return Ok(None);
    }
    let name = format!("cells-{cost}-{}", slice.print());
    let pack = home.kept.get(&name, || {
        let pack = filed(home, &name, || made(slice, cost, open))?;
        let bytes = pack.bytes();
        Ok::<_, Failure>((pack, bytes))
    })?;
    Ok(Some(pack))
}

/// The same without days and resources.
pub(crate) fn folded(home: &Home, slice: &Slice, cost: CostKind, open: Open) -> Result<Option<Arc<Pack>>, Failure> {
    if cells(slice) > CELLS {
        return Ok(None);
    }
    let name = format!("folded-{cost}-{}", slice.print());
    let pack = home.kept.get(&name, || {
        let pack = filed(home, &name, || match pack(home, slice, cost, open)? {
            Some(cells) => Ok(cells.folded()),
            None => made(slice, cost, open).map(|cells| cells.folded()),
        })?;
        let bytes = pack.bytes();
        Ok::<_, Failure>((pack, bytes))
    })?;
    Ok(Some(pack))
}

fn cells(slice: &Slice) -> u64 {
    slice.of(Table::Cube).iter().map(|file| file.rows).sum()
}

/// A pack from its file; made, and filed where it is large, if there is none.
fn filed(home: &Home, name: &str, make: impl FnOnce() -> Result<Pack, Failure>) -> Result<Pack, Failure> {
    let folder = home.root.join("cache");
    if let Some(pack) = load(&folder, name) {
        return Ok(pack);
    }
    let pack = make()?;
    if pack.cells() >= FILED
        && let Err(error) = store(&folder, name, &pack, home.settings.serve.cache_mib.saturating_mul(1 << 20))
    {
        // Pages are right without it, and slower after the next start.
        tracing::warn!("{}: a pack could not be kept: {error}", folder.display());
    }
    Ok(pack)
}

/// Reads a file; none where it is missing, damaged or of another version.
fn load(folder: &Path, name: &str) -> Option<Pack> {
    let path = folder.join(format!("{name}.pack"));
    let bytes = fs::read(&path).ok()?;
    let (pack, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if Digest::of(pack).bytes() != *digest {
        tracing::warn!("{} is damaged and is made again", path.display());
        return None;
    }
    Pack::from_bytes(pack).inspect_err(|error| tracing::warn!("{} is made again: {error}", path.display())).ok()
}

/// Writes a file whole or not at all, and removes the oldest ones beyond the limit.
fn store(folder: &Path, name: &str, pack: &Pack, limit: u64) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut bytes = pack.to_bytes();
    let digest = Digest::of(&bytes).bytes();
    bytes.extend_from_slice(&digest);
    let part = folder.join(format!("{name}.{}.part", std::process::id()));
    fs::write(&part, bytes)?;
    fs::rename(&part, folder.join(format!("{name}.pack")))?;
    let mut all: Vec<(SystemTime, u64, std::path::PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        if entry.path().extension().is_some_and(|extension| extension == "pack") {
            all.push((data.modified()?, data.len(), entry.path()));
        }
    }
    all.sort();
    let mut sum: u64 = all.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in all {
        if sum <= limit {
            break;
        }
        fs::remove_file(path)?;
        sum -= bytes;
    }
    Ok(())
}

fn made(slice: &Slice, cost: CostKind, open: Open) -> Result<Pack, Failure> {
    let problem = |error| Failure::from_error(&error);
    let columns = slice.key_columns();
    let mut packer = Packer::new(cost, &columns);
    each_batch(slice.of(Table::Keys), None, open, |batch| packer.keys(batch).map_err(problem))?;
    each_batch(slice.of(Table::Resources), None, open, |batch| packer.resources(batch).map_err(problem))?;
    let answers = answers(slice, open)?;
    let columns = packer.cube_columns();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    each_batch(slice.of(Table::Cube), Some(&columns), open, |batch| packer.cube(&answers, batch).map_err(problem))?;
    Ok(packer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_no_pack_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let pack = Packer::new(CostKind::Effective, &[]).finish();
        store(folder.path(), "a", &pack, u64::MAX).unwrap();
        assert_eq!(load(folder.path(), "a"), Some(pack.clone()));
        assert_eq!(load(folder.path(), "b"), None);
        let path = folder.path().join("a.pack");
        let mut bytes = fs::read(&path).unwrap();
        bytes[14] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(load(folder.path(), "a"), None);
        fs::write(&path, b"short").unwrap();
        assert_eq!(load(folder.path(), "a"), None);
        // Made again in its place; a limit that holds nothing keeps nothing.
        store(folder.path(), "a", &pack, u64::MAX).unwrap();
        assert!(load(folder.path(), "a").is_some());
        store(folder.path(), "b", &pack, 0).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
