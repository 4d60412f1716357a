//! Namespaces, nodes, secrets, events and the other small kinds.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::{
    fields::{items, made, present, remove, set, set_text, text},
    quantity,
};
use crate::object::meta;

/// Carries a namespace's name, so that selectors can name one.
pub(super) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub(super) fn namespace(object: &mut Value) {
    made(object, "spec");
    if let Some(status) = made(object, "status") {
        set_text(status, "phase", "Active");
        for condition in items(status, "conditions") {
            set(condition, "lastTransitionTime", Value::Null);
        }
    }
    let name = meta::name(object).to_owned();
    if !name.is_empty()
        && let Some(labels) = meta::map_mut(object, "labels")
    {
        labels.insert(NAME_LABEL.to_owned(), Value::from(name));
    }
}

pub(super) fn node(object: &mut Value) {
    made(object, "spec");
    let Some(status) = made(object, "status") else { return };
    if let Some(capacity) = status.get("capacity").cloned() {
        set(status, "allocatable", capacity);
    }
    quantity::list(status, "capacity");
    quantity::list(status, "allocatable");
    if let Some(port) = made(status, "daemonEndpoints").and_then(|all| made(all, "kubeletEndpoint"))
    {
        set(port, "Port", 0);
    }
    if let Some(info) = made(status, "nodeInfo") {
        for field in [
            "architecture",
            "bootID",
            "containerRuntimeVersion",
            "kernelVersion",
            "kubeProxyVersion",
            "kubeletVersion",
            "machineID",
            "operatingSystem",
            "osImage",
            "systemUUID",
        ] {
            set(info, field, "");
        }
    }
    for condition in items(status, "conditions") {
        set(condition, "lastHeartbeatTime", Value::Null);
        set(condition, "lastTransitionTime", Value::Null);
    }
}

/// Events of both groups are one object; most of its times may be missing and are shown so.
pub(super) fn event(object: &mut Value) {
    made(object, "involvedObject");
    if let Some(source) = made(object, "source") {
        let fields = source.as_object_mut().into_iter();
        fields.for_each(|source| source.retain(|_, value| value != ""));
    }
    for time in ["eventTime", "firstTimestamp", "lastTimestamp"] {
        set(object, time, Value::Null);
    }
    set(object, "reportingComponent", "");
    set(object, "reportingInstance", "");
}

/// `stringData` is written into `data`, and never stored.
pub(super) fn secret(object: &mut Value) {
    set_text(object, "type", "Opaque");
    let Some(Value::Object(texts)) = remove(object, "stringData") else { return };
    let Some(Value::Object(data)) = made(object, "data") else { return };
    for (key, text) in texts {
        let encoded = BASE64_STANDARD.encode(text.as_str().unwrap_or_default());
        data.insert(key, Value::from(encoded));
    }
}

pub(super) fn limit_range(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "limits", Value::Null);
    for limit in items(spec, "limits") {
        if text(limit, "type") == "Container" {
            container_limits(limit);
        }
        for list in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            quantity::list(limit, list);
        }
    }
}

/// A default limit comes from the maximum, a default request from the default limit, else from the
/// minimum.
fn container_limits(limit: &mut Value) {
    let amounts = |limit: &Value, name: &str| -> Map<String, Value> {
        limit.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let mut default = amounts(limit, "default");
    quantity::fill(&mut default, &amounts(limit, "max"));
    let mut request = amounts(limit, "defaultRequest");
    quantity::fill(&mut request, &default);
    quantity::fill(&mut request, &amounts(limit, "min"));
    for (name, amounts) in [("default", default), ("defaultRequest", request)] {
        if !amounts.is_empty() {
            limit[name] = Value::Object(amounts);
        }
    }
}

pub(super) fn resource_quota(object: &mut Value) {
    if let Some(spec) = made(object, "spec") {
        quantity::list(spec, "hard");
    }
    if let Some(status) = made(object, "status") {
        quantity::list(status, "hard");
        quantity::list(status, "used");
    }
}

pub(super) fn priority_class(object: &mut Value) {
    set(object, "value", 0);
    set(object, "preemptionPolicy", "PreemptLowerPriority");
}

pub(super) fn lease(object: &mut Value) {
    if present(object, "spec").is_none() {
        made(object, "spec");
    }
}
