//! `steadfast render`: the manifests of a directory or of an application.

use clap::{Args, ValueEnum};

use super::{Answer, connection::ConnectionArgs, error::CommandError, output::Ui};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One document per object
    Yaml,
    /// One v1 List
    Json,
}

/// Print the manifests of a directory (offline) or of an application
///
/// For a file or directory no cluster is asked and no namespace is filled in: the objects come out
/// as the controller reads them, sub-directories included. What can't be read is listed as
/// "error: FILE:LINE: why", and the exit code is 2.
///
/// For the name of an application the controller renders, and prints what it would apply.
#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    /// A file, a directory, or the name of an application
    #[arg(value_name = "PATH|APP")]
    target: String,

    /// Branch, tag or commit to render (for an application)
    #[arg(long, value_name = "REV")]
    revision: Option<String>,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "yaml")]
    output: Format,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the manifests.
pub(super) fn run(_args: RenderArgs, _ui: &mut Ui) -> Result<Answer, CommandError> {
    Err(CommandError::user("nothing to render with yet"))
}
