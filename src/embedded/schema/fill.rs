//! What becomes of an object as it is read: unknown fields go, defaults come.

use serde_json::Value;

use super::Node;

/// Removes what the schema doesn't name.
pub(crate) fn prune(node: Node<'_>, object: &mut Value) {
    match object {
        Value::Object(fields) => {
            fields.retain(|name, value| match node.field(name) {
                Some(field) => {
                    prune(field, value);
                    true
                }
                None => false,
            });
        }
        Value::Array(items) => {
            if let Some(node) = node.items() {
                items.iter_mut().for_each(|item| prune(node, item));
            }
        }
        _ => {}
    }
}

/// Adds the defaults of a CRD's schema.
pub(crate) fn fill_defaults(node: Node<'_>, object: &mut Value) {
    match object {
        Value::Object(fields) => {
            for (name, field) in node.fields() {
                let absent = match fields.get(name) {
                    None => true,
                    Some(Value::Null) => !field.nullable(),
                    Some(_) => false,
                };
                if let Some(default) = field.default().filter(|_| absent) {
                    fields.insert(name.to_owned(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(field) = node.field(name) {
                    fill_defaults(field, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(node) = node.items() {
                items.iter_mut().for_each(|item| fill_defaults(node, item));
            }
        }
        _ => {}
    }
}
