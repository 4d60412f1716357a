//! Namespaces, nodes, events, and the kinds of few columns.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Kind,
    cells::{self, NONE, condition, list, number, size, text, text_or},
    duration,
};

pub(super) const NAMESPACE: Kind = Kind {
    columns: &[("Name", "string", false), ("Status", "string", false), ("Age", "string", false)],
    row: |object, now| {
        vec![cells::name(object), json!(text(object, "/status/phase")), cells::age(object, now)]
    },
};

pub(super) const CONFIG_MAP: Kind = Kind {
    columns: &[("Name", "string", false), ("Data", "string", false), ("Age", "string", false)],
    row: |object, now| {
        let entries = size(object, "/data") + size(object, "/binaryData");
        vec![cells::name(object), json!(entries), cells::age(object, now)]
    },
};

pub(super) const SECRET: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Type", "string", false),
        ("Data", "string", false),
        ("Age", "string", false),
    ],
    row: |object, now| {
        let (kind, entries) = (text(object, "/type"), size(object, "/data"));
        vec![cells::name(object), json!(kind), json!(entries), cells::age(object, now)]
    },
};

pub(super) const SERVICE_ACCOUNT: Kind = Kind {
    columns: &[("Name", "string", false), ("Age", "string", false)],
    row: |object, now| vec![cells::name(object), cells::age(object, now)],
};

pub(super) const LEASE: Kind = Kind {
    columns: &[("Name", "string", false), ("Holder", "string", false), ("Age", "string", false)],
    row: |object, now| {
        let holder = text(object, "/spec/holderIdentity");
        vec![cells::name(object), json!(holder), cells::age(object, now)]
    },
};

pub(super) const WEBHOOKS: Kind = Kind {
    columns: &[("Name", "string", false), ("Webhooks", "integer", false), ("Age", "string", false)],
    row: |object, now| {
        vec![cells::name(object), json!(size(object, "/webhooks")), cells::age(object, now)]
    },
};

pub(super) const PRIORITY_CLASS: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Value", "integer", false),
        ("Global-Default", "boolean", false),
        ("Age", "string", false),
        ("PreemptionPolicy", "string", false),
    ],
    row: |object, now| {
        vec![
            cells::name(object),
            json!(number(object, "/value")),
            json!(object.get("globalDefault") == Some(&Value::Bool(true))),
            cells::age(object, now),
            json!(text(object, "/preemptionPolicy")),
        ]
    },
};

pub(super) const BINDING: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Role", "string", false),
        ("Age", "string", false),
        ("Users", "string", true),
        ("Groups", "string", true),
        ("ServiceAccounts", "string", true),
    ],
    row: binding,
};

fn binding(binding: &Value, now: Timestamp) -> Vec<Value> {
    let role = format!("{}/{}", text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"));
    let subjects = |kind: &str| {
        let all =
            list(binding, "/subjects").iter().filter(|subject| text(subject, "/kind") == kind);
        let names = all.map(|subject| match kind {
            "ServiceAccount" => {
                format!("{}/{}", text(subject, "/namespace"), text(subject, "/name"))
            }
            _ => text(subject, "/name").to_owned(),
        });
        json!(names.collect::<Vec<_>>().join(", "))
    };
    vec![
        cells::name(binding),
        json!(role),
        cells::age(binding, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

pub(super) const NODE: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Status", "string", false),
        ("Roles", "string", false),
        ("Age", "string", false),
        ("Version", "string", false),
        ("Internal-IP", "string", true),
        ("External-IP", "string", true),
        ("OS-Image", "string", true),
        ("Kernel-Version", "string", true),
        ("Container-Runtime", "string", true),
    ],
    row: node,
};

fn node(node: &Value, now: Timestamp) -> Vec<Value> {
    let ready = match condition(node, "Ready") {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    };
    let cordoned = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    let status = format!("{ready}{}", if cordoned { ",SchedulingDisabled" } else { "" });
    let info = |field: &str| text(node, &format!("/status/nodeInfo/{field}"));
    let known =
        |field: &str| text_or(node, &format!("/status/nodeInfo/{field}"), "<unknown>").to_owned();
    let kernel = match info("architecture") {
        "" => known("kernelVersion"),
        machine => format!("{} ({machine})", known("kernelVersion")),
    };
    vec![
        cells::name(node),
        json!(status),
        json!(roles(node)),
        cells::age(node, now),
        json!(info("kubeletVersion")),
        address(node, "InternalIP"),
        address(node, "ExternalIP"),
        json!(known("osImage")),
        json!(kernel),
        json!(known("containerRuntimeVersion")),
    ]
}

fn roles(node: &Value) -> String {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
    let roles: BTreeSet<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    let roles = roles.into_iter().collect::<Vec<_>>().join(",");
    if roles.is_empty() { NONE.to_owned() } else { roles }
}

fn address(node: &Value, kind: &str) -> Value {
    let mut all = list(node, "/status/addresses").iter();
    let found = all.find(|address| text(address, "/type") == kind);
    json!(found.map_or(NONE, |address| text(address, "/address")))
}

pub(super) const EVENT: Kind = Kind {
    columns: &[
        ("Last Seen", "string", false),
        ("Type", "string", false),
        ("Reason", "string", false),
        ("Object", "string", false),
        ("Subobject", "string", true),
        ("Source", "string", true),
        ("Message", "string", false),
        ("First Seen", "string", true),
        ("Count", "string", true),
        ("Name", "string", true),
    ],
    row: event,
};

fn event(event: &Value, now: Timestamp) -> Vec<Value> {
    let first =
        duration::between(text_or(event, "/firstTimestamp", text(event, "/eventTime")), now);
    let (last, count) = match (event.get("series"), text(event, "/lastTimestamp")) {
        (Some(series), _) if series.is_object() => {
            let last = duration::between(text(series, "/lastObservedTime"), now);
            (last, number(series, "/count"))
        }
        (_, last) => {
            let last = if last.is_empty() { first.clone() } else { duration::between(last, now) };
            (last, number(event, "/count").max(1))
        }
    };
    let kind = text(event, "/involvedObject/kind").to_lowercase();
    let target = match text(event, "/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let component = text_or(event, "/source/component", text(event, "/reportingComponent"));
    let source = match text_or(event, "/source/host", text(event, "/reportingInstance")) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    };
    vec![
        json!(last),
        json!(text(event, "/type")),
        json!(text(event, "/reason")),
        json!(target),
        json!(text(event, "/involvedObject/fieldPath")),
        json!(source),
        json!(text(event, "/message").trim()),
        json!(first),
        json!(count),
        cells::name(event),
    ]
}
