//! `/metrics`: what is here, how old it is, and what it costs, for Prometheus.
//!
//! ```text
//! leap_attributed_cost_dollars{team="payments",provider="AWS"} 1834.21     effective cost of the last complete day
//! leap_unattributed_cost_dollars 12.5
//! leap_cost_to_business_volume_ratio 0.004162                             41.62 bps, of the last complete month
//! leap_reconciliation_difference_dollars{source="focus:aws:958667946125"} 0
//! ```
//! Labels are teams, providers and sources, never resources. Prometheus has floats: these are values to look at, and what is
//! billed in other currencies than USD is not among those in dollars.

use std::collections::BTreeMap;

use leap_book::{DeliveryFilter, MessageState};
use leap_terms::{CostKind, Currency, Day, Instant, Money, Period};
use leap_web::site::Problem;

use super::ground::Ground;
use super::{failed, measures};
use crate::failure::Failure;

/// What the amounts are in whose names end in `dollars`.
const DOLLARS: &str = "USD";

/// Families of one kind, in their order.
struct Families {
    out: String,
}

impl Families {
    fn family(&mut self, name: &str, kind: &str, help: &str, lines: impl IntoIterator<Item = (String, String)>) {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        self.out += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (labels, value) in lines {
            self.out += &format!("{name}{labels} {value}\n");
        }
    }

    fn gauge(&mut self, name: &str, help: &str, lines: impl IntoIterator<Item = (String, String)>) {
        self.family(name, "gauge", help, lines);
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// All families.
pub(super) fn metrics(ground: &Ground, now: Instant) -> Result<String, Problem> {
    let head = ground.view().head();
    let mut families = Families { out: String::new() };
    families.gauge(
        "leap_build_info",
        "1, with the version.",
        [(labels(&[("version", env!("CARGO_PKG_VERSION"))]), "1".to_owned())],
    );
    let mut sources = BTreeMap::<&str, (u64, Day)>::new();
    for scope in &head.scopes {
        let source = sources.entry(scope.scope.source.as_str()).or_insert((0, scope.facts.last_day));
        *source = (source.0 + scope.facts.rows, source.1.max(scope.facts.last_day));
    }
    let of_source = |value: &dyn Fn(u64, Day) -> String| -> Vec<(String, String)> {
        sources.iter().map(|(source, (rows, last))| (labels(&[("source", source)]), value(*rows, *last))).collect()
    };
    families.gauge("leap_source_charges", "Charges that stand, by source.", of_source(&|rows, _| rows.to_string()));
    families.gauge(
        "leap_source_last_charge_timestamp_seconds",
        "Day of the last charge, by source.",
        of_source(&|_, last| (i64::from(last.days()) * 86_400).to_string()),
    );
    let age = |last: Day| (now.micros() - Instant::start_of(last.plus(1)).micros()).max(0) / 1_000_000;
    families.gauge(
        "leap_data_age_seconds",
        "Since the end of the last day with charges, by source.",
        of_source(&|_, last| age(last).to_string()),
    );
    let snapshot = head.snapshot.iter().map(|one| (String::new(), (one.recorded_at.micros() / 1_000_000).to_string()));
    families.gauge("leap_snapshot_timestamp_seconds", "When the newest snapshot was made.", snapshot);
    messages(ground, &mut families, now)?;
    rows_taken_in(ground, &mut families)?;
    differences(ground, &mut families)?;
    if !head.scopes.is_empty() && ground.broken()?.is_none() {
        costs(ground, &mut families)?;
    }
    Ok(families.out)
}

/// What stands in the outbox, and whether anything leaves it.
fn messages(ground: &Ground, families: &mut Families, now: Instant) -> Result<(), Problem> {
    let asked = ground.runtime.block_on(async {
        let depth = ground.home.book.outbox_depth().await?;
        Ok::<_, leap_book::BookError>((depth, ground.home.book.stopped().await?))
    });
    let (depth, stopped) = asked.map_err(|error| failed(&Failure::from_error(&error)))?;
    let of = |state: MessageState| -> u64 { depth.iter().filter(|own| own.state == state).map(|own| own.count).sum() };
    let states = [MessageState::Waiting, MessageState::Sent, MessageState::Dead, MessageState::Cancelled];
    families.gauge(
        "leap_outbox_messages",
        "Messages of the outbox, by state.",
        states.map(|state| (labels(&[("state", state.word())]), of(state).to_string())),
    );
    let dead = depth.iter().filter(|own| own.state == MessageState::Dead);
    families.gauge(
        "leap_outbox_dead_letters",
        "Messages that were given up, by channel.",
        dead.map(|own| (labels(&[("channel", &own.channel)]), own.count.to_string())),
    );
    let waiting = depth.iter().filter(|own| own.state == MessageState::Waiting);
    let oldest = waiting.map(|own| own.oldest).min();
    let age = oldest.map_or(0, |oldest| (now.micros() - oldest.micros()).max(0) / 1_000_000);
    families.gauge(
        "leap_outbox_oldest_waiting_seconds",
        "Since the oldest message was written that waits; 0 where none does.",
        [(String::new(), age.to_string())],
    );
    families.gauge(
        "leap_acting_stopped",
        "1 while the kill switch is on: nothing is done and no message sent.",
        [(String::new(), u8::from(stopped.is_some()).to_string())],
    );
    Ok(())
}

/// Rows of all deliveries ever, those that were replaced since included.
fn rows_taken_in(ground: &Ground, families: &mut Families) -> Result<(), Problem> {
    let deliveries = ground.runtime.block_on(ground.home.book.deliveries(&DeliveryFilter::default()));
    let mut rows = BTreeMap::<(String, &str), u64>::new();
    for row in deliveries.map_err(|error| failed(&Failure::from_error(&error)))? {
        let Some(source) = row.source.map(|source| source.to_string()) else { continue };
        *rows.entry((source.clone(), "accepted")).or_default() += row.rows;
        *rows.entry((source, "quarantined")).or_default() += row.quarantined;
    }
    families.family(
        "leap_ingest_rows_total",
        "counter",
        "Rows of all deliveries, by source and outcome.",
        rows.iter()
            .map(|((source, outcome), count)| (labels(&[("source", source), ("outcome", outcome)]), count.to_string())),
    );
    Ok(())
}

/// What the proofs leave unexplained, by source.
fn differences(ground: &Ground, families: &mut Families) -> Result<(), Problem> {
    let Some(snapshot) = &ground.view().head().snapshot else { return Ok(()) };
    let proofs = ground.runtime.block_on(ground.home.book.proofs(snapshot.id));
    let mut differences = BTreeMap::<String, Money>::new();
    for proof in proofs.map_err(|error| failed(&Failure::from_error(&error)))? {
        if proof.cost == CostKind::Effective && proof.currency.as_str() == DOLLARS {
            let difference = (proof.attributed - proof.accepted).abs();
            *differences.entry(proof.scope.source.to_string()).or_default() += difference;
        }
    }
    families.gauge(
        "leap_reconciliation_difference_dollars",
        "What the bill says and owners do not have, or the other way round: 0, or something is wrong.",
        differences.iter().map(|(source, sum)| (labels(&[("source", source)]), sum.to_string())),
    );
    Ok(())
}

/// Effective cost of the last complete day, and of the last complete month against business volume.
fn costs(ground: &Ground, families: &mut Families) -> Result<(), Problem> {
    let day = ground.view().through();
    let dollars = Currency::new(DOLLARS).ok();
    let Some(own) = Period::new(day, day.plus(1)) else { return Ok(()) };
    let rows = ground.spent_in_all("team,provider", None, None, own)?;
    let mut owned = BTreeMap::<(String, String), Money>::new();
    let mut residual = Money::ZERO;
    for row in rows.0.iter().filter(|row| Some(&row.currency) == dollars.as_ref()) {
        match row.values.as_slice() {
            [Some(team), provider] if !team.starts_with("residual:") => {
                // Lines of pools are nobody's cloud.
                let provider = provider.clone().unwrap_or_else(|| "pools".to_owned());
                *owned.entry((team.clone(), provider)).or_default() += row.amount;
            }
            _ => residual += row.amount,
        }
    }
    families.gauge(
        "leap_attributed_cost_dollars",
        "Effective cost of the last complete day, by team and provider; what pools share out is under pools.",
        owned
            .iter()
            .map(|((team, provider), sum)| (labels(&[("team", team), ("provider", provider)]), sum.to_string())),
    );
    families.gauge(
        "leap_unattributed_cost_dollars",
        "Effective cost of the last complete day that no team owns.",
        [(String::new(), residual.to_string())],
    );
    let (_, total) = ground.spent("team", None, None, ground.period)?;
    let reading = measures::read(ground, None, ground.period, total)?;
    let ratio = reading.bps.ok().and_then(|bps| bps.shown());
    families.gauge(
        "leap_cost_to_business_volume_ratio",
        "Effective cost of the last complete month by business volume of the same days; times 10,000 it is basis points.",
        ratio.map(|bps| (String::new(), format!("{bps}e-4"))),
    );
    Ok(())
}
