use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use HealthStatus::{Degraded, Healthy, Progressing, Suspended, Unknown};

/// An object of the kind with what `parts` adds to its top level.
fn object(api_version: &str, kind: &str, parts: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-web", "generation": 2},
    });
    merge(&mut object, parts);
    object
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[track_caller]
fn check(api_version: &str, kind: &str, rows: Vec<(Value, HealthStatus, &str)>) {
    for (parts, status, message) in rows {
        let health = assess(&object(api_version, kind, parts.clone()), &[]);
        assert_eq!(health, Some(Health::new(status, message)), "{kind} {parts}");
    }
}

#[test]
fn a_deployment_is_judged_by_its_rollout() {
    let status = |replicas: i64, updated: i64, available: i64| {
        json!({"spec": {"replicas": 4}, "status": {"observedGeneration": 2, "replicas": replicas,
            "updatedReplicas": updated, "availableReplicas": available}})
    };
    let late = json!({"spec": {"replicas": 4, "progressDeadlineSeconds": 600},
        "status": {"observedGeneration": 2, "updatedReplicas": 2, "replicas": 5, "conditions":
            [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}});
    let mut paused = late.clone();
    merge(&mut paused, json!({"spec": {"paused": true}, "metadata": {"generation": 9}}));
    check(
        "apps/v1",
        "Deployment",
        vec![
            (paused, Suspended, "the rollout is paused"),
            (
                json!({"status": {"observedGeneration": 1}}),
                Progressing,
                "waiting for the controller to observe the latest change",
            ),
            (late, Degraded, "no progress within 600 s: 2 of 4 replicas updated"),
            (status(5, 2, 3), Progressing, "2 of 4 replicas updated"),
            (status(5, 4, 4), Progressing, "waiting for 1 old replica to end"),
            (status(6, 4, 4), Progressing, "waiting for 2 old replicas to end"),
            (status(4, 4, 3), Progressing, "3 of 4 updated replicas available"),
            (status(4, 4, 4), Healthy, ""),
            // Without replicas only what the status says counts.
            (json!({"status": {"observedGeneration": 2}}), Healthy, ""),
        ],
    );
}

#[test]
fn a_deployment_whose_pods_cannot_be_created_says_so() {
    let parts = json!({"spec": {"replicas": 2}, "status": {"observedGeneration": 2, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
         "message": "pods \"web-1\" is forbidden: exceeded quota: small"}]}});
    check(
        "apps/v1",
        "Deployment",
        vec![(
            parts,
            Progressing,
            "0 of 2 replicas updated; FailedCreate: pods \"web-1\" is forbidden: exceeded quota: small",
        )],
    );
}

#[test]
fn a_stateful_set_is_judged_by_its_strategy() {
    let row = |strategy: Value, ready: i64, updated: i64, same: bool| {
        json!({"spec": {"replicas": 3, "updateStrategy": strategy}, "status": {
            "observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated,
            "currentRevision": "a", "updateRevision": if same { "a" } else { "b" }}})
    };
    let rolling = || json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    let plain = || json!({"type": "RollingUpdate"});
    check(
        "apps/v1",
        "StatefulSet",
        vec![
            (
                json!({"status": {"observedGeneration": 0}, "metadata": {"generation": 0}}),
                Progressing,
                "waiting for the controller to observe the latest change",
            ),
            (
                json!({"status": {"observedGeneration": 1}}),
                Progressing,
                "waiting for the controller to observe the latest change",
            ),
            (row(plain(), 2, 3, true), Progressing, "2 of 3 replicas ready"),
            (row(rolling(), 3, 1, false), Progressing, "1 of 2 replicas updated"),
            (row(rolling(), 3, 2, false), Healthy, ""),
            (row(json!({"type": "RollingUpdate", "rollingUpdate": {}}), 3, 0, false), Healthy, ""),
            (row(json!({"type": "OnDelete"}), 3, 0, false), Healthy, ""),
            (row(plain(), 3, 1, false), Progressing, "1 of 3 replicas updated"),
            (row(plain(), 3, 3, true), Healthy, ""),
        ],
    );
}

#[test]
fn a_daemon_set_is_judged_by_its_nodes() {
    let row = |updated: i64, available: i64, strategy: &str| {
        json!({"spec": {"updateStrategy": {"type": strategy}}, "status": {"observedGeneration": 2,
            "desiredNumberScheduled": 3, "updatedNumberScheduled": updated,
            "numberAvailable": available}})
    };
    check(
        "apps/v1",
        "DaemonSet",
        vec![
            (
                json!({"status": {"observedGeneration": 1}}),
                Progressing,
                "waiting for the controller to observe the latest change",
            ),
            (row(0, 0, "OnDelete"), Healthy, ""),
            (row(2, 1, "RollingUpdate"), Progressing, "2 of 3 pods updated"),
            (row(3, 1, "RollingUpdate"), Progressing, "1 of 3 pods available"),
            (row(3, 3, "RollingUpdate"), Healthy, ""),
        ],
    );
}

#[test]
fn a_replica_set_is_judged_by_its_replicas() {
    let row = |available: i64, failure: &str| {
        json!({"spec": {"replicas": 2}, "status": {"observedGeneration": 2,
            "availableReplicas": available, "conditions": [{"type": "ReplicaFailure",
                "status": failure, "reason": "FailedCreate", "message": "no"}]}})
    };
    check(
        "apps/v1",
        "ReplicaSet",
        vec![
            (
                json!({"status": {"observedGeneration": 1}}),
                Progressing,
                "waiting for the controller to observe the latest change",
            ),
            (row(2, "True"), Degraded, "FailedCreate: no"),
            (row(1, "False"), Progressing, "1 of 2 replicas available"),
            (row(2, "False"), Healthy, ""),
        ],
    );
}

/// A pod with one container in this state.
fn pod_in(phase: &str, policy: &str, container: Value) -> Value {
    let mut status = json!({"name": "app"});
    merge(&mut status, container);
    json!({"spec": {"restartPolicy": policy}, "status": {"phase": phase,
        "containerStatuses": [status]}})
}

fn waiting(reason: &str) -> Value {
    json!({"state": {"waiting": {"reason": reason, "message": "so it is"}}})
}

#[test]
fn a_pod_that_is_to_run_for_ever_fails_with_its_containers() {
    let pull = |policy: &str, more: Value| {
        let mut pod = pod_in("Pending", policy, waiting("ImagePullBackOff"));
        merge(&mut pod, more);
        pod
    };
    let ignore = || json!({"argocd.argoproj.io/ignore-restart-policy": "true"});
    let mut hook = ignore();
    merge(&mut hook, json!({"argocd.argoproj.io/hook": "PreSync"}));
    let said = "ImagePullBackOff: so it is";
    let init = json!({"spec": {"restartPolicy": "Always"}, "status": {"phase": "Pending",
        "initContainerStatuses": [{"name": "init", "state": waiting("ErrImagePull")["state"]}],
        "containerStatuses": [{"name": "app", "state": waiting("PodInitializing")["state"]}]}});
    check(
        "v1",
        "Pod",
        vec![
            (pull("Always", json!({})), Degraded, said),
            (pull("Never", json!({})), Progressing, said),
            (pull("Never", json!({"metadata": {"annotations": ignore()}})), Degraded, said),
            (pull("Never", json!({"metadata": {"annotations": hook}})), Progressing, said),
            (
                pod_in("Pending", "Always", waiting("CreateContainerConfigError")),
                Degraded,
                "CreateContainerConfigError: so it is",
            ),
            (pod_in("Pending", "Always", waiting("ContainerCreating")), Progressing, ""),
            // Init containers give the reason and leave the status alone.
            (init, Progressing, "container init: ErrImagePull: so it is"),
        ],
    );
}

#[test]
fn a_pod_goes_through_its_phases() {
    let ended = |ended: Value| json!({"state": {"terminated": ended}});
    let mut evicted = pod_in("Failed", "Always", json!({}));
    evicted["status"]["message"] = json!("The node was low on memory");
    let mut ready = pod_in("Running", "Always", json!({"lastState": {"terminated": {}}}));
    ready["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    let crashed = json!({"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}});
    let unschedulable = json!({"status": {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
         "message": "0/3 nodes are available"}]}});
    check(
        "v1",
        "Pod",
        vec![
            (pod_in("Pending", "Always", json!({})), Progressing, ""),
            (unschedulable, Progressing, "Unschedulable: 0/3 nodes are available"),
            (pod_in("Succeeded", "Never", json!({})), Healthy, ""),
            (evicted, Degraded, "The node was low on memory"),
            (
                pod_in("Failed", "Never", ended(json!({"exitCode": 3}))),
                Degraded,
                "container app failed with exit code 3",
            ),
            (
                pod_in("Failed", "Never", ended(json!({"exitCode": 137, "reason": "OOMKilled"}))),
                Degraded,
                "container app was killed: out of memory",
            ),
            (
                pod_in("Failed", "Never", ended(json!({"exitCode": 3, "message": "no disk"}))),
                Degraded,
                "container app: no disk",
            ),
            (ready, Healthy, ""),
            (
                pod_in("Running", "Always", crashed),
                Degraded,
                "a container ended and the pod is not ready again",
            ),
            (
                pod_in("Running", "Always", json!({"lastState": {"terminated": null}})),
                Progressing,
                "the pod is not ready yet",
            ),
            (pod_in("Running", "OnFailure", json!({})), Progressing, ""),
            (pod_in("Running", "Never", json!({})), Progressing, ""),
            (pod_in("Unknown", "Always", json!({})), Unknown, "Unknown"),
            (json!({}), Unknown, "the pod has no phase yet"),
        ],
    );
}

#[test]
fn a_crash_names_its_exit_code_and_not_the_back_off() {
    let waiting = |code: i64, reason: &str| {
        json!({"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff", "message":
            "back-off 40s restarting failed container=app pod=web-x_shop(6e2a)"}},
            "lastState": {"terminated": {"exitCode": code, "reason": reason}}})
    };
    check(
        "v1",
        "Pod",
        vec![
            (
                pod_in("Running", "Always", waiting(1, "Error")),
                Degraded,
                "CrashLoopBackOff: exit code 1, 4 restarts",
            ),
            (
                pod_in("Running", "Always", waiting(137, "OOMKilled")),
                Degraded,
                "CrashLoopBackOff: OOMKilled, exit code 137, 4 restarts",
            ),
            // Before the first back-off.
            (
                pod_in("Running", "Always", json!({"state": {"terminated": {"exitCode": 2}}})),
                Progressing,
                "crashed: exit code 2",
            ),
        ],
    );
}

#[test]
fn a_job_is_judged_by_its_conditions() {
    let row = |kind: &str, status: &str| {
        json!({"spec": {"completions": 3}, "status": {"active": 1, "succeeded": 1, "conditions":
            [{"type": kind, "status": status, "reason": "R", "message": "m"}]}})
    };
    let running = "1 of 3 pods succeeded, 1 active";
    check(
        "batch/v1",
        "Job",
        vec![
            (row("Failed", "True"), Degraded, "R: m"),
            (row("Suspended", "True"), Suspended, "the job is suspended"),
            (row("Complete", "True"), Healthy, ""),
            // Resumed and running: Argo CD says Healthy.
            (row("Suspended", "False"), Progressing, running),
            (row("Failed", "False"), Progressing, running),
            (json!({}), Progressing, "0 of 1 pod succeeded"),
        ],
    );
}

#[test]
fn a_cron_job_is_judged_by_its_last_run() {
    let row = |scheduled: &str, succeeded: &str, active: usize| {
        json!({"status": {"lastScheduleTime": scheduled, "lastSuccessfulTime": succeeded,
            "active": vec![json!({}); active]}})
    };
    let (old, new) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    check(
        "batch/v1",
        "CronJob",
        vec![
            (json!({"spec": {"suspend": true}}), Healthy, "the cron job is suspended"),
            (json!({}), Progressing, "waiting for the controller to observe the cron job"),
            (json!({"status": {}}), Healthy, "not scheduled yet"),
            (row(new, "", 0), Healthy, "no run has succeeded yet"),
            (row(new, old, 1), Healthy, "a job is running"),
            (
                row(new, old, 0),
                Degraded,
                "the run scheduled at 2026-01-02T00:00:00Z has not succeeded, the last that did \
                 ended at 2026-01-01T00:00:00Z",
            ),
            (row(old, new, 0), Healthy, "the last run succeeded"),
        ],
    );
}

#[test]
fn a_claim_is_judged_by_its_phase() {
    let row = |phase: &str| json!({"spec": {"storageClassName": "fast", "volumeName": "v"}, "status": {"phase": phase}});
    check(
        "v1",
        "PersistentVolumeClaim",
        vec![
            (row("Bound"), Healthy, ""),
            (row("Pending"), Progressing, "waiting for a volume of class fast to be bound"),
            (row("Lost"), Degraded, "the bound volume v is gone"),
            (row("Odd"), Unknown, "the claim has no known phase"),
            (json!({}), Unknown, "the claim has no known phase"),
        ],
    );
}

#[test]
fn traffic_needs_an_address() {
    let address = || json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}});
    let mut balanced = address();
    merge(&mut balanced, json!({"spec": {"type": "LoadBalancer"}}));
    check(
        "v1",
        "Service",
        vec![
            (
                json!({"spec": {"type": "LoadBalancer"}}),
                Progressing,
                "waiting for the load balancer to get an address",
            ),
            (balanced, Healthy, ""),
            (json!({"spec": {"type": "ClusterIP"}}), Healthy, ""),
        ],
    );
    for api_version in ["networking.k8s.io/v1", "extensions/v1beta1"] {
        check(
            api_version,
            "Ingress",
            vec![
                (json!({}), Progressing, "waiting for an ingress controller to give it an address"),
                (address(), Healthy, ""),
            ],
        );
    }
}

#[test]
fn an_autoscaler_is_judged_by_its_conditions() {
    let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "m"});
    let v2 = |conditions: Vec<Value>| json!({"status": {"conditions": conditions}});
    let able = || condition("AbleToScale", "True", "SucceededGetScale");
    let mut rows = vec![
        (
            v2(vec![condition("AbleToScale", "False", "FailedGetScale")]),
            Degraded,
            "FailedGetScale: m",
        ),
        (
            v2(vec![condition("AbleToScale", "False", "FailedUpdateScale")]),
            Degraded,
            "FailedUpdateScale: m",
        ),
        (v2(vec![able()]), Healthy, "m"),
        (v2(vec![condition("ScalingLimited", "True", "TooFewReplicas")]), Healthy, "m"),
        (
            v2(vec![condition("ScalingActive", "False", "ScalingDisabled")]),
            Progressing,
            "Waiting to Autoscale",
        ),
        (json!({}), Progressing, "Waiting to Autoscale"),
    ];
    let reasons = [
        ("FailedGetResourceMetric", "FailedGetResourceMetric: m"),
        ("FailedGetObjectMetric", "FailedGetObjectMetric: m"),
        ("FailedGetPodsMetric", "FailedGetPodsMetric: m"),
        ("FailedGetExternalMetric", "FailedGetExternalMetric: m"),
        ("FailedComputeMetricsReplicas", "FailedComputeMetricsReplicas: m"),
        ("InvalidSelector", "InvalidSelector: m"),
    ];
    for (reason, message) in reasons {
        // Whatever comes first.
        rows.push((
            v2(vec![able(), condition("ScalingActive", "False", reason)]),
            Degraded,
            message,
        ));
    }
    check("autoscaling/v2", "HorizontalPodAutoscaler", rows);
    let v1 = |text: &str| {
        json!({"metadata": {"annotations":
        {"autoscaling.alpha.kubernetes.io/conditions": text}}})
    };
    let failed = condition("AbleToScale", "False", "FailedGetScale");
    check(
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        vec![
            (json!({}), Progressing, "Waiting to Autoscale"),
            (v1("[]"), Progressing, "Waiting to Autoscale"),
            (v1(&json!([able()]).to_string()), Healthy, "m"),
            (v1(&json!([failed]).to_string()), Degraded, "FailedGetScale: m"),
            (
                v1("{"),
                Unknown,
                "the annotation autoscaling.alpha.kubernetes.io/conditions is not JSON",
            ),
        ],
    );
}

#[test]
fn an_api_service_is_judged_by_its_availability() {
    let row = |status: &str| json!({"status": {"conditions": [{"type": "Available", "status": status, "reason": "R"}]}});
    check(
        "apiregistration.k8s.io/v1",
        "APIService",
        vec![
            (row("True"), Healthy, "R"),
            (row("False"), Progressing, "R"),
            (json!({}), Progressing, "waiting for the API service to be available"),
        ],
    );
}

#[test]
fn a_workflow_is_judged_by_its_phase() {
    let row = |phase: &str| json!({"status": {"phase": phase, "message": "m"}});
    check(
        "argoproj.io/v1alpha1",
        "Workflow",
        vec![
            (row("Pending"), Progressing, "m"),
            (row("Running"), Progressing, "m"),
            (row(""), Progressing, "m"),
            (json!({}), Progressing, ""),
            (row("Succeeded"), Healthy, "m"),
            (row("Failed"), Degraded, "m"),
            (row("Error"), Degraded, "m"),
        ],
    );
}

#[test]
fn other_kinds_have_no_check() {
    for (api_version, kind) in [
        ("argoproj.io/v1alpha1", "Application"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Namespace"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("serving.knative.dev/v1", "Service"),
        ("example.org/v1", "Deployment"),
    ] {
        assert_eq!(assess(&object(api_version, kind, json!({})), &[]), None, "{kind}");
    }
    assert_eq!(assess(&json!({}), &[]), None);
}

#[test]
fn an_object_that_is_being_deleted_is_progressing() {
    let mut gone = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    check("v1", "ConfigMap", vec![(gone.clone(), Progressing, "Pending deletion")]);
    gone["metadata"]["finalizers"] = json!(["example.org/a", "example.org/b", "example.org/c"]);
    let held = "Pending deletion, held by example.org/a, example.org/b";
    check("apps/v1", "Deployment", vec![(gone.clone(), Progressing, held)]);
    gone["metadata"]["finalizers"] = json!([HOOK_FINALIZER]);
    gone["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    check("batch/v1", "Job", vec![(gone, Healthy, "")]);
}

#[test]
fn a_definition_counts_when_it_is_established() {
    let row = |status: &str| {
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"status": {"conditions": [{"type": "Established", "status": status}]}}),
        )
    };
    assert!(is_established(&row("True")));
    assert!(!is_established(&row("False")));
    assert!(!is_established(&json!({"kind": "CustomResourceDefinition"})));
}

#[test]
fn progress_is_told_in_numbers_until_it_is_done() {
    let deployment = |replicas: i64, updated: i64, available: i64| {
        object(
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 7}, "status": {"observedGeneration": 2,
                "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available}}),
        )
    };
    let said = |object: &Value| progress(object).unwrap_or_default();
    assert_eq!(said(&deployment(3, 3, 2)), "3 of 7 pods updated, 2 available");
    assert_eq!(said(&deployment(8, 3, 6)), "3 of 7 pods updated, 6 available, 5 old pods to go");
    assert_eq!(progress(&deployment(7, 7, 7)), None);
    let set = json!({"spec": {"replicas": 3}, "status": {"observedGeneration": 2,
        "readyReplicas": 2, "updatedReplicas": 1}});
    assert_eq!(said(&object("apps/v1", "StatefulSet", set)), "1 of 3 pods updated, 2 ready");
    let set = json!({"status": {"observedGeneration": 2, "desiredNumberScheduled": 1}});
    assert_eq!(said(&object("apps/v1", "DaemonSet", set)), "0 of 1 pod updated, 0 available");
    let job = json!({"spec": {"completions": 2}, "status": {"failed": 1}});
    assert_eq!(said(&object("batch/v1", "Job", job)), "0 of 2 pods succeeded, 1 failed");
    assert_eq!(progress(&object("v1", "ConfigMap", json!({}))), None);
}

#[test]
fn statuses_are_spelled_as_in_an_application() {
    let order = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"];
    let read: Vec<HealthStatus> = order.into_iter().filter_map(HealthStatus::parse).collect();
    assert_eq!(read.len(), order.len());
    assert!(read.is_sorted());
    for (status, word) in read.iter().zip(order) {
        assert_eq!(status.to_string(), word);
        assert_eq!(json!(status), json!(word));
    }
    assert_eq!(HealthStatus::parse("healthy"), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(True|False|Pending|Running|Failed|Progressing|Ready|OnDelete|\\PC{0,300})"
            .prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "spec",
        "status",
        "metadata",
        "replicas",
        "updatedReplicas",
        "availableReplicas",
        "readyReplicas",
        "conditions",
        "type",
        "reason",
        "message",
        "phase",
        "containerStatuses",
        "initContainerStatuses",
        "state",
        "waiting",
        "terminated",
        "lastState",
        "exitCode",
        "restartCount",
        "updateStrategy",
        "rollingUpdate",
        "partition",
        "finalizers",
        "ownerReferences",
        "uid",
        "labels",
        "annotations",
        "observedGeneration",
        "completions",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|pairs| {
                pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>().into()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_object_can_be_judged(
        kind in prop::sample::select(vec![
            ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"),
            ("apps/v1", "ReplicaSet"), ("v1", "Pod"), ("batch/v1", "Job"), ("batch/v1", "CronJob"),
            ("v1", "PersistentVolumeClaim"), ("v1", "Service"), ("networking.k8s.io/v1", "Ingress"),
            ("autoscaling/v1", "HorizontalPodAutoscaler"), ("autoscaling/v2", "HorizontalPodAutoscaler"),
            ("apiregistration.k8s.io/v1", "APIService"), ("argoproj.io/v1alpha1", "Workflow"),
        ]),
        spec in any_json(), status in any_json(), metadata in any_json(),
    ) {
        let object = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": metadata,
            "spec": spec, "status": status});
        prop_assert!(assess(&object, &[]).is_some());
        let _ = progress(&object);
        let child = Child::reduce(&object);
        let _ = assess(&object, &child.iter().collect::<Vec<_>>());
    }
}
