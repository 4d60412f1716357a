//! The resource tree of an application, from the live store alone: nothing is rendered, nothing is
//! asked of the cluster.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::observe;
use crate::{
    cluster::{Presence, Store},
    health::Child,
    object::{GroupVersionKind, LiveObject, ObjectId, meta},
};

/// One node of the resource tree: a managed object or a child of one.
#[derive(Debug, Clone)]
pub struct Node {
    /// The object.
    pub id: ObjectId,
    /// Kind with version.
    pub gvk: GroupVersionKind,
    /// `metadata.uid`.
    pub uid: String,
    /// Uid and id of the owner; `None` for managed objects.
    pub parent: Option<(String, ObjectId)>,
    /// Health status and message, when the kind has a check.
    pub health: Option<(String, String)>,
    /// `metadata.resourceVersion`, empty for children.
    pub resource_version: String,
    /// `metadata.creationTimestamp`, empty when unknown.
    pub created_at: String,
    /// Images of the pod or pod template.
    pub images: Vec<String>,
}

/// The managed objects of an application: those that it tracks, and of those that Git names and
/// others hold (`unmanaged`, as the last pass saw them) the ones that are still there. Argo CD
/// takes both for managed.
pub(crate) fn roots(
    store: &Store<Child>,
    mut tracked: Vec<Arc<LiveObject>>,
    unmanaged: Vec<Arc<LiveObject>>,
) -> Vec<Arc<LiveObject>> {
    let known: HashSet<ObjectId> = tracked.iter().map(|live| live.id.clone()).collect();
    let others = unmanaged.into_iter().filter(|seen| !known.contains(&seen.id));
    tracked.extend(others.filter_map(|seen| match store.get(&seen.id) {
        Presence::Untracked => Some(seen),
        Presence::Tracked(live) => Some(live),
        Presence::Absent | Presence::Unknown => None,
    }));
    tracked
}

/// The objects of an application in order of their ids, each followed by what is below it, in the
/// same order. An object that is below another (controllers copy tracking annotations) stands
/// there only.
pub(crate) fn nodes(store: &Store<Child>, mut tracked: Vec<Arc<LiveObject>>) -> Vec<Node> {
    tracked.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let below: Vec<Vec<Arc<Child>>> =
        tracked.iter().map(|live| store.children(&live.uid)).collect();
    let owned: HashSet<String> =
        below.iter().flatten().map(|child| child.uid.to_string()).collect();
    let mut shown: HashSet<Box<str>> = HashSet::new();
    let mut nodes = Vec::new();
    for (live, mut children) in tracked.iter().zip(below) {
        if live.has_owner && owned.contains(&live.uid) {
            continue;
        }
        children.retain(|child| shown.insert(child.uid.clone()));
        children.sort_unstable_by(|a, b| (&a.id, &a.uid).cmp(&(&b.id, &b.uid)));
        let known: HashMap<&str, &ObjectId> = children
            .iter()
            .map(|child| (&*child.uid, &child.id))
            .chain([(live.uid.as_str(), &live.id)])
            .collect();
        nodes.push(root(store, live));
        nodes.extend(children.iter().map(|child| below_root(child, &known)));
    }
    nodes
}

fn root(store: &Store<Child>, live: &LiveObject) -> Node {
    let value = live.value();
    let health = observe::assess(store, live);
    Node {
        id: live.id.clone(),
        gvk: live.gvk.clone(),
        uid: live.uid.clone(),
        parent: None,
        health: health.map(|health| (health.status.as_str().to_owned(), health.message)),
        resource_version: live.resource_version.clone(),
        created_at: meta::text(&value, "creationTimestamp").to_owned(),
        images: observe::images(&live.body).into_iter().collect(),
    }
}

fn below_root(child: &Child, known: &HashMap<&str, &ObjectId>) -> Node {
    let owner = &*child.owner;
    let health = child.health.as_ref();
    Node {
        id: child.id.clone(),
        gvk: GroupVersionKind {
            group: child.id.group.clone(),
            version: child.version.to_string(),
            kind: child.id.kind.clone(),
        },
        uid: child.uid.to_string(),
        parent: known.get(owner).map(|id| (owner.to_owned(), (*id).clone())),
        health: health.map(|health| (health.status.as_str().to_owned(), health.message.clone())),
        resource_version: String::new(),
        created_at: child.created_at.to_string(),
        images: child.images.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        cluster::fake::Server,
        object::{GroupKind, Packed, tracking},
    };

    fn object(api: &str, kind: &str, name: &str, uid: &str, owner: Option<(&str, &str)>) -> Value {
        let mut object = json!({"apiVersion": api, "kind": kind,
            "metadata": {"name": name, "namespace": "n", "uid": uid, "resourceVersion": "7"}});
        if let Some((kind, uid)) = owner {
            object["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1",
                "kind": kind, "name": "x", "uid": uid, "controller": true}]);
        }
        object
    }

    fn track(mut object: Value) -> Value {
        let id = meta::id(&object).unwrap();
        object["metadata"]["annotations"] =
            json!({tracking::ANNOTATION: format!("shop:{}/{}:n/{}", id.group, id.kind, id.name)});
        object
    }

    fn seen(object: &Value) -> Arc<LiveObject> {
        Arc::new(LiveObject {
            id: meta::id(object).unwrap(),
            gvk: meta::gvk(object).unwrap(),
            uid: meta::uid(object).to_owned(),
            resource_version: "7".to_owned(),
            app: None,
            body: Packed::of(object),
            own: None,
            others: None,
            has_owner: false,
            terminating: false,
            digests: std::sync::OnceLock::new(),
        })
    }

    #[tokio::test]
    async fn what_git_names_is_in_the_tree_although_it_carries_no_tracking_id() {
        let store = Store::new(Server::default().cluster(), Child::reduce, |_| {});
        let kinds = [GroupKind::new("apps", "Deployment"), GroupKind::new("", "ConfigMap")];
        store.need("shop", BTreeSet::from(kinds));
        let web = object("apps/v1", "Deployment", "web", "d1", None);
        let mut other = object("v1", "ConfigMap", "other", "c2", None);
        let gone = object("v1", "ConfigMap", "gone", "c3", None);
        let unmanaged = [&web, &other, &gone].map(seen).to_vec();
        other["metadata"]["annotations"] =
            json!({tracking::ANNOTATION: "depot:/ConfigMap:n/other"});
        for object in [
            track(object("v1", "ConfigMap", "settings", "c1", None)),
            web,
            other,
            object("apps/v1", "ReplicaSet", "web-1", "r1", Some(("Deployment", "d1"))),
        ] {
            store.observe(&object);
        }
        let roots = roots(&store, store.tracked("shop"), unmanaged);
        let shown: Vec<_> = nodes(&store, roots).into_iter().map(|node| node.uid).collect();
        assert_eq!(shown, ["c2", "c1", "d1", "r1"]);
    }

    #[tokio::test]
    async fn the_tree_is_in_the_same_order_whatever_the_order_of_events() {
        let objects = [
            track(object("apps/v1", "Deployment", "web", "d1", None)),
            track(object("v1", "ConfigMap", "settings", "c1", None)),
            // A controller that copies the annotations of the owner to what it makes.
            track(object("apps/v1", "ReplicaSet", "web-1", "r1", Some(("Deployment", "d1")))),
            object("v1", "Pod", "web-1-b", "a-pod", Some(("ReplicaSet", "r1"))),
            object("v1", "Pod", "web-1-a", "b-pod", Some(("ReplicaSet", "r1"))),
        ];
        for turn in 0..objects.len() {
            let store = Store::new(Server::default().cluster(), Child::reduce, |_| {});
            let kinds = [GroupKind::new("apps", "Deployment"), GroupKind::new("", "ConfigMap")];
            store.need("shop", BTreeSet::from(kinds));
            for object in objects[turn..].iter().chain(&objects[..turn]) {
                store.observe(object);
            }
            let nodes = nodes(&store, store.tracked("shop"));
            let seen: Vec<_> = nodes
                .iter()
                .map(|node| {
                    let parent = node.parent.as_ref().map(|(uid, id)| (uid.as_str(), &*id.name));
                    (node.gvk.kind.as_str(), node.id.name.as_str(), parent)
                })
                .collect();
            assert_eq!(
                seen,
                [
                    ("ConfigMap", "settings", None),
                    ("Deployment", "web", None),
                    ("Pod", "web-1-a", Some(("r1", "web-1"))),
                    ("Pod", "web-1-b", Some(("r1", "web-1"))),
                    ("ReplicaSet", "web-1", Some(("d1", "web"))),
                ],
                "objects from number {turn} on"
            );
        }
    }
}
