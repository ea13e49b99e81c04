//! Which quantile, how much a sampled request counts, and the nearest-rank quantile of requests.
//!
//! ```text
//! p99.9 = 999/1000 of 1000 requests is the 999th smallest
//! (100 ns × 1000 requests), (200 ns × 10), (300 ns × 1): p99.9 is 200 ns
//! ```
//! There is no interpolation: Q(p) is a latency that some request had.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Add;
use std::str::FromStr;

use leap_terms::Weight;

use super::fraction::Fraction;

/// A quantile p with 0 < p < 1 and at most nine decimals (denominator ≤ 10⁹).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Quantile(Fraction);

impl Quantile {
    /// `over / under`, between 0 and 1 exclusive, `under` at most 10⁹ in lowest terms.
    pub fn new(over: u64, under: u64) -> Option<Quantile> {
        let level = Fraction::new(over, under)?;
        (level > Fraction::ZERO && level < Fraction::ONE && level.under() <= 1_000_000_000).then_some(Quantile(level))
    }

    /// The median.
    pub fn median() -> Quantile {
        Quantile::new(1, 2).expect("one half is a quantile")
    }

    /// p99.
    pub fn p99() -> Quantile {
        Quantile::new(99, 100).expect("0.99 is a quantile")
    }

    /// p99.9.
    pub fn p999() -> Quantile {
        Quantile::new(999, 1000).expect("0.999 is a quantile")
    }

    /// p.
    pub fn level(self) -> Fraction {
        self.0
    }

    /// 1 − p: the share of requests that may be slower.
    pub fn beyond(self) -> Fraction {
        Fraction::ONE.less(self.0).expect("the complement has the same denominator")
    }

    /// The nearest rank among n: ⌈p · n⌉, from 1; 0 where n is 0.
    pub fn rank(self, n: u64) -> u64 {
        u64::try_from(self.0.ceil_of(n)).expect("p is below 1, so the rank is at most n")
    }
}

impl fmt::Display for Quantile {
    /// `p99.9`; `p1/3` where p has no finite decimals.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = u128::from(self.0.over()) * 100_000_000_000;
        if scaled % u128::from(self.0.under()) != 0 {
            return write!(out, "p{}", self.0);
        }
        let nanos = scaled / u128::from(self.0.under());
        let (whole, decimals) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        let decimals = format!("{decimals:09}");
        let decimals = decimals.trim_end_matches('0');
        if decimals.is_empty() { write!(out, "p{whole}") } else { write!(out, "p{whole}.{decimals}") }
    }
}

impl FromStr for Quantile {
    type Err = String;

    /// `0.999`, `p99.9`, `99.9%` or `999/1000`.
    fn from_str(text: &str) -> Result<Quantile, String> {
        let refused = || format!("'{text}' is no quantile: write 0.999, p99.9, 99.9% or 999/1000, between 0 and 1");
        let trimmed = text.trim();
        if let Some((over, under)) = trimmed.split_once('/') {
            let number =
                |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
            return number(over).zip(number(under)).and_then(|(a, b)| Quantile::new(a, b)).ok_or_else(refused);
        }
        let (digits, percent) = match (trimmed.strip_prefix(['p', 'P']), trimmed.strip_suffix('%')) {
            (Some(_), Some(_)) => return Err(refused()),
            (Some(digits), None) | (None, Some(digits)) => (digits, true),
            (None, None) => (trimmed, false),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = !whole.is_empty() && whole.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit());
        if !all_digits || whole.len() > 3 || decimals.len() > 12 || (digits.contains('.') && decimals.is_empty()) {
            return Err(refused());
        }
        let over: u64 = format!("{whole}{decimals}").parse().map_err(|_| refused())?;
        let under = 10_u64.pow(decimals.len() as u32) * if percent { 100 } else { 1 };
        Quantile::new(over, under).ok_or_else(refused)
    }
}

/// How many requests one request stands for, in units of 2⁻²⁰ request.
///
/// OpenTelemetry's adjusted count 2⁵⁶ / (2⁵⁶ − T) is no finite binary fraction; it is rounded half up to a unit.
/// Adjusted counts are ≥ 1, so the error is at most 2⁻²¹ of the weight (0.00005 %); powers of two, the usual samplers,
/// are exact. A weight is at most 2²⁴ requests (a sampler that keeps fewer than 1 in 16,777,216 is counted so): then
/// weight · latency takes 44 + 64 bits, and 128 bits hold the sum of a million requests that each took 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Units(u64);

impl Units {
    /// One request.
    pub const ONE: Units = Units(1 << 20);
    /// The largest weight: 2²⁴ requests.
    pub const MOST: Units = Units(1 << 44);

    /// So many whole requests, at most [`Units::MOST`]; 0 counts as one, because a request that was seen was there.
    pub fn requests(count: u32) -> Units {
        Units((u64::from(count.max(1)) << 20).min(Units::MOST.0))
    }

    /// The number of units.
    pub fn count(self) -> u64 {
        self.0
    }

    /// Back from a number of units, as stored: 1 to 2⁴⁴.
    pub fn from_count(count: u64) -> Option<Units> {
        (count > 0 && count <= Units::MOST.0).then_some(Units(count))
    }
}

impl Default for Units {
    fn default() -> Units {
        Units::ONE
    }
}

impl From<Weight> for Units {
    fn from(weight: Weight) -> Units {
        let (over, under) = weight.fraction();
        let (over, under) = (u128::from(over), u128::from(under.max(1)));
        let rounded = ((over << 21) + under) / (under << 1);
        Units(u64::try_from(rounded).unwrap_or(u64::MAX).min(Units::MOST.0))
    }
}

/// Sums of units, and units shown as requests with the decimals they have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Total(pub u128);

impl Total {
    /// Rounded half up to whole requests.
    pub fn requests(self) -> u128 {
        (self.0 >> 20) + ((self.0 >> 19) & 1)
    }
}

impl Add<Units> for Total {
    type Output = Total;

    fn add(self, units: Units) -> Total {
        // 2^84 requests of the largest weight would be needed to overflow.
        Total(self.0 + u128::from(units.0))
    }
}

/// Q(p) of requests given as (latency in ns, weight), in any order: the smallest latency such that requests up to it
/// weigh at least p of all. `None` where there are none.
///
/// It sorts; [`super::composition::Ranked`] keeps the order for several questions.
pub fn nearest_rank(requests: &[(u64, Units)], p: Quantile) -> Option<u64> {
    let mut sorted = requests.to_vec();
    sorted.sort_unstable();
    let total = sorted.iter().fold(Total::default(), |sum, (_, weight)| sum + *weight);
    let mut below = Total::default();
    sorted.into_iter().find_map(|(latency, weight)| {
        below = below + weight;
        (p.level().cmp_part(below.0, total.0) != Ordering::Less).then_some(latency)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_read_as_people_write_them() {
        for text in ["0.999", "p99.9", "99.9%", "999/1000", "0.9990", "P99.90", " p99.9 "] {
            assert_eq!(text.parse::<Quantile>(), Ok(Quantile::p999()), "{text}");
        }
        for (text, shown) in [("p50", "p50"), ("0.99", "p99"), ("p99.99", "p99.99"), ("p0.1", "p0.1"), ("1/3", "p1/3")]
        {
            assert_eq!(text.parse::<Quantile>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "p",
            "1",
            "0",
            "p100",
            "1.5",
            "p99.9%",
            "99,9%",
            ".5",
            "5.",
            "-0.5",
            "1/0",
            "2/1",
            "+1/2",
            "nan",
            "0.9999999999",
        ] {
            assert!(text.parse::<Quantile>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_rank_is_the_nearest() {
        for (n, rank) in [(0, 0), (1, 1), (1000, 999), (1001, 1000), (1009, 1008), (3688, 3685), (1_000_000, 999_000)] {
            assert_eq!(Quantile::p999().rank(n), rank, "{n}");
        }
    }

    #[test]
    fn weights_move_the_quantile() {
        let weighted = [(300, Units::requests(1)), (100, Units::requests(1000)), (200, Units::requests(10))];
        assert_eq!(nearest_rank(&weighted, Quantile::p999()), Some(200));
        let unweighted = [(300, Units::ONE), (100, Units::ONE), (200, Units::ONE)];
        assert_eq!(nearest_rank(&unweighted, Quantile::p999()), Some(300));
        assert_eq!(nearest_rank(&[], Quantile::p999()), None);
    }

    #[test]
    fn adjusted_counts_are_rounded_to_a_unit() {
        let units = |hex: &str| Units::from(Weight::of_threshold(hex).unwrap()).count();
        assert_eq!((units("0"), units("8"), units("c")), (1 << 20, 2 << 20, 4 << 20));
        // 2^24 / (2^24 - 0xfd70a4) = 100.000095: the document's "about 100".
        assert_eq!(units("fd70a4"), 104_857_700);
        assert_eq!(Units::from(Weight::Unknown), Units::ONE);
        assert_eq!(units("ffffffffffffff"), Units::MOST.count());
        assert_eq!(Total(u128::from(units("fd70a4"))).requests(), 100);
    }
}
