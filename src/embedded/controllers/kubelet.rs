//! A scheduler and a kubelet that only pretend: pods get a node, an address, and a life of their own.
//!
//! How a pod behaves is said by its annotation `test.steadfast.dev/pod`, or by the tag of its image:
//! one with `broken` in it can't be pulled, one with `crash` in it ends again and again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Action, Actor, Event, Pace, Propagation, node,
    pods::{is_finished, is_ready, phase},
    read::{at, count, list, number, text},
    template::restart_policy,
};
use crate::object::meta;

mod fit;
mod report;
#[cfg(test)]
mod tests;

use self::report::{Containers, Report};

const BEHAVIOUR: &str = "test.steadfast.dev/pod";
const SOURCE: &str = "kubelet";
const SCHEDULER: &str = "default-scheduler";
/// How long a pod that is `slow` takes to become ready.
const SLOW: Duration = Duration::from_secs(3);
/// How long a failed pull is a failed pull before it is waited for the next.
const PULL: Duration = Duration::from_secs(1);
/// The longest wait before a crashed container is started again.
const CRASH_WAIT_MAX: Duration = Duration::from_secs(300);

/// How a pod is to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    /// Becomes ready; ends well by itself unless it is to run for ever.
    Ready,
    /// Becomes ready and runs on, even if it is not to be started again.
    Run,
    /// Becomes ready after some seconds.
    Slow,
    /// Runs, and is never ready.
    NeverReady,
    /// Ends with an error and is started again.
    Crash,
    /// Its image can't be had.
    ImagePull,
    /// Ends with an error for good.
    Fail,
}

impl Behaviour {
    fn of(pod: &Value) -> Self {
        let never = restart_policy(at(pod, "/spec")) == "Never";
        match meta::annotation(pod, BEHAVIOUR) {
            Some("run") => Self::Run,
            Some("slow") => Self::Slow,
            Some("never-ready") => Self::NeverReady,
            Some("crash") => Self::Crash,
            Some("image-pull") => Self::ImagePull,
            Some("fail") => Self::Fail,
            None if tagged(pod, "broken") => Self::ImagePull,
            None if tagged(pod, "crash") && never => Self::Fail,
            None if tagged(pod, "crash") => Self::Crash,
            _ => Self::Ready,
        }
    }
}

/// True when the tag of some image has this word in it.
fn tagged(pod: &Value, word: &str) -> bool {
    list(pod, "/spec/containers").iter().any(|container| {
        let image = text(container, "/image");
        let last = image.rsplit('/').next().unwrap_or_default();
        last.split_once(':').is_some_and(|(_, tag)| tag.contains(word))
    })
}

/// Where a pod stands, as its object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// Nobody has it.
    Unbound,
    /// It has a node, and nothing else.
    Bound,
    /// Its containers are being made.
    Creating,
    /// Its image could not be pulled.
    PullFailed,
    /// The next pull is waited for.
    PullWaits,
    /// Its containers run and it isn't ready.
    Running,
    /// It is ready.
    Ready,
    /// Its container ended and waits for the next start, of which there were so many.
    Crashed(i64),
    /// It ended for good.
    Ended,
    /// It is told to stop.
    Leaving,
}

impl Stage {
    /// Reads it from a pod.
    pub(super) fn of(pod: &Value) -> Self {
        let status = at(pod, "/status/containerStatuses/0");
        match text(status, "/state/waiting/reason") {
            _ if meta::is_terminating(pod) => Self::Leaving,
            _ if is_finished(pod) => Self::Ended,
            _ if text(pod, "/spec/nodeName").is_empty() => Self::Unbound,
            "CrashLoopBackOff" => Self::Crashed(count(status, "/restartCount")),
            "ErrImagePull" => Self::PullFailed,
            "ImagePullBackOff" => Self::PullWaits,
            "ContainerCreating" | "PodInitializing" => Self::Creating,
            _ if phase(pod) != "Running" => Self::Bound,
            _ if is_ready(pod) => Self::Ready,
            _ => Self::Running,
        }
    }
}

/// What the kubelet knows besides the pod.
pub(super) struct Known<'a> {
    /// Since when the pod is in its stage; finer than what objects can say.
    pub(super) since: Timestamp,
    /// The address that the pod has or gets.
    pub(super) address: &'a str,
    /// True when all volume claims of the pod are bound.
    pub(super) has_volumes: bool,
    pub(super) node: Option<&'a Value>,
    pub(super) pace: &'a Pace,
}

/// What is to be done about a pod, and who does it.
pub(super) fn reconcile(pod: &Value, known: &Known<'_>, now: Timestamp) -> (Actor, Vec<Action>) {
    let actions = match Stage::of(pod) {
        Stage::Unbound => return (Actor::Scheduler, schedule(pod, known, now)),
        Stage::Ended => Vec::new(),
        Stage::Leaving => stop(pod, known, now),
        _ if text(pod, "/spec/nodeName") != node::NAME => Vec::new(),
        stage => live(pod, stage, known, now),
    };
    (Actor::Kubelet, actions)
}

/// Gives the pod the node, if the node fits and its volumes are there.
fn schedule(pod: &Value, known: &Known<'_>, now: Timestamp) -> Vec<Action> {
    let gated = !list(pod, "/spec/schedulingGates").is_empty();
    let why = if gated {
        return report::unschedulable(
            pod,
            "SchedulingGated",
            "Scheduling is blocked due to non-empty scheduling gates",
            now,
        );
    } else if let Some(why) = fit::refusal(pod, known.node) {
        why
    } else if !known.has_volumes {
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
            .to_owned()
    } else {
        let Some(id) = meta::id(pod) else { return Vec::new() };
        let words = format!("Successfully assigned {}/{} to {}", id.namespace, id.name, node::NAME);
        let told = Event::normal(pod, SCHEDULER, "Scheduled", words);
        return vec![Action::Bind { pod: id, node: node::NAME }, Action::Tell(told)];
    };
    let mut actions = report::unschedulable(pod, "Unschedulable", &why, now);
    if !actions.is_empty() {
        let told = Event::warning(pod, SCHEDULER, "FailedScheduling", why);
        actions.push(Action::Tell(told));
    }
    actions
}

fn after(since: Timestamp, delay: Duration) -> Timestamp {
    let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
    since.checked_add(delay).unwrap_or(Timestamp::MAX)
}

/// A pod that is told to stop is gone a moment later.
fn stop(pod: &Value, known: &Known<'_>, now: Timestamp) -> Vec<Action> {
    let grace_s = number(pod, "/metadata/deletionGracePeriodSeconds").unwrap_or_default();
    if grace_s == 0 {
        // It is gone already, and only a finalizer keeps it.
        return Vec::new();
    }
    let runs = matches!(phase(pod), "Running" | "Pending");
    let mut actions = Vec::new();
    if runs && known.since == now {
        for container in list(pod, "/spec/containers") {
            let name = text(container, "/name");
            let words = format!("Stopping container {name}");
            let told = Event::normal(pod, SOURCE, "Killing", words).of_container(name);
            actions.push(Action::Tell(told));
        }
    }
    let bound = !text(pod, "/spec/nodeName").is_empty();
    let patience = Duration::from_secs(u64::try_from(grace_s).unwrap_or_default());
    let delay = if runs && bound { known.pace.pod_stop.min(patience) } else { Duration::ZERO };
    let gone_at = after(known.since, delay);
    if gone_at > now {
        actions.push(Action::WakeAt(gone_at));
    } else if let Some(id) = meta::id(pod) {
        let (uid, propagation) = (meta::uid(pod).to_owned(), Propagation::Background);
        actions.push(Action::Delete { id, uid, propagation, at_once: true });
    }
    actions
}

/// How long a pod that runs takes to become ready.
fn readiness_delay(pod: &Value, pace: &Pace) -> Duration {
    let delays = list(pod, "/spec/containers")
        .iter()
        .map(|container| count(container, "/readinessProbe/initialDelaySeconds"));
    let delay = u64::try_from(delays.max().unwrap_or_default()).unwrap_or_default();
    Duration::from_secs(delay).min(pace.readiness_max)
}

/// The next step in the life of a pod that has a node.
fn live(pod: &Value, stage: Stage, known: &Known<'_>, now: Timestamp) -> Vec<Action> {
    let report = Report { pod, address: known.address, now };
    if stage == Stage::Bound {
        return report.write(&Containers::Creating);
    }
    let behaviour = Behaviour::of(pod);
    let Some((delay, next)) = next(pod, stage, behaviour, known.pace) else { return Vec::new() };
    let due = after(known.since, delay);
    if due > now { vec![Action::WakeAt(due)] } else { report.write(&next) }
}

/// After which time in its stage a pod does what; `None` when it stays as it is.
fn next(
    pod: &Value,
    stage: Stage,
    behaviour: Behaviour,
    pace: &Pace,
) -> Option<(Duration, Containers)> {
    let start = if stage == Stage::Creating { pace.pod_start } else { Duration::ZERO };
    let waits = readiness_delay(pod, pace);
    let restarts = count(pod, "/status/containerStatuses/0/restartCount");
    let for_ever = restart_policy(at(pod, "/spec")) == "Always";
    match (behaviour, stage) {
        (Behaviour::ImagePull, Stage::PullWaits) | (Behaviour::NeverReady, Stage::Running) => None,
        (Behaviour::ImagePull, Stage::PullFailed) => Some((PULL, Containers::PullWaits)),
        (Behaviour::ImagePull, _) => Some((start, Containers::PullFailed)),
        (Behaviour::Fail, _) => Some((start, Containers::Ended { code: 1 })),
        (Behaviour::Crash, Stage::Crashed(starts)) => {
            let doublings = u32::try_from(starts.clamp(1, 20) - 1).unwrap_or_default();
            let wait = pace.crash_backoff.saturating_mul(1 << doublings).min(CRASH_WAIT_MAX);
            Some((wait, Containers::Running { ready: false, restarts: starts + 1 }))
        }
        (Behaviour::Crash, Stage::Running | Stage::Ready) => {
            let wait = if stage == Stage::Running { pace.pod_run } else { Duration::ZERO };
            Some((wait, Containers::Crashed { restarts: restarts.max(1) }))
        }
        (Behaviour::Crash | Behaviour::NeverReady, _) => {
            Some((start, Containers::Running { ready: false, restarts }))
        }
        (Behaviour::Slow, Stage::Running) => {
            Some((SLOW, Containers::Running { ready: true, restarts }))
        }
        (Behaviour::Ready | Behaviour::Slow, Stage::Ready) if !for_ever => {
            Some((pace.pod_run, Containers::Ended { code: 0 }))
        }
        (_, Stage::Ready) => None,
        (Behaviour::Slow, _) => Some((start, Containers::Running { ready: false, restarts })),
        (_, Stage::Running) => Some((waits, Containers::Running { ready: true, restarts })),
        _ => Some((start, Containers::Running { ready: waits.is_zero(), restarts })),
    }
}

/// The beginning of a crash loop is told with these words.
fn crash_words(pod: &Value, container: &str, seconds: u64) -> String {
    let (name, namespace, uid) = (meta::name(pod), meta::namespace(pod), meta::uid(pod));
    format!(
        "back-off {seconds}s restarting failed container={container} pod={name}_{namespace}({uid})"
    )
}

/// An identifier of a container that never was.
fn container_id(pod: &Value, name: &str, restarts: i64) -> Value {
    let hash = super::template::hash(&json!([meta::uid(pod), name, restarts]), 0);
    json!(format!("embedded://{hash}"))
}
