//! What can go wrong with the book, told so that a person knows which book, what happened and what to do.
//!
//! ```text
//! the book /srv/ana/.leap/book.db is damaged: file is not a database; restore it from a backup, then run leap doctor
//! ```

use std::path::PathBuf;

use leap_terms::{CostKind, Currency, DeliveryId, Instant, Money, Month, ScopeKey};

use crate::audit::AuditBreak;
use crate::place::Place;
use crate::refusal::Refusal;

/// An error of the book. `place` is the file's path or the server's URL without its password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// The address is neither SQLite nor PostgreSQL, or cannot be read as one.
    #[error("'{url}' is no address of a book: {fault}; use sqlite:/path/book.db or postgres://user@host/database")]
    Url {
        /// The address, without its password.
        url: String,
        /// What is wrong.
        fault: String,
    },
    /// The file or server cannot be reached or opened.
    #[error("could not open the book {place}: {fault}")]
    Open {
        /// Which book.
        place: String,
        /// What is wrong, with the remedy where there is one.
        fault: String,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// Another process holds the book for longer than we wait. Nothing was changed.
    #[error("the book {place} is locked by another process; wait for it to end and try again")]
    Locked {
        /// Which book.
        place: String,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// The database is damaged, or a record in it cannot be read as what it is.
    #[error("the book {place} is damaged: {fault}; restore it from a backup, then run leap doctor")]
    Damaged {
        /// Which book.
        place: String,
        /// What is wrong.
        fault: String,
    },
    /// The disk is full. Nothing was changed.
    #[error("could not {doing} in the book {place}: the disk is full; free some space and try again")]
    Full {
        /// The operation.
        doing: &'static str,
        /// Which book.
        place: String,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// The database holds something else.
    #[error("{place} is a database, but no book of leap; name another file")]
    NotABook {
        /// Which database.
        place: String,
    },
    /// A newer leap wrote the book.
    #[error(
        "the book {place} has schema {found}, and this leap knows schemas up to {known}; use the newer leap that wrote it"
    )]
    Newer {
        /// Which book.
        place: String,
        /// The schema found.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// A migration that was applied differs from ours of the same number.
    #[error("the book {place} was written by another edition of leap: its schema {version} differs from ours")]
    OtherEdition {
        /// Which book.
        place: String,
        /// The first schema that differs.
        version: i64,
    },
    /// A statement failed for a reason that has no name of its own.
    #[error("could not {doing} in the book {place}")]
    Query {
        /// The operation.
        doing: &'static str,
        /// Which book.
        place: String,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// The connection failed while committing: the change may or may not have been made. The head tells.
    #[error(
        "the connection to the book {place} failed while committing; whether the change was made is not known: run leap doctor, then try again"
    )]
    Unclear {
        /// Which book.
        place: String,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// Somebody else published since the parent was read. Nothing was changed.
    #[error("snapshot {} is no longer the newest, {} is; try again from there", number(parent), number(head))]
    Stale {
        /// The parent that the publish was made for.
        parent: Option<i64>,
        /// The newest snapshot.
        head: Option<i64>,
    },
    /// Somebody else recorded traces since the parent was read. Nothing was changed.
    #[error("change {parent} of traces is no longer the newest, {newest} is; try again from there")]
    TracesStale {
        /// The change that the files were worked out from.
        parent: i64,
        /// The newest change.
        newest: i64,
    },
    /// Files of requests that were live then were replaced, and are kept no more.
    #[error(
        "requests cannot be shown as they were known at change {change}: {path} was replaced since and is kept no more; \
         ask without --as-known-on, or keep replaced files longer (latency.replaced_days in leap.toml)"
    )]
    TracesGone {
        /// The change that was asked for.
        change: i64,
        /// One of the files.
        path: String,
    },
    /// There is no snapshot of that number.
    #[error("there is no snapshot {0}")]
    NoSnapshot(i64),
    /// A delivery that is to be superseded is not current.
    #[error("delivery {delivery} is not current for {scope}, so nothing can supersede it there")]
    NotCurrent {
        /// The scope.
        scope: ScopeKey,
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Another delivery is current for a scope, and the new one does not say that it supersedes it.
    #[error("{scope} is held by delivery {holder}; a new delivery must supersede it")]
    ScopeTaken {
        /// The scope.
        scope: ScopeKey,
        /// The current delivery.
        holder: DeliveryId,
    },
    /// A file to be removed is not live.
    #[error("file {0} is not live, so it cannot be removed")]
    FileNotLive(String),
    /// A file to be added is live already, or is added twice.
    #[error("file {0} is added twice")]
    FileTwice(String),
    /// A file belongs to a scope and delivery that are not current after the publish.
    #[error("file {path} belongs to delivery {delivery}, which is not current for {scope}")]
    FileWithoutScope {
        /// The file.
        path: String,
        /// Its scope.
        scope: ScopeKey,
        /// Its delivery.
        delivery: DeliveryId,
    },
    /// A superseded delivery would be counted beside its successor.
    #[error("file {path} of delivery {delivery} is still live, but {scope} is superseded")]
    FileOfSuperseded {
        /// The file.
        path: String,
        /// The scope.
        scope: ScopeKey,
        /// The superseded delivery.
        delivery: DeliveryId,
    },
    /// A proof does not hold: nothing is published.
    #[error(
        "the proof of {scope} {currency} {cost} does not hold: the difference is {difference}; nothing was published"
    )]
    Unproved {
        /// The scope.
        scope: ScopeKey,
        /// The currency.
        currency: Currency,
        /// The kind of cost.
        cost: CostKind,
        /// attributed − accepted.
        difference: Money,
    },
    /// Something would be recorded before what it follows. Nothing was changed.
    #[error(
        "{subject} cannot be recorded at {at}, as what it follows was recorded at {last}; set this machine's clock right and try again"
    )]
    Backwards {
        /// What was to be recorded: `snapshot 4`, `an event of claim 7`.
        subject: String,
        /// When it was to be recorded.
        at: Instant,
        /// When what it follows was recorded.
        last: Instant,
    },
    /// One kind is to be set by two fields of one publish.
    #[error("the {kind} are given twice in one publish; give them once")]
    ConfigGivenTwice {
        /// `rules` or `org`.
        kind: &'static str,
    },
    /// A text that has to say something is empty.
    #[error("{subject} needs {missing}, and none was given")]
    Blank {
        /// What it was to be part of: `claim`, `the restatement of 2026-08`.
        subject: String,
        /// What is missing: `a reason`.
        missing: &'static str,
    },
    /// A text that has to be JSON is none.
    #[error("{subject} is no JSON: {fault}")]
    NotJson {
        /// What: `the plan of a reorg`, `the statement of 2026-08`.
        subject: String,
        /// What is wrong, and where.
        fault: String,
    },
    /// There is no reorg of that number.
    #[error("there is no reorg {0}; `leap org log` lists them")]
    NoReorg(i64),
    /// There is no approval of that number.
    #[error("there is no approval {0}")]
    NoApproval(i64),
    /// An approval is answered once.
    #[error("approval {number} was {outcome} by {actor} at {at} already")]
    ApprovalAnswered {
        /// The approval.
        number: i64,
        /// `given`, `declined` or `withdrawn`.
        outcome: &'static str,
        /// Who answered it.
        actor: String,
        /// When.
        at: Instant,
    },
    /// A reorg can be reverted once.
    #[error("reorg {reorg} was reverted in snapshot {snapshot} already; plan and apply it anew if it is to hold again")]
    ReorgReverted {
        /// The reorg.
        reorg: i64,
        /// The snapshot that reverted it.
        snapshot: i64,
    },
    /// The name cannot be one of an account.
    #[error("'{0}' is no name to log in with: 1 to 64 of a-z, 0-9 and . - _ @, beginning with a letter or digit")]
    AccountName(String),
    /// There is such an account already.
    #[error("there is a user {0} already; `leap user list` lists them")]
    AccountExists(String),
    /// There is no such account.
    #[error("there is no user {0}; `leap user list` lists them")]
    NoAccount(String),
    /// Somebody else is known as that at the provider.
    #[error("{0} has that identity already; take it away first: leap user identity {0} --none")]
    IdentityTaken(String),
    /// Nobody could give roles any more.
    #[error("{0} is the last administrator; make another one first: leap user grant NAME administrator")]
    LastAdministrator(String),
    /// There is no token of that number.
    #[error("there is no token {0}; `leap token list` lists them")]
    NoToken(i64),
    /// There is no claim of that number.
    #[error("there is no claim {0}; `leap claims list` lists them")]
    NoClaim(i64),
    /// A claim's state does not allow what was to happen to it. Nothing was changed.
    #[error("claim {claim} cannot be {event}, as it was {state} by {actor} at {at}; open a new claim if need be")]
    ClaimSettled {
        /// The claim.
        claim: i64,
        /// What was to happen: `accepted`, `declined` …
        event: &'static str,
        /// What it is: `accepted`, `declined`, `withdrawn`, `expired`, or `opened` for what only follows an answer.
        state: &'static str,
        /// Who did that.
        actor: String,
        /// When.
        at: Instant,
    },
    /// A claim ends before it begins.
    #[error(
        "a claim from {effective} cannot end at {expires}; name a later day, the first one on which it no longer holds"
    )]
    ClaimEndsBefore {
        /// Its first day.
        effective: leap_terms::Day,
        /// The first day after it.
        expires: leap_terms::Day,
    },
    /// Somebody else closed or restated the period meanwhile, or it was never closed. Nothing was changed.
    #[error(
        "{period} has {} now, so version {version} of its statement cannot follow; look at the newest and decide again",
        statements(newest)
    )]
    StatementStale {
        /// The billing period.
        period: Month,
        /// The version that was to be recorded.
        version: i64,
        /// The newest version.
        newest: Option<i64>,
    },
    /// A restatement changes figures that people rely on, so a second person has to approve it.
    #[error(
        "version {version} of the statement of {period} restates it, and needs the approval of somebody other than {actor}: \
         --approved-by PERSON"
    )]
    Unapproved {
        /// The billing period.
        period: Month,
        /// The version that was to be recorded.
        version: i64,
        /// Who wants to restate.
        actor: String,
    },
    /// A period without a statement cannot be reopened.
    #[error("{0} was never closed, so it cannot be reopened")]
    NotClosed(Month),
    /// A period is reopened once per statement.
    #[error("{period} was reopened by {actor} at {at} already; it is open")]
    ReopenedBefore {
        /// The billing period.
        period: Month,
        /// Who reopened it.
        actor: String,
        /// When.
        at: Instant,
    },
    /// Two files of one kind of configuration have one name.
    #[error("two files of the {kind} are named '{name}'")]
    ConfigTwice {
        /// `rules`, `org`, `pools` …
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// There is no such row in quarantine, or it was replayed before.
    #[error("row {0} is not in quarantine, or was replayed before")]
    NotQuarantined(String),
    /// The audit trail was tampered with or damaged.
    #[error("the audit trail of the book {place} does not hold: {broken}")]
    Audit {
        /// Which book.
        place: String,
        /// Where and how.
        broken: AuditBreak,
    },
    /// Something of deciding and acting was refused. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A backup never overwrites.
    #[error("could not back up the book to {0}: the file exists")]
    BackupExists(PathBuf),
    /// PostgreSQL has its own tool.
    #[error("the book {place} is kept by PostgreSQL; back it up with pg_dump")]
    BackupByServer {
        /// Which book.
        place: String,
    },
    /// The backup could not be written.
    #[error("could not back up the book to {path}")]
    Backup {
        /// Where to.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

fn number(id: &Option<i64>) -> String {
    id.map_or_else(|| "none".to_owned(), |id| id.to_string())
}

fn statements(newest: &Option<i64>) -> String {
    newest.map_or_else(|| "no statement".to_owned(), |version| format!("version {version}"))
}

impl BookError {
    /// True when the same call may succeed later without anybody changing anything: exit code 75.
    pub fn is_try_again(&self) -> bool {
        matches!(
            self,
            BookError::Locked { .. }
                | BookError::Stale { .. }
                | BookError::TracesStale { .. }
                | BookError::Backwards { .. }
                | BookError::Refused(Refusal::PlanStale { .. })
        )
    }

    /// Names the fault of a failed statement.
    pub(crate) fn of(source: sqlx::Error, doing: &'static str, place: &Place) -> BookError {
        let shown = place.shown().to_owned();
        match Cause::of(&source) {
            Cause::Locked => BookError::Locked { place: shown, source },
            Cause::Damaged(fault) => BookError::Damaged { place: shown, fault },
            Cause::Full => BookError::Full { doing, place: shown, source },
            Cause::Unreachable(fault) => BookError::Open { place: shown, fault, source },
            Cause::Lost | Cause::Other => BookError::Query { doing, place: shown, source },
        }
    }

    /// Names the fault of a failed commit: after a lost connection or a failed write nobody knows its outcome.
    pub(crate) fn of_commit(source: sqlx::Error, doing: &'static str, place: &Place) -> BookError {
        match Cause::of(&source) {
            Cause::Locked | Cause::Damaged(_) | Cause::Full => BookError::of(source, doing, place),
            Cause::Unreachable(_) | Cause::Lost | Cause::Other => {
                BookError::Unclear { place: place.shown().to_owned(), source }
            }
        }
    }
}

/// Whose fault a database's error is.
enum Cause {
    Locked,
    Damaged(String),
    Full,
    Unreachable(String),
    Lost,
    Other,
}

impl Cause {
    fn of(error: &sqlx::Error) -> Cause {
        match error {
            sqlx::Error::Database(inner) => {
                let code = inner.code().unwrap_or_default().into_owned();
                match code.parse::<i32>() {
                    // SQLSTATE has five characters; SQLite's result codes are integers of up to four digits.
                    Ok(number) if code.len() < 5 => Cause::of_sqlite(number, inner.message()),
                    _ => Cause::of_postgres(&code, inner.message()),
                }
            }
            sqlx::Error::PoolTimedOut => Cause::Unreachable("no connection became free in time".to_owned()),
            sqlx::Error::Io(inner) => Cause::Unreachable(inner.to_string()),
            sqlx::Error::Tls(inner) => Cause::Unreachable(inner.to_string()),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => Cause::Lost,
            _ => Cause::Other,
        }
    }

    // sqlite.org/rescode.html: the low byte is the primary code.
    fn of_sqlite(code: i32, message: &str) -> Cause {
        match code & 0xff {
            5 | 6 => Cause::Locked,
            8 => Cause::Unreachable("the file or its folder is read-only".to_owned()),
            10 => Cause::Unreachable(format!("{message}; look at the disk")),
            11 | 26 => Cause::Damaged(message.to_owned()),
            13 => Cause::Full,
            14 => Cause::Unreachable("there is no such folder, or no right to write in it".to_owned()),
            _ => Cause::Other,
        }
    }

    // PostgreSQL manual, appendix A.
    fn of_postgres(code: &str, message: &str) -> Cause {
        match code {
            "40001" | "40P01" | "55P03" => Cause::Locked,
            "53100" => Cause::Full,
            "XX001" | "XX002" => Cause::Damaged(message.to_owned()),
            "28000" | "28P01" | "3D000" | "53300" | "42501" => Cause::Unreachable(message.to_owned()),
            _ if code.starts_with("57P") => Cause::Unreachable(message.to_owned()),
            _ if code.starts_with("08") => Cause::Lost,
            _ => Cause::Other,
        }
    }
}
