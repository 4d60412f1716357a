//! Applications: what is read, what is changed, what is streamed.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::Bench;

const EVERYTHING: &[&str] = &["get", "list", "update", "delete"];

fn spec(project: &str) -> Value {
    json!({"project": project, "source": {"repoURL": "https://g/a", "targetRevision": "main"}})
}

fn history() -> Value {
    json!({"history": [
        {"id": 0, "revision": "aaa", "source": {"repoURL": "https://g/a", "path": "old"}},
        {"id": 3, "revision": "bbb", "source": {"repoURL": "https://g/a", "path": "new"}},
    ]})
}

#[tokio::test]
async fn an_application_that_was_made_a_moment_ago_is_waited_for() {
    let bench = Bench::with_token("t", EVERYTHING);
    assert_eq!(bench.get("/api/v1/applications/web").await.0, StatusCode::NOT_FOUND);
    bench.fake.lock().unwrap().put("web", &spec("p1"), &json!({}));
    let app = bench.fake.lock().unwrap().apps["web"].clone();
    let (answer, ()) = tokio::join!(bench.get("/api/v1/applications/web"), async {
        // The request asks Kubernetes first.
        while bench.fake.lock().unwrap().count("GET") < 2 {
            tokio::task::yield_now().await;
        }
        bench.board.publish("web", &app);
    });
    assert_eq!((answer.0, &answer.1["spec"]["project"]), (StatusCode::OK, &json!("p1")));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_stays_unknown_is_not_called_absent() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.fake.lock().unwrap().put("web", &spec("p1"), &json!({}));
    let (status, body) = bench.get("/api/v1/applications/web").await;
    assert_eq!((status, &body["reason"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("NotReady")));
}

#[tokio::test]
async fn a_list_is_filtered_and_ordered_and_never_null() {
    let bench = Bench::with_token("t", EVERYTHING);
    let (status, body) = bench.get("/api/v1/applications").await;
    assert_eq!((status, &body["items"]), (StatusCode::OK, &json!([])));
    bench.app("web", spec("p1"), json!({}));
    bench.app("api", spec("p2"), json!({}));
    let names = |body: &Value| -> Vec<String> {
        let items = body["items"].as_array().unwrap().iter();
        items.map(|app| app["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let (_, all) = bench.get("/api/v1/applications").await;
    assert_eq!(names(&all), ["api", "web"]);
    assert_eq!(all["metadata"]["resourceVersion"], "2");
    let (_, some) = bench.get("/api/v1/applications?projects=p1&fields=items.metadata.name").await;
    assert_eq!(some, json!({"items": [{"metadata": {"name": "web"}}]}));
    let (status, one) = bench.get("/api/v1/applications/web?project=p1").await;
    assert_eq!((status, &one["spec"]["project"]), (StatusCode::OK, &json!("p1")));
    for other in ["?project=p2", "?appNamespace=elsewhere"] {
        let (status, _) = bench.get(&format!("/api/v1/applications/web{other}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test]
async fn a_sync_fills_the_request_slot_in_the_callers_name_and_only_once() {
    let bench = Bench::with_token("t", EVERYTHING);
    let mut policy = spec("p");
    policy["syncPolicy"] = json!({"syncOptions": ["A=true"], "retry": {"limit": 2}});
    bench.app("web", policy, json!({"operationState": {"phase": "Succeeded"}}));
    let uri = "/api/v1/applications/web/sync";
    let request = json!({
        "name": "web", "revision": "abc", "prune": true, "dryRun": false,
        "strategy": {"hook": {"force": true}},
        "resources": [{"group": "apps", "kind": "Deployment", "name": "web"}],
        "infos": [{"name": "why", "value": "because"}],
    });
    let (status, app) = bench.call("POST", uri, request).await;
    assert_eq!(status, StatusCode::OK, "{app}");
    assert_eq!(
        app["operation"],
        json!({
            "initiatedBy": {"username": "alice"},
            "info": [{"name": "why", "value": "because"}],
            "retry": {"limit": 2},
            "sync": {
                "revision": "abc", "prune": true,
                "syncStrategy": {"hook": {"force": true}},
                "resources": [{"group": "apps", "kind": "Deployment", "name": "web"}],
                "syncOptions": ["A=true"],
            },
        })
    );
    assert_eq!(app["status"], json!({}), "what the last operation left is gone");
    assert!(app["metadata"].get("managedFields").is_none());
    let (status, body) = bench.call("POST", uri, json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let message =
        "another operation is already in progress: a sync to abc by alice, about to begin";
    assert_eq!(body["message"], message);
    assert_eq!((&body["code"], &body["reason"]), (&json!(9), &json!("OperationInProgress")));
}

#[tokio::test]
async fn a_change_is_decided_anew_when_somebody_else_was_faster() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), json!({}));
    bench.fake.lock().unwrap().rivals = 3;
    let (status, app) = bench.call("POST", "/api/v1/applications/web/sync", json!({})).await;
    assert_eq!((status, bench.fake.lock().unwrap().count("PATCH")), (StatusCode::OK, 4), "{app}");
    bench.app("api", spec("p"), json!({}));
    bench.fake.lock().unwrap().rivals = 1000;
    let (status, body) = bench.call("POST", "/api/v1/applications/api/sync", json!({})).await;
    assert_eq!((status, &body["reason"]), (StatusCode::CONFLICT, &json!("Conflict")));
}

#[tokio::test]
async fn a_rollback_is_a_sync_pinned_to_the_history() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), history());
    let uri = "/api/v1/applications/web/rollback";
    let (status, body) = bench.call("POST", uri, json!({"id": 7})).await;
    assert_eq!((status, &body["reason"]), (StatusCode::BAD_REQUEST, &json!("NoSuchDeployment")));
    let (status, app) = bench.call("POST", uri, json!({"id": "3", "prune": true})).await;
    assert_eq!(status, StatusCode::OK, "{app}");
    assert_eq!(
        app["operation"]["sync"],
        json!({
            "revision": "bbb", "prune": true, "syncStrategy": {"apply": {}},
            "source": {"repoURL": "https://g/a", "path": "new"},
        })
    );
    let mut automated = spec("p");
    automated["syncPolicy"] = json!({"automated": {}});
    bench.app("auto", automated, history());
    let uri = "/api/v1/applications/auto/rollback";
    let (status, body) = bench.call("POST", uri, json!({"id": 0})).await;
    assert_eq!((status, &body["reason"]), (StatusCode::BAD_REQUEST, &json!("AutoSyncEnabled")));
}

#[tokio::test]
async fn only_a_running_operation_is_terminated() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), json!({"operationState": {"phase": "Running", "message": "m"}}));
    bench.app("idle", spec("p"), json!({"operationState": {"phase": "Succeeded"}}));
    let (status, body) =
        bench.call("DELETE", "/api/v1/applications/web/operation", Value::Null).await;
    assert_eq!((status, body), (StatusCode::OK, json!({})));
    let fake = bench.fake.lock().unwrap().apps["web"].clone();
    assert_eq!(fake["status"]["operationState"], json!({"phase": "Terminating", "message": "m"}));
    let (status, body) =
        bench.call("DELETE", "/api/v1/applications/idle/operation", Value::Null).await;
    assert_eq!((status, &body["reason"]), (StatusCode::BAD_REQUEST, &json!("NoOperation")));
}

#[tokio::test]
async fn a_deletion_sets_its_finalizer_first() {
    let bench = Bench::with_token("t", EVERYTHING);
    for name in ["a", "b", "c"] {
        bench.app(name, spec("p"), json!({}));
    }
    for query in ["a", "b?cascade=false", "c?propagationPolicy=background"] {
        let uri = format!("/api/v1/applications/{query}");
        let (status, body) = bench.call("DELETE", &uri, Value::Null).await;
        assert_eq!((status, body), (StatusCode::OK, json!({})), "{uri}");
    }
    let fake = bench.fake.lock().unwrap();
    let patches: Vec<&Value> = fake
        .seen
        .iter()
        .filter(|seen| seen.0 == "PATCH")
        .map(|seen| &seen.2["metadata"]["finalizers"])
        .collect();
    assert_eq!(
        patches,
        [
            &json!(["resources-finalizer.argocd.argoproj.io"]),
            &json!(["resources-finalizer.argocd.argoproj.io/background"]),
        ]
    );
    let deleted: Vec<&Value> = fake
        .seen
        .iter()
        .filter(|seen| seen.0 == "DELETE")
        .map(|seen| &seen.2["preconditions"]["uid"])
        .collect();
    assert_eq!(deleted, [&json!("uid-a"), &json!("uid-b"), &json!("uid-c")]);
}

#[tokio::test]
async fn events_of_the_application_are_found_by_its_uid() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), json!({}));
    let (status, body) = bench.get("/api/v1/applications/web/events").await;
    assert_eq!((status, &body["items"][0]["reason"]), (StatusCode::OK, &json!("Drifted")));
    let asked = bench.fake.lock().unwrap().seen.last().unwrap().1.clone();
    assert!(asked.starts_with("/api/v1/namespaces/argocd/events?"), "{asked}");
    assert!(asked.contains("involvedObject.uid%3Duid-web"), "{asked}");
}

#[tokio::test]
async fn a_refresh_waits_for_the_pass_that_came_after_it() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), json!({"sync": {"revision": "old"}}));
    let asking = bench.get("/api/v1/applications/web?refresh=hard");
    let controller = async {
        // The controller sees the annotation, looks, and removes it.
        loop {
            let app = bench.fake.lock().unwrap().apps["web"].clone();
            if app.pointer("/metadata/annotations/argocd.argoproj.io~1refresh")
                == Some(&json!("hard"))
            {
                bench.board.publish("web", &app);
                break;
            }
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        bench.app("web", spec("p"), json!({"sync": {"revision": "new"}}));
    };
    let ((status, app), ()) = tokio::join!(asking, controller);
    assert_eq!((status, &app["status"]["sync"]["revision"]), (StatusCode::OK, &json!("new")));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_takes_too_long_is_said_to_go_on() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), json!({}));
    let (status, body) = bench.get("/api/v1/applications/web?refresh=normal").await;
    assert_eq!((status, &body["reason"]), (StatusCode::GATEWAY_TIMEOUT, &json!("RefreshPending")));
}

/// Reads one event of a stream, comments left out; `None` at its end.
async fn next(body: &mut Body) -> Option<Value> {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame());
        let frame = frame.await.expect("an event in time")?.unwrap();
        let data = frame.into_data().unwrap_or_default();
        let text = String::from_utf8(data.to_vec()).unwrap();
        if let Some(data) = text.strip_prefix("data: ") {
            assert!(data.ends_with("\n\n"), "{text:?}");
            return Some(serde_json::from_str(data).unwrap());
        }
    }
}

async fn stream(bench: &Bench, uri: &str) -> Body {
    let request = Request::get(uri).header(header::AUTHORIZATION, "Bearer t");
    let response =
        bench.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    response.into_body()
}

fn seen(event: Option<Value>) -> (String, String) {
    let event = event.expect("an event");
    let text = |pointer: &str| event.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    (text("/result/type"), text("/result/application/metadata/name"))
}

#[tokio::test]
async fn a_stream_begins_with_everything_follows_changes_and_ends_with_the_server() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p1"), json!({}));
    bench.app("other", spec("p2"), json!({}));
    let mut events = stream(&bench, "/api/v1/stream/applications?projects=p1").await;
    let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    assert_eq!(seen(next(&mut events).await), pair("ADDED", "web"));
    let text = bench.metrics.render(&bench.board, |_| true);
    assert!(text.contains("steadfast_api_streams 1"), "{text}");
    bench.app("other", spec("p2"), json!({"health": {"status": "Healthy"}}));
    bench.app("web", spec("p1"), json!({"health": {"status": "Healthy"}}));
    assert_eq!(seen(next(&mut events).await), pair("MODIFIED", "web"));
    bench.app("api", spec("p1"), json!({}));
    assert_eq!(seen(next(&mut events).await), pair("ADDED", "api"));
    bench.app("api", spec("p2"), json!({}));
    assert_eq!(seen(next(&mut events).await), pair("DELETED", "api"), "it left the project");
    bench.board.remove("web");
    assert_eq!(seen(next(&mut events).await), pair("DELETED", "web"));
    bench.stop.cancel();
    assert_eq!(next(&mut events).await, None);
    drop(events);
    let text = bench.metrics.render(&bench.board, |_| true);
    assert!(text.contains("steadfast_api_streams 0"), "{text}");
}

#[tokio::test]
async fn a_reader_that_fell_behind_is_told_how_things_are_now() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), json!({}));
    bench.app("gone", spec("p"), json!({}));
    let mut events = stream(&bench, "/api/v1/stream/applications").await;
    next(&mut events).await;
    next(&mut events).await;
    for n in 0..5000 {
        bench.app("web", spec("p"), json!({"n": n}));
    }
    bench.board.remove("gone");
    let mut left = vec!["gone", "last"];
    while !left.is_empty() {
        let event = next(&mut events).await.expect("an event");
        if event["result"]["type"] == "DELETED" {
            left.retain(|what| *what != "gone");
        }
        if event["result"]["application"]["status"]["n"] == 4999 {
            left.retain(|what| *what != "last");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_right_to_see_it_does() {
    let bench = Bench::with_token("t", EVERYTHING);
    bench.app("web", spec("p"), json!({}));
    let mut events = stream(&bench, "/api/v1/stream/applications").await;
    next(&mut events).await;
    bench.fake.lock().unwrap().tokens.clear();
    let mut end = Some(json!({}));
    for _ in 0..10 {
        // Only keep-alive comments until then, each of which restarts the wait for an event.
        end =
            tokio::time::timeout(Duration::from_secs(100), next(&mut events)).await.unwrap_or(end);
        if end.is_none() {
            break;
        }
    }
    assert_eq!(end, None);
}
