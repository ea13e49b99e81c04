//! Parquet: refused or read; the decoder's panics stay inside.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if !bytes.starts_with(b"PAR1") {
        return;
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a temporary file takes bytes");
    // Refused or read, but every row accounted for and every total tied: see `trial::bill`.
    let _outcome = leap_observe::map::trial::bill(file.path());
});
