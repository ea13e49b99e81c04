//! What happened, and whether it still stands: snapshots, deliveries, quarantine, audit trail, doctor, backup.

mod audit;

use std::collections::BTreeSet;
use std::path::Path;

use leap_book::{AuditFilter, DeliveryFilter, QuarantineFilter};
use leap_lake::PublishInfo;
use leap_terms::{FileRecord, Instant};

use crate::cli::OutputFormat;
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home, failed};
use crate::intake::Waiting;
use crate::output::{Answer, Cell, emit};
use crate::world::World;

pub(crate) use audit::{checkpoint as audit_checkpoint, key as audit_key, verify as audit_verify};

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

fn optional(text: Option<impl ToString>) -> Cell {
    text.map_or(Cell::Empty, |text| Cell::text(text.to_string()))
}

/// `leap snapshots`.
pub(crate) async fn snapshots(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let mut answer = Answer::new("Snapshots, newest first", &["id", "recorded", "cause", "actor", "digest"]);
    if format != OutputFormat::Table || root.is_dir() {
        if !root.is_dir() {
            return answer.print(format);
        }
        let home = Home::open(root, Access::Read).await?;
        let mut all = home.book.snapshots().await.map_err(problem)?;
        all.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.id));
        for snapshot in all {
            let digest = snapshot.digest.to_string();
            answer.rows.push(vec![
                Cell::text(snapshot.id.to_string()),
                Cell::text(snapshot.recorded_at.to_string()),
                Cell::text(snapshot.cause),
                Cell::text(snapshot.actor),
                Cell::text(if format == OutputFormat::Table { digest[..16].to_owned() } else { digest }),
            ]);
        }
    }
    answer.print(format)
}

/// `leap deliveries`.
pub(crate) async fn deliveries(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let columns =
        ["delivery", "state", "source", "format", "periods", "rows", "quarantined", "recorded", "path", "reason"];
    let mut answer = Answer::new("Deliveries", &columns);
    for row in home.book.deliveries(&DeliveryFilter::default()).await.map_err(problem)? {
        let periods: Vec<String> = row.billing_periods.iter().map(ToString::to_string).collect();
        answer.rows.push(vec![
            optional(row.id),
            Cell::text(row.state.word()),
            optional(row.source),
            optional(row.format),
            Cell::text(periods.join(" ")),
            Cell::Count(row.rows),
            Cell::Count(row.quarantined),
            Cell::text(row.recorded_at.to_string()),
            Cell::text(row.path),
            optional(row.reason),
        ]);
    }
    answer.print(format)
}

/// `leap quarantine list`: rows of current deliveries that wait.
pub(crate) async fn quarantine(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let current: BTreeSet<String> = world.scopes.iter().map(|scope| scope.delivery.to_string()).collect();
    let columns = ["delivery", "file", "row", "column", "value", "reason"];
    let mut answer =
        Answer::new("Quarantine: rows that could not be read (repair the file, then leap quarantine replay)", &columns);
    for row in home.book.quarantine(&QuarantineFilter::default()).await.map_err(problem)? {
        let Some(delivery) = row.delivery.filter(|delivery| current.contains(delivery.as_str())) else { continue };
        answer.rows.push(vec![
            Cell::text(delivery.to_string()),
            Cell::text(row.row.file),
            Cell::Count(row.row.row),
            optional(row.row.column),
            Cell::text(row.row.value),
            Cell::text(row.row.reason),
        ]);
    }
    answer.print(format)
}

/// `leap audit list`.
pub(crate) async fn audit(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let mut answer =
        Answer::new("Audit trail", &["sequence", "at", "actor", "action", "subject", "snapshot", "detail", "digest"]);
    for event in home.book.audit(&AuditFilter::default()).await.map_err(problem)? {
        answer.rows.push(vec![
            Cell::Count(event.sequence),
            Cell::text(event.entry.at.to_string()),
            Cell::text(event.entry.actor),
            Cell::text(event.entry.action),
            Cell::text(event.entry.subject),
            optional(event.snapshot),
            Cell::text(event.entry.detail.to_string()),
            Cell::text(event.digest.short()),
        ]);
    }
    answer.print(format)
}

/// `leap doctor`: what is wrong, and with `--collect` what a crash left behind.
pub(crate) async fn doctor(root: &Path, collect: bool, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, if collect { Access::Write } else { Access::Read }).await?;
    let world = World::load(&home, None).await?;
    let now = clock::now();
    let (_, traces) = home.book.trace_files(0, u64::MAX, None).await.map_err(problem)?;
    let mut files = world.files.clone();
    files.extend(traces.into_iter().map(|file| file.record));
    let mut answer = Answer::new("", &["check", "finding"]);
    let mut bad = 0;
    for finding in home.book.check().await.map_err(problem)? {
        bad += 1;
        answer.rows.push(vec![Cell::text("book"), Cell::text(finding.message)]);
    }
    for file in &files {
        if let Err(error) = home.lake.check(file) {
            bad += 1;
            answer.rows.push(vec![Cell::text("lake"), Cell::text(Failure::from_error(&error).message)]);
        }
    }
    let differences = home.lake.log_differences(&files).await.map_err(problem)?;
    let known = home.book.all_paths().await.map_err(problem)?;
    let keep = |path: &str| known.contains(path);
    let hours = i64::try_from(home.settings.lake.orphan_grace_hours).unwrap_or(i64::MAX / 4_000_000_000);
    let before = Instant::from_micros(now.micros() - hours.saturating_mul(3_600_000_000));
    if collect {
        if !differences.is_empty() {
            heal(&home, &files, now).await?;
            answer
                .rows
                .push(vec![Cell::text("delta log"), Cell::text(format!("{} differences healed", differences.len()))]);
        }
        let collected = home.lake.collect(&keep, before).map_err(problem)?;
        answer.rows.push(vec![
            Cell::text("orphans"),
            Cell::text(format!("{} files, {} bytes removed", collected.files, collected.bytes)),
        ]);
    } else {
        for difference in differences {
            answer.rows.push(vec![
                Cell::text("delta log"),
                Cell::text(format!("{difference} (heals at the next publish, or by leap doctor --collect)")),
            ]);
        }
        for orphan in home.lake.orphans(&keep, before).map_err(problem)? {
            let text =
                format!("{} ({} bytes) is in no snapshot; leap doctor --collect removes it", orphan.path, orphan.bytes);
            answer.rows.push(vec![Cell::text("orphans"), Cell::text(text)]);
        }
    }
    answer.rows.extend(spool(&home)?.map(|text| vec![Cell::text("spool"), Cell::text(text)]));
    let checked = format!("{} files and the book checked, {bad} damaged", files.len());
    answer.title = format!("{}: {checked}", if bad == 0 { "healthy" } else { "NOT healthy" });
    if answer.rows.is_empty() && format == OutputFormat::Table {
        emit(&format!("{}\n", answer.title))?;
    } else {
        answer.print(format)?;
    }
    if bad == 0 {
        Ok(())
    } else {
        Err(Failure::quality(format!("{checked}; restore a backup, or take the deliveries in again with --again")))
    }
}

/// What waits in the spool of traces, in words; none where nothing does.
fn spool(home: &Home) -> Result<Option<String>, Failure> {
    let folder = crate::intake::spool_folder(&home.root);
    let Waiting { segments, bytes, oldest_ns, damaged } = crate::intake::waiting(&folder)?;
    let mut parts = Vec::new();
    if let Some(oldest) = oldest_ns {
        let since = Instant::from_micros(i64::try_from(oldest / 1_000).unwrap_or(i64::MAX));
        parts.push(format!(
            "{segments} segments of traces wait, {bytes} bytes, since {since}; leap serve takes them in"
        ));
    }
    if damaged > 0 {
        parts.push(format!(
            "{damaged} damaged-* files in {} hold what could not be read back; look at the disk, then delete them",
            folder.display()
        ));
    }
    Ok((!parts.is_empty()).then(|| parts.join("; ")))
}

/// Brings the Delta logs to the files of the snapshot.
async fn heal(home: &Home, files: &[FileRecord], at: Instant) -> Result<(), Failure> {
    let info = PublishInfo { snapshot: None, operation: "heal".to_owned(), at, before: leap_lake::Before::default() };
    home.lake.heal(files, &info).await.map(|_| ()).map_err(problem)
}

/// `leap backup DIR`: settings, book and every file that any snapshot names.
pub(crate) async fn backup(root: &Path, to: &Path) -> Result<(), Failure> {
    // The writer's lock keeps the world still; readers go on.
    let home = Home::open(root, Access::Write).await?;
    if to.exists() {
        return Err(Failure::usage(format!("{} exists already; name a new folder", to.display())));
    }
    let partial = to.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(|error| failed("clear", &partial, &error))?;
    }
    std::fs::create_dir_all(&partial).map_err(|error| failed("make", &partial, &error))?;
    home.book.backup(&partial.join("book.db")).await.map_err(problem)?;
    let settings = home.root.join("leap.toml");
    if settings.exists() {
        std::fs::copy(&settings, partial.join("leap.toml")).map_err(|error| failed("copy", &settings, &error))?;
    }
    for folder in ["lake", "spool"] {
        copy_synced(&home.root.join(folder), &partial.join(folder))?;
    }
    sync_folder(&partial)?;
    std::fs::rename(&partial, to).map_err(|error| failed("rename", &partial, &error))?;
    sync_folder(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    emit(&format!("backed up to {}; it is a home: leap --home {0} verify\n", to.display()))
}

fn copy_synced(from: &Path, to: &Path) -> Result<(), Failure> {
    if !from.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(to).map_err(|error| failed("make", to, &error))?;
    for entry in std::fs::read_dir(from).map_err(|error| failed("read", from, &error))? {
        let entry = entry.map_err(|error| failed("read", from, &error))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "staging" {
            continue;
        }
        if path.is_dir() {
            copy_synced(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(|error| failed("copy", &path, &error))?;
            let file = std::fs::File::open(&target).map_err(|error| failed("open", &target, &error))?;
            file.sync_all().map_err(|error| failed("sync", &target, &error))?;
        }
    }
    sync_folder(to)
}

fn sync_folder(path: &Path) -> Result<(), Failure> {
    std::fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync", path, &error))
}
