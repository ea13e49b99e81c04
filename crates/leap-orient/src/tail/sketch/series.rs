//! Histograms that a sender tells again and again: what each telling adds, once.
//!
//! ```text
//! cumulative, since 08:00   08:01  3 measurements   08:02  10 measurements   08:02 once more
//! counted                          3                       7                  nothing
//! ```
//! OTLP lets every data point come more than once, and cumulative ones hold all that came before. A [`Series`]
//! remembers as much of one sender's histogram as is needed to count each measurement once. Of cumulative points the
//! first is counted where it began within an hour; else it says nothing of when it was measured, and only what follows
//! counts. All is pure: times are those of the points.

use serde::{Deserialize, Serialize};

/// Of a delta series so many times are remembered: later points may arrive before earlier ones.
const REMEMBERED: usize = 64;
/// A cumulative series that began before is not counted from its beginning.
const FRESH_NS: u64 = 3_600_000_000_000;

/// Counts of an exponential histogram: bucket `offset + i` of scale s holds (b^(offset + i), b^(offset + i + 1)], b =
/// 2^(2^−s).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Exponential {
    /// Scale s.
    pub scale: i32,
    /// Measurements that count as 0.
    pub zero: u64,
    /// Index of the first bucket.
    pub offset: i32,
    /// Counts of the buckets.
    pub counts: Vec<u64>,
}

impl Exponential {
    /// All measurements.
    pub fn total(&self) -> u128 {
        self.counts.iter().chain([&self.zero]).map(|count| u128::from(*count)).sum()
    }

    /// The same with a scale that is smaller or equal: neighbours are added up, exactly.
    pub fn downscaled(&self, scale: i32) -> Exponential {
        let shift = u32::try_from(i64::from(self.scale) - i64::from(scale)).unwrap_or(0).min(31);
        let offset = self.offset >> shift;
        let mut counts = Vec::new();
        for (at, count) in (0_i64..).zip(&self.counts) {
            let place = ((i64::from(self.offset) + at) >> shift) - i64::from(offset);
            let place = usize::try_from(place).unwrap_or(0);
            if counts.len() <= place {
                counts.resize(place + 1, 0_u64);
            }
            counts[place] = counts[place].saturating_add(*count);
        }
        Exponential { scale: self.scale.min(scale), zero: self.zero, offset, counts }
    }

    /// What was measured since an earlier telling; `None` where a bucket holds less than it did.
    pub fn since(&self, before: &Exponential) -> Option<Exponential> {
        let scale = self.scale.min(before.scale);
        let (mut now, before) = (self.downscaled(scale), before.downscaled(scale));
        now.zero = now.zero.checked_sub(before.zero)?;
        for (at, count) in (0_i64..).zip(&before.counts).filter(|(_, count)| **count > 0) {
            let place = i64::from(before.offset) + at - i64::from(now.offset);
            let held = usize::try_from(place).ok().and_then(|place| now.counts.get_mut(place))?;
            *held = held.checked_sub(*count)?;
        }
        Some(now)
    }
}

/// What one telling added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// These measurements are new.
    New(Exponential),
    /// They were counted before.
    Known,
    /// Since when they were measured is not known: what follows will be counted.
    Baseline,
    /// It came after so many later ones that nobody knows whether it was counted.
    TooLate,
}

/// What is remembered of one sender's histogram.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// Since when a cumulative one counts, ns since the epoch.
    #[serde(default)]
    start: u64,
    /// Times of the points that were counted, ascending; of a cumulative one the last.
    #[serde(default)]
    times: Vec<u64>,
    /// Of a cumulative one: the counts of the last point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Exponential>,
}

impl Series {
    /// Takes a point of delta temporality: measurements of the time until `time`.
    pub fn delta(&mut self, time: u64, value: &Exponential) -> Told {
        let Err(place) = self.times.binary_search(&time) else { return Told::Known };
        if place == 0 && self.times.len() == REMEMBERED {
            return Told::TooLate;
        }
        self.times.insert(place, time);
        if self.times.len() > REMEMBERED {
            self.times.remove(0);
        }
        Told::New(value.clone())
    }

    /// Takes a point of cumulative temporality: all measurements from `start` until `time`.
    pub fn cumulative(&mut self, (start, time): (u64, u64), value: &Exponential) -> Told {
        let last = self.times.last().copied();
        if last.is_some_and(|last| time <= last) {
            return Told::Known;
        }
        let told = match self.held.take() {
            None if time.saturating_sub(start) <= FRESH_NS => Told::New(value.clone()),
            None => Told::Baseline,
            // The process began anew, or somebody forgot what it had counted.
            Some(before) if start > self.start || value.total() < before.total() => Told::New(value.clone()),
            // Less in one bucket and not in all: small values were moved to the bucket of zero.
            Some(before) => value.since(&before).map_or(Told::Baseline, Told::New),
        };
        (self.start, self.times, self.held) = (start, vec![time], Some(value.clone()));
        told
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = FRESH_NS;

    fn histogram(scale: i32, offset: i32, counts: &[u64]) -> Exponential {
        Exponential { scale, zero: 1, offset, counts: counts.to_vec() }
    }

    fn new(told: Told) -> Exponential {
        match told {
            Told::New(value) => value,
            other => panic!("nothing new: {other:?}"),
        }
    }

    #[test]
    fn a_cumulative_series_adds_what_came_since_whatever_its_scale_became() {
        let mut series = Series::default();
        let first = histogram(3, -3, &[1, 0, 2, 5]);
        assert_eq!(new(series.cumulative((8 * HOUR, 8 * HOUR + 60), &first)), first);
        assert_eq!(series.cumulative((8 * HOUR, 8 * HOUR + 60), &first), Told::Known, "sent twice");
        // Buckets -3, -1, 0 of scale 3 are -2, -1, 0 of scale 2.
        let second = Exponential { zero: 4, ..histogram(2, -2, &[1, 4, 5, 9]) };
        let added = new(series.cumulative((8 * HOUR, 8 * HOUR + 120), &second));
        assert_eq!(added, Exponential { scale: 2, zero: 3, offset: -2, counts: vec![0, 2, 0, 9] });
        assert_eq!(series.cumulative((8 * HOUR, 8 * HOUR + 90), &first), Told::Known, "late, and in what followed");
        // The process began anew.
        let third = histogram(3, 0, &[2]);
        assert_eq!(new(series.cumulative((8 * HOUR + 150, 8 * HOUR + 180), &third)), third);
        // Without a new start, fewer measurements say the same.
        let fourth = histogram(3, 0, &[1]);
        assert_eq!(new(series.cumulative((8 * HOUR + 150, 8 * HOUR + 240), &fourth)), fourth);
    }

    #[test]
    fn what_was_measured_before_anybody_listened_is_a_baseline() {
        let mut series = Series::default();
        let old = histogram(0, 0, &[1_000_000]);
        assert_eq!(series.cumulative((0, 9 * HOUR), &old), Told::Baseline);
        assert_eq!(new(series.cumulative((0, 9 * HOUR + 60), &histogram(0, 0, &[1_000_002]))).total(), 2);
        // Two measurements moved to the bucket of zero: what is new among the others cannot be told.
        let moved = Exponential { zero: 5, ..histogram(0, 1, &[1_000_003]) };
        assert_eq!(series.cumulative((0, 9 * HOUR + 120), &moved), Told::Baseline);
    }

    #[test]
    fn points_of_a_delta_series_count_once_in_any_order() {
        let mut series = Series::default();
        let value = histogram(5, 7, &[3]);
        for (time, told) in [(60, true), (180, true), (120, true), (60, false), (120, false), (180, false)] {
            let expected = if told { Told::New(value.clone()) } else { Told::Known };
            assert_eq!(series.delta(time, &value), expected, "{time}");
        }
        for time in 0..REMEMBERED as u64 {
            new(series.delta(1_000 + time, &value));
        }
        assert_eq!(series.delta(180, &value), Told::TooLate, "nobody knows any more");
        let text = serde_json::to_string(&series).unwrap();
        assert_eq!(serde_json::from_str::<Series>(&text).unwrap(), series);
    }

    proptest! {
        #[test]
        fn whatever_is_sent_again_everything_is_counted_once(
            steps in prop::collection::vec((prop::collection::vec(0_u64..9, 1..6), -3_i32..4, 0_i32..5, any::<bool>()), 1..30),
        ) {
            let (mut series, mut all, mut counted) = (Series::default(), histogram(5, 0, &[0]), 0_u128);
            all.zero = 0;
            for (at, (counts, offset, scale, again)) in steps.into_iter().enumerate() {
                // More measurements, at places that the scale of the sender has.
                let more = Exponential { scale: 5, zero: 0, offset, counts };
                let (low, high) = (all.offset.min(offset), (all.offset + all.counts.len() as i32).max(offset + 6));
                let mut sum = vec![0; (high - low) as usize];
                for part in [&all, &more] {
                    for (place, count) in part.counts.iter().enumerate() {
                        sum[(part.offset - low) as usize + place] += count;
                    }
                }
                all = Exponential { scale: 5, zero: 0, offset: low, counts: sum };
                let time = 60 * (at as u64 + 1);
                let sent = all.downscaled(scale);
                if let Told::New(value) = series.cumulative((0, time), &sent) {
                    counted += value.total();
                }
                if again {
                    prop_assert_eq!(series.cumulative((0, time), &sent), Told::Known);
                }
                prop_assert_eq!(counted, all.total());
            }
        }
    }
}
