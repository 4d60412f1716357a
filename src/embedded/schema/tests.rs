use serde_json::json;

use super::*;

fn kind(api_version: &str, kind: &str) -> Node<'static> {
    let gvk = GroupVersionKind::parse(api_version, kind);
    Schema::builtin().root(&gvk).expect("it is served")
}

/// Follows fields, and items at `[]`.
fn at<'s>(node: Node<'s>, path: &str) -> Node<'s> {
    path.split('.').fold(node, |node, step| match step {
        "[]" => node.items().expect(path),
        name => node.field(name).expect(path),
    })
}

#[test]
fn the_table_tells_how_lists_of_a_pod_are_merged() {
    let pod = kind("v1", "Pod");
    let containers = at(pod, "spec.containers");
    assert_eq!(containers.shape(), Shape::MapList);
    assert_eq!(containers.keys(), ["name".into()]);
    let merge = containers.merge().unwrap();
    assert_eq!((merge.key, merge.merge, merge.retain_keys), (Some("name"), true, false));
    let ports = at(pod, "spec.containers.[].ports");
    assert_eq!(ports.keys(), ["containerPort".into(), "protocol".into()]);
    assert_eq!(ports.key_default("protocol"), Some(&json!("TCP")));
    assert_eq!(ports.merge().unwrap().key, Some("containerPort"));
    assert_eq!(at(pod, "metadata.finalizers").shape(), Shape::SetList);
    assert_eq!(at(pod, "spec.containers.[].args").shape(), Shape::AtomicList);
    assert_eq!(at(pod, "spec.nodeSelector").shape(), Shape::AtomicMap);
    assert_eq!(at(pod, "metadata.labels").shape(), Shape::Map);
    assert!(at(pod, "spec.volumes").merge().unwrap().retain_keys);
}

#[test]
fn a_field_overrides_how_its_type_is_merged() {
    assert_eq!(at(kind("apps/v1", "Deployment"), "spec.selector").shape(), Shape::AtomicStruct);
    let volume = kind("v1", "PersistentVolume");
    assert_eq!(at(volume, "spec.claimRef").shape(), Shape::Struct);
    assert_eq!(
        at(kind("v1", "Endpoints"), "subsets.[].addresses.[].targetRef").shape(),
        Shape::AtomicStruct
    );
}
