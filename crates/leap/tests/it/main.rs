//! The whole program, from outside: each module is a chapter, each test a story.
//!
//! - `harness`: a home in a temporary folder and the binary `leap`
//! - `intake`, `ownership`, `reading`: what people do every day
//! - `complaints`: defects that users of other products reported, each with a test of its name
//! - `staged`: real bills (skipped where they are absent)
//! - `account`: a person's own sessions and tokens, logins proved again, the first person of all
//! - `oidc`: logins at an OpenID provider, and what lets nobody in
//! - `rights`: every address as everybody, with and without a login; what a part of the company sees
//! - `rules_form`, `reorg_form`, `period_form`, `pools_form`: changes through the site are those of the commands
//! - `restate`: ten deliveries of a bucket with restatements, in every order
//! - `periods`: closed periods, and why they differ from their statements
//! - `audited`: reorgs, dated rules, claims, pools, readings and statements, found again from raw files
//! - `worlds`: random bills under random rules, against the truth and the auditor
//! - `random_worlds`: ten thousand worlds of reorgs, dated rules, claims and pools, in process, against the auditor
//! - `plans`: what a reorg would do, and plans that are no longer so
//! - `reorgs`: moves, renames, mergers dated back; read any way, taken back to the byte
//! - `backstage`: an org asked of a Backstage over its API
//! - `platforms`: pools and their drivers; nothing vanishes, nothing turns negative by sharing
//! - `claims`: ownership that people settle, and the residual as it goes down
//! - `trees`: a hundred thousand random traces, attributed, replayed and composed, against the auditor
//! - `latency`: traces from files to teams, through the org of any day, counted once
//! - `latency_pages`: what the pages of latency say is what the commands say
//! - `messages`: what is told to people and programs elsewhere, through channels that fail in every way
//! - `serve`: traces over the network, by the command `leap serve`
//! - `stream`: the same under kills, late spans, used up memory and a damaged spool; OpenTelemetry's own exporter
//! - `bridge`: why cost changed between two periods
//! - `drift_home`: drift of the home's own cost, told once; forecasts frozen and scored
//! - `volume`: spend against the business: volume in, restated, in basis points and engineers
//! - `contracts`: clauses of every measure, their clock to the minute, late and restated data, OpenSLO
//! - `versions`: rules and pools that follow each other in time
//! - `gateway`: what SQL must not do
//! - `crash`: the process killed at every write, sync and rename of an ingest

mod account;
mod audit_trail;
mod audited;
mod backstage;
mod bill;
mod bridge;
mod budgets;
mod claims;
mod complaints;
mod contracts;
mod crash;
mod cycle;
mod damage;
mod drift;
mod drift_home;
mod explore_sql;
mod gateway;
mod harness;
mod intake;
mod latency;
mod latency_pages;
mod messages;
mod oidc;
mod ownership;
mod pareto;
mod period_form;
mod periods;
mod plans;
mod platforms;
mod pools_form;
mod random_worlds;
mod reading;
mod reorg_form;
mod reorgs;
mod restate;
mod rights;
mod rules_form;
mod serve;
mod site;
mod staged;
mod stream;
mod traces;
mod trees;
mod versions;
mod volume;
mod waivers;
mod worlds;
