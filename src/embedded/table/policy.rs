//! Autoscalers, disruption budgets, quotas.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Kind,
    cells::{self, NONE, UNSET, list, number, plain, text},
};

/// How many metrics are named before the rest is counted.
const SHOWN: usize = 2;

pub(super) const AUTOSCALER: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Reference", "string", false),
        ("Targets", "string", false),
        ("MinPods", "string", false),
        ("MaxPods", "string", false),
        ("Replicas", "string", false),
        ("Age", "string", false),
    ],
    row: autoscaler,
};

fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let target = |field: &str| text(object, &format!("/spec/scaleTargetRef/{field}")).to_owned();
    let least = match plain(object.pointer("/spec/minReplicas")) {
        none if none.is_empty() => UNSET.to_owned(),
        least => least,
    };
    vec![
        cells::name(object),
        json!(format!("{}/{}", target("kind"), target("name"))),
        json!(metrics(object)),
        json!(least),
        json!(number(object, "/spec/maxReplicas")),
        json!(number(object, "/status/currentReplicas")),
        cells::age(object, now),
    ]
}

fn metrics(object: &Value) -> String {
    let current = list(object, "/status/currentMetrics");
    let all: Vec<String> = list(object, "/spec/metrics")
        .iter()
        .enumerate()
        .map(|(index, wanted)| metric(wanted, current.get(index).unwrap_or(&Value::Null)))
        .collect();
    if all.is_empty() {
        return NONE.to_owned();
    }
    let shown = all[..all.len().min(SHOWN)].join(", ");
    match all.len() {
        count if count > SHOWN => format!("{shown} + {} more...", count - SHOWN),
        _ => shown,
    }
}

/// `cpu: 12%/80%`, `10/20 (avg)`: what is, and what is wished for.
fn metric(wanted: &Value, current: &Value) -> String {
    let (source, named, averaged) = match text(wanted, "/type") {
        "Resource" => ("resource", true, false),
        "ContainerResource" => ("containerResource", true, false),
        "Pods" => ("pods", false, false),
        "Object" => ("object", false, true),
        "External" => ("external", false, true),
        _ => return "<unknown type>".to_owned(),
    };
    let target = |field: &str| plain(wanted.pointer(&format!("/{source}/target/{field}")));
    let measured = |field: &str| match plain(current.pointer(&format!("/{source}/current/{field}")))
    {
        none if none.is_empty() => "<unknown>".to_owned(),
        value => value,
    };
    let name = if named {
        format!("{}: ", text(wanted, &format!("/{source}/name")))
    } else {
        String::new()
    };
    let average = target("averageValue");
    if !average.is_empty() {
        let suffix = if averaged { " (avg)" } else { "" };
        return format!("{name}{}/{average}{suffix}", measured("averageValue"));
    }
    if !named {
        return format!("{}/{}", measured("value"), target("value"));
    }
    let percent = |text: String| match text.as_str() {
        "<unknown>" | "<auto>" => text,
        _ => format!("{text}%"),
    };
    let wished = match target("averageUtilization") {
        none if none.is_empty() => "<auto>".to_owned(),
        value => value,
    };
    format!("{name}{}/{}", percent(measured("averageUtilization")), percent(wished))
}

pub(super) const BUDGET: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Min Available", "string", false),
        ("Max Unavailable", "string", false),
        ("Allowed Disruptions", "integer", false),
        ("Age", "string", false),
    ],
    row: budget,
};

fn budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let amount = |pointer: &str| match plain(object.pointer(pointer)) {
        none if none.is_empty() => "N/A".to_owned(),
        amount => amount,
    };
    vec![
        cells::name(object),
        json!(amount("/spec/minAvailable")),
        json!(amount("/spec/maxUnavailable")),
        json!(number(object, "/status/disruptionsAllowed")),
        cells::age(object, now),
    ]
}

pub(super) const QUOTA: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Request", "string", false),
        ("Limit", "string", false),
        ("Age", "string", false),
    ],
    row: quota,
};

fn quota(object: &Value, now: Timestamp) -> Vec<Value> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    let hard = object.pointer("/status/hard").and_then(Value::as_object);
    let used = object.pointer("/status/used").and_then(Value::as_object);
    for (name, amount) in hard.into_iter().flatten() {
        let used = match plain(used.and_then(|used| used.get(name))) {
            none if none.is_empty() => "0".to_owned(),
            used => used,
        };
        let part = format!("{name}: {used}/{}", plain(Some(amount)));
        if name.starts_with("limits.") { &mut limits } else { &mut requests }.push(part);
    }
    vec![
        cells::name(object),
        json!(requests.join(", ")),
        json!(limits.join(", ")),
        cells::age(object, now),
    ]
}
