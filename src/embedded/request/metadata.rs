//! What the server itself keeps in `metadata`.

use serde_json::{Value, json};

use super::{random, set_meta};
use crate::{embedded::validate::Cause, object::meta};

/// Fields of `metadata` that no write changes.
const CARRIED: [&str; 5] =
    ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"];

/// Gives a new object its uid and time, and takes from it what only the server may set.
pub(super) fn begin(object: &mut Value, now: &str) {
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"] {
        set_meta(object, key, None);
    }
    set_meta(object, "uid", Some(Value::from(random::uid())));
    set_meta(object, "creationTimestamp", Some(Value::from(now)));
}

/// Gives the next state of an object what stays as it is.
pub(super) fn carry(live: &Value, next: &mut Value) {
    for key in CARRIED {
        set_meta(next, key, live["metadata"].get(key).cloned());
    }
    set_meta(next, "selfLink", None);
    set_meta(next, "resourceVersion", live["metadata"].get("resourceVersion").cloned());
}

/// What is wrong with the change of `metadata`.
pub(super) fn causes(live: &Value, next: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if meta::name(live) != meta::name(next) {
        causes.push(Cause {
            reason: "FieldValueInvalid",
            field: "metadata.name".to_owned(),
            message: format!("Invalid value: {:?}: field is immutable", meta::name(next)),
        });
    }
    let (before, after) = (finalizers(live), finalizers(next));
    let added: Vec<&str> = after.into_iter().filter(|name| !before.contains(name)).collect();
    if meta::is_terminating(live) && !added.is_empty() {
        let quoted: Vec<String> = added.iter().map(|name| format!("{name:?}")).collect();
        causes.push(Cause {
            reason: "FieldValueForbidden",
            field: "metadata.finalizers".to_owned(),
            message: format!(
                "Forbidden: no new finalizers can be added if the object is being deleted, found \
                 new finalizers []string{{{}}}",
                quoted.join(", ")
            ),
        });
    }
    causes
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

    #[test]
    fn a_deletion_forbids_new_finalizers() {
        let object = |finalizers: &[&str]| json!({"metadata": {"name": "a", "finalizers": finalizers, "deletionTimestamp": "t"}});
        assert!(causes(&object(&["a/b", "c/d"]), &object(&["c/d"])).is_empty());
        let causes = causes(&object(&["a/b"]), &object(&["a/b", "c/d"]));
        assert_eq!(causes.len(), 1);
        assert!(causes[0].message.ends_with("[]string{\"c/d\"}"), "{}", causes[0].message);
    }
}
