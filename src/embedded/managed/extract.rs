//! The set of fields that a configuration speaks of.

use std::collections::BTreeSet;

use serde_json::Value;

use super::identity::{Facet, facet, is_named, step};
use crate::{embedded::schema::Node, object::FieldSet};

/// Every leaf, every list item and every key of a map in `object`.
///
/// Containers are left out unless they are empty maps, null or atomic: who applies a field does not
/// own what it lies in.
pub(super) fn fields(node: Node<'_>, object: &Value) -> FieldSet {
    let mut set = below(node, object);
    set.set_member(false);
    set
}

/// The set as seen from `value`; its own path is a member where the value is a leaf.
fn below(node: Node<'_>, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    match facet(node, value) {
        Facet::Scalar | Facet::Atomic => set.set_member(true),
        Facet::Map => {
            for (name, value) in value.as_object().into_iter().flatten() {
                let Some(field) = node.field(name) else { continue };
                let mut child = below(field, value);
                let empty =
                    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                if empty || !is_named(node, name) {
                    child.set_member(true);
                }
                set.attach(&format!("f:{name}"), child);
            }
        }
        Facet::List => list(node, value, &mut set),
    }
    set
}

fn list(node: Node<'_>, value: &Value, set: &mut FieldSet) {
    let Some(items) = node.items() else { return };
    let keyed: Vec<_> = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| Some((step(node, item).ok()?, item)))
        .collect();
    let mut seen = BTreeSet::new();
    // Of items that can't be told apart, only that they are there is known.
    let twins: BTreeSet<_> =
        keyed.iter().map(|(key, _)| key).filter(|key| !seen.insert(*key)).collect();
    for (key, item) in &keyed {
        let mut child = if twins.contains(key) { FieldSet::default() } else { below(items, item) };
        child.set_member(true);
        set.attach(key, child);
    }
}
