//! Incidents on the site: what is wrong since when, whose it is, and how it ended; and the plans that said so.
//!
//! ```text
//! /incidents                       those that are not resolved, the newest first; all=yes: resolved ones, too
//! /incidents/7                     all that happened to it, when it happened and when it was recorded
//! POST /incidents/7/acknowledge    somebody sees to it
//! /plans, /plans/31                what the loop did, step by step, and why
//! /plans/approvals/8               a plan that is held until somebody approves it
//! ```

use leap_book::{ApprovalKind, ApprovalOutcome, Incident, IncidentFilter, IncidentState, IncidentStep};
use leap_terms::Deed;
use leap_web::site::model::{Block, Cell, Column, Input, Link, Page, PostForm, Row, Table, Tone};
use leap_web::site::{Done, Problem, Proof};

use super::act::{Acting, agreed, refused};
use super::approve;
use super::ground::{Ground, seconds};
use super::{failed, parameter};
use crate::cycle::held::{self, Held};
use crate::cycle::plans::{read, steps, words};
use crate::failure::{Exit, Failure};
use crate::incidents;
use crate::messages::Post;

/// Plans that are listed.
const PLANS: u32 = 200;

fn problem(error: &(dyn std::error::Error + 'static)) -> Problem {
    failed(&Failure::from_error(error))
}

/// True where a person may read an incident: it is of a unit whose cost they see.
fn sees(ground: &Ground, incident: &Incident) -> bool {
    ground.view().sees_unit(&incident.unit, ground.view().day())
        || ground.view().sees_unit(&incident.unit, incident.opened_at.day())
}

fn badge(incident: &Incident) -> Cell {
    let state = incident.state();
    let tone = match state {
        IncidentState::Open => Tone::Bad,
        IncidentState::Acknowledged => Tone::Warn,
        IncidentState::Resolved => Tone::Ok,
    };
    Cell::Badge(tone, state.word().to_owned())
}

/// Incidents, what was said of them, and what was done.
pub(super) fn tabs(ground: &Ground, current: &str) -> Vec<(Link, bool)> {
    let tab = |name: &str, at: &str| (Link::new(name, format!("/{at}")), current == at);
    let mut tabs = vec![tab("Incidents", "incidents"), tab("Messages", "messages")];
    if ground.person.rights.reach().is_everything() {
        tabs.push(tab("What was done", "plans"));
    }
    tabs
}

/// `/incidents`.
pub(super) fn list(ground: &Ground) -> Result<Page, Problem> {
    let with_resolved = match ground.ask.get("all") {
        None => ground.ask.get("about").is_some(),
        Some("yes") => true,
        Some(text) => return Err(parameter(ground.ask, "all", format!("'{text}' is not yes"))),
    };
    let filter = IncidentFilter {
        about: ground.ask.get("about").map(str::to_owned),
        unresolved: !with_resolved,
        ..IncidentFilter::default()
    };
    let all = ground.runtime.block_on(ground.home.book.incidents(&filter)).map_err(|error| problem(&error))?;
    let seen: Vec<&Incident> = all.iter().rev().filter(|incident| sees(ground, incident)).collect();
    let mut page = Page {
        title: "Incidents".to_owned(),
        sub: "A budget that is exceeded without a waiver, or a clause that is missed for longer than its grace"
            .to_owned(),
        tabs: tabs(ground, "incidents"),
        command: Some(format!("leap incident list{}", if with_resolved { " --all" } else { "" })),
        ..Page::default()
    };
    let other = if with_resolved {
        Link::new("Only those that are not resolved", "/incidents")
    } else {
        Link::new("Resolved ones, too", "/incidents?all=yes")
    };
    if seen.is_empty() {
        let words = if with_resolved { "There was no incident." } else { "No incident is open." };
        page.blocks.push(Block::Nothing(words.to_owned(), vec![other]));
        return Ok(page);
    }
    let row = |incident: &Incident| {
        Row::new(vec![
            Cell::Link(Link::new(incident.number.to_string(), format!("/incidents/{}", incident.number))),
            badge(incident),
            Cell::Text(incident.about.clone()),
            Cell::Text(ground.name(incident.unit.as_str())),
            Cell::Text(seconds(incident.opened_at)),
            incidents::resolved_at(incident).map_or(Cell::Empty, |at| Cell::Text(seconds(at))),
            Cell::Text(incidents::last_words(incident).to_owned()),
        ])
    };
    page.blocks.push(Block::Table(Table {
        id: "t-incidents".to_owned(),
        caption: "Incidents, the newest first".to_owned(),
        columns: ["Incident", "State", "About", "Unit", "Opened", "Resolved", "Said last"].map(Column::text).into(),
        rows: seen.into_iter().map(row).collect(),
        is_cards: true,
        ..Table::default()
    }));
    page.blocks.push(Block::Notice(Tone::Info, String::new(), Some(other)));
    Ok(page)
}

fn one(ground: &Ground, number: &str) -> Result<Incident, Problem> {
    let nothing = || Problem::NotFound(format!("There is no incident {number}, or it is not yours to see."));
    let number: i64 = number.parse().map_err(|_| nothing())?;
    let found = ground.runtime.block_on(ground.home.book.incident(number)).map_err(|_| nothing())?;
    if sees(ground, &found) { Ok(found) } else { Err(nothing()) }
}

/// `/incidents/{number}`.
pub(super) fn page(ground: &Ground, number: &str) -> Result<Page, Problem> {
    let incident = one(ground, number)?;
    let unit = ground.to(&["team", incident.unit.as_str()], &[]);
    let mut page = Page {
        title: format!("Incident {}", incident.number),
        sub: incident.about.clone(),
        crumbs: vec![Link::new("Incidents", "/incidents"), Link::new(incident.number.to_string(), "")],
        command: Some(format!("leap incident show {}", incident.number)),
        ..Page::default()
    };
    let mut pairs = vec![
        ("State".to_owned(), badge(&incident)),
        ("About".to_owned(), Cell::Text(incident.about.clone())),
        ("Unit".to_owned(), Cell::Link(Link::new(ground.name(incident.unit.as_str()), unit))),
        ("Opened".to_owned(), Cell::Text(seconds(incident.opened_at))),
    ];
    if let Some(at) = incidents::resolved_at(&incident) {
        pairs.push(("Resolved".to_owned(), Cell::Text(seconds(at))));
    }
    page.blocks.push(Block::Pairs(pairs));
    let row = |event: &leap_book::IncidentEvent| {
        Row::new(vec![
            Cell::Text(super::words::capital(event.step.word())),
            Cell::Text(seconds(event.happened_at)),
            Cell::Text(seconds(event.recorded_at)),
            Cell::Text(event.actor.clone()),
            Cell::Text(event.words.clone()),
            match event.plan.filter(|_| ground.person.rights.reach().is_everything()) {
                Some(plan) => Cell::Link(Link::new(plan.to_string(), format!("/plans/{plan}"))),
                None => Cell::Empty,
            },
        ])
    };
    page.blocks.push(Block::Table(Table {
        id: "t-events".to_owned(),
        caption: "What happened, in the order in which it was recorded".to_owned(),
        columns: ["What", "Happened", "Recorded", "By", "Words", "Plan"].map(Column::text).into(),
        rows: incident.events.iter().map(row).collect(),
        is_cards: true,
        ..Table::default()
    }));
    page.blocks.extend(forms(ground, &incident));
    Ok(page)
}

/// True where a person speaks for the unit of an incident.
fn speaks(ground: &Ground, incident: &Incident) -> bool {
    let path = ground.view().head().org.path(&incident.unit, ground.view().day());
    let path: Vec<_> = path.iter().map(|unit| unit.id.clone()).collect();
    ground.person.may(Deed::Answer, &path) && ground.person.proof != Proof::Token
}

/// The forms of who speaks for the unit.
fn forms(ground: &Ground, incident: &Incident) -> Option<Block> {
    if !speaks(ground, incident) {
        return None;
    }
    let form = |what: &str, button: &str, say: &str| {
        let note = Input {
            name: "note",
            label: "Note".to_owned(),
            say: say.to_owned(),
            is_required: true,
            ..Input::default()
        };
        Block::Form(PostForm {
            to: format!("/incidents/{}/{what}", incident.number),
            label: button.to_owned(),
            inputs: vec![note],
            button: button.to_owned(),
            ..PostForm::default()
        })
    };
    let mut blocks = Vec::new();
    if incident.state() == IncidentState::Open {
        blocks.push(form("acknowledge", "I see to it", "What you do about it. Those who were called are told."));
    }
    blocks.push(form("annotate", "Add it", "What you know of it."));
    let say = "It is resolved by what is measured: when it holds again.".to_owned();
    Some(Block::Section { title: "Answer".to_owned(), say, blocks })
}

/// `POST /incidents/{number}/acknowledge|annotate`.
pub(super) fn answer(acting: &Acting<'_>, number: &str, what: &str) -> Result<Done, Problem> {
    let ground = acting.ground;
    let incident = one(ground, number)?;
    let here = format!("/incidents/{}", incident.number);
    let back = || Some(Link::new("The incident", here.clone()));
    if !speaks(ground, &incident) {
        let words = format!("{} does not speak for {}", acting.person.shown, ground.name(incident.unit.as_str()));
        return Err(Problem::Refused(words, back()));
    }
    let step = if what == "acknowledge" { IncidentStep::Acknowledged } else { IncidentStep::Annotated };
    let note = acting.ask.get("note").unwrap_or_default();
    if note.trim().is_empty() {
        let message = "who reads it later wants to know what".to_owned();
        return Err(Problem::Parameter { name: "note".to_owned(), message, without: None });
    }
    let done = acting.run(incidents::told(ground.home, incident.number, step, note));
    let done = done.map_err(|failure| refused(&failure, back()))?;
    Ok(Done::Gone { to: here, said: format!("incident {} was {}", done.number, step.word()) })
}

/// `/plans`.
pub(super) fn plans(ground: &Ground) -> Result<Page, Problem> {
    let all = ground.runtime.block_on(ground.home.book.plans(PLANS)).map_err(|error| problem(&error))?;
    let mut page = Page {
        title: "What was done".to_owned(),
        sub: "Plans that were checked and performed, each in one transaction".to_owned(),
        tabs: tabs(ground, "plans"),
        command: Some("leap cycle list".to_owned()),
        ..Page::default()
    };
    let waiting = approve::all(ground, ApprovalKind::Plan)?;
    let open = waiting.iter().filter(|approval| approval.is_open());
    page.blocks.extend(open.map(|approval| {
        let words = format!("A plan of {} waits for an approval: {}.", approval.subject, approval.reason);
        let to = format!("/plans/approvals/{}", approval.number);
        Block::Notice(Tone::Warn, words, Some(Link::new("Look at it", to)))
    }));
    if all.is_empty() {
        let words = "No plan was performed yet. What would be done now: leap cycle run".to_owned();
        page.blocks.push(Block::Nothing(words, Vec::new()));
        return Ok(page);
    }
    let mut rows = Vec::new();
    for kept in &all {
        let plan = read(kept).map_err(|failure| failed(&failure))?;
        rows.push(Row::new(vec![
            Cell::Link(Link::new(kept.number.to_string(), format!("/plans/{}", kept.number))),
            Cell::Text(seconds(kept.performed_at)),
            Cell::Text(kept.performed_by.clone()),
            Cell::Text(kept.cause.clone()),
            Cell::Text(kept.snapshot.map_or_else(String::new, |snapshot| snapshot.to_string())),
            Cell::Text(steps(&plan).len().to_string()),
        ]));
    }
    page.blocks.push(Block::Table(Table {
        id: "t-plans".to_owned(),
        caption: "Plans, the newest first".to_owned(),
        columns: ["Plan", "Performed", "By", "Cause", "Snapshot", "Steps"].map(Column::text).into(),
        rows,
        is_cards: true,
        ..Table::default()
    }));
    Ok(page)
}

/// `GET /plans/approvals/{number}`.
pub(super) fn held_page(ground: &Ground, number: &str) -> Result<Page, Problem> {
    let approval = approve::one(ground, ApprovalKind::Plan, number)?;
    let held = Held::of(&approval).map_err(|failure| failed(&failure))?;
    let mut page = Page {
        title: "A plan that is held".to_owned(),
        sub: approval.reason.clone(),
        crumbs: vec![Link::new("What was done", "/plans"), Link::new(number, "")],
        command: Some("leap cycle run".to_owned()),
        ..Page::default()
    };
    page.blocks.push(Block::Pairs(vec![
        ("State".to_owned(), approve::badge(&approval)),
        ("Held because".to_owned(), Cell::Text(held.over.join("; "))),
        ("Wants".to_owned(), Cell::Id(Link::new(held.wanted.to_string(), ""))),
    ]));
    let row = |(at, step): (usize, &leap_decide::plan::Step)| {
        Row::new(vec![
            Cell::Text((at + 1).to_string()),
            Cell::Text(step.deed.word().replace('_', " ")),
            Cell::Text(ground.name(step.unit.as_str())),
            Cell::Text(step.person().unwrap_or_default().to_owned()),
            Cell::Text(words(step)),
            Cell::Text(step.reason.clone()),
        ])
    };
    page.blocks.push(Block::Table(Table {
        id: "t-steps".to_owned(),
        caption: "Steps, as they were due when it was asked for".to_owned(),
        columns: ["Step", "What", "Unit", "For", "Words", "Because"].map(Column::text).into(),
        rows: held.plan.steps.iter().enumerate().map(row).collect(),
        is_cards: true,
        ..Table::default()
    }));
    let here = format!("/plans/approvals/{}", approval.number);
    let give = Some(("Approve and perform", held.wanted.to_string()));
    page.blocks.extend(approve::forms(ground, &approval, &here, give));
    page.blocks.push(approve::told(&approval));
    Ok(page)
}

/// `POST /plans/approvals/{number}/approve`, `decline` or `withdraw`.
pub(super) fn held_answer(acting: &Acting<'_>, number: &str, what: &str) -> Result<Done, Problem> {
    // What is withdrawn while somebody approves it must not be performed.
    let lock = acting.lock()?;
    let approval = approve::one(acting.ground, ApprovalKind::Plan, number)?;
    let here = format!("/plans/approvals/{}", approval.number);
    if let Some(said) = approve::closed(acting, &approval, what, &here)? {
        return Ok(Done::Gone { to: here, said });
    }
    approve::may_give(acting, &approval, &here)?;
    let back = || Link::new("The plan", here.clone());
    let held = Held::of(&approval).map_err(|failure| failed(&failure))?;
    if !agreed(acting.ask, held.wanted, back)? {
        let message = "is missing: the digest of what was shown".to_owned();
        return Err(Problem::Parameter { name: "expect".to_owned(), message, without: Some(back()) });
    }
    let home = acting.ground.home;
    let performed = acting.run(async {
        let post = Post::of(home)?;
        held::perform(home, &post, held.wanted, &acting.person.name).await
    });
    let performed = performed.map_err(|failure| match failure.exit {
        Exit::TryAgain => Problem::Stale(failure.message, Some(back())),
        _ => refused(&failure, Some(back())),
    })?;
    approve::answered(acting, approval.number, ApprovalOutcome::Given)?;
    drop(lock);
    let said = match performed {
        Some(acted) => format!("plan {} was performed", acted.plan.number),
        None => "there was nothing to be done any more".to_owned(),
    };
    Ok(Done::Gone { to: here, said })
}

/// `/plans/{number}`.
pub(super) fn plan(ground: &Ground, number: &str) -> Result<Page, Problem> {
    let nothing = || Problem::NotFound(format!("There is no plan {number}."));
    let number: i64 = number.parse().map_err(|_| nothing())?;
    let kept = ground.runtime.block_on(ground.home.book.plan(number)).map_err(|_| nothing())?;
    let receipts = ground.runtime.block_on(ground.home.book.receipts(number)).map_err(|error| problem(&error))?;
    let plan = read(&kept).map_err(|failure| failed(&failure))?;
    let row = |(at, step): (usize, &leap_decide::plan::Step)| {
        let receipt = receipts.iter().find(|receipt| usize::try_from(receipt.step) == Ok(at + 1));
        let came = receipt.map_or("not done", |receipt| receipt.note.as_deref().unwrap_or("done"));
        Row::new(vec![
            Cell::Text((at + 1).to_string()),
            Cell::Text(step.deed.word().replace('_', " ")),
            Cell::Text(ground.name(step.unit.as_str())),
            Cell::Text(words(step)),
            Cell::Text(step.reason.clone()),
            Cell::Text(came.to_owned()),
        ])
    };
    Ok(Page {
        title: format!("Plan {number}"),
        sub: format!("performed by {} at {}: {}", kept.performed_by, seconds(kept.performed_at), kept.cause),
        crumbs: vec![Link::new("What was done", "/plans"), Link::new(number.to_string(), "")],
        command: Some(format!("leap cycle show {number}")),
        blocks: vec![
            Block::Pairs(vec![("Digest".to_owned(), Cell::Id(Link::new(kept.digest.to_string(), "")))]),
            Block::Table(Table {
                id: "t-steps".to_owned(),
                caption: "Steps, in the order in which they were done".to_owned(),
                columns: ["Step", "What", "Unit", "Words", "Because", "Came of it"].map(Column::text).into(),
                rows: steps(&plan).iter().enumerate().map(row).collect(),
                is_cards: true,
                ..Table::default()
            }),
        ],
        ..Page::default()
    })
}
