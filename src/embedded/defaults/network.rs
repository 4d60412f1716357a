//! Services, Endpoints, EndpointSlices, Ingresses and `NetworkPolicies`.

use serde_json::{Value, json};

use super::fields::{is_bare, items, made, present, remove, set, set_text, text};

/// Seconds for which a client stays with its pod: three hours.
const AFFINITY_S: i64 = 10800;

pub(super) fn service(object: &mut Value) {
    if let Some(status) = made(object, "status") {
        made(status, "loadBalancer");
    }
    let Some(spec) = made(object, "spec") else { return };
    set_text(spec, "sessionAffinity", "None");
    set_text(spec, "type", "ClusterIP");
    affinity(spec);
    items(spec, "ports").for_each(service_port);
    let kind = text(spec, "type").to_owned();
    let reachable = matches!(kind.as_str(), "NodePort" | "LoadBalancer");
    if reachable || (kind == "ClusterIP" && !is_bare(spec, "externalIPs")) {
        set_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if reachable || kind == "ClusterIP" {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind != "LoadBalancer" {
        return;
    }
    set(spec, "allocateLoadBalancerNodePorts", true);
    let Some(balancer) = object.pointer_mut("/status/loadBalancer") else { return };
    for ingress in items(balancer, "ingress").filter(|ingress| !text(ingress, "ip").is_empty()) {
        set(ingress, "ipMode", "VIP");
    }
}

fn affinity(spec: &mut Value) {
    match text(spec, "sessionAffinity") {
        "None" => {
            remove(spec, "sessionAffinityConfig");
        }
        "ClientIP" if spec.pointer("/sessionAffinityConfig/clientIP/timeoutSeconds").is_none() => {
            spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": AFFINITY_S}});
        }
        _ => {}
    }
}

fn service_port(port: &mut Value) {
    set_text(port, "protocol", "TCP");
    set(port, "port", 0);
    let said = port.get("targetPort").is_some_and(|target| target != 0 && target != "");
    if !said && let Some(number) = port.get("port").cloned() {
        port["targetPort"] = number;
    }
}

pub(super) fn endpoints(object: &mut Value) {
    for subset in items(object, "subsets") {
        for port in items(subset, "ports") {
            set_text(port, "protocol", "TCP");
        }
    }
}

pub(super) fn endpoint_slice(object: &mut Value) {
    set(object, "addressType", "");
    set(object, "endpoints", Value::Null);
    set(object, "ports", Value::Null);
    for endpoint in items(object, "endpoints") {
        made(endpoint, "conditions");
    }
    for port in items(object, "ports") {
        set(port, "name", "");
        set(port, "protocol", "TCP");
    }
}

pub(super) fn ingress(object: &mut Value) {
    if let Some(status) = made(object, "status") {
        made(status, "loadBalancer");
    }
    let Some(spec) = made(object, "spec") else { return };
    if let Some(backend) = present(spec, "defaultBackend") {
        self::backend(backend);
    }
    for rule in items(spec, "rules") {
        let Some(http) = present(rule, "http") else { continue };
        for path in items(http, "paths") {
            if let Some(backend) = made(path, "backend") {
                self::backend(backend);
            }
        }
    }
}

fn backend(backend: &mut Value) {
    if let Some(service) = present(backend, "service")
        && let Some(port) = made(service, "port")
    {
        let fields = port.as_object_mut().into_iter();
        fields.for_each(|port| port.retain(|_, value| value != 0 && value != ""));
    }
}

pub(super) fn ingress_class(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    if let Some(parameters) = present(spec, "parameters") {
        set(parameters, "scope", "Cluster");
    }
}

pub(super) fn network_policy(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    made(spec, "podSelector");
    if is_bare(spec, "policyTypes") {
        let both = !is_bare(spec, "egress");
        spec["policyTypes"] = if both { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    }
    for direction in ["ingress", "egress"] {
        for rule in items(spec, direction) {
            for port in items(rule, "ports") {
                set(port, "protocol", "TCP");
            }
        }
    }
}
