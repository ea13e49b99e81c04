//! Settings that follow each other in time: rules and pools, each version with the first day on which it holds.
//!
//! ```text
//! versions.json        ["0001-01-01", "2026-07-01"]
//! 0/rules.yaml         holds until the second begins
//! 1/rules.yaml         holds from July 2026 on
//! 1/owners.csv
//! ```
//! The book keeps one list of named files per kind. Where a single version holds since ever, it is that version's files.

use leap_book::ConfigFiles;
use leap_terms::Day;

use crate::cli::Later;
use crate::config::Files;
use crate::failure::Failure;

/// Name of the file that lists the versions, where there are several.
const VERSIONS: &str = "versions.json";

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
    match files.first() {
        None => Ok(Vec::new()),
        Some((name, list)) if name == VERSIONS => {
            let days: Vec<String> = serde_json::from_slice(list).map_err(|error| {
                Failure::failed(format!("the settings in the book are damaged: {VERSIONS}: {error}"))
            })?;
            let mut versions = Vec::new();
            for (number, day) in days.iter().enumerate() {
                let from = day.parse().map_err(Failure::failed)?;
                let prefix = format!("{number}/");
                let own = files.iter().filter_map(|(name, bytes)| {
                    name.strip_prefix(&prefix).map(|name| (name.to_owned(), bytes.clone()))
                });
                versions.push(VersionFiles { from, files: own.collect() });
            }
            Ok(versions)
        }
        Some(_) => Ok(vec![VersionFiles { from: Day::EARLIEST, files: files.clone() }]),
    }
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
