//! How far a rollout has come, in words and numbers.

use serde_json::Value;

use super::{
    HealthStatus, batch,
    read::{count, counted, number},
    workload,
};
use crate::object::meta;

/// How far a rollout has come: `3 of 7 pods updated, 2 available, 4 old pods to go`. `None` when
/// the object is no workload or nothing is left to do.
pub fn progress(object: &Value) -> Option<String> {
    let gvk = meta::gvk(object)?;
    let (health, words) = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => (workload::deployment(object, &[]), deployment(object)),
        ("apps", "StatefulSet") => (workload::stateful_set(object, &[]), stateful_set(object)),
        ("apps", "DaemonSet") => (workload::daemon_set(object, &[]), daemon_set(object)),
        ("apps", "ReplicaSet") => (workload::replica_set(object, &[]), replica_set(object)),
        ("batch", "Job") => (batch::job(object, &[]), batch::job_words(object)),
        _ => return None,
    };
    (health.status != HealthStatus::Healthy).then_some(words)
}

fn wanted(object: &Value) -> i64 {
    // What the server fills in.
    number(object, "/spec/replicas").unwrap_or(1)
}

fn updated_of(updated: i64, wanted: i64, available: i64) -> String {
    format!("{updated} of {} updated, {available} available", counted(wanted, "pod"))
}

fn deployment(object: &Value) -> String {
    let updated = count(object, "/status/updatedReplicas");
    let words = updated_of(updated, wanted(object), count(object, "/status/availableReplicas"));
    match count(object, "/status/replicas").saturating_sub(updated) {
        old if old > 0 => format!("{words}, {} to go", counted(old, "old pod")),
        _ => words,
    }
}

fn stateful_set(object: &Value) -> String {
    let partition = count(object, "/spec/updateStrategy/rollingUpdate/partition").max(0);
    let due = wanted(object).saturating_sub(partition).max(0);
    let updated = count(object, "/status/updatedReplicas");
    let ready = count(object, "/status/readyReplicas");
    format!("{updated} of {} updated, {ready} ready", counted(due, "pod"))
}

fn daemon_set(object: &Value) -> String {
    updated_of(
        count(object, "/status/updatedNumberScheduled"),
        count(object, "/status/desiredNumberScheduled"),
        count(object, "/status/numberAvailable"),
    )
}

fn replica_set(object: &Value) -> String {
    let available = count(object, "/status/availableReplicas");
    format!("{available} of {} available", counted(wanted(object), "pod"))
}
