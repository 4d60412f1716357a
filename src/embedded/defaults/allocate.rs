//! Addresses and node ports of Services. Pure: what is taken is an argument.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::{is_bare, items, made, remove, set, text};

/// The first node port, and how many there are.
const NODE_PORT_MIN: i64 = 30_000;
const NODE_PORTS: i64 = 2_768;
/// Addresses `10.96.0.1` to `10.96.255.254`; the first is the server's own Service.
const ADDRESSES: u32 = 0xFFFE;
const NETWORK: u32 = 0x0A60_0000;

/// What other Services hold.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Cluster IPs.
    pub(crate) addresses: BTreeSet<String>,
    /// Node ports with their protocol, and health check ports as TCP.
    pub(crate) node_ports: BTreeSet<(String, i64)>,
}

/// Why a Service can't have what it asks for: field, value and message.
pub(crate) type Refusal = (String, Value, String);

impl Taken {
    /// Adds what `service` holds.
    pub(crate) fn add(&mut self, service: &Value) {
        let spec = service.get("spec").unwrap_or(&Value::Null);
        let ips = spec.get("clusterIPs").and_then(Value::as_array).into_iter().flatten();
        let held = ips.filter_map(Value::as_str).filter(|ip| *ip != "None");
        self.addresses.extend(held.map(str::to_owned));
        let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten();
        for port in ports {
            if let Some(number) = port.get("nodePort").and_then(Value::as_i64) {
                self.node_ports.insert((text(port, "protocol").to_owned(), number));
            }
        }
        if let Some(number) = spec.get("healthCheckNodePort").and_then(Value::as_i64) {
            self.node_ports.insert(("TCP".to_owned(), number));
        }
    }
}

/// Gives a Service its cluster IP, its IP families and its node ports, as far as its type has them.
///
/// `seed` spreads the choice (the real server chooses at random). `taken` holds what others hold,
/// not the Service itself.
pub(crate) fn allocate(service: &mut Value, taken: &Taken, seed: u64) -> Result<(), Refusal> {
    let Some(spec) = made(service, "spec") else { return Ok(()) };
    let kind = text(spec, "type").to_owned();
    if kind == "ExternalName" {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            remove(spec, field);
        }
        return Ok(());
    }
    address(spec, taken, seed)?;
    let balanced = kind == "LoadBalancer"
        && spec.get("allocateLoadBalancerNodePorts") != Some(&Value::Bool(false));
    node_ports(spec, taken, seed, kind == "NodePort" || balanced)?;
    let local = text(spec, "externalTrafficPolicy") == "Local";
    if kind == "LoadBalancer" && local && spec.get("healthCheckNodePort").is_none() {
        let port = free_port("TCP", &taken.node_ports, seed.rotate_left(17));
        spec["healthCheckNodePort"] = json!(port);
    }
    Ok(())
}

fn address(spec: &mut Value, taken: &Taken, seed: u64) -> Result<(), Refusal> {
    if text(spec, "clusterIP").is_empty() {
        let first = spec.pointer("/clusterIPs/0").cloned();
        let chosen = first.unwrap_or_else(|| Value::from(free_address(&taken.addresses, seed)));
        spec["clusterIP"] = chosen;
    }
    let ip = text(spec, "clusterIP").to_owned();
    if taken.addresses.contains(&ip) {
        let message = format!("failed to allocate IP {ip}: provided IP is already allocated");
        return Err(("spec.clusterIPs".to_owned(), json!([ip]), message));
    }
    set(spec, "clusterIPs", json!([ip]));
    if ip == "None" && is_bare(spec, "selector") {
        // Whoever writes its endpoints may have addresses of both families.
        set(spec, "ipFamilies", json!(["IPv4", "IPv6"]));
        set(spec, "ipFamilyPolicy", "RequireDualStack");
    }
    let family = if ip.contains(':') { "IPv6" } else { "IPv4" };
    set(spec, "ipFamilies", json!([family]));
    set(spec, "ipFamilyPolicy", "SingleStack");
    Ok(())
}

fn node_ports(spec: &mut Value, taken: &Taken, seed: u64, wanted: bool) -> Result<(), Refusal> {
    let mut held = taken.node_ports.clone();
    for (index, port) in items(spec, "ports").enumerate() {
        let protocol = text(port, "protocol").to_owned();
        match port.get("nodePort").and_then(Value::as_i64) {
            Some(number) if taken.node_ports.contains(&(protocol.clone(), number)) => {
                let field = format!("spec.ports[{index}].nodePort");
                return Err((
                    field,
                    json!(number),
                    "provided port is already allocated".to_owned(),
                ));
            }
            Some(number) if !(NODE_PORT_MIN..NODE_PORT_MIN + NODE_PORTS).contains(&number) => {
                let last = NODE_PORT_MIN + NODE_PORTS - 1;
                let message = format!(
                    "provided port is not in the valid range. The range of valid ports is \
                     {NODE_PORT_MIN}-{last}"
                );
                let field = format!("spec.ports[{index}].nodePort");
                return Err((field, json!(number), message));
            }
            Some(number) => {
                held.insert((protocol, number));
            }
            None if wanted => {
                let number = free_port(&protocol, &held, seed.wrapping_add(index as u64));
                held.insert((protocol, number));
                port["nodePort"] = json!(number);
            }
            None => {}
        }
    }
    Ok(())
}

fn free_address(taken: &BTreeSet<String>, seed: u64) -> String {
    let start = u32::try_from(seed % u64::from(ADDRESSES - 1)).unwrap_or_default();
    let nth = |step: u32| {
        let host = 2 + (start + step) % (ADDRESSES - 1);
        std::net::Ipv4Addr::from(NETWORK + host).to_string()
    };
    (0..ADDRESSES - 1).map(nth).find(|ip| !taken.contains(ip)).unwrap_or_else(|| nth(0))
}

fn free_port(protocol: &str, taken: &BTreeSet<(String, i64)>, seed: u64) -> i64 {
    let start = i64::try_from(seed % NODE_PORTS.unsigned_abs()).unwrap_or_default();
    let nth = |step: i64| NODE_PORT_MIN + (start + step) % NODE_PORTS;
    let free = |port: &i64| !taken.contains(&(protocol.to_owned(), *port));
    (0..NODE_PORTS).map(nth).find(free).unwrap_or_else(|| nth(0))
}

/// On a change, what was given to the Service stays with it unless the change says otherwise.
pub(super) fn keep(old: &Value, new: &mut Value) {
    let (Some(before), Some(spec)) = (old.get("spec"), made(new, "spec")) else { return };
    // One of the two fields may be named alone; the other follows it.
    if spec.get("clusterIP") != before.get("clusterIP")
        && spec.get("clusterIPs") == before.get("clusterIPs")
    {
        remove(spec, "clusterIPs");
        same_addresses(spec);
    }
    drop_unused(before, spec);
    let has_ip =
        |spec: &Value| matches!(text(spec, "type"), "ClusterIP" | "NodePort" | "LoadBalancer");
    if has_ip(before) && has_ip(spec) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            if let Some(value) = before.get(field) {
                set(spec, field, value.clone());
            }
        }
    }
    let has_port = |spec: &Value| matches!(text(spec, "type"), "NodePort" | "LoadBalancer");
    if has_port(before) && has_port(spec) {
        keep_ports(before, spec);
        if text(spec, "externalTrafficPolicy") == "Local"
            && let Some(port) = before.get("healthCheckNodePort")
        {
            set(spec, "healthCheckNodePort", port.clone());
        }
    }
}

/// What the new type has no use for goes, unless the change says something about it.
fn drop_unused(before: &Value, spec: &mut Value) {
    let was = text(before, "type").to_owned();
    let is = text(spec, "type").to_owned();
    let has_port = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
    let mut gone = Vec::new();
    if was != "ExternalName" && is == "ExternalName" {
        gone.extend(["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]);
        gone.push("internalTrafficPolicy");
    }
    if has_port(&was) && !has_port(&is) {
        let numbers = |spec: &Value| -> BTreeSet<i64> {
            let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten();
            ports.filter_map(|port| port.get("nodePort")?.as_i64()).collect()
        };
        if numbers(before).is_superset(&numbers(spec)) {
            items(spec, "ports").for_each(|port| {
                remove(port, "nodePort");
            });
        }
        let outside = spec.get("externalIPs").is_some_and(|ips| *ips != json!([]));
        if !(is == "ClusterIP" && outside) {
            gone.push("externalTrafficPolicy");
        }
    }
    if was == "LoadBalancer" && is != "LoadBalancer" {
        gone.extend(["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"]);
    }
    for field in gone {
        if spec.get(field) == before.get(field) {
            remove(spec, field);
        }
    }
}

fn keep_ports(before: &Value, spec: &mut Value) {
    let old = before.get("ports").and_then(Value::as_array).cloned().unwrap_or_default();
    let said: Vec<Value> =
        items(spec, "ports").filter_map(|port| port.get("nodePort").cloned()).collect();
    for port in items(spec, "ports").filter(|port| port.get("nodePort").is_none()) {
        let name = text(port, "name").to_owned();
        let same = old.iter().rev().find(|old| text(old, "name") == name);
        let number = same.and_then(|old| old.get("nodePort"));
        if let Some(number) = number.filter(|number| !said.contains(number)) {
            port["nodePort"] = number.clone();
        }
    }
}

/// A Service that names its address once has it in the list too.
pub(super) fn first_of_the_list(service: &mut Value) {
    if let Some(spec) = made(service, "spec") {
        same_addresses(spec);
    }
}

fn same_addresses(spec: &mut Value) {
    let ip = text(spec, "clusterIP").to_owned();
    if !ip.is_empty() {
        set(spec, "clusterIPs", json!([ip]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(spec: &Value) -> Value {
        json!({"spec": spec})
    }

    #[test]
    fn a_service_gets_an_address_and_ports_that_nobody_holds() {
        let mut taken = Taken::default();
        for seed in 0..200 {
            let ports = json!([{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]);
            let mut one = service(&json!({"type": "NodePort", "ports": ports}));
            // The seed repeats itself: what is held must be passed over.
            allocate(&mut one, &taken, seed % 3).unwrap();
            let address = one["spec"]["clusterIP"].as_str().unwrap();
            assert!(address.starts_with("10.96.") && address != "10.96.0.1", "{address}");
            assert_eq!(one["spec"]["clusterIPs"], json!([address]));
            let before = (taken.addresses.len(), taken.node_ports.len());
            taken.add(&one);
            assert_eq!(
                (taken.addresses.len(), taken.node_ports.len()),
                (before.0 + 1, before.1 + 2)
            );
        }
    }

    #[test]
    fn what_others_hold_is_refused() {
        let mut taken = Taken::default();
        let held = json!({"type": "NodePort", "clusterIPs": ["10.96.0.9"],
            "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]});
        taken.add(&service(&held));
        let table = [
            (json!({"type": "ClusterIP", "clusterIP": "10.96.0.9"}), "spec.clusterIPs"),
            (
                json!({"type": "NodePort", "ports": [{"nodePort": 30080, "protocol": "TCP"}]}),
                "spec.ports[0].nodePort",
            ),
            (
                json!({"type": "NodePort", "ports": [{"nodePort": 80, "protocol": "TCP"}]}),
                "spec.ports[0].nodePort",
            ),
        ];
        for (spec, field) in table {
            let refusal = allocate(&mut service(&spec), &taken, 0).unwrap_err();
            assert_eq!(refusal.0, field);
        }
        let other = json!({"type": "NodePort", "ports": [{"nodePort": 30080, "protocol": "UDP"}]});
        assert_eq!(allocate(&mut service(&other), &taken, 0), Ok(()));
    }

    #[test]
    fn headless_services_and_names_hold_nothing() {
        let mut headless = service(&json!({"type": "ClusterIP", "clusterIP": "None"}));
        allocate(&mut headless, &Taken::default(), 0).unwrap();
        assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
        let mut taken = Taken::default();
        taken.add(&headless);
        assert!(taken.addresses.is_empty());
        let mut name = service(&json!({"type": "ExternalName", "externalName": "x.org"}));
        allocate(&mut name, &Taken::default(), 0).unwrap();
        assert_eq!(name["spec"].get("clusterIP"), None);
    }
}
