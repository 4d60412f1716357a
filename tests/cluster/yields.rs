//! `ignoreDifferences` and autoscalers: fields that Git names, or named, and others decide about.

use serde_json::{Value, json};

use crate::common::{Scene, config_map, deployment, is_synced, resource};

const WEB: (&str, &str, &str) = ("apps/v1", "deployments", "web");

fn ignore(app: &mut Value, kind: &str, pointer: &str) {
    app["spec"]["ignoreDifferences"] =
        json!([{"group": "*", "kind": kind, "jsonPointers": [pointer]}]);
}

fn image(live: &Value) -> &Value {
    &live["spec"]["template"]["spec"]["containers"][0]["image"]
}

#[tokio::test]
async fn replicas_that_git_gives_up_stay_as_the_autoscaler_set_them() {
    let Some(scene) = Scene::begin("given-up").await else { return };
    let with = deployment("web", "shop/web:1.0", 2, "");
    let scale = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n\
                 spec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  \
                 minReplicas: 1\n  maxReplicas: 6\n";
    let commit = scene.repo.write("shop/web.yaml", &with).commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    // We own the field from here on.
    let commit = scene.repo.write("shop/scale.yaml", scale).commit("Scale by load");
    scene.until("shop", "the autoscaler", |app| is_synced(app, &commit)).await;
    scene.target.scale("web", 4);
    scene.live_until(WEB, "4 pods", |live| live["status"]["readyReplicas"] == 4).await;

    let commit = scene
        .repo
        .write("shop/web.yaml", &with.replace("  replicas: 2\n", ""))
        .commit("Leave the number to the autoscaler");
    scene.until("shop", "the sync", |app| is_synced(app, &commit)).await;
    scene.assert_settled("shop").await;
    let live = scene.live_until(WEB, "it to be there", Value::is_object).await;
    assert_eq!(live["spec"]["replicas"], 4, "{:#}", live["spec"]);
    let managers = live["metadata"]["managedFields"].as_array().expect("there are some");
    let ours = managers.iter().find(|entry| entry["manager"] == "steadfast").expect("ours");
    assert_eq!(ours["fieldsV1"]["f:spec"]["f:replicas"], Value::Null, "{ours:#}");
}

#[tokio::test]
async fn an_object_with_a_rule_that_cannot_be_read_is_not_written_and_the_rest_goes_on() {
    let Some(scene) = Scene::begin("by-jq").await else { return };
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, ""));
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |app| {
        let rule = json!({"group": "apps", "kind": "Deployment",
            "jqPathExpressions": [".spec.template.spec.containers[].image"]});
        app["spec"]["ignoreDifferences"] = json!([rule]);
    });
    // Making it resets nothing.
    scene.healthy("shop", &commit).await;

    // Somebody else decides about the image; Git changes another field and another object.
    scene.target.set_image("web", "web", "shop/web:9.9");
    scene.repo.replace("shop/web.yaml", "replicas: 1", "replicas: 2");
    scene.repo.replace("shop/config.yaml", "green", "red");
    scene.repo.commit("Change both");
    let message = scene.condition("shop", "SyncError").await;
    println!("a rule that can't be read as people see it: {message}");
    for text in ["Deployment", "/web", "jqPathExpressions", "jsonPointers"] {
        assert!(message.contains(text), "{text}: {message}");
    }
    let settings = ("v1", "configmaps", "settings");
    scene.live_until(settings, "the rest", |live| live["data"]["colour"] == "red").await;
    let app = scene.refresh("shop", "hard").await;
    assert_eq!(resource(&app, "Deployment", "web")["status"], "OutOfSync");
    let live = scene.live_until(WEB, "it to be there", Value::is_object).await;
    assert_eq!((image(&live), &live["spec"]["replicas"]), (&json!("shop/web:9.9"), &json!(1)));

    // With a rule that can be read, it goes on.
    scene.patch(
        "shop",
        &json!({"spec": {"ignoreDifferences": [{"group": "apps",
        "kind": "Deployment", "jsonPointers": ["/spec/template/spec/containers/0/image"]}]}}),
    );
    scene.live_until(WEB, "the other field", |live| live["spec"]["replicas"] == 2).await;
    let live = scene.live_until(WEB, "it to be there", Value::is_object).await;
    assert_eq!(image(&live), "shop/web:9.9");
}

#[tokio::test]
async fn an_ignored_item_of_a_list_is_left_as_it_is_and_the_rest_goes_on() {
    let Some(scene) = Scene::begin("item").await else { return };
    let commit = scene
        .repo
        .write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, ""))
        .commit("Open the shop");
    scene.application("shop", |app| {
        ignore(app, "Deployment", "/spec/template/spec/containers/0/image");
    });
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;

    // Somebody else decides about the image, and Git about the label.
    scene.target.set_image("web", "web", "shop/web:9.9");
    scene.live_until(WEB, "the image", |live| image(live) == "shop/web:9.9").await;
    scene.assert_settled("shop").await;
    scene.repo.replace(
        "shop/web.yaml",
        "  labels: {app: web}\nspec",
        "  labels: {app: web, tier: front}\nspec",
    );
    let commit = scene.repo.commit("Say which tier");
    scene.healthy("shop", &commit).await;
    let live =
        scene.live_until(WEB, "the label", |live| live["metadata"]["labels"]["tier"] == "front");
    assert_eq!(image(&live.await), "shop/web:9.9");
    scene.assert_settled("shop").await;
    assert_eq!(scene.drifts("shop"), Vec::<Value>::new());
}

#[tokio::test]
async fn of_an_ignored_map_nothing_is_written_and_nothing_becomes_ours() {
    let Some(scene) = Scene::begin("whole").await else { return };
    let commit = scene
        .repo
        .write("shop/map.yaml", &config_map("map", &[("ours", "git")]))
        .commit("Open the shop");
    scene.application("shop", |app| ignore(app, "ConfigMap", "/data"));
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
    let history = |app: &Value| app["status"]["history"].as_array().map_or(0, Vec::len);
    let before = history(&scene.app("shop").await);

    let mark = scene.plane.audit_mark();
    for turn in 0..3 {
        let theirs = json!({"data": {"theirs": turn.to_string(), "ours": "hand"}});
        scene.target.patch("configmap", "map", &theirs);
        scene.refresh("shop", "normal").await;
    }
    let writes = scene.writes_since(mark);
    assert!(writes.is_empty(), "{writes:#?}");
    let app = scene.app("shop").await;
    assert!(is_synced(&app, &commit), "{:#}", app["status"]);
    assert_eq!(history(&app), before);
    let live = scene.live("v1", "configmaps", "map").await.expect("it is there");
    assert_eq!(live["data"], json!({"theirs": "2", "ours": "hand"}));
    scene.assert_settled("shop").await;
}
