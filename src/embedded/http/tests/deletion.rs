//! Deletion: finalizers, grace, preconditions, collections, namespaces.

use super::*;

#[tokio::test]
async fn a_finalizer_holds_an_object() {
    let admin = Caller::admin();
    let object = json!({"metadata": {"name": "a", "finalizers": ["test.dev/hold"]}});
    admin.post(MAPS, &object).await;
    let path = format!("{MAPS}/a");
    let (code, object) = admin.delete(&path).await;
    assert_eq!(code, 200);
    assert!(object["metadata"]["deletionTimestamp"].is_string(), "{object}");
    let more = json!({"metadata": {"finalizers": ["test.dev/hold", "test.dev/more"]}});
    assert_eq!(admin.patch(&path, "merge-patch+json", &more).await.0, 422);
    let (code, status) = admin.post(MAPS, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(code, 409);
    assert!(status["message"].as_str().unwrap().starts_with("object is being deleted: "));
    let none = json!({"metadata": {"finalizers": null}});
    let (code, last) = admin.patch(&path, "merge-patch+json", &none).await;
    assert_eq!((code, &last["metadata"]["name"]), (200, &json!("a")));
    assert_eq!(admin.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_deletion_says_what_becomes_of_dependants() {
    let admin = Caller::admin();
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        admin.map("a", &json!({})).await;
        let path = format!("{MAPS}/a");
        let (code, object) =
            admin.send("DELETE", &path, &json!({"propagationPolicy": policy})).await;
        assert_eq!(code, 200, "{object}");
        assert_eq!(object["metadata"]["finalizers"], json!([finalizer]));
        let none = json!({"metadata": {"finalizers": []}});
        admin.patch(&path, "merge-patch+json", &none).await;
        assert_eq!(admin.get(&path).await.0, 404, "{policy}");
    }
    admin.map("a", &json!({})).await;
    let (code, _) =
        admin.send("DELETE", &format!("{MAPS}/a"), &json!({"propagationPolicy": "Later"})).await;
    assert_eq!(code, 422);
}

#[tokio::test]
async fn preconditions_guard_a_deletion() {
    let admin = Caller::admin();
    let object = admin.map("a", &json!({})).await;
    let path = format!("{MAPS}/a");
    for wrong in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let (code, status) = admin.send("DELETE", &path, &json!({"preconditions": wrong})).await;
        assert_eq!((code, &status["reason"]), (409, &json!("Conflict")), "{status}");
    }
    let right = json!({"preconditions": {"uid": object["metadata"]["uid"]}});
    assert_eq!(admin.send("DELETE", &path, &right).await.0, 200);
}

fn pod(node: &str) -> Value {
    let mut pod = json!({"metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "nginx:1"}]}});
    if !node.is_empty() {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn a_running_pod_has_time_to_end() {
    let admin = Caller::admin();
    let path = format!("{PODS}/web");
    let (code, object) = admin.post(PODS, &pod("embedded")).await;
    assert_eq!(code, 201, "{object}");
    let (_, object) = admin.delete(&path).await;
    assert_eq!(object["metadata"]["deletionGracePeriodSeconds"], 30, "{object}");
    let version = object["metadata"]["resourceVersion"].clone();
    let (_, again) = admin.delete(&path).await;
    assert_eq!(again["metadata"]["resourceVersion"], version, "asking again changes nothing");
    admin.send("DELETE", &path, &json!({"gracePeriodSeconds": 0})).await;
    assert_eq!(admin.get(&path).await.0, 404);
    admin.post(PODS, &pod("")).await;
    admin.delete(&path).await;
    assert_eq!(admin.get(&path).await.0, 404, "a pod without a node goes at once");
}

#[tokio::test]
async fn a_pod_is_bound_once_and_can_be_evicted() {
    let admin = Caller::admin();
    admin.post(PODS, &pod("")).await;
    let binding =
        json!({"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "embedded"}});
    let path = format!("{PODS}/web/binding");
    assert_eq!(admin.post(&path, &binding).await.0, 201);
    assert_eq!(admin.post(&path, &binding).await.0, 409);
    let (_, object) = admin.get(&format!("{PODS}/web")).await;
    assert_eq!(object["spec"]["nodeName"], "embedded");
    let path = format!("{PODS}/web/eviction");
    assert_eq!(admin.post(&path, &json!({"metadata": {"name": "web"}})).await.0, 201);
    let (_, object) = admin.get(&format!("{PODS}/web")).await;
    assert!(object["metadata"]["deletionTimestamp"].is_string());
    for sub in ["log", "exec", "attach", "portforward"] {
        let (code, status) = admin.get(&format!("{PODS}/web/{sub}")).await;
        assert_eq!(code, 501, "{status}");
        assert!(status["message"].as_str().unwrap().contains("runs no containers"));
    }
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let admin = Caller::admin();
    for (name, app) in [("a", "web"), ("b", "db"), ("c", "web")] {
        admin.map(name, &json!({"app": app})).await;
    }
    let (code, list) = admin.delete(&format!("{MAPS}?labelSelector=app%3Dweb")).await;
    assert_eq!((code, names(&list)), (200, vec!["a", "c"]));
    let (_, left) = admin.get(MAPS).await;
    assert_eq!(names(&left), ["b"]);
}

#[tokio::test]
async fn a_namespace_that_ends_takes_nothing_new() {
    let admin = Caller::admin();
    let (code, created) =
        admin.post("/api/v1/namespaces", &json!({"metadata": {"name": "shop"}})).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["status"]["phase"], "Active");
    assert_eq!(created["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(created["metadata"]["labels"]["kubernetes.io/metadata.name"], "shop");
    let (code, object) = admin.delete("/api/v1/namespaces/shop").await;
    assert_eq!((code, &object["status"]["phase"]), (200, &json!("Terminating")));
    let maps = "/api/v1/namespaces/shop/configmaps";
    let (code, status) = admin.post(maps, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!((code, &status["reason"]), (403, &json!("Forbidden")));
    assert_eq!(
        status["message"],
        "configmaps \"a\" is forbidden: unable to create new content in namespace shop because it \
         is being terminated"
    );
    let mut done = object.clone();
    done["spec"]["finalizers"] = json!([]);
    assert_eq!(admin.send("PUT", "/api/v1/namespaces/shop/finalize", &done).await.0, 200);
    assert_eq!(admin.get("/api/v1/namespaces/shop").await.0, 404);
    let (code, status) = admin.delete("/api/v1/namespaces/default").await;
    assert_eq!(code, 403, "{status}");
}
