//! `steadfast diff` and `steadfast app diff`: what would change in the cluster.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Answer, connection::ConnectionArgs, error::CommandError, output::Ui};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Unified diffs
    Text,
    /// A comment for a pull request
    Markdown,
    /// One object per difference
    Json,
    /// The same as YAML
    Yaml,
}

/// `diff` at the top level: the same, with the connection.
#[derive(Debug, Args)]
pub(super) struct DiffVerb {
    #[command(flatten)]
    args: DiffArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Show what a sync, a revision or a local directory would change in the cluster
///
/// Without --revision and --local: what differs now between Git and the cluster. With one of them:
/// what the cluster would look like with those manifests, for pull requests. Values of Secrets are
/// never shown.
///
/// Exit code 0: no differences. 1: differences. 2: error.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    pub(super) name: String,

    /// Branch, tag or commit that the controller renders instead
    #[arg(long, value_name = "REV", conflicts_with = "local")]
    revision: Option<String>,

    /// File or directory to render here instead, such as a checked-out pull request
    #[arg(long, value_name = "PATH")]
    local: Option<PathBuf>,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,

    /// Largest markdown to write, in bytes; the default fits a GitHub comment
    #[arg(long, value_name = "BYTES", default_value_t = 65_000)]
    bytes_max: usize,
}

/// Runs `steadfast diff`.
pub(super) fn run_verb(verb: DiffVerb, ui: &mut Ui) -> Result<Answer, CommandError> {
    let DiffVerb { args, connection } = verb;
    run(args, connection, ui)
}

/// Prints the differences.
pub(super) fn run(
    _args: DiffArgs,
    _connection: ConnectionArgs,
    _ui: &mut Ui,
) -> Result<Answer, CommandError> {
    Err(CommandError::user("nothing to compare with yet"))
}
