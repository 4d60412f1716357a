//! The few facts that are kept about an object's children.

use serde_json::Value;

use super::{Health, Trouble, assess, pod, read, trouble};
use crate::object::{ObjectId, meta};

/// Containers whose image is kept.
const IMAGES_MAX: usize = 16;

/// A ReplicaSet, Pod, Job or other object with an owner, reduced to what is asked about it: the
/// tree of an application, and why its owner does not get healthy. A few hundred bytes instead of
/// the ten thousand of a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Identity.
    pub id: ObjectId,
    /// API version in which it was read, without the group.
    pub version: Box<str>,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// Uid of the managing controller, or of the first owner when none is managing.
    pub owner: Box<str>,
    /// `metadata.creationTimestamp`, empty when unknown.
    pub created_at: Box<str>,
    /// Which revision of its owner's template it was made from: `controller-revision-hash`, else
    /// `pod-template-hash`; empty when it carries neither.
    pub revision: Box<str>,
    /// The number of that revision: of a ReplicaSet `deployment.kubernetes.io/revision`, of a pod of
    /// a DaemonSet `pod-template-generation`; else 0.
    pub revision_number: u64,
    /// True once its deletion was asked for.
    pub terminating: bool,
    /// Its own health; `None` for kinds without a check.
    pub health: Option<Health>,
    /// Images of the containers.
    pub images: Box<[Box<str>]>,
    /// What is known about a Pod; `None` for other kinds.
    pub pod: Option<Box<PodFacts>>,
}

/// What is kept of a Pod's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    /// Where it is in its life.
    pub phase: Phase,
    /// True when it takes traffic.
    pub ready: bool,
    /// True once a node was found.
    pub scheduled: bool,
    /// Restarts of all containers.
    pub restarts: u32,
    /// Why it can't start; empty when nothing is in its way.
    pub troubles: Box<[Trouble]>,
    /// Why it failed, for a failed pod: its message or the exit code of a container.
    pub failure: Box<str>,
}

/// `status.phase` of a Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers were started.
    Pending,
    /// It runs.
    Running,
    /// All containers ended well.
    Succeeded,
    /// A container failed and is not started again.
    Failed,
    /// Its node can't be reached, or it has no status yet.
    Unknown,
}

impl Child {
    /// Keeps the facts; `None` for an object without owner or without identity.
    pub fn reduce(object: &Value) -> Option<Self> {
        let gvk = meta::gvk(object)?;
        let owners = meta::owners(object);
        let owner = owners.iter().find(|owner| owner.controller).or_else(|| owners.first())?;
        let is_pod = gvk.group.is_empty() && gvk.kind == "Pod";
        let revision = ["controller-revision-hash", "pod-template-hash"]
            .iter()
            .find_map(|key| meta::label(object, key))
            .unwrap_or_default();
        let revision_number = meta::annotation(object, "deployment.kubernetes.io/revision")
            .or_else(|| meta::label(object, "pod-template-generation"))
            .and_then(|number| number.parse().ok())
            .unwrap_or_default();
        Some(Self {
            id: meta::id(object)?,
            version: gvk.version.into(),
            uid: meta::uid(object).into(),
            owner: owner.uid.as_str().into(),
            created_at: meta::text(object, "creationTimestamp").into(),
            revision: revision.into(),
            revision_number,
            terminating: meta::is_terminating(object),
            health: assess(object, &[]),
            images: images(object),
            pod: is_pod.then(|| Box::new(PodFacts::reduce(object))),
        })
    }

    /// True when the object with this uid owns it. Objects without a uid own nothing.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        !uid.is_empty() && &*self.owner == uid
    }
}

impl PodFacts {
    fn reduce(object: &Value) -> Self {
        let phase = match read::text(object, "/status/phase") {
            "Pending" => Phase::Pending,
            "Running" => Phase::Running,
            "Succeeded" => Phase::Succeeded,
            "Failed" => Phase::Failed,
            _ => Phase::Unknown,
        };
        let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
        let restarts = statuses
            .iter()
            .flat_map(|pointer| read::list(object, pointer))
            .map(|status| u32::try_from(read::count(status, "/restartCount")).unwrap_or_default())
            .fold(0, u32::saturating_add);
        let failure = if phase == Phase::Failed { pod::failure(object) } else { String::new() };
        Self {
            phase,
            ready: pod::is_ready(object),
            scheduled: read::condition(object, "PodScheduled").is_some_and(|c| c.is_true()),
            restarts,
            troubles: trouble::of_pod(object).into(),
            failure: failure.into(),
        }
    }
}

/// The images of a pod or of a pod template.
fn images(object: &Value) -> Box<[Box<str>]> {
    let spec = ["/spec/template/spec", "/spec"].iter().find_map(|pointer| {
        object.pointer(pointer).filter(|spec| spec.get("containers").is_some())
    });
    let Some(spec) = spec else { return Box::default() };
    ["/initContainers", "/containers"]
        .iter()
        .flat_map(|pointer| read::list(spec, pointer))
        .map(|container| read::text(container, "/image"))
        .filter(|image| !image.is_empty())
        .take(IMAGES_MAX)
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests;
