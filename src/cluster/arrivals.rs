//! Kinds that somebody waits for.
//!
//! While somebody waits for a kind that the cluster does not serve, the definitions of custom
//! resources are watched, and after each change of one the server is asked again what it serves. A
//! kind may also come without a definition, from a server that extends the API: for that it is
//! asked now and then. While nobody waits nothing is asked.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    Cluster,
    watch::{Update, Watch},
};
use crate::object::GroupVersionKind;

/// Pauses before the looks after a definition has changed: the server needs a moment until it
/// serves what it has accepted.
const EAGER: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// Pause between looks when no definition has changed lately.
const SLOW: Duration = Duration::from_mins(2);
/// The same while definitions can't be watched, or a server that extends the API is away.
const QUICK: Duration = Duration::from_secs(30);

/// Somebody waits for a kind, for as long as this lives.
#[derive(Debug)]
pub struct Waiting(watch::Sender<usize>);

impl Waiting {
    /// One more who waits, among those that `count` counts.
    pub(super) fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|waiting| *waiting += 1);
        Self(count.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

/// Looks for kinds for ever, whenever somebody waits for one.
pub(super) async fn follow(cluster: Cluster) {
    let mut waiting = cluster.discovery().waiting();
    loop {
        if waiting.wait_for(|waiting| *waiting > 0).await.is_err() {
            return;
        }
        tracing::debug!("a kind is waited for");
        tokio::select! {
            () = look(&cluster) => {}
            _ = waiting.wait_for(|waiting| *waiting == 0) => {}
        }
    }
}

/// Looks for kinds without end.
async fn look(cluster: &Cluster) {
    let mut definitions = definitions(cluster).await;
    let mut watching = false;
    let mut looks = EAGER.len();
    let mut due = Instant::now() + pause(cluster, looks, watching);
    loop {
        let update = async {
            match &mut definitions {
                Some(watch) => watch.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            update = update => match update {
                // What happened before the list, or without contact, may have been missed.
                Update::Listed(_) | Update::Alive | Update::Applied(_) | Update::Deleted(_) => {
                    (watching, looks) = (true, 0);
                    due = Instant::now() + pause(cluster, looks, watching);
                }
                Update::Lost(_) => {
                    watching = false;
                    due = due.min(Instant::now() + QUICK);
                }
                Update::Begin | Update::Item(_) | Update::Progress(_) => {}
            },
            () = sleep_until(due) => {
                if let Err(cause) = cluster.discovery().refresh(cluster).await {
                    tracing::debug!(cause = cause.chain(), "no answer about kinds");
                }
                if definitions.is_none() {
                    definitions = self::definitions(cluster).await;
                }
                looks = looks.saturating_add(1);
                due = Instant::now() + pause(cluster, looks, watching);
            }
        }
    }
}

/// The pause before a look, `looks` being how many there were since something changed.
fn pause(cluster: &Cluster, looks: usize, watching: bool) -> Duration {
    match EAGER.get(looks) {
        Some(pause) => *pause,
        None if watching && !cluster.kinds().has_stale() => SLOW,
        None => QUICK,
    }
}

/// The definitions of custom resources, by their metadata alone: there can be hundreds of them,
/// and large ones. `None` when the server serves none or does not answer.
async fn definitions(cluster: &Cluster) -> Option<Watch> {
    let gvk = GroupVersionKind::parse("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    let info = cluster.discovery().find(cluster, &gvk).await.ok()?;
    Some(Watch::new(cluster, &info, "").metadata_only())
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::fake::{Events, Server, until};

    const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

    /// A server that is played, and the task under test, which ends with this.
    struct Scene {
        server: Server,
        cluster: Cluster,
        _tasks: tokio::task::JoinSet<()>,
    }

    impl Scene {
        fn start() -> Self {
            let server = Server::default();
            let cluster = server.cluster();
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(follow(cluster.clone()));
            Self { server, cluster, _tasks: tasks }
        }

        /// Somebody waits for a kind; the server lists no definition, and tells of new ones by the
        /// events.
        fn wait(&self) -> (Waiting, Events) {
            let events = self.server.watch(DEFINITIONS);
            serve(&self.server, None);
            events.listed("1");
            (self.cluster.discovery().wait(), events)
        }
    }

    /// How often the server was asked what it serves.
    fn looks(server: &Server) -> usize {
        server.seen().iter().filter(|seen| seen.path == "/apis").count()
    }

    /// The next looks find this kind beside the definitions themselves, or only those.
    fn serve(server: &Server, kind: Option<&str>) {
        let resource = |kind: &str, plural: &str| {
            json!({"resource": plural, "scope": "Namespaced", "verbs": ["list", "watch"],
                "responseKind": {"group": "", "version": "v1", "kind": kind}})
        };
        let group = |name: &str, resources: Vec<Value>| {
            json!({"metadata": {"name": name}, "versions": [
                {"version": "v1", "freshness": "Current", "resources": resources}]})
        };
        let definitions = resource("CustomResourceDefinition", "customresourcedefinitions");
        let mut groups = vec![group("apiextensions.k8s.io", vec![definitions])];
        groups.extend(kind.map(|kind| group("shop.example", vec![resource(kind, "things")])));
        let list = |items: Value| json!({"kind": "APIGroupDiscoveryList", "items": items});
        for _ in 0..20 {
            server.on(Method::GET, "/api", 200, list(json!([])));
            server.on(Method::GET, "/apis", 200, list(json!(groups)));
        }
    }

    /// Waits until the looks after the first list are over.
    async fn calm(server: &Server) {
        tokio::time::sleep(EAGER.iter().sum::<Duration>() + Duration::from_secs(1)).await;
        assert_eq!(looks(server), EAGER.len());
    }

    fn definition() -> Value {
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"name": "things.shop.example", "resourceVersion": "5"}})
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_waits_for_a_kind_nothing_is_asked() {
        let scene = Scene::start();
        let server = &scene.server;
        tokio::time::sleep(Duration::from_mins(30)).await;
        assert_eq!(server.seen().len(), 0);

        let (waiting, _events) = scene.wait();
        until("definitions are watched", || server.seen().len() == 1).await;
        drop(waiting);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = server.seen().len();
        tokio::time::sleep(Duration::from_mins(30)).await;
        assert_eq!(server.seen().len(), asked, "the watch goes on although nobody waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_is_found_when_its_definition_arrives() {
        let scene = Scene::start();
        let (server, cluster) = (&scene.server, &scene.cluster);
        let (_waiting, events) = scene.wait();
        calm(server).await;
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(looks(server), EAGER.len(), "a minute without a change");

        // What the script has left of the server as it was comes first.
        let old = 20 - EAGER.len();
        serve(server, Some("Thing"));
        for _ in 0..old {
            cluster.discovery().refresh(cluster).await.unwrap();
        }
        let mut changes = cluster.discovery().changes();
        events.send("ADDED", &definition());
        let changed = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
        assert!(changed.is_ok(), "it takes {:?}", begun.elapsed());
        let gvk = GroupVersionKind::parse("shop.example/v1", "Thing");
        assert!(cluster.kinds().get(&gvk).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_without_a_definition_is_looked_for_now_and_then() {
        let scene = Scene::start();
        let server = &scene.server;
        let (_waiting, _events) = scene.wait();
        calm(server).await;
        tokio::time::sleep(SLOW * 2 + Duration::from_secs(1)).await;
        assert_eq!(looks(server), EAGER.len() + 2);
    }
}
