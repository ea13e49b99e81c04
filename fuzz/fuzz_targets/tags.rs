//! Canonical tags are canonical, in any spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| leap_observe::map::trial::tag_text(bytes));
