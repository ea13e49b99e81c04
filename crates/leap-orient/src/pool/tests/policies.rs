//! Faults of `pools.yaml`, each with its place and remedy; what the digest sees.

use expect_test::{Expect, expect};

use super::*;

fn faults(text: &str, expected: Expect) {
    let files = [("kafka.csv", "date,pool,team,weight\n2026-09-01,kafka,payments,1\n")];
    let faults = parse(text, &files).expect_err("the file has faults");
    expected.assert_eq(&leap_terms::fault::list(&faults));
}

#[test]
fn every_fault_is_found_at_once_with_its_place_and_remedy() {
    let text = "ordr: direct
pools:
- {name: kafka, stward: x, driver: {measured: kafka.csv}}
- {name: kafka, driver: {mesured: kafka.csv}}
- {name: search, driver: {fixed: {paymnts: 1, search: -2, 'pool:kafca': 1}}}
- {name: ops, driver: {pool: kafca}, window: week}
- {name: own, driver: {pool: own}}
- {driver: keep}
- {name: lost, driver: {measured: lost.csv}}
- {name: bare}
- {name: commitment-benefit, driver: keep}
";
    faults(
        text,
        expect![[r#"
            pools.yaml:1:1: unknown field 'ordr'
                1 | ordr: direct
                  | ^^^^
              help: did you mean order?
            pools.yaml:3:17: unknown field 'stward'
                3 | - {name: kafka, stward: x, driver: {measured: kafka.csv}}
                  |                 ^^^^^^
              help: did you mean steward?
            pools.yaml:4:10: two pools are called 'kafka': the first is on line 3
                4 | - {name: kafka, driver: {mesured: kafka.csv}}
                  |          ^^^^^
              help: give one of them another name
            pools.yaml:4:26: unknown driver 'mesured'
                4 | - {name: kafka, driver: {mesured: kafka.csv}}
                  |                          ^^^^^^^
              help: did you mean measured?
            pools.yaml:5:35: unknown team 'paymnts'
                5 | - {name: search, driver: {fixed: {paymnts: 1, search: -2, 'pool:kafca': 1}}}
                  |                                   ^^^^^^^
              help: did you mean payments?
            pools.yaml:5:55: weight -2 is negative
                5 | - {name: search, driver: {fixed: {paymnts: 1, search: -2, 'pool:kafca': 1}}}
                  |                                                       ^^
              help: a share is never negative: leave the team out
            pools.yaml:5:60: unknown pool 'kafca'
                5 | - {name: search, driver: {fixed: {paymnts: 1, search: -2, 'pool:kafca': 1}}}
                  |                                                            ^^^^^^^^^^
              help: did you mean kafka?
            pools.yaml:6:30: 'kafca' is no pool
                6 | - {name: ops, driver: {pool: kafca}, window: week}
                  |                              ^^^^^
              help: did you mean kafka?
            pools.yaml:6:46: 'week' is no window
                6 | - {name: ops, driver: {pool: kafca}, window: week}
                  |                                              ^^^^
              help: write day or month
            pools.yaml:7:30: pool 'own' follows itself
                7 | - {name: own, driver: {pool: own}}
                  |                              ^^^
              help: name another pool
            pools.yaml:8:3: a pool without name
                8 | - {driver: keep}
                  |   ^
              help: add name: as the rules call it
            pools.yaml:9:35: driver file 'lost.csv': no such file
                9 | - {name: lost, driver: {measured: lost.csv}}
                  |                                   ^^^^^^^^
              help: the path is relative to the pools file
            pools.yaml:10:4: pool 'bare' has no driver
               10 | - {name: bare}
                  |    ^^^^
              help: add driver: {measured: file.csv}, or driver: keep where nothing shares it
            pools.yaml:11:10: no pool may be called 'commitment-benefit': averaged benefits of commitments go by it
               11 | - {name: commitment-benefit, driver: keep}
                  |          ^^^^^^^^^^^^^^^^^^
              help: give the pool another name"#]],
    );
}

#[test]
fn the_order_names_known_pools_once() {
    let text = "order: {step-down: [kafca, kafka, kafka]}\npools: [{name: kafka, driver: keep}]\n";
    faults(
        text,
        expect![[r#"
        pools.yaml:1:1: order names the unknown pool 'kafca'
            1 | order: {step-down: [kafca, kafka, kafka]}
              | ^^^^^
          help: did you mean kafka?
        pools.yaml:1:1: order names pool 'kafka' twice
            1 | order: {step-down: [kafca, kafka, kafka]}
              | ^^^^^"#]],
    );
    faults(
        "order: sideways\npools: []\n",
        expect![[r#"
        pools.yaml:1:1: 'sideways' is no order
            1 | order: sideways
              | ^^^^^
          help: write direct, step-down, reciprocal, or {step-down: [first, second]}"#]],
    );
}

#[test]
fn fields_that_say_nothing_with_their_driver_are_refused() {
    let text = "pools:
- {name: kafka, driver: {measured: kafka.csv}}
- {name: a, driver: {pool: kafka}, idle: share}
- {name: b, driver: {head_count: {}}, missing: carry}
- {name: c, driver: {fixed: {payments: 1}}, consumers: {ended: nobody}}
";
    faults(
        text,
        expect![[r#"
        pools.yaml:3:36: idle says nothing with driver pool
            3 | - {name: a, driver: {pool: kafka}, idle: share}
              |                                    ^^^^
          help: the pool that this one follows has its own; leave it out here
        pools.yaml:4:48: missing: carry says nothing with driver head_count
            4 | - {name: b, driver: {head_count: {}}, missing: carry}
              |                                                ^^^^^
          help: earlier days can be carried from files and fixed weights; use month or keep
        pools.yaml:5:64: 'nobody' is no way to treat a team that ended
            5 | …ame: c, driver: {fixed: {payments: 1}}, consumers: {ended: nobody}}
              |                                                             ^^^^^^
          help: its successor takes part for it: ended: successor"#]],
    );
}

#[test]
fn pools_that_follow_each_other_are_refused_unless_reciprocal() {
    let pools = "pools: [{name: a, driver: {pool: b}}, {name: b, driver: {pool: a}}]\n";
    faults(
        pools,
        expect![[r#"
        pools.yaml:1:19: pool 'a' follows a pool that follows it
            1 | pools: [{name: a, driver: {pool: b}}, {name: b, driver: {pool: a}}]
              |                   ^^^^^^
          help: give one of them a driver of its own
        pools.yaml:1:49: pool 'b' follows a pool that follows it
            1 | pools: [{name: a, driver: {pool: b}}, {name: b, driver: {pool: a}}]
              |                                                 ^^^^^^
          help: give one of them a driver of its own"#]],
    );
    faults(
        &format!("order: step-down\n{pools}"),
        expect![[r#"
        pools.yaml:2:49: pool 'b' follows 'a', which comes before it
            2 | pools: [{name: a, driver: {pool: b}}, {name: b, driver: {pool: a}}]
              |                                                 ^^^^^^
          help: let it come later in the order"#]],
    );
    assert!(parse(&format!("order: reciprocal\n{pools}"), &[]).is_ok());
}

#[test]
fn fixed_weights_keep_every_digit() {
    let text = "pools: [{name: kafka, driver: {fixed: {payments: 0.300000000000000001}}}]\n";
    faults(
        text,
        expect![[r#"
        pools.yaml:1:50: 0.3 may have lost digits
            1 | pools: [{name: kafka, driver: {fixed: {payments: 0.300000000000000001}}}]
              |                                                  ^^^^^^^^^^^^^^^^^^^^
          help: quote numbers of more than 15 digits"#]],
    );
    let quoted = text.replace("0.300000000000000001", "'0.300000000000000001'");
    let pools = pools_of(&quoted, &[]);
    let policy::Driver::Fixed(spans) = &pools.all()[0].driver else { panic!("fixed") };
    assert_eq!(spans[0].weights[0].1.to_string(), "0.300000000000000001");
}

#[test]
fn two_lists_of_weights_never_hold_on_one_day() {
    let text = "pools:
- name: kafka
  driver:
    fixed:
    - {until: 2026-09-02, weights: {payments: 1}}
    - {from: 2026-09-01, weights: {search: 1}}
";
    faults(
        text,
        expect![[r#"
        pools.yaml:4:5: two lists of weights hold on 2026-09-01
            4 |     fixed:
              |     ^^^^^
          help: end one where the next starts: until is the first day outside"#]],
    );
}

#[test]
fn the_digest_sees_meaning_and_not_layout() {
    let weights = "date,pool,team,weight\n2026-09-01,kafka,payments,1\n2026-09-01,kafka,search,2\n";
    let flow = "pools: [{name: kafka, driver: {measured: kafka.csv}}]";
    let digest = |text: &str, weights: &str| pools_of(text, &[("kafka.csv", weights)]).digest();
    let first = digest(flow, weights);
    let block = "# shared\npools:\n- driver:\n    measured: kafka.csv\n  name: kafka\n  window: day\n";
    assert_eq!(first, digest(block, weights));
    let turned = "team,weight,date,pool\nsearch,2.0,2026-09-01,kafka\npayments,1,2026-09-01,kafka\n";
    assert_eq!(first, digest(flow, turned));
    assert_ne!(first, digest(flow, &weights.replace(",2\n", ",3\n")));
    assert_ne!(first, digest(&flow.replace("csv}", "csv}, window: month"), weights));
    assert_ne!(first, digest(&format!("order: reciprocal\n{flow}"), weights));
}

#[test]
fn names_are_there_for_checking_what_rules_name() {
    let pools = pools_of("pools: [{name: kafka, driver: keep}, {name: db, steward: search, driver: keep}]", &[]);
    assert_eq!(pools.names().collect::<Vec<_>>(), ["kafka", "db"]);
    assert_eq!(pools.get("db").unwrap().steward, "search");
    assert!(pools.get("network").is_none());
}

#[test]
fn head_counts_of_units_in_each_other_are_told() {
    let units = "units:
  - {id: acme, name: Acme, kind: company, head_count: 800}
  - {id: payments, name: Payments, kind: team, parent: acme, head_count: 12}
";
    let org = Org::from_yaml("org.yaml", units).unwrap();
    let warnings = |driver: &str| -> Vec<String> {
        let text = format!("pools: [{{name: a, driver: {{head_count: {driver}}}}}]\n");
        let none = |_: &str| Err("no file".to_owned());
        let pools = Pools::parse("pools.yaml", &text, &none, &org).unwrap();
        pools.warnings().iter().map(|fault| fault.message.clone()).collect()
    };
    assert_eq!(warnings("{}"), ["'acme' and 'payments' below it both state a head count, and both count"]);
    assert_eq!(warnings("{kind: team}"), Vec::<String>::new());
}
