//! Advice that comes with an object: nothing that is refused, but nothing that works as it reads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    embedded::validate::{list, text},
    object::{GroupVersionKind, meta},
};

/// The advice to whoever made an object.
pub(crate) fn of_new(gvk: &GroupVersionKind, object: &Value) -> Vec<String> {
    let mut said = Vec::new();
    of_kind(gvk, object, &mut said);
    if let Some((spec, path)) = pod_spec(gvk, object) {
        pod(spec, path, &mut said);
    }
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("networking.k8s.io", "Ingress") => {
            let annotation = "kubernetes.io/ingress.class";
            if meta::annotation(object, annotation).is_some() {
                said.push(format!(
                    "annotation {annotation:?} is deprecated, please use 'spec.ingressClassName' \
                     instead"
                ));
            }
        }
        ("", "ServiceAccount") => {
            let annotation = "kubernetes.io/enforce-mountable-secrets";
            if meta::annotation(object, annotation).is_some() {
                said.push(format!(
                    "metadata.annotations[{annotation}]: deprecated in v1.32+; prefer separate \
                     namespaces to isolate access to mounted secrets"
                ));
            }
        }
        _ => {}
    }
    said
}

/// The advice to whoever changed it. Of pods it is given when what they shall be changed.
pub(crate) fn of_changed(gvk: &GroupVersionKind, old: &Value, new: &Value) -> Vec<String> {
    let mut said = Vec::new();
    of_kind(gvk, new, &mut said);
    if let Some((spec, path)) = pod_spec(gvk, new)
        && meta::generation(old) != meta::generation(new)
    {
        pod(spec, path, &mut said);
    }
    said
}

fn of_kind(gvk: &GroupVersionKind, object: &Value, said: &mut Vec<String>) {
    if !gvk.group.is_empty() {
        return;
    }
    let spec = object.get("spec").unwrap_or(&Value::Null);
    match gvk.kind.as_str() {
        "Service" if !list(spec, "externalIPs").is_empty() => {
            said.push(
                "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
                    .to_owned(),
            );
        }
        "PersistentVolume" if spec["persistentVolumeReclaimPolicy"] == "Recycle" => {
            said.push(
                "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. \
                 Instead, the recommended approach is to use dynamic provisioning."
                    .to_owned(),
            );
        }
        "PersistentVolumeClaim" => {
            let field = "spec.resources.requests[storage]";
            fractions(spec.pointer("/resources/requests/storage"), field, said);
        }
        _ => {}
    }
}

/// The pods that an object is or makes, and where it says so.
fn pod_spec<'a>(gvk: &GroupVersionKind, object: &'a Value) -> Option<(&'a Value, &'static str)> {
    let (pointer, path) = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => ("/spec", "spec"),
        ("", "PodTemplate") => ("/template/spec", "template.spec"),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job") => ("/spec/template/spec", "spec.template.spec"),
        ("batch", "CronJob") => {
            ("/spec/jobTemplate/spec/template/spec", "spec.jobTemplate.spec.template.spec")
        }
        _ => return None,
    };
    Some((object.pointer(pointer)?, path))
}

fn pod(spec: &Value, path: &str, said: &mut Vec<String>) {
    for (index, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        if constraint.get("labelSelector").is_none_or(Value::is_null) {
            said.push(format!(
                "{path}.topologySpreadConstraints[{index}].labelSelector: a null labelSelector \
                 results in matching no pod"
            ));
        }
    }
    twice(spec, path, ("hostAliases", "ip"), said);
    twice(spec, path, ("imagePullSecrets", "name"), said);
    for (index, secret) in list(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            said.push(format!("{path}.imagePullSecrets[{index}].name: invalid empty name \"\""));
        }
    }
    for group in ["initContainers", "containers"] {
        for (index, container) in list(spec, group).iter().enumerate() {
            self::container(container, &format!("{path}.{group}[{index}]"), said);
        }
    }
    ports(spec, path, said);
}

/// Items of a list that the key should tell apart.
fn twice(spec: &Value, path: &str, (name, key): (&str, &str), said: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, item) in list(spec, name).iter().enumerate() {
        let value = text(item, key);
        if !seen.insert(value) {
            said.push(format!("{path}.{name}[{index}].{key}: duplicate {key} {value:?}"));
        }
    }
}

fn container(container: &Value, path: &str, said: &mut Vec<String>) {
    for what in ["limits", "requests"] {
        for name in ["memory", "ephemeral-storage"] {
            let field = format!("{path}.resources.{what}[{name}]");
            fractions(container.pointer(&format!("/resources/{what}/{name}")), &field, said);
        }
    }
    let mut seen = BTreeMap::new();
    for (index, variable) in list(container, "env").iter().enumerate() {
        let name = text(variable, "name");
        if seen.insert(name, index).is_some() {
            said.push(format!(
                "{path}.env[{index}]: hides previous definition of {name:?}, which may be dropped \
                 when using apply"
            ));
        }
    }
}

/// Ports that are said twice, wherever in the pod: first by their numbers, then by their names.
fn ports(spec: &Value, path: &str, said: &mut Vec<String>) {
    let mut known: Vec<(&Value, String)> = Vec::new();
    let mut named: BTreeMap<&str, String> = BTreeMap::new();
    let mut names = Vec::new();
    for group in ["initContainers", "containers"] {
        for (index, container) in list(spec, group).iter().enumerate() {
            for (place, port) in list(container, "ports").iter().enumerate() {
                let field = format!("{path}.{group}[{index}].ports[{place}]");
                let same = |key: &str, other: &Value| port.get(key) == other.get(key);
                for (other, first) in &known {
                    if !same("containerPort", other) || !same("protocol", other) {
                        continue;
                    }
                    if let Some(how) = clash(port, other) {
                        said.push(format!("{field}: {how} port definition with {first}"));
                    }
                }
                let name = text(port, "name");
                match named.get(name).filter(|_| !name.is_empty()) {
                    Some(first) => names.push(format!(
                        "{field}: duplicate port name {name:?} with {first}, services and probes \
                         that select ports by name will use {first}"
                    )),
                    None => {
                        named.insert(name, field.clone());
                    }
                }
                known.push((port, field));
            }
        }
    }
    said.append(&mut names);
}

/// How two ports of one number and protocol are in each other's way.
fn clash(port: &Value, other: &Value) -> Option<&'static str> {
    let host = |port: &Value| port.get("hostPort").and_then(Value::as_i64).unwrap_or_default();
    let (a, b) = (text(port, "hostIP"), text(other, "hostIP"));
    if a == b && host(port) == host(other) {
        Some("duplicate")
    } else if host(port) == 0 || host(other) == 0 {
        Some("overlapping")
    } else if host(port) == host(other) && a.is_empty() != b.is_empty() {
        Some("dangerously ambiguous")
    } else {
        None
    }
}

/// Bytes are whole.
fn fractions(amount: Option<&Value>, field: &str, said: &mut Vec<String>) {
    let Some(text) = amount.and_then(Value::as_str) else { return };
    if text.ends_with(['m', 'u', 'n']) {
        said.push(format!(
            "{field}: fractional byte value {text:?} is invalid, must be an integer"
        ));
    }
}
