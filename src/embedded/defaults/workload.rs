//! What runs pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, `ReplicationControllers`.

use serde_json::{Value, json};

use super::{
    fields::{is_bare, items, made, present, set, set_text, text},
    metadata, pod, storage,
};

const HISTORY: i64 = 10;
const PROGRESS_S: i64 = 600;

pub(super) fn deployment(object: &mut Value) {
    made(object, "status");
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", HISTORY);
    set(spec, "progressDeadlineSeconds", PROGRESS_S);
    rolling(spec, "strategy", &[("maxUnavailable", json!("25%")), ("maxSurge", json!("25%"))]);
    pod::template_of(spec);
}

pub(super) fn replica_set(object: &mut Value) {
    replicas_in_status(object);
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "replicas", 1);
    pod::template_of(spec);
}

pub(super) fn replication_controller(object: &mut Value) {
    replicas_in_status(object);
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "replicas", 1);
    if present(spec, "template").is_none() {
        return;
    }
    pod::template_of(spec);
    let labels = spec.pointer("/template/metadata/labels").cloned().unwrap_or_default();
    if labels.is_null() {
        return;
    }
    if is_bare(spec, "selector") {
        spec["selector"] = labels.clone();
    }
    labels_of_the_template(object, labels);
}

pub(super) fn stateful_set(object: &mut Value) {
    replicas_in_status(object);
    if let Some(status) = present(object, "status") {
        set(status, "availableReplicas", 0);
    }
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "replicas", 1);
    set(spec, "serviceName", "");
    set_text(spec, "podManagementPolicy", "OrderedReady");
    set(spec, "revisionHistoryLimit", HISTORY);
    if let Some(strategy) = made(spec, "updateStrategy") {
        if text(strategy, "type").is_empty() {
            set_text(strategy, "type", "RollingUpdate");
            made(strategy, "rollingUpdate");
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = present(strategy, "rollingUpdate")
        {
            set(rolling, "partition", 0);
        }
    }
    if let Some(policy) = made(spec, "persistentVolumeClaimRetentionPolicy") {
        set_text(policy, "whenDeleted", "Retain");
        set_text(policy, "whenScaled", "Retain");
    }
    for claim in items(spec, "volumeClaimTemplates") {
        set(claim, "apiVersion", "v1");
        set(claim, "kind", "PersistentVolumeClaim");
        metadata::of_template(claim);
        storage::claim(claim);
    }
    pod::template_of(spec);
}

pub(super) fn daemon_set(object: &mut Value) {
    if let Some(status) = made(object, "status") {
        for field in [
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
        ] {
            set(status, field, 0);
        }
    }
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "revisionHistoryLimit", HISTORY);
    rolling(spec, "updateStrategy", &[("maxUnavailable", json!(1)), ("maxSurge", json!(0))]);
    pod::template_of(spec);
}

/// An object without labels gets those of its template.
pub(super) fn labels_of_the_template(object: &mut Value, labels: Value) {
    if let Some(metadata) = made(object, "metadata")
        && is_bare(metadata, "labels")
        && !labels.is_null()
    {
        metadata["labels"] = labels;
    }
}

fn rolling(spec: &mut Value, field: &str, defaults: &[(&str, Value)]) {
    let Some(strategy) = made(spec, field) else { return };
    set_text(strategy, "type", "RollingUpdate");
    if text(strategy, "type") != "RollingUpdate" {
        return;
    }
    let Some(rolling) = made(strategy, "rollingUpdate") else { return };
    for (name, value) in defaults {
        set(rolling, name, value.clone());
    }
}

fn replicas_in_status(object: &mut Value) {
    if let Some(status) = made(object, "status") {
        set(status, "replicas", 0);
    }
}
