//! Reorgs on the site: a new state of the org becomes a plan, somebody else approves it, and it can be taken back.
//!
//! ```text
//! POST /org/plan                      what would happen and move, the trees before and after; agreed to, it is asked for
//! GET  /org/plans, /org/plans/7       what waits, and what was answered
//! POST /org/plans/7/approve           performed exactly, by an approver who did not ask; /decline, /withdraw
//! GET  /org/log                       reorgs so far
//! POST /org/log/4/revert              what taking one back moves; agreed to, the approval is asked for
//! ```
//! A plan that waits lies in the book as it was shown, and under its number in the home, where the command line finds it.

mod trees;

use std::collections::BTreeMap;

use leap_book::{Approval, ApprovalKind, ApprovalOutcome};
use leap_orient::reading::moves::Move;
use leap_terms::{Currency, Day, Deed, Digest, Money, Month};
use leap_web::site::model::{Block, Cell, Column, Figure, Input, InputKind, Link, Page, PostForm, Row, Table, Tone};
use leap_web::site::{Ask, Done, Problem};
use serde_json::{Value, json};

use super::act::{Acting, agreed, refused};
use super::approve;
use super::difference::{self, Way};
use super::failed;
use super::ground::{Ground, seconds};
use super::words::cents;
use crate::failure::{Exit, Failure};
use crate::reorg::{Plan, PlanDraft, RevertDraft, overrides, plan_of};

/// Lines of the text that are seen at once.
const LINES: u8 = 20;

/// What a person typed.
#[derive(Clone, Default)]
struct Typed {
    text: String,
    effective: String,
    successor: String,
    rename: String,
    split: String,
}

/// What is wrong with it, by field.
#[derive(Default)]
struct Wrong {
    text: String,
    effective: String,
}

fn pairs(text: &str) -> Vec<String> {
    text.split([',', '\n', ' ']).map(str::trim).filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
}

impl Typed {
    fn of(ask: &Ask) -> Result<Typed, Problem> {
        let Some(text) = ask.get("text") else {
            let message =
                "is missing: the new state of the org, as org.yaml, an HR export or a catalog has it".to_owned();
            return Err(Problem::Parameter { name: "text".to_owned(), message, without: None });
        };
        let word = |name: &str| ask.get(name).unwrap_or_default().trim().to_owned();
        Ok(Typed {
            text: text.replace("\r\n", "\n"),
            effective: word("effective"),
            successor: word("successor"),
            rename: word("rename"),
            split: word("split"),
        })
    }

    fn hidden(&self) -> Vec<(String, String)> {
        let all = [
            ("text", &self.text),
            ("effective", &self.effective),
            ("successor", &self.successor),
            ("rename", &self.rename),
            ("split", &self.split),
        ];
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }
}

fn tabs(ground: &Ground, here: &str) -> Vec<(Link, bool)> {
    let all = [("Units", None), ("Plan a reorg", Some("plan")), ("Plans", Some("plans")), ("Log", Some("log"))];
    all.into_iter()
        .filter(|(_, own)| *own != Some("plan") || ground.person.may(Deed::Change, &[]))
        .map(|(name, own)| {
            let path: Vec<&str> = std::iter::once("org").chain(own).collect();
            (Link::new(name, ground.to(&path, &[])), own.unwrap_or("units") == here)
        })
        .collect()
}

/// The views of the org, for who sees all of it.
pub(super) fn org_tabs(ground: &Ground) -> Vec<(Link, bool)> {
    if ground.view().reach().is_everything() { tabs(ground, "units") } else { Vec::new() }
}

/// The form.
fn editor(typed: &Typed, wrong: Wrong) -> Block {
    let line = |name, label: &str, value: &str, say: &str| Input {
        name,
        label: label.to_owned(),
        value: value.to_owned(),
        say: say.to_owned(),
        example: "old=new",
        ..Input::default()
    };
    let text = Input {
        name: "text",
        label: "The new state".to_owned(),
        value: typed.text.clone(),
        kind: InputKind::Text(LINES),
        example: "units:\n  - {id: acme, name: Acme, kind: company}\n  - {id: payments, name: Payments, kind: team, parent: acme}",
        say: "org.yaml, an HR export (CSV), a Backstage catalog or a Kubernetes sigs.yaml: the content decides."
            .to_owned(),
        fault: wrong.text,
        is_required: true,
    };
    let effective = Input {
        name: "effective",
        label: "Holds from".to_owned(),
        value: typed.effective.clone(),
        kind: InputKind::Day,
        say: "Its first day; empty where the text has dates.".to_owned(),
        fault: wrong.effective,
        ..Input::default()
    };
    Block::Form(PostForm {
        to: "/org/plan".to_owned(),
        label: "Plan a reorg".to_owned(),
        inputs: vec![
            text,
            effective,
            line("successor", "Who inherits", &typed.successor, "A unit that ends and who takes its names and cost."),
            line("rename", "Goes on under another id", &typed.rename, "Several are separated by commas."),
            line("split", "Was part of another", &typed.split, "The unit before and the new one."),
        ],
        button: "Show what would move".to_owned(),
        ..PostForm::default()
    })
}

fn section(title: &str, block: Block) -> Block {
    Block::Section { title: title.to_owned(), say: String::new(), blocks: vec![block] }
}

/// `GET /org/plan`.
pub(super) fn plan_page(ground: &Ground) -> Page {
    Page {
        title: "Plan a reorg".to_owned(),
        sub: "What would happen is shown first; somebody else approves it".to_owned(),
        crumbs: vec![Link::new("Org", ground.to(&["org"], &[])), Link::new("Plan", "")],
        tabs: tabs(ground, "plan"),
        command: Some("leap org plan NEW.yaml --effective DAY".to_owned()),
        blocks: vec![section("The new state of the org", editor(&Typed::default(), Wrong::default()))],
        ..Page::default()
    }
}

/// `POST /org/plan`.
pub(super) fn plan(acting: &Acting<'_>) -> Result<Done, Problem> {
    let ground = acting.ground;
    let typed = Typed::of(acting.ask)?;
    let again = |wrong: Wrong, message: String| {
        let mut page = plan_page(ground);
        page.sub = "Nothing was changed".to_owned();
        page.blocks = vec![section("The new state of the org", editor(&typed, wrong))];
        acting.again(page, Problem::Refused(message, Some(Link::new("Plan a reorg", "/org/plan"))))
    };
    let effective: Option<Day> = match typed.effective.as_str() {
        "" => None,
        text => match text.parse() {
            Ok(day) => Some(day),
            Err(error) => return again(Wrong { effective: error.clone(), ..Wrong::default() }, error),
        },
    };
    // Before the plan is made: a plan without a reason would be refused only after it was worked out.
    let lock = acting.lock_if_agreed()?;
    let files = vec![("org.yaml".to_owned(), typed.text.clone().into_bytes())];
    let made = overrides(&pairs(&typed.successor), &pairs(&typed.rename), &pairs(&typed.split))
        .and_then(|overrides| acting.run(PlanDraft::of(ground.home, &files, effective, &overrides)));
    let draft = match made {
        Ok(draft) => draft,
        Err(failure) if failure.exit == Exit::Usage => {
            return again(Wrong { text: failure.message.clone(), ..Wrong::default() }, failure.message);
        }
        Err(failure) => return Err(refused(&failure, Some(Link::new("Plan a reorg", "/org/plan")))),
    };
    let plan = draft.plan();
    let digest = plan.digest();
    let stale = match agreed(acting.ask, digest, || Link::new("Plan a reorg", "/org/plan")) {
        Ok(true) => {
            let asked = approve::ask(acting, ApprovalKind::Reorg, plan.title(), plan.as_text().to_owned())?;
            draft.keep(ground.home).map_err(|failure| failed(&failure))?;
            drop(lock);
            let said = format!("approval {} is asked for: plan {}", asked.number, plan.number());
            return Ok(Done::Gone { to: format!("/org/plans/{}", asked.number), said });
        }
        Ok(false) => None,
        Err(stale) => Some(stale),
    };
    let mut page = Page {
        title: "A reorg".to_owned(),
        sub: format!("{}, planned and not kept", plan.title()),
        crumbs: vec![Link::new("Org", "/org"), Link::new("Plan", "/org/plan"), Link::new("Difference", "")],
        tabs: tabs(ground, "plan"),
        ..Page::default()
    };
    page.blocks.push(difference::notice(stale.is_some()));
    page.blocks.extend(draft.warnings.iter().map(|fault| Block::Notice(Tone::Warn, fault.to_string(), None)));
    page.blocks.extend(shown(ground, plan)?);
    page.blocks.push(ask_form("/org/plan", typed.hidden(), digest, "/org/plan"));
    page.blocks.push(Block::Section {
        title: "Change the text".to_owned(),
        say: String::new(),
        blocks: vec![editor(&typed, Wrong::default())],
    });
    match stale {
        None => acting.preview(page),
        Some(stale) => acting.again(page, stale),
    }
}

/// The form to ask for an approval of what was shown.
fn ask_form(to: &str, mut hidden: Vec<(String, String)>, digest: Digest, back: &str) -> Block {
    hidden.push(("expect".to_owned(), digest.to_string()));
    Block::Form(PostForm {
        to: to.to_owned(),
        label: "Ask for approval".to_owned(),
        inputs: vec![Input { name: "reason", label: "Why".to_owned(), is_required: true, ..Input::default() }],
        hidden,
        button: "Ask for approval".to_owned(),
        back: Some(Link::new("Leave it", back)),
        ..PostForm::default()
    })
}

/// A plan: what moves, the org before and after, what happens, what names a unit that ends.
fn shown(ground: &Ground, plan: &Plan) -> Result<Vec<Block>, Problem> {
    let moves = plan.moves().map_err(|failure| failed(&failure))?;
    let mut blocks = money(ground, &moves, plan.restates());
    blocks.extend(trees::trees(ground, plan)?);
    for (at, (day, findings)) in plan.findings().into_iter().enumerate() {
        let rows = findings.into_iter().map(|words| Row::new(words.into_iter().map(Cell::Text).collect()));
        blocks.push(Block::Section {
            title: format!("What happens from {day} on"),
            say: String::new(),
            blocks: vec![Block::Table(Table {
                id: format!("t-steps-{at}"),
                caption: format!("What was recognised, from {day}"),
                columns: ["What", "Unit", "In words"].into_iter().map(Column::text).collect(),
                rows: rows.collect(),
                is_cards: true,
                ..Table::default()
            })],
        });
    }
    if !plan.orphans().is_empty() {
        let rows = plan.orphans().iter().map(|one| {
            let successor = one.successor.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
            Row::new(vec![Cell::Text(one.place.clone()), Cell::Text(one.unit.clone()), Cell::Text(successor)])
        });
        blocks.push(Block::Section {
            title: "Named, but ending".to_owned(),
            say:
                "Names of an ended unit mean its successor; without one their cost is residual, or stays with the pool."
                    .to_owned(),
            blocks: vec![Block::Table(Table {
                id: "t-orphans".to_owned(),
                caption: "What names a unit that ends".to_owned(),
                columns: ["Where", "Unit", "Successor"].into_iter().map(Column::text).collect(),
                rows: rows.collect(),
                is_cards: true,
                ..Table::default()
            })],
        });
    }
    Ok(blocks)
}

/// Cost that changes its place: how much, that the total stays, from where to where, by month.
fn money(ground: &Ground, moves: &[Move], restates: &[Month]) -> Vec<Block> {
    let mut months = BTreeMap::<(Month, Currency), (Money, u64)>::new();
    let mut places = BTreeMap::<(Currency, String, String), (Money, u64)>::new();
    for one in moves {
        let month = months.entry((one.month, one.currency.clone())).or_default();
        *month = (month.0 + one.amount, month.1 + one.rows);
        let place = places.entry((one.currency.clone(), one.from.clone(), one.to.clone())).or_default();
        *place = (place.0 + one.amount, place.1 + one.rows);
    }
    let mut ways = BTreeMap::<Currency, Vec<Way>>::new();
    for ((currency, from, to), (amount, charges)) in places {
        ways.entry(currency).or_default().push(Way { from, to, charges, amount });
    }
    let sums: Vec<String> = ways
        .iter()
        .map(|(currency, ways)| format!("{} {currency}", cents(ways.iter().map(|way| way.amount).sum())))
        .collect();
    let say = if sums.is_empty() {
        "No direct cost changes its place, and the total stays.".to_owned()
    } else {
        format!("{} of direct effective cost changes its place, and the total stays.", sums.join(" and "))
    };
    let mut inner = difference::tables("Direct effective cost, from place to place", &ways);
    if !months.is_empty() {
        let rows = months.iter().map(|((month, currency), (amount, charges))| {
            Row::new(vec![
                Cell::Text(month.to_string()),
                Cell::Text(currency.to_string()),
                Cell::Number(charges.to_string(), charges.to_string()),
                Cell::Figure(Figure { exact: amount.to_string(), shown: cents(*amount), href: String::new() }),
            ])
        });
        inner.push(Block::Table(Table {
            id: "t-months".to_owned(),
            caption: "The same by month".to_owned(),
            columns: vec![
                Column::text("Month"),
                Column::text("Currency"),
                Column::undrawn("Charges"),
                Column::figure("Amount"),
            ],
            rows: rows.collect(),
            ..Table::default()
        }));
        inner.extend(difference::net(&ways));
    }
    let mut blocks = vec![Block::Section { title: "What moves".to_owned(), say, blocks: inner }];
    blocks.extend(difference::closed(ground, restates));
    blocks
}

/// `GET /org/plans`.
pub(super) fn plans(ground: &Ground) -> Result<Page, Problem> {
    let all = approve::all(ground, ApprovalKind::Reorg)?;
    let open = all.iter().filter(|one| one.is_open()).count();
    let mut page = Page {
        title: "Plans".to_owned(),
        sub: format!("{} reorgs were asked for, {open} wait for an approval", all.len()),
        crumbs: vec![Link::new("Org", ground.to(&["org"], &[])), Link::new("Plans", "")],
        tabs: tabs(ground, "plans"),
        ..Page::default()
    };
    if all.is_empty() {
        page.blocks.push(Block::Nothing(
            "No reorg was asked for here. A steward plans one; what the command line applied stands in the log."
                .to_owned(),
            vec![Link::new("Log", ground.to(&["org", "log"], &[]))],
        ));
        return Ok(page);
    }
    let rows = all.iter().map(|one| {
        Row::new(vec![
            Cell::Link(Link::new(format!("{}: {}", one.number, one.subject), format!("/org/plans/{}", one.number))),
            approve::badge(one),
            Cell::Text(one.asked_by.clone()),
            Cell::Text(seconds(one.asked_at)),
            Cell::Text(one.reason.clone()),
            one.answer.as_ref().map_or(Cell::Empty, |answer| Cell::Text(answer.actor.clone())),
        ])
    });
    page.blocks.push(Block::Table(Table {
        id: "t-plans".to_owned(),
        caption: "Reorgs that were asked for, newest first".to_owned(),
        columns: ["Plan", "State", "By", "Asked for", "Why", "Answered by"].into_iter().map(Column::text).collect(),
        rows: rows.collect(),
        is_cards: true,
        ..Table::default()
    }));
    Ok(page)
}

/// What an approval of a reorg asks for.
enum Wanted {
    Plan(Box<Plan>),
    Revert { reorg: i64, difference: String },
}

fn wanted(approval: &Approval) -> Result<Wanted, Problem> {
    let value: Value = serde_json::from_str(&approval.content).unwrap_or_default();
    let reorg = value.get("revert").and_then(Value::as_i64);
    match (reorg, value.get("difference").and_then(Value::as_str)) {
        (Some(reorg), Some(difference)) => Ok(Wanted::Revert { reorg, difference: difference.to_owned() }),
        _ => Ok(Wanted::Plan(Box::new(plan_of(&approval.content).map_err(|failure| failed(&failure))?))),
    }
}

/// `GET /org/plans/{number}`.
pub(super) fn plan_asked(ground: &Ground, number: &str) -> Result<Page, Problem> {
    let approval = approve::one(ground, ApprovalKind::Reorg, number)?;
    let here = format!("/org/plans/{}", approval.number);
    let mut page = Page {
        title: format!("Plan {}", approval.number),
        sub: approval.subject.clone(),
        crumbs: vec![Link::new("Org", "/org"), Link::new("Plans", "/org/plans"), Link::new(number, "")],
        tabs: tabs(ground, "plans"),
        ..Page::default()
    };
    let mut pairs = vec![("State".to_owned(), approve::badge(&approval))];
    let stale = |text: &str| Block::Notice(Tone::Warn, text.to_owned(), None);
    match wanted(&approval)? {
        Wanted::Plan(plan) => {
            pairs.push(("Plan".to_owned(), Cell::Id(Link::new(plan.number(), ""))));
            page.command = Some(format!("leap org apply {}", plan.number()));
            page.blocks.push(section("Approval", Block::Pairs(pairs)));
            if approval.is_open()
                && let Err(failure) = plan.still_holds(ground.view().head())
            {
                page.blocks.push(stale(&failure.message));
            }
            page.blocks.extend(shown(ground, &plan)?);
            let expect = plan.digest().to_string();
            page.blocks.extend(approve::forms(ground, &approval, &here, Some(("Approve and perform", expect))));
        }
        Wanted::Revert { reorg, difference } => {
            pairs.push(("Takes back".to_owned(), Cell::Text(format!("reorg {reorg}"))));
            page.blocks.push(section("Approval", Block::Pairs(pairs)));
            if approval.is_open() {
                match ground.runtime.block_on(RevertDraft::of(ground.home, reorg)) {
                    Err(failure) => page.blocks.push(stale(&failure.message)),
                    Ok(draft) => {
                        let expect = draft.digest().to_string();
                        let is_asked_for = expect == difference;
                        if !is_asked_for {
                            page.blocks.push(stale(OTHER));
                        }
                        page.blocks.extend(money(ground, &draft.moves, &draft.restates));
                        let give = is_asked_for.then_some(("Approve and take back", expect));
                        page.blocks.extend(approve::forms(ground, &approval, &here, give));
                    }
                }
            }
        }
    }
    page.blocks.push(approve::told(&approval));
    Ok(page)
}

/// What came in between makes an approval of something else.
const OTHER: &str = "Something came in between: the difference is another one than what was asked for, so it cannot be approved. Ask again.";

/// `POST /org/plans/{number}/approve`, `decline` or `withdraw`.
pub(super) fn answer(acting: &Acting<'_>, number: &str, what: &str) -> Result<Done, Problem> {
    let ground = acting.ground;
    // Answers wait for each other: what is withdrawn while somebody approves it must not be performed.
    let lock = acting.lock()?;
    let approval = approve::one(ground, ApprovalKind::Reorg, number)?;
    let here = format!("/org/plans/{}", approval.number);
    let gone = |said: String| Ok(Done::Gone { to: here.clone(), said });
    if let Some(said) = approve::closed(acting, &approval, what, &here)? {
        return gone(said);
    }
    approve::may_give(acting, &approval, &here)?;
    let back = || Link::new("The plan", here.clone());
    if acting.ask.get("expect").is_none() {
        let message = "is missing: the digest of what was shown".to_owned();
        return Err(Problem::Parameter { name: "expect".to_owned(), message, without: Some(back()) });
    }
    // What came in between makes it another one: nobody approves what they did not see.
    let stale = |failure: Failure| match failure.exit {
        Exit::TryAgain => Problem::Stale(failure.message, Some(back())),
        _ => refused(&failure, Some(back())),
    };
    let snapshot = match wanted(&approval)? {
        Wanted::Plan(plan) => {
            agreed(acting.ask, plan.digest(), back)?;
            acting.run(plan.apply(ground.home)).map_err(stale)?
        }
        Wanted::Revert { reorg, difference } => {
            let draft = acting.run(RevertDraft::of(ground.home, reorg)).map_err(stale)?;
            agreed(acting.ask, draft.digest(), back)?;
            if draft.digest().to_string() != difference {
                return Err(Problem::Stale(OTHER.to_owned(), Some(back())));
            }
            acting.run(draft.apply(ground.home)).map_err(stale)?
        }
    };
    approve::answered(acting, approval.number, ApprovalOutcome::Given)?;
    drop(lock);
    gone(format!("performed; snapshot {}", snapshot.digest.short()))
}

/// `GET /org/log`.
pub(super) fn log(ground: &Ground) -> Result<Page, Problem> {
    let mut reorgs =
        ground.runtime.block_on(ground.home.book.reorgs()).map_err(|error| failed(&Failure::from_error(&error)))?;
    reorgs.sort_by_key(|reorg| std::cmp::Reverse(reorg.id));
    let mut page = Page {
        title: "Reorgs so far".to_owned(),
        sub: format!("{} reorgs were performed", reorgs.len()),
        crumbs: vec![Link::new("Org", ground.to(&["org"], &[])), Link::new("Log", "")],
        tabs: tabs(ground, "log"),
        command: Some("leap org log".to_owned()),
        ..Page::default()
    };
    if reorgs.is_empty() {
        page.blocks.push(Block::Nothing(
            "The org was never changed by a plan.".to_owned(),
            vec![Link::new("Units", ground.to(&["org"], &[]))],
        ));
        return Ok(page);
    }
    let rows = reorgs.iter().map(|reorg| {
        let state = match reorg.reverted_in {
            None => Cell::Badge(Tone::Ok, "in force".to_owned()),
            Some(snapshot) => Cell::Badge(Tone::Info, format!("taken back in snapshot {snapshot}")),
        };
        Row::new(vec![
            Cell::Text(reorg.id.to_string()),
            state,
            Cell::Text(reorg.effective.to_string()),
            Cell::Text(reorg.title.clone()),
            Cell::Text(reorg.actor.clone()),
            Cell::Text(seconds(reorg.recorded_at)),
        ])
    });
    page.blocks.push(Block::Table(Table {
        id: "t-reorgs".to_owned(),
        caption: "Reorgs, newest first".to_owned(),
        columns: ["Reorg", "State", "Holds from", "Title", "By", "Performed"].into_iter().map(Column::text).collect(),
        rows: rows.collect(),
        is_cards: true,
        ..Table::default()
    }));
    if ground.person.may(Deed::Change, &[]) {
        let forms = reorgs.iter().filter(|reorg| reorg.reverted_in.is_none()).map(|reorg| {
            let button = format!("Take back reorg {}: show the difference", reorg.id);
            Block::Form(PostForm {
                to: format!("/org/log/{}/revert", reorg.id),
                label: button.clone(),
                button,
                ..PostForm::default()
            })
        });
        page.blocks.push(Block::Section {
            title: "Take back".to_owned(),
            say: "Reports are then what they were, to the byte. Somebody else approves it.".to_owned(),
            blocks: forms.collect(),
        });
    }
    Ok(page)
}

/// `POST /org/log/{number}/revert`.
pub(super) fn revert(acting: &Acting<'_>, number: &str) -> Result<Done, Problem> {
    let ground = acting.ground;
    let back = || Some(Link::new("Log", "/org/log"));
    let nothing = || Problem::NotFound(format!("There is no reorg {number}."));
    let id: i64 = number.parse().map_err(|_| nothing())?;
    ground.runtime.block_on(ground.home.book.reorg(id)).map_err(|_| nothing())?;
    let lock = acting.lock_if_agreed()?;
    let draft = acting.run(RevertDraft::of(ground.home, id)).map_err(|failure| refused(&failure, back()))?;
    let (digest, to) = (draft.digest(), format!("/org/log/{id}/revert"));
    let stale = match agreed(acting.ask, digest, || Link::new("Log", "/org/log")) {
        Ok(true) => {
            let content = json!({ "revert": id, "difference": digest.to_string() }).to_string();
            let subject = format!("take back reorg {id}: {}", draft.title());
            let asked = approve::ask(acting, ApprovalKind::Reorg, &subject, content)?;
            drop(lock);
            let said = format!("approval {} is asked for: {subject}", asked.number);
            return Ok(Done::Gone { to: format!("/org/plans/{}", asked.number), said });
        }
        Ok(false) => None,
        Err(stale) => Some(stale),
    };
    let mut page = Page {
        title: format!("Take back reorg {id}"),
        sub: format!("{}, from {}", draft.title(), draft.effective()),
        crumbs: vec![Link::new("Org", "/org"), Link::new("Log", "/org/log"), Link::new("Difference", "")],
        tabs: tabs(ground, "log"),
        command: Some(format!("leap org revert {id}")),
        ..Page::default()
    };
    page.blocks.push(difference::notice(stale.is_some()));
    page.blocks.extend(money(ground, &draft.moves, &draft.restates));
    page.blocks.push(ask_form(&to, Vec::new(), digest, "/org/log"));
    match stale {
        None => acting.preview(page),
        Some(stale) => acting.again(page, stale),
    }
}
