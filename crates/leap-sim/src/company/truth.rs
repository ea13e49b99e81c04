//! What is true of the sample company, beside its bills and never in them.
//!
//! ```text
//! truth/deliveries.jsonl          per delivery: rows, four totals, effective cost per true and per expected owner
//! truth/rows/aws-2026-09.csv.gz   per row of a current delivery: part,row,true_owner,expected_owner,rule
//! truth/commitments.csv           per commitment: Σ billed, Σ effective, whether the window holds all of it
//! ```
//!
//! A true owner is a team, `pool:<name>` or `(unallocated)`. An expected owner is what the rules as written answer, in
//! leap's own spelling: a team or `residual:<reason>`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use leap_terms::Costs;

use super::amount::Total;
use super::delivery::{DeliveryMade, Stage};
use super::file::{Container, TextFile};
use super::month::{FourCosts, Line};
use super::rules::{NO_RULE, Outcome, Pool, Truth};
use super::world::World;

/// The truth about one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowTruth {
    pub(crate) part: u32,
    pub(crate) row: u64,
    pub(crate) truth: Truth,
    pub(crate) outcome: Outcome,
    pub(crate) rule: u16,
}

/// Sums of a delivery.
pub(crate) struct OwnerTotals {
    teams: usize,
    costs: [Total; 4],
    /// Effective cost by true owner: teams, pools, nobody.
    truth: Vec<Total>,
    /// Effective cost by expected owner: teams, pools, unknown team, no rule.
    expected: Vec<Total>,
    truth_rows: Vec<u64>,
    expected_rows: Vec<u64>,
    /// Rows that each rule decides.
    pub(crate) met: Vec<u64>,
}

impl OwnerTotals {
    pub(crate) fn new(world: &World) -> OwnerTotals {
        let teams = world.org.teams.len();
        let owners = teams + Pool::ALL.len() + 2;
        OwnerTotals {
            teams,
            costs: [Total::default(); 4],
            truth: vec![Total::default(); owners],
            expected: vec![Total::default(); owners],
            truth_rows: vec![0; owners],
            expected_rows: vec![0; owners],
            met: vec![0; world.rules.len()],
        }
    }

    pub(crate) fn add(&mut self, line: &Line, costs: FourCosts) {
        for (sum, cost) in self.costs.iter_mut().zip(costs) {
            *sum += cost;
        }
        let truth = match line.truth {
            Truth::Team(team) => team as usize,
            Truth::Pool(pool) => self.teams + pool as usize,
            Truth::Nobody => self.teams + Pool::ALL.len(),
        };
        let expected = match line.outcome {
            Outcome::Team(team) => team as usize,
            Outcome::Pool(pool) => self.teams + pool as usize,
            Outcome::UnknownTeam => self.teams + Pool::ALL.len(),
            Outcome::NoRule => self.teams + Pool::ALL.len() + 1,
        };
        self.truth[truth] += costs[1];
        self.expected[expected] += costs[1];
        self.truth_rows[truth] += 1;
        self.expected_rows[expected] += 1;
        if line.rule != NO_RULE {
            self.met[usize::from(line.rule)] += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &OwnerTotals) {
        let pairs = [(&mut self.truth, &other.truth), (&mut self.expected, &other.expected)];
        for (sums, more) in pairs {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += *more;
            }
        }
        for (sum, more) in self.costs.iter_mut().zip(other.costs) {
            *sum += more;
        }
        self.count_rules(other);
    }

    pub(crate) fn count_rules(&mut self, other: &OwnerTotals) {
        for (sum, more) in self.met.iter_mut().zip(&other.met) {
            *sum += more;
        }
    }

    pub(crate) fn totals(&self) -> Costs {
        let [billed, effective, list, contracted] = self.costs.map(Total::money);
        Costs { billed, effective, list, contracted }
    }

    /// Effective cost that the rules give to a team, in basis points of all.
    pub(crate) fn owned_bps(&self) -> u32 {
        let mut owned = Total::default();
        for total in &self.expected[..self.teams] {
            owned += *total;
        }
        (owned.whole() * 10_000 / self.costs[1].whole().max(1)).clamp(0, 10_000) as u32
    }

    /// One line of `deliveries.jsonl`.
    pub(crate) fn json(&self, world: &World, made: &DeliveryMade) -> String {
        let totals = self.totals();
        let mut out = format!(
            "{{\"delivery\":\"{}\",\"cloud\":\"{}\",\"billing_account\":\"{}\",\"billing_period\":\"{}\",\"stage\":\"{}\",\"invoiced\":{},\"current\":{},\"rows\":{},\"BilledCost\":\"{}\",\"EffectiveCost\":\"{}\",\"ListCost\":\"{}\",\"ContractedCost\":\"{}\"",
            made.label,
            made.cloud.word(),
            made.billing_account,
            made.month,
            made.stage.label(),
            matches!(made.stage, Stage::Final | Stage::Reopened),
            made.current,
            made.rows,
            totals.billed,
            totals.effective,
            totals.list,
            totals.contracted,
        );
        let pools = self.teams..self.teams + Pool::ALL.len();
        for (word, sums, rows) in
            [("True", &self.truth, &self.truth_rows), ("Expected", &self.expected, &self.expected_rows)]
        {
            write!(out, ",\"EffectiveCostBy{word}Owner\":{{").expect("a string takes all text");
            let mut comma = "";
            for (at, sum) in sums.iter().enumerate().filter(|(at, _)| rows[*at] > 0) {
                let name = if at < self.teams {
                    truth_name(world, Truth::Team(at as u32))
                } else if word == "True" {
                    truth_name(
                        world,
                        if pools.contains(&at) { Truth::Pool(Pool::ALL[at - self.teams]) } else { Truth::Nobody },
                    )
                } else if pools.contains(&at) {
                    outcome_name(world, Outcome::Pool(Pool::ALL[at - self.teams]))
                } else {
                    outcome_name(world, if at == pools.end { Outcome::UnknownTeam } else { Outcome::NoRule })
                };
                write!(out, "{comma}\"{name}\":\"{}\"", sum.money()).expect("a string takes all text");
                comma = ",";
            }
            out.push('}');
        }
        out.push('}');
        out
    }
}

pub(crate) fn truth_name(world: &World, truth: Truth) -> String {
    match truth {
        Truth::Team(team) => world.org.teams[team as usize].id.clone(),
        Truth::Pool(pool) => format!("pool:{}", pool.name()),
        Truth::Nobody => "(unallocated)".to_owned(),
    }
}

pub(crate) fn outcome_name(world: &World, outcome: Outcome) -> String {
    match outcome {
        Outcome::Team(team) => world.org.teams[team as usize].id.clone(),
        Outcome::Pool(pool) => format!("residual:pool:{}", pool.name()),
        Outcome::UnknownTeam => "residual:unknown-team".to_owned(),
        Outcome::NoRule => "residual:no-rule".to_owned(),
    }
}

/// Writes the truth about every row of a current delivery.
pub(crate) fn write_rows(world: &World, folder: &Path, made: &DeliveryMade, rows: &[RowTruth]) -> io::Result<()> {
    let name = format!("{}-{}.csv.gz", made.cloud.word(), made.month);
    let mut file = TextFile::create(&folder.join(name), Container::CsvGz)?;
    let mut text = String::from("part,row,true_owner,expected_owner,rule\n");
    for row in rows {
        writeln!(
            text,
            "{},{},{},{},{}",
            row.part,
            row.row,
            truth_name(world, row.truth),
            outcome_name(world, row.outcome),
            world.rules.id(row.rule)
        )
        .expect("a string takes all text");
    }
    file.write_all(text.as_bytes())?;
    file.close()
}
