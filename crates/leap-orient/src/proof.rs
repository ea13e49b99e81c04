//! The proof: attributed = accepted, per scope, currency and kind of cost, to the last digit, and the digest of a
//! snapshot, which is the same for the same facts in any order of arrival.
//!
//! ```text
//! focus:aws:958667946125 2026-09 USD effective: 3,123 rows, accepted 864.696128021277, attributed 864.696128021277, difference 0
//! ```
//! It compares four sums that were made by different code at different times: at parse (control totals), in the
//! charges' files and the cube's files as they were written, and in the attribution. The fifth, from the raw files by
//! the auditor, is `leap verify`'s.

use std::collections::BTreeMap;

use leap_terms::{
    CostKind, Costs, Currency, Digest, Exact, Invariant, Money, Month, Owner, RowsDigest, RuleId, ScopeFacts, ScopeKey,
    SourceId,
};
use serde::{Deserialize, Serialize};

/// Costs of some charges in one currency, and their number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Folded {
    /// Sums of the four costs.
    pub costs: Costs,
    /// Number of charges; negative in a change that takes charges away.
    pub rows: i64,
}

impl Folded {
    /// The number of charges of a figure that is no change; a change that takes some away counts none.
    pub fn charges(self) -> u64 {
        u64::try_from(self.rows).unwrap_or(0)
    }
}

impl std::ops::Neg for Folded {
    type Output = Folded;

    fn neg(self) -> Folded {
        Folded { costs: -self.costs, rows: -self.rows }
    }
}

impl std::ops::AddAssign for Folded {
    fn add_assign(&mut self, other: Folded) {
        self.costs += other.costs;
        self.rows += other.rows;
    }
}

/// What each owner got of one scope, by owner, rule and currency.
pub type OwnerTotals = BTreeMap<(Owner, Option<RuleId>, Currency), Folded>;

/// One line of a proof.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The scope.
    pub scope: ScopeKey,
    /// The currency.
    pub currency: Currency,
    /// The kind of cost.
    pub cost: CostKind,
    /// Accepted charges in that currency, over all kinds of cost.
    pub rows: u64,
    /// Sum at parse.
    pub accepted: Money,
    /// Sum over owners.
    pub attributed: Money,
}

impl Proof {
    /// attributed − accepted; 0, or nothing is published.
    pub fn difference(&self) -> Money {
        self.attributed - self.accepted
    }
}

/// A proof that does not hold: our bug, never the person's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invariant {invariant} does not hold for {scope}: {detail}; nothing was published")]
pub struct Broken {
    /// Which invariant.
    pub invariant: Invariant,
    /// Where.
    pub scope: ScopeKey,
    /// The two sides.
    pub detail: String,
}

/// Sums of a table's files of one scope, made while they were written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WrittenSums {
    /// Rows: of `charges` the charges, of `cube` the cells.
    pub rows: u64,
    /// Sum of each decimal column over all currencies, by FOCUS name.
    pub sums: BTreeMap<String, Exact>,
}

/// What was accepted is what lies in the tables of charges and in the cube, and its sums could not wrap.
///
/// # Errors
/// The invariant that does not hold.
pub fn prove_stored(facts: &ScopeFacts, charges: &WrittenSums, cube: &WrittenSums) -> Result<(), Broken> {
    let broken = |invariant: Invariant, detail: String| Broken { invariant, scope: facts.scope.clone(), detail };
    if charges.rows != facts.rows {
        return Err(broken(Invariant::NoRowDropped, format!("{} rows accepted, {} written", facts.rows, charges.rows)));
    }
    for kind in CostKind::ALL {
        let accepted: Money = facts.totals.iter().map(|total| total.costs[kind]).sum();
        for (table, written) in [("charges", charges), ("cube", cube)] {
            let sum = written.sums.get(kind.column()).copied().unwrap_or_default();
            if sum != accepted {
                return Err(broken(
                    Invariant::CubeEqualsCharges,
                    format!("{kind}: accepted {accepted}, {table} {sum}"),
                ));
            }
        }
        let absolute: Money = facts.totals.iter().map(|total| total.absolute[kind]).sum();
        if absolute >= bound() {
            return Err(broken(Invariant::SumsCannotWrap, format!("{kind}: the absolute sum is {absolute}")));
        }
    }
    Ok(())
}

/// A change of owners alone: in every currency what leaves is what arrives, in charges and in the four costs.
///
/// # Errors
/// The invariant that does not hold.
pub fn prove_change(facts: &ScopeFacts, change: &OwnerTotals) -> Result<(), Broken> {
    match by_currency(change).into_iter().find(|(_, folded)| *folded != Folded::default()) {
        None => Ok(()),
        Some((currency, folded)) => Err(Broken {
            invariant: Invariant::ChargeConserved,
            scope: facts.scope.clone(),
            detail: format!(
                "a change of owners adds {} charges and {} {currency} of effective cost",
                folded.rows, folded.costs.effective
            ),
        }),
    }
}

fn by_currency(owners: &OwnerTotals) -> BTreeMap<&Currency, Folded> {
    let mut sums = BTreeMap::<&Currency, Folded>::new();
    for ((_, _, currency), folded) in owners {
        *sums.entry(currency).or_default() += *folded;
    }
    sums
}

/// Proves one scope of one delivery.
///
/// # Errors
/// The first [`Broken`] invariant.
pub fn prove(
    facts: &ScopeFacts,
    charges: &WrittenSums,
    cube: &WrittenSums,
    owners: &OwnerTotals,
) -> Result<Vec<Proof>, Broken> {
    prove_stored(facts, charges, cube)?;
    let broken = |invariant: Invariant, detail: String| Broken { invariant, scope: facts.scope.clone(), detail };
    let mut attributed = by_currency(owners);
    let rows: i64 = attributed.values().map(|folded| folded.rows).sum();
    if u64::try_from(rows) != Ok(facts.rows) {
        return Err(broken(Invariant::OneOwnerPerDay, format!("{} rows accepted, {rows} owned", facts.rows)));
    }
    let mut proofs = Vec::new();
    for total in &facts.totals {
        let folded = attributed.remove(&total.currency).unwrap_or_default();
        for kind in CostKind::ALL {
            let proof = Proof {
                scope: facts.scope.clone(),
                currency: total.currency.clone(),
                cost: kind,
                rows: folded.rows.unsigned_abs(),
                accepted: total.costs[kind],
                attributed: folded.costs[kind],
            };
            if !proof.difference().is_zero() {
                let detail =
                    format!("{kind} {}: accepted {}, attributed {}", total.currency, proof.accepted, proof.attributed);
                return Err(broken(Invariant::ChargeConserved, detail));
            }
            proofs.push(proof);
        }
    }
    match attributed.into_iter().next() {
        Some((currency, folded)) => {
            Err(broken(Invariant::ChargeConserved, format!("{} rows owned in {currency}, none accepted", folded.rows)))
        }
        None => Ok(proofs),
    }
}

fn bound() -> Money {
    Exact::from_parts(leap_terms::limits::SNAPSHOT_ABSOLUTE_WHOLE * leap_terms::exact::COARSE_PER_WHOLE, 0)
}

/// Proves that a whole snapshot's sums cannot wrap in any engine: Σ |cost| over all scopes stays below the bound.
///
/// # Errors
/// [`Invariant::SumsCannotWrap`] with the scope that went over.
pub fn prove_bound<'a>(facts: impl Iterator<Item = &'a ScopeFacts>) -> Result<(), Broken> {
    let mut absolute = Costs::default();
    for facts in facts {
        for total in &facts.totals {
            absolute += total.absolute;
        }
        for kind in CostKind::ALL {
            if absolute[kind] >= bound() {
                return Err(Broken {
                    invariant: Invariant::SumsCannotWrap,
                    scope: facts.scope.clone(),
                    detail: format!("{kind}: the absolute sum of the snapshot is {}", absolute[kind]),
                });
            }
        }
    }
    Ok(())
}

/// What a snapshot holds of one scope, for its digest.
#[derive(Clone, Copy, Debug)]
pub struct ScopeState {
    /// Accepted rows, over all current deliveries of the scope.
    pub rows: u64,
    /// Digest of those rows.
    pub digest: RowsDigest,
    /// Digest of what each owner has of it ([`owners_digest`]).
    pub owners: Digest,
}

/// The digest of what each owner has: owners, rules, currencies, the four sums, the number of charges.
pub fn owners_digest(owners: &OwnerTotals) -> Digest {
    let nothing = Digest::from_bytes([0; 32]);
    owners.iter().fold(nothing, |sum, (key, folded)| sum.plus(owner_digest(key, *folded)))
}

/// The share of [`owners_digest`] of one owner, rule and currency; zero where no charge is left, so that a change of a few
/// owners changes a digest without looking at the others.
pub fn owner_digest((owner, rule, currency): &(Owner, Option<RuleId>, Currency), folded: Folded) -> Digest {
    if folded == Folded::default() {
        return Digest::from_bytes([0; 32]);
    }
    let rule = rule.as_ref().map_or("", RuleId::as_str);
    let mut text = format!("{owner}\t{rule}\t{currency}\t{}", folded.rows);
    for kind in CostKind::ALL {
        text += &format!("\t{}", folded.costs[kind]);
    }
    Digest::of(text.as_bytes())
}

/// The digest of a snapshot: of its facts, rules, org and answers, and of nothing else (no time, path, order or name of
/// a delivery), so that the same facts give the same digest however they came.
pub fn snapshot_digest(scopes: &BTreeMap<(SourceId, Month), ScopeState>, configs: &[(&str, Option<Digest>)]) -> Digest {
    let mut text = String::from("leap snapshot 1\n");
    for (kind, digest) in configs {
        match digest {
            Some(digest) => text += &format!("{kind} {digest}\n"),
            // Kinds that came later leave no trace where nobody uses them.
            None if matches!(*kind, "rules" | "org") => text += &format!("{kind} none\n"),
            None => {}
        }
    }
    for ((source, month), state) in scopes.iter().filter(|(_, state)| state.rows > 0) {
        text += &format!("scope\t{source}\t{month}\t{}\t{}\t{}\n", state.rows, state.digest, state.owners);
    }
    Digest::of(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use leap_terms::delivery::CurrencyTotals;
    use leap_terms::{Day, ResidualReason, TeamId};

    fn costs(text: &str) -> Costs {
        let amount: Money = text.parse().unwrap();
        Costs { billed: amount, effective: amount, list: amount, contracted: amount }
    }

    fn facts(rows: u64, total: &str) -> ScopeFacts {
        let day = Day::from_ymd(2026, 9, 1).unwrap();
        ScopeFacts {
            scope: ScopeKey { source: SourceId::new("focus:aws:1").unwrap(), billing_period: day.month() },
            rows,
            digest: RowsDigest::from_bits(7),
            totals: vec![CurrencyTotals {
                currency: Currency::new("USD").unwrap(),
                costs: costs(total),
                absolute: costs(total),
            }],
            first_day: day,
            last_day: day,
            accounts: vec![],
            key_columns: vec![],
            extra_columns: vec![],
            derived: vec![],
            batches: vec![],
            row_ids: vec![],
        }
    }

    fn written(rows: u64, total: &str) -> WrittenSums {
        let sums = CostKind::ALL.map(|kind| (kind.column().to_owned(), total.parse().unwrap()));
        WrittenSums { rows, sums: sums.into() }
    }

    fn owners(parts: &[(Owner, &str, u64)]) -> OwnerTotals {
        parts
            .iter()
            .map(|(owner, amount, rows)| {
                (
                    (owner.clone(), None, Currency::new("USD").unwrap()),
                    Folded { costs: costs(amount), rows: i64::try_from(*rows).unwrap() },
                )
            })
            .collect()
    }

    fn team(id: &str) -> Owner {
        Owner::Team(TeamId::new(id).unwrap())
    }

    #[test]
    fn what_is_owned_and_what_is_residual_add_up_to_the_bill() {
        let owned = owners(&[
            (team("a"), "0.1", 2),
            (Owner::Residual(ResidualReason::NoRule), "-0.000000000000000000000000000001", 1),
        ]);
        let total = "0.099999999999999999999999999999";
        let proofs = prove(&facts(3, total), &written(3, total), &written(2, total), &owned).unwrap();
        assert_eq!(proofs.len(), 4);
        assert!(proofs.iter().all(|proof| proof.difference().is_zero() && proof.rows == 3));
    }

    #[test]
    fn each_way_to_lose_money_breaks_its_invariant() {
        let one = owners(&[(team("a"), "1", 3)]);
        let why = |facts: &ScopeFacts, charges: &WrittenSums, cube: &WrittenSums, owners: &OwnerTotals| {
            prove(facts, charges, cube, owners).unwrap_err().invariant
        };
        assert_eq!(why(&facts(3, "1"), &written(2, "1"), &written(1, "1"), &one), Invariant::NoRowDropped);
        assert_eq!(why(&facts(3, "1"), &written(3, "2"), &written(1, "1"), &one), Invariant::CubeEqualsCharges);
        assert_eq!(why(&facts(3, "1"), &written(3, "1"), &written(1, "2"), &one), Invariant::CubeEqualsCharges);
        assert_eq!(
            why(&facts(3, "1"), &written(3, "1"), &written(1, "1"), &owners(&[(team("a"), "1", 4)])),
            Invariant::OneOwnerPerDay
        );
        assert_eq!(
            why(&facts(3, "1"), &written(3, "1"), &written(1, "1"), &owners(&[(team("a"), "0.9", 3)])),
            Invariant::ChargeConserved
        );
        let huge = facts(3, "1000000000000000000");
        let sums = written(3, "1000000000000000000");
        assert_eq!(why(&huge, &sums, &sums, &one), Invariant::SumsCannotWrap);
        assert_eq!(prove_bound([&huge].into_iter()).unwrap_err().invariant, Invariant::SumsCannotWrap);
    }

    #[test]
    fn a_digest_depends_on_facts_alone() {
        let state = |amount: &str| ScopeState {
            rows: 3,
            digest: RowsDigest::from_bits(7),
            owners: owners_digest(&owners(&[(team("a"), amount, 3)])),
        };
        let scopes = |amount: &str| {
            let month = Month::new(2026, 9).unwrap();
            BTreeMap::from([
                ((SourceId::new("b").unwrap(), month), state(amount)),
                ((SourceId::new("a").unwrap(), month), ScopeState { rows: 0, ..state(amount) }),
            ])
        };
        assert_eq!(snapshot_digest(&scopes("1"), &[]), snapshot_digest(&scopes("1.0"), &[]));
        assert_ne!(snapshot_digest(&scopes("1"), &[]), snapshot_digest(&scopes("1.1"), &[]));
        assert_ne!(
            snapshot_digest(&scopes("1"), &[]),
            snapshot_digest(&scopes("1"), &[("rules", Some(Digest::of(b"x")))])
        );
    }
}
