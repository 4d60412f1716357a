//! Lists of type `set` and `map` hold nothing twice.

use serde_json::{Map, Value};

use super::{Violation, say};
use crate::embedded::schema::raw::{Additional, Raw};

/// Finds what stands twice in the lists of `value`.
pub(super) fn lists(demands: &Raw, value: &Value, path: &str, found: &mut Vec<Violation>) {
    match value {
        Value::Object(fields) => {
            for (name, below) in fields {
                if let Some(schema) = demands.properties.get(name.as_str()) {
                    lists(schema, below, &say::child(path, name), found);
                } else if let Some(Additional::Schema(schema)) = &demands.additional_properties {
                    lists(schema, below, &format!("{path}[{name}]"), found);
                }
            }
        }
        Value::Array(items) => {
            match demands.list_type.as_deref() {
                Some("set") => twice(items.iter().cloned(), path, found),
                Some("map") => map(demands, items, path, found),
                _ => {}
            }
            if let Some(schema) = &demands.items {
                for (index, item) in items.iter().enumerate() {
                    lists(schema, item, &format!("{path}[{index}]"), found);
                }
            }
        }
        _ => {}
    }
}

fn map(demands: &Raw, items: &[Value], path: &str, found: &mut Vec<Violation>) {
    let fits = |item: &Value| item.is_null() || item.is_object();
    if let Some(index) = items.iter().position(|item| !fits(item)) {
        let why = "must be an object for an array of list-type map";
        let path = format!("{path}[{index}]");
        found.push(say::bad("FieldValueInvalid", &path, &items[index], why));
        return;
    }
    let keys = items.iter().map(|item| {
        let keys = demands.list_map_keys.iter();
        let pairs = keys.filter_map(|key| Some((key.to_string(), item.get(&**key)?.clone())));
        Value::Object(pairs.collect::<Map<_, _>>())
    });
    twice(keys, path, found);
}

/// Reports the second of equal values, not the third.
fn twice(values: impl Iterator<Item = Value>, path: &str, found: &mut Vec<Violation>) {
    let mut seen: Vec<(Value, u32)> = Vec::new();
    for (index, value) in values.enumerate() {
        let Some((_, times)) = seen.iter_mut().find(|(known, _)| *known == value) else {
            seen.push((value, 1));
            continue;
        };
        *times += 1;
        if *times == 2 {
            found.push(Violation {
                reason: "FieldValueDuplicate",
                field: say::field(&format!("{path}[{index}]")),
                message: format!("Duplicate value: {}", say::shown(&value)),
            });
        }
    }
}
