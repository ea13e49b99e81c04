//! Traces in: files, or batches that come over the network, become requests in the lake.
//!
//! ```text
//! bytes → spans → whole traces → requests with slices, spans of the slowest → files → one row in the book
//! ```
//! Reading order: [`take`] (a file), [`gather`] (traces to requests), [`store`] (requests into lake and book),
//! [`merge`] (small files of a stream), [`load`] (back), [`tails`] (packed days), [`measure`] (histograms), [`levels`]
//! (files of rows that add up). What comes over the network comes through [`crate::intake`].

mod gather;
mod levels;
mod load;
mod measure;
mod merge;
mod store;
mod tails;
mod take;

pub(crate) use gather::{EXAMPLES, Gathered};
pub(crate) use levels::merge_levels;
pub(crate) use load::{
    Examples, count_each, count_files, examples_of, load, load_counted, pairs, read_examples, read_pair,
};
pub(crate) use measure::{Chosen, Measured, Point, choose, measured, measured_by};
pub(crate) use merge::{forget_replaced, merge};
pub(crate) use store::{Delivered, Origin, STREAM, Stored, store, universal};
pub(crate) use tails::{differences, load_tails};
pub(crate) use take::{TracesTaken, apis, facts, found_below, take_file};
