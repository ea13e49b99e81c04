//! Money in its four kinds, in one currency at a time.
//!
//! *Billed* ties to the invoice, *effective* is amortised and used for accountability, *list* and *contracted* are
//! what the same use would have cost at public and negotiated prices (FOCUS: BilledCost, EffectiveCost, ListCost,
//! ContractedCost). Currencies are never added.

use std::fmt;
use std::ops::{Add, AddAssign, Index, IndexMut, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::exact::{Exact, ExactError};

/// An amount in one currency, exact to 30 decimals; a single charge stays below 10¹² in size.
pub type Money = Exact;
/// A quantity, exact to 30 decimals; stays below 10²⁰.
pub type Quantity = Exact;

/// Digits before the point that a single charge's cost may have.
pub const COST_WHOLE_DIGITS: u32 = 12;
/// Digits before the point that quantities and unit prices may have.
pub const QUANTITY_WHOLE_DIGITS: u32 = 20;

/// Reads the cost of one charge: |cost| < 10¹².
///
/// # Errors
/// [`ExactError`] for what is no number, too precise or too large.
pub fn parse_cost(text: &[u8]) -> Result<Money, ExactError> {
    Exact::parse(text, COST_WHOLE_DIGITS)
}

/// One of the four costs of a charge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostKind {
    /// What the invoice says.
    Billed,
    /// Amortised; used for accountability.
    Effective,
    /// At public prices.
    List,
    /// At negotiated prices.
    Contracted,
}

impl CostKind {
    /// All four, in the order in which tables show them.
    pub const ALL: [CostKind; 4] = [CostKind::Billed, CostKind::Effective, CostKind::List, CostKind::Contracted];

    /// The FOCUS column.
    pub fn column(self) -> &'static str {
        match self {
            CostKind::Billed => "BilledCost",
            CostKind::Effective => "EffectiveCost",
            CostKind::List => "ListCost",
            CostKind::Contracted => "ContractedCost",
        }
    }

    /// The word used on the command line and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            CostKind::Billed => "billed",
            CostKind::Effective => "effective",
            CostKind::List => "list",
            CostKind::Contracted => "contracted",
        }
    }
}

impl fmt::Display for CostKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

impl FromStr for CostKind {
    type Err = String;

    fn from_str(text: &str) -> Result<CostKind, String> {
        CostKind::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| format!("'{text}' is no kind of cost; use billed, effective, list or contracted"))
    }
}

/// The four costs of a charge or of a sum of charges, in one currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Costs {
    /// Billed cost.
    pub billed: Money,
    /// Effective cost.
    pub effective: Money,
    /// List cost.
    pub list: Money,
    /// Contracted cost.
    pub contracted: Money,
}

impl Index<CostKind> for Costs {
    type Output = Money;

    fn index(&self, kind: CostKind) -> &Money {
        match kind {
            CostKind::Billed => &self.billed,
            CostKind::Effective => &self.effective,
            CostKind::List => &self.list,
            CostKind::Contracted => &self.contracted,
        }
    }
}

impl IndexMut<CostKind> for Costs {
    fn index_mut(&mut self, kind: CostKind) -> &mut Money {
        match kind {
            CostKind::Billed => &mut self.billed,
            CostKind::Effective => &mut self.effective,
            CostKind::List => &mut self.list,
            CostKind::Contracted => &mut self.contracted,
        }
    }
}

impl Add for Costs {
    type Output = Costs;

    fn add(mut self, other: Costs) -> Costs {
        self += other;
        self
    }
}

impl AddAssign for Costs {
    fn add_assign(&mut self, other: Costs) {
        for kind in CostKind::ALL {
            self[kind] += other[kind];
        }
    }
}

impl Neg for Costs {
    type Output = Costs;

    fn neg(mut self) -> Costs {
        for kind in CostKind::ALL {
            self[kind] = -self[kind];
        }
        self
    }
}

impl Sub for Costs {
    type Output = Costs;

    fn sub(self, other: Costs) -> Costs {
        self + -other
    }
}

/// A billing currency: ISO 4217 (`USD`) or a provider's virtual currency, in capitals.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

impl Currency {
    /// 1 to 24 letters, digits, `_`, `-` or spaces; made upper case.
    ///
    /// # Errors
    /// A sentence that names the text and the rule.
    pub fn new(text: &str) -> Result<Currency, String> {
        let text = text.trim();
        let well_formed = !text.is_empty()
            && text.len() <= 24
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' '));
        if well_formed {
            Ok(Currency(text.to_ascii_uppercase()))
        } else {
            Err(format!("'{}' is no currency code such as USD", text.escape_debug()))
        }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(text: String) -> Result<Currency, String> {
        Currency::new(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_names_its_own_cost() {
        let mut costs = Costs::default();
        for (at, kind) in CostKind::ALL.into_iter().enumerate() {
            costs[kind] = Money::from_whole(at as i64 + 1);
            assert_eq!(kind.word().parse(), Ok(kind));
        }
        assert_eq!(costs.billed.to_string(), "1");
        assert_eq!(costs.effective.to_string(), "2");
        assert_eq!(costs.list.to_string(), "3");
        assert_eq!(costs.contracted.to_string(), "4");
        assert_eq!(costs - costs, Costs::default());
    }

    #[test]
    fn currencies_are_codes() {
        assert_eq!(Currency::new(" usd ").unwrap().as_str(), "USD");
        assert!(Currency::new("").is_err());
        assert!(Currency::new("US$").is_err());
    }
}
