//! `leap channel …`: what `leap.toml` says of channels, and whether messages reach them.
//!
//! ```text
//! $ leap channel check
//! 2 channels can be sent to: finops, log
//! $ leap channel test finops
//! message 12 to finops: sent: Slack answered 200
//! ```

use std::path::Path;

use leap_act::policy::Next;
use leap_book::MessageState;
use serde_json::json;

use super::commands::outcome;
use super::outbox::answer;
use super::{Post, checked, problem};
use crate::cli::{ChannelCommand, OutputFormat};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::world::World;

/// What a `leap channel` command does.
pub(crate) async fn run(root: &Path, command: &ChannelCommand) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    match command {
        ChannelCommand::List(args) => list(&home, args.format.format).await,
        ChannelCommand::Check(args) => {
            let post = Post::of(&home)?;
            let names: Vec<&str> = post.routes.0.keys().map(String::as_str).collect();
            let org = World::load(&home, None).await?.org;
            for (name, route) in &post.routes.0 {
                for unit in route.units.iter().flatten().filter(|unit| org.unit(unit).is_none()) {
                    let near = org.nearest(unit.as_str());
                    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                    eprintln!("warning: channels.{name}: no unit has the id '{unit}': it gets nothing of it{near}");
                }
            }
            if args.format.format == OutputFormat::Json {
                return print_json(&json!({ "ok": true, "channels": names }));
            }
            emit(&match names.len() {
                0 => "leap.toml has no [[channels]]: no message leaves\n".to_owned(),
                1 => format!("1 channel can be sent to: {}\n", names[0]),
                count => format!("{count} channels can be sent to: {}\n", names.join(", ")),
            })
        }
        ChannelCommand::Test(args) => test(&home, &args.channel, args.format.format).await,
    }
}

async fn list(home: &Home, format: OutputFormat) -> Result<(), Failure> {
    checked(home)?;
    let depth = home.book.outbox_depth().await.map_err(problem)?;
    let columns = ["channel", "type", "kinds", "units", "quiet", "zone", "cap", "digest", "waiting", "dead"];
    let mut table = Answer::new("Channels of leap.toml; what is empty is all, or not set", &columns);
    for channel in &home.settings.channels {
        let name = channel.name.get_ref();
        let words = |list: &Option<Vec<toml::Spanned<String>>>| {
            let words = list.iter().flatten().map(|word| word.get_ref().as_str()).collect::<Vec<_>>();
            Cell::text(words.join(" "))
        };
        let text = |text: &Option<toml::Spanned<String>>| {
            text.as_ref().map_or(Cell::Empty, |text| Cell::text(text.get_ref().as_str()))
        };
        let weekends = channel.quiet_weekends.as_ref().is_some_and(|weekends| *weekends.get_ref());
        let quiet = match (channel.quiet.as_ref().map(|quiet| quiet.get_ref().as_str()), weekends) {
            (Some(hours), true) => Cell::text(format!("{hours} and weekends")),
            (Some(hours), false) => Cell::text(hours),
            (None, true) => Cell::text("weekends"),
            (None, false) => Cell::Empty,
        };
        let days = channel.cap_days.as_ref().map_or(7, |days| *days.get_ref());
        let cap = channel.cap.as_ref().map(|cap| format!("{} in {days} days", cap.get_ref()));
        let count = |state: MessageState| {
            let own = depth.iter().find(|depth| depth.channel == *name && depth.state == state);
            Cell::Count(own.map_or(0, |depth| depth.count))
        };
        table.rows.push(vec![
            Cell::text(name.as_str()),
            Cell::text(channel.kind.get_ref().word()),
            words(&channel.kinds),
            words(&channel.units),
            quiet,
            text(&channel.zone),
            cap.map_or(Cell::Empty, Cell::text),
            text(&channel.digest),
            count(MessageState::Waiting),
            count(MessageState::Dead),
        ]);
    }
    table.print(format)
}

async fn test(home: &Home, channel: &str, format: OutputFormat) -> Result<(), Failure> {
    let post = Post::of(home)?;
    let tested = post.test(home, channel).await?;
    let number = tested.number;
    let Some(receipt) = tested.receipt else {
        return Err(Failure::try_again(format!(
            "another process sends message {number} to {channel} at this moment: leap message show {number}"
        )));
    };
    let (word, next) = outcome(&receipt.next);
    if format == OutputFormat::Json {
        print_json(&json!({
            "message": number,
            "channel": channel,
            "key": receipt.key.as_str(),
            "outcome": word,
            "next": next,
            "answer": answer(&receipt),
        }))?;
    } else if format == OutputFormat::Table {
        let next = next.map_or_else(String::new, |at| format!(", tried again at {at} (leap message cancel {number})"));
        emit(&format!("message {number} to {channel}: {word}: {}{next}\n", answer(&receipt)))?;
    } else {
        let mut table = Answer::new("", &["message", "channel", "outcome", "next", "answer"]);
        table.rows.push(vec![
            Cell::text(number.to_string()),
            Cell::text(channel),
            Cell::text(word),
            next.map_or(Cell::Empty, Cell::text),
            Cell::text(answer(&receipt)),
        ]);
        table.print(format)?;
    }
    match receipt.next {
        Next::Done => Ok(()),
        Next::Again(_) | Next::Held(..) | Next::Dead(_) => {
            Err(Failure::failed(format!("the message did not reach {channel}")))
        }
    }
}
