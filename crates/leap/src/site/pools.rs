//! Pools: what did a shared platform cost, who used it, and what did nobody use?
//!
//! ```text
//! GET  /pools                    all of them, with the policy; POST shows what another policy would change
//! GET  /pools/kafka              one: its driver, who pays, day by day            (`one`)
//! GET  /pools/kafka/2026-09-10   how it was split on a day, to the last unit      (`one`)
//! ```

mod one;

use std::collections::BTreeMap;

use leap_book::ConfigKind;
use leap_orient::pool::LineKind;
use leap_terms::{Currency, Day, Deed, Money, Owner, Period, ResidualReason};
use leap_web::site::model::{Block, Cell, Chart, Column, Link, Page, Row, Table, Tone};
use leap_web::site::{Done, Problem};

use super::act::{Acting, agreed, refused};
use super::dated::{Kind, Typed, Wrong};
use super::difference;
use super::failed;
use super::ground::Ground;
use super::words::{amount, cents, change, period_text, share_cell, short};
use crate::failure::Exit;
use crate::pools::PoolsDraft;
use crate::versions::{self, InForce};
use crate::world::published;

/// Users of a pool that are shown.
const USERS: usize = 8;

pub(super) use one::{day, one};

/// Where a pool's cost of a period went.
#[derive(Default)]
struct Flow {
    /// What stands at the pool after it was shared: idle capacity, and what no driver shared.
    left: Money,
    /// Of that, what was paid for and nobody used.
    idle: Money,
    /// By team.
    users: BTreeMap<String, Money>,
    /// By day: what teams have, and what nobody used.
    days: BTreeMap<Day, (Money, Money)>,
}

impl Flow {
    /// What teams have of it.
    fn used(&self) -> Money {
        self.users.values().copied().sum()
    }

    /// All of it.
    fn whole(&self) -> Money {
        self.used() + self.left
    }
}

/// What a pool leaves behind, as an owner.
fn residual(name: &str) -> String {
    format!("residual:pool:{name}")
}

/// Where the cost of all pools went, in the currency in question.
fn flows(ground: &Ground, period: Period) -> Result<BTreeMap<String, Flow>, Problem> {
    let open = published(ground.home);
    let shared = ground.view().shared_days(period, ground.basis, &open).map_err(|failure| failed(&failure))?;
    let mut flows = BTreeMap::<String, Flow>::new();
    for shared in &shared {
        for (who, rows) in shared.days.all() {
            let (Some(pool), Some(line)) = (&who.pool, who.line) else { continue };
            let own = rows
                .iter()
                .filter(|row| *shared.days.currency(row) == ground.currency)
                .filter(|row| ground.covers(period, row.day, shared.billing));
            for row in own {
                let (flow, cost) = (flows.entry(pool.clone()).or_default(), row.costs[ground.cost]);
                match (line, &who.owner) {
                    (LineKind::Idle, _) => {
                        flow.idle += cost;
                        flow.days.entry(row.day).or_default().1 += cost;
                    }
                    (LineKind::Use, Owner::Team(team)) => {
                        *flow.users.entry(team.to_string()).or_default() += cost;
                        flow.days.entry(row.day).or_default().0 += cost;
                    }
                    (LineKind::Use | LineKind::Pool | LineKind::Benefit, _) => {}
                }
            }
        }
    }
    let (rows, _) = ground.spent("team", None, None, period)?;
    for row in &rows {
        if let Some(Ok(Owner::Residual(ResidualReason::Pool(name)))) = row.values[0].as_deref().map(str::parse::<Owner>)
        {
            flows.entry(name).or_default().left += row.amount;
        }
    }
    Ok(flows)
}

/// `GET /pools`.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let flows = flows(ground, ground.period)?;
    let used: Money = flows.values().map(Flow::used).sum();
    let left: Money = flows.values().map(|flow| flow.left).sum();
    let idle: Money = flows.values().map(|flow| flow.idle).sum();
    let mut page = Page {
        title: "Pools".to_owned(),
        sub: format!("Shared platforms in {}: what they cost, and who used them", ground.period),
        command: Some(format!("leap pool list --period {}", ground.period)),
        ..Page::default()
    };
    if flows.is_empty() {
        page.blocks.push(Block::Nothing(
            "No platform is shared in this period. A rule that answers pool:NAME collects one; pools.yaml says who pays.".to_owned(),
            vec![Link::new("What stands at no team", ground.to(&["coverage", "residual"], &[]))],
        ));
        page.blocks.extend(policy(ground)?);
        return Ok(page);
    }
    page.blocks.push(Block::Facts(vec![
        (
            "Shared among teams".to_owned(),
            Cell::Number(used.to_string(), cents(used)),
            ground.currency.to_string(),
            String::new(),
        ),
        (
            "Idle: paid for, and used by nobody".to_owned(),
            Cell::Number(idle.to_string(), cents(idle)),
            ground.currency.to_string(),
            String::new(),
        ),
        (
            "Kept: no driver shares it".to_owned(),
            Cell::Number((left - idle).to_string(), cents(left - idle)),
            ground.currency.to_string(),
            String::new(),
        ),
    ]));
    let mut order: Vec<(&String, &Flow)> = flows.iter().collect();
    order.sort_by_key(|(name, flow)| (std::cmp::Reverse(flow.whole().abs()), (*name).clone()));
    let lines = order
        .iter()
        .map(|(name, flow)| {
            let to_teams = flow.used();
            Row::new(vec![
                Cell::Link(Link::new((*name).clone(), ground.to(&["pools", name], &[]))),
                Cell::Number(flow.whole().to_string(), short(flow.whole())),
                Cell::Number(to_teams.to_string(), short(to_teams)),
                Cell::Number(flow.idle.to_string(), short(flow.idle)),
                Cell::Number((flow.left - flow.idle).to_string(), short(flow.left - flow.idle)),
                amount(flow.left, ground.rows(&[("team", &residual(name))])),
                Cell::Number(flow.users.len().to_string(), flow.users.len().to_string()),
                Cell::Text(ground.view().steward(&ResidualReason::Pool((*name).clone()))),
            ])
        })
        .collect();
    page.blocks.push(Block::Chart(
        Chart {
            kind: "bar",
            title: "What pools cost".to_owned(),
            say: "To teams; idle, because nobody used it; kept, because no driver shares it.".to_owned(),
            size: "",
            target: None,
            flags: "stack flat",
        },
        Table {
            id: "t-pools".to_owned(),
            caption: format!("Pools, {} cost, {}, {}", ground.cost.word(), ground.period, ground.currency),
            unit: ground.currency.as_str().to_owned(),
            columns: vec![
                Column::text("Pool"),
                Column::undrawn("Collected"),
                Column::figure("To teams").coloured("1"),
                Column::figure("Idle").coloured("residual"),
                Column::figure("Kept").coloured("rest"),
                Column::undrawn("Left"),
                Column::undrawn("Teams"),
                Column::text("Steward").role("skip"),
            ],
            rows: lines,
            ..Table::default()
        },
    ));
    for (name, flow) in order {
        page.blocks.push(section(ground, name, flow));
    }
    page.blocks.extend(policy(ground)?);
    Ok(page)
}

/// Where the form of the policy is sent.
const HERE: &str = "/pools";

/// The form.
const POLICY: Kind = Kind {
    to: HERE,
    label: "Another policy",
    file: "pools.yaml",
    example: "pools:\n  - name: kafka\n    steward: platform\n    driver: {head_count: {}}",
    say: "How each pool is shared. Files of drivers are those in force; a new one comes with leap pool apply.",
    since: "The first day of a month; earlier months keep their policy. Empty: all days.",
};

fn in_force(ground: &Ground) -> Result<InForce, Problem> {
    let files = ground.view().head().config_files(ConfigKind::Pools);
    versions::in_force(&files).map_err(|failure| failed(&failure))
}

/// The policy in force, as a form for who may change it.
fn policy(ground: &Ground) -> Result<Option<Block>, Problem> {
    let InForce { newest, days } = in_force(ground)?;
    let (say, day, text) = match newest {
        None => {
            ("No policy is in force: what pools collect stays with their stewards.".to_owned(), None, String::new())
        }
        Some((Day::EARLIEST, text)) => ("In force on all days.".to_owned(), None, text),
        Some((day, text)) => (format!("In force from {day}; it is the newest of {}.", days.len()), Some(day), text),
    };
    let may_change = ground.person.may(Deed::Change, &[]) && ground.ask.get("as_known_on").is_none();
    let block = if may_change {
        let effective = day.map_or_else(String::new, |day| day.to_string());
        POLICY.editor(&Typed { text, effective, later: String::new() }, Wrong::default(), &days)
    } else if text.is_empty() {
        return Ok(None);
    } else {
        Block::Text(text)
    };
    Ok(Some(Block::Section { title: "The policy".to_owned(), say, blocks: vec![block] }))
}

/// `POST /pools`.
pub(super) fn send(acting: &Acting<'_>) -> Result<Done, Problem> {
    let ground = acting.ground;
    let back = || Link::new("Pools", HERE);
    let InForce { newest, days } = in_force(ground)?;
    let typed = Typed::of(acting.ask, newest.as_ref().map(|(_, text)| text.as_str()))?;
    let again = |wrong: Wrong, message: String| {
        let mut page = Page { title: "Pools".to_owned(), sub: "Nothing was changed".to_owned(), ..Page::default() };
        page.blocks.push(POLICY.editor(&typed, wrong, &days));
        acting.again(page, Problem::Refused(message, Some(back())))
    };
    let since = match typed.since(&days) {
        Ok(since) => since,
        Err(wrong) => {
            let message = wrong.all();
            return again(wrong, message);
        }
    };
    let lock = acting.lock_if_agreed()?;
    let draft = match acting.run(PoolsDraft::of(ground.home, &typed.text, since)) {
        Ok(draft) => draft,
        Err(failure) if failure.exit == Exit::Usage => {
            return again(Wrong { text: failure.message.clone(), ..Wrong::default() }, failure.message);
        }
        Err(failure) => return Err(refused(&failure, Some(back()))),
    };
    let digest = draft.digest();
    let stale = match agreed(acting.ask, digest, back) {
        Ok(true) => {
            let applied = acting.run(draft.apply(ground.home));
            let snapshot = applied.map_err(|failure| refused(&failure, Some(back())))?;
            drop(lock);
            let said = format!("policy applied; snapshot {}", snapshot.digest.short());
            return Ok(Done::Gone { to: HERE.to_owned(), said });
        }
        Ok(false) => None,
        Err(stale) => Some(stale),
    };
    let mut page = Page {
        title: "Another policy".to_owned(),
        sub: since.day.map_or_else(|| "On all days".to_owned(), |day| format!("From {day} on")),
        crumbs: vec![back(), Link::new("Difference", "")],
        ..Page::default()
    };
    page.blocks.push(difference::notice(stale.is_some()));
    let mut all = BTreeMap::<Currency, BTreeMap<String, Money>>::new();
    let mut gains = BTreeMap::<Currency, Money>::new();
    for ((owner, currency), change) in &draft.changes {
        *all.entry(currency.clone()).or_default().entry(ground.name(&owner.to_string())).or_default() += *change;
        if *change > Money::ZERO {
            *gains.entry(currency.clone()).or_default() += *change;
        }
    }
    let parts: Vec<String> = gains.iter().map(|(currency, sum)| format!("{} {currency}", cents(*sum))).collect();
    let say = match parts.as_slice() {
        [] => "Nobody pays more or less.".to_owned(),
        some => format!("{} of effective cost is paid by others than before; the total stays.", some.join(" and ")),
    };
    page.blocks.push(Block::Section { title: "What would change".to_owned(), say, blocks: difference::changes(&all) });
    page.blocks.extend(difference::closed(ground, &draft.closed));
    page.blocks.extend(draft.warnings.iter().map(|text| Block::Notice(Tone::Warn, text.clone(), None)));
    let in_force = newest.as_ref().map_or("", |(_, text)| text.as_str());
    page.blocks.extend(difference::of_texts(in_force, &typed.text));
    page.blocks.push(difference::agree(HERE, typed.hidden(), digest, "Apply this policy", HERE));
    page.blocks.push(Block::Section {
        title: "Change the text".to_owned(),
        say: String::new(),
        blocks: vec![POLICY.editor(&typed, Wrong::default(), &days)],
    });
    match stale {
        None => acting.preview(page),
        Some(stale) => acting.again(page, stale),
    }
}

fn anchor(name: &str) -> String {
    let letters = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    format!("t-pool-{}", letters.collect::<String>())
}

/// Who pays for a pool: the largest of them, on the page of all pools.
fn section(ground: &Ground, name: &str, flow: &Flow) -> Block {
    let teams =
        if flow.users.len() == 1 { "1 team pays".to_owned() } else { format!("{} teams pay", flow.users.len()) };
    Block::Section {
        title: name.to_owned(),
        say: format!(
            "{teams} {} of {} {}; {} is left.",
            short(flow.used()),
            short(flow.whole()),
            ground.currency,
            short(flow.left)
        ),
        blocks: vec![Block::Table(users(ground, name, flow, None))],
    }
}

/// Who pays for a pool: all teams, each with what it paid in an earlier period, where there is one; else the largest of them.
fn users(ground: &Ground, name: &str, flow: &Flow, earlier: Option<(Period, &Flow)>) -> Table {
    let whole = flow.whole();
    let nothing = BTreeMap::new();
    let before = earlier.map_or(&nothing, |(_, flow)| &flow.users);
    let mut users: Vec<(&String, Money)> = flow.users.iter().map(|(team, sum)| (team, *sum)).collect();
    users.extend(before.keys().filter(|team| !flow.users.contains_key(*team)).map(|team| (team, Money::ZERO)));
    users.sort_by_key(|(team, sum)| (std::cmp::Reverse(sum.abs()), *team));
    let shown = if earlier.is_some() { users.len() } else { users.len().min(USERS) };
    let line = |cell: Cell, figure: Cell, sum: Money, then: Option<(Money, Cell)>| {
        let mut cells = vec![cell, figure, share_cell(sum, whole)];
        if let Some((then, figure)) = then {
            cells.extend([figure, change(sum - then)]);
        }
        Row::new(cells)
    };
    let was = |of: &[(&str, &str)], then: Option<Money>| {
        let (period, _) = earlier?;
        let text = period_text(period);
        let mut of = of.to_vec();
        of.push(("period", &text));
        let then = then.unwrap_or_default();
        Some((then, amount(then, ground.rows(&of))))
    };
    let mut rows: Vec<Row> = users
        .iter()
        .take(shown)
        .map(|(team, sum)| {
            let of = [("team", team.as_str()), ("pool", name)];
            let name = Cell::Link(Link::new(ground.name(team), ground.to(&["team", team], &[])));
            line(name, amount(*sum, ground.rows(&of)), *sum, was(&of, before.get(*team).copied()))
        })
        .collect();
    if users.len() > shown {
        let rest: Money = users[shown..].iter().map(|(_, sum)| *sum).sum();
        let to = Link::new(format!("{} other teams", users.len() - shown), ground.to(&["pools", name], &[]));
        rows.push(Row {
            is_rest: true,
            ..line(Cell::Link(to), Cell::Number(rest.to_string(), short(rest)), rest, None)
        });
    }
    let left_before = earlier.map(|(_, flow)| flow.left);
    if !flow.left.is_zero() || left_before.is_some_and(|left| !left.is_zero()) {
        let (residual, words) = (residual(name), Cell::Text("Left: idle or kept".to_owned()));
        let of = [("team", residual.as_str())];
        let row = line(words, amount(flow.left, ground.rows(&of)), flow.left, was(&of, left_before));
        rows.push(Row { is_rest: true, colour: Some("residual".to_owned()), ..row });
    }
    let mut columns = vec![Column::text("Team"), Column::figure("Cost"), Column::undrawn("Share")];
    let mut foot = vec![Cell::Text("Collected".to_owned()), Cell::Number(whole.to_string(), short(whole)), Cell::Empty];
    if let Some((period, then)) = earlier {
        columns.extend([Column::undrawn(period_text(period)), Column::undrawn("Change")]);
        let then = then.whole();
        foot.extend([Cell::Number(then.to_string(), short(then)), change(whole - then)]);
    }
    Table {
        id: anchor(name),
        caption: format!("Who pays for {name}, {}, {}", ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns,
        rows,
        foot: vec![Row::new(foot)],
        ..Table::default()
    }
}
