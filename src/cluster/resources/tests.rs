use std::pin::pin;

use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::cluster::{KindTable, fake::Server};

const PATH: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";

fn query() -> ResourceQuery {
    ResourceQuery::all(GroupVersionKind::parse("argoproj.io/v1alpha1", "Application"), "argocd")
}

fn application(name: &str, version: &str) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "spec": "not even a map",
        "metadata": {"name": name, "namespace": "argocd", "resourceVersion": version,
            "managedFields": [{"manager": "kubectl"}]}})
}

fn words(event: &ResourceEvent) -> String {
    match event {
        ResourceEvent::Applied(object) => {
            assert!(object.pointer("/metadata/managedFields").is_none());
            format!("applied {}", meta::name(object))
        }
        ResourceEvent::Deleted { namespace, name } => format!("deleted {namespace}/{name}"),
        ResourceEvent::Synced => "synced".into(),
        ResourceEvent::NotServed => "not served".into(),
        ResourceEvent::Lost { message, turn } => format!("lost {turn:?}: {message}"),
        ResourceEvent::Alive => "alive".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn resources_are_followed_and_what_a_list_leaves_out_is_deleted() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.send("ADDED", &application("a", "1"));
    first.send("ADDED", &application("b", "2"));
    first.listed("3");
    first.send("ERROR", &crate::cluster::fake::status(410, "Expired", "too old", &json!({})));
    let second = server.watch(PATH);
    second.send("ADDED", &application("b", "2"));
    second.listed("9");
    let mut events = pin!(watch_resources(&server.cluster(), query()));
    let expected = ["applied a", "applied b", "synced", "applied b", "deleted argocd/a", "synced"];
    for expected in expected {
        assert_eq!(words(&events.next().await.unwrap()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_crd_is_waited_for() {
    let server = Server::default();
    let cluster = server.cluster();
    let full = cluster.kinds();
    cluster.discovery().set(KindTable::default());
    let nothing = json!({"kind": "APIGroupDiscoveryList", "items": []});
    for _ in 0..3 {
        server.on(http::Method::GET, "/api", 200, nothing.clone());
        server.on(http::Method::GET, "/apis", 200, nothing.clone());
    }
    let events = server.watch(PATH);
    events.send("ADDED", &application("a", "1"));
    events.listed("3");
    let mut stream = pin!(watch_resources(&cluster, query()));
    assert_eq!(words(&stream.next().await.unwrap()), "not served");
    let kinds: Vec<KindInfo> = full.iter().map(|info| (**info).clone()).collect();
    let appear = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.discovery().set(KindTable::of(kinds));
    };
    let (event, ()) = tokio::join!(stream.next(), appear);
    assert_eq!(words(&event.unwrap()), "applied a");
    assert_eq!(words(&stream.next().await.unwrap()), "synced");
}

#[tokio::test(start_paused = true)]
async fn a_lack_of_permission_names_the_operator() {
    let server = Server::default();
    server.refuse(http::Method::GET, PATH, 403, "Forbidden", "applications is forbidden");
    let told = server.watch(PATH);
    told.listed("3");
    let mut events = pin!(watch_resources(&server.cluster(), query()));
    let event = words(&events.next().await.unwrap());
    assert!(event.starts_with("lost Operator") && event.contains("is forbidden"), "{event}");
    assert_eq!(words(&events.next().await.unwrap()), "alive");
    assert_eq!(words(&events.next().await.unwrap()), "synced");
}
