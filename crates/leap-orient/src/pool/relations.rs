//! Checks of `pools.yaml` that need all pools: who follows whom, which weights the order drops, rows for nobody.

use leap_terms::Fault;

use super::policy::{Driver, Order, Pool};
use super::read::Reader;

/// Pools that charge pools with order reciprocal: they are one system of equations, and sixty pools that all charge each
/// other already take seconds a day.
const MUTUAL_POOLS: usize = 60;

impl Reader<'_> {
    /// What holds between pools: who follows whom, and how many charge each other.
    pub(super) fn relations(&mut self, pools: &[Pool], order: Order, rank: &[usize]) {
        for (at, pool) in pools.iter().enumerate() {
            let Driver::Pool(other) = pool.driver else { continue };
            let fault = match order {
                Order::Reciprocal => continue,
                Order::StepDown if rank[other] > rank[at] => continue,
                Order::StepDown => {
                    let message =
                        format!("pool '{}' follows '{}', which comes before it", pool.name, pools[other].name);
                    self.places.fault(at, &["driver"], message).help("let it come later in the order")
                }
                Order::Direct => {
                    let follow = |at: &usize| match pools[*at].driver {
                        Driver::Pool(other) => Some(other),
                        _ => None,
                    };
                    let path = std::iter::successors(Some(other), follow).take(pools.len() + 1);
                    if !path.into_iter().any(|met| met == at) {
                        continue;
                    }
                    let message = format!("pool '{}' follows a pool that follows it", pool.name);
                    self.places.fault(at, &["driver"], message).help("give one of them a driver of its own")
                }
            };
            self.faults.push(fault);
        }
        let charging = pools.iter().filter(|pool| names(&pool.driver).any(|name| name.starts_with("pool:")));
        let charging = charging.chain(pools.iter().filter(|pool| matches!(pool.driver, Driver::Pool(_)))).count();
        if order == Order::Reciprocal && charging > MUTUAL_POOLS {
            let message = format!("{charging} pools charge pools, the limit is {MUTUAL_POOLS} with order reciprocal");
            self.faults.push(self.top_fault("order", message).help("use step-down"));
        }
        for pool in pools.iter().filter(|_| order == Order::Direct) {
            let dropped: Vec<&str> = names(&pool.driver).filter(|name| name.starts_with("pool:")).collect();
            if !dropped.is_empty() {
                let message = format!("pool '{}' weighs {}, which order direct drops", pool.name, dropped.join(", "));
                let fault = Fault { line: pool.line, ..Fault::in_file(self.places.file, message) };
                self.warnings.push(fault.help("use order: step-down or reciprocal, or leave those weights out"));
            }
        }
    }

    /// Rows of driver files for pools that are not in the list.
    pub(super) fn unused_rows(&mut self) {
        let files = self.files.iter().filter_map(|(file, found)| found.as_ref().map(|found| (file, found)));
        let mut warnings = Vec::new();
        for (file, found) in files {
            for pool in found.pools.keys().filter(|pool| !self.names.contains(pool)) {
                let fault = Fault::in_file(file.as_str(), format!("has rows for the unknown pool '{pool}'"));
                warnings.push(fault.help(self.pool_help(pool)));
            }
        }
        self.warnings.extend(warnings);
    }
}

/// The names that a driver weighs, as people wrote them.
fn names(driver: &Driver) -> Box<dyn Iterator<Item = &str> + '_> {
    match driver {
        Driver::Measured(measured) => Box::new(measured.names().iter().map(String::as_str)),
        Driver::Fixed(spans) => {
            Box::new(spans.iter().flat_map(|span| span.weights.iter().map(|(name, _)| name.as_str())))
        }
        Driver::Keep | Driver::HeadCount { .. } | Driver::Direct(_) | Driver::Pool(_) | Driver::Commitment => {
            Box::new(std::iter::empty())
        }
    }
}
