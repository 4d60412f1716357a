//! Numbers on their way from YAML to JSON, and as keys.

use serde_json::Value;

use super::Scalar;

/// A scalar as the JSON that Kubernetes sees; `None` for infinities and NaN, which JSON lacks.
///
/// Kubernetes holds a number as a 64 bit integer when its JSON text is one, and as a float when
/// not. Go writes whole floats without a point (`08` becomes `8`), so they come back as integers;
/// integers beyond 63 bits come back as floats.
pub(super) fn to_json(scalar: Scalar) -> Option<Value> {
    Some(match scalar {
        Scalar::Null | Scalar::Text => Value::Null,
        Scalar::Bool(value) => Value::from(value),
        Scalar::Int(value) => Value::from(value),
        #[expect(clippy::cast_precision_loss, reason = "Kubernetes keeps these as floats")]
        Scalar::Uint(value) => Value::from(value as f64),
        Scalar::Float(value) => float(value)?,
    })
}

fn float(value: f64) -> Option<Value> {
    // From 1e21 on Go writes an exponent, which is never read as an integer.
    if value.abs() < 1e21
        && value.fract() == 0.0
        && let Ok(whole) = format!("{value}").parse::<i64>()
    {
        return Some(Value::from(whole));
    }
    serde_json::Number::from_f64(value).map(Value::Number)
}

/// A scalar as a key of a JSON object, as `sigs.k8s.io/yaml` writes it; `None` for `null` and for
/// integers beyond 63 bits, which it refuses. Text is its own key and is not asked here.
pub(super) fn to_key(scalar: Scalar) -> Option<String> {
    match scalar {
        Scalar::Null | Scalar::Uint(_) | Scalar::Text => None,
        Scalar::Bool(value) => Some(value.to_string()),
        Scalar::Int(value) => Some(value.to_string()),
        Scalar::Float(value) => Some(float_key(value)),
    }
}

/// Go's `FormatFloat(value, 'g', -1, 32)`: the shortest digits of the 32 bit float, with an
/// exponent from 1e6 on and below 1e-4.
fn float_key(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the library narrows keys to 32 bits")]
    let value = value as f32;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
