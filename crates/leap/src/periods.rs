//! `leap period …`: statements of closed billing periods, and why a period differs from its own.

use std::path::Path;

use crate::cli::{PeriodCommand};
use crate::failure::Failure;

/// `leap period …`.
pub(crate) async fn run(root: &Path, command: &PeriodCommand) -> Result<(), Failure> {
    Err(Failure::failed(format!("{} {command:?}", root.display())))
}
