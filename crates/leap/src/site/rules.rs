//! Rules on the site: the text in force with what each rule owns, and the form to change it.
//!
//! ```text
//! GET  /coverage/rules                   the text, all rules in their order
//! GET  /coverage/rules?suggest=1         rules that would own most of what nobody owns   (`suggest`)
//! GET  /coverage/rules?versions=2..5     what was in force when, and how two of them differ (`history`)
//! POST /coverage/rules  text, effective  what other rules would move, their warnings, and a form with expect=DIGEST
//! POST /coverage/rules  …, expect        exactly that, as `leap rules apply` does it
//! ```
//! Files that the rules name are those in force: a new one comes with `leap rules apply`.

mod history;
mod suggest;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leap_book::ConfigKind;
use leap_orient::check::FindingKind;
use leap_orient::rules::{Outcome, Rule};
use leap_terms::{Currency, Day, Deed, Money, Owner};
use leap_web::site::model::{Block, Cell, Column, Link, Page, Row, Table, Task, Tone};
use leap_web::site::{Done, Problem};

use super::act::{Acting, agreed, refused};
use super::dated::{Kind, Typed, Wrong};
use super::difference::{self, Way};
use super::ground::{Ground, NONE};
use super::words::amount;
use super::{coverage, failed, parameter};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::ownership::{self, RulesDraft, Source};
use crate::versions::{self, InForce};
use crate::world::World;

/// What is the matter with rules, by their ids.
type Standing = BTreeMap<String, FindingKind>;

/// What reads a world, and about how many bytes what it found takes.
type Making<T> = fn(&Home, &World) -> Result<(T, usize), Failure>;

/// Where all of this is.
const HERE: &str = "/coverage/rules";
/// The form.
const RULES: Kind = Kind {
    to: HERE,
    label: "Other rules",
    file: "rules.yaml",
    example: "rules:\n  - id: team-tag\n    when: \"Tags['team'] IS NOT NULL\"\n    owner: {from: \"Tags['team']\"}",
    say: "The first rule that matches a charge says whose it is.",
    since: "The first day on which these rules hold; earlier days keep theirs. Empty: all days.",
};

fn in_force(ground: &Ground) -> Result<InForce, Problem> {
    let files = ground.view().head().config_files(ConfigKind::Rules);
    versions::in_force(&files).map_err(|failure| failed(&failure))
}

/// `GET /coverage/rules`.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    match (ground.ask.get("suggest"), ground.ask.get("versions")) {
        (Some(_), Some(_)) => Err(parameter(ground.ask, "suggest", "stands beside versions=: ask for one of them")),
        (Some(_), None) => suggest::page(ground),
        (None, Some(versions)) => history::page(ground, versions),
        (None, None) => editor(ground),
    }
}

/// The views of rules.
fn views(ground: &Ground) -> Block {
    let to = |name: &str, value: &str| ground.to(&["coverage", "rules"], &[(name, value)]);
    Block::Tasks(vec![
        Task {
            what: Link::new("Suggestions", to("suggest", "1")),
            say: "Rules that would own most of what nobody owns, by money.".to_owned(),
            ..Task::default()
        },
        Task {
            what: Link::new("Versions", to("versions", "1")),
            say: "What was applied when and by whom, and how any two of them differ.".to_owned(),
            ..Task::default()
        },
    ])
}

fn editor(ground: &Ground) -> Result<Page, Problem> {
    let InForce { newest, days } = in_force(ground)?;
    let since = match &newest {
        None => "No rules are in force: nobody owns anything yet".to_owned(),
        Some((Day::EARLIEST, _)) => "In force on all days".to_owned(),
        Some((day, _)) => format!("In force from {day}"),
    };
    let mut page = Page {
        title: "Rules".to_owned(),
        sub: since,
        crumbs: vec![Link::new("Coverage", ground.to(&["coverage"], &[])), Link::new("Rules", "")],
        tabs: coverage::tabs(ground, "rules"),
        command: Some("leap rules show".to_owned()),
        ..Page::default()
    };
    if days.len() > 1 {
        let text = format!("This is the newest of {} rule sets; leap rules show prints all of them.", days.len());
        page.blocks.push(Block::Notice(Tone::Info, text, None));
    }
    let (day, text) = newest.unwrap_or((Day::EARLIEST, String::new()));
    let effective = if day == Day::EARLIEST { String::new() } else { day.to_string() };
    // What was known once is read; what is changed is the present.
    let may_change = ground.person.may(Deed::Change, &[]) && ground.ask.get("as_known_on").is_none();
    if may_change {
        let typed = Typed { text, effective, later: String::new() };
        page.blocks.push(section("The rules file", RULES.editor(&typed, Wrong::default(), &days)));
    } else if !text.is_empty() {
        page.blocks.push(section("The rules file", Block::Text(text)));
    }
    page.blocks.push(all(ground)?);
    page.blocks.push(section("More", views(ground)));
    Ok(page)
}

fn section(title: &str, block: Block) -> Block {
    Block::Section { title: title.to_owned(), say: String::new(), blocks: vec![block] }
}

fn owner(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Team(team) => team.clone(),
        Outcome::From(expression) => format!("the team that {} names", expression.source),
        Outcome::Mapping(mapping) => format!("by {}", mapping.file()),
        Outcome::Pool(pool) => format!("pool {pool}"),
        Outcome::Catalog(_, catalog) => format!("by the catalog {}", catalog.file),
        Outcome::CodeOwners(_, owners) => format!("by {}", owners.file),
    }
}

/// What is the matter with the rules, and the memory of that.
fn asked(home: &Home, world: &World) -> Result<(Standing, usize), Failure> {
    let made = ownership::standing(home, world)?;
    let bytes = made.keys().map(|rule| rule.len() + 64).sum();
    Ok((made, bytes))
}

/// What is the matter with the rules, kept per snapshot; `None` while it is worked out from many charges.
fn standing(ground: &Ground) -> Result<Option<Arc<Standing>>, Problem> {
    worked_out(ground, "standing", asked)
}

/// What is read from all charges that are known, kept per snapshot; `None` while it is worked out from many of them.
fn worked_out<T: Any + Send + Sync>(ground: &Ground, what: &str, make: Making<T>) -> Result<Option<Arc<T>>, Problem> {
    let world = ground.view().head();
    let key = format!("{what}|{}", world.digest_text());
    let charges: u64 = world.scopes.iter().map(|scope| scope.facts.rows).sum();
    if charges > ground.home.settings.serve.ready_rows {
        if let Some(known) = ground.home.kept.known::<T>(&key) {
            return Ok(Some(known));
        }
        let (home, cached) = (ground.home.clone(), ground.cached.clone());
        ground.home.kept.begin(format!("begun|{key}"), move || {
            if let Err(failure) = home.kept.get(&key, || make(&home, cached.view.head())) {
                tracing::warn!("what rules own could not be worked out: {}", failure.message);
            }
        });
        return Ok(None);
    }
    ground.home.kept.get(&key, || make(ground.home, world)).map(Some).map_err(|failure: Failure| failed(&failure))
}

fn state(finding: Option<&FindingKind>) -> Cell {
    match finding {
        None => Cell::Badge(Tone::Ok, "live".to_owned()),
        Some(FindingKind::NeverMatches) => Cell::Badge(Tone::Warn, "dead".to_owned()),
        Some(FindingKind::Shadowed | FindingKind::Unreachable) => Cell::Badge(Tone::Warn, "shadowed".to_owned()),
        Some(kind @ (FindingKind::UnknownTeam | FindingKind::Ambiguous)) => {
            Cell::Badge(Tone::Warn, format!("live, {}", ownership::finding_word(*kind)))
        }
    }
}

/// All rules in their order, with what they own.
fn all(ground: &Ground) -> Result<Block, Problem> {
    let rules = ground.view().head().rules.rules();
    let (spent, total) = ground.spent("rule", None, None, ground.period)?;
    let mut costs: BTreeMap<Option<String>, Money> = BTreeMap::new();
    for row in &spent {
        *costs.entry(row.values[0].clone()).or_default() += row.amount;
    }
    // A rule that holds in several versions is one line, as it holds last.
    let mut newest = BTreeMap::<&str, &Rule>::new();
    for rule in rules {
        let known = newest.entry(rule.id.as_str()).or_insert(rule);
        if rule.effective.from() >= known.effective.from() {
            *known = rule;
        }
    }
    let standing = standing(ground)?;
    let state = |rule: &str| match &standing {
        None => Cell::Text("being worked out".to_owned()),
        Some(standing) => state(standing.get(rule)),
    };
    let mut told = BTreeSet::new();
    let mut rows = Vec::new();
    for rule in rules.iter().filter(|rule| told.insert(rule.id.as_str())) {
        let (id, rule) = (rule.id.as_str(), newest[rule.id.as_str()]);
        let cost = costs.remove(&Some(id.to_owned())).unwrap_or_default();
        rows.push(Row::new(vec![
            Cell::Id(Link::new(id, ground.to(&["explore"], &[("rule", id), ("by", "team")]))),
            Cell::Text(rule.when.as_ref().map_or_else(|| "every charge".to_owned(), |when| when.source.clone())),
            Cell::Text(owner(&rule.outcome)),
            amount(cost, ground.rows(&[("rule", id)])),
            state(id),
        ]));
    }
    for (rule, cost) in costs.into_iter().filter(|(_, cost)| !cost.is_zero()) {
        let (name, value) = match &rule {
            None => ("no rule", NONE),
            Some(id) => (id.as_str(), id.as_str()),
        };
        let mut row = Row::new(vec![
            Cell::Text(name.to_owned()),
            Cell::Empty,
            Cell::Empty,
            amount(cost, ground.rows(&[("rule", value)])),
            Cell::Empty,
        ]);
        row.is_rest = true;
        rows.push(row);
    }
    let table = Table {
        id: "t-rules".to_owned(),
        caption: format!("Rules and what they own, {}, {}", ground.period, ground.currency),
        unit: ground.currency.to_string(),
        columns: vec![
            Column::text("Rule"),
            Column::text("Condition"),
            Column::text("Owner"),
            Column::figure("Cost"),
            Column::text("State"),
        ],
        rows,
        sum: Some((total.to_string(), 3)),
        ..Table::default()
    };
    Ok(Block::Section {
        title: "All rules in their order".to_owned(),
        say: "Dead is what no charge of any period meets; shadowed is what comes after a rule that decides first."
            .to_owned(),
        blocks: vec![Block::Table(table)],
    })
}

/// `POST /coverage/rules`.
pub(super) fn send(acting: &Acting<'_>) -> Result<Done, Problem> {
    let ground = acting.ground;
    let InForce { newest, days } = in_force(ground)?;
    let in_force = newest.as_ref().map(|(_, text)| text.as_str());
    let typed = match acting.ask.get("take") {
        None => Typed::of(acting.ask, in_force)?,
        // A suggestion joins the newest rules, which hold from the day that they have.
        Some(rule) => {
            let day = newest.as_ref().map(|(day, _)| *day).filter(|day| *day != Day::EARLIEST);
            let effective = day.map_or_else(String::new, |day| day.to_string());
            // As the form sends it, which keeps no other ends of lines.
            let text = suggest::joined(&in_force.unwrap_or_default().replace("\r\n", "\n"), rule)
                .map_err(|message| Problem::Refused(message, Some(Link::new("Rules", HERE))))?;
            Typed { text, effective, later: String::new() }
        }
    };
    let again = |wrong: Wrong, message: String| {
        let mut page = Page {
            title: "Rules".to_owned(),
            sub: "Nothing was changed".to_owned(),
            tabs: coverage::tabs(ground, "rules"),
            ..Page::default()
        };
        page.blocks.push(section("The rules file", RULES.editor(&typed, wrong, &days)));
        acting.again(page, Problem::Refused(message, Some(Link::new("Rules", HERE))))
    };
    let since = match typed.since(&days) {
        Ok(since) => since,
        Err(wrong) => {
            let message = wrong.all();
            return again(wrong, message);
        }
    };
    let lock = acting.lock_if_agreed()?;
    let draft = match acting.run(RulesDraft::of(ground.home, Source::Text(&typed.text), since)) {
        Ok(draft) => draft,
        Err(failure) if failure.exit == Exit::Usage => {
            let wrong = Wrong { text: failure.message.clone(), ..Wrong::default() };
            return again(wrong, failure.message);
        }
        Err(failure) => return Err(refused(&failure, Some(Link::new("Rules", HERE)))),
    };
    let digest = draft.digest();
    let stale = match agreed(acting.ask, digest, || Link::new("Rules", HERE)) {
        Ok(true) => {
            let applied = acting.run(draft.apply(ground.home));
            let (snapshot, touched) = applied.map_err(|failure| refused(&failure, Some(Link::new("Rules", HERE))))?;
            drop(lock);
            let said = format!("rules applied; snapshot {}, {} keys changed", snapshot.digest.short(), touched.changed);
            return Ok(Done::Gone { to: HERE.to_owned(), said });
        }
        Ok(false) => None,
        Err(stale) => Some(stale),
    };
    drop(lock);
    let mut page = Page {
        title: "Other rules".to_owned(),
        sub: since.day.map_or_else(|| "On all days".to_owned(), |day| format!("From {day} on")),
        crumbs: vec![Link::new("Coverage", "/coverage"), Link::new("Rules", HERE), Link::new("Difference", "")],
        tabs: coverage::tabs(ground, "rules"),
        ..Page::default()
    };
    page.blocks.push(difference::notice(stale.is_some()));
    page.blocks.extend(shown(ground, &draft)?);
    page.blocks.extend(difference::of_texts(in_force.unwrap_or_default(), &typed.text));
    page.blocks.push(difference::agree(HERE, typed.hidden(), digest, "Apply these rules", HERE));
    page.blocks.push(Block::Section {
        title: "Change the text".to_owned(),
        say: String::new(),
        blocks: vec![RULES.editor(&typed, Wrong::default(), &days)],
    });
    draft.discard().map_err(|failure| failed(&failure))?;
    match stale {
        None => acting.preview(page),
        Some(stale) => acting.again(page, stale),
    }
}

/// What new rules would change.
fn shown(ground: &Ground, draft: &RulesDraft) -> Result<Vec<Block>, Problem> {
    let mut ways = BTreeMap::<Currency, Vec<Way>>::new();
    // Per currency: what gets an owner, what loses it, what goes from team to team.
    let mut sums = BTreeMap::<Currency, [Money; 3]>::new();
    for ((from, to, currency), folded) in draft.weighed.moves.rows() {
        let amount = folded.costs.effective;
        let at = match (from, to) {
            (Owner::Residual(_), Owner::Team(_)) => Some(0),
            (Owner::Team(_), Owner::Residual(_)) => Some(1),
            (Owner::Team(_), Owner::Team(_)) => Some(2),
            (Owner::Residual(_), Owner::Residual(_)) => None,
        };
        let sums = sums.entry(currency.clone()).or_default();
        if let Some(at) = at {
            sums[at] += amount;
        }
        ways.entry(currency.clone()).or_default().push(Way {
            from: ground.name(&from.to_string()),
            to: ground.name(&to.to_string()),
            charges: folded.charges(),
            amount,
        });
    }
    let mut parts: Vec<String> = Vec::new();
    for (currency, sums) in &sums {
        for (sum, what) in sums.iter().zip(["gets an owner", "loses its owner", "goes from team to team"]) {
            if !sum.is_zero() {
                parts.push(format!("{} {currency} {what}", super::words::cents(*sum)));
            }
        }
    }
    if parts.is_empty() {
        parts.push(
            if ways.is_empty() { "No cost changes hands" } else { "Cost goes from one residual to another" }.to_owned(),
        );
    }
    let touched = draft.touched();
    let periods: Vec<String> = draft.weighed.periods.iter().map(ToString::to_string).collect();
    let within = match periods.as_slice() {
        [] => String::new(),
        [one] => format!(" in the billing period {one}"),
        several => format!(" in {} billing periods, {} to {}", several.len(), several[0], several[several.len() - 1]),
    };
    let say = format!(
        "{}{within}. {} of {} keys that were looked at get another answer, and {} of {} scopes change.",
        parts.join(", "),
        touched.changed,
        touched.examined,
        touched.rewritten,
        touched.slices
    );
    let mut blocks = vec![Block::Section {
        title: "What would change".to_owned(),
        say,
        blocks: difference::tables("Effective cost that changes hands, before pools are shared", &ways),
    }];
    if !ways.is_empty() {
        blocks.push(Block::Section { title: "Net".to_owned(), say: String::new(), blocks: difference::net(&ways) });
    }
    blocks.extend(difference::closed(ground, &draft.closed));
    blocks.push(warnings(ground, draft)?);
    Ok(blocks)
}

/// What `leap rules check` says of them.
fn warnings(ground: &Ground, draft: &RulesDraft) -> Result<Block, Problem> {
    let found = draft.findings(ground.home).map_err(|failure| failed(&failure))?;
    let line = |line: Option<usize>| line.map_or(Cell::Empty, |line| Cell::Number(line.to_string(), line.to_string()));
    let mut rows: Vec<Row> = draft
        .warnings()
        .iter()
        .map(|fault| {
            Row::new(vec![
                line(fault.line),
                Cell::Text(fault.message.clone()),
                fault.help.clone().map_or(Cell::Empty, Cell::Text),
            ])
        })
        .collect();
    rows.extend(
        found
            .iter()
            .map(|one| Row::new(vec![line(one.line), Cell::Text(one.message.clone()), Cell::Text(one.help.clone())])),
    );
    if rows.is_empty() {
        return Ok(Block::Notice(
            Tone::Ok,
            "No rule of these is dead or shadowed, and all names are teams.".to_owned(),
            None,
        ));
    }
    Ok(Block::Table(Table {
        id: "t-warnings".to_owned(),
        caption: "Allowed, and probably not meant".to_owned(),
        columns: vec![Column::figure("Line"), Column::text("What"), Column::text("What to do")],
        rows,
        is_cards: true,
        ..Table::default()
    }))
}
