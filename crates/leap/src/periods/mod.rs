//! `leap period …`: statements of closed billing periods, and why a period differs from its own.
//!
//! ```text
//! leap period close 2026-08      leap period diff 2026-08
//! leap period show 2026-08       leap period restate 2026-08 --approved-by ana --reason "AWS restated August" --expect 4bf0…
//! ```
//! A statement never changes. It can be made again from its snapshot at any time, to the byte, and each command that builds
//! on one does so first. Reading order: `figures` (what a statement says), `causes` (why it would be another), `diff` (how
//! that is told), `draft` (statements that were worked out and are not published).

mod causes;
mod diff;
mod draft;
pub(crate) mod figures;

use std::collections::BTreeSet;
use std::path::Path;

use leap_book::{BookError, Statement};
use leap_orient::period;
use leap_terms::{CostKind, Month};
use serde_json::json;

use crate::agreement;
use crate::cli::{
    OutputFormat, PeriodCloseArgs, PeriodCommand, PeriodDiffArgs, PeriodReopenArgs, PeriodRestateArgs, PeriodShowArgs,
};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::publish::actor;
use crate::view::Layer;
use crate::world::{World, published};
use diff::{Report, short};
pub(crate) use draft::{CloseDraft, Difference, RestateDraft, reopened};

/// `leap period …`.
pub(crate) async fn run(root: &Path, command: &PeriodCommand) -> Result<(), Failure> {
    match command {
        PeriodCommand::Close(args) => close(root, args).await,
        PeriodCommand::Reopen(args) => reopen(root, args).await,
        PeriodCommand::Diff(args) => diff(root, args).await,
        PeriodCommand::Restate(args) => restate(root, args).await,
        PeriodCommand::List(args) => list(root, args.format.format).await,
        PeriodCommand::Show(args) => show(root, args).await,
    }
}

fn refused(error: BookError) -> Failure {
    match &error {
        BookError::Unapproved { .. } => Failure::not_allowed(error.to_string()),
        error if error.is_try_again() => Failure::try_again(error.to_string()),
        error => Failure::from_error(error),
    }
}

/// The newest statement of a period, binding or reopened.
async fn newest(home: &Home, period: Month) -> Result<Option<Statement>, Failure> {
    Ok(home.book.statements(Some(period)).await.map_err(refused)?.pop())
}

async fn newest_known(home: &Home, period: Month) -> Result<Statement, Failure> {
    let none =
        || Failure::failed(format!("{period} was never closed; publish its statement: leap period close {period}"));
    newest(home, period).await?.ok_or_else(none)
}

/// Makes a statement again from its snapshot: the layer, and the first line that differs where one does.
async fn made_again(home: &Home, stored: &Statement) -> Result<(Layer, Option<String>), Failure> {
    let layer = Layer::new(World::load(home, Some(stored.snapshot)).await?)?;
    let made = figures::statement(&layer, stored.period, &published(home))?.to_text();
    if made == stored.body {
        return Ok((layer, None));
    }
    let mut lines = (stored.body.lines().map(Some).chain(std::iter::repeat(None)))
        .zip(made.lines().map(Some).chain(std::iter::repeat(None)))
        .zip(1..)
        .take(stored.body.lines().count().max(made.lines().count()));
    let fault = match lines.find(|((stored, made), _)| stored != made) {
        Some(((stored, made), line)) => format!(
            "line {line} differs\n  published: {}\n  from its snapshot: {}",
            stored.unwrap_or("(no such line)"),
            made.unwrap_or("(no such line)")
        ),
        None => "only ends of lines differ".to_owned(),
    };
    Ok((layer, Some(fault)))
}

/// The layer of a statement that is what its snapshot gives.
async fn layer_of(home: &Home, stored: &Statement) -> Result<Layer, Failure> {
    match made_again(home, stored).await? {
        (layer, None) => Ok(layer),
        (_, Some(fault)) => Err(Failure::quality(format!(
            "statement {} of {} cannot be made again from its snapshot: {fault}",
            stored.version, stored.period
        ))),
    }
}

/// Makes the statement of a period from a world, proved.
async fn proved(home: &Home, layer: &Layer, period: Month) -> Result<(i64, period::Statement), Failure> {
    let charged = |current: &&leap_book::CurrentScope| current.facts.rows > 0;
    let months: BTreeSet<Month> =
        layer.world.scopes.iter().filter(charged).map(|current| current.scope.billing_period).collect();
    let Some(snapshot) = layer.world.snapshot.as_ref().filter(|_| months.contains(&period)) else {
        let known = match (months.first(), months.last()) {
            (Some(first), Some(last)) => format!("there are charges of billing periods {first} to {last}"),
            _ => "there are no charges yet".to_owned(),
        };
        return Err(Failure::failed(format!("{period} has no charges, so there is nothing to state; {known}")));
    };
    // A lost file of changes adds up to nothing: no total of the statement would tell.
    let disagreements = agreement::disagreements(home, &layer.world, Some(period), &published(home)).await?;
    if let Some(first) = disagreements.first() {
        let count = disagreements.len();
        return Err(Failure::quality(format!(
            "{first} ({count} such in all); nothing was changed; leap verify says what is damaged, leap rules apply --full makes what owners have anew"
        )));
    }
    let statement = figures::statement(layer, period, &published(home))?;
    figures::prove(home, snapshot.id, &statement).await?;
    Ok((snapshot.id, statement))
}

async fn close(root: &Path, args: &PeriodCloseArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let draft = CloseDraft::of(&home, args.period).await?;
    let stored = draft.close(&home).await?;
    say_published(&stored, &draft.statement, "closed", args.format.format)
}

/// Says what was published.
fn say_published(
    stored: &Statement,
    statement: &period::Statement,
    done: &str,
    format: OutputFormat,
) -> Result<(), Failure> {
    let owners: BTreeSet<_> = statement.figures.per_owner().into_keys().map(|(owner, _)| owner).collect();
    let mut answer = Answer::new(
        format!(
            "{} {done}: statement {}, {} charges, {} owners, proved; snapshot {}, digest {}",
            stored.period,
            stored.version,
            statement.rows,
            owners.len(),
            short(&statement.snapshot.to_string()),
            short(&stored.digest.to_string())
        ),
        &["currency", "billed", "effective", "list", "contracted"],
    );
    for (currency, costs) in statement.figures.totals() {
        let amounts = CostKind::ALL.map(|kind| Cell::Amount(costs[kind]));
        answer.rows.push(std::iter::once(Cell::text(currency.as_str())).chain(amounts).collect());
    }
    if format == OutputFormat::Json {
        return print_json(&json!({
            "period": stored.period.to_string(),
            "version": stored.version,
            "snapshot": statement.snapshot.to_string(),
            "digest": stored.digest.to_string(),
            "rows": statement.rows,
            "owners": owners.len(),
            "totals": answer.json_rows(),
        }));
    }
    answer.print(format)
}

async fn reopen(root: &Path, args: &PeriodReopenArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let period = args.period;
    let statement = reopened(&home, period, &args.reason).await?;
    let version = statement.version;
    emit(&format!(
        "{period} is open again; statement {version} stays readable: leap period show {period} --version {version}\n"
    ))
}

async fn diff(root: &Path, args: &PeriodDiffArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let draft = RestateDraft::of(&home, args.period).await?;
    if let Some(reopened) = &draft.stored.reopened {
        eprintln!("{} was reopened by {} at {}: {}", args.period, reopened.actor, reopened.at, reopened.reason);
    }
    draft.report()?.print(args.currency.as_ref(), args.format.format)
}

/// The digest of what differs between a closed period and what is known now, as people say it.
pub(crate) async fn difference(root: &Path, period: Month) -> Result<String, Failure> {
    let home = Home::open(root, Access::Read).await?;
    let draft = RestateDraft::of(&home, period).await?;
    Ok(short(&draft.report()?.digest().to_string()).to_owned())
}

fn report<'r>(
    statement: &'r Statement,
    then: &Layer,
    now: &'r Layer,
    explained: &'r causes::Explained,
) -> Result<Report<'r>, Failure> {
    let frozen = crate::rates::in_force(&then.world)?.frozen(statement.period);
    let present = crate::rates::in_force(&now.world)?.frozen(statement.period);
    Ok(Report { statement, now: &now.world, explained, frozen, present })
}

async fn restate(root: &Path, args: &PeriodRestateArgs) -> Result<(), Failure> {
    // As where a script's variable is empty.
    if args.approved_by.as_ref().is_some_and(|name| name.trim().is_empty()) {
        return Err(Failure::not_allowed(format!(
            "--approved-by is empty: a restatement of {} needs the name of the person who approved it, who is not {}",
            args.period,
            actor()
        )));
    }
    let home = Home::open(root, Access::Write).await?;
    let draft = RestateDraft::of(&home, args.period).await?;
    draft.has_difference()?;
    let by = match &args.approved_by {
        Some(name) => Some(crate::people::approver(&home, name).await?),
        None => None,
    };
    let by = draft.by(actor(), by, args.reason.clone())?;
    approved(&draft.report()?, args.expect.as_deref())?;
    let (published, statement) = draft.publish(&home, by).await?;
    say_published(&published, &statement, "restated", args.format.format)
}

/// What was approved is what would be published: figures of a closed period never change unseen.
fn approved(report: &Report<'_>, expected: Option<&str>) -> Result<(), Failure> {
    let period = report.statement.period;
    let Some(expected) = expected else {
        return Err(Failure::usage(format!(
            "which difference was approved? leap period diff {period} shows it and its digest: --expect DIGEST"
        )));
    };
    let digest = report.digest().to_string();
    // As short as it is printed for people, or longer.
    if expected.len() < short(&digest).len() || !digest.starts_with(&expected.to_ascii_lowercase()) {
        return Err(Failure::try_again(format!(
            "the difference of {period} is not the one that was approved: expected {expected}, now {}; nothing was \
             published; see what it is now: leap period diff {period}",
            short(&digest)
        )));
    }
    Ok(())
}

async fn list(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let statements = home.book.statements(None).await.map_err(refused)?;
    let columns =
        ["period", "version", "cause", "state", "closed_at", "by", "approved_by", "reason", "snapshot", "digest"];
    let mut answer = Answer::new("Statements of closed billing periods", &columns);
    for statement in &statements {
        let state = match (&statement.reopened, statement.binding) {
            (Some(reopened), _) => format!("reopened by {} at {}: {}", reopened.actor, reopened.at, reopened.reason),
            (None, true) => "binding".to_owned(),
            (None, false) => "replaced".to_owned(),
        };
        let maybe = |text: &Option<String>| text.as_ref().map_or(Cell::Empty, Cell::text);
        let digest = statement.digest.to_string();
        answer.rows.push(vec![
            Cell::text(statement.period.to_string()),
            Cell::Count(statement.version.unsigned_abs()),
            Cell::text(statement.cause.word()),
            Cell::text(state),
            Cell::text(statement.closed_at.to_string()),
            Cell::text(&statement.actor),
            maybe(&statement.approved_by),
            maybe(&statement.reason),
            Cell::Count(statement.snapshot.unsigned_abs()),
            Cell::text(if format == OutputFormat::Table { short(&digest) } else { &digest }),
        ]);
    }
    if answer.rows.is_empty() && format == OutputFormat::Table {
        return emit("no billing period is closed yet; publish a statement: leap period close 2026-08\n");
    }
    answer.print(format)
}

async fn show(root: &Path, args: &PeriodShowArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let period = args.period;
    let stored = match args.version {
        None => newest_known(&home, period).await?,
        Some(version) => home.book.statement(period, version).await.map_err(refused)?.ok_or_else(|| {
            Failure::failed(format!("{period} has no statement {version}; see which there are: leap period list"))
        })?,
    };
    emit(&stored.body)?;
    layer_of(&home, &stored).await?;
    eprintln!(
        "statement {} of {period}, digest {}: made again from its snapshot, it is the same to the byte",
        stored.version, stored.digest
    );
    Ok(())
}
