//! Whether an org has the teams to which settled claims give something.
//!
//! ```text
//! org.yaml cannot be in force: settled claims name units that it lacks; nothing was changed
//!   claim 7 gives ResourceId = 'i-1' to payments from 2026-07-01: no unit has that id, name or alias
//! ```
//! Asked before an org file without history, or the org of before a reorg, takes the place of the one in force: the claims
//! are right, it is that org which lacks something. What becomes of the charges is not asked here.

use leap_book::{Claim, ClaimFilter, ClaimState};
use leap_orient::org::{Org, Resolved};
use leap_terms::TeamId;

use crate::failure::Failure;
use crate::home::Home;

use super::problem;
use super::settlement::in_force;

/// Claims that are named; of more only their number is said.
const SHOWN: usize = 10;

/// What is wrong with a team of a claim in an org; `None` when it means one unit.
fn fault(org: &Org, team: &TeamId) -> Option<String> {
    let answers = org.resolve_always(team.as_str());
    let several = answers.iter().find_map(|(_, who)| match who {
        Resolved::Ambiguous(teams) => Some(teams),
        Resolved::Team(_) | Resolved::Unknown => None,
    });
    if let Some(teams) = several {
        let teams: Vec<&str> = teams.iter().map(TeamId::as_str).collect();
        return Some(format!("several units have that name or alias: {}", teams.join(", ")));
    }
    let known = answers.iter().any(|(_, who)| matches!(who, Resolved::Team(_)));
    (!known).then(|| "no unit has that id, name or alias".to_owned())
}

/// Refuses an org without the teams of settled claims. `called`: what the org is called; `file`: the file to change, where
/// it is one.
///
/// # Errors
/// Names each such claim, its team, and what can be done.
pub(crate) async fn fits(home: &Home, org: &Org, called: &str, file: Option<&str>) -> Result<(), Failure> {
    let claims = home.book.claims(&ClaimFilter::default()).await.map_err(problem)?;
    let settled = in_force(&claims);
    let mut lines = Vec::new();
    let mut first = None;
    for one in &settled {
        let Some(fault) = fault(org, &one.owner) else { continue };
        let claim = claims.iter().find(|claim| claim.number == one.number);
        let kind = claim.map_or("claim", |claim| claim.kind.word());
        let until = one.expires.map_or_else(String::new, |day| format!(" until {day}"));
        lines.push(format!(
            "  {kind} {} gives {} to {} from {}{until}: {fault}",
            one.number, one.subject, one.owner, one.effective
        ));
        first = first.or(claim.map(|claim| (claim, &one.owner)));
    }
    let Some((claim, team)) = first else { return Ok(()) };
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
    Err(Failure::usage(format!(
        "{called} cannot be in force: settled claims name units that it lacks; nothing was changed\n{}\n  help: {}",
        lines.join("\n"),
        remedies(claim, team, file)
    )))
}

fn remedies(claim: &Claim, team: &TeamId, file: Option<&str>) -> String {
    let mut ways = Vec::new();
    if let Some(file) = file {
        ways.push(format!("add {team} to {file}, as a unit or as an alias of the one unit that goes on for it"));
        ways.push(format!(
            "let it end on a day, so that its successor inherits: leap org apply {file} --effective DATE"
        ));
    }
    match claim.state() {
        ClaimState::Accepted => ways.push(format!("give the claim up: leap claims withdraw {}", claim.number)),
        // These are over: what they settled stays.
        ClaimState::Open | ClaimState::Declined | ClaimState::Withdrawn | ClaimState::Expired => {}
    }
    ways.join("; or ")
}
