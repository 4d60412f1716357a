//! JSON merge patch (RFC 7386), as the library of the real server does it.

use serde_json::{Map, Value};

use super::PatchError;

/// Merges `patch` into `object`: null removes, objects are merged, everything else replaces.
///
/// # Errors
///
/// [`PatchError::Invalid`] when the patch is neither an object nor a list.
pub(crate) fn merge_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            let mut merged = object.clone();
            merge_maps(&mut merged, patch);
            Ok(Value::Object(merged))
        }
        (_, Value::Object(_) | Value::Array(_)) => Ok(without_nulls(patch)),
        _ => Err(PatchError::Invalid("Invalid JSON Patch".to_owned())),
    }
}

fn merge_maps(object: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
            continue;
        }
        match (object.get_mut(key), value) {
            (Some(Value::Object(current)), Value::Object(patch)) => merge_maps(current, patch),
            // A list in the place of a map keeps its nulls: nobody looks into it.
            (Some(current @ Value::Object(_)), value) => *current = value.clone(),
            _ => {
                object.insert(key.clone(), without_nulls(value));
            }
        }
    }
}

/// The value without null fields. Null items of lists stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        scalar => scalar.clone(),
    }
}
