//! Settings that follow each other in time: rules and pools, each version with the first day on which it holds.
//!
//! ```text
//! leap:versions        ["1900-01-01", "2026-07-01"]
//! 0/rules.yaml         holds until the second begins
//! 1/rules.yaml         holds from July 2026 on
//! 1/owners.csv
//! ```
//! The book keeps one list of named files per kind. Where a single version holds since ever, it is that version's files.

use leap_book::{ConfigFiles, ConfigVersion};
use leap_terms::Day;

use crate::cli::Later;
use crate::config::Files;
use crate::failure::Failure;

/// Name of what lists the versions, where there are several: no path that a person can apply.
const VERSIONS: &str = "leap:versions";
/// Its name in homes of before.
const VERSIONS_BEFORE: &str = "versions.json";

/// One version in force, as it lies in the book: from which day, and its files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct VersionFiles {
    /// First day on which it holds.
    pub(crate) from: Day,
    /// Its files, the main one first.
    pub(crate) files: Files,
}

/// When something new holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    /// Its first day; since ever without one.
    pub(crate) day: Option<Day>,
    /// What becomes of versions that begin after it.
    pub(crate) later: Option<Later>,
}

impl Since {
    fn first(self) -> Day {
        self.day.unwrap_or(Day::EARLIEST)
    }

    /// Refuses days that no bill has.
    pub(crate) fn checked(self) -> Result<Since, Failure> {
        match self.day.filter(|day| *day <= Day::EARLIEST || *day >= Day::NEVER) {
            None => Ok(self),
            Some(day) => Err(Failure::usage(format!(
                "--effective {day} is no day of a bill: they are after {} and before {}; nothing was changed (for all days \
                 leave it out)",
                Day::EARLIEST,
                Day::NEVER
            ))),
        }
    }

    /// Refuses to guess what becomes of versions that begin after a new one: dropped silently they are missed months later,
    /// kept silently the new one ends on a day that nobody named. `what` is what these are: rules, pools.
    pub(crate) fn later(self, what: &str, versions: &[VersionFiles]) -> Result<Later, Failure> {
        let after = later_than(versions, self.first());
        let (Some(first), Some(last)) = (after.first(), after.last()) else { return Ok(Later::Replace) };
        self.later.ok_or_else(|| {
            let days: Vec<String> = after.iter().map(|version| version.from.to_string()).collect();
            let since = self.day.map_or_else(|| "on all days".to_owned(), |day| format!("from {day} on"));
            Failure::usage(format!(
                "other {what} are in force from {} on; nothing was changed\n  say what becomes of them: --later keep (the new \
                 {what} end where those of {} begin) or --later replace (the new {what} hold {since})\n  to change the newest \
                 alone: --effective {}",
                days.join(", and from "),
                first.from,
                last.from
            ))
        })
    }
}

/// The versions that some files of the book hold: one, or those that are listed.
pub(crate) fn of(files: &Files) -> Result<Vec<VersionFiles>, Failure> {
    let Some((name, list)) = files.first() else { return Ok(Vec::new()) };
    let listed = name == VERSIONS || (name == VERSIONS_BEFORE && files.iter().any(|(name, _)| name.starts_with("0/")));
    if !listed {
        return Ok(vec![VersionFiles { from: Day::EARLIEST, files: files.clone() }]);
    }
    let damaged = |what: String| Failure::failed(format!("the settings in the book are damaged: {name}: {what}"));
    let days: Vec<String> = serde_json::from_slice(list).map_err(|error| damaged(error.to_string()))?;
    let mut versions = Vec::<VersionFiles>::new();
    for (number, day) in days.iter().enumerate() {
        let from: Day = day.parse().map_err(damaged)?;
        let prefix = format!("{number}/");
        let own = files
            .iter()
            .filter_map(|(name, bytes)| name.strip_prefix(&prefix).map(|name| (name.to_owned(), bytes.clone())));
        let version = VersionFiles { from, files: own.collect() };
        if version.files.is_empty() {
            return Err(damaged(format!("the version from {from} has no files")));
        }
        if versions.last().is_some_and(|last| last.from >= from) {
            return Err(damaged(format!("{from} comes after a later day")));
        }
        versions.push(version);
    }
    Ok(versions)
}

/// What is in force, as a person edits it.
pub(crate) struct InForce {
    /// The first day and the main text of the newest version; none where nothing is in force.
    pub(crate) newest: Option<(Day, String)>,
    /// The first days of all versions.
    pub(crate) days: Vec<Day>,
}

/// What some files of the book hold, as a person edits it.
pub(crate) fn in_force(files: &Files) -> Result<InForce, Failure> {
    let versions = of(files)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let newest = versions.last().and_then(|one| one.files.first().map(|(_, bytes)| (one.from, text(bytes))));
    Ok(InForce { newest, days: versions.iter().map(|version| version.from).collect() })
}

/// The files of these versions, as the book keeps them.
pub(crate) fn files(versions: &[VersionFiles]) -> ConfigFiles {
    match versions {
        [one] if one.from == Day::EARLIEST => ConfigFiles { files: one.files.clone() },
        many => {
            let days: Vec<String> = many.iter().map(|version| version.from.to_string()).collect();
            let list = serde_json::to_vec(&days).expect("days are text");
            let mut files = vec![(VERSIONS.to_owned(), list)];
            for (number, version) in many.iter().enumerate() {
                files.extend(version.files.iter().map(|(name, bytes)| (format!("{number}/{name}"), bytes.clone())));
            }
            ConfigFiles { files }
        }
    }
}

/// Those that begin after a day.
fn later_than(versions: &[VersionFiles], from: Day) -> &[VersionFiles] {
    &versions[versions.partition_point(|version| version.from <= from)..]
}

/// These versions, with another one in place of one that began on the same day. It holds until the first of those that begin
/// after it, or, where these go, on all days from its own on.
pub(crate) fn with(versions: &[VersionFiles], files: Files, since: Since, later: Later) -> Vec<VersionFiles> {
    let from = since.first();
    let mut all: Vec<VersionFiles> = versions.iter().filter(|version| version.from < from).cloned().collect();
    all.push(VersionFiles { from, files });
    match later {
        Later::Keep => all.extend_from_slice(later_than(versions, from)),
        Later::Replace => {}
    }
    all
}

/// Since when a version holds, for people.
pub(crate) fn since(from: Day) -> String {
    if from == Day::EARLIEST { "since ever".to_owned() } else { format!("from {from} on") }
}

/// The text of what is in force, version by version, with a line for each file that it names.
pub(crate) fn shown(version: &ConfigVersion) -> Result<String, Failure> {
    let mut out = format!("# version {} of {}, applied by {}\n", version.id, version.recorded_at, version.actor);
    for held in of(&version.files)? {
        for (number, (name, content)) in held.files.iter().enumerate() {
            let text = String::from_utf8_lossy(content);
            if number == 0 {
                out += &format!("# {name}, {}\n{text}", since(held.from));
                if !text.ends_with('\n') {
                    out.push('\n');
                }
            } else {
                out += &format!("# {name}: {} rows\n", text.lines().count().saturating_sub(1));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (String, Vec<u8>) {
        (name.to_owned(), text.as_bytes().to_vec())
    }

    #[test]
    fn what_is_written_is_read_again_whatever_files_are_called() {
        let named = vec![file("versions.json", "{\"rules\": []}"), file("0/owners.csv", "a")];
        let since = Since { day: Some("2026-07-01".parse().unwrap()), later: None };
        let two = with(&[], named[..1].to_vec(), Since { day: None, later: None }, Later::Replace);
        assert_eq!(of(&files(&two).files).unwrap(), two);
        let two = with(&two, named, since, Later::Replace);
        assert_eq!(two.len(), 2);
        assert_eq!(of(&files(&two).files).unwrap(), two);
    }

    #[test]
    fn lists_that_were_damaged_are_errors_and_no_panics() {
        for list in
            ["{}", "[\"July\"]", "[\"2026-07-01\", \"2026-06-01\"]", "[\"2026-07-01\", \"2026-08-01\", \"2026-09-01\"]"]
        {
            let held = vec![file(VERSIONS, list), file("0/a.yaml", ""), file("1/b.yaml", "")];
            let failure = of(&held).unwrap_err();
            assert!(failure.message.starts_with("the settings in the book are damaged"), "{list}: {}", failure.message);
        }
    }
}
