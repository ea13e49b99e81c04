//! A number read and written again is the same number.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| leap_observe::map::trial::exact_number(bytes));
