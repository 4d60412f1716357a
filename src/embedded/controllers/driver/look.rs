//! One look: reads what a controller wants to know and asks it.

use jiff::Timestamp;
use serde_json::Value;

use super::{Driver, index::Index, routes::Key};
use crate::{
    embedded::controllers::{
        Action, Actor, Cluster, autoscaler, claims, cron_job, daemon_set, deployment, disruption,
        endpoints,
        garbage::{self, FOREGROUND, Owner},
        job,
        kubelet::{self, Known, Stage},
        namespaces::{self, Content},
        node, pods,
        read::{controller_uid, has_finalizer, text},
        replica_set, stateful_set,
    },
    object::{GroupKind, GroupVersionKind, ObjectId, meta},
};

type Answers = Vec<(Actor, Vec<Action>)>;

fn by_controllers(actions: Vec<Action>) -> Answers {
    vec![(Actor::Controllers, actions)]
}

impl<C: Cluster> Driver<C> {
    /// What is to be done about a key.
    pub(super) fn look(&mut self, key: &Key, now: Timestamp) -> Answers {
        match key {
            Key::Node => {
                let node = self.cluster.get(&node::id());
                let actions = node::reconcile(node.as_ref(), &self.settings.version, now);
                vec![(Actor::Kubelet, actions)]
            }
            Key::Garbage(id) => by_controllers(self.garbage(id).into_iter().collect()),
            Key::Owner(id) => by_controllers(self.owner(id)),
            Key::Object(id) => match self.cluster.get(id) {
                Some(object) => self.object(key, id, &object, now),
                None if id.kind == "Service" && id.group.is_empty() => {
                    let endpoints = self.cluster.get(&endpoints::endpoints_of(id));
                    by_controllers(endpoints::forget(endpoints.as_ref()))
                }
                None => Vec::new(),
            },
        }
    }

    fn object(&mut self, key: &Key, id: &ObjectId, object: &Value, now: Timestamp) -> Answers {
        let actions = match (id.group.as_str(), id.kind.as_str()) {
            ("", "Pod") => return self.pod(object, now),
            ("", "Namespace") => return by_controllers(self.namespace(object, now)),
            ("apps", "Deployment") => {
                let sets = self.claimable(object, "apps", "ReplicaSet");
                let pods = self.grandchildren(&sets);
                deployment::reconcile(object, &sets, &pods, now)
            }
            ("apps", "ReplicaSet") => {
                let failure =
                    self.failures.get(key).and_then(|failure| failure.creation.as_deref());
                replica_set::reconcile(object, &self.claimable(object, "", "Pod"), failure, now)
            }
            ("apps", "StatefulSet") => {
                let pods = self.claimable(object, "", "Pod");
                let revisions = self.children(object, "ControllerRevision");
                let claims = self.list("", "PersistentVolumeClaim", &id.namespace);
                stateful_set::reconcile(object, &pods, &revisions, &claims, now)
            }
            ("apps", "DaemonSet") => {
                let pods = self.claimable(object, "", "Pod");
                let revisions = self.children(object, "ControllerRevision");
                let node = self.cluster.get(&node::id());
                daemon_set::reconcile(object, &pods, &revisions, node.as_ref(), now)
            }
            ("batch", "Job") => {
                let pods = self.children(object, "Pod");
                job::reconcile(object, &pods, self.settings.pace.job_backoff, now)
            }
            ("batch", "CronJob") => cron_job::reconcile(object, &self.children(object, "Job"), now),
            ("autoscaling", "HorizontalPodAutoscaler") => {
                let target = self.cluster.get(&autoscaler::target(object));
                autoscaler::reconcile(object, target.as_ref(), now)
            }
            ("policy", "PodDisruptionBudget") => {
                let pods = self.list("", "Pod", &id.namespace);
                disruption::reconcile(object, &pods, |chosen| self.expected(chosen), now)
            }
            ("", "Service") => {
                let pods = self.behind(object);
                let slices = self.claimable(object, "discovery.k8s.io", "EndpointSlice");
                let endpoints = self.cluster.get(&endpoints::endpoints_of(id));
                endpoints::reconcile(object, &pods, &slices, endpoints.as_ref(), now)
            }
            ("", "PersistentVolumeClaim") => {
                let volumes = self.cluster.list(&GroupKind::new("", "PersistentVolume"), None);
                let classes = GroupKind::new("storage.k8s.io", "StorageClass");
                let classes = self.cluster.list(&classes, None);
                let in_use = meta::is_terminating(object) && self.is_used(object);
                claims::reconcile(object, &volumes, &classes, in_use)
            }
            ("", "PersistentVolume") => {
                let to = |key: &str| text(object, &format!("/spec/claimRef/{key}"));
                let claim = ObjectId::new("", "PersistentVolumeClaim", to("namespace"), to("name"));
                claims::reconcile_volume(object, self.cluster.get(&claim).as_ref())
            }
            _ => Vec::new(),
        };
        by_controllers(actions)
    }

    fn read<'i>(&self, ids: impl Iterator<Item = &'i ObjectId>) -> Vec<Value> {
        ids.filter_map(|id| self.cluster.get(id)).collect()
    }

    fn list(&self, group: &str, kind: &str, namespace: &str) -> Vec<Value> {
        self.cluster.list(&GroupKind::new(group, kind), Some(namespace))
    }

    fn children(&self, owner: &Value, kind: &str) -> Vec<Value> {
        let dependents = self.index.dependents(meta::uid(owner));
        self.read(dependents.filter(|id| id.kind == kind))
    }

    /// The objects of a kind that have this owner, and those that have none.
    fn claimable(&self, owner: &Value, group: &str, kind: &str) -> Vec<Value> {
        let uid = meta::uid(owner);
        let members = self.index.of_kind(meta::namespace(owner), group, kind);
        let ids = members.filter(|(_, head)| head.controller == uid || head.controller.is_empty());
        self.read(ids.map(|(id, _)| id))
    }

    fn grandchildren(&self, sets: &[Value]) -> Vec<Value> {
        sets.iter().flat_map(|set| self.children(set, "Pod")).collect()
    }

    /// The pods that a Service selects.
    fn behind(&self, service: &Value) -> Vec<Value> {
        let Some(id) = meta::id(service) else { return Vec::new() };
        let Some(head) = self.index.head(&id) else { return Vec::new() };
        let pods = self.index.of_kind(&id.namespace, "", "Pod").filter(|(_, pod)| {
            !head.selector.is_empty()
                && head.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        });
        self.read(pods.map(|(id, _)| id))
    }

    fn is_used(&self, claim: &Value) -> bool {
        let pods = self.list("", "Pod", meta::namespace(claim));
        let name = meta::name(claim);
        pods.iter()
            .any(|pod| !pods::is_finished(pod) && claims::of_pod(pod).any(|used| used == name))
    }

    /// How many replicas the controllers of these pods are to have.
    fn expected(&self, chosen: &[&Value]) -> i64 {
        let mut uids: Vec<&str> = chosen.iter().map(|pod| controller_uid(pod)).collect();
        let without = uids.iter().filter(|uid| uid.is_empty()).count();
        uids.retain(|uid| !uid.is_empty());
        uids.sort_unstable();
        uids.dedup();
        let mut owners: Vec<ObjectId> = Vec::new();
        for id in uids.iter().filter_map(|uid| self.index.of_uid(uid)) {
            // The Deployment says how many, not one of its ReplicaSets.
            let above = self.index.head(id).and_then(|head| self.index.of_uid(&head.controller));
            let owner = above.unwrap_or(id);
            if !owners.contains(owner) {
                owners.push(owner.clone());
            }
        }
        let without = i64::try_from(without).unwrap_or_default();
        disruption::expected(&self.read(owners.iter()), without)
    }

    fn pod(&mut self, pod: &Value, now: Timestamp) -> Answers {
        let uid = meta::uid(pod).to_owned();
        let abandoned = self.index.of_uid(controller_uid(pod)).is_none();
        if has_finalizer(pod, job::TRACKED) && abandoned {
            return by_controllers(vec![job::release(pod)]);
        }
        let stage = Stage::of(pod);
        let entry = self.stages.entry(uid.clone()).or_insert((stage, now));
        if entry.0 != stage {
            *entry = (stage, now);
        }
        let since = entry.1;
        let address = match text(pod, "/status/podIP") {
            "" => self.address(&uid),
            address => address.to_owned(),
        };
        let namespace = meta::namespace(pod);
        let has_volumes = stage != Stage::Unbound || {
            let claim = |name| {
                self.cluster.get(&ObjectId::new("", "PersistentVolumeClaim", namespace, name))
            };
            claims::all_bound(&claims::of_pod(pod).map(claim).collect::<Vec<_>>())
        };
        let node = (stage == Stage::Unbound).then(|| self.cluster.get(&node::id())).flatten();
        let pace = &self.settings.pace;
        let known = Known { since, address: &address, has_volumes, node: node.as_ref(), pace };
        vec![kubelet::reconcile(pod, &known, now)]
    }

    fn namespace(&self, namespace: &Value, now: Timestamp) -> Vec<Action> {
        let name = meta::name(namespace);
        if !namespaces::is_ending(namespace) {
            let account = self.cluster.get(&namespaces::account_of(name));
            let authority = self.cluster.get(&namespaces::authority_of(name));
            let root_ca = &self.settings.root_ca;
            return namespaces::furnish(namespace, account.as_ref(), authority.as_ref(), root_ca);
        }
        let content = |id: &ObjectId| {
            let head = self.index.head(id)?;
            Some(Content {
                id: id.clone(),
                uid: head.uid.clone(),
                terminating: head.terminating,
                finalizers: head.finalizers.clone(),
            })
        };
        let contents: Vec<Content> = self.index.members(name).filter_map(content).collect();
        namespaces::empty(namespace, &contents, now)
    }

    fn garbage(&self, id: &ObjectId) -> Option<Action> {
        let head = self.index.head(id).filter(|head| !head.terminating)?;
        let has_dependents = self.index.dependents(&head.uid).next().is_some();
        let object = self.cluster.get(id)?;
        let served = self.cluster.kinds();
        let stands = |reference: &Value| stands(&self.index, &self.cluster, &served, reference);
        garbage::reconcile(&object, stands, has_dependents)
    }

    fn owner(&self, id: &ObjectId) -> Vec<Action> {
        let Some(owner) = self.cluster.get(id) else { return Vec::new() };
        let waits = has_finalizer(&owner, garbage::ORPHAN) || has_finalizer(&owner, FOREGROUND);
        if !waits {
            return Vec::new();
        }
        let dependents = self.read(self.index.dependents(meta::uid(&owner)));
        garbage::release(&owner, &dependents)
    }
}

/// How the owner of a reference stands. One of a kind that is not served can't be told to be gone.
fn stands(index: &Index, cluster: &impl Cluster, served: &[GroupKind], reference: &Value) -> Owner {
    let Some(id) = index.of_uid(text(reference, "/uid")) else {
        let gvk = GroupVersionKind::parse(text(reference, "/apiVersion"), text(reference, "/kind"));
        let known = served.contains(&gvk.group_kind());
        return if known { Owner::Absent } else { Owner::Solid };
    };
    let ending = index.head(id).is_some_and(|head| head.terminating);
    let blocks = super::super::read::truth(reference, "/blockOwnerDeletion");
    let owner = if ending { cluster.get(id) } else { None };
    match owner {
        Some(owner) if blocks && has_finalizer(&owner, FOREGROUND) => Owner::Waiting,
        _ => Owner::Solid,
    }
}
