//! What can be said about a manifest without asking a cluster.

use serde_json::{Map, Value};

/// Something wrong with a manifest, and where in it: a JSON pointer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) pointer: String,
    pub(super) message: String,
    /// True when the manifest can be used all the same.
    pub(super) usable: bool,
}

/// Longest name of any object, in bytes.
const NAME_BYTES_MAX: usize = 253;

/// Checks the parts that every object has. The server checks the rest.
pub(super) fn flaws(object: &Map<String, Value>) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for key in ["apiVersion", "kind"] {
        match object.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => {}
            None | Some(Value::Null | Value::String(_)) => {
                flaws.push(flaw(String::new(), format!("`{key}` is missing")));
            }
            Some(other) => flaws.push(quote(format!("/{key}"), &format!("`{key}`"), other)),
        }
    }
    let metadata = match object.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        None | Some(Value::Null) => {
            flaws.push(flaw(String::new(), "`metadata` is missing".to_owned()));
            return flaws;
        }
        Some(other) => {
            let message = format!("`metadata` must be a map, and is {}", kind_of(other));
            flaws.push(flaw("/metadata".to_owned(), message));
            return flaws;
        }
    };
    check_names(metadata, &mut flaws);
    check_strings(metadata, ("/metadata", "labels"), "the label", &mut flaws);
    check_strings(metadata, ("/metadata", "annotations"), "the annotation", &mut flaws);
    check_data(object, &mut flaws);
    flaws
}

fn check_names(metadata: &Map<String, Value>, flaws: &mut Vec<Flaw>) {
    let mut named = false;
    for key in ["name", "generateName", "namespace"] {
        match metadata.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                named |= key != "namespace" && !text.is_empty();
                if let Some(why) = wrong_name(key, text) {
                    let message = format!("`metadata.{key}` {why}");
                    flaws.push(flaw(format!("/metadata/{key}"), message));
                }
            }
            Some(other) => {
                named |= key != "namespace";
                flaws.push(quote(format!("/metadata/{key}"), &format!("`metadata.{key}`"), other));
            }
        }
    }
    if !named {
        let message = "`metadata.name` is missing".to_owned();
        flaws.push(flaw("/metadata".to_owned(), message));
    }
}

/// What no kind accepts, because names are parts of URL paths
/// (`IsValidPathSegmentName` of k8s.io/apimachinery).
fn wrong_name(key: &str, text: &str) -> Option<String> {
    if text.len() > NAME_BYTES_MAX {
        return Some(format!("is longer than {NAME_BYTES_MAX} bytes"));
    }
    if key == "generateName" {
        return None;
    }
    if text == "." || text == ".." {
        return Some(format!("can't be `{text}`"));
    }
    let wrong = text.chars().find(|c| matches!(c, '/' | '%') || c.is_control())?;
    Some(format!("can't hold {wrong:?}"))
}

/// A map of texts at a pointer: `what` names one of its entries.
fn check_strings(
    parent: &Map<String, Value>,
    (above, key): (&str, &str),
    what: &str,
    flaws: &mut Vec<Flaw>,
) {
    let entries = match parent.get(key) {
        None | Some(Value::Null) => return,
        Some(Value::Object(entries)) => entries,
        Some(other) => {
            let message = format!("`{key}` must be a map, and is {}", kind_of(other));
            flaws.push(flaw(format!("{above}/{key}"), message));
            return;
        }
    };
    for (name, value) in entries {
        let pointer = format!("{above}/{key}/{}", name.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::String(_) => {}
            Value::Null => flaws.push(Flaw {
                pointer,
                message: format!("{what} `{name}` has no value; write `\"\"` or remove it"),
                usable: true,
            }),
            other => flaws.push(quote(pointer, &format!("{what} `{name}`"), other)),
        }
    }
}

/// The core kinds whose values are texts: numbers there are the commonest mistake of all.
fn check_data(object: &Map<String, Value>, flaws: &mut Vec<Flaw>) {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let keys: &[&str] = match (text("apiVersion"), text("kind")) {
        (Some("v1"), Some("ConfigMap")) => &["data", "binaryData"],
        (Some("v1"), Some("Secret")) => &["data", "stringData"],
        _ => return,
    };
    for key in keys {
        check_strings(object, ("", key), &format!("the key of `{key}`"), flaws);
    }
}

fn flaw(pointer: String, message: String) -> Flaw {
    Flaw { pointer, message, usable: false }
}

/// A value that must be text and is something else.
fn quote(pointer: String, what: &str, value: &Value) -> Flaw {
    let message = match value {
        Value::Bool(_) | Value::Number(_) => {
            // Without the value: it may be a secret.
            format!("{what} must be text, and is {}; quote the value", kind_of(value))
        }
        other => format!("{what} must be text, and is {}", kind_of(other)),
    };
    flaw(pointer, message)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
