//! A frozen forecast as text: canonical JSON, kept to the byte by the book.
//!
//! ```json
//! {"cost":"effective","days":[["2026-10-01","4100.00","3900.00","4400.00"]],"total":["123410.00",…],"unit":"payments"}
//! ```
//! Each list of three is P50, P10 and P90.

use leap_decide::forecast::{Ahead, Forecast, Range, Score};
use leap_terms::{CostKind, Day, TeamId};
use serde_json::{Value, json};

/// A share or ratio with four decimals, as scores have it.
pub(super) fn share(value: f64) -> String {
    format!("{value:.4}")
}

/// Writes a forecast.
pub(super) fn write(unit: &TeamId, cost: CostKind, forecast: &Forecast) -> String {
    let amounts = |range: &Range| [range.middle, range.low, range.high].map(|amount| amount.to_text());
    let day = |(day, range): &(Day, Range)| {
        let [middle, low, high] = amounts(range);
        json!([day.to_string(), middle, low, high])
    };
    json!({
        "cost": cost.word(),
        "days": forecast.days.iter().map(day).collect::<Vec<_>>(),
        "total": amounts(&forecast.total),
        "unit": unit.as_str(),
    })
    .to_string()
}

/// Reads one; `None` for other text.
pub(super) fn read(content: &str) -> Option<(TeamId, CostKind, Forecast)> {
    let value: Value = serde_json::from_str(content).ok()?;
    let range = |value: &[Value]| -> Option<Range> {
        let amount = |at: usize| value.get(at)?.as_str()?.parse().ok();
        Some(Range { middle: amount(0)?, low: amount(1)?, high: amount(2)? })
    };
    let day = |value: &Value| -> Option<(Day, Range)> {
        let parts = value.as_array()?;
        Some((parts.first()?.as_str()?.parse().ok()?, range(parts.get(1..)?)?))
    };
    let unit = TeamId::new(value["unit"].as_str()?).ok()?;
    let forecast = Forecast {
        series: unit.to_string(),
        total: range(value["total"].as_array()?)?,
        days: value["days"].as_array()?.iter().map(day).collect::<Option<_>>()?,
    };
    Some((unit, value["cost"].as_str()?.parse().ok()?, forecast))
}

/// Writes a score.
pub(super) fn score(score: &Score, ahead: &[Ahead]) -> String {
    let part = |part: &Ahead| {
        json!({
            "from": part.from, "until": part.until, "cost_of_days": part.cost.to_text(),
            "expected": part.expected.to_text(), "off": part.off().map(share),
            "days_within": part.days_within,
        })
    };
    json!({
        "cost_of_days": score.cost.to_text(),
        "expected": score.expected.to_text(),
        "error": (score.expected - score.cost).to_text(),
        "off": share(score.total_off),
        "days_off": share(score.days_off),
        "within": score.within,
        "days": score.days,
        "days_within": score.days_within,
        "ahead": ahead.iter().map(part).collect::<Vec<_>>(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_frozen_is_read_again() {
        let range = |middle: &str| Range {
            middle: middle.parse().unwrap(),
            low: "1.5".parse().unwrap(),
            high: "900".parse().unwrap(),
        };
        let days = vec![("2026-10-01".parse().unwrap(), range("4")), ("2026-10-02".parse().unwrap(), range("5.25"))];
        let forecast = Forecast { series: "payments".to_owned(), total: range("9.25"), days };
        let unit = TeamId::new("payments").unwrap();
        let text = write(&unit, CostKind::Effective, &forecast);
        assert_eq!(read(&text), Some((unit, CostKind::Effective, forecast)));
        for other in ["{}", "[]", "", r#"{"unit": "a", "cost": "effective", "total": ["1"], "days": []}"#] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
