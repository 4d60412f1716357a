//! Fields that some way of writing never changes.

use std::sync::LazyLock;

use serde_json::json;

use crate::object::{FieldSet, GroupVersionKind};

/// The built-in kinds with a status that writes to the object itself leave alone.
const WITH_STATUS: [(&str, &[&str]); 9] = [
    (
        "",
        &[
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "ReplicationController",
            "ResourceQuota",
            "Service",
        ],
    ),
    ("apps", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("batch", &["CronJob", "Job"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("policy", &["PodDisruptionBudget"]),
    ("networking.k8s.io", &["Ingress", "ServiceCIDR"]),
    ("storage.k8s.io", &["VolumeAttachment"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("certificates.k8s.io", &["CertificateSigningRequest"]),
];

/// What the writer of a kind by a subresource (empty for the object itself) does not change.
///
/// `custom` is `None` for a built-in kind, else whether the custom resource has a status
/// subresource.
pub(crate) fn fields(gvk: &GroupVersionKind, subresource: &str, custom: Option<bool>) -> FieldSet {
    let fields = match (custom, subresource) {
        (Some(_), "status") => json!({"f:metadata": {}, "f:spec": {}}),
        (None, "status") => status(gvk),
        (Some(true), "") | (None, "finalize") => json!({"f:status": {}}),
        (None, "") if has_status(gvk) => json!({"f:status": {}}),
        _ => json!({}),
    };
    FieldSet::parse(&fields)
}

fn has_status(gvk: &GroupVersionKind) -> bool {
    WITH_STATUS
        .iter()
        .any(|(group, kinds)| *group == gvk.group && kinds.contains(&gvk.kind.as_str()))
}

fn status(gvk: &GroupVersionKind) -> serde_json::Value {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => json!({"f:spec": {}, "f:metadata": {"f:labels": {}}}),
        ("", "Pod") => json!({
            "f:spec": {},
            "f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}},
        }),
        ("storage.k8s.io" | "networking.k8s.io", "VolumeAttachment" | "ServiceCIDR") => {
            json!({"f:spec": {}, "f:metadata": {}})
        }
        _ => json!({"f:spec": {}}),
    }
}

/// The fields that belong to the server and that no entry names.
pub(super) fn stripped() -> &'static FieldSet {
    static STRIPPED: LazyLock<FieldSet> = LazyLock::new(|| {
        FieldSet::parse(&json!({
            "f:apiVersion": {},
            "f:kind": {},
            "f:metadata": {
                ".": {},
                "f:name": {},
                "f:namespace": {},
                "f:creationTimestamp": {},
                "f:selfLink": {},
                "f:uid": {},
                "f:clusterName": {},
                "f:generation": {},
                "f:managedFields": {},
                "f:resourceVersion": {},
            },
        }))
    });
    &STRIPPED
}
