//! Removing what is no longer applied.

use serde_json::{Map, Value};

use super::{
    Writer,
    entries::Managers,
    extract,
    identity::{Facet, facet, is_named, step},
};
use crate::{
    embedded::schema::{Node, Shape},
    object::FieldSet,
};

/// `merged` without what its applier owned (`last`), applies no more, and nobody else owns.
pub(super) fn prune(node: Node<'_>, merged: Value, managers: &Managers, last: &FieldSet) -> Value {
    if last.is_empty() {
        return merged;
    }
    let last = with_named(node, last);
    let all = with_named(node, &extract::fields(node, &merged));
    let left = |pruned: &Value| with_named(node, &extract::fields(node, pruned));

    // All that was applied goes, with what lies in it ...
    let pruned = left(&without(node, merged.clone(), &last));
    // ... what somebody owns comes back, the new configuration included ...
    let owned =
        managers.values().fold(FieldSet::default(), |owned, entry| owned.union(&entry.fields));
    let kept = pruned.union(&with_named(node, &owned));
    let pruned = left(&without(node, merged.clone(), &all.difference(&kept)));
    // ... and so does what went only because of where it lies.
    without(node, merged, &all.difference(&pruned).intersection(&last))
}

/// The set, and the named fields on the way to what is in it.
fn with_named(node: Node<'_>, set: &FieldSet) -> FieldSet {
    named(Some(node), set)
}

fn named(node: Option<Node<'_>>, set: &FieldSet) -> FieldSet {
    let mut all = FieldSet::default();
    all.set_member(set.is_member());
    for (key, below) in set.steps() {
        let name = key.strip_prefix("f:");
        let child = match (node, name) {
            (Some(node), Some(name)) => node.field(name),
            (Some(node), None) if key.starts_with("k:") => node.items(),
            _ => None,
        };
        let mut child = named(child, below);
        let is_named = node.zip(name).is_some_and(|(node, name)| is_named(node, name));
        if is_named && !below.is_leaf() {
            child.set_member(true);
        }
        all.attach(key, child);
    }
    all
}

/// `value` without the fields and items in `gone`. A container that nothing is left of is null.
fn without(node: Node<'_>, value: Value, gone: &FieldSet) -> Value {
    match (facet(node, &value), value) {
        (Facet::Scalar, value) => value,
        (Facet::Map, Value::Object(map)) => {
            let mut rest = Map::new();
            for (name, value) in map {
                let value = match (gone.field(&name), node.field(&name)) {
                    (Some(gone), _) if gone.is_member() => continue,
                    (Some(gone), Some(field)) => without(field, value, gone),
                    _ => value,
                };
                rest.insert(name, value);
            }
            if rest.is_empty() { Value::Null } else { Value::Object(rest) }
        }
        (Facet::List, Value::Array(items)) => {
            let rest: Vec<_> =
                items.into_iter().filter_map(|item| item_without(node, item, gone)).collect();
            if rest.is_empty() { Value::Null } else { Value::Array(rest) }
        }
        _ => Value::Null,
    }
}

fn item_without(list: Node<'_>, item: Value, gone: &FieldSet) -> Option<Value> {
    let below = step(list, &item).ok().and_then(|key| gone.below(&key));
    match (below, list.items()) {
        (Some(gone), _) if gone.is_member() => None,
        (Some(gone), Some(items)) => Some(without(items, item, gone)),
        _ => Some(item),
    }
}

/// The entries as they hold for today's schema: what lies below a field that is atomic now counts
/// as the field, and entries of versions that are not served are dropped.
pub(super) fn reconciled(node: Node<'_>, managers: Managers, writer: &Writer<'_>) -> Managers {
    let known = managers.into_iter().filter(|(_, entry)| {
        *entry.version == *writer.api_version || writer.served.iter().any(|v| **v == *entry.version)
    });
    known
        .map(|(id, mut entry)| {
            if let Some(fields) = reconciled_set(node, &entry.fields) {
                entry.fields = fields;
            }
            (id, entry)
        })
        .collect()
}

/// `None` when nothing changes, which is nearly always.
fn reconciled_set(node: Node<'_>, set: &FieldSet) -> Option<FieldSet> {
    let mut changed: Option<FieldSet> = None;
    for (key, below) in set.steps() {
        let child = match key.strip_prefix("f:") {
            Some(name) => node.field(name),
            None => node.items(),
        };
        let Some(child) = child.filter(|_| !below.is_leaf()) else { continue };
        let atomic =
            matches!(child.shape(), Shape::AtomicStruct | Shape::AtomicMap | Shape::AtomicList);
        let now = if atomic { Some(FieldSet::root()) } else { reconciled_set(child, below) };
        if let Some(now) = now {
            changed.get_or_insert_with(|| set.clone()).replace(key, now);
        }
    }
    changed
}
