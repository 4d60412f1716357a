//! What happens to a changed object before it is validated: fields that this request may not write
//! come from the old object, and the generation counts changes of what is wished for.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    allocate,
    fields::{made, remove, set},
};
use crate::object::{GroupVersionKind, meta};

const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// True for kinds of which `metadata.generation` counts the changes. Custom resources do too.
pub(crate) fn counts(gvk: &GroupVersionKind) -> bool {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", kind) => matches!(kind, "Pod" | "PodTemplate" | "ReplicationController"),
        ("apps", kind) => kind != "ControllerRevision",
        (
            "networking.k8s.io"
            | "batch"
            | "policy"
            | "discovery.k8s.io"
            | "scheduling.k8s.io"
            | "apiextensions.k8s.io"
            | "admissionregistration.k8s.io",
            _,
        ) => true,
        _ => !is_builtin(gvk),
    }
}

/// True for built-in kinds whose status only the status subresource may write.
pub(crate) fn resets_status(gvk: &GroupVersionKind) -> bool {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", kind) => matches!(
            kind,
            "Pod"
                | "Service"
                | "Namespace"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "ReplicationController"
                | "ResourceQuota"
        ),
        ("apps", kind) => kind != "ControllerRevision",
        ("networking.k8s.io", kind) => kind == "Ingress",
        ("batch" | "policy" | "autoscaling" | "apiextensions.k8s.io", _) => true,
        _ => false,
    }
}

/// True for the groups of the real server; all others belong to custom resources.
fn is_builtin(gvk: &GroupVersionKind) -> bool {
    !gvk.group.contains('.')
        || (gvk.group.ends_with(".k8s.io") && super::of_kind(&gvk.group, &gvk.kind).is_some())
}

/// An update of the object itself. `has_status` says whether a custom resource has the status
/// subresource; built-in kinds are known.
pub(crate) fn prepare(gvk: &GroupVersionKind, old: &Value, new: &mut Value, has_status: bool) {
    let builtin = super::of_kind(&gvk.group, &gvk.kind).is_some();
    if resets_status(gvk) || gvk.kind == "Node" || (!builtin && has_status) {
        put(new, "status", old.get("status"));
    }
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Namespace") => {
            let kept = old.pointer("/spec/finalizers");
            if let Some(spec) = made(new, "spec") {
                put(spec, "finalizers", kept);
            }
        }
        ("", "Service") => allocate::keep(old, new),
        ("", "Pod") => {
            if let Some(spec) = made(new, "spec") {
                super::create::tolerate_losses(spec);
            }
        }
        ("apps", "DaemonSet") => {
            let before =
                meta::annotation(old, TEMPLATE_GENERATION).and_then(|text| text.parse().ok());
            let changed = old.pointer("/spec/template") != new.pointer("/spec/template");
            template_generation(new, before.unwrap_or(1) + i64::from(changed));
        }
        _ => {}
    }
    let bump = counts(gvk) && wish_differs(gvk, old, new, builtin, has_status);
    generation(old, new, bump);
}

/// An update of the status subresource: only the status is new.
pub(crate) fn prepare_status(gvk: &GroupVersionKind, old: &Value, new: &mut Value) {
    if super::of_kind(&gvk.group, &gvk.kind).is_none() {
        let (status, managed) =
            (remove(new, "status"), new.pointer("/metadata/managedFields").cloned());
        let version = meta::resource_version(new).to_owned();
        *new = old.clone();
        put(new, "status", status.as_ref());
        if let Some(metadata) = made(new, "metadata") {
            put(metadata, "managedFields", managed.as_ref());
            metadata["resourceVersion"] = Value::from(version);
        }
        return;
    }
    put(new, "spec", old.get("spec"));
    if gvk.kind == "Deployment"
        && let Some(metadata) = made(new, "metadata")
    {
        put(metadata, "labels", old.pointer("/metadata/labels"));
    }
    generation(old, new, false);
}

/// True when what the object wishes for differs: its spec, with few exceptions.
fn wish_differs(
    gvk: &GroupVersionKind,
    old: &Value,
    new: &Value,
    builtin: bool,
    has_status: bool,
) -> bool {
    let differ = |path: &str| old.pointer(path) != new.pointer(path);
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => differ("/spec") || differ("/metadata/annotations"),
        ("", "PodTemplate") => differ("/template"),
        ("scheduling.k8s.io", _) => false,
        ("admissionregistration.k8s.io", _) => differ("/webhooks"),
        ("discovery.k8s.io", _) => {
            ["/endpoints", "/ports", "/addressType", "/metadata/labels"].into_iter().any(differ)
        }
        _ if builtin => differ("/spec"),
        _ => without(old, has_status) != without(new, has_status),
    }
}

/// A custom resource without its metadata, and without its status where that is a subresource.
fn without(object: &Value, has_status: bool) -> Value {
    let mut object = object.clone();
    remove(&mut object, "metadata");
    if has_status {
        remove(&mut object, "status");
    }
    object
}

fn generation(old: &Value, new: &mut Value, bump: bool) {
    let before = meta::generation(old);
    if let Some(metadata) = made(new, "metadata") {
        remove(metadata, "generation");
        if before > 0 || bump {
            metadata["generation"] = json!(before + i64::from(bump));
        }
    }
}

/// Writes the generation of a `DaemonSet`'s template into its annotation, where it lives since the
/// field is gone.
pub(crate) fn template_generation(object: &mut Value, generation: i64) {
    meta::set_annotation(object, TEMPLATE_GENERATION, &generation.to_string());
}

/// Sets a field to what the old object has, or removes it.
fn put(parent: &mut Value, key: &str, value: Option<&Value>) {
    remove(parent, key);
    if let Some(value) = value {
        set(parent, key, value.clone());
    }
}

/// A time as the server writes it: whole seconds.
pub(super) fn seconds(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_of_custom_resources_count_all_but_metadata_and_status() {
        let gvk = GroupVersionKind::parse("a.io/v1", "Thing");
        let old = json!({"metadata": {"generation": 3}, "spec": {"a": 1}, "status": {"s": 1}});
        let table = [
            (json!({"spec": {"a": 2}, "status": {"s": 1}}), true, 4),
            (json!({"metadata": {"labels": {"a": "b"}}, "spec": {"a": 1}}), true, 3),
            (json!({"spec": {"a": 1}, "status": {"s": 2}}), true, 3),
            (json!({"spec": {"a": 1}, "status": {"s": 2}}), false, 4),
        ];
        for (mut new, has_status, expected) in table {
            prepare(&gvk, &old, &mut new, has_status);
            assert_eq!(new["metadata"]["generation"], expected, "{new}");
            assert_eq!(new["status"]["s"], if has_status { 1 } else { 2 });
        }
    }

    #[test]
    fn the_status_subresource_writes_the_status_alone() {
        let gvk = GroupVersionKind::parse("apps/v1", "Deployment");
        let old = json!({"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": {}});
        let mut new = json!({"metadata": {"generation": 9, "labels": {"a": "b"}},
            "spec": {"replicas": 7}, "status": {"replicas": 1}});
        prepare_status(&gvk, &old, &mut new);
        let expected = json!({"metadata": {"generation": 2}, "spec": {"replicas": 1},
            "status": {"replicas": 1}});
        assert_eq!(new, expected);
    }
}
