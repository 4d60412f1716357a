//! Quotas: which resources are counted, and of which pods.

use serde_json::Value;

use super::{
    cause::{Cause, entries, invalid, invalid_text, list, required, text},
    names,
};
use crate::object::quantity::Quantity;

/// What is counted in whole numbers.
const COUNTS: [&str; 9] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];
/// What is measured.
const AMOUNTS: [&str; 11] = [
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "storage",
];
/// What a scope about the quality of pods can say something about.
const OF_PODS: [&str; 8] = [
    "pods",
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
    "ephemeral-storage",
];
const OPPOSITES: [(&str, &str); 2] =
    [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")];
const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];

pub(super) fn quota(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    amounts(spec, "hard", "spec", found);
    scopes(spec, found);
    selector(spec, found);
}

/// Names and amounts of a map of resources.
pub(super) fn amounts(parent: &Value, key: &str, path: &str, found: &mut Vec<Cause>) {
    for (name, amount) in entries(parent, key) {
        let field = format!("{path}.{key}[{name}]");
        let wrong = names::qualified(name);
        found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), name, why)));
        let standard = COUNTS.contains(&name.as_str()) || AMOUNTS.contains(&name.as_str());
        if !name.contains('/') && !standard {
            if wrong.is_empty() {
                let message = "must be a standard resource type or fully qualified";
                found.push(invalid_text(field.as_str(), name, message));
            }
            let message = "must be a standard resource for quota";
            found.push(invalid_text(field.as_str(), name, message));
        }
        let Some(quantity) = Quantity::of(amount) else { continue };
        if quantity < Quantity::ZERO {
            found.push(invalid(field.as_str(), amount, "must be greater than or equal to 0"));
        }
        if COUNTS.contains(&name.as_str()) && !is_whole(amount) {
            found.push(invalid(field, amount, "must be an integer"));
        }
    }
}

/// True for an amount without thousandths, however it is written.
pub(super) fn is_whole(amount: &Value) -> bool {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    let small = text.ends_with(['m', 'u', 'n']);
    !small && !text.contains('.')
}

fn scopes(spec: &Value, found: &mut Vec<Cause>) {
    let scopes = list(spec, "scopes");
    let all = Value::from(scopes.to_vec());
    let mut refuse = |message: &str| found.push(invalid("spec.scopes", &all, message));
    let named: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
    for scope in &named {
        if !SCOPES.contains(scope) {
            refuse("unsupported scope");
            continue;
        }
        let quality =
            matches!(*scope, "BestEffort" | "NotBestEffort" | "Terminating" | "NotTerminating");
        let fits = |name: &str| match *scope {
            "BestEffort" => name == "pods",
            _ => OF_PODS.contains(&name) || name.contains("ephemeral-storage"),
        };
        if quality && entries(spec, "hard").any(|(name, _)| !fits(name)) {
            refuse("unsupported scope applied to resource");
        }
    }
    if OPPOSITES.iter().any(|(one, other)| named.contains(one) && named.contains(other)) {
        refuse("conflicting scopes");
    }
}

fn selector(spec: &Value, found: &mut Vec<Cause>) {
    const FIELD: &str = "spec.scopeSelector.matchExpressions";
    const EXISTS: &str = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                          ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                          ResourceQuotaScopeNotBestEffort or \
                          ResourceQuotaScopeCrossNamespacePodAffinity";
    let Some(selector) = spec.get("scopeSelector") else { return };
    for term in list(selector, "matchExpressions") {
        let (scope, operator) = (text(term, "scopeName"), text(term, "operator"));
        let has_values = !list(term, "values").is_empty();
        if !SCOPES.contains(&scope) {
            found.push(invalid_text(format!("{FIELD}.scopeName"), scope, "unsupported scope"));
        }
        let takes_values = matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        if SCOPES.contains(&scope) && !takes_values && operator != "Exists" {
            found.push(invalid_text(format!("{FIELD}.operator"), operator, EXISTS));
        }
        match operator {
            "In" | "NotIn" if !has_values => {
                let message = "must be at least one value when `operator` is 'In' or 'NotIn' for \
                               scope selector";
                found.push(required(format!("{FIELD}.values"), message));
            }
            "Exists" | "DoesNotExist" if has_values => {
                let values = Value::from(list(term, "values").to_vec());
                let message = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for \
                               scope selector";
                found.push(invalid(format!("{FIELD}.values"), &values, message));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => {
                let message = "not a valid selector operator";
                found.push(invalid_text(format!("{FIELD}.operator"), operator, message));
            }
        }
    }
}
