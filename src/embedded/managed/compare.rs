//! What differs between two objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::identity::{Facet, facet, same, step};
use crate::{embedded::schema::Node, object::FieldSet};

/// Three sets without common paths; all empty for equal objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) removed: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) added: FieldSet,
}

/// Compares two objects. Unlike the set of an applied configuration, what is added or removed
/// includes containers: who creates a map owns it.
pub(super) fn compare(node: Node<'_>, old: &Value, new: &Value) -> Comparison {
    let mut found = Comparison::at(node, Some(old), Some(new));
    found.mark(|set| set.set_member(false));
    found
}

impl Comparison {
    /// The same without the fields in `reset` and below them.
    pub(super) fn without(&self, reset: &FieldSet) -> Self {
        Self {
            removed: self.removed.without(reset),
            modified: self.modified.without(reset),
            added: self.added.without(reset),
        }
    }

    fn mark(&mut self, mut each: impl FnMut(&mut FieldSet)) {
        each(&mut self.removed);
        each(&mut self.modified);
        each(&mut self.added);
    }

    fn attach(&mut self, key: &str, below: Self) {
        self.removed.attach(key, below.removed);
        self.modified.attach(key, below.modified);
        self.added.attach(key, below.added);
    }

    /// The comparison as seen from the place of the values.
    fn at(node: Node<'_>, old: Option<&Value>, new: Option<&Value>) -> Self {
        let was = old.map(|old| facet(node, old));
        let is = new.map(|new| facet(node, new));
        let mut found = Self::default();
        // A value that became one of another kind is looked at as both.
        if let Some(was) = was
            && is.is_some_and(|is| is != was)
        {
            found.look(was, node, old, new);
        }
        if let Some(is) = is.or(was) {
            found.look(is, node, old, new);
        }
        found
    }

    fn look(&mut self, facet: Facet, node: Node<'_>, old: Option<&Value>, new: Option<&Value>) {
        match facet {
            Facet::Scalar | Facet::Atomic => self.leaf(old, new),
            Facet::Map => {
                let map = |value: Option<&'_ Value>| {
                    value.and_then(Value::as_object).is_some_and(|map| !map.is_empty())
                };
                if !map(old) && !map(new) {
                    return self.leaf(old, new);
                }
                self.maps(node, old.and_then(Value::as_object), new.and_then(Value::as_object));
                self.container(old, new);
            }
            Facet::List => {
                let list = |value: Option<&'_ Value>| {
                    value.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
                };
                if !list(old) && !list(new) {
                    return self.leaf(old, new);
                }
                self.lists(node, old, new);
                self.container(old, new);
            }
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, _) => self.added.set_member(true),
            (_, None) => self.removed.set_member(true),
            (Some(old), Some(new)) if !same(old, new) => self.modified.set_member(true),
            _ => {}
        }
    }

    fn container(&mut self, old: Option<&Value>, new: Option<&Value>) {
        if old.is_none() {
            self.added.set_member(true);
        } else if new.is_none() {
            self.removed.set_member(true);
        }
    }

    fn maps(
        &mut self,
        node: Node<'_>,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
    ) {
        let names = |map: Option<&Map<String, Value>>| {
            map.into_iter().flat_map(|map| map.keys().cloned()).collect::<BTreeSet<_>>()
        };
        for name in names(old).union(&names(new)) {
            let Some(field) = node.field(name) else { continue };
            let below = Self::at(
                field,
                old.and_then(|map| map.get(name)),
                new.and_then(|map| map.get(name)),
            );
            self.attach(&format!("f:{name}"), below);
        }
    }

    fn lists(&mut self, node: Node<'_>, old: Option<&Value>, new: Option<&Value>) {
        let Some(items) = node.items() else { return };
        let (old, new) = (by_key(node, old), by_key(node, new));
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let before = old.get(key).map_or(&[][..], Vec::as_slice);
            let after = new.get(key).map_or(&[][..], Vec::as_slice);
            match (before, after) {
                ([] | [_], [] | [_]) => {
                    let below = Self::at(items, before.first().copied(), after.first().copied());
                    self.attach(key, below);
                }
                // Items that can't be told apart are one value together.
                ([_, _, ..], [_, _, ..]) => {
                    let equal = before.len() == after.len()
                        && before.iter().zip(after).all(|(before, after)| same(before, after));
                    if !equal {
                        self.modified.attach(key, FieldSet::root());
                    }
                }
                ([_, _, ..], _) => {
                    if let Some(only) = after.first() {
                        self.attach(key, Self::at(items, None, Some(only)));
                    }
                    self.removed.attach(key, FieldSet::root());
                }
                (_, [_, _, ..]) => {
                    if let Some(only) = before.first() {
                        self.attach(key, Self::at(items, Some(only), None));
                    }
                    self.added.attach(key, FieldSet::root());
                }
            }
        }
    }
}

/// The items by what tells them apart; those that nothing does are left out.
fn by_key<'a>(node: Node<'_>, list: Option<&'a Value>) -> BTreeMap<String, Vec<&'a Value>> {
    let mut keyed: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for item in list.and_then(Value::as_array).into_iter().flatten() {
        if let Ok(key) = step(node, item) {
            keyed.entry(key).or_default().push(item);
        }
    }
    keyed
}
