//! The whole program, from outside: each module is a chapter, each test a story.
//!
//! - `harness`: a home in a temporary folder and the binary `leap`
//! - `intake`, `ownership`, `reading`: what people do every day
//! - `complaints`: defects that users of other products reported, each with a test of its name
//! - `staged`: real bills (skipped where they are absent)
//! - `restate`: ten deliveries of a bucket with restatements, in every order
//! - `worlds`: random bills under random rules, against the truth and the auditor
//! - `gateway`: what SQL must not do
//! - `crash`: the process killed at every write, sync and rename of an ingest

mod bill;
mod complaints;
mod crash;
mod gateway;
mod harness;
mod intake;
mod ownership;
mod reading;
mod restate;
mod staged;
mod worlds;
