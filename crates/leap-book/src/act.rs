//! Acting: the one transaction in which a plan and all that follows from it becomes true, or nothing of it.
//!
//! ```text
//! plan 31   4bf0…  from snapshot 12
//!   receipts   2 steps                      incidents  opened 3, resolved 2
//!   messages   9 and 10, 8 was there        waivers    4 expired
//!   forecasts  12 to 40                     audit      #57 plan performed, #58 incident opened …
//! ```
//! It is refused while the kill switch is on, where the plan was performed before, where its snapshot is no longer the
//! newest, and where one of its steps was done before. So a process that is killed at any moment, and decides again,
//! does what was not done and nothing twice; messages are sent by [`Book::claim_due`], after this and apart from it.

use leap_terms::Instant;

use crate::book::Book;
use crate::error::BookError;
use crate::forecast::{self, Frozen, NewForecast};
use crate::incident::{self, NewIncident, NewIncidentEvent};
use crate::kill_switch;
use crate::outbox::{self, Cancellation, Enqueued, NewMessage};
use crate::plan::{self, NewPlan, NewReceipt, Plan};
use crate::waiver::{self, NewWaiver, NewWaiverEvent};

/// Everything that one plan does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Act {
    /// The plan.
    pub plan: NewPlan,
    /// When it is performed.
    pub at: Instant,
    /// Who performs it.
    pub actor: String,
    /// What for: `leap decide`, `waiver 4 granted` …
    pub cause: String,
    /// The steps that are done with it.
    pub receipts: Vec<NewReceipt>,
    /// Incidents that it opens.
    pub incidents: Vec<NewIncident>,
    /// What happens to incidents, after those above were opened.
    pub incident_events: Vec<NewIncidentEvent>,
    /// Waivers that it asks for.
    pub waivers: Vec<NewWaiver>,
    /// What happens to waivers.
    pub waiver_events: Vec<NewWaiverEvent>,
    /// Messages that are to be sent.
    pub messages: Vec<NewMessage>,
    /// Messages that wait and are not to be sent any more, as a digest says what they say.
    pub cancellations: Vec<Cancellation>,
    /// Forecasts that it freezes.
    pub forecasts: Vec<NewForecast>,
}

/// What an act did; each list in the order of the act's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acted {
    /// The plan as it was recorded.
    pub plan: Plan,
    /// Numbers of the incidents that were opened.
    pub incidents: Vec<i64>,
    /// Numbers of the waivers that were asked for.
    pub waivers: Vec<i64>,
    /// What became of the messages.
    pub messages: Vec<Enqueued>,
    /// What became of the forecasts.
    pub forecasts: Vec<Frozen>,
}

impl Act {
    /// An act of a plan that does nothing yet, to be filled in.
    pub fn new(plan: NewPlan, cause: impl Into<String>, actor: impl Into<String>, at: Instant) -> Act {
        Act {
            plan,
            at,
            actor: actor.into(),
            cause: cause.into(),
            receipts: Vec::new(),
            incidents: Vec::new(),
            incident_events: Vec::new(),
            waivers: Vec::new(),
            waiver_events: Vec::new(),
            messages: Vec::new(),
            cancellations: Vec::new(),
            forecasts: Vec::new(),
        }
    }
}

impl Book {
    /// Performs a plan: all of it or nothing, with its audit events. When it returns, it is on disk.
    ///
    /// # Errors
    /// [`Refusal`] by name, in this order: [`Stopped`], [`PlanKnown`], [`PlanStale`], [`KeyTwice`], [`StepTwice`],
    /// [`StepDone`], then what each record refuses; [`BookError::Backwards`], [`BookError::Blank`] and
    /// [`BookError::NotJson`] for what cannot be recorded; [`BookError::Unclear`] when the connection broke while
    /// committing; others when the book cannot be written.
    ///
    /// [`Refusal`]: crate::Refusal
    /// [`Stopped`]: crate::Refusal::Stopped
    /// [`PlanKnown`]: crate::Refusal::PlanKnown
    /// [`PlanStale`]: crate::Refusal::PlanStale
    /// [`KeyTwice`]: crate::Refusal::KeyTwice
    /// [`StepTwice`]: crate::Refusal::StepTwice
    /// [`StepDone`]: crate::Refusal::StepDone
    pub async fn act(&self, act: &Act) -> Result<Acted, BookError> {
        let doing = "perform a plan";
        let place = &self.place;
        let mut transaction = self.writing(doing).await?;
        kill_switch::refuse_when_stopped(&mut transaction, place).await?;
        plan::refuse(&mut transaction, place, act).await?;
        let plan = plan::record(&mut transaction, place, act).await?;
        let number = plan.number;
        let mut acted =
            Acted { plan, incidents: Vec::new(), waivers: Vec::new(), messages: Vec::new(), forecasts: Vec::new() };
        for message in &act.messages {
            acted.messages.push(outbox::enqueue(&mut transaction, place, message, number, act.at).await?);
        }
        for forecast in &act.forecasts {
            acted.forecasts.push(forecast::freeze(&mut transaction, place, forecast, number).await?);
        }
        plan::tell(&mut transaction, place, &acted.plan).await?;
        for new in &act.incidents {
            acted.incidents.push(incident::open(&mut transaction, place, new, act.at, Some(number)).await?.number);
        }
        for event in &act.incident_events {
            incident::append(&mut transaction, place, event, act.at, Some(number)).await?;
        }
        for new in &act.waivers {
            acted.waivers.push(waiver::ask(&mut transaction, place, new, Some(number)).await?.number);
        }
        for event in &act.waiver_events {
            waiver::append(&mut transaction, place, event, Some(number)).await?;
        }
        for cancellation in &act.cancellations {
            outbox::cancel(&mut transaction, place, cancellation, &acted.plan.performed_by, act.at).await?;
        }
        self.commit(transaction, doing).await?;
        Ok(acted)
    }
}
