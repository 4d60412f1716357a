//! What the API server would do to a manifest before it owns its fields, done beforehand, so that
//! the manifest can be compared with what the server owns.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::object::meta;

/// Brings a manifest into the form that is applied.
///
/// - `status`, `metadata.creationTimestamp` and the other fields that only the server writes are
///   dropped: a client can't own them.
/// - `null` values are dropped where they say "not set" (everywhere but in free-form data).
/// - `stringData` of a Secret moves into `data`, as the server does on write; left as it is, the
///   server would record ownership of a field that no read ever returns.
pub fn normalize(object: &mut Value) {
    let is_secret =
        meta::gvk(object).is_some_and(|gvk| gvk.group.is_empty() && gvk.kind == "Secret");
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
        if let Some(metadata) = root.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in SERVER_FIELDS {
                metadata.remove(*field);
            }
        }
    }
    drop_nulls(object);
    if is_secret {
        fold_string_data(object);
    }
}

/// Metadata that the server alone writes.
const SERVER_FIELDS: &[&str] =
    &["creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink"];

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, below| !below.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        // A null item has a place in a list; only the server may judge it.
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn fold_string_data(secret: &mut Value) {
    let Some(root) = secret.as_object_mut() else { return };
    let Some(Value::Object(plain)) = root.remove("stringData") else { return };
    let data = root.entry("data").or_insert_with(|| Value::from(Map::new()));
    let Some(data) = data.as_object_mut() else { return };
    for (key, value) in plain {
        // Anything but text is left for the server to refuse, in its own words.
        let folded = match value {
            Value::String(text) => Value::from(STANDARD.encode(text)),
            other => other,
        };
        data.insert(key, folded);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn string_data_wins_over_data_as_on_the_server() {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": "b2xk", "b": "a2VwdA=="}, "stringData": {"a": "new"}});
        normalize(&mut secret);
        assert_eq!(secret["data"], json!({"a": "bmV3", "b": "a2VwdA=="}));
        assert!(secret.get("stringData").is_none());
    }

    #[test]
    fn what_only_the_server_writes_is_dropped() {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "creationTimestamp": null, "uid": "1"},
            "spec": {"replicas": null, "template": {"metadata": {"creationTimestamp": null}}},
            "status": {"replicas": 1}});
        normalize(&mut object);
        assert_eq!(
            object,
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                   "spec": {"template": {"metadata": {}}}})
        );
    }
}
