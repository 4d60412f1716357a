//! Pods and their containers.

use super::*;

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
