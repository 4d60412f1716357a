//! The status of a Deployment: counts and conditions.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Plan, Set,
    revision::{REVISION, Revised, number_of},
};
use crate::{
    embedded::controllers::{
        Action,
        condition::{self, Condition},
        read::{at, count, created, later, list, moment, number, text, truth},
    },
    object::meta,
};

const NO_LIMIT: i64 = i32::MAX as i64;

/// The deadline in seconds, if there is one.
fn deadline_s(deployment: &Value) -> Option<i64> {
    number(deployment, "/spec/progressDeadlineSeconds").filter(|limit| *limit != NO_LIMIT)
}

/// ReplicaSets beyond the history limit, oldest revisions first; none while a rollout runs.
pub(super) fn surplus(plan: &Plan<'_>) -> Vec<Value> {
    let deployment = plan.deployment;
    let done =
        truth(deployment, "/spec/paused") || is_complete(deployment, at(deployment, "/status"));
    let limit = number(deployment, "/spec/revisionHistoryLimit").filter(|max| *max != NO_LIMIT);
    let Some(limit) = limit.filter(|_| done && !meta::is_terminating(deployment)) else {
        return Vec::new();
    };
    let mut old: Vec<&Set> =
        plan.old.iter().filter(|set| !meta::is_terminating(&set.object)).collect();
    old.sort_by_key(|set| (number_of(set), created(&set.object)));
    let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or_default());
    let idle = |set: &&&Set| {
        let object = &set.object;
        set.size() == 0
            && count(object, "/status/replicas") == 0
            && meta::generation(object) <= count(object, "/status/observedGeneration")
    };
    old.iter().take(excess).filter(idle).map(|set| set.was.clone()).collect()
}

/// Writes the status if it changes, and asks to be woken when the deadline may be over.
pub(super) fn of(plan: &Plan<'_>, revised: &Revised, now: Timestamp) -> Vec<Action> {
    let deployment = plan.deployment;
    let mut status = counts(plan);
    set_availability(plan, &mut status, now);
    let has_deadline = deadline_s(deployment).is_some();
    if let Some((reason, message)) = revised.progress.as_ref().filter(|_| has_deadline) {
        let progress = Condition { kind: "Progressing", status: "True", reason, message };
        condition::set_with_update_time(&mut status, progress, now);
    }
    let mut actions = Vec::new();
    if truth(deployment, "/spec/paused") {
        set_paused(deployment, &mut status, true, now);
    } else if !meta::is_terminating(deployment) {
        set_paused(deployment, &mut status, false, now);
        set_progress(plan, &mut status, now);
        set_failure(plan, &mut status);
        actions.extend(wake(deployment, &status, now));
    }
    let mut object = deployment.clone();
    if let Some(revision) = revised.revision.as_ref().filter(|revision| !revision.is_empty()) {
        meta::set_annotation(&mut object, REVISION, revision);
    }
    object["status"] = status;
    let is_same = object["metadata"] == deployment["metadata"]
        && bare(at(&object, "/status")) == bare(at(deployment, "/status"));
    if !is_same {
        actions.insert(0, Action::UpdateStatus(object));
    }
    actions
}

/// A status without what is zero: the server may print it or not.
fn bare(status: &Value) -> Value {
    let Some(map) = status.as_object() else { return json!({}) };
    let kept = map.iter().filter(|(_, value)| **value != json!(0) && !value.is_null());
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn counts(plan: &Plan<'_>) -> Value {
    let sum = |pointer: &str| -> i64 { plan.all().map(|set| count(&set.object, pointer)).sum() };
    let updated = plan.new.as_ref().map_or(0, |set| count(&set.object, "/status/replicas"));
    let mut status = Map::new();
    let old = at(plan.deployment, "/status");
    if let Some(conditions) = old.get("conditions") {
        status.insert("conditions".to_owned(), conditions.clone());
    }
    let collisions = count(old, "/collisionCount") + i64::from(plan.collided);
    let terminating =
        plan.all().any(|set| set.object.pointer("/status/terminatingReplicas").is_some());
    for (key, number) in [
        ("observedGeneration", meta::generation(plan.deployment)),
        ("replicas", sum("/status/replicas")),
        ("updatedReplicas", updated),
        ("readyReplicas", sum("/status/readyReplicas")),
        ("availableReplicas", plan.available()),
        ("unavailableReplicas", (plan.total() - plan.available()).max(0)),
        ("collisionCount", collisions),
    ] {
        if number != 0 {
            status.insert(key.to_owned(), json!(number));
        }
    }
    if terminating {
        status.insert("terminatingReplicas".to_owned(), json!(sum("/status/terminatingReplicas")));
    }
    Value::Object(status)
}

fn set_availability(plan: &Plan<'_>, status: &mut Value, now: Timestamp) {
    let enough = plan.available() >= plan.limits.minimum();
    let (value, reason, message) = if enough {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let available = Condition { kind: "Available", status: value, reason, message };
    condition::set_with_update_time(status, available, now);
}

/// Time does not count while a rollout is paused.
fn set_paused(deployment: &Value, status: &mut Value, paused: bool, now: Timestamp) {
    if deadline_s(deployment).is_none() {
        return;
    }
    let reason = condition::reason(status, "Progressing");
    let (reason, message) = match (paused, reason) {
        (_, "ProgressDeadlineExceeded") => return,
        (true, _) => ("DeploymentPaused", "Deployment is paused"),
        (false, "DeploymentPaused") => ("DeploymentResumed", "Deployment is resumed"),
        _ => return,
    };
    let progress = Condition { kind: "Progressing", status: "Unknown", reason, message };
    condition::set_with_update_time(status, progress, now);
}

fn is_complete(deployment: &Value, status: &Value) -> bool {
    let wanted = number(deployment, "/spec/replicas").unwrap_or(1);
    count(status, "/updatedReplicas") == wanted
        && count(status, "/replicas") == wanted
        && count(status, "/availableReplicas") == wanted
        && count(status, "/observedGeneration") >= meta::generation(deployment)
}

/// True when more is updated, ready or available than before, or less is old.
fn has_progressed(before: &Value, status: &Value) -> bool {
    let old = |status: &Value| count(status, "/replicas") - count(status, "/updatedReplicas");
    let grew = |key: &str| count(status, key) > count(before, key);
    grew("/updatedReplicas")
        || old(status) < old(before)
        || grew("/readyReplicas")
        || grew("/availableReplicas")
}

fn set_progress(plan: &Plan<'_>, status: &mut Value, now: Timestamp) {
    let deployment = plan.deployment;
    let Some(limit_s) = deadline_s(deployment) else {
        condition::remove(status, "Progressing");
        return;
    };
    let before = at(deployment, "/status");
    let all_new = count(status, "/replicas") == count(status, "/updatedReplicas");
    if all_new && condition::reason(status, "Progressing") == "NewReplicaSetAvailable" {
        return;
    }
    let who = match &plan.new {
        Some(set) => format!("ReplicaSet {:?}", set.name()),
        None => format!("Deployment {:?}", meta::name(deployment)),
    };
    let progress = |status, reason, words: String| (status, reason, words);
    let (value, reason, message) = if is_complete(deployment, status) {
        progress("True", "NewReplicaSetAvailable", format!("{who} has successfully progressed."))
    } else if has_progressed(before, status) {
        progress("True", "ReplicaSetUpdated", format!("{who} is progressing."))
    } else if is_late(status, limit_s, now) {
        progress("False", "ProgressDeadlineExceeded", format!("{who} has timed out progressing."))
    } else {
        return;
    };
    let new = Condition { kind: "Progressing", status: value, reason, message: &message };
    if reason == "ReplicaSetUpdated" {
        condition::renew(status, new, now);
    } else {
        condition::set_with_update_time(status, new, now);
    }
}

fn is_late(status: &Value, limit_s: i64, now: Timestamp) -> bool {
    let Some(progress) = condition::find(status, "Progressing") else { return false };
    match text(progress, "/reason") {
        "NewReplicaSetAvailable" => false,
        "ProgressDeadlineExceeded" => true,
        _ => moment(progress, "/lastUpdateTime").is_some_and(|at| later(at, limit_s) < now),
    }
}

/// Pods that can't be created are the Deployment's trouble, too.
fn set_failure(plan: &Plan<'_>, status: &mut Value) {
    condition::remove(status, "ReplicaFailure");
    let failure = plan
        .new
        .iter()
        .chain(&plan.old)
        .find_map(|set| condition::find(at(&set.object, "/status"), "ReplicaFailure"));
    let Some(failure) = failure else { return };
    let mut failure = failure.clone();
    failure["lastUpdateTime"] = at(&failure, "/lastTransitionTime").clone();
    let mut conditions = list(status, "/conditions").to_vec();
    conditions.push(failure);
    status["conditions"] = Value::from(conditions);
}

/// When the deadline is over, if nothing happens until then.
fn wake(deployment: &Value, status: &Value, now: Timestamp) -> Option<Action> {
    let limit_s = deadline_s(deployment)?;
    let progress = condition::find(status, "Progressing")?;
    let settled =
        matches!(text(progress, "/reason"), "ProgressDeadlineExceeded" | "NewReplicaSetAvailable");
    if settled || is_complete(deployment, status) {
        return None;
    }
    // A second more: what is written is cut to whole seconds.
    let at = later(moment(progress, "/lastUpdateTime")?, limit_s + 1);
    (at > now).then_some(Action::WakeAt(at))
}
