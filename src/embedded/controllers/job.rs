//! Jobs: pods that run to an end, counted once each.
//!
//! Rule: `pkg/controller/job` of Kubernetes. A pod carries a finalizer until its end is noted in the
//! status, so that none is counted twice or not at all.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Action, Propagation,
    condition::{self, Condition},
    pods,
    read::{
        at, controller_uid, count, created, has_finalizer, later, list, moment, number, text,
        truth, without_finalizer,
    },
    replica_set::{created_pod, delete_pod},
    template,
};
use crate::object::meta;

mod backoff;
mod indexes;
mod status;
#[cfg(test)]
mod tests;

use self::{indexes::Indexes, status::Tally};

/// Keeps a pod until it is counted.
pub(super) const TRACKED: &str = "batch.kubernetes.io/job-tracking";
const SOURCE: &str = "job-controller";
/// Most pods that one look makes or deletes.
const BURST: i64 = 500;

/// How a Job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    succeeded: bool,
    reason: String,
    message: String,
}

impl End {
    fn failure(reason: &str, message: &str) -> Self {
        Self { succeeded: false, reason: reason.to_owned(), message: message.to_owned() }
    }

    fn success() -> Self {
        let message = "Reached expected number of succeeded pods".to_owned();
        Self { succeeded: true, reason: "CompletionsReached".to_owned(), message }
    }

    /// The end that the status already names.
    fn noted(job: &Value) -> Option<Self> {
        let status = at(job, "/status");
        [("SuccessCriteriaMet", true), ("FailureTarget", false)].into_iter().find_map(
            |(kind, ok)| {
                let noted =
                    condition::find(status, kind).filter(|_| condition::holds(status, kind))?;
                let (reason, message) = (text(noted, "/reason"), text(noted, "/message"));
                Some(Self { succeeded: ok, ..Self::failure(reason, message) })
            },
        )
    }

    /// The condition that is set while pods still end.
    fn interim(&self) -> Condition<'_> {
        let kind = if self.succeeded { "SuccessCriteriaMet" } else { "FailureTarget" };
        Condition { kind, status: "True", reason: &self.reason, message: &self.message }
    }

    fn terminal(&self) -> Condition<'_> {
        let kind = if self.succeeded { "Complete" } else { "Failed" };
        Condition { kind, ..self.interim() }
    }
}

/// True once the Job is complete or has failed.
pub(super) fn is_finished(job: &Value) -> bool {
    ["Complete", "Failed"].iter().any(|kind| condition::holds(at(job, "/status"), kind))
}

/// What is to be done about a Job. `found` are the pods that it owns.
pub(super) fn reconcile(
    job: &Value,
    found: &[Value],
    backoff: Duration,
    now: Timestamp,
) -> Vec<Action> {
    let own: Vec<&Value> =
        found.iter().filter(|pod| controller_uid(pod) == meta::uid(job)).collect();
    if is_finished(job) {
        let freed = own.iter().filter(|pod| has_finalizer(pod, TRACKED));
        let mut actions: Vec<Action> = freed.map(|pod| release(pod)).collect();
        actions.extend(expire(job, now));
        return actions;
    }
    let tally = Tally::of(job, &own);
    let active: Vec<&Value> = own.iter().copied().filter(|pod| pods::is_active(pod)).collect();
    let end = End::noted(job).or_else(|| failure(job, &own, &tally, now));
    let mut management = Vec::new();
    let mut left = i64::try_from(active.len()).unwrap_or_default();
    let mut end = end;
    if end.is_some() {
        management = active.iter().flat_map(|pod| delete_pod(job, pod, SOURCE)).collect();
        left = 0;
    } else if !meta::is_terminating(job) {
        let managed = manage(job, &own, &active, &tally, backoff, now);
        (management, left) = (managed.0, managed.1);
        if left == 0 && is_complete(job, &tally) {
            end = Some(End::success());
        }
    }
    let stopping = own.iter().filter(|pod| meta::is_terminating(pod) && !pods::is_finished(pod));
    let stopping = i64::try_from(stopping.count()).unwrap_or_default()
        + if end.is_some() { i64::try_from(active.len()).unwrap_or_default() } else { 0 };
    let ready = active.iter().filter(|pod| left > 0 && pods::is_ready(pod)).count();
    let state = status::State { active: left, ready, stopping, end };
    let mut actions = status::write(job, &tally, &state, now);
    actions.extend(tally.to_release.iter().map(|pod| release(pod)));
    actions.extend(management);
    actions.extend(deadline(job).filter(|at| *at > now).map(Action::WakeAt));
    actions
}

/// Lets a pod go that is counted, or whose Job is gone.
pub(super) fn release(pod: &Value) -> Action {
    Action::Update(without_finalizer(pod, TRACKED))
}

/// Deletes a finished Job when its time is over.
fn expire(job: &Value, now: Timestamp) -> Option<Action> {
    let ttl_s = number(job, "/spec/ttlSecondsAfterFinished")?;
    if meta::is_terminating(job) {
        return None;
    }
    let ended = list(job, "/status/conditions").iter().find(|condition| {
        matches!(text(condition, "/type"), "Complete" | "Failed")
            && text(condition, "/status") == "True"
    })?;
    let at = later(moment(ended, "/lastTransitionTime")?, ttl_s);
    if at > now {
        return Some(Action::WakeAt(at));
    }
    Some(Action::Delete {
        id: meta::id(job)?,
        uid: meta::uid(job).to_owned(),
        propagation: Propagation::Foreground,
        at_once: false,
    })
}

fn is_suspended(job: &Value) -> bool {
    truth(job, "/spec/suspend")
}

/// When the Job has been active for too long.
fn deadline(job: &Value) -> Option<Timestamp> {
    let limit_s = number(job, "/spec/activeDeadlineSeconds")?;
    let start = moment(job, "/status/startTime").filter(|_| !is_suspended(job))?;
    Some(later(start, limit_s))
}

fn failure(job: &Value, own: &[&Value], tally: &Tally<'_>, now: Timestamp) -> Option<End> {
    let limit = number(job, "/spec/backoffLimit").unwrap_or(6);
    if tally.failed() > limit || restarts_exceed(job, own, limit) {
        let words = "Job has reached the specified backoff limit";
        return Some(End::failure("BackoffLimitExceeded", words));
    }
    let late = deadline(job).is_some_and(|deadline| deadline <= now);
    let words = "Job was active longer than specified deadline";
    late.then(|| End::failure("DeadlineExceeded", words))
}

/// With `OnFailure` the kubelet starts containers again in the same pod, and that counts.
fn restarts_exceed(job: &Value, own: &[&Value], limit: i64) -> bool {
    if text(job, "/spec/template/spec/restartPolicy") != "OnFailure" {
        return false;
    }
    let of = |pod: &Value| -> i64 {
        let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
        lists.iter().flat_map(|at| list(pod, at)).map(|one| count(one, "/restartCount")).sum()
    };
    let running = own.iter().filter(|pod| !pods::is_finished(pod));
    let restarts: i64 = running.map(|pod| of(pod)).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn is_complete(job: &Value, tally: &Tally<'_>) -> bool {
    match number(job, "/spec/completions") {
        Some(wanted) => tally.succeeded() >= wanted,
        None => tally.succeeded() > 0,
    }
}

/// Makes and deletes pods. Answers how many are active afterwards, too.
fn manage(
    job: &Value,
    own: &[&Value],
    active: &[&Value],
    tally: &Tally<'_>,
    backoff: Duration,
    now: Timestamp,
) -> (Vec<Action>, i64) {
    let have = i64::try_from(active.len()).unwrap_or_default();
    let parallelism = number(job, "/spec/parallelism").unwrap_or(1);
    let wanted = match number(job, "/spec/completions") {
        _ if is_suspended(job) => 0,
        Some(completions) => (completions - tally.succeeded()).min(parallelism).max(0),
        None if tally.succeeded() > 0 => have,
        None => parallelism,
    };
    if have > wanted {
        let mut ranked = active.to_vec();
        ranked.sort_by(|a, b| pods::deletion_order(a, b));
        let surplus = usize::try_from((have - wanted).min(BURST)).unwrap_or_default();
        let gone = ranked[..surplus].iter().flat_map(|pod| delete_pod(job, pod, SOURCE)).collect();
        return (gone, have - (have - wanted).min(BURST));
    }
    let replaced_late = text(job, "/spec/podReplacementPolicy") == "Failed";
    let leaving =
        own.iter().filter(|pod| meta::is_terminating(pod) && !pods::is_finished(pod)).count();
    let leaving = if replaced_late { i64::try_from(leaving).unwrap_or_default() } else { 0 };
    let missing = (wanted - have - leaving).min(BURST);
    if missing <= 0 {
        return (Vec::new(), have);
    }
    if let Some(at) = backoff::until(own, backoff).filter(|at| *at > now) {
        return (vec![Action::WakeAt(at)], have);
    }
    let missing = usize::try_from(missing).unwrap_or_default();
    let made = made(job, active, &tally.indexes, missing);
    let after = have + i64::try_from(made.len()).unwrap_or_default();
    (made, after)
}

fn made(job: &Value, active: &[&Value], done: &Indexes, missing: usize) -> Vec<Action> {
    let create = |object| Action::Create { object, announce: Some(created_pod(job, SOURCE)) };
    let base = || {
        let mut pod = template::pod(job, template::of(job));
        let mut finalizers = list(&pod, "/metadata/finalizers").to_vec();
        finalizers.push(json!(TRACKED));
        pod["metadata"]["finalizers"] = Value::from(finalizers);
        pod
    };
    if !indexes::is_indexed(job) {
        return std::iter::repeat_with(|| create(base())).take(missing).collect();
    }
    let completions = number(job, "/spec/completions").unwrap_or_default();
    let taken: BTreeSet<i64> = active.iter().filter_map(|pod| indexes::of(pod)).collect();
    let free = (0..completions).filter(|index| !done.has(*index) && !taken.contains(index));
    free.take(missing).map(|index| create(indexes::mark(base(), job, index))).collect()
}

/// The order in which pods ended.
fn ended_at(pod: &Value) -> Timestamp {
    let statuses = list(pod, "/status/containerStatuses");
    let ends = statuses.iter().filter_map(|one| moment(one, "/state/terminated/finishedAt"));
    ends.max().unwrap_or_else(|| created(pod))
}
