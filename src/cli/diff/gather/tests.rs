use serde_json::json;

use super::*;

fn item(kind: &str, name: &str, states: [Option<Value>; 3]) -> Value {
    let [target, live, predicted] =
        states.map(|state| state.map_or("null".to_owned(), |state| state.to_string()));
    json!({"group": "", "kind": kind, "namespace": "shop", "name": name,
        "targetState": target, "liveState": live, "predictedLiveState": predicted})
}

fn object(kind: &str, name: &str, namespace: &str, data: &Value) -> Value {
    let mut object =
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

fn tracked(mut object: Value) -> Value {
    meta::set_annotation(&mut object, tracking::ANNOTATION, "web:/ConfigMap:shop/x");
    meta::set_annotation(&mut object, tracking::INSTALLATION, "argocd");
    object
}

#[test]
fn what_is_missing_is_created_and_what_git_dropped_is_pruned() {
    let x = object("ConfigMap", "x", "shop", &json!({"a": "1"}));
    let answer = json!({"items": [
        item("ConfigMap", "new", [Some(x.clone()), None, None]),
        item("ConfigMap", "old", [None, Some(x.clone()), Some(x.clone())]),
        item("ConfigMap", "same", [Some(x.clone()), Some(x.clone()), Some(x.clone())]),
        {"kind": "Job", "name": "hook", "hook": true, "targetState": x.to_string()},
    ]});
    let pairs = as_it_is(managed(&answer).unwrap());
    let states: Vec<(&str, bool, bool)> = pairs
        .iter()
        .map(|pair| (pair.id.name.as_str(), pair.now.is_some(), pair.after.is_some()))
        .collect();
    assert_eq!(states, [("new", false, true), ("old", true, false), ("same", true, true)]);
}

#[test]
fn a_state_that_is_no_json_is_an_error() {
    let answer = json!({"items": [{"kind": "ConfigMap", "name": "x", "liveState": "{"}]});
    assert_eq!(managed(&answer).unwrap_err().kind, Kind::Cluster);
}

#[test]
fn other_manifests_are_laid_over_the_prediction() {
    let target = tracked(object("ConfigMap", "x", "shop", &json!({"a": "1", "b": "1"})));
    let mut live = target.clone();
    live["data"]["ignored"] = json!("theirs");
    let answer = json!({"items": [
        item("ConfigMap", "x", [Some(target), Some(live.clone()), Some(live)]),
        item("ConfigMap", "gone", [None, Some(json!({"kind": "ConfigMap"})), None]),
    ]});
    // Written by an author: no namespace, no tracking id.
    let wanted = vec![
        object("ConfigMap", "x", "", &json!({"a": "2"})),
        object("ConfigMap", "new", "", &json!({})),
        json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "h", "annotations": {"argocd.argoproj.io/hook": "PreSync"}}}),
    ];
    let pairs = with(managed(&answer).unwrap(), wanted, "shop");
    let names: Vec<String> = pairs.iter().map(|pair| pair.id.to_string()).collect();
    assert_eq!(names, ["ConfigMap new", "ConfigMap shop/gone", "ConfigMap shop/x"]);
    let x = pairs[2].after.as_ref().unwrap();
    assert_eq!(x["data"], json!({"a": "2", "ignored": "theirs"}), "a is changed, b goes");
    assert_eq!(x["metadata"], tracked(object("ConfigMap", "x", "shop", &json!({})))["metadata"]);
    assert!(pairs[1].after.is_none());
}

#[test]
fn an_object_of_the_whole_cluster_is_found_without_its_scope_being_known() {
    let role = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}});
    let mut entry =
        item("Namespace", "x", [Some(role.clone()), Some(role.clone()), Some(role.clone())]);
    entry["namespace"] = json!("");
    let pairs = with(managed(&json!({"items": [entry]})).unwrap(), vec![role.clone()], "shop");
    assert_eq!(pairs.len(), 1);
    assert_eq!((pairs[0].now.as_ref(), pairs[0].after.as_ref()), (Some(&role), Some(&role)));
}

#[test]
fn of_secrets_only_the_keys_are_compared() {
    let masked = object("Secret", "s", "shop", &json!({"a": "++++++++", "b": "++++++++++++"}));
    let answer = json!({"items": [
        item("Secret", "s", [Some(masked.clone()), Some(masked.clone()), Some(masked)]),
    ]});
    let mut wanted = object("Secret", "s", "", &json!({"a": "c2VjcmV0"}));
    wanted["stringData"] = json!({"c": "hunter2"});
    let pairs = with(managed(&answer).unwrap(), vec![wanted], "shop");
    assert!(pairs[0].values_hidden);
    let after = pairs[0].after.as_ref().unwrap();
    assert!(!after.to_string().contains("hunter2") && !after.to_string().contains("c2VjcmV0"));
    assert_eq!(after["data"]["a"], pairs[0].now.as_ref().unwrap()["data"]["a"]);
    assert!(after["data"].get("b").is_none() && after["data"].get("c").is_some(), "{after}");
}
