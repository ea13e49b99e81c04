//! Claims and disputes on the site: the list, one of them, and the forms to make and answer them.
//!
//! ```text
//! Resource, "Whose is it?"     POST /claims/new              what it would move; agreed to, it is made
//! Claims, number 7             POST /claims/7/accept         what it moves; agreed to, it holds
//!                              POST /claims/7/decline, /claims/7/withdraw
//! ```
//! Who may: a claim is made by who speaks for the team that gets the cost, a dispute by who speaks for the teams that have
//! it, an assignment of what nobody owns by a steward of the whole company; accepted by who speaks for the teams that are
//! asked, and by somebody else than who made it. What a form would do is worked out first and shown; what is agreed to is
//! that, to the digest: if the world has changed meanwhile, nothing is done.

use std::collections::BTreeSet;

use leap_book::{Claim, ClaimFilter, ClaimKind, ClaimState};
use leap_terms::{Day, Deed, Money, Owner, Rights, TeamId};
use leap_web::site::model::{Block, Cell, Column, Figure, Input, InputKind, Link, Page, PostForm, Row, Table, Tone};
use leap_web::site::{Ask, Done, Person, Problem};

use super::act::{Acting, agreed, refused};
use super::difference::agree;
use super::failed;
use super::ground::Ground;
use super::words;
use crate::claims::{self, Acceptance, Consent, Draft};
use crate::cli::ClaimSubject;
use crate::clock;
use crate::failure::Failure;
use crate::ownership::Moves;

/// A team that the reader does not see.
const ANOTHER: &str = "another team";

/// Claims of the list.
const SHOWN: usize = 500;

/// The units from the root down to a team, today.
fn path(ground: &Ground, team: &TeamId) -> Vec<TeamId> {
    let view = ground.view();
    view.head().org.path(team, view.day()).iter().map(|unit| unit.id.clone()).collect()
}

fn speaks_for(ground: &Ground, person: &Person, team: &TeamId) -> bool {
    person.may(Deed::Answer, &path(ground, team))
}

/// True where a person may read a claim: it is about a team whose cost they see.
fn sees(ground: &Ground, claim: &Claim) -> bool {
    let today = ground.view().day();
    let from = match &claim.from_owner {
        Some(Owner::Team(team)) => ground.view().sees_unit(team, today),
        Some(Owner::Residual(_)) | None => false,
    };
    ground.view().reach().is_everything() || from || ground.view().sees_unit(&claim.to_team, today)
}

fn from_words(ground: &Ground, claim: &Claim) -> String {
    match &claim.from_owner {
        None => "several owners".to_owned(),
        Some(Owner::Team(team)) if !ground.view().sees_unit(team, ground.view().day()) => ANOTHER.to_owned(),
        Some(owner) => ground.name(&owner.to_string()),
    }
}

fn badge(claim: &Claim, today: Day) -> Cell {
    let state = claims::state(claim, today);
    let tone = match state {
        "open" => Tone::Warn,
        "accepted" => Tone::Ok,
        _ => Tone::Info,
    };
    Cell::Badge(tone, state.to_owned())
}

/// All of them, newest first.
pub(super) fn list(ground: &Ground) -> Result<Page, Problem> {
    let all = ground.runtime.block_on(ground.home.book.claims(&ClaimFilter::default()));
    let all = all.map_err(|error| failed(&Failure::from_error(&error)))?;
    let seen: Vec<&Claim> = all.iter().rev().filter(|claim| sees(ground, claim)).collect();
    let open = seen.iter().filter(|claim| claim.state() == ClaimState::Open).count();
    let mut page = Page {
        title: "Claims".to_owned(),
        sub: format!("{} claims and disputes, {open} wait for an answer", seen.len()),
        command: Some("leap claims list".to_owned()),
        ..Page::default()
    };
    if seen.is_empty() {
        page.blocks.push(Block::Nothing(
            "Nobody has claimed or disputed anything. It begins at a resource: \u{201c}Whose is it?\u{201d}".to_owned(),
            vec![Link::new("All resources", ground.to(&["explore"], &[("by", "resource")]))],
        ));
        return Ok(page);
    }
    let today = clock::now().day();
    let rows = seen
        .iter()
        .take(SHOWN)
        .map(|claim| {
            let number = claim.number.to_string();
            let due = match claim.state() {
                ClaimState::Open => claim.due().day().to_string(),
                ClaimState::Accepted | ClaimState::Declined | ClaimState::Withdrawn | ClaimState::Expired => {
                    String::new()
                }
            };
            Row::new(vec![
                Cell::Link(Link::new(
                    format!("{} {number}", words::capital(claim.kind.word())),
                    ground.to(&["claims", &number], &[]),
                )),
                badge(claim, today),
                Cell::Text(claim.subject.clone()),
                Cell::Text(from_words(ground, claim)),
                Cell::Text(ground.name(claim.to_team.as_str())),
                Cell::Text(claim.effective.to_string()),
                Cell::Text(claim.actor.clone()),
                Cell::Text(due),
            ])
        })
        .collect();
    let names = ["Claim", "State", "What", "From", "To", "Since", "By", "Answer by"];
    page.blocks.push(Block::Table(Table {
        id: "t-claims".to_owned(),
        caption: "Claims and disputes, newest first".to_owned(),
        columns: names.into_iter().map(Column::text).collect(),
        rows,
        is_cards: true,
        ..Table::default()
    }));
    Ok(page)
}

fn one(ground: &Ground, number: &str) -> Result<Claim, Problem> {
    let nothing = || Problem::NotFound(format!("There is no claim {number} that you may see."));
    let number: i64 = number.parse().map_err(|_| nothing())?;
    let claim = ground.runtime.block_on(ground.home.book.claim(number)).map_err(|_| nothing())?;
    if sees(ground, &claim) { Ok(claim) } else { Err(nothing()) }
}

/// One of them.
pub(super) fn page(ground: &Ground, number: &str) -> Result<Page, Problem> {
    let claim = one(ground, number)?;
    let person = ground.person;
    let mut page = Page {
        title: format!("{} {}", words::capital(claim.kind.word()), claim.number),
        sub: format!("{} to {}", from_words(ground, &claim), ground.name(claim.to_team.as_str())),
        crumbs: vec![Link::new("Claims", ground.to(&["claims"], &[])), Link::new(number, "")],
        command: Some("leap claims list".to_owned()),
        ..Page::default()
    };
    let mut pairs = vec![
        ("State".to_owned(), badge(&claim, clock::now().day())),
        ("What".to_owned(), Cell::Text(claim.subject.clone())),
        ("From".to_owned(), Cell::Text(from_words(ground, &claim))),
        ("To".to_owned(), Cell::Text(ground.name(claim.to_team.as_str()))),
        ("Since".to_owned(), Cell::Text(claim.effective.to_string())),
        ("Reason".to_owned(), Cell::Text(claim.reason.clone())),
    ];
    if let Some(until) = claim.expires {
        pairs.push(("Until".to_owned(), Cell::Text(until.to_string())));
    }
    if let Some(evidence) = &claim.evidence {
        pairs.push(("Evidence".to_owned(), Cell::Text(evidence.clone())));
    }
    page.blocks.push(Block::Pairs(pairs));
    let told = claim.events.iter().map(|event| {
        let note = event.note.clone().unwrap_or_default();
        (
            format!("{} by {}", words::capital(event.step.word()), event.actor),
            String::new(),
            format!("{} {note}", event.at),
        )
    });
    page.blocks.push(Block::Section {
        title: "What happened".to_owned(),
        say: String::new(),
        blocks: vec![Block::Trail(told.collect())],
    });
    let note = || Input { name: "note", label: "For the record".to_owned(), ..Input::default() };
    let form = |what: &str, button: &str, is_grave: bool, inputs: Vec<Input>| {
        Block::Form(PostForm {
            to: format!("/claims/{}/{what}", claim.number),
            label: button.to_owned(),
            button: button.to_owned(),
            inputs,
            is_grave,
            ..PostForm::default()
        })
    };
    let mut forms = Vec::new();
    if claim.state() == ClaimState::Open && person.rights.may_somewhere(Deed::Answer) {
        forms.push(form("accept", "Accept: show what moves", false, vec![note()]));
        forms.push(form("decline", "Decline", true, vec![note()]));
    }
    if matches!(claim.state(), ClaimState::Open | ClaimState::Accepted) && may_withdraw(ground, person, &claim) {
        forms.push(form("withdraw", "Withdraw", true, vec![note()]));
    }
    if !forms.is_empty() {
        page.blocks.push(Block::Section {
            title: "Answer".to_owned(),
            say: format!(
                "An answer is due by {}. Those who are asked answer; nobody accepts what they made.",
                claim.due().day()
            ),
            blocks: forms,
        });
    }
    Ok(page)
}

/// An open one: who made it, or speaks for who did. One that holds: who gives the cost back; what was disputed or assigned
/// away comes back to somebody who is not asked, so only a steward of the whole company takes that back.
fn may_withdraw(ground: &Ground, person: &Person, claim: &Claim) -> bool {
    let is_steward = person.may(Deed::Change, &[]);
    let of_receiver = speaks_for(ground, person, &claim.to_team);
    let of_giver = matches!(&claim.from_owner, Some(Owner::Team(team)) if speaks_for(ground, person, team));
    let made = person.name == claim.actor && (of_receiver || of_giver);
    let is_assigned = claim
        .events
        .iter()
        .any(|event| event.note.as_deref().is_some_and(|note| note.starts_with("assigned in the name")));
    match (claim.state(), claim.kind) {
        _ if is_steward => true,
        (ClaimState::Accepted, ClaimKind::Claim) => of_receiver && !is_assigned,
        (ClaimState::Accepted, ClaimKind::Dispute) => false,
        (_, ClaimKind::Claim) => made || of_receiver,
        (_, ClaimKind::Dispute) => made || of_giver,
    }
}

/// What a claim asks for: how, whose, why, since when.
pub(super) fn inputs(ground: &Ground, kinds: &[(&str, &str)], team: String) -> Vec<Input> {
    let line = |name, label: &str, example| Input { name, label: label.to_owned(), example, ..Input::default() };
    vec![
        Input {
            kind: InputKind::Choice(kinds.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()),
            is_required: true,
            ..line("kind", "What is wrong", "")
        },
        Input {
            value: team,
            say: "A team's name or id.".to_owned(),
            is_required: true,
            ..line("team", "Whose it is", "payments")
        },
        Input { is_required: true, ..line("reason", "Why", "run by us since the move") },
        line("evidence", "What shows it", "a ticket"),
        Input {
            value: ground.period.from().to_string(),
            kind: InputKind::Day,
            is_required: true,
            ..line("effective", "Since", "")
        },
    ]
}

/// The form at a resource: whose is it?
pub(super) fn form(ground: &Ground, resource: &str) -> Option<Block> {
    let person = ground.person;
    if !person.rights.may_somewhere(Deed::Answer) {
        return None;
    }
    // Where a person speaks for one team only, it is that one.
    let own = match &person.rights {
        Rights::Local => String::new(),
        Rights::Granted(grants) => {
            let mut units = grants.iter().filter(|grant| grant.role.allows(Deed::Answer));
            match (units.next().and_then(|grant| grant.unit.as_ref()), units.next()) {
                (Some(unit), None) => unit.to_string(),
                _ => String::new(),
            }
        }
    };
    let kinds = [("claim", "It is ours: ask who has it"), ("dispute", "It is another team's: ask them")];
    Some(Block::Form(PostForm {
        to: "/claims/new".to_owned(),
        label: "Whose is it?".to_owned(),
        inputs: inputs(ground, &kinds, own),
        hidden: vec![("resource".to_owned(), resource.to_owned())],
        button: "Show what it would move".to_owned(),
        ..PostForm::default()
    }))
}

/// What is claimed, from a form: resources that are named or ticked, or a condition.
fn subject(ask: &Ask, person: &Person) -> Result<(ClaimSubject, Vec<(String, String)>), Problem> {
    let wrong = |name: &str, message: &str| Problem::Parameter {
        name: name.to_owned(),
        message: message.to_owned(),
        without: None,
    };
    let mut kept = Vec::new();
    let resources: Vec<&str> = ask
        .parameters
        .iter()
        .filter(|(name, value)| name == "resource" && !value.is_empty())
        .map(|(_, value)| value.as_str())
        .collect();
    let filter = match (resources.as_slice(), ask.get("where")) {
        ([], None) => return Err(wrong("resource", "is missing: name or tick what it is about")),
        // A condition could be made to tell what a person does not see.
        ([], Some(_)) if !person.rights.reach().is_everything() => {
            return Err(wrong("where", "is for who sees the whole company; name resources"));
        }
        ([], Some(text)) => {
            kept.push(("where".to_owned(), text.to_owned()));
            Some(text.to_owned())
        }
        ([_], _) => None,
        (several, _) => {
            let quoted = several.iter().map(|id| format!("'{}'", id.replace('\'', "''"))).collect::<Vec<_>>();
            Some(format!("ResourceId IN ({})", quoted.join(", ")))
        }
    };
    kept.extend(resources.iter().map(|id| ("resource".to_owned(), (*id).to_owned())));
    let day = |name: &str| -> Result<Option<Day>, Problem> {
        ask.get(name).map(|text| text.parse().map_err(|error: String| wrong(name, &error))).transpose()
    };
    let (effective, expires) = (day("effective")?, day("expires")?);
    let reason = ask.get("reason").map(str::trim).filter(|reason| !reason.is_empty());
    let Some(reason) = reason else { return Err(wrong("reason", "is missing: say why, for those who are asked")) };
    for name in ["kind", "team", "reason", "evidence", "effective", "expires"] {
        if let Some(value) = ask.get(name) {
            kept.push((name.to_owned(), value.to_owned()));
        }
    }
    let subject = ClaimSubject {
        resource: if filter.is_none() { resources.first().map(|id| (*id).to_owned()) } else { None },
        filter,
        reason: reason.to_owned(),
        evidence: ask.get("evidence").map(str::to_owned),
        effective,
        expires,
    };
    Ok((subject, kept))
}

/// `POST /claims/new`.
pub(super) fn make(acting: &Acting<'_>) -> Result<Done, Problem> {
    let (ground, person, ask) = (acting.ground, acting.person, acting.ask);
    let back = || Some(Link::new("Claims", "/claims"));
    let (consent, what) = match ask.get("kind") {
        Some("claim") | None => (Consent::Givers, "claim"),
        Some("dispute") => (Consent::Receiver, "dispute"),
        Some("assign") => (Consent::Steward, "assignment"),
        Some(other) => {
            let message = format!("'{other}' is none of claim, dispute, assign");
            return Err(Problem::Parameter { name: "kind".to_owned(), message, without: None });
        }
    };
    let (subject, kept) = subject(ask, person)?;
    let Some(team) = ask.get("team") else {
        let message = "is missing: whose it is".to_owned();
        return Err(Problem::Parameter { name: "team".to_owned(), message, without: None });
    };
    let sees_all = person.rights.reach().is_everything();
    // Before anything is worked out: what is refused tells nothing.
    let named = crate::spend::unit_named(ground.view(), team).ok().filter(|team| speaks_for(ground, person, team));
    let spoken = match consent {
        Consent::Givers => named.is_some() || sees_all,
        Consent::Receiver => true,
        Consent::Steward => person.may(Deed::Change, &[]),
    };
    if !spoken {
        let text = format!("{} does not speak for {team}, and cannot make this {what}.", person.shown);
        return Err(Problem::Forbidden(text, back()));
    }
    if !sees_all && ask.parameters.iter().filter(|(name, _)| name == "resource").count() > 1 {
        let message = "is one at a time for who does not see the whole company".to_owned();
        return Err(Problem::Parameter { name: "resource".to_owned(), message, without: None });
    }
    let nothing =
        || Problem::Refused(format!("There is nothing here of which {} could make a {what}.", person.shown), back());
    let lock = acting.lock_if_agreed()?;
    let draft = acting.run(Draft::of(ground.home, &subject, team, consent)).map_err(|failure| {
        // Who sees a part is told the same whatever the reason is: it would name owners, or days on which there was cost.
        if sees_all || failure.exit == crate::failure::Exit::TryAgain { refused(&failure, back()) } else { nothing() }
    })?;
    let moves = draft.moves();
    let reader = ground.view().readers();
    let sees = |owner: &Owner| ground.view().sees(&reader[0], owner, ground.view().day());
    let givers: BTreeSet<TeamId> = moves
        .rows()
        .iter()
        .filter_map(|((from, _, _), _)| match from {
            Owner::Team(team) => Some(team.clone()),
            Owner::Residual(_) => None,
        })
        .collect();
    let may = match consent {
        Consent::Givers => speaks_for(ground, person, draft.team()),
        Consent::Receiver => {
            moves.rows().iter().all(|((from, _, _), _)| sees(from))
                && givers.iter().all(|giver| speaks_for(ground, person, giver))
        }
        Consent::Steward => person.may(Deed::Change, &[]),
    };
    if !may {
        draft.discard().map_err(|failure| failed(&failure))?;
        if !sees_all && consent == Consent::Receiver {
            return Err(nothing());
        }
        let text = match consent {
            Consent::Givers => format!("{} does not speak for {team}, and cannot claim for it.", person.shown),
            Consent::Receiver => format!(
                "{} does not speak for the teams that have this, and cannot give it away. Who thinks that it is theirs claims \
                 it.",
                person.shown
            ),
            Consent::Steward => format!("{} is no steward of the whole company.", person.shown),
        };
        return Err(Problem::Forbidden(text, back()));
    }
    let digest = draft.digest();
    match agreed(ask, digest, || {
        Link::new(
            "Look again",
            format!("/resource?id={}", leap_web::site::encoded(ask.get("resource").unwrap_or_default())),
        )
    })? {
        true => {
            let made = acting.run(draft.make(ground.home)).map_err(|failure| refused(&failure, back()))?;
            drop(lock);
            Ok(Done::Gone { to: format!("/claims/{}", made.claim.number), said: made.words })
        }
        false => {
            let today = ground.view().day();
            let asked = draft.asked();
            let (seen, unseen): (Vec<&TeamId>, Vec<&TeamId>) =
                asked.iter().partition(|team| *team == draft.team() || ground.view().sees_unit(team, today));
            let seen: Vec<String> = seen.into_iter().map(|team| ground.name(team.as_str())).collect();
            let then = match (seen.is_empty(), unseen.is_empty()) {
                (true, true) => "Nobody has to be asked: it holds at once.".to_owned(),
                (true, false) => "Who has it will be asked, and nothing moves before.".to_owned(),
                (false, true) => format!("{} will be asked, and nothing moves before.", seen.join(", ")),
                (false, false) => {
                    format!("{} and others who have it will be asked, and nothing moves before.", seen.join(", "))
                }
            };
            let title = format!("This {what} for {}", ground.name(draft.team().as_str()));
            let sub = format!("{}, since {}", draft.subject(), draft.effective());
            let mut page = Page {
                title,
                sub,
                crumbs: vec![Link::new("Claims", "/claims"), Link::new("Preview", "")],
                ..Page::default()
            };
            page.blocks.push(Block::Notice(Tone::Info, format!("Nothing was changed yet. {then}"), None));
            page.blocks.push(moved(ground, &moves, false));
            page.blocks.push(agree("/claims/new", kept, digest, &format!("Make the {what}"), "/claims"));
            draft.discard().map_err(|failure| failed(&failure))?;
            acting.preview(page)
        }
    }
}

/// What changes hands, as far as the person sees it. Who is asked whether they take it sees how much it is, and not from whom
/// where they do not see that team.
fn moved(ground: &Ground, moves: &Moves, is_asked: bool) -> Block {
    let readers = ground.view().readers();
    let today = ground.view().day();
    let (mut rows, mut hidden) = (Vec::new(), 0);
    let mut sum = Money::ZERO;
    for ((from, to, currency), folded) in moves.rows() {
        let is_seen = ground.view().sees(&readers[0], from, today);
        if !is_seen && !is_asked {
            hidden += 1;
            continue;
        }
        let amount = folded.costs.effective;
        if *currency == ground.currency {
            sum += amount;
        }
        rows.push(Row::new(vec![
            Cell::Text(if is_seen { ground.name(&from.to_string()) } else { ANOTHER.to_owned() }),
            Cell::Text(ground.name(&to.to_string())),
            Cell::Number(folded.charges().to_string(), folded.charges().to_string()),
            Cell::Text(currency.to_string()),
            Cell::Figure(Figure { exact: amount.to_string(), shown: words::cents(amount), href: String::new() }),
        ]));
    }
    if rows.is_empty() {
        let text = if hidden > 0 {
            "It would come from teams whose cost you do not see; they are asked."
        } else {
            "No cost changes hands: it is so already."
        };
        return Block::Notice(Tone::Info, text.to_owned(), None);
    }
    let more = if hidden > 0 { ", beside what comes from teams whose cost you do not see" } else { "" };
    Block::Table(Table {
        id: "t-moves".to_owned(),
        caption: format!("Effective cost that changes hands{more}"),
        columns: vec![
            Column::text("From"),
            Column::text("To"),
            Column::undrawn("Charges"),
            Column::text("Currency"),
            Column::figure("Amount"),
        ],
        rows,
        ..Table::default()
    })
}

/// Refuses an answer of somebody who is not asked, or who made it.
fn may_answer(ground: &Ground, person: &Person, claim: &Claim, asked: &BTreeSet<TeamId>) -> Result<(), Problem> {
    let back = Some(Link::new("The claim", format!("/claims/{}", claim.number)));
    if asked.is_empty() && !speaks_for(ground, person, &claim.to_team) {
        let text = format!("Nobody is asked any more, and {} does not speak for who gets it.", person.shown);
        return Err(Problem::Forbidden(text, back));
    }
    if !asked.iter().all(|team| speaks_for(ground, person, team)) {
        let names: Vec<String> = asked.iter().map(|team| ground.name(team.as_str())).collect();
        let text = format!("{} is asked, and {} does not speak for it.", names.join(", "), person.shown);
        return Err(Problem::Forbidden(text, back));
    }
    if person.rights != Rights::Local && person.name == claim.actor {
        let text = format!("{} made this {}; somebody else has to answer it.", person.shown, claim.kind.word());
        return Err(Problem::Forbidden(text, back));
    }
    Ok(())
}

/// `POST /claims/{number}/accept`, `decline` or `withdraw`.
pub(super) fn answer(acting: &Acting<'_>, number: &str, what: &str) -> Result<Done, Problem> {
    let (ground, person, ask) = (acting.ground, acting.person, acting.ask);
    let claim = one(ground, number)?;
    let here = format!("/claims/{}", claim.number);
    let back = || Some(Link::new("The claim", here.clone()));
    let note = ask.get("note").map(str::to_owned);
    if what == "withdraw" {
        if !may_withdraw(ground, person, &claim) {
            let text = format!("{} neither made it nor speaks for who did.", person.shown);
            return Err(Problem::Forbidden(text, back()));
        }
        let _lock = acting.lock()?;
        let done = claims::withdrawn(ground.home, claim.number, note);
        let done = acting.run(done).map_err(|failure| refused(&failure, back()))?;
        return Ok(Done::Gone { to: here, said: done.words });
    }
    if what == "decline" {
        let asked = match (claim.kind, &claim.from_owner) {
            (ClaimKind::Dispute, _) => BTreeSet::from([claim.to_team.clone()]),
            (ClaimKind::Claim, Some(Owner::Team(team))) => BTreeSet::from([team.clone()]),
            (ClaimKind::Claim, Some(Owner::Residual(_)) | None) => {
                let acceptance = acting.run(Acceptance::of(ground.home, claim.number));
                let acceptance = acceptance.map_err(|failure| refused(&failure, back()))?;
                let asked = acceptance.asked.clone();
                acceptance.discard().map_err(|failure| failed(&failure))?;
                asked
            }
        };
        may_answer(ground, person, &claim, &asked)?;
        let _lock = acting.lock()?;
        let done = claims::declined(ground.home, claim.number, note);
        let done = acting.run(done).map_err(|failure| refused(&failure, back()))?;
        return Ok(Done::Gone { to: here, said: done.words });
    }
    let lock = acting.lock_if_agreed()?;
    let acceptance =
        acting.run(Acceptance::of(ground.home, claim.number)).map_err(|failure| refused(&failure, back()))?;
    if let Err(fault) = may_answer(ground, person, &claim, &acceptance.asked) {
        acceptance.discard().map_err(|failure| failed(&failure))?;
        return Err(fault);
    }
    let digest = acceptance.digest();
    match agreed(ask, digest, || Link::new("Look again", here.clone()))? {
        true => {
            let done = acting.run(acceptance.make(ground.home, note)).map_err(|failure| refused(&failure, back()))?;
            drop(lock);
            Ok(Done::Gone { to: here, said: done.words })
        }
        false => {
            let mut page = Page {
                title: format!("Accept {} {}", claim.kind.word(), claim.number),
                sub: format!("{}, since {}", acceptance.claim.subject, acceptance.claim.effective),
                crumbs: vec![Link::new("Claims", "/claims"), Link::new(number, here.clone()), Link::new("Accept", "")],
                ..Page::default()
            };
            page.blocks.push(Block::Notice(Tone::Info, "Nothing was changed yet.".to_owned(), None));
            page.blocks.push(moved(ground, &acceptance.moves(), true));
            let kept = note.map(|note| ("note".to_owned(), note)).into_iter().collect();
            page.blocks.push(agree(&format!("{here}/accept"), kept, digest, "Accept", &here));
            acceptance.discard().map_err(|failure| failed(&failure))?;
            acting.preview(page)
        }
    }
}
