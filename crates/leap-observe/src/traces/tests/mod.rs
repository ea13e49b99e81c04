//! Tests of the parsers together: against each other, against damage, against the staged traces.

mod damage;
mod metrics;
mod protobuf;
mod staged;
mod texts;
