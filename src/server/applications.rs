//! Handlers below `/api/v1/applications`.

use std::time::Duration;

use axum::{Extension, Json, extract::State};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::object::meta;

use super::{
    App,
    about::About,
    access::Caller,
    body::JsonBody,
    diff,
    error::{ApiError, Reason},
    filter::Filter,
    operation::{self, RollbackRequest, SyncRequest},
    query::Query,
    shapes::{self, ObjectFilter},
};

/// How long a request for a refresh waits for it.
const REFRESH_DEADLINE: Duration = Duration::from_mins(1);
/// How long a request waits for manifests.
const RENDER_DEADLINE: Duration = Duration::from_mins(1);
/// Asks the controller to look at an application anew; it removes the annotation when it has.
const REFRESH: &str = "argocd.argoproj.io/refresh";

type Answer = Result<Json<Value>, ApiError>;

pub(super) async fn list(State(app): State<App>, query: Query) -> Answer {
    let filter = Filter::parse(&query, &app.namespace)?;
    if let Some(why) = app.handle.applications_unknown() {
        return Err(ApiError::new(Reason::NotReady, why));
    }
    if let Some(kind) = refresh_kind(&query)? {
        for (name, shown) in app.handle.board.list() {
            if filter.matches(&shown.tree()) {
                mark(&app, &name, kind).await?;
            }
        }
    }
    let mut items: Vec<Value> =
        app.handle.board.list().iter().map(|(_, shown)| shown.tree()).collect();
    let newest =
        items.iter().filter_map(|app| meta::resource_version(app).parse::<u64>().ok()).max();
    let version = newest.map(|newest| newest.to_string()).unwrap_or_default();
    items.retain(|app| filter.matches(app));
    let list = json!({"metadata": {"resourceVersion": version}, "items": items});
    Ok(Json(filter.fields.select(list)))
}

pub(super) async fn get(about: About) -> Answer {
    let filter = Filter::parse(&about.query, &about.app.namespace)?;
    let shown = about.shown().await?;
    let shown = match refresh_kind(&about.query)? {
        Some(kind) => refreshed(&about.app, &about.name, kind).await?,
        None => shown,
    };
    Ok(Json(filter.fields.select(shown)))
}

/// `refresh=normal|hard`; Argo CD's clients also send `true`.
fn refresh_kind(query: &Query) -> Result<Option<&'static str>, ApiError> {
    match query.first("refresh") {
        None | Some("false") => Ok(None),
        Some("normal" | "true") => Ok(Some("normal")),
        Some("hard") => Ok(Some("hard")),
        Some(other) => Err(ApiError::invalid(format!("refresh is normal or hard, not {other}"))),
    }
}

/// Asks for a refresh and returns the resource version of the request.
async fn mark(app: &App, name: &str, kind: &str) -> Result<Option<u64>, ApiError> {
    let patch = |_: &Value| Ok(json!({"metadata": {"annotations": {REFRESH: kind}}}));
    let written = app.applications.change(name, patch).await?;
    Ok(meta::resource_version(&written).parse().ok())
}

/// Asks for a refresh and waits until the board shows an application that came after it.
async fn refreshed(app: &App, name: &str, kind: &str) -> Result<Value, ApiError> {
    let asked = mark(app, name, kind).await?;
    let is_done = |shown: &Value| {
        let version = meta::resource_version(shown).parse().ok();
        let newer = asked.zip(version).is_none_or(|(asked, version): (u64, u64)| version > asked);
        newer && meta::annotation(shown, REFRESH).is_none()
    };
    let waiting = app.handle.board.until(|board| match board.get(name).map(|app| app.tree()) {
        Some(shown) => is_done(&shown).then_some(Ok(shown)),
        None => Some(Err(ApiError::no_application(name))),
    });
    timeout(REFRESH_DEADLINE, waiting).await.ok().flatten().unwrap_or_else(|| Err(pending(name)))
}

fn pending(name: &str) -> ApiError {
    let limit_s = REFRESH_DEADLINE.as_secs();
    let message = format!("application {name} was not refreshed within {limit_s} s, it goes on");
    ApiError::new(Reason::RefreshPending, message)
}

pub(super) async fn delete(about: About, Extension(caller): Extension<Caller>) -> Answer {
    let About { app, name, query } = &about;
    let (cascade, policy) = (query.flag("cascade")?, query.first("propagationPolicy"));
    let mut current = about.written().await?;
    if operation::deletion(&current, cascade, policy)?.is_some() {
        let decide = |current: &Value| {
            Ok(operation::deletion(current, cascade, policy)?.unwrap_or_else(|| json!({})))
        };
        current = app.applications.change(name, decide).await?;
    }
    app.applications.delete(&current).await?;
    tracing::info!(app = %name, user = %caller.user, ?cascade, "deletion was requested");
    Ok(Json(json!({})))
}

pub(super) async fn sync(
    about: About,
    Extension(caller): Extension<Caller>,
    JsonBody(request): JsonBody<SyncRequest>,
) -> Answer {
    about.change(&caller, "sync", |current| request.patch(current, &caller.user)).await.map(Json)
}

pub(super) async fn rollback(
    about: About,
    Extension(caller): Extension<Caller>,
    JsonBody(request): JsonBody<RollbackRequest>,
) -> Answer {
    let patch = |current: &Value| request.patch(current, &caller.user);
    about.change(&caller, "rollback", patch).await.map(Json)
}

pub(super) async fn terminate(about: About, Extension(caller): Extension<Caller>) -> Answer {
    about.change(&caller, "the end of the operation", operation::terminate).await?;
    Ok(Json(json!({})))
}

pub(super) async fn resource_tree(about: About) -> Answer {
    about.shown().await?;
    Ok(Json(shapes::tree(&about.nodes()?, &ObjectFilter::parse(&about.query))))
}

pub(super) async fn managed_resources(about: About) -> Answer {
    let detail = about.detail().await?;
    let filter = ObjectFilter::parse(&about.query);
    let items: Vec<Value> = detail
        .resources
        .iter()
        .filter(|resource| filter.matches(&resource.id, &resource.gvk.version))
        .map(shapes::managed)
        .collect();
    Ok(Json(filter.fields.select(json!({"items": items}))))
}

pub(super) async fn diff(about: About) -> Answer {
    let detail = about.detail().await?;
    let filter = ObjectFilter::parse(&about.query);
    let resources: Vec<_> = detail
        .resources
        .into_iter()
        .filter(|resource| filter.matches(&resource.id, &resource.gvk.version))
        .collect();
    // Text diffs of big objects take milliseconds each: not on a thread that serves others.
    let differences = tokio::task::spawn_blocking(move || diff::differences(&resources));
    let differences = differences
        .await
        .map_err(|_| ApiError::new(Reason::Busy, "the differences were not computed, try again"))?;
    Ok(Json(differences))
}

pub(super) async fn drift(about: About) -> Answer {
    Ok(Json(json!({"items": about.detail().await?.drifts})))
}

pub(super) async fn manifests(about: About) -> Answer {
    let shown = about.shown().await?;
    let About { app, name, query } = &about;
    let revision = query.first("revision").unwrap_or_default();
    let rendering = app.handle.manifests(name, revision);
    let Ok(rendered) = timeout(RENDER_DEADLINE, rendering).await else {
        let message = format!("the manifests of {name} are not ready yet, try again");
        return Err(ApiError::new(Reason::Busy, message));
    };
    let objects = rendered.map_err(|why| ApiError::new(Reason::RenderFailed, why))?;
    let manifests: Vec<String> = objects.iter().map(|object| shapes::masked(object)).collect();
    let text = |pointer: &str| shown.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let known = if revision.is_empty() { text("/status/sync/revision") } else { revision };
    Ok(Json(json!({
        "manifests": manifests,
        "namespace": text("/spec/destination/namespace"),
        "server": text("/spec/destination/server"),
        "revision": known,
        "sourceType": text("/status/sourceType"),
        "commands": [],
    })))
}

pub(super) async fn events(about: About) -> Answer {
    let shown = about.shown().await?;
    let About { app, name, query } = &about;
    let uid = query.first("resourceUID").unwrap_or_default();
    if uid.is_empty() && query.first("resourceName").is_none() {
        return app.applications.events(&app.namespace, name, meta::uid(&shown)).await.map(Json);
    }
    // Events of objects that the application does not hold are none of the caller's business.
    let nodes = about.nodes()?;
    let node = nodes.iter().find(|node| {
        node.uid == uid
            && query.first("resourceName").is_none_or(|asked| asked == node.id.name)
            && query.first("resourceNamespace").is_none_or(|asked| asked == node.id.namespace)
    });
    let Some(node) = node else {
        let message = format!("application {name} has no such resource");
        return Err(ApiError::new(Reason::NotFound, message));
    };
    // Events of cluster-scoped objects are kept in the default namespace.
    let namespace = match node.id.namespace.as_str() {
        "" => "default",
        namespace => namespace,
    };
    app.applications.events(namespace, &node.id.name, &node.uid).await.map(Json)
}
