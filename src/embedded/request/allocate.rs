//! What services are given: addresses of the cluster and ports of the nodes.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::Core;

/// Addresses 10.96.0.0/16, node ports 30000 to 32767.
const ADDRESSES: u32 = 0xfffe;
const PORT_FIRST: u32 = 30_000;
const PORTS: u32 = 2768;

/// Gives a new service its address, and node ports if its type has them. The next free numbers are
/// taken; that somebody else asked for one of them by hand is not looked for.
pub(super) fn addresses(core: &Core, service: &mut Value) {
    let kind = service["spec"]["type"].as_str().unwrap_or("ClusterIP").to_owned();
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if kind == "ExternalName" {
        return;
    }
    if spec.get("clusterIP").and_then(Value::as_str).unwrap_or_default().is_empty() {
        let number = core.addresses.fetch_add(1, Ordering::Relaxed) % ADDRESSES + 1;
        let address = format!("10.96.{}.{}", number >> 8, number & 0xff);
        spec.insert("clusterIP".to_owned(), Value::from(address));
    }
    let address = spec["clusterIP"].clone();
    spec.entry("clusterIPs").or_insert_with(|| json!([address]));
    if address != "None" || spec.contains_key("selector") {
        spec.entry("ipFamilies").or_insert_with(|| json!(["IPv4"]));
        spec.entry("ipFamilyPolicy").or_insert_with(|| json!("SingleStack"));
    }
    if !matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        return;
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if port["nodePort"].as_u64().unwrap_or_default() == 0
            && let Some(port) = port.as_object_mut()
        {
            let number = core.addresses.fetch_add(1, Ordering::Relaxed) % PORTS + PORT_FIRST;
            port.insert("nodePort".to_owned(), Value::from(number));
        }
    }
}
