//! What may be typed of the audit trail, of copies and of the health of a home.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FormatArg, ListArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum AuditCommand {
    /// Print the trail.
    List(ListArgs),
    /// Check that no event was changed, removed, added or moved; with checkpoints, that the trail was not written anew.
    Verify(AuditVerifyArgs),
    /// Write where the trail stands now, to be kept elsewhere: who rewrites the book cannot rewrite what is there.
    Checkpoint(AuditCheckpointArgs),
    /// Make a key that signs checkpoints: KEY is secret, KEY.pub is for those who verify.
    Key(AuditKeyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct AuditVerifyArgs {
    /// A checkpoint that was exported earlier; may be said several times.
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// Public keys (PEM): each checkpoint has to be signed by one of them.
    #[arg(long = "key", value_name = "FILE", requires = "checkpoints")]
    pub(crate) keys: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct AuditCheckpointArgs {
    /// Sign it with this key (PEM, as leap audit key or openssl genpkey -algorithm ed25519 makes it).
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Where it is written; a file that is there is not replaced. Default: standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct AuditKeyArgs {
    /// The file of the secret key; must not exist.
    pub(crate) key: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// New folder for the copy.
    pub(crate) to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Remove files that no snapshot names and that are older than the grace period.
    #[arg(long)]
    pub(crate) collect: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
