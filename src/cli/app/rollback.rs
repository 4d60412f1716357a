//! `steadfast app rollback`.

use clap::Args;
use serde_json::{Value, json};

use super::{
    Answer, Client, CommandError, Ui,
    history::id,
    sync::{FollowingArgs, follow_operation, stands_in_the_way},
    view::{View, short, text},
};
use crate::cli::output::paint::escape;

/// Go back to a revision that was deployed before, and follow it
///
/// The ids are those of "steadfast app history". Git stays as it is.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Id of the history entry; default: the one before the last
    #[arg(value_name = "ID")]
    id: Option<i64>,

    /// Delete objects that the old revision does not name
    #[arg(long)]
    prune: bool,

    /// Let the cluster check everything, change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    following: FollowingArgs,
}

/// Asks for a rollback and follows it.
pub(super) async fn run(
    args: RollbackArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let RollbackArgs { name, id: wanted, prune, dry_run, following } = args;
    let before = client.application(&name).await?;
    let entry = choose(View(&before), wanted)?;
    let revision = escape(short(text(entry, "/revision")));
    ui.line(&format!("{}: back to {} ({revision})", escape(&name), id(entry)))?;
    ui.flush()?;
    let body = json!({ "name": name, "id": id(entry), "prune": prune, "dryRun": dry_run });
    let posted = client.post(&["applications", &name, "rollback"], &body).await;
    let posted = posted.map_err(|failure| stands_in_the_way(&name, failure))?;
    follow_operation(&name, &before, &posted, &following, client, ui).await
}

fn choose(app: View<'_>, wanted: Option<i64>) -> Result<&Value, CommandError> {
    let history = app.history();
    let found = match wanted {
        Some(wanted) => history.iter().find(|entry| id(entry) == wanted),
        None => history.len().checked_sub(2).map(|at| &history[at]),
    };
    found.ok_or_else(|| {
        let name = escape(app.name());
        let message = match wanted {
            Some(id) => format!("the history of {name} has no entry {id}"),
            None => format!("{name} has no earlier deployment to go back to"),
        };
        CommandError::user(message).hint(format!("see \"steadfast app history {name}\""))
    })
}
