//! Messages leave: from the outbox of the book through the channels of `leap.toml`, in `leap serve` or by `leap message
//! send`.
//!
//! ```text
//! Book::act ── rows ──▶ outbox ── claim ──▶ Courier ── guard ──▶ Slack, PagerDuty, a webhook, a file …
//!                          ▲                   │
//!                          └──── settle ◀──────┘          sent, again at 08:06, held until 07:00, dead
//! ```
//! Reading order: [`outbox`] (the book as leap-act's outbox), `edge` (secrets, certificates, the clock, chance), this
//! module (what is carried when), [`show`] (how messages are shown), `commands` and `channels` (what may be typed).
//!
//! Each channel is carried by itself: one that is slow or rests holds up no other one. What several processes send at
//! once is told apart by leases; writes are transactions of the book, so the lock of the home is not needed.

mod channels;
mod commands;
mod edge;
mod outbox;
pub(crate) mod show;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leap_act::channels::slack::inbound::{self, Inbound, Press, Refused, Seen};
use leap_act::message::{Content, Link, Message, Severity, Urgency};
use leap_act::policy::Next;
use leap_act::secret::Secret;
use leap_act::send::{Courier, Receipt};
use leap_act::settings::{Checked, Routes, build, check, check_egress};
use leap_book::{Act, Book, BookError, MessageUrgency, NewMessage, NewPlan, Refusal};
use leap_terms::{Fault, Instant, MessageKind, TeamId, fault};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use crate::publish;
use edge::Edge;
use outbox::{BookOutbox, Lane};

pub(crate) use channels::run as channel;
pub(crate) use commands::{kill_switch, outcome, run as message};

/// How often `leap serve` looks for messages that are due, when nobody tells it of new ones.
const TICK: Duration = Duration::from_secs(1);
/// How long it waits after the book could not be asked.
const PAUSE: Duration = Duration::from_secs(10);

/// What carries messages, as the settings of a home say.
pub(crate) struct Post {
    courier: Courier,
    routes: Routes,
    /// What signs presses of buttons, by channel of Slack.
    signing: BTreeMap<String, Secret>,
    seen: Mutex<Seen>,
    told: Notify,
    edge: Edge,
}

/// What a channel did with a message of its own.
pub(crate) struct Tested {
    /// Its number in the outbox.
    pub(crate) number: i64,
    /// What came of it; none where another process has it.
    pub(crate) receipt: Option<Receipt>,
}

/// What is wrong with `[[channels]]` and `[egress]`, as one text.
fn wrong(faults: &[Fault]) -> Failure {
    Failure::usage(fault::list(faults))
}

pub(crate) fn problem(error: BookError) -> Failure {
    match error {
        BookError::Refused(refusal @ Refusal::Stopped { .. }) => Failure::not_allowed(refusal.to_string()),
        BookError::Refused(refusal) => Failure::failed(refusal.to_string()),
        error => Failure::from_error(&error),
    }
}

/// The channels of a home, checked; their secrets are not read.
pub(crate) fn checked(home: &Home) -> Result<Vec<Checked>, Failure> {
    check(&home.settings.channels, &home.settings_text).map_err(|faults| wrong(&faults))
}

impl Post {
    /// Channels, routes and guard from the settings of a home, with the secrets that they name.
    ///
    /// # Errors
    /// All faults of `[[channels]]` and `[egress]`, each with its line; secrets that are not there.
    pub(crate) fn of(home: &Home) -> Result<Post, Failure> {
        let (mut faults, text) = (Vec::new(), &home.settings_text);
        let egress = check_egress(&home.settings.egress, text).map_err(|found| faults.extend(found));
        let channels = check(&home.settings.channels, text).map_err(|found| faults.extend(found));
        let (Ok(egress), Ok(mut channels)) = (egress, channels) else { return Err(wrong(&faults)) };
        edge::inside(&mut channels, &home.root);
        let roots = edge::roots(home.settings.egress.ca_file.as_deref(), &home.root)?;
        let built = edge::build_with(home, roots, |edge| build(channels, &egress, edge));
        let built = built.map_err(|faults| wrong(&faults))?;
        Ok(Post {
            courier: built.courier,
            routes: built.routes,
            signing: built.signing_secrets,
            seen: Mutex::default(),
            told: Notify::new(),
            edge: Edge::new()?,
        })
    }

    /// The rows of the outbox that say a message: one per channel that it goes to. `path` is that of its unit on the day,
    /// from the company down.
    pub(crate) fn rows(&self, message: &Message, path: &[TeamId]) -> Vec<NewMessage> {
        self.routes.of(message, path).into_iter().map(|channel| row(message, channel)).collect()
    }

    /// Says that something was put into the outbox, so that it goes at once.
    pub(crate) fn tell(&self) {
        self.told.notify_one();
    }

    /// Sends all that is due, until nothing is due now; channels side by side.
    ///
    /// # Errors
    /// While the kill switch is on, and where the book cannot be used. What other channels sent is recorded all the
    /// same.
    pub(crate) async fn deliver(&self, book: &Book) -> Result<Vec<Receipt>, Failure> {
        if let Some(stop) = book.stopped().await.map_err(problem)? {
            let (actor, at, reason) = (stop.actor, stop.at, stop.reason);
            return Err(problem(BookError::Refused(Refusal::Stopped { actor, at, reason })));
        }
        let due = book.due_channels(clock::now()).await.map_err(problem)?;
        let mut lanes = Vec::new();
        for name in due {
            lanes.push(self.carry(book, Lane::Channel(name)));
        }
        let mut receipts = Vec::new();
        let mut failure = None;
        for carried in futures::future::join_all(lanes).await {
            match carried {
                Ok(own) => receipts.extend(own),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        receipts.sort_by_key(|receipt| receipt.row);
        match failure {
            None => Ok(receipts),
            Some(error) => Err(problem(error)),
        }
    }

    /// Sends what is due of a lane, until nothing of it is due now.
    async fn carry(&self, book: &Book, lane: Lane) -> Result<Vec<Receipt>, BookError> {
        let outbox = BookOutbox::new(book, self.edge.holder(), lane);
        let mut all = Vec::new();
        loop {
            let receipts = self.courier.deliver(&outbox, &self.edge).await?;
            let now = clock::now();
            let is_still_due = |receipt: &Receipt| matches!(receipt.next, Next::Held(until, _) if until <= now);
            let moved = outbox.take_changes() || receipts.iter().any(|receipt| !is_still_due(receipt));
            all.extend(receipts);
            if !moved || self.edge.is_stopping() {
                return Ok(all);
            }
        }
    }

    /// Carries messages until it is told to stop: looks each second, and when it is told of new ones. What is on its
    /// way then ends; what was not tried yet is given back.
    pub(crate) async fn run(self: Arc<Self>, book: Book, mut stop: watch::Receiver<bool>) {
        let mut lanes: JoinSet<Result<(), BookError>> = JoinSet::new();
        let mut busy = BTreeMap::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // Ends also where who would say so is gone.
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = lanes.join_next_with_id(), if !lanes.is_empty() => {
                    let (id, result) = match ended {
                        Ok((id, result)) => (id, result.map_err(|error| problem(error).message)),
                        Err(error) => (error.id(), Err(error.to_string())),
                    };
                    let channel: String = busy.remove(&id).unwrap_or_default();
                    if let Err(why) = result {
                        tracing::warn!("messages to {channel} were not sent: {why}");
                    }
                    continue;
                }
                _ = tick.tick() => {}
                () = self.told.notified() => {}
            }
            let due = match self.due(&book).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!("no messages are sent: {}", problem(error).message);
                    tick.reset_after(PAUSE);
                    continue;
                }
            };
            let now_busy: BTreeSet<&String> = busy.values().collect();
            let fresh: Vec<String> = due.into_iter().filter(|name| !now_busy.contains(name)).collect();
            for name in fresh {
                let (post, book, channel) = (self.clone(), book.clone(), name.clone());
                let lane = async move { post.carry(&book, Lane::Channel(channel)).await.map(|sent| note(&sent)) };
                busy.insert(lanes.spawn(lane).id(), name);
            }
        }
        self.edge.stop();
        while let Some(ended) = lanes.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::warn!("messages were not sent: {}", problem(error).message);
            }
        }
    }

    /// Channels to which something is due; none while acting is stopped.
    async fn due(&self, book: &Book) -> Result<Vec<String>, BookError> {
        if book.stopped().await?.is_some() {
            return Ok(Vec::new());
        }
        book.due_channels(clock::now()).await
    }

    /// Sends a message of its own to a channel: through the outbox like any other, with a plan that says who wanted it.
    ///
    /// # Errors
    /// Where there is no such channel, the kill switch is on, or the book cannot be used.
    pub(crate) async fn test(&self, home: &Home, channel: &str) -> Result<Tested, Failure> {
        if !self.routes.0.contains_key(channel) {
            let known: Vec<&str> = self.routes.0.keys().map(String::as_str).collect();
            let near = fault::nearest(channel, known.iter().copied());
            let help = match (near, known.is_empty()) {
                (Some(near), _) => format!("did you mean {near}?"),
                (None, true) => "leap.toml has no [[channels]]".to_owned(),
                (None, false) => format!("there are {}", known.join(", ")),
            };
            return Err(Failure::usage(format!("there is no channel '{}': {help}", channel.escape_debug())));
        }
        let (now, actor) = (clock::now(), publish::actor());
        let message = test_message(home, channel, &actor, now)?;
        let head = home.book.head().await.map_err(problem)?;
        let content = serde_json::json!({
            "plan": "channel test",
            "channel": channel,
            "by": actor,
            "at": now.to_string(),
            "message": message.key().as_str(),
        });
        let plan = NewPlan {
            snapshot: head.map(|head| head.id),
            made_at: now,
            made_by: actor.clone(),
            content: content.to_string(),
        };
        let mut act = Act::new(plan, format!("channel {channel} tested"), actor, now);
        act.messages.push(row(&message, channel));
        let acted = home.book.act(&act).await.map_err(problem)?;
        let number = acted.messages.first().map_or(0, |enqueued| enqueued.number);
        let receipts = self.carry(&home.book, Lane::Message(number)).await.map_err(problem)?;
        Ok(Tested { number, receipt: receipts.into_iter().next_back() })
    }

    /// Records what somebody pressed in Slack, after its signature was found right. Nothing else follows from it: an
    /// approval is given on the site.
    ///
    /// # Errors
    /// Why it is not taken; the book's failures as `None`.
    pub(crate) async fn pressed(
        &self,
        book: &Book,
        channel: &str,
        inbound: Inbound<'_>,
    ) -> Result<usize, Option<Refused>> {
        let now = clock::now();
        // Who asks for a channel that is not there learns no more than who signs wrongly.
        let secret = self.signing.get(channel).ok_or(Some(Refused::Signature))?;
        let presses = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            inbound::read(secret, inbound, &mut seen, now).map_err(Some)?
        };
        let mut recorded = 0;
        for Press { who, what, .. } in presses {
            let inbound::Pressed::Answered(answer, key) = what else { continue };
            let actor = format!("slack:{}/{}", who.team, who.user);
            match book.record_answer((&key, channel), answer.word(), &actor, now).await {
                Ok(_) => recorded += 1,
                Err(BookError::Refused(refusal)) => tracing::warn!("a press in Slack is about nothing: {refusal}"),
                Err(error) => {
                    tracing::error!("a press in Slack was not recorded: {}", problem(error).message);
                    return Err(None);
                }
            }
        }
        Ok(recorded)
    }
}

/// Tells the log what became of messages.
fn note(receipts: &[Receipt]) {
    for receipt in receipts {
        let (key, channel) = (&receipt.key, &receipt.destination);
        match &receipt.next {
            Next::Done => tracing::info!("{key} is sent to {channel}"),
            Next::Dead(why) => {
                tracing::warn!("{key} to {channel} is given up: {why}; leap message show {}", receipt.row)
            }
            Next::Again(at) => tracing::info!("{key} to {channel} is tried again at {at}"),
            Next::Held(until, hold) => tracing::debug!("{key} to {channel} waits until {until}: {hold}"),
        }
    }
}

/// A message as a row of the outbox.
pub(crate) fn row(message: &Message, channel: &str) -> NewMessage {
    let content = message.content();
    NewMessage {
        dedup_key: message.key().to_string(),
        channel: channel.to_owned(),
        message: serde_json::json!(message).to_string(),
        thread: message.thread().to_string(),
        unit: content.unit.clone(),
        urgency: match content.urgency {
            Urgency::Alert => MessageUrgency::Alert,
            Urgency::Nudge => MessageUrgency::Nudge,
        },
        not_before: None,
    }
}

/// What says that a channel works.
fn test_message(home: &Home, channel: &str, actor: &str, now: Instant) -> Result<Message, Failure> {
    let site = home.settings.serve.public_url.as_deref();
    let content = Content {
        kind: MessageKind::ChannelTested,
        unit: TeamId::new("leap").map_err(Failure::failed)?,
        subject: channel.to_owned(),
        period: now.to_string(),
        occurred: now,
        severity: Severity::Info,
        urgency: Urgency::Alert,
        title: format!("leap reaches the channel {channel}"),
        sentences: vec![format!("{actor} sent this to see whether it arrives. Nothing is wrong.")],
        fields: Vec::new(),
        links: site
            .map(|site| Link {
                label: "Messages".to_owned(),
                address: format!("{}/messages", site.trim_end_matches('/')),
            })
            .into_iter()
            .collect(),
        answers: Vec::new(),
        snapshot: None,
        incident: None,
    };
    Message::new(content).map_err(Failure::failed)
}
