//! The sample company's world, decided before any bill: accounts, resources with their true owners, meters with their
//! prices, commitments.
//!
//! ```text
//! truth     i-0a7f… belongs to fraud-models until the reorg, then to risk-rules
//! meter     BoxUsage:m6i.xlarge at 0.192 an hour, 9 % negotiated, growing 1.4 % a month
//! ```
//!
//! Owners come first; what evidence of them a resource carries is decided in `evidence.rs`. Nothing here knows of rows.

use leap_terms::Day;

use super::amount::Decimal;
use super::catalog::{Cloud, SERVICES};
use super::evidence::{Decided, Size, decide};
use super::organisation::Organisation;
use super::random::{Random, zipf};
use super::rules::{Facts, Outcome, Pool, RuleSet, Truth};

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
pub(crate) const CLOUD_SHARES: [u64; 3] = [62, 22, 16];

impl World {
    pub(crate) fn new(plan: &Plan) -> World {
        let org = Organisation::new(plan.seed, plan.teams);
        let Decided { payers, accounts, mut resources, tags, sizes, by_resource, by_account, named, mut random } =
            decide(plan, &org);
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
            } else if service.committed && random.chance(5_700) {
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
                    reach: 820 + random.below(430),
                    name,
                    owner,
                    seed: random.bits(),
                });
            }
        }
    }
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
