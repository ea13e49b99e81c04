//! Pools that use pools: direct, in order, all at once; cycles.

use expect_test::expect;

use super::*;

/// Network is used by kafka, and kafka by network.
const MUTUAL: &str = "
pools:
- {name: network, driver: {fixed: {payments: 1, 'pool:kafka': 1}}}
- {name: kafka, driver: {fixed: {search: 1, 'pool:network': 1}}}
";
const FACTS: &str = "1 residual:pool:network USD 12\n1 residual:pool:kafka USD 30";

fn ordered(order: &str, pools: &str) -> String {
    format!("order: {order}\n{}", pools.trim_start())
}

#[test]
fn direct_drops_what_pools_use_and_says_so() {
    check(
        MUTUAL,
        &[],
        FACTS,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka           -30
            01 kafka    USD use      search                         30
            01 network  USD pool     residual:pool:network          -12
            01 network  USD use      payments                       12
        "#]],
    );
    let warnings: Vec<String> = pools_of(MUTUAL, &[]).warnings().iter().map(|fault| fault.message.clone()).collect();
    assert_eq!(
        warnings,
        [
            "pool 'network' weighs pool:kafka, which order direct drops",
            "pool 'kafka' weighs pool:network, which order direct drops"
        ]
    );
}

#[test]
fn step_down_charges_later_pools_alone() {
    check(
        &ordered("step-down", MUTUAL),
        &[],
        FACTS,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka           -30
            01 kafka    USD use      search                         30
            01 network  USD pool     residual:pool:network          -12
            01 network  USD use      payments                        6
            01 network  USD use      search                          6
        "#]],
    );
}

#[test]
fn the_order_of_step_down_matters_only_as_declared() {
    let named = ordered("{step-down: [kafka]}", MUTUAL);
    check(
        &named,
        &[],
        FACTS,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka           -30
            01 kafka    USD use      payments                       15
            01 kafka    USD use      search                         15
            01 network  USD pool     residual:pool:network          -12
            01 network  USD use      payments                       12
        "#]],
    );
    // The same order, once by the list and once by name: the same lines.
    let turned = "
order: step-down
pools:
- {name: kafka, driver: {fixed: {search: 1, 'pool:network': 1}}}
- {name: network, driver: {fixed: {payments: 1, 'pool:kafka': 1}}}
";
    let facts = facts_of(FACTS);
    let (one, other) = (journal(&pools_of(&named, &[]), &facts, september()), pools_of(turned, &[]));
    assert_eq!(one, journal(&other, &facts, september()));
    // Where no pool uses another, any order gives the same lines.
    let apart = "
pools:
- {name: network, driver: {fixed: {payments: 1}}}
- {name: kafka, driver: {fixed: {search: 1}}}
";
    let lines = |order: &str| journal(&pools_of(&ordered(order, apart), &[]), &facts, september());
    assert_eq!(lines("step-down"), lines("{step-down: [kafka, network]}"));
    assert_eq!(lines("direct"), lines("reciprocal"));
}

#[test]
fn reciprocal_solves_pools_that_use_each_other_exactly() {
    check(
        &ordered("reciprocal", MUTUAL),
        &[],
        FACTS,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka           -30
            01 kafka    USD use      payments                       10
            01 kafka    USD use      search                         20
            01 network  USD pool     residual:pool:network          -12
            01 network  USD use      payments                        8
            01 network  USD use      search                          4
        "#]],
    );
    let pools = pools_of(&ordered("reciprocal", MUTUAL), &[]);
    let explanation = explained(&pools, &facts_of(FACTS), "network", day("1"));
    let part = &explanation.parts[0];
    assert_eq!(part.total, 3_u8.into());
    let numerators: Vec<String> = part.shares.iter().map(|share| share.weight.to_string()).collect();
    assert_eq!(numerators, ["2", "1"]);
    let written: Vec<Option<&str>> = part.shares.iter().map(|share| share.written.as_deref()).collect();
    assert_eq!(written, [Some("1"), None], "search pays by way of kafka alone");
    assert_eq!(part.pools, [("kafka".to_owned(), "1".to_owned())]);
    let passed: Vec<&str> = part.readings.iter().map(|reading| reading.pool.as_str()).collect();
    assert_eq!(passed, ["network", "kafka"]);
}

#[test]
fn thirds_of_a_cent_are_given_to_the_last_unit() {
    check(
        &ordered("reciprocal", MUTUAL),
        &[],
        "1 residual:pool:network USD 0.01",
        expect![[r#"
            01 network  USD pool     residual:pool:network        -0.01
            01 network  USD use      payments             0.006666666666666667
            01 network  USD use      search               0.003333333333333333
        "#]],
    );
    let pools = pools_of(&ordered("reciprocal", MUTUAL), &[]);
    let explanation = explained(&pools, &facts_of("1 residual:pool:network USD 0.01"), "network", day("1"));
    let extra: Vec<usize> = explanation.parts[0].shares.iter().map(|share| share.extra.len()).collect();
    assert_eq!(extra, [4, 0], "payments was cut short the most, in all four costs");
}

#[test]
fn a_closed_cycle_keeps_its_cost() {
    let closed = "
order: reciprocal
pools:
- {name: a, driver: {fixed: {'pool:b': 1}}}
- {name: b, driver: {fixed: {'pool:c': 1}}}
- {name: c, driver: {pool: a}}
- {name: d, driver: {fixed: {'pool:a': 1, payments: 3}}}
";
    let facts = "1 residual:pool:a USD 1\n1 residual:pool:b USD 1\n1 residual:pool:c USD 1\n1 residual:pool:d USD 4";
    check(
        closed,
        &[],
        facts,
        expect![[r#"
            01 d        USD pool     residual:pool:d                -3
            01 d        USD use      payments                        3
        "#]],
    );
}

#[test]
fn an_open_cycle_of_three_gives_everything_away() {
    let open = "
order: reciprocal
pools:
- {name: a, driver: {fixed: {'pool:b': 1}}}
- {name: b, driver: {fixed: {'pool:c': 1, search: 1}}}
- {name: c, driver: {fixed: {'pool:a': 1, payments: 1}}}
";
    check(
        open,
        &[],
        "1 residual:pool:a USD 9",
        expect![[r#"
            01 a        USD pool     residual:pool:a                -9
            01 a        USD use      payments                        3
            01 a        USD use      search                          6
        "#]],
    );
}

#[test]
fn idle_of_a_pool_on_the_way_stays_with_the_pool_it_came_from() {
    let pools = "
order: step-down
pools:
- {name: network, driver: {fixed: {'pool:kafka': 1}}}
- {name: kafka, driver: {measured: kafka.csv}}
";
    let weights = "date,pool,team,weight,measure,capacity\n2026-09-01,kafka,payments,1,cpu,4\n";
    check(
        pools,
        &[("kafka.csv", weights)],
        "1 residual:pool:network USD 8",
        expect![[r#"
            01 network  USD pool     residual:pool:network           -8
            01 network  USD use      payments                        2
            01 network  USD idle     residual:pool:network            6
        "#]],
    );
}

#[test]
fn a_pool_that_only_earlier_pools_would_pay_goes_by_its_rule_for_missing_days() {
    let pools = "
order: step-down
pools:
- {name: network, driver: {fixed: {payments: 1}}}
- {name: kafka, driver: {fixed: {'pool:network': 1}}}
";
    check(pools, &[], "1 residual:pool:kafka USD 8", expect![[""]]);
}
