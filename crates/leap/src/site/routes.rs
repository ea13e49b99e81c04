//! The addresses of the pages and forms, who may ask them, and the parameters that they know.

use leap_terms::Deed;
use leap_web::site::{Ask, Needs, Problem, Route};

use super::parameter;

/// Parameters of every page.
const EVERY: &[&str] = &["period", "measure", "cost", "basis", "org", "as_known_on", "pools", "format", "table"];

const fn page(path: &'static str, about: &'static str, own: &'static [&'static str], needs: Needs) -> Route {
    Route { method: "GET", path, about, every: EVERY, own, needs, is_page: true }
}

const fn form(path: &'static str, about: &'static str, own: &'static [&'static str], needs: Needs) -> Route {
    Route { method: "POST", path, about, every: &["format"], own, needs, is_page: true }
}

/// Fields of a claim.
const CLAIM: &[&str] = &["kind", "resource", "where", "team", "reason", "evidence", "effective", "expires", "expect"];

/// All of them.
pub(super) const ROUTES: [Route; 22] = [
    page("/", "Charter: spend, its largest owners, what changed", &["under"], Needs::Person),
    page("/team/{unit}", "A unit: cost by service and month", &[], Needs::Person),
    page("/explore", "Cost by any dimensions, or the charges", EXPLORE, Needs::Person),
    page("/resource", "Why a resource belongs to whom", &["id"], Needs::Person),
    page("/coverage", "The ledger: bill = teams + residual", &[], Needs::Everything),
    page("/coverage/residual", "What no team owns, by reason", &[], Needs::Everything),
    page("/claims", "Claims and disputes", &[], Needs::Person),
    page("/claims/{number}", "One of them, and its answers", &[], Needs::Person),
    form("/claims/new", "Say whose something is", CLAIM, Needs::Deed(Deed::Answer)),
    form("/claims/{number}/accept", "Accept it", &["note", "expect"], Needs::Deed(Deed::Answer)),
    form("/claims/{number}/decline", "Decline it", &["note"], Needs::Deed(Deed::Answer)),
    form("/claims/{number}/withdraw", "Take it back", &["note"], Needs::Deed(Deed::Answer)),
    page("/latency", "Whose the slow requests are", &["api", "quantile", "by"], Needs::Everything),
    page("/pools", "Shared platforms", &[], Needs::Everything),
    page("/org", "Units with their cost", &[], Needs::Person),
    page("/periods", "Billing periods and their statements", &[], Needs::Everything),
    page("/volume", "Business volume by day, and spend in basis points of it", &["under", "metric"], Needs::Person),
    page("/engineers", "Spend in engineers", &["under"], Needs::Person),
    page("/data", "Sources, deliveries, snapshots", &["tab"], Needs::Everything),
    page("/data/audit", "Who changed what", &["after", "who", "what"], Needs::Everything),
    page("/search", "Names", &["q", "kind", "limit"], Needs::Person),
    page("/start", "First steps", &[], Needs::Person),
];

/// Those of Explore; beside them any dimension is a parameter there.
const EXPLORE: &[&str] = &["by", "under", "where", "compare", "chart", "add", "rows", "top", "after"];

/// Refuses parameters that a page would ignore: who sends such a link means something by it. Explore checks its own: any
/// dimension is a parameter there.
pub(super) fn known_parameters(ask: &Ask) -> Result<(), Problem> {
    let Some(route) = ROUTES.iter().find(|route| route.method == "GET" && route.is(&ask.path)) else { return Ok(()) };
    if route.own == EXPLORE {
        return Ok(());
    }
    let is_known = |name: &str| route.every.contains(&name) || route.own.contains(&name);
    match ask.parameters.iter().find(|(name, _)| !is_known(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let all: Vec<&str> = route.every.iter().chain(route.own).copied().collect();
            Err(parameter(ask, name, format!("is none that this page knows: {}", all.join(", "))))
        }
    }
}

/// The pages of the rail that a person does not see.
pub(super) fn shut(rights: &leap_terms::Rights) -> Vec<&'static str> {
    let rail = ROUTES.iter().filter(|route| route.method == "GET" && route.path.matches('/').count() == 1);
    rail.filter(|route| !route.needs.are_met(Some(rights))).map(|route| &route.path[1..]).collect()
}
