//! Kubernetes: usage reports of pods become weights that share the cost of nodes (and of volumes) among teams.
//!
//! ```yaml
//! driver:
//!   kubernetes: {reports: [september.csv], namespaces: namespaces.csv, labels: [team], cpu: 2, memory: 1}
//! ```
//! A pod takes, in each interval, the larger of what it requested and what it used, of CPU and of memory. A node's day
//! is divided by `share = (c · cpu / CPU + m · memory / MEMORY) / (c + m)`, where CPU and MEMORY are the node's capacity
//! in the reported seconds and `c : m` is what CPU and memory stand for in the node's price. Capacity that no
//! pod took is idle, a weight of its own, never below zero. Where pods of a day take more than the capacity, the day
//! is divided by the pods' sum instead, and there is no idle. A measure without capacity and without use is left
//! out; where that holds for both, the day has no weights, and the pool's rule for missing days decides.
//!
//! What counts once: the same pod, node and interval with the same figures in two files (with other figures it is
//! refused), and a node's capacity, which stands in every row of its pods. Intervals without any row have neither capacity
//! nor idle, and [`Usage::notes`] names such days. A row without namespace and pod states a node that nobody used.
//!
//! Weights are node-seconds in units of 10⁻²⁴, so the weights of a day add up to the seconds that reports speak of,
//! and a month's sum counts a day by its reported time. A whole cluster is divided by the sums over its nodes, where
//! each node's idle is computed before the sum.
//!
//! What it does not do: know prices of nodes, join nodes to rows of the bill, or decide who a team name is (the org
//! does, per day). One [`Usage`] is one cluster: two clusters may have nodes of one name.

use leap_terms::{Day, Exact, Fault};
use num_bigint::BigUint;

mod names;
mod report;
mod share;
mod tally;

pub use share::UNITS_PER_NODE_SECOND;

use names::{Namespaces, Wanted};
use report::{DAY, Kind};
use share::{Base, divide, wide};
use tally::{NodeKey, Sums, Tally};

use crate::table::Table;

/// How usage becomes weights.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What CPU stands for in the price of a node, relative to `memory_weight`; ≥ 0.
    pub cpu_weight: Exact,
    /// What memory stands for; ≥ 0. Both zero means 1 : 1.
    pub memory_weight: Exact,
    /// Labels that name the team, the most trusted first; the first that a pod has decides.
    pub labels: Vec<String>,
    /// A CSV file `namespace,team[,effective_from,effective_until]` with its name, for pods without such a label.
    pub namespaces: Option<(String, Vec<u8>)>,
}

/// Usage reports of one cluster, read and added up.
pub struct Usage {
    ratio: (BigUint, BigUint),
    namespaces: Namespaces,
    nodes: Tally,
    volumes: Tally,
    notes: Vec<String>,
}

impl std::fmt::Debug for Usage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Usage").field("node days", &self.nodes.nodes.len()).field("notes", &self.notes).finish()
    }
}

/// What one node (or volume, or the whole cluster) was used for on one day.
///
/// `Σ parts.weight + idle = seconds ·` [`UNITS_PER_NODE_SECOND`], or all zero where the reports show neither capacity
/// nor use. For the cluster, `seconds` are those of all nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeDay {
    /// UTC day.
    pub day: Day,
    /// The node's name, or the persistent volume's; empty for the cluster.
    pub node: String,
    /// The provider's id of the machine; empty where the report has none.
    pub resource_id: String,
    /// Sorted by namespace, then label.
    pub parts: Vec<Part>,
    /// Capacity that nobody took.
    pub idle: u128,
    /// Reported seconds: 86,400 per node for a complete day.
    pub seconds: u64,
}

/// The part of one namespace and one value of the team label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Namespace.
    pub namespace: String,
    /// Value of the first of the wanted labels that the pods have.
    pub label_team: Option<String>,
    /// The label's value, else what the mapping says of the namespace, else none: the cost stays with the pool.
    pub team_name: Option<String>,
    /// Σ max(request, use) of the day: core-seconds; of a volume byte-seconds. For the cluster, `None` where the sum
    /// leaves the range of exact numbers.
    pub cpu: Option<Exact>,
    /// Σ max(request, use) of the day: byte-seconds of memory; zero for a volume.
    pub memory: Option<Exact>,
    /// Node-seconds in units of 10⁻²⁴.
    pub weight: u128,
}

/// What a pool's cost is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope<'a> {
    /// One node, by name or by resource id.
    Node(&'a str),
    /// All nodes together.
    Cluster,
    /// One persistent volume, by name.
    Volume(&'a str),
    /// All persistent volumes together.
    Volumes,
}

/// The measured weights of one day: `Σ rows + idle = capacity`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MeasuredDay {
    /// UTC day.
    pub day: Day,
    /// By team name as written, sorted, each once; `None` (first) is use that no label and no mapping gives to a team.
    pub rows: Vec<(Option<String>, u128)>,
    /// Capacity that nobody took.
    pub idle: u128,
    /// Everything.
    pub capacity: u128,
}

impl Usage {
    /// Reads the reports of one cluster, in any number of files; what is in two files counts once.
    ///
    /// Pod reports and volume reports are told apart by their columns; label reports and the manifest are passed over
    /// with a note. The order of files and rows is irrelevant.
    ///
    /// # Errors
    /// Every fault with file, row and column: numbers that are none or negative, times not in UTC, contradictions.
    pub fn read(files: &[(String, Vec<u8>)], options: &Options) -> Result<Usage, Vec<Fault>> {
        let mut faults = Vec::new();
        if options.cpu_weight < Exact::ZERO || options.memory_weight < Exact::ZERO {
            let fault = Fault::in_file("", "a weight of CPU or memory is negative");
            faults.push(fault.help("write what each stands for in the price of a node, such as cpu: 2, memory: 1"));
            return Err(faults);
        }
        let ratio = match (wide(options.cpu_weight), wide(options.memory_weight)) {
            (cpu, memory) if cpu == memory => (BigUint::from(1_u8), BigUint::from(1_u8)),
            both => both,
        };
        let namespaces = match &options.namespaces {
            None => Namespaces::default(),
            Some((file, bytes)) => Namespaces::parse(file, bytes).unwrap_or_else(|found| {
                faults.extend(found);
                Namespaces::default()
            }),
        };
        let wanted: Vec<Wanted> = options.labels.iter().map(|key| Wanted::new(key)).collect();
        let (mut nodes, mut volumes, mut notes) = (Tally::default(), Tally::default(), Vec::new());
        for (number, (file, bytes)) in files.iter().enumerate() {
            if file.ends_with(".json") {
                notes.push(format!("{file} is a manifest and was passed over"));
                continue;
            }
            let table = match Table::open(file, bytes) {
                Ok(table) => table,
                Err(found) => {
                    faults.extend(found);
                    continue;
                }
            };
            match report::kind(file, &table) {
                Err(fault) => faults.push(fault),
                Ok(Kind::Ignored(what)) => notes.push(format!("{file} is {what} and was passed over")),
                Ok(Kind::Pods) => {
                    faults.extend(report::read_pods(table, |place, row| nodes.add(place, row, &wanted, number, files)))
                }
                Ok(Kind::Volumes) => faults
                    .extend(report::read_volumes(table, |place, row| volumes.add(place, row, &wanted, number, files))),
            }
        }
        for (tally, what, carrier) in [(&mut nodes, "pod", "node"), (&mut volumes, "claim", "volume")] {
            tally.close();
            faults.extend(tally.nodes.iter().filter(|(_, sums)| sums.capacity().is_none()).map(too_large));
            if tally.without_node > 0 {
                let rows = tally.without_node;
                notes.push(format!("{rows} {what} rows name no {carrier} and were left out"));
            }
            if tally.repeated > 0 {
                notes.push(format!("{} {what} rows came twice and count once", tally.repeated));
            }
        }
        if faults.is_empty() { Ok(Usage { ratio, namespaces, nodes, volumes, notes }) } else { Err(faults) }
    }

    /// What a person should know about the reading: files passed over, rows left out, days not reported in full.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        for ((day, node, _), sums) in &self.nodes.nodes {
            if i64::from(sums.seconds()) < DAY {
                let seconds = sums.seconds();
                notes.push(format!(
                    "node {node} on {day}: {seconds} of 86400 seconds reported; the day is divided by them"
                ));
            }
        }
        notes
    }

    /// Every node on every day, by day, node and resource id.
    pub fn days(&self) -> Vec<NodeDay> {
        self.nodes.nodes.iter().map(|(key, sums)| self.one(key, sums)).collect()
    }

    /// Every persistent volume on every day.
    pub fn volume_days(&self) -> Vec<NodeDay> {
        self.volumes.nodes.iter().map(|(key, sums)| self.one(key, sums)).collect()
    }

    /// The weights of a scope, day by day; empty where no report speaks of it.
    pub fn weights(&self, scope: Scope<'_>) -> Vec<MeasuredDay> {
        self.scope_days(scope).into_iter().map(|day| day.by_team()).collect()
    }

    /// The days of a scope, one entry a day, by namespace: what [`Usage::weights`] adds up by team.
    pub fn scope_days(&self, scope: Scope<'_>) -> Vec<NodeDay> {
        let (tally, name) = match scope {
            Scope::Node(name) => (&self.nodes, Some(name)),
            Scope::Cluster => (&self.nodes, None),
            Scope::Volume(name) => (&self.volumes, Some(name)),
            Scope::Volumes => (&self.volumes, None),
        };
        let matching = |key: &NodeKey| name.is_none_or(|name| key.1 == name || (!key.2.is_empty() && key.2 == name));
        let chosen: Vec<(&NodeKey, &Sums)> = tally.nodes.iter().filter(|(key, _)| matching(key)).collect();
        chosen.chunk_by(|a, b| a.0.0 == b.0.0).map(|day| self.several(day)).collect()
    }

    fn one(&self, key: &NodeKey, sums: &Sums) -> NodeDay {
        let day = self.several(&[(key, sums)]);
        NodeDay { node: key.1.clone(), resource_id: key.2.clone(), ..day }
    }

    /// Some nodes of one day as one.
    fn several(&self, nodes: &[(&NodeKey, &Sums)]) -> NodeDay {
        let day = nodes.first().map_or(Day::EARLIEST, |(key, _)| key.0);
        let mut parts: std::collections::BTreeMap<&(String, Option<String>), Vec<[Exact; 2]>> = Default::default();
        let mut bases = [Base::default(), Base::default()];
        for (_, sums) in nodes {
            let capacity = sums.capacity().expect("sums out of range are refused when reports are read");
            for (measure, base) in bases.iter_mut().enumerate() {
                let used = sums.parts.values().map(|part| wide(part[measure])).sum();
                base.add(&Base::of_node(&wide(capacity[measure]), used));
            }
            for (name, used) in &sums.parts {
                parts.entry(name).or_default().push(*used);
            }
        }
        let total =
            |values: &[[Exact; 2]], measure: usize| values.iter().map(|value| wide(value[measure])).sum::<BigUint>();
        let amounts: Vec<(BigUint, BigUint)> = parts.values().map(|used| (total(used, 0), total(used, 1))).collect();
        let seconds = nodes.iter().map(|(_, sums)| u64::from(sums.seconds())).sum::<u64>();
        let whole = u128::from(seconds) * UNITS_PER_NODE_SECOND;
        let (weights, idle) = divide(&amounts, &bases[0], &bases[1], &self.ratio, whole);
        let exact = |values: &[[Exact; 2]], measure: usize| {
            values.iter().try_fold(Exact::ZERO, |sum, value| sum.checked_add(value[measure]))
        };
        let parts = parts.iter().zip(weights).map(|((name, used), weight)| Part {
            namespace: name.0.clone(),
            label_team: name.1.clone(),
            team_name: name.1.clone().or_else(|| self.namespaces.team(&name.0, day).map(str::to_owned)),
            cpu: exact(used, 0),
            memory: exact(used, 1),
            weight,
        });
        NodeDay { day, node: String::new(), resource_id: String::new(), parts: parts.collect(), idle, seconds }
    }
}

impl NodeDay {
    /// The day's weights added up by team name.
    pub fn by_team(&self) -> MeasuredDay {
        let mut rows: std::collections::BTreeMap<Option<String>, u128> = Default::default();
        for part in &self.parts {
            *rows.entry(part.team_name.clone()).or_default() += part.weight;
        }
        let used = rows.values().sum::<u128>();
        MeasuredDay { day: self.day, rows: rows.into_iter().collect(), idle: self.idle, capacity: used + self.idle }
    }
}

fn too_large(entry: (&NodeKey, &Sums)) -> Fault {
    let ((day, node, _), _) = entry;
    Fault::in_file("", format!("the capacity of node '{node}' on {day} is 10^20 or more"))
        .help("check the unit: core-seconds and byte-seconds")
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_data;
