use super::*;

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1", "fieldsV1": fields, "time": "2026-01-01T00:00:00Z"})
}

fn live(entries: &[Value]) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"managedFields": entries}})
}

fn body(replicas: Option<u32>) -> Value {
    let mut body =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"paused": false}});
    if let Some(replicas) = replicas {
        body["spec"]["replicas"] = replicas.into();
    }
    body
}

fn by_manager<'a>(entries: &'a [Value], manager: &str) -> Vec<&'a Value> {
    entries
        .iter()
        .filter(|entry| entry["manager"] == manager)
        .map(|entry| &entry["fieldsV1"])
        .collect()
}

#[test]
fn what_appliers_own_becomes_ours_and_others_keep_theirs() {
    let mut status =
        entry("kubectl-client-side-apply", "Update", &json!({"f:status": {"f:a": {}}}));
    status["subresource"] = "status".into();
    let live = live(&[
        entry(
            "kubectl-client-side-apply",
            "Update",
            &json!({"f:spec": {"f:paused": {}, "f:old": {}}}),
        ),
        entry("argocd-controller", "Apply", &json!({"f:spec": {"f:paused": {}, "f:strategy": {}}})),
        entry("kubectl-edit", "Update", &json!({"f:spec": {"f:edited": {}}})),
        status.clone(),
        entry("steadfast", "Apply", &json!({"f:metadata": {"f:labels": {"f:app": {}}}})),
    ]);
    let after = take_over(&live, &body(None), &[]).unwrap();
    assert_eq!(
        by_manager(&after, "steadfast"),
        [&json!({"f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:paused": {}, "f:old": {}, "f:strategy": {}}})]
    );
    assert_eq!(by_manager(&after, "kubectl-edit"), [&json!({"f:spec": {"f:edited": {}}})]);
    assert!(after.contains(&status) && by_manager(&after, "argocd-controller").is_empty());
    assert_eq!(after.len(), 3);
}

#[test]
fn an_object_of_nobody_we_know_is_left_alone() {
    assert_eq!(take_over(&live(&[]), &body(None), &[]), None);
    let foreign = live(&[entry("kube-controller-manager", "Update", &json!({"f:spec": {}}))]);
    assert_eq!(take_over(&foreign, &body(None), &[]), None);
}

#[test]
fn replicas_that_git_does_not_name_stay_with_their_owner() {
    let live =
        live(&[entry("kubectl", "Update", &json!({"f:spec": {"f:paused": {}, "f:replicas": {}}}))]);
    let after = take_over(&live, &body(None), &[]).unwrap();
    assert_eq!(by_manager(&after, "kubectl"), [&json!({"f:spec": {"f:replicas": {}}})]);
    assert_eq!(by_manager(&after, "steadfast"), [&json!({"f:spec": {"f:paused": {}}})]);
    let after = take_over(&live, &body(Some(2)), &[]).unwrap();
    assert!(by_manager(&after, "kubectl").is_empty());
}

#[test]
fn fields_that_yield_stay_where_they_are() {
    let image =
        json!({"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:name": {}}}});
    let live = live(&[entry("helm", "Update", &json!({"f:spec": image}))]);
    let key = serde_json::Map::from_iter([("name".to_owned(), json!("c"))]);
    let path = FieldPath(vec![
        PathElement::Field("spec".into()),
        PathElement::Field("containers".into()),
        PathElement::Key(key),
        PathElement::Field("image".into()),
    ]);
    let after = take_over(&live, &body(None), &[path]).unwrap();
    let kept = json!({"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {"f:image": {}}}}});
    assert_eq!(by_manager(&after, "helm"), [&kept]);
    let ours = json!({"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}}}}});
    assert_eq!(by_manager(&after, "steadfast"), [&ours]);
}

#[test]
fn fields_of_another_version_are_dropped_not_misread() {
    let mut old = entry("kubectl", "Update", &json!({"f:spec": {"f:old": {}}}));
    old["apiVersion"] = "extensions/v1beta1".into();
    let live = live(&[old, entry("kubectl-edit", "Update", &json!({"f:x": {}}))]);
    let after = take_over(&live, &body(None), &[]).unwrap();
    assert_eq!(after.len(), 1);
    assert!(by_manager(&after, "steadfast").is_empty());
}

#[test]
fn giving_up_takes_a_field_out_of_our_entry_only() {
    let replicas = FieldPath::fields(&["spec", "replicas"]);
    let ours = |fields: Value| live(&[entry("steadfast", "Apply", &fields)]);
    let after = release(
        &ours(json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})),
        std::slice::from_ref(&replicas),
    );
    assert_eq!(by_manager(&after.unwrap(), "steadfast"), [&json!({"f:spec": {"f:paused": {}}})]);
    let after =
        release(&ours(json!({"f:spec": {"f:replicas": {}}})), std::slice::from_ref(&replicas));
    assert_eq!(by_manager(&after.unwrap(), "steadfast"), [&json!({})], "no empty f:spec is left");
    assert_eq!(release(&ours(json!({"f:spec": {"f:paused": {}}})), &[replicas]), None);
}
