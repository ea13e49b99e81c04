//! From settings to a real receiver: an outbox of a few rows, a receiver that fails at first and keeps ids.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use leap_act::message::Message;
use leap_act::policy::{Jitter, Next, Outcome};
use leap_act::send::{Given, Outbox, Receipt, Row};
use leap_act::settings::build::Edge;
use leap_act::settings::{ChannelSettings, EgressSettings, SecretSource, build, check, check_egress};
use leap_terms::{Instant, TeamId};
use serde::Deserialize;

use super::server::{Heard, Reply, Server};
use super::{Fixed, NOW, at, message};

#[derive(Deserialize)]
struct File {
    channels: Vec<ChannelSettings>,
    egress: EgressSettings,
}

/// A row: its message, when it is due, how often it was claimed, how it ended.
struct Kept {
    destination: String,
    message: Message,
    next_at: Instant,
    attempt: u32,
    ended: Option<String>,
}

struct Rows(Mutex<Vec<Kept>>);

impl Outbox for Rows {
    type Error = String;

    async fn claim(&self, now: Instant, _until: Instant, most: usize) -> Result<Vec<Row>, String> {
        let mut rows = self.0.lock().unwrap();
        let due = rows.iter_mut().enumerate().filter(|(_, kept)| kept.ended.is_none() && kept.next_at <= now);
        Ok(due
            .take(most)
            .map(|(id, kept)| {
                kept.attempt += 1;
                Row {
                    id: i64::try_from(id).unwrap(),
                    lease: i64::from(kept.attempt),
                    destination: kept.destination.clone(),
                    message: kept.message.clone(),
                    attempt: kept.attempt,
                    may_be_seen: kept.attempt > 1,
                    written: at(NOW),
                    since: at(NOW),
                }
            })
            .collect())
    }

    async fn settle(&self, row: &Row, receipt: &Receipt) -> Result<bool, String> {
        let mut rows = self.0.lock().unwrap();
        let kept = &mut rows[usize::try_from(row.id).unwrap()];
        match &receipt.next {
            Next::Done => kept.ended = Some("done".to_owned()),
            Next::Dead(why) => kept.ended = Some(format!("dead: {why}")),
            Next::Again(at) | Next::Held(at, _) => kept.next_at = *at,
        }
        Ok(true)
    }

    async fn fold(&self, _rows: &[&Row], _digest: &Message, _now: Instant) -> Result<bool, String> {
        Err("no digests here".to_owned())
    }

    async fn delivered(&self, _: &str, _: &TeamId, _: Instant) -> Result<Vec<Instant>, String> {
        Ok(Vec::new())
    }
}

struct Clock(Mutex<Instant>);

impl Given for Clock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn jitter(&self) -> Jitter {
        Jitter(7)
    }
}

#[tokio::test]
async fn messages_arrive_once_at_receivers_that_fail_at_first() {
    let shown: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let seen = shown.clone();
    let receiver = Server::start(move |at, heard: &Heard| match at {
        0 => Reply::status(500),
        1 => Reply::Say(429, vec![("retry-after", "30".to_owned())], String::new()),
        // It has it, and does not say so.
        2 => {
            seen.lock().unwrap().insert(heard.header("webhook-id").unwrap().to_owned());
            Reply::Cut
        }
        _ => {
            seen.lock().unwrap().insert(heard.header("webhook-id").unwrap().to_owned());
            Reply::status(204)
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages.jsonl");
    let text = format!(
        "[[channels]]\nname = \"events\"\ntype = \"webhook\"\naddress = \"{}\"\nsecret_variable = \"SIGNING\"\n\
         [[channels]]\nname = \"log\"\ntype = \"file\"\npath = '{}'\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\nunencrypted = [\"hooks.test\"]\n",
        receiver.url("hooks.test", "/x"),
        path.display()
    );
    let file: File = toml::from_str(&text).unwrap();
    let egress = check_egress(&file.egress, &text).unwrap();
    let channels = check(&file.channels, &text).unwrap();
    let names = Fixed { names: vec![("hooks.test", vec![vec!["127.0.0.1"]])], asked: AtomicUsize::new(0) };
    let secrets = |_: &SecretSource| Ok("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let edge = Edge { secrets: &secrets, names: Arc::new(names), roots: Vec::new(), site: None, text: &text };
    let built = build(channels, &egress, &edge).map_err(|faults| leap_terms::fault::list(&faults)).unwrap();

    let messages = [message(|_| {}), message(|content| content.subject = "budget-8".to_owned())];
    let rows = messages.iter().flat_map(|message| {
        built.routes.of(message, &[]).into_iter().map(|destination| Kept {
            destination: destination.to_owned(),
            message: message.clone(),
            next_at: at(NOW),
            attempt: 0,
            ended: None,
        })
    });
    let outbox = Rows(Mutex::new(rows.collect()));
    let clock = Clock(Mutex::new(at(NOW)));
    let mut receipts: Vec<Receipt> = Vec::new();
    for _ in 0..200 {
        receipts.extend(built.courier.deliver(&outbox, &clock).await.unwrap());
        let mut now = clock.0.lock().unwrap();
        *now = Instant::from_micros(now.micros() + 5_000_000);
    }
    let ended: Vec<String> =
        outbox.0.lock().unwrap().iter().map(|kept| kept.ended.clone().unwrap_or_default()).collect();
    assert_eq!(ended, ["done", "done", "done", "done"]);
    let keys: BTreeSet<String> = messages.iter().map(|message| message.key().to_string()).collect();
    assert_eq!(*shown.lock().unwrap(), keys);
    // Three attempts failed, two arrived; one of the first three had arrived, too.
    let attempts = receiver.heard().len();
    assert_eq!(attempts, 5, "{receipts:?}");
    let failed = receipts.iter().filter(|receipt| matches!(receipt.outcome, Some(Outcome::Failed(_)))).count();
    assert_eq!(failed, 3);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    assert!(built.courier.deliver(&outbox, &clock).await.unwrap().is_empty());
    assert!(outbox.0.lock().unwrap().iter().map(|kept| kept.attempt).sum::<u32>() >= 7);
}
