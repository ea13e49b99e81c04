//! One turn of the loop, as far as it exists: facts → owners → proof → one new snapshot.
//!
//! ```text
//! observe   a delivery's facts, staged in the lake
//! orient    an owner for every charge of the scopes that changed
//! prove     four sums that must be one
//! publish   files into place, then one row in the book
//! ```
//! Read this first; everything else is a detail of one of these lines. Deciding and acting join with later
//! capabilities.

mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use leap_book::{
    ConfigFiles, ConfigKind, NewClaimEvent, NewReorg, OwnerTotal, ProofRow, Publish, PublishedDelivery, Snapshot,
};
use leap_lake::{Before, PublishInfo, Staging};
use leap_orient::attribute::{AgainDone, Engine};
use leap_orient::org::Org;
use leap_orient::proof::{self, Folded, OwnerTotals, ScopeState, WrittenSums};
use leap_orient::rules::RuleSet;
use leap_terms::tables::Table;
use leap_terms::{
    Costs, Delivery, DeliveryId, Digest, FileRecord, Instant, Month, Owner, RowsDigest, ScopeFacts, ScopeKey, SourceId,
};

use crate::failure::Failure;
use crate::home::Home;
use crate::world::{Open, Slice, World, add_totals, daily, each_batch};

/// What a turn changes.
#[derive(Default)]
pub(crate) struct Change {
    /// What the audit trail says of it.
    pub(crate) cause: String,
    /// New deliveries, and what each supersedes.
    pub(crate) deliveries: Vec<PublishedDelivery>,
    /// New rules, org, pools, rates, settled claims.
    pub(crate) configs: BTreeMap<ConfigKind, ConfigFiles>,
    /// A reorg that is applied.
    pub(crate) reorg: Option<NewReorg>,
    /// A reorg that is taken back.
    pub(crate) revert: Option<i64>,
    /// Answers to claims.
    pub(crate) claim_events: Vec<NewClaimEvent>,
    /// When it counts as recorded, where that is not now: a history that is loaded later.
    pub(crate) at: Option<Instant>,
}

/// A slice whose answers are made anew in this turn.
pub(crate) struct Fresh {
    /// Its files, staged or published, but for the answers.
    pub(crate) slice: Slice,
    /// What intake found in it.
    pub(crate) facts: ScopeFacts,
    /// Its new answers, where a look at what changed has made them already; else all rules run over it.
    pub(crate) again: Option<AgainDone>,
}

/// A scope and a delivery: which slice it is.
type Name<'n> = (&'n ScopeKey, &'n DeliveryId);

tokio::task_local! {
    /// Who is logged in, where somebody acts through the site.
    static PERSON: String;
}

/// Does something in the name of a person who is logged in.
pub(crate) async fn in_name_of<T>(person: &str, deed: impl Future<Output = T>) -> T {
    PERSON.scope(person.to_owned(), deed).await
}

/// Who did it, for the audit trail: who is logged in, else who owns the process.
pub(crate) fn actor() -> String {
    if let Ok(person) = PERSON.try_with(Clone::clone) {
        return person;
    }
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "local".to_owned())
}

/// Writes the answers of a slice to staging and returns what each owner has of it.
pub(crate) fn attribute(
    engine: &Engine<'_>,
    slice: &Slice,
    staging: &Staging,
    open: Open,
) -> Result<OwnerTotals, Failure> {
    let mut run = engine.scope().on(slice.first_day, slice.last_day);
    let failed = |error: leap_orient::attribute::AttributeError| Failure::from_error(&error);
    each_batch(slice.of(Table::Keys), None, open, |batch| run.keys(batch).map_err(failed))?;
    if engine.rules().reads_resources() {
        each_batch(slice.of(Table::Resources), None, open, |batch| run.resources(batch).map_err(failed))?;
    }
    each_batch(slice.of(Table::Cube), None, open, |batch| run.cube(batch).map_err(failed))?;
    let attribution = run.finish();
    let file = stored::store(slice, staging, &attribution.batches, &attribution.daily)?;
    stored::check_stored(slice, staging, &file, &attribution.totals, open)?;
    Ok(attribution.totals)
}

/// The sums that the writers made of a slice's files.
pub(crate) fn written_sums(slice: &Slice, table: Table) -> WrittenSums {
    let mut written = WrittenSums::default();
    for file in slice.of(table) {
        written.rows += file.rows;
        for (column, sum) in &file.sums {
            *written.sums.entry(column.clone()).or_default() += *sum;
        }
    }
    written
}

/// Proves a slice.
pub(crate) fn prove(fresh: &Fresh, totals: &OwnerTotals) -> Result<(), Failure> {
    let (charges, cube) = (written_sums(&fresh.slice, Table::Charges), written_sums(&fresh.slice, Table::Cube));
    proof::prove(&fresh.facts, &charges, &cube, totals)
        .map(|_| ())
        .map_err(|broken| Failure::quality(broken.to_string()))
}

/// Attributes what is fresh, proves it, and publishes the new snapshot.
pub(crate) async fn turn(
    home: &Home,
    world: &World,
    engine: &Engine<'_>,
    staging: Staging,
    fresh: Vec<Fresh>,
    change: Change,
    now: Instant,
) -> Result<Snapshot, Failure> {
    publish(home, world, Some(engine), staging, fresh, change, now).await
}

/// The same by rules and org, which are made ready where some answers are not made yet.
pub(crate) async fn turn_by(
    home: &Home,
    world: &World,
    by: (&RuleSet, &Org),
    staging: Staging,
    fresh: Vec<Fresh>,
    change: Change,
    now: Instant,
) -> Result<Snapshot, Failure> {
    let engine = fresh.iter().any(|fresh| fresh.again.is_none()).then(|| Engine::new(by.0, by.1));
    publish(home, world, engine.as_ref(), staging, fresh, change, now).await
}

async fn publish(
    home: &Home,
    world: &World,
    engine: Option<&Engine<'_>>,
    staging: Staging,
    fresh: Vec<Fresh>,
    change: Change,
    now: Instant,
) -> Result<Snapshot, Failure> {
    let problem = |error: leap_lake::LakeError| Failure::from_error(&error);
    let ended: Vec<(ScopeKey, DeliveryId)> =
        change.deliveries.iter().flat_map(|published| published.supersedes.iter().cloned()).collect();
    let superseded: BTreeSet<Name<'_>> = ended.iter().map(|(scope, delivery)| (scope, delivery)).collect();
    // Slices that are made anew, and those of them of which little changes.
    let replaced: BTreeSet<Name<'_>> = fresh.iter().map(|fresh| fresh.slice.name()).collect();
    let small: BTreeSet<Name<'_>> =
        fresh.iter().filter(|fresh| fresh.again.is_some()).map(|fresh| fresh.slice.name()).collect();

    // orient: an owner for every charge of the slices that changed
    let staged: BTreeSet<String> = staging.files().into_iter().map(|file| file.path).collect();
    let mut totals = BTreeMap::<ScopeKey, OwnerTotals>::new();
    let mut changes = BTreeMap::<ScopeKey, OwnerTotals>::new();
    let mut state = BTreeMap::<(SourceId, Month), (u64, RowsDigest)>::new();
    // Files of daily tables that no longer hold.
    let mut gone = BTreeSet::<String>::new();
    {
        let open = |file: &FileRecord, columns: Option<&[&str]>| {
            if staged.contains(&file.path) { staging.scan(file, columns) } else { home.lake.scan(file, columns) }
                .map_err(problem)
        };
        for fresh in fresh.iter().filter(|fresh| fresh.again.is_none()) {
            let engine = engine.expect("who has slices without answers brings the rules");
            let owners = attribute(engine, &fresh.slice, &staging, &open)?;
            prove(fresh, &owners)?;
            add_totals(totals.entry(fresh.slice.scope.clone()).or_default(), &owners);
        }
        let looked: Vec<(&Fresh, &AgainDone)> =
            fresh.iter().filter_map(|fresh| fresh.again.as_ref().map(|done| (fresh, done))).collect();
        let written = side_by_side(&looked, |(fresh, done)| stored::store_change(&fresh.slice, &staging, done, &open))?;
        for ((fresh, done), stored) in looked.iter().zip(written) {
            let (charges, cube) = (written_sums(&fresh.slice, Table::Charges), written_sums(&fresh.slice, Table::Cube));
            let change = done.change.totals();
            proof::prove_stored(&fresh.facts, &charges, &cube)
                .and_then(|()| proof::prove_change(&fresh.facts, &change))
                .map_err(|broken| Failure::quality(broken.to_string()))?;
            // Where only the evidence differs nobody's figures do, and the scope keeps its proofs and totals.
            if !change.is_empty() {
                add_totals(changes.entry(fresh.slice.scope.clone()).or_default(), &change);
            }
            gone.extend(stored.replaced);
        }
    }
    // Scopes whose figures are added up anew; of others a few owners change at most.
    let touched: BTreeSet<ScopeKey> =
        totals.keys().chain(superseded.iter().map(|(scope, _)| *scope)).cloned().collect();

    // What stays: answers of untouched slices in touched scopes are added up again; other scopes keep the book's
    // figures.
    let mut facts: BTreeMap<Name<'_>, &ScopeFacts> =
        fresh.iter().map(|fresh| (fresh.slice.name(), &fresh.facts)).collect();
    let stays = |name: &Name<'_>| !superseded.contains(name) && (small.contains(name) || !replaced.contains(name));
    let current = world.scopes.iter().map(|current| ((&current.scope, &current.delivery), &current.facts));
    facts.extend(current.filter(|(name, _)| stays(name)));
    if !touched.is_empty() {
        let published = crate::world::published(home);
        for slice in world.slices().iter().filter(|slice| touched.contains(&slice.scope) && stays(&slice.name())) {
            let owners = daily(slice, &published)?.totals();
            add_totals(totals.entry(slice.scope.clone()).or_default(), &owners);
        }
    }
    for scope in &touched {
        if let Some(change) = changes.remove(scope) {
            add_totals(totals.entry(scope.clone()).or_default(), &change);
        }
    }
    for ((scope, _), facts) in &facts {
        let (rows, digest) = state.entry((scope.source.clone(), scope.billing_period)).or_default();
        *rows += facts.rows;
        *digest += facts.digest;
    }
    // Scopes that nothing touched keep the digest of their owners that the book has.
    let failed = |error: leap_book::BookError| Failure::from_error(&error);
    let (mut owners, changed_proofs) = match &world.snapshot {
        Some(snapshot) => {
            let changed: Vec<&ScopeKey> = changes.keys().collect();
            let digests = home.book.owners_digests(snapshot.id).await.map_err(failed)?;
            (digests, home.book.proofs_of(snapshot.id, &changed).await.map_err(failed)?)
        }
        None => (BTreeMap::new(), Vec::new()),
    };
    owners.retain(|scope, _| !touched.contains(scope));
    for scope in &touched {
        owners.insert(scope.clone(), proof::owners_digest(totals.get(scope).unwrap_or(&OwnerTotals::new())));
    }
    let owner_changes = owner_changes(home, world, &changes, &mut owners).await?;
    proof::prove_bound(facts.values().copied()).map_err(|broken| Failure::quality(broken.to_string()))?;

    // publish: files into place, then one row in the book
    let digest = digest(&state, &owners, world, &change);
    let staged_now = staging.files();
    let rekeyed: BTreeSet<(Name<'_>, Table)> =
        staged_now.iter().map(|file| ((&file.scope, &file.delivery), file.table)).collect();
    let new_paths: BTreeSet<&String> = staged_now.iter().map(|file| &file.path).collect();
    let mut live: Vec<&FileRecord> = Vec::new();
    let mut remove = Vec::new();
    for file in &world.files {
        let name = (&file.scope, &file.delivery);
        let again = match file.table == Table::Daily && small.contains(&name) {
            true => gone.contains(&file.path),
            false => replaced.contains(&name) && rekeyed.contains(&(name, file.table)),
        };
        if superseded.contains(&name) && !replaced.contains(&name) || again && !new_paths.contains(&file.path) {
            remove.push(file.path.clone());
        } else {
            live.push(file);
        }
    }
    let known: BTreeSet<&String> = live.iter().map(|file| &file.path).collect();
    let add: Vec<&FileRecord> = staged_now.iter().filter(|file| !known.contains(&file.path)).collect();
    live.extend(&add);
    let versions = world.snapshot.as_ref().map(|snapshot| snapshot.table_versions.clone()).unwrap_or_default();
    let before = Before { files: &world.files, versions, part: false };
    let info = PublishInfo { snapshot: Some(digest), operation: change.cause.clone(), at: now, before };
    // Where no file is written and none goes, the lake stays as it is. One that is written again replaces what lies
    // there, which may be damaged.
    let table_versions = if staged_now.is_empty() && remove.is_empty() {
        BTreeMap::new()
    } else {
        home.lake.publish(staging, &Table::MONEY, &live, &info).await.map_err(problem)?
    };
    let mut publish =
        Publish::new(world.snapshot.as_ref().map(|snapshot| snapshot.id), digest, change.cause, actor(), now);
    publish.add = add.into_iter().cloned().collect();
    publish.remove = remove;
    publish.deliveries = change.deliveries;
    publish.configs = change.configs;
    publish.reorg = change.reorg;
    publish.revert = change.revert;
    publish.claim_events = change.claim_events;
    publish.table_versions = table_versions;
    // What a few owners have changes neither rows nor sums of a scope, only the digest of its owners.
    publish.proofs.extend(
        changed_proofs
            .into_iter()
            .map(|proof| ProofRow { owners: owners.get(&proof.scope).copied().unwrap_or(proof.owners), ..proof }),
    );
    publish.owner_changes = owner_changes;
    for scope in &touched {
        let totals = totals.remove(scope).unwrap_or_default();
        publish.proofs.extend(proofs(scope, &facts, &totals));
        let held = totals.into_iter().filter(|(_, folded)| folded.rows > 0);
        publish.owner_totals.extend(held.map(|((owner, rule, currency), folded)| OwnerTotal {
            scope: scope.clone(),
            owner,
            rule,
            currency,
            costs: folded.costs,
            rows: folded.charges(),
        }));
    }
    home.book.publish(&publish).await.map_err(|error| match error {
        error if error.is_try_again() => Failure::try_again(error.to_string()),
        other => Failure::from_error(&other),
    })
}

/// What the owners that a change concerns have of their scopes afterwards; the digests of these scopes follow.
async fn owner_changes(
    home: &Home,
    world: &World,
    changes: &BTreeMap<ScopeKey, OwnerTotals>,
    digests: &mut BTreeMap<ScopeKey, Digest>,
) -> Result<Vec<OwnerTotal>, Failure> {
    let mut after = Vec::new();
    let Some(snapshot) = &world.snapshot else { return Ok(after) };
    let mut wanted: Vec<(&ScopeKey, &Owner)> =
        changes.iter().flat_map(|(scope, change)| change.keys().map(move |(owner, _, _)| (scope, owner))).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut before = BTreeMap::<ScopeKey, OwnerTotals>::new();
    let totals = home.book.owner_totals_of(snapshot.id, &wanted).await;
    for total in totals.map_err(|error| Failure::from_error(&error))? {
        let rows = i64::try_from(total.rows).map_err(|error| Failure::failed(error.to_string()))?;
        let key = (total.owner, total.rule, total.currency);
        before.entry(total.scope).or_default().insert(key, Folded { costs: total.costs, rows });
    }
    for (scope, change) in changes {
        let had = before.remove(scope).unwrap_or_default();
        let digest = digests.entry(scope.clone()).or_insert_with(|| proof::owners_digest(&OwnerTotals::new()));
        for (key, folded) in change {
            let was = had.get(key).copied().unwrap_or_default();
            let mut is = was;
            is += *folded;
            let rows = u64::try_from(is.rows).ok().filter(|rows| *rows > 0 || is.costs == Costs::default());
            let rows = rows.ok_or_else(|| {
                let invariant = leap_terms::Invariant::OneOwnerPerDay;
                Failure::quality(format!(
                    "invariant {invariant} does not hold for {scope}: {} would have {} charges and {} of cost; nothing was published; leap verify says what is damaged",
                    key.0, is.rows, is.costs.effective
                ))
            })?;
            *digest = digest.minus(proof::owner_digest(key, was)).plus(proof::owner_digest(key, is));
            let (owner, rule, currency) = key.clone();
            after.push(OwnerTotal { scope: scope.clone(), owner, rule, currency, costs: is.costs, rows });
        }
    }
    Ok(after)
}

/// Does the same to each of some things, on all cores; results in their order, the first failure of them where there is
/// one.
pub(crate) fn side_by_side<T: Sync, R: Send>(
    things: &[T],
    act: impl Fn(&T) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(things.len());
    if cores <= 1 {
        return things.iter().map(act).collect();
    }
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, Result<R, Failure>)> = std::thread::scope(|scope| {
        let work = || {
            let mut own = Vec::new();
            while let Some((at, thing)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                things.get(at).map(|thing| (at, thing))
            } {
                own.push((at, act(thing)));
            }
            own
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The proof of a scope over all its current deliveries, per currency and kind of cost.
fn proofs(scope: &ScopeKey, facts: &BTreeMap<Name<'_>, &ScopeFacts>, owners: &OwnerTotals) -> Vec<ProofRow> {
    let mut accepted = BTreeMap::<leap_terms::Currency, leap_terms::Costs>::new();
    for ((_, _), facts) in facts.iter().filter(|((other, _), _)| *other == scope) {
        for total in &facts.totals {
            *accepted.entry(total.currency.clone()).or_default() += total.costs;
        }
    }
    let mut attributed = BTreeMap::<leap_terms::Currency, proof::Folded>::new();
    for ((_, _, currency), folded) in owners {
        *attributed.entry(currency.clone()).or_default() += *folded;
    }
    let digest = proof::owners_digest(owners);
    let mut rows = Vec::new();
    for (currency, costs) in accepted {
        let folded = attributed.remove(&currency).unwrap_or_default();
        for cost in leap_terms::CostKind::ALL {
            rows.push(ProofRow {
                scope: scope.clone(),
                currency: currency.clone(),
                cost,
                rows: folded.charges(),
                accepted: costs[cost],
                attributed: folded.costs[cost],
                difference: folded.costs[cost] - costs[cost],
                owners: digest,
            });
        }
    }
    rows
}

/// The digest of a snapshot's content.
pub(crate) fn digest(
    state: &BTreeMap<(SourceId, Month), (u64, RowsDigest)>,
    owners: &BTreeMap<ScopeKey, Digest>,
    world: &World,
    change: &Change,
) -> Digest {
    let scopes: BTreeMap<(SourceId, Month), ScopeState> = state
        .iter()
        .map(|(key, (rows, digest))| {
            let scope = ScopeKey { source: key.0.clone(), billing_period: key.1 };
            let nothing = || proof::owners_digest(&OwnerTotals::new());
            let owners = owners.get(&scope).copied().unwrap_or_else(nothing);
            (key.clone(), ScopeState { rows: *rows, digest: *digest, owners })
        })
        .collect();
    let configs: Vec<(&str, Option<Digest>)> = ConfigKind::ALL
        .into_iter()
        .map(|kind| {
            let digest = match change.configs.get(&kind) {
                Some(files) => (!files.files.is_empty()).then(|| files.digest()),
                None => world.configs.get(&kind).map(|version| version.digest),
            };
            (kind.word(), digest)
        })
        .collect();
    proof::snapshot_digest(&scopes, &configs)
}

/// The slices of a delivery just taken in, from its staged files.
pub(crate) fn fresh(delivery: &Delivery, staging: &Staging) -> Vec<Fresh> {
    let files = staging.files();
    delivery
        .scopes
        .iter()
        .map(|facts| {
            let mut by_table = BTreeMap::<Table, Vec<FileRecord>>::new();
            for file in files.iter().filter(|file| file.scope == facts.scope && file.delivery == delivery.id) {
                by_table.entry(file.table).or_default().push(file.clone());
            }
            let slice = Slice {
                scope: facts.scope.clone(),
                delivery: delivery.id.clone(),
                first_day: facts.first_day,
                last_day: facts.last_day,
                rows: facts.rows,
                files: by_table,
            };
            Fresh { slice, facts: facts.clone(), again: None }
        })
        .collect()
}
