//! Reading: answers about one snapshot. Pure functions over batches of the lake's tables.

pub mod bridge;
pub mod dimension;
pub mod filter;
pub mod moves;
pub mod spend;
pub mod tags;
pub mod totals;
