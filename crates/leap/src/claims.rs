//! `leap claim`, `leap dispute`, `leap claims …`: ownership that people settle, with reason and date.

use std::path::Path;

use crate::cli::{ClaimArgs, ClaimsCommand, DisputeArgs};
use crate::failure::Failure;

/// `leap claim`.
pub(crate) async fn claim(root: &Path, args: &ClaimArgs) -> Result<(), Failure> {
    Err(Failure::failed(format!("{} {args:?}", root.display())))
}

/// `leap dispute`.
pub(crate) async fn dispute(root: &Path, args: &DisputeArgs) -> Result<(), Failure> {
    Err(Failure::failed(format!("{} {args:?}", root.display())))
}

/// `leap claims …`.
pub(crate) async fn answer(root: &Path, command: &ClaimsCommand) -> Result<(), Failure> {
    Err(Failure::failed(format!("{} {command:?}", root.display())))
}
