//! The difference between two objects as an RFC 7386 merge patch.

use serde_json::{Map, Value};

/// Fields of a status that say when it was looked at, not what was found.
const VOLATILE: [&str; 2] = ["reconciledAt", "observedAt"];

/// The merge patch that turns `old` into `new`, both the `status` of an Application.
///
/// `None` when nothing but the time of looking differs: then nothing is worth a write. A list is
/// replaced as a whole when any entry differs, as merge patches do. A `null` in `new` counts as
/// absent, since a merge patch can't write one.
pub fn merge_patch(old: &Value, new: &Value) -> Option<Value> {
    let empty = Map::new();
    let old = old.as_object().unwrap_or(&empty);
    let new = new.as_object().unwrap_or(&empty);
    let patch = difference(old, new);
    patch.keys().any(|key| !VOLATILE.contains(&key.as_str())).then_some(Value::Object(patch))
}

fn difference(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        match (old.get(key), value) {
            (Some(before), _) if before == value => {}
            (Some(Value::Object(before)), Value::Object(after)) => {
                let inner = difference(before, after);
                if !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            // A whole object is written where none was: its nulls would be taken for deletions,
            // which deletes nothing and is harmless.
            _ => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    for key in old.keys() {
        if new.get(key).is_none_or(Value::is_null) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    patch
}
