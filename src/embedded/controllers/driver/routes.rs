//! Whom a change concerns.

use super::{heads::Head, index::Index};
use crate::object::ObjectId;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    /// The node.
    Node,
    /// An object, by the controller of its kind.
    Object(ObjectId),
    /// An object, for whether its owners are still there.
    Garbage(ObjectId),
    /// An object that is being deleted, for whether its dependents are still there.
    Owner(ObjectId),
}

/// Kinds with a controller of their own.
const LOOKED_AT: [(&str, &str); 14] = [
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("", "Pod"),
    ("", "Service"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("policy", "PodDisruptionBudget"),
    ("discovery.k8s.io", "EndpointSlice"),
];

/// What to look at after the change of an object. The index has the new state; `before` is the old
/// one.
pub(super) fn keys(index: &Index, id: &ObjectId, before: Option<&Head>) -> Vec<Key> {
    if id.kind == "Event" {
        return Vec::new();
    }
    let after = index.head(id);
    let mut keys = Vec::new();
    if LOOKED_AT.contains(&(id.group.as_str(), id.kind.as_str())) {
        keys.push(Key::Object(id.clone()));
    }
    keys.extend(of_owners(index, id, before, after));
    keys.extend(of_namespace(index, id, before, after));
    let mut object = |id: &ObjectId| keys.push(Key::Object(id.clone()));
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Pod") => of_pod(index, id, before, after).iter().for_each(object),
        ("apps", "ReplicaSet" | "Deployment" | "StatefulSet") => {
            let scalers = index.of_kind(&id.namespace, "autoscaling", "HorizontalPodAutoscaler");
            scalers.for_each(|(id, _)| object(id));
            if id.kind == "ReplicaSet" && is_stray(before, after) {
                let owners = index.of_kind(&id.namespace, "apps", "Deployment");
                owners.for_each(|(id, _)| object(id));
            }
        }
        ("", "PersistentVolumeClaim") => {
            [before, after]
                .into_iter()
                .flatten()
                .filter_map(Head::partner_id)
                .for_each(|id| object(&id));
            let waiting = index.of_kind(&id.namespace, "", "Pod").filter(|(_, pod)| pod.waits);
            waiting.for_each(|(id, _)| object(id));
        }
        ("", "PersistentVolume") | ("storage.k8s.io", "StorageClass") => {
            [before, after]
                .into_iter()
                .flatten()
                .filter_map(Head::partner_id)
                .for_each(|id| object(&id));
            let claims = index.everywhere("", "PersistentVolumeClaim");
            claims.filter(|(_, claim)| claim.waits).for_each(|(id, _)| object(id));
        }
        ("", "Endpoints") => object(&ObjectId::new("", "Service", &id.namespace, &id.name)),
        ("", "Node") => {
            let pods = index.everywhere("", "Pod").filter(|(_, pod)| pod.waits);
            let daemons = index.everywhere("apps", "DaemonSet");
            pods.chain(daemons).for_each(|(id, _)| object(id));
            keys.push(Key::Node);
        }
        _ => {}
    }
    keys
}

/// True for an object that nobody manages now, or nobody did.
fn is_stray(before: Option<&Head>, after: Option<&Head>) -> bool {
    let lost = |head: &Head| head.controller.is_empty();
    let changed = before.map(|head| (&head.labels, &head.controller))
        != after.map(|head| (&head.labels, &head.controller));
    after.is_some_and(lost) && changed
}

fn of_pod(
    index: &Index,
    id: &ObjectId,
    before: Option<&Head>,
    after: Option<&Head>,
) -> Vec<ObjectId> {
    let mut found = Vec::new();
    for (service, head) in index.of_kind(&id.namespace, "", "Service") {
        let behind = |pod: &Head| {
            !head.selector.is_empty()
                && head.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        };
        if before.is_some_and(behind) || after.is_some_and(behind) {
            found.push(service.clone());
        }
    }
    let budgets = index.of_kind(&id.namespace, "policy", "PodDisruptionBudget");
    found.extend(budgets.map(|(id, _)| id.clone()));
    if is_stray(before, after) {
        for (group, kind) in
            [("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("apps", "DaemonSet")]
        {
            found.extend(index.of_kind(&id.namespace, group, kind).map(|(id, _)| id.clone()));
        }
    }
    if after.is_none() {
        // A rollout that recreates waits for the last pod, not for its ReplicaSet only.
        let set = before.and_then(|head| index.head(index.of_uid(&head.controller)?));
        found.extend(set.and_then(|set| index.of_uid(&set.controller)).cloned());
        let claims = index.of_kind(&id.namespace, "", "PersistentVolumeClaim");
        found.extend(claims.filter(|(_, claim)| claim.terminating).map(|(id, _)| id.clone()));
    }
    found
}

/// The owners and the dependents of an object.
fn of_owners(
    index: &Index,
    id: &ObjectId,
    before: Option<&Head>,
    after: Option<&Head>,
) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut owners: Vec<&String> = Vec::new();
    for head in [before, after].into_iter().flatten() {
        let managed = index.of_uid(&head.controller).cloned();
        keys.extend(managed.map(Key::Object));
        owners.extend(&head.owners);
    }
    for owner in owners.into_iter().filter_map(|uid| index.of_uid(uid)) {
        if index.head(owner).is_some_and(|head| head.terminating) {
            keys.push(Key::Owner(owner.clone()));
        }
    }
    let owned = after.is_some_and(|after| {
        !after.owners.is_empty() && before.map(|head| &head.owners) != Some(&after.owners)
    });
    if owned {
        keys.push(Key::Garbage(id.clone()));
    }
    let ends = after.is_none_or(|head| head.terminating);
    let replaced = before.is_some_and(|before| after.is_some_and(|head| head.uid != before.uid));
    if ends || replaced {
        let uids = [before, after].into_iter().flatten().map(|head| &head.uid);
        let dependents = uids.flat_map(|uid| index.dependents(uid));
        keys.extend(dependents.map(|id| Key::Garbage(id.clone())));
    }
    if ends && after.is_some() {
        keys.push(Key::Owner(id.clone()));
    }
    keys
}

/// The namespace, when it goes away or misses something.
fn of_namespace(
    index: &Index,
    id: &ObjectId,
    before: Option<&Head>,
    after: Option<&Head>,
) -> Option<Key> {
    if id.namespace.is_empty() {
        return None;
    }
    let namespace = ObjectId::new("", "Namespace", "", &id.namespace);
    let ending = index.head(&namespace).is_some_and(|head| head.terminating);
    let furniture = matches!(
        (id.kind.as_str(), id.name.as_str()),
        ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt")
    );
    let came_or_went = before.is_none() != after.is_none();
    (furniture || (ending && came_or_went)).then_some(Key::Object(namespace))
}
