use serde_json::json;

use super::*;

fn list(value: serde_json::Value) -> APIGroupDiscoveryList {
    serde_json::from_value(value).unwrap()
}

fn apps(freshness: &str, resources: &serde_json::Value) -> APIGroupDiscoveryList {
    list(json!({"items": [{"metadata": {"name": "apps"}, "versions": [
        {"version": "v1", "freshness": freshness, "resources": resources},
        {"version": "v1beta1", "freshness": "Current", "resources": [
            {"resource": "deployments", "scope": "Namespaced", "verbs": ["get"],
             "responseKind": {"group": "", "version": "", "kind": "Deployment"}}]}]}]}))
}

fn deployments() -> serde_json::Value {
    json!([{"resource": "deployments", "scope": "Namespaced", "verbs": ["list", "watch"],
        "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "subresources": [{"subresource": "scale", "verbs": ["get"]}]}])
}

fn deployment() -> GroupVersionKind {
    GroupVersionKind::parse("apps/v1", "Deployment")
}

#[test]
fn the_first_version_of_a_kind_is_the_preferred_one() {
    let mut table = KindTable::default();
    table.add(&apps("Current", &deployments()), &KindTable::default());
    let preferred = table.preferred(&deployment().group_kind()).unwrap();
    assert_eq!(preferred.gvk.version, "v1");
    assert!(preferred.allows("watch") && !preferred.allows("delete"));
    assert_eq!(preferred.subresources, ["scale"]);
    let mut versions = table.versions(&deployment().group_kind());
    versions.sort_unstable();
    assert_eq!(versions, ["v1", "v1beta1"]);
}

#[test]
fn a_server_that_does_not_answer_takes_no_kinds_away() {
    let mut before = KindTable::default();
    before.add(&apps("Current", &deployments()), &KindTable::default());
    let mut table = KindTable::default();
    table.add(&apps("Stale", &json!([])), &before);
    assert!(table.get(&deployment()).is_some());
    assert!(table.is_stale(&deployment()));
    assert_eq!(table.preferred(&deployment().group_kind()).unwrap().gvk.version, "v1");
}

#[test]
fn paths_follow_group_and_scope() {
    let mut table = KindTable::default();
    table.add(&apps("Current", &deployments()), &KindTable::default());
    let info = table.get(&deployment()).unwrap();
    let id = ObjectId::new("apps", "Deployment", "shop", "web");
    assert_eq!(info.object(&id), "/apis/apps/v1/namespaces/shop/deployments/web");
    assert_eq!(info.collection(""), "/apis/apps/v1/deployments");
    let node = KindInfo {
        gvk: GroupVersionKind::parse("v1", "Node"),
        plural: "nodes".into(),
        namespaced: false,
        verbs: Vec::new(),
        subresources: Vec::new(),
    };
    assert_eq!(node.object(&ObjectId::new("", "Node", "", "a")), "/api/v1/nodes/a");
}
