//! `leap drift detect` and `leap forecast run`: files in, lines out. The verdicts are `leap_decide`'s.
//!
//! ```text
//! $ leap drift detect --series costs.csv --format jsonl
//! {"series":"payments","day":150,"kind":"spike","score":6.132,"cost_per_month":"1020.00","since":150}
//! ```
//! Neither reads a home: what a series is of is up to who made the file.

use std::path::Path;

use leap_decide::series::{Announced, Series, Vintages};
use leap_decide::{drift, forecast as expect, lines};
use leap_terms::{Day, Exact, Fault, fault};

use crate::cli::{DetectArgs, ForecastArgs};
use crate::failure::Failure;
use crate::output::emit;

/// Days from which on something is said of a series.
const SHORT: i64 = 14;

pub(crate) fn detect(args: &DetectArgs) -> Result<(), Failure> {
    let series = read(&args.series, Series::read)?;
    series.iter().for_each(warn);
    let vintages = args.vintages.as_deref().map(|file| read(file, Vintages::read)).transpose()?;
    let announced = announced(args.known.as_deref())?;
    let settings = drift::Settings::default();
    let alerts = |series: &Series| drift::detect(series, vintages.as_ref(), &announced, &settings);
    let told = |series: &Series| lines::alerts(series, &alerts(series));
    emit(&series.iter().map(told).collect::<String>())
}

pub(crate) fn forecast(args: &ForecastArgs) -> Result<(), Failure> {
    let series = read(&args.series, Series::read)?;
    series.iter().for_each(warn);
    let announced = announced(args.known.as_deref())?;
    let mut text = String::new();
    for series in &series {
        let origin = origin(series, args.origin.as_deref(), &args.series)?;
        let made = expect::forecast(series, origin, usize::from(args.horizon), &announced).ok_or_else(|| {
            Failure::quality(format!(
                "{}: {} has fewer than 14 days before {}: choose a later origin",
                args.series.display(),
                series.name,
                lines::label(series, origin)
            ))
        })?;
        text += &lines::forecast(series, &made);
    }
    emit(&text)
}

/// The first day that is forecast.
fn origin(series: &Series, written: Option<&str>, file: &Path) -> Result<Day, Failure> {
    let last = series.points.last().map_or(Day::EARLIEST, |point| point.day);
    let Some(written) = written else { return Ok(last.plus(1)) };
    let next = lines::label(series, last.plus(1)) == written;
    let day = series.at(written).map(|at| series.points[at].day).or_else(|| next.then(|| last.plus(1)));
    let (file, name) = (file.display(), &series.name);
    match day.or_else(|| written.parse().ok()) {
        Some(day) if day <= last.plus(1) => Ok(day),
        // What lies between is not known, and is not 0.
        Some(_) => Err(Failure::usage(format!(
            "--origin {written} lies after the day that follows the last of {name} in {file}, {}: begin there, with a \
             longer --horizon",
            lines::label(series, last.plus(1))
        ))),
        None => Err(Failure::usage(format!(
            "--origin: {name} in {file} has no day {written}: write a day as the file does"
        ))),
    }
}

/// What is said of a series from which little can be told.
fn warn(series: &Series) {
    let (Some(first), Some(last)) = (series.points.first(), series.points.last()) else { return };
    let days = i64::from(last.day.days() - first.day.days()) + 1;
    let absent = days - series.points.len() as i64;
    let negative = series.points.iter().filter(|point| point.cost < Exact::ZERO).count();
    let name = &series.name;
    if days < SHORT {
        eprintln!("{name}: {days} days are too few to tell drift from habit; nothing is said of fewer than {SHORT}");
    }
    if absent > 0 {
        eprintln!(
            "{name}: {absent} days between {} and {} are absent: they are not known, not 0",
            first.label, last.label
        );
    }
    if negative > 0 {
        eprintln!("{name}: {negative} days are negative; leave credits and refunds out of a series that is watched");
    }
}

fn announced(file: Option<&Path>) -> Result<Announced, Failure> {
    file.map_or_else(|| Ok(Announced::default()), |file| read(file, Announced::read))
}

/// Reads a file of a person.
fn read<T>(file: &Path, parse: impl Fn(&str, &str) -> Result<T, Vec<Fault>>) -> Result<T, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::failed(format!("{name}: {error}: name a file of UTF-8 text that can be read")))?;
    parse(&name, &text).map_err(|faults| Failure::quality(fault::list(&faults)))
}
