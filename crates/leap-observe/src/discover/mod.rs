//! Files become deliveries: single files, folders, bucket layouts; manifests are completeness checks.
//!
//! ```text
//! september.csv.gz                                              one file, one delivery
//! BILLING_PERIOD=2026-09/{Manifest.json, export-0000N.csv.gz}   FOCUS bucket
//! cur/{metadata,data}/BILLING_PERIOD=2026-09/…                  AWS Data Exports, overwriting or new each time
//! koku-local/20180801-20180901/{koku-local-Manifest.json, <assembly>/koku-local-1.csv.gz}   AWS CUR, versions kept
//! export/20260901-20260930/<time>/<guid>/{manifest.json, part_1.csv}                         Azure exports
//! ```
//! A delivery that its manifest contradicts is still listed, with the reason to refuse it, so that one broken delivery
//! hides no other. A file is part of one delivery at most; whatever is in none is listed with the reason.

mod loose;
mod manifest;
mod names;
mod parts;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use leap_terms::{Format, Month, limits};

use crate::error::IntakeError;
use manifest::Manifest;
use names::natural;
use tree::Folder;

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct DiscoverOptions {
    /// Folders deep.
    pub max_depth: usize,
}

impl Default for DiscoverOptions {
    fn default() -> DiscoverOptions {
        DiscoverOptions { max_depth: limits::FOLDER_DEPTH }
    }
}

/// One file of a candidate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CandidatePart {
    /// Its place.
    pub path: PathBuf,
    /// What a manifest says of its kind.
    pub format_hint: Option<Format>,
}

/// A delivery as found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The path that stands for it in reports.
    pub path: String,
    /// Its files, in order.
    pub parts: Vec<CandidatePart>,
    /// Why it must be refused: a part is missing, has another size …
    pub refusal: Option<String>,
    /// The billing period that its manifest or folder names.
    pub billing_period_hint: Option<Month>,
    /// The export's name, with its account where the manifest says it.
    pub source_hint: Option<String>,
    /// The export's execution id.
    pub execution: Option<String>,
    /// How many parts the manifest names, and the data rows that it promises for all of them.
    pub expected_rows: Option<(usize, u64)>,
    /// Deliveries are taken in this order: period, then sequence or time, then path, where 10 comes after 9.
    pub order: (Option<Month>, String, String),
}

/// What was found, and what was passed over with the reason.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// Deliveries, oldest first.
    pub candidates: Vec<Candidate>,
    /// Files that are in no delivery: path and reason.
    pub ignored: Vec<(PathBuf, String)>,
}

/// Finds the deliveries below some paths.
///
/// # Errors
/// [`IntakeError`] when a path named by the person does not exist.
pub fn discover(paths: &[PathBuf], options: &DiscoverOptions) -> Result<Discovered, IntakeError> {
    let mut found = Discovered::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| IntakeError::io(path, source))?;
        let mut here = Discovered::default();
        if metadata.is_dir() {
            below(path, options, &mut here);
            if here.candidates.is_empty() {
                here.candidates.push(refused(path, "has no bills in it"));
            }
        } else if metadata.is_file() {
            here.candidates.push(single(path));
        } else {
            here.candidates
                .push(refused(path, "is neither a file nor a folder; pipe it in instead: leap ingest - < PATH"));
        }
        // What the person named first is taken first; within one path the oldest.
        here.candidates.sort_by(|a, b| a.order.cmp(&b.order));
        found.candidates.extend(here.candidates);
        found.ignored.extend(here.ignored);
    }
    Ok(found)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn single(path: &Path) -> Candidate {
    Candidate {
        path: shown(path),
        parts: vec![CandidatePart { path: path.to_owned(), format_hint: None }],
        refusal: None,
        billing_period_hint: None,
        source_hint: None,
        execution: None,
        expected_rows: None,
        order: (None, String::new(), natural(&shown(path))),
    }
}

fn refused(path: &Path, reason: &str) -> Candidate {
    Candidate { refusal: Some(format!("{} {reason}", path.display())), parts: vec![], ..single(path) }
}

/// A manifest and where it stands.
struct Placed {
    path: PathBuf,
    folder: PathBuf,
    manifest: Manifest,
}

/// Everything below a folder that the person named.
fn below(root: &Path, options: &DiscoverOptions, found: &mut Discovered) {
    let folders = tree::walk(root, options.max_depth, found);
    let mut governed = BTreeSet::<PathBuf>::new();
    let placed = manifests(&folders, &mut governed, found);
    let placed = current_assemblies(placed, &mut governed, found);

    let mut claimed = BTreeSet::<PathBuf>::new();
    let mut seen = Vec::<(Vec<CandidatePart>, PathBuf)>::new();
    for one in &placed {
        let beside = folders.iter().find(|folder| folder.path == one.folder).map_or(&[][..], |folder| &folder.bills);
        let candidate = parts::with_manifest(&one.path, &one.manifest, root, beside);
        governed.insert(one.folder.clone());
        governed.extend(parts::data_folder(&one.folder));
        governed.extend(candidate.parts.iter().filter_map(|part| part.path.parent().map(Path::to_owned)));
        claimed.extend(candidate.parts.iter().map(|part| part.path.clone()));
        // AWS keeps a copy of the manifest beside the newest execution.
        let copy = seen.iter().find(|(parts, _)| candidate.refusal.is_none() && *parts == candidate.parts);
        if let Some((_, original)) = copy {
            found.ignored.push((one.path.clone(), format!("names the same parts as {}", original.display())));
            continue;
        }
        seen.push((candidate.parts.clone(), one.path.clone()));
        found.candidates.push(candidate);
    }
    for folder in &folders {
        if governed.contains(&folder.path) {
            for bill in folder.bills.iter().filter(|bill| !claimed.contains(*bill)) {
                found.ignored.push((
                    bill.clone(),
                    "not named by the folder's manifest; name the file itself to take it in".to_owned(),
                ));
            }
        } else {
            loose::group(&folder.path, root, &folder.bills, found);
        }
    }
}

/// Reads the manifests; a folder whose manifest is damaged is a refused delivery.
fn manifests(folders: &[Folder], governed: &mut BTreeSet<PathBuf>, found: &mut Discovered) -> Vec<Placed> {
    let mut placed = Vec::new();
    for folder in folders {
        for path in &folder.manifests {
            match Manifest::read(path) {
                Ok(Some(manifest)) => placed.push(Placed { path: path.clone(), folder: folder.path.clone(), manifest }),
                Ok(None) => found.ignored.push((path.clone(), "a manifest of something else".to_owned())),
                Err(error) => {
                    governed.insert(folder.path.clone());
                    found.candidates.push(Candidate {
                        refusal: Some(error.to_string()),
                        parts: vec![],
                        ..single(&folder.path)
                    });
                }
            }
        }
    }
    placed
}

/// Of AWS legacy CUR with versions kept, the manifest in the month's folder names the current assembly; assemblies below
/// are copies or superseded.
fn current_assemblies(placed: Vec<Placed>, governed: &mut BTreeSet<PathBuf>, found: &mut Discovered) -> Vec<Placed> {
    let same = |a: &Manifest, b: &Manifest| {
        a.is_cur_legacy() && b.is_cur_legacy() && a.source == b.source && a.billing_period == b.billing_period
    };
    let mut current = Vec::new();
    for (at, one) in placed.iter().enumerate() {
        let above = placed.iter().find(|other| {
            other.folder != one.folder && one.folder.starts_with(&other.folder) && same(&other.manifest, &one.manifest)
        });
        if let Some(above) = above {
            let newest = above.manifest.execution.as_deref().unwrap_or("another");
            let reason = if above.manifest.execution == one.manifest.execution {
                format!("a copy of {}", above.path.display())
            } else {
                format!("superseded: {} names the assembly {newest}", above.path.display())
            };
            governed.insert(one.folder.clone());
            found.ignored.push((one.path.clone(), reason));
            continue;
        }
        current.push(at);
    }
    // Without the month's manifest nothing says which of several assemblies is current, unless they are named by time.
    let by_time = |one: &Placed| one.manifest.execution.as_deref().is_some_and(is_time);
    let mut keep = Vec::new();
    for at in &current {
        let one = &placed[*at];
        let rival = current.iter().map(|other| &placed[*other]).find(|other| {
            other.folder != one.folder && same(&other.manifest, &one.manifest) && !(by_time(other) && by_time(one))
        });
        match rival {
            None => keep.push(*at),
            Some(rival) => {
                governed.insert(one.folder.clone());
                let mut candidate = refused(
                    &one.folder,
                    &format!(
                        "and {} are assemblies of one month, and the manifest of the month's folder, which names the current one, is absent; copy it too, or name one assembly",
                        rival.folder.display()
                    ),
                );
                candidate.billing_period_hint = one.manifest.billing_period;
                found.candidates.push(candidate);
            }
        }
    }
    let keep: BTreeSet<usize> = keep.into_iter().collect();
    placed.into_iter().enumerate().filter(|(at, _)| keep.contains(at)).map(|(_, one)| one).collect()
}

/// `20240903T130114Z`: assemblies of newer exports are named by their time.
fn is_time(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() >= 15 && bytes[8] == b'T' && bytes[..8].iter().chain(&bytes[9..15]).all(u8::is_ascii_digit)
}
