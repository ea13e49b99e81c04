//! The addresses of the pages and forms, who may ask them, and the parameters that they know.

use leap_terms::Deed;
use leap_web::site::{Ask, DOCUMENT, FORM, Needs, Problem, Route};

use super::parameter;

/// Parameters of every page.
const EVERY: &[&str] = &["period", "measure", "cost", "basis", "org", "as_known_on", "pools", "format", "table"];

const fn page(path: &'static str, about: &'static str, own: &'static [&'static str], needs: Needs) -> Route {
    Route { method: "GET", path, about, every: EVERY, own, needs, is_page: true, largest: FORM }
}

const fn form(path: &'static str, about: &'static str, own: &'static [&'static str], needs: Needs) -> Route {
    Route { method: "POST", path, about, every: &["format"], own, needs, is_page: true, largest: FORM }
}

/// A form that takes a document.
const fn document(path: &'static str, about: &'static str, own: &'static [&'static str], needs: Needs) -> Route {
    Route { largest: DOCUMENT, ..form(path, about, own, needs) }
}

/// Fields of a claim.
const CLAIM: &[&str] = &["kind", "resource", "where", "team", "reason", "evidence", "effective", "expires", "expect"];

/// Fields of a policy of pools.
const POLICY: &[&str] = &["text", "effective", "later", "expect"];
/// Fields of new rules: their text, or a suggestion that joins those in force.
const RULES: &[&str] = &["text", "effective", "later", "take", "expect"];

/// Fields of a reorg.
const PLAN: &[&str] = &["text", "effective", "successor", "rename", "split", "reason", "expect"];
/// Fields of a question to an approver.
const ASK: &[&str] = &["reason", "expect"];

/// Fields of a waiver.
const WAIVER: &[&str] = &["unit", "period", "amount", "until", "reason", "expect"];

/// Fields of a restatement.
const RESTATE: &[&str] = &["reason", "approved_by", "expect"];

/// What changes figures of the whole company.
const CHANGE: Needs = Needs::DeedEverywhere(Deed::Change);

/// What somebody else asked for.
const APPROVE: Needs = Needs::DeedEverywhere(Deed::Approve);

/// Those of latency.
const LATENCY: &[&str] = &["api", "quantile", "by", "objective", "what_if", "packed"];
/// What a claim of improvement says.
const IMPROVED: &[&str] = &["before", "after", "api", "quantile", "team", "control", "registered"];

/// All of them.
pub(super) const ROUTES: [Route; 75] = [
    page("/", "Charter: spend, its largest owners, what changed", &["under"], Needs::Person),
    page("/team/{unit}", "A unit: cost by service and month", &[], Needs::Person),
    page("/explore", "Cost by any dimensions, or the charges", EXPLORE, Needs::Person),
    page("/resource", "Why a resource belongs to whom", &["id"], Needs::Person),
    page("/coverage", "The ledger: bill = teams + residual", &[], Needs::Everything),
    page("/coverage/residual", "What no team owns, by reason", &[], Needs::Everything),
    page("/coverage/rules", "Rules, and what they own", &["suggest", "versions"], Needs::Everything),
    document("/coverage/rules", "Show what other rules would change, and apply them", RULES, CHANGE),
    page("/claims", "Claims and disputes", &[], Needs::Person),
    page("/claims/{number}", "One of them, and its answers", &[], Needs::Person),
    form("/claims/new", "Say whose something is", CLAIM, Needs::Deed(Deed::Answer)),
    form("/claims/{number}/accept", "Accept it", &["note", "expect"], Needs::Deed(Deed::Answer)),
    form("/claims/{number}/decline", "Decline it", &["note"], Needs::Deed(Deed::Answer)),
    form("/claims/{number}/withdraw", "Take it back", &["note"], Needs::Deed(Deed::Answer)),
    page("/latency", "Whose the slow requests are, and whether an objective is kept", LATENCY, Needs::Everything),
    page("/latency/requests", "The slowest requests", &["api", "quantile", "by", "after"], Needs::Everything),
    page("/latency/explain", "One request, frame by frame", &["trace", "root"], Needs::Everything),
    page("/latency/diff", "Before and after a change", IMPROVED, Needs::Everything),
    page("/pools", "Shared platforms", &[], Needs::Everything),
    page("/pools/{pool}", "One of them: its driver, who pays, day by day", &[], Needs::Everything),
    page("/pools/{pool}/{day}", "How its cost of a day was split, to the last unit", &["team"], Needs::Everything),
    page("/budgets", "What units may spend, and how they do", &["under", "after"], Needs::Person),
    page("/contracts", "What was agreed with teams, and whether it holds", &[], Needs::Person),
    page("/contracts/{contract}/{clause}", "A clause: its clock, its windows", &[], Needs::Person),
    page("/alerts", "Cost that departs from its expected path", &["under", "series"], Needs::Person),
    page("/forecast", "What is expected, and how good forecasts were", &["under"], Needs::Person),
    page("/waivers", "Permission to spend more than a budget", &[], Needs::Person),
    page("/waivers/{number}", "One of them, and its answer", &[], Needs::Person),
    form("/waivers/new", "Show what a waiver permits, and ask for it", WAIVER, Needs::Deed(Deed::Answer)),
    form("/waivers/{number}/grant", "Grant it", &["expect"], Needs::LogIn),
    form("/waivers/{number}/refuse", "Refuse it", &["note", "expect"], Needs::LogIn),
    form("/waivers/{number}/withdraw", "Take it back", &["note", "expect"], Needs::LogIn),
    page("/incidents", "What is wrong since when, and whose it is", &["all", "about"], Needs::Person),
    page("/incidents/{number}", "One of them, and all that happened to it", &[], Needs::Person),
    form("/incidents/{number}/acknowledge", "See to it", &["note"], Needs::Deed(Deed::Answer)),
    form("/incidents/{number}/annotate", "Add what one knows", &["note"], Needs::Deed(Deed::Answer)),
    page("/plans", "What was done by plans", &[], Needs::Everything),
    page("/plans/{number}", "One of them, step by step", &[], Needs::Everything),
    page("/plans/approvals/{number}", "A plan that is held: what it does, and its answer", &[], Needs::Everything),
    form("/plans/approvals/{number}/approve", "Approve and perform it", &["note", "expect"], APPROVE),
    form("/plans/approvals/{number}/decline", "Decline it", &["note"], APPROVE),
    form("/plans/approvals/{number}/withdraw", "Take the question back", &["note"], CHANGE),
    page("/messages", "Messages: given up, waiting, sent", &["state", "channel", "after"], Needs::Person),
    page("/messages/{number}", "One of them, and each attempt to send it", &[], Needs::Person),
    form("/messages/{number}/retry", "Have a dead letter tried again", &["expect"], Needs::LogIn),
    form("/messages/{number}/cancel", "Take it out of the outbox", &["reason", "expect"], Needs::LogIn),
    document("/pools", "Show what another policy would change, and apply it", POLICY, CHANGE),
    page("/org", "Units with their cost", &[], Needs::Person),
    page("/org/plan", "The form to plan a reorg", &[], CHANGE),
    document("/org/plan", "Show what a reorg would do, and ask for its approval", PLAN, CHANGE),
    page("/org/plans", "Reorgs that were asked for", &[], Needs::Everything),
    page("/org/plans/{number}", "One of them: what it does, and its answer", &[], Needs::Everything),
    form("/org/plans/{number}/approve", "Approve and perform it", &["note", "expect"], APPROVE),
    form("/org/plans/{number}/decline", "Decline it", &["note"], APPROVE),
    form("/org/plans/{number}/withdraw", "Take the question back", &["note"], CHANGE),
    page("/org/log", "Reorgs so far", &[], Needs::Everything),
    form("/org/log/{number}/revert", "Show what taking it back moves, and ask for its approval", ASK, CHANGE),
    page("/periods", "Billing periods and their statements", &[], Needs::Everything),
    page("/periods/{period}", "A period: statements, and how it differs from them", &[], Needs::Everything),
    form("/periods/{period}/close", "Show the statement that closing it makes, and close it", &["expect"], CHANGE),
    form("/periods/{period}/restate", "Ask for the approval of its difference", RESTATE, CHANGE),
    form("/periods/{period}/reopen", "Open it again", &["reason"], CHANGE),
    form("/periods/{period}/approvals/{number}/approve", "Approve its restatement", &["note", "expect"], APPROVE),
    form("/periods/{period}/approvals/{number}/decline", "Decline it", &["note"], APPROVE),
    form("/periods/{period}/approvals/{number}/withdraw", "Take the question back", &["note"], CHANGE),
    page("/volume", "Business volume by day, and spend in basis points of it", &["under", "metric"], Needs::Person),
    page("/engineers", "Spend in engineers", &["under"], Needs::Person),
    page("/data", "Sources, deliveries, snapshots", &["tab"], Needs::Everything),
    page("/data/audit", "Who changed what", &["after", "who", "what"], Needs::Everything),
    page("/search", "Names", &["q", "kind", "limit"], Needs::Person),
    page("/start", "First steps", &[], Needs::Person),
    page("/account", "One's own roles, sessions and tokens", &[], Needs::LogIn),
    form("/account/sessions", "End sessions of one's own", &["session", "others"], Needs::LogIn),
    form("/account/tokens", "Make a token that reads", &["for", "unit", "days"], Needs::LogIn),
    form("/account/tokens/revoke", "End tokens of one's own", &["token"], Needs::LogIn),
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
