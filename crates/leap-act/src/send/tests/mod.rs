//! Kills between any two steps of a delivery, against an outbox in memory and a receiver that honors dedup keys:
//! nothing is lost, nothing is seen twice, and what belongs together arrives in its order.

mod doubles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leap_terms::{Instant, MessageKind, TeamId};
use proptest::prelude::*;

use super::*;
use crate::channels::{Channel, Sending};
use crate::message::tests::message;
use crate::message::{Incident, Message, Urgency};
use crate::policy::{Cap, Cause, DigestTimes, Hold, Jitter, Manners, Next, Outcome, QuietHours, Zone, at, later};
use doubles::{Fuse, Memory, Mood, Present, Receiver, ToReceiver};

const START: &str = "2026-09-17T08:00:00Z";

fn nudge(unit: &str, subject: &str) -> Message {
    message(|content| {
        content.kind = MessageKind::OpportunityFound;
        content.urgency = Urgency::Nudge;
        content.unit = TeamId::new(unit).unwrap();
        content.subject = subject.to_owned();
        content.title = format!("{unit} {subject}");
    })
}

fn of_incident(kind: MessageKind, id: &str) -> Message {
    message(|content| {
        content.kind = kind;
        content.subject = id.to_owned();
        content.incident = Some(Incident { id: id.to_owned(), opened: content.occurred });
    })
}

/// Alerts, nudges of two teams and two incidents, to two destinations.
fn messages() -> Vec<(&'static str, Message)> {
    let mut all = Vec::new();
    for name in ["one", "two"] {
        for id in ["i-1", "i-2"] {
            all.push((name, of_incident(MessageKind::IncidentOpened, id)));
        }
        for subject in ["a", "b", "c"] {
            all.push((name, nudge("payments", subject)));
        }
        all.push((name, nudge("search", "d")));
        all.push((name, message(|_| {})));
        for id in ["i-2", "i-1"] {
            all.push((name, of_incident(MessageKind::IncidentAcknowledged, id)));
            all.push((name, of_incident(MessageKind::IncidentResolved, id)));
        }
    }
    all
}

fn manners(which: usize) -> Manners {
    let zone = Zone::UTC;
    match which {
        0 => Manners::default(),
        1 => Manners { cap: Some(Cap { nudges: 1, days: 1 }), ..Manners::default() },
        2 => Manners { digest: Some(DigestTimes { minute: 600, weekday: None, zone }), ..Manners::default() },
        _ => Manners {
            quiet: Some(QuietHours { from: 0, until: 540, weekends: true, zone }),
            cap: Some(Cap { nudges: 2, days: 2 }),
            digest: None,
        },
    }
}

/// Runs processes one after the other, each for so many steps, until all is settled; gives what was seen by
/// destination.
fn run(which: usize, kills: &[u32], moods: &[Mood]) -> (Memory, BTreeMap<&'static str, Arc<Receiver>>) {
    let mut now = at(START);
    let outbox = Memory::new(messages(), now);
    // Some are written later, when others were tried already.
    for (name, subject) in [("one", "late"), ("one", "later"), ("two", "late")] {
        for unit in ["payments", "search"] {
            outbox.rows.lock().unwrap().push(Memory::row(name, nudge(unit, subject), later(now, 600)));
        }
    }
    let receivers: BTreeMap<&'static str, Arc<Receiver>> = ["one", "two"]
        .into_iter()
        .map(|name| {
            let receiver = Receiver {
                fuse: Mutex::new(Fuse::new(u32::MAX)),
                moods: Mutex::new(moods.to_vec()),
                came: Mutex::default(),
                seen: Mutex::default(),
            };
            (name, Arc::new(receiver))
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut kills = kills.iter().copied();
    for turn in 0..1_000 {
        let fuse = Fuse::new(kills.next().unwrap_or(u32::MAX));
        *outbox.fuse.lock().unwrap() = fuse.clone();
        let mut destinations = BTreeMap::new();
        for (name, receiver) in &receivers {
            *receiver.fuse.lock().unwrap() = fuse.clone();
            let channel = Box::new(ToReceiver(receiver.clone()));
            destinations.insert((*name).to_owned(), Destination { channel, manners: manners(which) });
        }
        // A new process remembers nothing.
        let courier = Courier::new(destinations);
        let given = Present(now);
        let done = runtime.block_on(async {
            tokio::select! {
                biased;
                done = courier.deliver(&outbox, &given) => Some(done.unwrap().len()),
                () = fuse.0.1.notified() => None,
            }
        });
        if outbox.states().iter().all(|state| state != "waits") {
            return (outbox, receivers);
        }
        // After a kill the next process may start at once, or after the leases.
        let seconds = match done {
            None if turn % 2 == 0 => 1,
            Some(0) => 3_600,
            None | Some(_) => 901,
        };
        now = later(now, seconds);
    }
    panic!("not settled after 1,000 turns: {:?}", outbox.states());
}

/// Everything was said once: alone or in one digest, in the order of each incident.
fn check(outbox: &Memory, receivers: &BTreeMap<&'static str, Arc<Receiver>>) -> Result<(), TestCaseError> {
    let rows = outbox.rows.lock().unwrap();
    for (name, receiver) in receivers {
        let seen = receiver.seen.lock().unwrap();
        let mut keys = BTreeSet::new();
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        for message in seen.iter() {
            prop_assert!(keys.insert(message.key().clone()), "{} was shown twice", message.key());
            let content = message.content();
            match content.kind {
                MessageKind::DigestMade => {
                    content.sentences.iter().for_each(|title| *told.entry(title.clone()).or_default() += 1)
                }
                MessageKind::OpportunityFound => *told.entry(content.title.clone()).or_default() += 1,
                _ => {}
            }
        }
        for (title, count) in &told {
            prop_assert_eq!(*count, 1, "{} was told {} times", title, count);
        }
        let mut lasts: BTreeMap<&str, usize> = BTreeMap::new();
        for message in seen.iter() {
            let Some(incident) = &message.content().incident else { continue };
            let order = [MessageKind::IncidentOpened, MessageKind::IncidentAcknowledged, MessageKind::IncidentResolved];
            let place = order.iter().position(|kind| *kind == message.content().kind).unwrap();
            let last = lasts.insert(&incident.id, place);
            prop_assert!(last.is_none_or(|last| last < place), "{} out of order", message.key());
        }
        for row in rows.iter().filter(|row| row.destination == *name) {
            let ended = row.ended.clone().unwrap_or_default();
            let was_seen = keys.contains(row.message.key());
            match ended.as_str() {
                "done" => prop_assert!(was_seen, "{} is lost", row.message.key()),
                "dead: refused" => {}
                folded if folded.starts_with("folded into ") => {
                    prop_assert!(!was_seen, "{} was told alone and in a digest", row.message.key());
                }
                other => prop_assert!(false, "{}: {}", row.message.key(), other),
            }
        }
    }
    Ok(())
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        4 => Just(Mood::Takes),
        3 => Just(Mood::TakesAndCuts),
        1 => Just(Mood::Busy),
        1 => Just(Mood::Broken),
        1 => Just(Mood::Gone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn kills_lose_nothing_and_show_nothing_twice(
        which in 0_usize..4,
        kills in prop::collection::vec(0_u32..90, 0..12),
        moods in prop::collection::vec(mood(), 0..20),
    ) {
        let (outbox, receivers) = run(which, &kills, &moods);
        check(&outbox, &receivers)?;
        let dead = outbox.states().iter().filter(|state| state.starts_with("dead")).count();
        prop_assert_eq!(dead, 0);
    }
}

/// One kill at each step that a whole delivery has.
#[test]
fn a_kill_at_each_step_changes_nothing() {
    let mut points = 0;
    for which in 0..4 {
        for kill in 0..140 {
            let (outbox, receivers) = run(which, &[kill], &[Mood::TakesAndCuts, Mood::Takes, Mood::Broken]);
            check(&outbox, &receivers).unwrap();
            points += 1;
        }
    }
    assert_eq!(points, 560);
}

#[test]
fn what_is_refused_is_a_dead_letter_and_the_rest_goes_on() {
    let (outbox, receivers) = run(0, &[], &[Mood::Refuses]);
    check(&outbox, &receivers).unwrap();
    let states = outbox.states();
    assert_eq!(states.iter().filter(|state| *state == "dead: refused").count(), 2);
    assert_eq!(states.iter().filter(|state| *state == "done").count(), states.len() - 2);
}

#[tokio::test]
async fn receipts_say_what_became_of_each_row() {
    let outbox = Memory::new(vec![("gone", message(|_| {})), ("one", nudge("payments", "a"))], at(START));
    let receiver = Arc::new(Receiver {
        fuse: Mutex::new(Fuse::new(u32::MAX)),
        moods: Mutex::new(vec![Mood::Busy]),
        came: Mutex::default(),
        seen: Mutex::default(),
    });
    let quiet = QuietHours { from: 0, until: 540, weekends: false, zone: Zone::UTC };
    let manners = Manners { quiet: Some(quiet), ..Manners::default() };
    let destination = Destination { channel: Box::new(ToReceiver(receiver)), manners };
    let courier = Courier::new(BTreeMap::from([("one".to_owned(), destination)]));
    let mut receipts = courier.deliver(&outbox, &Present(at(START))).await.unwrap();
    receipts.sort_by_key(|receipt| receipt.row);
    let nexts: Vec<_> = receipts.iter().map(|receipt| receipt.next.clone()).collect();
    let nine = at("2026-09-17T09:00:00Z");
    assert_eq!(nexts, [Next::Dead("leap.toml has no channel gone".to_owned()), Next::Held(nine, Hold::Quiet)]);
    let receipts = courier.deliver(&outbox, &Present(nine)).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!((receipts[0].attempt, &receipts[0].outcome), (1, &Some(Outcome::failed(Cause::Busy, "busy"))));
    assert_eq!(receipts[0].next, Next::Again(at("2026-09-17T09:00:10Z")));
    assert!(courier.deliver(&outbox, &Present(nine)).await.unwrap().is_empty());
}

/// The program ends.
struct Ending(Instant);

impl Given for Ending {
    fn now(&self) -> Instant {
        self.0
    }

    fn jitter(&self) -> Jitter {
        Jitter(0)
    }

    fn is_over(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn what_was_claimed_when_the_program_ends_is_given_back() {
    let outbox = Memory::new(vec![("one", message(|_| {})), ("one", nudge("payments", "a"))], at(START));
    let receiver = Arc::new(Receiver {
        fuse: Mutex::new(Fuse::new(u32::MAX)),
        moods: Mutex::default(),
        came: Mutex::default(),
        seen: Mutex::default(),
    });
    let channel = Box::new(ToReceiver(receiver.clone()));
    let destination = Destination { channel, manners: Manners::default() };
    let courier = Courier::new(BTreeMap::from([("one".to_owned(), destination)]));
    let receipts = courier.deliver(&outbox, &Ending(at(START))).await.unwrap();
    assert!(receipts.iter().all(|receipt| receipt.next == Next::Held(at(START), Hold::Lease)), "{receipts:?}");
    assert!(receiver.came.lock().unwrap().is_empty());
    // The next process has them at once, as if nobody had tried them.
    let receipts = courier.deliver(&outbox, &Present(at(START))).await.unwrap();
    assert_eq!(
        receipts.iter().map(|receipt| (receipt.attempt, &receipt.next)).collect::<Vec<_>>(),
        [(1, &Next::Done), (1, &Next::Done)]
    );
}

/// A destination that fails is left alone, and its messages die after their day, not before.
#[tokio::test]
async fn a_destination_that_is_gone_is_spared_and_its_messages_die_after_a_day() {
    let many: Vec<_> = (0..20).map(|number| ("one", nudge("payments", &number.to_string()))).collect();
    let outbox = Memory::new(many, at(START));
    let receiver = Arc::new(Receiver {
        fuse: Mutex::new(Fuse::new(u32::MAX)),
        moods: Mutex::new(vec![Mood::Gone; 10_000]),
        came: Mutex::default(),
        seen: Mutex::default(),
    });
    let destination = Destination { channel: Box::new(ToReceiver(receiver.clone())), manners: Manners::default() };
    let courier = Courier::new(BTreeMap::from([("one".to_owned(), destination)]));
    let mut now = at(START);
    let first = courier.deliver(&outbox, &Present(now)).await.unwrap();
    let tried = first.iter().filter(|receipt| receipt.outcome.is_some()).count();
    assert_eq!((first.len(), tried), (20, 5));
    while outbox.states().iter().any(|state| state == "waits") {
        assert!(now <= at("2026-09-18T08:01:00Z"), "{:?}", outbox.states());
        now = later(now, 60);
        courier.deliver(&outbox, &Present(now)).await.unwrap();
    }
    assert!(now >= at("2026-09-18T08:00:00Z"));
    assert!(outbox.states().iter().all(|state| state.starts_with("dead: ")));
    let attempts = 10_000 - receiver.moods.lock().unwrap().len();
    // 20 messages of 30 attempts each would be 600.
    assert!((20..200).contains(&attempts), "{attempts}");
    assert_eq!(Duration::ZERO, ToReceiver(receiver).pace());
}

/// `leap serve` carries messages on any thread.
#[test]
fn a_delivery_may_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    let outbox = Memory::new(Vec::new(), at(START));
    let given = Present(at(START));
    let courier = Courier::new(BTreeMap::new());
    moves(&courier);
    moves(&courier.deliver(&outbox, &given));
}

/// A channel so slow that the lease ends meanwhile, and another process sends the row.
struct Overtaken {
    receiver: Arc<Receiver>,
    outbox: Arc<Memory>,
}

impl Channel for Overtaken {
    fn send<'a>(&'a self, message: &'a Message, attempt: u32, now: Instant) -> Sending<'a> {
        Box::pin(async move {
            let channel = Box::new(ToReceiver(self.receiver.clone()));
            let destination = Destination { channel, manners: Manners::default() };
            let other = Courier::new(BTreeMap::from([("one".to_owned(), destination)]));
            // While the lease lasts there is nothing to claim.
            assert!(other.deliver(&*self.outbox, &Present(later(now, 899))).await.unwrap().is_empty());
            assert_eq!(other.deliver(&*self.outbox, &Present(later(now, 901))).await.unwrap().len(), 1);
            ToReceiver(self.receiver.clone()).send(message, attempt, now).await
        })
    }
}

#[tokio::test]
async fn a_process_that_lost_its_lease_records_nothing() {
    let outbox = Arc::new(Memory::new(vec![("one", message(|_| {}))], at(START)));
    let receiver = Arc::new(Receiver {
        fuse: Mutex::new(Fuse::new(u32::MAX)),
        // The one that comes first gets through; the one that comes late is refused, and must not end the row.
        moods: Mutex::new(vec![Mood::Refuses, Mood::Takes]),
        came: Mutex::default(),
        seen: Mutex::default(),
    });
    let channel = Box::new(Overtaken { receiver: receiver.clone(), outbox: outbox.clone() });
    let destination = Destination { channel, manners: Manners::default() };
    let courier = Courier::new(BTreeMap::from([("one".to_owned(), destination)]));
    assert!(courier.deliver(&*outbox, &Present(at(START))).await.unwrap().is_empty());
    assert_eq!(outbox.states(), ["done"]);
    assert_eq!(receiver.seen.lock().unwrap().len(), 1);
}
