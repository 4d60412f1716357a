//! Label selectors of workloads.

use serde_json::Value;

use super::read::{list, text};

/// The labels of an object, `null` when it has none.
pub(super) fn labels(object: &Value) -> &Value {
    object.pointer("/metadata/labels").unwrap_or(&Value::Null)
}

/// True when a `LabelSelector` selects these labels. An empty or absent one selects nothing: no
/// controller may take everything.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.get("matchLabels").unwrap_or(&Value::Null);
    let expressions = list(selector, "/matchExpressions");
    let is_empty = wanted.as_object().is_none_or(serde_json::Map::is_empty);
    if is_empty && expressions.is_empty() {
        return false;
    }
    contains(labels, wanted) && expressions.iter().all(|expression| fits(expression, labels))
}

/// True when `labels` has all pairs of `wanted`.
pub(super) fn contains(labels: &Value, wanted: &Value) -> bool {
    let wanted = wanted.as_object();
    wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
}

fn fits(expression: &Value, labels: &Value) -> bool {
    let label = labels.get(text(expression, "/key"));
    let among = || label.is_some_and(|label| list(expression, "/values").contains(label));
    match text(expression, "/operator") {
        "In" => among(),
        "NotIn" => !among(),
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_selects_what_kubernetes_selects() {
        let labels = json!({"app": "web", "tier": "front"});
        let expression = |operator: &str, key: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        let table = [
            (json!({}), false),
            (json!({"matchLabels": {}}), false),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "api"}}), false),
            (json!({"matchLabels": {"app": "web", "zone": "a"}}), false),
            (expression("In", "app", json!(["api", "web"])), true),
            (expression("In", "app", json!(["api"])), false),
            (expression("In", "zone", json!(["a"])), false),
            (expression("NotIn", "app", json!(["api"])), true),
            (expression("NotIn", "zone", json!(["a"])), true),
            (expression("Exists", "tier", json!([])), true),
            (expression("Exists", "zone", json!([])), false),
            (expression("DoesNotExist", "zone", json!([])), true),
            (expression("DoesNotExist", "tier", json!([])), false),
        ];
        for (selector, wanted) in table {
            assert_eq!(selects(&selector, &labels), wanted, "{selector}");
        }
    }
}
