//! `leap incident …`: what is wrong since when, whose it is, and how it ended.
//!
//! ```text
//! $ leap incident list
//! incident  state         about                            unit      opened                since
//! 7         acknowledged  budget payments 2026-10 …        payments  2026-10-20T09:00:00Z  …
//! ```
//! The loop opens and resolves them (`cycle`); people acknowledge them and add what they know.

use std::path::Path;

use leap_book::{Incident, IncidentFilter, IncidentRef, IncidentState, IncidentStep, NewIncidentEvent};
use serde_json::{Value, json};

use crate::cli::{IncidentCommand, IncidentListArgs, IncidentNoteArgs, IncidentShowArgs, OutputFormat, ReadingArgs};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::publish;
use crate::spend::unit_named;
use crate::view::View;

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// What a `leap incident` command does.
pub(crate) async fn run(root: &Path, command: &IncidentCommand) -> Result<(), Failure> {
    match command {
        IncidentCommand::List(args) => list(root, args).await,
        IncidentCommand::Show(args) => show(root, args).await,
        IncidentCommand::Acknowledge(args) => say(root, args, IncidentStep::Acknowledged).await,
        IncidentCommand::Annotate(args) => say(root, args, IncidentStep::Annotated).await,
    }
}

/// When it was resolved last, in event time; none while it is not.
pub(crate) fn resolved_at(kept: &Incident) -> Option<leap_terms::Instant> {
    let last = kept.events.iter().rev().find(|event| event.step == IncidentStep::Resolved)?;
    (kept.state() == IncidentState::Resolved).then_some(last.happened_at)
}

/// What is the matter, as it was found last; notes of people stand with the incident.
pub(crate) fn last_words(kept: &Incident) -> &str {
    let found = kept.events.iter().rev().find(|event| event.plan.is_some());
    found.or(kept.events.last()).map_or("", |event| event.words.as_str())
}

/// `leap incident list`.
async fn list(root: &Path, args: &IncidentListArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let under = args.under.as_deref().map(|name| unit_named(&view, name)).transpose()?;
    let filter = IncidentFilter { unresolved: !args.all, ..IncidentFilter::default() };
    let all = home.book.incidents(&filter).await.map_err(problem)?;
    let columns = ["incident", "state", "about", "unit", "opened", "resolved", "words"];
    let title =
        if args.all { "Incidents, the newest first" } else { "Incidents that are not resolved, the newest first" };
    let mut answer = Answer::new(title, &columns);
    let today = clock::now().day();
    let org = &view.head().org;
    for kept in all.iter().rev() {
        let is_below = under.as_ref().is_none_or(|under| {
            kept.unit == *under || org.path(&kept.unit, today).iter().any(|above| above.id == *under)
        });
        if !is_below {
            continue;
        }
        answer.rows.push(vec![
            Cell::text(kept.number.to_string()),
            Cell::text(kept.state().word()),
            Cell::text(kept.about.as_str()),
            Cell::text(kept.unit.as_str()),
            Cell::text(kept.opened_at.to_string()),
            resolved_at(kept).map_or(Cell::Empty, |at| Cell::text(at.to_string())),
            Cell::text(last_words(kept)),
        ]);
    }
    answer.print(args.format.format)
}

/// An incident for programs.
pub(crate) fn as_json(kept: &Incident) -> Value {
    let event = |event: &leap_book::IncidentEvent| {
        json!({
            "what": event.step.word(),
            "happened": event.happened_at.to_string(),
            "recorded": event.recorded_at.to_string(),
            "by": event.actor,
            "words": event.words,
            "plan": event.plan,
        })
    };
    json!({
        "number": kept.number,
        "state": kept.state().word(),
        "about": kept.about,
        "unit": kept.unit.as_str(),
        "opened": kept.opened_at.to_string(),
        "resolved": resolved_at(kept).map(|at| at.to_string()),
        "events": kept.events.iter().map(event).collect::<Vec<_>>(),
    })
}

/// `leap incident show`.
async fn show(root: &Path, args: &IncidentShowArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let kept = home.book.incident(args.number).await.map_err(problem)?;
    match args.format.format {
        OutputFormat::Json => print_json(&as_json(&kept)),
        format => {
            if format == OutputFormat::Table {
                emit(&format!(
                    "incident {} is {}: {} of {}, opened {}\n",
                    kept.number,
                    kept.state().word(),
                    kept.about,
                    kept.unit,
                    kept.opened_at
                ))?;
            }
            let mut answer = Answer::new("", &["what", "happened", "recorded", "by", "words"]);
            for event in &kept.events {
                answer.rows.push(vec![
                    Cell::text(event.step.word()),
                    Cell::text(event.happened_at.to_string()),
                    Cell::text(event.recorded_at.to_string()),
                    Cell::text(event.actor.as_str()),
                    Cell::text(event.words.as_str()),
                ]);
            }
            answer.print(format)
        }
    }
}

/// Records what a person says of an incident.
pub(crate) async fn told(home: &Home, number: i64, step: IncidentStep, note: &str) -> Result<Incident, Failure> {
    let words = note.trim();
    if words.is_empty() {
        return Err(Failure::usage("who reads it later wants to know what: give a note"));
    }
    let now = clock::now();
    let event = NewIncidentEvent {
        incident: IncidentRef::Number(number),
        step,
        happened_at: now,
        actor: publish::actor(),
        words: words.to_owned(),
        facts: "{}".to_owned(),
    };
    home.book.add_incident_event(&event, now).await.map_err(problem)
}

/// `leap incident acknowledge|annotate`.
async fn say(root: &Path, args: &IncidentNoteArgs, step: IncidentStep) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let kept = told(&home, args.number, step, &args.note).await?;
    if args.format.format == OutputFormat::Json {
        return print_json(&as_json(&kept));
    }
    emit(&format!("incident {} is {}\n", kept.number, kept.state().word()))
}
