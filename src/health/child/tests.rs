use serde_json::json;

use super::*;
use crate::health::HealthStatus;

fn child(kind: &str, name: &str, owner: &str, metadata: &Value, status: &Value) -> Child {
    let api_version = if kind == "Pod" { "v1" } else { "apps/v1" };
    let mut object = json!({"apiVersion": api_version, "kind": kind, "status": status,
        "metadata": {"name": name, "namespace": "shop", "uid": format!("u-{name}"),
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Other", "name": "other", "uid": "u-other"},
                {"apiVersion": "apps/v1", "kind": "Owner", "name": owner, "controller": true,
                 "uid": format!("u-{owner}")}]}});
    let into = object["metadata"].as_object_mut().unwrap();
    into.extend(metadata.as_object().unwrap().clone());
    Child::reduce(&object).unwrap()
}

fn replica_set(name: &str, revision: u64) -> Child {
    let annotations =
        json!({"annotations": {"deployment.kubernetes.io/revision": revision.to_string()}});
    child("ReplicaSet", name, "web", &annotations, &json!({}))
}

fn pulling(image: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": {
        "reason": "ImagePullBackOff", "message": format!("Back-off pulling image \"{image}\"")}}}]})
}

fn workload(kind: &str, spec: &Value, status: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "spec": spec, "status": status,
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-web",
            "annotations": {"deployment.kubernetes.io/revision": "2",
                "deprecated.daemonset.template.generation": "2"}}})
}

#[track_caller]
fn message(object: &Value, children: &[Child]) -> String {
    let health = assess(object, &children.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(health.status, assess(object, &[]).unwrap().status, "children never change it");
    health.message
}

#[test]
fn a_deployment_names_the_pod_of_its_newest_revision_that_cannot_start() {
    let web = workload("Deployment", &json!({"replicas": 4}), &json!({"updatedReplicas": 2}));
    let children = [
        replica_set("web-new", 2),
        replica_set("web-old", 1),
        child("Pod", "web-old-x", "web-old", &json!({}), &pulling("web:v0")),
        child("Pod", "web-new-x", "web-new", &json!({}), &pulling("web:v2")),
        child("Pod", "stranger", "other-set", &json!({}), &pulling("other:v1")),
    ];
    assert_eq!(
        message(&web, &children),
        "2 of 4 replicas updated; pod web-new-x: ImagePullBackOff: Back-off pulling image \"web:v2\""
    );
}

#[test]
fn without_its_revision_number_the_newest_replica_set_counts() {
    let mut web = workload("Deployment", &json!({"replicas": 1}), &json!({}));
    web["metadata"]["annotations"] = json!({});
    let children = [
        replica_set("web-old", 9),
        replica_set("web-new", 10),
        child("Pod", "web-old-x", "web-old", &json!({}), &pulling("old")),
        child("Pod", "web-new-x", "web-new", &json!({}), &pulling("new")),
    ];
    assert!(message(&web, &children).contains("web-new-x"));
}

#[test]
fn a_healthy_or_unobserved_deployment_names_no_pod() {
    let children = [
        replica_set("web-new", 2),
        child("Pod", "web-new-x", "web-new", &json!({}), &pulling("web:v2")),
    ];
    let done = json!({"updatedReplicas": 1, "availableReplicas": 1, "replicas": 1});
    assert_eq!(message(&workload("Deployment", &json!({"replicas": 1}), &done), &children), "");
    let mut changed = workload("Deployment", &json!({"replicas": 4}), &json!({}));
    changed["metadata"]["generation"] = json!(3);
    assert!(!message(&changed, &children).contains("web-new-x"));
}

#[test]
fn pods_with_one_reason_are_named_together() {
    let set = workload("ReplicaSet", &json!({"replicas": 9}), &json!({}));
    let crash = |code: i64, restarts: i64| {
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            "lastState": {"terminated": {"exitCode": code, "reason": "Error"}}}]})
    };
    let unschedulable = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled",
        "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}]});
    let mut children: Vec<Child> = (0..3)
        .map(|number| child("Pod", &format!("a{number}"), "web", &json!({}), &crash(1, number)))
        .collect();
    children.push(child("Pod", "b0", "web", &json!({}), &unschedulable));
    children.push(child("Pod", "c0", "web", &json!({}), &pulling("x")));
    let leaving = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
    children.push(child("Pod", "leaving", "web", &leaving, &pulling("y")));
    assert_eq!(
        message(&set, &children),
        "0 of 9 replicas available; pod a0 and 2 more: CrashLoopBackOff: exit code 1; \
         pod b0: Unschedulable: 0/1 nodes are available; 1 pod with other reasons"
    );
}

#[test]
fn a_stateful_set_names_the_old_pod_that_holds_it_up() {
    let status =
        json!({"observedGeneration": 1, "updateRevision": "web-2", "currentRevision": "web-1"});
    let set = workload("StatefulSet", &json!({"replicas": 2}), &status);
    let label = |hash: &str| json!({"labels": {"controller-revision-hash": hash}});
    let old = child("Pod", "web-0", "web", &label("web-1"), &pulling("old"));
    assert!(message(&set, std::slice::from_ref(&old)).contains("pod web-0: ImagePullBackOff"));
    let new = child("Pod", "web-1", "web", &label("web-2"), &pulling("new"));
    let said = message(&set, &[old, new]);
    assert!(said.contains("pod web-1:") && !said.contains("pod web-0:"), "{said}");
}

#[test]
fn a_daemon_set_names_pods_of_its_newest_template() {
    let set = workload("DaemonSet", &json!({}), &json!({"desiredNumberScheduled": 2}));
    let label = |number: &str| json!({"labels": {"pod-template-generation": number}});
    let old = child("Pod", "old", "web", &label("1"), &pulling("old"));
    let new = child("Pod", "new", "web", &label("2"), &pulling("new"));
    let said = message(&set, &[old, new]);
    assert!(said.contains("pod new:") && !said.contains("pod old:"), "{said}");
}

#[test]
fn a_job_names_its_last_failed_pod() {
    let mut job = workload("Job", &json!({"completions": 1}), &json!({"failed": 2}));
    job["apiVersion"] = json!("batch/v1");
    let failed = |code: i64| {
        json!({"phase": "Failed", "containerStatuses":
            [{"name": "app", "state": {"terminated": {"exitCode": code}}}]})
    };
    let at = |time: &str| json!({"creationTimestamp": time});
    let children = [
        child("Pod", "second", "web", &at("2026-01-01T00:00:02Z"), &failed(2)),
        child("Pod", "first", "web", &at("2026-01-01T00:00:01Z"), &failed(1)),
    ];
    let said = "pod second: container app failed with exit code 2";
    assert_eq!(message(&job, &children), format!("0 of 1 pod succeeded, 2 failed; {said}"));
    job["status"]["conditions"] =
        json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]);
    assert_eq!(message(&job, &children), format!("BackoffLimitExceeded; {said}"));
}

#[test]
fn a_reduced_pod_keeps_what_is_asked_about_it() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-x", "namespace": "shop", "uid": "u", "labels":
            {"pod-template-hash": "7d9"}, "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9",
                "uid": "u-set", "controller": true}]},
        "spec": {"containers": [{"name": "a", "image": "web:v2"}, {"name": "b", "image": "log:v1"}],
            "initContainers": [{"name": "i", "image": "init:v1"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"},
                {"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [
                {"name": "a", "restartCount": 2, "state": {"running": {}}},
                {"name": "b", "restartCount": 1, "state": {"waiting": {"reason": "ErrImagePull",
                    "message": "pull of https://me:secret@reg.example/log\n failed"}}}]}});
    let child = Child::reduce(&pod).unwrap();
    assert_eq!(child.id, ObjectId::new("", "Pod", "shop", "web-x"));
    assert_eq!((&*child.version, &*child.uid, &*child.owner), ("v1", "u", "u-set"));
    assert_eq!((&*child.revision, child.revision_number), ("7d9", 0));
    let images: Vec<&str> = child.images.iter().map(AsRef::as_ref).collect();
    assert_eq!(images, ["init:v1", "web:v2", "log:v1"]);
    assert_eq!(child.health.as_ref().map(|health| health.status), Some(HealthStatus::Degraded));
    let facts = child.pod.unwrap();
    assert_eq!((facts.phase, facts.ready, facts.scheduled), (Phase::Running, false, true));
    assert_eq!(facts.restarts, 3);
    let troubles: Vec<String> = facts.troubles.iter().map(ToString::to_string).collect();
    assert_eq!(troubles, ["container b: ErrImagePull: pull of https://***@reg.example/log failed"]);
}

#[test]
fn an_object_without_owner_is_no_child() {
    assert_eq!(Child::reduce(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}})), None);
    assert_eq!(Child::reduce(&json!({"metadata": {"ownerReferences": [{"uid": "x"}]}})), None);
}

#[test]
fn a_long_message_is_cut() {
    let pod = child("Pod", "x", "web", &json!({}), &pulling(&"ä".repeat(1000)));
    let message = &pod.pod.unwrap().troubles[0].message;
    assert_eq!(message.chars().count(), 243);
    assert!(message.ends_with("..."));
}
