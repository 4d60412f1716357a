use proptest::prelude::*;
use serde_json::json;

use super::*;

fn secret(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data})
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[test]
fn equal_values_have_equal_runs_and_different_values_do_not() {
    let mut desired =
        secret(&json!({"same": base64("one"), "changed": base64("old"), "gone": "eA=="}));
    let mut live =
        secret(&json!({"same": base64("one"), "changed": base64("new"), "added": "eQ=="}));
    secret_pair(&mut desired, &mut live);
    assert_eq!(desired["data"], json!({"same": run(0), "changed": run(0), "gone": run(0)}));
    assert_eq!(live["data"], json!({"same": run(0), "changed": run(1), "added": run(0)}));
}

#[test]
fn string_data_equals_its_base64_form() {
    let mut desired =
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "plain", "b": "x"}});
    let mut live = secret(&json!({"a": base64("plain"), "b": base64("y")}));
    secret_pair(&mut desired, &mut live);
    assert_eq!(desired["stringData"]["a"], live["data"]["a"]);
    assert_ne!(desired["stringData"]["b"], live["data"]["b"]);
}

#[test]
fn a_missing_state_is_no_obstacle() {
    let mut desired = secret(&json!({"a": base64("hidden")}));
    let mut live = Value::Null;
    secret_pair(&mut desired, &mut live);
    assert_eq!(desired["data"]["a"], run(0));
    assert_eq!(live, Value::Null);
}

#[test]
fn what_kubectl_remembers_is_masked_with_the_same_runs() {
    let last = secret(&json!({"a": base64("before")})).to_string();
    let mut live = secret(&json!({"a": base64("now-it-is")}));
    live["metadata"]["annotations"] = json!({LAST_APPLIED: last, "note": "kept"});
    object(&mut live);
    let annotations = &live["metadata"]["annotations"];
    let shown: Value = serde_json::from_str(annotations[LAST_APPLIED].as_str().unwrap()).unwrap();
    assert_eq!(shown["data"]["a"], run(1));
    assert_eq!(shown["metadata"]["name"], "s");
    assert_eq!(annotations["note"], "kept");
}

#[test]
fn a_remembered_object_that_is_no_json_is_masked_as_a_whole() {
    let mut live = secret(&json!({}));
    live["metadata"]["annotations"] = json!({LAST_APPLIED: "data: {a: c2VjcmV0}"});
    object(&mut live);
    assert_eq!(live["metadata"]["annotations"][LAST_APPLIED], run(0));
}

#[test]
fn annotations_that_hold_a_value_are_masked() {
    let mut live = secret(&json!({"token": base64("hunter22")}));
    live["metadata"]["annotations"] = json!({
        "plain": "the token is hunter22", "encoded": format!("x{}", base64("hunter22")),
        "other": "nothing", tracking::ANNOTATION: "hunter22:/Secret:ns/s",
    });
    object(&mut live);
    assert_eq!(
        live["metadata"]["annotations"],
        json!({"plain": run(0), "encoded": run(0), "other": "nothing",
            tracking::ANNOTATION: "hunter22:/Secret:ns/s"})
    );
}

#[test]
fn a_value_of_one_state_is_found_in_the_annotations_of_the_other() {
    let mut desired = secret(&json!({"token": base64("hunter22")}));
    let mut live = secret(&json!({"token": base64("rotated!")}));
    live["metadata"]["annotations"] = json!({"note": "was hunter22"});
    secret_pair(&mut desired, &mut live);
    assert_eq!(live["metadata"]["annotations"]["note"], run(0));
}

#[test]
fn only_secrets_of_the_core_group_are_masked() {
    for (api_version, kind) in [("v1", "ConfigMap"), ("example.org/v1", "Secret"), ("v1", "Pod")] {
        let before = json!({"apiVersion": api_version, "kind": kind, "data": {"a": "b"}});
        let mut after = before.clone();
        object(&mut after);
        assert_eq!(after, before);
    }
    let mut bare = json!({"kind": "Secret", "data": {"a": "YWJjZA=="}});
    object(&mut bare);
    assert_eq!(bare["data"]["a"], run(0));
}

#[test]
fn secrets_in_lists_are_masked() {
    for list in [
        json!({"apiVersion": "v1", "kind": "List", "items": [secret(&json!({"a": "c2VjcmV0"}))]}),
        json!({"apiVersion": "v1", "kind": "SecretList", "items": [{"data": {"a": "c2VjcmV0"}}]}),
    ] {
        let mut list = list;
        object(&mut list);
        assert_eq!(list["items"][0]["data"]["a"], run(0));
    }
}

#[test]
fn misplaced_values_are_masked_too() {
    let mut odd = json!({"apiVersion": "v1", "kind": "Secret", "data": "c2VjcmV0",
        "stringData": {"number": 12345, "list": ["secret"]}});
    object(&mut odd);
    assert_eq!(odd["data"], run(0));
    assert_eq!(odd["stringData"], json!({"number": run(0), "list": run(0)}));
}

fn values() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-c]", "[p-r]{12}", 0..4)
}

proptest! {
    #[test]
    fn no_value_survives_and_equality_does(desired in values(), live in values()) {
        let encode = |map: &BTreeMap<String, String>| -> Value {
            map.iter().map(|(k, v)| (k.clone(), Value::from(base64(v)))).collect::<Map<_, _>>().into()
        };
        let mut a = secret(&encode(&desired));
        let mut b = secret(&encode(&live));
        b["metadata"]["annotations"] = json!({LAST_APPLIED: a.to_string()});
        secret_pair(&mut a, &mut b);
        let shown = format!("{a}{b}");
        for value in desired.values().chain(live.values()) {
            prop_assert!(!shown.contains(value) && !shown.contains(&base64(value)));
        }
        for (key, value) in &desired {
            if let Some(other) = live.get(key) {
                prop_assert_eq!(a["data"][key] == b["data"][key], value == other);
            }
        }
    }
}
