//! The order of merged lists.

use serde_json::{Map, Value};

use super::{
    PatchError,
    PatchError::Failed,
    directive::{self, PATCH, SET_ORDER},
    strategic::{Field, are_maps, lookup_list, merge_lists, no_key, no_list, no_map},
};
use crate::embedded::{managed::go_value, schema::Node};

type Fields = Map<String, Value>;

/// Merges the lists whose order the patch gives, and takes both out of the patch.
pub(super) fn set_orders(
    node: Option<Node<'_>>,
    original: &mut Fields,
    patch: &mut Fields,
) -> Result<(), PatchError> {
    let directives: Vec<_> =
        patch.keys().filter(|key| key.starts_with(SET_ORDER)).cloned().collect();
    for key in directives {
        let order = match patch.remove(&key) {
            Some(Value::Array(order)) => order,
            other => return Err(no_list(&other.unwrap_or_default())),
        };
        let name = directive::field_of(&key, SET_ORDER)?;
        let list = |value: Option<Value>| match value {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(no_list(&other)),
        };
        let live = list(original.get(&name).cloned())?;
        let patched = list(patch.get(&name).cloned())?;
        let field = lookup_list(node, &name)?;
        check_order(patched.as_deref().unwrap_or_default(), &order, &field)?;
        let Some(merged) = merged(&field, live.as_deref(), patched.clone())? else { continue };
        let maps =
            are_maps(live.as_deref().unwrap_or_default(), patched.as_deref().unwrap_or_default())?;
        let live = live.unwrap_or_default();
        let list = arranged(merged, &order, &live, field.key, maps)?;
        original.insert(name.clone(), Value::Array(list));
        patch.remove(&name);
    }
    Ok(())
}

fn merged(
    field: &Field<'_>,
    live: Option<&[Value]>,
    patch: Option<Vec<Value>>,
) -> Result<Option<Vec<Value>>, PatchError> {
    Ok(match (live, patch) {
        (Some(live), Some(patch)) => Some(merge_lists(field, live.to_vec(), patch, false)?),
        (Some(live), None) => Some(live.to_vec()),
        (None, Some(patch)) => match directive::removed(Value::Array(patch)) {
            Some(Value::Array(list)) => Some(list),
            _ => None,
        },
        (None, None) => None,
    })
}

/// What the patch brings must be in the list of the order, in that order.
fn check_order(patch: &[Value], order: &[Value], field: &Field<'_>) -> Result<(), PatchError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let plain: Vec<&Value> = if field.key.is_empty() {
        patch.iter().collect()
    } else {
        if let Some(other) = patch.iter().find(|item| !item.is_object()) {
            return Err(no_map(other));
        }
        let deleted = |item: &&Value| item.get(PATCH).is_some_and(|patch| patch == "delete");
        patch.iter().filter(|item| !deleted(item)).collect()
    };
    let (mut at, mut next) = (0, 0);
    while at < plain.len() && next < order.len() {
        if plain[at].get(PATCH).is_some() {
            at += 1;
            continue;
        }
        if same_key(plain[at], &order[next], field.key)? {
            at += 1;
        }
        next += 1;
    }
    if at < plain.len() && next >= order.len() {
        return Err(Failed(format!(
            "The order in patch list:\n{}\n doesn't match {SET_ORDER} list:\n{}\n",
            go_value(&Value::from(patch.to_vec())),
            go_value(&Value::from(order.to_vec())),
        )));
    }
    Ok(())
}

fn same_key(one: &Value, other: &Value, key: &str) -> Result<bool, PatchError> {
    if key.is_empty() {
        return Ok(one == other);
    }
    let of = |item: &Value| match item {
        Value::Object(map) => map.get(key).cloned().ok_or_else(|| no_key(map, key)),
        other => Err(no_map(other)),
    };
    Ok(of(one)? == of(other)?)
}

/// The merged items: those that `first` names in its order, the others where they stood among the
/// items of `live`.
pub(super) fn arranged(
    merged: Vec<Value>,
    first: &[Value],
    live: &[Value],
    key: &str,
    maps: bool,
) -> Result<Vec<Value>, PatchError> {
    let mut named = Vec::new();
    let mut others = Vec::new();
    for item in merged {
        let is_named = if key.is_empty() {
            first.contains(&item)
        } else {
            let Value::Object(map) = &item else { return Err(no_map(&item)) };
            let Some(wanted) = map.get(key) else { return Err(no_key(map, key)) };
            with_key(first, key, wanted)?.is_some()
        };
        if is_named { named.push(item) } else { others.push(item) }
    }
    let named = sorted(named, first, key, maps)?;
    let others = sorted(others, live, key, maps)?;
    Ok(interleaved(others, named, live, key, maps))
}

/// Sorts the items as `order` has them; deletions go last.
fn sorted(
    items: Vec<Value>,
    order: &[Value],
    key: &str,
    maps: bool,
) -> Result<Vec<Value>, PatchError> {
    let mut deletions = Vec::new();
    let mut rest = items;
    if maps {
        for item in rest.iter().chain(order) {
            let Value::Object(map) = item else { return Err(no_map(item)) };
            if !map.contains_key(key) {
                return Err(no_key(map, key));
            }
        }
        let deleted = |item: &Value| item.get(PATCH).is_some_and(|patch| patch == "delete");
        (deletions, rest) = rest.into_iter().partition(deleted);
    }
    insertion_sort(&mut rest, |one, other| {
        let places = (place(order, one, key, maps), place(order, other, key, maps));
        // Not a proper order: what isn't listed comes before everything, as in the original.
        if let (Some(one), Some(other)) = places { one < other } else { true }
    });
    rest.extend(deletions);
    Ok(rest)
}

/// As far as Go's stable sort goes for lists of up to twenty items: with an order that isn't one,
/// the way of sorting shows in the result.
fn insertion_sort(items: &mut [Value], less: impl Fn(&Value, &Value) -> bool) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && less(&items[at], &items[at - 1]) {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Puts each of `left` before the first of `right` that comes later in the live list.
fn interleaved(
    left: Vec<Value>,
    right: Vec<Value>,
    live: &[Value],
    key: &str,
    maps: bool,
) -> Vec<Value> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let places = (place(live, one, key, maps), place(live, other, key, maps));
        let before = matches!(places, (Some(one), Some(other)) if one < other);
        all.extend(if before { left.next() } else { right.next() });
    }
    all.extend(left.chain(right));
    all
}

fn place(list: &[Value], item: &Value, key: &str, maps: bool) -> Option<usize> {
    if !maps {
        return list.iter().position(|known| known == item);
    }
    let of = |item: &Value| item.get(key).cloned();
    let wanted = of(item);
    list.iter().position(|known| of(known) == wanted)
}

/// The place of the item with this value of the merge key.
pub(super) fn with_key(
    list: &[Value],
    key: &str,
    wanted: &Value,
) -> Result<Option<usize>, PatchError> {
    for (place, item) in list.iter().enumerate() {
        let Value::Object(map) = item else {
            return Err(Failed(format!("value for key {place} is not a map")));
        };
        if map.get(key) == Some(wanted) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// Each scalar once. Where one is left out, the last one takes its place, as in the original.
pub(super) fn deduplicated(mut list: Vec<Value>) -> Vec<Value> {
    let mut at = 0;
    while at < list.len() {
        let mut next = at + 1;
        while next < list.len() {
            if list[at] == list[next] {
                list.swap_remove(next);
            } else {
                next += 1;
            }
        }
        at += 1;
    }
    list
}
