//! Rules and org files: from disk into the book, and from the book into types.
//!
//! A version in the book is a list of named files, the main one first; names are paths relative to the main file, so
//! that what was applied can be read again without the folder that it came from.

use std::fs;
use std::path::{Component, Path, PathBuf};

use leap_book::ConfigFiles;
use leap_orient::org::Org;
use leap_orient::rules::RuleSet;
use leap_terms::{fault, limits};

use crate::failure::Failure;
use crate::home::failed;

/// Files by name, the main one first.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

fn text<'f>(name: &str, bytes: &'f [u8]) -> Result<&'f str, Failure> {
    std::str::from_utf8(bytes)
        .map_err(|error| Failure::usage(format!("{name}: byte {} is not UTF-8", error.valid_up_to())))
}

fn faults(faults: Vec<leap_terms::Fault>) -> Failure {
    Failure::usage(fault::list(&faults))
}

/// Reads the org from its files: `org.yaml`, or Backstage catalogs.
pub(crate) fn read_org(files: &Files) -> Result<Org, Failure> {
    let mut texts = Vec::new();
    for (name, bytes) in files {
        texts.push((name.as_str(), text(name, bytes)?));
    }
    match texts.as_slice() {
        [] => Ok(Org::default()),
        [(name, text)] if !is_backstage(text) => Org::from_yaml(name, text).map_err(faults),
        many => {
            let owned: Vec<(String, String)> =
                many.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            Org::from_backstage(&owned).map_err(faults)
        }
    }
}

fn is_backstage(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("apiVersion:") && line.contains("backstage.io"))
}

/// Reads the rules from their files.
pub(crate) fn read_rules(files: &Files, org: &Org) -> Result<RuleSet, Failure> {
    let Some((name, bytes)) = files.first() else { return Ok(RuleSet::default()) };
    let others = |path: &str| {
        files
            .iter()
            .skip(1)
            .find(|(name, _)| name == path)
            .map(|(_, bytes)| bytes.clone())
            .ok_or_else(|| format!("{path} is not among the files that were applied"))
    };
    RuleSet::parse(name, text(name, bytes)?, &others, org).map_err(faults)
}

/// Reads rules from disk: the main file, and whatever it names, relative to it.
pub(crate) fn load_rules(path: &Path, org: &Org) -> Result<(RuleSet, ConfigFiles), Failure> {
    let name = file_name(path);
    let main = read_limited(path)?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let found = std::cell::RefCell::new(Files::new());
    let read = |named: &str| -> Result<Vec<u8>, String> {
        let bytes = read_beside(&folder, named)?;
        let mut found = found.borrow_mut();
        if !found.iter().any(|(other, _)| other == named) {
            found.push((named.to_owned(), bytes.clone()));
        }
        Ok(bytes)
    };
    let shown = path.display().to_string();
    let rules = RuleSet::parse(&shown, text(&shown, &main)?, &read, org).map_err(faults)?;
    let mut others = found.into_inner();
    others.sort();
    let mut files = vec![(name, main)];
    files.extend(others);
    Ok((rules, ConfigFiles { files }))
}

/// Reads an org from disk: one file, or a folder of catalog files.
pub(crate) fn load_org(path: &Path) -> Result<(Org, ConfigFiles), Failure> {
    let mut files = Files::new();
    if path.is_dir() {
        let mut found: Vec<PathBuf> = fs::read_dir(path)
            .map_err(|error| failed("read", path, &error))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"))
            .collect();
        found.sort();
        for path in found {
            files.push((file_name(&path), read_limited(&path)?));
        }
        if files.is_empty() {
            return Err(Failure::usage(format!("{} has no .yaml files", path.display())));
        }
    } else {
        files.push((path.display().to_string(), read_limited(path)?));
    }
    let org = read_org(&files)?;
    if files.len() == 1 {
        files[0].0 = file_name(path);
    }
    Ok((org, ConfigFiles { files }))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "rules.yaml".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = fs::metadata(path).map_err(|error| failed("read", path, &error))?.len();
    if size > limits::CONFIG_BYTES {
        return Err(Failure::usage(format!(
            "{} has {size} bytes; the limit CONFIG_BYTES is {}",
            path.display(),
            limits::CONFIG_BYTES
        )));
    }
    fs::read(path).map_err(|error| failed("read", path, &error))
}

/// A file named in the rules: relative, and inside the folder of the rules.
fn read_beside(folder: &Path, named: &str) -> Result<Vec<u8>, String> {
    let path = Path::new(named);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || named.is_empty() {
        return Err(format!("'{}' is not a path inside the folder of the rules", named.escape_debug()));
    }
    let full = folder.join(path);
    fs::read(&full).map_err(|error| format!("could not read {}: {error}", full.display()))
}
