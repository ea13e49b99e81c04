//! Reading: answers about one snapshot. Pure functions over batches of the lake's tables.

pub mod bridge;
pub mod days;
pub mod dimension;
pub mod filter;
pub mod moves;
pub mod pack;
pub mod spend;
pub mod tags;
pub mod totals;
