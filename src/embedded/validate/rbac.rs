//! Roles and their bindings.

use serde_json::Value;

use super::{
    cause::{Cause, invalid, invalid_text, list, not_supported, required, text},
    names, selector,
};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role(object: &Value, found: &mut Vec<Cause>) {
    rules(object, true, found);
}

pub(super) fn cluster_role(object: &Value, found: &mut Vec<Cause>) {
    rules(object, false, found);
    let Some(aggregation) = object.get("aggregationRule").filter(|rule| rule.is_object()) else {
        return;
    };
    let selectors = list(aggregation, "clusterRoleSelectors");
    let field = "aggregationRule.clusterRoleSelectors";
    if selectors.is_empty() {
        let message = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        found.push(required(field, message));
    }
    for index in 0..selectors.len() {
        let all = &aggregation["clusterRoleSelectors"];
        let one = serde_json::json!({"s": all[index]});
        let from = found.len();
        selector::check(&one, "s", "", found);
        for cause in &mut found[from..] {
            cause.field = cause.field.replacen(".s", &format!("{field}[{index}]"), 1);
        }
    }
}

fn rules(object: &Value, namespaced: bool, found: &mut Vec<Cause>) {
    for (index, rule) in list(object, "rules").iter().enumerate() {
        let path = format!("rules[{index}]");
        if list(rule, "verbs").is_empty() {
            let message = "verbs must contain at least one value";
            found.push(required(format!("{path}.verbs"), message));
        }
        let named = |key: &str| !list(rule, key).is_empty();
        if named("nonResourceURLs") {
            let field = format!("{path}.nonResourceURLs");
            let urls = &rule["nonResourceURLs"];
            if namespaced {
                let message = "namespaced rules cannot apply to non-resource URLs";
                found.push(invalid(field.as_str(), urls, message));
            }
            if named("apiGroups") || named("resources") || named("resourceNames") {
                let message = "rules cannot apply to both regular resources and non-resource URLs";
                found.push(invalid(field, urls, message));
            }
            continue;
        }
        if !named("apiGroups") {
            let message = "resource rules must supply at least one api group";
            found.push(required(format!("{path}.apiGroups"), message));
        }
        if !named("resources") {
            let message = "resource rules must supply at least one resource";
            found.push(required(format!("{path}.resources"), message));
        }
    }
}

pub(super) fn binding(object: &Value, found: &mut Vec<Cause>) {
    bound(object, &["Role", "ClusterRole"], true, found);
}

pub(super) fn cluster_binding(object: &Value, found: &mut Vec<Cause>) {
    bound(object, &["ClusterRole"], false, found);
}

fn bound(object: &Value, kinds: &[&str], namespaced: bool, found: &mut Vec<Cause>) {
    let role = object.get("roleRef").unwrap_or(&Value::Null);
    let (group, kind, name) = (text(role, "apiGroup"), text(role, "kind"), text(role, "name"));
    if group != GROUP {
        found.push(not_supported("roleRef.apiGroup", &group.into(), &[GROUP]));
    }
    if !kinds.contains(&kind) {
        found.push(not_supported("roleRef.kind", &kind.into(), kinds));
    }
    if name.is_empty() {
        found.push(required("roleRef.name", ""));
    } else {
        let wrong = names::path_segment(name).into_iter();
        found.extend(wrong.map(|why| invalid_text("roleRef.name", name, &why)));
    }
    for (index, subject) in list(object, "subjects").iter().enumerate() {
        self::subject(subject, &format!("subjects[{index}]"), namespaced, found);
    }
}

fn subject(subject: &Value, path: &str, namespaced: bool, found: &mut Vec<Cause>) {
    let (name, group) = (text(subject, "name"), text(subject, "apiGroup"));
    if name.is_empty() {
        found.push(required(format!("{path}.name"), ""));
    }
    match text(subject, "kind") {
        "ServiceAccount" => {
            let wrong = if name.is_empty() { Vec::new() } else { names::dns_subdomain(name) };
            found.extend(wrong.iter().map(|why| invalid_text(format!("{path}.name"), name, why)));
            if !group.is_empty() {
                found.push(not_supported(format!("{path}.apiGroup"), &group.into(), &[""]));
            }
            if !namespaced && text(subject, "namespace").is_empty() {
                found.push(required(format!("{path}.namespace"), ""));
            }
        }
        "User" | "Group" if group != GROUP => {
            found.push(not_supported(format!("{path}.apiGroup"), &group.into(), &[GROUP]));
        }
        "User" | "Group" => {}
        other => {
            let known = ["ServiceAccount", "User", "Group"];
            found.push(not_supported(format!("{path}.kind"), &other.into(), &known));
        }
    }
}
