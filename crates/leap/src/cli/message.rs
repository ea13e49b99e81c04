//! What may be typed of messages, channels and the kill switch.

use clap::{Args, Subcommand, ValueEnum};
use leap_book::MessageState;

use super::{FormatArg, ListArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum MessageCommand {
    /// Messages of the outbox: dead letters first, then the newest.
    List(MessageListArgs),
    /// One of them: what it says, and each attempt to send it.
    Show(MessageArgs),
    /// Have a dead letter tried again, as if it were new.
    Retry(MessageArgs),
    /// Take a message that waits out of the outbox.
    Cancel(MessageCancelArgs),
    /// Send all that is due, once; leap serve does so by itself.
    Send(ListArgs),
}

/// Where a message stands.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StateArg {
    /// It is to be sent, or is being sent.
    Waiting,
    /// The channel took it.
    Sent,
    /// It was given up.
    Dead,
    /// It is not to be sent.
    Cancelled,
}

impl From<StateArg> for MessageState {
    fn from(state: StateArg) -> MessageState {
        match state {
            StateArg::Waiting => MessageState::Waiting,
            StateArg::Sent => MessageState::Sent,
            StateArg::Dead => MessageState::Dead,
            StateArg::Cancelled => MessageState::Cancelled,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct MessageListArgs {
    /// Those that stand there.
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) state: Option<StateArg>,
    /// Those to one channel.
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    /// So many of the newest.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct MessageArgs {
    /// Its number.
    pub(crate) number: i64,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct MessageCancelArgs {
    /// Its number.
    pub(crate) number: i64,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ChannelCommand {
    /// Channels of leap.toml, and how much waits for each.
    List(ListArgs),
    /// Read leap.toml and the secrets that it names, and say what is wrong; nothing is sent.
    Check(ListArgs),
    /// Send a message to a channel now, and print what came back.
    Test(ChannelTestArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ChannelTestArgs {
    /// The channel, as leap.toml names it.
    pub(crate) channel: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum KillSwitchCommand {
    /// Stop all acting: no plan is performed and no message sent, until somebody releases it.
    On(KillSwitchArgs),
    /// Let acting go on.
    Off(KillSwitchArgs),
    /// Whether acting is stopped, by whom, since when and why.
    Show(ListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct KillSwitchArgs {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
