//! How a unit does against its budget: one verdict of what was spent, what is expected, and what was permitted.
//!
//! | state | what it says | when, with line = budget · (1 + tolerance), or what a waiver permits where that is more |
//! |---|---|---|
//! | breached | more *was* spent than allowed | actual > line |
//! | waived | more was spent than is tolerated, and a waiver permits it | budget · (1 + tolerance) < actual ≤ line |
//! | projected | more *will* be spent, more likely than not | P50 of the period's end > line |
//! | warned | there is a chance of one in ten or more | P90 of the period's end > line |
//! | within | none of these | |
//!
//! The first that holds is the state. A variance of exactly the tolerance is within.
//!
//! The reference says "breach when projected month-end P50 > 1.02 · budget, warn at P10". We call only money that
//! *was* spent a breach, because only that can need a waiver; the expected one is [`State::Projected`]. "At P10" is
//! read as the chance of a breach: a warning comes when it reaches 10 %, which is when the P90 of spend passes the
//! line. Read as the lower bound of spend it would come after the projection it is to precede; that case is told as
//! [`Outlook::NearlyCertain`], inside of the projection.

use leap_terms::{CostKind, Currency, Day, Exact, Instant, Money, Period, Ratio, TeamId};

use super::pace::Pace;
use super::{Budget, Missing, PER_WHOLE};
use crate::forecast::Range;

/// A budget in money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Whose cost, with all units below.
    pub unit: TeamId,
    /// In which days.
    pub period: Period,
    /// In which currency.
    pub currency: Currency,
    /// Which of the four costs.
    pub cost: CostKind,
    /// How much.
    pub amount: Money,
    /// Variance allowed without a waiver.
    pub tolerance_bps: u32,
    /// True where the amount rests on volume that is expected, not known.
    pub expected: bool,
}

impl Line {
    /// A budget whose amount was worked out.
    pub(super) fn of(budget: &Budget, amount: Money, expected: bool) -> Line {
        let Budget { unit, period, currency, cost, tolerance_bps, .. } = budget.clone();
        Line { unit, period, currency, cost, amount, tolerance_bps, expected }
    }
}

/// What is known of a unit's cost in the period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The currency of all amounts here.
    pub currency: Currency,
    /// What the days before `known_until` cost.
    pub actual: Money,
    /// The first day that is not known.
    pub known_until: Day,
    /// What the period will have cost at its end, known days included ([`at_end`]); none where no forecast can be made.
    pub end: Option<Range>,
    /// How the period's cost was expected to fall on its days.
    pub pace: Pace,
}

/// The period's end: what was spent, and what is expected of the days that are left.
pub fn at_end(actual: Money, rest: Range) -> Range {
    Range { low: actual + rest.low, middle: actual + rest.middle, high: actual + rest.high }
}

/// What a granted waiver permits, in force or not any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// The waiver.
    pub waiver: String,
    /// How much more than the budget may be spent; waivers of one budget do not add up, the largest counts.
    pub amount: Money,
    /// From when.
    pub from: Instant,
    /// Until when; at that instant it is over.
    pub until: Instant,
}

/// What is said of a budget; later ones weigh more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Nothing to be said.
    Within,
    /// A chance of one in ten or more to pass the line.
    Warned,
    /// More likely than not to pass the line.
    Projected,
    /// Over the tolerance, and permitted.
    Waived,
    /// Over what is allowed.
    Breached,
}

impl State {
    /// `within`, `warned`, `projected`, `waived`, `breached`.
    pub fn word(self) -> &'static str {
        match self {
            State::Within => "within",
            State::Warned => "warned",
            State::Projected => "projected",
            State::Waived => "waived",
            State::Breached => "breached",
        }
    }
}

/// The chance that the period ends over the line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outlook {
    /// Less than one in ten: P90 is at most the line.
    Unlikely,
    /// One in ten or more: P90 is over the line.
    Possible,
    /// One in two or more: P50 is over the line.
    Likely,
    /// Nine in ten or more: P10 is over the line.
    NearlyCertain,
}

/// Spend less budget; positive is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variance {
    /// In money, exactly.
    pub money: Ratio,
    /// In basis points of the budget, exactly; none where the budget is zero.
    pub bps: Option<Ratio>,
}

impl Variance {
    /// Of an amount against a budget.
    fn of(spent: Money, budget: &Ratio) -> Variance {
        let money = Ratio::whole(spent).minus(budget);
        let bps = money.times(PER_WHOLE).per(budget);
        Variance { money, bps }
    }
}

/// Why a breach is one although there is a waiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reopened {
    /// The waiver ended at that instant.
    Expired {
        /// The waiver.
        waiver: String,
        /// When it ended.
        at: Instant,
    },
    /// More was spent than the waiver permits.
    Exceeded {
        /// The waiver.
        waiver: String,
        /// What it permits over the budget.
        permitted: Money,
    },
}

/// The verdict on one budget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The budget.
    pub line: Line,
    /// What was spent.
    pub actual: Money,
    /// What is said.
    pub state: State,
    /// Actual against the whole budget.
    pub variance: Variance,
    /// Actual against the part of the budget that belongs to the days so far.
    pub to_date: Variance,
    /// The expected end of the period (P50) against the whole budget.
    pub projected: Option<Variance>,
    /// The chance of a breach; none where there is no forecast.
    pub outlook: Option<Outlook>,
    /// The period's end, where it was forecast.
    pub end: Option<Range>,
    /// The waiver in force that permits most.
    pub waiver: Option<Allowance>,
    /// Why a breach is one although a waiver was granted.
    pub reopened: Option<Reopened>,
    /// How many of the period's days are known.
    pub covered_days: u32,
    /// How many days the period has.
    pub days: u32,
}

/// Judges a budget at an instant. Pure: the same arguments give the same verdict.
///
/// # Errors
/// [`Missing::Currency`] where what was spent is in another currency than the budget.
pub fn judge(line: &Line, seen: &Seen, allowances: &[Allowance], now: Instant) -> Result<Verdict, Missing> {
    if seen.currency != line.currency {
        return Err(Missing::Currency(seen.currency.clone()));
    }
    let budget = Ratio::whole(line.amount);
    let tolerated = budget.times(PER_WHOLE + line.tolerance_bps);
    // Compared with spend times 10,000: no quotient is rounded.
    let over = |spent: Money, line: &Ratio| Ratio::whole(spent).times(PER_WHOLE) > *line;
    let begun = || allowances.iter().filter(|waiver| waiver.from <= now);
    let in_force = begun().filter(|waiver| now < waiver.until).max_by_key(|waiver| (waiver.amount, &waiver.waiver));
    let permitted = in_force.map(|waiver| Ratio::whole(line.amount + waiver.amount).times(PER_WHOLE));
    let limit = permitted.into_iter().fold(tolerated.clone(), Ord::max);
    let outlook = seen.end.as_ref().map(|end| {
        if over(end.low, &limit) {
            Outlook::NearlyCertain
        } else if over(end.middle, &limit) {
            Outlook::Likely
        } else if over(end.high, &limit) {
            Outlook::Possible
        } else {
            Outlook::Unlikely
        }
    });
    let state = match outlook {
        _ if over(seen.actual, &limit) => State::Breached,
        _ if over(seen.actual, &tolerated) => State::Waived,
        Some(Outlook::NearlyCertain | Outlook::Likely) => State::Projected,
        Some(Outlook::Possible) => State::Warned,
        Some(Outlook::Unlikely) | None => State::Within,
    };
    let reopened = (state == State::Breached).then(|| {
        let exceeded =
            in_force.map(|waiver| Reopened::Exceeded { waiver: waiver.waiver.clone(), permitted: waiver.amount });
        let last = begun().filter(|waiver| waiver.until <= now).max_by_key(|waiver| (waiver.until, &waiver.waiver));
        exceeded.or_else(|| last.map(|waiver| Reopened::Expired { waiver: waiver.waiver.clone(), at: waiver.until }))
    });
    let days = |until: Day| u32::try_from(until.days() - line.period.from().days()).unwrap_or(0);
    let so_far = seen.pace.share_before(seen.known_until).by(&budget);
    Ok(Verdict {
        line: line.clone(),
        actual: seen.actual,
        state,
        variance: Variance::of(seen.actual, &budget),
        to_date: Variance::of(seen.actual, &so_far),
        projected: seen.end.as_ref().map(|end| Variance::of(end.middle, &budget)),
        outlook,
        end: seen.end,
        waiver: in_force.cloned(),
        reopened: reopened.flatten(),
        covered_days: days(seen.known_until.min(line.period.until())),
        days: days(line.period.until()),
    })
}

/// A quotient as people read it.
fn shown(ratio: &Ratio) -> String {
    ratio.rounded(2).map_or_else(|| "more than can be shown".to_owned(), |amount| amount.to_grouped(2))
}

impl Verdict {
    /// Unit and period: what every message is about.
    pub fn subject(&self) -> String {
        format!("{} {}", self.line.unit, self.line.period)
    }

    /// Names the budget among all: unit, period, kind of cost, currency.
    pub fn name(&self) -> String {
        let Line { unit, period, currency, cost, .. } = &self.line;
        format!("{unit} {period} {cost} {currency}")
    }

    /// What is said, in one sentence: `payments spent 122,400.01 USD of 120,000.00 in 2026-10 (31 of 31 days): …`.
    pub fn sentence(&self) -> String {
        let Line { unit, period, currency, amount, tolerance_bps, .. } = &self.line;
        let spent = format!(
            "{unit} spent {} {currency} of {} in {period} ({} of {} days known)",
            self.actual.to_grouped(2),
            amount.to_grouped(2),
            self.covered_days,
            self.days
        );
        let bps =
            |variance: &Variance| variance.bps.as_ref().map_or_else(String::new, |bps| format!(", {} bps", shown(bps)));
        let over = format!("{} over{}", shown(&self.variance.money), bps(&self.variance));
        let end = |of: fn(&Range) -> Exact| self.end.as_ref().map_or_else(String::new, |end| of(end).to_grouped(2));
        match (self.state, &self.reopened, &self.waiver) {
            (State::Breached, Some(Reopened::Expired { waiver, at }), _) => {
                format!("{spent}: {over}; waiver {waiver} ended at {at}")
            }
            (State::Breached, Some(Reopened::Exceeded { waiver, permitted }), _) => {
                format!("{spent}: {over}; waiver {waiver} permits {}", permitted.to_grouped(2))
            }
            (State::Breached, None, _) => format!("{spent}: {over}; {tolerance_bps} bps are tolerated"),
            (State::Waived, _, Some(waiver)) => {
                let Allowance { waiver, amount, until, .. } = waiver;
                format!("{spent}: {over}; waiver {waiver} permits {} until {until}", amount.to_grouped(2))
            }
            (State::Projected, ..) => {
                let projected = self.projected.as_ref();
                let over = projected.map_or_else(String::new, |projected| {
                    format!(": {} over{}", shown(&projected.money), bps(projected))
                });
                format!("{spent} and is expected to end at {}{over}", end(|end| end.middle))
            }
            (State::Warned, ..) => {
                format!("{spent} and may end at {}, over what is tolerated", end(|end| end.high))
            }
            (State::Within | State::Waived, ..) => spent,
        }
    }

    /// The figures of the sentence as label and exact text, for messages.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let variance = |name: [&'static str; 2], variance: &Variance| {
            let bps = variance.bps.as_ref().and_then(|bps| bps.rounded(2)).map(|bps| (name[1], bps.to_string()));
            variance.money.rounded(2).map(|money| (name[0], money.to_string())).into_iter().chain(bps)
        };
        let mut fields = vec![
            ("budget", self.line.amount.to_string()),
            ("actual", self.actual.to_string()),
            ("currency", self.line.currency.to_string()),
        ];
        fields.extend(variance(["variance", "variance_bps"], &self.variance));
        fields.extend(variance(["variance_to_date", "variance_to_date_bps"], &self.to_date));
        if let (Some(end), Some(projected)) = (&self.end, &self.projected) {
            fields.extend([
                ("end_p10", end.low.to_string()),
                ("end_p50", end.middle.to_string()),
                ("end_p90", end.high.to_string()),
            ]);
            fields.extend(variance(["projected_variance", "projected_variance_bps"], projected));
        }
        fields.push(("tolerance_bps", self.line.tolerance_bps.to_string()));
        fields.push(("days", format!("{} of {}", self.covered_days, self.days)));
        if self.line.expected {
            fields.push(("budget_rests_on", "expected business volume".to_owned()));
        }
        fields
    }
}
