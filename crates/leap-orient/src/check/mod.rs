//! What to say about rules once they have met the data: rules that never match, rules that come too late, names that mean
//! nobody or several, money per rule; and [`suggest`], the rule that is missing.
//!
//! ```text
//! rules.yaml:9: rule 'old-team' never matches
//! rules.yaml:12: rule 'payments-account' comes too late: 'team-tag' decides in all 31 cases in which it would match
//! ```
//! Findings are advice: a rule set with findings may be applied. What makes a rule set wrong is found when it is read
//! ([`crate::rules`]).

pub mod suggest;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use leap_terms::{Currency, Fault, Owner, Period, ResidualReason, RuleId};

use crate::attribute::ScopeAttribution;
use crate::org::{Org, Resolved};
use crate::proof::Folded;
use crate::rules::{Outcome, RuleSet};
pub use suggest::{Remedy, SuggestRun, Suggestion};

/// Names of no team that a finding has.
const NAMES: usize = 5;

/// What is the matter with a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FindingKind {
    /// An earlier rule takes every charge on every day, whatever the data.
    Unreachable,
    /// It matches nothing in the data.
    NeverMatches,
    /// It matches, but earlier rules decide in every case.
    Shadowed,
    /// Some of its cost goes to a name that is no team.
    UnknownTeam,
    /// Some of its cost goes to a name that means several teams.
    Ambiguous,
}

/// One finding about one rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleFinding {
    /// The rule.
    pub rule: RuleId,
    /// What is the matter.
    pub kind: FindingKind,
    /// File of the rules.
    pub file: String,
    /// Line of the rule.
    pub line: Option<usize>,
    /// One sentence: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl RuleFinding {
    /// The finding in the form of a fault, for screens.
    pub fn fault(&self) -> Fault {
        Fault { line: self.line, ..Fault::in_file(self.file.clone(), self.message.clone()) }.help(self.help.clone())
    }
}

/// Findings about all rules over some scopes, in the rules' order. The runs must have counted matches
/// ([`crate::attribute::ScopeRun::count_matches`]); without scopes only [`FindingKind::Unreachable`] is found.
pub fn check(rules: &RuleSet, org: &Org, scopes: &[&ScopeAttribution]) -> Vec<RuleFinding> {
    let mut findings = Vec::new();
    let mut covering: Option<&RuleId> = None;
    let money = money(rules, scopes);
    for (at, rule) in rules.rules().iter().enumerate() {
        let mut find = |kind: FindingKind, message: String, help: &str| {
            findings.push(RuleFinding {
                rule: rule.id.clone(),
                kind,
                file: rules.file().to_owned(),
                line: rule.line,
                message,
                help: help.to_owned(),
            });
        };
        if let Some(by) = covering {
            let message = format!("rule '{}' is never asked: '{by}' above it takes every charge", rule.id);
            find(FindingKind::Unreachable, message, "move it up, or give the rule above a condition");
            continue;
        }
        let whole = match &rule.outcome {
            Outcome::Team(_) | Outcome::Pool(_) => true,
            Outcome::From(_) | Outcome::Mapping(_) | Outcome::Catalog(..) | Outcome::CodeOwners(..) => false,
        };
        if rule.when.is_none() && whole && rule.effective == Period::ALWAYS {
            covering = Some(&rule.id);
        }
        if scopes.is_empty() {
            continue;
        }
        let uses = scopes.iter().map(|scope| scope.rules[at]);
        let decides: u64 = uses.clone().map(|of| of.decides).sum();
        let matches: u64 = uses.clone().map(|of| of.matches).sum();
        if decides == 0 && matches == 0 {
            let help = "no charge in the data meets its condition: check the spelling of values, or remove the rule";
            find(FindingKind::NeverMatches, format!("rule '{}' never matches", rule.id), help);
        } else if decides == 0 {
            let mut shadows: BTreeMap<u32, u64> = BTreeMap::new();
            for (by, cases) in uses.filter_map(|of| of.shadow) {
                *shadows.entry(by).or_default() += cases;
            }
            let most = shadows.iter().max_by_key(|(by, cases)| (**cases, std::cmp::Reverse(**by)));
            let by = most.map_or_else(
                || "an earlier rule".to_owned(),
                |(by, _)| format!("'{}'", rules.rules()[*by as usize].id),
            );
            let which = if shadows.len() > 1 { "mostly " } else { "" };
            let message = format!(
                "rule '{}' comes too late: {which}{by} decides in all {matches} cases in which it would match",
                rule.id
            );
            find(FindingKind::Shadowed, message, "move it up, or remove it");
        }
        for (reason, kind, what, help) in [
            (
                ResidualReason::UnknownTeam,
                FindingKind::UnknownTeam,
                "no team",
                "add the missing names as aliases in org.yaml",
            ),
            (
                ResidualReason::Ambiguous,
                FindingKind::Ambiguous,
                "several teams",
                "take the shared name away from all but one unit",
            ),
        ] {
            let parts: Vec<String> = money[at]
                .iter()
                .filter(|((owner, _), _)| *owner == Owner::Residual(reason.clone()))
                .map(|((_, currency), folded)| format!("{} {currency}", folded.costs.effective))
                .collect();
            if !parts.is_empty() {
                let names = strangers(org, &rule.id, &Owner::Residual(reason), scopes);
                let message = format!("rule '{}' gives {} to names that mean {what}{names}", rule.id, parts.join(", "));
                find(kind, message, help);
            }
        }
    }
    findings
}

/// ": 'serch' (did you mean search?), 'nobody' and 3 more": the names that a rule gives cost to in vain, those of most
/// charges first.
fn strangers(org: &Org, rule: &RuleId, residual: &Owner, scopes: &[&ScopeAttribution]) -> String {
    let mut charges: BTreeMap<&str, i64> = BTreeMap::new();
    for ((_, _, name), count) in
        scopes.iter().flat_map(|scope| &scope.strangers).filter(|((of, owner, _), _)| of == rule && owner == residual)
    {
        *charges.entry(name).or_default() += *count;
    }
    let mut names: Vec<(&str, i64)> = charges.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown: Vec<String> = names.iter().take(NAMES).map(|(name, _)| stranger(org, name)).collect();
    let more = if names.len() > NAMES { format!(" and {} more", names.len() - NAMES) } else { String::new() };
    if shown.is_empty() { String::new() } else { format!(": {}{more}", shown.join(", ")) }
}

/// A name that is not one team, with what may be meant by it.
fn stranger(org: &Org, name: &str) -> String {
    let shown = name.escape_debug();
    let mut on_other_days = false;
    for (_, who) in org.resolve_always(name) {
        match who {
            Resolved::Ambiguous(teams) => {
                let teams: Vec<&str> = teams.iter().map(leap_terms::TeamId::as_str).collect();
                return format!("'{shown}' ({})", teams.join(" or "));
            }
            Resolved::Team(_) => on_other_days = true,
            Resolved::Unknown => {}
        }
    }
    match org.nearest(name) {
        _ if on_other_days => format!("'{shown}' (a team on other days)"),
        Some(near) => format!("'{shown}' (did you mean {near}?)"),
        None => format!("'{shown}'"),
    }
}

/// Cost per rule, in the rules' order, by owner and currency.
pub fn money(rules: &RuleSet, scopes: &[&ScopeAttribution]) -> Vec<BTreeMap<(Owner, Currency), Folded>> {
    let mut money = vec![BTreeMap::new(); rules.rules().len()];
    for scope in scopes {
        for ((owner, rule, currency), folded) in &scope.totals {
            let at = rule.as_ref().and_then(|rule| rules.rules().iter().position(|known| known.id == *rule));
            if let Some(at) = at {
                *money[at].entry((owner.clone(), currency.clone())).or_insert_with(Folded::default) += *folded;
            }
        }
    }
    money
}
