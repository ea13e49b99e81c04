//! Rules made ready to run: names resolved against the organisation, conditions split from resources, an index over all.

use hashbrown::HashMap;
use leap_terms::{Owner, Period, ResidualReason, TeamId};

use super::features::Features;
use super::index::{Guard, Index, guards, not_null, weight};
use super::timeline::{Filling, NONE, Segment};
use crate::interner::Interner;
use crate::org::{Org, Resolved};
use crate::predicate::{Field, Row, Text, Truth};
use crate::rules::{Catalog, CodeOwners, Mapping, Outcome, RuleSet};

const NO_RULE: u32 = 0;
const UNKNOWN_TEAM: u32 = 1;
const AMBIGUOUS: u32 = 2;
/// Letters of a value that an evidence shows.
const EVIDENCE_LETTERS: usize = 120;

/// Who a name means, over all time.
pub(super) type Who = Vec<(Period, u32)>;

pub(super) enum Ready<'r> {
    /// Owner over time, with the evidence where it is no team.
    Team(Who, &'r str),
    Pool(u32),
    From(Text, String),
    Mapping {
        mapping: &'r Mapping,
        parts: Vec<u32>,
        owners: Vec<Who>,
    },
    Catalog(Text, &'r Catalog),
    CodeOwners(Text, &'r CodeOwners),
    /// A rule that was not chosen.
    Absent,
}

pub(super) struct ReadyRule<'r> {
    when: Option<Truth>,
    ready: Ready<'r>,
    effective: Period,
}

/// A rule set and an organisation, ready to attribute.
pub struct Engine<'r> {
    rules: &'r RuleSet,
    org: &'r Org,
    pub(super) owners: Vec<Owner>,
    numbers: HashMap<Owner, u32>,
    pub(super) ready: Vec<ReadyRule<'r>>,
    pub(super) features: Features<'r>,
    pub(super) index: Index,
    /// Per field of the rules: is it read by a rule that runs?
    pub(super) reads: Vec<bool>,
}

/// What a run remembers while rules are asked.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) evidence: Interner,
    names: Interner,
    who: Vec<Who>,
    /// By evidence: the name behind an answer that is no team, or several.
    pub(super) strangers: HashMap<u32, String>,
}

/// True when an owner stands for a name that means no team, or several.
pub(super) fn no_team(owner: u32) -> bool {
    owner == UNKNOWN_TEAM || owner == AMBIGUOUS
}

impl<'r> Engine<'r> {
    /// Prepares rules for an organisation. A rule whose owner is no team of this organisation yields
    /// `residual:unknown-team`.
    pub fn new(rules: &'r RuleSet, org: &'r Org) -> Engine<'r> {
        Engine::of(rules, org, &|_| true)
    }

    /// Prepares some rules of a set alone, by their numbers.
    pub(super) fn of(rules: &'r RuleSet, org: &'r Org, chosen: &dyn Fn(usize) -> bool) -> Engine<'r> {
        let reasons = [ResidualReason::NoRule, ResidualReason::UnknownTeam, ResidualReason::Ambiguous];
        let mut owners: Vec<Owner> = reasons.into_iter().map(Owner::Residual).collect();
        owners.extend(org.units().iter().map(|unit| Owner::Team(unit.id.clone())));
        for rule in rules.rules() {
            if let Outcome::Pool(pool) = &rule.outcome {
                let owner = Owner::Residual(ResidualReason::Pool(pool.clone()));
                if !owners.contains(&owner) {
                    owners.push(owner);
                }
            }
        }
        let numbers = owners.iter().enumerate().map(|(at, owner)| (owner.clone(), at as u32)).collect();
        let mut engine = Engine {
            rules,
            org,
            owners,
            numbers,
            ready: Vec::new(),
            features: Features::new(rules.fields()),
            index: Index::default(),
            reads: vec![false; rules.fields().all().len()],
        };
        for (number, rule) in rules.rules().iter().enumerate() {
            if !chosen(number) {
                engine.ready.push(ReadyRule { when: None, ready: Ready::Absent, effective: rule.effective });
                continue;
            }
            for field in rule.fields() {
                engine.reads[field as usize] = true;
            }
            let when = rule.when.as_ref().map(|when| when.truth.rebuild(&mut engine.features));
            let ready = match &rule.outcome {
                Outcome::Team(name) => Ready::Team(engine.who(name), name),
                Outcome::Pool(pool) => {
                    Ready::Pool(engine.numbers[&Owner::Residual(ResidualReason::Pool(pool.clone()))])
                }
                Outcome::From(expression) => {
                    let shown = match &expression.text {
                        Text::Field(at) => rules.fields().get(*at).to_string(),
                        _ => shortened(expression.source.trim()),
                    };
                    Ready::From(expression.text.rebuild(&mut engine.features), shown)
                }
                Outcome::Mapping(mapping) => {
                    let mut parts = Vec::new();
                    for (at, field) in mapping.columns().iter().enumerate() {
                        let of_resource = engine.features.is_resource(*field);
                        parts.push(if of_resource { engine.features.mapped(mapping, at) } else { *field });
                    }
                    Ready::Mapping { mapping, parts, owners: mapping.owners().map(|owner| engine.who(owner)).collect() }
                }
                Outcome::Catalog(key, catalog) => Ready::Catalog(key.text.rebuild(&mut engine.features), catalog),
                Outcome::CodeOwners(key, owners) => Ready::CodeOwners(key.text.rebuild(&mut engine.features), owners),
            };
            engine.ready.push(ReadyRule { when, ready, effective: rule.effective });
        }
        engine.features.seal();
        engine.index = Index::new(engine.ready.iter().map(ReadyRule::guards));
        engine
    }

    /// The rules it runs.
    pub fn rules(&self) -> &'r RuleSet {
        self.rules
    }

    /// The organisation it runs for.
    pub fn org(&self) -> &'r Org {
        self.org
    }

    /// The key columns that the rules read and that these keys lack: keys folded before the rules named them. Empty
    /// when the keys can be attributed.
    pub fn missing_columns(&self, key_columns: &[String]) -> Vec<String> {
        let named =
            self.rules.fields().all().iter().filter(|field| !field.of_resource()).filter_map(|field| match field {
                Field::Column(name) => Some(name.as_str()),
                Field::Tag(..) => None,
            });
        let mut missing: Vec<String> =
            named.filter(|name| !key_columns.iter().any(|known| known == name)).map(str::to_owned).collect();
        missing.sort();
        missing
    }

    /// The columns of the keys that the rules which run read.
    pub(super) fn read_columns(&self) -> Vec<String> {
        let mut columns = Vec::new();
        for (field, read) in self.rules.fields().all().iter().zip(&self.reads) {
            match field {
                _ if !read || field.of_resource() => {}
                Field::Column(name) => columns.push(name.clone()),
                Field::Tag(..) => columns.extend(["AllocatedTags".to_owned(), "Tags".to_owned()]),
            }
        }
        columns.sort();
        columns.dedup();
        columns
    }

    /// True when a rule that runs reads resources.
    pub(super) fn reads_resources(&self) -> bool {
        self.rules.fields().all().iter().zip(&self.reads).any(|(field, read)| *read && field.of_resource())
    }

    /// Who a name means, over all time.
    pub(super) fn who(&self, name: &str) -> Who {
        let answers = self.org.resolve_always(name).into_iter();
        answers
            .map(|(period, resolved)| {
                let owner = match resolved {
                    Resolved::Team(team) => self.number(team),
                    Resolved::Unknown => UNKNOWN_TEAM,
                    Resolved::Ambiguous(_) => AMBIGUOUS,
                };
                (period, owner)
            })
            .collect()
    }

    fn number(&self, team: TeamId) -> u32 {
        self.numbers[&Owner::Team(team)]
    }

    fn remembered<'m>(&self, name: &str, memory: &'m mut Memory) -> &'m Who {
        let number = memory.names.intern(name) as usize;
        if number == memory.who.len() {
            memory.who.push(self.who(name));
        }
        &memory.who[number]
    }

    /// Asks the candidates in order; the timeline of owners for one row.
    pub(super) fn decide<'f>(
        &self,
        row: Row<'_>,
        candidates: &[u32],
        memory: &mut Memory,
        filling: &'f mut Filling,
    ) -> &'f [Segment] {
        filling.start();
        for at in candidates {
            let rule = &self.ready[*at as usize];
            if filling.wants(rule.effective) && rule.holds(row) {
                self.say(*at, row, memory, |period, owner, evidence| filling.put(period, owner, *at, evidence));
                if filling.is_full() {
                    break;
                }
            }
        }
        filling.finish(NO_RULE)
    }

    /// What a rule whose condition holds says: periods, owners, evidence. Nothing when it names nobody.
    pub(super) fn say(&self, at: u32, row: Row<'_>, memory: &mut Memory, mut put: impl FnMut(Period, u32, u32)) {
        let rule = &self.ready[at as usize];
        let mut clipped = |period: Period, owner: u32, evidence: u32| {
            if let Some(period) = period.intersection(rule.effective) {
                put(period, owner, evidence);
            }
        };
        match &rule.ready {
            Ready::Team(who, name) => {
                for (period, owner) in who {
                    let evidence = if no_team(*owner) {
                        let evidence = memory.evidence.intern(&format!("owner = {}", quoted(name)));
                        memory.strangers.entry(evidence).or_insert_with(|| (*name).to_owned());
                        evidence
                    } else {
                        NONE
                    };
                    clipped(*period, *owner, evidence);
                }
            }
            Ready::Pool(owner) => clipped(Period::ALWAYS, *owner, NONE),
            Ready::Absent => {}
            Ready::From(text, shown) => {
                let Some(value) = text.value(row) else { return };
                let name = value.trim();
                if name.is_empty() {
                    return;
                }
                let evidence = memory.evidence.intern(&format!("{shown} = {}", quoted(&value)));
                let mut strange = false;
                for (period, owner) in self.remembered(name, memory) {
                    strange |= no_team(*owner);
                    clipped(*period, *owner, evidence);
                }
                if strange {
                    memory.strangers.entry(evidence).or_insert_with(|| name.to_owned());
                }
            }
            Ready::Mapping { mapping, parts, owners } => {
                for found in mapping.find(parts.iter().map(|part| row.fields[*part as usize])) {
                    let evidence = memory.evidence.intern(&mapping_evidence(mapping.file(), found.row));
                    let mut strange = false;
                    for (period, owner) in &owners[found.owner as usize] {
                        if let Some(period) = period.intersection(found.period) {
                            strange |= no_team(*owner);
                            clipped(period, *owner, evidence);
                        }
                    }
                    if strange && !memory.strangers.contains_key(&evidence) {
                        let name = mapping.owners().nth(found.owner as usize).unwrap_or_default();
                        memory.strangers.insert(evidence, name.to_owned());
                    }
                }
            }
            Ready::Catalog(key, catalog) => {
                let Some((owner, entity)) = key.value(row).and_then(|key| catalog.find(&key)) else { return };
                let evidence = memory.evidence.intern(&format!("{} {entity} owner {}", catalog.file, quoted(owner)));
                let mut strange = false;
                for (period, number) in self.remembered(owner, memory) {
                    strange |= no_team(*number);
                    clipped(*period, *number, evidence);
                }
                if strange {
                    memory.strangers.entry(evidence).or_insert_with(|| owner.to_owned());
                }
            }
            Ready::CodeOwners(key, file) => {
                let Some(path) = key.value(row) else { return };
                let Some((owner, line)) = file.find(&path) else { return };
                let evidence = memory.evidence.intern(&format!("{} line {line} {owner}", file.file));
                let names = CodeOwners::names(owner);
                let known =
                    names.iter().find(|name| self.remembered(name, memory).iter().any(|(_, who)| *who != UNKNOWN_TEAM));
                let name = known.or(names.last()).copied().unwrap_or(owner);
                let mut strange = false;
                for (period, owner) in self.remembered(name, memory) {
                    strange |= no_team(*owner);
                    clipped(*period, *owner, evidence);
                }
                if strange {
                    memory.strangers.entry(evidence).or_insert_with(|| name.to_owned());
                }
            }
        }
    }
}

impl ReadyRule<'_> {
    pub(super) fn holds(&self, row: Row<'_>) -> bool {
        self.when.as_ref().is_none_or(|when| when.value(row) == Some(true))
    }

    fn guards(&self) -> Option<Vec<Guard>> {
        if let Ready::Absent = self.ready {
            return Some(Vec::new());
        }
        let when = self.when.as_ref().and_then(guards);
        let named = match &self.ready {
            Ready::From(text, _) | Ready::Catalog(text, _) | Ready::CodeOwners(text, _) => not_null(text),
            Ready::Team(..) | Ready::Pool(_) | Ready::Mapping { .. } | Ready::Absent => None,
        };
        match (when, named) {
            (Some(when), Some(named)) => Some(if weight(&when) <= weight(&named) { when } else { named }),
            (when, named) => when.or(named),
        }
    }
}

/// What shows that a row of a mapping decided.
pub(super) fn mapping_evidence(file: &str, row: u32) -> String {
    format!("{file} row {row}")
}

/// A value in single quotes, cut where it is long.
fn quoted(value: &str) -> String {
    format!("'{}'", shortened(value).replace('\'', "''"))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= EVIDENCE_LETTERS {
        return text.to_owned();
    }
    let start: String = text.chars().take(EVIDENCE_LETTERS - 1).collect();
    format!("{start}…")
}
