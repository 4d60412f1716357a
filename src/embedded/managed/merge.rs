//! Merging a configuration into an object.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value};

use super::identity::{Facet, facet, step};
use crate::embedded::schema::Node;

/// `live` with all that `applied` says; `None` when nothing is left to say.
pub(super) fn merge(
    node: Node<'_>,
    live: Option<&Value>,
    applied: Option<&Value>,
) -> Option<Value> {
    let facet = facet(node, applied.or(live)?);
    match facet {
        Facet::Map => {
            let empty =
                |value: Option<&Value>| value.and_then(Value::as_object).is_none_or(Map::is_empty);
            if empty(live) && empty(applied) {
                return applied.or(live).cloned();
            }
            maps(node, live.and_then(Value::as_object), applied.and_then(Value::as_object))
        }
        Facet::List => {
            let list = |value: Option<&'_ Value>| {
                value.and_then(Value::as_array).is_none_or(Vec::is_empty)
            };
            if list(live) && list(applied) {
                return applied.or(live).cloned();
            }
            let merged = Lists::of(node, live, applied)?.merge();
            (!merged.is_empty()).then_some(Value::Array(merged))
        }
        Facet::Scalar | Facet::Atomic => applied.or(live).cloned(),
    }
}

fn maps(
    node: Node<'_>,
    live: Option<&Map<String, Value>>,
    applied: Option<&Map<String, Value>>,
) -> Option<Value> {
    let mut merged = live.cloned().unwrap_or_default();
    for (name, value) in applied.into_iter().flatten() {
        let Some(field) = node.field(name) else { continue };
        // What the configuration does not name stays as it is, so only its own fields are merged.
        match merge(field, merged.get(name), Some(value)) {
            Some(value) => merged.insert(name.clone(), value),
            None => merged.remove(name),
        };
    }
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// Two lists whose items are known by their keys, in their order.
struct Lists<'a> {
    items: Node<'a>,
    live: Vec<(String, &'a Value)>,
    applied: Vec<(String, &'a Value)>,
    /// `None` for items of the live list that can't be told apart.
    of_live: HashMap<String, Option<&'a Value>>,
    of_applied: HashSet<String>,
}

impl<'a> Lists<'a> {
    fn of(node: Node<'a>, live: Option<&'a Value>, applied: Option<&'a Value>) -> Option<Self> {
        let keyed = |list: Option<&'a Value>| -> Vec<(String, &'a Value)> {
            let items = list.and_then(Value::as_array).into_iter().flatten();
            items.filter_map(|item| Some((step(node, item).ok()?, item))).collect()
        };
        let (live, applied) = (keyed(live), keyed(applied));
        let mut of_live = HashMap::new();
        for (key, item) in &live {
            of_live.entry(key.clone()).and_modify(|twin| *twin = None).or_insert(Some(*item));
        }
        let of_applied = applied.iter().map(|(key, _)| key.clone()).collect();
        Some(Self { items: node.items()?, live, applied, of_live, of_applied })
    }

    /// The items of both. Those of the configuration stand in its order; the others keep their
    /// place between the neighbours that they share with it.
    fn merge(&self) -> Vec<Value> {
        let mut out = Vec::with_capacity(self.live.len().max(self.applied.len()));
        let mut shared: VecDeque<&String> = self
            .applied
            .iter()
            .map(|(key, _)| key)
            .filter(|key| self.of_live.contains_key(*key))
            .collect();
        let mut next = shared.pop_front();
        let mut done: HashSet<&String> = HashSet::new();
        let (mut left, mut right) = (0, 0);
        while left < self.live.len() || right < self.applied.len() {
            if let (Some((one, _)), Some((other, item))) =
                (self.live.get(left), self.applied.get(right))
            {
                if one == other {
                    done.insert(one);
                    out.extend(self.item(other, item));
                    (left, right) = (left + 1, right + 1);
                    next = shared.pop_front();
                    continue;
                }
                if self.of_applied.contains(one) && next.is_some_and(|next| next != one) {
                    // Shared, but its turn comes later.
                    left += 1;
                    continue;
                }
            }
            if let Some((key, item)) = self.live.get(left) {
                if !self.of_applied.contains(key) {
                    out.extend(merge(self.items, Some(item), None));
                    left += 1;
                    continue;
                }
                if done.contains(key) {
                    left += 1;
                }
            }
            if let Some((key, item)) = self.applied.get(right) {
                done.insert(key);
                out.extend(self.item(key, item));
                right += 1;
                if next == Some(key) {
                    next = shared.pop_front();
                }
            }
        }
        out
    }

    /// An item of the configuration, merged with the live one if there is exactly one.
    fn item(&self, key: &str, applied: &Value) -> Option<Value> {
        let live = self.of_live.get(key).map(|live| live.unwrap_or(&Value::Null));
        merge(self.items, live, Some(applied))
    }
}
