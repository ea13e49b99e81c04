//! A new policy, from a file or from a form: read, worked out, and then applied exactly as it was shown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use leap_book::{ConfigFiles, ConfigKind, Snapshot};
use leap_orient::pool::{DriverFile, Pools};
use leap_orient::rules::Outcome;
use leap_terms::{Currency, Day, Digest, Money, Month, Owner, Period, fault};

use super::{driver_file, problem};
use crate::config::Files;
use crate::failure::Failure;
use crate::home::Home;
use crate::ownership::publish_unchanged;
use crate::publish::Change;
use crate::versions::{self, Since};
use crate::view::{Layer, read_pools};
use crate::world::{World, published};

/// What a policy's file is called in a home that has none.
const NAME: &str = "pools.yaml";

/// Reads a policy: the main file's name and content, and how the files that it names are read. They are called `shown` where
/// something is wrong with them.
pub(super) fn parse(
    shown: &str,
    (name, main): (String, Vec<u8>),
    read_file: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    world: &World,
) -> Result<(Pools, ConfigFiles), Failure> {
    let text = std::str::from_utf8(&main).map_err(|_| Failure::usage(format!("{shown} is not UTF-8 text")))?;
    let found = RefCell::new(Files::new());
    let read = |named: &str| -> Result<DriverFile, String> {
        let bytes = read_file(named)?;
        let file = driver_file(named, &bytes)?;
        let mut found = found.borrow_mut();
        if !found.iter().any(|(other, _)| other == named) {
            found.push((named.to_owned(), bytes));
        }
        Ok(file)
    };
    let pools = Pools::parse(shown, text, &read, &world.org).map_err(|faults| Failure::usage(fault::list(&faults)))?;
    let mut others = found.into_inner();
    others.sort();
    let mut files = vec![(name, main.clone())];
    files.extend(others);
    Ok((pools, ConfigFiles { files }))
}

/// What is allowed in a policy but probably not meant; pools that rules fill and it does not name, and the other way round.
pub(super) fn warnings(pools: &Pools, world: &World) -> Vec<String> {
    let mut all: Vec<String> = pools.warnings().iter().map(ToString::to_string).collect();
    let rules = world.rules.rules().iter();
    let filled: BTreeSet<&str> = rules
        .filter_map(|rule| match &rule.outcome {
            Outcome::Pool(pool) => Some(pool.as_str()),
            _ => None,
        })
        .collect();
    let unfilled = pools.names().filter(|name| !filled.contains(name));
    all.extend(unfilled.map(|name| format!("no rule in force fills the pool '{name}'")));
    let unshared = filled.iter().filter(|name| pools.get(name).is_none());
    all.extend(unshared.map(|name| {
        format!("rules fill the pool '{name}', which the policy does not share: its cost stays with its steward")
    }));
    all
}

/// A policy begins with a calendar month, because weights and direct cost are those of months.
fn first_of_month(day: Day) -> Result<Day, Failure> {
    let first = day.month().first_day();
    if day == first {
        return Ok(day);
    }
    Err(Failure::usage(format!(
        "pools are shared by calendar months, and {day} is inside one; nothing was changed\n  name its first day or the \
         next one's: --effective {first} or --effective {}",
        day.month().period().until()
    )))
}

/// All policies as they would be in force.
pub(super) struct Dated {
    since: Since,
    files: ConfigFiles,
}

impl Dated {
    /// Those in force with another one from a day on.
    pub(super) fn of(world: &World, files: ConfigFiles, since: Since) -> Result<Dated, Failure> {
        let since = since.checked()?;
        let since = Since { day: since.day.map(first_of_month).transpose()?, ..since };
        let versions = versions::of(&world.config_files(ConfigKind::Pools))?;
        let later = since.later("pools", &versions)?;
        let files = versions::files(&versions::with(&versions, files.files, since, later));
        Ok(Dated { since, files })
    }

    /// True when that is what holds already.
    pub(super) fn is_in_force(&self, world: &World) -> bool {
        world.config_digest(ConfigKind::Pools) == Some(self.files.digest())
    }

    /// ` from 2026-07-01`, where it is not on all days.
    pub(super) fn from(&self) -> String {
        self.since.day.map_or_else(String::new, |day| format!(" from {day}"))
    }

    /// What is published with them.
    pub(super) fn change(&self, title: &str) -> Change {
        Change {
            cause: format!("pool apply {title}{}", self.from()),
            configs: BTreeMap::from([(ConfigKind::Pools, self.files.clone())]),
            ..Change::default()
        }
    }
}

/// A new policy, worked out and not applied.
pub(crate) struct PoolsDraft {
    world: World,
    dated: Dated,
    title: String,
    /// What is allowed but probably not meant.
    pub(crate) warnings: Vec<String>,
    /// Effective cost that each owner has more or less, after pools were shared; adds up to nothing.
    pub(crate) changes: BTreeMap<(Owner, Currency), Money>,
    /// Closed periods whose statements would no longer be what is known.
    pub(crate) closed: Vec<Month>,
}

impl PoolsDraft {
    /// Works out what a policy would change. Changes nothing. Drivers that it names are those in force.
    ///
    /// # Errors
    /// What is wrong with the policy, each fault with line and remedy; one that is in force already; others that begin
    /// later, where `since` does not say what becomes of them.
    pub(crate) async fn of(home: &Home, text: &str, since: Since) -> Result<PoolsDraft, Failure> {
        let world = World::load(home, None).await?;
        let newest = versions::of(&world.config_files(ConfigKind::Pools))?.pop();
        let beside = newest.map(|version| version.files).unwrap_or_default();
        let title = beside.first().map_or_else(|| NAME.to_owned(), |(name, _)| name.clone());
        let read = |named: &str| -> Result<Vec<u8>, String> {
            let found = beside.iter().skip(1).find(|(name, _)| name == named).map(|(_, bytes)| bytes.clone());
            found.ok_or_else(|| {
                format!(
                    "{} is not among the files in force; apply policy and file together: leap pool apply {title}",
                    named.escape_debug()
                )
            })
        };
        let (pools, files) = parse(&title, (title.clone(), text.as_bytes().to_vec()), &read, &world)?;
        let dated = Dated::of(&world, files, since)?;
        if dated.is_in_force(&world) {
            return Err(Failure::usage("this policy is in force already; nothing was changed"));
        }
        let warnings = warnings(&pools, &world);
        let mut layer = Layer::new(world)?;
        let before = shared(home, &layer)?;
        let old = std::mem::replace(&mut layer.pools, read_pools(&dated.files.files, &layer.world.org)?);
        drop(old);
        let after = shared(home, &layer)?;
        let (mut changes, mut periods) = (BTreeMap::<(Owner, Currency), Money>::new(), BTreeSet::new());
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let of = |all: &Shared| all.get(key).copied().unwrap_or_default();
            let change = of(&after) - of(&before);
            if !change.is_zero() {
                let (period, owner, currency) = key;
                periods.insert(*period);
                *changes.entry((owner.clone(), currency.clone())).or_default() += change;
            }
        }
        let statements = home.book.statements(None).await.map_err(problem)?;
        let closed: BTreeSet<Month> = statements
            .into_iter()
            .filter(|statement| statement.binding && periods.contains(&statement.period))
            .map(|statement| statement.period)
            .collect();
        let closed = closed.into_iter().collect();
        Ok(PoolsDraft { world: layer.world, dated, title, warnings, changes, closed })
    }

    /// What somebody agrees to who saw this: the world, the policy, what changes and which statements differ.
    pub(crate) fn digest(&self) -> Digest {
        let (world, files) = (self.world.digest_text(), self.dated.files.digest());
        Digest::of(format!("{world}|{files}|{:?}|{:?}", self.changes, self.closed).as_bytes())
    }

    /// Applies it. The process has to hold the lock for writing since before it was worked out.
    pub(crate) async fn apply(self, home: &Home) -> Result<Snapshot, Failure> {
        publish_unchanged(home, &self.world, self.dated.change(&self.title)).await
    }
}

/// What pools add to the effective cost of owners, by billing period.
type Shared = BTreeMap<(Month, Owner, Currency), Money>;

fn shared(home: &Home, layer: &Layer) -> Result<Shared, Failure> {
    let open = published(home);
    let mut months = BTreeMap::<Month, Period>::new();
    for slice in layer.world.slices() {
        let Some(own) = Period::new(slice.first_day, slice.last_day.plus(1)) else { continue };
        let days = months.entry(slice.scope.billing_period).or_insert(own);
        *days = Period::new(days.from().min(own.from()), days.until().max(own.until())).unwrap_or(own);
    }
    let mut shared = Shared::new();
    for (billing, days) in months {
        for ((owner, currency), costs) in layer.journal(billing, days, &open)?.totals() {
            *shared.entry((billing, owner, currency)).or_default() += costs.effective;
        }
    }
    Ok(shared)
}
