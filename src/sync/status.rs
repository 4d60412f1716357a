//! The status of an application as people and their tools read it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    observe::{Note, Seen, Unsure, View, images},
    operation::Resolved,
};
use crate::{
    api::{Application, ConditionType, HealthCode, OperationState, RevisionHistory, SyncCode},
    health,
    object::{LiveObject, ObjectId, Packed, meta},
    plan::{decide::State, prune},
    report::status as shape,
};

/// Everything the status of one pass is made from.
pub(crate) struct Findings<'a> {
    /// What was seen; `None` when it did not come to that.
    pub(crate) view: Option<&'a View>,
    /// What the sources resolved to.
    pub(crate) resolved: Option<&'a Resolved>,
    /// What is wrong.
    pub(crate) conditions: Vec<shape::Condition>,
    /// The running or last operation.
    pub(crate) operation: Option<&'a OperationState>,
    /// A sync that ended well in this pass.
    pub(crate) deployed: Option<RevisionHistory>,
    /// The specification can't be used at all.
    pub(crate) invalid: bool,
}

/// The types of condition that a pass judges; others on the resource are left alone.
const JUDGED: [&str; 10] = [
    "DeletionError",
    "InvalidSpecError",
    "ComparisonError",
    "SyncError",
    "UnknownError",
    "SharedResourceWarning",
    "RepeatedResourceWarning",
    "ExcludedResourceWarning",
    "ManifestWarning",
    "TruncatedStatusWarning",
];

/// Builds `status` from what the last one said and what this pass found.
pub(crate) fn build(app: &Application, found: Findings<'_>, now: Timestamp) -> Value {
    let mut status = match told(app) {
        Value::Object(status) => status,
        _ => Map::new(),
    };
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut conditions = found.conditions;

    if let Some(view) = found.view {
        let resources: Vec<Value> = resources(app, view);
        let bounded = shape::bound_resources(resources, shape::RESOURCES_BYTES_MAX);
        conditions.extend(bounded.condition());
        put_list(&mut status, "resources", bounded.list);
        let pictures = view_images(view);
        let summary = shape::summary(pictures.iter().map(String::as_str), std::iter::empty());
        status.insert("summary".to_owned(), summary);
        let whole = app_health(app, view);
        let word = whole.status.as_str();
        let health = shape::health(status.get("health"), word, &whole.message, &time);
        status.insert("health".to_owned(), health);
    } else if found.invalid {
        let unknown = HealthCode::Unknown;
        let health = shape::health(status.get("health"), unknown.as_str(), "", &time);
        status.insert("health".to_owned(), health);
    }
    let sync = sync(app, found.view, found.resolved, &conditions);
    status.insert("sync".to_owned(), sync);
    let known = take_list(&mut status, "conditions");
    let conditions = shape::conditions(&known, &JUDGED, &conditions, &time);
    put_list(&mut status, "conditions", conditions);
    if let Some(state) = found.operation {
        let state = serde_json::to_value(state).unwrap_or_default();
        status.insert("operationState".to_owned(), state);
    }
    if let Some(entry) = found.deployed {
        let entry = serde_json::to_value(entry).unwrap_or_default();
        let entry = entry.as_object().cloned().unwrap_or_default();
        let known = take_list(&mut status, "history");
        let history = shape::history(&known, entry, app.spec.revision_history_limit);
        put_list(&mut status, "history", history);
    }
    status.insert("reconciledAt".to_owned(), Value::from(time));
    status.insert("sourceType".to_owned(), Value::from("Directory"));
    if let Some(namespace) = &app.metadata.namespace {
        status.insert("controllerNamespace".to_owned(), Value::from(namespace.as_str()));
    }
    Value::Object(status)
}

/// The status of an application as a tree; empty when there is none.
pub(crate) fn told(app: &Application) -> Value {
    app.status.as_ref().and_then(|status| serde_json::to_value(status).ok()).unwrap_or(json!({}))
}

/// True when two statuses differ only in what is said about health, not in how it is.
pub(crate) fn differ_in_words(old: &Value, new: &Value) -> bool {
    // When it was looked at does not count; of health and resources the words don't.
    let counts = |key: &str| !matches!(key, "reconciledAt" | "observedAt");
    let empty = Map::new();
    let [old, new] = [old, new].map(|status| status.as_object().unwrap_or(&empty));
    let mut keys = old.keys().chain(new.keys()).filter(|key| counts(key));
    keys.all(|key| match (key.as_str(), old.get(key), new.get(key)) {
        ("health", old, new) => same_health(old, new),
        ("resources", Some(Value::Array(old)), Some(Value::Array(new))) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same_entry(old, new))
        }
        (_, old, new) => old.filter(|v| !v.is_null()) == new.filter(|v| !v.is_null()),
    })
}

/// True when two entries of `status.resources` differ in nothing but the words about health.
fn same_entry(old: &Value, new: &Value) -> bool {
    let fields = |entry: &Value| entry.as_object().map_or(0, Map::len);
    let same = |(key, value): (&String, &Value)| match key.as_str() {
        "health" => same_health(Some(value), new.get("health")),
        _ => new.get(key) == Some(value),
    };
    fields(old) == fields(new) && old.as_object().into_iter().flatten().all(same)
}

/// True when health is the same, however it is put.
fn same_health(old: Option<&Value>, new: Option<&Value>) -> bool {
    fn said(health: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
        let fields = health.and_then(Value::as_object).into_iter().flatten();
        fields.filter(|(key, _)| *key != "message")
    }
    said(old).eq(said(new))
}

/// Takes a list out of a status.
fn take_list(status: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match status.remove(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn put_list(status: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if list.is_empty() {
        status.remove(key);
    } else {
        status.insert(key.to_owned(), Value::from(list));
    }
}

fn sync(
    app: &Application,
    view: Option<&View>,
    resolved: Option<&Resolved>,
    conditions: &[shape::Condition],
) -> Value {
    let code = sync_code(view, conditions);
    let mut compared = json!({"destination": app.spec.destination});
    match app.spec.sources() {
        [one] => compared["source"] = json!(one),
        many => compared["sources"] = json!(many),
    }
    if !app.spec.ignore_differences.is_empty() {
        compared["ignoreDifferences"] = json!(app.spec.ignore_differences);
    }
    let mut sync = json!({"status": code, "comparedTo": compared});
    match resolved.map(|resolved| (resolved.revision(), &resolved.revisions)) {
        Some((one, _)) if !one.is_empty() => sync["revision"] = Value::from(one),
        Some((_, many)) => sync["revisions"] = json!(many),
        None => {}
    }
    sync
}

fn sync_code(view: Option<&View>, conditions: &[shape::Condition]) -> SyncCode {
    let stops = |kind: ConditionType| conditions.iter().any(|held| held.kind == kind.as_str());
    let Some(view) = view else { return SyncCode::Unknown };
    if stops(ConditionType::ComparisonError) || stops(ConditionType::InvalidSpecError) {
        return SyncCode::Unknown;
    }
    if is_in_sync(view) { SyncCode::Synced } else { SyncCode::OutOfSync }
}

/// True when nothing differs.
pub(crate) fn is_in_sync(view: &View) -> bool {
    view.seen.iter().all(|seen| seen.subject.state == State::Clean || seen.agrees)
        && view.stale.iter().all(|live| is_extraneous(&live.body))
}

/// The annotation with an object's compare options.
const COMPARE_OPTIONS: &str = "argocd.argoproj.io/compare-options";

/// An extra object that is meant to be there (`IgnoreExtraneous`).
fn is_extraneous(live: &Packed) -> bool {
    let says_so = |options: &str| options.split(',').any(|one| one.trim() == "IgnoreExtraneous");
    live.mentions(&[COMPARE_OPTIONS])
        && meta::annotation(&live.tree(), COMPARE_OPTIONS).is_some_and(says_so)
}

fn resources(app: &Application, view: &View) -> Vec<Value> {
    let of_app = |name: &str| app.spec.sync_option(name);
    let confirm = |entry: &mut Value| entry["requiresDeletionConfirmation"] = Value::from(true);
    let mut entries: Vec<(ObjectId, Value)> = Vec::new();
    for seen in &view.seen {
        let mut entry = resource(seen);
        if prune::asks(&seen.subject.target.body, &of_app) {
            confirm(&mut entry);
        }
        entries.push((seen.subject.target.id.clone(), entry));
    }
    for live in &view.stale {
        let mut entry = unnamed(live, &SyncCode::OutOfSync);
        entry["requiresPruning"] = Value::from(true);
        let asked = prune::consent(live, of_app("Prune")) == prune::Consent::Asked;
        if asked || prune::asks(&live.body, &of_app) {
            confirm(&mut entry);
        }
        entries.push((live.id.clone(), entry));
    }
    for (live, _) in &view.forbidden {
        entries.push((live.id.clone(), unnamed(live, &SyncCode::Unknown)));
    }
    for Unsure { live, health } in &view.unsure {
        let mut entry = unnamed(live, &SyncCode::Unknown);
        if let Some(health) = health {
            put_health(&mut entry, health);
        }
        entries.push((live.id.clone(), entry));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// The entry of a live object without a target.
fn unnamed(live: &LiveObject, status: &SyncCode) -> Value {
    let mut entry = json!({
        "version": live.gvk.version, "kind": live.id.kind, "name": live.id.name, "status": status,
    });
    put_text(&mut entry, "group", &live.id.group);
    put_text(&mut entry, "namespace", &live.id.namespace);
    entry
}

fn put_health(entry: &mut Value, health: &health::Health) {
    entry["health"] = json!({"status": health.status});
    put_text(&mut entry["health"], "message", &health.message);
}

fn put_text(entry: &mut Value, key: &str, text: &str) {
    if !text.is_empty() {
        entry[key] = Value::from(text);
    }
}

fn resource(seen: &Seen) -> Value {
    let target = &seen.subject.target;
    let status = match (&seen.note, &seen.subject.state) {
        (Some(Note::Unseen(_) | Note::Forbidden(_)), _) => SyncCode::Unknown,
        (_, State::Clean) => SyncCode::Synced,
        _ if seen.agrees => SyncCode::Synced,
        _ => SyncCode::OutOfSync,
    };
    let mut entry = json!({
        "version": target.gvk.version, "kind": target.id.kind, "name": target.id.name,
        "status": status,
    });
    put_text(&mut entry, "group", &target.id.group);
    put_text(&mut entry, "namespace", &target.id.namespace);
    if target.wave != 0 {
        entry["syncWave"] = Value::from(target.wave);
    }
    match (&seen.live, &seen.health) {
        (None, _) => entry["health"] = json!({"status": HealthCode::Missing}),
        (Some(_), Some(health)) => put_health(&mut entry, health),
        (Some(_), None) => {}
    }
    entry
}

/// The application as an object, which an application may hold: itself.
pub(crate) fn itself(app: &Application) -> ObjectId {
    let namespace = app.metadata.namespace.as_deref().unwrap_or_default();
    let name = app.metadata.name.as_deref().unwrap_or_default();
    ObjectId::new(crate::api::GROUP, "Application", namespace, name)
}

/// Health of the whole: the worst of its objects, with up to three causes.
fn app_health(app: &Application, view: &View) -> health::Health {
    let itself = itself(app);
    let unsure = view.unsure.iter().filter(|unsure| {
        let Unsure { live, .. } = unsure;
        health::counts(&itself, &live.id, &live.body)
    });
    let unsure = unsure.map(|Unsure { live, health }| health::Part {
        id: &live.id,
        desired: false,
        live: true,
        health: health.as_ref(),
    });
    let parts: Vec<health::Part<'_>> = view
        .seen
        .iter()
        .filter(|seen| {
            let target = &seen.subject.target;
            let object = seen.live.as_ref().map_or(&target.body, |live| &live.body);
            health::counts(&itself, &target.id, object)
        })
        .map(|seen| health::Part {
            id: &seen.subject.target.id,
            desired: true,
            live: seen.live.is_some(),
            health: seen.health.as_ref(),
        })
        .chain(unsure)
        .collect();
    health::aggregate(&parts)
}

fn view_images(view: &View) -> BTreeSet<String> {
    let named = view.seen.iter().flat_map(|seen| images(&seen.subject.target.body));
    let unsure = view.unsure.iter().flat_map(|unsure| images(&unsure.live.body));
    named.chain(unsure).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{health::Health, object::GroupVersionKind};

    fn live(name: &str) -> Arc<LiveObject> {
        let body = json!({"spec": {"template": {"spec": {"containers": [{"image": name}]}}}});
        Arc::new(LiveObject {
            id: ObjectId::new("apps", "Deployment", "shop", name),
            gvk: GroupVersionKind::parse("apps/v1", "Deployment"),
            uid: name.to_owned(),
            resource_version: "7".to_owned(),
            app: Some("shop".to_owned()),
            body: Packed::of(&body),
            own: None,
            others: None,
            has_owner: false,
            terminating: false,
            digests: std::sync::OnceLock::new(),
        })
    }

    fn status(view: &View) -> Value {
        let found = Findings {
            view: Some(view),
            resolved: None,
            conditions: Vec::new(),
            operation: None,
            deployed: None,
            invalid: false,
        };
        build(&Application::default(), found, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_git_could_not_say_anything_about_is_unknown_and_requires_no_pruning() {
        let health = Some(Health::new(health::HealthStatus::Degraded, "1 of 2 pods crashes"));
        let view = View { unsure: vec![Unsure { live: live("web"), health }], ..View::default() };
        let status = status(&view);
        let entry = json!({
            "group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop",
            "name": "web", "status": "Unknown",
            "health": {"status": "Degraded", "message": "1 of 2 pods crashes"},
        });
        assert_eq!(status["resources"], json!([entry]));
        assert_eq!(status["health"]["status"], "Degraded");
        assert_eq!(status["summary"]["images"], json!(["web"]));
    }

    #[test]
    fn statuses_that_differ_in_the_words_about_health_are_told_from_others() {
        let status = json!({
            "health": {"status": "Progressing", "message": "1 of 3"}, "reconciledAt": "then",
            "resources": [{"name": "web", "health": {"status": "Progressing"}}, {"name": "a"}],
            "sync": {"status": "Synced", "revision": "one"},
        });
        let with = |pointer: &str, value: Value| {
            let mut other = status.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            differ_in_words(&status, &other)
        };
        let health = |word: &str| json!({"status": word, "message": "2 of 3"});
        assert!(with("/reconciledAt", json!("now")));
        assert!(with("/health", health("Progressing")));
        assert!(!with("/health", health("Healthy")));
        assert!(with("/resources/0/health", health("Progressing")));
        assert!(!with("/resources/0/health", health("Healthy")));
        assert!(!with("/resources/1", json!({"name": "b"})));
        assert!(!with("/resources/1", json!({"name": "a", "requiresPruning": true})));
        assert!(!with("/resources", json!([])));
        assert!(!with("/sync/revision", json!("two")));
        assert!(!with("/sync", Value::Null));
    }

    #[test]
    fn what_the_project_forbids_is_unknown_and_requires_no_pruning() {
        let forbidden = vec![(live("web"), "project team does not permit it".to_owned())];
        let view = View { forbidden, ..View::default() };
        assert!(is_in_sync(&view));
        let status = status(&view);
        assert_eq!(status["resources"][0]["status"], "Unknown");
        assert_eq!(status["resources"][0]["requiresPruning"], Value::Null);
    }

    #[test]
    fn what_waits_for_a_word_before_its_deletion_says_so() {
        let mut said = live("web");
        let body = json!({"metadata": {"annotations":
            {"argocd.argoproj.io/sync-options": "Delete=confirm"}}});
        Arc::make_mut(&mut said).body = Packed::of(&body);
        let status = status(&View { stale: vec![live("api"), said], ..View::default() });
        assert_eq!(status["resources"][0]["requiresDeletionConfirmation"], Value::Null);
        assert_eq!(status["resources"][1]["requiresDeletionConfirmation"], true);
    }

    #[test]
    fn what_git_no_longer_names_requires_pruning() {
        let status = status(&View { stale: vec![live("web")], ..View::default() });
        assert_eq!(status["resources"][0]["requiresPruning"], true);
        assert_eq!(status["resources"][0]["status"], "OutOfSync");
    }
}
