use std::time::Duration;

use serde_json::{Value, json};

use super::{AppLabels, ClusterState, GitRequest, Metrics, Stage, apps};
use crate::{object::GroupKind, report::board::Board};

fn application(name: &str, health: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "shop",
            "source": {"repoURL": "https://me:secret@GIT.example.com/shop/deploy.git"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": {"automated": {}},
        },
        "status": {
            "sync": {"status": "Synced"},
            "health": {"status": health},
            "conditions": [{"type": "SyncError", "message": "no"}],
        },
    })
}

fn labels(name: &str) -> AppLabels<'_> {
    AppLabels { namespace: "argocd", name, project: "shop", dest_server: "https://k" }
}

#[test]
fn an_application_shows_its_latest_state_only_and_no_credentials() {
    let (metrics, board) = (Metrics::new("1.2.3"), Board::default());
    board.publish("web", &application("web", "Progressing"));
    metrics.render(&board, |_| true);
    board.publish("web", &application("web", "Healthy"));
    let text = metrics.render(&board, |_| true);
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("argocd_app_info{")).collect();
    assert_eq!(
        lines,
        ["argocd_app_info{autosync_enabled=\"true\",dest_namespace=\"shop\",\
          dest_server=\"https://kubernetes.default.svc\",health_status=\"Healthy\",name=\"web\",\
          namespace=\"argocd\",operation=\"\",project=\"shop\",\
          repo=\"https://git.example.com/shop/deploy\",sync_status=\"Synced\"} 1"]
    );
    assert!(text.contains("argocd_app_condition{condition=\"SyncError\""), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("steadfast_build_info{version=\"1.2.3\"} 1"), "{text}");
}

#[test]
fn series_of_a_deleted_application_are_gone_with_the_next_scrape() {
    let (metrics, board) = (Metrics::new("1"), Board::default());
    let kind = GroupKind { group: "apps".into(), kind: "Deployment".into() };
    for name in ["web", "api"] {
        board.publish(name, &application(name, "Healthy"));
        metrics.sync_finished(labels(name), "Succeeded", false, Duration::from_secs(3));
        metrics.drift_seen(labels(name), &kind);
    }
    assert!(metrics.render(&board, |_| true).contains("name=\"web\""));
    board.remove("web");
    let text = metrics.render(&board, |_| true);
    assert!(!text.contains("name=\"web\""), "{text}");
    assert!(text.contains(
        "argocd_app_sync_total{dest_server=\"https://k\",dry_run=\"false\",name=\"api\""
    ));
    assert_eq!(Metrics::series_of(&metrics.applications.drifts), 1);
}

#[test]
fn a_sync_before_the_first_publication_is_not_lost() {
    let (metrics, board) = (Metrics::new("1"), Board::default());
    metrics.sync_finished(labels("web"), "Failed", false, Duration::from_secs(1));
    metrics.render(&board, |_| true);
    board.publish("web", &application("web", "Healthy"));
    assert!(metrics.render(&board, |_| true).contains("phase=\"Failed\""));
}

#[test]
fn a_cluster_that_was_upgraded_has_one_series() {
    let metrics = Metrics::new("1");
    for version in ["v1.33.0", "v1.34.0"] {
        metrics.cluster(ClusterState {
            server: "https://k",
            name: "in-cluster",
            version,
            connected: true,
            objects: 10,
            kinds: 60,
            watches: 7,
            age_s: 0.5,
        });
    }
    assert_eq!(Metrics::series_of(&metrics.clusters.info), 1);
    let text = metrics.render(&Board::default(), |_| true);
    assert!(text.contains("k8s_version=\"v1.34.0\"") && !text.contains("v1.33.0"), "{text}");
    assert!(text.contains("steadfast_cluster_watches{server=\"https://k\"} 7"), "{text}");
}

#[test]
fn each_measured_thing_has_a_series() {
    let metrics = Metrics::new("1");
    metrics.pass_finished(labels("web"), Duration::from_millis(20), true);
    metrics.stage_finished(Stage::Render, Duration::from_millis(5));
    metrics.drift_corrected(Duration::from_millis(30));
    metrics.render_asked(true);
    metrics.git_request("https://g/x.git", GitRequest::LsRemote, Duration::from_millis(90), false);
    metrics.render(&Board::default(), |_| true);
    let families = metrics.families();
    for name in [
        "argocd_app_reconcile",
        "steadfast_pass_stage_seconds",
        "steadfast_drift_correction_seconds",
        "steadfast_render_cache_total",
        "argocd_git_request_total",
        "argocd_git_fetch_fail_total",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ] {
        assert!(families.iter().any(|family| family == name), "{name} is missing: {families:?}");
    }
}

#[test]
fn a_repository_is_labelled_without_what_is_secret_or_accidental() {
    let table = [
        ("https://me:secret@GitHub.com/a/b.git", "https://github.com/a/b"),
        ("https://token@github.com/a/b?x=y#z", "https://github.com/a/b"),
        ("ssh://git@github.com/a/b.git", "ssh://git@github.com/a/b"),
        ("git@github.com:a/b.git", "git@github.com:a/b"),
        ("file:///srv/repo", "file:///srv/repo"),
        ("", ""),
    ];
    for (url, label) in table {
        assert_eq!(apps::repository_label(url), label, "{url}");
    }
}

#[test]
fn the_committed_reference_is_the_generated_one() {
    let file = expect_test::expect_file!["../../../docs/METRICS.md"];
    file.assert_eq(&Metrics::new("x").reference());
}
