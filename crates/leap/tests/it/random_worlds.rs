//! Ten thousand random worlds: an org that is reorganised, rules that change, claims, pools that use each other, and a bill
//! with credits and corrections. The product, in process and from the bytes of the bill on, and the independent auditor must
//! say the same of every row, owner, line of sharing, and node of every reading of the org, in all four costs.
//!
//! ```text
//! worlds 10000, figures compared 23035933, differences 0
//! ```
//! `LEAP_WORLDS=200` makes fewer, `LEAP_WORLDS_FROM=7301` starts at another seed. Of a difference it prints the seed, the
//! texts of the world, and the first figures that differ. Home, book and lake are not part of it: `worlds` goes through
//! the binary.

mod compare;
mod product;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use leap_sim::company::{Random, RandomWorld, random_world};

use compare::Differences;

/// Worlds of the everyday run.
const WORLDS: u64 = 10_000;
/// Rows of a bill at most.
const ROWS: usize = 60;
/// Worlds whose first difference is shown; of the first of them, the texts too.
const SHOWN: usize = 20;
const THREADS: usize = 2;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Compares one world; the figures compared, and the differences.
fn compared(seed: u64, folder: &std::path::Path) -> (u64, Vec<String>) {
    let world = random_world(&mut Random::new(seed), ROWS);
    let audited = match world.audit() {
        Ok(audited) => audited,
        Err(fault) => return (0, vec![format!("the auditor refuses it: {fault}")]),
    };
    let said = match product::run(&world, folder, seed) {
        Ok(said) => said,
        Err(faults) => return (0, vec![format!("the product refuses it: {faults}")]),
    };
    let mut differences = Differences::default();
    differences.all(&said, &audited);
    (differences.figures, differences.found)
}

fn texts(world: &RandomWorld) -> String {
    let mut out = format!("--- org.yaml\n{}", world.org);
    for version in &world.rules {
        out += &format!("--- rules.yaml from {}\n{}", version.from, version.yaml);
    }
    out += &format!("--- owners.csv\n{}", world.mapping);
    out += &world.claims.as_deref().map_or_else(String::new, |text| format!("--- claims\n{text}"));
    out += &world.pools.as_deref().map_or_else(String::new, |text| format!("--- pools.yaml\n{text}"));
    if let Some(later) = &world.later_pools {
        out += &format!("--- pools.yaml from {}\n{}--- later-drivers.csv\n{}", later.from, later.yaml, later.drivers);
    }
    out += &format!("--- drivers.csv\n{}--- bill.csv\n{}", world.drivers, world.to_csv());
    out + &format!("--- today {}, dates {:?}\n", world.today, world.dates)
}

#[test]
fn the_product_and_the_auditor_agree_on_every_figure_of_every_reading() {
    let (worlds, first) = (number("LEAP_WORLDS", WORLDS), number("LEAP_WORLDS_FROM", 0));
    let (next, figures, different) = (AtomicU64::new(first), AtomicU64::new(0), AtomicU64::new(0));
    let shown = Mutex::new(Vec::<String>::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let folder = tempfile::tempdir().expect("a temporary folder");
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + worlds {
                        break;
                    }
                    let (compared, found) = compared(seed, folder.path());
                    figures.fetch_add(compared, Ordering::Relaxed);
                    if found.is_empty() {
                        continue;
                    }
                    different.fetch_add(1, Ordering::Relaxed);
                    let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                    if shown.is_empty() {
                        let world = random_world(&mut Random::new(seed), ROWS);
                        shown.push(format!("seed {seed}\n{}\n{}\n", texts(&world), found.join("\n")));
                    } else if shown.len() < SHOWN {
                        shown.push(format!("seed {seed}: {}", found[0]));
                    }
                }
            });
        }
    });
    let (figures, different) = (figures.into_inner(), different.into_inner());
    for world in shown.into_inner().unwrap_or_else(PoisonError::into_inner) {
        println!("{world}");
    }
    println!("worlds {worlds}, figures compared {figures}, differences {different}");
    assert_eq!(different, 0, "worlds in which the product and the auditor differ");
    assert!(figures > worlds * 500, "only {figures} figures were compared in {worlds} worlds");
}
