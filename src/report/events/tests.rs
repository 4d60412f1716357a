use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    EventReason, EventSink, EventType, EventWriter, MESSAGE_BYTES_MAX, Occurrence, Subject,
    queue::QUEUED_MAX,
};
use crate::report::{board::Board, metrics::Metrics};

/// Requests that arrived at the fake API server: method, path, body.
type Seen = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A client whose server answers by `status(method, serial number of the request)`.
fn server(status: fn(&str, usize) -> u16) -> (kube::Client, Seen) {
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let log = Arc::clone(&log);
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.expect("a body in memory").to_bytes();
            let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let method = parts.method.to_string();
            let serial = {
                let mut log = log.lock().unwrap();
                log.push((method.clone(), parts.uri.path().to_owned(), body));
                log.len()
            };
            let code = status(&method, serial);
            let answer = match code {
                200 => json!({"metadata": {"name": "x"}, "involvedObject": {}}),
                code => json!({"kind": "Status", "status": "Failure", "code": code,
                               "reason": if code == 404 { "NotFound" } else { "InternalError" },
                               "message": "no"}),
            };
            let response = http::Response::builder()
                .status(code)
                .body(axum::body::Body::from(answer.to_string()))
                .expect("a valid response");
            Ok::<_, Infallible>(response)
        }
    });
    (kube::Client::new(service, "argocd"), seen)
}

fn occurrence(message: &str) -> Occurrence {
    Occurrence {
        subject: Subject { namespace: "argocd".into(), name: "web".into(), uid: "u-1".into() },
        event_type: EventType::Warning,
        reason: EventReason::Drifted,
        message: message.to_owned(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

/// Runs the writer until `requests` have arrived.
async fn drain(writer: EventWriter, seen: &Seen, requests: usize) -> CancellationToken {
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(writer.run(stop.clone()));
    until("the requests arrived", || seen.lock().unwrap().len() >= requests).await;
    stop.cancel();
    tasks.join_all().await;
    stop
}

#[tokio::test]
async fn an_event_reads_as_kubectl_describe_wants_it() {
    let (client, seen) = server(|_, _| 200);
    let (sink, writer) = EventSink::new(client, "steadfast", Arc::new(Metrics::new("1")), || true);
    sink.emit(occurrence("image changed by kubectl-edit"), at(0));
    drain(writer, &seen, 1).await;
    let seen = seen.lock().unwrap();
    let (method, path, body) = &seen[0];
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/api/v1/namespaces/argocd/events"));
    assert_eq!(
        body["involvedObject"],
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "name": "web",
               "namespace": "argocd", "uid": "u-1"})
    );
    assert_eq!(body["type"], "Warning");
    assert_eq!(body["reason"], "Drifted");
    assert_eq!(body["message"], "image changed by kubectl-edit");
    assert_eq!(body["count"], 1);
    assert_eq!(body["firstTimestamp"], "2023-11-14T22:13:20Z");
    assert_eq!(body["source"], json!({"component": "steadfast"}));
    assert!(body["metadata"]["name"].as_str().unwrap().starts_with("web."), "{body}");
}

#[tokio::test]
async fn what_repeats_is_counted_on_one_event() {
    let (client, seen) = server(|_, _| 200);
    let (sink, writer) = EventSink::new(client, "steadfast", Arc::new(Metrics::new("1")), || true);
    // Two wait together, the third comes after the first write.
    sink.emit(occurrence("same"), at(0));
    sink.emit(occurrence("same"), at(1));
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(writer.run(stop.clone()));
    until("the first is written", || seen.lock().unwrap().len() == 1).await;
    sink.emit(occurrence("same"), at(9));
    until("the second is written", || seen.lock().unwrap().len() == 2).await;
    stop.cancel();
    tasks.join_all().await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].2["count"], 2);
    assert_eq!(seen[1].0, "PATCH");
    assert_eq!(seen[1].2, json!({"count": 3, "lastTimestamp": "2023-11-14T22:13:29Z"}));
    assert!(seen[1].1.ends_with(seen[0].2["metadata"]["name"].as_str().unwrap()));
}

#[tokio::test]
async fn an_event_that_expired_is_written_anew() {
    let (client, seen) = server(|method, _| if method == "PATCH" { 404 } else { 200 });
    let (sink, writer) = EventSink::new(client, "steadfast", Arc::new(Metrics::new("1")), || true);
    sink.emit(occurrence("same"), at(0));
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(writer.run(stop.clone()));
    until("the first is written", || seen.lock().unwrap().len() == 1).await;
    sink.emit(occurrence("same"), at(1));
    until("it is written anew", || seen.lock().unwrap().len() == 3).await;
    stop.cancel();
    tasks.join_all().await;
    let methods: Vec<String> = seen.lock().unwrap().iter().map(|seen| seen.0.clone()).collect();
    assert_eq!(methods, ["POST", "PATCH", "POST"]);
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_and_counts_it() {
    let (client, seen) = server(|_, _| 200);
    let metrics = Arc::new(Metrics::new("1"));
    let (sink, writer) = EventSink::new(client, "steadfast", Arc::clone(&metrics), || true);
    for n in 0..QUEUED_MAX + 3 {
        sink.emit(occurrence(&format!("message {n}")), at(0));
    }
    let text = metrics.render(&Board::default(), |_| true);
    assert!(text.contains("steadfast_events_total{outcome=\"dropped\"} 3"), "{text}");
    drain(writer, &seen, 1).await;
    assert_eq!(seen.lock().unwrap()[0].2["message"], "message 3");
}

#[tokio::test]
async fn an_event_that_the_server_refuses_is_counted_and_the_next_is_written() {
    let (client, seen) = server(|_, serial| if serial == 1 { 500 } else { 200 });
    let metrics = Arc::new(Metrics::new("1"));
    let (sink, writer) = EventSink::new(client, "steadfast", Arc::clone(&metrics), || true);
    sink.emit(occurrence("one"), at(0));
    sink.emit(occurrence("two"), at(0));
    drain(writer, &seen, 2).await;
    let text = metrics.render(&Board::default(), |_| true);
    assert!(text.contains("steadfast_events_total{outcome=\"failed\"} 1"), "{text}");
    assert!(text.contains("steadfast_events_total{outcome=\"written\"} 1"), "{text}");
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let mut message = "é".repeat(MESSAGE_BYTES_MAX);
    super::cut(&mut message);
    assert!(message.len() <= MESSAGE_BYTES_MAX && message.ends_with("é ..."), "{}", message.len());
}
