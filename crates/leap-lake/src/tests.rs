//! The lake's promises, as stories over a small made-up bill.

mod bill;
mod damage;
mod flushes;
mod gateway;
mod log;
mod round_trip;
