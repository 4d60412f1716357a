//! A place inside an object, as managedFields names it.

use std::fmt;

use serde_json::{Map, Value};

/// One step of a [`FieldPath`].
///
/// The four forms are those of `FieldsV1` (structured-merge-diff): `f:name`, `k:{...}`, `v:...`
/// and `i:0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathElement {
    /// A field of a map or struct.
    Field(String),
    /// The item of a list whose key fields have these values.
    Key(Map<String, Value>),
    /// The item of a set that has this value.
    Value(Value),
    /// The item at this place.
    Index(usize),
}

impl PathElement {
    /// Parses the key of a `FieldsV1` node; `None` when it has none of the four forms.
    pub fn parse(text: &str) -> Option<Self> {
        let (form, rest) = text.split_once(':')?;
        match form {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => match serde_json::from_str(rest).ok()? {
                Value::Object(keys) => Some(Self::Key(keys)),
                _ => None,
            },
            "v" => serde_json::from_str(rest).ok().map(Self::Value),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    /// The key of a `FieldsV1` node, to the byte as a server writes it: equal steps have equal keys.
    pub fn to_key(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => {
                let mut text = String::from("k:{");
                for (index, (name, value)) in keys.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    text.push_str(&format!("{comma}{}:{}", Value::from(&**name), scalar(value)));
                }
                text + "}"
            }
            Self::Value(value) => format!("v:{}", scalar(value)),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Follows this step from `parent`.
    pub fn get<'a>(&self, parent: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Field(name) => parent.as_object()?.get(name),
            Self::Key(keys) => parent.as_array()?.iter().find(|item| has_keys(item, keys)),
            Self::Value(value) => parent.as_array()?.iter().find(|item| *item == value),
            Self::Index(index) => parent.as_array()?.get(*index),
        }
    }
}

/// A value as Go's encoder writes it: safe inside HTML, and a whole number without a fraction.
fn scalar(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 1e21 => {
            format!("{number:.0}")
        }
        _ => [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")]
            .iter()
            .fold(value.to_string(), |text, (from, to)| text.replace(*from, to)),
    }
}

/// True when `item` has all the key values. A key that the item leaves out matches only where the
/// server would default it: `protocol: TCP` is the one defaulted list key of the built-in kinds.
fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    keys.iter().all(|(name, wanted)| match item.get(name) {
        Some(value) => value == wanted,
        None => name == "protocol" && wanted == "TCP",
    })
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) if is_plain(name) => write!(f, ".{name}"),
            Self::Field(name) => write!(f, "[{name:?}]"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (index, (name, value)) in keys.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{name}={value}")?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Field names with dots, slashes or spaces need quotes to be read back by a person.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// A path from the root of an object; printed like `.spec.containers[name="web"].image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FieldPath(pub Vec<PathElement>);

impl FieldPath {
    /// A path of plain field names.
    pub fn fields(names: &[&str]) -> Self {
        Self(names.iter().map(|name| PathElement::Field((*name).to_owned())).collect())
    }

    /// Follows the path from the root of `object`.
    pub fn get<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, element| element.get(value))
    }

    /// The path one step further down.
    #[must_use]
    pub fn child(&self, element: PathElement) -> Self {
        let mut elements = self.0.clone();
        elements.push(element);
        Self(elements)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        self.0.iter().try_for_each(|element| element.fmt(f))
    }
}
