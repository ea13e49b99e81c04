//! What happens to an incident, and where it stands after that. One table of what may follow what.

/// What happens to an incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IncidentStep {
    /// It is opened: the first event.
    Opened,
    /// Something is added to what is known of it.
    Annotated,
    /// Somebody says that they see to it.
    Acknowledged,
    /// What it is about holds again.
    Resolved,
    /// It was resolved, and what it is about is broken once more.
    Reopened,
    /// Late or restated data say something else of it than was recorded.
    Corrected,
}

impl IncidentStep {
    const ALL: [IncidentStep; 6] = [
        IncidentStep::Opened,
        IncidentStep::Annotated,
        IncidentStep::Acknowledged,
        IncidentStep::Resolved,
        IncidentStep::Reopened,
        IncidentStep::Corrected,
    ];

    /// The word in the database and in messages.
    pub fn word(self) -> &'static str {
        match self {
            IncidentStep::Opened => "opened",
            IncidentStep::Annotated => "annotated",
            IncidentStep::Acknowledged => "acknowledged",
            IncidentStep::Resolved => "resolved",
            IncidentStep::Reopened => "reopened",
            IncidentStep::Corrected => "corrected",
        }
    }

    pub(super) fn parse(text: &str) -> Result<IncidentStep, String> {
        let step = IncidentStep::ALL.into_iter().find(|step| step.word() == text);
        step.ok_or_else(|| format!("'{}' is no event of an incident", text.escape_debug()))
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IncidentState {
    /// Nobody has said that they see to it.
    Open,
    /// Somebody sees to it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl IncidentState {
    /// The word in messages and JSON.
    pub fn word(self) -> &'static str {
        match self {
            IncidentState::Open => "open",
            IncidentState::Acknowledged => "acknowledged",
            IncidentState::Resolved => "resolved",
        }
    }

    /// Where it stands after that; `None` where that cannot happen.
    pub(super) fn after(self, step: IncidentStep) -> Option<IncidentState> {
        match (self, step) {
            (_, IncidentStep::Opened) => None,
            (state, IncidentStep::Annotated | IncidentStep::Corrected) => Some(state),
            (IncidentState::Open, IncidentStep::Acknowledged) => Some(IncidentState::Acknowledged),
            (IncidentState::Open | IncidentState::Acknowledged, IncidentStep::Resolved) => {
                Some(IncidentState::Resolved)
            }
            (IncidentState::Resolved, IncidentStep::Reopened) => Some(IncidentState::Open),
            (IncidentState::Acknowledged | IncidentState::Resolved, IncidentStep::Acknowledged)
            | (IncidentState::Open | IncidentState::Acknowledged, IncidentStep::Reopened)
            | (IncidentState::Resolved, IncidentStep::Resolved) => None,
        }
    }
}
