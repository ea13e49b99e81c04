//! `leap latency per-request`: one line per request, in order of start, trace and root.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::question::{By, load, open, own_service};
use super::shown;
use crate::cli::{LatencyRequestArgs, RequestFormat};
use crate::failure::Failure;
use crate::output::{Answer, Cell, emit};

pub(super) async fn run(root: &Path, args: &LatencyRequestArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let loaded = load(&home, &view, args.api.as_deref(), args.period, true).await?;
    let requests = &loaded.requests;
    let readers = view.readers();
    let by = By::Team;
    let mut labels = loaded.labels(&by, &readers[0]);
    let mut places: Vec<usize> = (0..requests.rows().len()).collect();
    places.sort_by_key(|at| (requests.rows()[*at].start_ns, requests.ids(*at)));
    let mut table = Answer::new("", &["start", "trace", "api", "latency", "most of it"]);
    for at in places {
        let row = &requests.rows()[at];
        let (trace, span) = requests.ids(at).unwrap_or_default();
        let (mut own, mut owned) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
        let mut teams = BTreeMap::<String, u64>::new();
        for part in requests.parts(row) {
            *own.entry(requests.text(own_service(part))).or_default() += part.ns;
            *owned.entry(requests.text(part.owner)).or_default() += part.ns;
            *teams.entry(labels.of(part, row.day())).or_default() += part.ns;
        }
        let api = format!("{} {}", requests.text(row.service), requests.text(row.operation));
        if args.format == RequestFormat::Table {
            let most = owned.iter().max_by_key(|(name, ns)| (**ns, std::cmp::Reverse(**name)));
            table.rows.push(vec![
                Cell::text(instant(row.start_ns)),
                Cell::text(trace),
                Cell::text(api),
                Cell::text(shown(i128::from(row.latency_ns))),
                most.map_or(Cell::Empty, |(name, ns)| Cell::text(format!("{name} {}", shown(i128::from(*ns))))),
            ]);
            continue;
        }
        let mut flags: Map<String, Value> = serde_json::from_str(&row.counters).unwrap_or_default();
        if row.error {
            flags.insert("error".into(), json!(true));
        }
        if row.incomplete {
            flags.insert("incomplete".into(), json!(true));
        }
        if !row.weight_known {
            flags.insert("weight_unknown".into(), json!(true));
        }
        let line = json!({
            "trace_id": trace,
            "root_span_id": span,
            "api": api,
            "start_ns": row.start_ns,
            "spans": row.spans,
            "latency_ns": row.latency_ns,
            "by_service_ns": own,
            "by_owner_ns": owned,
            "by_team_ns": teams,
            "flags": flags,
        });
        emit(&format!("{line}\n"))?;
    }
    if args.format == RequestFormat::Table { table.print(crate::cli::OutputFormat::Table) } else { Ok(()) }
}

/// An instant to the millisecond, UTC.
fn instant(ns: u64) -> String {
    let micros = i64::try_from(ns / 1_000_000 * 1_000).unwrap_or(i64::MAX);
    leap_terms::Instant::from_micros(micros).to_string()
}
