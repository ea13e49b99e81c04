//! How the sample company shares its platforms: `pools.yaml` and the measured use of them.
//!
//! ```text
//! date,pool,team,weight,measure,capacity
//! 2026-08-03,kafka,ledger-sync,41.2,network,900        kafka: the fuller of network and storage decides
//! 2026-08-03,kubernetes,pool:kafka,180,,4000           kafka runs on kubernetes, kubernetes is watched by …
//! ```
//! Platforms use each other in a circle. Some days lack a reading, some names are aliases, and a few are of teams that
//! no longer exist. Only pools that the rules name are shared; who truly used what is not told.

use std::fmt::Write;

use leap_terms::{Day, Month};

use super::organisation::Organisation;
use super::random::{Random, zipf};
use super::rules::Pool;

/// The file of measured use, beside `pools.yaml`.
pub(super) const DRIVERS: &str = "drivers.csv";

/// How a pool's use is measured.
struct Measured {
    pool: Pool,
    /// Teams of 800 that use it.
    users: usize,
    /// Another pool that uses it, with so many percent.
    used_by: Option<(Pool, u64)>,
    /// Names of the measures; one without a name for a single one.
    measures: &'static [&'static str],
    /// Whether the platform knows its capacity.
    capacity: bool,
    /// One reading a month instead of one a day.
    monthly: bool,
    /// Days without a reading, in ten thousand.
    silent: u64,
}

const MEASURED: [Measured; 5] = [
    Measured {
        pool: Pool::Kubernetes,
        users: 60,
        used_by: Some((Pool::Kafka, 12)),
        measures: &[""],
        capacity: true,
        monthly: false,
        silent: 60,
    },
    Measured {
        pool: Pool::Kafka,
        users: 40,
        used_by: Some((Pool::Observability, 9)),
        measures: &["network", "storage"],
        capacity: true,
        monthly: false,
        silent: 120,
    },
    Measured {
        pool: Pool::Observability,
        users: 90,
        used_by: Some((Pool::Kubernetes, 7)),
        measures: &[""],
        capacity: false,
        monthly: true,
        silent: 0,
    },
    Measured {
        pool: Pool::DataLake,
        users: 24,
        used_by: None,
        measures: &[""],
        capacity: false,
        monthly: false,
        silent: 900,
    },
    Measured { pool: Pool::Ci, users: 120, used_by: None, measures: &[""], capacity: false, monthly: true, silent: 0 },
];

/// The settings of a pool in `pools.yaml`.
fn settings(pool: Pool) -> String {
    let measured = format!("driver: {{measured: {DRIVERS}}}");
    match pool {
        Pool::Kubernetes => format!("{measured}\n  missing: carry\n  idle: keep"),
        Pool::Kafka => format!("{measured}\n  idle: keep"),
        Pool::Observability | Pool::Ci => format!("{measured}\n  window: month"),
        Pool::DataLake => format!("{measured}\n  missing: carry"),
        Pool::Network => "driver: {pool: kubernetes}".to_owned(),
        Pool::Tax | Pool::ProviderAdjustments => "driver: {direct: {cost: billed}}".to_owned(),
        Pool::Support | Pool::ProviderCredits => "driver: {direct: {cost: effective}}".to_owned(),
        Pool::Commitments => "driver: {commitment: {}}".to_owned(),
    }
}

/// `pools.yaml` for these pools and their stewards.
pub(super) fn pools_yaml(pools: &[(Pool, &str)]) -> String {
    let mut out = String::from(
        "# How shared platforms are shared. They use each other, so all are solved at once.\norder: reciprocal\npools:\n",
    );
    for (pool, steward) in pools {
        // Without kubernetes there is nothing to share the network by.
        let alone = *pool == Pool::Network && !pools.iter().any(|(other, _)| *other == Pool::Kubernetes);
        let settings = if alone { self::settings(Pool::Support) } else { self::settings(*pool) };
        writeln!(out, "- name: {}\n  steward: {steward}\n  {settings}", pool.name()).expect("a string takes all text");
    }
    out
}

/// `drivers.csv` for these pools: the use of all months.
pub(super) fn drivers_csv(org: &Organisation, seed: u64, pools: &[(Pool, &str)], first: Month, months: i32) -> String {
    let mut out = String::from("date,pool,team,weight,measure,capacity\n");
    let shared = |pool: Pool| pools.iter().any(|(other, _)| *other == pool);
    for (at, measured) in MEASURED.iter().enumerate().filter(|(_, measured)| shared(measured.pool)) {
        let mut random = Random::fork(seed, &[22, at as u64]);
        let users = users(org, measured, &mut random, shared);
        let start = first.first_day();
        for day in (start.days()..first.plus(months).first_day().days()).map(Day::from_days) {
            let is_read =
                if measured.monthly { day == day.month().first_day() } else { !random.chance(measured.silent) };
            if is_read {
                readings(measured, &users, day, (day.days() - start.days()) as u64, &mut random, &mut out);
            }
        }
    }
    out
}

/// Names as the platform writes them, with their usual use of each measure, in tenths.
fn users(
    org: &Organisation,
    measured: &Measured,
    random: &mut Random,
    shared: impl Fn(Pool) -> bool,
) -> Vec<(String, Vec<u64>)> {
    let count = (org.teams.len() * measured.users / 800).max(1);
    let mut order: Vec<usize> = (0..org.teams.len()).collect();
    random.shuffle(&mut order);
    let mut users = Vec::new();
    let usual = |rank: usize, random: &mut Random| -> Vec<u64> {
        measured.measures.iter().map(|_| zipf(rank, 80) / 200_000 * (50 + random.below(100)) / 100 + 1).collect()
    };
    for (rank, at) in order.into_iter().take(count).enumerate() {
        let id = &org.teams[at].id;
        let name = if random.chance(800) { id.replace('-', "_") } else { id.clone() };
        users.push((name, usual(rank + 1, random)));
    }
    if let Some(gone) = org.dissolved.first() {
        users.push((gone.clone(), usual(count + 20, random)));
    }
    if let Some((pool, percent)) = measured.used_by.filter(|(pool, _)| shared(*pool)) {
        let part = |measure: usize| users.iter().map(|(_, usual)| usual[measure]).sum::<u64>() * percent / 100;
        let parts = (0..measured.measures.len()).map(part).collect();
        users.push((format!("pool:{}", pool.name()), parts));
    }
    users
}

/// The rows of one reading.
fn readings(
    measured: &Measured,
    users: &[(String, Vec<u64>)],
    day: Day,
    age: u64,
    random: &mut Random,
    out: &mut String,
) {
    // 1970-01-01 was a Thursday.
    let weekend = (day.days() + 3).rem_euclid(7) >= 5;
    for (at, measure) in measured.measures.iter().enumerate() {
        let mut first = true;
        // The platform is built for the usual use and a third more, and grows as its use does.
        let planned = users.iter().map(|(_, usual)| usual[at]).sum::<u64>() * (1_000 + age) / 1_000 * 4 / 30;
        for (name, usual) in users {
            let level = (800 + random.below(400)) * (1_000 + age) / 1_000 * if weekend { 6 } else { 10 };
            let tenths = usual[at] * level / 10_000;
            let capacity = if measured.capacity && first { planned.max(1).to_string() } else { String::new() };
            writeln!(out, "{day},{},{name},{}.{},{measure},{capacity}", measured.pool.name(), tenths / 10, tenths % 10)
                .expect("a string takes all text");
            first = false;
        }
    }
}
