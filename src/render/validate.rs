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
            Some(other) => flaws.push(quote(format!("/{key}"), key, other)),
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
    for key in ["labels", "annotations"] {
        check_strings(metadata, key, &mut flaws);
    }
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
                flaws.push(quote(format!("/metadata/{key}"), &format!("metadata.{key}"), other));
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

fn check_strings(metadata: &Map<String, Value>, key: &str, flaws: &mut Vec<Flaw>) {
    let entries = match metadata.get(key) {
        None | Some(Value::Null) => return,
        Some(Value::Object(entries)) => entries,
        Some(other) => {
            let message = format!("`metadata.{key}` must be a map, and is {}", kind_of(other));
            flaws.push(flaw(format!("/metadata/{key}"), message));
            return;
        }
    };
    let singular = key.trim_end_matches('s');
    for (name, value) in entries {
        let pointer = format!("/metadata/{key}/{}", name.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::String(_) => {}
            Value::Null => flaws.push(Flaw {
                pointer,
                message: format!("the {singular} `{name}` has no value; write `\"\"` or remove it"),
                usable: true,
            }),
            other => flaws.push(quote(pointer, &format!("the {singular} {name}"), other)),
        }
    }
}

fn flaw(pointer: String, message: String) -> Flaw {
    Flaw { pointer, message, usable: false }
}

/// A value that must be text and is something else.
fn quote(pointer: String, what: &str, value: &Value) -> Flaw {
    let message = match value {
        Value::Bool(_) | Value::Number(_) => {
            format!("`{what}` must be text, and `{value}` is {}; quote the value", kind_of(value))
        }
        other => format!("`{what}` must be text, and is {}", kind_of(other)),
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
