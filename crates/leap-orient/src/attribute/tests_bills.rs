//! Small bills for tests: charges as facts, folded into the lake's batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
use leap_terms::tables::{self, summed_columns};
use leap_terms::{Day, Money};

use super::naive::Facts;

/// A charge: its day, its facts, its effective cost.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) day: Day,
    pub(crate) facts: Facts,
    pub(crate) cost: Money,
    pub(crate) rows: i64,
}

pub(crate) fn charge(day: &str, facts: &[(&str, &str)], cost: &str) -> Charge {
    let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Charge { day: day.parse().unwrap(), facts, cost: cost.parse().unwrap(), rows: 1 }
}

pub(crate) const KEY_COLUMNS: [&str; 6] =
    ["AllocatedTags", "RegionId", "ServiceName", "SubAccountId", "Tags", "x_CostCenter"];

pub(crate) fn sixteen(text: &str) -> [u8; 16] {
    let digest = leap_terms::Digest::of(text.as_bytes()).to_string();
    u128::from_str_radix(&digest[..32], 16).unwrap().to_be_bytes()
}

fn json(facts: &Facts, column: &str) -> Option<String> {
    let tags: BTreeMap<&str, &str> = facts
        .iter()
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(column)?.strip_prefix("['")?.strip_suffix("']")?, value.as_str()))
        })
        .collect();
    (!tags.is_empty()).then(|| serde_json::to_string(&tags).unwrap())
}

pub(crate) struct Bill {
    pub(crate) keys: RecordBatch,
    pub(crate) resources: RecordBatch,
    pub(crate) cube: RecordBatch,
}

pub(crate) fn key_of(facts: &Facts) -> Vec<Option<String>> {
    let column = |name: &&str| match *name {
        "Tags" | "AllocatedTags" => json(facts, name),
        _ => facts.get(*name).cloned().filter(|text| !text.is_empty()),
    };
    KEY_COLUMNS.iter().map(column).collect()
}

pub(crate) fn resource_of(facts: &Facts) -> Option<(Option<String>, Option<String>)> {
    let get = |name: &str| facts.get(name).cloned().filter(|text| !text.is_empty());
    let (id, name) = (get("ResourceId"), get("ResourceName"));
    (id.is_some() || name.is_some()).then_some((id, name))
}

pub(crate) fn bill(charges: &[Charge]) -> Bill {
    let mut keys: Vec<Vec<Option<String>>> = charges.iter().map(|charge| key_of(&charge.facts)).collect();
    let mut resources: Vec<_> = charges.iter().filter_map(|charge| resource_of(&charge.facts)).collect();
    // Keys and resources in order of first appearance, each once.
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(format!("{key:?}")));
    resources.retain(|resource| seen.insert(format!("{resource:?}")));
    let digests = |texts: Vec<String>| -> ArrayRef {
        let mut builder = BinaryBuilder::new();
        texts.iter().for_each(|text| builder.append_value(sixteen(text)));
        Arc::new(builder.finish())
    };
    let mut columns = vec![digests(keys.iter().map(|key| format!("{key:?}")).collect())];
    for at in 0..KEY_COLUMNS.len() {
        columns.push(Arc::new(keys.iter().map(|key| key[at].clone()).collect::<StringArray>()));
    }
    let names = KEY_COLUMNS.map(str::to_owned);
    let keys = RecordBatch::try_new(tables::keys(&names), columns).unwrap();
    let resource_columns: Vec<ArrayRef> = vec![
        digests(resources.iter().map(|resource| format!("{resource:?}")).collect()),
        Arc::new(resources.iter().map(|(id, _)| id.clone()).collect::<StringArray>()),
        Arc::new(resources.iter().map(|(_, name)| name.clone()).collect::<StringArray>()),
    ];
    let resources = RecordBatch::try_new(tables::resources(), resource_columns).unwrap();
    let mut resource_digests = BinaryBuilder::new();
    for charge in charges {
        resource_digests.append_option(resource_of(&charge.facts).map(|resource| sixteen(&format!("{resource:?}"))));
    }
    let mut cube: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(charges.iter().map(|charge| charge.day.days()))),
        digests(charges.iter().map(|charge| format!("{:?}", key_of(&charge.facts))).collect()),
        Arc::new(resource_digests.finish()),
        Arc::new(
            charges
                .iter()
                .map(|charge| charge.facts.get("BillingCurrency").cloned().or(Some("USD".to_owned())))
                .collect::<StringArray>(),
        ),
    ];
    for _ in summed_columns() {
        let coarse = Decimal128Array::from_iter_values(charges.iter().map(|charge| charge.cost.coarse()));
        let fine = charges.iter().map(|charge| Some(i128::from(charge.cost.fine())).filter(|fine| *fine != 0));
        cube.push(Arc::new(coarse.with_precision_and_scale(38, 18).unwrap()));
        cube.push(Arc::new(fine.collect::<Decimal128Array>().with_precision_and_scale(38, 30).unwrap()));
    }
    cube.push(Arc::new(Int64Array::from_iter_values(charges.iter().map(|charge| charge.rows))));
    Bill { keys, resources, cube: RecordBatch::try_new(tables::cube(), cube).unwrap() }
}
