//! `leap period diff`: the way from a statement to today's figures, for people and as JSON.
//!
//! ```text
//! what                  currency    billed  effective
//! statement 1           USD       1,101.06   1,101.06
//! provider restatement  USD         -27.80     -22.88
//! now                   USD       1,073.25   1,078.17
//! ```

use std::collections::BTreeMap;

use leap_book::Statement;
use leap_orient::currency::{Conversion, ConvertError, Rates, Wide};
use leap_orient::period::{Cause, CauseLine, Figures};
use leap_terms::{CostKind, Costs, Currency, Digest, Money};
use serde_json::{Map, Value, json};

use super::causes::Explained;
use crate::cli::OutputFormat;
use crate::failure::Failure;
use crate::output::{Answer, Cell, amount_shown, emit, print_json};
use crate::world::World;

/// How many lines people are shown; machine formats have all.
const LINES: usize = 20;

/// A difference, ready to be told.
pub(crate) struct Report<'r> {
    /// The statement that it starts from.
    pub(crate) statement: &'r Statement,
    /// The world of today.
    pub(crate) now: &'r World,
    /// The causes.
    pub(crate) explained: &'r Explained,
    /// Rates of the month, frozen with the statement.
    pub(crate) frozen: Rates,
    /// Rates of the month as they are in force today.
    pub(crate) present: Rates,
}

/// A difference in one currency: the statement, each cause, and now; the four costs each.
struct Converted {
    currency: Currency,
    before: [Wide; 4],
    causes: Vec<(Cause, [Wide; 4])>,
    after: [Wide; 4],
}

fn costs_json(costs: &Costs) -> Map<String, Value> {
    CostKind::ALL.into_iter().map(|kind| (kind.word().to_owned(), Value::from(costs[kind].to_string()))).collect()
}

fn wide_json(costs: &[Wide; 4]) -> Map<String, Value> {
    let named = CostKind::ALL.into_iter().zip(costs);
    named.map(|(kind, amount)| (kind.word().to_owned(), Value::from(amount.to_string()))).collect()
}

fn with(mut object: Map<String, Value>, more: &[(&str, String)]) -> Value {
    for (name, value) in more {
        object.insert((*name).to_owned(), Value::from(value.clone()));
    }
    Value::Object(object)
}

fn rates_json(rates: &Rates) -> Value {
    rates
        .iter()
        .map(|(_, from, to, rate)| (format!("{from}>{to}"), Value::from(rate.to_string())))
        .collect::<Map<_, _>>()
        .into()
}

impl Report<'_> {
    /// True when neither figures nor rates of the month differ.
    pub(crate) fn is_empty(&self) -> bool {
        self.explained.restatement.is_empty() && self.frozen == self.present
    }

    /// What an approval is about: the digest of the difference, whatever else the newest snapshot holds.
    pub(crate) fn digest(&self) -> Digest {
        let mut value = self.content();
        if let Some(object) = value.as_object_mut() {
            object.remove("snapshot");
        }
        Digest::of(value.to_string().as_bytes())
    }

    /// The difference with every line, exact, and its digest. The same text for the same two snapshots.
    pub(crate) fn json(&self) -> Value {
        let mut value = self.content();
        if let Some(object) = value.as_object_mut() {
            object.insert("difference_digest".to_owned(), self.digest().to_string().into());
        }
        value
    }

    fn content(&self) -> Value {
        let totals = |figures: &Figures| -> Vec<Value> {
            let totals = figures.totals();
            totals.iter().map(|(of, costs)| with(costs_json(costs), &[("currency", of.to_string())])).collect()
        };
        let restatement = &self.explained.restatement;
        let causes: Vec<Value> = restatement
            .per_cause()
            .iter()
            .map(|((cause, currency), costs)| {
                with(costs_json(costs), &[("cause", cause.word().to_owned()), ("currency", currency.to_string())])
            })
            .collect();
        let lines: Vec<Value> = restatement
            .lines
            .iter()
            .map(|line| {
                let place = &line.place;
                let more = [
                    ("cause", line.cause.word().to_owned()),
                    ("path", place.path.clone()),
                    ("owner", place.owner.to_string()),
                    ("pool", place.pool.clone()),
                    ("currency", place.currency.to_string()),
                ];
                with(costs_json(&line.costs), &more)
            })
            .collect();
        let owners: Vec<Value> = restatement
            .difference
            .per_owner()
            .iter()
            .filter(|(_, costs)| **costs != Costs::default())
            .map(|((owner, currency), costs)| {
                with(costs_json(costs), &[("owner", owner.to_string()), ("currency", currency.to_string())])
            })
            .collect();
        json!({
            "period": self.statement.period.to_string(),
            "version": self.statement.version,
            "statement_digest": self.statement.digest.to_string(),
            "snapshot": self.now.digest_text(),
            "statement": totals(&self.explained.before),
            "now": totals(&self.explained.after),
            "difference": totals(&restatement.difference),
            "causes": causes,
            "owners": owners,
            "lines": lines,
            "rates": { "statement": rates_json(&self.frozen), "now": rates_json(&self.present) },
            "notes": self.explained.notes,
        })
    }

    /// Prints it, also converted into a currency where one is asked for.
    pub(crate) fn print(&self, currency: Option<&Currency>, format: OutputFormat) -> Result<(), Failure> {
        let converted = currency.map(|currency| self.converted(currency)).transpose()?;
        match format {
            OutputFormat::Json => {
                let mut value = self.json();
                if let (Some(converted), Some(object)) = (&converted, value.as_object_mut()) {
                    object.insert("converted".to_owned(), converted.json());
                }
                print_json(&value)
            }
            OutputFormat::Csv => self.lines(self.explained.restatement.lines.iter().collect()).print(format),
            OutputFormat::Table | OutputFormat::Markdown => {
                self.causes().print(format)?;
                if let Some(converted) = &converted {
                    emit("\n")?;
                    converted.answer(self.statement.version).print(format)?;
                }
                self.largest(format)?;
                self.sentences(converted.is_some())
            }
        }
    }

    fn causes(&self) -> Answer {
        let statement = self.statement;
        let title = format!(
            "{}: from statement {} ({}, by {}) to snapshot {} (rounded, exact with --format json)",
            statement.period,
            statement.version,
            statement.closed_at,
            statement.actor,
            short(&self.now.digest_text())
        );
        let mut answer = Answer::new(title, &["what", "currency", "billed", "effective", "list", "contracted"]);
        let row = |what: &str, currency: &Currency, costs: &Costs| {
            let amounts = CostKind::ALL.map(|kind| Cell::Amount(costs[kind]));
            [Cell::text(what), Cell::text(currency.as_str())].into_iter().chain(amounts).collect::<Vec<_>>()
        };
        for (currency, costs) in self.explained.before.totals() {
            answer.rows.push(row(&format!("statement {}", statement.version), &currency, &costs));
        }
        for ((cause, currency), costs) in self.explained.restatement.per_cause() {
            answer.rows.push(row(cause.word(), &currency, &costs));
        }
        for (currency, costs) in self.explained.after.totals() {
            answer.totals.push(row("now", &currency, &costs));
        }
        for (currency, costs) in self.explained.restatement.difference.totals() {
            answer.totals.push(row("difference", &currency, &costs));
        }
        answer
    }

    fn largest(&self, format: OutputFormat) -> Result<(), Failure> {
        let size = |line: &CauseLine| CostKind::ALL.map(|kind| line.costs[kind].abs()).into_iter().max();
        let mut lines: Vec<&CauseLine> = self.explained.restatement.lines.iter().collect();
        let all = lines.len();
        if all == 0 {
            return Ok(());
        }
        lines.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| (a.cause, &a.place).cmp(&(b.cause, &b.place))));
        lines.truncate(LINES);
        let mut answer = self.lines(lines);
        answer.title = match all {
            all if all > LINES => format!("The {LINES} largest of {all} lines (all with --format json or csv)"),
            _ => "Where".to_owned(),
        };
        emit("\n")?;
        answer.print(format)
    }

    fn lines(&self, lines: Vec<&CauseLine>) -> Answer {
        let columns = ["cause", "path", "owner", "pool", "currency", "billed", "effective", "list", "contracted"];
        let mut answer = Answer::new("", &columns);
        for line in lines {
            let place = &line.place;
            let texts =
                [line.cause.word(), &place.path, &place.owner.to_string(), &place.pool, place.currency.as_str()];
            let amounts = CostKind::ALL.map(|kind| Cell::Amount(line.costs[kind]));
            answer.rows.push(texts.map(Cell::text).into_iter().chain(amounts).collect());
        }
        answer
    }

    /// What a person takes along, in words.
    fn sentences(&self, converted: bool) -> Result<(), Failure> {
        let mut text = String::new();
        let after = self.explained.after.totals();
        let before = self.explained.before.totals();
        let difference = self.explained.restatement.difference.totals();
        let mut currencies: Vec<&Currency> = before.keys().chain(after.keys()).collect();
        currencies.sort();
        currencies.dedup();
        for currency in currencies {
            let of = |totals: &BTreeMap<Currency, Costs>| totals.get(currency).map_or(Money::ZERO, |of| of.effective);
            text += &format!(
                "\neffective, {currency}: statement {}, now {}, difference {} = sum of the causes",
                of(&before),
                of(&after),
                of(&difference)
            );
        }
        if self.explained.restatement.is_empty() {
            text += "\nno figure differs from the statement";
        }
        for note in &self.explained.notes {
            text += &format!("\n{note}");
        }
        if self.frozen != self.present && !converted {
            text +=
                "\nrates of the month differ from those of the statement: add --currency CODE to see what that makes";
        }
        if !self.is_empty() || self.statement.reopened.is_some() {
            let period = self.statement.period;
            let digest = self.digest().to_string();
            text += &format!(
                "\nto publish: leap period restate {period} --approved-by PERSON --reason TEXT --expect {}",
                short(&digest)
            );
        }
        emit(&format!("{text}\n"))
    }

    /// Everything in one currency: the statement and the causes at the frozen rates; what other rates make of today's
    /// figures is the last cause.
    fn converted(&self, to: &Currency) -> Result<Converted, Failure> {
        let month = self.statement.period;
        let version = self.statement.version;
        let total = |frozen: bool, amounts: &BTreeMap<Currency, Costs>| -> Result<[Wide; 4], Failure> {
            let rates = if frozen { &self.frozen } else { &self.present };
            let failed = |error: ConvertError| match error {
                ConvertError::MissingRate(missing) if frozen => Failure::usage(format!(
                    "no rate from {} to {to} for {month} was in force when statement {version} was made, and the rates of \
                         a statement do not change; a restatement takes in those of today",
                    missing.from
                )),
                ConvertError::MissingRate(_) | ConvertError::TooLarge { .. } => Failure::usage(error.to_string()),
            };
            let mut costs = <[Wide; 4]>::default();
            for (kind, sum) in CostKind::ALL.into_iter().zip(&mut costs) {
                let mut conversion = Conversion::new(rates, to.clone());
                for (currency, costs) in amounts.iter().filter(|(_, costs)| !costs[kind].is_zero()) {
                    conversion.add([(month, currency, costs[kind])]).map_err(failed)?;
                }
                *sum = conversion.finish().map_err(failed)?.total;
            }
            Ok(costs)
        };
        let before = total(true, &self.explained.before.totals())?;
        let at_frozen = total(true, &self.explained.after.totals())?;
        let after = total(false, &self.explained.after.totals())?;
        let mut per_cause = BTreeMap::<Cause, BTreeMap<Currency, Costs>>::new();
        for ((cause, currency), costs) in self.explained.restatement.per_cause() {
            per_cause.entry(cause).or_default().insert(currency, costs);
        }
        let mut causes = Vec::new();
        for (cause, amounts) in &per_cause {
            causes.push((*cause, total(true, amounts)?));
        }
        let rate = minus(&after, &at_frozen);
        if rate.iter().any(|amount| !amount.is_zero()) {
            causes.push((Cause::CurrencyRate, rate));
        }
        let sum = causes.iter().fold(before.clone(), |sum, (_, amounts)| plus(&sum, amounts));
        if sum != after {
            return Err(Failure::quality(format!("the causes do not add up in {to}; this is a fault of leap")));
        }
        Ok(Converted { currency: to.clone(), before, causes, after })
    }
}

impl Converted {
    fn json(&self) -> Value {
        let cause = |(cause, costs): &(Cause, [Wide; 4])| with(wide_json(costs), &[("cause", cause.word().to_owned())]);
        json!({
            "currency": self.currency.as_str(),
            "statement": wide_json(&self.before),
            "causes": self.causes.iter().map(cause).collect::<Vec<_>>(),
            "now": wide_json(&self.after),
            "difference": wide_json(&minus(&self.after, &self.before)),
        })
    }

    fn answer(&self, version: i64) -> Answer {
        let title = format!("In {}: the statement and its causes at the frozen rates", self.currency);
        let mut answer = Answer::new(title, &["what", "currency", "billed", "effective", "list", "contracted"]);
        let row = |what: &str, costs: &[Wide; 4]| {
            let shown = |amount: &Wide| amount.rounded().map_or_else(|| amount.to_string(), amount_shown);
            let amounts = costs.iter().map(|amount| Cell::text(shown(amount)));
            [Cell::text(what), Cell::text(self.currency.as_str())].into_iter().chain(amounts).collect::<Vec<_>>()
        };
        answer.rows.push(row(&format!("statement {version}"), &self.before));
        answer.rows.extend(self.causes.iter().map(|(cause, costs)| row(cause.word(), costs)));
        answer.totals.push(row("now", &self.after));
        answer.totals.push(row("difference", &minus(&self.after, &self.before)));
        answer
    }
}

fn plus(one: &[Wide; 4], other: &[Wide; 4]) -> [Wide; 4] {
    std::array::from_fn(|at| one[at].clone() + other[at].clone())
}

fn minus(one: &[Wide; 4], other: &[Wide; 4]) -> [Wide; 4] {
    std::array::from_fn(|at| one[at].clone() - other[at].clone())
}

/// A digest as people say it.
pub(crate) fn short(digest: &str) -> &str {
    &digest[..digest.len().min(16)]
}
