//! Three ways to one answer: the cube, packs of it, and days by owner say the same of every question.

use leap_terms::{CostKind, Period, ScopeKey, TeamId};
use proptest::prelude::*;

use super::*;
use crate::attribute::daily::Covered;
use crate::attribute::tests_bills::{Bill, Charge, KEY_COLUMNS, bill, charge};
use crate::attribute::{Daily, Engine};
use crate::org::{Org, OrgReading};
use crate::reading::days::DaysBuilder;
use crate::reading::dimension;
use crate::reading::filter::Filter;
use crate::reading::pack::{Pack, Packer};
use crate::rules::RuleSet;

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: shop, name: Shop, kind: division, parent: acme}
  - {id: payments, name: Payments, kind: team, parent: shop}
  - id: search
    spans:
    - {until: 2026-09-16, name: Search, kind: team, parent: acme}
    - {from: 2026-09-16, name: Search, kind: team, parent: shop}
  - {id: old, name: Old, kind: team, parent: acme, successor: payments, effective: {until: 2026-09-20}}
";

const RULES: &str = "rules:
  - {id: one-node, when: \"ResourceId = 'r-1' AND SubAccountId = 'a-1'\", owner: search}
  - {id: tag, owner: {from: \"Tags['team']\"}}
  - {id: account, when: \"SubAccountId = 'a-2'\", owner: payments}
  - {id: shared, when: \"ServiceName = 'EKS'\", pool: eks}
residual: {steward: s}
";

struct World {
    org: Org,
    bill: Bill,
    answers: Answers,
    scope: ScopeKey,
}

fn world(charges: &[Charge]) -> World {
    let org = Org::from_yaml("org.yaml", ORG).unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)));
    let rules = RuleSet::parse("rules.yaml", RULES, &|_| Err("no such file".to_owned()), &org)
        .unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)));
    let bill = bill(charges);
    let mut answers = Answers::new();
    {
        let engine = Engine::new(&rules, &org);
        let mut run = engine.scope();
        run.keys(&bill.keys).unwrap();
        run.resources(&bill.resources).unwrap();
        run.cube(&bill.cube).unwrap();
        run.finish().batches.iter().for_each(|batch| answers.add(batch).unwrap());
    }
    let scope =
        ScopeKey { source: leap_terms::SourceId::new("aws").unwrap(), billing_period: "2026-09".parse().unwrap() };
    World { org, bill, answers, scope }
}

fn packed(world: &World, cost: CostKind) -> Pack {
    let mut packer = Packer::new(cost, &KEY_COLUMNS.map(str::to_owned));
    packer.keys(&world.bill.keys).unwrap();
    packer.resources(&world.bill.resources).unwrap();
    // In two parts, as batches come.
    let half = world.bill.cube.num_rows() / 2;
    packer.cube(&world.answers, &world.bill.cube.slice(0, half)).unwrap();
    packer.cube(&world.answers, &world.bill.cube.slice(half, world.bill.cube.num_rows() - half)).unwrap();
    let pack = packer.finish();
    let again = Pack::from_bytes(&pack.to_bytes()).unwrap();
    assert_eq!(again, pack);
    again
}

type Told = (Vec<SpendRow>, BTreeMap<Currency, Money>);

/// The answers of all ways that can give one; the first is that of the cube.
fn told(world: &World, query: &dyn Fn() -> SpendQuery<'static>, reading: OrgReading) -> Vec<(&'static str, Told)> {
    let reader = Reader::new(&world.org, reading);
    let mut all = Vec::new();
    let mut spend = Spend::new(query());
    let mut scope = spend.scope(&world.scope);
    spend.keys(&mut scope, &world.bill.keys);
    spend.resources(&mut scope, &world.bill.resources);
    spend.cube(&scope, &world.answers, &reader, &world.bill.cube);
    all.push(("cube", spend.finish()));

    let pack = packed(world, query().cost);
    let mut spend = Spend::new(query());
    assert!(spend.is_of_cells() && spend.pack(&world.scope, &pack, &reader));
    all.push(("pack", spend.finish()));

    let days = || world.bill.cube.column(0).as_primitive::<Date32Type>().values().iter().copied();
    let (first, last) = (Day::from_days(days().min().unwrap()), Day::from_days(days().max().unwrap()));
    let mut spend = Spend::new(query());
    if spend.is_whole(first, last, &reader) {
        let folded = Pack::from_bytes(&pack.folded().to_bytes()).unwrap();
        assert!(spend.pack(&world.scope, &folded, &reader));
        all.push(("folded", spend.finish()));
    }

    let mut spend = Spend::new(query());
    if spend.is_of_owners() {
        let (mut daily, mut covered) = (Daily::new(), Covered::new());
        covered.keys(&world.bill.keys).unwrap();
        covered.cube(&world.answers, &world.bill.cube, &mut daily).unwrap();
        let mut days = DaysBuilder::new();
        days.read(&daily.batch()).unwrap();
        let rows = world.bill.cube.num_rows() as u64;
        spend.days(DaysOf::Charges(&world.scope), &days.whole(rows).unwrap(), &reader);
        all.push(("days", spend.finish()));
    }
    all
}

const DIMENSIONS: [&str; 14] = [
    "team",
    "path",
    "division",
    "pool",
    "rule",
    "source",
    "month",
    "day",
    "billing_period",
    "service",
    "account",
    "region",
    "Tags['team']",
    "resource",
];

const FILTERS: [Option<&str>; 12] = [
    None,
    Some("team = 'payments'"),
    Some("team IN ('search', 'residual:no-rule') AND rule IS NULL"),
    Some("division = 'shop'"),
    Some("source = 'aws'"),
    Some("pool IS NULL"),
    Some("pool = 'eks'"),
    Some("ServiceName = 'EC2' AND team <> 'search'"),
    Some("ResourceId = 'r-1'"),
    Some("ResourceId IN ('r-1', 'r-9') OR SubAccountId = 'a-2'"),
    Some("ResourceId = 'r-2' AND Tags['team'] = 'payments'"),
    Some("ServiceName = 'nothing has it'"),
];

fn charges() -> impl Strategy<Value = Vec<Charge>> {
    let one = (0..30_i32, 0..3_usize, 0..3_usize, 0..4_usize, 0..5_usize, any::<i32>(), 0..3_usize, 0..2_usize);
    let one = one.prop_map(|(day, account, service, resource, team, cost, fine, currency)| {
        let day = Day::from_days("2026-09-01".parse::<Day>().unwrap().days() + day).to_string();
        let account = ["a-1", "a-2", "a-3"][account];
        let service = ["EC2", "EKS", ""][service];
        let resource = ["", "r-1", "r-2", "r-3"][resource];
        let team = ["", "payments", "search", "old", "nobody"][team];
        let cost = format!("{cost}{}", ["", ".5", ".000000000000000000000000000003"][fine]);
        let mut facts = vec![("SubAccountId", account), ("ServiceName", service), ("RegionId", "eu")];
        facts.push(("ResourceId", resource));
        facts.push(("Tags['team']", team));
        facts.push(("BillingCurrency", ["USD", "EUR"][currency]));
        facts.retain(|(_, value)| !value.is_empty());
        charge(&day, &facts, &cost)
    });
    prop::collection::vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn cube_packs_and_days_say_the_same(
        charges in charges(),
        by in prop::sample::subsequence(DIMENSIONS.to_vec(), 1..4),
        filter in 0..FILTERS.len(),
        under in 0..3_usize,
        period in 0..4_usize,
        invoiced in any::<bool>(),
        reading in 0..3_usize,
        reach in 0..3_usize,
    ) {
        let world = world(&charges);
        let levels = ["company", "division", "team"].map(str::to_owned);
        let by = dimension::parse(&by.join(","), &KEY_COLUMNS.map(str::to_owned), &levels, &[]).unwrap();
        // Kept for as long as the process lives: there are few questions, and each is small.
        let by: &'static [Named] = Box::leak(by.into_boxed_slice());
        let filter = FILTERS[filter].map(|text| Filter::parse(text, &levels).unwrap());
        let filter: Option<&'static Filter> = filter.map(|filter| &*Box::leak(Box::new(filter)));
        let under: Option<&'static TeamId> =
            [None, Some("shop"), Some("payments")][under].map(|id| &*Box::leak(Box::new(TeamId::new(id).unwrap())));
        let period: Period = ["2026-09", "2026-09-05..2026-09-20", "2026", "2026-08"][period].parse().unwrap();
        let reading = [OrgReading::AsWas, OrgReading::At("2026-09-01".parse().unwrap()), OrgReading::At("2026-10-01".parse().unwrap())][reading];
        let part = |ids: &[&str]| Reach::Under(ids.iter().map(|id| TeamId::new(id).unwrap()).collect());
        let reach: &'static Reach =
            Box::leak(Box::new([Reach::Everything, part(&["shop"]), part(&["search", "old"])][reach].clone()));
        let query = || SpendQuery {
            by,
            period,
            basis: if invoiced { Basis::Invoiced } else { Basis::Incurred },
            cost: CostKind::Effective,
            filter: filter.map(|filter| filter as &dyn RowFilter),
            under,
            reach,
        };
        let told = told(&world, &query, reading);
        for (way, answer) in &told[1..] {
            prop_assert_eq!(&told[0].1, answer, "{} and {}", told[0].0, way);
        }
    }

    #[test]
    fn no_bytes_break_the_reader_of_packs(charges in charges(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bytes = packed(&world(&charges), CostKind::Effective).to_bytes();
        let mut other = bytes.clone();
        let at = at.index(other.len());
        other[at] = byte;
        if let Ok(pack) = Pack::from_bytes(&other) {
            prop_assert_eq!(pack.cells(), bill(&charges).cube.num_rows());
        }
        prop_assert!(Pack::from_bytes(&bytes[..at]).is_err());
    }
}
