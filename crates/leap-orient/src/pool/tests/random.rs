//! What must hold for any pools: totals stay, nothing turns negative, costs above zero are given away once.

use proptest::prelude::*;

use super::*;

const TEAMS: [&str; 4] = ["payments", "search", "old-team", "nobody"];

/// Three pools that use teams and each other on some days, with idle.
fn weights() -> impl Strategy<Value = String> {
    let cell = (0_u8..6, 0_u32..9, 1_u32..13);
    proptest::collection::btree_map((1_u32..13, 0_usize..3, 0_usize..7), cell, 0..40).prop_map(|cells| {
        let mut text = "date,pool,team,weight,measure,capacity\n".to_owned();
        for ((of_month, pool, who), (_, weight, capacity)) in cells {
            let name = if who < 4 { TEAMS[who].to_owned() } else { format!("pool:p{}", who - 4) };
            // One capacity per day and pool, whatever the row.
            let capacity = (of_month + pool as u32 * 7) % 13 + capacity.min(1);
            writeln!(text, "2026-09-{of_month:02},p{pool},{name},{weight},cpu,{capacity}").unwrap();
        }
        text
    })
}

fn costs() -> impl Strategy<Value = String> {
    proptest::collection::vec((1_u32..15, 0_usize..3, 0_u64..1_000_000_007), 1..20).prop_map(|rows| {
        let row = |(of_month, pool, cost): (u32, usize, u64)| {
            format!("{of_month} residual:pool:p{pool} USD {}.{:05}\n", cost / 100_000, cost % 100_000)
        };
        rows.into_iter().map(row).collect()
    })
}

fn pools(order: &str, rules: &str) -> String {
    let pool = |at: usize| format!("- {{name: p{at}, driver: {{measured: w.csv}}, {rules}}}\n");
    format!("order: {order}\npools:\n{}{}{}", pool(0), pool(1), pool(2))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_turns_negative_by_sharing_and_totals_stay(
        weights in weights(),
        costs in costs(),
        order in prop_oneof![Just("direct"), Just("step-down"), Just("reciprocal")],
        rules in prop_oneof![
            Just("missing: month"), Just("missing: carry"), Just("missing: keep, idle: share"), Just("window: month"),
        ],
    ) {
        let (pools, facts) = (pools_of(&pools(order, rules), &[("w.csv", &weights)]), facts_of(&costs));
        let whole = journal(&pools, &facts, september());
        always(&pools, &facts, &whole);
        for line in &whole.lines {
            prop_assert_eq!(line.line == LineKind::Pool, line.costs.billed < Exact::ZERO);
        }
        // A pool never gives away more than it has.
        for (pool, currency, collected) in (1..15).flat_map(|of_month| facts.pools(day(&of_month.to_string()))) {
            prop_assert!(collected.costs.billed >= Exact::ZERO, "{} {}", pool, currency);
        }
        for line in whole.lines.iter().filter(|line| line.line == LineKind::Pool) {
            let found = facts.pools(line.day).find(|(pool, ..)| *pool == line.pool).unwrap();
            prop_assert!(-line.costs.billed <= found.2.costs.billed);
        }
        // A refund of everything mirrors every line.
        let refunds = facts_of(&costs.replace("USD ", "USD -"));
        let mirrored: Vec<Costs> =
            journal(&pools, &refunds, september()).lines.into_iter().map(|line| -line.costs).collect();
        let charged: Vec<Costs> = whole.lines.iter().map(|line| line.costs).collect();
        prop_assert_eq!(charged, mirrored);
    }
}
