//! The lines of one payer's bill for one month, as they stand when everything has arrived.
//!
//! ```text
//! 2026-09-03  i-0a7f…  4.1 h × 0.192  billed 0.7872   seen from day 4
//! 2026-09-01  compute-sp-02 fee       billed 51,000   effective 0
//! ```
//!
//! Snapshots of earlier days are made from these lines by what each says of when it is first seen and how it was
//! estimated before; see `delivery.rs`.

use leap_terms::{Day, Month};

use super::amount::{Amount, Decimal, Total};
use super::random::{ONE, Random};
use super::rules::{LineKind, Outcome, Truth};
use super::world::{Meter, Slot, World};

/// First seen only when the month is closed.
pub(crate) const AT_CLOSE: u8 = 40;
/// First seen after the month's end.
pub(crate) const AFTER_END: u8 = 32;

/// Billed, effective, list, contracted.
pub(crate) type FourCosts = [Amount; 4];

/// One row of a bill.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) kind: LineKind,
    /// A correction of a closed month.
    pub(crate) correction: bool,
    pub(crate) meter: Option<usize>,
    pub(crate) account: Option<usize>,
    pub(crate) commitment: Option<usize>,
    /// Hours since 1970.
    pub(crate) hours: [i64; 2],
    pub(crate) quantity: Option<Decimal>,
    pub(crate) costs: FourCosts,
    /// Quantity and costs before they settled.
    pub(crate) estimate: Option<Box<(Decimal, FourCosts)>>,
    /// Day of the month on which a snapshot first has it.
    pub(crate) seen: u8,
    pub(crate) bits: u64,
    pub(crate) description: Option<&'static str>,
    pub(crate) truth: Truth,
    pub(crate) outcome: Outcome,
    pub(crate) rule: u16,
}

/// One term of a commitment, as this month's bill names it.
pub(crate) struct Commitment {
    pub(crate) id: String,
    pub(crate) slot: usize,
    /// What the term spreads over this month.
    pub(crate) month: Amount,
    /// True when the window holds the fees of all use in it.
    pub(crate) whole: bool,
}

/// The lines of a month.
pub(crate) struct MonthLines {
    pub(crate) cloud: usize,
    pub(crate) month: Month,
    pub(crate) lines: Vec<Line>,
    pub(crate) commitments: Vec<Commitment>,
}

/// Which month, and of how many.
pub(crate) struct When {
    pub(crate) first: Month,
    pub(crate) at: i32,
    pub(crate) months: i32,
}

/// Use by calendar month, in a thousandth: a market before the holidays.
const SEASON: [i64; 12] = [960, 950, 975, 985, 990, 1_000, 1_005, 1_000, 1_015, 1_035, 1_115, 1_150];
/// Use by weekday from Monday.
const WEEK: [i64; 7] = [1_010, 1_030, 1_035, 1_030, 1_000, 820, 790];

fn growth(trend: i64, months: i32) -> i64 {
    (0..months.max(0)).fold(1_000_000, |factor, _| factor * (1_000 + trend) / 1_000)
}

/// Costs of a quantity at list and contracted price, not covered by a commitment.
fn priced(quantity: Decimal, meter: &Meter) -> FourCosts {
    let list = Amount::from_decimal(quantity.times(meter.price));
    let contracted = Amount::from_decimal(quantity.times(meter.contracted));
    [contracted, contracted, list, contracted]
}

/// The quantity that costs `pico` at list price, with as many decimals as keep the contracted cost within 12.
fn quantity_for(pico: u64, meter: &Meter) -> Decimal {
    let decimals = 10 - meter.price.decimals;
    if meter.free {
        // Free use is counted all the same.
        return Decimal::new(i128::from(pico % 1_000_000), decimals.min(4));
    }
    Decimal::new(i128::from(pico) / (meter.price.mantissa * 100).max(1), decimals)
}

struct Maker<'a> {
    world: &'a World,
    cloud: usize,
    when: &'a When,
    month: Month,
    random: Random,
    lines: Vec<Line>,
}

/// Makes the lines of a payer's month.
pub(crate) fn make(world: &World, seed: u64, cloud: usize, when: &When, target_rows: usize) -> MonthLines {
    let month = when.first.plus(when.at);
    let random = Random::fork(seed, &[3, cloud as u64, when.at as u64]);
    let mut maker = Maker { world, cloud, when, month, random, lines: Vec::new() };
    let commitments = maker.commitments();
    maker.use_of_the_month(&commitments);
    maker.corrections(target_rows / 100);
    maker.closing(target_rows);
    MonthLines { cloud, month, lines: maker.lines, commitments }
}

impl Maker<'_> {
    fn first_day(&self) -> Day {
        self.month.first_day()
    }

    fn days(&self) -> i32 {
        self.month.plus(1).first_day().days() - self.first_day().days()
    }

    fn alive(&self, meter: &Meter) -> bool {
        let months = self.world.resources[meter.resource].months;
        (months[0]..months[1]).contains(&self.when.at)
    }

    /// Use against the base, in a millionth.
    fn level(&self, meter: &Meter, day: Day) -> i64 {
        let born = self.world.resources[meter.resource].months[0];
        let season = SEASON[self.month.ym().1 as usize - 1];
        let weekday = if meter.steady { 1_000 } else { WEEK[(day.days() + 3).rem_euclid(7) as usize] };
        growth(meter.trend, self.when.at - born) / 1_000 * season / 1_000 * weekday
    }

    /// One day's cost at list price, in 10⁻¹².
    fn day_cost(&mut self, meter: &Meter, day: Day) -> u64 {
        let noise = 65_536 + self.random.normal() / 25;
        let level = self.level(meter, day);
        let mut cost = u128::from(meter.base) * level as u128 / 1_000_000 * noise.max(1) as u128 / ONE as u128;
        // Once in a while a job runs wild for a day.
        if self.random.below(20_000) == 0 {
            cost *= 3 + u128::from(self.random.below(3));
        }
        cost.min(8_000_000_000_000_000_000 / 3) as u64
    }

    fn push_use(
        &mut self,
        meter: usize,
        day: Day,
        quantity: Decimal,
        costs: FourCosts,
        commitment: Option<usize>,
        hours: [i64; 2],
    ) {
        let world = self.world;
        let of = &world.meters[meter];
        let resource = &world.resources[of.resource];
        let era = usize::from(day >= world.reorg);
        let day_of_month = day.ymd().2 as u8;
        let late = self.random.chance(100);
        let seen = if late { (day_of_month + 4 + self.random.below(9) as u8).min(AFTER_END) } else { day_of_month };
        let mut line = Line {
            kind: if commitment.is_some() { LineKind::Covered } else { LineKind::Usage },
            correction: false,
            meter: Some(meter),
            account: Some(resource.account),
            commitment,
            hours,
            quantity: Some(quantity),
            costs,
            estimate: None,
            seen,
            bits: self.random.bits(),
            description: None,
            truth: resource.truth[era],
            outcome: resource.verdict[era].0,
            rule: resource.verdict[era].1,
        };
        if commitment.is_none() && !of.free && self.random.chance(150) {
            let estimate = Decimal::new(quantity.mantissa - quantity.mantissa / 17, quantity.decimals);
            line.estimate = Some(Box::new((estimate, priced(estimate, of))));
        }
        self.lines.push(line);
    }

    /// Adds 6 to 16 decimals to one quantity in a thousand, so that its costs have 18 to 28.
    fn refined(&mut self, quantity: Decimal, meter: &Meter) -> Decimal {
        if meter.free || quantity.mantissa <= 0 || !self.random.chance(12) {
            return quantity;
        }
        let more = 6 + self.random.below(11) as u32;
        let unit = 10_i128.pow(more);
        // Only where the mantissa of the cost keeps within 128 bits.
        let fits = quantity
            .mantissa
            .checked_mul(unit)
            .and_then(|mantissa| mantissa.checked_mul(meter.contracted.mantissa))
            .is_some();
        if !fits {
            return quantity;
        }
        let fine = i128::from(self.random.below(unit as u64)) / 10 * 10 + i128::from(1 + 2 * self.random.below(2));
        Decimal::new(quantity.mantissa * unit + fine, quantity.decimals + more as u8)
    }

    fn commitments(&mut self) -> Vec<Commitment> {
        let world = self.world;
        let mut commitments = Vec::new();
        for slot_at in &world.payers[self.cloud].slots {
            let slot = &world.slots[*slot_at];
            let term = (self.when.at - slot.start).div_euclid(12);
            let starts = slot.start + 12 * term;
            let pot = pot(world, slot, starts);
            if pot == 0 {
                continue;
            }
            let id = commitment_id(world, self.cloud, slot, term);
            let whole = !slot.upfront || starts >= 0 && starts + 12 <= self.when.months;
            let at = commitments.len();
            commitments.push(Commitment { id, slot: *slot_at, month: Amount::from_pico(pot), whole });
            let (outcome, rule) = world.rules.decide_line(LineKind::Fee, &slot.name);
            let fee = if !slot.upfront {
                Some((pot, 1, "Recurring fee of the commitment"))
            } else {
                // A term's last month takes what the others leave; all twelve are equal here, so nothing is left.
                (starts == self.when.at).then_some((pot.saturating_mul(12), 12, "Upfront fee of the commitment"))
            };
            if let Some((fee, months, description)) = fee {
                let cost = Amount::from_pico(fee);
                self.lines.push(Line {
                    kind: LineKind::Fee,
                    correction: false,
                    meter: None,
                    account: None,
                    commitment: Some(at),
                    hours: [hour(self.first_day()), hour(self.month.plus(months).first_day())],
                    quantity: Some(Decimal::new(1, 0)),
                    costs: [cost, Amount::ZERO, cost, cost],
                    estimate: None,
                    seen: 1,
                    bits: self.random.bits(),
                    description: Some(description),
                    truth: slot.owner,
                    outcome,
                    rule,
                });
            }
        }
        commitments
    }

    fn use_of_the_month(&mut self, commitments: &[Commitment]) {
        let world = self.world;
        let payer = &world.payers[self.cloud];
        let (first, days) = (self.first_day(), self.days());
        let mut visits: Vec<(i32, usize)> = Vec::new();
        for meter in &payer.light {
            if self.alive(&world.meters[*meter]) {
                for _ in 0..world.meters[*meter].rows_per_month {
                    visits.push((self.random.below(days as u64) as i32, *meter));
                }
            }
        }
        visits.sort_unstable();
        let mut visits = visits.into_iter().peekable();
        let covered: Vec<usize> = commitments.iter().map(|commitment| commitment.slot).collect();
        let idle_slots: Vec<usize> = payer.slots.iter().copied().filter(|slot| !covered.contains(slot)).collect();
        let mut unused = vec![0_i64; commitments.len()];
        let mut week_start = vec![0_i32; commitments.len()];
        for at in 0..days {
            let day = first.plus(at);
            let hours = [hour(day), hour(day.plus(1))];
            for (number, commitment) in commitments.iter().enumerate() {
                let slot = &world.slots[commitment.slot];
                let each = commitment.month.pico() / i64::from(days);
                let mut left = if at == 0 { commitment.month.pico() - each * i64::from(days - 1) } else { each };
                for meter in &slot.meters {
                    left = self.covered_use(*meter, day, left, slot, number);
                }
                unused[number] += left;
                let ends = (at + 1) % 7 == 0 && days - at > 4 || at + 1 == days;
                if ends && unused[number] > 0 {
                    self.push_unused(commitment, number, unused[number], first.plus(week_start[number]), day);
                    unused[number] = 0;
                }
                if ends {
                    week_start[number] = at + 1;
                }
            }
            for meter in idle_slots.iter().flat_map(|slot| &world.slots[*slot].meters).chain(&payer.daily) {
                self.plain_use(*meter, day, hours);
            }
            while let Some((_, meter)) = visits.next_if(|(visit, _)| *visit == at) {
                let hours = if self.random.chance(5_000) {
                    let start = hour(day) + self.random.below(24) as i64;
                    [start, start + 1]
                } else {
                    hours
                };
                self.plain_use(meter, day, hours);
            }
        }
    }

    fn plain_use(&mut self, meter: usize, day: Day, hours: [i64; 2]) {
        let of = &self.world.meters[meter];
        if !self.alive(of) {
            return;
        }
        let cost = self.day_cost(of, day);
        let mut quantity = quantity_for(cost, of);
        quantity = self.refined(quantity, of);
        // Azure gives use back as negative quantities.
        if self.cloud == 1 && self.random.chance(60) {
            quantity.mantissa = -quantity.mantissa / 9;
        }
        self.push_use(meter, day, quantity, priced(quantity, of), None, hours);
    }

    /// Covers a day's use from what is left of the day's commitment; returns what is left then.
    fn covered_use(&mut self, meter: usize, day: Day, left: i64, slot: &Slot, number: usize) -> i64 {
        let of = &self.world.meters[meter];
        if !self.alive(of) || of.free {
            return left;
        }
        let hours = [hour(day), hour(day.plus(1))];
        let cost = self.day_cost(of, day);
        let quantity = quantity_for(cost, of);
        let rate = |quantity: Decimal| (priced(quantity, of)[3].pico() as i128 * (100 - slot.discount) / 100) as i64;
        let full = rate(quantity);
        let (inside, outside) = if full <= left {
            (quantity, Decimal::new(0, quantity.decimals))
        } else {
            let inside = quantity.mantissa * i128::from(left) / i128::from(full.max(1));
            (Decimal::new(inside, quantity.decimals), Decimal::new(quantity.mantissa - inside, quantity.decimals))
        };
        let used = rate(inside).min(left);
        if inside.mantissa > 0 {
            let [_, _, list, contracted] = priced(inside, of);
            self.push_use(
                meter,
                day,
                inside,
                [Amount::ZERO, Amount::from_pico(used), list, contracted],
                Some(number),
                hours,
            );
        }
        if outside.mantissa > 0 {
            self.push_use(meter, day, outside, priced(outside, of), None, hours);
        }
        if inside.mantissa > 0 { left - used } else { left }
    }

    fn push_unused(&mut self, commitment: &Commitment, number: usize, pico: i64, from: Day, last: Day) {
        let slot = &self.world.slots[commitment.slot];
        let (outcome, rule) = self.world.rules.decide_line(LineKind::Unused, &slot.name);
        self.lines.push(Line {
            kind: LineKind::Unused,
            correction: false,
            meter: None,
            account: None,
            commitment: Some(number),
            hours: [hour(from), hour(last.plus(1))],
            quantity: None,
            costs: [Amount::ZERO, Amount::from_pico(pico), Amount::ZERO, Amount::ZERO],
            estimate: None,
            seen: last.ymd().2 as u8,
            bits: self.random.bits(),
            description: Some("Unused part of the commitment"),
            truth: slot.owner,
            outcome,
            rule,
        });
    }

    /// Corrections of the month before, which is closed, and use of its last days that came too late for it.
    fn corrections(&mut self, count: usize) {
        if self.when.at == 0 {
            return;
        }
        let before = self.month.plus(-1);
        let days = (self.month.first_day().days() - before.first_day().days()) as i64;
        let payer = &self.world.payers[self.cloud];
        let meters: Vec<usize> = payer
            .light
            .iter()
            .chain(&payer.daily)
            .copied()
            .filter(|meter| {
                let of = &self.world.meters[*meter];
                let months = self.world.resources[of.resource].months;
                !of.free && (months[0]..months[1]).contains(&(self.when.at - 1))
            })
            .collect();
        if meters.is_empty() {
            return;
        }
        for at in 0..count.max(1) {
            let late_use = self.cloud == 2 && at % 3 == 0;
            let meter = *self.random.pick(&meters);
            let of = &self.world.meters[meter];
            let day = before.first_day().plus(if late_use {
                days - 1 - self.random.between(0, 2)
            } else {
                self.random.between(0, days)
            } as i32);
            let mut quantity = quantity_for(self.day_cost(of, day) / 8, of);
            if !late_use && self.random.chance(7_000) {
                quantity.mantissa = -quantity.mantissa;
            }
            self.push_use(meter, day, quantity, priced(quantity, of), None, [hour(day), hour(day.plus(1))]);
            if let Some(line) = self.lines.last_mut() {
                line.correction = !late_use;
                line.seen = if late_use { 1 } else { 3 };
                line.estimate = None;
                if !late_use {
                    line.description = Some("Correction of a closed month");
                }
            }
        }
    }

    /// What comes when the month is closed: support, tax, credits, adjustments. The rounding adjustment comes with the
    /// delivery, which knows the sum.
    fn closing(&mut self, target_rows: usize) {
        let mut billed = Total::default();
        for line in &self.lines {
            billed += line.costs[0];
        }
        let billed = billed.pico().max(0);
        let cents = |share_of_ten_thousand: i128| {
            (billed * share_of_ten_thousand / 10_000 / 10_000_000_000 * 10_000_000_000) as i64
        };
        self.push_closing(LineKind::Support, None, Amount::from_pico(cents(140)), "Support plan");
        let payer = &self.world.payers[self.cloud];
        let taxes = (target_rows / 200).max(1) as i64;
        let tax = cents(110);
        for at in 0..taxes {
            let cent = 10_000_000_000;
            let each = tax / taxes / cent * cent;
            let cost = if at == 0 { tax - each * (taxes - 1) } else { each };
            let account = self.random.between(payer.accounts[0] as i64, payer.accounts[1] as i64) as usize;
            self.push_closing(LineKind::Tax, Some(account), Amount::from_pico(cost), "Sales tax");
        }
        let credits = (target_rows / 400).max(1) as i64;
        let credit = cents(90);
        for _ in 0..credits {
            self.push_closing(LineKind::Credit, None, -Amount::from_pico(credit / credits), "Volume program credit");
        }
        for _ in 0..(target_rows / 400).max(1) {
            if !payer.daily.is_empty() {
                let meter = *self.random.pick(&payer.daily);
                let of = &self.world.meters[meter];
                if self.alive(of) {
                    let day = self.first_day().plus(self.random.below(self.days() as u64) as i32);
                    let cost = -Amount::from_pico((of.base / 40) as i64);
                    self.push_use(meter, day, Decimal::new(1, 0), [cost; 4], None, [hour(day), hour(day.plus(1))]);
                    if let Some(line) = self.lines.last_mut() {
                        line.kind = LineKind::ResourceCredit;
                        line.quantity = None;
                        line.estimate = None;
                        line.seen = AT_CLOSE;
                        line.description = Some("Service level credit");
                    }
                }
            }
        }
        for _ in 0..target_rows / 1_200 {
            let cost = Amount::from_pico(self.random.between(-90_000, 60_000) * 10_000_000_000);
            self.push_closing(LineKind::Adjustment, None, cost, "Invoice adjustment");
        }
    }

    fn push_closing(&mut self, kind: LineKind, account: Option<usize>, cost: Amount, description: &'static str) {
        let hours = [hour(self.first_day()), hour(self.month.plus(1).first_day())];
        let bits = self.random.bits();
        self.lines.push(closing_line(self.world, kind, account, cost, description, hours, bits));
    }
}

/// A line of the invoice as a whole.
pub(crate) fn closing_line(
    world: &World,
    kind: LineKind,
    account: Option<usize>,
    cost: Amount,
    description: &'static str,
    hours: [i64; 2],
    bits: u64,
) -> Line {
    let (outcome, rule) = world.rules.decide_line(kind, "");
    let truth = match outcome {
        Outcome::Pool(pool) => Truth::Pool(pool),
        Outcome::Team(team) => Truth::Team(team),
        Outcome::UnknownTeam | Outcome::NoRule => Truth::Nobody,
    };
    Line {
        kind,
        correction: false,
        meter: None,
        account,
        commitment: None,
        hours,
        quantity: None,
        costs: [cost; 4],
        estimate: None,
        seen: AT_CLOSE,
        bits,
        description: Some(description),
        truth,
        outcome,
        rule,
    }
}

pub(crate) fn hour(day: Day) -> i64 {
    i64::from(day.days()) * 24
}

/// What a slot's commitment spreads over one month, bought in the month `starts`.
fn pot(world: &World, slot: &Slot, starts: i32) -> i64 {
    let mut planned = 0_u128;
    for meter in &slot.meters {
        let of = &world.meters[*meter];
        let months = world.resources[of.resource].months;
        let at = starts.max(0);
        if (months[0]..months[1]).contains(&at) && of.contracted.mantissa > 0 {
            let level = growth(of.trend, at - months[0]) as u128;
            let contracted = u128::from(of.base) * 30 * level / 1_000_000 * of.contracted.mantissa as u128
                / (of.price.mantissa as u128 * 100);
            planned += contracted / 100 * (100 - slot.discount) as u128;
        }
    }
    // In whole cents, as contracts are; an upfront fee of twelve months must fit as well.
    let pot = planned * u128::from(slot.reach) / 1_000 / 10_000_000_000 * 10_000_000_000;
    pot.min(700_000_000_000_000_000) as i64
}

fn commitment_id(world: &World, cloud: usize, slot: &Slot, term: i32) -> String {
    let hex = Random::fork(slot.seed, &[(term + 100) as u64]).hex(12);
    let account = &world.payers[cloud].billing_account;
    match cloud {
        0 => format!("arn:aws:savingsplans::{account}:savingsplan/{hex}"),
        1 => format!("/providers/microsoft.billingbenefits/savingsplanorders/{hex}/savingsplans/{term}"),
        _ => format!("//billing.googleapis.com/billingAccounts/{account}/commitments/{hex}"),
    }
}
