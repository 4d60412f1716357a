//! Sync options of an object and of its application.

use serde_json::Value;

use crate::object::meta;

/// The annotation that holds an object's own options, separated by commas.
pub const ANNOTATION: &str = "argocd.argoproj.io/sync-options";

/// The value of `name` in the object's annotation: `Some("false")` for `Prune=false`.
pub fn of_object<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    meta::annotation(object, ANNOTATION)?
        .split(',')
        .filter_map(|option| option.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// The value of an option that an object has by itself or, where it says nothing, by its
/// application.
pub fn effective<'a>(object: &'a Value, name: &str, of_app: Option<&'a str>) -> Option<&'a str> {
    of_object(object, name).or(of_app)
}

/// True when the object's annotation has exactly this option.
pub fn has(object: &Value, name: &str, value: &str) -> bool {
    of_object(object, name) == Some(value)
}
