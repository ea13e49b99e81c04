//! The state of a detector as bytes, so that who watches many series judges only the days that came since.
//!
//! ```text
//! version · first day · days · scales and distances · effects of days of the month · incident      about 10 KB
//! ```
//! A state that is read goes on as the one that was written would have, to the last bit. What the detector was told
//! (settings, announced days, holidays) is not in it: the reader says it again. Bytes of another version, or that are
//! cut, are no state; whether they are damaged inside is for who keeps them to find out.

use std::collections::{BTreeSet, VecDeque};

use leap_terms::{Day, Exact};

use super::Settings;
use super::detector::{Detector, Incident, Known};
use super::month::{Effect, MonthDays, PLACES};
use super::scale::{Kept, LEVELS, Scales, TESTS};

/// Of these bytes.
const VERSION: u8 = 2;
/// The most of anything that is kept.
const MOST: u32 = 4096;
/// Bytes of a day's distances.
const KEPT: usize = size_of::<Kept>();
/// In the byte before an amount: it has a fine part. Below are the bytes of the coarse one.
const FINE: u8 = 0x80;
/// In the byte before a day: it is set aside; it says how well it is known.
const ASIDE: u8 = 1;
const SPREAD: u8 = 2;

/// Writes.
pub(super) struct Out<'o>(pub(super) &'o mut Vec<u8>);

impl Out<'_> {
    fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    fn int(&mut self, value: i32) {
        self.0.extend(value.to_le_bytes());
    }

    fn count(&mut self, value: usize) {
        self.0.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn float(&mut self, value: f64) {
        self.0.extend(value.to_bits().to_le_bytes());
    }

    fn amount(&mut self, value: Exact) {
        // As many bytes as it takes: most amounts are small, and have no fine part.
        let (coarse, fine) = (value.coarse(), value.fine());
        let bits = 128 - (if coarse < 0 { !coarse } else { coarse }).leading_zeros() + 1;
        let length = bits.div_ceil(8);
        self.byte(length as u8 | if fine == 0 { 0 } else { FINE });
        self.0.extend(&coarse.to_le_bytes()[..length as usize]);
        if fine != 0 {
            self.0.extend(fine.to_le_bytes());
        }
    }

    fn day(&mut self, value: Option<Day>) {
        self.int(value.map_or(i32::MIN, Day::days));
    }
}

/// Reads.
pub(super) struct In<'i>(pub(super) &'i [u8]);

impl In<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_at_checked(N)?;
        self.0 = rest;
        taken.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn int(&mut self) -> Option<i32> {
        self.take().map(i32::from_le_bytes)
    }

    fn count(&mut self) -> Option<usize> {
        self.take().map(u32::from_le_bytes).filter(|count| *count <= MOST).map(|count| count as usize)
    }

    fn float(&mut self) -> Option<f64> {
        self.take().map(|bits| f64::from_bits(u64::from_le_bytes(bits)))
    }

    fn amount(&mut self) -> Option<Exact> {
        let begins = self.byte()?;
        let (taken, rest) = self.0.split_at_checked(usize::from(begins & !FINE))?;
        self.0 = rest;
        let is_negative = *taken.last()? >= 0x80;
        let mut bytes = [if is_negative { 0xff } else { 0 }; 16];
        bytes.get_mut(..taken.len())?.copy_from_slice(taken);
        let coarse = i128::from_le_bytes(bytes);
        let fine = if begins & FINE == 0 { 0 } else { i64::from_le_bytes(self.take()?) };
        (0..1_000_000_000_000).contains(&fine).then(|| Exact::from_parts(coarse, i128::from(fine)))
    }

    fn day(&mut self) -> Option<Option<Day>> {
        let days = self.int()?;
        if days == i32::MIN {
            return Some(None);
        }
        (Day::EARLIEST.days()..=Day::NEVER.days()).contains(&days).then(|| Some(Day::from_days(days)))
    }

    fn floats<const N: usize>(&mut self) -> Option<[f64; N]> {
        let mut all = [0.0; N];
        for place in &mut all {
            *place = self.float()?;
        }
        Some(all)
    }
}

impl Detector {
    /// Writes the state behind what is there.
    pub fn write(&self, to: &mut Vec<u8>) {
        let mut out = Out(to);
        out.byte(VERSION);
        out.count(self.count);
        out.day(self.changed);
        out.day(self.days.first().map(|known| known.day));
        out.count(self.days.len());
        for known in &self.days {
            let is_sure = known.spread.to_bits() == 0;
            out.byte(if known.aside { ASIDE } else { 0 } | if is_sure { 0 } else { SPREAD });
            out.amount(known.cost);
            out.float(known.log);
            if !is_sure {
                out.float(known.spread);
            }
        }
        out.count(self.scales.history.len());
        for kept in &self.scales.history {
            let mut day = [0; KEPT];
            for (place, value) in day.chunks_exact_mut(2).zip(kept.as_flattened()) {
                place.copy_from_slice(&value.to_le_bytes());
            }
            out.0.extend_from_slice(&day);
        }
        self.scales.scales.iter().flatten().chain(&self.scales.low_scales).for_each(|scale| out.float(*scale));
        self.scales.enough.iter().for_each(|enough| out.byte(u8::from(*enough)));
        self.month.write(&mut out);
        out.byte(u8::from(self.incident.is_some()));
        if let Some(incident) = &self.incident {
            out.day(Some(incident.alerted));
            out.float(incident.base);
            out.float(incident.departure);
            out.count(incident.near);
            out.day(incident.unsure.map(|(day, ..)| day));
            let (_, expected, score) = incident.unsure.unwrap_or((incident.alerted, 0.0, 0.0));
            out.float(expected);
            out.float(score);
        }
    }

    /// Reads a state from the front of some bytes, and moves on behind it. `None` where there is none of this version.
    pub fn read(settings: Settings, from: &mut &[u8]) -> Option<Detector> {
        let mut bytes = In(from);
        if bytes.byte()? != VERSION {
            return None;
        }
        let (count, changed, first) = (bytes.count()?, bytes.day()?, bytes.day()?);
        let length = bytes.count()?;
        let mut days = Vec::with_capacity(length + 1);
        for at in 0..length {
            let flags = bytes.byte()?;
            days.push(Known {
                day: first?.plus(at as i32),
                cost: bytes.amount()?,
                log: bytes.float()?,
                spread: if flags & SPREAD == 0 { 0.0 } else { bytes.float()? },
                aside: flags & ASIDE != 0,
            });
        }
        let length = bytes.count()?;
        let mut history = VecDeque::with_capacity(length + 1);
        for _ in 0..length {
            let day = bytes.take::<KEPT>()?;
            let mut kept = Kept::default();
            for (value, bytes) in kept.as_flattened_mut().iter_mut().zip(day.as_chunks().0) {
                *value = i16::from_le_bytes(*bytes);
            }
            history.push_back(kept);
        }
        let mut scales = Scales { history, ..Scales::new() };
        for row in &mut scales.scales {
            *row = bytes.floats::<LEVELS>()?;
        }
        scales.low_scales = bytes.floats::<LEVELS>()?;
        for enough in scales.enough.iter_mut().take(TESTS) {
            *enough = bytes.byte()? != 0;
        }
        let month = MonthDays::read(&mut bytes)?;
        let incident = if bytes.byte()? == 0 {
            None
        } else {
            let (alerted, base, departure, near) = (bytes.day()??, bytes.float()?, bytes.float()?, bytes.count()?);
            let (day, expected, score) = (bytes.day()?, bytes.float()?, bytes.float()?);
            Some(Incident { alerted, base, departure, near, unsure: day.map(|day| (day, expected, score)) })
        };
        *from = bytes.0;
        let announced = BTreeSet::new();
        Some(Detector { settings, announced, month, days, count, changed, scales, incident, phase: 0, path: None })
    }
}

impl MonthDays {
    fn write(&self, out: &mut Out<'_>) {
        out.byte(u8::from(self.dated));
        for seen in &self.seen {
            out.count(seen.len());
            for (distance, weekday) in seen {
                out.float(*distance);
                out.float(*weekday);
            }
        }
        for effect in &self.effect {
            let (kind, value) = match effect {
                Effect::None => (0, 0.0),
                Effect::Share(value) => (1, *value),
                Effect::Amount(value) => (2, *value),
            };
            out.byte(kind);
            out.float(value);
        }
        self.week.iter().for_each(|effect| out.float(*effect));
        out.count(self.holiday_seen.len());
        self.holiday_seen.iter().for_each(|distance| out.float(*distance));
    }

    fn read(bytes: &mut In<'_>) -> Option<MonthDays> {
        let mut month = MonthDays::new(bytes.byte()? != 0);
        for seen in &mut month.seen {
            for _ in 0..bytes.count()? {
                seen.push_back((bytes.float()?, bytes.float()?));
            }
        }
        for effect in month.effect.iter_mut().take(PLACES) {
            let (kind, value) = (bytes.byte()?, bytes.float()?);
            *effect = match kind {
                0 => Effect::None,
                1 => Effect::Share(value),
                2 => Effect::Amount(value),
                _ => return None,
            };
        }
        month.week = bytes.floats()?;
        for _ in 0..bytes.count()? {
            month.holiday_seen.push_back(bytes.float()?);
        }
        Some(month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_take_as_many_bytes_as_they_need_and_are_read_as_they_were() {
        let ends = [0, 1, -1, 127, 128, -128, -129, 255, 9 * 10_i128.pow(18), -(10_i128.pow(36)), 10_i128.pow(38) - 1];
        for coarse in ends {
            for fine in [0, 1, 999_999_999_999] {
                let amount = Exact::from_parts(coarse, fine);
                let mut bytes = Vec::new();
                Out(&mut bytes).amount(amount);
                let mut from = In(&bytes);
                assert_eq!(from.amount(), Some(amount), "{coarse} {fine}");
                assert!(from.0.is_empty(), "{coarse} {fine}");
            }
        }
        let mut bytes = Vec::new();
        Out(&mut bytes).amount(Exact::from_whole(9));
        assert_eq!(bytes.len(), 9);
        assert_eq!(In(&[]).amount(), None);
        assert_eq!(In(&[0]).amount(), None, "an amount has a byte at least");
        assert_eq!(
            In(&[17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).amount(),
            None,
            "17 bytes are too many"
        );
    }
}
