//! The rules that were in force: what was applied when and by whom, and how any two of them differ.

use leap_book::{ConfigKind, ConfigSummary};
use leap_terms::Digest;
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Column, Link, Page, Row, Table, Tone};

use super::super::ground::{Ground, seconds};
use super::super::{coverage, difference, failed, parameter};
use crate::failure::Failure;
use crate::versions;

/// The heading of the rules themselves; files that they name have their names, none of which is called so.
const MAIN: &str = "The rules";

/// `GET /coverage/rules?versions=1` or `=2..5`.
pub(super) fn page(ground: &Ground, asked: &str) -> Result<Page, Problem> {
    let read = ground.runtime.block_on(ground.home.book.rules_versions());
    let mut all = read.map_err(|error| failed(&Failure::from_error(&error)))?;
    // What came after what a reader looks at was not known then.
    let newest = ground.view().head().config(ConfigKind::Rules).map(|version| version.id);
    all.retain(|version| newest.is_some_and(|newest| version.id <= newest));
    let rules = Link::new("Rules", ground.to(&["coverage", "rules"], &[]));
    let mut page = Page {
        title: "Versions of the rules".to_owned(),
        sub: "Every rule set that was applied, the newest first".to_owned(),
        crumbs: vec![Link::new("Coverage", ground.to(&["coverage"], &[])), rules, Link::new("Versions", "")],
        tabs: coverage::tabs(ground, "rules"),
        command: Some("leap rules show".to_owned()),
        ..Page::default()
    };
    if all.is_empty() {
        page.blocks.push(Block::Nothing("No rules were applied yet.".to_owned(), Vec::new()));
        return Ok(page);
    }
    if let Some((before, after)) = pair(ground, asked, &all)? {
        page.sub = format!("From version {before} to version {after}");
        page.blocks.push(compared(ground, before, after)?);
    }
    page.blocks.push(Block::Table(list(ground, &all)));
    Ok(page)
}

/// The two versions that are compared, where two are named.
fn pair(ground: &Ground, asked: &str, all: &[ConfigSummary]) -> Result<Option<(i64, i64)>, Problem> {
    if asked == "1" {
        return Ok(None);
    }
    let wrong = |message: String| parameter(ground.ask, "versions", message);
    let number = |text: &str| {
        let number =
            text.parse::<i64>().map_err(|_| wrong(format!("'{asked}' is neither 1 nor two versions: 2..5")))?;
        match all.iter().any(|version| version.id == number) {
            true => Ok(number),
            false => Err(wrong(format!("there is no version {number} of the rules"))),
        }
    };
    let (before, after) = asked.split_once("..").unwrap_or((asked, ""));
    let (before, after) = (number(before)?, number(after)?);
    Ok(Some((before.min(after), before.max(after))))
}

/// Name and text of each file of a version; the main file first.
fn texts(ground: &Ground, number: i64) -> Result<Vec<(String, Digest, Option<String>)>, Problem> {
    let read = ground.runtime.block_on(ground.home.book.rules_version(number));
    let version = read.map_err(|error| failed(&Failure::from_error(&error)))?;
    let version = version.ok_or_else(|| Problem::NotFound(format!("There is no version {number} of the rules.")))?;
    let main = versions::shown(&version).map_err(|failure| failed(&failure))?;
    let mut all = vec![(MAIN.to_owned(), Digest::of(main.as_bytes()), Some(main))];
    all.extend(version.files.into_iter().skip(1).map(|(name, content)| {
        let digest = Digest::of(&content);
        (name, digest, String::from_utf8(content).ok())
    }));
    Ok(all)
}

/// How two versions differ: the rules as they are shown, then the files that they name.
fn compared(ground: &Ground, before: i64, after: i64) -> Result<Block, Problem> {
    let (old, new) = (texts(ground, before)?, texts(ground, after)?);
    let mut blocks = Vec::new();
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, ..)| name).collect();
    names.dedup();
    let mut told: Vec<&String> = Vec::new();
    for name in names {
        if told.contains(&name) {
            continue;
        }
        told.push(name);
        let of = |all: &'_ [(String, Digest, Option<String>)]| {
            all.iter().find(|(known, ..)| known == name).map(|(_, digest, text)| (*digest, text.clone()))
        };
        let (old, new) = (of(&old), of(&new));
        if old.as_ref().map(|(digest, _)| digest) == new.as_ref().map(|(digest, _)| digest) {
            continue;
        }
        let text = |side: Option<(Digest, Option<String>)>| side.map_or(Some(String::new()), |(_, text)| text);
        let block = match (text(old), text(new)) {
            (Some(old), Some(new)) => difference::text(&old, &new),
            _ => Some(Block::Notice(Tone::Info, format!("{name} differs, and is no text."), None)),
        };
        blocks.extend(block.map(|block| Block::Section {
            title: name.clone(),
            say: String::new(),
            blocks: vec![block],
        }));
    }
    if blocks.is_empty() {
        blocks.push(Block::Notice(Tone::Ok, "They do not differ.".to_owned(), None));
    }
    Ok(Block::Section {
        title: format!("Version {before} and version {after}"),
        say: "Lines of the older one are struck out, lines of the newer one are marked.".to_owned(),
        blocks,
    })
}

fn list(ground: &Ground, all: &[ConfigSummary]) -> Table {
    let newest = all.last().map(|version| version.id);
    let to = |from: i64, until: i64| {
        let versions = format!("{from}..{until}");
        ground.to(&["coverage", "rules"], &[("versions", &versions)])
    };
    let rows = all.iter().enumerate().rev().map(|(at, version)| {
        let before = at.checked_sub(1).map(|before| all[before].id);
        let link = |words: &str, from: Option<i64>, until: Option<i64>| match (from, until) {
            (Some(from), Some(until)) if from != until => Cell::Link(Link::new(words, to(from, until))),
            _ => Cell::Empty,
        };
        Row::new(vec![
            Cell::Number(version.id.to_string(), version.id.to_string()),
            Cell::Text(seconds(version.recorded_at)),
            Cell::Text(version.actor.clone()),
            Cell::Number(version.files.len().to_string(), version.files.len().to_string()),
            Cell::Id(Link::new(version.digest.short(), "")),
            link("what it changed", before, Some(version.id)),
            link("what changed since", Some(version.id), newest),
        ])
    });
    Table {
        id: "t-versions".to_owned(),
        caption: "Rule sets that were applied".to_owned(),
        columns: vec![
            Column::text("Version"),
            Column::text("Applied"),
            Column::text("By"),
            Column::figure("Files"),
            Column::text("Digest"),
            Column::text("Against the one before"),
            Column::text("Against the newest"),
        ],
        rows: rows.collect(),
        ..Table::default()
    }
}
