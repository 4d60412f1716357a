//! Endpoints, the older form of endpoint slices.

use std::net::IpAddr;

use serde_json::Value;

use super::{
    cause::{Cause, invalid, invalid_text, list, not_supported, number, required, text},
    names,
};

pub(super) fn endpoints(object: &Value, found: &mut Vec<Cause>) {
    for (index, subset) in list(object, "subsets").iter().enumerate() {
        let path = format!("subsets[{index}]");
        let groups = ["addresses", "notReadyAddresses"];
        if groups.iter().all(|key| list(subset, key).is_empty()) {
            let message = "must specify `addresses` or `notReadyAddresses`";
            found.push(required(path.as_str(), message));
        }
        for key in groups {
            for (index, one) in list(subset, key).iter().enumerate() {
                address(one, &format!("{path}.{key}[{index}]"), found);
            }
        }
        let ports = list(subset, "ports");
        for (index, port) in ports.iter().enumerate() {
            self::port(port, &format!("{path}.ports[{index}]"), ports.len() > 1, found);
        }
    }
}

fn address(address: &Value, path: &str, found: &mut Vec<Cause>) {
    let (ip, field) = (text(address, "ip"), format!("{path}.ip"));
    let host = text(address, "hostname");
    let parsed = ip.parse::<IpAddr>();
    if parsed.is_err() {
        let message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        found.push(invalid_text(field.as_str(), ip, message));
    }
    if !host.is_empty() {
        let wrong = names::dns_label(host);
        let field = format!("{path}.hostname");
        found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), host, why)));
    }
    match parsed {
        // The real server looks twice.
        Err(_) => found.push(invalid_text(field, ip, "must be a valid IP address")),
        Ok(ip) => found.extend(unfit(ip).map(|why| invalid_text(field, &ip.to_string(), why))),
    }
}

/// Why no endpoint can have this address.
fn unfit(ip: IpAddr) -> Option<&'static str> {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    if ip.is_unspecified() {
        Some("may not be unspecified (0.0.0.0 or ::)")
    } else if ip.is_loopback() {
        Some("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    } else if link_local {
        Some("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    } else if ip.is_multicast() {
        Some("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    } else {
        None
    }
}

fn port(port: &Value, path: &str, needs_name: bool, found: &mut Vec<Cause>) {
    let name = text(port, "name");
    if name.is_empty() && needs_name {
        found.push(required(format!("{path}.name"), ""));
    } else if !name.is_empty() {
        let wrong = names::dns_label(name);
        let field = format!("{path}.name");
        found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), name, why)));
    }
    let number = number(port, "port").unwrap_or_default();
    if !(1..=65_535).contains(&number) {
        let message = "must be between 1 and 65535, inclusive";
        found.push(invalid(format!("{path}.port"), &number.into(), message));
    }
    let protocol = text(port, "protocol");
    if !matches!(protocol, "TCP" | "UDP" | "SCTP") {
        let known = ["SCTP", "TCP", "UDP"];
        found.push(not_supported(format!("{path}.protocol"), &protocol.into(), &known));
    }
}
