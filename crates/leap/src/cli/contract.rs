//! What may be typed of contracts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FormatArg, KnownArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum ContractCommand {
    /// Make contracts.yaml and OpenSLO documents the contracts in force; all of them, as what is applied is the whole
    /// list.
    Apply(ContractApplyArgs),
    /// Where each clause stands: state, since when, the clock of its grace, its last window.
    List(ContractListArgs),
    /// One clause with its stretches, events and last windows; without a clause the documents in force.
    Show(ContractShowArgs),
    /// The clauses that are not as they should be; ends with 3 where one is breached, else with 4 where one cannot be
    /// judged.
    Check(ContractListArgs),
    /// Take all contracts out of force.
    EndAll,
    /// Print the clauses about latency as OpenSLO documents.
    Export(ContractExportArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ContractApplyArgs {
    /// contracts.yaml, or OpenSLO v1 documents whose queries are of type leap; one or several files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct ContractListArgs {
    /// Clauses that a unit answers for, or whose contract is with it; by id, name or alias.
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct ContractShowArgs {
    /// A clause, such as charge-api.p999.
    #[arg(value_name = "CONTRACT.CLAUSE")]
    pub(crate) clause: Option<String>,
    /// So many windows, the last ones.
    #[arg(long, default_value_t = 24, value_name = "COUNT")]
    pub(crate) windows: usize,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Args, Debug)]
pub(crate) struct ContractExportArgs {
    #[command(flatten)]
    pub(crate) known: KnownArgs,
}
