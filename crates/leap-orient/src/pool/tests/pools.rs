//! One pool at a time: drivers, days without weights, idle, teams that ended, credits, currencies.

use expect_test::expect;

use super::*;

const KAFKA: &str = "pools: [{name: kafka, steward: growth, driver: {measured: kafka.csv}}]";

fn kafka(rules: &str) -> String {
    format!("pools: [{{name: kafka, driver: {{measured: kafka.csv}}, {rules}}}]")
}

/// Days 2 and 8 have weights, day 3 has zeros; August has an older day.
const WEIGHTS: &str = "date,pool,team,weight
2026-08-30,kafka,growth,5
2026-09-02,kafka,payments,3
2026-09-02,kafka,search,1
2026-09-03,kafka,payments,0
2026-09-03,kafka,search,0
2026-09-08,kafka,search,4
";

const THREE_DAYS: &str = "
1 residual:pool:kafka USD 8
2 residual:pool:kafka USD 8
3 residual:pool:kafka USD 8
";

#[test]
fn a_measured_day_is_shared_by_its_own_weights_and_missing_days_by_the_months_sum() {
    check(
        KAFKA,
        &[("kafka.csv", WEIGHTS)],
        THREE_DAYS,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka            -8
            01 kafka    USD use      payments                        3
            01 kafka    USD use      search                          5
            02 kafka    USD pool     residual:pool:kafka            -8
            02 kafka    USD use      payments                        6
            02 kafka    USD use      search                          2
            03 kafka    USD pool     residual:pool:kafka            -8
            03 kafka    USD use      payments                        3
            03 kafka    USD use      search                          5
        "#]],
    );
}

#[test]
fn missing_days_carry_the_last_earlier_day_with_weights() {
    check(
        &kafka("missing: carry"),
        &[("kafka.csv", WEIGHTS)],
        THREE_DAYS,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka            -8
            01 kafka    USD use      growth                          8
            02 kafka    USD pool     residual:pool:kafka            -8
            02 kafka    USD use      payments                        6
            02 kafka    USD use      search                          2
            03 kafka    USD pool     residual:pool:kafka            -8
            03 kafka    USD use      payments                        6
            03 kafka    USD use      search                          2
        "#]],
    );
}

#[test]
fn missing_days_stay_with_the_pool_where_the_rule_says_keep() {
    check(
        &kafka("missing: keep"),
        &[("kafka.csv", WEIGHTS)],
        THREE_DAYS,
        expect![[r#"
            02 kafka    USD pool     residual:pool:kafka            -8
            02 kafka    USD use      payments                        6
            02 kafka    USD use      search                          2
        "#]],
    );
}

#[test]
fn a_window_of_a_month_shares_every_day_alike() {
    check(
        &kafka("window: month"),
        &[("kafka.csv", WEIGHTS)],
        THREE_DAYS,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka            -8
            01 kafka    USD use      payments                        3
            01 kafka    USD use      search                          5
            02 kafka    USD pool     residual:pool:kafka            -8
            02 kafka    USD use      payments                        3
            02 kafka    USD use      search                          5
            03 kafka    USD pool     residual:pool:kafka            -8
            03 kafka    USD use      payments                        3
            03 kafka    USD use      search                          5
        "#]],
    );
}

#[test]
fn weights_that_are_all_zero_fall_back_to_keep_and_never_to_nothing() {
    let weights = "date,pool,team,weight\n2026-09-01,kafka,payments,0\n";
    check(KAFKA, &[("kafka.csv", weights)], "1 residual:pool:kafka USD 8", expect![[""]]);
    let pools = pools_of(KAFKA, &[("kafka.csv", weights)]);
    let explanation = explained(&pools, &facts_of("1 residual:pool:kafka USD 8"), "kafka", day("1"));
    let part = &explanation.parts[0];
    assert_eq!(part.readings[0].reason, "no weights of 2026-09-01 or its month: the pool keeps the cost");
    assert_eq!(part.shares[0].target, solve::Target::Keep);
    assert_eq!(part.shares[0].costs.billed, Exact::from_whole(8));
    assert_eq!(explanation.steward, "growth");
}

#[test]
fn a_credit_is_the_mirror_of_a_charge() {
    let weights = "date,pool,team,weight\n2026-09-01,kafka,payments,1\n2026-09-01,kafka,search,2\n";
    let facts = "1 residual:pool:kafka USD 100";
    check(
        KAFKA,
        &[("kafka.csv", weights)],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -100
            01 kafka    USD use      payments             33.333333333333333333
            01 kafka    USD use      search               66.666666666666666667
        "#]],
    );
    check(
        KAFKA,
        &[("kafka.csv", weights)],
        &facts.replace("100", "-100"),
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka           100
            01 kafka    USD use      payments             -33.333333333333333333
            01 kafka    USD use      search               -66.666666666666666667
        "#]],
    );
}

#[test]
fn the_part_of_a_dissolved_team_stays_with_the_pool() {
    let weights = "date,pool,team,weight
2026-09-09,kafka,old-team,1
2026-09-09,kafka,payments,1
2026-09-10,kafka,old-team,1
2026-09-10,kafka,payments,1
";
    let facts = "9 residual:pool:kafka USD 8\n10 residual:pool:kafka USD 8";
    check(
        KAFKA,
        &[("kafka.csv", weights)],
        facts,
        expect![[r#"
            09 kafka    USD pool     residual:pool:kafka            -8
            09 kafka    USD use      old-team                        4
            09 kafka    USD use      payments                        4
            10 kafka    USD pool     residual:pool:kafka            -4
            10 kafka    USD use      payments                        4
        "#]],
    );
}

#[test]
fn a_pool_whose_every_consumer_was_dissolved_keeps_its_cost() {
    let weights = "date,pool,team,weight\n2026-09-05,kafka,old-team,7\n2026-09-11,kafka,old-team,7\n";
    let facts = "5 residual:pool:kafka USD 8\n11 residual:pool:kafka USD 8\n12 residual:pool:kafka USD 8";
    check(
        KAFKA,
        &[("kafka.csv", weights)],
        facts,
        expect![[r#"
            05 kafka    USD pool     residual:pool:kafka            -8
            05 kafka    USD use      old-team                        8
        "#]],
    );
}

#[test]
fn names_that_nobody_or_several_have_stay_with_the_pool() {
    let weights = "date,pool,team,weight
2026-09-01,kafka,Twin,1
2026-09-01,kafka,nobody,1
2026-09-01,kafka,PAY,2
";
    let (pools, facts) = (pools_of(KAFKA, &[("kafka.csv", weights)]), facts_of("1 residual:pool:kafka USD 8"));
    expect![[r#"
        01 kafka    USD pool     residual:pool:kafka            -4
        01 kafka    USD use      payments                        4
    "#]]
    .assert_eq(&shown(&journal(&pools, &facts, september())));
    let explanation = explained(&pools, &facts, "kafka", day("1"));
    let weights = &explanation.parts[0].readings[0].reading.weights;
    let who: Vec<(&str, &driver::Who, &[u32])> =
        weights.iter().map(|weighed| (weighed.name.as_str(), &weighed.who, weighed.rows.as_slice())).collect();
    let twins = ["twin-a", "twin-b"].map(|id| TeamId::new(id).unwrap()).to_vec();
    let payments = driver::Who::Team(TeamId::new("payments").unwrap());
    assert_eq!(
        who,
        [
            ("PAY", &payments, &[3][..]),
            ("Twin", &driver::Who::Ambiguous(twins), &[1]),
            ("nobody", &driver::Who::Unknown, &[2])
        ]
    );
    let warnings: Vec<&str> = pools.warnings().iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(warnings, ["'kafka.csv' weighs 'nobody', which is no team"]);
}

#[test]
fn fixed_weights_change_on_their_day() {
    let pools = "pools:
- name: kafka
  driver: {fixed: [{until: 2026-09-02, weights: {payments: 1}}, {from: 2026-09-02, weights: {search: 12.5, pay: '37.5'}}]}
";
    let facts = "1 residual:pool:kafka USD 8\n2 residual:pool:kafka USD 8";
    check(
        pools,
        &[],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka            -8
            01 kafka    USD use      payments                        8
            02 kafka    USD pool     residual:pool:kafka            -8
            02 kafka    USD use      payments                        6
            02 kafka    USD use      search                          2
        "#]],
    );
}

#[test]
fn head_counts_go_by_kind_and_by_the_unit_above() {
    let pool = |driver: &str| format!("pools: [{{name: kafka, driver: {{head_count: {driver}}}}}]");
    let facts = "1 residual:pool:kafka USD 240";
    check(
        &pool("{kind: team}"),
        &[],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -240
            01 kafka    USD use      payments                      144
            01 kafka    USD use      search                         96
        "#]],
    );
    check(
        &pool("{under: Product}"),
        &[],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -240
            01 kafka    USD use      payments                       72
            01 kafka    USD use      product                       120
            01 kafka    USD use      search                         48
        "#]],
    );
    check(
        &pool("{}"),
        &[],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -240
            01 kafka    USD use      acme                 171.428571428571428571
            01 kafka    USD use      payments             20.571428571428571429
            01 kafka    USD use      product              34.285714285714285714
            01 kafka    USD use      search               13.714285714285714286
        "#]],
    );
}

#[test]
fn direct_cost_counts_what_is_above_zero_in_the_currency_that_is_shared() {
    let pools = "pools: [{name: kafka, driver: {direct: {cost: effective}}}]";
    let facts = "
1 payments USD 30
2 payments USD -10
2 search USD 60
2 growth USD -5
3 growth EUR 1
1 residual:pool:kafka USD 8
1 residual:pool:kafka EUR 8
1 residual:pool:kafka GBP 8
";
    check(
        pools,
        &[],
        facts,
        expect![[r#"
            01 kafka    EUR pool     residual:pool:kafka            -8
            01 kafka    EUR use      growth                          8
            01 kafka    USD pool     residual:pool:kafka            -8
            01 kafka    USD use      payments                        2
            01 kafka    USD use      search                          6
        "#]],
    );
}

#[test]
fn a_negative_platform_costs_nobody_and_its_weight_counts_as_nothing() {
    let pools = "pools: [{name: kafka, driver: {direct: {cost: billed}}}]";
    let facts = "1 payments USD -30\n1 search USD 10\n1 residual:pool:kafka USD -8";
    check(
        pools,
        &[],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka             8
            01 kafka    USD use      search                         -8
        "#]],
    );
}

#[test]
fn without_cost_without_driver_or_without_policy_there_are_no_lines() {
    let facts = "1 residual:pool:kafka USD 0\n1 residual:pool:other USD 5\n1 residual:pool:strange USD 5";
    let pools = "pools: [{name: kafka, driver: {measured: kafka.csv}}, {name: other, driver: keep}]";
    check(pools, &[("kafka.csv", WEIGHTS)], facts, expect![[""]]);
    check("", &[], facts, expect![[""]]);
}

#[test]
fn days_of_another_month_say_nothing_about_this_one() {
    let more = format!("{WEIGHTS}2026-10-01,kafka,growth,1000\n2026-07-01,kafka,growth,1000\n");
    let facts = facts_of(THREE_DAYS);
    for rules in ["window: month", "missing: month"] {
        let with = journal(&pools_of(&kafka(rules), &[("kafka.csv", &more)]), &facts, september());
        let without = journal(&pools_of(&kafka(rules), &[("kafka.csv", WEIGHTS)]), &facts, september());
        assert_eq!(with, without);
    }
}

#[test]
fn each_currency_is_split_by_itself() {
    let pools = "pools: [{name: kafka, driver: {fixed: {payments: 1, search: 2}}}]";
    let facts = "1 residual:pool:kafka USD 3\n1 residual:pool:kafka EUR -6";
    check(
        pools,
        &[],
        facts,
        expect![[r#"
            01 kafka    EUR pool     residual:pool:kafka             6
            01 kafka    EUR use      payments                       -2
            01 kafka    EUR use      search                         -4
            01 kafka    USD pool     residual:pool:kafka            -3
            01 kafka    USD use      payments                        1
            01 kafka    USD use      search                          2
        "#]],
    );
}

#[test]
fn a_part_of_a_month_gives_the_lines_of_the_month() {
    let pools = pools_of("pools: [{name: kafka, driver: {direct: {}}}]", &[]);
    let facts =
        facts_of("1 payments USD 30\n29 search USD 60\n9 residual:pool:kafka USD 9\n20 residual:pool:kafka USD 9");
    let whole = journal(&pools, &facts, september());
    let part = journal(&pools, &facts, Period::new(day("9"), day("10")).unwrap());
    assert_eq!(part.lines.len(), 3);
    assert_eq!(part.lines, whole.lines[..3]);
    let more = facts_of("1 payments USD 30\n29 search USD 60\n9 residual:pool:kafka USD 9\n2026-10-01 payments USD 99");
    assert_eq!(journal(&pools, &more, september()).lines, part.lines, "October says nothing about September");
}

#[test]
fn an_explanation_says_which_days_stand_in_and_why() {
    let reason = |rules: &str, on: &str| {
        let pools = pools_of(&kafka(rules), &[("kafka.csv", WEIGHTS)]);
        let explanation = explained(&pools, &facts_of(THREE_DAYS), "kafka", day(on));
        let reading = &explanation.parts[0].readings[0];
        assert_eq!((reading.driver, reading.file.as_deref()), ("measured", Some("kafka.csv")));
        reading.reason.clone()
    };
    assert_eq!(reason("missing: month", "2"), "weights of 2026-09-02");
    assert_eq!(reason("missing: month", "3"), "no weights of 2026-09-03: the sum over 2026-09 stands in");
    assert_eq!(reason("missing: carry", "3"), "no weights of 2026-09-03: those of 2026-09-02 are carried");
    assert_eq!(reason("missing: carry", "1"), "no weights of 2026-09-01: those of 2026-08-30 are carried");
    assert_eq!(reason("missing: keep", "1"), "no weights of 2026-09-01: the pool keeps the cost");
    assert_eq!(reason("window: month", "1"), "weights of 2026-09");
    let pools = pools_of(KAFKA, &[("kafka.csv", WEIGHTS)]);
    let org = org();
    let error = explain(&pools, &org, &Heads(org.clone()), &Facts::default(), "kafca", day("1")).unwrap_err();
    assert_eq!(error.to_string(), "could not explain pool 'kafca': no pool has that name");
}
