//! The fuzz targets' seeds, for the ordinary tests that run them.

use std::path::Path;

/// Name and bytes of each seed in the repository's `fuzz/corpus/<target>/`, by name; none where the folder is absent.
pub(crate) fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(target);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not here", folder.display());
        return Vec::new();
    };
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder of seeds").path())
        .map(|path| {
            (
                path.file_name().expect("an entry has a name").to_string_lossy().into_owned(),
                std::fs::read(path).expect("a readable seed"),
            )
        })
        .collect();
    seeds.sort();
    seeds
}
