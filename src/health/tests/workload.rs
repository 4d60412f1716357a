//! Deployments, StatefulSets, DaemonSets and ReplicaSets.

use super::*;

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
