//! What runs pods.

use serde_json::{Value, json};

use super::{
    cause::{
        Cause, forbidden, in_capitals, invalid, invalid_shown, invalid_text, is_absent, list,
        not_negative, not_supported, number, required, text, unknown_shown,
    },
    names, pod, selector, storage,
};

const STRATEGY: [&str; 2] = ["type", "rollingUpdate"];
const MISMATCH: &str = "`selector` does not match template `labels`";

pub(super) fn deployment(object: &Value, found: &mut Vec<Cause>) {
    let spec = spec_of(object);
    not_negative(spec, "spec", &["replicas"], found);
    selected_template(spec, "deployment", "ReplicaSet", found);
    strategy(spec, found);
    not_negative(spec, "spec", &["minReadySeconds", "revisionHistoryLimit"], found);
    not_negative(spec, "spec", &["progressDeadlineSeconds"], found);
    let ready_s = number(spec, "minReadySeconds").unwrap_or_default();
    if let Some(limit_s) = number(spec, "progressDeadlineSeconds").filter(|limit| *limit <= ready_s)
    {
        let message = "must be greater than minReadySeconds";
        found.push(invalid("spec.progressDeadlineSeconds", &limit_s.into(), message));
    }
}

pub(super) fn replica_set(object: &Value, found: &mut Vec<Cause>) {
    let spec = spec_of(object);
    not_negative(spec, "spec", &["replicas", "minReadySeconds"], found);
    // The real server speaks of a deployment here as well.
    selected_template(spec, "deployment", "ReplicaSet", found);
}

pub(super) fn replication_controller(object: &Value, found: &mut Vec<Cause>) {
    let spec = spec_of(object);
    not_negative(spec, "spec", &["minReadySeconds"], found);
    let labels = spec.pointer("/template/metadata/labels").unwrap_or(&Value::Null);
    let selector = json!({"matchLabels": spec.get("selector").cloned().unwrap_or_default()});
    if selector::is_empty(&selector) {
        found.push(required("spec.selector", ""));
    }
    not_negative(spec, "spec", &["replicas"], found);
    if is_absent(spec, "template") {
        found.push(required("spec.template", ""));
        return;
    }
    if !selector::matches(&selector, labels) {
        found.push(invalid("spec.template.metadata.labels", labels, MISMATCH));
    }
    pod::template(spec, "template", "spec.template", found);
    always_restarts(spec, "ReplicationController", found);
}

pub(super) fn stateful_set(object: &Value, found: &mut Vec<Cause>) {
    let spec = spec_of(object);
    let policy = text(spec, "podManagementPolicy");
    if !["OrderedReady", "Parallel"].contains(&policy) {
        let message = "must be 'OrderedReady' or 'Parallel'";
        found.push(invalid_text("spec.podManagementPolicy", policy, message));
    }
    let strategy = spec.get("updateStrategy").unwrap_or(&Value::Null);
    let path = "spec.updateStrategy";
    match text(strategy, "type") {
        "OnDelete" => {
            if let Some(rolling) = strategy.get("rollingUpdate") {
                let message = "only allowed for updateStrategy 'RollingUpdate'";
                found.push(invalid(format!("{path}.rollingUpdate"), rolling, message));
            }
        }
        "RollingUpdate" => {
            let rolling = strategy.get("rollingUpdate").unwrap_or(&Value::Null);
            not_negative(rolling, &format!("{path}.rollingUpdate"), &["partition"], found);
        }
        _ => {
            let message = "must be 'RollingUpdate' or 'OnDelete'";
            found.push(invalid_shown(path, &in_capitals(strategy, &STRATEGY), message));
        }
    }
    for (index, claim) in list(spec, "volumeClaimTemplates").iter().enumerate() {
        storage::claim_spec(claim, &format!("spec.volumeClaimTemplates[{index}].spec"), found);
    }
    not_negative(spec, "spec", &["replicas", "minReadySeconds"], found);
    let service = text(spec, "serviceName");
    let wrong = if service.is_empty() { Vec::new() } else { names::dns_label(service) };
    found.extend(wrong.iter().map(|why| invalid_text("spec.serviceName", service, why)));
    let claims = list(spec, "volumeClaimTemplates");
    selected_template(&with_volumes(spec, claims), "statefulset", "StatefulSet", found);
}

/// Mounts of a set's pods may name its claims: they become volumes.
fn with_volumes(spec: &Value, claims: &[Value]) -> Value {
    let mut spec = spec.clone();
    if let Some(pod) = spec.pointer_mut("/template/spec").and_then(Value::as_object_mut) {
        let own = pod.remove("volumes").and_then(|volumes| volumes.as_array().cloned());
        let name = |claim: &Value| claim.pointer("/metadata/name").cloned().unwrap_or_default();
        let mut volumes: Vec<Value> = claims
            .iter()
            .map(|claim| json!({"name": name(claim), "persistentVolumeClaim": {"claimName": name(claim)}}))
            .collect();
        let templated: Vec<Value> = claims.iter().map(name).collect();
        let own = own.into_iter().flatten();
        volumes.extend(own.filter(|volume| !templated.contains(&volume["name"])));
        pod.insert("volumes".to_owned(), Value::from(volumes));
    }
    spec
}

/// A state of a set that is kept to go back to.
pub(super) fn revision(object: &Value, found: &mut Vec<Cause>) {
    not_negative_at_root(object, "revision", found);
    if is_absent(object, "data") {
        found.push(required("data", "data is mandatory"));
    }
}

fn not_negative_at_root(object: &Value, key: &str, found: &mut Vec<Cause>) {
    if let Some(number) = number(object, key).filter(|number| *number < 0) {
        found.push(invalid(key, &number.into(), "must be greater than or equal to 0"));
    }
}

pub(super) fn daemon_set(object: &Value, found: &mut Vec<Cause>) {
    let spec = spec_of(object);
    selector::check(spec, "selector", "spec", found);
    let labels = spec.pointer("/template/metadata/labels").unwrap_or(&Value::Null);
    let selector = spec.get("selector").unwrap_or(&Value::Null);
    // Without a selector nothing is selected, so nothing matches.
    if selector::is_valid(selector)
        && (is_absent(spec, "selector") || !selector::matches(selector, labels))
    {
        found.push(invalid("spec.template.metadata.labels", labels, MISMATCH));
    }
    if !is_absent(spec, "selector") && selector::is_empty(selector) {
        found.push(invalid("spec.selector", selector, "empty selector is invalid for daemonset"));
    }
    pod::template(spec, "template", "spec.template", found);
    always_restarts(spec, "DaemonSet", found);
    not_negative(spec, "spec", &["minReadySeconds"], found);
    let strategy = spec.get("updateStrategy").unwrap_or(&Value::Null);
    match text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let rolling = strategy.get("rollingUpdate").unwrap_or(&Value::Null);
            rolling_nodes(rolling, "spec.updateStrategy.rollingUpdate", found);
        }
        _ => found.push(unknown_shown(
            "spec.updateStrategy",
            &in_capitals(strategy, &STRATEGY),
            &["RollingUpdate", "OnDelete"],
        )),
    }
    not_negative(spec, "spec", &["revisionHistoryLimit"], found);
}

fn rolling_nodes(rolling: &Value, path: &str, found: &mut Vec<Cause>) {
    for key in ["maxUnavailable", "maxSurge"] {
        amount(rolling, path, key, found);
    }
    let zero = |key: &str| rolling.get(key).is_none_or(|value| value == 0 || value == "0%");
    match (zero("maxUnavailable"), zero("maxSurge")) {
        (true, true) => {
            found
                .push(required(format!("{path}.maxUnavailable"), "cannot be 0 when maxSurge is 0"));
        }
        (false, false) => found.push(invalid(
            format!("{path}.maxSurge"),
            &rolling["maxSurge"],
            "may not be set when maxUnavailable is non-zero",
        )),
        _ => {}
    }
    at_most_all(rolling, path, "maxUnavailable", found);
}

fn spec_of(object: &Value) -> &Value {
    object.get("spec").unwrap_or(&Value::Null)
}

/// A selector that is there, says something and matches the template; and the template.
fn selected_template(spec: &Value, kind: &str, keeper: &str, found: &mut Vec<Cause>) {
    let selector = spec.get("selector").unwrap_or(&Value::Null);
    if is_absent(spec, "selector") {
        found.push(required("spec.selector", ""));
    } else {
        selector::check(spec, "selector", "spec", found);
        if selector::is_empty(selector) {
            let message = format!("empty selector is invalid for {kind}");
            found.push(invalid("spec.selector", selector, &message));
        }
    }
    let labels = spec.pointer("/template/metadata/labels").unwrap_or(&Value::Null);
    if selector::is_valid(selector) {
        if is_absent(spec, "selector") || !selector::matches(selector, labels) {
            found.push(invalid("spec.template.metadata.labels", labels, MISMATCH));
        }
        pod::template(spec, "template", "spec.template", found);
    } else {
        let message = if kind == "statefulset" { "" } else { "invalid label selector" };
        found.push(invalid_shown("spec.selector", &selector::printed(selector), message));
    }
    always_restarts(spec, keeper, found);
}

fn always_restarts(spec: &Value, keeper: &str, found: &mut Vec<Cause>) {
    let Some(pod) = spec.pointer("/template/spec") else { return };
    let policy = text(pod, "restartPolicy");
    if policy != "Always" {
        let field = "spec.template.spec.restartPolicy";
        found.push(not_supported(field, &policy.into(), &["Always"]));
    }
    if !is_absent(pod, "activeDeadlineSeconds") {
        let message = format!("activeDeadlineSeconds in {keeper} is not Supported");
        found.push(forbidden("spec.template.spec.activeDeadlineSeconds", &message));
    }
}

fn strategy(spec: &Value, found: &mut Vec<Cause>) {
    let strategy = spec.get("strategy").unwrap_or(&Value::Null);
    let path = "spec.strategy.rollingUpdate";
    match text(strategy, "type") {
        "Recreate" if !is_absent(strategy, "rollingUpdate") => {
            found.push(forbidden(path, "may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let rolling = strategy.get("rollingUpdate").unwrap_or(&Value::Null);
            for key in ["maxUnavailable", "maxSurge"] {
                amount(rolling, path, key, found);
            }
            let zero =
                |key: &str| rolling.get(key).is_some_and(|value| value == 0 || value == "0%");
            if zero("maxUnavailable") && zero("maxSurge") {
                let message = "may not be 0 when `maxSurge` is 0";
                let field = format!("{path}.maxUnavailable");
                found.push(invalid(field, &rolling["maxUnavailable"], message));
            }
            at_most_all(rolling, path, "maxUnavailable", found);
        }
        _ => found.push(unknown_shown(
            "spec.strategy",
            &in_capitals(strategy, &STRATEGY),
            &["Recreate", "RollingUpdate"],
        )),
    }
}

/// A number of pods, or a share of them.
pub(super) fn amount(parent: &Value, path: &str, key: &str, found: &mut Vec<Cause>) {
    match parent.get(key) {
        Some(Value::String(share)) => {
            let wrong = names::percent(share).into_iter();
            found.extend(wrong.map(|why| invalid_text(format!("{path}.{key}"), share, &why)));
        }
        Some(Value::Number(_)) => not_negative(parent, path, &[key], found),
        _ => {}
    }
}

/// A share of at most 100 %.
pub(super) fn at_most_all(parent: &Value, path: &str, key: &str, found: &mut Vec<Cause>) {
    let share = text(parent, key).strip_suffix('%').and_then(|share| share.parse::<u64>().ok());
    if share.is_some_and(|share| share > 100) {
        found.push(invalid(format!("{path}.{key}"), &parent[key], "must not be greater than 100%"));
    }
}
