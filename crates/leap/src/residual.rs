//! `leap residual …`: cost without an owner, and how it goes down.
//!
//! ```text
//! residual               steward           charges  currency  amount  share  since       oldest  mean age
//! residual:no-rule       cloud-efficiency       16  USD        16.00   4.1%  2026-07-03      75        41
//! ```
//! The rows are those of `leap spend`: closed periods as their statements have them, pools shared. Ages are in days, as of
//! today. What reduces a residual is done elsewhere: rules (`suggest`), and claims (`assign`).

mod burn_down;

use std::collections::BTreeMap;
use std::path::Path;

use leap_orient::reading::spend::Basis;
use leap_terms::{Currency, Day, Money, Owner, Period, ResidualReason};

use crate::claims;
use crate::cli::{OrgArg, OutputFormat, PoolsArg, ReadingArgs, ResidualCommand, ResidualListArgs};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::ownership;
use crate::view::View;
use crate::world::published;

/// `leap residual …`.
pub(crate) async fn run(root: &Path, command: &ResidualCommand) -> Result<(), Failure> {
    match command {
        ResidualCommand::List(args) => list(root, args).await,
        ResidualCommand::Suggest(args) => ownership::suggest(root, args).await,
        ResidualCommand::Assign(args) => claims::assign(root, args).await,
    }
}

/// One residual in one currency.
#[derive(Clone, Default, Debug)]
struct Held {
    charges: u64,
    /// Cost by day, within the period.
    days: BTreeMap<Day, Money>,
}

impl Held {
    fn amount(&self) -> Money {
        self.days.values().copied().sum()
    }

    /// Age in days, weighted by the size of each day's cost; `None` where all days have none.
    fn mean_age(&self, today: Day) -> Option<u64> {
        let (mut weighted, mut weight) = (0_i128, 0_i128);
        for (day, amount) in &self.days {
            let size = amount.abs().coarse();
            weighted = weighted.checked_add(size.checked_mul(i128::from(age(*day, today)))?)?;
            weight = weight.checked_add(size)?;
        }
        (weight != 0).then(|| u64::try_from((weighted + weight / 2) / weight).unwrap_or(u64::MAX))
    }
}

/// Days between a day and today.
fn age(day: Day, today: Day) -> u32 {
    u32::try_from(today.days() - day.days()).unwrap_or(0)
}

/// A part of a whole in basis points, rounded half away from zero.
fn share(part: Money, whole: Money) -> Option<i64> {
    let (part, whole) = (part.coarse(), whole.coarse());
    let scaled = part.checked_mul(10_000)?;
    let half = if (scaled < 0) == (whole < 0) { whole / 2 } else { -(whole / 2) };
    scaled.checked_add(half)?.checked_div(whole).and_then(|bps| i64::try_from(bps).ok())
}

/// What a period's residuals are made of.
#[derive(Default)]
struct Found {
    held: BTreeMap<(ResidualReason, Currency), Held>,
    /// The first day of any such cost in the lake.
    first: BTreeMap<(ResidualReason, Currency), Day>,
    /// All cost of the period.
    bill: BTreeMap<Currency, Money>,
}

fn find(home: &Home, view: &View, period: Period) -> Result<Found, Failure> {
    let open = published(home);
    let mut found = Found::default();
    for (layer, slice) in view.slices() {
        for (key, folded) in view.layer(layer).daily(&slice, &open)?.rows() {
            let amount = folded.costs.effective;
            let inside = period.contains(key.day);
            if inside {
                *found.bill.entry(key.currency.clone()).or_default() += amount;
            }
            let Owner::Residual(reason) = &key.owner else { continue };
            let name = (reason.clone(), key.currency.clone());
            let first = found.first.entry(name.clone()).or_insert(key.day);
            *first = (*first).min(key.day);
            if inside {
                let held = found.held.entry(name).or_default();
                held.charges += folded.charges();
                *held.days.entry(key.day).or_default() += amount;
            }
        }
    }
    for shared in view.journal(period, Basis::Incurred, &open)? {
        for line in shared.lines.iter().filter(|line| period.contains(line.day)) {
            if let Owner::Residual(reason) = &line.owner {
                let held = found.held.entry((reason.clone(), line.currency.clone())).or_default();
                *held.days.entry(line.day).or_default() += line.costs.effective;
            }
        }
    }
    Ok(found)
}

/// `leap residual list`.
async fn list(root: &Path, args: &ResidualListArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let reading =
        ReadingArgs { org: OrgArg::AsWas, as_known_on: None, snapshot: None, pools: PoolsArg::Shared, pending: false };
    let view = View::open(&home, &reading).await?;
    let period = match args.period {
        Some(period) => period,
        None => view.head().last_period(Basis::Incurred)?,
    };
    let today = clock::now().day();
    let found = find(&home, &view, period)?;
    let columns =
        ["residual", "steward", "charges", "currency", "amount", "share", "since", "oldest_days", "mean_age_days"];
    let mut answer =
        Answer::new(format!("Effective cost without an owner in {period}, and its share of the bill"), &columns);
    let mut rows: Vec<_> = found.held.iter().map(|(name, held)| (name, held, held.amount())).collect();
    // A pool that is shared to the last cent is nobody's worry.
    rows.retain(|((reason, _), _, amount)| !(amount.is_zero() && matches!(reason, ResidualReason::Pool(_))));
    rows.sort_by(|a, b| b.2.abs().cmp(&a.2.abs()).then_with(|| a.0.cmp(b.0)));
    let mut sums = BTreeMap::<&Currency, (u64, Money)>::new();
    for (name, held, amount) in rows {
        let (reason, currency) = name;
        let sum = sums.entry(currency).or_default();
        *sum = (sum.0 + held.charges, sum.1 + amount);
        let first = found.first.get(name).or_else(|| held.days.keys().next()).copied();
        let days = |count: Option<u64>| count.map_or(Cell::Empty, Cell::Count);
        answer.rows.push(vec![
            Cell::text(format!("residual:{reason}")),
            Cell::text(view.steward(reason)),
            Cell::Count(held.charges),
            Cell::text(currency.as_str()),
            Cell::Amount(amount),
            share(amount, found.bill.get(currency).copied().unwrap_or_default())
                .map_or(Cell::Empty, |bps| Cell::Bps(Some(bps))),
            first.map_or(Cell::Empty, |day| Cell::text(day.to_string())),
            days(first.map(|day| u64::from(age(day, today)))),
            days(held.mean_age(today)),
        ]);
    }
    for (currency, (charges, amount)) in sums {
        let mut total = vec![Cell::Empty; answer.columns.len()];
        total[0] = Cell::text("all of these");
        total[2] = Cell::Count(charges);
        total[3] = Cell::text(currency.as_str());
        total[4] = Cell::Amount(amount);
        let bill = found.bill.get(currency).copied().unwrap_or_default();
        total[5] = share(amount, bill).map_or(Cell::Empty, |bps| Cell::Bps(Some(bps)));
        answer.totals.push(total);
    }
    let weeks = burn_down::answer(&home, today).await?;
    match args.format.format {
        OutputFormat::Json => print_json(&serde_json::json!({
            "snapshot": view.head().digest_text(),
            "period": period.to_string(),
            "rows": answer.json_rows(),
            "weeks": weeks.json_rows(),
        })),
        // One table is one CSV; the weeks are in JSON.
        OutputFormat::Csv => answer.print(OutputFormat::Csv),
        format @ (OutputFormat::Table | OutputFormat::Markdown) => {
            answer.print(format)?;
            emit("\n")?;
            weeks.print(format)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn a_share_rounds_half_away_from_zero_and_nothing_has_no_share() {
        assert_eq!(share(money("1"), money("3")), Some(3333));
        assert_eq!(share(money("2"), money("3")), Some(6667));
        assert_eq!(share(money("-2"), money("3")), Some(-6667));
        assert_eq!(share(money("0.00005"), money("1")), Some(1));
        assert_eq!(share(money("1"), money("0")), None);
    }

    #[test]
    fn the_mean_age_weighs_days_by_the_size_of_their_cost() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let mut held = Held::default();
        held.days.insert(day("2026-09-01"), money("30"));
        held.days.insert(day("2026-09-11"), money("-10"));
        assert_eq!(held.mean_age(day("2026-09-21")), Some(18), "(30 × 20 + 10 × 10) ÷ 40 = 17.5");
        assert_eq!(Held::default().mean_age(day("2026-09-21")), None);
    }
}
