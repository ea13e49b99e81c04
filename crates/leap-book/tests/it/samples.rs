//! Small made-up deliveries, and the publish that a good ingest of one would make.

use std::collections::BTreeMap;

use leap_book::{OwnerTotal, ProofRow, Publish, PublishedDelivery};
use leap_terms::delivery::{Batch, CurrencyTotals, Part, Quarantined};
use leap_terms::tables::Table;
use leap_terms::{
    CostKind, Costs, Currency, Delivery, DeliveryId, Digest, FileRecord, Format, Instant, Money, Month, Owner,
    RowsDigest, RuleId, ScopeFacts, ScopeKey, SourceId,
};

pub(crate) const AWS: &str = "focus:aws:958667946125";

pub(crate) fn at(minute: i64) -> Instant {
    Instant::from_micros(1_789_516_800_000_000 + minute * 60_000_000)
}

pub(crate) fn month(text: &str) -> Month {
    text.parse().unwrap()
}

pub(crate) fn scope(source: &str, billing_period: &str) -> ScopeKey {
    ScopeKey { source: SourceId::new(source).unwrap(), billing_period: month(billing_period) }
}

/// A delivery of one scope: `cost` over three charges, in a file that holds `name`.
pub(crate) fn delivery(name: &str, source: &str, billing_period: &str, cost: &str, format: Format) -> Delivery {
    let cost: Money = cost.parse().unwrap();
    let costs = Costs { billed: cost, effective: cost, list: cost, contracted: cost };
    let scope = scope(source, billing_period);
    Delivery {
        id: DeliveryId::new(&Digest::of(name.as_bytes()).short()).unwrap(),
        source: scope.source.clone(),
        format,
        version: Some("1.2".to_owned()),
        execution: None,
        nominal: None,
        path: format!("bills/{name}.csv.gz"),
        parts: vec![Part {
            path: format!("bills/{name}.csv.gz"),
            bytes: 1_234,
            digest: Digest::of(name.as_bytes()),
            rows: 4,
            format,
        }],
        scopes: vec![ScopeFacts {
            rows: 3,
            digest: RowsDigest::from_bits(u128::from(cost.coarse().unsigned_abs() as u64)),
            totals: vec![CurrencyTotals { currency: Currency::new("USD").unwrap(), costs, absolute: costs }],
            first_day: scope.billing_period.first_day(),
            last_day: scope.billing_period.first_day().plus(9),
            accounts: vec![format!("{name}/sub"), "958667946125/958667946125".to_owned()],
            key_columns: vec!["ServiceName".to_owned()],
            extra_columns: vec!["x_Discounts".to_owned()],
            derived: vec![CostKind::Contracted],
            batches: vec![Batch { name: format!("{name}.csv.gz"), rows: 3, digest: RowsDigest::from_bits(7) }],
            row_ids: vec![1, u64::MAX],
            scope,
        }],
        rows: 3,
        skipped: 0,
        quarantined: 1,
        quarantine: vec![quarantined(name, 3)],
        assumptions: Vec::new(),
        mappings: Vec::new(),
    }
}

pub(crate) fn quarantined(name: &str, row: u64) -> Quarantined {
    Quarantined {
        file: format!("bills/{name}.csv.gz"),
        part: 0,
        row,
        column: Some("BilledCost".to_owned()),
        value: "1,234.50".to_owned(),
        reason: "has a comma; write 1234.50, without thousands separators".to_owned(),
        raw: "a,\"1,234.50\"\u{0}".to_owned(),
    }
}

pub(crate) fn file(table: Table, delivery: &Delivery, name: &str) -> FileRecord {
    let facts = &delivery.scopes[0];
    let sums = match table {
        Table::Charges | Table::Cube => CostKind::ALL
            .into_iter()
            .map(|kind| (kind.column().to_owned(), facts.totals[0].costs[kind]))
            .collect::<BTreeMap<_, _>>(),
        _ => BTreeMap::new(),
    };
    FileRecord {
        table,
        scope: facts.scope.clone(),
        delivery: delivery.id.clone(),
        path: format!("{}/{name}.parquet", table.name()),
        bytes: 99,
        digest: Digest::of(name.as_bytes()),
        rows: facts.rows,
        sums,
        columns: vec!["x_Discounts".to_owned()],
        fine: table == Table::Charges,
        index: None,
        foot: None,
    }
}

/// The publish of one delivery, with files, proofs and totals.
pub(crate) fn ingest(parent: Option<i64>, delivery: &Delivery, supersedes: Vec<(ScopeKey, DeliveryId)>) -> Publish {
    let minute = parent.unwrap_or(0);
    let digest = Digest::of(format!("world {minute} {}", delivery.id).as_bytes());
    let mut publish = Publish::new(parent, digest, format!("ingest {}", delivery.path), "ana", at(minute));
    publish.add =
        vec![file(Table::Charges, delivery, delivery.id.as_str()), file(Table::Cube, delivery, delivery.id.as_str())];
    for facts in &delivery.scopes {
        for total in &facts.totals {
            for cost in CostKind::ALL {
                publish.proofs.push(ProofRow {
                    scope: facts.scope.clone(),
                    currency: total.currency.clone(),
                    cost,
                    rows: facts.rows,
                    accepted: total.costs[cost],
                    attributed: total.costs[cost],
                    difference: Money::ZERO,
                    owners: Digest::of(b"owners"),
                });
            }
            publish.owner_totals.push(OwnerTotal {
                scope: facts.scope.clone(),
                owner: "payments".parse::<Owner>().unwrap(),
                rule: Some(RuleId::new("team-tag").unwrap()),
                currency: total.currency.clone(),
                costs: total.costs,
                rows: facts.rows,
            });
        }
    }
    publish.table_versions = BTreeMap::from([(Table::Charges, minute + 1), (Table::Cube, minute + 1)]);
    publish.deliveries = vec![PublishedDelivery { delivery: delivery.clone(), supersedes }];
    publish
}

/// What [`ingest`] of `old` put into the lake, to be removed when `old` is superseded.
pub(crate) fn paths_of(old: &Delivery) -> Vec<String> {
    vec![format!("charges/{}.parquet", old.id), format!("cube/{}.parquet", old.id)]
}

/// The publish of `new` in place of `old`.
pub(crate) fn replace(parent: i64, old: &Delivery, new: &Delivery) -> Publish {
    let mut publish = ingest(Some(parent), new, vec![(old.scopes[0].scope.clone(), old.id.clone())]);
    publish.remove = paths_of(old);
    publish
}

pub(crate) fn september(name: &str, cost: &str) -> Delivery {
    delivery(name, AWS, "2026-09", cost, Format::Focus)
}
