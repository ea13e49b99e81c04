//! Contracts of the sample company: what its month before came to, with a little room.
//!
//! ```text
//! company.bps        spend in basis points of business volume, by weeks, 10 % above
//! company.per-order  cost of an order, by weeks, 10 % above
//! company.owned      cost that teams own, by days, a percent below
//! TEAM.spend         the largest team's spend of a day, 25 % above
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use leap_orient::reading::spend::Basis;
use leap_terms::{CostKind, Exact, Money, Month, Ratio, TeamId};

use crate::cli::ReadingArgs;
use crate::failure::Failure;
use crate::home::{Home, failed};
use crate::spend::{Words, by_words};
use crate::view::View;

/// So many hundredths of a quotient, with so many decimals.
fn hundredths(of: Option<Ratio>, hundredths: i32, decimals: u32) -> Option<Exact> {
    let hundred = Ratio::whole(Exact::from_whole(100));
    of?.times(hundredths).per(&hundred)?.rounded(decimals).filter(|amount| *amount > Exact::ZERO)
}

/// Writes and applies them; a company of one month has none.
pub(super) async fn apply(home: &Home, file: &Path, last: Month) -> Result<(), Failure> {
    let view = View::open(home, &ReadingArgs::now()).await?;
    let month = last.plus(-1).period();
    let words = Words {
        by: "team",
        filter: None,
        under: None,
        period: month,
        cost: CostKind::Effective,
        basis: Basis::Incurred,
    };
    let (mut all, mut teams) = (Money::ZERO, BTreeMap::<TeamId, Money>::new());
    for row in by_words(home, &view, &words).await?.0 {
        all += row.amount;
        if let Some(team) = row.values[0].as_deref().and_then(|owner| TeamId::new(owner).ok()) {
            *teams.entry(team).or_default() += row.amount;
        }
    }
    let tree = view.head().org.tree(month.until().plus(-1));
    let largest = teams.iter().max_by_key(|(_, cost)| **cost);
    let (Some(root), Some((team, cost))) = (tree.roots().first(), largest) else { return Ok(()) };
    let owned: Money = teams.values().copied().sum();
    let volume = crate::volume::in_force(view.head())?;
    let per = |metric: &str| volume.metric(metric).and_then(|metric| Ratio::of(owned, metric.over(month).total));
    let days = Exact::from_whole(i64::from(month.until().days() - month.from().days()));
    let mut text = format!("contracts:\n  - id: company\n    team: {root}\n    clauses:\n");
    let weeks = "window: 7d, grace: 7d, recovery: 7d";
    if let Some(bps) = hundredths(per("payment_volume").map(|share| share.times(10_000)), 110, 0) {
        text += &format!(
            "      - {{id: bps, measure: charter, at_most: {bps}, {weeks}, consequence: review with the sponsor}}\n"
        );
    }
    if let Some(each) = hundredths(per("orders"), 110, 6) {
        text += &format!(
            "      - {{id: per-order, measure: unit_cost, metric: orders, currency: USD, at_most: {each}, {weeks}}}\n"
        );
    }
    let share = Ratio::of(owned, all).map(|share| share.times(100));
    if let Some(share) = hundredths(share, 99, 1) {
        text += &format!("      - {{id: owned, measure: coverage, at_least: {share}}}\n");
    }
    if let Some(day) = hundredths(Ratio::of(*cost, days), 125, 0) {
        text += &format!("  - id: {team}\n    team: {team}\n    clauses:\n");
        text +=
            &format!("      - {{id: spend, measure: spend, currency: USD, at_most: {day}, consequence: a way back}}\n");
    }
    if !text.contains("{id:") {
        return Ok(());
    }
    std::fs::write(file, &text).map_err(|error| failed("write", file, &error))?;
    crate::contracts::put(home, vec![("contracts.yaml".to_owned(), text.into_bytes())]).await.map(drop)
}
