//! `/account`: a person's own roles, sessions and tokens.
//!
//! ```text
//! GET  /account                 what one may do; where one is logged in; what reads in one's name
//! POST /account/sessions        session=DIGEST … ends these, others=yes all but this one
//! POST /account/tokens          for, unit, days: a token, whose secret is on the answer and nowhere else
//! POST /account/tokens/revoke   token=NUMBER … ends these
//! ```
//! Somebody else's sessions and tokens are not there. A token acts for its person for months, so making one wants a login of the
//! last minutes.

use leap_book::{Session, Token};
use leap_terms::{Digest, Reach, Rights, TeamId};
use leap_web::site::model::{Block, Cell, Column, Input, InputKind, Link, Page, PostForm, Row, Table, Tone};
use leap_web::site::{Answer, Done, Problem, Proof};

use super::act::{Acting, refused};
use super::failed;
use super::ground::{Ground, seconds};
use crate::clock;
use crate::failure::Failure;
use crate::people::{self, NewToken, TOKEN_DAYS};
use crate::spend;

/// The address of the page.
const HERE: &str = "/account";
/// Days of a new token.
const DAYS: &str = "90";
/// Longest purpose of a token.
const PURPOSE: usize = 100;

/// The page.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let person = ground.person;
    let mut page = Page {
        title: person.shown.clone(),
        sub: format!("Logged in as {}", person.name),
        command: Some(format!("leap token list, leap user list | grep {}", person.name)),
        ..Page::default()
    };
    if person.proof == Proof::Machine {
        page.sub = "One person on this machine".to_owned();
        page.command = Some("leap user add NAME --role administrator".to_owned());
        page.blocks.push(Block::Nothing(
            "Nobody has to log in here: the site is for who has this machine. With the first user (leap user add) everybody \
             has to."
                .to_owned(),
            Vec::new(),
        ));
        return Ok(page);
    }
    page.blocks.push(roles(ground));
    page.blocks.push(sessions(ground)?);
    page.blocks.push(tokens(ground)?);
    Ok(page)
}

fn section(title: &str, say: &str, blocks: Vec<Block>) -> Block {
    Block::Section { title: title.to_owned(), say: say.to_owned(), blocks }
}

fn table(id: &str, caption: &str, columns: &[&str], rows: Vec<Row>) -> Table {
    Table {
        id: id.to_owned(),
        caption: caption.to_owned(),
        columns: columns.iter().copied().map(Column::text).collect(),
        rows,
        is_cards: true,
        ..Table::default()
    }
}

fn roles(ground: &Ground) -> Block {
    let Rights::Granted(grants) = &ground.person.rights else { return section("Roles", "", Vec::new()) };
    if grants.is_empty() {
        let none = "You have no role yet, and see no figures. An administrator gives roles: leap user grant.";
        return section("Roles", "", vec![Block::Notice(Tone::Warn, none.to_owned(), None)]);
    }
    let rows = grants.iter().map(|grant| {
        let unit = match &grant.unit {
            None => Cell::Text("the whole company".to_owned()),
            Some(unit) => Cell::Link(Link::new(ground.name(unit.as_str()), ground.to(&["team", unit.as_str()], &[]))),
        };
        Row::new(vec![Cell::Text(grant.role.to_string()), unit])
    });
    let roles = table("t-roles", "What you may do, and for whom", &["Role", "Unit"], rows.collect());
    section("Roles", "A role holds in its unit and below it.", vec![Block::Table(roles)])
}

fn sessions(ground: &Ground) -> Result<Block, Problem> {
    let now = clock::now();
    let all = ground.runtime.block_on(ground.home.book.sessions(&ground.person.name));
    let all = all.map_err(|error| failed(&Failure::from_error(&error)))?;
    let open: Vec<&Session> = all.iter().filter(|session| !people::is_over(session, now)).collect();
    let is_own = |session: &Session| ground.person.session == Some(session.digest);
    let rows = open.iter().map(|session| {
        let digest = session.digest.to_string();
        let began = seconds(session.opened_at);
        let tick = if is_own(session) {
            Cell::Text("this one".to_owned())
        } else {
            Cell::Tick("session", digest.clone(), format!("End the session of {began}"))
        };
        let proved = if session.authenticated_at.micros() == 0 {
            Cell::Text("not known".to_owned())
        } else {
            Cell::Text(seconds(session.authenticated_at))
        };
        Row::new(vec![tick, Cell::Text(began), Cell::Text(seconds(session.seen_at)), proved])
    });
    let list = table("t-sessions", "Where you are logged in", &["End", "Began", "Last used", "Proved"], rows.collect());
    let say = "A session ends 12 hours after it was last used, and after 7 days.";
    if open.iter().all(|session| is_own(session)) {
        return Ok(section("Sessions", say, vec![Block::Table(list)]));
    }
    let ticked = PostForm {
        to: "/account/sessions".to_owned(),
        label: "End sessions".to_owned(),
        choices: Some(list),
        button: "End the ticked sessions".to_owned(),
        ..PostForm::default()
    };
    let others = PostForm {
        to: "/account/sessions".to_owned(),
        label: "End all other sessions".to_owned(),
        hidden: vec![("others".to_owned(), "yes".to_owned())],
        button: "End all sessions but this one".to_owned(),
        ..PostForm::default()
    };
    Ok(section("Sessions", say, vec![Block::Form(ticked), Block::Form(others)]))
}

/// A person's own tokens, the newest first.
fn own_tokens(ground: &Ground) -> Result<Vec<Token>, Problem> {
    let all = ground.runtime.block_on(ground.home.book.tokens());
    let all = all.map_err(|error| failed(&Failure::from_error(&error)))?;
    Ok(all.into_iter().rev().filter(|token| token.account == ground.person.name).collect())
}

fn tokens(ground: &Ground) -> Result<Block, Problem> {
    let now = clock::now();
    let own = own_tokens(ground)?;
    let row = |token: &Token| {
        let state = people::token_state(token, now);
        let number = token.number.to_string();
        let tick = match state {
            "good" => Cell::Tick("token", number.clone(), format!("End token {number}")),
            _ => Cell::Empty,
        };
        let unit = token.unit.as_ref();
        Row::new(vec![
            tick,
            Cell::Text(number),
            Cell::Text(token.label.clone()),
            Cell::Text(unit.map_or_else(|| "all that you read".to_owned(), |unit| ground.name(unit.as_str()))),
            Cell::Text(token.expires_at.day().to_string()),
            token.used_at.map_or(Cell::None, |at| Cell::Text(at.day().to_string())),
            Cell::Badge(if state == "good" { Tone::Ok } else { Tone::Info }, state.to_owned()),
        ])
    };
    let names = ["End", "Token", "For", "Unit", "Until", "Last used", "State"];
    let list = table("t-tokens", "What reads in your name", &names, own.iter().map(row).collect());
    let make = PostForm {
        to: "/account/tokens".to_owned(),
        label: "Make a token".to_owned(),
        inputs: inputs(ground),
        button: "Make a token".to_owned(),
        ..PostForm::default()
    };
    let mut blocks = Vec::new();
    if own.iter().any(|token| people::token_state(token, now) == "good") {
        blocks.push(Block::Form(PostForm {
            to: "/account/tokens/revoke".to_owned(),
            label: "End tokens".to_owned(),
            choices: Some(list),
            button: "End the ticked tokens".to_owned(),
            ..PostForm::default()
        }));
    } else if !own.is_empty() {
        blocks.push(Block::Table(list));
    }
    blocks.push(Block::Form(make));
    Ok(section("Tokens", "A token is for a program: it reads what you read, and does nothing else.", blocks))
}

fn inputs(ground: &Ground) -> Vec<Input> {
    let unit = match ground.person.rights.reach() {
        Reach::Everything => Input {
            name: "unit",
            label: "Only this unit".to_owned(),
            example: "payments",
            say: "Its id; all that you read where it is empty.".to_owned(),
            ..Input::default()
        },
        Reach::Under(units) => {
            let all = (String::new(), "all that you read".to_owned());
            let own = units.iter().map(|unit| (unit.to_string(), ground.name(unit.as_str())));
            Input {
                name: "unit",
                label: "Only this unit".to_owned(),
                kind: InputKind::Choice(std::iter::once(all).chain(own).collect()),
                ..Input::default()
            }
        }
    };
    vec![
        Input {
            name: "for",
            label: "What it is for".to_owned(),
            example: "grafana",
            is_required: true,
            ..Input::default()
        },
        unit,
        Input {
            name: "days",
            label: "Days until it ends".to_owned(),
            value: DAYS.to_owned(),
            say: format!("1 to {TOKEN_DAYS}"),
            is_required: true,
            ..Input::default()
        },
    ]
}

fn wrong(name: &str, message: impl Into<String>) -> Problem {
    Problem::Parameter { name: name.to_owned(), message: message.into(), without: Some(Link::new("Account", HERE)) }
}

/// The values of a field that may come several times.
fn all<'a>(acting: &'a Acting<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = acting.ask.parameters.iter().filter(move |(key, value)| key == name && !value.is_empty());
    named.map(|(_, value)| value.as_str())
}

fn gone(said: String) -> Done {
    Done::Gone { to: HERE.to_owned(), said }
}

/// Ends sessions of who asks.
pub(super) fn end_sessions(acting: &Acting<'_>) -> Result<Done, Problem> {
    let (ground, person) = (acting.ground, acting.person);
    let book = &ground.home.book;
    let ended: Vec<Digest> = if acting.ask.get("others").is_some() {
        let own = ground.runtime.block_on(book.sessions(&person.name));
        let own = own.map_err(|error| failed(&Failure::from_error(&error)))?;
        own.into_iter().map(|session| session.digest).filter(|digest| Some(*digest) != person.session).collect()
    } else {
        let named = all(acting, "session").map(str::parse::<Digest>).collect::<Result<Vec<_>, _>>();
        let named = named.map_err(|_| wrong("session", "is no session; tick one"))?;
        if named.is_empty() {
            return Err(wrong("session", "is missing: tick the sessions to end, or send others=yes"));
        }
        named
    };
    let count = ground.runtime.block_on(book.end_sessions_of(&person.name, &ended, clock::now()));
    let count = count.map_err(|error| failed(&Failure::from_error(&error)))?;
    Ok(gone(format!("{count} sessions ended")))
}

/// The unit that a token is to be for.
fn unit(acting: &Acting<'_>) -> Result<Option<TeamId>, Problem> {
    let Some(name) = acting.ask.get("unit") else { return Ok(None) };
    match acting.person.rights.reach() {
        Reach::Everything => {
            let unit = spend::unit_named(acting.ground.view(), name);
            unit.map(Some).map_err(|failure| wrong("unit", failure.message))
        }
        // Whether a unit lies below a granted one depends on the day; a token is for a granted one.
        Reach::Under(units) => {
            let own = units.iter().find(|unit| unit.as_str() == name).cloned();
            let known: Vec<&str> = units.iter().map(TeamId::as_str).collect();
            own.map(Some)
                .ok_or_else(|| wrong("unit", format!("is none of the units of your roles: {}", known.join(", "))))
        }
    }
}

/// Makes a token of who asks.
pub(super) fn make_token(acting: &Acting<'_>) -> Result<Done, Problem> {
    acting.demand_fresh(HERE)?;
    let label = acting.ask.get("for").map(str::trim).unwrap_or_default();
    if label.is_empty() || label.chars().count() > PURPOSE {
        return Err(wrong("for", format!("says what the token is for, in 1 to {PURPOSE} letters")));
    }
    let days = acting.ask.get("days").unwrap_or(DAYS);
    let days = days.trim().parse().ok().filter(|days| (1..=i64::from(TOKEN_DAYS)).contains(days));
    let days = days.ok_or_else(|| wrong("days", format!("is a whole number from 1 to {TOKEN_DAYS}")))?;
    if acting.person.proof == Proof::Machine {
        return Err(Problem::Refused("Nobody has a login here, so a token would be nobody's.".to_owned(), None));
    }
    let wanted = NewToken { account: acting.person.name.clone(), label: label.to_owned(), unit: unit(acting)?, days };
    let made = acting.run(people::new_token(acting.ground.home, wanted));
    let made = made.map_err(|failure| refused(&failure, Some(Link::new("Account", HERE))))?;
    let token = &made.token;
    let said = format!("Token {} was made, until {}", token.number, token.expires_at.day());
    let page = Page {
        title: format!("Token {}", token.number),
        sub: format!("For {}, until {}", token.label, token.expires_at.day()),
        crumbs: vec![Link::new("Account", HERE), Link::new(token.number.to_string(), "")],
        blocks: vec![
            Block::Notice(
                Tone::Warn,
                "This is shown once. Put it where the program reads its secrets; who has it reads what you read."
                    .to_owned(),
                None,
            ),
            Block::Text(made.secret.clone()),
            Block::Pairs(vec![(
                "How it is sent".to_owned(),
                Cell::Text("as a header: Authorization: Bearer and the token".to_owned()),
            )]),
        ],
        ..Page::default()
    };
    let answer = Box::new(Answer { page, frame: acting.ground.frame("")? });
    Ok(Done::Once { answer, said, secret: made.secret })
}

/// Ends tokens of who asks.
pub(super) fn revoke_tokens(acting: &Acting<'_>) -> Result<Done, Problem> {
    let named = all(acting, "token").map(str::parse::<i64>).collect::<Result<Vec<_>, _>>();
    let named = named.map_err(|_| wrong("token", "is no number of a token; tick one"))?;
    if named.is_empty() {
        return Err(wrong("token", "is missing: tick the tokens to end"));
    }
    let own = own_tokens(acting.ground)?;
    if let Some(other) = named.iter().find(|number| !own.iter().any(|token| token.number == **number)) {
        return Err(wrong("token", format!("{other} is none of yours")));
    }
    let mut count = 0;
    for number in named {
        let ended = acting.run(acting.ground.home.book.revoke_token(number, &acting.person.name, clock::now()));
        count += usize::from(ended.map_err(|error| failed(&Failure::from_error(&error)))?);
    }
    Ok(gone(format!("{count} tokens ended")))
}
