//! `steadfast app sync`.

use std::{str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    Answer, Client, CommandError, Kind, Ui,
    follow::{Follow, is_stale},
    progress::{Ending, Judgement, Progress, deadline, follow},
    summary,
    view::{Operation, View, or, text},
};
use crate::{
    cli::output::{
        paint::escape,
        table::{Column, table},
    },
    config::duration,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Strategy {
    /// Apply, and run hooks
    Hook,
    /// Apply without hooks
    Apply,
}

/// Sync an application to Git and follow it to the end
///
/// Exit code 0: synced. 1: the sync failed, or did not end in time (it goes on then), or another
/// operation runs.
#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Branch, tag or commit to sync to; default: what the application follows
    #[arg(long, value_name = "REV")]
    revision: Option<String>,

    /// Delete objects that Git no longer names
    #[arg(long)]
    prune: bool,

    /// Let the cluster check everything, change nothing
    #[arg(long)]
    dry_run: bool,

    /// Delete and create objects that can't be changed in place
    #[arg(long)]
    force: bool,

    /// Sync this object only (can be given several times)
    ///
    /// GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME; the group of Service, ConfigMap and the like
    /// is empty: ":Service:web". Hooks don't run in such a sync.
    #[arg(long = "resource", value_name = "GROUP:KIND:NAME")]
    resources: Vec<ResourceName>,

    /// Whether hooks run
    #[arg(long, value_name = "STRATEGY", value_enum, default_value = "hook")]
    strategy: Strategy,

    /// How often a failed sync is tried again; negative is without limit
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    retry_limit: Option<i64>,

    /// Wait before the first of these; doubled each time
    #[arg(long, value_name = "DUR", requires = "retry_limit", value_parser = duration::parse)]
    retry_backoff_duration: Option<Duration>,

    #[command(flatten)]
    following: FollowingArgs,
}

/// How an operation is followed; the same for sync and rollback.
#[derive(Debug, Args)]
pub(super) struct FollowingArgs {
    /// Do not follow; the exit code says only whether the request was taken
    #[arg(long = "async")]
    detached: bool,

    /// After a success, wait until the application is healthy as well
    #[arg(long, conflicts_with = "detached")]
    health: bool,

    /// Time to follow at most, such as 90s or 10m; 0 is for ever
    #[arg(long, value_name = "DUR", default_value = "10m")]
    #[arg(value_parser = duration::parse)]
    timeout: Duration,
}

/// An object as `--resource` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ResourceName {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

impl FromStr for ResourceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        let [group, kind, name] = parts[..] else {
            return Err("write GROUP:KIND:NAME, such as apps:Deployment:web or :Service:web");
        };
        let (namespace, name) = name.split_once('/').unwrap_or(("", name));
        if kind.is_empty() || name.is_empty() {
            return Err("kind and name can't be empty");
        }
        let [group, kind, namespace, name] = [group, kind, namespace, name].map(str::to_owned);
        Ok(Self { group, kind, namespace, name })
    }
}

/// Asks for a sync and follows it.
pub(super) async fn run(
    args: SyncArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let before = client.application(&args.name).await?;
    let posted = client.post(&["applications", &args.name, "sync"], &request(&args)).await;
    let posted = posted.map_err(|failure| stands_in_the_way(&args.name, failure))?;
    follow_operation(&args.name, &before, &posted, &args.following, client, ui).await
}

/// Says what to do when the request was refused because another operation runs.
pub(super) fn stands_in_the_way(name: &str, failure: CommandError) -> CommandError {
    if failure.kind != Kind::Later {
        return failure;
    }
    let name = escape(name);
    failure
        .hint(format!("wait for its end and try again: steadfast app wait {name} --operation"))
        .hint(format!("or end it: steadfast app terminate-op {name}"))
}

/// The body of the request, in the shape of Argo CD's `ApplicationSyncRequest`.
fn request(args: &SyncArgs) -> Value {
    let mut body = json!({ "name": args.name, "prune": args.prune, "dryRun": args.dry_run });
    let strategy = match args.strategy {
        Strategy::Hook => "hook",
        Strategy::Apply => "apply",
    };
    body["strategy"] = json!({ strategy: { "force": args.force } });
    if let Some(revision) = &args.revision {
        body["revision"] = json!(revision);
    }
    if !args.resources.is_empty() {
        let resources = args.resources.iter().map(|resource| {
            let ResourceName { group, kind, namespace, name } = resource;
            let mut entry = json!({ "group": group, "kind": kind, "name": name });
            if !namespace.is_empty() {
                entry["namespace"] = json!(namespace);
            }
            entry
        });
        body["resources"] = resources.collect();
    }
    if let Some(limit) = args.retry_limit {
        body["retryStrategy"] = json!({ "limit": limit });
        if let Some(first) = args.retry_backoff_duration {
            body["retryStrategy"]["backoff"] =
                json!({ "duration": duration::text(first), "factor": 2 });
        }
    }
    body
}

/// Follows an operation that was just asked for, `before` being the application as it was and
/// `posted` the server's answer.
pub(super) async fn follow_operation(
    name: &str,
    before: &Value,
    posted: &Value,
    following: &FollowingArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let shown = escape(name);
    if following.detached {
        ui.line(&format!("{shown}: the operation was asked for"))?;
        return Ok(Answer::Yes);
    }
    let end = deadline(following.timeout);
    let mut states = Follow::new(client, name);
    let mut progress = Progress::from(before);
    let mut last = Value::Null;
    let asked = Asked::new(View(before), View(posted));
    let ending = follow(&mut states, &mut progress, end, ui, |app| match asked.ended(app) {
        None if is_stale(app, asked.since) => Judgement::Ignore,
        None => Judgement::Wait(String::new()),
        Some(succeeded) => {
            last = app.0.clone();
            Judgement::Done(succeeded)
        }
    })
    .await?;
    let succeeded = match ending {
        Ending::Got(succeeded) => succeeded,
        ending => return no_ending(&shown, &ending, following.timeout, ui),
    };
    report(View(&last), ui)?;
    if !succeeded || !following.health {
        return Ok(if succeeded { Answer::Yes } else { Answer::No });
    }
    let ending = follow(&mut states, &mut progress, end, ui, |app| {
        if app.health() == "Healthy" {
            last = app.0.clone();
            return Judgement::Done(());
        }
        Judgement::Wait(format!("health ({})", or(app.health_message(), app.health())))
    })
    .await?;
    match ending {
        Ending::Got(()) => {
            ui.line(&summary(View(&last), ui.paint))?;
            Ok(Answer::Yes)
        }
        ending => no_ending(&shown, &ending, following.timeout, ui),
    }
}

/// What is known of the operation that was asked for.
struct Asked<'a> {
    /// Resource version of the answer to the request.
    since: &'a str,
    /// Whether the answer shows the request; then its absence later means that it was taken up.
    visible: bool,
    /// Start and end of the operation before.
    before: (&'a str, &'a str),
}

impl<'a> Asked<'a> {
    fn new(before: View<'a>, posted: View<'a>) -> Self {
        let times = before.operation().map(times_of);
        Self {
            since: posted.resource_version(),
            visible: posted.operation_asked(),
            before: times.unwrap_or_default(),
        }
    }

    /// Whether the operation succeeded; `None` while it is not finished, as far as `app` knows.
    fn ended(&self, app: View<'_>) -> Option<bool> {
        if is_stale(app, self.since) || app.operation_asked() {
            return None;
        }
        let operation = app.operation().filter(|operation| operation.is_finished())?;
        (self.visible || times_of(operation) != self.before).then(|| operation.succeeded())
    }
}

fn times_of(operation: Operation<'_>) -> (&str, &str) {
    (operation.started_at(), operation.finished_at())
}

/// Says that there is nothing to follow any more, or no time.
fn no_ending<T>(
    shown: &str,
    ending: &Ending<T>,
    timeout: Duration,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let line = match ending {
        Ending::Gone => format!("{shown}: was deleted"),
        _ => format!("{shown}: not done after {}; it goes on", duration::text(timeout)),
    };
    ui.line(&line)?;
    Ok(Answer::No)
}

/// Says how the operation ended. A terminal gets the results too, because the live view is gone;
/// elsewhere each of them has had its line.
fn report(app: View<'_>, ui: &mut Ui) -> Result<(), CommandError> {
    if let Some(operation) = app.operation().filter(|_| ui.terminal) {
        let columns = [
            Column::Fixed("KIND"),
            Column::Fixed("NAMESPACE"),
            Column::Fixed("NAME"),
            Column::State("RESULT"),
            Column::Text("MESSAGE"),
        ];
        let rows: Vec<Vec<String>> = operation.results().iter().map(result_row).collect();
        let width = ui.columns();
        if !rows.is_empty() {
            ui.bytes(table(&columns, &rows, Some(width), ui.paint).as_bytes())?;
        }
        let phase = ui.paint.status(&escape(operation.phase()));
        let name = ui.paint.bold(&escape(app.name()));
        ui.line(&format!("{name}: {phase}: {}", escape(operation.message())))?;
    }
    ui.line(&summary(app, ui.paint))?;
    ui.flush()
}

fn result_row(result: &Value) -> Vec<String> {
    let phase = or(text(result, "/hookPhase"), text(result, "/status"));
    [
        text(result, "/kind"),
        text(result, "/namespace"),
        text(result, "/name"),
        phase,
        text(result, "/message"),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(version: &str, asked: bool, operation: Option<(&str, &str)>) -> Value {
        let mut app = json!({"metadata": {"name": "web", "resourceVersion": version}});
        if asked {
            app["operation"] = json!({"sync": {}});
        }
        if let Some((phase, started)) = operation {
            app["status"]["operationState"] = json!({"phase": phase, "startedAt": started});
        }
        app
    }

    #[test]
    fn an_operation_has_ended_only_when_ours_has() {
        let before = app("10", false, Some(("Failed", "t1")));
        let posted = app("12", true, Some(("Failed", "t1")));
        let asked = Asked::new(View(&before), View(&posted));
        let table = [
            (app("10", false, Some(("Failed", "t1"))), None), // a watch that lags behind
            (app("12", true, Some(("Failed", "t1"))), None),  // not taken up
            (app("13", true, Some(("Running", "t2"))), None),
            (app("14", false, Some(("Running", "t2"))), None),
            (app("15", false, Some(("Succeeded", "t2"))), Some(true)),
            (app("15", false, Some(("Error", "t2"))), Some(false)),
            (app("15", false, Some(("Failed", "t1"))), Some(false)), // within the same second
        ];
        for (app, wanted) in table {
            assert_eq!(asked.ended(View(&app)), wanted, "{app}");
        }
    }

    #[test]
    fn without_the_request_in_the_answer_the_old_operation_does_not_count() {
        let before = app("10", false, Some(("Succeeded", "t1")));
        let asked = Asked::new(View(&before), View(&before));
        assert_eq!(asked.ended(View(&before)), None);
        assert_eq!(asked.ended(View(&app("11", false, Some(("Succeeded", "t2"))))), Some(true));
    }

    #[test]
    fn objects_are_named_as_argo_cds_client_does() {
        let name = |text: &str| text.parse::<ResourceName>();
        let web = name("apps:Deployment:shop/web").unwrap();
        assert_eq!((web.namespace.as_str(), web.name.as_str()), ("shop", "web"));
        assert_eq!(name(":Service:web").unwrap().group, "");
        for bad in ["web", "a:b", "apps::web", ":Service:", "a:b:c:d"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
