//! Why something of deciding and acting is refused, each reason by its name.
//!
//! ```text
//! the step with the idempotency key 'open checkout' was done at 2026-09-16T08:00:00Z already, as step 2 of plan 31;
//! make the plan anew
//! ```
//! A refusal changes nothing. What is wrong with the database itself is a [`crate::BookError`] of another kind.

use leap_terms::{Day, Digest, Instant};

/// Why it is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The kill switch is on.
    #[error("nothing is done: {actor} stopped all acting at {at} ({reason}); it goes on when somebody releases it")]
    Stopped {
        /// Who stopped it.
        actor: String,
        /// When.
        at: Instant,
        /// Why.
        reason: String,
    },
    /// Nothing is stopped.
    #[error("acting is not stopped, so there is nothing to release")]
    NotStopped,
    /// A plan of that digest was performed.
    #[error("the plan {} was performed at {at} already, as plan {number}; make it anew", digest.short())]
    PlanKnown {
        /// Its number.
        number: i64,
        /// Its digest.
        digest: Digest,
        /// When it was performed.
        at: Instant,
    },
    /// The world moved on since the plan was made.
    #[error("the plan was made from {}, and {} is the newest now; make it anew", named(snapshot), named(head))]
    PlanStale {
        /// The snapshot that it was made from.
        snapshot: Option<i64>,
        /// The newest one.
        head: Option<i64>,
    },
    /// There is no plan of that number.
    #[error("there is no plan {0}")]
    NoPlan(i64),
    /// A step was done before.
    #[error(
        "the step with the idempotency key '{key}' was done at {at} already, as step {step} of plan {plan}; \
         make the plan anew"
    )]
    StepDone {
        /// Its idempotency key.
        key: String,
        /// The plan that did it.
        plan: i64,
        /// The step of that plan.
        step: i64,
        /// When.
        at: Instant,
    },
    /// Two receipts of one act have one key.
    #[error("two steps of the plan have the idempotency key '{key}'; give each step its own")]
    KeyTwice {
        /// The key.
        key: String,
    },
    /// Two receipts of one act are of one step.
    #[error("two receipts are of step {step} of the plan; give each step one")]
    StepTwice {
        /// The step.
        step: i64,
    },
    /// An incident about the same is not resolved.
    #[error("incident {number} about {key} is not resolved, so no other one is opened; add to it instead")]
    IncidentUnresolved {
        /// The incident.
        number: i64,
        /// What it is about.
        key: String,
    },
    /// There is no incident of that number.
    #[error("there is no incident {0}")]
    NoIncident(i64),
    /// There never was an incident about that.
    #[error("there is no incident about {0}")]
    NoIncidentAbout(String),
    /// An incident's state does not allow what was to happen to it.
    #[error("incident {incident} cannot be {event}, as it is {state}")]
    IncidentState {
        /// The incident.
        incident: i64,
        /// What was to happen.
        event: &'static str,
        /// Where it stands.
        state: &'static str,
    },
    /// There is no waiver of that number.
    #[error("there is no waiver {0}")]
    NoWaiver(i64),
    /// A waiver of nothing.
    #[error("a waiver needs an amount above zero, and {0} was asked for")]
    WaiverAmount(String),
    /// A waiver that ends before it is asked for.
    #[error(
        "a waiver that is asked for on {asked} cannot end on {expires_on}; name a later day, the first one without it"
    )]
    WaiverEndsBefore {
        /// The day on which it is asked for.
        asked: Day,
        /// The first day on which it would not hold.
        expires_on: Day,
    },
    /// A waiver's state does not allow what was to happen to it.
    #[error("waiver {waiver} cannot be {event}, as it was {state} by {actor} at {at}; ask for a new one if need be")]
    WaiverState {
        /// The waiver.
        waiver: i64,
        /// What was to happen.
        event: &'static str,
        /// Where it stands.
        state: &'static str,
        /// Who did that.
        actor: String,
        /// When.
        at: Instant,
    },
    /// A waiver that would have ended before it is granted.
    #[error("waiver {waiver} ends on {expires_on}, so it cannot be granted any more; ask for a new one")]
    WaiverOver {
        /// The waiver.
        waiver: i64,
        /// The first day on which it would not hold.
        expires_on: Day,
    },
    /// Who asks does not answer.
    #[error("waiver {waiver} was asked for by {actor}, so it is {event} by somebody else")]
    OwnWaiver {
        /// The waiver.
        waiver: i64,
        /// `granted` or `refused`.
        event: &'static str,
        /// Who asked and wants to answer.
        actor: String,
    },
    /// Who grants it saw something else.
    #[error(
        "what was shown to {actor} is {}, and waiver {waiver} asks for {}; look at it as it is and decide again",
        shown.short(),
        digest.short()
    )]
    WaiverShown {
        /// The waiver.
        waiver: i64,
        /// Who wants to grant it.
        actor: String,
        /// The digest of what they saw.
        shown: Digest,
        /// The digest of what is asked for.
        digest: Digest,
    },
    /// There is no message of that number.
    #[error("there is no message {0}")]
    NoMessage(i64),
    /// No message of that key went to that channel.
    #[error("no message with the key '{key}' went to {channel}")]
    NoSuchMessage {
        /// The dedup key.
        key: String,
        /// The channel.
        channel: String,
    },
    /// A message's state does not allow what was to happen to it.
    #[error("message {message} cannot be {event}, as it is {state}")]
    MessageState {
        /// The message.
        message: i64,
        /// What was to happen: `tried again`, `cancelled`.
        event: &'static str,
        /// Where it stands.
        state: &'static str,
    },
    /// Nobody of that name began such an attempt.
    #[error("{holder} began no attempt {attempt} of message {message}")]
    NoAttempt {
        /// The message.
        message: i64,
        /// The attempt.
        attempt: i64,
        /// Who says that they made it.
        holder: String,
    },
    /// An attempt ends once.
    #[error("attempt {attempt} of message {message} ended as {outcome} already")]
    AttemptEnded {
        /// The message.
        message: i64,
        /// The attempt.
        attempt: i64,
        /// How it ended.
        outcome: &'static str,
    },
    /// There is no forecast of that number.
    #[error("there is no forecast {0}")]
    NoForecast(i64),
    /// Somebody else has what was leased.
    #[error("{holder} does not hold the schedule {name}, {} does", by.as_deref().unwrap_or("nobody"))]
    LeaseLost {
        /// The schedule.
        name: String,
        /// Who believed to hold it.
        holder: String,
        /// Who does.
        by: Option<String>,
    },
    /// A run of an earlier time is recorded after a later one.
    #[error("the run of {name} that was due at {due} cannot follow the one that was due at {last}")]
    DueBackwards {
        /// The schedule.
        name: String,
        /// When the run was due.
        due: Instant,
        /// When the last one was due.
        last: Instant,
    },
}

fn named(snapshot: &Option<i64>) -> String {
    snapshot.map_or_else(|| "no snapshot".to_owned(), |id| format!("snapshot {id}"))
}
