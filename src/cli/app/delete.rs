//! `steadfast app delete`.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep};

use super::{Answer, Client, CommandError, Ui, view::View};
use crate::{cli::output::paint::escape, config::duration};

/// Time between two looks while waiting for the end.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Propagation {
    /// Children go first
    Foreground,
    /// Children go later
    Background,
}

/// Delete an application
///
/// With --cascade (the default) the objects in the cluster are deleted as well; with --no-cascade
/// they stay and nobody manages them any more.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a flag of its own")]
pub(super) struct DeleteArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Delete the objects in the cluster as well (the default)
    #[arg(long, overrides_with = "no_cascade")]
    cascade: bool,

    /// Leave the objects in the cluster
    #[arg(long)]
    no_cascade: bool,

    /// How the children of the objects are deleted
    #[arg(short, long, value_name = "POLICY", value_enum, default_value = "foreground")]
    propagation_policy: Propagation,

    /// Wait until the application is gone
    #[arg(long)]
    wait: bool,

    /// Time to wait at most; 0 is for ever
    #[arg(long, value_name = "DUR", default_value = "10m", requires = "wait",
          value_parser = duration::parse)]
    timeout: Duration,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Deletes, after asking.
pub(super) async fn run(
    args: DeleteArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let DeleteArgs { name, cascade: _, no_cascade, propagation_policy, wait, timeout, yes } = args;
    let cascade = !no_cascade;
    let app = client.application(&name).await?;
    if !yes && !confirm(View(&app), cascade, ui)? {
        ui.line("nothing was deleted")?;
        return Ok(Answer::No);
    }
    let policy = match propagation_policy {
        Propagation::Foreground => "foreground",
        Propagation::Background => "background",
    };
    let query =
        [("cascade", if cascade { "true" } else { "false" }), ("propagationPolicy", policy)];
    client.delete(&["applications", &name], &query).await?;
    if !wait {
        ui.line(&format!("{}: deletion was asked for", escape(&name)))?;
        return Ok(Answer::Yes);
    }
    wait_for_the_end(&name, timeout, client, ui).await
}

/// Asks on the terminal; without one somebody has to have said `--yes`.
fn confirm(app: View<'_>, cascade: bool, ui: &mut Ui) -> Result<bool, CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::user("nobody to ask whether to delete").hint("say it with --yes"));
    }
    let what = match (cascade, app.resources().len()) {
        (true, 1) => "and its 1 object in the cluster".to_owned(),
        (true, count) => format!("and its {count} objects in the cluster"),
        (false, _) => "and leave its objects in the cluster".to_owned(),
    };
    ui.flush()?;
    eprint!("Delete application {} {what}? [y/N] ", ui.paint.bold(&escape(app.name())));
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn wait_for_the_end(
    name: &str,
    timeout: Duration,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let start = Instant::now();
    let mut said = String::new();
    loop {
        let Some(app) = client.find(&["applications", name], &[]).await? else { break };
        let left = View(&app).resources().len();
        let state = format!("{}: deleting, objects left: {left}", escape(name));
        if state != said {
            ui.line(&state)?;
            ui.flush()?;
            said = state;
        }
        if !timeout.is_zero() && start.elapsed() >= timeout {
            ui.line(&format!("{}: still there after {}", escape(name), duration::text(timeout)))?;
            return Ok(Answer::No);
        }
        sleep(LOOK_INTERVAL).await;
    }
    ui.line(&format!("{}: deleted", escape(name)))?;
    Ok(Answer::Yes)
}
