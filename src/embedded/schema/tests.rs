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

#[test]
fn what_go_would_not_decode_is_named_as_go_names_it() {
    let deployment = |spec: Value| json!({"metadata": {"name": "web"}, "spec": spec});
    let container =
        |container: Value| deployment(json!({"template": {"spec": {"containers": [container]}}}));
    let in_go = "json: cannot unmarshal";
    let field = "into Go struct field";
    let table = [
        (
            deployment(json!({"replicas": 1, "strategy": {"rollingUpdate": {"maxSurge": "1"}}})),
            None,
        ),
        (
            deployment(json!({"replicas": "1"})),
            Some(format!("{in_go} string {field} DeploymentSpec.spec.replicas of type int32")),
        ),
        (
            deployment(json!({"replicas": 3_000_000_000_u32})),
            Some(format!(
                "{in_go} number 3000000000 {field} DeploymentSpec.spec.replicas of type int32"
            )),
        ),
        (
            json!({"metadata": {"labels": {"a": 1}}}),
            Some(format!("{in_go} number {field} ObjectMeta.metadata.labels of type string")),
        ),
        (
            container(json!({"image": {}})),
            Some(format!(
                "{in_go} object {field} Container.spec.template.spec.containers.image of type string"
            )),
        ),
        (
            container(json!({"ports": "80"})),
            Some(format!(
                "{in_go} string {field} Container.spec.template.spec.containers.ports of type \
                 []v1.ContainerPort"
            )),
        ),
        (
            container(json!({"livenessProbe": {"httpGet": {"port": true}}})),
            Some(format!(
                "{in_go} bool {field} HTTPGetAction.spec.template.spec.containers.livenessProbe.\
                 ProbeHandler.httpGet.port of type int32"
            )),
        ),
        (
            container(json!({"resources": {"limits": {"cpu": "much"}}})),
            Some(
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                    .to_owned(),
            ),
        ),
    ];
    for (object, expected) in table {
        assert_eq!(type_error(kind("apps/v1", "Deployment"), &object), expected, "{object}");
    }
}

#[test]
fn what_is_merged_is_converted_as_the_real_server_converts() {
    let container =
        |container: Value| json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    let table = [
        (json!({"spec": {"replicas": 2}}), None),
        // Cut to its size.
        (json!({"spec": {"replicas": 3_000_000_000_u32}}), None),
        (json!({"spec": {"replicas": 1.5}}), Some("cannot convert float64 to int32")),
        (
            json!({"metadata": {"creationTimestamp": "gestern"}}),
            Some(
                "parsing time \"gestern\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \
                 \"gestern\" as \"2006\"",
            ),
        ),
        (
            json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": true}}}}),
            Some("json: cannot unmarshal bool into Go value of type int32"),
        ),
        (
            container(json!({"resources": {"limits": {"cpu": "much"}}})),
            Some(
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
        ),
    ];
    for (object, expected) in table {
        let found = conversion_error(kind("apps/v1", "Deployment"), &object);
        assert_eq!(found.as_deref(), expected, "{object}");
    }
    let secret = json!({"data": {"token": "hunter2!"}});
    assert_eq!(
        conversion_error(kind("v1", "Secret"), &secret).as_deref(),
        Some("error decoding from json: illegal base64 data at input byte 7")
    );
}

#[test]
fn unknown_fields_have_paths() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"labels": {"any": "thing"}, "nam": "x"},
        "spec": {"containers": [{"name": "web", "imag": "x"}], "overhead": {"cpu": "1"}},
        "extra": {"deep": {}},
    });
    let unknown = unknown_fields(kind("v1", "Pod"), &object);
    assert_eq!(unknown, ["extra", "metadata.nam", "spec.containers[0].imag"]);
    let mut pruned = object.clone();
    prune(kind("v1", "Pod"), &mut pruned);
    assert_eq!(unknown_fields(kind("v1", "Pod"), &pruned), [""; 0]);
    assert_eq!(pruned["metadata"]["labels"], object["metadata"]["labels"]);
}

fn widget() -> Schema {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "size": {"type": "integer", "default": 3, "maximum": 10},
            "ports": {"type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["port", "protocol"],
                "items": {"type": "object", "required": ["port"], "properties": {
                    "port": {"type": "integer"},
                    "protocol": {"type": "string", "default": "TCP"}}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "pod": {"type": "object", "x-kubernetes-embedded-resource": true,
                "x-kubernetes-preserve-unknown-fields": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "percent": {"x-kubernetes-int-or-string": true,
                "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "empty": {"type": "object"},
            "maybe": {"type": "string", "nullable": true, "default": "x"}}}}});
    let gvk = GroupVersionKind::parse("example.com/v1", "Widget");
    Schema::of_crd(&schema, &gvk).unwrap()
}

fn widget_node(schema: &Schema) -> Node<'_> {
    schema.root(&GroupVersionKind::parse("example.com/v1", "Widget")).unwrap()
}

#[test]
fn a_custom_resource_is_merged_by_the_schema_of_its_crd() {
    let schema = widget();
    let root = widget_node(&schema);
    assert_eq!(at(root, "spec.ports").shape(), Shape::MapList);
    assert_eq!(at(root, "spec.ports").key_default("protocol"), Some(&json!("TCP")));
    assert_eq!(at(root, "spec.free.any.thing").shape(), Shape::Any);
    assert_eq!(at(root, "spec.percent").shape(), Shape::Scalar);
    assert_eq!(at(root, "metadata.ownerReferences").keys(), ["uid".into()]);
    assert_eq!(at(root, "spec.pod.metadata.finalizers").shape(), Shape::SetList);
    assert_eq!(at(root, "spec.pod.spec").shape(), Shape::Any);
}

#[test]
fn a_custom_resource_loses_unknown_fields_and_gets_defaults() {
    let schema = widget();
    let mut object = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "labels": {"a": "b"}, "wrong": 1},
        "spec": {
            "ports": [{"port": 1, "x": 2}], "free": {"a": {"b": 1}}, "empty": {"c": 1},
            "labels": {"k": "v", "n": null}, "unknown": {}, "maybe": null, "size": null,
            "pod": {"metadata": {"name": "p", "wrong": 1}, "spec": {}}},
    });
    let expected = ["metadata.wrong", "spec.empty.c", "spec.pod.metadata.wrong"];
    let mut unknown = unknown_fields(widget_node(&schema), &object);
    unknown.retain(|path| expected.contains(&path.as_str()));
    assert_eq!(unknown, expected);
    prune(widget_node(&schema), &mut object);
    fill_defaults(widget_node(&schema), &mut object);
    let expected = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "labels": {"a": "b"}},
        "spec": {
            "ports": [{"port": 1, "protocol": "TCP"}], "free": {"a": {"b": 1}}, "empty": {},
            "labels": {"k": "v"}, "maybe": null, "size": 3,
            "pod": {"metadata": {"name": "p"}, "spec": {}}},
    });
    assert_eq!(object, expected);
    object["spec"]["size"] = json!(11);
    let fields: Vec<String> = schema.violations(&object).into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["spec.size", "spec.pod.apiVersion", "spec.pod.kind"]);
}

#[test]
fn a_schema_without_types_is_refused() {
    let gvk = GroupVersionKind::parse("example.com/v1", "Widget");
    let schema = json!({"type": "object", "properties": {
        "spec": {"properties": {"a": {"type": "string", "pattern": "("}}},
        "list": {"type": "array"}}});
    assert_eq!(
        Schema::of_crd(&schema, &gvk).unwrap_err(),
        [
            "properties[list].items: Required value: must be specified",
            "properties[spec].properties[a].pattern: Invalid value: \"(\": must be a valid regular expression",
            "properties[spec].type: Required value: must not be empty for specified object fields",
        ]
    );
}
