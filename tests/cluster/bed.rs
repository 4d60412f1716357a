//! The test bed itself: workloads progress, faults happen, and nothing is left behind.

mod faults;
mod leftovers;

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::support::{
    AuditMark, Component, ControlPlane, LIMIT, Namespace, PlaneOptions, RequestCount, eventually,
    writes,
};

fn deployment(replicas: u32, image: &str, behaviour: &str) -> Value {
    workload("apps/v1", "Deployment", replicas, image, behaviour)
}

fn workload(version: &str, kind: &str, replicas: u32, image: &str, behaviour: &str) -> Value {
    let annotations = match behaviour {
        "" => json!({}),
        behaviour => json!({"test.steadfast.dev/pod": behaviour}),
    };
    json!({
        "apiVersion": version, "kind": kind, "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": annotations},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    })
}

fn job(behaviour: &str) -> Value {
    let mut job = workload("batch/v1", "Job", 1, "task:1", behaviour);
    job["spec"]["backoffLimit"] = json!(0);
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    let spec = job["spec"].as_object_mut().expect("it is an object");
    spec.remove("replicas");
    spec.remove("selector");
    job
}

/// Waits until the Deployment `web` has rolled out to all its replicas.
async fn rolled_out(namespace: &Namespace) -> Deployment {
    let api = Api::<Deployment>::namespaced(namespace.plane().client().await, namespace.name());
    eventually(LIMIT, "the Deployment to roll out", async || {
        let web = api.get("web").await.ok()?;
        let (spec, status) = (web.spec.as_ref()?, web.status.as_ref()?);
        let done = status.observed_generation == web.metadata.generation
            && status.updated_replicas == spec.replicas
            && status.available_replicas == spec.replicas
            && status.replicas == spec.replicas;
        done.then_some(web)
    })
    .await
}

/// Waits for a pod of which `wanted` is true.
async fn pod(namespace: &Namespace, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let api = Api::<Pod>::namespaced(namespace.plane().client().await, namespace.name());
    eventually(LIMIT, what, async || {
        let pods = api.list(&ListParams::default()).await.ok()?;
        let mut pods = pods.items.iter().filter_map(|pod| serde_json::to_value(pod).ok());
        pods.find(|pod| wanted(pod))
    })
    .await
}

fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready") == Some("True")
}

fn condition<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let conditions = pod["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == name)?["status"].as_str()
}

fn waits_for(pod: &Value, reason: &str) -> bool {
    pod.pointer("/status/containerStatuses/0/state/waiting/reason") == Some(&json!(reason))
}

#[tokio::test]
async fn a_deployment_becomes_ready_and_rolls_over_to_a_new_image() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("bed").await;
    namespace.apply(&deployment(4, "web:1", "").to_string());
    let first = rolled_out(&namespace).await;
    namespace.apply(&deployment(4, "web:2", "").to_string());
    let second = rolled_out(&namespace).await;
    assert!(second.metadata.generation > first.metadata.generation);
    let pods = Api::<Pod>::namespaced(plane.client().await, namespace.name());
    let images = eventually(LIMIT, "the old pods to go", async || {
        let pods = pods.list(&ListParams::default()).await.ok()?.items;
        let images = pods.iter().flat_map(|pod| &pod.spec.as_ref().expect("it has one").containers);
        let images: BTreeSet<_> = images.filter_map(|container| container.image.clone()).collect();
        (pods.len() == 4).then_some(images)
    });
    assert_eq!(images.await, BTreeSet::from(["web:2".to_owned()]));
}

#[tokio::test]
async fn a_stateful_set_starts_its_pods_in_order() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("bed").await;
    namespace.apply(&workload("apps/v1", "StatefulSet", 3, "db:1", "").to_string());
    let api = Api::<StatefulSet>::namespaced(plane.client().await, namespace.name());
    eventually(LIMIT, "three ready pods", async || {
        let status = api.get("web").await.ok()?.status?;
        (status.ready_replicas == Some(3) && status.available_replicas == Some(3)).then_some(())
    })
    .await;
    let names = namespace.kubectl(&["get", "pods", "-o", "name"], None);
    assert_eq!(names.lines().collect::<Vec<_>>(), ["pod/web-0", "pod/web-1", "pod/web-2"]);
}

#[tokio::test]
async fn a_claim_gets_a_volume_and_a_load_balancer_gets_an_address() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("bed").await;
    let mut database = workload("apps/v1", "StatefulSet", 2, "db:1", "");
    database["spec"]["volumeClaimTemplates"] = json!([{
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }]);
    namespace.apply(&database.to_string());
    let service = |name: &str, annotations: Value| {
        let metadata = json!({"name": name, "annotations": annotations});
        let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    };
    namespace.apply(&service("web", json!({})).to_string());
    namespace.apply(&service("late", json!({"test.steadfast.dev/service": "pending"})).to_string());
    let read = |path: &str| {
        let (_, text) = plane.must_request("GET", path, None);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    eventually(LIMIT, "the pods with their volumes, and the address", async || {
        let set = read(&format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/web"));
        let web = read(&format!("/api/v1/namespaces/{namespace}/services/web"));
        let address = web["status"]["loadBalancer"]["ingress"][0]["ip"].is_string();
        (set["status"]["readyReplicas"] == 2 && address).then_some(())
    })
    .await;
    let claims = read(&format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims"));
    let claims = claims["items"].as_array().unwrap();
    assert_eq!(claims.len(), 2);
    assert!(claims.iter().all(|claim| claim["status"]["phase"] == "Bound"), "{claims:?}");
    let late = read(&format!("/api/v1/namespaces/{namespace}/services/late"));
    assert_eq!(late["status"]["loadBalancer"], json!({}));
}

#[tokio::test]
async fn a_job_completes_or_fails_as_its_annotation_says() {
    let Some(plane) = ControlPlane::shared() else { return };
    for (behaviour, condition) in [("", "Complete"), ("fail", "Failed")] {
        let namespace = plane.namespace("bed").await;
        namespace.apply(&job(behaviour).to_string());
        let api = Api::<Job>::namespaced(plane.client().await, namespace.name());
        eventually(LIMIT, &format!("the Job to be {condition}"), async || {
            let conditions = api.get("web").await.ok()?.status?.conditions?;
            conditions
                .iter()
                .any(|have| have.type_ == condition && have.status == "True")
                .then_some(())
        })
        .await;
    }
}

type Wanted = fn(&Value) -> bool;

#[tokio::test]
async fn pods_fail_in_the_way_that_their_annotation_or_image_asks_for() {
    let Some(plane) = ControlPlane::shared() else { return };
    let table: [(&str, &str, Wanted); 6] = [
        ("image-pull", "web:1", |pod| {
            waits_for(pod, "ImagePullBackOff") && pod["status"]["phase"] == "Pending"
        }),
        ("", "registry:5000/web:2-broken", |pod| waits_for(pod, "ImagePullBackOff")),
        ("crash", "web:1", |pod| {
            let state = &pod["status"]["containerStatuses"][0];
            waits_for(pod, "CrashLoopBackOff") && state["lastState"]["terminated"]["exitCode"] == 1
        }),
        ("never-ready", "web:1", |pod| {
            condition(pod, "Ready") == Some("False") && pod["status"]["phase"] == "Running"
        }),
        ("fail", "web:1", |pod| pod["status"]["phase"] == "Failed"),
        // A part of the repository's name is no tag.
        ("", "broken:5000/web", is_ready),
    ];
    for (behaviour, image, wanted) in table {
        let namespace = plane.namespace("bed").await;
        let mut web = deployment(1, image, behaviour);
        if behaviour == "fail" {
            web["spec"]["replicas"] = json!(0);
        }
        namespace.apply(&web.to_string());
        if behaviour == "fail" {
            // A ReplicaSet would replace it again and again.
            let mut pod = web["spec"]["template"].take();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["name"] = json!("web");
            namespace.apply(&pod.to_string());
        }
        pod(&namespace, &format!("a pod with {behaviour:?} and image {image}"), wanted).await;
    }
}

#[tokio::test]
async fn a_slow_pod_is_ready_after_three_seconds() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("bed").await;
    namespace.apply(&deployment(1, "web:1", "slow").to_string());
    let running = |pod: &Value| pod["status"]["phase"] == "Running" && !is_ready(pod);
    pod(&namespace, "a pod that is not ready yet", running).await;
    let begin = Instant::now();
    pod(&namespace, "a pod that is ready", is_ready).await;
    assert!(begin.elapsed() > Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_pod_follows_a_change_of_its_annotation() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("bed").await;
    namespace.apply(&deployment(1, "web:1", "").to_string());
    pod(&namespace, "a ready pod", is_ready).await;
    let annotate =
        |value| namespace.kubectl(&["annotate", "pods", "--all", "--overwrite", value], None);
    annotate("test.steadfast.dev/pod=crash");
    pod(&namespace, "a crashed pod", |pod| waits_for(pod, "CrashLoopBackOff")).await;
    annotate("test.steadfast.dev/pod-");
    pod(&namespace, "a ready pod again", is_ready).await;
}

#[tokio::test]
async fn the_audit_log_and_the_metrics_tell_who_wrote_what() {
    let Some(plane) = ControlPlane::own(PlaneOptions { workloads: false, ..Default::default() })
    else {
        return;
    };
    // The API server counts what it writes itself, too.
    let counted = |mut counts: Vec<RequestCount>| {
        counts.retain(|count| count.resource == "configmaps");
        writes(&counts)
    };
    let (before, mark) = (counted(plane.request_counts().await), plane.audit_mark());
    let maps = Api::<ConfigMap>::namespaced(plane.client().await, "default");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let parameters = PatchParams::apply("tests").force();
    maps.patch("a", &parameters, &Patch::Apply(&map)).await.unwrap();
    maps.patch("a", &parameters.clone().dry_run(), &Patch::Apply(&map)).await.unwrap();
    maps.list(&ListParams::default()).await.unwrap();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(counted(plane.request_counts().await) - before, 2);

    let events = eventually(LIMIT, "the events", async || {
        let mut events = plane.audit(mark, "");
        events.retain(|event| event.resource == "configmaps" && event.user == "admin");
        events.iter().any(|event| event.verb == "delete").then_some(events)
    })
    .await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.verb.as_str(), event.name.as_str(), event.code, event.is_dry_run()))
        .collect();
    let wanted = [
        ("patch", "a", 201, false),
        ("patch", "a", 200, true),
        ("list", "", 200, false),
        ("delete", "a", 200, false),
    ];
    assert_eq!(told, wanted);
    assert!(events[0].is_apply() && events[0].namespace == "default");
    assert_eq!(plane.audit(AuditMark::default(), "nobody-has-this-name"), []);
}

#[tokio::test]
async fn users_have_the_rights_that_they_are_meant_to_have() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("bed").await;
    let account = plane.service_account(namespace.name(), "deployer");
    namespace.kubectl(
        &[
            "create",
            "rolebinding",
            "deployer",
            "--clusterrole=edit",
            &format!("--serviceaccount={namespace}:deployer"),
        ],
        None,
    );
    let may = |kubeconfig: &Path, verb: &str, resource: &str| {
        let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
        let question =
            [kubeconfig.as_str(), "auth", "can-i", verb, resource, "-n", namespace.name()];
        let answer = plane.try_kubectl(&question, None).stdout;
        answer.trim() == "yes"
    };
    let (admin, viewer, nobody) =
        (plane.kubeconfig(), plane.kubeconfig_of("viewer"), plane.kubeconfig_of("nobody"));
    for (user, read, write, secrets) in [
        (&admin, true, true, true),
        (&viewer, true, false, false),
        (&nobody, false, false, false),
        (&account, true, true, true),
    ] {
        let rights = [("get", "pods"), ("create", "deployments"), ("get", "secrets")]
            .map(|(verb, resource)| may(user, verb, resource));
        assert_eq!(rights, [read, write, secrets], "{}", user.display());
    }
    assert!(!may(&account, "create", "namespaces"));
}

#[tokio::test]
async fn objects_survive_a_restart_and_a_crash_of_the_api_server() {
    let Some(plane) = ControlPlane::own(PlaneOptions::default()) else { return };
    plane.apply("default", &deployment(2, "web:1", "").to_string());
    let first = plane.pid(Component::ApiServer);
    plane.restart_api_server();
    assert_ne!(first, plane.pid(Component::ApiServer));
    plane.kill_api_server();
    assert!(plane.request("GET", "/readyz", None).is_err());
    plane.start_api_server();
    plane.kill(Component::ControllerManager);
    plane.start_component(Component::ControllerManager);
    let api = Api::<Deployment>::namespaced(plane.client().await, "default");
    eventually(LIMIT, "the Deployment to be ready", async || {
        let status = api.get("web").await.ok()?.status?;
        (status.ready_replicas == Some(2)).then_some(())
    })
    .await;
}
