//! A strategic merge patch as the real server shows it in a refusal.

use serde_json::{Map, Value};

/// The patch as Go prints a map, without what merging takes out of it on its way: directives, and
/// lists whose order is given.
pub(crate) fn as_go_prints(patch: &Value) -> String {
    match patch {
        Value::Object(fields) => {
            let left = fields.iter().filter(|(key, _)| !is_consumed(fields, key));
            let words: Vec<String> =
                left.map(|(key, value)| format!("{key}:{}", as_go_prints(value))).collect();
            format!("map[{}]", words.join(" "))
        }
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(as_go_prints).collect();
            format!("[{}]", words.join(" "))
        }
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        Value::Bool(_) | Value::Number(_) => patch.to_string(),
    }
}

fn is_consumed(fields: &Map<String, Value>, key: &str) -> bool {
    let directives = ["$setElementOrder/", "$retainKeys"];
    directives.iter().any(|directive| key.starts_with(directive))
        || fields.contains_key(&format!("$setElementOrder/{key}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_is_shown_as_what_is_left_of_it() {
        let patch = json!({
            "metadata": {"annotations": null, "labels": {"b": "2", "a": "1"}},
            "spec": {
                "replicas": 3, "paused": true, "finalizers": ["a", "b"],
                "template": {"spec": {
                    "$setElementOrder/containers": [{"name": "web"}],
                    "containers": [{"name": "web", "imag": "web:1"}],
                }},
            },
        });
        let expected = "map[metadata:map[annotations:<nil> labels:map[a:1 b:2]] \
                        spec:map[finalizers:[a b] paused:true replicas:3 \
                        template:map[spec:map[]]]]";
        assert_eq!(as_go_prints(&patch), expected);
    }
}
