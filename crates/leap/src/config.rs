//! Rules and org files: from disk into the book, and from the book into types.
//!
//! A version in the book is a list of named files, the main one first; names are paths relative to the main file, so
//! that what was applied can be read again without the folder that it came from.

use std::fs;
use std::path::{Component, Path, PathBuf};

use leap_book::ConfigFiles;
use leap_orient::org::Org;
use leap_orient::predicate::Fields;
use leap_orient::rules::{ReadFile, RuleSet, RulesVersion};
use leap_terms::{fault, limits};

use crate::catalog;
use crate::failure::Failure;
use crate::home::{Home, failed};
use crate::versions;

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

/// Reads the rules from their files, below the ownership that was settled by claims.
pub(crate) fn read_rules(files: &Files, claims: Option<&Files>, org: &Org) -> Result<RuleSet, Failure> {
    let versions = versions::of(files)?;
    let readers: Vec<_> = versions
        .iter()
        .map(|version| {
            move |path: &str| {
                version
                    .files
                    .iter()
                    .skip(1)
                    .find(|(name, _)| name == path)
                    .map(|(_, bytes)| bytes.clone())
                    .ok_or_else(|| format!("{path} is not among the files that were applied"))
            }
        })
        .collect();
    let mut list = Vec::new();
    for (version, reader) in versions.iter().zip(&readers) {
        let (name, bytes) =
            version.files.first().ok_or_else(|| Failure::failed("a version of the rules has no file"))?;
        list.push(RulesVersion { from: version.from, file: name, text: text(name, bytes)?, read_file: reader });
    }
    let mut rules = RuleSet::history(&list, org).map_err(faults)?;
    let Some((name, bytes)) = claims.and_then(|files| files.first()) else { return Ok(rules) };
    let none = |path: &str| -> Result<Vec<u8>, String> { Err(format!("{path} is not among the claims")) };
    let above = rules.parse_above(name, text(name, bytes)?, &none, org).map_err(faults)?;
    Ok(rules.below(above))
}

/// Reads rules from disk: the main file, and whatever it names, relative to it. `fields` are those of the rules that they are to
/// follow in time, or none.
pub(crate) fn load_rules(path: &Path, org: &Org, fields: Fields) -> Result<(RuleSet, ConfigFiles), Failure> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let read = |named: &str| read_beside(&folder, named);
    parse_rules(&path.display().to_string(), (file_name(path), read_limited(path)?), &read, org, fields)
}

/// The same of rules that were read already: the main file's name and content, and how the files that it names are read. They
/// are called `shown` where something is wrong with them.
pub(crate) fn parse_rules(
    shown: &str,
    (name, main): (String, Vec<u8>),
    read_file: ReadFile<'_>,
    org: &Org,
    fields: Fields,
) -> Result<(RuleSet, ConfigFiles), Failure> {
    let found = std::cell::RefCell::new(Files::new());
    let read = |named: &str| -> Result<Vec<u8>, String> {
        let bytes = read_file(named)?;
        let mut found = found.borrow_mut();
        if !found.iter().any(|(other, _)| other == named) {
            found.push((named.to_owned(), bytes.clone()));
        }
        Ok(bytes)
    };
    let rules = RuleSet::parse_after(fields, shown, text(shown, &main)?, &read, org).map_err(faults)?;
    if let Some(rule) = rules.rules().iter().find(|rule| is_claim(rule.id.as_str())) {
        let message = format!("rule '{}': ids of this form are for settled claims", rule.id);
        let fault = leap_terms::Fault { line: rule.line, ..leap_terms::Fault::in_file(shown, message) };
        return Err(faults(vec![fault.help("give it another id")]));
    }
    let mut others = found.into_inner();
    others.sort();
    let mut files = vec![(name, main)];
    files.extend(others);
    Ok((rules, ConfigFiles { files }))
}

/// The files of an org: of a Backstage where an address is named, else from disk. A home is not open meanwhile: a catalog may
/// take its time, and nobody else should have to wait for it.
pub(crate) async fn org_files(root: &Path, path: &Path) -> Result<Files, Failure> {
    match catalog::address(path) {
        Some(address) => catalog::read(address, &Home::settings(root)?.backstage).await,
        None => read_org_files(path),
    }
}

/// What an org is called in titles and causes: its file's name, or its address.
pub(crate) fn org_title(path: &Path) -> String {
    match catalog::address(path) {
        Some(address) => address.trim_end_matches('/').to_owned(),
        None => file_name(path),
    }
}

/// The files of an org on disk: one file, or a folder of catalog files.
fn read_org_files(path: &Path) -> Result<Files, Failure> {
    let mut files = Files::new();
    if !path.is_dir() {
        return Ok(vec![(path.display().to_string(), read_limited(path)?)]);
    }
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let mut found: Vec<PathBuf> = fs::read_dir(&folder)
            .map_err(|error| failed("read", &folder, &error))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        found.sort();
        for entry in found {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                files.push((entry.strip_prefix(path).unwrap_or(&entry).display().to_string(), read_limited(&entry)?));
            }
        }
    }
    if files.is_empty() {
        return Err(Failure::usage(format!("{} has no .yaml files", path.display())));
    }
    files.sort();
    Ok(files)
}

/// True for the id of a rule that a settled claim made: `claim-7`.
pub(crate) fn is_claim(rule: &str) -> bool {
    rule.strip_prefix("claim-").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The org that its files say.
pub(crate) fn load_org(path: &Path, mut files: Files) -> Result<(Org, ConfigFiles), Failure> {
    let org = read_org(&files)?;
    if files.len() == 1 && catalog::address(path).is_none() {
        files[0].0 = file_name(path);
    }
    Ok((org, ConfigFiles { files }))
}

/// The last part of a path.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "rules.yaml".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Reads a person's file, bounded.
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>, Failure> {
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
pub(crate) fn read_beside(folder: &Path, named: &str) -> Result<Vec<u8>, String> {
    let path = Path::new(named);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || named.is_empty() {
        return Err(format!("'{}' is not a path inside the folder of the rules", named.escape_debug()));
    }
    let full = folder.join(path);
    fs::read(&full).map_err(|error| format!("could not read {}: {error}", full.display()))
}
