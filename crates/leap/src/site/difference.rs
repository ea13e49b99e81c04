//! What a change would move, as a form shows it before somebody agrees: from whom to whom, per currency, adding up.

use std::collections::BTreeMap;
use std::time::Duration;

use leap_terms::{Currency, Digest, Money, Month};
use leap_web::site::model::{Block, Cell, Column, DiffLine, Figure, Link, PostForm, Row, Table, Tone};
use similar::{Algorithm, ChangeTag, TextDiff};

use super::ground::Ground;
use super::words;

/// Rows of one table; what is left is one row more.
const SHOWN: usize = 200;

/// One way that cost goes: from, to, charges, amount.
pub(super) struct Way {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) charges: u64,
    pub(super) amount: Money,
}

fn figure(amount: Money) -> Cell {
    Cell::Figure(Figure { exact: amount.to_string(), shown: words::cents(amount), href: String::new() })
}

fn count(number: u64) -> Cell {
    Cell::Number(number.to_string(), number.to_string())
}

/// A table of each currency: the largest ways first, with their sum.
pub(super) fn tables(caption: &str, ways: &BTreeMap<Currency, Vec<Way>>) -> Vec<Block> {
    let tables = ways.iter().map(|(currency, ways)| {
        let mut largest: Vec<&Way> = ways.iter().collect();
        largest
            .sort_by(|a, b| b.amount.abs().cmp(&a.amount.abs()).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
        let row = |from: String, to: String, charges: u64, amount: Money| {
            Row::new(vec![Cell::Text(from), Cell::Text(to), count(charges), figure(amount)])
        };
        let mut rows: Vec<Row> = largest
            .iter()
            .take(SHOWN)
            .map(|way| row(way.from.clone(), way.to.clone(), way.charges, way.amount))
            .collect();
        if let Some(rest) = largest.get(SHOWN..).filter(|rest| !rest.is_empty()) {
            let charges = rest.iter().map(|way| way.charges).sum();
            let sum = rest.iter().map(|way| way.amount).sum();
            rows.push(Row { is_rest: true, ..row(format!("{} others", rest.len()), String::new(), charges, sum) });
        }
        let sum: Money = ways.iter().map(|way| way.amount).sum();
        let charges = ways.iter().map(|way| way.charges).sum();
        Block::Table(Table {
            id: format!("t-moves-{}", currency.as_str().to_lowercase()),
            caption: format!("{caption}, {currency}"),
            unit: currency.to_string(),
            columns: vec![
                Column::text("From"),
                Column::text("To"),
                Column::undrawn("Charges"),
                Column::figure("Amount"),
            ],
            rows,
            foot: vec![row("Together".to_owned(), String::new(), charges, sum)],
            sum: Some((sum.to_string(), 3)),
            ..Table::default()
        })
    });
    tables.collect()
}

/// What each gains or loses on these ways.
pub(super) fn net(ways: &BTreeMap<Currency, Vec<Way>>) -> Vec<Block> {
    let mut all = BTreeMap::<Currency, BTreeMap<String, Money>>::new();
    for (currency, ways) in ways {
        let own = all.entry(currency.clone()).or_default();
        for way in ways {
            *own.entry(way.from.clone()).or_default() -= way.amount;
            *own.entry(way.to.clone()).or_default() += way.amount;
        }
    }
    changes(&all)
}

/// What each owner or place gains or loses: a table of each currency that adds up to nothing.
pub(super) fn changes(all: &BTreeMap<Currency, BTreeMap<String, Money>>) -> Vec<Block> {
    let tables = all.iter().map(|(currency, own)| {
        let sum: Money = own.values().copied().sum();
        let mut sorted: Vec<(&String, Money)> =
            own.iter().map(|(name, amount)| (name, *amount)).filter(|(_, amount)| !amount.is_zero()).collect();
        sorted.sort_by_key(|(name, amount)| (std::cmp::Reverse(amount.abs()), *name));
        let change = |amount: Money| Cell::Number(amount.to_string(), words::signed(amount, words::cents));
        let row = |name: String, amount: Money| Row::new(vec![Cell::Text(name), change(amount)]);
        let mut rows: Vec<Row> =
            sorted.iter().take(SHOWN).map(|(name, amount)| row((*name).clone(), *amount)).collect();
        if let Some(rest) = sorted.get(SHOWN..).filter(|rest| !rest.is_empty()) {
            let sum = rest.iter().map(|(_, amount)| *amount).sum();
            rows.push(Row { is_rest: true, ..row(format!("{} others", rest.len()), sum) });
        }
        Block::Table(Table {
            id: format!("t-net-{}", currency.as_str().to_lowercase()),
            caption: format!("What each gains or loses, {currency}; the total stays"),
            unit: currency.to_string(),
            columns: vec![Column::text("Whose"), Column::figure("Change")],
            rows,
            foot: vec![row("Together".to_owned(), sum)],
            sum: Some((sum.to_string(), 1)),
            ..Table::default()
        })
    });
    tables.collect()
}

/// Lines of a difference at most.
const LINES: usize = 2_000;
/// Lines around a change that stay the same.
const AROUND: usize = 3;

/// Lines that are compared at most.
const COMPARED: usize = 200_000;
/// How long a difference may be made smaller; what is found by then is right, and longer than it has to be.
const PATIENCE: Duration = Duration::from_millis(300);

/// How a text differs from the one before, line by line, whatever ends its lines; `None` where it does not.
pub(super) fn text(before: &str, after: &str) -> Option<Block> {
    let (before, after) = (before.replace("\r\n", "\n"), after.replace("\r\n", "\n"));
    if before == after {
        return None;
    }
    let (old, new) = (before.lines().count(), after.lines().count());
    if old + new > COMPARED {
        let text = format!("{old} lines before and {new} after are too many to be compared here.");
        return Some(Block::Notice(Tone::Info, text, None));
    }
    let mut compared = TextDiff::configure();
    let difference = compared.algorithm(Algorithm::Patience).timeout(PATIENCE).diff_lines(&before, &after);
    let mut lines = Vec::new();
    let mut seen = 0;
    for group in difference.grouped_ops(AROUND) {
        let from = group.first().map_or(0, |first| first.old_range().start);
        let until = group.last().map_or(from, |last| last.old_range().end);
        lines.extend((from > seen).then(|| DiffLine::Left(from - seen)));
        seen = until;
        if lines.len() > LINES {
            break;
        }
        for change in group.iter().flat_map(|one| difference.iter_changes(one)) {
            let line = change.value().trim_end_matches(['\n', '\r']).to_owned();
            lines.push(match change.tag() {
                ChangeTag::Equal => DiffLine::Same(line),
                ChangeTag::Delete => DiffLine::Gone(line),
                ChangeTag::Insert => DiffLine::New(line),
            });
        }
    }
    let all = before.lines().count();
    lines.extend((all > seen).then(|| DiffLine::Left(all - seen)));
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push(DiffLine::Same("… and more: these are its first lines".to_owned()));
    }
    Some(Block::Difference(lines))
}

/// The same under a heading.
pub(super) fn of_texts(before: &str, after: &str) -> Option<Block> {
    let block = text(before, after)?;
    Some(Block::Section {
        title: "Difference of the texts".to_owned(),
        say: "The text in force, and what was sent.".to_owned(),
        blocks: vec![block],
    })
}

/// That nothing was changed: because nobody agreed yet, or because something came in between.
pub(super) fn notice(is_stale: bool) -> Block {
    if is_stale {
        let text = "Something came in between: nothing was changed. This is the difference as it is now.";
        return Block::Notice(Tone::Bad, text.to_owned(), None);
    }
    Block::Notice(Tone::Info, "Nothing was changed yet.".to_owned(), None)
}

/// Closed billing periods that keep their statements and would differ from them.
pub(super) fn closed(ground: &Ground, months: &[Month]) -> Option<Block> {
    if months.is_empty() {
        return None;
    }
    let words: Vec<String> = months.iter().map(ToString::to_string).collect();
    let text = format!(
        "Closed and keeping their statements: {}. What is known will differ from them until somebody restates them.",
        words.join(", ")
    );
    Some(Block::Notice(Tone::Warn, text, Some(Link::new("Periods", ground.to(&["periods"], &[])))))
}

/// The form to agree to what was shown.
pub(super) fn agree(to: &str, mut hidden: Vec<(String, String)>, digest: Digest, button: &str, back: &str) -> Block {
    hidden.push(("expect".to_owned(), digest.to_string()));
    Block::Form(PostForm {
        to: to.to_owned(),
        label: button.to_owned(),
        hidden,
        button: button.to_owned(),
        is_grave: true,
        back: Some(Link::new("Leave it", back)),
        ..PostForm::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(before: &str, after: &str) -> Vec<String> {
        let Some(Block::Difference(lines)) = text(before, after) else { return Vec::new() };
        let shown = lines.into_iter().map(|line| match line {
            DiffLine::Same(line) => format!(" {line}"),
            DiffLine::Gone(line) => format!("-{line}"),
            DiffLine::New(line) => format!("+{line}"),
            DiffLine::Left(count) => format!("…{count}"),
        });
        shown.collect()
    }

    #[test]
    fn a_difference_of_texts_shows_what_changed_and_counts_the_rest() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
        let after = "a\nb\nc\nd\ne\nF\ng\nh\ni\nj\nk\n";
        assert_eq!(lines(before, before), [""; 0]);
        assert_eq!(lines(before, after), ["…2", " c", " d", " e", "-f", "+F", " g", " h", " i", " j", "+k"]);
        assert_eq!(lines(before, "x\n").iter().filter(|line| line.starts_with('-')).count(), 10);
        assert_eq!(lines("", "x\n"), ["+x"]);
        assert_eq!(lines("a\r\nb\r\n", "a\n"), [" a", "-b"]);
        assert_eq!(lines("a\r\n", "a\n"), [""; 0], "ends of lines are no difference");
        // Nothing in common, and nothing that would take long.
        let long = |letter: char| (0..40_000).map(|at| format!("{letter}{at}\n")).collect::<String>();
        assert_eq!(lines(&long('a'), &long('b')).len(), LINES + 1);
        assert!(matches!(text(&long('a').repeat(5), "x"), Some(Block::Notice(..))));
    }
}
