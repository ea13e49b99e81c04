//! How fast latency is attributed, what it takes in memory, how far off its sketch is: figures beside their aims.
//!
//! ```text
//! attribution with shift and snap, to sums      11,200,000 spans/s    aim 8,000,000   met   (10,900,000 to 11,300,000)
//! ```
//! The parts are in `crates/leap-orient/examples/bench_latency`; each runs in a process of its own, so that memory
//! which one has given back is not taken for another's. The last one, `server`, is `cargo xtask bench server --release`:
//! senders against the running program for a minute. Release build: the aims are those of what is shipped. Traces are
//! those of Online Boutique where they are staged beside the repository.

use std::process::Command;

use crate::{bench_server, cargo, root, run};

/// Of one core, without the program.
const PARTS: [&str; 6] = ["attribution", "otlp", "memory", "deep", "sketch", "year"];
/// Of the running program, on two.
const SERVER: &str = "server";

/// `cargo xtask bench latency [PART …]`.
pub(crate) fn latency(rest: &[&str]) -> Result<(), String> {
    if let Some(unknown) = rest.iter().find(|part| !PARTS.contains(part) && **part != SERVER) {
        return Err(format!("'{unknown}' is no part of this bench: {}, {SERVER}", PARTS.join(", ")));
    }
    let chosen = |part: &str| rest.is_empty() || rest.contains(&part);
    let build = ["build", "--locked", "--release", "--package", "leap-orient", "--example", "bench_latency"];
    run(&mut cargo(&build))?;
    let bench = root().join("target/release/examples/bench_latency");
    for part in PARTS.into_iter().filter(|part| chosen(part)) {
        run(Command::new(&bench).arg(part))?;
        println!();
    }
    if chosen(SERVER) { bench_server::server(&["--release"]) } else { Ok(()) }
}
