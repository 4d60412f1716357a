//! Limits of numbers.

use serde_json::{Number, Value};

use super::{
    Violation,
    say::{field, go_number, invalid},
};
use crate::embedded::schema::raw::Raw;

pub(super) fn check(demands: &Raw, number: &Number, path: &str, found: &mut Vec<Violation>) {
    if let Some(format) = wrong_range(demands, number) {
        let why = format!("Checked value must be of type integer {format} in {path}");
        found.push(Violation {
            reason: "FieldValueInvalid",
            field: field(""),
            message: format!("Invalid value: \"\": {why}"),
        });
    }
    let value = Value::Number(number.clone());
    let mut rule = |text: String| found.push(invalid(path, &value, &text));
    if let Some(factor) = demands.multiple_of.as_ref().filter(|of| !is_multiple(number, of)) {
        rule(format!("should be a multiple of {}", go_number(&in_type_of(number, factor))));
    }
    if let Some(max) = &demands.maximum.as_ref().map(|max| in_type_of(number, max)) {
        let is_equal = equal(number, max);
        if at_least(number, max) && (demands.exclusive_maximum || !is_equal) {
            let words = if demands.exclusive_maximum { "" } else { " or equal to" };
            rule(format!("should be less than{words} {}", go_number(max)));
        }
    }
    if let Some(min) = &demands.minimum.as_ref().map(|min| in_type_of(number, min)) {
        let is_equal = equal(number, min);
        if at_least(min, number) && (demands.exclusive_minimum || !is_equal) {
            let words = if demands.exclusive_minimum { "" } else { " or equal to" };
            rule(format!("should be greater than{words} {}", go_number(min)));
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

/// Which format of an integer the number has not, as the message has it.
fn wrong_range(demands: &Raw, number: &Number) -> Option<&'static str> {
    if demands.kind.as_deref() != Some("integer") {
        return None;
    }
    let is_whole = number.as_f64().is_some_and(|float| float.fract() == 0.0);
    match demands.format.as_deref() {
        Some("int32") => {
            let fits = number.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
            (!fits).then_some("with format int32")
        }
        Some("int64") => (!is_whole).then_some("with format int64"),
        _ => (!is_whole).then_some("(default format)"),
    }
}

/// A limit in the type of the number that it is held against: Go cuts the fraction off the limit of
/// an integer.
#[allow(clippy::cast_possible_truncation, reason = "as Go converts it")]
fn in_type_of(number: &Number, limit: &Number) -> Number {
    match limit.as_f64() {
        Some(float) if number.is_f64() => Number::from_f64(float).unwrap_or_else(|| limit.clone()),
        Some(float) if limit.is_f64() => Number::from(float as i64),
        _ => limit.clone(),
    }
}
