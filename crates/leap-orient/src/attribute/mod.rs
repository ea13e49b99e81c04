//! Attribution: gives every charge exactly one owner.
//!
//! ```text
//! let engine = Engine::new(&rules, &org);
//! let mut run = engine.scope();                 // one source and billing period
//! run.keys(&batch)?; run.resources(&batch)?;    // all keys and resources first, in any order
//! run.cube(&batch)?;                            // then the cube
//! let done = run.finish();                      // rows of the attribution table, totals per owner
//! ```
//! **How it is fast.** An owner depends only on what the rules read. Keys are projected on those fields, and rules run
//! once per distinct projection. Conditions on resources run once per resource; resources that meet the same conditions are one
//! class, and rules run once per pair of projection and class. For each pair an index yields the few rules that can match
//! (hash on equality, prefixes by length, regex sets), which are then checked in full, in order.
//!
//! **What it means.** The first rule that matches decides. A rule whose outcome names nobody (a null expression, no row of
//! the mapping, a day outside its dates) does not match. A name that is no team is `residual:unknown-team`. The
//! answer is a timeline over all days, since rules, mapping rows and teams are dated.
//!
//! Reading order: `scope` (one run), [`Engine`], `features` (what resources contribute), `index`, `timeline`, `tags`, `columns`,
//! [`services`] (the same rules asked about services of traces), [`Again`] (after a change), [`Answers`] (reading the table back), [`daily`] (what each owner has, day by day), [`DiffRun`].

mod again;
mod answers;
mod columns;
pub mod daily;
mod diff;
mod engine;
mod features;
mod index;
mod merged;
mod scope;
pub mod services;
mod tags;
mod timeline;
mod vectors;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_bills;

pub use again::{Again, AgainDone, AgainRun};
pub use answers::{Answer, Answers};
pub use columns::AttributeError;
pub use daily::Daily;
pub use diff::{DiffRun, Moved};
pub use engine::Engine;
pub use scope::{RuleUse, ScopeAttribution, ScopeRun};
pub use services::{ServiceOwner, ServiceRun};

pub(crate) use columns::{CubeRows, Currencies, binary, text};
