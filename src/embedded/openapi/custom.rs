//! The types of custom kinds.

use serde_json::{Map, Value, json};

use super::{META, Served, reference, types::Types};
use crate::object::GroupVersionKind;

/// `com.example.v1.Widget`: the group backwards, as Java names packages.
pub(super) fn type_name(gvk: &GroupVersionKind) -> String {
    let group: Vec<&str> = gvk.group.rsplit('.').collect();
    format!("{}.{}.{}", group.join("."), gvk.version, gvk.kind)
}

/// Adds the type of a custom kind and of its list.
pub(super) fn add(types: &mut Types, served: &Served<'_>, published: &Value) {
    let gvk = served.gvk;
    let mut schema = published.clone();
    if let Value::Object(fields) = &mut schema {
        object_fields(fields);
        fields.insert(KINDS.to_owned(), kinds(gvk));
    }
    types.add_custom(type_name(gvk), &schema);
    let list = GroupVersionKind { kind: served.list_kind.to_owned(), ..gvk.clone() };
    let mut schema = json!({
        "type": "object",
        "description": format!("{} is a list of {}", list.kind, gvk.kind),
        "required": ["items"],
        "properties": {
            "apiVersion": text(API_VERSION),
            "kind": text(KIND),
            "items": {
                "description": format!("List of {}.", served.plural),
                "type": "array",
                "items": reference(&type_name(gvk)),
            },
            "metadata": {
                "description": "Standard list metadata.",
                "allOf": [reference(&format!("{META}ListMeta"))],
            },
        },
    });
    schema[KINDS] = kinds(&list);
    types.add_custom(type_name(&list), &schema);
}

const KINDS: &str = "x-kubernetes-group-version-kind";
const API_VERSION: &str =
    "APIVersion defines the versioned schema of this representation of an object.";
const KIND: &str = "Kind is a string value representing the REST resource this object represents.";

fn kinds(gvk: &GroupVersionKind) -> Value {
    json!([{"group": gvk.group, "version": gvk.version, "kind": gvk.kind}])
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// Adds the fields that every object has, here and in objects that are embedded.
fn object_fields(schema: &mut Map<String, Value>) {
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        properties.values_mut().for_each(embedded);
        properties.insert("apiVersion".to_owned(), text(API_VERSION));
        properties.insert("kind".to_owned(), text(KIND));
        let metadata = json!({
            "description": "Standard object's metadata.",
            "allOf": [reference(&format!("{META}ObjectMeta"))],
        });
        properties.insert("metadata".to_owned(), metadata);
    }
}

fn embedded(schema: &mut Value) {
    let Value::Object(words) = schema else { return };
    if words.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)) {
        object_fields(words);
        return;
    }
    for word in ["items", "additionalProperties"] {
        if let Some(below) = words.get_mut(word) {
            embedded(below);
        }
    }
    if let Some(Value::Object(properties)) = words.get_mut("properties") {
        properties.values_mut().for_each(embedded);
    }
}
