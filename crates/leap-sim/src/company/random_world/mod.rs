//! Random worlds: an org that changes, rules that change, pools that use each other, and a bill; with what the auditor
//! says of each.
//!
//! ```text
//! random_world(&mut Random::new(17), 40) → org.yaml (history form), rules.yaml × 2, owners.csv, pools.yaml, drivers.csv,
//!                                          claims, bill.csv; .audit() → owners, totals, journal, nodes of 5 readings
//! ```
//! Worlds are valid by construction; what the product says about them must be what the auditor says, to the last digit.
//! Nothing here knows who owns what: that is for the auditor alone to find.

mod bill;
mod org;
mod pools;
mod rules;

use std::collections::BTreeMap;

use leap_terms::{Day, Month};

use super::random::Random;
use super::random_bill::{BillRow, focus_csv};
use crate::audit::history::{History, Meaning};
use crate::audit::pools::{Journal, PoolCharge, Pools, add};
use crate::audit::readings::{OrgReading, Owned, Shown, of_journal, shown};
use crate::audit::rules::{RulesHistory, RulesVersion};
use crate::audit::{Amount, AuditError, charges_of_focus};

/// One version of the rules of a world.
#[derive(Clone, Debug)]
pub struct RulesText {
    /// The first day on which it is in force.
    pub from: Day,
    /// `rules.yaml`.
    pub yaml: String,
}

/// A policy of pools that follows the first.
#[derive(Clone, Debug)]
pub struct LaterPools {
    /// The first day of a month, from which it is in force.
    pub from: Day,
    /// `pools.yaml`.
    pub yaml: String,
    /// `later-drivers.csv`, which it may name as a measured driver.
    pub drivers: String,
}

/// A random world.
#[derive(Clone, Debug)]
pub struct RandomWorld {
    /// The canonical text of the org's history.
    pub org: String,
    /// The days on which the org changed.
    pub reorgs: Vec<Day>,
    /// The versions of the rules, by their days; the first is in force since ever.
    pub rules: Vec<RulesText>,
    /// `owners.csv`, which the rules may name as a mapping.
    pub mapping: String,
    /// Accepted claims, as the text of a rules file.
    pub claims: Option<String>,
    /// `pools.yaml`, where the world has pools.
    pub pools: Option<String>,
    /// `drivers.csv`, which the pools may name as a measured driver.
    pub drivers: String,
    /// The policy that follows, where pools change.
    pub later_pools: Option<LaterPools>,
    /// The rows of the bill.
    pub rows: Vec<BillRow>,
    /// The day of the as-is reading.
    pub today: Day,
    /// Days of three more readings.
    pub dates: [Day; 3],
}

/// Totals per owner and currency.
pub type OwnerSums = BTreeMap<(String, String), [Amount; 4]>;

/// What the auditor says about a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audited {
    /// The owner of each row, as reports write it.
    pub owners: Vec<String>,
    /// Totals per owner and currency without sharing.
    pub totals: OwnerSums,
    /// The lines of sharing.
    pub journal: Journal,
    /// Totals per owner and currency with sharing. A pool that gave everything away stays in it, with zeros.
    pub shared: OwnerSums,
    /// The readings: as-was, as-is, and the three dates.
    pub readings: Vec<AuditedReading>,
}

/// One reading of the org.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditedReading {
    /// Which one.
    pub reading: OrgReading,
    /// Nodes without sharing.
    pub stored: Shown,
    /// Nodes with sharing.
    pub shared: Shown,
}

/// The words of an org that bills, rules and drivers may use.
struct Words<'a> {
    ids: &'a [String],
    words: &'a [String],
    /// Words, some in another spelling, that mean at most one unit on every day: rules and mappings may name these alone.
    clear: &'a [String],
}

impl Words<'_> {
    /// The id of a unit, whenever it exists.
    fn id<'a>(&'a self, random: &mut Random) -> &'a str {
        random.pick::<String>(self.ids)
    }

    /// An id, name or alias that some unit has at some time.
    fn known<'a>(&'a self, random: &mut Random) -> &'a str {
        if random.chance(5_000) { self.id(random) } else { random.pick::<String>(self.words) }
    }

    /// A word that may be the owner of a rule.
    fn owner<'a>(&'a self, random: &mut Random) -> &'a str {
        random.pick::<String>(self.clear)
    }

    /// The same in any spelling, or a word that nobody ever had.
    fn any(&self, random: &mut Random) -> String {
        let word = self.known(random);
        match random.below(12) {
            0 => word.to_uppercase(),
            1 => format!(" {word} "),
            2 => "ghost".to_owned(),
            _ => word.to_owned(),
        }
    }
}

/// What of these words, and of other spellings of them, never means several units.
fn clear(org: &org::RandomOrg) -> Vec<String> {
    let history = History::read(&org.yaml).expect("a random org can be read");
    let mut days = history.turns();
    days.insert(Day::EARLIEST);
    let spellings = org.words.iter().flat_map(|word| [word.clone(), word.to_uppercase(), format!(" {word} ")]);
    let is_clear = |word: &String| days.iter().all(|day| history.meaning(word, *day) != Meaning::Ambiguous);
    let mut clear: Vec<String> = spellings.filter(is_clear).collect();
    // Mostly ids as they are, as in real rules.
    clear.extend(org.ids.iter().filter(|id| is_clear(id)).flat_map(|id| [id.clone(), id.clone(), id.clone()]));
    clear
}

/// A random world of at most `size` rows.
pub fn random_world(random: &mut Random, size: usize) -> RandomWorld {
    let month = Month::new(2026, 7).expect("July is a month");
    let days = [month.first_day(), month.plus(3).first_day()];
    // Reorgs before, amid and after the charges.
    let org = org::random_org(random, days[0].plus(-50), days[1].plus(40));
    let clear = clear(&org);
    let words = Words { ids: &org.ids, words: &org.words, clear: &clear };
    let pools = pools::random_pools(random, &words, days[0].plus(-20), days[1].plus(10));
    let dense = random.chance(2_500);
    let near = |random: &mut Random| days[0].plus(random.between(-250, 250) as i32);
    let mut world = RandomWorld {
        rules: rules::random_rules(random, &words, &pools, days),
        mapping: rules::random_mapping(random, &words, days),
        claims: rules::random_claims(random, &words, days),
        pools: pools.yaml,
        drivers: pools.drivers,
        rows: (0..random.below(size as u64 + 1)).map(|_| bill::random_row(random, &words, month, dense)).collect(),
        today: days[1].plus(random.between(-60, 90) as i32),
        dates: [near(random), near(random), near(random)],
        later_pools: None,
        org: org.yaml.clone(),
        reorgs: org.reorgs.clone(),
    };
    // Also where there were none before.
    if random.chance(4_000) {
        let later = pools::random_pools(random, &words, days[0].plus(-20), days[1].plus(10));
        let from = month.plus(random.between(0, 2) as i32).first_day();
        world.later_pools = later.yaml.map(|yaml| LaterPools {
            from,
            yaml: yaml.replace("drivers.csv", "later-drivers.csv"),
            drivers: later.drivers,
        });
    }
    world
}

impl RandomWorld {
    /// The bill as FOCUS 1.0 CSV.
    pub fn to_csv(&self) -> String {
        focus_csv(&self.rows)
    }

    /// The bytes of a file that rules or pools name.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        match name {
            "owners.csv" => Some(self.mapping.clone().into_bytes()),
            "drivers.csv" => Some(self.drivers.clone().into_bytes()),
            "later-drivers.csv" => self.later_pools.as_ref().map(|later| later.drivers.clone().into_bytes()),
            _ => None,
        }
    }

    /// What the auditor says.
    ///
    /// # Errors
    /// [`AuditError`], which is a fault of the world.
    pub fn audit(&self) -> Result<Audited, AuditError> {
        let files = |name: &str| self.file(name);
        let history = History::read(&self.org)?;
        let versions: Vec<RulesVersion<'_>> =
            self.rules.iter().map(|text| RulesVersion { from: text.from, yaml: &text.yaml, files: &files }).collect();
        let rules = RulesHistory { versions: &versions, claims: self.claims.as_deref() };
        let charges: Vec<PoolCharge> = charges_of_focus(&self.to_csv(), &rules, &history)?;
        let mut journal = match &self.pools {
            Some(yaml) => Pools::read(yaml, &files)?.journal(&history, &charges),
            None => Journal::new(),
        };
        if let Some(later) = &self.later_pools {
            journal.retain(|(day, ..), _| *day < later.from);
            let next = Pools::read(&later.yaml, &files)?.journal(&history, &charges);
            journal.extend(next.into_iter().filter(|((day, ..), _)| *day >= later.from));
        }
        let stored: Vec<Owned> = charges.iter().map(Owned::from).collect();
        let totals = owner_sums(&stored);
        let readings = [OrgReading::AsWas, OrgReading::At(self.today)]
            .into_iter()
            .chain(self.dates.into_iter().map(OrgReading::At));
        let mut with_sharing = stored.clone();
        with_sharing.extend(of_journal(&journal));
        let readings = readings
            .map(|reading| AuditedReading {
                reading,
                stored: shown(&history, &stored, reading),
                shared: shown(&history, &with_sharing, reading),
            })
            .collect();
        Ok(Audited {
            owners: charges.into_iter().map(|charge| charge.owner).collect(),
            totals,
            shared: owner_sums(&with_sharing),
            journal,
            readings,
        })
    }
}

fn owner_sums(amounts: &[Owned]) -> OwnerSums {
    let mut sums = OwnerSums::new();
    for owned in amounts {
        add(sums.entry((owned.owner.clone(), owned.currency.clone())).or_default(), &owned.costs);
    }
    sums
}

#[cfg(test)]
mod tests;
