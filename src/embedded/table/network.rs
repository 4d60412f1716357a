//! Services and what is behind and before them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Kind,
    cells::{self, NONE, UNSET, labels, list, number, plain, selector_cell, text, text_or, texts},
};
use crate::object::meta;

/// How many addresses are named before the rest is counted.
const SHOWN: usize = 3;

pub(super) const SERVICE: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Type", "string", false),
        ("Cluster-IP", "string", false),
        ("External-IP", "string", false),
        ("Port(s)", "string", false),
        ("Age", "string", false),
        ("Selector", "string", true),
    ],
    row: service,
};

fn service(service: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        cells::name(service),
        json!(text(service, "/spec/type")),
        json!(text_or(service, "/spec/clusterIPs/0", NONE)),
        json!(external(service)),
        json!(ports(service)),
        cells::age(service, now),
        labels(service.pointer("/spec/selector")),
    ]
}

fn external(service: &Value) -> String {
    let external = texts(service, "/spec/externalIPs").join(",");
    match text(service, "/spec/type") {
        "ClusterIP" | "NodePort" if external.is_empty() => NONE.to_owned(),
        "ClusterIP" | "NodePort" => external,
        "LoadBalancer" => {
            let balanced = balancer(service);
            let parts = [balanced.as_str(), external.as_str()];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            if parts.is_empty() { "<pending>".to_owned() } else { parts.join(",") }
        }
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// Addresses of the load balancer, each once, in order.
fn balancer(object: &Value) -> String {
    let ingress = list(object, "/status/loadBalancer/ingress").iter();
    let addresses: BTreeSet<&str> = ingress
        .map(|ingress| text_or(ingress, "/ip", text(ingress, "/hostname")))
        .filter(|address| !address.is_empty())
        .collect();
    addresses.into_iter().collect::<Vec<_>>().join(",")
}

fn ports(service: &Value) -> String {
    let ports = list(service, "/spec/ports").iter().map(|port| {
        let (own, protocol) = (number(port, "/port"), text(port, "/protocol"));
        match number(port, "/nodePort") {
            0 => format!("{own}/{protocol}"),
            node => format!("{own}:{node}/{protocol}"),
        }
    });
    let ports: Vec<String> = ports.collect();
    if ports.is_empty() { NONE.to_owned() } else { ports.join(",") }
}

pub(super) const ENDPOINTS: Kind = Kind {
    columns: &[("Name", "string", false), ("Endpoints", "string", false), ("Age", "string", false)],
    row: |object, now| vec![cells::name(object), json!(endpoints(object)), cells::age(object, now)],
};

fn endpoints(object: &Value) -> String {
    let mut all = Vec::new();
    for subset in list(object, "/subsets") {
        let addresses = list(subset, "/addresses").iter().map(|address| text(address, "/ip"));
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            all.extend(addresses.clone().map(str::to_owned));
        }
        for port in ports {
            all.extend(addresses.clone().map(|ip| join(ip, number(port, "/port"))));
        }
    }
    if list(object, "/subsets").is_empty() { NONE.to_owned() } else { some(&all, "") }
}

fn join(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

/// The first few, and how many more there are; `otherwise` for none.
fn some(all: &[String], otherwise: &str) -> String {
    let shown = all[..all.len().min(SHOWN)].join(",");
    match all.len() {
        0 => otherwise.to_owned(),
        count if count > SHOWN => format!("{shown} + {} more...", count - SHOWN),
        _ => shown,
    }
}

pub(super) const ENDPOINT_SLICE: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("AddressType", "string", false),
        ("Ports", "string", false),
        ("Endpoints", "string", false),
        ("Age", "string", false),
    ],
    row: endpoint_slice,
};

fn endpoint_slice(slice: &Value, now: Timestamp) -> Vec<Value> {
    let ports = list(slice, "/ports").iter();
    let ports: Vec<String> = ports
        .map(|port| match (port.get("port"), port.get("name")) {
            (None, None) => "*".to_owned(),
            (Some(number), _) => plain(Some(number)),
            (None, name) => plain(name),
        })
        .collect();
    let addresses = list(slice, "/endpoints").iter();
    let addresses: Vec<String> =
        addresses.flat_map(|endpoint| texts(endpoint, "/addresses")).map(str::to_owned).collect();
    vec![
        cells::name(slice),
        json!(text(slice, "/addressType")),
        json!(some(&ports, UNSET)),
        json!(some(&addresses, UNSET)),
        cells::age(slice, now),
    ]
}

pub(super) const INGRESS: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Class", "string", false),
        ("Hosts", "string", false),
        ("Address", "string", false),
        ("Ports", "string", false),
        ("Age", "string", false),
    ],
    row: ingress,
};

fn ingress(ingress: &Value, now: Timestamp) -> Vec<Value> {
    let ports = if list(ingress, "/spec/tls").is_empty() { "80" } else { "80, 443" };
    vec![
        cells::name(ingress),
        json!(text_or(ingress, "/spec/ingressClassName", NONE)),
        json!(hosts(list(ingress, "/spec/rules"))),
        json!(balancer(ingress)),
        json!(ports),
        cells::age(ingress, now),
    ]
}

/// Counts rules without a host as well, as the real server does.
fn hosts(rules: &[Value]) -> String {
    let named = rules.iter().map(|rule| text(rule, "/host")).filter(|host| !host.is_empty());
    let mut hosts = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= hosts.len() == SHOWN;
        let host = text(rule, "/host");
        if !more && !host.is_empty() {
            hosts.push(host);
        }
    }
    match (named.count(), more) {
        (0, _) => "*".to_owned(),
        (_, true) => format!("{} + {} more...", hosts.join(","), rules.len() - SHOWN),
        (_, false) => hosts.join(","),
    }
}

pub(super) const INGRESS_CLASS: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Controller", "string", false),
        ("Parameters", "string", false),
        ("Age", "string", false),
    ],
    row: ingress_class,
};

fn ingress_class(class: &Value, now: Timestamp) -> Vec<Value> {
    let is_default =
        meta::annotation(class, "ingressclass.kubernetes.io/is-default-class") == Some("true");
    let name = format!("{}{}", meta::name(class), if is_default { " (default)" } else { "" });
    let parameters = class.pointer("/spec/parameters").map_or(NONE.to_owned(), |parameters| {
        let group = match text(parameters, "/apiGroup") {
            "" => String::new(),
            group => format!(".{group}"),
        };
        format!("{}{group}/{}", text(parameters, "/kind"), text(parameters, "/name"))
    });
    let controller = text(class, "/spec/controller");
    vec![json!(name), json!(controller), json!(parameters), cells::age(class, now)]
}

pub(super) const NETWORK_POLICY: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Pod-Selector", "string", false),
        ("Age", "string", false),
    ],
    row: |object, now| {
        vec![
            cells::name(object),
            selector_cell(object, "/spec/podSelector"),
            cells::age(object, now),
        ]
    },
};
