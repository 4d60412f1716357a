//! Something else is wanted while a sync runs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rig::{Maps, half_renamed};
use crate::{
    common::{PATH, Scene},
    support::{AuditMark, Fault, LIMIT, eventually},
};

fn wanted(round: usize) -> Maps {
    half_renamed(40, round, round)
}

/// A Deployment that has to be healthy before anything else is applied.
fn gate(behaviour: &str) -> Value {
    let labels = json!({"app": "gate"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "gate", "annotations": {"argocd.argoproj.io/sync-wave": "-1"}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"test.steadfast.dev/pod": behaviour}},
                "spec": {"containers": [{"name": "gate", "image": "gate:1"}]},
            },
        },
    })
}

fn waits(app: &Value, commit: &str) -> bool {
    let state = &app["status"]["operationState"];
    state["phase"] == "Running"
        && state["syncResult"]["revision"] == commit
        && state["message"].as_str().is_some_and(|text| text.contains("gate"))
}

/// Waits until the server has answered writes of objects, while much of the sync is still to come.
async fn under_way(scene: &Scene, mark: AuditMark) {
    eventually(LIMIT, "the first writes", async || {
        let writes = scene.all_writes_since(mark);
        writes.iter().any(|event| event.resource == "configmaps").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_newer_commit_replaces_a_sync_that_waits() {
    let Some(scene) = Scene::synced("newer", &wanted(0)).await else { return };
    let stuck = scene.commit_with(&wanted(1), &[gate("never-ready")]);
    scene.until(PATH, "the sync to wait", |app| waits(app, &stuck)).await;
    assert_eq!(scene.tracked().await, Some(wanted(0)), "the second wave waits for the first");
    let begin = Instant::now();
    let good = scene.commit(&wanted(2));
    scene.deployed(PATH, &good).await;
    println!("replaced after {:.1?}", begin.elapsed());
    scene.assert_deployed(&wanted(2)).await;
    assert_eq!(scene.target.names("deployment"), [""; 0]);
}

#[tokio::test]
async fn a_newer_commit_comes_right_after_the_writes_that_are_under_way() {
    let Some(scene) = Scene::synced("newest", &wanted(0)).await else { return };
    scene.proxy().set(Fault::Delay(Duration::from_millis(200)));
    let mark = scene.plane.audit_mark();
    scene.commit(&wanted(1));
    under_way(&scene, mark).await;
    scene.commit(&wanted(2));
    scene.proxy().set(Fault::None);
    scene.deploy(&wanted(3)).await;
    scene.assert_deployed(&wanted(3)).await;
}

#[tokio::test]
async fn an_operation_that_is_asked_for_during_another_is_done_afterwards() {
    let Some(scene) = Scene::synced("asked", &wanted(0)).await else { return };
    let slow = scene.commit_with(&wanted(1), &[gate("never-ready")]);
    scene.until(PATH, "the sync to wait", |app| waits(app, &slow)).await;
    let operation = json!({"initiatedBy": {"username": "ann"}, "sync": {"prune": true}});
    scene.patch(PATH, &json!({"operation": operation}));
    // The automated one ends well once its first wave is healthy.
    scene.target.direct_pods("", None);
    scene
        .until(PATH, "the operation of ann", |app| {
            let state = &app["status"]["operationState"];
            app["operation"].is_null()
                && state["phase"] == "Succeeded"
                && state["operation"]["initiatedBy"]["username"] == "ann"
        })
        .await;
    scene.deploy(&wanted(2)).await;
    scene.assert_deployed(&wanted(2)).await;
}

#[tokio::test]
async fn a_specification_that_changes_during_a_pass_is_followed() {
    let Some(scene) = Scene::synced("edited", &wanted(0)).await else { return };
    let first = scene.repo.head();
    scene.proxy().set(Fault::Delay(Duration::from_millis(200)));
    let mark = scene.plane.audit_mark();
    scene.commit(&wanted(1));
    under_way(&scene, mark).await;
    scene.patch(PATH, &json!({"spec": {"source": {"targetRevision": first}}}));
    scene.proxy().set(Fault::None);
    scene.deployed(PATH, &first).await;
    scene.hold(&wanted(0)).await;
    scene.assert_deployed(&wanted(0)).await;
}

#[tokio::test]
async fn an_application_that_is_deleted_during_a_sync_leaves_nothing_behind() {
    let Some(scene) = Scene::synced("deleted", &wanted(0)).await else { return };
    scene.proxy().set(Fault::Delay(Duration::from_millis(200)));
    let mark = scene.plane.audit_mark();
    scene.commit(&wanted(1));
    under_way(&scene, mark).await;
    scene.plane.must_request("DELETE", &scene.app_path(PATH), None);
    scene.proxy().set(Fault::None);
    scene.until(PATH, "the resource to go", Value::is_null).await;
    assert_eq!(scene.tracked().await, Some(Maps::new()), "{}", scene.tail());
    // Nothing was written after the resource was let go.
    let writes = scene.all_writes_since(mark);
    let last = writes.iter().rposition(|e| e.resource == "applications").expect("the finalizer");
    let late: Vec<_> = writes[last..].iter().filter(|e| e.resource == "configmaps").collect();
    assert!(late.is_empty(), "{late:#?}");
    assert_eq!(scene.controller.status(), None);
}
