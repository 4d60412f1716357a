//! Carries a change of manifests over to a predicted live object.

use serde_json::{Map, Value};

use crate::plan::difference::shared_keys;

/// What `base`, the prediction for the manifest `old`, becomes with the manifest `new`.
///
/// Only what differs between the manifests is touched: fields that `new` no longer names go, fields
/// that it changes or adds are set, everything else (defaults, fields of other managers, ignored
/// differences) stays as predicted. Items of lists are matched by what the Kubernetes API tells
/// them apart by; other lists are replaced as a whole.
pub(super) fn carry_over(old: &Value, new: &Value, base: &Value) -> Value {
    carry("", old, new, base)
}

fn carry(field: &str, old: &Value, new: &Value, base: &Value) -> Value {
    if old == new {
        return base.clone();
    }
    match (new, base) {
        (Value::Object(new), Value::Object(base)) => {
            let empty = Map::new();
            Value::Object(carry_map(old.as_object().unwrap_or(&empty), new, base))
        }
        (Value::Array(new), Value::Array(base)) => {
            let old = old.as_array().map_or(&[][..], Vec::as_slice);
            carry_list(field, old, new, base)
        }
        _ => new.clone(),
    }
}

fn carry_map(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    base: &Map<String, Value>,
) -> Map<String, Value> {
    let mut after = base.clone();
    after.retain(|key, _| new.contains_key(key) || !old.contains_key(key));
    for (key, value) in new {
        let value = match (old.get(key), base.get(key)) {
            // Nothing changes, and the prediction leaves the field out: it is yielded.
            (Some(before), None) if before == value => continue,
            (before, Some(base)) => carry(key, before.unwrap_or(&Value::Null), value, base),
            (_, None) => value.clone(),
        };
        after.insert(key.clone(), value);
    }
    after
}

fn carry_list(field: &str, old: &[Value], new: &[Value], base: &[Value]) -> Value {
    let Some([old_keys, new_keys, base_keys]) = shared_keys(field, [old, new, base]) else {
        return Value::from(new);
    };
    let find = |keys: &[Map<String, Value>], key| keys.iter().position(|known| known == key);
    let mut after = Vec::new();
    for (item, key) in base.iter().zip(&base_keys) {
        let before = find(&old_keys, key).map(|at| &old[at]);
        match (before, find(&new_keys, key).map(|at| &new[at])) {
            (before, Some(wanted)) => {
                after.push(carry("", before.unwrap_or(&Value::Null), wanted, item));
            }
            // Somebody else's: an injected container, a port of an operator.
            (None, None) => after.push(item.clone()),
            (Some(_), None) => {}
        }
    }
    let added = new.iter().zip(&new_keys).filter(|(_, key)| find(&base_keys, key).is_none());
    after.extend(added.map(|(item, _)| item.clone()));
    Value::from(after)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_manifests_change_is_carried_over() {
        // (old, new, predicted, after)
        let table = [
            (json!({"a": 1}), json!({"a": 2}), json!({"a": 1, "b": 9}), json!({"a": 2, "b": 9})),
            // A field that is no longer named goes; a default of the server stays.
            (json!({"a": 1}), json!({}), json!({"a": 1, "b": 9}), json!({"b": 9})),
            // An ignored difference stays as it is live, also while its neighbour changes.
            (
                json!({"replicas": 2, "image": "a"}),
                json!({"replicas": 2, "image": "b"}),
                json!({"replicas": 7, "image": "a"}),
                json!({"replicas": 7, "image": "b"}),
            ),
            // A yielded field that is not there is not put there.
            (json!({"r": 2, "i": 1}), json!({"r": 2, "i": 2}), json!({"i": 1}), json!({"i": 2})),
            // A map that the server had defaulted gets the new fields and keeps the others.
            (
                json!({}),
                json!({"s": {"type": "RollingUpdate"}}),
                json!({"s": {"max": 1}}),
                json!({"s": {"max": 1, "type": "RollingUpdate"}}),
            ),
            // Items are matched by name; an injected one stays, a dropped one goes.
            (
                json!({"containers": [{"name": "a", "image": "1"}, {"name": "b"}]}),
                json!({"containers": [{"name": "c"}, {"name": "a", "image": "2"}]}),
                json!({"containers": [
                    {"name": "a", "image": "1", "tty": false}, {"name": "mesh"}, {"name": "b"},
                ]}),
                json!({"containers": [
                    {"name": "a", "image": "2", "tty": false}, {"name": "mesh"}, {"name": "c"},
                ]}),
            ),
            // Lists without keys are one value.
            (
                json!({"args": ["a"]}),
                json!({"args": ["b", "a"]}),
                json!({"args": ["a"]}),
                json!({"args": ["b", "a"]}),
            ),
            // Without an old manifest, everything of the new one is set and nothing goes.
            (json!(null), json!({"a": 2}), json!({"a": 1, "b": 1}), json!({"a": 2, "b": 1})),
        ];
        for (old, new, base, after) in table {
            assert_eq!(carry_over(&old, &new, &base), after, "{old} -> {new} on {base}");
            assert_eq!(carry_over(&new, &new, &base), base, "no change changes nothing");
        }
    }

    fn value() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let leaf =
            prop_oneof![any::<bool>().prop_map(Value::from), (0..5i64).prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn where_the_prediction_is_the_manifest_the_result_is_the_new_manifest(
            old in value(), new in value(),
        ) {
            // None of these lists has keys, so that the order of items is no matter.
            proptest::prop_assert_eq!(carry_over(&old, &new, &old), new);
        }

        #[test]
        fn equal_manifests_change_nothing(manifest in value(), base in value()) {
            proptest::prop_assert_eq!(carry_over(&manifest, &manifest, &base), base);
        }
    }
}
