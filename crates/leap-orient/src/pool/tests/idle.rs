//! Bottlenecks and what nobody used; platforms and idle shared together.

use expect_test::expect;

use super::*;

const KAFKA: &str = "pools: [{name: kafka, driver: {measured: kafka.csv}}]";

fn kafka(rules: &str) -> String {
    format!("pools: [{{name: kafka, driver: {{measured: kafka.csv}}, {rules}}}]")
}

/// Bytes use 70 of 100, connections 45 of 50: connections decide on day 1. Day 2 was used by nobody.
const BOTTLENECK: &str = "date,pool,team,weight,measure,capacity
2026-09-01,kafka,payments,60,bytes,100
2026-09-01,kafka,search,10,bytes,
2026-09-01,kafka,payments,5,connections,50
2026-09-01,kafka,search,40,connections,50
2026-09-02,kafka,payments,0,bytes,100
2026-09-02,kafka,payments,0,connections,50
";

#[test]
fn the_measure_used_to_the_highest_part_decides_and_the_rest_is_idle() {
    let facts = "1 residual:pool:kafka USD 100";
    check(
        KAFKA,
        &[("kafka.csv", BOTTLENECK)],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -100
            01 kafka    USD use      payments                       10
            01 kafka    USD use      search                         80
            01 kafka    USD idle     residual:pool:kafka            10
        "#]],
    );
    check(
        &kafka("idle: share"),
        &[("kafka.csv", BOTTLENECK)],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -100
            01 kafka    USD use      payments             11.111111111111111111
            01 kafka    USD use      search               88.888888888888888889
        "#]],
    );
    let pools = pools_of(KAFKA, &[("kafka.csv", BOTTLENECK)]);
    let explanation = explained(&pools, &facts_of(facts), "kafka", day("1"));
    let measures: Vec<&str> =
        explanation.parts[0].readings[0].reading.measures.iter().map(|measure| measure.measure.as_str()).collect();
    assert_eq!(measures, ["connections", "bytes"], "the deciding one first");
}

#[test]
fn idle_of_a_resource_that_nobody_used_is_idle_as_a_whole_or_goes_by_the_months_users() {
    let facts = "2 residual:pool:kafka USD 100";
    check(
        KAFKA,
        &[("kafka.csv", BOTTLENECK)],
        facts,
        expect![[r#"
            02 kafka    USD pool     residual:pool:kafka          -100
            02 kafka    USD idle     residual:pool:kafka           100
        "#]],
    );
    check(
        &kafka("idle: share"),
        &[("kafka.csv", BOTTLENECK)],
        facts,
        expect![[r#"
            02 kafka    USD pool     residual:pool:kafka          -100
            02 kafka    USD use      payments             11.111111111111111111
            02 kafka    USD use      search               88.888888888888888889
        "#]],
    );
    check(&kafka("idle: share, missing: keep"), &[("kafka.csv", BOTTLENECK)], facts, expect![[""]]);
}

#[test]
fn use_beyond_one_days_capacity_does_not_eat_the_idle_of_another() {
    let weights = "date,pool,team,weight,measure,capacity
2026-09-01,kafka,payments,15,cpu,10
2026-09-02,kafka,search,5,cpu,10
";
    let facts = "1 residual:pool:kafka USD 25\n2 residual:pool:kafka USD 25";
    check(
        &kafka("window: month"),
        &[("kafka.csv", weights)],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka           -25
            01 kafka    USD use      payments                       15
            01 kafka    USD use      search                          5
            01 kafka    USD idle     residual:pool:kafka             5
            02 kafka    USD pool     residual:pool:kafka           -25
            02 kafka    USD use      payments                       15
            02 kafka    USD use      search                          5
            02 kafka    USD idle     residual:pool:kafka             5
        "#]],
    );
}

#[test]
fn a_capacity_of_zero_divides_nothing() {
    let weights = "date,pool,team,weight,measure,capacity
2026-09-01,kafka,payments,0,gpu,0
2026-09-01,kafka,search,3,cpu,4
";
    check(
        KAFKA,
        &[("kafka.csv", weights)],
        "1 residual:pool:kafka USD 8",
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka            -8
            01 kafka    USD use      search                          6
            01 kafka    USD idle     residual:pool:kafka             2
        "#]],
    );
}

#[test]
fn a_pool_may_be_shared_as_another_one_is() {
    let pools = "
pools:
- {name: storage, driver: {pool: kafka}}
- {name: kafka, driver: {measured: kafka.csv}}
";
    let facts = "1 residual:pool:storage USD 50\n1 residual:pool:kafka USD 100";
    check(
        pools,
        &[("kafka.csv", BOTTLENECK)],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -100
            01 kafka    USD use      payments                       10
            01 kafka    USD use      search                         80
            01 kafka    USD idle     residual:pool:kafka            10
            01 storage  USD pool     residual:pool:storage          -50
            01 storage  USD use      payments                        5
            01 storage  USD use      search                         40
            01 storage  USD idle     residual:pool:storage            5
        "#]],
    );
}

#[test]
fn idle_and_platforms_shared_together_leave_the_total_as_it_was() {
    let pools = "
pools:
- {name: kafka, driver: {measured: kafka.csv}, idle: share}
- {name: spare, driver: {direct: {}}}
";
    let facts = "
1 payments USD 10
1 search USD 30
1 residual:pool:kafka USD 100
1 residual:pool:spare USD 7
1 residual:no-rule USD 3
";
    check(
        pools,
        &[("kafka.csv", BOTTLENECK)],
        facts,
        expect![[r#"
            01 kafka    USD pool     residual:pool:kafka          -100
            01 kafka    USD use      payments             11.111111111111111111
            01 kafka    USD use      search               88.888888888888888889
            01 spare    USD pool     residual:pool:spare            -7
            01 spare    USD use      payments                     1.75
            01 spare    USD use      search                       5.25
        "#]],
    );
}

#[test]
fn switching_sharing_on_or_off_never_changes_a_total() {
    let facts =
        "1 payments USD 10\n1 residual:pool:kafka USD 100\n2 residual:pool:kafka USD -7\n3 residual:no-rule USD 3";
    let stored = Exact::from_whole(106);
    for rules in ["idle: keep", "idle: share", "missing: keep", "missing: carry", "window: month"] {
        let pools = pools_of(&kafka(rules), &[("kafka.csv", BOTTLENECK)]);
        let journal = journal(&pools, &facts_of(facts), september());
        assert!(!journal.lines.is_empty(), "{rules}");
        for kind in leap_terms::CostKind::ALL {
            let moved: Exact = journal.lines.iter().map(|line| line.costs[kind]).sum();
            assert_eq!(stored + moved, stored, "{rules}");
        }
    }
}

#[test]
fn usage_reports_of_a_cluster_share_its_nodes_and_leave_idle() {
    let pools = "pools: [{name: nodes, driver: {kubernetes: {reports: [september.csv], labels: [team]}}}]";
    let header = "pod,namespace,node,resource_id,interval_start,interval_end,pod_usage_cpu_core_seconds,\
pod_request_cpu_core_seconds,pod_usage_memory_byte_seconds,pod_request_memory_byte_seconds,\
node_capacity_cpu_core_seconds,node_capacity_memory_byte_seconds,pod_labels";
    let hour = "2026-09-01 00:00:00 +0000 UTC,2026-09-01 01:00:00 +0000 UTC";
    // Payments takes a quarter of CPU and half of memory, a pod of nobody another quarter of memory.
    let report = format!(
        "{header}\nweb,shop,n1,i-1,{hour},100,3600,8000,1,14400,16000,label_team:payments\n\
db,shop,n1,i-1,{hour},0,0,4000,0,14400,16000,\n"
    );
    check(
        pools,
        &[("september.csv", &report)],
        "1 residual:pool:nodes USD 100",
        expect![[r#"
            01 nodes    USD pool     residual:pool:nodes         -87.5
            01 nodes    USD use      payments                     37.5
            01 nodes    USD idle     residual:pool:nodes            50
        "#]],
    );
    let faults = parse(pools, &[]).expect_err("the report is missing");
    assert_eq!(faults[0].message, "driver file 'september.csv': no such file");
}
