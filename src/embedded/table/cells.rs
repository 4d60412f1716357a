//! Cells that many kinds have.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::duration;
use crate::object::meta;

pub(super) const NONE: &str = "<none>";
pub(super) const UNSET: &str = "<unset>";

pub(super) fn name(object: &Value) -> Value {
    json!(meta::name(object))
}

pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    json!(duration::between(meta::text(object, "creationTimestamp"), now))
}

/// The text at a JSON pointer; empty when absent.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The text at a JSON pointer, or `otherwise` when it is absent or empty.
pub(super) fn text_or<'a>(object: &'a Value, pointer: &str, otherwise: &'a str) -> &'a str {
    Some(text(object, pointer)).filter(|text| !text.is_empty()).unwrap_or(otherwise)
}

/// The number at a JSON pointer; 0 when absent.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The items of the list at a JSON pointer.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of the list at a JSON pointer.
pub(super) fn texts<'a>(object: &'a Value, pointer: &str) -> Vec<&'a str> {
    list(object, pointer).iter().filter_map(Value::as_str).collect()
}

/// The number of entries of the list or map at a JSON pointer.
pub(super) fn size(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(fields)) => fields.len(),
        _ => 0,
    }
}

/// A number or a text as it is printed; empty for anything else.
pub(super) fn plain(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Names and images of the containers of the pod spec at a JSON pointer: two cells.
pub(super) fn containers(object: &Value, pod_spec: &str) -> [Value; 2] {
    let containers = list(object, &format!("{pod_spec}/containers"));
    ["/name", "/image"].map(|field| {
        let all: Vec<&str> = containers.iter().map(|container| text(container, field)).collect();
        json!(all.join(","))
    })
}

/// `a=1,b=2`, or `<none>`.
pub(super) fn labels(labels: Option<&Value>) -> Value {
    let entries = labels.and_then(Value::as_object).into_iter().flatten();
    let pairs: Vec<String> =
        entries.map(|(key, value)| format!("{key}={}", plain(Some(value)))).collect();
    json!(if pairs.is_empty() { NONE.to_owned() } else { pairs.join(",") })
}

/// A label selector as kubectl writes it, ordered by key; `None` when an operator is unknown.
pub(super) fn selector(selector: Option<&Value>) -> Option<String> {
    let empty = Map::new();
    let field = |key: &str| selector.and_then(|selector| selector.get(key));
    let labels = field("matchLabels").and_then(Value::as_object).unwrap_or(&empty);
    let mut parts: Vec<(String, String)> = labels
        .iter()
        .map(|(key, value)| (key.clone(), format!("{key}={}", plain(Some(value)))))
        .collect();
    for requirement in field("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = text(requirement, "/key");
        let mut values = texts(requirement, "/values");
        values.sort_unstable();
        let values = values.join(",");
        let part = match text(requirement, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        };
        parts.push((key.to_owned(), part));
    }
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    Some(parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(","))
}

/// The cell of a selector: `<none>` when it selects all, `<error>` when it is none.
pub(super) fn selector_cell(object: &Value, pointer: &str) -> Value {
    match selector(object.pointer(pointer)) {
        None => json!("<error>"),
        Some(text) if text.is_empty() => json!(NONE),
        Some(text) => json!(text),
    }
}

/// The status of a condition; `None` without it.
pub(super) fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let conditions = list(object, "/status/conditions");
    Some(text(conditions.iter().find(|condition| text(condition, "/type") == name)?, "/status"))
}
