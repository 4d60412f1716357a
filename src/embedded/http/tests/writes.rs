//! Create, update and patch.

use super::*;

#[tokio::test]
async fn an_object_is_created_read_and_deleted() {
    let admin = Caller::admin();
    let created = admin.map("a", &json!({})).await;
    assert_eq!(created["apiVersion"], "v1");
    assert_eq!(created["metadata"]["namespace"], "default");
    assert_eq!(created["metadata"]["managedFields"][0]["manager"], "test");
    let path = format!("{MAPS}/a");
    assert_eq!(admin.get(&path).await, (200, created.clone()));
    let (code, status) = admin.post(MAPS, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!((code, &status["reason"]), (409, &json!("AlreadyExists")));
    assert_eq!(status["message"], "configmaps \"a\" already exists");
    let (code, status) = admin.delete(&path).await;
    assert_eq!((code, &status["status"]), (200, &json!("Success")));
    assert_eq!(status["details"]["uid"], created["metadata"]["uid"]);
    let (code, status) = admin.get(&path).await;
    assert_eq!((code, &status["message"]), (404, &json!("configmaps \"a\" not found")));
}

#[tokio::test]
async fn a_name_is_made_where_only_its_beginning_is_given() {
    let admin = Caller::admin();
    let (code, one) = admin.post(MAPS, &json!({"metadata": {"generateName": "job-"}})).await;
    assert_eq!(code, 201, "{one}");
    let name = one["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("job-") && name.len() == 9, "{name}");
    let (code, status) = admin.post(MAPS, &json!({"metadata": {}})).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{status}");
}

#[tokio::test]
async fn nothing_is_created_without_a_namespace() {
    let admin = Caller::admin();
    let path = "/api/v1/namespaces/none/configmaps";
    let (code, status) = admin.post(path, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!((code, &status["message"]), (404, &json!("namespaces \"none\" not found")));
    let other = json!({"metadata": {"name": "a", "namespace": "other"}});
    let (code, status) = admin.post(MAPS, &other).await;
    assert_eq!(code, 400, "{status}");
}

#[tokio::test]
async fn a_dry_run_answers_and_writes_nothing() {
    let admin = Caller::admin();
    let body = json!({"metadata": {"name": "a"}});
    let (code, object) = admin.post(&format!("{MAPS}?dryRun=All"), &body).await;
    assert_eq!(code, 201);
    assert!(object["metadata"].get("resourceVersion").is_none(), "{object}");
    assert_eq!(admin.get(&format!("{MAPS}/a")).await.0, 404);
    let before = admin.map("a", &json!({})).await;
    let path = format!("{MAPS}/a?dryRun=All");
    let change = json!({"data": {"a": "2"}});
    let (code, object) = admin.patch(&path, "merge-patch+json", &change).await;
    assert_eq!((code, &object["data"]["a"]), (200, &json!("2")));
    assert_eq!(admin.delete(&path).await.0, 200);
    assert_eq!(admin.get(&format!("{MAPS}/a")).await.1, before);
}

#[tokio::test]
async fn an_update_of_an_old_state_is_a_conflict() {
    let admin = Caller::admin();
    let old = admin.map("a", &json!({})).await;
    let path = format!("{MAPS}/a");
    let mut new = old.clone();
    new["data"]["a"] = json!("2");
    let (code, new) = admin.send("PUT", &path, &new).await;
    assert_eq!(code, 200, "{new}");
    assert_ne!(new["metadata"]["resourceVersion"], old["metadata"]["resourceVersion"]);
    let (code, status) = admin.send("PUT", &path, &old).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    let message = status["message"].as_str().unwrap();
    assert!(message.ends_with("to the latest version and try again"), "{message}");
    // The same once more changes nothing, not even the version.
    let (_, same) = admin.send("PUT", &path, &new).await;
    assert_eq!(same, new);
    let mut other = new.clone();
    other["metadata"]["uid"] = json!("another");
    assert_eq!(admin.send("PUT", &path, &other).await.0, 409);
    other["metadata"]["name"] = json!("b");
    assert_eq!(admin.send("PUT", &path, &other).await.0, 400);
}

#[tokio::test]
async fn all_four_patches_change_an_object() {
    let admin = Caller::admin();
    admin.map("a", &json!({})).await;
    let path = format!("{MAPS}/a");
    let (code, object) = admin.patch(&path, "merge-patch+json", &json!({"data": {"b": "2"}})).await;
    assert_eq!((code, &object["data"]), (200, &json!({"a": "1", "b": "2"})));
    let operations = json!([{"op": "remove", "path": "/data/b"}]);
    let (code, object) = admin.patch(&path, "json-patch+json", &operations).await;
    assert_eq!((code, &object["data"]), (200, &json!({"a": "1"})));
    let (code, object) =
        admin.patch(&path, "strategic-merge-patch+json", &json!({"data": {"c": "3"}})).await;
    assert_eq!((code, &object["data"]["c"]), (200, &json!("3")));
    let applied = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: yes!}\n";
    let apply = |query: &str| {
        let (admin, path) = (admin.clone(), format!("{path}?{query}"));
        async move {
            admin.raw("PATCH", &path, "application/apply-patch+yaml", applied.to_owned()).await
        }
    };
    let (code, status) = apply("fieldManager=me").await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")), "{status}");
    assert_eq!(status["details"]["causes"][0]["field"], ".data.a");
    let (code, object) = apply("fieldManager=me&force=true").await;
    assert_eq!((code, &object["data"]["a"]), (200, &json!("yes!")));
    let (_, again) = apply("fieldManager=me").await;
    assert_eq!(again, object, "an apply that changes nothing writes nothing");
    let (code, status) = admin.patch(&path, "json", &json!({})).await;
    assert_eq!((code, &status["reason"]), (415, &json!("UnsupportedMediaType")));
}

#[tokio::test]
async fn an_apply_creates_what_is_not_there() {
    let admin = Caller::admin();
    let path = format!("{MAPS}/new?fieldManager=me&force=true");
    let mut body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}});
    assert_eq!(admin.patch(&path, "apply-patch+yaml", &body).await.0, 400, "it has no name");
    body["metadata"] = json!({"name": "new"});
    assert_eq!(admin.patch(&path, "apply-patch+yaml", &body).await.0, 201);
    assert_eq!(admin.patch(&path, "apply-patch+yaml", &body).await.0, 200);
    assert_eq!(admin.patch(&path, "merge-patch+json", &json!({})).await.0, 422, "by force");
    let path = format!("{MAPS}/new");
    assert_eq!(admin.patch(&path, "merge-patch+json", &json!({})).await.0, 200);
    let path = format!("{MAPS}/none");
    assert_eq!(admin.patch(&path, "merge-patch+json", &json!({})).await.0, 404);
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1"}]}}},
        "status": {"replicas": 7},
    })
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

#[tokio::test]
async fn spec_and_status_are_written_apart() {
    let admin = Caller::admin();
    let (code, created) = admin.post(DEPLOYMENTS, &deployment()).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["metadata"]["generation"], 1);
    assert!(created["status"].get("replicas").is_none(), "{created}");
    let path = format!("{DEPLOYMENTS}/web");
    let both = json!({"spec": {"replicas": 3}, "status": {"replicas": 3}});
    let (_, spec) = admin.patch(&path, "merge-patch+json", &both).await;
    assert_eq!(
        (&spec["spec"]["replicas"], &spec["metadata"]["generation"]),
        (&json!(3), &json!(2))
    );
    assert!(spec["status"].get("replicas").is_none());
    let both = json!({"spec": {"replicas": 9}, "status": {"replicas": 3}});
    let (code, status) = admin.patch(&format!("{path}/status"), "merge-patch+json", &both).await;
    assert_eq!(code, 200, "{status}");
    assert_eq!(status["spec"]["replicas"], 3);
    assert_eq!(status["status"]["replicas"], 3);
    assert_eq!(status["metadata"]["generation"], 2);
}

#[tokio::test]
async fn a_scale_sets_the_replicas() {
    let admin = Caller::admin();
    admin.post(DEPLOYMENTS, &deployment()).await;
    let path = format!("{DEPLOYMENTS}/web/scale");
    let (code, scale) = admin.get(&path).await;
    assert_eq!((code, &scale["kind"]), (200, &json!("Scale")));
    assert_eq!(scale["status"]["selector"], "app=web");
    let change = json!({"spec": {"replicas": 5}});
    let (code, scale) = admin.patch(&path, "merge-patch+json", &change).await;
    assert_eq!((code, &scale["spec"]["replicas"]), (200, &json!(5)), "{scale}");
    let (_, object) = admin.get(&format!("{DEPLOYMENTS}/web")).await;
    assert_eq!(object["spec"]["replicas"], 5);
}

#[tokio::test]
async fn unknown_fields_are_warned_of_or_refused() {
    let admin = Caller::admin();
    let mut object = deployment();
    object["spec"]["replica"] = json!(1);
    let strict = format!("{DEPLOYMENTS}?fieldValidation=Strict");
    let (code, status) = admin.post(&strict, &object).await;
    assert_eq!(code, 400);
    let message = status["message"].as_str().unwrap();
    assert!(
        message.ends_with("strict decoding error: unknown field \"spec.replica\""),
        "{message}"
    );
    let response = admin.open("POST", DEPLOYMENTS, "application/json", object.to_string()).await;
    assert_eq!(response.status(), 201);
    let warning = response.headers()["warning"].to_str().unwrap();
    assert_eq!(warning, "299 - \"unknown field \\\"spec.replica\\\"\"");
    let (_, object) = admin.get(&format!("{DEPLOYMENTS}/web")).await;
    assert!(object["spec"].get("replica").is_none(), "unknown fields are dropped");
}

#[tokio::test]
async fn a_body_is_json_or_yaml_and_not_too_large() {
    let admin = Caller::admin();
    let yaml = "metadata: {name: a}\ndata: {a: 'on'}\n".to_owned();
    let (code, object) = admin.raw("POST", MAPS, "application/yaml", yaml).await;
    assert_eq!((code, &object["data"]["a"]), (201, &json!("on")), "{object}");
    let (code, _) = admin.raw("POST", MAPS, "application/json", "{".to_owned()).await;
    assert_eq!(code, 400);
    let (code, _) = admin.raw("POST", MAPS, "text/plain", "{}".to_owned()).await;
    assert_eq!(code, 415);
    let large = json!({"metadata": {"name": "b"}, "data": {"a": "x".repeat(4 << 20)}});
    assert_eq!(admin.post(MAPS, &large).await.0, 413);
    let (code, status) = admin.post(MAPS, &json!({"kind": "Secret"})).await;
    assert_eq!(code, 400, "{status}");
}
