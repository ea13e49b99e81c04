//! Schedules: what ran last for when, and who alone may run it now.
//!
//! ```text
//! leader   held by host-a:4711 until 2026-09-16T08:01:00Z
//! decide   last due 2026-09-16T08:00:00Z, run at 08:00:03  "12 steps"  held by host-a:4711 until 08:05:00
//! ```
//! Whoever holds the lease of a name is the only one who works under it, until the lease ends; they renew it meanwhile.
//! Somebody else takes it over only after its end, by the time that they say it is, so a lease has to be longer than
//! clocks differ. When the last run was due tells after a downtime which times were missed.
//!
//! Does not read cron expressions and does not know what a run does. It says how things stand, so rows change and the
//! audit trail does not tell of them; what a run decides or does has records of its own.

use std::time::Duration;

use leap_terms::Instant;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Insert, Record};

const COLUMNS: [&str; 6] = ["name", "last_due", "last_run", "outcome", "lease_holder", "lease_until"];

/// Who alone may do something, and until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// Who.
    pub holder: String,
    /// The first moment at which somebody else may take it.
    pub until: Instant,
}

impl Lease {
    /// The lease of a holder from now on.
    pub(crate) fn from(holder: &str, now: Instant, length: Duration) -> Lease {
        let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Lease { holder: rows::storable(holder), until: Instant::from_micros(now.micros().saturating_add(micros)) }
    }

    /// The columns `lease_holder` and `lease_until` of a row.
    pub(crate) fn from_record(record: &Record<'_>) -> Result<Option<Lease>, BookError> {
        let until = record.maybe_int("lease_until")?.map(Instant::from_micros);
        Ok(record.maybe_text("lease_holder")?.zip(until).map(|(holder, until)| Lease { holder, until }))
    }
}

/// A run that ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScheduleRun {
    /// When it was due.
    pub due: Instant,
    /// When it ended.
    pub ran_at: Instant,
    /// What came of it, in words.
    pub outcome: String,
}

/// Where a schedule stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// The last run; `None` before the first.
    pub last: Option<ScheduleRun>,
    /// Who holds it, or held it last without giving it back.
    pub lease: Option<Lease>,
}

impl Schedule {
    fn from_row(row: &AnyRow, place: &Place) -> Result<Schedule, BookError> {
        let record = Record { row, of: "schedule", place };
        let times = record.maybe_int("last_due")?.zip(record.maybe_int("last_run")?);
        let last = times.zip(record.maybe_text("outcome")?).map(|((due, ran_at), outcome)| ScheduleRun {
            due: Instant::from_micros(due),
            ran_at: Instant::from_micros(ran_at),
            outcome,
        });
        Ok(Schedule { name: record.text("name")?, last, lease: Lease::from_record(&record)? })
    }

    fn row(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.name),
            Cell::maybe_int(self.last.as_ref().map(|run| run.due.micros())),
            Cell::maybe_int(self.last.as_ref().map(|run| run.ran_at.micros())),
            Cell::maybe_text(self.last.as_ref().map(|run| &run.outcome)),
            Cell::maybe_text(self.lease.as_ref().map(|lease| &lease.holder)),
            Cell::maybe_int(self.lease.as_ref().map(|lease| lease.until.micros())),
        ]
    }

    /// True when somebody else holds it at that time.
    pub fn is_held_from(&self, holder: &str, now: Instant) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.holder != holder && lease.until > now)
    }
}

/// By name: all, or one.
async fn read(connection: &mut AnyConnection, place: &Place, name: Option<&str>) -> Result<Vec<Schedule>, BookError> {
    let rows = sqlx::query("SELECT * FROM schedule WHERE ($1 IS NULL OR name = $1) ORDER BY name")
        .bind(name.map(str::to_owned))
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the schedules", place))?;
    rows.iter().map(|row| Schedule::from_row(row, place)).collect()
}

async fn write(connection: &mut AnyConnection, place: &Place, schedule: &Schedule) -> Result<(), BookError> {
    let failed = |error| BookError::of(error, "write a schedule", place);
    let mut row = Insert::into("schedule", &COLUMNS).or_replace("name", &COLUMNS[1..]);
    row.row(connection, schedule.row()).await.map_err(failed)?;
    row.end(connection).await.map_err(failed)
}

impl Book {
    /// Takes or renews the lease of a name, or says who holds it: look whether the returned lease is one's own.
    ///
    /// # Errors
    /// [`BookError::Blank`] without a name or holder; others when the book cannot be written.
    pub async fn lease_schedule(
        &self,
        name: &str,
        holder: &str,
        now: Instant,
        length: Duration,
    ) -> Result<Schedule, BookError> {
        let doing = "lease a schedule";
        rows::not_blank("a schedule", "a name", name)?;
        rows::not_blank("the lease of a schedule", "a holder", holder)?;
        let (name, holder) = (rows::storable(name), rows::storable(holder));
        let mut transaction = self.writing(doing).await?;
        let found = read(&mut transaction, &self.place, Some(&name)).await?.pop();
        let mut schedule = found.unwrap_or(Schedule { name, last: None, lease: None });
        if schedule.is_held_from(&holder, now) {
            return Ok(schedule);
        }
        schedule.lease = Some(Lease::from(&holder, now, length));
        write(&mut transaction, &self.place, &schedule).await?;
        self.commit(transaction, doing).await?;
        Ok(schedule)
    }

    /// Records a run; its holder keeps the lease.
    ///
    /// # Errors
    /// [`Refusal::LeaseLost`] when somebody else holds it by now, [`Refusal::DueBackwards`]; others when the book
    /// cannot be written.
    pub async fn record_run(&self, name: &str, holder: &str, run: &ScheduleRun) -> Result<Schedule, BookError> {
        let doing = "record a run";
        let mut transaction = self.writing(doing).await?;
        let mut schedule = self.held(&mut transaction, name, holder).await?;
        if let Some(last) = schedule.last.as_ref().map(|last| last.due).filter(|last| *last > run.due) {
            return Err(Refusal::DueBackwards { name: schedule.name, due: run.due, last }.into());
        }
        schedule.last = Some(ScheduleRun { outcome: rows::storable(&run.outcome), ..run.clone() });
        write(&mut transaction, &self.place, &schedule).await?;
        self.commit(transaction, doing).await?;
        Ok(schedule)
    }

    /// Gives the lease back before its end, so that somebody else need not wait for it.
    ///
    /// # Errors
    /// [`Refusal::LeaseLost`] when somebody else holds it by now; others when the book cannot be written.
    pub async fn release_schedule(&self, name: &str, holder: &str) -> Result<(), BookError> {
        let doing = "release a schedule";
        let mut transaction = self.writing(doing).await?;
        let schedule = Schedule { lease: None, ..self.held(&mut transaction, name, holder).await? };
        write(&mut transaction, &self.place, &schedule).await?;
        self.commit(transaction, doing).await
    }

    /// The schedule, if its lease was taken by that holder last.
    async fn held(&self, connection: &mut AnyConnection, name: &str, holder: &str) -> Result<Schedule, BookError> {
        let (name, holder) = (rows::storable(name), rows::storable(holder));
        let schedule = read(connection, &self.place, Some(&name)).await?.pop();
        let lease = schedule.as_ref().and_then(|schedule| schedule.lease.as_ref()).map(|lease| lease.holder.clone());
        match schedule.filter(|_| lease.as_ref() == Some(&holder)) {
            Some(schedule) => Ok(schedule),
            None => Err(Refusal::LeaseLost { name, holder, by: lease }.into()),
        }
    }

    /// Where a schedule stands; `None` where nobody ever leased it.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn schedule(&self, name: &str) -> Result<Option<Schedule>, BookError> {
        Ok(read(&mut *self.connection().await?, &self.place, Some(&rows::storable(name))).await?.pop())
    }

    /// Where all schedules stand, by name.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, BookError> {
        read(&mut *self.connection().await?, &self.place, None).await
    }
}
