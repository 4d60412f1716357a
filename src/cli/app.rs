//! `steadfast app`: looks at applications and acts on them, by the status API.

mod delete;
mod follow;
mod get;
mod history;
mod list;
pub(super) mod manifests;
mod progress;
mod refresh;
mod resources;
mod rollback;
mod sync;
mod terminate;
pub(super) mod view;
mod wait;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    Answer,
    connection::{Client, ConnectionArgs},
    diff,
    error::{CommandError, Kind},
    output::{
        Ui,
        paint::{Paint, escape},
    },
    runtime,
};
use view::{View, short};

/// Look at applications and act on them, by the status API
///
/// The status API is that of the controller. Outside of the cluster:
/// kubectl -n argocd port-forward svc/steadfast 8080
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct AppArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    #[command(subcommand)]
    verb: AppVerb,
}

#[derive(Debug, Subcommand)]
enum AppVerb {
    /// List applications
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show one application: sync, health, conditions, resources, drift
    Get(get::GetArgs),
    /// Show what differs between Git and the cluster
    Diff(diff::DiffArgs),
    /// Sync an application to Git and follow it to the end
    Sync(sync::SyncArgs),
    /// Go back to a revision that was deployed before, and follow it
    Rollback(rollback::RollbackArgs),
    /// List the revisions that were deployed
    History(history::HistoryArgs),
    /// Wait until an application is synced, healthy, or done with its operation
    Wait(wait::WaitArgs),
    /// Look at Git and the cluster now
    Refresh(refresh::RefreshArgs),
    /// Stop the running operation
    TerminateOp(terminate::TerminateArgs),
    /// Print the manifests of an application
    Manifests(manifests::ManifestsArgs),
    /// List the objects of an application
    Resources(resources::ResourcesArgs),
    /// Delete an application
    Delete(delete::DeleteArgs),
}

/// Runs one verb.
pub(super) fn run(args: AppArgs, ui: &mut Ui) -> Result<Answer, CommandError> {
    let AppArgs { connection, verb } = args;
    if let AppVerb::Diff(args) = verb {
        return diff::run(args, connection, ui);
    }
    runtime()?.block_on(async {
        let client = Client::connect(connection)?;
        match verb {
            AppVerb::List(args) => list::run(args, &client, ui).await,
            AppVerb::Get(args) => get::run(args, &client, ui).await,
            AppVerb::Diff(_) => unreachable!("taken above"),
            AppVerb::Sync(args) => sync::run(args, &client, ui).await,
            AppVerb::Rollback(args) => rollback::run(args, &client, ui).await,
            AppVerb::History(args) => history::run(args, &client, ui).await,
            AppVerb::Wait(args) => wait::run(args, &client, ui).await,
            AppVerb::Refresh(args) => refresh::run(args, &client, ui).await,
            AppVerb::TerminateOp(args) => terminate::run(args, &client, ui).await,
            AppVerb::Manifests(args) => manifests::run(args, &client, ui).await,
            AppVerb::Resources(args) => resources::run(args, &client, ui).await,
            AppVerb::Delete(args) => delete::run(args, &client, ui).await,
        }
    })
}

/// One line that says how an application is doing.
fn summary(app: View<'_>, paint: Paint) -> String {
    let mut line = format!("{}: {}", paint.bold(&escape(app.name())), paint.status(app.sync()));
    if !app.revision().is_empty() {
        line.extend([" at ", &escape(short(app.revision()))]);
    }
    line.extend([", ", &paint.status(&escape(app.health()))]);
    if !app.health_message().is_empty() {
        line.extend([": ", &escape(app.health_message())]);
    }
    line
}

/// Argo CD sends objects as JSON in a string.
fn json_text(text: &Value) -> Result<Value, CommandError> {
    serde_json::from_str(text.as_str().unwrap_or_default())
        .context("the status API sent an object that is not JSON")
        .map_err(|error| CommandError::new(Kind::Cluster, error))
}

/// The objects of an application as the cluster has them.
async fn live_objects(client: &Client, name: &str) -> Result<Vec<Value>, CommandError> {
    let answer = client.get(&["applications", name, "managed-resources"], &[]).await?;
    let items = view::list(&answer, "/items").iter();
    let states = items.filter_map(|item| item.get("liveState"));
    let objects = states.filter(|state| state.as_str().is_some_and(|s| !s.is_empty()));
    let objects: Vec<Value> = objects.map(json_text).collect::<Result<_, _>>()?;
    Ok(objects.into_iter().filter(Value::is_object).collect())
}
