//! Kills between any two steps of a delivery over the real book, as leap-act's own tests have them over an outbox in
//! memory: nothing is lost, nothing is seen twice, and what belongs together arrives in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use leap_act::channels::{Channel, Sending};
use leap_act::message::{Content, Incident, Message, Severity, Urgency};
use leap_act::policy::{Cap, Cause, DigestTimes, Jitter, Manners, Outcome, QuietHours, Zone};
use leap_act::send::{Courier, Destination, Given, Outbox, Receipt, Row};
use leap_book::{Act, Book, BookError, MessageFilter, MessageState, NewPlan};
use leap_terms::{Instant, MessageKind, TeamId};
use tokio::sync::{Notify, watch};

use super::outbox::{BookOutbox, Lane};
use super::{Post, row, show};
use crate::clock;
use crate::home::{Access, Home};

const START: &str = "2026-09-17T08:00:00Z";

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn later(instant: Instant, seconds: i64) -> Instant {
    Instant::from_micros(instant.micros() + seconds * 1_000_000)
}

fn message(change: impl FnOnce(&mut Content)) -> Message {
    let mut content = Content {
        kind: MessageKind::BudgetBreached,
        unit: TeamId::new("payments").unwrap(),
        subject: "budget-7".to_owned(),
        period: "2026-09".to_owned(),
        occurred: at(START),
        severity: Severity::Error,
        urgency: Urgency::Alert,
        title: "payments is over its budget".to_owned(),
        sentences: vec![],
        fields: vec![],
        links: vec![],
        answers: vec![],
        snapshot: None,
        incident: None,
    };
    change(&mut content);
    Message::new(content).unwrap()
}

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

/// What stops a process: so many steps, and then no more.
#[derive(Clone)]
struct Fuse(Arc<(AtomicU32, Notify)>);

impl Fuse {
    fn new(steps: u32) -> Fuse {
        Fuse(Arc::new((AtomicU32::new(steps), Notify::new())))
    }

    async fn step(&self) {
        let left = self.0.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_err() {
            self.0.1.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The book's outbox, with a step before and after each of its transactions.
struct Fused<'b>(BookOutbox<'b>, Fuse);

impl Outbox for Fused<'_> {
    type Error = BookError;

    async fn claim(&self, now: Instant, until: Instant, most: usize) -> Result<Vec<Row>, BookError> {
        self.1.step().await;
        let rows = self.0.claim(now, until, most).await;
        self.1.step().await;
        rows
    }

    async fn settle(&self, row: &Row, receipt: &Receipt) -> Result<bool, BookError> {
        self.1.step().await;
        let held = self.0.settle(row, receipt).await;
        self.1.step().await;
        held
    }

    async fn fold(&self, rows: &[&Row], digest: &Message, now: Instant) -> Result<bool, BookError> {
        self.1.step().await;
        let held = self.0.fold(rows, digest, now).await;
        self.1.step().await;
        held
    }

    async fn delivered(&self, destination: &str, unit: &TeamId, after: Instant) -> Result<Vec<Instant>, BookError> {
        self.1.step().await;
        self.0.delivered(destination, unit, after).await
    }
}

/// A receiver that shows a key once: what it does with the next requests, the last one first, and what was seen.
#[derive(Default)]
struct Receiver {
    outcomes: Mutex<Vec<Outcome>>,
    seen: Mutex<Vec<Message>>,
    came: AtomicU32,
}

struct ToReceiver(Arc<Receiver>, Fuse);

impl Channel for ToReceiver {
    fn send<'a>(&'a self, message: &'a Message, _attempt: u32, _now: Instant) -> Sending<'a> {
        Box::pin(async move {
            self.1.step().await;
            let outcome = self.0.outcomes.lock().unwrap().pop();
            let outcome = outcome.unwrap_or_else(|| Outcome::Delivered("ok".to_owned()));
            self.0.came.fetch_add(1, Ordering::Relaxed);
            // What is uncertain arrived, and nobody was told.
            let arrived = match &outcome {
                Outcome::Failed(failure) => failure.cause == Cause::Uncertain,
                Outcome::Delivered(_) | Outcome::Skipped(_) => true,
            };
            {
                let mut seen = self.0.seen.lock().unwrap();
                if arrived && !seen.iter().any(|known| known.key() == message.key()) {
                    seen.push(message.clone());
                }
            }
            self.1.step().await;
            outcome
        })
    }
}

struct Present(Instant);

impl Given for Present {
    fn now(&self) -> Instant {
        self.0
    }

    fn jitter(&self) -> Jitter {
        Jitter(0)
    }
}

async fn book(folder: &tempfile::TempDir) -> Book {
    Book::open(&format!("sqlite:{}", folder.path().join("book.db").display())).await.unwrap()
}

async fn put(book: &Book, name: &str, messages: &[Message], now: Instant) {
    let content = format!("{{\"plan\": \"{name}\"}}");
    let plan = NewPlan { snapshot: None, made_at: now, made_by: "leap".to_owned(), content };
    let mut act = Act::new(plan, name, "leap", now);
    act.messages = messages.iter().map(|message| row(message, "one")).collect();
    book.act(&act).await.unwrap();
}

fn manners(which: u32) -> Manners {
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

/// Runs processes one after the other, the first for so many steps, until all is settled.
async fn run(which: u32, kill: u32, outcomes: Vec<Outcome>) -> Arc<Receiver> {
    let folder = tempfile::tempdir().unwrap();
    let book = book(&folder).await;
    let mut now = at(START);
    let messages = [
        of_incident(MessageKind::IncidentOpened, "i-1"),
        nudge("payments", "a"),
        nudge("payments", "b"),
        nudge("search", "c"),
        of_incident(MessageKind::IncidentAcknowledged, "i-1"),
        message(|_| {}),
        of_incident(MessageKind::IncidentResolved, "i-1"),
    ];
    put(&book, "first", &messages, now).await;
    let receiver = Arc::new(Receiver { outcomes: Mutex::new(outcomes), ..Receiver::default() });
    let mut kill = Some(kill);
    for turn in 0..200 {
        if turn == 1 {
            // Some are written when others were tried already.
            put(&book, "second", &[nudge("payments", "late"), nudge("payments", "later")], now).await;
        }
        let fuse = Fuse::new(kill.take().unwrap_or(u32::MAX));
        let holder = format!("process {turn}");
        let outbox = Fused(BookOutbox::new(&book, &holder, Lane::Channel("one".to_owned())), fuse.clone());
        let channel = Box::new(ToReceiver(receiver.clone(), fuse.clone()));
        let destination = Destination { channel, manners: manners(which) };
        let courier = Courier::new(BTreeMap::from([("one".to_owned(), destination)]));
        let given = Present(now);
        let done = tokio::select! {
            biased;
            done = courier.deliver(&outbox, &given) => Some(done.unwrap().len()),
            () = fuse.0.1.notified() => None,
        };
        let waiting = MessageFilter { state: Some(MessageState::Waiting), ..MessageFilter::default() };
        if turn > 0 && book.messages(&waiting).await.unwrap().is_empty() {
            assert_eq!(book.check().await.unwrap(), []);
            return receiver;
        }
        // After a kill the next process may start at once, or after the leases.
        let seconds = match done {
            None if kill.is_none() && turn % 2 == 0 => 1,
            Some(0) => 3_600,
            None | Some(_) => 901,
        };
        now = later(now, seconds);
    }
    panic!("not settled after 200 turns: {:?}", book.messages(&MessageFilter::default()).await.unwrap());
}

/// Everything was said once, alone or in one digest, and the incident in its order.
fn check(receiver: &Receiver) {
    let seen = receiver.seen.lock().unwrap();
    let keys: BTreeSet<_> = seen.iter().map(Message::key).collect();
    assert_eq!(keys.len(), seen.len());
    let mut told = BTreeMap::<&str, u32>::new();
    for content in seen.iter().map(Message::content) {
        match content.kind {
            MessageKind::DigestMade => {
                content.sentences.iter().for_each(|title| *told.entry(title).or_default() += 1);
            }
            MessageKind::OpportunityFound => *told.entry(&content.title).or_default() += 1,
            _ => {}
        }
    }
    let wanted = ["payments a", "payments b", "payments late", "payments later", "search c"].map(|title| (title, 1));
    assert_eq!(told, BTreeMap::from(wanted));
    let incident: Vec<_> =
        seen.iter().map(Message::content).filter(|content| content.incident.is_some()).map(|one| one.kind).collect();
    let order = [MessageKind::IncidentOpened, MessageKind::IncidentAcknowledged, MessageKind::IncidentResolved];
    assert_eq!(incident, order);
    assert_eq!(seen.iter().filter(|one| one.content().kind == MessageKind::BudgetBreached).count(), 1);
}

#[tokio::test]
async fn kills_over_the_book_lose_nothing_and_show_nothing_twice() {
    let cut = || Outcome::failed(Cause::Uncertain, "cut");
    let mut kills = 0;
    for which in 0..4 {
        for kill in 0..50 {
            let outcomes = vec![Outcome::failed(Cause::Broken, "broken"), Outcome::Delivered(String::new()), cut()];
            check(&*run(which, kill, outcomes).await);
            kills += 1;
        }
    }
    assert_eq!(kills, 200);
}

#[tokio::test]
async fn a_process_that_lost_its_lease_ends_nothing_and_what_it_delivered_counts() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(&folder).await;
    put(&book, "one", &[message(|_| {}), nudge("payments", "a")], at(START)).await;
    let slow = BookOutbox::new(&book, "slow", Lane::Channel("one".to_owned()));
    let rows = slow.claim(at(START), later(at(START), 900), 9).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.id, row.attempt, row.may_be_seen)).collect::<Vec<_>>(),
        [(1, 1, false), (2, 1, false)]
    );
    let quick = BookOutbox::new(&book, "quick", Lane::Channel("one".to_owned()));
    assert!(quick.claim(later(at(START), 899), later(at(START), 999), 9).await.unwrap().is_empty());
    let again = quick.claim(later(at(START), 900), later(at(START), 1_800), 9).await.unwrap();
    assert_eq!(again.iter().map(|row| (row.attempt, row.may_be_seen)).collect::<Vec<_>>(), [(2, true); 2]);
    let receipt = |row: &Row, next| Receipt {
        row: row.id,
        destination: row.destination.clone(),
        key: row.message.key().clone(),
        attempt: row.attempt,
        at: later(at(START), 901),
        outcome: None,
        next,
    };
    use leap_act::policy::{Hold, Next};
    // Too late to give up or to hold back; not too late to say that it is there.
    let dead = receipt(&rows[0], Next::Dead("refused".to_owned()));
    assert!(!slow.settle(&rows[0], &dead).await.unwrap());
    assert_eq!(book.message(1).await.unwrap().state, MessageState::Waiting);
    assert!(!slow.settle(&rows[1], &receipt(&rows[1], Next::Done)).await.unwrap());
    assert_eq!(book.message(2).await.unwrap().state, MessageState::Sent);
    // A digest of what another one has is not made.
    let digest = nudge("payments", "digest");
    assert!(!slow.fold(&[&rows[0]], &digest, at(START)).await.unwrap());
    let held = receipt(&again[0], Next::Held(later(at(START), 9_000), Hold::Quiet));
    assert!(quick.settle(&again[0], &held).await.unwrap());
    let kept = book.message(1).await.unwrap();
    assert_eq!((kept.tries, kept.waiting_since), (1, later(at(START), 9_000)));
    assert_eq!(kept.last_answer.as_deref(), Some("quiet hours"));
    let next = quick.claim(later(at(START), 9_000), later(at(START), 9_900), 9).await.unwrap();
    assert_eq!((next[0].since, next[0].written), (later(at(START), 9_000), at(START)));
    assert_eq!(book.check().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_carries_what_it_is_told_of_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[[channels]]\nname = \"one\"\ntype = \"file\"\npath = \"one.jsonl\"\n\
                    [[channels]]\nname = \"two\"\ntype = \"file\"\npath = \"two.jsonl\"\nunits = [\"commerce\"]\n";
    std::fs::write(folder.path().join("leap.toml"), settings).unwrap();
    let home = Home::open(folder.path(), Access::Read).await.unwrap();
    let post = Arc::new(Post::of(&home).unwrap());
    let path = ["acme", "commerce", "payments"].map(|unit| TeamId::new(unit).unwrap());
    let said = message(|_| {});
    let channels = |path: &[TeamId]| post.rows(&said, path).into_iter().map(|row| row.channel).collect::<Vec<_>>();
    assert_eq!((channels(&path), channels(&path[..1])), (vec!["one".into(), "two".into()], vec!["one".to_owned()]));
    let (stop, told) = watch::channel(false);
    let running = tokio::spawn(post.clone().run(home.book.clone(), told));
    let now = clock::now();
    let content = "{\"plan\": \"both\"}".to_owned();
    let plan = NewPlan { snapshot: None, made_at: now, made_by: "leap".to_owned(), content };
    let mut act = Act::new(plan, "both", "leap", now);
    act.messages = post.rows(&said, &path);
    home.book.act(&act).await.unwrap();
    post.tell();
    let waiting = MessageFilter { state: Some(MessageState::Waiting), ..MessageFilter::default() };
    for _ in 0..300 {
        if home.book.messages(&waiting).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stop.send_replace(true);
    running.await.unwrap();
    for name in ["one.jsonl", "two.jsonl"] {
        let text = std::fs::read_to_string(home.root.join(name)).unwrap();
        assert!(text.lines().count() == 1 && text.contains(said.key().as_str()), "{name}: {text}");
    }
    // What is due after it was stopped waits for the next one.
    assert!(post.deliver(&home.book).await.unwrap().is_empty());
    assert!(format!("{:?}", home.settings.channels[0]).contains("one.jsonl"));
    assert_eq!(home.book.check().await.unwrap(), []);
}

/// A channel at which somebody finds out that all of it has to stop.
struct Stops(Book, Arc<Receiver>);

impl Channel for Stops {
    fn send<'a>(&'a self, message: &'a Message, attempt: u32, now: Instant) -> Sending<'a> {
        Box::pin(async move {
            self.0.stop_acting("ana", "the wrong team", now).await.unwrap();
            ToReceiver(self.1.clone(), Fuse::new(u32::MAX)).send(message, attempt, now).await
        })
    }
}

#[tokio::test]
async fn what_was_claimed_before_the_kill_switch_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(&folder).await;
    put(&book, "one", &[message(|_| {}), nudge("payments", "a"), nudge("search", "b")], at(START)).await;
    let receiver = Arc::new(Receiver::default());
    let channel = Box::new(Stops(book.clone(), receiver.clone()));
    let destination = Destination { channel, manners: Manners::default() };
    let courier = Courier::new(BTreeMap::from([("one".to_owned(), destination)]));
    let outbox = BookOutbox::new(&book, "own", Lane::Channel("one".to_owned()));
    courier.deliver(&outbox, &Present(at(START))).await.unwrap();
    let stands: Vec<_> = book.messages(&MessageFilter::default()).await.unwrap();
    let stands: Vec<_> = stands.iter().map(|one| (one.state.word(), one.tries, one.lease.is_some())).collect();
    assert_eq!(stands, [("sent", 1, false), ("waiting", 0, false), ("waiting", 0, false)]);
    assert_eq!(receiver.came.load(Ordering::Relaxed), 1);
    assert!(courier.deliver(&outbox, &Present(at(START))).await.is_err(), "nothing is handed out");
    assert_eq!(book.check().await.unwrap(), []);
}

#[tokio::test]
async fn what_nobody_can_read_is_a_dead_letter_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(&folder).await;
    let plan = NewPlan {
        snapshot: None,
        made_at: at(START),
        made_by: "leap".to_owned(),
        content: "{\"plan\": \"odd\"}".to_owned(),
    };
    let mut act = Act::new(plan, "odd", "leap", at(START));
    let odd =
        leap_book::NewMessage { message: "{\"kind\": \"from_the_future\"}".to_owned(), ..row(&message(|_| {}), "one") };
    act.messages = vec![odd, row(&nudge("payments", "a"), "one")];
    book.act(&act).await.unwrap();
    let outbox = BookOutbox::new(&book, "own", Lane::Channel("one".to_owned()));
    let rows = outbox.claim(at(START), later(at(START), 900), 9).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [2]);
    assert!(outbox.take_changes() && !outbox.take_changes());
    let dead = book.message(1).await.unwrap();
    assert_eq!(dead.state, MessageState::Dead);
    assert!(dead.last_answer.as_deref().is_some_and(|answer| answer.contains("no message that this version")));
    assert_eq!(show::title(&dead), dead.dedup_key);
    assert_eq!(show::row(&dead)["kind"], serde_json::Value::Null);
    assert_eq!(book.check().await.unwrap(), []);
}
