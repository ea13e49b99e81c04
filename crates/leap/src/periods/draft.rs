//! Statements that were worked out and are not published: closing a period, and restating one.

use leap_book::{NewStatement, Statement};
use leap_orient::period;
use leap_terms::{Digest, Month};

use super::causes::{self, Explained};
use super::diff::Report;
use super::{layer_of, newest, newest_known, proved, refused, report};
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use crate::publish::actor;
use crate::view::Layer;
use crate::world::World;

/// The first statement of a period, proved and not published.
pub(crate) struct CloseDraft {
    /// What it says.
    pub(crate) statement: period::Statement,
    snapshot: i64,
}

impl CloseDraft {
    /// Works out the statement of a period. Changes nothing.
    ///
    /// # Errors
    /// A period that has a statement, or no charges; a proof that does not hold.
    pub(crate) async fn of(home: &Home, period: Month) -> Result<CloseDraft, Failure> {
        if let Some(known) = newest(home, period).await? {
            let again = format!("leap period restate {period} --approved-by PERSON --reason TEXT --expect DIGEST");
            let version = known.version;
            return Err(Failure::failed(match &known.reopened {
                None => format!(
                    "{period} is closed: statement {version} of {} by {}; what changed since is published with {again}",
                    known.closed_at, known.actor
                ),
                Some(reopened) => format!(
                    "{period} was closed before (statement {version}, reopened by {} at {}); people rely on its figures, so it \
                     is closed again with an approval: {again}",
                    reopened.actor, reopened.at
                ),
            }));
        }
        let layer = Layer::new(World::load(home, None).await?)?;
        let (snapshot, statement) = proved(home, &layer, period).await?;
        Ok(CloseDraft { statement, snapshot })
    }

    /// What somebody agrees to who saw it: the statement, to the byte.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.statement.to_text().as_bytes())
    }

    /// Publishes it.
    pub(crate) async fn close(&self, home: &Home) -> Result<Statement, Failure> {
        let new = NewStatement {
            period: self.statement.period,
            version: 1,
            snapshot: self.snapshot,
            at: clock::now(),
            actor: actor(),
            body: self.statement.to_text(),
            approved_by: None,
            reason: None,
            difference: None,
        };
        home.book.close_period(&new).await.map_err(refused)
    }
}

/// Makes the newest statement of a period no longer binding.
pub(crate) async fn reopened(home: &Home, period: Month, reason: &str) -> Result<Statement, Failure> {
    home.book.reopen_period(period, &actor(), reason, clock::now()).await.map_err(refused)
}

/// Who restates a period, and why.
pub(crate) struct By {
    actor: String,
    approved_by: Option<String>,
    reason: String,
}

/// A closed period against what is known now.
pub(crate) struct RestateDraft {
    /// Its newest statement.
    pub(super) stored: Statement,
    then: Layer,
    now: Layer,
    explained: Explained,
}

/// How a closed period differs from its statement, by cause.
pub(crate) struct Difference {
    /// The causes, and the figures then and now.
    pub(crate) explained: Explained,
    /// What an approval is about.
    pub(crate) digest: Digest,
    /// True where no figure and no rate differs.
    pub(crate) is_empty: bool,
}

impl RestateDraft {
    /// Works out how a period differs from its newest statement, and why. Changes nothing.
    ///
    /// # Errors
    /// A period that was never closed; a statement that cannot be made again from its snapshot.
    pub(crate) async fn of(home: &Home, period: Month) -> Result<RestateDraft, Failure> {
        let stored = newest_known(home, period).await?;
        let then = layer_of(home, &stored).await?;
        let now = Layer::new(World::load(home, None).await?)?;
        let explained = causes::explain(home, &then, &now, period)?;
        Ok(RestateDraft { stored, then, now, explained })
    }

    /// The difference, ready to be told.
    pub(super) fn report(&self) -> Result<Report<'_>, Failure> {
        report(&self.stored, &self.then, &self.now, &self.explained)
    }

    /// The difference alone.
    pub(crate) fn difference(self) -> Result<Difference, Failure> {
        let report = self.report()?;
        let (digest, is_empty) = (report.digest(), report.is_empty());
        Ok(Difference { explained: self.explained, digest, is_empty })
    }

    /// What an approval is about: the digest of the difference.
    pub(crate) fn digest(&self) -> Result<Digest, Failure> {
        Ok(self.report()?.digest())
    }

    /// Refuses to restate what is as it was stated.
    pub(crate) fn has_difference(&self) -> Result<(), Failure> {
        if self.report()?.is_empty() && self.stored.binding {
            return Err(Failure::failed(format!(
                "nothing differs from statement {} of {}, so there is nothing to restate",
                self.stored.version, self.stored.period
            )));
        }
        Ok(())
    }

    /// Who restates it: not alone.
    ///
    /// # Errors
    /// Nobody approved it, or who asks did.
    pub(crate) fn by(&self, actor: String, approved_by: Option<String>, reason: String) -> Result<By, Failure> {
        let version = self.stored.version + 1;
        leap_book::second_person(self.stored.period, version, &actor, approved_by.as_deref()).map_err(refused)?;
        Ok(By { actor, approved_by, reason })
    }

    /// Publishes what is known now as the next statement.
    pub(crate) async fn publish(&self, home: &Home, by: By) -> Result<(Statement, period::Statement), Failure> {
        let (snapshot, statement) = proved(home, &self.now, self.stored.period).await?;
        let new = NewStatement {
            period: self.stored.period,
            version: self.stored.version + 1,
            snapshot,
            at: clock::now(),
            actor: by.actor,
            body: statement.to_text(),
            approved_by: by.approved_by,
            reason: Some(by.reason),
            difference: Some(self.report()?.json().to_string()),
        };
        let published = home.book.close_period(&new).await.map_err(refused)?;
        Ok((published, statement))
    }
}
