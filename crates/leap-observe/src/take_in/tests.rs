//! Deliveries taken in from files to facts: the staged restatements, redelivered batches, and what must be refused.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use arrow::compute::concat_batches;
use leap_terms::{CostKind, Costs};

use super::*;
use crate::discover::{DiscoverOptions, discover};

/// Everything that was written, by table and month.
#[derive(Default)]
struct Memory {
    batches: BTreeMap<(Table, Month), Vec<RecordBatch>>,
    resets: usize,
    fail: bool,
}

impl FactSink for Memory {
    fn write(&mut self, table: Table, month: Month, batch: &RecordBatch) -> Result<(), SinkError> {
        if self.fail {
            return Err(SinkError::new(std::io::Error::other("the disk is full")));
        }
        self.batches.entry((table, month)).or_default().push(batch.clone());
        Ok(())
    }

    fn reset(&mut self) -> Result<(), SinkError> {
        self.batches.clear();
        self.resets += 1;
        Ok(())
    }
}

impl Memory {
    fn rows(&self, table: Table) -> usize {
        self.batches
            .iter()
            .filter(|((other, _), _)| *other == table)
            .flat_map(|(_, batches)| batches)
            .map(RecordBatch::num_rows)
            .sum()
    }

    /// The tables that do not depend on how charges were cut into batches.
    fn folded(&self) -> BTreeMap<(Table, Month), RecordBatch> {
        self.batches
            .iter()
            .filter(|((table, _), _)| *table != Table::Charges)
            .map(|(place, batches)| (*place, concat_batches(&batches[0].schema(), batches).unwrap()))
            .collect()
    }
}

struct Setting {
    spill: tempfile::TempDir,
    cancelled: AtomicBool,
}

impl Setting {
    fn new() -> Setting {
        Setting { spill: tempfile::tempdir().unwrap(), cancelled: AtomicBool::new(false) }
    }

    fn context(&self) -> Context<'_> {
        Context {
            source: None,
            known: &[],
            extra_key_columns: &[],
            quarantine_bps: 100,
            spill: self.spill.path(),
            memory: 64 << 20,
            threads: 2,
            read: ReadOptions::default(),
            progress: &Silent,
            cancelled: &self.cancelled,
        }
    }

    fn take(&self, candidate: &Candidate, taken: &Taken) -> Result<(Delivery, Memory), IntakeError> {
        let context = self.context();
        let mut sink = Memory::default();
        let delivery = take_in(&prepare(candidate, &context)?, taken, &context, &mut sink)?;
        Ok((delivery, sink))
    }
}

fn found(path: &Path) -> Vec<Candidate> {
    discover(&[path.to_owned()], &DiscoverOptions::default()).unwrap().candidates
}

fn staged(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/focus")).join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn costs(delivery: &Delivery) -> Costs {
    let totals = delivery.totals();
    assert_eq!(totals.len(), 1, "one currency");
    totals[0].1
}

/// A FOCUS bill of so many charges, of which the `bad` first have no readable cost.
fn focus(rows: usize, bad: usize) -> String {
    let mut text = "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ServiceName,ServiceCategory,ProviderName,PublisherName,InvoiceIssuerName,ResourceId,SubAccountId\n".to_owned();
    for row in 0..rows {
        let cost = if row < bad { "oops".to_owned() } else { format!("0.{row:04}1") };
        let day = row % 28 + 1;
        text += &format!(
            "{cost},{cost},1,1,payer,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-{day:02}T00:00:00Z,2026-09-{day:02}T01:00:00Z,Usage,EC2,Compute,AWS,AWS,AWS,i-{row},a-{}\n",
            row % 7
        );
    }
    text
}

const GCP: &str = "billing_account_id,service.id,service.description,sku.id,usage_start_time,usage_end_time,project.id,export_time,cost,currency,credits,invoice.month,cost_type\n";

fn gcp(export_time: &str, costs: &[&str]) -> String {
    let row = |cost: &&str| {
        format!(
            "B-1,S,Compute Engine,K,2026-09-02 00:00:00 UTC,2026-09-02 01:00:00 UTC,p,{export_time},{cost},USD,[],202609,regular\n"
        )
    };
    costs.iter().map(row).collect()
}

fn batches(delivery: &Delivery) -> Taken {
    delivery.scopes.iter().map(|facts| (facts.scope.billing_period, facts.batches.clone())).collect()
}

#[test]
fn the_staged_deliveries_have_the_totals_of_their_truth() {
    let Some(folder) = staged("restate-1.2") else { return };
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    let setting = Setting::new();
    let mut digests = BTreeMap::new();
    for step in truth["deliveries"].as_array().unwrap() {
        let name = step["delivery"].as_str().unwrap();
        let candidates = found(&folder.join("deliveries").join(name));
        assert_eq!(candidates.len(), 1, "{name}");
        let outcome = setting.take(&candidates[0], &Taken::new());
        if !step["accepted"].as_bool().unwrap() {
            let refusal = outcome.err().expect("a broken delivery is refused").to_string();
            let part = if name.starts_with("004") { "export-00002.csv.gz" } else { "export-00003.csv.gz" };
            assert!(refusal.contains(part), "{name}: {refusal}");
            continue;
        }
        let (delivery, sink) = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        let month = delivery.nominal.unwrap();
        let expected = &step["totals_after"][month.to_string()];
        assert_eq!(delivery.rows, expected["rows"].as_u64().unwrap(), "{name}");
        assert_eq!(sink.rows(Table::Charges) as u64, delivery.rows);
        for kind in CostKind::ALL {
            let exact: leap_terms::Money = expected[kind.column()].as_str().unwrap().parse().unwrap();
            assert_eq!(costs(&delivery)[kind], exact, "{name} {kind}");
        }
        digests.insert(name.to_owned(), delivery.scopes[0].digest);
    }
    assert_eq!(
        digests["002-sep-day12"], digests["003-sep-day12-again"],
        "other files, order and spelling, the same rows"
    );
    assert_eq!(
        std::fs::read_dir(setting.spill.path())
            .unwrap()
            .flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap())
            .count(),
        0
    );
}

#[test]
fn the_staged_cur_bucket_is_named_by_its_manifest_and_exact() {
    let Some(bucket) = staged("aws-cur-legacy/bucket") else { return };
    let (delivery, _) = Setting::new().take(&found(&bucket)[0], &Taken::new()).unwrap();
    assert_eq!(delivery.source.as_str(), "aws-cur:6568388779672/koku-local");
    assert_eq!((delivery.rows_read(), delivery.nominal), (13_380, Month::new(2018, 8)));
    let mapping = delivery
        .mappings
        .iter()
        .find(|one| one.raw_column == "lineItem/UnblendedCost" && one.cost == CostKind::Billed)
        .unwrap();
    assert_eq!(mapping.raw_total.to_text(), "143227.76367818761501799105");
    let moved: leap_terms::Money = mapping.adjustments.iter().map(|one| one.amount).sum();
    assert_eq!(mapping.raw_total + moved, costs(&delivery).billed);
}

#[test]
fn threads_and_memory_change_nothing() {
    let folder = files(&[("bill-1.csv", &focus(20_000, 0)), ("bill-2.csv", &focus(300, 0))]);
    let candidate = &found(folder.path())[0];
    assert_eq!(candidate.parts.len(), 2);
    let setting = Setting::new();
    let mut outcomes = Vec::new();
    for (threads, memory) in [(1, 64 << 20), (4, 64 << 20), (2, 1)] {
        let context = Context { threads, memory, ..setting.context() };
        let mut sink = Memory::default();
        let delivery = take_in(&prepare(candidate, &context).unwrap(), &Taken::new(), &context, &mut sink).unwrap();
        let charges: Vec<_> = sink.batches[&(Table::Charges, Month::new(2026, 9).unwrap())].clone();
        outcomes.push((delivery, sink.folded(), charges));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0], outcomes[2]);
    assert_eq!(outcomes[0].0.rows, 20_300);
}

#[test]
fn an_appending_source_takes_each_batch_once() {
    let (first, second, third) = (
        gcp("2026-09-02 03:00:00 UTC", &["1", "2"]),
        gcp("2026-09-02 05:00:00 UTC", &["4"]),
        gcp("2026-09-03 00:00:00 UTC", &["8"]),
    );
    let early = files(&[("a.csv", &format!("{GCP}{first}{second}"))]);
    let late = files(&[("b.csv", &format!("{GCP}{third}{second}{first}"))]);
    let setting = Setting::new();
    let (one, _) = setting.take(&found(early.path())[0], &Taken::new()).unwrap();
    assert_eq!((one.rows, one.scopes[0].batches.len(), one.source.as_str()), (3, 2, "gcp:B-1"));
    let (two, sink) = setting.take(&found(late.path())[0], &batches(&one)).unwrap();
    assert_eq!((two.rows, two.skipped, two.rows_read()), (1, 3, 4));
    assert_eq!(sink.rows(Table::Charges), 1);
    assert_eq!(costs(&two).billed.to_text(), "8");
    assert_eq!(two.scopes[0].batches.len(), 1, "only what this delivery brought");

    let changed = files(&[("c.csv", &format!("{GCP}{}", gcp("2026-09-02 03:00:00 UTC", &["1", "3"])))]);
    let refusal = setting
        .take(&found(changed.path())[0], &batches(&one))
        .err()
        .expect("other rows under a known name")
        .to_string();
    assert!(
        refusal.contains("2026-09-02") && refusal.contains("2 rows") && refusal.contains("in one folder"),
        "{refusal}"
    );
}

#[test]
fn a_known_account_names_the_source_and_two_are_a_question() {
    let folder = files(&[("bill.csv", &focus(3, 0))]);
    let candidate = &found(folder.path())[0];
    let setting = Setting::new();
    assert_eq!(prepare(candidate, &setting.context()).unwrap().source.as_str(), "focus:aws:payer");
    let known = |name: &str| KnownSource {
        source: SourceId::new(name).unwrap(),
        format: Format::Focus,
        accounts: BTreeSet::from(["payer".to_owned()]),
    };
    let one = [known("focus:team")];
    assert_eq!(
        prepare(candidate, &Context { known: &one, ..setting.context() }).unwrap().source.as_str(),
        "focus:team"
    );
    let two = [known("focus:team"), known("focus:other")];
    let question = prepare(candidate, &Context { known: &two, ..setting.context() }).unwrap_err().to_string();
    assert!(question.contains("--source") && question.contains("focus:other"), "{question}");
    let named = Context { source: SourceId::new("mine").ok(), known: &two, ..setting.context() };
    assert_eq!(prepare(candidate, &named).unwrap().source.as_str(), "mine");
}

#[test]
fn too_many_unreadable_rows_refuse_the_delivery_and_few_are_kept() {
    let setting = Setting::new();
    let few = files(&[("bill.csv", &focus(300, 3))]);
    let (delivery, sink) = setting.take(&found(few.path())[0], &Taken::new()).unwrap();
    assert_eq!(
        (delivery.rows, delivery.quarantined, delivery.quarantine.len(), sink.rows(Table::Charges)),
        (297, 3, 3, 297)
    );
    assert_eq!(delivery.quarantine[0].column.as_deref(), Some("BilledCost"));
    let many = files(&[("bill.csv", &focus(300, 4))]);
    let refusal =
        setting.take(&found(many.path())[0], &Taken::new()).err().expect("4 of 300 are more than 1 %").to_string();
    assert!(
        refusal.contains("4 of 300") && refusal.contains("quarantine_bps") && refusal.contains("BilledCost"),
        "{refusal}"
    );
}

#[test]
fn a_copied_part_is_not_counted_twice() {
    let bill = focus(5, 0);
    let folder = files(&[("bill-1.csv", &bill), ("bill-2.csv", &bill)]);
    let refusal = Setting::new().take(&found(folder.path())[0], &Taken::new()).err().expect("a copy").to_string();
    assert!(refusal.contains("bill-1.csv") && refusal.contains("bill-2.csv") && refusal.contains("twice"), "{refusal}");
}

#[test]
fn fewer_rows_than_the_manifest_promises_refuse_the_delivery() {
    let folder = files(&[("bill.csv", &focus(5, 0))]);
    let candidate = Candidate { expected_rows: Some((1, 6)), ..found(folder.path())[0].clone() };
    let refusal = Setting::new().take(&candidate, &Taken::new()).err().expect("a row is missing").to_string();
    assert!(refusal.contains("5 data rows instead of the 6"), "{refusal}");
}

#[test]
fn a_file_that_changes_between_looking_and_reading_is_refused() {
    let folder = files(&[("bill.csv", &focus(5, 0))]);
    let setting = Setting::new();
    let context = setting.context();
    let prepared = prepare(&found(folder.path())[0], &context).unwrap();
    std::fs::write(folder.path().join("bill.csv"), focus(6, 0)).unwrap();
    let refusal = take_in(&prepared, &Taken::new(), &context, &mut Memory::default()).unwrap_err().to_string();
    assert!(refusal.contains("changed while it was read"), "{refusal}");
}

#[test]
fn a_full_disk_and_a_person_who_stops_end_it_without_a_hang() {
    let folder = files(&[("bill.csv", &focus(50_000, 0))]);
    let setting = Setting::new();
    let context = setting.context();
    let prepared = prepare(&found(folder.path())[0], &context).unwrap();
    let mut sink = Memory { fail: true, ..Memory::default() };
    assert!(matches!(take_in(&prepared, &Taken::new(), &context, &mut sink), Err(IntakeError::Sink(_))));
    setting.cancelled.store(true, Ordering::Relaxed);
    let context = setting.context();
    assert!(matches!(take_in(&prepared, &Taken::new(), &context, &mut Memory::default()), Err(IntakeError::Stopped)));
}
