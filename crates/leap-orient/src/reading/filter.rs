//! `--where`: a predicate over a charge's columns and over the answer (`team`, `rule`, `source`).

use leap_terms::Fault;

use super::spend::RowFilter;
use super::tags::tag;
use crate::predicate::expression::Comparison;
use crate::predicate::{Field, Fields, Predicate, Row, TagSource, Text, Truth};

/// A parsed filter.
pub struct Filter {
    predicate: Predicate,
    fields: Vec<Field>,
}

impl Filter {
    /// Reads a filter; `levels` are the kinds of org units, which it may read like columns.
    ///
    /// # Errors
    /// The first fault, with its place in the text.
    pub fn parse(text: &str, levels: &[String]) -> Result<Filter, Fault> {
        let mut fields = Fields::with_owners(levels);
        let predicate = Predicate::parse(text, &mut fields).map_err(|error| {
            // The words of rules speak of owners; a filter only chooses charges.
            let (message, help) = match error.message.split_once(", and an owner cannot depend on it") {
                Some((what, _)) => (
                    format!("{what}, and --where reads dimensions only"),
                    Some("ask for amounts with leap sql".to_owned()),
                ),
                None => (error.message, error.help),
            };
            let fault = Fault::in_file("--where", message).at(text, error.offset, error.length);
            match help {
                Some(help) => fault.help(help),
                None => fault,
            }
        })?;
        Ok(Filter { predicate, fields: fields.all().to_vec() })
    }
}

impl Filter {
    /// Adds what a condition that holds says of single columns.
    fn note(&self, truth: &Truth, needs: &mut Vec<(String, Vec<String>)>) {
        let mut must = |field: u32, values: Vec<String>| {
            if let Field::Column(name) = &self.fields[field as usize] {
                needs.push((name.clone(), values));
            }
        };
        match truth {
            Truth::And(all) => all.iter().for_each(|one| self.note(one, needs)),
            Truth::Compare(Comparison::Equal, Text::Field(field), Text::Literal(Some(value)))
            | Truth::Compare(Comparison::Equal, Text::Literal(Some(value)), Text::Field(field)) => {
                must(*field, vec![value.to_string()]);
            }
            Truth::In(Text::Field(field), values, _) => {
                must(*field, values.iter().map(ToString::to_string).collect());
            }
            _ => {}
        }
    }
}

impl RowFilter for Filter {
    fn needs(&self) -> Vec<(String, Vec<String>)> {
        let mut needs = Vec::new();
        self.note(&self.predicate.truth, &mut needs);
        needs
    }

    fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = self
            .fields
            .iter()
            .flat_map(|field| match field {
                Field::Column(name) => vec![name.clone()],
                Field::Tag(TagSource::Either, _) => vec!["AllocatedTags".to_owned(), "Tags".to_owned()],
                Field::Tag(TagSource::Allocated, _) => vec!["AllocatedTags".to_owned()],
            })
            .collect();
        columns.sort();
        columns.dedup();
        columns
    }

    fn matches(&self, get: &dyn Fn(&str) -> Option<String>) -> bool {
        let values: Vec<Option<String>> = self
            .fields
            .iter()
            .map(|field| match field {
                Field::Column(name) => get(name).filter(|text| !text.is_empty()),
                Field::Tag(TagSource::Either, key) => {
                    tag(get("AllocatedTags").as_deref(), key).or_else(|| tag(get("Tags").as_deref(), key))
                }
                Field::Tag(TagSource::Allocated, key) => tag(get("AllocatedTags").as_deref(), key),
            })
            .collect();
        let fields: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        self.predicate.truth.value(Row { fields: &fields, truths: &[] }) == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_reads_the_answer_and_the_charge() {
        let filter = Filter::parse("team = 'a' AND Tags['env'] IN ('prod', 'stage')", &[]).unwrap();
        let get = |env: &'static str| {
            move |name: &str| match name {
                "team" => Some("a".to_owned()),
                "Tags" => Some(format!("{{\"env\":\"{env}\"}}")),
                _ => None,
            }
        };
        assert!(filter.matches(&get("prod")));
        assert!(!filter.matches(&get("dev")));
        assert_eq!(filter.columns(), ["AllocatedTags", "Tags", "team"]);
        assert!(Filter::parse("SubAccountId = 5", &[]).is_err());
    }

    #[test]
    fn what_a_filter_needs_is_what_all_its_charges_have() {
        let needs = |text: &str| Filter::parse(text, &[]).unwrap().needs();
        let one =
            |name: &str, values: &[&str]| (name.to_owned(), values.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(
            needs("ResourceId = 'i-1' AND (team IN ('b', 'a')) AND RegionId LIKE 'eu%'"),
            [one("ResourceId", &["i-1"]), one("team", &["a", "b"])]
        );
        assert!(needs("ResourceId = 'i-1' OR team = 'a'").is_empty());
        assert!(needs("NOT ResourceId = 'i-1'").is_empty());
        assert!(needs("Tags['env'] = 'prod'").is_empty(), "a tag is no column");
    }
}
