//! Digests: several nudges of one team as one message.
//!
//! A digest is written into the outbox in the same transaction that ends the nudges inside it, so that each is told
//! once: alone or in one digest. Its key is made of theirs, so two digests are one only where they say the same.

use leap_terms::{DedupKey, Digest, Instant, MessageKind};

use super::later;
use super::zone::Zone;
use crate::limits;
use crate::message::{Content, Link, Message, Urgency};

/// When digests go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DigestTimes {
    /// Minute of the local day.
    pub minute: u32,
    /// Only on this weekday (0 is Sunday); every day without it.
    pub weekday: Option<u32>,
    /// Whose local day.
    pub zone: Zone,
}

impl DigestTimes {
    /// The first such time at or after an instant.
    pub fn next(&self, from: Instant) -> Instant {
        let start = from.micros().div_euclid(60_000_000);
        let start = start + i64::from(from.micros().rem_euclid(60_000_000) != 0);
        let minute = |count: i64| later(Instant::from_micros(0), (start + count) * 60);
        let fits = |at: &Instant| {
            let (_, weekday, minute) = self.zone.local(*at);
            minute == self.minute && self.weekday.is_none_or(|wanted| wanted == weekday)
        };
        // A local minute that the clock leaves out comes a week later at the latest.
        (0..=15 * 24 * 60).map(minute).find(fits).unwrap_or(from)
    }
}

/// One message that says what several nudges of one unit say; `None` where there are fewer than two.
pub fn fold(nudges: &[&Message], now: Instant) -> Option<Message> {
    let [first, _, ..] = nudges else { return None };
    let mut keys: Vec<&str> = nudges.iter().map(|nudge| nudge.key().as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let digest = Digest::of(keys.join("\n").as_bytes()).to_string();
    let subject: String = digest.chars().take(16).collect();
    let unit = first.content().unit.clone();
    let mut sentences: Vec<String> = nudges.iter().map(|nudge| nudge.content().title.clone()).collect();
    if sentences.len() > limits::SENTENCES {
        let more = sentences.len() - (limits::SENTENCES - 1);
        sentences.truncate(limits::SENTENCES - 1);
        sentences.push(format!("And {more} more."));
    }
    // The first link of a nudge is its next step.
    let links = nudges.iter().filter_map(|nudge| {
        let link = nudge.content().links.first()?;
        Some(Link { label: nudge.content().title.clone(), address: link.address.clone() })
    });
    let content = Content {
        kind: MessageKind::DigestMade,
        title: format!("{} things for {unit}", nudges.len()),
        period: now.day().to_string(),
        subject: subject.clone(),
        occurred: now,
        severity: nudges.iter().map(|nudge| nudge.content().severity).max()?,
        urgency: Urgency::Nudge,
        sentences,
        fields: Vec::new(),
        links: links.take(limits::LINKS).collect(),
        answers: Vec::new(),
        snapshot: None,
        incident: None,
        unit,
    };
    // Without the day: the same nudges are the same digest, whenever it is made.
    let key = DedupKey::of(&[MessageKind::DigestMade.word(), content.unit.as_str(), &subject]);
    Message::with_key(key, content).ok()
}

#[cfg(test)]
mod tests {
    use super::super::at;
    use super::*;
    use crate::message::tests::message;
    use crate::message::{Answer, Severity};

    #[test]
    fn digests_go_out_at_their_times() {
        let berlin: Zone = "CET-1CEST,M3.5.0,M10.5.0/3".parse().unwrap();
        let daily = DigestTimes { minute: 9 * 60, weekday: None, zone: berlin };
        let mondays = DigestTimes { weekday: Some(1), ..daily };
        let cases = [
            (daily, "2026-09-17T06:59:59Z", "2026-09-17T07:00:00Z"),
            (daily, "2026-09-17T07:00:00Z", "2026-09-17T07:00:00Z"),
            (daily, "2026-09-17T07:00:00.000001Z", "2026-09-18T07:00:00Z"),
            (mondays, "2026-09-17T07:00:00Z", "2026-09-21T07:00:00Z"),
            (mondays, "2026-10-24T07:00:00Z", "2026-10-26T08:00:00Z"),
            // 02:30 is left out in the night in which summer time begins.
            (DigestTimes { minute: 150, ..daily }, "2026-03-28T23:00:00Z", "2026-03-30T00:30:00Z"),
        ];
        for (times, from, wanted) in cases {
            assert_eq!(times.next(at(from)), at(wanted), "{times:?} {from}");
        }
    }

    #[test]
    fn nudges_of_a_team_become_one_message() {
        let nudge = |subject: &str, severity| {
            message(|content| {
                content.kind = MessageKind::OpportunityFound;
                content.subject = subject.to_owned();
                content.title = format!("{subject} is idle");
                content.severity = severity;
                content.urgency = Urgency::Nudge;
                content.answers = vec![Answer::NotMine];
            })
        };
        let (one, two) = (nudge("i-1", Severity::Info), nudge("i-2", Severity::Warning));
        let now = at("2026-09-17T07:00:00Z");
        let made = fold(&[&one, &two], now).unwrap();
        let content = made.content();
        assert_eq!(
            (content.kind, content.severity, content.urgency),
            (MessageKind::DigestMade, Severity::Warning, Urgency::Nudge)
        );
        assert_eq!((content.title.as_str(), content.sentences.len()), ("2 things for payments", 2));
        assert_eq!((content.links[1].label.as_str(), content.answers.len()), ("i-2 is idle", 0));
        assert_eq!(made.key(), fold(&[&two, &one], at("2026-09-18T07:00:00Z")).unwrap().key());
        let three = nudge("i-3", Severity::Info);
        assert_ne!(made.key(), fold(&[&one, &two, &three], now).unwrap().key());
        assert_eq!(fold(&[&one], now), None);
        let many: Vec<Message> = (0..40).map(|at| nudge(&format!("i-{at}"), Severity::Info)).collect();
        let many = fold(&many.iter().collect::<Vec<_>>(), now).unwrap();
        assert_eq!((many.content().sentences.len(), many.content().links.len()), (20, 10));
        assert_eq!(many.content().sentences[19], "And 21 more.");
    }
}
