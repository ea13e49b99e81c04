//! What people see of claims: the list.

use std::path::Path;

use leap_book::{Claim, ClaimFilter, ClaimKind, ClaimState, ClaimStep};
use leap_terms::{Day, Instant, Owner};

use crate::cli::OutputFormat;
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, printable};

use super::problem;
use super::settlement::rule_id;

/// Where a claim stands, in a word: one that was accepted ends with its last day.
pub(crate) fn state(claim: &Claim, today: Day) -> &'static str {
    match claim.state() {
        ClaimState::Accepted if claim.expires.is_some_and(|day| day <= today) => ClaimState::Expired.word(),
        state @ (ClaimState::Open
        | ClaimState::Accepted
        | ClaimState::Declined
        | ClaimState::Withdrawn
        | ClaimState::Expired) => state.word(),
    }
}

/// `leap claims list`.
pub(super) async fn run(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let today = clock::now().day();
    let columns = [
        "claim",
        "kind",
        "state",
        "subject",
        "from",
        "to",
        "effective",
        "expires",
        "reason",
        "evidence",
        "opened",
        "by",
        "answer_by",
        "escalated_to",
        "answered_by",
        "note",
    ];
    let mut answer = Answer::new("Claims and disputes, newest first", &columns);
    let text = |text: Option<String>| text.map_or(Cell::Empty, Cell::Text);
    for claim in home.book.claims(&ClaimFilter::default()).await.map_err(problem)?.iter().rev() {
        let open = claim.state() == ClaimState::Open;
        let last = claim.events.last().filter(|event| !open && event.step != ClaimStep::Opened);
        answer.rows.push(vec![
            Cell::text(claim.number.to_string()),
            Cell::text(claim.kind.word()),
            Cell::text(state(claim, today)),
            Cell::text(claim.subject.as_str()),
            Cell::text(claim.from_owner.as_ref().map_or_else(|| "(several)".to_owned(), Owner::to_string)),
            Cell::text(claim.to_team.to_string()),
            Cell::text(claim.effective.to_string()),
            text(claim.expires.map(|day| day.to_string())),
            Cell::text(claim.reason.as_str()),
            text(claim.evidence.clone()),
            Cell::text(claim.opened_at.to_string()),
            Cell::text(claim.actor.as_str()),
            text(open.then(|| claim.due().to_string())),
            text(claim.escalated().map(|(to, _)| to.to_string())),
            text(last.map(|event| event.actor.clone())),
            text(last.and_then(|event| event.note.clone())),
        ]);
    }
    match format {
        OutputFormat::Table => narrow(&answer).print(format),
        OutputFormat::Json | OutputFormat::Csv | OutputFormat::Markdown => answer.print(format),
    }
}

/// Columns of a screen.
const SCREEN: usize = 120;
/// What a screen shows of claims, where there is something to show (a kind, where some are disputes); JSON and CSV have
/// everything.
const SHOWN: [&str; 11] =
    ["claim", "kind", "state", "subject", "from", "to", "effective", "expires", "reason", "answer_by", "escalated_to"];
/// Who is asked now, in a word short enough for a screen.
const ASKED: &str = "asked";
/// Those of them whose middle may be left out.
const LONG: [&str; 5] = ["subject", "from", "to", "reason", ASKED];
/// What is left of a long text at least.
const LEAST: usize = 7;

/// The list as it fits a screen.
fn narrow(answer: &Answer) -> Answer {
    let kept: Vec<usize> = (0..answer.columns.len())
        .filter(|at| SHOWN.contains(&answer.columns[*at].as_str()))
        .filter(|at| {
            let plain = if answer.columns[*at] == "kind" { Cell::text(ClaimKind::Claim.word()) } else { Cell::Empty };
            answer.rows.iter().any(|row| row[*at] != plain)
        })
        .collect();
    let heading = |at: &usize| match answer.columns[*at].as_str() {
        "escalated_to" => ASKED,
        name => name,
    };
    let names: Vec<&str> = kept.iter().map(heading).collect();
    let said = |name: &str, cell: &Cell| match cell {
        // The day is enough.
        Cell::Text(text) if name == "answer_by" => text.chars().take(10).collect(),
        Cell::Text(text) if name == "subject" => printable(resource(text).unwrap_or(text)),
        Cell::Text(text) => printable(text),
        Cell::Count(_) | Cell::Amount(_) | Cell::Bps(_) | Cell::Empty => String::new(),
    };
    let mut rows: Vec<Vec<String>> = answer
        .rows
        .iter()
        .map(|row| kept.iter().zip(&names).map(|(at, name)| said(name, &row[*at])).collect())
        .collect();
    let mut widths: Vec<usize> = (0..names.len())
        .map(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0).max(names[at].len()))
        .collect();
    // The subject gets twice what others get. A blank stands on either side of each column, and one between any two and at both ends.
    while widths.iter().map(|width| width + 3).sum::<usize>() + 1 > SCREEN {
        let long =
            (0..names.len()).filter(|at| LONG.contains(&names[*at]) && widths[*at] > LEAST.max(names[*at].len()));
        let Some(widest) = long.max_by_key(|at| widths[*at] * if names[*at] == "subject" { 1 } else { 2 }) else {
            break;
        };
        widths[widest] -= 1;
    }
    for row in &mut rows {
        row.iter_mut().zip(&widths).for_each(|(text, width)| *text = shortened(text, *width));
    }
    let title = format!("{} (long texts are shortened; in full with --format json or csv)", answer.title);
    let mut narrow = Answer::new(title, &names);
    narrow.rows = rows.into_iter().map(|row| row.into_iter().map(Cell::text).collect()).collect();
    narrow
}

/// The resource that a condition names, where it names nothing else.
fn resource(condition: &str) -> Option<&str> {
    condition.strip_prefix("ResourceId = '")?.strip_suffix('\'').filter(|id| !id.contains('\''))
}

/// Columns that a text takes; letters of the far East take two.
fn width(text: &str) -> usize {
    text.chars().map(letter_width).sum()
}

fn letter_width(letter: char) -> usize {
    if letter < '\u{1100}' || letter == '…' { 1 } else { 2 }
}

/// A text with its middle left out, so that a resource can be told by how it begins and ends.
fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let part = |letters: &mut dyn Iterator<Item = char>, most: usize| -> Vec<char> {
        let mut used = 0;
        letters
            .take_while(|letter| {
                used += letter_width(*letter);
                used <= most
            })
            .collect()
    };
    let rest = columns.saturating_sub(1);
    let start = part(&mut text.chars(), rest.div_ceil(2));
    let end = part(&mut text.chars().rev(), rest / 2);
    start.into_iter().chain(['…']).chain(end.into_iter().rev()).collect()
}

/// What the claims behind some rules say, for explanations, as known at an instant (now, without one): "claim-7: reason
/// (evidence), claim accepted". What was answered later is not told.
pub(crate) async fn behind(home: &Home, rules: &[String], at: Option<Instant>) -> Result<Vec<String>, Failure> {
    if !rules.iter().any(|rule| rule.starts_with("claim-")) {
        return Ok(Vec::new());
    }
    let claims = home.book.claims(&ClaimFilter::default()).await.map_err(problem)?;
    let told = claims.iter().filter(|claim| rules.contains(&rule_id(claim.number))).filter_map(|claim| {
        let state = match at {
            Some(at) => claim.state_known_on(at)?,
            None => claim.state(),
        };
        let evidence = claim.evidence.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
        let from = claim.from_owner.as_ref().map_or_else(|| "several owners".to_owned(), Owner::to_string);
        let until = claim.expires.map_or_else(String::new, |day| format!(" until {day}"));
        Some(format!(
            "{}: from {from} to {} since {}{until}: {}{evidence}, {} {}",
            rule_id(claim.number),
            claim.to_team,
            claim.effective,
            claim.reason,
            claim.kind.word(),
            state.word()
        ))
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_resource_keeps_how_it_begins_and_how_it_ends() {
        assert_eq!(shortened("arn:aws:ec2:eu:1:i-0123456789", 11), "arn:a…56789");
        assert_eq!(shortened("i-1", 11), "i-1");
        assert_eq!(width(&shortened("支払いチームの資源", 8)), 7);
    }
}
