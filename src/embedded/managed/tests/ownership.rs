//! What an apply owns, changes and removes.

use serde_json::{Value, json};

use super::{super::*, Life, object};

#[test]
fn an_applier_owns_leaves_items_and_keys_but_no_containers() {
    // (spec, what is owned below f:spec)
    let table = [
        (json!({"n": 1, "inner": {"a": 1}}), json!({"f:n": {}, "f:inner": {"f:a": {}}})),
        (json!({"inner": {}}), json!({"f:inner": {}})),
        (json!({"inner": null}), json!({"f:inner": {}})),
        (json!({"atom": {"a": 1, "b": 2}}), json!({"f:atom": {}})),
        (json!({"list": [1, 2]}), json!({"f:list": {}})),
        (json!({"labels": {"x": "1"}}), json!({"f:labels": {"f:x": {}}})),
        (json!({"maps": {"x": {"a": 1}}}), json!({"f:maps": {"f:x": {".": {}, "f:a": {}}}})),
        (json!({"set": ["x"]}), json!({"f:set": {"v:\"x\"": {}}})),
        (
            json!({"items": [{"name": "x", "a": 1}]}),
            json!({"f:items": {"k:{\"name\":\"x\"}": {".": {}, "f:a": {}, "f:name": {}}}}),
        ),
        (
            json!({"ports": [{"port": 80}]}),
            json!({"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {
                ".": {}, "f:port": {}}}}),
        ),
        (
            json!({"any": {"m": {"x": [1], "e": {}}}}),
            json!({"f:any": {"f:m": {".": {}, "f:x": {}, "f:e": {}}}}),
        ),
    ];
    for (spec, expected) in table {
        let mut life = Life::new();
        life.apply("one", spec.clone());
        assert_eq!(life.owned("one"), json!({"f:spec": expected}), "{spec}");
    }
    // An empty granular list is nothing that anybody could own.
    let mut life = Life::new();
    life.apply("one", json!({"set": [], "n": 1}));
    assert_eq!(life.owned("one"), json!({"f:spec": {"f:n": {}}}));
}

#[test]
fn items_stand_as_applied_and_the_others_keep_their_place() {
    // (live, applied, merged)
    let table = [
        (vec!["a", "b"], vec!["c"], vec!["a", "b", "c"]),
        (vec!["a", "b", "c"], vec!["c", "a"], vec!["b", "c", "a"]),
        (vec!["a", "x", "b"], vec!["a", "c", "b"], vec!["a", "x", "c", "b"]),
        (vec!["x", "a"], vec!["b", "a"], vec!["x", "b", "a"]),
        (vec![], vec!["b", "a"], vec!["b", "a"]),
    ];
    for (live, applied, merged) in table {
        let mut life = Life::new();
        life.update("updater", |new| new["spec"]["set"] = json!(live));
        life.apply("one", json!({"set": applied}));
        assert_eq!(life.spec()["set"], json!(merged), "{live:?} + {applied:?}");
    }
}

#[test]
fn what_is_no_longer_applied_goes_unless_somebody_else_owns_it() {
    let mut life = Life::new();
    life.apply(
        "one",
        json!({"n": 1, "inner": {"a": 1, "b": 1}, "labels": {"x": "1"}, "items": [
        {"name": "mine", "a": 1}, {"name": "shared", "a": 1}]}),
    );
    life.apply("two", json!({"inner": {"a": 1}, "items": [{"name": "shared", "b": 2}]}));
    life.apply("one", json!({"s": "left"}));
    assert_eq!(
        life.spec(),
        json!({"s": "left", "inner": {"a": 1}, "items": [{"name": "shared", "b": 2}]})
    );
    assert_eq!(life.owned("one"), json!({"f:spec": {"f:s": {}}}));
}

#[test]
fn an_item_without_its_last_owner_goes_with_what_others_put_into_it() {
    let mut life = Life::new();
    life.apply("one", json!({"items": [{"name": "x"}]}));
    life.update("updater", |new| new["spec"]["items"][0]["a"] = json!(5));
    life.apply("one", json!({"n": 1}));
    // The updater owned a field in it but not the item. What is left of the list is null, which a
    // typed object reads as absent.
    assert_eq!(life.spec(), json!({"n": 1, "items": null}));
}

#[test]
fn a_value_of_another_manager_is_a_conflict_and_the_same_value_is_shared() {
    let mut life = Life::new();
    life.apply("one", json!({"n": 1, "labels": {"x": "1"}}));
    life.apply("two", json!({"n": 1}));
    assert_eq!(life.owned("two"), json!({"f:spec": {"f:n": {}}}));
    let conflicts = life.conflicts("two", json!({"n": 2}));
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].path, ".spec.n");
    assert_eq!(conflicts[0].message, "conflict with \"one\"");
    assert_eq!(message(&conflicts), "Apply failed with 1 conflict: conflict with \"one\": .spec.n");
    life.try_apply("two", json!({"n": 2}), true).expect("force wins");
    assert_eq!(life.spec()["n"], 2);
    assert_eq!(life.owned("one"), json!({"f:spec": {"f:labels": {"f:x": {}}}}));
}

#[test]
fn conflicts_are_told_manager_by_manager_as_the_server_words_them() {
    let mut life = Life::new();
    life.update("kubectl-edit", |new| {
        new["spec"] = json!({"s": "a", "items": [{"name": "a\"b", "a": 1}], "ports": [
            {"port": 9, "name": "p"}, {"port": 80, "name": "q"}]});
    });
    life.apply("one", json!({"n": 1}));
    life.update_by("kubelet", "status", |new| new["status"] = json!({"n": 1}));
    let conflicts = life.conflicts(
        "two",
        json!({"n": 2, "s": "b", "items": [{"name": "a\"b", "a": 2}], "ports": [
            {"port": 80, "name": "r"}, {"port": 9, "name": "r"}]}),
    );
    assert_eq!(
        message(&conflicts),
        "Apply failed with 5 conflicts: conflicts with \"kubectl-edit\" using x.dev/v1:\n\
         - .spec.s\n\
         - .spec.items[name=\"a\\\"b\"].a\n\
         - .spec.ports[port=9,protocol=\"TCP\"].name\n\
         - .spec.ports[port=80,protocol=\"TCP\"].name\n\
         conflicts with \"one\":\n\
         - .spec.n"
    );
}

#[test]
fn an_apply_that_changes_nothing_changes_no_time() {
    let mut life = Life::new();
    life.apply("one", json!({"n": 1, "set": ["a", "b"]}));
    let before = life.live.clone();
    life.apply("one", json!({"n": 1, "set": ["a", "b"]}));
    assert_eq!(life.live, before);
    // Who only joins in gets an entry without a time: nothing was written by it.
    life.apply("two", json!({"n": 1}));
    let entry = life.entries().into_iter().find(|entry| entry["manager"] == "two");
    assert_eq!(entry.expect("an entry").get("time"), None);
}

#[test]
fn the_status_is_nothing_that_an_apply_of_the_object_owns() {
    let mut life = Life::new();
    let mut applied = object(json!({"n": 1}));
    applied["status"] = json!({"n": 5});
    let merged = life.write("one", "", |node, live, w| apply(node, live, &applied, w, false));
    let merged = merged.expect("applied");
    assert_eq!(merged["metadata"]["managedFields"][0]["fieldsV1"], json!({"f:spec": {"f:n": {}}}));
}

#[test]
fn a_configuration_that_does_not_fit_is_refused_in_the_words_of_the_server() {
    let table: [(Value, &str); 6] = [
        (json!({"nn": 1}), ".spec.nn: field not declared in schema"),
        (json!({"set": ["a", "a"]}), ".spec.set: duplicate entries for key [=\"a\"]"),
        (
            json!({"items": [{"name": "x"}, {"name": "x"}]}),
            ".spec.items: duplicate entries for key [name=\"x\"]",
        ),
        (
            json!({"items": [{"a": 1}]}),
            ".spec.items: element 0: associative list with keys has an element that omits all \
             key fields [\"name\"] (and doesn't have default values for any key fields)",
        ),
        (json!({"s": 1}), ".spec.s: expected string, got &value.valueUnstructured{Value:1}"),
        (
            json!({"inner": {"a": "x"}}),
            ".spec.inner.a: expected numeric (int or float), got string",
        ),
    ];
    for (spec, expected) in table {
        let refused = Life::new().try_apply("one", spec.clone(), false);
        let expected =
            format!("failed to create typed patch object (/t; x.dev/v1, Kind=Thing): {expected}");
        assert_eq!(refused, Err(Refusal::Untyped(expected)), "{spec}");
    }
    let mut life = Life::new();
    let mut applied = object(json!({}));
    applied["metadata"]["managedFields"] = json!([]);
    let refused = life.write("one", "", |node, live, w| apply(node, live, &applied, w, false));
    let expected = "metadata.managedFields must be nil".to_owned();
    assert_eq!(refused, Err(Refusal::BadRequest(expected)));
}
