use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::{
    embedded::{
        Options,
        controllers::{
            condition,
            read::{at, count, list, text},
        },
    },
    object::meta,
};

/// Long enough for a machine that does much else.
const LIMIT: Duration = Duration::from_secs(300);

struct Bed {
    server: Server,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Bed {
    #[expect(clippy::disallowed_methods, reason = "a test is not supervised")]
    fn start() -> Self {
        let options = Options { pod_start: Duration::from_millis(10), ..Options::default() };
        let server = Server::new(options).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(control(server.clone(), Pace::default(), stop.clone()));
        Self { server, stop, running }
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.expect("the driver does not panic");
    }

    /// Waits until an object is as it should be.
    async fn until(&self, id: &ObjectId, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        let mut changes = self.server.changes();
        loop {
            let object = self.server.get(id).unwrap_or_default();
            if holds(&object) {
                return object;
            }
            let left = LIMIT.saturating_sub(begin.elapsed());
            let told = tokio::time::timeout(left, changes.next()).await;
            assert!(told.is_ok(), "{what} did not come: {object:#}");
        }
    }

    fn create(&self, object: Value) {
        self.server.create("tests", object).unwrap();
    }
}

fn id(group: &str, kind: &str, name: &str) -> ObjectId {
    ObjectId::new(group, kind, "default", name)
}

fn web(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    })
}

fn is_rolled_out(web: &Value) -> bool {
    let wanted = count(web, "/spec/replicas");
    let status = |key: &str| count(web, &format!("/status/{key}"));
    status("observedGeneration") == meta::generation(web)
        && [status("updatedReplicas"), status("replicas"), status("availableReplicas")]
            == [wanted; 3]
        && condition::reason(at(web, "/status"), "Progressing") == "NewReplicaSetAvailable"
}

fn managers(object: &Value) -> Vec<String> {
    let entries = list(object, "/metadata/managedFields").iter();
    let name = |entry: &Value| {
        format!("{} {}", text(entry, "/manager"), text(entry, "/subresource")).trim().to_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_deployment_rolls_out_on_the_embedded_server_and_back() {
    let bed = Bed::start();
    bed.create(web("web:1"));
    let deployment = id("apps", "Deployment", "web");
    let first = bed.until(&deployment, "the rollout", is_rolled_out).await;
    assert_eq!(meta::annotation(&first, "deployment.kubernetes.io/revision"), Some("1"));
    assert_eq!(managers(&first), ["kube-controller-manager status", "tests"]);
    bed.server.apply("author", web("web:2")).unwrap();
    let updated = |web: &Value| meta::generation(web) == 2 && is_rolled_out(web);
    bed.until(&deployment, "the second rollout", updated).await;
    let pods = bed.server.list(&GroupKind::new("", "Pod"), Some("default"));
    let live = pods.iter().filter(|pod| !meta::is_terminating(pod));
    assert!(live.clone().count() == 3, "{pods:#?}");
    for pod in live {
        assert_eq!(managers(pod), ["kube-controller-manager", "kubelet status"]);
        assert_eq!(text(pod, "/spec/nodeName"), "embedded");
    }
    bed.end().await;
}

#[tokio::test]
async fn other_workloads_come_up_on_the_embedded_server() {
    let bed = Bed::start();
    let template = json!({
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "x", "image": "x:1"}]},
    });
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
        },
    });
    let metadata = |name: &str| json!({"name": name, "namespace": "default"});
    bed.create(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata("db"),
        "spec": {
            "replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "x"}},
            "template": template, "volumeClaimTemplates": [claim],
        },
    }));
    bed.create(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata("agent"),
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template},
    }));
    let mut task = template.clone();
    task["spec"]["restartPolicy"] = json!("Never");
    bed.create(json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata("task"),
        "spec": {"completions": 2, "template": task},
    }));
    bed.create(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata("x"),
        "spec": {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"port": 80}]},
    }));
    bed.until(&id("apps", "StatefulSet", "db"), "two ready pods", |set| {
        count(set, "/status/readyReplicas") == 2
            && at(set, "/status/currentRevision") == at(set, "/status/updateRevision")
    })
    .await;
    bed.until(&id("apps", "DaemonSet", "agent"), "a daemon", |set| {
        count(set, "/status/numberAvailable") == 1
    })
    .await;
    bed.until(&id("batch", "Job", "task"), "the end", |job| {
        condition::holds(at(job, "/status"), "Complete") && count(job, "/status/succeeded") == 2
    })
    .await;
    bed.until(&id("", "PersistentVolumeClaim", "data-db-1"), "a volume", |claim| {
        text(claim, "/status/phase") == "Bound"
    })
    .await;
    bed.until(&id("", "Service", "x"), "an address", |service| {
        text(service, "/status/loadBalancer/ingress/0/ip") == "192.0.2.10"
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn a_namespace_goes_from_the_embedded_server_with_everything_in_it() {
    let bed = Bed::start();
    bed.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    let mut web = web("web:1");
    web["metadata"]["namespace"] = json!("shop");
    bed.create(web);
    let deployment = ObjectId::new("apps", "Deployment", "shop", "web");
    bed.until(&deployment, "the rollout", is_rolled_out).await;
    let shop = ObjectId::new("", "Namespace", "", "shop");
    bed.server.delete("tests", &shop, &DeleteOptions::default()).unwrap();
    bed.until(&shop, "the end", Value::is_null).await;
    let pods = bed.server.list(&GroupKind::new("", "Pod"), Some("shop"));
    assert_eq!(pods, [] as [Value; 0]);
    bed.end().await;
}

#[tokio::test]
async fn an_autoscaler_is_the_manager_of_the_replicas_that_it_sets() {
    let bed = Bed::start();
    bed.create(web("web:1"));
    bed.create(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "web", "namespace": "default",
            "annotations": {"embedded.steadfast.dev/replicas": "4"},
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 6,
        },
    }));
    let scaled = |web: &Value| count(web, "/status/availableReplicas") == 4;
    let web = bed.until(&id("apps", "Deployment", "web"), "four pods", scaled).await;
    assert!(managers(&web).contains(&"kube-controller-manager scale".to_owned()), "{web:#}");
    bed.end().await;
}
