//! `leap message …` and `leap kill-switch …`.
//!
//! ```text
//! $ leap message list
//! message  state  channel  about                                         …  attempts  last answer
//! 9        dead   finops   payments is 2.31 % over its budget of 2026-09  …         3  Slack answered 404
//! $ leap message retry 9
//! message 9 waits to be sent to finops
//! $ leap kill-switch on --reason "messages go to the wrong team"
//! ```
//! None of this takes the lock of the home: it works while bills are taken in.

use std::path::Path;

use leap_act::policy::Next;
use leap_act::send::Receipt;
use leap_book::{Cancellation, MessageFilter};
use serde_json::{Value, json};

use super::outbox::answer;
use super::{Post, problem, show};
use crate::cli::{KillSwitchCommand, MessageCommand, MessageListArgs, OutputFormat};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::publish;

/// What a `leap message` command does.
pub(crate) async fn run(root: &Path, command: &MessageCommand) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    match command {
        MessageCommand::List(args) => list(&home, args).await,
        MessageCommand::Show(args) => show_one(&home, args.number, args.format.format).await,
        MessageCommand::Retry(args) => {
            let actor = publish::actor();
            let message = home.book.retry_dead(args.number, &actor, clock::now()).await.map_err(problem)?;
            match args.format.format {
                OutputFormat::Json => print_json(&show::row(&message)),
                _ => emit(&format!(
                    "message {} waits to be sent to {}; leap serve sends it, or leap message send\n",
                    message.number, message.channel
                )),
            }
        }
        MessageCommand::Cancel(args) => {
            let cancellation = Cancellation { message: args.number, reason: args.reason.clone() };
            let actor = publish::actor();
            home.book.cancel_message(&cancellation, &actor, clock::now()).await.map_err(problem)?;
            match args.format.format {
                OutputFormat::Json => print_json(&show::row(&home.book.message(args.number).await.map_err(problem)?)),
                _ => emit(&format!("message {} is not sent\n", args.number)),
            }
        }
        MessageCommand::Send(args) => {
            let post = Post::of(&home)?;
            let receipts = post.deliver(&home.book).await?;
            let mut table = Answer::new(
                if receipts.is_empty() { "Nothing is due" } else { "What became of messages that were due" },
                &["message", "channel", "outcome", "attempt", "next", "answer", "key"],
            );
            table.rows.extend(receipts.iter().map(receipt_row));
            table.print(args.format.format)
        }
    }
}

/// What became of a message, in a word, and when it is tried next.
pub(crate) fn outcome(next: &Next) -> (&'static str, Option<String>) {
    match next {
        Next::Done => ("sent", None),
        Next::Dead(_) => ("dead", None),
        Next::Again(at) => ("again", Some(at.to_string())),
        Next::Held(until, _) => ("held", Some(until.to_string())),
    }
}

fn receipt_row(receipt: &Receipt) -> Vec<Cell> {
    let (word, next) = outcome(&receipt.next);
    vec![
        Cell::text(receipt.row.to_string()),
        Cell::text(receipt.destination.as_str()),
        Cell::text(word),
        Cell::Count(u64::from(receipt.attempt)),
        next.map_or(Cell::Empty, Cell::text),
        Cell::text(answer(receipt)),
        Cell::text(receipt.key.as_str()),
    ]
}

async fn list(home: &Home, args: &MessageListArgs) -> Result<(), Failure> {
    let filter = MessageFilter {
        state: args.state.map(Into::into),
        channel: args.channel.clone(),
        limit: Some(args.limit),
        ..MessageFilter::default()
    };
    let all = show::worst_first(&home.book, &filter).await.map_err(problem)?;
    if let Some(stop) = home.book.stopped().await.map_err(problem)? {
        eprintln!("leap: nothing is sent: {} stopped all acting at {}: {}", stop.actor, stop.at, stop.reason);
    }
    if args.format.format == OutputFormat::Json {
        return print_json(&json!({ "rows": all.iter().map(show::row).collect::<Vec<Value>>() }));
    }
    let columns = ["message", "state", "channel", "about", "created", "next", "attempts", "last_answer"];
    let mut table = Answer::new("Messages: dead letters first, then the newest", &columns);
    for message in &all {
        table.rows.push(vec![
            Cell::text(message.number.to_string()),
            Cell::text(show::state(message)),
            Cell::text(message.channel.as_str()),
            Cell::text(show::title(message)),
            Cell::text(message.created_at.to_string()),
            show::next(message).map_or(Cell::Empty, |at| Cell::text(at.to_string())),
            Cell::Count(u64::try_from(message.attempts).unwrap_or(0)),
            message.last_answer.as_deref().map_or(Cell::Empty, Cell::text),
        ]);
    }
    table.print(args.format.format)
}

async fn show_one(home: &Home, number: i64, format: OutputFormat) -> Result<(), Failure> {
    let message = home.book.message(number).await.map_err(problem)?;
    let attempts = home.book.send_attempts(number).await.map_err(problem)?;
    if format == OutputFormat::Json {
        let mut told = show::row(&message);
        told["message"] = serde_json::from_str(&message.message).unwrap_or_default();
        told["tried"] = attempts.iter().map(show::attempt).collect();
        return print_json(&told);
    }
    let columns = ["attempt", "outcome", "began", "ended", "by", "answer"];
    let mut table = Answer::new("", &columns);
    for attempt in &attempts {
        table.rows.push(vec![
            Cell::Count(u64::try_from(attempt.attempt).unwrap_or(0)),
            Cell::text(show::ended(attempt)),
            Cell::text(attempt.claimed_at.to_string()),
            attempt.ended_at.map_or(Cell::Empty, |at| Cell::text(at.to_string())),
            Cell::text(attempt.holder.as_str()),
            attempt.answer.as_deref().map_or(Cell::Empty, Cell::text),
        ]);
    }
    if format != OutputFormat::Table {
        return table.print(format);
    }
    let printable = crate::output::printable;
    let mut text = format!(
        "message {} to {}: {}\n{}\n",
        message.number,
        message.channel,
        show::state(&message),
        printable(&show::title(&message))
    );
    if let Some(said) = show::said(&message) {
        let content = said.content();
        content.sentences.iter().for_each(|sentence| text += &format!("  {}\n", printable(sentence)));
        let fields = content.fields.iter();
        fields.for_each(|field| text += &format!("  {}: {}\n", printable(&field.label), printable(&field.value)));
        content.links.iter().for_each(|link| text += &format!("  {} {}\n", printable(&link.label), link.address));
    }
    text += &format!("key {}, of plan {}, since {}\n", message.dedup_key, message.plan, message.created_at);
    if let Some(at) = show::next(&message) {
        text += &match &message.lease {
            Some(lease) => format!("being sent by {} until {at}\n", lease.holder),
            None => format!("tried next at {at}\n"),
        };
    }
    emit(&text)?;
    if attempts.is_empty() { Ok(()) } else { table.print(format) }
}

/// What a `leap kill-switch` command does.
pub(crate) async fn kill_switch(root: &Path, command: &KillSwitchCommand) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let (now, actor) = (clock::now(), publish::actor());
    let format = match command {
        KillSwitchCommand::On(args) => {
            home.book.stop_acting(&actor, &args.reason, now).await.map_err(problem)?;
            args.format.format
        }
        KillSwitchCommand::Off(args) => {
            home.book.release_acting(&actor, &args.reason, now).await.map_err(problem)?;
            args.format.format
        }
        KillSwitchCommand::Show(args) => args.format.format,
    };
    let stop = home.book.stopped().await.map_err(problem)?;
    if format == OutputFormat::Table {
        let events = home.book.kill_switch_events().await.map_err(problem)?;
        let is_new = !matches!(command, KillSwitchCommand::Show(_));
        return emit(&match (stop, events.last()) {
            (Some(stop), _) => format!(
                "nothing is done and no message is sent: {} stopped all acting at {}: {}\n{}",
                stop.actor,
                stop.at,
                stop.reason,
                if is_new { "leap kill-switch off --reason … lets it go on\n" } else { "" }
            ),
            (None, Some(last)) => {
                format!("acting goes on: {} released it at {}: {}\n", last.actor, last.at, last.reason)
            }
            (None, None) => "acting goes on; nobody ever stopped it\n".to_owned(),
        });
    }
    let events = home.book.kill_switch_events().await.map_err(problem)?;
    let mut table = Answer::new("", &["number", "event", "at", "by", "reason"]);
    for event in &events {
        table.rows.push(vec![
            Cell::text(event.number.to_string()),
            Cell::text(if event.stop { "stop" } else { "release" }),
            Cell::text(event.at.to_string()),
            Cell::text(event.actor.as_str()),
            Cell::text(event.reason.as_str()),
        ]);
    }
    if format != OutputFormat::Json {
        return table.print(format);
    }
    print_json(&json!({
        "stopped": stop.is_some(),
        "by": stop.as_ref().map(|stop| stop.actor.as_str()),
        "at": stop.as_ref().map(|stop| stop.at.to_string()),
        "reason": stop.as_ref().map(|stop| stop.reason.as_str()),
        "events": table.json_rows(),
    }))
}
