//! Budgets: the money that an org unit may spend in a period, and what is said of how it does.
//!
//! ```text
//! budget of payments for 2026-10                     120,000.00 USD
//! actual 122,400.00  = 2.00 % over                   within   (exactly the tolerance)
//! actual 122,400.01  > 2.00 % over                   breached
//! P50 of the month-end over 122,400.00               projected: a breach is expected
//! P90 of the month-end over 122,400.00               warned: a breach has a chance of one in ten or more
//! ```
//! Reading order: this file (what a budget is, in money), [`document`] and [`csv`] (as people write it),
//! [`hierarchy`] (children within their parents), [`reorg`] (what becomes of it when units move), [`pace`] (which
//! part of it belongs to the days so far), [`mod@judge`] (the verdict), [`request`] (capacity governance: more budget
//! or capacity is asked for).
//!
//! A budget is money: one in basis points of volume or per engineer is worked out to whole cents, half to even, before
//! anything is compared with it, so that what is judged is what is shown. From there all comparisons are exact.

#![deny(clippy::float_arithmetic)]

pub mod csv;
pub mod document;
pub mod hierarchy;
pub mod judge;
pub mod pace;
pub mod reorg;
pub mod request;
#[cfg(test)]
mod tests;

use std::fmt;

use leap_terms::{CostKind, Currency, Day, Exact, Money, Period, Ratio, TeamId};

pub use judge::{Allowance, Line, Outlook, Seen, State, Variance, Verdict, judge};
pub use pace::Pace;
pub use reorg::{InForce, in_force};

/// Basis points in a whole.
pub const PER_WHOLE: u32 = 10_000;
/// Variance allowed without a waiver, unless a document says otherwise.
pub const TOLERANCE_BPS: u32 = 200;

/// How much may be spent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Limit {
    /// An amount of money.
    Money(Money),
    /// Basis points of a metric of business volume in the period.
    Bps {
        /// Basis points, at least zero.
        bps: Exact,
        /// The metric; none: the one that the settings name.
        metric: Option<String>,
    },
    /// Money per engineer and month.
    PerEngineer(Money),
}

/// One budget of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Whose cost, with all units below.
    pub unit: TeamId,
    /// In which days.
    pub period: Period,
    /// How much.
    pub limit: Limit,
    /// In which currency.
    pub currency: Currency,
    /// Which of the four costs is counted.
    pub cost: CostKind,
    /// Variance allowed without a waiver.
    pub tolerance_bps: u32,
    /// True where budgets below may add up to more than this one.
    pub children_may_exceed: bool,
    /// Where it stands in its file.
    pub line: Option<usize>,
}

/// All budgets of a company; those of one unit, currency and kind of cost are for periods that do not overlap.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Budgets {
    /// In the order of the file.
    pub list: Vec<Budget>,
}

/// Who is meant by a name on a day, as the org resolves names and aliases; a sentence where nobody or several are.
pub type Names<'a> = &'a dyn Fn(&str, Day) -> Result<TeamId, String>;

/// What a limit that is no amount of money is worked out from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Base {
    /// The metric's volume in the whole period, in the budget's currency: known days and, for the rest, expected ones.
    pub volume: Option<Exact>,
    /// True where a part of the volume is expected, so that the budget may still change.
    pub volume_expected: bool,
    /// Engineers times months, as [`engineer_months`] counts them.
    pub engineer_months: Option<Ratio>,
}

/// Why a budget has no amount, or cannot be judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// The volume of the period is not known.
    Volume,
    /// Head counts of the period are not known.
    HeadCount,
    /// The amount is larger than any bill.
    TooLarge,
    /// What was spent is in another currency; currencies are never added.
    Currency(Currency),
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Volume => out.write_str("business volume of the period is not known"),
            Missing::HeadCount => out.write_str("head counts of the period are not known"),
            Missing::TooLarge => out.write_str("the amount is larger than any bill"),
            Missing::Currency(other) => write!(out, "what was spent is in {other}"),
        }
    }
}

impl Budget {
    /// The budget in money.
    ///
    /// # Errors
    /// What is not known, where the limit is in basis points or per engineer.
    pub fn amount(&self, base: &Base) -> Result<Money, Missing> {
        let derived = match &self.limit {
            Limit::Money(amount) => return Ok(*amount),
            Limit::Bps { bps, .. } => {
                let volume = base.volume.ok_or(Missing::Volume)?;
                let share = Ratio::of(*bps, Exact::from_whole(i64::from(PER_WHOLE))).ok_or(Missing::TooLarge)?;
                Ratio::whole(volume).by(&share)
            }
            Limit::PerEngineer(amount) => {
                Ratio::whole(*amount).by(base.engineer_months.as_ref().ok_or(Missing::HeadCount)?)
            }
        };
        derived.rounded(2).ok_or(Missing::TooLarge)
    }

    /// What every message about it is about: unit and period.
    pub fn subject(&self) -> String {
        format!("{} {}", self.unit, self.period)
    }
}

/// Engineers times months of a period: head counts day by day, each day counting as its part of its month.
pub fn engineer_months(period: Period, heads: impl Fn(Day) -> u32) -> Ratio {
    let days = |period: Period| (period.from().days()..period.until().days()).map(Day::from_days);
    period.months().fold(Ratio::whole(Exact::ZERO), |sum, month| {
        let inside = month.period().intersection(period);
        let heads: u64 = inside.into_iter().flat_map(days).map(|day| u64::from(heads(day))).sum();
        let length = i64::from(month.period().until().days() - month.period().from().days());
        let part = Ratio::of(Exact::from_whole(i64::try_from(heads).unwrap_or(i64::MAX)), Exact::from_whole(length));
        part.map_or(sum.clone(), |part| sum.plus(&part))
    })
}
