//! Telling what a part is, from any bytes: never a panic, twice the same answer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a temporary file takes bytes");
    let tell = || {
        leap_observe::decode::detect(file.path())
            .map(|found| (found.format, found.header))
            .map_err(|error| error.to_string())
    };
    assert_eq!(tell(), tell());
});
