//! Merging by strategy, map by map and list by list.

use serde_json::{Map, Value};

use super::{
    PatchError,
    PatchError::{Failed, Invalid, Unprocessable},
    directive::{self, DELETE_FROM_LIST, PATCH},
    order,
};
use crate::embedded::{
    go,
    managed::go_value,
    schema::{Node, Shape},
};

type Fields = Map<String, Value>;

/// How a field is merged, and what it consists of.
pub(super) struct Field<'s> {
    /// The type of the value, or of the items of a list.
    below: Option<Node<'s>>,
    /// The field that tells items apart; empty for lists of scalars.
    pub(super) key: &'s str,
    strategy: Strategy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strategy {
    /// Nothing is said: maps are merged, lists replaced.
    Plain,
    Merge,
    Replace,
}

/// Merges `patch` into `original`. `node` is `None` where the schema says nothing any more: there
/// maps can't be told from structs, which the real server refuses.
pub(super) fn merge_maps(
    node: Option<Node<'_>>,
    mut original: Fields,
    mut patch: Fields,
) -> Result<Fields, PatchError> {
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(PATCH);
                Ok(patch)
            }
            Some("delete") => Ok(Fields::new()),
            _ => Err(directive::unknown(directive, &patch)),
        };
    }
    directive::retain_keys(&mut original, &mut patch)?;
    order::set_orders(node, &mut original, &mut patch)?;
    for (name, value) in patch {
        let deletion = name.starts_with(DELETE_FROM_LIST);
        let name = if deletion { directive::field_of(&name, DELETE_FROM_LIST)? } else { name };
        merge_field(node, &mut original, name, value, deletion)?;
    }
    Ok(original)
}

fn merge_field(
    node: Option<Node<'_>>,
    original: &mut Fields,
    name: String,
    value: Value,
    deletion: bool,
) -> Result<(), PatchError> {
    if value.is_null() {
        original.remove(&name);
        return Ok(());
    }
    let merged = match (original.remove(&name), value) {
        (Some(Value::Object(original)), Value::Object(patch)) => {
            let field = lookup(node, &name)?;
            if field.strategy == Strategy::Replace {
                Some(Value::Object(patch))
            } else {
                Some(Value::Object(merge_maps(field.below, original, patch)?))
            }
        }
        (Some(Value::Array(original)), Value::Array(patch)) => {
            let field = lookup_list(node, &name)?;
            Some(Value::Array(merge_lists(&field, original, patch, deletion)?))
        }
        // What isn't there, or is something else, is taken as it comes.
        (original, _) if deletion => original,
        (_, mut value) => {
            directive::discard_nulls(&mut value);
            directive::removed(value)
        }
    };
    if let Some(merged) = merged {
        original.insert(name, merged);
    }
    Ok(())
}

/// Whether Go would decode both as one type.
pub(super) fn same_type(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.is_f64() == other.is_f64(),
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// What the schema says of a field. Where it says nothing the real server gives up.
pub(super) fn lookup<'s>(node: Option<Node<'s>>, name: &str) -> Result<Field<'s>, PatchError> {
    let not_struct = |what: &str| {
        let why =
            format!("merging an object in json but data type is not struct, instead is: {what}");
        Failed(why)
    };
    let Some(node) = node else { return Err(not_struct("interface")) };
    if !matches!(node.shape(), Shape::Struct | Shape::AtomicStruct) {
        return Err(not_struct("map"));
    }
    let Some(below) = node.field(name) else {
        return Err(Failed(format!(
            "unable to find api field in struct {} for the json field {name:?}",
            node.type_name()
        )));
    };
    let (key, strategy) = match below.merge() {
        Some(merge) if merge.merge => (merge.key.unwrap_or_default(), Strategy::Merge),
        Some(merge) if merge.retain_keys => (merge.key.unwrap_or_default(), Strategy::Plain),
        Some(merge) => (merge.key.unwrap_or_default(), Strategy::Replace),
        None => ("", Strategy::Plain),
    };
    Ok(Field { below: Some(below), key, strategy })
}

pub(super) fn lookup_list<'s>(node: Option<Node<'s>>, name: &str) -> Result<Field<'s>, PatchError> {
    let mut field = lookup(node, name)?;
    field.below = field.below.and_then(Node::items);
    Ok(field)
}

/// Merges two lists by what the schema says, a list of deletions always by value.
pub(super) fn merge_lists(
    field: &Field<'_>,
    original: Vec<Value>,
    patch: Vec<Value>,
    deletion: bool,
) -> Result<Vec<Value>, PatchError> {
    if field.strategy != Strategy::Merge && !deletion {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let maps = are_maps(&original, &patch)?;
    if !maps && deletion {
        return Ok(original.into_iter().filter(|item| !patch.contains(item)).collect());
    }
    let (merged, original, patch) = if maps {
        if field.key.is_empty() {
            return Err(Failed("cannot merge lists without merge key for struct".to_owned()));
        }
        let (original, patch) = directive::special_items(original, patch, field.key)?;
        let merged = merge_items(field, original.clone(), &patch)?;
        (merged, original, patch)
    } else {
        let both = original.iter().chain(&patch).cloned().collect();
        (order::deduplicated(both), original, patch)
    };
    order::arranged(merged, &patch, &original, field.key, maps)
}

/// Items with the key of one that is there are merged into it, others are added.
fn merge_items(
    field: &Field<'_>,
    mut merged: Vec<Value>,
    patch: &[Value],
) -> Result<Vec<Value>, PatchError> {
    for item in patch {
        let Value::Object(item) = item else { continue };
        let Some(key) = item.get(field.key) else { return Err(no_key(item, field.key)) };
        match order::with_key(&merged, field.key, key)? {
            Some(place) => {
                let Value::Object(known) = merged[place].take() else { continue };
                merged[place] = Value::Object(merge_maps(field.below, known, item.clone())?);
            }
            None => merged.push(Value::Object(item.clone())),
        }
    }
    Ok(merged)
}

/// True for lists of maps, false for lists of scalars.
pub(super) fn are_maps(one: &[Value], other: &[Value]) -> Result<bool, PatchError> {
    let mut items = one.iter().chain(other);
    let Some(first) = items.next() else {
        return Err(Failed("no elements in any of the given slices".to_owned()));
    };
    if first.is_array() {
        return Err(Unprocessable("lists of lists are not supported".to_owned()));
    }
    if items.any(|item| !same_type(first, item)) {
        let all = [one, other].map(|list| go_value(&Value::from(list.to_vec())));
        return Err(Failed(format!(
            "list element types are not identical: [{} {}]",
            all[0], all[1]
        )));
    }
    Ok(first.is_object())
}

pub(super) fn no_key(map: &Fields, key: &str) -> PatchError {
    let map = go_value(&Value::Object(map.clone()));
    Failed(format!("map: {map} does not contain declared merge key: {key}"))
}

/// A list was expected where something else stands.
pub(super) fn no_list(found: &Value) -> PatchError {
    Failed(format!("expected a []interface {{}}, but received a {}", go_type(found)))
}

/// A map was expected where something else stands.
pub(super) fn no_map(found: &Value) -> PatchError {
    Failed(format!("expected a map[string]interface {{}}, but received a {}", go_type(found)))
}

/// A list of the patch says what can't be said so.
pub(super) fn bad_format(what: &str) -> PatchError {
    Invalid(format!("invalid patch format of {what}"))
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        other => go::type_name(other),
    }
}
