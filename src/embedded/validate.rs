//! What the server refuses, in the real server's words: names, required fields, values of enums,
//! fields that must not change.
//!
//! Objects come with their defaults filled in. The answer is a list of causes, in the real
//! server's order; an empty list accepts. What a schema can say (types, unknown fields) is not
//! looked at here, and a value of the wrong type counts as absent.

mod batch;
mod cause;
mod change;
mod cluster;
mod container;
mod definition;
mod endpoints;
mod limits;
mod metadata;
mod names;
mod network;
mod pod;
mod policy;
mod quota;
mod rbac;
mod selector;
mod status;
mod storage;
mod volume;
mod webhook;
mod workload;

use serde_json::Value;

use crate::object::GroupVersionKind;

pub(crate) use cause::{Cause, list, text};
pub(crate) use names::path_segment;

/// What is wrong with a new object.
pub(crate) fn check_new(gvk: &GroupVersionKind, object: &Value) -> Vec<Cause> {
    let mut found = Vec::new();
    metadata::check_new(gvk, object, &mut found);
    if gvk.group == "batch" && gvk.kind == "Job" {
        batch::generated(object, &mut found);
    }
    of_kind(gvk, object, &mut found);
    if gvk.group == "batch" && gvk.kind == "CronJob" {
        batch::name_leaves_room(object, &mut found);
    }
    found
}

/// What is wrong with a changed object: as with a new one, and what must not change.
pub(crate) fn check_change(gvk: &GroupVersionKind, old: &Value, new: &Value) -> Vec<Cause> {
    let mut found = Vec::new();
    metadata::check_change(gvk, old, new, &mut found);
    of_kind(gvk, new, &mut found);
    change::check(gvk, old, new, &mut found);
    found
}

/// What is wrong with an object whose status changed. The rest of it is as it was.
pub(crate) fn check_status(gvk: &GroupVersionKind, old: &Value, new: &Value) -> Vec<Cause> {
    let mut found = Vec::new();
    metadata::check_change(gvk, old, new, &mut found);
    status::check(gvk, old, new, &mut found);
    found
}

/// The rules of a kind, but for its metadata.
fn of_kind(gvk: &GroupVersionKind, object: &Value, found: &mut Vec<Cause>) {
    let check: fn(&Value, &mut Vec<Cause>) = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => pod::pod,
        ("", "PodTemplate") => pod::pod_template,
        ("", "ReplicationController") => workload::replication_controller,
        ("", "Service") => network::service,
        ("", "ConfigMap") => cluster::config_map,
        ("", "Secret") => cluster::secret,
        ("", "Namespace") => cluster::namespace,
        ("", "Endpoints") => endpoints::endpoints,
        ("", "ResourceQuota") => quota::quota,
        ("", "LimitRange") => limits::limits,
        ("", "Event") => cluster::event,
        ("", "PersistentVolume") => storage::volume,
        ("", "PersistentVolumeClaim") => storage::claim,
        ("apps", "Deployment") => workload::deployment,
        ("apps", "ReplicaSet") => workload::replica_set,
        ("apps", "StatefulSet") => workload::stateful_set,
        ("apps", "DaemonSet") => workload::daemon_set,
        ("apps", "ControllerRevision") => workload::revision,
        ("batch", "Job") => batch::job,
        ("batch", "CronJob") => batch::cron_job,
        ("autoscaling", "HorizontalPodAutoscaler") => policy::autoscaler,
        ("policy", "PodDisruptionBudget") => policy::budget,
        ("networking.k8s.io", "Ingress") => network::ingress,
        ("networking.k8s.io", "IngressClass") => network::ingress_class,
        ("networking.k8s.io", "NetworkPolicy") => network::network_policy,
        ("discovery.k8s.io", "EndpointSlice") => network::endpoint_slice,
        ("rbac.authorization.k8s.io", "Role") => rbac::role,
        ("rbac.authorization.k8s.io", "ClusterRole") => rbac::cluster_role,
        ("rbac.authorization.k8s.io", "RoleBinding") => rbac::binding,
        ("rbac.authorization.k8s.io", "ClusterRoleBinding") => rbac::cluster_binding,
        ("storage.k8s.io", "StorageClass") => storage::class,
        ("admissionregistration.k8s.io", _) => webhook::webhooks,
        ("coordination.k8s.io", "Lease") => cluster::lease,
        ("scheduling.k8s.io", "PriorityClass") => cluster::priority_class,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::definition,
        _ => return,
    };
    check(object, found);
}
