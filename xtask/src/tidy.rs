//! The house rules, as one test.
//!
//! | rule | why |
//! |---|---|
//! | stages do not depend on each other; only `leap-lake` names DataFusion and Delta | the tree is the loop |
//! | no clock, randomness or async in `leap-terms`, `leap-observe`, `leap-orient`, `leap-decide` | the middle is pure |
//! | no clock, randomness or environment in `leap-act`; files in its channel `file` alone | it does what it is told |
//! | no `f32`/`f64` in `leap-terms` | no float touches money |
//! | no `unwrap`, `todo`, `dbg`, `#[ignore]` outside tests | nothing half-done |
//! | every file starts with `//!` | docs where the reader is |
//! | one H1 per Markdown page | a page has one subject |
//! | each invariant is used in code | an id that nothing checks is a lie |
//! | each public type of `leap-terms` stands in GLOSSARY.md | one word per concept |
//! | no paths of a machine, no third-party files | the repository is ours and for everyone |

use std::fs;
use std::path::{Path, PathBuf};

/// Everything in the tree that breaks a house rule: `file:line: rule`.
pub(crate) fn findings(root: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    let files = source_files(root);
    assert!(files.len() > 10, "tidy found no sources below {}", root.display());
    for path in &files {
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        let Ok(text) = fs::read_to_string(path) else {
            findings.push(format!("{shown}: is not UTF-8 text"));
            continue;
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => rust_file(&shown, &text, &mut findings),
            Some("md") => markdown_file(&shown, &text, &mut findings),
            Some("toml") if shown.ends_with("Cargo.toml") => manifest(&shown, &text, &mut findings),
            _ => {}
        }
        for (at, line) in text.lines().enumerate() {
            let machine =
                ["/wo", "/ro", "/ho"].iter().zip(["rk/", "ot/", "me/"]).any(|(a, b)| line.contains(&format!("{a}{b}")));
            if machine && !shown.ends_with("Cargo.lock") {
                findings.push(format!("{shown}:{}: names a path of one machine", at + 1));
            }
        }
    }
    invariants(root, &files, &mut findings);
    glossary(root, &files, &mut findings);
    findings
}

/// Each public type of `leap-terms` stands in GLOSSARY.md in backquotes.
fn glossary(root: &Path, files: &[PathBuf], findings: &mut Vec<String>) {
    let text = fs::read_to_string(root.join("GLOSSARY.md")).unwrap_or_default();
    let home = root.join("crates/leap-terms/src");
    let mut seen = 0;
    for path in files.iter().filter(|path| path.starts_with(&home)) {
        let source = fs::read_to_string(path).unwrap_or_default();
        for (line, code) in code_lines(&source) {
            let name = ["pub struct ", "pub enum ", "pub type "].iter().find_map(|start| code.strip_prefix(start));
            let Some(name) = name.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric()).next()) else { continue };
            seen += 1;
            if !text.contains(&format!("`{name}`")) {
                let shown = path.strip_prefix(root).unwrap_or(path).display();
                findings.push(format!("{shown}:{line}: {name} has no word in GLOSSARY.md"));
            }
        }
    }
    assert!(seen > 10, "tidy found no types in {}", home.display());
}

fn source_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | ".git" | "corpus" | "node_modules" | ".leap") {
                    folders.push(path);
                }
            } else if [".rs", ".md", ".toml", ".yaml", ".sql"].iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The lines before the file's own tests, with their numbers from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]").map(|(at, line)| (at + 1, line))
}

fn rust_file(shown: &str, text: &str, findings: &mut Vec<String>) {
    if !text.starts_with("//!") {
        findings.push(format!("{shown}:1: a file starts with //! (what it is for)"));
    }
    let test_file = shown.contains("/tests/")
        || shown.rsplit('/').next().is_some_and(|name| name.contains("tests"))
        || shown.contains("/examples/")
        || shown.starts_with("fuzz/");
    let pure =
        ["leap-terms/", "leap-observe/", "leap-orient/", "leap-decide/", "leap-act/", "leap-book/", "leap-lake/"]
            .iter()
            .map(|name| format!("crates/{name}"))
            .any(|prefix| shown.starts_with(&prefix));
    for (line, code) in code_lines(text) {
        let code = code.split("//").next().unwrap_or(code);
        let mut broken = |rule: &str| findings.push(format!("{shown}:{line}: {rule}"));
        if !test_file && !shown.starts_with("xtask/") {
            for word in [".unwrap()", "todo!(", "unimplemented!(", "dbg!("] {
                if code.contains(word) {
                    broken(&format!("no {word} outside tests: say why it cannot fail with expect, or return an error"));
                }
            }
        }
        if code.contains(concat!("#[", "ignore")) {
            broken("no ignored tests");
        }
        if pure
            && !test_file
            && ["SystemTime::now", "Instant::now", "thread_rng", "rand::random"].iter().any(|word| code.contains(word))
        {
            broken("no clock or randomness in the middle of the program: it is an argument");
        }
        if shown.starts_with("crates/leap-terms/")
            && ["f32", "f64", "async fn", "std::fs", "std::net"].iter().any(|word| code.contains(word))
        {
            broken("leap-terms has no floats, async, files or network");
        }
        if shown.starts_with("crates/leap-act/")
            && !test_file
            && (code.contains("std::env")
                || (code.contains("std::fs") || code.contains("tokio::fs")) && !shown.ends_with("/channels/file.rs"))
        {
            broken("leap-act reads no environment, and no file but that of the channel file");
        }
        if !shown.starts_with("crates/leap-lake/")
            && (code.contains("datafusion::") || code.contains("deltalake"))
            && !shown.starts_with("xtask/")
        {
            broken("only leap-lake names DataFusion and Delta");
        }
    }
}

fn markdown_file(shown: &str, text: &str, findings: &mut Vec<String>) {
    let mut in_code = false;
    let mut titles = 0;
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if !in_code && line.starts_with("# ") {
            titles += 1;
        }
    }
    if titles != 1 {
        findings.push(format!("{shown}: has {titles} H1 titles instead of one"));
    }
}

fn manifest(shown: &str, text: &str, findings: &mut Vec<String>) {
    let forbidden: &[(&str, &[&str])] = &[
        ("crates/leap-terms/", &["leap-", "tokio", "datafusion", "arrow ="]),
        ("crates/leap-observe/", &["leap-lake", "leap-book", "leap-orient", "leap-sim", "datafusion", "tokio"]),
        ("crates/leap-orient/", &["leap-lake", "leap-book", "leap-observe", "leap-sim", "datafusion", "tokio"]),
        (
            "crates/leap-decide/",
            &[
                "leap-lake",
                "leap-book",
                "leap-observe",
                "leap-orient",
                "leap-act",
                "leap-sim",
                "datafusion",
                "tokio",
                "arrow",
            ],
        ),
        (
            "crates/leap-act/",
            &[
                "leap-lake",
                "leap-book",
                "leap-observe",
                "leap-orient",
                "leap-decide",
                "leap-sim",
                "leap-web",
                "datafusion",
                "arrow",
                "getrandom",
                "rand",
            ],
        ),
        ("crates/leap-book/", &["leap-lake", "leap-observe", "leap-orient", "leap-sim", "datafusion"]),
        ("crates/leap-lake/", &["leap-book", "leap-observe", "leap-orient", "leap-sim"]),
        ("crates/leap-sim/", &["leap-lake", "leap-book", "leap-observe", "leap-orient", "datafusion"]),
        (
            "crates/leap-web/",
            &["leap-lake", "leap-book", "leap-observe", "leap-orient", "leap-sim", "datafusion", "arrow"],
        ),
        ("crates/leap/", &["datafusion", "deltalake", "sqlx"]),
    ];
    let mut in_dependencies = false;
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line == "[dependencies]";
        }
        for (prefix, words) in forbidden {
            if in_dependencies && shown.starts_with(prefix) {
                for word in words.iter().filter(|word| line.starts_with(**word)) {
                    findings.push(format!("{shown}:{}: this crate must not depend on {word}", at + 1));
                }
            }
        }
    }
}

fn invariants(root: &Path, files: &[PathBuf], findings: &mut Vec<String>) {
    let home = root.join("crates/leap-terms/src/invariant.rs");
    let Ok(text) = fs::read_to_string(&home) else { return };
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Invariant::"))
        .filter_map(|line| line.strip_suffix(','))
        .collect();
    assert!(!ids.is_empty(), "tidy found no invariants in {}", home.display());
    for id in ids {
        let word = format!("Invariant::{id}");
        let used = files
            .iter()
            .filter(|path| **path != home && path.extension().is_some_and(|extension| extension == "rs"))
            .any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&word)));
        if !used {
            findings.push(format!("crates/leap-terms/src/invariant.rs: {id} is checked nowhere"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let findings = findings(&crate::root());
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn a_broken_rule_is_found() {
        let mut found = Vec::new();
        rust_file("crates/leap-terms/src/x.rs", "fn f() { let x: f64 = y.unwrap(); }", &mut found);
        assert_eq!(found.len(), 3, "{found:?}");
        found.clear();
        manifest("crates/leap-orient/Cargo.toml", "[dependencies]\nleap-observe = {}\n", &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
        found.clear();
        markdown_file("a.md", "# A\n# B\n", &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
