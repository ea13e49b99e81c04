//! Files become deliveries: single files, folders, bucket layouts; manifests are completeness checks.
//!
//! ```text
//! september.csv.gz                                              one file, one delivery
//! BILLING_PERIOD=2026-09/{Manifest.json, export-0000N.csv.gz}   FOCUS and AWS Data Exports
//! koku-local/20180801-20180901/{koku-local-Manifest.json, <assembly>/koku-local-1.csv.gz}   AWS CUR, versions kept
//! export/20260901-20260930/<time>/<guid>/{manifest.json, part_1.csv}                         Azure exports
//! ```
//! A delivery that its manifest contradicts is still listed, with the reason to refuse it, so that one broken delivery
//! hides no other. Nothing is opened here but manifests.

mod manifest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use leap_terms::{Format, Month, limits};

use crate::error::IntakeError;
use manifest::Manifest;

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
    /// Deliveries are taken in this order: period, then sequence or time, then path.
    pub order: (Option<Month>, String, String),
}

/// What was found, and what was passed over with the reason.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// Deliveries, oldest first.
    pub candidates: Vec<Candidate>,
    /// Files that are no bills: path and reason.
    pub ignored: Vec<(PathBuf, &'static str)>,
}

/// Finds the deliveries below some paths.
///
/// # Errors
/// [`IntakeError`] when a path named by the person does not exist or is no file or folder.
pub fn discover(paths: &[PathBuf], options: &DiscoverOptions) -> Result<Discovered, IntakeError> {
    let mut found = Discovered::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| IntakeError::io(path, source))?;
        let mut here = Discovered::default();
        if metadata.is_dir() {
            folder(path, path, 0, options, &mut here)?;
            if here.candidates.is_empty() {
                here.candidates.push(refused(path, "has no bills in it".to_owned()));
            }
        } else if metadata.is_file() {
            here.candidates.push(single(path));
        } else {
            here.candidates.push(refused(path, "is neither a file nor a folder; pipe it in instead: leap ingest - < PATH".to_owned()));
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
        order: (None, String::new(), shown(path)),
    }
}

fn refused(path: &Path, reason: String) -> Candidate {
    Candidate { refusal: Some(format!("{} {reason}", path.display())), parts: vec![], ..single(path) }
}

/// The month in a folder's name: `BILLING_PERIOD=2026-09`, `20260901-20261001`, `2026-09`.
fn month_of_folder(path: &Path) -> Option<Month> {
    let name = path.file_name()?.to_str()?;
    let name = name.rsplit_once('=').map_or(name, |(_, value)| value);
    if let Ok(month) = name.parse::<Month>() {
        return Some(month);
    }
    let (from, until) = name.split_once('-')?;
    let digits = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(from) && digits(until) { Month::new(from[..4].parse().ok()?, from[4..6].parse().ok()?) } else { None }
}

fn period_above(path: &Path, root: &Path) -> Option<Month> {
    path.ancestors().take_while(|folder| folder.starts_with(root)).find_map(month_of_folder)
}

fn why_ignored(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if name.starts_with('.') || name.starts_with('_') {
        Some("hidden or a marker")
    } else if ends(&[".tmp", ".partial", ".crc", ".swp"]) {
        Some("unfinished or a checksum")
    } else if ends(&[".md", ".txt", ".yaml", ".yml", ".pdf", ".sql", ".html", ".zip.sha256"]) {
        Some("no bill by its name")
    } else {
        None
    }
}

fn folder(path: &Path, root: &Path, depth: usize, options: &DiscoverOptions, found: &mut Discovered) -> Result<(), IntakeError> {
    if depth > options.max_depth {
        found.candidates.push(refused(path, format!("lies deeper than the limit FOLDER_DEPTH = {} allows", options.max_depth)));
        return Ok(());
    }
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(path).map_err(|source| IntakeError::io(path, source))? {
        let entry = entry.map_err(|source| IntakeError::io(path, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(|source| IntakeError::io(&entry.path(), source))?;
        if kind.is_dir() {
            folders.push(entry.path());
        } else if !kind.is_file() {
            found.ignored.push((entry.path(), "a link, pipe or device"));
        } else if let Some(reason) = why_ignored(&name) {
            found.ignored.push((entry.path(), reason));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    folders.sort();
    let (manifests, bills): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|path| is_manifest(path));
    if let Some(manifest_path) = manifests.first() {
        match Manifest::read(manifest_path) {
            Ok(Some(manifest)) => {
                found.ignored.extend(manifests.iter().skip(1).map(|path| (path.clone(), "a second manifest")));
                let mut candidate = with_manifest(manifest_path, &manifest, root, &bills);
                candidate.order.1.push_str(&shown(path));
                found.candidates.push(candidate);
                // Assemblies below are the versions that the manifest replaces; only what it names counts.
                if manifest.is_cur_legacy() {
                    return Ok(());
                }
                for folder_path in folders {
                    folder(&folder_path, root, depth + 1, options, found)?;
                }
                return Ok(());
            }
            Ok(None) => found.ignored.push((manifest_path.clone(), "a manifest of something else")),
            Err(error) => {
                found.candidates.push(Candidate { refusal: Some(error.to_string()), parts: vec![], ..single(path) });
                return Ok(());
            }
        }
    }
    loose(path, root, bills, found);
    for folder_path in folders {
        folder(&folder_path, root, depth + 1, options, found)?;
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    name.ends_with("manifest.json")
}

/// Bills without a manifest: files whose names differ only in a number are parts of one delivery.
fn loose(path: &Path, root: &Path, bills: Vec<PathBuf>, found: &mut Discovered) {
    let mut groups = BTreeMap::<String, Vec<PathBuf>>::new();
    for bill in bills {
        groups.entry(stem(&bill)).or_default().push(bill);
    }
    // Azure's two exports of one month differ in a word, and belong together.
    let twins: Vec<(String, String)> = groups
        .keys()
        .filter_map(|name| {
            let other = name.replace("amortized", "actual");
            (other != *name && groups.contains_key(&other)).then(|| (other, name.clone()))
        })
        .collect();
    for (actual, amortized) in twins {
        if let Some(parts) = groups.remove(&amortized) {
            groups.entry(actual).or_default().extend(parts);
        }
    }
    for (_, mut parts) in groups {
        parts.sort();
        let mut candidate = single(if parts.len() == 1 { &parts[0] } else { path });
        candidate.billing_period_hint = period_above(path, root);
        candidate.order = (candidate.billing_period_hint, String::new(), shown(&parts[0]));
        candidate.parts = parts.into_iter().map(|path| CandidatePart { path, format_hint: None }).collect();
        if candidate.parts.len() > limits::PARTS_PER_DELIVERY {
            candidate.refusal = Some(format!("{} has more parts than the limit PARTS_PER_DELIVERY = {}", path.display(), limits::PARTS_PER_DELIVERY));
        }
        found.candidates.push(candidate);
    }
}

/// A file's name without its part number: `export-00003.csv.gz` and `export-00001.csv.gz` are one stem. Years, months and
/// longer numbers (dates, ids) stay, so that different months do not become one delivery.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let (base, ending) = match name.find(".csv").or_else(|| name.find(".parquet")).or_else(|| name.find(".json")) {
        Some(at) => name.split_at(at),
        None => (name.as_str(), ""),
    };
    let digits = base.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (front, number) = base.split_at(base.len() - digits);
    let separator = front.ends_with(['-', '_', '.']);
    let date_like = number.len() >= 6 || front.len() >= 5 && front[..front.len() - 1].bytes().rev().take(4).all(|byte| byte.is_ascii_digit());
    if digits > 0 && separator && !(date_like && !number.starts_with("00000")) { format!("{front}#{ending}") } else { name }
}

/// A delivery with a manifest: every part that it names must be there, whole.
fn with_manifest(manifest_path: &Path, manifest: &Manifest, root: &Path, beside: &[PathBuf]) -> Candidate {
    let folder = manifest_path.parent().unwrap_or(Path::new("."));
    let hint = manifest.billing_period.or_else(|| period_above(folder, root));
    let mut candidate = Candidate {
        path: shown(folder),
        parts: Vec::new(),
        refusal: None,
        billing_period_hint: hint,
        source_hint: manifest.source.clone(),
        execution: manifest.execution.clone(),
        order: (hint, manifest.sequence.clone(), shown(folder)),
    };
    let refuse = |reason: String| Some(format!("{}: {reason}", manifest_path.display()));
    if manifest.files.is_empty() && manifest.complete_without_list {
        candidate.parts = beside.iter().map(|path| CandidatePart { path: path.clone(), format_hint: manifest.format }).collect();
    }
    if let Some(count) = manifest.count.filter(|count| *count != manifest.files.len()) {
        candidate.refusal = refuse(format!("it says {count} parts and lists {}; the upload is unfinished, or the manifest is damaged", manifest.files.len()));
    }
    for file in &manifest.files {
        match locate(folder, root, &file.name) {
            Ok(path) => {
                let size = fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or_default();
                if let Some(expected) = file.bytes.filter(|expected| *expected != size) {
                    candidate.refusal = refuse(format!("part {} has {size} bytes instead of {expected}; its upload is unfinished", file.name));
                }
                candidate.parts.push(CandidatePart { path, format_hint: manifest.format });
            }
            Err(reason) => {
                candidate.refusal = refuse(format!("part {} {reason}", file.name));
                break;
            }
        }
    }
    if candidate.parts.is_empty() && candidate.refusal.is_none() {
        candidate.refusal = refuse("it names no parts".to_owned());
    }
    candidate
}

/// Finds a part that a manifest names by a bucket key: the longest end of the key that lies below the manifest's folder,
/// or beside one of the folders above it, never outside the tree that the person named.
fn locate(folder: &Path, root: &Path, key: &str) -> Result<PathBuf, String> {
    let names: Vec<&str> = key.split('/').filter(|name| !name.is_empty()).collect();
    if names.iter().any(|name| *name == ".." || *name == ".") || key.contains('\0') || names.is_empty() {
        return Err("names a path outside its delivery; refused".to_owned());
    }
    let inside = root.canonicalize().map_err(|error| format!("cannot be looked for: {error}"))?;
    for above in folder.ancestors().take_while(|above| above.starts_with(root)) {
        for from in 0..names.len() {
            let path = names[from..].iter().fold(above.to_owned(), |path, name| path.join(name));
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
