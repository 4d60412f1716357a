//! Whether a configuration fits its schema, as far as merging it is concerned.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{conflict::printed, identity::element};
use crate::{
    embedded::schema::{Node, Scalar, Shape},
    object::{FieldPath, meta},
};

/// A place, as the server prints it, and what is wrong there.
type Fault = (String, String);

/// Finds out whether `object` can be merged.
///
/// # Errors
///
/// All faults in one text, as the server words them.
pub(super) fn check(node: Node<'_>, object: &Value) -> Result<(), String> {
    let mut faults = Vec::new();
    Walk { faults: &mut faults }.value(node, object, "");
    let said = |(path, message): &Fault| {
        if path.is_empty() { message.clone() } else { format!("{path}: {message}") }
    };
    match faults.as_slice() {
        [] => Ok(()),
        [only] => Err(said(only)),
        all => {
            let lines: Vec<_> = all.iter().map(|fault| format!("  {}", said(fault))).collect();
            Err(format!("errors:\n{}", lines.join("\n")))
        }
    }
}

/// The message of a refused configuration.
pub(super) fn untyped_patch(applied: &Value, faults: &str) -> String {
    let text = |key: &str| applied.get(key).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("apiVersion");
    let api_version =
        if api_version.contains('/') { api_version.to_owned() } else { format!("/{api_version}") };
    format!(
        "failed to create typed patch object ({}/{}; {api_version}, Kind={}): {faults}",
        meta::namespace(applied),
        meta::name(applied),
        text("kind"),
    )
}

struct Walk<'a> {
    faults: &'a mut Vec<Fault>,
}

impl Walk<'_> {
    fn fault(&mut self, path: &str, message: String) {
        self.faults.push((path.to_owned(), message));
    }

    fn value(&mut self, node: Node<'_>, value: &Value, path: &str) {
        if value.is_null() {
            return;
        }
        match node.shape() {
            Shape::Any => {}
            Shape::Scalar => self.scalar(node.scalar(), value, path),
            Shape::Struct | Shape::Map | Shape::AtomicStruct | Shape::AtomicMap => {
                self.map(node, value, path);
            }
            Shape::AtomicList | Shape::SetList | Shape::MapList => self.list(node, value, path),
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Value, path: &str) {
        let wanted = match scalar {
            Scalar::Int32 | Scalar::Int64 | Scalar::Number if !value.is_number() => {
                format!("expected numeric (int or float), got {}", go_type(value))
            }
            Scalar::String | Scalar::Bytes if !value.is_string() => {
                format!(
                    "expected string, got &value.valueUnstructured{{Value:{}}}",
                    go_syntax(value)
                )
            }
            Scalar::Boolean if !value.is_boolean() => {
                format!("expected boolean, got &{{{}}}", go_value(value))
            }
            _ if value.is_array() || value.is_object() => {
                format!("expected any scalar, got &{{{}}}", go_value(value))
            }
            _ => return,
        };
        self.fault(path, wanted);
    }

    fn map(&mut self, node: Node<'_>, value: &Value, path: &str) {
        let Some(map) = value.as_object() else {
            return self.fault(path, format!("expected map, got &{{{}}}", go_value(value)));
        };
        for (name, value) in map {
            let path = format!("{path}.{name}");
            match node.field(name) {
                Some(field) => self.value(field, value, &path),
                // The server looks no further.
                None => return self.fault(&path, "field not declared in schema".to_owned()),
            }
        }
    }

    fn list(&mut self, node: Node<'_>, value: &Value, path: &str) {
        let Some(list) = value.as_array() else {
            return self.fault(path, format!("expected list, got &{{{}}}", go_value(value)));
        };
        let mut seen = BTreeSet::new();
        for (index, item) in list.iter().enumerate() {
            let mut below = format!("{path}[{index}]");
            if node.shape() != Shape::AtomicList {
                let step = match element(node, item) {
                    Ok(step) => step,
                    Err(why) => return self.fault(path, format!("element {index}: {why}")),
                };
                let key = step.to_key();
                let printed = printed(&FieldPath(vec![step]));
                if !seen.insert(key) {
                    self.fault(path, format!("duplicate entries for key {printed}"));
                }
                below = format!("{path}{printed}");
            }
            if let Some(items) = node.items() {
                self.value(items, item, &below);
            }
        }
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// `%v`.
pub(crate) fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(go_value).collect::<Vec<_>>().join(" "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}:{}", go_value(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// `%#v`.
fn go_syntax(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => {
            format!("[]interface {{}}{{{}}}", list(items.iter().map(go_syntax).collect()))
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(&**key), go_syntax(value)));
            format!("map[string]interface {{}}{{{}}}", list(pairs.collect()))
        }
        other => other.to_string(),
    }
}
