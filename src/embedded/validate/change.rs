//! Fields that must not change once an object is there.

use serde_json::{Value, json};

use super::{
    cause::{Cause, forbidden, invalid, invalid_shown, list, text},
    storage,
};
use crate::object::{GroupVersionKind, quantity::Quantity};

const IMMUTABLE: &str = "field is immutable";
const SET_FIELDS: [&str; 7] = [
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
];

pub(super) fn check(gvk: &GroupVersionKind, old: &Value, new: &Value, found: &mut Vec<Cause>) {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => {
            fixed(old, new, &["spec.selector"], found);
        }
        ("apps", "StatefulSet") => stateful_set(old, new, found),
        ("apps", "ControllerRevision") => fixed(old, new, &["data"], found),
        ("batch", "Job") => job(old, new, found),
        ("", "Pod") => pod(old, new, found),
        ("", "Service") => service(old, new, found),
        ("", "ConfigMap") => sealed(old, new, &["data", "binaryData"], found),
        ("", "Secret") => {
            fixed(old, new, &["type"], found);
            sealed(old, new, &["data"], found);
        }
        ("", "PersistentVolumeClaim") => claim(old, new, found),
        ("", "ResourceQuota") if at(old, "spec.scopes") != at(new, "spec.scopes") => {
            let scopes = at(new, "spec.scopes").cloned().unwrap_or(json!([]));
            found.push(invalid("spec.scopes", &scopes, IMMUTABLE));
        }
        ("", "PersistentVolume") => volume(old, new, found),
        ("rbac.authorization.k8s.io", _) => binding(old, new, found),
        ("storage.k8s.io", "StorageClass") => {
            let fields = ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"];
            fixed(old, new, &fields, found);
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            if old.get("value") != new.get("value") {
                found.push(forbidden("value", "may not be changed in an update."));
            }
            fixed(old, new, &["preemptionPolicy"], found);
        }
        ("discovery.k8s.io", "EndpointSlice") => fixed(old, new, &["addressType"], found),
        ("networking.k8s.io", "IngressClass") => fixed(old, new, &["spec.controller"], found),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let fields = ["spec.group", "spec.scope", "spec.names.kind", "spec.names.plural"];
            fixed(old, new, &fields, found);
        }
        _ => {}
    }
}

fn at<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.pointer(&format!("/{}", field.replace('.', "/")))
}

/// Each of the fields must be what it was.
fn fixed(old: &Value, new: &Value, fields: &[&str], found: &mut Vec<Cause>) {
    for field in fields.iter().filter(|field| at(old, field) != at(new, field)) {
        let value = at(new, field).unwrap_or(&Value::Null);
        found.push(invalid(*field, value, IMMUTABLE));
    }
}

fn binding(old: &Value, new: &Value, found: &mut Vec<Cause>) {
    if old.get("roleRef") == new.get("roleRef") {
        return;
    }
    let role = new.get("roleRef").unwrap_or(&Value::Null);
    let printed = format!(
        "{{\"APIGroup\":{},\"Kind\":{},\"Name\":{}}}",
        role["apiGroup"], role["kind"], role["name"]
    );
    found.push(invalid_shown("roleRef", &printed, "cannot change roleRef"));
}

/// Once `immutable` is set, it and the data stay as they are.
fn sealed(old: &Value, new: &Value, fields: &[&str], found: &mut Vec<Cause>) {
    let is_sealed = |object: &Value| object.get("immutable") == Some(&Value::Bool(true));
    if !is_sealed(old) {
        return;
    }
    let message = "field is immutable when `immutable` is set";
    if !is_sealed(new) {
        found.push(forbidden("immutable", message));
    }
    for field in fields.iter().filter(|field| old.get(**field) != new.get(**field)) {
        found.push(forbidden(*field, message));
    }
}

/// The spec without the fields that may change.
fn without(object: &Value, fields: &[&str]) -> Value {
    let mut spec = object.get("spec").cloned().unwrap_or_default();
    if let Some(spec) = spec.as_object_mut() {
        spec.retain(|key, _| !fields.contains(&key.as_str()));
    }
    spec
}

fn stateful_set(old: &Value, new: &Value, found: &mut Vec<Cause>) {
    if without(old, &SET_FIELDS) != without(new, &SET_FIELDS) {
        let message = "updates to statefulset spec for fields other than 'replicas', 'ordinals', \
                       'template', 'updateStrategy', 'revisionHistoryLimit', \
                       'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        found.push(forbidden("spec", message));
    }
}

fn job(old: &Value, new: &Value, found: &mut Vec<Cause>) {
    // The number of completions of an indexed job may follow its parallelism.
    let indexed = at(new, "spec.completionMode") == Some(&json!("Indexed"));
    let elastic = indexed && at(new, "spec.completions") == at(new, "spec.parallelism");
    if !elastic {
        fixed(old, new, &["spec.completions"], found);
    }
    fixed(old, new, &["spec.selector"], found);
    let suspended = at(old, "spec.suspend") == Some(&Value::Bool(true));
    let started = at(old, "status.startTime").is_some_and(|time| !time.is_null());
    if !suspended || started {
        fixed(old, new, &["spec.template"], found);
    }
    let fields = [
        "spec.completionMode",
        "spec.podFailurePolicy",
        "spec.backoffLimitPerIndex",
        "spec.managedBy",
        "spec.successPolicy",
    ];
    fixed(old, new, &fields, found);
}

fn pod(old: &Value, new: &Value, found: &mut Vec<Cause>) {
    for key in ["containers", "initContainers"] {
        let count = |object: &Value| object.get("spec").map_or(0, |spec| list(spec, key).len());
        if count(old) != count(new) {
            let message = "pod updates may not add or remove containers";
            found.push(forbidden(format!("spec.{key}"), message));
            return;
        }
    }
    if at(old, "spec") == at(new, "spec") {
        return;
    }
    let tolerations = |object: &Value| {
        object.get("spec").map(|spec| list(spec, "tolerations").to_vec()).unwrap_or_default()
    };
    let (before, after) = (tolerations(old), tolerations(new));
    if before.iter().any(|toleration| !after.contains(toleration)) {
        let message = "existing toleration can not be modified except its tolerationSeconds";
        found.push(forbidden("spec.tolerations", message));
    }
    if frozen(old) != frozen(new) {
        let message = "pod updates may not change fields other than \
                       `spec.containers[*].image`,`spec.initContainers[*].image`,\
                       `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                       existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be \
                       set to 1 if it was previously negative)\n";
        found.push(forbidden("spec", message));
    }
}

/// A pod's spec without what may change.
fn frozen(pod: &Value) -> Value {
    let mut spec = without(pod, &["activeDeadlineSeconds", "tolerations", "schedulingGates"]);
    for key in ["containers", "initContainers"] {
        let containers = spec.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            container.remove("image");
        }
    }
    spec
}

fn service(old: &Value, new: &Value, found: &mut Vec<Cause>) {
    let external = |object: &Value| at(object, "spec.type") == Some(&json!("ExternalName"));
    if external(old) || external(new) {
        return;
    }
    let none = Vec::new();
    let ips = |object: &'_ Value| -> Vec<Value> {
        at(object, "spec.clusterIPs").and_then(Value::as_array).unwrap_or(&none).clone()
    };
    let (before, after) = (ips(old), ips(new));
    match (before.first(), after.first()) {
        (Some(_), None) => {
            let message = "primary clusterIP can not be unset";
            found.push(invalid("spec.clusterIPs[0]", &Value::Null, message));
        }
        (Some(old), Some(new)) if old != new => {
            let message = "may not change once set";
            found.push(invalid("spec.clusterIPs[0]", &json!(after), message));
        }
        _ => {}
    }
}

fn claim(old: &Value, new: &Value, found: &mut Vec<Cause>) {
    let bound = at(new, "status.phase") == Some(&json!("Bound"));
    let munged = |object: &Value| {
        let mut spec = object.get("spec").cloned().unwrap_or_default();
        if text(old.get("spec").unwrap_or(&Value::Null), "volumeName").is_empty() {
            spec.as_object_mut().map(|spec| spec.remove("volumeName"));
        }
        if bound {
            let requests = spec.pointer_mut("/resources/requests").and_then(Value::as_object_mut);
            requests.map(|requests| requests.remove("storage"));
            spec.as_object_mut().map(|spec| spec.remove("volumeAttributesClassName"));
        }
        spec
    };
    if munged(old) != munged(new) {
        let message = "spec is immutable after creation except resources.requests and \
                       volumeAttributesClassName for bound claims\n";
        found.push(forbidden("spec", message));
    }
    let size = |object: &Value, field: &str| at(object, field).and_then(Quantity::of);
    let requests = "spec.resources.requests.storage";
    let (before, after) = (size(old, requests), size(new, requests));
    let held = size(old, "status.capacity.storage").unwrap_or(Quantity::ZERO);
    if after < before && after <= Some(held) {
        found.push(forbidden(requests, "field can not be less than status.capacity"));
    }
    if at(old, "spec.volumeMode") != at(new, "spec.volumeMode") {
        let mode = at(new, "spec.volumeMode").unwrap_or(&Value::Null);
        found.push(invalid("volumeMode", mode, IMMUTABLE));
    }
}

fn volume(old: &Value, new: &Value, found: &mut Vec<Cause>) {
    let fields = storage::VOLUME_FIELDS;
    if without(old, &fields) != without(new, &fields) {
        let message = "spec.persistentvolumesource is immutable after creation\n";
        found.push(forbidden("spec.persistentvolumesource", message));
    }
    if at(old, "spec.volumeMode") != at(new, "spec.volumeMode") {
        let mode = at(new, "spec.volumeMode").unwrap_or(&Value::Null);
        found.push(invalid("volumeMode", mode, IMMUTABLE));
    }
}
