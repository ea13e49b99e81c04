//! The sample company's world, decided before any bill: accounts, resources with their true owners, and what evidence
//! of ownership each resource carries.
//!
//! ```text
//! truth     i-0a7f… belongs to fraud-models until the reorg, then to risk-rules
//! evidence  Team/ = "Fraud Models", not retagged after the reorg
//! ```
//!
//! Owners come first, evidence is degraded afterwards, in the shares of [`EVIDENCE`]; nothing here knows of rows.

use std::collections::HashMap;

use leap_terms::Day;

use super::amount::Decimal;
use super::catalog::{Cloud, SERVICES};
use super::organisation::Organisation;
use super::random::{Random, Wheel, zipf};
use super::rules::{Facts, KAFKA_NAME, NO_RULE, Named, Outcome, Pool, RuleSet, SYSTEM_NAMESPACES, Truth, accounts};
use super::words::APPS;

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

/// A sub account: AWS account, Azure subscription or GCP project.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A payer.
pub(crate) struct Payer {
    pub(crate) cloud: Cloud,
    pub(crate) billing_account: String,
    pub(crate) billing_account_name: String,
    /// Index of the first and one past the last sub account.
    pub(crate) accounts: [usize; 2],
    /// Commitment slots of this payer.
    pub(crate) slots: Vec<usize>,
    /// Meters billed every day without a commitment, and those billed now and then.
    pub(crate) daily: Vec<usize>,
    pub(crate) light: Vec<usize>,
}

/// A resource.
pub(crate) struct Resource {
    pub(crate) account: usize,
    pub(crate) service: usize,
    pub(crate) region: usize,
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// Before and after the reorg.
    pub(crate) truth: [Truth; 2],
    /// JSON, or none.
    pub(crate) tags: [Option<String>; 2],
    pub(crate) verdict: [(Outcome, u16); 2],
    /// First month, and the month in which it is gone.
    pub(crate) months: [i32; 2],
}

/// Something metered about a resource, at a price.
pub(crate) struct Meter {
    pub(crate) resource: usize,
    pub(crate) words: usize,
    pub(crate) price: Decimal,
    pub(crate) contracted: Decimal,
    /// Cost in 10⁻¹² per day (daily meters) or per row.
    pub(crate) base: u64,
    pub(crate) rows_per_month: u64,
    pub(crate) free: bool,
    /// Growth in a thousandth per month.
    pub(crate) trend: i64,
    /// True for what runs at night and on weekends as well.
    pub(crate) steady: bool,
    pub(crate) description: String,
    pub(crate) sku: String,
    pub(crate) sku_price: String,
}

/// A succession of commitments for the same use, one term of twelve months after the other.
pub(crate) struct Slot {
    pub(crate) meters: Vec<usize>,
    /// Month in which a term starts, in [0, 12): terms start at `start + 12 k`.
    pub(crate) start: i32,
    pub(crate) upfront: bool,
    /// Discount on the contracted price, in percent.
    pub(crate) discount: i128,
    /// The commitment as a share of the use planned when it was bought, in a thousandth.
    pub(crate) reach: u64,
    pub(crate) name: String,
    pub(crate) owner: Truth,
    pub(crate) seed: u64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) org: Organisation,
    pub(crate) payers: Vec<Payer>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) meters: Vec<Meter>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) rules: RuleSet,
    pub(crate) reorg: Day,
}

/// What the size of the world follows from.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) teams: usize,
    pub(crate) months: usize,
    pub(crate) rows_per_month: usize,
    pub(crate) reorg: Day,
}

const PICO_PER_DOLLAR: u128 = 1_000_000_000_000;
/// Dollars a month per team, at the start.
const DOLLARS_PER_TEAM: u128 = 40_000;
/// Shares of the clouds, in percent.
const CLOUD_SHARES: [u64; 3] = [62, 22, 16];

struct Draft {
    cloud: usize,
    account: usize,
    service: usize,
    region: usize,
    name: Option<String>,
    truth: [Truth; 2],
    tags: [Vec<(String, String)>; 2],
    mapped: bool,
    size: Size,
    months: [i32; 2],
}

/// How much a resource costs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    /// Of a shared platform, billed every day.
    Platform,
    /// Billed every day.
    Costly,
    /// Billed now and then.
    Light,
}

impl Size {
    const ALL: [Size; 3] = [Size::Platform, Size::Costly, Size::Light];

    /// Thousandths of a month's cost.
    fn share(self) -> u128 {
        match self {
            Size::Platform => 50,
            Size::Costly => 780,
            Size::Light => 170,
        }
    }
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

impl World {
    pub(crate) fn new(plan: &Plan) -> World {
        let org = Organisation::new(plan.seed, plan.teams);
        let mut builder = Builder::new(plan, &org);
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
            let team = if leads {
                *builder.random.pick(&leading)
            } else {
                builder.team_wheel.spin(&mut builder.random) as u32
            };
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
                tags: [None, None],
                verdict: [(Outcome::NoRule, NO_RULE); 2],
                months: draft.months,
            });
            tags.push(draft.tags);
        }
        let named = Named { prefix_teams, handed_over };
        let rules = RuleSet::new(&org, &named, by_resource, by_account, plan.reorg);
        for (resource, tags) in resources.iter_mut().zip(&tags) {
            let account = &accounts[resource.account];
            let service = &SERVICES[resource.service];
            resource.verdict = std::array::from_fn(|era| {
                rules.decide(&Facts {
                    era,
                    tags: &tags[era],
                    account: &account.id,
                    account_name: &account.name,
                    resource: &resource.id,
                    resource_name: resource.name.as_deref().unwrap_or(""),
                    service: service.name,
                    category: service.category,
                })
            });
            resource.tags = std::array::from_fn(|era| tags_json(&tags[era]));
        }
        let mut world =
            World { payers, accounts, resources, meters: Vec::new(), slots: Vec::new(), rules, reorg: plan.reorg, org };
        world.install_meters(plan, &sizes, &mut random);
        world.commit(plan, &mut random);
        world
    }

    /// Gives every resource its meters, and every meter its share of the company's cost.
    fn install_meters(&mut self, plan: &Plan, sizes: &[Size], random: &mut Random) {
        let monthly = DOLLARS_PER_TEAM * plan.teams as u128 * PICO_PER_DOLLAR;
        let mut rank = 0;
        let weights: Vec<u64> = sizes
            .iter()
            .map(|size| match size {
                Size::Platform => 600 + random.below(900),
                // The owner of each rank was drawn by chance.
                Size::Costly => {
                    rank += 1;
                    zipf(rank + 1, 105)
                }
                Size::Light => random.log_normal(22, 3),
            })
            .collect();
        let sum_of = |size: Size| -> u128 {
            sizes.iter().zip(&weights).filter(|(of, _)| **of == size).map(|(_, weight)| u128::from(*weight)).sum()
        };
        let sums = Size::ALL.map(sum_of);
        for (at, (size, weight)) in sizes.iter().zip(&weights).enumerate() {
            let resource = &self.resources[at];
            let service = &SERVICES[resource.service];
            let costly = *size != Size::Light;
            let rows = if costly { 30 } else { [1, 1, 1, 1, 1, 2, 2, 2, 3, 3][random.index(10)] };
            let base = monthly * size.share() / 1000 * u128::from(*weight) / sums[*size as usize].max(1) / rows;
            let words = random.index(service.meters.len());
            let free = !costly && random.chance(6_700);
            let region_markup = [0, 8, 4, 12, 15][resource.region % 5];
            let price = marked_up(service.meters[words].price, region_markup);
            let discount = match service.cloud {
                Cloud::Aws => [0, 9, 9, 14],
                Cloud::Azure => [0, 7, 7, 12],
                Cloud::Gcp => [0, 12, 12, 20],
            }[random.index(4)];
            let contracted = Decimal::new(price.mantissa * (100 - discount), price.decimals + 2);
            let mut text = Vec::new();
            price.write(&mut text);
            let shown = String::from_utf8_lossy(&text).into_owned();
            let (meter, region) = (&service.meters[words], service.cloud.regions()[resource.region]);
            let description = if random.chance(500) {
                format!("${shown} per {}, \"{}\" in {}", meter.unit, meter.name, region.1)
            } else if free {
                format!("$0.00 per {} under the free tier, {}", meter.unit, meter.name)
            } else {
                format!("${shown} per {} {} in {}", meter.unit, meter.name, region.1)
            };
            let mut sku_random =
                Random::fork(0x5ca1e, &[resource.service as u64, words as u64, resource.region as u64]);
            let sku = format!("{:016X}", sku_random.bits());
            let sku_price = format!(
                "{sku}.{}",
                ["JRTCKXETXF", "38NPMPTW36", "4NA7Y494T4", "BPCNP3XC8Z", "NQ3QZPMQV9"][random.index(5)]
            );
            self.meters.push(Meter {
                resource: at,
                words,
                price: if free { Decimal::new(0, price.decimals) } else { price },
                contracted: if free { Decimal::new(0, contracted.decimals) } else { contracted },
                base: base as u64,
                rows_per_month: rows as u64,
                free,
                trend: [-8, 0, 8, 14, 18, 22, 40][random.index(7)],
                steady: random.chance(5_500),
                description,
                sku,
                sku_price,
            });
        }
    }

    /// Buys commitments for about a third of the compute, and sorts the meters by how they are billed.
    fn commit(&mut self, plan: &Plan, random: &mut Random) {
        let cloud_of = |world: &World, meter: usize| {
            SERVICES[world.resources[world.meters[meter].resource].service].cloud as usize
        };
        let mut candidates: [Vec<usize>; 3] = Default::default();
        for at in 0..self.meters.len() {
            let meter = &self.meters[at];
            let cloud = cloud_of(self, at);
            let service = &SERVICES[self.resources[meter.resource].service];
            if meter.rows_per_month < 30 {
                self.payers[cloud].light.push(at);
            } else if service.committed && random.chance(6_300) {
                candidates[cloud].push(at);
            } else {
                self.payers[cloud].daily.push(at);
            }
        }
        let slots = (plan.rows_per_month / 520).max(3);
        for (cloud, candidates) in candidates.into_iter().enumerate() {
            let count = (slots * CLOUD_SHARES[cloud] as usize / 100).max(1).min(candidates.len());
            for at in 0..count {
                let name = match (cloud, at) {
                    (0, 0) => "gpu-capacity".to_owned(),
                    (2, 0) => "warehouse-slots".to_owned(),
                    (0, _) => format!("compute-sp-{at:02}"),
                    (1, _) => format!("reserved-vm-{at:02}"),
                    _ => format!("cud-spend-{at:02}"),
                };
                let owner = match (cloud, at) {
                    (0, 0) => Truth::Team(self.org.gpu as u32),
                    (2, 0) => Truth::Team(self.org.warehouse as u32),
                    _ => Truth::Pool(Pool::Commitments),
                };
                self.payers[cloud].slots.push(self.slots.len());
                self.slots.push(Slot {
                    meters: candidates.iter().copied().skip(at).step_by(count).collect(),
                    start: random.between(0, 12) as i32,
                    upfront: random.chance(3_000),
                    discount: i128::from(random.between(18, 45)),
                    reach: 700 + random.below(350),
                    name,
                    owner,
                    seed: random.bits(),
                });
            }
        }
    }
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
    fn owner_tag(&mut self, team: u32) -> Vec<(String, String)> {
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

/// A list price, in another region some percent higher; at most 10 decimals.
fn marked_up(price: &str, percent: i128) -> Decimal {
    let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().expect("prices of the catalog are numbers");
    let decimals = fraction.len() as u8;
    if percent == 0 || decimals > 8 {
        Decimal::new(digits, decimals)
    } else {
        Decimal::new(digits * (100 + percent), decimals + 2)
    }
}
