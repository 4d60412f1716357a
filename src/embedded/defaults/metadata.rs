//! `metadata` as every kind has it.

use serde_json::Value;

use super::{
    fields::{items, made, present, remove},
    omit,
};

/// Drops what says nothing from `metadata`. `managedFields` stays as it was sent: an empty list
/// there is a request to forget the owners.
pub(super) fn tidy(object: &mut Value) {
    let Some(metadata) = made(object, "metadata") else { return };
    let managed = remove(metadata, "managedFields");
    omit::omit("ObjectMeta", metadata, omit::Empty::Null);
    for key in ["name", "generateName", "namespace", "uid", "resourceVersion", "selfLink"] {
        if metadata.get(key).and_then(Value::as_str) == Some("") {
            remove(metadata, key);
        }
    }
    for owner in items(metadata, "ownerReferences") {
        omit::omit("OwnerReference", owner, omit::Empty::Null);
    }
    if let (Some(managed), Some(metadata)) = (managed, metadata.as_object_mut()) {
        metadata.insert("managedFields".to_owned(), managed);
    }
}

/// `metadata` inside a template: there whether or not anything is said.
pub(super) fn of_template(template: &mut Value) {
    made(template, "metadata");
    if present(template, "metadata").is_some() {
        tidy(template);
    }
}
