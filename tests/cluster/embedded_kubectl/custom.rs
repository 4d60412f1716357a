use serde_json::json;

use super::*;

/// A kind named `Widget` in a group of its own.
fn definition(group: &str) -> String {
    let spec = json!({
        "type": "object", "description": "What it is to be.", "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "description": "How big it is."},
            "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        },
    });
    let status = json!({"type": "object", "properties": {"size": {"type": "integer"}}});
    let version = json!({
        "name": "v1", "served": true, "storage": true,
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
        },
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
        ],
        "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": spec, "status": status},
        }},
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "versions": [version],
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        },
    })
    .to_string()
}

#[test]
fn custom_kinds_are_served_as_soon_as_they_are_defined() {
    let Some(space) = Space::begin("custom") else { return };
    let group = format!("{}.example.com", space.name);
    space.feed("apply -f -", &definition(&group));
    space.ok(&format!("wait --for=condition=Established crd/widgets.{group} --timeout=60s"));
    let widget = |spec: Value| {
        let version = format!("{group}/v1");
        json!({"apiVersion": version, "kind": "Widget", "metadata": {"name": "one"}, "spec": spec})
            .to_string()
    };
    let good = json!({"size": 3, "tags": ["a"]});
    let told = space.feed("apply -f -", &widget(good.clone()));
    assert_eq!(told, format!("widget.{group}/one created\n"));
    let kind = format!("widgets.{group}");
    assert_eq!(table(&space.ok(&format!("get {kind}"))), [["NAME", "SIZE"], ["one", "3"]]);
    let wide = table(&space.ok(&format!("get {kind} -o wide")));
    assert_eq!(wide[1], ["one", "3", "red"], "with its default");
    has_all(
        &space.ok(&format!("explain {kind}.spec")),
        &["size\t<integer> -required-", "How big it is.", "enum: red, blue"],
    );
    has_all(&space.ok(&format!("describe {kind} one")), &["Color:  red", "Size:   3"]);
    for (spec, why) in [
        (json!({"size": 0}), "spec.size in body should be greater than or equal to 1"),
        (json!({"size": "three"}), "must be of type integer"),
        (json!({"size": 1, "color": "green"}), "supported values: \"red\", \"blue\""),
        (json!({"size": 1, "siz": 1}), "unknown field \"spec.siz\""),
    ] {
        has_all(&space.fails_fed("apply -f -", &widget(spec)), &[why]);
    }
    assert_eq!(
        space.ok(&format!("scale {kind} one --replicas=5")),
        format!("widget.{group}/one scaled\n")
    );
    assert_eq!(space.json(&format!("get {kind} one"))["spec"]["size"], 5);
    space.ok(&format!(
        r#"patch {kind} one --type=merge --subresource=status -p {{"status":{{"size":5}}}}"#
    ));
    space.ok(&format!("wait --for=jsonpath={{.status.size}}=5 {kind}/one --timeout=60s"));
    let told = space.feed("apply --server-side --force-conflicts -f -", &widget(good));
    assert_eq!(told, format!("widget.{group}/one serverside-applied\n"));
    space.ok(&format!("delete crd widgets.{group}"));
    space.fails(&format!("get {kind}"));
}
