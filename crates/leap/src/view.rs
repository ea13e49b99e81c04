//! How a person reads: which world, through which org, with pools shared or kept. One view answers all questions of a command.
//!
//! ```text
//! open billing periods      the newest snapshot, or the one known on a day
//! closed billing periods    the snapshot of their statement, until a restatement is approved
//! ```
//! So the figures of a closed period stay what its statement says, whatever has been learned since.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use leap_book::{ConfigKind, Statement};
use leap_orient::attribute::Daily;
use leap_orient::org::{Org, OrgReading};
use leap_orient::pool::{DriverFile, FactRow, Facts, Journal, Line, Policies, Pools};
use leap_orient::reading::days::{DaysBuilder, OwnerDays};
use leap_orient::reading::spend::Basis;
use leap_terms::tables::Table;
use leap_terms::{Day, Instant, Month, Owner, Period, Reach, ResidualReason, TeamId, fault};

use crate::cli::{OrgArg, PoolsArg, ReadingArgs};
use crate::clock;
use crate::config::Files;
use crate::failure::Failure;
use crate::home::Home;
use crate::kept::{self, Kept};
use crate::versions;
use crate::world::{Open, Slice, World};

/// One world of a view, with its pools.
pub(crate) struct Layer {
    /// The snapshot.
    pub(crate) world: World,
    /// How its pools are shared; none where no policy is in force.
    pub(crate) pools: Option<Policies>,
    /// Daily tables read so far, by the path of their file.
    read: Mutex<HashMap<String, Arc<Daily>>>,
    /// Where the home keeps what it made; none where the world is not as the book has it.
    kept: Option<Arc<Kept>>,
}

/// The same lines as days by owner.
pub(crate) struct SharedDays {
    /// The billing period of the cost that was split.
    pub(crate) billing: Month,
    /// The layer.
    pub(crate) layer: usize,
    /// The lines.
    pub(crate) days: Arc<OwnerDays>,
}

/// Lines of one billing period's splits.
pub(crate) struct Shared {
    /// The billing period of the cost that was split.
    pub(crate) billing: Month,
    /// The layer.
    pub(crate) layer: usize,
    /// The lines.
    pub(crate) lines: Vec<Line>,
}

/// A way to read.
pub(crate) struct View {
    /// Worlds; the first is that of open periods.
    layers: Arc<Vec<Layer>>,
    /// The layer of each closed billing period.
    closed: BTreeMap<Month, usize>,
    reading: OrgReading,
    shared: bool,
    /// The slices, each with its layer; put together once.
    sliced: OnceLock<Vec<(usize, Slice)>>,
    /// Until when it is known, where that is not now.
    known: Option<Instant>,
    /// Whose cost is seen.
    reach: Reach,
}

impl Layer {
    /// A world with its pools.
    pub(crate) fn new(world: World) -> Result<Layer, Failure> {
        let pools = pools_of(&world)?;
        Ok(Layer { world, pools, read: Mutex::default(), kept: None })
    }

    /// A world as the book has it, whose figures are kept in the home's memory.
    fn of_book(world: World, home: &Home) -> Result<Layer, Failure> {
        Ok(Layer { kept: Some(home.kept.clone()), ..Layer::new(world)? })
    }

    /// What each owner has of a slice, day by day, without commitments.
    pub(crate) fn days(&self, slice: &Slice, open: Open) -> kept::Made<OwnerDays> {
        let make = || {
            let days = crate::world::days(slice, open)?;
            let bytes = days.bytes();
            Ok((days, bytes))
        };
        match &self.kept {
            Some(kept) => kept.get(&format!("days {}", slice.print()), make),
            None => make().map(|(days, _)| Arc::new(days)),
        }
    }

    /// The lines that share the pools' cost of a billing period on all of its days.
    fn shared_days(&self, billing: Month, slices: &[Slice], open: Open) -> kept::Made<OwnerDays> {
        let own = slices.iter().filter(|slice| slice.scope.billing_period == billing);
        let days = own.fold(None, |days: Option<Period>, slice| joined(days, slice_days(slice)));
        let (Some(days), Some(_)) = (days, &self.pools) else { return Ok(Arc::default()) };
        let make = || {
            let mut lines = DaysBuilder::new();
            lines.lines(&self.journal(billing, days, open)?.lines);
            let days = lines.finish();
            let bytes = days.bytes();
            Ok((days, bytes))
        };
        let Some(kept) = &self.kept else { return make().map(|(days, _)| Arc::new(days)) };
        let mut key = format!("shared {billing}");
        for kind in [ConfigKind::Org, ConfigKind::Pools] {
            key += &self.world.config_digest(kind).map_or_else(|| " none".to_owned(), |digest| format!(" {digest}"));
        }
        let span = weighing(slices, billing, days);
        for slice in slices.iter().filter(|slice| span.is_some_and(|span| charges_in(slice, span))) {
            key += &format!(" {} {} {}", slice.scope, slice.delivery, slice.print());
        }
        kept.get(&leap_terms::Digest::of(key.as_bytes()).to_string(), make)
    }

    /// What each owner has of a slice, day by day.
    pub(crate) fn daily(&self, slice: &Slice, open: Open) -> Result<Arc<Daily>, Failure> {
        if let Some(kept) = &self.kept {
            return kept.get(&format!("daily {}", slice.print()), || {
                let rows: u64 = slice.of(Table::Daily).iter().map(|file| file.rows).sum();
                let daily = crate::world::daily(slice, open)?;
                // A row with its texts, and its part of the tree.
                Ok((daily, usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(400)))
            });
        }
        let key = format!("{}/{}/{}", slice.scope.source, slice.scope.billing_period, slice.delivery);
        if let Some(known) = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let daily = Arc::new(crate::world::daily(slice, open)?);
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(key, daily.clone());
        Ok(daily)
    }

    /// The lines that share the pools' cost of one billing period on the days of a period.
    pub(crate) fn journal(&self, billing: Month, days: Period, open: Open) -> Result<Journal, Failure> {
        let Some(pools) = &self.pools else { return Ok(Journal::default()) };
        let facts = self.facts(billing, days, open)?;
        pools.share(&self.world.org, &self.world.org, &facts, days).map_err(|error| Failure::from_error(&error))
    }

    /// The facts for that: pool cost of the billing period; what weighs, of whole calendar months.
    pub(crate) fn facts(&self, billing: Month, days: Period, open: Open) -> Result<Facts, Failure> {
        let slices = self.world.slices();
        let Some(span) = weighing(&slices, billing, days) else { return Ok(Facts::default()) };
        let mut facts = Facts::default();
        for slice in slices.iter().filter(|slice| charges_in(slice, span)) {
            add_facts(&mut facts, slice, &*self.daily(slice, open)?, billing, span);
        }
        Ok(facts)
    }
}

/// The days on which a slice has charges.
fn slice_days(slice: &Slice) -> Option<Period> {
    Period::new(slice.first_day, slice.last_day.plus(1))
}

/// From the first to the last day of two periods.
fn joined(one: Option<Period>, other: Option<Period>) -> Option<Period> {
    match (one, other) {
        (Some(a), Some(b)) => Period::new(a.from().min(b.from()), a.until().max(b.until())),
        (one, other) => one.or(other),
    }
}

/// The calendar months that weigh where the pools' cost of a billing period is shared on some days.
pub(crate) fn weighing(slices: &[Slice], billing: Month, days: Period) -> Option<Period> {
    let mut months = BTreeSet::new();
    for slice in slices.iter().filter(|slice| slice.scope.billing_period == billing) {
        let own = Period::new(slice.first_day, slice.last_day.plus(1)).and_then(|own| own.intersection(days));
        months.extend(own.into_iter().flat_map(Period::months));
    }
    let (first, last) = (months.first()?, months.last()?);
    Some(Period::new(first.first_day(), last.period().until()).expect("months ascend"))
}

/// True where a slice may have charges on some of these days.
pub(crate) fn charges_in(slice: &Slice, days: Period) -> bool {
    Period::new(slice.first_day, slice.last_day.plus(1)).and_then(|own| own.intersection(days)).is_some()
}

/// Adds a slice to the facts of a billing period's splits: its own cost is shared, that of other billing periods weighs.
pub(crate) fn add_facts(facts: &mut Facts, slice: &Slice, daily: &Daily, billing: Month, span: Period) {
    for (key, folded) in daily.rows().filter(|(key, _)| span.contains(key.day)) {
        let row = FactRow {
            day: key.day,
            owner: key.owner.clone(),
            commitment: key.commitment.as_deref(),
            commitment_status: key.status.as_deref(),
            currency: key.currency.clone(),
            costs: folded.costs,
        };
        if slice.scope.billing_period == billing {
            facts.add(row);
        } else {
            facts.weigh(row);
        }
    }
}

/// The policies in force in a world.
pub(crate) fn pools_of(world: &World) -> Result<Option<Policies>, Failure> {
    read_pools(&world.config_files(ConfigKind::Pools), &world.org)
}

/// Reads policies from their files; none where there are none.
pub(crate) fn read_pools(files: &Files, org: &Org) -> Result<Option<Policies>, Failure> {
    let mut policies = Vec::new();
    for version in versions::of(files)? {
        if let Some((name, bytes)) = version.files.first() {
            let pools = parse_pools(name, bytes, &version.files[1..], org).map_err(|failure| match version.from {
                Day::EARLIEST => failure,
                from => Failure { message: format!("pools in force from {from} on: {}", failure.message), ..failure },
            });
            policies.push((version.from, pools?));
        }
    }
    Ok((!policies.is_empty()).then(|| Policies::new(policies)))
}

/// Reads one policy from its files.
fn parse_pools(name: &str, bytes: &[u8], others: &[(String, Vec<u8>)], org: &Org) -> Result<Pools, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::usage(format!("{name} is not UTF-8 text")))?;
    let read = |path: &str| -> Result<DriverFile, String> {
        let found = others.iter().find(|(name, _)| name == path);
        let (_, bytes) = found.ok_or_else(|| format!("{path} is not among the files that were applied"))?;
        crate::pools::driver_file(path, bytes)
    };
    Pools::parse(name, text, &read, org).map_err(|faults| Failure::usage(fault::list(&faults)))
}

/// Names closed billing periods whose figures would be others if what was learned since were approved.
pub(crate) async fn say_closed(home: &Home) -> Result<(), Failure> {
    if binding(home, None).await?.is_empty() {
        return Ok(());
    }
    let (org, pools) = (OrgArg::AsWas, PoolsArg::Shared);
    let reading = ReadingArgs { org, as_known_on: None, snapshot: None, pools, pending: false };
    let view = View::open(home, &reading).await?;
    for month in view.pending(Period::ALWAYS, Basis::Invoiced, &crate::world::published(home))? {
        eprintln!("{month} is closed and keeps its statement; what differs now: leap period diff {month}");
    }
    Ok(())
}

/// The statements that bind as of an instant; now, without one. One per period.
pub(crate) async fn binding(home: &Home, at: Option<Instant>) -> Result<BTreeMap<Month, Statement>, Failure> {
    let statements = home.book.statements(None).await.map_err(|error| Failure::from_error(&error))?;
    let mut newest = BTreeMap::<Month, Statement>::new();
    for statement in statements {
        if at.is_some_and(|at| statement.closed_at > at) {
            continue;
        }
        let known = newest.get(&statement.period).map_or(0, |known| known.version);
        if statement.version > known {
            newest.insert(statement.period, statement);
        }
    }
    newest.retain(|_, statement| {
        statement.reopened.as_ref().is_none_or(|reopened| at.is_some_and(|at| reopened.at > at))
    });
    Ok(newest)
}

/// Days by which a source may end before the newest charge and still be expected to go on.
const GOES_ON: i32 = 45;

/// The last day that every source has which still goes on, by the last days of scopes; none without any.
pub(crate) fn through<'s>(scopes: impl IntoIterator<Item = (&'s str, Day)>) -> Option<Day> {
    let mut last = BTreeMap::<&str, Day>::new();
    for (source, day) in scopes {
        let known = last.entry(source).or_insert(day);
        *known = (*known).max(day);
    }
    let newest = last.values().copied().max()?;
    // A source that ended long ago holds nobody back.
    last.into_values().filter(|day| newest.days() - day.days() <= GOES_ON).min()
}

impl View {
    /// The last day that every source has which still goes on.
    pub(crate) fn through(&self) -> Day {
        let scopes = self.head().scopes.iter();
        let last = through(scopes.map(|scope| (scope.scope.source.as_str(), scope.facts.last_day)));
        last.unwrap_or(Day::EARLIEST)
    }

    /// Opens a way to read.
    pub(crate) async fn open(home: &Home, args: &ReadingArgs) -> Result<View, Failure> {
        let head = match args.snapshot {
            Some(id) => World::load(home, Some(id)).await?,
            None => World::known(home, args.as_known_on).await?,
        };
        let reading = match args.org {
            OrgArg::AsWas => OrgReading::AsWas,
            OrgArg::AsIs => OrgReading::At(args.as_known_on.unwrap_or_else(clock::now).day()),
            OrgArg::On(day) => OrgReading::At(day),
        };
        let head_id = head.snapshot.as_ref().map_or(0, |snapshot| snapshot.id);
        let head_at = head.snapshot.as_ref().map(|snapshot| snapshot.recorded_at);
        let mut all = vec![Layer::of_book(head, home)?];
        let mut view = View {
            layers: Arc::default(),
            closed: BTreeMap::new(),
            reading,
            shared: args.pools == PoolsArg::Shared,
            known: if args.snapshot.is_some() { head_at } else { args.as_known_on },
            reach: Reach::Everything,
            sliced: OnceLock::new(),
        };
        if args.snapshot.is_some() || args.pending {
            view.layers = Arc::new(all);
            return Ok(view);
        }
        let mut layers = BTreeMap::<i64, usize>::new();
        for (month, statement) in binding(home, args.as_known_on).await? {
            let layer = if statement.snapshot == head_id {
                0
            } else if let Some(known) = layers.get(&statement.snapshot) {
                *known
            } else {
                all.push(Layer::of_book(World::load(home, Some(statement.snapshot)).await?, home)?);
                layers.insert(statement.snapshot, all.len() - 1);
                all.len() - 1
            };
            view.closed.insert(month, layer);
        }
        view.layers = Arc::new(all);
        Ok(view)
    }

    /// The same view, for somebody who sees no more than that.
    pub(crate) fn seen(&self, reach: Reach) -> View {
        View {
            layers: self.layers.clone(),
            closed: self.closed.clone(),
            reading: self.reading,
            shared: self.shared,
            sliced: self.sliced.clone(),
            known: self.known,
            reach,
        }
    }

    /// Whose cost is seen.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// True when the cost of an owner on a day is seen.
    pub(crate) fn sees(&self, reader: &leap_orient::org::Reader<'_>, owner: &Owner, day: Day) -> bool {
        match owner {
            _ if self.reach.is_everything() => true,
            Owner::Team(team) => self.reach.holds(&reader.path(team, day)),
            Owner::Residual(_) => false,
        }
    }

    /// True when a unit is seen, as it stands on a day or now.
    pub(crate) fn sees_unit(&self, unit: &TeamId, day: Day) -> bool {
        let path = |day| self.head().org.path(unit, day).iter().map(|unit| unit.id.clone()).collect::<Vec<_>>();
        self.reach.is_everything() || self.reach.holds(&path(day)) || self.reach.holds(&path(self.day()))
    }

    /// The world of open periods.
    pub(crate) fn head(&self) -> &World {
        &self.layers[0].world
    }

    /// Until when what is told is known; none for all that is known now.
    pub(crate) fn known(&self) -> Option<Instant> {
        self.known
    }

    /// The day on which a person who reads so stands: names mean whom they mean then.
    pub(crate) fn day(&self) -> Day {
        match self.reading {
            OrgReading::At(day) => day,
            OrgReading::AsWas => self.known.unwrap_or_else(clock::now).day(),
        }
    }

    /// All worlds, that of open periods first.
    pub(crate) fn worlds(&self) -> impl Iterator<Item = &World> {
        self.layers.iter().map(|layer| &layer.world)
    }

    /// All layers, that of open periods first.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter()
    }

    /// A layer.
    pub(crate) fn layer(&self, number: usize) -> &Layer {
        &self.layers[number]
    }

    /// Closed billing periods, each with its layer.
    pub(crate) fn closed(&self) -> impl Iterator<Item = (Month, usize)> {
        self.closed.iter().map(|(month, layer)| (*month, *layer))
    }

    /// The org through which a layer's cost is shown: its own as it was, the newest one for every other reading.
    pub(crate) fn org(&self, layer: usize) -> &Org {
        match self.reading {
            OrgReading::AsWas => &self.layers[layer].world.org,
            OrgReading::At(_) => &self.head().org,
        }
    }

    /// One reader per layer.
    pub(crate) fn readers(&self) -> Vec<leap_orient::org::Reader<'_>> {
        (0..self.layers.len()).map(|layer| leap_orient::org::Reader::new(self.org(layer), self.reading)).collect()
    }

    fn layer_of(&self, billing: Month) -> usize {
        self.closed.get(&billing).copied().unwrap_or(0)
    }

    /// The slices, each with its layer.
    pub(crate) fn slices(&self) -> Vec<(usize, Slice)> {
        self.sliced().to_vec()
    }

    /// The slices, each with its layer.
    pub(crate) fn sliced(&self) -> &[(usize, Slice)] {
        self.sliced.get_or_init(|| self.slice())
    }

    fn slice(&self) -> Vec<(usize, Slice)> {
        let mut slices: Vec<(usize, Slice)> = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let own = layer.world.slices().into_iter();
            slices.extend(
                own.filter(|slice| self.layer_of(slice.scope.billing_period) == number).map(|slice| (number, slice)),
            );
        }
        slices.sort_by(|a, b| (&a.1.scope, &a.1.delivery).cmp(&(&b.1.scope, &b.1.delivery)));
        slices
    }

    /// The kinds of units, as levels of reports.
    pub(crate) fn levels(&self) -> Vec<String> {
        let mut levels: Vec<String> = Vec::new();
        for layer in 0..self.layers.len() {
            for kind in self.org(layer).kinds() {
                if !levels.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
                    levels.push(kind.to_owned());
                }
            }
        }
        levels
    }

    /// Who looks after a residual.
    pub(crate) fn steward(&self, reason: &ResidualReason) -> String {
        if let (ResidualReason::Pool(name), Some(pools)) = (reason, &self.layers[0].pools)
            && let Some(pool) = pools.newest().get(name).filter(|pool| !pool.steward.is_empty())
        {
            return pool.steward.clone();
        }
        self.head().rules.steward(reason).to_owned()
    }

    /// The lines of all splits of a period; none where pools are kept.
    pub(crate) fn journal(&self, period: Period, basis: Basis, open: Open) -> Result<Vec<Shared>, Failure> {
        if !self.shared || self.layers.iter().all(|layer| layer.pools.is_none()) {
            return Ok(Vec::new());
        }
        let mut billings = BTreeMap::<Month, Option<Period>>::new();
        for (_, slice) in self.sliced() {
            if basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day) {
                let days = billings.entry(slice.scope.billing_period).or_default();
                *days = joined(*days, slice_days(slice));
            }
        }
        let mut all = Vec::new();
        for (billing, days) in billings {
            let days = match basis {
                Basis::Incurred => days.and_then(|days| days.intersection(period)),
                Basis::Invoiced => days,
            };
            let Some(days) = days else { continue };
            let layer = self.layer_of(billing);
            let journal = self.layers[layer].journal(billing, days, open)?;
            all.push(Shared { billing, layer, lines: journal.lines });
        }
        Ok(all)
    }

    /// The same as [`View::journal`], on all days of the billing periods that may have lines in the period, as days by owner.
    pub(crate) fn shared_days(&self, period: Period, basis: Basis, open: Open) -> Result<Vec<SharedDays>, Failure> {
        if !self.shared || self.layers.iter().all(|layer| layer.pools.is_none()) {
            return Ok(Vec::new());
        }
        let covered = |slice: &Slice| basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day);
        let billings: BTreeSet<Month> = self
            .sliced()
            .iter()
            .filter(|(_, slice)| covered(slice))
            .map(|(_, slice)| slice.scope.billing_period)
            .collect();
        let mut slices: Vec<Option<Vec<Slice>>> = vec![None; self.layers.len()];
        let mut all = Vec::new();
        for billing in billings {
            let layer = self.layer_of(billing);
            // What weighs is of the layer's own world, also where other months are closed.
            let slices = slices[layer].get_or_insert_with(|| self.layers[layer].world.slices());
            all.push(SharedDays { billing, layer, days: self.layers[layer].shared_days(billing, slices, open)? });
        }
        Ok(all)
    }

    /// Closed billing periods inside a question whose figures would be others if what was learned since were approved.
    pub(crate) fn pending(&self, period: Period, basis: Basis, open: Open) -> Result<Vec<Month>, Failure> {
        let mut pending = Vec::new();
        for (month, layer) in self.closed.iter().filter(|(_, layer)| **layer != 0) {
            let (head, closed) = (&self.layers[0], &self.layers[*layer]);
            let asked = [head, closed].iter().any(|layer| {
                let slices = layer.world.slices();
                slices.iter().any(|slice| {
                    slice.scope.billing_period == *month
                        && basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day)
                })
            });
            if asked && crate::periods::figures::differ(closed, head, *month, open)? {
                pending.push(*month);
            }
        }
        Ok(pending)
    }

    /// Says on standard error which closed periods of a question do not show what has been learned since.
    pub(crate) fn warn_pending(&self, period: Period, basis: Basis, open: Open) -> Result<(), Failure> {
        for month in self.pending(period, basis, open)? {
            eprintln!("{month} is closed; what has been learned since is not shown: leap period diff {month}");
        }
        Ok(())
    }

    /// True when a line's owner is this one, in the reading of the view.
    pub(crate) fn is_of(&self, layer: usize, owner: &Owner, wanted: &Owner) -> bool {
        match (owner, wanted) {
            (Owner::Team(team), Owner::Team(wanted)) => match self.reading {
                OrgReading::AsWas => team == wanted,
                OrgReading::At(at) => self.org(layer).stand(team, at).unit == *wanted,
            },
            (owner, wanted) => owner == wanted,
        }
    }
}
