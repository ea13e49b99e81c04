//! A thousand APIs over a year, as packed days in memory: what a month's tail was and whose it is.
//!
//! Days come from where [`Days`] says, here bytes in memory; another source (the lake) can stand in its place.

use std::time::Instant;

use leap_orient::tail::composition::stored::{Gathered, answer, excess};
use leap_orient::tail::pack::{Packed, composition_bytes};
use leap_orient::tail::{Band, Quantile, Request, Units};

use crate::data::Random;
use crate::{Times, at_most, grouped};

const DAYS: usize = 365;
/// Requests a day of the busiest API; the i-th has an i-th of it, and each at least [`FEWEST`].
const BUSIEST: usize = 48_000;
const FEWEST: usize = 100;
/// (service, kind, caller) that an API's requests pass, and the teams of the company.
const KEYS: u32 = 15;
const TEAMS: u32 = 200;
const QUESTIONS: usize = 2_000;

/// Where days come from.
trait Days {
    fn name(&self) -> &str;
    fn apis(&self) -> usize;
    /// The bytes of an API's days from the first to before the last; days without requests are empty.
    fn days(&self, api: usize, from: usize, until: usize) -> Vec<&[u8]>;
    fn bytes(&self) -> usize;
}

/// All in memory.
struct InMemory {
    apis: Vec<Vec<Box<[u8]>>>,
}

impl Days for InMemory {
    fn name(&self) -> &str {
        "bytes in memory"
    }

    fn apis(&self) -> usize {
        self.apis.len()
    }

    fn days(&self, api: usize, from: usize, until: usize) -> Vec<&[u8]> {
        self.apis[api][from..until].iter().map(|day| &**day).collect()
    }

    fn bytes(&self) -> usize {
        self.apis.iter().flatten().map(|day| day.len()).sum()
    }
}

fn requests_a_day(api: usize) -> usize {
    (BUSIEST / (api + 1)).max(FEWEST)
}

/// One API's day: requests whose time goes to some of the API's keys, now and then very slow in one of them.
fn day(api: usize, day: usize) -> Box<[u8]> {
    let mut random = Random((api as u64) << 32 | day as u64);
    let mut gathered = Gathered::default();
    let mut parts: Vec<(u32, u64)> = Vec::new();
    let usual = 20_000_000.0 * (1.0 + (api % 17) as f64);
    for _ in 0..requests_a_day(api) {
        parts.clear();
        let slow = random.below(200) == 0;
        for key in 0..KEYS {
            // Most requests pass most services.
            if random.below(10) < 7 {
                let much = if slow && key == api as u32 % KEYS { 30.0 } else { 1.0 };
                let ns = usual * much * random.log_normal(0.6) / f64::from(KEYS);
                parts.push((api as u32 * 7 % 3_000 + key, ns as u64 + 1));
            }
        }
        let latency_ns = parts.iter().map(|(_, ns)| ns).sum();
        gathered.add(&Request { latency_ns, parts: &parts, weight: Units::ONE }).expect("sums are small");
    }
    composition_bytes(&gathered.stored()).into_boxed_slice()
}

fn make(apis: usize) -> InMemory {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let made = std::sync::Mutex::new(vec![Vec::new(); apis]);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let api = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if api >= apis {
                        break;
                    }
                    let days: Vec<Box<[u8]>> = (0..DAYS).map(|number| day(api, number)).collect();
                    made.lock().expect("no thread panics")[api] = days;
                }
            });
        }
    });
    InMemory { apis: made.into_inner().expect("no thread panics") }
}

/// A question's answer: read the month's days, add up, divide among teams.
fn ask(source: &impl Days, api: usize, from: usize, over_median: bool) -> u64 {
    let until = (from + 31).min(DAYS);
    let days = source.days(api, from, until);
    let pieces: Vec<Packed<'_>> = days.iter().map(|bytes| Packed::read(bytes).expect("what was packed")).collect();
    let pieces: Vec<&Packed<'_>> = pieces.iter().collect();
    let team = |_: usize, key: &u32| key.wrapping_mul(2_654_435_761) % TEAMS;
    if over_median {
        let excess = excess(&pieces, Quantile::p999(), Band::Default, team).expect("sums are small");
        return excess.expect("there are requests").tail.latency_ns;
    }
    let tail = answer(&pieces, Quantile::p999(), Band::Default, team).expect("sums are small");
    let tail = tail.expect("there are requests");
    assert_eq!(tail.parts.iter().map(|(_, ns)| ns).sum::<u64>(), tail.latency_ns);
    tail.latency_ns
}

fn measure(source: &impl Days) {
    let each = source.bytes() as f64 / (source.apis() * DAYS) as f64;
    println!(
        "  {} APIs × {DAYS} days as {}: {} MiB, {} B a day; the busiest API's days take {} KiB each",
        grouped(source.apis() as f64),
        source.name(),
        grouped(source.bytes() as f64 / f64::from(1 << 20)),
        grouped(each),
        grouped(source.days(0, 0, 1)[0].len() as f64 / 1024.0)
    );
    let mut random = Random(11);
    let mut line = |name: &str, count: usize, over_median: bool, mut api: Box<dyn FnMut(&mut Random) -> usize>| {
        let times = (0..count)
            .map(|_| {
                let (api, from) = (api(&mut random), random.below(DAYS as u64 - 30) as usize);
                let start = Instant::now();
                std::hint::black_box(ask(source, api, from, over_median));
                start.elapsed()
            })
            .collect();
        let times = Times::from(times);
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1_000.0;
        at_most(&format!("{name}, p50"), ms(times.median()), "ms", Some(50.0), "");
        at_most(&format!("{name}, max of {count}"), ms(times.most()), "ms", Some(50.0), "");
    };
    let apis = source.apis() as u64;
    line("p99.9 by team over 31 days, any API", QUESTIONS, false, Box::new(move |random| random.below(apis) as usize));
    line("the same of the 10 busiest APIs", QUESTIONS / 4, false, Box::new(|random| random.below(10) as usize));
    line(
        "and the excess over the median, the 10 busiest",
        QUESTIONS / 4,
        true,
        Box::new(|random| random.below(10) as usize),
    );
}

pub(crate) fn run() {
    let apis = std::env::var("LEAP_BENCH_APIS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_usize).max(10);
    let a_day: usize = (0..apis).map(requests_a_day).sum();
    println!(
        "A year of compositions, one core: {} requests a day, {BUSIEST} of the busiest API and at least {FEWEST} of any, {KEYS} keys each",
        grouped(a_day as f64)
    );
    let start = Instant::now();
    let source = make(apis);
    println!("  made in {:.0} s (not measured)", start.elapsed().as_secs_f64());
    measure(&source);
    println!("  (read from memory: files, digests and decompression of a store are not in these figures)");
}
