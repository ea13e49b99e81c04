//! A probability as an exact fraction of counts.
//!
//! ```text
//! 545/3432 = 0.159
//! ```

use std::cmp::Ordering;
use std::fmt;

use num_bigint::BigUint;

use super::super::fraction::Fraction;

/// So many of so many cases, as counted, not reduced.
#[derive(Clone, Debug)]
pub struct Chance {
    /// The cases at least as extreme.
    pub cases: BigUint,
    /// All cases; above 0.
    pub all: BigUint,
}

impl Chance {
    /// How it compares with a fraction, exactly.
    pub fn cmp_fraction(&self, other: Fraction) -> Ordering {
        (&self.cases * other.under()).cmp(&(&self.all * other.over()))
    }

    /// With so many decimals, rounded half up.
    pub fn decimal(&self, decimals: u32) -> String {
        let scale = BigUint::from(10_u8).pow(decimals);
        let scaled = (&self.cases * &scale * 2_u8 + &self.all) / (&self.all * 2_u8);
        let (whole, rest) = (&scaled / &scale, (&scaled % &scale).to_string());
        if decimals == 0 { whole.to_string() } else { format!("{whole}.{rest:0>width$}", width = decimals as usize) }
    }
}

impl PartialEq for Chance {
    fn eq(&self, other: &Chance) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Chance {}

impl PartialOrd for Chance {
    fn partial_cmp(&self, other: &Chance) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Chance {
    fn cmp(&self, other: &Chance) -> Ordering {
        (&self.cases * &other.all).cmp(&(&other.cases * &self.all))
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.cases, self.all)
    }
}
