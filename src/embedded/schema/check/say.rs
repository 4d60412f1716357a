//! The words of violations.

use serde_json::{Number, Value};

use super::Violation;

/// The path of a field below `path`; the root has the empty path.
pub(super) fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// How a cause names the field: the object itself has no name.
pub(super) fn field(path: &str) -> String {
    let path = path.trim_start_matches('.');
    if path.is_empty() { "<nil>".to_owned() } else { path.to_owned() }
}

/// A violation that names the value and says why.
pub(super) fn bad(reason: &'static str, path: &str, value: &Value, why: &str) -> Violation {
    let message = format!("Invalid value: {}: {why}", shown(value));
    Violation { reason, field: field(path), message }
}

/// A value that breaks a rule: `spec.replicas in body should be ...`.
pub(super) fn invalid(path: &str, value: &Value, rule: &str) -> Violation {
    bad("FieldValueInvalid", path, value, &format!("{path} in body {rule}"))
}

/// A list or map with too many entries.
pub(super) fn too_many(path: &str, size: u64, max: u64) -> Violation {
    let items = if max == 1 { "item" } else { "items" };
    Violation {
        reason: "FieldValueTooMany",
        field: field(path),
        message: format!("Too many: {size}: must have at most {max} {items}"),
    }
}

/// A value that is none of the choices.
pub(super) fn enumerated(path: &str, value: &Value, choices: &[Value]) -> Violation {
    let quoted: Vec<String> = choices
        .iter()
        .map(|choice| match choice {
            Value::String(text) => format!("{text:?}"),
            other => format!("{:?}", other.to_string()),
        })
        .collect();
    // The server has no value to show for null.
    let value = if value.is_null() { "null".to_owned() } else { shown(value) };
    Violation {
        reason: "FieldValueNotSupported",
        field: field(path),
        message: format!("Unsupported value: {value}: supported values: {}", quoted.join(", ")),
    }
}

/// A value as Go prints it in a message.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) => go_number(number),
        other => other.to_string(),
    }
}

/// A number as Go's `%v` prints it: exponents below 1e-4 and from 1e21 on.
pub(super) fn go_number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => go_float(float),
        _ => number.to_string(),
    }
}

/// A float as Go's `%v` prints it.
pub(super) fn go_float(float: f64) -> String {
    let plain = float == 0.0 || (1e-4..1e21).contains(&float.abs());
    if plain {
        return float.to_string();
    }
    let text = format!("{float:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}e{sign}{exponent:0>2}")
}
