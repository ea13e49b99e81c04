//! `leap residual …`: cost without an owner, and how it goes down.

use std::path::Path;

use crate::cli::ResidualCommand;
use crate::failure::Failure;

/// `leap residual …`.
pub(crate) async fn run(root: &Path, command: &ResidualCommand) -> Result<(), Failure> {
    Err(Failure::failed(format!("{} {command:?}", root.display())))
}
