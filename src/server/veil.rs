//! The last line of defence for secrets: what reaches the server is masked already; should it not
//! be, it is not shown.

use serde_json::Value;

/// Stands in for a value that arrived unmasked.
const VEIL: &str = "++++++++";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A copy of the object in which a Secret shows no value. Masks, runs of `+`, stay as they are, so
/// that equal and different values can still be told apart.
pub(super) fn veiled(object: &Value) -> Value {
    let mut object = object.clone();
    let is = |key: &str, word: &str| object.get(key).and_then(Value::as_str) == Some(word);
    if !(is("kind", "Secret") && is("apiVersion", "v1")) {
        return object;
    }
    for key in ["data", "stringData"] {
        if let Some(Value::Object(values)) = object.get_mut(key) {
            values.values_mut().for_each(veil);
        }
    }
    if let Some(last) = object.pointer_mut("/metadata/annotations")
        && let Some(last) = last.get_mut(LAST_APPLIED)
        && !is_mask(last)
    {
        *last = Value::from(VEIL);
    }
    object
}

fn veil(value: &mut Value) {
    if !is_mask(value) {
        *value = Value::from(VEIL);
    }
}

fn is_mask(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.bytes().all(|b| b == b'+'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::veiled;

    #[test]
    fn an_unmasked_secret_is_not_shown_and_a_mask_stays() {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "x", "annotations": {super::LAST_APPLIED: "{\"data\":\"aHVudGVy\"}", "a": "b"}},
            "data": {"old": "++++", "new": "aHVudGVy"},
            "stringData": {"p": 1},
        });
        let shown = veiled(&secret);
        assert_eq!(shown["data"], json!({"old": "++++", "new": "++++++++"}));
        assert_eq!(shown["stringData"], json!({"p": "++++++++"}));
        assert_eq!(shown["metadata"]["annotations"]["a"], "b");
        assert!(!shown.to_string().contains("aHVudGVy"), "{shown}");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}});
        assert_eq!(veiled(&map), map);
    }
}
