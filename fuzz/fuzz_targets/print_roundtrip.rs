//! Any JSON value: what is printed is read back as the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use steadfast::yaml::{Limits, load, print};

/// Whole floats come back as integers, and integers beyond 63 bits as floats, as in Kubernetes.
fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(float)) => {
                let whole = format!("{float}").parse::<i64>();
                if float.abs() < 1e21 {
                    whole.map_or(Value::from(float), Value::from)
                } else {
                    Value::from(float)
                }
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(fields) => fields.into_iter().map(|(k, v)| (k, normal(v))).collect(),
        other => other,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    if depth(&value) > limits.depth_max {
        return;
    }
    let printed = print(&value);
    let loaded = load(printed.as_bytes(), &limits);
    assert!(loaded.errors.is_empty(), "{:?}\n{printed}", loaded.errors);
    let found = loaded.documents.into_iter().next().map_or(Value::Null, |document| document.value);
    assert_eq!(found, normal(value), "{printed}");
});
