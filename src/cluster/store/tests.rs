use std::sync::Mutex;

use http::Method;
use serde_json::json;

use super::*;
use crate::{
    cluster::{
        KindTable, Observer, Signal,
        fake::{Server, status, until},
    },
    object::tracking,
};

const PATH: &str = "/api/v1/configmaps";

struct Bed {
    server: Server,
    store: Store<String>,
    told: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Bed {
    /// A store that follows `ConfigMap` objects for the application `shop`.
    fn start(server: &Server) -> Self {
        Self::observed(server, None)
    }

    fn observed(server: &Server, observer: Option<Observer>) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        let store = Store::new(
            server.observed_cluster(observer),
            |_| None,
            move |app: &str| teller.lock().unwrap().push(app.to_owned()),
        );
        store.need("shop", BTreeSet::from([kind()]));
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let (follower, token) = (store.clone(), stop.clone());
        running.spawn(async move { follower.run(token).await });
        Self { server: server.clone(), store, told, stop, running }
    }

    fn state(&self) -> WatchState {
        self.store.readiness(&BTreeSet::from([kind()])).remove(0).1
    }

    async fn until_state(&self, state: &WatchState) {
        until(&format!("the watch is {state:?}"), || self.state() == *state).await;
    }

    fn get(&self, name: &str) -> Presence {
        self.store.get(&ObjectId::new("", "ConfigMap", "n", name))
    }

    async fn until_failed(&self) -> (String, Turn) {
        until("the watch failed", || matches!(self.state(), WatchState::Failed { .. })).await;
        match self.state() {
            WatchState::Failed { message, turn } => (message, turn),
            other => panic!("{other:?}"),
        }
    }

    async fn end(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

fn kind() -> GroupKind {
    GroupKind::new("", "ConfigMap")
}

fn map(name: &str, version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": version,
            "annotations": {tracking::ANNOTATION: format!("shop:/ConfigMap:n/{name}")}}})
}

#[tokio::test(start_paused = true)]
async fn an_object_deleted_while_history_expired_is_found_missing() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.send("ADDED", &map("a", "1"));
    first.send("ADDED", &map("b", "2"));
    first.listed("3");
    let bed = Bed::start(&server);
    bed.until_state(&WatchState::Complete).await;
    assert_eq!(bed.store.tracked("shop").len(), 2);
    let second = server.watch(PATH);
    first.send("ERROR", &status(410, "Expired", "too old resource version", &json!({})));
    second.send("ADDED", &map("b", "2"));
    assert!(matches!(bed.get("a"), Presence::Tracked(_)), "served until the list is complete");
    second.listed("9");
    until("a is gone", || matches!(bed.get("a"), Presence::Absent)).await;
    assert_eq!(bed.state(), WatchState::Complete);
    assert!(bed.told.lock().unwrap().contains(&"shop".to_owned()));
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn requests_and_changes_are_told_and_the_store_knows_its_size() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let teller = Arc::clone(&told);
    let observer: Observer = Arc::new(move |server, signal| {
        let what = match signal {
            Signal::Answered(sent) => format!("{} {} {}", sent.verb, sent.resource, sent.code),
            Signal::Event(kind) => format!("event {kind}"),
        };
        teller.lock().unwrap().push(format!("{server} {what}"));
    });
    let server = Server::default();
    let events = server.watch(PATH);
    events.send("ADDED", &map("a", "1"));
    let mut untracked = map("b", "2");
    untracked["metadata"]["annotations"] = json!({});
    events.send("ADDED", &untracked);
    events.listed("3");
    let bed = Bed::observed(&server, Some(observer));
    bed.until_state(&WatchState::Complete).await;
    let survey = bed.store.survey();
    assert_eq!((survey.objects, survey.watches, survey.sound), (2, 1, true));
    events.send("MODIFIED", &map("a", "4"));
    events.send("DELETED", &map("a", "5"));
    until("the deletion is seen", || bed.store.survey().objects == 1).await;
    let changes = ["http://fake event ConfigMap"; 2];
    let expected = [["http://fake watch configmaps 200"].as_slice(), &changes].concat();
    assert_eq!(*told.lock().unwrap(), expected, "what the first list holds is no change");
    assert!(bed.store.survey().quiet < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_secs(40)).await;
    let quiet = bed.store.survey().quiet;
    assert!(quiet >= Duration::from_secs(40), "{quiet:?} although nothing was said");
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_short_interruption_is_not_reported_and_a_long_one_is() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.send("ADDED", &map("a", "1"));
    first.listed("3");
    let bed = Bed::start(&server);
    bed.until_state(&WatchState::Complete).await;
    for _ in 0..30 {
        server.break_off(Method::GET, PATH);
    }
    drop(first);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bed.state(), WatchState::Complete);
    let (message, turn) = bed.until_failed().await;
    assert_eq!(turn, Turn::Cluster);
    assert!(message.contains("could not be reached"), "{message}");
    assert!(matches!(bed.get("a"), Presence::Tracked(_)), "what was seen last is served");
    let asked = server.seen().len();
    assert!(asked < 15, "{asked} requests within seconds are a storm");
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_names_the_operator_and_heals() {
    let server = Server::default();
    server.refuse(Method::GET, PATH, 403, "Forbidden", "configmaps is forbidden");
    let events = server.watch(PATH);
    let bed = Bed::start(&server);
    let (message, turn) = bed.until_failed().await;
    assert_eq!(turn, Turn::Operator);
    assert!(message.contains("get, list and watch") && message.contains("ConfigMap"), "{message}");
    assert!(matches!(bed.get("a"), Presence::Unknown));
    events.listed("3");
    bed.until_state(&WatchState::Complete).await;
    assert!(matches!(bed.get("a"), Presence::Absent));
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_goes_is_not_served_and_comes_back() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.send("ADDED", &map("a", "1"));
    first.listed("3");
    let bed = Bed::start(&server);
    bed.until_state(&WatchState::Complete).await;
    let nothing = json!({"kind": "APIGroupDiscoveryList", "items": []});
    for _ in 0..50 {
        server.on(Method::GET, "/api", 200, nothing.clone());
        server.on(Method::GET, "/apis", 200, nothing.clone());
    }
    drop(first);
    bed.until_state(&WatchState::NotServed).await;
    assert!(matches!(bed.get("a"), Presence::Absent));
    let events = server.watch(PATH);
    events.listed("9");
    let cluster = &bed.store.inner.cluster;
    let info = server.cluster().kinds().preferred(&kind()).unwrap().clone();
    cluster.discovery().set(KindTable::of([(*info).clone()]));
    bed.until_state(&WatchState::Complete).await;
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_outlives_its_last_need_by_the_grace() {
    let server = Server::default();
    let first = server.watch(PATH);
    first.listed("3");
    let bed = Bed::start(&server);
    bed.until_state(&WatchState::Complete).await;
    bed.store.forget("shop");
    tokio::time::sleep(GRACE / 2).await;
    assert!(matches!(bed.get("a"), Presence::Absent), "still followed");
    bed.store.need("bank", BTreeSet::from([kind()]));
    tokio::time::sleep(GRACE * 2).await;
    assert!(matches!(bed.get("a"), Presence::Absent), "needed again");
    assert_eq!(bed.server.seen().len(), 1);
    bed.store.forget("bank");
    tokio::time::sleep(GRACE * 2).await;
    assert!(matches!(bed.get("a"), Presence::Unknown));
    bed.end().await;
}
