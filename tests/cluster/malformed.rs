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
    scene.home.kubectl(&["delete", "application", "shop"], None);
    scene.until("shop", "it to be gone", Value::is_null).await;

    scene.patch("bad", &json!({"spec": {"source": {"kustomize": null}}}));
    let app = scene.healthy("bad", &commit).await;
    assert_eq!(condition(&app, "InvalidSpecError"), None);
    scene.assert_settled("bad").await;
}
