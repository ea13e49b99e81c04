//! Random worlds: bills with negatives, credits, zeros, 30 decimals and corrections, under random orgs, rules and
//! mappings. What leap says, what the bill was made with, and what the auditor recomputes must be one.

use std::collections::BTreeMap;

use leap_sim::company::{Random, random_bill};
use leap_terms::Money;

use crate::harness::{Home, text};

const WORLDS: u64 = 24;

#[test]
fn leap_the_truth_and_the_auditor_agree_in_random_worlds() {
    let (mut figures, mut orders) = (0, 0);
    for seed in 0..WORLDS {
        let mut random = Random::new(seed);
        let bill = random_bill(&mut random, 40 + usize::try_from(seed).unwrap() * 7);
        let mut digests = Vec::new();
        // The same rows in another order, in another file, in another home.
        for shuffled in [false, true] {
            let home = Home::new();
            let csv = if shuffled { bill.shuffled(&mut random).to_csv() } else { bill.to_csv() };
            home.write("org.yaml", &bill.org);
            home.write("rules.yaml", &bill.rules);
            home.write("owners.csv", &bill.mapping);
            home.ok(&["org", "apply", "org.yaml"]);
            home.ok(&["rules", "apply", "rules.yaml"]);
            home.ingest(&home.write("bill.csv", &csv));
            home.verified();
            digests.push(home.digest());
            if shuffled {
                orders += 1;
                continue;
            }
            let mut expected = BTreeMap::<(String, String), [Money; 4]>::new();
            for (owner, row) in bill.owners.iter().zip(&bill.rows) {
                let sums = expected.entry((owner.clone(), row.currency.to_owned())).or_default();
                let costs = row.costs();
                for (sum, cost) in sums.iter_mut().zip([costs.billed, costs.effective, costs.list, costs.contracted]) {
                    *sum += cost;
                }
            }
            for (at, kind) in ["billed", "effective", "list", "contracted"].into_iter().enumerate() {
                let answer = home.json(&["spend", "--by", "team", "--period", "2000..2100", "--cost", kind]);
                let mut found = BTreeMap::<(String, String), Money>::new();
                for row in answer["rows"].as_array().unwrap() {
                    found.insert((text(&row["team"]), text(&row["currency"])), text(&row["amount"]).parse().unwrap());
                }
                assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "seed {seed}");
                for (key, sums) in &expected {
                    assert_eq!(found[key], sums[at], "seed {seed}: {key:?} {kind}");
                    figures += 1;
                }
            }
        }
        assert_eq!(digests[0], digests[1], "seed {seed}: the order of rows says nothing");
    }
    println!("worlds {WORLDS}, orders {orders}, figures compared {figures}, differences 0");
    assert!(figures > 200, "only {figures} figures were compared");
}
