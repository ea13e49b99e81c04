//! `leap verify`: every total once more, from the raw files, by the auditor of `leap-sim`, whose code shares nothing with
//! intake and attribution; and the lake's files by their digests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::CurrentScope;
use leap_sim::audit::{AuditOptions, RawPart, audit};
use leap_terms::delivery::Part;
use leap_terms::{CostKind, Currency, Format, Money, Month, ScopeKey, SourceId};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, VerifyArgs};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, print_json};
use crate::world::World;

/// Totals of one scope and currency on three sides.
#[derive(Clone, Debug, Default)]
struct Sides {
    rows: [u64; 3],
    /// From the raw files, at intake, over owners; each the four costs.
    costs: [[Money; 4]; 3],
}

const FILE: usize = 0;
const ACCEPTED: usize = 1;
const ATTRIBUTED: usize = 2;

/// Recomputes and compares; exit 4 when anything differs.
pub(crate) async fn run(root: &Path, args: &VerifyArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let outcome = verify(&home, &world, args.raw).await?;
    print(args.format.format, &world, &outcome)?;
    if outcome.ok() { Ok(()) } else { Err(Failure::quality("the proof does not hold; see the differences above")) }
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
    /// Raw files that are gone or changed, where that is no failure: their figures come from the book.
    absent: Vec<String>,
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
        let rows = self.sides.values().all(|sides| sides.rows.iter().all(|rows| *rows == sides.rows[0]));
        rows && self.differences() == 0 && self.owners.is_empty() && self.damaged.is_empty()
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
    if accepted != file { accepted - file } else { attributed - accepted }
}

/// Verifies a snapshot.
pub(crate) async fn verify(home: &Home, world: &World, raw: bool) -> Result<Verified, Failure> {
    let mut found =
        Verified { sides: BTreeMap::new(), owners: vec![], owners_compared: 0, damaged: vec![], absent: vec![] };
    for file in &world.files {
        if let Err(error) = home.lake.check(file) {
            found.damaged.push(Failure::from_error(&error).message);
        }
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
        // Rows per currency are not kept at intake; the scope's rows are compared as a whole below.
    }
    for current in &world.scopes {
        let currencies: Vec<&Currency> = current.facts.totals.iter().map(|total| &total.currency).collect();
        if let [currency] = currencies.as_slice() {
            let key = (current.scope.source.clone(), current.scope.billing_period, (*currency).clone());
            found.sides.entry(key).or_default().rows[ACCEPTED] += current.facts.rows;
        }
    }
    for scopes in deliveries.values() {
        let parts = &scopes[0].parts;
        let broken: Vec<String> = parts.iter().filter_map(changed).collect();
        if !broken.is_empty() {
            if raw {
                found.damaged.extend(broken);
            } else {
                found.absent.extend(broken);
            }
            for current in scopes {
                unaudited.insert(current.scope.clone());
                for total in &current.facts.totals {
                    let key = (current.scope.source.clone(), current.scope.billing_period, total.currency.clone());
                    let sides = found.sides.entry(key).or_default();
                    for (at, kind) in CostKind::ALL.into_iter().enumerate() {
                        sides.costs[FILE][at] += total.costs[kind];
                    }
                    if current.facts.totals.len() == 1 {
                        sides.rows[FILE] += current.facts.rows;
                    }
                }
            }
            continue;
        }
        audit_delivery(world, scopes, &mut found, &mut audited)?;
    }
    for sides in found.sides.values_mut() {
        // With several currencies in one delivery intake counts rows per scope only; the other two sides still agree.
        if sides.rows[ACCEPTED] == 0 {
            sides.rows[ACCEPTED] = sides.rows[ATTRIBUTED];
        }
        if sides.rows[FILE] == 0 {
            sides.rows[FILE] = sides.rows[ACCEPTED];
        }
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
    for (key, (costs, _)) in booked.iter().filter(|(key, _)| !audited.contains_key(*key) && !unaudited.contains(&key.0))
    {
        for (at, kind) in CostKind::ALL.into_iter().enumerate() {
            if !costs[at].is_zero() {
                found.owners.push((key.0.clone(), key.1.clone(), key.2.clone(), kind, costs[at], Money::ZERO));
            }
        }
    }
    Ok(found)
}

/// Has the auditor read one delivery's raw files.
fn audit_delivery(
    world: &World,
    scopes: &[&CurrentScope],
    found: &mut Verified,
    audited: &mut BTreeMap<(ScopeKey, String, Currency), [Money; 4]>,
) -> Result<(), Failure> {
    let parts = &scopes[0].parts;
    let raw: Vec<RawPart> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| RawPart {
            path: Path::new(&part.path),
            format: part.format,
            part: u32::try_from(at).unwrap_or(u32::MAX),
        })
        .collect();
    let twin = |format: Format| parts.iter().any(|part| part.format == format);
    // Of an appending source only the batches that this delivery was the first to bring are its own.
    let name = |scope: &CurrentScope| {
        let month = scope.scope.billing_period;
        scope.facts.batches.iter().map(move |batch| (month, batch.name.clone())).collect::<Vec<_>>()
    };
    let own: BTreeSet<(Month, String)> = scopes.iter().flat_map(|scope| name(scope)).collect();
    let others_batches: BTreeSet<(Month, String)> = world
        .scopes
        .iter()
        .filter(|scope| scope.scope.source == scopes[0].scope.source && scope.format.appends())
        .flat_map(name)
        .filter(|batch| !own.contains(batch))
        .collect();
    let rules_text = world
        .rules_files
        .as_ref()
        .and_then(|version| version.files.first())
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    let org_text = world
        .org_files
        .as_ref()
        .filter(|version| version.files.len() == 1)
        .map(|version| String::from_utf8_lossy(&version.files[0].1).into_owned());
    let others = |name: &str| {
        let files = &world.rules_files.as_ref()?.files;
        files.iter().skip(1).find(|(other, _)| other == name).map(|(_, bytes)| bytes.clone())
    };
    let options = AuditOptions {
        twin_present: twin(Format::AzureActual) && twin(Format::AzureAmortized),
        // Without rules everything is residual, which the auditor is to find by itself.
        rules: Some((rules_text.as_deref().unwrap_or("rules: []\n"), &others)),
        org: Some(org_text.as_deref().unwrap_or("units: []\n")),
        skip_batches: (!others_batches.is_empty()).then_some(&others_batches),
        // ISO 4217's code for no currency: a bill that names none is not taken for dollars.
        currency_when_absent: "XXX",
    };
    let result = audit(&raw, &options)
        .map_err(|error| Failure::quality(format!("the auditor could not read a raw file: {error}")))?;
    let source = scopes[0].scope.source.clone();
    for ((month, currency), totals) in result.scopes {
        let amount = |text: String| -> Result<Money, Failure> {
            text.parse().map_err(|error| Failure::quality(format!("the auditor's total '{text}' {error}")))
        };
        let currency = Currency::new(&currency).map_err(Failure::quality)?;
        let sides = found.sides.entry((source.clone(), month, currency.clone())).or_default();
        sides.rows[FILE] += totals.rows;
        for (at, cost) in [&totals.billed, &totals.effective, &totals.list, &totals.contracted].into_iter().enumerate()
        {
            sides.costs[FILE][at] += amount(cost.to_string())?;
        }
        let scope = ScopeKey { source: source.clone(), billing_period: month };
        for (owner, owned) in totals.by_owner {
            let entry = audited.entry((scope.clone(), owner, currency.clone())).or_default();
            for (at, cost) in owned.costs.iter().enumerate() {
                entry[at] += amount(cost.to_string())?;
            }
        }
    }
    Ok(())
}

/// Why a raw file is not what was taken in; `None` when it is.
fn changed(part: &Part) -> Option<String> {
    let mut file = match std::fs::File::open(&part.path) {
        Ok(file) => file,
        Err(error) => return Some(format!("raw file {}: {error}", part.path)),
    };
    match leap_observe::take_in::digest_of(&mut file) {
        Ok(digest) if digest == part.digest => None,
        Ok(digest) => Some(format!(
            "raw file {} has changed: digest {} instead of {}",
            part.path,
            digest.short(),
            part.digest.short()
        )),
        Err(error) => Some(format!("raw file {}: {error}", part.path)),
    }
}

fn print(format: OutputFormat, world: &World, found: &Verified) -> Result<(), Failure> {
    let columns =
        ["source", "billing_period", "currency", "cost", "rows", "file", "accepted", "attributed", "difference"];
    let mut answer = Answer::new("", &columns);
    for ((source, month, currency), sides) in &found.sides {
        for (at, kind) in CostKind::ALL.into_iter().enumerate() {
            answer.rows.push(vec![
                Cell::text(source.as_str()),
                Cell::text(month.to_string()),
                Cell::text(currency.as_str()),
                Cell::text(kind.word()),
                Cell::Count(sides.rows[FILE]),
                Cell::Amount(sides.costs[FILE][at]),
                Cell::Amount(sides.costs[ACCEPTED][at]),
                Cell::Amount(sides.costs[ATTRIBUTED][at]),
                Cell::text(difference(sides, at).to_string()),
            ]);
        }
    }
    let owner_rows: Vec<Value> = found
        .owners
        .iter()
        .map(|(scope, owner, currency, kind, booked, audited)| {
            json!({
                "source": scope.source.as_str(), "billing_period": scope.billing_period.to_string(), "owner": owner,
                "currency": currency.as_str(), "cost": kind.word(), "attributed": booked.to_string(), "file": audited.to_string(),
            })
        })
        .collect();
    match format {
        OutputFormat::Json => print_json(&json!({
            "ok": found.ok(),
            "snapshot": world.digest_text(),
            "rules": world.rules_digest.map(|digest| digest.to_string()),
            "org": world.org_digest.map(|digest| digest.to_string()),
            "proofs": answer.json_rows(),
            "owners_compared": found.owners_compared,
            "owner_differences": owner_rows,
            "damaged": found.damaged,
            "raw_absent": found.absent,
        })),
        OutputFormat::Csv | OutputFormat::Markdown => answer.print(format),
        OutputFormat::Table => {
            answer.title =
                "Raw files against what was accepted and attributed (rounded; exact with --format json)".to_owned();
            answer.print(format)?;
            for (scope, owner, currency, kind, booked, audited) in &found.owners {
                crate::output::emit(&format!(
                    "differs: {scope} {owner} {currency} {kind}: attributed {booked}, audited {audited}\n"
                ))?;
            }
            for text in &found.damaged {
                crate::output::emit(&format!("damaged: {text}\n"))?;
            }
            for text in &found.absent {
                crate::output::emit(&format!("not re-read (its figures are those of the book): {text}\n"))?;
            }
            crate::output::emit(&format!(
                "{} files of the lake checked, {} owners compared, snapshot {}\nproof: {} totals, difference {}\n",
                world.files.len(),
                found.owners_compared,
                world.digest_text(),
                found.lines(),
                found.difference()
            ))
        }
    }
}
