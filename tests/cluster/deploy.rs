//! A commit arrives in the cluster, becomes healthy, and then there is nothing left to do.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    common::{
        PATH, Scene, by_hand, condition, config_map, deployment, is_health, is_synced, resource,
    },
    support::{
        AuditEvent, AuditMark, ControlPlane, LIMIT, PlaneOptions, Repo, RequestCount, eventually,
        writes,
    },
};

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
    - port: 80
      targetPort: 8080
";

const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: migrate
          image: shop/migrate:1.0
";

const STATEFUL_SET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: store
spec:
  serviceName: web
  replicas: 2
  selector:
    matchLabels: {app: store}
  template:
    metadata:
      labels: {app: store}
    spec:
      containers:
        - name: store
          image: shop/store:1.0
";

/// Objects of five kinds.
fn write_shop(repo: &Repo) -> String {
    let several = format!("{SERVICE}---\n{JOB}---\n{STATEFUL_SET}");
    repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 2, ""))
        .write("shop/config.yaml", &config_map("settings", &[("colour", "green")]))
        .write("shop/several.yaml", &several)
        .commit("Open the shop")
}

#[tokio::test]
async fn a_commit_is_synced_and_becomes_healthy_and_a_second_pass_writes_nothing() {
    let Some(mut scene) = Scene::begin("deploy").await else { return };
    let commit = write_shop(&scene.repo);
    scene.application("shop", |_| ());
    let app = scene.healthy("shop", &commit).await;
    has_the_shape_of_argo(&app, &commit, scene.target.name());
    scene.event("shop", "OperationStarted", &[&commit]).await;
    scene.event("shop", "OperationCompleted", &["successfully synced"]).await;
    scene.event("shop", "ResourceUpdated", &["sync status", "-> Synced"]).await;
    scene.event("shop", "ResourceUpdated", &["health status", "-> Healthy"]).await;
    scene.assert_settled("shop").await;

    // The cache is gone with the process: what Git says and what the cluster has are the same.
    let mark = scene.plane.audit_mark();
    scene.restart();
    scene.refresh("shop", "hard").await;
    let writes = scene.writes_since(mark);
    assert!(writes.is_empty(), "after a restart: {writes:#?}\n{}", scene.tail());
    scene.assert_settled("shop").await;
}

/// What people's tools read of an Application, in Argo CD's words.
fn has_the_shape_of_argo(app: &Value, commit: &str, namespace: &str) {
    let status = &app["status"];
    assert_eq!(status["sync"]["comparedTo"]["source"], app["spec"]["source"]);
    assert_eq!(status["sync"]["comparedTo"]["destination"], app["spec"]["destination"]);
    assert!(status["health"]["lastTransitionTime"].is_string(), "{status:#}");
    assert_eq!(
        status["summary"]["images"],
        json!(["shop/migrate:1.0", "shop/store:1.0", "shop/web:1.0"])
    );
    assert_eq!(status["sourceType"], "Directory");
    assert!(status["reconciledAt"].is_string() && status["conditions"].is_null(), "{status:#}");
    let web = json!({
        "group": "apps", "version": "v1", "kind": "Deployment", "namespace": namespace,
        "name": "web", "status": "Synced", "health": {"status": "Healthy"},
    });
    let mut found = resource(app, "Deployment", "web").clone();
    found["health"].as_object_mut().expect("health").remove("message");
    assert_eq!(found, web);
    assert!(resource(app, "ConfigMap", "settings")["health"].is_null(), "{status:#}");
    assert_eq!(resource(app, "Job", "migrate")["health"]["status"], "Healthy");
    assert_eq!(status["resources"].as_array().map(Vec::len), Some(5));

    let operation = &status["operationState"];
    assert_eq!(operation["phase"], "Succeeded");
    assert_eq!(operation["message"], "successfully synced (all tasks run)");
    assert_eq!(operation["operation"]["initiatedBy"], json!({"automated": true}));
    assert_eq!(operation["operation"]["sync"]["revision"], commit);
    assert!(operation["startedAt"].is_string() && operation["finishedAt"].is_string());
    assert_eq!(operation["syncResult"]["revision"], commit);
    assert_eq!(operation["syncResult"]["source"]["path"], PATH);
    let results = operation["syncResult"]["resources"].as_array().expect("results");
    assert_eq!(results.len(), 5, "{results:#?}");
    let service = json!({
        "group": "", "version": "v1", "kind": "Service", "namespace": namespace, "name": "web",
        "status": "Synced", "message": "service/web created", "syncPhase": "Sync",
    });
    assert!(results.contains(&service), "{results:#?}");

    let history = status["history"].as_array().expect("a history");
    assert_eq!(history.len(), 1, "{history:#?}");
    assert_eq!((&history[0]["id"], &history[0]["revision"]), (&json!(0), &json!(commit)));
    assert_eq!(history[0]["source"], app["spec"]["source"]);
    assert!(history[0]["deployedAt"].is_string() && history[0]["deployStartedAt"].is_string());
}

#[tokio::test]
async fn nothing_is_asked_of_the_api_server_while_nothing_changes() {
    // Everybody's requests are counted: nobody else may be here.
    let options = PlaneOptions { workloads: false, ..PlaneOptions::default() };
    let Some(plane) = ControlPlane::own(options) else { return };
    let scene = Scene::with(Arc::new(plane), "quiet", |_| ()).await;
    let mut commit = String::new();
    for name in ["a", "b", "c"] {
        let path = format!("shop/{name}.yaml");
        scene.repo.write(&path, &config_map(name, &[("key", name)]));
        commit = scene.repo.commit(name);
    }
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
    // The Events about the refresh are written a moment later.
    scene.event("shop", "StatusRefreshed", &[]).await;

    let polls = || scene.metric("argocd_git_request_total", &[]);
    let polled = async |count: f64| {
        let begin = polls();
        let look = async || (polls() >= begin + count).then_some(());
        eventually(LIMIT, "polls of the repository", look).await;
    };
    // Whatever else the refresh leads to has its time.
    let silence = async || {
        let mark = end_of_log(&scene).await;
        polled(2.0).await;
        asked_since(&scene, mark).await.is_empty().then_some(())
    };
    eventually(LIMIT, "two polls without a request", silence).await;

    // Ten polls of the repository find the same commit.
    let before = scene.plane.request_counts().await;
    let mark = end_of_log(&scene).await;
    polled(10.0).await;
    let asked = asked_since(&scene, mark).await;
    assert!(asked.is_empty(), "{asked:#?}");
    let after = scene.plane.request_counts().await;
    assert_eq!(writes_of_clients(&after), writes_of_clients(&before));

    // A refresh is one write: of the Application itself.
    let mark = scene.plane.audit_mark();
    scene.refresh("shop", "normal").await;
    let of_objects = |counts: &[RequestCount]| {
        let objects = counts.iter().filter(|count| count.resource == "configmaps");
        writes(&objects.cloned().collect::<Vec<_>>())
    };
    let refreshed = scene.plane.request_counts().await;
    assert_eq!(of_objects(&refreshed), of_objects(&after));
    end_of_log(&scene).await;
    let sent = scene.plane.audit(mark, "steadfast");
    let written: Vec<_> = sent.into_iter().filter(AuditEvent::is_write).collect();
    assert!(!written.is_empty());
    assert!(
        written.iter().all(|event| ["applications", "events"].contains(&&*event.resource)),
        "{written:#?}"
    );
}

/// The request that [`end_of_log`] looks for.
const LAST: &str = "/version?that-is-all";

/// Waits until the audit log holds everything that was answered by now; returns its end.
async fn end_of_log(scene: &Scene) -> AuditMark {
    let mark = scene.plane.audit_mark();
    scene.plane.must_request("GET", LAST, None);
    // The log is in order: when this stands in it, so does all before.
    let look = async || {
        let there = scene.plane.audit(mark, "test").iter().any(|event| event.uri == LAST);
        there.then(|| scene.plane.audit_mark())
    };
    eventually(LIMIT, "the end of the audit log", look).await
}

/// What anybody but the API server itself has asked since `mark`, reads included. Watches are left
/// out: they end by themselves now and then, and are opened again.
async fn asked_since(scene: &Scene, mark: AuditMark) -> Vec<AuditEvent> {
    end_of_log(scene).await;
    let mut asked = scene.plane.audit(mark, "");
    asked.retain(|e| e.verb != "watch" && e.user != "system:apiserver" && e.uri != LAST);
    asked
}

/// All writes but those that the API server sends to itself.
fn writes_of_clients(counts: &[RequestCount]) -> u64 {
    let own = ["leases", "endpointslices", "endpoints", "apiservices", "tokenreviews"];
    let of_others = |count: &&RequestCount| !own.contains(&count.resource.as_str());
    writes(&counts.iter().filter(of_others).cloned().collect::<Vec<_>>())
}

#[tokio::test]
async fn a_rolling_update_is_followed_to_its_end() {
    let Some(scene) = Scene::begin("rolling").await else { return };
    let web = deployment("web", "shop/web:1.0", 3, "slow");
    scene.repo.write("shop/web.yaml", &web);
    let first = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &first).await;

    scene.repo.replace("shop/web.yaml", "web:1.0", "web:2.0");
    let second = scene.repo.commit("Deploy 2.0");
    let mut seen = Vec::new();
    let look = async || {
        let app = scene.app("shop").await;
        let message = resource(&app, "Deployment", "web")["health"]["message"].as_str();
        let message = message.unwrap_or_default().to_owned();
        let whole = app["status"]["health"]["message"].as_str().unwrap_or_default();
        if is_health(&app, "Progressing") {
            assert!(whole.contains("web"), "{whole}");
            if seen.last() != Some(&message) {
                seen.push(message);
            }
        }
        (is_synced(&app, &second) && is_health(&app, "Healthy") && !seen.is_empty()).then_some(app)
    };
    let app = eventually(LIMIT, "the rollout to be seen and to end", look).await;
    println!("progress as people see it: {seen:#?}");
    let counted = |count: &str| seen.iter().any(|text| text.contains(count));
    assert!(counted(" of 3 ") && seen.len() >= 2, "{seen:#?}");
    assert_eq!(app["status"]["summary"]["images"], json!(["shop/web:2.0"]));
    assert_eq!(app["status"]["history"].as_array().map(Vec::len), Some(2));
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_bad_image_is_named_at_once_and_a_revert_heals_it() {
    let Some(scene) = Scene::begin("badimage").await else { return };
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 2, ""));
    let first = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &first).await;

    scene.repo.replace("shop/web.yaml", "web:1.0", "web:broken");
    let second = scene.repo.commit("Deploy a tag that is not there");
    let named = |app: &Value| {
        let message = app["status"]["health"]["message"].as_str().unwrap_or_default();
        is_synced(app, &second)
            && message.contains("pod web-")
            && (message.contains("ImagePullBackOff") || message.contains("ErrImagePull"))
    };
    let app = scene.until("shop", "the pod and the reason to be named", named).await;
    println!("a bad image as people see it: {}", app["status"]["health"]["message"]);
    assert!(is_health(&app, "Degraded") || is_health(&app, "Progressing"), "{:#}", app["status"]);

    let third = scene.repo.revert();
    let app = scene.healthy("shop", &third).await;
    assert_eq!(app["status"]["summary"]["images"], json!(["shop/web:1.0"]));
    assert_eq!(condition(&app, "SyncError"), None);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn an_application_is_rolled_back_to_an_entry_of_its_history() {
    let Some(scene) = Scene::begin("rollback").await else { return };
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, ""));
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let first = scene.repo.commit("Open the shop");
    scene.application("shop", by_hand);
    scene
        .until("shop", "it to be looked at", |app| app["status"]["sync"]["revision"] == first)
        .await;
    scene.sync("shop", &json!({}));
    scene.healthy("shop", &first).await;

    scene.repo.replace("shop/web.yaml", "web:1.0", "web:broken");
    scene.repo.replace("shop/config.yaml", "green", "red");
    let second = scene.repo.commit("Deploy a tag that is not there");
    let behind = |app: &Value| {
        app["status"]["sync"]["revision"] == second
            && app["status"]["sync"]["status"] == "OutOfSync"
    };
    scene.until("shop", "the new commit to be seen", behind).await;
    scene.sync("shop", &json!({}));
    let app = scene.until("shop", "the second sync", |app| is_synced(app, &second)).await;
    let history = app["status"]["history"].as_array().expect("a history").clone();
    assert_eq!(history.len(), 2, "{history:#?}");
    assert_eq!(history[0]["revision"], first);

    let body = json!({"id": history[0]["id"]});
    scene.api("POST", "shop", "/rollback", Some(&body));
    // The specification still names the branch, whose head is not what runs now.
    let back = |app: &Value| {
        let operation = &app["status"]["operationState"];
        operation["phase"] == "Succeeded"
            && operation["syncResult"]["revision"] == first
            && app["status"]["sync"]["status"] == "OutOfSync"
            && is_health(app, "Healthy")
    };
    let app = scene.until("shop", "the rollback to be done", back).await;
    let history = app["status"]["history"].as_array().expect("a history");
    let revisions: Vec<_> = history.iter().map(|entry| entry["revision"].as_str()).collect();
    assert_eq!(revisions, [Some(&*first), Some(&*second), Some(&*first)]);
    let live = scene.live("v1", "configmaps", "settings").await.expect("it is there");
    assert_eq!(live["data"], json!({"colour": "green"}));
    let live = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    assert_eq!(
        live.pointer("/spec/template/spec/containers/0/image"),
        Some(&json!("shop/web:1.0"))
    );
}
