//! Limits of numbers.

use serde_json::{Number, Value};

use super::{
    Violation,
    say::{field, go_float, invalid},
};
use crate::embedded::schema::raw::Raw;

pub(super) fn check(demands: &Raw, number: &Number, path: &str, found: &mut Vec<Violation>) {
    let of_int32 =
        demands.kind.as_deref() == Some("integer") && demands.format.as_deref() == Some("int32");
    if of_int32 && number.as_i64().is_some_and(|number| i32::try_from(number).is_err()) {
        let why = format!("Checked value must be of type integer with format int32 in {path}");
        found.push(Violation {
            reason: "FieldValueInvalid",
            field: field(""),
            message: format!("Invalid value: \"\": {why}"),
        });
    }
    let value = Value::Number(number.clone());
    let mut rule = |text: String| found.push(invalid(path, &value, &text));
    if let Some(factor) = &demands.multiple_of {
        if !is_multiple(number, factor) {
            rule(format!("should be a multiple of {}", bound(number, factor)));
        }
    }
    if let Some(max) = &demands.maximum {
        let (over, words) = match demands.exclusive_maximum {
            true => (at_least(number, max), "less than"),
            false => (at_least(number, max) && !equal(number, max), "less than or equal to"),
        };
        if over {
            rule(format!("should be {words} {}", bound(number, max)));
        }
    }
    if let Some(min) = &demands.minimum {
        let (under, words) = match demands.exclusive_minimum {
            true => (at_least(min, number), "greater than"),
            false => (at_least(min, number) && !equal(min, number), "greater than or equal to"),
        };
        if under {
            rule(format!("should be {words} {}", bound(number, min)));
        }
    }
}

fn at_least(one: &Number, other: &Number) -> bool {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one >= other,
        _ => one.as_f64() >= other.as_f64(),
    }
}

fn equal(one: &Number, other: &Number) -> bool {
    at_least(one, other) && at_least(other, one)
}

fn is_multiple(number: &Number, factor: &Number) -> bool {
    match (number.as_i64(), factor.as_i64()) {
        (Some(number), Some(factor)) => factor != 0 && number % factor == 0,
        _ => match (number.as_f64(), factor.as_f64()) {
            (Some(number), Some(factor)) => (number / factor).fract() == 0.0,
            _ => false,
        },
    }
}

/// A limit in the type of the number that it is held against.
fn bound(number: &Number, limit: &Number) -> String {
    match limit.as_f64() {
        Some(float) if limit.is_f64() || number.is_f64() => go_float(float),
        _ => limit.to_string(),
    }
}
