//! What controllers want to know about pods, and which of them go first.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    condition,
    read::{at, controller_reference, controller_uid, created, later, list, moment, set, text},
    selector,
};
use crate::object::meta;

pub(super) fn phase(pod: &Value) -> &str {
    text(pod, "/status/phase")
}

pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// True for a pod that runs or will.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_finished(pod) && !meta::is_terminating(pod)
}

pub(super) fn is_ready(pod: &Value) -> bool {
    condition::holds(at(pod, "/status"), "Ready")
}

/// Since when the pod is ready.
fn ready_since(pod: &Value) -> Option<Timestamp> {
    let ready = condition::find(at(pod, "/status"), "Ready")?;
    moment(ready, "/lastTransitionTime")
}

/// When a ready pod counts as available; `None` when it isn't ready.
pub(super) fn available_at(pod: &Value, min_ready_s: i64) -> Option<Timestamp> {
    if !is_ready(pod) {
        return None;
    }
    if min_ready_s == 0 {
        return Some(Timestamp::MIN);
    }
    ready_since(pod).map(|since| later(since, min_ready_s))
}

pub(super) fn is_available(pod: &Value, min_ready_s: i64, now: Timestamp) -> bool {
    available_at(pod, min_ready_s).is_some_and(|at| at <= now)
}

/// When the next of the pods that are ready becomes available.
pub(super) fn next_available<'a>(
    pods: impl IntoIterator<Item = &'a Value>,
    min_ready_s: i64,
    now: Timestamp,
) -> Option<Timestamp> {
    pods.into_iter().filter_map(|pod| available_at(pod, min_ready_s)).filter(|at| *at > now).min()
}

fn restarts(pod: &Value) -> i64 {
    let statuses = list(pod, "/status/containerStatuses");
    let counts = statuses.iter().map(|status| super::read::count(status, "/restartCount"));
    counts.max().unwrap_or_default()
}

/// Which of two pods a controller that has too many deletes first: the one that serves less.
/// Unassigned before assigned, pending before running, not ready before ready, the cheaper one by
/// `controller.kubernetes.io/pod-deletion-cost`, ready for less time, more restarts, younger.
pub(super) fn deletion_order(a: &Value, b: &Value) -> Ordering {
    let assigned = |pod: &Value| !text(pod, "/spec/nodeName").is_empty();
    let stage = |pod: &Value| match phase(pod) {
        "Pending" => 0,
        "Running" => 2,
        _ => 1,
    };
    let cost = |pod: &Value| {
        let cost = meta::annotation(pod, "controller.kubernetes.io/pod-deletion-cost");
        cost.and_then(|cost| cost.parse::<i32>().ok()).unwrap_or_default()
    };
    let readiness = |pod: &Value| {
        // Shorter ready goes first; what was never ready has no time.
        if is_ready(pod) { ready_since(pod) } else { None }
    };
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| stage(a).cmp(&stage(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| readiness(b).cmp(&readiness(a)))
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| created(b).cmp(&created(a)))
        .then_with(|| meta::name(b).cmp(meta::name(a)))
}

/// What becomes of the dependents that a controller finds.
pub(super) struct Claimed<'a> {
    /// Those that are its own.
    pub(super) own: Vec<&'a Value>,
    /// Those that it takes over or gives up, as they are to be written.
    pub(super) changed: Vec<Value>,
}

/// Sorts dependents: own ones stay when the selector still selects them and are given up when not,
/// orphans that it selects are taken over.
pub(super) fn claim<'a>(owner: &Value, selector: &Value, found: &'a [Value]) -> Claimed<'a> {
    let mut claimed = Claimed { own: Vec::new(), changed: Vec::new() };
    let may_change = !meta::is_terminating(owner);
    for object in found {
        let selected = selector::selects(selector, selector::labels(object));
        match controller_uid(object) {
            uid if uid == meta::uid(owner) && selected => claimed.own.push(object),
            uid if uid == meta::uid(owner) && may_change => {
                claimed.changed.push(without_owner(object, uid));
            }
            "" if selected && may_change && !meta::is_terminating(object) => {
                claimed.changed.push(with_owner(object, owner));
            }
            _ => {}
        }
    }
    claimed
}

/// The object without the reference to the owner of this uid.
pub(super) fn without_owner(object: &Value, uid: &str) -> Value {
    let mut object = object.clone();
    let owners = object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
    if let Some(owners) = owners {
        owners.retain(|owner| text(owner, "/uid") != uid);
    }
    if list(&object, "/metadata/ownerReferences").is_empty() {
        set(&mut object, "metadata", "ownerReferences", Value::Null);
    }
    object
}

fn with_owner(object: &Value, owner: &Value) -> Value {
    let mut owners = list(object, "/metadata/ownerReferences").to_vec();
    owners.push(controller_reference(owner));
    let mut object = object.clone();
    set(&mut object, "metadata", "ownerReferences", Value::from(owners));
    object
}
