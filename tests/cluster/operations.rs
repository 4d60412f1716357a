//! Syncs that people ask for, and syncs that fail at first.

use serde_json::{Value, json};

use crate::{
    common::{PATH, Scene, annotated, by_hand, config_map, deployment, is_synced, resource},
    support::{AuditMark, ControlPlane, LIMIT, eventually},
};

/// An application that syncs when it is asked to, with the maps `a` and `b`.
async fn manual(name: &str) -> Option<(Scene, String)> {
    let scene = Scene::begin(name).await?;
    for name in ["a", "b"] {
        scene.repo.write(&format!("shop/{name}.yaml"), &config_map(name, &[("key", "value")]));
    }
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", by_hand);
    let looked_at = |app: &Value| {
        app["status"]["sync"]["status"] == "OutOfSync"
            && app["status"]["sync"]["revision"] == commit
    };
    let app = scene.until("shop", "it to be looked at", looked_at).await;
    assert_eq!(resource(&app, "ConfigMap", "a")["health"]["status"], "Missing");
    Some((scene, commit))
}

/// True when the last operation ended like this.
fn ended(app: &Value, phase: &str, message: &str) -> bool {
    let state = &app["status"]["operationState"];
    state["phase"] == phase
        && state["message"].as_str().is_some_and(|text| text.contains(message))
        && app["operation"].is_null()
}

#[tokio::test]
async fn without_automation_nothing_is_written_until_somebody_asks() {
    let Some((scene, commit)) = manual("manual").await else { return };
    scene.refresh("shop", "hard").await;
    assert_eq!(scene.writes_since(AuditMark::default()), []);

    // As `kubectl` and Argo CD's own client ask.
    let operation = json!({
        "initiatedBy": {"username": "ada"}, "sync": {"revision": commit, "prune": true},
    });
    scene.patch("shop", &json!({"operation": operation}));
    let app = scene.healthy("shop", &commit).await;
    assert!(ended(&app, "Succeeded", "successfully synced"), "{:#}", app["status"]);
    let state = &app["status"]["operationState"];
    assert_eq!(state["operation"]["initiatedBy"]["username"], "ada");
    scene.event("shop", "OperationStarted", &["ada started a sync"]).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_what_would_be_refused() {
    let Some((scene, _)) = manual("dryrun").await else { return };
    scene.sync("shop", &json!({"dryRun": true}));
    let done = |app: &Value| ended(app, "Succeeded", "(dry run)");
    scene.until("shop", "the dry run to be done", done).await;
    assert_eq!(scene.writes_since(AuditMark::default()), []);
    assert!(scene.live("v1", "configmaps", "a").await.is_none());

    let bad = config_map("a", &[("key", "value")]).replace("name: a", "name: A_");
    scene.repo.write("shop/a.yaml", &bad);
    let commit = scene.repo.commit("Give it a bad name");
    let seen = |app: &Value| app["status"]["sync"]["revision"] == commit;
    scene.until("shop", "the commit to be seen", seen).await;
    scene.sync("shop", &json!({"dryRun": true}));
    let refused = |app: &Value| ended(app, "Failed", "A_");
    scene.until("shop", "the refusal to be told", refused).await;
    assert!(scene.live("v1", "configmaps", "b").await.is_none());
}

#[tokio::test]
async fn a_selective_sync_touches_only_what_is_picked() {
    let Some((scene, commit)) = manual("picked").await else { return };
    scene.sync("shop", &json!({"resources": [{"group": "", "kind": "ConfigMap", "name": "b"}]}));
    let done = |app: &Value| {
        ended(app, "Succeeded", "") && resource(app, "ConfigMap", "b")["status"] == "Synced"
    };
    let app = scene.until("shop", "the selective sync to be done", done).await;
    assert_eq!(app["status"]["sync"]["status"], "OutOfSync");
    assert!(app["status"]["history"].is_null(), "a part is no deployment: {:#}", app["status"]);
    assert!(scene.live("v1", "configmaps", "a").await.is_none());

    // The same in the field.
    let picked = json!([{"kind": "ConfigMap", "name": "a"}]);
    scene.patch("shop", &json!({"operation": {"sync": {"resources": picked}}}));
    scene.until("shop", "the rest to be synced", |app| is_synced(app, &commit)).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_running_operation_is_terminated_when_somebody_says_so() {
    let Some(scene) = Scene::begin("terminate").await else { return };
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, "never-ready"));
    let late = config_map("late", &[("key", "value")]);
    let late = annotated(&late, "argocd.argoproj.io/sync-wave", "1");
    scene.repo.write("shop/late.yaml", &late).commit("Open the shop");
    scene.application("shop", by_hand);
    let seen = |app: &Value| app["status"]["sync"]["status"] == "OutOfSync";
    scene.until("shop", "it to be looked at", seen).await;
    scene.sync("shop", &json!({}));
    let waits = |app: &Value| {
        let message = app["status"]["operationState"]["message"].as_str().unwrap_or_default();
        message.starts_with("waiting for healthy state of apps/Deployment/web")
    };
    scene.until("shop", "the sync to wait", waits).await;
    scene.api("DELETE", "shop", "/operation", None);
    let over = |app: &Value| ended(app, "Failed", "Operation terminated");
    scene.until("shop", "the operation to be over", over).await;
    scene.event("shop", "OperationCompleted", &["Operation terminated"]).await;
    assert!(scene.live("v1", "configmaps", "late").await.is_none());
}

#[tokio::test]
async fn a_refresh_finds_a_commit_before_the_next_poll() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::with(plane, "refresh", |options| options.poll_interval = "1h".into()).await;
    let write = |colour: &str| {
        scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", colour)]));
        scene.repo.commit(colour)
    };
    let commit = write("green");
    scene.application(PATH, |_| ());
    scene.healthy("shop", &commit).await;
    for kind in ["normal", "hard"] {
        let commit = write(kind);
        let app = scene.refresh("shop", kind).await;
        assert_eq!(app["status"]["sync"]["revision"], commit, "{kind}: {:#}", app["status"]);
        scene.until("shop", "the sync", |app| is_synced(app, &commit)).await;
        scene.event("shop", "StatusRefreshed", &[kind]).await;
    }
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_sync_that_failed_after_its_last_write_comes_to_its_end() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::with(plane, "unfinished", |_| ()).await;
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let commit = scene.repo.commit("green");
    scene.application(PATH, |_| ());
    scene.healthy("shop", &commit).await;
    let before = scene.writes_since(AuditMark::default());
    // As it stands when the answers to the writes were lost and the status was written all the same.
    let lost = json!({"phase": "Failed", "message": "the answer was lost"});
    scene.patch("shop", &json!({"status": {"operationState": lost, "history": null}}));
    scene.refresh("shop", "normal").await;
    let over = |app: &Value| {
        ended(app, "Succeeded", "successfully synced")
            && app["status"]["history"].as_array().is_some_and(|history| history.len() == 1)
    };
    scene.until("shop", "the sync to be told as done", over).await;
    assert_eq!(scene.writes_since(AuditMark::default()), before, "nothing was left to write");
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_sync_that_fails_is_tried_again_until_the_cause_is_gone() {
    let Some(scene) = Scene::begin("retry").await else { return };
    let commit = scene
        .repo
        .write("shop/config.yaml", &config_map("settings", &[("colour", "green")]))
        .commit("Open the shop");
    let namespace = format!("{}-later", scene.target.name());
    scene.application("shop", |app| {
        app["spec"]["destination"]["namespace"] = json!(namespace);
        app["spec"]["syncPolicy"]["retry"] =
            json!({"limit": 2, "backoff": {"duration": "1s", "factor": 1, "maxDuration": "1s"}});
    });
    let mark = scene.plane.audit_mark();
    let failing = |app: &Value| {
        let message = app["status"]["operationState"]["message"].as_str().unwrap_or_default();
        message.contains(&namespace)
    };
    let app = scene.until("shop", "the first try", failing).await;
    // A try that fails as the one before it is not told again.
    eventually(LIMIT, "several tries", async || {
        let sent = scene.plane.audit(mark, "steadfast").into_iter();
        let tries = sent.filter(|event| event.namespace == namespace && event.is_write()).count();
        (tries >= 3).then_some(())
    })
    .await;
    println!("a failing sync as people see it: {}", app["status"]["operationState"]["message"]);
    let results = &app["status"]["operationState"]["syncResult"]["resources"];
    assert_eq!(results[0]["status"], "SyncFailed", "{results:#}");
    scene.event("shop", "ConditionRaised", &["settings", &namespace]).await;

    let object = json!({"metadata": {"name": namespace}});
    scene.plane.must_request("POST", "/api/v1/namespaces", Some(&object));
    let app = scene.healthy("shop", &commit).await;
    assert!(ended(&app, "Succeeded", "successfully synced"), "{:#}", app["status"]);
    scene.assert_settled("shop").await;
    scene.plane.delete(&format!("/api/v1/namespaces/{namespace}"));
}

#[tokio::test]
async fn the_history_keeps_as_many_entries_as_the_specification_says() {
    let Some(scene) = Scene::begin("history").await else { return };
    let mut commits = Vec::new();
    for number in 0..4 {
        let settings = config_map("settings", &[("number", &number.to_string())]);
        commits.push(scene.repo.write("shop/config.yaml", &settings).commit("Count"));
        if number == 0 {
            scene.application("shop", |app| app["spec"]["revisionHistoryLimit"] = json!(2));
        }
        scene.healthy("shop", &commits[number]).await;
    }
    let app = scene.app("shop").await;
    let history = app["status"]["history"].as_array().expect("a history");
    let entries: Vec<_> =
        history.iter().map(|entry| (entry["id"].as_i64(), entry["revision"].as_str())).collect();
    assert_eq!(entries, [(Some(2), Some(&*commits[2])), (Some(3), Some(&*commits[3]))]);
}
