//! What the auditor is given: raw files, and what was in force as the book has it, as text. It reads all of it by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::{ConfigKind, CurrentScope};
use leap_orient::rules::Outcome;
use leap_sim::audit::pools::PoolCharge;
use leap_sim::audit::rules::{RulesHistory, RulesVersion};
use leap_sim::audit::{Amount, AuditOptions, RawPart, audit_under};
use leap_terms::{Currency, Format, Money, Month, ScopeKey};

use super::{FILE, Verified};
use crate::config::Files;
use crate::failure::Failure;
use crate::versions::{self, VersionFiles};
use crate::world::World;

/// Why the auditor cannot try the rules; `None` when it can. It reads org.yaml, rules.yaml, mappings and claims; catalogs
/// and CODEOWNERS it does not.
pub(super) fn owners_not_audited(world: &World) -> Option<String> {
    let named = world.rules.rules().iter().find(|rule| match &rule.outcome {
        Outcome::Team(_) | Outcome::From(_) | Outcome::Mapping(_) | Outcome::Pool(_) => false,
        Outcome::Catalog(..) | Outcome::CodeOwners(..) => true,
    });
    if let Some(rule) = named {
        return Some(format!("rule {} names a catalog or CODEOWNERS, which the auditor does not read", rule.id));
    }
    let org = world.config_files(ConfigKind::Org);
    let catalogs =
        org.len() > 1 || org.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("backstage.io"));
    catalogs.then(|| "the org is a Backstage catalog, which the auditor does not read".to_owned())
}

/// What was in force, as text.
pub(super) struct Inputs {
    /// Whether the rules can be tried.
    auditable: bool,
    versions: Vec<VersionFiles>,
    claims: Option<String>,
    /// The text of the org.
    pub(super) org: String,
    /// The policies of pools that follow each other in time, each with its files, the main one first.
    pub(super) pools: Vec<VersionFiles>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Inputs {
    /// Those of a world.
    pub(super) fn of(world: &World) -> Result<Inputs, Failure> {
        let first = |kind: ConfigKind| world.config_files(kind).first().map(|(_, bytes)| text(bytes));
        let org = first(ConfigKind::Org).filter(|_| world.config_files(ConfigKind::Org).len() == 1);
        Ok(Inputs {
            auditable: owners_not_audited(world).is_none(),
            versions: versions::of(&world.config_files(ConfigKind::Rules))?,
            claims: first(ConfigKind::Claims),
            org: org.unwrap_or_else(|| "units: []\n".to_owned()),
            pools: versions::of(&world.config_files(ConfigKind::Pools))?,
        })
    }

    /// Hands over the rules with their history; none where the auditor cannot try them. Without rules everything is
    /// residual, which it is to find by itself.
    fn with_rules<T>(&self, act: impl FnOnce(Option<&RulesHistory<'_>>) -> T) -> T {
        if !self.auditable {
            return act(None);
        }
        let texts: Vec<String> = self
            .versions
            .iter()
            .map(|version| version.files.first().map_or_else(|| "rules: []\n".to_owned(), |(_, bytes)| text(bytes)))
            .collect();
        let readers: Vec<_> = self.versions.iter().map(|version| beside(&version.files)).collect();
        let versions: Vec<RulesVersion<'_>> = self
            .versions
            .iter()
            .zip(&texts)
            .zip(&readers)
            .map(|((version, yaml), files)| RulesVersion { from: version.from, yaml, files })
            .collect();
        act(Some(&RulesHistory { versions: &versions, claims: self.claims.as_deref() }))
    }
}

/// Gives the files beside a main one by the names that it has for them.
pub(super) fn beside(files: &Files) -> impl Fn(&str) -> Option<Vec<u8>> + '_ {
    |name| files.iter().skip(1).find(|(other, _)| other == name).map(|(_, bytes)| bytes.clone())
}

/// An amount of the auditor's.
pub(super) fn amount(amount: &Amount) -> Result<Money, Failure> {
    let text = amount.to_string();
    text.parse().map_err(|error| Failure::quality(format!("the auditor's figure '{text}' {error}")))
}

/// Four of them.
pub(super) fn amounts(costs: &[Amount; 4]) -> Result<[Money; 4], Failure> {
    let [billed, effective, list, contracted] = costs;
    Ok([amount(billed)?, amount(effective)?, amount(list)?, amount(contracted)?])
}

/// Has the auditor read one delivery's raw files. Its charges are kept where owners are known.
pub(super) fn audit_delivery(
    world: &World,
    inputs: &Inputs,
    scopes: &[&CurrentScope],
    found: &mut Verified,
    audited: &mut BTreeMap<(ScopeKey, String, Currency), [Money; 4]>,
    charges: &mut Vec<PoolCharge>,
) -> Result<(), Failure> {
    let parts = &scopes[0].parts;
    let raw: Vec<RawPart> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| RawPart {
            path: Path::new(&part.path),
            format: part.format,
            part: u32::try_from(at).unwrap_or(u32::MAX),
        })
        .collect();
    let twin = |format: Format| parts.iter().any(|part| part.format == format);
    // Of an appending source only the batches that this delivery was the first to bring are its own.
    let name = |scope: &CurrentScope| {
        let month = scope.scope.billing_period;
        scope.facts.batches.iter().map(move |batch| (month, batch.name.clone())).collect::<Vec<_>>()
    };
    let own: BTreeSet<(Month, String)> = scopes.iter().flat_map(|scope| name(scope)).collect();
    let others_batches: BTreeSet<(Month, String)> = world
        .scopes
        .iter()
        .filter(|scope| scope.scope.source == scopes[0].scope.source && scope.format.appends())
        .flat_map(name)
        .filter(|batch| !own.contains(batch))
        .collect();
    let options = AuditOptions {
        twin_present: twin(Format::AzureActual) && twin(Format::AzureAmortized),
        rules: None,
        org: Some(&inputs.org),
        skip_batches: (!others_batches.is_empty()).then_some(&others_batches),
        // ISO 4217's code for no currency: a bill that names none is not taken for dollars.
        currency_when_absent: "XXX",
    };
    let result = inputs
        .with_rules(|rules| audit_under(&raw, &options, rules))
        .map_err(|error| Failure::quality(format!("the auditor could not read a raw file: {error}")))?;
    // Another delivery may have replaced one of its months.
    let current = |month: Month| scopes.iter().any(|current| current.scope.billing_period == month);
    charges.extend(result.daily.into_iter().filter(|charge| current(charge.month)));
    let source = scopes[0].scope.source.clone();
    for ((month, currency), totals) in result.scopes {
        if !current(month) {
            continue;
        }
        let currency = Currency::new(&currency).map_err(Failure::quality)?;
        let sides = found.sides.entry((source.clone(), month, currency.clone())).or_default();
        sides.rows[FILE] += totals.rows;
        for (at, cost) in [&totals.billed, &totals.effective, &totals.list, &totals.contracted].into_iter().enumerate()
        {
            sides.costs[FILE][at] += amount(cost)?;
        }
        let scope = ScopeKey { source: source.clone(), billing_period: month };
        for (owner, owned) in totals.by_owner {
            let entry = audited.entry((scope.clone(), owner, currency.clone())).or_default();
            for (sum, cost) in entry.iter_mut().zip(amounts(&owned.costs)?) {
                *sum += cost;
            }
        }
    }
    Ok(())
}
