//! Waivers: dated permission to spend more than a budget. What they mean is `leap_decide::waiver`'s, what is kept the book's.
//!
//! ```text
//! $ leap waiver ask payments --period 2026-10 --amount 5000 --until 2026-12-01 --reason "launch in three countries"
//! waiver 4 is asked for: payments may spend 5,000.00 USD over 120,000.00 in 2026-10, until 2026-12-01
//! it is granted on the site (/waivers/4), by one of: bo (up to 50,000.00), ann
//! ```
//! Somebody asks here or on the site; only a person who logged in on the site answers, never who asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_book::{NewWaiver, NewWaiverEvent, Waiver, WaiverFilter, WaiverState, WaiverStep};
use leap_decide::budget::Verdict;
use leap_decide::waiver::{self, Actor, Answer, Approver, Authority, Event, Level, RoleHolder, What};
use leap_terms::{Currency, Day, Digest, Exact, Instant, Money, Period, Role, TeamId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::budget::{self, Asked};
use crate::cli::{OutputFormat, ReadingArgs, WaiverAskArgs, WaiverCommand, WaiverListArgs};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer as Table, Cell, emit, print_json};
use crate::publish;
use crate::spend::unit_named;
use crate::view::View;

/// `[waivers]`: who may grant how much.
#[derive(Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WaiverSettings {
    /// The currency of the amounts; USD without it.
    pub(crate) currency: Option<Currency>,
    /// What who leads a unit of a kind may grant.
    pub(crate) levels: Vec<LevelSettings>,
    /// What accounts with the role approver may grant; without limit where it is not said.
    pub(crate) approvers_up_to: Option<Exact>,
}

/// What who leads a unit of a kind may grant.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelSettings {
    /// `team`, `division` …
    kind: String,
    /// Up to which amount; without limit where it is not said.
    up_to: Option<Exact>,
}

/// What somebody asks for, in their own words.
pub(crate) struct Words<'w> {
    pub(crate) unit: &'w str,
    pub(crate) period: Period,
    pub(crate) amount: Money,
    pub(crate) until: Day,
    pub(crate) reason: &'w str,
}

/// A waiver that is not asked for yet.
pub(crate) struct WaiverDraft {
    /// The budget as it does.
    pub(crate) verdict: Verdict,
    amount: Money,
    until: Day,
    reason: String,
    by: String,
    /// All that who decides is shown, as JSON.
    content: String,
}

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// How the budget of a unit and period does.
pub(crate) async fn verdict(home: &Home, view: &View, unit: &TeamId, period: Period) -> Result<Verdict, Failure> {
    let budgets = budget::in_force(view.head())?;
    let asked = Asked { period: Some(period), unit: Some(unit), under: None };
    let allowances = budget::allowances(home).await?;
    let judged = budget::judge(home, view, &budgets, &asked, &allowances, clock::now()).await?;
    let found = judged.verdicts.into_iter().find(|verdict| verdict.line.period == period);
    found.ok_or_else(|| {
        Failure::usage(format!(
            "{unit} has no budget of exactly {period} that can be judged: leap budget list --unit {unit}"
        ))
    })
}

impl WaiverDraft {
    /// Works out what is asked for, in the name of who acts.
    pub(crate) async fn of(home: &Home, view: &View, words: &Words<'_>) -> Result<WaiverDraft, Failure> {
        let unit = unit_named(view, words.unit)?;
        if words.amount <= Money::ZERO {
            return Err(Failure::usage("a waiver permits an amount above zero over the budget"));
        }
        let reason = words.reason.trim();
        if reason.is_empty() {
            return Err(Failure::usage("who decides wants to know why: give a reason"));
        }
        if words.until <= clock::now().day() {
            return Err(Failure::usage(format!("{} is not after today: a waiver ends on a later day", words.until)));
        }
        let verdict = verdict(home, view, &unit, words.period).await?;
        let by = publish::actor();
        let figures: Vec<Value> = verdict.fields().into_iter().map(|(label, text)| json!([label, text])).collect();
        let content = json!({
            "unit": unit.as_str(),
            "period": words.period.to_string(),
            "currency": verdict.line.currency.as_str(),
            "amount": words.amount.to_string(),
            "until": words.until.to_string(),
            "reason": reason,
            "by": by,
            "budget": verdict.sentence(),
            "figures": figures,
        });
        let (amount, until, reason) = (words.amount, words.until, reason.to_owned());
        Ok(WaiverDraft { verdict, amount, until, reason, by, content: content.to_string() })
    }

    /// The digest of all that is shown.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.content.as_bytes())
    }

    /// Asks for it.
    pub(crate) async fn ask(self, home: &Home) -> Result<Waiver, Failure> {
        let line = self.verdict.line;
        let new = NewWaiver {
            unit: line.unit,
            period: line.period,
            currency: line.currency,
            amount: self.amount,
            reason: self.reason,
            expires_on: self.until,
            content: self.content,
            asked_at: clock::now(),
            asked_by: self.by,
        };
        home.book.ask_waiver(&new).await.map_err(problem)
    }
}

/// A waiver of the book as decisions read it.
pub(crate) fn decided(kept: &Waiver) -> Result<waiver::Waiver, Failure> {
    let NewWaiver { unit, period, currency, amount, reason, expires_on, asked_at, asked_by, .. } = &kept.asked;
    let request = waiver::Request {
        id: kept.number.to_string(),
        unit: unit.clone(),
        period: *period,
        currency: currency.clone(),
        amount: *amount,
        until: Instant::start_of(*expires_on),
        reason: reason.clone(),
        by: asked_by.clone(),
        at: *asked_at,
    };
    let event = |event: &leap_book::WaiverEvent| {
        let by = event.actor.clone();
        let note = || event.note.clone().unwrap_or_default();
        let what = match event.step {
            WaiverStep::Asked => What::Asked { of: note() },
            WaiverStep::Escalated => What::Escalated { to: note() },
            WaiverStep::Granted { shown } => What::Granted { by, shown, authenticated_at: event.at },
            WaiverStep::Refused => What::Refused { by, shown: kept.digest, reason: note() },
            WaiverStep::Withdrawn => What::Withdrawn { by },
            // These follow from what was spent and from the time, which decisions know themselves.
            WaiverStep::Expired | WaiverStep::Exceeded | WaiverStep::Ended => return None,
        };
        Some(Event { at: event.at, what })
    };
    let events: Vec<Event> = kept.events.iter().filter_map(event).collect();
    // What was granted and then taken back is taken back.
    let ended = events.iter().position(|event| matches!(event.what, What::Withdrawn { .. }));
    let events = match ended {
        Some(at) => vec![events[at].clone()],
        None => events,
    };
    waiver::Waiver::new(request, events).map_err(|broken| {
        Failure::failed(format!(
            "waiver {} is damaged: event {} cannot follow; leap doctor",
            kept.number,
            broken.event + 1
        ))
    })
}

/// Where a waiver stands; `over` is what was spent over the budget, where that is known.
pub(crate) fn standing(kept: &Waiver, over: Option<Money>) -> Result<&'static str, Failure> {
    Ok(decided(kept)?.status(over, clock::now()).word())
}

/// Who may grant a waiver today, in the order in which they are asked; who asked for it is none of them.
pub(crate) async fn approvers(home: &Home, view: &View, kept: &Waiver) -> Result<Vec<Approver>, Failure> {
    let settings = &home.settings.waivers;
    let accounts = home.book.accounts().await.map_err(problem)?;
    let open = accounts.iter().filter(|account| account.disabled_at.is_none());
    let roles = open.flat_map(|account| {
        let grants = account.grants.iter().filter(|grant| grant.role == Role::Approver);
        grants.map(|grant| RoleHolder {
            person: account.name.clone(),
            unit: grant.unit.clone(),
            up_to: settings.approvers_up_to,
        })
    });
    let authority = Authority {
        currency: settings.currency.clone().unwrap_or_else(|| Currency::new("USD").expect("USD is a currency")),
        levels: settings.levels.iter().map(|level| Level { kind: level.kind.clone(), up_to: level.up_to }).collect(),
        roles: roles.collect(),
        automation: BTreeSet::new(),
    };
    let org = budget::spans(&view.head().org);
    let day = clock::now().day();
    let mut all = authority.approvers(&org, &kept.asked.unit, &kept.asked.currency, day);
    // A lead who has no login cannot answer.
    let known: BTreeSet<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
    all.retain(|approver| approver.person != kept.asked.asked_by && known.contains(approver.person.as_str()));
    Ok(all)
}

/// Who they are, in words.
pub(crate) fn named(approvers: &[Approver], amount: Money) -> String {
    let mut seen = BTreeSet::new();
    let able = approvers.iter().filter(|one| one.covers(amount) && seen.insert(one.person.clone()));
    let words: Vec<String> = able
        .map(|one| match one.up_to {
            Some(up_to) => format!("{} (up to {})", one.person, up_to.to_grouped(2)),
            None => one.person.clone(),
        })
        .collect();
    words.join(", ")
}

/// Who answers on the site, and when they proved who they are.
pub(crate) struct Responder {
    pub(crate) name: String,
    pub(crate) authenticated_at: Instant,
}

/// Records an answer, where it may be taken.
pub(crate) async fn answer(
    home: &Home,
    view: &View,
    kept: &Waiver,
    answer: Answer,
    who: &Responder,
    shown: Digest,
) -> Result<Waiver, Failure> {
    let now = clock::now();
    let approvers = approvers(home, view, kept).await?;
    let actor = Actor { name: who.name.clone(), automation: false, authenticated_at: who.authenticated_at };
    if answer == Answer::Grant {
        // What was shown names the budget as it was then; a budget that was edited since is another question.
        let now = verdict(home, view, &kept.asked.unit, kept.asked.period).await?;
        let then: Value = serde_json::from_str(&kept.asked.content).unwrap_or_default();
        let figure = |name: &str| {
            let figures = then["figures"].as_array()?;
            Some(figures.iter().find(|figure| figure[0] == name)?[1].as_str()?.to_owned())
        };
        let same = figure("budget") == Some(now.line.amount.to_string())
            && figure("tolerance_bps") == Some(now.line.tolerance_bps.to_string());
        if !same {
            return Err(Failure::not_allowed(
                "the budget was changed since this was asked for: take the waiver back and ask for a new one",
            ));
        }
    }
    let event = decided(kept)?
        .answer(&answer, &actor, (shown, kept.digest), &approvers, now)
        .map_err(|refusal| Failure::not_allowed(refusal.to_string()))?;
    let (step, note) = match event.what {
        What::Granted { shown, .. } => (WaiverStep::Granted { shown }, None),
        What::Refused { reason, .. } => (WaiverStep::Refused, Some(reason)),
        What::Withdrawn { .. } | What::Asked { .. } | What::Escalated { .. } => (WaiverStep::Withdrawn, None),
    };
    let new = NewWaiverEvent { waiver: kept.number, step, at: now, actor: who.name.clone(), note };
    home.book.add_waiver_event(&new).await.map_err(problem)
}

/// Takes a waiver back, before or after it was granted, in the name of who acts.
pub(crate) async fn withdraw(home: &Home, kept: &Waiver, note: Option<String>) -> Result<Waiver, Failure> {
    let actor = publish::actor();
    if actor != kept.asked.asked_by {
        return Err(Failure::not_allowed(format!(
            "{} asked for waiver {}, and takes it back alone",
            kept.asked.asked_by, kept.number
        )));
    }
    let new = NewWaiverEvent { waiver: kept.number, step: WaiverStep::Withdrawn, at: clock::now(), actor, note };
    home.book.add_waiver_event(&new).await.map_err(problem)
}

/// What a `leap waiver` command does.
pub(crate) async fn run(root: &Path, command: &WaiverCommand) -> Result<(), Failure> {
    match command {
        WaiverCommand::Ask(args) => ask(root, args).await,
        WaiverCommand::List(args) => list(root, args).await,
        WaiverCommand::Show(args) => {
            let home = Home::open(root, Access::Read).await?;
            let view = View::open(&home, &ReadingArgs::now()).await?;
            let kept = home.book.waiver(args.number).await.map_err(problem)?;
            show(&home, &view, &kept, args.format.format).await
        }
        WaiverCommand::Withdraw(args) => {
            let home = Home::open(root, Access::Write).await?;
            let kept = home.book.waiver(args.number).await.map_err(problem)?;
            let kept = withdraw(&home, &kept, args.note.clone()).await?;
            emit(&format!("waiver {} is {}\n", kept.number, kept.state().word()))
        }
    }
}

async fn ask(root: &Path, args: &WaiverAskArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let words =
        Words { unit: &args.unit, period: args.period, amount: args.amount, until: args.until, reason: &args.reason };
    let draft = WaiverDraft::of(&home, &view, &words).await?;
    let budget = draft.verdict.line.amount;
    let kept = draft.ask(&home).await?;
    if args.format.format == OutputFormat::Json {
        return print_json(&row(&kept)?);
    }
    let asked = &kept.asked;
    emit(&format!(
        "waiver {} is asked for: {} may spend {} {} over {} in {}, until {}\n",
        kept.number,
        asked.unit,
        asked.amount.to_grouped(2),
        asked.currency,
        budget.to_grouped(2),
        asked.period,
        asked.expires_on
    ))?;
    let who = named(&approvers(&home, &view, &kept).await?, asked.amount);
    emit(&if who.is_empty() {
        "nobody may grant it yet: leap user add NAME --role approver (of the unit or above), or [waivers] levels in leap.toml\n"
            .to_owned()
    } else {
        format!("it is granted on the site (/waivers/{}), by one of: {who}\n", kept.number)
    })
}

fn row(kept: &Waiver) -> Result<Value, Failure> {
    let asked = &kept.asked;
    Ok(json!({
        "number": kept.number,
        "unit": asked.unit.as_str(),
        "period": asked.period.to_string(),
        "currency": asked.currency.as_str(),
        "amount": asked.amount.to_string(),
        "until": asked.expires_on.to_string(),
        "reason": asked.reason,
        "by": asked.asked_by,
        "at": asked.asked_at.to_string(),
        "state": standing(kept, None)?,
        "digest": kept.digest.to_string(),
        "events": kept.events.iter().map(|event| json!({
            "what": event.step.word(),
            "at": event.at.to_string(),
            "by": event.actor,
            "note": event.note,
        })).collect::<Vec<_>>(),
    }))
}

async fn list(root: &Path, args: &WaiverListArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let filter = WaiverFilter { unit: None, period: args.period, state: None };
    let all = home.book.waivers(&filter).await.map_err(problem)?;
    if args.format.format == OutputFormat::Json {
        let rows = all.iter().map(row).collect::<Result<Vec<_>, Failure>>()?;
        return print_json(&json!({ "rows": rows }));
    }
    let columns = ["waiver", "unit", "period", "currency", "amount", "until", "by", "state", "reason"];
    let mut table = Table::new("Waivers, the newest first", &columns);
    for kept in all.iter().rev() {
        let asked = &kept.asked;
        table.rows.push(vec![
            Cell::text(kept.number.to_string()),
            Cell::text(asked.unit.as_str()),
            Cell::text(asked.period.to_string()),
            Cell::text(asked.currency.as_str()),
            Cell::Amount(asked.amount),
            Cell::text(asked.expires_on.to_string()),
            Cell::text(asked.asked_by.as_str()),
            Cell::text(standing(kept, None)?),
            Cell::text(asked.reason.as_str()),
        ]);
    }
    table.print(args.format.format)
}

async fn show(home: &Home, view: &View, kept: &Waiver, format: OutputFormat) -> Result<(), Failure> {
    let asked = &kept.asked;
    let who = named(&approvers(home, view, kept).await?, asked.amount);
    let now = verdict(home, view, &asked.unit, asked.period).await;
    if format == OutputFormat::Json {
        let mut told = row(kept)?;
        told["shown"] = serde_json::from_str(&asked.content).unwrap_or_default();
        told["now"] = now.as_ref().map_or(Value::Null, |verdict| Value::String(verdict.sentence()));
        told["approvers"] = Value::String(who);
        return print_json(&told);
    }
    let mut text = format!(
        "waiver {}: {} may spend {} {} over its budget of {}, until {}\nasked for by {} at {}: {}\n",
        kept.number,
        asked.unit,
        asked.amount.to_grouped(2),
        asked.currency,
        asked.period,
        asked.expires_on,
        asked.asked_by,
        asked.asked_at,
        asked.reason
    );
    let shown: BTreeMap<String, Value> = serde_json::from_str(&asked.content).unwrap_or_default();
    if let Some(sentence) = shown.get("budget").and_then(Value::as_str) {
        text += &format!("shown: {sentence}\n");
    }
    if let Ok(verdict) = now {
        text += &format!("now:   {}\n", verdict.sentence());
    }
    for event in &kept.events {
        let note = event.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        text += &format!("{} by {} at {}{note}\n", event.step.word(), event.actor, event.at);
    }
    text += &format!("{}\n", standing(kept, None)?);
    if kept.state() == WaiverState::Asked {
        text += &if who.is_empty() { "nobody may grant it yet\n".to_owned() } else { format!("may grant it: {who}\n") };
    }
    emit(&text)
}
