//! Who owns each resource, and what tells so: tags, accounts, names, a mapping, or nothing.
//!
//! ```text
//! truth     fraud-models until the reorg, then risk-rules
//! evidence  Team/ = "Fraud Models", not retagged after the reorg
//! ```
//!
//! Owners come first, evidence is degraded afterwards, in the shares of [`EVIDENCE`]. Prices and rows come later, in
//! `world.rs` and `month.rs`.

use std::collections::HashMap;

use super::catalog::{Cloud, SERVICES};
use super::organisation::Organisation;
use super::random::{Random, Wheel, zipf};
use super::rules::{KAFKA_NAME, NO_RULE, Named, Outcome, Pool, SYSTEM_NAMESPACES, Truth, accounts};
use super::words::APPS;
use super::world::{Account, CLOUD_SHARES, Payer, Plan, Resource};

/// Shares in ten thousand of what tells a resource's owner.
pub(crate) struct Evidence {
    tagged: u64,
    tagged_when_costly: u64,
    key_or_case_variant: u64,
    wrong_team: u64,
    unknown_team: u64,
    cost_center_only: u64,
    namespace: u64,
    /// Of the untagged: account, name, mapping; the rest is out of reach.
    by_account: u64,
    by_name: u64,
    by_mapping: u64,
}

/// As in the FOCUS sample, where 711 of 1,000 rows have tags.
pub(crate) const EVIDENCE: Evidence = Evidence {
    tagged: 7_100,
    tagged_when_costly: 8_200,
    key_or_case_variant: 1_000,
    wrong_team: 300,
    unknown_team: 300,
    cost_center_only: 300,
    namespace: 600,
    by_account: 6_000,
    by_name: 2_000,
    by_mapping: 1_000,
};

/// A resource before it has its id, price and verdict.
struct Draft {
    cloud: usize,
    account: usize,
    service: usize,
    region: usize,
    name: Option<String>,
    truth: [Truth; 2],
    tags: [TagList; 2],
    mapped: bool,
    size: Size,
    months: [i32; 2],
}

/// How much a resource costs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Of a shared platform, billed every day.
    Platform,
    /// Billed every day.
    Costly,
    /// Billed now and then.
    Light,
}

impl Size {
    pub(crate) const ALL: [Size; 3] = [Size::Platform, Size::Costly, Size::Light];

    /// Thousandths of a month's cost.
    pub(crate) fn share(self) -> u128 {
        match self {
            Size::Platform => 50,
            Size::Costly => 780,
            Size::Light => 170,
        }
    }
}

/// What was decided about owners and their evidence.
pub(crate) struct Decided {
    pub(crate) payers: Vec<Payer>,
    pub(crate) accounts: Vec<Account>,
    /// Without a verdict yet.
    pub(crate) resources: Vec<Resource>,
    /// Per resource, before and after the reorg.
    pub(crate) tags: Vec<[TagList; 2]>,
    pub(crate) sizes: Vec<Size>,
    pub(crate) by_resource: HashMap<String, [u32; 2]>,
    pub(crate) by_account: HashMap<String, u32>,
    pub(crate) named: Named,
    /// The stream, for what is decided next.
    pub(crate) random: Random,
}

/// Tags as pairs of key and value.
type TagList = Vec<(String, String)>;

/// Decides owners and evidence of all resources.
pub(crate) fn decide(plan: &Plan, org: &Organisation) -> Decided {
    let mut builder = Builder::new(plan, org);
    let payers = builder.open_accounts();
    let handed_over = builder.hand_over();
    // Rows: about 45 in 100 from meters billed every day, 50 from the others, the rest from closing lines.
    let daily = (plan.rows_per_month * 47 / 100 / 30).max(9);
    let platform = (daily / 12).max(6);
    let light = (plan.rows_per_month * 52 / 100 * 10 / 17).max(plan.teams);
    for at in 0..platform {
        builder.platform_resource(Pool::ALL[5 + at % 6], at);
    }
    // The first of a domain's teams run what costs most, and those know how to tag it.
    let leading: Vec<u32> =
        (0..org.teams.len()).filter(|at| org.teams[*at].id.ends_with("-platform")).map(|at| at as u32).collect();
    for at in platform..daily {
        let leads = at < platform + 40 && !leading.is_empty();
        builder.careful = at < platform + 15;
        let team =
            if leads { *builder.random.pick(&leading) } else { builder.team_wheel.spin(&mut builder.random) as u32 };
        builder.team_resource(team, true);
    }
    builder.careful = false;
    for at in 0..light {
        let team = if at < plan.teams { at } else { builder.team_wheel.spin(&mut builder.random) };
        builder.team_resource(team as u32, false);
    }
    let Builder { drafts, accounts, by_account, prefix_teams, mut random, .. } = builder;
    let mut by_resource = HashMap::new();
    let mut resources = Vec::with_capacity(drafts.len());
    let mut tags = Vec::with_capacity(drafts.len());
    let mut sizes = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let id = resource_id(&draft, &accounts[draft.account], &mut random);
        if let (true, [Truth::Team(before), Truth::Team(after)]) = (draft.mapped, draft.truth) {
            by_resource.insert(id.clone(), [before, after]);
        }
        sizes.push(draft.size);
        resources.push(Resource {
            account: draft.account,
            service: draft.service,
            region: draft.region,
            id,
            name: draft.name,
            truth: draft.truth,
            tags: std::array::from_fn(|era| tags_json(&draft.tags[era])),
            verdict: [(Outcome::NoRule, NO_RULE); 2],
            months: draft.months,
        });
        tags.push(draft.tags);
    }
    let named = Named { prefix_teams, handed_over };
    Decided { payers, accounts, resources, tags, sizes, by_resource, by_account, named, random }
}

struct Builder<'a> {
    plan: &'a Plan,
    random: Random,
    org: &'a Organisation,
    accounts: Vec<Account>,
    /// Per cloud and team: its accounts.
    dedicated: HashMap<(usize, u32), Vec<usize>>,
    shared: HashMap<(usize, &'static str), usize>,
    legacy: [Vec<usize>; 3],
    sandboxes: [Vec<usize>; 3],
    by_account: HashMap<String, u32>,
    services: [(Vec<usize>, Wheel); 3],
    prefix_teams: Vec<u32>,
    team_wheel: Wheel,
    team_clouds: Vec<Vec<usize>>,
    drafts: Vec<Draft>,
    serial: u64,
    /// While true, tags are right and nothing changes hands.
    careful: bool,
}

impl<'a> Builder<'a> {
    fn new(plan: &'a Plan, org: &'a Organisation) -> Builder<'a> {
        let mut random = Random::fork(plan.seed, &[2]);
        let mut ranks: Vec<usize> = (1..=org.teams.len()).collect();
        random.shuffle(&mut ranks);
        let team_wheel = Wheel::new(ranks.iter().map(|rank| zipf(*rank, 70)));
        let cloud_wheel = Wheel::new(CLOUD_SHARES);
        let team_clouds = org
            .teams
            .iter()
            .map(|_| {
                let first = cloud_wheel.spin(&mut random);
                let second = cloud_wheel.spin(&mut random);
                if first != second && random.chance(4_000) { vec![first, second] } else { vec![first] }
            })
            .collect();
        let services = std::array::from_fn(|cloud| {
            let of_cloud: Vec<usize> = (0..SERVICES.len()).filter(|at| SERVICES[*at].cloud as usize == cloud).collect();
            let wheel = Wheel::new(of_cloud.iter().map(|at| SERVICES[*at].weight));
            (of_cloud, wheel)
        });
        let mut by_size: Vec<usize> = (0..org.teams.len()).collect();
        by_size.sort_by_key(|team| ranks[*team]);
        let prefix_teams = by_size.into_iter().skip(1).step_by(3).take(10).map(|team| team as u32).collect();
        Builder {
            plan,
            random,
            org,
            accounts: Vec::new(),
            dedicated: HashMap::new(),
            shared: HashMap::new(),
            legacy: Default::default(),
            sandboxes: Default::default(),
            by_account: HashMap::new(),
            services,
            prefix_teams,
            team_wheel,
            team_clouds,
            drafts: Vec::new(),
            serial: 0,
            careful: false,
        }
    }

    fn open(&mut self, cloud: usize, name: String) -> usize {
        let random = &mut self.random;
        let id = match Cloud::ALL[cloud] {
            // A leading zero now and then: account ids are text.
            Cloud::Aws => format!("{:012}", random.below(1_000_000_000_000)),
            Cloud::Azure => {
                format!("{}-{}-4{}-a{}-{}", random.hex(8), random.hex(4), random.hex(3), random.hex(3), random.hex(12))
            }
            Cloud::Gcp => format!("{}-{}", name.chars().take(22).collect::<String>(), random.hex(6)),
        };
        self.accounts.push(Account { id, name });
        self.accounts.len() - 1
    }

    fn open_accounts(&mut self) -> Vec<Payer> {
        let mut payers = Vec::new();
        for (cloud, which) in Cloud::ALL.into_iter().enumerate() {
            let first = self.accounts.len();
            for team in 0..self.org.teams.len() {
                if !self.team_clouds[team].contains(&cloud) {
                    continue;
                }
                let id = self.org.teams[team].id.clone();
                let mut stages = vec!["prod"];
                if self.random.chance(6_000) {
                    stages.push("dev");
                }
                for stage in stages {
                    let account = self.open(cloud, format!("{id}-{stage}"));
                    self.dedicated.entry((cloud, team as u32)).or_default().push(account);
                    if self.random.chance(9_700) {
                        self.by_account.insert(self.accounts[account].id.clone(), team as u32);
                    }
                }
            }
            for at in 0..(self.plan.teams / 60).max(1) {
                let account = self.open(cloud, format!("{}{:02}", accounts::LEGACY, at + 1));
                self.legacy[cloud].push(account);
            }
            for at in 0..(self.plan.teams / 200).max(1) {
                let account = self.open(cloud, format!("{}{:02}", accounts::SANDBOX, at + 1));
                self.sandboxes[cloud].push(account);
            }
            let shared = [
                accounts::STREAMING,
                accounts::CI[0],
                accounts::CI[1],
                accounts::DATA_LAKE,
                accounts::OBSERVABILITY,
                accounts::NETWORK,
                accounts::KUBERNETES,
            ];
            for name in shared {
                let account = self.open(cloud, name.to_owned());
                self.shared.insert((cloud, name), account);
            }
            let random = &mut self.random;
            let billing_account = match which {
                Cloud::Aws => format!("{:012}", random.below(1_000_000_000_000)),
                Cloud::Azure => format!("{}", 10_000_000 + random.below(80_000_000)),
                Cloud::Gcp => format!("{}-{}-{}", random.hex(6), random.hex(6), random.hex(6)).to_uppercase(),
            };
            payers.push(Payer {
                cloud: which,
                billing_account,
                billing_account_name: "Halden Market, Inc. \"payer\"".to_owned(),
                accounts: [first, self.accounts.len()],
                slots: Vec::new(),
                daily: Vec::new(),
                light: Vec::new(),
            });
        }
        payers
    }

    /// One dedicated account changes hands at the reorg: all that runs in it, untagged, has a new owner.
    fn hand_over(&mut self) -> Option<(String, u32)> {
        let teams = self.org.teams.len() as u32;
        if teams < 4 {
            return None;
        }
        let giver = (0..teams).find(|team| self.dedicated.contains_key(&(0, *team)))?;
        let taker = (giver + teams / 2) % teams;
        let account = self.open(0, "acquired-webshop-prod".to_owned());
        // Opened last, it lies outside the payer's range for taxes, which nobody minds.
        self.by_account.insert(self.accounts[account].id.clone(), giver);
        for at in 0..6 {
            let service = self.services[0].0[at];
            self.drafts.push(Draft {
                cloud: 0,
                account,
                service,
                region: 0,
                name: Some(format!("webshop-{:02}", at + 1)),
                truth: [Truth::Team(giver), Truth::Team(taker)],
                tags: [Vec::new(), Vec::new()],
                mapped: false,
                size: Size::Light,
                months: [0, i32::MAX],
            });
        }
        Some((self.accounts[account].id.clone(), taker))
    }

    fn lifetime(&mut self, costly: bool) -> [i32; 2] {
        let months = self.plan.months as i64;
        let born = if self.random.chance(if costly { 9_000 } else { 7_800 }) {
            0
        } else {
            self.random.between(1, months.max(2))
        };
        let dies = if self.random.chance(if costly { 500 } else { 1_500 }) {
            born + self.random.between(1, 12)
        } else {
            i64::from(i32::MAX)
        };
        [born as i32, dies as i32]
    }

    fn next_name(&mut self, stem: &str) -> String {
        self.serial += 1;
        let app = self.random.pick(&APPS);
        format!("{stem}-{app}-{:05}", self.serial)
    }

    fn platform_resource(&mut self, pool: Pool, at: usize) {
        let (clouds, account, services, stem): (&[usize], &str, &[&str], &str) = match pool {
            Pool::Kubernetes => (
                &[0, 1, 2],
                accounts::KUBERNETES,
                &["Amazon Elastic Compute Cloud", "Azure Kubernetes Service", "Kubernetes Engine"],
                "k8s-node",
            ),
            Pool::Kafka => (&[0], accounts::STREAMING, &["Amazon Managed Streaming for Apache Kafka"], "kafka-shared"),
            Pool::Ci => (&[0], accounts::CI[at / 6 % 2], &["Amazon Elastic Compute Cloud"], "ci-runner"),
            Pool::DataLake => {
                (&[0, 2], accounts::DATA_LAKE, &["Amazon Simple Storage Service", "BigQuery"], "halden-data-lake")
            }
            Pool::Observability => {
                (&[0, 1], accounts::OBSERVABILITY, &["AmazonCloudWatch", "Azure Monitor"], "telemetry")
            }
            Pool::Network => (&[0, 1], accounts::NETWORK, &["AWS Direct Connect", "ExpressRoute"], "backbone"),
            Pool::Tax | Pool::Support | Pool::ProviderAdjustments | Pool::ProviderCredits | Pool::Commitments => return,
        };
        let cloud = clouds[at / 6 % clouds.len()];
        let name = self.next_name(stem);
        let service = services.iter().find_map(|name| {
            (0..SERVICES.len()).find(|at| SERVICES[*at].name == *name && SERVICES[*at].cloud as usize == cloud)
        });
        let account = self
            .shared
            .iter()
            .find(|((in_cloud, shared), _)| *in_cloud == cloud && *shared == account)
            .map(|(_, account)| *account);
        let (Some(service), Some(mut account)) = (service, account) else { return };
        // Some of the lake's buckets and some of Kafka's clusters stand in other accounts; rules know them by name.
        if matches!(pool, Pool::DataLake | Pool::Kafka) && cloud == 0 && at >= 6 {
            account = *self.random.pick(&self.legacy[0]);
        }
        let mut tags = vec![("env".to_owned(), "prod".to_owned())];
        if pool == Pool::Kubernetes {
            tags.push(("k8s-cluster".to_owned(), format!("prod-{}", at / 6 % 3 + 1)));
            if at >= 6 {
                tags.push(("k8s-namespace".to_owned(), SYSTEM_NAMESPACES[at / 6 % 3].to_owned()));
            }
        }
        self.drafts.push(Draft {
            cloud,
            account,
            service,
            region: at % 3,
            name: Some(name),
            truth: [Truth::Pool(pool); 2],
            tags: [tags.clone(), tags],
            mapped: false,
            size: Size::Platform,
            months: [0, i32::MAX],
        });
    }

    fn team_resource(&mut self, mut team: u32, costly: bool) {
        let tagged =
            self.random.chance(if costly { EVIDENCE.tagged_when_costly } else { EVIDENCE.tagged }) || self.careful;
        let roll = self.random.below(10_000);
        let (by_account, by_name, by_mapping) =
            if costly { (6_300, 1_500, 1_900) } else { (EVIDENCE.by_account, EVIDENCE.by_name, EVIDENCE.by_mapping) };
        let reach = match (tagged, roll) {
            (true, _) => Reach::Tag,
            (false, roll) if roll < by_account => Reach::Account,
            (false, roll) if roll < by_account + by_name => Reach::Name,
            (false, roll) if roll < by_account + by_name + by_mapping => Reach::Mapping,
            (false, _) => Reach::None,
        };
        if reach == Reach::Name {
            team = *self.random.pick(&self.prefix_teams);
        }
        let cloud = *self.random.pick(&self.team_clouds[team as usize]);
        let mut moved =
            matches!(reach, Reach::Tag | Reach::Mapping | Reach::None) && self.random.chance(600) && !self.careful;
        let after = if moved { self.random.below(self.org.teams.len() as u64) as u32 } else { team };
        moved &= after != team;
        let id = self.org.teams[team as usize].id.clone();
        let sandbox = reach == Reach::None && self.random.chance(2_000);
        let account = match reach {
            Reach::Tag if self.random.chance(7_500) => *self.random.pick(&self.dedicated[&(cloud, team)]),
            Reach::Account => *self.random.pick(&self.dedicated[&(cloud, team)]),
            _ if sandbox => *self.random.pick(&self.sandboxes[cloud]),
            _ => *self.random.pick(&self.legacy[cloud]),
        };
        let service = {
            let (services, wheel) = &self.services[cloud];
            services[wheel.spin(&mut self.random)]
        };
        let name = match reach {
            Reach::Name => Some(self.next_name(&id)),
            Reach::None | Reach::Mapping => {
                self.serial += 1;
                self.random.chance(5_000).then(|| format!("tmp-{:06}", self.serial))
            }
            Reach::Tag | Reach::Account if self.random.chance(6_300) => Some(self.next_name(&id)),
            Reach::Tag | Reach::Account => None,
        };
        let mut tags = [Vec::new(), Vec::new()];
        if reach == Reach::Tag {
            let before = self.owner_tag(team);
            // Who takes a resource over retags it, more often than not; half of the others are settled by hand.
            tags[1] = if moved && self.random.chance(6_500) { self.owner_tag(after) } else { before.clone() };
            tags[0] = before;
        }
        if reach == Reach::Tag || self.random.chance(3_000) {
            let app = (*self.random.pick(&APPS)).to_owned();
            let env = (*self.random.pick(&["prod", "prod", "prod", "staging", "dev"])).to_owned();
            for tags in &mut tags {
                tags.push(("app".to_owned(), app.clone()));
                tags.push(("env".to_owned(), env.clone()));
            }
            if self.random.chance(200) {
                tags[0].push(("note".to_owned(), "ask \"ops\", é中".to_owned()));
            }
        }
        let retagged = tags[0] != tags[1];
        let mapped = reach == Reach::Mapping || moved && !retagged && reach == Reach::Tag && self.random.chance(5_000);
        let region = {
            let regions = Cloud::ALL[cloud].regions().len() as u64;
            // The first regions have most.
            (self.random.below(regions) * self.random.below(regions) / regions) as usize
        };
        let truth =
            if sandbox { [Truth::Team(self.org.sandbox as u32); 2] } else { [Truth::Team(team), Truth::Team(after)] };
        let truth =
            if reach == Reach::None && !sandbox && self.random.chance(2_500) { [Truth::Nobody; 2] } else { truth };
        let months = self.lifetime(costly);
        let size = if costly { Size::Costly } else { Size::Light };
        self.drafts.push(Draft { cloud, account, service, region, name, truth, tags, mapped, size, months });
    }

    /// The tags that say whose a resource is: mostly right, sometimes misspelt, sometimes wrong.
    fn owner_tag(&mut self, team: u32) -> TagList {
        let teams = &self.org.teams;
        let own = &teams[team as usize];
        let roll = if self.careful { 9_999 } else { self.random.below(10_000) };
        let mut until = EVIDENCE.namespace;
        if roll < until {
            let cluster = format!("prod-{}", 1 + self.random.below(3));
            return vec![("k8s-cluster".to_owned(), cluster), ("k8s-namespace".to_owned(), own.id.clone())];
        }
        until += EVIDENCE.cost_center_only;
        if roll < until {
            let code = if self.random.chance(5_000) { own.cost_center.to_uppercase() } else { own.cost_center.clone() };
            return vec![("cost-center".to_owned(), code)];
        }
        until += EVIDENCE.wrong_team;
        if roll < until {
            let other = &teams[self.random.index(teams.len())];
            return vec![("team".to_owned(), other.id.clone())];
        }
        until += EVIDENCE.unknown_team;
        if roll < until {
            let value = match self.random.below(3) {
                0 => self.random.pick(&self.org.dissolved).clone(),
                1 => format!("{}x", own.id),
                _ => (*self.random.pick(&["unknown", "tbd", "n/a", "shared"])).to_owned(),
            };
            return vec![("team".to_owned(), value)];
        }
        until += EVIDENCE.key_or_case_variant;
        if roll < until {
            let value = match self.random.below(5) {
                0 => own.id.to_uppercase(),
                1 => format!(" {} ", own.id),
                2 => own.name.clone(),
                3 => own.id.replace('-', "_"),
                _ => own.id.clone(),
            };
            let key = *self.random.pick(&["team", "Team", "TEAM", "team/", " team", "team-name", "owner", "Owner"]);
            return vec![(key.to_owned(), value)];
        }
        let mut tags = vec![("team".to_owned(), own.id.clone())];
        if self.random.chance(1_500) {
            tags.push(("cost-center".to_owned(), own.cost_center.clone()));
        }
        tags
    }
}

/// By what a resource's owner can be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Tag,
    Account,
    Name,
    Mapping,
    None,
}

fn resource_id(draft: &Draft, account: &Account, random: &mut Random) -> String {
    let service = &SERVICES[draft.service];
    let region = Cloud::ALL[draft.cloud].regions()[draft.region].0;
    let hex = random.hex(16);
    let name = draft.name.clone().unwrap_or_else(|| format!("r{hex}"));
    let group = format!("rg-{}", account.name);
    debug_assert!(!name.starts_with(KAFKA_NAME) || matches!(draft.truth[0], Truth::Pool(Pool::Kafka)));
    service
        .id
        .replace("{a}", &account.id)
        .replace("{r}", region)
        .replace("{n}", &name)
        .replace("{x}", &hex)
        .replace("{g}", &group)
}

fn tags_json(tags: &[(String, String)]) -> Option<String> {
    if tags.is_empty() {
        return None;
    }
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let pairs: Vec<String> =
        tags.iter().map(|(key, value)| format!("\"{}\": \"{}\"", escaped(key), escaped(value))).collect();
    Some(format!("{{{}}}", pairs.join(", ")))
}
