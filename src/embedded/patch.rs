//! The patches that change an object without owning it: JSON, merge and strategic merge.
//!
//! Each follows the library of the real server where that departs from the standard, and its
//! wording: clients match on it.

mod directive;
mod json;
mod merge;
mod order;
mod print;
mod strategic;

use serde_json::Value;

use super::schema::Node;
pub(crate) use {merge::merge_patch, print::as_go_prints};

/// Why a patch can't be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PatchError {
    /// 400: the patch is not well formed.
    Invalid(String),
    /// 422: the patch doesn't fit the object.
    Unprocessable(String),
    /// 500, as the real server answers it: a strategic merge patch that breaks its own rules.
    Failed(String),
}

/// Applies a JSON patch (RFC 6902), one operation after the other.
///
/// Indices may be negative: -1 is the last item, or behind it when one is added.
///
/// # Errors
///
/// [`PatchError::Invalid`] for what is no list of operations, [`PatchError::Unprocessable`] for the
/// first operation that can't be done.
pub(crate) fn json_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    json::apply(object, patch)
}

/// Applies a strategic merge patch: lists are merged by the keys that the schema names, and
/// directives (`$patch`, `$retainKeys`, `$setElementOrder/x`, `$deleteFromPrimitiveList/x`) say
/// what a merge can't.
///
/// # Errors
///
/// What is wrong with the patch.
pub(crate) fn strategic_merge(
    node: Node<'_>,
    object: &Value,
    patch: &Value,
) -> Result<Value, PatchError> {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        return Err(PatchError::Invalid("invalid JSON document".to_owned()));
    };
    strategic::merge_maps(Some(node), object.clone(), patch.clone()).map(Value::Object)
}

#[cfg(test)]
mod tests;
