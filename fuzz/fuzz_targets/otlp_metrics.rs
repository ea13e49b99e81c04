//! Exponential histograms in either encoding: refused, or read within their limits.
#![no_main]

use leap_observe::traces::{Kind, trial};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Refused or read: what must hold is asserted inside.
    let _outcome = trial::metrics(Kind::OtlpMetricsProto, bytes);
    let _outcome = trial::metrics(Kind::OtlpMetricsJson, bytes);
});
