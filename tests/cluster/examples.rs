//! The examples as they are, from their first commit to a new image.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::Scene;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Puts the manifests of an example into the repository of the scene and applies its Application
/// with no more than the place of both changed.
fn open(scene: &Scene, name: &str) -> String {
    scene.repo.copy(&example(name).join("manifests"), "manifests");
    let commit = scene.repo.commit("Import the example");
    let file = example(name).join("application.yaml");
    let application = std::fs::read_to_string(file).expect("the example has an Application");
    let repository = format!("repoURL: file:///tmp/{name}");
    let home = "  namespace: argocd\n";
    assert!(application.contains(&repository) && application.contains(home), "{application}");
    let application = application
        .replace(&repository, &format!("repoURL: {}", scene.repo.url()))
        .replace(home, &format!("  namespace: {}\n", scene.home.name()));
    scene.home.apply(&application);
    commit
}

/// The images of an Application's status.
fn images(app: &Value) -> Vec<&str> {
    let images = app["status"]["summary"]["images"].as_array().expect("images");
    images.iter().filter_map(Value::as_str).collect()
}

/// Changes a tag, follows the rollout to its end, and deletes the application with all it has.
async fn deploy_and_close(scene: &Scene, name: &str, file: &str, (old, new): (&str, &str)) {
    scene.assert_settled(name).await;
    let commit = scene.repo.replace(&format!("manifests/{file}"), old, new).commit("Deploy");
    let app = scene.healthy(name, &commit).await;
    assert!(images(&app).iter().any(|image| image.ends_with(new)), "{:#}", app["status"]);
    assert!(app["status"]["conditions"].is_null(), "{:#}", app["status"]);
    scene.assert_settled(name).await;
    scene.home.delete("application", name);
    scene.until(name, "the application to be gone", Value::is_null).await;
    let namespace = format!("/api/v1/namespaces/{name}");
    let left = scene.get(&namespace).await;
    let leaving = left.is_none_or(|left| left["metadata"]["deletionTimestamp"].is_string());
    assert!(leaving, "the namespace stays\n{}", scene.tail());
}

#[tokio::test]
async fn pampam_is_synced_as_it_is_and_follows_a_new_image() {
    let Some(scene) = Scene::begin("example-a").await else { return };
    let commit = open(&scene, "pampam");
    let app = scene.healthy("pampam", &commit).await;
    let deployments = app["status"]["resources"].as_array().expect("resources").iter();
    let deployments = deployments.filter(|entry| entry["kind"] == "Deployment");
    assert_eq!(deployments.filter(|entry| entry["health"]["status"] == "Healthy").count(), 8);
    deploy_and_close(&scene, "pampam", "cart.yaml", ("whoami:v1.10.3", "whoami:v1.10.4")).await;
}

#[tokio::test]
async fn order_config_is_synced_as_it_is_and_follows_a_new_image() {
    let Some(scene) = Scene::begin("example-b").await else { return };
    let commit = open(&scene, "order-config");
    scene.healthy("order-config", &commit).await;
    let tags = ("redis:7.4.1-alpine", "redis:7.4.2-alpine");
    deploy_and_close(&scene, "order-config", "order-store.yaml", tags).await;
}
