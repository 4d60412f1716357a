//! Applications that can't be read, although the API server took them.

use serde_json::{Value, json};

use crate::common::{Scene, condition, config_map};

#[tokio::test]
async fn an_application_that_cannot_be_read_says_which_field_and_stops_no_other() {
    let Some(scene) = Scene::begin("malformed").await else { return };
    let settings = config_map("settings", &[("colour", "green")]);
    let commit = scene.repo.write("shop/config.yaml", &settings).commit("Open the shop");
    // The schema says "a number or a text", and this is more replicas than Kubernetes can count.
    let replicas = json!([{"name": "web", "count": 3_000_000_000_u32}]);
    let overrides = json!({"replicas": replicas});
    scene.application("bad", |app| app["spec"]["source"]["kustomize"] = overrides);
    let message = scene.condition("bad", "InvalidSpecError").await;
    println!("an unreadable Application as people see it: {message}");
    assert!(message.contains("kustomize.replicas[0].count"), "{message}");
    let app = scene.app("bad").await;
    assert_eq!(app["status"]["sync"]["status"], "Unknown");
    scene
        .event("bad", "ConditionRaised", &["InvalidSpecError", "kustomize.replicas[0].count"])
        .await;
    assert!(scene.live("v1", "configmaps", "settings").await.is_none());

    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
    scene.home.delete("application", "shop");
    scene.until("shop", "it to be gone", Value::is_null).await;

    scene.patch("bad", &json!({"spec": {"source": {"kustomize": null}}}));
    let app = scene.healthy("bad", &commit).await;
    assert_eq!(condition(&app, "InvalidSpecError"), None);
    scene.assert_settled("bad").await;
}

#[tokio::test]
async fn an_application_that_cannot_be_read_is_deleted_with_its_objects() {
    let Some(scene) = Scene::begin("undead").await else { return };
    let settings = config_map("settings", &[("colour", "green")]);
    let commit = scene.repo.write("shop/config.yaml", &settings).commit("Open the shop");
    scene.application("shop", |app| {
        app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    });
    scene.healthy("shop", &commit).await;
    let replicas = json!([{"name": "web", "count": 3_000_000_000_u32}]);
    scene.patch("shop", &json!({"spec": {"source": {"kustomize": {"replicas": replicas}}}}));
    scene.condition("shop", "InvalidSpecError").await;
    scene.home.delete("application", "shop");
    scene.until("shop", "the application to be gone", Value::is_null).await;
    assert!(scene.live("v1", "configmaps", "settings").await.is_none(), "{}", scene.tail());
}

#[tokio::test]
async fn an_application_whose_cluster_is_not_known_keeps_its_finalizer_and_says_what_to_do() {
    let Some(scene) = Scene::begin("away-from").await else { return };
    let settings = config_map("settings", &[("colour", "green")]);
    let commit = scene.repo.write("shop/config.yaml", &settings).commit("Open the shop");
    scene.application("shop", |app| {
        app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    });
    scene.healthy("shop", &commit).await;
    let there = json!({"server": "https://elsewhere.example"});
    scene.patch("shop", &json!({"spec": {"destination": there}}));
    scene.condition("shop", "InvalidSpecError").await;
    scene.home.delete("application", "shop");
    let message = scene.condition("shop", "DeletionError").await;
    println!("objects out of reach as people see them: {message}");
    let parts = ["elsewhere.example", "spec.destination", "finalizer"];
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    scene.event("shop", "ConditionRaised", &["DeletionError", "elsewhere.example"]).await;
    // One that never got so far is held as well: that its status names nothing proves nothing.
    scene.application("depot", |app| {
        app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
        app["spec"]["destination"] = json!({"server": "https://elsewhere.example"});
    });
    scene.condition("depot", "InvalidSpecError").await;
    scene.home.delete("application", "depot");
    let message = scene.condition("depot", "DeletionError").await;
    assert!(message.contains("elsewhere.example"), "{message}");
    // What is here went all the same.
    assert!(scene.live("v1", "configmaps", "settings").await.is_none(), "{}", scene.tail());
    let here = json!({"server": "https://kubernetes.default.svc"});
    for name in ["shop", "depot"] {
        scene.patch(name, &json!({"spec": {"destination": here}}));
        scene.until(name, "the application to be gone", Value::is_null).await;
    }
}
