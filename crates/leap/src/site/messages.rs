//! Messages on the site: what was given up, what waits and what was sent, and each attempt.
//!
//! ```text
//! /messages                              dead letters first, then the newest; state=…, channel=…
//! /messages/9                            what it says, how it stands, each attempt with what the channel answered
//! POST /messages/9/retry expect=DIGEST   only as it is shown; by stewards and administrators
//! ```
//! Who sees a unit sees its messages. Those of no unit (tests of channels) are for who sees the whole company.

use leap_book::{Cancellation, MessageFilter, MessageState, OutboxMessage};
use leap_terms::Deed;
use leap_web::site::model::{Block, Cell, Column, Field, Filters, Input, Link, Page, PostForm, Row, Table, Tone};
use leap_web::site::{Done, Problem, Proof};

use super::act::{Acting, agreed};
use super::ground::{Ground, seconds};
use super::{failed, parameter};
use crate::clock;
use crate::failure::Failure;
use crate::messages::{problem, show};

/// Rows of a page.
const PAGE: u32 = 100;
/// Messages that are looked at to fill a page for who sees a part.
const LOOKED_AT: u32 = 2_000;
const STATES: [MessageState; 4] =
    [MessageState::Waiting, MessageState::Sent, MessageState::Dead, MessageState::Cancelled];

/// Asks the book.
fn book<T>(result: Result<T, leap_book::BookError>) -> Result<T, Problem> {
    result.map_err(|error| failed(&Failure::from_error(&error)))
}

/// True where a person may read a message: it is of a unit whose cost they see.
fn sees(ground: &Ground, message: &OutboxMessage) -> bool {
    let view = ground.view();
    view.reach().is_everything()
        || message
            .unit
            .as_ref()
            .is_some_and(|unit| view.sees_unit(unit, message.created_at.day()) || view.sees_unit(unit, view.day()))
}

/// True where a person may have it tried again, or take it back.
fn may(ground: &Ground, message: &OutboxMessage) -> bool {
    let person = ground.person;
    let org = &ground.view().head().org;
    let path: Vec<_> = message.unit.iter().flat_map(|unit| org.path(unit, clock::now().day())).collect();
    let path: Vec<_> = path.iter().map(|unit| unit.id.clone()).collect();
    person.proof != Proof::Token && (person.may(Deed::Change, &path) || person.may(Deed::Administer, &[]))
}

fn one(ground: &Ground, number: &str) -> Result<OutboxMessage, Problem> {
    let nothing = || Problem::NotFound(format!("There is no message {number}, or it is not yours to see."));
    let number: i64 = number.parse().map_err(|_| nothing())?;
    let found = ground.runtime.block_on(ground.home.book.message(number)).map_err(|_| nothing())?;
    if sees(ground, &found) { Ok(found) } else { Err(nothing()) }
}

fn badge(message: &OutboxMessage) -> Cell {
    let tone = match message.state {
        MessageState::Dead => Tone::Bad,
        MessageState::Waiting if message.attempts > 0 => Tone::Warn,
        MessageState::Waiting | MessageState::Cancelled => Tone::Info,
        MessageState::Sent => Tone::Ok,
    };
    Cell::Badge(tone, show::state(message))
}

/// Whom a message is for.
fn unit(ground: &Ground, message: &OutboxMessage) -> Cell {
    match &message.unit {
        Some(unit) if ground.view().sees_unit(unit, ground.view().day()) => Cell::Text(ground.name(unit.as_str())),
        Some(unit) => Cell::Text(unit.to_string()),
        None => Cell::Empty,
    }
}

/// Messages that pass a filter and that the reader sees, the newest first, and where the next ones are.
fn seen(ground: &Ground, filter: &MessageFilter) -> Result<(Vec<OutboxMessage>, Option<i64>), Problem> {
    let (shown, looked_at) = if ground.view().reach().is_everything() { (PAGE, PAGE + 1) } else { (PAGE, LOOKED_AT) };
    let filter = MessageFilter { limit: Some(looked_at), ..filter.clone() };
    let mut all = book(ground.runtime.block_on(ground.home.book.messages(&filter)))?;
    all.reverse();
    let oldest = all.last().map(|message| message.number).filter(|_| all.len() >= looked_at as usize);
    all.retain(|message| sees(ground, message));
    let is_cut = all.len() > shown as usize;
    all.truncate(shown as usize);
    let next = if is_cut { all.last().map(|message| message.number) } else { oldest };
    Ok((all, next))
}

fn table(ground: &Ground, id: &str, caption: &str, messages: &[OutboxMessage]) -> Table {
    let row = |message: &OutboxMessage| {
        let number = message.number.to_string();
        let count = message.attempts.to_string();
        let at = show::next(message).map_or(Cell::Empty, |at| Cell::Text(seconds(at)));
        Row::new(vec![
            Cell::Link(Link::new(number.clone(), ground.to(&["messages", &number], &[]))),
            badge(message),
            Cell::Text(message.channel.clone()),
            unit(ground, message),
            Cell::Text(show::title(message)),
            Cell::Text(seconds(message.created_at)),
            at,
            Cell::Number(count.clone(), count),
            message.last_answer.clone().map_or(Cell::Empty, Cell::Text),
        ])
    };
    let mut columns: Vec<Column> =
        ["Message", "State", "Channel", "Unit", "About", "Written", "Tried next", "Attempts", "Last answer"]
            .map(Column::text)
            .into();
    columns[7] = Column::undrawn("Attempts");
    Table {
        id: id.to_owned(),
        caption: caption.to_owned(),
        columns,
        rows: messages.iter().map(row).collect(),
        is_cards: true,
        ..Table::default()
    }
}

/// What holds everything up.
fn stopped(ground: &Ground) -> Result<Option<Block>, Problem> {
    let stop = book(ground.runtime.block_on(ground.home.book.stopped()))?;
    Ok(stop.map(|stop| {
        let words = format!(
            "Nothing is sent: {} stopped all acting at {}: {}. leap kill-switch off lets it go on.",
            stop.actor,
            seconds(stop.at),
            stop.reason
        );
        Block::Notice(Tone::Bad, words, None)
    }))
}

/// `/messages`.
pub(super) fn list(ground: &Ground) -> Result<Page, Problem> {
    let ask = ground.ask;
    let state = match ask.get("state") {
        None => None,
        Some(text) => Some(STATES.into_iter().find(|state| state.word() == text).ok_or_else(|| {
            let all = STATES.map(MessageState::word).join(", ");
            parameter(ask, "state", format!("'{text}' is none of {all}"))
        })?),
    };
    let before = match ask.get("after") {
        None => None,
        Some(text) => Some(
            text.parse::<i64>().map_err(|_| parameter(ask, "after", format!("'{text}' is no number of a message")))?,
        ),
    };
    let channel = ask.get("channel").map(str::to_owned);
    let filter = MessageFilter { state, channel: channel.clone(), before, ..MessageFilter::default() };
    let (newest, next) = seen(ground, &filter)?;
    let is_first = state.is_none() && before.is_none();
    let dead = match is_first {
        true => seen(ground, &MessageFilter { state: Some(MessageState::Dead), ..filter })?.0,
        false => Vec::new(),
    };
    let mut page = Page {
        title: "Messages".to_owned(),
        sub: "What is told to people and programs elsewhere: given up, waiting, sent".to_owned(),
        tabs: super::incidents::tabs(ground, "messages"),
        command: Some("leap message list".to_owned()),
        ..Page::default()
    };
    page.blocks.extend(stopped(ground)?);
    if newest.is_empty() && is_first && channel.is_none() {
        let words = "No message was written yet. Channels stand in leap.toml; leap channel test NAME sends one.";
        page.blocks.push(Block::Nothing(words.to_owned(), Vec::new()));
        return Ok(page);
    }
    let choice = |state: MessageState| (state.word().to_owned(), state.word().to_owned());
    let mut choices = vec![(String::new(), "all".to_owned())];
    choices.extend(STATES.map(choice));
    page.blocks.push(Block::Filters(Filters {
        label: "Which messages".to_owned(),
        fields: vec![
            Field {
                name: "state",
                label: "State",
                value: state.map_or_else(String::new, |state| state.word().to_owned()),
                choices,
                default: "",
                example: "",
            },
            Field {
                name: "channel",
                label: "Channel",
                value: channel.clone().unwrap_or_default(),
                choices: Vec::new(),
                default: "",
                example: "finops",
            },
        ],
        ..Filters::default()
    }));
    if !dead.is_empty() {
        let words = match dead.len() {
            1 => "1 message was given up: somebody has to look at it.".to_owned(),
            count => format!("{count} messages were given up: somebody has to look at them."),
        };
        page.blocks.push(Block::Notice(Tone::Bad, words, None));
        page.blocks.push(Block::Table(table(ground, "t-dead", "Dead letters, the newest first", &dead)));
    }
    let others: Vec<OutboxMessage> = match is_first {
        true => newest.into_iter().filter(|message| message.state != MessageState::Dead).collect(),
        false => newest,
    };
    let next = next.map(|last| {
        let last = last.to_string();
        let mut parameters = vec![("after", last.as_str())];
        parameters.extend(state.map(|state| ("state", state.word())));
        parameters.extend(channel.as_deref().map(|channel| ("channel", channel)));
        Link::new("Earlier ones", ground.to(&["messages"], &parameters))
    });
    let table = table(ground, "t-messages", "Messages, the newest first", &others);
    page.blocks.push(Block::Table(Table { next, ..table }));
    Ok(page)
}

/// `/messages/{number}`.
pub(super) fn page(ground: &Ground, number: &str) -> Result<Page, Problem> {
    let message = one(ground, number)?;
    let attempts = book(ground.runtime.block_on(ground.home.book.send_attempts(message.number)))?;
    let text = Cell::Text;
    let count = message.attempts.to_string();
    let mut pairs = vec![
        ("State".to_owned(), badge(&message)),
        ("Channel".to_owned(), text(message.channel.clone())),
        ("Unit".to_owned(), unit(ground, &message)),
        ("Key".to_owned(), Cell::Id(Link::new(message.dedup_key.clone(), ""))),
        ("Written".to_owned(), text(format!("{}, by plan {}", seconds(message.created_at), message.plan))),
        ("Attempts".to_owned(), Cell::Number(count.clone(), count)),
    ];
    if let Some(at) = show::next(&message) {
        let name = if message.lease.is_some() { "Being sent until" } else { "Tried next" };
        pairs.push((name.to_owned(), text(seconds(at))));
    }
    if let Some(digest) = message.told_by {
        let number = digest.to_string();
        let link = Link::new(format!("message {number}"), ground.to(&["messages", &number], &[]));
        pairs.push(("Said by".to_owned(), Cell::Link(link)));
    }
    if let Some(answer) = &message.last_answer {
        pairs.push(("Last answer".to_owned(), text(answer.clone())));
    }
    let mut page = Page {
        title: format!("Message {}", message.number),
        sub: show::title(&message),
        crumbs: vec![Link::new("Messages", ground.to(&["messages"], &[])), Link::new(message.number.to_string(), "")],
        command: Some(format!("leap message show {}", message.number)),
        ..Page::default()
    };
    page.blocks.extend(stopped(ground)?);
    page.blocks.push(Block::Pairs(pairs));
    page.blocks.push(content(&message));
    let row = |attempt: &leap_book::SendAttempt| {
        let number = attempt.attempt.to_string();
        Row::new(vec![
            Cell::Number(number.clone(), number),
            text(show::ended(attempt).to_owned()),
            text(seconds(attempt.claimed_at)),
            attempt.ended_at.map_or(Cell::Empty, |at| text(seconds(at))),
            text(attempt.holder.clone()),
            attempt.answer.clone().map_or(Cell::Empty, text),
        ])
    };
    let mut columns: Vec<Column> = ["Attempt", "Outcome", "Began", "Ended", "By", "Answer"].map(Column::text).into();
    columns[0] = Column::undrawn("Attempt");
    page.blocks.push(Block::Table(Table {
        id: "t-attempts".to_owned(),
        caption: "Attempts, in their order".to_owned(),
        columns,
        rows: attempts.iter().map(row).collect(),
        is_cards: true,
        ..Table::default()
    }));
    page.blocks.extend(forms(ground, &message));
    Ok(page)
}

/// What it says. Addresses in it are shown and not linked: they are those of the site that sent it.
fn content(message: &OutboxMessage) -> Block {
    let mut blocks = Vec::new();
    match show::said(message) {
        None => blocks.push(Block::Text(message.message.clone())),
        Some(said) => {
            let content = said.content();
            let mut lines = vec![content.title.clone()];
            lines.extend(content.sentences.iter().cloned());
            lines.extend(content.links.iter().map(|link| format!("{}: {}", link.label, link.address)));
            blocks.push(Block::Text(lines.join("\n")));
            let fields: Vec<(String, Cell)> =
                content.fields.iter().map(|field| (field.label.clone(), Cell::Text(field.value.clone()))).collect();
            if !fields.is_empty() {
                blocks.push(Block::Pairs(fields));
            }
        }
    }
    Block::Section { title: "What it says".to_owned(), say: String::new(), blocks }
}

/// What may be done with it, by who may.
fn forms(ground: &Ground, message: &OutboxMessage) -> Option<Block> {
    if !may(ground, message) {
        return None;
    }
    let expect = vec![("expect".to_owned(), show::standing(message).to_string())];
    let here = format!("/messages/{}", message.number);
    let form = match message.state {
        MessageState::Dead => PostForm {
            to: format!("{here}/retry"),
            label: "Have it tried again".to_owned(),
            hidden: expect,
            button: "Try it again".to_owned(),
            ..PostForm::default()
        },
        MessageState::Waiting => PostForm {
            to: format!("{here}/cancel"),
            label: "Take it back".to_owned(),
            inputs: vec![Input {
                name: "reason",
                label: "Why".to_owned(),
                say: "For the record.".to_owned(),
                is_required: true,
                ..Input::default()
            }],
            hidden: expect,
            button: "Do not send it".to_owned(),
            is_grave: true,
            ..PostForm::default()
        },
        MessageState::Sent | MessageState::Cancelled => return None,
    };
    let say = match message.state {
        MessageState::Dead => format!("It goes to {} as if it were new, with the same key.", message.channel),
        _ => "Should it be on its way at this moment, it arrives all the same.".to_owned(),
    };
    Some(Block::Section { title: "What may be done".to_owned(), say, blocks: vec![Block::Form(form)] })
}

/// `POST /messages/{number}/retry|cancel`.
pub(super) fn act(acting: &Acting<'_>, number: &str, what: &str) -> Result<Done, Problem> {
    let ground = acting.ground;
    let message = one(ground, number)?;
    let here = format!("/messages/{}", message.number);
    let back = || Link::new("The message", here.clone());
    if !may(ground, &message) {
        let said = format!("{} may not change what is sent for this unit: stewards do.", acting.person.shown);
        return Err(Problem::Forbidden(said, Some(back())));
    }
    if !agreed(acting.ask, show::standing(&message), back)? {
        let said = "What is changed has to be shown first: open the message, and do it there.".to_owned();
        return Err(Problem::Stale(said, Some(back())));
    }
    let (book, actor, now) = (&ground.home.book, acting.person.name.as_str(), clock::now());
    let refused = |error| super::act::refused(&problem(error), Some(back()));
    let said = if what == "retry" {
        let message = acting.run(book.retry_dead(message.number, actor, now)).map_err(refused)?;
        format!("message {} waits to be sent to {}", message.number, message.channel)
    } else {
        let reason = acting.ask.get("reason").unwrap_or_default().trim().to_owned();
        if reason.is_empty() {
            let message = "is empty; say why, for the record".to_owned();
            return Err(Problem::Parameter { name: "reason".to_owned(), message, without: None });
        }
        let cancellation = Cancellation { message: message.number, reason };
        acting.run(book.cancel_message(&cancellation, actor, now)).map_err(refused)?;
        format!("message {} is not sent", message.number)
    };
    Ok(Done::Gone { to: here, said })
}
