//! Reads `contracts.yaml`.
//!
//! ```yaml
//! contracts:
//!   - id: charge-api
//!     team: payments
//!     term: 2026-10..2027-09                # optional
//!     clauses:
//!       - {id: p999, measure: latency, api: charge-api, quantile: p99.9, at_most: 250ms}
//!       - {id: bps, measure: charter, at_most: 45, window: 24h, consequence: "review with the sponsor"}
//!       - {id: cost, measure: spend, at_most: 4000, currency: USD, window: 24h, owner: platform}
//!       - {id: unit, measure: unit_cost, metric: orders, at_most: 0.012, currency: USD, window: 24h}
//!       - {id: owned, measure: coverage, at_least: 99.5, window: 24h}
//!       - {id: fresh, measure: freshness, at_most: 26h, grace: 4h, recovery: 1h}
//! ```
//! Every clause may have `window` (1h), `grace` (48h), `recovery` (three windows), `stale_after` (six windows), `gap`
//! (5m), `reopen_within` (the grace), `late` (2h), `owner` and `consequence`; latency also `n_min` (4000) and `thin`
//! (unjudged or merged). Amounts that are known by whole days (all but freshness) have windows of whole days (24h), and
//! one that is met ends a miss; of amounts a window is closed when its data are there (`late` 0s).

use std::cell::RefCell;

use leap_terms::yaml::{Places, short};
use leap_terms::{Currency, Day, Exact, Fault, Period, TeamId};
use serde_norway::Value;

use super::clock::Timing;
use super::{Clause, Contract, Contracts, Latency, Measure, Nanoseconds, Quantile, Thin, What};
use crate::budget::Names;
use crate::document::{Document, Faults, Item};
use crate::seconds::Seconds;

const CONTRACT: [&str; 4] = ["id", "team", "term", "clauses"];
const COMMON: [&str; 11] = [
    "id",
    "measure",
    "owner",
    "consequence",
    "window",
    "grace",
    "recovery",
    "stale_after",
    "gap",
    "reopen_within",
    "late",
];
const FORM: &str = "a contracts file has contracts: [{id: charge-api, team: payments, clauses: […]}]";
const TERM_HELP: &str = "write a period such as 2026-10..2027-09, or leave it out";
const LENGTH_HELP: &str = "write a length of time such as 48h, 90m or 7d";
/// The longest window: a week.
pub(super) const LONGEST: Seconds = Seconds::hours(168);
/// Windows of what is known by whole days.
const DAY: Seconds = Seconds::hours(24);
/// The shortest window of freshness: it has one reading per window whether data came or not.
const SHORTEST: Seconds = Seconds::minutes(10);
/// Requests below which a window of latency is not judged (reference, latency, section 9).
pub(super) const N_MIN: u64 = 4_000;

impl Contracts {
    /// Reads a YAML document. `names` says who is meant by a team's name on the first day of the term; of a term
    /// without beginning, on `today`.
    ///
    /// # Errors
    /// Every fault with line, field, rule and remedy.
    pub fn read_yaml(file: &str, text: &str, names: Names<'_>, today: Day) -> Result<Contracts, Vec<Fault>> {
        let faults = Faults::default();
        let document = Document::open(file, text, &["contracts"], FORM, &faults)?;
        let list = document.list("contracts", FORM, &faults);
        let places = Places::new(file, text, "contracts", list.len());
        let mut contracts = Contracts::default();
        for (at, value) in list.iter().enumerate() {
            let Some(item) = Item::open(&places, at, value, ("a contract", &CONTRACT), &faults) else { continue };
            let Some(contract) = contract(&item, (names, today), &faults) else { continue };
            if contracts.list.iter().any(|other| other.id == contract.id) {
                item.wrong("id", format!("two contracts are called {}", contract.id), "give one of them another id");
            }
            contracts.list.push(contract);
        }
        let faults = RefCell::into_inner(faults);
        if faults.is_empty() { Ok(contracts) } else { Err(faults) }
    }
}

/// Ids go into keys of messages: letters, digits, `-` and `_`.
fn id(item: &Item<'_>) -> Option<String> {
    let help = "letters, digits, - and _, at most 64";
    let id: String = item.needed("id", help)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if id.is_empty() || id.len() > 64 || !id.bytes().all(good) {
        item.wrong("id", format!("'{}' is no id", id.escape_debug()), help);
        return None;
    }
    Some(id)
}

fn contract(item: &Item<'_>, (names, today): (Names<'_>, Day), faults: &Faults) -> Option<Contract> {
    let before = item.faults();
    let id = id(item);
    let term = item.parsed::<Period>("term", TERM_HELP).unwrap_or(Period::ALWAYS);
    let day = if term.from() <= Day::EARLIEST { today } else { term.from() };
    let meant = |item: &Item<'_>, field: &str| {
        let name = item.text(field)?;
        names(name, day).map_err(|message| item.wrong(field, message, "name a unit, by its id or an alias")).ok()
    };
    if item.get("team").is_none() {
        item.lacks("team is missing", "name who keeps the contract");
    }
    let team = meant(item, "team");
    let none = Vec::new();
    let list = match item.get("clauses") {
        Some(Value::Sequence(list)) if !list.is_empty() => list,
        other => {
            let found = other.map_or_else(|| "nothing".to_owned(), short);
            item.wrong_key("clauses", format!("a contract has a list of clauses, found {found}"), "write at least one");
            &none
        }
    };
    let places = item.places.nested(item.at, "clauses", list.len());
    let mut clauses: Vec<Clause> = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let known = fields(value);
        let Some(inner) = Item::open(&places, at, value, ("a clause", &known), faults) else { continue };
        let owner = meant(&inner, "owner").or_else(|| team.clone());
        let Some(clause) = clause(&inner, owner) else { continue };
        if clauses.iter().any(|other| other.id == clause.id) {
            inner.wrong("id", format!("two clauses are called {}", clause.id), "give one of them another id");
        }
        clauses.push(clause);
    }
    (item.faults() == before).then_some(())?;
    Some(Contract { id: id?, team: team?, term, clauses, line: item.line() })
}

/// The fields that a clause of its measure may have; all where the measure is none.
fn fields(value: &Value) -> Vec<&'static str> {
    let own: &[&str] = match value.get("measure").and_then(Value::as_str) {
        Some("latency") => &["api", "quantile", "at_most", "n_min", "thin"],
        Some("charter" | "freshness") => &["at_most"],
        Some("spend") => &["at_most", "currency"],
        Some("unit_cost") => &["at_most", "currency", "metric"],
        Some("coverage") => &["at_least"],
        _ => &["api", "quantile", "at_most", "n_min", "thin", "currency", "metric", "at_least"],
    };
    COMMON.into_iter().chain(own.iter().copied()).collect()
}

fn clause(item: &Item<'_>, owner: Option<TeamId>) -> Option<Clause> {
    let before = item.faults();
    let id = id(item);
    let measure = measure(item);
    let consequence = item.text("consequence").unwrap_or_default().to_owned();
    let timing = timing(item, measure.as_ref());
    (item.faults() == before).then_some(())?;
    Some(Clause { id: id?, measure: measure?, timing, owner: owner?, consequence })
}

fn measure(item: &Item<'_>) -> Option<Measure> {
    let kinds = ["latency", "charter", "spend", "unit_cost", "coverage", "freshness"];
    let choices = format!("write {}", kinds.join(", "));
    let word: String = item.needed("measure", &choices)?;
    let bound = |field: &str, help: &str| {
        if item.get(field).is_none() {
            item.lacks(format!("{field} is missing"), help);
        }
        item.amount(field, help)
    };
    let currency = || {
        if item.get("currency").is_none() {
            item.lacks("currency is missing", "write currency: USD");
        }
        let text = item.text("currency")?;
        Currency::new(text).map_err(|message| item.wrong("currency", message, "write a code such as USD")).ok()
    };
    let amount = |what: What, target: Exact| Measure::Amount { what, target };
    match word.as_str() {
        "latency" => {
            let api: Option<String> = item.needed("api", "name the API as latency does");
            let quantile = match item.get("quantile") {
                Some(_) => item.parsed::<Quantile>("quantile", "write p99.9, 99.9% or 0.999"),
                None => Some(Quantile::P999),
            };
            let at_most = item.needed::<Nanoseconds>("at_most", "write a latency such as 250ms");
            let n_min = match item.get("n_min") {
                Some(_) => item.count("n_min", "write how many requests a judgement needs, such as 4000"),
                None => Some(N_MIN),
            };
            let thin = item.word("thin", &[("unjudged", Thin::Unjudged), ("merged", Thin::Merged)], Thin::Unjudged);
            Some(Measure::Latency(Latency {
                api: api?,
                quantile: quantile?,
                at_most_ns: at_most?.0,
                n_min: n_min?,
                thin,
            }))
        }
        "charter" => Some(amount(What::Charter, bound("at_most", "write basis points such as 45")?)),
        "spend" => {
            let (target, currency) = (bound("at_most", "write an amount such as 4000"), currency());
            Some(amount(What::Spend(currency?), target?))
        }
        "unit_cost" => {
            let (target, currency) = (bound("at_most", "write an amount such as 0.012"), currency());
            let metric: Option<String> = item.needed("metric", "name a metric of business volume, such as orders");
            Some(amount(What::UnitCost { metric: metric?, currency: currency? }, target?))
        }
        "coverage" => {
            let help = "write percent from 0 to 100, such as 99.5";
            let target = bound("at_least", help)?;
            if target > Exact::from_whole(100) {
                item.wrong("at_least", format!("{target} % is more than all"), help);
                return None;
            }
            Some(amount(What::Coverage, target))
        }
        "freshness" => {
            let age = item.needed::<Seconds>("at_most", "write an age such as 26h")?;
            Some(amount(What::Freshness, Exact::from_whole(age.count())))
        }
        other => {
            item.wrong("measure", format!("'{}' is no measure", other.escape_debug()), &choices);
            None
        }
    }
}

fn timing(item: &Item<'_>, measure: Option<&Measure>) -> Timing {
    let length = |field: &str, otherwise: Seconds| item.parsed::<Seconds>(field, LENGTH_HELP).unwrap_or(otherwise);
    let by_day = measure.is_some_and(Measure::is_by_day);
    let is_fresh = matches!(measure, Some(Measure::Amount { what: What::Freshness, .. }));
    let default = Timing {
        window: if by_day { DAY } else { Timing::default().window },
        late: if by_day || is_fresh { Seconds::default() } else { Timing::default().late },
        ..Timing::default()
    };
    let window = length("window", default.window);
    if window.count() == 0 || window > LONGEST {
        item.wrong("window", format!("a window of {window} is none"), "write a length from 1s to 7d, such as 1h");
    } else if by_day && window.count() % DAY.count() != 0 {
        let word = measure.map_or("it", Measure::word);
        item.wrong(
            "window",
            format!("a window of {window}, and {word} is known by whole days"),
            "write 24h, or several days such as 7d",
        );
    } else if is_fresh && window < SHORTEST {
        let message = format!("a window of {window}, and freshness is looked at every {SHORTEST} at most");
        item.wrong("window", message, "write 10m or longer, such as 1h");
    }
    let windows = |count: i64| Seconds::new(window.count().saturating_mul(count)).unwrap_or(LONGEST);
    let grace = length("grace", default.grace);
    Timing {
        window,
        grace,
        // One day that was missed has to be over within a grace of two.
        recovery: length("recovery", windows(if by_day { 1 } else { 3 })),
        stale_after: length("stale_after", windows(6)),
        gap: length("gap", default.gap),
        reopen_within: length("reopen_within", grace),
        late: length("late", default.late),
    }
}
