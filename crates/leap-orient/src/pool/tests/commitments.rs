//! Commitments: who pays for what nobody used of them, and who gets their benefit.

use expect_test::expect;

use super::*;

const UNUSED: &str = "pools: [{name: ri, driver: {commitment: {}}}]";

#[test]
fn what_nobody_used_of_a_commitment_is_shared_by_who_used_the_rest_of_it() {
    let facts = "
1 payments USD 30 ri-7 Used
2 search   USD 10 ri-7 Used
1 growth   USD 99 ri-8 Used
1 residual:pool:ri USD 8 ri-7 Unused
1 residual:pool:ri USD 2 ri-8 Unused
1 residual:pool:ri USD 5 ri-9 Unused
1 residual:pool:ri USD 3
";
    check(
        UNUSED,
        &[],
        facts,
        expect![[r#"
            01 ri       USD pool     residual:pool:ri              -10
            01 ri       USD use      growth                          2
            01 ri       USD use      payments                        6
            01 ri       USD use      search                          2
        "#]],
    );
    let (pools, facts) = (pools_of(UNUSED, &[]), facts_of(facts));
    let explanation = explained(&pools, &facts, "ri", day("1"));
    let parts: Vec<Option<&str>> = explanation.parts.iter().map(|part| part.commitment.as_deref()).collect();
    assert_eq!(parts, [None, Some("ri-7"), Some("ri-8"), Some("ri-9")]);
}

#[test]
fn what_a_pool_or_nobody_used_of_a_commitment_follows_them() {
    let pools = "
order: step-down
pools:
- {name: ri, driver: {commitment: {}}}
- {name: kafka, driver: {fixed: {search: 1}}}
";
    let facts = "
1 payments            USD 10 ri-7 Used
1 residual:pool:kafka USD 10 ri-7 Used
1 residual:no-rule    USD 20 ri-7 Used
1 residual:pool:ri    USD 8  ri-7 Unused
";
    check(
        pools,
        &[],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka           -10
            01 kafka    USD use      search                         10
            01 ri       USD pool     residual:pool:ri               -4
            01 ri       USD use      payments                        2
            01 ri       USD use      search                          2
        "#]],
    );
}

#[test]
fn a_commitment_may_stay_with_its_buyer() {
    let pools = "pools: [{name: ri, driver: {fixed: {growth: 1}}}]";
    check(
        pools,
        &[],
        "1 residual:pool:ri USD 8 ri-7 Unused",
        expect![[r#"
            01 ri       USD pool     residual:pool:ri               -8
            01 ri       USD use      growth                          8
        "#]],
    );
}

const COVERED: &str = "
1 payments USD 40  ri-7 Used 100
1 search   USD 100 sp-1 Used 100
1 growth   USD 7
1 payments EUR 1   ri-7 Used 3
";

#[test]
fn averaged_benefits_change_effective_cost_alone_and_add_up_to_zero() {
    check(
        "commitment_benefit: averaged",
        &[],
        COVERED,
        expect![[r#"
            01 commitment-benefit USD benefit payments                       30  billed 0
            01 commitment-benefit USD benefit search                        -30  billed 0
        "#]],
    );
}

#[test]
fn benefits_stay_where_they_fell_unless_people_say_otherwise() {
    check("", &[], COVERED, expect![[""]]);
    check("commitment_benefit: where-it-fell", &[], COVERED, expect![[""]]);
}

#[test]
fn a_pool_shares_what_averaging_leaves_it() {
    let pools = "
commitment_benefit: averaged
pools: [{name: kafka, driver: {fixed: {search: 1}}}]
";
    let facts = "
1 payments            USD 40  ri-7 Used 100
1 residual:pool:kafka USD 100 ri-7 Used 100
";
    check(
        pools,
        &[],
        facts,
        expect![[r#"
            01 commitment-benefit USD benefit payments                       30  billed 0
            01 commitment-benefit USD benefit residual:pool:kafka           -30  billed 0
            01 kafka    USD pool     residual:pool:kafka           -70  billed -100
            01 kafka    USD use      search                         70  billed 100
        "#]],
    );
}

#[test]
fn benefits_without_contracted_cost_stay_where_they_fell() {
    check("commitment_benefit: averaged", &[], "1 payments USD 4 ri-7 Used 0", expect![[""]]);
}
