//! What names of files and folders tell: the month of a folder, the part number of a file, the order of deliveries.
//!
//! ```text
//! export-00001.csv.gz, export-00002.csv.gz   parts 1 and 2 of one delivery
//! focus-2026-09-11.csv, focus-2026-09-12.csv two snapshots: a date is no part number
//! BILLING_PERIOD=2026-09, 20260901-20261001  September 2026
//! ```
//! Adding up snapshots is the classic failure (a published case: 45 times the bill), so whatever may be a date counts as
//! one.

use std::path::Path;

use leap_terms::{Day, Month};

/// The month in a folder's name: `BILLING_PERIOD=2026-09`, `20260901-20261001`, `2026-09`.
pub(super) fn month_of_folder(path: &Path) -> Option<Month> {
    let name = path.file_name()?.to_str()?;
    let name = name.rsplit_once('=').map_or(name, |(_, value)| value);
    if let Ok(month) = name.parse::<Month>() {
        return Some(month);
    }
    let (from, until) = name.split_once('-')?;
    let digits = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(from) && digits(until) { Month::new(from[..4].parse().ok()?, from[4..6].parse().ok()?) } else { None }
}

/// The nearest month in the names of the folders from `path` up to `root`.
pub(super) fn period_above(path: &Path, root: &Path) -> Option<Month> {
    path.ancestors().take_while(|folder| folder.starts_with(root)).find_map(month_of_folder)
}

/// Why a file is no bill by its name, whatever it holds.
pub(super) fn why_ignored(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if name.starts_with('.') || name.starts_with('_') {
        Some("hidden or a marker")
    } else if ends(&[".tmp", ".partial", ".crc", ".swp", ".part", ".crdownload", "~"]) {
        Some("unfinished or a checksum")
    } else if ends(&[".md", ".txt", ".yaml", ".yml", ".pdf", ".sql", ".html", ".sha256", ".md5", ".xlsx", ".log"])
        || matches!(lower.as_str(), "license" | "notice" | "readme" | "makefile")
    {
        Some("no bill by its name")
    } else {
        None
    }
}

/// True when the name promises rows, so that a file which cannot be read as a bill is refused instead of passed over.
pub(super) fn promises_rows(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".gz", ".zst", ".zip"]
        .iter()
        .any(|ending| lower.ends_with(ending))
}

/// A file's name in lower case with `#` for its part number, if it has one.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let endings = [".csv", ".tsv", ".parquet", ".snappy.parquet", ".json", ".ndjson", ".gz", ".zst"];
    let cut = endings.iter().filter_map(|ending| name.find(ending)).min().unwrap_or(name.len());
    let (base, ending) = name.split_at(cut);
    // Spark and Azure: part-00000-<uuid>-c000, part_0_0001.
    if let Some(rest) = base.strip_prefix("part-").or_else(|| base.strip_prefix("part_")) {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() < rest.len() && (after.is_empty() || after.starts_with(['-', '_'])) {
            return format!("part-#{}{ending}", without_number(after).unwrap_or_else(|| after.to_owned()));
        }
    }
    format!("{}{ending}", without_number(base).unwrap_or_else(|| base.to_owned()))
}

/// `export-00003` → `export-#`; `None` when it ends in no number, or in one that may be a date, a time or an id.
fn without_number(base: &str) -> Option<String> {
    let chunk = base
        .strip_suffix(|c: char| c.is_ascii_digit())
        .map_or(0, |_| base.bytes().rev().take_while(u8::is_ascii_digit).count());
    let (front, number) = base.split_at(base.len() - chunk);
    let marked = front.ends_with(['-', '_', '.'])
        || front.ends_with("-c")
        || front.ends_with("part")
        || front.ends_with("chunk");
    let id = number.len() >= 6 && !number.starts_with("000");
    (chunk > 0 && marked && !id && !ends_in_date(base)).then(|| format!("{front}#"))
}

/// True for `…2026-09-12`, `…20260912`, `…2026_09`, `…202609`.
fn ends_in_date(base: &str) -> bool {
    let bytes = base.as_bytes();
    // From the end: day and month with an optional separator before each, then the year.
    [true, false].into_iter().any(|with_day| {
        let mut at = bytes.len();
        let mut take = |count: usize| -> Option<u32> {
            let from = at.checked_sub(count)?;
            let digits = base.get(from..at).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
            at = from;
            if at > 0 && matches!(bytes[at - 1], b'-' | b'_' | b'.') && count == 2 {
                at -= 1;
            }
            digits.parse().ok()
        };
        let day = if with_day { take(2) } else { Some(1) };
        let (Some(day), Some(month)) = (day, take(2)) else { return false };
        let Some(year) = take(4) else { return false };
        (1990..2200).contains(&year) && Day::from_ymd(year as i32, month, day).is_some()
    })
}

/// A text that sorts as people count: `9-late` before `10-early`.
pub(super) fn natural(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut digits = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            out.push_str(&format!("{digits:0>20}"));
            digits.clear();
        }
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        stem(Path::new(one)) == stem(Path::new(other))
    }

    #[test]
    fn part_numbers_make_one_delivery() {
        assert!(same("export-00001.csv.gz", "export-00002.csv.gz"));
        assert!(same("koku-local-1.csv.gz", "koku-local-12.csv.gz"));
        assert!(same("part_0_0001.csv", "part_1_0002.csv"));
        let spark = "part-00000-7c9e6679-7425-40de-944b-e07fc1f90ae7-c000.snappy.parquet";
        assert!(same(spark, &spark.replace("00000", "00001")));
        assert!(!same(spark, &spark.replace("7c9e", "8c9e")));
    }

    #[test]
    fn dates_versions_copies_and_ids_do_not() {
        assert!(!same("focus-2026-08.csv", "focus-2026-09.csv"));
        assert!(!same("focus-2026-09-11.csv", "focus-2026-09-12.csv"));
        assert!(!same("focus_20260911.csv", "focus_20260912.csv"));
        assert!(!same("focus_202608.csv", "focus_202609.csv"));
        assert!(!same("bill-v1.csv", "bill-v2.csv"));
        assert!(!same("bill (1).csv", "bill (2).csv"));
        assert!(!same("0001000000603747.csv.gz", "0001000000603748.csv.gz"));
        assert!(!same("a-1.csv", "a-1.parquet"));
        assert!(!same("bill.csv", "bill-1.csv"));
    }

    #[test]
    fn folders_name_months() {
        assert_eq!(month_of_folder(Path::new("x/BILLING_PERIOD=2026-09")), Month::new(2026, 9));
        assert_eq!(month_of_folder(Path::new("20180801-20180901")), Month::new(2018, 8));
        assert_eq!(month_of_folder(Path::new("007-sep-month-end-estimate")), None);
        assert_eq!(period_above(Path::new("root/2026-09/x"), Path::new("root")), Month::new(2026, 9));
        assert_eq!(period_above(Path::new("2026-08/bucket/x"), Path::new("2026-08/bucket")), None);
    }

    #[test]
    fn ten_comes_after_nine() {
        assert!(natural("9-late") < natural("10-early"));
        assert!(natural("koku_2023-06-01-not-final.csv") < natural("koku_2023-06-01.csv"));
    }
}
