//! What resources contribute to an owner: conditions on `ResourceId` and `ResourceName`, taken out of the rules.
//!
//! ```text
//! ResourceName LIKE 'pay-%' AND RegionId = 'x'    becomes   slot 0 AND RegionId = 'x'
//! coalesce(Tags['team'], left(ResourceName, 3))   becomes   coalesce(Tags['team'], field 17)
//! ```
//! A resource's class is the list of the slots that are true for it, and the values of its fields. Resources are many
//! and classes few, so rules run over classes. A condition that mixes resource and key (`ResourceName = SubAccountName`)
//! keeps the resource's text as a field, and its classes are as many as the texts.

use hashbrown::HashMap;

use super::index::{Index, guards};
use super::tags::NULL;
use super::vectors::Vectors;
use crate::interner::Interner;
use crate::predicate::expression::{Comparison, Cut};
use crate::predicate::{Fields, Row, Text, Truth};
use crate::rules::Mapping;

/// Stands for a resource that a mapping does not know; no mapping has it.
const UNMAPPED: &str = "\u{1}";

/// A text of a resource that rules need.
enum Texts<'r> {
    Expression(Text),
    /// The resource's part of a mapping's key, when the mapping has it at all.
    Mapped {
        field: u32,
        known: hashbrown::HashSet<Option<&'r str>>,
    },
}

/// The conditions and texts taken out of the rules.
pub(super) struct Features<'r> {
    first_field: u32,
    resource_fields: Vec<bool>,
    truths: Vec<Truth>,
    truth_numbers: HashMap<Truth, u32>,
    texts: Vec<Texts<'r>>,
    text_numbers: HashMap<Text, u32>,
    /// Set by [`Features::seal`].
    index: Index,
    /// Per condition: the number of the text that makes it unknown when null, where that is all there is to it.
    indexed: Vec<Option<u32>>,
    subjects: Vec<Text>,
    others: Vec<u32>,
}

impl<'r> Features<'r> {
    pub(super) fn new(fields: &Fields) -> Features<'r> {
        Features {
            first_field: u32::try_from(fields.all().len()).expect("fields are few"),
            resource_fields: fields.all().iter().map(crate::predicate::Field::of_resource).collect(),
            truths: Vec::new(),
            truth_numbers: HashMap::new(),
            texts: Vec::new(),
            text_numbers: HashMap::new(),
            index: Index::default(),
            indexed: Vec::new(),
            subjects: Vec::new(),
            others: Vec::new(),
        }
    }

    pub(super) fn is_resource(&self, field: u32) -> bool {
        self.resource_fields[field as usize]
    }

    /// How many texts follow the rules' fields in a row.
    pub(super) fn text_count(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn truth_count(&self) -> usize {
        self.truths.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.truths.is_empty()
    }

    /// A field that stands for a mapping's column over resources.
    pub(super) fn mapped(&mut self, mapping: &'r Mapping, column: usize) -> u32 {
        let known = mapping.values(column).collect();
        self.texts.push(Texts::Mapped { field: mapping.columns()[column], known });
        self.first_field + self.texts.len() as u32 - 1
    }

    /// Does the expression read resources, and does it read anything else?
    fn reads(&self, walk: impl FnOnce(&mut Reads<'_>)) -> (bool, bool) {
        let mut reads = Reads {
            resource_fields: &self.resource_fields,
            first_field: self.first_field,
            resource: false,
            other: false,
        };
        walk(&mut reads);
        (reads.resource, reads.other)
    }

    /// Builds the index over conditions, once all rules are taken apart.
    pub(super) fn seal(&mut self) {
        let mut lists = Vec::new();
        for (at, truth) in (0_u32..).zip(&self.truths) {
            let subject = match truth {
                Truth::Compare(Comparison::Equal, of, Text::Literal(Some(_)))
                | Truth::Match(of, _)
                | Truth::In(of, _, false) => Some(of),
                _ => None,
            };
            match subject {
                Some(of) => {
                    let number = self.subjects.iter().position(|known| known == of).unwrap_or_else(|| {
                        self.subjects.push(of.clone());
                        self.subjects.len() - 1
                    });
                    self.indexed.push(Some(number as u32));
                    lists.push(guards(truth));
                }
                None => {
                    self.indexed.push(None);
                    self.others.push(at);
                    lists.push(Some(Vec::new()));
                }
            }
        }
        self.index = Index::new(lists.into_iter());
    }

    /// The class of a resource: texts, then which subjects are null, then the other conditions' values, then the true
    /// slots. `row` holds the resource's fields.
    pub(super) fn class(
        &self,
        row: Row<'_>,
        values: &mut Interner,
        classes: &mut Vectors,
        candidates: &mut Vec<u32>,
    ) -> u32 {
        let mut list: Vec<u32> = Vec::with_capacity(self.texts.len() + self.subjects.len() + self.others.len() + 4);
        for text in &self.texts {
            list.push(match text {
                Texts::Expression(text) => text.value(row).map_or(NULL, |text| values.intern(&text)),
                Texts::Mapped { field, known } => match row.fields[*field as usize] {
                    value if !known.contains(&value) => values.intern(UNMAPPED),
                    None => NULL,
                    Some(value) => values.intern(value),
                },
            });
        }
        list.extend(self.subjects.iter().map(|subject| u32::from(subject.value(row).is_none())));
        list.extend(self.others.iter().map(|at| match self.truths[*at as usize].value(row) {
            Some(false) => 0,
            Some(true) => 1,
            None => 2,
        }));
        self.index.candidates(row, std::iter::empty(), candidates);
        list.extend(candidates.iter().copied().filter(|at| self.truths[*at as usize].value(row) == Some(true)));
        classes.intern(&list).0
    }

    /// Texts and truth values of a class, into buffers; returns the true slots.
    pub(super) fn unpack<'a>(
        &self,
        class: &[u32],
        values: &'a Interner,
        fields: &mut [Option<&'a str>],
        truths: &mut [Option<bool>],
        slots: &mut Vec<u32>,
    ) {
        let (texts, rest) = class.split_at(self.texts.len());
        for (at, number) in texts.iter().enumerate() {
            fields[self.first_field as usize + at] = (*number != NULL).then(|| values.get(*number));
        }
        let (nulls, rest) = rest.split_at(self.subjects.len());
        let (others, trues) = rest.split_at(self.others.len());
        for (truth, subject) in truths.iter_mut().zip(&self.indexed) {
            *truth = subject.and_then(|subject| (nulls[subject as usize] == 0).then_some(false));
        }
        slots.clear();
        for (at, value) in self.others.iter().zip(others) {
            truths[*at as usize] = match value {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            };
            if *value == 1 {
                slots.push(*at);
            }
        }
        for at in trues {
            truths[*at as usize] = Some(true);
            slots.push(*at);
        }
    }
}

struct Reads<'a> {
    resource_fields: &'a [bool],
    first_field: u32,
    resource: bool,
    other: bool,
}

impl Cut for Reads<'_> {
    fn truth(&mut self, _: &Truth) -> Option<Truth> {
        None
    }

    fn text(&mut self, part: &Text) -> Option<Text> {
        if let Text::Field(at) = part {
            let of_resource = *at < self.first_field && self.resource_fields[*at as usize];
            self.resource |= of_resource;
            self.other |= !of_resource;
        }
        None
    }
}

impl Cut for Features<'_> {
    fn truth(&mut self, part: &Truth) -> Option<Truth> {
        match part {
            // Joined conditions are taken apart, so that each of them is looked up in the index.
            Truth::Literal(_)
            | Truth::Slot(_)
            | Truth::And(_)
            | Truth::Or(_)
            | Truth::Not(_)
            | Truth::Is(..)
            | Truth::TruthIsNull(_) => None,
            Truth::Case(..)
            | Truth::Compare(..)
            | Truth::CompareInt(..)
            | Truth::In(..)
            | Truth::Match(..)
            | Truth::Affix(..)
            | Truth::TextIsNull(_)
            | Truth::IntIsNull(_)
            | Truth::Distinct(..) => {
                if self.reads(|reads| _ = part.rebuild(reads)) != (true, false) {
                    return None;
                }
                let next = self.truths.len() as u32;
                let number = *self.truth_numbers.entry(part.clone()).or_insert(next);
                if number == next {
                    self.truths.push(part.clone());
                }
                Some(Truth::Slot(number))
            }
        }
    }

    fn text(&mut self, part: &Text) -> Option<Text> {
        if self.reads(|reads| _ = part.rebuild(reads)) != (true, false) {
            return None;
        }
        let next = self.first_field + self.texts.len() as u32;
        let number = *self.text_numbers.entry(part.clone()).or_insert(next);
        if number == next {
            self.texts.push(Texts::Expression(part.clone()));
        }
        Some(Text::Field(number))
    }
}
