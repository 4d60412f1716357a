//! `steadfast app refresh`.

use clap::Args;

use super::{Answer, Client, CommandError, Ui, summary, view::View};

/// Look at Git and the cluster now
///
/// Polls the repository, renders what changed, compares, and prints the result. A normal refresh
/// is seldom needed: webhooks and watches do it.
#[derive(Debug, Args)]
pub(super) struct RefreshArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Forget the cached manifests and render anew
    #[arg(long)]
    hard: bool,
}

/// Asks for a refresh and prints what came of it.
pub(super) async fn run(
    args: RefreshArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let level = if args.hard { "hard" } else { "normal" };
    let app = client.get(&["applications", &args.name], &[("refresh", level)]).await?;
    ui.line(&summary(View(&app), ui.paint))?;
    Ok(Answer::Yes)
}
