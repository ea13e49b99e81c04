//! Traces: refused whole, or read and assembled without a loss. See `traces::trial`.
#![no_main]

use leap_observe::traces::{Kind, trial};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Refused or read: what must hold is asserted inside.
    let _outcome = trial::body(Kind::Zipkin, bytes);
    trial::every_way(bytes);
});
