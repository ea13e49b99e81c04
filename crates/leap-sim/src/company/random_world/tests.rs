//! A thousand worlds: nothing vanishes, whatever the org, the rules and the pools do.

use std::collections::BTreeSet;

use super::*;
use crate::audit::pools::Line;

fn sum<'a>(costs: impl Iterator<Item = &'a [Amount; 4]>) -> [Amount; 4] {
    let mut sum = <[Amount; 4]>::default();
    for one in costs {
        add(&mut sum, one);
    }
    sum
}

/// Every node is itself and its children; the roots are the bill.
fn check(shown: &Shown, totals: &OwnerSums, seed: u64) -> usize {
    let mut figures = 0;
    for ((place, currency), node) in &shown.places {
        let child = |(other, of): &&(Vec<String>, String)| {
            of == currency && other.len() == place.len() + 1 && other.starts_with(place)
        };
        let mut parts = node.direct.clone();
        for key in shown.places.keys().filter(child) {
            add(&mut parts, &shown.places[key].total);
        }
        assert_eq!(parts, node.total, "seed {seed}: {place:?}");
        figures += 8;
    }
    for currency in ["USD", "EUR"] {
        let roots = shown.places.iter().filter(|((place, of), _)| place.len() == 1 && of == currency);
        let bill = totals.iter().filter(|((_, of), _)| of == currency);
        assert_eq!(
            sum(roots.map(|(_, node)| &node.total)),
            sum(bill.map(|(_, costs)| costs)),
            "seed {seed}: {currency}"
        );
        let nodes = shown.nodes.iter().filter(|((_, of), _)| of == currency);
        let bill = totals.iter().filter(|((_, of), _)| of == currency);
        assert_eq!(sum(nodes.map(|(_, node)| &node.direct)), sum(bill.map(|(_, costs)| costs)), "seed {seed}");
    }
    figures
}

#[test]
fn a_thousand_worlds_conserve_every_total() {
    let (mut figures, mut lines, mut idle, mut owners) = (0, 0, 0, BTreeSet::new());
    let (mut shared_pools, mut stuck, mut invoices, mut commitments) = (0, 0, 0, 0);
    for seed in 0..1_000 {
        let world = random_world(&mut Random::new(seed), 60);
        let audited = world.audit().unwrap_or_else(|fault| panic!("seed {seed}: {fault}\n{world:#?}"));
        assert_eq!(audited.owners.len(), world.rows.len());
        owners.extend(audited.owners.iter().filter_map(|owner| owner.strip_prefix("residual:").map(str::to_owned)));
        let mut days = BTreeMap::<(Day, String, String), [Amount; 4]>::new();
        for ((day, pool, owner, line, currency), costs) in &audited.journal {
            add(days.entry((*day, pool.clone(), currency.clone())).or_default(), costs);
            lines += 1;
            idle += usize::from(*line == Line::Idle);
            if owner.starts_with("residual:") {
                assert_eq!(*owner, format!("residual:pool:{pool}"), "seed {seed}");
            } else {
                let history = History::read(&world.org).unwrap();
                assert!(history.span(owner, *day).is_some(), "seed {seed}: {owner} is not there on {day}");
            }
        }
        assert!(days.values().flatten().all(Amount::is_zero), "seed {seed}: {:?}", audited.journal);
        shared_pools += days.len();
        for currency in ["USD", "EUR"] {
            let of = |sums: &OwnerSums| sum(sums.iter().filter(|((_, of), _)| of == currency).map(|(_, costs)| costs));
            assert_eq!(of(&audited.totals), of(&audited.shared), "seed {seed}: sharing changes no total");
        }
        assert_eq!(audited.readings.len(), 5);
        for reading in &audited.readings {
            figures += check(&reading.stored, &audited.totals, seed);
            figures += check(&reading.shared, &audited.shared, seed);
        }
        let pool_days: BTreeSet<_> = world
            .rows
            .iter()
            .zip(&audited.owners)
            .filter_map(|(row, owner)| Some((row.day, owner.strip_prefix("residual:pool:")?, row.currency)))
            .collect();
        stuck += pool_days.len();
        // What must be split apart: the cost of one pool and day from two invoices, or about two commitments.
        let mut parts = BTreeMap::<_, (BTreeSet<_>, BTreeSet<_>)>::new();
        for (row, owner) in world.rows.iter().zip(&audited.owners) {
            let Some(pool) = owner.strip_prefix("residual:pool:") else { continue };
            let (months, ids) = parts.entry((row.day, pool, row.currency)).or_default();
            months.insert(row.month);
            ids.extend(row.commitment.map(|(id, _)| id));
        }
        let pools = world.pools.as_deref().unwrap_or_default();
        let by_commitment = |pool: &str| {
            let settings = pools.split("- name: ").find(|text| text.starts_with(pool));
            settings.is_some_and(|text| text.contains("commitment"))
        };
        invoices += parts.values().filter(|(months, _)| months.len() > 1).count();
        commitments += parts.iter().filter(|((_, pool, _), (_, ids))| ids.len() > 1 && by_commitment(pool)).count();
    }
    println!("worlds 1000, figures {figures}, lines {lines}, idle {idle}, pool days {stuck}, shared {shared_pools}");
    println!("pool days of two invoices {invoices}, of two commitments {commitments}");
    assert!(invoices > 10 && commitments > 10, "{invoices} {commitments}");
    assert!(figures > 100_000 && lines > 5_000 && idle > 100, "{figures} {lines} {idle}");
    for reason in ["no-rule", "unknown-team", "ambiguous", "pool:kafka", "pool:overhead"] {
        assert!(owners.contains(reason), "no world has {reason}");
    }
}

#[test]
fn a_seed_gives_the_same_world_and_the_order_of_rows_says_nothing() {
    for seed in 0..50 {
        let world = random_world(&mut Random::new(seed), 60);
        assert_eq!(format!("{world:?}"), format!("{:?}", random_world(&mut Random::new(seed), 60)));
        let audited = world.audit().unwrap();
        let mut other = world.clone();
        other.rows.reverse();
        let reversed = other.audit().unwrap();
        assert_eq!(reversed.journal, audited.journal, "seed {seed}");
        assert_eq!(reversed.readings, audited.readings, "seed {seed}");
    }
}

/// Every fault that an org can have, looked for day by day.
fn org_faults(history: &History, yaml: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut days = history.turns();
    days.extend([Day::EARLIEST, Day::from_ymd(2030, 1, 1).unwrap()]);
    for day in days {
        for id in history.ids() {
            let Some(span) = history.span(id, day) else { continue };
            if let Some(parent) = &span.parent
                && history.span(parent, day).is_none()
            {
                faults.push(format!("{id} is under {parent}, which is not there on {day}"));
            }
            let path = history.path(id, day);
            if path.len() > 4 || history.span(&path[0], day).is_some_and(|root| root.parent.is_some()) {
                faults.push(format!("{id} is too deep or in a circle on {day}: {path:?}"));
            }
            if let (Some(successor), Some(until)) = (&span.successor, span.days.until)
                && history.span(successor, until).is_none()
            {
                faults.push(format!("{id} ends on {until} and {successor} is not there"));
            }
        }
    }
    let root: serde_norway::Value = serde_norway::from_str(yaml).unwrap();
    for unit in root["units"].as_sequence().unwrap() {
        let bound =
            |span: &serde_norway::Value, name: &str| span.get(name).and_then(|day| day.as_str().map(str::to_owned));
        let spans = unit["spans"].as_sequence().unwrap();
        for pair in spans.windows(2) {
            if bound(&pair[0], "until") > bound(&pair[1], "from") || bound(&pair[0], "until").is_none() {
                faults.push(format!("spans overlap: {unit:?}"));
            }
        }
        if spans.iter().any(|span| bound(span, "from").is_some() && bound(span, "from") == bound(span, "until")) {
            faults.push(format!("an empty span: {unit:?}"));
        }
    }
    faults
}

#[test]
fn orgs_are_valid_on_every_day() {
    let (mut ended, mut came_back, mut split, mut succeeded) = (0, 0, 0, 0);
    for seed in 0..1_000 {
        let world = random_world(&mut Random::new(seed), 0);
        let history = History::read(&world.org).unwrap();
        assert_eq!(org_faults(&history, &world.org), Vec::<String>::new(), "seed {seed}\n{}", world.org);
        ended += usize::from(history.ids().any(|id| history.span(id, Day::from_ymd(2030, 1, 1).unwrap()).is_none()));
        succeeded += world.org.matches("successor: ").count();
        split += world.org.matches("split_from: ").count();
        came_back += world.org.matches("name: \"New ").count();
    }
    assert!(ended > 200 && came_back > 30 && split > 100 && succeeded > 300, "{ended} {came_back} {split} {succeeded}");
}
