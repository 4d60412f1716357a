//! Health of what keeps pods running: Deployment, StatefulSet, DaemonSet, ReplicaSet.

use serde_json::Value;

use super::{
    Child, Health, HealthStatus,
    read::{Condition, condition, count, counted, number, text},
    trouble,
};
use crate::object::meta;

/// What every workload says while its controller has not looked at the latest change.
const NOT_OBSERVED: &str = "waiting for the controller to observe the latest change";

fn is_behind(object: &Value) -> bool {
    meta::generation(object) > count(object, "/status/observedGeneration")
}

/// A pod can't even be created: quota, admission, a broken template.
fn creation_failure(object: &Value) -> Option<String> {
    let failure = condition(object, "ReplicaFailure").filter(Condition::is_true)?;
    Some(trouble::clipped(&failure.words()))
}

/// Adds why pods can't be created or can't start to a verdict that is not good.
fn explained(object: &Value, mut health: Health, pods: &[&Child]) -> Health {
    for reason in [creation_failure(object), trouble::named(pods)].into_iter().flatten() {
        if !health.message.contains(&reason) {
            health.message.push_str("; ");
            health.message.push_str(&reason);
        }
    }
    health
}

/// Argo CD says the same about the status; the reasons are ours.
pub(super) fn deployment(object: &Value, children: &[&Child]) -> Health {
    if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Health::new(HealthStatus::Suspended, "the rollout is paused");
    }
    if is_behind(object) {
        // The pods that are there belong to the revision before.
        return Health::progressing(NOT_OBSERVED);
    }
    let wanted = number(object, "/spec/replicas");
    let updated = count(object, "/status/updatedReplicas");
    let available = count(object, "/status/availableReplicas");
    let old = count(object, "/status/replicas").saturating_sub(updated);
    let words = match wanted {
        Some(wanted) if updated < wanted => format!("{updated} of {wanted} replicas updated"),
        _ if old > 0 => format!("waiting for {} to end", counted(old, "old replica")),
        _ if available < updated => format!("{available} of {updated} updated replicas available"),
        _ => String::new(),
    };
    let late = condition(object, "Progressing")
        .is_some_and(|condition| condition.reason == "ProgressDeadlineExceeded");
    let health = if late {
        let limit_s = number(object, "/spec/progressDeadlineSeconds");
        let limit = limit_s.map(|limit_s| format!(" within {limit_s} s")).unwrap_or_default();
        let words = if words.is_empty() { words } else { format!(": {words}") };
        Health::degraded(format!("no progress{limit}{words}"))
    } else if words.is_empty() {
        return Health::healthy();
    } else {
        Health::progressing(words)
    };
    explained(object, health, &current_pods_of_deployment(object, children))
}

/// The pods of the newest revision: those of the ReplicaSet that has the Deployment's revision
/// number, or the highest one.
fn current_pods_of_deployment<'a>(object: &Value, children: &[&'a Child]) -> Vec<&'a Child> {
    let uid = meta::uid(object);
    let revision = meta::annotation(object, "deployment.kubernetes.io/revision")
        .and_then(|revision| revision.parse::<u64>().ok());
    let current = children
        .iter()
        .filter(|child| child.is_owned_by(uid) && child.id.kind == "ReplicaSet")
        .max_by_key(|child| (Some(child.revision_number) == revision, child.revision_number));
    current.map(|set| pods_of(&set.uid, children)).unwrap_or_default()
}

fn pods_of<'a>(uid: &str, children: &[&'a Child]) -> Vec<&'a Child> {
    children.iter().copied().filter(|child| child.pod.is_some() && child.is_owned_by(uid)).collect()
}

/// Argo CD says the same about the status; the reasons are ours.
pub(super) fn replica_set(object: &Value, children: &[&Child]) -> Health {
    if is_behind(object) {
        return Health::progressing(NOT_OBSERVED);
    }
    let available = count(object, "/status/availableReplicas");
    let health = match (creation_failure(object), number(object, "/spec/replicas")) {
        (Some(failure), _) => Health::degraded(failure),
        (None, Some(wanted)) if available < wanted => {
            Health::progressing(format!("{available} of {wanted} replicas available"))
        }
        _ => return Health::healthy(),
    };
    explained(object, health, &pods_of(meta::uid(object), children))
}

/// Argo CD says the same about the status; the reasons are ours.
pub(super) fn stateful_set(object: &Value, children: &[&Child]) -> Health {
    if count(object, "/status/observedGeneration") == 0 || is_behind(object) {
        return Health::progressing(NOT_OBSERVED);
    }
    let health = stateful_set_rollout(object);
    if health.status == HealthStatus::Healthy {
        return health;
    }
    let all = pods_of(meta::uid(object), children);
    let revision = text(object, "/status/updateRevision");
    let current: Vec<&Child> = all
        .iter()
        .copied()
        .filter(|pod| revision.is_empty() || &*pod.revision == revision)
        .collect();
    // Pods are replaced one after the other, so one of the old revision that can't start holds up
    // the new one.
    let pods = if trouble::named(&current).is_some() { current } else { all };
    explained(object, health, &pods)
}

fn stateful_set_rollout(object: &Value) -> Health {
    let wanted = number(object, "/spec/replicas");
    let ready = count(object, "/status/readyReplicas");
    let updated = count(object, "/status/updatedReplicas");
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return Health::progressing(format!("{ready} of {wanted} replicas ready"));
    }
    let strategy = text(object, "/spec/updateStrategy/type");
    let rolling =
        object.pointer("/spec/updateStrategy/rollingUpdate").is_some_and(Value::is_object);
    if strategy == "RollingUpdate" && rolling {
        let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
        if let (Some(wanted), Some(partition)) = (wanted, partition) {
            let due = wanted.saturating_sub(partition);
            if updated < due {
                return Health::progressing(format!("{updated} of {due} replicas updated"));
            }
        }
        return Health::healthy();
    }
    let on_delete = strategy == "OnDelete";
    let same = text(object, "/status/updateRevision") == text(object, "/status/currentRevision");
    if on_delete || same {
        return Health::healthy();
    }
    let wanted = wanted.unwrap_or_else(|| count(object, "/status/replicas"));
    Health::progressing(format!("{updated} of {wanted} replicas updated"))
}

/// Argo CD says the same about the status; the reasons are ours.
pub(super) fn daemon_set(object: &Value, children: &[&Child]) -> Health {
    if is_behind(object) {
        return Health::progressing(NOT_OBSERVED);
    }
    let wanted = count(object, "/status/desiredNumberScheduled");
    let updated = count(object, "/status/updatedNumberScheduled");
    let available = count(object, "/status/numberAvailable");
    let health = if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Health::healthy();
    } else if updated < wanted {
        Health::progressing(format!("{updated} of {wanted} pods updated"))
    } else if available < wanted {
        Health::progressing(format!("{available} of {wanted} pods available"))
    } else {
        return Health::healthy();
    };
    // The number of the template is the one mark of a revision that both the DaemonSet and its
    // pods carry. Without it all pods count.
    let revision = meta::annotation(object, "deprecated.daemonset.template.generation")
        .and_then(|revision| revision.parse::<u64>().ok());
    let mut pods = pods_of(meta::uid(object), children);
    if pods.iter().any(|pod| Some(pod.revision_number) == revision) {
        pods.retain(|pod| Some(pod.revision_number) == revision);
    }
    explained(object, health, &pods)
}
