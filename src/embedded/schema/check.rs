//! What a CRD demands of its objects: types, required fields, limits, patterns, choices, distinct
//! list keys. The words and the order of questions are those of the API server's validator
//! (go-openapi), oddities included. Rules in CEL are not evaluated.

mod inner;
mod number;
mod say;
mod text;
mod unique;

use serde_json::{Map, Value};

use super::raw::{Additional, Raw};
use say::{bad, enumerated, invalid, too_many};

/// One way in which an object is not what its schema demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// `FieldValueInvalid`, `FieldValueRequired` and the like, as a cause of a `Status` has it.
    pub(crate) reason: &'static str,
    /// `spec.replicas`; `<nil>` where the real server names no field.
    pub(crate) field: String,
    /// In the words of the real server.
    pub(crate) message: String,
}

/// Everything that is wrong with a custom object.
pub(super) fn object(demands: &Raw, object: &Value) -> Vec<Violation> {
    let mut found = value(demands, object, "");
    unique::lists(demands, object, "", &mut found);
    inner::objects(demands, object, "", &mut found);
    let mut distinct: Vec<Violation> = Vec::new();
    for violation in found {
        if !distinct.contains(&violation) {
            distinct.push(violation);
        }
    }
    distinct
}

fn value(demands: &Raw, value: &Value, path: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(wrong_type(demands, value, path));
    if !value.is_null() {
        junctors(demands, value, path, &mut found);
        match value {
            Value::String(text) => {
                found.extend(text::check(demands, text, path));
                found.extend(text::format(demands, text, path));
            }
            Value::Number(number) => number::check(demands, number, path, &mut found),
            Value::Array(items) => list(demands, items, path, &mut found),
            _ => {}
        }
    }
    let choices = demands.choices.as_deref().unwrap_or_default();
    if !choices.is_empty() && !choices.contains(value) {
        found.push(enumerated(path, value, choices));
    }
    if let Value::Object(fields) = value {
        object_fields(demands, fields, path, &mut found);
    }
    found
}

/// The JSON type of a value, and the format that Go's types give it.
fn type_of(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::Number(number) if number.is_f64() => ("number", "float64"),
        Value::Number(_) => ("integer", "int64"),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
    }
}

fn wrong_type(demands: &Raw, value: &Value, path: &str) -> Option<Violation> {
    let wanted: &[&str] = match &demands.kind {
        _ if demands.int_or_string => &["integer", "string"],
        Some(kind) => &[kind],
        None => &[],
    };
    let (kind, format_of) = type_of(value);
    let mismatch = |wanted: &str, kind: &str| {
        let message = format!("{path} in body must be of type {wanted}: {kind:?}");
        Some(bad("FieldValueTypeInvalid", path, &Value::from(kind), &message))
    };
    if value.is_null() {
        let accepted = wanted.is_empty() || demands.nullable;
        return if accepted { None } else { mismatch(&wanted.join(","), kind) };
    }
    let format = demands.format.as_deref().filter(|format| text::is_known(format)).unwrap_or("");
    if wanted.is_empty() && format.is_empty() {
        return None;
    }
    let whole = value.as_f64().is_some_and(|number| number.fract() == 0.0);
    let fits = wanted.contains(&kind)
        || (kind == "number" && whole && wanted.contains(&"integer"))
        || (kind == "integer" && wanted.contains(&"number"));
    let stands_as_text = value.is_string() || value.is_array();
    if !format.is_empty() && !stands_as_text && !fits && format_of != format {
        return mismatch(format, format_of);
    }
    let of_numbers = wanted.contains(&"number") || wanted.contains(&"integer");
    if !format.is_empty() && stands_as_text && !of_numbers {
        return None;
    }
    if fits { None } else { mismatch(&wanted.join(","), kind) }
}

/// `anyOf`, `oneOf`, `allOf` and `not`. Their own messages name no field.
fn junctors(demands: &Raw, subject: &Value, path: &str, found: &mut Vec<Violation>) {
    let tries = |schemas: &[Raw]| -> Vec<Vec<Violation>> {
        schemas.iter().map(|schema| value(schema, subject, path)).collect()
    };
    let nameless = |text: String| Violation {
        reason: "FieldValueInvalid",
        field: "<nil>".to_owned(),
        message: format!("Invalid value: \"\": {path:?} must {text}"),
    };
    let any = tries(&demands.any_of);
    if !any.is_empty() && any.iter().all(|faults| !faults.is_empty()) {
        found.push(nameless("validate at least one schema (anyOf)".to_owned()));
        found.extend(any.into_iter().next().unwrap_or_default());
    }
    let one = tries(&demands.one_of);
    let valid = one.iter().filter(|faults| faults.is_empty()).count();
    if !one.is_empty() && valid != 1 {
        let how_many = match valid {
            0 => "Found none valid".to_owned(),
            _ => format!("Found {valid} valid alternatives"),
        };
        found.push(nameless(format!("validate one and only one schema (oneOf). {how_many}")));
        if valid == 0 {
            found.extend(one.into_iter().next().unwrap_or_default());
        }
    }
    let all = tries(&demands.all_of);
    let valid = all.iter().filter(|faults| faults.is_empty()).count();
    let count = all.len();
    found.extend(all.into_iter().flatten());
    if valid != count {
        let none = if valid == 0 { ". None validated" } else { "" };
        found.push(nameless(format!("validate all the schemas (allOf){none}")));
    }
    if demands.not.as_ref().is_some_and(|not| value(not, subject, path).is_empty()) {
        found.push(nameless("not validate the schema (not)".to_owned()));
    }
}

fn list(demands: &Raw, items: &[Value], path: &str, found: &mut Vec<Violation>) {
    if let Some(schema) = &demands.items {
        for (index, item) in items.iter().enumerate() {
            found.extend(value(schema, item, &format!("{path}[{index}]")));
        }
    }
    let size = items.len() as u64;
    if let Some(min) = demands.min_items.filter(|min| size < *min) {
        let text = format!("should have at least {min} items");
        found.push(invalid(path, &Value::from(size), &text));
    }
    if let Some(max) = demands.max_items.filter(|max| size > *max) {
        found.push(too_many(path, size, max));
    }
    if demands.unique_items && (1..items.len()).any(|at| items[..at].contains(&items[at])) {
        found.push(invalid(path, &Value::from(""), "shouldn't contain duplicates"));
    }
}

fn object_fields(
    demands: &Raw,
    fields: &Map<String, Value>,
    path: &str,
    found: &mut Vec<Violation>,
) {
    let size = fields.len() as u64;
    if let Some(min) = demands.min_properties.filter(|min| size < *min) {
        let text = format!("should have at least {min} properties");
        found.push(invalid(path, &Value::from(size), &text));
    }
    if let Some(max) = demands.max_properties.filter(|max| size > *max) {
        found.push(too_many(path, size, max));
    }
    if let Some(Additional::Schema(values)) = &demands.additional_properties {
        for (name, below) in fields {
            if !demands.properties.contains_key(name.as_str()) {
                found.extend(value(values, below, &format!("{path}.{name}")));
            }
        }
    }
    for (name, schema) in &demands.properties {
        if let Some(below) = fields.get(&**name) {
            found.extend(value(schema, below, &say::child(path, name)));
        }
    }
    for name in demands.required.iter().filter(|name| !fields.contains_key(&***name)) {
        found.push(Violation {
            reason: "FieldValueRequired",
            field: say::field(&say::child(path, name)),
            message: "Required value".to_owned(),
        });
    }
}

#[cfg(test)]
mod tests;
