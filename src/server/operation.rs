//! Requests to sync, roll back, terminate and delete, as the patch that they come to. Pure.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{object::meta, report::metrics::is_automated};

use super::error::{ApiError, Reason};

/// Finalizers that make a deletion take the application's objects along.
const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";
const CASCADE_FOREGROUND: &str = "resources-finalizer.argocd.argoproj.io/foreground";
const CASCADE_BACKGROUND: &str = "resources-finalizer.argocd.argoproj.io/background";

/// Argo CD's `ApplicationSyncRequest`. What is not named here is ignored, as there.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SyncRequest {
    revision: Option<String>,
    revisions: Option<Vec<String>>,
    source_positions: Option<Vec<Value>>,
    dry_run: Option<bool>,
    prune: Option<bool>,
    strategy: Option<Value>,
    resources: Option<Vec<Value>>,
    manifests: Option<Vec<Value>>,
    sync_options: Option<SyncOptions>,
    retry_strategy: Option<Value>,
    infos: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SyncOptions {
    items: Vec<String>,
}

/// Argo CD's `ApplicationRollbackRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RollbackRequest {
    #[serde(deserialize_with = "number")]
    id: Option<i64>,
    prune: Option<bool>,
    dry_run: Option<bool>,
}

/// An int64 as protobuf's JSON has it: a number or the same as text.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
        other => Ok(other.as_i64()),
    }
}

impl SyncRequest {
    /// The patch that asks for the sync.
    pub(super) fn patch(&self, app: &Value, user: &str) -> Result<Value, ApiError> {
        may_start(app)?;
        if self.manifests.as_ref().is_some_and(|manifests| !manifests.is_empty()) {
            let message = "manifests of a local directory are not synced: commit them";
            return Err(ApiError::new(Reason::NotSupported, message));
        }
        let dry_run = self.dry_run.unwrap_or_default();
        let revision = self.revision.as_deref().unwrap_or_default();
        let target = app.pointer("/spec/source/targetRevision").and_then(Value::as_str);
        let target = target.filter(|target| !target.is_empty()).unwrap_or("HEAD");
        if is_automated(app) && !dry_run && !revision.is_empty() && revision != target {
            let message =
                format!("cannot sync to {revision}: auto-sync is enabled and follows {target}");
            return Err(ApiError::new(Reason::AutoSyncEnabled, message));
        }
        let policy = app.pointer("/spec/syncPolicy");
        let options = match &self.sync_options {
            Some(options) => Some(json!(options.items)),
            None => policy.and_then(|policy| policy.get("syncOptions")).cloned(),
        };
        let mut sync = Map::new();
        put(&mut sync, "revision", Some(revision).filter(|r| !r.is_empty()).map(Value::from));
        self.put_revisions(&mut sync, app)?;
        put(&mut sync, "prune", self.prune.filter(|yes| *yes).map(Value::from));
        put(&mut sync, "dryRun", Some(dry_run).filter(|yes| *yes).map(Value::from));
        put(&mut sync, "syncStrategy", self.strategy.clone().filter(Value::is_object));
        put(&mut sync, "resources", self.resources.clone().map(Value::from));
        put(&mut sync, "syncOptions", options);
        let retry = self.retry_strategy.clone().filter(Value::is_object);
        let retry = retry.or_else(|| policy.and_then(|policy| policy.get("retry")).cloned());
        let mut operation = started_by(user, sync);
        put(&mut operation, "info", self.infos.clone().map(Value::from));
        put(&mut operation, "retry", retry);
        Ok(start(app, operation))
    }

    /// Revisions of an application with several sources: each goes to the source whose position,
    /// counted from 1, stands at the same place; the others keep their own.
    fn put_revisions(&self, sync: &mut Map<String, Value>, app: &Value) -> Result<(), ApiError> {
        let (Some(revisions), Some(positions)) = (&self.revisions, &self.source_positions) else {
            return Ok(());
        };
        let sources = app.pointer("/spec/sources").and_then(Value::as_array);
        let sources = sources.map(Vec::as_slice).unwrap_or_default();
        let own = |source: &Value| source.get("targetRevision").cloned().unwrap_or(json!(""));
        let mut all: Vec<Value> = sources.iter().map(own).collect();
        if revisions.len() != positions.len() {
            return Err(ApiError::invalid("revisions and sourcePositions differ in number"));
        }
        for (revision, position) in revisions.iter().zip(positions) {
            let text = position.as_str().and_then(|text| text.parse().ok());
            let position = position.as_u64().or(text).and_then(|n| usize::try_from(n).ok());
            let place = position.and_then(|n| n.checked_sub(1)).and_then(|n| all.get_mut(n));
            let Some(place) = place else {
                let message = format!("the application has sources 1 to {}", sources.len());
                return Err(ApiError::invalid(message));
            };
            *place = json!(revision);
        }
        put(sync, "revisions", Some(Value::from(all)).filter(|_| !revisions.is_empty()));
        Ok(())
    }
}

impl RollbackRequest {
    /// The patch that asks for the rollback: a sync pinned to what the history says was deployed.
    pub(super) fn patch(&self, app: &Value, user: &str) -> Result<Value, ApiError> {
        may_start(app)?;
        if is_automated(app) {
            return Err(ApiError::new(
                Reason::AutoSyncEnabled,
                "rollback cannot be performed when auto-sync is enabled: it would be synced \
                 forward at once. Revert the commit, or switch automated sync off first",
            ));
        }
        let Some(id) = self.id else {
            return Err(ApiError::invalid("id is missing: the history entry to go back to"));
        };
        let history = app.pointer("/status/history").and_then(Value::as_array);
        let mut history = history.into_iter().flatten();
        let known = |entry: &&Value| entry.get("id").and_then(Value::as_i64).unwrap_or(0) == id;
        let Some(entry) = history.find(known) else {
            let name = meta::name(app);
            let message = format!("application {name} does not have deployment with id {id}");
            return Err(ApiError::new(Reason::NoSuchDeployment, message));
        };
        let mut sync = Map::new();
        for key in ["source", "sources", "revision", "revisions"] {
            let filled = |value: &Value| {
                !value.as_object().is_some_and(Map::is_empty)
                    && !value.as_array().is_some_and(Vec::is_empty)
                    && !value.is_null()
            };
            put(&mut sync, key, entry.get(key).filter(|value| filled(value)).cloned());
        }
        if !sync.contains_key("source") && !sync.contains_key("sources") {
            let message = format!("history entry {id} does not say what its source was");
            return Err(ApiError::new(Reason::NoSuchDeployment, message));
        }
        put(&mut sync, "prune", self.prune.filter(|yes| *yes).map(Value::from));
        put(&mut sync, "dryRun", self.dry_run.filter(|yes| *yes).map(Value::from));
        put(&mut sync, "syncOptions", app.pointer("/spec/syncPolicy/syncOptions").cloned());
        sync.insert("syncStrategy".to_owned(), json!({"apply": {}}));
        Ok(start(app, started_by(user, sync)))
    }
}

/// The patch that ends a running operation.
pub(super) fn terminate(app: &Value) -> Result<Value, ApiError> {
    let phase = app.pointer("/status/operationState/phase").and_then(Value::as_str);
    match phase {
        Some("Running" | "Terminating") => {
            Ok(json!({"status": {"operationState": {"phase": "Terminating"}}}))
        }
        _ => Err(ApiError::new(
            Reason::NoOperation,
            "Unable to terminate operation. No operation is in progress",
        )),
    }
}

/// The patch that has to come before the deletion, so that it takes along what was asked for;
/// `None` when the finalizers are right as they are.
pub(super) fn deletion(
    app: &Value,
    cascade: Option<bool>,
    policy: Option<&str>,
) -> Result<Option<Value>, ApiError> {
    let ours = [CASCADE, CASCADE_FOREGROUND, CASCADE_BACKGROUND];
    let wanted = match (cascade, policy.map(str::to_lowercase).as_deref()) {
        (Some(false), None) => None,
        (Some(false), Some(_)) => {
            let message = "cannot set propagation policy when cascading is disabled";
            return Err(ApiError::invalid(message));
        }
        (_, None) => Some(CASCADE),
        (_, Some("foreground")) => Some(CASCADE_FOREGROUND),
        (_, Some("background")) => Some(CASCADE_BACKGROUND),
        (_, Some(other)) => {
            let message = format!("invalid propagation policy {other}: foreground or background");
            return Err(ApiError::invalid(message));
        }
    };
    let present = app.pointer("/metadata/finalizers").and_then(Value::as_array);
    let present: Vec<&str> = present.into_iter().flatten().filter_map(Value::as_str).collect();
    // Without a policy any of ours does what was asked for.
    let as_it_is = match wanted {
        None => !present.iter().any(|name| ours.contains(name)),
        Some(CASCADE) => present.iter().any(|name| ours.contains(name)),
        Some(wanted) => {
            present.iter().filter(|name| ours.contains(name)).eq(std::iter::once(&wanted))
        }
    };
    if as_it_is {
        return Ok(None);
    }
    if meta::is_terminating(app) && wanted.is_some() {
        // Kubernetes takes no new finalizer on an object that is being deleted.
        return Err(deleting());
    }
    let kept = present.into_iter().filter(|name| !ours.contains(name)).chain(wanted);
    Ok(Some(json!({"metadata": {"finalizers": kept.collect::<Vec<_>>()}})))
}

fn may_start(app: &Value) -> Result<(), ApiError> {
    if meta::is_terminating(app) {
        return Err(deleting());
    }
    match app.get("operation").filter(|operation| !operation.is_null()) {
        Some(busy) => Err(ApiError::new(Reason::OperationInProgress, in_progress(app, busy))),
        None => Ok(()),
    }
}

/// Which operation stands in the way: what it does, who asked for it, how far it is. Begins with
/// Argo CD's words, because clients look for them.
fn in_progress(app: &Value, busy: &Value) -> String {
    let text = |value: &'_ Value, pointer: &str| {
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let dry = busy.pointer("/sync/dryRun").and_then(Value::as_bool).unwrap_or_default();
    let mut words = if dry { "a dry run of a sync" } else { "a sync" }.to_owned();
    if let Some(revision) = text(busy, "/sync/revision") {
        words.push_str(&format!(" to {revision}"));
    }
    if let Some(user) = text(busy, "/initiatedBy/username") {
        words.push_str(&format!(" by {user}"));
    }
    let phase = text(app, "/status/operationState/phase");
    match phase.filter(|phase| matches!(phase.as_str(), "Running" | "Terminating")) {
        Some(phase) => {
            let since = text(app, "/status/operationState/startedAt").unwrap_or_default();
            words.push_str(&format!(", {phase} since {since}"));
            if let Some(message) = text(app, "/status/operationState/message") {
                words.push_str(&format!(" ({message})"));
            }
        }
        None => words.push_str(", about to begin"),
    }
    format!("another operation is already in progress: {words}")
}

fn deleting() -> ApiError {
    ApiError::new(Reason::Deleting, "application is deleting")
}

fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

fn started_by(user: &str, sync: Map<String, Value>) -> Map<String, Value> {
    let mut operation = Map::new();
    operation.insert("sync".to_owned(), Value::Object(sync));
    operation.insert("initiatedBy".to_owned(), json!({"username": user}));
    operation
}

/// The patch that puts an operation into the request slot; what the last one left goes.
fn start(app: &Value, operation: Map<String, Value>) -> Value {
    let mut patch = json!({"operation": Value::Object(operation)});
    if app.pointer("/status/operationState").is_some_and(|state| !state.is_null()) {
        patch["status"] = json!({"operationState": null});
    }
    patch
}

#[cfg(test)]
mod tests;
