//! Traces of the sample company: four weeks of its payment APIs, and one repair in the middle.
//!
//! ```text
//! write(&options, Scale::PROOF, "demo/traces")
//! demo/traces/2026-09-02.otlp.zst … 2026-09-30.otlp.zst     all spans of all requests of a day
//! story.api   charge-api POST /v1/charges, objective 3 s at p99.9
//! 14 days     p99.9 4.6 s: charges for hot accounts wait for the ledger's lock
//! 16th        ledger 5.12.0
//! 14 days     p99.9 2.9 s: what is left is the bank, asked a second time
//! ```
//! The days are the last of the company's last month. Every request is there: nothing is sampled. Weekends are quieter,
//! nights too; hosts disagree about the time, some spans were lost, messages are read long after the answer; other
//! services are deployed in these weeks and repair nothing; `GET /v1/balance` shares none of it and is the control.
//!
//! Reading order: `graph` (services and whose they are), `request` (how long things take, and why), `otlp` (bytes). A
//! seed gives the same bytes on every machine. Nothing here knows how leap reads traces; what [`TraceStory`] says of
//! latencies is from how the requests were made.

mod graph;
mod otlp;
mod request;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use leap_terms::Day;

use super::CompanyOptions;
use super::in_parallel;
use super::organisation::Organisation;
use super::random::{Random, Wheel};

pub use graph::Owned;

use graph::{SERVICES, Service};
use otlp::Encoder;
use request::{Deployments, MS, Maker, Op};

/// How many requests. An average day's; a Friday has about 6 % more and a Sunday 12 % less.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// Days before the repair, and as many after it; whole weeks keep the weekdays alike.
    pub days_a_side: u32,
    /// `POST /v1/charges`.
    pub charges_a_day: u32,
    /// `GET /v1/balance`.
    pub balances_a_day: u32,
    /// `POST /v1/refunds`, and as many `GET /v1/charges/{id}`.
    pub others_a_day: u32,
}

impl Scale {
    /// Enough for a proof: over 100,000 charges a side, and over 4,000 on each day, of charges and of the control. The
    /// pooled p99.9 is then known to about ±0.05 s before and ±0.015 s after (97.5 %), a day's to about ±0.15 s. 29
    /// files of 1.4 MB, 357,000 requests, 1.7 million spans.
    pub const PROOF: Scale = Scale { days_a_side: 14, charges_a_day: 7_200, balances_a_day: 4_800, others_a_day: 150 };
    /// Enough to see who it is, and too little for a proof: of 14,000 charges a side, 14 are slower than the p99.9, which
    /// is known to about ±0.15 s before; no day has a p99.9 that counts (4,000 requests), and no claim is verified. A
    /// seventh of the bytes.
    pub const QUICK: Scale = Scale { days_a_side: 14, charges_a_day: 1_000, balances_a_day: 300, others_a_day: 30 };
}

/// An API of the company.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api {
    /// `service.name`.
    pub service: String,
    /// The name of its SERVER spans.
    pub operation: String,
}

/// The change that repaired it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repair {
    /// Its day, which belongs to neither side.
    pub day: Day,
    /// When the first host had the new version, ns since the epoch; the others follow 20 minutes apart.
    pub at_ns: u64,
    /// What was deployed: `service.name`.
    pub service: String,
    /// `service.version` until then.
    pub from_version: String,
    /// `service.version` since then.
    pub to_version: String,
    /// The team that made it.
    pub team: String,
}

/// One day's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceDay {
    /// The day (UTC) on which its requests began.
    pub day: Day,
    /// OTLP protobuf under Zstandard.
    pub path: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// Spans in it.
    pub spans: u64,
    /// Requests of all APIs.
    pub requests: u64,
    /// Charges among them.
    pub charges: u64,
    /// Their p99.9, ns, by nearest rank.
    pub p999_ns: u64,
    /// The same of the control.
    pub control_p999_ns: u64,
    /// Spans whose parent was lost.
    pub orphans: u64,
}

/// Traces on disk, and what is true of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceStory {
    /// The folder that holds the files.
    pub folder: PathBuf,
    /// One file a day, in order.
    pub days: Vec<TraceDay>,
    /// The API that misses its objective.
    pub api: Api,
    /// Its objective at p99.9, ns.
    pub objective_ns: u64,
    /// An API that has nothing to do with the repair.
    pub control: Api,
    /// What repaired it.
    pub repair: Repair,
    /// All charges of the days before, p99.9 in ns by nearest rank.
    pub before_ns: u64,
    /// All charges of the days after.
    pub after_ns: u64,
    /// Where `before_ns` lies with any seed, at the scale of a proof.
    pub expected_before_ns: Range<u64>,
    /// Where `after_ns` lies.
    pub expected_after_ns: Range<u64>,
    /// Services and peers with their teams.
    pub owners: Vec<Owned>,
    /// Rules for what declares no team: lines of the list `rules:`. What declares one is found by the company's
    /// rule `team-tag`.
    pub rules: String,
}

impl TraceStory {
    /// A company's `rules.yaml` with these rules behind its own.
    pub fn rules_with(&self, company: &str) -> String {
        let end = company.find("\npools:").map_or(company.len(), |at| at + 1);
        let (own, rest) = company.split_at(end);
        format!("{own}{}{rest}", self.rules)
    }

    /// The team of a service or peer; `None` for what nobody owns and for unknown ones.
    pub fn team_of(&self, service: &str) -> Option<&str> {
        self.owners.iter().find(|owned| owned.service == service)?.team.as_deref()
    }
}

/// What is planned of one day.
struct Planned<'a> {
    seed: u64,
    scale: Scale,
    day: Day,
    number: u64,
    deployed: &'a Deployments,
}

/// What became of one day.
#[derive(Default)]
struct DayMade {
    charges: Vec<u64>,
    balances: Vec<u64>,
    requests: u64,
    spans: u64,
    orphans: u64,
}

/// The repair starts at this hour of its day.
const REPAIR_HOUR: u64 = 14;
const MINUTE: u64 = 60_000 * MS;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Traces in one export.
const BATCH: usize = 64;
/// Of Zstandard: ids and times hardly get smaller, everything else is gone.
const LEVEL: i32 = 6;
/// Requests of a weekday, Monday first, in hundredths of an average day.
const WEEK: [u64; 7] = [104, 105, 103, 104, 106, 90, 88];
/// How busy each hour is.
const HOURS: [u64; 24] = [9, 6, 5, 4, 4, 6, 12, 22, 34, 44, 50, 54, 58, 54, 50, 48, 50, 54, 60, 62, 54, 40, 26, 15];

/// Writes the traces into `folder`, which may exist but must not hold them already. `options` are those of the company:
/// seed, teams and months.
///
/// # Errors
/// What the file system says; `AlreadyExists` when the first file is there.
pub fn write(options: &CompanyOptions, scale: Scale, folder: &Path) -> io::Result<TraceStory> {
    let side = scale.days_a_side.max(1) as i32;
    let last = options.first_month.plus(options.months.max(1) as i32).first_day().plus(-1);
    let repair = last.plus(-side);
    let first = repair.plus(-side);
    let owners = graph::owners(&Organisation::new(options.seed, options.teams));
    let (encoder, deployed) = (Encoder::new(&owners), deployments(repair));
    fs::create_dir_all(folder)?;
    let path = |day: Day| folder.join(format!("{day}.otlp.zst"));
    if path(first).exists() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is there already", path(first).display()),
        ));
    }
    let made = in_parallel(2 * side as usize + 1, |number| {
        let day = first.plus(number as i32);
        let planned = Planned { seed: options.seed, scale, day, number: number as u64, deployed: &deployed };
        let mut body = Vec::new();
        let mut made = make_day(&planned, |spans| encoder.append(&mut body, spans));
        let packed = zstd::bulk::compress(&body, LEVEL)?;
        fs::write(path(day), &packed)?;
        made.charges.sort_unstable();
        made.balances.sort_unstable();
        let file = TraceDay {
            day,
            path: path(day),
            bytes: packed.len() as u64,
            spans: made.spans,
            requests: made.requests,
            charges: made.charges.len() as u64,
            p999_ns: p999(&made.charges),
            control_p999_ns: p999(&made.balances),
            orphans: made.orphans,
        };
        Ok((file, made.charges))
    })?;
    let pooled = |days: Range<usize>| {
        let mut all: Vec<u64> = made[days].iter().flat_map(|(_, charges)| charges).copied().collect();
        all.sort_unstable();
        p999(&all)
    };
    let (before_ns, after_ns) = (pooled(0..side as usize), pooled(side as usize + 1..made.len()));
    let ledger = Service::Ledger.about();
    let rules = graph::rules(&owners);
    let api =
        |op: Op| Api { service: op.about().service.about().name.to_owned(), operation: op.about().name.to_owned() };
    Ok(TraceStory {
        folder: folder.to_owned(),
        days: made.into_iter().map(|(file, _)| file).collect(),
        api: api(Op::Charge),
        objective_ns: 3_000 * MS,
        control: api(Op::Balance),
        repair: Repair {
            day: repair,
            at_ns: deployed[Service::Ledger as usize],
            service: ledger.name.to_owned(),
            from_version: ledger.versions[0].to_owned(),
            to_version: ledger.versions[1].to_owned(),
            team: owners[Service::Ledger as usize].team.clone().unwrap_or_default(),
        },
        before_ns,
        after_ns,
        expected_before_ns: 4_500 * MS..4_700 * MS,
        expected_after_ns: 2_800 * MS..3_000 * MS,
        owners,
        rules,
    })
}

/// Midnight, ns since the epoch.
fn midnight(day: Day) -> u64 {
    day.days().max(0) as u64 * DAY
}

fn deployments(repair: Day) -> Deployments {
    let at = |days: i32| match repair.days().checked_add(days) {
        Some(day) => midnight(Day::from_days(day)) + REPAIR_HOUR * HOUR,
        None => u64::MAX,
    };
    SERVICES.each_ref().map(|about| at(about.deployed))
}

/// Makes a day's requests in order of their starts and hands their spans over, a batch at a time.
fn make_day(planned: &Planned<'_>, mut give: impl FnMut(&mut [request::Made])) -> DayMade {
    let mut random = Random::fork(planned.seed, &[40, planned.number]);
    let weekday = (planned.day.days() + 3).rem_euclid(7) as usize;
    let hours = Wheel::new(HOURS);
    let mut arrivals: Vec<(u64, Op)> = Vec::new();
    let scale = planned.scale;
    for (op, average) in [
        (Op::Charge, scale.charges_a_day),
        (Op::Balance, scale.balances_a_day),
        (Op::Refund, scale.others_a_day),
        (Op::Lookup, scale.others_a_day),
    ] {
        // No two days are alike: up to half a percent more or less.
        let count = u64::from(average) * (WEEK[weekday] * 100 + random.below(100) - 50) / 10_000;
        for _ in 0..count {
            let hour = hours.spin(&mut random) as u64;
            let within = hour * HOUR + random.below(HOUR);
            // The first and the last minute are left free, whatever the clocks of hosts say.
            let within = MINUTE + (u128::from(within) * u128::from(DAY - 2 * MINUTE) / u128::from(DAY)) as u64;
            arrivals.push((midnight(planned.day) + within, op));
        }
    }
    arrivals.sort_unstable_by_key(|(at, op)| (*at, *op as u8));
    let mut made = DayMade { requests: arrivals.len() as u64, ..DayMade::default() };
    let mut maker = Maker::new(random, planned.deployed);
    for batch in arrivals.chunks(BATCH) {
        maker.spans.clear();
        for (at, op) in batch {
            let latency = maker.request(*op, *at);
            match op {
                Op::Charge => made.charges.push(latency),
                Op::Balance => made.balances.push(latency),
                _ => {}
            }
        }
        made.spans += maker.spans.len() as u64;
        give(&mut maker.spans);
    }
    made.orphans = maker.lost;
    made
}

/// The ⌈0.999 n⌉-th smallest; 0 of none.
fn p999(sorted: &[u64]) -> u64 {
    let rank = (sorted.len() * 999).div_ceil(1000);
    sorted.get(rank.wrapping_sub(1)).copied().unwrap_or(0)
}
