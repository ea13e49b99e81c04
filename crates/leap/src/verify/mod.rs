//! `leap verify`: every figure once more, from the raw files, by the auditor of `leap-sim`, whose code shares nothing with
//! intake, attribution, sharing and readings; the lake's files by their digests; and statements, made again.
//!
//! ```text
//! totals      raw files = accepted = attributed, per source, billing period, currency and kind of cost
//! owners      per scope, owner and currency, under the rules, claims and org of each charge's day
//! pools       every line of the journal of sharing, and what it gives each owner
//! readings    what each unit shows, by itself and with everything below it: as it was, and as it is today
//! statements  each is what its digest says, and is made again from its snapshot to the byte
//! latency     each request's nanoseconds by service, kind and caller, from the raw files and from traces kept whole
//! ```
//! Reading order: [`auditor`] (what it is given), [`sharing`] (pools and readings), [`statements`], [`latency`], [`print`].

mod auditor;
mod latency;
mod print;
mod sharing;
mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::CurrentScope;
use leap_sim::audit::pools::PoolCharge;
use leap_terms::delivery::Part;
use leap_terms::{CostKind, Currency, Money, Month, ScopeKey, SourceId};

use crate::agreement;
use crate::cli::VerifyArgs;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::world::{World, published};
use auditor::Inputs;
use latency::Latency;
use statements::Statements;

/// Totals of one scope and currency on three sides.
#[derive(Clone, Debug, Default)]
struct Sides {
    rows: [u64; 3],
    /// From the raw files, at intake, over owners; each the four costs.
    costs: [[Money; 4]; 3],
    /// Whether all raw files of the scope were there to be read again.
    reread: bool,
}

const FILE: usize = 0;
const ACCEPTED: usize = 1;
const ATTRIBUTED: usize = 2;

/// One kind of figures, compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Compared {
    /// Why they were not, where they were not.
    why_not: Option<String>,
    /// Figures compared: each of the four costs of a line is one.
    figures: usize,
    differences: Vec<Difference>,
}

/// A figure that leap and the auditor do not agree on.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Difference {
    /// Whose: `2026-09-01 kafka payments use`, `as-was acme total`.
    of: String,
    currency: String,
    cost: CostKind,
    /// What leap says.
    leap: Money,
    /// What the auditor says.
    audited: Money,
}

impl Compared {
    /// Nothing compared, for a reason.
    fn not(why: impl Into<String>) -> Compared {
        Compared { why_not: Some(why.into()), ..Compared::default() }
    }

    /// Compares two tables of four costs; what one side lacks is zero there.
    fn add(&mut self, leap: &BTreeMap<(String, String), [Money; 4]>, audited: &BTreeMap<(String, String), [Money; 4]>) {
        for key in leap.keys().chain(audited.keys().filter(|key| !leap.contains_key(*key))) {
            let both = [leap, audited].map(|side| side.get(key).copied().unwrap_or_default());
            for (at, cost) in CostKind::ALL.into_iter().enumerate() {
                self.figures += 1;
                let [leap, audited] = both.map(|costs| costs[at]);
                if leap != audited {
                    let (of, currency) = key.clone();
                    self.differences.push(Difference { of, currency, cost, leap, audited });
                }
            }
        }
    }
}

/// Recomputes and compares; exit 4 when anything differs.
pub(crate) async fn run(root: &Path, args: &VerifyArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let outcome = verify(&home, &world, args.raw).await?;
    print::print(args.format.format, &world, &outcome)?;
    if outcome.ok() {
        Ok(())
    } else {
        Err(Failure::quality("the proof does not hold; see the differences and damaged files above"))
    }
}

/// What verifying found.
pub(crate) struct Verified {
    sides: BTreeMap<(SourceId, Month, Currency), Sides>,
    /// Per scope, owner and currency: what the book says and what the auditor found, where they differ.
    owners: Vec<(ScopeKey, String, Currency, CostKind, Money, Money)>,
    /// Owners compared.
    owners_compared: usize,
    /// Files of the lake and of the raw deliveries that are not as recorded.
    damaged: Vec<String>,
    /// What the home keeps twice and is not the same.
    disagreements: Vec<String>,
    /// Raw files that are gone, where that is no failure: their scopes are not re-read.
    absent: Vec<String>,
    /// Deliveries that count, and how many of them were read again.
    deliveries: usize,
    reread: usize,
    /// Why the auditor could not try the rules, where it could not.
    owners_why_not: Option<String>,
    /// Lines of the journal of sharing, and what they add to each owner.
    pools: Compared,
    /// Units as it was and as it is.
    readings: Compared,
    statements: Statements,
    latency: Latency,
}

impl Verified {
    fn differences(&self) -> usize {
        self.sides
            .values()
            .flat_map(|sides| (0..4).map(move |at| difference(sides, at)))
            .filter(|difference| !difference.is_zero())
            .count()
    }

    pub(crate) fn ok(&self) -> bool {
        let rows = self.sides.values().all(|sides| {
            sides.rows[ACCEPTED] == sides.rows[ATTRIBUTED]
                && (!sides.reread || sides.rows[FILE] == sides.rows[ACCEPTED])
        });
        let figures = [&self.pools, &self.readings].iter().all(|compared| compared.differences.is_empty());
        let rest = self.owners.is_empty()
            && self.damaged.is_empty()
            && self.disagreements.is_empty()
            && self.statements.faults.is_empty()
            && self.latency.differences.is_empty();
        rows && figures && rest && self.differences() == 0
    }

    /// Lines of proof: one per scope, currency and kind of cost.
    pub(crate) fn lines(&self) -> usize {
        self.sides.len() * 4
    }

    /// The sum of the absolute differences: 0, or the proof does not hold.
    pub(crate) fn difference(&self) -> Money {
        self.sides.values().flat_map(|sides| (0..4).map(move |at| difference(sides, at).abs())).sum()
    }
}

/// The largest disagreement between the three sides.
fn difference(sides: &Sides, at: usize) -> Money {
    let [file, accepted, attributed] = [FILE, ACCEPTED, ATTRIBUTED].map(|side| sides.costs[side][at]);
    if sides.reread && accepted != file { accepted - file } else { attributed - accepted }
}

/// Verifies a snapshot.
pub(crate) async fn verify(home: &Home, world: &World, raw: bool) -> Result<Verified, Failure> {
    let mut found = Verified {
        sides: BTreeMap::new(),
        owners: vec![],
        owners_compared: 0,
        damaged: vec![],
        disagreements: vec![],
        absent: vec![],
        deliveries: 0,
        reread: 0,
        owners_why_not: auditor::owners_not_audited(world),
        pools: Compared::default(),
        readings: Compared::default(),
        statements: Statements::default(),
        latency: Latency::default(),
    };
    for file in &world.files {
        if let Err(error) = home.lake.check(file) {
            found.damaged.push(Failure::from_error(&error).message);
        }
    }
    // What cannot be read, or does not agree with itself, is told; what would be made of it is not compared.
    let mut sound = found.damaged.is_empty();
    if sound {
        found.disagreements = agreement::disagreements(home, world, None, &published(home)).await?;
        sound = found.disagreements.is_empty();
    }
    let mut booked = BTreeMap::<(ScopeKey, String, Currency), ([Money; 4], u64)>::new();
    if let Some(snapshot) = &world.snapshot {
        for total in home.book.owner_totals(snapshot.id).await.map_err(|error| Failure::from_error(&error))? {
            let key = (total.scope.clone(), total.owner.to_string(), total.currency.clone());
            let (costs, rows) = booked.entry(key).or_default();
            for (at, kind) in CostKind::ALL.into_iter().enumerate() {
                costs[at] += total.costs[kind];
            }
            *rows += total.rows;
            let sides =
                found.sides.entry((total.scope.source, total.scope.billing_period, total.currency)).or_default();
            for (at, kind) in CostKind::ALL.into_iter().enumerate() {
                sides.costs[ATTRIBUTED][at] += total.costs[kind];
            }
            sides.rows[ATTRIBUTED] += total.rows;
        }
    }
    let auditable = found.owners_why_not.is_none();
    let inputs = Inputs::of(world)?;
    let mut charges = Vec::<PoolCharge>::new();
    let mut audited = BTreeMap::<(ScopeKey, String, Currency), [Money; 4]>::new();
    let mut unaudited = BTreeSet::<ScopeKey>::new();
    let mut deliveries = BTreeMap::<_, Vec<&CurrentScope>>::new();
    for current in &world.scopes {
        deliveries.entry(current.delivery.clone()).or_default().push(current);
        for total in &current.facts.totals {
            let key = (current.scope.source.clone(), current.scope.billing_period, total.currency.clone());
            let sides = found.sides.entry(key).or_default();
            for (at, kind) in CostKind::ALL.into_iter().enumerate() {
                sides.costs[ACCEPTED][at] += total.costs[kind];
            }
        }
    }
    for scopes in deliveries.values() {
        let parts = &scopes[0].parts;
        let broken: Vec<Broken> = parts.iter().filter_map(broken).collect();
        if !broken.is_empty() {
            for file in broken {
                match file {
                    Broken::Changed(text) => found.damaged.push(text),
                    Broken::Unread(text) if raw => found.damaged.push(text),
                    Broken::Unread(text) => found.absent.push(text),
                }
            }
            unaudited.extend(scopes.iter().map(|current| current.scope.clone()));
            continue;
        }
        found.reread += 1;
        auditor::audit_delivery(world, &inputs, scopes, &mut found, &mut audited, &mut charges)?;
    }
    found.deliveries = deliveries.len();
    // Intake counts rows per scope, the other two sides per currency: where the scope's rows agree, so do its parts.
    let mut rows = BTreeMap::<(SourceId, Month), (u64, u64)>::new();
    for current in &world.scopes {
        rows.entry((current.scope.source.clone(), current.scope.billing_period)).or_default().0 += current.facts.rows;
    }
    for ((source, month, _), sides) in &found.sides {
        rows.entry((source.clone(), *month)).or_default().1 += sides.rows[ATTRIBUTED];
    }
    for ((source, month, _), sides) in &mut found.sides {
        let (accepted, attributed) = rows[&(source.clone(), *month)];
        sides.rows[ACCEPTED] = if accepted == attributed { sides.rows[ATTRIBUTED] } else { accepted };
        sides.reread = !unaudited.contains(&ScopeKey { source: source.clone(), billing_period: *month });
    }
    for (key, costs) in &audited {
        if unaudited.contains(&key.0) {
            continue;
        }
        let known = booked.get(key).map(|(costs, _)| *costs).unwrap_or_default();
        found.owners_compared += 1;
        for (at, kind) in CostKind::ALL.into_iter().enumerate() {
            if known[at] != costs[at] {
                found.owners.push((key.0.clone(), key.1.clone(), key.2.clone(), kind, known[at], costs[at]));
            }
        }
    }
    let missed = |key: &&(ScopeKey, String, Currency)| !audited.contains_key(*key) && !unaudited.contains(&key.0);
    for (key, (costs, _)) in booked.iter().filter(|(key, _)| auditable && missed(key)) {
        for (at, kind) in CostKind::ALL.into_iter().enumerate() {
            if !costs[at].is_zero() {
                found.owners.push((key.0.clone(), key.1.clone(), key.2.clone(), kind, costs[at], Money::ZERO));
            }
        }
    }
    let why_not = match (&found.owners_why_not, found.deliveries - found.reread) {
        _ if !sound => Some("what the home holds is damaged or does not agree".to_owned()),
        (Some(why), _) => Some(why.clone()),
        (None, 0) => None,
        (None, missing) => Some(format!("{missing} deliveries could not be read again")),
    };
    match why_not {
        Some(why) => (found.pools, found.readings) = (Compared::not(why.clone()), Compared::not(why)),
        None => (found.pools, found.readings) = sharing::compare(home, world, &inputs, &charges).await?,
    }
    match statements::check(home).await {
        Ok(statements) => found.statements = statements,
        Err(failure) if sound => return Err(failure),
        Err(failure) => found.disagreements.push(format!("statements could not be made again: {}", failure.message)),
    }
    found.latency = latency::compare(home, &mut found.damaged).await?;
    if raw {
        found.damaged.extend(found.latency.absent.drain(..).map(|why| format!("raw file {why}")));
    }
    Ok(found)
}

/// Why a raw file is not what was taken in.
enum Broken {
    /// It is gone, or cannot be read: archived, perhaps.
    Unread(String),
    /// It is there, and holds something else.
    Changed(String),
}

/// What is wrong with a raw file; `None` when it is what was taken in.
fn broken(part: &Part) -> Option<Broken> {
    let mut file = match std::fs::File::open(&part.path) {
        Ok(file) => file,
        Err(error) => return Some(Broken::Unread(format!("raw file {}: {error}", part.path))),
    };
    match leap_observe::take_in::digest_of(&mut file) {
        Ok(digest) if digest == part.digest => None,
        Ok(digest) => Some(Broken::Changed(format!(
            "raw file {} has changed: digest {} instead of {}",
            part.path,
            digest.short(),
            part.digest.short()
        ))),
        Err(error) => Some(Broken::Unread(format!("raw file {}: {error}", part.path))),
    }
}
