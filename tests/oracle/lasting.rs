//! What of an object lasts from run to run. Mounted by `#[path]` where recorded answers are read
//! and where they are written, so that both leave out the same.

use serde_json::Value;

/// The object without times, owners, versions and its uid.
pub(super) fn lasting(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["creationTimestamp", "managedFields", "resourceVersion", "uid"] {
            metadata.remove(field);
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("lastPhaseTransitionTime");
    }
    let conditions = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
        condition.remove("lastTransitionTime");
    }
    object
}
