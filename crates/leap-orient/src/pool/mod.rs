//! Pools: shared costs and the drivers that share them.

pub mod kubernetes;
