//! People who log in: accounts, roles, identities.
//!
//! ```text
//! account ana   "Ana Silva"   team-lead@payments, viewer     password set
//! account bo    "Bo Berg"     viewer                         https://login.example.com, subject 2489
//! ```
//! The book never sees a secret: passwords come as argon2 hashes. Sessions and tokens are in `session`.
//! Giving and taking roles is in the audit trail, and [`Book::check`] compares: a role that somebody wrote into the database
//! by hand is found.
//!
//! Does not hash, looks at no clock.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Grant, Instant, Role, TeamId};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Record};

const ACCOUNT_COLUMNS: [&str; 7] = ["name", "shown", "password", "issuer", "subject", "created_at", "disabled_at"];
const ROLE_COLUMNS: [&str; 3] = ["account", "role", "unit"];

const GIVEN: &str = "role given";
const TAKEN: &str = "role taken";
/// Longest name of an account.
const NAME: usize = 64;

/// Somebody who logs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// What the person logs in with, and what the audit trail calls them.
    pub name: String,
    /// What others read.
    pub shown: String,
    /// A hash in PHC form; `None` for who logs in elsewhere.
    pub password: Option<String>,
    /// Issuer and subject at an OpenID provider.
    pub identity: Option<(String, String)>,
    /// When it was made.
    pub created_at: Instant,
    /// Since when it may not log in.
    pub disabled_at: Option<Instant>,
    /// Its roles.
    pub grants: Vec<Grant>,
}

/// Refuses what is no name of an account: 1 to 64 of `a-z 0-9 . - _ @`, beginning with a letter or digit.
fn check_name(name: &str) -> Result<(), BookError> {
    let is_good = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '.' | '-' | '_' | '@')
    };
    let starts = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    if starts && name.len() <= NAME && name.chars().all(is_good) {
        return Ok(());
    }
    Err(BookError::AccountName(name.escape_debug().to_string()))
}

pub(crate) fn unit_text(unit: Option<&TeamId>) -> String {
    unit.map_or_else(String::new, ToString::to_string)
}

pub(crate) fn unit_of(text: &str) -> Result<Option<TeamId>, String> {
    if text.is_empty() { Ok(None) } else { TeamId::new(text).map(Some) }
}

pub(crate) async fn read(
    connection: &mut AnyConnection,
    place: &Place,
    name: Option<&str>,
) -> Result<Vec<Account>, BookError> {
    let failed = |error| BookError::of(error, "read the accounts", place);
    let rows = sqlx::query("SELECT * FROM account WHERE ($1 = '' OR name = $1) ORDER BY name")
        .bind(name.unwrap_or_default().to_owned())
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let mut accounts = Vec::new();
    for row in &rows {
        let record = Record { row, of: "account", place };
        accounts.push(Account {
            name: record.text("name")?,
            shown: record.text("shown")?,
            password: record.maybe_text("password")?,
            identity: record.maybe_text("issuer")?.zip(record.maybe_text("subject")?),
            created_at: record.at("created_at")?,
            disabled_at: record.maybe_int("disabled_at")?.map(Instant::from_micros),
            grants: Vec::new(),
        });
    }
    let rows = sqlx::query("SELECT * FROM account_role WHERE ($1 = '' OR account = $1) ORDER BY account, role, unit")
        .bind(name.unwrap_or_default().to_owned())
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    for row in &rows {
        let record = Record { row, of: "account_role", place };
        let owner = record.text("account")?;
        let grant = Grant { role: record.read("role", str::parse::<Role>)?, unit: record.read("unit", unit_of)? };
        if let Some(account) = accounts.iter_mut().find(|account| account.name == owner) {
            account.grants.push(grant);
        }
    }
    Ok(accounts)
}

pub(crate) async fn one(connection: &mut AnyConnection, place: &Place, name: &str) -> Result<Account, BookError> {
    // An empty name would read all of them.
    check_name(name)?;
    read(connection, place, Some(name)).await?.pop().ok_or_else(|| BookError::NoAccount(name.to_owned()))
}

pub(crate) fn entry(at: Instant, actor: &str, action: &str, name: &str, detail: Value) -> AuditEntry {
    AuditEntry { at, actor: actor.to_owned(), action: action.to_owned(), subject: format!("user {name}"), detail }
}

fn grant_detail(grant: &Grant) -> Value {
    json!({ "role": grant.role.word(), "unit": grant.unit.as_ref().map(TeamId::as_str) })
}

/// What does not fit between roles and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let accounts = read(connection, place, None).await?;
    let mut recorded = BTreeMap::<String, BTreeSet<Grant>>::new();
    for event in audit::of_actions(connection, place, "role %").await? {
        let detail = &event.entry.detail;
        let text = |name: &str| detail.get(name).and_then(Value::as_str);
        let grant = text("role")
            .and_then(|role| role.parse().ok())
            .zip(unit_of(text("unit").unwrap_or_default()).ok())
            .map(|(role, unit)| Grant { role, unit });
        let Some(grant) = grant else { continue };
        let own = recorded.entry(event.entry.subject).or_default();
        if event.entry.action == GIVEN {
            own.insert(grant)
        } else {
            own.remove(&grant)
        };
    }
    let mut faults = Vec::new();
    for account in &accounts {
        let known = recorded.remove(&format!("user {}", account.name)).unwrap_or_default();
        let own: BTreeSet<Grant> = account.grants.iter().cloned().collect();
        let name = &account.name;
        faults.extend(own.difference(&known).map(|grant| format!("{name} has the role {grant}, which nobody gave")));
        faults.extend(known.difference(&own).map(|grant| format!("{name} lacks the role {grant}, which nobody took")));
    }
    Ok(faults)
}

impl Book {
    /// Makes an account with roles.
    ///
    /// # Errors
    /// [`BookError::AccountName`], [`BookError::AccountExists`]; others when the book cannot be written.
    pub async fn add_account(&self, account: &Account, actor: &str) -> Result<(), BookError> {
        self.add(account, actor, false).await.map(|_| ())
    }

    /// Makes the first account of all; false, and nothing is done, where there is one.
    ///
    /// # Errors
    /// As of [`Book::add_account`].
    pub async fn add_first_account(&self, account: &Account, actor: &str) -> Result<bool, BookError> {
        self.add(account, actor, true).await
    }

    async fn add(&self, account: &Account, actor: &str, as_first: bool) -> Result<bool, BookError> {
        let doing = "add a person";
        check_name(&account.name)?;
        let mut transaction = self.writing(doing).await?;
        if as_first && !read(&mut transaction, &self.place, None).await?.is_empty() {
            return Ok(false);
        }
        if !read(&mut transaction, &self.place, Some(&account.name)).await?.is_empty() {
            return Err(BookError::AccountExists(account.name.clone()));
        }
        let row = vec![
            Cell::text(&account.name),
            Cell::text(rows::storable(&account.shown)),
            Cell::maybe_text(account.password.as_ref()),
            Cell::maybe_text(account.identity.as_ref().map(|(issuer, _)| rows::storable(issuer))),
            Cell::maybe_text(account.identity.as_ref().map(|(_, subject)| rows::storable(subject))),
            Cell::at(account.created_at),
            Cell::maybe_int(account.disabled_at.map(Instant::micros)),
        ];
        rows::insert(&mut transaction, "account", &ACCOUNT_COLUMNS, row).await.map_err(self.failed(doing))?;
        let mut detail = json!({
            "shown": account.shown,
            "login": if account.password.is_some() { "password" } else { "openid" },
        });
        if let Some((issuer, subject)) = &account.identity {
            detail["issuer"] = json!(issuer);
            detail["subject"] = json!(subject);
        }
        let added = entry(account.created_at, actor, "user added", &account.name, detail);
        audit::append(&mut transaction, &self.place, &added, None).await?;
        for grant in &account.grants {
            give(&mut transaction, &self.place, &account.name, grant, actor, account.created_at).await?;
        }
        self.commit(transaction, doing).await?;
        Ok(true)
    }

    /// Says as whom a person is known at an OpenID provider, or no longer; the person's sessions end.
    ///
    /// # Errors
    /// [`BookError::NoAccount`]; [`BookError::IdentityTaken`] where somebody else is known so; others when the book cannot
    /// be written.
    pub async fn set_identity(
        &self,
        name: &str,
        identity: Option<&(String, String)>,
        actor: &str,
        at: Instant,
    ) -> Result<(), BookError> {
        let doing = "set an identity";
        let mut transaction = self.writing(doing).await?;
        one(&mut transaction, &self.place, name).await?;
        if let Some((issuer, subject)) = identity
            && let Some(other) = self.name_of_identity(&mut transaction, issuer, subject).await?
            && other != name
        {
            return Err(BookError::IdentityTaken(other));
        }
        sqlx::query("UPDATE account SET issuer = $2, subject = $3 WHERE name = $1")
            .bind(name.to_owned())
            .bind(identity.map(|(issuer, _)| rows::storable(issuer)))
            .bind(identity.map(|(_, subject)| rows::storable(subject)))
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        end_sessions(&mut transaction, &self.place, name).await?;
        let detail = json!({
            "issuer": identity.map(|(issuer, _)| issuer),
            "subject": identity.map(|(_, subject)| subject),
        });
        audit::append(&mut transaction, &self.place, &entry(at, actor, "identity set", name, detail), None).await?;
        self.commit(transaction, doing).await
    }

    async fn name_of_identity(
        &self,
        connection: &mut AnyConnection,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<String>, BookError> {
        sqlx::query("SELECT name FROM account WHERE issuer = $1 AND subject = $2")
            .bind(issuer.to_owned())
            .bind(subject.to_owned())
            .fetch_optional(connection)
            .await
            .and_then(|row| row.map(|row| row.try_get("name")).transpose())
            .map_err(self.failed("read an account"))
    }

    /// Gives a role, or takes one; false where that changes nothing. Taking ends the person's sessions, so that no page is
    /// open with rights that are gone.
    ///
    /// # Errors
    /// [`BookError::NoAccount`]; [`BookError::LastAdministrator`] where nobody could give roles any more; others when the
    /// book cannot be written.
    pub async fn set_role(
        &self,
        name: &str,
        grant: &Grant,
        given: bool,
        actor: &str,
        at: Instant,
    ) -> Result<bool, BookError> {
        let doing = "change a role";
        let mut transaction = self.writing(doing).await?;
        let account = one(&mut transaction, &self.place, name).await?;
        if account.grants.contains(grant) == given {
            return Ok(false);
        }
        if given {
            give(&mut transaction, &self.place, name, grant, actor, at).await?;
        } else {
            if grant.role == Role::Administrator {
                self.keep_an_administrator(&mut transaction, name).await?;
            }
            sqlx::query("DELETE FROM account_role WHERE account = $1 AND role = $2 AND unit = $3")
                .bind(name.to_owned())
                .bind(grant.role.word().to_owned())
                .bind(unit_text(grant.unit.as_ref()))
                .execute(&mut *transaction)
                .await
                .map_err(self.failed(doing))?;
            let taken = entry(at, actor, TAKEN, name, grant_detail(grant));
            audit::append(&mut transaction, &self.place, &taken, None).await?;
            end_sessions(&mut transaction, &self.place, name).await?;
        }
        self.commit(transaction, doing).await?;
        Ok(true)
    }

    async fn keep_an_administrator(&self, connection: &mut AnyConnection, name: &str) -> Result<(), BookError> {
        let others = read(connection, &self.place, None).await?.into_iter().any(|account| {
            account.name != name
                && account.disabled_at.is_none()
                && account.grants.iter().any(|grant| grant.role == Role::Administrator)
        });
        if others { Ok(()) } else { Err(BookError::LastAdministrator(name.to_owned())) }
    }

    /// Sets a password's hash, and ends the person's sessions.
    ///
    /// # Errors
    /// [`BookError::NoAccount`]; others when the book cannot be written.
    pub async fn set_password(&self, name: &str, hash: &str, actor: &str, at: Instant) -> Result<(), BookError> {
        let doing = "set a password";
        let mut transaction = self.writing(doing).await?;
        one(&mut transaction, &self.place, name).await?;
        sqlx::query("UPDATE account SET password = $2 WHERE name = $1")
            .bind(name.to_owned())
            .bind(hash.to_owned())
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        end_sessions(&mut transaction, &self.place, name).await?;
        let set = entry(at, actor, "password set", name, json!({}));
        audit::append(&mut transaction, &self.place, &set, None).await?;
        self.commit(transaction, doing).await
    }

    /// Shuts a person out, with all sessions and tokens, or lets them in again; false where that changes nothing.
    ///
    /// # Errors
    /// [`BookError::NoAccount`], [`BookError::LastAdministrator`]; others when the book cannot be written.
    pub async fn set_disabled(&self, name: &str, shut: bool, actor: &str, at: Instant) -> Result<bool, BookError> {
        let doing = "shut a person out";
        let mut transaction = self.writing(doing).await?;
        let account = one(&mut transaction, &self.place, name).await?;
        if account.disabled_at.is_some() == shut {
            return Ok(false);
        }
        if shut && account.grants.iter().any(|grant| grant.role == Role::Administrator) {
            self.keep_an_administrator(&mut transaction, name).await?;
        }
        sqlx::query("UPDATE account SET disabled_at = $2 WHERE name = $1")
            .bind(name.to_owned())
            .bind(shut.then(|| at.micros()))
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        if shut {
            end_sessions(&mut transaction, &self.place, name).await?;
        }
        let done = entry(at, actor, if shut { "user disabled" } else { "user enabled" }, name, json!({}));
        audit::append(&mut transaction, &self.place, &done, None).await?;
        self.commit(transaction, doing).await?;
        Ok(true)
    }

    /// All people, by name.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, BookError> {
        read(&mut *self.reading("read the accounts").await?, &self.place, None).await
    }

    /// The person of that name; `None` also for what is no name.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn account(&self, name: &str) -> Result<Option<Account>, BookError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        Ok(read(&mut *self.reading("read an account").await?, &self.place, Some(name)).await?.pop())
    }

    /// The person with that subject at that OpenID provider.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn account_of_identity(&self, issuer: &str, subject: &str) -> Result<Option<Account>, BookError> {
        let mut transaction = self.reading("read an account").await?;
        match self.name_of_identity(&mut transaction, issuer, subject).await? {
            None => Ok(None),
            Some(name) => Ok(read(&mut transaction, &self.place, Some(&name)).await?.pop()),
        }
    }

    /// True when anybody can log in.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn has_accounts(&self) -> Result<bool, BookError> {
        let doing = "read the accounts";
        let found = sqlx::query("SELECT 1 AS found FROM account LIMIT 1")
            .fetch_optional(&mut *self.connection().await?)
            .await
            .map_err(self.failed(doing))?;
        Ok(found.is_some())
    }
}

async fn give(
    connection: &mut AnyConnection,
    place: &Place,
    name: &str,
    grant: &Grant,
    actor: &str,
    at: Instant,
) -> Result<(), BookError> {
    let row = vec![Cell::text(name), Cell::text(grant.role.word()), Cell::text(unit_text(grant.unit.as_ref()))];
    rows::insert(connection, "account_role", &ROLE_COLUMNS, row)
        .await
        .map_err(|error| BookError::of(error, "give a role", place))?;
    audit::append(connection, place, &entry(at, actor, GIVEN, name, grant_detail(grant)), None).await?;
    Ok(())
}

async fn end_sessions(connection: &mut AnyConnection, place: &Place, name: &str) -> Result<(), BookError> {
    sqlx::query("DELETE FROM session WHERE account = $1")
        .bind(name.to_owned())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| BookError::of(error, "end sessions", place))
}
