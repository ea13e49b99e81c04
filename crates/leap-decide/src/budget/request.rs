//! Capacity governance: somebody asks for more budget or reserved capacity, and what it costs and brings is compared
//! with the room in the budget and with the hurdle.
//!
//! ```text
//! a second cluster   8,000 USD a month of 5,000 room in the budget          does not fit
//!                    saves 30,000 a month for 2 dev-weeks: 15,000 each      over the hurdle of 10,000
//! ```
//! Formulas (reference, decision framework 7.1): worth = saving of a month ÷ dev-weeks, leverage = saving of a year ÷
//! loaded cost of a year of the engineers. The hurdle is US$10 k a month per dev-week, and five times for an engineer.

use std::fmt;

use leap_terms::{Currency, Exact, Money, Period, Ratio, TeamId};

/// What is asked for, and what it brings; amounts in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// For whom.
    pub unit: TeamId,
    /// For what.
    pub title: String,
    /// In which days it costs.
    pub period: Period,
    /// The currency of all amounts.
    pub currency: Currency,
    /// What it costs in the period.
    pub cost: Money,
    /// What it saves in a month once it works; none where it saves nothing and is a cost of growth.
    pub saving_per_month: Option<Money>,
    /// How many weeks of a developer it takes.
    pub dev_weeks: Exact,
    /// How many engineers it keeps busy for good, if any.
    pub engineers: Exact,
}

/// What a saving has to reach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hurdle {
    /// Of a month, per dev-week.
    pub per_dev_week: Money,
    /// Times the loaded cost of an engineer.
    pub leverage: u32,
    /// What an engineer costs in a year.
    pub engineer_year: Money,
}

impl Hurdle {
    /// 10,000 a month per dev-week, and five times an engineer who costs so much a year.
    pub fn of(engineer_year: Money) -> Hurdle {
        Hurdle { per_dev_week: Money::from_whole(10_000), leverage: 5, engineer_year }
    }
}

/// What may be asked of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    /// It fits into the budget, and its saving, where it has one, passes the hurdle.
    Fits,
    /// It does not fit into the budget, and needs somebody's approval as a waiver does.
    NeedsApproval,
    /// It does not pass the hurdle.
    BelowHurdle,
}

/// The verdict on a request, with what it rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What follows.
    pub answer: Answer,
    /// Budget less what the period is expected to cost (P50), or less what it did cost; may be negative.
    pub room: Money,
    /// By how much the cost exceeds the room; zero where it fits.
    pub beyond: Money,
    /// Saving of a month per dev-week; none without a saving or without work.
    pub worth: Option<Ratio>,
    /// Saving of a year over the loaded cost of a year; none without a saving or without engineers.
    pub leverage: Option<Ratio>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer {
            Answer::Fits => write!(out, "fits: {} of room", self.room.to_grouped(2)),
            Answer::NeedsApproval => write!(
                out,
                "{} more than the room of {}: needs an approval",
                self.beyond.to_grouped(2),
                self.room.to_grouped(2)
            ),
            Answer::BelowHurdle => {
                let shown = |ratio: &Option<Ratio>| ratio.as_ref().and_then(|ratio| ratio.rounded(2));
                match (shown(&self.worth), shown(&self.leverage)) {
                    (Some(worth), _) => write!(out, "below the hurdle: {} a month per dev-week", worth.to_grouped(2)),
                    (None, Some(leverage)) => write!(out, "below the hurdle: {leverage} times an engineer"),
                    (None, None) => out.write_str("below the hurdle"),
                }
            }
        }
    }
}

/// Judges a request against the room that a budget has.
pub fn judge(request: &Request, room: Money, hurdle: &Hurdle) -> Verdict {
    let worth = request.saving_per_month.and_then(|saving| Ratio::of(saving, request.dev_weeks));
    let leverage = request.saving_per_month.and_then(|saving| {
        let cost = Ratio::whole(hurdle.engineer_year).by(&Ratio::whole(request.engineers));
        Ratio::whole(saving).times(12).per(&cost)
    });
    let below = worth.as_ref().is_some_and(|worth| *worth < Ratio::whole(hurdle.per_dev_week))
        || leverage
            .as_ref()
            .is_some_and(|leverage| *leverage < Ratio::whole(Exact::from_whole(hurdle.leverage.into())));
    let beyond = (request.cost - room.max(Money::ZERO)).max(Money::ZERO);
    let answer = if below {
        Answer::BelowHurdle
    } else if beyond.is_zero() {
        Answer::Fits
    } else {
        Answer::NeedsApproval
    };
    Verdict { answer, room, beyond, worth, leverage }
}
