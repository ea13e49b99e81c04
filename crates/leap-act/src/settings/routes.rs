//! Which channels a message goes to.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{MessageKind, TeamId};

use crate::message::{Message, Urgency};

/// What one channel gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// These kinds; all without it.
    pub kinds: Option<BTreeSet<MessageKind>>,
    /// Of these units and all below them; all without it.
    pub units: Option<BTreeSet<TeamId>>,
    /// Alerts, nudges or both.
    pub urgencies: Vec<Urgency>,
}

/// All routes, by channel.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Routes(pub BTreeMap<String, Route>);

impl Route {
    /// Whether a message goes there whose unit stands at the end of this path, from the company down.
    fn takes(&self, message: &Message, path: &[TeamId]) -> bool {
        let content = message.content();
        self.urgencies.contains(&content.urgency)
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&content.kind))
            && self
                .units
                .as_ref()
                .is_none_or(|units| units.contains(&content.unit) || path.iter().any(|unit| units.contains(unit)))
    }
}

impl Routes {
    /// The channels of a message, in the order of their names: a row of the outbox each. `path` is that of its unit on
    /// the day. Tests of a channel go where somebody sends them, digests where their nudges were.
    pub fn of(&self, message: &Message, path: &[TeamId]) -> Vec<&str> {
        if matches!(message.content().kind, MessageKind::ChannelTested | MessageKind::DigestMade) {
            return Vec::new();
        }
        self.0.iter().filter(|(_, route)| route.takes(message, path)).map(|(name, _)| name.as_str()).collect()
    }
}
