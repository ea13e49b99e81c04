//! From a plan to the records that it makes: receipts, incidents, waivers, forecasts, and messages that wait to be sent.

use leap_book::{
    Act, IncidentRef, IncidentStep, NewIncident, NewIncidentEvent, NewPlan, NewReceipt, NewWaiverEvent, WaiverStep,
};
use leap_decide::plan::{Deed, Happens, Step};

use super::{Turn, letter};
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use crate::messages::Post;
use crate::publish;

/// Who does what a plan says.
const ACTOR: &str = "leap";

/// Everything that performing a plan writes.
pub(super) fn act(home: &Home, turn: &Turn, post: &Post, cause: &str) -> Result<Act, Failure> {
    let (plan, state) = (&turn.plan, &turn.state);
    let new = NewPlan {
        snapshot: state.snapshot.as_ref().map(|snapshot| snapshot.id),
        made_at: plan.made,
        made_by: ACTOR.to_owned(),
        content: String::from_utf8_lossy(&plan.bytes()).into_owned(),
    };
    // Something may have been recorded since the plan was made.
    let mut act = Act::new(new, cause, publish::actor(), clock::now().max(plan.made));
    for (at, step) in plan.steps.iter().enumerate() {
        let note = one(&mut act, home, turn, post, step)?;
        act.receipts.push(NewReceipt {
            step: i64::try_from(at + 1).unwrap_or(i64::MAX),
            idempotency_key: step.key.clone(),
            done_at: act.at,
            note,
        });
    }
    Ok(act)
}

/// What a step writes; what came of it, where that is not plain.
fn one(act: &mut Act, home: &Home, turn: &Turn, post: &Post, step: &Step) -> Result<Option<String>, Failure> {
    let at = act.at;
    match &step.deed {
        Deed::Send { .. } => {
            let message = letter::of(home, step, &turn.plan)?;
            let rows = post.rows(&message, turn.state.path(&step.unit));
            let note = rows.is_empty().then(|| "no channel takes it".to_owned());
            act.messages.extend(rows);
            return Ok(note);
        }
        Deed::Incident { happens: Happens::Opened, after, at, words } => act.incidents.push(NewIncident {
            about: after.id.clone(),
            unit: step.unit.clone(),
            subject: step.subject.clone(),
            opened_at: *at,
            actor: ACTOR.to_owned(),
            words: words.clone(),
            facts: facts(after)?,
        }),
        Deed::Incident { happens, after, at, words } => act.incident_events.push(NewIncidentEvent {
            incident: IncidentRef::About(after.id.clone()),
            step: match happens {
                Happens::Opened | Happens::Annotated => IncidentStep::Corrected,
                Happens::Resolved => IncidentStep::Resolved,
                Happens::Reopened => IncidentStep::Reopened,
            },
            happened_at: *at,
            actor: ACTOR.to_owned(),
            words: words.clone(),
            facts: facts(after)?,
        }),
        Deed::AskWaiver { waiver, of } => {
            act.waiver_events.push(waiver_event(waiver, WaiverStep::Asked, Some(of), at)?);
        }
        Deed::EscalateWaiver { waiver, to } => {
            act.waiver_events.push(waiver_event(waiver, WaiverStep::Escalated, Some(to), at)?);
        }
        Deed::EndWaiver { waiver, why } => {
            let step = if why == "exceeded" { WaiverStep::Exceeded } else { WaiverStep::Expired };
            act.waiver_events.push(waiver_event(waiver, step, None, at)?);
        }
        Deed::FreezeForecast { origin } => {
            let due = turn
                .state
                .forecasts
                .iter()
                .find(|due| (&due.unit, &due.subject, due.forecast.origin) == (&step.unit, &step.subject, *origin));
            act.forecasts.extend(due.map(|due| due.forecast.clone()));
        }
    }
    Ok(None)
}

fn facts(incident: &leap_decide::contract::Incident) -> Result<String, Failure> {
    serde_json::to_string(incident).map_err(|error| Failure::from_error(&error))
}

fn waiver_event(
    waiver: &str,
    step: WaiverStep,
    note: Option<&String>,
    at: leap_terms::Instant,
) -> Result<NewWaiverEvent, Failure> {
    let waiver = waiver.parse().map_err(|_| Failure::failed(format!("'{waiver}' is no number of a waiver")))?;
    Ok(NewWaiverEvent { waiver, step, at, actor: ACTOR.to_owned(), note: note.cloned() })
}
