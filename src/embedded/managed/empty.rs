//! The object before it is created, and what of a value a typed object can't hold.

use serde_json::{Map, Value};

use crate::embedded::schema::{Node, Scalar, Shape};

/// What a created object is compared with.
///
/// A built-in object comes out of a Go struct, which has all the fields that are no pointers from
/// the start: nobody owns them as containers. `like` is the object that is created.
pub(super) fn object(node: Node<'_>, like: &Value) -> Value {
    let mut empty = if node.is_builtin() { structure(node, Some(like)) } else { Map::new() };
    for key in ["apiVersion", "kind"] {
        if let Some(value) = like.get(key) {
            empty.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(empty)
}

fn structure(node: Node<'_>, like: Option<&Value>) -> Map<String, Value> {
    let mut empty = Map::new();
    for (name, field) in node.fields() {
        let like = like.and_then(|like| like.get(name));
        let value = match (field.shape(), field.default()) {
            (Shape::Struct | Shape::AtomicStruct, Some(Value::Object(zero))) if zero.is_empty() => {
                Some(Value::Object(structure(field, like)))
            }
            (Shape::Scalar, Some(zero)) if is_zero(zero) => Some(zero.clone()),
            (Shape::Scalar, _) => None,
            // Pointers, lists and maps that are always written.
            _ if node.required().iter().any(|required| **required == *name) => Some(Value::Null),
            _ => None,
        };
        // A struct that is always written has its nulls from the start.
        let value = value.or_else(|| like.filter(|like| like.is_null()).cloned());
        if let Some(value) = value {
            empty.insert(name.to_owned(), value);
        }
    }
    empty
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(truth) => !truth,
        _ => false,
    }
}

/// Leaves out the nulls of a built-in object, as a struct does: a null field is an absent one, a
/// null in a map of texts is an empty text.
pub(super) fn drop_nulls(node: Node<'_>, value: &mut Value) {
    match (node.shape(), value) {
        (Shape::Struct | Shape::AtomicStruct, Value::Object(fields)) => {
            fields.retain(|_, value| !value.is_null());
            for (name, value) in fields {
                if let Some(field) = node.field(name) {
                    drop_nulls(field, value);
                }
            }
        }
        (Shape::Map | Shape::AtomicMap, Value::Object(entries)) => {
            for (key, value) in entries {
                let Some(field) = node.field(key) else { continue };
                let text = field.shape() == Shape::Scalar && field.scalar() == Scalar::String;
                if value.is_null() && text {
                    *value = Value::from("");
                }
                drop_nulls(field, value);
            }
        }
        (Shape::MapList | Shape::AtomicList, Value::Array(items)) => {
            for item in items {
                if let Some(node) = node.items() {
                    drop_nulls(node, item);
                }
            }
        }
        _ => {}
    }
}
