//! Watches.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures::StreamExt;
use tokio::time::timeout;

use super::*;

/// The lines of a watch.
struct Lines {
    stream: BodyDataStream,
    rest: Vec<u8>,
}

impl Lines {
    async fn open(admin: &Caller, query: &str) -> Self {
        let path = format!("{MAPS}?watch=true&{query}");
        let response = admin.open("GET", &path, "", String::new()).await;
        assert_eq!(response.status(), 200);
        Self { stream: response.into_body().into_data_stream(), rest: Vec::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let patience = Duration::from_secs(200);
            let chunk = timeout(patience, self.stream.next()).await.expect("a watch that goes on");
            self.rest.extend_from_slice(&chunk?.unwrap());
        }
    }

    /// The next event as its type and the name of the object.
    async fn told(&mut self) -> (String, String) {
        let event = self.next().await.expect("an event");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

fn is(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_what_happens() {
    let admin = Caller::admin();
    admin.map("a", &json!({})).await;
    let mut watch = Lines::open(&admin, "").await;
    assert_eq!(watch.told().await, is("ADDED", "a"));
    admin.map("b", &json!({})).await;
    assert_eq!(watch.told().await, is("ADDED", "b"));
    let change = json!({"data": {"a": "2"}});
    let (_, object) = admin.patch(&format!("{MAPS}/a"), "merge-patch+json", &change).await;
    let event = watch.next().await.unwrap();
    assert_eq!(event, json!({"type": "MODIFIED", "object": object}));
    admin.delete(&format!("{MAPS}/a")).await;
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "DELETED");
    let version = |object: &Value| -> u64 {
        object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
    };
    assert!(version(&event["object"]) > version(&object), "the revision of the deletion");
}

#[tokio::test]
async fn a_watch_goes_on_from_a_version() {
    let admin = Caller::admin();
    let object = admin.map("a", &json!({})).await;
    admin.map("b", &json!({})).await;
    let version = object["metadata"]["resourceVersion"].as_str().unwrap();
    let mut watch = Lines::open(&admin, &format!("resourceVersion={version}")).await;
    assert_eq!(watch.told().await, is("ADDED", "b"));
}

#[tokio::test]
async fn what_ceases_to_match_is_deleted_for_a_selector() {
    let admin = Caller::admin();
    let mut watch = Lines::open(&admin, "labelSelector=app%3Dweb").await;
    admin.map("a", &json!({"app": "db"})).await;
    let label = |app: &str| json!({"metadata": {"labels": {"app": app}}});
    let path = format!("{MAPS}/a");
    admin.patch(&path, "merge-patch+json", &label("web")).await;
    assert_eq!(watch.told().await, is("ADDED", "a"));
    let (_, object) = admin.patch(&path, "merge-patch+json", &label("db")).await;
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "DELETED");
    assert_eq!(event["object"]["metadata"]["labels"]["app"], "web", "the last that matched");
    assert_eq!(
        event["object"]["metadata"]["resourceVersion"],
        object["metadata"]["resourceVersion"]
    );
    admin.delete(&path).await;
    admin.map("b", &json!({"app": "web"})).await;
    assert_eq!(watch.told().await, is("ADDED", "b"), "the deletion of a stranger is not told");
}

#[tokio::test(start_paused = true)]
async fn a_streaming_list_ends_in_a_bookmark_and_more_come_each_minute() {
    let admin = Caller::admin();
    admin.map("a", &json!({})).await;
    let query = "allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let mut watch = Lines::open(&admin, query).await;
    assert_eq!(watch.told().await, is("ADDED", "a"));
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "BOOKMARK");
    let metadata = &event["object"]["metadata"];
    assert_eq!(metadata["annotations"]["k8s.io/initial-events-end"], "true");
    let started = tokio::time::Instant::now();
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "BOOKMARK");
    assert!(event["object"]["metadata"].get("annotations").is_none());
    assert!(started.elapsed() >= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_over() {
    let admin = Caller::admin();
    let mut watch = Lines::open(&admin, "timeoutSeconds=5").await;
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_watch_of_a_forgotten_state_has_expired() {
    let admin = Caller::admin();
    let object = admin.map("a", &json!({})).await;
    let version = object["metadata"]["resourceVersion"].as_str().unwrap();
    let mut slow = Lines::open(&admin, &format!("resourceVersion={version}")).await;
    for round in 0..5000 {
        let change = json!({"data": {"a": round.to_string()}});
        admin.patch(&format!("{MAPS}/a"), "merge-patch+json", &change).await;
    }
    let event = slow.next().await.unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(slow.next().await, None);
    let path = format!("{MAPS}?watch=true&resourceVersion={version}");
    let (code, event) = admin.get(&path).await;
    assert_eq!((code, &event["object"]["reason"]), (200, &json!("Expired")), "{event}");
    let ahead = format!("{MAPS}?watch=true&resourceVersion=999999&timeoutSeconds=1");
    assert_eq!(admin.get(&ahead).await.0, 200);
    let (code, _) = admin.get(&format!("{MAPS}?watch=true&sendInitialEvents=true")).await;
    assert_eq!(code, 422);
}
