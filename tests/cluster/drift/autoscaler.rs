//! An autoscaler decides about the number of replicas, whatever the manifest says.

use serde_json::{Value, json};

use super::{meddle, victim};
use crate::common::{Scene, deployment, is_synced};

const AUTOSCALER: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 6
";

fn replicas(live: &Value) -> &Value {
    &live["spec"]["replicas"]
}

#[tokio::test]
async fn replicas_that_an_autoscaler_sets_are_left_alone() {
    let Some(scene) = Scene::begin("scaled").await else { return };
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 2, ""));
    scene.repo.write("shop/scale.yaml", AUTOSCALER);
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    // Without metrics the autoscaler does nothing, which is Degraded or not: only sync counts here.
    let synced = |app: &Value| is_synced(app, &commit);
    scene.until("shop", "it to be synced", synced).await;
    scene.assert_settled("shop").await;

    let mark = scene.plane.audit_mark();
    scene.target.scale("web", 4);
    let web = ("apps/v1", "deployments", "web");
    scene.live_until(web, "4 ready pods", |live| live["status"]["readyReplicas"] == 4).await;
    let app = scene.refresh("shop", "hard").await;
    assert!(synced(&app), "{:#}", app["status"]);
    let writes = scene.writes_since(mark);
    assert!(writes.is_empty(), "{writes:#?}");
    assert_eq!(scene.drifts("shop"), Vec::<Value>::new());

    // A new image does not reset the number.
    scene.repo.replace("shop/web.yaml", "web:1.0", "web:2.0");
    let commit = scene.repo.commit("Deploy 2.0");
    let synced = |app: &Value| is_synced(app, &commit);
    scene.until("shop", "it to be synced", synced).await;
    let live = scene.live_until(web, "the new image", |live| {
        live.pointer("/spec/template/spec/containers/0/image") == Some(&json!("shop/web:2.0"))
    });
    assert_eq!(replicas(&live.await), 4);

    // What is not the autoscaler's is put back.
    let webs = victim(&scene, "apps/v1", "Deployment", "deployments");
    meddle(&webs, "web", Some(&json!({"metadata": {"labels": {"app": "other"}}}))).await;
    let back = |live: &Value| live["metadata"]["labels"]["app"] == "web";
    scene.event("shop", "DriftCorrected", &[".metadata.labels.app"]).await;
    let live = scene.live_until(web, "the label to be put back", back).await;
    assert_eq!(replicas(&live), 4);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn replicas_that_nobody_else_decides_about_are_put_back() {
    let Some(scene) = Scene::begin("unscaled").await else { return };
    let commit = scene
        .repo
        .write("shop/web.yaml", &deployment("web", "shop/web:1.0", 2, ""))
        .commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    scene.target.scale("web", 4);
    scene.event("shop", "DriftCorrected", &[".spec.replicas", "2", "4"]).await;
    let web = ("apps/v1", "deployments", "web");
    scene.live_until(web, "2 replicas", |live| replicas(live) == 2).await;
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}
