//! The statement of a closed period: canonical JSON, the same to the byte whenever it is made from the same snapshot.
//!
//! ```json
//! {"statement": 1, "period": "2026-08", "snapshot": "9f…", "lines": [{"path": "acme/payments", "owner": "payments", …}]}
//! ```
//! Amounts are exact decimal text. It holds no time of its making and no name of a person: those stand in the book beside it.

use std::collections::BTreeMap;

use leap_terms::{CostKind, Costs, Currency, Digest, Exact, Month, Owner};
use serde::{Deserialize, Serialize};

use super::{Figures, Place};

/// Form of the text, raised when it changes.
const FORM: u32 = 1;

/// A text that is no statement.
#[derive(Debug, thiserror::Error)]
#[error("the statement cannot be read: {0}")]
pub struct StatementFault(String);

/// A period's figures at a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The billing period.
    pub period: Month,
    /// The snapshot whose figures these are.
    pub snapshot: Digest,
    /// Who has what.
    pub figures: Figures,
    /// Charges in the period.
    pub rows: u64,
    /// Rates of the month, as `USD>EUR` and decimal text, in force at the close.
    pub rates: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    statement: u32,
    period: String,
    snapshot: String,
    rows: u64,
    totals: Vec<Total>,
    rates: BTreeMap<String, String>,
    lines: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Total {
    currency: String,
    #[serde(flatten)]
    costs: Amounts,
}

#[derive(Serialize, Deserialize)]
struct Line {
    path: String,
    owner: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pool: String,
    currency: String,
    #[serde(flatten)]
    costs: Amounts,
}

#[derive(Serialize, Deserialize)]
struct Amounts {
    billed: String,
    effective: String,
    list: String,
    contracted: String,
}

impl Amounts {
    fn of(costs: &Costs) -> Amounts {
        let text = |kind: CostKind| costs[kind].to_string();
        Amounts {
            billed: text(CostKind::Billed),
            effective: text(CostKind::Effective),
            list: text(CostKind::List),
            contracted: text(CostKind::Contracted),
        }
    }

    fn read(&self) -> Result<Costs, StatementFault> {
        let exact = |text: &str| text.parse::<Exact>().map_err(|fault| StatementFault(format!("'{text}': {fault}")));
        Ok(Costs {
            billed: exact(&self.billed)?,
            effective: exact(&self.effective)?,
            list: exact(&self.list)?,
            contracted: exact(&self.contracted)?,
        })
    }
}

impl Statement {
    /// The canonical text, one line per place.
    pub fn to_text(&self) -> String {
        let totals = self.figures.totals();
        let head = Text {
            statement: FORM,
            period: self.period.to_string(),
            snapshot: self.snapshot.to_string(),
            rows: self.rows,
            totals: totals
                .iter()
                .map(|(currency, costs)| Total { currency: currency.as_str().to_owned(), costs: Amounts::of(costs) })
                .collect(),
            rates: self.rates.clone(),
            lines: Vec::new(),
        };
        // Fields stand in the order of the type, and each line on a line of its own.
        let mut text = serde_json::to_string(&head).expect("a statement is text and numbers");
        text.truncate(text.len() - "]}".len());
        for (at, (place, costs)) in self.figures.iter().enumerate() {
            let line = Line {
                path: place.path.clone(),
                owner: place.owner.to_string(),
                pool: place.pool.clone(),
                currency: place.currency.as_str().to_owned(),
                costs: Amounts::of(costs),
            };
            text.push_str(if at == 0 { "\n" } else { ",\n" });
            text.push_str(&serde_json::to_string(&line).expect("a line is text and numbers"));
        }
        text.push_str("\n]}\n");
        text
    }

    /// Reads a text made by [`Statement::to_text`].
    ///
    /// # Errors
    /// [`StatementFault`] for any other text, and where its totals are not the sums of its lines.
    pub fn from_text(text: &str) -> Result<Statement, StatementFault> {
        let read: Text = serde_json::from_str(text).map_err(|fault| StatementFault(fault.to_string()))?;
        if read.statement != FORM {
            return Err(StatementFault(format!("it has the form {}, this leap reads {FORM}", read.statement)));
        }
        let currency = |text: &str| Currency::new(text).map_err(StatementFault);
        let mut figures = Figures::new();
        for line in &read.lines {
            let owner: Owner = line.owner.parse().map_err(StatementFault)?;
            let (path, pool) = (line.path.clone(), line.pool.clone());
            figures.add(Place { path, owner, pool, currency: currency(&line.currency)? }, line.costs.read()?);
        }
        let mut totals = BTreeMap::new();
        for total in &read.totals {
            totals.insert(currency(&total.currency)?, total.costs.read()?);
        }
        let sums = figures.totals();
        let differs = totals.iter().any(|(of, costs)| sums.get(of).copied().unwrap_or_default() != *costs);
        if differs || sums.iter().any(|(of, costs)| !totals.contains_key(of) && *costs != Costs::default()) {
            return Err(StatementFault("its totals are not the sums of its lines".to_owned()));
        }
        Ok(Statement {
            period: read.period.parse().map_err(StatementFault)?,
            snapshot: read.snapshot.parse().map_err(StatementFault)?,
            figures,
            rows: read.rows,
            rates: read.rates,
        })
    }

    /// Digest of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_read_back_to_the_last_digit_and_a_changed_one_is_refused() {
        let mut figures = Figures::new();
        let place = Place {
            path: "acme/payments".to_owned(),
            owner: "payments".parse().unwrap(),
            pool: "kafka".to_owned(),
            currency: Currency::new("USD").unwrap(),
        };
        let effective = "12.000000000000000000000000000001".parse().unwrap();
        figures.add(place, Costs { effective, ..Costs::default() });
        let statement = Statement {
            period: "2026-08".parse().unwrap(),
            snapshot: Digest::of(b"x"),
            figures,
            rows: 3,
            rates: BTreeMap::from([("USD>EUR".to_owned(), "0.91".to_owned())]),
        };
        let text = statement.to_text();
        let again = Statement::from_text(&text).unwrap();
        assert_eq!(again, statement);
        assert_eq!(again.to_text(), text);
        let forged = text.replacen("12.000000000000000000000000000001", "13", 1);
        assert_eq!(
            Statement::from_text(&forged).unwrap_err().to_string(),
            "the statement cannot be read: its totals are not the sums of its lines"
        );
    }
}
