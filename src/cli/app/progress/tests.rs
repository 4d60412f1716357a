use expect_test::expect;
use serde_json::json;

use super::*;

fn app() -> Value {
    let object = |kind: &str, name: &str, health: Option<(&str, &str)>| {
        let health = health.map(|(status, message)| json!({"status": status, "message": message}));
        json!({"group": "apps", "kind": kind, "namespace": "shop", "name": name,
            "status": "Synced", "health": health})
    };
    json!({
        "metadata": {"name": "web"},
        "status": {
            "sync": {"status": "OutOfSync", "revision": "main"},
            "health": {"status": "Progressing", "message": "2 of 4 replicas updated"},
            "operationState": {
                "phase": "Running",
                "startedAt": "2026-11-21T10:00:00Z",
                "message": "waiting for healthy state of apps/Deployment/web",
                "syncResult": {"resources": [
                    {"kind": "ConfigMap", "namespace": "shop", "name": "web", "status": "Synced",
                        "message": "configmap/web created"},
                    {"group": "batch", "kind": "Job", "namespace": "shop", "name": "migrate",
                        "hookType": "PreSync", "hookPhase": "Running", "message": "1 active\u{1b}[2J"},
                ]},
            },
            "resources": [
                object("Deployment", "web", Some(("Progressing", "2 of 4 replicas updated"))),
                object("Deployment", "web-with-a-name-that-is-much-longer-than-the-column",
                    Some(("Degraded", "pod web-x: ImagePullBackOff: a very long reason that goes on"))),
                object("StatefulSet", "db", Some(("Healthy", ""))),
            ],
        },
    })
}

#[test]
fn the_live_view_shows_what_is_not_done_and_fits_the_terminal() {
    let app = app();
    let lines = frame(View(&app), "", "12s", 80, 12, Paint::new(false));
    expect![[r"
        web  Running  Progressing  12s  waiting for healthy state of apps/Deployment/web
          Deployment.apps shop/web                  Progressing  2 of 4 replicas updated
          Deployment.apps shop/web-with-a-name-th…  Degraded     pod web-x: ImagePullBa…
          Job.batch shop/migrate                    Running      1 active\x1b[2J
          1 done"]]
    .assert_eq(&lines.join("\n"));
    for columns in [20, 40, 80, 200] {
        for line in frame(View(&app), "", "12s", columns, 2, Paint::new(false)) {
            assert!(line.width() <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn every_fact_is_one_line_without_terminal_sequences() {
    let app = app();
    let lines: Vec<String> =
        facts(View(&app), Paint::new(false)).into_iter().map(|(_, line)| line).collect();
    expect![[r"
        web: operation Running: waiting for healthy state of apps/Deployment/web
          ConfigMap shop/web: Synced: configmap/web created
          Job.batch shop/migrate: Running: 1 active\x1b[2J
          Deployment.apps shop/web: Progressing: 2 of 4 replicas updated
          Deployment.apps shop/web-with-a-name-that-is-much-longer-than-the-column: Degraded: pod web-x: ImagePullBackOff: a very long reason that goes on
          StatefulSet.apps shop/db: Healthy
        web: sync OutOfSync: main
        web: health Progressing: 2 of 4 replicas updated"]].assert_eq(&lines.join("\n"));
}

#[test]
fn results_of_another_operation_are_news() {
    let mut later = app();
    later["status"]["operationState"]["startedAt"] = json!("2026-11-21T11:00:00Z");
    let keys = |state: &Value| -> Vec<String> {
        facts(View(state), Paint::new(false)).into_iter().map(|(key, _)| key).collect()
    };
    let known = keys(&app());
    let news: Vec<String> = keys(&later).into_iter().filter(|key| !known.contains(key)).collect();
    assert_eq!(news.len(), 3, "the operation and its two results: {news:?}");
}
