//! `steadfast app get`.

use clap::Args;
use serde_json::Value;

use super::{
    Answer, Client, CommandError, Ui,
    resources::resource_table,
    view::{self, View, object_name, or, short, text},
};
use crate::cli::output::{
    Format,
    paint::{Paint, escape},
};

/// Longest value of a drifted field that is shown.
const VALUE_CHARS_MAX: usize = 60;

/// Drifts that are shown, the newest ones.
const DRIFTS_SHOWN_MAX: usize = 10;

/// Show one application: sync, health, conditions, resources, drift
#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Look at Git and the cluster first
    #[arg(long)]
    refresh: bool,

    /// Forget the cached manifests and render anew first
    #[arg(long)]
    hard_refresh: bool,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,
}

/// Prints the application.
pub(super) async fn run(
    args: GetArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let GetArgs { name, refresh, hard_refresh, output } = args;
    let path = ["applications", name.as_str()];
    let query: &[(&str, &str)] = match (hard_refresh, refresh) {
        (true, _) => &[("refresh", "hard")],
        (false, true) => &[("refresh", "normal")],
        (false, false) => &[],
    };
    let app = client.get(&path, query).await?;
    match output {
        Format::Json => ui.json(&app)?,
        Format::Yaml => ui.yaml(&app)?,
        Format::Name => ui.line(&escape(View(&app).name()))?,
        Format::Text | Format::Wide => {
            let drift = client.find(&["applications", &name, "drift"], &[]).await?;
            let wide = output == Format::Wide;
            let width = (!wide).then(|| ui.columns());
            let drifts = drift.as_ref().map_or(&[][..], |drift| view::list(drift, "/items"));
            let text = describe(View(&app), drifts, width, ui.paint);
            ui.bytes(text.as_bytes())?;
        }
    }
    Ok(Answer::Yes)
}

/// The whole description; `width` is `None` to cut nothing.
fn describe(app: View<'_>, drifts: &[Value], width: Option<usize>, paint: Paint) -> String {
    let mut lines = Vec::new();
    let mut field = |name: &str, value: String| {
        let label = if name.is_empty() { String::new() } else { format!("{name}:") };
        lines.push(format!("{label:<13}{value}"));
    };
    field("Name", paint.bold(&escape(app.name())));
    field("Project", escape(app.project()));
    for source in app.sources() {
        field("Source", source_line(source));
    }
    let (namespace, cluster) = app.destination();
    field("Destination", escape(&format!("{} on {cluster}", or(namespace, "(no namespace)"))));
    field("Sync policy", app.policy());
    let revision = if width.is_some() { short(app.revision()) } else { app.revision() };
    let revision = escape(revision);
    let at = if revision.is_empty() { String::new() } else { format!(" at {revision}") };
    field("Sync", format!("{}{at}", paint.status(&escape(app.sync()))));
    let health = paint.status(&escape(app.health()));
    field("Health", format!("{health}  {}", escape(app.health_message())).trim_end().to_owned());
    if let Some(operation) = app.operation() {
        let phase = paint.status(&escape(operation.phase()));
        field("Operation", format!("{phase}  {}", escape(operation.message())));
        field("", operation_line(operation));
    }
    for url in view::list(app.0, "/status/summary/externalURLs") {
        field("URL", escape(url.as_str().unwrap_or_default()));
    }
    for image in view::list(app.0, "/status/summary/images") {
        field("Image", escape(image.as_str().unwrap_or_default()));
    }
    let mut out: String = lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect();

    for condition in app.conditions() {
        let kind = text(condition, "/type");
        let name = if kind.ends_with("Warning") { paint.yellow(kind) } else { paint.red(kind) };
        let since = format!("  since {}", escape(text(condition, "/lastTransitionTime")));
        let message = escape(text(condition, "/message"));
        out.extend(["\n", &name, ": ", &message, "\n", &paint.dim(&since), "\n"]);
    }
    if !app.resources().is_empty() {
        out.push('\n');
        out.push_str(&resource_table(app.resources(), width.is_none(), width, paint));
    }
    if !drifts.is_empty() {
        out.extend(["\n", &paint.bold("DRIFT"), "\n"]);
        let skipped = drifts.len().saturating_sub(DRIFTS_SHOWN_MAX);
        if skipped > 0 {
            out.extend(["  … ", &skipped.to_string(), " earlier ones\n"]);
        }
        for drift in &drifts[skipped..] {
            out.push_str(&drift_lines(drift, paint));
        }
    }
    out
}

fn source_line(source: &Value) -> String {
    let path = or(text(source, "/path"), text(source, "/chart"));
    let target = or(text(source, "/targetRevision"), "HEAD");
    let mut line = text(source, "/repoURL").to_owned();
    if !path.is_empty() {
        line.extend(["  path ", path]);
    }
    escape(&format!("{line}  at {target}"))
}

fn operation_line(operation: view::Operation<'_>) -> String {
    let mut line = format!("started {}", operation.started_at());
    if !operation.finished_at().is_empty() {
        line.extend([", finished ", operation.finished_at()]);
    }
    if !operation.revision().is_empty() {
        line.extend([", revision ", short(operation.revision())]);
    }
    if operation.retries() > 0 {
        line.extend([", retries ", &operation.retries().to_string()]);
    }
    escape(&line)
}

fn drift_lines(drift: &Value, paint: Paint) -> String {
    let by = or(text(drift, "/manager"), "somebody unknown");
    let corrected = drift.get("corrected") == Some(&Value::Bool(true));
    let state = if corrected { paint.green("put back") } else { paint.yellow("not put back") };
    let at = text(drift, "/at");
    // A person reads seconds.
    let at = at.split_once('.').map_or_else(|| at.to_owned(), |(seconds, _)| format!("{seconds}Z"));
    let head = format!("  {at}  {}  by {by}", object_name(drift));
    let change = match text(drift, "/field") {
        "" => "deleted".to_owned(),
        field => format!("{field}: {} -> {}", value(drift, "old"), value(drift, "new")),
    };
    format!("{}, {state}\n    {}\n", escape(&head), escape(&change))
}

fn value(drift: &Value, key: &str) -> String {
    let text = match drift.get(key) {
        None | Some(Value::Null) => return "(absent)".to_owned(),
        Some(value) => value.to_string(),
    };
    crate::cli::output::table::cut_end(&text, VALUE_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_says_what_is_wrong_and_who_did_it() {
        let app = json!({
            "metadata": {"name": "web"},
            "spec": {
                "source": {"repoURL": "https://git.example.com/shop", "path": "web"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
                "syncPolicy": {"automated": {"selfHeal": true}},
            },
            "status": {
                "sync": {"status": "OutOfSync", "revision": "0123456789abcdef0123456789abcdef01234567"},
                "health": {"status": "Progressing", "message": "2 of 4 replicas updated"},
                "operationState": {"phase": "Succeeded", "message": "successfully synced (all tasks run)",
                    "startedAt": "2026-11-21T10:00:00Z", "finishedAt": "2026-11-21T10:00:02Z", "retryCount": 1},
                "conditions": [{"type": "SyncError", "message": "web.yaml:3: \u{1b}bad", "lastTransitionTime": "2026-11-21T10:00:00Z"}],
                "resources": [{"kind": "Deployment", "group": "apps", "namespace": "shop", "name": "web",
                    "status": "OutOfSync", "health": {"status": "Progressing", "message": "2 of 4 replicas updated"}}],
                "summary": {"images": ["nginx:1.27"]},
            },
        });
        let drifts = [json!({
            "group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web", "field": ".spec.replicas",
            "old": 4, "new": 1, "manager": "kubectl-edit", "at": "2026-11-21T10:01:00Z", "corrected": true,
        })];
        let text = describe(View(&app), &drifts, Some(80), Paint::new(false));
        expect![[r"
            Name:        web
            Project:     default
            Source:      https://git.example.com/shop  path web  at HEAD
            Destination: shop on https://kubernetes.default.svc
            Sync policy: auto,self-heal
            Sync:        OutOfSync at 0123456789
            Health:      Progressing  2 of 4 replicas updated
            Operation:   Succeeded  successfully synced (all tasks run)
                         started 2026-11-21T10:00:00Z, finished 2026-11-21T10:00:02Z, retries 1
            Image:       nginx:1.27

            SyncError: web.yaml:3: \x1bbad
              since 2026-11-21T10:00:00Z

            KIND        NAMESPACE  NAME  SYNC       HEALTH       MESSAGE
            Deployment  shop       web   OutOfSync  Progressing  2 of 4 replicas updated

            DRIFT
              2026-11-21T10:01:00Z  Deployment.apps shop/web  by kubectl-edit, put back
                .spec.replicas: 4 -> 1
        "]]
        .assert_eq(&text);
    }
}
