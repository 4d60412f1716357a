//! What machines ask: metrics and readiness.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use crate::{
    common::{PATH, Scene, config_map, deployment},
    support::{ControlPlane, Fault, LIMIT, eventually},
};

/// Metrics that need a client with a token, or one that stays.
const OF_CLIENTS: [&str; 2] = ["steadfast_api_reviews_total", "steadfast_api_streams"];

/// The names in the reference.
fn reference() -> BTreeSet<&'static str> {
    let rows = include_str!("../../docs/METRICS.md").lines();
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect()
}

#[tokio::test]
async fn everything_that_the_reference_lists_is_fed_by_a_day_of_work() {
    let Some(scene) = Scene::begin("fed").await else { return };
    scene.repo.write(&format!("{PATH}/web.yaml"), &deployment("web", "nginx:1", 1, ""));
    scene.repo.write(&format!("{PATH}/map.yaml"), &config_map("map", &[("key", "git")]));
    let commit = scene.repo.commit("first");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    scene.target.patch("configmap", "map", &json!({"data": {"key": "hand"}}));
    let map = ("v1", "configmaps", "map");
    scene.live_until(map, "the drift to be put back", |map| map["data"]["key"] == "git").await;
    scene.application("lost", |app| app["spec"]["source"]["repoURL"] = "file:///nowhere".into());
    scene.condition("lost", "ComparisonError").await;
    // Not signed, which is an outcome like others.
    scene.controller.request("POST", "/api/webhook", Some(&json!({})));

    let mut missing = BTreeSet::new();
    let fed = eventually(LIMIT, "every metric", async || {
        let (_, page) = scene.controller.get("/metrics").expect("the metrics page");
        let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let names: BTreeSet<&str> = families.filter_map(|line| line.split(' ').next()).collect();
        missing = reference().into_iter().filter(|name| !names.contains(name)).collect();
        println!("missing: {missing:?}");
        missing.is_subset(&OF_CLIENTS.into()).then_some(page.clone())
    });
    let page = fed.await;
    let applied = ["dry_run=\"false\"", "resource_kind=\"deployments\",response_code=\"20"];
    assert!(scene.metric("argocd_app_k8s_request_total", &applied) >= 1.0, "{page}");
    assert!(scene.metric("argocd_cluster_events_total", &["kind=\"Deployment\""]) >= 1.0, "{page}");
    assert!(scene.metric("argocd_git_request_total", &["request_type=\"fetch\""]) >= 1.0, "{page}");
    assert!(
        scene.metric("argocd_cluster_connection_status", &["k8s_version=\"v1."]) > 0.0,
        "{page}"
    );
    assert!(scene.metric("argocd_cluster_api_resource_objects", &[]) >= 2.0, "{page}");
    assert!(scene.metric("argocd_cluster_api_resources", &[]) >= 30.0, "{page}");
    assert!(scene.metric("steadfast_cluster_watches", &[]) >= 2.0, "{page}");
}

#[tokio::test]
async fn readiness_ends_with_contact_and_comes_back_with_it() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::behind_proxy(plane, "contact", |_| ()).await;
    let proxy = scene.proxy();
    let connected = || {
        let (_, page) = scene.controller.get("/metrics").expect("the metrics page");
        page.lines().any(|line| {
            line.starts_with("argocd_cluster_connection_status") && line.ends_with(" 1")
        })
    };
    assert!(connected());
    // Connections stay open and say nothing. Over HTTP/1.1 no ping can tell: the bookmarks of the
    // watches, one a minute, are missed.
    proxy.set(Fault::Blackhole);
    let why = eventually(Duration::from_mins(3), "readiness to end", async || {
        let (code, why) = scene.controller.get("/readyz")?;
        (code == 503).then_some(why)
    });
    let why = why.await;
    assert!(why.contains("no answer"), "{why}");
    assert!(!connected());
    assert_eq!(scene.controller.get("/healthz").map(|(code, _)| code), Some(200));
    proxy.set(Fault::None);
    eventually(Duration::from_mins(2), "readiness", async || {
        scene.controller.get("/readyz").is_some_and(|(code, _)| code == 200).then_some(())
    })
    .await;
    assert!(connected());
}
