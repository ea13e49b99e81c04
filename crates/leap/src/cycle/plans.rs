//! Plans of the book, as they are shown.

use leap_decide::plan::{Deed, Plan, Step};

use crate::failure::Failure;

/// A plan of the book; none where it is a message that somebody sent to see whether a channel works.
pub(crate) fn read(kept: &leap_book::Plan) -> Result<Option<Plan>, Failure> {
    let value: serde_json::Value = serde_json::from_str(&kept.content)
        .map_err(|error| Failure::failed(format!("plan {} is no plan of leap's: {error}", kept.number)))?;
    if value["plan"] == "channel test" {
        return Ok(None);
    }
    let plan: Plan = serde_json::from_str(&kept.content)
        .map_err(|error| Failure::failed(format!("plan {} is no plan of leap's: {error}", kept.number)))?;
    if plan.digest() != kept.digest {
        return Err(Failure::failed(format!("plan {} was written by another version of leap", kept.number)));
    }
    Ok(Some(plan))
}

/// How many steps a plan has, and its steps.
pub(crate) fn steps(plan: &Option<Plan>) -> &[Step] {
    plan.as_ref().map_or(&[], |plan| &plan.steps)
}

/// What a step says or does, in one line.
pub(crate) fn words(step: &Step) -> String {
    match &step.deed {
        Deed::Send { sentence, .. } => sentence.clone(),
        Deed::Incident { words, .. } => words.clone(),
        Deed::AskWaiver { waiver, of } => format!("waiver {waiver}: {of} is asked"),
        Deed::EscalateWaiver { waiver, to } => format!("waiver {waiver}: {to} is asked"),
        Deed::EndWaiver { waiver, why } => format!("waiver {waiver} is {why}"),
        Deed::FreezeForecast { origin } => format!("{} from {origin} on", step.subject),
    }
}
