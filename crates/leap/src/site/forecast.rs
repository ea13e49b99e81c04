//! Forecast: what is expected of a unit to the end of the month, and how good earlier forecasts turned out to be.
//!
//! ```text
//! /forecast?under=payments      days so far, P50, P10 to P90; frozen forecasts with their scores
//! ```
//! The same as `leap forecast list`. Forecasts are frozen by turns of the loop and scored by `leap forecast score`.

use std::collections::BTreeMap;
use std::sync::Arc;

use leap_terms::{Currency, Day, Exact, Period, Reach, TeamId};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Link, Page, Row, Table, Tone};

use super::failed;
use super::ground::Ground;
use super::words::{cents, headline, period_text};
use crate::failure::Failure;
use crate::forecasts::{self, Outlook, Told};

/// Days before the forecast that are shown.
const DAYS: i32 = 56;
/// Frozen forecasts of a page.
const PAGE: usize = 100;

/// The unit in question: the one that is named, or the topmost that the reader sees.
fn unit(ground: &Ground) -> Option<TeamId> {
    let tree = ground.view().head().org.tree(ground.view().through());
    ground.under.clone().or_else(|| match ground.view().reach() {
        Reach::Everything => tree.roots().first().map(|root| (*root).clone()),
        Reach::Under(units) => units.first().cloned(),
    })
}

/// `/forecast`.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let problem = |failure: Failure| failed(&failure);
    let unit = unit(ground);
    let name = unit.as_ref().map_or_else(String::new, |unit| ground.name(unit.as_str()));
    let mut page = Page {
        title: "Forecast".to_owned(),
        sub: format!("{name}, {} cost from {} on", ground.cost.word(), ground.view().through().plus(1)),
        tabs: super::budgets::tabs(ground, "forecast"),
        command: Some("leap forecast list".to_owned()),
        ..Page::default()
    };
    if let Some(unit) = &unit {
        let outlook: Arc<BTreeMap<Currency, Outlook>> =
            ground.home.kept.get(&ground.key(&format!("outlook|{unit}")), || {
                let made = forecasts::outlook(ground.home, ground.view(), ground.cost, unit);
                let made = ground.runtime.block_on(made).map_err(problem)?;
                let bytes = 200 + made.values().map(|one| one.history.len() * 80).sum::<usize>();
                Ok::<_, Problem>((made, bytes))
            })?;
        match outlook.get(&ground.currency) {
            Some(outlook) => expected(ground, unit, outlook, &mut page),
            None => page.blocks.push(Block::Nothing(
                format!("{name} has no cost in {} to forecast from.", ground.currency),
                vec![Link::new("Cost by service", ground.to(&["explore"], &[]))],
            )),
        }
    }
    let told = ground.runtime.block_on(forecasts::frozen(ground.home)).map_err(problem)?;
    let day = ground.view().through();
    let org = &ground.view().head().org;
    let is_asked = |told: &Told| {
        ground.view().sees_unit(&told.unit, day)
            && ground.under.as_ref().is_none_or(|above| {
                told.unit == *above || org.path(&told.unit, day).iter().any(|unit| unit.id == *above)
            })
    };
    let told: Vec<Told> = told.into_iter().filter(is_asked).collect();
    page.blocks.push(past(ground, &told));
    Ok(page)
}

/// The days so far and those that are expected.
fn expected(ground: &Ground, unit: &TeamId, outlook: &Outlook, page: &mut Page) {
    let Some(forecast) = &outlook.forecast else {
        let words = "Two weeks of cost are needed before anything can be expected of it.";
        page.blocks.push(Block::Notice(Tone::Info, words.to_owned(), None));
        return;
    };
    let month = outlook.until.plus(-1).month();
    let total = &forecast.total;
    page.blocks.push(Block::Headline {
        figure: headline(outlook.month(), String::new()),
        unit: format!("{} {} expected in {month}", ground.currency, ground.cost.word()),
        delta: Vec::new(),
        say: format!(
            "The {} days from {} on: {}, and in eight of ten cases between {} and {}.",
            forecast.days.len(),
            outlook.origin,
            cents(total.middle),
            cents(total.low),
            cents(total.high)
        ),
    });
    let number = |value: Exact| Cell::Number(value.to_string(), cents(value));
    let known = |(day, cost): (&Day, &Exact)| {
        let period = Period::new(*day, day.plus(1)).map_or_else(String::new, period_text);
        let href = ground.rows(&[
            ("under", unit.as_str()),
            ("period", &period),
            ("measure", ground.currency.as_str()),
            ("basis", "incurred"),
        ]);
        let href = if cost.is_zero() { String::new() } else { href };
        let figure = Figure { exact: cost.to_string(), shown: cents(*cost), href };
        Row::new(vec![Cell::Text(day.to_string()), Cell::Figure(figure), Cell::Empty, Cell::Empty, Cell::Empty])
    };
    let coming = |(day, range): &(Day, leap_decide::forecast::Range)| {
        let values = [number(range.middle), number(range.low), number(range.high)];
        Row::new([vec![Cell::Text(day.to_string()), Cell::Empty], values.to_vec()].concat())
    };
    let first = outlook.origin.plus(-DAYS);
    let table = Table {
        id: "t-forecast".to_owned(),
        caption: format!("Cost by day, and what is expected, {}", ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![
            Column::text("Day"),
            Column::figure("Cost").role("actual"),
            Column::figure("Expected (P50)").role("forecast"),
            Column::figure("P10").role("low"),
            Column::figure("P90").role("high"),
        ],
        rows: outlook.history.range(first..).map(known).chain(forecast.days.iter().map(coming)).collect(),
        ..Table::default()
    };
    let chart = Chart {
        kind: "fan",
        title: format!("What is expected to {}", outlook.until.plus(-1)),
        say: "Days so far lead to their charges; of ten days that come, eight lie in the band.".to_owned(),
        size: "l",
        target: None,
        flags: "",
    };
    page.blocks.push(Block::Chart(chart, table));
}

/// Frozen forecasts, and how good they were.
fn past(ground: &Ground, told: &[Told]) -> Block {
    let title = "Frozen forecasts".to_owned();
    if told.is_empty() {
        let words = "No forecast was frozen yet: a turn of the loop freezes those of units with a budget, and of the company, \
                     before more than three days of the month are known.";
        return Block::Section {
            title,
            say: String::new(),
            blocks: vec![Block::Nothing(words.to_owned(), vec![Link::new("Budgets", ground.to(&["budgets"], &[]))])],
        };
    }
    let mut blocks = Vec::new();
    if let Some(quality) = forecasts::quality(told) {
        let share = |share: f64| Cell::Number(format!("{share:.4}"), forecasts::percent(share));
        let mut facts = vec![
            (
                "Totals off".to_owned(),
                share(quality.off),
                String::new(),
                format!("on average, of {} with a score", quality.scored),
            ),
            (
                "Within P10 and P90".to_owned(),
                share(quality.within),
                String::new(),
                "eight of ten are to be".to_owned(),
            ),
        ];
        facts.extend(
            quality
                .ahead
                .iter()
                .take(2)
                .map(|(days, off)| (format!("Days {days} off"), share(*off), String::new(), "on average".to_owned())),
        );
        blocks.push(Block::Facts(facts));
    }
    let columns = vec![
        Column::text("Unit"),
        Column::text("Of"),
        Column::text("Currency"),
        Column::figure("Expected"),
        Column::undrawn("P10"),
        Column::undrawn("P90"),
        Column::undrawn("Cost"),
        Column::text("Off"),
        Column::text("Within"),
        Column::text("Made"),
    ];
    let shown = if ground.ask.get("format").is_some() { usize::MAX } else { PAGE };
    let number = |value: Exact| Cell::Number(value.to_string(), cents(value));
    let row = |told: &Told| {
        let (origin, until) = (told.frozen.forecast.origin, told.frozen.until());
        let period = Period::new(origin, until).map_or_else(String::new, period_text);
        let charges = ground.rows(&[
            ("under", told.unit.as_str()),
            ("period", &period),
            ("cost", told.cost.word()),
            ("basis", "incurred"),
        ]);
        let off = told
            .of_score("off")
            .parse()
            .ok()
            .map_or(Cell::None, |off: f64| Cell::Number(format!("{off:.4}"), forecasts::percent(off)));
        let within = match told.of_score("within").as_str() {
            "" => Cell::None,
            "true" => Cell::Badge(Tone::Ok, "within".to_owned()),
            _ => Cell::Badge(Tone::Warn, "outside".to_owned()),
        };
        Row::new(vec![
            Cell::Link(Link::new(
                ground.name(told.unit.as_str()),
                ground.to(&["forecast"], &[("under", told.unit.as_str())]),
            )),
            Cell::Link(Link::new(format!("{origin} to {}", until.plus(-1)), charges)),
            Cell::Text(told.frozen.forecast.currency.as_str().to_owned()),
            number(told.forecast.total.middle),
            number(told.forecast.total.low),
            number(told.forecast.total.high),
            told.of_score("cost_of_days").parse().map_or(Cell::None, number),
            off,
            within,
            Cell::Text(told.frozen.forecast.made_at.day().to_string()),
        ])
    };
    blocks.push(Block::Table(Table {
        id: "t-frozen".to_owned(),
        caption: "Forecasts as they were frozen, and what came, the newest first".to_owned(),
        columns,
        rows: told.iter().take(shown).map(row).collect(),
        is_sticky: true,
        ..Table::default()
    }));
    let left = told.len().saturating_sub(shown);
    let say = match left {
        0 => "A forecast never changes once it is made; its score is added when its days have come.".to_owned(),
        left => format!("{left} older ones: leap forecast list."),
    };
    Block::Section { title, say, blocks }
}
