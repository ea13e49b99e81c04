//! The attribution rules of the sample company: as text for leap, and as the generator's own decisions, side by side.
//!
//! ```yaml
//!   - id: team-tag
//!     when: "Tags['team'] IS NOT NULL"
//!     owner: {from: "lower(trim(Tags['team']))"}
//! ```
//!
//! Each rule is written once, as a [`Test`] and an outcome; the YAML and [`RuleSet::decide`] both follow from it, so
//! the truth files can say what the rules as written should answer. This is no evaluator of SQL: it knows the dozen
//! forms below and nothing else. Rules that meet no row of the company are left out of the file.

use std::collections::HashMap;
use std::fmt::Write;

use leap_terms::Day;

use super::organisation::Organisation;

/// Who truly owns a charge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Truth {
    Team(u32),
    Pool(Pool),
    Nobody,
}

/// What the rules as written answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Outcome {
    Team(u32),
    UnknownTeam,
    Pool(Pool),
    NoRule,
}

/// A pool of shared cost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Pool {
    Tax,
    Support,
    ProviderAdjustments,
    ProviderCredits,
    Commitments,
    Kubernetes,
    Kafka,
    Ci,
    DataLake,
    Observability,
    Network,
}

impl Pool {
    pub(crate) const ALL: [Pool; 11] = [
        Pool::Tax,
        Pool::Support,
        Pool::ProviderAdjustments,
        Pool::ProviderCredits,
        Pool::Commitments,
        Pool::Kubernetes,
        Pool::Kafka,
        Pool::Ci,
        Pool::DataLake,
        Pool::Observability,
        Pool::Network,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Pool::Tax => "tax",
            Pool::Support => "support",
            Pool::ProviderAdjustments => "provider-adjustments",
            Pool::ProviderCredits => "provider-credits",
            Pool::Commitments => "commitments",
            Pool::Kubernetes => "kubernetes",
            Pool::Kafka => "kafka",
            Pool::Ci => "ci",
            Pool::DataLake => "data-lake",
            Pool::Observability => "observability",
            Pool::Network => "network",
        }
    }

    /// The words with which the steward's team begins.
    fn steward_domain(self) -> Option<&'static str> {
        match self {
            Pool::Tax | Pool::Support | Pool::ProviderAdjustments | Pool::ProviderCredits | Pool::Commitments => None,
            Pool::Kubernetes => Some("compute"),
            Pool::Kafka => Some("streaming"),
            Pool::Ci => Some("ci"),
            Pool::DataLake => Some("warehouse-sql"),
            Pool::Observability => Some("observability"),
            Pool::Network => Some("network"),
        }
    }
}

/// What kind of line a row of the bill is, as far as rules ask.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum LineKind {
    /// Use, at a price.
    Usage,
    /// Use that a commitment covers.
    Covered,
    /// The unused part of a commitment.
    Unused,
    /// A commitment's fee.
    Fee,
    /// The support plan's fee.
    Support,
    Tax,
    /// A credit of the whole bill.
    Credit,
    /// A credit for one resource.
    ResourceCredit,
    Adjustment,
}

/// What a rule may ask about a resource in one era.
pub(crate) struct Facts<'a> {
    pub(crate) era: usize,
    pub(crate) tags: &'a [(String, String)],
    pub(crate) account: &'a str,
    pub(crate) account_name: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) resource_name: &'a str,
    pub(crate) service: &'a str,
    pub(crate) category: &'a str,
}

impl Facts<'_> {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

enum Test {
    /// A predicate on the kind of line alone.
    Line(fn(LineKind) -> bool, &'static str),
    /// The same, for commitments whose name begins so.
    Commitment(&'static str),
    Tag(&'static [&'static str]),
    Namespace,
    AccountNames(Vec<&'static str>),
    AccountNameInCategory(&'static str, &'static str),
    AccountNamePrefix(&'static str),
    Account(String),
    ResourcePrefix(&'static str),
    NamePrefix(String),
    NamePrefixOrAccountName(&'static str, &'static str),
    ServicesInAccounts(&'static [&'static str], &'static str),
    ByResource,
    ByAccount,
}

enum Answer {
    Team(u32),
    Pool(Pool),
    /// What the tags or the mapping say.
    Found,
}

struct Rule {
    id: String,
    why: &'static str,
    test: Test,
    answer: Answer,
    /// True for a rule in force from the reorg on.
    dated: bool,
}

/// Namespaces of a cluster that serve all tenants.
pub(crate) const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "istio-system", "monitoring"];
const TEAM_KEYS: &[&str] = &["team"];
const TEAM_KEY_VARIANTS: &[&str] = &["Team", "TEAM", "team/", " team", "team-name"];
const OWNER_KEYS: &[&str] = &["owner", "Owner"];
const COST_CENTER_KEYS: &[&str] = &["cost-center"];

/// Commitments with this prefix were bought by the team that runs the GPU fleet.
pub(crate) const GPU_COMMITMENT: &str = "gpu-";
/// Commitments with this prefix were bought by the team that runs the data warehouse.
pub(crate) const WAREHOUSE_COMMITMENT: &str = "warehouse-";

/// Names of shared accounts that rules know.
pub(crate) mod accounts {
    pub(crate) const STREAMING: &str = "shared-streaming";
    pub(crate) const CI: [&str; 2] = ["shared-ci-build", "shared-ci-runners"];
    pub(crate) const DATA_LAKE: &str = "shared-data-lake";
    pub(crate) const OBSERVABILITY: &str = "shared-observability";
    pub(crate) const NETWORK: &str = "shared-network-hub";
    pub(crate) const KUBERNETES: &str = "shared-kubernetes";
    pub(crate) const SANDBOX: &str = "sandbox-";
    pub(crate) const LEGACY: &str = "legacy-shared-";
}

/// The bucket names of the data lake begin so.
pub(crate) const LAKE_BUCKET: &str = "arn:aws:s3:::halden-data-lake-";
/// The names of Kafka's shared volumes and clusters begin so.
pub(crate) const KAFKA_NAME: &str = "kafka-shared-";

/// No rule.
pub(crate) const NO_RULE: u16 = u16::MAX;

/// The rules in force, with their mapping tables.
pub(crate) struct RuleSet {
    rules: Vec<Rule>,
    names: HashMap<String, u32>,
    /// ResourceId → owner before and after the reorg.
    pub(crate) by_resource: HashMap<String, [u32; 2]>,
    /// SubAccountId → owner.
    pub(crate) by_account: HashMap<String, u32>,
    reorg: Day,
    residual_steward: String,
    pool_stewards: Vec<(Pool, String)>,
}

/// What the world has that the rules name.
pub(crate) struct Named {
    /// Teams whose resources carry the team's name as a prefix.
    pub(crate) prefix_teams: Vec<u32>,
    /// The account that changes hands at the reorg, and its new owner.
    pub(crate) handed_over: Option<(String, u32)>,
}

impl RuleSet {
    pub(crate) fn new(
        org: &Organisation,
        named: &Named,
        by_resource: HashMap<String, [u32; 2]>,
        by_account: HashMap<String, u32>,
        reorg: Day,
    ) -> RuleSet {
        let mut names = HashMap::new();
        for (at, team) in org.teams.iter().enumerate() {
            let words =
                [team.id.clone(), team.name.to_lowercase(), team.id.replace('-', "_"), team.cost_center.clone()];
            names.extend(words.map(|word| (word, at as u32)));
        }
        let steward = |domain: Option<&str>| {
            let found = domain.and_then(|domain| org.teams.iter().find(|team| team.id.starts_with(domain)));
            found.unwrap_or(&org.teams[org.efficiency]).id.clone()
        };
        RuleSet {
            rules: rules(org, named),
            names,
            by_resource,
            by_account,
            reorg,
            residual_steward: steward(None),
            pool_stewards: Pool::ALL.into_iter().map(|pool| (pool, steward(pool.steward_domain()))).collect(),
        }
    }

    fn found(&self, value: &str) -> Outcome {
        self.names
            .get(&value.trim_matches(' ').to_lowercase())
            .map_or(Outcome::UnknownTeam, |team| Outcome::Team(*team))
    }

    /// The answer for a line that has a resource, and the rule that gave it.
    pub(crate) fn decide(&self, facts: &Facts<'_>) -> (Outcome, u16) {
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.dated && facts.era == 0 {
                continue;
            }
            let found = match &rule.test {
                Test::Line(..) | Test::Commitment(_) => None,
                Test::Tag(keys) => keys.iter().find_map(|key| facts.tag(key)).map(|value| self.found(value)),
                Test::Namespace => facts
                    .tag("k8s-namespace")
                    .filter(|value| !SYSTEM_NAMESPACES.contains(value))
                    .map(|value| self.found(value)),
                Test::AccountNames(names) => names.contains(&facts.account_name).then_some(Outcome::NoRule),
                Test::AccountNameInCategory(name, category) => {
                    (facts.account_name == *name && facts.category == *category).then_some(Outcome::NoRule)
                }
                Test::AccountNamePrefix(prefix) => facts.account_name.starts_with(prefix).then_some(Outcome::NoRule),
                Test::Account(id) => (facts.account == id).then_some(Outcome::NoRule),
                Test::ResourcePrefix(prefix) => facts.resource.starts_with(prefix).then_some(Outcome::NoRule),
                Test::NamePrefix(prefix) => facts.resource_name.starts_with(prefix.as_str()).then_some(Outcome::NoRule),
                Test::NamePrefixOrAccountName(prefix, name) => {
                    (facts.resource_name.starts_with(prefix) || facts.account_name == *name).then_some(Outcome::NoRule)
                }
                Test::ServicesInAccounts(services, prefix) => (services.contains(&facts.service)
                    && facts.account_name.starts_with(prefix))
                .then_some(Outcome::NoRule),
                Test::ByResource => self.by_resource.get(facts.resource).map(|owners| Outcome::Team(owners[facts.era])),
                Test::ByAccount => self.by_account.get(facts.account).map(|owner| Outcome::Team(*owner)),
            };
            if let Some(found) = found {
                let outcome = match rule.answer {
                    Answer::Team(team) => Outcome::Team(team),
                    Answer::Pool(pool) => Outcome::Pool(pool),
                    Answer::Found => found,
                };
                return (outcome, at as u16);
            }
        }
        (Outcome::NoRule, NO_RULE)
    }

    /// The answer for a line without a resource. `commitment` is its name, for fees and unused parts.
    pub(crate) fn decide_line(&self, kind: LineKind, commitment: &str) -> (Outcome, u16) {
        for (at, rule) in self.rules.iter().enumerate() {
            let matches = match &rule.test {
                Test::Line(test, _) => test(kind),
                Test::Commitment(prefix) => {
                    matches!(kind, LineKind::Fee | LineKind::Unused) && commitment.starts_with(prefix)
                }
                Test::Tag(_)
                | Test::Namespace
                | Test::AccountNames(_)
                | Test::AccountNameInCategory(..)
                | Test::AccountNamePrefix(_)
                | Test::Account(_)
                | Test::ResourcePrefix(_)
                | Test::NamePrefix(_)
                | Test::NamePrefixOrAccountName(..)
                | Test::ServicesInAccounts(..)
                | Test::ByResource
                | Test::ByAccount => false,
            };
            if matches {
                let outcome = match rule.answer {
                    Answer::Team(team) => Outcome::Team(team),
                    Answer::Pool(pool) => Outcome::Pool(pool),
                    Answer::Found => Outcome::NoRule,
                };
                return (outcome, at as u16);
            }
        }
        (Outcome::NoRule, NO_RULE)
    }

    /// The id of a rule.
    pub(crate) fn id(&self, rule: u16) -> &str {
        self.rules.get(usize::from(rule)).map_or("", |rule| rule.id.as_str())
    }

    /// The pools that rules with rows collect into, and their stewards.
    pub(crate) fn pools(&self, met: &[u64]) -> Vec<(Pool, &str)> {
        let collects = |pool: Pool| {
            let mut rules = self.rules.iter().zip(met).filter(|(_, met)| **met > 0);
            rules.any(|(rule, _)| matches!(rule.answer, Answer::Pool(other) if other == pool))
        };
        let stewards = self.pool_stewards.iter().filter(|(pool, _)| collects(*pool));
        stewards.map(|(pool, steward)| (*pool, steward.as_str())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// `rules.yaml`; `met[rule]` counts the rows that a rule decides.
    pub(crate) fn yaml(&self, org: &Organisation, met: &[u64]) -> String {
        let mut out = String::from(
            "# Who owns what at Halden Market. First match wins; the efficiency team keeps this file.\nrules:\n",
        );
        for (rule, _) in self.rules.iter().zip(met).filter(|(_, met)| **met > 0) {
            let when = rule.test.predicate();
            let mut line = |text: String| writeln!(out, "{text}").expect("a string takes all text");
            if !rule.why.is_empty() {
                line(format!("  # {}", rule.why));
            }
            line(format!("  - id: {}", rule.id));
            if let Some(when) = when {
                line(format!("    when: \"{when}\""));
            }
            match (&rule.answer, &rule.test) {
                (Answer::Team(team), _) => line(format!("    owner: {}", org.teams[*team as usize].id)),
                (Answer::Pool(pool), _) => line(format!("    pool: {}", pool.name())),
                (Answer::Found, Test::ByResource) => line("    mapping: owners.csv".to_owned()),
                (Answer::Found, Test::ByAccount) => line("    mapping: accounts.csv".to_owned()),
                (Answer::Found, test) => line(format!("    owner: {{from: \"lower(trim({}))\"}}", test.source())),
            }
            if rule.dated {
                line(format!("    effective: {{from: {}}}", self.reorg));
            }
        }
        out.push_str("pools:\n");
        for (pool, steward) in &self.pool_stewards {
            writeln!(out, "  - {{id: {}, steward: {steward}}}", pool.name()).expect("a string takes all text");
        }
        writeln!(out, "residual: {{steward: {}}}", self.residual_steward).expect("a string takes all text");
        out
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

impl Test {
    /// The tag or the first of several.
    fn source(&self) -> String {
        match self {
            Test::Tag(keys) if keys.len() > 1 => {
                format!("coalesce({})", keys.iter().map(|key| format!("Tags['{key}']")).collect::<Vec<_>>().join(", "))
            }
            Test::Tag(keys) => format!("Tags['{}']", keys[0]),
            _ => "Tags['k8s-namespace']".to_owned(),
        }
    }

    /// The condition; a mapping needs none.
    fn predicate(&self) -> Option<String> {
        Some(match self {
            Test::Line(_, text) => (*text).to_owned(),
            Test::Commitment(prefix) => format!(
                "CommitmentDiscountName LIKE '{prefix}%' AND (ChargeCategory = 'Purchase' OR CommitmentDiscountStatus = 'Unused')"
            ),
            Test::Tag(_) => format!("{} IS NOT NULL", self.source()),
            Test::Namespace => {
                format!(
                    "Tags['k8s-namespace'] IS NOT NULL AND Tags['k8s-namespace'] NOT IN ({})",
                    list(&SYSTEM_NAMESPACES)
                )
            }
            Test::AccountNames(names) if names.len() == 1 => format!("SubAccountName = '{}'", names[0]),
            Test::AccountNames(names) => format!("SubAccountName IN ({})", list(names)),
            Test::AccountNameInCategory(name, category) => {
                format!("SubAccountName = '{name}' AND ServiceCategory = '{category}'")
            }
            Test::AccountNamePrefix(prefix) => format!("SubAccountName LIKE '{prefix}%'"),
            Test::Account(id) => format!("SubAccountId = '{id}'"),
            Test::ResourcePrefix(prefix) => format!("ResourceId LIKE '{prefix}%'"),
            Test::NamePrefix(prefix) => format!("ResourceName LIKE '{prefix}%'"),
            Test::NamePrefixOrAccountName(prefix, name) => {
                format!("ResourceName LIKE '{prefix}%' OR SubAccountName = '{name}'")
            }
            Test::ServicesInAccounts(services, prefix) => {
                format!("ServiceName IN ({}) AND SubAccountName LIKE '{prefix}%'", list(services))
            }
            Test::ByResource | Test::ByAccount => return None,
        })
    }
}

fn rules(org: &Organisation, named: &Named) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut rule = |id: &str, why: &'static str, test: Test, answer: Answer| {
        rules.push(Rule { id: id.to_owned(), why, test, answer, dated: false });
    };
    let line = |test: fn(LineKind) -> bool, text: &'static str| Test::Line(test, text);
    rule(
        "tax",
        "What the invoice adds as a whole.",
        line(|kind| kind == LineKind::Tax, "ChargeCategory = 'Tax'"),
        Answer::Pool(Pool::Tax),
    );
    rule(
        "support-plans",
        "",
        line(
            |kind| kind == LineKind::Support,
            "ServiceName IN ('AWS Support (Enterprise)', 'Azure Unified Support', 'Google Cloud Premium Support')",
        ),
        Answer::Pool(Pool::Support),
    );
    rule(
        "adjustments",
        "",
        line(|kind| kind == LineKind::Adjustment, "ChargeCategory = 'Adjustment'"),
        Answer::Pool(Pool::ProviderAdjustments),
    );
    rule(
        "program-credits",
        "Credits of one resource follow its owner, further down.",
        line(|kind| kind == LineKind::Credit, "ChargeCategory = 'Credit' AND ResourceId IS NULL"),
        Answer::Pool(Pool::ProviderCredits),
    );
    rule(
        "gpu-commitments",
        "Commitments belong to the team that bought them.",
        Test::Commitment(GPU_COMMITMENT),
        Answer::Team(org.gpu as u32),
    );
    rule("warehouse-commitments", "", Test::Commitment(WAREHOUSE_COMMITMENT), Answer::Team(org.warehouse as u32));
    rule(
        "commitment-fees",
        "The others are bought centrally; what they cover is owned by who uses it.",
        line(|kind| kind == LineKind::Fee, "ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL"),
        Answer::Pool(Pool::Commitments),
    );
    rule(
        "commitment-vacancy",
        "",
        line(|kind| kind == LineKind::Unused, "CommitmentDiscountStatus = 'Unused'"),
        Answer::Pool(Pool::Commitments),
    );
    rule(
        "by-resource",
        "Settled by hand: what nobody tagged, and what changed hands in the reorg.",
        Test::ByResource,
        Answer::Found,
    );
    rule(
        "kubernetes-tenants",
        "Shared platforms: tenants first, the rest to the pool.",
        Test::Namespace,
        Answer::Found,
    );
    rule("kubernetes-shared", "", Test::AccountNames(vec![accounts::KUBERNETES]), Answer::Pool(Pool::Kubernetes));
    rule("kafka", "", Test::NamePrefixOrAccountName(KAFKA_NAME, accounts::STREAMING), Answer::Pool(Pool::Kafka));
    rule("ci", "", Test::AccountNames(accounts::CI.to_vec()), Answer::Pool(Pool::Ci));
    rule("data-lake-buckets", "", Test::ResourcePrefix(LAKE_BUCKET), Answer::Pool(Pool::DataLake));
    rule("data-lake", "", Test::AccountNames(vec![accounts::DATA_LAKE]), Answer::Pool(Pool::DataLake));
    rule("observability", "", Test::AccountNames(vec![accounts::OBSERVABILITY]), Answer::Pool(Pool::Observability));
    rule(
        "network-backbone",
        "",
        Test::AccountNameInCategory(accounts::NETWORK, "Networking"),
        Answer::Pool(Pool::Network),
    );
    rule("team-tag", "Tags, the agreed key first.", Test::Tag(TEAM_KEYS), Answer::Found);
    rule("team-tag-misspelt", "", Test::Tag(TEAM_KEY_VARIANTS), Answer::Found);
    rule("owner-tag", "", Test::Tag(OWNER_KEYS), Answer::Found);
    rule("cost-center-tag", "Cost centers are aliases of teams.", Test::Tag(COST_CENTER_KEYS), Answer::Found);
    if let Some((account, team)) = &named.handed_over {
        rules.push(Rule {
            id: "account-handed-over".to_owned(),
            why: "Handed over in the reorg.",
            test: Test::Account(account.clone()),
            answer: Answer::Team(*team),
            dated: true,
        });
    }
    let mut rule = |id: &str, why: &'static str, test: Test, answer: Answer| {
        rules.push(Rule { id: id.to_owned(), why, test, answer, dated: false });
    };
    rule("by-account", "Accounts with one tenant.", Test::ByAccount, Answer::Found);
    rule("sandboxes", "", Test::AccountNamePrefix(accounts::SANDBOX), Answer::Team(org.sandbox as u32));
    for (at, team) in named.prefix_teams.iter().enumerate() {
        let id = &org.teams[*team as usize].id;
        let why = if at == 0 { "Teams in shared accounts that name what they run after themselves." } else { "" };
        rule(&format!("named-{id}"), why, Test::NamePrefix(format!("{id}-")), Answer::Team(*team));
    }
    rule(
        "central-warehouse",
        "",
        Test::ServicesInAccounts(&["Amazon Redshift", "BigQuery"], accounts::LEGACY),
        Answer::Team(org.warehouse as u32),
    );
    rules
}
