//! Rows of OpenShift usage reports of pods and of volumes, as the cost management operator writes them.
//!
//! ```csv
//! pod,namespace,node,resource_id,interval_start,interval_end,pod_usage_cpu_core_seconds,pod_request_cpu_core_seconds,…
//! web-1,checkout,alpha,i-0123,2026-09-16 00:00:00 +0000 UTC,2026-09-16 01:00:00 +0000 UTC,1172.8799999999999,1800,…
//! ```
//! Numbers are decimal text, whatever program wrote them, and are read as such: `1172.8799999999999` is that number and
//! not its neighbor 1172.88. An empty cell of use, request or capacity is zero; limits are not read, since nobody pays
//! for a limit.
//!
//! Intervals are half-open; an end of `:59` seconds (the operator's other spelling) means the second after it. An
//! interval lies inside one UTC day.

use leap_terms::{Day, Exact, Fault};

use crate::table::{Place, Table};

/// Digits before the point of one cell: 10¹⁸ byte-seconds are 277 TiB for an hour.
const WHOLE_DIGITS: u32 = 18;

/// What a file of a delivery is.
pub(super) enum Kind {
    /// Pods on nodes.
    Pods,
    /// Persistent volumes.
    Volumes,
    /// Known, and of no use here; the text says what it is.
    Ignored(&'static str),
}

/// Tells the kind of a file by its name and header.
pub(super) fn kind(file: &str, table: &Table<'_>) -> Result<Kind, Fault> {
    let has = |name: &str| table.column(name).is_some();
    if has("pod_usage_cpu_core_seconds") {
        Ok(Kind::Pods)
    } else if has("persistentvolumeclaim_capacity_byte_seconds") {
        Ok(Kind::Volumes)
    } else if has("node_labels") {
        Ok(Kind::Ignored("a report of node labels"))
    } else if has("namespace_labels") {
        Ok(Kind::Ignored("a report of namespace labels"))
    } else {
        let seen: Vec<&str> = table.columns().take(5).collect();
        let fault = Fault { line: Some(1), ..Fault::in_file(file, "neither a pod nor a volume usage report") };
        Err(fault.help(format!(
            "a pod usage report has the column pod_usage_cpu_core_seconds; this file starts with {}",
            seen.join(", ")
        )))
    }
}

/// One pod on one node, or one claim on one volume, in one interval.
pub(super) struct Row<'a> {
    /// The node, or the volume.
    pub node: &'a str,
    pub resource_id: &'a str,
    pub namespace: &'a str,
    /// The pod, or the claim with its pod.
    pub pod: (&'a str, &'a str),
    pub labels: &'a str,
    /// Labels that count where `labels` name nobody.
    pub more_labels: &'a str,
    /// Seconds since 1970.
    pub start: i64,
    pub end: i64,
    /// The larger of request and use: core-seconds and byte-seconds of memory; of a volume byte-seconds and nothing.
    pub used: [Exact; 2],
    /// Of the node or volume, in the same measures.
    pub capacity: [Exact; 2],
}

/// Hands every pod's row to `sink`; returns all faults.
pub(super) fn read_pods(
    mut table: Table<'_>,
    mut sink: impl FnMut(&Place<'_>, &Row<'_>) -> Result<(), Fault>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut at = |name: &str| need(&table, name, &mut faults);
    let (pod, namespace, node) = (at("pod"), at("namespace"), at("node"));
    let (start, end) = (at("interval_start"), at("interval_end"));
    let cpu = [at("pod_usage_cpu_core_seconds"), at("pod_request_cpu_core_seconds")];
    let memory = [at("pod_usage_memory_byte_seconds"), at("pod_request_memory_byte_seconds")];
    let capacity = [at("node_capacity_cpu_core_seconds"), at("node_capacity_memory_byte_seconds")];
    let (labels, resource_id) = (table.column("pod_labels"), table.column("resource_id"));
    if !faults.is_empty() {
        return faults;
    }
    while let Some(place) = table.advance(&mut faults) {
        let optional = |at: Option<usize>| at.map_or("", |at| table.cell(at));
        let row = interval(&table, &place, start, end).and_then(|(start, end)| {
            Ok(Row {
                node: table.cell(node),
                resource_id: optional(resource_id),
                namespace: table.cell(namespace),
                pod: (table.cell(pod), ""),
                labels: optional(labels),
                more_labels: "",
                start,
                end,
                used: [larger(&table, &place, cpu)?, larger(&table, &place, memory)?],
                capacity: [number(&table, &place, capacity[0])?, number(&table, &place, capacity[1])?],
            })
        });
        if let Err(fault) = row.and_then(|row| sink(&place, &row)) {
            faults.push(fault);
        }
    }
    faults
}

/// Hands every volume's row to `sink`; returns all faults. A volume has one measure; the second stays zero.
pub(super) fn read_volumes(
    mut table: Table<'_>,
    mut sink: impl FnMut(&Place<'_>, &Row<'_>) -> Result<(), Fault>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut at = |name: &str| need(&table, name, &mut faults);
    let (claim, namespace, volume) = (at("persistentvolumeclaim"), at("namespace"), at("persistentvolume"));
    let (start, end) = (at("interval_start"), at("interval_end"));
    let bytes = [at("persistentvolumeclaim_usage_byte_seconds"), at("volume_request_storage_byte_seconds")];
    let capacity = at("persistentvolumeclaim_capacity_byte_seconds");
    let pod = table.column("pod");
    let (labels, more_labels) = (table.column("persistentvolumeclaim_labels"), table.column("persistentvolume_labels"));
    if !faults.is_empty() {
        return faults;
    }
    while let Some(place) = table.advance(&mut faults) {
        let optional = |at: Option<usize>| at.map_or("", |at| table.cell(at));
        let row = interval(&table, &place, start, end).and_then(|(start, end)| {
            Ok(Row {
                node: table.cell(volume),
                resource_id: "",
                namespace: table.cell(namespace),
                pod: (table.cell(claim), optional(pod)),
                labels: optional(labels),
                more_labels: optional(more_labels),
                start,
                end,
                used: [larger(&table, &place, bytes)?, Exact::ZERO],
                capacity: [number(&table, &place, capacity)?, Exact::ZERO],
            })
        });
        if let Err(fault) = row.and_then(|row| sink(&place, &row)) {
            faults.push(fault);
        }
    }
    faults
}

fn larger(table: &Table<'_>, place: &Place<'_>, columns: [usize; 2]) -> Result<Exact, Fault> {
    Ok(number(table, place, columns[0])?.max(number(table, place, columns[1])?))
}

/// The place of a column that the report must have; 0 and a fault where it has not.
fn need(table: &Table<'_>, name: &str, faults: &mut Vec<Fault>) -> usize {
    table.column(name).unwrap_or_else(|| {
        let near = leap_terms::fault::nearest(name, table.columns());
        let help = near.map_or("export the report again with all columns".to_owned(), |near| {
            format!("did you mean the column {near} to be {name}?")
        });
        let fault = Fault { line: Some(1), ..Fault::in_file(table.file(), format!("the report has no column {name}")) };
        faults.push(fault.help(help));
        0
    })
}

/// The number in a cell, zero for an empty one.
fn number(table: &Table<'_>, place: &Place<'_>, column: usize) -> Result<Exact, Fault> {
    let cell = table.cell(column);
    if cell.is_empty() {
        return Ok(Exact::ZERO);
    }
    let name = || table.columns().nth(column).unwrap_or_default().to_owned();
    match Exact::parse(cell.as_bytes(), WHOLE_DIGITS) {
        Ok(value) if value < Exact::ZERO => Err(place
            .cell_fault(&name(), format!("'{cell}' is negative, and nobody uses less than nothing"))
            .help("take the row out or correct it at its source; a negative weight would pay one team with another's cost")),
        Ok(value) => Ok(value),
        Err(error) => Err(place
            .cell_fault(&name(), format!("'{}' {error}", cell.escape_debug()))
            .help("write a decimal number such as 1172.88 or 1.2E3, or leave the cell empty for zero")),
    }
}

/// The interval of a row, in seconds since 1970.
fn interval(table: &Table<'_>, place: &Place<'_>, start: usize, end: usize) -> Result<(i64, i64), Fault> {
    let read = |at: usize, column: &str| {
        seconds(table.cell(at)).ok_or_else(|| {
            place
                .cell_fault(column, format!("'{}' is no time in UTC", table.cell(at).escape_debug()))
                .help("write 2026-09-16 00:00:00 +0000 UTC or 2026-09-16T00:00:00Z")
        })
    };
    let (from, mut until) = (read(start, "interval_start")?, read(end, "interval_end")?);
    if until.rem_euclid(60) == 59 {
        until += 1;
    }
    if from >= until {
        return Err(place
            .cell_fault("interval_end", "the interval ends before it starts")
            .help("an interval is [start, end) in UTC"));
    }
    if until > (from.div_euclid(DAY) + 1) * DAY {
        return Err(place
            .cell_fault("interval_end", "the interval goes past midnight UTC, and a day must own every second of it")
            .help("export hourly intervals"));
    }
    Ok((from, until))
}

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The UTC day of an instant in seconds since 1970.
pub(super) fn day_of(seconds: i64) -> Day {
    Day::from_days(i32::try_from(seconds.div_euclid(DAY)).expect("a day that was read fits 32 bits"))
}

fn seconds(text: &str) -> Option<i64> {
    let day: Day = text.get(..10)?.parse().ok()?;
    let clock = text.get(10..19)?.as_bytes();
    let two = |at: usize| {
        let pair = std::str::from_utf8(&clock[at..at + 2]).ok()?;
        pair.bytes().all(|byte| byte.is_ascii_digit()).then(|| pair.parse::<i64>().ok())?
    };
    let shape = matches!(clock[0], b' ' | b'T') && clock[3] == b':' && clock[6] == b':';
    let zone = matches!(text.get(19..)?.trim(), "+0000 UTC" | "Z" | "UTC" | "+00:00" | "+0000");
    let (hour, minute, second) = (two(1)?, two(4)?, two(7)?);
    let inside = hour < 24 && minute < 60 && second < 60 && day >= Day::EARLIEST && day < Day::NEVER;
    (shape && zone && inside).then(|| i64::from(day.days()) * DAY + hour * 3600 + minute * 60 + second)
}
