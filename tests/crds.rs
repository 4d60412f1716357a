//! The committed CRD manifests are the ones that the types give.
//!
//! `UPDATE_EXPECT=1 cargo test --test crds` writes them anew.

use std::path::Path;

use serde_json::Value;
use steadfast::api;

const FILES: [&str; 2] = ["deploy/crds/application.yaml", "deploy/crds/appproject.yaml"];

/// What `kubectl apply` can keep in its annotation.
const ANNOTATION_BYTES_MAX: usize = 256 * 1024;

#[test]
fn the_committed_crds_are_the_generated_ones() {
    for (crd, file) in api::crds().iter().zip(FILES) {
        let text = serde_yaml::to_string(crd).expect("a CRD is plain JSON");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        expect_test::expect_file![path].assert_eq(&text);
    }
}

#[test]
fn a_crd_can_be_applied_by_kubectl_without_server_side_apply() {
    for crd in api::crds() {
        let bytes = crd.to_string().len();
        assert!(bytes < ANNOTATION_BYTES_MAX, "{} has {bytes} bytes", crd["metadata"]["name"]);
    }
}

#[test]
fn every_node_of_a_schema_is_structural() {
    for crd in api::crds() {
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        check(schema, &mut vec![crd["spec"]["names"]["kind"].as_str().expect("a kind").to_owned()]);
    }
}

/// What the API server demands of a structural schema, and what we demand on top: unknown fields are
/// kept at every object.
fn check(schema: &Value, path: &mut Vec<String>) {
    let at = path.join(".");
    let node = schema.as_object().expect(&at);
    for word in ["$ref", "anyOf", "oneOf", "allOf", "not", "default", "nullable", "title", "const"]
    {
        assert!(!node.contains_key(word), "{at} has {word}");
    }
    if node.get("x-kubernetes-int-or-string").is_some_and(|flag| flag == true) {
        return;
    }
    let kind = node.get("type").and_then(Value::as_str).expect(&at);
    assert!(
        ["object", "array", "string", "integer", "boolean"].contains(&kind),
        "{at} is a {kind}"
    );
    if let Some(format) = node.get("format") {
        assert!(["int64", "date-time"].iter().any(|known| format == known), "{at} has {format}");
    }
    if kind == "array" {
        path.push("[]".to_owned());
        check(&node["items"], path);
        path.pop();
    }
    if let Some(values) = node.get("additionalProperties") {
        path.push("{}".to_owned());
        check(values, path);
        path.pop();
    }
    if let Some(properties) = node.get("properties") {
        assert_eq!(
            node.get("x-kubernetes-preserve-unknown-fields"),
            Some(&Value::Bool(true)),
            "{at}"
        );
        assert!(!node.contains_key("additionalProperties"), "{at} has both kinds of properties");
        for (name, property) in properties.as_object().expect("properties are a map") {
            if path.len() == 1 && name == "metadata" {
                continue;
            }
            path.push(name.clone());
            check(property, path);
            path.pop();
        }
    }
}
