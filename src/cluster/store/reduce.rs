//! From an object as the server sends it to what is kept of it.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::object::{FieldSet, GroupKind, LiveObject, Manager, ObjectId, Packed, meta, tracking};

use super::super::FIELD_MANAGER;

/// The kind whose objects tell who scales what.
pub(super) const AUTOSCALER: (&str, &str) = ("autoscaling", "HorizontalPodAutoscaler");

/// Kinds that have to be watched with a kind: those of its children, however deep, and that of
/// autoscalers for what can be scaled.
pub fn child_kinds(kind: &GroupKind) -> Vec<GroupKind> {
    let (pod, replica_set, job) = (
        GroupKind::new("", "Pod"),
        GroupKind::new("apps", "ReplicaSet"),
        GroupKind::new("batch", "Job"),
    );
    let autoscaler = GroupKind::new(AUTOSCALER.0, AUTOSCALER.1);
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment") | ("argoproj.io", "Rollout") => vec![replica_set, pod, autoscaler],
        ("apps", "StatefulSet" | "ReplicaSet") | ("", "ReplicationController") => {
            vec![pod, autoscaler]
        }
        ("apps", "DaemonSet") | ("batch", "Job") => vec![pod],
        ("batch", "CronJob") => vec![job, pod],
        _ => Vec::new(),
    }
}

/// True for kinds whose objects may have children that are kept.
pub(super) fn is_parent(kind: &GroupKind) -> bool {
    !child_kinds(kind).is_empty()
}

/// Resource versions are numbers that grow with time, within one resource (Kubernetes 1.35 made
/// this a promise, etcd always kept it). 0 for anything else: older than everything.
pub(super) fn version(object: &Value) -> u64 {
    meta::resource_version(object).parse().unwrap_or_default()
}

/// What is kept of a tracked object, or of one that was asked for. `None` for what is no object.
/// `others` says whether the other managers' entries are kept.
pub(super) fn live(mut object: Value, others: bool) -> Option<LiveObject> {
    let id = meta::id(&object)?;
    let gvk = meta::gvk(&object)?;
    let entries = object.get_mut("metadata")?.as_object_mut()?.remove("managedFields");
    let entries = match entries {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    let own_entry = own_entry(&entries);
    let is_own = |entry: &Value| own_entry.is_some_and(|own| std::ptr::eq(own, entry));
    let own = own_entry.map(fields_of).map(Arc::new);
    let digests = own.as_ref().map(|own| LiveObject::digests_of(own, &object));
    let others =
        others.then(|| entries.iter().filter(|entry| !is_own(entry)).map(manager).collect());
    let app = tracking::owner(&object, &id);
    Some(LiveObject {
        gvk,
        uid: meta::uid(&object).to_owned(),
        resource_version: meta::resource_version(&object).to_owned(),
        app,
        own,
        others,
        has_owner: !meta::owners(&object).is_empty(),
        terminating: meta::is_terminating(&object),
        digests: digests.map(OnceLock::from).unwrap_or_default(),
        body: Packed::of(&object),
        id,
    })
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn fields_of(entry: &Value) -> FieldSet {
    entry.get("fieldsV1").map(FieldSet::parse).unwrap_or_default()
}

/// The fields of an object, as the server sent it, that we own; `None` when we never wrote it.
pub fn own_fields(object: &Value) -> Option<FieldSet> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    own_entry(entries).map(fields_of)
}

/// The entry of our applies; where there is none, that of our updates (an object that was
/// replaced as a whole).
fn own_entry(entries: &[Value]) -> Option<&Value> {
    let by = |operation: &str| {
        entries.iter().find(|entry| is_ours(entry) && text(entry, "operation") == operation)
    };
    by("Apply").or_else(|| by("Update"))
}

/// True for an entry of our writes to the object itself.
fn is_ours(entry: &Value) -> bool {
    text(entry, "manager") == FIELD_MANAGER && text(entry, "subresource").is_empty()
}

fn manager(entry: &Value) -> Manager {
    Manager {
        name: text(entry, "manager").to_owned(),
        operation: text(entry, "operation").to_owned(),
        subresource: text(entry, "subresource").to_owned(),
        time: text(entry, "time").to_owned(),
        fields: fields_of(entry),
    }
}

/// The object that an autoscaler scales.
pub(super) fn scale_target(autoscaler: &Value) -> Option<ObjectId> {
    let target = autoscaler.pointer("/spec/scaleTargetRef")?;
    let mut target = target.clone();
    // The target has a name, not metadata; it lives where the autoscaler lives.
    let name = target.get("name")?.as_str()?.to_owned();
    let namespace = meta::namespace(autoscaler).to_owned();
    target
        .as_object_mut()?
        .insert("metadata".to_owned(), serde_json::json!({"name": name, "namespace": namespace}));
    meta::id(&target)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn own_and_other_fields_are_told_apart() {
        let entry = |manager: &str, operation: &str, subresource: &str| {
            json!({"manager": manager, "operation": operation, "subresource": subresource,
                "fieldsV1": {"f:data": {format!("f:{operation}"): {}}}, "time": "2026-01-01T00:00:00Z"})
        };
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7",
                "managedFields": [entry("steadfast", "Update", ""), entry("steadfast", "Apply", ""),
                    entry("steadfast", "Apply", "status"), entry("kubectl-edit", "Update", "")]}});
        let live = live(object, true).unwrap();
        assert_eq!(live.own.unwrap().to_json(), json!({"f:data": {"f:Apply": {}}}));
        let names: Vec<_> =
            live.others.unwrap().iter().map(|m| (m.name.clone(), m.subresource.clone())).collect();
        assert_eq!(
            names,
            [("steadfast", ""), ("steadfast", "status"), ("kubectl-edit", "")]
                .map(|(name, sub)| (name.to_owned(), sub.to_owned()))
        );
        assert!(!live.body.mentions(&["managedFields"]));
    }

    #[test]
    fn the_target_of_an_autoscaler_is_in_its_namespace() {
        let autoscaler = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
        assert_eq!(
            scale_target(&autoscaler),
            Some(ObjectId::new("apps", "Deployment", "shop", "web"))
        );
        assert_eq!(scale_target(&json!({"spec": {}})), None);
    }

    #[test]
    fn a_deployment_needs_everything_below_it() {
        let kinds = child_kinds(&GroupKind::new("apps", "Deployment"));
        assert!(kinds.contains(&GroupKind::new("", "Pod")));
        assert!(kinds.contains(&GroupKind::new("apps", "ReplicaSet")));
        assert!(child_kinds(&GroupKind::new("", "ConfigMap")).is_empty());
    }
}
