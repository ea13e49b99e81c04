//! Plans of the book, as they are shown.

use leap_decide::plan::{Deed, Plan, Step};

use crate::failure::Failure;

/// A plan of the book.
pub(crate) fn read(kept: &leap_book::Plan) -> Result<Plan, Failure> {
    let plan: Plan = serde_json::from_str(&kept.content)
        .map_err(|error| Failure::failed(format!("plan {} is no plan of leap's: {error}", kept.number)))?;
    if plan.digest() != kept.digest {
        return Err(Failure::failed(format!("plan {} was written by another version of leap", kept.number)));
    }
    Ok(plan)
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
