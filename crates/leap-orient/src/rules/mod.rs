//! Rules: who owns what, as people write it. An ordered list; the first rule that matches a charge decides.
//!
//! ```yaml
//! rules:
//!   - id: team-tag
//!     when: "Tags['team'] IS NOT NULL"
//!     owner: {from: "Tags['team']"}
//!   - id: by-resource
//!     mapping: owners.csv            # header: ResourceId,owner,effective_from,effective_until
//!   - id: kafka
//!     when: "ServiceName = 'Kafka'"
//!     pool: kafka
//!   - id: catalog
//!     backstage: catalog-info.yaml   # components and resources with their owners
//!     key: "Tags['component']"
//!   - id: code
//!     codeowners: CODEOWNERS
//!     key: "Tags['repo_path']"
//! pools: [{id: kafka, steward: data-platform}]
//! residual: {steward: cloud-efficiency, reasons: {unknown-team: people-ops}}
//! ```
//! Reading order: this file (the types), `read` (rules.yaml), `mapping`, `catalog`, `codeowners` (further sources of
//! ownership). Files that rules name are read by the caller and passed in. Rules are data: running them is
//! [`crate::attribute`]'s.

pub mod catalog;
pub mod codeowners;
mod history;
pub mod mapping;
pub(crate) mod read;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use leap_terms::focus::ColumnRole;
use leap_terms::{Digest, Fault, Period, ResidualReason, RuleId};

use crate::org::Org;
use crate::predicate::expression::Cut;
use crate::predicate::fields::role;
use crate::predicate::{Field, Fields, Predicate, Text, TextExpression, Truth};
pub use catalog::Catalog;
pub use codeowners::CodeOwners;
pub use history::{ChangedRule, RulesChange, RulesVersion};
pub use mapping::Mapping;

/// Reads a file that a rule names, by its path as written (relative to the rules file).
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// What a matching rule says about the owner. Cheap to clone: files are shared.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// `owner: payments`: a team by id, name or alias.
    Team(String),
    /// `owner: {from: "…"}`: the team named by an expression. Null or empty: the rule does not match.
    From(TextExpression),
    /// `mapping: file.csv`. No row for the charge on that day: the rule does not match.
    Mapping(Arc<Mapping>),
    /// `pool: name`: residual until the pool is shared.
    Pool(String),
    /// `backstage: file`, with the expression that names the component.
    Catalog(TextExpression, Arc<Catalog>),
    /// `codeowners: file`, with the expression that gives the path.
    CodeOwners(TextExpression, Arc<CodeOwners>),
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique in its set.
    pub id: RuleId,
    /// Line in the rules file.
    pub line: Option<usize>,
    /// The condition; none: every charge.
    pub when: Option<Predicate>,
    /// What it says.
    pub outcome: Outcome,
    /// Days on which the rule holds.
    pub effective: Period,
    /// Digest of what it says: id, condition, outcome with the bytes of its file, dates as written.
    pub digest: Digest,
}

impl Rule {
    /// The numbers of the fields that it reads, in [`RuleSet::fields`].
    pub fn fields(&self) -> Vec<u32> {
        let mut fields = FieldsRead::default();
        if let Some(when) = &self.when {
            _ = when.truth.rebuild(&mut fields);
        }
        match &self.outcome {
            Outcome::Team(_) | Outcome::Pool(_) => {}
            Outcome::From(text) | Outcome::Catalog(text, _) | Outcome::CodeOwners(text, _) => {
                _ = text.text.rebuild(&mut fields);
            }
            Outcome::Mapping(mapping) => fields.0.extend(mapping.columns()),
        }
        fields.0.sort_unstable();
        fields.0.dedup();
        fields.0
    }
}

/// Collects the fields that an expression reads.
#[derive(Default)]
struct FieldsRead(Vec<u32>);

impl Cut for FieldsRead {
    fn truth(&mut self, _: &Truth) -> Option<Truth> {
        None
    }

    fn text(&mut self, part: &Text) -> Option<Text> {
        if let Text::Field(number) = part {
            self.0.push(*number);
        }
        None
    }
}

/// A rule set, checked against an organisation.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    file: String,
    rules: Vec<Rule>,
    fields: Fields,
    steward: String,
    reasons: BTreeMap<String, String>,
    pools: BTreeMap<String, String>,
    warnings: Vec<Fault>,
    digest: Option<Digest>,
}

impl RuleSet {
    /// Reads `rules.yaml` and the files it names, and checks both against the organisation.
    ///
    /// # Errors
    /// Every fault found, each with file, line and remedy.
    pub fn parse(file: &str, text: &str, read_file: ReadFile<'_>, org: &Org) -> Result<RuleSet, Vec<Fault>> {
        read::rule_set(file, text, read_file, org, Fields::default())
    }

    /// Reads rules that are to follow others in time ([`RuleSet::followed_by`]), whose fields these are.
    ///
    /// # Errors
    /// As [`RuleSet::parse`].
    pub fn parse_after(
        fields: Fields,
        file: &str,
        text: &str,
        read_file: ReadFile<'_>,
        org: &Org,
    ) -> Result<RuleSet, Vec<Fault>> {
        read::rule_set(file, text, read_file, org, fields)
    }

    /// The rules in the order in which they are asked.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The file's name, for findings.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What the rules read.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Who looks after cost without an owner, for this reason: the pool's own steward, the reason's, or the residual's.
    pub fn steward(&self, reason: &ResidualReason) -> &str {
        let own = match reason {
            ResidualReason::Pool(pool) => self.pools.get(pool).or_else(|| self.reasons.get("pool")),
            ResidualReason::NoRule | ResidualReason::UnknownTeam | ResidualReason::Ambiguous => {
                self.reasons.get(&reason.to_string())
            }
        };
        own.unwrap_or(&self.steward)
    }

    /// What is allowed but probably not meant.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// Columns that the rules read beside the key columns of every home (details and `x_…` columns), sorted: a home's
    /// keys must be folded by these too.
    pub fn extra_columns(&self) -> Vec<String> {
        let names = self.fields.all().iter().filter_map(|field| match field {
            Field::Column(name) if role(name) == ColumnRole::Detail => Some(name.clone()),
            Field::Column(_) | Field::Tag(..) => None,
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names.dedup();
        names
    }

    /// True when some rule reads `ResourceId` or `ResourceName`.
    pub fn reads_resources(&self) -> bool {
        self.fields.all().iter().any(Field::of_resource)
    }

    /// Digest of what the rules say: order, conditions, outcomes, dates, stewards and the bytes of the files they name;
    /// not of layout, comments or the file's name.
    pub fn digest(&self) -> Digest {
        self.digest.unwrap_or_else(|| Digest::of(b"leap rules 1\n"))
    }
}
