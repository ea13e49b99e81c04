//! Which deliveries count for which scope, at any snapshot.
//!
//! An overwriting source has one current delivery per scope and nominal period, an appending one has several. When a publish supersedes a
//! delivery, the scope's row gets the snapshot until which it counted; it is never deleted.

use std::collections::BTreeSet;

use leap_terms::delivery::{Batch, Part};
use leap_terms::{Day, Delivery, DeliveryId, Digest, Format, Instant, Month, ScopeFacts, ScopeKey, SourceId};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Insert, Record};

/// A delivery that counts for a scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CurrentScope {
    /// The scope.
    pub scope: ScopeKey,
    /// The delivery.
    pub delivery: DeliveryId,
    /// What it holds for the scope.
    pub facts: ScopeFacts,
    /// The month that the delivery is for ([`Delivery::nominal`]).
    pub nominal: Option<Month>,
    /// The delivery's files.
    pub parts: Vec<Part>,
    /// The delivery's format.
    pub format: Format,
    /// When it was published.
    pub recorded_at: Instant,
    /// The snapshot that published it.
    pub from_snapshot: i64,
}

/// The last day of a scope by one delivery, and when that delivery counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScopeDays {
    /// The source.
    pub source: SourceId,
    /// The last day of any of its charges.
    pub last_day: Day,
    /// When it was published.
    pub from: Instant,
    /// When another took its place; none while it counts.
    pub until: Option<Instant>,
}

/// A source of which at least one delivery was published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownSource {
    /// The source.
    pub source: SourceId,
    /// The format.
    pub format: Format,
    /// All accounts ever seen in it ("billing account/sub account"), sorted.
    pub accounts: Vec<String>,
}

const SCOPE_COLUMNS: [&str; 11] = [
    "delivery",
    "ordinal",
    "delivery_id",
    "source",
    "billing_period",
    "nominal",
    "appends",
    "rows",
    "digest",
    "facts",
    "from_snapshot",
];

const ACCOUNT_COLUMNS: [&str; 4] = ["source", "format", "account_digest", "account"];

/// Ends a delivery's time for a scope.
pub(crate) async fn supersede(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    scope: &ScopeKey,
    delivery: &DeliveryId,
) -> Result<(), BookError> {
    let ended = sqlx::query(
        "UPDATE scope SET until_snapshot = $1
         WHERE source = $2 AND billing_period = $3 AND delivery_id = $4 AND until_snapshot IS NULL",
    )
    .bind(snapshot)
    .bind(scope.source.as_str())
    .bind(scope.billing_period.to_string())
    .bind(delivery.as_str())
    .execute(connection)
    .await
    .map_err(|error| BookError::of(error, "supersede a delivery", place))?;
    match ended.rows_affected() {
        0 => Err(BookError::NotCurrent { scope: scope.clone(), delivery: delivery.clone() }),
        1 => Ok(()),
        more => Err(BookError::Damaged {
            place: place.shown().to_owned(),
            fault: format!("delivery {delivery} is current {more} times for {scope}"),
        }),
    }
}

/// The month that a delivery stands for in a scope: deliveries that stand for different months share a scope.
fn nominal_of(delivery: &Delivery, scope: &ScopeKey) -> Month {
    delivery.nominal.unwrap_or(scope.billing_period)
}

/// The deliveries that count for a scope now, each with the month that it stands for.
pub(crate) async fn holders(
    connection: &mut AnyConnection,
    place: &Place,
    scope: &ScopeKey,
) -> Result<Vec<(DeliveryId, String)>, BookError> {
    let rows = sqlx::query(
        "SELECT delivery_id, nominal FROM scope WHERE source = $1 AND billing_period = $2 AND until_snapshot IS NULL",
    )
    .bind(scope.source.as_str())
    .bind(scope.billing_period.to_string())
    .fetch_all(connection)
    .await
    .map_err(|error| BookError::of(error, "read a scope", place))?;
    rows.iter()
        .map(|row| {
            let record = Record { row, of: "scope", place };
            Ok((
                record.read("delivery_id", DeliveryId::new)?,
                record.read("nominal", |text| Ok::<String, String>(text.to_owned()))?,
            ))
        })
        .collect()
}

/// The deliveries that count for some scopes now.
pub(crate) async fn holders_of(
    connection: &mut AnyConnection,
    place: &Place,
    scopes: &[&ScopeKey],
) -> Result<BTreeSet<(ScopeKey, DeliveryId)>, BookError> {
    let mut found = BTreeSet::new();
    for chunk in scopes.chunks(rows::rows_at_a_time(2)) {
        let sql = format!(
            "SELECT source, billing_period, delivery_id FROM scope WHERE {} AND until_snapshot IS NULL",
            rows::any_of(1, chunk.len(), &["source", "billing_period"])
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for scope in chunk {
            query = query.bind(scope.source.as_str()).bind(scope.billing_period.to_string());
        }
        let rows =
            query.fetch_all(&mut *connection).await.map_err(|error| BookError::of(error, "read scopes", place))?;
        for row in &rows {
            let record = Record { row, of: "scope", place };
            found.insert((scope_of(&record)?, record.read("delivery_id", DeliveryId::new)?));
        }
    }
    Ok(found)
}

/// Makes a delivery current for its scopes.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    number: i64,
    delivery: &Delivery,
) -> Result<(), BookError> {
    let failed = |error| BookError::of(error, "record a delivery's scopes", place);
    for facts in &delivery.scopes {
        let taken = holders(connection, place, &facts.scope).await?;
        let nominal = nominal_of(delivery, &facts.scope).to_string();
        let clash = taken
            .into_iter()
            .find(|(holder, other)| *holder == delivery.id || !delivery.format.appends() && *other == nominal);
        if let Some((holder, _)) = clash {
            return Err(BookError::ScopeTaken { scope: facts.scope.clone(), holder });
        }
        let mut accounts: Vec<&String> = facts.accounts.iter().collect();
        accounts.sort_unstable();
        accounts.dedup();
        let mut insert = Insert::into("source_account", &ACCOUNT_COLUMNS).or_keep();
        for account in accounts {
            let row = vec![
                Cell::text(&facts.scope.source),
                Cell::text(delivery.format),
                Cell::text(Digest::of(account.as_bytes())),
                Cell::Text(rows::storable(account)),
            ];
            insert.row(connection, row).await.map_err(failed)?;
        }
        insert.end(connection).await.map_err(failed)?;
    }
    let mut insert = Insert::into("scope", &SCOPE_COLUMNS);
    for (ordinal, facts) in delivery.scopes.iter().enumerate() {
        let row = vec![
            Cell::Int(number),
            Cell::Int(ordinal as i64),
            Cell::text(&delivery.id),
            Cell::text(&facts.scope.source),
            Cell::text(facts.scope.billing_period),
            Cell::text(nominal_of(delivery, &facts.scope)),
            Cell::flag(delivery.format.appends()),
            Cell::count(facts.rows),
            Cell::text(facts.digest),
            Cell::json(facts),
            Cell::Int(snapshot),
        ];
        insert.row(connection, row).await.map_err(failed)?;
    }
    insert.end(connection).await.map_err(failed)
}

/// The deliveries that count at a snapshot, by scope and delivery; `only` one scope or all.
pub(crate) async fn current(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    only: Option<&ScopeKey>,
) -> Result<Vec<CurrentScope>, BookError> {
    let rows = sqlx::query(
        "SELECT scope.source AS source, scope.billing_period AS billing_period, scope.delivery_id AS delivery_id,
                scope.facts AS facts, scope.from_snapshot AS from_snapshot, delivery.body AS body,
                delivery.format AS format, delivery.recorded_at AS recorded_at
         FROM scope JOIN delivery ON delivery.number = scope.delivery
         WHERE scope.from_snapshot <= $1 AND (scope.until_snapshot IS NULL OR scope.until_snapshot > $1)
           AND ($2 IS NULL OR scope.source = $2) AND ($3 IS NULL OR scope.billing_period = $3)",
    )
    .bind(snapshot)
    .bind(only.map(|scope| scope.source.to_string()))
    .bind(only.map(|scope| scope.billing_period.to_string()))
    .fetch_all(connection)
    .await
    .map_err(|error| BookError::of(error, "read the current scopes", place))?;
    let mut found = Vec::new();
    for row in &rows {
        let record = Record { row, of: "scope", place };
        let delivery: Delivery = record.json("body")?;
        found.push(CurrentScope {
            scope: scope_of(&record)?,
            delivery: record.read("delivery_id", DeliveryId::new)?,
            facts: record.json("facts")?,
            nominal: delivery.nominal,
            parts: delivery.parts,
            format: record.read("format", str::parse)?,
            recorded_at: record.at("recorded_at")?,
            from_snapshot: record.int("from_snapshot")?,
        });
    }
    // Not in SQL: PostgreSQL orders text by the locale of its cluster.
    found.sort_by(|a, b| (&a.scope, &a.delivery).cmp(&(&b.scope, &b.delivery)));
    Ok(found)
}

/// The scope in a row's `source` and `billing_period`.
pub(crate) fn scope_of(record: &Record<'_>) -> Result<ScopeKey, BookError> {
    Ok(ScopeKey {
        source: record.read("source", SourceId::new)?,
        billing_period: record.read("billing_period", str::parse)?,
    })
}

impl Book {
    /// The deliveries that count at a snapshot, by scope, then by delivery; several per scope for appending sources.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn current_scopes(&self, snapshot: i64) -> Result<Vec<CurrentScope>, BookError> {
        current(&mut *self.connection().await?, &self.place, snapshot, None).await
    }

    /// The last days of all deliveries' scopes that ever counted, in the order of their publication: what was known
    /// when.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn scope_days(&self) -> Result<Vec<ScopeDays>, BookError> {
        let rows = sqlx::query(
            "SELECT scope.source AS source, scope.facts AS facts, born.recorded_at AS born_at,
                    gone.recorded_at AS gone_at
             FROM scope JOIN snapshot born ON born.id = scope.from_snapshot
             LEFT JOIN snapshot gone ON gone.id = scope.until_snapshot
             ORDER BY scope.from_snapshot, scope.delivery, scope.ordinal",
        )
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("read the days of all scopes"))?;
        let read = |row| {
            let record = Record { row, of: "scope", place: &self.place };
            let facts: ScopeFacts = record.json("facts")?;
            let until = record.maybe_int("gone_at")?.map(Instant::from_micros);
            let source = record.read("source", SourceId::new)?;
            Ok(ScopeDays { source, last_day: facts.last_day, from: record.at("born_at")?, until })
        };
        rows.iter().map(read).collect()
    }

    /// The batches of an appending source that a scope holds at a snapshot, by name.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn taken_batches(&self, snapshot: i64, scope: &ScopeKey) -> Result<Vec<Batch>, BookError> {
        let current = current(&mut *self.connection().await?, &self.place, snapshot, Some(scope)).await?;
        let mut batches: Vec<Batch> = current.into_iter().flat_map(|current| current.facts.batches).collect();
        batches.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(batches)
    }

    /// The sources of which something was ever published, by name and format.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn known_sources(&self) -> Result<Vec<KnownSource>, BookError> {
        let failed = self.failed("read the known sources");
        let mut connection = self.connection().await?;
        let rows = sqlx::query("SELECT DISTINCT source, format FROM delivery WHERE outcome = 'accepted'")
            .fetch_all(&mut *connection)
            .await
            .map_err(&failed)?;
        let mut sources = std::collections::BTreeMap::<(SourceId, Format), Vec<String>>::new();
        for row in &rows {
            let record = Record { row, of: "delivery", place: &self.place };
            let source = (record.read("source", SourceId::new)?, record.read("format", str::parse)?);
            sources.insert(source, Vec::new());
        }
        let rows = sqlx::query("SELECT source, format, account FROM source_account")
            .fetch_all(&mut *connection)
            .await
            .map_err(&failed)?;
        for row in &rows {
            let record = Record { row, of: "source_account", place: &self.place };
            let source = (record.read("source", SourceId::new)?, record.read("format", str::parse)?);
            sources.entry(source).or_default().push(record.text("account")?);
        }
        Ok(sources
            .into_iter()
            .map(|((source, format), mut accounts)| {
                accounts.sort_unstable();
                KnownSource { source, format, accounts }
            })
            .collect())
    }
}
