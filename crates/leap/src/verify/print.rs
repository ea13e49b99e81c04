//! How the proof looks: one row per total, then what was compared beside totals, then where anything differs.

use leap_book::ConfigKind;
use leap_terms::CostKind;
use serde_json::{Value, json};

use super::latency::Latency;
use super::{ACCEPTED, ATTRIBUTED, Compared, Difference, FILE, Verified, difference};
use crate::cli::OutputFormat;
use crate::failure::Failure;
use crate::output::{Answer, Cell, emit, print_json};
use crate::world::World;

/// Differences of one kind that are named for people; JSON has all of them.
const SHOWN: usize = 20;

fn compared_json(compared: &Compared) -> Value {
    let difference = |Difference { of, currency, cost, leap, audited }: &Difference| {
        json!({
            "of": of, "currency": currency, "cost": cost.word(), "leap": leap.to_string(), "audited": audited.to_string(),
        })
    };
    json!({
        "compared": compared.figures,
        "not_compared": compared.why_not,
        "differences": compared.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}

fn words(compared: &Compared, what: &str) -> String {
    match (&compared.why_not, compared.differences.len()) {
        (Some(why), _) => format!("not compared: {why}"),
        (None, 0) if compared.figures == 0 => "there is nothing to compare".to_owned(),
        (None, 0) => format!("{} {what} compared, all equal", compared.figures),
        (None, count) => format!("{} {what} compared, {count} differ", compared.figures),
    }
}

fn latency_json(latency: &Latency) -> Value {
    json!({
        "files": latency.files,
        "deliveries": latency.deliveries,
        "deliveries_reread": latency.reread,
        "requests": latency.requests,
        "requests_equal": latency.equal,
        "compared": latency.figures,
        "traces_too_large": latency.too_large,
        "differences": latency.differences,
        "raw_absent": latency.absent,
    })
}

fn latency_words(latency: &Latency) -> String {
    if latency.files == 0 {
        return "there are no requests".to_owned();
    }
    let Latency { files, deliveries, reread, requests, equal, figures, too_large, differences, absent: _ } = latency;
    let differ = match differences.len() {
        0 => "no difference".to_owned(),
        count => format!("{count} DIFFER"),
    };
    let large =
        if *too_large == 0 { String::new() } else { format!("; {too_large} traces are too large to divide again") };
    format!(
        "{equal} of {requests} requests divided again, {figures} figures, {differ} ({files} files; {reread} of {deliveries} \
         read again from their raw files{large})"
    )
}

/// Prints the answer; amounts are exact as JSON.
pub(super) fn print(format: OutputFormat, world: &World, found: &Verified) -> Result<(), Failure> {
    let columns =
        ["source", "billing_period", "currency", "cost", "rows", "file", "accepted", "attributed", "difference"];
    let mut answer = Answer::new("", &columns);
    for ((source, month, currency), sides) in &found.sides {
        for (at, kind) in CostKind::ALL.into_iter().enumerate() {
            answer.rows.push(vec![
                Cell::text(source.as_str()),
                Cell::text(month.to_string()),
                Cell::text(currency.as_str()),
                Cell::text(kind.word()),
                Cell::Count(sides.rows[ACCEPTED]),
                if sides.reread { Cell::Amount(sides.costs[FILE][at]) } else { Cell::Empty },
                Cell::Amount(sides.costs[ACCEPTED][at]),
                Cell::Amount(sides.costs[ATTRIBUTED][at]),
                Cell::text(difference(sides, at).to_string()),
            ]);
        }
    }
    let owner_rows: Vec<Value> = found
        .owners
        .iter()
        .map(|(scope, owner, currency, kind, booked, audited)| {
            json!({
                "source": scope.source.as_str(), "billing_period": scope.billing_period.to_string(), "owner": owner,
                "currency": currency.as_str(), "cost": kind.word(), "attributed": booked.to_string(), "file": audited.to_string(),
            })
        })
        .collect();
    match format {
        OutputFormat::Json => print_json(&json!({
            "ok": found.ok(),
            "snapshot": world.digest_text(),
            "rules": world.config(ConfigKind::Rules).map(|version| version.digest.to_string()),
            "org": world.config(ConfigKind::Org).map(|version| version.digest.to_string()),
            "proofs": answer.json_rows(),
            "deliveries": found.deliveries,
            "deliveries_reread": found.reread,
            "owners_audited": found.owners_why_not.is_none(),
            "owners_not_compared": found.owners_why_not,
            "owners_compared": found.owners_compared,
            "owner_differences": owner_rows,
            "pools": compared_json(&found.pools),
            "readings": compared_json(&found.readings),
            "statements": {
                "checked": found.statements.checked,
                "made_again": found.statements.remade,
                "differences": found.statements.faults,
            },
            "latency": latency_json(&found.latency),
            "damaged": found.damaged,
            "disagreements": found.disagreements,
            "raw_absent": found.absent,
        })),
        OutputFormat::Csv | OutputFormat::Markdown => answer.print(format),
        OutputFormat::Table => {
            answer.title =
                "Raw files against what was accepted and attributed (rounded; exact with --format json)".to_owned();
            answer.print(format)?;
            for (scope, owner, currency, kind, booked, audited) in &found.owners {
                emit(&format!("differs: {scope} {owner} {currency} {kind}: attributed {booked}, audited {audited}\n"))?;
            }
            for text in &found.damaged {
                emit(&format!("damaged: {text}\n"))?;
            }
            for text in &found.disagreements {
                emit(&format!("does not agree: {text}\n"))?;
            }
            for text in &found.absent {
                emit(&format!("not re-read: {text}\n"))?;
            }
            for (name, compared) in [("pool", &found.pools), ("unit", &found.readings)] {
                for Difference { of, currency, cost, leap, audited } in compared.differences.iter().take(SHOWN) {
                    emit(&format!("differs: {name} {of} {currency} {cost}: leap {leap}, audited {audited}\n"))?;
                }
            }
            for text in &found.statements.faults {
                emit(&format!("statement: {text}\n"))?;
            }
            for text in found.latency.differences.iter().take(SHOWN) {
                emit(&format!("differs: {text}\n"))?;
            }
            for text in &found.latency.absent {
                emit(&format!("not re-read: {text}\n"))?;
            }
            let owners = match (&found.owners_why_not, found.owners.len()) {
                (Some(why), _) => format!("not compared: {why}"),
                (None, 0) => format!("{} compared, all equal", found.owners_compared),
                (None, count) => format!("{} compared, {count} figures differ", found.owners_compared),
            };
            let statements = &found.statements;
            emit(&format!(
                "{} files of the lake checked; {} of {} deliveries read again from their raw files\n\
                 owners: {owners}\npools: {}\nreadings: {}\n\
                 statements: {} checked by their digests, {} made again from their snapshots to the byte\n\
                 latency: {}\n\
                 snapshot {}\nproof: {} totals, difference {}{}\n",
                world.files.len(),
                found.reread,
                found.deliveries,
                words(&found.pools, "figures of the journal"),
                words(&found.readings, "figures of units, as it was and as it is,"),
                statements.checked,
                statements.remade,
                latency_words(&found.latency),
                world.digest_text(),
                found.lines(),
                found.difference(),
                if found.reread == found.deliveries { "" } else { " in what could be read again (see above)" }
            ))
        }
    }
}
