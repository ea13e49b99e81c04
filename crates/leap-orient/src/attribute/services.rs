//! Who owns a service: the rules of money, asked about what traces say of it.
//!
//! ```text
//! service.name ledger, service.namespace money, team payments
//!   Tags['service.name'] = 'ledger'    Tags['service.namespace'] = 'money'    Tags['team'] = 'payments'
//! ```
//! What OpenTelemetry's resources say stands in the place of tags; a service has no account, region or resource, so
//! conditions on those are unknown and do not hold. The first rule that names somebody decides, as for charges. Where none
//! does, the team that the resource declares owns the service, if the organisation knows it; else it is a residual.

use leap_terms::{Owner, Period, ResidualReason, RuleId};

use super::engine::{Engine, Memory, no_team};
use super::timeline::{Filling, NONE};
use super::vectors::Vectors;
use crate::interner::Interner;
use crate::predicate::{Field, Row};

/// Who owns a service over a period, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceOwner {
    /// When.
    pub period: Period,
    /// Who.
    pub owner: Owner,
    /// The rule that decided; `None` where the resource's own word did, or nothing.
    pub rule: Option<RuleId>,
    /// What made the rule's answer.
    pub evidence: Option<String>,
}

/// The attributes of a service that rules read as tags.
pub const NAME: &str = "service.name";
/// `service.namespace`.
pub const NAMESPACE: &str = "service.namespace";
/// The team that a resource declares.
pub const TEAM: &str = "team";

/// Asks rules about services, one after the other.
pub struct ServiceRun<'e, 'r> {
    engine: &'e Engine<'r>,
    values: Interner,
    classes: Vectors,
    no_resource: u32,
    memory: Memory,
    filling: Filling,
    candidates: Vec<u32>,
    slots: Vec<u32>,
    truths: Vec<Option<bool>>,
}

impl<'r> Engine<'r> {
    /// Starts asking about services.
    pub fn services(&self) -> ServiceRun<'_, 'r> {
        let (mut values, mut classes, mut candidates) = (Interner::default(), Vectors::default(), Vec::new());
        let none = vec![None; self.rules().fields().all().len()];
        let row = Row { fields: &none, truths: &[] };
        let no_resource = self.features.class(row, &mut values, &mut classes, &mut candidates);
        ServiceRun {
            engine: self,
            values,
            classes,
            no_resource,
            memory: Memory::default(),
            filling: Filling::default(),
            candidates,
            slots: Vec::new(),
            truths: vec![None; self.features.truth_count()],
        }
    }
}

impl ServiceRun<'_, '_> {
    /// The owners of a service over all time, in order, without gaps. `attribute` gives the values of its attributes; an
    /// empty one counts as absent.
    pub fn owners<'a>(&mut self, attribute: impl Fn(&str) -> Option<&'a str>) -> Vec<ServiceOwner> {
        let engine = self.engine;
        let value = |key: &str| attribute(key).filter(|value| !value.is_empty());
        let of_field = |field: &Field| match field {
            Field::Tag(_, key) => value(key),
            Field::Column(_) => None,
        };
        let mut fields: Vec<Option<&str>> = engine.rules().fields().all().iter().map(of_field).collect();
        fields.resize(fields.len() + engine.features.text_count(), None);
        let class = self.classes.get(self.no_resource);
        engine.features.unpack(class, &self.values, &mut fields, &mut self.truths, &mut self.slots);
        let row = Row { fields: &fields, truths: &self.truths };
        engine.index.candidates(row, self.slots.iter().copied(), &mut self.candidates);
        let segments = engine.decide(row, &self.candidates, &mut self.memory, &mut self.filling);
        let declared = value(TEAM).map(|team| engine.who(team)).unwrap_or_default();
        let mut owners = Vec::new();
        for segment in segments {
            let Some(period) = Period::new(segment.from, segment.until) else { continue };
            let said = |number: u32| engine.owners[number as usize].clone();
            let owner = said(segment.owner);
            if owner == Owner::Residual(ResidualReason::NoRule) && !declared.is_empty() {
                // The resource's word, for as long as the organisation knows it.
                for (known, who) in &declared {
                    let Some(period) = period.intersection(*known) else { continue };
                    let owner = if no_team(*who) { owner.clone() } else { said(*who) };
                    owners.push(ServiceOwner { period, owner, rule: None, evidence: None });
                }
                continue;
            }
            owners.push(ServiceOwner {
                period,
                owner,
                rule: (segment.rule != NONE).then(|| engine.rules().rules()[segment.rule as usize].id.clone()),
                evidence: (segment.evidence != NONE).then(|| self.memory.evidence.get(segment.evidence).to_owned()),
            });
        }
        owners
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::org::Org;
    use crate::rules::RuleSet;

    #[test]
    fn the_rules_of_money_decide_and_a_declared_team_stands_in_where_none_does() {
        let org =
            Org::from_yaml("org.yaml", "units:\n  - {id: payments, kind: team}\n  - {id: risk, kind: team}\n").unwrap();
        let text = "rules:\n  - id: money\n    when: \"Tags['service.namespace'] = 'money' AND Tags['service.name'] LIKE 'led%'\"\n    owner: payments\n  - id: box\n    when: \"ResourceName LIKE 'led%'\"\n    owner: risk\n";
        let rules = RuleSet::parse("rules.yaml", text, &|_| Err("no file".into()), &org).unwrap();
        let engine = Engine::new(&rules, &org);
        let mut run = engine.services();
        let mut ask = |pairs: &'static [(&str, &str)]| {
            run.owners(|key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value))
        };
        let ledger = ask(&[(NAME, "ledger"), (NAMESPACE, "money"), (TEAM, "risk")]);
        assert_eq!(ledger.len(), 1);
        assert_eq!(ledger[0].owner.to_string(), "payments");
        assert_eq!(ledger[0].rule.as_ref().map(|rule| rule.to_string()).as_deref(), Some("money"));
        assert_eq!(ask(&[(NAME, "ledger"), (TEAM, "risk")])[0].owner.to_string(), "risk");
        assert_eq!(ask(&[(NAME, "ledger"), (TEAM, "nobody")])[0].owner, Owner::Residual(ResidualReason::NoRule));
        assert_eq!(ask(&[(NAME, "x")])[0].owner, Owner::Residual(ResidualReason::NoRule));
    }
}
