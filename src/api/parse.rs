//! JSON to resources, with errors that name the field.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{AppProject, Application};
use crate::object::{Turn, meta};

/// A resource whose JSON does not have the shape of its kind.
#[derive(Debug, thiserror::Error)]
#[error("the field {field} of {resource} can't be read")]
pub struct ParseError {
    /// Kind, namespace and name, as far as they are known.
    pub resource: String,
    /// Path of the field, such as `spec.syncPolicy.automated.prune`; `.` is the resource itself.
    pub field: String,
    /// What was found and what belongs there.
    #[source]
    pub cause: serde_json::Error,
}

impl ParseError {
    /// Nothing but an edit of the resource can help.
    pub fn turn(&self) -> Turn {
        Turn::Author
    }
}

impl Application {
    /// Reads an application. Unknown fields are ignored, `null` counts as absent.
    pub fn parse(value: Value) -> Result<Self, ParseError> {
        parse(value, "Application")
    }
}

impl AppProject {
    /// Reads a project. Unknown fields are ignored, `null` counts as absent.
    pub fn parse(value: Value) -> Result<Self, ParseError> {
        parse(value, "AppProject")
    }
}

fn parse<T: DeserializeOwned>(mut value: Value, kind: &str) -> Result<T, ParseError> {
    drop_nulls(&mut value);
    let (namespace, name) = (meta::namespace(&value).to_owned(), meta::name(&value).to_owned());
    serde_path_to_error::deserialize(value).map_err(|error| ParseError {
        resource: if namespace.is_empty() {
            format!("{kind} {name}")
        } else {
            format!("{kind} {namespace}/{name}")
        },
        field: error.path().to_string(),
        cause: error.into_inner(),
    })
}

/// Go reads `null` as "not set" everywhere, and its tools write it. The one place where it has a
/// meaning of its own is the values of Helm, where it removes a key.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, entry| !entry.is_null());
            for (key, entry) in map {
                if key != "valuesObject" {
                    drop_nulls(entry);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
