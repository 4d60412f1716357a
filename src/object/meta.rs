//! Reading the parts of an object's JSON that every kind has.

use serde_json::{Map, Value};

use super::{GroupVersionKind, ObjectId};

/// A string at `metadata.<key>`; empty when absent.
pub fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`; empty when absent.
pub fn name(object: &Value) -> &str {
    text(object, "name")
}

/// `metadata.namespace`; empty when absent.
pub fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

/// `metadata.uid`; empty when absent.
pub fn uid(object: &Value) -> &str {
    text(object, "uid")
}

/// `metadata.resourceVersion`; empty when absent.
pub fn resource_version(object: &Value) -> &str {
    text(object, "resourceVersion")
}

/// True once somebody asked for the deletion of the object.
pub fn is_terminating(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// `metadata.generation`; 0 when absent.
pub fn generation(object: &Value) -> i64 {
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default()
}

/// One annotation.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// One label.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// Group, version and kind from `apiVersion` and `kind`; `None` when either is absent or empty.
pub fn gvk(object: &Value) -> Option<GroupVersionKind> {
    let api_version = object.get("apiVersion")?.as_str()?;
    let kind = object.get("kind")?.as_str()?;
    (!api_version.is_empty() && !kind.is_empty())
        .then(|| GroupVersionKind::parse(api_version, kind))
}

/// The id of the object as it stands; the namespace is empty when it has none.
pub fn id(object: &Value) -> Option<ObjectId> {
    let gvk = gvk(object)?;
    Some(ObjectId {
        group: gvk.group,
        kind: gvk.kind,
        namespace: namespace(object).to_owned(),
        name: name(object).to_owned(),
    })
}

/// An owner reference, as far as ownership is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// API group of the owner.
    pub group: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner, in the same namespace or cluster-scoped.
    pub name: String,
    /// Uid of the owner.
    pub uid: String,
    /// True for the one managing controller.
    pub controller: bool,
}

/// All owner references.
pub fn owners(object: &Value) -> Vec<Owner> {
    let list = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|owner| {
            let text =
                |key: &str| owner.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            Owner {
                group: GroupVersionKind::parse(&text("apiVersion"), "").group,
                kind: text("kind"),
                name: text("name"),
                uid: text("uid"),
                controller: owner.get("controller").and_then(Value::as_bool).unwrap_or_default(),
            }
        })
        .collect()
}

/// The object under `metadata.<key>`, made when absent (and replaced when it is no object).
pub fn map_mut<'a>(object: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let metadata =
        object.as_object_mut()?.entry("metadata").or_insert_with(|| Value::from(Map::new()));
    let slot = metadata.as_object_mut()?.entry(key).or_insert_with(|| Value::from(Map::new()));
    if !slot.is_object() {
        *slot = Value::from(Map::new());
    }
    slot.as_object_mut()
}

/// Sets one annotation. Does nothing to a value that is no object.
pub fn set_annotation(object: &mut Value, key: &str, value: &str) {
    if let Some(annotations) = map_mut(object, "annotations") {
        annotations.insert(key.to_owned(), Value::from(value));
    }
}
