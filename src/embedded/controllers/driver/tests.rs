use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Settings, run};
use crate::{
    embedded::controllers::{
        Cluster, Feed, Told, condition, pods,
        read::{list, text},
        testing::World,
    },
    object::{ObjectId, meta},
};

fn workload(kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "main:1"}]},
            },
        },
    })
}

fn web() -> ObjectId {
    ObjectId::new("apps", "Deployment", "shop", "web")
}

fn shop() -> ObjectId {
    ObjectId::new("", "Namespace", "", "shop")
}

#[test]
fn a_cluster_has_a_node_a_class_and_what_each_namespace_has() {
    let world = World::new();
    let node = world.get(&ObjectId::new("", "Node", "", "embedded"));
    assert!(condition::holds(&node["status"], "Ready"));
    assert_eq!(world.all("StorageClass").len(), 1);
    assert_eq!(world.all("ServiceAccount").len(), 1);
    let map = world.get(&ObjectId::new("", "ConfigMap", "shop", "kube-root-ca.crt"));
    assert_eq!(map["data"]["ca.crt"], "PEM");
}

#[test]
fn what_a_namespace_has_comes_back() {
    let mut world = World::new();
    world.delete(&ObjectId::new("", "ServiceAccount", "shop", "default"), None);
    world.settle();
    assert_eq!(world.all("ServiceAccount").len(), 1);
}

#[test]
fn a_claim_that_names_a_volume_is_bound_when_the_volume_comes() {
    let mut world = World::new();
    world.create(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": "disk",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }));
    world.settle();
    world.create(json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}},
    }));
    world.settle();
    let claim = world.get(&ObjectId::new("", "PersistentVolumeClaim", "shop", "data"));
    assert_eq!(text(&claim, "/status/phase"), "Bound");
}

#[test]
fn a_deployment_takes_all_that_it_made_along() {
    for finalizer in [None, Some("foregroundDeletion")] {
        let mut world = World::new();
        world.create(workload("Deployment", "web"));
        world.settle();
        assert_eq!(world.all("Pod").len(), 2);
        world.delete(&web(), finalizer);
        world.settle();
        for kind in ["Deployment", "ReplicaSet", "Pod"] {
            assert_eq!(world.all(kind).len(), 0, "{kind} with {finalizer:?}");
        }
    }
}

#[test]
fn in_the_foreground_the_owner_is_the_last_to_go() {
    let mut world = World::new();
    world.create(workload("Deployment", "web"));
    world.settle();
    world.watch(|objects| {
        let gone = objects.all("Deployment").is_empty();
        assert!(!gone || objects.all("ReplicaSet").is_empty());
    });
    world.delete(&web(), Some("foregroundDeletion"));
    world.settle();
    assert_eq!(world.all("Deployment").len(), 0);
}

#[test]
fn orphans_stay_and_lose_their_owner() {
    let mut world = World::new();
    world.create(workload("Deployment", "web"));
    world.settle();
    world.delete(&web(), Some("orphan"));
    world.settle();
    let sets = world.all("ReplicaSet");
    assert_eq!(sets.len(), 1);
    assert_eq!(list(&sets[0], "/metadata/ownerReferences").len(), 0);
    assert_eq!(world.all("Pod").len(), 2);
}

#[test]
fn what_names_an_owner_that_never_was_goes() {
    let mut world = World::new();
    let owned = |uid: &str, kind: &str| {
        let owner = json!({"apiVersion": "v1", "kind": kind, "name": "x", "uid": uid});
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("of-{uid}"), "namespace": "shop", "ownerReferences": [owner]},
        })
    };
    let shop = meta::uid(&world.get(&shop())).to_owned();
    world.create(owned("nobody", "ConfigMap"));
    world.create(owned("unknown", "NeverServed"));
    world.create(owned(&shop, "Namespace"));
    world.settle();
    let left: Vec<String> = world
        .all("ConfigMap")
        .iter()
        .map(|map| meta::name(map).to_owned())
        .filter(|name| name.starts_with("of-"))
        .collect();
    assert_eq!(left, [format!("of-{shop}"), "of-unknown".to_owned()]);
}

#[test]
fn a_namespace_goes_with_all_that_is_in_it() {
    let mut world = World::new();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        world.create(workload(kind, &kind.to_lowercase()));
    }
    world.settle();
    assert_eq!(world.all("Pod").len(), 5);
    world.delete(&shop(), None);
    world.settle();
    assert_eq!(world.get(&shop()), Value::Null);
    for kind in
        ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Pod", "ConfigMap", "Event"]
    {
        assert_eq!(world.all(kind).len(), 0, "{kind}");
    }
}

#[test]
fn a_namespace_waits_for_a_finalizer_and_says_so() {
    let mut world = World::new();
    let held = ObjectId::new("", "ConfigMap", "shop", "held");
    world.create(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": "shop", "finalizers": ["example.com/held"]},
    }));
    world.settle();
    world.delete(&shop(), None);
    world.settle();
    let status = world.get(&shop())["status"].clone();
    assert_eq!(condition::reason(&status, "NamespaceContentRemaining"), "SomeResourcesRemain");
    world.edit(&held, |object| object["metadata"]["finalizers"] = json!([]));
    world.settle();
    assert_eq!(world.get(&shop()), Value::Null);
}

#[test]
fn a_service_follows_its_pods() {
    let mut world = World::new();
    world.create(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }));
    world.create(workload("Deployment", "web"));
    let ready = |world: &World| -> usize {
        let slices = world.all("EndpointSlice");
        let endpoints = slices.iter().flat_map(|slice| list(slice, "/endpoints"));
        endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
    };
    world.settle();
    assert_eq!(ready(&world), 2);
    world.edit(&web(), |web| web["spec"]["replicas"] = json!(5));
    world.settle();
    assert_eq!(ready(&world), 5);
    world.delete(&ObjectId::new("", "Service", "shop", "web"), None);
    world.settle();
    assert_eq!((world.all("EndpointSlice").len(), world.all("Endpoints").len()), (0, 0));
}

#[test]
fn an_autoscaler_moves_a_deployment() {
    let mut world = World::new();
    world.create(workload("Deployment", "web"));
    world.create(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 6,
        },
    }));
    world.settle();
    assert_eq!(world.get(&web())["spec"]["replicas"], 2);
    let scaler = ObjectId::new("autoscaling", "HorizontalPodAutoscaler", "shop", "web");
    world.edit(&scaler, |scaler| {
        meta::set_annotation(scaler, "embedded.steadfast.dev/replicas", "4");
    });
    world.settle();
    assert_eq!(world.get(&web())["spec"]["replicas"], 4);
    assert_eq!(world.all("Pod").len(), 4);
    assert_eq!(world.get(&scaler)["status"]["currentReplicas"], 4);
}

#[test]
fn a_cron_job_makes_jobs_that_make_pods() {
    let mut world = World::new();
    world.create(json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick", "namespace": "shop"},
        "spec": {
            "schedule": "* * * * *", "concurrencyPolicy": "Allow",
            "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "tick", "image": "tick:1"}],
            }}}},
        },
    }));
    world.pass(330);
    assert_eq!(world.all("Job").len(), 2);
    let cron = world.get(&ObjectId::new("batch", "CronJob", "shop", "tick"));
    assert_eq!(text(&cron, "/status/lastScheduleTime"), "2026-01-01T00:15:00Z");
    assert!(text(&cron, "/status/lastSuccessfulTime").starts_with("2026-01-01T00:15:0"));
    assert_eq!(list(&cron, "/status/active").len(), 0);
}

#[test]
fn events_are_counted_and_bounded() {
    let mut world = World::new();
    let mut web = workload("Deployment", "web");
    web["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:crash");
    world.create(web);
    world.pass(3000);
    let events = world.all("Event");
    let most = events.iter().filter_map(|event| event["count"].as_i64()).max();
    assert!(most > Some(3), "{most:?}");
    assert!(events.len() < 60, "{}", events.len());
}

#[test]
fn a_driver_that_missed_something_looks_at_everything() {
    let mut world = World::new();
    world.create(workload("Deployment", "web"));
    world.lose_changes();
    world.settle();
    assert_eq!(world.all("Pod").len(), 2);
    assert!(world.all("Pod").iter().all(pods::is_ready));
}

#[tokio::test]
async fn the_driver_runs_by_itself_and_stops_when_told() {
    struct Once(Option<Told>);
    impl Feed for Once {
        async fn next(&mut self) -> Option<Told> {
            match self.0.take() {
                Some(told) => Some(told),
                None => std::future::pending().await,
            }
        }
    }
    let mut world = World::new();
    world.create(workload("Deployment", "web"));
    let objects = world.objects.clone();
    let stop = CancellationToken::new();
    let running = run(objects.clone(), Settings::default(), Once(Some(Told::Lagged)), stop.clone());
    let ended = async {
        // Without a feed it sees what is there when it begins, and nothing of what it made.
        while objects.get(&web()).is_none_or(|web| web["status"]["observedGeneration"] != 1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(running, ended) })
        .await
        .expect("it looks, and it stops");
    assert_eq!(objects.all("ReplicaSet").len(), 1);
}
