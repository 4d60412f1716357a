//! One reason why an object is refused, worded as `k8s.io/apimachinery` words field errors.

use serde_json::Value;

/// A cause of an `Invalid` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// `FieldValueInvalid` and its kin.
    pub(crate) reason: &'static str,
    /// The field, like `spec.template.spec.containers[0].image`.
    pub(crate) field: String,
    /// The message without the field.
    pub(crate) message: String,
}

fn cause(reason: &'static str, field: impl Into<String>, head: String, detail: &str) -> Cause {
    let message = if detail.is_empty() { head } else { format!("{head}: {detail}") };
    Cause { reason, field: field.into(), message }
}

/// The field has no value.
pub(super) fn required(field: impl Into<String>, detail: &str) -> Cause {
    cause("FieldValueRequired", field, "Required value".to_owned(), detail)
}

/// The value is malformed or must not be this one.
pub(super) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Cause {
    cause("FieldValueInvalid", field, format!("Invalid value: {}", shown(value)), detail)
}

/// Like [`invalid`], with the value as it is to be shown: types of the real server that are printed
/// field by field.
pub(super) fn invalid_shown(field: impl Into<String>, shown: &str, detail: &str) -> Cause {
    cause("FieldValueInvalid", field, format!("Invalid value: {shown}"), detail)
}

/// The entries of an object in this order; those that are absent are left out.
pub(super) fn in_order(object: &Value, keys: &[&str]) -> String {
    let entries = keys.iter().filter_map(|key| Some(format!("{key:?}:{}", object.get(key)?)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

/// The object as the real server prints its own type: these fields, all of them, in capitals.
pub(super) fn in_capitals(object: &Value, keys: &[&str]) -> String {
    let entries = keys.iter().map(|key| {
        let (first, rest) = key.split_at(1);
        let value = object.get(key).unwrap_or(&Value::Null);
        format!("\"{}{rest}\":{value}", first.to_uppercase())
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

/// The text is malformed.
pub(super) fn invalid_text(field: impl Into<String>, text: &str, detail: &str) -> Cause {
    invalid(field, &Value::from(text), detail)
}

/// The value may not be set here.
pub(super) fn forbidden(field: impl Into<String>, detail: &str) -> Cause {
    cause("FieldValueForbidden", field, "Forbidden".to_owned(), detail)
}

/// The value is not one of those known.
pub(super) fn not_supported(field: impl Into<String>, value: &Value, known: &[&str]) -> Cause {
    let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
    let detail = format!("supported values: {}", known.join(", "));
    cause("FieldValueNotSupported", field, format!("Unsupported value: {}", shown(value)), &detail)
}

/// Like [`not_supported`], with the value as it is to be shown.
pub(super) fn unknown_shown(field: impl Into<String>, shown: &str, known: &[&str]) -> Cause {
    let Cause { reason, field, message } = not_supported(field, &Value::Null, known);
    Cause { reason, field, message: message.replacen("null", shown, 1) }
}

/// The value stands twice where each must be unique.
pub(super) fn duplicate(field: impl Into<String>, value: &Value) -> Cause {
    cause("FieldValueDuplicate", field, format!("Duplicate value: {}", shown(value)), "")
}

/// The value names something that is not there.
pub(super) fn not_found(field: impl Into<String>, value: &Value) -> Cause {
    cause("FieldValueNotFound", field, format!("Not found: {}", shown(value)), "")
}

/// The value has more than `bytes_max` bytes.
pub(super) fn too_long(field: impl Into<String>, bytes_max: usize) -> Cause {
    let detail = format!("may not be more than {bytes_max} bytes");
    cause("FieldValueTooLong", field, "Too long".to_owned(), &detail)
}

/// A value as the messages show it: texts in quotes, everything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// The text of a field; empty when absent.
pub(crate) fn text<'a>(parent: &'a Value, key: &str) -> &'a str {
    parent.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The number of a field.
pub(super) fn number(parent: &Value, key: &str) -> Option<i64> {
    parent.get(key).and_then(Value::as_i64)
}

/// The items of a list; none where it is absent.
pub(crate) fn list<'a>(parent: &'a Value, key: &str) -> &'a [Value] {
    parent.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The entries of a map; none where it is absent.
pub(super) fn entries<'a>(
    parent: &'a Value,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    parent.get(key).and_then(Value::as_object).into_iter().flatten()
}

/// True where the field has no value.
pub(super) fn is_absent(parent: &Value, key: &str) -> bool {
    parent.get(key).is_none_or(Value::is_null)
}

/// Each of the fields must not be below zero.
pub(super) fn not_negative(parent: &Value, path: &str, keys: &[&str], found: &mut Vec<Cause>) {
    for key in keys {
        if let Some(number) = number(parent, key).filter(|number| *number < 0) {
            let field = format!("{path}.{key}");
            found.push(invalid(field, &number.into(), "must be greater than or equal to 0"));
        }
    }
}

/// The text must be one of those known. `Required value` where it is absent.
pub(super) fn one_of(
    parent: &Value,
    path: &str,
    key: &str,
    known: &[&str],
    found: &mut Vec<Cause>,
) {
    match text(parent, key) {
        "" => found.push(required(format!("{path}.{key}"), "")),
        text if !known.contains(&text) => {
            found.push(not_supported(format!("{path}.{key}"), &text.into(), known));
        }
        _ => {}
    }
}
