//! Autoscalers and disruption budgets.

use serde_json::Value;

use super::{
    cause::{
        Cause, forbidden, in_capitals, invalid, invalid_shown, is_absent, list, not_supported,
        number, required, text,
    },
    names, selector, workload,
};

pub(super) fn autoscaler(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    let least = number(spec, "minReplicas");
    if let Some(least) = least.filter(|least| *least < 1) {
        let message = "must be greater than or equal to 1";
        found.push(invalid("spec.minReplicas", &least.into(), message));
    }
    let most = number(spec, "maxReplicas").unwrap_or_default();
    if most == 0 {
        found.push(required("spec.maxReplicas", "must be set and greater than 0"));
    } else if most < 0 {
        let message = "must be greater than or equal to 1";
        found.push(invalid("spec.maxReplicas", &most.into(), message));
    }
    if least.is_some_and(|least| most < least) {
        let message = "must be greater than or equal to `minReplicas`";
        found.push(invalid("spec.maxReplicas", &most.into(), message));
    }
    let target = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
    for key in ["kind", "name"] {
        let field = format!("spec.scaleTargetRef.{key}");
        match text(target, key) {
            "" => found.push(required(field, "")),
            name => {
                let wrong = names::path_segment(name).into_iter();
                found.extend(wrong.map(|why| invalid(field.as_str(), &name.into(), &why)));
            }
        }
    }
    let version = text(target, "apiVersion");
    if !version.contains('/') && text(target, "kind") != "ReplicationController" {
        let message = "apiVersion must specify API group";
        found.push(invalid("spec.scaleTargetRef.apiVersion", &version.into(), message));
    }
    for (index, metric) in list(spec, "metrics").iter().enumerate() {
        self::metric(metric, &format!("spec.metrics[{index}]"), found);
    }
    let outside = |metric: &Value| matches!(text(metric, "type"), "Object" | "External");
    if least == Some(0) && !list(spec, "metrics").iter().any(outside) {
        let message = "must specify at least one Object or External metric to support scaling to zero replicas";
        found.push(forbidden("spec.metrics", message));
    }
}

fn metric(metric: &Value, path: &str, found: &mut Vec<Cause>) {
    let kinds = ["ContainerResource", "External", "Object", "Pods", "Resource"];
    let kind = text(metric, "type");
    if kind.is_empty() {
        found.push(required(format!("{path}.type"), "must specify a metric source type"));
        return;
    }
    if !kinds.contains(&kind) {
        found.push(not_supported(format!("{path}.type"), &kind.into(), &kinds));
        return;
    }
    let mut source = kind.to_owned();
    source[..1].make_ascii_lowercase();
    if is_absent(metric, &source) {
        let message = "must populate information for the given metric source";
        found.push(required(format!("{path}.{source}"), message));
    }
}

pub(super) fn budget(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    if !is_absent(spec, "minAvailable") && !is_absent(spec, "maxUnavailable") {
        let message = "minAvailable and maxUnavailable cannot be both set";
        let fields = ["minAvailable", "selector", "maxUnavailable", "unhealthyPodEvictionPolicy"];
        found.push(invalid_shown("spec", &in_capitals(spec, &fields), message));
    }
    for key in ["minAvailable", "maxUnavailable"] {
        workload::amount(spec, "spec", key, found);
        workload::at_most_all(spec, "spec", key, found);
    }
    selector::check(spec, "selector", "spec", found);
    let policy = text(spec, "unhealthyPodEvictionPolicy");
    if !matches!(policy, "" | "AlwaysAllow" | "IfHealthyBudget") {
        let known = ["AlwaysAllow", "IfHealthyBudget"];
        found.push(not_supported("spec.unhealthyPodEvictionPolicy", &policy.into(), &known));
    }
}
