//! Search: where is a thing whose name somebody knows? Units by any name that they had, services, resources, rules, pools,
//! sources and pages; figures are not searched.

use std::collections::BTreeSet;

use leap_orient::reading::spend::SpendRow;
use leap_terms::TeamId;
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Column, Field, Filters, Link, Page, Row, Table};
use serde_json::json;

use super::ground::Ground;
use super::{failed, parameter};
use crate::packs;
use crate::world::published;

/// Results of a page.
const SHOWN: usize = 50;
/// Results of the palette, unless it asks for fewer.
const LISTED: usize = 12;

const KINDS: [&str; 8] = ["unit", "team", "service", "resource", "rule", "pool", "source", "page"];

const PAGES: [(&str, &[&str]); 17] = [
    ("Charter", &[]),
    ("Explore", &["explore"]),
    ("Coverage", &["coverage"]),
    ("Residual", &["coverage", "residual"]),
    ("Latency", &["latency"]),
    ("Claims", &["claims"]),
    ("Pools", &["pools"]),
    ("Budgets", &["budgets"]),
    ("Incidents", &["incidents"]),
    ("Messages", &["messages"]),
    ("Alerts", &["alerts"]),
    ("Forecast", &["forecast"]),
    ("Org", &["org"]),
    ("Periods", &["periods"]),
    ("Data", &["data"]),
    ("Business volume", &["volume"]),
    ("Audit trail", &["data", "audit"]),
];

struct Hit {
    /// 0 the name itself, 1 its start, 2 the start of a word, 3 inside.
    rank: u8,
    kind: &'static str,
    title: String,
    hint: String,
    href: String,
}

/// How well a name fits; `None` where it does not.
fn rank(name: &str, wanted: &str) -> Option<u8> {
    let name = name.to_lowercase();
    if name == wanted {
        return Some(0);
    }
    if name.starts_with(wanted) {
        return Some(1);
    }
    let at = name.find(wanted)?;
    let before = name[..at].chars().next_back();
    Some(if before.is_some_and(|letter| !letter.is_alphanumeric()) { 2 } else { 3 })
}

fn find(ground: &Ground, text: &str, kind: Option<&str>) -> Result<Vec<Hit>, Problem> {
    let wanted = text.trim().to_lowercase();
    let mut hits = Vec::new();
    let takes = |one: &str| kind.is_none_or(|kind| kind == one);
    let day = ground.period.until().plus(-1);
    let org = &ground.view().head().org;
    if takes("unit") || takes("team") {
        for unit in org.units() {
            if !ground.view().sees_unit(&unit.id, day) {
                continue;
            }
            let names = unit.spans.iter().flat_map(|span| std::iter::once(&span.name).chain(&span.aliases));
            let names = names.map(String::as_str).chain([unit.id.as_str()]);
            let Some(best) = names.filter_map(|name| rank(name, &wanted)).min() else { continue };
            let near = unit.near(day);
            let own = if near.kind.eq_ignore_ascii_case("team") { "team" } else { "unit" };
            if kind == Some("team") && own != "team" {
                continue;
            }
            let path: Vec<&str> = org.path(&unit.id, day).iter().map(|unit| unit.name_on(day)).collect();
            hits.push(Hit {
                rank: best,
                kind: own,
                title: unit.name_on(day).to_owned(),
                hint: if path.is_empty() { "no longer there".to_owned() } else { path.join(" / ") },
                href: ground.to(&["team", unit.id.as_str()], &[]),
            });
        }
    }
    for (one, by) in [("service", "service"), ("resource", "resource"), ("pool", "pool"), ("source", "source")] {
        // A resource is worth looking for with three letters; with fewer there are all of them.
        if !takes(one) || (one == "resource" && wanted.chars().count() < 3) {
            continue;
        }
        // Packs know names, not who may see them.
        if one == "resource"
            && ground.view().reach().is_everything()
            && let Some(found) = resources(ground, &wanted)?
        {
            hits.extend(found);
            continue;
        }
        let rows = ground.spent_in_all(by, None, None, ground.period)?;
        hits.extend(rows.0.iter().filter_map(|row| named(ground, row, one, &wanted)));
    }
    let sees_all = ground.view().reach().is_everything();
    if takes("rule") && sees_all {
        for rule in ground.view().head().rules.rules() {
            if let Some(rank) = rank(rule.id.as_str(), &wanted) {
                hits.push(Hit {
                    rank,
                    kind: "rule",
                    title: rule.id.to_string(),
                    hint: "what it gives to whom".to_owned(),
                    href: ground.to(&["explore"], &[("rule", rule.id.as_str()), ("by", "team,day")]),
                });
            }
        }
    }
    if takes("page") {
        let shut = super::routes::shut(&ground.person.rights);
        for (title, path) in PAGES.iter().filter(|(_, path)| path.first().is_none_or(|first| !shut.contains(first))) {
            if let Some(rank) = rank(title, &wanted) {
                let href = ground.to(path, &[]);
                hits.push(Hit { rank, kind: "page", title: (*title).to_owned(), hint: "page".to_owned(), href });
            }
        }
    }
    hits.sort_by(|a, b| (a.rank, a.kind, &a.title, &a.href).cmp(&(b.rank, b.kind, &b.title, &b.href)));
    hits.dedup_by(|a, b| a.href == b.href);
    Ok(hits)
}

/// The resources that fit best, straight from packs: there may be millions. None where a slice is too large to be packed.
fn resources(ground: &Ground, wanted: &str) -> Result<Option<Vec<Hit>>, Problem> {
    let open = published(ground.home);
    let mut best = BTreeSet::<(u8, String)>::new();
    for (_, slice) in ground.view().sliced() {
        if !ground.basis.may_cover(ground.period, &slice.scope, slice.first_day, slice.last_day) {
            continue;
        }
        let pack = packs::pack(ground.home, slice, ground.cost, &open).map_err(|failure| failed(&failure))?;
        let Some(pack) = pack else { return Ok(None) };
        for id in pack.resource_ids().filter(|id| may_contain(id, wanted)) {
            let Some(rank) = rank(id, wanted) else { continue };
            let worst = best.last().filter(|_| best.len() > SHOWN);
            if worst.is_none_or(|(known, text)| (rank, id) < (*known, text.as_str())) {
                best.insert((rank, id.to_owned()));
                if best.len() > SHOWN + 1 {
                    best.pop_last();
                }
            }
        }
    }
    let hit = |(rank, id): (u8, String)| {
        let href = ground.to(&["resource"], &[("id", &id)]);
        Hit { rank, kind: "resource", title: id, hint: "resource".to_owned(), href }
    };
    Ok(Some(best.into_iter().map(hit).collect()))
}

/// False where a text surely does not contain another in whatever case of letters; no copy is made of it.
fn may_contain(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    !text.is_ascii() || text.windows(wanted.len().max(1)).any(|part| part.eq_ignore_ascii_case(wanted))
}

fn named(ground: &Ground, row: &SpendRow, kind: &'static str, wanted: &str) -> Option<Hit> {
    let name = row.values[0].as_deref()?;
    let rank = rank(name, wanted)?;
    let href = match kind {
        "resource" => ground.to(&["resource"], &[("id", name)]),
        "pool" => ground.to(&["pools", name], &[]),
        _ => ground.to(&["explore"], &[(kind, name), ("by", "team,day")]),
    };
    Some(Hit { rank, kind, title: name.to_owned(), hint: kind.to_owned(), href })
}

fn kind<'g>(ground: &Ground<'g>) -> Result<Option<&'g str>, Problem> {
    match ground.ask.get("kind") {
        Some(kind) if !KINDS.contains(&kind) => {
            Err(parameter(ground.ask, "kind", format!("'{kind}' is none of {}", KINDS.join(", "))))
        }
        kind => Ok(kind),
    }
}

/// What the palette shows.
pub(super) fn items(ground: &Ground) -> Result<serde_json::Value, Problem> {
    let text = ground.ask.get("q").unwrap_or_default();
    let limit = match ground.ask.get("limit") {
        None => LISTED,
        Some(text) => text.parse().map_err(|_| parameter(ground.ask, "limit", format!("'{text}' is no number")))?,
    };
    let hits = find(ground, text, kind(ground)?)?;
    let items: Vec<_> = hits
        .iter()
        .take(limit.min(SHOWN))
        .map(|hit| json!({ "kind": hit.kind, "title": hit.title, "hint": hit.hint, "href": hit.href }))
        .collect();
    Ok(json!({ "snapshot": ground.view().head().digest_text(), "items": items }))
}

pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let text = ground.ask.get("q").unwrap_or_default();
    let chosen = kind(ground)?;
    let kinds = std::iter::once((String::new(), "all".to_owned()))
        .chain(KINDS.iter().map(|kind| ((*kind).to_owned(), (*kind).to_owned())))
        .collect();
    let form = Filters {
        label: "Search".to_owned(),
        fields: vec![
            Field {
                name: "q",
                label: "Words",
                value: text.to_owned(),
                choices: Vec::new(),
                default: "",
                example: "a name, an old name, an id",
            },
            Field {
                name: "kind",
                label: "Kind",
                value: chosen.unwrap_or_default().to_owned(),
                choices: kinds,
                default: "",
                example: "",
            },
        ],
        hidden: ground.carried(),
        is_search: true,
        ..Filters::default()
    };
    let mut page = Page { title: "Search".to_owned(), blocks: vec![Block::Filters(form)], ..Page::default() };
    if text.is_empty() && chosen.is_none() {
        "Names, old names, ids, services and rules are searched; figures are not.".clone_into(&mut page.sub);
        return Ok(page);
    }
    let hits = find(ground, text, chosen)?;
    page.sub = match hits.len() {
        all if all > SHOWN => format!("\u{201c}{text}\u{201d}: the best {SHOWN} results"),
        all => format!("\u{201c}{text}\u{201d}: {all} results"),
    };
    if hits.is_empty() {
        let near = ground.view().head().org.nearest(text).filter(|_| ground.view().reach().is_everything());
        let id = near.and_then(|near| TeamId::new(&near).ok());
        let next = id.map(|id| {
            Link::new(
                format!("Did you mean {}?", ground.name(id.as_str())),
                ground.to(&["search"], &[("q", id.as_str())]),
            )
        });
        page.blocks.push(Block::Nothing(
            format!("Nothing you may see is called \u{201c}{text}\u{201d}."),
            next.into_iter().collect(),
        ));
        return Ok(page);
    }
    let rows = hits
        .into_iter()
        .take(SHOWN)
        .map(|hit| {
            Row::new(vec![
                Cell::Link(Link::new(hit.title, hit.href)),
                Cell::Text(hit.kind.to_owned()),
                Cell::Text(hit.hint),
            ])
        })
        .collect();
    page.blocks.push(Block::Table(Table {
        id: "t-found".to_owned(),
        caption: "Best first".to_owned(),
        columns: vec![Column::text("Name"), Column::text("Kind"), Column::text("Where")],
        rows,
        is_cards: true,
        ..Table::default()
    }));
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_itself_comes_before_its_start_a_word_and_the_middle() {
        assert_eq!(rank("Payments", "payments"), Some(0));
        assert_eq!(rank("Payments", "pay"), Some(1));
        assert_eq!(rank("db-payments", "pay"), Some(2));
        assert_eq!(rank("prepayments", "pay"), Some(3));
        assert_eq!(rank("ledger", "pay"), None);
    }
}
