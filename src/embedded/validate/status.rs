//! Statuses as their writers send them: counts that can't be, addresses that are none.

use serde_json::Value;

use super::{
    cause::{
        Cause, forbidden, invalid, invalid_shown, invalid_text, is_absent, list, not_negative,
        not_supported, number, required, text,
    },
    names, network, quota,
};
use crate::object::{GroupVersionKind, meta, quantity::Quantity};

const PATH: &str = "status";

/// What is wrong with the status of a built-in kind.
pub(super) fn check(gvk: &GroupVersionKind, old: &Value, new: &Value, found: &mut Vec<Cause>) {
    let nothing = Value::Null;
    let status = new.get(PATH).unwrap_or(&nothing);
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => deployment(status, found),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => replica_set(status, found),
        ("apps", "StatefulSet") => stateful_set(status, found),
        ("apps", "DaemonSet") => not_negative(status, PATH, &DAEMON_SET, found),
        ("batch", "Job") => job(old, status, found),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            not_negative(status, PATH, &["currentReplicas", "desiredReplicas"], found);
        }
        ("policy", "PodDisruptionBudget") => {
            let counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
            not_negative(status, PATH, &counts, found);
        }
        ("", "ResourceQuota") => {
            quota::amounts(status, "hard", PATH, found);
            quota::amounts(status, "used", PATH, found);
        }
        ("", "Service") => service(new, status, found),
        ("networking.k8s.io", "Ingress") => balancer(status, found),
        ("", "Pod") => pod(old, status, found),
        ("", "PersistentVolumeClaim") => claim(status, found),
        ("", "Namespace") => namespace(new, status, found),
        _ => {}
    }
}

const DAEMON_SET: [&str; 9] = [
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
];

/// The first count can't be above the second.
fn not_above(status: &Value, one: &str, other: &str, named: &str, found: &mut Vec<Cause>) {
    let count = |key: &str| number(status, key).unwrap_or_default();
    if count(one) > count(other) {
        let message = format!("cannot be greater than {named}");
        found.push(invalid(format!("{PATH}.{one}"), &count(one).into(), &message));
    }
}

fn deployment(status: &Value, found: &mut Vec<Cause>) {
    let counts = [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ];
    not_negative(status, PATH, &counts, found);
    for one in ["updatedReplicas", "readyReplicas", "availableReplicas"] {
        not_above(status, one, "replicas", "status.replicas", found);
    }
    not_above(status, "availableReplicas", "readyReplicas", "readyReplicas", found);
}

fn replica_set(status: &Value, found: &mut Vec<Cause>) {
    let counts = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "terminatingReplicas",
        "observedGeneration",
    ];
    not_negative(status, PATH, &counts, found);
    for one in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        not_above(status, one, "replicas", "status.replicas", found);
    }
    not_above(status, "availableReplicas", "readyReplicas", "readyReplicas", found);
}

fn stateful_set(status: &Value, found: &mut Vec<Cause>) {
    let counts = [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ];
    not_negative(status, PATH, &counts, found);
    for one in ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] {
        not_above(status, one, "replicas", "status.replicas", found);
    }
    not_above(status, "availableReplicas", "readyReplicas", "status.readyReplicas", found);
}

/// True when a condition holds.
fn holds(status: &Value, kind: &str) -> bool {
    list(status, "conditions")
        .iter()
        .any(|one| text(one, "type") == kind && text(one, "status") == "True")
}

fn job(old: &Value, status: &Value, found: &mut Vec<Cause>) {
    not_negative(status, PATH, &["active", "succeeded", "failed", "ready", "terminating"], found);
    let (complete, failed) = (holds(status, "Complete"), holds(status, "Failed"));
    let condition = |message: &str| invalid_shown(format!("{PATH}.conditions"), "", message);
    let said =
        |cause: Cause| Cause { message: cause.message.replace("value: : ", "value: "), ..cause };
    let mut refuse = |message: &str| found.push(said(condition(message)));
    if complete && failed {
        refuse("cannot set Complete=True and Failed=true conditions");
    }
    if complete && !holds(status, "SuccessCriteriaMet") {
        refuse("cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
    }
    if failed && !holds(status, "FailureTarget") {
        refuse("cannot set Failed=True condition without the FailureTarget=true condition");
    }
    if failed && holds(status, "SuccessCriteriaMet") {
        refuse("cannot set SuccessCriteriaMet=True and Failed=true conditions");
    }
    let active = number(status, "active").unwrap_or_default();
    if (complete || failed) && active > 0 {
        let field = format!("{PATH}.active");
        found.push(invalid(field, &active.into(), "active>0 is invalid for finished job"));
    }
    let ended = text(status, "completionTime");
    if complete && ended.is_empty() {
        let message = "completionTime is required for Complete jobs";
        found.push(required(format!("{PATH}.completionTime"), message));
    } else if !complete && !ended.is_empty() {
        let message = "cannot set completionTime when there is no Complete=True condition";
        found.push(invalid_text(format!("{PATH}.completionTime"), ended, message));
    }
    let before = old.get(PATH).unwrap_or(&Value::Null);
    for key in ["failed", "succeeded"] {
        let count = |status: &Value| number(status, key).unwrap_or_default();
        if count(status) < count(before) {
            let message = format!("cannot decrease the {key} counter");
            found.push(invalid(format!("{PATH}.{key}"), &count(status).into(), &message));
        }
    }
}

fn service(object: &Value, status: &Value, found: &mut Vec<Cause>) {
    let kind = object.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default();
    let balancers = status.pointer("/loadBalancer/ingress").and_then(Value::as_array);
    if kind != "LoadBalancer" && balancers.is_some_and(|list| !list.is_empty()) {
        let message = "may only be used when `spec.type` is 'LoadBalancer'";
        found.push(forbidden(format!("{PATH}.loadBalancer.ingress"), message));
        return;
    }
    balancer(status, found);
}

fn balancer(status: &Value, found: &mut Vec<Cause>) {
    let Some(balancer) = status.get("loadBalancer") else { return };
    for (index, point) in list(balancer, "ingress").iter().enumerate() {
        let field = format!("{PATH}.loadBalancer.ingress[{index}]");
        let (ip, mode, host) = (text(point, "ip"), text(point, "ipMode"), text(point, "hostname"));
        if !ip.is_empty() {
            network::address(ip, &format!("{field}.ip"), found);
        }
        if !matches!(mode, "" | "VIP" | "Proxy") {
            found.push(not_supported(format!("{field}.ipMode"), &mode.into(), &["Proxy", "VIP"]));
        }
        if host.is_empty() {
            continue;
        }
        let field = format!("{field}.hostname");
        if host.parse::<std::net::IpAddr>().is_ok() {
            found.push(invalid_text(field, host, "must be a DNS name, not an IP address"));
        } else {
            let wrong = names::dns_subdomain(host);
            found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), host, why)));
        }
    }
}

fn pod(old: &Value, status: &Value, found: &mut Vec<Cause>) {
    let node = text(status, "nominatedNodeName");
    if !node.is_empty() {
        let field = format!("{PATH}.nominatedNodeName");
        let wrong = names::dns_subdomain(node);
        found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), node, why)));
    }
    let before = old.pointer("/status/qosClass").and_then(Value::as_str).unwrap_or_default();
    let quality = text(status, "qosClass");
    if quality != before {
        found.push(invalid_text(format!("{PATH}.qosClass"), quality, "field is immutable"));
    }
    // The first address is the one that stands by itself.
    let first = text(status, "podIP");
    let rest = list(status, "podIPs").iter().skip(1).map(|one| text(one, "ip"));
    for (index, ip) in std::iter::once(first).chain(rest).enumerate() {
        if !ip.is_empty() && ip.parse::<std::net::IpAddr>().is_err() {
            let message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            found.push(invalid_text(format!("{PATH}.podIPs[{index}]"), ip, message));
        }
    }
}

fn claim(status: &Value, found: &mut Vec<Cause>) {
    for (name, amount) in super::cause::entries(status, "capacity") {
        if Quantity::of(amount).is_some_and(|amount| amount < Quantity::ZERO) {
            let shown = amount.as_str().unwrap_or_default();
            let field = format!("{PATH}.capacity[{name}]");
            found.push(invalid_shown(field, shown, "must be a valid resource quantity"));
        }
    }
}

fn namespace(object: &Value, status: &Value, found: &mut Vec<Cause>) {
    let phase = text(status, "phase");
    let (wanted, when) =
        if meta::is_terminating(object) { ("Terminating", "not ") } else { ("Active", "") };
    if is_absent(status, "phase") || phase == wanted {
        return;
    }
    let message = format!("may only be '{wanted}' if `deletionTimestamp` is {when}empty");
    found.push(invalid_text(format!("{PATH}.Phase"), phase, &message));
}
