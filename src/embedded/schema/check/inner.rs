//! Objects within objects (`x-kubernetes-embedded-resource`): each says what it is.

use serde_json::Value;

use super::{
    Violation,
    say::{child, field},
};
use crate::embedded::schema::raw::{Additional, Raw};

/// The inner objects below `value` that don't say their kind or version.
pub(super) fn objects(demands: &Raw, value: &Value, path: &str, found: &mut Vec<Violation>) {
    match value {
        Value::Object(fields) => {
            for key in ["apiVersion", "kind"] {
                let said = fields.get(key).and_then(Value::as_str).unwrap_or_default();
                if demands.embedded && said.is_empty() {
                    found.push(Violation {
                        reason: "FieldValueRequired",
                        field: field(&child(path, key)),
                        message: "Required value".to_owned(),
                    });
                }
            }
            for (name, value) in fields {
                let others = match &demands.additional_properties {
                    Some(Additional::Schema(values)) => Some(&**values),
                    _ => None,
                };
                let below = demands.properties.get(&**name).or(others);
                if let Some(below) = below {
                    objects(below, value, &child(path, name), found);
                }
            }
        }
        Value::Array(items) => {
            let Some(below) = &demands.items else { return };
            for (index, item) in items.iter().enumerate() {
                objects(below, item, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}
