mod batch;
mod every_kind;
mod infrastructure;
mod pod;
mod workload;

use serde_json::json;

use super::*;
use HealthStatus::{Degraded, Healthy, Progressing, Suspended, Unknown};

/// An object of the kind with what `parts` adds to its top level.
fn object(api_version: &str, kind: &str, parts: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-web", "generation": 2},
    });
    merge(&mut object, parts);
    object
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[track_caller]
fn check(api_version: &str, kind: &str, rows: Vec<(Value, HealthStatus, &str)>) {
    for (parts, status, message) in rows {
        let health = assess(&object(api_version, kind, parts.clone()), &[]);
        assert_eq!(health, Some(Health::new(status, message)), "{kind} {parts}");
    }
}
