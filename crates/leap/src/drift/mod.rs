//! Drift of a home's own cost: each team's services, watched day by day, and told once.
//!
//! ```text
//! $ leap drift list
//! series                 since       day         kind   score  a month  currency  what moved
//! payments/Amazon EC2    2026-10-28  2026-10-30  shift    5.2   41,300  USD       region eu-west-1 +3,900
//! ```
//! Reading order: `costs` (what there is to watch: effective cost, incurred, of each team and service, through the org of
//! the newest day, pools kept), `late` (how much of a day is known how soon), `watch` (one series and its detector, and
//! all of them), `keep` (detectors between two runs, in the home's folder `cache`), `driver` (what moved), `show` (the
//! commands). `files` is `leap drift detect` and `leap forecast run`, which read files and no home.
//!
//! Only alerts of the newest days are told: the first run over an old home tells no history. What was announced
//! (`[drift] announced`), and days on which a reorg began or ended a team, are followed silently.

mod costs;
mod driver;
mod files;
mod keep;
mod late;
mod show;
mod watch;

use leap_decide::drift::Alert;
use leap_terms::{Currency, Day, Exact, Money, Reach, TeamId};
use serde::Deserialize;

use crate::failure::Failure;
use crate::home::Home;
use crate::view::View;

pub(crate) use costs::NO_SERVICE;
pub(crate) use files::{detect, forecast};
pub(crate) use show::{list, one, sentence};
pub(crate) use watch::{Shown, trace};

/// `[drift]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DriftSettings {
    /// Days before the newest whole day whose alerts are told.
    pub(crate) days: u16,
    /// The least that an alert costs in a month if it stays, in any currency.
    pub(crate) least_per_month: Exact,
    /// Who is told: departures that cost so many basis points of what their team costs in a month, and more. Others are on
    /// the page Alerts alone.
    pub(crate) told_bps: u32,
    /// A file of announced changes, in the home's folder.
    pub(crate) announced: Option<String>,
}

impl Default for DriftSettings {
    fn default() -> DriftSettings {
        DriftSettings { days: 7, least_per_month: Exact::from_whole(50), told_bps: 200, announced: None }
    }
}

/// An alert of a home.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    /// Whose cost it is, in the org of the newest day.
    pub(crate) unit: TeamId,
    /// `payments/Amazon EC2`.
    pub(crate) series: String,
    /// Of its amounts.
    pub(crate) currency: Currency,
    /// The alert.
    pub(crate) alert: Alert,
    /// What moved: cost of the departure's days less that of the same weekdays before, by values of one dimension; `rest`
    /// last, with which it adds up.
    pub(crate) drivers: Vec<(String, Money)>,
}

impl Found {
    /// The service of the series.
    pub(crate) fn service(&self) -> &str {
        // A unit's id may have a slash of its own.
        self.series.strip_prefix(self.unit.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default()
    }

    /// What moved, for people: `region eu-west-1 +3,900.00`.
    pub(crate) fn moved(&self) -> String {
        let one = |(name, amount): &(String, Money)| {
            let plus = if *amount > Exact::ZERO { "+" } else { "" };
            format!("{name} {plus}{}", amount.to_grouped(2))
        };
        self.drivers.iter().filter(|(_, amount)| !amount.is_zero()).map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Alerts of the newest days, those that cost most first; of units that the view sees. The same home says the same again.
///
/// # Errors
/// A file of announced changes that cannot be read, with its faults; a lake or book that cannot be read.
pub(crate) async fn found(home: &Home, view: &View) -> Result<Vec<Found>, Failure> {
    found_from(home, view, ahead(home, view).await?).await
}

/// What [`found`] reads before it judges: it wants one core, and can be done while something else is.
pub(crate) struct Ahead(watch::Ahead);

/// Reads it; errors as of [`found`].
pub(crate) async fn ahead(home: &Home, view: &View) -> Result<Ahead, Failure> {
    // What is kept is everybody's.
    watch::ahead(home, &view.seen(Reach::Everything)).await.map(Ahead)
}

/// The same as [`found`], from what was read of the same view.
pub(crate) async fn found_from(home: &Home, view: &View, ahead: Ahead) -> Result<Vec<Found>, Failure> {
    let all = watch::found(home, &view.seen(Reach::Everything), ahead.0).await?;
    let seen = |found: &Found| view.sees_unit(&found.unit, found.alert.day);
    Ok(all.into_iter().filter(seen).collect())
}

/// The last day that any source has wholly; `None` in a home without bills.
pub(crate) fn newest(view: &View) -> Option<Day> {
    late::ends(view).into_iter().map(|(_, last, _)| last).max()
}
