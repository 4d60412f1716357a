//! Reading and writing values by their path, as Go's zero values would have it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::object::meta;

/// The text at a JSON pointer; empty when absent.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
pub(super) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The number at a JSON pointer; 0 when absent.
pub(super) fn count(object: &Value, pointer: &str) -> i64 {
    number(object, pointer).unwrap_or_default()
}

/// The truth at a JSON pointer; false when absent.
pub(super) fn truth(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// The list at a JSON pointer; empty when absent.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What is at a JSON pointer, `null` when absent.
pub(super) fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or(&Value::Null)
}

/// The moment at a JSON pointer.
pub(super) fn moment(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// When the object was made.
pub(super) fn created(object: &Value) -> Timestamp {
    meta::text(object, "creationTimestamp").parse().unwrap_or_default()
}

/// A moment as Kubernetes writes it: whole seconds.
pub(super) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment that many seconds later.
pub(super) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// The map under a key of an object, made when absent.
pub(super) fn map_mut<'a>(object: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let slot = object.as_object_mut()?.entry(key).or_insert_with(|| Value::from(Map::new()));
    if !slot.is_object() {
        *slot = Value::from(Map::new());
    }
    slot.as_object_mut()
}

/// Sets a field of a map under `key`; `null` removes it.
pub(super) fn set(object: &mut Value, key: &str, field: &str, value: Value) {
    let Some(map) = map_mut(object, key) else { return };
    if value.is_null() {
        map.remove(field);
    } else {
        map.insert(field.to_owned(), value);
    }
}

/// Sets one label.
pub(super) fn set_label(object: &mut Value, key: &str, value: &str) {
    if let Some(labels) = meta::map_mut(object, "labels") {
        labels.insert(key.to_owned(), Value::from(value));
    }
}

/// True for the object's finalizer `name`.
pub(super) fn has_finalizer(object: &Value, name: &str) -> bool {
    list(object, "/metadata/finalizers").iter().any(|finalizer| finalizer == name)
}

/// The object without one finalizer.
pub(super) fn without_finalizer(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    let finalizers = object.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut);
    if let Some(finalizers) = finalizers {
        finalizers.retain(|finalizer| finalizer != name);
    }
    object
}

/// The uid of the managing controller; empty when there is none.
pub(super) fn controller_uid(object: &Value) -> &str {
    list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| truth(owner, "/controller"))
        .map_or("", |owner| text(owner, "/uid"))
}

/// A reference from a dependent to its managing controller.
pub(super) fn controller_reference(owner: &Value) -> Value {
    serde_json::json!({
        "apiVersion": text(owner, "/apiVersion"), "kind": text(owner, "/kind"),
        "name": meta::name(owner), "uid": meta::uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}
