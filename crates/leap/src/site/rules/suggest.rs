//! Rules that would own most of what nobody owns, and how one of them joins the rules in force.

use leap_orient::check::{Remedy, Suggestion};
use leap_terms::{Deed, Money};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Link, Page, PostForm};

use super::super::coverage;
use super::super::ground::Ground;
use super::super::words::{capital, cents};
use super::{HERE, worked_out};
use crate::failure::Failure;
use crate::home::Home;
use crate::ownership;
use crate::world::World;

/// Suggestions at most.
const TOP: usize = 10;

fn made(home: &Home, world: &World) -> Result<(Vec<Suggestion>, usize), Failure> {
    let made = ownership::suggestions(home, world, TOP)?;
    let bytes = made.iter().map(|one| one.yaml.len() + one.reason.len() + 256).sum();
    Ok((made, bytes))
}

/// `GET /coverage/rules?suggest=1`.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let mut page = Page {
        title: "Suggested rules".to_owned(),
        sub: "Of all charges that nobody owns, the largest first; each counts what the ones before it leave".to_owned(),
        crumbs: vec![
            Link::new("Coverage", ground.to(&["coverage"], &[])),
            Link::new("Rules", ground.to(&["coverage", "rules"], &[])),
            Link::new("Suggestions", ""),
        ],
        tabs: coverage::tabs(ground, "rules"),
        command: Some("leap rules suggest".to_owned()),
        ..Page::default()
    };
    let Some(all) = worked_out(ground, "suggested", made)? else {
        let to = Link::new("Ask again", ground.to(&["coverage", "rules"], &[("suggest", "1")]));
        page.blocks.push(Block::Nothing("Suggestions are being worked out from all charges.".to_owned(), vec![to]));
        return Ok(page);
    };
    if all.is_empty() {
        page.blocks.push(Block::Nothing(
            "No residual cost points to a team: no tag, account or name of what nobody owns says whose it is."
                .to_owned(),
            vec![Link::new("What nobody owns", ground.to(&["coverage", "residual"], &[]))],
        ));
        return Ok(page);
    }
    let may_change = ground.person.may(Deed::Change, &[]) && ground.ask.get("as_known_on").is_none();
    for one in all.iter() {
        page.blocks.push(block(one, may_change));
    }
    Ok(page)
}

/// A suggestion: what it would own, why, its text, and the button that shows what it would move.
fn block(one: &Suggestion, may_change: bool) -> Block {
    let owns: Vec<String> = one
        .owns
        .iter()
        .filter(|(_, amount)| **amount != Money::ZERO)
        .map(|(currency, amount)| format!("{} {currency}", cents(*amount)))
        .collect();
    let charges = if one.rows == 1 { "1 charge".to_owned() } else { format!("{} charges", one.rows) };
    let title = if owns.is_empty() { charges.clone() } else { format!("{} in {charges}", owns.join(" and ")) };
    let mut blocks = vec![Block::Text(one.yaml.clone())];
    let say = capital(&one.reason);
    match &one.remedy {
        // An alias belongs into the org, not into rules.
        Remedy::Alias(..) => {}
        Remedy::Tag(_) | Remedy::Account(..) | Remedy::NamePrefix(..) if may_change => {
            blocks.push(Block::Form(PostForm {
                to: HERE.to_owned(),
                label: format!("Take the rule for {title}"),
                hidden: vec![("take".to_owned(), one.yaml.clone())],
                button: "Show what it would move".to_owned(),
                ..PostForm::default()
            }));
        }
        Remedy::Tag(_) | Remedy::Account(..) | Remedy::NamePrefix(..) => {}
    }
    Block::Section { title, say, blocks }
}

/// The text of rules with one more at the end of `rules:`, indented as the others are.
///
/// # Errors
/// Where the text has no list of rules of its own lines to put it in.
pub(super) fn joined(text: &str, rule: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(format!("rules:\n{}\n", indented(rule, "  ")));
    }
    let lines: Vec<&str> = text.lines().collect();
    let by_hand =
        || "the rules are not written as a list of lines below 'rules:'; add the suggestion by hand".to_owned();
    let start = lines.iter().position(|line| line.trim_end() == "rules:").ok_or_else(by_hand)?;
    let is_item = |line: &&str| line.trim_start().starts_with("- ");
    let first = lines[start + 1..].iter().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let first = first.filter(|line| is_item(line)).ok_or_else(by_hand)?;
    let indent = &first[..first.len() - first.trim_start().len()];
    // The list ends with the first line that begins at the margin and is none of its items.
    let ends = |line: &str| {
        let begins = line.chars().next().is_some_and(|letter| !letter.is_whitespace() && letter != '#');
        begins && !(indent.is_empty() && line.starts_with('-'))
    };
    let mut end = lines[start + 1..].iter().position(|line| ends(line)).map_or(lines.len(), |at| start + 1 + at);
    while end > start + 1 && (lines[end - 1].trim().is_empty() || lines[end - 1].starts_with('#')) {
        end -= 1;
    }
    let mut out: Vec<String> = lines[..end].iter().map(|line| (*line).to_owned()).collect();
    out.extend(indented(rule, indent).lines().map(str::to_owned));
    out.extend(lines[end..].iter().map(|line| (*line).to_owned()));
    Ok(out.join("\n") + "\n")
}

/// The lines of a rule behind an indent, whatever indent they had together.
fn indented(rule: &str, indent: &str) -> String {
    let of = |line: &str| line.len() - line.trim_start().len();
    let own = rule.lines().filter(|line| !line.trim().is_empty()).map(of).min().unwrap_or(0);
    let lines = rule.trim_end().lines().map(|line| match line.get(own..) {
        Some(rest) if !rest.is_empty() => format!("{indent}{rest}"),
        _ => String::new(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "- id: team-tag\n  owner: {from: \"Tags['team']\"}";

    #[test]
    fn a_suggestion_joins_the_end_of_the_list_whatever_stands_behind_it() {
        for (text, wanted) in [
            ("", "rules:\n  - id: team-tag\n    owner: {from: \"Tags['team']\"}\n"),
            (
                "rules:\n  - {id: a, owner: x}\n  # last\n\nresidual: {steward: s}\n",
                "rules:\n  - {id: a, owner: x}\n  # last\n  - id: team-tag\n    owner: {from: \"Tags['team']\"}\n\nresidual: {steward: s}\n",
            ),
            (
                "rules:\n- id: a\n  owner: x\n",
                "rules:\n- id: a\n  owner: x\n- id: team-tag\n  owner: {from: \"Tags['team']\"}\n",
            ),
            (
                "# head\nrules:\n    - {id: a, owner: x}\n# of what follows\nresidual: {}\n",
                "# head\nrules:\n    - {id: a, owner: x}\n    - id: team-tag\n      owner: {from: \"Tags['team']\"}\n# of what follows\nresidual: {}\n",
            ),
        ] {
            assert_eq!(joined(text, RULE).as_deref(), Ok(wanted), "{text}");
            assert_eq!(joined(text, &indented(RULE, "  ")).as_deref(), Ok(wanted), "as suggestions are written");
        }
        for text in ["rules: [{id: a, owner: x}]\n", "rules: []\n", "residual: {}\n", "rules:\nresidual: {}\n"] {
            assert!(joined(text, RULE).is_err(), "{text}");
        }
    }
}
