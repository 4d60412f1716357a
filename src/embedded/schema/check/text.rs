//! Lengths, patterns and formats of texts.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value;

use super::{
    Violation,
    say::{bad, field, invalid},
};
use crate::embedded::schema::raw::Raw;

/// Whether a format means anything to the server; others are ignored.
pub(super) fn is_known(format: &str) -> bool {
    matches!(format, "int32" | "int64" | "float" | "double") || FORMATS.contains(&format)
}

const FORMATS: [&str; 13] = [
    "byte",
    "cidr",
    "date",
    "date-time",
    "datetime",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "mac",
    "uri",
    "uuid",
];

/// The first rule that the text breaks.
pub(super) fn check(demands: &Raw, text: &str, path: &str) -> Option<Violation> {
    let length = text.chars().count() as u64;
    if let Some(max) = demands.max_length.filter(|max| length > *max) {
        let bytes = if max == 1 { "byte" } else { "bytes" };
        return Some(Violation {
            reason: "FieldValueTooLong",
            field: field(path),
            message: format!("Too long: may not be more than {max} {bytes}"),
        });
    }
    let value = Value::from(text);
    if let Some(min) = demands.min_length.filter(|min| length < *min) {
        let rule = format!("should be at least {min} chars long");
        return Some(invalid(path, &value, &rule));
    }
    let pattern = demands.pattern.as_ref()?;
    if pattern.matches(text) {
        return None;
    }
    Some(invalid(path, &value, &format!("should match '{}'", pattern.text())))
}

/// Whether the text has its format.
pub(super) fn format(demands: &Raw, text: &str, path: &str) -> Option<Violation> {
    let format = demands.format.as_deref()?;
    if has_format(format, text) {
        return None;
    }
    let why = format!("{path} in body must be of type {format}: {text:?}");
    Some(bad("FieldValueTypeInvalid", path, &Value::from(text), &why))
}

/// True also for formats that the server checks and we don't: `hostname`, `uri`. Of an `email` only
/// that there is somebody somewhere.
fn has_format(format: &str, text: &str) -> bool {
    match format {
        "byte" => STANDARD.decode(text).is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(address, bits)| {
            let bits: Option<u8> = bits.parse().ok();
            let max = if address.parse::<Ipv4Addr>().is_ok() { 32 } else { 128 };
            (max == 32 || address.parse::<Ipv6Addr>().is_ok())
                && bits.is_some_and(|bits| bits <= max)
        }),
        "date" => text.parse::<Date>().is_ok() && text.len() == "2006-01-02".len(),
        "date-time" | "datetime" => text.parse::<Timestamp>().is_ok(),
        "duration" => text.parse::<SignedDuration>().is_ok(),
        "email" => text.split_once('@').is_some_and(|(who, place)| {
            !who.is_empty() && !place.is_empty() && !text.contains(char::is_whitespace)
        }),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "mac" => {
            let pairs: Vec<&str> = text.split([':', '-']).collect();
            let is_pair = |pair: &&str| pair.len() == 2 && u8::from_str_radix(pair, 16).is_ok();
            matches!(pairs.len(), 6 | 8 | 20) && pairs.iter().all(is_pair)
        }
        "uuid" => {
            let digits: String = text.chars().filter(|c| *c != '-').collect();
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        }
        _ => true,
    }
}
