//! What an operation leaves behind: its end by a person, a source that changes, an approval that has
//! to wait, objects of another tool.

use serde_json::{Value, json};

use crate::common::{
    Scene, annotated, by_hand, condition, config_map, deployment, is_synced, resource,
};

fn phase(app: &Value) -> &str {
    app["status"]["operationState"]["phase"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_automated_sync_that_somebody_ends_stays_ended() {
    let Some(scene) = Scene::begin("ended").await else { return };
    let first = deployment("web", "shop/web:1.0", 1, "never-ready");
    let second = config_map("late", &[("key", "value")]);
    let second = annotated(&second, "argocd.argoproj.io/sync-wave", "1");
    scene.repo.write("shop/web.yaml", &first);
    scene.repo.write("shop/late.yaml", &second);
    scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene
        .until("shop", "the sync to wait", |app| {
            let message = app["status"]["operationState"]["message"].as_str().unwrap_or_default();
            phase(app) == "Running" && message.contains("Deployment/web")
        })
        .await;
    scene.api("DELETE", "shop", "/operation", None);
    let ended = |app: &Value| {
        phase(app) == "Failed"
            && app["status"]["operationState"]["message"] == "Operation terminated"
    };
    scene.until("shop", "the end", ended).await;
    let app = scene.refresh("shop", "normal").await;
    assert!(ended(&app), "{:#}", app["status"]["operationState"]);

    // The next commit is another matter.
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:2.0", 1, ""));
    let commit = scene.repo.commit("Mend it");
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn another_path_at_the_same_commit_is_news_also_without_self_heal() {
    let Some(scene) = Scene::begin("path").await else { return };
    scene.repo.write("shop/a.yaml", &config_map("a", &[("key", "1")]));
    scene.repo.write("other/b.yaml", &config_map("b", &[("key", "1")]));
    let commit = scene.repo.commit("Two directories");
    scene.application("shop", |app| {
        app["spec"]["syncPolicy"]["automated"] = json!({"prune": true, "allowEmpty": true});
    });
    scene.healthy("shop", &commit).await;
    scene.patch("shop", &json!({"spec": {"source": {"path": "other"}}}));
    scene.live_until(("v1", "configmaps", "b"), "the other one", Value::is_object).await;
    scene.live_until(("v1", "configmaps", "a"), "the first to be gone", Value::is_null).await;
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn an_approval_holds_while_the_sync_that_needs_it_waits() {
    let Some(scene) = Scene::begin("approved").await else { return };
    for number in 0..12 {
        let name = format!("item-{number}");
        scene.repo.write(&format!("shop/{name}.yaml"), &config_map(&name, &[("key", "value")]));
    }
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;

    for number in 0..11 {
        scene.repo.remove(&format!("shop/item-{number}.yaml"));
    }
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, "never-ready"));
    let commit = scene.repo.commit("Replace almost everything");
    // The sync ends without what nobody has confirmed yet.
    let held = |app: &Value| {
        phase(app) == "Succeeded"
            && app["status"]["operationState"]["syncResult"]["revision"] == commit
            && condition(app, "SyncError").is_some()
    };
    scene.until("shop", "the prune to be held", held).await;
    scene.approve("shop").await;
    scene
        .until("shop", "the sync to wait for the new object", |app| {
            let message = app["status"]["operationState"]["message"].as_str().unwrap_or_default();
            message.contains("Deployment/web") && condition(app, "SyncError").is_none()
        })
        .await;
    scene.target.direct_pods("web-", Some("ready"));
    scene.live_until(("v1", "configmaps", "item-0"), "it to be gone", Value::is_null).await;
    scene.until("shop", "the end", |app| phase(app) == "Succeeded").await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn what_argo_cd_left_in_sync_is_in_sync_and_becomes_ours_by_the_first_automated_sync() {
    let Some(scene) = Scene::begin("moved").await else { return };
    let map = config_map("map", &[("key", "git")]);
    let commit = scene.repo.write("shop/map.yaml", &map).commit("Open the shop");
    scene.plane.apply_as("argocd-controller", scene.target.name(), &map);
    scene.application("shop", by_hand);
    let app = scene.until("shop", "it to be synced", |app| is_synced(app, &commit)).await;
    assert_eq!(resource(&app, "ConfigMap", "map")["status"], "Synced");
    let owner = |live: &Value| {
        let entries = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries.iter().any(|entry| entry["manager"] == "steadfast")
    };
    let live = scene.live("v1", "configmaps", "map").await.expect("it is there");
    assert!(!owner(&live), "nobody asked for a sync: {live:#}");

    scene.patch("shop", &json!({"spec": {"syncPolicy": {"automated": {}}}}));
    scene.live_until(("v1", "configmaps", "map"), "it to be ours", owner).await;
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn an_operation_ends_when_its_application_can_not_be_used_any_longer() {
    let Some(scene) = Scene::begin("unusable").await else { return };
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, "never-ready"));
    let late = config_map("late", &[("key", "value")]);
    let late = annotated(&late, "argocd.argoproj.io/sync-wave", "1");
    scene.repo.write("shop/late.yaml", &late).commit("Open the shop");
    scene.application("shop", |_| ());
    scene.until("shop", "the sync to run", |app| phase(app) == "Running").await;
    scene.patch("shop", &json!({"spec": {"project": "nobody-knows-it"}}));
    scene.condition("shop", "InvalidSpecError").await;
    scene.until("shop", "the end", |app| phase(app) == "Error").await;
}
