//! What becomes of an object as it is read: unknown fields go, defaults come.

use serde_json::Value;

use super::Node;

/// Removes what the schema doesn't name.
pub(crate) fn prune(node: Node<'_>, object: &mut Value) {
    match object {
        Value::Object(fields) => fields.retain(|name, value| {
            let field = node.field(name);
            if let Some(field) = field {
                prune(field, value);
            }
            field.is_some()
        }),
        Value::Array(items) => {
            let Some(node) = node.items() else { return };
            for item in items {
                prune(node, item);
            }
        }
        _ => {}
    }
}

/// Adds the defaults of a CRD's schema, and removes nulls that the schema doesn't allow.
///
/// The defaults of a built-in type mean something else, so they are not for this function.
pub(crate) fn fill_defaults(node: Node<'_>, object: &mut Value) {
    match object {
        Value::Object(fields) => {
            fields.retain(|name, value| !value.is_null() || keeps_null(node.field(name)));
            for (name, field) in node.fields() {
                let absent = fields.get(name).is_none_or(Value::is_null);
                let wanted = absent && !(field.nullable() && fields.contains_key(name));
                if let Some(default) = field.default().filter(|_| wanted) {
                    fields.insert(name.to_owned(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(field) = node.field(name) {
                    below(field, value);
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items() else { return };
            for item in items {
                below(node, item);
            }
        }
        _ => {}
    }
}

/// A value of a map or list that is null takes the default of its type.
fn below(node: Node<'_>, value: &mut Value) {
    if let Some(default) = node.default().filter(|_| value.is_null() && !node.nullable()) {
        *value = default.clone();
    }
    // Metadata is a built-in type even here, and the server fills it in by itself.
    if !node.is_builtin() {
        fill_defaults(node, value);
    }
}

fn keeps_null(field: Option<Node<'_>>) -> bool {
    field.is_none_or(|field| field.nullable() || field.default().is_some())
}
