//! What people see of claims: the list, and the cost that changes hands.

use std::collections::BTreeMap;
use std::path::Path;

use leap_book::{Claim, ClaimFilter, ClaimState, ClaimStep};
use leap_orient::proof::Folded;
use leap_terms::{Currency, Day, Instant, Owner};

use crate::cli::OutputFormat;
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell};

use super::problem;
use super::settlement::{Prospect, rule_id};

/// Cost that changes hands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Moves(BTreeMap<(Owner, Owner, Currency), Folded>);

impl Moves {
    /// What a settlement moves.
    pub(super) fn of(prospect: &Prospect) -> Moves {
        Moves(prospect.moved.clone())
    }

    /// True when everything stays where it is.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The largest amounts first.
    pub(super) fn answer(&self, title: &str) -> Answer {
        let mut answer = Answer::new(title, &["from", "to", "charges", "currency", "amount"]);
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by(|a, b| {
            let size = |folded: &Folded| folded.costs.effective.abs();
            size(b.1).cmp(&size(a.1)).then_with(|| a.0.cmp(b.0))
        });
        for ((from, to, currency), folded) in rows {
            answer.rows.push(vec![
                Cell::text(from.to_string()),
                Cell::text(to.to_string()),
                Cell::Count(folded.charges()),
                Cell::text(currency.as_str()),
                Cell::Amount(folded.costs.effective),
            ]);
        }
        answer
    }
}

/// Where a claim stands, in a word: one that was accepted ends with its last day.
fn state(claim: &Claim, today: Day) -> &'static str {
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
    answer.print(format)
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
