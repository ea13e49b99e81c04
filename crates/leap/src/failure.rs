//! How a command ends when it does not end well: a text for people and an exit code for scripts.

/// Exit codes of sysexits and our own; `leap --help` lists them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Something failed.
    Failed = 1,
    /// The command was typed wrongly.
    Usage = 2,
    /// What was to be shown is not.
    PolicyBroken = 3,
    /// A proof differs, or a delivery is refused.
    DataQuality = 4,
    /// The person may not do it, or not alone.
    NotAllowed = 5,
    /// Somebody else is at it; try again.
    TryAgain = 75,
    /// Stopped by Ctrl-C (128 + SIGINT).
    Interrupted = 130,
}

/// A failure.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For people; may have several lines.
    pub(crate) message: String,
    /// For scripts.
    pub(crate) exit: Exit,
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Failed }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Usage }
    }

    pub(crate) fn quality(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::DataQuality }
    }

    pub(crate) fn not_allowed(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::NotAllowed }
    }

    pub(crate) fn try_again(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::TryAgain }
    }

    pub(crate) fn interrupted() -> Failure {
        Failure { message: "stopped; the state is as before".to_owned(), exit: Exit::Interrupted }
    }

    /// The error and everything that caused it, one after the other.
    pub(crate) fn from_error(error: &(dyn std::error::Error + 'static)) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message += &format!(": {inner}");
            cause = inner.source();
        }
        Failure::failed(message)
    }
}
