//! Containers of pods: images, ports, mounts, probes, resources.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    cause::{
        Cause, duplicate, entries, forbidden, invalid, invalid_text, list, not_found, not_negative,
        not_supported, number, one_of, required, text,
    },
    names,
};
use crate::object::quantity::Quantity;

/// Transport protocols.
pub(super) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// The containers of a pod's spec, whose volumes have these names.
pub(super) fn containers(
    spec: &Value,
    path: &str,
    volumes: &BTreeSet<String>,
    found: &mut Vec<Cause>,
) {
    if list(spec, "containers").is_empty() {
        found.push(required(format!("{path}.containers"), ""));
    }
    let mut seen = BTreeSet::new();
    for key in ["containers", "initContainers"] {
        for (index, container) in list(spec, key).iter().enumerate() {
            let path = format!("{path}.{key}[{index}]");
            self::container(container, &path, volumes, found);
            let name = text(container, "name");
            if !seen.insert(name) {
                found.push(duplicate(format!("{path}.name"), &name.into()));
            }
            if key == "containers" || text(container, "restartPolicy") == "Always" {
                lifecycle_and_probes(container, &path, found);
            } else {
                no_probes(container, &path, found);
            }
        }
    }
}

fn container(container: &Value, path: &str, volumes: &BTreeSet<String>, found: &mut Vec<Cause>) {
    let name = text(container, "name");
    if name.is_empty() {
        found.push(required(format!("{path}.name"), ""));
    } else {
        let wrong = names::dns_label(name).into_iter();
        found.extend(wrong.map(|why| invalid_text(format!("{path}.name"), name, &why)));
    }
    let image = text(container, "image");
    if image.is_empty() {
        found.push(required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let message = "must not have leading or trailing whitespace";
        found.push(invalid_text(format!("{path}.image"), image, message));
    }
    let policies = ["File", "FallbackToLogsOnError"];
    one_of(container, path, "terminationMessagePolicy", &policies, found);
    ports(container, path, found);
    variables(container, path, found);
    mounts(container, path, volumes, found);
    one_of(container, path, "imagePullPolicy", &["Always", "IfNotPresent", "Never"], found);
    if let Some(resources) = container.get("resources") {
        self::resources(resources, &format!("{path}.resources"), found);
    }
}

fn ports(container: &Value, path: &str, found: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    for (index, port) in list(container, "ports").iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        let name = text(port, "name");
        if !name.is_empty() {
            let field = format!("{path}.name");
            let wrong = names::port_name(name);
            if wrong.is_empty() && !seen.insert(name) {
                found.push(duplicate(field.as_str(), &name.into()));
            }
            found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), name, why)));
        }
        match number(port, "containerPort") {
            None | Some(0) => found.push(required(format!("{path}.containerPort"), "")),
            Some(number) => {
                let wrong = names::port_number(number).into_iter();
                let field = format!("{path}.containerPort");
                found.extend(wrong.map(|why| invalid(field.as_str(), &number.into(), &why)));
            }
        }
        if let Some(host) = number(port, "hostPort").filter(|host| *host != 0) {
            let wrong = names::port_number(host).into_iter();
            let field = format!("{path}.hostPort");
            found.extend(wrong.map(|why| invalid(field.as_str(), &host.into(), &why)));
        }
        one_of(port, &path, "protocol", &PROTOCOLS, found);
    }
}

fn variables(container: &Value, path: &str, found: &mut Vec<Cause>) {
    for (index, variable) in list(container, "env").iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        let name = text(variable, "name");
        if name.is_empty() {
            found.push(required(format!("{path}.name"), ""));
        } else {
            let wrong = names::variable(name).into_iter();
            found.extend(wrong.map(|why| invalid_text(format!("{path}.name"), name, &why)));
        }
        let Some(source) = variable.get("valueFrom") else { continue };
        let field = format!("{path}.valueFrom");
        let sources = source.as_object().map_or(0, serde_json::Map::len);
        if sources == 0 {
            let message = "must specify one of: `fieldRef`, `resourceFieldRef`, \
                           `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
            found.push(invalid_text(field.as_str(), "", message));
        } else if !text(variable, "value").is_empty() {
            found.push(invalid_text(
                field.as_str(),
                "",
                "may not be specified when `value` is not empty",
            ));
        } else if sources > 1 {
            let message = "may not have more than one field specified at a time";
            found.push(invalid_text(field.as_str(), "", message));
        }
        for reference in ["configMapKeyRef", "secretKeyRef"] {
            if source.get(reference).is_some_and(|source| text(source, "key").is_empty()) {
                found.push(required(format!("{field}.{reference}.key"), ""));
            }
        }
    }
}

fn mounts(container: &Value, path: &str, volumes: &BTreeSet<String>, found: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        let (name, target) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            found.push(required(format!("{path}.name"), ""));
        }
        if !volumes.contains(name) {
            found.push(not_found(format!("{path}.name"), &name.into()));
        }
        if target.is_empty() {
            found.push(required(format!("{path}.mountPath"), ""));
        }
        if !seen.insert(target) {
            found.push(invalid_text(format!("{path}.mountPath"), target, "must be unique"));
        }
    }
}

/// Limits and requests. Messages name the quantity, not the field's whole value.
fn resources(resources: &Value, path: &str, found: &mut Vec<Cause>) {
    for key in ["limits", "requests"] {
        for (name, amount) in entries(resources, key) {
            let field = format!("{path}.{key}[{name}]");
            if !name.contains('/') && !is_standard(name) {
                let message = "must be a standard resource type or fully qualified";
                found.push(invalid_text(field.as_str(), name, message));
                let message = "must be a standard resource for containers";
                found.push(invalid_text(field.as_str(), name, message));
            }
            let below_zero = Quantity::of(amount).is_some_and(|amount| amount < Quantity::ZERO);
            if below_zero {
                found.push(invalid(field, amount, "must be greater than or equal to 0"));
            }
            if key == "limits" {
                continue;
            }
            let limit = resources.get("limits").and_then(|limits| limits.get(name));
            let Some(limit) = limit else { continue };
            if Quantity::of(amount) > Quantity::of(limit) {
                let limit = limit.as_str().unwrap_or_default();
                let message = format!("must be less than or equal to {name} limit of {limit}");
                found.push(invalid(format!("{path}.requests"), amount, &message));
            }
        }
    }
}

fn is_standard(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-")
}

fn lifecycle_and_probes(container: &Value, path: &str, found: &mut Vec<Cause>) {
    if let Some(lifecycle) = container.get("lifecycle") {
        for name in ["postStart", "preStop"] {
            if let Some(handler) = lifecycle.get(name) {
                self::handler(handler, &format!("{path}.lifecycle.{name}"), found);
            }
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get(name) else { continue };
        let path = format!("{path}.{name}");
        handler(probe, &path, found);
        let seconds = [
            "initialDelaySeconds",
            "timeoutSeconds",
            "periodSeconds",
            "successThreshold",
            "failureThreshold",
        ];
        not_negative(probe, &path, &seconds, found);
        if name != "readinessProbe" && number(probe, "successThreshold").is_some_and(|n| n != 1) {
            let value = probe["successThreshold"].clone();
            found.push(invalid(format!("{path}.successThreshold"), &value, "must be 1"));
        }
    }
}

fn no_probes(container: &Value, path: &str, found: &mut Vec<Cause>) {
    for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if container.get(name).is_some() {
            let message = "may not be set for init containers without restartPolicy=Always";
            found.push(forbidden(format!("{path}.{name}"), message));
        }
    }
}

fn handler(handler: &Value, path: &str, found: &mut Vec<Cause>) {
    let all = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
    let said = all.into_iter().filter_map(|name| Some((name, handler.get(name)?)));
    let mut count = 0;
    for (name, action) in said {
        count += 1;
        let path = format!("{path}.{name}");
        if count > 1 {
            found.push(forbidden(path, "may not specify more than 1 handler type"));
            continue;
        }
        match name {
            "exec" if list(action, "command").is_empty() => {
                found.push(required(format!("{path}.command"), ""));
            }
            "httpGet" => {
                port(action, &path, found);
                let scheme = text(action, "scheme");
                if !["HTTP", "HTTPS"].contains(&scheme) {
                    let known = ["HTTP", "HTTPS"];
                    found.push(not_supported(format!("{path}.scheme"), &scheme.into(), &known));
                }
            }
            "tcpSocket" => port(action, &path, found),
            _ => {}
        }
    }
    if count == 0 {
        found.push(required(path, "must specify a handler type"));
    }
}

/// A port by number or name, under `parent.port`.
pub(super) fn port(parent: &Value, path: &str, found: &mut Vec<Cause>) {
    number_or_name(parent.get("port").unwrap_or(&Value::from(0)), &format!("{path}.port"), found);
}

/// A port by number or name.
pub(super) fn number_or_name(port: &Value, field: &str, found: &mut Vec<Cause>) {
    let wrong = match port {
        Value::String(name) => names::port_name(name),
        other => names::port_number(other.as_i64().unwrap_or_default()),
    };
    found.extend(wrong.iter().map(|why| invalid(field, port, why)));
}
