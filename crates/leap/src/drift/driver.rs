//! What moved: the few values of one dimension that make most of a departure.
//!
//! ```text
//! 28 to 30 October beside 21 to 23 October:  +3,900 = region eu-west-1 +3,700, rest +200
//! ```
//! Of the dimensions that the cube has, the one is told whose fewest values explain most; one in which the series has a
//! single value explains nothing, and is told only where there is no other.

use std::collections::{BTreeMap, BTreeSet};

use leap_decide::drift::{Alert, Explanation, explain};
use leap_orient::reading::dimension::Dimension;
use leap_orient::reading::spend::Basis;
use leap_terms::{CostKind, Day, Exact, Money, Period, TeamId};

use super::costs::{Key, NO_SERVICE};
use crate::failure::Failure;
use crate::home::Home;
use crate::spend::{self, Words};
use crate::view::View;

/// Dimensions, the most telling first.
const DIMENSIONS: [&str; 8] =
    ["region", "account", "sku", "env", "environment", "resource_type", "category", "resource"];
/// Values that are told at most, and the share of the move that is enough, in percent.
const TOLD: (usize, u32) = (3, 80);
/// Services that are asked for by name; of more, all are read.
const SERVICES: usize = 16;
/// Days of a week.
const WEEK: i32 = 7;

/// How a dimension is asked for.
pub(super) fn asked(dimension: &str) -> String {
    match dimension {
        "env" | "environment" => format!("Tags['{dimension}']"),
        _ => dimension.to_owned(),
    }
}

/// The dimensions that every slice's cube has.
fn dimensions(view: &View) -> Vec<&'static str> {
    let has = |word: &&&'static str| {
        let named = spend::dimensions(view, &asked(word)).unwrap_or_default();
        matches!(
            named.first().map(|named| &named.dimension),
            Some(Dimension::Key(_) | Dimension::Tag(_) | Dimension::Resource(_))
        )
    };
    DIMENSIONS.iter().filter(has).copied().collect()
}

/// Cost by value, of each dimension.
type ByValue = Vec<BTreeMap<String, Exact>>;

/// Alerts of the same days, by the place of each among those that were asked for: they are read at once.
type Together<'a> = BTreeMap<(Day, Day), Vec<(usize, &'a Key)>>;

/// What made each alert; adds up to the move with `rest`, which comes last.
pub(super) async fn moved(
    home: &Home,
    view: &View,
    alerts: &[(&Key, &Alert)],
    tree: Day,
) -> Result<Vec<Vec<(String, Money)>>, Failure> {
    let dimensions = dimensions(view);
    let mut together = Together::new();
    for (at, (key, alert)) in alerts.iter().enumerate() {
        together.entry((alert.since, alert.day)).or_default().push((at, key));
    }
    let mut moved = vec![Vec::new(); alerts.len()];
    for ((since, day), asked) in together {
        let length = day.days() - since.days() + 1;
        let back = -((length + WEEK - 1) / WEEK * WEEK);
        let period = |by: i32| Period::new(since.plus(by), day.plus(1 + by));
        let (Some(before), Some(after)) = (period(back), period(0)) else { continue };
        let keys: BTreeSet<&Key> = asked.iter().map(|(_, key)| *key).collect();
        let before = by_value(home, view, (&keys, tree), &dimensions, before).await?;
        let after = by_value(home, view, (&keys, tree), &dimensions, after).await?;
        let nothing = vec![BTreeMap::new(); dimensions.len()];
        for (at, key) in asked {
            let of = |of: &'_ BTreeMap<Key, ByValue>| of.get(key).unwrap_or(&nothing).clone();
            moved[at] = drivers(&dimensions, &of(&before), &of(&after));
        }
    }
    Ok(moved)
}

/// The few values of one dimension that make most of a move.
fn drivers(dimensions: &[&str], before: &ByValue, after: &ByValue) -> Vec<(String, Money)> {
    let told = |at: usize| -> (bool, Explanation) {
        let list = |of: &BTreeMap<String, Exact>| of.clone().into_iter().collect::<Vec<_>>();
        let values: BTreeSet<&String> = before[at].keys().chain(after[at].keys()).collect();
        (values.len() > 1, explain(&list(&before[at]), &list(&after[at]), TOLD.1, TOLD.0))
    };
    let mut best: Option<((bool, bool, usize), usize, Explanation)> = None;
    for at in 0..dimensions.len() {
        let (tells, one) = told(at);
        let told: Exact = one.parts.iter().map(|part| part.change).sum();
        let enough = part(told, 100) >= part(one.change, i128::from(TOLD.1));
        // False before true: what tells, then what is enough, then what is short.
        let rank = (!tells, !enough, one.parts.len());
        if !one.parts.is_empty() && best.as_ref().is_none_or(|(known, ..)| rank < *known) {
            best = Some((rank, at, one));
        }
    }
    let Some((_, at, one)) = best else { return Vec::new() };
    let mut drivers: Vec<(String, Money)> =
        one.parts.into_iter().map(|part| (format!("{} {}", dimensions[at], part.value), part.change)).collect();
    drivers.push(("rest".to_owned(), one.rest));
    drivers
}

fn part(amount: Exact, by: i128) -> i128 {
    amount.coarse().saturating_abs().saturating_mul(by)
}

/// The cost of some series on some days by the values of each dimension.
async fn by_value(
    home: &Home,
    view: &View,
    (keys, tree): (&BTreeSet<&Key>, Day),
    dimensions: &[&str],
    period: Period,
) -> Result<BTreeMap<Key, ByValue>, Failure> {
    let mut by = "team,pool,service".to_owned();
    dimensions.iter().for_each(|word| by += &format!(",{}", asked(word)));
    let services: BTreeSet<&str> = keys.iter().map(|key| key.service.as_str()).collect();
    let is_service = |service: &&str| match *service {
        NO_SERVICE => "ServiceName IS NULL".to_owned(),
        service => format!("ServiceName = '{}'", service.replace('\'', "''")),
    };
    let filter = services.iter().map(is_service).collect::<Vec<_>>().join(" OR ");
    let words = Words {
        by: &by,
        filter: (services.len() <= SERVICES).then_some(filter.as_str()),
        under: None,
        period,
        cost: CostKind::Effective,
        basis: Basis::Incurred,
    };
    let (rows, _) = spend::by_words(home, view, &words).await?;
    let org = &view.head().org;
    let mut all = BTreeMap::<Key, ByValue>::new();
    // The rows of an owner come one after the other.
    let mut stands: Option<(&str, Option<TeamId>)> = None;
    for row in &rows {
        let [Some(owner), None, service, values @ ..] = row.values.as_slice() else { continue };
        if stands.as_ref().is_none_or(|(known, _)| known != owner) {
            stands = Some((owner, TeamId::new(owner).ok().map(|team| org.stand(&team, tree).unit)));
        }
        let Some((_, Some(unit))) = &stands else { continue };
        let service = service.as_deref().unwrap_or(NO_SERVICE).to_owned();
        let key = Key { unit: unit.clone(), service, currency: row.currency.clone() };
        if !keys.contains(&key) {
            continue;
        }
        let sums = all.entry(key).or_insert_with(|| vec![BTreeMap::new(); dimensions.len()]);
        for (sums, value) in sums.iter_mut().zip(values) {
            *sums.entry(value.clone().unwrap_or_else(|| "(none)".to_owned())).or_insert(Exact::ZERO) += row.amount;
        }
    }
    Ok(all)
}
