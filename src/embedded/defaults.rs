//! What the server fills in: an object as it was sent goes in, as it is stored it comes out.
//!
//! Three steps of the real server are one here: decoding drops values that say nothing (`null`,
//! empty lists, `false` where absent means the same), defaulting fills what was left out, and
//! encoding shows the fields that have no absence. Nothing is refused: a value of the wrong type
//! stays as it is, and validation or the schema speaks about it.

pub(crate) mod allocate;
mod batch;
mod cluster;
mod container;
pub(crate) mod create;
mod definition;
mod fields;
mod metadata;
mod network;
mod omit;
mod pod;
mod policy;
mod quantity;
mod rbac;
mod storage;
pub(crate) mod update;
mod volume;
mod workload;

use serde_json::Value;

use crate::object::GroupVersionKind;

/// Fills in what the server's types and defaults say about `object`. Twice is as good as once.
///
/// Custom resources get only what their metadata needs: their schema speaks for the rest.
pub(crate) fn fill(gvk: &GroupVersionKind, object: &mut Value) {
    complete(gvk, object, omit::Empty::Null);
}

/// The same for an object that was just sent: lists that are always written are still empty, which
/// a writer can own, and become `null` only where they are stored.
pub(crate) fn fill_sent(gvk: &GroupVersionKind, object: &mut Value) {
    complete(gvk, object, omit::Empty::Said);
}

fn complete(gvk: &GroupVersionKind, object: &mut Value, empty: omit::Empty) {
    if !object.is_object() {
        return;
    }
    metadata::tidy(object);
    let Some(default) = of_kind(&gvk.group, &gvk.kind) else { return };
    omit::omit(&gvk.kind, object, empty);
    default(object);
    condition_times(&gvk.kind, object);
}

/// Conditions are written with their times, also with those that are not known.
fn condition_times(kind: &str, object: &mut Value) {
    let times: &[&str] = match kind {
        "Deployment" => &["lastUpdateTime", "lastTransitionTime"],
        "Job" => &["lastProbeTime", "lastTransitionTime"],
        "Node" => &["lastHeartbeatTime", "lastTransitionTime"],
        "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicationController"
        | "HorizontalPodAutoscaler"
        | "PodDisruptionBudget"
        | "Namespace"
        | "CustomResourceDefinition" => &["lastTransitionTime"],
        _ => return,
    };
    let Some(status) = object.get_mut("status") else { return };
    for condition in fields::items(status, "conditions") {
        for time in times {
            fields::set(condition, time, Value::Null);
        }
    }
}

/// The function of a built-in kind; `None` for kinds of custom resource definitions.
fn of_kind(group: &str, kind: &str) -> Option<fn(&mut Value)> {
    let default: fn(&mut Value) = match (group, kind) {
        ("", "Pod") => pod::pod,
        ("", "PodTemplate") => pod::pod_template,
        ("", "ReplicationController") => workload::replication_controller,
        ("", "Service") => network::service,
        ("", "Endpoints") => network::endpoints,
        ("", "Namespace") => cluster::namespace,
        ("", "Node") => cluster::node,
        ("", "Event") => cluster::event,
        ("", "Secret") => cluster::secret,
        ("", "LimitRange") => cluster::limit_range,
        ("", "ResourceQuota") => cluster::resource_quota,
        ("", "PersistentVolume") => storage::volume,
        ("", "PersistentVolumeClaim") => storage::claim,
        ("apps", "Deployment") => workload::deployment,
        ("apps", "ReplicaSet") => workload::replica_set,
        ("apps", "StatefulSet") => workload::stateful_set,
        ("apps", "DaemonSet") => workload::daemon_set,
        ("batch", "Job") => batch::job,
        ("batch", "CronJob") => batch::cron_job,
        ("autoscaling", "HorizontalPodAutoscaler") => policy::autoscaler,
        ("policy", "PodDisruptionBudget") => policy::disruption_budget,
        ("networking.k8s.io", "Ingress") => network::ingress,
        ("networking.k8s.io", "IngressClass") => network::ingress_class,
        ("networking.k8s.io", "NetworkPolicy") => network::network_policy,
        ("discovery.k8s.io", "EndpointSlice") => network::endpoint_slice,
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => rbac::role,
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => rbac::binding,
        ("storage.k8s.io", "StorageClass") => storage::class,
        ("coordination.k8s.io", "Lease") => cluster::lease,
        ("scheduling.k8s.io", "PriorityClass") => cluster::priority_class,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::definition,
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") => {
            definition::mutating_webhooks
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") => {
            definition::validating_webhooks
        }
        ("", "ConfigMap" | "ServiceAccount") => |_| (),
        ("apps", "ControllerRevision") => |revision| fields::set(revision, "revision", 0),
        _ => return None,
    };
    Some(default)
}
