//! Small random bills with random rules, for property tests of conservation.
//!
//! ```text
//! 0 to 40 rows: negative lines, credits, zeros, 28 to 30 decimals, two currencies, months that overlap
//! × up to 8 rules: tags, accounts, services, a dated mapping, pools
//! → the owner of every row, found by trying one rule after the other
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use leap_terms::{Costs, Day, Exact, Month};

use super::file::write_text;
use super::random::Random;

/// One row of a small bill, as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillRow {
    /// SubAccountId.
    pub sub_account: String,
    /// ServiceName.
    pub service: String,
    /// ChargeCategory.
    pub category: &'static str,
    /// ChargeClass is `Correction`.
    pub correction: bool,
    /// ResourceId.
    pub resource: Option<String>,
    /// Tags, each key once.
    pub tags: Vec<(String, String)>,
    /// Day of the charge.
    pub day: Day,
    /// Billing period.
    pub month: Month,
    /// BillingCurrency.
    pub currency: &'static str,
    /// Billed, effective, list, contracted, in the spelling of the bill.
    pub costs: [String; 4],
    /// CommitmentDiscountId, with CommitmentDiscountStatus or nothing.
    pub commitment: Option<(&'static str, &'static str)>,
}

impl BillRow {
    /// The four costs.
    pub fn costs(&self) -> Costs {
        let [billed, effective, list, contracted] = [0, 1, 2, 3]
            .map(|at| self.costs[at].parse::<Exact>().expect("a random bill has numbers in its cost columns"));
        Costs { billed, effective, list, contracted }
    }

    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// A small bill with an org, rules and the owners that these rules give.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The rows.
    pub rows: Vec<BillRow>,
    /// The owner of each row as leap writes it: a team or `residual:<reason>`.
    pub owners: Vec<String>,
    /// `org.yaml`.
    pub org: String,
    /// `rules.yaml`; it may name `owners.csv`, and some of its rules may meet no row.
    pub rules: String,
    /// `owners.csv`, to lie beside the rules.
    pub mapping: String,
}

const COLUMNS: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,\
ChargeCategory,ChargeClass,ChargeDescription,ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,\
CommitmentDiscountId,CommitmentDiscountStatus,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingQuantity,\
PricingUnit,ProviderName,PublisherName,ResourceId,ServiceCategory,ServiceName,SubAccountId,Tags";

impl Bill {
    /// The bill as FOCUS 1.0 CSV.
    pub fn to_csv(&self) -> String {
        focus_csv(&self.rows)
    }

    /// The same bill in another order.
    pub fn shuffled(&self, random: &mut Random) -> Bill {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        random.shuffle(&mut order);
        Bill {
            rows: order.iter().map(|at| self.rows[*at].clone()).collect(),
            owners: order.iter().map(|at| self.owners[*at].clone()).collect(),
            ..self.clone()
        }
    }

    /// Sums per currency and billing period.
    pub fn totals(&self) -> BTreeMap<(&'static str, Month), Costs> {
        let mut totals = BTreeMap::new();
        for row in &self.rows {
            *totals.entry((row.currency, row.month)).or_default() += row.costs();
        }
        totals
    }

    /// Sums per currency, billing period and owner.
    pub fn totals_by_owner(&self) -> BTreeMap<(&'static str, Month, String), Costs> {
        let mut totals = BTreeMap::new();
        for (row, owner) in self.rows.iter().zip(&self.owners) {
            *totals.entry((row.currency, row.month, owner.clone())).or_default() += row.costs();
        }
        totals
    }
}

/// Rows as FOCUS 1.0 CSV.
pub(super) fn focus_csv(rows: &[BillRow]) -> String {
    let mut out = format!("{COLUMNS}\n");
    for row in rows {
        let period = row.month.period();
        let tags = row.tags.iter().map(|(key, value)| format!("\"{key}\": \"{value}\"")).collect::<Vec<_>>().join(", ");
        let mut field = Vec::new();
        if !row.tags.is_empty() {
            write_text(&format!("{{{tags}}}"), &mut field);
        }
        let [billed, effective, list, contracted] = &row.costs;
        let (commitment, status) = row.commitment.unwrap_or_default();
        writeln!(
            out,
            "{billed},100,Payer,{},{}T00:00:00Z,{}T00:00:00Z,{},{},a charge,Usage-Based,{}T00:00:00Z,{}T00:00:00Z,{commitment},{status},{contracted},{effective},AWS,{list},1,Hours,AWS,AWS,{},Compute,{},{},{}",
            row.currency,
            period.until(),
            period.from(),
            row.category,
            if row.correction { "Correction" } else { "" },
            row.day.plus(1),
            row.day,
            row.resource.as_deref().unwrap_or(""),
            row.service,
            row.sub_account,
            String::from_utf8_lossy(&field),
        )
        .expect("a string takes all text");
    }
    out
}

const TEAMS: [&str; 5] = ["ledger", "risk", "search", "ads", "ci-tools"];
const SERVICES: [&str; 4] =
    ["Amazon Elastic Compute Cloud", "Amazon Simple Storage Service", "AWS Lambda", "AWS Support"];
const ACCOUNTS: [&str; 4] = ["000000000001", "222222222222", "333333333333", "444444444444"];

enum Rule {
    Tag(&'static str),
    TagEquals(&'static str, &'static str, &'static str),
    Account(&'static str, &'static str),
    ServicePrefix(&'static str, &'static str),
    CategoryPool(&'static str, &'static str),
    NoResourcePool(&'static str),
    Mapping,
    AccountFrom(&'static str, &'static str, Day),
}

struct MappingRow {
    resource: String,
    owner: &'static str,
    from: Option<Day>,
    until: Option<Day>,
}

/// A random bill of at most `rows` rows.
pub fn random_bill(random: &mut Random, rows: usize) -> Bill {
    let month = Month::new(2026, 9).expect("September is a month");
    let reorg = month.first_day().plus(random.between(0, 30) as i32);
    let mapping: Vec<MappingRow> = (0..4)
        .flat_map(|at| {
            let resource = format!("i-{at}");
            let (first, second) = (random.word(&TEAMS), random.word(&TEAMS));
            if random.chance(5_000) {
                vec![MappingRow { resource, owner: first, from: None, until: None }]
            } else {
                vec![
                    MappingRow { resource: resource.clone(), owner: first, from: None, until: Some(reorg) },
                    MappingRow { resource, owner: second, from: Some(reorg), until: None },
                ]
            }
        })
        .collect();
    let rules: Vec<Rule> = (0..random.below(8)).map(|_| random_rule(random, reorg)).collect();
    let rows: Vec<BillRow> = (0..random.below(rows as u64 + 1)).map(|_| random_row(random, month)).collect();
    let owners = rows.iter().map(|row| owner(row, &rules, &mapping)).collect();
    Bill { owners, org: org_yaml(), rules: rules_yaml(&rules), mapping: mapping_csv(&mapping), rows }
}

fn random_rule(random: &mut Random, reorg: Day) -> Rule {
    match random.below(8) {
        0 => Rule::Tag("team"),
        1 => Rule::TagEquals("env", "prod", random.word(&TEAMS)),
        2 => Rule::Account(random.word(&ACCOUNTS), random.word(&TEAMS)),
        3 => Rule::ServicePrefix("Amazon ", random.word(&TEAMS)),
        4 => Rule::CategoryPool("Credit", "credits"),
        5 => Rule::NoResourcePool("overhead"),
        6 => Rule::AccountFrom(random.word(&ACCOUNTS), random.word(&TEAMS), reorg),
        _ => Rule::Mapping,
    }
}

fn random_row(random: &mut Random, month: Month) -> BillRow {
    let month = month.plus(random.below(2) as i32);
    let before = random.chance(1_500);
    let day = if before {
        month.first_day().plus(-1 - random.below(9) as i32)
    } else {
        month.first_day().plus(random.below(28) as i32)
    };
    let mut tags = Vec::new();
    if random.chance(7_000) {
        let value = random.word(&["ledger", "LEDGER", " risk ", "Search", "ad-words", "ghost", "ci-tools", "Ads"]);
        let key = random.word(&["team", "team", "team", "Team"]);
        tags.push((key.to_owned(), value.to_owned()));
    }
    if random.chance(4_000) {
        tags.push(("env".to_owned(), (random.word(&["prod", "dev"])).to_owned()));
    }
    let category = random.word(&["Usage", "Usage", "Usage", "Usage", "Purchase", "Tax", "Credit", "Adjustment"]);
    let billed = random_cost(random, category == "Credit");
    let costs = if random.chance(7_000) {
        [billed.clone(), billed.clone(), billed.clone(), billed]
    } else {
        [billed, random_cost(random, false), random_cost(random, false), random_cost(random, false)]
    };
    BillRow {
        sub_account: (random.word(&ACCOUNTS)).to_owned(),
        service: (random.word(&SERVICES)).to_owned(),
        category,
        correction: before && random.chance(5_000),
        resource: random.chance(7_500).then(|| format!("i-{}", random.below(6))),
        tags,
        day,
        month,
        currency: if random.chance(8_500) { "USD" } else { "EUR" },
        costs,
        commitment: None,
    }
}

/// A cost in any spelling that leap takes: |cost| < 10¹², at most 30 decimals.
pub(super) fn random_cost(random: &mut Random, negative: bool) -> String {
    let sign = if negative || random.chance(1_500) { "-" } else { "" };
    let digits = |random: &mut Random, count: usize| {
        (0..count).map(|_| char::from(b'0' + random.below(10) as u8)).collect::<String>()
    };
    let magnitude = match random.below(8) {
        0 | 1 => return "0".to_owned(),
        2 => format!("{}.{}", random.below(100_000), digits(random, 2)),
        3 => format!("0.{}", digits(random, 12)),
        4 => {
            let count = 28 + random.index(3);
            format!("{}.{}", random.below(1_000), digits(random, count))
        }
        5 => format!("{}.{}E-{}", 1 + random.below(9), digits(random, 6), random.below(20)),
        6 => format!("{}.000000000000", random.below(1_000)),
        _ => format!("{}.{}", random.below(999_999_999_999), digits(random, 6)),
    };
    format!("{sign}{magnitude}")
}

/// The owner of a row: the first rule that matches, tried in order.
fn owner(row: &BillRow, rules: &[Rule], mapping: &[MappingRow]) -> String {
    let team = |text: &str| {
        let wanted = text.trim_matches(' ').to_lowercase();
        let known = TEAMS.iter().find(|team| **team == wanted || wanted == "ad-words" && **team == "ads");
        known.map_or_else(|| "residual:unknown-team".to_owned(), |team| (*team).to_owned())
    };
    for rule in rules {
        let found = match rule {
            Rule::Tag(key) => row.tag(key).map(team),
            Rule::TagEquals(key, value, owner) => (row.tag(key) == Some(value)).then(|| (*owner).to_owned()),
            Rule::Account(account, owner) => (row.sub_account == *account).then(|| (*owner).to_owned()),
            Rule::ServicePrefix(prefix, owner) => row.service.starts_with(prefix).then(|| (*owner).to_owned()),
            Rule::CategoryPool(category, pool) => (row.category == *category).then(|| format!("residual:pool:{pool}")),
            Rule::NoResourcePool(pool) => row.resource.is_none().then(|| format!("residual:pool:{pool}")),
            Rule::AccountFrom(account, owner, from) => {
                (row.sub_account == *account && row.day >= *from).then(|| (*owner).to_owned())
            }
            Rule::Mapping => mapping
                .iter()
                .find(|one| {
                    Some(&one.resource) == row.resource.as_ref()
                        && one.from.is_none_or(|from| row.day >= from)
                        && one.until.is_none_or(|until| row.day < until)
                })
                .map(|one| one.owner.to_owned()),
        };
        if let Some(found) = found {
            return found;
        }
    }
    "residual:no-rule".to_owned()
}

fn org_yaml() -> String {
    let mut out = String::from("units:\n  - {id: halden, name: Halden Market, kind: company}\n");
    for team in TEAMS {
        let aliases = if team == "ads" { ", aliases: [ad-words]" } else { "" };
        writeln!(out, "  - {{id: {team}, name: {team}, kind: team, parent: halden{aliases}}}")
            .expect("a string takes all text");
    }
    out
}

fn rules_yaml(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return "rules: []\nresidual: {steward: ledger}\n".to_owned();
    }
    let mut out = String::from("rules:\n");
    for (at, rule) in rules.iter().enumerate() {
        let (when, outcome) = match rule {
            Rule::Tag(key) => {
                (format!("Tags['{key}'] IS NOT NULL"), format!("owner: {{from: \"lower(trim(Tags['{key}']))\"}}"))
            }
            Rule::TagEquals(key, value, owner) => (format!("Tags['{key}'] = '{value}'"), format!("owner: {owner}")),
            Rule::Account(account, owner) => (format!("SubAccountId = '{account}'"), format!("owner: {owner}")),
            Rule::ServicePrefix(prefix, owner) => (format!("ServiceName LIKE '{prefix}%'"), format!("owner: {owner}")),
            Rule::CategoryPool(category, pool) => (format!("ChargeCategory = '{category}'"), format!("pool: {pool}")),
            Rule::NoResourcePool(pool) => ("ResourceId IS NULL".to_owned(), format!("pool: {pool}")),
            Rule::Mapping => (String::new(), "mapping: owners.csv".to_owned()),
            Rule::AccountFrom(account, owner, from) => {
                (format!("SubAccountId = '{account}'"), format!("owner: {owner}\n    effective: {{from: {from}}}"))
            }
        };
        writeln!(out, "  - id: rule-{at}").expect("a string takes all text");
        if !when.is_empty() {
            writeln!(out, "    when: \"{when}\"").expect("a string takes all text");
        }
        writeln!(out, "    {outcome}").expect("a string takes all text");
    }
    out.push_str("residual: {steward: ledger}\n");
    out
}

fn mapping_csv(mapping: &[MappingRow]) -> String {
    let mut out = String::from("ResourceId,owner,effective_from,effective_until\n");
    for row in mapping {
        let day = |day: Option<Day>| day.map_or(String::new(), |day| day.to_string());
        writeln!(out, "{},{},{},{}", row.resource, row.owner, day(row.from), day(row.until))
            .expect("a string takes all text");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bills_conserve_their_totals_by_owner_and_in_any_order() {
        let mut random = Random::new(3);
        let mut rows = 0;
        for _ in 0..200 {
            let bill = random_bill(&mut random, 40);
            rows += bill.rows.len();
            let mut summed = BTreeMap::<(&str, Month), Costs>::new();
            for ((currency, month, _), costs) in bill.totals_by_owner() {
                *summed.entry((currency, month)).or_default() += costs;
            }
            assert_eq!(summed, bill.totals());
            let other = bill.shuffled(&mut random);
            assert_eq!(other.totals_by_owner(), bill.totals_by_owner());
            assert_eq!(bill.to_csv().lines().count(), bill.rows.len() + 1);
            assert_eq!(bill.rows.len(), bill.owners.len());
        }
        assert!(rows > 2_000, "{rows}");
    }
}
