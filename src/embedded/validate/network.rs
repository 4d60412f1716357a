//! Services, Ingresses, policies and slices.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Value, json};

use super::{
    cause::{
        Cause, duplicate, forbidden, invalid, invalid_text, is_absent, list, not_supported, number,
        one_of, required, text,
    },
    container::{self, PROTOCOLS},
    metadata, names, selector,
};

pub(super) fn service(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    let kind = text(spec, "type");
    let headless = text(spec, "clusterIP") == "None";
    let ports = list(spec, "ports");
    if ports.is_empty() && !headless && kind != "ExternalName" {
        found.push(required("spec.ports", ""));
    }
    if headless && matches!(kind, "LoadBalancer" | "NodePort") {
        let message = format!("may not be set to 'None' for {kind} services");
        found.push(invalid_text("spec.clusterIPs[0]", "None", &message));
    }
    if kind == "ExternalName" {
        external_name(spec, found);
    }
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        service_port(port, &format!("spec.ports[{index}]"), ports.len() > 1, &mut seen, found);
    }
    metadata::labels(spec, "selector", "spec", found);
    one_of(spec, "spec", "sessionAffinity", &["ClientIP", "None"], found);
    cluster_ips(spec, found);
    for (index, ip) in list(spec, "externalIPs").iter().filter_map(Value::as_str).enumerate() {
        address(ip, &format!("spec.externalIPs[{index}]"), found);
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of(spec, "spec", "type", &kinds, found);
    unique_ports(kind, ports, found);
    for (key, holds) in [
        ("loadBalancerSourceRanges", "LoadBalancerSourceRanges"),
        ("allocateLoadBalancerNodePorts", "allocateLoadBalancerNodePorts"),
        ("loadBalancerClass", "loadBalancerClass"),
    ] {
        if kind != "LoadBalancer" && !is_absent(spec, key) {
            let message = "may only be used when `type` is 'LoadBalancer'";
            found.push(forbidden(format!("spec.{holds}"), message));
        }
    }
    traffic(spec, kind, found);
}

fn external_name(spec: &Value, found: &mut Vec<Cause>) {
    for key in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if !is_absent(spec, key) && spec[key] != json!([]) {
            found
                .push(forbidden(format!("spec.{key}"), "may not be set for ExternalName services"));
        }
    }
    let name = text(spec, "externalName");
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        found.push(required("spec.externalName", ""));
    } else {
        let wrong = names::dns_subdomain(name).into_iter();
        found.extend(wrong.map(|why| invalid_text("spec.externalName", name, &why)));
    }
}

fn service_port<'a>(
    port: &'a Value,
    path: &str,
    needs_name: bool,
    seen: &mut BTreeSet<&'a str>,
    found: &mut Vec<Cause>,
) {
    let name = text(port, "name");
    if needs_name && name.is_empty() {
        found.push(required(format!("{path}.name"), ""));
    } else if !name.is_empty() {
        let wrong = names::dns_label(name).into_iter();
        found.extend(wrong.map(|why| invalid_text(format!("{path}.name"), name, &why)));
        if !seen.insert(name) {
            found.push(duplicate(format!("{path}.name"), &name.into()));
        }
    }
    container::port(port, path, found);
    one_of(port, path, "protocol", &PROTOCOLS, found);
    if let Some(target) = port.get("targetPort") {
        container::number_or_name(target, &format!("{path}.targetPort"), found);
    }
}

fn unique_ports(kind: &str, ports: &[Value], found: &mut Vec<Cause>) {
    let (mut nodes, mut own) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        let node = number(port, "nodePort").unwrap_or_default();
        if node != 0 && kind == "ClusterIP" {
            let field = format!("spec.ports[{index}].nodePort");
            found.push(forbidden(field, "may not be used when `type` is 'ClusterIP'"));
        }
        if node != 0 && !nodes.insert((text(port, "protocol"), node)) {
            found.push(duplicate(format!("spec.ports[{index}].nodePort"), &node.into()));
        }
    }
    for (index, port) in ports.iter().enumerate() {
        let (protocol, number) = (text(port, "protocol"), number(port, "port").unwrap_or_default());
        if !own.insert((protocol, number)) {
            // As the real server prints its own type.
            let message = format!(
                "Duplicate value: {{\"Name\":\"\",\"Protocol\":{protocol:?},\"AppProtocol\":null,\
                 \"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
            );
            let field = format!("spec.ports[{index}]");
            found.push(Cause { message, ..duplicate(field, &Value::Null) });
        }
    }
}

fn cluster_ips(spec: &Value, found: &mut Vec<Cause>) {
    let ips = list(spec, "clusterIPs");
    let first = text(spec, "clusterIP");
    if !ips.is_empty() && ips[0] != first {
        let message = "must match `clusterIPs[0]`";
        found.push(invalid_text("spec.clusterIP", first, message));
    }
    for (index, ip) in ips.iter().filter_map(Value::as_str).enumerate() {
        if ip == "None" || ip.is_empty() {
            continue;
        }
        address(ip, &format!("spec.clusterIPs[{index}]"), found);
    }
}

pub(super) fn address(ip: &str, field: &str, found: &mut Vec<Cause>) {
    let numbers = ip.split('.').all(|part| part.parse::<u8>().is_ok());
    if numbers && ip.split('.').any(|part| part.len() > 1 && part.starts_with('0')) {
        found.push(invalid_text(field, ip, "must not have leading 0s"));
    } else if ip.parse::<IpAddr>().is_err() {
        let message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        found.push(invalid_text(field, ip, message));
    }
}

fn traffic(spec: &Value, kind: &str, found: &mut Vec<Cause>) {
    let outer = text(spec, "externalTrafficPolicy");
    let reachable = matches!(kind, "NodePort" | "LoadBalancer")
        || (kind == "ClusterIP" && !list(spec, "externalIPs").is_empty());
    let field = "spec.externalTrafficPolicy";
    match outer {
        "" => {}
        _ if !reachable => found.push(invalid_text(
            field,
            outer,
            "may only be set for externally-accessible services",
        )),
        "Cluster" | "Local" => {}
        _ => found.push(not_supported(field, &outer.into(), &["Cluster", "Local"])),
    }
    let inner = text(spec, "internalTrafficPolicy");
    if !matches!(inner, "" | "Cluster" | "Local") {
        let known = ["Cluster", "Local"];
        found.push(not_supported("spec.internalTrafficPolicy", &inner.into(), &known));
    }
}

pub(super) fn ingress(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    let rules = list(spec, "rules");
    if rules.is_empty() && is_absent(spec, "defaultBackend") {
        let message = "either `defaultBackend` or `rules` must be specified";
        found.push(invalid("spec", spec.get("rules").unwrap_or(&Value::Null), message));
    }
    if let Some(backend) = spec.get("defaultBackend") {
        self::backend(backend, "spec.defaultBackend", found);
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        let name = text(rule, "host");
        if name.parse::<IpAddr>().is_ok() {
            let message = "must be a DNS name, not an IP address";
            found.push(invalid_text(format!("{path}.host"), name, message));
        }
        host(name, &format!("{path}.host"), found);
        if let Some(http) = rule.get("http") {
            paths(http, &format!("{path}.http"), found);
        }
    }
    for (index, tls) in list(spec, "tls").iter().enumerate() {
        for (at, name) in list(tls, "hosts").iter().filter_map(Value::as_str).enumerate() {
            host(name, &format!("spec.tls[{index}].hosts[{at}]"), found);
        }
        let secret = text(tls, "secretName");
        let wrong = if secret.is_empty() { Vec::new() } else { names::dns_subdomain(secret) };
        let field = format!("spec.tls[{index}].secretName");
        found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), secret, why)));
    }
    if let Some(class) = spec.get("ingressClassName").and_then(Value::as_str) {
        let wrong = names::dns_subdomain(class).into_iter();
        found.extend(wrong.map(|why| invalid_text("spec.ingressClassName", class, &why)));
    }
}

fn host(name: &str, field: &str, found: &mut Vec<Cause>) {
    let wrong = match name {
        "" => Vec::new(),
        wild if wild.contains('*') => names::wildcard(wild),
        name => names::dns_subdomain(name),
    };
    found.extend(wrong.iter().map(|why| invalid_text(field, name, why)));
}

/// What a path by prefix may not contain or end with.
const NOT_WITHIN: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const NOT_AT_END: [&str; 2] = ["/..", "/."];

fn paths(http: &Value, path: &str, found: &mut Vec<Cause>) {
    if list(http, "paths").is_empty() {
        found.push(required(format!("{path}.paths"), ""));
    }
    for (index, rule) in list(http, "paths").iter().enumerate() {
        let path = format!("{path}.paths[{index}]");
        let (field, place) = (format!("{path}.path"), text(rule, "path"));
        match text(rule, "pathType") {
            "" => {
                found.push(required(format!("{path}.pathType"), "pathType must be specified"));
                continue;
            }
            "Exact" | "Prefix" => {
                if !place.starts_with('/') {
                    found.push(invalid_text(field.as_str(), place, "must be an absolute path"));
                }
                let within = NOT_WITHIN.iter().filter(|part| place.contains(**part));
                for part in within {
                    let message = format!("must not contain '{part}'");
                    found.push(invalid_text(field.as_str(), place, &message));
                }
                for part in NOT_AT_END.iter().filter(|part| place.ends_with(**part)) {
                    let message = format!("cannot end with '{part}'");
                    found.push(invalid_text(field.as_str(), place, &message));
                }
            }
            "ImplementationSpecific" => {
                if !place.is_empty() && !place.starts_with('/') {
                    found.push(invalid_text(field, place, "must be an absolute path"));
                }
            }
            other => {
                let known = ["Exact", "ImplementationSpecific", "Prefix"];
                found.push(not_supported(format!("{path}.pathType"), &other.into(), &known));
            }
        }
        let backend = rule.get("backend").unwrap_or(&Value::Null);
        self::backend(backend, &format!("{path}.backend"), found);
    }
}

fn backend(backend: &Value, path: &str, found: &mut Vec<Cause>) {
    let (service, resource) = (backend.get("service"), backend.get("resource"));
    match (service, resource) {
        (Some(_), Some(_)) => {
            found.push(invalid_text(path, "", "cannot set both resource and service backends"));
        }
        (None, None) => {
            found.push(invalid_text(path, "", "resource or service backend is required"));
        }
        (None, Some(_)) => {}
        (Some(service), None) => {
            let name = text(service, "name");
            let field = format!("{path}.service.name");
            if name.is_empty() {
                found.push(required(field, ""));
            } else {
                let wrong = names::dns_label(name).into_iter();
                found.extend(wrong.map(|why| invalid_text(field.as_str(), name, &why)));
            }
            backend_port(service.get("port").unwrap_or(&Value::Null), path, found);
        }
    }
}

fn backend_port(port: &Value, path: &str, found: &mut Vec<Cause>) {
    let number = number(port, "number").filter(|number| *number != 0);
    match (text(port, "name"), number) {
        ("", None) => found.push(required(path, "port name or number is required")),
        ("", Some(number)) => {
            let field = format!("{path}.service.port.number");
            container::number_or_name(&number.into(), &field, found);
        }
        (name, None) => {
            let field = format!("{path}.service.port.name");
            container::number_or_name(&name.into(), &field, found);
        }
        _ => found.push(invalid_text(path, "", "cannot set both port name & port number")),
    }
}

pub(super) fn ingress_class(object: &Value, found: &mut Vec<Cause>) {
    let controller = object.pointer("/spec/controller").and_then(Value::as_str).unwrap_or_default();
    if controller.is_empty() {
        found.push(required("spec.controller", ""));
    } else if !controller.contains('/') {
        let message = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        found.push(invalid_text("spec.controller", controller, message));
    }
}

pub(super) fn network_policy(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    selector::check(spec, "podSelector", "spec", found);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(spec, direction).iter().enumerate() {
            let path = format!("spec.{direction}[{index}]");
            for (index, port) in list(rule, "ports").iter().enumerate() {
                policy_port(port, &format!("{path}.ports[{index}]"), found);
            }
            for (index, peer) in list(rule, peers).iter().enumerate() {
                policy_peer(peer, &format!("{path}.{peers}[{index}]"), found);
            }
        }
    }
    for (index, kind) in list(spec, "policyTypes").iter().enumerate() {
        if kind != "Ingress" && kind != "Egress" {
            let field = format!("spec.policyTypes[{index}]");
            found.push(not_supported(field, kind, &["Ingress", "Egress"]));
        }
    }
}

fn policy_port(port: &Value, path: &str, found: &mut Vec<Cause>) {
    let protocol = text(port, "protocol");
    if !matches!(protocol, "TCP" | "UDP" | "SCTP") {
        let known = ["TCP", "UDP", "SCTP"];
        found.push(not_supported(format!("{path}.protocol"), &protocol.into(), &known));
    }
    if let Some(number) = port.get("port") {
        container::number_or_name(number, &format!("{path}.port"), found);
    }
}

fn policy_peer(peer: &Value, path: &str, found: &mut Vec<Cause>) {
    for key in ["podSelector", "namespaceSelector"] {
        selector::check(peer, key, path, found);
    }
    let said = peer.as_object().map_or(0, serde_json::Map::len);
    if said == 0 {
        found.push(required(path, "must specify a peer"));
    } else if said > 1 && !is_absent(peer, "ipBlock") {
        found.push(forbidden(path, "may not specify both ipBlock and another peer"));
    }
}

pub(super) fn endpoint_slice(object: &Value, found: &mut Vec<Cause>) {
    match text(object, "addressType") {
        "" => found.push(required("addressType", "")),
        "IPv4" | "IPv6" | "FQDN" => {}
        other => {
            found.push(not_supported("addressType", &other.into(), &["FQDN", "IPv4", "IPv6"]));
        }
    }
    for (index, port) in list(object, "ports").iter().enumerate() {
        let path = format!("ports[{index}]");
        let protocol = text(port, "protocol");
        if !PROTOCOLS.contains(&protocol) {
            found.push(not_supported(format!("{path}.protocol"), &protocol.into(), &PROTOCOLS));
        }
    }
    for (index, endpoint) in list(object, "endpoints").iter().enumerate() {
        let field = format!("endpoints[{index}].addresses");
        if list(endpoint, "addresses").is_empty() {
            found.push(required(field, "must contain at least 1 address"));
            continue;
        }
        for (at, ip) in list(endpoint, "addresses").iter().filter_map(Value::as_str).enumerate() {
            if text(object, "addressType") != "FQDN" {
                address(ip, &format!("{field}[{at}]"), found);
            }
        }
    }
}
