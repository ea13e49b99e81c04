//! Decide: verdicts about explanations, what to expect, and plans of what is to be done.
//!
//! ```text
//! explanation + policy + now  →  verdicts  →  an immutable plan  →  findings of its check
//! ```
//! Reading order of budgets and contracts: [`decide`] (one turn, on one screen), [`budget`], [`waiver`], [`contract`],
//! [`plan`]; what they are given comes as values: [`org`] (who stands where on a day), [`seconds`].
//!
//! Reading order of statistics: [`series`] (a cost series as a file has it), [`drift`] (which days depart from the
//! expected path, by how much, since when, and because of what), [`forecast`] (what the coming days will cost,
//! between which bounds, and how good an older forecast was), [`lines`] (both, for machines).
//!
//! ```text
//! one day of one series, and what is known of it  →  the state after that day, and an alert or none
//! ```
//! What is absent on purpose: files, network, clock, randomness. Amounts come in and go out exact. Statistics are
//! computed with floats, in one fixed order; an estimate becomes an amount in one place ([`series::estimate`]), as
//! whole cents.

// A fault is made once per mistake in a person's file, never per row: its size is no cost.
#![allow(clippy::result_large_err)]

pub mod budget;
pub mod contract;
pub mod decide;
mod document;
pub mod drift;
pub mod forecast;
pub mod lines;
pub mod org;
pub mod plan;
mod profile;
mod robust;
pub mod seconds;
pub mod series;
mod table;
pub mod waiver;
