//! One billing period on the site: its statements, how it differs from them and why, and the forms to close, restate and
//! open it again.
//!
//! ```text
//! GET  /periods/2026-08                        statements; the difference since, by cause and by place
//! POST /periods/2026-08/close                  the statement that would be made; agreed to, it is
//! POST /periods/2026-08/restate                asks for the approval of the difference that the page shows
//! POST /periods/2026-08/approvals/7/approve    published by an approver who did not ask; /decline, /withdraw
//! POST /periods/2026-08/reopen                 the newest statement no longer binds
//! ```
//! Who is alone on their machine names who approved a restatement, as on the command line.

use std::collections::BTreeMap;
use std::sync::Arc;

use leap_book::{Approval, ApprovalKind, ApprovalOutcome, ClaimFilter, ClaimState, Statement};
use leap_terms::{CostKind, Costs, Currency, Day, Deed, Money, Month};
use leap_web::site::model::{Block, Cell, Column, Figure, Input, Link, Page, PostForm, Row, Table, Tone};
use leap_web::site::{Done, Problem};
use serde_json::{Value, json};

use super::act::{Acting, agreed, refused};
use super::approve;
use super::difference;
use super::failed;
use super::ground::{Ground, seconds};
use super::words::{cents, signed};
use crate::failure::{Exit, Failure};
use crate::periods::{CloseDraft, Difference, RestateDraft, reopened};
use crate::publish;

/// Places of a difference that are shown; what is left is one row more.
const SHOWN: usize = 100;

fn month(text: &str) -> Result<Month, Problem> {
    text.parse().map_err(|_| Problem::NotFound(format!("'{text}' is no billing period such as 2026-08.")))
}

fn address(period: Month) -> String {
    format!("/periods/{period}")
}

fn back(period: Month) -> Link {
    Link::new(period.to_string(), address(period))
}

fn statements(ground: &Ground, period: Month) -> Result<Vec<Statement>, Problem> {
    let all = ground.runtime.block_on(ground.home.book.statements(Some(period)));
    all.map_err(|error| failed(&Failure::from_error(&error)))
}

/// The difference since the newest statement, kept per snapshot and statement.
fn differs(ground: &Ground, newest: &Statement) -> Result<Arc<Difference>, Problem> {
    let key = format!("difference|{}|{}", ground.view().head().digest_text(), newest.digest);
    ground.home.kept.get(&key, || {
        let made = ground.runtime.block_on(RestateDraft::of(ground.home, newest.period));
        let made = made.and_then(RestateDraft::difference).map_err(|failure| failed(&failure))?;
        let bytes = made.explained.restatement.lines.len() * 300;
        Ok((made, bytes))
    })
}

/// `GET /periods/{period}`.
pub(super) fn page(ground: &Ground, text: &str) -> Result<Page, Problem> {
    let period = month(text)?;
    let all = statements(ground, period)?;
    let has_charges = ground.view().head().scopes.iter().any(|scope| scope.scope.billing_period == period);
    if all.is_empty() && !has_charges {
        return Err(Problem::NotFound(format!("There are no charges of the billing period {period}.")));
    }
    let newest = all.last();
    let state = match newest {
        None => "open: its figures are those of the newest snapshot".to_owned(),
        Some(one) if one.binding => format!("closed, statement {}", one.version),
        Some(one) => format!("opened again after statement {}", one.version),
    };
    let mut page = Page {
        title: period.to_string(),
        sub: state,
        crumbs: vec![Link::new("Periods", ground.to(&["periods"], &[])), Link::new(text, "")],
        command: Some(format!("leap period diff {period}")),
        ..Page::default()
    };
    let may_change = ground.person.may(Deed::Change, &[]);
    match newest {
        None => {
            page.command = Some(format!("leap period close {period}"));
            page.blocks.push(Block::Nothing("It was never closed.".to_owned(), Vec::new()));
            if may_change {
                page.blocks.push(button(&format!("{}/close", address(period)), "Close it: show its statement"));
            }
        }
        Some(newest) => {
            page.blocks.push(made(&all));
            let difference = differs(ground, newest)?;
            page.blocks.push(told(newest, &difference));
            page.blocks.extend(asked(ground, period, &difference)?);
            if may_change {
                page.blocks.extend(change(ground, newest, &difference));
            }
            if !difference.explained.restatement.lines.is_empty() {
                page.blocks.push(places(&difference));
            }
        }
    }
    Ok(page)
}

fn button(to: &str, words: &str) -> Block {
    Block::Form(PostForm {
        to: to.to_owned(),
        label: words.to_owned(),
        button: words.to_owned(),
        ..PostForm::default()
    })
}

/// The statements, newest first.
fn made(all: &[Statement]) -> Block {
    let rows = all.iter().rev().map(|one| {
        let state = match (&one.reopened, one.binding) {
            (Some(reopened), _) => {
                let text =
                    format!("opened again by {} at {}: {}", reopened.actor, seconds(reopened.at), reopened.reason);
                Cell::Text(text)
            }
            (None, true) => Cell::Badge(Tone::Ok, "binding".to_owned()),
            (None, false) => Cell::Badge(Tone::Info, "replaced".to_owned()),
        };
        let maybe = |text: &Option<String>| text.clone().map_or(Cell::Empty, Cell::Text);
        Row::new(vec![
            Cell::Text(one.version.to_string()),
            state,
            Cell::Text(seconds(one.closed_at)),
            Cell::Text(one.actor.clone()),
            maybe(&one.approved_by),
            maybe(&one.reason),
            Cell::Id(Link::new(one.digest.short(), "")),
        ])
    });
    let names = ["Statement", "State", "Made", "By", "Approved by", "Why", "Digest"];
    Block::Table(Table {
        id: "t-statements".to_owned(),
        caption: "Statements, newest first".to_owned(),
        columns: names.into_iter().map(Column::text).collect(),
        rows: rows.collect(),
        is_cards: true,
        ..Table::default()
    })
}

fn effective(totals: &BTreeMap<Currency, Costs>, currency: &Currency) -> Money {
    totals.get(currency).map_or(Money::ZERO, |costs| costs.effective)
}

/// How the period differs from its newest statement: by cause, which add up, and by place.
fn told(newest: &Statement, difference: &Difference) -> Block {
    let explained = &difference.explained;
    let (before, after) = (explained.before.totals(), explained.after.totals());
    let mut currencies: Vec<&Currency> = before.keys().chain(after.keys()).collect();
    currencies.sort();
    currencies.dedup();
    let per_cause = explained.restatement.per_cause();
    let mut blocks = Vec::new();
    let mut parts = Vec::new();
    for currency in currencies {
        let (then, now) = (effective(&before, currency), effective(&after, currency));
        parts.push(format!("{} {currency}", signed(now - then, cents)));
        let step = |amount: Money| Cell::Number(amount.to_string(), signed(amount, cents));
        let level = |name: String, amount: Money| {
            let cells = vec![Cell::Text(name), Cell::Number(amount.to_string(), cents(amount))];
            Row { is_level: true, ..Row::new(cells) }
        };
        let mut rows = vec![level(format!("Statement {}", newest.version), then)];
        for ((cause, _), costs) in per_cause.iter().filter(|((_, of), _)| of == currency) {
            rows.push(Row::new(vec![Cell::Text(super::words::capital(cause.word())), step(costs.effective)]));
        }
        blocks.push(Block::Table(Table {
            id: format!("t-causes-{}", currency.as_str().to_lowercase()),
            caption: format!("Effective cost from the statement to now, by cause, {currency}"),
            unit: currency.to_string(),
            columns: vec![Column::text("Cause"), Column::figure("Amount")],
            rows,
            foot: vec![level("Now".to_owned(), now)],
            sum: Some((now.to_string(), 1)),
            ..Table::default()
        }));
    }
    for note in &explained.notes {
        blocks.push(Block::Notice(Tone::Info, note.clone(), None));
    }
    let say = match (explained.restatement.is_empty(), difference.is_empty) {
        (true, true) => "No figure differs from the statement.".to_owned(),
        (true, false) => "No figure differs from the statement; rates of the month do.".to_owned(),
        (false, _) => format!("{} effective cost: the sum of the causes. Below stands whose it is.", parts.join(", ")),
    };
    Block::Section { title: format!("Since statement {}", newest.version), say, blocks }
}

/// Cause and place of each part, the largest first.
fn places(difference: &Difference) -> Block {
    let mut lines: Vec<_> = difference.explained.restatement.lines.iter().collect();
    let size = |costs: &Costs| CostKind::ALL.map(|kind| costs[kind].abs()).into_iter().max();
    lines.sort_by(|a, b| {
        size(&b.costs).cmp(&size(&a.costs)).then_with(|| (a.cause, &a.place).cmp(&(b.cause, &b.place)))
    });
    let amount = |amount: Money| Cell::Number(amount.to_string(), signed(amount, cents));
    let rows = lines.iter().take(SHOWN).map(|line| {
        Row::new(vec![
            Cell::Text(line.place.owner.to_string()),
            Cell::Text(super::words::capital(line.cause.word())),
            Cell::Text(line.place.path.clone()),
            Cell::Text(line.place.pool.clone()),
            Cell::Text(line.place.currency.to_string()),
            amount(line.costs.effective),
            amount(line.costs.billed),
        ])
    });
    let caption = match lines.len() {
        many if many > SHOWN => {
            format!("Whose, the {SHOWN} largest of {many}; all of them: leap period diff --format csv")
        }
        _ => "Whose".to_owned(),
    };
    let mut columns: Vec<Column> =
        ["Owner", "Cause", "Place", "Pool", "Currency"].into_iter().map(Column::text).collect();
    columns.extend([Column::undrawn("Effective"), Column::undrawn("Billed")]);
    let table = Table { id: "t-places".to_owned(), caption, columns, rows: rows.collect(), ..Table::default() };
    Block::Section { title: "Whose".to_owned(), say: String::new(), blocks: vec![Block::Table(table)] }
}

/// The digest of the difference that an approval asks for.
fn wanted(approval: &Approval) -> String {
    let value: Value = serde_json::from_str(&approval.content).unwrap_or_default();
    value.get("difference").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Restatements of this period that wait, with the forms to answer them.
fn asked(ground: &Ground, period: Month, difference: &Difference) -> Result<Vec<Block>, Problem> {
    let subject = period.to_string();
    let mut blocks = Vec::new();
    for approval in approve::all(ground, ApprovalKind::Restatement)? {
        if approval.subject != subject || !approval.is_open() {
            continue;
        }
        blocks.push(approve::told(&approval));
        if wanted(&approval) != difference.digest.to_string() {
            let text = "The difference is another one by now than what was asked for; who asked has to ask again.";
            blocks.push(Block::Notice(Tone::Warn, text.to_owned(), None));
        }
        let here = format!("{}/approvals/{}", address(period), approval.number);
        blocks.extend(approve::forms(
            ground,
            &approval,
            &here,
            Some(("Approve the restatement", difference.digest.to_string())),
        ));
    }
    Ok(blocks)
}

/// The forms of who may change a closed period.
fn change(ground: &Ground, newest: &Statement, difference: &Difference) -> Vec<Block> {
    let reason = || Input { name: "reason", label: "Why".to_owned(), is_required: true, ..Input::default() };
    let mut blocks = Vec::new();
    if !difference.is_empty || !newest.binding {
        let alone = approve::is_alone(ground.person);
        let mut inputs = vec![reason()];
        if alone {
            inputs.push(Input {
                name: "approved_by",
                label: "Approved by".to_owned(),
                say: "Somebody else than you: it changes figures that people rely on. Nobody logs in here, so the name is \
                      written down and not checked."
                    .to_owned(),
                is_required: true,
                ..Input::default()
            });
        }
        let words = if alone { "Restate it" } else { "Ask for the approval of this difference" };
        blocks.push(Block::Section {
            title: "Restate".to_owned(),
            say: "What is known now becomes the next statement. If the difference changes, the approval is void."
                .to_owned(),
            blocks: vec![Block::Form(PostForm {
                to: format!("{}/restate", address(newest.period)),
                label: "Restate".to_owned(),
                inputs,
                hidden: vec![("expect".to_owned(), difference.digest.to_string())],
                button: words.to_owned(),
                is_grave: alone,
                ..PostForm::default()
            })],
        });
    }
    if newest.binding {
        blocks.push(Block::Section {
            title: "Open again".to_owned(),
            say: "Reports then show what is known now. The statement stays readable; closing again needs an approval."
                .to_owned(),
            blocks: vec![Block::Form(PostForm {
                to: format!("{}/reopen", address(newest.period)),
                label: "Open again".to_owned(),
                inputs: vec![reason()],
                button: "Open it again".to_owned(),
                is_grave: true,
                ..PostForm::default()
            })],
        });
    }
    blocks
}

/// A form of a period.
pub(super) fn act(acting: &Acting<'_>, period: &str, what: &[&str]) -> Result<Done, Problem> {
    let period = month(period)?;
    match what {
        ["close"] => close(acting, period),
        ["restate"] => restate(acting, period),
        ["reopen"] => reopen(acting, period),
        ["approvals", number, what @ ("approve" | "decline" | "withdraw")] => answer(acting, period, number, what),
        _ => Err(Problem::NotFound("There is no form with this address.".into())),
    }
}

/// A failure of the engine: what changed in between voids what was agreed to.
fn stale(failure: &Failure, period: Month) -> Problem {
    match failure.exit {
        Exit::TryAgain => Problem::Stale(failure.message.clone(), Some(back(period))),
        _ => refused(failure, Some(back(period))),
    }
}

fn close(acting: &Acting<'_>, period: Month) -> Result<Done, Problem> {
    let ground = acting.ground;
    let lock = acting.lock_if_agreed()?;
    let draft = acting.run(CloseDraft::of(ground.home, period)).map_err(|failure| stale(&failure, period))?;
    let digest = draft.digest();
    let fault = match agreed(acting.ask, digest, || back(period)) {
        Ok(true) => {
            let stored = acting.run(draft.close(ground.home)).map_err(|failure| stale(&failure, period))?;
            drop(lock);
            let said = format!("{period} is closed: statement {}", stored.version);
            return Ok(Done::Gone { to: address(period), said });
        }
        Ok(false) => None,
        Err(fault) => Some(fault),
    };
    let text = match &fault {
        None => "Nothing was changed yet. All totals were proved against the bills.",
        Some(_) => "Something came in between: nothing was closed. This would be the statement now.",
    };
    let mut page = Page {
        title: format!("Close {period}"),
        sub: format!("{} charges, {} rates", draft.statement.rows, draft.statement.rates.len()),
        crumbs: vec![Link::new("Periods", "/periods"), back(period), Link::new("Close", "")],
        command: Some(format!("leap period close {period}")),
        ..Page::default()
    };
    let tone = if fault.is_none() { Tone::Info } else { Tone::Bad };
    page.blocks.push(Block::Notice(tone, text.to_owned(), None));
    page.blocks.extend(stated(ground, &draft)?);
    page.blocks.push(difference::agree(
        &format!("{}/close", address(period)),
        Vec::new(),
        digest,
        "Close it",
        &address(period),
    ));
    match fault {
        None => acting.preview(page),
        Some(fault) => acting.again(page, fault),
    }
}

/// What a statement would say: cost by owner, from which sources; and the claims that wait.
fn stated(ground: &Ground, draft: &CloseDraft) -> Result<Vec<Block>, Problem> {
    let mut blocks = Vec::new();
    let owners = draft.statement.figures.per_owner();
    for (currency, costs) in draft.statement.figures.totals() {
        let figure = |amount: Money| {
            Cell::Figure(Figure { exact: amount.to_string(), shown: cents(amount), href: String::new() })
        };
        let own = owners.iter().filter(|((_, of), _)| *of == currency);
        let mut rows: Vec<(Money, Row)> = own
            .map(|((owner, _), costs)| {
                let cells = vec![
                    Cell::Text(ground.name(&owner.to_string())),
                    figure(costs.effective),
                    Cell::Number(costs.billed.to_string(), cents(costs.billed)),
                ];
                (costs.effective, Row::new(cells))
            })
            .collect();
        rows.sort_by_key(|(amount, _)| std::cmp::Reverse(amount.abs()));
        let together = vec![
            Cell::Text("Together".to_owned()),
            figure(costs.effective),
            Cell::Number(costs.billed.to_string(), cents(costs.billed)),
        ];
        blocks.push(Block::Table(Table {
            id: format!("t-stated-{}", currency.as_str().to_lowercase()),
            caption: format!("What each owner has, {currency}"),
            unit: currency.to_string(),
            columns: vec![Column::text("Owner"), Column::figure("Effective"), Column::undrawn("Billed")],
            rows: rows.into_iter().map(|(_, row)| row).collect(),
            foot: vec![Row::new(together)],
            sum: Some((costs.effective.to_string(), 1)),
            ..Table::default()
        }));
    }
    let mut sources = BTreeMap::<String, (u64, Day)>::new();
    for scope in &ground.view().head().scopes {
        if scope.scope.billing_period == draft.statement.period {
            let source = sources.entry(scope.scope.source.to_string()).or_insert((0, scope.facts.last_day));
            *source = (source.0 + scope.facts.rows, source.1.max(scope.facts.last_day));
        }
    }
    let rows = sources.into_iter().map(|(name, (rows, last))| {
        Row::new(vec![Cell::Text(name), Cell::Number(rows.to_string(), rows.to_string()), Cell::Text(last.to_string())])
    });
    blocks.push(Block::Table(Table {
        id: "t-sources".to_owned(),
        caption: "Its sources, and how far they reach".to_owned(),
        columns: vec![Column::text("Source"), Column::figure("Charges"), Column::text("Last charge")],
        rows: rows.collect(),
        ..Table::default()
    }));
    let claims = ground.runtime.block_on(ground.home.book.claims(&ClaimFilter::default()));
    let claims = claims.map_err(|error| failed(&Failure::from_error(&error)))?;
    let until = draft.statement.period.period().until();
    let open = claims.iter().filter(|claim| claim.state() == ClaimState::Open && claim.effective < until).count();
    if open > 0 {
        let text = format!("{open} claims and disputes that reach into this period wait for an answer.");
        blocks.push(Block::Notice(Tone::Warn, text, Some(Link::new("Claims", "/claims"))));
    }
    Ok(blocks)
}

/// What was shown, which a form has to send back.
fn expected(acting: &Acting<'_>, period: Month) -> Result<(), Problem> {
    if acting.ask.get("expect").is_some() {
        return Ok(());
    }
    let message = "is missing: the digest of the difference that was shown".to_owned();
    Err(Problem::Parameter { name: "expect".to_owned(), message, without: Some(back(period)) })
}

fn reason(acting: &Acting<'_>, period: Month) -> Result<String, Problem> {
    let reason = acting.ask.get("reason").map(str::trim).filter(|reason| !reason.is_empty());
    reason.map(str::to_owned).ok_or_else(|| {
        let message = "is missing: say why, for those who rely on the figures".to_owned();
        Problem::Parameter { name: "reason".to_owned(), message, without: Some(back(period)) }
    })
}

fn restate(acting: &Acting<'_>, period: Month) -> Result<Done, Problem> {
    let ground = acting.ground;
    expected(acting, period)?;
    let reason = reason(acting, period)?;
    let lock = acting.lock()?;
    let draft = acting.run(RestateDraft::of(ground.home, period)).map_err(|failure| stale(&failure, period))?;
    draft.has_difference().map_err(|failure| stale(&failure, period))?;
    let digest = draft.digest().map_err(|failure| stale(&failure, period))?;
    agreed(acting.ask, digest, || back(period))?;
    if approve::is_alone(acting.person) {
        let approved_by = acting.ask.get("approved_by").map(str::to_owned);
        let by = draft.by(acting.run(async { publish::actor() }), approved_by, reason);
        let by = by.map_err(|failure| stale(&failure, period))?;
        let (stored, _) = acting.run(draft.publish(ground.home, by)).map_err(|failure| stale(&failure, period))?;
        let said = format!("{period} is restated: statement {}", stored.version);
        return Ok(Done::Gone { to: address(period), said });
    }
    let content = json!({ "period": period.to_string(), "difference": digest.to_string() }).to_string();
    let asked = approve::ask(acting, ApprovalKind::Restatement, &period.to_string(), content)?;
    drop(lock);
    let said = format!("approval {} is asked for: the restatement of {period}", asked.number);
    Ok(Done::Gone { to: address(period), said })
}

fn reopen(acting: &Acting<'_>, period: Month) -> Result<Done, Problem> {
    acting.demand_fresh(&address(period))?;
    let reason = reason(acting, period)?;
    let _lock = acting.lock()?;
    let opened = acting.run(reopened(acting.ground.home, period, &reason));
    let opened = opened.map_err(|failure| stale(&failure, period))?;
    let said = format!("{period} is open again; statement {} stays readable", opened.version);
    Ok(Done::Gone { to: address(period), said })
}

fn answer(acting: &Acting<'_>, period: Month, number: &str, what: &str) -> Result<Done, Problem> {
    let ground = acting.ground;
    // As for reorgs: what is withdrawn while somebody approves it must not be published.
    let lock = acting.lock()?;
    let approval = approve::one(ground, ApprovalKind::Restatement, number)?;
    if approval.subject != period.to_string() {
        return Err(Problem::NotFound(format!("There is no approval {number} of {period}.")));
    }
    let here = address(period);
    let gone = |said: String| Ok(Done::Gone { to: here.clone(), said });
    if let Some(said) = approve::closed(acting, &approval, what, &here)? {
        return gone(said);
    }
    approve::may_give(acting, &approval, &here)?;
    expected(acting, period)?;
    let draft = acting.run(RestateDraft::of(ground.home, period)).map_err(|failure| stale(&failure, period))?;
    let digest = draft.digest().map_err(|failure| stale(&failure, period))?;
    agreed(acting.ask, digest, || back(period))?;
    if wanted(&approval) != digest.to_string() {
        let text =
            "The difference is another one than what was asked for, so the approval is void. Nothing was changed.";
        return Err(Problem::Stale(text.to_owned(), Some(back(period))));
    }
    let by = draft.by(approval.asked_by.clone(), Some(acting.person.name.clone()), approval.reason.clone());
    let by = by.map_err(|failure| stale(&failure, period))?;
    let (stored, _) = acting.run(draft.publish(ground.home, by)).map_err(|failure| stale(&failure, period))?;
    approve::answered(acting, approval.number, ApprovalOutcome::Given)?;
    drop(lock);
    gone(format!("{period} is restated: statement {}", stored.version))
}
