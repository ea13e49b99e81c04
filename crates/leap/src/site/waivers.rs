//! Waivers on the site: asked for with what they permit shown first, answered by somebody else who just logged in.
//!
//! ```text
//! POST /waivers/new                     → what is asked for and how the budget does; again with expect: asked for
//! /waivers/4                            what was asked for, shown exactly as it will be recorded; the budget now
//! POST /waivers/4/grant expect=DIGEST   only by who may grant so much, not by who asked, with a login of five minutes
//! ```

use leap_book::{Waiver, WaiverFilter, WaiverState, WaiverStep};
use leap_decide::waiver::Answer;
use leap_terms::{Day, Deed, Digest, Instant, Money, Period};
use leap_web::site::model::{Block, Cell, Column, Input, InputKind, Link, Page, PostForm, Row, Table, Tone};
use leap_web::site::{Done, Problem, Proof};

use super::act::{Acting, agreed, refused};
use super::failed;
use super::ground::{Ground, seconds};
use super::words::cents;
use crate::clock;
use crate::failure::Failure;
use crate::waivers::{self, Responder, WaiverDraft, Words};

fn all(ground: &Ground) -> Result<Vec<Waiver>, Problem> {
    let all = ground.runtime.block_on(ground.home.book.waivers(&WaiverFilter::default()));
    let all = all.map_err(|error| failed(&Failure::from_error(&error)))?;
    Ok(all.into_iter().rev().filter(|waiver| sees(ground, waiver)).collect())
}

/// True where a person may read a waiver: it is of a unit whose cost they see.
fn sees(ground: &Ground, waiver: &Waiver) -> bool {
    let last = waiver.asked.period.until().plus(-1);
    ground.view().sees_unit(&waiver.asked.unit, last)
        || ground.view().sees_unit(&waiver.asked.unit, ground.view().day())
}

fn one(ground: &Ground, number: &str) -> Result<Waiver, Problem> {
    let nothing = || Problem::NotFound(format!("There is no waiver {number}, or it is not yours to see."));
    let number: i64 = number.parse().map_err(|_| nothing())?;
    let found = ground.runtime.block_on(ground.home.book.waiver(number)).map_err(|_| nothing())?;
    if sees(ground, &found) { Ok(found) } else { Err(nothing()) }
}

fn badge(waiver: &Waiver) -> Result<Cell, Problem> {
    let word = waivers::standing(waiver, None).map_err(|failure| failed(&failure))?;
    let tone = match word {
        "granted" => Tone::Ok,
        "requested" | "asked" | "escalated" => Tone::Warn,
        _ => Tone::Info,
    };
    Ok(Cell::Badge(tone, word.to_owned()))
}

/// `/waivers`.
pub(super) fn list(ground: &Ground) -> Result<Page, Problem> {
    let all = all(ground)?;
    let mut page = Page {
        title: "Waivers".to_owned(),
        sub: "Permission to spend more than a budget: asked for by one, granted by another".to_owned(),
        tabs: super::budgets::tabs(ground, "waivers"),
        command: Some("leap waiver list".to_owned()),
        ..Page::default()
    };
    if all.is_empty() {
        page.blocks.push(Block::Nothing("Nobody has asked for a waiver.".to_owned(), Vec::new()));
    } else {
        let row = |waiver: &Waiver| {
            let asked = &waiver.asked;
            Ok(Row::new(vec![
                Cell::Link(Link::new(waiver.number.to_string(), format!("/waivers/{}", waiver.number))),
                Cell::Text(ground.name(asked.unit.as_str())),
                Cell::Text(asked.period.to_string()),
                Cell::Number(asked.amount.to_string(), cents(asked.amount)),
                Cell::Text(asked.currency.as_str().to_owned()),
                Cell::Text(asked.expires_on.to_string()),
                badge(waiver)?,
                Cell::Text(asked.asked_by.clone()),
                Cell::Text(asked.reason.clone()),
            ]))
        };
        let rows = all.iter().map(row).collect::<Result<Vec<Row>, Problem>>()?;
        let mut columns: Vec<Column> =
            ["Waiver", "Unit", "Period", "Amount", "Currency", "Until", "State", "By", "Why"].map(Column::text).into();
        columns[3] = Column::undrawn("Amount");
        page.blocks.push(Block::Table(Table {
            id: "t-waivers".to_owned(),
            caption: "Waivers, the newest first".to_owned(),
            columns,
            rows,
            is_cards: true,
            ..Table::default()
        }));
    }
    if ground.person.rights.may_somewhere(Deed::Answer) && ground.person.proof != Proof::Token {
        page.blocks.push(asking(&Typed::default()));
    }
    Ok(page)
}

/// What was typed into the form.
#[derive(Default)]
struct Typed {
    values: Vec<(&'static str, String)>,
    /// The field that is wrong, and why.
    fault: Option<(&'static str, String)>,
}

const FIELDS: [&str; 5] = ["unit", "period", "amount", "until", "reason"];

impl Typed {
    fn of(acting: &Acting<'_>) -> Typed {
        let value = |name: &'static str| (name, acting.ask.get(name).unwrap_or_default().to_owned());
        Typed { values: FIELDS.into_iter().map(value).collect(), fault: None }
    }

    fn value(&self, name: &str) -> String {
        self.values.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn fault(&self, name: &str) -> String {
        self.fault.iter().filter(|(own, _)| *own == name).map(|(_, why)| why.clone()).collect()
    }
}

/// The form to ask for one.
fn asking(typed: &Typed) -> Block {
    let input = |name: &'static str, label: &str, example: &'static str, say: &str, kind: InputKind| Input {
        name,
        label: label.to_owned(),
        value: typed.value(name),
        kind,
        example,
        say: say.to_owned(),
        fault: typed.fault(name),
        is_required: true,
    };
    Block::Section {
        title: "Ask for a waiver".to_owned(),
        say: "What it permits is shown first; somebody else grants it.".to_owned(),
        blocks: vec![Block::Form(PostForm {
            to: "/waivers/new".to_owned(),
            label: "Ask for a waiver".to_owned(),
            inputs: vec![
                input("unit", "Unit", "payments", "By id, name or alias.", InputKind::Line),
                input("period", "Period of its budget", "2026-10", "", InputKind::Line),
                input("amount", "Over the budget", "5000.00", "In the budget's currency.", InputKind::Line),
                input(
                    "until",
                    "Until",
                    "2026-12-01",
                    "The first day on which it does not hold any more.",
                    InputKind::Day,
                ),
                input("reason", "Why", "", "For who decides, and for the record.", InputKind::Line),
            ],
            button: "Show what it permits".to_owned(),
            ..PostForm::default()
        })],
    }
}

fn parsed<T: std::str::FromStr>(typed: &mut Typed, name: &'static str, what: &str) -> Option<T> {
    let text = typed.value(name);
    let value = text.trim().parse().ok();
    if value.is_none() && typed.fault.is_none() {
        typed.fault = Some((name, format!("'{text}' is no {what}")));
    }
    value
}

/// `POST /waivers/new`.
pub(super) fn make(acting: &Acting<'_>) -> Result<Done, Problem> {
    let (ground, person) = (acting.ground, acting.person);
    let mut typed = Typed::of(acting);
    let again = |typed: &Typed, fault: Problem| {
        let mut page = list(ground)?;
        page.blocks.pop();
        page.blocks.insert(0, asking(typed));
        acting.again(page, fault)
    };
    let wrong = |typed: &Typed| {
        let (name, message) = typed.fault.clone().unwrap_or_default();
        Problem::Parameter { name: name.to_owned(), message, without: None }
    };
    let period: Option<Period> = parsed(&mut typed, "period", "period such as 2026-10");
    let amount: Option<Money> = parsed(&mut typed, "amount", "amount such as 5000.00");
    let until: Option<Day> = parsed(&mut typed, "until", "day such as 2026-12-01");
    let (Some(period), Some(amount), Some(until)) = (period, amount, until) else {
        let fault = wrong(&typed);
        return again(&typed, fault);
    };
    let (unit, reason) = (typed.value("unit"), typed.value("reason"));
    // Who does not speak for a unit is told nothing of it.
    let named = crate::spend::unit_named(ground.view(), &unit).ok();
    let spoken = named.filter(|unit| {
        let path = ground.view().head().org.path(unit, period.until().plus(-1));
        let path: Vec<_> = path.iter().map(|unit| unit.id.clone()).collect();
        ground.view().sees_unit(unit, period.until().plus(-1)) && person.may(Deed::Answer, &path)
    });
    let Some(spoken) = spoken else {
        typed.fault = Some(("unit", format!("{} does not speak for a unit of that name", person.shown)));
        let fault = wrong(&typed);
        return again(&typed, fault);
    };
    let lock = acting.lock_if_agreed()?;
    let words = Words { unit: spoken.as_str(), period, amount, until, reason: &reason };
    let draft = match acting.run(WaiverDraft::of(ground.home, ground.view(), &words)) {
        Ok(draft) => draft,
        Err(failure) => {
            let field = if failure.message.contains("reason") {
                "reason"
            } else if failure.message.contains("budget of exactly") {
                "period"
            } else if failure.message.contains("later day") {
                "until"
            } else {
                "amount"
            };
            typed.fault = Some((field, failure.message.clone()));
            return again(&typed, refused(&failure, None));
        }
    };
    let digest = draft.digest();
    if agreed(acting.ask, digest, || Link::new("Waivers", "/waivers"))? {
        let made = acting.run(draft.ask(ground.home)).map_err(|failure| refused(&failure, None))?;
        drop(lock);
        let said = format!("waiver {} is asked for", made.number);
        return Ok(Done::Gone { to: format!("/waivers/{}", made.number), said });
    }
    let line = &draft.verdict.line;
    let mut hidden: Vec<(String, String)> =
        typed.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    hidden.push(("expect".to_owned(), digest.to_string()));
    let money = |amount: Money| Cell::Number(amount.to_string(), format!("{} {}", cents(amount), line.currency));
    let page = Page {
        title: "A waiver".to_owned(),
        sub: format!("{}, {}", ground.name(line.unit.as_str()), line.period),
        crumbs: vec![Link::new("Waivers", "/waivers"), Link::new("What it permits", "")],
        blocks: vec![
            Block::Notice(Tone::Info, "Nothing was changed yet.".to_owned(), None),
            Block::Pairs(vec![
                ("Budget".to_owned(), money(line.amount)),
                ("May be spent over it".to_owned(), money(amount)),
                ("In all".to_owned(), money(line.amount + amount)),
                ("Until".to_owned(), Cell::Text(until.to_string())),
                ("Why".to_owned(), Cell::Text(reason.clone())),
                ("The budget now".to_owned(), Cell::Text(draft.verdict.sentence())),
            ]),
            Block::Form(PostForm {
                to: "/waivers/new".to_owned(),
                label: "Ask for it".to_owned(),
                hidden,
                button: "Ask for it".to_owned(),
                back: Some(Link::new("Leave it", "/waivers")),
                ..PostForm::default()
            }),
        ],
        ..Page::default()
    };
    acting.preview(page)
}

/// `/waivers/{number}`.
pub(super) fn page(ground: &Ground, number: &str) -> Result<Page, Problem> {
    let waiver = one(ground, number)?;
    let asked = &waiver.asked;
    let problem = |failure: Failure| failed(&failure);
    let approvers =
        ground.runtime.block_on(waivers::approvers(ground.home, ground.view(), &waiver)).map_err(problem)?;
    let now = ground.runtime.block_on(waivers::verdict(ground.home, ground.view(), &asked.unit, asked.period));
    let shown: serde_json::Value = serde_json::from_str(&asked.content).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let unit = ground.to(&["team", asked.unit.as_str()], &[("period", &super::words::period_text(asked.period))]);
    let mut page = Page {
        title: format!("Waiver {}", waiver.number),
        sub: format!("{}, {}", ground.name(asked.unit.as_str()), asked.period),
        crumbs: vec![Link::new("Waivers", "/waivers"), Link::new(waiver.number.to_string(), "")],
        command: Some(format!("leap waiver show {}", waiver.number)),
        ..Page::default()
    };
    page.blocks.push(Block::Pairs(vec![
        ("State".to_owned(), badge(&waiver)?),
        ("Unit".to_owned(), Cell::Link(Link::new(ground.name(asked.unit.as_str()), unit))),
        (
            "May be spent over the budget".to_owned(),
            Cell::Number(asked.amount.to_string(), format!("{} {}", cents(asked.amount), asked.currency)),
        ),
        ("Until".to_owned(), Cell::Text(asked.expires_on.to_string())),
        ("Why".to_owned(), Cell::Text(asked.reason.clone())),
        ("Asked for by".to_owned(), Cell::Text(format!("{}, {}", asked.asked_by, seconds(asked.asked_at)))),
        ("The budget, as shown".to_owned(), Cell::Text(text(&shown["budget"]))),
        (
            "The budget now".to_owned(),
            now.as_ref().map_or_else(|failure| Cell::Text(failure.message.clone()), |now| Cell::Text(now.sentence())),
        ),
        ("Digest of what is shown".to_owned(), Cell::Id(Link::new(waiver.digest.to_string(), ""))),
    ]));
    let trail: Vec<(String, String, String)> = waiver
        .events
        .iter()
        .map(|event| {
            let head = format!("{} by {}", super::words::capital(event.step.word()), event.actor);
            (head, String::new(), format!("{} {}", seconds(event.at), event.note.clone().unwrap_or_default()))
        })
        .collect();
    if !trail.is_empty() {
        page.blocks.push(Block::Section {
            title: "What happened".to_owned(),
            say: String::new(),
            blocks: vec![Block::Trail(trail)],
        });
    }
    page.blocks.extend(forms(ground, &waiver, &approvers));
    Ok(page)
}

/// The forms to answer, for who may.
fn forms(ground: &Ground, waiver: &Waiver, approvers: &[leap_decide::waiver::Approver]) -> Option<Block> {
    let person = ground.person;
    let here = format!("/waivers/{}", waiver.number);
    let form = |what: &str, button: &str, label: &str, is_grave: bool| {
        let note = Input { name: "note", label: label.to_owned(), is_required: what == "refuse", ..Input::default() };
        Block::Form(PostForm {
            to: format!("{here}/{what}"),
            label: button.to_owned(),
            inputs: if what == "grant" { Vec::new() } else { vec![note] },
            hidden: vec![("expect".to_owned(), waiver.digest.to_string())],
            button: button.to_owned(),
            is_grave,
            ..PostForm::default()
        })
    };
    let mut blocks = Vec::new();
    let is_open = waiver.state() == WaiverState::Asked;
    let can = approvers.iter().any(|one| one.person == person.name && one.covers(waiver.asked.amount));
    if is_open && can && person.proof != Proof::Token {
        blocks.push(form("grant", "Grant it", "", true));
        blocks.push(form("refuse", "Refuse it", "Why", false));
    }
    let is_own = person.name == waiver.asked.asked_by && person.proof != Proof::Token;
    if is_own && matches!(waiver.state(), WaiverState::Asked | WaiverState::Granted) {
        blocks.push(form("withdraw", "Take it back", "For the record", false));
    }
    let who = waivers::named(approvers, waiver.asked.amount);
    let say = match (is_open, who.is_empty()) {
        (false, _) if blocks.is_empty() => return None,
        (false, _) => String::new(),
        (true, true) => {
            "Nobody may grant it yet: an account needs the role approver for the unit, or above.".to_owned()
        }
        (true, false) => format!("May be granted by {who}; what is granted is exactly what stands above."),
    };
    Some(Block::Section { title: "Answer".to_owned(), say, blocks })
}

/// `POST /waivers/{number}/grant|refuse|withdraw`.
pub(super) fn answer(acting: &Acting<'_>, number: &str, what: &str) -> Result<Done, Problem> {
    let (ground, person) = (acting.ground, acting.person);
    let waiver = one(ground, number)?;
    let here = format!("/waivers/{}", waiver.number);
    let back = || Some(Link::new("The waiver", here.clone()));
    if what == "grant" {
        acting.demand_fresh(&here)?;
    }
    let note = acting.ask.get("note").map(str::to_owned);
    let _lock = acting.lock()?;
    // Read again: somebody else may have answered meanwhile.
    let waiver = one(ground, number)?;
    let done = if what == "withdraw" {
        acting.run(waivers::withdraw(ground.home, &waiver, note))
    } else {
        let expect = acting.ask.get("expect").and_then(|text| text.parse::<Digest>().ok());
        let Some(shown) = expect else {
            let text = "What is answered has to be shown first: open the waiver, and answer there.".to_owned();
            return Err(Problem::Stale(text, back()));
        };
        let authenticated_at = match person.proof {
            Proof::LogIn(at) => at,
            Proof::Machine => clock::now(),
            Proof::Token => Instant::from_micros(0),
        };
        let who = Responder { name: person.name.clone(), authenticated_at };
        let answer = if what == "grant" { Answer::Grant } else { Answer::Refuse(note.unwrap_or_default()) };
        acting.run(waivers::answer(ground.home, ground.view(), &waiver, answer, &who, shown))
    };
    let done = done.map_err(|failure| refused(&failure, back()))?;
    let step = done.events.last().map_or("asked for", |event| event.step.word());
    debug_assert!(done.events.last().is_none_or(|event| event.step != WaiverStep::Ended));
    Ok(Done::Gone { to: here, said: format!("waiver {} was {step}", done.number) })
}
