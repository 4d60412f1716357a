//! The shapes, read back as Argo CD's clients read them.

use serde::Deserialize;

use super::*;
use crate::object::GroupVersionKind;

/// What its Go client and its page take from an item of managed-resources.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceDiff {
    group: String,
    kind: String,
    namespace: String,
    name: String,
    target_state: String,
    live_state: String,
    normalized_live_state: String,
    predicted_live_state: String,
    resource_version: String,
    modified: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceNode {
    group: String,
    version: String,
    kind: String,
    namespace: String,
    name: String,
    uid: String,
    #[serde(default)]
    parent_refs: Vec<ResourceRef>,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    images: Vec<String>,
    health: Option<Health>,
    created_at: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct ResourceRef {
    group: String,
    kind: String,
    namespace: String,
    name: String,
    uid: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Health {
    status: String,
    #[serde(default)]
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApplicationTree {
    nodes: Vec<ResourceNode>,
    orphaned_nodes: Vec<ResourceNode>,
    hosts: Vec<Value>,
}

fn secret(password: &str) -> Arc<Value> {
    Arc::new(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "db", "namespace": "shop", "resourceVersion": "9"},
        "data": {"password": password},
    }))
}

fn managed_secret(target: Option<&str>, live: Option<&str>) -> ManagedResource {
    ManagedResource {
        id: ObjectId::new("", "Secret", "shop", "db"),
        gvk: GroupVersionKind::parse("v1", "Secret"),
        target: target.map(secret),
        live: live.map(secret),
        predicted: target.map(secret),
    }
}

fn parsed(resource: &ManagedResource) -> (ResourceDiff, Value, Value) {
    let diff: ResourceDiff = serde_json::from_value(managed(resource)).unwrap();
    let (target, live) =
        (serde_json::from_str(&diff.target_state), serde_json::from_str(&diff.live_state));
    (diff, target.unwrap(), live.unwrap())
}

#[test]
fn states_are_json_in_strings_and_no_secret_is_in_them() {
    let (diff, target, live) = parsed(&managed_secret(Some("aHVudGVyMg=="), Some("c2VjcmV0")));
    assert_eq!((diff.kind.as_str(), diff.resource_version.as_str()), ("Secret", "9"));
    assert!(diff.modified);
    assert_ne!(target["data"]["password"], live["data"]["password"], "that it differs is seen");
    let text = format!("{diff:?}");
    assert!(!text.contains("aHVudGVy") && !text.contains("c2VjcmV0"), "{text}");
    let (diff, target, live) = parsed(&managed_secret(Some("c2VjcmV0"), Some("c2VjcmV0")));
    assert_eq!(target["data"], live["data"]);
    assert!(!diff.modified);
}

#[test]
fn an_object_that_is_not_there_is_null() {
    let (diff, _, live) = parsed(&managed_secret(Some("c2VjcmV0"), None));
    assert_eq!((live, diff.resource_version.as_str(), diff.modified), (Value::Null, "", true));
    let (diff, target, _) = parsed(&managed_secret(None, Some("c2VjcmV0")));
    assert_eq!((target, diff.modified), (Value::Null, true));
}

#[test]
fn manifests_show_no_secret() {
    let shown = masked(&secret("aHVudGVyMg=="));
    assert!(shown.contains("\"password\":\"+") && !shown.contains("aHVudGVy"), "{shown}");
}

#[test]
fn a_tree_names_owners_health_and_images() {
    let parent = ObjectId::new("apps", "ReplicaSet", "shop", "web-1");
    let pod = Node {
        id: ObjectId::new("", "Pod", "shop", "web-1-x"),
        gvk: GroupVersionKind::parse("v1", "Pod"),
        uid: "u-2".into(),
        parent: Some(("u-1".into(), parent.clone())),
        health: Some(("Degraded".into(), "ImagePullBackOff".into())),
        resource_version: String::new(),
        created_at: "2026-01-01T00:00:00Z".into(),
        images: vec!["nginx:1".into()],
    };
    let set = Node {
        id: parent,
        gvk: GroupVersionKind::parse("apps/v1", "ReplicaSet"),
        uid: "u-1".into(),
        parent: None,
        health: None,
        resource_version: "5".into(),
        created_at: String::new(),
        images: Vec::new(),
    };
    let nodes = [pod, set];
    let read = |filter: &ObjectFilter| -> ApplicationTree {
        serde_json::from_value(tree(&nodes, filter)).unwrap()
    };
    let tree = read(&ObjectFilter::default());
    assert!(tree.orphaned_nodes.is_empty() && tree.hosts.is_empty());
    let [pod, set] = &tree.nodes[..] else { panic!("{tree:?}") };
    let id = (pod.group.as_str(), pod.version.as_str(), pod.kind.as_str(), pod.name.as_str());
    assert_eq!(id, ("", "v1", "Pod", "web-1-x"));
    assert_eq!((pod.namespace.as_str(), pod.uid.as_str()), ("shop", "u-2"));
    assert_eq!(
        (pod.parent_refs[0].uid.as_str(), pod.parent_refs[0].kind.as_str()),
        ("u-1", "ReplicaSet")
    );
    let health = Health { status: "Degraded".into(), message: "ImagePullBackOff".into() };
    assert_eq!((pod.health.as_ref(), pod.images.len()), (Some(&health), 1));
    assert_eq!(pod.created_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert!(set.parent_refs.is_empty() && set.health.is_none() && set.resource_version == "5");
    let only = read(&ObjectFilter::parse(&Query::parse("kind=ReplicaSet&group=apps")));
    assert_eq!(only.nodes.len(), 1);
}
