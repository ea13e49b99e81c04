//! Traces in: files, or batches that come over the network, become requests in the lake.
//!
//! ```text
//! bytes → spans → whole traces → requests with slices, spans of the slowest → files → one row in the book
//! ```
//! Reading order: [`take`] (a file), [`gather`] (traces to requests), [`store`] (requests into lake and book), [`load`] (back).

mod gather;
mod load;
mod store;
mod take;

pub(crate) use gather::EXAMPLES;
pub(crate) use load::{Examples, examples_of, load};
pub(crate) use take::{TracesTaken, found_below, take_file};
