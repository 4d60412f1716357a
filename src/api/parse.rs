//! JSON to resources, with errors that name the field.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::{AppProject, Application};
use crate::object::{Turn, meta};

/// Fields that are left out of one resource at most before none of it is believed.
const LOST_FIELDS_MAX: usize = 100;

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

    /// Reads what can be read of an application that [`Self::parse`] refuses, and names the fields
    /// that were left out for it: `spec.source.kustomize.replicas[0].count`. For a deletion, which
    /// needs little of it; everything else waits for an edit.
    pub fn salvage(mut value: Value) -> (Self, Vec<String>) {
        drop_nulls(&mut value);
        let mut lost = Vec::new();
        while lost.len() < LOST_FIELDS_MAX {
            let error = match serde_path_to_error::deserialize(&value) {
                Ok(app) => return (app, lost),
                Err(error) => error,
            };
            lost.push(error.path().to_string());
            if !remove(&mut value, error.path()) {
                break;
            }
        }
        lost.push(".".to_owned());
        lost.dedup();
        (Self::default(), lost)
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

/// Takes the field at `path` out; false when there is none.
fn remove(value: &mut Value, path: &Path) -> bool {
    let mut steps = path.iter().peekable();
    let mut place = value;
    while let Some(step) = steps.next() {
        let last = steps.peek().is_none();
        let next = match (place, step) {
            (Value::Object(map), Segment::Map { key }) if last => {
                return map.remove(key).is_some();
            }
            (Value::Array(items), Segment::Seq { index }) if last && *index < items.len() => {
                items.remove(*index);
                return true;
            }
            (Value::Object(map), Segment::Map { key }) => map.get_mut(key),
            (Value::Array(items), Segment::Seq { index }) => items.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else { return false };
        place = next;
    }
    false
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
