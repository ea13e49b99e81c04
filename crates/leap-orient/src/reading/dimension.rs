//! By what a report groups.
//!
//! ```text
//! team, path, pool, rule, source, month, day, billing_period     leap's own
//! division                                           a level of the org
//! service, account, region, category, provider       short names of FOCUS columns
//! ServiceName, Tags['env'], x_Operation              FOCUS columns, tags and the bill's own columns
//! ```

use leap_terms::fault::nearest;
use leap_terms::focus::{self, ColumnRole};

/// One dimension of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dimension {
    /// The owner: a team, or `residual:<reason>`.
    Owner,
    /// The rule that gave the owner.
    Rule,
    /// The source of the bill.
    Source,
    /// The month: of the charge's day, or of the billing period, as the basis says.
    Month,
    /// The charge's day.
    Day,
    /// The billing period's month.
    BillingPeriod,
    /// The owner's ancestor of this kind: `division`.
    Level(String),
    /// The units from the root down to the owner: `acme/consumer/payments`.
    Path,
    /// The pool whose split the amount is; null for direct cost.
    Pool,
    /// A column of the attribution key.
    Key(String),
    /// A tag.
    Tag(String),
    /// `ResourceId` or `ResourceName`.
    Resource(String),
    /// A column that the cube does not keep: the report reads the charges themselves.
    Charge(String),
}

impl Dimension {
    /// How a filter names it ([`super::filter::Filter`]); `None` where a filter cannot choose by it.
    pub fn in_filter(&self) -> Option<String> {
        Some(match self {
            Dimension::Owner => "team".to_owned(),
            Dimension::Rule => "rule".to_owned(),
            Dimension::Source => "source".to_owned(),
            Dimension::Pool => "pool".to_owned(),
            Dimension::Level(name) | Dimension::Key(name) | Dimension::Resource(name) => name.clone(),
            Dimension::Tag(key) => format!("Tags['{}']", key.replace('\'', "''")),
            Dimension::Month | Dimension::Day | Dimension::BillingPeriod | Dimension::Path | Dimension::Charge(_) => {
                return None;
            }
        })
    }
}

/// A dimension and the name that its column has in the answer: what the person typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// As typed.
    pub name: String,
    /// What it means.
    pub dimension: Dimension,
}

const SHORT: [(&str, &str); 13] = [
    ("service", "ServiceName"),
    ("account", "SubAccountId"),
    ("account_name", "SubAccountName"),
    ("billing_account", "BillingAccountId"),
    ("region", "RegionId"),
    ("category", "ChargeCategory"),
    ("service_category", "ServiceCategory"),
    ("provider", "ProviderName"),
    ("resource", "ResourceId"),
    ("resource_type", "ResourceType"),
    ("commitment", "CommitmentDiscountId"),
    ("sku", "SkuId"),
    ("invoice", "InvoiceId"),
];

/// Reads `team,service,Tags['env']`. `levels` are the kinds of org units, `extra` the bills' own columns.
///
/// # Errors
/// A sentence that names the word and the nearest one that exists.
pub fn parse(text: &str, key_columns: &[String], levels: &[String], extra: &[String]) -> Result<Vec<Named>, String> {
    let mut named: Vec<Named> = Vec::new();
    for word in split(text) {
        let word = word.trim();
        if word.is_empty() {
            continue;
        }
        if named.iter().any(|other| other.name == word) {
            return Err(format!("dimension '{word}' is named twice"));
        }
        named.push(Named { name: word.to_owned(), dimension: one(word, key_columns, levels, extra)? });
    }
    Ok(named)
}

/// Splits at commas that stand outside quotes and brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn one(word: &str, key_columns: &[String], levels: &[String], extra: &[String]) -> Result<Dimension, String> {
    match word.to_ascii_lowercase().as_str() {
        "team" | "owner" => return Ok(Dimension::Owner),
        "rule" => return Ok(Dimension::Rule),
        "source" => return Ok(Dimension::Source),
        "month" => return Ok(Dimension::Month),
        "day" => return Ok(Dimension::Day),
        "billing_period" => return Ok(Dimension::BillingPeriod),
        "path" => return Ok(Dimension::Path),
        "pool" => return Ok(Dimension::Pool),
        _ => {}
    }
    if let Some(key) = word.strip_prefix("Tags['").and_then(|rest| rest.strip_suffix("']")) {
        return Ok(Dimension::Tag(key.replace("''", "'")));
    }
    if let Some(level) = levels.iter().find(|level| level.eq_ignore_ascii_case(word)) {
        return Ok(Dimension::Level(level.clone()));
    }
    let full = SHORT.iter().find(|(short, _)| short.eq_ignore_ascii_case(word)).map_or(word, |(_, full)| full);
    let column = focus::COLUMNS.iter().find(|column| column.name.eq_ignore_ascii_case(full));
    match column.map(|column| (column.name, column.role)) {
        Some((name, ColumnRole::Key)) => Ok(Dimension::Key(name.to_owned())),
        Some((name, ColumnRole::Resource)) => Ok(Dimension::Resource(name.to_owned())),
        Some((name, ColumnRole::Detail)) if key_columns.iter().any(|column| column == name) => {
            Ok(Dimension::Key(name.to_owned()))
        }
        Some((name, ColumnRole::Detail | ColumnRole::Time)) => Ok(Dimension::Charge(name.to_owned())),
        Some((name, ColumnRole::Currency)) => {
            Err(format!("{name} is always a column of the answer: currencies are never added"))
        }
        Some((name, ColumnRole::Measure)) => {
            Err(format!("{name} is summed, not grouped by; choose the cost with --cost"))
        }
        None => match extra.iter().find(|column| column.eq_ignore_ascii_case(full)) {
            Some(column) if key_columns.contains(column) => Ok(Dimension::Key(column.clone())),
            Some(column) => Ok(Dimension::Charge(column.clone())),
            None => Err(unknown(word, levels, extra)),
        },
    }
}

fn unknown(word: &str, levels: &[String], extra: &[String]) -> String {
    let own = ["team", "path", "pool", "rule", "source", "month", "day", "billing_period"];
    let candidates = own
        .into_iter()
        .chain(SHORT.iter().map(|(short, _)| *short))
        .chain(focus::COLUMNS.iter().map(|column| column.name))
        .chain(levels.iter().map(String::as_str))
        .chain(extra.iter().map(String::as_str));
    match nearest(word, candidates) {
        Some(near) => format!("unknown dimension '{}'; did you mean {near}?", word.escape_debug()),
        None => format!(
            "unknown dimension '{}'; use team, rule, source, month, day, a level of the org ({}), service, account, region, category, Tags['key'], or any FOCUS column",
            word.escape_debug(),
            if levels.is_empty() { "none yet: leap org apply".to_owned() } else { levels.join(", ") }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Dimension>, String> {
        let keys = leap_terms::tables::base_key_columns();
        parse(text, &keys, &["division".to_owned()], &["x_Operation".to_owned()])
            .map(|named| named.into_iter().map(|named| named.dimension).collect())
    }

    #[test]
    fn words_people_know_find_their_columns() {
        assert_eq!(
            read("team,service,division,Tags['a,b'],resource,x_Operation,SkuId").unwrap(),
            [
                Dimension::Owner,
                Dimension::Key("ServiceName".into()),
                Dimension::Level("division".into()),
                Dimension::Tag("a,b".into()),
                Dimension::Resource("ResourceId".into()),
                Dimension::Charge("x_Operation".into()),
                Dimension::Charge("SkuId".into()),
            ]
        );
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_nearest() {
        assert_eq!(read("servce").unwrap_err(), "unknown dimension 'servce'; did you mean service?");
        assert_eq!(
            read("BilledCost").unwrap_err(),
            "BilledCost is summed, not grouped by; choose the cost with --cost"
        );
        assert_eq!(read("team,team").unwrap_err(), "dimension 'team' is named twice");
    }
}
