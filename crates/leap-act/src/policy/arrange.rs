//! What becomes of rows that are due at one destination: sent, held, or told together.
//!
//! Alerts go. Nudges wait for the end of quiet hours and for the time of digests; then those of one team go one by one
//! while its cap allows, and as one digest where there are more than that, or where digests are wanted. A team that had
//! its nudges waits, and so do the ones that come meanwhile.

use std::collections::BTreeMap;

use leap_terms::{Instant, MessageKind, TeamId};

use super::Manners;
use super::digest::fold;
use super::retry::Hold;
use crate::message::{Message, Urgency};

/// A row that is due.
#[derive(Clone, Copy, Debug)]
pub struct Due<'a> {
    /// What it says.
    pub message: &'a Message,
    /// When it was written: the time of digests that comes next is its own, however long it is held for other reasons.
    pub written: Instant,
    /// True where it was tried already: what may have been seen is not put into a digest, which has another key.
    pub tried: bool,
}

/// What is to be done with rows, named by their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Send it.
    Send(usize),
    /// Let it wait.
    Hold(usize, Instant, Hold),
    /// End these, and write this one in their place.
    Fold(Vec<usize>, Box<Message>),
}

/// Arranges rows in the order in which they stand. `delivered` says when nudges were delivered to a unit there.
pub fn arrange(
    due: &[Due<'_>],
    manners: &Manners,
    delivered: &BTreeMap<TeamId, Vec<Instant>>,
    now: Instant,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut waiting: BTreeMap<&TeamId, Vec<usize>> = BTreeMap::new();
    let quiet = manners.quiet.and_then(|quiet| quiet.ends(now));
    for (at, row) in due.iter().enumerate() {
        let content = row.message.content();
        if content.urgency == Urgency::Alert {
            steps.push(Step::Send(at));
            continue;
        }
        if let Some(ends) = quiet {
            steps.push(Step::Hold(at, ends, Hold::Quiet));
            continue;
        }
        let time = manners.digest.filter(|_| content.kind != MessageKind::DigestMade && !row.tried);
        match time.map(|times| times.next(row.written)).filter(|time| *time > now) {
            Some(time) => steps.push(Step::Hold(at, time, Hold::Digest)),
            None => waiting.entry(&content.unit).or_default().push(at),
        }
    }
    for (unit, rows) in waiting {
        let before = delivered.get(unit).map_or(&[][..], Vec::as_slice);
        let left = match manners.cap.map(|cap| cap.left(before, now)) {
            None => usize::MAX,
            Some(Ok(left)) => left as usize,
            Some(Err(then)) => {
                steps.extend(rows.iter().map(|at| Step::Hold(*at, then, Hold::Cap)));
                continue;
            }
        };
        // Digests, and what was tried, go as they are.
        let (alone, open): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|at| due[**at].tried || due[**at].message.content().kind == MessageKind::DigestMade);
        let together = manners.digest.is_some() || rows.len() > left;
        let messages: Vec<&Message> = open.iter().map(|at| due[*at].message).collect();
        let digest = if together { fold(&messages, now) } else { None };
        let mut going = alone;
        match digest {
            Some(digest) => steps.push(Step::Fold(open, Box::new(digest))),
            None => going.extend(open),
        }
        for (count, at) in going.into_iter().enumerate() {
            steps.push(match manners.cap {
                Some(cap) if count >= left => {
                    // As if the ones before it were delivered now.
                    let mut all = before.to_vec();
                    all.extend(std::iter::repeat_n(now, left));
                    Step::Hold(at, cap.left(&all, now).err().unwrap_or(now), Hold::Cap)
                }
                _ => Step::Send(at),
            });
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::{Cap, DigestTimes, QuietHours, Zone, at};
    use super::*;
    use crate::message::tests::message;

    fn nudge(unit: &str, subject: &str) -> Message {
        message(|content| {
            content.kind = MessageKind::OpportunityFound;
            content.urgency = Urgency::Nudge;
            content.unit = TeamId::new(unit).unwrap();
            content.subject = subject.to_owned();
        })
    }

    /// The steps in words: `send 0`, `quiet 1 until …`, `digest of 1 2`.
    fn arranged(rows: &[(&Message, bool)], manners: &Manners, delivered: &[&str], now: &str) -> Vec<String> {
        let written = at("2026-09-17T06:00:00Z");
        let due: Vec<Due<'_>> = rows.iter().map(|(message, tried)| Due { message, written, tried: *tried }).collect();
        let delivered = BTreeMap::from([(
            TeamId::new("payments").unwrap(),
            delivered.iter().map(|text| at(text)).collect::<Vec<_>>(),
        )]);
        let mut words: Vec<String> = arrange(&due, manners, &delivered, at(now))
            .into_iter()
            .map(|step| match step {
                Step::Send(at) => format!("send {at}"),
                Step::Hold(at, until, hold) => format!("{hold:?} {at} {until}"),
                Step::Fold(rows, digest) => format!("fold {rows:?} {}", digest.content().title),
            })
            .collect();
        words.sort();
        words
    }

    #[test]
    fn alerts_go_and_nudges_have_manners() {
        let alert = message(|_| {});
        let (a, b, c) = (nudge("payments", "a"), nudge("payments", "b"), nudge("search", "c"));
        let rows = [(&alert, false), (&a, false), (&b, false), (&c, false)];
        let now = "2026-09-17T08:00:00Z";
        let none = Manners::default();
        assert_eq!(arranged(&rows, &none, &[], now), ["send 0", "send 1", "send 2", "send 3"]);

        let quiet = QuietHours { from: 20 * 60, until: 9 * 60, weekends: false, zone: Zone::UTC };
        let quiet = Manners { quiet: Some(quiet), ..none.clone() };
        let until = "2026-09-17T09:00:00Z";
        let wanted =
            [format!("Quiet 1 {until}"), format!("Quiet 2 {until}"), format!("Quiet 3 {until}"), "send 0".to_owned()];
        assert_eq!(arranged(&rows, &quiet, &[], now), wanted);

        let digest = DigestTimes { minute: 7 * 60, weekday: None, zone: Zone::UTC };
        let digest = Manners { digest: Some(digest), ..none.clone() };
        let held = "2026-09-17T07:00:00Z";
        let wanted =
            [format!("Digest 1 {held}"), format!("Digest 2 {held}"), format!("Digest 3 {held}"), "send 0".to_owned()];
        assert_eq!(arranged(&rows, &digest, &[], "2026-09-17T06:30:00Z"), wanted);
        assert_eq!(arranged(&rows, &digest, &[], now), ["fold [1, 2] 2 things for payments", "send 0", "send 3"]);

        // A time of digests in quiet hours: after them, not at the next one.
        let both = Manners { quiet: quiet.quiet, ..digest.clone() };
        assert_eq!(arranged(&rows[1..2], &both, &[], "2026-09-17T07:00:00Z"), [format!("Quiet 0 {until}")]);
        assert_eq!(arranged(&rows[1..2], &both, &[], until), ["send 0"]);

        let cap = Manners { cap: Some(Cap { nudges: 1, days: 7 }), ..none };
        assert_eq!(arranged(&rows, &cap, &[], now), ["fold [1, 2] 2 things for payments", "send 0", "send 3"]);
        let then = "2026-09-23T00:00:00Z";
        assert_eq!(
            arranged(&rows, &cap, &["2026-09-16T00:00:00Z"], now),
            [format!("Cap 1 {then}"), format!("Cap 2 {then}"), "send 0".to_owned(), "send 3".to_owned()]
        );
        // What may have been seen is not told again in a digest.
        let tried = [(&a, true), (&b, false)];
        assert_eq!(arranged(&tried, &cap, &[], now), ["Cap 1 2026-09-24T08:00:00Z", "send 0"]);
        // A digest is not put into another one.
        let made = fold(&[&a, &b], at(now)).unwrap();
        let other = nudge("payments", "d");
        let rows = [(&made, false), (&other, false)];
        assert_eq!(arranged(&rows, &digest, &[], now), ["send 0", "send 1"]);
    }
}
