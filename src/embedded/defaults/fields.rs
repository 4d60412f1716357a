//! Small steps on an object's JSON. Each leaves a value of the wrong type alone.

use serde_json::{Map, Value};

/// Sets a field that is absent.
pub(super) fn set(parent: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(parent) = parent.as_object_mut()
        && parent.get(key).is_none_or(Value::is_null)
    {
        parent.insert(key.to_owned(), value.into());
    }
}

/// Sets a field that is absent or zero: for numbers of which zero says "the default".
pub(super) fn set_number(parent: &mut Value, key: &str, value: i64) {
    if parent.get(key).and_then(Value::as_i64) == Some(0) {
        parent[key] = Value::from(value);
    }
    set(parent, key, value);
}

/// Sets a field that is absent or an empty string.
pub(super) fn set_text(parent: &mut Value, key: &str, value: &str) {
    if parent.get(key).and_then(Value::as_str) == Some("") {
        parent[key] = Value::from(value);
    }
    set(parent, key, value);
}

/// A string field; empty when absent.
pub(super) fn text<'a>(parent: &'a Value, key: &str) -> &'a str {
    parent.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The object under `key`, made where it is absent. `None` where something else stands there.
pub(super) fn made<'a>(parent: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    set(parent, key, Map::new());
    present(parent, key)
}

/// The object under `key`, if there is one.
pub(super) fn present<'a>(parent: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    parent.get_mut(key).filter(|value| value.is_object())
}

/// The items of the list under `key`; none where there is no list.
pub(super) fn items<'a>(parent: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    parent.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// True where the field is absent, null, or an empty list or map.
pub(super) fn is_bare(parent: &Value, key: &str) -> bool {
    match parent.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(_) => false,
    }
}

/// Removes a field.
pub(super) fn remove(parent: &mut Value, key: &str) -> Option<Value> {
    parent.as_object_mut()?.remove(key)
}
