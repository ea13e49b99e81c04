//! The sample company, read back by a small reader of its own.

use std::collections::BTreeMap;
use std::io::Read;

use leap_terms::{CostKind, Costs, Exact, Format};

use super::*;
use crate::audit::history::History;
use crate::audit::pools::{Line, PoolCharge, Pools, add};
use crate::audit::{Amount, AuditOptions, RawPart, audit};

fn small() -> CompanyOptions {
    CompanyOptions { seed: 7, teams: 60, months: 6, rows_per_month: 3_000, ..CompanyOptions::default() }
}

/// Path under the folder → digest, for every file.
fn digests(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string());
            }
        }
    }
    found
}

type Rows = Vec<BTreeMap<String, String>>;

/// The rows of one file, each as column → text.
fn read(path: &Path) -> Rows {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|row| header.iter().map(str::to_owned).zip(row.unwrap().iter().map(str::to_owned)).collect())
        .collect()
}

fn rows_of(made: &DeliveryMade) -> Rows {
    made.files.iter().flat_map(|file| read(file)).collect()
}

fn sum(rows: &Rows) -> Costs {
    let mut costs = Costs::default();
    for row in rows {
        for kind in CostKind::ALL {
            costs[kind] += row[kind.column()].parse::<Exact>().unwrap();
        }
    }
    costs
}

fn made(options: &CompanyOptions) -> (tempfile::TempDir, Company) {
    let folder = tempfile::tempdir().unwrap();
    let company = make(options, folder.path()).unwrap();
    (folder, company)
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let options = CompanyOptions { teams: 20, months: 3, rows_per_month: 600, ..small() };
    let (first, _) = made(&options);
    let (second, _) = made(&options);
    assert_eq!(digests(first.path()), digests(second.path()));
    let (third, _) = made(&CompanyOptions { seed: 8, ..options });
    assert_ne!(digests(first.path()), digests(third.path()));
}

#[test]
fn a_company_is_never_written_over_another() {
    let options = CompanyOptions { teams: 3, months: 1, rows_per_month: 60, ..small() };
    let (folder, _) = made(&options);
    assert_eq!(make(&options, folder.path()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn the_truth_equals_the_files_added_up_again() {
    let (_folder, company) = made(&small());
    let truth = fs::read_to_string(company.truth.join("deliveries.jsonl")).unwrap();
    let truths: Vec<serde_json::Value> = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(truths.len(), company.deliveries.len());
    for (made, truth) in company.deliveries.iter().zip(&truths) {
        let rows = rows_of(made);
        assert_eq!(rows.len() as u64, made.rows, "{}", made.label);
        assert_eq!(sum(&rows), made.totals, "{}", made.label);
        assert_eq!(truth["rows"], made.rows);
        for kind in CostKind::ALL {
            assert_eq!(truth[kind.column()].as_str().unwrap(), made.totals[kind].to_string());
        }
        for owners in ["EffectiveCostByTrueOwner", "EffectiveCostByExpectedOwner"] {
            let parts: Exact = truth[owners]
                .as_object()
                .unwrap()
                .values()
                .map(|cost| cost.as_str().unwrap().parse::<Exact>().unwrap())
                .sum();
            assert_eq!(parts, made.totals.effective, "{} {owners}", made.label);
        }
        assert!(rows.iter().all(|row| row["BillingAccountId"] == made.billing_account));
    }
}

#[test]
fn the_owner_of_every_row_of_a_current_delivery_is_known() {
    let (_folder, company) = made(&small());
    let truth = fs::read_to_string(company.truth.join("deliveries.jsonl")).unwrap();
    let org = fs::read_to_string(&company.org).unwrap();
    for (made, truth) in company.deliveries.iter().zip(truth.lines()).filter(|(made, _)| made.current) {
        let truth: serde_json::Value = serde_json::from_str(truth).unwrap();
        let owners = read(&company.truth.join("rows").join(format!("{}-{}.csv.gz", made.cloud.word(), made.month)));
        let rows = rows_of(made);
        assert_eq!(owners.len(), rows.len());
        let mut sums = BTreeMap::<String, Exact>::new();
        for (row, owner) in rows.iter().zip(&owners) {
            *sums.entry(owner["expected_owner"].clone()).or_default() += row["EffectiveCost"].parse::<Exact>().unwrap();
            let team = &owner["true_owner"];
            assert!(
                team.starts_with("pool:") || team == "(unallocated)" || org.contains(&format!("{{id: {team}, ")),
                "{team}"
            );
        }
        for (owner, cost) in truth["EffectiveCostByExpectedOwner"].as_object().unwrap() {
            assert_eq!(sums[owner].to_string(), cost.as_str().unwrap(), "{} {owner}", made.label);
        }
    }
}

#[test]
fn a_commitment_bills_what_it_spreads() {
    let (_folder, company) = made(&CompanyOptions { months: 18, ..small() });
    let mut sums = BTreeMap::<String, [Exact; 2]>::new();
    for made in company.deliveries.iter().filter(|made| made.current) {
        for row in rows_of(made).iter().filter(|row| !row["CommitmentDiscountId"].is_empty()) {
            let sum = sums.entry(row["CommitmentDiscountId"].clone()).or_default();
            sum[0] += row["BilledCost"].parse::<Exact>().unwrap();
            sum[1] += row["EffectiveCost"].parse::<Exact>().unwrap();
        }
    }
    let mut whole = 0;
    for row in fs::read_to_string(company.truth.join("commitments.csv")).unwrap().lines().skip(1) {
        let [id, billed, effective, complete] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
        assert_eq!(sums[id].map(|sum| sum.to_string()), [billed, effective]);
        if complete == "true" {
            assert_eq!(billed, effective, "{id}");
            whole += 1;
        }
    }
    assert!(whole >= 3, "{whole}");
}

#[test]
fn an_invoice_ends_at_whole_cents_and_an_estimate_has_no_invoice() {
    let (_folder, company) = made(&small());
    for made in &company.deliveries {
        let rows = rows_of(made);
        let invoiced = matches!(made.stage, Stage::Final | Stage::Reopened);
        assert!(rows.iter().all(|row| row["InvoiceId"].is_empty() != invoiced), "{}", made.label);
        if invoiced {
            let billed = made.totals.billed.to_string();
            assert!(billed.split_once('.').is_none_or(|(_, cents)| cents.len() <= 2), "{billed}");
        }
    }
    let stages: std::collections::BTreeSet<Stage> = company.deliveries.iter().map(|made| made.stage).collect();
    assert!(stages.contains(&Stage::Day(5)) && stages.contains(&Stage::MonthEnd) && stages.contains(&Stage::Reopened));
}

#[test]
fn every_month_has_its_share_of_every_quirk() {
    let (_folder, company) = made(&CompanyOptions { rows_per_month: 6_000, ..small() });
    let mut months = BTreeMap::<String, Rows>::new();
    for made in company.deliveries.iter().filter(|made| made.current && made.stage == Stage::Final) {
        months.entry(made.month.to_string()).or_default().extend(rows_of(made));
    }
    for (at, (month, rows)) in months.iter().enumerate().filter(|(_, (_, rows))| rows.len() > 3_500) {
        let share = |test: &dyn Fn(&BTreeMap<String, String>) -> bool| {
            rows.iter().filter(|row| test(row)).count() * 10_000 / rows.len()
        };
        let zero = share(&|row| row["ListCost"].parse::<Exact>().unwrap().is_zero());
        let usage = share(&|row| row["ChargeCategory"] == "Usage");
        let corrections = share(&|row| row["ChargeClass"] == "Correction");
        let tagged = share(&|row| !row["Tags"].is_empty());
        let negative = share(&|row| row["BilledCost"].contains('-') && !row["BilledCost"].contains('E'));
        let exponent = share(&|row| row["BilledCost"].contains('E'));
        let fine = share(&|row| {
            row["BilledCost"].trim_end_matches('0').split_once('.').is_some_and(|(_, decimals)| decimals.len() >= 17)
        });
        let covered = share(&|row| row["CommitmentDiscountStatus"] == "Used");
        let bounds = [
            ("zero", zero, 2_500..4_000),
            ("usage", usage, 9_500..9_950),
            ("corrections", corrections, if at == 0 { 0..1 } else { 50..200 }),
            ("tagged", tagged, 6_500..8_800),
            ("negative", negative, 30..400),
            ("exponent", exponent, 300..1_100),
            ("fine", fine, 2..60),
            ("covered", covered, 300..2_500),
        ];
        for (what, share, bounds) in bounds {
            assert!(bounds.contains(&share), "{month}: {what} {share} of 10,000, not in {bounds:?}");
        }
    }
    assert!(company.owned_bps > 8_500 && company.owned_bps < 9_700, "{}", company.owned_bps);
}

#[test]
fn rules_name_teams_and_pools_that_exist_and_each_meets_a_row() {
    let (_folder, company) = made(&small());
    let rules = fs::read_to_string(&company.rules).unwrap();
    assert_eq!(rules.matches("  - id: ").count(), company.rule_count);
    assert!((15..=40).contains(&company.rule_count), "{}", company.rule_count);
    let org = fs::read_to_string(&company.org).unwrap();
    for line in rules.lines() {
        if let Some(team) = line.strip_prefix("    owner: ").filter(|owner| !owner.starts_with('{')) {
            assert!(org.contains(&format!("{{id: {team}, ")), "{team}");
        }
        if let Some(pool) = line.strip_prefix("    pool: ") {
            assert!(rules.contains(&format!("  - {{id: {pool}, steward: ")), "{pool}");
        }
    }
}

#[test]
fn every_container_and_version_holds_the_same_totals() {
    let options = CompanyOptions { teams: 10, months: 2, rows_per_month: 400, restatements: false, ..small() };
    let (_first, expected) = made(&options);
    for container in Container::ALL {
        for focus_version in [FocusVersion::V1_0, FocusVersion::V1_4] {
            let (_folder, company) = made(&CompanyOptions { container, focus_version, ..options.clone() });
            for (one, other) in company.deliveries.iter().zip(&expected.deliveries) {
                assert_eq!((one.rows, one.totals), (other.rows, other.totals));
                assert!(one.files.iter().all(|file| file.metadata().unwrap().len() > 100));
            }
        }
    }
}

#[test]
fn the_cost_is_heavy_tailed_and_grows() {
    let (_folder, company) = made(&CompanyOptions { months: 18, restatements: false, ..small() });
    let total = |month: usize| -> Exact {
        company
            .deliveries
            .iter()
            .filter(|made| made.month == company.deliveries[month * 3].month)
            .map(|made| made.totals.effective)
            .sum()
    };
    assert!(total(16).coarse() > total(0).coarse() * 11 / 10);
    let mut costs: Vec<i128> = company
        .deliveries
        .iter()
        .rev()
        .take(3)
        .flat_map(rows_of)
        .map(|row| row["EffectiveCost"].parse::<Exact>().unwrap().coarse())
        .filter(|cost| *cost > 0)
        .collect();
    costs.sort_unstable_by(|a, b| b.cmp(a));
    let all: i128 = costs.iter().sum();
    let top: i128 = costs.iter().take(costs.len() / 13).sum();
    assert!(top * 100 / all > 35, "the top 7.6 % of rows carry {} %", top * 100 / all);
}

/// The charges of all current deliveries as the auditor owns them.
fn audited(company: &Company) -> (History, Vec<PoolCharge>) {
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let (org, rules) = (text(&company.org), text(&company.rules));
    let files = |name: &str| fs::read(company.folder.join(name)).ok();
    let options = AuditOptions { rules: Some((&rules, &files)), org: Some(&org), ..AuditOptions::default() };
    let mut charges = Vec::new();
    for delivery in company.deliveries.iter().filter(|delivery| delivery.current) {
        let part = |(at, path)| RawPart { path, format: Format::Focus, part: at };
        let paths = delivery.files.iter().map(PathBuf::as_path);
        let parts: Vec<RawPart<'_>> = (0..).zip(paths).map(part).collect();
        charges.extend(audit(&parts, &options).unwrap().daily);
    }
    (History::read(&org).unwrap(), charges)
}

#[test]
fn platforms_are_shared_and_no_total_changes() {
    let (_folder, company) = made(&small());
    assert!(company.pool_count >= 8, "{}", company.pool_count);
    let (history, charges) = audited(&company);
    let files = |name: &str| fs::read(company.folder.join(name)).ok();
    let pools = Pools::read(&fs::read_to_string(&company.pools).unwrap(), &files).unwrap();
    let journal = pools.journal(&history, &charges);
    let mut sum = <[Amount; 4]>::default();
    let mut lines = BTreeMap::<&str, usize>::new();
    for ((day, pool, owner, line, _), costs) in &journal {
        add(&mut sum, costs);
        *lines.entry(pool).or_default() += 1;
        let is_own = *owner == format!("residual:pool:{pool}");
        assert!(is_own || *line == Line::Use && history.span(owner, *day).is_some(), "{pool} {owner}");
    }
    assert!(sum.iter().all(Amount::is_zero), "{sum:?}");
    for pool in ["kubernetes", "kafka", "observability", "data-lake", "ci", "tax", "commitments"] {
        assert!(lines.get(pool).is_some_and(|lines| *lines > 20), "{pool}: {lines:?}");
    }
    assert!(journal.keys().any(|key| key.3 == Line::Idle), "some capacity is idle");
    let (_other, same) = made(&small());
    for file in ["pools.yaml", "drivers.csv", "org-next.yaml"] {
        assert_eq!(fs::read(company.folder.join(file)).unwrap(), fs::read(same.folder.join(file)).unwrap());
    }
}
