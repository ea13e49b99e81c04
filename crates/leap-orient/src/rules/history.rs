//! Rules as history: rule sets that held one after the other, read as one set of dated rules; and what changed between two.
//!
//! ```text
//! rules.yaml      since ever           tax, kafka, team-tag
//! rules.yaml      from 2026-07-01      tax, kafka-tenants, kafka, team-tag
//!   → tax · kafka-tenants [2026-07-01, …) · kafka · team-tag
//! ```
//! A rule that stays as it is in both versions, in the same order, stays one rule: a change then touches only what it says.
//! Rules of different versions never hold on the same day, so one order serves all days.

use hashbrown::HashMap;
use leap_terms::{Day, Digest, Fault, Period};

use super::{ReadFile, Rule, RuleSet, read};
use crate::org::Org;
use crate::predicate::Fields;

/// One version of the rules: the files, and from which day on they hold.
#[derive(Clone, Copy)]
pub struct RulesVersion<'a> {
    /// First day on which it holds; it holds until the next version.
    pub from: Day,
    /// Name of the main file.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Reads the files that it names.
    pub read_file: ReadFile<'a>,
}

/// A rule that one of two sets has and the other has not, and the days on which that matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChangedRule {
    /// Its number in its set.
    pub number: usize,
    /// The days on which it holds in its set and not in the other.
    pub days: Period,
}

/// What differs between two rule sets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RulesChange {
    /// Rules of the old set that end, somewhere in time.
    pub gone: Vec<ChangedRule>,
    /// Rules of the new set that begin.
    pub new: Vec<ChangedRule>,
}

impl RulesChange {
    /// True when both sets say the same on every day.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.new.is_empty()
    }

    /// From the first to the last day on which an answer can differ.
    pub fn days(&self) -> Option<Period> {
        let all = self.gone.iter().chain(&self.new).map(|rule| rule.days);
        all.reduce(|a, b| Period::new(a.from().min(b.from()), a.until().max(b.until())).unwrap_or(a))
    }
}

impl RuleSet {
    /// Reads versions that follow each other in time, the first holding since ever, as one set.
    ///
    /// # Errors
    /// Every fault of the first version that has any.
    ///
    /// # Panics
    /// If the days do not ascend.
    pub fn history(versions: &[RulesVersion<'_>], org: &Org) -> Result<RuleSet, Vec<Fault>> {
        assert!(versions.windows(2).all(|pair| pair[0].from < pair[1].from), "versions follow each other");
        let mut all: Option<RuleSet> = None;
        for version in versions {
            let fields = all.as_mut().map_or_else(Fields::default, |set| std::mem::take(&mut set.fields));
            let next = read::rule_set(version.file, version.text, version.read_file, org, fields)?;
            all = Some(match all {
                None => next,
                Some(before) => followed(before, next, version.from),
            });
        }
        Ok(all.unwrap_or_default())
    }

    /// These rules until a day, then others, which were read by [`RuleSet::parse_after`] with the fields of these: what
    /// [`RuleSet::history`] would read from the files of both.
    pub fn followed_by(&self, next: RuleSet, from: Day) -> RuleSet {
        followed(self.clone(), next, from)
    }

    /// The same rules below others that are asked first: ownership that was settled by hand. `above` must have been read
    /// with [`RuleSet::fields_taken`] of this set.
    pub fn below(mut self, above: RuleSet) -> RuleSet {
        let digest = Digest::of(format!("{}\n{}", above.digest(), self.digest()).as_bytes());
        self.fields = above.fields;
        let mut rules = above.rules;
        rules.append(&mut self.rules);
        self.rules = rules;
        self.digest = Some(digest);
        self
    }

    /// Reads rules that are to stand above these; see [`RuleSet::below`].
    ///
    /// # Errors
    /// Every fault found.
    pub fn parse_above(
        &mut self,
        file: &str,
        text: &str,
        read_file: ReadFile<'_>,
        org: &Org,
    ) -> Result<RuleSet, Vec<Fault>> {
        read::rule_set(file, text, read_file, org, std::mem::take(&mut self.fields))
    }

    /// What differs between these rules and later ones.
    pub fn change_to(&self, new: &RuleSet) -> RulesChange {
        let identity = |rule: &Rule| rule.digest;
        let (old_ids, new_ids): (Vec<Digest>, Vec<Digest>) =
            (self.rules.iter().map(identity).collect(), new.rules.iter().map(identity).collect());
        let mut change = RulesChange::default();
        let (mut a, mut b) = (0, 0);
        let pairs = common(&old_ids, &new_ids);
        for (old, newer) in pairs.into_iter().chain([(old_ids.len(), new_ids.len())]) {
            change.gone.extend((a..old).map(|number| ChangedRule { number, days: self.rules[number].effective }));
            change.new.extend((b..newer).map(|number| ChangedRule { number, days: new.rules[number].effective }));
            if old < old_ids.len() {
                let (before, after) = (self.rules[old].effective, new.rules[newer].effective);
                change.gone.extend(beyond(before, after).map(|days| ChangedRule { number: old, days }));
                change.new.extend(beyond(after, before).map(|days| ChangedRule { number: newer, days }));
            }
            (a, b) = (old + 1, newer + 1);
        }
        change
    }
}

/// From the first to the last day of `period` that is not in `other`.
fn beyond(period: Period, other: Period) -> Option<Period> {
    match period.intersection(other) {
        None => Some(period),
        Some(both) if both == period => None,
        Some(both) if both.from() == period.from() => Period::new(both.until(), period.until()),
        Some(both) if both.until() == period.until() => Period::new(period.from(), both.from()),
        Some(_) => Some(period),
    }
}

/// The rules of `before` until a day, then those of `next`.
fn followed(before: RuleSet, next: RuleSet, from: Day) -> RuleSet {
    let RuleSet { rules: old, digest: old_digest, mut warnings, .. } = before;
    let until = Period::new(Period::ALWAYS.from(), from);
    let since = Period::new(from, Period::ALWAYS.until());
    let cut = |effective: Period, to: Option<Period>| to.and_then(|to| effective.intersection(to));
    // Only rules that hold to the last can go on; the others ended with their version.
    let goes_on = |rule: &Rule| rule.effective.until() > from;
    let alive: Vec<usize> = (0..old.len()).filter(|at| goes_on(&old[*at])).collect();
    let old_ids: Vec<Digest> = alive.iter().map(|at| old[*at].digest).collect();
    let new_ids: Vec<Digest> = next.rules.iter().map(|rule| rule.digest).collect();
    let pairs = common(&old_ids, &new_ids);
    let mut merged: Vec<Rule> = Vec::with_capacity(old.len() + next.rules.len() - pairs.len());
    let mut old = old.into_iter().enumerate().peekable();
    let mut newer = next.rules.into_iter().enumerate().peekable();
    let end = (usize::MAX, usize::MAX);
    for (a, b) in pairs.iter().map(|(a, b)| (alive[*a], *b)).chain([end]) {
        while let Some((_, mut rule)) = old.next_if(|(at, _)| *at < a) {
            if let Some(effective) = cut(rule.effective, until) {
                rule.effective = effective;
                merged.push(rule);
            }
        }
        while let Some((_, mut rule)) = newer.next_if(|(at, _)| *at < b) {
            if let Some(effective) = cut(rule.effective, since) {
                rule.effective = effective;
                merged.push(rule);
            }
        }
        if let (Some((_, before)), Some((_, mut rule))) =
            (old.next_if(|(at, _)| *at == a), newer.next_if(|(at, _)| *at == b))
        {
            // The newer reading has the place in the newer file; it holds as long as both.
            rule.effective = Period::new(before.effective.from(), rule.effective.until()).unwrap_or(rule.effective);
            merged.push(rule);
        }
    }
    warnings.extend(next.warnings);
    let digest = format!(
        "{}\n{from}\n{}",
        old_digest.map_or_else(String::new, |digest| digest.to_string()),
        next.digest.map_or_else(String::new, |digest| digest.to_string())
    );
    RuleSet { rules: merged, warnings, digest: Some(Digest::of(digest.as_bytes())), ..next }
}

/// A longest common subsequence, as pairs of places. Rules of one version are distinct (their ids are), so it is a longest
/// ascending run of the places in `b`.
fn common(a: &[Digest], b: &[Digest]) -> Vec<(usize, usize)> {
    let places: HashMap<&Digest, usize> = b.iter().enumerate().map(|(at, digest)| (digest, at)).collect();
    let pairs: Vec<(usize, usize)> =
        a.iter().enumerate().filter_map(|(at, digest)| places.get(digest).map(|place| (at, *place))).collect();
    // Per length of a run, the pair that ends it with the least place; and who came before whom.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (at, (_, place)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *place);
        before.push(length.checked_sub(1).map(|last| ends[last]));
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut run: Vec<(usize, usize)> =
        std::iter::successors(ends.last().copied(), |at| before[*at]).map(|at| pairs[at]).collect();
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn org() -> Org {
        Org::from_yaml("org.yaml", "units: [{id: a}, {id: b}, {id: c}]").unwrap()
    }

    fn rules(list: &[(&str, &str)]) -> String {
        let mut text = String::from("rules:\n");
        for (id, owner) in list {
            text.push_str(&format!("  - {{id: {id}, when: \"ServiceName = '{id}'\", owner: {owner}}}\n"));
        }
        text + "residual: {steward: a}\n"
    }

    fn shown(set: &RuleSet) -> Vec<String> {
        let period = |period: Period| match (period.from(), period.until()) {
            (Day::EARLIEST, Day::NEVER) => String::new(),
            (Day::EARLIEST, until) => format!(" until {until}"),
            (from, Day::NEVER) => format!(" from {from}"),
            (from, until) => format!(" {from}..{until}"),
        };
        set.rules().iter().map(|rule| format!("{}{}", rule.id, period(rule.effective))).collect()
    }

    fn history(versions: &[(Day, String)]) -> RuleSet {
        let read = |_: &str| -> Result<Vec<u8>, String> { Err("no file".to_owned()) };
        let versions: Vec<RulesVersion<'_>> = versions
            .iter()
            .map(|(from, text)| RulesVersion { from: *from, file: "r", text, read_file: &read })
            .collect();
        RuleSet::history(&versions, &org()).unwrap()
    }

    #[test]
    fn what_stays_is_one_rule_and_what_changes_is_dated() {
        let first = rules(&[("tax", "a"), ("kafka", "b"), ("tags", "c")]);
        let second = rules(&[("tax", "a"), ("tenants", "b"), ("kafka", "c"), ("tags", "c")]);
        let third = rules(&[("kafka", "b"), ("tax", "a"), ("tags", "c")]);
        let two = history(&[(Day::EARLIEST, first.clone()), (day("2026-07-01"), second.clone())]);
        assert_eq!(
            shown(&two),
            ["tax", "kafka until 2026-07-01", "tenants from 2026-07-01", "kafka from 2026-07-01", "tags"]
        );
        let read = |_: &str| -> Result<Vec<u8>, String> { Err("no file".to_owned()) };
        let alone = history(&[(Day::EARLIEST, first.clone())]);
        let next = RuleSet::parse_after(alone.fields().clone(), "r", &second, &read, &org()).unwrap();
        let followed = alone.followed_by(next, day("2026-07-01"));
        assert_eq!((shown(&followed), followed.digest()), (shown(&two), two.digest()));
        assert_eq!(followed.fields().all(), two.fields().all());
        assert_eq!(shown(&alone), ["tax", "kafka", "tags"], "the rules before stay what they were");
        let three = history(&[(Day::EARLIEST, first), (day("2026-07-01"), second), (day("2026-08-01"), third)]);
        assert_eq!(
            shown(&three),
            [
                "kafka from 2026-08-01",
                "tax",
                "kafka until 2026-07-01",
                "tenants 2026-07-01..2026-08-01",
                "kafka 2026-07-01..2026-08-01",
                "tags"
            ]
        );
    }

    #[test]
    fn a_change_names_the_rules_and_the_days() {
        let first = rules(&[("tax", "a"), ("kafka", "b"), ("tags", "c")]);
        let second = rules(&[("tax", "a"), ("kafka", "c"), ("tags", "c")]);
        let old = history(&[(Day::EARLIEST, first.clone())]);
        let new = history(&[(Day::EARLIEST, first.clone()), (day("2026-07-01"), second)]);
        let change = old.change_to(&new);
        let after = Period::new(day("2026-07-01"), Day::NEVER).unwrap();
        assert_eq!(change.days(), Some(after));
        assert_eq!(change.gone, [ChangedRule { number: 1, days: after }]);
        assert_eq!(change.new.len(), 1);
        assert!(old.change_to(&history(&[(Day::EARLIEST, first)])).is_empty());
    }

    #[test]
    fn the_longest_common_order_is_found() {
        let ids = |text: &str| text.bytes().map(|byte| Digest::of(&[byte])).collect::<Vec<_>>();
        let found = |a: &str, b: &str| {
            common(&ids(a), &ids(b)).iter().map(|(at, _)| char::from(a.as_bytes()[*at])).collect::<String>()
        };
        assert_eq!(found("abcdef", "abxdef"), "abdef");
        assert_eq!(found("abcdefg", "gbadcfe").len(), 3);
        assert_eq!(found("abc", "abc"), "abc");
        assert_eq!(found("", "abc"), "");
        assert_eq!(found("abcd", "dabc"), "abc");
    }
}
