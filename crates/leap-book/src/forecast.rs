//! Forecasts as they were made, frozen, and how good they turned out to be.
//!
//! ```text
//! forecast 12  payments/Amazon EC2  USD  origin 2026-09-16  30 days  made of 4bf0…  of plan 31
//!   score 1    2026-10-17T08:00:00Z  at snapshot 44   {"mase": "0.61", "inside": "28/30"}
//! ```
//! A frozen forecast never changes; the same one (series, currency, origin, horizon, made of the same) is frozen once,
//! and to freeze it again says so. Scores are added later, as often as figures come or are restated, each with the
//! snapshot that it was read at. The plan's audit event has a digest of the forecasts that came with it, and the event
//! of a scoring one of the scores.
//!
//! Does not read forecasts and computes no score.

use std::collections::BTreeMap;

use leap_terms::{Currency, Day, Digest, Instant};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Record};

const COLUMNS: [&str; 10] =
    ["number", "series", "currency", "origin", "horizon_days", "made_at", "made_of", "content", "digest", "plan"];
const SCORE_COLUMNS: [&str; 6] = ["forecast", "ordinal", "scored_at", "snapshot", "content", "recorded_in"];
const SCORED: &str = "forecasts scored";

/// A forecast to be frozen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewForecast {
    /// Of what: a unit, a service, both.
    pub series: String,
    /// The currency of its amounts.
    pub currency: Currency,
    /// The first day that is forecast.
    pub origin: Day,
    /// How many days are.
    pub horizon_days: u32,
    /// When it was made.
    pub made_at: Instant,
    /// Digest of all that it was made of: history, events, settings.
    pub made_of: Digest,
    /// The forecast: JSON, kept to the byte.
    pub content: String,
}

/// What became of a forecast that was to be frozen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frozen {
    /// The forecast's number.
    pub number: i64,
    /// False where the same one was frozen before, and nothing was done.
    pub new: bool,
}

/// A forecast as it was frozen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrozenForecast {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// The forecast.
    pub forecast: NewForecast,
    /// BLAKE3 of the content's bytes.
    pub digest: Digest,
    /// The plan that it came with.
    pub plan: i64,
}

/// A score to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewScore {
    /// The forecast's number.
    pub forecast: i64,
    /// The snapshot whose figures it was compared with.
    pub snapshot: Option<i64>,
    /// How good it was: JSON, kept to the byte.
    pub content: String,
}

/// A score as it was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForecastScore {
    /// The forecast's number.
    pub forecast: i64,
    /// Number of the score, from 1, per forecast.
    pub ordinal: i64,
    /// When it was recorded.
    pub scored_at: Instant,
    /// The snapshot whose figures it was compared with.
    pub snapshot: Option<i64>,
    /// How good it was: JSON.
    pub content: String,
    /// The event of the audit trail that tells of it.
    pub recorded_in: i64,
}

/// Which forecasts to list; the default is all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ForecastFilter {
    /// Only of this series.
    pub series: Option<String>,
    /// Only of this plan.
    pub plan: Option<i64>,
    /// Only those that end before this day and have no score: what is to be scored.
    pub unscored_before: Option<Day>,
}

impl FrozenForecast {
    fn from_row(row: &AnyRow, place: &Place) -> Result<FrozenForecast, BookError> {
        let record = Record { row, of: "forecast", place };
        let damaged = |fault: String| BookError::Damaged { place: place.shown().to_owned(), fault };
        let number = record.int("number")?;
        let forecast = NewForecast {
            series: record.text("series")?,
            currency: record.read("currency", Currency::new)?,
            origin: record.read("origin", str::parse)?,
            horizon_days: u32::try_from(record.int("horizon_days")?)
                .map_err(|error| damaged(format!("the horizon of forecast {number}: {error}")))?,
            made_at: record.at("made_at")?,
            made_of: record.read("made_of", str::parse)?,
            content: record.text("content")?,
        };
        let frozen =
            FrozenForecast { number, digest: record.read("digest", str::parse)?, plan: record.int("plan")?, forecast };
        if Digest::of(frozen.forecast.content.as_bytes()) != frozen.digest {
            return Err(damaged(format!("the content of forecast {number} has another digest")));
        }
        Ok(frozen)
    }

    /// The first day after the forecast.
    pub fn until(&self) -> Day {
        let days = i32::try_from(self.forecast.horizon_days).unwrap_or(i32::MAX);
        Day::from_days(self.forecast.origin.days().saturating_add(days))
    }

    fn line(&self) -> String {
        let NewForecast { series, currency, origin, horizon_days, made_at, made_of, content: _ } = &self.forecast;
        json!([
            self.number,
            series,
            currency.as_str(),
            origin.to_string(),
            horizon_days,
            made_at.micros(),
            made_of.to_string(),
            self.digest.to_string(),
        ])
        .to_string()
    }
}

impl ForecastScore {
    fn from_row(row: &AnyRow, place: &Place) -> Result<ForecastScore, BookError> {
        let record = Record { row, of: "forecast_score", place };
        Ok(ForecastScore {
            forecast: record.int("forecast")?,
            ordinal: record.int("ordinal")?,
            scored_at: record.at("scored_at")?,
            snapshot: record.maybe_int("snapshot")?,
            content: record.text("content")?,
            recorded_in: record.int("recorded_in")?,
        })
    }

    fn line(&self) -> String {
        let content = Digest::of(self.content.as_bytes()).to_string();
        json!([self.forecast, self.ordinal, self.scored_at.micros(), self.snapshot, content]).to_string()
    }
}

async fn read(
    connection: &mut AnyConnection,
    place: &Place,
    filter: &ForecastFilter,
) -> Result<Vec<FrozenForecast>, BookError> {
    let rows = sqlx::query(
        "SELECT * FROM forecast WHERE ($1 IS NULL OR series = $1) AND ($2 = 0 OR plan = $2)
           AND ($3 = 0 OR NOT EXISTS (SELECT 1 FROM forecast_score WHERE forecast_score.forecast = forecast.number))
         ORDER BY number",
    )
    .bind(filter.series.as_deref().map(rows::storable))
    .bind(filter.plan.unwrap_or(0))
    .bind(i64::from(filter.unscored_before.is_some()))
    .fetch_all(connection)
    .await
    .map_err(|error| BookError::of(error, "read the forecasts", place))?;
    let mut forecasts = rows.iter().map(|row| FrozenForecast::from_row(row, place)).collect::<Result<Vec<_>, _>>()?;
    forecasts.retain(|frozen| filter.unscored_before.is_none_or(|day| frozen.until() <= day));
    Ok(forecasts)
}

async fn one(connection: &mut AnyConnection, place: &Place, number: i64) -> Result<FrozenForecast, BookError> {
    let row = sqlx::query("SELECT * FROM forecast WHERE number = $1")
        .bind(number)
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read a forecast", place))?;
    row.map_or_else(|| Err(Refusal::NoForecast(number).into()), |row| FrozenForecast::from_row(&row, place))
}

/// Freezes a forecast of a plan, or finds it frozen.
pub(crate) async fn freeze(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewForecast,
    plan: i64,
) -> Result<Frozen, BookError> {
    let failed = |error| BookError::of(error, "freeze a forecast", place);
    rows::check_json("a forecast", &new.content)?;
    rows::not_blank("a forecast", "a series", &new.series)?;
    let series = rows::storable(&new.series);
    let known = sqlx::query(
        "SELECT number FROM forecast
         WHERE series = $1 AND currency = $2 AND origin = $3 AND horizon_days = $4 AND made_of = $5",
    )
    .bind(series.clone())
    .bind(new.currency.as_str().to_owned())
    .bind(new.origin.to_string())
    .bind(i64::from(new.horizon_days))
    .bind(new.made_of.to_string())
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed)?;
    if let Some(row) = known {
        return Ok(Frozen { number: row.try_get("number").map_err(failed)?, new: false });
    }
    let number = rows::newest(connection, "forecast").await.map_err(failed)? + 1;
    let row = vec![
        Cell::Int(number),
        Cell::Text(series),
        Cell::text(&new.currency),
        Cell::text(new.origin),
        Cell::Int(i64::from(new.horizon_days)),
        Cell::at(new.made_at),
        Cell::text(new.made_of),
        Cell::text(&new.content),
        Cell::text(Digest::of(new.content.as_bytes())),
        Cell::Int(plan),
    ];
    rows::insert(connection, "forecast", &COLUMNS, row).await.map_err(failed)?;
    Ok(Frozen { number, new: true })
}

/// Digest over the forecasts that a plan froze.
pub(crate) async fn digest_of_plan(
    connection: &mut AnyConnection,
    place: &Place,
    plan: i64,
) -> Result<Digest, BookError> {
    let rows = sqlx::query("SELECT * FROM forecast WHERE plan = $1 ORDER BY number")
        .bind(plan)
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the forecasts of a plan", place))?;
    let forecasts = rows.iter().map(|row| FrozenForecast::from_row(row, place)).collect::<Result<Vec<_>, _>>()?;
    Ok(rows::lines_digest(forecasts.iter().map(FrozenForecast::line)))
}

/// What does not fit between the scores and the audit trail; forecasts are looked at with their plans.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let rows = sqlx::query("SELECT * FROM forecast_score ORDER BY recorded_in, forecast, ordinal")
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| BookError::of(error, "read scores of forecasts", place))?;
    let mut scores = BTreeMap::<i64, Vec<ForecastScore>>::new();
    for row in &rows {
        let score = ForecastScore::from_row(row, place)?;
        scores.entry(score.recorded_in).or_default().push(score);
    }
    let events = audit::of_actions(connection, place, SCORED).await?;
    let mut faults = Vec::new();
    for event in &events {
        let own = scores.remove(&rows::count(event.sequence)).unwrap_or_default();
        let digest = rows::lines_digest(own.iter().map(ForecastScore::line));
        if event.entry.detail["scores"] != json!(digest.to_string()) {
            faults.push(format!("scores of forecasts are not those of event {} of the audit trail", event.sequence));
        }
    }
    for score in scores.values().flatten() {
        faults.push(format!("score {} of forecast {} is not in the audit trail", score.ordinal, score.forecast));
    }
    Ok(faults)
}

impl Book {
    /// Adds scores of forecasts, all of them or none, with one audit event.
    ///
    /// # Errors
    /// [`Refusal::NoForecast`], [`BookError::NoSnapshot`], [`BookError::NotJson`]; others when the book cannot be
    /// written.
    pub async fn score_forecasts(
        &self,
        new: &[NewScore],
        actor: &str,
        at: Instant,
    ) -> Result<Vec<ForecastScore>, BookError> {
        let doing = "score forecasts";
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.writing(doing).await?;
        let mut recorded = Vec::<ForecastScore>::new();
        let mut snapshots = std::collections::BTreeSet::new();
        for score in new {
            rows::check_json(&format!("the score of forecast {}", score.forecast), &score.content)?;
            one(&mut transaction, &self.place, score.forecast).await?;
            snapshots.extend(score.snapshot);
            let known = sqlx::query("SELECT COUNT(*) AS known FROM forecast_score WHERE forecast = $1")
                .bind(score.forecast)
                .fetch_one(&mut *transaction)
                .await
                .and_then(|row| row.try_get::<i64, _>("known"))
                .map_err(self.failed(doing))?;
            let beside = recorded.iter().filter(|other| other.forecast == score.forecast).count() as i64;
            recorded.push(ForecastScore {
                forecast: score.forecast,
                ordinal: known + beside + 1,
                scored_at: at,
                snapshot: score.snapshot,
                content: score.content.clone(),
                recorded_in: 0,
            });
        }
        for snapshot in snapshots {
            crate::snapshot::one(&mut transaction, &self.place, snapshot).await?;
        }
        recorded.sort_by_key(|score| (score.forecast, score.ordinal));
        let entry = AuditEntry {
            at,
            actor: rows::storable(actor),
            action: SCORED.to_owned(),
            subject: format!("{} forecasts", recorded.len()),
            detail: json!({ "scores": rows::lines_digest(recorded.iter().map(ForecastScore::line)).to_string() }),
        };
        let head = audit::append(&mut transaction, &self.place, &entry, None).await?;
        let mut insert = rows::Insert::into("forecast_score", &SCORE_COLUMNS);
        for score in &mut recorded {
            score.recorded_in = rows::count(head.sequence);
            let row = vec![
                Cell::Int(score.forecast),
                Cell::Int(score.ordinal),
                Cell::at(score.scored_at),
                Cell::maybe_int(score.snapshot),
                Cell::text(&score.content),
                Cell::Int(score.recorded_in),
            ];
            insert.row(&mut transaction, row).await.map_err(self.failed(doing))?;
        }
        insert.end(&mut transaction).await.map_err(self.failed(doing))?;
        self.commit(transaction, doing).await?;
        Ok(recorded)
    }

    /// Forecasts as they were frozen, by number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or one is damaged.
    pub async fn forecasts(&self, filter: &ForecastFilter) -> Result<Vec<FrozenForecast>, BookError> {
        read(&mut *self.connection().await?, &self.place, filter).await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Refusal::NoForecast`]; others when the book cannot be read, or it is damaged.
    pub async fn forecast(&self, number: i64) -> Result<FrozenForecast, BookError> {
        one(&mut *self.connection().await?, &self.place, number).await
    }

    /// The scores of a forecast, in their order.
    ///
    /// # Errors
    /// [`Refusal::NoForecast`]; others when the book cannot be read.
    pub async fn forecast_scores(&self, forecast: i64) -> Result<Vec<ForecastScore>, BookError> {
        let mut transaction = self.reading("read scores of a forecast").await?;
        one(&mut transaction, &self.place, forecast).await?;
        let rows = sqlx::query("SELECT * FROM forecast_score WHERE forecast = $1 ORDER BY ordinal")
            .bind(forecast)
            .fetch_all(&mut *transaction)
            .await
            .map_err(self.failed("read scores of a forecast"))?;
        rows.iter().map(|row| ForecastScore::from_row(row, &self.place)).collect()
    }
}
