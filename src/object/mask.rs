//! Masking of secret values, before they enter a diff, a log, an error or a cache that people read.
//!
//! A masked value is a run of `+`. Within one key, equal values get equal runs and different values
//! runs of different length, so that a reader sees *that* a value changes and never what it is.
//! Keys are kept apart: two keys with the same value don't give each other away, and the length of
//! a masked object stays in proportion to its number of keys.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{meta, tracking};

mod text;

pub use text::text;

/// The annotation in which `kubectl apply` keeps the whole object, secret values included.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The fields of a Secret that hold values.
const FIELDS: [&str; 2] = ["data", "stringData"];
/// Length of the shortest run.
const RUN_CHARS_MIN: usize = 8;
/// By how much the runs of two values of one key differ: enough to be seen.
const RUN_CHARS_STEP: usize = 4;
/// Secret values shorter than this are not searched for in annotations: they are everywhere.
const SEARCHED_BYTES_MIN: usize = 4;
/// Lists inside lists (`List` of `SecretList`) deeper than this are replaced as a whole.
const LIST_DEPTH_MAX: usize = 8;

/// True for a Secret of the core group. An object without `apiVersion` counts: rather too much is
/// masked than too little.
pub fn is_secret(object: &Value) -> bool {
    let core = object.get("apiVersion").and_then(Value::as_str).is_none_or(|v| !v.contains('/'));
    core && object.get("kind").and_then(Value::as_str) == Some("Secret")
}

/// Masks the values of one object when it is a Secret, or those of the Secrets in it when it is a
/// list. Other objects stay as they are.
pub fn object(object: &mut Value) {
    sides(&mut [object]);
}

/// Masks two states of one object with common runs. `Value::Null` stands for a missing state. When
/// either state is a Secret both are masked.
pub fn secret_pair(desired: &mut Value, live: &mut Value) {
    sides(&mut [desired, live]);
}

/// Masks any number of states of one object with common runs; the values of the first state get
/// the shortest ones.
pub fn sides(states: &mut [&mut Value]) {
    if states.iter().any(|state| is_secret(state)) {
        let mut runs = Runs::default();
        // All values are known before the first annotation is searched for them.
        let values: Vec<BTreeSet<Vec<u8>>> = states.iter().map(|state| values_of(state)).collect();
        let values: BTreeSet<Vec<u8>> = values.into_iter().flatten().collect();
        for state in states.iter_mut() {
            runs.mask_object(state, &values);
        }
    } else {
        for state in states.iter_mut() {
            mask_items(state, 0);
        }
    }
}

/// Masks the Secrets in a list of objects.
fn mask_items(list: &mut Value, depth: usize) {
    let is_list =
        list.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    let secrets = list.get("kind").and_then(Value::as_str) == Some("SecretList");
    let Some(items) = list.get_mut("items").filter(|_| is_list) else { return };
    if depth >= LIST_DEPTH_MAX {
        *items = Value::from(run(0));
        return;
    }
    for item in items.as_array_mut().into_iter().flatten() {
        // The items of a typed list carry no kind of their own.
        if is_secret(item) || (secrets && item.get("kind").is_none()) {
            let values = values_of(item);
            Runs::default().mask_object(item, &values);
        } else {
            mask_items(item, depth + 1);
        }
    }
}

/// The run with this number, counted from 0.
fn run(number: usize) -> String {
    "+".repeat(RUN_CHARS_MIN + number * RUN_CHARS_STEP)
}

/// The bytes that a value of `data` or `stringData` stands for, so that a `stringData` value and
/// its base64 form in `data` are seen to be equal.
fn plain_bytes(field: &str, value: &Value) -> Vec<u8> {
    match value.as_str() {
        Some(text) if field == "data" => {
            STANDARD.decode(text.trim()).unwrap_or_else(|_| text.as_bytes().to_vec())
        }
        Some(text) => text.as_bytes().to_vec(),
        None => value.to_string().into_bytes(),
    }
}

/// All values of a Secret, decoded, including those that it would have had by its last apply.
fn values_of(object: &Value) -> BTreeSet<Vec<u8>> {
    let mut values = BTreeSet::new();
    for field in FIELDS {
        match object.get(field) {
            Some(Value::Object(map)) => {
                values.extend(map.values().map(|value| plain_bytes(field, value)));
            }
            Some(Value::Null) | None => {}
            Some(other) => {
                values.insert(plain_bytes("", other));
            }
        }
    }
    if let Some(embedded) = meta::annotation(object, LAST_APPLIED).and_then(embedded_object) {
        // Its own annotations don't hold another one: kubectl takes it out first.
        let nested = FIELDS.iter().filter_map(|field| Some((*field, embedded.get(*field)?)));
        for (field, map) in nested {
            values
                .extend(map.as_object().into_iter().flatten().map(|(_, v)| plain_bytes(field, v)));
        }
    }
    values
}

fn embedded_object(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

/// The runs given out so far: per key, the values in the order in which they were met.
#[derive(Default)]
struct Runs {
    by_key: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Runs {
    fn run_of(&mut self, key: &str, value: Vec<u8>) -> String {
        let known = self.by_key.entry(key.to_owned()).or_default();
        let number = known.iter().position(|seen| *seen == value).unwrap_or_else(|| {
            known.push(value);
            known.len() - 1
        });
        run(number)
    }

    fn mask_object(&mut self, object: &mut Value, values: &BTreeSet<Vec<u8>>) {
        let Some(map) = object.as_object_mut() else { return };
        self.mask_fields(map);
        let annotations = map
            .get_mut("metadata")
            .and_then(|metadata| metadata.get_mut("annotations"))
            .and_then(Value::as_object_mut);
        for (name, value) in annotations.into_iter().flatten() {
            self.mask_annotation(name, value, values);
        }
    }

    fn mask_fields(&mut self, object: &mut Map<String, Value>) {
        for field in FIELDS {
            match object.get_mut(field) {
                Some(Value::Object(map)) => {
                    for (key, value) in map.iter_mut() {
                        *value = Value::from(self.run_of(key, plain_bytes(field, value)));
                    }
                }
                Some(Value::Null) | None => {}
                // No Secret that a server takes, but its author may have put the value here.
                Some(other) => *other = Value::from(self.run_of("", plain_bytes("", other))),
            }
        }
    }

    /// Masks an annotation that embeds the object (as `kubectl apply` and others do) or one of its
    /// values. The tracking id is ours and made of names only.
    fn mask_annotation(&mut self, name: &str, value: &mut Value, values: &BTreeSet<Vec<u8>>) {
        let text = match value.as_str() {
            Some(_) if name == tracking::ANNOTATION => return,
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(value.to_string()),
        };
        match embedded_object(&text) {
            Some(mut object) if FIELDS.iter().any(|field| object.contains_key(*field)) => {
                self.mask_fields(&mut object);
                let masked = Value::from(object).to_string();
                // A value may also stand elsewhere in it: then nothing of it is shown.
                *value = if holds_any(&masked, values) {
                    Value::from(self.run_of(name, text.as_bytes().to_vec()))
                } else {
                    Value::from(masked)
                };
            }
            _ if name == LAST_APPLIED || holds_any(&text, values) => {
                *value = Value::from(self.run_of(name, text.as_bytes().to_vec()));
            }
            _ => {}
        }
    }
}

/// True when the text contains one of the values, plain or in base64.
fn holds_any(text: &str, values: &BTreeSet<Vec<u8>>) -> bool {
    values.iter().filter(|value| value.len() >= SEARCHED_BYTES_MIN).any(|value| {
        let plain = std::str::from_utf8(value).is_ok_and(|value| text.contains(value));
        plain || text.contains(&STANDARD.encode(value))
    })
}

#[cfg(test)]
mod tests;
