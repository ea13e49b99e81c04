//! Observe: bills come in, facts go out.
//!
//! Reading order: [`discover`] (files become deliveries), [`decode`] (bytes become rows, under limits), [`map`] (rows
//! become FOCUS 1.4), [`fold`] (charges become keys, resources and a day cube), [`take_in`] (the pipeline that does all
//! of it with bounded memory on all cores), [`error`] (every reason to refuse). Beside them stands [`traces`]: bytes of
//! OTLP, Jaeger and Zipkin become whole traces.
//!
//! What is absent on purpose: the lake and the book (facts go to a [`take_in::FactSink`]), rules, owners, the clock.

pub mod decode;
pub mod discover;
pub mod error;
pub mod fold;
pub mod map;
#[cfg(test)]
mod seeds;
pub mod take_in;
pub mod traces;

pub use error::IntakeError;
