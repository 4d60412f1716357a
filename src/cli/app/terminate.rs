//! `steadfast app terminate-op`.

use clap::Args;

use super::{Answer, Client, CommandError, Ui};
use crate::cli::output::paint::escape;

/// Stop the running operation
///
/// What was applied stays applied; hooks that run are deleted.
#[derive(Debug, Args)]
pub(super) struct TerminateArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,
}

/// Asks the running operation to stop.
pub(super) async fn run(
    args: TerminateArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    client.delete(&["applications", &args.name, "operation"], &[]).await?;
    ui.line(&format!("{}: the operation was asked to stop", escape(&args.name)))?;
    Ok(Answer::Yes)
}
