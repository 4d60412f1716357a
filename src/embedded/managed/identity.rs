//! When two values are the same, and which item of a list is which.

use serde_json::{Map, Value};

use crate::{
    embedded::schema::{Node, Shape},
    object::PathElement,
};

/// How a value is treated where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facet {
    Scalar,
    /// A list or map that is one value.
    Atomic,
    Map,
    List,
}

/// A schema mostly decides by itself; where anything may stand, the value does.
pub(super) fn facet(node: Node<'_>, value: &Value) -> Facet {
    match node.shape() {
        Shape::Scalar => Facet::Scalar,
        Shape::AtomicStruct | Shape::AtomicMap | Shape::AtomicList => Facet::Atomic,
        Shape::Struct | Shape::Map => Facet::Map,
        Shape::SetList | Shape::MapList => Facet::List,
        Shape::Any => match value {
            Value::Object(_) | Value::Null => Facet::Map,
            Value::Array(_) => Facet::Atomic,
            _ => Facet::Scalar,
        },
    }
}

/// True for a field that the schema names, other than a key of a map.
pub(super) fn is_named(node: Node<'_>, name: &str) -> bool {
    match node.shape() {
        Shape::Struct | Shape::AtomicStruct if node.preserves_unknown() => {
            node.fields().any(|(known, _)| known == name)
        }
        Shape::Struct | Shape::AtomicStruct => node.field(name).is_some(),
        _ => false,
    }
}

/// The key under which a set of fields knows this item, or why it has none.
pub(super) fn step(list: Node<'_>, item: &Value) -> Result<String, String> {
    element(list, item).map(|element| element.to_key())
}

/// What tells this item from the others.
pub(super) fn element(list: Node<'_>, item: &Value) -> Result<PathElement, String> {
    if list.shape() != Shape::MapList {
        return match item {
            Value::Object(_) => {
                Err("associative list without keys has an element that's a map type".to_owned())
            }
            Value::Array(_) => {
                Err("not supported: associative list with lists as elements".to_owned())
            }
            Value::Null => {
                Err("associative list without keys has an element that's an explicit null"
                    .to_owned())
            }
            scalar => Ok(PathElement::Value(scalar.clone())),
        };
    }
    let item = match item {
        Value::Object(item) => item,
        Value::Null => {
            return Err("associative list with keys may not have a null element".to_owned());
        }
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let mut keys = Map::new();
    for key in list.keys() {
        if let Some(value) = item.get(&**key).or_else(|| list.key_default(key)) {
            keys.insert(key.to_string(), value.clone());
        }
    }
    if keys.is_empty() && !list.keys().is_empty() {
        let names: Vec<_> = list.keys().iter().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] \
             (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    Ok(PathElement::Key(keys))
}

/// Whether the values are equal; numbers by what they count, however they are written.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (is_float(a, b) && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

fn is_float(one: &serde_json::Number, other: &serde_json::Number) -> bool {
    one.is_f64() || other.is_f64()
}
