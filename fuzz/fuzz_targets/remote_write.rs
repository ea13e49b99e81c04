//! Prometheus' remote write, packed or plain: refused, or read within its limits.
#![no_main]

use leap_observe::traces::trial;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Refused or read: what must hold is asserted inside.
    let _outcome = trial::remote_write(bytes);
});
