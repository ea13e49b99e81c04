//! What if: the quantile, had the slices of some owners taken what they usually take.
//!
//! ```text
//! ledger    attributed 3.100 s   recoverable 1.900 s   its fair share of what all together can recover 1.950 s
//! ```
//! A request whose spans are kept is replayed with an owner's own time scaled to its median over all requests of the API; one
//! whose spans are not kept stays as it was. So what is recoverable is never overstated: it is exact where the kept requests
//! reach down to the new quantile, and a lower bound below that. Less is recoverable than is attributed where another branch
//! becomes critical.

use std::collections::HashMap;

use leap_orient::latency::{Factor, NoCatalog, Replay, Workspace};
use leap_orient::tail::composition::Excess;
use leap_orient::tail::shapley::{Shapley, shapley};
use leap_orient::tail::{Quantile, Units};
use leap_terms::{Day, NameId};
use serde_json::{Value, json};
use std::cmp::Ordering;

use super::question::{Labels, Loaded};
use super::report::{Divided, percent};
use super::shown;
use crate::failure::Failure;
use crate::output::{Answer, Cell};
use crate::traces::Examples;

/// So many owners are asked about.
const PLAYERS: usize = 8;

/// What could be saved.
pub(super) struct Savings {
    /// Owner, attributed ns, recoverable ns, Shapley ns.
    rows: Vec<(u32, u64, i128, i128)>,
    /// With all of them together.
    together_ns: i128,
    /// Requests that were replayed, and slowest requests that were not.
    replayed: usize,
    /// True when every request at or above the lowest new quantile was replayed.
    exact: bool,
}

/// One kept request, ready to be replayed.
struct Kept {
    /// Its place among the requests.
    at: usize,
    day: Day,
    replay: Replay,
}

/// Requests by latency, those that can be replayed apart.
struct Board {
    /// (latency, weight) of the others, slowest first.
    fixed: Vec<(u64, Units)>,
    total: u128,
}

impl Board {
    /// Q(p) with the replayed requests' latencies as given.
    fn quantile(&self, p: Quantile, replayed: &mut [(u64, Units)]) -> u64 {
        replayed.sort_unstable_by(|a, b| b.cmp(a));
        let (mut one, mut other) = (self.fixed.iter().peekable(), replayed.iter().peekable());
        let (mut after, mut latest) = (0_u128, 0);
        loop {
            let from_fixed = match (one.peek(), other.peek()) {
                (Some(a), Some(b)) => a >= b,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return latest,
            };
            let (ns, weight) = *if from_fixed { one.next() } else { other.next() }.expect("it was peeked at");
            latest = ns;
            after += u128::from(weight.count());
            // The first from above with more than 1 − p at or above it.
            if p.beyond().cmp_part(after, self.total) == Ordering::Greater {
                return latest;
            }
        }
    }
}

/// Asks about the owners with the largest excess.
pub(super) fn savings(
    loaded: &Loaded,
    divided: &Divided,
    excess: &Excess<u32>,
    p: Quantile,
    kept: Examples,
    labels: &mut Labels<'_>,
) -> Result<Savings, Failure> {
    let mut top: Vec<(u32, i128)> = excess.excess.iter().copied().filter(|(_, ns)| *ns > 0).collect();
    top.sort_by_key(|(value, ns)| (std::cmp::Reverse(*ns), *value));
    let players: Vec<u32> = top.into_iter().take(PLAYERS).map(|(value, _)| value).collect();
    let medians: Vec<u64> = players.iter().map(|player| median(loaded, divided, *player)).collect();

    let requests = &loaded.requests;
    let places: HashMap<(&str, &str), usize> =
        (0..requests.rows().len()).filter_map(|at| Some((requests.ids(at)?, at))).collect();
    let (mut workspace, mut board) = (Workspace::new(), Vec::new());
    for example in &kept.traces {
        for (at, written) in example.span_ids.iter().enumerate() {
            let Some(place) = places.get(&(example.id.as_str(), written.as_str())) else { continue };
            let root = example.trace.spans[at].id;
            let replay = Replay::of_owners(&mut workspace, &example.trace, root, &NoCatalog);
            let day = requests.rows()[*place].day();
            board.extend(replay.map(|replay| Kept { at: *place, day, replay }));
        }
    }
    let replayable: std::collections::HashSet<usize> = board.iter().map(|kept| kept.at).collect();
    let mut fixed: Vec<(u64, Units)> = requests
        .rows()
        .iter()
        .enumerate()
        .filter(|(at, _)| !replayable.contains(at))
        .map(|(_, row)| (row.latency_ns, row.weight))
        .collect();
    fixed.sort_unstable_by(|a, b| b.cmp(a));
    let total = requests.rows().iter().map(|row| u128::from(row.weight.count())).sum();
    let rules = Board { fixed, total };

    // Which player each service of a kept request belongs to.
    let mut player_of = HashMap::<(NameId, Day), Option<usize>>::new();
    let known: HashMap<&str, NameId> = requests
        .rows()
        .iter()
        .flat_map(|row| requests.parts(row))
        .map(|part| (requests.text(part.owner), part.owner))
        .collect();
    for kept_one in &board {
        for service in kept_one.replay.services() {
            player_of.entry((*service, kept_one.day)).or_insert_with(|| {
                let id = known.get(kept.names.text(*service))?;
                let part = leap_orient::latency::Part {
                    owner: *id,
                    kind: leap_orient::latency::SliceKind::SelfTime,
                    caller: NameId::NONE,
                    ns: 1,
                };
                let label = labels.of(&part, kept_one.day);
                players.iter().position(|player| divided.values[*player as usize] == label)
            });
        }
    }
    let mut lowest = u64::MAX;
    let mut quantile = |shrunk: &dyn Fn(usize) -> bool| {
        let mut latencies = Vec::with_capacity(board.len());
        for kept in &mut board {
            let row = &requests.rows()[kept.at];
            let parts = &divided.coarse[kept.at];
            let day = kept.day;
            let ns = kept.replay.latency(|service| match player_of.get(&(service, day)).copied().flatten() {
                Some(player) if shrunk(player) => {
                    let held = parts.iter().find(|(value, _)| *value == players[player]).map_or(0, |(_, ns)| *ns);
                    Factor::back_to(medians[player], held)
                }
                Some(_) | None => Factor::ONE,
            });
            latencies.push((ns, row.weight));
        }
        let ns = rules.quantile(p, &mut latencies);
        lowest = lowest.min(ns);
        ns
    };
    let before = i128::from(quantile(&|_| false));
    if before != i128::from(excess.tail.latency_ns) {
        return Err(Failure::quality(format!(
            "replayed as it was, {} is {before} ns and not {} ns: kept traces are damaged",
            percent(p),
            excess.tail.latency_ns
        )));
    }
    let alone: Vec<i128> =
        (0..players.len()).map(|player| before - i128::from(quantile(&|other| other == player))).collect();
    let values = shapley(players.len(), |coalition| before - i128::from(quantile(&|player| coalition.has(player))));
    let shares = values.as_ref().map(Shapley::whole).unwrap_or_default();
    let together_ns = before - i128::from(quantile(&|_| true));
    let exact = rules.fixed.first().is_none_or(|(ns, _)| *ns <= lowest);
    let rows = players
        .iter()
        .enumerate()
        .map(|(at, player)| (*player, excess.tail.part(player), alone[at], shares.get(at).copied().unwrap_or(0)))
        .collect();
    Ok(Savings { rows, together_ns, replayed: replayable.len(), exact })
}

/// What an owner takes in the median request, requests without it counted as 0.
fn median(loaded: &Loaded, divided: &Divided, value: u32) -> u64 {
    let mut taken: Vec<(u64, Units)> = loaded
        .requests
        .rows()
        .iter()
        .zip(&divided.coarse)
        .map(|(row, parts)| (parts.iter().find(|(other, _)| *other == value).map_or(0, |(_, ns)| *ns), row.weight))
        .collect();
    taken.sort_unstable();
    leap_orient::tail::quantile::nearest_rank(&taken, Quantile::median()).unwrap_or(0)
}

impl Savings {
    /// What each owner could save alone, by the place of its value, ns; those that were not asked about are left out.
    pub(super) fn alone(&self) -> HashMap<u32, i128> {
        self.rows.iter().map(|(value, _, alone, _)| (*value, *alone)).collect()
    }

    /// What all of them could save together, ns, and whether that is exact: else it is a lower bound.
    pub(super) fn together(&self) -> (i128, bool) {
        (self.together_ns, self.exact)
    }

    pub(super) fn answer(&self, by: &str, values: &[String], p: Quantile) -> Answer {
        let title = format!(
            "What if their slices took what they usually take: {} would fall by {} together\n({} requests replayed; {})",
            percent(p),
            shown(self.together_ns),
            self.replayed,
            if self.exact { "exact" } else { "a lower bound, since faster requests are not kept whole" }
        );
        let mut answer = Answer::new(title, &[by, "attributed", "recoverable alone", "fair share of all"]);
        for (value, attributed, alone, share) in &self.rows {
            answer.rows.push(vec![
                Cell::text(&*values[*value as usize]),
                Cell::text(shown(i128::from(*attributed))),
                Cell::text(shown(*alone)),
                Cell::text(shown(*share)),
            ]);
        }
        answer
    }

    pub(super) fn json(&self, by: &str, values: &[String]) -> Value {
        let number = |ns: i128| i64::try_from(ns).unwrap_or_default();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|(value, attributed, alone, share)| {
                json!({
                    by: values[*value as usize],
                    "attributed_ns": attributed,
                    "recoverable_ns": number(*alone),
                    "shapley_ns": number(*share),
                })
            })
            .collect();
        json!({
            "rows": rows,
            "together_ns": number(self.together_ns),
            "requests_replayed": self.replayed,
            "exact": self.exact,
        })
    }
}
