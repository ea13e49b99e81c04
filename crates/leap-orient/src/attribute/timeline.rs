//! Answers over time: who owns it from which day to which, and what made it so.

use hashbrown::HashMap;
use leap_terms::{Day, Period};

/// No rule, no evidence.
pub(super) const NONE: u32 = u32::MAX;

/// One period of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Segment {
    pub(super) from: Day,
    pub(super) until: Day,
    pub(super) owner: u32,
    pub(super) rule: u32,
    pub(super) evidence: u32,
}

/// Fills all time, first come first served. Made once and used for case after case, to spare allocations.
#[derive(Default)]
pub(super) struct Filling {
    open: Vec<Period>,
    still: Vec<Period>,
    segments: Vec<Segment>,
}

impl Filling {
    /// Starts anew: no day has an answer.
    pub(super) fn start(&mut self) {
        self.open.clear();
        self.open.push(Period::ALWAYS);
        self.segments.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.is_empty()
    }

    /// True when some day of the period has no answer yet.
    pub(super) fn wants(&self, period: Period) -> bool {
        self.open.iter().any(|open| open.intersection(period).is_some())
    }

    /// Gives the days of the period that have no answer yet this one.
    pub(super) fn put(&mut self, period: Period, owner: u32, rule: u32, evidence: u32) {
        self.still.clear();
        for open in self.open.drain(..) {
            match open.intersection(period) {
                None => self.still.push(open),
                Some(taken) => {
                    self.segments.push(Segment { from: taken.from(), until: taken.until(), owner, rule, evidence });
                    self.still.extend(Period::new(open.from(), taken.from()));
                    self.still.extend(Period::new(taken.until(), open.until()));
                }
            }
        }
        std::mem::swap(&mut self.open, &mut self.still);
    }

    /// The timeline: every day once, equal neighbors merged.
    pub(super) fn finish(&mut self, otherwise: u32) -> &[Segment] {
        if !self.is_full() {
            self.put(Period::ALWAYS, otherwise, NONE, NONE);
        }
        self.segments.sort_unstable_by_key(|segment| segment.from);
        self.segments.dedup_by(|next, last| {
            assert_eq!(last.until, next.from, "a timeline has no gap");
            let same = (last.owner, last.rule, last.evidence) == (next.owner, next.rule, next.evidence);
            if same {
                last.until = next.until;
            }
            same
        });
        &self.segments
    }
}

/// Distinct timelines, numbered.
#[derive(Default)]
pub(super) struct Timelines {
    all: Vec<Box<[Segment]>>,
    numbers: HashMap<Box<[Segment]>, u32>,
}

impl Timelines {
    pub(super) fn intern(&mut self, timeline: &[Segment]) -> u32 {
        match self.numbers.get(timeline) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.all.len()).expect("fewer than 2^32 timelines");
                self.all.push(timeline.into());
                self.numbers.insert(timeline.into(), number);
                number
            }
        }
    }

    pub(super) fn get(&self, number: u32) -> &[Segment] {
        &self.all[number as usize]
    }

    /// The segment of a day; days outside all time belong to the nearest end.
    pub(super) fn on(&self, number: u32, day: Day) -> &Segment {
        let timeline = self.get(number);
        let at = timeline.partition_point(|segment| segment.until <= day);
        &timeline[at.min(timeline.len() - 1)]
    }
}
