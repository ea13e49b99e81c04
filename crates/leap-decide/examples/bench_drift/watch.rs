//! A new day for many series: their states are read, the day is judged, the states are written.
//!
//! ```text
//! 48,000 series, 9.9 KiB each, 2 threads: read 0.21 s, judged 0.60 s, written 0.12 s
//! ```
//! It is what `leap` does after a delivery, without the lake and without the disk. States are those of generated series
//! after 400 days, each used many times.

use std::time::Instant;

use leap_decide::drift::{Detector, Seen, Settings};
use leap_sim::series::drifting;

/// 800 teams with 60 services each.
const SERIES: usize = 48_000;
/// Different ones among them.
const DIFFERENT: u64 = 210;
/// Days that a detector knows before.
const DAYS: usize = 400;
/// States that are read, judged and written together.
const SHARE: usize = 750;

pub(crate) fn run() {
    let states: Vec<(Vec<u8>, Seen, usize)> = (0..DIFFERENT)
        .map(|number| {
            let made = drifting(11, number, DAYS + 1);
            let mut detector = Detector::new(Settings::default(), true);
            let phase = (number % 7) as usize;
            detector.read_on(phase);
            for (day, cost) in made.costs[..DAYS].iter().enumerate() {
                detector.observe(&Seen::whole(made.first.plus(day as i32), *cost));
            }
            let mut bytes = Vec::new();
            detector.write(&mut bytes);
            (bytes, Seen::whole(made.first.plus(DAYS as i32), made.costs[DAYS]), phase)
        })
        .collect();
    let size = states.iter().map(|(bytes, ..)| bytes.len()).sum::<usize>() / states.len();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (states, whole) = (&states, Instant::now());
    let parts: Vec<[f64; 3]> = std::thread::scope(|scope| {
        let work = |thread: usize| {
            let mut took = [0.0; 3];
            for share in (thread * SHARE..SERIES).step_by(threads * SHARE) {
                let clock = Instant::now();
                let own = (share..(share + SHARE).min(SERIES)).map(|at| &states[at % states.len()]);
                let mut detectors: Vec<_> = own
                    .map(|(bytes, seen, phase)| {
                        let read = Detector::read(Settings::default(), &mut bytes.as_slice());
                        (read.expect("a state that was written"), seen, phase)
                    })
                    .collect();
                took[0] += clock.elapsed().as_secs_f64();
                let clock = Instant::now();
                for (detector, seen, phase) in &mut detectors {
                    detector.read_on(**phase);
                    std::hint::black_box(detector.observe(seen));
                }
                took[1] += clock.elapsed().as_secs_f64();
                let clock = Instant::now();
                let mut out = Vec::new();
                detectors.iter().for_each(|(detector, ..)| detector.write(&mut out));
                std::hint::black_box(out);
                took[2] += clock.elapsed().as_secs_f64();
            }
            took
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("no thread fails")).collect()
    });
    let took = |at: usize| parts.iter().map(|part| part[at]).sum::<f64>() / threads as f64;
    println!(
        "{SERIES} series, {:.1} KiB each, {threads} threads: {:.2} s (states read {:.2} s, a day judged {:.2} s, states written \
         {:.2} s)",
        size as f64 / 1024.0,
        whole.elapsed().as_secs_f64(),
        took(0),
        took(1),
        took(2)
    );
}
