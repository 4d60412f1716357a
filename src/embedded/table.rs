//! What `kubectl get` prints: the columns of each kind and the row of an object.
//!
//! Every row has all cells; columns of priority 1 are those of `-o wide`. A kind without columns of
//! its own, and any kind of a custom resource definition, has a name and an age.

mod batch;
mod cells;
mod cluster;
mod custom;
mod duration;
mod network;
mod pod;
mod policy;
mod storage;
#[cfg(test)]
mod tests;
mod workload;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::object::{GroupVersionKind, meta};

pub(crate) use custom::{crd_columns, crd_row};

/// The head of one column, in the form of `meta.k8s.io/v1` `TableColumnDefinition`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Column {
    /// As printed, in mixed case; kubectl prints it in capitals.
    pub(crate) name: String,
    /// An `OpenAPI` type: `string`, `integer`, `boolean`, `number` or `date`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// `name` for the column that identifies the object, else mostly empty.
    pub(crate) format: String,
    /// For people; kubectl does not print it.
    pub(crate) description: String,
    /// 0 always, 1 with `-o wide`.
    pub(crate) priority: i64,
}

/// How one kind is printed.
struct Kind {
    /// Name, type and whether the column is for `-o wide` only.
    columns: &'static [(&'static str, &'static str, bool)],
    row: fn(&Value, Timestamp) -> Vec<Value>,
}

/// The columns of a kind.
pub(crate) fn columns(gvk: &GroupVersionKind) -> Vec<Column> {
    let Some(kind) = of_kind(gvk) else {
        return vec![column("Name", "string", false), column("Created At", "date", false)];
    };
    kind.columns.iter().map(|(name, kind, wide)| column(name, kind, *wide)).collect()
}

/// The cells of an object, one for each of the kind's columns.
pub(crate) fn row(gvk: &GroupVersionKind, object: &Value, now: Timestamp) -> Vec<Value> {
    match of_kind(gvk) {
        Some(kind) => (kind.row)(object, now),
        None => vec![cells::name(object), json!(meta::text(object, "creationTimestamp"))],
    }
}

/// The columns of the scale of an object.
pub(crate) fn scale_columns() -> Vec<Column> {
    let plain =
        |name: &str, kind: &str| Column { format: String::new(), ..column(name, kind, false) };
    vec![
        plain("Name", "string"),
        plain("Desired", "integer"),
        plain("Available", "integer"),
        plain("Age", "string"),
    ]
}

/// The cells of a scale.
pub(crate) fn scale_row(scale: &Value, now: Timestamp) -> Vec<Value> {
    let count = |pointer: &str| json!(cells::number(scale, pointer));
    let age = cells::age(scale, now);
    vec![cells::name(scale), count("/spec/replicas"), count("/status/replicas"), age]
}

/// What a client that hides finished objects needs to know of a row, beside its cells.
pub(crate) fn row_conditions(gvk: &GroupVersionKind, object: &Value) -> Option<Value> {
    if !gvk.group.is_empty() || gvk.kind != "Pod" {
        return None;
    }
    let (phase, message) = match object.pointer("/status/phase")?.as_str()? {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": phase, "message": message}]))
}

fn column(name: &str, kind: &str, wide: bool) -> Column {
    let is_name = name == "Name";
    Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: if is_name { "name" } else { "" }.to_owned(),
        description: description(name),
        priority: i64::from(wide),
    }
}

fn description(name: &str) -> String {
    match name {
        "Name" => "Name of the object, unique within its namespace.".to_owned(),
        "Age" | "Created At" => "Time since the object was made.".to_owned(),
        other => format!("{other} of the object."),
    }
}

fn of_kind(gvk: &GroupVersionKind) -> Option<&'static Kind> {
    let kind = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => &pod::POD,
        ("", "PodTemplate") => &workload::POD_TEMPLATE,
        ("", "ReplicationController") => &workload::REPLICATION_CONTROLLER,
        ("", "Service") => &network::SERVICE,
        ("", "Endpoints") => &network::ENDPOINTS,
        ("", "ConfigMap") => &cluster::CONFIG_MAP,
        ("", "Secret") => &cluster::SECRET,
        ("", "ServiceAccount") => &cluster::SERVICE_ACCOUNT,
        ("", "Namespace") => &cluster::NAMESPACE,
        ("", "Node") => &cluster::NODE,
        ("" | "events.k8s.io", "Event") => &cluster::EVENT,
        ("", "ResourceQuota") => &policy::QUOTA,
        ("", "PersistentVolume") => &storage::VOLUME,
        ("", "PersistentVolumeClaim") => &storage::CLAIM,
        ("apps", "Deployment") => &workload::DEPLOYMENT,
        ("apps", "ReplicaSet") => &workload::REPLICA_SET,
        ("apps", "StatefulSet") => &workload::STATEFUL_SET,
        ("apps", "DaemonSet") => &workload::DAEMON_SET,
        ("apps", "ControllerRevision") => &workload::REVISION,
        ("batch", "Job") => &batch::JOB,
        ("batch", "CronJob") => &batch::CRON_JOB,
        ("autoscaling", "HorizontalPodAutoscaler") => &policy::AUTOSCALER,
        ("policy", "PodDisruptionBudget") => &policy::BUDGET,
        ("networking.k8s.io", "Ingress") => &network::INGRESS,
        ("networking.k8s.io", "IngressClass") => &network::INGRESS_CLASS,
        ("networking.k8s.io", "NetworkPolicy") => &network::NETWORK_POLICY,
        ("discovery.k8s.io", "EndpointSlice") => &network::ENDPOINT_SLICE,
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => &cluster::BINDING,
        ("storage.k8s.io", "StorageClass") => &storage::CLASS,
        ("coordination.k8s.io", "Lease") => &cluster::LEASE,
        ("scheduling.k8s.io", "PriorityClass") => &cluster::PRIORITY_CLASS,
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
        ) => &cluster::WEBHOOKS,
        _ => return None,
    };
    Some(kind)
}
