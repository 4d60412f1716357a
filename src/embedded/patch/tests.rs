use serde_json::{Value, json};

use super::{PatchError::*, *};
use crate::{embedded::schema::Schema, object::GroupVersionKind};

#[test]
fn a_json_patch_does_one_operation_after_the_other() {
    let object = json!({"a": {"b": 1}, "l": [1, 2, 3], "x/y": {"~": 0}});
    let patch = json!([
        {"op": "test", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/l/-", "value": 4},
        {"op": "add", "path": "/l/0", "value": 0},
        {"op": "remove", "path": "/l/-1"},
        {"op": "replace", "path": "/x~1y/~0", "value": 9},
        {"op": "copy", "from": "/a", "path": "/c"},
        {"op": "move", "from": "/a/b", "path": "/d"},
        {"op": "test", "path": "/nothing", "value": null},
    ]);
    assert_eq!(
        json_patch(&object, &patch),
        Ok(json!({"a": {}, "c": {"b": 1}, "d": 1, "l": [0, 1, 2, 3], "x/y": {"~": 9}}))
    );
}

#[test]
fn a_json_patch_that_cannot_be_done_is_told_as_the_server_tells_it() {
    let object = json!({"a": {"b": 1}, "l": [1]});
    let table: [(Value, PatchError); 11] = [
        (
            json!({}),
            Invalid(
                "json: cannot unmarshal object into Go value of type jsonpatch.Patch".to_owned(),
            ),
        ),
        (
            json!([{"op": "add", "path": "/x/y", "value": 1}]),
            Unprocessable(
                "add operation does not apply: doc is missing path: \"/x/y\": missing value"
                    .to_owned(),
            ),
        ),
        (
            json!([{"op": "remove", "path": "/a/c"}]),
            Unprocessable(
                "error in remove for path: '/a/c': Unable to remove nonexistent key: c: \
                 missing value"
                    .to_owned(),
            ),
        ),
        (
            json!([{"op": "test", "path": "/a/b", "value": 2}]),
            Unprocessable("testing value /a/b failed: test failed".to_owned()),
        ),
        (
            json!([{"op": "add", "path": "/l/9", "value": 2}]),
            Unprocessable(
                "error in add for path: '/l/9': Unable to access invalid index: 9: \
                 invalid index referenced"
                    .to_owned(),
            ),
        ),
        (
            json!([{"op": "add", "path": "/l/x", "value": 2}]),
            Unprocessable(
                "error in add for path: '/l/x': value was not a proper array index: 'x': \
                 strconv.Atoi: parsing \"x\": invalid syntax"
                    .to_owned(),
            ),
        ),
        (
            json!([{"op": "replace", "path": "/x/y", "value": 2}]),
            Unprocessable(
                "replace operation does not apply: doc is missing path: /x/y: missing value"
                    .to_owned(),
            ),
        ),
        (
            json!([{"op": "move", "from": "/x/y", "path": "/z"}]),
            Unprocessable(
                "move operation does not apply: doc is missing from path: /x/y: missing value"
                    .to_owned(),
            ),
        ),
        (
            json!([{"op": "add", "value": 2}]),
            Unprocessable("add operation failed to decode path: missing value".to_owned()),
        ),
        (
            json!([{"op": "guess", "path": "/a"}]),
            Unprocessable("Unexpected kind: guess".to_owned()),
        ),
        (json!([{"path": "/a"}]), Unprocessable("Unexpected kind: unknown".to_owned())),
    ];
    for (patch, expected) in table {
        assert_eq!(json_patch(&object, &patch), Err(expected), "{patch}");
    }
}

#[test]
fn a_merge_patch_removes_by_null() {
    // (object, patch, merged)
    let table = [
        (
            json!({"a": 1, "b": {"c": 1}}),
            json!({"a": null, "b": {"d": 2}}),
            json!({"b": {"c": 1, "d": 2}}),
        ),
        (json!({"a": [1]}), json!({"a": {"b": null, "c": 1}}), json!({"a": {"c": 1}})),
        (json!({}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}})),
        (
            json!({"a": {"b": 1}}),
            json!({"a": [null, {"c": null}]}),
            json!({"a": [null, {"c": null}]}),
        ),
        (json!({"a": 1}), json!({"a": [null, {"c": null}]}), json!({"a": [null, {}]})),
    ];
    for (object, patch, merged) in table {
        assert_eq!(merge_patch(&object, &patch), Ok(merged), "{object} + {patch}");
    }
    assert_eq!(merge_patch(&json!({}), &json!(1)), Err(Invalid("Invalid JSON Patch".to_owned())));
}

#[expect(clippy::needless_pass_by_value, reason = "tables read better without `&`")]
fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": spec}}})
}

/// Patches the pod template of a deployment.
#[expect(clippy::needless_pass_by_value, reason = "tables read better without `&`")]
fn patched(spec: Value, patch: Value) -> Result<Value, PatchError> {
    let gvk = GroupVersionKind::parse("apps/v1", "Deployment");
    let node = Schema::builtin().root(&gvk).expect("deployments");
    let patch = json!({"spec": {"template": {"spec": patch}}});
    strategic_merge(node, &deployment(spec), &patch)
        .map(|merged| merged["spec"]["template"]["spec"].clone())
}

#[test]
fn a_strategic_merge_patch_merges_lists_by_their_keys() {
    let containers = json!({"containers": [{"name": "a", "image": "a:1"}, {"name": "b"}]});
    let named = |names: &[&str]| -> Value {
        let all: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"containers": all})
    };
    let table = [
        (
            containers.clone(),
            json!({"containers": [{"name": "a", "image": "a:2"}, {"name": "c"}]}),
            json!({"containers": [{"name": "a", "image": "a:2"}, {"name": "c"}, {"name": "b"}]}),
        ),
        (
            containers.clone(),
            json!({"containers": [{"name": "a", "$patch": "delete"}]}),
            json!({"containers": [{"name": "b"}]}),
        ),
        (
            containers.clone(),
            json!({"containers": [{"name": "c"}, {"$patch": "replace"}]}),
            named(&["c"]),
        ),
        (
            named(&["a", "b", "c"]),
            json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}),
            named(&["b", "c", "a"]),
        ),
        (
            named(&["a", "b"]),
            json!({"$setElementOrder/containers": [{"name": "d"}, {"name": "a"}],
                "containers": [{"name": "d"}]}),
            named(&["d", "a", "b"]),
        ),
        (
            json!({"tolerations": [{"key": "x"}]}),
            json!({"tolerations": [{"key": "y"}]}),
            json!({"tolerations": [{"key": "y"}]}),
        ),
        (
            json!({"nodeSelector": {"a": "1", "b": "2"}}),
            json!({"nodeSelector": {"a": null, "c": "3"}}),
            json!({"nodeSelector": {"b": "2", "c": "3"}}),
        ),
        (
            json!({"nodeSelector": {"a": "1"}}),
            json!({"nodeSelector": {"$patch": "replace", "c": "3"}}),
            json!({"nodeSelector": {"c": "3"}}),
        ),
        (
            json!({"nodeSelector": {"a": "1"}}),
            json!({"nodeSelector": {"$patch": "delete"}}),
            json!({"nodeSelector": {}}),
        ),
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"volumes": [{"name": "v", "$retainKeys": ["name", "secret"],
                "secret": {"secretName": "s"}}]}),
            json!({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}),
        ),
    ];
    for (spec, patch, merged) in table {
        assert_eq!(patched(spec.clone(), patch.clone()), Ok(merged), "{spec} + {patch}");
    }
}

#[test]
fn a_list_of_scalars_is_united_or_shortened() {
    let gvk = GroupVersionKind::parse("v1", "ConfigMap");
    let node = Schema::builtin().root(&gvk).expect("config maps");
    let object = json!({"metadata": {"finalizers": ["a", "b", "c"]}});
    let table = [
        (json!({"finalizers": ["d", "a"]}), json!(["d", "a", "b", "c"])),
        (json!({"$deleteFromPrimitiveList/finalizers": ["b"]}), json!(["a", "c"])),
        (
            json!({"$deleteFromPrimitiveList/finalizers": ["b"],
                "$setElementOrder/finalizers": ["c", "a"]}),
            json!(["c", "a"]),
        ),
    ];
    for (patch, expected) in table {
        let merged = strategic_merge(node, &object, &json!({"metadata": patch.clone()}));
        let merged = merged.map(|merged| merged["metadata"]["finalizers"].clone());
        assert_eq!(merged, Ok(expected), "{patch}");
    }
}

#[test]
fn a_strategic_merge_patch_that_breaks_its_rules_is_refused() {
    let spec = json!({"containers": [{"name": "a"}], "volumes": [{"name": "v", "emptyDir": {}}]});
    let table: [(Value, PatchError); 5] = [
        (
            json!({"containers": [{"image": "x"}]}),
            Failed("map: map[image:x] does not contain declared merge key: name".to_owned()),
        ),
        (
            json!({"volumes": [{"name": "v", "$retainKeys": ["name"], "secret": {}}]}),
            Invalid("invalid patch format of retainKeys".to_owned()),
        ),
        (
            json!({"nodeSelector": {}, "containers": [{"name": "a", "$patch": "guess"}]}),
            Failed("unknown patch type: guess in map: map[$patch:guess name:a]".to_owned()),
        ),
        (
            json!({"$deleteFromPrimitiveList": ["x"]}),
            Invalid("invalid patch format of primitive list".to_owned()),
        ),
        (
            json!({"containers": [{"name": "b"}, {"name": "a"}],
                "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}]}),
            Failed(
                "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match \
                 $setElementOrder list:\n[map[name:a] map[name:b]]\n"
                    .to_owned(),
            ),
        ),
    ];
    for (patch, expected) in table {
        assert_eq!(patched(spec.clone(), patch.clone()), Err(expected), "{patch}");
    }
}

#[test]
fn copies_that_double_each_other_end_before_the_memory_does() {
    let copy = |number: usize| json!({"op": "copy", "from": "/a", "path": format!("/a/{number}")});
    let patch: Vec<Value> = (0..60).map(copy).collect();
    let refused = json_patch(&json!({"a": {"b": "x".repeat(100)}}), &json!(patch));
    let Err(Unprocessable(why)) = refused else { panic!("it is refused") };
    assert!(why.contains("exceeding the limit 3145728"), "{why}");
}
