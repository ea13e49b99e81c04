//! The parts that a manifest names: each must be there, whole, once, and inside the tree that the person named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use leap_terms::limits;

use super::manifest::Manifest;
use super::names::{natural, period_above};
use super::{Candidate, CandidatePart, shown};

/// A delivery with a manifest. `beside` are the bills in the manifest's folder.
pub(super) fn with_manifest(manifest_path: &Path, manifest: &Manifest, root: &Path, beside: &[PathBuf]) -> Candidate {
    let folder = manifest_path.parent().unwrap_or(Path::new("."));
    let hint = manifest.billing_period.or_else(|| period_above(folder, root));
    let mut candidate = Candidate {
        path: shown(folder),
        parts: Vec::new(),
        refusal: None,
        billing_period_hint: hint,
        source_hint: manifest.source.clone(),
        execution: manifest.execution.clone(),
        expected_rows: manifest.rows.map(|rows| (manifest.files.len(), rows)),
        order: (hint, manifest.sequence.clone(), natural(&shown(manifest_path))),
    };
    if manifest.files.is_empty() && manifest.complete_without_list {
        candidate.parts =
            beside.iter().map(|path| CandidatePart { path: path.clone(), format_hint: manifest.format }).collect();
    }
    // The first fault is told; parts that are there stay listed, so that nothing else takes them for a delivery.
    let mut faults = Vec::new();
    let listed = manifest.files.len();
    if listed > limits::PARTS_PER_DELIVERY {
        faults.push(format!(
            "it names {listed} parts, more than the limit PARTS_PER_DELIVERY = {}",
            limits::PARTS_PER_DELIVERY
        ));
    }
    if let Some(count) = manifest.count.filter(|count| *count != listed) {
        faults.push(format!(
            "it says {count} parts and lists {listed}; the upload is unfinished, or the manifest is damaged"
        ));
    }
    let mut places = BTreeSet::new();
    for file in manifest.files.iter().take(limits::PARTS_PER_DELIVERY) {
        match locate(folder, root, &file.name) {
            Ok(path) => {
                let size = fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or_default();
                if !places.insert(path.clone()) {
                    faults.push(format!("part '{}' is named twice; its charges would count twice", file.name));
                    continue;
                }
                if size == 0 {
                    faults.push(format!("part '{}' is empty; the upload is unfinished", file.name));
                } else if let Some(expected) = file.bytes.filter(|expected| *expected != size) {
                    faults.push(format!(
                        "part '{}' has {size} bytes instead of {expected}; the upload is unfinished",
                        file.name
                    ));
                }
                candidate.parts.push(CandidatePart { path, format_hint: manifest.format });
            }
            Err(reason) => faults.push(format!("part '{}' {reason}", file.name)),
        }
    }
    if candidate.parts.is_empty() && faults.is_empty() {
        faults.push("it names no parts".to_owned());
    }
    let more = faults.len().saturating_sub(1);
    candidate.refusal = faults.into_iter().next().map(|fault| {
        let rest = if more > 0 { format!(" (and {more} more faults)") } else { String::new() };
        format!("{}: {fault}{rest}", manifest_path.display())
    });
    candidate
}

/// Where AWS Data Exports put the parts of a manifest below `metadata`.
pub(super) fn data_folder(folder: &Path) -> Option<PathBuf> {
    let names: Vec<_> = folder.iter().collect();
    let at = names.iter().rposition(|name| *name == "metadata")?;
    Some(names.iter().enumerate().map(|(place, name)| if place == at { "data".as_ref() } else { *name }).collect())
}

/// Finds a part that a manifest names by a bucket key: the longest end of the key that lies below the manifest's folder or
/// its data folder; below folders further up only with at least one folder of the key, so that a file of the same name
/// in another delivery is never taken for it. Never outside the tree that the person named.
fn locate(folder: &Path, root: &Path, key: &str) -> Result<PathBuf, String> {
    let names: Vec<&str> = key.split(['/', '\\']).filter(|name| !name.is_empty()).collect();
    if names.iter().any(|name| *name == ".." || *name == ".") || key.contains('\0') || names.is_empty() {
        return Err("names a path outside its delivery; refused".to_owned());
    }
    let inside = root.canonicalize().map_err(|error| format!("cannot be looked for: {error}"))?;
    let near = std::iter::once(folder.to_owned()).chain(data_folder(folder)).map(|place| (place, 1));
    let far = folder.ancestors().skip(1).take_while(|above| above.starts_with(root)).map(|above| (above.to_owned(), 2));
    for (place, least) in near.chain(far) {
        for from in 0..names.len().saturating_sub(least - 1) {
            let path = names[from..].iter().fold(place.clone(), |path, name| path.join(name));
            let Ok(real) = path.canonicalize() else { continue };
            if !real.starts_with(&inside) {
                return Err("is a link that leaves the tree; refused".to_owned());
            }
            if real.is_file() {
                return Ok(path);
            }
        }
    }
    Err("is missing; the upload is unfinished".to_owned())
}
