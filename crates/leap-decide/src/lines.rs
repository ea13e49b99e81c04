//! Verdicts as lines for machines: one JSON object a line, amounts as exact decimal texts, days as the file of the
//! series writes them.
//!
//! ```json
//! {"series":"payments","day":"150","kind":"spike","score":6.132,"cost_per_month":"1020.00","since":"150"}
//! ```

use leap_terms::Day;
use serde_json::{Value, json};

use crate::drift::Alert;
use crate::forecast::{Forecast, Range};
use crate::series::Series;

/// A day as the series writes it; days after its last go on counting where it counts.
pub fn label(series: &Series, day: Day) -> String {
    let counted = |ahead: i32| {
        let last: i32 = series.points.last()?.label.parse().ok()?;
        Some((last + ahead).to_string())
    };
    if let Ok(at) = series.points.binary_search_by_key(&day, |point| point.day) {
        return series.points[at].label.clone();
    }
    let last = series.points.last().map_or(day, |point| point.day);
    counted(day.days() - last.days()).unwrap_or_else(|| day.to_string())
}

/// A label as JSON: a number where the file has numbers.
fn shown(series: &Series, day: Day) -> Value {
    let label = label(series, day);
    label.parse::<i64>().map_or_else(|_| Value::String(label), Value::from)
}

/// A line for each alert.
pub fn alerts(series: &Series, alerts: &[Alert]) -> String {
    let line = |alert: &Alert| {
        let value = json!({
            "series": series.name,
            "day": shown(series, alert.day),
            "kind": alert.kind.word(),
            "score": (alert.score * 1e3).round() / 1e3,
            "cost_per_month": alert.cost_per_month.to_text(),
            "since": shown(series, alert.since),
        });
        format!("{value}\n")
    };
    alerts.iter().map(line).collect()
}

/// A line for a forecast: its total, its bounds and its days.
pub fn forecast(series: &Series, forecast: &Forecast) -> String {
    let range =
        |range: &Range| json!({"p10": range.low.to_text(), "p50": range.middle.to_text(), "p90": range.high.to_text()});
    let days: Vec<Value> = forecast
        .days
        .iter()
        .map(|(day, expected)| {
            let mut value = json!({"day": shown(series, *day)});
            for (name, amount) in range(expected).as_object().into_iter().flatten() {
                value[name] = amount.clone();
            }
            value
        })
        .collect();
    let value = json!({
        "series": forecast.series,
        "origin": forecast.days.first().map(|(day, _)| shown(series, *day)),
        "horizon": days.len(),
        "total": range(&forecast.total),
        "days": days,
    });
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use leap_terms::Exact;

    use super::*;
    use crate::drift::Kind;

    #[test]
    fn days_are_written_as_the_file_has_them() {
        let text = "series,day,date,cost\na,7,2026-03-01,1\na,8,2026-03-02,1\n";
        let counted = &Series::read("s.csv", text).expect("a good file")[0];
        let day: Day = "2026-03-02".parse().expect("a day");
        let alert = Alert { day, since: day, kind: Kind::Ramp, score: 3.123_456, cost_per_month: Exact::from_whole(9) };
        let line = alerts(counted, &[alert]);
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).expect("a line of JSON");
        let expected =
            json!({"series": "a", "day": 8, "kind": "ramp", "score": 3.123, "cost_per_month": "9", "since": 8});
        assert_eq!(value, expected);
        assert_eq!(label(counted, day.plus(3)), "11");
        let dated = &Series::read("s.csv", "series,day,cost\na,2026-03-01,1\n").expect("a good file")[0];
        assert_eq!(label(dated, day), "2026-03-02");
    }
}
