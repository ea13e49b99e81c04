//! Orient: explanations of facts. Who owns each charge, on which day, by which rule; the proof that nothing was lost; and
//! the answers to people's questions about it.
//!
//! Reading order: [`org`] (who there is), [`predicate`] (SQL conditions), [`rules`] (who owns what, as people write it),
//! [`attribute`] (rules over facts), [`check`] (what rules do to the money, and which rule is missing), [`proof`],
//! [`pool`] (shared costs), [`currency`] (rates), [`reading`] (spend and explain), [`period`] (statements), [`tail`] (quantiles of
//! latency, what they are made of, and evidence), [`pareto`] (the few who make most of it), [`charter`] (spend against business
//! volume).
//!
//! What is absent on purpose: files, network, clock, randomness, and the book. Batches of the lake and contents of files are arguments.

#![deny(clippy::float_arithmetic)]
// A fault is made once per mistake in a person's file, never per row: its size is no cost.
#![allow(clippy::result_large_err)]

pub mod attribute;
pub mod charter;
pub mod check;
pub mod currency;
mod interner;
pub mod latency;
pub mod org;
pub mod pareto;
pub mod period;
pub mod pool;
pub mod predicate;
pub mod proof;
pub mod reading;
pub mod rules;
mod table;
pub mod tail;

pub(crate) use leap_terms::yaml;
