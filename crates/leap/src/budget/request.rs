//! `leap budget request`: more budget or capacity, against the room that the budget has and the hurdle of investments.
//!
//! ```text
//! $ leap budget request payments --for "a second cluster" --period 2026-10 --cost 8000 --saving-per-month 30000 --dev-weeks 2
//! a second cluster of payments in 2026-10: 3,000.00 more than the room of 5,000.00: needs an approval
//! worth: 15,000.00 USD a month per dev-week, the hurdle is 10,000.00
//! ```
//! What does not fit is asked for as a waiver (`--ask`): somebody else grants it, like any other.

use std::path::Path;

use leap_book::Waiver;
use leap_decide::budget::request::{Answer, Hurdle, Request, Verdict, judge};
use leap_terms::{Day, Exact, Money, Ratio};
use serde_json::json;

use crate::cli::{BudgetRequestArgs, OutputFormat, ReadingArgs};
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home};
use crate::output::{emit, print_json};
use crate::spend::unit_named;
use crate::view::View;
use crate::waivers::{self, WaiverDraft, Words};

/// What an engineer costs in a year, as the settings say it, in the currency of the budget.
fn engineer_year(home: &Home, currency: &leap_terms::Currency, engineers: Exact) -> Result<Money, Failure> {
    let settings = &home.settings.charter;
    let same = settings.engineer_currency.as_ref().map_or(currency.as_str() == "USD", |own| own == currency);
    match settings.engineer_month.filter(|_| same) {
        Some(month) => Ok(std::iter::repeat_n(month, 12).sum()),
        None if engineers.is_zero() => Ok(Money::ZERO),
        None => Err(Failure::usage(format!(
            "what an engineer costs in {currency} is not known: set engineer_month and engineer_currency of [charter] in leap.toml"
        ))),
    }
}

fn shown(ratio: &Ratio) -> String {
    ratio.rounded(2).map_or_else(|| "more than can be shown".to_owned(), |amount| amount.to_grouped(2))
}

/// `leap budget request`.
pub(super) async fn run(root: &Path, args: &BudgetRequestArgs) -> Result<(), Failure> {
    let home = Home::open(root, if args.ask { Access::Write } else { Access::Read }).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let unit = unit_named(&view, &args.unit)?;
    for (name, amount) in [("--cost", Some(args.cost)), ("--saving-per-month", args.saving_per_month)] {
        if amount.is_some_and(|amount| amount <= Money::ZERO) {
            return Err(Failure::usage(format!("{name} is an amount above zero")));
        }
    }
    if args.title.trim().is_empty() {
        return Err(Failure::usage("who decides wants to know what it is for: --for TEXT"));
    }
    if args.dev_weeks < Exact::ZERO || args.engineers < Exact::ZERO {
        return Err(Failure::usage("--dev-weeks and --engineers are not below zero"));
    }
    let budget = waivers::verdict(&home, &view, &unit, args.period).await?;
    let line = &budget.line;
    let request = Request {
        unit: unit.clone(),
        title: args.title.clone(),
        period: args.period,
        currency: line.currency.clone(),
        cost: args.cost,
        saving_per_month: args.saving_per_month,
        dev_weeks: args.dev_weeks,
        engineers: args.engineers,
    };
    // What the period is expected to cost, or what it did cost.
    let end = budget.end.as_ref().map_or(budget.actual, |end| end.middle);
    let hurdle = Hurdle::of(engineer_year(&home, &line.currency, args.engineers)?);
    let verdict = judge(&request, line.amount - end, &hurdle);
    let asked = match args.ask && verdict.answer == Answer::NeedsApproval {
        true => Some(ask(&home, &view, args, &request, &verdict).await?),
        false => None,
    };
    if args.format.format == OutputFormat::Json {
        print_json(&json!({
            "unit": unit.as_str(),
            "for": request.title,
            "period": request.period.to_string(),
            "currency": request.currency.as_str(),
            "cost": request.cost.to_string(),
            "room": verdict.room.to_string(),
            "beyond": verdict.beyond.to_string(),
            "worth_per_dev_week": verdict.worth.as_ref().and_then(|worth| worth.rounded(2)).map(|worth| worth.to_string()),
            "leverage": verdict.leverage.as_ref().and_then(|times| times.rounded(2)).map(|times| times.to_string()),
            "answer": match verdict.answer {
                Answer::Fits => "fits",
                Answer::NeedsApproval => "needs_approval",
                Answer::BelowHurdle => "below_hurdle",
            },
            "waiver": asked.as_ref().map(|waiver| waiver.number),
        }))?;
    } else {
        let mut text = format!("{} of {unit} in {}: {verdict}\n", request.title, request.period);
        if let Some(worth) = &verdict.worth {
            let (worth, least) = (shown(worth), hurdle.per_dev_week.to_grouped(2));
            text += &format!("worth: {worth} {} a month per dev-week, the hurdle is {least}\n", request.currency);
        }
        if let Some(times) = &verdict.leverage {
            text += &format!("leverage: {} times an engineer, the hurdle is {}\n", shown(times), hurdle.leverage);
        }
        if let Some(waiver) = &asked {
            text += &format!("waiver {} is asked for: leap waiver show {0}\n", waiver.number);
        } else if verdict.answer == Answer::NeedsApproval {
            text += "with --ask --until DAY it is asked for as a waiver\n";
        }
        emit(&text)?;
    }
    match verdict.answer {
        Answer::Fits => Ok(()),
        Answer::NeedsApproval if asked.is_some() => Ok(()),
        Answer::NeedsApproval => Err(Failure {
            message: format!("{} {} more than the room in the budget", verdict.beyond.to_grouped(2), request.currency),
            exit: Exit::PolicyBroken,
        }),
        Answer::BelowHurdle => {
            Err(Failure { message: "it does not pass the hurdle".to_owned(), exit: Exit::PolicyBroken })
        }
    }
}

/// Asks for what does not fit, as a waiver.
async fn ask(
    home: &Home,
    view: &View,
    args: &BudgetRequestArgs,
    request: &Request,
    verdict: &Verdict,
) -> Result<Waiver, Failure> {
    let until: Day = args.until.ok_or_else(|| Failure::usage("a waiver ends on a day: --until DAY"))?;
    let reason = format!("{}: costs {} {}", request.title, request.cost.to_grouped(2), request.currency);
    let words = Words {
        unit: request.unit.as_str(),
        period: request.period,
        amount: request.cost - verdict.room,
        until,
        reason: &reason,
    };
    WaiverDraft::of(home, view, &words).await?.ask(home).await
}
