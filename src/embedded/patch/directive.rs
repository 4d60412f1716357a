//! What a strategic merge patch says about itself.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    PatchError,
    PatchError::Failed,
    order,
    strategic::{bad_format, no_key},
};
use crate::embedded::managed::go_value;

/// In a map or an item of a list: `replace`, `delete` or `merge` it as a whole.
pub(super) const PATCH: &str = "$patch";
/// In a map: only these fields survive.
const RETAIN_KEYS: &str = "$retainKeys";
/// Before the name of a list: the order of its items.
pub(super) const SET_ORDER: &str = "$setElementOrder";
/// Before the name of a list: the scalars to take out of it.
pub(super) const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";

pub(super) fn unknown(directive: &Value, map: &Map<String, Value>) -> PatchError {
    let map = go_value(&Value::Object(map.clone()));
    Failed(format!("unknown patch type: {} in map: {map}", go_value(directive)))
}

/// The field that a directive is about: `finalizers` of `$setElementOrder/finalizers`.
pub(super) fn field_of(name: &str, directive: &str) -> Result<String, PatchError> {
    match name.split_once('/') {
        Some((prefix, field)) if prefix == directive => Ok(field.to_owned()),
        _ if directive == SET_ORDER => Err(bad_format("setElementOrder list")),
        _ => Err(bad_format("primitive list")),
    }
}

/// Clears the fields of `original` that `$retainKeys` does not list.
pub(super) fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
) -> Result<(), PatchError> {
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(retained) = retained else { return Err(bad_format("retainKeys")) };
    let retained: BTreeSet<&str> = retained.iter().filter_map(Value::as_str).collect();
    let unlisted = patch.iter().any(|(name, value)| {
        let directive = name.starts_with(DELETE_FROM_LIST) || name.starts_with(SET_ORDER);
        !value.is_null() && !directive && !retained.contains(name.as_str())
    });
    if unlisted {
        return Err(bad_format("retainKeys"));
    }
    original.retain(|name, _| retained.contains(name.as_str()));
    Ok(())
}

/// Carries out the directives among the items of a list and answers what there is left to merge.
pub(super) fn special_items(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::new();
    let mut replace = false;
    for item in patch {
        let Value::Object(map) = &item else { continue };
        let Some(directive) = map.get(PATCH) else {
            plain.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let Some(wanted) = map.get(key) else { return Err(no_key(map, key)) };
                while let Some(place) = order::with_key(&original, key, wanted)? {
                    original.remove(place);
                }
            }
            Some("replace") => replace = true,
            Some("merge") => {
                let why = "merging lists cannot yet be specified in the patch";
                return Err(Failed(why.to_owned()));
            }
            _ => return Err(unknown(directive, map)),
        }
    }
    Ok(if replace { (plain, Vec::new()) } else { (original, plain) })
}

/// Takes null fields out of what is new in the object.
pub(super) fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// The value without the maps that carry a directive; `None` when it is such a map.
pub(super) fn removed(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(key, value)| Some((key, removed(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(items.into_iter().filter_map(removed).collect()),
        scalar => Some(scalar),
    }
}
