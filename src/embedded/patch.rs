//! stub
#![allow(dead_code, missing_docs)]
use super::schema::Node;
use serde_json::Value;
#[derive(Debug)]
pub(crate) enum PatchError {
    Invalid(String),
    Unprocessable(String),
}
pub(crate) fn json_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let patch: json_patch::Patch =
        serde_json::from_value(patch.clone()).map_err(|e| PatchError::Invalid(e.to_string()))?;
    let mut object = object.clone();
    json_patch::patch(&mut object, &patch).map_err(|e| PatchError::Unprocessable(e.to_string()))?;
    Ok(object)
}
pub(crate) fn merge_patch(object: &Value, patch: &Value) -> Value {
    let mut object = object.clone();
    json_patch::merge(&mut object, patch);
    object
}
pub(crate) fn strategic_merge(
    _: Node<'_>,
    object: &Value,
    patch: &Value,
) -> Result<Value, PatchError> {
    Ok(merge_patch(object, patch))
}
