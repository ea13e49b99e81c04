//! Business volume: `leap ingest volume.csv` keeps it in the book, `leap volume …` shows it.
//!
//! ```text
//! $ leap ingest volume.csv
//! accepted  volume.csv
//!           business volume, payment_volume USD, 30 days, 2026-09: 28 new, 2 changed
//! ```
//! What is in force is a version of a snapshot, as rates are, so that an earlier value is there for `--as-known-on`, with who
//! brought it and when. It changes no charge and no statement: a statement holds money, and what of the business a month is
//! compared with is what is known now.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use leap_book::{ConfigFiles, ConfigKind};
use leap_orient::charter::{Volume, VolumeChange};
use leap_terms::{Day, Instant, Period, fault, limits};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, VolumeArgs};
use crate::config::read_limited;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, print_json};
use crate::publish::Change;
use crate::world::World;

/// Bytes of a file that are read to tell what it is.
const LOOKED_AT: u64 = 4096;

/// What became of a file of business volume.
pub(crate) struct VolumeTaken {
    /// Its metrics: name, currency, days with a value.
    pub(crate) metrics: Vec<(String, Option<String>, usize)>,
    /// From its first to its last day.
    pub(crate) days: Option<Period>,
    /// Values of days that had none.
    pub(crate) new: usize,
    /// Values of days that had another one: name, day, before, after.
    pub(crate) changed: Vec<VolumeChange>,
    /// True where all of it was in already.
    pub(crate) unchanged: bool,
}

/// The volume in force in a world.
pub(crate) fn in_force(world: &World) -> Result<Volume, Failure> {
    let files = world.config(ConfigKind::Volume).map_or(&[][..], |version| &version.files);
    Volume::from_files(files)
        .map_err(|what| Failure::failed(format!("the business volume in the book is damaged: {what}; leap doctor")))
}

/// Files of business volume at or below a path, in order of their paths.
pub(crate) fn found_below(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    look(path, 0, &mut found);
    found.sort();
    found
}

fn look(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        // Standard input is spooled under a name without an ending.
        let may_be = path.extension().is_none_or(|ending| ending.eq_ignore_ascii_case("csv"));
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start));
        if may_be && read.is_ok() && Volume::is_in(&start) {
            found.push(path.to_owned());
        }
        return;
    }
    if depth > limits::FOLDER_DEPTH {
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        look(&entry.path(), depth + 1, found);
    }
}

/// Takes a file of business volume in, whole or not at all. `Err(Ok(reason))` refuses it, `Err(Err(failure))` is ours.
pub(crate) async fn take_file(home: &Home, path: &Path, dry: bool) -> Result<VolumeTaken, Result<String, Failure>> {
    let shown = path.display().to_string();
    let bytes = read_limited(path).map_err(|failure| Ok(failure.message))?;
    let brought = Volume::parse(&shown, &bytes).map_err(|faults| Ok(fault::list(&faults)))?;
    let world = World::load(home, None).await.map_err(Err)?;
    let known = in_force(&world).map_err(Err)?;
    let (next, changes) = known.with(&shown, &brought).map_err(|faults| Ok(fault::list(&faults)))?;
    let files = ConfigFiles { files: next.to_files() };
    let unchanged = world.config_digest(ConfigKind::Volume) == Some(files.digest());
    let spans = brought.metrics().filter_map(|(_, metric)| metric.span());
    let days = spans.reduce(|a, b| Period::new(a.from().min(b.from()), a.until().max(b.until())).unwrap_or(a));
    let taken = VolumeTaken {
        metrics: brought
            .metrics()
            .map(|(name, metric)| {
                let currency = next.metric(name).and_then(|metric| metric.currency.as_ref());
                (name.to_owned(), currency.map(ToString::to_string), metric.over(Period::ALWAYS).days)
            })
            .collect(),
        days,
        new: changes.iter().filter(|change| change.before.is_none()).count(),
        changed: changes.into_iter().filter(|change| change.before.is_some()).collect(),
        unchanged,
    };
    if !dry && !unchanged {
        let change = Change {
            cause: format!("ingest {shown} (business volume)"),
            configs: BTreeMap::from([(ConfigKind::Volume, files)]),
            ..Change::default()
        };
        crate::ownership::publish_unchanged(home, &world, change).await.map_err(Err)?;
    }
    Ok(taken)
}

impl VolumeTaken {
    /// For people: one line, and one for each value that was changed.
    pub(crate) fn shown(&self) -> String {
        let metrics: Vec<String> = self
            .metrics
            .iter()
            .map(|(name, currency, days)| {
                let currency = currency.as_ref().map_or_else(String::new, |code| format!(" {code}"));
                format!("{name}{currency} of {days} days")
            })
            .collect();
        let days = self.days.map_or_else(String::new, |days| format!(", {days}"));
        let mut line = format!("business volume{days}: {}", metrics.join(", "));
        if self.unchanged {
            return line;
        }
        line += &format!("; {} values new, {} changed", self.new, self.changed.len());
        for change in self.changed.iter().take(5) {
            let before = change.before.map_or_else(String::new, |value| value.to_grouped(2));
            line += &format!("\n          {} {}: {before} → {}", change.metric, change.day, change.after.to_grouped(2));
        }
        if self.changed.len() > 5 {
            line += "\n          … the earlier ones: leap volume show --as-known-on DATE";
        }
        line
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let metrics: Vec<Value> = self
            .metrics
            .iter()
            .map(|(name, currency, days)| json!({ "metric": name, "currency": currency, "days": days }))
            .collect();
        let changed: Vec<Value> = self
            .changed
            .iter()
            .map(|change| {
                json!({
                    "metric": change.metric,
                    "date": change.day.to_string(),
                    "before": change.before.map(|value| value.to_string()),
                    "after": change.after.to_string(),
                })
            })
            .collect();
        json!({
            "metrics": metrics,
            "days": self.days.map(|days| days.to_string()),
            "new": self.new,
            "changed": changed,
        })
    }
}

/// When and by whom the values of each metric and month were last changed, as known in a world.
struct Recorded(BTreeMap<String, (Instant, String)>);

impl Recorded {
    async fn of(home: &Home, world: &World) -> Result<Recorded, Failure> {
        let versions = home.book.config_versions(ConfigKind::Volume).await;
        let versions = versions.map_err(|error| Failure::from_error(&error))?;
        let newest = world.config(ConfigKind::Volume).map_or(0, |version| version.id);
        let mut last = BTreeMap::<String, (leap_terms::Digest, Instant, String)>::new();
        for version in versions.into_iter().filter(|version| version.id <= newest) {
            for file in version.files {
                if last.get(&file.name).is_none_or(|(digest, ..)| *digest != file.digest) {
                    last.insert(file.name, (file.digest, version.recorded_at, version.actor.clone()));
                }
            }
        }
        Ok(Recorded(last.into_iter().map(|(name, (_, at, actor))| (name, (at, actor))).collect()))
    }

    fn last(&self, metric: &str) -> Option<&(Instant, String)> {
        let of = self.0.iter().filter(|(file, _)| file.rsplit_once('/').is_some_and(|(name, _)| name == metric));
        of.map(|(_, recorded)| recorded).max_by_key(|(at, _)| *at)
    }
}

/// What a question is about, checked.
async fn asked(home: &Home, args: &VolumeArgs) -> Result<(World, Volume), Failure> {
    let world = match args.snapshot {
        Some(id) => World::load(home, Some(id)).await?,
        None => World::known(home, args.as_known_on).await?,
    };
    let volume = in_force(&world)?;
    if let Some(metric) = &args.metric
        && volume.metric(metric).is_none()
    {
        return Err(unknown(&volume, metric));
    }
    Ok((world, volume))
}

/// A metric that is not there.
pub(crate) fn unknown(volume: &Volume, metric: &str) -> Failure {
    let names: Vec<&str> = volume.metrics().map(|(name, _)| name).collect();
    let known = match names.as_slice() {
        [] => "there is no business volume yet: leap ingest volume.csv (date,metric,value)".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    Failure::usage(format!("no metric of business volume is called '{}'; {known}", metric.escape_debug()))
}

/// `leap volume list`: the metrics.
pub(crate) async fn list(root: &Path, args: &VolumeArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let (world, volume) = asked(&home, args).await?;
    let recorded = Recorded::of(&home, &world).await?;
    let period = args.period.unwrap_or(Period::ALWAYS);
    let columns =
        ["metric", "currency", "first day", "last day", "days", "first day without", "total", "recorded", "by"];
    let mut answer = Answer::new("Business volume by metric", &columns);
    for (name, metric) in
        volume.metrics().filter(|(name, _)| args.metric.as_deref().is_none_or(|wanted| wanted == *name))
    {
        let over = metric.over(period);
        let day = |day: Option<Day>| day.map_or(Cell::Empty, |day| Cell::text(day.to_string()));
        let (at, by) = recorded
            .last(name)
            .map_or((Cell::Empty, Cell::Empty), |(at, actor)| (Cell::text(at.to_string()), Cell::text(actor)));
        answer.rows.push(vec![
            Cell::text(name),
            metric.currency.as_ref().map_or(Cell::Empty, |code| Cell::text(code.as_str())),
            day(over.span.map(Period::from)),
            day(over.span.map(|span| span.until().plus(-1))),
            Cell::Count(over.days as u64),
            day(over.hole),
            Cell::Amount(over.total),
            at,
            by,
        ]);
    }
    if args.format.format == OutputFormat::Json {
        return print_json(&json!({ "snapshot": world.digest_text(), "rows": answer.json_rows() }));
    }
    answer.print(args.format.format)
}

/// `leap volume show`: the values.
pub(crate) async fn show(root: &Path, args: &VolumeArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let (world, volume) = asked(&home, args).await?;
    let period = args.period.unwrap_or(Period::ALWAYS);
    let mut answer = Answer::new("Business volume", &["date", "metric", "value", "currency"]);
    let mut totals = Vec::new();
    let mut holes = BTreeSet::new();
    for (name, metric) in
        volume.metrics().filter(|(name, _)| args.metric.as_deref().is_none_or(|wanted| wanted == *name))
    {
        let code = || metric.currency.as_ref().map_or(Cell::Empty, |code| Cell::text(code.as_str()));
        for (day, value) in metric.within(period) {
            answer.rows.push(vec![Cell::text(day.to_string()), Cell::text(name), Cell::Amount(value), code()]);
        }
        let over = metric.over(period);
        answer.totals.push(vec![Cell::text("total"), Cell::text(name), Cell::Amount(over.total), code()]);
        let currency = metric.currency.as_ref().map(ToString::to_string);
        totals
            .push(json!({ "metric": name, "currency": currency, "days": over.days, "total": over.total.to_string() }));
        if let Some(words) = lacks(name, metric, period) {
            holes.insert(words);
        }
    }
    if args.format.format == OutputFormat::Json {
        return print_json(&json!({
            "snapshot": world.digest_text(), "rows": answer.json_rows(), "totals": totals, "notes": holes,
        }));
    }
    answer.print(args.format.format)?;
    for words in holes {
        eprintln!("{words}");
    }
    Ok(())
}

/// Which days of a period a metric has no value of; `None` where it has all, or where all time was asked for.
fn lacks(name: &str, metric: &leap_orient::charter::Metric, period: Period) -> Option<String> {
    let over = metric.over(period);
    match (over.span, over.hole) {
        (_, Some(day)) => Some(format!("{name} has no value of {day}: write 0 where there was none")),
        (Some(span), None) if period != Period::ALWAYS && span != period => {
            Some(format!("{name} is known of {span} only"))
        }
        (None, None) if period != Period::ALWAYS => Some(format!("{name} has no value in {period}")),
        _ => None,
    }
}
