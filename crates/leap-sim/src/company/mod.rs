//! The sample company: months of believable FOCUS bills, an org, rules, and the truth about every row.
//!
//! ```text
//! make(&CompanyOptions { seed: 7, ..CompanyOptions::default() }, "demo")
//! demo/deliveries/001-aws-2025-04-final/BILLING_PERIOD=2025-04/{Manifest.json,export-00001.csv.gz,…}
//! demo/org.yaml  demo/org-before-reorg.yaml  demo/org-next.yaml  demo/rules.yaml  demo/owners.csv  demo/accounts.csv
//! demo/pools.yaml  demo/drivers.csv  demo/volume.csv  demo/truth/…
//! ```
//!
//! Reading order: `organisation`, `evidence` and `world` (owners first, evidence afterwards, then prices), `month`
//! (lines of a bill), `delivery` (snapshots), `truth`; beside the bills, [`traces`] of its payment APIs. A seed gives the
//! same bytes on every machine, with any number of threads. Nothing here knows how leap reads a bill; the truth comes
//! from how the bill was made.

mod amount;
mod bench;
mod catalog;
mod cells;
mod delivery;
mod evidence;
mod file;
mod month;
mod next_org;
mod organisation;
pub(crate) mod random;
mod random_bill;
mod random_trace;
mod random_world;
mod rules;
mod sharing;
pub mod traces;
mod truth;
mod volume;
mod words;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use leap_terms::focus::FocusVersion;
use leap_terms::{Day, Money, Month};

pub use bench::{BenchBill, bench_bill, bench_month};
pub use catalog::Cloud;
pub use delivery::{DeliveryMade, Stage};
pub use file::Container;
pub use random::Random;
pub use random_bill::{Bill, BillRow, random_bill};
pub use random_trace::{Chosen, RandomTrace, random_trace};
pub use random_world::{Audited, AuditedReading, OwnerSums, RandomWorld, RulesText, random_world};

use amount::Total;
use delivery::{Planned, Writing, Written, deliver, schedule};
use month::{MonthLines, When};
use truth::{OwnerTotals, write_rows};
use world::{Plan, World};

/// What sample company to make.
#[derive(Clone, Debug)]
pub struct CompanyOptions {
    /// Fixes everything random.
    pub seed: u64,
    /// Teams; at least one.
    pub teams: usize,
    /// Months of bills.
    pub months: usize,
    /// The first of them.
    pub first_month: Month,
    /// Rows of all final bills of one month, about.
    pub rows_per_month: usize,
    /// How files are stored.
    pub container: Container,
    /// Files in one delivery.
    pub files_per_delivery: usize,
    /// Also the snapshots that were replaced later, and one month opened again.
    pub restatements: bool,
    /// The FOCUS version of the bills.
    pub focus_version: FocusVersion,
}

impl Default for CompanyOptions {
    /// The company of the demo: 800 teams, April 2025 to September 2026.
    fn default() -> CompanyOptions {
        CompanyOptions {
            seed: 1,
            teams: 800,
            months: 18,
            first_month: Month::new(2025, 4).expect("April is a month"),
            rows_per_month: 17_000,
            container: Container::CsvGz,
            files_per_delivery: 2,
            restatements: true,
            focus_version: FocusVersion::V1_2,
        }
    }
}

/// A sample company on disk.
#[derive(Clone, Debug)]
pub struct Company {
    /// The folder that holds everything.
    pub folder: PathBuf,
    /// The org as it is today.
    pub org: PathBuf,
    /// The org before the reorg.
    pub org_before_reorg: PathBuf,
    /// The org as the next reorg would have it, from `next_reorg` on.
    pub org_next: PathBuf,
    /// The rules; `owners.csv` and `accounts.csv` lie beside them.
    pub rules: PathBuf,
    /// How platforms are shared; `drivers.csv` lies beside it.
    pub pools: PathBuf,
    /// Business volume: what the company does on each day of the bills.
    pub volume: PathBuf,
    /// The truth, for auditors only.
    pub truth: PathBuf,
    /// The deliveries, in the order in which they arrive.
    pub deliveries: Vec<DeliveryMade>,
    /// Teams.
    pub teams: usize,
    /// Org units, the company and its teams included.
    pub units: usize,
    /// Teams that the reorg moved to another group.
    pub moved_teams: usize,
    /// The reorg's first day.
    pub reorg: Day,
    /// The first day of the next reorg: that of the month two thirds into the window.
    pub next_reorg: Day,
    /// Teams that the next reorg moves, ends with a successor, and gives another id or name.
    pub next_changes: [usize; 3],
    /// Pools in `pools.yaml`.
    pub pool_count: usize,
    /// Sub accounts of all clouds.
    pub accounts: usize,
    /// Resources of all clouds.
    pub resources: usize,
    /// Rules in `rules.yaml`.
    pub rule_count: usize,
    /// Rows in all deliveries.
    pub rows_delivered: u64,
    /// Rows in the current deliveries.
    pub rows_current: u64,
    /// Effective cost of the current deliveries, in USD.
    pub effective: Money,
    /// Share of it that the rules give to a team, in basis points.
    pub owned_bps: u32,
}

/// Σ billed and Σ effective of a commitment in the current deliveries.
#[derive(Default)]
struct CommitmentSums {
    billed: Total,
    effective: Total,
    whole: bool,
}

/// What one payer's month contributed.
struct Outcome {
    written: Vec<(usize, Written)>,
    commitments: BTreeMap<String, CommitmentSums>,
}

/// Makes the company in `dir`, which may exist but must not hold deliveries.
///
/// # Errors
/// What the file system says; `AlreadyExists` when `dir/deliveries` is there.
pub fn make(options: &CompanyOptions, dir: &Path) -> io::Result<Company> {
    let months = options.months.max(1) as i32;
    // The 16th of the month two thirds into the window.
    let reorg = options.first_month.plus(months * 11 / 18).first_day().plus(15);
    let plan = Plan {
        seed: options.seed,
        teams: options.teams.max(1),
        months: options.months.max(1),
        rows_per_month: options.rows_per_month.max(60),
        reorg,
    };
    let deliveries = dir.join("deliveries");
    if deliveries.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is there already", deliveries.display())));
    }
    let truth = dir.join("truth");
    fs::create_dir_all(&deliveries)?;
    fs::create_dir_all(truth.join("rows"))?;
    let world = World::new(&plan);
    let planned = schedule(options.first_month, months, options.restatements);
    let writing = Writing {
        folder: &deliveries,
        container: options.container,
        files: options.files_per_delivery,
        version: options.focus_version,
        seed: options.seed,
    };
    let outcomes = in_parallel((months as usize) * Cloud::ALL.len(), |task| {
        one_month(&world, &plan, options.first_month, task, &planned, &writing, &truth)
    })?;
    let mut written = Vec::new();
    let mut commitments = BTreeMap::<String, CommitmentSums>::new();
    for outcome in outcomes {
        written.extend(outcome.written);
        for (id, sums) in outcome.commitments {
            let all =
                commitments.entry(id).or_insert_with(|| CommitmentSums { whole: true, ..CommitmentSums::default() });
            all.billed += sums.billed;
            all.effective += sums.effective;
            all.whole &= sums.whole;
        }
    }
    written.sort_by_key(|(sequence, _)| *sequence);
    let mut current = OwnerTotals::new(&world);
    let mut all_met = OwnerTotals::new(&world);
    let mut lines = String::new();
    for (_, one) in &written {
        lines.push_str(&one.owners.json(&world, &one.made));
        lines.push('\n');
        all_met.count_rules(&one.owners);
        if one.made.current {
            current.merge(&one.owners);
        }
    }
    fs::write(truth.join("deliveries.jsonl"), lines)?;
    fs::write(truth.join("commitments.csv"), commitments_csv(&commitments))?;
    // A rule must meet a row of the current bills, or it would be reported as dead.
    let rules = dir.join("rules.yaml");
    fs::write(&rules, world.rules.yaml(&world.org, &current.met))?;
    fs::write(dir.join("owners.csv"), owners_csv(&world))?;
    fs::write(dir.join("accounts.csv"), accounts_csv(&world))?;
    let (org, org_before_reorg) = (dir.join("org.yaml"), dir.join("org-before-reorg.yaml"));
    fs::write(&org, world.org.yaml(1))?;
    fs::write(&org_before_reorg, world.org.yaml(0))?;
    let (org_next, next_reorg) = (dir.join("org-next.yaml"), options.first_month.plus(months * 2 / 3).first_day());
    let next = next_org::next_org(&world.org, plan.seed, next_reorg);
    fs::write(&org_next, &next.yaml)?;
    let (pools, shared) = (dir.join("pools.yaml"), world.rules.pools(&current.met));
    fs::write(&pools, sharing::pools_yaml(&shared))?;
    let drivers = sharing::drivers_csv(&world.org, plan.seed, &shared, options.first_month, months);
    fs::write(dir.join(sharing::DRIVERS), drivers)?;
    let volume = dir.join("volume.csv");
    fs::write(&volume, volume::volume_csv(plan.seed, options.first_month, months, current.totals().effective))?;
    let pool_count = shared.len();
    let made: Vec<DeliveryMade> = written.into_iter().map(|(_, one)| one.made).collect();
    Ok(Company {
        folder: dir.to_owned(),
        org,
        org_before_reorg,
        org_next,
        rules,
        pools,
        volume,
        truth,
        teams: world.org.teams.len(),
        units: world.org.unit_count(),
        moved_teams: world.org.moved_teams(),
        reorg,
        next_reorg,
        next_changes: [next.moved, next.ended, next.renamed],
        pool_count,
        accounts: world.accounts.len(),
        resources: world.resources.len(),
        rule_count: current.met.iter().filter(|met| **met > 0).count(),
        rows_delivered: made.iter().map(|one| one.rows).sum(),
        rows_current: made.iter().filter(|one| one.current).map(|one| one.rows).sum(),
        effective: current.totals().effective,
        owned_bps: current.owned_bps(),
        deliveries: made,
    })
}

/// One payer's month: its lines, and all deliveries of it.
fn one_month(
    world: &World,
    plan: &Plan,
    first: Month,
    task: usize,
    planned: &[Planned],
    writing: &Writing<'_>,
    truth: &Path,
) -> io::Result<Outcome> {
    let (cloud, at) = (task % Cloud::ALL.len(), (task / Cloud::ALL.len()) as i32);
    let when = When { first, at, months: plan.months as i32 };
    let share = [62, 22, 16][cloud];
    let lines = month::make(world, plan.seed, cloud, &when, plan.rows_per_month * share / 100);
    let mut outcome = Outcome { written: Vec::new(), commitments: BTreeMap::new() };
    for one in planned.iter().filter(|one| one.cloud == cloud && one.at == at) {
        let mut written = deliver(world, &lines, one, writing)?;
        if one.current {
            write_rows(world, &truth.join("rows"), &written.made, &written.rows)?;
            written.rows = Vec::new();
            add_commitments(&lines, one.stage, &mut outcome.commitments);
        }
        outcome.written.push((one.sequence, written));
    }
    Ok(outcome)
}

fn add_commitments(all: &MonthLines, stage: Stage, sums: &mut BTreeMap<String, CommitmentSums>) {
    for line in &all.lines {
        let Some(commitment) = line.commitment.map(|at| &all.commitments[at]) else { continue };
        // A month that is not invoiced yet may lack late use, so its commitments are not whole.
        let invoiced = matches!(stage, Stage::Final | Stage::Reopened);
        let seen = invoiced || line.seen < month::AFTER_END;
        let sum = sums
            .entry(commitment.id.clone())
            .or_insert_with(|| CommitmentSums { whole: true, ..CommitmentSums::default() });
        if seen {
            sum.billed += line.costs[0];
            sum.effective += line.costs[1];
        }
        sum.whole &= commitment.whole && invoiced;
    }
}

fn commitments_csv(commitments: &BTreeMap<String, CommitmentSums>) -> String {
    let mut out = String::from("CommitmentDiscountId,billed,effective,whole\n");
    for (id, sums) in commitments {
        writeln!(out, "{id},{},{},{}", sums.billed.money(), sums.effective.money(), sums.whole)
            .expect("a string takes all text");
    }
    out
}

/// `owners.csv`: what was settled by hand, dated where the reorg changed it.
fn owners_csv(world: &World) -> String {
    let mut out = String::from("ResourceId,owner,effective_from,effective_until\n");
    let sorted: BTreeMap<&String, &[u32; 2]> = world.rules.by_resource.iter().collect();
    for (id, owners) in sorted {
        let [before, after] = owners.map(|owner| &world.org.teams[owner as usize].id);
        let result = if before == after {
            writeln!(out, "{id},{before},,")
        } else {
            writeln!(out, "{id},{before},,{}\n{id},{after},{},", world.reorg, world.reorg)
        };
        result.expect("a string takes all text");
    }
    out
}

/// `accounts.csv`: accounts with one tenant.
fn accounts_csv(world: &World) -> String {
    let mut out = String::from("SubAccountId,owner,effective_from,effective_until\n");
    let sorted: BTreeMap<&String, &u32> = world.rules.by_account.iter().collect();
    for (id, owner) in sorted {
        writeln!(out, "{id},{},,", world.org.teams[*owner as usize].id).expect("a string takes all text");
    }
    out
}

/// Runs tasks 0, 1, … on all cores; the results are in order of the tasks, whoever did them.
fn in_parallel<T: Send>(tasks: usize, run: impl Fn(usize) -> io::Result<T> + Sync) -> io::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, io::Result<T>)>> = Mutex::new(Vec::with_capacity(tasks));
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(16)).min(tasks.max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let task = next.fetch_add(1, Ordering::Relaxed);
                    if task >= tasks {
                        return;
                    }
                    let result = run(task);
                    results.lock().expect("no task panics while it holds the list").push((task, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("all tasks have ended");
    results.sort_by_key(|(task, _)| *task);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests;
