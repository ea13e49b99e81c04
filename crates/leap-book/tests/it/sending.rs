//! Messages on their way out, schedules, and who alone may do what.

use std::collections::BTreeMap;
use std::time::Duration;

use leap_book::{
    Act, Book, BookError, Cancellation, ClaimedAttempt, ClaimedMessage, FindingKind, Fold, Lease, MessageFilter,
    MessageState, MessageUrgency, NewMessage, OutboxMessage, Refusal, ScheduleRun, SendClaim, SendEnd, SendOutcome,
    SendReport,
};

use crate::acting::{act, claim as claim_at, message, team, with_a_snapshot};
use crate::database::{Database, tamper};
use crate::samples::at;

const MINUTE: Duration = Duration::from_secs(60);

fn refused<T: std::fmt::Debug>(result: Result<T, BookError>) -> Refusal {
    match result {
        Err(BookError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn report(claimed: &ClaimedMessage, holder: &str, minute: i64, outcome: SendOutcome) -> SendReport {
    SendReport {
        message: claimed.message.number,
        attempt: claimed.attempt,
        holder: holder.to_owned(),
        at: at(minute),
        outcome,
        answer: Some("503 busy".to_owned()),
    }
}

async fn with_messages(database: &Database<'_>, messages: Vec<NewMessage>) -> Book {
    let book = with_a_snapshot(&database.url().await).await;
    book.act(&Act { messages, ..act("messages", -1) }).await.unwrap();
    book
}

fn stands(message: &OutboxMessage) -> (&'static str, i64, i64, leap_terms::Instant) {
    (message.state.word(), message.attempts, message.tries, message.next_at)
}

pub(crate) async fn a_message_is_tried_until_it_is_sent_or_dead(database: &Database<'_>) {
    let later = NewMessage { not_before: Some(at(30)), ..message("later") };
    let book = with_messages(database, vec![message("now"), later, message("other")]).await;
    let claim = |minute, limit| {
        let book = &book;
        async move { book.claim_due(&claim_at(minute, "host", limit)).await.unwrap() }
    };
    assert!(claim(-1, 9).await.is_empty(), "nothing is due before it was said");
    let first = claim(1, 1).await.remove(0);
    assert_eq!((first.message.number, first.attempt, first.tries, first.until), (1, 1, 1, at(2)));
    assert_eq!((first.message.plan, first.message.created_at), (1, at(0)));
    let second = claim(1, 9).await;
    assert_eq!(
        second.iter().map(|one| one.message.number).collect::<Vec<_>>(),
        [3],
        "the one that is due and nobody's"
    );
    let leased = book.message(1).await.unwrap();
    assert_eq!(leased.lease, Some(Lease { holder: "host".to_owned(), until: at(2) }));

    let again = book.record_sending(&report(&first, "host", 1, SendOutcome::Again { at: at(5) })).await.unwrap();
    assert_eq!((stands(&again), again.lease.clone()), (("waiting", 1, 1, at(5)), None));
    assert_eq!((book.message(1).await.unwrap(), again.last_answer.as_deref()), (again.clone(), Some("503 busy")));
    // The same report once more does nothing; another one of the same attempt is refused.
    book.record_sending(&report(&first, "host", 3, SendOutcome::Again { at: at(99) })).await.unwrap();
    assert_eq!(book.message(1).await.unwrap(), again);
    let twice = book.record_sending(&report(&first, "host", 3, SendOutcome::Dead)).await;
    assert_eq!(refused(twice), Refusal::AttemptEnded { message: 1, attempt: 1, outcome: "again" });
    for (holder, attempt) in [("eve", 1), ("host", 2)] {
        let wrong = SendReport { attempt, ..report(&first, holder, 3, SendOutcome::Sent) };
        let expected = Refusal::NoAttempt { message: 1, attempt, holder: holder.to_owned() };
        assert_eq!(refused(book.record_sending(&wrong).await), expected);
    }
    book.record_sending(&report(&second[0], "host", 2, SendOutcome::Sent)).await.unwrap();
    assert!(claim(4, 9).await.is_empty());
    // Held back: the attempt is on record, and counts as no try.
    let held = claim(5, 9).await.remove(0);
    assert_eq!((held.attempt, held.tries), (2, 2));
    let kept =
        book.record_sending(&report(&held, "host", 5, SendOutcome::Held { until: at(20), anew: false })).await.unwrap();
    assert_eq!(stands(&kept), ("waiting", 2, 1, at(20)));
    let last = claim(20, 9).await.remove(0);
    assert_eq!((last.attempt, last.tries), (3, 2));
    let dead = book.record_sending(&report(&last, "host", 21, SendOutcome::Dead)).await.unwrap();
    assert_eq!(book.dead_letters().await.unwrap(), [dead]);
    let ends: Vec<_> = book.send_attempts(1).await.unwrap().into_iter().map(|one| one.outcome).collect();
    assert_eq!(ends, [SendEnd::Again, SendEnd::Held, SendEnd::Dead].map(Some));
    assert!(claim(29, 9).await.is_empty());

    // Somebody has it tried again, as if it were new.
    let retried = book.retry_dead(1, "ana", at(40)).await.unwrap();
    assert_eq!((stands(&retried), retried.waiting_since), (("waiting", 3, 0, at(40)), at(40)));
    assert_eq!(book.message(1).await.unwrap(), retried);
    let told: Vec<_> =
        claim(40, 9).await.iter().map(|one| (one.message.number, one.attempt, one.tries, one.may_be_seen)).collect();
    assert_eq!(told, [(1, 4, 1, true), (2, 1, 1, false)], "in their order; the first may have been seen");
    for number in [1, 3] {
        let state = book.message(number).await.unwrap().state.word();
        let expected = Refusal::MessageState { message: number, event: "tried again", state };
        assert_eq!(refused(book.retry_dead(number, "ana", at(41)).await), expected);
    }
    assert_eq!(refused(book.retry_dead(7, "ana", at(41)).await), Refusal::NoMessage(7));
    assert_eq!(refused(book.message(0).await), Refusal::NoMessage(0));
    let sent =
        MessageFilter { state: Some(MessageState::Sent), channel: Some("slack".to_owned()), ..Default::default() };
    assert_eq!(book.messages(&sent).await.unwrap().iter().map(|one| one.number).collect::<Vec<_>>(), [3]);
    let newest = MessageFilter { limit: Some(2), plan: Some(1), ..Default::default() };
    assert_eq!(book.messages(&newest).await.unwrap().iter().map(|one| one.number).collect::<Vec<_>>(), [2, 3]);
    let actions: Vec<_> =
        book.audit(&Default::default()).await.unwrap().into_iter().map(|event| event.entry.action).collect();
    assert_eq!(actions[0], "message retried");
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn who_lost_the_lease_decides_nothing_but_that_it_was_sent(database: &Database<'_>) {
    let book = with_messages(database, vec![message("one"), message("two"), message("three")]).await;
    let slow = book.claim_due(&claim_at(0, "slow", 9)).await.unwrap();
    assert_eq!(slow.len(), 3);
    assert!(book.claim_due(&claim_at(0, "quick", 9)).await.unwrap().is_empty());
    let quick = book.claim_due(&claim_at(1, "quick", 9)).await.unwrap();
    assert_eq!(quick.iter().map(|one| (one.attempt, one.tries)).collect::<Vec<_>>(), [(2, 2); 3]);
    // Too late to give it up, to put it off, or to hold it back.
    for outcome in
        [SendOutcome::Dead, SendOutcome::Again { at: at(500) }, SendOutcome::Held { until: at(500), anew: true }]
    {
        let lost = &slow[0];
        let report = report(lost, "slow", 1, outcome.clone());
        let stands_now = if outcome == SendOutcome::Dead {
            book.record_sending(&report).await.unwrap()
        } else {
            assert!(matches!(refused(book.record_sending(&report).await), Refusal::AttemptEnded { .. }));
            book.message(1).await.unwrap()
        };
        assert_eq!(stands(&stands_now), ("waiting", 2, 2, at(0)));
        assert_eq!(stands_now.lease.map(|lease| lease.holder).as_deref(), Some("quick"));
    }
    // It was sent all the same; who has the lease then finds it so.
    let sent = book.record_sending(&report(&slow[1], "slow", 1, SendOutcome::Sent)).await.unwrap();
    assert_eq!((sent.state, sent.lease), (MessageState::Sent, None));
    let late = book.record_sending(&report(&quick[1], "quick", 2, SendOutcome::Dead)).await.unwrap();
    assert_eq!(late.state, MessageState::Sent);
    assert_eq!(
        book.record_sending(&report(&quick[0], "quick", 2, SendOutcome::Sent)).await.unwrap().state,
        MessageState::Sent
    );
    // One that is taken back while it is on its way.
    let why = |message, reason: &str| Cancellation { message, reason: reason.to_owned() };
    book.cancel_message(&why(3, "the digest says it"), "ana", at(2)).await.unwrap();
    assert_eq!(book.message(3).await.unwrap().state, MessageState::Cancelled);
    let again = book.cancel_message(&why(3, "once more"), "ana", at(2)).await;
    assert_eq!(refused(again), Refusal::MessageState { message: 3, event: "cancelled", state: "cancelled" });
    assert!(matches!(book.cancel_message(&why(1, " "), "ana", at(2)).await, Err(BookError::Blank { .. })));
    assert_eq!(book.check().await.unwrap(), []);
    assert_eq!(
        book.record_sending(&report(&quick[2], "quick", 3, SendOutcome::Dead)).await.unwrap().state,
        MessageState::Cancelled
    );
    assert_eq!(
        book.record_sending(&report(&slow[2], "slow", 3, SendOutcome::Sent)).await.unwrap().state,
        MessageState::Sent
    );
    assert!(book.claim_due(&claim_at(999, "quick", 9)).await.unwrap().is_empty());
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn messages_become_a_digest_in_one_transaction(database: &Database<'_>) {
    let book = with_messages(database, vec![message("one"), message("two")]).await;
    let cancel = |message| Cancellation { message, reason: "said by digest".to_owned() };
    let all = Act { messages: vec![message("digest")], cancellations: vec![cancel(1), cancel(2)], ..act("digest", 1) };
    // One that cannot be cancelled keeps the digest from being said.
    let claimed = book.claim_due(&claim_at(0, "host", 1)).await.unwrap();
    book.record_sending(&report(&claimed[0], "host", 0, SendOutcome::Sent)).await.unwrap();
    assert!(matches!(refused(book.act(&all).await), Refusal::MessageState { message: 1, .. }));
    assert_eq!(book.messages(&MessageFilter::default()).await.unwrap().len(), 2);
    book.act(&Act { cancellations: vec![cancel(2)], ..all }).await.unwrap();
    let states: Vec<_> =
        book.messages(&MessageFilter::default()).await.unwrap().iter().map(|one| one.state.word()).collect();
    assert_eq!(states, ["sent", "cancelled", "waiting"]);
    assert_eq!(book.check().await.unwrap(), []);
}

fn numbers(claimed: &[ClaimedMessage]) -> Vec<i64> {
    claimed.iter().map(|one| one.message.number).collect()
}

pub(crate) async fn messages_of_a_thread_go_out_in_their_order(database: &Database<'_>) {
    let of = |key: &str, thread: &str, channel: &str| NewMessage {
        thread: thread.to_owned(),
        channel: channel.to_owned(),
        ..message(key)
    };
    let later = NewMessage { not_before: Some(at(30)), ..of("later", "t3", "slack") };
    let all = vec![
        of("opened", "t1", "slack"),
        of("opened", "t1", "mail"),
        of("resolved", "t1", "slack"),
        of("other", "t2", "slack"),
        later,
        of("after later", "t3", "slack"),
    ];
    let book = with_messages(database, all).await;
    assert_eq!(book.due_channels(at(1)).await.unwrap(), ["mail", "slack"]);
    // Of one thread they are claimed together or not at all; what waits holds back what comes after it.
    let first = book.claim_due(&claim_at(1, "host", 1)).await.unwrap();
    assert_eq!(numbers(&first), [1]);
    let rest = book.claim_due(&claim_at(1, "host", 9)).await.unwrap();
    assert_eq!(numbers(&rest), [2, 4], "3 waits for 1, which is being sent, and 6 for 5, which is not due");
    let again = SendOutcome::Again { at: at(5) };
    book.record_sending(&report(&first[0], "host", 1, again)).await.unwrap();
    assert!(book.claim_due(&claim_at(4, "host", 9)).await.unwrap().iter().all(|one| one.message.number != 3));
    let both =
        book.claim_due(&SendClaim { channel: Some("slack".to_owned()), ..claim_at(5, "other", 9) }).await.unwrap();
    assert_eq!(numbers(&both), [1, 3, 4], "the lease of 4 has ended");
    // One alone is given only where nothing before it waits.
    let alone = |number| SendClaim { message: Some(number), ..claim_at(40, "third", 9) };
    assert!(book.claim_due(&alone(3)).await.unwrap().is_empty());
    assert!(book.claim_due(&alone(6)).await.unwrap().is_empty());
    assert_eq!(numbers(&book.claim_due(&alone(5)).await.unwrap()), [5]);
    // A dead letter holds nothing back.
    book.record_sending(&report(&both[0], "other", 41, SendOutcome::Dead)).await.unwrap();
    assert_eq!(numbers(&book.claim_due(&alone(3)).await.unwrap()), [3]);
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn who_holds_them_all_makes_a_digest_of_messages(database: &Database<'_>) {
    let nudge = |key: &str, unit: &str| NewMessage { urgency: MessageUrgency::Nudge, unit: team(unit), ..message(key) };
    let all = vec![nudge("a", "payments"), nudge("b", "payments"), message("alert"), nudge("c", "search")];
    let url = database.url().await;
    let book = with_a_snapshot(&url).await;
    book.act(&Act { messages: all, ..act("messages", -1) }).await.unwrap();
    let claimed = book.claim_due(&claim_at(1, "host", 9)).await.unwrap();
    assert_eq!(numbers(&claimed), [1, 2, 3, 4]);
    let fold = |holder: &str, numbers: &[usize]| Fold {
        messages: numbers
            .iter()
            .map(|at| ClaimedAttempt { message: claimed[*at].message.number, attempt: 1 })
            .collect(),
        digest: nudge("digest", "payments"),
        holder: holder.to_owned(),
        actor: "leap".to_owned(),
        at: at(1),
    };
    // Not by somebody else, not of what was sent, not of nothing, and not once the lease was another's.
    book.record_sending(&report(&claimed[3], "host", 1, SendOutcome::Sent)).await.unwrap();
    for wrong in [fold("eve", &[0, 1]), fold("host", &[0, 3]), fold("host", &[])] {
        assert_eq!(book.fold_messages(&wrong).await.unwrap(), None);
    }
    assert_eq!(book.messages(&MessageFilter::default()).await.unwrap().len(), 4);
    let made = book.fold_messages(&fold("host", &[0, 1])).await.unwrap().unwrap();
    assert!(made.new && made.number == 5);
    assert_eq!(book.fold_messages(&fold("host", &[0, 1])).await.unwrap(), None, "they are said");
    let states: Vec<_> = book.messages(&MessageFilter::default()).await.unwrap();
    let states: Vec<_> = states.iter().map(|one| (one.state.word(), one.tells, one.told_by)).collect();
    let told = ("cancelled", 0, Some(5));
    assert_eq!(states, [told, told, ("waiting", 0, None), ("sent", 0, None), ("waiting", 2, None)]);
    assert_eq!(book.send_attempts(1).await.unwrap()[0].outcome, Some(SendEnd::Held));
    let late = book.record_sending(&report(&claimed[0], "host", 2, SendOutcome::Sent)).await;
    assert!(matches!(refused(late), Refusal::AttemptEnded { .. }));
    // The digest goes out like any other, and counts as one nudge of its unit.
    let digest = book.claim_due(&claim_at(1, "other", 9)).await.unwrap();
    assert_eq!(numbers(&digest), [5]);
    book.record_sending(&report(&digest[0], "other", 3, SendOutcome::Sent)).await.unwrap();
    let delivered = |unit, minute| {
        let book = &book;
        async move { book.nudges_delivered("slack", &team(unit), at(minute)).await.unwrap() }
    };
    assert_eq!(delivered("payments", 0).await, [at(3)]);
    assert_eq!(delivered("search", 0).await, [at(1)]);
    assert!(delivered("payments", 3).await.is_empty() && delivered("nobody", 0).await.is_empty());
    let depth: Vec<_> = book.outbox_depth().await.unwrap();
    let depth: Vec<_> = depth.iter().map(|one| (one.channel.as_str(), one.state.word(), one.count)).collect();
    assert_eq!(depth, [("slack", "cancelled", 2), ("slack", "sent", 2), ("slack", "waiting", 1)]);
    assert_eq!(book.check().await.unwrap(), []);
    for sql in [
        "UPDATE outbox SET told_by = NULL WHERE number = 1",
        "UPDATE outbox SET told_by = 4 WHERE number = 1",
        "UPDATE outbox SET tells = 0 WHERE number = 5",
        "UPDATE outbox SET dedup_key = 'else' WHERE number = 5",
        "DELETE FROM outbox WHERE number = 5",
    ] {
        let keep = ["outbox"];
        crate::database::keep(&url, &keep).await;
        tamper(&url, sql).await;
        let found = book.check().await.unwrap();
        assert!(found.iter().any(|one| one.kind == FindingKind::MessageBroken), "{sql}: {found:?}");
        crate::database::put_back(&url, &keep).await;
        tamper(&url, "DROP TABLE kept_outbox").await;
    }
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn what_is_held_on_purpose_begins_anew_and_answers_are_recorded(database: &Database<'_>) {
    let key = "leap:opportunity_found:payments:i-1:2026-09";
    let book = with_messages(database, vec![message(key)]).await;
    let held = book.claim_due(&claim_at(1, "host", 9)).await.unwrap();
    let outcome = SendOutcome::Held { until: at(60), anew: true };
    let kept = book.record_sending(&report(&held[0], "host", 1, outcome)).await.unwrap();
    assert_eq!((kept.next_at, kept.waiting_since, kept.tries), (at(60), at(60), 0));
    assert_eq!(book.message(1).await.unwrap(), kept);
    let next = book.claim_due(&claim_at(60, "host", 9)).await.unwrap().remove(0);
    assert_eq!((next.attempt, next.tries, next.may_be_seen), (2, 1, false));
    let late = book.claim_due(&claim_at(62, "other", 9)).await.unwrap().remove(0);
    assert_eq!((late.attempt, late.tries, late.may_be_seen), (3, 2, true), "nobody knows how far the other came");
    let key: leap_terms::DedupKey = key.parse().unwrap();
    let answer = |channel| {
        let (book, key) = (&book, &key);
        async move { book.record_answer((key, channel), "not_mine", "slack:T1/U1", at(63)).await }
    };
    assert_eq!(answer("slack").await.unwrap(), 1);
    assert!(matches!(refused(answer("mail").await), Refusal::NoSuchMessage { .. }));
    let events = book.audit(&Default::default()).await.unwrap();
    let event = &events[0].entry;
    assert_eq!(
        (event.actor.as_str(), event.action.as_str(), event.subject.as_str(), event.detail["answer"].as_str()),
        ("slack:T1/U1", "message answered", "message 1", Some("not_mine"))
    );
    assert_eq!(book.message(1).await.unwrap().state, MessageState::Waiting, "an answer changes nothing else");
    book.verify_audit().await.unwrap();
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn of_many_who_claim_each_message_goes_to_one(database: &Database<'_>) {
    let url = database.url().await;
    let book = with_a_snapshot(&url).await;
    let messages: Vec<_> = (0..30).map(|number| message(&format!("message {number}"))).collect();
    book.act(&Act { messages, ..act("many", -1) }).await.unwrap();
    let tasks: Vec<_> = (0..6)
        .map(|host| {
            let url = url.clone();
            tokio::spawn(async move {
                let book = Book::open(&url).await.unwrap();
                let mut own = Vec::new();
                loop {
                    let claimed = book.claim_due(&claim_at(1, &format!("host {host}"), 4)).await.unwrap();
                    if claimed.is_empty() {
                        return own;
                    }
                    own.extend(claimed.into_iter().map(|one| one.message.number));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (1..=30).collect::<Vec<_>>());
}

/// Who sends is killed again and again: before the channel hears anything, after it, and before its outcome is
/// recorded.
pub(crate) async fn nothing_is_lost_and_nothing_is_seen_twice(database: &Database<'_>) {
    let book = with_a_snapshot(&database.url().await).await;
    let messages: Vec<_> = (0..20).map(|number| message(&format!("message {number}"))).collect();
    book.act(&Act { messages, ..act("many", -1) }).await.unwrap();
    // What the receiver shows, by dedup key; it honours keys, so a key is shown once however often it comes.
    let mut shown = BTreeMap::<String, String>::new();
    let (mut heard, mut kills, mut turn, mut chance) = (0, 0, 0, 7_u32);
    loop {
        turn += 1;
        assert!(turn < 500, "it comes to an end");
        let holder = format!("process {turn}");
        let claimed = book.claim_due(&claim_at(turn * 2, &holder, 3)).await.unwrap();
        for one in claimed {
            // A small generator of our own, the same in every run.
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let step = chance >> 28;
            if step < 4 {
                kills += 1;
                break;
            }
            heard += 1;
            shown.entry(one.message.dedup_key.clone()).or_insert_with(|| one.message.message.clone());
            if step < 8 {
                kills += 1;
                break;
            }
            let outcome = if step < 10 { SendOutcome::Again { at: at(turn * 2 + 1) } } else { SendOutcome::Sent };
            book.record_sending(&report(&one, &holder, turn * 2, outcome)).await.unwrap();
        }
        let waiting = MessageFilter { state: Some(MessageState::Waiting), ..Default::default() };
        if book.messages(&waiting).await.unwrap().is_empty() {
            break;
        }
    }
    assert_eq!(shown.len(), 20, "nothing is lost");
    assert!(shown.iter().all(|(key, text)| *text == format!("{{\"title\": \"{key}\"}}")));
    assert!(kills > 10 && heard > 20, "{kills} kills, {heard} heard: it was sent more than once, and seen once");
    let all = book.messages(&MessageFilter::default()).await.unwrap();
    assert!(all.iter().all(|one| one.state == MessageState::Sent && one.attempts >= 1));
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn a_schedule_is_held_by_one_until_its_lease_ends(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    assert_eq!(book.schedule("leader").await.unwrap(), None);
    let lease = |holder: &'static str, minute| {
        let book = &book;
        async move { book.lease_schedule("leader", holder, at(minute), MINUTE).await.unwrap() }
    };
    let holds = |holder: &str, until| Some(Lease { holder: holder.to_owned(), until: at(until) });
    assert_eq!(lease("a", 0).await.lease, holds("a", 1));
    let other = lease("b", 0).await;
    assert!(other.lease == holds("a", 1) && other.is_held_from("b", at(0)) && !other.is_held_from("b", at(1)));
    // Its holder renews it; nobody takes it over before its end, and the first after it does.
    assert_eq!(lease("a", 0).await.lease, holds("a", 1));
    assert_eq!(lease("b", 1).await.lease, holds("b", 2));
    assert_eq!(lease("a", 1).await.lease, holds("b", 2));
    let run = |due, minute, text: &str| ScheduleRun { due: at(due), ran_at: at(minute), outcome: text.to_owned() };
    let lost = book.record_run("leader", "a", &run(0, 1, "12 steps")).await;
    let expected = Refusal::LeaseLost { name: "leader".to_owned(), holder: "a".to_owned(), by: Some("b".to_owned()) };
    assert_eq!(refused(lost), expected);
    // Catching up: what was due while nobody ran goes in its order.
    for (due, minute) in [(-30, 1), (-15, 1), (0, 2)] {
        let schedule = book.record_run("leader", "b", &run(due, minute, "caught up")).await.unwrap();
        assert_eq!((schedule.last, schedule.lease), (Some(run(due, minute, "caught up")), holds("b", 2)));
    }
    let back = book.record_run("leader", "b", &run(-15, 3, "again")).await;
    assert_eq!(refused(back), Refusal::DueBackwards { name: "leader".to_owned(), due: at(-15), last: at(0) });
    book.release_schedule("leader", "b").await.unwrap();
    assert!(matches!(refused(book.release_schedule("leader", "b").await), Refusal::LeaseLost { by: None, .. }));
    let taken = lease("a", 1).await;
    assert_eq!((taken.lease, taken.last), (holds("a", 2), Some(run(0, 2, "caught up"))));
    book.lease_schedule("decide", "a", at(1), MINUTE).await.unwrap();
    let names: Vec<_> = book.schedules().await.unwrap().into_iter().map(|schedule| schedule.name).collect();
    assert_eq!(names, ["decide", "leader"]);
    assert!(matches!(book.lease_schedule("x", " ", at(1), MINUTE).await, Err(BookError::Blank { .. })));
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn of_many_who_would_lead_one_does(database: &Database<'_>) {
    let url = database.url().await;
    Book::open(&url).await.unwrap().close().await;
    let tasks: Vec<_> = (0..6)
        .map(|host| {
            let url = url.clone();
            tokio::spawn(async move {
                let book = Book::open(&url).await.unwrap();
                let holder = format!("host {host}");
                let schedule = book.lease_schedule("leader", &holder, at(0), MINUTE).await.unwrap();
                schedule.lease.is_some_and(|lease| lease.holder == holder)
            })
        })
        .collect();
    let mut leaders = 0;
    for task in tasks {
        leaders += usize::from(task.await.unwrap());
    }
    assert_eq!(leaders, 1);
}
