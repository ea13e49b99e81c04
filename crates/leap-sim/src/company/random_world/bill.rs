//! Rows of a random world's bill: three months, two currencies, commitments, and tags that name units by any word they
//! ever had.
//!
//! ```text
//! 2026-08-11 Usage i-3 {"team": "Payments 2"} cd-1 Used  0 0.0000123 0.2 0.2
//! ```

use leap_terms::Month;

use super::Words;
use crate::company::random::Random;
use crate::company::random_bill::{BillRow, random_cost};

pub(super) const ACCOUNTS: [&str; 3] = ["000000000001", "222222222222", "333333333333"];
pub(super) const SERVICES: [&str; 4] =
    ["Amazon Elastic Compute Cloud", "Amazon Managed Streaming for Apache Kafka", "AWS Lambda", "AWS Support"];
pub(super) const RESOURCES: [&str; 6] = ["i-0", "i-1", "i-2", "i-3", "i-4", "i-5"];

/// One row of a bill of three months from `first` on; of a dense one, of the days about the first turn of the month, in
/// either month's invoice.
pub(super) fn random_row(random: &mut Random, words: &Words<'_>, first: Month, dense: bool) -> BillRow {
    let month = first.plus(random.below(if dense { 2 } else { 3 }) as i32);
    let day = if dense {
        first.plus(1).first_day().plus(random.between(-2, 2) as i32)
    } else if random.chance(1_000) {
        month.first_day().plus(-1 - random.below(9) as i32)
    } else {
        let length = month.plus(1).first_day().days() - month.first_day().days();
        // Many charges on few days, so that a day of a pool has several rows.
        let turn = if random.chance(5_000) { random.below(4) as i64 } else { random.between(0, i64::from(length)) };
        month.first_day().plus(turn as i32)
    };
    let before = day < month.first_day();
    let mut tags = Vec::new();
    if random.chance(7_000) {
        tags.push(("team".to_owned(), words.any(random)));
    }
    if random.chance(3_000) {
        tags.push(("env".to_owned(), random.word(&["prod", "dev"]).to_owned()));
    }
    let category =
        random.word(&["Usage", "Usage", "Usage", "Usage", "Usage", "Purchase", "Tax", "Credit", "Adjustment"]);
    let commitment = match category {
        "Usage" if random.chance(if dense { 9_000 } else { 4_500 }) => {
            Some((commitment(random), random.word(&["Used", "Used", "Unused"])))
        }
        "Purchase" if random.chance(5_000) => Some((commitment(random), "")),
        _ => None,
    };
    let unused = commitment.is_some_and(|(_, status)| status == "Unused");
    let billed = random_cost(random, category == "Credit");
    let costs = if random.chance(6_000) {
        [billed.clone(), billed.clone(), billed.clone(), billed]
    } else {
        [billed, random_cost(random, false), random_cost(random, false), random_cost(random, false)]
    };
    BillRow {
        sub_account: random.word(&ACCOUNTS).to_owned(),
        service: random.word(&SERVICES).to_owned(),
        category,
        correction: before && random.chance(5_000),
        resource: (!unused && random.chance(7_500)).then(|| random.word(&RESOURCES).to_owned()),
        tags,
        day,
        month,
        currency: if random.chance(8_000) { "USD" } else { "EUR" },
        costs,
        commitment,
    }
}

/// Mostly one and the same.
fn commitment(random: &mut Random) -> &'static str {
    random.word(&["cd-1", "cd-1", "cd-2"])
}
