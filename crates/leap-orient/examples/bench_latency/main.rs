//! How fast latency is attributed, how much memory it takes, and how far off a sketch is: medians of several rounds, with the
//! aim beside each figure. `cargo xtask bench latency` runs each part in a process of its own.
//!
//! ```text
//! bench_latency attribution | otlp | memory | deep | year | sketch
//! attribution, LCP-1 with shift and snap   11,200,000 spans/s   aim 8,000,000   met   (10,900,000 to 11,300,000)
//! ```
//! Everything runs on one thread, but for making the year's data. Nothing here is part of what users run.

mod attribution;
mod data;
mod deep;
mod memory;
mod otlp;
mod sketch;
mod year;

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Rounds of each figure; `LEAP_BENCH_ROUNDS` changes it.
pub(crate) fn rounds() -> usize {
    std::env::var("LEAP_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5).max(1)
}

/// Times of several rounds, sorted.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Runs `work` once unmeasured, then so often.
    pub(crate) fn of(rounds: usize, mut work: impl FnMut()) -> Times {
        work();
        let mut times: Vec<Duration> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        Times(times)
    }

    pub(crate) fn from(mut times: Vec<Duration>) -> Times {
        times.sort_unstable();
        Times(times)
    }

    pub(crate) fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    pub(crate) fn least(&self) -> Duration {
        self.0[0]
    }

    pub(crate) fn most(&self) -> Duration {
        self.0[self.0.len() - 1]
    }
}

/// Whole numbers with commas.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < -0.5 { format!("-{out}") } else { out }
}

/// A figure of so many things a second.
pub(crate) fn rate(name: &str, count: usize, times: &Times, unit: &str, aim: Option<f64>) -> f64 {
    let of = |time: Duration| count as f64 / time.as_secs_f64();
    let median = of(times.median());
    let verdict = aim.map_or(String::new(), |aim| {
        format!("aim {}   {}   ", grouped(aim), if median >= aim { "met" } else { "MISSED" })
    });
    let range = format!("({} to {})", grouped(of(times.most())), grouped(of(times.least())));
    println!("{name:<58} {:>12} {unit:<10} {verdict}{range}", grouped(median));
    median
}

/// A figure that must not be above its aim.
pub(crate) fn at_most(name: &str, value: f64, unit: &str, aim: Option<f64>, more: &str) {
    let verdict = aim.map_or(String::new(), |aim| {
        let shown = if aim.fract() == 0.0 { grouped(aim) } else { aim.to_string() };
        format!("aim at most {shown}   {}   ", if value <= aim { "met" } else { "MISSED" })
    });
    let shown = if value < 100.0 { format!("{value:.2}") } else { grouped(value) };
    println!("{name:<58} {shown:>12} {unit:<10} {verdict}{more}");
}

fn main() -> ExitCode {
    let parts: Vec<String> = std::env::args().skip(1).collect();
    let all = ["attribution", "otlp", "memory", "deep", "year", "sketch"].map(str::to_owned);
    for part in if parts.is_empty() { &all[..] } else { &parts } {
        match part.as_str() {
            "attribution" => attribution::run(),
            "otlp" => otlp::run(),
            "memory" => memory::run(),
            "deep" => deep::run(),
            "year" => year::run(),
            "sketch" => sketch::run(),
            other => {
                eprintln!("{other} is no part: {}", all.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}
