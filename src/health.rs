//! Stage 5: how well an object is doing.
//!
//! In goes one live object and the few facts known about its children; out comes a [`Health`] with
//! the reason in words. Nothing here reads a clock, a network or a disk, and no input makes it
//! fail: whatever an object lacks reads as absent.
//!
//! Rule: the health checks of Argo CD (`gitops-engine/pkg/health`), first match wins. Where a rule
//! of ours gives another answer, its doc comment says so ("Argo CD differs").

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object::meta;

mod aggregate;
mod batch;
mod child;
mod definition;
pub mod lua;
mod network;
mod pod;
mod progress;
mod read;
mod scaling;
mod storage;
mod trouble;
mod workload;

pub use aggregate::{Part, aggregate, counts};
pub use child::{Child, Phase, PodFacts};
pub use definition::is_established;
pub use progress::progress;
pub use trouble::Trouble;

/// The finalizer that keeps a finished hook until its result was read. Such a hook is judged by
/// its result although its deletion was asked for.
const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// How well an object is doing; the order is that of aggregation, worst last.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum HealthStatus {
    /// It does what it should.
    #[default]
    Healthy,
    /// Somebody told it to wait.
    Suspended,
    /// Not there yet, and may get there by itself.
    Progressing,
    /// Git names it and the cluster does not have it.
    Missing,
    /// It failed, or can't get there without somebody acting.
    Degraded,
    /// It can't be told.
    Unknown,
}

impl HealthStatus {
    /// The word for it, as in an Application's status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }

    /// Reads the word back; `None` for anything else.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Healthy,
            Self::Suspended,
            Self::Progressing,
            Self::Missing,
            Self::Degraded,
            Self::Unknown,
        ];
        all.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A verdict about one object, or about an application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Health {
    /// How well it is doing.
    pub status: HealthStatus,
    /// Why, in words; empty when there is nothing to add.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Health {
    /// Builds the pair.
    pub fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn healthy() -> Self {
        Self::default()
    }

    fn progressing(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Progressing, message)
    }

    fn degraded(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Degraded, message)
    }
}

/// The health of an object by the built-in rules; `None` for a kind without a rule.
///
/// `children` are the known descendants of the object, at any depth and in any order; others in
/// the list do no harm. They never change the status. They give the reason: a workload whose pods
/// can't start says which and why as soon as that is known, not at its progress deadline.
///
/// The status stays what Argo CD would say, [`HealthStatus::Progressing`] until the deadline, also
/// when pods crash: an image that is still being pushed, a node that is still being added and a
/// database that is still starting all heal by themselves, and a sync gives up on an object that
/// is Degraded.
pub fn assess(object: &Value, children: &[&Child]) -> Option<Health> {
    pending_deletion(object).or_else(|| built_in(object, children))
}

/// The verdict about an object whose deletion was asked for; it comes before every other check,
/// scripts included, and holds for every kind.
pub fn pending_deletion(object: &Value) -> Option<Health> {
    if !meta::is_terminating(object) {
        return None;
    }
    let finalizers: Vec<&str> = read::list(object, "/metadata/finalizers")
        .iter()
        .filter_map(Value::as_str)
        .take(trouble::NAMED_MAX)
        .collect();
    match finalizers.as_slice() {
        [] => Some(Health::progressing("Pending deletion")),
        held if held.contains(&HOOK_FINALIZER) => None,
        held => Some(Health::progressing(format!("Pending deletion, held by {}", held.join(", ")))),
    }
}

/// Whether objects of a kind have a health of their own while nobody deletes them. Of the others
/// there is nothing to be read.
pub fn is_judged(group: &str, kind: &str) -> bool {
    rule(group, kind).is_some()
}

fn built_in(object: &Value, children: &[&Child]) -> Option<Health> {
    let gvk = meta::gvk(object)?;
    rule(&gvk.group, &gvk.kind).map(|rule| rule(object, children))
}

type Rule = fn(&Value, &[&Child]) -> Health;

fn rule(group: &str, kind: &str) -> Option<Rule> {
    let rule: Rule = match (group, kind) {
        ("apps", "Deployment") => workload::deployment,
        ("apps", "StatefulSet") => workload::stateful_set,
        ("apps", "DaemonSet") => workload::daemon_set,
        ("apps", "ReplicaSet") => workload::replica_set,
        ("", "Pod") => |object, _| pod::pod(object),
        ("batch", "Job") => batch::job,
        ("batch", "CronJob") => |object, _| batch::cron_job(object),
        ("argoproj.io", "Workflow") => |object, _| batch::workflow(object),
        ("", "PersistentVolumeClaim") => |object, _| storage::claim(object),
        ("", "Service") => |object, _| network::service(object),
        ("networking.k8s.io" | "extensions", "Ingress") => |object, _| network::ingress(object),
        ("autoscaling", "HorizontalPodAutoscaler") => |object, _| scaling::autoscaler(object),
        ("apiregistration.k8s.io", "APIService") => |object, _| definition::api_service(object),
        _ => return None,
    };
    Some(rule)
}

#[cfg(test)]
mod tests;
