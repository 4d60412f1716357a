//! What decoding an object would say about it: unknown fields and values of the wrong type.

use serde_json::Value;

use super::Node;

/// The paths of fields that the schema doesn't name: `spec.template.spec.containers[0].imag`.
pub(crate) fn unknown_fields(node: Node<'_>, object: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    collect(node, object, &mut String::new(), &mut unknown);
    unknown
}

fn collect(node: Node<'_>, value: &Value, path: &mut String, unknown: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                match node.field(name) {
                    Some(field) => collect(field, value, path, unknown),
                    None => unknown.push(path.clone()),
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items() else { return };
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                collect(node, item, path, unknown);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The first value of the wrong type, as Go's decoder words it; `None`: the object can be decoded.
pub(crate) fn type_error(_node: Node<'_>, _object: &Value) -> Option<String> {
    None
}
