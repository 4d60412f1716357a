//! What the server itself keeps in `metadata`.

use serde_json::{Value, json};

use super::{random, set_meta};
use crate::object::meta;

/// Gives a new object its uid and time, and takes from it what only the server may set.
pub(super) fn begin(object: &mut Value, now: &str) {
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        set_meta(object, key, None);
    }
    set_meta(object, "uid", Some(Value::from(random::uid())));
    set_meta(object, "creationTimestamp", Some(Value::from(now)));
}

/// Gives the next state of an object what stays as it is.
pub(super) fn carry(live: &Value, next: &mut Value) {
    let before = |key: &str| live["metadata"].get(key).cloned();
    for key in ["uid", "creationTimestamp", "generation"] {
        set_meta(next, key, before(key));
    }
    if meta::is_terminating(live) {
        set_meta(next, "deletionTimestamp", before("deletionTimestamp"));
    }
    if next["metadata"].get("deletionGracePeriodSeconds").is_none() {
        set_meta(next, "deletionGracePeriodSeconds", before("deletionGracePeriodSeconds"));
    }
    set_meta(next, "selfLink", None);
    set_meta(next, "resourceVersion", live["metadata"].get("resourceVersion").cloned());
}

pub(super) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

pub(super) fn set_finalizers(object: &mut Value, names: &[&str]) {
    let value = (!names.is_empty()).then(|| json!(names));
    set_meta(object, "finalizers", value);
}

/// True when the last finalizer of an object that is being deleted is gone.
pub(super) fn is_over(live: &Value, next: &Value) -> bool {
    let grace = live.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
    let namespace_waits = next["kind"] == "Namespace"
        && next["apiVersion"] == "v1"
        && next
            .pointer("/spec/finalizers")
            .and_then(Value::as_array)
            .is_some_and(|f| !f.is_empty());
    meta::is_terminating(live)
        && finalizers(next).is_empty()
        && grace.unwrap_or_default() == 0
        && !namespace_waits
}

/// True when both are the same but for the times in `managedFields`.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return false };
    let rest = |object: &serde_json::Map<String, Value>| object.len();
    rest(one) == rest(other)
        && one.iter().all(|(key, value)| match other.get(key) {
            Some(their) if key == "metadata" => is_same_metadata(value, their),
            their => their == Some(value),
        })
}

fn is_same_metadata(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return false };
    one.len() == other.len()
        && one.iter().all(|(key, value)| match other.get(key) {
            Some(their) if key == "managedFields" => without_times(value) == without_times(their),
            their => their == Some(value),
        })
}

fn without_times(entries: &Value) -> Vec<Value> {
    let entries = entries.as_array().into_iter().flatten();
    entries
        .map(|entry| {
            let mut entry = entry.clone();
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("time");
            }
            entry
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_managed_fields_make_no_difference() {
        let object = |time: &str, manager: &str| {
            json!({"kind": "X", "metadata": {"name": "a", "managedFields": [
                {"manager": manager, "time": time, "fieldsV1": {}}]}})
        };
        assert!(is_same(&object("1", "a"), &object("2", "a")));
        assert!(!is_same(&object("1", "a"), &object("1", "b")));
        assert!(!is_same(&json!({"a": 1}), &json!({"b": 1})));
    }
}
