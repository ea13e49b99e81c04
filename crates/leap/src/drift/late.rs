//! How much of a day's cost is known how soon, by source, from the deliveries that the book knows.
//!
//! ```text
//! focus:aws:9586…   30 September: 61 % known on 1 October, 97 % on the 2nd, all of it from the 8th on
//! ```
//! Each snapshot that published deliveries of a source says what was known of the days before it; what is known of these
//! days now is what they cost. Snapshots never change, so what one says is kept in the home's folder `cache`
//! (`drift-known.json`) and read once. A day that is not older than the newest delivery is not over, and is no day yet.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::{DeliveryFilter, DeliveryState};
use leap_decide::drift::{Completeness, Lateness};
use leap_decide::series::Vintage;
use leap_orient::org::Org;
use leap_orient::reading::days::OwnerDays;
use leap_orient::rules::RuleSet;
use leap_terms::{CostKind, Day, Exact, Money, Owner};
use serde_json::{Value, json};

use super::costs;
use crate::failure::Failure;
use crate::home::Home;
use crate::view::View;
use crate::world::{self, World, published};

/// A day is wholly known this many days later, whatever was learned.
pub(super) const LATE: i32 = 7;
/// Days that lateness is learned from, before the newest delivery.
const LEARNED: i32 = 120;
/// Deliveries that are looked at, the newest.
const DELIVERIES: u64 = 800;
/// A share from which a day counts as whole, and how much it may vary.
const WHOLE: (f64, f64) = (0.995, 0.005);
/// The file in the folder `cache`.
const FILE: &str = "drift-known.json";

/// A source.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Its bit among those of a series.
    pub(super) bit: u64,
    /// Its last day that is over.
    pub(super) last: Day,
    /// The day of its newest delivery.
    pub(super) delivered: Day,
    lateness: Lateness,
}

impl Source {
    /// How much of a day is known by now, and how old the day was when it was delivered last.
    pub(super) fn completeness(&self, day: Day) -> Completeness {
        let age = self.delivered.days() - day.days();
        if age > LATE {
            return Completeness::WHOLE;
        }
        let learned = self.lateness.of(usize::try_from(age).unwrap_or(1).max(1));
        let (share, spread) = WHOLE;
        let is_whole = learned.spread < spread && (share..=2.0 - share).contains(&learned.share);
        if is_whole { Completeness::WHOLE } else { learned }
    }
}

/// Each source by name: its last day that is over, and the day of its newest delivery.
pub(super) fn ends(view: &View) -> Vec<(String, Day, Day)> {
    let mut ends = BTreeMap::<&str, (Day, Day)>::new();
    for scope in &view.head().scopes {
        let delivered = scope.recorded_at.day();
        let own = (scope.facts.last_day, delivered);
        let end = ends.entry(scope.scope.source.as_str()).or_insert(own);
        *end = (end.0.max(own.0), end.1.max(own.1));
    }
    let over =
        |(source, (last, delivered)): (&str, (Day, Day))| (source.to_owned(), last.min(delivered.plus(-1)), delivered);
    ends.into_iter().map(over).collect()
}

/// Money by day.
type ByDay = BTreeMap<Day, Money>;

/// All effective cost of some days, whoever owns it, in all currencies: shares are taken of it.
fn add(days: &OwnerDays, into: &mut ByDay, is_asked: &dyn Fn(Day) -> bool) {
    for (who, rows) in days.all() {
        if who.pool.is_some() && matches!(who.owner, Owner::Team(_)) {
            continue;
        }
        for row in rows.iter().filter(|row| is_asked(row.day)) {
            *into.entry(row.day).or_insert(Exact::ZERO) += row.costs[CostKind::Effective];
        }
    }
}

/// The sources of a view, with what was learned of them.
pub(super) async fn sources(home: &Home, view: &View) -> Result<Vec<Source>, Failure> {
    let ends = ends(view);
    let told = told(home, view).await?;
    let open = published(home);
    let mut all = Vec::new();
    for (name, last, delivered) in ends {
        let mut lateness = Lateness::default();
        let versions: Vec<(Day, &ByDay)> =
            told.iter().filter_map(|told| Some((told.recorded, told.known.get(&name)?))).collect();
        let days: BTreeSet<Day> = versions.iter().flat_map(|(_, known)| known.keys().copied()).collect();
        let learned: BTreeSet<Day> = days.into_iter().filter(|day| delivered.days() - day.days() > LATE).collect();
        if !learned.is_empty() {
            let mut now = ByDay::new();
            for (layer, slice) in view.sliced() {
                let is_own = slice.scope.source.as_str() == name;
                if is_own && learned.range(slice.first_day..=slice.last_day).next().is_some() {
                    add(&*view.layer(*layer).days(slice, &open)?, &mut now, &|day| learned.contains(&day));
                }
            }
            for day in learned {
                let Some(whole) = now.get(&day) else { continue };
                let known = (1..=LATE).map(|age| {
                    // What was known that many days after the day: the newest version that was not younger.
                    let version = versions
                        .iter()
                        .rev()
                        .find(|(recorded, known)| recorded.days() - day.days() <= age && known.contains_key(&day));
                    version.map_or(Exact::ZERO, |(_, known)| known[&day])
                });
                lateness.learn(&Vintage { known: known.collect(), whole: *whole });
            }
        }
        all.push(Source { bit: costs::bit(&name), last, delivered, lateness });
    }
    Ok(all)
}

/// What a snapshot told of the days before it.
struct Told {
    recorded: Day,
    /// By source.
    known: BTreeMap<String, ByDay>,
}

/// What each snapshot of the last months told that published a delivery, the oldest first.
async fn told(home: &Home, view: &View) -> Result<Vec<Told>, Failure> {
    let error = |error| Failure::from_error(&error);
    let Some(head) = view.head().snapshot.as_ref() else { return Ok(Vec::new()) };
    let filter = DeliveryFilter { limit: Some(DELIVERIES), ..DeliveryFilter::default() };
    let mut published = BTreeMap::<i64, (Day, BTreeSet<String>)>::new();
    for row in home.book.deliveries(&filter).await.map_err(error)? {
        let accepted = matches!(row.state, DeliveryState::Current | DeliveryState::Superseded);
        let (Some(snapshot), Some(source), true) = (row.snapshot, row.source, accepted) else { continue };
        let recorded = row.recorded_at.day();
        if snapshot <= head.id && head.recorded_at.day().days() - recorded.days() <= LEARNED {
            published.entry(snapshot).or_insert((recorded, BTreeSet::new())).1.insert(source.to_string());
        }
    }
    let path = home.root.join("cache").join(FILE);
    let kept = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let kept = kept.unwrap_or(Value::Null);
    let (mut all, mut file, mut is_new) = (Vec::new(), serde_json::Map::new(), false);
    for (number, (recorded, sources)) in published {
        let digest = home.book.snapshot(number).await.map_err(error)?.digest.to_string();
        let known = match kept.get(&digest).and_then(read) {
            Some(known) => known,
            None => {
                is_new = true;
                known_at(home, number, recorded, &sources).await?
            }
        };
        file.insert(digest, written(&known));
        all.push(Told { recorded, known });
    }
    if is_new && view.known().is_none() {
        super::keep::store(&home.root.join("cache"), FILE, Value::Object(file).to_string().as_bytes());
    }
    Ok(all)
}

/// What a snapshot says of the last days before it was recorded, by source.
async fn known_at(
    home: &Home,
    snapshot: i64,
    recorded: Day,
    sources: &BTreeSet<String>,
) -> Result<BTreeMap<String, ByDay>, Failure> {
    let error = |error| Failure::from_error(&error);
    let world = World {
        snapshot: None,
        files: home.book.live_files(snapshot).await.map_err(error)?,
        scopes: home.book.current_scopes(snapshot).await.map_err(error)?,
        rules: RuleSet::default(),
        org: Org::default(),
        configs: BTreeMap::new(),
    };
    let open = published(home);
    let first = recorded.plus(-LATE);
    let mut known = BTreeMap::<String, ByDay>::new();
    for slice in world.slices() {
        let source = slice.scope.source.as_str();
        if sources.contains(source) && slice.last_day >= first && slice.first_day < recorded {
            let into = known.entry(source.to_owned()).or_default();
            add(&world::days(&slice, &open)?, into, &|day| first <= day && day < recorded);
        }
    }
    Ok(known)
}

fn written(known: &BTreeMap<String, ByDay>) -> Value {
    let by_day = |days: &ByDay| days.iter().map(|(day, cost)| (day.to_string(), json!(cost.to_string()))).collect();
    Value::Object(known.iter().map(|(source, days)| (source.clone(), Value::Object(by_day(days)))).collect())
}

fn read(value: &Value) -> Option<BTreeMap<String, ByDay>> {
    let by_day = |days: &Value| {
        let days = days.as_object()?.iter();
        days.map(|(day, cost)| Some((day.parse().ok()?, cost.as_str()?.parse().ok()?))).collect::<Option<ByDay>>()
    };
    value.as_object()?.iter().map(|(source, days)| Some((source.clone(), by_day(days)?))).collect()
}
