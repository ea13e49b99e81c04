//! The series to be scored, with the truth beside them.

use std::collections::HashMap;
use std::path::Path;

use leap_decide::series::{Announced, Point, Series, Vintage, Vintages};
use leap_sim::series::drifting;
use leap_terms::Exact;
use serde_json::Value;

/// What a detector should find.
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) excess: f64,
}

/// What is true of a series, by the number of its days.
pub(crate) struct Truth {
    pub(crate) train: i64,
    pub(crate) events: Vec<Event>,
    pub(crate) changes: Vec<i64>,
}

/// A set of series.
#[derive(Default)]
pub(crate) struct Set {
    pub(crate) series: Vec<Series>,
    pub(crate) vintages: Vintages,
    pub(crate) announced: Announced,
    pub(crate) truth: HashMap<String, Truth>,
}

/// `costdrift`, where it is there.
pub(crate) fn costdrift(shared: &Path) -> Option<Set> {
    let folder = shared.join("anomaly/costdrift");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let (Some(series), Some(vintages), Some(labels)) = (read("series.csv"), read("vintages.csv"), read("labels.json"))
    else {
        println!("costdrift is not at {}: skipped\n", folder.display());
        return None;
    };
    let announced = Announced::read("labels.json", &labels).expect("labels list known changes");
    let labels: Value = serde_json::from_str(&labels).expect("labels are JSON");
    let truth = labels.as_object().into_iter().flatten().map(|(name, of)| (name.clone(), truth(of))).collect();
    Some(Set {
        series: Series::read("series.csv", &series).expect("a file of series"),
        vintages: Vintages::read("vintages.csv", &vintages).expect("a file of vintages"),
        announced,
        truth,
    })
}

fn truth(of: &Value) -> Truth {
    let number = |value: &Value, name: &str| value[name].as_i64().unwrap_or_default();
    let event = |event: &Value| Event {
        kind: event["kind"].as_str().unwrap_or_default().replace("dropgap", "drop"),
        start: number(event, "start"),
        end: number(event, "end"),
        excess: event["excess"].as_f64().unwrap_or_default(),
    };
    Truth {
        train: number(of, "train"),
        events: of["events"].as_array().into_iter().flatten().map(event).collect(),
        changes: of["known_changes"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect(),
    }
}

/// Generated series, which no setting was ever tuned on.
pub(crate) fn generated(seed: u64, count: u64) -> Set {
    let mut set = Set::default();
    for number in 0..count {
        let made = drifting(seed, number, 420);
        let points = made.costs.iter().enumerate().map(|(day, cost)| Point {
            label: day.to_string(),
            day: made.first.plus(day as i32),
            cost: *cost,
        });
        set.series.push(Series { name: made.name.clone(), dated: true, points: points.collect() });
        for (day, (known, whole)) in made.known.iter().zip(&made.costs).enumerate() {
            set.vintages.add(&made.name, &day.to_string(), Vintage { known: known.to_vec(), whole: *whole });
        }
        made.changes.iter().for_each(|day| set.announced.change(&made.name, &day.to_string()));
        let size = |cost: Exact| cost.to_text().parse::<f64>().expect("an amount is a number");
        let event = |event: &leap_sim::series::DriftEvent| Event {
            kind: event.kind.to_owned(),
            start: event.start as i64,
            end: event.end as i64,
            excess: size(event.excess),
        };
        let truth = Truth {
            train: leap_sim::series::QUIET_DAYS as i64,
            events: made.events.iter().map(event).collect(),
            changes: made.changes.iter().map(|day| *day as i64).collect(),
        };
        set.truth.insert(made.name, truth);
    }
    set
}
