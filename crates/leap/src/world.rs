//! One snapshot, pinned: its files, scopes, rules and org. A reader that holds a [`World`] sees nothing else.

use std::collections::{BTreeMap, HashMap};

use leap_book::{ConfigKind, ConfigVersion, CurrentScope, Snapshot};
use leap_lake::Batches;
use leap_orient::attribute::daily::Covered;
use leap_orient::attribute::{Answers, AttributeError, Daily};
use leap_orient::org::Org;
use leap_orient::proof::{Folded, OwnerTotals};
use leap_orient::reading::days::{DaysBuilder, OwnerDays};
use leap_orient::reading::spend::Basis;
use leap_orient::rules::RuleSet;
use leap_terms::tables::{self, Table};
use leap_terms::{Day, DeliveryId, Digest, FileRecord, Instant, Owner, Period, ScopeKey};

use crate::config;
use crate::failure::Failure;
use crate::home::Home;

/// A pinned snapshot.
pub(crate) struct World {
    /// The snapshot; `None` in a home where nothing was published yet.
    pub(crate) snapshot: Option<Snapshot>,
    /// Its live files.
    pub(crate) files: Vec<FileRecord>,
    /// Its current deliveries per scope.
    pub(crate) scopes: Vec<CurrentScope>,
    /// The rules in force, below settled claims; none at first, so that everything is residual.
    pub(crate) rules: RuleSet,
    /// The org in force; empty at first.
    pub(crate) org: Org,
    /// What is in force, with its files as they were applied.
    pub(crate) configs: BTreeMap<ConfigKind, ConfigVersion>,
}

/// The files of one delivery's share of a scope.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    /// The scope.
    pub(crate) scope: ScopeKey,
    /// The delivery.
    pub(crate) delivery: DeliveryId,
    /// First day of any charge.
    pub(crate) first_day: Day,
    /// Last day of any charge.
    pub(crate) last_day: Day,
    /// Charges in it.
    pub(crate) rows: u64,
    /// Files by table.
    pub(crate) files: BTreeMap<Table, Vec<FileRecord>>,
}

impl Slice {
    /// Scope and delivery, by which there is one slice.
    pub(crate) fn name(&self) -> (&ScopeKey, &DeliveryId) {
        (&self.scope, &self.delivery)
    }

    /// The slice's files of one table.
    pub(crate) fn of(&self, table: Table) -> &[FileRecord] {
        self.files.get(&table).map_or(&[], Vec::as_slice)
    }

    /// A digest of all that its owners are told by, which its charges themselves are not.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        for (table, files) in self.files.iter().filter(|(table, _)| **table != Table::Charges) {
            for file in files {
                text += &format!("{} {}\n", table.name(), file.digest);
            }
        }
        Digest::of(text.as_bytes()).to_string()
    }

    /// A digest of its charges.
    pub(crate) fn charges_print(&self) -> String {
        let files = self.of(Table::Charges).iter().map(|file| format!("{}\n", file.digest));
        Digest::of(files.collect::<String>().as_bytes()).to_string()
    }

    /// The key columns of its keys' files.
    pub(crate) fn key_columns(&self) -> Vec<String> {
        self.of(Table::Keys).first().map(|file| file.columns.clone()).unwrap_or_default()
    }
}

impl World {
    /// Pins the newest snapshot, or the one of this number.
    pub(crate) async fn load(home: &Home, snapshot: Option<i64>) -> Result<World, Failure> {
        let error = |error| Failure::from_error(&error);
        let snapshot = match snapshot {
            Some(id) => Some(home.book.snapshot(id).await.map_err(error)?),
            None => home.book.head().await.map_err(error)?,
        };
        World::at(home, snapshot).await
    }

    /// The world as it was known on an instant; now, without one.
    pub(crate) async fn known(home: &Home, at: Option<Instant>) -> Result<World, Failure> {
        match at {
            None => World::load(home, None).await,
            Some(at) => {
                let snapshot = home.book.snapshot_known_on(at).await.map_err(|error| Failure::from_error(&error))?;
                World::at(home, snapshot).await
            }
        }
    }

    /// The org that was in force before a snapshot, as it lies in the book; `None` where none was.
    pub(crate) async fn org_before(home: &Home, snapshot: i64) -> Result<Option<ConfigVersion>, Failure> {
        let error = |error| Failure::from_error(&error);
        match home.book.snapshot(snapshot).await.map_err(error)?.parent {
            Some(parent) => home.book.config(ConfigKind::Org, parent).await.map_err(error),
            None => Ok(None),
        }
    }

    /// Pins a snapshot.
    pub(crate) async fn at(home: &Home, snapshot: Option<Snapshot>) -> Result<World, Failure> {
        let error = |error| Failure::from_error(&error);
        let Some(snapshot) = snapshot else {
            return Ok(World {
                snapshot: None,
                files: vec![],
                scopes: vec![],
                rules: RuleSet::default(),
                org: Org::default(),
                configs: BTreeMap::new(),
            });
        };
        let mut configs = BTreeMap::new();
        for kind in ConfigKind::ALL {
            if let Some(version) = home.book.config(kind, snapshot.id).await.map_err(error)? {
                configs.insert(kind, version);
            }
        }
        let files = |kind: ConfigKind| configs.get(&kind).map(|version| &version.files);
        let org = files(ConfigKind::Org).map_or_else(|| Ok(Org::default()), config::read_org)?;
        let rules = match (files(ConfigKind::Rules), files(ConfigKind::Claims)) {
            (None, None) => RuleSet::default(),
            (rules, claims) => config::read_rules(rules.unwrap_or(&Vec::new()), claims, &org)?,
        };
        Ok(World {
            files: home.book.live_files(snapshot.id).await.map_err(error)?,
            scopes: home.book.current_scopes(snapshot.id).await.map_err(error)?,
            snapshot: Some(snapshot),
            rules,
            org,
            configs,
        })
    }

    /// What is in force of a kind.
    pub(crate) fn config(&self, kind: ConfigKind) -> Option<&ConfigVersion> {
        self.configs.get(&kind)
    }

    /// Its files; none where nothing is in force.
    pub(crate) fn config_files(&self, kind: ConfigKind) -> config::Files {
        self.configs.get(&kind).map(|version| version.files.clone()).unwrap_or_default()
    }

    /// Digest of what is in force of a kind.
    pub(crate) fn config_digest(&self, kind: ConfigKind) -> Option<Digest> {
        self.configs.get(&kind).map(|version| version.digest)
    }

    /// The snapshot's digest as text, or what stands for none.
    pub(crate) fn digest_text(&self) -> String {
        self.snapshot.as_ref().map_or_else(|| "none".to_owned(), |snapshot| snapshot.digest.to_string())
    }

    /// The slices, by scope and delivery.
    pub(crate) fn slices(&self) -> Vec<Slice> {
        let mut files = HashMap::<(&ScopeKey, &DeliveryId), BTreeMap<Table, Vec<FileRecord>>>::new();
        for file in &self.files {
            files.entry((&file.scope, &file.delivery)).or_default().entry(file.table).or_default().push(file.clone());
        }
        let mut slices: Vec<Slice> = self
            .scopes
            .iter()
            .map(|current| Slice {
                scope: current.scope.clone(),
                delivery: current.delivery.clone(),
                first_day: current.facts.first_day,
                last_day: current.facts.last_day,
                rows: current.facts.rows,
                files: files.remove(&(&current.scope, &current.delivery)).unwrap_or_default(),
            })
            .collect();
        slices.sort_by(|a, b| (&a.scope, &a.delivery).cmp(&(&b.scope, &b.delivery)));
        slices
    }

    /// The last month with charges, as the default period of a question.
    pub(crate) fn last_period(&self, basis: Basis) -> Result<Period, Failure> {
        let month = |current: &CurrentScope| match basis {
            Basis::Incurred => current.facts.last_day.month(),
            Basis::Invoiced => current.scope.billing_period,
        };
        self.scopes
            .iter()
            .map(month)
            .max()
            .map(leap_terms::Month::period)
            .ok_or_else(|| Failure::failed("there are no charges yet; take in a bill first: leap ingest PATH"))
    }
}

/// Opens a file of the lake, wherever it lies: staged or published.
pub(crate) type Open<'a> = &'a (dyn Fn(&FileRecord, Option<&[&str]>) -> Result<Batches, Failure> + Sync);

/// Opens published files.
pub(crate) fn published(home: &Home) -> impl Fn(&FileRecord, Option<&[&str]>) -> Result<Batches, Failure> {
    let lake = home.lake.clone();
    move |file, columns| lake.scan(file, columns).map_err(|error| Failure::from_error(&error))
}

/// Feeds every batch of some files to a function.
pub(crate) fn each_batch(
    files: &[FileRecord],
    columns: Option<&[&str]>,
    open: Open,
    mut act: impl FnMut(&arrow::array::RecordBatch) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for file in files {
        for batch in open(file, columns)? {
            act(&batch.map_err(|error| Failure::from_error(&error))?)?;
        }
    }
    Ok(())
}

/// The stored answers of one slice.
pub(crate) fn answers(slice: &Slice, open: Open) -> Result<Answers, Failure> {
    let mut answers = Answers::default();
    each_batch(slice.of(Table::Attribution), None, open, |batch| {
        answers.add(batch).map_err(|error| Failure::from_error(&error))
    })?;
    Ok(answers)
}

/// What each owner has of a slice, day by day: its `daily` table; made from cube and answers where an older leap wrote none.
pub(crate) fn daily(slice: &Slice, open: Open) -> Result<Daily, Failure> {
    let failed = |error: AttributeError| Failure::from_error(&error);
    let mut daily = Daily::new();
    if !slice.of(Table::Daily).is_empty() {
        each_batch(slice.of(Table::Daily), None, open, |batch| daily.read(batch).map_err(failed))?;
        daily.whole(slice.rows).map_err(|error| Failure::quality(format!("{}: {error}", slice.scope)))?;
        return Ok(daily);
    }
    let answers = answers(slice, open)?;
    let mut covered = Covered::new();
    let columns = [tables::KEY, tables::COMMITMENT, tables::COMMITMENT_STATUS];
    each_batch(slice.of(Table::Keys), Some(&columns), open, |batch| covered.keys(batch).map_err(failed))?;
    each_batch(slice.of(Table::Cube), None, open, |batch| covered.cube(&answers, batch, &mut daily).map_err(failed))?;
    Ok(daily)
}

/// The same by owner, rule, day and currency alone.
pub(crate) fn days(slice: &Slice, open: Open) -> Result<OwnerDays, Failure> {
    let failed = |error: AttributeError| Failure::from_error(&error);
    let mut days = DaysBuilder::new();
    if slice.of(Table::Daily).is_empty() {
        days.add(&daily(slice, open)?);
        return Ok(days.finish());
    }
    each_batch(slice.of(Table::Daily), None, open, |batch| days.read(batch).map_err(failed))?;
    days.whole(slice.rows).map_err(|error| Failure::quality(format!("{}: {error}", slice.scope)))
}

/// Adds one owner's figures to others.
pub(crate) fn add_totals(into: &mut OwnerTotals, from: &OwnerTotals) {
    for (key, folded) in from {
        *into.entry(key.clone()).or_default() += *folded;
    }
}

/// The share of some totals that has an owner, by currency: (owned, all).
pub(crate) fn owned_share(totals: &OwnerTotals) -> BTreeMap<leap_terms::Currency, (Folded, Folded)> {
    let mut shares = BTreeMap::<leap_terms::Currency, (Folded, Folded)>::new();
    for ((owner, _, currency), folded) in totals {
        let (owned, all) = shares.entry(currency.clone()).or_default();
        *all += *folded;
        match owner {
            Owner::Team(_) => *owned += *folded,
            Owner::Residual(_) => {}
        }
    }
    shares
}
