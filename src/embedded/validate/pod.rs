//! Pods and the templates of pods.

use serde_json::Value;

use super::{
    cause::{Cause, invalid, invalid_text, list, number, one_of, required, text},
    container, metadata, names, volume,
};

pub(super) fn pod(object: &Value, found: &mut Vec<Cause>) {
    if let Some(spec) = object.get("spec") {
        self::spec(spec, "spec", found);
    }
}

pub(super) fn pod_template(object: &Value, found: &mut Vec<Cause>) {
    template(object, "template", "template", found);
}

/// The template under `parent[key]`; `path` is the template's own.
pub(super) fn template(parent: &Value, key: &str, path: &str, found: &mut Vec<Cause>) {
    let Some(template) = parent.get(key) else { return };
    if let Some(metadata) = template.get("metadata") {
        metadata::check_template(metadata, path, found);
    }
    spec(template.get("spec").unwrap_or(&Value::Null), &format!("{path}.spec"), found);
}

fn spec(spec: &Value, path: &str, found: &mut Vec<Cause>) {
    let volumes = volume::volumes(spec, path, found);
    container::containers(spec, path, &volumes, found);
    one_of(spec, path, "restartPolicy", &["Always", "OnFailure", "Never"], found);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(spec, path, "dnsPolicy", &policies, found);
    metadata::labels(spec, "nodeSelector", path, found);
    for (key, rule) in [
        ("serviceAccountName", names::dns_subdomain as fn(&str) -> Vec<String>),
        ("nodeName", names::dns_subdomain),
        ("hostname", names::dns_label),
        ("subdomain", names::dns_label),
        ("priorityClassName", names::dns_subdomain),
        ("runtimeClassName", names::dns_subdomain),
    ] {
        let name = text(spec, key);
        if key == "hostname" {
            deadline(spec, path, found);
        }
        let wrong = if name.is_empty() { Vec::new() } else { rule(name) };
        let field = format!("{path}.{key}");
        found.extend(wrong.into_iter().map(|why| invalid_text(field.as_str(), name, &why)));
        if key == "subdomain" {
            tolerations(spec, path, found);
            spread(spec, path, found);
        }
    }
}

fn deadline(spec: &Value, path: &str, found: &mut Vec<Cause>) {
    let range = 1..=i64::from(i32::MAX);
    if let Some(seconds) = number(spec, "activeDeadlineSeconds").filter(|s| !range.contains(s)) {
        let field = format!("{path}.activeDeadlineSeconds");
        found.push(invalid(field, &seconds.into(), &names::between(1, i64::from(i32::MAX))));
    }
}

fn spread(spec: &Value, path: &str, found: &mut Vec<Cause>) {
    let known = ["DoNotSchedule", "ScheduleAnyway"];
    for (index, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = format!("{path}.topologySpreadConstraints[{index}]");
        if number(constraint, "maxSkew").is_none_or(|skew| skew <= 0) {
            let skew = number(constraint, "maxSkew").unwrap_or_default();
            let message = "must be greater than zero";
            found.push(invalid(format!("{path}.maxSkew"), &skew.into(), message));
        }
        if text(constraint, "topologyKey").is_empty() {
            found.push(required(format!("{path}.topologyKey"), "can not be empty"));
        }
        let action = text(constraint, "whenUnsatisfiable");
        if !known.contains(&action) {
            let field = format!("{path}.whenUnsatisfiable");
            found.push(super::cause::not_supported(field, &action.into(), &known));
        }
    }
}

fn tolerations(spec: &Value, path: &str, found: &mut Vec<Cause>) {
    for (index, toleration) in list(spec, "tolerations").iter().enumerate() {
        let path = format!("{path}.tolerations[{index}]");
        let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
        if !key.is_empty() {
            let wrong = names::qualified(key).into_iter();
            found.extend(wrong.map(|why| invalid_text(format!("{path}.key"), key, &why)));
        }
        if key.is_empty() && operator != "Exists" {
            let message = "operator must be Exists when `key` is empty, which means \"match all \
                           values and all keys\"";
            found.push(invalid_text(format!("{path}.operator"), operator, message));
        }
        if toleration.get("tolerationSeconds").is_some()
            && text(toleration, "effect") != "NoExecute"
        {
            let message = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            found.push(invalid_text(format!("{path}.effect"), text(toleration, "effect"), message));
        }
        match operator {
            "Exists" if !text(toleration, "value").is_empty() => {
                let message = "value must be empty when `operator` is 'Exists'";
                found.push(invalid(format!("{path}.operator"), toleration, message));
            }
            "" | "Equal" | "Exists" => {}
            other => {
                let known = ["Equal", "Exists"];
                found.push(super::cause::not_supported(
                    format!("{path}.operator"),
                    &other.into(),
                    &known,
                ));
            }
        }
    }
}
