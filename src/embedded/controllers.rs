//! What makes workloads move: the controllers of a control plane and a kubelet that only pretends.
//!
//! Each controller is a pure function in a file of its own: objects and the time go in, [`Action`]s
//! come out. It takes no hint about what changed, so that it may be asked at any time and any number
//! of times; asked again when nothing is left to do, it answers nothing. The driver asks when the
//! store tells of a change or when a time comes, one question at a time, and performs the answers.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::object::ObjectId;

mod autoscaler;
mod claims;
mod cluster;
mod condition;
mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
mod driver;
mod endpoints;
mod garbage;
mod history;
mod job;
mod kubelet;
mod namespaces;
mod node;
mod pods;
mod read;
mod replica_set;
mod schedule;
mod selector;
mod served;
mod stateful_set;
mod template;
#[cfg(test)]
mod testing;

pub use self::served::control;
use self::{
    cluster::{Cluster, Fault, Feed, Told},
    driver::{Settings, run},
};

/// Who writes: the field managers of a real control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// `kube-controller-manager`.
    Controllers,
    /// `kube-scheduler`.
    Scheduler,
    /// `kubelet`.
    Kubelet,
}

impl Actor {
    /// The name under which its fields are recorded.
    pub(crate) fn manager(self) -> &'static str {
        match self {
            Self::Controllers => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
        }
    }
}

/// What becomes of the dependents of an object that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
}

/// What a controller wants done. A failure means that the rest is left and looked at again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Makes an object and says so; `{}` in the message stands for its name.
    Create { object: Value, announce: Option<Event> },
    /// Writes an object if it still has this `resourceVersion`.
    Update(Value),
    /// Writes its status, by the subresource.
    UpdateStatus(Value),
    /// Sets the number of replicas, by the subresource `scale`.
    Scale { id: ObjectId, replicas: i64 },
    /// Assigns a pod to a node, by the subresource `binding`.
    Bind { pod: ObjectId, node: &'static str },
    /// Writes the finalizers of a namespace, by the subresource `finalize`.
    Finalize(Value),
    /// Deletes an object if it still has this uid. `at_once` skips the grace period.
    Delete { id: ObjectId, uid: String, propagation: Propagation, at_once: bool },
    /// Tells of something that happened.
    Tell(Event),
    /// Asks again at that time.
    WakeAt(Timestamp),
}

impl Action {
    /// Makes an object without a word.
    fn create(object: Value) -> Self {
        Self::Create { object, announce: None }
    }

    /// Deletes an object as a controller does by default.
    fn delete(object: &Value) -> Option<Self> {
        Some(Self::Delete {
            id: crate::object::meta::id(object)?,
            uid: crate::object::meta::uid(object).to_owned(),
            propagation: Propagation::Background,
            at_once: false,
        })
    }
}

/// Something that happened to an object, for `kubectl describe`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// `involvedObject`.
    pub(crate) about: Value,
    /// The part of the control plane that tells it, for example `deployment-controller`.
    pub(crate) source: &'static str,
    /// Normal, or a warning.
    pub(crate) is_warning: bool,
    /// A word in CamelCase.
    pub(crate) reason: String,
    /// A sentence.
    pub(crate) message: String,
}

impl Event {
    fn normal(about: &Value, source: &'static str, reason: &str, message: String) -> Self {
        let about = reference(about);
        Self { about, source, is_warning: false, reason: reason.to_owned(), message }
    }

    fn warning(about: &Value, source: &'static str, reason: &str, message: String) -> Self {
        Self { is_warning: true, ..Self::normal(about, source, reason, message) }
    }

    /// Points at one container of a pod.
    fn of_container(mut self, container: &str) -> Self {
        self.about["fieldPath"] = Value::from(format!("spec.containers{{{container}}}"));
        self
    }
}

/// A reference to an object, as events and lists of active jobs have it.
fn reference(object: &Value) -> Value {
    use crate::object::meta;
    let mut reference = serde_json::json!({
        "apiVersion": read::text(object, "/apiVersion"), "kind": read::text(object, "/kind"),
        "name": meta::name(object), "uid": meta::uid(object),
        "resourceVersion": meta::resource_version(object),
    });
    if !meta::namespace(object).is_empty() {
        reference["namespace"] = Value::from(meta::namespace(object));
    }
    reference
}

/// How fast the pretended world turns.
#[derive(Debug, Clone)]
pub struct Pace {
    /// From being bound until containers run.
    pub pod_start: Duration,
    /// From being told to stop until it is gone.
    pub pod_stop: Duration,
    /// How long a container runs that comes to an end by itself.
    pub pod_run: Duration,
    /// The most that `initialDelaySeconds` of a readiness probe delays.
    pub readiness_max: Duration,
    /// Before a crashed container is started for the first time; doubles with each crash.
    pub crash_backoff: Duration,
    /// Before a failed pod of a Job is replaced for the first time; doubles with each failure.
    pub job_backoff: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pod_start: Duration::from_millis(300),
            pod_stop: Duration::from_millis(200),
            pod_run: Duration::from_millis(500),
            readiness_max: Duration::from_secs(5),
            crash_backoff: Duration::from_secs(10),
            job_backoff: Duration::from_secs(10),
        }
    }
}
