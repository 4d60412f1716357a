//! Objects that need others before them: their kind, their namespace, the wave before theirs.

use serde_json::{Value, json};

use crate::{
    common::{Scene, annotated, config_map, crd_path, deployment, is_health, is_synced, resource},
    support::AuditMark,
};

const CRD: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gadgets.shop.example
spec:
  group: shop.example
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, listKind: GadgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, properties: {size: {type: integer}}}
";

const GADGET: &str = "apiVersion: shop.example/v1
kind: Gadget
metadata:
  name: lamp
spec:
  size: 3
";

#[tokio::test]
async fn a_kind_may_arrive_in_the_same_sync_as_its_objects() {
    let Some(scene) = Scene::begin("crd").await else { return };
    // The file with the objects is read first.
    scene.repo.write("shop/a-gadget.yaml", GADGET).write("shop/z-crd.yaml", CRD);
    let commit = scene.repo.commit("Invent the gadget");
    scene.application("shop", |_| ());
    let app = scene.healthy("shop", &commit).await;
    assert_eq!(resource(&app, "Gadget", "lamp")["status"], "Synced");
    assert_eq!(
        resource(&app, "CustomResourceDefinition", "gadgets.shop.example")["status"],
        "Synced"
    );
    let gadget = ("shop.example/v1", "gadgets", "lamp");
    scene.live_until(gadget, "the gadget", |live| live["spec"]["size"] == 3).await;
    scene.assert_settled("shop").await;

    scene.target.patch("gadget", "lamp", &json!({"spec": {"size": 4}}));
    scene.live_until(gadget, "drift to be put back", |live| live["spec"]["size"] == 3).await;
    scene.event("shop", "DriftCorrected", &["Gadget", ".spec.size", "3", "4"]).await;
    scene.assert_settled("shop").await;
    scene.plane.delete(&crd_path("gadgets.shop.example"));
}

#[tokio::test]
async fn the_destination_namespace_is_made_when_that_is_asked_for() {
    let Some(scene) = Scene::begin("nsmade").await else { return };
    let commit = scene
        .repo
        .write("shop/config.yaml", &config_map("settings", &[("colour", "green")]))
        .commit("Open the shop");
    let namespace = format!("{}-new", scene.target.name());
    scene.application("shop", |app| {
        app["spec"]["destination"]["namespace"] = json!(namespace);
        let policy = &mut app["spec"]["syncPolicy"];
        policy["syncOptions"] = json!(["CreateNamespace=true"]);
        policy["managedNamespaceMetadata"] = json!({
            "labels": {"team": "blue"}, "annotations": {"note": "made by a sync"},
        });
    });
    scene.healthy("shop", &commit).await;
    let made = scene.get(&format!("/api/v1/namespaces/{namespace}")).await.expect("it was made");
    assert_eq!(made["metadata"]["labels"]["team"], "blue");
    assert_eq!(made["metadata"]["annotations"]["note"], "made by a sync");
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/settings");
    assert!(scene.get(&path).await.is_some());
    scene.assert_settled("shop").await;
    scene.plane.delete(&format!("/api/v1/namespaces/{namespace}"));
}

#[tokio::test]
async fn a_wave_begins_when_the_one_before_it_is_healthy() {
    let Some(scene) = Scene::begin("waves").await else { return };
    let in_wave = |name: &str, wave: &str| {
        let map = config_map(name, &[("key", "value")]);
        annotated(&map, "argocd.argoproj.io/sync-wave", wave)
    };
    // Names and files are in the opposite order of the waves.
    scene.repo.write("shop/c.yaml", &in_wave("early", "-1"));
    scene.repo.write("shop/b.yaml", &deployment("middle", "shop/web:1.0", 1, "never-ready"));
    scene.repo.write("shop/a.yaml", &in_wave("late", "1"));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    let waits = |app: &Value| {
        let state = &app["status"]["operationState"];
        state["phase"] == "Running"
            && state["message"] == "waiting for healthy state of apps/Deployment/middle"
    };
    let app = scene.until("shop", "the second wave to be waited for", waits).await;
    assert_eq!(resource(&app, "ConfigMap", "late")["status"], "OutOfSync");
    assert_eq!(resource(&app, "ConfigMap", "late")["syncWave"], 1);
    assert_eq!(resource(&app, "ConfigMap", "early")["syncWave"], -1);
    assert!(is_health(&app, "Progressing") || is_health(&app, "Missing"), "{:#}", app["status"]);
    assert!(scene.live("v1", "configmaps", "early").await.is_some());
    assert!(scene.live("v1", "configmaps", "late").await.is_none());

    scene.target.direct_pods("middle-", Some("ready"));
    let app = scene.healthy("shop", &commit).await;
    assert!(is_synced(&app, &commit));
    let made = applied_in_order(&scene);
    assert_eq!(made, ["early", "middle", "late"]);
    scene.assert_settled("shop").await;
}

/// The objects that Steadfast made in the target namespace, in the order of the requests.
fn applied_in_order(scene: &Scene) -> Vec<String> {
    let mut events = scene.writes_since(AuditMark::default());
    events.sort_by(|a, b| a.received.cmp(&b.received));
    let mut names: Vec<String> = events.into_iter().map(|event| event.name).collect();
    names.dedup();
    names
}
