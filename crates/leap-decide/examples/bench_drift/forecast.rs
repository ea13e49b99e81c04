//! Forecasts of 28 days against what came.

use std::path::Path;

use leap_decide::forecast::{Score, forecast, score};

use crate::data::{Set, costdrift, generated};

const HORIZON: usize = 28;
/// The origins of the others' figures.
const PEERS_ORIGINS: [i32; 4] = [280, 308, 336, 364];

const PEERS: [(&str, &str); 8] = [
    ("SeasonalNaive(7)", "total off 16.87 / 12.81 / 35.4 %   days off 24.63 %"),
    ("same-weekday median, 8 weeks", "total off 17.60 / 11.80 / 34.6 %   days off 22.08 %"),
    ("AutoTheta(7)", "total off 18.88 / 11.30 / 39.6 %   days off 25.02 %"),
    ("SeasonalWindowAverage(7x4)", "total off 19.65 / 10.28 / 32.2 %   days off 26.56 %"),
    ("mean of 30 days", "total off 19.75 / 11.20 / 32.9 %   days off 29.19 %"),
    ("AutoETS(7)", "total off 19.98 / 12.56 / 41.0 %   days off 25.63 %"),
    ("MSTL(7) + AutoETS", "total off 20.61 / 12.35 / 40.3 %   days off 27.08 %"),
    ("Prophet", "total off 26.14 / 14.66 / 47.1 %   days off 32.25 %"),
];

fn line(scores: &[Score]) -> String {
    let mut off: Vec<f64> = scores.iter().map(|score| 100.0 * score.total_off).collect();
    off.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (off.len() - 1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        off[below] + (off[above] - off[below]) * (place - below as f64)
    };
    let count = scores.len() as f64;
    format!(
        "total off {:.2} / {:.2} / {:.1} %   days off {:.2} %   within P10-P90: totals {:.1} %, days {:.1} %",
        off.iter().sum::<f64>() / count,
        at(0.5),
        at(0.9),
        100.0 * scores.iter().map(|score| score.days_off).sum::<f64>() / count,
        100.0 * scores.iter().filter(|score| score.within).count() as f64 / count,
        100.0 * scores.iter().map(|score| score.days_within).sum::<usize>() as f64
            / scores.iter().map(|score| score.days).sum::<usize>() as f64
    )
}

fn scores(set: &Set, origins: &[i32], asked: &dyn Fn(usize) -> bool) -> Vec<Score> {
    let mut scores = Vec::new();
    for (_, series) in set.series.iter().enumerate().filter(|(at, _)| asked(*at)) {
        for origin in origins {
            let origin = series.points[0].day.plus(*origin);
            let frozen = forecast(series, origin, HORIZON, &set.announced).expect("a long history");
            scores.extend(score(&frozen, series));
        }
    }
    scores
}

fn show(title: &str, set: &Set) {
    let others: Vec<i32> = (154..=392).step_by(14).filter(|origin| !PEERS_ORIGINS.contains(origin)).collect();
    println!("{title}, {} series, {HORIZON} days; mean / median / 90th percentile", set.series.len());
    println!("  origins {PEERS_ORIGINS:?}   {}", line(&scores(set, &PEERS_ORIGINS, &|_| true)));
    println!("  {} other origins            {}", others.len(), line(&scores(set, &others, &|_| true)));
    for (half, name) in ["even", "odd"].into_iter().enumerate() {
        println!(
            "  {name:<5} series, all origins   {}",
            line(&scores(set, &[&PEERS_ORIGINS[..], &others].concat(), &|at| at % 2 == half))
        );
    }
    println!();
}

pub(crate) fn run(shared: &Path) {
    println!("aims: mean <= 15.0 %, median <= 9.5 %, 75 to 85 % of totals within P10-P90\n");
    if let Some(set) = costdrift(shared) {
        show("costdrift", &set);
        println!("others on costdrift, at the four origins:");
        for (name, figures) in PEERS {
            println!("  {name:<30} {figures}");
        }
        println!();
    }
    show("generated, seed 7", &generated(7, 40));
}
