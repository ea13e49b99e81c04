//! `leap verify`: every total once more, from the raw files, by the auditor of `leap-sim`, whose code shares nothing with
//! intake and attribution; and the lake's files by their digests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::{ConfigKind, CurrentScope};
use leap_orient::rules::Outcome;
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
    /// Whether all raw files of the scope were there to be read again.
    reread: bool,
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
    /// Raw files that are gone or changed, where that is no failure: their scopes are not re-read.
    absent: Vec<String>,
    /// Deliveries that count, and how many of them were read again.
    deliveries: usize,
    reread: usize,
    /// Whether the auditor could try the rules.
    owners_audited: bool,
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
    if sides.reread && accepted != file { accepted - file } else { attributed - accepted }
}

/// Verifies a snapshot.
pub(crate) async fn verify(home: &Home, world: &World, raw: bool) -> Result<Verified, Failure> {
    let mut found = Verified {
        sides: BTreeMap::new(),
        owners: vec![],
        owners_compared: 0,
        damaged: vec![],
        absent: vec![],
        deliveries: 0,
        reread: 0,
        owners_audited: false,
    };
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
    let auditable = owners_can_be_audited(world);
    found.owners_audited = auditable;
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
        let broken: Vec<String> = parts.iter().filter_map(changed).collect();
        if !broken.is_empty() {
            if raw {
                found.damaged.extend(broken);
            } else {
                found.absent.extend(broken);
            }
            unaudited.extend(scopes.iter().map(|current| current.scope.clone()));
            continue;
        }
        found.reread += 1;
        audit_delivery(world, scopes, auditable, &mut found, &mut audited)?;
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
    Ok(found)
}

/// The auditor reads org.yaml, rules.yaml and mappings; catalogs and CODEOWNERS it does not.
fn owners_can_be_audited(world: &World) -> bool {
    let yaml = |files: &[(String, Vec<u8>)]| match files {
        [(_, bytes)] => !String::from_utf8_lossy(bytes).contains("backstage.io"),
        _ => false,
    };
    let rules = world.rules.rules().iter().all(|rule| match &rule.outcome {
        Outcome::Team(_) | Outcome::From(_) | Outcome::Mapping(_) | Outcome::Pool(_) => true,
        Outcome::Catalog(..) | Outcome::CodeOwners(..) => false,
    });
    rules && world.config(ConfigKind::Org).is_none_or(|version| yaml(&version.files))
}

/// Has the auditor read one delivery's raw files.
fn audit_delivery(
    world: &World,
    scopes: &[&CurrentScope],
    auditable: bool,
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
        .config(ConfigKind::Rules)
        .and_then(|version| version.files.first())
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    let org_text = world
        .config(ConfigKind::Org)
        .filter(|version| version.files.len() == 1)
        .map(|version| String::from_utf8_lossy(&version.files[0].1).into_owned());
    let others = |name: &str| {
        let files = &world.config(ConfigKind::Rules)?.files;
        files.iter().skip(1).find(|(other, _)| other == name).map(|(_, bytes)| bytes.clone())
    };
    let options = AuditOptions {
        twin_present: twin(Format::AzureActual) && twin(Format::AzureAmortized),
        // Without rules everything is residual, which the auditor is to find by itself.
        rules: auditable.then_some((rules_text.as_deref().unwrap_or("rules: []\n"), &others)),
        org: Some(org_text.as_deref().unwrap_or("units: []\n")),
        skip_batches: (!others_batches.is_empty()).then_some(&others_batches),
        // ISO 4217's code for no currency: a bill that names none is not taken for dollars.
        currency_when_absent: "XXX",
    };
    let result = audit(&raw, &options)
        .map_err(|error| Failure::quality(format!("the auditor could not read a raw file: {error}")))?;
    let source = scopes[0].scope.source.clone();
    for ((month, currency), totals) in result.scopes {
        // Another delivery may have replaced one of its months.
        if !scopes.iter().any(|current| current.scope.billing_period == month) {
            continue;
        }
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
                Cell::Count(sides.rows[ACCEPTED]),
                if sides.reread { Cell::Amount(sides.costs[FILE][at]) } else { Cell::Empty },
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
            "rules": world.config(ConfigKind::Rules).map(|version| version.digest.to_string()),
            "org": world.config(ConfigKind::Org).map(|version| version.digest.to_string()),
            "proofs": answer.json_rows(),
            "deliveries": found.deliveries,
            "deliveries_reread": found.reread,
            "owners_audited": found.owners_audited,
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
                crate::output::emit(&format!("not re-read: {text}\n"))?;
            }
            let owners = match (found.owners_audited, found.owners.len()) {
                (false, _) => "owners not compared: the auditor does not read catalogs or CODEOWNERS".to_owned(),
                (true, 0) => format!("{} owners compared, all equal", found.owners_compared),
                (true, count) => format!("{} owners compared, {count} figures differ", found.owners_compared),
            };
            crate::output::emit(&format!(
                "{} files of the lake checked; {} of {} deliveries read again from their raw files; {owners}\nsnapshot {}\nproof: {} totals, difference {}\n",
                world.files.len(),
                found.reread,
                found.deliveries,
                world.digest_text(),
                found.lines(),
                found.difference()
            ))
        }
    }
}
