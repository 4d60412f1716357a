//! What converting a tree into the types of a built-in kind would say about it.
//!
//! The real server does so with what a strategic patch or an apply left: value by value, so its
//! errors know no place, and a number that is too large is cut and no error.

use serde_json::Value;

use super::{
    Node,
    decode::{self, go_scalar},
    form::{Form, Scalar},
};

/// The first value that can't be converted: `cannot convert int64 to string`. `None`: all can.
///
/// The answer to an apply begins with `failed to convert new object `.
pub(crate) fn conversion_error(node: Node<'_>, object: &Value) -> Option<String> {
    match (&node.target.form, object) {
        // Null means absent to Go.
        (_, Value::Null) | (Form::Any, _) => None,
        (Form::Scalar(scalar), value) => scalar_error(*scalar, value),
        (Form::Struct(_), Value::Object(fields)) => {
            let mut fields = fields.iter();
            fields.find_map(|(name, value)| conversion_error(node.field(name)?, value))
        }
        (Form::Map(_), Value::Object(fields)) => {
            fields.iter().find_map(|(name, value)| conversion_error(node.field(name)?, value))
        }
        (Form::List(_), Value::Array(items)) => {
            items.iter().find_map(|item| conversion_error(node.items()?, item))
        }
        (Form::Map(_), other) => Some(format!("cannot restore map from {}", reflected(other))),
        (Form::List(_), other) => Some(format!("cannot restore slice from {}", reflected(other))),
        (_, other) => Some(format!("cannot restore struct from: {}", reflected(other))),
    }
}

fn scalar_error(scalar: Scalar, value: &Value) -> Option<String> {
    let wanted = go_scalar(scalar);
    let unknown = || Some(format!("unrecognized type: {wanted}"));
    match (scalar, value) {
        // These convert themselves, from JSON.
        (
            Scalar::Bytes
            | Scalar::Time
            | Scalar::MicroTime
            | Scalar::IntOrString
            | Scalar::Quantity,
            _,
        ) => decode::converted(scalar, value),
        (Scalar::String, Value::String(_))
        | (Scalar::Boolean, Value::Bool(_))
        | (Scalar::Number, Value::Number(_)) => None,
        (Scalar::String, Value::Number(number)) if !number.is_f64() => {
            Some("cannot convert int64 to string".to_owned())
        }
        (Scalar::Int32 | Scalar::Int64, Value::Number(number)) => {
            let whole = number.as_f64().is_some_and(|number| number.fract() == 0.0);
            (number.is_f64() && !whole).then(|| format!("cannot convert float64 to {wanted}"))
        }
        _ => unknown(),
    }
}

/// What Go's reflection calls the value.
fn reflected(value: &Value) -> &'static str {
    match value {
        Value::Null => "interface",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}
