//! The embedded server over HTTPS, asked by a real client.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use steadfast::embedded::{Options, Pace, Server, control};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// A server that serves; dropping it ends it.
struct Running {
    server: Server,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Running {
    async fn start() -> Self {
        Self::start_at(Options::default().listen).await
    }

    async fn start_at(listen: SocketAddr) -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = Options { listen, pod_start: Duration::ZERO, ..Options::default() };
        let server = Server::new(options).expect("certificates can be made");
        let mut running = Self { server, stop: CancellationToken::new(), serving: None };
        running.serve().await;
        running
    }

    /// Serves until a stop of its own, after the end of an earlier time.
    async fn serve(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.stop.cancel();
            serving.await.expect("it ends well");
        }
        let listener = self.server.listen().await.expect("there is a free port");
        self.stop = CancellationToken::new();
        let (serving, ended) = (self.server.clone(), self.stop.clone());
        #[expect(clippy::disallowed_methods, reason = "the test waits for what it needs")]
        let serving = tokio::spawn(async move {
            serving.serve(listener, ended).await.expect("certificates can be made");
        });
        self.serving = Some(serving);
    }

    async fn client(&self, user: &str) -> Client {
        let kubeconfig = Kubeconfig::from_yaml(&self.server.kubeconfig(user)).expect("it is YAML");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Client::try_from(config.expect("it is complete")).expect("the authority is valid")
    }
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"a": "1"}}))
        .expect("it is a config map")
}

#[tokio::test]
async fn a_client_writes_reads_and_watches() {
    let running = Running::start().await;
    let client = running.client("admin").await;
    let version = client.apiserver_version().await.expect("a version");
    assert!(version.git_version.ends_with("+steadfast-embedded"), "{version:?}");
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let created = maps.create(&PostParams::default(), &map("a")).await.expect("created");
    let from = created.metadata.resource_version.clone().expect("a version");
    let mut events = maps.watch(&WatchParams::default(), &from).await.expect("a watch").boxed();
    let patch = Patch::Merge(json!({"data": {"a": "2"}}));
    maps.patch("a", &PatchParams::default(), &patch).await.expect("patched");
    maps.replace("a", &PostParams::default(), &created).await.expect_err("an old state");
    let apply = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"b": "1"},
    }));
    maps.patch("b", &PatchParams::apply("me"), &apply).await.expect("applied");
    assert_eq!(maps.list(&ListParams::default()).await.expect("a list").items.len(), 2);
    maps.delete("a", &DeleteParams::default()).await.expect("deleted");
    let mut told = Vec::new();
    while told.len() < 3 {
        let event = timeout(Duration::from_mins(1), events.try_next()).await.expect("in time");
        told.push(match event.expect("no error").expect("no end") {
            WatchEvent::Added(map) => format!("added {}", map.metadata.name.unwrap_or_default()),
            WatchEvent::Modified(map) => {
                format!("modified {}", map.metadata.name.unwrap_or_default())
            }
            WatchEvent::Deleted(map) => {
                format!("deleted {}", map.metadata.name.unwrap_or_default())
            }
            other => format!("{other:?}"),
        });
    }
    assert_eq!(told, ["modified a", "added b", "deleted a"]);
}

#[tokio::test]
async fn rights_are_those_of_the_user() {
    let running = Running::start().await;
    let maps: Api<ConfigMap> = Api::namespaced(running.client("viewer").await, "default");
    maps.list(&ListParams::default()).await.expect("a viewer reads");
    let refused = maps.create(&PostParams::default(), &map("a")).await.expect_err("and no more");
    assert!(refused.to_string().contains("cannot create resource"), "{refused}");
    let maps: Api<ConfigMap> = Api::namespaced(running.client("stranger").await, "default");
    maps.list(&ListParams::default()).await.expect_err("nobody knows a stranger");
}

#[tokio::test]
async fn many_clients_write_at_once_and_lose_nothing() {
    const WRITERS: usize = 8;
    const WRITES: usize = 20;
    let running = Running::start().await;
    let client = running.client("admin").await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    maps.create(&PostParams::default(), &map("a")).await.expect("created");
    let maps = Arc::new(maps);
    let writes = (0..WRITERS * WRITES).map(|number| {
        let maps = Arc::clone(&maps);
        async move {
            let patch = Patch::Merge(json!({"data": {format!("k{number}"): "x"}}));
            maps.patch("a", &PatchParams::default(), &patch).await.expect("patched");
        }
    });
    futures::stream::iter(writes).for_each_concurrent(WRITERS, |write| write).await;
    let object = maps.get("a").await.expect("it is there");
    assert_eq!(object.data.expect("data").len(), 1 + WRITERS * WRITES);
}

#[tokio::test]
async fn it_serves_again_with_the_objects_of_before() {
    // The clients of before come back to the same port.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let listen = free.local_addr().expect("it is bound");
    drop(free);
    let mut running = Running::start_at(listen).await;
    let maps: Api<ConfigMap> = Api::namespaced(running.client("admin").await, "default");
    maps.create(&PostParams::default(), &map("a")).await.expect("created");
    let events = async |from: &str| maps.watch(&WatchParams::default(), from).await;
    let first = events("0").await.expect("a watch");
    running.stop.cancel();
    let watched = timeout(Duration::from_mins(1), first.for_each(async |_| ())).await;
    watched.expect("a watch ends with the server");

    running.serve().await;
    maps.get("a").await.expect("it is still there");
    let mut second = events("0").await.expect("a watch").boxed();
    let event = timeout(Duration::from_mins(1), second.try_next()).await.expect("in time");
    assert!(matches!(event, Ok(Some(WatchEvent::Added(_)))), "{event:?}");
}

#[tokio::test]
async fn a_namespace_ends_with_all_that_is_in_it() {
    let running = Running::start().await;
    let controllers = control(running.server.clone(), Pace::default(), running.stop.clone());
    let work = async {
        let client = running.client("admin").await;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let shop: Namespace =
            serde_json::from_value(json!({"metadata": {"name": "shop"}})).expect("a namespace");
        namespaces.create(&PostParams::default(), &shop).await.expect("created");
        let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
        maps.create(&PostParams::default(), &map("a")).await.expect("created");
        namespaces.delete("shop", &DeleteParams::default()).await.expect("deleted");
        loop {
            match namespaces.get_opt("shop").await.expect("an answer") {
                None => return,
                Some(_) => tokio::task::yield_now().await,
            }
        }
    };
    let ended = async {
        tokio::select! {
            () = controllers => panic!("the controllers ended"),
            () = work => {}
        }
    };
    timeout(Duration::from_mins(1), ended).await.expect("the namespace goes");
}

#[tokio::test]
async fn a_client_that_gives_up_many_requests_at_once_keeps_its_connection() {
    let running = Running::start().await;
    let token = running.server.token("admin").expect("an administrator").to_owned();
    let ca = reqwest::Certificate::from_pem(running.server.ca_pem().as_bytes()).expect("PEM");
    let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build();
    let client = client.expect("the certificate is valid");
    let maps = format!("{}/api/v1/namespaces/default/configmaps", running.server.url());
    let ask = move |query: &str| client.get(format!("{maps}{query}")).bearer_auth(&token).send();
    // The client has a thread of its own, because that of the server is held up below.
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let other = other.expect("a runtime");
    let watch = other.spawn(ask("?watch=true")).await.expect("no panic").expect("a watch");
    assert_eq!(watch.version(), reqwest::Version::HTTP_2);
    let (given_up, wait) = std::sync::mpsc::channel();
    other.spawn(async move {
        let asked = futures::future::join_all((0..100).map(|_| ask("")));
        let answered = timeout(Duration::from_millis(100), asked).await;
        // The word about the end is on its way too.
        tokio::time::sleep(Duration::from_millis(100)).await;
        given_up.send(answered.is_err()).expect("the test waits");
    });
    // A busy server sees requests together with their end.
    assert!(wait.recv().expect("no panic"), "no server answers while its thread is held up");

    let api: Api<ConfigMap> = Api::namespaced(running.client("admin").await, "default");
    api.create(&PostParams::default(), &map("a")).await.expect("created");
    let event = timeout(Duration::from_mins(1), watch.bytes_stream().next()).await;
    let event = event.expect("in time").expect("the watch goes on").expect("it is not cut");
    assert!(String::from_utf8_lossy(&event).contains("\"ADDED\""), "{event:?}");
    other.shutdown_background();
}
