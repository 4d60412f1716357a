use serde_json::json;

use super::*;
use crate::{cluster::fake::Server, object::GroupVersionKind};

const PATH: &str = "/api/v1/configmaps";

fn watch(server: &Server) -> Watch {
    let cluster = server.cluster();
    let info = cluster.kinds().get(&GroupVersionKind::parse("v1", "ConfigMap")).unwrap().clone();
    Watch::new(&cluster, &info, "")
}

fn map(name: &str, version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "n", "resourceVersion": version}})
}

/// What the watch told, in words.
async fn told(watch: &mut Watch) -> String {
    let name = |object: &Value| crate::object::meta::name(object).to_owned();
    match watch.next().await {
        Update::Begin => "begin".into(),
        Update::Item(object) => format!("item {}", name(&object)),
        Update::Listed(version) => format!("listed {version}"),
        Update::Applied(object) => format!("applied {}", name(&object)),
        Update::Deleted(object) => format!("deleted {}", name(&object)),
        Update::Progress(version) => format!("progress {version}"),
        Update::Alive => "alive".into(),
        Update::Lost(error) => format!("lost: {}", error.chain()),
    }
}

async fn expect(watch: &mut Watch, updates: &[&str]) {
    for update in updates {
        assert_eq!(told(watch).await, *update);
    }
}

#[tokio::test(start_paused = true)]
async fn a_streaming_list_becomes_a_watch_on_the_same_connection() {
    let server = Server::default();
    let events = server.watch(PATH);
    events.send("ADDED", &map("a", "3"));
    events.listed("5");
    events.send("MODIFIED", &map("a", "6"));
    events.send("DELETED", &map("a", "7"));
    let mut watch = watch(&server);
    expect(&mut watch, &["begin", "item a", "listed 5", "applied a", "deleted a"]).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_in_time_goes_on_where_it_was() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.listed("5");
    let second = server.watch(PATH);
    second.send("ADDED", &map("b", "9"));
    let mut watch = watch(&server);
    expect(&mut watch, &["begin", "listed 5"]).await;
    tokio::time::advance(WATCH_MIN).await;
    drop(first);
    expect(&mut watch, &["applied b"]).await;
    let query = &server.seen()[1].query;
    assert!(query.contains("resourceVersion=5") && !query.contains("sendInitialEvents"), "{query}");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_streaming_lists_is_read_in_pages() {
    let server = Server::default();
    server.refuse(
        Method::GET,
        PATH,
        422,
        "Invalid",
        "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the \
         WatchList feature gate is enabled",
    );
    server.on(
        Method::GET,
        PATH,
        200,
        json!({"metadata": {"resourceVersion": "8", "continue": "next page"},
            "items": [{"metadata": {"name": "a", "namespace": "n"}}]}),
    );
    server.on(
        Method::GET,
        PATH,
        200,
        json!({"metadata": {"resourceVersion": "8"}, "items": [map("b", "2")]}),
    );
    let events = server.watch(PATH);
    events.send("ADDED", &map("c", "9"));
    let mut watch = watch(&server);
    expect(&mut watch, &["begin"]).await;
    let Update::Item(first) = watch.next().await else { panic!("no item") };
    assert_eq!((&first["kind"], &first["apiVersion"]), (&json!("ConfigMap"), &json!("v1")));
    expect(&mut watch, &["item b", "listed 8", "applied c"]).await;
    let seen = server.seen();
    assert!(seen[2].query.contains("continue=next+page"), "{}", seen[2].query);
    assert!(seen[3].query.contains("resourceVersion=8"), "{}", seen[3].query);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ignores_the_wish_to_stream_is_read_in_pages() {
    let server = Server::default();
    let events = server.watch(PATH);
    events.send("ADDED", &map("a", "3"));
    server.on(Method::GET, PATH, 200, json!({"metadata": {"resourceVersion": "8"}, "items": null}));
    let mut watch = watch(&server);
    expect(&mut watch, &["begin", "item a", "begin", "listed 8"]).await;
}

#[tokio::test(start_paused = true)]
async fn expired_history_is_listed_anew_without_a_loss_being_reported() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.send("ADDED", &map("a", "3"));
    first.listed("5");
    first.send("ERROR", &crate::cluster::fake::status(410, "Expired", "too old", &json!({})));
    let second = server.watch(PATH);
    second.send("ADDED", &map("b", "7"));
    second.listed("9");
    let mut watch = watch(&server);
    expect(&mut watch, &["begin", "item a", "listed 5", "begin", "item b", "listed 9"]).await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_and_end_with_alive() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.listed("5");
    server.break_off(Method::GET, PATH);
    server.refuse(Method::GET, PATH, 503, "ServiceUnavailable", "starting");
    let third = server.watch(PATH);
    third.send("ADDED", &map("b", "7"));
    let mut watch = watch(&server);
    expect(&mut watch, &["begin", "listed 5"]).await;
    drop(first);
    for part in ["closed the watch early", "connection reset", "starting"] {
        let update = told(&mut watch).await;
        assert!(update.starts_with("lost:") && update.contains(part), "{update}");
    }
    expect(&mut watch, &["alive", "applied b"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_watch_is_noticed() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.listed("5");
    let second = server.watch(PATH);
    second.send("ADDED", &map("b", "7"));
    let mut watch = watch(&server);
    expect(&mut watch, &["begin", "listed 5"]).await;
    let begun = Instant::now();
    let update = told(&mut watch).await;
    assert!(update.contains("no answer within"), "{update}");
    assert!(begun.elapsed() <= WATCH_MIN + WATCH_SPREAD + WATCH_GRACE);
    expect(&mut watch, &["alive", "applied b"]).await;
}
