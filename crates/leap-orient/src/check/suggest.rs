//! The rule that is missing: from the cost without an owner, the rules that would own most of it.
//!
//! ```text
//! 12,345.67 USD   - id: tag-owner
//!                   owner: {from: "Tags['Owner']"}
//!  4,321.00 USD   - id: account-123456789012
//!                   when: "SubAccountId = '123456789012'"     # 97 % of what is owned there is payments'
//!                   owner: payments
//! ```
//! Three kinds of evidence: tags whose values are teams (under any key and spelling), sub accounts in which one team owns
//! nearly everything that is owned, and first parts of resource names of which the same is true or that are a team's name.
//! These are for cost that no rule matches, and go to the end of the rules. For cost that a rule gives to a misspelt
//! team the remedy is an alias in org.yaml. Greedy by money: each suggestion counts what the ones before it leave. Nothing is applied.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use hashbrown::{HashMap, HashSet};
use leap_terms::{CostKind, Currency, Day, Exact, Money, Owner, ResidualReason, TeamId, tables};

use crate::attribute::{Answers, AttributeError, CubeRows, Currencies, binary, text};
use crate::org::{Org, Resolved};

/// Share of what is owned under an account or a prefix that one team must have, in percent.
const OWNED_PERCENT: i128 = 80;
/// Cases kept; beyond it the smallest are not worth a rule.
const CASES: usize = 5_000_000;

/// Digests of a key and of a resource under it.
type Place = (u128, Option<u128>);

/// What a suggestion would add to the rules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Remedy {
    /// `owner: {from: "Tags['key']"}`
    Tag(String),
    /// `when: "SubAccountId = '…'"` with a team.
    Account(String, TeamId),
    /// `when: "ResourceName LIKE '…%'"` with a team.
    NamePrefix(String, TeamId),
    /// An alias in org.yaml: the name that bills have, and the team that is probably meant.
    Alias(String, TeamId),
}

/// A rule worth adding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suggestion {
    /// What it would be.
    pub remedy: Remedy,
    /// The cost it would own, beyond the suggestions before it.
    pub owns: BTreeMap<Currency, Money>,
    /// Charges it would own.
    pub rows: u64,
    /// Why: one sentence.
    pub reason: String,
    /// In YAML: a rule, to paste at the end of `rules:`; for an alias, the field of the unit in org.yaml.
    pub yaml: String,
}

#[derive(Default)]
struct Case {
    costs: Vec<(usize, Money)>,
    rows: i64,
}

impl Case {
    fn add(&mut self, currency: usize, money: Money, rows: i64) {
        self.rows += rows;
        match self.costs.iter_mut().find(|(known, _)| *known == currency) {
            Some((_, sum)) => *sum += money,
            None => self.costs.push((currency, money)),
        }
    }
}

/// The name in an evidence: `Tags['team'] = 'paymets'`; none when it is cut short.
fn named(evidence: &str) -> Option<String> {
    let (_, value) = evidence.rsplit_once(" = '")?;
    value.strip_suffix('\'').filter(|value| !value.ends_with('…')).map(|value| value.replace("''", "'"))
}

/// Looks for missing rules. The cube goes first, then keys and resources (several scopes may follow each other).
pub struct SuggestRun<'a> {
    org: &'a Org,
    answers: &'a Answers,
    cost: CostKind,
    currencies: Currencies,
    residual: HashMap<Place, Case>,
    by_key: HashMap<u128, Vec<Option<u128>>>,
    /// |cost| owned, team by team.
    owned: HashMap<Place, Vec<(TeamId, i128)>>,
    owned_resources: HashMap<u128, Vec<Option<u128>>>,
    remedies: HashMap<Place, Vec<Remedy>>,
    accounts: HashMap<u128, String>,
    prefixes: HashMap<u128, String>,
    /// Cost of names that are no team.
    misspelt: BTreeMap<String, Case>,
}

impl<'a> SuggestRun<'a> {
    /// Starts, with the answers of the scopes to come and the cost to rank by.
    pub fn new(org: &'a Org, answers: &'a Answers, cost: CostKind) -> SuggestRun<'a> {
        SuggestRun {
            org,
            answers,
            cost,
            currencies: Currencies::default(),
            residual: HashMap::new(),
            by_key: HashMap::new(),
            owned: HashMap::new(),
            owned_resources: HashMap::new(),
            remedies: HashMap::new(),
            accounts: HashMap::new(),
            prefixes: HashMap::new(),
            misspelt: BTreeMap::new(),
        }
    }

    /// Adds cells: what is owned teaches, what is not asks.
    ///
    /// # Errors
    /// A column of the wrong type; a cell without an answer.
    pub fn cube(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let rows = CubeRows::new(batch)?;
        for at in 0..rows.len() {
            let cell = rows.cell(at, &mut self.currencies)?;
            let resource = cell.resource.map(u128::to_be_bytes);
            let answer =
                self.answers.find(&cell.key.to_be_bytes(), resource.as_ref().map(<[u8; 16]>::as_slice), cell.day);
            let answer = answer.ok_or(AttributeError::UnknownKey(cell.key))?;
            let money = cell.folded.costs[self.cost];
            let place = (cell.key, cell.resource);
            match answer.owner {
                Owner::Residual(ResidualReason::UnknownTeam) => {
                    if let Some(name) = answer.evidence.and_then(named) {
                        self.misspelt.entry(name).or_default().add(cell.currency, money, cell.folded.rows);
                    }
                }
                Owner::Residual(ResidualReason::NoRule) => {
                    if self.residual.len() >= CASES && !self.residual.contains_key(&place) {
                        continue;
                    }
                    let case = self.residual.entry(place).or_insert_with(|| {
                        self.by_key.entry(cell.key).or_default().push(cell.resource);
                        Case::default()
                    });
                    case.add(cell.currency, money, cell.folded.rows);
                }
                Owner::Residual(ResidualReason::Ambiguous | ResidualReason::Pool(_)) => {}
                Owner::Team(team) => {
                    let teams = self.owned.entry(place).or_insert_with(|| {
                        self.owned_resources.entry(cell.key).or_default().push(cell.resource);
                        Vec::new()
                    });
                    let size = money.abs().coarse();
                    match teams.iter_mut().find(|(known, _)| known == team) {
                        Some((_, sum)) => *sum = sum.saturating_add(size),
                        None => teams.push((team.clone(), size)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Who is meant by a name today, as far as rules go: the one team of the last period in which it means anybody.
    fn team(&self, name: &str) -> Option<TeamId> {
        let last = self.org.resolve(name.trim(), Day::NEVER.plus(-1));
        match last {
            Resolved::Team(team) => Some(team),
            Resolved::Unknown | Resolved::Ambiguous(_) => None,
        }
    }

    /// Adds keys, after the cube.
    ///
    /// # Errors
    /// A column of the wrong type.
    pub fn keys(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let digests = binary(batch, tables::KEY)?;
        let optional = |name: &str| batch.column_by_name(name).map(|_| text(batch, name)).transpose();
        let (accounts, tags, allocated) = (optional("SubAccountId")?, optional("Tags")?, optional("AllocatedTags")?);
        let mut teams_of: HashMap<String, bool> = HashMap::new();
        for row in 0..batch.num_rows() {
            let key = u128::from_be_bytes(
                digests.value(row).try_into().map_err(|_| AttributeError::BadDigest(tables::KEY.to_owned()))?,
            );
            if !self.by_key.contains_key(&key) && !self.owned_resources.contains_key(&key) {
                continue;
            }
            if let Some(account) = accounts.as_ref().filter(|array| array.is_valid(row)) {
                self.accounts.insert(key, account.value(row).to_owned());
            }
            let Some(resources) = self.by_key.get(&key).cloned() else { continue };
            let mut found: Vec<Remedy> = Vec::new();
            for json in [&allocated, &tags].into_iter().flatten().filter(|array| array.is_valid(row)) {
                let parsed: BTreeMap<String, serde_json::Value> =
                    serde_json::from_str(json.value(row)).unwrap_or_default();
                for (name, value) in parsed {
                    let serde_json::Value::String(value) = value else { continue };
                    let known = match teams_of.get(&value) {
                        Some(known) => *known,
                        None => {
                            let known = self.team(&value).is_some();
                            teams_of.insert(value, known);
                            known
                        }
                    };
                    if known {
                        found.push(Remedy::Tag(name));
                    }
                }
            }
            for resource in resources {
                self.remedies.entry((key, resource)).or_default().extend(found.iter().cloned());
            }
        }
        Ok(())
    }

    /// Adds resources, after the cube.
    ///
    /// # Errors
    /// A column of the wrong type.
    pub fn resources(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let digests = binary(batch, tables::RESOURCE)?;
        let names = text(batch, "ResourceName")?;
        for row in (0..batch.num_rows()).filter(|row| names.is_valid(*row)) {
            let name = names.value(row);
            let Some(end) = name.find(['-', '_', '.', '/', ':']).filter(|end| *end >= 2) else { continue };
            let digest: Result<[u8; 16], _> = digests.value(row).try_into();
            let digest = digest.map_err(|_| AttributeError::BadDigest(tables::RESOURCE.to_owned()))?;
            self.prefixes.insert(u128::from_be_bytes(digest), name[..=end].to_owned());
        }
        Ok(())
    }

    /// The suggestions, best first, at most `count`.
    pub fn finish(mut self, count: usize) -> Vec<Suggestion> {
        let accounts = self.majority(|run, (key, _)| run.accounts.get(key).cloned());
        let prefixes =
            self.majority(|run, (_, resource)| resource.and_then(|resource| run.prefixes.get(&resource).cloned()));
        let places: Vec<Place> = self.residual.keys().copied().collect();
        for place in places {
            let mut more = Vec::new();
            if let Some(account) = self.accounts.get(&place.0)
                && let Some((team, _)) = accounts.get(account)
            {
                more.push(Remedy::Account(account.clone(), team.clone()));
            }
            if let Some(prefix) = place.1.and_then(|resource| self.prefixes.get(&resource)) {
                let named = self.team(&prefix[..prefix.len() - 1]);
                if let Some(team) = prefixes.get(prefix).map(|(team, _)| team.clone()).or(named) {
                    more.push(Remedy::NamePrefix(prefix.clone(), team));
                }
            }
            self.remedies.entry(place).or_default().extend(more);
        }
        let mut cases: HashMap<&Remedy, Vec<Place>> = HashMap::new();
        for (place, remedies) in &self.remedies {
            let distinct: HashSet<&Remedy> = remedies.iter().collect();
            for remedy in distinct.into_iter().filter(|_| self.residual.contains_key(place)) {
                cases.entry(remedy).or_default().push(*place);
            }
        }
        let mut taken: HashSet<Place> = HashSet::new();
        let mut suggestions = Vec::new();
        while suggestions.len() < count {
            let best = cases
                .iter()
                .map(|(remedy, places)| (self.gain(places.iter().filter(|place| !taken.contains(*place))), *remedy))
                .filter(|((owns, _), _)| owns.values().any(|money| *money > Exact::ZERO))
                .max_by(|((a, _), first), ((b, _), second)| {
                    a.values().max().cmp(&b.values().max()).then_with(|| second.cmp(first))
                });
            let Some(((owns, rows), remedy)) = best else { break };
            let places = cases.remove(remedy).unwrap_or_default();
            let share = match remedy {
                Remedy::Tag(_) | Remedy::Alias(..) => None,
                Remedy::Account(account, _) => accounts.get(account).map(|(_, share)| *share),
                Remedy::NamePrefix(prefix, _) => prefixes.get(prefix).map(|(_, share)| *share),
            };
            let (reason, yaml) = write(remedy, share);
            suggestions.push(Suggestion { remedy: remedy.clone(), owns, rows, reason, yaml });
            taken.extend(places);
        }
        for (name, case) in &self.misspelt {
            let Some(team) = self.org.nearest(name.trim()).and_then(|team| TeamId::new(&team).ok()) else { continue };
            let (owns, rows) = self.sum(std::iter::once(case));
            if owns.values().any(|money| *money > Exact::ZERO) {
                let remedy = Remedy::Alias(name.clone(), team);
                let (reason, yaml) = write(&remedy, None);
                suggestions.push(Suggestion { remedy, owns, rows, reason, yaml });
            }
        }
        suggestions.sort_by(|a, b| b.owns.values().max().cmp(&a.owns.values().max()));
        suggestions.truncate(count);
        suggestions
    }

    fn gain<'p>(&self, places: impl Iterator<Item = &'p Place>) -> (BTreeMap<Currency, Money>, u64) {
        self.sum(places.filter_map(|place| self.residual.get(place)))
    }

    fn sum<'p>(&self, cases: impl Iterator<Item = &'p Case>) -> (BTreeMap<Currency, Money>, u64) {
        let mut owns: BTreeMap<Currency, Money> = BTreeMap::new();
        let mut rows = 0;
        for case in cases {
            rows += case.rows;
            for (currency, money) in &case.costs {
                *owns.entry(self.currencies.all[*currency].clone()).or_default() += *money;
            }
        }
        (owns, rows.unsigned_abs())
    }

    /// Groups of what is owned in which one team has nearly everything, and its share in percent.
    fn majority(&self, group: impl Fn(&Self, &Place) -> Option<String>) -> HashMap<String, (TeamId, i128)> {
        let mut groups: HashMap<String, BTreeMap<&TeamId, i128>> = HashMap::new();
        for (place, teams) in &self.owned {
            let Some(name) = group(self, place) else { continue };
            let sums = groups.entry(name).or_default();
            for (team, size) in teams {
                let sum = sums.entry(team).or_default();
                *sum = sum.saturating_add(*size);
            }
        }
        let mut found = HashMap::new();
        for (name, sums) in groups {
            // Thousandths of a whole are fine enough to compare, and keep percentages from overflowing.
            let total: i128 = sums.values().map(|sum| sum / 1_000_000_000_000_000).sum();
            let Some((team, most)) = sums.iter().max_by_key(|(team, sum)| (**sum, std::cmp::Reverse(**team))) else {
                continue;
            };
            let most = most / 1_000_000_000_000_000;
            if total > 0 && most * 100 >= total * OWNED_PERCENT {
                found.insert(name, ((*team).clone(), most * 100 / total));
            }
        }
        found
    }
}

fn write(remedy: &Remedy, share: Option<i128>) -> (String, String) {
    let sql = |text: &str| text.replace('\'', "''");
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let slug = |text: &str| -> String {
        let plain: String =
            text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        plain.trim_matches('-').chars().take(60).collect()
    };
    match remedy {
        Remedy::Tag(key) => {
            let expression = format!("Tags['{}']", sql(key));
            (
                format!("values of {expression} are teams"),
                format!("  - id: tag-{}\n    owner: {{from: {}}}\n", slug(key), quoted(&expression)),
            )
        }
        Remedy::Account(account, team) => (
            format!("{} % of what is owned in {account} is {team}'s", share.unwrap_or(0)),
            format!(
                "  - id: account-{}\n    when: {}\n    owner: {}\n",
                slug(account),
                quoted(&format!("SubAccountId = '{}'", sql(account))),
                quoted(team.as_str())
            ),
        ),
        Remedy::NamePrefix(prefix, team) => {
            let pattern = sql(prefix).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let reason = match share {
                Some(share) => format!("{share} % of what is owned among {prefix}… is {team}'s"),
                None => format!("{prefix}… starts with a name of {team}"),
            };
            let yaml = format!(
                "  - id: name-{}\n    when: {}\n    owner: {}\n",
                slug(prefix),
                quoted(&format!("ResourceName LIKE '{pattern}%'")),
                quoted(team.as_str())
            );
            (reason, yaml)
        }
        Remedy::Alias(name, team) => (
            format!("'{name}' is no team, and {team} is nearest"),
            format!("  - id: {}\n    aliases: [{}]\n", quoted(team.as_str()), quoted(name.trim())),
        ),
    }
}
