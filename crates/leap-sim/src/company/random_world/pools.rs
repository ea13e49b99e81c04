//! Random pools with every kind of driver, and the file of measured weights.
//!
//! ```text
//! order: reciprocal · kafka: measured, two measures with capacity · ci: fixed, pool:kafka 3 · tax: direct, by month
//! ```
//! Days without weights, weights of zero, names nobody has, pools that use each other: all of it is made on purpose.
//! A pool that is shared as another one names a later pool, so that no pool is shared as itself; in a reciprocal order it
//! names any other pool.

use std::fmt::Write;

use leap_terms::Day;

use super::Words;
use super::org::quoted;
use crate::company::random::Random;

/// Names of pools; rules may also name `overhead`, which no `pools.yaml` has.
const POOLS: [&str; 4] = ["kafka", "kubernetes", "ci", "tax"];

/// Random pools.
pub(super) struct RandomPools {
    pub(super) names: Vec<&'static str>,
    /// Those that go by what commitments covered.
    pub(super) of_commitments: Vec<&'static str>,
    /// The text of `pools.yaml`; none without pools.
    pub(super) yaml: Option<String>,
    /// The text of `drivers.csv`.
    pub(super) drivers: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Measured { capacity: bool, measures: usize },
    Fixed,
    FixedByDates,
    HeadCount,
    Direct,
    AsPool(usize),
    Commitment,
}

/// Makes up to four pools whose drivers speak about the days `[first, until)`.
pub(super) fn random_pools(random: &mut Random, words: &Words<'_>, first: Day, until: Day) -> RandomPools {
    let count = random.index(5);
    let mut names = POOLS.to_vec();
    random.shuffle(&mut names);
    names.truncate(count);
    let order = random.word(&["direct", "step-down", "reciprocal", "reciprocal"]);
    let mut yaml = format!("order: {order}\npools:\n");
    let mut drivers = String::from("date,pool,team,weight,measure,capacity\n");
    let mut as_pool = vec![false; count];
    let kinds: Vec<Kind> = (0..count).map(|at| random_kind(random, at, order, &mut as_pool)).collect();
    let commitment = |(name, kind): (&&'static str, &Kind)| matches!(kind, Kind::Commitment).then_some(*name);
    let of_commitments = names.iter().zip(&kinds).filter_map(commitment).collect();
    for (at, (name, kind)) in names.iter().zip(kinds).enumerate() {
        let consumers = Consumers { words, names: &names, at };
        let driver = match kind {
            Kind::Measured { capacity, measures } => {
                measured(random, &consumers, capacity, measures, [first, until], &mut drivers);
                "{measured: drivers.csv}".to_owned()
            }
            Kind::Fixed => format!("{{fixed: {}}}", fixed(random, &consumers)),
            Kind::FixedByDates => fixed_by_dates(random, &consumers, [first, until]),
            Kind::HeadCount => {
                let under = random.chance(4_000).then(|| format!("under: {}", quoted(words.known(random))));
                let kind = random.chance(7_000).then(|| "kind: team".to_owned());
                format!("{{head_count: {{{}}}}}", under.into_iter().chain(kind).collect::<Vec<_>>().join(", "))
            }
            Kind::Direct => {
                format!("{{direct: {{cost: {}}}}}", random.word(&["effective", "billed", "list", "contracted"]))
            }
            Kind::AsPool(other) => format!("{{pool: {}}}", names[other]),
            Kind::Commitment => "{commitment: {}}".to_owned(),
        };
        writeln!(yaml, "- name: {name}\n  steward: {}\n  driver: {driver}", quoted(words.known(random)))
            .expect("a string takes all text");
        let mut setting = |name: &str, values: &[&'static str]| {
            if random.chance(6_000) {
                writeln!(yaml, "  {name}: {}", random.word(values)).expect("a string takes all text");
            }
        };
        // Settings that say nothing with a driver are refused.
        if !as_pool[at] {
            setting("window", &["day", "month"]);
        }
        match kind {
            Kind::Measured { .. } | Kind::Fixed | Kind::FixedByDates => {
                setting("missing", &["month", "carry", "carry", "keep"]);
            }
            Kind::HeadCount | Kind::Direct | Kind::Commitment => setting("missing", &["month", "keep"]),
            Kind::AsPool(_) => {}
        }
        if matches!(kind, Kind::Measured { .. }) {
            setting("idle", &["keep", "share"]);
        }
        setting("consumers", &["{ended: successor}"]);
    }
    RandomPools { yaml: (count > 0).then_some(yaml), names, of_commitments, drivers }
}

fn random_kind(random: &mut Random, at: usize, order: &str, as_pool: &mut [bool]) -> Kind {
    let kind = match random.below(12) {
        0 | 1 => Kind::Measured { capacity: false, measures: 1 },
        2 => Kind::Measured { capacity: true, measures: 1 },
        3 => Kind::Measured { capacity: true, measures: 2 },
        4 | 5 => Kind::Fixed,
        6 => Kind::FixedByDates,
        7 => Kind::HeadCount,
        8 => Kind::Direct,
        9 | 10 => Kind::Commitment,
        // One that cannot lead back, but in a system of equations, which may: only later ones, as step-down demands.
        _ => {
            let others: Vec<usize> = match order {
                "reciprocal" => (0..as_pool.len()).filter(|other| *other != at).collect(),
                _ => (at + 1..as_pool.len()).collect(),
            };
            if others.is_empty() { Kind::Direct } else { Kind::AsPool(*random.pick(&others)) }
        }
    };
    as_pool[at] = matches!(kind, Kind::AsPool(_));
    kind
}

/// Who may use a pool.
struct Consumers<'a> {
    words: &'a Words<'a>,
    names: &'a [&'static str],
    at: usize,
}

impl Consumers<'_> {
    /// Up to five names, each once: units by any of their words, other pools, nobody.
    fn some(&self, random: &mut Random) -> Vec<String> {
        let mut found: Vec<String> = (0..random.below(6))
            .map(|_| match random.below(10) {
                0..=5 => self.words.id(random).to_owned(),
                6 => self.words.known(random).to_owned(),
                7 => self.words.any(random),
                _ => self.pool(random).unwrap_or_else(|| self.words.id(random).to_owned()),
            })
            .map(|name| name.trim().to_owned())
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Another pool, or rarely this pool itself.
    fn pool(&self, random: &mut Random) -> Option<String> {
        let at = random.index(self.names.len());
        (at != self.at || random.chance(500)).then(|| format!("pool:{}", self.names[at]))
    }
}

/// Zero now and then; up to 18 decimals.
fn weight(random: &mut Random, decimals: u64) -> String {
    match random.below(5) {
        0 => "0".to_owned(),
        1 | 2 => (1 + random.below(100)).to_string(),
        3 => format!("{}.{}", random.below(50), 1 + random.below(9)),
        _ => {
            let digits: String = (0..decimals).map(|_| char::from(b'0' + random.below(10) as u8)).collect();
            format!("{}.{digits}", random.below(1_000))
        }
    }
}

fn fixed(random: &mut Random, consumers: &Consumers<'_>) -> String {
    let mut names = consumers.some(random);
    // A fixed weight for nobody is refused; a file may have one.
    names.retain(|name| name != "ghost");
    if names.is_empty() {
        names.push(consumers.words.id(random).to_owned());
    }
    let entries: Vec<String> = names.iter().map(|name| format!("{}: {}", quoted(name), weight(random, 6))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// Two or three spans, with or without a gap between them.
fn fixed_by_dates(random: &mut Random, consumers: &Consumers<'_>, [first, until]: [Day; 2]) -> String {
    let days = i64::from(until.days() - first.days());
    let mut turns: Vec<Day> = (0..3).map(|_| first.plus(random.between(0, days) as i32)).collect();
    turns.sort();
    let open = random.chance(5_000);
    let mut entries = Vec::new();
    let before = if open { String::new() } else { format!("from: {}, ", first.plus(-40)) };
    entries.push(format!("{{{before}until: {}, weights: {}}}", turns[0].plus(1), fixed(random, consumers)));
    if turns[1] < turns[2] && turns[0] < turns[1] {
        entries.push(format!("{{from: {}, until: {}, weights: {}}}", turns[1], turns[2], fixed(random, consumers)));
    }
    if random.chance(5_000) && turns[0] < turns[2] {
        entries.push(format!("{{from: {}, weights: {}}}", turns[2], fixed(random, consumers)));
    }
    format!("{{fixed: [{}]}}", entries.join(", "))
}

fn measured(
    random: &mut Random,
    consumers: &Consumers<'_>,
    capacity: bool,
    measures: usize,
    [first, until]: [Day; 2],
    out: &mut String,
) {
    let pool = consumers.names[consumers.at];
    // Some days only, and at times a month without any.
    let share = [1_500, 4_000, 8_000][random.index(3)];
    let silent = random.chance(3_000).then(|| first.plus(random.between(0, 90) as i32).month());
    for day in (first.days()..until.days()).map(Day::from_days) {
        if Some(day.month()) == silent || !random.chance(share) {
            continue;
        }
        for measure in ["network", "storage"].iter().take(measures) {
            let names = consumers.some(random);
            let limit = if random.chance(500) { 1 } else { 1 + random.below(400) };
            let on_all = random.chance(5_000);
            for (row, name) in names.iter().enumerate() {
                let decimals = if random.chance(500) { 18 } else { 3 };
                let shown = if capacity && (on_all || row == 0) { limit.to_string() } else { String::new() };
                let measure = if measures > 1 { measure } else { "" };
                writeln!(out, "{day},{pool},{name},{},{measure},{shown}", weight(random, decimals))
                    .expect("a string takes all text");
            }
        }
    }
}
