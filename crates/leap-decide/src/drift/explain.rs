//! Because of what: the few values of a dimension that make most of a move.
//!
//! ```text
//! +1,000 = storage +700, compute +250, rest +50 (3 more values)
//! ```

use std::collections::BTreeMap;

use leap_terms::Exact;

/// How much one value of a dimension moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contribution {
    /// The value: a service, an account, a team.
    pub value: String,
    /// Cost after less cost before.
    pub change: Exact,
}

/// A move and what made it. `parts` and `rest` add up to `change` exactly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// Cost after less cost before, of all values.
    pub change: Exact,
    /// The values that made most of it, the largest first; all moved in its direction.
    pub parts: Vec<Contribution>,
    /// What all others moved.
    pub rest: Exact,
    /// How many others moved at all.
    pub others: usize,
}

/// The fewest values, at most `most`, that together made at least `percent` of a move. `before` and `after` are cost by
/// value over equally many days; a value that stands twice counts with its sum.
pub fn explain(before: &[(String, Exact)], after: &[(String, Exact)], percent: u32, most: usize) -> Explanation {
    let mut moved: BTreeMap<&str, Exact> = BTreeMap::new();
    for (value, cost) in after {
        *moved.entry(value).or_insert(Exact::ZERO) += *cost;
    }
    for (value, cost) in before {
        *moved.entry(value).or_insert(Exact::ZERO) -= *cost;
    }
    let change: Exact = moved.values().copied().sum();
    let up = change >= Exact::ZERO;
    let mut along: Vec<(&str, Exact)> = moved
        .iter()
        .filter(|(_, moved)| !moved.is_zero() && (**moved > Exact::ZERO) == up)
        .map(|(value, moved)| (*value, *moved))
        .collect();
    along.sort_by(|a, b| b.1.abs().cmp(&a.1.abs()).then(a.0.cmp(b.0)));
    let (mut parts, mut told) = (Vec::new(), Exact::ZERO);
    for (value, moved) in along {
        if parts.len() >= most || times(told.abs(), 100) >= times(change.abs(), percent) {
            break;
        }
        told += moved;
        parts.push(Contribution { value: value.to_owned(), change: moved });
    }
    let others = moved.values().filter(|moved| !moved.is_zero()).count() - parts.len();
    Explanation { change, parts, rest: change - told, others }
}

fn times(amount: Exact, count: u32) -> Exact {
    Exact::from_parts(amount.coarse().saturating_mul(i128::from(count)), i128::from(amount.fine()) * i128::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(of: &[(&str, &str)]) -> Vec<(String, Exact)> {
        of.iter().map(|(value, cost)| ((*value).to_owned(), cost.parse().expect("an amount"))).collect()
    }

    #[test]
    fn few_values_explain_most_and_all_adds_up() {
        let before = costs(&[("compute", "500.10"), ("storage", "300"), ("network", "40"), ("gone", "30")]);
        let after =
            costs(&[("compute", "750.10"), ("storage", "1000.000000000000000000000000000001"), ("network", "70")]);
        let told = explain(&before, &after, 80, 5);
        let names: Vec<&str> = told.parts.iter().map(|part| part.value.as_str()).collect();
        assert_eq!(names, ["storage", "compute"]);
        assert_eq!(told.parts.iter().map(|part| part.change).sum::<Exact>() + told.rest, told.change);
        assert_eq!(told.change.to_text(), "950.000000000000000000000000000001");
        assert_eq!((told.rest.to_text().as_str(), told.others), ("0", 2));
    }

    #[test]
    fn a_fall_is_explained_by_what_fell() {
        let told = explain(&costs(&[("a", "10"), ("b", "5")]), &costs(&[("b", "7")]), 100, 9);
        assert_eq!(told.parts, [Contribution { value: "a".to_owned(), change: "-10".parse().expect("an amount") }]);
        assert_eq!(told.rest.to_text(), "2");
        assert_eq!(explain(&[], &[], 80, 5).parts, []);
    }
}
