//! A resource: why is this mine? The trail from claim over rule and evidence to the place in the org.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::ConfigKind;
use leap_orient::reading::spend::{Basis, SpendRow};
use leap_terms::tables::SOURCE;
use leap_terms::{Day, Money, Owner, Period};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Link, Page, Row, Table};

use super::failed;
use super::ground::Ground;
use super::words::{self, amount, capital, headline};
use crate::annotate::Owners;
use crate::failure::Failure;
use crate::packs;
use crate::rows::{self, text};
use crate::versions;
use crate::world::{Slice, published};

/// Owner, rule, evidence and currency.
type Reason = (String, Option<String>, Option<String>, String);

/// What the charges of one resource say.
#[derive(Default)]
struct Found {
    reasons: BTreeMap<Reason, (Money, u64, Day, Day)>,
    facts: BTreeMap<&'static str, BTreeSet<String>>,
    charges: u64,
}

const FACTS: [(&str, &str); 7] = [
    ("Name", "ResourceName"),
    ("Service", "ServiceName"),
    ("Account", "SubAccountId"),
    ("Account name", "SubAccountName"),
    ("Region", "RegionId"),
    ("Tags", "Tags"),
    ("Source", SOURCE),
];

pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let Some(id) = ground.ask.get("id") else {
        return Err(Problem::Parameter {
            name: "id".to_owned(),
            message: "is missing; name a resource: /resource?id=…".to_owned(),
            without: Some(Link::new("All resources", ground.to(&["explore"], &[("by", "resource")]))),
        });
    };
    let filter = format!("ResourceId = '{}'", id.replace('\'', "''"));
    let filter = Some(filter.as_str());
    let (days, total) = ground.spent("day", filter, None, ground.period)?;
    let (owners, _) = ground.spent("team", filter, None, ground.period)?;
    if days.is_empty() {
        return elsewhere(ground, id, filter);
    }
    let [before, _] = ground.compared();
    let (_, earlier) = ground.spent("day", filter, None, before)?;
    let found = read(ground, id)?;
    let rows = ground.rows(&[("resource", id)]);
    let mut page = Page {
        title: id.to_owned(),
        is_id: true,
        sub: format!("Why this is whose, {}", ground.period),
        crumbs: vec![Link::new("Resources", ground.to(&["explore"], &[("by", "resource")])), Link::new(id, "")],
        command: Some(format!("leap explain {} --period {}", words::shell(id), ground.period)),
        ..Page::default()
    };
    page.blocks.push(Block::Headline {
        figure: headline(total, rows),
        unit: format!("{} {}, {}", ground.currency, ground.cost.word(), ground.period),
        delta: if earlier.is_zero() { Vec::new() } else { vec![words::delta(earlier, total, &before.to_string())] },
        say: whose(ground, &owners),
    });
    let mut trail = Vec::new();
    let several = found.reasons.len() > 1;
    for ((owner, rule, evidence, currency), (sum, count, first, last)) in &found.reasons {
        trail.extend(steps(ground, owner, rule.as_deref(), evidence.as_deref(), several.then_some((*first, *last)))?);
        if several {
            trail.push((
                format!("{count} charges"),
                String::new(),
                format!("{} {currency} {}.", words::cents(*sum), ground.cost.word()),
            ));
        }
    }
    let facts = FACTS
        .iter()
        .filter_map(|(name, column)| Some((*name, found.facts.get(column)?)))
        .map(|(name, values)| {
            let more = if values.len() > 3 { format!(" and {} more", values.len() - 3) } else { String::new() };
            let words: Vec<&str> = values.iter().take(3).map(String::as_str).collect();
            (name.to_owned(), Cell::Text(format!("{}{more}", words.join(", "))))
        })
        .collect();
    page.blocks.push(Block::Split(
        vec![Block::Section {
            title: "Why".to_owned(),
            say: "Claim, rule, evidence, org: the first that speaks decides.".to_owned(),
            blocks: vec![Block::Trail(trail)],
        }],
        vec![Block::Section {
            title: "Facts".to_owned(),
            say: format!("As received, in {} charges.", found.charges),
            blocks: vec![Block::Pairs(facts)],
        }],
    ));
    page.blocks.push(daily(ground, id, &days, total));
    if let Some(form) = super::claims::form(ground, id) {
        page.blocks.push(Block::Section {
            title: "Whose is it?".to_owned(),
            say: "Who has it, or gets it, is asked first, and nothing changes before they accept. What nobody owns is \
                  yours at once."
                .to_owned(),
            blocks: vec![form],
        });
    }
    Ok(page)
}

/// A resource that has no charge in the period, or none at all.
fn elsewhere(ground: &Ground, id: &str, filter: Option<&str>) -> Result<Page, Problem> {
    let all = ground.spent_in_all("month", filter, None, Period::ALWAYS)?;
    let others: Vec<&str> = ground
        .currencies
        .iter()
        .filter(|currency| **currency != ground.currency && all.1.contains_key(*currency))
        .map(leap_terms::Currency::as_str)
        .collect();
    let months: Vec<SpendRow> = all.0.iter().filter(|row| row.currency == ground.currency).cloned().collect();
    if months.is_empty() && !others.is_empty() {
        let links = others.iter().map(|currency| {
            Link::new(format!("in {currency}"), ground.to(&["resource"], &[("id", id), ("measure", currency)]))
        });
        return Ok(Page {
            title: id.to_owned(),
            is_id: true,
            blocks: vec![Block::Nothing(format!("It is not billed in {}.", ground.currency), links.collect())],
            ..Page::default()
        });
    }
    let mut months: Vec<&str> = months.iter().filter_map(|row| row.values[0].as_deref()).collect();
    months.sort_unstable();
    let Some(last) = months.last() else {
        return Err(Problem::NotFound(format!("No resource that you may see is called \u{201c}{id}\u{201d}.")));
    };
    Ok(Page {
        title: id.to_owned(),
        is_id: true,
        sub: ground.period.to_string(),
        blocks: vec![Block::Nothing(
            format!("It has no charges in {}.", ground.period),
            vec![Link::new(
                format!("Its last are of {last}"),
                ground.to(&["resource"], &[("id", id), ("period", last)]),
            )],
        )],
        ..Page::default()
    })
}

fn whose(ground: &Ground, owners: &[SpendRow]) -> String {
    let names: Vec<String> =
        owners.iter().filter_map(|row| row.values[0].as_deref()).map(|owner| ground.name(owner)).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("It belongs to {one}."),
        several => format!("In this period it belonged to {}.", several.join(", then ")),
    }
}

fn read(ground: &Ground, id: &str) -> Result<Found, Problem> {
    let open = published(ground.home);
    let problem = |failure: crate::failure::Failure| failed(&failure);
    let mut found = Found::default();
    let mut unpacked = Vec::new();
    let readers = ground.view().readers();
    for (layer, slice) in ground.view().sliced() {
        if !ground.basis.may_cover(ground.period, &slice.scope, slice.first_day, slice.last_day) {
            continue;
        }
        let Some(pack) = packs::pack(ground.home, slice, ground.cost, &open).map_err(problem)? else {
            unpacked.push((*layer, slice.clone()));
            continue;
        };
        pack.of_resource(id, |cell| {
            let covered = ground.basis.covers(ground.period, cell.day, &slice.scope);
            if !covered || !ground.view().sees(&readers[*layer], cell.owner, cell.day) {
                return;
            }
            found.note(
                (
                    cell.owner.to_string(),
                    cell.rule.map(ToString::to_string),
                    cell.evidence.map(str::to_owned),
                    cell.currency.to_string(),
                ),
                (cell.amount, cell.rows),
                cell.day,
                |column| match column {
                    "ResourceName" => cell.name,
                    SOURCE => Some(slice.scope.source.as_str()),
                    column => pack.key_text(&cell, column),
                },
            );
        });
    }
    if !unpacked.is_empty() {
        read_charges(ground, id, &unpacked, &mut found).map_err(problem)?;
    }
    Ok(found)
}

impl Found {
    /// Adds charges that are alike.
    fn note<'t>(
        &mut self,
        reason: Reason,
        (cost, charges): (Money, u64),
        day: Day,
        get: impl Fn(&'static str) -> Option<&'t str>,
    ) {
        let sum = self.reasons.entry(reason).or_insert((Money::ZERO, 0, day, day));
        *sum = (sum.0 + cost, sum.1 + charges, sum.2.min(day), sum.3.max(day));
        self.charges += charges;
        for (_, column) in FACTS {
            if let Some(value) = get(column) {
                self.facts.entry(column).or_default().insert(value.to_owned());
            }
        }
    }
}

/// The same from the charges of slices that are too large to be packed.
fn read_charges(ground: &Ground, id: &str, layered: &[(usize, Slice)], found: &mut Found) -> Result<(), Failure> {
    let open = published(ground.home);
    let view = ground.view();
    let readers = view.readers();
    let slices: Vec<Slice> = layered.iter().map(|(_, slice)| slice.clone()).collect();
    let owners = Owners::load(&slices, view.head().digest_text(), &open)?;
    let mut more: Vec<String> = FACTS.iter().map(|(_, column)| (*column).to_owned()).collect();
    more.extend(["BillingCurrency".to_owned(), "ResourceId".to_owned()]);
    more.extend(rows::lineage());
    more.extend(rows::cost_columns(ground.cost));
    for (layer, slice) in layered {
        let (one, asked) = (std::slice::from_ref(slice), Some(ground.period));
        rows::each_charge_batch(one, &owners, asked, ground.basis, &more, &open, |batch, owned, inside| {
            for row in (0..batch.num_rows()).filter(|row| inside[*row] && text(batch, "ResourceId", *row) == Some(id)) {
                let (who, day) = (&owned[row], rows::day(batch, row));
                if !view.sees(&readers[*layer], &who.owner, day) {
                    continue;
                }
                let currency = text(batch, "BillingCurrency", row).unwrap_or_default().to_owned();
                found.note(
                    (who.owner.to_string(), who.rule.clone(), who.evidence.clone(), currency),
                    (rows::cost(batch, ground.cost, row), 1),
                    day,
                    |column| text(batch, column, row),
                );
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn steps(
    ground: &Ground,
    owner: &str,
    rule: Option<&str>,
    evidence: Option<&str>,
    days: Option<(Day, Day)>,
) -> Result<Vec<(String, String, String)>, Problem> {
    let when = days.map_or_else(String::new, |(first, last)| format!(", {first} to {last}"));
    let mut trail = Vec::new();
    match rule {
        None => trail.push((
            format!("No rule matched{when}"),
            String::new(),
            "So it is residual, and the steward of that reason looks after it.".to_owned(),
        )),
        Some(rule) => {
            let claims =
                ground.runtime.block_on(crate::claims::behind(ground.home, &[rule.to_owned()], ground.view().known()));
            let claims = claims.map_err(|failure| failed(&failure))?;
            if claims.is_empty() {
                trail.push(("No claim or dispute stands above the rules".to_owned(), String::new(), String::new()));
            }
            trail.extend(
                claims.into_iter().map(|claim| ("A claim that people settled".to_owned(), String::new(), claim)),
            );
            let known = ground.view().head().rules.rules();
            let at = known.iter().position(|one| one.id.as_str() == rule).map(|at| at + 1);
            let place = at.map_or_else(String::new, |at| format!(", number {at} of {}", known.len()));
            trail.push((format!("Rule {rule} matched{place}{when}"), rule_text(ground, rule), String::new()));
        }
    }
    if let Some(evidence) = evidence.filter(|text| !text.is_empty()) {
        trail.push(("Evidence".to_owned(), evidence.to_owned(), "As the provider sent it.".to_owned()));
    }
    match owner.parse::<Owner>() {
        Ok(Owner::Team(team)) => {
            let day = days.map_or_else(|| ground.period.until().plus(-1), |(_, last)| last);
            let path: Vec<&str> =
                ground.view().head().org.path(&team, day).iter().map(|unit| unit.name_on(day)).collect();
            let path = if path.is_empty() { team.to_string() } else { path.join(" / ") };
            trail.push((
                format!("It is {}'s", ground.name(team.as_str())),
                String::new(),
                format!("{path}, on {day}."),
            ));
        }
        Ok(Owner::Residual(reason)) => trail.push((
            ground.name(owner),
            String::new(),
            format!("{} looks after it.", ground.view().steward(&reason)),
        )),
        Err(_) => {}
    }
    Ok(trail)
}

/// The lines of a rule in rules.yaml.
fn rule_text(ground: &Ground, rule: &str) -> String {
    let files = ground.view().head().config_files(ConfigKind::Rules);
    let Ok(versions) = versions::of(&files) else { return String::new() };
    for version in versions.iter().rev() {
        let Some((_, bytes)) = version.files.first() else { continue };
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<&str> = text.lines().collect();
        let is_id = |line: &str| {
            line.trim_start_matches([' ', '-'])
                .strip_prefix("id:")
                .is_some_and(|id| id.trim().trim_matches(['"', '\'']) == rule)
        };
        if let Some(at) = lines.iter().position(|line| is_id(line)) {
            let own = lines[at + 1..]
                .iter()
                .take_while(|line| !line.trim_start().starts_with("- ") && !line.trim().is_empty());
            let text: Vec<&str> = own.map(|line| line.trim()).take(6).collect();
            return text.join(" \u{b7} ");
        }
    }
    String::new()
}

fn daily(ground: &Ground, id: &str, days: &[SpendRow], total: Money) -> Block {
    let mut days: Vec<&SpendRow> = days.iter().collect();
    days.sort_by(|a, b| a.values.cmp(&b.values));
    let rows = days
        .iter()
        .map(|row| {
            let day = row.values[0].clone().unwrap_or_default();
            // By invoice a day is no period: the whole billing period would stand there.
            let href = match ground.basis {
                Basis::Incurred => ground.rows(&[("resource", id), ("period", &day)]),
                Basis::Invoiced => String::new(),
            };
            Row::new(vec![Cell::Text(day.clone()), amount(row.amount, href)])
        })
        .collect();
    let table = Table {
        id: "t-days".to_owned(),
        caption: format!("{} cost by day, {}", capital(ground.cost.word()), ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![Column::text("Day"), Column::figure("Cost")],
        rows,
        sum: Some((total.to_string(), 1)),
        ..Table::default()
    };
    let chart = Chart {
        kind: "line",
        title: "Cost per day".to_owned(),
        say: format!("{} cost of each day.", capital(ground.cost.word())),
        size: "s",
        target: None,
        flags: "",
    };
    Block::Chart(chart, table)
}
