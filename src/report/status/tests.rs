use serde_json::{Map, Value, json};

use super::{Condition, bound_resources, conditions, health, history, merge_patch, summary};

const BEFORE: &str = "2026-01-01T00:00:00Z";
const NOW: &str = "2026-01-02T00:00:00Z";

#[test]
fn a_patch_holds_what_differs_and_nothing_else() {
    let table = [
        // old, new, patch
        (json!({"a": 1}), json!({"a": 1}), None),
        (json!({"reconciledAt": BEFORE}), json!({"reconciledAt": NOW}), None),
        (
            json!({"reconciledAt": BEFORE, "a": 1}),
            json!({"reconciledAt": NOW, "a": 2}),
            Some(json!({"reconciledAt": NOW, "a": 2})),
        ),
        (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"c": 2}}), Some(json!({"a": {"b": null}}))),
        (json!({"a": 1}), json!({"a": null}), Some(json!({"a": null}))),
        (json!({}), json!({"a": null}), None),
        (json!({"l": [1, 2]}), json!({"l": [1, 3]}), Some(json!({"l": [1, 3]}))),
        (json!({"a": "x"}), json!({"a": {"b": 1}}), Some(json!({"a": {"b": 1}}))),
        (Value::Null, json!({"a": 1}), Some(json!({"a": 1}))),
    ];
    for (old, new, patch) in table {
        assert_eq!(merge_patch(&old, &new), patch, "{old} -> {new}");
    }
}

mod law {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::merge_patch;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0..3_i32).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                object(inner),
            ]
        })
    }

    fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[abc]", inner, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_patch_turns_the_old_status_into_the_new(
            old in object(value()),
            new in object(value()),
        ) {
            let mut patched = old.clone();
            if let Some(patch) = merge_patch(&old, &new) {
                json_patch::merge(&mut patched, &patch);
            }
            prop_assert_eq!(patched, new);
        }
    }
}

fn condition(kind: &str, message: &str) -> Condition {
    Condition { kind: kind.into(), message: message.into() }
}

#[test]
fn a_condition_that_still_holds_keeps_its_time() {
    let old = [
        json!({"type": "SyncError", "message": "a", "lastTransitionTime": BEFORE}),
        json!({"type": "ComparisonError", "message": "gone", "lastTransitionTime": BEFORE}),
        json!({"type": "OrphanedResourceWarning", "message": "z", "lastTransitionTime": BEFORE}),
    ];
    let holding = [condition("SyncError", "a"), condition("InvalidSpecError", "b")];
    let judged = ["SyncError", "ComparisonError", "InvalidSpecError"];
    assert_eq!(
        conditions(&old, &judged, &holding, NOW),
        [
            json!({"type": "InvalidSpecError", "message": "b", "lastTransitionTime": NOW}),
            json!({"type": "OrphanedResourceWarning", "message": "z", "lastTransitionTime": BEFORE}),
            json!({"type": "SyncError", "message": "a", "lastTransitionTime": BEFORE}),
        ]
    );
    let other = [condition("SyncError", "other words")];
    assert_eq!(conditions(&old[..1], &judged, &other, NOW)[0]["lastTransitionTime"], NOW);
}

#[test]
fn health_moves_its_time_only_with_its_status() {
    let old = json!({"status": "Progressing", "message": "1 of 2", "lastTransitionTime": BEFORE});
    assert_eq!(
        health(Some(&old), "Progressing", "2 of 2", NOW),
        json!({"status": "Progressing", "message": "2 of 2", "lastTransitionTime": BEFORE})
    );
    assert_eq!(
        health(Some(&old), "Healthy", "", NOW),
        json!({"status": "Healthy", "lastTransitionTime": NOW})
    );
    assert_eq!(health(None, "Healthy", "", NOW)["lastTransitionTime"], NOW);
}

#[test]
fn history_counts_on_and_is_trimmed_from_the_old_end() {
    let entry = || Map::from_iter([("revision".to_owned(), json!("abc"))]);
    assert_eq!(history(&[], entry(), None), [json!({"id": 0, "revision": "abc"})]);
    let old: Vec<Value> = (3..13).map(|id| json!({"id": id})).collect();
    let ids = |list: Vec<Value>| -> Vec<i64> {
        list.iter().map(|entry| entry["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(history(&old, entry(), None)), (4..14).collect::<Vec<_>>());
    assert_eq!(ids(history(&old, entry(), Some(2))), [12, 13]);
    assert_eq!(ids(history(&old, entry(), Some(0))), [0_i64; 0]);
    assert_eq!(ids(history(&old, entry(), Some(-1))), [0_i64; 0]);
}

#[test]
fn the_summary_names_each_image_once_in_order() {
    let images = ["b:1", "a:1", "b:1"];
    assert_eq!(summary(images.into_iter(), std::iter::empty()), json!({"images": ["a:1", "b:1"]}));
}

#[test]
fn objects_in_trouble_are_kept_when_the_list_is_too_long() {
    let well =
        |name: &str| json!({"name": name, "status": "Synced", "health": {"status": "Healthy"}});
    let list: Vec<Value> = vec![
        well("a"),
        json!({"name": "b", "status": "OutOfSync"}),
        well("c"),
        json!({"name": "d", "status": "Synced", "health": {"status": "Degraded"}}),
    ];
    let all = bound_resources(list.clone(), 10_000);
    assert_eq!((all.list.len(), all.condition()), (4, None));
    let cut = bound_resources(list, 190);
    let names: Vec<&str> = cut.list.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "d"]);
    let message = cut.condition().unwrap().message;
    assert!(message.starts_with("status.resources lists 3 of 4 objects"), "{message}");
    assert!(serde_json::to_vec(&cut.list).unwrap().len() <= 191);
}

#[test]
fn a_cut_list_still_names_every_kind() {
    let entry = |kind: &str, name: &str, status: &str| json!({"kind": kind, "name": name, "status": status});
    let mut list: Vec<Value> =
        (0..9).map(|number| entry("ConfigMap", &number.to_string(), "OutOfSync")).collect();
    list.push(entry("Job", "well", "Synced"));
    let one = serde_json::to_vec(&list[0]).unwrap().len() + 1;
    let cut = bound_resources(list, 3 * one);
    let kinds: Vec<&str> = cut.list.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    // A restart reads from it which kinds to look for.
    assert_eq!(kinds, ["ConfigMap", "ConfigMap", "Job"]);
}
