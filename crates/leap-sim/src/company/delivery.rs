//! Which snapshot of which month is delivered when, and what each holds.
//!
//! ```text
//! 017-aws-2026-08-day12/BILLING_PERIOD=2026-08/{Manifest.json,export-00001.csv.gz,…}
//! ```
//!
//! Old months come once or twice; the last months come as they did: day 5, 12, 20, the estimate at the month's end
//! without invoice, the final one. One closed month is opened again at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use leap_terms::focus::FocusVersion;
use leap_terms::{Costs, Month};

use super::amount::Total;
use super::catalog::Cloud;
use super::cells::{Bill, columns, service_codes};
use super::file::{Container, write};
use super::month::{AFTER_END, AT_CLOSE, Line, MonthLines, closing_line, hour};
use super::random::Random;
use super::rules::LineKind;
use super::truth::{OwnerTotals, RowTruth};
use super::world::World;

/// How far a month had come when its snapshot was taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// A snapshot on this day of the month.
    Day(u8),
    /// The whole month, estimated: no invoice yet.
    MonthEnd,
    /// Invoiced.
    Final,
    /// Invoiced before, then delivered anew with fewer rows.
    Reopened,
}

impl Stage {
    pub(crate) fn label(self) -> String {
        match self {
            Stage::Day(day) => format!("day{day:02}"),
            Stage::MonthEnd => "month-end-estimate".to_owned(),
            Stage::Final => "final".to_owned(),
            Stage::Reopened => "reopened".to_owned(),
        }
    }
}

/// One delivery to be made.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) sequence: usize,
    pub(crate) cloud: usize,
    /// Index of the month.
    pub(crate) at: i32,
    pub(crate) stage: Stage,
    /// True when no later delivery replaces it.
    pub(crate) current: bool,
}

/// All deliveries, in order of arrival.
pub(crate) fn schedule(first: Month, months: i32, restatements: bool) -> Vec<Planned> {
    let mut dated = Vec::new();
    for cloud in 0..Cloud::ALL.len() {
        for at in 0..months {
            let age = months - 1 - at;
            let stages: Vec<Stage> = match (restatements, age) {
                (false, _) => vec![Stage::Final],
                (true, 0) if cloud == 0 => {
                    vec![Stage::Day(5), Stage::Day(12), Stage::Day(20), Stage::MonthEnd, Stage::Final]
                }
                (true, 0) => vec![Stage::Day(12), Stage::Day(20), Stage::MonthEnd],
                (true, 1) => vec![Stage::Day(20), Stage::MonthEnd, Stage::Final],
                (true, 2) => vec![Stage::MonthEnd, Stage::Final],
                (true, _) if (at * 3 + cloud as i32) % 8 == 0 => vec![Stage::MonthEnd, Stage::Final],
                (true, _) => vec![Stage::Final],
            };
            let month = first.plus(at);
            for stage in stages {
                let day = match stage {
                    Stage::Day(day) => month.first_day().plus(i32::from(day)),
                    Stage::MonthEnd => month.plus(1).first_day().plus(1),
                    Stage::Final | Stage::Reopened => month.plus(1).first_day().plus(5),
                };
                dated.push((day, cloud, at, stage));
            }
            if restatements && cloud == 0 && age == 3.min(months - 1) && months > 1 {
                dated.push((first.plus(months).first_day().plus(12), cloud, at, Stage::Reopened));
            }
        }
    }
    dated.sort();
    let last = |cloud: usize, at: i32| dated.iter().rposition(|(_, of, month, _)| *of == cloud && *month == at);
    let current: Vec<usize> = (0..Cloud::ALL.len())
        .flat_map(|cloud| (0..months).map(move |at| (cloud, at)))
        .filter_map(|(cloud, at)| last(cloud, at))
        .collect();
    let mut planned: Vec<Planned> = dated
        .iter()
        .enumerate()
        .map(|(sequence, (_, cloud, at, stage))| Planned {
            sequence: sequence + 1,
            cloud: *cloud,
            at: *at,
            stage: *stage,
            current: false,
        })
        .collect();
    for at in current {
        planned[at].current = true;
    }
    planned
}

/// One delivery as it was written.
#[derive(Clone, Debug)]
pub struct DeliveryMade {
    /// Folder's name: `017-aws-2026-08-day12`.
    pub label: String,
    /// The folder.
    pub path: PathBuf,
    /// The cloud.
    pub cloud: Cloud,
    /// The payer.
    pub billing_account: String,
    /// The billing period.
    pub month: Month,
    /// What kind of snapshot.
    pub stage: Stage,
    /// True when no later delivery replaces it.
    pub current: bool,
    /// Rows in all its files.
    pub rows: u64,
    /// Sums of its rows, in USD.
    pub totals: Costs,
    /// The files, in order.
    pub files: Vec<PathBuf>,
}

/// What a delivery is written with.
pub(crate) struct Writing<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) container: Container,
    pub(crate) files: usize,
    pub(crate) version: FocusVersion,
    pub(crate) seed: u64,
}

/// A delivery with what its truth files need.
pub(crate) struct Written {
    pub(crate) made: DeliveryMade,
    pub(crate) owners: OwnerTotals,
    /// Only for current deliveries.
    pub(crate) rows: Vec<RowTruth>,
}

/// The lines that a snapshot holds, and the rounding adjustment of an invoice.
fn select<'a>(world: &World, all: &'a MonthLines, stage: Stage) -> (Vec<&'a Line>, Option<Line>) {
    let chosen: Vec<&Line> = all
        .lines
        .iter()
        .filter(|line| match stage {
            Stage::Day(day) => line.seen < day,
            Stage::MonthEnd => line.seen < AFTER_END,
            Stage::Final => true,
            Stage::Reopened => !(line.kind == LineKind::Usage && !line.correction && line.bits % 53 == 0),
        })
        .collect();
    let invoiced = matches!(stage, Stage::Final | Stage::Reopened);
    let rounding = invoiced.then(|| {
        let mut billed = Total::default();
        for line in &chosen {
            billed += line.costs[0];
        }
        let hours = [hour(all.month.first_day()), hour(all.month.plus(1).first_day())];
        closing_line(world, LineKind::Adjustment, None, billed.up_to_cent(), "Rounding adjustment", hours, 31)
    });
    debug_assert!(invoiced || chosen.iter().all(|line| line.seen < AT_CLOSE));
    (chosen, rounding)
}

/// Writes one delivery.
pub(crate) fn deliver(
    world: &World,
    all: &MonthLines,
    planned: &Planned,
    writing: &Writing<'_>,
) -> io::Result<Written> {
    let payer = &world.payers[planned.cloud];
    let label = format!("{:03}-{}-{}-{}", planned.sequence, payer.cloud.word(), all.month, planned.stage.label());
    let path = writing.folder.join(&label);
    let inside = path.join(format!("BILLING_PERIOD={}", all.month));
    fs::create_dir_all(&inside)?;
    let (mut lines, rounding) = select(world, all, planned.stage);
    lines.extend(&rounding);
    let invoice = match planned.stage {
        Stage::Day(_) | Stage::MonthEnd => None,
        Stage::Final => Some(invoice_id(payer.cloud, all.month, "")),
        Stage::Reopened => Some(invoice_id(payer.cloud, all.month, "-R1")),
    };
    let estimated = matches!(planned.stage, Stage::Day(_) | Stage::MonthEnd);
    let bill = Bill { world, lines: all, invoice, estimated, service_codes: service_codes() };
    let columns = columns(writing.version);
    let per_file = lines.len().div_ceil(writing.files.max(1)).max(1);
    let mut files = Vec::new();
    let mut owners = OwnerTotals::new(world);
    let mut rows = Vec::new();
    for (part, lines) in lines.chunks(per_file).enumerate() {
        let name = format!("export-{:05}.{}", part + 1, writing.container.extension());
        write(&inside.join(&name), writing.container, &bill, &columns, lines)?;
        files.push(inside.join(name));
        for (row, line) in lines.iter().enumerate() {
            owners.add(line, bill.costs(line));
            if planned.current {
                rows.push(RowTruth {
                    part: part as u32,
                    row: row as u64 + 1,
                    truth: line.truth,
                    outcome: line.outcome,
                    rule: line.rule,
                });
            }
        }
    }
    fs::write(inside.join("Manifest.json"), manifest(all.month, planned, writing, &files))?;
    let made = DeliveryMade {
        label,
        path,
        cloud: payer.cloud,
        billing_account: payer.billing_account.clone(),
        month: all.month,
        stage: planned.stage,
        current: planned.current,
        rows: lines.len() as u64,
        totals: owners.totals(),
        files,
    };
    Ok(Written { made, owners, rows })
}

fn invoice_id(cloud: Cloud, month: Month, suffix: &str) -> String {
    let digits = month.to_string().replace('-', "");
    match cloud {
        Cloud::Aws => format!("EUINAWS{digits}{suffix}"),
        Cloud::Azure => format!("E{digits}00417{suffix}"),
        Cloud::Gcp => format!("5{digits}7731{suffix}"),
    }
}

fn manifest(month: Month, planned: &Planned, writing: &Writing<'_>, files: &[PathBuf]) -> String {
    let (compression, content_type) = writing.container.manifest_words();
    let names: Vec<String> =
        files.iter().map(|file| format!("  \"{}\"", file.file_name().unwrap_or_default().to_string_lossy())).collect();
    let execution = Random::fork(writing.seed, &[4, planned.sequence as u64]).hex(12);
    format!(
        "{{\n \"billingPeriod\": {{\n  \"end\": \"{}T00:00:00Z\",\n  \"start\": \"{}T00:00:00Z\"\n }},\n \"compression\": \"{compression}\",\n \"contentType\": \"{content_type}\",\n \"dataFiles\": [\n{}\n ],\n \"executionId\": \"{execution}\",\n \"focusVersion\": \"{}\",\n \"sequence\": {},\n \"timeGranularity\": \"DAILY\"\n}}\n",
        month.plus(1).first_day(),
        month.first_day(),
        names.join(",\n"),
        writing.version.number(),
        planned.sequence,
    )
}
