use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::object::{GroupVersionKind, ObjectId, Origin, Packed};

fn target(value: &Value) -> Target {
    let body = Packed::of(value);
    Target {
        id: ObjectId::new("apps", "Deployment", "prod", "web"),
        gvk: GroupVersionKind::parse("apps/v1", "Deployment"),
        digest: super::super::desired::digest(&body),
        body,
        origin: Origin { file: "web.yaml".to_owned(), line: 1 },
        wave: 0,
        awaits: None,
    }
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "prod", "labels": {"app": "web"}},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}
    })
}

fn own_fields() -> FieldSet {
    FieldSet::parse(&json!({
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}
    }))
}

fn live(value: &Value, own: FieldSet, others: Vec<Manager>) -> LiveObject {
    LiveObject {
        id: ObjectId::new("apps", "Deployment", "prod", "web"),
        gvk: GroupVersionKind::parse("apps/v1", "Deployment"),
        uid: "u".to_owned(),
        resource_version: "1".to_owned(),
        app: Some("shop".to_owned()),
        body: Packed::of(value),
        own: Some(Arc::new(own)),
        others: Some(others),
        has_owner: false,
        terminating: false,
        digests: std::sync::OnceLock::new(),
    }
}

/// What a defaulting server makes of `deployment`.
fn defaulted(image: &str) -> Value {
    let mut value = deployment(image);
    value["spec"]["replicas"] = json!(1);
    value["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    value["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    value["status"] = json!({"replicas": 1});
    value
}

fn edited_by(name: &str, fields: &Value) -> Manager {
    Manager {
        name: name.to_owned(),
        operation: "Update".to_owned(),
        subresource: String::new(),
        time: "2026-01-01T00:00:00Z".to_owned(),
        fields: FieldSet::parse(fields),
    }
}

#[test]
fn defaults_of_the_server_are_no_difference_even_after_a_restart() {
    let target = target(&deployment("a"));
    let live = live(&defaulted("a"), own_fields(), Vec::new());
    let Verdict::Clean(Some(print)) = compare(&target, &live, None) else {
        panic!("{:?}", compare(&target, &live, None));
    };
    assert_eq!(compare(&target, &live, Some(&print)), Verdict::Clean(None));
}

#[test]
fn a_new_commit_is_a_change_and_not_a_drift() {
    let live = live(&defaulted("a"), own_fields(), Vec::new());
    let Verdict::Clean(Some(print)) = compare(&target(&deployment("a")), &live, None) else {
        panic!("not clean");
    };
    assert_eq!(compare(&target(&deployment("b")), &live, Some(&print)), Verdict::Changed);
}

#[test]
fn a_field_that_yields_to_whom_has_taken_it_is_no_change() {
    let mut scaled = deployment("a");
    scaled["spec"]["replicas"] = json!(2);
    let all = FieldSet::parse(&json!({
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}
    }));
    let mut value = defaulted("a");
    value["spec"]["replicas"] = json!(2);
    let before = live(&value, all, Vec::new());
    let Verdict::Clean(Some(print)) = compare(&target(&scaled), &before, None) else {
        panic!("not clean");
    };
    value["spec"]["replicas"] = json!(4);
    let after = live(&value, own_fields(), Vec::new());
    // The target without the field that yields.
    let verdict = compare(&target(&deployment("a")), &after, Some(&print));
    assert!(matches!(verdict, Verdict::Clean(Some(_))), "{verdict:?}");
}

#[test]
fn a_drift_names_field_values_and_manager() {
    let target = target(&deployment("a"));
    let clean = live(&defaulted("a"), own_fields(), Vec::new());
    let Verdict::Clean(Some(print)) = compare(&target, &clean, None) else { panic!("not clean") };
    let own = FieldSet::parse(&json!({
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:name": {}}}}}}
    }));
    let taken = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"web\"}": {"f:image": {}}}}}}});
    let drifted = live(&defaulted("evil"), own, vec![edited_by("kubectl-edit", &taken)]);
    let Verdict::Drifted(fields) = compare(&target, &drifted, Some(&print)) else {
        panic!("not drifted");
    };
    assert_eq!(fields.len(), 1, "{fields:?}");
    assert_eq!(fields[0].path.to_string(), ".spec.template.spec.containers[name=\"web\"].image");
    assert_eq!((&fields[0].old, &fields[0].new), (&Some(json!("a")), &Some(json!("evil"))));
    assert_eq!(fields[0].manager, "kubectl-edit");
}

#[test]
fn a_label_that_somebody_removed_is_a_drift_of_the_last_writer() {
    let target = target(&deployment("a"));
    let clean = live(&defaulted("a"), own_fields(), Vec::new());
    let Verdict::Clean(Some(print)) = compare(&target, &clean, None) else { panic!("not clean") };
    let mut value = defaulted("a");
    value["metadata"].as_object_mut().unwrap().remove("labels");
    let own = FieldSet::parse(&json!({
        "f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}
    }));
    let drifted = live(&value, own, vec![edited_by("kubectl-label", &json!({}))]);
    let Verdict::Drifted(fields) = compare(&target, &drifted, Some(&print)) else {
        panic!("not drifted");
    };
    assert_eq!(fields[0].path.to_string(), ".metadata.labels");
    assert_eq!(fields[0].manager, "kubectl-label");
}

#[test]
fn a_field_that_others_added_is_none_of_our_business() {
    let target = target(&deployment("a"));
    let mut value = defaulted("a");
    value["spec"]["replicas"] = json!(7);
    value["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
    let live = live(&value, own_fields(), Vec::new());
    assert!(matches!(compare(&target, &live, None), Verdict::Clean(Some(_))));
}

#[test]
fn a_field_that_git_dropped_is_left_to_the_dry_run() {
    let mut without = deployment("a");
    without["metadata"].as_object_mut().unwrap().remove("labels");
    let live = live(&defaulted("a"), own_fields(), Vec::new());
    assert_eq!(compare(&target(&without), &live, None), Verdict::Doubt);
}

#[test]
fn a_value_that_the_server_writes_differently_is_left_to_the_dry_run() {
    let live = live(&defaulted("docker.io/a"), own_fields(), Vec::new());
    assert_eq!(compare(&target(&deployment("a")), &live, None), Verdict::Doubt);
}

#[test]
fn an_object_that_we_never_applied_is_unmanaged() {
    let mut live = live(&defaulted("a"), own_fields(), Vec::new());
    live.own = None;
    assert_eq!(compare(&target(&deployment("a")), &live, None), Verdict::Unmanaged);
}
