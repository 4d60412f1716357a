//! Label selectors: their form, and whether they match.

use serde_json::{Value, json};

use super::{
    cause::{Cause, entries, forbidden, in_order, invalid_text, list, required, text},
    metadata, names,
};

/// The form of the selector under `parent[key]`; nothing where it is absent.
pub(super) fn check(parent: &Value, key: &str, path: &str, found: &mut Vec<Cause>) {
    let Some(selector) = parent.get(key).filter(|selector| selector.is_object()) else { return };
    let path = format!("{path}.{key}");
    metadata::labels(selector, "matchLabels", &path, found);
    for (index, requirement) in list(selector, "matchExpressions").iter().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        let values = list(requirement, "values");
        match text(requirement, "operator") {
            "In" | "NotIn" if values.is_empty() => found.push(required(
                format!("{path}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            "Exists" | "DoesNotExist" if !values.is_empty() => found.push(forbidden(
                format!("{path}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => found.push(invalid_text(
                format!("{path}.operator"),
                other,
                "not a valid selector operator",
            )),
        }
        let name = text(requirement, "key");
        let wrong = names::qualified(name).into_iter();
        found.extend(wrong.map(|why| invalid_text(format!("{path}.key"), name, &why)));
        for (index, value) in values.iter().filter_map(Value::as_str).enumerate() {
            let wrong = names::label_value(value).into_iter();
            let field = format!("{path}.values[{index}]");
            found.extend(wrong.map(|why| invalid_text(field.as_str(), value, &why)));
        }
    }
}

/// True when it can be asked whether it matches.
pub(super) fn is_valid(selector: &Value) -> bool {
    let mut found = Vec::new();
    check(&json!({"s": selector}), "s", "", &mut found);
    found.is_empty()
}

/// As the real server prints it: labels before expressions.
pub(super) fn printed(selector: &Value) -> String {
    in_order(selector, &["matchLabels", "matchExpressions"])
}

/// True when it selects everything.
pub(super) fn is_empty(selector: &Value) -> bool {
    entries(selector, "matchLabels").next().is_none()
        && list(selector, "matchExpressions").is_empty()
}

/// True when `labels` (a map, or null) are selected.
pub(super) fn matches(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key);
    entries(selector, "matchLabels").all(|(key, value)| label(key) == Some(value))
        && list(selector, "matchExpressions").iter().all(|requirement| {
            let value = label(text(requirement, "key"));
            let listed = value.is_some_and(|value| list(requirement, "values").contains(value));
            match text(requirement, "operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                _ => value.is_none(),
            }
        })
}
