//! What `leap ingest` says: a few lines per delivery, or one object.

use std::collections::BTreeSet;

use leap_terms::delivery::CostMapping;
use leap_terms::{Delivery, Format, SourceId};
use serde_json::{Value, json};

use super::{Replaced, Report};
use crate::cli::OutputFormat;
use crate::failure::Failure;
use crate::output::{amount_shown, emit, print_json, printable};
use crate::traces::TracesTaken;

/// Prints what became of deliveries.
pub(super) fn show(format: OutputFormat, explain: bool, reports: &[Report]) -> Result<(), Failure> {
    if format == OutputFormat::Json {
        let deliveries: Vec<Value> = reports.iter().map(|report| as_json(report, explain)).collect();
        return print_json(&json!({ "deliveries": deliveries }));
    }
    if format != OutputFormat::Table {
        let mut answer = crate::output::Answer::new(
            "",
            &["path", "source", "format", "billing_period", "status", "rows", "quarantined", "reason"],
        );
        for report in reports {
            let json = as_json(report, false);
            let cell = |name: &str| match &json[name] {
                Value::Null => crate::output::Cell::Empty,
                Value::String(text) => crate::output::Cell::text(text),
                other => crate::output::Cell::text(other.to_string()),
            };
            answer.rows.push(answer.columns.iter().map(|column| cell(column)).collect());
        }
        return answer.print(format);
    }
    for report in reports {
        let mut line = format!("{:9} {}", report.status.word(), printable(&report.path));
        if let Some(delivery) = &report.delivery {
            line += &format!(
                "\n          {} {}, {} rows",
                delivery.format,
                delivery.version.as_deref().unwrap_or_default(),
                delivery.rows
            )
            .replace(" ,", ",");
            let periods: Vec<String> = delivery.billing_periods().iter().map(ToString::to_string).collect();
            line += &format!(", {}, source {}", periods.join(" "), delivery.source);
            for (currency, costs) in delivery.totals() {
                line += &format!(
                    "\n          {currency} billed {}, effective {}",
                    amount_shown(costs.billed),
                    amount_shown(costs.effective)
                );
            }
            if delivery.quarantined > 0 {
                line += &format!("\n          {} rows could not be read: leap quarantine list", delivery.quarantined);
            }
        }
        if let Some(taken) = report.traces.as_ref().filter(|taken| !taken.unchanged) {
            line += &format!("\n          {}", traces_shown(taken));
        }
        if let Some(taken) = &report.volume {
            line += &format!("\n          {}", taken.shown());
        }
        for assumption in report.delivery.iter().flat_map(|delivery| &delivery.assumptions) {
            if assumption.what.starts_with("mandatory FOCUS column") {
                let column = assumption.column.as_deref().unwrap_or_default();
                line += &format!(
                    "\n          warning: {} ({column}); its cost or name is derived, see --explain",
                    assumption.what
                );
            }
        }
        for replaced in &report.replaced {
            line += &format!("\n          {replaced}");
        }
        for month in &report.closed {
            line += &format!(
                "\n          {month} is closed: its statement stays as it is; what this changes: leap period diff {month}"
            );
        }
        if let Some(reason) = &report.reason {
            line += &format!("\n          {reason}");
        }
        emit(&format!("{line}\n"))?;
        if explain && let Some(delivery) = &report.delivery {
            explain_text(delivery)?;
        }
    }
    Ok(())
}

/// What a file of traces held, for people.
fn traces_shown(taken: &TracesTaken) -> String {
    let count = |name: &str| taken.counts[name].as_u64().unwrap_or(0);
    if taken.counts.get("histograms").is_some() {
        let mut line = format!("{}, {} histograms of requests", taken.format, count("histograms"));
        if taken.stored.histograms_known > 0 {
            line += &format!(", {} of them known already, or without a beginning", taken.stored.histograms_known);
        }
        for (name, what) in [
            (
                "metrics_passed",
                "other metrics were passed over (latency.metrics in leap.toml names those that count requests)",
            ),
            ("histograms_refused", "histograms could not be used"),
        ] {
            if count(name) > 0 {
                line += &format!("\n          {} {what}", count(name));
            }
        }
        return line;
    }
    let days = taken.days.as_ref().map_or_else(String::new, |days| format!(", {days}"));
    let mut line = format!(
        "{}, {} requests from {} traces of {} spans{days}",
        taken.format,
        count("requests"),
        count("traces"),
        count("spans")
    );
    let stored = taken.stored;
    if stored.known + stored.replaced > 0 {
        line += &format!(
            "\n          {} requests were in already, {} are replaced by wholer ones",
            stored.known, stored.replaced
        );
    }
    let others = [
        ("traces_without_request", "traces without a root that is there: no request"),
        ("duplicate_spans", "spans that came twice, counted once"),
        ("rejected_trace_id", "spans without a usable trace id"),
        ("rejected_span_id", "spans without a usable span id"),
        ("rejected_parent_id", "spans with an unusable parent id"),
        ("rejected_times", "spans without usable times"),
    ];
    for (name, what) in others.into_iter().filter(|(name, _)| count(name) > 0) {
        line += &format!("\n          {} {what}", count(name));
    }
    line
}

fn explain_text(delivery: &Delivery) -> Result<(), Failure> {
    emit("  assumed:\n")?;
    if delivery.assumptions.is_empty() {
        emit("    nothing\n")?;
    }
    for assumption in &delivery.assumptions {
        let column = assumption.column.as_ref().map_or_else(String::new, |column| format!(" in {column}"));
        let example = assumption
            .example
            .as_ref()
            .map_or_else(String::new, |example| format!(", such as '{}'", printable(example)));
        emit(&format!("    {}{column}: {} rows{example}\n", assumption.what, assumption.rows))?;
    }
    emit("  costs, to the last digit:\n")?;
    for mapping in &delivery.mappings {
        let CostMapping { raw_column, cost, currency, raw_total, adjustments, mapped_total } = mapping;
        emit(&format!("    {raw_column} {raw_total} {currency}\n"))?;
        for adjustment in adjustments {
            emit(&format!("      {} ({} rows): {}\n", adjustment.reason, adjustment.rows, adjustment.amount))?;
        }
        emit(&format!("      = {cost} {mapped_total}\n"))?;
    }
    let mut kinds: Vec<&str> =
        delivery.scopes.iter().flat_map(|facts| facts.derived.iter().map(|kind| kind.word())).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if !kinds.is_empty() {
        emit(&format!(
            "  derived, since the format does not give it (savings from it are unknown): {}\n",
            kinds.join(", ")
        ))?;
    }
    Ok(())
}

fn as_json(report: &Report, explain: bool) -> Value {
    let totals: Vec<Value> = report
        .delivery
        .iter()
        .flat_map(Delivery::totals)
        .map(|(currency, costs)| {
            json!({
                "currency": currency.as_str(),
                "billed": costs.billed.to_string(),
                "effective": costs.effective.to_string(),
                "list": costs.list.to_string(),
                "contracted": costs.contracted.to_string(),
            })
        })
        .collect();
    let periods: Vec<String> =
        report.delivery.iter().flat_map(|delivery| delivery.billing_periods()).map(|month| month.to_string()).collect();
    let nominal = report.delivery.as_ref().and_then(|delivery| delivery.nominal).map(|month| month.to_string());
    let mut json = json!({
        "path": report.path,
        "source": report.source.as_ref().map(SourceId::as_str),
        "format": report.format.map(Format::word),
        "billing_period": nominal.or_else(|| periods.first().cloned()),
        "billing_periods": periods,
        "status": report.status.word(),
        "delivery": report.delivery.as_ref().map(|delivery| delivery.id.as_str()),
        "rows": report.delivery.as_ref().map_or(0, |delivery| delivery.rows),
        "skipped": report.delivery.as_ref().map_or(0, |delivery| delivery.skipped),
        "quarantined": report.delivery.as_ref().map_or(0, |delivery| delivery.quarantined),
        "totals": totals,
        "replaced": report.replaced.iter().map(Replaced::json).collect::<Vec<_>>(),
        "closed_periods": report.closed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "reason": report.reason,
    });
    if let Some(taken) = &report.traces {
        json["format"] = json!(taken.format);
        json["delivery"] = json!(taken.delivery.as_str());
        json["traces"] = json!({
            "counts": taken.counts,
            "days": taken.days,
            "requests_new": taken.stored.new,
            "requests_replaced": taken.stored.replaced,
            "requests_known": taken.stored.known,
        });
    }
    if let Some(taken) = &report.volume {
        json["format"] = json!("business volume");
        json["volume"] = taken.json();
    }
    if explain && let Some(delivery) = &report.delivery {
        json["version"] = json!(delivery.version);
        json["assumptions"] = json!(delivery.assumptions);
        json["mappings"] = json!(delivery.mappings);
        let derived: BTreeSet<&str> =
            delivery.scopes.iter().flat_map(|facts| facts.derived.iter().map(|kind| kind.word())).collect();
        json["derived"] = json!(derived);
    }
    json
}
