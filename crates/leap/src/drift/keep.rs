//! Detectors between two runs, in the home's folder `cache`: who watches 48,000 series judges a new day, not a year.
//!
//! ```text
//! cache/drift.json          what the states were made from, and the alerts of the newest days
//! cache/drift-17.state      the detectors of every 64th series, and behind them the digest of the bytes
//! ```
//! The folder may be removed at any time, and a file that is damaged, of another version or of other settings is made
//! again. A state says for itself which days it has seen at which cost, so a run that was killed between two files loses
//! nothing and counts nothing twice.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use leap_decide::drift::{Alert, Detector, Kind, Settings};
use leap_terms::{Currency, Day, Digest, Exact, TeamId};
use serde_json::{Value, json};

use super::Found;
use super::costs::Key;

/// Files of states.
pub(super) const SHARDS: usize = 64;
/// What a file begins with: the version of what follows.
const MAGIC: &[u8; 8] = b"drift 01";
/// Bytes of a series in it, a little more than most take.
const ABOUT: usize = 11 << 10;
/// Bytes of a digest.
const DIGEST: usize = 32;

/// A series that is watched.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) detector: Detector,
    /// Bits of the sources that bill it.
    pub(super) sources: u64,
    /// The day of the newest delivery when it was judged last.
    pub(super) judged: Day,
    /// A number of what was announced for it.
    pub(super) announced: u64,
    /// Alerts so far, of the last days.
    pub(super) told: Vec<Alert>,
}

/// Writes a file whole or not at all. What cannot be kept is made again: slower, and not wrong.
pub(super) fn store(folder: &Path, name: &str, bytes: &[u8]) {
    let part = folder.join(format!("{name}.{}.part", std::process::id()));
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&part, bytes))
        .and_then(|()| fs::rename(&part, folder.join(name)));
    if let Err(error) = written {
        tracing::warn!("{}: what drift learned could not be kept: {error}", folder.join(name).display());
    }
}

fn name(shard: usize) -> String {
    format!("drift-{shard:02}.state")
}

/// The detectors of a file; none where it is missing, damaged, or made under other settings.
pub(super) fn load(folder: &Path, shard: usize, settings: &Settings) -> HashMap<Key, Watched> {
    let path = folder.join(name(shard));
    let Ok(bytes) = fs::read(&path) else { return HashMap::new() };
    let found = bytes.len().checked_sub(DIGEST).and_then(|end| {
        let (states, digest) = bytes.split_at(end);
        (Digest::of(states).bytes() == *digest).then(|| states_of(states, settings)).flatten()
    });
    found.unwrap_or_else(|| {
        tracing::info!("{} is damaged or made under other settings, and is made again", path.display());
        HashMap::new()
    })
}

/// Writes the detectors of a file.
pub(super) fn save(folder: &Path, shard: usize, settings: &Settings, states: &HashMap<Key, Watched>) {
    let mut bytes = Vec::with_capacity(ABOUT * states.len() + ABOUT);
    bytes.extend(MAGIC);
    bytes.extend(settings_print(settings).bytes());
    bytes.extend((states.len() as u64).to_le_bytes());
    let mut order: Vec<(&Key, &Watched)> = states.iter().collect();
    order.sort_by(|a, b| a.0.cmp(b.0));
    for (key, watched) in order {
        for text in [key.unit.as_str(), &key.service, key.currency.as_str()] {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes.extend(watched.sources.to_le_bytes());
        bytes.extend(watched.judged.days().to_le_bytes());
        bytes.extend(watched.announced.to_le_bytes());
        bytes.extend((watched.told.len() as u32).to_le_bytes());
        for alert in &watched.told {
            let text = alert_json(alert).to_string();
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        watched.detector.write(&mut bytes);
    }
    let digest = Digest::of(&bytes).bytes();
    bytes.extend(digest);
    store(folder, &name(shard), &bytes);
}

/// A digest of what detectors are asked.
fn settings_print(settings: &Settings) -> Digest {
    Digest::of(format!("{settings:?}").as_bytes())
}

fn states_of(bytes: &[u8], settings: &Settings) -> Option<HashMap<Key, Watched>> {
    let mut rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&settings_print(settings).bytes())?;
    let count = u64::from_le_bytes(take(&mut rest)?);
    let mut states = HashMap::new();
    for _ in 0..count {
        let unit = TeamId::new(text(&mut rest)?).ok()?;
        let service = text(&mut rest)?.to_owned();
        let currency = Currency::new(text(&mut rest)?).ok()?;
        let sources = u64::from_le_bytes(take(&mut rest)?);
        let judged = Day::from_days(i32::from_le_bytes(take(&mut rest)?));
        let announced = u64::from_le_bytes(take(&mut rest)?);
        let mut told = Vec::new();
        for _ in 0..u32::from_le_bytes(take(&mut rest)?) {
            told.push(alert_of(&serde_json::from_str(text(&mut rest)?).ok()?)?);
        }
        let detector = Detector::read(settings.clone(), &mut rest)?;
        let key = Key { unit, service, currency };
        states.insert(key, Watched { detector, sources, judged, announced, told });
    }
    rest.is_empty().then_some(states)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_at_checked(N)?;
    *bytes = rest;
    taken.try_into().ok()
}

fn text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let length = u32::from_le_bytes(take(bytes)?) as usize;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(taken).ok()
}

/// An alert as JSON.
pub(super) fn alert_json(alert: &Alert) -> Value {
    json!({
        "day": alert.day.to_string(),
        "since": alert.since.to_string(),
        "kind": alert.kind.word(),
        "score": alert.score,
        "cost_per_month": alert.cost_per_month.to_text(),
    })
}

fn alert_of(value: &Value) -> Option<Alert> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let kinds = [Kind::Spike, Kind::Shift, Kind::Ramp, Kind::Drop];
    Some(Alert {
        day: text("day")?.parse().ok()?,
        since: text("since")?.parse().ok()?,
        kind: kinds.into_iter().find(|kind| Some(kind.word()) == text("kind"))?,
        score: value.get("score")?.as_f64()?,
        cost_per_month: text("cost_per_month")?.parse().ok()?,
    })
}

/// What a run ended with.
pub(super) struct Index {
    /// All that the alerts were made from.
    pub(super) made_of: String,
    /// The org and what was announced.
    pub(super) told: String,
    /// Slices by their print, each with its first day.
    pub(super) slices: HashMap<String, Day>,
    pub(super) found: Vec<Found>,
}

/// The file of the index.
const INDEX: &str = "drift.json";

impl Index {
    /// Reads it; none where it is missing or damaged.
    pub(super) fn load(folder: &Path) -> Option<Index> {
        let value: Value = serde_json::from_slice(&fs::read(folder.join(INDEX)).ok()?).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let slices = value.get("slices")?.as_object()?.iter();
        Some(Index {
            made_of: text("made_of")?,
            told: text("told")?,
            slices: slices
                .map(|(print, day)| Some((print.clone(), day.as_str()?.parse().ok()?)))
                .collect::<Option<_>>()?,
            found: value.get("found")?.as_array()?.iter().map(found_of).collect::<Option<_>>()?,
        })
    }

    /// Writes it.
    pub(super) fn store(&self, folder: &Path) {
        let slices = self.slices.iter().map(|(print, day)| (print.clone(), json!(day.to_string())));
        let value = json!({
            "made_of": self.made_of,
            "told": self.told,
            "slices": Value::Object(slices.collect()),
            "found": self.found.iter().map(found_json).collect::<Vec<_>>(),
        });
        store(folder, INDEX, value.to_string().as_bytes());
    }
}

fn found_json(found: &Found) -> Value {
    let drivers = found.drivers.iter().map(|(name, amount)| json!([name, amount.to_string()]));
    json!({
        "unit": found.unit.as_str(),
        "series": found.series,
        "currency": found.currency.as_str(),
        "alert": alert_json(&found.alert),
        "drivers": drivers.collect::<Vec<_>>(),
    })
}

fn found_of(value: &Value) -> Option<Found> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let driver = |driver: &Value| -> Option<(String, Exact)> {
        Some((driver.get(0)?.as_str()?.to_owned(), driver.get(1)?.as_str()?.parse().ok()?))
    };
    Some(Found {
        unit: TeamId::new(text("unit")?).ok()?,
        series: text("series")?.to_owned(),
        currency: Currency::new(text("currency")?).ok()?,
        alert: alert_of(value.get("alert")?)?,
        drivers: value.get("drivers")?.as_array()?.iter().map(driver).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use leap_decide::drift::Seen;

    fn watched() -> (Key, Watched) {
        let mut detector = Detector::new(Settings::default(), true);
        for day in 0..80 {
            let cost = Exact::from_whole(100 + i64::from(day * 7 % 5));
            detector.observe(&Seen::whole(Day::from_days(20_000 + day), cost));
        }
        let (unit, currency) = (TeamId::new("pay/ments").unwrap(), Currency::new("USD").unwrap());
        let day = Day::from_days(20_079);
        let alert = Alert { day, since: day, kind: Kind::Ramp, score: 4.125, cost_per_month: Exact::from_whole(9) };
        let key = Key { unit, service: "Amazon EC2".to_owned(), currency };
        (key, Watched { detector, sources: 5, judged: day, announced: 7, told: vec![alert] })
    }

    #[test]
    fn states_are_kept_and_damaged_ones_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        let (key, one) = watched();
        save(folder.path(), 3, &settings, &HashMap::from([(key.clone(), one.clone())]));
        let read = load(folder.path(), 3, &settings);
        let again = &read[&key];
        assert_eq!((again.sources, again.judged, again.announced), (5, one.judged, 7));
        assert_eq!((&again.told, again.detector.newest()), (&one.told, one.detector.newest()));
        assert!(load(folder.path(), 4, &settings).is_empty());
        assert!(load(folder.path(), 3, &Settings { threshold: 4.0, ..Settings::default() }).is_empty());
        let path = folder.path().join(name(3));
        let mut bytes = fs::read(&path).unwrap();
        bytes[200] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(load(folder.path(), 3, &settings).is_empty());
    }

    #[test]
    fn the_index_says_what_it_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let (key, one) = watched();
        let found = Found {
            unit: key.unit.clone(),
            series: key.name(),
            currency: key.currency.clone(),
            alert: one.told[0].clone(),
            drivers: vec![("region eu-west-1".to_owned(), "12.5".parse().unwrap()), ("rest".to_owned(), Exact::ZERO)],
        };
        assert_eq!(found.service(), "Amazon EC2");
        let slices = HashMap::from([("3f".to_owned(), Day::from_days(20_000))]);
        let index = Index { made_of: "a".to_owned(), told: "b".to_owned(), slices, found: vec![found.clone()] };
        assert!(Index::load(folder.path()).is_none());
        index.store(folder.path());
        let read = Index::load(folder.path()).unwrap();
        assert_eq!((read.made_of, read.told, read.slices), (index.made_of, index.told, index.slices));
        assert_eq!(read.found, [found]);
    }
}
