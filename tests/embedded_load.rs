//! How much memory the embedded cluster takes: 10,000 objects with what its controllers make of
//! them, and 500 watches over HTTPS.
//!
//! The server is a process of its own, this program again, so that its memory is the server's and
//! not the clients'.

// Clippy allows it in test functions by itself, but not in the functions that they share.
#![allow(clippy::disallowed_methods, reason = "tests start tasks and read the clock")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/mod.rs"]
mod support;

use std::{
    collections::BTreeSet,
    env,
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret, Service},
};
use kube::{
    Api, Client, Config, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use steadfast::{
    embedded::{Options, Pace, Server, control},
    object::ObjectId,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use support::{
    LIMIT, eventually,
    process::{self, Guarded},
    testbed::say,
    usage::memory,
};

/// Ten objects each.
const APPLICATIONS: usize = 1000;
/// Applications that share a namespace.
const NEIGHBOURS: usize = 20;
const WATCHES: usize = 500;
/// Objects of each kind that change while all watch.
const CHANGES: usize = 10;
const BYTES_MAX: u64 = 300 << 20;
/// Where the server process writes its kubeconfig when it is ready.
const FILE: &str = "STEADFAST_LOAD_TEST";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_objects_and_five_hundred_watches_fit_into_300_mib() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = process::scratch_dir("load");
    let file = dir.join("kubeconfig");
    let begin = Instant::now();
    let server = Guarded::new(env::current_exe().expect("it has a path"))
        .args(["--exact", "the_server_of_the_load_test"])
        .args(["--ignored", "--nocapture"])
        .env(FILE, &file)
        .spawn(&dir.join("log"))
        .expect("it runs again");
    eventually(LIMIT * 4, "the server to be full", async || {
        assert!(server.status().is_none(), "it ended: {}", server.log());
        file.exists().then_some(())
    })
    .await;
    let (full_s, full) = (begin.elapsed().as_secs(), memory(server.pid()));

    let client = client(&file).await;
    let begin = Instant::now();
    let mut watches = JoinSet::new();
    for number in 0..WATCHES {
        match number % 5 {
            0 => watch::<Deployment>(&mut watches, &client).await,
            1 => watch::<Service>(&mut watches, &client).await,
            2 => watch::<Secret>(&mut watches, &client).await,
            _ => watch::<ConfigMap>(&mut watches, &client).await,
        }
    }
    let open = memory(server.pid());
    for number in 0..CHANGES {
        change::<Deployment>(&client, number).await;
        change::<Service>(&client, number).await;
        change::<Secret>(&client, number).await;
        change::<ConfigMap>(&client, number).await;
    }
    let told = tokio::time::timeout(LIMIT * 2, async {
        let mut told = 0;
        while let Some(watch) = watches.join_next().await {
            told += watch.expect("the watch saw all changes");
        }
        told
    });
    let told: usize = told.await.expect("all watches see all changes in time");
    assert!(told >= WATCHES * CHANGES, "{told}");
    let watched_s = begin.elapsed().as_secs();
    let objects = count(&client).await;
    let maps = Api::<ConfigMap>::all(client).list(&ListParams::default()).await.expect("a list");
    assert!(maps.items.len() >= 6 * APPLICATIONS);
    let end = memory(server.pid());
    let mib = |bytes: u64| bytes >> 20;
    say(&format!(
        "embedded cluster: {} objects: {} MiB after {full_s} s; {WATCHES} watches: {} MiB; \
         {told} events told and a list of all: {} MiB after {watched_s} s; at most {} MiB",
        objects,
        mib(full.now),
        mib(open.now),
        mib(end.now),
        mib(end.most),
    ));
    assert!(end.most < BYTES_MAX, "{} MiB", mib(end.most));
}

/// The other process: it serves until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the load test runs it"]
async fn the_server_of_the_load_test() {
    let Some(file) = env::var_os(FILE).map(PathBuf::from) else { return };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::new(Options::default()).expect("certificates can be made");
    let listener = server.listen().await.expect("there is a free port");
    let stop = CancellationToken::new();
    tokio::spawn(control(server.clone(), Pace::default(), stop.clone()));
    let serving = tokio::spawn(server.clone().serve(listener, stop));
    for number in 0..APPLICATIONS {
        if number % NEIGHBOURS == 0 {
            let metadata = json!({"name": home(number)});
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
            server.create("load", namespace).expect("it is valid");
        }
        for object in application(number) {
            server.create("load", object).expect("it is valid");
        }
    }
    // One at a time: a list of all of them would be measured, too.
    for number in 0..APPLICATIONS {
        let id = ObjectId::new("apps", "Deployment", &home(number), &format!("app-{number}"));
        eventually(LIMIT * 4, "a pod to be ready", async || {
            let deployment = server.get(&id).expect("it was created");
            (deployment["status"]["readyReplicas"] == 1).then_some(())
        })
        .await;
    }
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, server.kubeconfig("admin")).expect("the directory is writable");
    fs::rename(&unfinished, &file).expect("the directory is writable");
    serving.await.expect("it goes on").expect("it serves");
}

/// The namespace of an application.
fn home(number: usize) -> String {
    format!("team-{}", number / NEIGHBOURS)
}

/// The ten objects of one application.
fn application(number: usize) -> Vec<Value> {
    let name = format!("app-{number}");
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "load"});
    let object = |api_version: &str, kind: &str, name: &str, rest: Value| {
        let metadata = json!({"name": name, "namespace": home(number), "labels": labels});
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        for (key, value) in rest.as_object().expect("fields") {
            object[key] = value.clone();
        }
        object
    };
    let container = json!({
        "name": "main", "image": format!("registry.example/{name}:1.2.3"),
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"requests": {"cpu": "25m", "memory": "32Mi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}},
    });
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let selector = json!({"matchLabels": {"app.kubernetes.io/name": name}});
    let deployment = json!({"replicas": 1, "selector": selector, "template": template});
    let port = json!({"name": "http", "port": 80, "targetPort": "http"});
    let service = json!({"selector": {"app.kubernetes.io/name": name}, "ports": [port]});
    let mut objects = vec![
        object("apps/v1", "Deployment", &name, json!({"spec": deployment})),
        object("v1", "Service", &name, json!({"spec": service})),
        object("v1", "ServiceAccount", &name, json!({})),
        object("v1", "Secret", &name, json!({"stringData": {"password": "x".repeat(40)}})),
    ];
    let data = json!({"data": {"settings": "x".repeat(500)}});
    let map = |part: usize| object("v1", "ConfigMap", &format!("{name}-{part}"), data.clone());
    objects.extend((0..6).map(map));
    objects
}

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("it is a kubeconfig");
    let options = KubeConfigOptions::default();
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("it is complete");
    config.read_timeout = None;
    Client::try_from(config).expect("the authority is valid")
}

/// How many objects there are, those that the controllers made included.
async fn count(client: &Client) -> u64 {
    let mut count = 0;
    for path in [
        "/api/v1/configmaps",
        "/api/v1/endpoints",
        "/api/v1/events",
        "/api/v1/pods",
        "/api/v1/secrets",
        "/api/v1/serviceaccounts",
        "/api/v1/services",
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/replicasets",
        "/apis/discovery.k8s.io/v1/endpointslices",
    ] {
        let request = http::Request::get(format!("{path}?limit=1")).body(Vec::new());
        let list: Value = client.request(request.expect("a request")).await.expect("a list");
        let items = list["items"].as_array().map_or(0, Vec::len) as u64;
        count += items + list["metadata"]["remainingItemCount"].as_u64().unwrap_or_default();
    }
    count
}

/// A kind whose objects are watched and changed.
trait Watched:
    Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static
{
}

/// Opens a watch from now on, which ends when it saw all changes; answers how many events it saw.
async fn watch<K: Watched>(watches: &mut JoinSet<usize>, client: &Client) {
    let api = Api::<K>::all(client.clone());
    let now = api.list_metadata(&ListParams::default().limit(1)).await.expect("a list");
    let from = now.metadata.resource_version.expect("a version");
    let mut events = api.watch(&WatchParams::default(), &from).await.expect("a watch").boxed();
    watches.spawn(async move {
        let (mut seen, mut told) = (BTreeSet::new(), 0);
        while seen.len() < CHANGES {
            let event = events.try_next().await.expect("no error").expect("no end");
            if let WatchEvent::Modified(object) = event {
                told += 1;
                if object.annotations().contains_key("test.steadfast.dev/changed") {
                    seen.insert(object.name_any());
                }
            }
        }
        told
    });
}

async fn change<K: Watched>(client: &Client, number: usize) {
    let api = Api::<K>::namespaced(client.clone(), &home(number));
    let part = if K::kind(&()) == "ConfigMap" { "-0" } else { "" };
    let annotations = json!({"test.steadfast.dev/changed": "yes"});
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    let name = format!("app-{number}{part}");
    api.patch(&name, &PatchParams::default(), &patch).await.expect("patched");
}
