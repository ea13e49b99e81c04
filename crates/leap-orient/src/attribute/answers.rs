//! Reads the attribution table back: who owns the charges of this key and resource on this day, and why.

use arrow::array::{Array, RecordBatch};
use hashbrown::HashMap;
use leap_terms::{Day, Owner, RuleId, tables};

use super::columns::{AttributeError, binary, days, digest, text};
use super::timeline::{NONE, Segment, Timelines};
use crate::interner::Interner;

/// One answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// Who owns it.
    pub owner: &'a Owner,
    /// Which rule said so; none where no rule matched.
    pub rule: Option<&'a RuleId>,
    /// What made the rule's answer: `Tags['team'] = 'pay'`, `owners.csv row 17`.
    pub evidence: Option<&'a str>,
}

/// One answer by its numbers within [`Answers`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Numbers {
    pub(crate) owner: u32,
    pub(crate) rule: u32,
    pub(crate) evidence: u32,
}

/// Answers of one or several scopes of one snapshot.
#[derive(Default)]
pub struct Answers {
    owners: Vec<Owner>,
    owner_numbers: HashMap<String, u32>,
    rules: Vec<RuleId>,
    rule_numbers: HashMap<String, u32>,
    evidence: Interner,
    timelines: Timelines,
    keys: HashMap<u128, u32>,
    resources: HashMap<(u128, u128), u32>,
}

impl Answers {
    /// No answers yet.
    pub fn new() -> Answers {
        Answers::default()
    }

    /// Adds rows of the attribution table, in any order. Where the same key comes again (another scope), its rows say the same.
    ///
    /// # Errors
    /// A column that is missing or has the wrong type; an owner or rule that is none.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let (keys, resources) = (binary(batch, tables::KEY)?, binary(batch, tables::RESOURCE)?);
        let (from, until) = (days(batch, "from")?, days(batch, "until")?);
        let (owners, rules, evidence) = (text(batch, "owner")?, text(batch, "rule")?, text(batch, "evidence")?);
        let place = |row: usize| -> Result<(u128, Option<u128>), AttributeError> {
            let resource =
                resources.is_valid(row).then(|| digest(resources.value(row), tables::RESOURCE)).transpose()?;
            Ok((digest(keys.value(row), tables::KEY)?, resource))
        };
        let mut row = 0;
        let mut group: Vec<Segment> = Vec::new();
        while row < batch.num_rows() {
            let here = place(row)?;
            group.clear();
            while row < batch.num_rows() && place(row)? == here {
                let rule = if rules.is_valid(row) { self.rule(rules.value(row))? } else { NONE };
                group.push(Segment {
                    from: Day::from_days(from.value(row)),
                    until: Day::from_days(until.value(row)),
                    owner: self.owner(owners.value(row))?,
                    rule,
                    evidence: if evidence.is_valid(row) { self.evidence.intern(evidence.value(row)) } else { NONE },
                });
                row += 1;
            }
            self.put(here, &group);
        }
        Ok(())
    }

    fn put(&mut self, (key, resource): (u128, Option<u128>), group: &[Segment]) {
        let known = match resource {
            None => self.keys.get(&key).copied(),
            Some(resource) => self.resources.get(&(key, resource)).copied(),
        };
        let mut all: Vec<Segment> = group.to_vec();
        if let Some(known) = known {
            // A group cut in two by the end of a batch, or the same key in another scope: what is new wins its days.
            for old in self.timelines.get(known) {
                let mut from = old.from;
                let mut newer: Vec<&Segment> =
                    group.iter().filter(|new| new.from < old.until && old.from < new.until).collect();
                newer.sort_by_key(|new| new.from);
                for new in newer {
                    if from < new.from {
                        all.push(Segment { from, until: new.from, ..*old });
                    }
                    from = from.max(new.until);
                }
                if from < old.until {
                    all.push(Segment { from, ..*old });
                }
            }
        }
        all.sort_by_key(|segment| segment.from);
        let number = self.timelines.intern(&all);
        match resource {
            None => self.keys.insert(key, number),
            Some(resource) => self.resources.insert((key, resource), number),
        };
    }

    fn owner(&mut self, text: &str) -> Result<u32, AttributeError> {
        if let Some(number) = self.owner_numbers.get(text) {
            return Ok(*number);
        }
        let owner: Owner = text.parse().map_err(AttributeError::BadValue)?;
        self.owners.push(owner);
        let number = self.owners.len() as u32 - 1;
        self.owner_numbers.insert(text.to_owned(), number);
        Ok(number)
    }

    fn rule(&mut self, text: &str) -> Result<u32, AttributeError> {
        if let Some(number) = self.rule_numbers.get(text) {
            return Ok(*number);
        }
        let rule = RuleId::new(text).map_err(AttributeError::BadValue)?;
        self.rules.push(rule);
        let number = self.rules.len() as u32 - 1;
        self.rule_numbers.insert(text.to_owned(), number);
        Ok(number)
    }

    /// The answer for a charge: its key's and resource's digests as the cube has them, and its day. `None` when the
    /// table has no such key.
    pub fn find(&self, key: &[u8], resource: Option<&[u8]>, day: Day) -> Option<Answer<'_>> {
        let key = u128::from_be_bytes(key.try_into().ok()?);
        let resource = match resource {
            Some(resource) => Some(u128::from_be_bytes(resource.try_into().ok()?)),
            None => None,
        };
        let numbers = self.numbers(key, resource, day)?;
        Some(Answer {
            owner: self.owner_of(numbers.owner),
            rule: self.rule_of(numbers.rule),
            evidence: self.evidence_of(numbers.evidence),
        })
    }

    /// The same as numbers, for who asks millions of times.
    pub(crate) fn numbers(&self, key: u128, resource: Option<u128>, day: Day) -> Option<Numbers> {
        let exception = match resource {
            Some(resource) if !self.resources.is_empty() => self.resources.get(&(key, resource)),
            Some(_) | None => None,
        };
        let timeline = *exception.or_else(|| self.keys.get(&key))?;
        let Segment { owner, rule, evidence, .. } = *self.timelines.on(timeline, day);
        Some(Numbers { owner, rule, evidence })
    }

    pub(crate) fn owner_of(&self, number: u32) -> &Owner {
        &self.owners[number as usize]
    }

    pub(crate) fn rule_of(&self, number: u32) -> Option<&RuleId> {
        (number != NONE).then(|| &self.rules[number as usize])
    }

    pub(crate) fn evidence_of(&self, number: u32) -> Option<&str> {
        (number != NONE).then(|| self.evidence.get(number))
    }

    /// True when no rows were added.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
