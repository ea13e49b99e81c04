//! Which rules can match at all: an index over necessary conditions.
//!
//! ```text
//! SubAccountId = '1' AND lower(Tags['env']) = 'prod'   filed under SubAccountId = '1'
//! ServiceName LIKE 'Amazon%' OR SkuId IN ('a', 'b')    filed under the prefix and under both values
//! NOT (RegionId = 'x')                                 always a candidate
//! ```
//! A rule is filed under conditions one of which is true wherever the rule's own condition is. It is a candidate where one
//! is; candidates are then checked in full. So the index may be coarse but never wrong.

use hashbrown::HashMap;
use regex::{RegexSet, RegexSetBuilder};

use crate::predicate::expression::{Comparison, Matcher};
use crate::predicate::{Row, Text, Truth};

/// A condition that an index can look up.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Guard {
    Equals(Text, Box<str>),
    Prefix(Text, Box<str>),
    Pattern(Text, String),
    NotNull(Text),
    Null(Text),
    Slot(u32),
}

/// Conditions one of which holds wherever the expression is true; `None` when there is no such list.
pub(super) fn guards(truth: &Truth) -> Option<Vec<Guard>> {
    match truth {
        Truth::Literal(Some(true)) => None,
        Truth::Literal(Some(false) | None) => Some(Vec::new()),
        Truth::Slot(at) => Some(vec![Guard::Slot(*at)]),
        Truth::And(parts) => parts.iter().filter_map(guards).min_by_key(|list| weight(list)),
        Truth::Or(parts) => {
            let lists: Option<Vec<_>> = parts.iter().map(guards).collect();
            lists.map(|lists| lists.concat())
        }
        Truth::Not(part) => match &**part {
            Truth::TextIsNull(of) => Some(vec![Guard::NotNull(of.clone())]),
            _ => None,
        },
        Truth::Compare(Comparison::Equal, of, Text::Literal(Some(value)))
        | Truth::Compare(Comparison::Equal, Text::Literal(Some(value)), of) => {
            Some(vec![Guard::Equals(of.clone(), value.clone())])
        }
        Truth::Compare(_, left, right) => not_null(left).or_else(|| not_null(right)),
        Truth::In(of, set, _) => Some(set.iter().map(|value| Guard::Equals(of.clone(), value.clone())).collect()),
        Truth::Match(of, matcher) => Some(vec![match matcher {
            Matcher::Equals(value) => Guard::Equals(of.clone(), value.clone()),
            Matcher::Prefix(value) if value.is_empty() => Guard::NotNull(of.clone()),
            Matcher::Prefix(value) => Guard::Prefix(of.clone(), value.clone()),
            Matcher::Suffix(value) => Guard::Pattern(of.clone(), format!("{}$", regex::escape(value))),
            Matcher::Contains(value) => Guard::Pattern(of.clone(), regex::escape(value)),
            Matcher::Pattern(pattern) => Guard::Pattern(of.clone(), pattern.source().to_owned()),
        }]),
        Truth::Affix(_, of, _) => not_null(of),
        Truth::TextIsNull(of @ Text::Field(_)) => Some(vec![Guard::Null(of.clone())]),
        Truth::TextIsNull(_) => None,
        Truth::Is(of, true) => guards(of),
        Truth::Is(_, false) => None,
        Truth::CompareInt(..) | Truth::IntIsNull(_) | Truth::TruthIsNull(_) | Truth::Distinct(..) | Truth::Case(..) => {
            None
        }
    }
}

/// The same for "this text is not null".
pub(super) fn not_null(text: &Text) -> Option<Vec<Guard>> {
    match text {
        Text::Field(_) => Some(vec![Guard::NotNull(text.clone())]),
        Text::Literal(None) => Some(Vec::new()),
        Text::Lower(of) | Text::Upper(of) | Text::Trim(_, of, _) | Text::NullIf(of, _) | Text::SplitPart(of, ..) => {
            not_null(of)
        }
        Text::Substr(of, ..) | Text::Replace(of, ..) | Text::Left(of, _) | Text::Right(of, _) => not_null(of),
        Text::RegexpReplace(of, ..) | Text::RegexpSubstr(of, _) => not_null(of),
        Text::Concat(parts) => parts.iter().filter_map(not_null).min_by_key(|list| weight(list)),
        Text::Coalesce(parts) => {
            let lists: Option<Vec<_>> = parts.iter().map(not_null).collect();
            lists.map(|lists| lists.concat())
        }
        Text::Literal(Some(_)) | Text::Join(_) | Text::Case(..) | Text::FromInt(_) => None,
    }
}

/// How many charges a list of guards may let through, roughly.
pub(super) fn weight(guards: &[Guard]) -> u32 {
    let each = guards.iter().map(|guard| match guard {
        Guard::Equals(..) | Guard::Slot(_) => 1,
        Guard::Prefix(..) => 4,
        Guard::Pattern(..) => 20,
        Guard::NotNull(_) => 1_000,
        Guard::Null(_) => 2_000,
    });
    each.fold(0, u32::saturating_add)
}

/// Patterns in one regex set: larger sets compile slowly and can pass the size limit as a whole.
const PATTERNS_PER_SET: usize = 256;

#[derive(Default)]
struct OneText {
    equals: HashMap<Box<str>, Vec<u32>>,
    prefixes: HashMap<Box<str>, Vec<u32>>,
    lengths: Vec<usize>,
    patterns: Vec<(String, u32)>,
    sets: Vec<(RegexSet, Vec<u32>)>,
    not_null: Vec<u32>,
    null: Vec<u32>,
}

/// Entries (rules, or conditions on resources) by what they need.
#[derive(Default)]
pub(super) struct Index {
    texts: Vec<(Text, OneText)>,
    slots: HashMap<u32, Vec<u32>>,
    always: Vec<u32>,
}

impl Index {
    /// Builds the index; entry `n` needs one of the guards of the `n`-th list, or may always match.
    pub(super) fn new(entries: impl Iterator<Item = Option<Vec<Guard>>>) -> Index {
        let mut index = Index::default();
        let mut numbers: HashMap<Text, usize> = HashMap::new();
        for (entry, guards) in (0_u32..).zip(entries) {
            let Some(guards) = guards else {
                index.always.push(entry);
                continue;
            };
            for guard in guards {
                let (text, guard) = match &guard {
                    Guard::Slot(slot) => {
                        index.slots.entry(*slot).or_default().push(entry);
                        continue;
                    }
                    Guard::Equals(text, _) | Guard::Prefix(text, _) | Guard::Pattern(text, _) => (text.clone(), guard),
                    Guard::NotNull(text) | Guard::Null(text) => (text.clone(), guard),
                };
                let at = *numbers.entry(text).or_insert_with_key(|text| {
                    index.texts.push((text.clone(), OneText::default()));
                    index.texts.len() - 1
                });
                let one = &mut index.texts[at].1;
                match guard {
                    Guard::Equals(_, value) => one.equals.entry(value).or_default().push(entry),
                    Guard::Prefix(_, value) => one.prefixes.entry(value).or_default().push(entry),
                    Guard::Pattern(_, source) => one.patterns.push((source, entry)),
                    Guard::NotNull(_) => one.not_null.push(entry),
                    Guard::Null(_) => one.null.push(entry),
                    Guard::Slot(_) => {}
                }
            }
        }
        for (_, one) in &mut index.texts {
            one.lengths = one.prefixes.keys().map(|prefix| prefix.len()).collect();
            one.lengths.sort_unstable();
            one.lengths.dedup();
            for chunk in one.patterns.chunks(PATTERNS_PER_SET) {
                let set = RegexSetBuilder::new(chunk.iter().map(|(source, _)| source)).size_limit(64 << 20).build();
                let entries: Vec<u32> = chunk.iter().map(|(_, entry)| *entry).collect();
                match set {
                    Ok(set) => one.sets.push((set, entries)),
                    Err(_) => one.not_null.extend(entries),
                }
            }
            one.patterns = Vec::new();
        }
        index
    }

    /// Puts the entries that may match into `out`, ascending, each once; `slots` are the true slots.
    pub(super) fn candidates(&self, row: Row<'_>, slots: impl Iterator<Item = u32>, out: &mut Vec<u32>) {
        out.clear();
        out.extend_from_slice(&self.always);
        for slot in slots {
            out.extend(self.slots.get(&slot).into_iter().flatten());
        }
        for (text, one) in &self.texts {
            let Some(value) = text.value(row) else {
                out.extend_from_slice(&one.null);
                continue;
            };
            out.extend_from_slice(&one.not_null);
            if let Some(entries) = one.equals.get(value.as_ref()) {
                out.extend_from_slice(entries);
            }
            for length in &one.lengths {
                if let Some(entries) = value.get(..*length).and_then(|prefix| one.prefixes.get(prefix)) {
                    out.extend_from_slice(entries);
                }
            }
            for (set, entries) in &one.sets {
                out.extend(set.matches(&value).iter().map(|at| entries[at]));
            }
        }
        out.sort_unstable();
        out.dedup();
    }
}
