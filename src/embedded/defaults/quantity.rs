//! Quantities as the server writes them back: `1000m` becomes `1`, `1024Mi` becomes `1Gi`.
//!
//! Rule: `k8s.io/apimachinery/pkg/api/resource`. The suffix keeps its family (binary, decimal,
//! exponent), the number loses its factors of 1024 or 1000.

use serde_json::{Map, Value};

/// Below this a binary amount is written with a decimal suffix.
const BINARY_MIN: i128 = 1024;
const NANO: i32 = -9;
const MILLI: i32 = -3;

#[derive(Clone, Copy, PartialEq)]
enum Family {
    Binary,
    Decimal,
    Exponent,
}

/// The canonical text of a quantity, a string or a bare number; `None` when it is no quantity or
/// has more digits than are held exactly.
pub(crate) fn canonical(value: &Value) -> Option<String> {
    rounded(value, NANO)
}

/// Writes the quantities of a resource list canonically. What is finer than a thousandth is rounded
/// up, away from zero.
pub(super) fn list(parent: &mut Value, key: &str) {
    let Some(resources) = parent.get_mut(key).and_then(Value::as_object_mut) else { return };
    resources.values_mut().for_each(|value| {
        if let Some(text) = rounded(value, MILLI) {
            *value = Value::from(text);
        }
    });
}

/// Writes the quantity of one field canonically.
pub(super) fn field(parent: &mut Value, key: &str) {
    if let Some(value) = parent.get_mut(key)
        && let Some(text) = canonical(value)
    {
        *value = Value::from(text);
    }
}

/// Fills `target` with the quantities of `source` that it does not name.
pub(super) fn fill(target: &mut Map<String, Value>, source: &Map<String, Value>) {
    for (name, amount) in source {
        target.entry(name.as_str()).or_insert_with(|| amount.clone());
    }
}

fn rounded(value: &Value, scale_min: i32) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (mut mantissa, mut scale, family) = parse(&text)?;
    while scale < scale_min {
        let rest = mantissa % 10;
        mantissa = mantissa / 10 + rest.signum();
        scale += 1;
    }
    Some(written(mantissa, scale, family))
}

/// Mantissa, power of ten and family of a text.
fn parse(text: &str) -> Option<(i128, i32, Family)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (binary, decimal, family) = family(suffix)?;
    let mut mantissa: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let mantissa = mantissa.checked_mul(1 << binary)?;
    let mantissa = if text.starts_with('-') { -mantissa } else { mantissa };
    Some((mantissa, decimal - i32::try_from(fraction.len()).ok()?, family))
}

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// Power of two, power of ten and family of a suffix.
fn family(suffix: &str) -> Option<(u32, i32, Family)> {
    if let Some((_, scale)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        return Some((0, *scale, Family::Decimal));
    }
    if let Some(power) = (1..7_u8).find(|power| BINARY[usize::from(*power)] == suffix) {
        return Some((u32::from(power) * 10, 0, Family::Binary));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    (exponent.abs() <= 300).then_some((0, exponent, Family::Exponent))
}

fn written(mantissa: i128, scale: i32, family: Family) -> String {
    if mantissa == 0 {
        return "0".to_owned();
    }
    if family == Family::Binary
        && let Some(whole) = whole(mantissa, scale)
        && whole.abs() >= BINARY_MIN
    {
        let (mut number, mut power) = (whole, 0);
        while number % 1024 == 0 && power < BINARY.len() - 1 {
            number /= 1024;
            power += 1;
        }
        return format!("{number}{}", BINARY[power]);
    }
    let (mut mantissa, mut scale) = (mantissa, scale);
    while mantissa % 10 == 0 {
        mantissa /= 10;
        scale += 1;
    }
    while scale.rem_euclid(3) != 0 {
        mantissa = mantissa.saturating_mul(10);
        scale -= 1;
    }
    let known = DECIMAL.iter().find(|(_, power)| *power == scale);
    match known {
        Some((suffix, _)) if family != Family::Exponent => format!("{mantissa}{suffix}"),
        _ if scale == 0 => mantissa.to_string(),
        _ => format!("{mantissa}e{scale}"),
    }
}

/// The amount as a whole number, if it is one.
fn whole(mantissa: i128, scale: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(scale.unsigned_abs())?;
    if scale >= 0 {
        return mantissa.checked_mul(factor);
    }
    (mantissa % factor == 0).then_some(mantissa / factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_written_as_the_server_writes_them() {
        let table = [
            (json!("1000m"), "1"),
            (json!("100m"), "100m"),
            (json!("0.5"), "500m"),
            (json!(0.1), "100m"),
            (json!(2), "2"),
            (json!(1500), "1500"),
            (json!("1000"), "1k"),
            (json!("1024Mi"), "1Gi"),
            (json!("1.5Gi"), "1536Mi"),
            (json!("1Ki"), "1Ki"),
            (json!("0.5Ki"), "512"),
            (json!("128Mi"), "128Mi"),
            (json!("1e3"), "1e3"),
            (json!("12E6"), "12e6"),
            (json!("0"), "0"),
            (json!("0Gi"), "0"),
            (json!("-1500m"), "-1500m"),
            (json!("1.1Ki"), "1126400m"),
            (json!("100000u"), "100m"),
            (json!("1Ei"), "1Ei"),
            (json!("0.0000000001"), "1n"),
        ];
        for (value, expected) in table {
            assert_eq!(canonical(&value).as_deref(), Some(expected), "{value}");
        }
        for value in [json!("a lot"), json!(""), json!(null), json!("1..2"), json!("1gi")] {
            assert_eq!(canonical(&value), None, "{value}");
        }
    }

    #[test]
    fn resource_lists_are_held_in_thousandths() {
        let mut value = json!({"limits": {"cpu": "0.0001", "memory": "1024Mi", "bad": "x"}});
        list(&mut value, "limits");
        assert_eq!(value["limits"], json!({"cpu": "1m", "memory": "1Gi", "bad": "x"}));
    }
}
