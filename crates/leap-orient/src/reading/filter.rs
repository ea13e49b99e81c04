//! `--where`: a predicate over a charge's columns and over the answer (`team`, `rule`, `source`).

use leap_terms::Fault;

use super::spend::RowFilter;
use super::tags::tag;
use crate::predicate::{Field, Fields, Predicate, Row, TagSource};

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

impl RowFilter for Filter {
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
}
