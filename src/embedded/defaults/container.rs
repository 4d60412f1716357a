//! Containers of pods, their ports, probes and environment.

use serde_json::{Map, Value};

use super::{
    fields::{items, made, present, set, set_number, set_text, text},
    quantity,
};

pub(super) fn container(container: &mut Value) {
    let policy = pull_policy(text(container, "image"));
    set_text(container, "imagePullPolicy", policy);
    set_text(container, "terminationMessagePath", "/dev/termination-log");
    set_text(container, "terminationMessagePolicy", "File");
    if let Some(resources) = made(container, "resources") {
        self::resources(resources);
    }
    for port in items(container, "ports") {
        set_text(port, "protocol", "TCP");
    }
    items(container, "env").for_each(variable);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = present(container, name) {
            self::probe(probe);
        }
    }
    if let Some(lifecycle) = present(container, "lifecycle") {
        for name in ["postStart", "preStop"] {
            if let Some(handler) = present(lifecycle, name) {
                http_get(handler);
            }
        }
    }
}

/// Always for `latest`, said or meant; a digest pins the image whatever its tag says.
pub(super) fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or_default();
    let (tagged, digest) =
        name.split_once('@').map_or((name, None), |(tagged, d)| (tagged, Some(d)));
    match tagged.split_once(':') {
        Some((_, "latest")) => "Always",
        None if digest.is_none() => "Always",
        _ => "IfNotPresent",
    }
}

pub(super) fn resources(resources: &mut Value) {
    quantity::list(resources, "limits");
    quantity::list(resources, "requests");
}

/// In a pod, what is limited is requested too. A template says what its author said.
pub(super) fn limits_are_requests(container: &mut Value) {
    let Some(resources) = container.get_mut("resources") else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    if let Some(Value::Object(requests)) = made(resources, "requests") {
        quantity::fill(requests, &limits);
    }
}

/// In the host's network a port of the container is the same port of the host.
pub(super) fn ports_of_the_host(container: &mut Value) {
    for port in items(container, "ports") {
        if let Some(number) = port.get("containerPort").and_then(Value::as_i64) {
            set_number(port, "hostPort", number);
        }
    }
}

fn variable(variable: &mut Value) {
    let Some(source) = present(variable, "valueFrom") else { return };
    if let Some(field) = present(source, "fieldRef") {
        set_text(field, "apiVersion", "v1");
    }
    if let Some(resource) = present(source, "resourceFieldRef") {
        divisor(resource);
    }
    for reference in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(reference) = present(source, reference) {
            drop_empty_name(reference);
        }
    }
    if let Some(file) = present(source, "fileKeyRef") {
        set(file, "optional", false);
    }
}

/// A resource is divided by its divisor; 0 says that the unit is the usual one.
pub(super) fn divisor(resource: &mut Value) {
    set(resource, "divisor", "0");
    quantity::field(resource, "divisor");
}

fn drop_empty_name(reference: &mut Value) {
    if let Some(fields) = reference.as_object_mut() {
        fields.retain(|key, value| key != "name" || value != "");
    }
}

fn probe(probe: &mut Value) {
    for (field, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        set_number(probe, field, value);
    }
    http_get(probe);
    if let Some(grpc) = present(probe, "grpc") {
        set(grpc, "service", "");
    }
}

fn http_get(handler: &mut Value) {
    if let Some(get) = present(handler, "httpGet") {
        set_text(get, "path", "/");
        set_text(get, "scheme", "HTTP");
    }
}

/// How a pod is ranked when memory runs out: `Guaranteed`, `Burstable` or `BestEffort`.
pub(super) fn quality(spec: &Value) -> &'static str {
    let containers = ["containers", "initContainers"]
        .into_iter()
        .filter_map(|list| spec.get(list).and_then(Value::as_array))
        .flatten();
    let (mut any, mut guaranteed) = (false, true);
    for container in containers {
        let amounts = |list: &str| -> Map<String, Value> {
            let all = container.pointer(&format!("/resources/{list}")).and_then(Value::as_object);
            let counted = |name: &str| matches!(name, "cpu" | "memory");
            let entries = all.into_iter().flatten();
            entries
                .filter(|(name, amount)| counted(name) && canonical_is_positive(amount))
                .map(|(name, amount)| (name.clone(), amount.clone()))
                .collect()
        };
        let (requests, limits) = (amounts("requests"), amounts("limits"));
        any |= !requests.is_empty() || !limits.is_empty();
        guaranteed &= limits.len() == 2 && (requests == limits);
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn canonical_is_positive(amount: &Value) -> bool {
    quantity::canonical(amount).is_some_and(|text| text != "0" && !text.starts_with('-'))
}
