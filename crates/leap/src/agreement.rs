//! What a home keeps twice must be the same: the daily tables in the lake, the owners' totals in the book, the digests of both.
//!
//! ```text
//! focus:aws:1 2026-09: the daily table gives payments USD 12.50 effective in 3 charges, the book 14.00 in 4
//! ```
//! A lost file of changes adds up to nothing, so no total of a scope tells; the comparison owner by owner does. It needs no raw
//! file. Asked before a period is closed, and by `leap verify`.

use std::collections::BTreeMap;

use leap_orient::proof::{self, Folded, OwnerTotals};
use leap_terms::{Digest, Month, RowsDigest, ScopeKey, SourceId};

use crate::failure::Failure;
use crate::home::Home;
use crate::publish::{Change, digest};
use crate::world::{Open, World, add_totals, daily};

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// What does not agree at the world's snapshot, a sentence each; of one billing period, or of all and then of the snapshot's
/// digest, too. Files that cannot be read are told as well.
pub(crate) async fn disagreements(
    home: &Home,
    world: &World,
    period: Option<Month>,
    open: Open<'_>,
) -> Result<Vec<String>, Failure> {
    let Some(snapshot) = &world.snapshot else { return Ok(Vec::new()) };
    let concerns = |scope: &ScopeKey| period.is_none_or(|period| scope.billing_period == period);
    let mut booked = BTreeMap::<ScopeKey, OwnerTotals>::new();
    for total in home.book.owner_totals(snapshot.id).await.map_err(problem)? {
        if concerns(&total.scope) {
            let rows = i64::try_from(total.rows).map_err(problem)?;
            let entry =
                booked.entry(total.scope).or_default().entry((total.owner, total.rule, total.currency)).or_default();
            *entry += Folded { costs: total.costs, rows };
        }
    }
    let mut found = Vec::new();
    let mut kept = BTreeMap::<ScopeKey, OwnerTotals>::new();
    for slice in world.slices().into_iter().filter(|slice| concerns(&slice.scope)) {
        match daily(&slice, open) {
            Ok(daily) => add_totals(kept.entry(slice.scope).or_default(), &daily.totals()),
            Err(failure) => {
                found.push(failure.message);
                kept.remove(&slice.scope);
                booked.remove(&slice.scope);
            }
        }
    }
    let nothing = OwnerTotals::new();
    for (scope, totals) in &kept {
        let book = booked.get(scope).unwrap_or(&nothing);
        let keys = totals.keys().chain(book.keys().filter(|key| !totals.contains_key(*key)));
        let get = |totals: &OwnerTotals, key| totals.get(key).copied().unwrap_or_default();
        if let Some(key) = keys.into_iter().find(|key| get(totals, key) != get(book, key)) {
            let (lake, book) = (get(totals, key), get(book, key));
            let (owner, _, currency) = key;
            found.push(format!(
                "{scope}: the daily table gives {owner} {currency} {} effective in {} charges, the book {} in {}",
                lake.costs.effective, lake.rows, book.costs.effective, book.rows
            ));
        }
    }
    let mut owners = BTreeMap::<ScopeKey, Digest>::new();
    for proof in home.book.proofs(snapshot.id).await.map_err(problem)? {
        if !concerns(&proof.scope) || owners.contains_key(&proof.scope) {
            continue;
        }
        if let Some(book) = booked.get(&proof.scope)
            && proof::owners_digest(book) != proof.owners
        {
            found.push(format!(
                "{}: the digest of what owners have is not that of the totals in the book; leap rules apply --full makes it anew",
                proof.scope
            ));
        }
        owners.insert(proof.scope.clone(), proof.owners);
    }
    if period.is_none() && found.is_empty() {
        let mut state = BTreeMap::<(SourceId, Month), (u64, RowsDigest)>::new();
        for current in &world.scopes {
            let key = (current.scope.source.clone(), current.scope.billing_period);
            let (rows, digest) = state.entry(key).or_default();
            *rows += current.facts.rows;
            *digest += current.facts.digest;
        }
        let made = digest(&state, &owners, world, &Change::default());
        if made != snapshot.digest {
            found
                .push(format!("the digest of snapshot {} is {}, its content has {made}", snapshot.id, snapshot.digest));
        }
    }
    Ok(found)
}
