//! The query of `leap sql` that says the same as a page of Explore.
//!
//! ```sql
//! WITH lines AS (
//!   SELECT "x_LeapOwner" AS "team", "EffectiveCost" AS cost FROM charges WHERE "BillingCurrency" = 'USD' AND …
//!   UNION ALL
//!   SELECT owner, effective FROM splits WHERE currency = 'USD' AND …
//! )
//! SELECT "team", SUM(cost) AS "effective" FROM lines GROUP BY "team" ORDER BY "effective" DESC
//! ```
//! Charges and the lines that share pools together are what a page shows ([`crate::splits`]).

use leap_orient::reading::dimension::{Dimension, Named};
use leap_orient::reading::spend::Basis;
use leap_terms::tables;

use super::{Ground, NONE};
use crate::{annotate, spend, splits};

/// A dimension as a column of the query.
struct Column {
    name: String,
    /// Of a charge.
    charge: String,
    /// Of a line that shares a pool.
    line: &'static str,
}

/// An identifier: case counts.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The day of a charge.
const DAY: &str = "CAST(\"ChargePeriodStart\" AS DATE)";
const MONTH_OF_DAY: [&str; 2] =
    ["substr(CAST(CAST(\"ChargePeriodStart\" AS DATE) AS VARCHAR), 1, 7)", "substr(CAST(day AS VARCHAR), 1, 7)"];

fn column(named: &Named, basis: Basis) -> Result<Column, &'static str> {
    let of = |charge: String, line: &'static str| Ok(Column { name: named.name.clone(), charge, line });
    let none = "CAST(NULL AS VARCHAR)";
    match &named.dimension {
        Dimension::Owner => of(quoted(annotate::OWNER), "owner"),
        Dimension::Rule => of(quoted(annotate::RULE), none),
        Dimension::Source => of(quoted(tables::SOURCE), none),
        Dimension::Pool => of(none.to_owned(), "pool"),
        Dimension::Day => of(format!("CAST({DAY} AS VARCHAR)"), "CAST(day AS VARCHAR)"),
        Dimension::Month if basis == Basis::Incurred => of(MONTH_OF_DAY[0].to_owned(), MONTH_OF_DAY[1]),
        Dimension::Month | Dimension::BillingPeriod => of(quoted(tables::BILLING_PERIOD), "billing_period"),
        Dimension::Key(name) | Dimension::Resource(name) | Dimension::Charge(name) => of(quoted(name), none),
        Dimension::Tag(key) => {
            let key = literal(key);
            of(format!("coalesce(\"AllocatedTags\"[{key}], \"Tags\"[{key}])"), none)
        }
        Dimension::Level(_) | Dimension::Path => Err("a level of the org is no column"),
    }
}

/// Σ of the cost in question by these dimensions, of what the page is about.
///
/// # Errors
/// Why no query says the same.
pub(super) fn sql(ground: &Ground, by: &[Named]) -> Result<String, String> {
    let view = ground.view();
    if !view.reach().is_everything() {
        return Err("a query reads the whole company, and you see a part of it".to_owned());
    }
    if ground.ask.get("org").is_some_and(|org| org != "as-was") {
        return Err("a query reads the org as it was on each day".to_owned());
    }
    if ground.under.is_some() {
        return Err("a unit and all below it is no column".to_owned());
    }
    if ground.ask.get("where").is_some() {
        return Err("Where has words of its own; choose by dimensions instead".to_owned());
    }
    let mut columns: Vec<Column> = Vec::new();
    for named in by {
        columns.push(column(named, ground.basis)?);
    }
    // Values of one dimension are alternatives, as in `Ground::filter`.
    let mut chosen: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in ground.chosen() {
        let word = match name.strip_prefix("tag.") {
            Some(key) => format!("Tags['{}']", key.replace('\'', "''")),
            None => name.strip_prefix("level.").unwrap_or(name).to_owned(),
        };
        let named = spend::dimensions(view, &word).map_err(|failure| failure.message)?;
        let Some(named) = named.first() else { continue };
        let new = column(named, ground.basis)?;
        let known = columns.iter().find(|known| known.charge == new.charge).map(|known| known.name.clone());
        let name = known.unwrap_or_else(|| {
            columns.push(new);
            named.name.clone()
        });
        let name = quoted(&name);
        let is = if value == NONE { format!("{name} IS NULL") } else { format!("{name} = {}", literal(value)) };
        match chosen.iter_mut().find(|(known, _)| *known == name) {
            Some((_, any)) => any.push(is),
            None => chosen.push((name, vec![is])),
        }
    }
    let currency = literal(ground.currency.as_str());
    let (from, until) = (ground.period.from(), ground.period.until());
    let within = |day: &str| format!("{day} >= DATE '{from}' AND {day} < DATE '{until}'");
    let first_day = |period: &str| format!("CAST({period} || '-01' AS DATE)");
    let (charge_day, line_day) = match ground.basis {
        Basis::Incurred => (DAY.to_owned(), "day".to_owned()),
        Basis::Invoiced => (first_day(&quoted(tables::BILLING_PERIOD)), first_day("billing_period")),
    };
    let of_charges = columns.iter().map(|column| format!("{} AS {}", column.charge, quoted(&column.name)));
    let of_charges: Vec<String> = of_charges.chain([format!("{} AS cost", quoted(ground.cost.column()))]).collect();
    let mut text = String::new();
    if let Some(day) = ground.ask.get("as_known_on") {
        text += &format!("-- leap sql --as-known-on {day}\n");
    }
    text += &format!(
        "WITH lines AS (\n  SELECT {}\n  FROM charges\n  WHERE \"BillingCurrency\" = {currency} AND {}\n",
        of_charges.join(", "),
        within(&charge_day)
    );
    if ground.ask.get("pools") != Some("kept") {
        let of_lines: Vec<&str> = columns.iter().map(|column| column.line).chain([ground.cost.word()]).collect();
        text += &format!(
            "  UNION ALL\n  SELECT {}\n  FROM {}\n  WHERE currency = {currency} AND {}\n",
            of_lines.join(", "),
            splits::TABLE,
            within(&line_day)
        );
    }
    let names: Vec<String> = by.iter().map(|named| quoted(&named.name)).collect();
    let cost = quoted(ground.cost.word());
    text += &format!(")\nSELECT {}, SUM(cost) AS {cost}\nFROM lines\n", names.join(", "));
    if !chosen.is_empty() {
        let all = chosen.iter().map(|(_, any)| match any.as_slice() {
            [one] => one.clone(),
            any => format!("({})", any.join(" OR ")),
        });
        text += &format!("WHERE {}\n", all.collect::<Vec<_>>().join(" AND "));
    }
    text += &format!("GROUP BY {}\nORDER BY {cost} DESC", names.join(", "));
    Ok(text)
}
